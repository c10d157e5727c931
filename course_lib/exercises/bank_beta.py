"""Exercises on the β-VAE: its loss, its budget, its rate, and what is said of its axes."""

from math import exp, log, nan, sqrt
from random import Random

from course_lib.exercises.bank_discrete import entropy
from course_lib.exercises.bank_latent import HIDDEN_BETA
from course_lib.exercises.bank_normal import LN2, kl, kl_sum, negated, not_squared
from course_lib.exercises.bank_regularised import mean, numbers
from course_lib.exercises.exercise import Exercise, Mistake, Parameters, on_grid, probabilities
from course_lib.exercises.mistakes import (
    BETA_LOSS,
    BUDGET,
    COMPLETENESS,
    GAP,
    KL_PARTS,
    LINEAR_RATE,
    SAP,
    STRATA,
    TC_LOSS,
    slips,
)

AXES = "Look at what picks the axes in chapter 8."
METRICS = "Look at how disentanglement is measured in chapter 8: (BVAE.7), (BVAE.15), (BVAE.16)."

Vector = tuple[float, ...]


def rate(variances: Vector, level: float) -> float:
    """Σᵢ max(0, ½ log(λᵢ/θ)) in nats: nothing is sent of what varies less than the level θ."""
    return sum(max(0.0, log(v / level) / 2) for v in variances)


def above(a: float, level: float) -> int:
    """How many of the 50 eigenvalues a, a/2, a/3, …, a/50 lie above the level."""
    return sum(a / i > level for i in range(1, 51))


def total_correlation(rho: float) -> float:
    """TC of two normals with the correlation ρ: −½ log(1 − ρ²) in nats."""
    return -log(1 - rho**2) / 2


def ranked(values: Vector) -> list[float]:
    return sorted(values, reverse=True)


def lead(values: Vector) -> float:
    """The largest value less the next."""
    return ranked(values)[0] - ranked(values)[1]


def draw_beta_vae(random: Random) -> Parameters:
    return {
        "r": on_grid(random, 20, 90),
        "D": (64, 196, 784)[int(3 * random.random())],
        "mu": numbers(random, 2, -2, 2),
        "sigma": numbers(random, 2, 0.2, 1.5),
        "beta": on_grid(random, 0.5, 8, 0.5),
    }


def draw_capacity(random: Random) -> Parameters:
    return {
        "r": on_grid(random, 20, 90),
        "kl": on_grid(random, 0.5, 12),
        "C": on_grid(random, 1, 12, 0.5),
        "gamma": on_grid(random, 5, 50, 5),
    }


def draw_multiplier(random: Random) -> Parameters:
    C, share = on_grid(random, 2, 10, 0.5), on_grid(random, 0.3, 1.8)
    return {
        "beta": on_grid(random, 0.5, 6),
        "C": C,
        "kl": round(share * C, 6),
        "eta": on_grid(random, 0.1, 0.5, 0.05),
    }


def draw_budget(random: Random) -> Parameters:
    return {
        "v": on_grid(random, 1, 9),
        "sigma": on_grid(random, 0.3, 1.5),
        "C": on_grid(random, 0.2, 1.5),
    }


def draw_spectrum(random: Random) -> Parameters:
    """Some dimensions in use and some not, and no level hit exactly: nobody has to decide a tie."""
    while True:
        a, sigma = on_grid(random, 5, 60), on_grid(random, 0.4, 1.6)
        beta = on_grid(random, 0.5, 6, 0.5)
        levels = (beta * sigma**2, sigma**2, beta * sigma, beta)
        no_tie = all(abs(a / level - round(a / level)) > 0.01 for level in levels)
        if no_tie and 5 <= above(a, levels[0]) <= 45:
            return {"a": a, "sigma": sigma, "beta": beta}


