# %% [markdown]
# # 9 · VQ-VAE
#
# So far a code was a list of real numbers. Here it is a short text: a few symbols from an alphabet
# that the model makes for itself. A text can be counted in bits, sent, edited symbol by symbol, and
# written by any model that has learned to write. The next cells train one and draw it.

# %%
import math

import torch
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

# %%
from course_lib.datasets import load
from course_lib.evaluation import frechet_distance, perplexity, usage
from course_lib.exercises.card import ExerciseCard
from course_lib.information import bits_to_nats, nats_to_bits
from course_lib.likelihoods import bernoulli_nll
from course_lib.models import (
    VAE, VQVAE, BetaVAE, ConvolutionalVQVAE, TokenPrior, VectorQuantizer,
)  # fmt: skip
from course_lib.models.parts import Loss
from course_lib.models.vq_vae import nearest_code, straight_through
from course_lib.notebook import claim, show, show_source
from course_lib.plots import COLOURS, image_rows, model_diagram
from course_lib.training import fit, sweep
from course_lib.widgets import CodebookExplorer, TokenEditor

# %%
seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")
K = 16  # symbols in the alphabet; an image gets a grid of 4 × 4 of them


def generator():
    return torch.Generator().manual_seed(seed)


def trained(net, images=train.images, epochs=60):
    net.history = fit(net, images, epochs=epochs, batch_size=64, lr=3e-3, seed=seed)
    return net


class Watched(ConvolutionalVQVAE):
    """A model that notes, beside its loss, the perplexity of every batch."""

    def loss(self, x, generator=None):
        loss = super().loss(x, generator)
        watched = {"perplexity": torch.tensor(perplexity(self.tokens(x), K))}
        return Loss(loss.terms | watched, loss.weights | {"perplexity": 0.0})


# %% tags=["nbval-ignore-output"]
vq = trained(Watched((1, 8, 8), K, code_dim=4, channels=(16,), seed=seed), epochs=40)
T = math.prod(vq.grid)  # tokens for an image

# %%
x = test.images[3:4]
with torch.no_grad():
    z_e, k = vq.encode(x)[0], vq.tokens(x)[0]  # (T, D_e), (T,)
    z_q, x_hat = vq.quantizer.codebook[k], vq(x)[0]
diagram = model_diagram(
    [
        ("image $x$\n64 numbers", x[0]),
        ("$E$", "encoder"),
        ("$z_e$: 16 vectors\nof 4 numbers", z_e),
        ("tokens $k$\nfrom 0 to 15", k.view(1, *vq.grid) / (K - 1)),
        ("$z_q$: for each the\nnearest of 16 codes", z_q),
        ("$D$", "decoder"),
        ("reconstruction $\\hat{x}$", x_hat),
    ]
)
show(
    diagram,
    alt="A VQ-VAE: an image, the encoder, 16 vectors, a 4 × 4 grid of tokens, the codes they "
    "stand for, the decoder, a picture.",
)

# %% [markdown]
# ## You will
#
# - turn images into a few symbols and back, with a codebook that is learned together with both
#   networks;
# - train through a step that has no slope, and see a case in which that goes wrong;
# - watch a codebook collapse to one code, and bring it back;
# - count what a code costs, in bits, and compare it with the divergence of a VAE;
# - teach a small transformer to write images, symbol by symbol.
#
# **Before you start**: chapters 1, 5, 6 and 7. **Time**: 90 minutes. Everything on this page runs
# in less than a minute.

