"""Exercises on priors: the best one, densities of mixtures and flows, and noise for grey levels."""

from collections.abc import Callable
from math import exp, log, pi, sqrt
from random import Random

from course_lib.exercises.bank_normal import LN2, kl
from course_lib.exercises.bank_regularised import numbers
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid

BEST = "Look at the best prior in chapter 10, (PRIOR.1), and at (VAE.5) in chapter 7."
MIXTURE = "Look at the density of a mixture in chapter 10, (PRIOR.2)."
VAMP = "Look at the VampPrior in chapter 10, (PRIOR.3)."
COUPLING = "Look at flows and their determinant in chapter 10, (PRIOR.4)."
DRAWN = "Look at the divergence by draws in chapter 10, (PRIOR.5)."
CEILING = "Look at where the estimate ends in the laboratory of chapter 10, (PRIOR.6)."
SPIKES = "Look at the density without a bound in the laboratory of chapter 10, (PRIOR.7)."
UNIFORM = "Look at uniform noise in the laboratory of chapter 10, (PRIOR.8)."
LEARNED = "Look at learned noise in the laboratory of chapter 10, (PRIOR.9)."

Vector = tuple[float, ...]


def wrong(see: str, turns: dict[str, tuple[str, Callable[..., float]]]) -> tuple[Mistake, ...]:
    """id → (what was done, the function that it amounts to)."""
    return tuple(Mistake(id, function, says, see) for id, (says, function) in turns.items())


def normal(z: float, mu: float, sigma: float) -> float:
    """The density of N(μ, σ²)."""
    return exp(-(((z - mu) / sigma) ** 2) / 2) / (sigma * sqrt(2 * pi))


def log_normal(z: float, mu: float, sigma: float) -> float:
    return -(((z - mu) / sigma) ** 2) / 2 - log(sigma) - log(2 * pi) / 2


def mixed(z: float, w: float, m: Vector, s: Vector) -> float:
    return w * normal(z, m[0], s[0]) + (1 - w) * normal(z, m[1], s[1])


def spread(mu: Vector, sigma: Vector) -> float:
    """The variance of q(z), the mixture with equal weights."""
    n = len(mu)
    centre = sum(mu) / n
    return sum(s**2 for s in sigma) / n + sum((m - centre) ** 2 for m in mu) / n


def draw_gain(random: Random) -> Parameters:
    information, mismatch = on_grid(random, 2, 9), on_grid(random, 0.3, 4)
    return {
        "d": on_grid(random, 20, 90),
        "rate": round(information + mismatch, 6),
        "information": information,
    }


def draw_mixture(random: Random) -> Parameters:
    return {
        "w": on_grid(random, 0.1, 0.4, 0.05),
        "m": (on_grid(random, -2, -0.5), on_grid(random, 0.5, 2)),
        "s": (on_grid(random, 0.5, 0.9), on_grid(random, 1.1, 1.8)),
        "z": on_grid(random, -1.5, 1.5),
    }


def draw_halves(random: Random) -> Parameters:
    """The density on the two halves of a step, which differ."""
    low = on_grid(random, 0.02, 0.2, 0.01)
    return {"a": low, "b": round(low * on_grid(random, 2, 5, 0.05), 4)}


GAIN = Exercise(
    id="gain-of-the-best-prior",
    title="What the best prior saves",
    kind="number",
    draw=draw_gain,
    statement="A VAE is trained with a standard normal prior. Averaged over the training images, "
    "$-\\mathbb E_q[\\log p(x \\mid z)] = <d>$ nats and $\\mathrm{KL}(q(z \\mid x) \\Vert p(z)) = "
    "<rate>$ nats; the mutual information of image and code is $<information>$ nats. Encoder and "
    "decoder stay as they are. What is the smallest loss $-\\mathrm{ELBO}$ that another prior can "
    "reach on these images?",
    unit="nats",
    truth=lambda d, rate, information: d + information,
    mistakes=wrong(BEST, {
        "all-of-the-rate-saved": ("The information was saved as well; no prior can do that.",
                                  lambda d, rate, information: d),
        "loss-as-it-is": ("This is the loss under the standard normal prior.",
                          lambda d, rate, information: d + rate),
        "saving-given": ("This is what is saved, and the loss was asked for.",
                         lambda d, rate, information: rate - information),
        "mismatch-kept": ("The mismatch was kept and the information saved.",
                          lambda d, rate, information: d + rate - information),
        "elbo-for-loss": ("This is the ELBO; the loss is its negative.",
                          lambda d, rate, information: -d - information),
        "added-twice": ("The information is a part of the rate already.",
                        lambda d, rate, information: d + rate + information),
    }),
    hints=("The rate is information plus KL(q(z)‖p(z)).",
           "Which of the two is 0 for the best prior?"),
)  # fmt: skip

