"""Exercises on the denoising, the sparse and the contractive autoencoder."""

from math import log, nan, sqrt
from random import Random

from course_lib.exercises.bank_discrete import LN2, cross_entropy, kl_bernoulli
from course_lib.exercises.bank_normal import draw_target
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid
from course_lib.exercises.mistakes import (
    CLEAN_TARGET,
    CLOSED_FORM,
    DENOISER,
    HUTCHINSON,
    LIFETIME,
    LOCALISATION,
    LOOPHOLE,
    SCORE,
    SHIFT,
    SPARSITY,
    SPARSITY_SLOPE,
    slips,
)

Vector = tuple[float, ...]


def squared_distance(a: Vector, b: Vector) -> float:
    """‖a − b‖² = Σ (aₖ − bₖ)²."""
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def squared_norm(a: Vector) -> float:
    """‖a‖² = Σ aₖ²."""
    return sum(x**2 for x in a)


def negated_squares(a: Vector, power: int = 2) -> Vector:
    """aₖ**2 where −2**2 is taken for (−2)**2."""
    return tuple(x**power if x >= 0 else -(x**power) for x in a)


def combined(weights: Vector, rows: tuple[Vector, ...]) -> Vector:
    """Σⱼ weightⱼ rowⱼ, the row vector weightsᵀ rows."""
    columns = zip(*rows, strict=True)
    return tuple(sum(v * x for v, x in zip(weights, column, strict=True)) for column in columns)


def mean(values: Vector) -> float:
    return sum(values) / len(values)


def shrunk(m: float, x_noisy: float, weight: float) -> float:
    """m + weight (x̃ − m): between the mean and the corrupted value."""
    return m + weight * (x_noisy - m)


def penalty(rho: float, rho_hat: Vector) -> float:
    """Σⱼ KL(ρ‖ρ̂ⱼ) in nats."""
    return sum(kl_bernoulli(rho, r) for r in rho_hat)


def weighed_rows(slopes: Vector, rows: tuple[Vector, ...]) -> float:
    """Σⱼ slopeⱼ² ‖Wⱼ‖², the squared Frobenius norm of diag(slopes) W."""
    return sum(s**2 * squared_norm(row) for s, row in zip(slopes, rows, strict=True))


def sigmoid_slope(h: float) -> float:
    """The derivative of a sigmoid where it has the value h."""
    return h * (1 - h)


def numbers(random: Random, n: int, low: float, high: float, step: float = 0.1) -> Vector:
    return tuple(on_grid(random, low, high, step) for _ in range(n))


def activity(random: Random, n: int) -> Vector:
    """n zeros and ones, any number of ones as likely as any other."""
    ones = 1 + int((n - 1) * random.random())
    return tuple(sorted([1] * ones + [0] * (n - ones), key=lambda _: random.random()))


def draw_lifetimes(random: Random) -> Parameters:
    n = int(on_grid(random, 7, 14, 1))
    return {"n": n, **{name: activity(random, n) for name in ("a", "b", "c", "d")}}


def draw_masked_image(random: Random) -> Parameters:
    """Three pixels, one of them set to 0, and a reconstruction."""
    x, place = numbers(random, 3, 0.1, 1), int(3 * random.random())
    return {
        "x": x,
        "x_noisy": tuple(0.0 if k == place else value for k, value in enumerate(x)),
        "x_hat": numbers(random, 3, 0, 1),
    }


def draw_noisy_value(random: Random) -> Parameters:
    return {
        "m": on_grid(random, -2, 2),
        "s": on_grid(random, 0.3, 3),
        "sigma": on_grid(random, 0.3, 3),
        "x_noisy": on_grid(random, -4, 4),
    }


def draw_denoised_value(random: Random) -> Parameters:
    x_noisy = on_grid(random, -3, 3)
    return {
        "sigma": on_grid(random, 0.2, 2),
        "x_noisy": x_noisy,
        "r": round(x_noisy + on_grid(random, -1, 1), 6),
    }


def draw_layer(random: Random) -> Parameters:
    """A sigmoid layer of two units that look at two pixels."""
    return {
        "h": numbers(random, 2, 0.05, 0.95, 0.05),
        "w1": numbers(random, 2, -3, 3),
        "w2": numbers(random, 2, -3, 3),
    }


