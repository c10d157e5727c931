"""Exercises on discrete distributions, in nats unless they ask for bits."""

from math import log, log2
from random import Random

from course_lib.exercises.exercise import Exercise, Parameters, on_grid, probabilities
from course_lib.exercises.mistakes import DEFINITIONS, slips

LN2 = log(2)
Distribution = tuple[float, ...]


def entropy(p: Distribution) -> float:
    """H(p) = −Σ pᵢ log pᵢ in nats, for pᵢ > 0."""
    return cross_entropy(p, p)


def cross_entropy(p: Distribution, q: Distribution) -> float:
    """H(p, q) = −Σ pᵢ log qᵢ in nats, for qᵢ > 0."""
    return -sum(a * log(b) for a, b in zip(p, q, strict=True))


def kl(p: Distribution, q: Distribution) -> float:
    """KL(p‖q) = Σ pᵢ log(pᵢ/qᵢ) in nats, for pᵢ, qᵢ > 0."""
    return cross_entropy(p, q) - entropy(p)


def kl_bernoulli(rho: float, rho_hat: float) -> float:
    """KL(ρ‖ρ̂) = ρ log(ρ/ρ̂) + (1 − ρ) log((1 − ρ)/(1 − ρ̂)) in nats, both inside (0, 1)."""
    return kl((rho, 1 - rho), (rho_hat, 1 - rho_hat))


def draw_pair(random: Random) -> Parameters:
    return {"p": probabilities(random, 3), "q": probabilities(random, 3)}


ENTROPY = Exercise(
    id="entropy-in-bits",
    title="Entropy",
    kind="number",
    draw=lambda random: {"p": probabilities(random, 4)},
    statement="What is the entropy of the distribution $p = <p>$, in bits?",
    unit="bits",
    truth=lambda p: entropy(p) / LN2,
    mistakes=slips({
        "nats-for-bits": entropy,
        "times-log-2": lambda p: entropy(p) * LN2,
        "log10-for-log2": lambda p: entropy(p) / log(10),
        "negative": lambda p: -entropy(p) / LN2,
        "unweighted": lambda p: -sum(map(log2, p)),
        "uniform-weights": lambda p: -sum(map(log2, p)) / len(p),
    }),
    hints=("It is the expectation of −log p.", "Each outcome counts with its probability."),
)  # fmt: skip

CROSS_ENTROPY = Exercise(
    id="cross-entropy",
    title="Cross-entropy",
    kind="number",
    draw=draw_pair,
    statement="Data come from $p = <p>$. What is the cross-entropy $H(p, q)$ with $q = <q>$?",
    unit="nats",
    truth=cross_entropy,
    mistakes=slips({
        "swapped-direction": lambda p, q: cross_entropy(q, p),
        "weights-of-second": lambda p, q: entropy(q),
        "entropy-given": lambda p, q: entropy(p),
        "divergence-given": kl,
        "negative": lambda p, q: -cross_entropy(p, q),
        "unweighted": lambda p, q: -sum(map(log, q)),
        "bits-for-nats": lambda p, q: cross_entropy(p, q) / LN2,
        "log10": lambda p, q: cross_entropy(p, q) / log(10),
    }, see=DEFINITIONS),
    hints=("It is the expectation of −log q.", "The expectation is taken under p."),
)  # fmt: skip

KL_DISCRETE = Exercise(
    id="kl-discrete",
    title="Three outcomes",
    kind="number",
    draw=draw_pair,
    statement=r"Let $p = <p>$ and $q = <q>$. What is $\mathrm{KL}(p \,\|\, q)$?",
    unit="nats",
    truth=kl,
    mistakes=slips({
        "swapped-direction": lambda p, q: kl(q, p),
        "weights-of-second": lambda p, q: -kl(q, p),
        "cross-entropy-given": cross_entropy,
        "unweighted": lambda p, q: sum(log(a / b) for a, b in zip(p, q, strict=True)),
        "absolute-values": lambda p, q: sum(abs(a * log(a / b)) for a, b in zip(p, q, strict=True)),
        "negative-divergence": lambda p, q: -kl(p, q),
        "bits-for-nats": lambda p, q: kl(p, q) / LN2,
        "log10": lambda p, q: kl(p, q) / log(10),
    }, see=DEFINITIONS),
    hints=("It is the expectation of log(p/q).", "Some of the terms are negative."),
)  # fmt: skip

MARBLES = Exercise(
    id="kl-marbles",
    title="Two bags of marbles",
    kind="number",
    draw=lambda random: {"a": on_grid(random, 0.05, 0.95, 0.05),
                         "b": on_grid(random, 0.05, 0.95, 0.05)},
    statement="Marbles are drawn from a bag in which a share of $<a>$ is red and the rest blue. "
    "The code for the draws was made for a bag with a share of $<b>$ red. How many bits more per "
    "marble does it use, on average and in the limit of long blocks, than the best code?",
    unit="bits",
    truth=lambda a, b: kl_bernoulli(a, b) / LN2,
    mistakes=slips({
        "swapped-direction": lambda a, b: kl_bernoulli(b, a) / LN2,
        "nats-for-bits": lambda a, b: kl_bernoulli(a, b),
        "times-log-2": lambda a, b: kl_bernoulli(a, b) * LN2,
        "log10-for-log2": lambda a, b: kl_bernoulli(a, b) / log(10),
        "negative-divergence": lambda a, b: -kl_bernoulli(a, b) / LN2,
        "dropped-second-half": lambda a, b: a * log2(a / b),
        "cross-entropy-given": lambda a, b: cross_entropy((a, 1 - a), (b, 1 - b)) / LN2,
        "unweighted": lambda a, b: log2(a / b) + log2((1 - a) / (1 - b)),
    }, see=DEFINITIONS),
    hints=("The excess length is a divergence.", "The bag that is drawn from comes first."),
)  # fmt: skip

DISCRETE = (ENTROPY, CROSS_ENTROPY, KL_DISCRETE, MARBLES)
