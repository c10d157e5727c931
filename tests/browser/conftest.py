"""JupyterLab and Chromium for the tests of this folder."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from build import METADATA

from course_lib.__main__ import CONTENTS
from course_lib.contents import trust

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
TOKEN = "course"
USERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")  # nothing of the user's own is read or written
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def screenshots(request, tmp_path_factory):
    """Where to save pictures: what --screenshots names, else a temporary folder."""
    folder = Path(request.config.getoption("--screenshots") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(exist_ok=True, parents=True)
    return folder


@contextmanager
def served(home, module, *options):
    """The address of a Jupyter server on home/chapters, without any settings of the user."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (home / f"log-{module}").open("w", encoding="utf-8")
    server = subprocess.Popen(
        [
            sys.executable, "-m", module, "--no-browser", "--allow-root", f"--port={port}",
            f"--IdentityProvider.token={TOKEN}", CONTENTS, *options,
        ],
        cwd=home / "chapters",
        env=os.environ | {name: str(home / "user") for name in USERS},
        stdout=log,
        stderr=log,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5)
            break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            said = (home / f"log-{module}").read_text("utf-8")
            assert server.poll() is None, f"{module} ended: {said}"
            assert time.monotonic() < deadline, f"{module} does not answer"
            time.sleep(0.5)
    try:
        yield address
    finally:
        server.terminate()
        server.wait(30)
        log.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder with a copy of the chapters, which its user trusts, as after `course lab`."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(CHAPTERS, folder / "chapters")
    with pytest.MonkeyPatch.context() as patch:
        for name in USERS:
            patch.setenv(name, str(folder / "user"))
        trust(folder / "chapters")
    return folder


@pytest.fixture
def write_notebook(home):
    """A function that writes a notebook of these cells beside the chapters."""

    def write(name, *cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata = nbformat.from_dict(METADATA)
        nbformat.write(notebook, home / "chapters" / f"{name}.ipynb")

    return write


@pytest.fixture(scope="session")
def lab(home):
    """The address of a JupyterLab on a copy of the chapters."""
    with served(home, "jupyterlab", "--LabApp.expose_app_in_browser=True") as address:
        yield f"{address}/lab/tree"


@pytest.fixture(scope="session")
def notebook7(home):
    """The address of a Notebook 7 on a copy of the chapters."""
    pytest.importorskip("notebook", minversion="7", reason="Notebook 7 is not installed")
    option = "--JupyterNotebookApp.expose_app_in_browser=True"
    with served(home, "notebook", option) as address:
        yield f"{address}/notebooks"


OPENED = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    const loaded = panel?.content?.widgets?.length === panel?.model?.cells?.length;
    return panel?.context?.isReady && loaded &&
        kernel?.connectionStatus === "connected" && kernel?.status === "idle";
}"""


@pytest.fixture
def open_notebook(chromium):
    """A function that opens a notebook, with its kernel connected and idle."""
    from playwright.sync_api import TimeoutError as TooLate

    pages = []

    def open_it(address, name):
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        pages.append(page)
        page.goto(f"{address}/{name}.ipynb?reset&token={TOKEN}")  # alone in the workspace
        for patience in (60_000, 60_000, 120_000):
            try:
                page.wait_for_function(OPENED, timeout=patience)
                break
            except TooLate:  # on a busy machine JupyterLab may miss that its kernel is ready
                page.reload()
        else:
            raise AssertionError(f"{name} has no kernel that is connected and idle")
        return page

    yield open_it
    for page in pages:
        page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
        page.close()


@pytest.fixture
def open_chapter(lab, open_notebook):
    """A function that opens a chapter in JupyterLab, with its kernel connected and idle."""
    return lambda chapter: open_notebook(lab, chapter)
