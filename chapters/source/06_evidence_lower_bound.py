# %% [markdown]
# # 6 · Evidence lower bound
#
# How likely is an image under a model that first draws a hidden code and then the image? The
# answer is an integral over all codes, and for most models nobody can compute it. The **evidence
# lower bound** replaces it by something that can be estimated and raised. This chapter takes a
# model so small that the integral *can* be computed, and checks everything against it.

# %%
import math

import torch
from matplotlib import pyplot as plt
from torch.distributions import MultivariateNormal, Normal

from course_lib.errata import show_errata
from course_lib.evaluation import OneDimensionalModel
from course_lib.information import entropy, kl_discrete, kl_normal
from course_lib.notebook import check_task, claim, show, show_source
from course_lib.objectives import log_mean_exp
from course_lib.plots import COLOURS
from course_lib.widgets import EvidenceGap, ExerciseCard

seed = 0  # change it and run again: every claim below must still hold
generator = torch.Generator().manual_seed(seed)
torch.set_default_dtype(torch.float64)  # so that every digit printed below is exact

# %%
model = OneDimensionalModel(lambda z: torch.tanh(2 * z), s=0.3)
x = 0.5
z = torch.linspace(-4, 4, 801)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
left.fill_between(z, model.g(z) - 0.3, model.g(z) + 0.3, color=COLOURS[9], alpha=0.5)
left.plot(z, model.g(z), color=COLOURS[0], label="$g(z) = \\tanh 2z$, $\\pm\\, s$")
left.axhline(x, color="0.3", linestyle="--", linewidth=1, label="$x = 0.5$")
left.set(xlabel="code $z$", ylabel="pixel $x$", title="the decoder")
right.plot(z, Normal(0, 1).log_prob(z).exp(), color=COLOURS[3], label="$p(z)$")
right.plot(z, model.log_posterior(x, z).exp(), color=COLOURS[6], label="$p(z\\,|\\,x)$")
right.set(xlabel="code $z$", ylabel="density", title="before and after seeing $x$")
for axis in (left, right):
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Left an S-shaped decoder; right the prior, and a narrow, skewed posterior.")

# %% [markdown]
# ## You will
#
# - derive the evidence lower bound (ELBO) in three ways and run every line of every derivation;
# - move a guess with sliders and see the bound, the gap and the evidence add up;
# - measure why the evidence is hard to compute, which is not the reason that is usually given;
# - see the bound rise while the evidence falls;
# - tighten the bound by averaging in the right place.
#
# **Before you start**: chapter 5, in particular (KL.5), (KL.7) and (KL.10).
# **Time**: 75 minutes. Everything on this page runs in less than half a minute.

# %% [markdown]
# ## The idea
#
# A dish comes out of a kitchen. The chef knows three recipes and cooks them with probabilities
# 0.5, 0.3 and 0.2. With the first recipe such a dish turns out with probability 0.1, with the
# second 0.6, with the third 0.3. How likely was this dish, and which recipe was it?
#
# Multiply and add: $0.5 \cdot 0.1 + 0.3 \cdot 0.6 + 0.2 \cdot 0.3 = 0.29$. Of that, 0.18 is due to
# the second recipe, so it was the second with probability $0.18 / 0.29 = 0.62$.
#
# Now suppose that a guest only *guesses* which recipe it was, with a distribution $q$ of her own.
# From her guess, and without knowing the 0.29, she can compute one number: how well the recipes
# that she believes in explain the dish, minus how far her belief is from the chef's habits.

# %%
prior, likelihood = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.6, 0.3])
evidence = (prior * likelihood).sum()
posterior = prior * likelihood / evidence
guess = torch.tensor([0.2, 0.5, 0.3])
her_number = (guess * likelihood.log()).sum() - kl_discrete(guess, prior)
print("posterior ", *(f"{p:.4f}" for p in posterior))
print(f"her number            {her_number:.9f}")
print(f"KL(guess‖posterior)    {kl_discrete(guess, posterior):.9f}")
print(f"their sum             {her_number + kl_discrete(guess, posterior):.9f}")
print(f"log 0.29              {evidence.log():.9f}")

# %% [markdown]
# Her number falls short of $\log 0.29$ by exactly the divergence between her guess and the right
# answer. It is the evidence lower bound. It can never be too large, because a divergence is never
# negative (KL.5), and the better she guesses, the closer it comes.
#
# (The probabilities 0.5, 0.3, 0.2 say how often a recipe is *chosen*. One source asks for the
# probability that a recipe "exists in the recipe book". All three exist; that would sum to 3.)

