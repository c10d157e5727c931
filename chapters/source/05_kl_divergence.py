# %% [markdown]
# # 5 · Kullback–Leibler divergence
#
# How different are two probability distributions? Below are two bell curves, $q$ and $p$. The
# **Kullback–Leibler divergence** is the shaded area, what lies above the axis less what lies below.
# Move one curve away from the other, then make one of them wider. Can you make it negative?

# %% tags=["hide-input"]
import heapq
import itertools
import math

import torch
from matplotlib import pyplot as plt
from torch.distributions import Categorical, MixtureSameFamily, Normal

from course_lib.information import (
    cross_entropy, entropy, kl_bernoulli, kl_diagonal_normal, kl_discrete, kl_monte_carlo,
    kl_normal, kl_normal_terms, nats_to_bits,
)  # fmt: skip
from course_lib.notebook import check_task, claim, show
from course_lib.plots import COLOURS
from course_lib.widgets import ExerciseCard, GaussianKL, LossCurves

seed = 0  # change it and run again: every claim below must still hold
generator = torch.Generator().manual_seed(seed)
torch.set_default_dtype(torch.float64)  # so that every digit printed below is exact

# %%
GaussianKL()

# %% [markdown]
# It cannot be done: the positive area is never the smaller one. Why, and what the number means, is
# the subject of this chapter. The variational autoencoder of chapter 7 is trained on it.
#
# ## You will
#
# - measure what it costs to pack data with a code made for other data;
# - prove that a Kullback–Leibler divergence is never negative, and watch it depend on direction;
# - derive the formula for two normal distributions and check every step with numbers;
# - fit a normal distribution to a target with two peaks, in both directions;
# - estimate a divergence from samples, with an error bar.
#
# **Before you start**: chapter 0, logarithms, expectations, and the normal distribution.
# **Time**: 50 minutes. More stands in the [laboratory](05_kl_divergence_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# Take two bags of marbles, an example from one of the sources. Bag $P$ holds 8 red and 2 blue
# ones; bag $Q$ holds 5 of each. Draw a marble, note its colour, put it back. Someone who must
# report long series of draws from $P$ will use short words for what happens often, such as a run
# of reds. Someone who believes that the marbles come from $Q$ has no reason to. Both reports are
# complete, but the second is longer. The **Kullback–Leibler divergence** $\mathrm{KL}(P \Vert Q)$
# is how much longer, per marble, when both use the best possible code for what they believe.
#
# The order matters. $P$ is where the data come from; $Q$ is what the code was made for.

# %% [markdown]
# ## Entropy, cross-entropy, divergence
#
# The **surprise** of an event of probability $p_i$ is $-\log p_i$: nothing for a certain event,
# more the rarer it is. The **entropy** is the mean surprise:
#
# $$ H(p) = -\sum_i p_i \log p_i \qquad (0 \log 0 = 0) \tag{KL.1} $$
#
# It is 0 when one outcome is certain. Among distributions on $n$ outcomes it is largest for the
# uniform one, where it is $\log n$.
#
# ### Cross-entropy
#
# The **cross-entropy** is the mean surprise of someone who believes $q$ while $p$ is true:
#
# $$ H(p, q) = -\sum_i p_i \log q_i \tag{KL.2} $$
#
# ### Kullback–Leibler divergence
#
# The difference of the two is the surprise that the wrong belief adds:
#
# $$ \mathrm{KL}(p \Vert q) = H(p, q) - H(p) = \sum_i p_i \log \frac{p_i}{q_i} \tag{KL.3} $$
#
# Each logarithm is weighted by $p_i$, so that what happens often counts most. Where $p_i = 0$
# nothing is added. Where $q_i = 0$ but $p_i > 0$, the impossible happens, and the divergence is
# infinite. With the natural logarithm all three are in **nats**; with base 2 they are in
# **bits**:
#
# $$ 1 \text{ nat} = \frac{1}{\log 2} \text{ bits} \approx 1.4427 \text{ bits} \tag{KL.4} $$

