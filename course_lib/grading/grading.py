"""Grading: read the returned notebooks as data, and compare with variants made again.

Nothing in a notebook is executed, and nothing in it is believed but the text of the answers: the
student and the exercises stand in a label with a seal, the numbers follow from the secret. What
cannot be graded becomes a note for the instructor, and the rest is graded all the same.
"""

import hmac
import json
import os
import re
import stat
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.exercises import Variant, bank, check
from course_lib.grading.assignments import FORMAT, KEY, InstructorError, seal, statement

LARGEST_FILE = 5_000_000  # bytes; a notebook as handed out has some 10,000
LONGEST_CELL = 10_000  # characters of an answer cell that are looked at
RIGHT, OTHER, UNREADABLE, BLANK = "right", "other", "unreadable", "blank"

ASSIGNED = re.compile(r"^[ \t]*answer[ \t]*=(?!=)", re.MULTILINE | re.IGNORECASE)
CLOSING = {'"': '"', "'": "'", "“": "”“", "”": "”", "„": "“”", "‘": "’", "’": "’", "«": "»"}


class UnusableFile(InstructorError):
    """A file that cannot be graded; the message says why and what to do."""


@dataclass(frozen=True)
class Note:
    """Something the instructor should know. student, file: "" where it is about none."""

    student: str
    file: str
    text: str


@dataclass(frozen=True)
class Result:
    """One answer of one student.

    outcome: "right", the id of a catalogued mistake, "other" for one not recognised,
        "unreadable" or "blank". message: what the student is told, without the right value.
    """

    exercise: str
    answer: str
    outcome: str
    message: str


@dataclass(frozen=True)
class Graded:
    """One notebook of one student. notes: what is unusual about its cells."""

    file: str
    results: tuple[Result, ...]
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """The number of right answers."""
        return sum(result.outcome == RIGHT for result in self.results)


@dataclass(frozen=True)
class Collected:
    """What lies in the folder of submissions: the files of each student, in order of path."""

    exercises: tuple[str, ...]
    files: dict[str, list[str]]
    notes: list[Note]


# Finding the notebooks


def collect(
    folder: Path, assignment: str, secret: bytes, student_ids: Collection[str]
) -> Collected:
    """Find the notebooks of an assignment anywhere below a folder, whatever they are called.

    Links are not followed. Hidden files are passed over.
    Raises InstructorError when there is no folder, none of the files is a notebook of this
    assignment, or they hold different lists of exercises.
    """
    if not folder.is_dir():
        raise InstructorError(f"{folder} is not a folder")
    files, notes, lists = defaultdict(list), [], defaultdict(list)
    for name in _file_names(folder):
        try:
            student, exercises = _identify(read_notebook(folder / name), assignment, secret)
            if student not in student_ids:
                raise UnusableFile(f"belongs to {student!r}, who is not on the roster")
        except UnusableFile as error:
            notes.append(Note("", _printable(name), str(error)))
            continue
        files[student].append(name)
        lists[exercises].append(name)
    if len(lists) != 1:
        raise InstructorError(_no_single_list(folder, assignment, lists, notes))
    (exercises,) = lists
    gone = [exercise for exercise in exercises if exercise not in bank()]
    if gone:
        raise InstructorError(f"the bank no longer has {', '.join(gone)}; use the course as it was")
    return Collected(exercises, dict(files), notes)


def _file_names(folder: Path) -> Iterator[str]:
    """Every file and link below the folder, relative to it, in an order that does not vary."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(filter(_counts, folders))
        links = [name for name in folders if Path(where, name).is_symlink()]
        for name in sorted([*filter(_counts, files), *links]):
            yield str(Path(where, name).relative_to(folder))


def _counts(name: str) -> bool:
    return not name.startswith(".")  # such as .ipynb_checkpoints, and all that macOS adds


def _no_single_list(
    folder: Path, assignment: str, lists: dict[tuple[str, ...], list[str]], notes: list[Note]
) -> str:
    if lists:
        found = "\n".join(f"  {', '.join(e)}: {names[0]}" for e, names in lists.items())
        return (
            f"{folder} holds notebooks of {assignment!r} with different lists of exercises, "
            f"which are graded apart, each from a folder of its own:\n{found}"
        )
    found = "\n".join(f"  {note.file} {note.text}" for note in notes[:5])
    return (
        f"{folder} holds no notebook that was handed out for {assignment!r} "
        f"with this secret to a student on this roster\n{found}"
    )


def read_notebook(path: Path) -> dict:
    """The JSON of a notebook in format 4. Raises UnusableFile when it is anything else."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise UnusableFile("is a link, which is not followed; put the file itself there")
    if not stat.S_ISREG(status.st_mode):
        raise UnusableFile("is not a file")
    if path.suffix.lower() != ".ipynb":
        raise UnusableFile("is not a notebook: its name does not end in .ipynb")
    if status.st_size > LARGEST_FILE:
        raise UnusableFile(
            f"has {status.st_size / 1e6:.1f} MB, and more than {LARGEST_FILE / 1e6:.0f} are not "
            "read; have its outputs cleared"
        )
    try:
        notebook = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise UnusableFile("is not a notebook: it cannot be read as JSON") from None
    version = _mapping(notebook).get("nbformat")
    if not isinstance(version, int) or (
        version >= 4 and not isinstance(notebook.get("cells"), list)
    ):
        raise UnusableFile("is not a notebook: it has no cells")
    if version != 4:
        raise UnusableFile(
            f"has the notebook format {version}; opened and saved in JupyterLab it gets format 4"
        )
    return notebook


