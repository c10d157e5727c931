"""The committed notebooks are what their sources say, complete, and readable without a kernel."""

import asyncio
import importlib
import inspect
import json
import math
import re
import shutil
from copy import deepcopy
from pathlib import Path

import build
import jupytext
import nbformat
import pytest
from jupytext.async_contentsmanager import AsyncTextFileContentsManager
from nbformat import NotebookNode

from course_lib.widgets import page

CHAPTERS = Path(build.__file__).parent
SOURCES = sorted(CHAPTERS.glob("source/*.py"))
NOTEBOOKS = sorted(CHAPTERS.glob("*.ipynb"))
LONGEST_CELL = 25  # lines; more than 15 should be rare
LARGEST_FILE = 2_000_000  # bytes
LONGEST_LINE = 96  # characters that JupyterLab prints in one line of a window 1280 pixels wide


MOST_WORDS = 2600  # of a main line


def minutes(chapter: NotebookNode) -> float:
    """What a chapter takes: to read its text and the code that is not folded, to see its claims
    and to answer its exercises."""
    words = sum(len(c.source.split()) for c in chapter.cells if c.cell_type == "markdown")
    seen = [c.source for c in code_cells(chapter) if "hide-input" not in c.metadata.get("tags", [])]
    lines = sum(bool(line.strip()) for source in seen for line in source.splitlines())
    code = "\n".join(c.source for c in code_cells(chapter))
    answers = len(re.findall(r"\b(?:ExerciseCard|check_task)\(\"", code))
    return words / 150 + lines * 5 / 60 + len(build.CLAIM.findall(code)) / 2 + 4 * answers


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def output_problems(notebook: NotebookNode) -> list[str]:
    """Stored outputs that are errors, need a kernel, differ from run to run or have no words."""
    problems = []
    stored = notebook.metadata.get("widgets", {}).get(page.STATE, {}).get("state", {})
    for cell in code_cells(notebook):
        may_raise = "raises-exception" in cell.metadata.get("tags", [])
        if "execution" in cell.metadata:
            problems.append("times are stored")
        for output in cell.outputs:
            if output.output_type == "error" and not may_raise:
                problems.append(f"error: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                problems.append(f"stderr: {output.text}")
            if output.get("data", {}).get("text/plain", "").startswith("History("):
                problems.append("what fit returns is shown")
            if output.output_type == "stream":
                lines = output.text.splitlines()
                problems += [f"too long: {line}" for line in lines if len(line) > LONGEST_LINE]
            problems += picture_problems(output, stored)
    return problems


def picture_problems(output: NotebookNode, stored: dict) -> list[str]:
    data = output.get("data", {})
    problems = []
    if build.VIEW in data:
        if not page.draws_itself(stored, data[build.VIEW]["model_id"]):
            problems.append("a widget view without its state is stored")
        if not {"image/png", "text/markdown"} & data.keys():
            problems.append("a widget has no picture")
    if "image/png" in data and not output.metadata.get("image/png", {}).get("alt", "").strip():
        problems.append("a picture has no alternative text")
    return problems


def long_cells(notebook: NotebookNode) -> list[str]:
    """Of the code that is not folded."""
    seen = [c for c in code_cells(notebook) if "hide-input" not in c.metadata.get("tags", [])]
    return [cell.source for cell in seen if cell.source.count("\n") >= LONGEST_CELL]


# The course itself


def test_every_source_has_its_notebook_and_vice_versa():
    assert [path.stem for path in SOURCES] == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapter(path):
    notebook = nbformat.read(path, as_version=4)
    assert build.same_cells(notebook, build.read_source(CHAPTERS / "source" / f"{path.stem}.py"))
    assert build.executed_in_order(notebook)
    assert output_problems(notebook) == []
    assert long_cells(notebook) == []
    assert path.stat().st_size < LARGEST_FILE


def test_equations_and_claims_are_where_links_lead():
    """In a cell with this id; that it is up to date says also that none is missing."""
    assert build.PLACES.read_text("utf-8") == build.places(CHAPTERS)
    cells = {path.name: nbformat.read(path, as_version=4).cells for path in NOTEBOOKS}
    for name, place in json.loads(build.PLACES.read_text("utf-8")).items():
        file, cell_id = place.split("#cell-id=")
        (cell,) = (cell for cell in cells[file] if cell.id == cell_id)
        called = name.removeprefix("exercise ")
        assert f"\\tag{{{name}}}" in cell.source or f'"{called}"' in cell.source


LABORATORIES = [path for path in SOURCES if path.stem.endswith("_laboratory")]
MAIN_LINES = [path.with_stem(path.stem.removesuffix("_laboratory")) for path in LABORATORIES]


@pytest.mark.parametrize("path", MAIN_LINES + LABORATORIES, ids=lambda path: path.stem)
def test_a_chapter_takes_the_time_it_says(path):
    chapter = build.read_source(path)
    text = "\n".join(c.source for c in chapter.cells if c.cell_type == "markdown")
    said = int(re.search(r"\*\*Time\*\*: (\d+) minutes", text)[1])
    assert said == 5 * math.ceil(minutes(chapter) / 5)
    if not path.stem.endswith("_laboratory"):
        assert len(text.split()) < MOST_WORDS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_widgets_are_drawn_by_todays_code(path):
    metadata = nbformat.read(path, as_version=4).metadata
    stored = metadata.get("widgets", {}).get(page.STATE, {}).get("state", {})
    for model in stored.values():
        if "_esm" in model["state"]:
            module, _, name = model["state"]["_anywidget_id"].rpartition(".")
            widget = getattr(importlib.import_module(module), name)
            same = model["state"]["_esm"] == widget._esm and model["state"]["_css"] == widget._css
            assert same, f"{name} has changed: course notebooks --all"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saving_in_jupyterlab_leaves_the_source_as_it_is(path, tmp_path):
    source = Path("source", f"{path.stem}.py")
    (tmp_path / "source").mkdir()
    for file in (path.name, source, "jupytext.toml"):
        shutil.copy(CHAPTERS / file, tmp_path / file)
    for manager in (jupytext.TextFileContentsManager, AsyncTextFileContentsManager):
        open_and_save(manager(root_dir=str(tmp_path)), path.name)
        assert (tmp_path / source).read_text("utf-8") == (CHAPTERS / source).read_text("utf-8")


def open_and_save(manager, name: str) -> None:
    """What JupyterLab does, by its contents manager, whose methods may be coroutines."""

    async def both():
        model = manager.get(name)
        model = await model if inspect.isawaitable(model) else model
        saved = manager.save(model, name)
        return await saved if inspect.isawaitable(saved) else saved

    asyncio.run(both())


# Each check can fail


def output(kind: str, **fields) -> NotebookNode:
    return nbformat.v4.new_output(kind, **fields)


def cell(source: str = "1", *outputs: NotebookNode, count=1, **metadata) -> NotebookNode:
    return nbformat.v4.new_code_cell(
        source, outputs=list(outputs), execution_count=count, metadata=metadata
    )


def notebook(*cells: NotebookNode) -> NotebookNode:
    return nbformat.v4.new_notebook(cells=cells)


ERROR = output("error", ename="ValueError", evalue="too bad", traceback=[])
PICTURE = {"data": {"image/png": "iVBO"}, "metadata": {"image/png": {"alt": "A cat."}}}
VIEW = {build.VIEW: {"model_id": "1"}}


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (cell("1", ERROR), "error: too bad"),
        (cell("1", output("stream", name="stderr", text="beware")), "stderr: beware"),
        (
            cell("1", output("stream", name="stdout", text="a\n" + "b" * 97)),
            "too long: " + "b" * 97,
        ),
        (
            cell("1", output("display_data", **PICTURE | {"data": VIEW | PICTURE["data"]})),
            "a widget view without its state",
        ),
        (cell("1", output("display_data", data=PICTURE["data"])), "a picture has no alternative"),
        (
            cell(
                "1", output("display_data", **PICTURE | {"metadata": {"image/png": {"alt": " "}}})
            ),
            "a picture has no alternative",
        ),
        (cell(execution={"iopub.status.busy": "now"}), "times are stored"),
        (
            cell("1", output("execute_result", data={"text/plain": "History(terms={…"})),
            "what fit returns is shown",
        ),
    ],
    ids=["error", "stderr", "long line", "widget", "no alt", "empty alt", "timing", "History"],
)
def test_a_bad_output_is_found(bad, problem):
    (found,) = output_problems(notebook(bad))
    assert found.startswith(problem)


