"""What a notebook stores of widgets, the page that makes them live from it, and their pictures."""

import base64
import io
import json

import ipywidgets
import numpy as np
import pytest
from ipywidgets.embed import dependency_state
from PIL import Image

from course_lib.widgets import GaussianKL, page


def state_of(*widgets):
    return dependency_state(widgets, drop_defaults=False)


def test_only_what_is_shown_is_stored_and_its_names_are_the_same_in_every_run():
    stored = []
    for _ in range(2):
        first, unused, second = GaussianKL(1), GaussianKL(2), GaussianKL(3)
        everything = state_of(first, unused, second)
        views = [second.model_id, first.model_id, second.model_id]
        state, names = page.stored_state(everything, views)
        assert [names[view] for view in views] == ["widget-0", "widget-1", "widget-0"]
        assert state["widget-0"]["state"]["mu_q"] == 3
        assert len(state) == 4  # each has a layout
        assert set(page.references(state["widget-0"]["state"])) <= set(state)
        assert unused.model_id not in json.dumps(state)
        stored.append(json.dumps(state))
    assert stored[0] == stored[1]


def test_rows_and_columns_of_widgets_draw_themselves_and_sliders_of_ipywidgets_do_not():
    ours, slider = GaussianKL(), ipywidgets.IntSlider()
    row, mixed = ipywidgets.HBox([ours, ipywidgets.VBox([ours])]), ipywidgets.HBox([ours, slider])
    state = state_of(row, mixed)
    alive = {
        widget: page.draws_itself(state, widget.model_id) for widget in (ours, row, slider, mixed)
    }
    assert alive == {ours: True, row: True, slider: False, mixed: False}
    assert not page.draws_itself(state, "unknown")


def test_a_row_lives_and_both_views_of_a_widget_follow_it(shown):
    one, other = GaussianKL(1), GaussianKL(2)
    opened = shown(ipywidgets.HBox([one, other]), one)
    sliders = opened.get_by_role("slider", name="μ of q")
    assert sliders.count() == 3
    sliders.nth(0).press("ArrowRight")
    values = [sliders.nth(i).get_attribute("aria-valuetext") for i in range(3)]
    assert values == ["1.1", "2", "1.1"]


def test_text_in_a_state_cannot_end_its_element(shown):
    widget = GaussianKL()
    widget.alt = "</script><b>broken</b>"
    assert shown(widget).locator("b").count() == 0


def test_a_picture_is_what_the_page_shows(chromium):
    widget = GaussianKL()
    state, names = page.stored_state(state_of(widget), [widget.model_id])
    ((png, width),) = page.pictures(chromium, state, list(names.values())[:1])
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    assert picture.width == page.DENSITY * width
    assert len(base64.b64decode(png)) < 100_000
    red, _, blue = np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0)
    assert ((red < 80) & (blue > 180)).sum() > 1000  # q's curve and sliders


def test_a_widget_that_fails_to_draw_says_so(chromium):
    widget = GaussianKL()
    widget._esm = "export default { render() { throw new Error('no paint left'); } }"
    with pytest.raises(RuntimeError, match="no paint left"):
        page.pictures(chromium, state_of(widget), [widget.model_id])


def test_without_a_browser_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="apt-get install chromium"), page.chromium():
        pass
