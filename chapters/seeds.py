"""Run chapters as scripts with other seeds, and keep what their claims measured.

python chapters/seeds.py 07_variational_autoencoder measures one chapter with the seeds 0 to 4,
without a name all, and writes course_lib/data/claims.json, which the claims show.
"""

import contextlib
import json
import multiprocessing
import os
import re
import runpy
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import matplotlib
import torch
import typer
from build import CLAIM

from course_lib.notebook.claims import MEASURED

CHAPTERS = Path(__file__).resolve().parent
KEPT = CHAPTERS.parent / "course_lib" / "data" / "claims.json"
SEEDS = range(5)
SEED = re.compile(r"^seed = 0\b", re.MULTILINE)
SOURCES = [  # without the appendix, which claims nothing that a seed could change
    path
    for path in sorted(CHAPTERS.glob("source/*.py"))
    if CLAIM.search(path.read_text(encoding="utf-8"))
]

CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()  # Windows cannot
PROCESSES = multiprocessing.get_context("forkserver" if CAN_FORK else "spawn")
if CAN_FORK:
    # Importing takes longer than some chapters; torch._dynamo is what the first optimizer imports.
    PROCESSES.set_forkserver_preload(
        ["course_lib.widgets", "course_lib.exercises", "torch._dynamo", "sklearn.ensemble"]
    )


def with_seed(seed: int, chapter: Path) -> str:
    """The chapter's text, seed = 0 replaced."""
    text, replaced = SEED.subn(f"seed = {seed}", chapter.read_text(encoding="utf-8"))
    if replaced != 1:
        raise ValueError(f"{chapter.name} must set its seed once, in a line that begins seed = 0")
    return text


def measure(text: str, script: Path, **environment: str) -> dict[str, float]:
    """Run a chapter in a process of its own; what each of its claims measured.

    Raises AssertionError with what was printed when the chapter fails.
    """
    script.write_text(text, encoding="utf-8")
    log, result = script.with_suffix(".log"), script.with_suffix(".json")
    result.unlink(missing_ok=True)
    process = PROCESSES.Process(target=_run, args=(script, log, result, environment))
    process.start()
    process.join()
    # Not by process.exitcode: a start in another thread asks for it as well, and one of the two who
    # ask at the same time is told 255.
    if not result.exists():
        raise AssertionError(log.read_text(encoding="utf-8")[-5000:])
    return json.loads(result.read_text(encoding="utf-8"))


def _run(script: Path, log: Path, result: Path, environment: dict[str, str]) -> None:
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
    result.write_text(json.dumps(MEASURED), encoding="utf-8")


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Chapters, by default all.")] = None,
) -> None:
    """Measure the claims of these chapters with five seeds, and keep what they say."""
    for chapter in SOURCES:
        if names and chapter.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            scripts = [Path(folder, f"{seed}.py") for seed in SEEDS]
            texts = [with_seed(seed, chapter) for seed in SEEDS]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                runs = list(pool.map(measure, texts, scripts))
        kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
        kept |= {name: [float(f"{run[name]:.3g}") for run in runs] for name in runs[0]}
        claimed = [n for path in SOURCES for n in CLAIM.findall(path.read_text("utf-8"))]
        rows = [f'"{n}": {json.dumps(kept[n])}' for n in claimed if n in kept]
        KEPT.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
        print(chapter.stem, len(runs[0]), "claims")


if __name__ == "__main__":
    typer.run(main)