def draw_parts(random: Random) -> Parameters:
    parts = [on_grid(random, 0.2, 4) for _ in range(3)]
    return {
        "r": on_grid(random, 10, 60),
        "kl": round(sum(parts), 6),
        "information": parts[0],
        "marginals": parts[1],
        "beta": on_grid(random, 2, 10, 0.5),
    }


BETA_VAE_LOSS = Exercise(
    id="beta-vae-loss",
    title="The loss of a β-VAE",
    kind="number",
    draw=draw_beta_vae,
    statement=r"For one image $-\mathbb E_q[\log p(x \mid z)] = <r>$ nats, summed over <D> "
    r"pixels. The encoder returns $\mu = <mu>$ and $\sigma = <sigma>$, and the prior is "
    r"$\mathcal N(0, I)$. What is the loss of a β-VAE with $\beta = <beta>$?",
    unit="nats",
    truth=lambda r, D, mu, sigma, beta: r + beta * kl_sum(mu, sigma),
    mistakes=slips({
        "beta-ignored": lambda r, D, mu, sigma, beta: r + kl_sum(mu, sigma),
        "beta-on-reconstruction": lambda r, D, mu, sigma, beta: beta * r + kl_sum(mu, sigma),
        "beta-on-both": lambda r, D, mu, sigma, beta: beta * (r + kl_sum(mu, sigma)),
        "beta-per-pixel": lambda r, D, mu, sigma, beta: r + beta * kl_sum(mu, sigma) / D,
        "beta-times-pixels": lambda r, D, mu, sigma, beta: r + beta * kl_sum(mu, sigma) * D,
        "reconstruction-per-pixel": lambda r, D, mu, sigma, beta: r / D + beta * kl_sum(mu, sigma),
        "objective-for-loss": lambda r, D, mu, sigma, beta: -r - beta * kl_sum(mu, sigma),
        "minus-kl": lambda r, D, mu, sigma, beta: r - beta * kl_sum(mu, sigma),
        "mean-over-dimensions": lambda r, D, mu, sigma, beta: r + beta * kl_sum(mu, sigma) / 2,
        "mean-not-squared": lambda r, D, mu, sigma, beta:
            r + beta * (kl_sum(mu, sigma) + not_squared(*mu)),
        "square-of-negative": lambda r, D, mu, sigma, beta:
            r + beta * (kl_sum(mu, sigma) + negated(*mu)),
        "kl-lost-half": lambda r, D, mu, sigma, beta: r + 2 * beta * kl_sum(mu, sigma),
        "kl-swapped": lambda r, D, mu, sigma, beta: r + beta * sum(
            kl(0, 1, m, s) for m, s in zip(mu, sigma, strict=True)),
    }),
    hints=("Work out the divergence first: a sum over the two dimensions.",
           "Reconstruction and divergence are both sums, in nats; one of them is weighted."),
)  # fmt: skip

CAPACITY_LOSS = Exercise(
    id="loss-with-a-capacity",
    title="A capacity in the loss",
    kind="number",
    draw=draw_capacity,
    statement="A VAE is trained so that the KL is drawn to a capacity, as by Burgess et al. For a "
    r"batch the reconstruction error is $<r>$ nats and the KL $<kl>$ nats; the capacity is "
    r"$C = <C>$ nats and its weight $\gamma = <gamma>$. What is the loss?",
    unit="nats",
    truth=lambda r, kl, C, gamma: r + gamma * abs(kl - C),
    mistakes=slips({
        "sign-of-the-distance-kept": lambda r, kl, C, gamma: r + gamma * (kl - C),
        "one-sided": lambda r, kl, C, gamma: r + gamma * max(0.0, kl - C),
        "distance-squared": lambda r, kl, C, gamma: r + gamma * (kl - C) ** 2,
        "capacity-forgotten": lambda r, kl, C, gamma: r + gamma * kl,
        "kl-counted-too": lambda r, kl, C, gamma: r + kl + gamma * abs(kl - C),
        "distance-not-weighted": lambda r, kl, C, gamma: r + abs(kl - C),
    }),
    hints=("What is weighted is a distance between two numbers of nats.",
           "A KL below the capacity costs as much as one that is too large by the same amount."),
)  # fmt: skip

