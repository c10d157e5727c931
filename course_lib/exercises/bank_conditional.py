"""Exercises on conditions and few labels: planes, bounds, where the class goes, and M2."""

from math import exp, log, sqrt
from random import Random

from course_lib.exercises.bank_normal import LN2, kl
from course_lib.exercises.bank_priors import Vector, wrong
from course_lib.exercises.bank_regularised import numbers
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid, probabilities

BOUND = "Look at the bound with a condition in chapter 12, (COND.1)."
PLAIN = "Look at the bound with one prior for all conditions in chapter 12, (COND.2)."
WHERE = "Look at where the class goes in chapter 12, (COND.3)."
KNOWN = "Look at a label that is known in chapter 12, (COND.4)."
MISSING = "Look at a label that is missing in chapter 12, (COND.5)."
WHOLE = "Look at the whole loss and its weight in chapter 12, (COND.6)."
TEACHER = "Look at what an image without a label teaches in the laboratory of chapter 12, (COND.7)."
GUMBEL = "Look at the Gumbel-softmax in the laboratory of chapter 12, (COND.8)."


def entropy(q: Vector) -> float:
    return -sum(p * log(p) for p in q)


def mean(q: Vector, losses: Vector) -> float:
    return sum(p * loss for p, loss in zip(q, losses, strict=True))


def softmax(values: Vector) -> Vector:
    top = max(values)
    parts = [exp(v - top) for v in values]
    return tuple(p / sum(parts) for p in parts)


def gumbel(u: float) -> float:
    return -log(-log(u))


def relaxed(logits: Vector, u: Vector, tau: float) -> float:
    return softmax(tuple((a + gumbel(v)) / tau for a, v in zip(logits, u, strict=True)))[0]


def draw_clouds(random: Random) -> Parameters:
    m, s = numbers(random, 2, -2, 2), numbers(random, 2, 0.3, 1.5)
    charged = (kl(m[0], s[0]) + kl(m[1], s[1])) / 2
    return {"m": m, "s": s, "rest": round(charged - on_grid(random, 0.1, 0.6, 0.0007), 4)}


def draw_unlabelled(random: Random) -> Parameters:
    return {"q": probabilities(random, 3), "L": numbers(random, 3, 20, 26)}


PLANES = Exercise(
    id="weights-of-label-planes",
    title="A label as planes",
    kind="number",
    integer=True,
    draw=lambda random: {"C": (1, 3)[int(2 * random.random())], "K": on_grid(random, 3, 12, 1),
                         "n": on_grid(random, 8, 24, 1), "k": 3},
    statement="A convolutional encoder takes images of <C> channels. The label, one of <K> classes, is "
    "concatenated to them: one-hot, spread to the size of the image. The first layer has <n> "
    "filters of <k> × <k> pixels, and a bias for each filter. How many weights and biases has it?",
    truth=lambda C, K, n, k: n * (C + K) * k**2 + n,
    mistakes=wrong(BOUND, {
        "label-forgotten": ("The planes of the label were left out.",
                            lambda C, K, n, k: n * C * k**2 + n),
        "one-plane": ("A one-hot label has a plane for each class, not one for all of them.",
                      lambda C, K, n, k: n * (C + 1) * k**2 + n),
        "biases-forgotten": ("The biases were left out.", lambda C, K, n, k: n * (C + K) * k**2),
        "channels-multiplied": ("The planes stand beside the channels; they do not multiply them.",
                                lambda C, K, n, k: n * C * (K + 1) * k**2 + n),
        "filter-in-one-dimension": ("A filter has a height and a width.",
                                    lambda C, K, n, k: n * (C + K) * k + n),
        "one-number-a-class": ("The label was given one number for each class and filter, as beside "
                               "a vector; a plane is filtered like any channel.",
                               lambda C, K, n, k: n * (C * k**2 + K) + n),
    }),
    hints=("How many channels does the layer see?",
           "Each filter has k × k numbers for each channel, and one bias."),
)  # fmt: skip

