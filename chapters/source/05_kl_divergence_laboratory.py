# %% [markdown]
# # 5 · Kullback–Leibler divergence: laboratory
#
# For those who want to know whether it is true: dependence between dimensions, error bars that deceive,
# units, digits, and what sentences about the divergence are worth. It follows [chapter
# 5](05_kl_divergence.ipynb).
#
# **Time**: 20 minutes.

# %% tags=["hide-input"]
import math

import torch
from scipy import integrate, stats
from torch.distributions import Normal

from course_lib.errata import show_errata
from course_lib.information import (
    bits_to_nats, kl_diagonal_normal, kl_discrete, kl_multivariate_normal, kl_normal,
    kl_normal_terms, nats_to_bits,
)  # fmt: skip
from course_lib.notebook import claim, show_source
from course_lib.widgets import GaussianKL

seed = 0  # change it and run again: every claim below must still hold
torch.set_default_dtype(torch.float64)  # so that every digit printed below is exact

# %% tags=["hide-input"]
P, Q = torch.tensor([0.8, 0.2]), torch.tensor([0.5, 0.5])  # red, blue
mu_q, sigma_q, mu_p, sigma_p = 1.0, 0.5, 0.0, 1.0  # the example of the chapter
q, p = Normal(mu_q, sigma_q), Normal(mu_p, sigma_p)
exact = kl_normal(mu_q, sigma_q, mu_p, sigma_p).item()

# %% [markdown]
# ## Dimensions that know of each other
#
# With full covariance matrices $\Sigma$ and $\Delta = \mu_q - \mu_p$ it is
#
# $$ \mathrm{KL}(q \Vert p) = \frac12 \Bigl[ \operatorname{tr} (\Sigma_p^{-1} \Sigma_q)
#    + \Delta^\top \Sigma_p^{-1} \Delta - d + \log \frac{|\Sigma_p|}{|\Sigma_q|} \Bigr]
#    \tag{KL.15} $$
#
# The next cell takes two numbers, each $\mathcal{N}(0, 1)$, with correlation 0.8. Compare the sum
# over the two dimensions with the divergence of the pair from $\mathcal{N}(0, I)$.

# %%
zero, identity = torch.zeros(2), torch.eye(2)
correlated = torch.tensor([[1.0, 0.8], [0.8, 1.0]])
joint = kl_multivariate_normal(zero, correlated, zero, identity)
alone = kl_normal(zero, correlated.diagonal().sqrt()).sum()
print(f"correlated, (KL.15): {joint:.4f} nats; its two dimensions alone: {alone:.4f} nats")


# %% [markdown]
# Each of the correlated numbers looks like $\mathcal{N}(0, 1)$, so the sum is 0, but the pair does
# not look like $\mathcal{N}(0, I)$. The missing 0.5108 nats are what the two numbers tell about
# each other.

# %% [markdown]
# ## Can every error bar be trusted?
#
# The error bar is itself an estimate, and it needs a spread that can be estimated. Let $q$ be a
# Student t with 2.1 degrees of freedom, whose tails are heavy, and $p$ the standard normal: their
# divergence is finite, but the spread of the $k_s$ is infinite. Draw 1,000 samples 400 times, and
# count how often the interval of ±1.96 standard errors holds the divergence. It should be 95 %, and
# for two normals it is.


# %%
def coverage(q, divergence):
    """Of 400 intervals, from 1,000 samples each: the share with the divergence, and below it."""
    uniform = torch.rand(400, 1000, generator=torch.Generator().manual_seed(seed))
    z = torch.from_numpy(q.ppf(uniform))  # (400, 1000) draws
    k = torch.from_numpy(q.logpdf(z) - stats.norm.logpdf(z))
    errors = (k.mean(1) - divergence) / (k.std(1) / 1000**0.5)
    return (errors.abs() < 1.96).double().mean().item(), (errors <= -1.96).double().mean().item()


