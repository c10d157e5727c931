"""The faces: drawn again, their factors seen in the pictures, and rebuilt by a VAE."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from course_lib.datasets import ImageSet, load
from course_lib.likelihoods import Gaussian
from course_lib.models import VAE
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
    "skin": 0.4, "hair_colour": 0.4, "hair_length": 0.4, "smile": 0.3, "turn": 0, "light": 0,
    "glasses": 0,
}  # fmt: skip
EYES, MOUTH = slice(10, 21), slice(19, 28)  # rows


def drawn_along(make_faces, factor: str) -> np.ndarray:
    """Nine pictures (9, 32, 32, 3) in [0, 1] between which this factor alone grows evenly."""
    values = np.linspace(*make_faces.FACTORS[factor], 9)
    key = factor.replace(" ", "_")
    return np.stack([make_faces.draw(**MIDDLE | {key: value}) for value in values]) / 255


FACTORS = ("skin", "hair colour", "hair length", "smile", "turn", "light")


@pytest.mark.parametrize("factor", FACTORS)
def test_every_step_of_a_factor_moves_the_picture_on(make_faces, factor):
    pictures = drawn_along(make_faces, factor)
    apart = np.abs(pictures[:, None] - pictures[None]).mean((2, 3, 4))  # (9, 9)
    steps = np.diagonal(apart, 1)
    assert steps.min() > 0.2 * steps.mean() > 0
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(axis=1)
    assert (np.abs(nearest - np.arange(9)) == 1).all()  # a neighbour along the factor


def test_a_smile_moves_the_mouth_alone(make_faces):
    pictures = drawn_along(make_faces, "smile")
    assert np.ptp(pictures[:, MOUTH], axis=0).max() > 0.3
    pictures[:, MOUTH] = 0
    assert np.ptp(pictures, axis=0).max() == 0


def test_glasses_are_about_the_eyes(make_faces):
    without, with_them = (make_faces.draw(**MIDDLE | {"glasses": on}) / 255 for on in (0, 1))
    changed = np.abs(without - with_them).max(2) > 0
    assert changed[EYES].mean() > 0.2 and changed.sum() == changed[EYES].sum()


def test_a_turn_to_one_side_mirrors_that_to_the_other(make_faces):
    """All but the fringe, which is parted on one side."""
    left, right = (make_faces.draw(**MIDDLE | {"turn": turn}) / 255 for turn in (-25, 25))
    eyes_down = slice(14, None)
    apart, mirrored = (np.abs(left - other)[eyes_down].mean() for other in (right, right[:, ::-1]))
    assert apart > 4 * mirrored


def test_light_comes_from_the_side_that_the_factor_names(make_faces):
    left, right = (make_faces.draw(**MIDDLE | {"light": light}) / 255 for light in (-60, 60))
    halves = [picture[20:24, columns].mean() for picture in (left, right)
              for columns in (slice(9, 16), slice(16, 23))]  # fmt: skip
    assert halves[0] > 1.2 * halves[1] and halves[3] > 1.2 * halves[2]


def pixels(faces: ImageSet, rows: slice = slice(None)) -> np.ndarray:
    return faces.images[:, :, rows].flatten(1).numpy()


READABLE = {
    "skin": 0.95, "hair colour": 0.95, "hair length": 0.95, "smile": 0.75, "turn": 0.95,
    "light": 0.95, "glasses": 0.95,
}  # fmt: skip


def test_factors_can_be_read_from_pictures_not_seen():
    """R² of a linear probe; the null control reads factors that belong to other pictures."""
    train, test = load("faces"), load("faces", "test")
    others = train.factors[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))]
    for factors, lowest, highest in ((train.factors, READABLE, 1), (others, {}, 0.02)):
        read = Ridge(10).fit(pixels(train), factors).predict(pixels(test))
        scores = r2_score(test.factors, read, multioutput="raw_values")
        for name, score in zip(train.factor_names, scores, strict=True):
            assert lowest.get(name, -math.inf) < score < highest, name


# --- A VAE rebuilds them ----------------------------------------------------------------------

# R² of the smile and of the glasses, read by linear probes from the rows of the mouth and the eyes.
SMILE_REBUILT, GLASSES_REBUILT = 0.3, 0.8


def looking_ahead(faces: ImageSet) -> ImageSet:
    """Those who turn the head by less than 12°, which a small model learns in seconds."""
    ahead = faces.factors[:, faces.factor_names.index("turn")].abs() < 12
    images, labels, factors = faces.images[ahead], faces.labels[ahead], faces.factors[ahead]
    return replace(faces, images=images, labels=labels, factors=factors)


def rebuilt(train: ImageSet, test: ImageSet, pictures: torch.Tensor) -> tuple[float, float]:
    """R² of smile and glasses of the test faces, as seen in pictures that stand for them."""
    scores = []
    for name, rows in (("smile", MOUTH), ("glasses", EYES)):
        column = train.factor_names.index(name)
        probe = Ridge(10).fit(pixels(train, rows), train.factors[:, column])
        read = probe.predict(pixels(replace(test, images=pictures), rows))
        scores.append(r2_score(test.factors[:, column], read))
    return tuple(scores)


@pytest.mark.slow
def test_a_convolutional_vae_rebuilds_smile_and_glasses():
    train, test = looking_ahead(load("faces")), looking_ahead(load("faces", "test"))
    model = VAE.convolutional((3, 32, 32), 24, channels=(32,), likelihood=Gaussian())
    fit(model, train.images, epochs=18, batch_size=16, lr=2.5e-3)
    fit(model, train.images, epochs=6, batch_size=16, lr=1e-3)
    with torch.no_grad():
        smile, glasses = rebuilt(train, test, model(test.images))
    assert smile > SMILE_REBUILT and glasses > GLASSES_REBUILT


def test_trivial_pictures_rebuild_neither():
    """The mean face; that of the skin's tenth; each face without its details."""
    train, test = looking_ahead(load("faces")), looking_ahead(load("faces", "test"))
    tenth, wanted = ((faces.factors[:, 0] * 10).long().clamp(max=9) for faces in (train, test))
    means = torch.stack([train.images[tenth == number].mean(0) for number in range(10)])
    blurred = torch.nn.functional.avg_pool2d(test.images, 9, 1, 4, count_include_pad=False)
    for pictures in (train.images.mean(0).expand_as(test.images), means[wanted], blurred):
        smile, glasses = rebuilt(train, test, pictures)
        assert smile < SMILE_REBUILT / 2 and glasses < GLASSES_REBUILT / 2
    smile, glasses = rebuilt(train, test, test.images)  # the probes themselves can see
    assert smile > 0.8 and glasses > 0.9
