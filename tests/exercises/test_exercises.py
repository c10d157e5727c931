"""The bank, the diagnosis, and the parser that never executes an answer."""

import math
import re
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from scipy.cluster.vq import vq
from torch.distributions import (
    Bernoulli,
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from course_lib import information
from course_lib.evaluation import OneDimensionalModel
from course_lib.evaluation.codebooks import perplexity
from course_lib.evaluation.disentanglement import separated_attribute_predictability
from course_lib.evaluation.samples import inception_score, precision_recall
from course_lib.exercises import (
    Exercise,
    Mistake,
    bank,
    bank_beta,
    bank_discrete,
    bank_normal,
    check,
    variant,
)  # fmt: skip
from course_lib.exercises.answers import AnswerError, parse_formula, parse_number
from course_lib.exercises.bank import EXERCISES
from course_lib.exercises.check import answer_key
from course_lib.exercises.exercise import near, on_grid, probabilities
from course_lib.likelihoods import bernoulli_nll
from course_lib.models import (
    VAE,
    VQVAE,
    FiniteScalarQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
)
from course_lib.models.quantizers import rotated
from course_lib.models.vector_quantizer import nearest_code, straight_through
from course_lib.objectives import Constraint, Loss, stratified_log_weights

SEEDS = range(1000)
CHAPTERS = Path(__file__).parents[2] / "chapters" / "source"
KINDS = {
    kind: [id for id, exercise in bank().items() if exercise.kind == kind]
    for kind in ("number", "formula", "choice")
}

# What somebody who makes no mistake, or one, would type for the formula exercises. Parameters
# stand in braces.
TYPED = {
    "formula-energy-above-length": {
        None: "3*({a}**2 + {b}**2 + r**2) - ({a} + {b} + r)**2",
        "steps-forgotten": "-2*({a}*{b} + {a}*r + {b}*r)",
        "length-not-squared": "3*({a}**2 + {b}**2 + r**2) - {a} - {b} - r",
        "energy-given": "3 r² + 3*({a}**2 + {b}**2)",
        "points-counted": "4*({a}**2 + {b}**2 + r**2) - ({a} + {b} + r)**2",
        "other-way-round": "({a} + {b} + r)**2 - 3*({a}**2 + {b}**2 + r**2)",
        "no-difference": "0*r",
    },
    "formula-bits-of-two-levels": {
        None: "s**2*({b}/16 + {a}/64)",
        "sides-for-areas": "s*({b}/4 + {a}/8)",
        "grids-alike": "(s/4)**2*({a} + {b})",
        "bottom-alone": "{b}*s**2/16",
        "codes-for-bits": "(s/4)**2*2**{b} + (s/8)**2*2**{a}",
        "levels-swapped": "{a}*(s/4)**2 + {b}*(s/8)**2",
        "per-pixel": "{b}/16 + {a}/64",
    },
    "formula-loss-of-an-unlabelled-image": {
        None: "r*{a} + (1 - r)*{b} + r*log(r) + (1 - r)*log(1 - r)",
        "entropy-forgotten": "{b} + r*({a} - {b})",
        "entropy-reversed": "r*{a} + (1 - r)*{b} - r*log(r) - (1 - r)*log(1 - r)",
        "half-an-entropy": "r*({a} + log(r)) + (1 - r)*{b}",
        "classes-swapped": "(1 - r)*{a} + r*{b} + r*log(r) + (1 - r)*log(1 - r)",
        "classes-alike": "({a} + {b})/2 + r*log(r) + (1 - r)*log(1 - r)",
        "logarithms-alone": "r*{a} + (1 - r)*{b} + log(r*(1 - r))",
    },
    "formula-bound-with-learned-noise": {
        None: "r*log({a}/(2*r)) + (1 - r)*log({b}/(2*(1 - r)))",
        "entropy-forgotten": "r*log({a}) + (1 - r)*log({b})",
        "entropy-reversed": "r*log({a}*2*r) + (1 - r)*log({b}*2*(1 - r))",
        "probability-for-density": "r*log({a}/r) + (1 - r)*log({b}/(1 - r))",
        "halves-swapped": "(1 - r)*log({a}/(2 - 2*r)) + r*log({b}/(2*r))",
        "uniform-taken": "½(log({a}) + log({b}))",
        "weights-forgotten": "(log({a}/(2*r)) + log({b}/(2*(1 - r))))/2",
        "log-probability-given": "log(({a} + {b})/2)",
    },
    "formula-kl-to-standard-normal": {
        None: "{weight}*(mu**2 + sigma**2 - log(sigma**2) - 1)/2",
        "lost-half": "{weight}*(mu**2 + sigma**2 - log(sigma**2) - 1)",
        "sigma-for-variance": "{weight}*(mu**2 + sigma - log(sigma) - 1)/2",
        "log-sigma-for-log-variance": "{weight}/2*(mu**2 + sigma**2 - log(sigma) - 1)",
        "wrong-sign-of-log": "{weight}*(mu**2 + sigma**2 + log(sigma**2) - 1)/2",
        "dropped-constant": "{weight}*(mu^2 + sigma^2 - ln(sigma^2))/2",
        "dropped-mean": "{weight}*0.5*(sigma**2 - 2*log(sigma) - 1)",
        "mean-not-squared": "{weight}*(mu + sigma**2 - log(sigma**2) - 1)/2",
        "swapped-direction": "{weight}*(log(sigma) + (1 + mu**2)/(2*sigma**2) - 1/2)",
        "bits-for-nats": "{weight}*(mu**2 + sigma**2 - log(sigma**2) - 1)/2/log(2)",
        "negative-divergence": "−{weight}*(mu**2 + sigma**2 − log(sigma**2) − 1)/2",
        "weight-left-out": "½(μ² + σ² - log(σ²) - 1)",
    },
    "formula-kl-to-another-normal": {
        None: "log({s}/sigma) + (sigma**2 + (mu - {m})**2)/(2*{s}**2) - 1/2",
        "lost-half": "2*log({s}/sigma) + (sigma**2 + (mu - {m})**2)/{s}**2 - 1",
        "sigma-for-variance": "log({s}/sigma)/2 + (sigma + (mu - {m})**2)/(2*{s}) - 1/2",
        "wrong-sign-of-log": "log(sigma/{s}) + (sigma**2 + (mu - {m})**2)/(2*{s}**2) - 1/2",
        "dropped-constant": "log({s}/sigma) + (sigma**2 + (mu - {m})**2)/(2*{s}**2)",
        "dropped-mean": "log({s}/sigma) + sigma**2/(2*{s}**2) - 1/2",
        "mean-not-squared": "log({s}/sigma) + (sigma**2 + mu - {m})/(2*{s}**2) - 1/2",
        "negative-divergence":
            "1/2 - log({s}/sigma) - (sigma**2 + (mu - {m})**2)/(2*{s}**2)",
        "mean-not-divided": "log({s}/sigma) + sigma**2/(2*{s}**2) + (mu - {m})**2/2 - 1/2",
        "wrong-variance-below":
            "log({s}/sigma) + sigma**2/(2*{s}**2) + (mu - {m})**2/(2*sigma**2) - 1/2",
        "swapped-direction": "log(sigma/{s}) + ({s}**2 + (mu - {m})**2)/(2*sigma**2) - 1/2",
        "bits-for-nats":
            "log2({s}/sigma) + ((sigma**2 + (mu - {m})**2)/(2*{s}**2) - 1/2)/log(2)",
    },
    "formula-kl-from-logvar": {
        None: "{d}*(mu**2 + exp(logvar) - logvar - 1)/2",
        "logvar-as-sigma": "{d}*(mu**2 + logvar**2 - log(logvar**2) - 1)/2",
        "logvar-as-log-sigma": "{d}*(mu**2 + exp(2*logvar) - 2*logvar - 1)/2",
        "exp-of-half": "{d}*(mu**2 + sqrt(exp(logvar)) - logvar - 1)/2",
        "squared-logvar": "{d}*(mu**2 + exp(logvar) - (logvar/2)**2 - 1)/2",
        "wrong-sign-of-logvar": "{d}*(mu**2 + exp(logvar) + logvar - 1)/2",
        "lost-half": "-{d}*(1 + logvar - exp(logvar) - mu**2)",
        "dropped-constant": "{d}*(mu**2 + exp(logvar) - logvar)/2",
        "mean-not-squared": "{d}*(mu + exp(logvar) - logvar - 1)/2",
        "mean-over-dimensions": "(mu**2 + exp(logvar) - logvar - 1)/2",
        "constant-only-once": "{d}*(mu**2 + exp(logvar) - logvar)/2 - 1/2",
        "negative-divergence": "{d}*(1 + logvar - mu**2 - e**logvar)/2",
    },
    "formula-gradient-in-sigma": {
        None: "sigma/{s}**2 - 1/sigma",
        "lost-half": "2*sigma/{s}**2 - 2/sigma",
        "wrong-sign": "1/sigma - sigma/{s}**2",
        "wrong-sign-of-log": "sigma/{s}**2 + 1/sigma",
        "not-divided": "sigma - 1/sigma",
        "derivative-of-log-lost": "sigma/{s}**2",
        "derivative-by-variance": "1/(2*{s}**2) - 1/(2*sigma**2)",
        "derivative-by-logvar": "(sigma**2/{s}**2 - 1)/2",
    },
    "formula-sparsity-penalty": {
        None: "{k}*(rho*log(rho/r) + (1 - rho)*log((1 - rho)/(1 - r)))",
        "swapped-direction": "{k}*(r*log(r/rho) + (1 - r)*log((1 - r)/(1 - rho)))",
        "dropped-second-half": "{k}*(rho*log(rho/r))",
        "wrong-sign-inside": "{k}*(rho*log(rho/r) - (1 - rho)*log((1 - rho)/(1 - r)))",
        "cross-entropy-given": "{k}*(-rho*log(r) - (1 - rho)*log(1 - r))",
        "unweighted": "{k}*(log(rho/r) + log((1 - rho)/(1 - r)))",
        "negative-divergence": "{k}*(rho*log(r/rho) + (1 - rho)*log((1 - r)/(1 - rho)))",
        "mean-over-units": "rho*log(rho/r) + (1 - rho)*log((1 - rho)/(1 - r))",
        "bits-for-nats": "{k}*(rho*log2(rho/r) + (1 - rho)*log2((1 - rho)/(1 - r)))",
    },
    "formula-score-of-a-noisy-normal": {
        None: "-(x - {m})/({s}**2 + sigma**2)",
        "wrong-sign": "(x - {m})/({s}**2 + sigma**2)",
        "noise-forgotten": "-(x - {m})/{s}**2",
        "noise-alone": "-(x - {m})/sigma^2",
        "standard-deviations-added": "({m} - x)/({s} + sigma)**2",
        "divided-by-sigma": "({m} - x)/sqrt({s}**2 + sigma**2)",
        "mean-ignored": "-x/({s}**2 + sigma**2)",
        "denoiser-given": "(sigma**2*{m} + {s}**2*x)/({s}**2 + sigma**2)",
    },
    "formula-penalty-of-one-unit": {
        None: "{weight}*((h*(1 - h))**2*(w1**2 + w2**2))",
        "slope-not-squared": "{weight}*(h*(1 - h)*(w1**2 + w2**2))",
        "weights-not-squared": "{weight}*((h - h^2)^2*(w1 + w2))",
        "not-squared": "{weight}*(h*(1 - h)*w1 + h*(1 - h)*w2)",
        "sum-then-square": "{weight}*((h*(1 - h)*w1 + h*(1 - h)*w2)**2)",
        "slope-forgotten": "{weight}*(w1**2 + w2**2)",
        "activation-for-slope": "{weight}*((h*w1)**2 + (h*w2)**2)",
        "slope-of-tanh": "{weight}*((1 - h**2)**2*(w1**2 + w2**2))",
        "weight-left-out": "h²(1-h)²(w1² + w2²)",
        "root-given": "h*(1 - h)*sqrt({weight}*(w1**2 + w2**2))",
    },
    "formula-rate-of-a-linear-beta-vae": {
        None: "1/2 * log({v}/(beta*sigma**2))",
        "lost-half": "log({v}/(beta*sigma**2))",
        "sigma-for-variance": "log({v}/(beta*sigma))/2",
        "beta-left-out": "log({v}/sigma^2)/2",
        "decoder-variance-left-out": "log({v}/beta)/2",
        "divided-by-beta": "log({v}/(sigma**2/beta))/2",
        "one-added": "log(1 + {v}/(beta*sigma**2))/2",
        "wrong-sign-of-log": "log(beta*sigma**2/{v})/2",
        "distortion-given": "beta*sigma**2",
        "bits-for-nats": "log2({v}/(beta*sigma**2))/2",
    },
    "formula-ema-code": {
        None: "(gamma*{m} + (1 - gamma)*s)/(gamma*{N} + (1 - gamma)*n)",
        "decay-swapped": "((1 - gamma)*{m} + gamma*s)/((1 - gamma)*{N} + gamma*n)",
        "batch-mean-given": "s/n",
        "codes-averaged": "gamma*{m}/{N} + (1 - gamma)*s/n",
        "count-without-decay": "(gamma*{m} + (1 - gamma)*s)/({N} + n)",
        "count-unchanged": "(gamma*{m} + (1 - gamma)*s)/{N}",
        "decay-forgotten": "({m} + s)/({N} + n)",
        "batch-mean-in-sum": "(gamma*{m} + (1 - gamma)*s/n)/(gamma*{N} + (1 - gamma)*n)",
    },
    "formula-smallest-kl-of-three": {
        None: "{n}*(log(1 + alpha**2) - log(1 - alpha**2))/2",
        "delta-lost-half": "{n}*(log(1 + alpha**2) - log(1 - alpha**2))",
        "one-group-alone": "(log(1 + alpha**2) - log(1 - alpha**2))/2",
        "groups-in-one-chain": "((3*{n} - 2)*log(1 + alpha**2) - log(1 - alpha**2))/2",
        "ends-alone": "-{n}*log(1 - alpha**2)/2",
        "delta-sign-of-the-end": "{n}/2*log((1 + alpha**2)*(1 - alpha**2))",
        "alpha-not-squared": "{n}*log((1 + alpha)/(1 - alpha))/2",
    },
}  # fmt: skip


def typed(exercise, handed_out, mistake=None):
    """What somebody types who makes this mistake, or none."""
    answer = mistake.wrong if mistake else exercise.truth
    if exercise.kind == "choice":
        return answer
    if exercise.kind == "formula":
        braces = {name: f"({value})" for name, value in handed_out.parameters.items()}
        return TYPED[exercise.id][mistake and mistake.id].format(**braces)
    return f"{answer(**handed_out.parameters):.4g}"


# The bank and its variants


@pytest.mark.slow
@pytest.mark.parametrize("exercise_id", bank())
def test_the_truth_passes_and_every_mistake_earns_its_own_diagnosis(exercise_id):
    exercise, made = bank()[exercise_id], set()
    for seed in SEEDS:
        handed_out = variant(exercise_id, seed)
        key = answer_key(handed_out)
        feedback = check(handed_out, typed(exercise, handed_out), key)
        assert (feedback.correct, feedback.mistake, feedback.readable) == (True, None, True), seed
        for mistake in exercise.mistakes:
            text = typed(exercise, handed_out, mistake)
            if text != "nan":  # with these numbers there is no such mistake
                feedback = check(handed_out, text, key)
                assert (feedback.correct, feedback.mistake) == (False, mistake.id), seed
                made.add(mistake.id)
    assert made == {mistake.id for mistake in exercise.mistakes}


@pytest.mark.parametrize("exercise_id", [id for id in KINDS["number"] if not bank()[id].integer])
def test_a_rounded_truth_is_right_so_far_and_no_mistake(exercise_id):
    told = []
    for seed in range(100):
        handed_out = variant(exercise_id, seed)
        truth = bank()[exercise_id].truth(**handed_out.parameters)
        for text in (f"{truth:#.2g}", f"{truth:#.3g}"):
            feedback = check(handed_out, text)
            assert (feedback.mistake, feedback.readable) == (None, True), (seed, text)
            assert feedback.correct or feedback.message == "Right so far: four digits, please."
            told.append(not feedback.correct)
    assert any(told)


@pytest.mark.parametrize("text", ["10", "1e1", "13", "12.3", "12.5", "-12", "12+0", "12*1"])
def test_what_is_no_rounded_truth(number, text):
    assert not check(number, text).message.startswith("Right so far")  # of 12.357


def test_what_a_rounded_truth_may_look_like(number):
    for text in ["12", "12.4", "12.36", "+12.4", "(12.4)", "12,4", "12.4 nats", "1.24e1"]:
        message = check(number, text).message
        assert message == ("Right." if text == "12.36" else "Right so far: four digits, please.")


def test_what_the_bank_holds():
    assert len(bank()) >= 20
    assert len(KINDS["number"]) >= 20
    assert all(len(KINDS[kind]) >= 4 for kind in KINDS)
    for id, exercise in bank().items():
        ids = [mistake.id for mistake in exercise.mistakes]
        assert exercise.id == id
        assert len(ids) == len(set(ids)) >= 3
        assert exercise.hints


def test_no_exercise_can_be_added_to_the_bank_by_accident():
    bank().clear()
    assert bank()


@pytest.mark.parametrize("exercise_id", bank())
def test_a_variant_depends_on_its_seed_alone(exercise_id):
    assert variant(exercise_id, 2**64) == variant(exercise_id, 2**64)
    assert len({str(variant(exercise_id, seed)) for seed in range(20)}) == 20
    several = {variant(exercise_id, seed).statement for seed in range(50)}
    assert (len(several) == 1) == (exercise_id in KINDS["choice"])


def test_variants_are_the_same_next_year():
    """A student's numbers must not change with the version of Python or of the course."""
    assert variant("kl-to-standard-normal", 7).parameters == {"mu": 4.7, "sigma": 2.3}
    assert variant("kl-discrete", 7).parameters == {"p": (0.4, 0.4, 0.2), "q": (0.75, 0.05, 0.2)}
    assert variant("posterior-collapse", 7).choices[3].startswith("q(z|x)")


@pytest.mark.parametrize("exercise_id", bank())
def test_the_statement_is_complete(exercise_id):
    handed_out = variant(exercise_id, 3)
    assert not re.search(r"<\w+>", handed_out.statement)
    assert handed_out.statement.count("$") % 2 == 0
    assert not re.search(r"\*[a-z]+\*", handed_out.statement)  # which a card would print
    assert bool(handed_out.choices) == (handed_out.kind == "choice")
    assert handed_out.unit in ("nats", "bits", "")
    if handed_out.kind == "number":
        asked = "an integer." if handed_out.integer else "right within 0.1 percent."
        assert handed_out.statement.endswith(asked)
        assert handed_out.unit in handed_out.statement


def test_an_integer_is_asked_for_where_every_answer_is_one():
    for id in KINDS["number"]:
        truths = [bank()[id].truth(**variant(id, seed).parameters) for seed in range(50)]
        assert bank()[id].integer == all(float(truth).is_integer() for truth in truths), id


@pytest.mark.parametrize("exercise_id", KINDS["number"])
def test_no_answer_is_right_for_many_of_a_class(exercise_id):
    for first in (0, 2**63):
        seeds = range(first, first + 300)
        truths = np.array([bank()[exercise_id].truth(**variant(exercise_id, seed).parameters)
                           for seed in seeds])  # fmt: skip
        shared = max(np.isclose(truths, truth, rtol=1e-3, atol=1e-6).sum() for truth in truths)
        assert shared < 0.15 * 300


@pytest.mark.parametrize("exercise_id", KINDS["choice"])
def test_choices_are_shuffled(exercise_id):
    exercise = bank()[exercise_id]
    places = [variant(exercise_id, seed).choices.index(exercise.truth) for seed in range(1000)]
    counts = np.bincount(places, minlength=len(exercise.mistakes) + 1)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("exercise_id", bank())
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_message_reveals_the_answer(exercise_id, seed):
    exercise, handed_out = bank()[exercise_id], variant(exercise_id, seed)
    answers = [typed(exercise, handed_out, mistake) for mistake in exercise.mistakes]
    messages = [check(handed_out, text).message for text in [*answers, "12345", "x", "", "Z"]]
    truth = typed(exercise, handed_out)
    shown = [truth]
    if exercise.kind == "number":
        shown = [f"{float(truth):.{digits}f}" for digits in (2, 3, 4)]
        truth = shown[-1]
    assert not [text for text in shown for message in messages if text in message]
    assert truth not in handed_out.statement.split("\n\n")[0]


def test_every_formula_that_is_pointed_to_stands_in_a_chapter():
    chapters = "".join(path.read_text("utf-8") for path in CHAPTERS.glob("*.py"))
    tags = set(re.findall(r"\\tag\{(.+?)\}", chapters))
    for exercise in bank().values():
        for mistake in exercise.mistakes:
            assert mistake.says.endswith(".")
            assert mistake.see.endswith(".")
            assert set(re.findall(r"\((\w+\.\d+)\)", mistake.see)) <= tags


@pytest.mark.parametrize(
    ("exercise_id", "seed", "message"),
    [
        ("kl", 0, "exercise_id must be one of entropy-in-bits, .*got 'kl'"),
        ("kl-discrete", -1, "seed must be an integer ≥ 0, got -1"),
        ("kl-discrete", 1.0, "seed must be an integer ≥ 0, got 1.0"),
        ("kl-discrete", True, "seed must be an integer ≥ 0, got True"),
    ],
)
def test_bad_arguments(exercise_id, seed, message):
    with pytest.raises(ValueError, match=message):
        variant(exercise_id, seed)


def always(value):
    return lambda a: value * a


def exercise_with(wrong, draw=lambda random: {"a": on_grid(random, 1, 9, 1)}):
    mistake = Mistake("wrong", wrong, "This is wrong.", "Look again.")
    return Exercise("test", "Test", "number", "What is $<a>$?", always(1), (mistake,), (), draw)


def test_numbers_that_hide_a_mistake_are_drawn_again(monkeypatch):
    monkeypatch.setitem(EXERCISES, "test", exercise_with(lambda a: a if a < 9 else 10))
    assert {variant("test", seed).parameters["a"] for seed in range(20)} == {9}


def test_an_exercise_that_cannot_be_drawn_is_an_error(monkeypatch):
    monkeypatch.setitem(EXERCISES, "test", exercise_with(always(1.001)))
    with pytest.raises(RuntimeError, match="no numbers keep the mistakes of test apart, seed 3"):
        variant("test", 3)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(2, 2.0019, True), (2, 2.0021, False), (0, 0.0000009, True), (0, 0.0000011, False),
     (0.00711, 0.0080, False), (0.00711, 0.0064, False), (0.00711, 0.007116, True),
     (0.00711, 0.007119, False), (0.5, 0.5004, True), (0.5, 0.5006, False), (0, 1e-17, True),
     (-100, -100.09, True), (-100, 100, False), (math.nan, math.nan, False)],
)  # fmt: skip
def test_tolerance(a, b, expected):
    assert near(a, b) is near(b, a) is expected