# %% [markdown]
# ## The idea
#
# A picture of a digit is a handful of strokes: a loop here, a bar there. That sounds like
# an alphabet. Nobody has written it down, so the model shall find it: $K$ symbols, for each of them
# a vector of numbers, and for each image a grid of $T$ symbols from which a decoder can draw it.
# The table of the $K$ vectors is the **codebook**, the symbols are called **tokens**.
#
# The encoder returns $T$ vectors, as an autoencoder would. Each of them is then replaced by the
# nearest vector of the codebook; only its *number* in the book counts. This is **vector
# quantization**, long used to compress speech and pictures (Linde, Buzo and Gray, 1980). What is new
# in the VQ-VAE is that encoder, decoder and codebook are trained together.
#
# Why symbols? Not because numbers could not describe things that come in kinds, as two sources say
# (measured at the end). There are three better reasons. A grid of tokens is a text, and what models
# texts can model it. Its length in bits is plain. And the code cannot leak: whatever the decoder
# knows about the image has gone through $T$ choices among $K$.
#
# The price: a choice has no slope, so gradient descent has to cheat; and a codebook whose codes
# nobody chooses does not learn.

# %% [markdown]
# ## The mathematics
#
# ### A codebook and its nearest entry
#
# $$ e_1, \dots, e_K \in \mathbb{R}^{D_e} \tag{VQ.1} $$
#
# For one vector $z_e$ from the encoder, the token is the number of the nearest code:
#
# $$ k = \arg\min_{i} \lVert z_e - e_i \rVert \tag{VQ.2} $$
#
# $k$ is an integer, $e_k$ a vector. One source writes $e_k = \arg\min$ and never says what $k$ is.
# An image has a grid of $T$ vectors, and each is quantized by itself, with the same codebook:
#
# $$ z_e = E(x) \in \mathbb{R}^{T \times D_e}, \qquad z_{q,t} = e_{k_t}, \qquad
#    \hat{x} = D(z_q) \tag{VQ.3} $$
#
# Each *vector* is replaced, not each of its $D_e$ numbers, as one source has it. The encoder returns
# just these vectors: no $\sigma$, no noise. For speech the tokens stand in a row, for images on a
# grid; here the grid is $4 \times 4$, and a token stands for $2 \times 2$ pixels and their
# surroundings.
#
# The main source calls this "closely related to k-nearest neighbours clustering". There is no such
# clustering: $k$-nearest neighbours is a way to classify. The relative is **k-means**, whose
# centres are the codebook, and which alternates (VQ.2) with moving each centre to the mean of its
# points.

# %% [markdown]
# ### Through a step without a slope
#
# Move $z_e$ a little and $k$ stays what it is; so $z_q$ and the loss stay, too. The derivative is
# not missing, as the sources say: it exists almost everywhere, and is zero. Only on the borders
# between cells is there none. The encoder would learn nothing. The **straight-through** estimator
# pretends on the way back that the step was not there:
#
# $$ z_q = z_e + \operatorname{sg}[e_k - z_e] \tag{VQ.4} $$
#
# $\operatorname{sg}$, *stop gradient*, is the identity on the way forward and has the derivative
# zero on the way back. The value is $e_k$; the gradient $\nabla_{z_q} \mathcal{L}$, from the
# decoder's input $z_q$, is copied to the encoder's output $z_e$. (The main source calls the
# decoder's input $z_e$, too; then nothing would have been quantized.)
#
# This is not the derivative of anything. A case small enough to do by hand: codes 0 and 1, a decoder
# that returns its input, and the "image" $0.4$. What does the encoder's output $z_e = 0.4$ cost?
# Which way does the gradient push it, and what does it cost then?

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
claim(
    "VQ.surrogate",
    "the slope is 0, the copied gradient is not, and following it costs more",
    slope.item() == 0 and z.grad.item() != 0 and bool(toy_loss(after) > toy_loss(z)),
)

