"""Exercises on levels of tokens: bits, what is read and what is followed, and other quantizers."""

from math import atan2, cos, hypot, log2, prod, sin, tanh
from random import Random

from course_lib.exercises.bank_priors import Vector, wrong
from course_lib.exercises.bank_regularised import numbers
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid, probabilities

BOTH = "Look at the two grids in chapter 14, (VQ2.1)."
BITS = "Look at the bits of the levels in chapter 14, (VQ2.3)."
FOLLOW = "Look at whom a picture follows in chapter 14, (VQ2.4)."
BELOW = "Look at the bottom under its top in the laboratory of chapter 14, (VQ2.6)."
REJECT = "Look at what is kept in the laboratory of chapter 14 and at (APP.4)."
RESIDUAL = "Look at what is left over in the laboratory of chapter 14, (VQ2.7)."
SCALAR = "Look at a codebook without a codebook in the laboratory of chapter 14, (VQ2.8)."
TURNED = "Look at the turned gradient in the laboratory of chapter 14, (VQ2.9)."


def entropy(p: Vector) -> float:
    return -sum(x * log2(x) for x in p if x > 0)


def nearest(z: float, codes: Vector) -> float:
    return min(codes, key=lambda code: abs(z - code))


def places(z: Vector, L: Vector) -> Vector:
    return tuple(round((n - 1) / 2 * (1 + tanh(x))) for x, n in zip(z, L, strict=True))


def index(k: Vector, L: Vector) -> float:
    return sum(place * prod(L[:j]) for j, place in enumerate(k))


def turned(z: Vector, e: Vector, g: Vector, back: float = 1, stretch: float = 1) -> float:
    """The first number of λ R^(−back) g, with λ to a power."""
    angle = back * (atan2(z[1], z[0]) - atan2(e[1], e[0]))
    scale = (hypot(*e) / hypot(*z)) ** stretch
    return scale * (cos(angle) * g[0] - sin(angle) * g[1])


def draw_scalars(random: Random) -> Parameters:
    while True:
        z, L = numbers(random, 3, -1.5, 1.5), numbers(random, 3, 3, 8, 1)
        exact = [(n - 1) / 2 * (1 + tanh(x)) for x, n in zip(z, L, strict=True)]
        if all(abs(x - round(x)) < 0.4 for x in exact):  # no tie
            return {"z": z, "L": L}


def draw_residual(random: Random) -> Parameters:
    return {"z": on_grid(random, -3, 3, 0.01), "e": numbers(random, 4, -3, 3, 0.01),
            "f": numbers(random, 4, -0.8, 0.8, 0.01)}  # fmt: skip


COMPRESSION = Exercise(
    id="bits-of-two-grids",
    title="A picture in two grids",
    kind="number",
    draw=lambda random: {"s": 32 * on_grid(random, 4, 12, 1), "K": on_grid(random, 100, 900, 50),
                         "J": on_grid(random, 120, 1020, 50)},
    statement="A photograph of <s> × <s> pixels has three bytes a pixel. A VQ-VAE-2 writes it with a "
    "bottom grid whose sides are a quarter of the picture's, with <K> codes, and a top grid of an eighth "
    "of them, with <J> codes. By which factor does that shrink the number of bits?",
    truth=lambda s, K, J: 24 / (log2(K) / 16 + log2(J) / 64),
    mistakes=wrong(BITS, {
        "values-for-bits": ("Values were counted and not bits.",
                            lambda s, K, J: 3 / (1 / 16 + 1 / 64)),
        "bottom-alone": ("The decoder needs the top as well.", lambda s, K, J: 24 * 16 / log2(K)),
        "top-alone": ("The decoder needs the bottom as well.", lambda s, K, J: 24 * 64 / log2(J)),
        "ratios-averaged": ("The ratios of both grids were averaged; it is their bits that add up.",
                            lambda s, K, J: 12 * (16 / log2(K) + 64 / log2(J))),
        "sides-for-areas": ("A grid with half the sides has a quarter of the tokens.",
                            lambda s, K, J: 24 / (log2(K) / 4 + log2(J) / 8)),
        "codebooks-swapped": ("The two codebooks changed places.",
                              lambda s, K, J: 24 / (log2(J) / 16 + log2(K) / 64)),
        "colours-forgotten": ("A pixel has three bytes.",
                              lambda s, K, J: 8 / (log2(K) / 16 + log2(J) / 64)),
    }),
    hints=("How many tokens has each grid for each pixel?", "A token of K codes takes log₂ K bits."),
)  # fmt: skip