MIXTURE_DENSITY = Exercise(
    id="mixture-log-density",
    title="The log-density of a mixture",
    kind="number",
    draw=draw_mixture,
    statement="A prior over one number is a mixture of two normals with the weights $<w>$ and 1 "
    r"minus that, the means $\mu = <m>$ and the standard deviations $\sigma = <s>$. What is "
    r"$\log p(z)$ at $z = <z>$?",
    unit="nats",
    truth=lambda w, m, s, z: log(mixed(z, w, m, s)),
    mistakes=wrong(MIXTURE, {
        "logs-averaged": ("The logarithms were averaged; the densities are, inside the logarithm.",
                          lambda w, m, s, z: w * log_normal(z, m[0], s[0])
                          + (1 - w) * log_normal(z, m[1], s[1])),
        "weights-forgotten": ("The densities were added without their weights.",
                              lambda w, m, s, z: log(normal(z, m[0], s[0])
                                                     + normal(z, m[1], s[1]))),
        "equal-weights": ("Both weights were taken as one half.",
                          lambda w, m, s, z: log(mixed(z, 0.5, m, s))),
        "weights-swapped": ("The weights changed places.",
                            lambda w, m, s, z: log(mixed(z, 1 - w, m, s))),
        "variance-for-sigma": ("The variances were taken for standard deviations.",
                               lambda w, m, s, z: log(mixed(z, w, m, (s[0]**2, s[1]**2)))),
        "density-for-log": ("This is the density; its logarithm was asked for.",
                            lambda w, m, s, z: mixed(z, w, m, s)),
        "one-normal": ("One normal with the mean of the means was taken; a mixture has two peaks.",
                       lambda w, m, s, z: log_normal(z, w * m[0] + (1 - w) * m[1],
                                                     w * s[0] + (1 - w) * s[1])),
    }),
    hints=("Each part has a density at z; they are weighted, added, and then the logarithm is taken.",
           "The density of N(μ, σ²) has 1/(σ√(2π)) in front."),
)  # fmt: skip

VAMP_DENSITY = Exercise(
    id="vampprior-log-density",
    title="The density of a VampPrior",
    kind="number",
    draw=lambda random: {"mu": (on_grid(random, -3, -1), on_grid(random, -0.5, 0.8),
                                on_grid(random, 1.2, 3)),
                         "sigma": numbers(random, 3, 0.3, 0.8),
                         "z": on_grid(random, -2, 2)},
    statement="A VampPrior has three pseudo-inputs. The encoder answers to them with the means "
    r"$\mu = <mu>$ and the standard deviations $\sigma = <sigma>$ of a code of one number. What is "
    r"$\log p(z)$ at $z = <z>$?",
    unit="nats",
    truth=lambda mu, sigma, z: log(sum(map(normal, [z] * 3, mu, sigma)) / 3),
    mistakes=wrong(VAMP, {
        "sum-for-mean": ("The densities were added; the prior is their mean.",
                         lambda mu, sigma, z: log(sum(map(normal, [z] * 3, mu, sigma)))),
        "logs-averaged": ("The logarithms were averaged; the mean stands inside the logarithm.",
                          lambda mu, sigma, z: sum(map(log_normal, [z] * 3, mu, sigma)) / 3),
        "nearest-alone": ("Only the largest of the three was counted.",
                          lambda mu, sigma, z: log(max(map(normal, [z] * 3, mu, sigma)) / 3)),
        "parameters-averaged": ("Means and deviations were averaged, as if it were one normal.",
                                lambda mu, sigma, z: log_normal(z, sum(mu) / 3, sum(sigma) / 3)),
        "widths-forgotten": ("The standard deviations were taken as 1.",
                             lambda mu, sigma, z: log(sum(map(normal, [z] * 3, mu, [1] * 3)) / 3)),
        "density-for-log": ("This is the density; its logarithm was asked for.",
                            lambda mu, sigma, z: sum(map(normal, [z] * 3, mu, sigma)) / 3),
    }),
    hints=("It is a mixture, whose parts are the answers of the encoder.",
           "All weights are equal."),
)  # fmt: skip

