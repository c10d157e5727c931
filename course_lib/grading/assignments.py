"""Handing out: one notebook per student, with numbers that belong to this student alone.

Everything follows from four things that an instructor keeps: the secret, the name of the
assignment, the roster and this course. The seed of an exercise is an HMAC of assignment, student
and exercise under the secret, so that it can be computed again years later and guessed by nobody.
A notebook carries a label, in its metadata and once more in its text: for whom it is, which
exercises it holds, digests of their numbers and statements, and a seal, which is another HMAC.
Grading believes a label only when its seal is right; so no list of exercises has to be kept, a
notebook cannot be relabelled for somebody else, and a course whose exercises have changed since
does not grade by other numbers.

HMAC: Krawczyk, Bellare & Canetti, RFC 2104, 1997.
"""

import hashlib
import hmac
import inspect
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from course_lib.exercises import Variant, answers, bank, variant
from course_lib.exercises.answers import LETTERS
from course_lib.exercises.check import answer_key
from course_lib.grading import check_cell, submissions
from course_lib.grading.roster import InstructorError, Student, listed
from course_lib.grading.submissions import FORMAT, KEY, digest

PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}(?<!\.)")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # by Windows
ADDRESS = re.compile(r"[^\s@,;<>\"=?]+@[^\s@,;<>\"=?]+\.[^\s@,;<>\"=?]+")
LAYOUTS = ("plain", "moodle", "mail")

INTRODUCTION = """\
# {assignment}

{name} ({id})

Below each exercise is a cell `answer = ""`. Write your answer between the quotes: a number such
as `2.5`, an expression such as `log(3)/2`, a formula in the names that the exercise gives, or the
letter of a choice. Save the notebook, run its last cell to see how your answers are read, and hand
in this file.

Only what stands in the answer cells counts. Add cells for your calculations wherever you like;
nothing in this notebook is run when it is graded. The numbers are yours alone; choices have the
same text for all, in another order.

<!-- course {label} -->
"""
BEFORE = """\
## Before you hand in

Save the notebook, then run the next cell: it says how each answer is read, not whether it is right.
"""


# What follows from the secret


def seed(secret: bytes, assignment: str, student_id: str, exercise_id: str) -> int:
    """The seed of this student's variant, 0 to 2⁶⁴ − 1."""
    return int.from_bytes(_hmac(secret, "seed", assignment, student_id, exercise_id)[:8], "big")


def seal(secret: bytes, label: Mapping[str, Any]) -> str:
    """What shows that a label was written with this secret; it covers all else in the label."""
    return _hmac(secret, "seal", {name: label[name] for name in label if name != "seal"}).hex()


def numbers_digest(secret: bytes, drawn: Variant) -> str:
    """Of all that decides which answer is right: numbers, order of the choices, and the truth.

    Sentences may be reworded without another digest. Under the secret, since without it somebody
    could try answers until the digest fits.
    """
    exercise = bank()[drawn.exercise_id]
    texts = {str(mistake.wrong): mistake.id for mistake in exercise.mistakes}
    order = [texts.get(choice, "truth") for choice in drawn.choices]
    truth = answer_key(drawn).truth
    values = [] if isinstance(truth, str) else [f"{value:.9g}" for value in truth]
    parts = (drawn.kind, sorted(drawn.parameters.items()), order, values)
    return _hmac(secret, "numbers", drawn.exercise_id, *parts).hex()[:16]


def _hmac(secret: bytes, *parts: Any) -> bytes:
    # A list in JSON, and not the parts joined, so that no two lists give the same message.
    # Keys are sorted, as JupyterLab does when it saves.
    return hmac.digest(secret, json.dumps(parts, sort_keys=True).encode(), "sha256")


# The notebooks


def hand_out(
    assignment: str,
    exercises: Sequence[str],
    roster: Sequence[Student],
    secret: bytes,
    out: Path,
    layout: str = "plain",
) -> None:
    """Write the notebooks of all students into a new folder, whole or not at all.

    layout: "plain", a file per student; "moodle", the folders that an assignment of Moodle takes as
    feedback files, once they are zipped; "mail", a message per student with the notebook attached,
    which mail programs open as a draft.
    Raises InstructorError when `out` exists and holds anything else, and for students whose roster
    lacks what the layout needs.
    """
    lacking = {"moodle": "participant", "mail": "email"}.get(layout)
    without = [f"{s.id} has none" for s in roster if lacking and not getattr(s, lacking)]
    if without:
        column = {"moodle": "Identifier, as in Moodle's grading worksheet", "mail": "email"}[layout]
        raise InstructorError(f"layout {layout} needs the column {column}:\n{listed(without)}")
    if layout == "mail":
        bad = [f"{s.id}: {s.email!r}" for s in roster if not ADDRESS.fullmatch(s.email)]
        if bad:
            raise InstructorError(f"these are no e-mail addresses:\n{listed(bad)}")
    if layout == "moodle":
        counts = Counter(student.participant for student in roster)
        bad = [f"{s.id}: {s.participant}" for s in roster if counts[s.participant] > 1]
        if bad:
            raise InstructorError(f"several students have the same Identifier:\n{listed(bad)}")
    with whole_folder(out) as folder:
        for student in tqdm(roster, desc="handing out", unit="student"):
            notebook = student_notebook(assignment, exercises, student, secret)
            name = f"{file_name(student.id)}.ipynb"
            if layout == "moodle":
                who = re.sub(r"[\W_]+", " ", student.name)[:80].strip()  # Moodle splits at _
                name = f"{who}_{student.participant}_assignsubmission_file/{name}"
            elif layout == "mail":
                notebook = _message(assignment, student, name, notebook)
                name = f"{file_name(student.id)}.eml"
            (folder / name).parent.mkdir(exist_ok=True)
            with (folder / name).open("xb") as file:
                file.write(notebook)