# %% [markdown]
# ## The mathematics
#
# ### Four distributions
#
# A code $z$ is drawn from the **prior** $p(z) = \mathcal{N}(0, I)$, then an image from the
# **likelihood** $p(x \mid z)$, which is what the decoder describes. Both have formulas, whatever
# network the decoder is. How likely the model makes an image is an average over all codes, the
# **evidence** or marginal likelihood (the law of total probability):
#
# $$ p(x) = \int p(x \mid z)\, p(z) \, dz \tag{ELBO.1} $$
#
# Bayes' rule turns it round. The **posterior** says which codes may have produced this image:
#
# $$ p(z \mid x) = \frac{p(x \mid z)\, p(z)}{p(x)} = \frac{p(x, z)}{p(x)} \tag{ELBO.2} $$
#
# Our model has one code $z$ and one pixel $x$, with $p(x \mid z) = \mathcal{N}(\tanh 2z,\, 0.3^2)$.
# The pixel is $x = 0.5$. Evidence and posterior are then integrals over one number, and a sum over
# 4001 equidistant values of $z$ gives all the digits printed here.

# %%
z = torch.linspace(-12, 12, 4001)
log_p_z = Normal(0, 1).log_prob(z)
log_p_x_given_z = Normal(torch.tanh(2 * z), 0.3).log_prob(torch.tensor(x))
log_p_xz = log_p_x_given_z + log_p_z
log_p_x = torch.trapezoid(log_p_xz.exp(), z).log()
log_posterior = log_p_xz - log_p_x
print(f"log p(x)                 {log_p_x:.9f}")
print(f"log p(x) by the library  {model.log_evidence(x):.9f}")
print(f"∫ p(z|x) dz               {torch.trapezoid(log_posterior.exp(), z):.9f}")

# %% [markdown]
# ### The problem
#
# With a code of many numbers no grid is affordable. The obvious way out is to draw codes from the
# prior and average (**Monte Carlo**):
#
# $$ p(x) \approx \frac1L \sum_{l=1}^{L} p(x \mid z_l), \qquad z_l \sim p(z) \tag{ELBO.3} $$
#
# It is right on average. How far off is it? Let $v$ be the variance of one term, divided by the
# square of its mean. Take $d$ independent copies of a model, with $d$ codes and $d$ pixels. Both
# the mean and the mean square of a product of independent factors are products, hence
#
# $$ \frac{\operatorname{Var} p(x \mid z)}{p(x)^2}
#    = \frac{\prod_j \mathbb{E}\, p(x_j \mid z_j)^2}{\prod_j p(x_j)^2} - 1
#    = (1 + v)^d - 1 \tag{ELBO.4} $$
#
# The relative variance grows exponentially with the dimension. $L$ samples divide it by $L$ only.
# Most codes from the prior have nothing to do with this image, and the few that do are met too
# rarely. What helps is to draw codes that *are* likely for this image, from a distribution
# $q(z \mid x)$, which we now introduce.

# %% [markdown]
# ### A. From Jensen's inequality
#
# Let $q(z)$ be any distribution that is positive wherever the posterior is. It may depend on $x$,
# and then $q(z)$ stands for $q(z \mid x)$ here. Multiply and divide by it:
#
# $$ \log p(x) = \log \int q(z) \, \frac{p(x, z)}{q(z)} \, dz
#    = \log \mathbb{E}_q \left[ \frac{p(x, z)}{q(z)} \right] \tag{ELBO.5} $$
#
# The logarithm is concave, so the logarithm of a mean is at least the mean of the logarithms
# (**Jensen's inequality**), with equality only if the ratio is the same for all $z$:
#
# $$ \log \mathbb{E}_q \left[ \frac{p(x, z)}{q(z)} \right]
#    \;\ge\; \mathbb{E}_q \left[ \log \frac{p(x, z)}{q(z)} \right] \tag{ELBO.6} $$
#
# The right side is the **evidence lower bound**. Split $\log p(x, z) = \log p(x \mid z) + \log
# p(z)$:
#
# $$ \mathbb{E}_q \left[ \log \frac{p(x, z)}{q(z)} \right] = \mathbb{E}_q [\log p(x \mid z)]
#    + \mathbb{E}_q \left[ \log \frac{p(z)}{q(z)} \right] \tag{ELBO.7} $$
#
# By (KL.7) the last term is $-\mathrm{KL}(q \Vert p(z))$:
#
# $$ \mathrm{ELBO} = \mathbb{E}_q [\log p(x \mid z)] - \mathrm{KL}\bigl( q \,\Vert\, p(z) \bigr)
#    \tag{ELBO.8} $$
#
# Now run every line, with $q = \mathcal{N}(0.5,\, 0.5^2)$. Between which two does the value change?

# %%
mu, sigma = 0.5, 0.5
log_q = Normal(mu, sigma).log_prob(z)


def expectation(values):
    """The integral of q times the values, by the trapezoidal rule."""
    return torch.trapezoid(log_q.exp() * values, z)


reconstruction, divergence = expectation(log_p_x_given_z), kl_normal(mu, sigma)
for line, value in {
    "log p(x)                               ": log_p_x,
    "log E[p(x,z)/q]                (ELBO.5)": expectation((log_p_xz - log_q).exp()).log(),
    "E[log p(x,z)/q]                (ELBO.6)": expectation(log_p_xz - log_q),
    "E[log p(x|z)] + E[log p(z)/q] (ELBO.7)": reconstruction + expectation(log_p_z - log_q),
    "E[log p(x|z)] − KL             (ELBO.8)": reconstruction - divergence,
    "the library                            ": model.elbo(x, mu, sigma),
}.items():
    print(f"{line} {value:.9f}")

