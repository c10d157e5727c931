# %% [markdown]
# # 9 · VQ-VAE
#
# Below is a digit, written with 49 letters of an alphabet that nobody designed: a network has invented its
# 64 letters itself. A text can be counted in bits, sent, edited letter by letter, and written by any
# model that has learned to write. Press on a place in a picture, and choose another letter. How far does
# the change reach? Does a letter mean the same in another place?

# %% tags=["hide-input"]

import torch
from matplotlib import pyplot as plt
from sklearn.svm import SVC
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.evaluation import perplexity
from course_lib.models import VQVAE, VectorQuantizer, pretrained
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows, model_diagram
from course_lib.training import fit
from course_lib.widgets import CodebookExplorer, ExerciseCard, TokenEditor, TrainingScrubber

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


def coloured(tokens):
    """A colour for each token, (N, H, W) → (N, 3, H, W): the numbers have no order."""
    return torch.tensor(plt.get_cmap("tab20")(tokens.numpy())[..., :3]).float().permute(0, 3, 1, 2)


# %%
glyphs, new_glyphs = load("glyphs"), load("glyphs", "test")
writer = pretrained("glyphs_vq_vae")  # 7 × 7 tokens of 64; trained on 8,000 glyphs
TokenEditor(writer, new_glyphs.images[:12])


# %% [markdown]
# A letter stands for a little piece of a stroke: a corner, an end, an edge, nothing. Changes reach some
# pixels beyond the marked square, because the decoder looks at the neighbouring letters as well. In
# another place the same letter draws the same piece, as far as its neighbours let it.
#
# ## You will
#
# - turn images into a few symbols and back, with a codebook that is learned together with both networks;
# - train through a step that has no slope;
# - watch a codebook collapse to one code, and come back;
# - see the alphabet, and have a transformer write digits with it, the class of your choice.
#
# **Before you start**: chapters 1, 5, 6 and 7. **Time**: 55 minutes. What is measured in more detail stands
# in the [laboratory](09_vq_vae_laboratory.ipynb).

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
# Why symbols? A grid of tokens is a text, and what
# models texts can model it. Its length in bits is plain. And nothing gets past it: whatever the
# decoder knows about the image has gone through $T$ choices among $K$.
#
# The price: a choice has no slope, so gradient descent has to cheat; and a codebook whose codes
# nobody chooses does not learn.

# %% [markdown]
# ## A codebook and its nearest entry
#
# The codebook holds $K$ vectors of $D_e$ numbers, the codes:
#
# $$ e_1, \dots, e_K \in \mathbb{R}^{D_e} \tag{VQ.1} $$
#
# For one vector $z_e$ from the encoder, the token is the number of the nearest code:
#
# $$ k = \arg\min_{i} \lVert z_e - e_i \rVert \tag{VQ.2} $$
#
# $k$ is an integer, $e_k$ a vector.
# An image has a grid of $T$ vectors, and each is quantized by itself, with the same codebook:
#
# $$ z_e = E(x) \in \mathbb{R}^{T \times D_e}, \qquad z_{q,t} = e_{k_t}, \qquad
#    \hat{x} = D(z_q) \tag{VQ.3} $$
#
# Each *vector* is replaced, not each of its $D_e$ numbers. The encoder
# returns just these vectors: no $\sigma$, no noise. For speech the tokens stand in a row, for
# images on a grid; for the 8 × 8 digits below it is $4 \times 4$, and a token stands for $2 \times 2$
# pixels and their surroundings.

# %% [markdown]
# ### Build it: the lookup
#
# Write the lookup: for each of $M$ vectors the number of the nearest code. All at once, without a
# loop.


# %%
def nearest_index(z_e, codebook):
    """kᵢ = argminₖ ‖z_eᵢ − eₖ‖  (VQ.2)

    z_e: (M, D_e); codebook: (K, D_e). Returns (M,).
    """
    ...


# %%
nearest_index = check_task("nearest_index", nearest_index)

# %%
ExerciseCard("nearest-code")


# %% [markdown]
# ## Through a step without a slope
#
# Move $z_e$ a little and $k$ stays what it is; so $z_q$ and the loss stay, too. The derivative is
# not missing: it exists almost everywhere, and is zero. Only on the borders
# between cells is there none. The encoder would learn nothing. The **straight-through** estimator
# pretends on the way back that the step was not there:
#
# $$ z_q = z_e + \operatorname{sg}[e_k - z_e] \tag{VQ.4} $$
#
# $\operatorname{sg}$, *stop gradient*, is the identity on the way forward and has the derivative
# zero on the way back. The value is $e_k$; the gradient $\nabla_{z_q} \mathcal{L}$, from the
# decoder's input $z_q$, is copied to the encoder's output $z_e$.