MULTIPLIER_STEP = Exercise(
    id="multiplier-of-a-budget",
    title="The multiplier of a budget",
    kind="number",
    draw=draw_multiplier,
    statement=r"A VAE may spend $C = <C>$ nats of KL, and the multiplier $\beta$ of this "
    r"constraint is learned. At every step $\log \beta$ moves by $\eta\, |\mathrm{KL} - C| / C$ "
    r"with $\eta = <eta>$, in the direction that brings the KL nearer to the budget. Before a step "
    r"$\beta = <beta>$, and the batch has a KL of $<kl>$ nats. What is $\beta$ afterwards?",
    truth=lambda beta, C, kl, eta: beta * exp(eta * (kl - C) / C),
    mistakes=slips({
        "excess-reversed": lambda beta, C, kl, eta: beta * exp(-eta * (kl - C) / C),
        "excess-not-relative": lambda beta, C, kl, eta: beta * exp(eta * (kl - C)),
        "excess-over-kl": lambda beta, C, kl, eta: beta * exp(eta * (kl - C) / kl),
        "budget-not-subtracted": lambda beta, C, kl, eta: beta * exp(eta * kl / C),
        "rate-forgotten": lambda beta, C, kl, eta: beta * exp((kl - C) / C),
        "step-added": lambda beta, C, kl, eta: beta + eta * (kl - C) / C,
        "exponential-forgotten": lambda beta, C, kl, eta: beta * (1 + eta * (kl - C) / C),
    }),
    hints=("Does a larger β make the KL larger or smaller?",
           "A sum of logarithms is the logarithm of a product."),
)  # fmt: skip

BETA_FROM_BUDGET = Exercise(
    id="beta-from-a-budget",
    title="The β that a budget asks for",
    kind="number",
    draw=draw_budget,
    statement=r"Data in one dimension are normal with mean 0 and the variance $\lambda = <v>$. A "
    r"linear VAE, whose decoder has the fixed standard deviation $\sigma = <sigma>$, may spend "
    r"$C = <C>$ nats of KL. With which $\beta$ does it spend exactly that at its optimum?",
    truth=lambda v, sigma, C: v * exp(-2 * C) / sigma**2,
    mistakes=slips({
        "exponent-halved": lambda v, sigma, C: v * exp(-C) / sigma**2,
        "exponent-reversed": lambda v, sigma, C: v * exp(2 * C) / sigma**2,
        "sigma-for-variance": lambda v, sigma, C: v * exp(-2 * C) / sigma,
        "decoder-variance-left-out": lambda v, sigma, C: v * exp(-2 * C),
        "times-decoder-variance": lambda v, sigma, C: v * exp(-2 * C) * sigma**2,
        "budget-in-bits": lambda v, sigma, C: v * 2 ** (-2 * C) / sigma**2,
        "inverted": lambda v, sigma, C: sigma**2 * exp(2 * C) / v,
    }, see=LINEAR_RATE),
    hints=("At the optimum the KL is the rate ½ log(λ/D).", "The distortion D is βσ²."),
)  # fmt: skip

BUDGET_TO_SPARE = Exercise(
    id="a-budget-to-spare",
    title="A budget to spare",
    kind="choice",
    statement=r"The multiplier $\beta$ of the constraint $\mathrm{KL} \le C$ is learned. However "
    r"small $\beta$ becomes, the KL stays below $C$. What happens to $\beta$?",
    truth="It goes to 0: a constraint that does not bind has no price",
    mistakes=(
        Mistake("budget-must-be-spent", "It grows until the KL has reached C",
                "A larger β makes the KL smaller, and a budget need not be spent.", BUDGET),
        Mistake("only-violations-count", "It stays where it is, since the constraint is kept",
                "Then β (KL − C) would stay below 0, and at the optimum it is 0.", BUDGET),
        Mistake("back-to-one", "It goes to 1, where the loss is minus the ELBO",
                "Nothing in the constrained problem prefers 1.", BUDGET),
        Mistake("below-zero", "It becomes negative, which draws the KL up to C",
                "The multiplier of an inequality is never negative.", BUDGET),
    ),
    hints=("Either the constraint holds with equality, or its multiplier is zero.",),
)  # fmt: skip

