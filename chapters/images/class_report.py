"""Draw class_report.png: the report on an invented class of 60, for the README."""

import random
from collections import Counter
from pathlib import Path

from course_lib.exercises import bank
from course_lib.grading.grading import BLANK, OTHER, RIGHT
from course_lib.grading.reports import Tally, draw_class_report

EXERCISES = ["kl-to-standard-normal", "kl-from-logvar", "posterior-collapse"]
N_STUDENTS = 60


def invented_class(seed: int = 0) -> Tally:
    """Half of the students are right; of the mistakes, the first few are the most frequent."""
    draw = random.Random(seed)
    tally: Tally = Counter()
    for exercise in EXERCISES:
        mistakes = [mistake.id for mistake in bank()[exercise].mistakes[:5]]
        weights = [16, *(6 - rank for rank, _ in enumerate(mistakes)), 2, 1]
        outcomes = draw.choices([RIGHT, *mistakes, OTHER, BLANK], weights, k=N_STUDENTS)
        tally.update((exercise, outcome) for outcome in outcomes)
    return tally


if __name__ == "__main__":
    picture = Path(__file__).with_name("class_report.png")
    draw_class_report(EXERCISES, invented_class(), N_STUDENTS, picture)