def test_drawn_probabilities():
    drawn = [probabilities(Random(seed), 4) for seed in range(200)]
    assert all(len(p) == 4 and min(p) > 0 and sum(p) == pytest.approx(1) for p in drawn)
    assert len(set(drawn)) > 150


def test_the_grid_reaches_both_ends():
    drawn = {on_grid(Random(seed), -0.2, 0.1) for seed in range(100)}
    assert drawn == {-0.2, -0.1, 0, 0.1}


# The truth against independent oracles


def integral(function, mean=0.0, sigma=1.0):
    return integrate.quad(function, mean - 12 * sigma, mean + 12 * sigma, limit=200)[0]


def kl_by_quadrature(q, p):
    return integral(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), q.mean(), q.std())


def slope(function, x, step=1e-5):
    return (function(x + step) - function(x - step)) / (2 * step)


def torch_kl(q, p):
    return kl_divergence(q, p).sum().item()


def normal(mean, sigma):
    return Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64))


def coin(p):
    return Bernoulli(torch.tensor(p, dtype=torch.float64))


def die(p):
    return Categorical(torch.tensor(p, dtype=torch.float64))


def fitted_forward(a, s):
    """The σ of a normal around 0 that is most likely to have made the two peaks."""
    peaks = [stats.norm(-a, s), stats.norm(a, s)]

    def cross_entropy(sigma):
        model = stats.norm(0, sigma)
        return -sum(integral(lambda z, p=p: p.pdf(z) * model.logpdf(z), p.mean(), s) for p in peaks)

    return optimize.minimize_scalar(cross_entropy, bounds=(0.05, 9), method="bounded").x