# %% [markdown]
# The only inequality is (ELBO.6), and it costs half a nat here. Everything else is equal to the
# last digit.

# %% [markdown]
# ### Build it: the bound for one image
#
# Write the bound for one $x$. `epsilon` holds $S$ draws from $\mathcal{N}(0, 1)$, from which you
# make draws from $q$; `log_likelihood(x, z)` takes them all at once. The divergence of two normals
# is that of chapter 5.


# %%
def elbo(x, mu, sigma, epsilon, log_likelihood):
    """E_q[log p(x|z)] − KL(q‖N(0, 1)) with q = N(μ, σ²)  (ELBO.8)

    epsilon: (S,) draws from N(0, 1). Returns a number.
    """
    ...


# %%
elbo = check_task("elbo", elbo)

# %% [markdown]
# ### B. From the divergence to the posterior
#
# What is lost? Start at the other end, with the divergence between the guess and the truth:
#
# $$ \mathrm{KL}\bigl( q \,\Vert\, p(z \mid x) \bigr)
#    = \mathbb{E}_q [\log q(z) - \log p(z \mid x)] \tag{ELBO.9} $$
#
# Insert (ELBO.2). The number $\log p(x)$ does not depend on $z$ and leaves the expectation:
#
# $$ \mathrm{KL}\bigl( q \,\Vert\, p(z \mid x) \bigr)
#    = \mathbb{E}_q [\log q(z) - \log p(x, z)] + \log p(x) \tag{ELBO.10} $$
#
# The expectation is $-\mathrm{ELBO}$. Rearranged:
#
# $$ \log p(x) = \mathrm{ELBO} + \mathrm{KL}\bigl( q \,\Vert\, p(z \mid x) \bigr)
#    \tag{ELBO.11} $$
#
# The **gap** between evidence and bound is the divergence between $q$ and the posterior. It is
# zero only for $q(z) = p(z \mid x)$.

# %%
gap, elbo = expectation(log_q - log_posterior), expectation(log_p_xz - log_q)
for line, value in {
    "E[log q − log p(z|x)]            (ELBO.9)": gap,
    "E[log q − log p(x,z)] + log p(x) (ELBO.10)": expectation(log_q - log_p_xz) + log_p_x,
    "log p(x) − ELBO                   (ELBO.11)": log_p_x - elbo,
    "the library                               ": model.gap(x, mu, sigma),
}.items():
    print(f"{line} {value:.9f}")

# %% [markdown]
# ### C. From Bayes' rule
#
# A third way needs no inequality until its last step. A constant is its own mean, and by
# (ELBO.2) $p(x) = p(x, z) / p(z \mid x)$ for *every* $z$:
#
# $$ \log p(x) = \mathbb{E}_q [\log p(x)]
#    = \mathbb{E}_q \left[ \log \frac{p(x, z)}{p(z \mid x)} \right] \tag{ELBO.12} $$
#
# Multiply and divide by $q(z)$ inside the logarithm, and split it:
#
# $$ \log p(x) = \mathbb{E}_q \left[ \log \frac{p(x, z)}{q(z)} \right]
#    + \mathbb{E}_q \left[ \log \frac{q(z)}{p(z \mid x)} \right] \tag{ELBO.13} $$
#
# The first term is the ELBO, the second the gap, which is never negative.

# %%
for line, value in {
    "log p(x)                                    ": log_p_x,
    "E[log p(x)]                        (ELBO.12)": expectation(log_p_x.expand(4001)),
    "E[log p(x,z)/p(z|x)]               (ELBO.12)": expectation(log_p_xz - log_posterior),
    "E[log p(x,z)/q] + E[log q/p(z|x)]  (ELBO.13)": elbo + gap,
}.items():
    print(f"{line} {value:.9f}")

# %%
claim(
    "ELBO.three-derivations",
    "to nine digits, log p(x) = ELBO + gap = −1.547001798 + 0.499532952",
    bool((elbo + gap - log_p_x).abs() < 1e-9)
    and f"{elbo:.9f} {gap:.9f}" == "-1.547001798 0.499532952",
)

# %% [markdown]
# ### What the two parts do
#
# - $\mathbb{E}_q [\log p(x \mid z)]$, the **reconstruction**, asks that codes drawn from $q$
#   decode to $x$. On its own it draws $q$ together at the single best code.
# - $-\mathrm{KL}(q \Vert p(z))$ asks that $q$ stay near the prior. On its own it makes $q$ equal
#   to the prior, and then $q$ knows nothing about $x$.
#
# Mind the signs. The ELBO is a reward: reconstruction *minus* divergence. A loss is its negative,
# and there the divergence is *added*. Both terms stand in one sum without a constraint. And
# neither needs the posterior, nor $p(x)$: only $q$, the likelihood and the prior.
#
# ### Averaging inside the logarithm
#
# (ELBO.6) loses because it takes the logarithm before the mean. Take the mean of a few ratios
# first, with $k$ independent codes from $q$ (**importance weighting**):
#
# $$ \mathcal{L}_k = \mathbb{E} \left[ \log \frac1k \sum_{i=1}^{k}
#    \frac{p(x \mid z_i)\, p(z_i)}{q(z_i \mid x)} \right] \le \log p(x), \qquad
#    z_i \sim q(z \mid x) \tag{ELBO.14} $$
#
# It is Jensen's inequality again, so it is a bound for every $k$. For $k = 1$ it is the ELBO, it
# never falls when $k$ grows, and in the limit it is $\log p(x)$. Chapter 7 uses it to measure how
# good a model really is.
#
# ### Linear models
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

