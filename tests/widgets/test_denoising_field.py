"""The field of the best denoiser: the library's answers, and a point of the reader's own."""

import math
import re

import pytest
import torch

from course_lib.models.denoising_autoencoder import empirical_denoiser
from course_lib.widgets import DenoisingField

GENERATOR = torch.Generator().manual_seed(0)
ANGLES = 2 * math.pi * torch.rand(60, generator=GENERATOR, dtype=torch.float64)
RING = torch.stack([ANGLES.cos(), ANGLES.sin()], 1)
POINT = r"[ML](\S+) ([\d.-]+)"
ARROW = r"M(\S+) (\S+)L([\d.-]+) ([\d.-]+)"


@pytest.mark.equation("DAE.7")
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("sigma", [2**-6, 0.25, 4.0])
def test_every_answer_is_the_librarys_also_far_from_the_origin(javascript, sigma, offset):
    noisy = 3 * torch.rand(20, 2, generator=GENERATOR, dtype=torch.float64) - 1.5 + offset
    points = RING + offset
    ours = javascript(
        "denoising_field.js", "places.map((place) => denoise(place, points, sigma))",
        places=noisy.tolist(), points=points.tolist(), sigma=sigma,
    )  # fmt: skip
    theirs = empirical_denoiser(noisy, points, sigma)
    assert torch.tensor(ours, dtype=torch.float64).allclose(theirs, rtol=1e-9, atol=1e-6)


def test_the_axes_hold_the_points_at_any_scale():
    for scale in (1e-6, 1.0, 1e6):
        (left, right), (low, high) = DenoisingField(scale * RING.float()).ends
        assert left < -scale < scale < right and low < -scale < scale < high
    square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    for offset in (0, 5, 1_000_000):
        axes = DenoisingField(square + offset).ends  # 0.5 ± 1.5 · 0.5, on a grid of 0.01
        assert axes == [(offset - 0.25, offset + 1.25)] * 2


def test_the_readers_own_point_is_answered_and_dragged(shown):
    widget = DenoisingField(RING.float(), sigma=0.5)
    widget.place = [0.5, 0.25]
    page = shown(widget)
    said = page.get_by_role("status")
    answer = empirical_denoiser(torch.tensor([[0.5, 0.25]]), RING.float(), 0.5)[0].tolist()
    pair = ", ".join(f"{x:.2f}" for x in answer).replace("-", "−")
    assert said.inner_text() == f"σ = 0.500: from your x̃ = (0.50, 0.25) to E[x | x̃] = ({pair})"
    box = page.get_by_role("img").bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    said.filter(has_text="x̃ = (−").wait_for()
    page.get_by_role("slider", name="noise σ").press("ArrowRight")
    said.filter(has_text="σ = 0.595").wait_for()


@pytest.mark.parametrize("width", [360, 820])
def test_every_arrow_leads_from_its_place_to_the_answer(shown, width):
    widget = DenoisingField(RING.float(), sigma=0.5)
    page = shown(widget, width=width)
    (left, right), (low, high) = widget.ends
    side = min(430, width - 16)
    for colour, count in (("c0", 13**2), ("c3", 1)):  # the field, and the reader's own
        drawn = page.locator(f"svg path.line.{colour}").get_attribute("d")
        pixels = torch.tensor(
            [[float(n) for n in arrow] for arrow in re.findall(ARROW, drawn)], dtype=torch.float64
        )
        assert len(pixels) == count
        x = left + (pixels[:, 0::2] - 44) / (side - 56) * (right - left)
        y = low + (side - 8 - 38 - pixels[:, 1::2]) / (side - 56) * (high - low)
        starts, ends = torch.stack([x, y], 2).unbind(1)
        assert ends.allclose(empirical_denoiser(starts, RING, 0.5), atol=1e-3)
    path = page.locator("svg path.line.c2").get_attribute("d")
    circle = torch.tensor([[float(n) for n in pair] for pair in re.findall(POINT, path)])
    spread = circle.amax(0) - circle.amin(0)  # round, with radius σ
    assert spread.tolist() == pytest.approx([2 * 0.5 * (side - 56) / (right - left)] * 2, abs=0.5)


@pytest.mark.parametrize(
    ("points", "sigma", "message"),
    [
        (torch.zeros(3, 3), 1.0, r"points must have shape \(N, 2\), got \(3, 3\)"),
        (torch.zeros(0, 2), 1.0, r"got \(0, 2\)"),
        (torch.tensor([[0.0, float("nan")]]), 1.0, "points must be finite"),
        (torch.ones(4, 2), 1.0, "points must differ"),
        (torch.eye(2), 5.0, r"sigma must lie in \[0.015625, 4\], got 5"),
    ],
)
def test_bad_arguments_are_refused(points, sigma, message):
    with pytest.raises(ValueError, match=message):
        DenoisingField(points, sigma)