CONDITIONAL_BOUND = Exercise(
    id="bound-with-a-learned-prior",
    title="The bound with a prior for each class",
    kind="number",
    draw=lambda random: {"r": on_grid(random, 20, 90), "mu": on_grid(random, -2, 2),
                         "sigma": on_grid(random, 0.2, 0.9), "m": on_grid(random, -1.9, 2.1),
                         "s": on_grid(random, 0.5, 1.6)},
    statement=r"A conditional VAE has a code of one number and a learned prior. For an image $x$ of "
    r"the class $y$ the encoder answers $\mu = <mu>$, $\sigma = <sigma>$, the prior of this class is "
    r"$\mathcal N(m, s^2)$ with $m = <m>$, $s = <s>$, and $-\mathbb E_q[\log p(x \mid z, y)] = <r>$ "
    r"nats. What is the bound on $\log p(x \mid y)$?",
    unit="nats",
    truth=lambda r, mu, sigma, m, s: -r - kl(mu, sigma, m, s),
    mistakes=wrong(BOUND, {
        "standard-prior": ("The divergence to N(0, 1) was taken; the prior is that of the class.",
                           lambda r, mu, sigma, m, s: -r - kl(mu, sigma)),
        "divergence-reversed": ("The divergence was taken the other way round.",
                                lambda r, mu, sigma, m, s: -r - kl(m, s, mu, sigma)),
        "loss-given": ("This is the loss; the bound is its negative.",
                       lambda r, mu, sigma, m, s: r + kl(mu, sigma, m, s)),
        "divergence-added": ("The divergence was added; it is a price.",
                             lambda r, mu, sigma, m, s: -r + kl(mu, sigma, m, s)),
        "divergence-forgotten": ("The divergence was left out.",
                                 lambda r, mu, sigma, m, s: -r),
        "reconstruction-sign": ("The reconstruction has the wrong sign.",
                                lambda r, mu, sigma, m, s: r - kl(mu, sigma, m, s)),
        "width-of-the-prior-forgotten": ("The prior was moved to m, but its width taken as 1.",
                                         lambda r, mu, sigma, m, s: -r - kl(mu - m, sigma)),
    }),
    hints=("Which prior does the code of this image pay to?",
           "KL between two normals is (KL.10)."),
)  # fmt: skip

CLASS_IN_Z = Exercise(
    id="information-about-the-class",
    title="The class in the code",
    kind="number",
    draw=draw_clouds,
    statement="The codes of two classes, equally many, are normal clouds on a line, with the means "
    r"$<m>$ and the standard deviations $<s>$. The prior is $\mathcal N(0, 1)$, and "
    r"$\mathrm{KL}(q(z) \Vert p(z)) = <rest>$ nats for all codes together. How much does a code tell "
    "about its class?",
    unit="nats",
    truth=lambda m, s, rest: (kl(m[0], s[0]) + kl(m[1], s[1])) / 2 - rest,
    mistakes=wrong(WHERE, {
        "mean-divergence-given": ("This is what the prior charges; not all of it is about the class.",
                                  lambda m, s, rest: (kl(m[0], s[0]) + kl(m[1], s[1])) / 2),
        "divergences-added": ("The divergences of the classes were added; each has the weight ½.",
                              lambda m, s, rest: kl(m[0], s[0]) + kl(m[1], s[1]) - rest),
        "rest-added": ("The mismatch of all codes was added; it is the other part of the same sum.",
                       lambda m, s, rest: (kl(m[0], s[0]) + kl(m[1], s[1])) / 2 + rest),
        "bits-for-nats": ("This is the value in bits, and nats were asked for.",
                          lambda m, s, rest:
                          ((kl(m[0], s[0]) + kl(m[1], s[1])) / 2 - rest) / LN2),
        "all-of-the-class": ("This is the entropy of the class; clouds that overlap tell less.",
                             lambda m, s, rest: LN2),
        "means-alone": ("The widths of the clouds were left out.",
                        lambda m, s, rest: (m[0] ** 2 + m[1] ** 2) / 4 - rest),
        "variance-for-sigma": ("The standard deviations were taken for variances.",
                               lambda m, s, rest: (kl(m[0], sqrt(s[0]))
                                                   + kl(m[1], sqrt(s[1]))) / 2 - rest),
    }),
    hints=("What does the prior charge for the codes of one class, and on average?",
           "(COND.3) splits that into two parts, of which one is given."),
)  # fmt: skip

