# %% [markdown]
# # 9 · VQ-VAE: laboratory
#
# For those who want to know whether it is true: when the copied gradient misleads, what the averages are,
# which remedies keep a codebook in use, what a code costs, and how the VQ-VAE compares with a VAE at
# equal rate. It follows [chapter 9](09_vq_vae.ipynb).
#
# **Time**: 60 minutes, for all of it.

# %% tags=["hide-input"]
import math

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.decomposition import PCA

from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import frechet_distance, perplexity
from course_lib.information import bits_to_nats, nats_to_bits
from course_lib.likelihoods import bernoulli_nll
from course_lib.models import VAE, VQVAE, TokenPrior, VectorQuantizer
from course_lib.models.vector_quantizer import nearest_code
from course_lib.notebook import check_task, claim, show, show_source
from course_lib.objectives import Beta, Loss
from course_lib.plots import COLOURS, image_rows
from course_lib.training import fit, sweep
from course_lib.widgets import (
    ExerciseCard,
)

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")
K = 16  # symbols in the alphabet; an image gets a grid of 4 × 4 of them


def generator():
    return torch.Generator().manual_seed(seed)


def trained(net, images=train.images, epochs=50, objective=None):
    schedule = {"epochs": epochs, "batch_size": 64, "lr": 3e-3, "seed": seed}
    net.history = fit(net, images, objective=objective, **schedule)
    return net


def watched(net, x, generator, step):
    """The model's own loss, and beside it the perplexity of the batch."""
    loss = net.loss(x, generator)
    beside = {"perplexity": torch.tensor(perplexity(net.tokens(x), K))}
    return Loss(loss.terms | beside, loss.weights | {"perplexity": 0.0})


# %% tags=["nbval-ignore-output"]
quantizer = VectorQuantizer(K, code_dim=4, seed=seed)
vq = VQVAE.convolutional((1, 8, 8), quantizer, channels=(16,), seed=seed)
vq = trained(vq, epochs=40, objective=watched)

# %% tags=["hide-input"]
with torch.no_grad():
    rebuilt = vq(test.images)
    tokens, test_tokens = (vq.tokens(x.images).flatten(1) for x in (train, test))  # (N, T)
T = tokens.shape[1]  # tokens for an image
mean_image = train.images.mean(0, keepdim=True)
blind_logits = torch.logit(mean_image, eps=1e-6)
blind = bernoulli_nll(test.images, blind_logits.expand_as(test.images)).mean().item()  # no code


def straight_through(z_e, e):
    return z_e + (e - z_e).detach()  # (VQ.4)


def dense_vq(size, code_dim=4, tokens=4, **settings):
    """A model without convolutions, and with so many codes."""
    quantizer = VectorQuantizer(size, code_dim, seed=seed)
    return VQVAE.dense((1, 8, 8), quantizer, tokens, seed=seed, **settings)


# %% [markdown]
# ## Where the copied gradient misleads
#
# This is not the derivative of anything. A case small enough to do by hand: codes 0 and 1, a
# decoder that returns its input, and the "image" $0.4$. What does the encoder's output $z_e =
# 0.4$ cost? Which way does the gradient push it, and what does it cost then?

# %%
two_codes = torch.tensor([[0.0], [1.0]])


def toy_loss(z):
    return (straight_through(z, two_codes[nearest_code(z, two_codes)]) - 0.4).square().sum()


z = torch.tensor([[0.4]], requires_grad=True)
toy_loss(z).backward()
h = 1e-3
with torch.no_grad():
    slope = (toy_loss(z + h) - toy_loss(z - h)) / (2 * h)
    after = z - 0.25 * z.grad
print(f"slope by finite differences {slope.item():.1f}, straight-through {z.grad.item():.1f}")
print(f"z_e moves from {z.item():.1f} to {after.item():.1f},", end=" ")
print(f"the loss from {toy_loss(z).item():.2f} to {toy_loss(after).item():.2f}")

# %% tags=["hide-input"]
claim(
    "VQ.surrogate",
    "following the copied gradient, where the slope is 0, multiplies the loss by this",
    toy_loss(after).item() / toy_loss(z).item(),
    at_least=2,
)

# %% [markdown]
# The decoder says "larger", the encoder obeys, jumps over the border to the code 1, and the loss
# more than doubles. The estimator is a **surrogate**: it often works, because nearby codes tend
# to be decoded alike, and nothing guarantees it.

# %% [markdown]
# ## Which term moves what

# %% tags=["hide-input"]
net = VQVAE.dense((1, 8, 8), VectorQuantizer(K, 4, update="gradient", seed=seed))
parts = {"encoder": net.encoder, "codebook": net.quantizer, "decoder": net.decoder}
moves = {}
for name, term in net.loss(train.images[:64], generator()).terms.items():
    net.zero_grad()
    term.backward(retain_graph=True)
    moves[name] = [
        part
        for part, module in parts.items()
        if any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())
    ]
    print(f"{name:15} moves {' and '.join(moves[name])}")
