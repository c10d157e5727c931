"""The widget of the reparameterization: the noise stays, and z = μ + σε."""

import re

import pytest
import torch

from course_lib.priors import reparameterize
from course_lib.widgets import Reparameterization


@pytest.mark.equation("VAE.3")
def test_codes_are_the_noise_moved_and_stretched_as_in_the_library(javascript):
    generator = torch.Generator().manual_seed(4)
    epsilon = torch.randn(50, 1, generator=generator)
    mu, logvar = torch.full((50, 1), -1.5), torch.full((50, 1), 2 * torch.tensor(0.7).log().item())
    theirs = reparameterize(mu, logvar, torch.Generator().manual_seed(4))
    ours = javascript(
        "reparameterization.js", "reparameterize(-1.5, 0.7, epsilon)",
        epsilon=epsilon[:, 0].tolist(),
    )  # fmt: skip
    assert torch.tensor(ours).allclose(theirs[:, 0], atol=1e-5)


def test_the_draws_follow_the_seed_and_can_be_set():
    assert Reparameterization(5, seed=1).epsilon == Reparameterization(5, seed=1).epsilon
    widget = Reparameterization(5)
    assert widget.epsilon != Reparameterization(5, seed=1).epsilon
    widget.epsilon = torch.zeros(5)
    assert widget.epsilon == [0.0] * 5


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        Reparameterization(0)


def followed(page):
    said = page.get_by_role("status").inner_text().replace("−", "-")
    return [float(number) for number in re.findall(r"(?:ε|z) = (-?[\d.]+)", said)][:2]


def test_sliders_leave_the_noise_and_the_button_draws_it_anew(shown, value):
    page = shown(Reparameterization(12))
    epsilon, z = followed(page)
    assert z == pytest.approx(1.5 + 0.5 * epsilon, abs=0.02)
    said = page.get_by_role("status").inner_text()
    page.get_by_role("slider", name="σ").press("ArrowRight")
    page.wait_for_function(
        "said => document.querySelector('[role=status]').innerText !== said", arg=said
    )
    same, wider = followed(page)
    assert same == epsilon and wider == pytest.approx(1.5 + 0.55 * epsilon, abs=0.02)
    dots = page.locator("svg .dots").first
    assert dots.get_attribute("d").count("M") == 12
    before = dots.get_attribute("d")
    page.get_by_role("button", name="fresh ε").click()
    page.wait_for_function(
        "before => document.querySelector('svg .dots').getAttribute('d') !== before", arg=before
    )
    assert followed(page)[0] != epsilon


def test_mu_is_dragged(shown, value):
    page = shown(Reparameterization())
    box = page.get_by_role("img").bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 200)
    assert value(page, "μ") < -2


@pytest.mark.parametrize(("mu", "sigma"), [(1.5, 0.5), (-2.0, 2.0)])
def test_the_followed_draw_is_marked_at_both_ends_and_the_density_hangs_from_mu(shown, mu, sigma):
    widget = Reparameterization(8)
    widget.mu, widget.sigma = mu, sigma
    page = shown(widget)
    unit = (640 - 44 - 12) / 12  # pixels; the axis runs from −6 to 6
    marks = page.locator("svg .mark").evaluate_all("m => m.map(c => +c.getAttribute('cx'))")
    epsilon = widget.epsilon[0]
    places = [44 + unit * (value + 6) for value in (epsilon, mu + sigma * epsilon)]
    assert marks == pytest.approx(places, abs=0.1)
    density = page.locator("svg .area.c4").get_attribute("d")
    points = [[float(n) for n in point.split()] for point in re.findall(r"[\d.]+ [\d.]+", density)]
    lowest, depth = max(points, key=lambda point: point[1])
    assert lowest == pytest.approx(44 + unit * (mu + 6), abs=0.1)
    axis = points[-1][1]
    wide = [x for x, y in points if y - axis > (depth - axis) / 2]
    assert wide[-1] - wide[0] == pytest.approx(2.355 * sigma * unit, abs=6)  # at half of its depth
