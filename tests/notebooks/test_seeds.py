"""Every claim of every chapter holds for five seeds: nbval runs seed 0, these tests the others."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
SEED = re.compile(r"^seed = 0\b", re.MULTILINE)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("chapter", sorted(CHAPTERS.glob("source/*.py")), ids=lambda p: p.stem)
def test_all_claims_hold_with_another_seed(chapter, seed, tmp_path):
    text, replaced = SEED.subn(f"seed = {seed}", chapter.read_text(encoding="utf-8"))
    assert replaced == 1, f"{chapter.name} must set its seed once, in a line that begins seed = 0"
    script = tmp_path / chapter.name
    script.write_text(text, encoding="utf-8")
    # IPython and not Python, because chapters display what they show.
    run = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", str(script)],
        cwd=CHAPTERS,
        env=os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert run.stdout.count("✓ ") == len(re.findall(r"^claim\(", text, re.MULTILINE))
