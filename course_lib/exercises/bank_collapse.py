"""Exercises on posterior collapse: what a code costs, what it can save, and remedies."""

from math import log
from random import Random

from course_lib.exercises.bank_normal import LN2, kl_sum
from course_lib.exercises.bank_regularised import numbers
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid
from course_lib.exercises.mistakes import (
    BITS_BACK,
    FREE_NATS,
    slips,
)

PRICE = "Look at what a nat of the code can save in chapter 11, (COL.2)."
JUDGE = "Look at how remedies are compared in chapter 11 and its laboratory."

Vector = tuple[float, ...]


def chain_nll(p: Vector, x: Vector) -> float:
    """−Σ log of the probability of each pixel's value."""
    return -sum(log(chance if pixel else 1 - chance) for chance, pixel in zip(p, x, strict=True))


def smallest_kl(d: float, alpha: float) -> float:
    """δ of an AR(1) prior with d numbers."""
    return ((d - 2) * log(1 + alpha**2) - log(1 - alpha**2)) / 2


def draw_chain(random: Random) -> Parameters:
    """Black and white pixels both, so that nobody may take all for white."""
    p = tuple(on_grid(random, 0.05, 0.95, 0.05) for _ in range(4))
    first = float(random.random() < 0.5)
    return {"p": p, "x": (first, 1 - first, float(random.random() < 0.5), 1.0)}


def draw_free_bits(random: Random) -> Parameters:
    """One dimension below λ in the mean, one above, and no image like the mean."""
    nats = on_grid(random, 0.5, 1.5)
    low = (on_grid(random, 0.1, nats - 0.3), on_grid(random, nats + 0.1, nats + 0.2))
    high = (on_grid(random, nats - 0.4, nats - 0.1), on_grid(random, nats + 1, nats + 3))
    return {"r": on_grid(random, 10, 40), "nats": nats, "first": low, "second": high}


def free_bits(r: float, nats: float, first: Vector, second: Vector) -> float:
    return r + sum(max(nats, (a + b) / 2) for a, b in (first, second))


def draw_cycle(random: Random) -> Parameters:
    """A step in the rising part of a cycle that is not the first."""
    period, rise = on_grid(random, 200, 900, 100), on_grid(random, 0.4, 0.9)
    cycle = 1 + int(3 * random.random())
    within = round(on_grid(random, 0.1, 0.9, 0.01) * rise * period)
    return {"period": period, "rise": rise, "step": float(cycle * period + within)}


RECEPTIVE_FIELD = Exercise(
    id="receptive-field",
    title="How far a decoder looks back",
    kind="number",
    draw=lambda random: {"r": on_grid(random, 3, 9, 1), "L": on_grid(random, 4, 9, 1)},
    statement="A PixelCNN has $<L>$ masked convolutions one behind the other. Each sees "
    "$r = <r>$ rows up and as many columns to both sides. How many rows above a pixel can have a "
    "part in its probability?",
    integer=True,
    truth=lambda r, L: r * L,
    mistakes=slips({
        "one-layer-counted": lambda r, L: r,
        "reaches-and-layers-added": lambda r, L: r + L,
        "whole-kernels-counted": lambda r, L: (2 * r + 1) * L,
        "first-layer-left-out": lambda r, L: r * (L - 1),
    }),
    hints=("What the second layer sees has itself seen r rows further up.",),
)  # fmt: skip

CHAIN_NLL = Exercise(
    id="nll-of-a-chain",
    title="The likelihood of a chain",
    kind="number",
    draw=draw_chain,
    statement=r"An autoregressive decoder is given $z$ and an image of four pixels, $x = <x>$. Each "
    "pixel is 1, given $z$ and the pixels of this image before it, with the probabilities $<p>$ in "
    r"turn. What is $-\log p(x \mid z)$?",
    unit="nats",
    truth=chain_nll,
    mistakes=slips({
        "all-pixels-taken-for-ones": lambda p, x: chain_nll(p, (1.0,) * 4),
        "pixels-turned": lambda p, x: chain_nll(p, tuple(1 - v for v in x)),
        "mean-of-the-chain": lambda p, x: chain_nll(p, x) / 4,
        "bits-of-the-chain": lambda p, x: chain_nll(p, x) / LN2,
        "last-pixel-alone": lambda p, x: chain_nll(p[3:], x[3:]),
        "ones-alone": lambda p, x: -sum(log(a) for a, v in zip(p, x, strict=True) if v),
        "log-probability-of-the-chain": lambda p, x: -chain_nll(p, x),
    }),
    hints=("The probability of the image is a product of four factors.",
           "A pixel that is 0 has the probability of not being 1."),
)  # fmt: skip

