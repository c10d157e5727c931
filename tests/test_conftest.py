"""In CI, skipped tests fail; test processes have one thread and open no windows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbformat
import pytest
import torch

pytestmark = pytest.mark.slow

SKIPS = {
    "mark": "@pytest.mark.skip(reason='tired: mark')\ndef test_it(): pass",
    "call": "def test_it(): pytest.skip('tired: call')",
    "fixture": "@pytest.fixture\ndef f(): pytest.skip('tired: fixture')\ndef test_it(f): pass",
    "module": "pytest.skip('tired: module', allow_module_level=True)",
    "import": "pytest.importorskip('no_such_module', reason='tired: import')",
}
HONEST = {
    "passes": "def test_it(): pass",
    "expected_failure": "@pytest.mark.xfail\ndef test_it(): assert False",
}


def run(directory: Path, ci: bool, *options: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options],
        cwd=directory,
        env=environment | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
    )


def write(directory: Path, bodies: dict[str, str]) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), directory)
    for name, body in bodies.items():
        (directory / f"test_{name}.py").write_text(f"import pytest\n{body}\n", "utf-8")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_every_kind_of_skip_fails_in_ci(tmp_path, workers):
    write(tmp_path, SKIPS)
    options = "--continue-on-collection-errors", "--numprocesses", workers
    result = run(tmp_path, True, *options)
    assert result.returncode == 1
    assert " 1 failed, 4 errors" in result.stdout
    for kind in SKIPS:
        assert f"a failure in CI: Skipped: tired: {kind}" in result.stdout


def test_elsewhere_a_skip_is_only_a_skip(tmp_path):
    write(tmp_path, SKIPS)
    assert " 5 skipped in" in run(tmp_path, False).stdout


def test_what_is_not_a_skip_passes_in_ci(tmp_path):
    write(tmp_path, HONEST)
    assert " 1 passed, 1 xfailed in" in run(tmp_path, True).stdout


def test_a_skipped_cell_outside_the_folder_of_conftest_fails_in_ci(tmp_path):
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["nbval-skip"]})
    (tmp_path / "tests").mkdir()
    (tmp_path / "chapters").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.write(notebook, tmp_path / "chapters" / "skipping.ipynb")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests chapters\n", "utf-8")
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "tests")
    result = run(tmp_path / "tests", True, "..", "--nbval", "--nbval-current-env")
    assert result.returncode == 1
    assert "a failure in CI" in result.stdout


def test_processes_are_calm():
    assert torch.get_num_threads() == 1
    assert matplotlib.get_backend().lower() == "agg"
    assert "MPLBACKEND" not in os.environ
