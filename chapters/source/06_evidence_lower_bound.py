# %% [markdown]
# # 6 · Evidence lower bound
#
# Here is a 9, drawn by a model that has seen handwritten digits. It first drew a code of 40
# numbers, and then the image. Which code was it? The slider moves a guess: at 0 the codes of the
# second row are drawn from all that the model knows, without a look at the 9; at 10 they are drawn
# from what a network answers that has seen it. How good is each guess? And how likely was it that
# the model draws just this image?

# %% tags=["hide-input"]
import math

import torch
from matplotlib import pyplot as plt
from torch.distributions import Normal

from course_lib.evaluation import OneDimensionalModel, importance_weighted_log_likelihood
from course_lib.information import kl_discrete, kl_normal
from course_lib.models import pretrained
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import log_mean_exp
from course_lib.plots import COLOURS
from course_lib.widgets import EvidenceGap, ExerciseCard, SweepRows

seed = 0  # change it and run again: every claim below must still hold
generator = torch.Generator().manual_seed(seed)

# %% tags=["hide-input"]
vae = pretrained("mnist_vae")
draw = torch.Generator().manual_seed(0)
with torch.no_grad():
    drawn = vae.decode_mean(torch.randn(12, 40, generator=draw))
    nine = torch.bernoulli(drawn[7:8], generator=draw)  # (1, 1, 28, 28), black or white
    mu, logvar = vae.encode(nine)
    epsilon = torch.randn(12, 40, generator=draw)
    rows = {
        step: {
            "the image": nine.expand(12, -1, -1, -1),
            "guesses": vae.decode_mean(mu * step / 10 + (logvar * step / 20).exp() * epsilon),
        }
        for step in range(11)
    }
SweepRows("the guess", rows, columns=12, start=2)

# %% [markdown]
# At 0 none of the twelve is this 9. At 10 all are. Guesses at 0 would hardly ever contain a match,
# however long you wait; and the average over all codes is just what the last question asks for.
# This chapter shows what to compute instead, with the guess: the **evidence lower bound**. It takes
# a model so small that everything can be computed exactly, and comes back to the 9 at the end.
#
# ## You will
#
# - derive the evidence lower bound (ELBO) in two ways and run every line of both derivations;
# - move a guess with sliders and see the bound, the gap and the evidence add up;
# - measure why the evidence is hard to compute;
# - write the bound for one image, raise it, and tighten it by averaging in the right place.
#
# **Before you start**: chapter 5, in particular (KL.5), (KL.7) and (KL.10).
# **Time**: 45 minutes. A third derivation, and what the bound does *not* say, stand in the
# [laboratory](06_evidence_lower_bound_laboratory.ipynb).

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
torch.set_default_dtype(torch.float64)  # so that every digit printed below is exact
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

# %% [markdown]
# ## Four distributions
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
# The pixel is $x = 0.5$. In the picture: where do codes lie that may have drawn it? The evidence is
# then an integral over one number, and a sum over 4001 equidistant values of $z$ gives all the
# digits printed here.

# %% tags=["hide-input"]
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
# ## Why is the evidence hard?
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

# %% tags=["nbval-ignore-output"]
second_moment = torch.trapezoid((2 * log_p_x_given_z + log_p_z).exp(), z)
v = (second_moment / log_p_x.exp() ** 2 - 1).item()
simulated = {}
for d in (1, 2, 3, 4):
    codes = torch.randn(400_000, d, generator=generator)
    ratio = (model.log_likelihood(x, codes).sum(1) - d * log_p_x).exp()  # p(x|z) / p(x)
    simulated[d] = ratio.var().item()
    print(f"d = {d}: {simulated[d]:7.2f} from samples, (1 + v)^d − 1 = {(1 + v) ** d - 1:7.2f}")

# %% tags=["hide-input"]
claim(
    "ELBO.variance-grows",
    "up to d = 4 the relative variance of 400,000 samples differs from (ELBO.4) by this share",
    max(abs(found / ((1 + v) ** d - 1) - 1) for d, found in simulated.items()),
    at_most=0.15,
)

# %% [markdown]
# What does an error of 10 % cost? Count evaluations of the decoder, with a grid, with samples from the
# prior, and with samples from the posterior. If it were known, one would do, since by (ELBO.2) $p(x) =
# p(x, z) / p(z \mid x)$ for any $z$.


# %% tags=["hide-input"]
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

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(5.5, 3))
for needed, colour, label, end, height in (
    (nodes.double() ** d, COLOURS[3], "nodes of a grid", 21, 1e21),
    (100 * ((1 + v) ** d - 1), COLOURS[2], "samples from the prior", 30, 1e6),
    (torch.ones(30), COLOURS[0], "samples from the posterior", 30, 3),
):
    axis.plot(d, needed, color=colour)
    axis.text(end, height, label, ha="right", fontsize=9)
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
# the thirtieth. In one dimension both are cheap, although the codes are infinitely many.