# %%
P, Q = torch.tensor([0.8, 0.2]), torch.tensor([0.5, 0.5])  # red, blue
for name, nats in {
    "H(P)    ": entropy(P),
    "H(P, Q) ": cross_entropy(P, Q),
    "KL(P‖Q) ": kl_discrete(P, Q),
    "KL(Q‖P) ": kl_discrete(Q, P),
}.items():
    print(f"{name} {nats:.4f} nats = {nats_to_bits(nats):.4f} bits per marble")


# %% [markdown]
# ## Is a wrong code longer by the divergence?
#
# **Huffman's algorithm** builds the shortest code that gives each symbol a word of its own, such
# that no word is the beginning of another: it joins the two least likely groups of symbols,
# again and again, and writes a 0 or a 1 in front of their words. A single marble needs one bit in
# any code; gains appear when several marbles share a word.


# %%
def huffman(weights):
    """Code words of zeros and ones, one for each weight."""
    words = [""] * len(weights)
    heap = [(weight, i, [i]) for i, weight in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (light, _, zeros), (heavy, i, ones) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in zeros:
            words[symbol] = "0" + words[symbol]
        for symbol in ones:
            words[symbol] = "1" + words[symbol]
        heapq.heappush(heap, (light + heavy, i, zeros + ones))
    return words


# %%
def blocks(bag, n):
    """The probability of every series of n marbles."""
    return torch.tensor([bag[list(s)].prod() for s in itertools.product((0, 1), repeat=n)])


for weight, word in zip(blocks(P, 2).tolist(), huffman(blocks(P, 2).tolist()), strict=True):
    print(f"probability {weight:.2f}: {word}")


# %% [markdown]
# Two reds in a row, the likeliest pair, have the shortest word. Longer series mostly save more. The
# picture shows the mean number of bits per marble when the marbles come from $P$, for the codes
# made for $P$ and for $Q$. Look at the distance between the two lines.


# %%
def mean_length(true, believed, n):
    """Bits per marble when blocks of n from the true bag are coded for the believed one."""
    lengths = torch.tensor([len(word) for word in huffman(blocks(believed, n).tolist())])
    return (blocks(true, n) @ lengths.double()).item() / n


ns = list(range(1, 11))
right_code = [mean_length(P, P, n) for n in ns]
wrong_code = [mean_length(P, Q, n) for n in ns]

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(5.5, 2.8))
axis.plot(ns, wrong_code, "s-", color=COLOURS[2], label="code made for Q")
axis.plot(ns, right_code, "o-", color=COLOURS[0], label="code made for P")
axis.axhline(nats_to_bits(entropy(P)), color="0.4", linestyle="--", linewidth=1)
axis.text(10, 0.712, "H(P)", ha="right", va="top")
axis.set(xlabel="marbles per code word", ylabel="bits per marble", ylim=(0.65, 1.05), xticks=ns)
axis.legend(frameon=False, loc="center right")
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The code for Q stays at 1 bit; the code for P falls to just above H(P) = 0.72.")

# %% [markdown]
# The code for $Q$ always needs one bit per marble, the cross-entropy. The code for $P$ comes down,
# not at every step, to just above its entropy. Now do it: draw 100,000 marbles from $P$, code them
# in blocks of ten with both codes, count the bits, and decode.

# %% tags=["hide-input"]
marbles = torch.multinomial(P, 100_000, replacement=True, generator=generator)
symbols = (marbles.view(-1, 10) * 2 ** torch.arange(9, -1, -1)).sum(1).tolist()  # block numbers
codes = {name: huffman(blocks(bag, 10).tolist()) for name, bag in {"P": P, "Q": Q}.items()}
coded = {name: "".join(words[s] for s in symbols) for name, words in codes.items()}


