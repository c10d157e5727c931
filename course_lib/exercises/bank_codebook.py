"""Exercises on the VQ-VAE: lookup, gradients, moving averages, and what tokens cost."""

from collections.abc import Sequence
from math import exp, log, log2, sqrt
from random import Random

from course_lib.exercises.bank_discrete import LN2, entropy
from course_lib.exercises.bank_regularised import mean, numbers, squared_distance, squared_norm
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid, probabilities
from course_lib.exercises.mistakes import (
    AVERAGES,
    LOOKUP,
    PERPLEXITY,
    RATE,
    STOPS,
    SURROGATE,
    TOKENS,
    VQ_ELBO,
    VQ_LOSS,
    slips,
)

REVIVAL = "Look at codes that nobody uses in chapter 9, after (VQ.12)."

Vector = tuple[float, ...]


def best(scores: Vector) -> int:
    """The number, from 1, of the smallest score."""
    return scores.index(min(scores)) + 1


def distances(z: Vector, codes: Sequence[Vector]) -> Vector:
    """‖z − eₖ‖² for each code."""
    return tuple(squared_distance(z, e) for e in codes)


def distance_at(z: Vector, codes: Sequence[Vector], k: int) -> float:
    """‖z − eₖ‖² of the code of this number, from 1."""
    return squared_distance(z, codes[k - 1])


def products(z: Vector, codes: Sequence[Vector]) -> Vector:
    """zᵀeₖ for each code."""
    return tuple(sum(a * b for a, b in zip(z, e, strict=True)) for e in codes)


def moved(N: float, m: float, gamma: float, n: float, total: float) -> float:
    """The code m/N after a batch of n vectors with this sum, by moving averages of both."""
    return (gamma * m + (1 - gamma) * total) / (gamma * N + (1 - gamma) * n)


def shares(counts: Vector) -> Vector:
    """The probabilities of what was counted, without those that are zero."""
    return tuple(c / sum(counts) for c in counts if c)


def drawn(random: Random, sizes: tuple[int, ...]) -> int:
    return sizes[int(len(sizes) * random.random())]


def draw_codebook(random: Random) -> Parameters:
    """A vector and five codes; no two of them equally near, or of equal product, and none at z."""
    while True:
        z, *codes = (numbers(random, 2, -3, 3) for _ in range(6))
        scores = distances(z, codes), products(z, codes), tuple(abs(z[0] - e[0]) for e in codes)
        if min(scores[0]) > 0 and all(len({round(x, 3) for x in score}) == 5 for score in scores):
            return {"z": z, **{f"e{k}": e for k, e in enumerate(codes, start=1)}}


def draw_two_tokens(random: Random) -> Parameters:
    return {
        "r": on_grid(random, 5, 40),
        "z1": numbers(random, 2, -2, 2),
        "e1": numbers(random, 2, -2, 2),
        "z2": numbers(random, 2, -2, 2),
        "e2": numbers(random, 2, -2, 2),
        "c": on_grid(random, 0.1, 0.9, 0.05),
    }


def draw_gradient(random: Random) -> Parameters:
    return {
        "z": on_grid(random, -2, 2),
        "e": on_grid(random, -2, 2),
        "g": on_grid(random, -3, 3),
        "c": on_grid(random, 0.1, 0.9, 0.05),
    }


def draw_averages(random: Random) -> Parameters:
    return {
        "N": on_grid(random, 1, 9, 0.5),
        "m": on_grid(random, -9, 9),
        "gamma": on_grid(random, 0.55, 0.95, 0.05),
        "z": numbers(random, 3, -3, 3),
    }


def draw_counts(random: Random) -> Parameters:
    """How often six codes were used among 20 tokens, two of them not at all."""
    counts = [round(20 * p) for p in probabilities(random, 4)] + [0, 0]
    return {"counts": tuple(sorted(counts, key=lambda _: random.random()))}