def _message(assignment: str, student: Student, name: str, notebook: bytes) -> bytes:
    message = EmailMessage()
    message["To"] = student.email
    message["Subject"] = assignment
    message["X-Unsent"] = "1"  # Outlook and Thunderbird open it to be sent
    message.set_content(f"{student.name}, your notebook for {assignment} is attached.\n")
    message.add_attachment(notebook, maintype="application", subtype="x-ipynb+json", filename=name)
    message.set_boundary("=-=-=course=-=-=")  # the same bytes every time
    return message.as_bytes()


def student_notebook(
    assignment: str, exercises: Sequence[str], student: Student, secret: bytes
) -> bytes:
    """The notebook of one student, the same bytes every time; no answer, seed or secret in it."""
    variants = student_variants(secret, assignment, student.id, exercises)
    label: dict[str, Any] = {
        "format": FORMAT,
        "assignment": assignment,
        "student": student.id,
        "exercises": [_described(n, drawn, secret) for n, drawn in enumerate(variants, start=1)],
    }
    label["seal"] = seal(secret, label)
    introduction = INTRODUCTION.format(
        assignment=_markdown(assignment), name=_markdown(student.name), id=_markdown(student.id),
        label=json.dumps(label).replace("<", "\\u003c").replace(">", "\\u003e"),
    )  # fmt: skip
    cells = [_cell("markdown", "introduction", "", introduction)]
    for number, drawn in enumerate(variants, start=1):
        exercise = drawn.exercise_id
        cells.append(_cell("markdown", "statement", exercise, statement(number, drawn)))
        cells.append(_cell("code", "answer", exercise, empty_answer(exercise)))
    cells.append(_cell("markdown", "check", "before", BEFORE))
    name = f"{file_name(student.id)}.ipynb"
    check = _cell("code", "check", "", f"{check_source()}\n\nshow_answers({name!r})")
    check["metadata"]["jupyter"] = {"source_hidden": True}
    cells.append(check)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {KEY: label, "kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def student_variants(
    secret: bytes, assignment: str, student_id: str, exercises: Sequence[str]
) -> list[Variant]:
    """The exercises with the numbers of one student."""
    return [variant(e, seed(secret, assignment, student_id, e)) for e in exercises]


def _described(number: int, drawn: Variant, secret: bytes) -> dict[str, Any]:
    """What the label says of an exercise."""
    return {
        "id": drawn.exercise_id,
        "kind": drawn.kind,
        "names": list(drawn.names),
        "choices": list(drawn.choices),
        "unit": drawn.unit,
        "numbers": numbers_digest(secret, drawn),
        "statement": digest(statement(number, drawn)),
    }


def statement(number: int, drawn: Variant) -> str:
    """The Markdown of an exercise as a student sees it."""
    lettered = zip(LETTERS, drawn.choices, strict=False)
    choices = "\n".join(f"- **{letter}.** {choice}" for letter, choice in lettered)
    parts = [f"## {number}. {bank()[drawn.exercise_id].title}", drawn.statement, choices]
    return "\n\n".join(part for part in parts if part)


def empty_answer(exercise: str) -> str:
    """An answer cell as it is handed out. Its first line names the exercise once more."""
    return f'# {exercise}: write between the quotes\nanswer = ""'


@lru_cache
def check_source() -> str:
    """The code of the check cell: the modules that the grader reads with, in one piece."""
    lines = "\n\n".join(map(inspect.getsource, (answers, submissions, check_cell))).split("\n")
    table = f"TABLE = {answers.TABLE!r}"  # which is read from a file
    lines = [table if line.startswith("TABLE = ") else line for line in lines]
    # What they take from each other is there already.
    return re.sub(
        r"^from course_lib[^(\n]*(\([^)]*\))?\n", "", "\n".join(lines), flags=re.M
    ).strip()


def _cell(cell_type: str, part: str, exercise: str, source: str) -> dict:
    """A cell that says what it is by its metadata and by its id: some programs lose one."""
    own: dict[str, Any] = {KEY: {"part": part, "exercise": exercise}, "deletable": False}
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