# %% [markdown]
# ## The code
#
# The library's model of this chapter. An expectation under $q$ is a sum over the nodes
# $z = \mu + \sigma u$, so it can be differentiated by $\mu$ and $\sigma$.

# %%
show_source(OneDimensionalModel)

# %% [markdown]
# ## Training
#
# Training with the ELBO means: raise it. Here the decoder is given, and gradient ascent looks for
# the best normal $q$. By (ELBO.11), with $\log p(x)$ fixed, that *is* making
# $\mathrm{KL}(q \Vert p(z \mid x))$ small, the reverse fit of chapter 5. The start is random.


# %%
def fit_q(model, x, mu, sigma=1.0, steps=250):
    """The mu and sigma of the normal q with the highest ELBO, and the ELBO after every step."""
    parameters = torch.tensor([mu, math.log(sigma)], requires_grad=True)
    optimiser = torch.optim.Adam([parameters], lr=0.05)
    elbos = []
    for _ in range(steps):
        elbo = model.elbo(x, parameters[0], parameters[1].exp())
        optimiser.zero_grad()
        (-elbo).backward()
        optimiser.step()
        elbos.append(elbo.item())
    return parameters[0].item(), parameters[1].exp().item(), elbos


best_mu, best_sigma, elbos = fit_q(model, x, mu=torch.rand(1, generator=generator).item())

# %% [markdown]
# Look at where the curve comes to rest, and at how $q$ lies on the posterior.

# %% tags=["nbval-ignore-output"]
shown = torch.linspace(-1.5, 3.5, 501)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
left.plot(range(1, len(elbos) + 1), elbos, color=COLOURS[0], label="ELBO")
left.axhline(log_p_x, color="0.4", linestyle="--", linewidth=1, label="log p(x)")
left.set(xlabel="step", ylabel="nats", ylim=(-3, -0.8))
right.fill_between(shown, model.log_posterior(x, shown).exp(), color="0.8", label="$p(z\\,|\\,x)$")
q_shown = Normal(best_mu, best_sigma).log_prob(shown).exp()
right.plot(shown, q_shown, color=COLOURS[0], label="best normal $q$")
right.set(xlabel="code $z$", ylabel="density")
for axis in (left, right):
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The ELBO levels off below log p(x); the best q misses the posterior's long tail.")

# %% [markdown]
# The bound does not reach the evidence. The posterior is skewed, because the decoder saturates: for
# a large $z$ all pixels look alike. No normal $q$ equals it, so a gap remains.
#
# A decoder can also make two codes equally good. With $g(z) = z^2/2$, a pixel of 1 may come from
# $z \approx 1.4$ or from $z \approx -1.4$.

# %%
two_peaks = OneDimensionalModel(lambda z: z**2 / 2, s=0.3)
one_side, *_ = fits = [fit_q(two_peaks, 1.0, mu) for mu in (-1.0, 1.0)]
gaps = [two_peaks.gap(1.0, mu, sigma).item() for mu, sigma, _ in fits]
best_gap = model.gap(x, best_mu, best_sigma).item()
claim(
    "ELBO.best-q-leaves-a-gap",
    "the best normal q for the tanh decoder leaves 0.195 to 0.197 nats",
    0.195 < best_gap < 0.197,
)
claim(
    "ELBO.one-of-two-peaks",
    "with two peaks, q settles on either, and the gap is over log 2",
    fits[0][0] < -1 and fits[1][0] > 1 and all(math.log(2) < g < 0.74 for g in gaps),
)

# %% [markdown]
# ## Explore
#
# Left are the posterior and your guess $q$; right, in nats, how the ELBO is made and what is
# missing. Each bar begins where the one above it ends; a bar with "=" begins at zero. The vertical
# line is $\log p(x)$.
#
# - Find the $q$ with the smallest gap. Is it the one whose peak lies on the posterior's peak?
# - Keep μ and make σ very small. Which of the two parts of the ELBO pays?
# - Go back to μ = 0 and σ = 1. How long is the second bar, and why?
# - Move $x$ to 1.5. Why does the vertical line move now, and never when you move $q$?

# %%
EvidenceGap(model, x=0.5, mu=0.0, sigma=1.0)