LABELLED = Exercise(
    id="loss-of-a-labelled-image",
    title="The loss of an image with its label",
    kind="number",
    draw=lambda random: {"r": on_grid(random, 20, 60), "mu": numbers(random, 2, -2, 2),
                         "sigma": numbers(random, 2, 0.2, 0.9),
                         "p": on_grid(random, 0.05, 0.4, 0.01)},
    statement=r"M2 encodes an image $x$ and its label $y$ as $\mu = <mu>$, $\sigma = <sigma>$, and "
    r"$-\mathbb E_q[\log p(x \mid z, y)] = <r>$ nats. The prior of the codes is $\mathcal N(0, I)$, "
    "and $p(y) = <p>$. What is $L(x, y)$?",
    unit="nats",
    truth=lambda r, mu, sigma, p: r + sum(map(kl, mu, sigma)) - log(p),
    mistakes=wrong(KNOWN, {
        "class-prior-forgotten": ("The prior of the classes was left out.",
                                  lambda r, mu, sigma, p: r + sum(map(kl, mu, sigma))),
        "class-prior-reversed": ("log p(y) was added; a rare class costs more.",
                                 lambda r, mu, sigma, p: r + sum(map(kl, mu, sigma)) + log(p)),
        "probability-for-logarithm": ("The probability was subtracted and not its logarithm.",
                                      lambda r, mu, sigma, p: r + sum(map(kl, mu, sigma)) - p),
        "divergence-forgotten": ("The divergence was left out.",
                                 lambda r, mu, sigma, p: r - log(p)),
        "divergence-averaged": ("The divergence is a sum over dimensions, not a mean.",
                                lambda r, mu, sigma, p: r + sum(map(kl, mu, sigma)) / 2 - log(p)),
        "bound-given": ("This is the bound; the loss is its negative.",
                        lambda r, mu, sigma, p: -r - sum(map(kl, mu, sigma)) + log(p)),
        "bits-for-the-class": ("The class was counted in bits.",
                               lambda r, mu, sigma, p: r + sum(map(kl, mu, sigma)) - log(p) / LN2),
    }),
    hints=("It bounds −log p(x, y), and not −log p(x | y).",
           "Reconstruction, divergence, and what the class costs."),
)  # fmt: skip

UNLABELLED = Exercise(
    id="loss-of-an-unlabelled-image",
    title="The loss of an image without a label",
    kind="number",
    draw=draw_unlabelled,
    statement="For an image without a label the classifier of M2 answers $q(y \\mid x) = <q>$. With "
    "each of the three classes the loss would be $L(x, y) = <L>$ nats, $\\log p(y)$ included. What "
    "is $U(x)$?",
    unit="nats",
    truth=lambda q, L: mean(q, L) - entropy(q),
    mistakes=wrong(MISSING, {
        "entropy-forgotten": ("The entropy of q(y|x) was left out.", lambda q, L: mean(q, L)),
        "entropy-reversed": ("The entropy was added: a doubt lowers the loss.",
                             lambda q, L: mean(q, L) + entropy(q)),
        "classes-alike": ("All classes were given the same weight.",
                          lambda q, L: sum(L) / 3 - entropy(q)),
        "most-probable-class": ("Only the most probable class was counted.",
                                lambda q, L: L[q.index(max(q))]),
        "best-q": ("This is the loss for the best q(y|x), which is not the classifier's.",
                   lambda q, L: min(L) - log(sum(exp(min(L) - loss) for loss in L))),
        "entropy-in-bits": ("The entropy was counted in bits.",
                            lambda q, L: mean(q, L) - entropy(q) / LN2),
        "smallest-loss": ("This is the smallest of the losses.", lambda q, L: min(L)),
    }),
    hints=("The losses are weighted with q(y|x).",
           "log q(y|x) stands in the bound as well: its mean is minus an entropy."),
)  # fmt: skip