def paid(terms: float, z1: Vector, e1: Vector, z2: Vector, e2: Vector) -> float:
    """(terms) times the summed squared distances of two tokens from their codes."""
    return terms * (squared_distance(z1, e1) + squared_distance(z2, e2))


NEAREST = Exercise(
    id="nearest-code",
    title="The nearest code",
    kind="number",
    draw=draw_codebook,
    statement="A codebook has the codes $e_1 = <e1>$, $e_2 = <e2>$, $e_3 = <e3>$, $e_4 = <e4>$ "
    "and $e_5 = <e5>$. The encoder returns $z_e = <z>$, and the lookup gives $z_q$. What is "
    r"$\lVert z_e - z_q \rVert^2$?",
    truth=lambda z, **codes: min(distances(z, tuple(codes.values()))),
    mistakes=slips({
        "largest-product": lambda z, **codes: distance_at(
            z, tuple(codes.values()), best(tuple(-x for x in products(z, tuple(codes.values()))))),
        "first-coordinate-only": lambda z, **codes: distance_at(
            z, tuple(codes.values()), best(tuple(abs(z[0] - e[0]) for e in codes.values()))),
        "farthest": lambda z, **codes: max(distances(z, tuple(codes.values()))),
        "index-given": lambda z, **codes: best(distances(z, tuple(codes.values()))),
        "root-given": lambda z, **codes: sqrt(min(distances(z, tuple(codes.values())))),
    }, see=LOOKUP),
    hints=("Draw the points.", "Compare the squared distances; the smallest is the answer."),
)  # fmt: skip

WHAT_IS_RETURNED = Exercise(
    id="what-the-decoder-gets",
    title="What the decoder gets",
    kind="choice",
    statement=r"The lookup finds $k = \operatorname{argmin}_i \lVert z_e - e_i \rVert$. What goes "
    "to the decoder?",
    truth="The vector eₖ, one of the K rows of the codebook",
    mistakes=(
        Mistake("index-given", "The number k itself",
                "k names a row. A decoder that saw the number would take code 7 for more than "
                "code 6.", LOOKUP),
        Mistake("encoder-output-given", "z_e, while eₖ only appears in the loss",
                "Then nothing would be quantised; the decoder has to rebuild from the code.",
                LOOKUP),
        Mistake("weighted-codes", "The mean of all codes, weighted by how near they are to z_e",
                "The lookup takes the nearest code and no other.", LOOKUP),
        Mistake("normal-draw", "A draw from a normal around eₖ",
                "q(k|x) is certain of its code, and nothing is drawn.", LOOKUP),
        Mistake("distance-given", "The distance ‖z_e − eₖ‖, which the argmin has made smallest",
                "An argmin is the place of a minimum and not its value.", LOOKUP),
    ),
    hints=("It has as many numbers as z_e.",),
)  # fmt: skip

LOSS = Exercise(
    id="vq-loss",
    title="The three terms of the loss",
    kind="number",
    draw=draw_two_tokens,
    statement=r"An image has two tokens. The encoder returns $<z1>$ and $<z2>$, and the codes "
    r"nearest to them are $<e1>$ and $<e2>$. The reconstruction costs $<r>$ nats. The codes learn "
    r"by gradient, and the commitment has the weight $\beta_c = <c>$. What is the loss of this "
    "image?",
    truth=lambda r, z1, e1, z2, e2, c: r + paid(1 + c, z1, e1, z2, e2),
    mistakes=slips({
        "commitment-left-out": lambda r, z1, e1, z2, e2, c: r + paid(1, z1, e1, z2, e2),
        "codebook-left-out": lambda r, z1, e1, z2, e2, c: r + paid(c, z1, e1, z2, e2),
        "weight-on-both": lambda r, z1, e1, z2, e2, c: r + paid(2 * c, z1, e1, z2, e2),
        "commitment-not-weighted": lambda r, z1, e1, z2, e2, c: r + paid(2, z1, e1, z2, e2),
        "norms-not-squared": lambda r, z1, e1, z2, e2, c:
            r + (1 + c) * (sqrt(squared_distance(z1, e1)) + sqrt(squared_distance(z2, e2))),
        "mean-over-tokens": lambda r, z1, e1, z2, e2, c: r + paid((1 + c) / 2, z1, e1, z2, e2),
        "mean-over-entries": lambda r, z1, e1, z2, e2, c: r + paid((1 + c) / 4, z1, e1, z2, e2),
        "first-token-only":
            lambda r, z1, e1, z2, e2, c: r + (1 + c) * squared_distance(z1, e1),
        "reconstruction-left-out": lambda r, z1, e1, z2, e2, c: paid(1 + c, z1, e1, z2, e2),
    }, see=VQ_LOSS),
    hints=("A stopped gradient changes no value: two of the terms differ by their weight alone.",
           "Squared norms are sums over entries, and the tokens are summed as well."),
)  # fmt: skip

