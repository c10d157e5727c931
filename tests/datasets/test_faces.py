"""The faces: drawn again, their factors seen in the pictures, and rebuilt by a VAE."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression

from course_lib.datasets import load
from course_lib.models import ConvolutionalVAE
from course_lib.training import fit

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def make_faces():
    path = REPOSITORY / "data" / "make_faces.py"
    spec = importlib.util.spec_from_file_location("make_faces", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_faces_can_be_drawn_again(make_faces):
    factors = make_faces.draw_factors()
    with np.load(REPOSITORY / "course_lib" / "data" / "faces.npz", allow_pickle=False) as shipped:
        assert sorted(shipped) == ["factor_names", "factors", "images"]
        np.testing.assert_array_equal(shipped["factors"], factors)
        assert shipped["factor_names"].tolist() == list(make_faces.FACTORS)
        assert shipped["images"].shape == (4000, 32, 32, 3)
        images = shipped["images"][::10]
    drawn = np.stack([make_faces.draw(*row) for row in factors[::10].tolist()])
    different = int((images != drawn).sum())
    assert different == 0, f"{different} of {drawn.size} values differ"


def test_faces_are_small():
    assert (REPOSITORY / "course_lib" / "data" / "faces.npz").stat().st_size < 3.5e6


def test_factors_are_uniform_and_independent(make_faces):
    train, test = load("faces"), load("faces", "test")
    assert train.factor_names == test.factor_names == tuple(make_faces.FACTORS)
    factors = torch.cat([train.factors, test.factors]).double()  # (4000, 7)
    low, high = torch.tensor(list(make_faces.FACTORS.values())).double().T
    places = (factors - low) / (high - low)
    assert places.min() >= 0 and places.max() <= 1
    for column, name in enumerate(train.factor_names):
        if name == "glasses":
            assert places[:, column].unique().tolist() == [0, 1]
            assert abs(places[:, column].mean().item() - 0.5) < 4 * 0.5 / math.sqrt(4000)
        else:  # each tenth of the range holds a tenth of the faces, ± 4 standard deviations
            counts = torch.histc(places[:, column], 10, 0, 1)
            assert ((counts - 400).abs() < 4 * math.sqrt(360)).all(), name
    correlation = torch.corrcoef(places.T) - torch.eye(7)
    assert correlation.abs().max() < 4 / math.sqrt(4000)
    # Not even their distances from the middle go together.
    correlation = torch.corrcoef((places[:, :6].T - 0.5).abs()) - torch.eye(6)
    assert correlation.abs().max() < 4 / math.sqrt(4000)


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_are_the_glasses(split):
    faces = load("faces", split)
    assert torch.equal(faces.labels, faces.factors[:, faces.factor_names.index("glasses")].long())


def test_train_and_test_share_no_face():
    train, test = load("faces").images.flatten(1), load("faces", "test").images.flatten(1)
    assert torch.cdist(test, train).min() > 0.1


# --- The factors are in the pictures ----------------------------------------------------------

MIDDLE = {
    "skin": 0.4, "hair_colour": 0.4, "hair_length": 0.4, "smile": 0.3, "turn": 0.0, "light": 0.0,
    "glasses": 0.0,
}  # fmt: skip
MOUTH, EYES = (slice(20, 28), slice(10, 22)), (slice(10, 21), slice(3, 29))
SIDES = (slice(20, 27), slice(3, 6))  # below the ear, beside the neck


def red(image: np.ndarray) -> float:
    """How much redder than green and blue: lips are, more than the skin."""
    return (image[..., 0] - image[..., 1:].mean(-1)).mean()


def weight(image: np.ndarray) -> tuple[float, float]:
    """The x and y, from 0 to 1, about which the dark pixels lie."""
    dark = image.max() - image.mean(-1)
    y, x = np.mgrid[: dark.shape[0], : dark.shape[1]] / (np.array(dark.shape)[:, None, None] - 1)
    return (x * dark).sum() / dark.sum(), (y * dark).sum() / dark.sum()


def mouth_opening(image: np.ndarray) -> float:
    """Where the mouth's middle is below its corners: the redness's y there less its y here."""
    redness = image[..., 0] - image[..., 1:].mean(-1)
    redness = np.clip(redness - np.median(redness), 0, None)
    y = np.arange(redness.shape[0])[:, None]
    columns = (y * redness).sum(0) / redness.sum(0).clip(1e-6)
    thick = redness.sum(0) > 0.3 * redness.sum(0).max()
    inside = np.flatnonzero(thick)
    return columns[5:7].mean() - (columns[inside[0]] + columns[inside[-1]]) / 2


MEASURES = {  # factor: (where, what), which grows with the factor
    "skin": ((slice(19, 21), slice(12, 20)), lambda image: -image.mean()),
    "hair_colour": ((slice(3, 5), slice(12, 20)), lambda image: image.mean()),
    "hair_length": (SIDES, lambda image: -image.mean()),
    "smile": (MOUTH, mouth_opening),
    "turn": (EYES, lambda image: weight(image[2:9, 6:-6])[0]),
    "light": ((slice(17, 24), slice(8, 24)), lambda image: -weight(image)[0]),
    "glasses": ((slice(15, 17), slice(3, 29)), lambda image: -image.mean()),
}
