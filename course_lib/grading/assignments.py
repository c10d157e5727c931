"""Handing out: one notebook per student, with numbers that belong to this student alone.

Everything follows from four things that an instructor keeps: the secret, the name of the
assignment, the roster and this course. The seed of an exercise is an HMAC of assignment, student
and exercise under the secret, so that it can be computed again years later and guessed by nobody.
A notebook carries a label: for whom it is, which exercises it holds, and a seal, which is another
HMAC. Grading believes a label only when its seal is right; so no list of exercises has to be kept
or typed again, and a notebook cannot be relabelled for somebody else.

HMAC: Krawczyk, Bellare & Canetti, RFC 2104, 1997.
"""

import csv
import hashlib
import hmac
import io
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tqdm import tqdm

from course_lib.exercises import Variant, bank, variant

FORMAT = 1  # of the label and the cells
KEY = "course"  # in the metadata of notebooks and cells
EMPTY_ANSWER = 'answer = ""'
SHORTEST_SECRET = 16  # bytes
MOST_PROBLEMS = 20  # listed in one message
FORMULA_STARTS = "=+-@＝＋－＠"  # what spreadsheets take for the start of a formula
PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}(?<!\.)")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # by Windows

INTRODUCTION = """\
# {assignment}

{name} ({id})

Below each exercise is a cell `answer = ""`. Write your answer between the quotes: a number such
as `2.5`, an expression such as `log(3)/2`, a formula in the names that the exercise gives, or the
letter of a choice. Then save the notebook and hand in this file.

Only what stands in the answer cells counts. Add cells for your calculations wherever you like;
nothing in this notebook is run when it is graded. The numbers are yours alone.
"""


class InstructorError(ValueError):
    """Something the instructor has to put right; the message says what and where."""


@dataclass(frozen=True)
class Student:
    """A line of the roster."""

    id: str
    name: str


# What the instructor gives


def read_roster(path: Path) -> list[Student]:
    """The students of a UTF-8 CSV file with the columns id and name, in the order of the file.

    A byte order mark, further columns and empty lines are ignored; names may be in any script.
    Raises InstructorError, with the number of each bad line, when the file is not UTF-8 or not
    CSV, has no student or not both columns, and for an id that is empty, not printable, there
    before (also but for capitals) or like the start of a formula in a spreadsheet.
    """
    lines = _csv_lines(path)
    _, header = next(lines, (1, []))
    columns = [cell.strip().lower() for cell in header]
    for column in ("id", "name"):
        if columns.count(column) != 1:
            raise InstructorError(
                f"{path}, line 1: there must be one column {column!r}, separated by a comma; "
                f"the columns are {columns}"
            )
    students, problems = [], []
    first_lines: dict[str, int] = {}
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            problems.append(f"line {line}: {len(cells)} cells under {len(columns)} columns")
            continue
        student = Student(*(normal(cells[columns.index(c)].strip()) for c in ("id", "name")))
        first = first_lines.setdefault(student.id.casefold(), line)
        problem = _id_problem(student.id)
        if not problem and first != line:
            problem = f"the id {student.id!r} is already that of line {first}"
        if problem:
            problems.append(f"line {line}: {problem}")
        students.append(student)
    if problems:
        raise InstructorError(f"{path} has bad lines:\n" + _listed(problems))
    if not students:
        raise InstructorError(f"{path} has no students below its header")
    return students


def normal(text: str) -> str:
    """The text in Unicode's composed form: what looks alike is equal."""
    return unicodedata.normalize("NFC", text)


def _csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record of a CSV file, with the number of its first line."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InstructorError(
            f"{path}, line {line}: not UTF-8. Save the roster as 'CSV UTF-8'."
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InstructorError(f"{path}, line {line}: not CSV, {error}") from None


def _id_problem(student_id: str) -> str:
    if not student_id:
        return "the id is empty"
    if not student_id.isprintable():
        return f"the id {student_id!r} holds characters that cannot be seen"
    if student_id[0] in FORMULA_STARTS:
        return f"the id {student_id!r} would be a formula in a spreadsheet"
    return ""


