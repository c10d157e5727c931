"""The wheel: what is built and installed elsewhere has its data with it and needs no repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parent.parent
USE = """
import sys, course_lib
from course_lib.datasets import load
from course_lib.errata import errata
from course_lib.models import VAE
from course_lib.training import fit
from course_lib.widgets import GaussianKL

print(course_lib.__file__)
print([len(load(name, split)) for name in ("glyphs", "faces") for split in ("train", "test")])
print(len(errata()))
GaussianKL(2.0)  # its JavaScript and styles are there
images = load("glyphs", "test").images[:200]
history = fit(VAE.dense((1, 28, 28), 2, hidden=(16,)), images, epochs=5)
print(history.terms["total"][-1] < history.terms["total"][0])
"""


def pip(*arguments: str | Path) -> None:
    """pip, which may use no network and nothing but what this environment has."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that no build/ of an earlier day is packed and none is left here."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    for licence in REPOSITORY.glob("LICENSE*"):
        shutil.copy(licence, source)
    without = shutil.ignore_patterns("__pycache__", "mnist", "fashion-mnist")
    shutil.copytree(REPOSITORY / "course_lib", source / "course_lib", ignore=without)
    built = tmp_path_factory.mktemp("built")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", built, source)
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_works_elsewhere(wheel, tmp_path):
    """Installed into an empty folder, which comes before the packages of this environment."""
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip("install", "--no-deps", "--no-index", "--target", installed, wheel)
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    where, sizes, entries, learned = done.stdout.splitlines()[-4:]
    assert Path(where).parent == installed / "course_lib"  # and not that of the repository
    assert sizes == "[8000, 2000, 3200, 800]"
    assert int(entries) > 100
    assert learned == "True"


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    """Every file that git would keep, and no test, no chapter, no download."""
    packed = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    outside = {path for path in packed if path.parts[0] != "course_lib"}
    assert {path.parts[0].rpartition(".")[2] for path in outside} == {"dist-info"}
    files = (REPOSITORY / "course_lib").rglob("*")
    kept = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(REPOSITORY) for path in kept} == packed - outside


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 12e6  # 7 MB of it weights that a reader would wait for
