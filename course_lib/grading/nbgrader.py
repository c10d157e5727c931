"""nbgrader: a source notebook of an assignment, and the grades that nbgrader exports.

nbgrader gives every student the same notebook, so the numbers are the same for all. Its tests call
`check`; the machine that grades needs this course.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_lib.exercises import Variant
from course_lib.exercises.answers import LETTERS
from course_lib.exercises.check import answer_key
from course_lib.grading.assignments import statement, student_variants, whole_folder
from course_lib.grading.grading import Graded, Result
from course_lib.grading.roster import InstructorError, Student, read_table, student_id
from course_lib.grading.tables import fill, write_tables

NOBODY = "nbgrader"  # whose numbers everybody gets

SOLUTION = """\
# Write answer = "…": a number or formula as in answer = "log(3)/2", or the letter of a choice.
### BEGIN SOLUTION
answer = "{solution}"
### END SOLUTION"""
TEST = """\
# Whether your answer is right is tested here.
### BEGIN HIDDEN TESTS
from course_lib.exercises import check, variant
said = check(variant("{exercise}", {seed}), str(answer))
assert said.correct, said.message
### END HIDDEN TESTS"""


def source_notebook(assignment: str, exercises: Sequence[str], secret: bytes) -> dict[str, Any]:
    """The notebook from which `nbgrader generate_assignment` makes the one that is handed out."""
    cells = [_cell("markdown", "introduction", f"# {assignment}", locked=True)]
    for number, drawn in enumerate(student_variants(secret, assignment, NOBODY, exercises), 1):
        exercise = drawn.exercise_id
        test = TEST.format(exercise=exercise, seed=drawn.seed)
        cells += [
            _cell("markdown", f"statement-{exercise}", statement(number, drawn), locked=True),
            _cell("code", exercise, SOLUTION.format(solution=solution(drawn)), solution=True),
            _cell("code", f"test-{exercise}", test, grade=True, points=1, locked=True),
        ]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def solution(drawn: Variant) -> str:
    """The right answer; nothing for a formula, which the bank has as a function alone."""
    truth = answer_key(drawn).truth
    if isinstance(truth, str):
        return LETTERS[drawn.choices.index(truth)]
    return "" if drawn.names else repr(truth[0])


def _cell(cell_type: str, grade_id: str, text: str, **own: Any) -> dict[str, Any]:
    defaults = {"grade": False, "solution": False, "locked": False, "task": False}
    named = {"schema_version": 3, "grade_id": grade_id, "cell_type": cell_type}
    cell = {
        "cell_type": cell_type,
        "id": grade_id[:64],
        "metadata": {"nbgrader": defaults | named | own},
        "source": text.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if cell_type == "code" else {})


def write_source(assignment: str, exercises: Sequence[str], secret: bytes, out: Path) -> None:
    """Write the source notebook where nbgrader looks for it below a new folder.

    Raises InstructorError for a name that nbgrader does not take.
    """
    if not re.fullmatch(r"[\w ().-]+", assignment) or "+" in assignment:
        raise InstructorError(
            f"nbgrader takes letters, digits, spaces and . - ( ) in a name, got {assignment!r}"
        )
    notebook = json.dumps(source_notebook(assignment, exercises, secret), indent=1)
    with whole_folder(out) as folder:
        (folder / "source" / assignment).mkdir(parents=True)
        path = folder / "source" / assignment / f"{assignment}.ipynb"
        path.write_text(notebook + "\n", "utf-8", newline="\n")


def grades_from(
    path: Path,
    assignment: str,
    roster: Sequence[Student],
    out: Path,
    worksheets: Sequence[Path] = (),
) -> int:
    """Write the tables of grades from the table of `nbgrader export`; the number of grades.

    Raises InstructorError when the columns are others or nobody has a score in the assignment.
    """
    table = read_table(path)
    names = ("assignment", "student_id", "timestamp", "score", "max_score")
    columns = [table.column([name]) for name in names]
    if None in columns:
        raise InstructorError(f"{path} has no columns {', '.join(names)}, but {table.columns}")
    scores: dict[str, float] = {}
    maximum = 0.0
    for _, cells in table.rows:
        name, id, time, score, most = (
            cells[column].strip() for column in columns if column is not None
        )
        if name != assignment or not time:  # nbgrader gives 0 to who handed in nothing
            continue
        try:
            scores[student_id(id).casefold()], maximum = float(score), float(most)
        except ValueError:
            raise InstructorError(
                f"{path}: score and max_score must be numbers, got {score!r} and {most!r} of {id}"
            ) from None
    if not scores or not maximum:
        raise InstructorError(f"{path} has no score of anybody in {assignment!r}, or none above 0")
    graded: list[tuple[Student, Graded | None]] = []
    for student in roster:
        one = None
        if student.id.casefold() in scores:
            result = Result(
                assignment,
                "",
                "",
                "graded",
                "Graded by nbgrader.",
                scores[student.id.casefold()],
                1,
            )
            one = Graded(path.name, (result,))
        graded.append((student, one))
    with whole_folder(out) as folder:
        write_tables(folder, assignment, [assignment], graded, maximum)
        for worksheet in worksheets:
            fill(worksheet, assignment, graded, maximum, folder / f"filled-{worksheet.name}")
    return sum(one is not None for _, one in graded)
