"""A training wound back and forth."""

import pytest
import torch

from course_lib.widgets import TrainingScrubber

MOMENTS = {epoch: torch.tensor([[0.0, 0.0], [1.0, 1.0]]) * epoch for epoch in (1, 2, 4, 8)}


def test_it_starts_at_the_end_and_the_slider_winds_back(shown):
    widget = TrainingScrubber(MOMENTS, values=[4.0, 3.0, 2.0, 1.5], quantity="loss")
    assert widget.at == 3
    page = shown(widget)
    said = page.get_by_role("status")
    assert said.inner_text() == "epoch 8: loss 1.50"
    place = page.locator(".code", has_text="1").bounding_box()
    slider = page.get_by_role("slider", name="epoch")
    slider.press("Home")
    said.filter(has_text="epoch 1: loss 4.00").wait_for()
    assert slider.get_attribute("aria-valuetext") == "1"
    moved = page.locator(".code", has_text="1").bounding_box()
    assert moved["x"] < place["x"] - 100 and moved["y"] > place["y"] + 100


def test_play_runs_through_all_moments_to_the_end(shown):
    background = torch.rand(5, 2)
    widget = TrainingScrubber(MOMENTS, torch.tensor([3, 7]), background)
    page = shown(widget)
    page.get_by_role("slider", name="epoch").press("Home")
    page.evaluate(
        """() => {
            window.seen = [];
            const line = document.querySelector("[role=status]");
            const note = () => seen.push(line.innerText);
            new MutationObserver(note).observe(line, { childList: true });
        }"""
    )
    page.get_by_role("button", name="play").click()
    page.get_by_role("status").filter(has_text="epoch 8").wait_for(timeout=15_000)
    page.get_by_role("button", name="play").wait_for()
    seen = page.evaluate("seen")
    assert seen[-3:] == ["epoch 2", "epoch 4", "epoch 8"]
    assert page.locator("svg text.halo").all_text_contents() == ["3", "7"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"moments": {1: torch.zeros(2, 2)}}, "moments must be at least two"),
        ({"moments": {1: torch.zeros(2, 2), 2: torch.zeros(3, 2)}}, "of one shape"),
        ({"moments": {1: torch.zeros(2, 3), 2: torch.zeros(2, 3)}}, r"\(N, 2\)"),
        ({"values": [1.0]}, "values must number 4 like moments, got 1"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TrainingScrubber(**{"moments": MOMENTS} | arguments)
