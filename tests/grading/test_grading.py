"""Grading: answers are read as data, every oddity becomes a note, and every cell is right."""

import csv
import dataclasses
import json
import math
import os
import re
import runpy
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import pytest
from packaging.version import Version
from PIL import Image, ImageChops, ImageStat
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.exercises import bank
from course_lib.exercises.page import as_html
from course_lib.grading.assignments import (
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
    UNDECIDED,
    UNREADABLE,
    Marking,
    Returned,
    collect,
    grade_student,
)
from course_lib.grading.reports import alternative_text, draw_class_report, grade_class, ranked
from course_lib.grading.roster import InstructorError, Override, Student
from course_lib.grading.submissions import UnusableFile, read_notebook

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
        own = cell(notebook, f"answer-{exercise}")
        own["source"] = [own["source"][0], f'answer = "{answer}"']
    return notebook


def cell(notebook: dict, cell_id: str) -> dict:
    return next(cell for cell in notebook["cells"] if cell["id"] == cell_id)


def write(path: Path, content: dict | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def grade(folder: Path, *students: Student, out: str = "graded", **options):
    """Grade what lies in folder/in; the outcomes by student, and the notes as texts."""
    roster = students or (ANN, BOB)
    n_graded, notes = grade_class(NAME, folder / "in", roster, SECRET, folder / out, **options)
    rows = {row[0]: row[-3:] for row in table(folder / out / "grades.csv")[1:]}
    return n_graded, rows, [(note.student, note.file, note.text) for note in notes]


def returned(path: Path, notebook: dict, time: float = 0.0) -> Returned:
    write(path, notebook)
    return Returned(path.name, time, read_notebook(path))


def graded_alone(tmp_path: Path, notebook: dict, **marking):
    one = returned(tmp_path / "a.ipynb", notebook)
    return grade_student([one], list(variants(ANN).values()), Marking(**marking))


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
    assert (result.outcome, result.message) == ("rounded", "Right so far: four digits, please.")


# What students do to a notebook


def test_right_answers(tmp_path):
    graded = graded_alone(tmp_path, filled(ANN))
    assert [result.outcome for result in graded.results] == [RIGHT] * 3
    assert graded.total == 3
    assert graded.about == ()


def test_an_untouched_notebook_is_blank(tmp_path):
    graded = graded_alone(tmp_path, handed_out(ANN))
    assert [result.outcome for result in graded.results] == [BLANK] * 3
    assert graded.about == ()


def remove(notebook: dict, cell_id: str) -> None:
    notebook["cells"].remove(cell(notebook, cell_id))


def lose_ids(notebook: dict) -> None:
    notebook["nbformat_minor"] = 4
    for each in notebook["cells"]:
        del each["id"]


def lose_metadata(notebook: dict) -> None:
    for each in notebook["cells"]:
        each["metadata"] = {}


def lose_ids_and_metadata(notebook: dict) -> None:
    """As a round trip through jupytext does, or a cleaner of metadata; statements stay as text."""
    notebook["metadata"] = {}
    for number, each in enumerate(notebook["cells"]):
        if not each["id"].startswith("statement"):
            each["metadata"], each["id"] = {}, f"new-{number}"


def renew_line_ends(notebook: dict) -> None:
    for each in notebook["cells"]:
        each["source"] = "".join(each["source"]).replace("\n", "\r\n") + "\r\n"


def sort_keys(notebook: dict) -> None:
    """As JupyterLab does when it saves."""
    saved = json.loads(json.dumps(notebook, sort_keys=True))
    notebook.clear()
    notebook.update(saved)


def copy_an_empty_cell(notebook: dict) -> None:
    empty = cell(handed_out(ANN), f"answer-{NUMBER}")
    notebook["cells"].append(empty | {"id": "copy"})


def copy_a_cell(notebook: dict) -> None:
    notebook["cells"].append(cell(notebook, f"answer-{NUMBER}") | {"id": "copy"})


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
    [
        lose_ids, lose_metadata, lose_ids_and_metadata, renew_line_ends, sort_keys, as_markdown,
        copy_an_empty_cell, copy_a_cell, with_odd_cells, with_scratch, split_lines,
    ],
)  # fmt: skip
def test_changes_that_do_no_harm(tmp_path, change):
    notebook = filled(ANN)
    change(notebook)
    graded = graded_alone(tmp_path, notebook)
    assert graded.total == 3
    assert graded.about == ()


