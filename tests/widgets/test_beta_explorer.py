"""One slider for β: the rows, the curve, the numbers, and the slider itself."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor, ImageDraw

from course_lib.datasets import load
from course_lib.evaluation import active_units, kl_per_dimension
from course_lib.models import VAE, ConditionalVAE
from course_lib.objectives import EveryBeta
from course_lib.plots import COLOURS
from course_lib.training import fit
from course_lib.widgets import BetaExplorer, beta_explorer
from course_lib.widgets.beta_explorer import COLUMNS, LABEL, STEPS, TOP
from course_lib.widgets.canvas import font, to_palette, write

IMAGES = load("digits").images[:200]
HERE = ImageColor.getrgb(COLOURS[2])


EVERY = EveryBeta(0.05, 20.0)


def conditional():
    return ConditionalVAE.dense((1, 8, 8), 6, 1, hidden=(32,))


@pytest.fixture(scope="module")
def model():
    model = conditional()
    fit(model, IMAGES, epochs=100, batch_size=50, lr=3e-3, objective=EVERY)
    return model


@pytest.fixture
def widget(model):
    return BetaExplorer(model, EVERY, IMAGES)


def page(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def tile(widget, row, column):
    """The picture in a row and column of the page, one value a pixel."""
    y = TOP + 58 * row + 10 * (row > 1) + 20 * (row > 2)
    x = LABEL + 58 * column
    square = page(widget)[y : y + 56, x : x + 56, 0] / 255
    return torch.tensor(square.reshape(8, 7, 8, 7).mean((1, 3)))


def assert_shows(widget, row, column, image):
    expected = image.view(8, 8).clamp(0, 1).double()
    torch.testing.assert_close(tile(widget, row, column), expected, atol=0.01, rtol=0)


# The picture


@pytest.mark.parametrize("beta", [0.05, 1.0, 7.3])
def test_the_rows_show_what_the_model_makes_of_the_images_at_this_beta(model, widget, beta):
    widget.beta.value = beta
    at = EVERY.at(model, widget.beta.value)
    z = torch.randn(COLUMNS, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        reconstructions, samples = at(IMAGES[:COLUMNS]), at.decode_mean(z)
    for column in (0, 3, COLUMNS - 1):
        assert_shows(widget, 0, column, IMAGES[column])
        assert_shows(widget, 1, column, reconstructions[column])
        assert_shows(widget, 2, column, samples[column])


def test_the_traversals_move_the_active_dimensions_by_their_kl(model, widget):
    widget.beta.value = 0.05
    at = EVERY.at(model, 0.05)
    with torch.no_grad():
        mu, logvar = at.encode(IMAGES)
        kl = kl_per_dimension(mu, logvar)
        largest = sorted(range(6), key=lambda j: -kl[j])[:4]
        assert widget.dimensions() == largest
        for row, j in enumerate(largest, start=3):
            for column, value in ((0, -3), (3, 0), (6, 3)):
                z = mu[:1].clone()
                z[0, j] = value
                assert_shows(widget, row, column, at.decode_mean(z))


def test_silent_dimensions_have_no_row(model, widget):
    widget.beta.value = 20
    with torch.no_grad():
        mu, _ = EVERY.at(model, 20.0).encode(IMAGES)
    active = active_units(mu)
    assert active.sum() < 4
    assert sorted(widget.dimensions()) == active.nonzero().flatten().tolist()
    assert len(widget.rows()) == 2 + active.sum()
    assert tile(widget, 6, COLUMNS - 1).min() == 1  # white


def test_nothing_is_active_when_the_code_is_ignored(model):
    silent = conditional()
    with torch.no_grad():
        silent.encoder[-1].weight.zero_()
    widget = BetaExplorer(silent, EVERY, IMAGES)
    assert widget.dimensions() == []
    assert len(widget.rows()) == 2


def dot(widget):
    """The centre of the red point."""
    spots = np.argwhere(np.abs(page(widget) - HERE).sum(2) < 10)
    return spots.mean(0)[::-1]


@pytest.mark.parametrize("beta", [0.05, 0.6, 20.0])
def test_the_point_stands_at_the_rate_and_the_distortion_of_the_images(model, widget, beta):
    widget.beta.value = beta
    with torch.no_grad():
        loss = EVERY.at(model, beta).loss(IMAGES, torch.Generator().manual_seed(0))
    rate, distortion = loss.terms["kl"].item(), loss.terms["reconstruction"].item()
    summary = widget.summary(beta)
    assert (summary.rate, summary.distortion) == pytest.approx((rate, distortion), rel=1e-5)
    left, top, right, bottom = widget._axes.box
    low, high = widget._axes.y_range
    x = left + rate / widget._axes.x_range[1] * (right - left)
    y = bottom - (distortion - low) / (high - low) * (bottom - top)
    np.testing.assert_allclose(dot(widget), [x, y], atol=1.5)


def test_the_curve_and_the_points_lie_inside_the_box(model):
    points = [(0.05, 60.0, 3.0), (1.0, 5.0, 21.0), (2.0, 5.1, 21.1), (20.0, 0.0, 44.0)]
    widget = BetaExplorer(model, EVERY, IMAGES, points)
    left, top, right, bottom = widget._axes.box
    for _, rate, distortion in points:
        x, y = widget._axes.position(rate, distortion)
        assert left <= x <= right
        assert top <= y <= bottom
        colour = page(widget)[round(y), round(x)]
        np.testing.assert_allclose(colour, ImageColor.getrgb(COLOURS[1]), atol=3)
    assert page(widget)[:, -1].min() == 255  # nothing is cut off at the right


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0, 17.2, (0, 20)), (19.7, 27.9, (19.5, 28)), (140.1, 182, (140, 185)), (3.0, 3.0, None)],
)
def test_axes_end_at_round_numbers(low, high, ends):
    bottom, top = beta_explorer._rounded(low, high)
    assert bottom <= low
    assert top >= high
    assert bottom < top
    if ends:
        assert (bottom, top) == pytest.approx(ends)


@pytest.mark.parametrize("anchor", ["la", "rm"])
def test_text_on_a_palette_picture_is_that_of_a_coloured_one(anchor):
    coloured = Image.new("RGB", (90, 40), "white")
    ImageDraw.Draw(coloured).text((45, 20), "β = 2", "black", font(13), anchor=anchor)
    page = to_palette(Image.new("RGB", (90, 40), "white"))
    write(page, (45, 20), "β = 2", 13, anchor=anchor)
    assert page.mode == "P"
    shown, expected = (np.asarray(picture.convert("L")).astype(int) for picture in (page, coloured))
    np.testing.assert_allclose(shown, expected, atol=3)
    assert len(np.unique(shown)) > 10  # greys at the edges


# The slider


def test_the_slider_is_logarithmic_and_spans_the_models_range(widget):
    slider = widget.beta
    assert 10**slider.min == pytest.approx(0.05)
    assert 10**slider.max == pytest.approx(20)
    assert slider.value == 1
    assert slider.step == pytest.approx((slider.max - slider.min) / STEPS)
    assert slider.description == "β"
    assert slider.readout


def test_its_ends_belong_to_the_model_even_when_rounded(widget):
    for exponent in (widget.beta.min, widget.beta.max):
        for beta in (10**exponent * (1 - 1e-15), 10**exponent * (1 + 1e-15)):
            widget.at(beta)


def test_it_starts_inside_a_range_without_1():
    model = ConditionalVAE.dense((1, 8, 8), 2, 1)
    assert BetaExplorer(model, EveryBeta(2.0, 8.0), IMAGES).beta.value == pytest.approx(2)


def test_it_starts_on_a_step_of_the_slider_which_the_browser_would_move_it_to():
    model = ConditionalVAE.dense((1, 8, 8), 2, 1)
    slider = BetaExplorer(model, EveryBeta(0.03, 4.0), IMAGES).beta
    steps = (math.log10(slider.value) - slider.min) / slider.step
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert abs(math.log10(slider.value)) <= slider.step / 2


def test_a_step_of_the_slider_looks_up_what_was_measured_before(widget, monkeypatch):
    def refuse(*args):
        raise AssertionError("measured again")

    monkeypatch.setattr(beta_explorer, "summarise", refuse)
    low, step = widget.beta.min, widget.beta.step
    before = page(widget)
    for place in (0, 7, STEPS):
        widget.beta.value = 10.0 ** (low + place * step)
    assert not np.array_equal(page(widget), before)
    monkeypatch.undo()
    widget.beta.value = 0.1234  # typed
    assert widget.error.value == ""


def test_text_and_snapshot(widget):
    assert widget.image.tooltip.startswith("Left rows of pictures at the chosen β")
    assert widget.snapshot().height == widget.picture().height + 26
    assert widget.picture().width <= 800


def test_images_of_other_sizes_fit():
    images = torch.rand(3, 1, 64, 48, generator=torch.Generator().manual_seed(0))
    model = ConditionalVAE.dense((1, 64, 48), 2, 1, hidden=(4,))
    widget = BetaExplorer(model, EVERY, images)
    assert widget.picture().width <= 900
    assert [len(row) for row in widget.rows()][:2] == [3, COLUMNS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": VAE.dense((1, 8, 8), 2)}, "a ConditionalVAE, .* got VAE and EveryBeta"),
        ({"objective": 2.0}, "objective an EveryBeta, got ConditionalVAE and float"),
        ({"images": IMAGES[0]}, r"shape \(N, C, H, W\), C = 1 or 3, with N ≥ 2, got \(1, 8, 8\)"),
        ({"images": IMAGES[:1]}, r"with N ≥ 2, got \(1, 1, 8, 8\)"),
        (
            {"images": IMAGES.expand(-1, 3, 8, 8)},
            r"images of shape \(3, 8, 8\) do not fit the model",
        ),
        ({"points": [(1.0, 2.0)]}, r"points must be triples \(β, rate, distortion\), got"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    good = {"model": conditional(), "objective": EVERY, "images": IMAGES}
    with pytest.raises(ValueError, match=message):
        BetaExplorer(**good | arguments)