COUPLING_DENSITY = Exercise(
    id="log-density-of-a-coupling",
    title="The density under a coupling",
    kind="number",
    draw=lambda random: {"a": on_grid(random, 0.4, 1.5), "b": on_grid(random, 0.5, 3),
                         "t": on_grid(random, -1.5, 1.8), "s": on_grid(random, 0.2, 1.2)},
    statement="A flow over two numbers has a single coupling. It leaves $a$ and moves $b$ to "
    r"$(b - t)\, e^{-s}$, which is then compared with a standard normal in two dimensions. At "
    r"$(a, b) = (<a>, <b>)$ the network of the coupling answers $t = <t>$ and $s = <s>$. What is "
    r"$\log p(a, b)$?",
    unit="nats",
    truth=lambda a, b, t, s: -log(2 * pi) - (a**2 + ((b - t) * exp(-s)) ** 2) / 2 - s,
    mistakes=wrong(COUPLING, {
        "determinant-forgotten": ("The logarithm of the determinant is missing.",
                                  lambda a, b, t, s:
                                  -log(2 * pi) - (a**2 + ((b - t) * exp(-s)) ** 2) / 2),
        "determinant-reversed": ("The determinant has the wrong sign: the map shrinks by e^s.",
                                 lambda a, b, t, s:
                                 -log(2 * pi) - (a**2 + ((b - t) * exp(-s)) ** 2) / 2 + s),
        "inverse-taken": ("The inverse was applied, from the noise to the code.",
                          lambda a, b, t, s: -log(2 * pi) - (a**2 + (b * exp(s) + t) ** 2) / 2 - s),
        "shift-forgotten": ("The shift was left out.",
                            lambda a, b, t, s: -log(2 * pi) - (a**2 + (b * exp(-s)) ** 2) / 2 - s),
        "half-left-out": ("The half that the coupling leaves was not counted; it is noise as well.",
                          lambda a, b, t, s:
                          -log(2 * pi) / 2 - ((b - t) * exp(-s)) ** 2 / 2 - s),
        "one-normaliser": ("The normaliser of one dimension was forgotten.",
                           lambda a, b, t, s:
                           -log(2 * pi) / 2 - (a**2 + ((b - t) * exp(-s)) ** 2) / 2 - s),
        "factor-for-its-log": ("The factor e^(−s) was added and not its logarithm.",
                               lambda a, b, t, s: -log(2 * pi)
                               - (a**2 + ((b - t) * exp(-s)) ** 2) / 2 + exp(-s)),
    }),
    hints=("First find f(a, b), then its density under N(0, I).",
           "∂f/∂(a, b) is triangular, with 1 and e^(−s) on its diagonal."),
)  # fmt: skip