LINEAR = Exercise(
    id="rate-of-a-linear-beta-vae",
    title="The rate of a linear β-VAE",
    kind="number",
    draw=lambda random: {"v": tuple(ranked(numbers(random, 3, 0.2, 6))),
                         "sigma": on_grid(random, 0.4, 1.6),
                         "beta": on_grid(random, 0.5, 4, 0.5)},
    statement=r"Data have three independent normal components with mean 0 and the variances "
    r"$\lambda = <v>$. A linear β-VAE with three latent dimensions, whose decoder has the fixed "
    r"standard deviation $\sigma = <sigma>$, is trained to its optimum with $\beta = <beta>$. What "
    "is its KL, averaged over the data?",
    unit="nats",
    truth=lambda v, sigma, beta: rate(v, beta * sigma**2),
    mistakes=slips({
        "lost-half": lambda v, sigma, beta: 2 * rate(v, beta * sigma**2),
        "sigma-for-variance": lambda v, sigma, beta: rate(v, beta * sigma),
        "beta-left-out": lambda v, sigma, beta: rate(v, sigma**2),
        "decoder-variance-left-out": lambda v, sigma, beta: rate(v, beta),
        "divided-by-beta": lambda v, sigma, beta: rate(v, sigma**2 / beta),
        "inactive-counted": lambda v, sigma, beta: sum(log(x / (beta * sigma**2)) / 2 for x in v),
        "one-added": lambda v, sigma, beta: sum(log(1 + x / (beta * sigma**2)) / 2 for x in v),
        "negative-divergence": lambda v, sigma, beta: -rate(v, beta * sigma**2),
        "mean-over-dimensions": lambda v, sigma, beta: rate(v, beta * sigma**2) / 3,
        "bits-for-nats": lambda v, sigma, beta: rate(v, beta * sigma**2) / LN2,
    }, see=LINEAR_RATE),
    hints=("The optimum leaves the same distortion βσ² in every component that varies more.",
           "A component that varies less than βσ² is not transmitted at all.",
           "From variance λ to distortion D takes ½ log(λ/D) nats."),
)  # fmt: skip

FORMULA_RATE = Exercise(
    id="formula-rate-of-a-linear-beta-vae",
    title="Rate and β as a formula",
    kind="formula",
    unit="nats",
    draw=lambda random: {"v": on_grid(random, 2, 9)},
    statement=r"Data in one dimension are normal with mean 0 and the variance $<v>$. A linear "
    r"β-VAE has a decoder with the fixed standard deviation $\sigma$, and $\beta$ is so small that "
    "its code is in use. What is its KL at the optimum, averaged over the data, in nats?",
    domain={"beta": (0.2, 1.5), "sigma": (0.3, 1)},
    truth=lambda beta, sigma, v: log(v / (beta * sigma**2)) / 2,
    mistakes=slips({
        "lost-half": lambda beta, sigma, v: log(v / (beta * sigma**2)),
        "sigma-for-variance": lambda beta, sigma, v: log(v / (beta * sigma)) / 2,
        "beta-left-out": lambda beta, sigma, v: log(v / sigma**2) / 2,
        "decoder-variance-left-out": lambda beta, sigma, v: log(v / beta) / 2,
        "divided-by-beta": lambda beta, sigma, v: log(v * beta / sigma**2) / 2,
        "one-added": lambda beta, sigma, v: log(1 + v / (beta * sigma**2)) / 2,
        "wrong-sign-of-log": lambda beta, sigma, v: log(beta * sigma**2 / v) / 2,
        "distortion-given": lambda beta, sigma, v: beta * sigma**2,
        "bits-for-nats": lambda beta, sigma, v: log(v / (beta * sigma**2)) / 2 / LN2,
    }, see=LINEAR_RATE),
    hints=("How large is the distortion that the optimum leaves?",
           "From variance λ to distortion D takes ½ log(λ/D) nats."),
)  # fmt: skip

