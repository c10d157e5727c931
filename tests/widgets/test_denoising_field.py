"""The field of the best denoiser in a plane."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.widgets import DenoisingField

ANGLES = torch.arange(40) * 2 * math.pi / 40
RING = torch.stack([2 * ANGLES.cos() + 5, 2 * ANGLES.sin() - 1], 1)  # around (5, −1)
BLUE, ORANGE, PURPLE = (0x3F, 0x90, 0xDA), (0xE7, 0x63, 0x00), (0x83, 0x2D, 0xB6)
BOX = np.s_[10:391, 42:423]


def where(widget, rgb):
    pixels = np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)
    return np.nonzero(np.abs(pixels[BOX] - rgb).sum(2) < 30)


def distances(a, b):
    return torch.cdist(a, b).amin(1)


def test_for_small_sigma_every_arrow_ends_in_the_nearest_point():
    widget = DenoisingField(RING)
    widget.sigma.value = 2**-6
    grid, answers = widget.field()
    apart = torch.cdist(grid, RING).sort(1).values
    clear = apart[:, 1] ** 2 - apart[:, 0] ** 2 > 0.01  # no second point nearly as near
    nearest = RING[torch.cdist(grid, RING).argmin(1)]
    assert clear.sum() > 80
    torch.testing.assert_close(answers[clear], nearest[clear], atol=1e-3, rtol=0)


def test_for_middle_sigma_they_end_near_the_ring_between_points_too():
    widget = DenoisingField(RING, sigma=0.5)
    grid, answers = widget.field()
    centre = torch.tensor([5.0, -1.0])
    outside = (grid - centre).norm(dim=1) > 1
    radii = (answers[outside] - centre).norm(dim=1)
    assert ((radii > 1.6) & (radii < 2.05)).all()
    assert distances(answers[outside], RING).median() > 0.02


def test_for_large_sigma_they_end_near_the_mean():
    widget = DenoisingField(RING / 10, sigma=4)  # σ large against a ring of radius 0.2
    _, answers = widget.field()
    torch.testing.assert_close(answers, (RING / 10).mean(0).expand_as(answers), atol=0.01, rtol=0)


def test_the_grid_covers_the_points():
    grid, answers = DenoisingField(RING).field()
    assert grid.shape == answers.shape == (13**2, 2)
    assert (grid.amin(0) < RING.amin(0)).all()
    assert (grid.amax(0) > RING.amax(0)).all()


def test_the_slider_moves_the_picture():
    widget = DenoisingField(RING)
    before = widget.image.value
    widget.sigma.value *= 2**0.25
    assert widget.image.value != before


def test_points_stand_where_they_are():
    widget = DenoisingField(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    rows, columns = where(widget, ORANGE)
    assert widget._axes.x_range == widget._axes.y_range == (-0.25, 1.25)  # 0.5 ± 1.5 · 0.5
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)):
        column, row = 380 * (x + 0.25) / 1.5, 380 * (1.25 - y) / 1.5
        assert np.hypot(rows - row, columns - column).min() < 2
    assert len(rows) < 4 * 40


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_the_circle_has_radius_sigma(sigma):
    widget = DenoisingField(RING, sigma)
    rows, columns = where(widget, PURPLE)
    (x_low, x_high) = widget._axes.x_range
    unit = 380 / (x_high - x_low)
    assert np.ptp(columns) / unit == pytest.approx(2 * sigma, abs=0.05)
    assert np.ptp(rows) / unit == pytest.approx(2 * sigma, abs=0.05)


def test_arrows_from_near_the_ring_are_short_and_those_from_far_out_are_long():
    grid, answers = DenoisingField(RING, sigma=0.25).field()
    steps, apart = (answers - grid).norm(dim=1), distances(grid, RING)
    outside = (grid - RING.mean(0)).norm(dim=1) > 2
    assert steps[apart < 0.2].max() < steps[outside & (apart > 0.8)].min()


@pytest.mark.parametrize("sigma", [2**-6, 2**2])
@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_the_ends_of_the_slider_can_be_drawn_at_any_scale(sigma, scale):
    widget = DenoisingField(RING * scale, sigma)
    assert widget.field()[1].isfinite().all()
    assert len(where(widget, BLUE)[0]) > 500
    assert len(where(widget, ORANGE)[0]) > 100


def test_the_slider_has_a_label_and_a_readout_and_stands_on_a_step():
    slider = DenoisingField(RING, sigma=0.25).sigma
    assert slider.description
    assert slider.readout
    steps = (math.log(slider.value, slider.base) - slider.min) / slider.step
    assert steps == pytest.approx(round(steps))


@pytest.mark.parametrize(
    ("points", "sigma", "message"),
    [
        (RING.T, 0.25, r"points must have shape \(N, 2\), got \(2, 40\)"),
        (RING[:0], 0.25, r"points must have shape \(N, 2\), got \(0, 2\)"),
        (RING / 0, 0.25, "points must be finite"),
        (RING[:1].repeat(3, 1), 0.25, "points must differ"),
        (RING, 0, r"sigma must lie in \[1/64, 4\], got 0"),
        (RING, 9, r"sigma must lie in \[1/64, 4\], got 9"),
    ],
)
def test_bad_arguments_are_refused(points, sigma, message):
    with pytest.raises(ValueError, match=message):
        DenoisingField(points, sigma)
