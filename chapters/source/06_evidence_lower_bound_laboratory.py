# %% [markdown]
# # 6 · Evidence lower bound: laboratory
#
# What the bound does *not* say, measured on models in which everything can be computed. A third derivation, and
# linear models of any dimension; a bound that rises while the model gets worse; a tight bound that is no
# sign of a good model; and the price of some shortcuts. To [chapter 6](06_evidence_lower_bound.ipynb).
#
# **Time**: 35 minutes, for all of it.

# %% tags=["hide-input"]
import math

import torch
from matplotlib import pyplot as plt
from torch.distributions import MultivariateNormal, Normal

from course_lib.errata import show_errata
from course_lib.evaluation import OneDimensionalModel
from course_lib.information import entropy, kl_discrete, kl_normal
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import log_mean_exp
from course_lib.plots import COLOURS
from course_lib.widgets import ExerciseCard

# %%
seed = 0  # change it and run again: every claim below must still hold
generator = torch.Generator().manual_seed(seed)
torch.set_default_dtype(torch.float64)  # so that every digit printed below is exact
model = OneDimensionalModel(lambda z: torch.tanh(2 * z), s=0.3)
x = 0.5
z = torch.linspace(-12, 12, 4001)
log_p_z = Normal(0, 1).log_prob(z)
log_p_x_given_z = model.log_likelihood(x, z)
log_p_xz = log_p_x_given_z + log_p_z
log_p_x = torch.trapezoid(log_p_xz.exp(), z).log()
log_posterior = log_p_xz - log_p_x
log_q = Normal(0.5, 0.5).log_prob(z)


def expectation(values):
    """The integral of q times the values, by the trapezoidal rule."""
    return torch.trapezoid(log_q.exp() * values, z)


gap, elbo = expectation(log_q - log_posterior), expectation(log_p_xz - log_q)

# %%
show_source(OneDimensionalModel)

# %% [markdown]
# ## A third derivation, from Bayes' rule
#
# A third way needs no inequality until its last step. A constant is its own mean, and by
# (ELBO.2) $p(x) = p(x, z) / p(z \mid x)$ for *every* $z$:
#
# $$ \log p(x) = \mathbb{E}_q [\log p(x)]
#    = \mathbb{E}_q \left[ \log \frac{p(x, z)}{p(z \mid x)} \right] \tag{ELBO.13} $$
#
# Multiply and divide by $q(z)$ inside the logarithm, and split it:
#
# $$ \log p(x) = \mathbb{E}_q \left[ \log \frac{p(x, z)}{q(z)} \right]
#    + \mathbb{E}_q \left[ \log \frac{q(z)}{p(z \mid x)} \right] \tag{ELBO.14} $$
#
# The first term is the ELBO, the second the gap, which is never negative.

# %%
for line, value in {
    "log p(x)                                    ": log_p_x,
    "E[log p(x)]                        (ELBO.13)": expectation(log_p_x.expand(4001)),
    "E[log p(x,z)/p(z|x)]               (ELBO.13)": expectation(log_p_xz - log_posterior),
    "E[log p(x,z)/q] + E[log q/p(z|x)]  (ELBO.14)": elbo + gap,
}.items():
    print(f"{line} {value:.9f}")

# %% tags=["hide-input"]
claim(
    "ELBO.three-derivations",
    "ELBO + gap differs from log p(x) by so many nats",
    (elbo + gap - log_p_x).abs(),
    at_most=1e-9,
)

# %% [markdown]
# ## Linear models
#
# There is a family in which everything has a formula, in every dimension: a linear decoder with
# normal noise, $x = Wz + b + s\,\varepsilon$. A sum of independent normals is normal:
#
# $$ p(x) = \mathcal{N}\bigl( x;\, b,\; W W^\top + s^2 I \bigr) \tag{ELBO.15} $$
#
# and so is the posterior. With the precision matrix $P$, the inverse of its covariance,
#
# $$ p(z \mid x) = \mathcal{N}\bigl( P^{-1} W^\top (x - b) / s^2,\; P^{-1} \bigr), \qquad
#    P = I + W^\top W / s^2 \tag{ELBO.16} $$
#
# With one code and one pixel, $x = wz + s\,\varepsilon$, the square of the likelihood is a normal
# density once more, with half the variance, so that the $v$ of (ELBO.4) has a formula, too:
#
# $$ 1 + v = \frac{\mathcal{N}(x;\, 0,\, w^2 + s^2/2)}{2 s \sqrt{\pi} \;
#    \mathcal{N}(x;\, 0,\, w^2 + s^2)^2} \tag{ELBO.17} $$

