"""From a key press to the repaint, counted in frames of the browser, beside a bare range input."""

import inspect
import statistics
from pathlib import Path

import pytest

from course_lib import widgets

KEYS = 20
CLASSES = [name for name in widgets.__all__ if inspect.isclass(getattr(widgets, name))]
WIDGETS = [name for name in CLASSES if name != "ExerciseCard"]  # which has no slider
EXAMPLE = f"""\
import sys
sys.path.append({str(Path(__file__).parents[1] / "widgets")!r})
from test_widgets import EXAMPLES

EXAMPLES[{{!r}}]()"""
# A decoder of a size that chapters have: the examples are small.
LARGE = """\
import torch
from course_lib.models import VAE
from course_lib.widgets import LatentTraversal

model = VAE.dense((1, 28, 28), latent_dim=2, hidden=(512, 512))
LatentTraversal(model, torch.rand(200, 1, 28, 28), map="both")"""
CELLS = {name: EXAMPLE.format(name) for name in WIDGETS}
CELLS["LatentTraversal"] = LARGE
LAST = f"window.jupyterapp.shell.currentWidget.content.activeCellIndex = {len(CELLS)}"
BUSY = "while True:\n    sum(range(10_000))"
# Counts frames. A message that is posted when one begins arrives when it has been painted; until
# then it is `open`, and what is drawn now is painted in it and not in the next.
COUNTING = """() => {
    const channel = new MessageChannel();
    const clock = window.clock = { frame: 0, open: false, waiting: [] };
    channel.port1.onmessage = ({ data: painted }) => {
        clock.open = painted < clock.frame;
        const due = ({ frame }) => frame <= painted;
        clock.waiting.filter(due).forEach(({ tell }) => tell(performance.now()));
        clock.waiting = clock.waiting.filter((one) => !due(one));
    };
    const tick = () => {
        clock.frame += 1;
        clock.open = true;
        channel.port2.postMessage(clock.frame);
        requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    const bare = document.createElement("div");
    bare.id = "bare";
    bare.style = "position: fixed; right: 0; top: 0; z-index: 9999; background: white";
    bare.dataset.lmSuppressShortcuts = "true";
    bare.innerHTML = '<input type="range" min="0" max="100"><p role="status">0</p>';
    bare.firstChild.oninput = () => { bare.lastChild.textContent = bare.firstChild.value; };
    document.body.append(bare);
}"""
# Resolves with frames and milliseconds from the next key to the frame that shows what it did.
NEXT = """async ([slider, line]) => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame().then(frame); // what the last key did has been drawn
    window.measured = new Promise((resolve, reject) => {
        const why = () => `nothing is drawn with ${slider.ariaLabel} at ${slider.value}`;
        setTimeout(() => reject(new Error(why())), 10_000);
        let pressed, first;
        slider.addEventListener("keydown", (event) => {
            pressed = event.timeStamp;
            first = clock.frame;
        }, { once: true, capture: true });
        const observer = new MutationObserver(() => {
            if (pressed === undefined) return;
            observer.disconnect();
            const frame = clock.open ? clock.frame : clock.frame + 1;
            const tell = (now) => resolve({ frames: frame - first, ms: now - pressed });
            clock.waiting.push({ frame, tell });
        });
        observer.observe(line, { childList: true, characterData: true, subtree: true });
    });
}"""
# How often a line is written after so many steps of a slider at once, until two frames later.
DRAWN = """([slider, line]) => new Promise((resolve) => {
    let drawn = 0;
    const observer = new MutationObserver(() => { drawn += 1; });
    observer.observe(line, { childList: true, characterData: true, subtree: true });
    for (let i = 0; i < 30; i++) {
        if (i % 2) slider.stepUp(); else slider.stepDown();
        slider.dispatchEvent(new Event("input"));
    }
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(drawn)));
})"""


def latencies(page, parts):
    """Frames and milliseconds of keys on a slider, to and fro, from its left end."""
    slider, _ = parts
    slider.press("Home")
    measured = []
    for i in range(KEYS):
        page.evaluate(NEXT, parts)
        slider.press("ArrowLeft" if i % 2 else "ArrowRight")
        measured.append(page.evaluate("() => window.measured"))
    return [[one[name] for one in measured] for name in ("frames", "ms")]


@pytest.fixture
def page(open_notebook, lab, write_notebook):
    """A notebook with every widget, alive, and a last cell that has not been run."""
    write_notebook("latency", *CELLS.values(), BUSY)
    page = open_notebook(lab, "latency")
    page.evaluate(LAST)
    page.evaluate('window.jupyterapp.commands.execute("notebook:run-all-above")')
    page.wait_for_function(f"document.querySelectorAll('.course').length === {len(CELLS)}")
    page.evaluate(COUNTING)
    return page


@pytest.mark.slow
def test_a_key_is_seen_a_frame_after_that_on_a_bare_slider_at_most(page, capsys):
    elements = {"range input": page.locator("#bare")}
    elements |= {name: page.locator(".course").nth(i) for i, name in enumerate(CELLS)}
    parts = {
        name: [
            element.get_by_role("slider").first.element_handle(),
            element.get_by_role("status").element_handle(),
        ]
        for name, element in elements.items()
    }
    assert {name: page.evaluate(DRAWN, both) for name, both in parts.items() if name in CELLS} == (
        dict.fromkeys(CELLS, 1)
    )
    times, frames = {}, {}
    for kernel in ("idle", "busy"):
        if kernel == "busy":
            page.evaluate(LAST)  # the cell of the slider that had the focus is active
            page.evaluate("void window.jupyterapp.commands.execute('notebook:run-cell')")
            status = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
            page.wait_for_function(f"{status} === 'busy'")
        for name, both in parts.items():
            frames[name, kernel], ms = latencies(page, both)
            low, median, high = statistics.quantiles(ms, n=4)
            times[name, kernel] = f"{median:.0f} ({low:.0f} to {high:.0f})"
    rows = [f"| {name} | {times[name, 'idle']} | {times[name, 'busy']} |" for name in parts]
    with capsys.disabled():
        print("", "| | kernel idle | kernel busy |", "|:--|--:|--:|", *rows, sep="\n")
    for (name, kernel), counted in frames.items():
        allowed = statistics.median(frames["range input", kernel]) + 1
        assert statistics.median(counted) <= allowed, (name, kernel, counted)
