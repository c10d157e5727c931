"""What an instructor gives: the roster, as learning platforms export it, and the secret."""

import csv
import io
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from course_lib.exercises import bank

MOST_PROBLEMS = 20  # listed in one message
FORMULA_STARTS = "=+-@＝＋－＠"  # what spreadsheets take for the start of a formula
# Such a start with something behind it, at the start of the text or behind what some spreadsheet
# takes for the next cell.
LIVE = re.compile(rf"(^|[;,\t|\r\n])(\s*)(?=[{re.escape(FORMULA_STARTS)}]\s*[^\s;,|])")
SECRET = re.compile(r"[0-9a-f]{32,}")
FEWEST_DIGITS = 7  # different ones; of 32 drawn at random one in a thousand million has fewer

# Names of columns, the best first, of our own rosters and of what Canvas, Moodle, Brightspace,
# Blackboard and nbgrader export. The first that has a cell for every student counts.
IDS = (
    "sis user id", "id number", "id-nummer", "orgdefinedid", "student id", "student_id", "id",
    "username", "email address", "email", "e-mail-adresse", "identifier",
)  # fmt: skip
NAMES = ("name", "full name", "student", "display name", "vollständiger name")
FIRST_NAMES = ("first name", "first_name", "vorname")
LAST_NAMES = ("last name", "surname", "last_name", "nachname")
EMAILS = ("email address", "email", "sis login id", "e-mail-adresse")
IDENTIFIERS = ("identifier", "id")  # of a Moodle assignment; in German the second


class InstructorError(ValueError):
    """Something the instructor has to put right; the message says what and where."""


@dataclass(frozen=True)
class Student:
    """A line of the roster. participant: the number by which a Moodle assignment knows one."""

    id: str
    name: str
    email: str = ""
    participant: str = ""


@dataclass(frozen=True)
class Table:
    """A file of cells. rows: the number of the line, and as many cells as there are columns."""

    path: Path
    columns: list[str]
    rows: list[tuple[int, list[str]]]
    delimiter: str
    encoding: str

    def column(self, names: Iterable[str]) -> int | None:
        """The place of the first of these columns that is there."""
        lower = [column.strip().lower() for column in self.columns]
        return next((lower.index(name) for name in names if name in lower), None)


# Tables


def read_table(path: Path) -> Table:
    """A CSV file with commas, semicolons or tabs, in UTF-8, or in UTF-16 with its mark.

    Empty lines, and empty cells behind the last column, are dropped.
    Raises InstructorError, with the number of each bad line.
    """
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InstructorError(f"{path}, line {line}: not UTF-8. Save it as 'CSV UTF-8'.") from None
    if encoding == "utf-8-sig" and not content.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8"
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    lines = _records(path, text, delimiter)
    _, header = next(lines, (1, [""]))
    columns = [cell.strip() for cell in header]
    while columns and not columns[-1]:
        del columns[-1]
    rows, problems = [], []
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(columns) :]) or len(cells) < len(columns):
            problems.append(f"line {line}: {len(cells)} cells under {len(columns)} columns")
        rows.append((line, cells[: len(columns)]))
    if problems:
        raise InstructorError(f"{path} has bad lines:\n" + listed(problems))
    return Table(path, columns, rows, delimiter, encoding)


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record of a CSV file, with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InstructorError(f"{path}, line {line}: not CSV, {error}") from None


