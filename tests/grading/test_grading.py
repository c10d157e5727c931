"""Grading: answers are read as data, every oddity becomes a note, and every cell is right."""

import csv
import json
import math
import os
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from time import perf_counter

import matplotlib
import pytest
from packaging.version import Version
from PIL import Image, ImageChops, ImageStat
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.exercises import bank
from course_lib.grading.assignments import (
    InstructorError,
    Student,
    file_name,
    hand_out,
    seal,
    student_notebook,
    student_variants,
)
from course_lib.grading.grading import (
    BLANK,
    OTHER,
    RIGHT,
    UNREADABLE,
    UnusableFile,
    answer_text,
    collect,
    grade_student,
    read_notebook,
)
from course_lib.grading.reports import (
    alternative_text,
    draw_class_report,
    grade_class,
    ranked,
    safe,
)

SECRET = b"0123456789abcdef0123456789abcdef"
NAME = "KL 1"
NUMBER, FORMULA, CHOICE = EXERCISES = (
    "kl-to-standard-normal", "formula-kl-to-standard-normal", "posterior-collapse",
)  # fmt: skip
EVERYBODYS = [  # mistakes for which everybody's numbers leave room
    mistake.id for mistake in bank()[NUMBER].mistakes if mistake.id != "square-of-negative"
]
ANN, BOB = Student("ann", "Ann"), Student("bob", "Bob")


# A scripted student


def variants(student: Student):
    return dict(zip(EXERCISES, student_variants(SECRET, NAME, student.id, EXERCISES), strict=True))


def letter(student: Student, text: str) -> str:
    return "ABCDEFGH"[variants(student)[CHOICE].choices.index(text)]


def right_number(student: Student) -> str:
    mu, sigma = variants(student)[NUMBER].parameters.values()
    return repr((mu**2 + sigma**2 - math.log(sigma**2) - 1) / 2)


def right_formula(student: Student) -> str:
    weight = variants(student)[FORMULA].parameters["weight"]
    return f"{weight}*(mu**2 + sigma**2 - log(sigma**2) - 1)/2"


def right_answers(student: Student) -> dict[str, str]:
    return {
        NUMBER: right_number(student),
        FORMULA: right_formula(student),
        CHOICE: letter(student, bank()[CHOICE].truth),
    }


def handed_out(student: Student) -> dict:
    return json.loads(student_notebook(NAME, EXERCISES, student, SECRET))


def filled(student: Student, answers: dict[str, str] | None = None) -> dict:
    notebook = handed_out(student)
    for exercise, answer in (right_answers(student) if answers is None else answers).items():
        cell(notebook, f"answer-{exercise}")["source"] = f'answer = "{answer}"'
    return notebook


def cell(notebook: dict, cell_id: str) -> dict:
    return next(cell for cell in notebook["cells"] if cell["id"] == cell_id)


def write(path: Path, content: dict | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def grade(folder: Path, *students: Student, out: str = "graded"):
    """Grade what lies in folder/in; the outcomes by student, and the notes as texts."""
    roster = students or (ANN, BOB)
    n_graded, notes = grade_class(NAME, folder / "in", roster, SECRET, folder / out)
    rows = {row[0]: row[-3:] for row in table(folder / out / "grades.csv")[1:]}
    return n_graded, rows, [(note.student, note.file, note.text) for note in notes]


def graded_alone(tmp_path: Path, notebook: dict):
    write(tmp_path / "a.ipynb", notebook)
    return grade_student(tmp_path, ["a.ipynb"], list(variants(ANN).values()))


# Reading an answer


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('answer = ""', ""),
        ('answer = "24.1"', "24.1"),
        ("answer = '24.1'", "24.1"),
        ("answer = 24.1", "24.1"),
        ("answer=-24.1", "-24.1"),
        ("answer = log(3)/2", "log(3)/2"),
        ('answer = "24.1"  # nats', "24.1"),
        ("answer = 24.1  # nats", "24.1"),
        ('# by hand\nanswer = "24.1"', "24.1"),
        ('answer = "1"\nanswer = "2"', "2"),
        ('answer = "1"\nprint(answer)', "1"),
        ("answer = 1\nprint(answer)", "1"),
        ("answer = (1 +\n  log(2)  # one\n)/2\nprint(answer)", "(1 + log(2) )/2"),
        ('answer = """24.1"""', "24.1"),
        ('answer = "" 24.1', "24.1"),
        ('answer = ""\n24.1', ""),
        ("answer = “24.1”", "24.1"),
        ("answer = „24.1“", "24.1"),
        ("answer = «24.1»", "24.1"),
        ('answer = "24.1', "24.1"),
        ('Answer = "24.1"', "24.1"),
        ("24.1", "24.1"),
        ("answer == 3", "answer == 3"),
        ("", ""),
        ("answer =", ""),
        ('answer = ""  # write here', ""),
        ('answer = "C"', "C"),
        ("answer = __import__('os').system('id')", "__import__('os').system('id')"),
    ],
)
def test_answers_are_read_with_and_without_quotes(source, answer):
    assert answer_text(source) == answer