claim(
    "VQ.who-moves-what",
    "terms that move the codebook, other than its own",
    sum("codebook" in moved for name, moved in moves.items() if name != "codebook"),
    at_most=0,
)


# %% [markdown]
# ### Build it: the two other terms
#
# Write the second and third term for $M$ vectors and their codes. Again the check looks at both
# gradients.


# %%
def codebook_terms(z_e, e, beta):
    """‖sg[z_e] − e‖² + β ‖z_e − sg[e]‖²  (VQ.5 to VQ.7)

    z_e, e: (M, D_e). Returns (M,).
    """
    ...


# %%
codebook_terms = check_task("codebook_terms", codebook_terms)

# %% [markdown]
# ## Averages in place of the second term
#
# For fixed vectors, the best code is the mean of the vectors that choose it. One may keep it
# directly: an exponential moving average of how many vectors choose code $i$ in a batch, $n_i$,
# and of their sum,
#
# $$ N_i \leftarrow \gamma N_i + (1 - \gamma) \, n_i, \qquad
#    m_i \leftarrow \gamma m_i + (1 - \gamma) \sum_{j : k_j = i} z_{e,j} \tag{VQ.11} $$
#
# with $0 \le \gamma < 1$, usually 0.99. The code is the ratio, with a little smoothing so that
# nothing is divided by zero (after Laplace, who added one to every count; here $\epsilon =
# 10^{-5}$):
#
# $$ e_i = \frac{m_i}{\hat{N}_i}, \qquad
#    \hat{N}_i = (N_i + \epsilon) \, \frac{\sum_j N_j}{\sum_j N_j + K \epsilon} \tag{VQ.12} $$
#
# This *takes the place of* (VQ.5). The main source says that a VQ-VAE uses the averages, and keeps
# the term beside them; in the paper they are an appendix, and were not used for its results. Nor are
# they of another kind. Without smoothing they make a step of gradient descent on the codebook loss,
# in which each code has a step size of its own that falls with its use (with $N_i$ after (VQ.11)):
#
# $$ e_i \leftarrow e_i - \frac{1 - \gamma}{2 N_i} \, \frac{\partial}{\partial e_i}
#    \sum_{j : k_j = i} \lVert z_{e,j} - e_i \rVert^2 \tag{VQ.13} $$
#
# And with $\gamma = 0$ and all vectors in one batch it is the step of k-means. The next cells check
# both on vectors of the encoder, the second against scikit-learn.

# %%
with torch.no_grad():
    vectors = vq.encode(train.images).flatten(0, -2)[::8]  # (2874, D_e)
first = torch.tensor(kmeans_plusplus(vectors.numpy(), K, random_state=seed)[0])  # far apart


def quantizer_on(codes, gamma):
    """A quantizer that starts with these codes; its averages are not smoothed."""
    quantizer = VectorQuantizer(*codes.shape, gamma=gamma, revive_below=0, initial="normal")
    quantizer.move(torch.arange(len(codes)), codes)
    quantizer.SMOOTHING = 0.0
    return quantizer


# %% tags=["hide-input"]
kmeans = KMeans(K, init=first, n_init=1, max_iter=1000, tol=0).fit(vectors)
lloyd = quantizer_on(first, gamma=0.0)
for _ in range(kmeans.n_iter_):
    quantized = lloyd(vectors)
claim(
    "VQ.k-means",
    "γ = 0 on all vectors: relative difference of the codebook loss and the inertia of k-means",
    abs(quantized.codebook_loss.sum().item() / kmeans.inertia_ - 1),
    at_most=1e-3,
)
averages = quantizer_on(first, gamma=0.9)
e = first.clone().requires_grad_()
(vectors - e[nearest_code(vectors, e)]).square().sum().backward()
averages(vectors)
by_descent = first - (1 - 0.9) / (2 * averages.count[:, None]) * e.grad
claim(
    "VQ.averages-are-descent",
    "largest difference of one step of the averages from one step of gradient descent",
    (averages.codebook - by_descent).abs().max(),
    at_most=1e-4,
)


# %% [markdown]
# ### Build it: a step of the averages
#
# Write one step: counts and sums of the batch, both averages, and the codes they give, without the
# smoothing.


# %%
def ema_codes(count, total, z_e, indices, gamma):
    """eₖ = mₖ / Nₖ after one step of (VQ.11)

    count: (K,); total: (K, D_e); z_e: (M, D_e); indices: (M,).
    """
    ...


# %%
ema_codes = check_task("ema_codes", ema_codes)

# %%
ExerciseCard("ema-step")


