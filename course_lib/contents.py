"""How notebooks are opened in the JupyterLab that `course lab` starts."""

from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
from ipykernel.ipkernel import IPythonKernel
from jupytext.async_contentsmanager import AsyncTextFileContentsManager
from nbformat.sign import NotebookNotary

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


class Contents(AsyncTextFileContentsManager):
    """Files, and notebooks of Python as the kernel will find them."""

    async def get(self, path: str, *args: Any, **options: Any) -> dict[str, Any]:
        """The file as Jupyter's contents manager gives it, a notebook of Python `as_found`."""
        model = await super().get(path, *args, **options)
        notebook = model["content"]
        if model["type"] == "notebook" and notebook:
            if notebook["metadata"].get("kernelspec", {}).get("name") == "python3":
                name_language(notebook)
            if not await self._runs(path):
                drop_lost_widgets(notebook)
        return model

    async def _runs(self, path: str) -> bool:
        """Whether the notebook has a kernel, in which its widgets may be alive."""
        sessions = await self.parent.session_manager.list_sessions()
        return path.strip("/") in {session["path"] for session in sessions}


def trust(folder: Path) -> None:
    """Let JupyterLab show the stored widgets of a folder's notebooks before anything has run.

    What is stored can do what running the cells can do, so only a user's own files are signed, as
    `jupyter trust` would.
    """
    notary = NotebookNotary()
    with closing(notary.store):
        for path in sorted(folder.glob("*.ipynb")):
            notary.sign(nbformat.read(path, as_version=4))


def name_language(notebook: dict[str, Any]) -> None:
    """Describe the language as the kernel will, exact version included.

    JupyterLab writes that into the notebook once the kernel has started. If it were anything new,
    a chapter would count as changed as soon as it is opened, and closing it would raise the
    question whether to save it. The stored chapters name no version.
    """
    notebook["metadata"]["language_info"] = dict(IPythonKernel.language_info)


def drop_lost_widgets(notebook: dict[str, Any]) -> None:
    """Leave of widgets that ended with their kernel what still can be shown: picture and text.

    JupyterLab would say "Error displaying widget: model not found" in their place.
    """
    stored = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(VIEW)
            if view and view["model_id"] not in stored:
                del output["data"][VIEW]