# %% tags=["hide-input"]
heavy, near_normal = stats.t(2.1), stats.norm(0.5, 1.2)
# log √2π + E[z²]/2 − H(q); the variance of a Student t is 2.1 / (2.1 − 2).
truth = math.log(2 * math.pi) / 2 + 2.1 / 0.1 / 2 - heavy.entropy()
held = {
    "normal": coverage(near_normal, kl_normal(0.5, 1.2).item()),
    "Student t": coverage(heavy, truth),
}
for name, (share, below) in held.items():
    print(f"{name:10} {share:4.0%} of the intervals hold the divergence, {below:4.0%} end below it")
edge = heavy.isf(0.5 / 1000)  # one of 1,000 samples falls beyond ±edge, on average
beyond, _ = integrate.quad(
    lambda z: heavy.pdf(z) * (heavy.logpdf(z) - stats.norm.logpdf(z)), edge, math.inf
)
print(f"Student t: {2 * beyond / truth:.0%} of the divergence comes from |z| > {edge:.1f}")
claim(
    "KL.heavy-tails",
    "the share of intervals that hold the divergence is lower by this for the Student t",
    held["normal"][0] - held["Student t"][0],
    at_least=0.6,
)
claim(
    "KL.error-bars-of-normals",
    "of the intervals for two normals this share holds it",
    held["normal"][0],
    at_least=0.9,
    at_most=0.99,
)

# %% [markdown]
# Nearly all intervals for the Student t end below the divergence. Most of it comes from places where
# one sample in a thousand falls, and no bar warns of what was not seen.

# %% [markdown]
# ## The choice of units does not matter
#
# Measure $z$ in other units, or look at $y = f(z)$ with any invertible smooth $f$. Both densities
# are multiplied by the same factor, which cancels in their ratio:
#
# $$ y = f(z), \; f \text{ invertible} \;\Longrightarrow\;
#    \mathrm{KL}(q_y \Vert p_y) = \mathrm{KL}(q_z \Vert p_z) \tag{KL.16} $$
#
# A map that is not invertible can only lower the divergence: it throws away what told the two
# apart.

# %%
scaled = kl_normal(3 * mu_q - 7, 3 * sigma_q, 3 * mu_p - 7, 3 * sigma_p)
y = torch.linspace(1e-3, 8, 8001)  # |z|: both signs of z come to lie on the same y


def folded(normal):
    return normal.log_prob(y).exp() + normal.log_prob(-y).exp()


after = torch.trapezoid(folded(q) * (folded(q) / folded(p)).log(), y)
print(f"z: {exact:.4f} nats    3z − 7: {scaled:.4f} nats    |z|: {after:.2f} nats")

# %% [markdown]
# ## The code
#
# This is how the library computes (KL.10). Near $q = p$ the four terms cancel almost completely,
# and the printed formula would keep none of its digits. With $t = \sigma_q / \sigma_p - 1$ they
# can be rewritten so that nothing cancels.

# %%
show_source(kl_normal)

# %% tags=["nbval-ignore-output"]
tiny = 1e-9
print(f"σ_q = 1 + 10⁻⁹, the sum of the four terms: {sum(kl_normal_terms(0, 1 + tiny)):.1e} nats")
print(f"σ_q = 1 + 10⁻⁹, kl_normal:                 {kl_normal(0, 1 + tiny):.1e} nats")

# %% [markdown]
# ## The homework of one source
#
# "The divergence between the standard normal distribution and one with mean 6 and standard
# deviation 4" leaves the direction open. Here are both.

# %%
GaussianKL(mu_q=6, sigma_q=4, mu_p=0, sigma_p=1)

# %%
there, back = kl_normal(6, 4, 0, 1).item(), kl_normal(0, 1, 6, 4).item()
print(f"KL(N(6, 4²)‖N(0, 1)) = {there:.4f} nats, KL(N(0, 1)‖N(6, 4²)) = {back:.4f} nats")

# %% tags=["hide-input"]
claim(
    "KL.homework",
    "the first is so many times the second",
    there / back,
    at_least=11.5,
    at_most=12,
)

# %% [markdown]
# The factor of twelve is no accident. A typical draw from $\mathcal{N}(6, 4^2)$ is six standard
# deviations from the centre of $\mathcal{N}(0, 1)$, which finds that absurd. A draw from
# $\mathcal{N}(0, 1)$ is one and a half standard deviations from the centre of the wide one.