def fitted_shared(s1, s2):
    def divergence(sigma):
        return torch_kl(normal([0, 0], [sigma, sigma]), normal([0, 0], [s1, s2]))

    return optimize.minimize_scalar(
        divergence, bounds=(0.01, 5), method="bounded", options={"xatol": 1e-9}
    ).x


def elbo_by_quadrature(w, s, x, m, v):
    q = stats.norm(m, v)

    def weighed(z):
        gain = stats.norm.logpdf(x, w * z, s) + stats.norm.logpdf(z) - q.logpdf(z)
        return q.pdf(z) * gain

    return integral(weighed, m, v)


def evidence_by_quadrature(w, s, x, m, v):
    return math.log(integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.pdf(x, w * z, s), -15, 15, points=[x / w],
        limit=500,
    )[0])  # fmt: skip


def beta_from_gradients(D, d, k, s):
    """How the two parts of the loss weigh, compared with how they weigh in a −ELBO."""
    x, x_hat, mu = (torch.ones(n, dtype=torch.float64) for n in (D, D, d))
    x_hat.mul_(2).requires_grad_()
    mu.requires_grad_()
    kl = kl_divergence(Normal(mu, 1.0), Normal(0.0, 1.0))
    loss = (x - x_hat).square().mean() + k * kl.mean()
    elbo_parts = -Normal(x_hat, s).log_prob(x).sum(), kl.sum()
    used = torch.autograd.grad(loss, [x_hat, mu], retain_graph=True)
    meant = [torch.autograd.grad(part, leaf, retain_graph=True)[0]
             for part, leaf in zip(elbo_parts, (x_hat, mu), strict=True)]  # fmt: skip
    weights = [(a / b)[0].item() for a, b in zip(used, meant, strict=True)]
    return weights[1] / weights[0]


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def noisy_density(x_noisy, m, s, sigma, weigh=lambda x: 1.0):
    """∫ weigh(x) N(x; m, s²) N(x̃; x, σ²) dx, also where it is tiny."""
    clean, noise = stats.norm(m, s), stats.norm(x_noisy, sigma)
    return integrate.quad(
        lambda x: weigh(x) * clean.pdf(x) * noise.pdf(x), m - 12 * s, m + 12 * s,
        epsabs=0, epsrel=1e-10, limit=200,
    )[0]  # fmt: skip


def posterior_mean(x_noisy, m, s, sigma):
    evidence = noisy_density(x_noisy, m, s, sigma)
    return noisy_density(x_noisy, m, s, sigma, weigh=lambda x: x) / evidence


def score(x_noisy, m, s, sigma):
    return slope(lambda x: math.log(noisy_density(x, m, s, sigma)), x_noisy, step=1e-3)


def score_where_the_denoiser_answers(sigma, x_noisy, r):
    """Of that normal with s = σ/2 whose posterior mean is r."""
    s, far = sigma / 2, x_noisy + 4 * (r - x_noisy)
    m = optimize.brentq(lambda m: posterior_mean(x_noisy, m, s, sigma) - r, x_noisy, far)
    return score(x_noisy, m, s, sigma)


def jacobian_of_a_layer(h, *rows):
    """By autograd, at a pixel vector and with the biases that give these activations."""
    x, weights = torch.linspace(-1, 2, len(rows[0]), dtype=torch.float64), tensor(*rows)
    bias = torch.logit(tensor(*h)) - weights @ x
    return torch.autograd.functional.jacobian(lambda x: torch.sigmoid(weights @ x + bias), x)


def squared_singular_values(jacobian):
    return torch.linalg.svdvals(jacobian).square().sum().item()


def encoder_with(squared_norm, D):
    """A matrix of two rows with this squared Frobenius norm."""
    matrix = torch.rand(2, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return matrix * math.sqrt(squared_norm) / torch.linalg.matrix_norm(matrix)


def probed(v, j1, j2):
    """‖vᵀJ‖² by a backward pass through the linear map J."""
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    (tensor(j1, j2) @ x).backward(tensor(*v))
    return x.grad.square().sum().item()


def shift_of_the_code(D, frobenius, noise):
    """The code under noise is a normal; its variances are those of torch."""
    J = encoder_with(frobenius, D)
    code = MultivariateNormal(torch.zeros(2, dtype=torch.float64), noise**2 * J @ J.T)
    return code.variance.sum().item()


def scaled_penalty(p, s):
    weights = encoder_with(p, 5)
    x = torch.ones(5, dtype=torch.float64)
    return squared_singular_values(
        torch.autograd.functional.jacobian(lambda x: (s * weights) @ x, x)
    )


def score_by_autograd(mu, sigma, z, b):
    parameter = torch.tensor(float(mu), dtype=torch.float64, requires_grad=True)
    Normal(parameter, sigma).log_prob(torch.tensor(float(z), dtype=torch.float64)).backward()
    return (z**2 - b) * parameter.grad.item()


def normals_at(variance, beta, sigma):
    """The KL in nats of a linear β-VAE on one normal component, trained by a quasi-Newton method.

    Weights of encoder and decoder and the variance of q(z|x) are free, and nothing is solved by
    hand: log N(x; wz, σ²) and the KL are averaged over x ~ N(0, λ) and z ~ q(z|x).
    """

    def kl(m, logvar):
        return (m**2 * variance + logvar.exp() - logvar - 1) / 2

    def loss(parameters):
        t = torch.tensor(parameters, requires_grad=True)
        w, m, logvar = t
        squared_error = (1 - w * m) ** 2 * variance + w**2 * logvar.exp()
        total = squared_error / (2 * sigma**2) + beta * kl(m, logvar)
        total.backward()
        return total.item(), t.grad.numpy()

    trained = optimize.minimize(loss, [1.0, 1.0, -1.0], jac=True, options={"gtol": 1e-9})
    return kl(*torch.tensor(trained.x)[1:]).item()


def beta_that_spends(v, sigma, C):
    """By bisection on the trained models."""
    return math.exp(optimize.brentq(
        lambda log_beta: normals_at(v, math.exp(log_beta), sigma) - C,
        math.log(0.01 * v / sigma**2), math.log(0.95 * v / sigma**2), xtol=1e-9,
    ))  # fmt: skip


def ascended(beta, C, kl, eta):
    """One step of gradient ascent, by log β, on log β times the excess in units of the budget."""
    log_beta = torch.tensor(math.log(beta), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([log_beta], lr=eta, maximize=True)
    ((kl - C) / C * log_beta).backward()
    optimizer.step()
    return log_beta.exp().item()


def correlated(s1, s2, rho):
    cov = tensor([s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2])
    zero = torch.zeros(2, dtype=torch.float64)
    return torch_kl(MultivariateNormal(zero, cov), MultivariateNormal(zero, cov.diag().diag()))


def weighted_loss(terms, **weights):
    return Loss({name: torch.tensor(x) for name, x in terms.items()}, weights).total.item()


def unbiased_weight(N, B):
    """From the mean over all batches that hold the first image, for densities of any size."""
    N, B = int(N), int(B)
    densities = np.random.default_rng(0).exponential(size=N)
    others = [densities[list(rest)].sum() for rest in combinations(range(1, N), B - 1)]
    return (densities.mean() - densities[0] / N) / np.mean(others)


def predictability(rho):
    """That of the library, on columns which have exactly these correlations with the first."""
    columns = torch.randn(50, len(rho) + 2, dtype=torch.float64,
                          generator=torch.Generator().manual_seed(0))  # fmt: skip
    columns[:, 0] = 1
    _, factor, *others = torch.linalg.qr(columns).Q.T  # orthogonal to the constant
    codes = [r * factor + math.sqrt(1 - r**2) * u for r, u in zip(rho, others, strict=True)]
    return separated_attribute_predictability(torch.stack(codes, 1), factor[:, None]).item()


def gap_of_tables(n, a, b):
    """The classes of a factor have the entropy log n; the rest is a sort."""
    second, first = np.sort(a)[-2:]
    return (first - second) / stats.entropy(np.full(int(n), 1 / n))


def vq_terms(z, e, c, g):
    """The loss of vectors in one dimension, with the library's straight-through estimator."""
    z, e = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (z, e))
    reconstruction = g * straight_through(z, e).sum()
    codebook, commitment = (z.detach() - e).square().sum(), (z - e.detach()).square().sum()
    return torch.autograd.grad(reconstruction + codebook + c * commitment, [z, e])


def three_terms(r, z1, e1, z2, e2, c):
    """That of the library, for a codebook in which these codes are the nearest."""
    total = torch.tensor(r, dtype=torch.float64)
    for z, e in [(z1, e1), (z2, e2)]:
        quantizer = VectorQuantizer(2, 2, update="gradient", initial="normal").double().eval()
        quantizer.codebook.data = tensor(e, (1e3, 1e3))
        quantized = quantizer(tensor(z))
        total = total + quantized.codebook_loss.sum() + c * quantized.commitment_loss.sum()
    return total.item()


def one_hot_divergence(K):
    certain = torch.zeros(K, dtype=torch.float64)
    certain[0] = 1
    return torch_kl(Categorical(certain), die([1 / K] * K))


def tokens_of(counts):
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


def mixture(weights, mu, sigma):
    """Normals with these weights, which need not sum to 1."""
    parts = normal(list(mu), list(sigma))
    return MixtureSameFamily(Categorical(tensor(*weights)), parts)


def best_normal(mu, sigma):
    """The width that minimises the mean KL, found numerically with the mean."""

    def cost(at):
        return np.mean(
            [
                torch_kl(normal(m, s), normal(at[0], math.exp(at[1])))
                for m, s in zip(mu, sigma, strict=True)
            ]
        )

    found = optimize.minimize(
        cost,
        [0.0, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000},
    )
    return math.exp(found.x[1])


def summed_codes(z, e, f):
    """By the library's residual quantizer, with these codebooks."""
    parts = []
    for codes in (e, f):
        parts.append(VectorQuantizer(len(codes), 1, initial="normal").double())
        parts[-1].codebook.data = torch.tensor(codes, dtype=torch.float64)[:, None]
    return ResidualQuantizer(parts).lookup(tensor((z,))).z_q.item()


def rows_that_matter(r, layers):
    """From how many rows above a pixel a change reaches it, through layers of ones."""
    rows = np.zeros(2 * r * layers + 3)
    rows[-1] = 1  # the pixel asked about, from which the layers are walked back
    for _ in range(layers):
        rows = np.array([rows[i : i + r + 1].any() for i in range(len(rows))], dtype=float)
    return int(rows[:-1].sum())


def rate_of_kinds(K, m):
    """A code that names one of K kinds, and a prior over names that is at m nats from uniform."""
    K = int(K)

    def prior(t):
        return (1 + t * (np.arange(K) - (K - 1) / 2) / K) ** 8

    def divergence(t):
        return stats.entropy(np.full(K, 1 / K), prior(t))

    t = optimize.brentq(lambda t: divergence(t) - m, 0, 1.9999)
    p = prior(t) / prior(t).sum()
    return np.mean([stats.entropy(np.eye(K)[k], p) for k in range(K)])


def least_divergence(d, alpha):
    """The smallest KL from a diagonal normal to an AR(1) process, by a search over variances."""
    steps = np.arange(int(d))
    covariance = torch.tensor(alpha ** np.abs(steps[:, None] - steps), dtype=torch.float64)
    prior = MultivariateNormal(torch.zeros(int(d), dtype=torch.float64), covariance)

    def divergence(log_sigma):
        sigma = torch.tensor(log_sigma, requires_grad=True)
        q = MultivariateNormal(prior.mean, scale_tril=sigma.exp().diag())
        kl = kl_divergence(q, prior)
        return kl.item(), torch.autograd.grad(kl, sigma)[0].numpy()

    return optimize.minimize(divergence, np.zeros(int(d)), jac=True, tol=1e-14).fun


def class_by_quadrature(m, s, rest):
    """KL of the joint to the product, less what p(z) charges for all codes beyond `rest`."""
    z = np.linspace(-15, 15, 60_001)
    clouds = [stats.norm(mu, sigma).pdf(z) for mu, sigma in zip(m, s, strict=True)]
    charged = sum(
        0.5 * integrate.trapezoid(c * (stats.norm(mu, sigma).logpdf(z) - stats.norm().logpdf(z)), z)
        for c, mu, sigma in zip(clouds, m, s, strict=True)
    )
    return charged - rest


def best_of_the_bound(L):
    """The q(y|x) that makes U smallest, by a search over two free logits."""

    def U(free):
        log_q = torch.tensor([*free, 0.0], dtype=torch.float64).log_softmax(0).numpy()
        return (np.exp(log_q) * (np.array(L) + log_q)).sum()

    options = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 4000}
    found = optimize.minimize(U, [0.0, 0.0], method="Nelder-Mead", options=options).x
    return float(torch.tensor([*found, 0.0], dtype=torch.float64).softmax(0)[0])


