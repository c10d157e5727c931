"""What grading writes: the tables, a page for each student, and the report on the class."""

import hashlib
import html
import os
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from course_lib.exercises import Variant, bank
from course_lib.exercises.answers import LETTERS
from course_lib.exercises.check import answer_key
from course_lib.exercises.page import as_html
from course_lib.grading.assignments import file_name, student_variants, whole_folder
from course_lib.grading.grading import (
    BLANK,
    OTHER,
    RIGHT,
    ROUNDED,
    UNDECIDED,
    UNREADABLE,
    Graded,
    Marking,
    Note,
    Result,
    check_named,
    collect,
    grade_student,
    graded_by_hand,
    printable,
)
from course_lib.grading.item_statistics import item_statistics
from course_lib.grading.roster import InstructorError, Student
from course_lib.grading.tables import fill, number, write_problems, write_tables

Tally = Counter[tuple[str, str]]  # (exercise, outcome) → number of students
WORDS = {  # outcomes that are no catalogued mistakes
    RIGHT: "right",
    ROUNDED: "right, with too few digits",
    OTHER: "wrong in another way",
    UNREADABLE: "unreadable",
    BLANK: "no answer",
    UNDECIDED: "different answers",
}
LONGEST_NAME = 200  # bytes; most systems take 255, with the ending
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first date of a ZIP file: the same bytes every time

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
<p>{name} ({id}){total}.</p>
{body}
</body>
</html>
"""


def grade_class(
    assignment: str,
    submissions: Path,
    roster: Sequence[Student],
    secret: bytes,
    out: Path,
    marking: Marking = Marking(),  # noqa: B008, it is frozen
    worksheets: Sequence[Path] = (),
    only: Sequence[str] = (),
) -> tuple[int, list[Note]]:
    """Grade all submissions and write everything into a new folder, whole or not at all.

    worksheets: tables of learning platforms to fill in. only: the ids of the students to grade,
    everybody when there is none.
    Returns how many students were graded, and what the instructor should know.
    Raises InstructorError when there is nothing to grade or `out` holds anything else.
    """
    collected = collect(
        submissions, assignment, secret, {s.id: s.participant for s in roster}, marking.dropped
    )
    exercises, notes = list(collected.exercises), list(collected.notes)
    named = {*marking.weights, *(exercise for _, exercise in marking.overrides)}
    check_named("weights and overrides", named, [*exercises, *marking.dropped])
    if len({worksheet.name for worksheet in worksheets}) < len(worksheets):
        raise InstructorError("several worksheets have the same name; rename all but one")
    maximum = marking.maximum(exercises)
    graded: list[tuple[Student, Graded | None]] = []
    roster = [student for student in roster if not only or student.id in only]
    with whole_folder(out) as folder:
        for student in tqdm(roster, desc="grading", unit="student"):
            returned = collected.returned.get(student.id)
            if not returned:
                notes.append(Note(student.id, "", "handed in no notebook that can be graded"))
                by_hand = graded_by_hand(collected.exercises, marking, student.id)
                graded.append((student, by_hand))
                continue
            variants = student_variants(secret, assignment, student.id, exercises)
            one = grade_student(returned, variants, marking, student.id)
            file = printable(one.file)
            notes += [Note(student.id, file, text) for text in (*one.notes, *one.about)]
            graded.append((student, one))
            page = feedback_page(assignment, student, one, maximum)
            _write_page(folder / "feedback" / page_name(one.file), page)
            solution = solution_page(assignment, student, one, variants)
            _write_page(folder / "solutions" / f"{file_name(student.id)}.html", solution)
        _zip(folder / "feedback", folder / "feedback.zip")
        write_tables(folder, assignment, exercises, graded, maximum)
        for worksheet in worksheets:
            filled = folder / f"filled-{worksheet.name}"
            for id in fill(worksheet, assignment, graded, maximum, filled):
                notes.append(
                    Note(id, worksheet.name, "does not name this student, who has a grade")
                )
        write_problems(folder / "problems.csv", notes)
        _write_class_report(folder, assignment, collected.exercises, graded)
    return sum(one is not None for _, one in graded), notes


def page_name(file: str) -> str:
    """The path of a page for a file: the same, but for what some system does not take."""
    parts = []
    for part in Path(file).parts:
        plain = re.sub(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]', "_", part)
        if len(plain.encode()) > LONGEST_NAME:
            plain = plain.encode()[:LONGEST_NAME].decode(errors="ignore")
        if plain != part:
            plain += "~" + hashlib.sha256(os.fsencode(part)).hexdigest()[:8]
        parts.append(plain)
    return f"{'/'.join(parts)}.html"


def _write_page(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8", newline="\n")


def _zip(folder: Path, path: Path) -> None:
    """The folder's files under their names in it, as Moodle takes feedback files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.html")):
            name = zipfile.ZipInfo(file.relative_to(folder).as_posix(), LONG_AGO)
            archive.writestr(name, file.read_bytes())


