"""Item statistics: how hard each exercise was, and how well it tells students apart."""

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from statistics import fmean

from course_lib.exercises import bank
from course_lib.grading.grading import RIGHT, Graded

FEWEST = 5  # students, for a correlation to say anything


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation of two lists; None when one of them does not vary."""
    dx, dy = ([value - fmean(values) for value in values] for values in (x, y))
    norm = sqrt(sum(a * a for a in dx) * sum(b * b for b in dy))
    return sum(a * b for a, b in zip(dx, dy, strict=True)) / norm if norm > 1e-12 else None


def item_statistics(exercises: Sequence[str], graded: Sequence[Graded]) -> list[str]:
    """A table in Markdown with a line for each exercise.

    Difficulty: the share of right answers. Discrimination: the correlation of being right with the
    number of right answers to the *other* exercises. The most telling mistake: the catalogued one
    whose makers, two at least, were right least often elsewhere.
    """
    lines = [
        "| exercise | difficulty: right | discrimination | most telling mistake |",
        "|:--|--:|--:|:--|",
    ]
    rights = [{r.exercise: float(r.outcome == RIGHT) for r in one.results} for one in graded]
    for exercise in exercises:
        own = [right[exercise] for right in rights]
        rest = [sum(right.values()) - right[exercise] for right in rights]
        found = correlation(own, rest) if len(graded) >= FEWEST and len(exercises) > 1 else None
        share = f"{fmean(own):.0%}" if own else "–"
        discrimination = "–" if found is None else f"{found:.2f}".replace("-", "−")
        telling = _most_telling(exercise, graded, rest, len(exercises) - 1)
        lines.append(f"| `{exercise}` | {share} | {discrimination} | {telling} |")
    return lines


def _most_telling(
    exercise: str, graded: Sequence[Graded], rest: Sequence[float], n_others: int
) -> str:
    catalogued = {mistake.id for mistake in bank()[exercise].mistakes}
    outcomes = [next(r.outcome for r in one.results if r.exercise == exercise) for one in graded]
    makers = Counter(outcome for outcome in outcomes if outcome in catalogued)
    means = {
        mistake: fmean(r for r, o in zip(rest, outcomes, strict=True) if o == mistake)
        for mistake, count in makers.items()
        if count > 1
    }
    if not means or not n_others:
        return "–"
    mistake = min(sorted(means), key=lambda mistake: means[mistake])
    return (
        f"{mistake}: its {makers[mistake]} makers were right in {means[mistake]:.1f} of the other "
        f"{n_others}, the class in {fmean(rest):.1f}"
    )
