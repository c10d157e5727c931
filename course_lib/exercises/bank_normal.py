"""Exercises on normal distributions.

Formulas stand here for plain numbers, which are much faster than tensors of one element; the
tests hold them to course_lib.information and to other oracles.
"""

from math import e, exp, log, log10, nan, pi, sqrt
from random import Random

from course_lib.exercises.exercise import Exercise, Parameters, on_grid
from course_lib.exercises.mistakes import DEFINITIONS, GRADIENT, slips

LN2 = log(2)
EQUAL_LOGS = "Write the log-ratio of the two densities; the factors 2π cancel."
MOMENTS = "Under the first distribution E[(z − μ)²] = σ² and E[z²] = μ² + σ²."


def kl(mu_q: float, sigma_q: float, mu_p: float = 0.0, sigma_p: float = 1.0) -> float:
    """KL(N(μ_q, σ_q²)‖N(μ_p, σ_p²)) = log(σ_p/σ_q) + (σ_q² + (μ_q − μ_p)²)/2σ_p² − ½ in nats."""
    return log(sigma_p / sigma_q) + (sigma_q**2 + (mu_q - mu_p) ** 2) / (2 * sigma_p**2) - 0.5


def kl_sum(mu: tuple[float, ...], sigma: tuple[float, ...]) -> float:
    """KL(N(μ, diag(σ²))‖N(0, I)) in nats, summed over the dimensions."""
    return sum(map(kl, mu, sigma))


def kl_logvar(mu: tuple[float, ...], logvar: tuple[float, ...]) -> float:
    """KL(N(μ, diag(exp(logvar)))‖N(0, I)) = ½ Σ [μ² + exp(logvar) − logvar − 1] in nats."""
    return sum((m**2 + exp(v) - v - 1) / 2 for m, v in zip(mu, logvar, strict=True))


def not_squared(*mu: float) -> float:
    """What it adds to a divergence to write μ for μ² in ½ Σ μ²."""
    return sum(m - m**2 for m in mu) / 2


def negated(*mu: float) -> float:
    """What it adds to take −2**2 for (−2)**2 in ½ Σ μ²; NaN where no μ is negative."""
    return -sum(m**2 for m in mu if m < 0) or nan


def draw_normal(random: Random) -> Parameters:
    return {"mu": on_grid(random, -6, 6), "sigma": on_grid(random, 0.2, 4)}


def draw_two_normals(random: Random) -> Parameters:
    return {
        "mu": on_grid(random, -3, 3),
        "sigma": on_grid(random, 0.3, 3),
        "m": on_grid(random, -3, 3),
        "s": on_grid(random, 0.3, 3),
    }


def draw_target(random: Random) -> Parameters:
    return {"m": on_grid(random, -3, 3), "s": on_grid(random, 0.3, 3)}


def draw_encoder_output(random: Random) -> Parameters:
    """Two dimensions, as an encoder gives them."""
    return {
        "mu": tuple(on_grid(random, -2, 2) for _ in range(2)),
        "logvar": tuple(on_grid(random, -3, 1) for _ in range(2)),
    }


KL_TO_STANDARD = Exercise(
    id="kl-to-standard-normal",
    title="From a normal to the standard normal",
    kind="number",
    draw=draw_normal,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ and $\sigma = <sigma>$, and "
    r"$p = \mathcal N(0, 1)$. What is $\mathrm{KL}(q \,\|\, p)$?",
    unit="nats",
    truth=lambda mu, sigma: kl(mu, sigma),
    mistakes=slips({
        "lost-half": lambda mu, sigma: 2 * kl(mu, sigma),
        "sigma-for-variance": lambda mu, sigma: kl(mu, sqrt(sigma)),
        "log-sigma-for-log-variance": lambda mu, sigma: (mu**2 + sigma**2 - log(sigma) - 1) / 2,
        "wrong-sign-of-log": lambda mu, sigma: (mu**2 + sigma**2 + log(sigma**2) - 1) / 2,
        "dropped-constant": lambda mu, sigma: kl(mu, sigma) + 0.5,
        "dropped-mean": lambda mu, sigma: kl(0, sigma),
        "dropped-log": lambda mu, sigma: (mu**2 + sigma**2 - 1) / 2,
        "swapped-direction": lambda mu, sigma: kl(0, 1, mu, sigma),
        "mean-not-squared": lambda mu, sigma: kl(mu, sigma) + not_squared(mu),
        "square-of-negative": lambda mu, sigma: kl(mu, sigma) + negated(mu),
        "negative-divergence": lambda mu, sigma: -kl(mu, sigma),
        "bits-for-nats": lambda mu, sigma: kl(mu, sigma) / LN2,
        "log10": lambda mu, sigma: (mu**2 + sigma**2 - log10(sigma**2) - 1) / 2,
    }),
    hints=(EQUAL_LOGS, MOMENTS, "Four terms remain: one of μ, two of σ and a constant."),
)  # fmt: skip

