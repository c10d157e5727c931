"""A bar moves while there is work, and is gone afterwards: on a terminal and in a kernel."""

import io
import re

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib import progress
from course_lib.progress import in_notebook

WORK = """
from course_lib.progress import progress
print("before")
with progress(total=3, desc="outer", mininterval=0) as outer:
    for _ in range(3):
        with progress(total=2, desc="inner", mininterval=0) as inner:
            inner.update()
            inner.update()
        outer.update()
print("after")
"""
INTERRUPTED = """
with progress(total=3, desc="outer") as outer:
    raise RuntimeError("stopped")
"""


@pytest.fixture(scope="module")
def seen():
    """The cells of a notebook that has run, and what was displayed on the way."""
    texts = []

    class Watching(NotebookClient):
        def process_message(self, message, cell, cell_index):
            if message["msg_type"] in ("display_data", "update_display_data"):
                texts.append(message["content"]["data"].get("text/plain", ""))
            return super().process_message(message, cell, cell_index)

    cells = [nbformat.v4.new_code_cell(source) for source in (WORK, INTERRUPTED)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    Watching(notebook, allow_errors=True).execute()
    return notebook, texts


def test_in_a_notebook_the_bar_moves(seen):
    _, texts = seen
    outer = [text for text in texts if text.startswith("outer")]
    steps = [re.search(r"(\d)/3", text)[1] for text in outer]
    assert steps[:4] == ["0", "1", "2", "3"]
    assert any("█" in text for text in outer)
    assert any(text.startswith("inner: 100%") for text in texts)
    assert not any("\r" in text or "\n" in text for text in texts)


def test_in_a_notebook_nothing_is_left(seen):
    notebook, _ = seen
    work, stopped = (cell.outputs for cell in notebook.cells)
    assert {output.output_type for output in work} == {"stream", "display_data"}
    assert all(output.data == {} for output in work if output.output_type == "display_data")
    assert [output.output_type for output in stopped] == ["display_data", "error"]
    assert stopped[0].data == {}
    assert not notebook.metadata.get("widgets")  # no widget was made


def test_on_a_terminal_it_is_tqdm(capsys):
    assert not in_notebook()
    with progress.progress(total=2, desc="work", mininterval=0, disable=False) as bar:
        bar.update()
        bar.update()
    said = capsys.readouterr()
    assert said.out == ""
    assert "\rwork:  50%" in said.err
    assert said.err.endswith("\r")
    assert said.err.split("\r")[-2].strip() == ""


def test_a_disabled_bar_displays_nothing(monkeypatch):
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", None)
    with progress.progress(total=2, disable=True) as bar:
        bar.update()


def test_a_bar_of_unknown_length_counts():
    line = io.StringIO()
    with progress.progress(total=None, desc="work", mininterval=0, disable=False, file=line) as bar:
        bar.update()
    assert "work: 1it" in line.getvalue()
