"""Running a chapter as a script, in a process of its own.

Where the system can fork, the process is forked from one with all imports done.
"""

import contextlib
import multiprocessing
import os
import re
import runpy
import traceback
from pathlib import Path

import matplotlib
import torch

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
SOURCES = [  # without the appendix, which claims nothing that a seed could change
    path
    for path in sorted(CHAPTERS.glob("source/*.py"))
    if "\nclaim(" in path.read_text(encoding="utf-8")
]

SEED = re.compile(r"^seed = 0\b", re.MULTILINE)

CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()  # Windows cannot
PROCESSES = multiprocessing.get_context("forkserver" if CAN_FORK else "spawn")
if CAN_FORK:
    # Importing takes longer than some chapters; torch._dynamo is what the first optimizer imports.
    PROCESSES.set_forkserver_preload(
        ["course_lib.widgets", "course_lib.exercises", "torch._dynamo", "sklearn.ensemble"]
    )


def assert_all_claims_hold_with(seed, chapter, folder):
    """Run a chapter, seed = 0 replaced."""
    text, replaced = SEED.subn(f"seed = {seed}", chapter.read_text(encoding="utf-8"))
    assert replaced == 1, f"{chapter.name} must set its seed once, in a line that begins seed = 0"
    assert_all_claims_hold(text, folder / chapter.name)


def assert_all_claims_hold(text, script, **environment):
    """Run a chapter, and count what it claims."""
    script.write_text(text, encoding="utf-8")
    log = script.with_suffix(".log")
    process = PROCESSES.Process(target=run, args=(script, log, environment))
    process.start()
    process.join()
    printed = log.read_text(encoding="utf-8")
    assert process.exitcode == 0, printed[-5000:]
    assert printed.count("✓ ") == len(re.findall(r"^claim\(", text, re.MULTILINE))


def run(script, log, environment):
    """What the process does; all that is printed goes into the log."""
    os.environ |= environment
    os.chdir(CHAPTERS)
    torch.set_num_threads(1)
    matplotlib.use("agg")
    with (
        log.open("w", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            runpy.run_path(str(script))
        except BaseException:
            traceback.print_exc()
            raise SystemExit(1) from None
