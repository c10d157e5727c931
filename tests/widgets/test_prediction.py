"""A guess is kept apart from what was measured until the reader asks."""

import pytest

from course_lib.widgets import Prediction

MEASURED = {1: 40.0, 2: 30.0, 4: 18.0, 8: 9.0}


def test_the_axis_does_not_give_the_answer_away():
    widget = Prediction(MEASURED, "d", "error")
    assert widget.ends == [0, 50]
    assert widget.guess == [25] * 4
    assert Prediction({0: -2.0, 1: 6.0}, "x", "y").ends == [-2, 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"measured": {1: 2.0}}, r"at least two finite numbers, got \[2.0\]"),
        ({"measured": {1: 2.0, 2: float("nan")}}, "finite numbers, got"),
        ({"high": 39.0}, "low and high must enclose 9 to 40, got 0 and 39"),
        ({"measured": {1: 0.0, 2: 0.0}}, "must enclose 0 to 0, got 0 and 0"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Prediction(**{"measured": MEASURED, "x_label": "d", "y_label": "error"} | arguments)


def test_misses(javascript):
    missed = javascript("prediction.js", "misses([1, 5, 3], [1, 1, 4])")
    assert missed == {"mean": pytest.approx(5 / 3), "largest": 1}


def test_the_curve_appears_when_asked_for(shown):
    page = shown(Prediction(MEASURED, "d", "error"))
    said, curves = page.get_by_role("status"), page.locator("svg .line")
    assert curves.count() == 1
    assert said.inner_text() == "Your guess runs from 25 at d = 1 to 25 at d = 8."
    page.get_by_role("slider", name="d = 2").press("End")
    page.get_by_role("button", name="show what was measured").click()
    said.filter(
        has_text="off by 14.5 on average, most at d = 2: you said 50, measured was 30."
    ).wait_for()
    assert curves.count() == 2
    page.get_by_role("button", name="guess again").click()
    said.filter(has_text="runs from").wait_for()
    assert curves.count() == 1


def test_a_point_is_dragged(shown):
    page = shown(Prediction(MEASURED, "d", "error"))
    box = page.get_by_role("img", name="your guess").bounding_box()
    page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 0.1 * box["height"])
    value = page.get_by_role("slider", name="d = 8").get_attribute("aria-valuetext")
    assert 40 < float(value) <= 50