LEAST = Exercise(
    id="least-rate-for-information",
    title="What telling costs",
    kind="number",
    draw=lambda random: {"K": on_grid(random, 3, 20, 1), "m": on_grid(random, 0.05, 2, 0.05)},
    statement=r"From its code one can tell for certain which of $<K>$ equally frequent kinds an image "
    r"is, and nothing else about it. All codes together are at a divergence "
    r"$\mathrm{KL}(q(z) \,\Vert\, p(z)) = <m>$ nats from the prior. What is the rate, "
    r"$\mathbb E_x \mathrm{KL}(q(z|x) \,\Vert\, p(z))$?",
    unit="nats",
    truth=lambda K, m: log(K) + m,
    mistakes=slips({
        "information-alone": lambda K, m: log(K),
        "mismatch-alone": lambda K, m: m,
        "mismatch-subtracted": lambda K, m: log(K) - m,
        "kinds-for-their-logarithm": lambda K, m: K + m,
        "information-in-bits": lambda K, m: log(K) / LN2 + m,
    }),
    hints=("The rate has two parts; neither is negative.",
           "How many nats does it take to name one of K equally likely kinds?"),
)  # fmt: skip

MISMATCH = Exercise(
    id="mismatch-from-an-elbo",
    title="Where the nats went",
    kind="number",
    draw=lambda random: {
        "H": on_grid(random, 10, 20), "loss": on_grid(random, 22, 30, 0.1),
        "gap": on_grid(random, 0.1, 1.9, 0.1)},
    statement=r"The data have the entropy $H(x) = <H>$ nats. A VAE reaches a mean $-\mathrm{ELBO}$ of "
    r"$<loss>$ nats, and its encoder is on average $<gap>$ nats, "
    r"$\mathrm{KL}(q(z|x) \,\Vert\, p(z|x))$, from its own posterior. How far is the model from the "
    r"data, $\mathrm{KL}(p_d \,\Vert\, p_\theta)$?",
    unit="nats",
    truth=lambda H, loss, gap: loss - H - gap,
    mistakes=slips({
        "gap-forgotten": lambda H, loss, gap: loss - H,
        "gap-added": lambda H, loss, gap: loss - H + gap,
        "entropy-forgotten": lambda H, loss, gap: loss - gap,
        "sign-of-the-loss": lambda H, loss, gap: H + gap - loss,
        "entropy-added": lambda H, loss, gap: loss + H - gap,
    }),
    hints=("−ELBO is a sum of three numbers, two of which are divergences.",),
)  # fmt: skip

DEAF = Exercise(
    id="minus-elbo-of-a-deaf-decoder",
    title="Talking to a decoder that does not listen",
    kind="number",
    draw=lambda random: {"nll": on_grid(random, 14, 60), "mu": numbers(random, 2, -2, 2),
                         "sigma": numbers(random, 2, 0.2, 1.5)},
    statement=r"A decoder ignores $z$: to an image it gives $-\log p(x) = <nll>$ nats, whatever $z$ is. "
    r"The encoder returns $\mu = <mu>$ and $\sigma = <sigma>$, and the prior is $\mathcal N(0, I)$. "
    r"What is $-\mathrm{ELBO}$ for this image?",
    unit="nats",
    truth=lambda nll, mu, sigma: nll + kl_sum(mu, sigma),
    mistakes=slips({
        "code-taken-as-free": lambda nll, mu, sigma: nll,
        "code-as-a-gain": lambda nll, mu, sigma: nll - kl_sum(mu, sigma),
        "kl-lost-half": lambda nll, mu, sigma: nll + 2 * kl_sum(mu, sigma),
        "mean-over-dimensions": lambda nll, mu, sigma: nll + kl_sum(mu, sigma) / 2,
        "elbo-for-its-negative": lambda nll, mu, sigma: -nll - kl_sum(mu, sigma),
    }, see=BITS_BACK),
    hints=("What is sent has to be paid for, whether anyone listens or not.",),
)  # fmt: skip

DELTA_VAE = Exercise(
    id="smallest-kl-of-a-delta-vae",
    title="The least rate of a δ-VAE",
    kind="number",
    draw=lambda random: {"d": on_grid(random, 3, 16, 1), "alpha": on_grid(random, 0.3, 0.95, 0.05)},
    statement=r"Under the prior of a δ-VAE $<d>$ numbers follow each other, each $\mathcal N(0, 1)$ "
    r"and correlated with the one before by $\alpha = <alpha>$. The posterior is a normal with a "
    "diagonal covariance. What is the smallest KL that it can have?",
    unit="nats",
    truth=smallest_kl,
    mistakes=slips({
        "all-numbers-alike": lambda d, alpha: smallest_kl(d + 2, alpha),
        "delta-lost-half": lambda d, alpha: 2 * smallest_kl(d, alpha),
        "delta-sign-of-the-end": lambda d, alpha:
            ((d - 2) * log(1 + alpha**2) + log(1 - alpha**2)) / 2,
        "ends-alone": lambda d, alpha: -log(1 - alpha**2) / 2,
        "alpha-not-squared": lambda d, alpha: ((d - 2) * log(1 + alpha) - log(1 - alpha)) / 2,
        "delta-in-bits": lambda d, alpha: smallest_kl(d, alpha) / LN2,
        "standard-normal-at-best": lambda d, alpha: -(d - 1) * log(1 - alpha**2) / 2 + (d - 1)
            * alpha**2 / (1 - alpha**2),
    }),
    hints=("The best diagonal normal has the mean 0, and its precisions are those of the prior.",
           "The first and the last number have one neighbour, the others two."),
)  # fmt: skip