ENCODER_GRADIENT = Exercise(
    id="gradient-at-the-encoder",
    title="The gradient that the encoder gets",
    kind="number",
    draw=draw_gradient,
    statement=r"A code has one dimension. The encoder returns $z_e = <z>$, and the nearest code is "
    r"$e = <e>$. The derivative of the reconstruction error by $z_q$ is $<g>$; the codes learn by "
    r"gradient and $\beta_c = <c>$. Which derivative of the whole loss by $z_e$ does training with "
    "the straight-through estimator use?",
    truth=lambda z, e, g, c: g + 2 * c * (z - e),
    mistakes=slips({
        "codebook-term-on-encoder": lambda z, e, g, c: g + 2 * (z - e),
        "nothing-stopped": lambda z, e, g, c: g + 2 * (1 + c) * (z - e),
        "true-derivative": lambda z, e, g, c: 2 * c * (z - e),
        "commitment-pulls-nothing": lambda z, e, g, c: g,
        "difference-reversed": lambda z, e, g, c: g - 2 * c * (z - e),
        "square-lost-two": lambda z, e, g, c: g + c * (z - e),
        "after-straight-through": lambda z, e, g, c: g - 2 * (1 - c) * (z - e),
    }, see=STOPS),
    hints=("Straight-through copies the derivative by z_q to z_e.",
           "One of the other two terms is stopped before it reaches z_e."),
)  # fmt: skip

CODE_GRADIENT = Exercise(
    id="gradient-at-a-code",
    title="The gradient that a code gets",
    kind="number",
    draw=lambda random: draw_gradient(random) | {"z": numbers(random, 3, -2, 2)},
    statement=r"A code in one dimension is $e = <e>$; for three vectors of a batch it is the "
    r"nearest: $z_e = <z>$. At each of them the derivative of the reconstruction error by $z_q$ is "
    r"$<g>$; $\beta_c = <c>$. The loss sums over the vectors. What is its derivative by $e$, with "
    "the straight-through estimator?",
    truth=lambda z, e, g, c: 2 * (3 * e - sum(z)),
    mistakes=slips({
        "difference-reversed": lambda z, e, g, c: 2 * (sum(z) - 3 * e),
        "square-lost-two": lambda z, e, g, c: 3 * e - sum(z),
        "averaged-over-vectors": lambda z, e, g, c: 2 * (e - mean(z)),
        "commitment-weight-on-code": lambda z, e, g, c: 2 * c * (3 * e - sum(z)),
        "commitment-reaches-code": lambda z, e, g, c: 2 * (1 + c) * (3 * e - sum(z)),
        "reconstruction-reaches-code": lambda z, e, g, c: 3 * g + 2 * (3 * e - sum(z)),
    }, see=STOPS),
    hints=("z_q = z_e + sg[e − z_e]: what is its derivative by e?",
           "Only one of the three terms moves the codes."),
)  # fmt: skip