KL_FROM_STANDARD = Exercise(
    id="kl-from-standard-normal",
    title="From the standard normal to another",
    kind="number",
    draw=draw_normal,
    statement=r"Let $p = \mathcal N(0, 1)$ and $q = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ "
    r"and $\sigma = <sigma>$. What is $\mathrm{KL}(p \,\|\, q)$?",
    unit="nats",
    truth=lambda mu, sigma: kl(0, 1, mu, sigma),
    mistakes=slips({
        "lost-half": lambda mu, sigma: 2 * kl(0, 1, mu, sigma),
        "sigma-for-variance": lambda mu, sigma: kl(0, 1, mu, sqrt(sigma)),
        "wrong-sign-of-log": lambda mu, sigma: kl(0, 1, mu, sigma) - 2 * log(sigma),
        "dropped-constant": lambda mu, sigma: kl(0, 1, mu, sigma) + 0.5,
        "dropped-mean": lambda mu, sigma: kl(0, 1, 0, sigma),
        "mean-not-divided": lambda mu, sigma: kl(0, 1, 0, sigma) + mu**2 / 2,
        "swapped-direction": lambda mu, sigma: kl(mu, sigma),
        "mean-not-squared":
            lambda mu, sigma: kl(0, 1, mu, sigma) + not_squared(mu) / sigma**2,
        "square-of-negative": lambda mu, sigma: kl(0, 1, mu, sigma) + negated(mu) / sigma**2,
        "negative-divergence": lambda mu, sigma: -kl(0, 1, mu, sigma),
        "bits-for-nats": lambda mu, sigma: kl(0, 1, mu, sigma) / LN2,
    }),
    hints=(
        EQUAL_LOGS,
        "The expectation is taken under the standard normal, the first of the two.",
        "Under it E[z²] = 1 and E[(z − μ)²] = 1 + μ².",
    ),
)  # fmt: skip

KL_BETWEEN = Exercise(
    id="kl-between-normals",
    title="Between two normals",
    kind="number",
    draw=draw_two_normals,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ and $\sigma = <sigma>$, and "
    r"$p = \mathcal N(m, s^2)$ with $m = <m>$ and $s = <s>$. What is $\mathrm{KL}(q \,\|\, p)$?",
    unit="nats",
    truth=lambda mu, sigma, m, s: kl(mu, sigma, m, s),
    mistakes=slips({
        "lost-half": lambda mu, sigma, m, s: 2 * kl(mu, sigma, m, s),
        "sigma-for-variance": lambda mu, sigma, m, s: kl(mu, sqrt(sigma), m, sqrt(s)),
        "wrong-sign-of-log": lambda mu, sigma, m, s: kl(mu, sigma, m, s) - 2 * log(s / sigma),
        "dropped-constant": lambda mu, sigma, m, s: kl(mu, sigma, m, s) + 0.5,
        "dropped-mean": lambda mu, sigma, m, s: kl(0, sigma, 0, s),
        "mean-not-divided": lambda mu, sigma, m, s: kl(0, sigma, 0, s) + (mu - m) ** 2 / 2,
        "wrong-variance-below":
            lambda mu, sigma, m, s: kl(0, sigma, 0, s) + (mu - m) ** 2 / (2 * sigma**2),
        "swapped-direction": lambda mu, sigma, m, s: kl(m, s, mu, sigma),
        "mean-not-squared":
            lambda mu, sigma, m, s: kl(mu, sigma, m, s) + not_squared(mu - m) / s**2,
        "negative-divergence": lambda mu, sigma, m, s: -kl(mu, sigma, m, s),
        "bits-for-nats": lambda mu, sigma, m, s: kl(mu, sigma, m, s) / LN2,
    }),
    hints=(EQUAL_LOGS, MOMENTS, "Differences of the means count in units of the second normal."),
)  # fmt: skip

