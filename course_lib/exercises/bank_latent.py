"""Exercises on latent-variable models."""

from math import exp, log, nan, pi
from random import Random

from course_lib.exercises.bank_normal import LN2, kl, negated, not_squared
from course_lib.exercises.exercise import Exercise, Parameters, on_grid
from course_lib.exercises.mistakes import BATCH, LINEAR_MODEL, NOISE, SCORE_FUNCTION, slips

HIDDEN_BETA = "Look at the β that a loss hides in chapter 7, (VAE.7)."


def log_normal(x: float, variance: float) -> float:
    """log N(x; 0, σ²) = −x²/2σ² − ½ log 2πσ²."""
    return -(x**2) / (2 * variance) - log(2 * pi * variance) / 2


def elbo(w: float, s: float, x: float, m: float, v: float, squared_code: float) -> float:
    """E_q[log N(x; wz, s²)] − KL(q‖N(0, 1)) with q = N(m, v²) and Var_q(wz) = squared_code."""
    squared = (x - w * m) ** 2 + squared_code
    return -squared / (2 * s**2) - log(2 * pi * s**2) / 2 - kl(m, v)


def draw_gap(random: Random) -> Parameters:
    return {
        "evidence": on_grid(random, -20, -5),
        "m": on_grid(random, -2, 2),
        "v": on_grid(random, 0.2, 2),
        "m2": on_grid(random, -2, 2),
        "v2": on_grid(random, 0.2, 2),
    }


def draw_linear_model(random: Random) -> Parameters:
    return {
        "w": on_grid(random, 0.5, 3),
        "s": on_grid(random, 0.3, 2),
        "x": on_grid(random, -4, 4),
        "m": on_grid(random, -2, 2),
        "v": on_grid(random, 0.2, 1.5),
    }


def draw_loss_weights(random: Random) -> Parameters:
    return {
        "D": (64, 196, 784, 1024, 3072)[int(5 * random.random())],
        "d": (2, 8, 10, 16, 20, 32)[int(6 * random.random())],
        "k": on_grid(random, 0.005, 0.1, 0.005),
        "s": on_grid(random, 0.3, 2),
    }


ELBO_PARTS = Exercise(
    id="elbo-from-its-parts",
    title="The ELBO from its two parts",
    kind="number",
    draw=lambda random: {"r": on_grid(random, -20, -5), "mu": on_grid(random, -3, 3),
                         "sigma": on_grid(random, 0.2, 2)},
    statement=r"For one image $\mathbb E_q[\log p(x \mid z)] = <r>$ nats, "
    r"$q(z \mid x) = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ and $\sigma = <sigma>$, and the "
    r"prior is $\mathcal N(0, 1)$. What is the ELBO?",
    unit="nats",
    truth=lambda r, mu, sigma: r - kl(mu, sigma),
    mistakes=slips({
        "plus-kl": lambda r, mu, sigma: r + kl(mu, sigma),
        "loss-for-elbo": lambda r, mu, sigma: kl(mu, sigma) - r,
        "kl-lost-half": lambda r, mu, sigma: r - 2 * kl(mu, sigma),
        "kl-swapped": lambda r, mu, sigma: r - kl(0, 1, mu, sigma),
        "mean-not-squared": lambda r, mu, sigma: r - kl(mu, sigma) - not_squared(mu),
        "square-of-negative": lambda r, mu, sigma: r - kl(mu, sigma) - negated(mu),
        "dropped-constant": lambda r, mu, sigma: r - kl(mu, sigma) - 0.5,
        "wrong-sign-of-log": lambda r, mu, sigma: r - kl(mu, sigma) - 2 * log(sigma),
    }),
    hints=("The ELBO is one part minus the other.", "The divergence is the one to the prior."),
)  # fmt: skip

ELBO_GAP = Exercise(
    id="elbo-from-the-evidence",
    title="The ELBO of a model whose evidence is known",
    kind="number",
    draw=draw_gap,
    statement=r"A model is small enough to know that $\log p(x) = <evidence>$ nats and that the "
    r"true posterior $p(z \mid x)$ is a normal with the mean $<m2>$ and the standard deviation "
    r"$<v2>$; the prior is $\mathcal N(0, 1)$. The encoder answers with a normal of mean $<m>$ and "
    r"standard deviation $<v>$. What is the ELBO?",
    unit="nats",
    truth=lambda evidence, m, v, m2, v2: evidence - kl(m, v, m2, v2),
    mistakes=slips({
        "plus-kl": lambda evidence, m, v, m2, v2: evidence + kl(m, v, m2, v2),
        "kl-to-prior": lambda evidence, m, v, m2, v2: evidence - kl(m, v),
        "kl-swapped": lambda evidence, m, v, m2, v2: evidence - kl(m2, v2, m, v),
        "kl-lost-half": lambda evidence, m, v, m2, v2: evidence - 2 * kl(m, v, m2, v2),
        "mean-not-squared": lambda evidence, m, v, m2, v2:
            evidence - kl(m, v, m2, v2) - not_squared(m - m2) / v2**2,
        "no-gap": lambda evidence, m, v, m2, v2: evidence,
        "loss-for-elbo": lambda evidence, m, v, m2, v2: kl(m, v, m2, v2) - evidence,
    }),
    hints=("The gap between log-evidence and ELBO is a divergence.",
           "It is the divergence from the encoder's answer to the true posterior."),
)  # fmt: skip