# %% [markdown]
# ## Which direction is which?
#
# Source 004 has the two names the wrong way round. Minimising $\mathrm{KL}(p \Vert q)$ over $q$ covers
# (KL.forward-covers), minimising $\mathrm{KL}(q \Vert p)$ seeks (KL.reverse-seeks). What does it cost to
# ignore half of a target? With two equal peaks far apart, and $q$ one of them, $q$ has twice the density of
# the target on its peak:

# %%
grid = torch.linspace(-15, 15, 3001)
peak = Normal(3.0, 0.6).log_prob(grid)
both = torch.logaddexp(peak, Normal(-3.0, 0.6).log_prob(grid)) - math.log(2)
cost = torch.trapezoid(peak.exp() * (peak - both), grid).item()

# %% tags=["hide-input"]
claim(
    "KL.reverse-cost",
    "ignoring half of the target costs so many nats; log 2 is 0.693",
    cost,
    at_least=0.683,
    at_most=0.703,
)

# %% [markdown]
# ## Does a larger difference mean a larger divergence?
#
# One source says that the more different $Q$ is from $P$, the higher the divergence. That depends
# on what else one means by *different*. Another measure is the **total variation**, half the sum of
# $|p_i - q_i|$: the largest difference in the probability of any event.

# %%
p, near, far = (torch.tensor([x, 1 - x]) for x in (0.1, 1e-6, 0.5))
for name, q in {"near": near, "far": far}.items():
    variation = (p - q).abs().sum() / 2
    print(f"{name:5} total variation {variation:.2f}, KL(p‖q) = {kl_discrete(p, q):.2f} nats")

# %% tags=["hide-input"]
claim(
    "KL.not-monotone",
    "the one that is nearer in total variation has so many times the divergence",
    kl_discrete(p, near) / kl_discrete(p, far),
    at_least=2,
)

# %% [markdown]
# **Verdict.** The divergence forgives a wrong number and punishes a belief that something which
# does happen never does.

# %% [markdown]
# ## What does each term do to σ?
#
# For $p = \mathcal{N}(0, 1)$, one source says that the term $\sigma^2$ increases when the variance
# is too small or too large. Compare it with the sum of the two terms that contain $\sigma$.

# %%
variances = torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0])
terms = kl_normal_terms(0, variances.sqrt())
both = terms.variance_ratio + terms.log_ratio
print("σ²           ", *(f"{x:7.2f}" for x in variances))
print("σ²/2         ", *(f"{x:7.2f}" for x in terms.variance_ratio))
print("σ²/2 − log σ ", *(f"{x:7.2f}" for x in both))

# %% tags=["hide-input"]
claim(
    "KL.sigma-needs-both",
    "the sum is smallest at this variance",
    variances[both.argmin()],
    at_least=1,
    at_most=1,
)
claim(
    "KL.sigma-alone-only-grows",
    "the least step of σ²/2 alone, from one variance to the next larger",
    terms.variance_ratio.diff().min(),
    at_least=0.1,
)

# %% [markdown]
# **Verdict.** The term $\sigma^2$ alone pushes the variance *down*, always. The balance at 1 is
# between it and $-\log \sigma^2$.

