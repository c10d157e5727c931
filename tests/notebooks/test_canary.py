"""nbval notices a notebook that is not true: if these passed, its passing would mean nothing."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from build import executed_in_order
from nbformat import NotebookNode


def notebook(code: str, printed: str | None, count: int | None = 1) -> NotebookNode:
    """One cell as it is stored, with the text that it is said to have printed."""
    outputs = [nbformat.v4.new_output("stream", text=printed)] if printed else []
    cell = nbformat.v4.new_code_cell(code, execution_count=count, outputs=outputs)
    return nbformat.v4.new_notebook(cells=[cell])


def nbval(stored: NotebookNode, directory: Path) -> subprocess.CompletedProcess:
    nbformat.write(stored, directory / "canary.ipynb")
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "canary.ipynb"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=directory, capture_output=True, text=True
    )


def test_an_honest_notebook_passes(tmp_path):
    result = nbval(notebook("print(6 * 7)", "42\n"), tmp_path)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (notebook("print(6 * 7)", "41\n"), "mismatch 'stdout'"),
        (notebook("1 / 0", None), "ZeroDivisionError"),
        (notebook("print(6 * 7)", None), "Unexpected output fields"),
        (notebook("pass", "42\n"), "Missing output fields"),
    ],
    ids=["changed output", "exception", "no stored output", "no output any more"],
)
def test_a_notebook_that_is_not_true_fails(tmp_path, stored, message):
    result = nbval(stored, tmp_path)
    assert result.returncode == 1, result.stdout
    assert message in result.stdout


def test_only_our_own_check_notices_a_cell_that_was_never_executed(tmp_path):
    never = notebook("print(6 * 7)", None, count=None)
    assert nbval(never, tmp_path).returncode == 0  # it is executed, but nothing is compared
    assert not executed_in_order(never)
