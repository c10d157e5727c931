# %% [markdown]
# # 9 · VQ-VAE
#
# So far a code was a list of real numbers. Here it is a short text: a few symbols from an
# alphabet that the model makes for itself. A text can be counted in bits, sent, edited symbol by
# symbol, and written by any model that has learned to write. The next cells train one and draw
# it.

# %%
import math

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.decomposition import PCA

# %%
from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import frechet_distance, perplexity
from course_lib.exercises.card import ExerciseCard
from course_lib.information import bits_to_nats, nats_to_bits
from course_lib.likelihoods import bernoulli_nll
from course_lib.models import VAE, VQVAE, TokenPrior, VectorQuantizer
from course_lib.models.vector_quantizer import nearest_code, straight_through
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import Beta, Loss
from course_lib.plots import COLOURS, image_rows, model_diagram
from course_lib.training import fit, sweep
from course_lib.widgets import CodebookExplorer, TokenEditor

# %%
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

# %%
x = test.images[3:4]
with torch.no_grad():
    z_e, k = vq.encode(x)[0], vq.tokens(x)[0]  # (4, 4, D_e), (4, 4)
    z_q, x_hat = vq.quantizer.codebook[k], vq(x)[0]
T = k.numel()  # tokens for an image
diagram = model_diagram(
    [
        ("image $x$\n64 numbers", x[0]),
        ("$E$", "encoder"),
        ("$z_e$: 16 vectors\nof 4 numbers", z_e.flatten(0, 1)),
        ("tokens $k$\nfrom 0 to 15", k[None] / (K - 1)),
        ("$z_q$: the nearest\nof 16 codes", z_q.flatten(0, 1)),
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
# A picture of a digit is a handful of strokes: a loop here, a bar there. That sounds like an
# alphabet. Nobody has written it down, so the model shall find it: $K$ symbols, for each of them
# a vector of numbers, and for each image a grid of $T$ symbols from which a decoder can draw it.
# The table of the $K$ vectors is the **codebook**, the symbols are called **tokens**.
#
# The encoder returns $T$ vectors, as an autoencoder would. Each of them is then replaced by the
# nearest vector of the codebook; only its *number* in the book counts. This is **vector
# quantization**, long used to compress speech and pictures (Linde, Buzo and Gray, 1980). What is
# new in the VQ-VAE is that encoder, decoder and codebook are trained together.
#
# Why symbols? Not because numbers could not describe things that come in kinds, as two sources
# say (measured at the end). There are three better reasons. A grid of tokens is a text, and what
# models texts can model it. Its length in bits is plain. And nothing gets past it: whatever the
# decoder knows about the image has gone through $T$ choices among $K$.
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
# Each *vector* is replaced, not each of its $D_e$ numbers, as one source has it. The encoder
# returns just these vectors: no $\sigma$, no noise. For speech the tokens stand in a row, for
# images on a grid; here the grid is $4 \times 4$, and a token stands for $2 \times 2$ pixels and
# their surroundings.
#
# The main source calls this a relative of clustering by $k$-nearest neighbours. There is no such
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
claim(
    "VQ.surrogate",
    "the slope is 0, the copied gradient is not, and following it costs more",
    slope.item() == 0 and z.grad.item() != 0 and bool(toy_loss(after) > toy_loss(z)),
)

# %% [markdown]
# The decoder says "larger", the encoder obeys, jumps over the border to the code 1, and the loss
# more than doubles. The estimator is a **surrogate**: it often works, because nearby codes tend
# to be decoded alike, and nothing guarantees it.
#
# ### Three terms, and what each of them moves
#
# The straight-through step goes past the codebook, which therefore gets no gradient from the
# reconstruction. It needs a term of its own that pulls the chosen code to the vector that chose
# it:
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
# with $z_q$ the codes *before* the straight-through step; after it, the second term would send its
# gradient to the encoder. $\beta_c = 0.25$ is usual, and has nothing to do with the β of chapter 8.
# Which part of the model does each term move? Guess, then run.

# %%
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
# directly: an exponential moving average of how many vectors choose code $i$ in a batch, $n_i$,
# and of their sum,
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
# This *takes the place of* (VQ.5). The main source says that a VQ-VAE uses the averages, and keeps
# the term beside them; in the paper they are an appendix, and were not used for its results. Nor are
# they of another kind. Without smoothing they make a step of gradient descent on the codebook loss,
# in which each code has a step size of its own that falls with its use (with $N_i$ after (VQ.8)):
#
# $$ e_i \leftarrow e_i - \frac{1 - \gamma}{2 N_i} \, \frac{\partial}{\partial e_i}
#    \sum_{j : k_j = i} \lVert z_{e,j} - e_i \rVert^2 \tag{VQ.14} $$
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
# A code that is nearest to no vector gets no gradient and no share in an average. It stays where
# it is, and the others get all the practice. How many codes are in use is measured by the
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
# does not fall below about $\epsilon$. So the code *moves*, to the origin, once $\gamma^t$ is
# about $\epsilon$. Here is an idle code beside a busy one, with $\gamma = 0.99$:


# %%
def idle_code(steps, smoothing):
    """What is left of the length of a code that nobody chooses, by (VQ.8) and (VQ.9)."""
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
    "with smoothing below 0.001 is left after 2,000 steps, without it all",
    idle_code(2000, 1e-5) < 0.001 and abs(idle_code(2000, 0.0) - 1) < 0.001,
)

# %% [markdown]
# "Smooth and stable updates", the main source says of the averages. For codes in use, yes; about
# the others it says nothing. It names no start either, and with $N_i = m_i = 0$ the first ratio is
# $0/0$. Our quantizer uses (VQ.9) only for codes that the batch has chosen; the others stay.
#
# ### What a code costs
#
# $T$ choices among $K$ take $T \log_2 K$ bits: here $16 \cdot 4 = 64$. That is a bound, not the
# rate. If codes are not equally frequent, or depend on their place or on each other, a shorter
# description exists. For the entropies, in bits, with $\bar{p}$ the shares of the codes over all
# places,
#
# $$ H(k_1, \dots, k_T) \;\le\; \sum_{t=1}^{T} H(k_t) \;\le\; T \, H(\bar{p})
#    \;\le\; T \log_2 K \tag{VQ.12} $$
#
# and $H(\bar{p})$ is the logarithm of the perplexity, to the base 2. The left end is what a perfect
# model of the tokens would need. Such a model is called the **prior**; it may be written as a chain,
# in which each token depends on those before it:
#
# $$ p(k_1, \dots, k_T) = \prod_{t=1}^{T} p(k_t \mid k_1, \dots, k_{t-1}) \tag{VQ.11} $$
#
# It is a distribution over the *indices*, a table of probabilities; one source writes $p(z_q)$. It
# is trained after the VQ-VAE, on the tokens of the training images. To draw an image, draw its
# tokens one after the other and decode them.

# %% [markdown]
# ### The evidence lower bound
#
# Where is the "variational" in the name? Read the encoder as $q(k \mid x)$, a distribution with
# all its mass on one grid of tokens. While the networks learn, the prior is uniform, $p(k) =
# K^{-T}$; then $\mathrm{KL}(q \,\Vert\, p) = T \log K$ for every image, and (ELBO.3) is
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
# step reaches the decoder. With convolutions, each token has its place in the image.

# %%
show_source(VQVAE)

# %% [markdown]
# ## Training
#
# You trained at the top of the page. Before you look at the curves: the reconstruction error will
# fall. Will the commitment loss? And how many of the 16 codes will be in use after one epoch?

# %% tags=["nbval-ignore-output"]
figure, (left_axis, right_axis) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
epochs = range(1, len(vq.history.terms["perplexity"]) + 1)
for name, colour in zip(("reconstruction", "commitment"), COLOURS, strict=False):
    left_axis.plot(epochs, vq.history.terms[name], color=colour, label=name)
left_axis.set(xlabel="epoch", ylabel="per image", ylim=(0, 40))
left_axis.legend(frameon=False)
right_axis.plot(epochs, vq.history.terms["perplexity"], color=COLOURS[4])
right_axis.axhline(K, color="0.6", linestyle=":")
right_axis.set(xlabel="epoch", ylabel="perplexity of a batch", ylim=(0, K + 1))
for axis in (left_axis, right_axis):
    axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Left: the reconstruction falls from over 40 to 17 nats while the commitment loss stays "
    "small. Right: the perplexity falls almost to 1, and later rises to about 14 of 16.",
)