GRIDS = Exercise(
    id="tokens-of-three-levels",
    title="Tokens of three levels",
    kind="number",
    integer=True,
    draw=lambda random: {"s": 32 * on_grid(random, 4, 18, 1)},
    statement="A picture has <s> × <s> pixels. The bottom grid of a VQ-VAE-2 has an eighth of its sides, "
    "and each of the two levels above half the sides of the one below. How many tokens has "
    "the picture?",
    truth=lambda s: 21 * (s / 32) ** 2,
    mistakes=wrong(BITS, {
        "bottom-alone": ("The levels above have tokens, too.", lambda s: (s / 8) ** 2),
        "two-levels": ("There are two levels above the bottom.",
                       lambda s: (s / 8) ** 2 + (s / 16) ** 2),
        "numbers-halved": ("Half the sides is a quarter of the tokens.",
                           lambda s: (s / 8) ** 2 * 1.75),
        "sides-added": ("These are the sides of the grids; a grid has an area.",
                        lambda s: s / 8 + s / 16 + s / 32),
        "top-alone": ("This is the top alone.", lambda s: (s / 32) ** 2),
    }),
    hints=("The sides of the three grids are s/8, s/16 and s/32.",),
)  # fmt: skip

BITS_FORMULA = Exercise(
    id="formula-bits-of-two-levels",
    title="Bits as a function of the side",
    kind="formula",
    unit="bits",
    draw=lambda random: {"a": on_grid(random, 6, 12, 1), "b": on_grid(random, 3, 9, 1)},
    statement="A picture has $s \\times s$ pixels. The bottom grid has a quarter of its sides and $2^{<b>}$ "
    "codes, the top grid an eighth and $2^{<a>}$ codes. How many bits does it take, with all codes "
    "equally probable?",
    domain={"s": (64.0, 512.0)},
    truth=lambda s, a, b: s**2 * (b / 16 + a / 64),
    mistakes=wrong(BITS, {
        "sides-for-areas": ("A grid has an area.", lambda s, a, b: s * (b / 4 + a / 8)),
        "grids-alike": ("The top has a smaller grid.", lambda s, a, b: s**2 * (a + b) / 16),
        "bottom-alone": ("The top costs something, too.", lambda s, a, b: s**2 * b / 16),
        "codes-for-bits": ("2ᵇ codes take b bits.", lambda s, a, b: s**2 * (2**b / 16 + 2**a / 64)),
        "levels-swapped": ("The codes of the levels changed places.",
                           lambda s, a, b: s**2 * (a / 16 + b / 64)),
        "per-pixel": ("These are the bits for each pixel.", lambda s, a, b: b / 16 + a / 64),
    }),
    hints=("How many tokens has a grid of s/4 × s/4?",),
)  # fmt: skip

BELOW_TOP = Exercise(
    id="bottom-given-the-top",
    title="The bottom under its top",
    kind="number",
    unit="bits",
    draw=lambda random: {"p": probabilities(random, 4)},
    statement="Top and bottom have one token each, of two codes. The pairs (top, bottom) = (0, 0), (0, 1), "
    "(1, 0), (1, 1) have the probabilities <p>. What does the bottom cost on average for someone who "
    "knows the top, with the best prior?",
    truth=lambda p: entropy(p) - entropy((p[0] + p[1], p[2] + p[3])),
    mistakes=wrong(BELOW, {
        "top-unknown": ("This is what the bottom costs without its top.",
                        lambda p: entropy((p[0] + p[2], p[1] + p[3]))),
        "both-given": ("This is what both cost together.", lambda p: entropy(p)),
        "top-given": ("This is what the top costs.", lambda p: entropy((p[0] + p[1], p[2] + p[3]))),
        "information-given": ("This is what the top saves, and not what is left.",
                              lambda p: entropy((p[0] + p[2], p[1] + p[3]))
                              + entropy((p[0] + p[1], p[2] + p[3])) - entropy(p)),
        "levels-swapped": ("This is the top for someone who knows the bottom.",
                           lambda p: entropy(p) - entropy((p[0] + p[2], p[1] + p[3]))),
        "tops-weighed-alike": ("Both tops were given the same weight.",
                               lambda p: (entropy((p[0] / (p[0] + p[1]), p[1] / (p[0] + p[1])))
                                          + entropy((p[2] / (p[2] + p[3]), p[3] / (p[2] + p[3]))))
                               / 2),
        "nats-for-bits": ("This is in nats.",
                          lambda p: (entropy(p) - entropy((p[0] + p[1], p[2] + p[3])))
                          * 0.6931471805599453),
    }),
    hints=("H(top, bottom) = H(top) + H(bottom | top).",),
)  # fmt: skip