def relaxed_by_hand(q, u, v, tau):
    """With SciPy's Gumbel quantiles, and the softmax of two as a logistic function."""
    g, h = stats.gumbel_r.ppf([u, v])
    return stats.logistic.cdf((math.log(q / (1 - q)) + g - h) / tau)


def auroc_by_ranks(u, s):
    """From the ranks of the strange ones among all, as SciPy gives them: Mann and Whitney's U."""
    return stats.mannwhitneyu(s, u).statistic / (len(s) * len(u))


def jackknifed(u, s):
    """Leaving out one image at a time, of the one kind and of the other."""
    variances = []
    for kind in (0, 1):
        left = [
            auroc_by_ranks(
                *(
                    [x for j, x in enumerate(part) if which != kind or j != i]
                    for which, part in enumerate((u, s))
                )
            )
            for i in range(len((u, s)[kind]))
        ]
        variances.append((len(left) - 1) * np.var(left))
    return math.sqrt(sum(variances))


def harmonic_of_the_library(real, made):
    real, made = (torch.tensor(x, dtype=torch.float64)[:, None] for x in (real, made))
    return stats.hmean(precision_recall(real, made, k=1))


def carried(a, b, c, d):
    """Least squares of glasses on smiles over all faces: the slope is the difference of means."""
    smile = np.repeat([1, 1, 0, 0], [int(n) for n in (a, b, c, d)])
    glasses = np.repeat([1, 0, 1, 0], [int(n) for n in (a, b, c, d)])
    return stats.linregress(smile, glasses).slope


def bias_of_the_mean(k, t, N, M):
    """The trace of the covariance of a difference of means, k features of the same variance."""
    weights = np.concatenate([np.full(int(N), 1 / N), np.full(int(M), -1 / M)])
    return np.trace(np.eye(int(k)) * t / k) * weights @ weights


def left_by_pca(D, p, q, t):
    """A point with these components, and a rest on a third axis, projected on the first two."""
    x = t * np.array([p, q, math.sqrt(D - p**2 - q**2)])
    return np.square(x - np.diag([1, 1, 0]) @ x).sum()


def length_by_a_line(a, b, c, d):
    """Along the polygon through the four pictures, in many small pieces."""
    at = np.linspace(0, 3, 3001)
    line = np.stack([np.interp(at, range(4), pixel) for pixel in zip(a, b, c, d, strict=True)], 1)
    return np.linalg.norm(np.diff(line, axis=0), axis=1).sum()