DRAWN_KL = Exercise(
    id="divergence-by-one-draw",
    title="A divergence by one draw",
    kind="number",
    draw=lambda random: {"mu": on_grid(random, -2, 2), "sigma": on_grid(random, 0.2, 0.8),
                         "z": on_grid(random, -1, 1), "p": on_grid(random, 0.02, 0.3, 0.01)},
    statement=r"An encoder answers with $\mu = <mu>$ and $\sigma = <sigma>$ for a code of one "
    r"number. One draw of it is $z = \mu + \sigma \varepsilon$ with $\varepsilon = <z>$. The density "
    "of a learned prior at this $z$ is $<p>$. What is the estimate of the KL from this draw alone?",
    unit="nats",
    truth=lambda mu, sigma, z, p: log_normal(z, 0, 1) - log(sigma) - log(p),
    mistakes=wrong(DRAWN, {
        "reversed": ("The sign is wrong: log p was not subtracted but what it is subtracted from.",
                     lambda mu, sigma, z, p: log(p) - log_normal(z, 0, 1) + log(sigma)),
        "prior-forgotten": ("This is log q alone.",
                            lambda mu, sigma, z, p: log_normal(z, 0, 1) - log(sigma)),
        "width-forgotten": ("The density of the noise was taken for that of the code.",
                            lambda mu, sigma, z, p: log_normal(z, 0, 1) - log(p)),
        "width-reversed": ("A narrower q has a larger density: log σ has the wrong sign.",
                           lambda mu, sigma, z, p: log_normal(z, 0, 1) + log(sigma) - log(p)),
        "weighted-by-q": ("It was weighted with q; the draw has done that already.",
                          lambda mu, sigma, z, p: normal(z, 0, 1) / sigma
                          * (log_normal(z, 0, 1) - log(sigma) - log(p))),
        "closed-form": ("This is the divergence to a standard normal, which is not the prior here.",
                        lambda mu, sigma, z, p: kl(mu, sigma)),
        "logarithm-of-p-forgotten": ("The density was subtracted and not its logarithm.",
                                     lambda mu, sigma, z, p:
                                     log_normal(z, 0, 1) - log(sigma) - p),
    }),
    hints=("log q(z|x) is needed at the draw: how far is it from μ, in units of σ?",
           "The estimate is a difference of two logarithms; it may be negative."),
)  # fmt: skip

BEST_NORMAL = Exercise(
    id="best-normal-prior",
    title="The best normal prior",
    kind="number",
    draw=lambda random: {"mu": numbers(random, 3, -3, 3), "sigma": numbers(random, 3, 0.2, 1.2)},
    statement=r"Three images have codes of one number with $\mu = <mu>$ and $\sigma = <sigma>$. "
    r"Among all normal priors $\mathcal N(m, s^2)$ take the one with the smallest mean KL to these "
    "codes. What is its standard deviation $s$?",
    truth=lambda mu, sigma: sqrt(spread(mu, sigma)),
    mistakes=wrong(BEST, {
        "variance-given": ("This is the variance; its root was asked for.",
                           lambda mu, sigma: spread(mu, sigma)),
        "widths-alone": ("The distance of the means was left out; q(z) spans them all.",
                         lambda mu, sigma: sqrt(sum(s**2 for s in sigma) / 3)),
        "means-alone": ("The width of each code was left out.",
                        lambda mu, sigma: sqrt(spread(mu, (0, 0, 0)))),
        "divided-by-two": ("The spread of the means was divided by N − 1; q(z) is the mean of all.",
                           lambda mu, sigma: sqrt(1.5 * spread(mu, (0, 0, 0))
                                                  + sum(s**2 for s in sigma) / 3)),
        "mean-of-widths": ("The standard deviations were averaged.",
                           lambda mu, sigma: sum(sigma) / 3),
        "centre-at-zero": ("The mean was taken as 0; the best prior has one of its own.",
                           lambda mu, sigma: sqrt(sum(m**2 + s**2 for m, s in
                                                      zip(mu, sigma, strict=True)) / 3)),
    }),
    hints=("The best prior is q(z); the best normal has its mean and its variance.",
           "The variance of a mixture: that within the parts, and that of their means."),
)  # fmt: skip