def decode(bits, words):
    symbol_of, word, symbols = {word: s for s, word in enumerate(words)}, "", []
    for bit in bits:
        word += bit
        if word in symbol_of:
            symbols.append(symbol_of[word])
            word = ""
    return symbols


# %% tags=["hide-input"]
excess = (len(coded["Q"]) - len(coded["P"])) / len(marbles)
claim(
    "KL.excess-length",
    "Q's code needs so many bits a marble more; KL(P‖Q) is 0.2781 bits",
    excess,
    at_least=0.26,
    at_most=0.285,
)
claim(
    "KL.nothing-lost",
    "marbles that are lost when either message is decoded",
    sum(a != b for name in codes for a, b in zip(decode(coded[name], codes[name]), symbols)),
    at_most=0,
)

# %% [markdown]
# The divergence is a length, up to the little that blocks of ten marbles waste.
#
# > **Myth**: "the divergence is the information that is lost". Nothing is lost: the message is longer,
# > and every marble comes back.

# %% [markdown]
# ## It is never negative
#
# The proof rests on one fact: $\log t \le t - 1$, with equality only at $t = 1$. The line $t - 1$
# touches the logarithm there and lies above it everywhere else. Put $t = q_i / p_i$ and sum over
# the outcomes that $p$ allows:
#
# $$ -\mathrm{KL}(p \Vert q) = \sum_{p_i > 0} p_i \log \frac{q_i}{p_i}
#    \;\le\; \sum_{p_i > 0} p_i \Bigl( \frac{q_i}{p_i} - 1 \Bigr)
#    = \sum_{p_i > 0} q_i - 1 \;\le\; 0 \tag{KL.5} $$
#
# The first step is the fact. The second cancels $p_i$ and uses $\sum p_i = 1$. The third holds
# because the remaining $q_i$ add up to at most 1. Equality in all of them needs $q_i = p_i$
# wherever $p_i > 0$, so the divergence is zero only for $q = p$. (For densities: *almost
# everywhere*. Two densities that differ in single points are the same distribution.)
#
# Look at the four numbers in order; here $q$ puts half of its weight where $p$ has none.

# %%
p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.2, 0.3, 0.5])
allowed = p > 0
print(f"−KL(p‖q)         = {-kl_discrete(p, q):.4f}")
print(f"Σ p (q/p − 1)    = {(p * (q / p - 1))[allowed].sum():.4f}")
print(f"Σ q − 1          = {q[allowed].sum() - 1:.4f}")
print(f"KL(q‖p)          = {kl_discrete(q, p).item()}")

# %% [markdown]
# None of the first three is smaller than the one above it, and none is above 0. The last line is
# the infinite case: $q$ uses what $p$ rules out.
#
# ## Two coins
#
# With two outcomes, say red and blue, a distribution is one number, the probability of red: $\rho$
# for the one, $\hat\rho$ for the other. The divergence is
#
# $$ \mathrm{KL}(\rho \Vert \hat\rho) = \rho \log \frac{\rho}{\hat\rho}
#    + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho} \tag{KL.6} $$
#
# The sparse autoencoder of chapter 3 uses it to keep the mean activation $\hat\rho$ of a unit
# near a small $\rho$. Below, both directions are drawn against $\hat\rho$. Move $\rho$, and watch
# where the curves touch zero and which of them grows faster at the edges.

# %%
LossCurves(
    {
        "KL(ρ‖ρ̂), in nats": lambda rho, rho_hat: kl_bernoulli(rho, rho_hat)[:, 0],
        "KL(ρ̂‖ρ), in nats": lambda rho, rho_hat: kl_bernoulli(rho_hat, rho)[:, 0],
    },
    x="ρ",
    x_hat="ρ̂",
    loss="KL",
    subject="a coin ρ against a coin ρ̂",
)

# %% [markdown]
# Both touch zero at $\hat\rho = \rho$ and nowhere else. At the edges the first grows without
# bound: a code for a coin that never shows blue has no word for blue. The second stays finite,
# because there the rare side is hardly ever drawn. Only with $\rho$ at 0 or 1 is it infinite.