# %% [markdown]
# ## What the smoothing does
#
# The smoothing of (VQ.12) divides the $m_i$ of an idle code, which fades away, by an $\hat{N}_i$ that
# does not fall below about $\epsilon$. So the code *moves*, to the origin, once $\gamma^t$ is
# about $\epsilon$. Here is an idle code beside a busy one, with $\gamma = 0.99$:


# %% tags=["hide-input"]
def idle_code(steps, smoothing):
    """What is left of the length of a code that nobody chooses, by (VQ.11) and (VQ.12)."""
    count, total = torch.ones(2), torch.tensor([[0.0, 0.0], [3.0, -0.2]])
    start, used = total[1].norm(), torch.tensor([64.0, 0.0])  # the busy code has all the vectors
    for _ in range(steps):
        count, total = 0.99 * count + 0.01 * used, 0.99 * total
    smoothed = (count + smoothing) * count.sum() / (count.sum() + 2 * smoothing)
    return (total[1].norm() / smoothed[1] / start).item()


for steps in (500, 1000, 1500, 2000):
    print(f"after {steps:4} idle steps: {idle_code(steps, 1e-5):.3f} of its length")
claim(
    "VQ.smoothing-forgets",
    "with smoothing this share of its length is left after 2,000 steps",
    idle_code(2000, 1e-5),
    at_most=0.001,
)
claim(
    "VQ.nothing-forgets",
    "and without smoothing",
    idle_code(2000, 0.0),
    at_least=0.999,
    at_most=1.001,
)

# %% [markdown]
# "Smooth and stable updates", the main source says of the averages. For codes in use, yes; about
# the others it says nothing. It names no start either, and with $N_i = m_i = 0$ the first ratio is
# $0/0$. Our quantizer uses (VQ.12) only for codes that the batch has chosen; the others stay.

# %% [markdown]
# ## The library's model

# %% [markdown]
# The straight-through step you have written. The library's lookup compares distances by
# $\tfrac12 \lVert e \rVert^2 - z_e^\top e$: a single matrix product, in place of all the differences.

# %%
show_source(nearest_code)

# %% [markdown]
# The codebook, with its averages and the revival:

# %%
show_source(VectorQuantizer)

# %% [markdown]
# The model. Compare its `loss` with (VQ.7): all three terms are made before the straight-through
# step reaches the decoder. With convolutions, each token has its place in the image.

# %%
show_source(VQVAE)


# %% [markdown]
# ## Which remedy keeps a codebook in use?
#
# Models with one token per image and $K = 64$. The codes start on data, are drawn from
# $\mathcal{N}(0, I)$, or are drawn ten times too wide; they learn by gradient or by averages, with or
# without revival. Before you run it: which of the twelve do you expect to use the most codes, which the
# fewest?


# %% tags=["hide-input"]
def one_token(start, update, revive_below):
    """A model whose codebook starts on data, from N(0, I), or ten times too wide."""
    initial = "data" if start == "data" else "normal"
    quantizer = VectorQuantizer(64, 8, update, 0.95, revive_below, initial, seed)
    if start == "wide":
        quantizer.move(torch.arange(64), 10 * quantizer.codebook)
    return trained(VQVAE.dense((1, 8, 8), quantizer, tokens=1, seed=seed), epochs=20)


def test_nll(net, images=test.images):
    """−log p(x|z_q) in nats per image."""
    with torch.no_grad():
        logits = net.decode(net.quantizer.codebook[net.tokens(images)])
        return bernoulli_nll(images, logits).mean().item()


# %% tags=["nbval-ignore-output"]
grid = {
    (start, update, revival): one_token(start, update, 0.05 if revival else 0.0)
    for start in ("data", "normal", "wide")
    for update in ("gradient", "ema")
    for revival in (False, True)
}
in_use = {key: perplexity(net.tokens(train.images), 64) for key, net in grid.items()}
print("start  update     revival  perplexity of 64   −log p(x|z_q), test")
for (start, update, revival), net in grid.items():
    used = in_use[start, update, revival]
    print(
        f"{start:6} {update:10} {'yes' if revival else 'no':8} {used:10.1f} {test_nll(net):19.1f}"
    )

# %% tags=["hide-input"]
collapsed = grid["wide", "gradient", False]
claim(
    "VQ.codebook-collapse",
    "too wide, without revival: the perplexity, of 64, by gradient and by averages, is at most",
    max(in_use["wide", update, False] for update in ("gradient", "ema")),
    at_most=1.5,
)
claim(
    "VQ.code-without-information",
    "such a model rebuilds better than no code at all by so many nats",
    blind - test_nll(collapsed),
    at_most=0.5,
)
claim(
    "VQ.revival",
    "averages with revival: the perplexity from the worst of three starts",
    min(in_use[start, "ema", True] for start in ("data", "normal", "wide")),
    at_least=40,
)
claim(
    "VQ.data-is-not-enough",
    "gradient from data: without revival this part of the perplexity with it",
    in_use["data", "gradient", False] / in_use["data", "gradient", True],
    at_most=0.6,
)
claim(
    "VQ.data-is-worse-than-normal",
    "gradient without revival: from data this part of the perplexity from N(0, I)",
    in_use["data", "gradient", False] / in_use["normal", "gradient", False],
    at_most=0.8,
)