def draw_probe(random: Random) -> Parameters:
    """A probe with entries of both signs, and two rows of a Jacobian."""
    sign = 1 if random.random() < 0.5 else -1
    return {
        "v": (sign, -sign),
        "j1": numbers(random, 2, -3, 3, 0.5),
        "j2": numbers(random, 2, -3, 3, 0.5),
    }


def draw_shift(random: Random) -> Parameters:
    return {
        "D": (4, 16, 64)[int(3 * random.random())],
        "frobenius": on_grid(random, 0.5, 20),
        "noise": on_grid(random, 0.1, 0.5, 0.05),
    }


DENOISING_LOSS = Exercise(
    id="denoising-loss",
    title="The loss of a denoising autoencoder",
    kind="number",
    draw=draw_masked_image,
    statement=r"Masking turned the image $x = <x>$ of three pixels into $\tilde x = <x_noisy>$. "
    r"From it a denoising autoencoder makes the reconstruction $\hat x = <x_hat>$. What is its "
    "loss for this image, with the squared error summed over the pixels?",
    truth=lambda x, x_noisy, x_hat: squared_distance(x, x_hat),
    mistakes=slips({
        "noisy-target": lambda x, x_noisy, x_hat: squared_distance(x_noisy, x_hat),
        "doing-nothing": lambda x, x_noisy, x_hat: squared_distance(x_noisy, x),
        "only-corrupted-pixels": lambda x, x_noisy, x_hat: sum(
            (a - c) ** 2 for a, b, c in zip(x, x_noisy, x_hat, strict=True) if a != b),
        "mean-over-pixels": lambda x, x_noisy, x_hat: squared_distance(x, x_hat) / 3,
        "extra-half": lambda x, x_noisy, x_hat: squared_distance(x, x_hat) / 2,
        "not-squared": lambda x, x_noisy, x_hat: sum(
            abs(a - c) for a, c in zip(x, x_hat, strict=True)),
        "sum-then-square": lambda x, x_noisy, x_hat: (sum(x) - sum(x_hat)) ** 2,
        "root-given": lambda x, x_noisy, x_hat: sqrt(squared_distance(x, x_hat)),
    }, see=CLEAN_TARGET),
    hints=("Two of the three vectors are compared.", "The aim is to undo the masking."),
)  # fmt: skip

DENOISING_TARGET = Exercise(
    id="denoising-target",
    title="The target of a denoising autoencoder",
    kind="choice",
    statement=r"A denoising autoencoder turns the corrupted image $\tilde x$ of a clean image $x$ "
    r"into $\hat x$. What does its loss compare $\hat x$ with?",
    truth="The clean image x, although the network never sees it",
    mistakes=(
        Mistake("noisy-target", "The corrupted image x̃ that the network was given",
                "Then a network that copies its input, noise and all, would be the best.",
                CLEAN_TARGET),
        Mistake("noise-as-target", "The noise x̃ − x that was added",
                "Some networks are trained to answer with the noise; this one answers with an "
                "image.", CLEAN_TARGET),
        Mistake("plain-reconstruction", "What a plain autoencoder makes of x",
                "No second network takes part in the training.", CLEAN_TARGET),
        Mistake("code-as-target", "The code of the clean image x",
                "A reconstruction has as many entries as there are pixels; the codes are not "
                "compared.", CLEAN_TARGET),
    ),
    hints=("What would a network learn that is rewarded for this answer?",),
)  # fmt: skip

CLEAN_INPUT = Exercise(
    id="denoiser-on-clean-images",
    title="What strong noise costs",
    kind="choice",
    statement="A plain and a denoising autoencoder have the same layers and learn from the same "
    "images, so many that neither overfits; the denoising one sees them under strong noise only. "
    "Both are then given clean images. Which reconstruction is better?",
    truth="The plain one's, since it was trained on just this task",
    mistakes=(
        Mistake("clean-is-easier", "The denoising one's, as clean images are easier than noisy",
                "They are easier, but the network has learned to distrust its input and goes on "
                "to change what needs no change.", DENOISER),
        Mistake("same-without-noise", "Neither: without noise the two networks are the same",
                "The noise is gone and the weights that it shaped are still there.", DENOISER),
        Mistake("nothing-to-remove", "The denoising one's: with nothing to remove, it is exact",
                "A denoiser cannot know that its input is clean, and moves it all the same.",
                DENOISER),
    ),
    hints=("What does the best denoiser of a normal do to a value without noise?",),
)  # fmt: skip