def _identify(notebook: dict, assignment: str, secret: bytes) -> tuple[str, tuple[str, ...]]:
    """The student and the exercises of a notebook whose seal is right."""
    label = _mapping(_mapping(notebook.get("metadata")).get(KEY))
    parts: Iterator[Any] = map(label.get, ("assignment", "student", "exercises", "seal"))
    name, student, exercises, found = parts
    if not (isinstance(exercises, list) and _all_text(name, student, found, *exercises)):
        raise UnusableFile("carries no label of an assignment: it was not handed out, or remade")
    if name != assignment:
        raise UnusableFile(f"belongs to the assignment {_printable(name)!r}")
    if label.get("format") != FORMAT:
        raise UnusableFile(f"has a label of format {label.get('format')!r:.20}, not {FORMAT}")
    expected = seal(secret, assignment, student, exercises)
    if not hmac.compare_digest(found.encode(errors="replace"), expected.encode()):
        raise UnusableFile(
            f"says it belongs to {_printable(student)!r}, but its label was changed, "
            "or sealed with another secret"
        )
    return student, tuple(exercises)


def _mapping(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _all_text(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _printable(text: str, length: int = 200) -> str:
    """Text from outside, fit for UTF-8 and for one line."""
    text = text[:length].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in text)


# Grading one notebook


def grade_student(folder: Path, names: Sequence[str], variants: Sequence[Variant]) -> Graded:
    """Grade the notebooks of one student; the one with the most right answers counts.

    Which came last is not known, since times do not survive uploads; and so nobody can do harm by
    handing in a copy of somebody else's notebook. Of equally good ones the first path counts.
    """
    all_graded = [grade_notebook(folder, name, variants) for name in names]
    best = max(all_graded, key=lambda graded: graded.total)
    if len(names) == 1:
        return best
    listed = ", ".join(f"{_printable(g.file)} ({g.total} right)" for g in all_graded)
    note = f"{len(names)} notebooks of this student: {listed}; the best one counts"
    return Graded(best.file, best.results, (note, *best.notes))


def grade_notebook(folder: Path, name: str, variants: Sequence[Variant]) -> Graded:
    """Grade one notebook. Raises UnusableFile when it can no longer be read."""
    cells = [cell for cell in read_notebook(folder / name)["cells"] if isinstance(cell, dict)]
    sources: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in cells:
        sources[_part(cell)].append(_source(cell))
    results, notes = [], []
    for number, drawn in enumerate(variants, start=1):
        exercise = drawn.exercise_id
        answers = [answer_text(source) for source in sources["answer", exercise]]
        written = list(dict.fromkeys(filter(None, answers)))
        results.append(_result(drawn, written[-1] if written else ""))
        if not answers:
            notes.append(f"{exercise}: its answer cell was deleted")
        if len(written) > 1:
            notes.append(f"{exercise}: {len(written)} different answers; the last one counts")
        if sources["statement", exercise] != [statement(number, drawn)]:
            notes.append(f"{exercise}: its statement was edited or deleted, which changes nothing")
    elsewhere = any(source.strip() for source in sources["", ""])
    if elsewhere and any(result.outcome == BLANK for result in results):
        notes.append("an answer cell is blank, and there is text in added cells; is it the answer?")
    return Graded(name, tuple(results), tuple(notes))


def _part(cell: dict) -> tuple[str, str]:
    """What a cell is, and of which exercise, by its metadata or else its id; "" when added."""
    own = _mapping(_mapping(cell.get("metadata")).get(KEY))
    parts: Iterator[Any] = map(own.get, ("part", "exercise"))
    part, exercise = parts
    if not _all_text(part, exercise):
        part, _, exercise = str(cell.get("id", ""))[:100].partition("-")
    return (part, exercise) if part in ("introduction", "statement", "answer") else ("", "")


def _source(cell: dict) -> str:
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))


def answer_text(source: str) -> str:
    """The answer in an answer cell: what stands behind the last `answer =`, or else all of it.

    Quotes of any kind may be there or not, and behind them or a # is a comment. An answer without
    quotes goes on over lines as long as a parenthesis is open. The text is cut out, not parsed:
    that is left to `check`, which executes nothing.
    """
    source = source[:LONGEST_CELL]
    start = max((match.end() for match in ASSIGNED.finditer(source)), default=0)
    text = source[start:].strip()
    closing = CLOSING.get(text[:1], "")
    text = text.lstrip("".join(CLOSING)) if closing else text
    lines = [re.sub("#.*", "", line).strip() for line in text.splitlines()] or [""]
    answer = lines[0]
    for line in lines[1:]:
        if answer.count("(") <= answer.count(")"):
            break
        answer = f"{answer} {line}"
    return re.split(f"[{closing}]", answer)[0].strip() if closing else answer


def _result(drawn: Variant, answer: str) -> Result:
    if not answer:
        return Result(drawn.exercise_id, "", BLANK, "There is no answer.")
    feedback = check(drawn, answer)
    outcome = feedback.mistake or (OTHER if feedback.readable else UNREADABLE)
    if feedback.correct:
        outcome = RIGHT
    return Result(drawn.exercise_id, _printable(answer), outcome, feedback.message)