CEILING_LEFT = Exercise(
    id="information-that-cannot-show",
    title="Information that cannot show",
    kind="number",
    draw=lambda random: {"N": (100, 200, 500, 1000, 1437, 2000, 5000)[int(7 * random.random())],
                         "information": on_grid(random, 9, 20), "rest": on_grid(random, 0.2, 3)},
    statement="The codes of a VAE are so narrow that no two of <N> images overlap. On images "
    r"without end they hold $I(x; z) = <information>$ nats, and $\mathrm{KL}(q(z) \Vert p(z)) = "
    "<rest>$ nats. Both are estimated from the <N> images, with $q(z)$ as their mixture. How large "
    r"is the estimate of $\mathrm{KL}(q(z) \Vert p(z))$ at which one arrives?",
    unit="nats",
    truth=lambda N, information, rest: information + rest - log(N),
    mistakes=wrong(CEILING, {
        "estimate-trusted": ("The estimate was taken as right; it counts more as mismatch.",
                             lambda N, information, rest: rest),
        "ceiling-given": ("This is the largest information that shows.",
                          lambda N, information, rest: log(N)),
        "rest-forgotten": ("This is the information that does not show; the mismatch comes to it.",
                           lambda N, information, rest: information - log(N)),
        "information-given": ("The information was given as if all of it were mismatch.",
                              lambda N, information, rest: information + rest),
        "ceiling-in-bits": ("The logarithm has the base 2; nats need the natural one.",
                            lambda N, information, rest: information + rest - log(N) / LN2),
        "ceiling-added": ("The ceiling was added; it is subtracted.",
                          lambda N, information, rest: information + rest + log(N)),
    }),
    hints=("The two parts add up to the rate, whatever the estimate.",
           "Of N images that do not overlap, a code tells which one it is, and no more."),
)  # fmt: skip

SPIKE_DENSITY = Exercise(
    id="density-of-spikes",
    title="A density that grows without bound",
    kind="number",
    draw=lambda random: {"L": (4, 8, 16, 17, 32, 64)[int(6 * random.random())],
                         "sigma": on_grid(random, 0.002, 0.06, 0.001)},
    statement="A pixel has <L> grey levels 0, 1, 2, …, all equally likely. A density is a mixture of "
    r"<L> normals with equal weights, one on each level, of the width $\sigma = <sigma>$, so narrow "
    "that they do not overlap. What is the mean of its logarithm at the pixels?",
    unit="nats",
    truth=lambda L, sigma: -log(L) - log(sigma * sqrt(2 * pi)),
    mistakes=wrong(SPIKES, {
        "probability-given": ("This is the logarithm of a probability; a density is no probability.",
                              lambda L, sigma: -log(L)),
        "weight-forgotten": ("The weight of each normal was left out.",
                             lambda L, sigma: -log(sigma * sqrt(2 * pi))),
        "normaliser-forgotten": ("The factor √(2π) was left out.",
                                 lambda L, sigma: -log(L) - log(sigma)),
        "wrong-sign-of-width": ("A narrower normal is higher: log σ has the wrong sign.",
                                lambda L, sigma: -log(L) + log(sigma * sqrt(2 * pi))),
        "loss-given": ("This is its negative.",
                       lambda L, sigma: log(L) + log(sigma * sqrt(2 * pi))),
        "added-weight": ("log L was added; a weight of 1/L lowers the density.",
                         lambda L, sigma: log(L) - log(sigma * sqrt(2 * pi))),
    }),
    hints=("At a level only one of the normals counts.",
           "How high is a normal of the width σ in its middle?"),
)  # fmt: skip

UNIFORM_GAP = Exercise(
    id="gap-of-uniform-noise",
    title="What uniform noise loses",
    kind="number",
    draw=draw_halves,
    statement="A density of a pixel is $<a>$ on $[x, x + \\tfrac12)$ and $<b>$ on $[x + \\tfrac12, "
    "x + 1)$. By how many nats does the bound with uniform noise lie below $\\log P(x)$?",
    unit="nats",
    truth=lambda a, b: log((a + b) / 2) - (log(a) + log(b)) / 2,
    mistakes=wrong(UNIFORM, {
        "sign-turned": ("The sign is wrong: the bound lies below.",
                        lambda a, b: (log(a) + log(b)) / 2 - log((a + b) / 2)),
        "bound-given": ("This is the bound itself.", lambda a, b: (log(a) + log(b)) / 2),
        "log-probability-given": ("This is log P(x); the bound has still to be subtracted.",
                                  lambda a, b: log((a + b) / 2)),
        "sum-for-integral": ("Each half has the length ½, and the densities were just added.",
                             lambda a, b: log(a + b) - (log(a) + log(b)) / 2),
        "logs-added": ("The logarithms were added; the bound is their mean.",
                       lambda a, b: log((a + b) / 2) - log(a) - log(b)),
        "bits-for-nats": ("This is the value in bits, and nats were asked for.",
                          lambda a, b: (log((a + b) / 2) - (log(a) + log(b)) / 2) / LN2),
        "difference-of-densities": ("Densities were subtracted; logarithms are compared.",
                                    lambda a, b: (a + b) / 2 - sqrt(a * b)),
    }),
    hints=("P(x) is the integral of the density over the step, of length 1.",
           "The bound is the mean of log p(x + u)."),
)  # fmt: skip