# %%
w, s = 1.5, 0.3
line = OneDimensionalModel(lambda z: w * z, s)
variance = w**2 + s**2
density = Normal(0, variance**0.5).log_prob(torch.tensor(x)).exp()
precision = 1 + w**2 / s**2
print(f"log p(x)             (ELBO.15) {density.log():.9f}")
print(f"log p(x)         by quadrature {line.log_evidence(x):.9f}")
exact_gap = line.gap(x, w * x / s**2 / precision, precision**-0.5)
print(f"gap of the posterior (ELBO.16)  {exact_gap.abs():.9f}")

# %%
linear_v = torch.trapezoid((2 * line.log_likelihood(x, z) + log_p_z).exp(), z) / density**2 - 1
formula = Normal(0, (w**2 + s**2 / 2) ** 0.5).log_prob(torch.tensor(x)).exp()
formula = formula / (2 * s * math.pi**0.5 * density**2) - 1
print(f"v by (ELBO.17) {formula:.9f}, by quadrature {linear_v:.9f}")

# %% tags=["hide-input"]
claim(
    "ELBO.linear-variance",
    "(ELBO.17) and quadrature differ by this much",
    (formula - linear_v).abs(),
    at_most=1e-9,
)

# %%
ExerciseCard("elbo-of-a-linear-model")

# %%
ExerciseCard("evidence-of-a-linear-model")

# %% [markdown]
# ## Is the evidence intractable because there are infinitely many codes?
#
# One often reads so. Compute the integral with few nodes and look at the error.

# %%
for nodes in (20, 50, 100, 200, 400):
    error = (model.log_evidence(x, nodes).exp() - log_p_x.exp()).abs()
    print(f"{nodes:4} nodes: error of p(x) below {10 ** math.ceil(math.log10(error + 1e-12)):g}")

# %% tags=["hide-input"]
claim(
    "ELBO.one-dimension-is-easy",
    "the error of p(x) from 200 of the infinitely many z",
    (model.log_evidence(x, 200).exp() - log_p_x.exp()).abs(),
    at_most=1e-7,
)

# %% [markdown]
# In one dimension there is no problem at all. In many, chapter 6 shows that a grid and samples from the prior
# are too dear, and says that one sample from the posterior is enough: by (ELBO.2) its weight $p(x, z) /
# p(z \mid x)$ is $p(x)$, whatever $z$. Check it on a linear model with 20 codes and 30 pixels, where
# (ELBO.15) and (ELBO.16) are formulas.

# %%
W = torch.randn(30, 20, generator=generator)
pixels = W @ torch.randn(20, generator=generator) + 0.5 * torch.randn(30, generator=generator)
exact = MultivariateNormal(torch.zeros(30), W @ W.T + 0.25 * torch.eye(30)).log_prob(pixels)
P = torch.eye(20) + W.T @ W / 0.25
true_posterior = MultivariateNormal(torch.linalg.solve(P, W.T @ pixels / 0.25), precision_matrix=P)


def log_weights(q, codes):
    """log p(x|z) p(z) / q(z) in the linear model."""
    log_p = Normal(codes @ W.T, 0.5).log_prob(pixels).sum(1) + Normal(0, 1).log_prob(codes).sum(1)
    return log_p - q.log_prob(codes)


root = torch.linalg.cholesky(torch.linalg.inv(P))
from_posterior = true_posterior.mean + torch.randn(1000, 20, generator=generator) @ root.T
from_prior = torch.randn(1000, 20, generator=generator)
standard = MultivariateNormal(torch.zeros(20), torch.eye(20))
prior_estimate = log_mean_exp(log_weights(standard, from_prior), 0)
print(f"log p(x) = {exact:.3f}, from 1,000 samples of the prior {prior_estimate:.1f}")

# %% [markdown]
# The logarithm of an estimate from the prior has one more fault. By Jensen's inequality it is too
# low on average. Repeat the estimate with 1,000 samples 50 times for copies of the small model, and
# average its logarithm.

# %% tags=["nbval-ignore-output"]
bias = {}
for copies in (1, 10, 20):
    codes = torch.randn(50, 1000, copies, generator=generator)
    estimates = log_mean_exp(model.log_likelihood(x, codes).sum(2), dim=1)  # (50,)
    bias[copies] = (estimates.mean() - copies * log_p_x).item()
    print(
        f"d = {copies:2}: log p(x) = {copies * log_p_x:6.2f}, mean error {bias[copies]:+6.2f} nats"
    )