# %% [markdown]
# ## Densities
#
# For densities the sum becomes an integral. We now write $q$ for the distribution that is drawn
# from, because in chapter 7 it will be the encoder's:
#
# $$ \mathrm{KL}(q \Vert p) = \int q(z) \log \frac{q(z)}{p(z)} \, dz
#    = \mathbb{E}_{q} \bigl[ \log q(z) - \log p(z) \bigr] \tag{KL.7} $$
#
# The proof (KL.5) carries over with the sum replaced by the integral over the places where
# $q(z) > 0$. The entropy is less well behaved: that of a density can be negative.

# %% [markdown]
# ## Two normal distributions, step by step
#
# Let $q = \mathcal{N}(\mu_q, \sigma_q^2)$ and $p = \mathcal{N}(\mu_p, \sigma_p^2)$.
#
# **Step 1.** Subtract the logarithms of the two densities. The $\tfrac12 \log 2\pi$ cancel:
#
# $$ \log \frac{q(z)}{p(z)} = \log \frac{\sigma_p}{\sigma_q}
#    - \frac{(z - \mu_q)^2}{2 \sigma_q^2} + \frac{(z - \mu_p)^2}{2 \sigma_p^2} \tag{KL.8} $$

# %%
mu_q, sigma_q, mu_p, sigma_p = 1.0, 0.5, 0.0, 1.0
q, p = Normal(mu_q, sigma_q), Normal(mu_p, sigma_p)
at = torch.tensor(0.7)
left = q.log_prob(at) - p.log_prob(at)
right = (
    math.log(sigma_p / sigma_q)
    - (at - mu_q) ** 2 / (2 * sigma_q**2)
    + (at - mu_p) ** 2 / (2 * sigma_p**2)
)
print(f"at z = 0.7: {left:.4f} = {right:.4f}")

# %% [markdown]
# **Step 2.** Take the expectation under $q$. The first term is a constant. The other two need
# mean squares. The one around $q$'s own mean is its variance; the one around another point is
# larger by the squared distance, because $z - \mu_p = (z - \mu_q) + (\mu_q - \mu_p)$ and the
# mixed product has mean 0:
#
# $$ \mathbb{E}_q (z - \mu_q)^2 = \sigma_q^2, \qquad
#    \mathbb{E}_q (z - \mu_p)^2 = \sigma_q^2 + (\mu_q - \mu_p)^2 \tag{KL.9} $$

# %%
z = torch.linspace(mu_q - 10 * sigma_q, mu_q + 10 * sigma_q, 4001)
density = q.log_prob(z).exp()


def expectation(values):
    """The integral of q times the values, by the trapezoidal rule."""
    return torch.trapezoid(density * values, z)


print(f"E (z − μ_q)² = {expectation((z - mu_q) ** 2):.4f}, σ_q² = {sigma_q**2:.4f}")
print(f"E (z − μ_p)² = {expectation((z - mu_p) ** 2):.4f}, "
      f"σ_q² + (μ_q − μ_p)² = {sigma_q**2 + (mu_q - mu_p) ** 2:.4f}")  # fmt: skip

# %% [markdown]
# **Step 3.** Insert (KL.9) into (KL.8). The middle term is $-\sigma_q^2 / 2\sigma_q^2 =
# -\tfrac12$, whatever $\sigma_q$:
#
# $$ \mathrm{KL}(q \Vert p) = \underbrace{\log \frac{\sigma_p}{\sigma_q}}_{\text{log ratio}}
#    + \underbrace{\frac{\sigma_q^2}{2 \sigma_p^2}}_{\text{variance ratio}}
#    + \underbrace{\frac{(\mu_q - \mu_p)^2}{2 \sigma_p^2}}_{\text{mean term}} - \frac12
#    \tag{KL.10} $$