ORACLES = {
    "auroc-of-two-lists": auroc_by_ranks,
    "auroc-turned-round": lambda A, t: auroc_by_ranks(  # one strange image above a share A
        np.exp(-np.arange(0.0005, 1, 0.001) / t), np.exp(-np.array([A]) / t)),
    "error-of-an-auroc": jackknifed,
    "difference-of-means-carries": carried,
    "precision-and-recall": harmonic_of_the_library,
    "inception-score": lambda p, q: inception_score(torch.tensor([p, q], dtype=torch.float64)),
    "frechet-bias": bias_of_the_mean,
    "error-of-a-pale-image": left_by_pca,
    "length-of-a-way": length_by_a_line,
    "formula-energy-above-length": lambda r, a, b:  # T² times the variance of the steps
        9 * np.var([a, b, r]),
    "frechet-without-end": lambda N, f, M, g: np.polyfit([1 / N, 1 / M], [f, g], 1)[1],
    "bits-of-two-grids": lambda s, K, J: 8 * 3 * s * s / sum(
        (s / part) ** 2 * stats.entropy([1 / n] * int(n), base=2) for part, n in ((4, K), (8, J))),
    "tokens-of-three-levels": lambda s: sum(
        np.zeros((int(s) // part, int(s) // part)).size for part in (8, 16, 32)),
    "formula-bits-of-two-levels": lambda s, a, b: sum(
        (s / part) ** 2 * stats.entropy([1] * int(2**n), base=2) for part, n in ((4, b), (8, a))),
    "bottom-given-the-top": lambda p: sum(
        sum(row) * stats.entropy(row, base=2) for row in (p[:2], p[2:])),
    "whom-a-picture-follows": lambda v, w, r, c, d: np.linalg.solve([[v, r], [r, w]], [c, d])[0],
    "sum-of-two-codes": lambda z, e, f: summed_codes(z, e, f),
    "codes-of-a-residual-quantizer": lambda K, D: np.prod([K] * int(D)),
    "index-of-a-scalar-code": lambda z, L: FiniteScalarQuantizer(list(map(int, L))).lookup(
        tensor(z)).indices.item(),
    "gradient-turned-back": lambda z, e, g: torch.autograd.functional.vjp(
        lambda v: rotated(v[None], tensor(e))[0], tensor(*z), tensor(*g))[1][0].item(),
    "precision-after-rejection": lambda p, a, b: np.average(
        [1, 1, 0, 0], weights=np.outer([p, 1 - p], [1, 1]).ravel() * [a, 0, b, 0]),
    "beta-vae-loss": lambda r, D, mu, sigma, beta: weighted_loss(
        {"reconstruction": r, "kl": torch_kl(normal(mu, sigma), normal(0, 1))}, kl=beta),
    "loss-with-a-capacity": lambda r, kl, C, gamma: r + gamma * torch.nn.functional.l1_loss(
        tensor(kl), tensor(C)).item(),
    "multiplier-of-a-budget": ascended,
    "beta-from-a-budget": beta_that_spends,
    "rate-of-a-linear-beta-vae":
        lambda v, sigma, beta: sum(normals_at(x, beta, sigma) for x in v),
    "formula-rate-of-a-linear-beta-vae": lambda beta, sigma, v: normals_at(v, beta, sigma),
    "active-components":
        lambda a, sigma, beta: sum(normals_at(a / i, beta, sigma) > 1e-4 for i in range(1, 51)),
    "total-correlation-of-a-normal": correlated,
    "beta-tcvae-loss": lambda r, kl, information, marginals, beta: weighted_loss(
        {"r": r, "i": information, "tc": kl - information - marginals, "m": marginals}, tc=beta),
    "stratified-weight": unbiased_weight,
    "mutual-information-gap": gap_of_tables,
    "disentanglement-of-a-dimension": lambda p, d: 1 - stats.entropy(p, base=3),
    "separated-attribute-predictability": predictability,
    "nearest-code": lambda z, **codes: vq([z], np.array(list(codes.values())))[1][0] ** 2,
    "vq-loss": three_terms,
    "gradient-at-the-encoder": lambda z, e, g, c: vq_terms([z], e, c, g)[0].item(),
    "gradient-at-a-code": lambda z, e, g, c: vq_terms(z, e, c, g)[1].item(),
    "ema-step": lambda N, m, gamma, z: np.average(
        [m / N, *z], weights=[gamma * N, *[1 - gamma] * 3]),
    "formula-ema-code": lambda gamma, n, s, N, m: np.average(
        [m / N, s / n], weights=[gamma * N, (1 - gamma) * n]),
    "perplexity-of-a-codebook": lambda counts: 2 ** stats.entropy(counts, base=2),
    "bits-of-a-grid": lambda side, K, D: math.log2(K ** (side * side)),  # of all grids
    "bits-with-a-unigram-prior": lambda p, T: T * stats.entropy(p, base=2),
    "bits-under-a-prior":
        lambda a, b, c: -coin((a, b, c)).log_prob(tensor(1, 1, 1)).sum().item() / math.log(2),
    "elbo-of-a-vq-vae": lambda r, K, T: r - T * one_hot_divergence(K),
    "denoising-loss": lambda x, x_noisy, x_hat: torch.nn.functional.mse_loss(
        tensor(*x_hat), tensor(*x), reduction="sum").item(),
    "best-denoiser": lambda m, s, sigma, x_noisy: posterior_mean(x_noisy, m, s, sigma),
    "score-from-a-denoiser": score_where_the_denoiser_answers,
    "formula-score-of-a-noisy-normal": lambda x, sigma, m, s: score(x, m, s, sigma),
    "sparsity-from-activations":
        lambda rho, h1, h2: torch_kl(coin(rho), Bernoulli(tensor(h1, h2).mean(dim=1))),
    "lifetime-sparsity": lambda n, a, b, c, d: (tensor(a, b, c, d).mean(dim=1))[1].item(),
    "participation-ratio":
        lambda w: 1 / Categorical(tensor(*w).square()).probs.square().sum().item(),
    "contractive-penalty":
        lambda h, w1, w2: squared_singular_values(jacobian_of_a_layer(h, w1, w2)),
    "formula-penalty-of-one-unit":
        lambda h, w1, w2, weight:
            weight * squared_singular_values(jacobian_of_a_layer((h,), (w1, w2))),
    "hutchinson-probe": probed,
    "code-shift-under-noise": shift_of_the_code,
    "contractive-loophole": scaled_penalty,
    "entropy-in-bits": lambda p: stats.entropy(p, base=2),
    "cross-entropy": lambda p, q: stats.entropy(p) + stats.entropy(p, q),
    "kl-discrete": lambda p, q: torch_kl(die(p), die(q)),
    "kl-marbles": lambda a, b: stats.entropy([a, 1 - a], [b, 1 - b], base=2),
    "sparsity-penalty": lambda rho, rho_hat: torch_kl(coin(rho), coin(rho_hat)),
    "sparsity-gradient": lambda rho, r: slope(lambda t: torch_kl(coin(rho), coin(t)), r),
    "formula-sparsity-penalty":
        lambda rho, r, k: torch_kl(coin([rho] * int(k)), coin([r] * int(k))),
    "entropy-of-a-normal": lambda sigma: stats.norm(3, sigma).entropy(),
    "kl-to-standard-normal":
        lambda mu, sigma: kl_by_quadrature(stats.norm(mu, sigma), stats.norm()),
    "kl-from-standard-normal":
        lambda mu, sigma: kl_by_quadrature(stats.norm(), stats.norm(mu, sigma)),
    "kl-between-normals":
        lambda mu, sigma, m, s: kl_by_quadrature(stats.norm(mu, sigma), stats.norm(m, s)),
    "kl-both-directions": lambda mu, sigma: (
        torch_kl(normal(mu, sigma), normal(0, 1)) - torch_kl(normal(0, 1), normal(mu, sigma))),
    "kl-variance-given":
        lambda m, v: kl_by_quadrature(stats.norm(m, math.sqrt(v)), stats.norm()),
    "kl-same-variance": lambda mu, m, s: torch_kl(normal(mu, s), normal(m, s)),
    "kl-in-bits": lambda mu, sigma: torch_kl(normal(mu, sigma), normal(0, 1)) * math.log2(math.e),
    "kl-diagonal": lambda mu, sigma: torch_kl(normal(mu, sigma), normal(0, 1)),
    "kl-from-logvar":
        lambda mu, logvar: torch_kl(normal(mu, np.exp(np.array(logvar) / 2)), normal(0, 1)),
    "formula-kl-to-standard-normal":
        lambda mu, sigma, weight: weight * torch_kl(normal(mu, sigma), normal(0, 1)),
    "formula-kl-to-another-normal":
        lambda mu, sigma, m, s: torch_kl(normal(mu, sigma), normal(m, s)),
    "formula-kl-from-logvar":
        lambda mu, logvar, d: d * torch_kl(normal(mu, math.exp(logvar / 2)), normal(0, 1)),
    "gradient-in-mu": lambda mu, sigma, m, s: slope(
        lambda t: torch_kl(normal(t, sigma), normal(m, s)), mu),
    "gradient-in-sigma": lambda mu, sigma, m, s: slope(
        lambda t: torch_kl(normal(mu, t), normal(m, s)), sigma),
    "gradient-in-logvar": lambda logvar: slope(
        lambda t: torch_kl(normal(0, math.exp(t / 2)), normal(0, 1)), logvar),
    "formula-gradient-in-sigma": lambda mu, sigma, m, s: slope(
        lambda t: torch_kl(normal(mu, t), normal(m, s)), sigma),
    "best-sigma-forward": fitted_forward,
    "best-shared-sigma": fitted_shared,
    "elbo-from-its-parts": lambda r, mu, sigma: r - torch_kl(normal(mu, sigma), normal(0, 1)),
    "elbo-from-the-evidence":
        lambda evidence, m, v, m2, v2: evidence - torch_kl(normal(m, v), normal(m2, v2)),
    "elbo-of-a-linear-model": elbo_by_quadrature,
    "evidence-of-a-linear-model": evidence_by_quadrature,
    "effective-beta": beta_from_gradients,
    "code-from-noise": lambda mu, logvar, epsilon: stats.norm.ppf(
        stats.norm.cdf(epsilon), loc=mu, scale=math.sqrt(math.exp(logvar))),
    "gradient-by-the-score": score_by_autograd,
    "kl-of-a-batch": lambda first, second, third: np.mean(
        np.sum([first, second, third], axis=1)),
    # The rate at the optimum: what KL(q(z)‖p) costs falls away.
    "gain-of-the-best-prior":
        lambda d, rate, information: np.subtract(d + rate, rate - information),
    "mixture-log-density": lambda w, m, s, z: mixture((w, 1 - w), m, s).log_prob(tensor(z)).item(),
    "vampprior-log-density":
        lambda mu, sigma, z: mixture((1, 1, 1), mu, sigma).log_prob(tensor(z)).item(),
    "log-density-of-a-coupling": lambda a, b, t, s:  # a ~ N(0, 1), and b given a ~ N(t, exp(s)²)
        stats.norm.logpdf(a) + stats.norm.logpdf(b, loc=t, scale=math.exp(s)),
    "divergence-by-one-draw": lambda mu, sigma, z, p:
        stats.norm.logpdf(mu + sigma * z, loc=mu, scale=sigma) - math.log(p),
    "best-normal-prior": best_normal,
    "information-that-cannot-show": lambda N, information, rest:
        information + rest - stats.entropy([1 / N] * N),  # at which the estimate ends
    "density-of-spikes": lambda L, sigma:
        mixture([1] * L, range(L), [sigma] * L).log_prob(torch.arange(L).double()).mean().item(),
    "gap-of-uniform-noise": lambda a, b: stats.entropy([0.5, 0.5], [a / (a + b), b / (a + b)]),
    "formula-bound-with-learned-noise": lambda r, a, b: integrate.quad(
        lambda u: (2 * r if u < 0.5 else 2 - 2 * r)
        * math.log((a / (2 * r)) if u < 0.5 else b / (2 - 2 * r)), 0, 1, points=[0.5])[0],
    "weights-of-label-planes": lambda C, K, n, k: sum(
        p.numel() for p in torch.nn.Conv2d(int(C + K), int(n), int(k)).parameters()),
    "bound-with-a-learned-prior": lambda r, mu, sigma, m, s:
        -r - kl_by_quadrature(stats.norm(mu, sigma), stats.norm(m, s)),
    "information-about-the-class": class_by_quadrature,
    "loss-of-a-labelled-image": lambda r, mu, sigma, p: r + torch_kl(
        normal(mu, sigma), normal(0, 1)) - coin(p).log_prob(tensor(1)).item(),
    "loss-of-an-unlabelled-image": lambda q, L: sum(
        p * (loss + math.log(p)) for p, loss in zip(q, L, strict=True)),
    "formula-loss-of-an-unlabelled-image": lambda r, a, b:
        np.dot([r, 1 - r], [a, b]) - stats.entropy([r, 1 - r]),
    # Divided by N the paper's loss is c · mean over n; a mean over N of n terms, n / N of them.
    "weight-of-a-label": lambda N, n, c: c / np.mean([1.0] * int(n) + [0.0] * int(N - n)),
    "what-the-model-teaches": best_of_the_bound,
    "gumbel-softmax-by-hand": relaxed_by_hand,
    "a-probe-against-chance": lambda K, n, a:
        (a * n - stats.binom(n, 1 / K).mean()) / stats.binom(n, 1 / K).std(),
    "bits-per-dimension": lambda L, D, n: -math.log2(math.exp(-n) / L),  # of a cell of the side 1/L
    "receptive-field": lambda r, L: rows_that_matter(int(r), int(L)),
    "nll-of-a-chain": lambda p, x: -Bernoulli(torch.tensor(p, dtype=torch.float64)).log_prob(
        torch.tensor(x, dtype=torch.float64)).sum().item(),
    "least-rate-for-information": rate_of_kinds,
    "mismatch-from-an-elbo": lambda H, loss, gap: optimize.brentq(
        lambda mismatch: H + mismatch + gap - loss, 0, 100),
    "minus-elbo-of-a-deaf-decoder": lambda nll, mu, sigma:
        nll + torch_kl(normal(mu, sigma), normal(0, 1)),
    "smallest-kl-of-a-delta-vae": least_divergence,
    "formula-smallest-kl-of-three": lambda alpha, n: n * least_divergence(3, alpha),
    "loss-with-free-bits": lambda r, nats, first, second:
        r + np.maximum(np.mean([first, second], axis=1), nats).sum(),
    "weight-in-a-cycle": lambda period, rise, step:
        np.interp(step % period, [0, rise * period, period], [0, 1, 1]),
}  # fmt: skip


def test_every_number_and_formula_has_an_oracle():
    assert ORACLES.keys() == set(KINDS["number"] + KINDS["formula"])


@pytest.mark.slow
@pytest.mark.parametrize("exercise_id", ORACLES)
def test_the_truth_is_that_of_an_independent_oracle(exercise_id):
    exercise, random = bank()[exercise_id], Random(0)
    for seed in range(5):
        point = variant(exercise_id, seed).parameters | {
            name: random.uniform(low, high) for name, (low, high) in exercise.domain.items()
        }
        expected = ORACLES[exercise_id](**point)
        assert exercise.truth(**point) == pytest.approx(expected, rel=1e-5, abs=1e-6)


probability = st.floats(0.01, 0.99)


@given(st.floats(-9, 9), st.floats(0.1, 9), st.floats(-9, 9), st.floats(0.1, 9))
def test_the_plain_formula_for_normals_is_the_librarys(mu, sigma, m, s):
    expected = information.kl_normal(mu, sigma, m, s).item()
    assert bank_normal.kl(mu, sigma, m, s) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(probability, probability)
def test_the_plain_formulas_for_outcomes_are_the_librarys(a, b):
    p, q = (a, 1 - a), (b, 1 - b)
    tensors = [torch.tensor(x, dtype=torch.float64) for x in (p, q)]
    for plain, library in [
        (bank_discrete.kl(p, q), information.kl_discrete(*tensors)),
        (bank_discrete.cross_entropy(p, q), information.cross_entropy(*tensors)),
        (bank_discrete.entropy(p), information.entropy(tensors[0])),
        (bank_discrete.kl_bernoulli(a, b), information.kl_bernoulli(a, b)),
    ]:
        assert plain == pytest.approx(library.item(), rel=1e-9, abs=1e-9)


def test_the_homework():
    """N(6, 4²) against N(0, 1), both ways."""
    assert bank()["kl-to-standard-normal"].truth(mu=6, sigma=4) == pytest.approx(24.1137, abs=1e-4)
    assert bank()["kl-from-standard-normal"].truth(mu=6, sigma=4) == pytest.approx(2.0425, abs=1e-4)


def lines(exercise_id):
    """The right line of a choice, and the wrong ones."""
    exercise = bank()[exercise_id]
    return exercise.truth, [mistake.wrong for mistake in exercise.mistakes]


def test_only_the_right_line_draws_from_the_encoders_normal():
    def drawn(line):
        formula = parse_formula(line.removeprefix("z = "), ("mu", "logvar", "epsilon"))
        return formula(mu=0.5, logvar=math.log(9), epsilon=-2)

    right, wrong = lines("sampling-from-logvar")
    assert drawn(right) == pytest.approx(0.5 - 2 * 3)
    assert not any(near(drawn(line), drawn(right)) for line in wrong)


def test_only_the_right_line_is_the_loss_of_a_binary_pixel():
    def losses(line):
        text = re.sub(r" log ?\(?(1 − \w|\w)\)?", r"*log(\1)", line.replace("x̂", "r"))
        formula = parse_formula(text, ("x", "r"))
        try:
            return [formula(x=x, r=0.3) for x in (0, 1)]
        except AnswerError:  # log 0
            return [math.inf, math.inf]

    x, logits = torch.tensor([[0.0], [1.0]]), torch.logit(torch.tensor([[0.3], [0.3]]))
    right, wrong = lines("loss-of-a-binary-pixel")
    assert losses(right) == pytest.approx(bernoulli_nll(x, logits).tolist())
    assert not any(losses(line) == pytest.approx(losses(right)) for line in wrong)


def test_a_relu_may_leave_the_range_of_the_penalty():
    right, _ = lines("sparsity-penalty-of-a-relu")
    assert right.startswith("Undefined")
    with pytest.raises(ValueError, match="rho_hat must lie in"):
        information.kl_bernoulli(0.05, 1.7)


def test_the_penalty_may_be_zero_whatever_is_active_for_one_image():
    together = torch.zeros(20, 40).index_fill(0, torch.tensor([3]), 1)  # all units, one image
    constant = torch.full((20, 40), 0.05)
    for h in (together, constant):
        penalty = information.kl_bernoulli(0.05, h.mean(dim=0)).sum()
        assert penalty.item() == pytest.approx(0, abs=1e-6)


def test_a_linear_encoder_has_no_curvature_and_pays():
    weights, x = tensor([1, -2], [0.5, 3]), tensor(0.3, -0.7)

    def penalty(x):
        jacobian = torch.autograd.functional.jacobian(lambda x: weights @ x, x, create_graph=True)
        return jacobian.square().sum()

    right, _ = lines("slope-or-curvature")
    assert "a linear encoder pays too" in right
    assert penalty(x).item() == pytest.approx(14.25)
    assert torch.equal(penalty(x), penalty(2 * x))  # the slope is the same everywhere


@pytest.mark.parametrize("seed", range(5))
def test_what_the_library_says_of_beta_vaes(seed):
    """The truths of the bank are those of the library as well as those of the oracles."""
    truth = {id: exercise.truth for id, exercise in bank().items()}
    drawn = {id: variant(id, seed).parameters for id in bank()}

    numbers = drawn["rate-of-a-linear-beta-vae"]
    level = numbers["beta"] * numbers["sigma"] ** 2
    expected, _ = information.rate_distortion_normal(tensor(*numbers["v"]), level)
    assert bank_beta.rate(numbers["v"], level) == pytest.approx(expected.item())

    numbers = drawn["stratified-weight"]
    weights = stratified_log_weights(int(numbers["B"]), int(numbers["N"])).exp()
    assert truth["stratified-weight"](**numbers) == pytest.approx(weights[0, 1].item())

    model, constraint = VAE.dense((1, 2, 2), 2, hidden=(3,), seed=seed), Constraint(0.4, rate=0.3)
    x = torch.rand(8, 1, 2, 2, generator=torch.Generator().manual_seed(seed))
    kl = constraint(model, x, step=0).terms["kl"].item()
    moved = truth["multiplier-of-a-budget"](beta=1.0, C=0.4, kl=kl, eta=0.3)
    assert 0.4 != kl < 0.8  # beyond twice the budget the library clips the step
    assert moved == pytest.approx(constraint.beta.item())


@pytest.mark.parametrize("seed", range(5))
def test_what_the_library_says_of_codebooks(seed):
    truth = {id: exercise.truth for id, exercise in bank().items()}
    drawn = {id: variant(id, seed).parameters for id in bank()}

    z, *codes = drawn["nearest-code"].values()
    z_q = tensor(*codes)[nearest_code(tensor(z), tensor(*codes))]
    expected = (tensor(z) - z_q).square().sum().item()
    assert truth["nearest-code"](**drawn["nearest-code"]) == pytest.approx(expected)

    numbers = drawn["ema-step"]
    quantizer = one_dimensional_quantizer(numbers["gamma"], numbers["N"], numbers["m"])
    quantizer.SMOOTHING = 0
    quantizer.step(tensor(*numbers["z"])[:, None], torch.zeros(3, dtype=torch.long))
    assert truth["ema-step"](**numbers) == pytest.approx(quantizer.codebook[0].item())

    counts = drawn["perplexity-of-a-codebook"]["counts"]
    expected = perplexity(tokens_of(counts), 6)
    assert truth["perplexity-of-a-codebook"](counts) == pytest.approx(expected)


def one_dimensional_quantizer(gamma, count, total):
    """Two codes; the first has this count and this sum, and no code is ever revived."""
    quantizer = VectorQuantizer(2, 1, gamma=gamma, revive_below=0, initial="normal").double()
    quantizer.count[0], quantizer.sum[0] = count, total
    quantizer.codebook[0] = total / count
    return quantizer


def test_an_idle_code_stays_and_then_drifts_to_the_origin():
    right, _ = lines("dead-code")
    assert right == "It stays for a long time, then drifts to the origin"
    N, m, places = np.array([1.0, 3.0]), 4.0, []
    for _ in range(40):  # (VQ.11) and (VQ.12) with γ = ½; all vectors choose the other code
        N, m = 0.5 * N + 0.5 * np.array([0.0, 3.0]), 0.5 * m
        smoothed = (N[0] + 1e-5) * N.sum() / (N.sum() + 2e-5)
        places.append(m / smoothed)
    assert min(places[:6]) > 0.99 * 4
    assert 0 < places[-1] < 1e-3
    assert places == sorted(places, reverse=True)


def test_only_the_right_line_stops_the_gradients():
    def gradients(line):
        z, e = (torch.tensor(x, requires_grad=True) for x in (3.0, 1.0))
        eval(line, {"z": z, "e": e}).backward()
        return [0.0 if x.grad is None else x.grad.item() for x in (z, e)]

    right, wrong = lines("stop-gradients")
    assert gradients(right) == [0.25 * 2 * 2, -2 * 2]
    assert not any(gradients(line) == gradients(right) for line in wrong)


def test_the_loss_after_straight_through():
    right, _ = lines("loss-after-straight-through")
    assert right == "It leaves the codes where they are and pushes z_e away from e"
    z_e, e = tensor(3).requires_grad_(), tensor(1).requires_grad_()
    z_q = straight_through(z_e, e)
    loss = (z_e.detach() - z_q).square().sum()
    loss.backward()
    assert loss.item() == 4  # the value of the right loss
    assert e.grad is None
    assert abs(z_e - 0.1 * z_e.grad - e) > abs(z_e - e)


def test_the_gradient_of_a_loss_after_straight_through():
    """It is what the mistake of that name amounts to."""
    (mistake,) = [m for m in bank()["gradient-at-the-encoder"].mistakes
                  if m.id == "after-straight-through"]  # fmt: skip
    z_e, e = tensor(0.7).requires_grad_(), tensor(-0.2)
    z_q = straight_through(z_e, e)
    (1.3 * z_q + (z_e.detach() - z_q) ** 2 + 0.4 * (z_e - z_q.detach()) ** 2).backward()
    assert mistake.wrong(z=0.7, e=-0.2, g=1.3, c=0.4) == pytest.approx(z_e.grad.item())


def wrong(exercise_id):
    return {mistake.id: mistake.wrong for mistake in bank()[exercise_id].mistakes}


def test_mistakes_compute_what_their_sentences_say():
    slips = wrong("gradient-in-mu")
    distance = slope(lambda t: (t - 0.4) ** 2 / 0.7**2, 1.3)  # without the half
    assert slips["lost-half"](1.3, 2, 0.4, 0.7) == pytest.approx(distance)
    assert slips["halved"](1.3, 2, 0.4, 0.7) == pytest.approx(distance / 4)
    read_as_log_sigma = slope(lambda t: torch_kl(normal(0, math.exp(t)), normal(0, 1)), 0.3)
    assert wrong("gradient-in-logvar")["logvar-as-log-sigma"](0.3) == pytest.approx(
        read_as_log_sigma)  # fmt: skip
    sign_inside = -math.log(1 - -(0.6**2)) / 2
    assert wrong("total-correlation-of-a-normal")["square-added"](1, 2, 0.6) == sign_inside


def test_a_square_that_comes_out_negative():
    """Each by Python's own reading of −2.7**2, and only where a parameter is negative."""
    mu, sigma = -2.7, 1.3
    typed_mean = -(2.7**2)
    divergence = (typed_mean + sigma**2 - math.log(sigma**2) - 1) / 2
    for id, args, expected in [
        ("kl-to-standard-normal", (mu, sigma), divergence),
        ("kl-variance-given", (mu, sigma**2), divergence),
        ("kl-in-bits", (mu, sigma), divergence / math.log(2)),
        ("kl-diagonal", ((mu, 0.5), (sigma, 1)), divergence + 0.5**2 / 2),
        ("kl-from-logvar", ((mu, 0.5), (math.log(sigma**2), 0)), divergence + 0.5**2 / 2),
        ("kl-from-standard-normal", (mu, sigma),
         math.log(sigma) + (1 + typed_mean) / (2 * sigma**2) - 1 / 2),
        ("elbo-from-its-parts", (-9, mu, sigma), -9 - divergence),
        ("beta-vae-loss", (50, 64, (mu, 0), (sigma, 1), 3), 50 + 3 * divergence),
        ("evidence-of-a-linear-model", (0.5, 2, mu, 0, 1),
         -typed_mean / (2 * 4.25) - math.log(2 * math.pi * 4.25) / 2),
        ("gradient-by-the-score", (1, 2, mu, 0.5), (typed_mean - 0.5) * (mu - 1) / 4),
        ("participation-ratio", ((mu, 1, 2, 3),), (typed_mean + 14) ** 2 / (-2.7**4 + 98)),
        ("contractive-penalty", ((0.5, 0.5), (mu, 1), (2, 0)), 0.0625 * (typed_mean + 5)),
        ("separated-attribute-predictability", ((0.8, -0.27, -0.5),), 0.8**2 + 0.27**2),
    ]:  # fmt: skip
        made = wrong(id)["square-of-negative"]
        assert made(*args) == pytest.approx(expected), id
    assert math.isnan(wrong("kl-to-standard-normal")["square-of-negative"](2.7, 1.3))
    for exercise in bank().values():
        for mistake in exercise.mistakes:
            if mistake.id == "square-of-negative":
                drawn = [variant(exercise.id, seed).parameters for seed in range(60)]
                made = [not math.isnan(mistake.wrong(**parameters)) for parameters in drawn]
                assert any(made), exercise.id


def test_the_codebook_loss_alone_moves_the_codes():
    right, _ = lines("what-moves-a-code")
    assert right == "The codebook loss alone"
    quantizer = VectorQuantizer(4, 2, update="gradient", initial="normal")
    model = VQVAE.dense((1, 2, 2), quantizer, tokens=2, hidden=(3,))
    loss = model.loss(torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0)))
    (moves,) = [
        name for name, term in loss.terms.items()
        if torch.autograd.grad(term, quantizer.codebook, retain_graph=True, allow_unused=True)[0]
        is not None
    ]  # fmt: skip
    assert moves == "codebook"


def test_moving_averages_leave_reconstruction_and_commitment():
    right, _ = lines("loss-with-moving-averages")
    assert right == "Reconstruction and weighted commitment"
    model = VQVAE.dense((1, 2, 2), VectorQuantizer(4, 2), tokens=2, hidden=(3,))
    loss = model.loss(torch.ones(5, 1, 2, 2))
    assert loss.terms.keys() == {"reconstruction", "commitment"}


def test_the_information_of_a_code_is_at_most_its_kl():
    """Two images, exactly: KL, and the information by quadrature, which misses KL(q(z)‖p(z))."""
    right, _ = lines("what-the-kl-bounds")
    assert right == "It is at most 3 nats"
    images = [stats.norm(-1, 0.5), stats.norm(2, 0.8)]

    def gain(z, q):
        return q.pdf(z) * (q.logpdf(z) - math.log((images[0].pdf(z) + images[1].pdf(z)) / 2))

    information = np.mean([integral(lambda z, q=q: gain(z, q), q.mean(), 0.8) for q in images])
    kl = np.mean([bank_normal.kl(q.mean(), q.std()) for q in images])
    assert 0.5 < information < math.log(2) < kl


def test_the_true_derivative_of_the_lookup_is_zero():
    right, _ = lines("derivative-of-the-lookup")
    assert right.startswith("Zero")
    codes = tensor([0, 0], [1, 0], [0, 1])
    for z in (tensor(0.3, 0.1), tensor(0.9, 0.5)):
        assert torch.equal(*(codes[nearest_code(z[None] + h, codes)] for h in (-1e-6, 1e-6)))


def test_a_code_of_no_vector_has_no_gradient():
    right, _ = lines("what-brings-a-code-back")
    assert right == "Moving it to a vector of the batch"
    quantizer = VectorQuantizer(2, 1, update="gradient", revive_below=0, initial="normal")
    quantizer.codebook.data = torch.tensor([[0.0], [100.0]])
    z_e = torch.tensor([[1.0], [2.0]])
    quantizer(z_e).codebook_loss.sum().backward()
    assert quantizer.codebook.grad[0] != 0 == quantizer.codebook.grad[1]
    quantizer.revive_below = 0.5
    for _ in range(100):
        quantizer.step(z_e, nearest_code(z_e, quantizer.codebook.detach()))
    assert (quantizer.codebook[1] <= 2).all()


def test_a_rotation_fills_the_covariance_of_q_and_not_that_of_the_prior():
    right, _ = lines("what-picks-the-axes")
    assert right.startswith("The diagonal covariance of q(z|x)")
    angle = torch.tensor(0.5, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]),
                        torch.stack([angle.sin(), angle.cos()])])  # fmt: skip
    prior, q = torch.eye(2, dtype=torch.float64), tensor(0.1, 0.9).diag()
    assert torch.allclose(turn @ prior @ turn.T, prior)
    assert abs((turn @ q @ turn.T)[0, 1]) > 0.3


