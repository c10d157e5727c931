"""The commands for instructors: python -m course_lib bank, assign, grade and others."""

import math
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from course_lib.exercises import bank as all_exercises
from course_lib.exercises import variant
from course_lib.exercises.bank import ForeignExercises, add_exercises
from course_lib.grading.assignments import LAYOUTS, hand_out, statement
from course_lib.grading.export import FORMATS, question_bank, write_bank
from course_lib.grading.grading import ROUNDED, Marking
from course_lib.grading.nbgrader import grades_from, write_source
from course_lib.grading.reports import grade_class
from course_lib.grading.roster import (
    MOST_PROBLEMS,
    InstructorError,
    check_exercises,
    check_name,
    make_secret,
    read_overrides,
    read_roster,
    read_secret,
)

Name = Annotated[str, typer.Argument(help="The name of the assignment, such as 'KL 1'.")]
Exercises = Annotated[list[str], typer.Option(help="Ids, separated by commas; may be repeated.")]
Roster = Annotated[
    Path, typer.Option(help="A CSV file with columns id and name, or what your platform exports.")
]
SecretFile = Annotated[
    Path, typer.Option(help="A file that only you have; made if it is not there. Keep it.")
]
Out = Annotated[Path, typer.Option(help="The new folder to write.")]
Worksheet = Annotated[
    list[Path] | None,
    typer.Option(help="A table of Moodle, Canvas, Brightspace or Blackboard to fill in."),
]
Bank = Annotated[
    Path | None,
    typer.Option("--bank", help="A Python file with EXERCISES of your own, besides those here."),
]


def bank(
    exercises: Annotated[list[str] | None, typer.Argument(help="Exercises to preview.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which numbers the preview shows.")] = 0,
    own: Bank = None,
) -> None:
    """List the exercises, or preview some with the mistakes that they recognise."""
    with plain_errors():
        add_exercises(own)
        for number, chosen in enumerate(check_exercises(exercises) if exercises else (), 1):
            print(statement(number, variant(chosen, seed)))
            mistakes = [f"  {m.id}: {m.says}" for m in all_exercises()[chosen].mistakes]
            print("\n".join(["\nRecognised mistakes:", *mistakes, ""]))
    if not exercises:
        width = max(map(len, all_exercises()))
        for exercise in all_exercises().values():
            print(f"{exercise.id:{width}}  {exercise.kind:7}  {exercise.title}")


def assign(
    name: Name,
    exercises: Exercises,
    roster: Roster,
    secret_file: SecretFile,
    out: Out,
    layout: Annotated[
        str,
        typer.Option(
            help="plain: a file per student; moodle: folders to zip as feedback files; "
            "mail: drafts with the notebook attached."
        ),
    ] = "plain",
    own: Bank = None,
) -> None:
    """Write one notebook for each student, with that student's numbers."""
    with plain_errors():
        add_exercises(own)
        chosen = ids_in(exercises)
        if layout not in LAYOUTS:
            raise InstructorError(f"the layout is one of {', '.join(LAYOUTS)}, got {layout!r}")
        assignment, students = check_name(name), read_roster(roster)
        hand_out(assignment, chosen, students, secret_in(secret_file), out, layout)
    print(f"{len(students)} notebooks with {len(chosen)} exercises each are in {out}")
    same = [e for e in chosen if all_exercises()[e].kind == "choice"]
    if same:
        print(f"the same text for all students, in another order: {', '.join(same)}")


def grade(
    name: Name,
    submissions: Annotated[Path, typer.Option(help="The folder with what was handed in.")],
    roster: Roster,
    secret_file: SecretFile,
    out: Out,
    take: Annotated[
        str, typer.Option(help="last or best: which counts of a student's different answers.")
    ] = "",
    worksheet: Worksheet = None,
    overrides: Annotated[
        Path | None, typer.Option(help="A CSV file with your last word: id, exercise, points.")
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="Points of a right answer: EXERCISE=2.")
    ] = None,
    credit: Annotated[
        list[str] | None,
        typer.Option(help="The share that a mistake earns: MISTAKE=0.5 or EXERCISE/MISTAKE=0.5."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="An exercise that does not count after all.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Grade this student alone.")] = None,
    own: Bank = None,
) -> None:
    """Grade the returned notebooks and write grades, feedback pages and a report on the class."""
    with plain_errors():
        add_exercises(own)
        if out.resolve().is_relative_to(submissions.resolve()):
            raise InstructorError(f"{out} lies in {submissions}; name a folder elsewhere")
        if take not in ("", "last", "best"):
            raise InstructorError(f"--take is last or best, got {take!r}")
        students, secret = read_roster(roster), read_secret(secret_file)
        ids = {student.id for student in students}
        if unknown := set(only or ()) - ids:
            raise InstructorError(f"{', '.join(sorted(unknown))} is not on the roster")
        marking = Marking(
            weights=shares("--weight", weight, set(all_exercises())),
            credit=shares("--credit", credit, mistakes(), most=1),
            dropped=check_exercises(drop) if drop else (),
            take=take,
            overrides=read_overrides(overrides, ids, all_exercises()) if overrides else {},
        )
        n_graded, notes = grade_class(
            check_name(name),
            submissions,
            students,
            secret,
            out,
            marking,
            worksheet or (),
            only or (),
        )
    for note in notes[:MOST_PROBLEMS]:
        print(" ".join(part for part in (note.student, note.file, note.text) if part))
    if len(notes) > MOST_PROBLEMS:
        print(f"… and {len(notes) - MOST_PROBLEMS} more")
    print(
        f"{n_graded} of {len(only or students)} students were graded; {len(notes)} things to know "
        f"are in {out / 'problems.csv'}, the class report is {out / 'report.md'}"
    )


