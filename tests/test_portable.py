"""What works on Linux alone: texts in an encoding that is the system's, renames, signs, signals."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course_lib import __main__ as cli
from course_lib.exercises import bank

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for folder in ("course_lib", "chapters", "data", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
OTHER_OPENS = {"Image", "gzip", "tarfile", "zipfile"}  # their files are bytes unless asked


# Text files


def texts_without_encoding(text: str) -> list[str]:
    """The calls that read or write text as the system happens to encode it."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if lacks_encoding(call)]


def lacks_encoding(call: ast.Call) -> bool:
    """Whether the call handles text and says nothing of its encoding."""
    function, keywords = call.func, {keyword.arg: keyword.value for keyword in call.keywords}
    method = function.attr if isinstance(function, ast.Attribute) else ""
    name = function.id if isinstance(function, ast.Name) else method
    place = {"read_text": 0, "write_text": 1, "open": 2 if method else 3, "fdopen": 3}.get(name)
    if place is None or "encoding" in keywords or len(call.args) > place:
        return False
    if name in {"read_text", "write_text"}:
        return True
    if isinstance(function, ast.Attribute) and ast.unparse(function.value) in OTHER_OPENS:
        return False
    mode = keywords.get("mode", (call.args[0 if place == 2 else 1 :] or [None])[0])
    return mode is None or "b" not in ast.literal_eval(mode)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_has_an_encoding(path):
    assert texts_without_encoding(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "bad",
    [
        "path.read_text()", "path.write_text('a')", "path.write_text('a', newline='')",
        "open(path)", "open(path, 'w')", "open(path, mode='a')", "path.open()", "path.open('w')",
        "(folder / 'a').open(mode='r')", "os.fdopen(number, 'w')", "f(path.with_name('a').open())",
    ],
)  # fmt: skip
def test_a_text_without_encoding_is_found(bad):
    assert len(texts_without_encoding(bad)) == 1


@pytest.mark.parametrize(
    "good",
    [
        "path.read_text('utf-8')", "path.read_text(encoding=name)", "path.write_text('a', 'utf-8')",
        "open(path, 'rb')", "open(path, encoding='utf-8')", "open(path, 'w', 1, 'utf-8')",
        "path.open('xb')", "path.open('w', encoding='utf-8')", "path.read_bytes()",
        "Image.open(path)", "gzip.open(path)", "os.fdopen(number, 'wb')",
    ],
)  # fmt: skip
def test_bytes_and_named_encodings_are_no_problem(good):
    assert texts_without_encoding(good) == []


def test_nothing_is_renamed_onto_what_may_exist():
    """Path.rename fails on Windows where Path.replace does what is meant."""
    library = [path for path in SOURCES if path.is_relative_to(ROOT / "course_lib")]
    assert [path.name for path in library if ".rename(" in path.read_text("utf-8")] == []


# Terminals


def course(*arguments: str, encoding: str = "utf-8", **environment: str):
    """The command line in a process of its own, on a terminal with this encoding."""
    return subprocess.run(
        [sys.executable, "-m", "course_lib", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding} | environment,
        capture_output=True,
        encoding=encoding,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "command",
    [
        "--help", "bank", "assign", "grade", "export", "lab", "test", "quick", "notebooks", "site",
        "bench", "mnist",
    ],
)  # fmt: skip
def test_every_command_explains_itself_on_every_terminal(command, encoding):
    done = course(*dict.fromkeys([command, "--help"]), encoding=encoding)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "help" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_whole_bank_is_printed_on_every_terminal(encoding):
    listed = course("bank", encoding=encoding)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(bank())
    assert "The slope in \\u03bc" in listed.stdout  # two titles stay two titles
    shown = course("bank", *bank(), encoding=encoding)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(exercise.mistakes[-1].id in shown.stdout for exercise in bank().values())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_handing_out_and_grading_on_every_terminal(tmp_path, encoding):
    (tmp_path / "roster.csv").write_text("id,name\ns−1,Дарья\ns2,李雷\n", "utf-8")
    (tmp_path / "secret").write_bytes(b"0123456789abcdef" * 2)
    files = ["--roster", f"{tmp_path}/roster.csv", "--secret-file", f"{tmp_path}/secret"]
    name, out = "KL β", ["--out", f"{tmp_path}/β"]
    chosen = ["--exercises", "kl-from-logvar"]
    handed = course("assign", name, *files, *out, *chosen, encoding=encoding)
    assert handed.returncode == 0, handed.stderr
    (tmp_path / "β" / "s2.ipynb").unlink()
    returned = ["--submissions", f"{tmp_path}/β", "--out", f"{tmp_path}/γ"]
    graded = course("grade", name, *files, *returned, encoding=encoding)
    assert graded.returncode == 0, graded.stderr
    assert "1 of 2 students were graded" in graded.stdout
    refused = course("assign", name, *files, *out, "--exercises", "−", encoding=encoding)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_a_command_starts_prints_on_every_terminal_too(tmp_path, encoding):
    (tmp_path / "minus.py").write_text("print('\\u2212\\u03c3')\n", "utf-8")
    code = "from course_lib import __main__ as c; c.tolerate_any_terminal(); c.run('minus.py')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding=encoding,
    )
    assert done.stdout == "\\u2212\\u03c3\n"