BEST_DENOISER = Exercise(
    id="best-denoiser",
    title="The best denoiser of a normal",
    kind="number",
    draw=draw_noisy_value,
    statement=r"Let $x \sim \mathcal N(m, s^2)$ with $m = <m>$ and $s = <s>$, and "
    r"$\tilde x = x + \sigma \varepsilon$ with $\varepsilon \sim \mathcal N(0, 1)$ and "
    r"$\sigma = <sigma>$. What does the denoiser with the smallest expected squared error answer "
    r"to $\tilde x = <x_noisy>$?",
    truth=lambda m, s, sigma, x_noisy: shrunk(m, x_noisy, s**2 / (s**2 + sigma**2)),
    mistakes=slips({
        "weights-swapped":
            lambda m, s, sigma, x_noisy: shrunk(m, x_noisy, sigma**2 / (s**2 + sigma**2)),
        "sigma-for-variance": lambda m, s, sigma, x_noisy: shrunk(m, x_noisy, s / (s + sigma)),
        "ratio-for-share": lambda m, s, sigma, x_noisy: shrunk(m, x_noisy, s**2 / sigma**2),
        "mean-ignored": lambda m, s, sigma, x_noisy: shrunk(0, x_noisy, s**2 / (s**2 + sigma**2)),
        "corrupted-given": lambda m, s, sigma, x_noisy: x_noisy,
        "prior-mean-given": lambda m, s, sigma, x_noisy: m,
        "halfway": lambda m, s, sigma, x_noisy: shrunk(m, x_noisy, 0.5),
    }, see=DENOISER),
    hints=("It is the mean of x among all x that lead to this x̃.",
           "It lies between m and x̃, nearer to x̃ the weaker the noise is."),
)  # fmt: skip

SCORE_NUMBER = Exercise(
    id="score-from-a-denoiser",
    title="What a denoiser knows about the density",
    kind="number",
    draw=draw_denoised_value,
    statement=r"Let $\tilde x = x + \sigma \varepsilon$ with $\varepsilon \sim \mathcal N(0, 1)$ "
    r"and $\sigma = <sigma>$, and let $p_\sigma$ be the density of $\tilde x$. At "
    r"$\tilde x = <x_noisy>$ the denoiser with the smallest expected squared error answers $<r>$. "
    r"What is the score $\mathrm d \log p_\sigma(\tilde x) / \mathrm d \tilde x$ there?",
    truth=lambda sigma, x_noisy, r: (r - x_noisy) / sigma**2,
    mistakes=slips({
        "wrong-sign": lambda sigma, x_noisy, r: (x_noisy - r) / sigma**2,
        "divided-by-sigma": lambda sigma, x_noisy, r: (r - x_noisy) / sigma,
        "times-noise-variance": lambda sigma, x_noisy, r: (r - x_noisy) * sigma**2,
        "step-given": lambda sigma, x_noisy, r: r - x_noisy,
        "corrupted-not-subtracted": lambda sigma, x_noisy, r: r / sigma**2,
        "denoiser-left-out": lambda sigma, x_noisy, r: -x_noisy / sigma**2,
        "extra-half": lambda sigma, x_noisy, r: (r - x_noisy) / (2 * sigma**2),
    }, see=SCORE),
    hints=("The score points to where the density grows, as the step of the denoiser does.",
           "The same step means a steeper slope where the noise is weak."),
)  # fmt: skip

FORMULA_SCORE = Exercise(
    id="formula-score-of-a-noisy-normal",
    title="The score of a noisy normal",
    kind="formula",
    draw=draw_target,
    statement="A clean value comes from a normal with the mean $<m>$ and the standard deviation "
    r"$<s>$; noise $\sigma \varepsilon$ with $\varepsilon \sim \mathcal N(0, 1)$ is added, and the "
    r"result is called $x$. What is the score $\mathrm d \log p_\sigma(x) / \mathrm d x$ of the "
    r"density $p_\sigma$ of $x$?",
    domain={"x": (-4, 4), "sigma": (0.2, 3)},
    truth=lambda x, sigma, m, s: (m - x) / (s**2 + sigma**2),
    mistakes=slips({
        "wrong-sign": lambda x, sigma, m, s: (x - m) / (s**2 + sigma**2),
        "noise-forgotten": lambda x, sigma, m, s: (m - x) / s**2,
        "noise-alone": lambda x, sigma, m, s: (m - x) / sigma**2,
        "standard-deviations-added": lambda x, sigma, m, s: (m - x) / (s + sigma) ** 2,
        "divided-by-sigma": lambda x, sigma, m, s: (m - x) / sqrt(s**2 + sigma**2),
        "mean-ignored": lambda x, sigma, m, s: -x / (s**2 + sigma**2),
        "denoiser-given": lambda x, sigma, m, s: shrunk(m, x, s**2 / (s**2 + sigma**2)),
    }, see=SCORE),
    hints=("A normal plus independent normal noise is a normal.",
           "Or put the best denoiser of a normal into Tweedie's formula."),
)  # fmt: skip