FOLLOWED = Exercise(
    id="whom-a-picture-follows",
    title="Whom a picture follows",
    kind="number",
    draw=lambda random: {"v": on_grid(random, 0.8, 1.3), "w": on_grid(random, 0.7, 1.4),
                         "r": on_grid(random, 0.2, 0.5), "c": on_grid(random, 0.3, 0.9, 0.01),
                         "d": on_grid(random, 0.2, 0.8, 0.01)},
    statement="Over pairs of faces, in which alike faces were put together, the factor has the variance <v> "
    "in the faces of the top and <w> in those of the bottom, and the covariance of the two is <r>. What "
    "is read from the decoded pictures has the covariance <c> with the factor of the top and <d> "
    "with that of the bottom. What is $s_\\text{top}$?",
    truth=lambda v, w, r, c, d: (c * w - d * r) / (v * w - r**2),
    mistakes=wrong(FOLLOW, {
        "bottom-ignored": ("The bottom was left out of the fit, and its part came to the top.",
                           lambda v, w, r, c, d: c / v),
        "bottom-given": ("This is the weight of the bottom.",
                         lambda v, w, r, c, d: (d * v - c * r) / (v * w - r**2)),
        "covariance-given": ("This is a covariance, not a weight.", lambda v, w, r, c, d: c),
        "correlation-ignored-below": ("The determinant is v w − r², not v w.",
                                      lambda v, w, r, c, d: (c * w - d * r) / (v * w)),
        "share-given": ("This is a share of the two covariances.",
                        lambda v, w, r, c, d: c / (c + d)),
        "sign-of-the-covariance": ("The covariance of the two entered with the wrong sign.",
                                   lambda v, w, r, c, d: (c * w + d * r) / (v * w - r**2)),
    }),
    hints=("Two equations: the covariances of both sides with each of the two factors.",),
)  # fmt: skip

LEFT_OVER = Exercise(
    id="sum-of-two-codes",
    title="What is left over",
    kind="number",
    draw=draw_residual,
    statement="A residual quantizer has two codebooks of four numbers each, $<e>$ and then $<f>$. The encoder "
    "gives $z_e = <z>$. What is $z_q$?",
    truth=lambda z, e, f: nearest(z, e) + nearest(z - nearest(z, e), f),
    mistakes=wrong(RESIDUAL, {
        "first-alone": ("The second codebook was left out.", lambda z, e, f: nearest(z, e)),
        "second-of-the-same": ("The second codebook gets what is left over, not z itself.",
                               lambda z, e, f: nearest(z, e) + nearest(z, f)),
        "second-alone": ("The codes are added.", lambda z, e, f: nearest(z - nearest(z, e), f)),
        "subtracted": ("The second code was subtracted.",
                       lambda z, e, f: nearest(z, e) - nearest(z - nearest(z, e), f)),
        "rest-turned": ("What is left over is z − e, not e − z.",
                        lambda z, e, f: nearest(z, e) + nearest(nearest(z, e) - z, f)),
        "rest-given": ("This is what is left over in the end.",
                       lambda z, e, f: z - nearest(z, e) - nearest(z - nearest(z, e), f)),
        "all-pairs": ("All pairs were tried; the quantizer chooses one code after the other.",
                      lambda z, e, f: min((a + b for a in e for b in f), key=lambda q: abs(z - q))),
    }),
    hints=("First the nearest of the first codebook.", "The second one quantizes z_e − e."),
)  # fmt: skip

PLAIN_BOOK = Exercise(
    id="codes-of-a-residual-quantizer",
    title="A codebook for the same bits",
    kind="number",
    integer=True,
    draw=lambda random: {"K": on_grid(random, 4, 21, 1), "D": 3},
    statement="A residual quantizer has <D> codebooks with <K> codes each. How many codes would a plain "
    "quantizer need for the same number of bits?",
    truth=lambda K, D: K**D,
    mistakes=wrong(RESIDUAL, {
        "codes-added": ("That many codes are stored; the sums that can be formed are more.",
                        lambda K, D: K * D),
        "one-book": ("This is one of the codebooks.", lambda K, D: K),
        "one-too-few": ("One codebook was forgotten.", lambda K, D: K ** (D - 1)),
        "doubled": ("A codebook more multiplies the choices by K, and not by 2.",
                    lambda K, D: K * 2 ** (D - 1)),
    }),
    hints=("Bits add up: D · log₂ K.",),
)  # fmt: skip