STOP_GRADIENTS = Exercise(
    id="stop-gradients",
    title="Spot the error: where the gradient stops",
    kind="choice",
    statement="`z` is the output of the encoder and `e` its code; `x.detach()` stops the "
    r"gradient, and $\beta_c = 0.25$. Which line is the sum of codebook loss and commitment?",
    truth="(z.detach() - e)**2 + 0.25 * (z - e.detach())**2",
    mistakes=(
        Mistake("stops-swapped", "(z - e.detach())**2 + 0.25 * (z.detach() - e)**2",
                "The stopped gradients changed places: now the encoder runs after the codes, and "
                "the codes hardly move.", STOPS),
        Mistake("same-stop-twice", "(z - e.detach())**2 + 0.25 * (z - e.detach())**2",
                "No term is left that moves the codes.", STOPS),
        Mistake("all-stopped", "(z.detach() - e.detach())**2 + 0.25 * (z - e.detach())**2",
                "The first term has no gradient at all.", STOPS),
        Mistake("none-stopped", "(z - e)**2 + 0.25 * (z - e)**2",
                "Without a stop both terms move both, with equal force.", STOPS),
    ),
    hints=("The codes should be moved by the first term alone, the encoder by the second.",),
)  # fmt: skip

WHO_MOVES = Exercise(
    id="what-moves-a-code",
    title="What moves a code",
    kind="choice",
    statement="A VQ-VAE is trained with the three terms of its loss, by gradient and with the "
    "straight-through estimator. Which of them move the codes?",
    truth="The codebook loss alone",
    mistakes=(
        Mistake("reconstruction-too", "The reconstruction and the codebook loss",
                "The gradient of the reconstruction is copied from z_q to z_e and passes the code "
                "by.", SURROGATE),
        Mistake("commitment-alone", "The commitment alone",
                "The commitment moves the encoder; its gradient is stopped at the code.", STOPS),
        Mistake("both-distances", "The codebook loss and the commitment",
                "Their values are alike, their gradients are not: one of them is stopped at the "
                "code.", STOPS),
        Mistake("all-three", "All three",
                "Two of them are stopped before they reach a code.", STOPS),
    ),
    hints=("In which terms does e stand without a stop around it?",),
)  # fmt: skip

AFTER = Exercise(
    id="loss-after-straight-through",
    title="Spot the error: the loss after straight-through",
    kind="choice",
    statement=r"An implementation first replaces $z_q$ by $z_e + \mathrm{sg}[e - z_e]$ and then "
    r"computes the codebook loss as $\lVert \mathrm{sg}[z_e] - z_q \rVert^2$. What does this term "
    "do?",
    truth="It leaves the codes where they are and pushes z_e away from e",
    mistakes=(
        Mistake("same-as-before", "The same as ‖sg[z_e] − e‖², since z_q has the value of e",
                "The value is the same. The gradient takes another way, through z_e.", SURROGATE),
        Mistake("zero-loss", "Nothing: z_q equals z_e, so that the term is 0",
                "z_q has the value of the code; it only borrows the gradient of z_e.", SURROGATE),
        Mistake("second-commitment", "It pulls z_e to e, as a second commitment",
                "Its gradient by z_q points from z_e to e, and z_e is moved against it.",
                SURROGATE),
        Mistake("both-move", "It moves z_e and e towards each other",
                "The difference e − z_e is stopped: no gradient reaches e.", SURROGATE),
    ),
    hints=("Differentiate by e first, then by z_e.",
           "sg[z_e] and sg[e − z_e] are constants; what is left that varies with z_e?"),
)  # fmt: skip

