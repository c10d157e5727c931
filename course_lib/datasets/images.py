"""Grey images: digits, glyphs, patches, MNIST and Fashion-MNIST."""

import math
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
import torch

from course_lib.datasets.files import DATA_DIR, IDX_FILES, SHA256, original


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
        Raises ValueError when n is not a whole number of at least 1.
        """
        if not isinstance(n, Integral) or n < 1:
            raise ValueError(f"n must be a whole number of at least 1, got {n!r}")
        if n >= len(self):
            return self
        chosen = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:n]
        parts = {
            name: None if (part := getattr(self, name)) is None else part[chosen]
            for name in ("images", "labels", "factors")
        }
        return replace(self, **parts)


def digits(split: str) -> ImageSet:
    """scikit-learn's 1,797 scans, a fifth of them for testing, stratified by label."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, test = train_test_split(
        np.arange(1797), test_size=360, stratify=digits.target, random_state=0
    )
    rows = train if split == "train" else test
    images = (digits.images[rows, None] / 16).astype(np.float32)  # (N, 1, 8, 8)
    labels = digits.target[rows].astype(np.int64)
    return ImageSet("digits", split, torch.from_numpy(images), torch.from_numpy(labels))


def glyphs(split: str) -> ImageSet:
    """What data/make_glyphs.py drew; its first 8,000 rows are for training."""
    with np.load(DATA_DIR / "glyphs.npz", allow_pickle=False) as file:
        pixels, factors, names = file["images"], file["factors"], file["factor_names"]
    rows = slice(None, 8000) if split == "train" else slice(8000, None)
    factors = torch.from_numpy(factors[rows])  # (N, 6)
    images = _scaled(pixels[rows])
    labels = factors[:, 0].long()
    return ImageSet("glyphs", split, images, labels, factors, tuple(names.tolist()))


def patches(split: str) -> ImageSet:
    """Windows of two whitened photographs, for training from their left four fifths."""
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
    return ImageSet("patches", split, torch.from_numpy(patches[:, None]))  # (N, 1, 12, 12)


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


def originals(name: str, split: str) -> ImageSet:
    """mnist or fashion_mnist, from the files that their authors published."""
    pixels, labels = (
        original(name, file, sha256, ndim)
        for file, sha256, ndim in zip(IDX_FILES[split], SHA256[name, split], (3, 1), strict=True)
    )
    images = _scaled(pixels)
    return ImageSet(name, split, images, torch.from_numpy(labels.astype(np.int64)))


def _scaled(pixels: np.ndarray) -> torch.Tensor:
    """Bytes (N, H, W) to float32 (N, 1, H, W) in [0, 1]."""
    return torch.from_numpy(np.divide(pixels[:, None], 255, dtype=np.float32))