def test_a_budget_to_spare_has_no_price():
    """Of a code that needs no more than 0.8 nats, by the rule of the bank."""
    right, _ = lines("a-budget-to-spare")
    assert right.startswith("It goes to 0")
    rule, beta = bank()["multiplier-of-a-budget"].truth, 3.0
    for _ in range(1000):
        beta = rule(beta=beta, C=1.0, kl=min(0.8, 0.5 / beta), eta=0.1)
    assert beta < 1e-6


def test_a_larger_beta_means_a_smaller_kl_and_a_worse_reconstruction():
    right, _ = lines("what-a-larger-beta-guarantees")
    assert right == "Its KL is no larger, and its reconstruction no better"
    points = np.random.default_rng(0).exponential(size=(500, 2))  # (reconstruction error, KL)
    best = [points[np.argmin(points @ [1, beta])] for beta in np.linspace(0, 20, 50)]
    errors, kls = np.array(best).T
    assert (np.diff(errors) >= 0).all()
    assert (np.diff(kls) <= 0).all()
    assert errors[0] < errors[-1]


def test_a_kl_to_a_uniform_prior_is_the_same_however_many_codes_are_in_use():
    right, _ = lines("what-a-constant-kl-excludes")
    assert right == "Nothing about how many codes are in use"
    assert one_hot_divergence(8) == pytest.approx(math.log(8))
    assert perplexity(torch.zeros(50, dtype=torch.long), 8) == 1


