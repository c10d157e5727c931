"""nbval notices a notebook that is not true: if these passed, its passing would mean nothing."""

import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest
from build import executed_in_order
from nbformat import NotebookNode


def notebook(code: str, printed: str | None, count: int | None = 1) -> NotebookNode:
    """One cell as it is stored, with the text that it is said to have printed."""
    outputs = [nbformat.v4.new_output("stream", text=printed)] if printed else []
    cell = nbformat.v4.new_code_cell(code, execution_count=count, outputs=outputs)
    return nbformat.v4.new_notebook(cells=[cell])


HONEST = {"honest": notebook("print(6 * 7)", "42\n")}
NEVER_EXECUTED = {"never_executed": notebook("print(6 * 7)", None, count=None)}
NOT_TRUE = {
    "changed_output": (notebook("print(6 * 7)", "41\n"), "mismatch 'stdout'"),
    "exception": (notebook("1 / 0", None), "ZeroDivisionError"),
    "no_stored_output": (notebook("print(6 * 7)", None), "Unexpected output fields"),
    "no_output_any_more": (notebook("pass", "42\n"), "Missing output fields"),
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """What nbval says of each notebook, "" of one that passes."""
    directory = tmp_path_factory.mktemp("canaries")
    stored = HONEST | NEVER_EXECUTED | {name: node for name, (node, _) in NOT_TRUE.items()}
    for name, node in stored.items():
        nbformat.write(node, directory / f"{name}.ipynb")
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "--junitxml=report.xml"]
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=directory, capture_output=True)
    report = ElementTree.parse(directory / "report.xml")
    said = {
        case.get("classname").removesuffix(".ipynb"): case.findtext("failure", default="")
        for case in report.iter("testcase")
    }
    assert said.keys() == stored.keys()
    return said


def test_an_honest_notebook_passes(failures):
    assert failures["honest"] == ""


@pytest.mark.parametrize("name", NOT_TRUE)
def test_a_notebook_that_is_not_true_fails(failures, name):
    _, message = NOT_TRUE[name]
    assert message in failures[name]


def test_only_our_own_check_notices_a_cell_that_was_never_executed(failures):
    assert failures["never_executed"] == ""  # it is executed, but nothing is compared
    assert not executed_in_order(NEVER_EXECUTED["never_executed"])