SCALAR_INDEX = Exercise(
    id="index-of-a-scalar-code",
    title="An index without a codebook",
    kind="number",
    integer=True,
    draw=draw_scalars,
    statement="A finite scalar quantizer with the levels $L = <L>$ gets $z_e = <z>$. The first number counts "
    "in ones, the second in steps of $L_1$, the third in steps of $L_1 L_2$. What is the index "
    "$k$?",
    truth=lambda z, L: index(places(z, L), L),
    mistakes=wrong(SCALAR, {
        "without-tanh": ("z was cut to [−1, 1]; the tanh bounds it.",
                         lambda z, L: index(tuple(round((n - 1) / 2 * (1 + max(-1, min(1, x))))
                                                  for x, n in zip(z, L, strict=True)), L)),
        "one-place-too-many": ("L places have L − 1 steps between them.",
                               lambda z, L: index(tuple(round(n / 2 * (1 + tanh(x)))
                                                        for x, n in zip(z, L, strict=True)), L)),
        "order-turned": ("The first number was taken for the slowest.",
                         lambda z, L: index(places(z, L)[::-1], L[::-1])),
        "rounded-down": ("It was rounded down; the nearest place is asked for.",
                         lambda z, L: index(tuple(int((n - 1) / 2 * (1 + tanh(x)))
                                                  for x, n in zip(z, L, strict=True)), L)),
        "places-added": ("The places were added up without their steps.",
                         lambda z, L: sum(places(z, L))),
        "counted-from-one": ("It counts from 0.", lambda z, L: index(places(z, L), L) + 1),
    }),
    hints=("k_j = round((L_j − 1)/2 · (1 + tanh z_j)).", "k = k₁ + L₁ k₂ + L₁ L₂ k₃."),
)  # fmt: skip

TURNED_GRADIENT = Exercise(
    id="gradient-turned-back",
    title="The gradient turned back",
    kind="number",
    draw=lambda random: {"z": (on_grid(random, 0.4, 2), on_grid(random, -1.5, 1.5, 0.2)),
                         "e": (on_grid(random, 0.5, 2.5), on_grid(random, -1.4, 1.6, 0.2)),
                         "g": (on_grid(random, 0.5, 2), on_grid(random, -2, 2, 0.3))},
    statement="The encoder gives $z_e = <z>$, the nearest code is $e = <e>$, and the loss has the gradient "
    "$<g>$ at $z_q$. What is the first number of the gradient that the rotation trick gives to "
    "$z_e$?",
    truth=turned,
    mistakes=wrong(TURNED, {
        "straight-through": ("This is the gradient copied straight through.",
                             lambda z, e, g: g[0]),
        "turned-the-wrong-way": ("On the way back it is turned back, from e to z.",
                                 lambda z, e, g: turned(z, e, g, back=-1)),
        "stretch-forgotten": ("The stretch ‖e‖/‖z_e‖ was left out.",
                              lambda z, e, g: turned(z, e, g, stretch=0)),
        "stretch-turned": ("The stretch is upside down; a derivative is multiplied by it.",
                           lambda z, e, g: turned(z, e, g, stretch=-1)),
        "stretch-alone": ("It was stretched, but not turned.",
                          lambda z, e, g: turned(z, e, g, back=0)),
        "second-number": ("This is the second number.",
                          lambda z, e, g: turned(z, e, (g[1], -g[0]))),
    }),
    hints=("z_q = λ R z_e, with λ and R held fast.", "The gradient at z_e is λ Rᵀ g."),
)  # fmt: skip