# %% [markdown]
# **Verdict.** That a discrete bottleneck prevents collapse is false. The divergence of (VQ.14) is
# $\log 64 = 4.2$ nats for all twelve models, and in two of them the code says nothing at all. The codebook
# collapses by itself, under averages as well as under the gradient. To start from data is no cure: the
# encoder moves its vectors away from them in the first steps, and by gradient $\mathcal{N}(0, I)$ is the better
# start here. Revival brings codes back from any of the three. What a *powerful decoder* does with a code is
# not tested here.

# %% [markdown]
# ## Has the gradient anything to do with the loss?
#
# For each test image move all encoder outputs by a millionth in a random direction, and then in
# the opposite one: the difference of the two losses gives the slope. Beside it the copied
# gradient. And does it help to follow it, where that changes a token?

# %% tags=["hide-input"]
with torch.no_grad():
    z_all = vq.encode(test.images)  # (N, 4, 4, D_e)
    direction = torch.randn(z_all.shape, generator=generator())


def nll_of(z):
    """−log p(x|z_q) of the test images for encoder outputs z: (N,)."""
    codes = vq.quantizer.codebook[nearest_code(z.flatten(0, -2), vq.quantizer.codebook)]
    return bernoulli_nll(test.images, vq.decode(codes.view_as(z)))


z_e = z_all.clone().requires_grad_()
z_q = vq.quantize(z_e).z_q
z_q.retain_grad()
nll = bernoulli_nll(test.images, vq.decode(z_q.view_as(z_e)))
nll.sum().backward()

# %% tags=["hide-input"]
with torch.no_grad():
    differences = (nll_of(z_all + 1e-6 * direction) - nll_of(z_all - 1e-6 * direction)).abs()
    moved = z_all - 0.1 * z_e.grad
    jumped = (vq.quantize(moved).indices.view(-1, T) != test_tokens).any(1)
    change = (nll_of(moved) - nll)[jumped]
claim(
    "VQ.no-slope",
    "the slope is exactly 0 for this share of the images",
    (differences == 0).float().mean(),
    at_least=0.95,
)
claim(
    "VQ.gradient-is-copied",
    "largest difference of the gradient at z_e from that at z_q",
    (z_e.grad.flatten(0, -2) - z_q.grad).abs().max(),
    at_most=0,
)
claim(
    "VQ.right-on-average",
    "steps along it that change a token change the loss by so many nats, on average",
    change.mean(),
    at_most=0,
)
claim(
    "VQ.right-more-often",
    "of these steps this share makes it worse",
    (change > 0).float().mean(),
    at_least=0.1,
    at_most=0.5,
)

# %% [markdown]
# **Verdict.** It is a surrogate. The loss has the slope zero, so no finite step along any
# gradient has a guarantee; of the steps that change a token, more than a tenth make things
# worse. That the others outweigh them is why it works. The step itself has not become
# differentiable, as one source has it; another derivative stands in its place.

# %% [markdown]
# ## What does the commitment loss commit to?
#
# A model with four tokens, trained with $\beta_c = 0.25$ and without commitment. How long
# are the vectors of the encoder at the end?

# %% tags=["nbval-ignore-output"]
held = trained(dense_vq(32))
free = trained(dense_vq(32, commitment=0.0))


# %% tags=["hide-input"]
@torch.no_grad()
def length(net):
    """The mean length of the encoder's vectors."""
    return net.encode(test.images).norm(dim=2).mean().item()


claim(
    "VQ.runaway",
    "without commitment the encoder's vectors grow so many times as long",
    length(free) / length(held),
    at_least=8,
)
claim(
    "VQ.runaway-costs",
    "and it rebuilds test images worse by so many nats",
    test_nll(free) - test_nll(held),
    at_least=1,
)

# %% [markdown]
# **Verdict.** Confirmed. Nothing else in the loss limits the length of $z_e$. The decoder's
# gradient pushes the vectors on and on, and the codes run after them.

# %% [markdown]
# ## A small change of the code
#
# One source has it that after a small change of a VAE's code the decoder still draws nearly the same
# image, and that tokens are another matter. Move every number of the encoder's output by about 1 %
# of its standard deviation, for the model above and for a VAE.

# %% tags=["nbval-ignore-output"]
vae = trained(VAE.dense((1, 8, 8), 8, seed=seed))