# Feedback


@pytest.fixture
def number():
    return variant("kl-to-standard-normal", 7)  # μ = 4.7, σ = 2.3


def test_an_answer_may_be_an_expression(number):
    assert check(number, "(4.7**2 + 2.3**2 - log(2.3**2) - 1) / 2").correct
    assert check(number, "ln(1/2.3) + (2.3^2 + 4.7^2)/2 − 0.5").correct


def test_a_wrong_number_that_is_not_known(number):
    feedback = check(number, "7777")
    assert (feedback.correct, feedback.mistake, feedback.readable) == (False, None, True)
    assert feedback.message.startswith("Not yet.")


def test_a_diagnosis_names_the_mistake_and_the_step(number):
    feedback = check(number, f"{2 * bank_normal.kl(4.7, 2.3)}")
    assert feedback.message == (
        "Not yet. A factor of one half is missing. "
        "Look at the third step of the derivation in chapter 5, (KL.10)."
    )


def test_an_exercise_may_point_elsewhere():
    entropy = {mistake.id: mistake for mistake in bank()["entropy-of-a-normal"].mistakes}
    gradient = {mistake.id: mistake for mistake in bank()["gradient-in-mu"].mistakes}
    assert entropy["wrong-sign"].says == gradient["wrong-sign"].says
    assert "definitions" in entropy["wrong-sign"].see
    assert "Differentiate" in gradient["wrong-sign"].see


@pytest.mark.parametrize("answer", [None, 3, b"3", "", " \n"])
def test_what_is_no_answer(number, answer):
    feedback = check(number, answer)
    assert (feedback.correct, feedback.mistake, feedback.readable) == (False, None, False)


@pytest.mark.parametrize("write", ["{}", "{}.", "({})", " {}) "])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_a_choice_by_its_letter(write, case):
    handed_out = variant("posterior-collapse", 7)
    right = "ABCDE"[handed_out.choices.index(bank()["posterior-collapse"].truth)]
    for letter in "ABCDE":
        assert check(handed_out, write.format(case(letter))).correct == (letter == right)


@pytest.mark.parametrize("write", [
    "{letter}. {text}", "**{letter}.** {text}", "- **{letter}.** {text}", "{letter}) {text}",
    "({letter}) {text}", "**{text}**", "{text}", "{letter}. {begin} …", '"{letter}"', "{letter};",
    '("{letter}")', "**{letter}**", "\u200b{letter}", "{letter}. *{text}*", "{letter}.",
    "Answer: {letter}", "choice {letter}", "{letter} - {text}", "{letter} – {text}",
])  # fmt: skip
def test_a_choice_that_was_copied(write):
    for exercise_id in KINDS["choice"]:
        handed_out = variant(exercise_id, 7)
        for letter, text in zip("ABCDEF", handed_out.choices, strict=False):
            answer = write.format(letter=letter, text=text, begin=text[:5])
            expected = text == bank()[exercise_id].truth
            assert check(handed_out, answer).readable, answer
            assert check(handed_out, answer).correct == expected, answer


def test_a_letter_with_the_text_of_another_choice_is_no_choice():
    handed_out = variant("posterior-collapse", 7)
    assert not check(handed_out, f"A. {handed_out.choices[1]}").readable


@pytest.mark.parametrize(
    "answer", ["F", "AB", "1", "q(z|x)", ".", "()", "B because", "A or B", "A. B", "\u200b", "**"]
)
def test_no_choice(answer):
    feedback = check(variant("posterior-collapse", 7), answer)
    assert not feedback.readable
    assert feedback.message == "Answer with one letter from A to E."


@pytest.mark.parametrize(
    "formula",
    [
        "0.5*mu**2 + 0.5*sigma**2 - log(sigma) - 0.5",
        "mu*mu/2 + sigma**2/2 - ln(sigma) - 1/2",
        "(exp(2*log(sigma)) - 1)/2 + mu**2/2 - log2(sigma)*log(2)",
        "mu**2/2 + sqrt(sigma**4)/2 - log(sigma**2)/2 - pi/(2*pi)",
    ],
)
def test_a_formula_may_be_written_in_many_ways(formula):
    handed_out = variant("formula-kl-to-standard-normal", 0)
    assert check(handed_out, f"{handed_out.parameters['weight']}({formula})").correct


def test_a_formula_without_a_value_at_some_points():
    feedback = check(variant("formula-kl-to-standard-normal", 0), "log(mu) + sigma")
    assert feedback.readable
    assert feedback.message.endswith("The formula has no value at some points where it should "
                                     "have one.")  # fmt: skip


@pytest.mark.parametrize("formula", ["log(-sigma)", "9**9**9", "mu/(sigma - sigma)"])
def test_a_formula_without_a_value_anywhere_is_unreadable(formula):
    assert not check(variant("formula-kl-to-standard-normal", 0), formula).readable


def test_a_thousand_students_with_ten_exercises_are_checked_in_a_minute():
    """10,000 answers in 60 s are 6 ms each; a third of that is left for reading notebooks."""
    started = time.process_time()
    for seed in range(20):
        for exercise_id, exercise in bank().items():
            handed_out = variant(exercise_id, seed)
            check(handed_out, typed(exercise, handed_out, exercise.mistakes[-1]))
    assert (time.process_time() - started) / (20 * len(bank())) < 2e-3


def test_the_package_needs_no_torch_and_no_widgets():
    code = "import sys, course_lib.exercises; print({'torch', 'ipywidgets'} & sys.modules.keys())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