# %%
terms = kl_normal_terms(mu_q, sigma_q, mu_p, sigma_p)
for name, value in terms._asdict().items():
    print(f"{name:15} {value:8.4f}")
print(f"sum             {sum(terms):8.4f}")
print(f"the integral    {expectation(q.log_prob(z) - p.log_prob(z)):8.4f}")


# %% [markdown]
# Read the terms one by one.
#
# - **Mean term**: half the squared distance of the means, in units of $\sigma_p$. A wide $p$
#   forgives distance; the width of $q$ does not matter to it.
# - **Variance ratio**: grows with $\sigma_q$. On its own it pushes $\sigma_q$ to zero.
# - **Log ratio**: grows without bound as $\sigma_q \to 0$. On its own it pushes $\sigma_q$ to
#   infinity. Only together do the two have their minimum at $\sigma_q = \sigma_p$.
# - **$-\tfrac12$**: makes the minimum zero.

# %% [markdown]
# ### Build it: the divergence of two normals
#
# You have seen every step: now write the result as a function of four tensors.


# %%
def kl_of_normals(mu_q, sigma_q, mu_p, sigma_p):
    """KL(N(μ_q, σ_q²)‖N(μ_p, σ_p²)) in nats  (KL.10)

    Four tensors of one shape, which the result has, too.
    """
    ...


# %%
kl_of_normals = check_task("kl_of_normals", kl_of_normals)

# %%
ExerciseCard("kl-to-standard-normal")

# %%
ExerciseCard("formula-kl-to-standard-normal")

# %%
ExerciseCard("first-false-line-kl")

# %% [markdown]
# ### Explore
#
# Here are the two curves again, with the terms in a table.
#
# - Move μ of $q$ away from 0. Which term changes, and how fast?
# - Now widen $p$. Which term pays for it, and which one gains?
# - Set both means to 0. Find, with σ of $p$ at 1, the σ of $q$ at which the divergence is 0. Then
#   halve it, and double it: which costs more?

# %%
GaussianKL(mu_q=1, sigma_q=0.5)

# %% [markdown]
# The mean term grows with the square of the distance. A wider $p$ lowers the mean term and the
# variance ratio, and pays with the log ratio. With equal means the divergence is 0 at equal
# widths; half the width costs 0.3181 nats and double the width 0.8069.

# %% [markdown]
# ### In $d$ dimensions
#
# If both distributions are made of independent parts, the logarithms of products become sums:
#
# $$ q(z) = \prod_j q_j(z_j), \;\; p(z) = \prod_j p_j(z_j) \;\Longrightarrow\;
#    \mathrm{KL}(q \Vert p) = \sum_j \mathrm{KL}(q_j \Vert p_j) \tag{KL.11} $$
#
# *Both* must factorise. With $p = \mathcal{N}(0, I)$ and $q$ normal with a diagonal covariance,
# this gives the term that stands in the loss of every variational autoencoder:
#
# $$ \mathrm{KL}\bigl( \mathcal{N}(\mu, \operatorname{diag} \sigma^2) \,\Vert\, \mathcal{N}(0, I)
#    \bigr) = \frac12 \sum_{j=1}^{d} \bigl( \mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1 \bigr)
#    \tag{KL.12} $$

# %%
mu, logvar = torch.tensor([1.0, -0.5]), torch.tensor([0.25, 2.0]).log()
print(f"diagonal, (KL.12):   {kl_diagonal_normal(mu, logvar):.4f} nats")
print(f"the same by (KL.11): {kl_normal(mu, (logvar / 2).exp()).sum():.4f} nats")

# %% [markdown]
# ## Which direction?
#
# The direction matters most when the two distributions *cannot* be equal. Take a target $p$ with
# one peak at $-3$ and one at $+3$. Look for the best normal distribution $q$: once by making
# $\mathrm{KL}(p \Vert q)$ small (*forward*), once by making $\mathrm{KL}(q \Vert p)$ small
# (*reverse*). In both cases gradient descent changes $\mu$ and $\log \sigma$ of $q$. The integrals
# are sums over a fine grid, so that no sampling noise disturbs the comparison.