def test_good_outputs_are_no_problem():
    text = output("stream", name="stdout", text="hello")
    raising = cell("1 / 0", ERROR, tags=["raises-exception"])
    good = notebook(raising, cell("2", text, output("display_data", **PICTURE)))
    assert output_problems(good) == []


def test_a_long_cell_is_found():
    assert long_cells(notebook(cell("x\n" * 24 + "x"))) == []
    assert len(long_cells(notebook(cell("x\n" * 25 + "x")))) == 1
    assert long_cells(notebook(cell("x\n" * 25 + "x", tags=["hide-input"]))) == []


@pytest.mark.parametrize("counts", [(1, 3), (2, 1), (2, 3), (1, None), (1, 1)])
def test_cells_not_executed_in_order_are_found(counts):
    assert not build.executed_in_order(notebook(*(cell(count=count) for count in counts)))


def test_empty_cells_and_prose_need_no_execution():
    prose, empty = nbformat.v4.new_markdown_cell("Prose."), cell("", count=None)
    assert build.executed_in_order(notebook(cell(count=1), prose, empty, cell(count=2)))


def test_every_difference_of_cells_is_found():
    one = notebook(cell("1"), cell("2", tags=["hide"]))
    assert build.same_cells(one, deepcopy(one))
    for other in (
        notebook(cell("1")),
        notebook(cell("2", tags=["hide"]), cell("1")),
        notebook(cell("1"), cell("2 ", tags=["hide"])),
        notebook(cell("1"), cell("2")),
        notebook(cell("1"), nbformat.v4.new_markdown_cell("2", metadata={"tags": ["hide"]})),
    ):
        assert not build.same_cells(one, other)