def test_a_deleted_answer_cell_is_blank_and_noted(tmp_path):
    notebook = filled(ANN)
    remove(notebook, f"answer-{NUMBER}")
    graded = graded_alone(tmp_path, notebook)
    assert [result.outcome for result in graded.results] == [BLANK, RIGHT, RIGHT]
    assert graded.about == (f"{NUMBER}: its answer cell was deleted",)


@pytest.mark.parametrize("delete", [True, False])
def test_an_edited_statement_changes_no_number_and_is_noted(tmp_path, delete):
    notebook = filled(ANN)
    if delete:
        remove(notebook, f"statement-{NUMBER}")
    else:
        cell(notebook, f"statement-{NUMBER}")["source"] = r"$\mu = 0$, $\sigma = 1$"
    graded = graded_alone(tmp_path, notebook)
    assert graded.total == 3
    assert graded.about == (
        f"{NUMBER}: its statement was edited or deleted, which changes nothing",
    )


def test_an_answer_outside_its_cell_is_noted(tmp_path):
    notebook = filled(ANN, {FORMULA: right_formula(ANN)})
    notebook["cells"].append({"id": "x", "metadata": {}, "source": f"answer = {right_number(ANN)}"})
    graded = graded_alone(tmp_path, notebook)
    assert [result.outcome for result in graded.results] == [BLANK, RIGHT, BLANK]
    (note,) = graded.about
    assert note.startswith("an answer cell is blank, and there is text in added cells")


def test_a_copied_answer_cell_does_not_displace_the_answer(tmp_path):
    notebook = filled(ANN)
    copy = cell(notebook, f"answer-{NUMBER}") | {"id": "copy", "source": 'answer = "1"'}
    for place in (0, len(notebook["cells"])):
        notebook["cells"].insert(place, copy)
        graded = graded_alone(tmp_path, notebook)
        assert graded.total == 3
        assert graded.about == (f"{NUMBER}: it has answer cells with different answers",)


def test_a_copy_counts_when_the_cell_itself_is_blank(tmp_path):
    notebook = filled(ANN, right_answers(ANN) | {NUMBER: ""})
    copy = cell(notebook, f"answer-{NUMBER}") | {"id": "copy", "source": right_number(ANN)}
    notebook["cells"].append(copy)
    assert graded_alone(tmp_path, notebook).total == 3


def test_between_two_copies_somebody_has_to_choose(tmp_path):
    notebook = filled(ANN)
    own = cell(notebook, f"answer-{NUMBER}")
    own["id"] = "one"
    notebook["cells"].append(own | {"id": "two", "source": 'answer = "1"'})
    graded = graded_alone(tmp_path, notebook)
    assert [result.outcome for result in graded.results] == [UNDECIDED, RIGHT, RIGHT]
    assert graded.total is None
    overrides = {("ann", NUMBER): Override(0.5, "")}
    (decided,) = [
        grade_student([one], list(variants(ANN).values()), Marking(overrides=overrides), "ann")
        for one in [returned(tmp_path / "a.ipynb", notebook)]
    ]
    assert decided.total == 2.5


def test_what_was_not_read_is_reported(tmp_path):
    notebook = filled(ANN)
    cell(notebook, f"answer-{NUMBER}")["source"] += ["\nkl = 3"]
    cell(notebook, f"answer-{CHOICE}")["source"] = 'answer = ""  # it is B'
    graded = graded_alone(tmp_path, notebook)
    assert graded.about == (
        f"{NUMBER}: beside the answer stands what was not read: kl = 3",
        f"{CHOICE}: beside the answer stands what was not read: it is B",
    )
    assert [result.outcome for result in graded.results] == [RIGHT, RIGHT, BLANK]


# Files that cannot be graded