# %% [markdown]
# ### Build it: the step without a slope
#
# One line. The check looks at the value and at where the gradient goes; what follows runs on it.


# %%
def straight_through(z_e, e):
    """z_q = z_e + sg[e − z_e]  (VQ.4)

    z_e, e: (M, D_e). The value of e with the gradient of z_e.
    """
    ...


# %%
straight_through = check_task("straight_through", straight_through)

# %%
ExerciseCard("loss-after-straight-through")

# %% [markdown]
# This is not the derivative of anything: it is a surrogate, which often works, because nearby codes tend to
# be decoded alike. The laboratory has a case small enough to do by hand, in which it goes wrong.

# %% [markdown]
# ## Three terms, and what each of them moves
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

# %% [markdown]
# The decoder learns from the first term, the encoder from the first (by the copied gradient) and
# the third, the codebook from the second alone.

# %%
ExerciseCard("stop-gradients")

# %% [markdown]
# (Many implementations, and this chapter from here on, replace the second term by moving averages (EMA)
# of the vectors that choose a code; each step keeps the share $\gamma$ of the old average. The laboratory
# shows that this is gradient descent with a step size of its own for each code.)
#
# ## Codes that nobody chooses
#
# A code that is nearest to no vector gets no gradient and no share in an average. It stays where
# it is, and the others get all the practice. How many codes are in use is measured by the
# **perplexity** of their shares $p_i$ among the tokens:
#
# $$ \exp H(p) = \exp \Bigl( -\sum_{i=1}^{K} p_i \log p_i \Bigr) \tag{VQ.8} $$
#
# It is 1 when one code does everything and $K$ when all are chosen equally often. A remedy is **revival**:
# a code that is used far less than the mean is put on a vector of the present batch.
#
# Train a small one on the 8 × 8 digits, with 16 codes. Before you look at the curves: the reconstruction
# error will fall. Will the commitment loss? And how many of the 16 codes will be in use after one epoch?
# A second network, the same but for revival, shows what revival does.


# %% tags=["nbval-ignore-output"]
def digits_of_16_codes(**options):
    quantizer = VectorQuantizer(K, code_dim=4, seed=seed, **options)
    net = VQVAE.convolutional((1, 8, 8), quantizer, channels=(16,), seed=seed)
    return trained(net, epochs=40, objective=watched)


vq, without = digits_of_16_codes(), digits_of_16_codes(revive_below=0)

# %% tags=["hide-input"]
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
        ("tokens $k$\nof 16", coloured(k[None])[0]),
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

# %% tags=["hide-input", "nbval-ignore-output"]
figure, (left_axis, right_axis) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
epochs = range(1, len(vq.history.terms["perplexity"]) + 1)
for name, colour in zip(("reconstruction", "commitment"), COLOURS, strict=False):
    left_axis.plot(epochs, vq.history.terms[name], color=colour, label=name)
left_axis.set(xlabel="epoch", ylabel="per image", ylim=(0, 40))
left_axis.legend(frameon=False)
right_axis.plot(epochs, vq.history.terms["perplexity"], color=COLOURS[4], label="with revival")
right_axis.plot(epochs, without.history.terms["perplexity"], "--", color="0.5", label="without")
right_axis.legend(frameon=False, loc="lower right")
right_axis.axhline(K, color="0.6", linestyle=":")
right_axis.set(xlabel="epoch", ylabel="perplexity of a batch", ylim=(0, K + 1))
for axis in (left_axis, right_axis):
    axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Left: the reconstruction falls from over 40 to 17 nats while the commitment loss stays "
    "small. Right: the perplexity falls almost to 1, and later rises to about 14 of 16, without revival to 12.",
)

# %% [markdown]
# The commitment loss, which is in squared units of the code, does not go to zero: vectors keep
# their distance from their codes, as in k-means. The right half is a small drama. The codes were
# put on vectors of the first batch; but then the encoder moves its vectors, and soon one code, or a
# few, are nearest to nearly all of them. The others wait. The moving average of their use began at the
# mean use and falls by 1 % in each step; after $\log 20 / 0.01 = 300$ steps, 13 epochs, it is a
# twentieth of that, and they are revived. Without revival, the dashed curve, they wait longer; but the
# encoder goes on spreading its vectors, and in the end nearly as many codes are in use. Here revival
# saves time. The laboratory has a case in which codes that are not revived never come back.