ELBO_LINEAR = Exercise(
    id="elbo-of-a-linear-model",
    title="The ELBO of a linear model",
    kind="number",
    draw=draw_linear_model,
    statement=r"The prior is $z \sim \mathcal N(0, 1)$ and the decoder says "
    r"$p(x \mid z) = \mathcal N(w z, s^2)$ with $w = <w>$ and $s = <s>$. For $x = <x>$ the encoder "
    r"answers with a normal of mean $<m>$ and standard deviation $<v>$. What is the ELBO?",
    unit="nats",
    truth=lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2),
    mistakes=slips({
        "mean-decoded-only": lambda w, s, x, m, v: elbo(w, s, x, m, v, 0),
        "weight-not-squared": lambda w, s, x, m, v: elbo(w, s, x, m, v, w * v**2),
        "dropped-normaliser":
            lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2) + log(2 * pi * s**2) / 2,
        "plus-kl": lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2) + 2 * kl(m, v),
        "kl-lost-half": lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2) - kl(m, v),
        "kl-swapped":
            lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2) + kl(m, v) - kl(0, 1, m, v),
        "mean-not-squared":
            lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2) - not_squared(m),
        "square-of-negative":
            lambda w, s, x, m, v: elbo(w, s, x, m, v, w**2 * v**2) - negated(m),
        "loss-for-elbo": lambda w, s, x, m, v: -elbo(w, s, x, m, v, w**2 * v**2),
    }),
    hints=("Under q the reconstruction wz is normal too.",
           "E[(x − wz)²] is a squared distance plus the variance of wz.",
           "Do not forget the term ½ log 2πs² of the density."),
)  # fmt: skip

EVIDENCE = Exercise(
    id="evidence-of-a-linear-model",
    title="The evidence of a linear model",
    kind="number",
    draw=draw_linear_model,
    statement=r"The prior is $z \sim \mathcal N(0, 1)$ and the decoder says "
    r"$p(x \mid z) = \mathcal N(w z, s^2)$ with $w = <w>$ and $s = <s>$. What is $\log p(x)$ at "
    r"$x = <x>$?",
    unit="nats",
    truth=lambda w, s, x, m, v: log_normal(x, w**2 + s**2),
    mistakes=slips({
        "prior-variance-lost": lambda w, s, x, m, v: log_normal(x, s**2),
        "weight-not-squared": lambda w, s, x, m, v: log_normal(x, w + s**2),
        "standard-deviations-added": lambda w, s, x, m, v: log_normal(x, (w + s) ** 2),
        "dropped-normaliser": lambda w, s, x, m, v: -(x**2) / (2 * (w**2 + s**2)),
        "density-for-log": lambda w, s, x, m, v: exp(log_normal(x, w**2 + s**2)),
        "square-of-negative": lambda w, s, x, m, v:
            log_normal(x, w**2 + s**2) - negated(x) / (w**2 + s**2),
        "loss-for-elbo": lambda w, s, x, m, v: -log_normal(x, w**2 + s**2),
        "bits-for-nats": lambda w, s, x, m, v: log_normal(x, w**2 + s**2) / LN2,
    }, see=LINEAR_MODEL),
    hints=("x is a weighted z plus independent noise: a normal again.",
           "Its variance is the sum of two variances."),
)  # fmt: skip

EFFECTIVE_BETA = Exercise(
    id="effective-beta",
    title="The β that a loss hides",
    kind="number",
    draw=draw_loss_weights,
    statement=r"An implementation minimises the squared error averaged over $D = <D>$ pixels plus "
    r"$<k>$ times the divergence averaged over $d = <d>$ latent dimensions. It is read as a β-VAE "
    r"whose decoder is a normal with the standard deviation $<s>$. Which $\beta$ does it use?",
    truth=lambda D, d, k, s: k * D / (2 * s**2 * d),
    mistakes=slips({
        "lost-half": lambda D, d, k, s: k * D / (s**2 * d),
        "sigma-for-variance": lambda D, d, k, s: k * D / (2 * s * d),
        "times-variance": lambda D, d, k, s: k * D * s**2 / (2 * d),
        "dimension-lost": lambda D, d, k, s: k / (2 * s**2 * d),
        "latent-dimension-lost": lambda D, d, k, s: k * D / (2 * s**2),
        "inverted": lambda D, d, k, s: 2 * s**2 * d / (k * D),
        "weight-itself": lambda D, d, k, s: k,
    }, see=HIDDEN_BETA),
    hints=("Scale the loss until its first part is a negative log-likelihood.",
           "That is the squared error, summed over the pixels, divided by 2s².",
           "The divergence has to be a sum over the latent dimensions."),
)  # fmt: skip