KL_VARIANCE_GIVEN = Exercise(
    id="kl-variance-given",
    title="When the variance is given",
    kind="number",
    draw=lambda random: {"m": on_grid(random, -3, 3), "v": on_grid(random, 0.2, 5)},
    statement=r"As everywhere in the course, the second argument of $\mathcal N$ is the variance. "
    r"What is $\mathrm{KL}(\mathcal N(<m>, <v>) \,\|\, \mathcal N(0, 1))$?",
    unit="nats",
    truth=lambda m, v: kl(m, sqrt(v)),
    mistakes=slips({
        "variance-for-sigma": lambda m, v: kl(m, v),
        "lost-half": lambda m, v: 2 * kl(m, sqrt(v)),
        "log-sigma-for-log-variance": lambda m, v: (m**2 + v - log(v) / 2 - 1) / 2,
        "wrong-sign-of-log": lambda m, v: (m**2 + v + log(v) - 1) / 2,
        "dropped-constant": lambda m, v: kl(m, sqrt(v)) + 0.5,
        "swapped-direction": lambda m, v: kl(0, 1, m, sqrt(v)),
        "mean-not-squared": lambda m, v: kl(m, sqrt(v)) + not_squared(m),
        "square-of-negative": lambda m, v: kl(m, sqrt(v)) + negated(m),
        "negative-divergence": lambda m, v: -kl(m, sqrt(v)),
        "bits-for-nats": lambda m, v: kl(m, sqrt(v)) / LN2,
    }),
    hints=("The number given is σ², not σ.", EQUAL_LOGS, MOMENTS),
)  # fmt: skip

KL_SAME_VARIANCE = Exercise(
    id="kl-same-variance",
    title="Two means, one variance",
    kind="number",
    draw=lambda random: {
        "mu": on_grid(random, -4, 4), "m": on_grid(random, -4, 4), "s": on_grid(random, 0.4, 3),
    },
    statement=r"Two normals have the standard deviation $s = <s>$ and the means $<mu>$ and $<m>$. "
    r"What is the divergence from the first to the second?",
    unit="nats",
    truth=lambda mu, m, s: (mu - m) ** 2 / (2 * s**2),
    mistakes=slips({
        "lost-half": lambda mu, m, s: (mu - m) ** 2 / s**2,
        "sigma-for-variance": lambda mu, m, s: (mu - m) ** 2 / (2 * s),
        "times-variance": lambda mu, m, s: (mu - m) ** 2 * s**2 / 2,
        "mean-not-divided": lambda mu, m, s: (mu - m) ** 2 / 2,
        "mean-not-squared": lambda mu, m, s: abs(mu - m) / (2 * s**2),
        "dropped-constant": lambda mu, m, s: (mu - m) ** 2 / (2 * s**2) + 0.5,
        "negative-divergence": lambda mu, m, s: -(mu - m) ** 2 / (2 * s**2),
        "bits-for-nats": lambda mu, m, s: (mu - m) ** 2 / (2 * s**2) / LN2,
    }),
    hints=("The terms of the standard deviations cancel.", "What remains is a squared distance."),
)  # fmt: skip

KL_BOTH_DIRECTIONS = Exercise(
    id="kl-both-directions",
    title="Both directions",
    kind="number",
    draw=draw_normal,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ and $\sigma = <sigma>$, and "
    r"$p = \mathcal N(0, 1)$. By how much does $\mathrm{KL}(q \,\|\, p)$ exceed "
    r"$\mathrm{KL}(p \,\|\, q)$? A negative number means that it is the smaller one.",
    unit="nats",
    truth=lambda mu, sigma: kl(mu, sigma) - kl(0, 1, mu, sigma),
    mistakes=slips({
        "swapped-direction": lambda mu, sigma: kl(0, 1, mu, sigma) - kl(mu, sigma),
        "lost-half": lambda mu, sigma: 2 * (kl(mu, sigma) - kl(0, 1, mu, sigma)),
        "sigma-for-variance": lambda mu, sigma: kl(mu, sqrt(sigma)) - kl(0, 1, mu, sqrt(sigma)),
        "dropped-mean": lambda mu, sigma: kl(0, sigma) - kl(0, 1, 0, sigma),
        "dropped-log": lambda mu, sigma: kl(mu, sigma) - kl(0, 1, mu, sigma) + 2 * log(sigma),
        "mean-not-squared": lambda mu, sigma:
            kl(mu, sigma) - kl(0, 1, mu, sigma) + not_squared(mu) * (1 - 1 / sigma**2),
        "square-of-negative": lambda mu, sigma:
            kl(mu, sigma) - kl(0, 1, mu, sigma) + negated(mu) * (1 - 1 / sigma**2),
        "bits-for-nats": lambda mu, sigma: (kl(mu, sigma) - kl(0, 1, mu, sigma)) / LN2,
    }),
    hints=("Work out the two divergences one after the other.", MOMENTS),
)  # fmt: skip

