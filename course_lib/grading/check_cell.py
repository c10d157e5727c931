"""How an answer is read, for the grader and for the check cell of each notebook handed out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course_lib.exercises.answers import (
    LETTERS,
    AnswerError,
    parse_formula,
    parse_number,
    read_choice,
)
from course_lib.grading.submissions import Typed, UnusableFile, read_notebook


def read_as(answer: str, kind: str, names: Sequence[str], choices: Sequence[str], unit: str) -> str:
    """What is understood: a value, the formula, or the letter of a choice.

    Raises AnswerError with a sentence about what is wrong.
    """
    if kind == "choice":
        return LETTERS[choices.index(read_choice(answer, choices))]
    if kind == "number":
        return f"{parse_number(answer, unit):.6g}"
    parse_formula(answer, names)
    return answer


def reading(exercise: Mapping[str, Any], typed: Sequence[Typed]) -> str:
    """One line about an exercise of a label and its answer cells."""
    answers = list(dict.fromkeys(one.answer for one in typed if one.answer))
    unread = " ".join(one.unread for one in typed if one.unread)
    more = f"; not read: {unread}" if unread else ""
    if not typed:
        return "its answer cell is gone"
    if not answers:
        return f"no answer{more}"
    if len(answers) > 1:
        return f"{len(answers)} different answers: {', '.join(answers)}"
    try:
        how = [exercise[name] for name in ("kind", "names", "choices", "unit")]
        return f"read as {read_as(answers[0], *how)}{more}"
    except AnswerError as error:
        return f"cannot be read. {error}{more}"


def show_answers(name: str) -> None:
    """Print how the answers in this notebook are read, as it is saved beside its kernel."""
    files = sorted(Path().glob("*.ipynb"), key=lambda path: path.name != name)
    for path in files:
        try:
            notebook = read_notebook(path)
        except UnusableFile:
            continue
        exercises = notebook.label.get("exercises")
        if isinstance(exercises, list):
            print(f"{path.name}, as it was last saved:")
            for exercise in exercises:
                typed = notebook.answers.get(exercise["id"], [])
                print(f"{exercise['id']}: {reading(exercise, typed)}")
            return
    print(f"{name} is not in the folder {Path().resolve()}, where this runs. Nothing was checked.")
