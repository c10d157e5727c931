"""The curves of the loss of one pixel, and the controls."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.likelihoods import bernoulli_nll, squared_error
from course_lib.widgets import LossCurves

LOSSES = {
    "cross-entropy": lambda x, x_hat: bernoulli_nll(x, torch.logit(x_hat)),
    "first half": lambda x, x_hat: -(x * x_hat.log()).sum(1),
    "squared error": squared_error,
}


def test_values_at_the_sliders():
    widget = LossCurves(LOSSES)
    widget.x.value, widget.x_hat.value = 0.25, 0.5
    expected = [math.log(2), 0.25 * math.log(2), 0.0625]
    assert list(widget.values().values()) == pytest.approx(expected)


@pytest.mark.equation("AE.4", "AE.6")
@pytest.mark.parametrize("x", [0.1, 0.5, 0.9])
def test_two_losses_are_smallest_at_x_and_half_a_cross_entropy_at_white(x):
    widget = LossCurves(LOSSES)
    widget.x.value = x
    x_hat, curves = widget.curves()
    minima = [x_hat[curve.argmin()].item() for curve in curves.values()]
    assert minima == pytest.approx([x, 0.995, x], abs=0.003)


@pytest.mark.parametrize("control", ["x", "x_hat"])
def test_each_slider_moves_the_picture(control):
    widget = LossCurves(LOSSES)
    before = widget.image.value
    getattr(widget, control).value = 0.8
    assert widget.image.value != before


def test_each_curve_has_its_colour_and_stays_inside_the_axes():
    widget = LossCurves(LOSSES)
    widget.x.value = 0.9  # the cross-entropy of black rises far beyond the top
    page = np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)
    for rgb in ((0x3F, 0x90, 0xDA), (0xFF, 0xA9, 0x0E), (0xBD, 0x1F, 0x01)):
        rows, columns = np.nonzero(np.abs(page[:, :370] - rgb).sum(2) < 10)
        assert len(rows) > 100
        assert rows.min() >= 5
        assert columns.max() <= 367


def test_a_ring_marks_the_smallest_value():
    page = np.asarray(Image.open(io.BytesIO(LossCurves(LOSSES).image.value)).convert("RGB"))
    below_the_axes_at_white = page[234:240, 350:366].astype(int)  # the ring of the first half
    assert (np.abs(below_the_axes_at_white - (0xFF, 0xA9, 0x0E)).sum(2) < 10).any()


def test_every_control_has_a_label_and_a_readout():
    for control in LossCurves(LOSSES).controls:
        assert control.description
        assert control.readout


def test_a_loss_that_is_infinite_everywhere_has_no_mark():
    infinite = LossCurves({"never": lambda x, x_hat: torch.full((len(x),), math.inf)})
    page = np.asarray(Image.open(io.BytesIO(infinite.image.value)).convert("RGB")).astype(int)
    own_colour = np.abs(page[:, :370] - (0x3F, 0x90, 0xDA)).sum(2) < 10
    assert not own_colour.any()