KL_DIAGONAL = Exercise(
    id="kl-diagonal",
    title="Three dimensions",
    kind="number",
    draw=lambda random: {
        "mu": tuple(on_grid(random, -2, 2) for _ in range(3)),
        "sigma": tuple(on_grid(random, 0.2, 2) for _ in range(3)),
    },
    statement=r"Let $q = \mathcal N(\mu, \mathrm{diag}(\sigma^2))$ with $\mu = <mu>$ and "
    r"$\sigma = <sigma>$. What is $\mathrm{KL}(q \,\|\, \mathcal N(0, I))$?",
    unit="nats",
    truth=kl_sum,
    mistakes=slips({
        "mean-over-dimensions": lambda mu, sigma: kl_sum(mu, sigma) / 3,
        "constant-only-once": lambda mu, sigma: kl_sum(mu, sigma) + 1,
        "lost-half": lambda mu, sigma: 2 * kl_sum(mu, sigma),
        "sigma-for-variance": lambda mu, sigma: kl_sum(mu, tuple(map(sqrt, sigma))),
        "log-sigma-for-log-variance":
            lambda mu, sigma: kl_sum(mu, sigma) + sum(map(log, sigma)) / 2,
        "wrong-sign-of-log": lambda mu, sigma: kl_sum(mu, sigma) + 2 * sum(map(log, sigma)),
        "dropped-constant": lambda mu, sigma: kl_sum(mu, sigma) + 1.5,
        "swapped-direction":
            lambda mu, sigma: sum(kl(0, 1, m, s) for m, s in zip(mu, sigma, strict=True)),
        "mean-not-squared": lambda mu, sigma: kl_sum(mu, sigma) + not_squared(*mu),
        "square-of-negative": lambda mu, sigma: kl_sum(mu, sigma) + negated(*mu),
        "negative-divergence": lambda mu, sigma: -kl_sum(mu, sigma),
        "bits-for-nats": lambda mu, sigma: kl_sum(mu, sigma) / LN2,
    }),
    hints=("The dimensions are independent, so their divergences add up.", EQUAL_LOGS, MOMENTS),
)  # fmt: skip

KL_LOGVAR = Exercise(
    id="kl-from-logvar",
    title="As an encoder gives it",
    kind="number",
    draw=draw_encoder_output,
    statement="An encoder returns `mu` = <mu> and `logvar` = <logvar> for one image. What is "
    r"$\mathrm{KL}(q(z \mid x) \,\|\, \mathcal N(0, I))$?",
    unit="nats",
    truth=kl_logvar,
    mistakes=slips({
        "logvar-as-sigma": lambda mu, logvar: sum(
            (m**2 + v**2 - log(v**2 or 1) - 1) / 2 for m, v in zip(mu, logvar, strict=True)),
        "logvar-as-log-sigma": lambda mu, logvar: kl_logvar(mu, tuple(2 * v for v in logvar)),
        "exp-of-half": lambda mu, logvar: sum(
            (m**2 + exp(v / 2) - v - 1) / 2 for m, v in zip(mu, logvar, strict=True)),
        "squared-logvar": lambda mu, logvar: sum(
            (m**2 + exp(v) - (v / 2) ** 2 - 1) / 2 for m, v in zip(mu, logvar, strict=True)),
        "wrong-sign-of-logvar": lambda mu, logvar: kl_logvar(mu, logvar) + sum(logvar),
        "lost-half": lambda mu, logvar: 2 * kl_logvar(mu, logvar),
        "dropped-constant": lambda mu, logvar: kl_logvar(mu, logvar) + 1,
        "mean-over-dimensions": lambda mu, logvar: kl_logvar(mu, logvar) / 2,
        "constant-only-once": lambda mu, logvar: kl_logvar(mu, logvar) + 0.5,
        "mean-not-squared": lambda mu, logvar: kl_logvar(mu, logvar) + not_squared(*mu),
        "square-of-negative": lambda mu, logvar: kl_logvar(mu, logvar) + negated(*mu),
        "negative-divergence": lambda mu, logvar: -kl_logvar(mu, logvar),
        "bits-for-nats": lambda mu, logvar: kl_logvar(mu, logvar) / LN2,
    }),
    hints=("logvar is log σ², so σ² = exp(logvar).", "Each dimension has four terms."),
)  # fmt: skip

