"""Node and Chromium for these tests: what a widget computes, and what a reader sees."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from ipywidgets.embed import dependency_state

from course_lib.widgets import page as pages

MODULES = Path(pages.__file__).parent


@pytest.fixture(scope="session")
def javascript():
    """javascript("nn.js", "softmax(x)", x=[1, 2]): the value of an expression, as JSON carries it.

    All that the module exports can be named in it; NaN and infinities come back as None.
    """
    node = shutil.which("node") or pytest.skip("no node on the PATH")

    def evaluate(module, expression, **values):
        names = ", ".join(values)
        program = f"""
            import * as exported from {json.dumps((MODULES / module).as_uri())};
            import {{ readFileSync }} from "node:fs";
            const {{ {names} }} = JSON.parse(readFileSync(0, "utf-8"));
            const {{ {{names}} }} = exported;
            const plain = (key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value;
            console.log(JSON.stringify({expression}, plain) ?? "null");
        """
        exported = ", ".join(exports(MODULES / module) - set(values) - {"default"})
        program = program.replace("{names}", exported)
        done = subprocess.run(
            [node, "--input-type=module", "--eval", program], input=json.dumps(values),
            capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate


PIXELS = """canvas => [...canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.fixture(scope="session")
def pixels():
    """pixels(page, name): the first canvas of that name as a tensor (3, H, W) of 0 to 255."""

    def read(page, name):
        canvas = page.get_by_role("img", name=name, exact=True).first
        height, width = (int(canvas.get_attribute(side)) for side in ("height", "width"))
        values = torch.tensor(canvas.evaluate(PIXELS))
        return values.view(height, width, 4)[..., :3].permute(2, 0, 1)

    return read


@pytest.fixture(scope="session")
def value():
    """value(page, name): the number that the slider of that name announces."""

    def read(page, name):
        text = page.get_by_role("slider", name=name, exact=True).get_attribute("aria-valuetext")
        return float(text.replace("−", "-"))

    return read


@pytest.fixture(scope="session")
def strip():
    """strip(pixels, H, W): a row of pictures with a rim of one pixel between them, (n, 3, H, W)."""

    def cut(pixels, height, width):
        columns = (pixels.shape[2] + 1) // (width + 1)
        return torch.stack(
            [pixels[:, :height, i * (width + 1) : i * (width + 1) + width] for i in range(columns)]
        )

    return cut


def exports(path):
    """The names that a module exports."""
    words = [line.split() for line in path.read_text("utf-8").splitlines()]
    return {
        line[2].split("(")[0].rstrip("*")
        for line in words
        if line[:1] == ["export"] and line[1] in ("function", "const")
    }


@pytest.fixture
def shown(chromium, tmp_path):
    """shown(widget, width=820, dark=False): a page from a file with the widget alive on it.

    page: an open one to be used once more, with what its browser has kept.
    The test fails when the page reports an error, at any time.
    """
    opened, errors = [], []

    def show(*widgets, width=820, dark=False, touch=False, page=None):
        views = [widget.model_id for widget in widgets]
        state, names = pages.stored_state(dependency_state(widgets, drop_defaults=False), views)
        file = tmp_path / f"{len(list(tmp_path.glob('*.html')))}.html"
        file.write_text(pages.html_page(state, [names[v] for v in views], dark), "utf-8")
        if page is None:
            page = chromium.new_page(viewport={"width": width, "height": 800}, has_touch=touch)
            opened.append(page)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.goto(file.as_uri())
        page.wait_for_function(
            f"document.querySelectorAll('[data-alive]').length === {len(widgets)}", timeout=10_000
        )
        return page

    yield show
    for page in opened:
        page.close()
    assert errors == []