# %% tags=["hide-input"]
with torch.no_grad():
    z_held, mu = held.encode(test.images), vae.encode(test.images)[0]
    shift = z_held + 0.01 * z_held.flatten(0, 1).std(0) * direction[:, 0]
    before, after = (held.tokens(test.images), held.quantize(shift).indices.view(-1, 4))
    same = (held.decode_tokens(before) == held.decode_tokens(after)).flatten(1).all(1)
    mu_shift = mu + 0.01 * mu.std(0) * torch.randn(mu.shape, generator=generator())
    vae_same = (vae.decode_mean(mu) == vae.decode_mean(mu_shift)).flatten(1).all(1)
    change_vae = (vae.decode_mean(mu) - vae.decode_mean(mu_shift)).abs().amax((1, 2, 3))
    change_vq = (held.decode_tokens(before) - held.decode_tokens(after)).abs().amax((1, 2, 3))
claim(
    "VQ.small-changes-vanish",
    "of its pictures this share more than of the VAE's stays exactly the same",
    same.float().mean() - vae_same.float().mean(),
    at_least=0.8,
)
claim(
    "VQ.or-they-jump",
    "where a token changes, the largest change of a pixel is so many times the VAE's",
    change_vq[~same].median() / change_vae.median(),
    at_least=10,
)

# %% [markdown]
# **Verdict.** The sentence fits tokens better than the VAE: within a cell nothing changes at all.
# What is lost is the middle ground. On a border the picture jumps.

# %% [markdown]
# ## What does an image cost?
#
# Four prices for the tokens of a test image, in bits: all codes equally likely; each by its share
# among the training tokens; each by its share at its place in the grid; and by a small transformer
# that has seen the tokens before it (VQ.10). Which saves more, knowing the place or knowing the
# neighbours?

# %%
show_source(TokenPrior)

# %% tags=["nbval-ignore-output"]
prior = TokenPrior(K, T, width=32, seed=seed)
history = fit(prior, tokens, epochs=10, batch_size=64, lr=3e-3, seed=seed)


# %% tags=["hide-input"]
def log_shares(tokens, K):
    """log p of every code by its share among tokens, one added to each count."""
    counts = torch.bincount(tokens.flatten(), minlength=K) + 1.0
    return (counts / counts.sum()).log()


def place_nll(tokens, test_tokens, K):
    """Nats per test image when the shares are those at the same place: a mean."""
    columns = zip(tokens.T, test_tokens.T, strict=True)
    return -sum(log_shares(own, K)[other].mean() for own, other in columns).item()


shares = log_shares(tokens, K)
with torch.no_grad():
    nats = {
        "uniform": T * math.log(K),
        "by its share": -shares[test_tokens].sum(1).mean().item(),
        "by its place": place_nll(tokens, test_tokens, K),
        "after the others": prior.nll(test_tokens).mean().item(),
    }
bits = {name: nats_to_bits(value) for name, value in nats.items()}

# %% tags=["nbval-ignore-output"]
for name, value in bits.items():
    print(f"{name:17} {value:5.1f} bits per test image")

# %% tags=["hide-input"]
claim(
    "VQ.uniform-is-a-bound",
    "shares save little: of the 64 bits this part is left",
    bits["by its share"] / 64,
    at_least=0.85,
    at_most=0.9999,
)
claim(
    "VQ.place-tells",
    "the place saves so many bits more",
    bits["by its share"] - bits["by its place"],
    at_least=8,
)
claim(
    "VQ.neighbours-tell",
    "the tokens before it save another",
    bits["by its place"] - bits["after the others"],
    at_least=4,
)

# %% [markdown]
# **Verdict.** Knowing the place saves most: at the edge of an image there is seldom anything.
# Shares without places save almost nothing: all codes are nearly equally busy. A
# rate always belongs to a code *and* a prior; $T \log_2 K$ bits are that of the uniform one.
#
# ## Counting values is not counting bits
#
# VQ-VAE-2 (Razavi et al., 2019) puts two grids on top of each other: $64 \times 64$ tokens for
# details (the *bottom*) and, made from these, $32 \times 32$ for the whole (the *top*). One source
# has the two changed over and gives compression ratios; here they are again, with $K = 512$, for a
# picture of $256 \times 256 \times 3$ bytes.

# %%
pixel_values = 256 * 256 * 3
print("grid             tokens   values per token   bits to bits")
for name, number in (("top", 32**2), ("bottom", 64**2), ("both", 32**2 + 64**2)):
    ratio = 8 * pixel_values / (number * math.log2(512))
    print(f"{name:14} {number:8,} {pixel_values / number:18.1f} {ratio:14.1f}")

# %% [markdown]
# The decoder needs both grids, so neither of the first two lines is the ratio of anything. And a
# token is not a number of a pixel's size: only bits compare.