# %% [markdown]
# The commitment loss, which is in squared units of the code, does not go to zero: vectors keep
# their distance from their codes, as in k-means. The right half is a small drama. The codes were
# put on vectors of the first batch; but then the encoder moves its vectors, and soon one code, or a
# few, are nearest to nearly all of them. The others wait. Their $N_i$ began at the mean use and
# falls by 1 % in each step; after $\log 20 / 0.01 = 300$ steps, 13 epochs, it is a twentieth of it,
# and they are revived.

# %%
by_epoch = vq.history.terms["perplexity"]
claim(
    "VQ.death-and-revival",
    "the perplexity falls below 7 before the tenth epoch and ends above 10",
    min(by_epoch[:10]) < 7 and by_epoch[-1] > 10,
)

# %% [markdown]
# Now the test images, and what comes back from 64 bits:

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    rebuilt = vq(test.images)
    tokens, test_tokens = (vq.tokens(x.images).flatten(1) for x in (train, test))  # (N, T)
show(
    image_rows(
        {
            "test image": test.images,
            "tokens": test_tokens.view(-1, 1, 4, 4) / (K - 1),
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
# One token per image and codes with two numbers, so that everything lies in a plane. First
# without a decoder: the dots are what the encoder of such a model makes of 500 images, the
# numbered circles are eight codes drawn from $\mathcal{N}(0, I)$, and the colours their cells.
# Press *one EMA step* several times. Which codes move furthest, and does the error in the last line
# ever rise? Then set $\gamma$ to 0 and to 0.99, and move a code into a lower corner before the next
# step.


# %% tags=["nbval-ignore-output"]
def dense_vq(size, code_dim=4, tokens=4, **settings):
    """A model without convolutions, and with so many codes."""
    quantizer = VectorQuantizer(size, code_dim, seed=seed)
    return VQVAE.dense((1, 8, 8), quantizer, tokens, seed=seed, **settings)


flat_vq = trained(dense_vq(32, code_dim=2, tokens=1))
with torch.no_grad():
    plane = flat_vq.encode(train.images[:500]).flatten(0, 1)  # (500, 2)

# %%
CodebookExplorer(plane, K=8, initial="normal")

# %% [markdown]
# The error falls in every step, quickly at first: codes move towards the mean of their cells, and
# then the borders follow. With $\gamma = 0$ a code jumps to that mean, which is k-means; with
# 0.99, some steps after the start, it creeps. A code moved so far out that no dot is nearest to it
# is struck through, and stays there however often you press.
#
# Now the whole model, with its 32 codes and what each of them decodes to. Look for a class that
# fills several cells. Then choose a code and move it by its sliders: which pictures change, the
# ones on the right or the ones below?

# %%
CodebookExplorer(model=flat_vq, images=test.images)

# %% [markdown]
# Neighbouring codes decode to similar pictures, though nothing in the loss asks for it: the
# decoder is a continuous function. Moving a code changes its own picture. It changes
# reconstructions only of the images in its cell, and as the borders move along, images change
# their code.
#
# ### Editing tokens
#
# Sixteen tokens and an image. Choose a place and run through all codes there. How far does the
# change reach? Do codes mean the same in another place?

# %%
TokenEditor(vq, test.images)

# %% [markdown]
# A code stands for a little piece of a stroke: a corner, an end, an edge, nothing. Changes reach a
# few pixels beyond the marked square, because the decoder's first layer looks at the neighbouring
# tokens as well. In another place the same code draws the same piece, as far as its neighbours let
# it: a convolution treats all places alike.

# %% [markdown]
# ## Measure
#
# ### Is the codebook in use?
#
# Eight models with one token per image and $K = 64$: the codes start on data or are drawn ten
# times too wide, learn by gradient or by averages, with or without revival. Before you run it:
# which of the eight do you expect to use the most codes, which the fewest?


# %%
def one_token(start, update, revive_below):
    """A model whose codebook starts on data or ten times too wide."""
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
collapsed = grid["wide", "gradient", False]
claim(
    "VQ.codebook-collapse",
    "too wide, without revival: perplexity below 1.5 by gradient and averages",
    max(in_use["wide", update, False] for update in ("gradient", "ema")) < 1.5,
)
claim(
    "VQ.code-without-information",
    "such a model rebuilds as badly as no code at all, within 0.5 nats",
    test_nll(collapsed) > blind - 0.5,
)
claim(
    "VQ.revival",
    "averages with revival: over 40 of 64 from either start",
    min(in_use[start, "ema", True] for start in ("data", "wide")) > 40,
)
claim(
    "VQ.data-is-not-enough",
    "gradient from data: without revival below half as many as with it",
    in_use["data", "gradient", False] < 0.5 * in_use["data", "gradient", True],
)

# %% [markdown]
# **Verdict.** That a discrete bottleneck prevents collapse is false. The divergence of (VQ.13) is
# $\log 64 = 4.2$ nats for all eight models, and in two of them the code says nothing at all. What
# is true is narrower: no term of the loss pulls the encoder towards a prior. The codebook
# collapses by itself, under averages as well as under the gradient. Starting from data helps, and
# is not enough. Revival is what brings codes back.

# %% [markdown]
# ### Has the gradient anything to do with the loss?
#
# For each test image move all encoder outputs by a millionth in a random direction, and then in
# the opposite one: the difference of the two losses gives the slope. Beside it the copied
# gradient. And does it help to follow it, where that changes a token?

# %%
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

# %%
with torch.no_grad():
    differences = (nll_of(z_all + 1e-6 * direction) - nll_of(z_all - 1e-6 * direction)).abs()
    moved = z_all - 0.1 * z_e.grad
    jumped = (vq.quantize(moved).indices.view(-1, T) != test_tokens).any(1)
    change = (nll_of(moved) - nll)[jumped]
claim(
    "VQ.no-slope",
    "the slope is exactly 0 for over 95 % of the images, the gradient never",
    (differences == 0).float().mean().item() > 0.95
    and bool((z_e.grad.flatten(1).norm(dim=1) > 0).all()),
)
claim(
    "VQ.gradient-is-copied",
    "the gradient at z_e is that at z_q, number by number",
    torch.equal(z_e.grad.flatten(0, -2), z_q.grad),
)
claim(
    "VQ.right-more-often",
    "steps along it that change a token: the mean loss falls, over 10 % rise",
    change.mean().item() < 0 and (change > 0).float().mean().item() > 0.1,
)

# %% [markdown]
# **Verdict.** It is a surrogate. The loss has the slope zero, so no finite step along any
# gradient has a guarantee; of the steps that change a token, more than a tenth make things
# worse. That the others outweigh them is why it works. The step itself has not become
# differentiable, as one source has it; another derivative stands in its place.

# %% [markdown]
# ### What does the commitment loss commit to?
#
# A model with four tokens, trained with $\beta_c = 0.25$ and without commitment. How long
# are the vectors of the encoder at the end?

# %% tags=["nbval-ignore-output"]
held = trained(dense_vq(32))
free = trained(dense_vq(32, commitment=0.0))


# %%
@torch.no_grad()
def length(net):
    """The mean length of the encoder's vectors."""
    return net.encode(test.images).norm(dim=2).mean().item()


claim(
    "VQ.runaway",
    "without commitment the encoder's vectors grow over 8 times as long",
    length(free) > 8 * length(held),
)
claim(
    "VQ.runaway-costs",
    "and it rebuilds test images over 1 nat worse",
    test_nll(free) > test_nll(held) + 1,
)

# %% [markdown]
# **Verdict.** Confirmed. Nothing else in the loss limits the length of $z_e$. The decoder's
# gradient pushes the vectors on and on, and the codes run after them.

# %% [markdown]
# ### A small change of the code
#
# One source has it that after a small change of a VAE's code the decoder still draws nearly the same
# image, and that tokens are another matter. Move every number of the encoder's output by about 1 %
# of its standard deviation, for the model above and for a VAE.

# %% tags=["nbval-ignore-output"]
vae = trained(VAE.dense((1, 8, 8), 8, seed=seed))

# %%
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
    "over 80 % of the pictures stay exactly the same; none of the VAE's",
    same.float().mean().item() > 0.8 and not bool(vae_same.any()),
)
claim(
    "VQ.or-they-jump",
    "where a token changes, the largest change is over 10 times the VAE's",
    bool(change_vq[~same].median() > 10 * change_vae.median()),
)

# %% [markdown]
# **Verdict.** The sentence fits tokens better than the VAE: within a cell nothing changes at all.
# What is lost is the middle ground. On a border the picture jumps.

# %% [markdown]
# ### What does an image cost?
#
# Four prices for the tokens of a test image, in bits: all codes equally likely; each by its share
# among the training tokens; each by its share at its place in the grid; and by a small transformer
# that has seen the tokens before it (VQ.11). Which saves more, knowing the place or knowing the
# neighbours?

# %%
show_source(TokenPrior)

# %% tags=["nbval-ignore-output"]
prior = TokenPrior(K, T, width=32, seed=seed)
history = fit(prior, tokens, epochs=10, batch_size=64, lr=3e-3, seed=seed)


# %%
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

# %%
claim(
    "VQ.uniform-is-a-bound",
    "shares save little: over 0.85 of the 64 bits, and less than all",
    0.85 * 64 < bits["by its share"] < 64,
)
claim(
    "VQ.place-tells",
    "the place saves over 8 bits more",
    bits["by its place"] < bits["by its share"] - 8,
)
claim(
    "VQ.neighbours-tell",
    "the tokens before it another 4",
    bits["after the others"] < bits["by its place"] - 4,
)

# %% [markdown]
# **Verdict.** Knowing the place saves most: at the edge of an image there is seldom anything.
# Shares without places save almost nothing, because revival keeps all codes nearly equally busy. A
# rate always belongs to a code *and* a prior; $T \log_2 K$ bits are that of the uniform one.
#
# ### Counting values is not counting bits
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
# ### Beside the VAE
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

# %%
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

# %% tags=["nbval-ignore-output"]
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

# %%
rates, distortions = (np.array(values) for values in zip(*curve, strict=True))
excess = {
    size: distortion - np.interp(rate, rates, distortions)
    for size, (rate, distortion) in points.items()
}
claim(
    "VQ.near-the-curve",
    "at equal rate the distortion is that of the β-VAEs, within 1.2 nats",
    bool(max(map(abs, excess.values())) < 1.2),
)
lower_bound = {size: -sum(point) for size, point in points.items()}
claim(
    "VQ.tokens-that-do-not-pay",
    "(VQ.13) with 1 token is above, with 4 below that of no code",
    lower_bound[1, 32] > -blind > lower_bound[4, 32],
)

# %% [markdown]
# **Verdict.** About as good, and different in kind. The nats of a VAE are a divergence, and one
# has to work to send a $z$ at that price; the tokens can be written down as they are. The bound
# (VQ.13) is no guide to the size of the grid. Its optimum here is a few nats of code, as it is
# for the VAE with $\beta = 1$; grids as they are used in practice are far from it, since they are
# chosen for good pictures.

# %% [markdown]
# ### How loose is the bound?
#
# With the one token of `flat_vq` the evidence (VQ.15) is a sum of 32 terms. (The pixels are grey,
# so these are cross-entropies in place of log-likelihoods; see (AE.4).)

# %%
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
    "(VQ.13) is below the exact evidence for every test image",
    bool((elbo < evidence).all()),
)
claim("VQ.loose", "the mean gap is over 0.5 nats", gap > 0.5)
claim(
    "VQ.nearest-is-not-best",
    "for over 15 % of the images another code explains the image better",
    (log_p.amax(1) > own).float().mean().item() > 0.15,
)

# %% [markdown]
# **Verdict.** Loose. The encoder guesses in one pass, and often another code has the higher
# likelihood; and where several codes would do, the true posterior spreads over them, while $q$ has
# room for one only.

# %% [markdown]
# ### Writing new digits
#
# The same four priors, as ways to make up a grid of tokens. Which pictures will look like digits?

# %%
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

# %% tags=["nbval-ignore-output"]
for name, value in distance.items():
    print(f"{name:17} Fréchet distance {value:.2f}")
print(f"test images, rebuilt: {frechet(rebuilt):.2f}; as they are: {frechet(test.images):.2f}")
show(
    image_rows(samples, columns=12),
    alt="Four rows of twelve pictures: two of scattered strokes, one with strokes in the middle, "
    "and one in which several digits can be read.",
)

# %%
known = {tuple(grid) for grid in tokens.tolist()}
copies = sum(tuple(grid) in known for grid in drawn["after the others"].tolist()) / n
claim(
    "VQ.prior-samples",
    "Fréchet distance: below 0.85 times that of independent tokens",
    distance["after the others"] < 0.85 * distance["by its place"],
)
claim(
    "VQ.place-samples",
    "and theirs below 0.4 times that of tokens without places",
    distance["by its place"] < 0.4 * min(distance["uniform"], distance["by its share"]),
)
claim(
    "VQ.no-copies",
    "below 10 % of its grids are grids of training images",
    copies < 0.1,
)

# %% [markdown]
# **Verdict.** It takes both stages. The decoder turns any grid into a picture, and from a uniform
# prior these are no digits. Shares without places save bits and help the pictures not at all; places
# help most, and neighbours after them. The samples are not copies. Nor are they perfect: they are
# still about three times as far off as reconstructions, and 1,437 short texts are not much to learn
# to write from.
#
# Drawing takes one pass of the transformer for each token, one after the other. That is the price
# of (VQ.11), and with $32 \times 32$ and more tokens it is what takes the time.

# %% [markdown]
# ### Do discrete data need a discrete code?
#
# "Continuous latents don't make sense for discrete data", one source says. Make the pixels black
# and white, which is as discrete as data get, and train the VAE of chapter 7 on them.

# %% tags=["nbval-ignore-output"]
binary_train, binary_test = ((split.images > 0.5).float() for split in (train, test))
binary_vae = trained(VAE.dense((1, 8, 8), 8, seed=seed), binary_train, 35)
binary_vq = trained(dense_vq(32, tokens=1), binary_train, 35)

# %%
with torch.no_grad():
    vae_loss = sum(binary_vae.loss(binary_test, generator()).total.item() for _ in range(5)) / 5
vq_loss = test_nll(binary_vq, binary_test) + math.log(32)
binary_mean = torch.logit(binary_train.mean(0, keepdim=True), eps=1e-3)
binary_blind = bernoulli_nll(binary_test, binary_mean.expand_as(binary_test)).mean().item()
claim(
    "VQ.continuous-for-discrete",
    "−ELBO of the VAE: over 4 nats below no code, and below one token's",
    vae_loss < binary_blind - 4 and vae_loss < vq_loss,
)

# %% [markdown]
# **Verdict.** False. What has to fit the data is the likelihood, here a Bernoulli one; the code
# may be of another kind. The authors of the VQ-VAE report the same: their VAE was ahead of the
# VQ-VAE on CIFAR-10, 4.51 against 4.67 bits per dimension.

# %% [markdown]
# ## Exercises
#
# Cards first, then predictions. `course_lib.exercises.bank()` lists more.

# %%
ExerciseCard("nearest-code")

# %%
ExerciseCard("stop-gradients")

# %%
ExerciseCard("loss-after-straight-through")

# %%
ExerciseCard("ema-step")

# %%
ExerciseCard("perplexity-of-a-codebook")

# %%
ExerciseCard("bits-of-a-grid")

# %%
ExerciseCard("elbo-of-a-vq-vae")

# %% [markdown]
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
# The left end of (VQ.12) is the only one that knows about repetitions.
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
# Each place has an id, such as 004-12. The [appendix](10_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=9)

# %% [markdown]
# ## Recap
#
# - A VQ-VAE writes an image as tokens: numbers of the nearest entries of a learned codebook.
# - The step has no slope. Its stand-in, the copied gradient, usually points the right way.
# - Three terms, each with its own part of the model to move; or averages in place of the second.
# - The divergence is the constant $T \log K$. The code can be empty all the same: look at the
#   perplexity, and revive what lies idle.
# - Bits depend on the prior. A good one both shortens the code and draws new images.
# - Beside a β-VAE at the same rate, pictures are about as good; tokens can be sent as they are.
#
# ## Next
#
# This was the last chapter. The course began with a network that copies its input through a narrow
# middle; everything since has been an answer to one question: what should stand in that middle? Few
# numbers, numbers that survive noise, few active ones, calm ones, clouds that fill a known shape,
# and at last words. The [appendix on the sources](10_the_sources_checked.ipynb) collects what the
# tables of the chapters say, and `course_lib.exercises` has more exercises than the cards show.
#
# ## References
#
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu. *Neural Discrete Representation Learning.*
#   NeurIPS, 2017.
# - A. Razavi, A. van den Oord, O. Vinyals. *Generating Diverse High-Fidelity Images with VQ-VAE-2.*
#   NeurIPS, 2019.
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
