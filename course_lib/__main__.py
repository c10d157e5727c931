"""The command line: `course` or `python -m course_lib`, on every system and without make."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from course_lib.grading import commands

ROOT = Path(__file__).resolve().parents[1]
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
SLOW = ("tests/notebooks", "tests/browser")  # the other slow tests are marked
CONTENTS = "--ServerApp.contents_manager_class=course_lib.contents.Contents"

app = typer.Typer(
    help="From Autoencoders to VQ-VAE: read, test and build the course, hand out its exercises.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    commands.bank,
    commands.assign,
    commands.grade,
    commands.export,
    commands.nbgrader,
    commands.nbgrader_grades,
):
    app.command()(command)


@app.command(context_settings=PASSED_ON)
def lab(context: typer.Context) -> None:
    """Open chapter 0 in JupyterLab; its own options, such as --no-browser, are passed on."""
    # The root is the project and not chapters/, so that links to tests open.
    from course_lib.contents import trust

    trust(repository() / "chapters")
    first = (CONTENTS, "--ServerApp.root_dir=.", "chapters/00_start_here.ipynb")
    run("-m", "jupyterlab", *first, *context.args, folder=repository())


@app.command(context_settings=PASSED_ON)
def test(context: typer.Context) -> None:
    """Run all tests, the notebooks included; pytest's own options and files are passed on."""
    run("-m", "pytest", *context.args, folder=repository())


@app.command(context_settings=PASSED_ON)
def quick(context: typer.Context) -> None:
    """Run the tests for while you work: no notebooks, no browser, no long trainings."""
    ignored = [f"--ignore={folder}" for folder in SLOW]
    run("-m", "pytest", "tests", "-m", "not slow", *ignored, *context.args, folder=repository())


@app.command()
def notebooks(
    everything: Annotated[bool, typer.Option("--all", help="Also the unchanged ones.")] = False,
) -> None:
    """Execute the chapters whose text has changed and write their notebooks."""
    run("chapters/build.py", *["--all"] * everything, folder=repository())


@app.command()
def site() -> None:
    """Build the web site of the course, the folder _site, from the executed notebooks."""
    root = repository()
    shutil.rmtree(root / "_site", ignore_errors=True)
    with TemporaryDirectory() as work:
        (Path(work) / "source").mkdir()
        run(*sphinx(Path(work), root / "_site"), folder=root)


@app.command(context_settings=PASSED_ON)
def html(context: typer.Context) -> None:
    """Make a page that needs no network of each notebook; nbconvert's options are passed on."""
    config = repository() / "docs" / "site" / "offline" / "config.py"
    run("-m", "nbconvert", "--to", "html", "--config", str(config), *context.args)


def sphinx(work: Path, out: Path) -> list[str]:
    """How Sphinx is called: docs/site/conf.py fills the folder work/source, which it then reads."""
    strict = ("--fresh-env", "--fail-on-warning", "--keep-going", "--quiet")
    folders = ("-c", "docs/site", "-d", work / "doctrees", work / "source", out)
    return ["-m", "sphinx", *strict, *map(str, folders)]


@app.command(context_settings=PASSED_ON)
def bench(context: typer.Context) -> None:
    """Measure how fast the code is; pytest's own options are passed on."""
    # Benchmarks need the machine to themselves: one process and no notebooks.
    options = ("--override-ini", "python_files=bench_*.py", "--numprocesses", "0")
    run("-m", "pytest", "tests/benchmarks", *options, *context.args, folder=repository())


@app.command(context_settings=PASSED_ON, add_help_option=False)
def mnist(context: typer.Context) -> None:
    """Train a VAE on MNIST for five minutes and measure it; --help lists the options."""
    run("-m", "course_lib.mnist_likelihood", *context.args)


@app.command(context_settings=PASSED_ON, add_help_option=False)
def labels(context: typer.Context) -> None:
    """Classify MNIST with 100 labels in five minutes and count errors; --help lists the options."""
    run("-m", "course_lib.mnist_labels", *context.args)


@app.command(context_settings=PASSED_ON, add_help_option=False)
def outliers(context: typer.Context) -> None:
    """Train a VAE on clothes and ask whether digits are strange; --help lists the options."""
    run("-m", "course_lib.mnist_outliers", *context.args)


def repository() -> Path:
    """The folder with chapters/ and tests/; ends with a message where the package is alone."""
    if (ROOT / "chapters" / "source").is_dir() and (ROOT / "tests").is_dir():
        return ROOT
    print(
        "error: this command needs the chapters and tests, which the installed package does not "
        "hold: get the course's repository and install it there with pip install -e '.[lab,test]'",
        file=sys.stderr,
    )
    raise typer.Exit(2)


def run(*arguments: str, folder: Path | None = None) -> None:
    """Run this Python with the arguments, in a folder, and end as it ends."""
    tolerant = {"PYTHONIOENCODING": f"{sys.stdout.encoding}:{sys.stdout.errors}"}
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=os.environ | tolerant)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # nothing is left behind
    while True:
        try:
            raise typer.Exit(process.wait())
        except KeyboardInterrupt:  # the process hears it too: JupyterLab asks, pytest reports
            continue


def tolerate_any_terminal() -> None:
    """Print a character that the terminal does not have as \\u2212: no traceback for a minus.

    That is what Python does on stderr anyway. The course prints Greek letters and signs, and a
    pipe or a log on Windows may know none of them.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def main() -> None:
    """What `course` and `python -m course_lib` call."""
    tolerate_any_terminal()
    app(prog_name="course")


if __name__ == "__main__":
    main()