# %% tags=["hide-input"]
target = MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.tensor([-3.0, 3.0]), 0.6))
grid = torch.linspace(-15, 15, 1501)


def divergence(log_a, log_b):
    return torch.trapezoid(log_a.exp() * (log_a - log_b), grid)


# %%
def fit_normal(direction, mu, sigma=1.5, steps=600):
    """Minimise KL(p‖q) or KL(q‖p) over q = N(mu, sigma²); return mu, sigma and the minimum."""
    parameters = torch.tensor([mu, math.log(sigma)], requires_grad=True)
    optimiser = torch.optim.Adam([parameters], lr=0.05)
    log_p = target.log_prob(grid)
    for _ in range(steps):
        log_q = Normal(parameters[0], parameters[1].exp()).log_prob(grid)
        kl = divergence(log_p, log_q) if direction == "forward" else divergence(log_q, log_p)
        optimiser.zero_grad()
        kl.backward()
        optimiser.step()
    return parameters[0].item(), parameters[1].exp().item(), kl.item()


# %%
starts = torch.tensor([-1.0, 1.0]) * (1 + torch.rand(2, generator=generator))  # left and right
forward = [fit_normal("forward", mu) for mu in starts.tolist()]
reverse = [fit_normal("reverse", mu) for mu in starts.tolist()]

# %% [markdown]
# Each fit was started twice, from the left and from the right. Look at where the curves of $q$
# have weight and where they have none, compared with the grey target.

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharey=True)
titles = ("forward: KL(p‖q) made small", "reverse: KL(q‖p) made small")
for axis, fits, title in zip(axes, (forward, reverse), titles, strict=True):
    axis.fill_between(grid, target.log_prob(grid).exp(), color="0.8", label="target p")
    for (mu, sigma, _), style, side in zip(fits, ("-", "--"), ("left", "right"), strict=True):
        curve = Normal(mu, sigma).log_prob(grid).exp()
        axis.plot(grid, curve, style, color=COLOURS[0], label=f"q, started {side}")
    axis.set(title=title, xlabel="$z$", xlim=(-8, 8))
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("density")
axes[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
show(figure, alt="Left one wide curve covers both grey peaks; right each curve sits on one peak.")

# %% [markdown]
# Forward, both starts end in the same wide curve over both peaks, with its top where the target
# has nothing. Reverse, each start ends on the peak on its side. Why?
#
# - $\mathrm{KL}(p \Vert q)$ averages over the target. Where $p$ has weight and $q$ has none, $-\log
#   q$ is huge. So $q$ must **cover** everything.
# - $\mathrm{KL}(q \Vert p)$ averages over $q$. Where $q$ has weight and $p$ has none, $-\log p$ is
#   huge. So $q$ must avoid the gap, and **seeks** one peak.
#
# The forward fit can be written down. $\mathrm{KL}(p \Vert q)$ contains $q$ only through the
# cross-entropy, and for a normal $q$ that depends on $p$ only through its mean and variance:
#
# $$ \arg\min_{\mu, \sigma} \mathrm{KL}\bigl( p \,\Vert\, \mathcal{N}(\mu, \sigma^2) \bigr):
#    \quad \mu = \mathbb{E}_p z, \quad \sigma^2 = \operatorname{Var}_p z \tag{KL.13} $$

# %% tags=["hide-input"]
claim(
    "KL.forward-covers",
    "largest distance of forward fits from the target's mean 0 and variance 9 + 0.6²",
    max(max(abs(mu), abs(sigma**2 - 9.36)) for mu, sigma, _ in forward),
    at_most=0.01,
)
claim(
    "KL.reverse-seeks",
    "largest distance of reverse fits from the peak of their side, N(±3, 0.6²)",
    max(
        max(abs(mu - peak), abs(sigma - 0.6))
        for (mu, sigma, _), peak in zip(reverse, (-3, 3), strict=True)
    ),
    at_most=0.01,
)

# %% [markdown]
# The second direction is the one that variational autoencoders minimise (chapters 6 and 7).

# %%
ExerciseCard("which-direction-covers")

# %% [markdown]
# ## From samples
#
# Where no formula is known, (KL.7) is a mean, and a mean can be estimated. Draw $S$ samples $z_s$
# from $q$ and average $k_s = \log q(z_s) - \log p(z_s)$. The spread of the $k_s$ says how far off
# the average may be:
#
# $$ \mathrm{KL}(q \Vert p) \approx m = \frac1S \sum_{s=1}^{S} k_s, \qquad
#    \text{standard error} = \sqrt{\frac{\sum_s (k_s - m)^2}{S (S - 1)}} \tag{KL.14} $$
#
# Look at the bars, which reach one standard error up and down, and at the line of the formula.

# %%
sizes, sampled = [10, 100, 1000, 10_000, 100_000], {}
for S in sizes:
    z = mu_q + sigma_q * torch.randn(S, generator=generator)
    sampled[S] = kl_monte_carlo(q.log_prob(z), p.log_prob(z))
exact = kl_normal(mu_q, sigma_q, mu_p, sigma_p).item()

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5, 2.8))
estimates, errors = zip(*sampled.values(), strict=True)
axis.errorbar(sizes, estimates, errors, fmt="o", color=COLOURS[0], capsize=3, label="estimate")
axis.axhline(exact, color="0.4", linestyle="--", linewidth=1, label="(KL.10)")
axis.set(xscale="log", xlabel="number of samples S", ylabel="KL(q‖p) in nats")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Estimates with error bars that shrink towards the dashed line as S grows.")

