"""What stands in a returned notebook: its label, and what was typed into the answer cells.

The standard library is enough, and nothing is executed: the check cell of each notebook that is
handed out is a copy of this file, so that students see what the grader will.
"""

import json
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

FORMAT = 2  # of the label and the cells
KEY = "course"  # in the metadata of notebooks and cells
LARGEST_FILE = 50_000_000  # bytes; a notebook as handed out has some 30,000, a plot 50,000
LONGEST_CELL = 10_000  # characters of an answer cell that are looked at

ASSIGNED = re.compile(r"^[ \t]*answer[ \t]*=(?!=)", re.MULTILINE | re.IGNORECASE)
HINT = re.compile(r"^#[ \t]*(\S+): write[^\n]*", re.MULTILINE)  # the first line of an answer cell
LABEL = re.compile(r"<!-- course (\{(?:(?!<!--).)*?\}) -->", re.DOTALL)
NEW_LINE = re.compile(r"\r\n|\r|\n|\u2028|\u2029")
CLOSING = {'"': '"', "'": "'", "“": "”“", "”": "”", "„": "“”", "‘": "’", "’": "’", "«": "»"}


class UnusableFile(ValueError):
    """A file that cannot be graded; the message says why and what to do."""


@dataclass(frozen=True)
class Typed:
    """An answer cell. original: it still has its id, so it is no copy. unread: other text in it."""

    answer: str
    unread: str
    original: bool


@dataclass(frozen=True)
class Notebook:
    """What counts in a notebook.

    label: what it says about itself, not yet believed. answers: exercise → its answer cells.
    statements: exercise → digests of its statement. added: whether there is text in other cells.
    """

    label: Mapping[str, Any]
    answers: dict[str, list[Typed]] = field(default_factory=dict)
    statements: dict[str, list[str]] = field(default_factory=dict)
    added: bool = False


def read_notebook(path: Path) -> Notebook:
    """A notebook in format 4, whatever its file is called.

    Raises UnusableFile when it is anything else, or cannot be read.
    """
    raw = _json(path)
    notebook = Notebook(_label(raw))
    added = False
    for cell in raw["cells"]:
        part, exercise, text = _part(cell), _exercise(cell), source(cell)
        if part == "answer":
            original = _mapping(cell).get("id") == f"answer-{exercise}"
            notebook.answers.setdefault(exercise, []).append(Typed(*read_answer(text), original))
        elif part == "statement":
            notebook.statements.setdefault(exercise, []).append(digest(text))
        elif part == "":
            added = added or bool(text.strip())
    return Notebook(notebook.label, notebook.answers, notebook.statements, added)


def _json(path: Path) -> dict:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise UnusableFile("is a link, which is not followed; put the file itself there")
        if not stat.S_ISREG(status.st_mode):
            raise UnusableFile("is not a file")
        if status.st_size > LARGEST_FILE:
            raise UnusableFile(
                f"has {status.st_size / 1e6:.0f} MB, and more than {LARGEST_FILE / 1e6:.0f} are "
                "not read; have its outputs cleared"
            )
        notebook = json.loads(path.read_bytes())
    except OSError as error:
        raise UnusableFile(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnusableFile):
            raise
        raise UnusableFile("is not a notebook: it cannot be read as JSON") from None
    version = _mapping(notebook).get("nbformat")
    if not isinstance(version, (int, float)) or (
        version >= 4 and not isinstance(notebook.get("cells"), list)
    ):
        raise UnusableFile("is not a notebook: it has no cells")
    if not 4 <= version < 5:
        raise UnusableFile(
            f"has the notebook format {version}; opened and saved in JupyterLab it gets format 4"
        )
    return notebook


def _label(notebook: dict) -> Mapping[str, Any]:
    """What the notebook says it is, in its metadata or else in the text of its first cells."""
    label = _mapping(notebook.get("metadata")).get(KEY)
    if isinstance(label, dict):
        return label
    for cell in notebook["cells"]:
        if found := LABEL.search(source(cell)):
            try:
                return _mapping(json.loads(found[1]))
            except (ValueError, RecursionError):
                continue
    return {}