# %% [markdown]
# The best $q$ is near μ = 0.44 and σ = 0.28, a little to the right of the peak, since part of the
# long tail must be covered. A small σ is expensive in the divergence to the prior, by $-\log
# \sigma$; the reconstruction even gains. At μ = 0, σ = 1 the guess is the prior and its divergence
# is 0. The line depends on the model and on $x$, not on $q$.
#
# Now the decoder with two peaks. Try to get the gap below $\log 2 = 0.693$. Then move $x$ towards 0.

# %%
EvidenceGap(two_peaks, x=1.0, mu=1.3, sigma=0.25, x_range=(-0.5, 2.0))

# %% [markdown]
# At $x = 1$ it cannot be done: a narrow $q$ misses one peak, a wide one puts weight on the valley.
# At $x = 0.1$ the peaks have merged, and μ = 0, σ = 0.5 leaves only 0.05 nats.

# %% [markdown]
# ## Measure
#
# ### Is the evidence intractable because there are infinitely many codes?
#
# Three sources say so, one of them "even in 1D". Compute the integral with few nodes and look at
# the error.

# %%
for nodes in (20, 50, 100, 200, 400):
    error = (model.log_evidence(x, nodes).exp() - log_p_x.exp()).abs()
    print(f"{nodes:4} nodes: error of p(x) below {10 ** math.ceil(math.log10(error + 1e-12)):g}")
claim(
    "ELBO.one-dimension-is-easy",
    "200 of the infinitely many z give p(x) = 0.3508246 to seven digits",
    f"{model.log_evidence(x, 200).exp():.7f}" == f"{log_p_x.exp():.7f}" == "0.3508246",
)

# %% [markdown]
# In one dimension there is no problem at all. In $d$ dimensions such a grid has $n^d$ nodes. Sampling
# avoids the grid, but by (ELBO.4) it needs more and more samples. First check that formula: draw
# 400,000 codes for $d$ copies of the model, and compare the relative variance with it. Then count what
# an error of 10 % costs. For $d$ copies the relative errors $e$ of a grid multiply to $(1 + e)^d - 1$.

# %% tags=["nbval-ignore-output"]
second_moment = torch.trapezoid((2 * log_p_x_given_z + log_p_z).exp(), z)
v = (second_moment / log_p_x.exp() ** 2 - 1).item()
simulated = {}
for d in (1, 2, 3, 4):
    codes = torch.randn(400_000, d, generator=generator)
    ratio = (model.log_likelihood(x, codes).sum(1) - d * log_p_x).exp()  # p(x|z) / p(x)
    simulated[d] = ratio.var().item()
    print(f"d = {d}: {simulated[d]:7.2f} from samples, (1 + v)^d − 1 = {(1 + v) ** d - 1:7.2f}")


# %%
def grid_error(nodes):
    """The relative error of p(x) from so many z between −6 and 6."""
    z = torch.linspace(-6, 6, nodes, dtype=torch.float64)
    return (torch.trapezoid(model.log_joint(x, z).exp(), z) / log_p_x.exp() - 1).abs()


d, sizes = torch.arange(1, 31), torch.arange(10, 101)
errors = torch.stack([grid_error(size) for size in sizes.tolist()])
too_coarse = (1 + errors) ** d[:, None] - 1 > 0.1  # (30, 91)
last = (too_coarse * torch.arange(len(sizes))).max(1).values  # from the next size on all will do
nodes = sizes[last + 1]
print(f"nodes in each dimension: {nodes[0]} for d = 1, {nodes[-1]} for d = 30")

# %%
figure, axis = plt.subplots(figsize=(5.5, 3))
for needed, colour, label, height in (
    (nodes.double() ** d, COLOURS[3], "nodes of a grid", 1e18),
    (100 * ((1 + v) ** d - 1), COLOURS[2], "samples from the prior", 1e6),
    (torch.ones(30), COLOURS[0], "samples from the posterior", 3),
):
    axis.plot(d, needed, color=colour)
    axis.text(30, height, label, color=colour, ha="right", fontsize=9)
axis.axhline(3e15, color="0.4", linestyle="--", linewidth=1)
axis.text(30, 6e15, "a billion a second for a month", ha="right", fontsize=9)
axis.set(yscale="log", xlabel="latent dimension d", ylabel="evaluations of the decoder")
axis.set(ylim=(0.3, 1e25), title="to know p(x) with a relative error of 10 %")
axis.spines[["top", "right"]].set_visible(False)
show(
    figure, alt="A grid grows fastest, prior samples exponentially, posterior samples stay at one."
)

# %% [markdown]
# The grid leaves the picture after fifteen dimensions, and samples from the prior reach $10^{13}$ in
# the thirtieth. But one sample from the posterior is always enough: by (ELBO.2) its weight $p(x, z) /
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

# %%
claim(
    "ELBO.variance-grows",
    "up to d = 4 the relative variance is (1 + v)^d − 1, to 15 %",
    all(abs(found / ((1 + v) ** d - 1) - 1) < 0.15 for d, found in simulated.items()),
)
claim(
    "ELBO.log-too-low",
    "by 1,000 samples, log p(x) is over 10 nats too low at d = 20, not at d = 1",
    bias[20] < -10 and abs(bias[1]) < 0.05,
)
claim(
    "ELBO.posterior-samples",
    "with 20 codes every weight from the posterior is p(x), to nine digits",
    bool((log_weights(true_posterior, from_posterior) - exact).abs().max() < 1e-9),
)
claim(
    "ELBO.prior-samples",
    "1,000 samples from the prior miss that log p(x) by over 100 nats",
    bool(prior_estimate < exact - 100),
)

