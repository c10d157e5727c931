"""The widget of the ELBO: its parts are the library's and add up."""

import math

import pytest
import torch

from course_lib.evaluation import OneDimensionalModel
from course_lib.information import kl_normal
from course_lib.widgets import EvidenceGap

MODEL = OneDimensionalModel(lambda z: torch.tanh(2 * z), 0.5)
CASES = [
    (0.7, 0.0, 1.0),
    (0.7, 0.4, 0.0625),
    (-2.0, 3.0, 2.0),
    (1.3, -3.0, 0.0625),
    (0.0, 0.1, 0.5),
]


@pytest.mark.equation("ELBO.8")
@pytest.mark.equation("ELBO.11")
@pytest.mark.parametrize(("x", "mu", "sigma"), CASES)
def test_the_parts_are_the_librarys(javascript, x, mu, sigma):
    z = torch.linspace(-16, 16, 1025, dtype=torch.float64)
    ours = javascript(
        "evidence_gap.js", "parts(z, g, s, x, mu, sigma)", z=z.tolist(), s=MODEL.s, x=x, mu=mu,
        g=MODEL.g(z).float().tolist(), sigma=sigma,
    )  # fmt: skip
    reconstruction = MODEL.reconstruction(x, mu, sigma).item()
    assert ours["reconstruction"] == pytest.approx(reconstruction, abs=1e-4)
    assert ours["kl"] == pytest.approx(kl_normal(mu, sigma).item(), abs=1e-9)
    assert ours["evidence"] == pytest.approx(MODEL.log_evidence(x).item(), abs=1e-5)
    gap = ours["evidence"] - (ours["reconstruction"] - ours["kl"])
    assert gap == pytest.approx(MODEL.gap(x, mu, sigma).item(), abs=1e-4)
    near = z.abs() < 4
    posterior = torch.tensor(ours["posterior"], dtype=torch.float64)
    assert posterior[near].allclose(MODEL.log_posterior(x, z[near]), atol=1e-4)


@pytest.mark.parametrize(("x", "mu", "sigma"), CASES)
def test_what_is_announced_adds_up_and_so_do_the_bars(shown, x, mu, sigma):
    page = shown(EvidenceGap(MODEL, x, mu, sigma))
    elbo, gap, evidence = MODEL.elbo(x, mu, sigma), MODEL.gap(x, mu, sigma), MODEL.log_evidence(x)
    said = page.get_by_role("status").inner_text()
    numbers = [float(word.replace("−", "-")) for word in said.split() if word[-1].isdigit()]
    assert numbers == pytest.approx([elbo.item(), gap.item(), evidence.item()], abs=2e-3)
    sides = "all => all.map(r => [+r.getAttribute('x'), +r.getAttribute('width')])"
    bars = page.locator("svg .box").evaluate_all(sides)
    zero = bars[4][0] + bars[4][1]
    unit = bars[4][1] / abs(evidence.item())  # pixels a nat; log p(x) is negative here
    reconstruction = MODEL.reconstruction(x, mu, sigma)
    ends = [(reconstruction, 0), (elbo, reconstruction), (elbo, 0), (elbo, evidence), (evidence, 0)]
    for (side, width), (left, right) in zip(bars, ends, strict=True):
        assert side == pytest.approx(zero + unit * float(left), abs=0.5)
        assert width == pytest.approx(max(1, unit * float(right - left)), abs=0.5)
    line = page.locator("svg").nth(1).locator(".line").get_attribute("d")
    assert float(line[1:].split()[0]) == pytest.approx(bars[4][0], abs=0.1)


def test_positive_logarithms_have_room(shown):
    page = shown(EvidenceGap(OneDimensionalModel(lambda z: 0 * z, 0.1), 0.0))
    assert page.get_by_role("status").inner_text().endswith("= log p(x) 1.384 nats")
    right = page.locator("svg .box").evaluate_all(
        "all => all.map(r => +r.getAttribute('x') + +r.getAttribute('width'))"
    )
    assert max(right) <= 460 - 12


@pytest.mark.parametrize(("slider", "moved"), [("x", [True, False]), ("μ of q", [False, True])])
def test_x_moves_the_posterior_and_mu_moves_q(shown, slider, moved):
    page = shown(EvidenceGap(MODEL, 0.7))
    curves = [page.locator(f"svg .line.c{colour}").first for colour in (1, 0)]
    before = [curve.get_attribute("d") for curve in curves]
    said = page.get_by_role("status").inner_text()
    page.get_by_role("slider", name=slider, exact=True).press("ArrowRight")
    page.wait_for_function(
        "said => document.querySelector('[role=status]').innerText !== said", arg=said
    )
    assert [curve.get_attribute("d") != d for curve, d in zip(curves, before, strict=True)] == moved


def test_q_is_dragged(shown, value):
    page = shown(EvidenceGap(MODEL, 0.7))
    box = page.get_by_role("img", name="densities over z").bounding_box()
    page.mouse.click(box["x"] + 44 + 0.75 * (box["width"] - 56), box["y"] + 50)
    assert value(page, "μ of q") == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": 3.0}, r"x must lie in \[-2, 2\], got 3"),
        ({"x": 0.0, "mu": 4.0}, r"mu must lie in \[-3, 3\], got 4"),
        ({"x": 0.0, "sigma": 0.0}, r"sigma must lie in \[0.0625, 2\], got 0"),
        ({"x": math.nan}, "got nan"),
    ],
)
def test_what_the_sliders_cannot_show_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EvidenceGap(MODEL, **arguments)


def test_x_keeps_to_its_range_when_it_is_set():
    widget = EvidenceGap(MODEL, 0.7, x_range=(-0.5, 2.0))
    widget.x = 2
    with pytest.raises(ValueError, match=r"x must lie in \[-0.5, 2\], got -1"):
        widget.x = -1
    assert widget.x == 2