ACTIVE = Exercise(
    id="active-components",
    title="How many dimensions stay in use",
    kind="number",
    draw=draw_spectrum,
    statement=r"The covariance of the data has the eigenvalues $\lambda_i = <a> / i$ with "
    r"$i = 1, \dots, 50$. A linear β-VAE has 50 latent dimensions, a decoder with the fixed standard "
    r"deviation $\sigma = <sigma>$ and $\beta = <beta>$. How many of the dimensions does it use at "
    "its optimum?",
    integer=True,
    truth=lambda a, sigma, beta: above(a, beta * sigma**2),
    mistakes=slips({
        "beta-left-out": lambda a, sigma, beta: above(a, sigma**2),
        "sigma-for-variance": lambda a, sigma, beta: above(a, beta * sigma),
        "decoder-variance-left-out": lambda a, sigma, beta: above(a, beta),
        "inactive-for-active": lambda a, sigma, beta: 50 - above(a, beta * sigma**2),
    }, see=LINEAR_RATE),
    hints=("A dimension is used where it saves more than its KL costs.",
           "Compare the eigenvalues with one number, a product."),
)  # fmt: skip

TOTAL_CORRELATION = Exercise(
    id="total-correlation-of-a-normal",
    title="The total correlation of a normal",
    kind="number",
    draw=lambda random: {"s1": on_grid(random, 0.5, 3), "s2": on_grid(random, 0.5, 3),
                         "rho": on_grid(random, -0.9, 0.9, 0.01)},
    statement="All codes together are normal in two dimensions, with the standard deviations "
    r"$<s1>$ and $<s2>$ and the correlation $\rho = <rho>$. What is their total correlation?",
    unit="nats",
    truth=lambda s1, s2, rho: total_correlation(rho),
    mistakes=slips({
        "wrong-sign": lambda s1, s2, rho: -total_correlation(rho),
        "lost-half": lambda s1, s2, rho: 2 * total_correlation(rho),
        "correlation-not-squared": lambda s1, s2, rho: -log(1 - rho) / 2,
        "square-added": lambda s1, s2, rho: -log(1 + rho**2) / 2,
        "squared-correlation-given": lambda s1, s2, rho: rho**2,
        "scales-counted": lambda s1, s2, rho: -log((s1 * s2) ** 2 * (1 - rho**2)) / 2,
        "bits-for-nats": lambda s1, s2, rho: total_correlation(rho) / LN2,
    }, see=KL_PARTS),
    hints=("It is the divergence from the joint distribution to the product of its marginals.",
           "The entropies of two normals differ by half the logarithm of their determinants.",
           "Stretching an axis changes joint and product alike."),
)  # fmt: skip

