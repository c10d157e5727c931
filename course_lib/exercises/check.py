"""Variants of an exercise, and what a student hears about an answer."""

from dataclasses import dataclass
from math import isnan, nan
from random import Random

from course_lib.exercises.answers import (
    AnswerError,
    Formula,
    parse_formula,
    read_choice,
)
from course_lib.exercises.bank import bank
from course_lib.exercises.exercise import Answer, Exercise, Parameters, near, written

MAX_DRAWS = 1000
ROUNDED = "Right so far: four digits, please."
N_POINTS = 24  # at which formulas are compared


@dataclass(frozen=True)
class Variant:
    """An exercise with its numbers drawn: what is handed out, without truth or mistakes."""

    exercise_id: str
    seed: int
    statement: str
    kind: str
    parameters: Parameters
    choices: tuple[str, ...]
    hints: tuple[str, ...]
    unit: str
    integer: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Feedback:
    """What is said about an answer.

    mistake: the id of the recognised mistake, None when right or not recognised. message: never
    holds the right value. readable: False when the text is no answer at all.
    """

    correct: bool
    mistake: str | None
    message: str
    readable: bool = True


def variant(exercise_id: str, seed: int) -> Variant:
    """The exercise with the numbers that belong to this seed.

    The numbers are drawn until the truth and every mistake lie more than two tolerances apart, and
    no mistake is a rounded truth, so that no wrong answer passes and each mistake earns its own
    diagnosis.
    Raises ValueError for an unknown id, and for a seed that is no integer ≥ 0.
    """
    exercise = _exercise(exercise_id)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be an integer ≥ 0, got {seed!r}")
    random = Random(f"{exercise_id}/{seed}")
    parameters = _draw(exercise, random, seed)
    texts = [exercise.truth, *(mistake.wrong for mistake in exercise.mistakes)]
    return Variant(
        exercise_id=exercise_id,
        seed=seed,
        statement=_statement(exercise, parameters),
        kind=exercise.kind,
        parameters=parameters,
        choices=_shuffled(texts, random) if exercise.kind == "choice" else (),
        hints=exercise.hints,
        unit=exercise.unit,
        integer=exercise.integer,
        names=tuple(exercise.domain),
    )


@dataclass(frozen=True)
class Key:
    """What an answer to a variant is compared with.

    points: where, with a value for each parameter and each name of a formula; one point where
    there are no names. truth: the text of the right choice, or the values at the points.
    mistakes: id → the same of each mistake that can be made with these numbers, and what is said
    about it.
    """

    points: list[Parameters]
    truth: str | list[float]
    mistakes: dict[str, tuple[str | list[float], str]]


def answer_key(variant: Variant) -> Key:
    """The truth and the usual mistakes in the numbers of a variant."""
    exercise = _exercise(variant.exercise_id)
    points = _points(exercise, variant.parameters, variant.seed)

    def at_points(answer: Answer) -> str | list[float]:
        return [answer(**point) for point in points] if callable(answer) else answer

    values = {mistake.id: at_points(mistake.wrong) for mistake in exercise.mistakes}
    return Key(
        points,
        at_points(exercise.truth),
        {
            mistake.id: (values[mistake.id], f"Not yet. {mistake.says} {mistake.see}")
            for mistake in exercise.mistakes
            if not _is_nowhere(values[mistake.id])
        },
    )


def check(variant: Variant, answer: str, key: Key | None = None) -> Feedback:
    """Compare an answer with the truth, then with the truth rounded, then with the usual mistakes.

    answer: a number or an expression of numbers, with the unit or without; a formula in the names
    of the variant; or the letter of a choice (A for the first of variant.choices), its text, or
    both. Numbers count as equal within 0.1 percent of the larger, those below 0.001 within
    0.000001, formulas when they do so at 24 random points of their domain, integers when they are
    the same. The answer is parsed, never executed.
    key: that of the variant, for whoever checks many answers to it.
    """
    key = key or answer_key(variant)
    try:
        given, rounding = _read(variant, answer, key.points)
    except AnswerError as error:
        return Feedback(False, None, str(error), readable=False)
    if _same(given, key.truth, variant.integer):
        return Feedback(True, None, "Right.")
    if rounding and _is_rounded(given, key.truth, rounding):
        return Feedback(False, None, ROUNDED)
    for mistake, (wrong, says) in key.mistakes.items():
        if _same(given, wrong, variant.integer):
            return Feedback(False, mistake, says)
    return Feedback(False, None, _unrecognised(given))


def _exercise(exercise_id: str) -> Exercise:
    exercises = bank()
    if exercise_id not in exercises:
        raise ValueError(f"exercise_id must be one of {', '.join(exercises)}, got {exercise_id!r}")
    return exercises[exercise_id]


