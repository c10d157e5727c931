"""Execute the chapters: source/NN_name.py becomes NN_name.ipynb, the same bytes every time."""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import jupytext
import nbformat
import typer
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from course_lib.exercises.kept import ANSWERS
from course_lib.widgets import page

TAG = re.compile(r"\\tag\{(.+?)\}")
CLAIM = re.compile(r"^claim\(\s*\"(.+?)\"", re.MULTILINE)
CARD = re.compile(r"^ExerciseCard\(\"(.+?)\"", re.MULTILINE)
PLACES = Path(__file__).resolve().parents[1] / "course_lib" / "data" / "places.json"  # for errata
VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},  # enough for highlighting; more would hold a version
}


class ChapterError(Exception):
    """A chapter cannot be executed; the message names the chapter and the cell."""


def same_cells(notebook: NotebookNode, source: NotebookNode) -> bool:
    """Whether both hold the same cells: types, texts and tags, in the same order."""
    return _contents(notebook) == _contents(source)


def _contents(notebook: NotebookNode) -> list[tuple[str, str, list[str]]]:
    return [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


def executed_in_order(notebook: NotebookNode) -> bool:
    """Whether the code cells were executed from first to last in a fresh kernel: 1, 2, … n."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    return [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def is_lost(output: NotebookNode, state: page.State) -> bool:
    """Whether the output says nothing without a kernel: a bar, gone or by tqdm, or a widget."""
    if output.output_type == "stream":
        return (
            output.name == "stderr" and "\r" in output.text
        )  # a warning stays, and a test sees it
    data = output.get("data", {})
    if output.output_type == "display_data" and not data:
        return True
    return set(data) <= {VIEW, "text/plain"} and VIEW in data and not lives(data[VIEW], state)


def lives(view: NotebookNode, state: page.State) -> bool:
    """Whether the page can draw a widget from its stored state, without a kernel."""
    return page.draws_itself(state, view["model_id"])


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of printed text: where the kernel cuts it is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def normalise(notebook: NotebookNode) -> None:
    """Remove from an executed notebook what differs from run to run or needs a kernel to show.

    Of the widgets that need none the state is kept, and a picture for where no JavaScript runs,
    unless there is a text for that.
    """
    state = notebook.metadata.get("widgets", {}).get(page.STATE, {}).get("state", {})
    notebook.metadata = nbformat.from_dict(METADATA)
    shown = []  # outputs with a widget that lives, in the order of the notebook
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = join_streams([o for o in cell.outputs if not is_lost(o, state)])
        for output in cell.outputs:
            if VIEW not in output.get("data", {}):
                continue
            if lives(output.data[VIEW], state):
                shown.append(output)
            else:  # without a kernel JupyterLab would show an error text in place of the widget
                del output.data[VIEW]
    if not shown:
        return
    state, names = page.stored_state(state, [output.data[VIEW]["model_id"] for output in shown])
    for output in shown:
        output.data[VIEW]["model_id"] = names[output.data[VIEW]["model_id"]]
    pictured = [output for output in shown if "text/markdown" not in output.data]
    with page.chromium() as browser:
        drawn = page.pictures(browser, state, [o.data[VIEW]["model_id"] for o in pictured])
    for output, (png, width) in zip(pictured, drawn, strict=True):
        output.data["image/png"] = png
        output.metadata["image/png"] = {"alt": output.data["text/plain"], "width": width}
    widgets = {"version_major": 2, "version_minor": 0, "state": state}
    notebook.metadata["widgets"] = nbformat.from_dict({page.STATE: widgets})


def names_in(cell: NotebookNode) -> list[str]:
    """The equations of a text, by their tags, or the claims and exercises of a cell of code."""
    if cell.cell_type == "markdown":
        return TAG.findall(cell.source)
    return CLAIM.findall(cell.source) + [f"exercise {id}" for id in CARD.findall(cell.source)]


def places(directory: Path) -> str:
    """Where equations, claims and cards stand: {"AE.1": "01_x.ipynb#cell-id=AE-1", …}, as JSON."""
    found: dict[str, str] = {}
    for path in sorted(directory.glob("source/*.py")):
        for cell in read_source(path).cells:
            for name in names_in(cell):  # of a card that two chapters have, the first
                found.setdefault(name, f"{path.stem}.ipynb#cell-id={cell.id}")
    return json.dumps(found, indent=0) + "\n"


def read_source(path: Path) -> NotebookNode:
    """Read a chapter's text; cells get ids that depend on their contents alone."""
    notebook = jupytext.read(path)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        if "hide-input" in cell.metadata.get("tags", []):  # as MyST-NB calls it, for the site
            cell.metadata["jupyter"] = {"source_hidden": True}  # and JupyterLab
        if names := names_in(cell):  # a link to an equation, a claim or a card leads to its cell
            cell.id = re.sub("[. ]", "-", names[0])
            continue
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = f"{digest}-{seen[digest]}"
    return notebook


def execute(notebook: NotebookNode, name: str, directory: Path) -> None:
    """Run all cells in place; raise ChapterError naming the chapter and the cell that failed."""
    begun = []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
        timeout=1800,
        record_timing=False,
        store_widget_state=True,
        on_cell_start=lambda cell, cell_index: begun.append(cell_index),
    )
    # "python3" is this interpreter, even where the user has installed another kernel of that name.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # Printed sets keep their order.
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = f"cell {begun[-1] + 1} of {len(notebook.cells)}"
        raise ChapterError(f"{name}, {cell} failed: {error}") from error


def write(notebook: NotebookNode, path: Path, source: Path) -> None:
    """Write the notebook in one step, as old as its source."""
    unfinished = path.with_suffix(".unfinished")
    nbformat.write(notebook, unfinished)
    # jupytext in JupyterLab compares the times and mistrusts a text older than its notebook.
    times = source.stat()
    os.utime(unfinished, ns=(times.st_atime_ns, times.st_mtime_ns))
    unfinished.replace(path)


def is_current(path: Path, source: NotebookNode) -> bool:
    """Whether the notebook exists, holds the cells of its source and was executed in order."""
    if not path.exists():
        return False
    notebook = nbformat.read(path, as_version=4)
    return same_cells(notebook, source) and executed_in_order(notebook)


def build(directory: Path, everything: bool = False) -> list[str]:
    """Execute the chapters that changed, or everything; return the names of those executed."""
    if (directory / ANSWERS).exists():
        raise ChapterError(f"{directory / ANSWERS} holds answers, which the cards would show")
    executed = []
    progress = tqdm(sorted(directory.glob("source/[0-9][0-9]_*.py")), unit="chapter")
    for source in progress:
        progress.set_description(source.stem)
        path = directory / f"{source.stem}.ipynb"
        notebook = read_source(source)
        if everything or not is_current(path, notebook):
            execute(notebook, source.stem, directory)
            try:
                normalise(notebook)
            except (FileNotFoundError, RuntimeError) as error:  # no browser, or it drew nothing
                raise ChapterError(f"{source.stem}: {error}") from error
            write(notebook, path, source)
            executed.append(source.stem)
    return executed


def main(
    everything: Annotated[bool, typer.Option("--all", help="Also the unchanged ones.")] = False,
) -> None:
    """Execute the chapters whose text has changed and write their notebooks."""
    PLACES.write_text(
        places(Path(__file__).parent), encoding="utf-8"
    )  # which tables of errata show
    try:
        executed = build(Path(__file__).parent, everything)
    except ChapterError as error:
        sys.exit(str(error))
    print("executed:", ", ".join(executed) or "nothing, all notebooks are current")


if __name__ == "__main__":
    typer.run(main)