# %% tags=["hide-input"]
claim(
    "ELBO.log-too-low",
    "by 1,000 samples from the prior log p(x) is so many nats too low, on average, at d = 20",
    -bias[20],
    at_least=10,
)
claim(
    "ELBO.posterior-samples",
    "with 20 codes, weights of samples from the posterior differ from log p(x) by at most this",
    (log_weights(true_posterior, from_posterior) - exact).abs().max(),
    at_most=1e-9,
)
claim(
    "ELBO.prior-samples",
    "1,000 samples from the prior miss that log p(x) by so many nats",
    exact - prior_estimate,
    at_least=100,
)

# %% [markdown]
# Infinitely many codes are no obstacle: an integral in one dimension takes 200 of them.
# Nor does "high-dimensional" alone make it impossible: with a linear decoder there is a formula in
# any dimension. What has no formula is the integral of a *nonlinear* decoder, and the cost of both
# ways measured here, a grid and samples from the prior, grows exponentially with the dimension. That
# of samples from the posterior does not; but who has the posterior has the evidence. What becomes
# large is the *relative* variance; the absolute one can be tiny.

# %% [markdown]
# ## Does raising the ELBO raise the evidence?
#
# It raises a lower bound; one might think that this pushes the evidence up. Take data $x \sim
# \mathcal{N}(0, 4)$, a decoder $p(x \mid z) = \mathcal{N}(wz, 1)$
# and an encoder with one trainable number, $q(z \mid x) = \mathcal{N}(ax, 1)$. The mean ELBO and the
# mean log-likelihood of the data are
#
# $$ \begin{gathered}
#    -\tfrac12 \log 2\pi - \tfrac12 \bigl[ 4 (1 - wa)^2 + w^2 \bigr] - 2a^2 \quad \text{and} \\
#    -\tfrac12 \log 2\pi (1 + w^2) - \frac{2}{1 + w^2}
#    \end{gathered} \tag{ELBO.18} $$
#
# The likelihood is highest at $w = \sqrt3$, where the model has the data's variance of 4. Start
# there, with the best $a$ for it, and raise the ELBO by gradient ascent on $w$ and $a$.


# %%
def mean_elbo(w, a):
    fit = 4 * (1 - w * a) ** 2 + w**2
    return -0.5 * math.log(2 * math.pi) - fit / 2 - 2 * a**2


def mean_log_likelihood(w):
    return -0.5 * (2 * math.pi * (1 + w**2)).log() - 2 / (1 + w**2)


parameters = torch.tensor([3**0.5, 3**0.5 / 4], requires_grad=True)
path = []
for _ in range(200):
    bound = mean_elbo(*parameters)
    path.append([bound.item(), mean_log_likelihood(parameters[0]).item()])
    (gradient,) = torch.autograd.grad(bound, parameters)
    parameters = (parameters + 0.04 * gradient).detach().requires_grad_()
bounds, likelihoods = torch.tensor(path).T

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(5.5, 2.8))
axis.plot(likelihoods, color=COLOURS[8], label="mean log-likelihood")
axis.plot(bounds, color=COLOURS[0], label="mean ELBO")
axis.fill_between(range(200), bounds, likelihoods, color=COLOURS[2], alpha=0.2, label="gap")
axis.set(xlabel="step of gradient ascent on the ELBO", ylabel="nats")
axis.legend(frameon=False, loc="lower right", ncols=3, fontsize=9)
axis.set_ylim(-3.15, -2)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The ELBO rises at every step, and the log-likelihood above it falls.")

# %% tags=["hide-input"]
w_end, a_end = parameters.tolist()
print(f"w from {3**0.5:.3f} to {w_end:.3f}")
claim(
    "ELBO.up-evidence-down",
    f"while the mean ELBO rises by {bounds[-1] - bounds[0]:.3f}, log p(x) falls by so many nats",
    likelihoods[0] - likelihoods[-1],
    at_least=0.1,
)

# %% [markdown]
# Every step raised the bound and made the model worse. The encoder's σ is stuck at 1,
# the posterior's is $1 / \sqrt{1 + w^2}$. It is cheaper to bend the model towards a posterior that
# the encoder can express than to explain the data. Raising the ELBO raises evidence *minus* gap.