# %% [markdown]
# ## Beside the VAE
#
# Chapter 8 draws the curve of a VAE in the plane of rate and distortion. Into the same plane go
# VQ-VAEs with the same hidden layers and 1 to 4 tokens: the rate is $T \log K$, or less by place.
# Do you expect them above the curve or below?

# %% tags=["nbval-ignore-output"]
betas = (0.03, 0.1, 0.3, 1.0, 2.0)
beta_vaes = [VAE.dense((1, 8, 8), 8, seed=seed) for _ in betas]
schedule = {"epochs": 50, "batch_size": 64, "lr": 3e-3, "seed": seed}
histories = sweep(beta_vaes, train.images, [Beta(beta) for beta in betas], **schedule)
vqs = {
    (1, 8): trained(dense_vq(8, tokens=1)),
    (1, 32): trained(dense_vq(32, tokens=1)),
    (2, 32): trained(dense_vq(32, tokens=2)),
    (4, 32): held,
}

# %% tags=["hide-input"]
curve, points, by_place = [], {}, {}
with torch.no_grad():
    for net in beta_vaes:
        repeats = [net.loss(test.images, generator()).terms for _ in range(5)]
        distortion = sum(terms["reconstruction"].item() for terms in repeats) / 5
        curve.append((repeats[0]["kl"].item(), distortion))
for (number, size), net in vqs.items():
    points[number, size] = number * math.log(size), test_nll(net)
    own = place_nll(net.tokens(train.images), net.tokens(test.images), size)
    by_place[number, size] = own, test_nll(net)
curve = sorted(curve)

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 3.6))
axis.plot(*zip(*curve, strict=True), "o-", color=COLOURS[0], label="β-VAE, β from 2 to 0.03")
axis.plot(*zip(*points.values(), strict=True), "s", color=COLOURS[2], label="VQ-VAE, T log K")
axis.plot(
    *zip(*by_place.values(), strict=True), "s", color=COLOURS[2], mfc="none", label="by place"
)
for (number, size), (rate, distortion) in points.items():
    place = {"xytext": (-6, -14), "ha": "right"} if number == 1 else {"xytext": (4, 6)}
    label, style = f"{number} of {size}", {"textcoords": "offset points", "fontsize": 9}
    axis.annotate(label, (rate, distortion), **place, **style)
axis.set(
    xlim=(-0.7, 22), xlabel="rate in nats per image", ylabel="distortion, −log p(x|z), in nats"
)
axis.secondary_xaxis("top", functions=(nats_to_bits, bits_to_nats)).set_xlabel("rate in bits")
axis.axhline(blind, color="0.6", linestyle=":", label="no code at all")
axis.legend(frameon=False)
axis.spines["right"].set_visible(False)
show(
    figure,
    alt="Distortion falls with the rate. The four VQ-VAEs lie close to the curve of the β-VAEs.",
)

# %% tags=["hide-input"]
rates, distortions = (np.array(values) for values in zip(*curve, strict=True))
excess = {
    size: distortion - np.interp(rate, rates, distortions)
    for size, (rate, distortion) in points.items()
}
claim(
    "VQ.near-the-curve",
    "at equal rate the distortion differs from that of the β-VAEs by at most so many nats",
    max(map(abs, excess.values())),
    at_most=1.2,
)
lower_bound = {size: -sum(point) for size, point in points.items()}
claim(
    "VQ.tokens-that-pay",
    "(VQ.14) with 1 token lies so many nats above that of no code",
    lower_bound[1, 32] + blind,
    at_least=0,
)
claim(
    "VQ.tokens-that-do-not-pay",
    "and with 4 so many below",
    -blind - lower_bound[4, 32],
    at_least=0,
)

# %% [markdown]
# **Verdict.** About as good, and different in kind. The nats of a VAE are a divergence, and one
# has to work to send a $z$ at that price; the tokens can be written down as they are. The bound
# (VQ.14) is no guide to the size of the grid. Its optimum here is a few nats of code, as it is
# for the VAE with $\beta = 1$; grids as they are used in practice are far from it, since they are
# chosen for good pictures.

# %% [markdown]
# ## The evidence lower bound
#
# Where is the "variational" in the name? Read the encoder as $q(k \mid x)$, a distribution with
# all its mass on one grid of tokens. While the networks learn, the prior is uniform, $p(k) =
# K^{-T}$; then $\mathrm{KL}(q \,\Vert\, p) = T \log K$ for every image, and (ELBO.8) is
#
# $$ \log p_\theta(x) \;\ge\; \log p_\theta(x \mid z_q) - T \log K \tag{VQ.14} $$
#
# None of the five sources has this line. The divergence is a constant, which is why it is missing
# in the loss. It cannot vanish, and so nobody will see it vanish: "no posterior collapse", two
# sources conclude. But a constant tells nothing about what the code says. Later, a learned prior
# takes the place of $-T \log K$ by its $\log p(k)$.
#
# How loose is the bound? With few codes the evidence is a finite sum,
#
# $$ \log p_\theta(x) = \log \frac{1}{K^T} \sum_{k} p_\theta(x \mid e_{k_1}, \dots, e_{k_T})
#    \tag{VQ.15} $$
#
# over all $K^T$ grids, and by (ELBO.11) the gap is $-\log p(k \mid x)$: the bound pays for all the
# probability that the true posterior gives to other codes than the nearest.

