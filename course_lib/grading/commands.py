"""The commands for instructors: python -m course_lib bank, assign, grade and export."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from course_lib.exercises import bank as all_exercises
from course_lib.exercises import variant
from course_lib.grading.assignments import (
    MOST_PROBLEMS,
    InstructorError,
    check_exercises,
    check_name,
    hand_out,
    read_roster,
    read_secret,
    statement,
)
from course_lib.grading.export import FORMATS, question_bank, write_bank
from course_lib.grading.reports import grade_class

Exercises = Annotated[list[str], typer.Option(help="Ids, separated by commas; may be repeated.")]
Name = Annotated[str, typer.Argument(help="The name of the assignment, such as 'KL 1'.")]
Roster = Annotated[Path, typer.Option(help="A CSV file in UTF-8 with the columns id and name.")]
SecretFile = Annotated[
    Path, typer.Option(help="A file of 16 bytes or more that only you have. Keep it for regrading.")
]
Out = Annotated[Path, typer.Option(help="The new folder to write.")]


def bank(
    exercises: Annotated[list[str] | None, typer.Argument(help="Exercises to preview.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which numbers the preview shows.")] = 0,
) -> None:
    """List the exercises, or preview some with the mistakes that they recognise."""
    with plain_errors():
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
) -> None:
    """Write one notebook for each student, with that student's numbers."""
    with plain_errors():
        chosen = check_exercises(listed(exercises))
        students, secret = read_roster(roster), read_secret(secret_file)
        hand_out(check_name(name), chosen, students, secret, out)
    print(f"{len(students)} notebooks with {len(chosen)} exercises each are in {out}")


def grade(
    name: Name,
    submissions: Annotated[Path, typer.Option(help="The folder with what was handed in.")],
    roster: Roster,
    secret_file: SecretFile,
    out: Out,
) -> None:
    """Grade the returned notebooks and write grades, feedback pages and a report on the class."""
    with plain_errors():
        if out.resolve().is_relative_to(submissions.resolve()):
            raise InstructorError(f"{out} lies in {submissions}; name a folder elsewhere")
        students, secret = read_roster(roster), read_secret(secret_file)
        n_graded, notes = grade_class(check_name(name), submissions, students, secret, out)
    for note in notes[:MOST_PROBLEMS]:
        print(" ".join(part for part in (note.student, note.file, note.text) if part))
    if len(notes) > MOST_PROBLEMS:
        print(f"… and {len(notes) - MOST_PROBLEMS} more")
    print(
        f"{n_graded} of {len(students)} students were graded; {len(notes)} things to know are in "
        f"{out / 'problems.csv'}, the class report is {out / 'report.md'}"
    )


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
) -> None:
    """Write a question bank for Moodle, Canvas or another system that marks by itself."""
    with plain_errors():
        chosen = check_exercises(listed(exercises))
        secret = read_secret(secret_file) if secret_file else secrets.token_bytes(32)
        questions = question_bank(chosen, variants, secret)
        write_bank(questions, kind, out)
    counts = {
        exercise: len(each) for exercise, each in zip(chosen, questions.values(), strict=True)
    }
    print(f"{sum(counts.values())} questions from {len(chosen)} exercises are in {out}")
    for exercise, count in counts.items():
        if count < variants:
            print(f"{exercise} has no more than {count}: there are no other numbers to draw")


def listed(exercises: list[str]) -> list[str]:
    """The ids in options that each hold one or more of them."""
    return [exercise.strip() for ids in exercises for exercise in ids.split(",")]


@contextmanager
def plain_errors() -> Iterator[None]:
    """End with a message and exit code 2 when something is wrong with what was given."""
    try:
        yield
    except (InstructorError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