TCVAE_LOSS = Exercise(
    id="beta-tcvae-loss",
    title="The loss of a β-TCVAE",
    kind="number",
    draw=draw_parts,
    statement="Averaged over the images the KL of a β-TCVAE is $<kl>$ nats. Of these, "
    "$<information>$ nats are the mutual information of image and code, and $<marginals>$ nats the "
    r"divergences of the single dimensions, $\sum_j \mathrm{KL}(q(z_j) \,\|\, p(z_j))$. The "
    r"reconstruction error is $<r>$ nats. What is the loss with $\beta = <beta>$?",
    unit="nats",
    truth=lambda r, kl, information, marginals, beta:
        r + kl + (beta - 1) * (kl - information - marginals),
    mistakes=slips({
        "beta-on-the-whole": lambda r, kl, information, marginals, beta: r + beta * kl,
        "total-correlation-twice": lambda r, kl, information, marginals, beta:
            r + kl + beta * (kl - information - marginals),
        "beta-on-information": lambda r, kl, information, marginals, beta:
            r + kl + (beta - 1) * information,
        "beta-on-marginals": lambda r, kl, information, marginals, beta:
            r + kl + (beta - 1) * marginals,
        "other-parts-lost": lambda r, kl, information, marginals, beta:
            r + beta * (kl - information - marginals),
        "marginals-not-taken-out": lambda r, kl, information, marginals, beta:
            r + information + beta * (kl - information),
        "beta-ignored": lambda r, kl, information, marginals, beta: r + kl,
    }, see=TC_LOSS),
    hints=("The KL has three parts; the third is not given.", "Only the third is weighted."),
)  # fmt: skip

STRATIFIED = Exercise(
    id="stratified-weight",
    title="A weight for the rest of the batch",
    kind="number",
    draw=lambda random: {"N": on_grid(random, 6, 20, 1), "B": on_grid(random, 3, 6, 1)},
    statement=r"A data set has $N = <N>$ images and a batch $B = <B>$ of them, drawn without "
    r"repetition. The code $z$ comes from image $x_i$ of the batch, and $q(z)$ is estimated by "
    r"$\tfrac1N q(z \mid x_i) + w \sum_{j \neq i} q(z \mid x_j)$, where the sum runs over the rest "
    r"of the batch. Which $w$ makes the estimate unbiased?",
    truth=lambda N, B: (N - 1) / (N * (B - 1)),
    mistakes=slips({
        "weight-of-itself": lambda N, B: 1 / N,
        "batch-for-data-set": lambda N, B: 1 / B,
        "own-share-not-taken-out": lambda N, B: 1 / (B - 1),
        "shared-among-all": lambda N, B: (N - 1) / (N * B),
        "uneven-weight": lambda N, B: (N - B + 1) / (N * (B - 1)),
        "naive-weight": lambda N, B: 1 / (N * B),
    }, see=STRATA),
    hints=("The weights of q(z|x) in q(z) are 1/N for each of the N images.",
           "The rest of the batch stands for all other images of the data set."),
)  # fmt: skip

MIG = Exercise(
    id="mutual-information-gap",
    title="The mutual information gap",
    kind="number",
    draw=lambda random: {"n": on_grid(random, 3, 6, 1), "a": numbers(random, 3, 0.05, 1, 0.05),
                         "b": numbers(random, 3, 0.05, 1, 0.05)},
    statement="A code has three dimensions, cut into 20 bins each. The mutual information of each "
    "with the first factor is $<a>$ nats, and with the second factor $<b>$ nats. The first factor "
    "takes $<n>$ values equally often. What is its mutual information gap?",
    truth=lambda n, a, b: lead(a) / log(n),
    mistakes=slips({
        "gap-not-divided": lambda n, a, b: lead(a),
        "best-alone": lambda n, a, b: max(a) / log(n),
        "mean-subtracted": lambda n, a, b: (max(a) - mean(tuple(ranked(a)[1:]))) / log(n),
        "smallest-subtracted": lambda n, a, b: (max(a) - min(a)) / log(n),
        "divided-by-log-bins": lambda n, a, b: lead(a) / log(20),
        "divided-by-best": lambda n, a, b: lead(a) / max(a),
        "divided-by-values": lambda n, a, b: lead(a) / n,
        "units-mixed": lambda n, a, b: lead(a) / log(n) * LN2,
        "gap-between-factors": lambda n, a, b: (max(a) - b[a.index(max(a))]) / log(n),
    }, see=GAP),
    hints=("One factor, and the two dimensions that know most of it.",
           "A gap in nats becomes a share when it is divided by all there is to know."),
)  # fmt: skip