CODE_FROM_NOISE = Exercise(
    id="code-from-noise",
    title="A code from noise",
    kind="number",
    draw=lambda random: {"mu": on_grid(random, -2, 2), "logvar": on_grid(random, -3, 1),
                         "epsilon": on_grid(random, -2, 2)},
    statement=r"For one latent dimension an encoder returns `mu` $= <mu>$ and `logvar` "
    r"$= <logvar>$. The noise is $\varepsilon = <epsilon>$. What is the code $z$?",
    truth=lambda mu, logvar, epsilon: mu + exp(logvar / 2) * epsilon,
    mistakes=slips({
        "noise-times-variance": lambda mu, logvar, epsilon: mu + exp(logvar) * epsilon,
        "logvar-as-sigma": lambda mu, logvar, epsilon: mu + logvar * epsilon,
        "noise-not-scaled": lambda mu, logvar, epsilon: mu + epsilon,
        "noise-left-out": lambda mu, logvar, epsilon: mu,
        "mean-left-out": lambda mu, logvar, epsilon: exp(logvar / 2) * epsilon,
        "noise-subtracted": lambda mu, logvar, epsilon: mu - exp(logvar / 2) * epsilon,
    }, see=NOISE),
    hints=("Turn logvar into a standard deviation first.",),
)  # fmt: skip

SCORE_GRADIENT = Exercise(
    id="gradient-by-the-score",
    title="A gradient without a path",
    kind="number",
    draw=lambda random: {"mu": on_grid(random, -2, 2), "sigma": on_grid(random, 0.3, 2),
                         "z": on_grid(random, -3, 3), "b": on_grid(random, 0.5, 4)},
    statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ with $\mu = <mu>$ and $\sigma = <sigma>$, and "
    r"$f(z) = z^2$. A draw gave $z = <z>$, and the baseline is $b = <b>$. What is the "
    r"score-function estimate of $\partial\, \mathbb E_q[f(z)] / \partial \mu$ from this draw?",
    truth=lambda mu, sigma, z, b: (z**2 - b) * (z - mu) / sigma**2,
    mistakes=slips({
        "path-given": lambda mu, sigma, z, b: 2 * z,
        "baseline-forgotten": lambda mu, sigma, z, b: z**2 * (z - mu) / sigma**2,
        "baseline-added": lambda mu, sigma, z, b: (z**2 + b) * (z - mu) / sigma**2,
        "value-forgotten": lambda mu, sigma, z, b: (z - mu) / sigma**2,
        "divided-by-sigma": lambda mu, sigma, z, b: (z**2 - b) * (z - mu) / sigma,
        "square-of-negative":
            lambda mu, sigma, z, b: (-(z**2) - b) * (z - mu) / sigma**2 if z < 0 else nan,
        "wrong-sign": lambda mu, sigma, z, b: (z**2 - b) * (mu - z) / sigma**2,
    }, see=SCORE_FUNCTION),
    hints=("It is a value, less the baseline, times the derivative of log q.",
           "Differentiate −(z − μ)²/2σ² by μ, with z held fixed."),
)  # fmt: skip

KL_OF_A_BATCH = Exercise(
    id="kl-of-a-batch",
    title="The divergence of a batch",
    kind="number",
    draw=lambda random: {name: (on_grid(random, 0.1, 3), on_grid(random, 0.1, 3))
                         for name in ("first", "second", "third")},
    statement="A code has two dimensions. For the three images of a batch the divergences of the "
    "dimensions are $<first>$, $<second>$ and $<third>$ nats. What is the KL term of the loss?",
    unit="nats",
    truth=lambda first, second, third: sum(first + second + third) / 3,
    mistakes=slips({
        "summed-over-batch": lambda first, second, third: sum(first + second + third),
        "mean-over-dimensions": lambda first, second, third: sum(first + second + third) / 6,
        "the-wrong-way-round": lambda first, second, third: sum(first + second + third) / 2,
        "first-image-only": lambda first, second, third: sum(first),
    }, see=BATCH),
    hints=("First find the divergence of each image.",
           "Dimensions are summed, images are averaged."),
)  # fmt: skip

LATENT = (
    ELBO_PARTS, ELBO_GAP, ELBO_LINEAR, EVIDENCE, EFFECTIVE_BETA,
    CODE_FROM_NOISE, SCORE_GRADIENT, KL_OF_A_BATCH,
)  # fmt: skip