@pytest.mark.parametrize(
    "write",
    ['("{}")', "{};", '"{} nats"', "{} nat  # in nats", "'{}';", '"\u200b{}"', '"({})"'],
)
def test_clear_answers_are_graded_however_they_are_written(tmp_path, write):
    for number in (right_number(ANN), right_number(ANN).replace(".", ",")):
        notebook = filled(ANN)
        cell(notebook, f"answer-{NUMBER}")["source"] = f"answer = {write.format(number)}"
        assert graded_alone(tmp_path, notebook).total == 3, number


def test_an_f_string_has_no_value_and_is_told_so(tmp_path):
    notebook = filled(ANN)
    cell(notebook, f"answer-{NUMBER}")["source"] = 'answer = f"{kl:.4f}"'
    result = graded_alone(tmp_path, notebook).results[0]
    assert result.outcome == UNREADABLE
    assert "type the number itself" in result.message


def test_a_rounded_number_is_neither_right_nor_a_mistake(tmp_path):
    notebook = filled(ANN, right_answers(ANN) | {NUMBER: f"{float(right_number(ANN)):#.2g}"})
    result = graded_alone(tmp_path, notebook).results[0]
    assert (result.outcome, result.message) == (OTHER, "Right so far: four digits, please.")


@pytest.mark.parametrize("text", ['"', "(", "answer = ", "\n", "#", "(\n"])
def test_a_huge_answer_cell_costs_no_time(text):
    start = perf_counter()
    answer_text(text * 400_000)
    assert perf_counter() - start < 0.5


# What students do to a notebook


def test_right_answers(tmp_path):
    graded = graded_alone(tmp_path, filled(ANN))
    assert [result.outcome for result in graded.results] == [RIGHT] * 3
    assert graded.total == 3
    assert graded.notes == ()


def test_an_untouched_notebook_is_blank(tmp_path):
    graded = graded_alone(tmp_path, handed_out(ANN))
    assert [result.outcome for result in graded.results] == [BLANK] * 3
    assert graded.notes == ()


def remove(notebook: dict, cell_id: str) -> None:
    notebook["cells"].remove(cell(notebook, cell_id))


def lose_ids(notebook: dict) -> None:
    notebook["nbformat_minor"] = 4
    for each in notebook["cells"]:
        del each["id"]


def lose_metadata(notebook: dict) -> None:
    for each in notebook["cells"]:
        each["metadata"] = {}


def as_markdown(notebook: dict) -> None:
    for each in notebook["cells"]:
        each["cell_type"] = "raw"


def with_odd_cells(notebook: dict) -> None:
    notebook["cells"] += [7, None, {}, {"source": 3}, {"metadata": [], "id": [1], "source": [None]}]


def with_scratch(notebook: dict) -> None:
    notebook["cells"].insert(2, {"id": "x", "metadata": {}, "source": "mu = 3"})


def split_lines(notebook: dict) -> None:
    own = cell(notebook, f"answer-{FORMULA}")
    first, second = right_formula(ANN).split(" - log")
    own["source"] = [f"answer = {first}\n", f"  - log{second}"]


