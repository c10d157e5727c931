"""The images of the course: digits, glyphs, patches, mnist and fashion_mnist.

`digits`, `glyphs` and `patches` need no network. `mnist` and `fashion_mnist` are downloaded once,
or read from the folder named by the environment variable COURSE_DATA_DIR, which is how a
classroom shares one copy. data/README.md gives the provenance and the licence of each.
"""

import gzip
import hashlib
import math
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

DATA_DIR = Path(__file__).resolve().parent / "data"

MIRRORS: dict[str, tuple[str, ...]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion_mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
}
TIMEOUT = (5, 30)  # seconds to connect, seconds without a byte

IDX_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
SHA256: dict[tuple[str, str], tuple[str, str]] = {  # of the images, of the labels
    ("mnist", "train"): (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    ("mnist", "test"): (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    ("fashion_mnist", "train"): (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    ("fashion_mnist", "test"): (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}

_REPLACE = (
    "Replace it by the original file (data/README.md says where from), "
    "or unset COURSE_DATA_DIR to have it downloaded."
)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with what is known about them; `len` is the number N of images.

    images        float32 (N, C, H, W) in [0, 1]
    labels        int64 (N,), or None
    factors       float32 (N, F), the factors of variation that made each image, or None
    factor_names  F names, in the order of the columns of `factors`
    """

    name: str
    split: str
    images: torch.Tensor
    labels: torch.Tensor | None = None
    factors: torch.Tensor | None = None
    factor_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, n: int, seed: int = 0) -> "ImageSet":
        """n images drawn at random without replacement, or the whole set when it has no more.

        Some copies of MNIST are sorted by class, so the first n would not do.
        Raises ValueError when n is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if n >= len(self):
            return self
        chosen = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:n]
        parts = {
            name: None if (part := getattr(self, name)) is None else part[chosen]
            for name in ("images", "labels", "factors")
        }
        return replace(self, **parts)


def load(name: str, split: str = "train") -> ImageSet:
    """Load one split, "train" or "test", of a data set; every split is fixed.

    name             train    test  image  what
    "digits"         1,437     360    8×8  handwritten digits, 17 grey levels [1]
    "glyphs"         8,000   2,000  28×28  printed digits with known factors, after [2]
    "patches"       20,000   4,000  12×12  whitened pieces of two photographs, no labels [3]
    "mnist"         60,000  10,000  28×28  handwritten digits [4]
    "fashion_mnist" 60,000  10,000  28×28  clothes in ten classes [5]

    The factors of `glyphs` are the digit, slant (degrees, positive leans right), stroke (pixels
    added to the width of the font's strokes), size (height in pixels before that stroke), shift x
    (pixels to the right) and shift y (pixels downwards); the labels are the digits.

    Raises ValueError for an unknown name or split and for a damaged file, FileNotFoundError for
    a file missing from COURSE_DATA_DIR, and ConnectionError when no mirror delivers a file.

    [1] Alpaydin & Kaynak 1998, Cascading classifiers, Kybernetika 34(4).
    [2] Matthey, Higgins, Hassabis & Lerchner 2017, dSprites.
    [3] Olshausen & Field 1997, Sparse coding with an overcomplete basis set, Vision Research 37.
    [4] LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document
        recognition, Proceedings of the IEEE 86(11).
    [5] Xiao, Rasul & Vollgraf 2017, Fashion-MNIST, arXiv:1708.07747.
    """
    if name not in _LOADERS:
        raise ValueError(f"name must be one of {', '.join(_LOADERS)}; got {name!r}")
    if split not in ("train", "test"):
        raise ValueError(f"split must be train or test; got {split!r}")
    return _LOADERS[name](name, split)


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes with `ndim` axes: images (N, H, W), labels (N,).

    The file is a magic number (0, 0, the code 8 for unsigned bytes, the number of axes), the
    length of each axis as a big-endian 32-bit integer, and the values, last axis fastest.

    Raises ValueError when the compression, the magic number or the length is wrong.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or not gzip: {error}. {_REPLACE}") from error
    magic, expected = content[:4].hex(), f"000008{ndim:02x}"
    if magic != expected:
        raise ValueError(f"{path} has magic number 0x{magic}, not 0x{expected}. {_REPLACE}")
    start = 4 + 4 * ndim
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if len(content) != start + math.prod(shape):
        raise ValueError(
            f"{path} has {len(content) - start} bytes after its header, "
            f"which promises {math.prod(shape)} for the shape {tuple(shape)}. {_REPLACE}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _digits(name: str, split: str) -> ImageSet:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, test = train_test_split(
        np.arange(1797), test_size=360, stratify=digits.target, random_state=0
    )
    rows = train if split == "train" else test
    images = (digits.images[rows, None] / 16).astype(np.float32)  # (N, 1, 8, 8)
    labels = digits.target[rows].astype(np.int64)
    return ImageSet(name, split, torch.from_numpy(images), torch.from_numpy(labels))


def _glyphs(name: str, split: str) -> ImageSet:
    with np.load(DATA_DIR / "glyphs.npz", allow_pickle=False) as file:
        pixels, factors, names = file["images"], file["factors"], file["factor_names"]
    rows = slice(None, 8000) if split == "train" else slice(8000, None)
    factors = torch.from_numpy(factors[rows])  # (N, 6)
    images = _scaled(pixels[rows])
    return ImageSet(name, split, images, factors[:, 0].long(), factors, tuple(names.tolist()))


def _patches(name: str, split: str) -> ImageSet:
    from sklearn.datasets import load_sample_images

    photographs = np.stack([_whitened(photo) for photo in load_sample_images().images])
    border = photographs.shape[2] * 4 // 5  # train on the left of it, test on the right
    if split == "train":
        count, seed, region = 20_000, 0, photographs[:, :, :border]
    else:
        count, seed, region = 4_000, 1, photographs[:, :, border:]
    windows = np.lib.stride_tricks.sliding_window_view(region, (12, 12), axis=(1, 2))
    places = windows.shape[:3]  # (photographs, rows, columns)
    chosen = np.random.default_rng(seed).choice(math.prod(places), count, replace=False)
    patches = windows[np.unravel_index(chosen, places)].astype(np.float32)
    return ImageSet(name, split, torch.from_numpy(patches[:, None]))  # (N, 1, 12, 12)


def _whitened(photo: np.ndarray) -> np.ndarray:
    """Grey, filtered by R(f) = f exp(−(f / 0.4)⁴), and ±3 standard deviations as [0, 1]."""
    grey = photo @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma, (H, W)
    # The Fourier transform repeats the picture: mirrored, it meets itself without an edge.
    mirrored = np.block([[grey, grey[:, ::-1]], [grey[::-1], grey[::-1, ::-1]]])
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, mirrored.shape), indexing="ij"))
    gain = frequency * np.exp(-((frequency / 0.4) ** 4))  # frequency in cycles/pixel
    filtered = np.fft.ifft2(gain * np.fft.fft2(mirrored)).real[: grey.shape[0], : grey.shape[1]]
    standardised = (filtered - filtered.mean()) / filtered.std()
    return np.clip(standardised, -3, 3) / 6 + 0.5


