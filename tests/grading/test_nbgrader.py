"""The source notebook for nbgrader, by the rules of nbgrader 0.9.6, and the grades it exports.

Tried once with that version itself: generate_assignment, autograde and export.
"""

import csv
import json

import nbformat
import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.exercises import bank
from course_lib.grading.assignments import student_variants
from course_lib.grading.nbgrader import grades_from, source_notebook, write_source
from course_lib.grading.roster import InstructorError, Student

SECRET = b"96843eb760fcce8569593f76dcbc543a"
EXERCISES = ["kl-to-standard-normal", "formula-kl-to-standard-normal", "posterior-collapse"]


@pytest.fixture
def notebook():
    return nbformat.reads(json.dumps(source_notebook("KL 1", EXERCISES, SECRET)), as_version=4)


def run_test_cell(notebook, exercise, answer):
    own = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
    exec(own[f"test-{exercise}"].source, {"answer": answer})


def test_the_notebook_follows_nbgraders_schema(notebook):
    nbformat.validate(notebook)
    ids = [cell.metadata.nbgrader.grade_id for cell in notebook.cells]
    assert len(set(ids)) == len(ids) == 1 + 3 * len(EXERCISES)
    for cell in notebook.cells:
        own = cell.metadata.nbgrader
        assert own.schema_version == 3 and own.cell_type == cell.cell_type and not own.task
        # A cell is a solution, a test with points, or locked text.
        assert [own.solution, own.grade, own.locked] in (
            [True, False, False], [False, True, True], [False, False, True],
        )  # fmt: skip
        assert own.get("points") == (1 if own.grade else None)
        for mark, wanted in (("SOLUTION", own.solution), ("HIDDEN TESTS", own.grade)):
            assert cell.source.count(f"### BEGIN {mark}") == int(wanted)
            assert cell.source.count(f"### END {mark}") == int(wanted)


def test_what_students_see_holds_neither_seed_nor_answer(notebook):
    for cell in notebook.cells:
        for mark in ("SOLUTION", "HIDDEN TESTS"):
            start, _, rest = cell.source.partition(f"### BEGIN {mark}")
            cell.source = start + rest.partition(f"### END {mark}")[2]
    text = nbformat.writes(notebook)
    assert "variant(" not in text and "seed" not in text


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_tests_pass_for_the_solution_alone(notebook, exercise):
    own = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
    answers = {}
    exec(own[exercise].source, answers)
    right = answers["answer"]
    if bank()[exercise].kind == "formula":  # of which there is no text
        assert right == ""
        (drawn,) = student_variants(SECRET, "KL 1", "nbgrader", [exercise])
        right = "{weight}*(mu**2 + sigma**2 - log(sigma**2) - 1)/2".format(**drawn.parameters)
    run_test_cell(notebook, exercise, right)
    if bank()[exercise].kind == "number":
        run_test_cell(notebook, exercise, float(right))
    with pytest.raises(AssertionError, match=r"(?i)not yet|answer"):
        run_test_cell(notebook, exercise, "0.123")


def test_the_folders_are_nbgraders(tmp_path):
    write_source("KL 1", EXERCISES, SECRET, tmp_path / "course")
    assert nbformat.read(tmp_path / "course" / "source" / "KL 1" / "KL 1.ipynb", 4)
    with pytest.raises(InstructorError, match="nbgrader takes letters"):
        write_source("KL+1", EXERCISES, SECRET, tmp_path / "other")


GRADES = (
    "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,"
    "late_submission_penalty,score,max_score\n"
    "KL 0,,t,Ann,,,,1.0,0.0,1.0,1.0\nKL 1,,t,Ann,,,,3.0,0.5,2.5,3.0\nKL 1,,,bob,,,,0.0,,0.0,3.0\n"
)


def test_its_grades_become_tables_of_platforms(tmp_path):
    (tmp_path / "grades.csv").write_text(GRADES, "utf-8")
    (tmp_path / "t.csv").write_text(
        "Identifier,Grade,Maximum Grade,ID number\nParticipant 1,,6,ann\n", "utf-8"
    )
    roster = [Student("ann", "Ann"), Student("bob", "Bob")]
    sheets = [tmp_path / "t.csv"]
    assert grades_from(tmp_path / "grades.csv", "KL 1", roster, tmp_path / "out", sheets) == 1

    def table(name):
        with (tmp_path / "out" / name).open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    assert table("moodle.csv")[1:] == [["ann", "Ann", "2.5"], ["bob", "Bob", "-"]]
    assert table("canvas.csv")[1][-1] == "3"
    assert table("filled-t.csv")[1] == ["Participant 1", "5", "6", "ann"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,score\nann,1\n", "has no columns assignment, student_id"),
        (GRADES.replace("KL 1", "KL 2"), "has no score of anybody in 'KL 1'"),
        (GRADES.replace("2.5,3.0", "None,3.0"), "score and max_score must be numbers, got 'None'"),
        (GRADES.replace("2.5,3.0", "0.0,0.0"), "or none above 0"),
    ],
)
def test_another_table_is_refused(tmp_path, text, message):
    (tmp_path / "grades.csv").write_text(text, "utf-8")
    with pytest.raises(InstructorError, match=message):
        grades_from(tmp_path / "grades.csv", "KL 1", [Student("ann", "Ann")], tmp_path / "out")


def test_both_commands(tmp_path):
    options = ["--exercises", ",".join(EXERCISES), "--secret-file", f"{tmp_path}/secret.txt"]
    run = CliRunner().invoke(app, ["nbgrader", "KL 1", *options, "--out", f"{tmp_path}/course"])
    assert run.exit_code == 0, run.output
    (tmp_path / "grades.csv").write_text(GRADES, "utf-8")
    (tmp_path / "roster.csv").write_text("id,name\nann,Ann\n", "utf-8")
    options = ["--gradebook", f"{tmp_path}/grades.csv", "--roster", f"{tmp_path}/roster.csv"]
    run = CliRunner().invoke(app, ["nbgrader-grades", "KL 1", *options, "--out", f"{tmp_path}/out"])
    assert run.exit_code == 0, run.output
    assert "1 of 1 students have a grade" in run.stdout