# The parser


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("24.1137", 24.1137), (" 2.5 ", 2.5), (".5", 0.5), ("2.", 2), ("1e-3", 0.001),
        ("2E+1", 20), ("+3", 3), ("-3", -3), ("−2", -2), ("–2", -2), ("--2", 2), ("2 - -3", 5),
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("8 / 4 / 2", 1), ("8 - 4 - 2", 2), ("2**3**2", 512),
        ("-2**2", -4), ("2**-1", 0.5), ("(-2)**3", -8), ("2^3", 8), ("2 × 3", 6), ("2·3", 6),
        ("6 ÷ 3", 2), ("log(e)", 1), ("ln(e**2)", 2), ("log2(8)", 3), ("sqrt(9)", 3), ("exp(0)", 1),
        ("pi", math.pi), ("2*pi*e", 2 * math.pi * math.e), ("log (2)", math.log(2)),
        ("1\u00a0+\n1", 2), ("exp(-1e99)", 0), ("0**0", 1), ("((((((2))))))", 2),
        ("0,874", 0.874), ("-0,5 + 1", 0.5), ("1,234", 1.234), ("2,5e3", 2500), ("2*(0,5)", 1),
        ("np.float64(0.5)", 0.5), ("tensor(-0.5)", -0.5), ("\u200e0.5", 0.5),
        ("np.log(2)", math.log(2)), ("math.log(3)", math.log(3)),
        ("torch.exp(numpy.pi)", math.exp(math.pi)), ("math.e", math.e), ('("5.9")', 5.9),
        ("'5.9'", 5.9), ("“5.9”", 5.9),
        ("5.9;", 5.9), ("½", 0.5), ("-¾", -0.75), ("½(3)", 1.5), ("3²", 9), ("-3²", -9),
        ("√9", 3), ("2√(4)", 4), ("log₂(8)", 3),
        ("10⁻³", 0.001), ("2π", 2 * math.pi), ("2pi", 2 * math.pi), ("2(3)", 6), ("(2)(3)", 6),
        ("1/2 ln 2", math.log(2) / 2), ("-1/2 log(2)", -math.log(2) / 2),
        ("½ ln 2", math.log(2) / 2), ("ln 2", math.log(2)), ("log 2 + 1", 1 + math.log(2)),
        ("(ln 2)/2", math.log(2) / 2),
        ("2**3(4)", 32), ("-2(3)", -6), ("2e3", 2000), ("\u200b5.9", 5.9), ("5\u200b.9", 5.9),
    ],
)  # fmt: skip
def test_numbers(text, value):
    assert parse_number(text) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no answer yet"), (" \t", "no answer yet"), ("2,5,3", "decimal point"),
        ("1,234.5", "decimal point"), ("1.2,3", "decimal point"), ("log(8,2)", "decimal point"),
        (",5", "decimal point"), ("5,", "decimal point"), ("1,000,000", "decimal point"),
        ("5 %", "fraction"), ("x = 3", "equals sign"), ("σ", "'sigma' is not known"),
        ("√2/2", r"sqrt\(…\)"), ("√", r"sqrt\(…\)"),
        ("24.1 nats", "without a unit"), ("nats", "without a unit"),
        ("3 bits", "without a unit"), ('f"{kl:.4f}"', "type the number itself"), ("2½", "as a sum"),
        (";", "no answer yet"), ("\u200b", "no answer yet"), ("2e", "no operator before 'e'"),
        ("2 e", "no operator before 'e'"), ("(2)3", "no operator before '3'"),
        ("pi(2)", "before '\\('"),
        ("1/2 pi", "not clear what is divided"), ("1/pi ln(2)", "not clear"),
        ("np.sin(2)", "'sin' is"),
        ("ln 2/3", r"ln\(…\)"), ("ln 2²", r"ln\(…\)"), ("ln 2 pi", r"ln\(…\)"), ("ln -2", r"ln\("),
        ("nan", "'nan' is not known"), ("inf", "'inf' is not"),
        ("-Infinity", "'Infinity' is not known"), ("1e999", "too large"), ("1e101", "too large"),
        ("9**9**9", "too large"), ("9**9**9**9", "too large"), ("exp(1000)", "too large"),
        ("1e99*1e99", "too large"), ("1e60**2", "too large"), ("1/0", "divides by zero"),
        ("1/exp(-1e9)", "divides by zero"), ("log(0)", "log of such a number"),
        ("log2(-1)", "log2 of such a number"), ("sqrt(-1)", "sqrt of such a number"),
        ("(-1)**0.5", "power of such a number"), ("0**-1", "power of such a number"),
        ("1 2", "no operator before '2'"), ("1.2.3", "no operator before '.3'"),
        ("1_000", "no operator before '_000'"), ("(1", "parenthesis is missing"),
        ("(1 2)", "no operator before '2'"), ("1)", "parenthesis too many"),
        ("()", "missing before"), ("1 +", "ends too early"), ("*2", "missing before '\\*'"),
        ("2 ** ** 3", "missing before"),
        ("log", r"log\(…\)"), ("log()", "missing before"),
        ("mu", "'mu' is not known here; known are pi, e, log"), ("log10(2)", "'log10' is not"),
        ("__import__('os')", "has no meaning"), ("__import__", "'__import__' is not known"),
        ("os.system", "has no meaning"), ("lambda: 1", "has no meaning"),
        ("1 if 1 else 2", "no operator before 'if'"),
        ("[1]", "has no meaning"), ("2!", "has no meaning"), ("1;2", "has no meaning"),
        ('"5" + "9"', "has no meaning"),
        ("0x10", "no operator"), ("1e", "no operator before 'e'"), ("2j", "no operator before 'j'"),
        ("٣", "has no meaning"), ("\x00", "has no meaning"), ("\ud800", "has no meaning"),
        ("(" * 1_000_000, "too long"), ("1" * 201, "too long"), ("9" * 200, "too large"),
        ("(" * 100 + "1" + ")" * 99, "levels deep"), ("-" * 199 + "1", "levels deep"),
        ("2" + "**2" * 60, "levels deep"), ("log(" * 39 + "1" + ")" * 39, "levels deep"),
        ("a" * 50, "'aaaaaaaaaaaaaaaaaaaa' is"), ("2 " + "a" * 50, "before 'aaaaaaaaaaaaaaaaaaaa'"),
    ],
    ids=lambda text: ascii(text[:20]),
)  # fmt: skip
def test_what_cannot_be_read_is_explained_at_once(text, message):
    started = time.perf_counter()
    with pytest.raises(AnswerError, match=message):
        parse_number(text)
    assert time.perf_counter() - started < 0.05


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("mu²", "mu**2"), ("μ²/2 + ½σ²", "mu**2/2 + (1/2)*sigma**2"), ("σ", "sigma"), ("µ", "mu"),
        ("μσ", "mu*sigma"), ("2μ", "2*mu"), ("log σ", "log(sigma)"), ("log(σ²)", "log(sigma**2)"),
        ("sigma^2(1-sigma)^2", "sigma**2*(1 - sigma)**2"), ("mu(1 - mu)", "mu*(1 - mu)"),
        ("mu log(sigma)", "mu*log(sigma)"), ("-mu²", "-(mu**2)"), ("2πσ", "2*pi*sigma"),
        ("mu/2*3 sigma", "mu/2*3*sigma"), ("(mu + 1)sigma", "(mu + 1)*sigma"),
    ],
)  # fmt: skip
def test_formulas_as_they_are_written_by_hand(text, like):
    names = {"mu": 0.7, "sigma": 1.9}
    expected = eval(like, {"log": math.log, "pi": math.pi} | names)
    assert parse_formula(text, tuple(names))(**names) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["mu/2sigma", "mu/2σ²", "1/2 sigma", "log σ²", "mu 2", "2sigma_2"])
def test_formulas_that_may_be_meant_otherwise(text):
    with pytest.raises(AnswerError, match="not clear|parentheses|no operator"):
        parse_formula(text, ("mu", "sigma"))


def test_the_unit_that_is_asked_for_may_follow():
    for text in ("0.874 nats", "0.874nat", "(0.874) nats", "0.437*2 nats;"):
        assert parse_number(text, "nats") == pytest.approx(0.874)
    for text in ("0.874 bits", "0.874 bit", "0.874 nats nats"):
        with pytest.raises(AnswerError, match="Give the number alone in nats, without a unit"):
            parse_number(text, "nats")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e99, max_value=1e99))
def test_a_printed_number_is_read_back(value):
    assert parse_number(repr(value)) == value


expressions = st.recursive(
    st.sampled_from(["mu", "sigma", "2.0", "0.5", "pi"]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["+", "-", "*", "/", "**"]), part).map(" ".join),
        part.map("({})".format),
        part.map("-{}".format),
        st.tuples(st.sampled_from(["log", "sqrt", "exp"]), part).map("{0[0]}({0[1]})".format),
    ),
    max_leaves=8,
)


@given(expressions, st.floats(0.5, 3), st.floats(0.5, 3))
def test_formulas_mean_what_they_mean_in_python(text, mu, sigma):
    names = {"mu": mu, "sigma": sigma, "pi": math.pi, "log": math.log, "sqrt": math.sqrt}
    try:
        expected = float(eval(text, {"exp": math.exp} | names))
    except (ValueError, ArithmeticError, TypeError):  # TypeError: a complex number
        expected = math.inf
    try:
        assert parse_formula(text, ("mu", "sigma"))(mu=mu, sigma=sigma) == pytest.approx(expected)
    except AnswerError as error:
        reached_a_bound = "levels deep" in str(error) or "too large" in str(error)
        assert reached_a_bound or not math.isfinite(expected)


almost_formulas = st.text("0123456789.eE+-*/^() \nlogexpsqrtmu_π,", max_size=220)


@given(st.text(max_size=220) | almost_formulas)
def test_random_text_gives_a_number_or_a_clear_error(text):
    for read in (parse_number, lambda text: parse_formula(text, ("mu",))(mu=0.5)):
        try:
            value, message = read(text), "."
        except AnswerError as error:
            value, message = 0, str(error)
        assert abs(value) <= 1e100
        assert message.endswith(".")


@given(st.text(max_size=50))
def test_check_answers_any_text(text):
    for exercise_id in ("kl-discrete", "formula-kl-from-logvar", "posterior-collapse"):
        feedback = check(variant(exercise_id, 0), text)
        assert feedback.message
        assert feedback.readable or not feedback.correct


def test_a_name_of_the_formula_may_be_that_of_a_constant():
    assert parse_formula("e + pi", ("e",))(e=1) == pytest.approx(1 + math.pi)


def test_the_first_false_line_is_the_first_whose_sides_differ():
    """Each line of the two derivations, left and right, by quadrature."""
    mu, sigma = 1.0, 0.5
    q, p = stats.norm(mu, sigma), stats.norm()
    kl_lines = [
        (q.logpdf(1) - p.logpdf(1), -math.log(sigma) - 0 + 1 / 2),
        (q.expect(lambda z: (z - mu) ** 2), sigma**2),
        (q.expect(lambda z: z**2), mu**2),
    ]
    model = OneDimensionalModel(lambda z: torch.tanh(2 * z), s=0.3)
    x, q, p = 0.5, stats.norm(0.5, 0.5), stats.norm()

    def log_joint(z):
        return model.log_joint(x, torch.tensor(z)).item()

    evidence = integrate.quad(lambda z: math.exp(log_joint(z)), -6, 6)[0]
    bound = q.expect(lambda z: log_joint(z) - q.logpdf(z))
    parts = [q.expect(lambda z: log_joint(z) - p.logpdf(z)),
             q.expect(lambda z: p.logpdf(z) - q.logpdf(z))]  # fmt: skip
    assert bound <= math.log(evidence)  # line 2
    ratio = q.expect(lambda z: math.exp(log_joint(z)) / q.pdf(z), lb=-5, ub=6)
    elbo_lines = [
        (math.log(evidence), math.log(ratio)),
        (bound, bound),
        (bound, sum(parts)),
        (sum(parts), parts[0] - parts[1]),
    ]
    for name, lines in {"kl": kl_lines, "elbo": elbo_lines}.items():
        true = [math.isclose(left, right, abs_tol=1e-5) for left, right in lines]
        assert true == [True] * (len(lines) - 1) + [False]
        assert bank()[f"first-false-line-{name}"].truth == f"Line {len(lines)}"
    said = " ".join(m.says for m in bank()["first-false-line-elbo"].mistakes).replace("−", "-")
    assert f"{math.log(evidence):.3f}" in said and f"{bound:.3f}" in said
    assert f"{kl_lines[0][0]:.3f}" in bank()["first-false-line-kl"].mistakes[0].says