# %% [markdown]
# ## Exercises
#
# Predict first, write the prediction down, then open the answer. The cell after the
# last one computes the numbers in the answers to 1 to 4.
#
# **1.** A code is made for bag $P$ (.8, .2), but the marbles come from $Q$ (.5, .5). How many bits
# per marble are wasted? More or fewer than the other way round?
#
# <details><summary>Answer</summary>
#
# $\mathrm{KL}(Q \Vert P) = 0.3219$ bits, more than 0.2781: blue marbles have long words, and half
# of the marbles are blue.
#
# </details>
#
# **2.** An encoder returns `mu = 0` and `logvar = 0` in all of its 20 dimensions. What is the
# divergence (KL.12)? And with `mu = 1`?
#
# <details><summary>Answer</summary>
#
# 0, since that is $\mathcal{N}(0, I)$ itself; and $20 \cdot \tfrac12 = 10$ nats. Check with
# `kl_diagonal_normal(torch.ones(20), torch.zeros(20))`.
#
# </details>
#
# **3.** How many bits are 10 nats?
#
# <details><summary>Answer</summary>
#
# $10 / \log 2 = 14.427$ bits; `bits_to_nats` goes back.
#
# </details>
#
# **4. Spot the error.** "For $p = \mathcal{N}(0, 1)$ and $q = \mathcal{N}(0, 2)$:
# $\mathrm{KL}(p \Vert q) \approx 0.443$ and $\mathrm{KL}(q \Vert p) \approx 0.693$."
#
# <details><summary>Answer</summary>
#
# If 2 is the variance, the values are 0.0966 and 0.1534. If it is the standard deviation, they are
# 0.3181 and 0.8069. The printed 0.443 is $\log 2 + \tfrac14 - \tfrac12$: it takes the log ratio
# from the one reading and the variance ratio from the other. The printed 0.693 is $\log 2$ alone.
#
# </details>
#
# **5. Spot the error.** A student writes: "Fitting $q$ by $\mathrm{KL}(p \Vert q)$ is mode-seeking,
# because $q$ pays wherever $p$ has mass and $q$ has none."
#
# <details><summary>Answer</summary>
#
# The reason is right and the name is wrong. A $q$ that must not miss any mass has to cover all
# peaks: *mass-covering*. The other direction is the mode-seeking one. See KL.forward-covers.
#
# </details>
#
# **6. Spot the error.** "The mean term of (KL.10) is the squared distance of the means times the
# variance of $p$."
#
# <details><summary>Answer</summary>
#
# It is divided by twice the variance. Double $\sigma_p$, and it falls to a quarter.
#
# </details>
#
# **7. Spot the error.** A proof of (KL.5): "$\mathbb{E}_p [q/p] = \int q(x)\, dx = 1$, hence
# $\mathrm{KL} \ge -\log 1 = 0$."
#
# <details><summary>Answer</summary>
#
# The expectation runs only over places where $p(x) > 0$, so it is $\int_{p > 0} q(x)\, dx \le 1$.
# For $p$ uniform on $[0, 1]$ and $q$ on $[0, 2]$ it is ½. The conclusion survives, since
# $-\log \tfrac12 > 0$.
#
# </details>
#
# **8. Spot the error.** Under a heading about two diagonal normals stands: "with $q = \mathcal{N}(\mu,
# \sigma^2)$ and $p = \mathcal{N}(0, 1)$, KL is $\frac12 \sum_{j=1}^d (\mu_j^2 + \sigma_j^2 - 1 -
# \log \sigma_j^2)$."
#
# <details><summary>Answer</summary>
#
# The left side is about one number, the right side about $d$: write $\mathcal{N}(\mu,
# \operatorname{diag} \sigma^2)$ and $\mathcal{N}(0, I)$. And it is not about *two* Gaussians in
# general, of which the second is fixed here; for two diagonal ones sum (KL.10) over $j$.
#
# </details>
#
# **9. Spot the error.** "Both parts of a VAE's loss, the KL and the reconstruction, have to be
# estimated from samples of the code."
#
# <details><summary>Answer</summary>
#
# For the reconstruction, yes. The divergence of two normal distributions has a closed form
# (KL.12) and needs no sample; (KL.14) would only add noise.
#
# </details>

# %%
print(f"exercise 1: {nats_to_bits(kl_discrete(Q, P)):.4f} bits")
print(f"exercise 2: {kl_diagonal_normal(torch.ones(20), torch.zeros(20)):.4f} nats")
print(f"exercise 3: {nats_to_bits(10.0):.3f} bits, and back: {bits_to_nats(14.427):.2f} nats")
for reading, sigma in {"variance 2": 2**0.5, "standard deviation 2": 2}.items():
    forth, back = kl_normal(0, 1, 0, sigma), kl_normal(0, sigma, 0, 1)
    print(f"exercise 4: {reading}: {forth:.4f} and {back:.4f} nats")

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=5)