LOOKUP_DERIVATIVE = Exercise(
    id="derivative-of-the-lookup",
    title="The derivative of the lookup",
    kind="choice",
    statement=r"What is the true derivative of $z_q = e_k$ by $z_e$, where $k$ is the index of the "
    "code nearest to $z_e$?",
    truth="Zero, but for places where two codes are equally near",
    mistakes=(
        Mistake("nowhere", "It exists nowhere, because an index is discrete",
                "Move z_e a little: the nearest code is still the same one, and z_q constant.",
                SURROGATE),
        Mistake("identity", "The identity, which is what the straight-through estimator uses",
                "The estimator takes the identity in its place; that is a surrogate.", SURROGATE),
        Mistake("infinite", "Infinite, because z_q leaps from code to code",
                "It leaps at the borders of the cells only, and hardly any z_e lies there.",
                SURROGATE),
        Mistake("depends-on-distance", "The smaller, the farther z_e is from eₖ",
                "z_q does not say how far z_e was from its code.", SURROGATE),
    ),
    hints=("What does z_q do when z_e moves by very little?",),
)  # fmt: skip

EMA_STEP = Exercise(
    id="ema-step",
    title="A code as a moving average",
    kind="number",
    draw=draw_averages,
    statement=r"A code in one dimension is a moving average with $\gamma = <gamma>$, without "
    r"smoothing. Its count is $N = <N>$ and its sum $m = <m>$. In the next batch it is the nearest "
    r"code of the vectors $z_e = <z>$. Where does it lie afterwards?",
    truth=lambda N, m, gamma, z: moved(N, m, gamma, 3, sum(z)),
    mistakes=slips({
        "decay-swapped": lambda N, m, gamma, z: moved(N, m, 1 - gamma, 3, sum(z)),
        "batch-mean-given": lambda N, m, gamma, z: mean(z),
        "codes-averaged": lambda N, m, gamma, z: gamma * m / N + (1 - gamma) * mean(z),
        "count-without-decay":
            lambda N, m, gamma, z: (gamma * m + (1 - gamma) * sum(z)) / (N + 3),
        "count-unchanged": lambda N, m, gamma, z: (gamma * m + (1 - gamma) * sum(z)) / N,
        "decay-forgotten": lambda N, m, gamma, z: (m + sum(z)) / (N + 3),
        "batch-mean-in-sum": lambda N, m, gamma, z:
            (gamma * m + (1 - gamma) * mean(z)) / (gamma * N + (1 - gamma) * 3),
    }, see=AVERAGES),
    hints=("Update the count and the sum first, each on its own.",
           "The old value of each keeps the weight γ."),
)  # fmt: skip

FORMULA_EMA = Exercise(
    id="formula-ema-code",
    title="A moving average as a formula",
    kind="formula",
    draw=lambda random: {"N": on_grid(random, 1, 9, 0.5), "m": on_grid(random, -9, 9)},
    statement=r"The count of a code is $<N>$, and the sum of its vectors in one dimension is "
    r"$<m>$; both are moving averages with the decay $\gamma$. In the next batch the code stands "
    r"for $n$ vectors with the sum $s$. Where does it lie afterwards, without smoothing?",
    domain={"gamma": (0.1, 0.9), "n": (1, 6), "s": (-8, 8)},
    truth=lambda gamma, n, s, N, m: moved(N, m, gamma, n, s),
    mistakes=slips({
        "decay-swapped": lambda gamma, n, s, N, m: moved(N, m, 1 - gamma, n, s),
        "batch-mean-given": lambda gamma, n, s, N, m: s / n,
        "codes-averaged": lambda gamma, n, s, N, m: gamma * m / N + (1 - gamma) * s / n,
        "count-without-decay":
            lambda gamma, n, s, N, m: (gamma * m + (1 - gamma) * s) / (N + n),
        "count-unchanged": lambda gamma, n, s, N, m: (gamma * m + (1 - gamma) * s) / N,
        "decay-forgotten": lambda gamma, n, s, N, m: (m + s) / (N + n),
        "batch-mean-in-sum": lambda gamma, n, s, N, m: moved(N, m, gamma, n, s / n),
    }, see=AVERAGES),
    hints=("Write the new count and the new sum first.", "The code is the one by the other."),
)  # fmt: skip