SPARSITY_PENALTY = Exercise(
    id="sparsity-penalty",
    title="The penalty of a sparse autoencoder",
    kind="number",
    draw=lambda random: {"rho": on_grid(random, 0.02, 0.3, 0.01),
                         "rho_hat": tuple(on_grid(random, 0.02, 0.8, 0.01) for _ in range(3))},
    statement=r"Three hidden units have the mean activations $\hat\rho = <rho_hat>$, and the "
    r"target is $\rho = <rho>$. What is the penalty $\sum_j \mathrm{KL}(\rho \,\|\, \hat\rho_j)$?",
    unit="nats",
    truth=penalty,
    mistakes=slips({
        "swapped-direction": lambda rho, rho_hat: sum(kl_bernoulli(r, rho) for r in rho_hat),
        "dropped-second-half": lambda rho, rho_hat: sum(rho * log(rho / r) for r in rho_hat),
        "wrong-sign-inside": lambda rho, rho_hat: sum(
            rho * log(rho / r) - (1 - rho) * log((1 - rho) / (1 - r)) for r in rho_hat),
        "negative-divergence": lambda rho, rho_hat: -penalty(rho, rho_hat),
        "mean-over-units": lambda rho, rho_hat: penalty(rho, rho_hat) / 3,
        "mean-activation-first": lambda rho, rho_hat: 3 * kl_bernoulli(rho, sum(rho_hat) / 3),
        "bits-for-nats": lambda rho, rho_hat: penalty(rho, rho_hat) / LN2,
        "log10": lambda rho, rho_hat: penalty(rho, rho_hat) / log(10),
    }, see=SPARSITY),
    hints=("Each unit has its own divergence between two Bernoulli distributions.",
           "Each divergence has two terms."),
)  # fmt: skip

SPARSITY_GRADIENT = Exercise(
    id="sparsity-gradient",
    title="The slope of the sparsity penalty",
    kind="number",
    draw=lambda random: {"rho": on_grid(random, 0.02, 0.3, 0.01),
                         "r": on_grid(random, 0.02, 0.8, 0.01)},
    statement=r"The target is $\rho = <rho>$. What is the derivative of "
    r"$\mathrm{KL}(\rho \,\|\, \hat\rho)$ with respect to $\hat\rho$ at $\hat\rho = <r>$?",
    truth=lambda rho, r: (1 - rho) / (1 - r) - rho / r,
    mistakes=slips({
        "wrong-sign": lambda rho, r: rho / r - (1 - rho) / (1 - r),
        "wrong-sign-inside": lambda rho, r: -(1 - rho) / (1 - r) - rho / r,
        "dropped-second-half": lambda rho, r: -rho / r,
        "gradient-of-swapped": lambda rho, r: log(r / rho) - log((1 - r) / (1 - rho)),
    }, see=SPARSITY_SLOPE),
    hints=("The derivative of −log ρ̂ is −1/ρ̂.",
           "In the second term the inner derivative brings another minus sign."),
)  # fmt: skip

FORMULA_SPARSITY = Exercise(
    id="formula-sparsity-penalty",
    title="The penalty of a layer as a formula",
    kind="formula",
    unit="nats",
    draw=lambda random: {"k": on_grid(random, 2, 40, 1)},
    statement=r"Let $\rho$ be the target of a sparse autoencoder. Each of its $<k>$ units has the same "
    r"mean activation $r = \hat\rho_j$. What is $\sum_j \mathrm{KL}(\rho \,\|\, \hat\rho_j)$ between "
    "Bernoulli distributions, in nats?",
    domain={"rho": (0.02, 0.5), "r": (0.02, 0.9)},
    truth=lambda rho, r, k: k * kl_bernoulli(rho, r),
    mistakes=slips({
        "swapped-direction": lambda rho, r, k: k * kl_bernoulli(r, rho),
        "dropped-second-half": lambda rho, r, k: k * rho * log(rho / r),
        "wrong-sign-inside":
            lambda rho, r, k: k * (rho * log(rho / r) - (1 - rho) * log((1 - rho) / (1 - r))),
        "cross-entropy-given": lambda rho, r, k: k * cross_entropy((rho, 1 - rho), (r, 1 - r)),
        "unweighted": lambda rho, r, k: k * (log(rho / r) + log((1 - rho) / (1 - r))),
        "negative-divergence": lambda rho, r, k: -k * kl_bernoulli(rho, r),
        "mean-over-units": lambda rho, r, k: kl_bernoulli(rho, r),
        "bits-for-nats": lambda rho, r, k: k * kl_bernoulli(rho, r) / LN2,
    }, see=SPARSITY),
    hints=("There are two outcomes: active and not.", "Each outcome has a term p log(p/q)."),
)  # fmt: skip

