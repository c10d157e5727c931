"""A notebook is opened as its kernel will describe it, and without widgets that have ended."""

import asyncio
from types import SimpleNamespace

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel
from traitlets.config import Configurable

from course_lib.contents import STATE, VIEW, Contents

SPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
OTHER = {"name": "ir", "display_name": "R", "language": "R"}


def view(model, **more):
    data = {VIEW: {"model_id": model}, "text/plain": "a widget", **more}
    return nbformat.v4.new_output("display_data", data=data)


@pytest.fixture
def folder(tmp_path):
    """Notebooks of Python and R, one without metadata, one with widgets, and a text."""
    described = {
        "ours": {"kernelspec": SPEC, "language_info": {"name": "python"}},
        "theirs": {"kernelspec": OTHER, "language_info": {"name": "R"}},
        "bare": {},
        "widgets": {"kernelspec": SPEC, "widgets": {STATE: {"state": {"stored": {}}}}},
    }
    outputs = [view("stored"), view("ended"), view("", **{"image/png": "iVBO"})]
    cells = [nbformat.v4.new_markdown_cell(), nbformat.v4.new_code_cell(outputs=outputs)]
    for name, metadata in described.items():
        notebook = nbformat.v4.new_notebook(metadata=metadata, cells=cells)
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    (tmp_path / "text.txt").write_text("a text", "utf-8")
    return tmp_path


def opened(folder, name, running=(), **options):
    """What the server answers while notebooks have kernels."""

    async def sessions():
        return [{"path": path} for path in running]

    class Server(Configurable):
        session_manager = SimpleNamespace(list_sessions=sessions)

    return asyncio.run(Contents(root_dir=str(folder), parent=Server()).get(name, **options))


def test_a_notebook_of_python_names_this_python(folder):
    before = (folder / "ours.ipynb").read_bytes()
    metadata = opened(folder, "ours.ipynb")["content"]["metadata"]
    assert metadata == {"kernelspec": SPEC, "language_info": IPythonKernel.language_info}
    assert (folder / "ours.ipynb").read_bytes() == before


def test_other_notebooks_and_files_stay_as_they_are(folder):
    metadata = opened(folder, "theirs.ipynb")["content"]["metadata"]
    assert metadata == {"kernelspec": OTHER, "language_info": {"name": "R"}}
    assert "language_info" not in opened(folder, "bare.ipynb")["content"]["metadata"]
    assert opened(folder, "text.txt")["content"] == "a text"
    assert opened(folder, "ours.ipynb", content=False)["content"] is None
    assert {model["name"] for model in opened(folder, "")["content"]} >= {"ours.ipynb", "text.txt"}


@pytest.mark.parametrize(
    ("running", "kept"),
    [([], ["stored"]), (["other.ipynb"], ["stored"]), (["widgets.ipynb"], ["stored", "ended", ""])],
)
def test_widgets_that_ended_with_their_kernel_are_left_out(folder, running, kept):
    notebook = opened(folder, "/widgets.ipynb", running)["content"]
    outputs = notebook["cells"][1]["outputs"]
    assert [o["data"][VIEW]["model_id"] for o in outputs if VIEW in o["data"]] == kept
    assert [o["data"]["text/plain"] for o in outputs] == ["a widget"] * 3
    assert outputs[2]["data"]["image/png"]
