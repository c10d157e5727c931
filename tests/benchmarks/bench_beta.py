"""Eight β-VAEs by `sweep` beside eight calls of `fit`.

Compare the rows of one run. On digits, 64-64-8, one thread: together three to four times as fast;
with a hidden layer of 128, whose matrix products weigh more, two to three times.
"""

import pytest

from course_lib.datasets import load
from course_lib.models import VAE
from course_lib.objectives import Beta
from course_lib.training import fit, sweep

DIGITS = load("digits")
OBJECTIVES = [Beta(beta) for beta in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)]


def together(models):
    sweep(models, DIGITS.images, OBJECTIVES, epochs=5)


def one_after_the_other(models):
    for model, objective in zip(models, OBJECTIVES, strict=True):
        fit(model, DIGITS.images, objective=objective, epochs=5)


@pytest.mark.parametrize("hidden", [64, 128])
@pytest.mark.parametrize("train", [together, one_after_the_other])
def test_eight_models_of_five_epochs(benchmark, train, hidden):
    models = [VAE.dense((1, 8, 8), 8, hidden=(hidden,)) for _ in OBJECTIVES]
    benchmark.pedantic(train, (models,), rounds=5, warmup_rounds=1)
