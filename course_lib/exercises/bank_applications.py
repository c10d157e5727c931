"""Exercises on what a code is good for: outliers, attributes, measures of samples, ways of codes."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from math import dist, exp, log, log2, sqrt
from random import Random
from statistics import variance

from course_lib.exercises.bank_priors import Vector, wrong
from course_lib.exercises.bank_regularised import numbers
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid, probabilities

AUROC = "Look at the area under the curve in chapter 13, (APP.2)."
MEAN_IMAGE = "Look at the mean image in chapter 13, (APP.3)."
ATTRIBUTES = "Look at attributes that go together in chapter 13, (APP.1)."
NEAR = "Look at precision and recall in chapter 13, (APP.4)."
INCEPTION = "Look at the Inception score in chapter 13, (APP.5)."
FEW = "Look at the Fréchet distance of few pictures in chapter 13, (APP.6)."
CHEATS = "Look at the table of generators that cheat in chapter 13."
WAY = "Look at the length of a way in the laboratory of chapter 13, (APP.7)."
ENERGY = "Look at the energy of a way in the laboratory of chapter 13, (APP.8)."
ENDLESS = "Look at the line through 1/N in the laboratory of chapter 13, (APP.9)."


def mean(x: Iterable[float]) -> float:
    x = list(x)
    return sum(x) / len(x)


def above(strange: Vector, usual: Vector, tie: float = 0.5) -> float:
    """The share of pairs in which the strange one is higher, equal ones counted as `tie`."""
    won = sum((s > u) + tie * (s == u) for s in strange for u in usual)
    return won / (len(strange) * len(usual))


def below(usual: Vector, strange: Vector) -> float:
    """The same share, seen from the usual ones."""
    return above(strange, usual)


def best_threshold(strange: Vector, usual: Vector) -> float:
    """The largest mean of the shares that a threshold puts on the right side."""
    cuts = [mean(s >= t for s in strange) + mean(u < t for u in usual) for t in (*strange, *usual)]
    return max(cuts) / 2


def reach(points: Vector, i: int, k: int) -> float:
    """From a point to its k-th nearest neighbour among the others."""
    return sorted(abs(points[i] - p) for j, p in enumerate(points) if j != i)[k - 1]


def share_near(points: Vector, others: Vector, k: int = 1) -> float:
    """The share of the points that lie in the ball of one of the others."""
    balls = [(c, reach(others, i, k)) for i, c in enumerate(others)]
    return mean(any(abs(p - c) <= r for c, r in balls) for p in points)


def share_reaching(points: Vector, others: Vector) -> float:
    """The share of the points in whose own ball one of the others lies."""
    balls = [(c, reach(points, i, 1)) for i, c in enumerate(points)]
    return mean(any(abs(p - c) <= r for p in others) for c, r in balls)


def harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0


def kl_of(p: Vector, q: Vector) -> float:
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True))


def entropy(p: Vector) -> float:
    return -sum(a * log(a) for a in p)


def between(p: Vector, q: Vector) -> Vector:
    return tuple((a + b) / 2 for a, b in zip(p, q, strict=True))


def information(p: Vector, q: Vector) -> float:
    return (kl_of(p, between(p, q)) + kl_of(q, between(p, q))) / 2


def steps(*pictures: Vector) -> list[float]:
    return [dist(a, b) for a, b in pairwise(pictures)]


def spread_of(shares: Callable[[Vector, Vector], float], some: Vector, others: Vector) -> float:
    return variance(shares((x,), others) for x in some) / len(some)


def delong(u: Vector, s: Vector) -> float:
    return spread_of(above, s, u) + spread_of(below, u, s)


def draw_lists(random: Random) -> Parameters:
    """Five usual scores and four strange ones, at least two of them equal."""
    while True:
        u, s = numbers(random, 5, 1, 12, 1), numbers(random, 4, 4, 15, 1)
        if set(u) & set(s):
            return {"u": tuple(sorted(u)), "s": tuple(sorted(s))}


def draw_ranks(random: Random) -> Parameters:
    """Five usual scores and four strange ones, no two alike."""
    while True:
        scores = numbers(random, 9, 1, 30, 1)
        u, s = tuple(sorted(scores[:5])), tuple(sorted(scores[5:]))
        if len({*scores}) == 9 and 0.5 <= above(s, u) < 1:
            return {"u": u, "s": s}


def draw_points(random: Random) -> Parameters:
    """Six real points and five made ones on a line, no two alike; all shares equally often."""
    shares = on_grid(random, 1, 4, 1) / 5, on_grid(random, 1, 5, 1) / 6
    while True:
        points = numbers(random, 11, 1, 60, 1)
        real, made = tuple(sorted(points[:6])), tuple(sorted(points[6:]))
        if len({*points}) < 11 or share_near(made, real) != shares[0]:
            continue
        if share_near(real, made) == shares[1]:
            return {"real": real, "made": made}


def draw_counts(random: Random) -> Parameters:
    return {name: on_grid(random, 20, 400, 10) for name in ("a", "b", "c", "d")}


def draw_frechet(random: Random) -> Parameters:
    """Two values of the same line in 1/N."""
    N = on_grid(random, 100, 400, 50)
    limit, slope = on_grid(random, 0.5, 4, 0.1), on_grid(random, 100, 900, 10)
    M = N * on_grid(random, 2, 5, 1)
    return {"N": N, "f": round(limit + slope / N, 3), "M": M, "g": round(limit + slope / M, 3)}


TWO_LISTS = Exercise(
    id="auroc-of-two-lists",
    title="The area from two lists",
    kind="number",
    draw=draw_lists,
    statement="A score should be high for strange images. For five usual images it is $<u>$, for four "
    "strange ones $<s>$. What is its AUROC?",
    truth=lambda u, s: above(s, u),
    mistakes=wrong(AUROC, {
        "ties-lost": ("Equal scores were counted as a wrong order; they count half.",
                      lambda u, s: above(s, u, 0)),
        "ties-won": ("Equal scores were counted as a right order; they count half.",
                     lambda u, s: above(s, u, 1)),
        "turned-round": ("The pairs in which the usual image is higher were counted.",
                         lambda u, s: above(u, s)),
        "not-divided": ("This is a number of pairs; a share of all pairs was asked for.",
                        lambda u, s: above(s, u) * len(u) * len(s)),
        "best-threshold": ("This is what the best threshold gets right, the two kinds weighing the "
                           "same; the area has no threshold.",
                           lambda u, s: best_threshold(s, u)),
        "above-all": ("The strange images above all usual ones were counted; each pair counts.",
                      lambda u, s: mean(x > max(u) for x in s)),
        "above-the-mean": ("The strange images above the mean of the usual ones were counted; "
                           "each pair counts.", lambda u, s: mean(x > mean(u) for x in s)),
    }),
    hints=("How many pairs of a strange and a usual image are there?",
           "In how many of them is the strange one higher? Equal scores count half."),
)  # fmt: skip

TURNED_ROUND = Exercise(
    id="auroc-turned-round",
    title="Another score of the same order",
    kind="number",
    draw=lambda random: {"A": on_grid(random, 0.55, 0.97, 0.001), "t": on_grid(random, 0.5, 3)},
    statement="A score $s > 0$ has the AUROC $<A>$. What is the AUROC of the score "
    r"$e^{-s / <t>}$, on the same images, without ties?",
    truth=lambda A, t: 1 - A,
    mistakes=wrong(AUROC, {
        "order-kept": ("The new score falls where the old one rises.", lambda A, t: A),
        "transformed-as-a-score": ("The area was transformed as if it were a score.",
                                   lambda A, t: exp(-A / t)),
        "sign-turned": ("An area is no score whose sign turns.", lambda A, t: -A),
        "turned-about-0": ("The area was turned round at 0; a score that knows nothing has ½.",
                           lambda A, t: 1 - 2 * A),
        "odds-given": ("This is the ratio of wrong to right pairs, not a share of all.",
                       lambda A, t: (1 - A) / A),
        "log-for-exp": ("The temperature was applied to the area; only the order counts.",
                        lambda A, t: 1 - A / t),
    }),
    hints=("What does the transformation do to the order of two images?",
           "Each pair that was right is wrong now."),
)  # fmt: skip

CARRIES = Exercise(
    id="difference-of-means-carries",
    title="What a difference of means carries along",
    kind="number",
    draw=draw_counts,
    statement="Of the labelled faces <a> smile and wear glasses, <b> smile without, <c> wear glasses "
    r"and do not smile, and <d> do neither. A smile moves the mean code by $v_s$ and glasses move it "
    r"by $v_g$, and the two add. The difference of the means of smiling and other faces is "
    r"$v_s + c\,v_g$. What is $c$?",
    truth=lambda a, b, c, d: a / (a + b) - c / (c + d),
    mistakes=wrong(ATTRIBUTES, {
        "others-forgotten": ("The faces that do not smile wear glasses, too.",
                             lambda a, b, c, d: a / (a + b)),
        "attributes-swapped": ("These are the shares of smiles, with glasses and without.",
                               lambda a, b, c, d: a / (a + c) - b / (b + d)),
        "correlation-given": ("This is the correlation of the two labels.",
                              lambda a, b, c, d: (a * d - b * c)
                              / sqrt((a + b) * (c + d) * (a + c) * (b + d))),
        "shares-of-all": ("The counts were divided by the number of all faces; a mean divides by "
                          "the number of its own.",
                          lambda a, b, c, d: (a - c) / (a + b + c + d)),
        "nothing-carried": ("This would be so if glasses were as common with a smile as without.",
                            lambda a, b, c, d: 0.0),
        "other-way-round": ("The means were subtracted the other way round.",
                            lambda a, b, c, d: c / (c + d) - a / (a + b)),
        "ratio-given": ("The shares were divided; means are subtracted.",
                        lambda a, b, c, d: (a / (a + b)) / (c / (c + d))),
    }),
    hints=("What share of the smiling faces wears glasses?",
           "Write down the mean code of each group and subtract."),
)  # fmt: skip

PRECISION_RECALL = Exercise(
    id="precision-and-recall",
    title="Precision and recall on a line",
    kind="number",
    draw=draw_points,
    statement="Each picture has one number as its feature: the real ones $<real>$, the made ones "
    "$<made>$. What is the harmonic mean $2PR / (P + R)$ of precision $P$ and recall $R$ with "
    "$k = 1$?",
    truth=lambda real, made: harmonic(share_near(made, real), share_near(real, made)),
    mistakes=wrong(NEAR, {
        "precision-given": ("This is the precision alone.",
                            lambda real, made: share_near(made, real)),
        "recall-given": ("This is the recall alone.", lambda real, made: share_near(real, made)),
        "plain-mean": ("The plain mean was taken, not the harmonic one.",
                       lambda real, made: (share_near(made, real) + share_near(real, made)) / 2),
        "own-balls": ("Each point was given a ball of its own and asked whether it holds one of the "
                      "others; it must lie in one of theirs.",
                      lambda real, made: harmonic(share_reaching(made, real),
                                                  share_reaching(real, made))),
        "two-neighbours": ("The balls reach to the second neighbour; k is 1.",
                           lambda real, made: harmonic(share_near(made, real, 2),
                                                       share_near(real, made, 2))),
        "product-given": ("The two were multiplied.",
                          lambda real, made: share_near(made, real) * share_near(real, made)),
    }),
    hints=("How far is it from each real point to the nearest other real point?",
           "Which made points lie within that distance of one of them? Then the other way round."),
)  # fmt: skip

INCEPTION_SCORE = Exercise(
    id="inception-score",
    title="An Inception score by hand",
    kind="number",
    draw=lambda random: {"p": probabilities(random, 3), "q": probabilities(random, 3)},
    statement="A generator draws two pictures, equally often. For the first one a classifier answers "
    "$p(y \\mid x) = <p>$, for the second one $<q>$. What is the Inception score?",
    truth=lambda p, q: exp(information(p, q)),
    mistakes=wrong(INCEPTION, {
        "logarithm-given": ("This is its logarithm.", lambda p, q: information(p, q)),
        "bits-in-exp": ("The divergence was taken in bits, and e for its base.",
                        lambda p, q: exp(information(p, q) / log(2))),
        "uniform-for-mean": ("The answers were compared with equal probabilities and not with "
                             "their mean.",
                             lambda p, q: exp(log(3) - (entropy(p) + entropy(q)) / 2)),
        "divergence-reversed": ("The divergences were taken the other way round.",
                                lambda p, q: exp((kl_of(between(p, q), p)
                                                  + kl_of(between(p, q), q)) / 2)),
        "sum-for-mean": ("The divergences were added; a mean was asked for.",
                         lambda p, q: exp(2 * information(p, q))),
        "classes-in-use": ("This is e to the entropy of the mean answer: it does not ask whether "
                           "each picture is clear.", lambda p, q: exp(entropy(between(p, q)))),
        "between-the-two": ("The first answer was compared with the second, not with the mean.",
                            lambda p, q: exp(kl_of(p, q))),
    }),
    hints=("p(y) is the mean of the two answers.",
           "A divergence for each picture, their mean, and then the exponential."),
)  # fmt: skip

FRECHET_BIAS = Exercise(
    id="frechet-bias",
    title="What is left between equal sets",
    kind="number",
    draw=lambda random: {"k": on_grid(random, 10, 64, 1), "t": on_grid(random, 5, 60, 0.5),
                         "N": on_grid(random, 50, 1000, 50), "M": on_grid(random, 100, 5000, 100)},
    statement="Two sets of <N> and of <M> pictures come from the same distribution. Their <k> features "
    r"have a covariance with the trace $<t>$. What is "
    r"$\mathbb E\,\lVert \hat m_1 - \hat m_2 \rVert^2$, the first part of their Fréchet distance, "
    "on average?",
    truth=lambda k, t, N, M: t / N + t / M,
    mistakes=wrong(FEW, {
        "equal-means": ("The means are equal; those of two finite sets are not.",
                        lambda k, t, N, M: 0.0),
        "sizes-added": ("The sizes were added; it is the variances of the two means that add.",
                        lambda k, t, N, M: t / (N + M)),
        "first-set-alone": ("Only the first set was counted.", lambda k, t, N, M: t / N),
        "root-of-the-size": ("A mean's variance falls with N, its deviation with the root.",
                             lambda k, t, N, M: t / sqrt(N) + t / sqrt(M)),
        "trace-times-features": ("The trace is a sum over all features already.",
                                 lambda k, t, N, M: k * t * (1 / N + 1 / M)),
        "mean-over-features": ("A squared distance is a sum over the features, not a mean.",
                               lambda k, t, N, M: t / k * (1 / N + 1 / M)),
        "root-given": ("This is a distance; the square was asked for.",
                       lambda k, t, N, M: sqrt(t / N + t / M)),
    }),
    hints=("What is the variance of a mean of N independent numbers?",
           "Add it over the features, and then for both sets."),
)  # fmt: skip

COPY = Exercise(
    id="what-catches-a-copy",
    title="A generator that copies",
    kind="choice",
    statement="A generator draws one of its 60,000 training images, each with the same probability. "
    "Its pictures are compared with new real images. What gives it away?",
    truth="The distance of its pictures to the nearest training image, which new real images keep",
    mistakes=(
        Mistake("by-frechet", "The Fréchet distance: it is far larger than that between two real sets",
                "Mean and covariance of the copies are those of real images.", CHEATS),
        Mistake("by-recall", "Recall: it makes nothing that is new",
                "The training images lie among the new ones as any real images do.", CHEATS),
        Mistake("by-inception", "The Inception score: it falls when pictures are copied",
                "Copies are as clear, and of as many classes, as what was copied.", CHEATS),
        Mistake("by-precision", "Precision: a copied picture lies in no ball of a new image",
                "A copy is a real picture: it lies in such a ball as often as any.", CHEATS),
    ),
    hints=("Which of these measures has ever seen the training images?",),
)  # fmt: skip

ONE_PICTURE = Exercise(
    id="one-picture-a-thousand-times",
    title="One picture, a thousand times",
    kind="choice",
    statement="A generator has learned a single real image by heart and draws it a thousand times. "
    "Which of these measures has no objection?",
    truth="Precision",
    mistakes=(
        Mistake("recall-content", "Recall",
                "Its balls have the radius 0: next to no real image lies in one.", NEAR),
        Mistake("inception-content", "The Inception score",
                "All answers of the classifier are the same, and so equal to their mean: the score is "
                "1, its smallest value.", INCEPTION),
        Mistake("frechet-content", "The Fréchet distance",
                "The covariance of the pictures is 0, and that of the real ones is not.", FEW),
        Mistake("none-content", "None of the measures of the chapter",
                "One of them asks only whether each picture by itself lies among real ones.", NEAR),
    ),
    hints=("Which measure looks at each picture by itself?",),
)  # fmt: skip

LENGTH = Exercise(
    id="length-of-a-way",
    title="How far a picture moves",
    kind="number",
    draw=lambda random: {name: numbers(random, 2, 0, 1) for name in ("a", "b", "c", "d")},
    statement="Along a way of codes a decoder draws four pictures of two pixels: $<a>$, $<b>$, $<c>$ and "
    "$<d>$. How long is the way, measured in the pictures?",
    truth=lambda a, b, c, d: sum(steps(a, b, c, d)),
    mistakes=wrong(WAY, {
        "ends-alone": ("This is the distance of the ends; the picture goes round about.",
                       lambda a, b, c, d: dist(a, d)),
        "squares-added": ("The squared distances were added.",
                          lambda a, b, c, d: sum(x**2 for x in steps(a, b, c, d))),
        "root-of-squares": ("The squared distances were added and then the root taken.",
                            lambda a, b, c, d: sqrt(sum(x**2 for x in steps(a, b, c, d)))),
        "absolute-values": ("The pixels' absolute differences were added in each step.",
                            lambda a, b, c, d: sum(abs(x - y) for p, q in pairwise((a, b, c, d))
                                                   for x, y in zip(p, q, strict=True))),
        "energy-given": ("This is the energy, which is not a length.",
                         lambda a, b, c, d: 3 * sum(x**2 for x in steps(a, b, c, d))),
        "mean-step": ("This is the mean of the steps.",
                      lambda a, b, c, d: sum(steps(a, b, c, d)) / 3),
    }),
    hints=("Four pictures, three steps.", "A Euclidean distance for each step."),
)  # fmt: skip

SPEED = Exercise(
    id="formula-energy-above-length",
    title="What an uneven way costs",
    kind="formula",
    draw=lambda random: {"a": on_grid(random, 0.5, 4), "b": on_grid(random, 0.5, 4)},
    statement="Along a way of three steps the picture moves by $<a>$, by $<b>$ and by $r$. By how much is "
    "the energy of the way larger than the square of its length?",
    domain={"r": (4.5, 9.0)},
    truth=lambda r, a, b: 3 * (a**2 + b**2 + r**2) - (a + b + r) ** 2,
    mistakes=wrong(ENERGY, {
        "steps-forgotten": ("The energy has the number of steps as a factor.",
                            lambda r, a, b: a**2 + b**2 + r**2 - (a + b + r) ** 2),
        "length-not-squared": ("The length was not squared.",
                               lambda r, a, b: 3 * (a**2 + b**2 + r**2) - (a + b + r)),
        "energy-given": ("This is the energy alone.", lambda r, a, b: 3 * (a**2 + b**2 + r**2)),
        "points-counted": ("Three steps have four points; the factor is the number of steps.",
                           lambda r, a, b: 4 * (a**2 + b**2 + r**2) - (a + b + r) ** 2),
        "other-way-round": ("The energy was subtracted from the square.",
                            lambda r, a, b: (a + b + r) ** 2 - 3 * (a**2 + b**2 + r**2)),
        "no-difference": ("They are equal only where all steps are.", lambda r, a, b: 0.0),
    }),
    hints=("The energy is T times the sum of the squared steps.",
           "The length is the sum of the steps."),
)  # fmt: skip

PALE = Exercise(
    id="error-of-a-pale-image",
    title="On the way to the mean image",
    kind="number",
    draw=lambda random: {"D": on_grid(random, 30, 60), "p": on_grid(random, -3, 3),
                         "q": on_grid(random, 0.5, 3), "t": on_grid(random, 0.1, 0.8, 0.05)},
    statement="A linear autoencoder keeps two principal components. An image $x$ has the squared "
    r"distance $<D>$ from the mean $\bar x$ of the training images, and the two components $<p>$ and "
    r"$<q>$. What is the squared reconstruction error of the paler image "
    r"$\bar x + <t>\,(x - \bar x)$?",
    truth=lambda D, p, q, t: t**2 * (D - p**2 - q**2),
    mistakes=wrong(MEAN_IMAGE, {
        "paleness-forgotten": ("This is the error of x itself.",
                               lambda D, p, q, t: D - p**2 - q**2),
        "not-squared": ("All distances shrink by this factor, squared ones by its square.",
                        lambda D, p, q, t: t * (D - p**2 - q**2)),
        "distance-given": ("This is the squared distance from the mean; what the components hold is "
                           "rebuilt.", lambda D, p, q, t: t**2 * D),
        "components-given": ("This is what is rebuilt; the error is what is left.",
                             lambda D, p, q, t: t**2 * (p**2 + q**2)),
        "components-not-squared": ("The components were not squared.",
                                   lambda D, p, q, t: t**2 * (D - p - q)),
        "from-the-mean": ("The rest of the way to the mean was taken.",
                          lambda D, p, q, t: (1 - t) ** 2 * (D - p**2 - q**2)),
        "root-given": ("This is the error; its square was asked for.",
                       lambda D, p, q, t: t * sqrt(D - p**2 - q**2)),
    }),
    hints=("What of x − x̄ is rebuilt, and what is lost?",
           "The autoencoder is linear about the mean: everything shrinks alike."),
)  # fmt: skip

ERROR_BAR = Exercise(
    id="error-of-an-auroc",
    title="The error of an area",
    kind="number",
    draw=draw_ranks,
    statement="A score is $<u>$ for five usual images and $<s>$ for four strange ones. What is the "
    "standard error of its AUROC, after DeLong?",
    truth=lambda u, s: sqrt(delong(u, s)),
    mistakes=wrong(AUROC, {
        "strange-alone": ("Only the strange images were counted as random; the usual ones are, too.",
                          lambda u, s: sqrt(spread_of(above, s, u))),
        "variance-given": ("This is the variance; its root was asked for.",
                           lambda u, s: delong(u, s)),
        "pairs-for-images": ("The pairs were taken for independent; an image is in many.",
                             lambda u, s: sqrt(above(s, u) * (1 - above(s, u)) / 20)),
        "n-for-n-less-one": ("The sums of squares were divided by N and M; a variance about a mean "
                             "that was measured divides by one less.",
                             lambda u, s: sqrt(0.75 * spread_of(above, s, u)
                                               + 0.8 * spread_of(below, u, s))),
        "errors-added": ("The errors of the two kinds were added; it is their squares that add.",
                         lambda u, s: sqrt(spread_of(above, s, u))
                         + sqrt(spread_of(below, u, s))),
    }),
    hints=("For each image the share of the other kind on the right side.",
           "The variance of these shares over the images, over their number; for both kinds."),
)  # fmt: skip

ENDLESS_SET = Exercise(
    id="frechet-without-end",
    title="To endless sets",
    kind="number",
    draw=draw_frechet,
    statement="The Fréchet distance of a generator is <f> with <N> pictures a set and <g> with <M>. It "
    "lies on a line in $1/N$. Which value has it for endless sets?",
    truth=lambda N, f, M, g: (M * g - N * f) / (M - N),
    mistakes=wrong(ENDLESS, {
        "larger-set-given": ("This is the value of the larger set; it is still too large.",
                             lambda N, f, M, g: g),
        "line-in-n": ("The line was drawn in N, to N = 0.",
                      lambda N, f, M, g: (M * f - N * g) / (M - N)),
        "weighed-mean": ("This is a mean of the two, and lies between them.",
                         lambda N, f, M, g: (N * f + M * g) / (N + M)),
        "slope-given": ("This is the slope.", lambda N, f, M, g: (f - g) / (1 / N - 1 / M)),
        "difference-subtracted": ("The difference of the two was subtracted once more, as if the "
                                  "steps of 1/N were equal.", lambda N, f, M, g: 2 * g - f),
        "line-in-roots": ("The line was drawn in 1/√N.", lambda N, f, M, g:
                          (sqrt(M) * g - sqrt(N) * f) / (sqrt(M) - sqrt(N))),
        "logarithms": ("The line was drawn in log N, to twice the larger set.",
                       lambda N, f, M, g: g + (g - f) / log2(M / N)),
    }),
    hints=("Two points (1/N, value) make a line.", "Where does it meet 1/N = 0?"),
)  # fmt: skip

APPLICATIONS = (
    TWO_LISTS, TURNED_ROUND, CARRIES, PRECISION_RECALL, INCEPTION_SCORE, FRECHET_BIAS, COPY,
    ERROR_BAR, PALE, LENGTH, SPEED, ONE_PICTURE, ENDLESS_SET,
)  # fmt: skip
