"""Every claim holds for five seeds, of which nbval runs the first, and on MNIST."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
SOURCES = sorted(CHAPTERS.glob("source/*.py"))
SWITCHED = [path for path in SOURCES if "COURSE_DATASET" in path.read_text(encoding="utf-8")]
SEED = re.compile(r"^seed = 0\b", re.MULTILINE)


def assert_all_claims_hold(text, script, **environment):
    """Run a chapter as a script, by IPython because it displays what it shows."""
    script.write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", str(script)],
        cwd=CHAPTERS,
        env=os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert run.stdout.count("✓ ") == len(re.findall(r"^claim\(", text, re.MULTILINE))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("chapter", SOURCES, ids=lambda path: path.stem)
def test_all_claims_hold_with_another_seed(chapter, seed, tmp_path):
    text, replaced = SEED.subn(f"seed = {seed}", chapter.read_text(encoding="utf-8"))
    assert replaced == 1, f"{chapter.name} must set its seed once, in a line that begins seed = 0"
    assert_all_claims_hold(text, tmp_path / chapter.name)


@pytest.mark.parametrize("chapter", SWITCHED, ids=lambda path: path.stem)
def test_all_claims_hold_on_mnist(chapter, real_files, tmp_path):
    assert_all_claims_hold(
        chapter.read_text(encoding="utf-8"),
        tmp_path / chapter.name,
        COURSE_DATASET="mnist",
        COURSE_DATA_DIR=str(real_files),
    )
