"""What grading writes: the grades, a page for each student, and the report on the class."""

import csv
import html
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tqdm import tqdm

from course_lib.exercises import bank
from course_lib.grading.assignments import (
    FORMULA_STARTS,
    Student,
    file_name,
    student_variants,
    whole_folder,
)
from course_lib.grading.grading import (
    BLANK,
    OTHER,
    RIGHT,
    UNREADABLE,
    Graded,
    Note,
    Result,
    collect,
    grade_student,
)

Tally = Counter[tuple[str, str]]  # (exercise, outcome) → number of students
WORDS = {  # outcomes that are no catalogued mistakes
    RIGHT: "right",
    OTHER: "wrong in another way",
    UNREADABLE: "unreadable",
    BLANK: "no answer",
}
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{assignment}: {name}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }}
code {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>{assignment}</h1>
<p>{name} ({id}): {total} of {count} right.</p>
{body}
</body>
</html>
"""


def grade_class(
    assignment: str, submissions: Path, roster: Sequence[Student], secret: bytes, out: Path
) -> tuple[int, list[Note]]:
    """Grade all submissions and write everything into a new folder, whole or not at all.

    Returns how many students were graded, and what the instructor should know.
    Raises InstructorError when there is nothing to grade or `out` holds anything else.
    """
    collected = collect(submissions, assignment, secret, {student.id for student in roster})
    exercises, notes = collected.exercises, list(collected.notes)
    tally: Tally = Counter()
    with whole_folder(out) as folder, ExitStack() as files:
        (folder / "feedback").mkdir()
        sheets = _Sheets(folder, files, assignment, exercises)
        for student in tqdm(roster, desc="grading", unit="student"):
            names = collected.files.get(student.id)
            if not names:
                notes.append(Note(student.id, "", "handed in no notebook that can be graded"))
                sheets.write(student, None)
                continue
            variants = student_variants(secret, assignment, student.id, exercises)
            graded = grade_student(submissions, names, variants)
            notes += [Note(student.id, graded.file, text) for text in graded.notes]
            tally.update((result.exercise, result.outcome) for result in graded.results)
            sheets.write(student, graded)
            page = folder / "feedback" / f"{file_name(student.id)}.html"
            page.write_text(feedback_page(assignment, student, graded), "utf-8", newline="\n")
        _write_problems(folder / "problems.csv", notes)
        n_graded = len(collected.files)
        _write_class_report(folder, assignment, exercises, tally, n_graded, len(roster))
    return n_graded, notes


# Tables


def safe(cell: str | int) -> str | int:
    """A cell that no spreadsheet takes for a formula: an apostrophe in front of the text."""
    looks_like_a_formula = isinstance(cell, str) and cell[:1] and cell[0] in FORMULA_STARTS
    return f"'{cell}" if looks_like_a_formula else cell


class _Sheets:
    """The three tables of grades, open until the last student is written."""

    def __init__(
        self, folder: Path, files: ExitStack, assignment: str, exercises: Sequence[str]
    ) -> None:
        # Excel knows UTF-8 by the byte order mark.
        self.grades = _table(files, folder / "grades.csv", "utf-8-sig")
        self.moodle = _table(files, folder / "moodle.csv", "utf-8")
        self.canvas = _table(files, folder / "canvas.csv", "utf-8")
        self.n_exercises = len(exercises)
        mistakes = [f"{exercise} mistake" for exercise in exercises]
        self.grades.writerow(["id", "name", *exercises, "total", *mistakes])
        self.moodle.writerow(["ID number", "Full name", safe(assignment)])
        self.canvas.writerow([*CANVAS, safe(assignment)])
        self.canvas.writerow(["    Points Possible", "", "", "", "", len(exercises)])

    def write(self, student: Student, graded: Graded | None) -> None:
        """One line in each table; no grade for a student who handed in nothing."""
        name = safe(student.name)
        points: list[str | int] = [""] * self.n_exercises
        mistakes, total = [""] * self.n_exercises, ""
        if graded:
            outcomes = [result.outcome for result in graded.results]
            points = [int(outcome == RIGHT) for outcome in outcomes]
            mistakes = ["" if outcome == RIGHT else outcome for outcome in outcomes]
            total = str(graded.total)
        self.grades.writerow([student.id, name, *points, total, *mistakes])
        self.moodle.writerow([student.id, name, total])
        self.canvas.writerow([name, "", student.id, "", "", total])


def _table(files: ExitStack, path: Path, encoding: str) -> Any:  # csv's writers have no public type
    return csv.writer(files.enter_context(path.open("w", encoding=encoding, newline="")))


def _write_problems(path: Path, notes: Sequence[Note]) -> None:
    with ExitStack() as files:
        table = _table(files, path, "utf-8-sig")
        table.writerow(["id", "file", "problem"])
        table.writerows([safe(cell) for cell in (n.student, n.file, n.text)] for n in notes)


# Pages


def feedback_page(assignment: str, student: Student, graded: Graded) -> str:
    """What a student gets to see, as HTML in which nothing that was handed in is live."""
    parts = [_answer(number, result) for number, result in enumerate(graded.results, start=1)]
    if graded.notes:
        notes = "\n".join(f"<li>{html.escape(note)}</li>" for note in graded.notes)
        parts.append(f"<h2>About the notebook</h2>\n<ul>\n{notes}\n</ul>")
    return PAGE.format(
        assignment=html.escape(assignment),
        name=html.escape(student.name),
        id=html.escape(student.id),
        total=graded.total,
        count=len(graded.results),
        body="\n".join(parts),
    )


def _answer(number: int, result: Result) -> str:
    title = html.escape(bank()[result.exercise].title)
    answer = f"<p>You wrote <code>{html.escape(result.answer)}</code>.</p>\n" * bool(result.answer)
    return f"<h2>{number}. {title}</h2>\n{answer}<p>{html.escape(result.message)}</p>"


# The class


def ranked(exercise: str, tally: Tally) -> list[tuple[str, int]]:
    """The outcomes of an exercise with their counts: right, mistakes by frequency, the rest."""
    own = {outcome: count for (e, outcome), count in tally.items() if e == exercise}
    rest = [outcome for outcome in (OTHER, UNREADABLE, BLANK) if outcome in own]
    mistakes = sorted(own.keys() - set(WORDS), key=lambda outcome: (-own[outcome], outcome))
    return [(outcome, own.get(outcome, 0)) for outcome in (RIGHT, *mistakes, *rest)]


def _write_class_report(
    folder: Path, assignment: str, exercises: Sequence[str], tally: Tally, n: int, n_roster: int
) -> None:
    draw_class_report(exercises, tally, n, folder / "report.png")
    lines = [
        f"# {assignment}: what the class misunderstood",
        "",
        f"{n} of {n_roster} students handed in a notebook that could be graded.",
        "",
        f"![{alternative_text(exercises, tally, n)}](report.png)",
    ]
    for number, exercise in enumerate(exercises, start=1):
        says = {mistake.id: mistake.says for mistake in bank()[exercise].mistakes}
        lines += ["", f"## {number}. {bank()[exercise].title}", "", f"`{exercise}`", ""]
        lines += ["| outcome | students | what was done |", "|:--|--:|:--|"]
        lines += [
            f"| {WORDS.get(outcome, outcome)} | {count} | {says.get(outcome, '')} |"
            for outcome, count in ranked(exercise, tally)
        ]
    (folder / "report.md").write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def alternative_text(exercises: Sequence[str], tally: Tally, n: int) -> str:
    """What the picture shows, in words."""
    mistakes = [
        (count, exercise, outcome)
        for exercise in exercises
        for outcome, count in ranked(exercise, tally)
        if outcome not in WORDS
    ]
    text = (
        f"Bars for each of {len(exercises)} exercises: how many of {n} students were right, and "
        "how many made each mistake."
    )
    if mistakes:
        count, exercise, outcome = max(mistakes, key=lambda mistake: mistake[0])
        text += f" The most frequent mistake is {outcome} in {exercise}, made {count} times."
    return text


def draw_class_report(exercises: Sequence[str], tally: Tally, n: int, path: Path) -> None:
    """A picture of which mistakes were made how often, the same bytes every time."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context("default"):
        rows = [_heading_and_bars(i, e, tally) for i, e in enumerate(exercises, start=1)]
        n_rows = sum(len(bars) + 1.5 for _, bars in rows)
        figure = Figure(figsize=(7.5, 0.24 * n_rows + 0.8), layout="constrained")
        _draw_rows(figure.add_subplot(), rows, n)
        FigureCanvasAgg(figure)
        figure.savefig(path, dpi=144, metadata={"Software": None})


def _heading_and_bars(
    number: int, exercise: str, tally: Tally
) -> tuple[str, list[tuple[str, int]]]:
    return f"{number}. {bank()[exercise].title}", ranked(exercise, tally)


def _draw_rows(axis: Any, rows: list[tuple[str, list[tuple[str, int]]]], n: int) -> None:
    from course_lib.plots import COLOURS  # here, since plots need torch, and nothing else does

    colours = {RIGHT: COLOURS[0], OTHER: COLOURS[3], UNREADABLE: COLOURS[3], BLANK: COLOURS[3]}
    y, ticks = 0.0, {}
    for heading, bars in rows:
        axis.text(0, y, heading, weight="bold", va="center", parse_math=False)
        for outcome, count in bars:
            y += 1
            ticks[y] = WORDS.get(outcome, outcome)
            axis.barh(y, count, 0.8, color=colours.get(outcome, COLOURS[1]))
            axis.text(count, y, f" {count}", va="center")
        y += 1.5
    axis.set_yticks(list(ticks), ticks.values())
    axis.tick_params(left=False)
    axis.set(xlim=(0, max(n, 1)), ylim=(y - 0.5, -0.8), xlabel=f"students, of {n}")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.spines[["top", "right", "left"]].set_visible(False)