UNLABELLED_FORMULA = Exercise(
    id="formula-loss-of-an-unlabelled-image",
    title="The loss as a function of the classifier",
    kind="formula",
    unit="nats",
    draw=lambda random: {"a": on_grid(random, 2, 4), "b": on_grid(random, 5, 9)},
    statement="There are two classes. For an image without a label $L(x, 1) = <a>$ nats and "
    "$L(x, 2) = <b>$ nats, and the classifier answers $q(1 \\mid x) = r$. What is $U(x)$, in nats?",
    domain={"r": (0.55, 0.95)},
    truth=lambda r, a, b: r * a + (1 - r) * b + r * log(r) + (1 - r) * log(1 - r),
    mistakes=wrong(MISSING, {
        "entropy-forgotten": ("The entropy was left out.", lambda r, a, b: r * a + (1 - r) * b),
        "entropy-reversed": ("The entropy has the wrong sign.",
                             lambda r, a, b:
                             r * a + (1 - r) * b - r * log(r) - (1 - r) * log(1 - r)),
        "half-an-entropy": ("The entropy has two terms; the one of the second class is missing.",
                            lambda r, a, b: r * a + (1 - r) * b + r * log(r)),
        "classes-swapped": ("The two classes changed places.",
                            lambda r, a, b:
                            (1 - r) * a + r * b + r * log(r) + (1 - r) * log(1 - r)),
        "classes-alike": ("Both classes were given the weight ½.",
                          lambda r, a, b: (a + b) / 2 + r * log(r) + (1 - r) * log(1 - r)),
        "logarithms-alone": ("The logarithms were added without their weights.",
                             lambda r, a, b: r * a + (1 - r) * b + log(r) + log(1 - r)),
    }),
    hints=("q(2|x) is 1 − r.", "A mean of L(x, y) + log q(y|x) under q(y|x)."),
)  # fmt: skip

BEST_ANSWER = Exercise(
    id="what-the-model-teaches",
    title="What the model teaches its classifier",
    kind="number",
    draw=lambda random: {"L": (on_grid(random, 21, 22.5), on_grid(random, 20, 23.2),
                               on_grid(random, 21.5, 24))},
    statement="For an image without a label M2 finds $L(x, y) = <L>$ nats for its three classes, "
    "$\\log p(y)$ included. Which $q(1 \\mid x)$ makes $U(x)$ smallest?",
    truth=lambda L: softmax(tuple(-loss for loss in L))[0],
    mistakes=wrong(TEACHER, {
        "sign-turned": ("A class with a larger loss got a larger probability.",
                        lambda L: softmax(L)[0]),
        "by-reciprocals": ("The probabilities were taken proportional to 1/L.",
                           lambda L: (1 / L[0]) / sum(1 / loss for loss in L)),
        "all-or-nothing": ("The class with the smallest loss got everything; the entropy speaks "
                           "against that.", lambda L: float(L[0] == min(L))),
        "base-two": ("The losses are in nats: the base is e.",
                     lambda L: softmax(tuple(-loss * LN2 for loss in L))[0]),
        "not-normalised": ("The probability of the first class was compared with the others and not "
                           "with all.", lambda L: 1 / sum(exp(L[0] - loss) for loss in L[1:])),
        "another-class": ("This is the probability of the second class.",
                          lambda L: softmax(tuple(-loss for loss in L))[1]),
        "indifferent": ("All classes were given the same probability.", lambda L: 1 / 3),
    }),
    hints=("U is a divergence of q(y|x) plus what does not depend on q.",
           "The best q(y|x) is proportional to exp(−L(x, y))."),
)  # fmt: skip

