"""The tables that grading writes, and tables of learning platforms that it fills in."""

import csv
import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from course_lib.grading.grading import RIGHT, Graded, Note
from course_lib.grading.roster import (
    EMAILS,
    IDENTIFIERS,
    InstructorError,
    Student,
    Table,
    id_column,
    participant_number,
    read_table,
    safe,
    student_id,
    student_rows,
)

CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
NO_GRADE = "-"  # what Moodle takes for no grade; of an empty cell it makes 0
MAXIMUM = re.compile(r"(?:MaxPoints|Total Pts):\s*([\d.,]+)")  # Brightspace, Blackboard
# What may follow the name of an assignment in its column: Canvas, Brightspace, Blackboard.
COLUMN_REST = r"( \(\d+\)| Points Grade( <.*>)?| \[Total Pts.*)?"
GRADES, MAXIMA = ("grade", "bewertung"), ("maximum grade", "bestwertung")  # English, German
COMMENTS = ("feedback comments", "feedback als kommentar")
PLATFORMS = ("orgdefinedid", "sis user id", "sis login id", "username")


def write_tables(
    folder: Path,
    assignment: str,
    exercises: Sequence[str],
    graded: Sequence[tuple[Student, Graded | None]],
    maximum: float,
) -> None:
    """grades.csv, answers.csv, moodle.csv and canvas.csv; None handed in nothing."""
    mistakes = [f"{exercise} mistake" for exercise in exercises]
    grades: list[list[Any]] = [["id", "name", *exercises, "total", *mistakes]]
    answers: list[list[Any]] = [["id", "exercise", "typed", "read as", "outcome", "points", "said"]]
    moodle: list[list[Any]] = [["ID number", "Full name", assignment]]
    canvas: list[list[Any]] = [
        [*CANVAS, assignment],
        ["    Points Possible", "", "", "", "", number(maximum)],
    ]
    for student, one in graded:
        results = one.results if one else ()
        total = number(one.total) if one else ""
        points = [number(r.points) for r in results] or [""] * len(exercises)
        made = ["" if r.outcome == RIGHT else r.outcome for r in results] or [""] * len(exercises)
        grades.append([student.id, student.name, *points, total, *made])
        moodle.append([student.id, student.name, total or NO_GRADE])
        canvas.append([student.name, "", student.id, "", "", total])
        answers += [
            [student.id, r.exercise, r.answer, r.read, r.outcome, number(r.points), r.message]
            for r in results
        ]
    # Excel knows UTF-8 by the byte order mark; importers take it for a part of the first name.
    write(folder / "grades.csv", all_safe(grades), "utf-8-sig")
    write(folder / "answers.csv", all_safe(answers), "utf-8-sig")
    write(folder / "moodle.csv", all_safe(moodle))
    write(folder / "canvas.csv", all_safe(canvas))


def write_problems(path: Path, notes: Sequence[Note]) -> None:
    """problems.csv: what the instructor should know."""
    rows = [[note.student, note.file, note.text] for note in notes]
    write(path, all_safe([["id", "file", "problem"], *rows]), "utf-8-sig")