LEARNED_BOUND = Exercise(
    id="formula-bound-with-learned-noise",
    title="The bound with learned noise",
    kind="formula",
    unit="nats",
    draw=draw_halves,
    statement="A density of a pixel is $<a>$ on $[x, x + \\tfrac12)$ and $<b>$ on $[x + \\tfrac12, "
    "x + 1)$. The noise $u$ falls into the first half with the probability $r$, and is uniform "
    "within each half. What is the bound on $\\log P(x)$ with this noise, in nats?",
    domain={"r": (0.55, 0.95)},
    truth=lambda r, a, b: r * log(a / (2 * r)) + (1 - r) * log(b / (2 * (1 - r))),
    mistakes=wrong(LEARNED, {
        "entropy-forgotten": ("−log q(u|x) is missing: this is no bound.",
                              lambda r, a, b: r * log(a) + (1 - r) * log(b)),
        "entropy-reversed": ("log q(u|x) was added; it is subtracted.",
                             lambda r, a, b: r * log(2 * a * r) + (1 - r) * log(2 * b * (1 - r))),
        "probability-for-density": ("The density of u in a half is twice its probability.",
                                    lambda r, a, b: r * log(a / r) + (1 - r) * log(b / (1 - r))),
        "halves-swapped": ("The two halves changed places.",
                           lambda r, a, b: (1 - r) * log(a / (2 * (1 - r)))
                           + r * log(b / (2 * r))),
        "uniform-taken": ("This is the bound with uniform noise.",
                          lambda r, a, b: (log(a) + log(b)) / 2),
        "weights-forgotten": ("The two halves were averaged; u falls into them with r and 1 − r.",
                              lambda r, a, b: log(a / (2 * r)) / 2 + log(b / (2 * (1 - r))) / 2),
        "log-probability-given": ("This is log P(x), which the bound reaches for one r only.",
                                  lambda r, a, b: log((a + b) / 2)),
    }),
    hints=("It is the mean of log p(x + u) − log q(u|x) under q.",
           "Within the first half the density of u is 2r: r on a length of ½."),
)  # fmt: skip

BITS_PER_DIMENSION = Exercise(
    id="bits-per-dimension",
    title="Bits per dimension",
    kind="number",
    draw=lambda random: {"L": (16, 32, 64, 128, 256)[int(5 * random.random())],
                         "D": (64, 784, 1024, 3072)[int(4 * random.random())],
                         "n": on_grid(random, -3, -0.5, 0.05)},
    statement="Pixels with <L> grey levels got uniform noise of one step and were divided by <L>, "
    r"so that they lie in $[0, 1)$. A density of all <D> pixels has the mean negative logarithm "
    r"$<n> \cdot D$ nats per image. To how many bits per pixel does that bound the discrete images?",
    unit="bits",
    truth=lambda L, D, n: (n + log(L)) / LN2,
    mistakes=wrong(UNIFORM, {
        "scale-forgotten": ("Dividing the pixels by L made the density L times as high.",
                            lambda L, D, n: n / LN2),
        "scale-reversed": ("The logarithm of the scale has the wrong sign.",
                           lambda L, D, n: (n - log(L)) / LN2),
        "nats-for-bits": ("This is the value in nats, and bits were asked for.",
                          lambda L, D, n: n + log(L)),
        "image-given": ("This is for the whole image.",
                        lambda L, D, n: D * (n + log(L)) / LN2),
        "scale-once-an-image": ("Each pixel was scaled, not the image once.",
                                lambda L, D, n: (n + log(L) / D) / LN2),
        "times-log-2": ("From nats to bits one divides by log 2; this was multiplied.",
                        lambda L, D, n: (n + log(L)) * LN2),
    }),
    hints=("P(x) is the integral over a cell of the side 1/L.",
           "A density of y = x/L is L times that of x, for each pixel."),
)  # fmt: skip