KL_BITS = Exercise(
    id="kl-in-bits",
    title="In bits",
    kind="number",
    draw=draw_normal,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ and $\sigma = <sigma>$, and "
    r"$p = \mathcal N(0, 1)$. What is $\mathrm{KL}(q \,\|\, p)$ in bits?",
    unit="bits",
    truth=lambda mu, sigma: kl(mu, sigma) / LN2,
    mistakes=slips({
        "nats-for-bits": lambda mu, sigma: kl(mu, sigma),
        "times-log-2": lambda mu, sigma: kl(mu, sigma) * LN2,
        "log10-for-log2": lambda mu, sigma: kl(mu, sigma) / log(10),
        "lost-half": lambda mu, sigma: 2 * kl(mu, sigma) / LN2,
        "sigma-for-variance": lambda mu, sigma: kl(mu, sqrt(sigma)) / LN2,
        "wrong-sign-of-log": lambda mu, sigma: (kl(mu, sigma) + 2 * log(sigma)) / LN2,
        "mean-not-squared": lambda mu, sigma: (kl(mu, sigma) + not_squared(mu)) / LN2,
        "square-of-negative": lambda mu, sigma: (kl(mu, sigma) + negated(mu)) / LN2,
        "negative-divergence": lambda mu, sigma: -kl(mu, sigma) / LN2,
        "dropped-constant": lambda mu, sigma: (kl(mu, sigma) + 0.5) / LN2,
        "swapped-direction": lambda mu, sigma: kl(0, 1, mu, sigma) / LN2,
    }),
    hints=("Work out the value in nats first.", "One bit is log 2 nats, about 0.7 nats."),
)  # fmt: skip

GRADIENT_MU = Exercise(
    id="gradient-in-mu",
    title="The slope in μ",
    kind="number",
    draw=draw_two_normals,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ and $p = \mathcal N(m, s^2)$ with $m = <m>$ "
    r"and $s = <s>$. What is $\partial\, \mathrm{KL}(q \,\|\, p) / \partial \mu$ at $\mu = <mu>$, "
    r"$\sigma = <sigma>$?",
    truth=lambda mu, sigma, m, s: (mu - m) / s**2,
    mistakes=slips({
        "lost-half": lambda mu, sigma, m, s: 2 * (mu - m) / s**2,
        "halved": lambda mu, sigma, m, s: (mu - m) / (2 * s**2),
        "wrong-sign": lambda mu, sigma, m, s: (m - mu) / s**2,
        "not-divided": lambda mu, sigma, m, s: mu - m,
        "divided-by-own-variance": lambda mu, sigma, m, s: (mu - m) / sigma**2,
        "divided-by-sigma": lambda mu, sigma, m, s: (mu - m) / s,
    }, see=GRADIENT),
    hints=("Only one of the four terms depends on μ.", "It is a square divided by 2s²."),
)  # fmt: skip

GRADIENT_SIGMA = Exercise(
    id="gradient-in-sigma",
    title="The slope in σ",
    kind="number",
    draw=draw_two_normals,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ and $p = \mathcal N(m, s^2)$ with $m = <m>$ "
    r"and $s = <s>$. What is $\partial\, \mathrm{KL}(q \,\|\, p) / \partial \sigma$ at "
    r"$\mu = <mu>$, $\sigma = <sigma>$?",
    truth=lambda mu, sigma, m, s: sigma / s**2 - 1 / sigma,
    mistakes=slips({
        "lost-half": lambda mu, sigma, m, s: 2 * (sigma / s**2 - 1 / sigma),
        "wrong-sign": lambda mu, sigma, m, s: 1 / sigma - sigma / s**2,
        "wrong-sign-of-log": lambda mu, sigma, m, s: sigma / s**2 + 1 / sigma,
        "not-divided": lambda mu, sigma, m, s: sigma - 1 / sigma,
        "derivative-of-log-lost": lambda mu, sigma, m, s: sigma / s**2,
        "derivative-by-variance": lambda mu, sigma, m, s: 0.5 / s**2 - 0.5 / sigma**2,
        "derivative-by-logvar": lambda mu, sigma, m, s: (sigma**2 / s**2 - 1) / 2,
    }),
    hints=("Two of the four terms depend on σ.", "The derivative of −log σ is −1/σ."),
)  # fmt: skip