DISENTANGLEMENT = Exercise(
    id="disentanglement-of-a-dimension",
    title="Disentanglement of one dimension",
    kind="number",
    draw=lambda random: {"p": probabilities(random, 3), "d": on_grid(random, 4, 10, 1)},
    statement=r"A code has $d = <d>$ dimensions, and there are three factors. The importance of "
    "one of the dimensions for predicting the factors, scaled to the sum 1, is $<p>$. What is the "
    "disentanglement of this dimension in the sense of DCI?",
    truth=lambda p, d: 1 - entropy(p) / log(3),
    mistakes=slips({
        "entropy-not-divided": lambda p, d: 1 - entropy(p),
        "spread-for-certainty": lambda p, d: entropy(p) / log(3),
        "dimensions-for-factors": lambda p, d: 1 - entropy(p) / log(d),
        "units-mixed": lambda p, d: 1 - entropy(p) / LN2 / log(3),
        "largest-share": lambda p, d: max(p),
        "gap-of-shares": lambda p, d: lead(p),
    }, see=COMPLETENESS),
    hints=("It is 1 when the dimension serves one factor, and 0 when it serves all alike.",
           "An entropy, as a share of the largest that three shares can have."),
)  # fmt: skip

ATTRIBUTE = Exercise(
    id="separated-attribute-predictability",
    title="Separated attribute predictability",
    kind="number",
    draw=lambda random: {"rho": numbers(random, 4, -0.9, 0.9, 0.01)},
    statement="A code has four dimensions. Their correlations with a factor are $<rho>$. What is "
    "the SAP of this factor, with straight lines as predictors?",
    truth=lambda rho: lead(tuple(r**2 for r in rho)),
    mistakes=slips({
        "correlations-not-squared": lambda rho: lead(tuple(map(abs, rho))),
        "signs-kept": lambda rho: ranked(rho)[0] ** 2 - ranked(rho)[1] ** 2,
        "square-of-negative":
            lambda rho: lead(tuple(r * abs(r) for r in rho)) if ranked(rho)[1] < 0 else nan,
        "best-alone": lambda rho: max(r**2 for r in rho),
        "smallest-subtracted": lambda rho: max(r**2 for r in rho) - min(r**2 for r in rho),
        "difference-squared": lambda rho: lead(tuple(map(abs, rho))) ** 2,
        "root-of-the-gap": lambda rho: sqrt(lead(tuple(r**2 for r in rho))),
    }, see=SAP),
    hints=("A straight line predicts a share of the variance that does not depend on its sign.",
           "The best dimension, less the next."),
)  # fmt: skip

GUARANTEE = Exercise(
    id="what-a-larger-beta-guarantees",
    title="What a larger β guarantees",
    kind="choice",
    statement=r"Of two β-VAEs that were trained to their optimum, the second has the larger "
    r"$\beta$. What is certain?",
    truth="Its KL is no larger, and its reconstruction no better",
    mistakes=(
        Mistake("more-disentangled", "Its dimensions match the factors at least as well",
                "The loss knows no factors; and where β is so large that no code is used, "
                "nothing matches.", METRICS),
        Mistake("less-total-correlation", "Its total correlation is no larger: it is part of KL",
                "The KL as a whole is no larger. Which of its parts shrinks is left open.",
                KL_PARTS),
        Mistake("tighter-bound", "Its loss is a tighter bound on −log p(x)",
                "Above β = 1 the loss exceeds −ELBO by β − 1 times the KL, and below 1 it is no "
                "bound.", BETA_LOSS),
        Mistake("as-many-as-factors", "As many of its dimensions are in use as there are factors",
                "How many are in use depends on variances and on β, and may be none.",
                LINEAR_RATE),
    ),
    hints=("Compare what each optimum costs with the β of the other.",),
)  # fmt: skip