KEPT = Exercise(
    id="precision-after-rejection",
    title="What is good among what is kept",
    kind="number",
    draw=lambda random: {"p": on_grid(random, 0.3, 0.8, 0.05), "a": on_grid(random, 0.5, 0.95, 0.05),
                         "b": on_grid(random, 0.05, 0.45, 0.05)},
    statement="Of the samples of a model the share $<p>$ is good. A classifier keeps the share $<a>$ of the "
    "good ones and $<b>$ of the bad ones. Which share of the kept samples is good?",
    truth=lambda p, a, b: p * a / (p * a + (1 - p) * b),
    mistakes=wrong(REJECT, {
        "good-and-kept": ("This is the share that is good and kept, of all samples.",
                          lambda p, a, b: p * a),
        "kept-given": ("This is the share that is kept.", lambda p, a, b: p * a + (1 - p) * b),
        "share-of-the-good": ("This is the share of the good ones that is kept.",
                              lambda p, a, b: a),
        "base-rate-forgotten": ("The share of good samples before was left out.",
                                lambda p, a, b: a / (a + b)),
        "nothing-gained": ("This is their share before the rejection.", lambda p, a, b: p),
        "bad-among-kept": ("This is the share of bad ones.",
                           lambda p, a, b: (1 - p) * b / (p * a + (1 - p) * b)),
    }),
    hints=("Count, of a thousand samples, the good and the bad that are kept.",),
)  # fmt: skip

TOLD = Exercise(
    id="who-is-told-what",
    title="Who is told what",
    kind="choice",
    statement="In a VQ-VAE-2, what does the bottom level get to see before it is quantized?",
    truth="Its own features, and the codes of the top, decoded",
    mistakes=(
        Mistake("vectors-of-the-top", "Its own features, and the vectors of the top before quantization",
                "Whoever decodes has only the tokens: what lies between a vector and its code must not "
                "be built upon.", BOTH),
        Mistake("image-alone", "The image alone, as the top does",
                "Then it would say again what the top has said already.", BOTH),
        Mistake("codes-alone", "The codes of the top alone, of which it makes larger ones",
                "Then it could add nothing to what the top has said.", BOTH),
        Mistake("rebuilt-picture", "The difference between the image and what the top rebuilds",
                "No picture is rebuilt from the top alone; the decoder sees both levels at once.", BOTH),
    ),
    hints=("What can it add, and what need it not repeat?",),
)  # fmt: skip

READ = Exercise(
    id="read-or-followed",
    title="Read, or followed",
    kind="choice",
    statement="A probe reads the light in a face from the top tokens with $R^2 = 0.8$. A face is now decoded "
    "from these top tokens and the bottom tokens of a face that is lit from the other side. "
    "What is known about the light in the picture?",
    truth="Nothing yet: that something can be read there does not say that the decoder uses it",
    mistakes=(
        Mistake("follows-the-probe", "It comes mostly from the top, since the top holds it",
                "The bottom may hold it, too, and the decoder may listen to the bottom.", FOLLOW),
        Mistake("share-of-the-probe", "It comes to 80 % from the top",
                "R² says how well a regression guesses, and nothing about the decoder.", FOLLOW),
        Mistake("details-from-below", "It comes from the top, since light is global and the bottom is for "
                "details", "Nothing in the loss asks for that.", FOLLOW),
        Mistake("mean-of-both", "It is the mean of both lights",
                "Weights of ½ would have to be measured; they are usually not equal.", FOLLOW),
    ),
    hints=("Two different things were trained: the probe, and the decoder.",),
)  # fmt: skip

REJECTION = Exercise(
    id="what-rejection-costs",
    title="What rejection costs",
    kind="choice",
    statement="Of ten samples for a class, only that one is kept of which a classifier is surest. What "
    "happens to precision and recall?",
    truth="Precision rises, recall falls: what is unusual goes with what is wrong",
    mistakes=(
        Mistake("both-rise", "Both rise, since the samples get better",
                "Recall asks which real images are reached; unusual ones are the first to go.", REJECT),
        Mistake("recall-stays", "Precision rises, recall stays, since the model is the same",
                "What is kept is another distribution, a narrower one.", REJECT),
        Mistake("recall-rises", "Recall rises, precision stays, since ten times as many are drawn",
                "Nine of them are thrown away.", REJECT),
        Mistake("no-change", "Neither changes, since the classifier draws nothing",
                "It chooses, which changes what is left.", REJECT),
    ),
    hints=("Of which images of a class is a classifier surest?",),
)  # fmt: skip

HIERARCHY = (
    TOLD, COMPRESSION, READ, BELOW_TOP, GRIDS, FOLLOWED, BITS_FORMULA, KEPT, REJECTION, LEFT_OVER,
    PLAIN_BOOK, SCALAR_INDEX, TURNED_GRADIENT,
)  # fmt: skip
