"""Widgets in a real kernel, with ipywidgets 8 or 7: what a cell displays, and on Colab."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib.widgets.page import VIEW

LAST, BY_DISPLAY, SHOWN_TWICE = (
    "from course_lib.widgets import GaussianKL\n\nwidget = GaussianKL()\nwidget",
    "display(GaussianKL())",
    "widget",
)
# What a page sends: that it has drawn, and a picture of two pixels.
HANDED_BACK = """\
import base64, io
from PIL import Image

asked = []
widget.send = asked.append
widget._heard(widget, {"kind": "something else"}, [])
widget._heard(widget, {"kind": "drawn"}, [])
buffer = io.BytesIO()
Image.new("RGB", (4, 2), "red").save(buffer, "PNG")
png = base64.b64encode(buffer.getvalue()).decode()
for _ in range(2):
    widget._heard(widget, {"kind": "picture", "png": png}, [])
widget._heard(widget, {"kind": "drawn"}, [])
print(asked)"""
EVERY = f"""\
import sys

sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_widgets import EXAMPLES

for make in EXAMPLES.values():
    display(make())"""
COLAB = """\
import sys, types

colab = types.ModuleType("google.colab.output")
colab.enable_custom_widget_manager = lambda: print("enabled")
colab._widgets = types.SimpleNamespace(_installed_url="https://example.org/manager.js")
sys.modules["google.colab.output"] = colab"""


def outputs_of(*cells):
    """What each cell of a new notebook displays; the test fails when one raises."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.fixture(scope="module")
def outputs():
    return outputs_of(LAST, BY_DISPLAY, SHOWN_TWICE, HANDED_BACK, SHOWN_TWICE)


def test_a_cell_displays_the_widget_and_room_for_its_picture(outputs):
    for shown, _ in outputs[:2]:
        assert set(shown.data) == {VIEW, "text/plain"}
        assert shown.data[VIEW]["model_id"]
        assert shown.data["text/plain"].startswith("The densities of two normal")
    _, room = outputs[1]
    assert room.data == {}


def test_a_picture_that_is_handed_back_comes_into_all_outputs_but_that_of_the_widget(outputs):
    first, _, again, handed, later = outputs
    assert handed[-1].text == "[{'kind': 'picture'}]\n"  # the page was asked once
    for shown, picture in (first, again):
        assert "image/png" not in shown.data
        assert picture.data["image/png"]
        assert picture.data[VIEW]["model_id"] == ""
        assert picture.data["text/plain"] == shown.data["text/plain"]
        alt = {"alt": shown.data["text/plain"], "width": 2}
        assert picture.metadata["image/png"] == alt
    (whole,) = later  # displayed when the picture was there already
    assert whole.data["image/png"] == first[1].data["image/png"]
    assert whole.data[VIEW] == first[0].data[VIEW]


def test_on_colab_the_widget_is_shown_by_a_manager_that_knows_it():
    _, shown = outputs_of(COLAB, LAST)
    said, widget, _ = shown
    assert said.text == "enabled\n"
    manager = widget.metadata[VIEW]["colab"]["custom_widget_manager"]
    assert manager["url"] == "https://example.org/manager.js"


def test_an_exercise_card_is_its_statement_and_alive():
    card = "from course_lib.widgets import ExerciseCard\n\nExerciseCard({!r})"
    ((shown,),) = outputs_of(card.format("kl-to-standard-normal"))
    assert shown.data[VIEW]["model_id"]
    assert "KL" in shown.data["text/markdown"]


def test_every_widget_is_displayed():
    (shown,) = outputs_of(EVERY)
    assert [output.output_type for output in shown if VIEW not in output.data and output.data] == []
    assert all(len(output.data["text/plain"]) > 20 for output in shown if output.data)
    assert len(shown) >= 20