GRADIENT_LOGVAR = Exercise(
    id="gradient-in-logvar",
    title="The slope in logvar",
    kind="number",
    draw=lambda random: {"logvar": on_grid(random, -3, 2)},
    statement=r"An encoder returns $v = \log \sigma^2 = <logvar>$ for one latent dimension. What "
    r"is the derivative of $\mathrm{KL}(\mathcal N(\mu, e^v) \,\|\, \mathcal N(0, 1))$ with "
    r"respect to $v$?",
    truth=lambda logvar: (exp(logvar) - 1) / 2,
    mistakes=slips({
        "lost-half": lambda logvar: exp(logvar) - 1,
        "wrong-sign": lambda logvar: (1 - exp(logvar)) / 2,
        "wrong-sign-of-logvar": lambda logvar: (exp(logvar) + 1) / 2,
        "derivative-of-log-lost": lambda logvar: exp(logvar) / 2,
        "exp-of-half": lambda logvar: (exp(logvar / 2) - 1) / 2,
        "logvar-as-log-sigma": lambda logvar: exp(2 * logvar) - 1,
        "derivative-by-sigma": lambda logvar: exp(logvar / 2) - exp(-logvar / 2),
    }),
    hints=("Write the four terms in mu and logvar.", "The derivative of exp(v) is exp(v)."),
)  # fmt: skip

FORMULA_STANDARD = Exercise(
    id="formula-kl-to-standard-normal",
    title="The formula every VAE needs",
    kind="formula",
    unit="nats",
    draw=lambda random: {"weight": on_grid(random, 1.5, 9)},
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ and $p = \mathcal N(0, 1)$. A loss holds their "
    r"divergence with the weight $\lambda = <weight>$. What is $\lambda\, \mathrm{KL}(q \,\|\, p)$ in nats?",
    domain={"mu": (-3, 3), "sigma": (0.2, 3)},
    truth=lambda mu, sigma, weight: weight * kl(mu, sigma),
    mistakes=slips({
        "lost-half": lambda mu, sigma, weight: 2 * weight * kl(mu, sigma),
        "sigma-for-variance": lambda mu, sigma, weight: weight * kl(mu, sqrt(sigma)),
        "log-sigma-for-log-variance":
            lambda mu, sigma, weight: weight * (kl(mu, sigma) + log(sigma) / 2),
        "wrong-sign-of-log": lambda mu, sigma, weight: weight * (kl(mu, sigma) + 2 * log(sigma)),
        "dropped-constant": lambda mu, sigma, weight: weight * (kl(mu, sigma) + 0.5),
        "dropped-mean": lambda mu, sigma, weight: weight * kl(0, sigma),
        "mean-not-squared": lambda mu, sigma, weight: weight * (kl(mu, sigma) + not_squared(mu)),
        "swapped-direction": lambda mu, sigma, weight: weight * kl(0, 1, mu, sigma),
        "bits-for-nats": lambda mu, sigma, weight: weight * kl(mu, sigma) / LN2,
        "negative-divergence": lambda mu, sigma, weight: -weight * kl(mu, sigma),
        "weight-left-out": lambda mu, sigma, weight: kl(mu, sigma),
    }),
    hints=(EQUAL_LOGS, MOMENTS, "Four terms remain: one of μ, two of σ and a constant."),
)  # fmt: skip

FORMULA_SCALED = Exercise(
    id="formula-kl-to-another-normal",
    title="A prior of another width",
    kind="formula",
    unit="nats",
    draw=draw_target,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$, and let the prior $p$ be a normal with the "
    r"mean $<m>$ and the standard deviation $<s>$. What is $\mathrm{KL}(q \,\|\, p)$ in nats?",
    domain={"mu": (-3, 3), "sigma": (0.2, 3)},
    truth=lambda mu, sigma, m, s: kl(mu, sigma, m, s),
    mistakes=slips({
        "lost-half": lambda mu, sigma, m, s: 2 * kl(mu, sigma, m, s),
        "sigma-for-variance": lambda mu, sigma, m, s: kl(mu, sqrt(sigma), m, sqrt(s)),
        "wrong-sign-of-log": lambda mu, sigma, m, s: kl(mu, sigma, m, s) - 2 * log(s / sigma),
        "dropped-constant": lambda mu, sigma, m, s: kl(mu, sigma, m, s) + 0.5,
        "dropped-mean": lambda mu, sigma, m, s: kl(0, sigma, 0, s),
        "mean-not-divided": lambda mu, sigma, m, s: kl(0, sigma, 0, s) + (mu - m) ** 2 / 2,
        "wrong-variance-below":
            lambda mu, sigma, m, s: kl(0, sigma, 0, s) + (mu - m) ** 2 / (2 * sigma**2),
        "swapped-direction": lambda mu, sigma, m, s: kl(m, s, mu, sigma),
        "mean-not-squared":
            lambda mu, sigma, m, s: kl(mu, sigma, m, s) + not_squared(mu - m) / s**2,
        "negative-divergence": lambda mu, sigma, m, s: -kl(mu, sigma, m, s),
        "bits-for-nats": lambda mu, sigma, m, s: kl(mu, sigma, m, s) / LN2,
    }),
    hints=(EQUAL_LOGS, MOMENTS, "Differences of the means count in units of the prior."),
)  # fmt: skip

