"""Execute the chapters: source/NN_name.py becomes NN_name.ipynb, the same bytes every time."""

import hashlib
import os
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

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
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


def is_progress_bar(output: NotebookNode) -> bool:
    """Whether the output is a bar by tqdm: text on stderr, or a widget without a picture."""
    if output.output_type == "stream":
        return output.name == "stderr"
    if output.output_type != "display_data" or WIDGET_VIEW not in output.data:
        return False
    return set(output.data) <= {WIDGET_VIEW, "text/plain"}


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
    """Remove from an executed notebook what differs from run to run or needs a kernel to show."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept = [output for output in cell.outputs if not is_progress_bar(output)]
        cell.outputs = join_streams(kept)
        for output in cell.outputs:
            # Without a kernel JupyterLab would show an error text in place of the widget.
            output.get("data", {}).pop(WIDGET_VIEW, None)


def read_source(path: Path) -> NotebookNode:
    """Read a chapter's text; cells get ids that depend on their contents alone."""
    notebook = jupytext.read(path)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
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
        store_widget_state=False,
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
    executed = []
    progress = tqdm(sorted(directory.glob("source/[0-9][0-9]_*.py")), unit="chapter")
    for source in progress:
        progress.set_description(source.stem)
        path = directory / f"{source.stem}.ipynb"
        notebook = read_source(source)
        if everything or not is_current(path, notebook):
            execute(notebook, source.stem, directory)
            normalise(notebook)
            write(notebook, path, source)
            executed.append(source.stem)
    return executed


def main(
    everything: Annotated[bool, typer.Option("--all", help="Also the unchanged ones.")] = False,
) -> None:
    """Execute the chapters whose text has changed and write their notebooks."""
    try:
        executed = build(Path(__file__).parent, everything)
    except ChapterError as error:
        sys.exit(str(error))
    print("executed:", ", ".join(executed) or "nothing, all notebooks are current")


if __name__ == "__main__":
    typer.run(main)
