"""course_lib.datasets: what each set holds, and what the grey ones look like."""

import hashlib
import importlib.util
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.datasets import ImageSet, load
from course_lib.datasets import images as image_sets

REPOSITORY = Path(__file__).resolve().parents[2]


# --- What every set holds ---------------------------------------------------------------------

SHAPES = {
    ("digits", "train"): (1437, 1, 8, 8),
    ("digits", "test"): (360, 1, 8, 8),
    ("glyphs", "train"): (8000, 1, 28, 28),
    ("glyphs", "test"): (2000, 1, 28, 28),
    ("faces", "train"): (3200, 3, 32, 32),
    ("faces", "test"): (800, 3, 32, 32),
    ("patches", "train"): (20000, 1, 12, 12),
    ("patches", "test"): (4000, 1, 12, 12),
}
REAL_SHAPES = {
    (name, split): (count, 1, 28, 28)
    for name in ("mnist", "fashion_mnist")
    for split, count in (("train", 60_000), ("test", 10_000))
}


def assert_well_formed(images: ImageSet, shape: tuple[int, ...]) -> None:
    assert images.images.shape == shape and len(images) == shape[0]
    assert images.images.dtype == torch.float32 and images.images.is_contiguous()
    assert 0 <= images.images.min() < 0.05 and images.images.max() == 1
    if images.labels is not None:
        assert images.labels.dtype == torch.int64
        classes = 2 if images.name == "faces" else 10
        assert images.labels.unique().tolist() == list(range(classes))
        assert images.labels.shape == (shape[0],)
    if images.factors is not None:
        assert images.factors.dtype == torch.float32
        assert images.factors.shape == (shape[0], len(images.factor_names))


@pytest.mark.parametrize(("name", "split"), SHAPES)
def test_well_formed(name, split):
    images = load(name, split)
    assert (images.name, images.split) == (name, split)
    assert_well_formed(images, SHAPES[name, split])
    torch.testing.assert_close(load(name, split).images, images.images, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "split"), REAL_SHAPES)
def test_real_sets_well_formed(name, split, real_files, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(real_files))
    images = load(name, split)
    assert_well_formed(images, REAL_SHAPES[name, split])
    if name == "fashion_mnist":
        assert images.labels.bincount().tolist() == [len(images) // 10] * 10
    elif split == "test":
        counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
        assert images.labels.bincount().tolist() == counts
    if split == "train":  # the mean and standard deviation that everyone normalises with
        known = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2860, 0.3530)}[name]
        measured = images.images.mean().item(), images.images.std().item()
        assert measured == pytest.approx(known, abs=5e-5)


@pytest.mark.parametrize("name", ["cifar", "", "MNIST", None, 3, ["digits"], Path("digits")])
def test_unknown_name(name):
    allowed = "digits, glyphs, faces, patches, mnist, fashion_mnist"
    message = f"name must be one of {allowed}; got {name!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        load(name)


@pytest.mark.parametrize("split", ["valid", "Train", None, 0, ["train"]])
def test_unknown_split(split):
    message = f"split must be train or test; got {split!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        load("digits", split)


def test_import_is_light():
    heavy = "{'sklearn', 'pooch', 'matplotlib', 'PIL'}"
    code = f"import sys, course_lib.datasets; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# --- Samples ----------------------------------------------------------------------------------


def numbered(n):
    """A set whose image, label and factor all tell its number."""
    number = torch.arange(n)
    images = (number / n).view(-1, 1, 1, 1).expand(n, 1, 2, 3)
    return ImageSet("set", "train", images, number, number[:, None] * 2.0, ("twice",))


def test_a_sample_is_drawn_from_the_whole_set_and_keeps_its_parts_together():
    whole = numbered(1000)
    sample = whole.sample(100, seed=1)
    number = sample.labels
    assert len(sample) == 100 == len(number.unique())
    torch.testing.assert_close(sample.images[:, 0, 1, 2], number / 1000)
    torch.testing.assert_close(sample.factors[:, 0], number * 2.0)
    assert (sample.name, sample.split, sample.factor_names) == ("set", "train", ("twice",))
    # The mean of 100 numbers below 1,000, drawn without replacement: 500 ± 27.
    assert abs(number.float().mean().item() - 500) < 4 * 27


