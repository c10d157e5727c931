"""Two normal distributions on four sliders: the numbers, the curves, the picture."""

import io
import itertools
import math

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Normal, kl_divergence

from course_lib.widgets import GaussianKL
from course_lib.widgets.base import draw_control

POSITIVE, NEGATIVE = (0x83, 0x2D, 0xB6), (0xB9, 0xAC, 0x70)


def page(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def where(pixels, rgb):
    return np.nonzero(np.abs(pixels - rgb).sum(2) < 10)


def test_both_directions_are_torchs_and_the_four_terms_add_up():
    widget = GaussianKL(1.5, 0.5, -0.5, 2.0)
    q, p = (Normal(*torch.tensor(x, dtype=torch.float64)) for x in ((1.5, 0.5), (-0.5, 2.0)))
    expected = {"KL(q‖p)": kl_divergence(q, p).item(), "KL(p‖q)": kl_divergence(p, q).item()}
    for name, (nats, terms) in widget.divergences().items():
        assert nats == pytest.approx(expected[name])
        assert sum(terms).item() == pytest.approx(nats)


@pytest.mark.equation("KL.7", "KL.10")
@pytest.mark.parametrize(
    "numbers", [(1, 0.5, 0, 1), (6, 4, 0, 1), (0, 1, 6, 4), (2, 0.1, -1, 9), (-1, 9, 2, 0.1)]
)
def test_the_shaded_area_is_the_divergence(numbers):
    widget = GaussianKL(*numbers)
    z, q, p, integrand = widget.curves()
    nats, _ = widget.divergences()["KL(q‖p)"]
    assert torch.trapezoid(integrand, z).item() == pytest.approx(nats, rel=0.02)
    for density in (q, p):
        assert torch.trapezoid(density, z).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("control", ["mu_q", "sigma_q", "mu_p", "sigma_p"])
def test_each_slider_moves_the_picture(control):
    widget = GaussianKL()
    before = widget.image.value
    slider = getattr(widget, control)
    logarithmic = isinstance(slider, ipywidgets.FloatLogSlider)
    slider.value *= 1 if slider.value == 0 else slider.base**slider.step if logarithmic else 1.1
    slider.value += 0 if logarithmic else slider.step
    assert widget.image.value != before


def test_what_lies_below_the_axis_has_another_colour():
    pixels = page(GaussianKL())
    (above, _), (below, _) = where(pixels, POSITIVE), where(pixels, NEGATIVE)
    assert len(above) > 500
    assert len(below) > 50
    assert above.max() < below.min()


def test_equal_distributions_leave_nothing_to_shade():
    widget = GaussianKL(2, 3, 2, 3)
    assert [nats for nats, _ in widget.divergences().values()] == [0, 0]
    assert len(where(page(widget), POSITIVE)[0]) == 0


@pytest.mark.parametrize(
    "numbers", list(itertools.product((-8, 8), (1 / 16, 16), (-8, 8), (1 / 16, 16)))
)
def test_the_corners_of_the_sliders_can_be_drawn(numbers):
    widget = GaussianKL(*numbers)
    assert widget.numbers() == pytest.approx(numbers)
    _, columns = where(page(widget)[200:], POSITIVE)
    assert len(columns) == 0 or (columns.min() >= 69 and columns.max() <= 391)


def test_every_control_has_a_label_and_a_readout():
    for control in GaussianKL().controls:
        assert control.description
        assert control.readout


@pytest.mark.parametrize(("value", "share"), [(0.1, 0), (1, 0.5), (10, 1)])
def test_a_logarithmic_slider_is_drawn_where_it_stands(value, share):
    slider = ipywidgets.FloatLogSlider(value, min=-1, max=1, description="σ")
    columns = where(np.asarray(draw_control(slider)).astype(int), (0x3F, 0x90, 0xDA))[1]
    assert (columns.min() + columns.max()) / 2 == pytest.approx(110 + 200 * share, abs=1)


def test_the_browser_keeps_the_values_in_which_chapters_start_their_sliders():
    widget = GaussianKL(6, 4, 1, 0.5)
    for slider in (widget.sigma_q, widget.sigma_p):
        steps = (math.log(slider.value, slider.base) - slider.min) / slider.step
        assert steps == pytest.approx(round(steps))  # it would move others to the nearest step


def test_the_snapshot_shows_the_sliders_above_the_picture():
    widget = GaussianKL()
    assert widget.snapshot().height == widget.picture().height + 4 * 26


def test_a_log_axis_shows_a_flat_density_beside_a_sharp_one():
    widget = GaussianKL(mu_q=0, sigma_q=0.125, mu_p=0, sigma_p=8)
    rows, _ = where(page(widget)[26:186, 70:390], (0xE7, 0x63, 0x00))  # the colour of p
    assert np.ptp(rows) > 40  # on a linear axis a peak of 0.05 under one of 3 is a flat line