# Pages


def feedback_page(assignment: str, student: Student, graded: Graded, maximum: float) -> str:
    """What a student gets to see, as HTML in which nothing that was handed in is live."""
    parts = [_answer(result) for result in graded.results]
    if graded.about:
        notes = "\n".join(f"<li>{html.escape(note)}</li>" for note in graded.about)
        parts.append(f"<h2>About the notebook</h2>\n<ul>\n{notes}\n</ul>")
    total = "" if graded.total is None else f": {number(graded.total)} of {number(maximum)} points"
    return _page(assignment, student, total, parts)


def _page(assignment: str, student: Student, total: str, parts: Sequence[str]) -> str:
    return PAGE.format(
        assignment=html.escape(assignment),
        name=html.escape(student.name),
        id=html.escape(student.id),
        total=total,
        body="\n".join(parts),
    )


def _answer(result: Result) -> str:
    title = html.escape(bank()[result.exercise].title)
    answer = f"<p>You wrote <code>{html.escape(result.answer)}</code>.</p>\n" * bool(result.answer)
    hints = bank()[result.exercise].hints if result.outcome == OTHER else ()  # which it speaks of
    told = "".join(f"\n<p>Hint: {as_html(hint)}</p>" for hint in hints)
    return f"<h2>{result.place}. {title}</h2>\n{answer}<p>{html.escape(result.message)}</p>{told}"


def solution_page(
    assignment: str, student: Student, graded: Graded, variants: Sequence[Variant]
) -> str:
    """For assistants: one student's exercises with the right answers, beside what was typed."""
    parts = []
    for result, drawn in zip(graded.results, variants, strict=True):
        lettered = zip(LETTERS, drawn.choices, strict=False)
        choices = "".join(f"<br>{letter}. {as_html(choice)}" for letter, choice in lettered)
        typed = f"<code>{html.escape(result.answer)}</code>, " * bool(result.answer)
        parts.append(
            f"<h2>{result.place}. {html.escape(bank()[drawn.exercise_id].title)}</h2>\n"
            f"<p>{as_html(drawn.statement)}{choices}</p>\n"
            f"<p>Right: {solution(drawn)}. Typed: {typed}"
            f"{WORDS.get(result.outcome, result.outcome)}.</p>"
        )
    return _page(assignment, student, "", parts)


def solution(drawn: Variant) -> str:
    """The right answer, as HTML: a value, a letter, or a formula's values at two points."""
    key = answer_key(drawn)
    if isinstance(key.truth, str):
        return f"{LETTERS[drawn.choices.index(key.truth)]}, {as_html(key.truth)}"
    if not drawn.names:
        return f"{key.truth[0]:.6g}"
    pairs = list(zip(key.points, key.truth, strict=True))[:2]
    values = []
    for point, value in pairs:
        at = ", ".join(f"{name} = {point[name]:.4g}" for name in drawn.names)
        values.append(f"{value:.6g} at {at}")
    return "a formula whose value is " + " and ".join(values)


# The class


def ranked(exercise: str, tally: Tally) -> list[tuple[str, int]]:
    """The outcomes of an exercise with their counts: right, mistakes by frequency, the rest."""
    own = {outcome: count for (e, outcome), count in tally.items() if e == exercise}
    rest = [outcome for outcome in (ROUNDED, OTHER, UNREADABLE, BLANK, UNDECIDED) if outcome in own]
    mistakes = sorted(own.keys() - set(WORDS), key=lambda outcome: (-own[outcome], outcome))
    return [(outcome, own.get(outcome, 0)) for outcome in (RIGHT, *mistakes, *rest)]


def _write_class_report(
    folder: Path,
    assignment: str,
    places: Mapping[str, int],
    graded: Sequence[tuple[Student, Graded | None]],
) -> None:
    exercises = list(places)
    all_graded = [one for _, one in graded if one and one.file]
    tally: Tally = Counter((r.exercise, r.outcome) for one in all_graded for r in one.results)
    n = len(all_graded)
    draw_class_report(exercises, tally, n, folder / "report.png")
    lines = [
        f"# {assignment}: what the class misunderstood",
        "",
        f"{n} of {len(graded)} students handed in a notebook that could be graded.",
        "",
        f"![{alternative_text(exercises, tally, n)}](report.png)",
        "",
        *item_statistics(exercises, all_graded),
    ]
    for exercise, place in places.items():
        says = {mistake.id: mistake.says for mistake in bank()[exercise].mistakes}
        lines += ["", f"## {place}. {bank()[exercise].title}", "", f"`{exercise}`", ""]
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

    colours = {RIGHT: COLOURS[0]} | dict.fromkeys(WORDS.keys() - {RIGHT}, COLOURS[3])
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