@pytest.mark.parametrize(
    "change",
    [lose_ids, lose_metadata, as_markdown, with_odd_cells, with_scratch, split_lines],
)
def test_changes_that_do_no_harm(tmp_path, change):
    notebook = filled(ANN)
    change(notebook)
    graded = graded_alone(tmp_path, notebook)
    assert graded.total == 3
    assert graded.notes == ()


def test_a_deleted_answer_cell_is_blank_and_noted(tmp_path):
    notebook = filled(ANN)
    remove(notebook, f"answer-{NUMBER}")
    graded = graded_alone(tmp_path, notebook)
    assert [result.outcome for result in graded.results] == [BLANK, RIGHT, RIGHT]
    assert graded.notes == (f"{NUMBER}: its answer cell was deleted",)


@pytest.mark.parametrize("delete", [True, False])
def test_an_edited_statement_changes_no_number_and_is_noted(tmp_path, delete):
    notebook = filled(ANN)
    if delete:
        remove(notebook, f"statement-{NUMBER}")
    else:
        cell(notebook, f"statement-{NUMBER}")["source"] = r"$\mu = 0$, $\sigma = 1$"
    graded = graded_alone(tmp_path, notebook)
    assert graded.total == 3
    assert graded.notes == (
        f"{NUMBER}: its statement was edited or deleted, which changes nothing",
    )


def test_an_answer_outside_its_cell_is_noted(tmp_path):
    notebook = filled(ANN, {FORMULA: right_formula(ANN)})
    notebook["cells"].append({"id": "x", "metadata": {}, "source": f"answer = {right_number(ANN)}"})
    graded = graded_alone(tmp_path, notebook)
    assert [result.outcome for result in graded.results] == [BLANK, RIGHT, BLANK]
    (note,) = graded.notes
    assert note.startswith("an answer cell is blank, and there is text in added cells")


def test_of_copied_answer_cells_the_last_counts(tmp_path):
    notebook = filled(ANN, right_answers(ANN) | {NUMBER: "1"})
    copy = dict(cell(notebook, f"answer-{NUMBER}"), id="copy", source=right_number(ANN))
    notebook["cells"].append(copy)
    graded = graded_alone(tmp_path, notebook)
    assert graded.total == 3
    assert graded.notes == (f"{NUMBER}: 2 different answers; the last one counts",)


# Files that cannot be graded


def big(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50_000_000)


def relabelled(**changes) -> dict:
    notebook = filled(BOB)
    notebook["metadata"]["course"] |= changes
    return notebook


def resealed(**changes) -> dict:
    notebook = relabelled(**changes)
    label = notebook["metadata"]["course"]
    label["seal"] = seal(SECRET, label["assignment"], label["student"], label["exercises"])
    return notebook