ACTIVATIONS = Exercise(
    id="sparsity-from-activations",
    title="The penalty from activations",
    kind="number",
    draw=lambda random: {"rho": on_grid(random, 0.05, 0.3, 0.05),
                         "h1": numbers(random, 3, 0.05, 0.95, 0.05),
                         "h2": numbers(random, 3, 0.05, 0.95, 0.05)},
    statement="For a batch of three images the first of two sigmoid units has the activations "
    r"$<h1>$ and the second $<h2>$. The target is $\rho = <rho>$. What is the penalty "
    r"$\sum_j \mathrm{KL}(\rho \,\|\, \hat\rho_j)$ of a sparse autoencoder?",
    unit="nats",
    truth=lambda rho, h1, h2: penalty(rho, (mean(h1), mean(h2))),
    mistakes=slips({
        "penalty-per-image": lambda rho, h1, h2: penalty(rho, h1 + h2) / 3,
        "averaged-over-units":
            lambda rho, h1, h2: penalty(rho, tuple(map(mean, zip(h1, h2, strict=True)))),
        "mean-activation-first": lambda rho, h1, h2: kl_bernoulli(rho, mean(h1 + h2)),
        "negative-divergence": lambda rho, h1, h2: -penalty(rho, (mean(h1), mean(h2))),
        "mean-over-units": lambda rho, h1, h2: penalty(rho, (mean(h1), mean(h2))) / 2,
        "swapped-direction":
            lambda rho, h1, h2: kl_bernoulli(mean(h1), rho) + kl_bernoulli(mean(h2), rho),
        "dropped-second-half":
            lambda rho, h1, h2: rho * log(rho / mean(h1)) + rho * log(rho / mean(h2)),
        "squared-distance":
            lambda rho, h1, h2: squared_distance((rho, rho), (mean(h1), mean(h2))),
        "bits-for-nats": lambda rho, h1, h2: penalty(rho, (mean(h1), mean(h2))) / LN2,
    }, see=SPARSITY),
    hints=("How many averages are there, one for each image or one for each unit?",
           "Each average is compared with the target, by a divergence between two coins."),
)  # fmt: skip

CONSTRAINED = Exercise(
    id="what-the-sparsity-penalty-constrains",
    title="What the sparsity penalty constrains",
    kind="choice",
    statement=r"The penalty $\sum_j \mathrm{KL}(\rho \,\|\, \hat\rho_j)$ with $\rho = 0.05$ is "
    "zero. What follows?",
    truth="Each unit has the average activation 0.05 over the images",
    mistakes=(
        Mistake("population-for-lifetime", "For each image 5 percent of the units are active",
                "All units may be active for the same images and for no others, or each have a "
                "small constant activation.", LIFETIME),
        Mistake("zero-or-one", "Each unit is fully active for 5 percent of the images, otherwise 0",
                "An activation that is small for every image has such an average too.", LIFETIME),
        Mistake("dead-units", "95 percent of the units are never active",
                "A unit that is never active has an infinite penalty.", SPARSITY),
        Mistake("layer-average", "The layer's average is 0.05, and single units may differ from it",
                "There is one term for each unit, and a sum of divergences is zero only where all "
                "of them are.", SPARSITY),
    ),
    hints=("What is averaged over what, before the divergence is taken?",),
)  # fmt: skip

