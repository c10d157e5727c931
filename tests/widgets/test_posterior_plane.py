"""Posterior means of a model and of its encoder, as a training goes on."""

import pytest
import torch

from course_lib.widgets import PosteriorPlane

STEPS = [0, 10, 100]
USUAL = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.5], [-1.0, -0.5]], [[2.0, 0], [-1.5, 0]]])
RUNS = {"usual": USUAL, "other": USUAL.flip(2)}


def places(page, plane):
    """Where the dots of a plane lie: pairs of numbers from its paths."""
    paths = page.get_by_role("img", name=plane, exact=True).locator(".dots").all()
    pieces = "".join(path.get_attribute("d") for path in paths).split("M")[1:]
    return torch.tensor([list(map(float, piece.removesuffix("h0").split())) for piece in pieces])


def test_the_slider_winds_both_planes_and_says_the_step(shown):
    values = {"usual": [0.1, 0.5, 0.25], "other": [0.0, 1.0, 2.0]}
    widget = PosteriorPlane(RUNS, STEPS, values=values, quantity="information")
    assert widget.at == 2
    page = shown(widget)
    said = page.get_by_role("status")
    assert said.inner_text() == "step 100: information 0.25 (usual), 2.00 (other)"
    level, upright = places(page, "usual"), places(page, "other")
    assert level[0, 1] == level[1, 1] and level[0, 0] > level[1, 0]  # the encoder says nothing
    assert upright[0, 0] == upright[1, 0] and upright[0, 1] < upright[1, 1]  # y goes down
    page.get_by_role("slider", name="step").press("Home")
    said.filter(has_text="step 0: information 0.10").wait_for()
    middle = places(page, "usual")
    assert torch.equal(middle[0], middle[1])
    # Across and up have one scale: 1.5 across is as far from the middle as 1.5 up.
    across, up = (level - middle)[:, 0], (middle - upright)[:, 1]
    assert torch.allclose(across, up, atol=0.2)


def test_play_ends_at_the_last_step_and_classes_have_colours(shown):
    page = shown(PosteriorPlane({"usual": USUAL}, STEPS, torch.tensor([3, 7])))
    assert page.locator("svg .dots.c3").count() == page.locator("svg .dots.c7").count() == 1
    page.get_by_role("slider", name="step").press("Home")
    page.get_by_role("status").filter(has_text="step 0").wait_for()
    page.get_by_role("button", name="play").click()
    page.get_by_role("status").filter(has_text="step 100").wait_for(timeout=15_000)
    page.get_by_role("button", name="play").wait_for()


def test_the_axes_hold_every_dot(javascript):
    assert javascript("posterior_plane.js", "reach(points)", points=[0.1, -3, 2]) == pytest.approx(
        3.3
    )
    assert javascript("posterior_plane.js", "reach(points)", points=[0, 0]) == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": {}}, "runs must hold means"),
        ({"runs": {"a": USUAL[:2]}}, r"got \[\(2, 2, 2\)\] for 3 steps"),
        ({"runs": {"a": USUAL, "b": USUAL[:, :1]}}, "of one shape"),
        ({"runs": {"a": USUAL[..., :1]}}, r"\(S, N, 2\)"),
        ({"labels": torch.zeros(3)}, "labels must number 2 like the images, got 3"),
        ({"values": {"usual": [1, 2, 3]}}, "values must have 3 numbers for each of"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PosteriorPlane(**{"runs": RUNS, "steps": STEPS} | arguments)


def test_the_moment_shown_can_be_set_within_its_range():
    widget = PosteriorPlane(RUNS, STEPS)
    widget.at = 1
    with pytest.raises(ValueError, match="at must be from 0 to 2, got 3"):
        widget.at = 3