OLD = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}
NOT_SEALED = "says it belongs to {!r}, but its label was changed, or sealed with another secret"
BAD_FILES = {
    "not JSON": ("b.ipynb", b"\x89PNG\r\n", "is not a notebook: it cannot be read as JSON"),
    "empty": ("b.ipynb", b"", "is not a notebook: it cannot be read as JSON"),
    "cut off": ("b.ipynb", json.dumps(filled(BOB)).encode()[:-9], "is not a notebook: it cannot"),
    "a list": ("b.ipynb", b"[]", "is not a notebook: it has no cells"),
    "no cells": ("b.ipynb", {"nbformat": 4}, "is not a notebook: it has no cells"),
    "brackets": ("b.ipynb", b"[" * 1_000_000, "is not a notebook: it cannot be read as JSON"),
    "long number": ("b.ipynb", b"9" * 10_000, "is not a notebook: it cannot be read as JSON"),
    "old": ("b.ipynb", OLD, "has the notebook format 3; opened and saved in JupyterLab"),
    "new": ("b.ipynb", filled(BOB) | {"nbformat": 5}, "has the notebook format 5"),
    "50 MB": ("b.ipynb", big, "has 50.0 MB, and more than 5 are not read"),
    "PDF": ("b.pdf", b"%PDF", "is not a notebook: its name does not end in .ipynb"),
    "no label": ("b.ipynb", filled(BOB) | {"metadata": {}}, "carries no label"),
    "odd label": ("b.ipynb", relabelled(exercises="all"), "carries no label"),
    "odd student": ("b.ipynb", relabelled(student=["bob"]), "carries no label"),
    "surrogate": ("b.ipynb", relabelled(student="\ud800", seal="\ud800"), NOT_SEALED.format("?")),
    "another's": ("b.ipynb", relabelled(student="ann"), NOT_SEALED.format("ann")),
    "fewer": ("b.ipynb", relabelled(exercises=[CHOICE]), NOT_SEALED.format("bob")),
    "no seal": ("b.ipynb", relabelled(seal=""), NOT_SEALED.format("bob")),
    "other assignment": ("b.ipynb", resealed(assignment="KL 2"), "belongs to the assignment"),
    "a stranger's": ("b.ipynb", resealed(student="eve"), "belongs to 'eve', who is not on the"),
    "other format": ("b.ipynb", relabelled(format=2), "has a label of format 2, not 1"),
    "link": ("b.ipynb", lambda path: path.symlink_to("/etc/passwd"), "is a link, which is not"),
    "linked folder": ("b", lambda path: path.symlink_to("/etc"), "is a link, which is not"),
    "pipe": ("b.ipynb", os.mkfifo, "is not a file"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_noted_and_the_others_are_graded(tmp_path, name, content, message):
    write(tmp_path / "in" / "ann.ipynb", filled(ANN))
    if callable(content):
        content(tmp_path / "in" / name)
    else:
        write(tmp_path / "in" / name, content)
    n_graded, rows, notes = grade(tmp_path)
    assert n_graded == 1
    (about_file, about_bob) = notes
    assert about_file[:2] == ("", name) and about_file[2].startswith(message)
    assert about_bob == ("bob", "", "handed in no notebook that can be graded")
    assert table(tmp_path / "graded" / "problems.csv")[1:] == [list(note) for note in notes]
    assert rows["ann"] == ["", "", ""]


def test_submissions_are_found_in_any_folder_under_any_name(tmp_path):
    write(tmp_path / "in" / "Ann_123_assignsubmission_file_" / "Übung (1).IPYNB", filled(ANN))
    write(tmp_path / "in" / "x" / "y" / "mine.ipynb", filled(BOB))
    write(tmp_path / "in" / "x" / ".ipynb_checkpoints" / "mine.ipynb", handed_out(BOB))
    write(tmp_path / "in" / "__MACOSX" / "._mine.ipynb", b"junk")
    assert grade(tmp_path)[0::2] == (2, [])


def test_of_two_submissions_the_better_counts(tmp_path):
    write(tmp_path / "in" / "1.ipynb", filled(ANN, right_answers(ANN) | {NUMBER: "1"}))
    write(tmp_path / "in" / "2.ipynb", filled(ANN))
    write(tmp_path / "in" / "3.ipynb", handed_out(ANN))
    n_graded, rows, notes = grade(tmp_path, ANN)
    assert (n_graded, rows["ann"]) == (1, ["", "", ""])
    listed = "1.ipynb (2 right), 2.ipynb (3 right), 3.ipynb (0 right)"
    text = f"3 notebooks of this student: {listed}; the best one counts"
    assert notes == [("ann", "2.ipynb", text)]


def test_answers_copied_from_another_student_are_wrong(tmp_path):
    write(tmp_path / "in" / "a.ipynb", filled(ANN, right_answers(BOB)))
    assert grade(tmp_path, ANN)[1]["ann"][0] == OTHER


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no notebook that was handed out for 'KL 1'"),
        ({"a.txt": b""}, "a.txt is not a notebook"),
        ({"a.ipynb": filled(ANN), "b.ipynb": resealed(exercises=[CHOICE])}, "different lists"),
        ({"a.ipynb": resealed(exercises=["gone"])}, "the bank no longer has gone"),
    ],
)
def test_when_nothing_can_be_graded(tmp_path, files, message):
    (tmp_path / "in").mkdir()
    for name, content in files.items():
        write(tmp_path / "in" / name, content)
    with pytest.raises(InstructorError, match=message):
        grade(tmp_path)
    assert not (tmp_path / "graded").exists()