FORMULA_LOGVAR = Exercise(
    id="formula-kl-from-logvar",
    title="The formula in the code of a VAE",
    kind="formula",
    unit="nats",
    draw=lambda random: {"d": on_grid(random, 2, 40, 1)},
    statement="An encoder returns the same `mu` and the same `logvar` for each of $<d>$ latent "
    r"dimensions. What is $\mathrm{KL}(q(z \mid x) \,\|\, \mathcal N(0, I))$ in nats?",
    domain={"mu": (-2, 2), "logvar": (-3, 1)},
    truth=lambda mu, logvar, d: d * kl_logvar((mu,), (logvar,)),
    mistakes=slips({
        "logvar-as-sigma": lambda mu, logvar, d: d * (mu**2 + logvar**2 - log(logvar**2) - 1) / 2,
        "logvar-as-log-sigma":
            lambda mu, logvar, d: d * (mu**2 + exp(2 * logvar) - 2 * logvar - 1) / 2,
        "exp-of-half": lambda mu, logvar, d: d * (mu**2 + exp(logvar / 2) - logvar - 1) / 2,
        "squared-logvar":
            lambda mu, logvar, d: d * (mu**2 + exp(logvar) - (logvar / 2) ** 2 - 1) / 2,
        "wrong-sign-of-logvar": lambda mu, logvar, d: d * (mu**2 + exp(logvar) + logvar - 1) / 2,
        "lost-half": lambda mu, logvar, d: d * (mu**2 + exp(logvar) - logvar - 1),
        "dropped-constant": lambda mu, logvar, d: d * (mu**2 + exp(logvar) - logvar) / 2,
        "mean-not-squared": lambda mu, logvar, d: d * (mu + exp(logvar) - logvar - 1) / 2,
        "negative-divergence": lambda mu, logvar, d: -d * (mu**2 + exp(logvar) - logvar - 1) / 2,
        "mean-over-dimensions": lambda mu, logvar, d: (mu**2 + exp(logvar) - logvar - 1) / 2,
        "constant-only-once":
            lambda mu, logvar, d: (d * (mu**2 + exp(logvar) - logvar) - 1) / 2,
    }),
    hints=("logvar is log σ², so σ² = exp(logvar).", "Replace σ² in the formula of the KL."),
)  # fmt: skip

FORMULA_GRADIENT = Exercise(
    id="formula-gradient-in-sigma",
    title="The slope in σ as a formula",
    kind="formula",
    draw=draw_target,
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$, and let $p$ be a normal with the mean $<m>$ "
    r"and the standard deviation $<s>$. What is "
    r"$\partial\, \mathrm{KL}(q \,\|\, p) / \partial \sigma$?",
    domain={"mu": (-3, 3), "sigma": (0.2, 3)},
    truth=lambda mu, sigma, m, s: sigma / s**2 - 1 / sigma,
    mistakes=slips({
        "lost-half": lambda mu, sigma, m, s: 2 * (sigma / s**2 - 1 / sigma),
        "wrong-sign": lambda mu, sigma, m, s: 1 / sigma - sigma / s**2,
        "wrong-sign-of-log": lambda mu, sigma, m, s: sigma / s**2 + 1 / sigma,
        "not-divided": lambda mu, sigma, m, s: sigma - 1 / sigma,
        "derivative-of-log-lost": lambda mu, sigma, m, s: sigma / s**2,
        "derivative-by-variance": lambda mu, sigma, m, s: 0.5 / s**2 - 0.5 / sigma**2,
        "derivative-by-logvar": lambda mu, sigma, m, s: (sigma**2 / s**2 - 1) / 2,
    }),
    hints=("Two of the four terms depend on σ.", "The derivative of −log σ is −1/σ."),
)  # fmt: skip