RELU_AVERAGE = Exercise(
    id="sparsity-penalty-of-a-relu",
    title="The sparsity penalty of a ReLU",
    kind="choice",
    statement=r"A unit with the activation function ReLU has the average activation "
    r"$\hat\rho = 1.7$, and the target is $\rho = 0.05$. What is "
    r"$\mathrm{KL}(\rho \,\|\, \hat\rho)$?",
    truth="Undefined, because 1.7 is not a probability",
    mistakes=(
        Mistake("infinite", "Infinite, because the average exceeds 1",
                "It grows without bound as the average comes near to 1 from below; beyond that "
                "the formula holds the logarithm of a negative number.", SPARSITY),
        Mistake("first-half-only", "Negative, because log(0.05/1.7) is negative",
                "That is the first of two terms, and a divergence is never negative.", SPARSITY),
        Mistake("grows-on", "Positive, and larger than for any average below 1",
                "The formula does not go on beyond 1: look at its second term.", SPARSITY),
    ),
    hints=("Put both numbers into both terms.",),
)  # fmt: skip

LIFETIME_SHARE = Exercise(
    id="lifetime-sparsity",
    title="Lifetime and population",
    kind="number",
    draw=draw_lifetimes,
    statement="Four units were watched on <n> images; 1 stands for active. The first unit shows "
    "$<a>$, the second $<b>$, the third $<c>$ and the fourth $<d>$. In which "
    "fraction of its lifetime is the second unit active?",
    truth=lambda n, a, b, c, d: mean(b),
    mistakes=slips({
        "population-for-lifetime": lambda n, a, b, c, d: mean((a[1], b[1], c[1], d[1])),
        "whole-table": lambda n, a, b, c, d: mean(a + b + c + d),
        "count-for-share": lambda n, a, b, c, d: sum(b),
        "inactive-share": lambda n, a, b, c, d: 1 - mean(b),
        "divided-by-units": lambda n, a, b, c, d: sum(b) / 4,
    }, see=LIFETIME),
    hints=("Each vector belongs to one unit.", "A unit's lifetime is all images that it sees."),
)  # fmt: skip

PARTICIPATION = Exercise(
    id="participation-ratio",
    title="How many pixels a feature uses",
    kind="number",
    draw=lambda random: {"w": numbers(random, 4, -0.9, 0.9, 0.2)},
    statement="A unit looks at four pixels with the weights $w = <w>$. What is the participation "
    "ratio of this feature, in pixels?",
    truth=lambda w: squared_norm(w) ** 2 / sum(x**4 for x in w),
    mistakes=slips({
        "inverted": lambda w: sum(x**4 for x in w) / squared_norm(w) ** 2,
        "above-not-squared": lambda w: squared_norm(w) / sum(x**4 for x in w),
        "half-the-powers": lambda w: sum(map(abs, w)) ** 2 / squared_norm(w),
        "square-of-negative": lambda w:
            sum(negated_squares(w)) ** 2 / (sum(negated_squares(w, 4)) or nan) if min(w) < 0 else nan,
        "divided-by-pixels": lambda w: squared_norm(w) ** 2 / sum(x**4 for x in w) / 4,
        "counted-weights": lambda w: 4,
        "compared-with-largest": lambda w: squared_norm(w) / max(x**2 for x in w),
    }, see=LOCALISATION),
    hints=("The shares w²/Σw² of the pixels sum to one.",
           "If n pixels had equal shares, the sum of the squared shares would be 1/n."),
)  # fmt: skip

CONTRACTIVE_PENALTY = Exercise(
    id="contractive-penalty",
    title="The penalty of a contractive autoencoder",
    kind="number",
    draw=draw_layer,
    statement=r"A sigmoid layer of two units looks at two pixels with the weights $W_1 = <w1>$ and "
    r"$W_2 = <w2>$. For an image its activations are $h = <h>$. What is the penalty "
    r"$\lVert J \rVert_F^2$ of a contractive autoencoder for this image, before it is multiplied "
    r"by $\lambda$?",
    truth=lambda h, w1, w2: weighed_rows(tuple(map(sigmoid_slope, h)), (w1, w2)),
    mistakes=slips({
        "sum-then-square":
            lambda h, w1, w2: squared_norm(combined(tuple(map(sigmoid_slope, h)), (w1, w2))),
        "mean-over-entries":
            lambda h, w1, w2: weighed_rows(tuple(map(sigmoid_slope, h)), (w1, w2)) / 4,
        "root-given": lambda h, w1, w2: sqrt(weighed_rows(tuple(map(sigmoid_slope, h)), (w1, w2))),
        "slope-not-squared": lambda h, w1, w2: sum(
            sigmoid_slope(a) * squared_norm(row) for a, row in zip(h, (w1, w2), strict=True)),
        "weights-not-squared": lambda h, w1, w2: sum(
            sigmoid_slope(a) ** 2 * sum(row) for a, row in zip(h, (w1, w2), strict=True)),
        "square-of-negative": lambda h, w1, w2: sum(
            sigmoid_slope(a) ** 2 * sum(negated_squares(row))
            for a, row in zip(h, (w1, w2), strict=True)) if min(w1 + w2) < 0 else nan,
        "slope-forgotten": lambda h, w1, w2: weighed_rows((1, 1), (w1, w2)),
        "activation-for-slope": lambda h, w1, w2: weighed_rows(h, (w1, w2)),
        "slope-of-tanh": lambda h, w1, w2: weighed_rows(tuple(1 - a**2 for a in h), (w1, w2)),
    }, see=CLOSED_FORM),
    hints=("The Jacobian has four entries, one for each unit and pixel.",
           "The derivative of a sigmoid can be written with its value alone."),
)  # fmt: skip