def big(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(60_000_000)


def relabelled(**changes) -> dict:
    notebook = filled(BOB)
    notebook["metadata"]["course"] |= changes
    return notebook


def resealed(**changes) -> dict:
    notebook = relabelled(**changes)
    label = notebook["metadata"]["course"]
    label["seal"] = seal(SECRET, label)
    return notebook


def with_exercises(*ids: str) -> dict:
    """Bob's notebook as if these exercises had been handed out."""
    known = handed_out(BOB)["metadata"]["course"]["exercises"]
    described = {exercise["id"]: exercise for exercise in known}
    return resealed(exercises=[described.get(id, known[0] | {"id": id}) for id in ids])


def without_answers(notebook: dict) -> dict:
    for each in notebook["cells"]:
        each.update(id="x", metadata={}, source="2.5")
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
    "50 MB": ("b.ipynb", big, "has 60 MB, and more than 50 are not read"),
    "PDF": ("b.pdf", b"%PDF", "is not a notebook: it cannot be read as JSON"),
    "no label": ("b.ipynb", {"nbformat": 4, "cells": []}, "carries no label"),
    "odd label": ("b.ipynb", relabelled(exercises="all"), NOT_SEALED.format("bob")),
    "odd student": ("b.ipynb", relabelled(student=["bob"]), "carries no label"),
    "surrogate": ("b.ipynb", relabelled(student="\ud800", seal="\ud800"), NOT_SEALED.format("?")),
    "another's": ("b.ipynb", relabelled(student="ann"), NOT_SEALED.format("ann")),
    "fewer": ("b.ipynb", relabelled(exercises=[]), NOT_SEALED.format("bob")),
    "no seal": ("b.ipynb", relabelled(seal=""), NOT_SEALED.format("bob")),
    "other assignment": ("b.ipynb", resealed(assignment="KL 2"), "belongs to the assignment"),
    "a stranger's": ("b.ipynb", resealed(student="eve"), "belongs to 'eve', who is not on the"),
    "other format": ("b.ipynb", relabelled(format=1), "has a label of format 1, not 2: grade it"),
    "no cell left": ("b.ipynb", without_answers(filled(BOB)), "has none of its answer cells"),
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
    assert about_file[:2] == ("", name) and about_file[2].startswith(message), about_file
    assert about_bob == ("bob", "", "handed in no notebook that can be graded")
    assert table(tmp_path / "graded" / "problems.csv")[1:] == [list(note) for note in notes]
    assert rows["ann"] == ["", "", ""]


def test_submissions_are_found_in_any_folder_under_any_name(tmp_path):
    write(tmp_path / "in" / "Ann_123_assignsubmission_file_" / "Übung (1).IPYNB", filled(ANN))
    write(tmp_path / "in" / "x" / "y" / "mine.ipynb", filled(BOB))
    write(tmp_path / "in" / "x" / ".ipynb_checkpoints" / "mine.ipynb", handed_out(BOB))
    write(tmp_path / "in" / "__MACOSX" / "._mine.ipynb", b"junk")
    assert grade(tmp_path)[0::2] == (2, [])


def submit(folder: Path, *answers: dict[str, str] | None) -> None:
    """Ann's notebooks 1.ipynb, 2.ipynb, …, each saved a minute after the one before."""
    for number, each in enumerate(answers, start=1):
        path = folder / "in" / f"{number}.ipynb"
        write(path, handed_out(ANN) if each is None else filled(ANN, each))
        os.utime(path, (1e9, 1e9 + 60 * number))


def test_equal_notebooks_and_untouched_ones_do_no_harm(tmp_path):
    right = right_answers(ANN)
    submit(tmp_path, None, right, right, None)
    n_graded, rows, notes = grade(tmp_path, ANN)
    assert (n_graded, rows["ann"], notes) == (1, ["", "", ""], [])
    assert table(tmp_path / "graded" / "moodle.csv")[1] == ["ann", "Ann", "3"]


def test_a_blank_answer_contradicts_none(tmp_path):
    right = right_answers(ANN)
    submit(tmp_path, {NUMBER: right[NUMBER]}, right)
    _, rows, ((*_, note),) = grade(tmp_path, ANN)
    assert rows["ann"] == ["", "", ""]
    assert note.startswith("2 different notebooks of this student")
    assert table(tmp_path / "graded" / "moodle.csv")[1][-1] == "3"


def test_guessing_with_several_notebooks_earns_nothing(tmp_path):
    submit(tmp_path, *(right_answers(ANN) | {CHOICE: letter} for letter in "ABCDE"))
    _, rows, ((student, _, note),) = grade(tmp_path, ANN)
    assert student == "ann" and note.startswith("5 different notebooks of this student: 1.ipynb (")
    assert rows["ann"] == ["", "", UNDECIDED]
    assert table(tmp_path / "graded" / "grades.csv")[1][2:6] == ["1", "1", "", ""]
    assert table(tmp_path / "graded" / "moodle.csv")[1] == ["ann", "Ann", "-"]
    assert table(tmp_path / "graded" / "canvas.csv")[2][-1] == ""


@pytest.mark.parametrize(("take", "total", "file"), [("last", "1", "3"), ("best", "3", "2")])
def test_which_of_several_notebooks_counts_can_be_said(tmp_path, take, total, file):
    right = right_answers(ANN)
    submit(tmp_path, right | {NUMBER: "1"}, right, {NUMBER: right[NUMBER]})
    *_, notes = grade(tmp_path, ANN, marking=Marking(take=take))
    assert notes[0][:2] == ("ann", f"{file}.ipynb")
    assert notes[0][2].endswith(f"the {take} counts, {file}.ipynb")
    assert table(tmp_path / "graded" / "moodle.csv")[1][-1] == total


def test_files_of_the_same_time_leave_the_last_one_open(tmp_path):
    right = right_answers(ANN)
    submit(tmp_path, right, right | {NUMBER: "1"})
    for path in (tmp_path / "in").iterdir():
        os.utime(path, (1e9, 1e9))
    _, rows, ((*_, note),) = grade(tmp_path, ANN, marking=Marking(take="last"))
    assert rows["ann"] == [UNDECIDED, "", ""]
    assert note.endswith("the last ones have the same time: where they differ there is no grade")


def test_nobody_hands_in_for_somebody_else(tmp_path):
    ann, bob = Student("ann", "Ann", "", "101"), Student("bob", "Bob", "", "102")
    write(tmp_path / "in" / "Ann_101_assignsubmission_file_" / "a.ipynb", filled(ann))
    write(
        tmp_path / "in" / "Bob_102_assignsubmission_file_" / "a.ipynb", filled(ann, {NUMBER: "1"})
    )
    n_graded, rows, notes = grade(tmp_path, ann, bob)
    assert (n_graded, rows["ann"]) == (1, ["", "", ""])
    assert notes[0][2] == "belongs to 'ann' and was handed in by participant 102"
    assert table(tmp_path / "graded" / "moodle.csv")[2] == ["bob", "Bob", "-"]


ODD_NAMES = [
    b"M\xfcller.ipynb",
    b"x" * 255,
    b"x\\..\\evil.ipynb",
    b"b\n=cmd|x.ipynb",
    b"a:b?.ipynb",
    "é" * 127,
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_no_file_name_stops_the_class_or_leaves_its_folder(tmp_path, name):
    write(tmp_path / "in" / "x", filled(BOB))
    (tmp_path / "in" / "x").rename(tmp_path / "in" / os.fsdecode(name))
    assert grade(tmp_path)[0] == 1
    with zipfile.ZipFile(tmp_path / "graded" / "feedback.zip") as archive:
        (page,) = archive.namelist()
    assert page.isprintable() and not set(page) & set('\\:*?"<>|')
    assert (tmp_path / "graded" / "feedback" / page).exists()


def test_no_page_names_the_files_of_others(tmp_path):
    right = right_answers(ANN)
    submit(tmp_path, right, right | {NUMBER: "1"})
    write(tmp_path / "in" / "bob's secret.ipynb", filled(ANN, right | {NUMBER: "2"}))
    grade(tmp_path, ANN)
    pages = [path.read_text("utf-8") for path in (tmp_path / "graded" / "feedback").iterdir()]
    assert len(pages) == 1
    assert not [name for name in ("bob", ".ipynb") if name in pages[0]]


def test_another_list_of_exercises_and_an_unreadable_folder_are_noted(tmp_path, monkeypatch):
    write(tmp_path / "in" / "a.ipynb", filled(ANN))
    write(tmp_path / "in" / "a2.ipynb", filled(ANN))
    write(tmp_path / "in" / "b.ipynb", with_exercises(CHOICE))
    (tmp_path / "in" / "locked").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root may open all
    n_graded, _, notes = grade(tmp_path)
    assert n_graded == 1
    assert ("", "locked", "is a folder that cannot be read: Permission denied") in notes
    other = f"holds other exercises, {CHOICE}; grade it from a folder of its own"
    assert ("bob", "b.ipynb", other) in notes


# The course may change between handing out and grading


def replaced(monkeypatch, exercise_id: str, **changes) -> None:
    """The bank with another version of one exercise."""
    module = sys.modules["course_lib.exercises.bank"]  # a function has its name
    changed = dataclasses.replace(bank()[exercise_id], **changes)
    monkeypatch.setattr(module, "EXERCISES", bank() | {exercise_id: changed})


def another_distractor():
    texts = bank()[CHOICE].mistakes
    return (*texts, dataclasses.replace(texts[0], id="new", wrong="Something else."))


def exchanged():
    first, *others = bank()[CHOICE].mistakes
    swapped = dataclasses.replace(first, wrong=bank()[CHOICE].truth)
    return {"truth": first.wrong, "mistakes": (swapped, *others)}


CHANGES = {
    "another grid": (NUMBER, {"draw": lambda random: {"mu": 0.2, "sigma": 0.4}}),
    "another truth": (NUMBER, {"truth": lambda mu, sigma: mu + sigma}),
    "another formula": (FORMULA, {"truth": lambda mu, sigma, weight: mu + sigma + weight}),
    "another choice": (CHOICE, {"mistakes": another_distractor()}),
    "another right one": (CHOICE, {"truth": "The other."}),
    "right and wrong exchanged": (CHOICE, exchanged()),
    "another unit": (NUMBER, {"unit": "bits"}),
}


@pytest.mark.parametrize(("exercise_id", "changes"), CHANGES.values(), ids=CHANGES)
def test_an_exercise_that_was_changed_is_not_graded(tmp_path, monkeypatch, exercise_id, changes):
    for student in (ANN, BOB):
        write(tmp_path / "in" / f"{student.id}.ipynb", filled(student))
    if changes == {"truth": "The other."}:
        changes = changes | {"mistakes": bank()[CHOICE].mistakes[1:]}
    replaced(monkeypatch, exercise_id, **changes)
    with pytest.raises(InstructorError, match=f"{exercise_id}: for 2 of 2 students"):
        grade(tmp_path)
    n_graded, *_ = grade(tmp_path, marking=Marking(dropped=[exercise_id]))
    assert n_graded == 2


def test_prose_may_change(tmp_path, monkeypatch):
    write(
        tmp_path / "in" / "a.ipynb",
        filled(ANN, right_answers(ANN) | {CHOICE: bank()[CHOICE].truth}),
    )
    first = bank()[CHOICE].mistakes[0]
    says = dataclasses.replace(first, says="Said in other words.", wrong=f"{first.wrong} So.")
    others = bank()[CHOICE].mistakes[1:]
    replaced(monkeypatch, CHOICE, truth="In other words.", mistakes=(says, *others))
    changed = bank()[NUMBER]
    module = sys.modules["course_lib.exercises.bank"]
    other = dataclasses.replace(changed, statement=f"Please. {changed.statement}", title="New")
    monkeypatch.setattr(module, "EXERCISES", bank() | {NUMBER: other})
    n_graded, rows, notes = grade(tmp_path, ANN)
    assert (n_graded, rows["ann"], notes) == (1, ["", "", ""], [])


# Points


def test_weights_credit_and_dropped_exercises(tmp_path):
    value = float(right_number(ANN))
    write(tmp_path / "in" / "a.ipynb", filled(ANN, right_answers(ANN) | {NUMBER: repr(2 * value)}))
    for n, (marking, total, most) in enumerate(
        [
            (Marking(), 2, 3),
            (Marking(credit={"lost-half": 0.5}), 2.5, 3),
            (Marking(credit={f"{NUMBER}/lost-half": 0.25}, weights={NUMBER: 2}), 2.5, 4),
            (Marking(credit={f"{FORMULA}/lost-half": 0.25}), 2, 3),
            (Marking(weights={CHOICE: 3}), 4, 5),
            (Marking(dropped=[NUMBER]), 2, 2),
            (Marking(overrides={("ann", NUMBER): Override(0.9, "Almost.")}), 2.9, 3),
            (Marking(overrides={("bob", NUMBER): Override(0.9, "Almost.")}), 2, 3),
        ]
    ):
        grade(tmp_path, ANN, out=f"{n}", marking=marking)
        assert table(tmp_path / f"{n}" / "moodle.csv")[1][-1] == f"{total:g}"
        page = (tmp_path / f"{n}" / "feedback" / "a.ipynb.html").read_text("utf-8")
        assert f": {total:g} of {most:g} points" in page
        assert ("Almost." in page) == (total == 2.9)


def test_exercises_keep_their_numbers_when_one_is_dropped(tmp_path):
    write(tmp_path / "in" / "a.ipynb", filled(ANN))
    (tmp_path / "t.csv").write_text(
        "Identifier,Grade,ID number,Feedback comments\n1,,ann,\n", "utf-8"
    )
    grade(tmp_path, ANN, marking=Marking(dropped=[NUMBER]), worksheets=[tmp_path / "t.csv"])
    assert table(tmp_path / "graded" / "filled-t.csv")[1][-1] == "2. Right.<br>3. Right."
    for name in ("feedback/a.ipynb.html", "solutions/ann.html", "report.md"):
        text = (tmp_path / "graded" / name).read_text("utf-8")
        assert f"2. {bank()[FORMULA].title}" in text and "1. " not in text


def test_points_by_hand_need_no_notebook(tmp_path):
    write(tmp_path / "in" / "a.ipynb", filled(ANN))
    grade(tmp_path, marking=Marking(overrides={("bob", CHOICE): Override(1, "on paper")}))
    assert table(tmp_path / "graded" / "moodle.csv")[1:] == [
        ["ann", "Ann", "3"],
        ["bob", "Bob", "1"],
    ]
    assert not (tmp_path / "graded" / "feedback" / "bob.html").exists()


def test_one_student_is_graded_again(tmp_path):
    for student in (ANN, BOB):
        write(tmp_path / "in" / f"{student.id}.ipynb", filled(student))
    n_graded, rows, notes = grade(tmp_path, only=["bob"])
    assert (n_graded, set(rows), notes) == (1, {"bob"}, [])


def test_solutions_show_what_is_right_and_what_was_typed(tmp_path):
    write(tmp_path / "in" / "a.ipynb", filled(ANN, {NUMBER: "1"}))
    grade(tmp_path, ANN)
    page = (tmp_path / "graded" / "solutions" / "ann.html").read_text("utf-8")
    assert f"Right: {float(right_number(ANN)):.6g}. Typed: <code>1</code>" in page
    assert f"Right: {right_answers(ANN)[CHOICE]}, " in page
    assert "a formula whose value is" in page
    assert "<math" in page and "$" not in page


def test_answers_are_listed_as_typed_and_as_read(tmp_path):
    write(tmp_path / "in" / "a.ipynb", filled(ANN, {NUMBER: "log(2)/2", CHOICE: "b"}))
    grade(tmp_path, ANN)
    rows = table(tmp_path / "graded" / "answers.csv")
    assert rows[0] == ["id", "exercise", "typed", "read as", "outcome", "points", "said"]
    assert rows[1][:6] == ["ann", NUMBER, "log(2)/2", "0.346574", OTHER, "0"]
    assert rows[2][:6] == ["ann", FORMULA, "", "", BLANK, "0"]
    assert rows[3][2:4] == ["b", "B"]


def test_answers_copied_from_another_student_are_wrong(tmp_path):
    write(tmp_path / "in" / "a.ipynb", filled(ANN, right_answers(BOB)))
    assert grade(tmp_path, ANN)[1]["ann"][0] == OTHER


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no notebook that was handed out for 'KL 1'"),
        ({"a.txt": b""}, "a.txt is not a notebook"),
        ({"a.ipynb": with_exercises("gone", CHOICE)}, "the bank no longer has gone"),
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
        collect(tmp_path, NAME, SECRET[::-1], {"ann": ""})


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
    assert marked == {"grades.csv", "answers.csv", "problems.csv"}


def test_nothing_is_a_formula_in_any_table_at_any_separator(tmp_path):
    eve = Student("eve", '=HYPERLINK("http://x")')
    joe = Student("joe", "Joe;=1+1;x\t@y|+2")
    write(tmp_path / "in" / "a.ipynb", filled(ANN, {NUMBER: "=1+1", FORMULA: "x;=1+1"}))
    for name in ("=1+1.ipynb", "x;=1+1;y.ipynb"):
        write(tmp_path / "in" / name, b"")
    grade(tmp_path, ANN, eve, joe)
    paths = list((tmp_path / "graded").glob("*.csv"))
    assert len(paths) == 5
    for path in paths:
        for row in table(path):
            for cell in row:
                for piece in re.split("[;,\t|]", cell):
                    assert piece.strip() == "-" or piece.strip()[:1] not in tuple("=+-@"), cell
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
    page = (tmp_path / "graded" / "feedback" / "a.ipynb.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert not {"script", "img"} & set(Tags(page).tags)


def test_feedback_names_the_mistake_and_never_the_value(tmp_path):
    value = float(right_number(ANN))
    write(tmp_path / "in" / "a.ipynb", filled(ANN, {NUMBER: repr(2 * value)}))
    grade(tmp_path, ANN)
    page = (tmp_path / "graded" / "feedback" / "a.ipynb.html").read_text("utf-8")
    (mistake,) = [m for m in bank()[NUMBER].mistakes if m.id == "lost-half"]
    assert mistake.says in page
    assert f"{value:.3f}"[:-1] not in page
    assert ": 0 of 3 points" in page


def test_a_page_that_speaks_of_hints_has_them(tmp_path):
    value = float(right_number(ANN))
    for name, number, told in (("a", "-12345", True), ("b", repr(2 * value), False)):
        write(
            tmp_path / name / "in" / "a.ipynb", filled(ANN, right_answers(ANN) | {NUMBER: number})
        )
        grade(tmp_path / name, ANN)
        page = (tmp_path / name / "graded" / "feedback" / "a.ipynb.html").read_text("utf-8")
        assert ("a hint may help" in page) == told
        for hint in bank()[NUMBER].hints:
            assert (f"Hint: {as_html(hint)}" in page) == told


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
    assert names == {
        "grades.csv", "answers.csv", "moodle.csv", "canvas.csv", "problems.csv", "report.md",
        "report.png", "feedback/ann.ipynb.html", "feedback.zip", "solutions/ann.html",
    }  # fmt: skip
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
    assert f"{len(plans) - 1} of {len(plans)} students were graded; 2 things" in said
    assert not trap.exists()
    check_tables(tmp_path / "graded", plans)
    check_report(tmp_path / "graded", plans)
    feedback, solutions = tmp_path / "graded" / "feedback", tmp_path / "graded" / "solutions"
    done = {student.id: file_name(student.id) for student, plan in plans if plan is not None}
    pages = {path.relative_to(feedback).as_posix() for path in feedback.rglob("*.html")}
    assert pages == {f"{id}/{name}.ipynb.html" for id, name in done.items()}
    assert {path.stem for path in solutions.iterdir()} == set(done.values())
    with zipfile.ZipFile(tmp_path / "graded" / "feedback.zip") as archive:
        assert set(archive.namelist()) == pages


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
        moodle.append([student.id, name, total or "-"])
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
    header, unread, last = table(graded / "problems.csv")
    assert header == ["id", "file", "problem"]
    assert unread[0] == "s2" and f"{FORMULA}: beside the answer stands" in unread[2]
    assert last == [missing, "", "handed in no notebook that can be graded"]


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
