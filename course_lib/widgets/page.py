"""Widgets outside Jupyter: what a notebook stores of them, a page with them, their pictures."""

import base64
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).parent
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
REFERENCE = "IPY_MODEL_"
WIDTH, DENSITY = 820, 2  # CSS pixels of a notebook's page, and device pixels for each
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

State = dict[str, Any]  # model id → {"model_name", "model_module", "state", "buffers", …}


def references(value: object) -> Iterator[str]:
    """The ids of the models that a state refers to."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        yield value.removeprefix(REFERENCE)
    elif isinstance(value, dict):
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def draws_itself(state: State, model: str) -> bool:
    """Whether page.js can draw the model: an anywidget, or a row or column of them."""
    described = state.get(model, {})
    if described.get("model_name") in ("HBoxModel", "VBoxModel"):
        return all(
            draws_itself(state, child) for child in references(described["state"]["children"])
        )
    return described.get("model_module") == "anywidget"


def stored_state(state: State, views: Sequence[str]) -> tuple[State, dict[str, str]]:
    """What views need of all models, under names that are the same in every run.

    views: ids of the models shown, in order. Returns the state and old id → new id.
    """
    names: dict[str, str] = {}
    waiting = list(views)
    while waiting:
        model = waiting.pop(0)
        if model not in names:
            names[model] = f"widget-{len(names)}"
            waiting += references(state[model]["state"])
    text = json.dumps({names[model]: state[model] for model in names})
    for old, new in names.items():
        text = text.replace(f'"{REFERENCE}{old}"', f'"{REFERENCE}{new}"')
    return json.loads(text), names


def script_tag(state: State) -> str:
    """The element in which page.js finds the state."""
    text = json.dumps({"version_major": 2, "version_minor": 0, "state": state}, sort_keys=True)
    text = text.replace("</", "<\\/")  # or the element would end within a string
    return f'<script type="{STATE}">{text}</script>'


def html_page(state: State, views: Sequence[str], dark: bool = False) -> str:
    """A page that shows the widgets of these ids, one below the other, and needs nothing else."""
    places = "\n".join(f'<div data-widget="{view}"></div>' for view in views)
    colours = "#ddd; background: #111" if dark else "#111; background: #fff"
    scheme = "dark" if dark else "light"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Widgets</title>
<style>
html {{ color-scheme: {scheme}; color: {colours}; }}
body {{ margin: 0; }}
h1 {{ position: absolute; clip-path: inset(50%); }}
</style>
</head>
<body>
<main>
<h1>Widgets</h1>
{places}
</main>
{script_tag(state)}
<script type="module">
{(HERE / "page.js").read_text(encoding="utf-8")}
</script>
</body>
</html>
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; raises FileNotFoundError, with what to do, where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if path is None:
        raise FileNotFoundError(
            "pictures of widgets are drawn by Chromium, which is not on the PATH: install it, "
            "for instance by apt-get install chromium"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def pictures(browser: Any, state: State, views: Sequence[str]) -> list[tuple[str, int]]:
    """The widgets as a reader of the page sees them: PNGs in base64, and their width in CSS pixels.

    Raises RuntimeError, with what the page said, when one is not drawn.
    """
    page = browser.new_page(viewport={"width": WIDTH, "height": 600}, device_scale_factor=DENSITY)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.set_content(html_page(state, views))
    done = f"document.querySelectorAll('[data-alive], [data-failed]').length === {len(views)}"
    try:
        page.wait_for_function(done, timeout=30_000)
        if failures:
            raise RuntimeError(f"a widget was not drawn: {failures}")
        elements = page.query_selector_all("[data-widget]")
        return [(compressed(element.screenshot()), WIDTH) for element in elements]
    finally:
        page.close()


def compressed(png: bytes) -> str:
    """A PNG in 256 colours, in base64."""
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