FORMULA_SLOPE = Exercise(
    id="formula-penalty-of-one-unit",
    title="The contractive penalty of one unit",
    kind="formula",
    draw=lambda random: {"weight": on_grid(random, 2.5, 9)},
    statement=r"A sigmoid unit looks at two pixels: $h = \mathrm{sigmoid}(w_1 x_1 + w_2 x_2 + b)$. "
    r"What is $\lambda \left[(\partial h / \partial x_1)^2 + (\partial h / \partial x_2)^2\right]$ "
    r"with $\lambda = <weight>$, in terms of its activation $h$ and its weights?",
    domain={"h": (0.05, 0.95), "w1": (-2, 2), "w2": (-2, 2)},
    truth=lambda h, w1, w2, weight: weight * weighed_rows((sigmoid_slope(h),), ((w1, w2),)),
    mistakes=slips({
        "slope-not-squared":
            lambda h, w1, w2, weight: weight * sigmoid_slope(h) * squared_norm((w1, w2)),
        "weights-not-squared": lambda h, w1, w2, weight: weight * sigmoid_slope(h) ** 2 * (w1 + w2),
        "not-squared": lambda h, w1, w2, weight: weight * sigmoid_slope(h) * (w1 + w2),
        "sum-then-square": lambda h, w1, w2, weight: weight * (sigmoid_slope(h) * (w1 + w2)) ** 2,
        "slope-forgotten": lambda h, w1, w2, weight: weight * squared_norm((w1, w2)),
        "activation-for-slope": lambda h, w1, w2, weight: weight * weighed_rows((h,), ((w1, w2),)),
        "slope-of-tanh": lambda h, w1, w2, weight: weight * weighed_rows((1 - h**2,), ((w1, w2),)),
        "root-given": lambda h, w1, w2, weight:
            sqrt(weight * weighed_rows((sigmoid_slope(h),), ((w1, w2),))),
        "weight-left-out":
            lambda h, w1, w2, weight: weighed_rows((sigmoid_slope(h),), ((w1, w2),)),
    }, see=CLOSED_FORM),
    hints=("Use the chain rule: outer derivative times weight.",
           "The derivative of a sigmoid can be written with its value alone."),
)  # fmt: skip

PROBE = Exercise(
    id="hutchinson-probe",
    title="One probe of the Jacobian",
    kind="number",
    draw=draw_probe,
    statement=r"The Jacobian of an encoder has the rows $J_1 = <j1>$ and $J_2 = <j2>$, one for "
    r"each unit. Which estimate of $\lVert J \rVert_F^2$ does Hutchinson's method give with the "
    r"single probe $v = <v>$ of the units?",
    truth=lambda v, j1, j2: squared_norm(combined(v, (j1, j2))),
    mistakes=slips({
        "probe-on-the-right":
            lambda v, j1, j2: squared_norm(combined(v, tuple(zip(j1, j2, strict=True)))),
        "exact-given": lambda v, j1, j2: squared_norm(j1 + j2),
        "signs-ignored": lambda v, j1, j2: squared_norm(combined((1, 1), (j1, j2))),
        "sum-then-square": lambda v, j1, j2: sum(combined(v, (j1, j2))) ** 2,
        "averaged-over-the-probe": lambda v, j1, j2: squared_norm(combined(v, (j1, j2))) / 2,
        "root-given": lambda v, j1, j2: sqrt(squared_norm(combined(v, (j1, j2)))),
    }, see=HUTCHINSON),
    hints=("The probe combines the rows to a single vector.",
           "One probe may be far off; only the average over many is right."),
)  # fmt: skip