def test_another_secret_grades_nothing(tmp_path):
    write(tmp_path / "a.ipynb", filled(ANN))
    with pytest.raises(InstructorError, match="sealed with another secret"):
        collect(tmp_path, NAME, SECRET[::-1], {"ann"})


def test_a_missing_folder_of_submissions(tmp_path):
    with pytest.raises(InstructorError, match="is not a folder"):
        grade(tmp_path)


def test_a_device_is_not_read():
    with pytest.raises(UnusableFile, match="is not a file"):
        read_notebook(Path("/dev/zero"))


# What is written


def test_excel_sees_that_the_grades_are_utf8_and_importers_see_no_mark(tmp_path):
    write(tmp_path / "in" / "ann.ipynb", filled(ANN))
    grade(tmp_path)
    marked = {
        path.name
        for path in (tmp_path / "graded").glob("*.csv")
        if path.read_bytes().startswith(b"\xef\xbb\xbf")
    }
    assert marked == {"grades.csv", "problems.csv"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "＝1"])
def test_formulas_are_disarmed(text):
    assert safe(text) == f"'{text}"


def test_other_cells_stay_as_they_are():
    assert [safe(cell) for cell in ("", "Ann-Lee", "李", 0, -1)] == ["", "Ann-Lee", "李", 0, -1]


def test_a_name_is_a_formula_in_no_table(tmp_path):
    eve = Student("eve", '=HYPERLINK("http://x")')
    write(tmp_path / "in" / "a.ipynb", filled(ANN))
    write(tmp_path / "in" / "=1+1.ipynb", b"")
    grade(tmp_path, ANN, eve)
    for path in (tmp_path / "graded").glob("*.csv"):
        cells = [cell for row in table(path) for cell in row]
        assert not [cell for cell in cells if cell[:1] in tuple("=+-@")]
    assert any("'" + eve.name in row for row in table(tmp_path / "graded" / "grades.csv"))


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)


def test_nothing_handed_in_is_live_in_a_feedback_page(tmp_path):
    attack = "</code><script>alert(1)</script><img src=x onerror=alert(1)>"
    eve = Student("eve", "<script>alert(2)</script>")
    notebook = handed_out(eve)
    cell(notebook, f"answer-{NUMBER}")["source"] = f"answer = {attack}\ud800\x00"
    write(tmp_path / "in" / "a.ipynb", notebook)
    grade(tmp_path, eve)
    page = (tmp_path / "graded" / "feedback" / "eve.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert not {"script", "img"} & set(Tags(page).tags)


def test_feedback_names_the_mistake_and_never_the_value(tmp_path):
    value = float(right_number(ANN))
    write(tmp_path / "in" / "a.ipynb", filled(ANN, {NUMBER: repr(2 * value)}))
    grade(tmp_path, ANN)
    page = (tmp_path / "graded" / "feedback" / "ann.html").read_text("utf-8")
    (mistake,) = [m for m in bank()[NUMBER].mistakes if m.id == "lost-half"]
    assert mistake.says in page
    assert f"{value:.3f}"[:-1] not in page
    assert "0 of 3 right" in page


def test_running_twice_gives_the_same_bytes(tmp_path):
    write(tmp_path / "in" / "ann.ipynb", filled(ANN))
    grade(tmp_path)
    grade(tmp_path)
    grade(tmp_path, out="again")
    first, again = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "graded", tmp_path / "again")
    )
    assert first == again
    names = {path.as_posix() for path in first}
    assert names == {"grades.csv", "moodle.csv", "canvas.csv", "problems.csv", "report.md",
                     "report.png", "feedback/ann.html"}  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"in", "graded", "again"}


def test_no_outcome_is_called_like_a_mistake():
    for exercise in bank().values():
        assert not {m.id for m in exercise.mistakes} & {RIGHT, OTHER, UNREADABLE, BLANK}