def _listed(problems: Sequence[str]) -> str:
    shown = [f"  {problem}" for problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        shown.append(f"  and {len(problems) - MOST_PROBLEMS} more")
    return "\n".join(shown)


def read_secret(path: Path) -> bytes:
    """The secret in a file, without white space around it.

    Raises InstructorError when it is shorter than 16 bytes, which could be guessed.
    """
    secret = path.read_bytes().strip()
    if len(secret) < SHORTEST_SECRET:
        raise InstructorError(
            f"{path} holds {len(secret)} bytes, and a secret needs {SHORTEST_SECRET} or more. "
            "This makes one:\n"
            f'  python -c "import secrets; print(secrets.token_hex(32))" > {path}'
        )
    return secret


def check_name(assignment: str) -> str:
    """The name of the assignment in composed form; raises InstructorError when it is no name."""
    if not assignment.strip() or assignment != assignment.strip() or not assignment.isprintable():
        raise InstructorError(
            f"the name of an assignment is printable text without space around it, "
            f"got {assignment!r}"
        )
    return normal(assignment)


def check_exercises(exercises: Iterable[str]) -> tuple[str, ...]:
    """The ids as a tuple; raises InstructorError for none, an unknown one and a repeated one."""
    exercises = tuple(exercises)
    unknown = [exercise for exercise in exercises if exercise not in bank()]
    if unknown:
        similar = {name for exercise in unknown for name in get_close_matches(exercise, bank())}
        meant = f"similar are {', '.join(sorted(similar))}; " if similar else ""
        raise InstructorError(
            f"no exercise is called {', '.join(map(repr, unknown))}; {meant}"
            "python -m course_lib bank lists all"
        )
    if not exercises or len(set(exercises)) < len(exercises):
        raise InstructorError(f"name each exercise once, and at least one; got {list(exercises)}")
    return exercises


# What follows from the secret


def seed(secret: bytes, assignment: str, student_id: str, exercise_id: str) -> int:
    """The seed of this student's variant, 0 to 2⁶⁴ − 1."""
    return int.from_bytes(_hmac(secret, "seed", assignment, student_id, exercise_id)[:8], "big")


def seal(secret: bytes, assignment: str, student_id: str, exercises: Sequence[str]) -> str:
    """What shows that a label was written with this secret."""
    return _hmac(secret, "seal", assignment, student_id, *exercises).hex()


def _hmac(secret: bytes, *parts: str) -> bytes:
    # A list in JSON, and not the parts joined, so that no two lists give the same message.
    return hmac.digest(secret, json.dumps(parts).encode(), "sha256")


# The notebooks


def hand_out(
    assignment: str, exercises: Sequence[str], roster: Sequence[Student], secret: bytes, out: Path
) -> None:
    """Write the notebooks of all students into a new folder, whole or not at all.

    Raises InstructorError when `out` exists and holds anything else.
    """
    with whole_folder(out) as folder:
        for student in tqdm(roster, desc="handing out", unit="student"):
            notebook = student_notebook(assignment, exercises, student, secret)
            with (folder / f"{file_name(student.id)}.ipynb").open("xb") as file:
                file.write(notebook)


def student_notebook(
    assignment: str, exercises: Sequence[str], student: Student, secret: bytes
) -> bytes:
    """The notebook of one student, the same bytes every time; no answer, seed or secret in it."""
    introduction = INTRODUCTION.format(
        assignment=_markdown(assignment), name=_markdown(student.name), id=_markdown(student.id)
    )
    cells = [_cell("markdown", "introduction", "", introduction)]
    variants = student_variants(secret, assignment, student.id, exercises)
    for number, drawn in enumerate(variants, start=1):
        cells.append(_cell("markdown", "statement", drawn.exercise_id, statement(number, drawn)))
        cells.append(_cell("code", "answer", drawn.exercise_id, EMPTY_ANSWER))
    label = {
        "format": FORMAT,
        "assignment": assignment,
        "student": student.id,
        "exercises": list(exercises),
        "seal": seal(secret, assignment, student.id, exercises),
    }
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {KEY: label, "kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def student_variants(
    secret: bytes, assignment: str, student_id: str, exercises: Sequence[str]
) -> list[Variant]:
    """The exercises with the numbers of one student."""
    return [variant(e, seed(secret, assignment, student_id, e)) for e in exercises]


def statement(number: int, drawn: Variant) -> str:
    """The Markdown of an exercise as a student sees it."""
    lettered = zip("ABCDEFGH", drawn.choices, strict=False)
    choices = "\n".join(f"- **{letter}.** {choice}" for letter, choice in lettered)
    parts = [f"## {number}. {bank()[drawn.exercise_id].title}", drawn.statement, choices]
    return "\n\n".join(part for part in parts if part)


def _cell(cell_type: str, part: str, exercise: str, source: str) -> dict:
    """A cell that says what it is twice, by its metadata and by its id: some programs lose one."""
    own = {KEY: {"part": part, "exercise": exercise}, "deletable": False}
    if part != "answer":
        own["editable"] = False
    cell = {
        "cell_type": cell_type,
        "id": f"{part}-{exercise}".rstrip("-"),
        "metadata": own,
        "source": source.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if cell_type == "code" else {})


def _markdown(text: str) -> str:
    """Plain text in one line that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~&])", r"\\\1", " ".join(text.split()))


def file_name(student_id: str) -> str:
    """A file name without extension for a student, different for each and valid everywhere.

    An id of letters, digits and . _ @ - is its own name; of any other, what can stay, ~ and a
    hash of the id.
    """
    if PLAIN_ID.fullmatch(student_id) and not RESERVED.match(student_id):
        return student_id
    readable = re.sub(r"\W+", "-", student_id)[:40].strip("-")
    return f"{readable}~{hashlib.sha256(student_id.encode()).hexdigest()[:16]}"


# Folders


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `out` when the block ends well and vanishes when not.

    When `out` is there already and not empty, it stays as it is.
    Raises InstructorError at the end if it then differs from what would have been written.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out.parent) as temporary:
        folder = Path(temporary, "folder")  # with the usual permissions, unlike `temporary`
        folder.mkdir()
        yield folder
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()  # Windows puts no folder in the place of another, be it empty
        if not os.path.lexists(out):
            folder.replace(out)
        elif not _same_files(folder, out):
            raise InstructorError(
                f"{out} exists and holds something else, which was left as it is; "
                "name a new folder, or remove the old one first"
            )


def _same_files(one: Path, other: Path) -> bool:
    """Whether two folders hold files of the same names and bytes."""
    names = [
        sorted(path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
        for folder in (one, other)
    ]
    return names[0] == names[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names[0]
    )