def safe(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula, at whichever separator it splits."""
    return LIVE.sub(r"\1\2'", cell) if isinstance(cell, str) else cell


def normal(text: str) -> str:
    """The text in Unicode's composed form: what looks alike is equal."""
    return unicodedata.normalize("NFC", text)


def listed(problems: Sequence[str]) -> str:
    """Problems one below the other, and the number of those that are too many to list."""
    shown = [f"  {problem}" for problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        shown.append(f"  and {len(problems) - MOST_PROBLEMS} more")
    return "\n".join(shown)


# The roster


def read_roster(path: Path) -> list[Student]:
    """The students of a table with columns for id and name, in the order of the file.

    Read as they are exported: Canvas's gradebook, Moodle's grading worksheet and list of
    participants, the grades of Brightspace and Blackboard, nbgrader's grades.
    Raises InstructorError, with the number of each bad line, when there is no student or a column
    is missing, and for an id that is empty, not printable, there before (also but for capitals)
    or like the start of a formula in a spreadsheet.
    """
    table = read_table(path)
    own = id_column(table)
    names = _name_columns(table)
    if own is None or names is None:
        missing = "id" if own is None else "name"
        raise InstructorError(
            f"{path}, line 1: there must be one column {missing!r}; the columns are {table.columns}"
        )
    email, participant = table.column(EMAILS), table.column(IDENTIFIERS)
    students, problems = [], []
    first_lines: dict[str, int] = {}
    for line, cells in student_rows(table):
        student = Student(
            student_id(cells[own]),
            normal(" ".join(filter(None, (cells[column].strip() for column in names)))),
            "" if email is None else cells[email].strip(),
            "" if participant is None else participant_number(cells[participant]),
        )
        first = first_lines.setdefault(student.id.casefold(), line)
        problem = _id_problem(student.id)
        if not problem and first != line:
            problem = f"the id {student.id!r} is already that of line {first}"
        if problem:
            problems.append(f"line {line}: {problem}")
        students.append(student)
    if problems:
        raise InstructorError(f"{path} has bad lines:\n" + listed(problems))
    if not students:
        raise InstructorError(f"{path} has no students below its header")
    return students


def participant_number(cell: str) -> str:
    """The number in Participant 101, or in Teilnehmer/in101; nothing in any other cell."""
    found = re.fullmatch(r"(?:Participant |Teilnehmer/in ?)(\d+)", cell.strip())
    return found[1] if found else ""


def id_column(table: Table) -> int | None:
    """Where the ids are: the best column that has one for everybody, or else the first there is."""
    lower = [column.lower() for column in table.columns]
    there = [lower.index(name) for name in IDS if lower.count(name) == 1]
    full = (c for c in there if all(cells[c].strip() for _, cells in student_rows(table)))
    return next(full, there[0] if there else None)


def _name_columns(table: Table) -> list[int] | None:
    lower = [column.lower() for column in table.columns]
    if sum(name in NAMES for name in lower) > 1:
        return None
    whole = table.column(NAMES)
    if whole is not None:
        return [whole]
    first, last = table.column(FIRST_NAMES), table.column(LAST_NAMES)
    return None if first is None or last is None else [first, last]


def student_rows(table: Table) -> list[tuple[int, list[str]]]:
    """The lines that are about a student; Canvas's export has some that are not."""
    if table.column(["sis login id", "sis user id"]) is None:
        return table.rows
    return [
        (line, cells)
        for line, cells in table.rows
        if cells[0].strip() and cells[0].strip() not in ("Points Possible", "Student, Test")
    ]


def student_id(cell: str) -> str:
    """An id as a cell has it; Brightspace writes a # in front."""
    return normal(cell.strip().removeprefix("#"))


def _id_problem(student_id: str) -> str:
    if not student_id:
        return "the id is empty"
    if not student_id.isprintable():
        return f"the id {student_id!r} holds characters that cannot be seen"
    if safe(student_id) != student_id:
        return f"the id {student_id!r} would be a formula in a spreadsheet"
    return ""


# The secret, and names


def read_secret(path: Path) -> bytes:
    """The secret in a file: 32 or more hexadecimal digits, whatever white space is around them.

    Raises InstructorError when they could be guessed, or there is no such file.
    """
    if not path.exists():
        raise InstructorError(f"{path} does not exist; course assign makes a secret of that name")
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    secret = content.decode(encoding, errors="replace").strip().lower()
    if not SECRET.fullmatch(secret) or len(set(secret)) < FEWEST_DIGITS:
        raise InstructorError(
            f"{path} must hold 32 or more hexadecimal digits drawn at random, and nothing else, "
            "or the secret could be guessed. Name a file that does not exist yet: course assign "
            "makes one"
        )
    return secret.encode()


def make_secret(path: Path) -> bytes:
    """A new secret, in a new file that its owner alone may read."""
    secret = secrets.token_hex(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
    ) as file:
        file.write(secret + "\n")
    return secret.encode()


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


# A human's last word


@dataclass(frozen=True)
class Override:
    """The points that a human gives, and why."""

    points: float
    comment: str


def read_overrides(
    path: Path, students: Iterable[str], exercises: Iterable[str]
) -> Mapping[tuple[str, str], Override]:
    """(student, exercise) → what a table with the columns id, exercise, points and comment says.

    Raises InstructorError, with the number of each bad line.
    """
    table = read_table(path)
    wanted = [table.column([name]) for name in ("id", "exercise", "points")]
    comment = table.column(["comment"])
    if None in wanted:
        raise InstructorError(
            f"{path}, line 1: the columns are id, exercise, points and, if you like, comment; "
            f"got {table.columns}"
        )
    students, exercises = set(students), set(exercises)
    overrides, problems = {}, []
    for line, cells in table.rows:
        student, exercise, points = (
            cells[column].strip() for column in wanted if column is not None
        )
        key = normal(student), exercise
        if key[0] not in students:
            problems.append(f"line {line}: {student!r} is not on the roster")
        elif exercise not in exercises:
            problems.append(f"line {line}: the assignment has no exercise {exercise!r}")
        elif key in overrides:
            problems.append(f"line {line}: {exercise} of {student} has points already")
        elif not re.fullmatch(r"\d+(\.\d+)?", points):
            problems.append(f"line {line}: points are a number such as 0.5, got {points!r}")
        else:
            text = "" if comment is None else cells[comment].strip()
            overrides[key] = Override(float(points), text)
    if problems:
        raise InstructorError(f"{path} has bad lines:\n" + listed(problems))
    return overrides