TALLY = {(NUMBER, "log10"): 2, (NUMBER, "lost-half"): 5, (NUMBER, BLANK): 9, (CHOICE, RIGHT): 7}


def test_outcomes_are_ranked():
    assert ranked(NUMBER, TALLY) == [(RIGHT, 0), ("lost-half", 5), ("log10", 2), (BLANK, 9)]
    assert ranked(CHOICE, TALLY) == [(RIGHT, 7)]


def test_the_alternative_text_says_what_to_see():
    text = alternative_text(EXERCISES, TALLY, 16)
    assert "3 exercises" in text and "16 students" in text
    assert f"lost-half in {NUMBER}, made 5 times" in text
    assert "most frequent" not in alternative_text([CHOICE], TALLY, 16)


def test_the_picture_of_the_readme_is_up_to_date(tmp_path):
    images = Path(__file__).parents[2] / "chapters" / "images"
    script = runpy.run_path(str(images / "class_report.py"))
    draw_class_report(
        script["EXERCISES"], script["invented_class"](), script["N_STUDENTS"], tmp_path / "new.png"
    )
    shown, drawn = (
        Image.open(path) for path in (images / "class_report.png", tmp_path / "new.png")
    )
    difference = ImageChops.difference(shown.convert("L"), drawn.convert("L"))
    # Of 255. Fonts are drawn a little differently, and before matplotlib 3.11 a few pixels away.
    limit = 1 if Version(matplotlib.__version__) >= Version("3.11") else 8
    assert ImageStat.Stat(difference).mean[0] < limit


# From end to end


def command(course: Path, name: str, *more: str):
    options = ["--roster", f"{course}/roster.csv", "--secret-file", f"{course}/secret", *more]
    run = CliRunner().invoke(app, [name, NAME, *options])
    assert run.exit_code == 0, run.output
    return run.stdout


def scripted_class(trap: Path) -> list[tuple[Student, dict[str, tuple[str, str]] | None]]:
    """Students with their answers and the outcomes they deserve; None hands in nothing."""
    names = ["Zoë Müller", "李雷", "Дарья Иванова", "محمد علي", "นภา", "=1+1", "Ἑλένη", "O'Brien"]
    plans = [
        {NUMBER: (None, RIGHT), FORMULA: (None, RIGHT), CHOICE: (None, RIGHT)},
        {},
        {
            NUMBER: (f"__import__('os').system('touch {trap}')", UNREADABLE),
            FORMULA: (f"exec(\\\"open('{trap}', 'w')\\\")", UNREADABLE),
            CHOICE: ("Z", UNREADABLE),
        },
        {NUMBER: ("9**9**9**9", UNREADABLE), FORMULA: ("(" * 1000, UNREADABLE)},
        {NUMBER: ("-12345", OTHER), FORMULA: ("mu*sigma", OTHER)},
        {FORMULA: (None, "lost-half")},
        None,
    ]
    plans += [{NUMBER: (None, mistake)} for mistake in EVERYBODYS]
    plans += [{CHOICE: (None, mistake.id)} for mistake in bank()[CHOICE].mistakes]
    students = [Student(f"学{i}" if i % 2 else f"s{i}", names[i % 8]) for i in range(len(plans))]
    return list(zip(students, plans, strict=True))


def typed(student: Student, exercise: str, answer: str | None, outcome: str) -> str:
    """What the student types: as scripted, or the right answer or that mistake, worked out."""
    if answer is not None:
        return answer
    if exercise == FORMULA:
        return right_formula(student).removesuffix("" if outcome == RIGHT else "/2")
    mistakes = {mistake.id: mistake.wrong for mistake in bank()[exercise].mistakes}
    target = mistakes.get(outcome, bank()[exercise].truth)
    if exercise == CHOICE:
        return letter(student, target)
    return repr(float(target(**variants(student)[exercise].parameters)))