# What the commands start


@pytest.fixture
def started(monkeypatch):
    """Run a command of the course and see what it would start: arguments and folder."""
    calls = []
    monkeypatch.setattr(cli, "run", lambda *words, folder=None: calls.append((words, folder)))

    def start(*arguments: str):
        calls.clear()
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0, done.output
        (call,) = calls
        return call

    return start


def test_options_of_the_started_program_are_passed_on(started):
    words, folder = started("lab", "--no-browser", "--port=9999")
    assert (words[:2], words[-2:]) == (("-m", "jupyterlab"), ("--no-browser", "--port=9999"))
    assert folder == ROOT
    assert started("test", "-k", "kl", "tests/models") == (
        ("-m", "pytest", "-k", "kl", "tests/models"), ROOT,
    )  # fmt: skip
    assert started("quick", "-x")[0][-1] == "-x"
    assert started("bench", "-k", "peers")[0][-2:] == ("-k", "peers")
    assert started("notebooks") == (("chapters/build.py",), ROOT)
    assert started("notebooks", "--all") == (("chapters/build.py", "--all"), ROOT)
    assert started("mnist", "--minutes", "1", "--help") == (
        ("-m", "course_lib.mnist_likelihood", "--minutes", "1", "--help"), None,
    )  # fmt: skip


def test_everything_that_is_started_exists():
    for name in (
        "chapters/build.py",
        "chapters/00_start_here.ipynb",
        "docs/site/conf.py",
        "tests/benchmarks",
        *cli.SLOW,
    ):
        assert (ROOT / name).exists()


@pytest.mark.parametrize("command", ["lab", "test", "quick", "notebooks", "site", "bench"])
def test_an_installed_package_says_what_it_lacks(command, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    done = CliRunner().invoke(cli.app, [command])
    assert done.exit_code == 2
    assert "this command needs the chapters and tests" in done.stderr


RUN = """
from course_lib import __main__ as cli
try:
    cli.run("script.py")
except cli.typer.Exit as end:
    raise SystemExit(end.exit_code)
"""
STARTED = """
import signal, time

def end(number, frame):
    time.sleep(1)
    raise SystemExit(number)

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def running(tmp_path):
    """A function that starts `run` on a script, in a process and a process group of its own."""

    def start(script: str) -> subprocess.Popen:
        (tmp_path / "script.py").write_text(script, "utf-8")
        return subprocess.Popen(
            [sys.executable, "-c", RUN],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    return start


def test_a_command_ends_as_what_it_started_ends(running):
    with running("raise SystemExit(5)") as process:
        assert process.wait(60) == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to signal")
def test_an_interrupt_is_left_to_what_was_started(running):
    """JupyterLab, for one, asks whether to stop; nobody may kill it meanwhile."""
    with running(STARTED) as process:
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == signal.SIGINT


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_a_command_that_is_ended_ends_what_it_started(running):
    with running(STARTED) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(60) == signal.SIGTERM
