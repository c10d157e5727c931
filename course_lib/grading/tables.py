"""The tables that grading writes, and tables of learning platforms that it fills in."""

import csv
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from course_lib.grading.grading import RIGHT, Graded, Note
from course_lib.grading.roster import (
    EMAILS,
    IDS,
    InstructorError,
    Student,
    Table,
    read_table,
    safe,
    student_id,
    student_rows,
)

CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
NO_GRADE = "-"  # what Moodle takes for no grade; of an empty cell it makes 0
MAXIMUM = re.compile(r"(?:MaxPoints|Total Pts):\s*([\d.]+)")  # Brightspace, Blackboard


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
    return "" if value is None else f"{value:.6g}"


# Tables of learning platforms


def fill(
    path: Path,
    assignment: str,
    graded: Sequence[tuple[Student, Graded | None]],
    maximum: float,
    out: Path,
) -> None:
    """Write a platform's table once more, with the grades in their column.

    Moodle's grading worksheet: Grade, in the scale of Maximum Grade, and Feedback comments. Canvas,
    Brightspace and Blackboard: the column named after the assignment, or a new one. All else stays
    as it is, and so does the line of a student without a grade.
    Raises InstructorError for a table of another shape, or without any of the students.
    """
    table = read_table(path)
    lower = [column.lower() for column in table.columns]
    if {"identifier", "grade"} <= set(lower):
        columns, place = list(table.columns), lower.index("grade")
        scale_from, comments = table.column(["maximum grade"]), table.column(["feedback comments"])
    elif {"orgdefinedid", "sis user id", "sis login id"} & set(lower) or "username" in lower:
        columns, place = _grade_column(table, assignment)
        scale_from = comments = None
    else:
        raise InstructorError(
            f"{path} is no table of Moodle (Identifier, Grade), Canvas (SIS User ID), Brightspace "
            f"(OrgDefinedId) or Blackboard (Username); its columns are {table.columns}"
        )
    named = MAXIMUM.search(columns[place])
    scale = maximum if named is None else float(named[1])
    rows = [list(cells) for _, cells in table.rows]
    for cells in rows:
        cells[place:place] = [""] * (len(columns) - len(cells))
        if cells[0].strip() == "Points Possible":  # Canvas's second line
            scale = float(cells[place] or maximum)
            cells[place] = number(scale)
    found = _matched(table, graded)
    if not found:
        raise InstructorError(f"{path} names none of the students, neither by id nor by e-mail")
    lines = {line: cells for (line, _), cells in zip(table.rows, rows, strict=True)}
    for line, one in found.items():
        cells, total = lines[line], one.total
        if total is None:
            continue
        most = scale if scale_from is None else float(cells[scale_from] or scale)
        cells[place] = number(total * most / maximum)
        if comments is not None:
            cells[comments] = comment(one)
    write(out, [columns, *rows], table.encoding, table.delimiter)


def _grade_column(table: Table, assignment: str) -> tuple[list[str], int]:
    """The columns, with one for the assignment, and its place."""
    columns = list(table.columns)
    for place, column in enumerate(columns):
        rest = column.removeprefix(assignment)
        if rest != column and (not rest or rest[0] in " ([<"):
            return columns, place
    brightspace = table.column(["orgdefinedid"]) is not None
    end = table.column(["end-of-line indicator"])
    place = len(columns) if end is None else end
    columns.insert(place, f"{assignment} Points Grade" if brightspace else assignment)
    return columns, place


def _matched(table: Table, graded: Sequence[tuple[Student, Graded | None]]) -> Mapping[int, Graded]:
    """The lines of students who have a grade, found by id, e-mail or Moodle's number."""
    known: dict[str, Graded] = {}
    for student, one in graded:
        if one:
            keys = (
                student.id,
                student.email,
                student.participant and f"Participant {student.participant}",
            )
            known |= {key.casefold(): one for key in keys if key}
    places = [
        place for place, column in enumerate(table.columns) if column.lower() in (*IDS, *EMAILS)
    ]
    found: dict[int, Graded] = {}
    for line, cells in student_rows(table):
        said = [student_id(cells[place]).casefold() for place in places]
        for key in filter(known.__contains__, said):
            found.setdefault(line, known[key])
    return found


def comment(graded: Graded) -> str:
    """What a student is told, as HTML in one cell."""
    lines = [f"{n}. {html.escape(r.message)}" for n, r in enumerate(graded.results, start=1)]
    return "<br>".join(lines)