# %% tags=["hide-input"]
by_epoch = vq.history.terms["perplexity"]
claim(
    "VQ.dies",
    "before the tenth epoch the perplexity, of 16, falls to this",
    min(by_epoch[:10]),
    at_most=7,
)
claim(
    "VQ.death-and-revival",
    "from its lowest to the end it grows so many times",
    by_epoch[-1] / min(by_epoch[:10]),
    at_least=1.5,
)
claim(
    "VQ.revival-saves-time",
    "in epoch 16 it is so many times that without revival; at the end "
    f"{by_epoch[-1] / without.history.terms['perplexity'][-1]:.2f} times",
    by_epoch[15] / without.history.terms["perplexity"][15],
    at_least=1.1,
)

# %% [markdown]
# > **Myth**: "a discrete bottleneck cannot collapse and forces the code to be used". The right-hand curve is a
# > collapse: at its lowest point two codes or so write everything.

# %% [markdown]
# Now the test images, and what comes back from 16 tokens of $\log_2 16 = 4$ bits, 64 bits in all:

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    rebuilt, test_tokens = vq(test.images), vq.tokens(test.images)
rows = {"test image": test.images, "tokens": coloured(test_tokens), "rebuilt": rebuilt}
show(
    image_rows(rows, columns=12),
    alt="Twelve test digits, their 4 × 4 tokens as colours, and sharp reconstructions.",
)

# %% [markdown]
# The middle row is all the decoder gets.

# %%
ExerciseCard("perplexity-of-a-codebook")


# %% [markdown]
# ## A codebook in the plane
#
# One token per image and codes with two numbers, so that everything lies in a plane. First
# without a decoder: the dots are what the encoder of such a model makes of 500 images, the
# numbered circles are eight codes drawn from $\mathcal{N}(0, I)$, and the colours their cells.
# Press *one EMA step* several times. Which codes move furthest, and does the error above the
# picture ever rise? Then set $\gamma$ to 0 and to 0.99, and move a code into a lower corner before the next
# step.


# %% tags=["nbval-ignore-output"]
def dense_vq(size, code_dim=4, tokens=4, **settings):
    """A model without convolutions, and with so many codes."""
    quantizer = VectorQuantizer(size, code_dim, seed=seed)
    return VQVAE.dense((1, 8, 8), quantizer, tokens, seed=seed, **settings)


flat_vq, moments, used = dense_vq(32, code_dim=2, tokens=1), {}, []


def watch(progress):
    if progress.step in (1, 5, 10, 20, 30, 50, 75, 100, 200, 500, 50 * 23):  # 23 steps an epoch
        moments[progress.step] = flat_vq.quantizer.codebook.detach().clone()
        used.append(perplexity(flat_vq.tokens(train.images), 32))


fit(flat_vq, train.images, epochs=50, batch_size=64, lr=3e-3, seed=seed, callback=watch)
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
# The codebook of this model was kept on the way, too. Press *play* and watch the perplexity, the
# number of codes in use: where do the codes start, and what happens to them when the encoder moves away?

# %%
TrainingScrubber(moments, None, plane, used, "perplexity", name="step")

# %% [markdown]
# The grey dots are where the encoder puts the images in the end. In the first steps nearly all images
# choose the same code: the perplexity is 1. Codes that nobody chooses are put on vectors of the batch
# again and again, and once the encoder spreads its vectors, after a hundred steps or so, they stay in
# use: at the end the perplexity is near 30 of 32.

# %% [markdown]
# ## The alphabet
#
# Back to the 64 letters of the first picture. What does a letter mean? Below, each is the mean of all pieces
# of the training glyphs, 12 × 12 pixels with their surroundings, for which the encoder chose it. The most
# frequent letters stand first.

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    written = writer.tokens(glyphs.images).flatten(1)  # (8000, 49)
pieces = F.unfold(F.pad(glyphs.images, (4, 4, 4, 4)), 12, stride=4)  # (8000, 144, 49)
chosen = F.one_hot(written.flatten(), 64).float()  # (8000 · 49, 64)
means = chosen.T @ pieces.transpose(1, 2).reshape(-1, 144) / chosen.sum(0)[:, None]
letters = means[chosen.sum(0).argsort(descending=True)].view(64, 1, 12, 12)
alphabet = {f"{16 * i + 1} to {16 * i + 16}": letters[16 * i : 16 * i + 16] for i in range(4)}
show(
    image_rows(alphabet, columns=16),
    alt="64 small patches: nothing, edges, corners, ends of strokes.",
)

# %% [markdown]
# Nothing, edges in all directions, corners, ends: an alphabet of strokes, for which nobody asked.