AFTERWARDS = Exercise(
    id="prior-fitted-afterwards",
    title="A prior fitted afterwards",
    kind="choice",
    statement="A VAE is trained with a standard normal prior. Then another prior is fitted to its "
    "codes, and encoder and decoder stay as they are. What does that change?",
    truth="KL(q(z)‖p(z)) alone; information and reconstructions are the same",
    mistakes=(
        Mistake("information-grows", "The information I(x; z) grows, as the codes are freed",
                "The encoder has not changed, and the information is a property of it.", BEST),
        Mistake("reconstructions-improve", "The reconstructions get better, as the rate is smaller",
                "A reconstruction does not see the prior.", BEST),
        Mistake("nothing-changes", "Nothing, as the model was at its optimum",
                "It was at an optimum for the old prior; the new one is another part.", BEST),
        Mistake("posterior-changes", "q(z|x) moves to where the new prior is dense",
                "q(z|x) moves only when the encoder is trained.", BEST),
    ),
    hints=("Go through the parts of the loss: which of them contains p(z)?",),
)  # fmt: skip

PSEUDO_INPUTS = Exercise(
    id="what-pseudo-inputs-are",
    title="What pseudo-inputs are",
    kind="choice",
    statement="A VampPrior has $K$ pseudo-inputs. What are they, and what do they do?",
    truth="Learned pictures; the prior is the mean of the codes q(z|u) that the encoder gives them",
    mistakes=(
        Mistake("learned-codes", "Learned codes; the prior is the mean of normals around them",
                "That is a mixture; here the encoder makes means and widths out of pictures.", VAMP),
        Mistake("prototypes-decoded", "Learned codes, which the decoder turns into typical pictures",
                "The decoder has no part in a prior.", VAMP),
        Mistake("fixed-images", "K training images, which stay what they are",
                "They may start there, but they are parameters, trained with the model.", VAMP),
        Mistake("noise-images", "Pictures of noise, which keep the encoder from overfitting",
                "They are no regulariser of the encoder; they say where the prior lies.", VAMP),
    ),
    hints=("Which network turns a picture into a distribution over codes?",),
)  # fmt: skip

FORGOTTEN = Exercise(
    id="log-q-of-the-noise",
    title="A term that was forgotten",
    kind="choice",
    statement=r"Noise $u \sim q_\nu(u \mid x)$ is learned together with a density $p$ of pixels, by "
    r"maximising $\mathbb E_q[\log p(x + u)]$ alone. What happens?",
    truth="The noise shrinks to one point, the density grows there, and the value bounds nothing",
    mistakes=(
        Mistake("still-a-bound", "The value is a looser bound on log P(x), but a valid one",
                "Without −log q(u|x) it may lie above log P(x), and does.", LEARNED),
        Mistake("same-gradient", "The same as with −log q(u|x), whose gradient is 0 on average",
                "The mean of the score is 0; that of −log q is an entropy, whose gradient is not.",
                LEARNED),
        Mistake("becomes-uniform", "The noise becomes uniform, as nothing speaks against it",
                "Nothing speaks for it: the term that is missing is what keeps the noise wide.",
                LEARNED),
        Mistake("nothing-learned", "The noise learns nothing, as no gradient reaches it",
                "A gradient comes through u, as in the reparameterization.", LEARNED),
    ),
    hints=("Where would you put u, if only log p(x + u) counted?",),
)  # fmt: skip

PRIORS = (
    GAIN, MIXTURE_DENSITY, VAMP_DENSITY, COUPLING_DENSITY, DRAWN_KL, AFTERWARDS, PSEUDO_INPUTS,
    BEST_NORMAL, CEILING_LEFT, SPIKE_DENSITY, UNIFORM_GAP, LEARNED_BOUND, FORGOTTEN,
    BITS_PER_DIMENSION,
)  # fmt: skip
