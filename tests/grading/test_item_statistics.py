"""Item statistics against numpy, and where there is nothing to say."""

import random

import numpy as np
import pytest

from course_lib.exercises import bank
from course_lib.grading.grading import RIGHT, Graded, Result
from course_lib.grading.item_statistics import correlation, item_statistics

EXERCISES = list(bank())[:4]


def one(outcomes):
    pairs = zip(EXERCISES, outcomes, strict=True)
    return Graded("", tuple(Result(e, "1", "1", o, "", float(o == RIGHT), 1) for e, o in pairs))


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_difficulty_and_discrimination_are_those_of_numpy():
    chance = random.Random(0)
    right = [[int(chance.random() < 0.3 + 0.15 * i) for i in range(4)] for _ in range(60)]
    lines = item_statistics(EXERCISES, [one(["other", RIGHT][r] for r in row) for row in right])
    table = np.array(right)
    for i, line in enumerate(lines[2:]):
        found = np.corrcoef(table[:, i], np.delete(table, i, axis=1).sum(1))[0, 1]
        assert cells(line)[1] == f"{table[:, i].mean():.0%}"
        assert cells(line)[2] == f"{found:.2f}".replace("-", "−")


def test_the_most_telling_mistake_is_that_of_the_weakest():
    a, b = (mistake.id for mistake in bank()[EXERCISES[0]].mistakes[:2])
    class_ = [one([a, RIGHT, RIGHT, RIGHT])] * 5 + [one([b, RIGHT, "other", "other"])] * 2
    line = item_statistics(EXERCISES, class_)[2]
    assert cells(line)[3] == f"{b}: its 2 makers were right in 1.0 of the other 3, the class in 2.4"


@pytest.mark.parametrize("class_", [[], [one([RIGHT] * 4)], [one([RIGHT] * 4)] * 20])
def test_where_nothing_varies_nothing_is_said(class_):
    for line in item_statistics(EXERCISES, class_)[2:]:
        assert cells(line)[2:] == ["–", "–"]


def test_a_constant_correlates_with_nothing():
    assert correlation([1, 1, 1], [1, 2, 3]) is None
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