# %%
linear_v = torch.trapezoid((2 * line.log_likelihood(x, z) + log_p_z).exp(), z) / density**2 - 1
formula = Normal(0, (w**2 + s**2 / 2) ** 0.5).log_prob(torch.tensor(x)).exp()
formula = formula / (2 * s * math.pi**0.5 * density**2) - 1
claim(
    "ELBO.linear-variance",
    "(ELBO.17) and quadrature agree on v = 2.836479302",
    f"{formula:.9f}" == f"{linear_v:.9f}" == "2.836479302",
)

# %% [markdown]
# **Verdict.** Infinitely many codes are no obstacle: an integral in one dimension takes 200 of them.
# Nor does "high-dimensional" alone make it impossible: with a linear decoder there is a formula in
# any dimension. What has no formula is the integral of a *nonlinear* decoder, and the cost of both
# ways measured here, a grid and samples from the prior, grows exponentially with the dimension. That
# of samples from the posterior does not; but who has the posterior has the evidence. Main source: "the
# variance of the estimate becomes large". It is the *relative* variance; the absolute one can be tiny.

# %% [markdown]
# ### Does raising the ELBO raise the evidence?
#
# Source 002: "If we are able to maximize this lower bound, we are guaranteed to maximize the value
# of log P(X)". Take data $x \sim \mathcal{N}(0, 4)$, a decoder $p(x \mid z) = \mathcal{N}(wz, 1)$
# and an encoder with one trainable number, $q(z \mid x) = \mathcal{N}(ax, 1)$. The mean ELBO and the
# mean log-likelihood of the data are
#
# $$ -\tfrac12 \log 2\pi - \tfrac12 \bigl[ 4 (1 - wa)^2 + w^2 \bigr] - 2a^2
#    \quad \text{and} \quad
#    -\tfrac12 \log 2\pi (1 + w^2) - \frac{2}{1 + w^2} \tag{ELBO.18} $$
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

# %%
figure, axis = plt.subplots(figsize=(5.5, 2.8))
axis.plot(likelihoods, color=COLOURS[8], label="mean log-likelihood")
axis.plot(bounds, color=COLOURS[0], label="mean ELBO")
axis.fill_between(range(200), bounds, likelihoods, color=COLOURS[2], alpha=0.2, label="gap")
axis.set(xlabel="step of gradient ascent on the ELBO", ylabel="nats")
axis.legend(frameon=False, loc="lower right", ncols=3, fontsize=9)
axis.set_ylim(-3.15, -2)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The ELBO rises at every step, and the log-likelihood above it falls.")

# %%
w_end, a_end = parameters.tolist()
claim(
    "ELBO.up-evidence-down",
    "the ELBO rises −2.919 → −2.419, log p(x) falls −2.112 → −2.266",
    bool((bounds.diff() > 0).all())
    and bool((likelihoods.diff() < 0).all())
    and [round(v, 3) for v in (path[0] + path[-1])] == [-2.919, -2.112, -2.419, -2.266]
    and abs(w_end - 1) < 1e-3,
)

# %% [markdown]
# **Verdict.** Every step raised the bound and made the model worse. The encoder's σ is stuck at 1,
# the posterior's is $1 / \sqrt{1 + w^2}$. It is cheaper to bend the model towards a posterior that
# the encoder can express than to explain the data. Raising the ELBO raises evidence *minus* gap. (The
# source's picture, that one measures a shallower ocean nearby, misleads: the bound holds for the
# very same $x$, and making the one deeper need not deepen the other.)

# %% [markdown]
# ### Does a better model have a tighter bound?
#
# Main source: "The better our model, the tighter this bound becomes." Data with three pixels have
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

# %%
claim(
    "ELBO.tight-is-not-good",
    "W = 0 has no gap, and is over 0.9 nats less likely than a best model",
    models["W = 0"][1] < 1e-12
    and models["best, 45°"][1] > 0.25
    and models["W = 0"][0] < models["best, 45°"][0] - 0.9,
)

# %% [markdown]
# **Verdict.** Tightness says how well $q$ can follow the model's posterior. It is not a property of
# a good model: who ignores the code has the prior as posterior, which $q$ matches exactly. Note the
# two best models: same likelihood, and only one without a gap. Training with the ELBO prefers the
# one whose codes are independent given $x$.
#
# The main source writes $\mathcal{N}(\mu, \sigma^2 I)$ for $q$, one σ for all dimensions. That
# costs more still. For a posterior with variances 0.01 and 1 the best single σ² is their harmonic
# mean.