EMA_LOSS = Exercise(
    id="loss-with-moving-averages",
    title="The loss beside moving averages",
    kind="choice",
    statement="The codes of a VQ-VAE are moving averages of the vectors they stand for. Which "
    "terms does its loss have?",
    truth="Reconstruction and weighted commitment",
    mistakes=(
        Mistake("all-three-kept", "Reconstruction, codebook loss and weighted commitment",
                "The moving averages take the place of the codebook loss; with both, the codes "
                "would be moved twice.", AVERAGES),
        Mistake("codebook-kept", "Reconstruction and codebook loss",
                "Moving averages do the work of one of these, and nothing holds the encoder near "
                "its codes.", AVERAGES),
        Mistake("reconstruction-only", "Reconstruction alone",
                "Moving averages move codes. The encoder still has to be held near them.",
                AVERAGES),
        Mistake("commitment-only", "Codebook loss and weighted commitment",
                "Without a reconstruction nothing is learned about images.", VQ_LOSS),
    ),
    hints=("Which term did nothing but move codes?",),
)  # fmt: skip

DEAD = Exercise(
    id="dead-code",
    title="A code that nobody uses",
    kind="choice",
    statement=r"In every step all codes are computed anew as moving averages, with a small "
    r"$\epsilon$ added to the counts (Laplace smoothing) and without revival. From some step on a "
    "code is nearest to no vector. What becomes of it?",
    truth="It stays for a long time, then drifts to the origin",
    mistakes=(
        Mistake("stays-for-ever", "It stays where it is: its count and its sum shrink alike",
                "So it would be without smoothing; but the count has an ε that does not shrink.",
                AVERAGES),
        Mistake("pulled-to-data", "It is pulled to the nearest vectors until it is used again",
                "A code is moved by the vectors it stands for, and by no others.", AVERAGES),
        Mistake("leaps-away", "It leaps far away, because its sum is divided by almost zero",
                "Its sum is almost zero as well, and ε keeps the count from it.", AVERAGES),
        Mistake("mean-of-the-data", "It drifts to the mean of all vectors",
                "It takes no part in the average of any vector.", AVERAGES),
    ),
    hints=("What becomes of the count and of the sum?", "When is the count as small as ε?"),
)  # fmt: skip

REVIVED = Exercise(
    id="what-brings-a-code-back",
    title="What brings a code back",
    kind="choice",
    statement="A code lies so far from all vectors that it is never the nearest. What brings it "
    "into use?",
    truth="Moving it to a vector of the batch",
    mistakes=(
        Mistake("gradient-pulls", "The codebook loss, which pulls every code to its nearest vector",
                "The loss has a term for each vector and its code. A code of no vector has the "
                "gradient 0.", STOPS),
        Mistake("smaller-decay", "A smaller γ, so that the codes follow the vectors faster",
                "A code that stands for no vector follows none, however fast.", AVERAGES),
        Mistake("larger-commitment", "A larger β_c, which draws the vectors to the codes",
                "It draws each vector to the code that is nearest already.", STOPS),
        Mistake("larger-codebook", "A larger K, which makes room for more codes",
                "More codes in the same place are unused as well.", REVIVAL),
        Mistake("uniform-prior", "The uniform prior, which asks for all codes equally often",
                "It makes the KL a constant, and a constant has no gradient.", VQ_ELBO),
    ),
    hints=("Which rule moves a code that stands for no vector?",),
)  # fmt: skip