BEST_SIGMA_FORWARD = Exercise(
    id="best-sigma-forward",
    title="The best σ for two peaks",
    kind="number",
    draw=lambda random: {"a": on_grid(random, 0.5, 4), "s": on_grid(random, 0.2, 2)},
    statement=r"Let $p = \tfrac12 \mathcal N(-a, s^2) + \tfrac12 \mathcal N(a, s^2)$ with "
    r"$a = <a>$ and $s = <s>$. Which $\sigma$ minimises "
    r"$\mathrm{KL}(p \,\|\, \mathcal N(0, \sigma^2))$?",
    truth=lambda a, s: sqrt(a**2 + s**2),
    mistakes=slips({
        "gave-variance": lambda a, s: a**2 + s**2,
        "other-direction": lambda a, s: s,
        "only-the-distance": lambda a, s: a,
        "standard-deviations-added": lambda a, s: a + s,
    }),
    hints=(
        "Only the expectation of log N(z; 0, σ²) under p depends on σ.",
        "It needs E[z²] under p, and nothing else of p.",
    ),
)  # fmt: skip

BEST_SIGMA_REVERSE = Exercise(
    id="best-shared-sigma",
    title="One σ for two dimensions",
    kind="number",
    draw=lambda random: {"s1": on_grid(random, 0.1, 3), "s2": on_grid(random, 0.1, 3)},
    statement=r"A normal $p$ in two dimensions has independent components with mean 0 and the "
    r"standard deviations $<s1>$ and $<s2>$. The isotropic $q = \mathcal N(0, \sigma^2 I)$ is "
    r"fitted to it. Which $\sigma$ minimises $\mathrm{KL}(q \,\|\, p)$?",
    truth=lambda s1, s2: sqrt(2 / (1 / s1**2 + 1 / s2**2)),
    mistakes=slips({
        "gave-variance": lambda s1, s2: 2 / (1 / s1**2 + 1 / s2**2),
        "other-direction": lambda s1, s2: sqrt((s1**2 + s2**2) / 2),
        "mean-of-sigmas": lambda s1, s2: (s1 + s2) / 2,
        "geometric-mean": lambda s1, s2: sqrt(s1 * s2),
        "mean-of-precision-roots": lambda s1, s2: 2 / (1 / s1 + 1 / s2),
    }),
    hints=(
        "Add the divergences of the two dimensions and set the derivative by σ to zero.",
        "The condition holds reciprocal variances.",
    ),
)  # fmt: skip

ENTROPY_NORMAL = Exercise(
    id="entropy-of-a-normal",
    title="The entropy of a normal",
    kind="number",
    draw=lambda random: {"sigma": on_grid(random, 0.05, 5, 0.05)},
    statement=r"What is the differential entropy of $\mathcal N(\mu, \sigma^2)$ with "
    r"$\sigma = <sigma>$? It may be negative.",
    unit="nats",
    truth=lambda sigma: log(2 * pi * e * sigma**2) / 2,
    mistakes=slips({
        "lost-half": lambda sigma: log(2 * pi * e * sigma**2),
        "dropped-moment": lambda sigma: log(2 * pi * sigma**2) / 2,
        "sigma-for-variance": lambda sigma: log(2 * pi * e * sigma) / 2,
        "wrong-sign": lambda sigma: -log(2 * pi * e * sigma**2) / 2,
        "variance-divides": lambda sigma: log(2 * pi * e / sigma**2) / 2,
        "bits-for-nats": lambda sigma: log(2 * pi * e * sigma**2) / 2 / LN2,
        "log10": lambda sigma: log10(2 * pi * e * sigma**2) / 2,
    }, see=DEFINITIONS),
    hints=("It is the expectation of −log of the density.", "E[(z − μ)²]/σ² is 1."),
)  # fmt: skip

NORMAL = (
    ENTROPY_NORMAL, KL_TO_STANDARD, KL_FROM_STANDARD, KL_BETWEEN, KL_BOTH_DIRECTIONS,
    KL_VARIANCE_GIVEN, KL_SAME_VARIANCE, KL_BITS, KL_DIAGONAL, KL_LOGVAR, FORMULA_STANDARD,
    FORMULA_SCALED, FORMULA_LOGVAR, GRADIENT_MU, GRADIENT_SIGMA, GRADIENT_LOGVAR,
    FORMULA_GRADIENT, BEST_SIGMA_FORWARD, BEST_SIGMA_REVERSE,
)  # fmt: skip
