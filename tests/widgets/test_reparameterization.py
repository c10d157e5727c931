"""The same noise, moved and stretched."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor
from scipy import stats

from course_lib.widgets import Reparameterization
from course_lib.widgets.canvas import COLOURS
from course_lib.widgets.reparameterization import CODE, CODE_BOX, EPSILON, NOISE_BOX


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB"))


def columns(page, y, colour):
    """Where in a line of the picture a colour stands."""
    return np.flatnonzero((page[y] == ImageColor.getrgb(colour)).all(1))


def place(value, box=CODE_BOX):
    return box[0] + (value + 6) / 12 * (box[2] - box[0])


def test_codes_are_the_noise_moved_and_stretched():
    widget = Reparameterization(n=2000)
    epsilon = widget.codes(0.0, 1.0)
    assert stats.kstest(epsilon.numpy(), "norm").pvalue > 0.01
    for mu, sigma in ((1.5, 0.5), (-2.0, 1.7)):
        torch.testing.assert_close(widget.codes(mu, sigma), mu + sigma * epsilon)


def test_the_picture_shows_the_followed_draw_at_both_ends():
    widget = Reparameterization()
    epsilon = widget.codes(0.0, 1.0)[0].item()
    for mu, sigma in ((1.5, 0.5), (-2.0, 2.0)):
        widget.mu.value, widget.sigma.value = mu, sigma
        page = shown(widget)
        start = columns(page, NOISE_BOX[3] - 2, COLOURS[6])
        end = columns(page, CODE_BOX[1] + 2, COLOURS[6])
        assert start.mean() == pytest.approx(place(epsilon), abs=2)
        assert end.mean() == pytest.approx(place(mu + sigma * epsilon), abs=2)


def test_the_density_below_has_its_peak_at_mu_and_the_width_sigma():
    widget = Reparameterization(n=1)
    for mu, sigma in ((2.0, 0.5), (-1.0, 1.0)):
        widget.mu.value, widget.sigma.value = mu, sigma
        page = shown(widget)
        peak = max(0.5, np.ceil(2 / sigma) / 4)
        density = stats.norm(mu, sigma)
        half = density.pdf(mu) / 2  # the curve hangs down: at half its depth
        y = round(CODE_BOX[1] + half / peak * (CODE_BOX[3] - CODE_BOX[1]))
        inside = columns(page, y, CODE)
        width = 2.355 * sigma / 12 * (CODE_BOX[2] - CODE_BOX[0])  # full width at half maximum
        assert inside.mean() == pytest.approx(place(mu), abs=2)
        assert np.ptp(inside) == pytest.approx(width, abs=4)


def test_sliders_leave_the_noise_and_the_button_draws_it_anew():
    widget = Reparameterization()
    before, epsilon = shown(widget), widget.codes(0.0, 1.0)
    widget.mu.value = -1
    after = shown(widget)
    upper = np.s_[: NOISE_BOX[3] - 5]
    assert (before[upper] == after[upper]).all()
    assert (before != after).any()
    widget.fresh_button.click()
    assert not torch.equal(widget.codes(0.0, 1.0), epsilon)
    assert (shown(widget) != after).any()
    again = Reparameterization(seed=1)
    assert torch.equal(again.codes(0.0, 1.0), widget.codes(0.0, 1.0))


def test_as_many_dots_as_draws():
    dots = []
    for n in (1, 8):
        page = shown(Reparameterization(n=n, seed=3))
        y = NOISE_BOX[3] + 2  # below the density, on the dots' lower halves
        dots.append(len(columns(page, y, EPSILON)) + len(columns(page, y, COLOURS[6])))
    assert dots[1] > 3 * dots[0]


def test_every_control_has_a_label_and_a_readout():
    widget = Reparameterization()
    assert [control.description for control in widget.controls] == ["μ", "σ"]
    assert all(control.readout for control in widget.controls)
    assert widget.image.tooltip.startswith("Above draws of noise")


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        Reparameterization(n=0)


def test_codes_beyond_the_axis_stand_at_its_end():
    widget = Reparameterization(n=500)
    widget.mu.value, widget.sigma.value = 3.0, 2.0
    assert (widget.codes(3.0, 2.0) > 6.5).any()
    right_of_the_axes = shown(widget)[:, CODE_BOX[2] + 6 :]
    for colour in (CODE, "#bbbbbb"):
        assert not (right_of_the_axes == ImageColor.getrgb(colour)).all(2).any()