def nbgrader(
    name: Name, exercises: Exercises, secret_file: SecretFile, out: Out, own: Bank = None
) -> None:
    """Write the assignment as a source notebook of nbgrader, with the same numbers for all."""
    with plain_errors():
        add_exercises(own)
        write_source(check_name(name), ids_in(exercises), secret_in(secret_file), out)
    print(f"nbgrader's source notebook is in {out / 'source' / name}")


def nbgrader_grades(
    name: Name,
    gradebook: Annotated[Path, typer.Option(help="The table that nbgrader export writes.")],
    roster: Roster,
    out: Out,
    worksheet: Worksheet = None,
) -> None:
    """Write the tables of Moodle and Canvas from the grades of nbgrader."""
    with plain_errors():
        students = read_roster(roster)
        n = grades_from(gradebook, check_name(name), students, out, worksheet or ())
    print(f"{n} of {len(students)} students have a grade; the tables are in {out}")


def ids_in(exercises: list[str]) -> tuple[str, ...]:
    """The ids of exercises, however they were separated."""
    return check_exercises(e.strip() for ids in exercises for e in ids.split(","))


def secret_in(file: Path) -> bytes:
    """The secret in a file, which is made when it is not there."""
    if file.exists():
        return read_secret(file)
    print(f"{file} is new: keep it, nothing can be graded without it")
    return make_secret(file)


def mistakes() -> set[str]:
    """What --credit may name: a catalogued mistake, with its exercise or without."""
    pairs = [(e.id, mistake.id) for e in all_exercises().values() for mistake in e.mistakes]
    named = {mistake for _, mistake in pairs} | {f"{e}/{mistake}" for e, mistake in pairs}
    return named | {ROUNDED} | {f"{id}/{ROUNDED}" for id in all_exercises()}


def shares(
    option: str, given: list[str] | None, known: set[str], most: float = math.inf
) -> dict[str, float]:
    """NAME=NUMBER, as often as given. Raises InstructorError for any other."""
    values = {}
    for text in given or ():
        name, _, number = text.partition("=")
        if name not in known:
            similar = ", ".join(get_close_matches(name, known))
            raise InstructorError(f"{option} {text}: there is no {name!r}; similar are: {similar}")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", number) or float(number) > most:
            limit = "" if most == math.inf else f" up to {most:g}"
            raise InstructorError(f"{option} {text}: expected NAME=NUMBER{limit}, as in {name}=0.5")
        values[name] = float(number)
    return values


def export(
    exercises: Exercises,
    kind: Annotated[
        str,
        typer.Option(
            "--format", help=f"{', '.join(FORMATS)}: qti is for Canvas, qti21 for others."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The new file to write.")],
    variants: Annotated[int, typer.Option(min=1, help="How many of each exercise.")] = 30,
    secret_file: Annotated[
        Path | None, typer.Option(help="Gives the same bank again; without it, it is a new one.")
    ] = None,
    own: Bank = None,
) -> None:
    """Write a question bank for Moodle, Canvas or another system that marks by itself."""
    with plain_errors():
        add_exercises(own)
        chosen = ids_in(exercises)
        secret = secret_in(secret_file) if secret_file else secrets.token_bytes(32)
        questions = question_bank(chosen, variants, secret)
        write_bank(questions, kind, out)
    counts = {
        exercise: len(each) for exercise, each in zip(chosen, questions.values(), strict=True)
    }
    print(f"{sum(counts.values())} questions from {len(chosen)} exercises are in {out}")
    for exercise, count in counts.items():
        if count < variants:
            print(f"{exercise} has no more than {count}: there are no other numbers to draw")


@contextmanager
def plain_errors() -> Iterator[None]:
    """End with a message and exit code 2 when something is wrong with what was given."""
    try:
        yield
    except (InstructorError, ForeignExercises, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