def test_a_sample_depends_on_its_seed_alone():
    state = torch.get_rng_state()
    first, again, other = (numbered(50).sample(20, seed).labels.tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert sorted(first) != first
    assert torch.equal(torch.get_rng_state(), state)


def test_a_sample_of_all_or_more_is_the_set_itself():
    whole = numbered(5)
    assert whole.sample(5) is whole
    assert whole.sample(6) is whole


def test_a_sample_of_a_set_without_labels_has_none():
    sample = ImageSet("set", "train", torch.zeros(9, 1, 2, 2)).sample(4)
    assert (len(sample), sample.labels, sample.factors) == (4, None, None)


@pytest.mark.parametrize("n", [0, -3, 2.5, math.nan, math.inf, "3", None])
def test_an_empty_or_broken_sample_is_refused(n):
    with pytest.raises(ValueError, match=f"n must be a whole number of at least 1, got {n!r}"):
        numbered(5).sample(n)


# --- digits -----------------------------------------------------------------------------------

DIGITS_SHA256 = {
    "train": "5b9c9b88fd1ecaecac5b5e40ee5d6226262f4bd43a5c4b4a6692ca78f345c0ca",
    "test": "b5d826a786878e99748ae993527ce76bd8c881f6f78f886a8748b292115a949b",
}


@pytest.mark.parametrize("split", ["train", "test"])
def test_digits_split_is_fixed(split):
    digits = load("digits", split)
    rows = torch.cat([digits.images.flatten(1) * 16, digits.labels[:, None]], dim=1)  # (N, 65)
    assert hashlib.sha256(rows.byte().numpy().tobytes()).hexdigest() == DIGITS_SHA256[split]


def test_digits_splits_share_nothing_and_leave_nothing_out():
    from sklearn.datasets import load_digits

    images = torch.cat([load("digits", split).images for split in ("train", "test")])
    both = sorted((16 * images).flatten(1).int().tolist())
    assert both == sorted(load_digits().data.astype(int).tolist())
    test_share = load("digits", "test").labels.bincount() / load_digits().target.size
    assert test_share.allclose(torch.full((10,), 0.02), atol=0.001)


# --- glyphs -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def make_glyphs():
    spec = importlib.util.spec_from_file_location(
        "make_glyphs", REPOSITORY / "data" / "make_glyphs.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_glyphs_can_be_drawn_again(make_glyphs):
    drawn = make_glyphs.render_glyphs()
    with np.load(REPOSITORY / "course_lib" / "data" / "glyphs.npz", allow_pickle=False) as shipped:
        assert sorted(shipped) == sorted(drawn)
        different = int((shipped["images"] != drawn["images"]).sum())
        assert different == 0, f"{different} of {drawn['images'].size} pixels differ"
        np.testing.assert_array_equal(shipped["factors"], drawn["factors"])
        np.testing.assert_array_equal(shipped["factor_names"], drawn["factor_names"])


def test_no_glyph_is_cut_off(make_glyphs):
    reach = {name: (min(values), max(values)) for name, values in make_glyphs.FACTORS.items()}
    reach["digit"] = range(10)
    for factors in np.stack(np.meshgrid(*reach.values()), axis=-1).reshape(-1, 6):
        image = make_glyphs.draw(*factors)
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert image.max() == 255 and not border.any(), factors


def test_glyphs_know_their_factors(make_glyphs):
    train, test = load("glyphs"), load("glyphs", "test")
    assert train.factor_names == test.factor_names == tuple(make_glyphs.FACTORS)
    rows = torch.cat([train.factors, test.factors])  # (10000, 6)
    assert len(rows.unique(dim=0)) == 10_000  # so train and test share no combination
    for column, (name, values) in enumerate(make_glyphs.FACTORS.items()):
        present, counts = rows[:, column].unique(return_counts=True)
        assert present.tolist() == pytest.approx(values), name
        share = 10_000 / len(values)
        assert ((counts - share).abs() < 5 * math.sqrt(share)).all(), name
    for glyphs in (train, test):
        assert glyphs.labels.tolist() == glyphs.factors[:, 0].tolist()


def moment(images: torch.Tensor, x_power: int, y_power: int, central: bool) -> torch.Tensor:
    """∑ ink · (x − x̄)^p (y − ȳ)^q / ∑ ink for every image; x to the right, y downwards."""
    ink = images[:, 0].double()  # (N, H, W)
    y, x = torch.meshgrid(*map(torch.arange, ink.shape[1:]), indexing="ij")
    if central:
        x = x - moment(images, 1, 0, False)[:, None, None]
        y = y - moment(images, 0, 1, False)[:, None, None]
    return (ink * x**x_power * y**y_power).sum((1, 2)) / ink.sum((1, 2))


def lean(images: torch.Tensor) -> torch.Tensor:
    """Pixels to the right per pixel upwards: shearing an outline by the angle a adds tan a.

    The stroke around it and the blur of the pixels, which are not sheared, take a little off.
    """
    return -moment(images, 1, 1, True) / moment(images, 0, 2, True)


def height(images: torch.Tensor) -> torch.Tensor:
    """Rows with ink, a row that is half grey counting half."""
    return images[:, 0].amax(dim=2).sum(dim=1)


def ink(images: torch.Tensor) -> torch.Tensor:
    return images.sum((1, 2, 3))


MEASURES = {  # factor: (measure, what the measure of a picture with this factor grows by)
    "shift x": (lambda images: moment(images, 1, 0, False), lambda pixels: pixels),
    "shift y": (lambda images: moment(images, 0, 1, False), lambda pixels: pixels),
    "slant": (lean, lambda degrees: torch.tan(torch.deg2rad(degrees))),
    "size": (height, lambda pixels: pixels),
}


def pairs(glyphs: ImageSet, factor: str) -> torch.Tensor:
    """Rows (P, 2) of glyphs that differ in one factor alone, which grows by one step."""
    column = glyphs.factor_names.index(factor)
    values = glyphs.factors[:, column].unique().tolist()
    index = {tuple(row): number for number, row in enumerate(glyphs.factors.tolist())}
    found = []
    for row, number in index.items():
        step = values.index(row[column]) + 1
        larger = row[:column] + tuple(values[step : step + 1]) + row[column + 1 :]
        if larger in index:
            found.append((number, index[larger]))
    return torch.tensor(found)


@pytest.mark.parametrize("factor", MEASURES)
def test_pictures_follow_their_factors(factor):
    glyphs = load("glyphs")
    measure, grows_by = MEASURES[factor]
    before, after = pairs(glyphs, factor).T
    assert len(before) > 1000
    measured = measure(glyphs.images[after]) - measure(glyphs.images[before])
    values = grows_by(glyphs.factors[:, glyphs.factor_names.index(factor)])
    expected = values[after] - values[before]
    assert measured.mean().item() == pytest.approx(expected.mean().item(), rel=0.05)
    assert ((measured - expected).abs() < 0.75 * expected).all()  # pixels are coarse


def test_ink_grows_with_the_stroke():
    glyphs = load("glyphs")
    before, after = pairs(glyphs, "stroke").T
    growth = ink(glyphs.images[after]) / ink(glyphs.images[before])
    assert growth.min() > 1.05 and growth.mean() > 1.2


def test_glyphs_without_a_shift_are_centred(make_glyphs):
    for digit in range(10):
        for slant in make_glyphs.FACTORS["slant"]:
            image = make_glyphs.draw(digit, slant, 1.4, 15, 0, 0) / 255
            for axis in (0, 1):
                profile = image.max(axis=axis)  # the box's edges, to a fraction of a pixel
                inked = np.flatnonzero(profile)
                left = inked[0] + 1 - profile[inked[0]]
                right = inked[-1] + profile[inked[-1]]
                assert (left + right) / 2 == pytest.approx(14, abs=0.5), (digit, slant)


# --- patches ----------------------------------------------------------------------------------


def octave_ratio(patches: torch.Tensor) -> float:
    """Mean power per mode at 1/12 to 2/12 cycles/pixel over that at 3/12 to 4/12."""
    centred = patches - patches.mean(dim=(-1, -2), keepdim=True)
    power = torch.fft.fft2(centred).abs().square().mean(dim=0)  # (12, 12)
    frequency = torch.hypot(torch.fft.fftfreq(12)[:, None], torch.fft.fftfreq(12)[None])
    low = power[(frequency > 0.9 / 12) & (frequency < 2.1 / 12)].mean()
    middle = power[(frequency > 2.9 / 12) & (frequency < 4.1 / 12)].mean()
    return (low / middle).item()


def test_patches_are_whitened():
    from sklearn.datasets import load_sample_images

    grey = torch.tensor(np.stack(load_sample_images().images)).float().mean(dim=-1)  # (2, H, W)
    raw = grey.unfold(1, 12, 12).unfold(2, 12, 12).reshape(-1, 12, 12)
    before, after = octave_ratio(raw), octave_ratio(load("patches").images[:, 0])
    assert before > 4  # photographs have power 1/f²: (3.5 / 1.5)² ≈ 5
    assert 0.5 < after < 2


@pytest.mark.parametrize("split", ["train", "test"])
def test_patches_are_centred_and_differ(split):
    patches = load("patches", split)
    assert patches.labels is None and patches.factors is None
    assert patches.images.mean().item() == pytest.approx(0.5, abs=0.01)
    assert 0.05 < patches.images.std() < 1 / 6  # 1/6 is one standard deviation, unclipped
    clipped = (patches.images == 0) | (patches.images == 1)
    assert clipped.float().mean() < 0.05
    assert len(patches.images.flatten(1).unique(dim=0)) == len(patches)


def test_patches_splits_share_no_pixel(monkeypatch):
    columns = np.broadcast_to(np.arange(640) / 1024, (427, 640))
    monkeypatch.setattr(image_sets, "_whitened", lambda photo: columns)
    train, test = (load("patches", split).images * 1024 for split in ("train", "test"))
    assert (train.min(), train.max(), test.min(), test.max()) == (0, 511, 512, 639)