# %%
variances = torch.tensor([0.01, 1.0])
single = 1 / (1 / variances).mean()
cost = kl_normal(0, single.sqrt(), 0, variances.sqrt()).sum()
claim(
    "ELBO.one-sigma-costs",
    "one σ for both, σ² = 0.0198, costs 1.619 nats; diag(σ²) costs none",
    f"{single:.4f} {cost:.3f}" == "0.0198 1.619",
)

# %% [markdown]
# ### Average inside the logarithm or outside?
#
# Several sources draw $L$ codes and average their logarithms. Does that tighten the bound? Take
# $q = \mathcal{N}(1, 0.8^2)$ and compare: averaging $k$ logarithms of weights, and the logarithm
# of the average of $k$ weights. Each is repeated 2,000 times.

# %%
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


inside, outside = inside_and_outside(1.0, 0.8)
narrow, _ = inside_and_outside(best_mu, best_sigma)

# %% tags=["nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5.5, 2.8))
axis.axhline(log_p_x, color="0.4", linestyle="--", linewidth=1)
axis.text(1, log_p_x + 0.03, "log p(x)", va="bottom")
for values, marker, colour, label in (
    (inside, "o-", COLOURS[0], "inside"), (outside, "s-", COLOURS[2], "outside"),
    (narrow, "^:", COLOURS[4], "inside, best normal q"),
):  # fmt: skip
    axis.plot(ks, values.mean(1), marker, color=colour, label=label)
axis.set(xscale="log", xlabel="samples k", ylabel="mean estimate, nats", ylim=(-2.05, -0.8))
axis.legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1, 0.4))
axis.spines[["top", "right"]].set_visible(False)
show(
    figure, alt="Outside stays at the ELBO for all k; inside rises to log p(x), slower from best q."
)

# %%
wide_elbo = model.elbo(x, 1.0, 0.8)
errors = (outside.mean(1) - wide_elbo).abs() / (outside.std(1) / 2000**0.5)
claim(
    "ELBO.outside-stays",
    "outside, the mean is the ELBO for every k, within four standard errors",
    bool((errors < 4).all()),
)
claim(
    "ELBO.outside-less-noise",
    "outside, 500 samples divide the spread by over 15: √500 is 22",
    bool(outside[3].std() < outside[0].std() / 15),
)
claim(
    "ELBO.inside-tightens",
    "inside, the bound rises with k, to within 0.01 nats of log p(x)",
    bool((inside.mean(1).diff() > 0).all()) and bool((inside[3].mean() - log_p_x).abs() < 0.01),
)
claim(
    "ELBO.narrow-q-slow",
    "the q with the best ELBO still misses over 0.02 nats at k = 500",
    bool(narrow[3].mean() < log_p_x - 0.02),
)

# %% [markdown]
# **Verdict.** Outside, more samples mean less noise around the same bound. Inside, they mean a
# higher bound. The last claim is a warning: the $q$ with the highest ELBO is too narrow for the
# posterior's tail, where its weights are huge and rare, so that a wider $q$ with a *worse* ELBO
# gives the better estimate of $\log p(x)$. The gap can be estimated in this way, too, although
# source 004 says that it "can't be computed".

# %% [markdown]
# ### When is it no bound?
#
# Chapter 8 multiplies the divergence by a β. With $\beta < 1$, as at the beginning of the *KL
# annealing* that source 004 proposes, $\mathbb{E}_q [\log p(x \mid z)] - \beta\,
# \mathrm{KL}(q \Vert p(z))$ may exceed $\log p(x)$.
#
# A question beside it: should $q(z \mid x)$ be close to the prior for each $x$, as several sources
# say? Let $x$ be $-1$ or $+1$, and let $q(z \mid x)$ be that half of the prior that has the sign of
# $x$.