# %% tags=["nbval-ignore-output"]
flat_vq = trained(dense_vq(32, code_dim=2, tokens=1))

# %% tags=["hide-input"]
with torch.no_grad():
    pictures = flat_vq.decode(flat_vq.quantizer.codebook[:, None])  # (32, 1, 8, 8), logits
    log_p = -torch.stack(
        [bernoulli_nll(test.images, one.expand_as(test.images)) for one in pictures], 1
    )  # (N, 32)
own = log_p.gather(1, flat_vq.tokens(test.images))[:, 0]
elbo, evidence = own - math.log(32), log_p.logsumexp(1) - math.log(32)
gap = (evidence - elbo).mean().item()
claim(
    "VQ.bound",
    "smallest distance of (VQ.14) below the exact evidence, over the test images",
    (evidence - elbo).min(),
    at_least=0,
)
claim(
    "VQ.loose",
    "the mean distance, in nats",
    gap,
    at_least=0.5,
)
claim(
    "VQ.nearest-is-not-best",
    "for this share of the images another code explains the image better",
    (log_p.amax(1) > own).float().mean(),
    at_least=0.15,
)

# %% [markdown]
# **Verdict.** Loose. The encoder guesses in one pass, and often another code has the higher
# likelihood; and where several codes would do, the true posterior spreads over them, while $q$ has
# room for one only.

# %%
ExerciseCard("elbo-of-a-vq-vae")

# %% [markdown]
# ## Which prior writes?
#
# The four priors of above, as ways to make up a grid of tokens. Which pictures will look like digits?

# %% tags=["hide-input"]
flat_train = train.images.flatten(1)
pca = PCA(20).fit(flat_train)


def features(images):
    return torch.tensor(pca.transform(images.flatten(1)))


def frechet(images):
    return frechet_distance(features(images), features(train.images))


g, n = generator(), 1000
columns = [log_shares(column, K).exp() for column in tokens.T]
drawn = {
    "uniform": torch.randint(K, (n, T), generator=g),
    "by its share": torch.multinomial(shares.exp(), n * T, True, generator=g).view(n, T),
    "by its place": torch.stack(
        [torch.multinomial(p, n, True, generator=g) for p in columns], dim=1
    ),
    "after the others": prior.sample(n, g),
}

# %%
with torch.no_grad():
    samples = {name: vq.decode_tokens(grids.view(n, 4, 4)) for name, grids in drawn.items()}