FORMULA_DELTA = Exercise(
    id="formula-smallest-kl-of-three",
    title="The least rate as a formula",
    kind="formula",
    unit="nats",
    draw=lambda random: {"n": on_grid(random, 2, 40, 1)},
    statement=r"Under a prior come $<n>$ independent groups of three numbers. Within a group each is "
    r"$\mathcal N(0, 1)$, given the one before normal with the mean $\alpha$ times that, and the "
    r"variance $1 - \alpha^2$. What is the smallest KL from a normal with a diagonal covariance to "
    "this prior, in nats?",
    domain={"alpha": (0.1, 0.9)},
    truth=lambda alpha, n: n * smallest_kl(3, alpha),
    mistakes=slips({
        "delta-lost-half": lambda alpha, n: 2 * n * smallest_kl(3, alpha),
        "one-group-alone": lambda alpha, n: smallest_kl(3, alpha),
        "groups-in-one-chain": lambda alpha, n: smallest_kl(3 * n, alpha),
        "ends-alone": lambda alpha, n: -n * log(1 - alpha**2) / 2,
        "delta-sign-of-the-end": lambda alpha, n:
            n * (log(1 + alpha**2) + log(1 - alpha**2)) / 2,
        "alpha-not-squared": lambda alpha, n: n * (log(1 + alpha) - log(1 - alpha)) / 2,
    }),
    hints=("Independent groups add.", "A diagonal normal fits best with the precisions of the prior."),
)  # fmt: skip

FREE_BITS_LOSS = Exercise(
    id="loss-with-free-bits",
    title="A loss with free bits",
    kind="number",
    draw=draw_free_bits,
    statement="A batch has two images, a code two dimensions. The KL of the first dimension is "
    r"$<first>$ nats for the two images, that of the second $<second>$. The mean reconstruction term "
    r"is $<r>$ nats. What is the loss with $\lambda = <nats>$ free nats for each dimension, as by "
    "Kingma et al.?",
    unit="nats",
    truth=free_bits,
    mistakes=slips({
        "maximum-for-each-image": lambda r, nats, first, second:
            r + sum(max(nats, k) for k in (*first, *second)) / 2,
        "maximum-after-the-sum": lambda r, nats, first, second:
            r + sum(max(nats, a + b) for a, b in zip(first, second, strict=True)) / 2,
        "smaller-for-larger": lambda r, nats, first, second:
            r + sum(min(nats, (a + b) / 2) for a, b in (first, second)),
        "free-nats-subtracted": lambda r, nats, first, second:
            r + sum(max(0.0, (a + b) / 2 - nats) for a, b in (first, second)),
        "nothing-free": lambda r, nats, first, second: r + (sum(first) + sum(second)) / 2,
        "batch-added-up": lambda r, nats, first, second:
            r + sum(max(nats, a + b) for a, b in (first, second)),
    }),
    hints=("First the mean over the batch, for each dimension by itself.",),
)  # fmt: skip

CYCLE_WEIGHT = Exercise(
    id="weight-in-a-cycle",
    title="The weight in a cycle",
    kind="number",
    draw=draw_cycle,
    statement="The weight of the KL is annealed in cycles of $<period>$ steps. In the first $<rise>$ "
    "of each cycle it grows along a line from 0 to 1, then it stays 1 until the next begins. What "
    "is the weight after $<step>$ steps, counted from 0?",
    truth=lambda period, rise, step: step % period / (rise * period),
    mistakes=slips({
        "rise-forgotten": lambda period, rise, step: step % period / period,
        "cycles-forgotten": lambda period, rise, step: min(1.0, step / (rise * period)),
        "falling": lambda period, rise, step: 1 - step % period / (rise * period),
        "steps-of-the-cycle": lambda period, rise, step: step % period,
        "rise-multiplied": lambda period, rise, step: rise * (step % period) / period,
    }),
    hints=("How many steps ago did this cycle begin?", "How many steps does the line take?"),
)  # fmt: skip