# %% [markdown]
# The decoder says "larger", the encoder obeys, jumps over the border to the code 1, and the loss
# more than doubles. The estimator is a **surrogate**: it often works, because nearby codes tend to be
# decoded alike, and nothing guarantees it.
#
# ### Three terms, and what each of them moves
#
# The straight-through step goes past the codebook, which therefore gets no gradient from the
# reconstruction. It needs a term of its own that pulls the chosen code to the vector that chose it:
#
# $$ \mathcal{L}_\text{codebook} = \lVert \operatorname{sg}[z_e] - e_k \rVert^2 \tag{VQ.5} $$
#
# and its mirror image, which holds the encoder to its choice:
#
# $$ \mathcal{L}_\text{commitment} = \lVert z_e - \operatorname{sg}[e_k] \rVert^2 \tag{VQ.6} $$
#
# The two have the same value and different gradients. Together, summed over the tokens:
#
# $$ \mathcal{L} = -\log p_\theta(x \mid z_q) + \lVert \operatorname{sg}[z_e] - z_q \rVert^2
#    + \beta_c \, \lVert z_e - \operatorname{sg}[z_q] \rVert^2 \tag{VQ.7} $$
#
# with $z_q$ the codes *before* the straight-through step: after it, $\lVert \operatorname{sg}[z_e]
# - z_q \rVert^2$ would send its gradient to the encoder. $\beta_c = 0.25$ is usual, and has nothing
# to do with the β of chapter 8. Which part of the model does each term move? Guess, then run.

# %%
net = VQVAE((1, 8, 8), K, 4, quantizer=VectorQuantizer(K, 4, update="gradient", seed=seed))
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
    "only the codebook term moves the codebook",
    [name for name, moved in moves.items() if "codebook" in moved] == ["codebook"],
)

# %% [markdown]
# The decoder learns from the first term, the encoder from the first (by the copied gradient) and
# the third, the codebook from the second alone.
#
# ### Averages in place of the second term
#
# For fixed vectors, the best code is the mean of the vectors that choose it. One may keep it
# directly: an exponential moving average of how many vectors choose code $i$ in a batch, $n_i$, and
# of their sum,
#
# $$ N_i \leftarrow \gamma N_i + (1 - \gamma) \, n_i, \qquad
#    m_i \leftarrow \gamma m_i + (1 - \gamma) \sum_{j : k_j = i} z_{e,j} \tag{VQ.8} $$
#
# with $0 \le \gamma < 1$, usually 0.99. The code is the ratio, with a little smoothing so that
# nothing is divided by zero (after Laplace, who added one to every count; here $\epsilon =
# 10^{-5}$):
#
# $$ e_i = \frac{m_i}{\hat{N}_i}, \qquad
#    \hat{N}_i = (N_i + \epsilon) \, \frac{\sum_j N_j}{\sum_j N_j + K \epsilon} \tag{VQ.9} $$
#
# This *takes the place of* (VQ.5). The main source keeps the term beside it and calls the averages
# "the" VQ-VAE update; in the paper they are an appendix, and were not used for its results. Nor are
# they of another kind. Without smoothing, (VQ.8) is a step of gradient descent on the codebook
# loss, in which each code has a step size of its own that falls with its use:
#
# $$ e_i \leftarrow e_i - \frac{1 - \gamma}{2 N_i} \, \frac{\partial}{\partial e_i}
#    \sum_{j : k_j = i} \lVert z_{e,j} - e_i \rVert^2 \tag{VQ.14} $$
#
# And with $\gamma = 0$ and all vectors in one batch it is the step of k-means. The next cell checks
# both: on vectors of the encoder, with the centres that scikit-learn finds.

# %%
with torch.no_grad():
    vectors = vq.encode(train.images).flatten(0, 1)[::8]  # (2874, D_e)
first = vectors[torch.randperm(len(vectors), generator=generator())[:K]]


def quantizer_on(codes, gamma):
    """A quantizer with these codes and exact averages."""
    quantizer = VectorQuantizer(*codes.shape, gamma=gamma, revive_below=0, initial="normal")
    quantizer.codebook.copy_(codes)
    quantizer.sum.copy_(codes)
    quantizer.SMOOTHING = 0.0
    return quantizer