distance = {name: frechet(pictures) for name, pictures in samples.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
for name, value in distance.items():
    print(f"{name:17} Fréchet distance {value:.2f}")
print(f"test images, rebuilt: {frechet(rebuilt):.2f}; as they are: {frechet(test.images):.2f}")
show(
    image_rows(samples, columns=12),
    alt="Four rows of twelve pictures: two of scattered strokes, one with strokes in the middle, "
    "and one in which several digits can be read.",
)

# %% tags=["hide-input"]
known = {tuple(grid) for grid in tokens.tolist()}
copies = sum(tuple(grid) in known for grid in drawn["after the others"].tolist()) / n
claim(
    "VQ.prior-samples",
    "Fréchet distance: so many times that of tokens drawn by their place",
    distance["after the others"] / distance["by its place"],
    at_most=0.85,
)
claim(
    "VQ.place-samples",
    "and theirs so many times that of tokens without places",
    distance["by its place"] / min(distance["uniform"], distance["by its share"]),
    at_most=0.4,
)
claim(
    "VQ.no-copies",
    "of its grids this share are grids of training images",
    copies,
    at_most=0.1,
)

# %% [markdown]
# **Verdict.** It takes both stages. The decoder turns any grid into a picture, and from a uniform
# prior these are no digits. Shares without places save bits and help the pictures not at all; places
# help most, and neighbours after them. The samples are not copies. Nor are they perfect: they are
# still about three times as far off as reconstructions, and 1,437 short texts are not much to learn
# to write from.
#
# Drawing takes one pass of the transformer for each token, one after the other. That is the price
# of (VQ.10), and with $32 \times 32$ and more tokens it is what takes the time.

# %% [markdown]
# ## Do discrete data need a discrete code?
#
# "Continuous latents don't make sense for discrete data", one source says. Make the pixels black
# and white, which is as discrete as data get, and train the VAE of chapter 7 on them.

# %% tags=["nbval-ignore-output"]
binary_train, binary_test = ((split.images > 0.5).float() for split in (train, test))
binary_vae = trained(VAE.dense((1, 8, 8), 8, seed=seed), binary_train, 35)
binary_vq = trained(dense_vq(32, tokens=1), binary_train, 35)

# %% tags=["hide-input"]
with torch.no_grad():
    vae_loss = sum(binary_vae.loss(binary_test, generator()).total.item() for _ in range(5)) / 5
vq_loss = test_nll(binary_vq, binary_test) + math.log(32)
binary_mean = torch.logit(binary_train.mean(0, keepdim=True), eps=1e-3)
binary_blind = bernoulli_nll(binary_test, binary_mean.expand_as(binary_test)).mean().item()
claim(
    "VQ.continuous-for-discrete",
    "−ELBO of the VAE lies so many nats below that of no code",
    binary_blind - vae_loss,
    at_least=4,
)
claim(
    "VQ.continuous-beside-discrete",
    "and so many below that of one token",
    vq_loss - vae_loss,
    at_least=0,
)

# %% [markdown]
# **Verdict.** False. What has to fit the data is the likelihood, here a Bernoulli one; the code
# may be of another kind. The authors of the VQ-VAE report the same: their VAE was ahead of the
# VQ-VAE on CIFAR-10, 4.51 against 4.67 bits per dimension.

# %% [markdown]
# ## Exercises
#
# Predict first, write the prediction down, then run or open the answer.
#
# **1.** The commitment loss and the codebook loss always have the same value. Why not write
# $(1 + \beta_c) \lVert z_e - e_k \rVert^2$, without any stop-gradient?
#
# <details><summary>Answer</summary>
#
# It has the same value as the sum of the two, but other gradients: encoder and codes would be
# pulled with the same weight $1 + \beta_c$. The two terms exist so that the codes come to the
# encoder four times as willingly as the encoder to the codes.
#
# </details>
#
# **2.** A codebook has 1,024 codes and a perplexity of 60. About how many bits does a token cost,
# if neighbours are not used? How many would one save by dropping the 900 codes used least?
#
# <details><summary>Answer</summary>
#
# $\log_2 60 = 5.9$ bits, not 10. One saves little in bits, since rare codes cost little as it is;
# what one saves is memory, and the illusion of having ten bits.
#
# </details>
#
# **3.** Every grid of tokens is written twice, side by side: $T$ becomes 32. What happens to
# $T \log_2 K$, to $T \, H(\bar{p})$, and to the bits under a perfect prior?
#
# <details><summary>Answer</summary>
#
# The first two double. The third stays as it is: given the first copy, the second costs nothing.
# The left end of (VQ.9) is the only one that knows about repetitions.
#
# </details>
#
# **4.** With $\gamma = 0.99$ it took 300 steps until idle codes were revived. How many with
# $\gamma = 0.999$? Try `trained` with such a quantizer.
#
# <details><summary>Answer</summary>
#
# $\log 20 / 0.001 = 3{,}000$ steps, which is longer than the whole training: nothing is revived.
#
# </details>
#
# **5. Spot the error.** "Since $z_q = \operatorname{sg}[e_k] + z_e - \operatorname{sg}[z_e]$, the
# decoder gets $z_e$ and the encoder its true gradient."
#
# <details><summary>Answer</summary>
#
# The value of the right side is $e_k$: $z_e - \operatorname{sg}[z_e]$ is zero on the way forward.
# The decoder gets the code, and the encoder a gradient that is not the derivative of its loss.
#
# </details>

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=9)

# %% [markdown]
# ## References
#
# - Y. Linde, A. Buzo, R. M. Gray. *An Algorithm for Vector Quantizer Design.* IEEE Transactions on
#   Communications 28, 1980.
# - Y. Bengio, N. Léonard, A. Courville. *Estimating or Propagating Gradients Through Stochastic
#   Neurons for Conditional Computation.* 2013.
# - A. Łańcucki et al. *Robust Training of Vector Quantized Bottleneck Models.* IJCNN, 2020. (Start
#   from data, and other cures for idle codes.)
# - W. Williams, S. Ringer, T. Ash, J. Hughes, D. MacLeod, J. Dougherty. *Hierarchical Quantized
#   Autoencoders.* NeurIPS, 2020. (Revival.)
# - P. Esser, R. Rombach, B. Ommer. *Taming Transformers for High-Resolution Image Synthesis.*
#   CVPR, 2021. (A transformer as the prior.)
# - P. Dhariwal, H. Jun, C. Payne, J. W. Kim, A. Radford, I. Sutskever. *Jukebox: A Generative Model
#   for Music.* 2020.