# %%
half_weight = model.reconstruction(x, best_mu, best_sigma) - 0.5 * kl_normal(best_mu, best_sigma)
cells = Normal(0, 1).log_prob(torch.linspace(-8, 8, 1000)).exp()  # z in 1000 cells, none at 0
cells = cells / cells.sum()
halves = [torch.where(torch.arange(1000) // 500 == side, 2 * cells, 0) for side in (0, 1)]
aggregate = (halves[0] + halves[1]) / 2
per_x = [kl_discrete(half, cells).item() for half in halves]
information = (entropy(aggregate) - (entropy(halves[0]) + entropy(halves[1])) / 2).item()
claim(
    "ELBO.small-beta-is-no-bound",
    "with β = ½ the objective is over 0.2 nats above log p(x)",
    bool(half_weight > log_p_x + 0.2),
)
claim(
    "ELBO.aggregate-must-match",
    "KL of each q(z|x) 0.693, of their mean 0; z tells 0.693 nats",
    all(round(nats, 3) == 0.693 for nats in (*per_x, information))
    and bool(kl_discrete(aggregate, cells) < 1e-9),
)

# %% [markdown]
# **Verdict.** If every $q(z \mid x)$ were the prior, a code would say nothing about its image: 0
# nats. What should match the prior is the mean of all $q(z \mid x)$. Here it does, exactly, while
# the code still holds all $\log 2$ nats of information on $x$. Chapter 7 measures both on digits.

# %% [markdown]
# ## Exercises
#
# First four cards that check themselves.

# %%
ExerciseCard("elbo-from-its-parts")

# %%
ExerciseCard("elbo-from-the-evidence")

# %%
ExerciseCard("elbo-of-a-linear-model")

# %%
ExerciseCard("evidence-of-a-linear-model")

# %% [markdown]
# For the rest, predict first, write the prediction down, then open the answer. The cell after the
# last one computes the numbers in the answers to 1, 2, 4 and 5.
#
# **1.** Double the noise of the tanh model, $s = 0.6$. At $x = 0.5$, does $\log p(x)$ rise or fall?
# Does the gap of the best normal $q$ rise or fall?
#
# <details><summary>Answer</summary>
#
# $\log p(x)$ falls a little, from $-1.047$ to $-1.113$. The gap falls from 0.196 to 0.055: a noisy
# pixel says less about $z$, so the posterior comes closer to the prior, which is normal. A tighter
# bound, and not a better model.
#
# </details>
#
# **2. Spot the error.** "The KL term ensures that nearby $z$ decode to similar $x$." Make the
# decoder ten times as steep, $\tanh 20z$, and keep $q = \mathcal{N}(0.5, 0.5^2)$. Which part of
# the ELBO changes?
#
# <details><summary>Answer</summary>
#
# The divergence to the prior contains no decoder and stays at 0.443 nats. The reconstruction falls
# from $-1.10$ to $-2.61$ nats. If anything smooths a decoder, it is the reconstruction of *noisy*
# codes. And nothing bounds the slope.
#
# </details>
#
# **3.** With $x = 0.5$ and $q = \mathcal{N}(1, 0.8^2)$ you average $L = 10$ logarithms per step in
# training instead of one. By how much is the bound tighter?
#
# <details><summary>Answer</summary>
#
# Not at all. The noise falls by $\sqrt{10}$. See ELBO.outside-stays.
#
# </details>
#
# **4. Spot the error.** "ELBO = reconstruction + KL divergence."
#
# <details><summary>Answer</summary>
#
# Minus. With plus it would not be a bound: for our $q$ it would be $-1.104 + 0.443 = -0.661$,
# above $\log p(x) = -1.047$. The *loss* $-\mathrm{ELBO}$ is reconstruction loss plus divergence.
#
# </details>
#
# **5.** An image has 784 pixels, and each has likelihood 0.3. What is the likelihood of the image in
# Python, and what is its logarithm?
#
# <details><summary>Answer</summary>
#
# `0.3**784` is 0.0, below the smallest number that a float64 can hold. The logarithm is $784 \log
# 0.3 = -943.9$ nats. That is a practical reason to take logarithms. In the derivation they have
# another: Jensen's inequality and the split into two terms need them.
#
# </details>

# %%
noisier = OneDimensionalModel(model.g, 0.6)
noisy_mu, noisy_sigma, _ = fit_q(noisier, x, 0.5)
steeper = OneDimensionalModel(lambda z: torch.tanh(20 * z), 0.3)
print(f"exercise 1: log p(x) {noisier.log_evidence(x):.3f}, ", end="")
print(f"gap {noisier.gap(x, noisy_mu, noisy_sigma):.3f}")
for name, decoder in {"tanh 2z": model, "tanh 20z": steeper}.items():
    print(f"exercise 2: {name:8} reconstruction {decoder.reconstruction(x, 0.5, 0.5):.2f}")
print(f"exercise 4: {reconstruction + divergence:.3f} against {log_p_x:.3f}")
print(f"exercise 5: {0.3**784} and {784 * math.log(0.3):.1f}")

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](10_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=6)

# %% [markdown]
# ## Recap
#
# - The evidence $p(x)$ is an average of the likelihood over all codes. In few dimensions, and for
#   linear models, it can be computed; otherwise the cost of a grid, or of samples from the prior,
#   grows exponentially with the dimension.
# - ELBO = reconstruction − KL to the prior. Evidence = ELBO + KL to the posterior.
# - Raising the ELBO raises evidence minus gap. It can make the model worse.
# - A tight bound is no sign of a good model.
# - Averaging inside the logarithm tightens the bound, outside it does not.
#
# ## Next
#
# [Chapter 7](07_variational_autoencoder.ipynb) lets a network answer with μ and σ for every image,
# trains it together with the decoder, and calls the pair a **variational autoencoder**.
#
# ## References
#
# - D. P. Kingma, M. Welling. *Auto-Encoding Variational Bayes.* ICLR, 2014.
# - D. M. Blei, A. Kucukelbir, J. D. McAuliffe. *Variational Inference: A Review for
#   Statisticians.* Journal of the American Statistical Association 112, 2017.
# - Y. Burda, R. Grosse, R. Salakhutdinov. *Importance Weighted Autoencoders.* ICLR, 2016.
# - M. E. Tipping, C. M. Bishop. *Probabilistic Principal Component Analysis.* Journal of the Royal
#   Statistical Society B 61, 1999.