def _part(cell: object) -> str:
    """What a cell is, by its metadata, its id or its text; "" when it was added."""
    part = _mapping(_mapping(_mapping(cell).get("metadata")).get(KEY)).get("part")
    if not isinstance(part, str):
        part = str(_mapping(cell).get("id", ""))[:100].partition("-")[0]
        if part not in ("introduction", "statement", "answer", "check"):
            text = source(cell)
            part = "introduction" if LABEL.search(text) else "answer" if HINT.search(text) else ""
    return part if part in ("introduction", "statement", "answer", "check") else ""


def _exercise(cell: object) -> str:
    exercise = _mapping(_mapping(_mapping(cell).get("metadata")).get(KEY)).get("exercise")
    if isinstance(exercise, str):
        return exercise
    part, _, rest = str(_mapping(cell).get("id", ""))[:100].partition("-")
    if part in ("statement", "answer"):
        return rest
    found = HINT.search(source(cell))
    return found[1] if found else ""


def source(cell: object) -> str:
    """The text of a cell."""
    text = _mapping(cell).get("source", "")
    lines = text if isinstance(text, list) else [text]
    whole = "".join(line for line in lines if isinstance(line, str))
    return whole.encode("utf-8", "replace").decode()  # without halves of characters


def _mapping(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def digest(text: str) -> str:
    """Of a text, but for its line ends and the white space at the ends of lines."""
    lines = (line.rstrip() for line in NEW_LINE.split(text))
    return sha256("\n".join(lines).strip().encode(errors="replace")).hexdigest()[:16]


# An answer cell


def read_answer(text: str) -> tuple[str, str]:
    """The answer in an answer cell, and what else stands there and was not read.

    The answer is what stands behind the last `answer =`, or else all but the comments. Quotes of
    any kind, also three, may be there or not; an answer without quotes goes on over lines as long
    as a parenthesis is open. The text is cut out, not parsed: that is left to `check`.
    """
    lines = [line.strip() for line in NEW_LINE.split(text[:LONGEST_CELL])]
    text = "\n".join(line for line in lines if not HINT.match(line))
    assignments = list(ASSIGNED.finditer(text))
    before = text[: assignments[-1].start()] if assignments else ""
    after = text[assignments[-1].end() :] if assignments else text
    answer, rest = _quoted(after.strip()) or _bare(after)
    unread = [*_without_comments(before), *rest]
    if not answer:  # even in a comment there may be one
        unread = list(filter(None, (before.strip(), *rest, *re.findall("#(.+)", after))))
    return answer, " ".join(line.strip() for line in unread if line != "print(answer)")


def _quoted(text: str) -> tuple[str, list[str]] | None:
    """The text between the quotes at the start, and what follows; None where there are none."""
    for quotes in ('"""', "'''"):
        if text.startswith(quotes):
            inner, _, rest = text[3:].partition(quotes)
            return " ".join(inner.split()), _without_comments(rest)
    closing = CLOSING.get(text[:1])
    if closing is None:
        return None
    line, _, more = text.partition("\n")
    inner, *behind = re.split(f"[{closing}]", line[1:], maxsplit=1)
    after = _without_comments("".join(behind))
    if not inner.strip() and after:  # answer = "" 2.5
        return after[0].strip("".join(CLOSING)), _without_comments(more)
    if not behind:  # it was never closed
        inner = re.sub("#.*", "", inner)
    return inner.strip(), after + _without_comments(more)


def _bare(text: str) -> tuple[str, list[str]]:
    answer, *rest = _without_comments(text) or [""]
    while rest and answer.count("(") > answer.count(")"):
        answer = f"{answer} {rest.pop(0)}"
    return answer, rest


def _without_comments(text: str) -> list[str]:
    """The lines that hold something but comments."""
    lines: Iterator[str] = (re.sub("#.*", "", line).strip() for line in text.split("\n"))
    return list(filter(None, lines))