AXES_CHOICE = Exercise(
    id="what-picks-the-axes",
    title="What picks the axes",
    kind="choice",
    statement=r"The codes of a VAE with the prior $\mathcal N(0, I)$ are rotated, and the decoder "
    r"turns them back first. So $p_\theta(x)$ stays as it is. What can still prefer the first axes "
    "to the rotated ones?",
    truth="The diagonal covariance of q(z|x), which a rotation does not leave diagonal",
    mistakes=(
        Mistake("diagonal-prior", "The diagonal covariance of the prior, which has no correlations",
                "The covariance I is the same in all directions: rotated, it is still I.", AXES),
        Mistake("reconstruction-picks", "The reconstruction, which becomes worse by the rotation",
                "The decoder turns the codes back, so that it sees what it saw before.", AXES),
        Mistake("beta-picks", "β: from 1 on, any encoder is drawn to the axes of the factors",
                "β weighs a divergence that no rotation changes, if q(z|x) may turn as well.", AXES),
        Mistake("nothing-picks", "Nothing: whatever leaves p(x) unchanged leaves the loss unchanged",
                "The loss also depends on how near q(z|x) can come to the true posterior.", AXES),
    ),
    hints=("Which parts of the model can be rotated without leaving their family?",),
)  # fmt: skip

CARRY_OVER = Exercise(
    id="does-a-beta-carry-over",
    title="A β from a paper",
    kind="choice",
    statement=r"A paper recommends $\beta = 4$. It trained with binary pixels and cross-entropy; "
    r"you train with the squared error. What does its $\beta$ tell you?",
    truth="Little: your β weighs the KL against an error of another scale",
    mistakes=(
        Mistake("ratio-without-unit", "To use 4: β is a plain ratio and has no unit",
                "It multiplies nats. A squared error is a number of nats only once a σ is chosen.",
                HIDDEN_BETA),
        Mistake("pixels-mend-it", "To use 4, divided by the number of pixels",
                "That makes up for a mean over the pixels, and not for another likelihood.",
                HIDDEN_BETA),
        Mistake("dimensions-mend-it", "To use 4, divided by the number of latent dimensions",
                "That makes up for a mean over the dimensions, and not for another likelihood.",
                HIDDEN_BETA),
        Mistake("above-one-is-enough", "To use more than 1, since that is what makes it a β-VAE",
                "For the squared error 1 is no special value: it depends on σ which β is the "
                "ELBO's.", HIDDEN_BETA),
    ),
    hints=("Which σ of a normal decoder belongs to the squared error, taken as it is?",),
)  # fmt: skip

UPPER_BOUND = Exercise(
    id="what-the-kl-bounds",
    title="What the KL says about information",
    kind="choice",
    statement=r"Averaged over the images, $\mathrm{KL}(q(z \mid x) \,\|\, p(z))$ is 3 nats. What "
    "follows for the mutual information of image and code under the encoder?",
    truth="It is at most 3 nats",
    mistakes=(
        Mistake("equal-to-kl", "It is 3 nats",
                "Only if all codes together are spread exactly like the prior.", KL_PARTS),
        Mistake("at-least-kl", "It is at least 3 nats",
                "What the KL holds beyond the information is itself a divergence, so not negative.",
                KL_PARTS),
        Mistake("same-for-each-image", "It is 3 nats for each single image",
                "An average says nothing about the single images.", KL_PARTS),
        Mistake("nothing-follows", "Nothing: the KL compares with the prior and not with images",
                "Write the average as the information plus another divergence.", KL_PARTS),
    ),
    hints=("What remains when the information is taken out of the average?",),
)  # fmt: skip

BETA = (
    BETA_VAE_LOSS, CAPACITY_LOSS, MULTIPLIER_STEP, BUDGET_TO_SPARE, BETA_FROM_BUDGET, LINEAR,
    FORMULA_RATE, ACTIVE, UPPER_BOUND, TOTAL_CORRELATION, TCVAE_LOSS, STRATIFIED, MIG,
    DISENTANGLEMENT, ATTRIBUTE, GUARANTEE, AXES_CHOICE, CARRY_OVER,
)  # fmt: skip
