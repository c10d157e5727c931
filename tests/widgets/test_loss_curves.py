"""The widget of losses: tabulated by the functions themselves, and moved without a kernel."""

import re

import pytest
import torch

from course_lib.likelihoods import bernoulli_nll, squared_error
from course_lib.widgets import LossCurves

LOSSES = {
    "cross-entropy": lambda x, x_hat: bernoulli_nll(x, torch.logit(x_hat)),
    "first half": lambda x, x_hat: (x * -x_hat.log()).sum(1),
    "squared error": squared_error,
    "forbidden": lambda x, x_hat: torch.full((len(x),), float("inf")),
}


def test_two_losses_are_smallest_at_x_half_a_cross_entropy_at_white_and_one_nowhere(shown):
    widget = LossCurves(LOSSES)
    page = shown(widget)
    said = page.get_by_role("status")
    for x, smallest in ((0.3, "0.30"), (0.8, "0.80")):
        readout = page.get_by_role("textbox", name="pixel x, value")
        readout.fill(str(x))
        readout.press("Enter")
        said.filter(
            has_text=re.compile(
                rf"pixel x = {x:.2f}, x̂ = 0.50: cross-entropy \S+ \(smallest at {smallest}\), "
                rf"first half \S+ \(smallest at 0.99\), "
                rf"squared error \S+ \(smallest at {smallest}\), forbidden infinite"
            )
        ).wait_for()
    page.get_by_role("slider", name="x̂").press("ArrowRight")
    loss = squared_error(torch.tensor([[0.8]]), torch.tensor([[0.51]])).item()
    said.filter(has_text="x̂ = 0.51: cross-entropy").wait_for()
    assert f"squared error {loss:.2f} (" in said.inner_text()


def test_the_numbers_are_those_of_the_functions(shown):
    widget = LossCurves(LOSSES)
    widget.x, widget.x_hat = 0.25, 0.9
    page = shown(widget)
    texts = page.locator(".legend span").all_inner_texts()
    x, x_hat = torch.tensor([[0.25]]), torch.tensor([[0.9]])
    for text, loss in zip(texts[:3], list(LOSSES.values())[:3], strict=True):
        assert text.startswith(f"{loss(x, x_hat).item():.2f} at x̂;")
    assert texts[3] == "infinite"
    assert page.locator("svg .line").count() == 3
    ring = page.locator("svg .mark.open.c2")  # the squared error's, at its smallest value
    assert float(ring.get_attribute("cx")) == pytest.approx(44 + 0.25 * 344, abs=0.1)
    assert float(ring.get_attribute("cy")) == pytest.approx(290 - 38, abs=0.1)
    assert page.locator("svg .mark.open").count() == 3


def test_x_hat_is_dragged_along_the_curves(shown, value):
    page = shown(LossCurves(LOSSES, x="ρ", x_hat="ρ̂", loss="cost"))
    box = page.get_by_role("img", name="cost against ρ̂").bounding_box()
    page.mouse.click(box["x"] + 44 + 0.2 * (box["width"] - 56), box["y"] + 100)
    assert value(page, "ρ̂") == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({}, "losses must be 1 to 10, got 0"),
        ({str(i): squared_error for i in range(11)}, "losses must be 1 to 10, got 11"),
        ({"mean": lambda x, y: (x - y).mean()}, r"losses\['mean'\] must return shape \(9999,\)"),
    ],
)
def test_bad_losses_are_refused(losses, message):
    with pytest.raises(ValueError, match=message):
        LossCurves(losses)