WEIGHT = Exercise(
    id="weight-of-a-label",
    title="The weight of one label",
    kind="number",
    draw=lambda random: {"N": on_grid(random, 1000, 60000, 500), "n": on_grid(random, 20, 500, 10),
                         "c": on_grid(random, 0.05, 0.5, 0.05)},
    statement=r"Kingma et al. weigh the mean of $-\log q(y \mid x)$ over the labelled images with "
    r"$\alpha = <c> \cdot N$, while the other terms are sums over all images. There are $N = <N>$ "
    "images, <n> of them with a label. In the course's loss, which is a mean over all "
    r"images, each labelled image has $-\log q(y \mid x)$ with a weight $\alpha$ of its own. How "
    "large must that be for the same loss, up to a factor?",
    truth=lambda N, n, c: c * N / n,
    mistakes=wrong(WHOLE, {
        "paper-value": ("This is the weight of the mean; a sum of n terms needs less for each.",
                        lambda N, n, c: c * N),
        "inverse-share": ("The share is turned over: the fewer labels, the more each one counts.",
                          lambda N, n, c: c * n / N),
        "constant-given": ("This is the weight that one image has if all are labelled.",
                           lambda N, n, c: c),
        "per-label-alone": ("The sum over all images became a mean as well.",
                            lambda N, n, c: c / n),
        "unlabelled-counted": ("All images count in the mean, those with a label, too.",
                               lambda N, n, c: c * (N - n) / n),
        "times-labels": ("It was multiplied by the number of labels.", lambda N, n, c: c * n),
    }),
    hints=("Divide the whole loss of the paper by N.",
           "A mean over n images gives each of them the weight 1/n."),
)  # fmt: skip

GUMBEL_SAMPLE = Exercise(
    id="gumbel-softmax-by-hand",
    title="A Gumbel-softmax sample",
    kind="number",
    draw=lambda random: {"q": on_grid(random, 0.2, 0.8, 0.05), "u": on_grid(random, 0.1, 0.9, 0.05),
                         "v": on_grid(random, 0.15, 0.85, 0.05),
                         "tau": on_grid(random, 0.5, 2, 0.1)},
    statement="A classifier gives the first of two classes the probability $<q>$. Two uniform draws "
    r"are $u_1 = <u>$ and $u_2 = <v>$, and the temperature is $\tau = <tau>$. What is the first "
    "entry of the Gumbel-softmax sample $y$?",
    truth=lambda q, u, v, tau: relaxed((log(q), log(1 - q)), (u, v), tau),
    mistakes=wrong(GUMBEL, {
        "temperature-multiplied": ("It was multiplied by the temperature; one divides.",
                                   lambda q, u, v, tau:
                                   relaxed((log(q), log(1 - q)), (u, v), 1 / tau)),
        "temperature-forgotten": ("The temperature was left out.",
                                  lambda q, u, v, tau: relaxed((log(q), log(1 - q)), (u, v), 1)),
        "noise-forgotten": ("There is no noise in it.",
                            lambda q, u, v, tau: softmax((log(q) / tau, log(1 - q) / tau))[0]),
        "noise-reversed": ("The noise has the wrong sign: g = −log(−log u).",
                           lambda q, u, v, tau: softmax(((log(q) - gumbel(u)) / tau,
                                                         (log(1 - q) - gumbel(v)) / tau))[0]),
        "uniform-noise": ("The uniform draws were added as they are.",
                          lambda q, u, v, tau: softmax(((log(q) + u) / tau,
                                                        (log(1 - q) + v) / tau))[0]),
        "probabilities-for-logits": ("Probabilities were taken for their logarithms.",
                                     lambda q, u, v, tau: relaxed((q, 1 - q), (u, v), tau)),
        "noise-not-cooled": ("The temperature divides the noise as well.",
                             lambda q, u, v, tau: softmax((log(q) / tau + gumbel(u),
                                                           log(1 - q) / tau + gumbel(v)))[0]),
    }),
    hints=("First the two Gumbel numbers, then a softmax.",
           "Of two classes only the difference of their logits counts."),
)  # fmt: skip

