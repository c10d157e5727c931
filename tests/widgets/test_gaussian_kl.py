"""The widget of two normals: its numbers are the library's, and it moves without a kernel."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.information import kl_normal, kl_normal_terms
from course_lib.widgets import GaussianKL

CASES = [
    (1.0, 0.5, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (8.0, 0.0625, -8.0, 16.0),
    (-3.0, 16.0, 2.0, 0.0625),
]  # fmt: skip


@pytest.mark.equation("KL.10")
@pytest.mark.parametrize("numbers", CASES)
def test_the_terms_are_the_librarys(javascript, numbers):
    ours = javascript("gaussian_kl.js", "terms(...numbers)", numbers=numbers)
    theirs = torch.stack(kl_normal_terms(*(torch.tensor(n, dtype=torch.float64) for n in numbers)))
    assert torch.tensor(ours, dtype=torch.float64).allclose(theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("numbers", CASES)
def test_the_curves_are_log_densities_whose_integrand_has_the_divergence_as_its_area(
    javascript, numbers
):
    drawn = javascript("gaussian_kl.js", "curves(...numbers)", numbers=numbers)
    z, log_q, log_p = (torch.tensor(drawn[k], dtype=torch.float64) for k in ("z", "logQ", "logP"))
    mu_q, sigma_q, mu_p, sigma_p = numbers
    assert log_q.allclose(torch.distributions.Normal(mu_q, sigma_q).log_prob(z))
    assert log_p.allclose(torch.distributions.Normal(mu_p, sigma_p).log_prob(z))
    assert z.diff().min() >= 0 and -z[0] == z[-1] == drawn["reach"]
    area = torch.trapezoid(log_q.exp() * (log_q - log_p), z).item()
    assert math.isclose(area, kl_normal(*numbers).item(), rel_tol=0.01, abs_tol=1e-6)


def test_traits_can_be_set_and_keep_to_their_ranges():
    widget = GaussianKL(sigma_q=2)
    widget.mu_q = -8
    assert (widget.mu_q, widget.sigma_q, widget.mu_p, widget.sigma_p) == (-8, 2, 0, 1)
    with pytest.raises(ValueError, match=r"sigma_p must lie in \[0.0625, 16\], got 0"):
        GaussianKL(sigma_p=0)
    with pytest.raises(ValueError, match=r"mu_q must lie in \[-8, 8\], got 8.1"):
        widget.mu_q = 8.1
    assert widget.mu_q == -8


@settings(max_examples=20)
@given(st.floats(-8, 8), st.floats(1 / 16, 16))
def test_every_number_of_a_range_is_taken(mu, sigma):
    widget = GaussianKL(mu, sigma)
    assert (widget.mu_q, widget.sigma_q) == (mu, sigma)


def test_a_key_on_a_slider_moves_the_numbers_and_the_curves(shown):
    page = shown(GaussianKL())
    said, curve = page.get_by_role("status"), page.locator("svg .line.c0")
    assert said.inner_text() == "KL(q‖p) = 0.82 nats, KL(p‖q) = 2.81 nats"
    before = curve.get_attribute("d")
    page.get_by_role("slider", name="μ of q").press("ArrowRight")
    forward, backward = kl_normal(1.1, 0.5), kl_normal(0, 1, 1.1, 0.5)
    said.filter(has_text=f"{forward:.2f} nats, KL(p‖q) = {backward:.2f} nats").wait_for()
    assert curve.get_attribute("d") != before


def test_ten_steps_double_a_width_and_a_typed_value_is_taken(shown):
    page = shown(GaussianKL())
    slider = page.get_by_role("slider", name="σ of p")
    for _ in range(10):
        slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "2"  # the value and not its logarithm
    readout = page.get_by_role("textbox", name="σ of p, value")
    for typed, taken in (("0,25", "0.25"), ("99", "16"), ("nonsense", "16")):
        readout.fill(typed)
        readout.press("Enter")
        assert readout.input_value() == taken
        assert slider.get_attribute("aria-valuetext") == taken


def test_both_directions_stand_in_the_table_in_nats_and_in_bits(shown):
    page = shown(GaussianKL(3, 0.1))
    cells = page.locator("tbody tr:nth-last-child(-n+2)").all_inner_texts()
    shown_numbers = [[float(n) for n in re.findall(r"[\d.]+", row)] for row in cells]
    nats = [kl_normal(3, 0.1).item(), kl_normal(0, 1, 3, 0.1).item()]
    assert shown_numbers[0] == pytest.approx(nats, abs=1e-4)
    assert shown_numbers[1] == pytest.approx([n / math.log(2) for n in nats], abs=1e-4)