# %% tags=["hide-input"]
claim(
    "KL.monte-carlo",
    "from 1,000 samples on, so many standard errors is an estimate away from (KL.10)",
    max(abs(m - exact) / error for S, (m, error) in sampled.items() if S >= 1000),
    at_most=4,
)
claim(
    "KL.root-of-samples",
    "100 times the samples divide the standard error by this",
    sampled[1000].standard_error / sampled[100_000].standard_error,
    at_least=8,
    at_most=12,
)

# %% [markdown]
# So a divergence without a formula can be estimated, if the spread is one that samples show. The
# laboratory has a case, with heavy tails, in which the error bar deceives.

# %% [markdown]
# ## Recap
#
# - $\mathrm{KL}(p \Vert q)$ is the extra length of a code made for $q$ when the data come from $p$.
# - It is never negative, zero only for equal distributions, and not symmetric.
# - Made small over $q$, $\mathrm{KL}(p \Vert q)$ covers and $\mathrm{KL}(q \Vert p)$ seeks.
# - For normals it has four terms. For independent parts it adds up.
# - A divergence can be estimated from samples of the first distribution. The error bar can be trusted
#   where the log-ratio has a variance that samples show; heavy tails deceive it.
#
# ## Next
#
# [Chapter 6](06_evidence_lower_bound.ipynb) uses one of these properties, that a divergence is
# never negative, to bound a probability that cannot be computed: the **evidence lower bound**.
#
# ## References
#
# - S. Kullback, R. A. Leibler. *On Information and Sufficiency.* Annals of Mathematical Statistics
#   22, 1951.
# - D. A. Huffman. *A Method for the Construction of Minimum-Redundancy Codes.* Proceedings of the
#   IRE 40, 1952.
# - T. M. Cover, J. A. Thomas. *Elements of Information Theory*, chapters 2, 5 and 8. 2nd edition,
#   Wiley, 2006.
# - D. P. Kingma, M. Welling. *Auto-Encoding Variational Bayes*, appendix B. ICLR, 2014.