PERPLEXITY_NUMBER = Exercise(
    id="perplexity-of-a-codebook",
    title="The perplexity of a codebook",
    kind="number",
    draw=draw_counts,
    statement="Among 20 tokens the six codes of a codebook were used $<counts>$ times. What is "
    "the perplexity of the codebook?",
    truth=lambda counts: exp(entropy(shares(counts))),
    mistakes=slips({
        "entropy-for-perplexity": lambda counts: entropy(shares(counts)),
        "entropy-in-bits": lambda counts: entropy(shares(counts)) / LN2,
        "two-to-the-nats": lambda counts: 2 ** entropy(shares(counts)),
        "e-to-the-bits": lambda counts: exp(entropy(shares(counts)) / LN2),
        "collision-number": lambda counts: 1 / squared_norm(shares(counts)),
        "codes-in-use": lambda counts: len(shares(counts)),
        "size-of-the-codebook": lambda counts: len(counts),
        "share-of-the-codebook": lambda counts: exp(entropy(shares(counts))) / len(counts),
    }, see=PERPLEXITY),
    hints=("Turn the counts into shares; a share of 0 adds nothing to an entropy.",
           "If n codes were used equally often, the perplexity would be n."),
)  # fmt: skip

GRID_BITS = Exercise(
    id="bits-of-a-grid",
    title="The bits of a grid",
    kind="number",
    draw=lambda random: {"side": drawn(random, (4, 7, 8, 14, 16, 28, 32)),
                         "K": drawn(random, (20, 32, 50, 64, 100, 128, 256, 500, 512, 1024)),
                         "D": drawn(random, (2, 4, 8, 16, 32, 64))},
    statement=r"A VQ-VAE turns an image into a grid of $<side> \times <side>$ tokens. Its codebook "
    r"has $K = <K>$ codes in $D_e = <D>$ dimensions. How many bits does an image take if all codes "
    "count as equally likely?",
    unit="bits",
    truth=lambda side, K, D: side**2 * log2(K),
    mistakes=slips({
        "nats-for-bits": lambda side, K, D: side**2 * log(K),
        "log10-for-log2": lambda side, K, D: side**2 * log(K) / log(10),
        "one-token": lambda side, K, D: log2(K),
        "tokens-and-codes-swapped": lambda side, K, D: K * log2(side**2),
        "values-counted": lambda side, K, D: side**2 * K,
        "vectors-sent": lambda side, K, D: side**2 * D * log2(K),
        "one-side-only": lambda side, K, D: side * log2(K),
    }, see=RATE),
    hints=("How many bits tell one of K codes from the others?",
           "The codebook itself is known to both sides."),
)  # fmt: skip

UNIGRAM_BITS = Exercise(
    id="bits-with-a-unigram-prior",
    title="Codes that are not equally likely",
    kind="number",
    draw=lambda random: {"p": probabilities(random, 4), "T": drawn(random, (4, 9, 16, 25, 49))},
    statement=r"An image has $T = <T>$ tokens. The four codes are used with the frequencies $<p>$, "
    "in every place and whatever the other tokens are. How many bits does an image take on "
    "average, with the best prior?",
    unit="bits",
    truth=lambda p, T: T * entropy(p) / LN2,
    mistakes=slips({
        "uniform-rate": lambda p, T: T * 2,
        "one-token": lambda p, T: entropy(p) / LN2,
        "nats-for-bits": lambda p, T: T * entropy(p),
        "unweighted": lambda p, T: -T * sum(map(log2, p)),
        "uniform-weights": lambda p, T: -T * sum(map(log2, p)) / 4,
        "perplexity-per-token": lambda p, T: T * exp(entropy(p)),
    }, see=RATE),
    hints=("The best code for a token has, on average, the length of an entropy.",
           "Independent tokens add up."),
)  # fmt: skip