# %% [markdown]
# ## Does a better model have a tighter bound?
#
# Data with three pixels have
# a covariance with eigenvalues 9, 2 and ½. The linear model (ELBO.15) with two codes has its
# maximum of likelihood at $W = U \operatorname{diag}(\lambda - s^2)^{1/2} R$, with the first two
# eigenvectors $U$, $s^2 = \tfrac12$ and *any* rotation $R$. The encoder is normal with independent
# dimensions. Its best choice has the variances $1 / P_{jj}$, and by (KL.15) leaves the gap
#
# $$ \min_{q \text{ diagonal}} \mathrm{KL}\bigl( q \,\Vert\, p(z \mid x) \bigr)
#    = \tfrac12 \Bigl( \sum_j \log P_{jj} - \log |P| \Bigr) \tag{ELBO.19} $$
#
# Compare three models: the best one, rotated by 0° and by 45°, and one with $W = 0$ that ignores
# its codes.

# %%
eigenvalues, s2 = torch.tensor([9.0, 2.0, 0.5]), 0.5
covariance = torch.diag(eigenvalues)


def likelihood_and_gap(W, s2):
    """Mean log-likelihood of the data and the gap of the best diagonal q, (ELBO.19)."""
    C, P = W @ W.T + s2 * torch.eye(3), torch.eye(2) + W.T @ W / s2
    surprise = 3 * math.log(2 * math.pi) + C.logdet() + torch.linalg.solve(C, covariance).trace()
    return -surprise.item() / 2, (P.diagonal().log().sum() - P.logdet()).item() / 2


best_W = torch.diag((eigenvalues - s2).sqrt())[:, :2]
R = torch.tensor([[1.0, -1.0], [1.0, 1.0]]) / 2**0.5
models = {
    "best, 0°": likelihood_and_gap(best_W, s2),
    "best, 45°": likelihood_and_gap(best_W @ R, s2),
    "W = 0": likelihood_and_gap(torch.zeros(3, 2), eigenvalues.mean().item()),
}
for name, (log_likelihood, gap_left) in models.items():
    print(f"{name:10} log-likelihood {log_likelihood:.4f}, gap {gap_left:.4f}")

# %% tags=["hide-input"]
claim(
    "ELBO.tight-is-not-good",
    f"W = 0, whose gap is {models['W = 0'][1]:.3f}, is less likely than the best model with the gap "
    f"{models['best, 45°'][1]:.2f}, by so many nats",
    models["best, 45°"][0] - models["W = 0"][0],
    at_least=0.5,
)

# %% [markdown]
# Tightness says how well $q$ can follow the model's posterior. It is not a property of
# a good model: who ignores the code has the prior as posterior, which $q$ matches exactly. Note the
# two best models: same likelihood, and only one without a gap. Training with the ELBO prefers the
# one whose codes are independent given $x$.
#
# One may also be tempted to give $q$ one σ for all dimensions, $\mathcal{N}(\mu, \sigma^2 I)$. That
# costs more still. For a posterior with variances 0.01 and 1 the best single σ² is their harmonic
# mean.

# %%
variances = torch.tensor([0.01, 1.0])
single = 1 / (1 / variances).mean()
cost = kl_normal(0, single.sqrt(), 0, variances.sqrt()).sum()
print(f"σ² = {single:.4f}")

# %% tags=["hide-input"]
claim(
    "ELBO.one-sigma-costs",
    "one σ for both dimensions costs so many nats; a σ for each costs none",
    cost,
    at_least=1.5,
)

# %% [markdown]
# ## Which guess is best for averaging inside?
#
# In chapter 6 a wide $q = \mathcal{N}(1, 0.8^2)$ came to $\log p(x)$ with 500 samples. Its ELBO is not the
# best: gradient ascent finds $\mathcal{N}(0.44, 0.28^2)$. Is the better guess also better in (ELBO.12)?

# %% tags=["nbval-ignore-output"]
ks = [1, 5, 50, 500]


def inside_and_outside(mu, sigma):
    """For each k: 2,000 estimates with the mean inside the logarithm, and 2,000 outside."""
    inside, outside = [], []
    for k in ks:
        codes = mu + sigma * torch.randn(2000, k, generator=generator)
        log_weights = model.log_joint(x, codes) - Normal(mu, sigma).log_prob(codes)
        inside.append(log_mean_exp(log_weights, dim=1))
        outside.append(log_weights.mean(1))
    return torch.stack(inside), torch.stack(outside)