CAN_SAVE = Exercise(
    id="what-a-code-can-save",
    title="What a code can save",
    kind="choice",
    statement=r"A decoder without any code already reaches $p_\theta(x) = p_d(x)$. How much can a "
    r"code, with the best encoder and decoder there are, lower the mean $-\mathrm{ELBO}$?",
    truth="Not at all: it is the entropy of the data already",
    mistakes=(
        Mistake("saves-its-information", "By the information that the code has about the image",
                "The distortion falls by that, and the rate rises by as much or more.", PRICE),
        Mistake("saves-half", "By half of that information, since the other half is paid as KL",
                "The whole of it is paid: the rate is at least the information.", PRICE),
        Mistake("saves-the-rate", "By the rate, once the encoder is exact",
                "An exact encoder gets its nats back once; that makes it even, no gain.", PRICE),
        Mistake("saves-down-to-zero", "Down to 0, if the code names the image",
                "Naming the image costs at least the entropy of the data.", PRICE),
    ),
    hints=("Which of the three numbers in (COL.2) could still become smaller?",),
)  # fmt: skip

BELOW_FREE = Exercise(
    id="gradient-below-free-bits",
    title="Below the free bits",
    kind="choice",
    statement="The loss has free bits. The KL of one dimension, averaged over the batch, lies below "
    r"$\lambda$. What moves the encoder's $\mu$ of this dimension?",
    truth="The reconstruction alone; the KL neither pulls it to the prior nor away from it",
    mistakes=(
        Mistake("free-bits-push", r"The KL pushes it away from the prior, until it has reached λ",
                "A maximum is flat below λ: its gradient is 0 there.", FREE_NATS),
        Mistake("free-bits-pull", "The KL pulls it to the prior, more weakly than above λ",
                "Below λ the term is a constant.", FREE_NATS),
        Mistake("nothing-moves", "Nothing: its gradient is 0, so the dimension stays as it is",
                "The reconstruction still depends on it, as far as the decoder listens.", FREE_NATS),
        Mistake("other-dimensions-move-it", "What the other dimensions have left of their free bits",
                "Each dimension has its own λ; none can use that of another.", FREE_NATS),
    ),
    hints=("Differentiate the larger of a constant and a smaller number.",),
)  # fmt: skip

JUDGE_REMEDY = Exercise(
    id="judge-a-remedy",
    title="Is the code in use?",
    kind="choice",
    statement="Someone reports a remedy for collapse. Which of these shows that the decoder uses "
    "what the code says about the image?",
    truth="The likelihood falls when images get each other's codes",
    mistakes=(
        Mistake("kl-shows-use", "The KL is far from 0",
                "A code that is the same for every image can have any KL.", JUDGE),
        Mistake("better-likelihood-shows-use", "The likelihood has become better",
                "It also becomes better when the decoder needs the code less.", JUDGE),
        Mistake("means-that-move-show-use", "The means of the code move with the image",
                "That is what the encoder says; whether the decoder listens is another question.",
                JUDGE),
        Mistake("samples-show-use", "Samples with a new code look like digits",
                "So do those of a decoder that ignores every code.", JUDGE),
    ),
    hints=("What would not change if the decoder ignored the code?",),
)  # fmt: skip

TOKENS_SPEAK = Exercise(
    id="why-tokens-speak",
    title="Why tokens are not silent",
    kind="choice",
    statement="A VQ-VAE with a strong autoregressive decoder keeps telling things about the image by "
    "its tokens, where a VAE with the same decoder says less and less. What makes the difference?",
    truth="The loss of the VQ-VAE does not charge for what the tokens say",
    mistakes=(
        Mistake("discrete-cannot-collapse", "A discrete code has no way to say nothing",
                "It has: the same token for every image.", JUDGE),
        Mistake("quantiser-forces-use", "The commitment loss punishes tokens without information",
                "It is smallest when the encoder sits on a code, for instance always the same.",
                JUDGE),
        Mistake("uniform-kl-forces-use", "The KL to the uniform prior cannot be 0, so it must tell "
                "something", "It is T log K for every use of the tokens, silence included.", JUDGE),
        Mistake("decoder-is-weaker", "Through tokens the decoder sees less of the pixels before",
                "The pixels before come to it as they are, in both models.", JUDGE),
    ),
    hints=("Which terms of either loss change when the code says one nat more?",),
)  # fmt: skip

COLLAPSE = (
    RECEPTIVE_FIELD, CHAIN_NLL, CAN_SAVE, LEAST, MISMATCH, DEAF, FREE_BITS_LOSS, BELOW_FREE,
    JUDGE_REMEDY, CYCLE_WEIGHT, DELTA_VAE, FORMULA_DELTA, TOKENS_SPEAK,
)  # fmt: skip