# %%
kmeans = KMeans(K, init=first, n_init=1, max_iter=1000, tol=0).fit(vectors)
lloyd = quantizer_on(first, gamma=0.0)
for _ in range(kmeans.n_iter_):
    quantized = lloyd(vectors)
claim(
    "VQ.k-means",
    "γ = 0 on all vectors: the codebook loss is the inertia of k-means",
    abs(quantized.codebook_loss.sum().item() / kmeans.inertia_ - 1) < 1e-3,
)
averages = quantizer_on(first, gamma=0.9)
e = first.clone().requires_grad_()
(vectors - e[nearest_code(vectors, e)]).square().sum().backward()
averages(vectors)
by_descent = first - (1 - 0.9) / (2 * averages.count[:, None]) * e.grad
claim(
    "VQ.averages-are-descent",
    "one step of the averages is one step of gradient descent",
    torch.allclose(averages.codebook, by_descent, atol=1e-4),
)

# %% [markdown]
# ### Codes that nobody chooses
#
# A code that is nearest to no vector gets no gradient and no share in an average. It stays where it
# is, and the others get all the practice. How many codes are in use is measured by the
# **perplexity** of their shares $p_i$ among the tokens:
#
# $$ \exp H(p) = \exp \Bigl( -\sum_{i=1}^{K} p_i \log p_i \Bigr) \tag{VQ.10} $$
#
# It is 1 when one code does everything and $K$ when all are chosen equally often. Two remedies
# together work, as is measured below. *Start from data*: the first codes are vectors of the first
# batch. *Revival*: a code whose $N_i$ falls far below the mean is put on a vector of the present
# batch.
#
# And the smoothing? It divides the $m_i$ of an idle code, which fades away, by an $\hat{N}_i$ that
# does not fall below $\epsilon$. The code therefore *moves*, to the origin, once $\gamma^t$ is
# about $\epsilon$. Here is an idle code at $(3, -0.2)$, with $\gamma = 0.99$:


# %%
def idle_code(steps, smoothing):
    """How much of its length is left of a code that nobody chooses."""
    quantizer = quantizer_on(torch.tensor([[0.0, 0.0], [3.0, -0.2]]), gamma=0.99)
    quantizer.SMOOTHING = smoothing
    near = 0.1 * torch.randn(64, 2, generator=generator())
    for _ in range(steps):
        quantizer.step(near, torch.zeros(64, dtype=torch.long))
    return (quantizer.codebook[1].norm() / 3.0067).item()


left = {steps: idle_code(steps, 1e-5) for steps in (500, 1000, 1500, 2000)}
for steps, share in left.items():
    print(f"after {steps:4} idle steps: {share:.3f} of its length")
claim(
    "VQ.smoothing-forgets",
    "with smoothing below 0.001 is left after 2,000 steps, without it all",
    left[2000] < 0.001 and abs(idle_code(2000, 0.0) - 1) < 0.001,
)

# %% [markdown]
# "Smooth and stable updates", the main source says of the averages. For codes in use, yes; about
# the others it says nothing. It names no start either, and with $N_i = m_i = 0$ the first ratio is
# $0/0$.
#
# ### What a code costs
#
# $T$ choices among $K$ take $T \log_2 K$ bits: here $16 \cdot 4 = 64$. That is a bound, not the
# rate. If codes are not equally frequent, or depend on their place or on each other, a shorter
# description exists. With $\bar{p}$ the shares of the codes over all places, for the entropies
#
# $$ H(k_1, \dots, k_T) \;\le\; \sum_{t=1}^{T} H(k_t) \;\le\; T \, H(\bar{p})
#    \;\le\; T \log_2 K \tag{VQ.12} $$
#
# and $H(\bar{p})$ is the logarithm of the perplexity. The left end is what a perfect model of the
# tokens would need. Such a model is called the **prior**; it may be written as a chain, in which
# each token depends on those before it:
#
# $$ p(k_1, \dots, k_T) = \prod_{t=1}^{T} p(k_t \mid k_1, \dots, k_{t-1}) \tag{VQ.11} $$
#
# It is a distribution over the *indices*, a table of probabilities; one source writes $p(z_q)$. It
# is trained after the VQ-VAE, on the tokens of the training images. To draw an image, draw its
# tokens one after the other and decode them.