# %% [markdown]
# ## The bound
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
    "E[log p(x|z)] + E[log p(z)/q]  (ELBO.7)": reconstruction + expectation(log_p_z - log_q),
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

# %%
ExerciseCard("first-false-line-elbo")

# %%
ExerciseCard("elbo-from-its-parts")

# %% [markdown]
# ## What is lost
#
# Start at the other end, with the divergence between the guess and the truth:
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
gap, bound = expectation(log_q - log_posterior), expectation(log_p_xz - log_q)
for line, value in {
    "E[log q − log p(z|x)]             (ELBO.9)": gap,
    "E[log q − log p(x,z)] + log p(x) (ELBO.10)": expectation(log_q - log_p_xz) + log_p_x,
    "log p(x) − ELBO                  (ELBO.11)": log_p_x - bound,
    "the library                               ": model.gap(x, mu, sigma),
}.items():
    print(f"{line} {value:.9f}")

# %%
ExerciseCard("elbo-from-the-evidence")

# %% [markdown]
# ### Move the guess
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
# A decoder can also make two codes equally good. With $g(z) = z^2/2$, a pixel of 1 may come from $z
# \approx 1.4$ or from $z \approx -1.4$. Try to get the gap below $\log 2 = 0.693$. Then move $x$
# towards 0.

# %%
two_peaks = OneDimensionalModel(lambda z: z**2 / 2, s=0.3)
EvidenceGap(two_peaks, x=1.0, mu=1.3, sigma=0.25, x_range=(-0.5, 2.0))

# %% [markdown]
# At $x = 1$ it cannot be done. A narrow $q$ misses one peak: even if it matched the other exactly, it
# would be twice the posterior there, and $\log 2$ off. A wide one puts weight on the valley.
# At $x = 0.1$ they have nearly merged, and μ = 0, σ = 0.5 leaves only 0.05 nats.

# %% [markdown]
# ## What the two parts do
#
# - $\mathbb{E}_q [\log p(x \mid z)]$, the **reconstruction**, asks that codes drawn from $q$
#   decode to $x$. On its own it draws $q$ together at the single best code.
# - $-\mathrm{KL}(q \Vert p(z))$ asks that $q$ stay near the prior. On its own it makes $q$ equal
#   to the prior, and then $q$ knows nothing about $x$.
#
# Mind the signs. The ELBO is a reward: reconstruction *minus* divergence. A loss is its negative,
# and there the divergence is *added*. Neither term is a constraint: both stand in one sum. And
# neither needs the posterior, nor $p(x)$: only $q$, the likelihood and the prior.

# %% [markdown]
# ## Raise it
#
# The decoder is given, and gradient ascent looks for
# the best normal $q$. By (ELBO.11), with $\log p(x)$ fixed, that *is* making
# $\mathrm{KL}(q \Vert p(z \mid x))$ small, the reverse fit of chapter 5. This is called **variational
# inference**. The library's model computes an expectation under $q$ as a sum over nodes
# $z = \mu + \sigma u$, so it can be differentiated by $\mu$ and $\sigma$. The start is random.


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

# %% tags=["hide-input", "nbval-ignore-output"]
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
# The bound does not reach the evidence. The posterior is skewed, because the decoder saturates: all
# large $z$ give the same pixel. No normal $q$ equals it, so a gap remains.

# %%
fits = [fit_q(two_peaks, 1.0, mu) for mu in (-1.0, 1.0)]
gaps = [two_peaks.gap(1.0, mu, sigma).item() for mu, sigma, _ in fits]
best_gap = model.gap(x, best_mu, best_sigma).item()
print(f"with two peaks q ends at {fits[0][0]:.2f} or at {fits[1][0]:.2f}")

# %% tags=["hide-input"]
claim(
    "ELBO.best-q-leaves-a-gap",
    "the best normal q for the tanh decoder leaves so many nats",
    best_gap,
    at_least=0.195,
    at_most=0.197,
)
claim(
    "ELBO.one-of-two-peaks",
    "with two peaks, whichever it settles on, it leaves at least so many nats; log 2 is 0.693",
    min(gaps),
    at_least=math.log(2),
    at_most=0.74,
)

# %% [markdown]
# One $q$ for one image took 250 steps. With 60,000 images that is 60,000 such searches, and another
# for every new one. Chapter 7 trains one network, the encoder, that answers $\mu$ and $\sigma$ for
# any image at once. That is called **amortised** inference; what it loses against a search of its
# own is the *amortisation gap*.