def all_safe(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """Rows in which no cell is a formula."""
    return [[safe(cell) for cell in row] for row in rows]


def write(
    path: Path, rows: Iterable[Sequence[object]], encoding: str = "utf-8", delimiter: str = ","
) -> None:
    """A file of cells."""
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def number(value: float | None) -> str:
    """Points as a table has them: 2, or 2.5; nothing where somebody has to decide."""
    return "" if value is None else f"{round(value, 6):.12g}"


# Tables of learning platforms


def fill(
    path: Path,
    assignment: str,
    graded: Sequence[tuple[Student, Graded | None]],
    maximum: float,
    out: Path,
) -> list[str]:
    """Write a platform's table once more, with the grades in their column.

    Moodle's grading worksheet: Grade, in the scale of Maximum Grade, and Feedback comments. Canvas,
    Brightspace and Blackboard: the column named after the assignment, or a new one. All else stays
    as it is, and so does the line of a student without a grade.
    Returns the ids of students with a grade whom the table does not name.
    Raises InstructorError for a table of another shape, with two columns for the assignment, with a
    maximum that is no number, or without any of the students.
    """
    table = read_table(path)
    grade, comments = table.column(GRADES), table.column(COMMENTS)
    identifier, most = table.column(IDENTIFIERS), table.column(MAXIMA)
    is_moodle = identifier is not None and grade is not None
    if is_moodle:
        columns, place = list(table.columns), grade or 0
    elif table.column(PLATFORMS) is not None:
        columns, place = _grade_column(table, assignment)
    else:
        raise InstructorError(
            f"{path} is no table of Moodle (Identifier, Grade), Canvas (SIS User ID), Brightspace "
            f"(OrgDefinedId) or Blackboard (Username); its columns are {table.columns}"
        )
    named = MAXIMUM.search(columns[place])
    scale = maximum if named is None else _maximum(path, named[1], maximum)
    rows = [list(cells) for _, cells in table.rows]
    for cells in rows:
        cells[place:place] = [""] * (len(columns) - len(cells))
        if cells[0].strip() == "Points Possible":  # Canvas's second line
            scale = _maximum(path, cells[place], maximum)
            cells[place] = number(scale)
    students = _matched(table, [student for student, _ in graded])
    if not students:
        raise InstructorError(f"{path} names none of the students, neither by id nor by e-mail")
    totals = {student.id: one for student, one in graded if one}
    for (line, _), cells in zip(table.rows, rows, strict=True):
        one = totals.get(students.get(line, ""))
        if one is None or one.total is None:
            continue
        top = _maximum(path, cells[most], maximum) if is_moodle and most is not None else scale
        cells[place] = number(one.total * top / maximum)
        if is_moodle and comments is not None:
            cells[comments] = comment(one)
    write(out, [columns, *rows], table.encoding, table.delimiter)
    return [id for id in totals if id not in students.values()]


def _maximum(path: Path, cell: str, otherwise: float) -> float:
    """The most points: 100, 100.00, 100,00 or 1,000; `otherwise` where the cell is empty."""
    text = cell.strip()
    if not text:
        return otherwise
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", text):
        text = text.replace(",", "")
    value = text.replace(",", ".")
    if not re.fullmatch(r"\d+(\.\d*)?", value) or float(value) == 0:
        raise InstructorError(f"{path}: the most points must be a number above 0, got {cell!r}")
    return float(value)


def _grade_column(table: Table, assignment: str) -> tuple[list[str], int]:
    """The columns, with one for the assignment, and its place."""
    columns = list(table.columns)
    own = re.compile(re.escape(assignment) + COLUMN_REST)
    places = [place for place, column in enumerate(columns) if own.fullmatch(column)]
    if len(places) > 1:
        raise InstructorError(
            f"{table.path} has several columns for {assignment!r}: "
            f"{', '.join(columns[place] for place in places)}; remove all but one"
        )
    if places:
        return columns, places[0]
    brightspace = table.column(["orgdefinedid"]) is not None
    end = table.column(["end-of-line indicator"])
    place = len(columns) if end is None else end
    columns.insert(place, f"{assignment} Points Grade" if brightspace else assignment)
    return columns, place


def _matched(table: Table, students: Sequence[Student]) -> dict[int, str]:
    """Line → id of the student whom it is about, by the first of three columns that tells.

    What would mean two students means none.
    """
    own = id_column(table)
    ways: list[tuple[list[int | None], list[str]]] = [
        ([own] if own is not None else [], [student.id for student in students]),
        ([table.column(IDENTIFIERS)], [student.participant for student in students]),
        ([table.column([name]) for name in EMAILS], [student.email for student in students]),
    ]
    found: dict[int, str] = {}
    for columns, keys in ways:
        counts = Counter(key.casefold() for key in keys if key)
        known = {
            key.casefold(): student.id
            for key, student in zip(keys, students, strict=True)
            if counts[key.casefold()] == 1
        }
        for column in columns:
            if column is None:
                continue
            for line, cells in student_rows(table):
                cell = student_id(cells[column]).casefold()
                said = cell if cell in known else participant_number(cells[column])
                if said in known and known[said] not in found.values():
                    found.setdefault(line, known[said])
    return found


def comment(graded: Graded) -> str:
    """What a student is told, as HTML in one cell."""
    return "<br>".join(f"{r.place}. {html.escape(r.message)}" for r in graded.results)
