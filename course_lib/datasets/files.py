"""Where the data lie: what ships, what is downloaded once, and how each file is verified."""

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path

import numpy as np

from course_lib.progress import progress

PROJECT = "from-autoencoders-to-vq-vae"  # names the folder in the user's cache
DATA_DIR = Path(__file__).resolve().parents[1] / "data"  # what ships with the package

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


def original(name: str, file: str, sha256: str, ndim: int) -> np.ndarray:
    """The values of one original file, verified.

    Raises ValueError for a damaged file, and what `fetch` raises.
    """
    path = fetch(name, file, sha256)
    array = read_idx(path, ndim)  # before the hash, because its messages say more
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is not the original file: its SHA-256 is {found}, not {sha256}. {_REPLACE}"
        )
    return array


def fetch(name: str, file: str, sha256: str) -> Path:
    """Where one original file of `name` lies: in COURSE_DATA_DIR if that is set, else cached.

    A copy in the cache has the right bytes; what lies in COURSE_DATA_DIR is not looked at.
    Raises FileNotFoundError for a file missing from COURSE_DATA_DIR, ConnectionError when no
    mirror delivers the right bytes, and OSError when they cannot be written.
    """
    folder = originals_folder() / name.replace("_", "-")
    if os.environ.get("COURSE_DATA_DIR"):
        return _shared_copy(folder, name, file)
    return _download(folder, name, file, sha256)


def originals_folder() -> Path:
    """The folder above mnist/ and fashion-mnist/: COURSE_DATA_DIR, or one in the user's cache."""
    import pooch

    shared = os.environ.get("COURSE_DATA_DIR")
    return Path(shared).expanduser() if shared else pooch.os_cache(PROJECT)


def _shared_copy(folder: Path, name: str, file: str) -> Path:
    path = folder / file
    if not path.is_file():
        missing = path if folder.is_dir() else folder
        raise FileNotFoundError(
            f"{missing} does not exist, but COURSE_DATA_DIR={folder.parent} says that {name} lies "
            "there. Put its four original files there, or unset COURSE_DATA_DIR to download them."
        )
    return path


def _download(folder: Path, name: str, file: str, sha256: str) -> Path:
    """The cached copy, fetched from the first mirror that delivers the right bytes if need be."""
    import pooch
    import requests

    def fetch(url: str, output: str, caller: object) -> None:
        with progress(desc=file, total=1, unit="B", unit_scale=True) as bar:
            pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)(url, output, caller)

    way_out = (
        f"set COURSE_DATA_DIR to a folder that holds {folder.name}/ with the four original files, "
        'or use load("digits"), load("glyphs") or load("faces"), which come with the course.'
    )
    failures = []
    for mirror in MIRRORS[name]:
        try:
            path = pooch.retrieve(
                mirror + file,
                known_hash=f"sha256:{sha256}",
                fname=file,
                path=folder,
                downloader=fetch,
            )
            return Path(path)
        except (requests.RequestException, ValueError) as error:  # ValueError: wrong hash
            failures.append(f"  {mirror}: {' '.join(str(error).split())}")
        except OSError as error:  # after RequestException, which is an OSError too
            raise OSError(
                f"{file} of {name} cannot be kept in {folder}: {error}. Make this a folder that "
                f"you can write to and that has room, or {way_out}"
            ) from error
    raise ConnectionError(
        "\n".join([f"No mirror delivered {file} of {name}:", *failures])
        + f"\nWithout a network, {way_out}"
    )
