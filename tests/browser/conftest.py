"""JupyterLab and Chromium for the tests of this folder."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
TOKEN = "course"
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


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab on a copy of the chapters, without any settings of the user."""
    home = tmp_path_factory.mktemp("lab")
    chapters = shutil.copytree(CHAPTERS, home / "chapters")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (home / "log").open("w", encoding="utf-8")
    server = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
            f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
        ],
        cwd=chapters,
        env=os.environ | {"JUPYTER_CONFIG_DIR": str(home / "config")},
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
            assert server.poll() is None, f"JupyterLab ended: {(home / 'log').read_text('utf-8')}"
            assert time.monotonic() < deadline, "JupyterLab does not answer"
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(30)
    log.close()


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by Playwright; skipped, with the reason, where one is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_chapter(lab, browser):
    """A function that opens a chapter in JupyterLab, with its kernel connected and idle."""
    pages = []

    def open_it(chapter):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        pages.append(page)
        page.goto(f"{lab}/lab/tree/{chapter}.ipynb?reset&token={TOKEN}")  # alone in the workspace
        page.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell?.currentWidget;
                const kernel = panel?.sessionContext?.session?.kernel;
                const loaded = panel?.content?.widgets?.length === panel?.model?.cells?.length;
                return panel?.context?.isReady && loaded &&
                    kernel?.connectionStatus === "connected" && kernel?.status === "idle";
            }""",
            timeout=120_000,
        )
        return page

    yield open_it
    for page in pages:
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.close()