# %% [markdown]
# ### The evidence lower bound
#
# Where is the "variational" in the name? Read the encoder as $q(k \mid x)$, a distribution with all
# its mass on one grid of tokens. While the networks learn, the prior is uniform, $p(k) = K^{-T}$;
# then $\mathrm{KL}(q \,\Vert\, p) = T \log K$ for every image, and (ELBO.3) is
#
# $$ \log p_\theta(x) \;\ge\; \log p_\theta(x \mid z_q) - T \log K \tag{VQ.13} $$
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
# over all $K^T$ grids, and by (ELBO.4) the gap is $-\log p(k \mid x)$: the bound pays for all the
# probability that the true posterior gives to other codes than the nearest.

# %% [markdown]
# ## The code
#
# The nearest code and the straight-through step are two functions of a line or two. Distances are
# compared by $\tfrac12 \lVert e \rVert^2 - z_e^\top e$, a single matrix product.

# %%
show_source(nearest_code)
show_source(straight_through)

# %% [markdown]
# The codebook, with its averages and the revival:

# %%
show_source(VectorQuantizer)

# %% [markdown]
# The model. Compare its `loss` with (VQ.7): all three terms are made before the straight-through
# step reaches the decoder.

# %%
show_source(VQVAE)

# %% [markdown]
# With convolutions, each token has its place in the image:

# %%
show_source(ConvolutionalVQVAE)

# %% [markdown]
# ## Training
#
# You trained at the top of the page. Before you look at the curves: the reconstruction error will
# fall. Will the commitment loss? And how many of the 16 codes will be in use after one epoch?

# %% tags=["nbval-ignore-output"]
figure, (left_axis, right_axis) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
epochs = range(1, 41)
for name, colour in zip(("reconstruction", "commitment"), COLOURS, strict=False):
    left_axis.plot(epochs, vq.history.terms[name], color=colour, label=name)
left_axis.set(xlabel="epoch", ylabel="nats per image", ylim=(0, 40))
left_axis.legend(frameon=False)
right_axis.plot(epochs, vq.history.terms["perplexity"], color=COLOURS[4])
right_axis.axhline(K, color="0.6", linestyle=":")
right_axis.set(xlabel="epoch", ylabel="perplexity of a batch", ylim=(0, K + 1))
for axis in (left_axis, right_axis):
    axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Left: the reconstruction falls from about 40 to 17 nats while the commitment loss stays "
    "small. Right: the perplexity rises to about 14 of 16.",
)

# %% [markdown]
# The commitment loss does not go to zero: vectors keep their distance from their codes, as in
# k-means. (It is in squared units of the code, not in nats.) The codes are in use from the start,
# because they were put on data. Now the test images, and what comes back from 64 bits:

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    rebuilt = vq(test.images)
    tokens, test_tokens = vq.tokens(train.images), vq.tokens(test.images)  # (N, T)
show(
    image_rows(
        {
            "test image": test.images,
            "tokens": test_tokens.view(-1, 1, *vq.grid) / (K - 1),
            "rebuilt": rebuilt,
        },
        columns=12,
    ),
    alt="Twelve test digits, their 4 × 4 tokens as shades of grey, and sharp reconstructions.",
)

# %% [markdown]
# The middle row is all the decoder gets. Its shades mean nothing: token 7 is not between 6 and 8.
# The reconstructions are sharper than those of chapter 7; they also have many more bits.

# %% [markdown]
# ## Explore
#
# ### A codebook in the plane
#
# One token per image, and codes with two numbers, so that the codebook is a map. TODO widget text.