CODE_SHIFT = Exercise(
    id="code-shift-under-noise",
    title="How far noise moves the code",
    kind="number",
    draw=draw_shift,
    statement=r"At an image of $D = <D>$ pixels the Jacobian of a linear encoder has "
    r"$\lVert J \rVert_F^2 = <frobenius>$. Each pixel gets independent noise with mean 0 and the "
    r"standard deviation $\epsilon = <noise>$. What is the expected squared distance by which the "
    "code moves?",
    truth=lambda D, frobenius, noise: noise**2 * frobenius,
    mistakes=slips({
        "sigma-for-variance": lambda D, frobenius, noise: noise * frobenius,
        "two-noisy-codes": lambda D, frobenius, noise: 2 * noise**2 * frobenius,
        "times-pixels": lambda D, frobenius, noise: noise**2 * frobenius * D,
        "divided-by-pixels": lambda D, frobenius, noise: noise**2 * frobenius / D,
        "penalty-squared-again": lambda D, frobenius, noise: noise**2 * frobenius**2,
        "root-given": lambda D, frobenius, noise: noise * sqrt(frobenius),
        "extra-half": lambda D, frobenius, noise: noise**2 * frobenius / 2,
    }, see=SHIFT),
    hints=("Each entry of the Jacobian carries the noise of one pixel to one unit.",
           "The variances of independent contributions add up."),
)  # fmt: skip

LOOPHOLE_NUMBER = Exercise(
    id="contractive-loophole",
    title="A way around the contractive penalty",
    kind="number",
    draw=lambda random: {"p": on_grid(random, 0.5, 9), "s": on_grid(random, 0.1, 3)},
    statement=r"A linear encoder $f(x) = W x$ with a linear decoder $g(z) = V z$ has the penalty "
    r"$\lVert J_f \rVert_F^2 = <p>$. Its weights $W$ are multiplied by $s = <s>$ and those of the "
    r"decoder, which are not tied to them, by $1/s$, so that every reconstruction stays as it is. "
    "What is the penalty now?",
    truth=lambda p, s: p * s**2,
    mistakes=slips({
        "penalty-unchanged": lambda p, s: p,
        "scale-not-squared": lambda p, s: p * s,
        "divided-by-scale": lambda p, s: p / s,
        "divided-by-square": lambda p, s: p / s**2,
        "scale-doubled": lambda p, s: p * 2 * s,
    }, see=LOOPHOLE),
    hints=("The penalty looks at the encoder alone.", "What happens to each entry of J?"),
)  # fmt: skip

SLOPE_OR_CURVATURE = Exercise(
    id="slope-or-curvature",
    title="Slope or curvature",
    kind="choice",
    statement="What does the contractive penalty punish in an encoder?",
    truth="Its slope at the training images: a linear encoder pays too",
    mistakes=(
        Mistake("curvature", "Its curvature at the training images: a linear encoder pays nothing",
                "Curvature is a second derivative; the Jacobian holds the first ones.",
                CLOSED_FORM),
        Mistake("both", "Its slope and its curvature, in equal parts",
                "There is no second derivative in the Jacobian.", CLOSED_FORM),
        Mistake("large-activations", "The size of its activations, so that codes lie near zero",
                "A constant added to every activation does not change a derivative.", CLOSED_FORM),
        Mistake("weights-alone", "The size of its weights, whatever the image",
                "That is weight decay. A saturated sigmoid unit pays almost nothing here, however "
                "large its weights are.", CLOSED_FORM),
    ),
    hints=("Which derivatives does a Jacobian hold?",),
)  # fmt: skip

REGULARISED = (
    DENOISING_LOSS, DENOISING_TARGET, BEST_DENOISER, CLEAN_INPUT, SCORE_NUMBER, FORMULA_SCORE,
    SPARSITY_PENALTY, SPARSITY_GRADIENT, FORMULA_SPARSITY, ACTIVATIONS, CONSTRAINED, RELU_AVERAGE,
    LIFETIME_SHARE, PARTICIPATION, CONTRACTIVE_PENALTY, FORMULA_SLOPE, PROBE, CODE_SHIFT,
    LOOPHOLE_NUMBER, SLOPE_OR_CURVATURE,
)  # fmt: skip
