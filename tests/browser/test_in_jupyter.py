"""Widgets beside a kernel, in JupyterLab and in Notebook 7: their keys, and their pictures."""

import base64
import io
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from course_lib.widgets.page import VIEW

PANEL = "window.jupyterapp.shell.currentWidget"
SHOWN = """\
from pathlib import Path
from course_lib.widgets import GaussianKL

widget = GaussianKL()
widget"""
WAITING = """\
import time
print("waiting", flush=True)
while not Path("go").exists():
    time.sleep(0.05)"""
OUTPUTS = f"""{PANEL}.content.widgets.flatMap((cell) => cell.model.outputs?.toJSON() ?? [])"""
KERNEL_SAYS = f"""async ([expression, value]) => {{
    const content = {{ code: "", user_expressions: {{ asked: expression }} }};
    const kernel = {PANEL}.sessionContext.session.kernel;
    const reply = await kernel.requestExecute(content).done;
    return reply.content.user_expressions.asked.data["text/plain"] === value;
}}"""
PICTURED = f"{OUTPUTS}.some((output) => output.data?.['image/png'])"


@pytest.fixture(params=["lab", "notebook7"])
def front_end(request):
    """The address under which notebooks open, of both."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def page(front_end, open_notebook, write_notebook):
    """A notebook with a widget, drawn while the kernel is busy, until there is "go"."""
    write_notebook("shown", SHOWN, WAITING)
    page = open_notebook(front_end, "shown")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator(".jp-OutputArea-output", has_text="waiting").wait_for(timeout=60_000)
    page.locator(".course").wait_for()
    return page


@pytest.fixture
def go(home):
    """The file for which the kernel waits."""
    file = home / "chapters" / "go"
    yield file
    file.unlink(missing_ok=True)


def test_keys_on_a_slider_go_to_the_slider_and_shift_enter_runs_the_cell(page, go):
    slider = page.get_by_role("slider", name="μ of q")
    slider.focus()
    active = page.evaluate(f"{PANEL}.content.activeCellIndex")
    values = [slider.input_value()]
    for key in ("ArrowUp", "ArrowRight", "PageUp", "ArrowDown", "ArrowLeft", "End", "Home"):
        slider.press(key)
        values.append(slider.input_value())
        assert slider.evaluate("(slider) => slider === document.activeElement"), key
    assert all(value != before for before, value in pairwise(values))
    slider.press("d")
    slider.press("d")  # would delete the cell
    assert page.evaluate(f"{PANEL}.content.activeCellIndex") == active
    assert page.evaluate(f"{PANEL}.content.widgets.length") == 2
    go.touch()
    count = f"{PANEL}.content.widgets[0].model.executionCount"
    assert page.evaluate(count) == 1
    page.wait_for_function(PICTURED)  # the kernel is idle
    slider.press("Shift+Enter")
    page.wait_for_function(f"{count} === 3")


def test_the_page_hands_the_picture_back_and_nobody_notices(page, go, home):
    slider = page.get_by_role("slider", name="μ of q")
    slider.press("ArrowRight")
    place = (
        "[...document.querySelectorAll('.jp-Cell')].map((cell) => cell.getBoundingClientRect().top)"
    )
    places = page.evaluate(place)
    assert not page.evaluate(PICTURED)
    go.touch()
    page.wait_for_function(PICTURED)
    assert slider.evaluate("(slider) => slider === document.activeElement")
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "1.2"
    assert page.evaluate(place) == places
    assert page.locator(".course").count() == 1
    assert page.locator(".jp-Notebook img:visible").count() == 0

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(f"!{PANEL}.model.dirty")
    shown, handed, _ = (
        output
        for cell in json.loads((home / "chapters" / "shown.ipynb").read_text("utf-8"))["cells"]
        for output in cell["outputs"]
    )
    assert VIEW in shown["data"] and "image/png" not in shown["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(handed["data"]["image/png"])))
    assert picture.width == 2 * handed["metadata"]["image/png"]["width"] > 1000
    assert handed["metadata"]["image/png"]["alt"] == "".join(shown["data"]["text/plain"])
    pixels = np.asarray(picture.convert("RGB"))
    assert ((pixels[..., 0] < 80) & (pixels[..., 2] > 180)).sum() > 1000  # q's curve and sliders
    assert (pixels == 255).all(-1).mean() > 0.5


def test_the_next_day_the_picture_is_there_and_no_error(page, go, open_notebook, front_end):
    go.touch()
    page.wait_for_function(PICTURED)
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(f"!{PANEL}.model.dirty")
    page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
    again = open_notebook(front_end, "shown")
    again.locator(".jp-Notebook img").wait_for()
    assert again.get_by_text("Error displaying widget").count() == 0


def test_a_held_key_never_goes_back(page, go):
    go.touch()
    page.wait_for_function(PICTURED)  # the kernel is idle and hears of every step
    slider = page.get_by_role("slider", name="μ of q")
    slider.press("Home")
    watch = """(slider) => {
        window.seen = [];
        const look = () => { seen.push(slider.valueAsNumber); requestAnimationFrame(look); };
        look();
    }"""
    slider.evaluate(watch)
    for _ in range(80):
        slider.press("ArrowRight")
    page.wait_for_function(KERNEL_SAYS, arg=["widget.mu_q", "0.0"])  # it has heard of all steps
    seen = page.evaluate("window.seen")
    assert seen == sorted(seen)
    assert seen[-1] == 0