def test_minutes_are_counted():
    prose = nbformat.v4.new_markdown_cell("word " * 300)  # 2 minutes
    folded = cell("x = 1\n" * 100, tags=["hide-input"])
    seen = cell("x = 1\n\n" * 12)  # 1 minute
    claimed = cell('claim(\n    "AE.one",\n)\nExerciseCard("one")\nf = check_task("f", f)')
    assert minutes(notebook(prose, folded, seen)) == 3
    assert minutes(notebook(claimed)) == 8.5 + 5 * 5 / 60


# Building

SYNTHETIC = """\
# %% [markdown]
# # A chapter

# %%
from ipywidgets import IntSlider
from matplotlib import pyplot as plt
from tqdm.auto import tqdm
from course_lib.progress import progress

class Pictured(IntSlider):
    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        return bundle | {"image/png": b"a picture"}, {"image/png": {"alt": "A picture."}}

# %%
import sys
print("one", flush=True)
for _ in tqdm(range(3)):
    with progress(total=1) as bar:
        bar.update()
print("\\rhalf", file=sys.stderr, flush=True)
print({"a", "b", "c"})

# %%
print("beware", file=sys.stderr, flush=True)

# %% tags=["nbval-ignore-output"]
plt.plot([1, 2])
plt.show()

# %%
Pictured()

# %%
Pictured()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A directory with a synthetic chapter, executed; tests copy it."""
    directory = tmp_path_factory.mktemp("chapters")
    (directory / "source").mkdir()
    (directory / "source" / "01_one.py").write_text(SYNTHETIC, "utf-8")
    assert build.build(directory) == ["01_one"]
    return directory


@pytest.fixture
def chapters(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "chapters"))


def read(chapters: Path) -> NotebookNode:
    return nbformat.read(chapters / "01_one.ipynb", as_version=4)


def test_a_built_notebook_is_complete(built):
    stored = read(built)
    assert build.same_cells(stored, build.read_source(built / "source" / "01_one.py"))
    assert build.executed_in_order(stored)
    _, (printed,), (warned,), (plot,), (widget,), (again,) = (
        cell.outputs for cell in code_cells(stored)
    )
    assert printed.text.startswith("one\n{")
    assert "image/png" in plot.data
    assert set(widget.data) == set(again.data) == {"image/png", "text/plain"}
    assert warned.text == "beware\n"
    problems = ["stderr: beware\n", "a picture has no alternative text"]  # the one by plt.show
    assert output_problems(stored) == problems
    assert stored.metadata == build.METADATA


def test_a_built_notebook_is_as_old_as_its_source(built):
    times = [(built / name).stat().st_mtime_ns for name in ("01_one.ipynb", "source/01_one.py")]
    assert times[0] == times[1]


def test_building_twice_gives_the_same_bytes(chapters):
    before = (chapters / "01_one.ipynb").read_bytes()
    assert build.build(chapters, everything=True) == ["01_one"]
    assert (chapters / "01_one.ipynb").read_bytes() == before


def test_only_what_changed_is_executed(chapters):
    assert build.build(chapters) == []
    source = chapters / "source" / "01_one.py"
    source.write_text("# %%\n1 + 1", "utf-8")
    assert build.build(chapters) == ["01_one"]
    assert read(chapters).cells[0].outputs[0].data == {"text/plain": "2"}


def test_a_notebook_not_executed_in_order_is_executed_again(chapters):
    stored = read(chapters)
    stored.cells[1].execution_count = 7
    nbformat.write(stored, chapters / "01_one.ipynb")
    assert build.build(chapters) == ["01_one"]


def test_a_failing_cell_is_named_and_leaves_the_old_notebook(chapters):
    before = (chapters / "01_one.ipynb").read_bytes()
    (chapters / "source" / "01_one.py").write_text(
        "# %% [markdown]\n# Prose\n\n# %%\n1 / 0", "utf-8"
    )
    with pytest.raises(build.ChapterError, match="(?s)^01_one, cell 2 of 2 .*ZeroDivisionError"):
        build.build(chapters)
    assert (chapters / "01_one.ipynb").read_bytes() == before
    assert sorted(path.name for path in chapters.iterdir()) == ["01_one.ipynb", "source"]