def _idx_images(name: str, split: str) -> ImageSet:
    pixels, labels = (
        _read_original(name, file, sha256, ndim)
        for file, sha256, ndim in zip(IDX_FILES[split], SHA256[name, split], (3, 1), strict=True)
    )
    return ImageSet(name, split, _scaled(pixels), torch.from_numpy(labels.astype(np.int64)))


def _scaled(pixels: np.ndarray) -> torch.Tensor:
    """Bytes (N, H, W) to float32 (N, 1, H, W) in [0, 1]."""
    return torch.from_numpy(np.divide(pixels[:, None], 255, dtype=np.float32))


def _read_original(name: str, file: str, sha256: str, ndim: int) -> np.ndarray:
    shared = os.environ.get("COURSE_DATA_DIR")
    path = _shared_copy(Path(shared), name, file) if shared else _download(name, file, sha256)
    array = read_idx(path, ndim)  # before the hash, because its messages say more
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is not the original file: its SHA-256 is {found}, not {sha256}. {_REPLACE}"
        )
    return array


def _shared_copy(root: Path, name: str, file: str) -> Path:
    folder = root / name.replace("_", "-")
    path = folder / file
    if not path.is_file():
        missing = path if folder.is_dir() else folder
        raise FileNotFoundError(
            f"{missing} does not exist, but COURSE_DATA_DIR={root} says that {name} lies there. "
            "Put its four original files there, or unset COURSE_DATA_DIR to download them."
        )
    return path


def _download(name: str, file: str, sha256: str) -> Path:
    """The cached copy, fetched from the first mirror that delivers the right bytes if need be."""
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    failures = []
    for mirror in MIRRORS[name]:
        try:
            path = pooch.retrieve(
                mirror + file,
                known_hash=f"sha256:{sha256}",
                fname=file,
                path=DATA_DIR / name,
                downloader=downloader,
            )
            return Path(path)
        except (requests.RequestException, ValueError) as error:  # ValueError: wrong hash
            failures.append(f"  {mirror}: {' '.join(str(error).split())}")
    raise ConnectionError(
        "\n".join([f"No mirror delivered {file} of {name}:", *failures])
        + "\nWithout a network, set COURSE_DATA_DIR to a folder that holds "
        f"{name.replace('_', '-')}/ with the four original files, "
        'or use load("digits") or load("glyphs"), which ship with the course.'
    )


_LOADERS = {
    "digits": _digits,
    "glyphs": _glyphs,
    "patches": _patches,
    "mnist": _idx_images,
    "fashion_mnist": _idx_images,
}