# %% tags=["nbval-ignore-output"]
flat_vq = trained(VQVAE((1, 8, 8), K=32, code_dim=2, tokens=1, seed=seed))

# %%
CodebookExplorer(flat_vq, test.images)

# %% [markdown]
# TODO
#
# ### Editing tokens
#
# TODO

# %%
TokenEditor(vq, test.images)

# %% [markdown]
# TODO

# %% [markdown]
# ## Measure
#
# ### Is the codebook in use?
#
# Eight models with one token per image and $K = 64$: the codes start on data or are drawn ten times
# too wide, learn by gradient or by averages, with or without revival. Before you run it: which of
# the eight do you expect to use the most codes, which the fewest?


# %%
def one_token(start, update, revive_below):
    """A model whose codebook starts on data or ten times too wide."""
    initial = "data" if start == "data" else "normal"
    quantizer = VectorQuantizer(64, 8, update, 0.99, revive_below, initial, seed)
    if start == "wide":
        with torch.no_grad():
            quantizer.codebook *= 10
            quantizer.sum *= 10
    return trained(VQVAE((1, 8, 8), 64, 8, tokens=1, quantizer=quantizer, seed=seed), epochs=30)


def test_nll(net, images=test.images):
    """−log p(x|z_q) in nats per image."""
    with torch.no_grad():
        return net.nll(images, net.decode(net.quantizer.codebook[net.tokens(images)])).mean().item()


# %% tags=["nbval-ignore-output"]
grid = {
    (start, update, revival): one_token(start, update, 0.05 if revival else 0.0)
    for start in ("data", "wide")
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

# %%
mean_image = train.images.mean(0, keepdim=True)
blind_logits = torch.logit(mean_image, eps=1e-6)
blind = bernoulli_nll(test.images, blind_logits.expand_as(test.images)).mean().item()
collapsed, alive = grid["wide", "gradient", False], grid["wide", "ema", True]
claim(
    "VQ.codebook-collapse",
    "too wide, without revival: perplexity below 1.5 by gradient and averages",
    max(in_use["wide", update, False] for update in ("gradient", "ema")) < 1.5,
)
claim(
    "VQ.code-without-information",
    "such a model rebuilds no better than the mean image, within 0.5 nats",
    test_nll(collapsed) > blind - 0.5,
)
claim(
    "VQ.revival",
    "averages with revival: over 30 of 64 from either start",
    min(in_use[start, "ema", True] for start in ("data", "wide")) > 30,
)
claim(
    "VQ.data-is-not-enough",
    "averages from data without revival: below 0.7 times as many",
    in_use["data", "ema", False] < 0.7 * in_use["data", "ema", True],
)

# %% [markdown]
# **Verdict.** "The discrete bottleneck prevents collapse" is false. The divergence of (VQ.13) is
# $\log 64 = 4.2$ nats for all eight models, and in two of them the code says nothing at all. What
# is true is narrower: no term of the loss pulls the encoder towards a prior. The codebook collapses
# by itself, and it is revival that brings it back; averages alone do not, and nor does the start.

# %% [markdown]
# ### Has the gradient anything to do with the loss?
#
# For each test image move all encoder outputs by a millionth in a random direction, and back in the
# other: the difference of the two losses gives the slope in this direction. Then the gradient that
# is copied.

# %%
with torch.no_grad():
    z_all = vq.encode(test.images)  # (N, T, D_e)
    direction = torch.randn(z_all.shape, generator=generator())


def nll_of(z):
    """−log p(x|z_q) of the test images for encoder outputs z: (N,)."""
    return vq.nll(test.images, vq.decode(vq.quantize(z).z_q.view_as(z)))


z_e = z_all.clone().requires_grad_()
z_q = vq.quantize(z_e).z_q
z_q.retain_grad()
nll = vq.nll(test.images, vq.decode(z_q.view_as(z_e)))
nll.sum().backward()

# %%