# %% [markdown]
# ## Average inside the logarithm
#
# (ELBO.6) loses because it takes the logarithm before the mean. Take the mean of a few ratios
# first, with $k$ independent codes from $q$ (**importance weighting**):
#
# $$ \mathcal{L}_k = \mathbb{E} \left[ \log \frac1k \sum_{i=1}^{k}
#    \frac{p(x \mid z_i)\, p(z_i)}{q(z_i \mid x)} \right] \le \log p(x), \qquad
#    z_i \sim q(z \mid x) \tag{ELBO.12} $$
#
# It is Jensen's inequality again, so it is a bound for every $k$. For $k = 1$ it is the ELBO, it
# never falls when $k$ grows, and in the limit it is $\log p(x)$. The alternative would be to average $k$
# logarithms. Take
# $q = \mathcal{N}(1, 0.8^2)$ and compare, with 2,000 repetitions each: which of the two curves rises?

# %% tags=["hide-input"]
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

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5.5, 2.8))
axis.axhline(log_p_x, color="0.4", linestyle="--", linewidth=1)
axis.text(1, log_p_x + 0.03, "log p(x)", va="bottom")
for values, marker, colour, label in (
    (inside, "o-", COLOURS[0], "inside"), (outside, "s-", COLOURS[2], "outside"),
):  # fmt: skip
    axis.plot(ks, values.mean(1), marker, color=colour, label=label)
axis.set(xscale="log", xlabel="samples k", ylabel="mean estimate, nats", ylim=(-2.05, -0.8))
axis.legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1, 0.4))
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Averaged outside it stays at the ELBO for all k; inside it rises to log p(x).")

# %% tags=["hide-input"]
wide_elbo = model.elbo(x, 1.0, 0.8)
errors = (outside.mean(1) - wide_elbo).abs() / (outside.std(1) / 2000**0.5)
claim(
    "ELBO.outside-stays",
    "averaged outside, the mean is off the ELBO by so many standard errors, at most, for every k",
    errors.max(),
    at_most=4,
)
claim(
    "ELBO.inside-tightens",
    "averaged inside, 500 samples come so near to log p(x), in nats; one sample misses 0.8",
    (inside[3].mean() - log_p_x).abs(),
    at_most=0.01,
)

# %% [markdown]
# Outside, more samples mean less noise around the same bound. Inside, they mean a
# higher bound.
#
# ## Back to the 9
#
# For the image at the top nobody can compute $\log p(x)$. But all the pieces are at hand now: the ELBO with
# the prior as guess, with the encoder's answer, and (ELBO.12) with more and more samples from it.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    often = nine.expand(100, -1, -1, -1)  # 100 estimates of each kind
    seen = {
        k: importance_weighted_log_likelihood(vae, often, samples=k, seed=seed)
        for k in (1, 10, 1000)
    }
    guesses = vae.decode(torch.randn(1000, 40, generator=generator).float())
    blind = vae.likelihood.log_prob(nine.expand(1000, -1, -1, -1), guesses)
print(f"ELBO, the prior as guess   {blind.mean():8.1f} nats")
for k, estimate in seen.items():
    print(
        f"k = {k:4}, encoder's answer   {estimate.mean:8.1f} nats, ± {estimate.standard_error:.1f}"
    )

# %% [markdown]
# Guessing blindly costs hundreds of nats. The encoder's answer with $k = 1$, which is its ELBO, is a few
# nats short of what a thousand samples find, and these few are its gap, or most of it.

# %% [markdown]
# ## Exercises
#
# Predict first, write the prediction down, then open the answer. The cell after the
# last one computes the numbers in the answers.
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
# **3. Spot the error.** "ELBO = reconstruction + KL divergence."
#
# <details><summary>Answer</summary>
#
# Minus. With plus it would not be a bound: for our $q$ it would be $-1.104 + 0.443 = -0.661$,
# above $\log p(x) = -1.047$. The *loss* $-\mathrm{ELBO}$ is reconstruction loss plus divergence.
#
# </details>
#
# **4.** An image has 784 pixels, and each has likelihood 0.3. What is the likelihood of the image in
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
print(f"exercise 3: {reconstruction + divergence:.3f} against {log_p_x:.3f}")
print(f"exercise 4: {0.3**784} and {784 * math.log(0.3):.1f}")

# %% [markdown]
# ## Recap
#
# - The evidence $p(x)$ is an average of the likelihood over all codes. In few dimensions
#   it can be computed; the cost of a grid, or of samples from the prior,
#   grows exponentially with the dimension.
# - ELBO = reconstruction − KL to the prior. Evidence = ELBO + KL to the posterior.
# - For a given decoder, raising the ELBO makes $q$ more like the posterior.
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