PROBE = Exercise(
    id="a-probe-against-chance",
    title="A probe against chance",
    kind="number",
    draw=lambda random: {"K": on_grid(random, 4, 12, 1), "n": on_grid(random, 200, 2000, 50),
                         "a": on_grid(random, 0.3, 0.6, 0.01)},
    statement="A linear probe reads the class from the codes of <n> test images. There are <K> "
    "classes, equally many images of each, and it is right for $<a>$ of them. A probe that knows "
    "nothing guesses, each image by itself. By how many of its standard errors is the probe above "
    "chance?",
    truth=lambda K, n, a: (a - 1 / K) / sqrt((1 / K) * (1 - 1 / K) / n),
    mistakes=wrong(WHERE, {
        "own-error": ("The standard error is that of the probe itself, and not of one that guesses.",
                      lambda K, n, a: (a - 1 / K) / sqrt(a * (1 - a) / n)),
        "number-forgotten": ("This is the deviation of one image; the error of a mean is smaller.",
                             lambda K, n, a: (a - 1 / K) / sqrt((1 / K) * (1 - 1 / K))),
        "chance-not-subtracted": ("Chance was not subtracted.",
                                  lambda K, n, a: a / sqrt((1 / K) * (1 - 1 / K) / n)),
        "coin-for-chance": ("Chance was taken as ½; there are more than two classes.",
                            lambda K, n, a: (a - 0.5) / sqrt(0.25 / n)),
        "root-forgotten": ("This was divided by a variance; its root is the error.",
                           lambda K, n, a: (a - 1 / K) / ((1 / K) * (1 - 1 / K) / n)),
        "difference-given": ("This is how far it is above chance, not in standard errors.",
                             lambda K, n, a: a - 1 / K),
    }),
    hints=("Guesses are right with the probability 1/K each.",
           "The share of n independent guesses has the variance p (1 − p) / n."),
)  # fmt: skip

WHERE_IT_GOES = Exercise(
    id="where-the-class-goes",
    title="Where the class goes",
    kind="choice",
    statement=r"A VAE and a conditional VAE with the prior $\mathcal N(0, I)$ are trained on the same "
    "digits; the second is told the class, in both networks. A linear probe of the same strength "
    "reads the class from the codes of each. What does it find?",
    truth="The class in the VAE's codes, and next to nothing in those of the conditional VAE",
    mistakes=(
        Mistake("class-separated", "The class in both, and more clearly in the conditional VAE's, whose "
                "clouds it separates",
                "The decoder knows the class already; a code that says it again pays for nothing.",
                WHERE),
        Mistake("class-in-neither", "The class in neither, as the prior is the same for all images",
                "A VAE's code must tell its decoder which digit it is, whatever the prior.", WHERE),
        Mistake("class-in-both-alike", "The class in both alike, as both encoders see the image",
                "What an encoder sees and what it is paid to keep are two things.", WHERE),
        Mistake("one-dimension", "The class in the conditional VAE's, in dimensions of its own",
                "Nothing asks for such dimensions; the condition has its own inputs.", WHERE),
    ),
    hints=("What does the decoder get from elsewhere?",
           "Each nat in z costs a nat."),
)  # fmt: skip

NEEDS_LABELS = Exercise(
    id="what-a-conditional-vae-needs",
    title="Images without a label",
    kind="choice",
    statement="Of 60,000 images 100 have a label. Can a conditional VAE, with the loss (COND.2), be "
    "trained on all of them?",
    truth="No: each image needs its y; what is needed is a q(y|x), and the sum over all classes",
    mistakes=(
        Mistake("plain-will-do", "Yes: it leverages labelled and unlabelled images alike",
                "Both of its networks take y as an input, which 59,900 images do not have.",
                MISSING),
        Mistake("zero-condition", "Yes: a missing label is a row of zeros, and the bound stays one",
                "A row of zeros is one more class, of all images without a label; the digits in it "
                "are not shared with the labelled ones.", MISSING),
        Mistake("average-label", "Yes: with y = (0.1, …, 0.1), since the bound is linear in y",
                "Networks are not linear in y, and the mean is over losses, not over labels.",
                MISSING),
        Mistake("labels-from-z", "Yes: the class is read from z afterwards",
                "z is what the encoder gives after it has been told y.", MISSING),
    ),
    hints=("What do its networks take as inputs?",),
)  # fmt: skip

CONDITIONAL = (
    PLANES, CONDITIONAL_BOUND, CLASS_IN_Z, WHERE_IT_GOES, PROBE, NEEDS_LABELS, LABELLED,
    UNLABELLED, UNLABELLED_FORMULA, WEIGHT, BEST_ANSWER, GUMBEL_SAMPLE,
)  # fmt: skip