wide, outside = inside_and_outside(1.0, 0.8)
narrow, _ = inside_and_outside(0.44, 0.28)
print(f"ELBO: wide q {model.elbo(x, 1.0, 0.8):.3f}, narrow q {model.elbo(x, 0.44, 0.28):.3f}")

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5.5, 2.8))
axis.axhline(log_p_x, color="0.4", linestyle="--", linewidth=1)
axis.text(1, log_p_x + 0.03, "log p(x)", va="bottom")
for values, marker, colour, label in (
    (wide, "o-", COLOURS[0], "wide q"), (narrow, "^:", COLOURS[4], "narrow q, the best ELBO"),
):  # fmt: skip
    axis.plot(ks, values.mean(1), marker, color=colour, label=label)
axis.set(xscale="log", xlabel="samples k", ylabel="mean estimate, nats", ylim=(-1.75, -0.95))
axis.legend(frameon=False, fontsize=9, loc="lower right")
axis.spines[["top", "right"]].set_visible(False)
show(
    figure, alt="The narrow q begins higher and comes to rest below log p(x); the wide one arrives."
)

# %% tags=["hide-input"]
claim(
    "ELBO.narrow-q-slow",
    "the q with the best ELBO still misses so many nats at k = 500",
    log_p_x - narrow[3].mean(),
    at_least=0.02,
)
claim(
    "ELBO.outside-less-noise",
    "and averaging 500 logarithms outside only divides the spread, by this; √500 is 22",
    outside[0].std() / outside[3].std(),
    at_least=15,
)

# %% [markdown]
# The $q$ with the highest ELBO is too narrow for the
# posterior's tail, where its weights are huge and rare, so that a wider $q$ with a *worse* ELBO
# gives the better estimate of $\log p(x)$.

# %% [markdown]
# ## When is it no bound?
#
# Chapter 8 multiplies the divergence by a β. With $\beta < 1$, as at the beginning of *KL
# annealing*, $\mathbb{E}_q [\log p(x \mid z)] - \beta\,
# \mathrm{KL}(q \Vert p(z))$ may exceed $\log p(x)$. Take the best normal $q$ and β = ½.
#
# A question beside it: should $q(z \mid x)$ be close to the prior for *each* $x$? Let $x$ be $-1$ or $+1$,
# and let $q(z \mid x)$ be that half of the prior that has the sign of $x$.

# %%
half_weight = model.reconstruction(x, 0.44, 0.28) - 0.5 * kl_normal(0.44, 0.28)
cells = Normal(0, 1).log_prob(torch.linspace(-8, 8, 1000)).exp()  # z in 1000 cells, none at 0
cells = cells / cells.sum()
halves = [torch.where(torch.arange(1000) // 500 == side, 2 * cells, 0) for side in (0, 1)]
aggregate = (halves[0] + halves[1]) / 2
per_x = [kl_discrete(half, cells).item() for half in halves]
information = (entropy(aggregate) - (entropy(halves[0]) + entropy(halves[1])) / 2).item()
print(f"KL of each q(z|x) to the prior {per_x[0]:.3f} and {per_x[1]:.3f} nats")
print(f"what z tells about x           {information:.3f} nats; log 2 = {math.log(2):.3f}")

# %% tags=["hide-input"]
claim(
    "ELBO.small-beta-is-no-bound",
    "with β = ½ the objective lies above log p(x) by so many nats",
    half_weight - log_p_x,
    at_least=0.2,
)
claim(
    "ELBO.aggregate-must-match",
    "the KL of the mean of both q(z|x) to the prior, in nats, while z tells log 2 about x",
    kl_discrete(aggregate, cells) + abs(information - math.log(2)),
    at_most=1e-9,
)

# %% [markdown]
# If every $q(z \mid x)$ were the prior, a code would say nothing about its image: 0
# nats. What should match the prior is the mean of all $q(z \mid x)$. Here it does, exactly, while
# the code still holds all $\log 2$ nats of information on $x$. Chapter 7 measures both on digits.

# %% [markdown]
# ## Exercise
#
# **Predict, then open the answer.** With $x = 0.5$ and $q = \mathcal{N}(1, 0.8^2)$ you average $L = 10$
# logarithms per step in training instead of one. By how much is the bound tighter?
#
# <details><summary>Answer</summary>
#
# Not at all. The noise falls by $\sqrt{10}$. See ELBO.outside-stays.
#
# </details>

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=6)

# %% [markdown]
# ## References
#
# - Y. Burda, R. Grosse, R. Salakhutdinov. *Importance Weighted Autoencoders.* ICLR, 2016.
# - M. E. Tipping, C. M. Bishop. *Probabilistic Principal Component Analysis.* Journal of the Royal
#   Statistical Society B 61, 1999.