# %% [markdown]
# ## What a code costs
#
# $T$ choices among $K$ take $T \log_2 K$ bits: here $49 \cdot 6 = 294$. That is a bound, not the
# rate. If codes are not equally frequent, or depend on their place or on each other, a shorter
# description exists. For the entropies, in bits, with $\bar{p}$ the shares of the codes over all
# places,
#
# $$ H(k_1, \dots, k_T) \;\le\; \sum_{t=1}^{T} H(k_t) \;\le\; T \, H(\bar{p})
#    \;\le\; T \log_2 K \tag{VQ.9} $$
#
# and $H(\bar{p})$ is the logarithm of the perplexity, to the base 2. The left end is what a perfect
# model of the tokens would need. Such a model is called the **prior**; it may be written as a chain,
# in which each token depends on those before it:
#
# $$ p(k_1, \dots, k_T) = \prod_{t=1}^{T} p(k_t \mid k_1, \dots, k_{t-1}) \tag{VQ.10} $$
#
# It is a distribution over the *indices*, a table of probabilities. It
# is trained after the VQ-VAE, on the tokens of the training images. To draw an image, draw its
# tokens one after the other and decode them.

# %%
ExerciseCard("bits-of-a-grid")

# %% [markdown]
# ## Writing
#
# Such a prior, a small transformer, has learned from the tokens of the 8,000 glyphs, with the class of the
# glyph as a first word. Tell it the class, and it writes the rest. How many of these can you read?

# %% tags=["nbval-ignore-output"]
prior = pretrained("glyphs_token_prior")  # the first token is 64 + digit
digits = torch.arange(10).repeat(20)
texts = prior.sample(200, generator(), given=64 + digits[:, None])[:, 1:]  # (200, 49)
with torch.no_grad():
    pages = writer.decode_tokens(texts.view(-1, 7, 7))
rows = {f"hand {i + 1}": pages[10 * i : 10 * i + 10] for i in range(4)}
show(image_rows(rows), alt="Four rows of the digits 0 to 9, most of them legible, in many hands.")

# %% [markdown]
# Slant, size and thickness vary as in the data, and most can be read. Now let it finish what
# somebody else has begun: the upper four of the seven rows are those of test glyphs, the rest is drawn.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    begun = writer.tokens(new_glyphs.images[:10]).flatten(1)[:, :28]
    told = 64 + new_glyphs.labels[:10, None]
    finished = prior.sample(10, generator(), given=torch.cat([told, begun], 1))[:, 1:]
    painted = writer.decode_tokens(finished.view(-1, 7, 7))
upper = new_glyphs.images[:10].clone()
upper[:, :, 16:] = 0.5
show(
    image_rows({"given": upper, "finished": painted, "test glyph": new_glyphs.images[:10]}),
    alt="Glyphs with their lower part grey; finished by the prior; the whole glyphs, much alike.",
)

# %% [markdown]
# Where the upper part decides, it writes what was there; where it does not, something else that fits. Does
# it write what it is told? A classifier of glyphs, which has seen no text, reads the 200 pages. As a control it
# reads the same letters, on each page in another order.

# %% tags=["hide-input"]
some = glyphs.sample(4000, seed)
reader = SVC(C=10).fit(some.images.flatten(1), some.labels)


def read_right(texts):
    with torch.no_grad():
        pictures = writer.decode_tokens(texts.view(-1, 7, 7)).flatten(1)
    return (torch.tensor(reader.predict(pictures)) == digits).double().mean().item()


right = read_right(texts)
claim(
    "VQ.writes-what-it-is-told",
    "of the pages written for a class, this share is read as that class",
    right,
    at_least=0.7,
)
claim(
    "VQ.order-matters",
    "the same letters in another order are read right so much less often",
    right - read_right(texts[:, torch.randperm(49, generator=generator())]),
    at_least=0.4,
)

# %% [markdown]
# ## Recap
#
# - A VQ-VAE writes an image as tokens: numbers of the nearest entries of a learned codebook.
# - The step has no slope. Its stand-in, the copied gradient, usually points the right way.
# - Three terms, each with its own part of the model to move.
# - A codebook can collapse: look at the perplexity, and revive what lies idle.
# - Bits depend on the prior. A good one both shortens the code and writes new images.
#
# ## Next
#
# The course began with a network that copies its input through a narrow middle; everything since has
# been an answer to one question: what should stand in that middle? Few numbers, numbers that survive
# noise, few active ones, calm ones, clouds that fill a known shape, and at last words.
#
# Words have a prior that is learned, and clouds a prior that somebody chose.
# [Chapter 10](10_priors.ipynb) learns it for them as well. The [appendix on the
# sources](99_the_sources_checked.ipynb) collects what the tables of the chapters say.
#
# ## References
#
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu. *Neural Discrete Representation Learning.*
#   NeurIPS, 2017.
# - A. Razavi, A. van den Oord, O. Vinyals. *Generating Diverse High-Fidelity Images with VQ-VAE-2.*
#   NeurIPS, 2019.
