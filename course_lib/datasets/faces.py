"""Portraits in colour, drawn by data/make_faces.py."""

import numpy as np
import torch

from course_lib.datasets.files import DATA_DIR
from course_lib.datasets.images import ImageSet

TRAIN = 3200  # the first rows of faces.npz; the other 800 are for testing


def portraits(split: str) -> ImageSet:
    """The drawn portraits (N, 3, 32, 32) with their factors; labelled by the glasses."""
    with np.load(DATA_DIR / "faces.npz", allow_pickle=False) as file:
        pixels, factors, names = file["images"], file["factors"], file["factor_names"]
    rows = slice(None, TRAIN) if split == "train" else slice(TRAIN, None)
    pixels = np.ascontiguousarray(pixels[rows].transpose(0, 3, 1, 2))  # (N, 3, 32, 32)
    images = torch.from_numpy(np.divide(pixels, 255, dtype=np.float32))
    factors = torch.from_numpy(factors[rows])  # (N, 7)
    glasses = factors[:, names.tolist().index("glasses")].long()
    return ImageSet("faces", split, images, glasses, factors, tuple(names.tolist()))