PRIOR_BITS = Exercise(
    id="bits-under-a-prior",
    title="Three tokens, one after the other",
    kind="number",
    draw=lambda random: {name: on_grid(random, 0.05, 0.95, 0.05) for name in "abc"},
    statement=r"An autoregressive prior gives the three tokens of an image "
    r"$p(k_1) = <a>$, $p(k_2 \mid k_1) = <b>$ and $p(k_3 \mid k_1, k_2) = <c>$. How many bits do "
    "the tokens take under this prior?",
    unit="bits",
    truth=lambda a, b, c: -log2(a * b * c),
    mistakes=slips({
        "nats-for-bits": lambda a, b, c: -log(a * b * c),
        "log-probability": lambda a, b, c: log2(a * b * c),
        "bits-per-token": lambda a, b, c: -log2(a * b * c) / 3,
        "last-token-only": lambda a, b, c: -log2(c),
        "probabilities-averaged": lambda a, b, c: -3 * log2((a + b + c) / 3),
        "probability-given": lambda a, b, c: a * b * c,
    }, see=TOKENS),
    hints=("What is the probability of all three together?", "Each costs −log₂ of its share."),
)  # fmt: skip

ELBO_NUMBER = Exercise(
    id="elbo-of-a-vq-vae",
    title="The ELBO of a VQ-VAE",
    kind="number",
    draw=lambda random: {"r": on_grid(random, -90, -10),
                         "K": drawn(random, (16, 32, 64, 100, 128, 256, 512)),
                         "T": drawn(random, (4, 9, 16, 49))},
    statement=r"For an image $\log p(x \mid z_q) = <r>$ nats. It has $T = <T>$ tokens from a "
    r"codebook of $K = <K>$ codes, and the prior is uniform. What is the ELBO?",
    unit="nats",
    truth=lambda r, K, T: r - T * log(K),
    mistakes=slips({
        "prior-as-reward": lambda r, K, T: r + T * log(K),
        "bits-in-nats": lambda r, K, T: r - T * log2(K),
        "one-token-paid": lambda r, K, T: r - log(K),
        "tokens-free": lambda r, K, T: r,
        "roles-of-sizes-swapped": lambda r, K, T: r - K * log(T),
        "loss-for-elbo": lambda r, K, T: T * log(K) - r,
        "bits-for-nats": lambda r, K, T: (r - T * log(K)) / LN2,
    }, see=VQ_ELBO),
    hints=("q is certain of its codes; what is its divergence to a uniform prior?",
           "The divergences of the tokens add up."),
)  # fmt: skip

CONSTANT_KL = Exercise(
    id="what-a-constant-kl-excludes",
    title="What a constant KL excludes",
    kind="choice",
    statement=r"With a uniform prior the KL of a VQ-VAE is $T \log K$ for every image, in every "
    "step of training. What follows?",
    truth="Nothing about how many codes are in use",
    mistakes=(
        Mistake("no-collapse", "The code cannot collapse, since a collapsed code has the KL 0",
                "All images may have the same token: the KL is log K then, and the token says "
                "nothing.", VQ_ELBO),
        Mistake("full-information", "The tokens hold T log K nats of information on the image",
                "That is the most that they can hold. Codes that are not in use hold none.",
                RATE),
        Mistake("all-codes-used", "All codes are used equally often, as the prior asks",
                "The KL of each image is log K for a token, whichever code it is.", PERPLEXITY),
        Mistake("decoder-listens", "The decoder has to use the tokens, because they are paid for",
                "They are paid for in any case: a constant leaves the gradient as it is.",
                VQ_ELBO),
    ),
    hints=("What would the KL be if all images had the same token?",),
)  # fmt: skip

CODEBOOK = (
    NEAREST, WHAT_IS_RETURNED, LOSS, STOP_GRADIENTS, WHO_MOVES, ENCODER_GRADIENT, CODE_GRADIENT,
    LOOKUP_DERIVATIVE, AFTER, EMA_STEP, FORMULA_EMA, EMA_LOSS, DEAD, REVIVED, PERPLEXITY_NUMBER,
    GRID_BITS, UNIGRAM_BITS, PRIOR_BITS, ELBO_NUMBER, CONSTANT_KL,
)  # fmt: skip
