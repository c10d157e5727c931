"""Running a chapter as a script."""

import os
import re
import subprocess
import sys
from pathlib import Path

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
SOURCES = [  # without the appendix, which claims nothing that a seed could change
    path
    for path in sorted(CHAPTERS.glob("source/*.py"))
    if "\nclaim(" in path.read_text(encoding="utf-8")
]

SEED = re.compile(r"^seed = 0\b", re.MULTILINE)


def assert_all_claims_hold_with(seed, chapter, folder):
    """Run a chapter, seed = 0 replaced."""
    text, replaced = SEED.subn(f"seed = {seed}", chapter.read_text(encoding="utf-8"))
    assert replaced == 1, f"{chapter.name} must set its seed once, in a line that begins seed = 0"
    assert_all_claims_hold(text, folder / chapter.name)


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