def test_from_the_roster_to_the_grades(tmp_path):
    trap = tmp_path / "trap"
    plans = scripted_class(trap)
    lines = [f'{student.id},"{student.name}"' for student, _ in plans]
    (tmp_path / "roster.csv").write_text("\n".join(["id,name", *lines]), "utf-8")
    (tmp_path / "secret").write_bytes(SECRET)
    command(tmp_path, "assign", "--exercises", ",".join(EXERCISES), "--out", f"{tmp_path}/handed")
    for student, plan in plans:
        if plan is None:
            continue
        name = f"{file_name(student.id)}.ipynb"
        notebook = json.loads((tmp_path / "handed" / name).read_bytes())
        for exercise, (answer, outcome) in plan.items():
            text = typed(student, exercise, answer, outcome)
            cell(notebook, f"answer-{exercise}")["source"] = [f'answer = "{text}"']
        write(tmp_path / "in" / student.id / name, notebook)
    places = ["--submissions", f"{tmp_path}/in", "--out", f"{tmp_path}/graded"]
    said = command(tmp_path, "grade", *places)
    assert f"{len(plans) - 1} of {len(plans)} students were graded; 1 things" in said
    assert not trap.exists()
    check_tables(tmp_path / "graded", plans)
    check_report(tmp_path / "graded", plans)
    pages = {path.stem for path in (tmp_path / "graded" / "feedback").iterdir()}
    assert pages == {file_name(student.id) for student, plan in plans if plan is not None}


def outcomes(plan: dict[str, tuple[str, str]]) -> list[str]:
    return [plan.get(exercise, (None, BLANK))[1] for exercise in EXERCISES]


def check_tables(graded: Path, plans: list) -> None:
    grades, moodle, canvas = [], [], []
    for student, plan in plans:
        name = "'=1+1" if student.name == "=1+1" else student.name
        points, mistakes, total = [""] * 3, [""] * 3, ""
        if plan is not None:
            points = ["1" if outcome == RIGHT else "0" for outcome in outcomes(plan)]
            mistakes = ["" if outcome == RIGHT else outcome for outcome in outcomes(plan)]
            total = str(points.count("1"))
        grades.append([student.id, name, *points, total, *mistakes])
        moodle.append([student.id, name, total])
        canvas.append([name, "", student.id, "", "", total])
    header = ["id", "name", *EXERCISES, "total", *(f"{e} mistake" for e in EXERCISES)]
    assert table(graded / "grades.csv") == [header, *grades]
    assert table(graded / "moodle.csv") == [["ID number", "Full name", NAME], *moodle]
    assert table(graded / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME],
        ["    Points Possible", "", "", "", "", "3"],
        *canvas,
    ]
    (missing,) = [student.id for student, plan in plans if plan is None]
    assert table(graded / "problems.csv") == [
        ["id", "file", "problem"],
        [missing, "", "handed in no notebook that can be graded"],
    ]


def check_report(graded: Path, plans: list) -> None:
    done = [outcomes(plan) for _, plan in plans if plan is not None]
    report = (graded / "report.md").read_text("utf-8")
    assert f"{len(done)} of {len(plans)} students" in report
    assert re.search(r"!\[Bars .*\]\(report\.png\)", report)
    for column in range(3):
        assert f"| right | {sum(row[column] == RIGHT for row in done)} |" in report
    for mistake in EVERYBODYS:
        assert f"| {mistake} | {sum(row[0] == mistake for row in done)} |" in report
    picture = Image.open(graded / "report.png").convert("RGB")
    colours = {colour for count, colour in picture.getcolors(100_000) if count > 500}
    assert {(0x3F, 0x90, 0xDA), (0xFF, 0xA9, 0x0E), (0x94, 0xA4, 0xA2)} <= colours


def test_grading_into_the_submissions_is_refused(tmp_path):
    hand_out(NAME, EXERCISES, [ANN], SECRET, tmp_path / "in")
    (tmp_path / "roster.csv").write_text("id,name\nann,Ann\n", "utf-8")
    (tmp_path / "secret").write_bytes(SECRET)
    arguments = ["grade", NAME, "--submissions", f"{tmp_path}/in", "--out", f"{tmp_path}/in/out"]
    arguments += ["--roster", f"{tmp_path}/roster.csv", "--secret-file", f"{tmp_path}/secret"]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 2
    assert "name a folder elsewhere" in run.stderr