def _draw(exercise: Exercise, random: Random, seed: int) -> Parameters:
    if exercise.kind == "choice":
        return {}
    for _ in range(MAX_DRAWS):
        parameters = exercise.draw(random)
        if _all_apart(exercise, parameters, seed):
            return parameters
    raise RuntimeError(f"no numbers keep the mistakes of {exercise.id} apart, seed {seed}")


def _all_apart(exercise: Exercise, parameters: Parameters, seed: int) -> bool:
    """Whether truth and mistakes differ pairwise, in a formula at one of the points at least."""
    points = _points(exercise, parameters, seed)
    rivals = [exercise.truth, *(mistake.wrong for mistake in exercise.mistakes)]
    values = [[rival(**point) for point in points] for rival in rivals if callable(rival)]
    apart = all(
        not all(near(x, y, tolerances=2) for x, y in zip(a, b, strict=True))
        for i, a in enumerate(values)
        for b in values[:i]
    )
    if not apart or exercise.kind == "formula" or exercise.integer:
        return apart
    truth, *mistakes = values
    typed = [(wrong, f"{wrong[0]:.4g}") for wrong in mistakes if not _is_nowhere(wrong)]
    return not any(_is_rounded(wrong, truth, parse_formula(text).rounding) for wrong, text in typed)


def _points(exercise: Exercise, parameters: Parameters, seed: int) -> list[Parameters]:
    """Where to compare: the parameters alone, or with many values of the names of a formula."""
    if not exercise.domain:
        return [parameters]
    random = Random(f"points/{exercise.id}/{seed}")
    domain = exercise.domain.items()
    return [
        parameters | {name: low + (high - low) * random.random() for name, (low, high) in domain}
        for _ in range(N_POINTS)
    ]


def _read(
    variant: Variant, answer: str, points: list[Parameters]
) -> tuple[str | list[float], float]:
    """The choice that an answer means, or its values at the points; and how far it is rounded."""
    if not isinstance(answer, str):
        raise AnswerError("The answer is not a text.")
    if not answer.strip():
        raise AnswerError("There is no answer yet.")
    if variant.kind == "choice":
        return read_choice(answer, variant.choices), 0.0
    formula = parse_formula(answer, variant.names, variant.unit)
    values = _values(formula, points)
    if variant.integer and not values[0].is_integer():
        raise AnswerError("Answer with an integer.")
    is_rounded = variant.kind == "number" and not variant.integer
    return values, formula.rounding if is_rounded else 0.0


def _values(formula: Formula, points: list[Parameters]) -> list[float]:
    """The values of a formula at the points, NaN where it has none.

    Raises AnswerError when it has none at any point.
    """
    values = []
    for point in points:
        try:
            values.append(formula(**point))
        except AnswerError as error:
            values.append(nan)
            reason = error
    if all(map(isnan, values)):
        raise reason
    return values


def _same(given: str | list[float], target: str | list[float], exactly: bool) -> bool:
    if isinstance(given, str) or isinstance(target, str) or exactly:
        return given == target
    return all(map(near, given, target))


def _is_rounded(given: str | list[float], truth: str | list[float], rounding: float) -> bool:
    """Whether a number is the truth, rounded to its own last digit."""
    if isinstance(given, str) or isinstance(truth, str):
        return False
    return abs(given[0] - truth[0]) <= rounding * (1 + 1e-9)


def _is_nowhere(wrong: str | list[float]) -> bool:
    """Whether a mistake cannot be made with these numbers."""
    return not isinstance(wrong, str) and all(map(isnan, wrong))


def _unrecognised(given: str | list[float]) -> str:
    message = "Not yet. This is none of the usual mistakes; a hint may help."
    if isinstance(given, list) and any(map(isnan, given)):
        message += " The formula has no value at some points where it should have one."
    return message


def _statement(exercise: Exercise, parameters: Parameters) -> str:
    text = exercise.statement
    for name, value in parameters.items():
        text = text.replace(f"<{name}>", written(value))
    return f"{text}\n\n{_how_to_answer(exercise)}"


def _how_to_answer(exercise: Exercise) -> str:
    if exercise.kind == "choice":
        return "Choose one."
    if exercise.kind == "formula":
        names = " and ".join(f"`{name}`" for name in exercise.domain)
        return (
            f"Type a formula in {names}, with `+ - * / **`, parentheses, `log`, `sqrt` and `exp`;"
            " `log` is the natural logarithm."
        )
    if exercise.integer:
        return "Answer with an integer."
    unit = f" in {exercise.unit}" if exercise.unit else ""
    return f"Answer with a number{unit}, to four digits; it is right within 0.1 percent."


def _shuffled(texts: list[Answer], random: Random) -> tuple[str, ...]:
    return tuple(sorted(map(str, texts), key=lambda _: random.random()))
