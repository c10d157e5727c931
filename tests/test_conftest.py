"""In CI, skipped tests fail unless they lack data; test processes have one thread, no windows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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
FOR_LACK_OF_DATA = {
    "real": "def test_it(real_files): pass",
    "real_again": "def test_it(real_files): pass\ndef test_once_more(real_files): pass",
    "sprites": "def test_it(sprites_file): pass",
    "sources": "def test_it(source_documents): pass",
}
HONEST = {
    "passes": "def test_it(): pass",
    "expected_failure": "@pytest.mark.xfail\ndef test_it(): assert False",
}


def run(directory: Path, ci: bool, *options: str, **variables: str) -> subprocess.CompletedProcess:
    own = "CI", "COURSE_DATA_DIR", "COURSE_REQUIRE_DATA"
    if "--nbval" not in options:  # importing it takes three seconds, in every worker
        options = (*options, "-p", "no:nbval")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options],
        cwd=directory,
        env=environment | ({"CI": "true"} if ci else {}) | variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def write(directory: Path, bodies: dict[str, str]) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), directory)
    for name, body in bodies.items():
        (directory / f"test_{name}.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")


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


@pytest.mark.parametrize("workers", ["0", "2"])
def test_lack_of_data_is_a_skip_with_its_reason_even_in_ci(tmp_path, workers):
    write(tmp_path, FOR_LACK_OF_DATA | {"mark": SKIPS["mark"]})
    nowhere = tmp_path / "nowhere" / "data"
    result = run(tmp_path, True, "--numprocesses", workers, COURSE_DATA_DIR=str(nowhere))
    assert " 5 skipped, 1 error in" in result.stdout
    assert f"{nowhere / 'mnist'} does not exist, but COURSE_DATA_DIR={nowhere}" in result.stdout
    assert f"{nowhere / 'dsprites' / 'dsprites_subset.npz'} is not here" in result.stdout
    assert f"{nowhere.with_name('sources')} is not here" in result.stdout


def test_without_a_network_the_reason_is_that_no_mirror_answers(tmp_path):
    write(tmp_path, {"real": FOR_LACK_OF_DATA["real"]})
    with (tmp_path / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(
            "from course_lib.datasets import MIRRORS\n"
            "MIRRORS.update(dict.fromkeys(MIRRORS, ('http://127.0.0.1:9/',)))\n"
        )
    cache = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    result = run(tmp_path, True, "--numprocesses", "0", **cache, NO_PROXY="127.0.0.1")
    assert " 1 skipped in" in result.stdout
    assert "No mirror delivered" in result.stdout


@pytest.mark.parametrize("ci", [True, False])
def test_lack_of_data_that_is_required_is_a_failure(tmp_path, ci):
    write(tmp_path, FOR_LACK_OF_DATA)
    variables = {"COURSE_DATA_DIR": str(tmp_path / "nowhere"), "COURSE_REQUIRE_DATA": "1"}
    result = run(tmp_path, ci, "--numprocesses", "0", **variables)
    assert " 5 errors in" in result.stdout
    assert result.stdout.count("COURSE_REQUIRE_DATA is set, but ") >= 5


def test_what_is_not_a_skip_passes_in_ci(tmp_path):
    write(tmp_path, HONEST)
    assert " 1 passed, 1 xfailed in" in run(tmp_path, True).stdout


def test_a_skipped_cell_outside_the_folder_of_conftest_fails_in_ci(tmp_path):
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["nbval-skip"]})
    (tmp_path / "tests").mkdir()
    (tmp_path / "chapters").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.write(notebook, tmp_path / "chapters" / "skipping.ipynb")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests chapters\n", encoding="utf-8")
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "tests")
    result = run(tmp_path / "tests", True, "..", "--nbval", "--nbval-current-env")
    assert result.returncode == 1
    assert "a failure in CI" in result.stdout


def test_workers_begin_with_the_longest_files(pytestconfig, monkeypatch):
    ours = pytestconfig.pluginmanager.get_plugin(str(Path(__file__).with_name("conftest.py")))
    root = Path(__file__).parent.parent
    assert all((root / path).exists() for path in ours.LONGEST)
    paths = ["tests/a.py::b", *(f"{path}::b" for path in reversed(ours.LONGEST)), "tests/a.py::c"]
    for worker, expected in (("", paths), ("gw1", [*paths[-2:0:-1], paths[0], paths[-1]])):
        if worker:
            monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        else:
            monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
        items = [SimpleNamespace(nodeid=path) for path in paths]
        ours.pytest_collection_modifyitems(items)
        assert [item.nodeid for item in items] == expected


def test_processes_are_calm():
    assert torch.get_num_threads() == 1
    assert matplotlib.get_backend().lower() == "agg"
    assert "MPLBACKEND" not in os.environ
