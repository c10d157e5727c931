# %% [markdown]
# # 4 · Contractive autoencoder
#
# Change an image a little: how far does its code move? That depends on *which* change. For each
# glyph below a computer has searched, among all small changes of one size, for the one that moves
# the code most. The second row shows it (grey: no change, white: more ink, black: less), the third
# adds it to the glyph, the fourth rebuilds the first. Move $\lambda$ to 0 and back. At which
# $\lambda$ does the code notice specks that no glyph ever has, and at which a stroke that moves?

# %% tags=["hide-input"]
import statistics
import time

import torch
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from torch.func import hessian

from course_lib.datasets import load
from course_lib.evaluation import confident_share, nearest_distance
from course_lib.models import Autoencoder, ContractiveAutoencoder
from course_lib.models.contractive_autoencoder import (
    contractive_penalty, hutchinson_contractive_penalty, jacobian, sigmoid_contractive_penalty,
    tangent_share,
)  # fmt: skip
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows
from course_lib.training import fit
from course_lib.widgets import ContractionEllipse, ExerciseCard, SweepRows

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
glyphs = load("glyphs").sample(3000, seed).images
new_glyphs = load("glyphs", "test").sample(300, seed).images


def generator():
    return torch.Generator().manual_seed(seed)


# %% tags=["hide-input", "nbval-ignore-output"]
on_glyphs, swept = {}, {}
for weight in (0.0, 0.01, 0.1, 1.0, 10.0):
    net = ContractiveAutoencoder((1, 28, 28), 64, weight=weight, likelihood="gaussian", seed=seed)
    fit(net, glyphs, epochs=15, batch_size=64, lr=3e-3, seed=seed)
    on_glyphs[weight] = net
    J = jacobian(net.encode, new_glyphs[:10]).detach()  # (10, 64, 784)
    most = torch.linalg.svd(J, full_matrices=False).Vh[:, 0]
    most = (most * most.sum(1, keepdim=True).sign()).view(10, 1, 28, 28)
    swept[weight] = {
        "glyph": new_glyphs[:10],
        "noticed most": 0.5 + 3 * most,
        "added": new_glyphs[:10] + 3 * most,
        "rebuilt": net(new_glyphs[:10]).detach(),
    }
SweepRows("λ", swept, columns=10, start=1.0)

# %% [markdown]
# At $\lambda = 0$ the code reacts most to noise, and to specks in corners where no glyph has ink. At
# $\lambda = 1$ it reacts to light and dark bands as wide as a stroke, where glyphs have theirs, and at 10
# to still broader ones; but then the lowest row is blurred. This chapter is about the number $\lambda$:
# the price of a code that moves.
#
# ## You will
#
# - write the price down, in a closed form and with one random probe;
# - move a slider and watch which neighbours of an image the encoder still tells apart;
# - find out what the price has to do with noise;
# - see a network cheat: it shrinks its code instead of steadying it;
# - ask once more whether it can draw, and find out which part is missing.
#
# **Before you start**: chapter 1, partial derivatives, and singular values.
# **Time**: 55 minutes. What is measured in more detail stands in the
# [laboratory](04_contractive_autoencoder_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# Chapter 2 changed the input and asked for the clean image back. This chapter asks the code directly:
# when the image changes a little, the code $h$ should hardly change. A **contractive autoencoder** has
# a term in its loss for how strongly its code reacts.
#
# It cannot win everywhere. If the code reacted to nothing, all images would have the same
# reconstruction. So the reconstruction pulls the other way, but only for what it needs: directions in
# which images really differ. What should go are reactions to changes that no image shows.
#
# Is that what the slider showed? The 50 directions, of 784, in which glyphs vary most hold 86 % of
# their variance. Which share of the reactions, squared and added up, belongs to them? For an encoder
# without preferences it would be 50/784, or 6 %.

# %% tags=["hide-input"]
centred = (glyphs - glyphs.mean(0)).flatten(1)
main = torch.linalg.svd(centred, full_matrices=False).Vh[:50]  # principal directions
on_main = {}
for weight, net in on_glyphs.items():
    J = jacobian(net.encode, new_glyphs[:100]).detach()
    on_main[weight] = ((J @ main.T).square().sum() / J.square().sum()).item()

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(4.6, 2.4))
axis.bar([f"{weight:g}" for weight in on_main], on_main.values(), color=COLOURS[0])
axis.axhline(50 / 784, color="0.2", linestyle="--", linewidth=1)
axis.text(4.6, 50 / 784, "no preference", va="center")
axis.set(xlabel="λ", ylabel="share of reactions", xlim=(-0.6, 4.5), ylim=(0, 1))
axis.spines[["top", "right"]].set_visible(False)
show(
    figure, alt="Half of the reactions are along the main directions for λ = 0, nearly all for 10."
)

# %% [markdown]
# Half of the reactions without a price, nearly all with $\lambda = 1$.

# %% [markdown]
# ## The price
#
# $$ \mathcal{L}(\phi, \theta) = \frac{1}{B} \sum_{i=1}^{B} \Bigl[ \ell(x_i, \hat{x}_i)
#    + \lambda \, \lVert J_f(x_i) \rVert_F^2 \Bigr] \tag{CAE.1} $$
#
# Here $\ell$ is the squared error (AE.2) or the cross-entropy (AE.3) of one image, and $\lambda \ge 0$
# says how much the second term counts. With $\lambda = 0$ it is the plain autoencoder. $J_f(x)$, or $J$
# for short, is the **Jacobian** of the encoder at the image $x$: the $d \times D$ matrix of all
# derivatives $\partial h_j / \partial x_k$. The penalty is its squared **Frobenius norm**:
#
# $$ \lVert J \rVert_F^2 = \sum_{j=1}^{d} \sum_{k=1}^{D}
#    \Bigl( \frac{\partial h_j}{\partial x_k} \Bigr)^2 = \sum_i \sigma_i^2 \tag{CAE.2} $$
#
# The $\sigma_i$ are the **singular values** of $J$. They have a picture: to first order $J$ turns
# a small ball of images around $x$ into an ellipsoid of codes, and its semi-axes are the radius
# times $\sigma_1, \sigma_2, \dots$ The change of the image that leads to the longest semi-axis is the
# first right singular vector; that is what you saw in the second row. The penalty makes the ellipsoid
# small.

# %%
J = torch.tensor([[1.0, 2.0], [0.0, 2.0]])
print(f"sum of squared entries         {J.square().sum():.4f}")
print(f"sum of squared singular values {torch.linalg.svdvals(J).square().sum():.4f}")
print(f"Frobenius norm, without square {torch.linalg.matrix_norm(J):.4f}")

# %% [markdown]
# ## One layer of sigmoid units
#
# Let $h_j = \operatorname{sigmoid}(W_j x + b_j)$, where $W_j$ is a row of weights. The derivative
# of the sigmoid is $h (1 - h)$, so by the chain rule
#
# $$ \frac{\partial h_j}{\partial x} = h_j (1 - h_j) \, W_j \tag{CAE.3} $$
#
# and the sum of the squares is
#
# $$ \lVert J \rVert_F^2 = \sum_{j=1}^{d} \bigl( h_j (1 - h_j) \bigr)^2 \, \lVert W_j \rVert^2
#    \tag{CAE.4} $$
#
# No derivative is left to compute.
#
# ### Build it: the penalty of one layer
#
# Write (CAE.4) for a batch. The check compares it with the whole Jacobian matrix, one derivative
# after the other.


# %%
def sigmoid_penalty(h, W):
    """Σⱼ (hⱼ(1 − hⱼ))² ‖Wⱼ‖²  (CAE.4)

    h: (B, d); W: (d, D). Returns (B,).
    """
    ...


# %%
sigmoid_penalty = check_task("sigmoid_penalty", sigmoid_penalty)

# %%
ExerciseCard("contractive-penalty")

# %% [markdown]
# **Weight decay**, an older penalty, charges $\lVert W_j \rVert^2$ whatever the image is. Here that is
# multiplied by $(h_j (1 - h_j))^2$. A unit whose activation is close to 0 or 1 is **saturated** and pays
# almost nothing. (What the first picture shows, weight decay does, too: laboratory.) Compare the
# columns:

# %%
W = torch.tensor([[3.0, 4.0]])
print("activation   contractive penalty   weight decay")
for h in (0.5, 0.9, 0.99):
    paid = sigmoid_penalty(torch.tensor([[h]]), W).item()
    print(f"{h:10.2f} {paid:21.4f} {W.square().sum().item():14.4f}")

# %% [markdown]
# > **Myth: "the penalty acts on high curvature."** The Jacobian holds first derivatives, and curvature
# > is about second ones. Below are three encoders of one number, each with its largest slope and its
# > largest curvature. The straight line does not bend, and pays most. The waves $k^{-3/2} \sin kx$ get
# > flatter with growing $k$, and bend more.

# %% tags=["hide-input"]
line, half = torch.linspace(-3, 3, 601), torch.pi / 2
encoders = {"3x": (lambda x: 3 * x, 0.5)}
for k in (1, 16):
    encoders[f"wave, k = {k}"] = (lambda x, k=k: k**-1.5 * (k * x).sin(), half / k)
figure, axes = plt.subplots(1, 3, figsize=(7, 2.2), layout="constrained")
for axis, (name, (encode, place)) in zip(axes, encoders.items(), strict=True):
    slope = contractive_penalty(encode, torch.zeros(1, 1)).sqrt().item()
    bend = hessian(lambda x, f=encode: f(x)[0, 0])(torch.tensor([[place]])).abs().item()
    axis.plot(line, encode(line), color=COLOURS[0])
    axis.set_title(f"{name}\nslope {slope:.2f}, curvature {bend:.2f}", fontsize=10)
    axis.set(xlabel="x", ylim=(-2, 2))
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("h(x)")
show(figure, alt="A straight line, slope 3, curvature 0; a wave, 1 and 1; a tiny wave, 0.25 and 4.")

# %%
ExerciseCard("slope-or-curvature")

# %% [markdown]
# ## Any encoder, one probe
#
# With hidden layers there is no formula as short as (CAE.4). Automatic differentiation can compute the
# whole Jacobian, but that takes a backward pass for each of the $d$ units. Hutchinson's trick needs
# one. Draw a **probe** $v$ of $d$ independent signs, $+1$ or $-1$ with probability ½ each:
#
# $$ \lVert J \rVert_F^2 = \mathbb{E}_v \, \lVert v^\top J \rVert^2 \tag{CAE.5} $$
#
# Why: $\lVert v^\top J \rVert^2 = \sum_{i,j} v_i v_j \, J_i \cdot J_j$, where $J_i$ is the row of
# unit $i$. For $i = j$ the signs give 1. For $i \ne j$ they give $+1$ as often as $-1$, and the
# term vanishes on average. The probe sits on the *units*: $v^\top J$ is the gradient of the single
# number $v^\top h$, and that is what one backward pass delivers.
#
# ### Build it: one probe
#
# Write the estimate for given signs $v$. `torch.autograd.grad` of one number is all that it takes, once
# `x` requires a gradient. Below, training follows the slope of your estimate: `create_graph=True`.


# %%
def hutchinson_estimate(encode, x, v):
    """‖vᵀJ‖² of each image, by one backward pass  (CAE.5)

    encode: (B, D) → (B, d); x: (B, D); v: (B, d). Returns (B,).
    """
    ...


# %%
hutchinson_estimate = check_task("hutchinson_estimate", hutchinson_estimate)

# %% [markdown]
# What do the three routes cost, and how far off is a single probe? For 128 glyphs and 256 units with
# random weights, without the gradients of training:

# %% tags=["hide-input", "nbval-ignore-output"]
layer, some = ContractiveAutoencoder((1, 28, 28), 256, seed=seed), new_glyphs[:128]
W, draw = layer.encoder[0].weight.detach(), generator()
routes = {
    "closed form": lambda: sigmoid_contractive_penalty(layer.encode(some), W),
    "one probe": lambda: hutchinson_contractive_penalty(layer.encode, some, draw),
    "whole Jacobian": lambda: contractive_penalty(layer.encode, some),
}
print(f"{'':15} {'mean penalty':>14} {'milliseconds':>14}")
for name, route in routes.items():
    took = []
    for _ in range(4):
        start = time.perf_counter()
        value = route().mean().item()
        took.append(1000 * (time.perf_counter() - start))
    print(f"{name:15} {value:14.2f} {statistics.median(took[1:]):14.2f}")

# %% [markdown]
# With one probe for each glyph the mean over 128 is off by two percent or less; for one glyph alone
# it can be far off. Training averages over many steps. (A mistake in circulation is to square the
# gradient of $h_1 + \dots + h_d$: a probe whose signs are always $+1$. The laboratory trains with
# it.)

# %%
ExerciseCard("hutchinson-probe")

# %% [markdown]
# ## Which neighbours does the encoder tell apart?
#
# Take images of which we know everything: a soft white blob on 12 × 12 pixels, at a place $(u, v)$.
# Two numbers say all, so these images form a surface in the space of 144 pixels, a two-dimensional
# **manifold**. The code has two units as well, and the encoder a hidden layer; so the penalty is
# yours, with one probe.


# %%
def blobs(uv):
    """(B, 2) places in [0, 1]² → (B, 1, 12, 12): u to the right, v downwards."""
    columns, rows = (
        torch.exp(-(torch.arange(12) - 2.5 - 6 * place).square() / (2 * 1.3**2))
        for place in (uv[:, :1], uv[:, 1:])
    )
    return (rows[:, :, None] * columns[:, None, :])[:, None]


def probed(model, x, generator, step):
    """The loss of a batch, with fresh signs in every step."""
    v = 2.0 * torch.randint(2, (len(x), 2), generator=generator) - 1
    penalty = hutchinson_estimate(lambda flat: model.encode(flat.view_as(x)), x.flatten(1), v)
    reconstruction = model.nll(x, model(x)).mean()
    terms = {"reconstruction": reconstruction, "contraction": penalty.mean()}
    return Loss(terms, {"contraction": model.weight})


# %% tags=["nbval-ignore-output"]
blob_images = blobs(torch.rand(2000, 2, generator=generator()))
blob_models = {}
for weight in (0.0, 0.01, 0.1, 1.0, 10.0):
    net = ContractiveAutoencoder(
        (1, 12, 12), 2, (64,), likelihood="gaussian", weight=weight, seed=seed
    )
    fit(net, blob_images, objective=probed, epochs=30, batch_size=64, lr=3e-3, seed=seed)
    blob_models[weight] = net

# %% [markdown]
# In the middle is the code plane, with the grid of all places $(u, v)$ mapped into it. The blue
# ellipse is where images within a distance of 0.2 go, to first order. Most of them are no blobs: they
# are this blob plus some pattern of pixels. The orange ellipse belongs to those along the manifold,
# where the blob only moves.
#
# - At $\lambda = 0$, compare the two ellipses. What does the code mostly react to?
# - Raise $\lambda$ to 0.01 and 0.1. Which ellipse shrinks? Does the grid?
# - Raise it to 1 and 10. What shrinks now?
# - Move $u$ and $v$. Where on the grid are the ellipses thin?

# %%
ContractionEllipse(blob_models, blobs)

# %% [markdown]
# At $\lambda = 0$ the blue ellipse is far larger than the orange one: patterns that no blob shows
# move the code more than a moving blob does. A small $\lambda$ removes these reactions, while the grid
# and the orange ellipse hardly change. A large $\lambda$ has nothing cheap left to remove, and the
# whole grid shrinks. At small $\lambda$ units saturate near the edge, and the ellipses are thin.
#
# An ellipse is a **linearisation**. Here it stands (solid) beside where the encoder really sends its
# circle of images (dashed), for five blobs. Where is it wrong?

# %% tags=["hide-input", "nbval-ignore-output"]
turn = 2 * torch.pi * torch.linspace(0, 1, 73)
circle = torch.stack([turn.cos(), turn.sin()], 1)  # (73, 2)
spots = torch.tensor([[0.5, 0.5], [0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]])
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
for axis, weight in zip(axes, (0.0, 0.1, 10.0), strict=True):
    net = blob_models[weight]
    for x in blobs(spots)[:, None]:
        J = jacobian(net.encode, x).detach()[0]  # (2, 144)
        step = 0.2 * circle @ torch.linalg.svd(J, full_matrices=False).Vh  # (73, 144)
        with torch.no_grad():
            h, true = net.encode(x), net.encode(x + step.view(73, 1, 12, 12))
        axis.plot(*(h + step @ J.T).T, color=COLOURS[0])
        axis.plot(*true.T, "--", color="0.2", linewidth=1)
    axis.set_aspect("equal", adjustable="datalim")
    axis.set(title=f"λ = {weight:g}", xlabel="$h_1$")
axes[0].set_ylabel("$h_2$")
show(figure, alt="Ellipses and dashed curves: far apart for λ = 0, close for 0.1 in the middle.")

# %% [markdown]
# For $\lambda = 0$ the true curves stay within $(0, 1)$, as codes must, and the ellipses do not. For
# $\lambda = 10$ two curves are cut off: a hidden ReLU unit switches there, which no slope foretells. For
# smaller changes most ellipses are right (laboratory).
#
# The derivative itself is exact. At 81 blobs, split $\lVert J \rVert_F^2$ into the part along the
# manifold and the rest, and measure the speed at which the code moves with the blob:

# %%
ticks = torch.linspace(0.1, 0.9, 9)
places = torch.cartesian_prod(ticks, ticks)
tangents = jacobian(lambda uv: blobs(uv).flatten(1), places)  # (81, 144, 2): ∂x/∂u, ∂x/∂v
off, speed = {}, {}
for weight, net in blob_models.items():
    J = jacobian(net.encode, blobs(places)).detach()
    off[weight] = ((1 - tangent_share(J, tangents)) * J.square().sum((1, 2))).mean().item()
    speed[weight] = (J @ tangents).square().sum((1, 2)).sqrt().mean().item()

# %% tags=["hide-input", "nbval-ignore-output"]
print("λ       off the manifold   speed along it")
for weight in blob_models:
    print(f"{weight:<6g} {off[weight]:17.3f} {speed[weight]:16.3f}")

# %% tags=["hide-input"]
claim(
    "CAE.off-manifold-first",
    "λ = 0.1 divides ‖J‖² off the manifold by so many times as much as the squared speed along it",
    off[0.0] / off[0.1] / (speed[0.0] / speed[0.1]) ** 2,
    at_least=5,
)

# %% [markdown]
# First go the reactions to what never happens. They cost penalty and serve nobody. Then the whole code
# shrinks.

# %% [markdown]
# ## What noise does to the code
#
# Put a little noise on every pixel, $\delta \sim \mathcal{N}(0, \epsilon^2 I)$. To first order the
# code moves by $J \delta$, and
#
# $$ \mathbb{E}_\delta \, \lVert h(x + \delta) - h(x) \rVert^2
#    \approx \epsilon^2 \, \lVert J \rVert_F^2 \qquad (\epsilon \to 0) \tag{CAE.6} $$
#
# So the penalty is the mean squared shift of the code under weak noise, per unit of noise variance.
# (The laboratory derives it line by line.) Now train digits with your closed form: the decoder has its
# own weights (**untied**), or uses the encoder's, transposed (**tied**), as in the paper that proposed
# the contractive autoencoder.


# %%
def built(model, x, generator, step):
    """The loss (CAE.1) of a batch, in its two parts."""
    h = model.encode(x)
    penalty = sigmoid_penalty(h, model.encoder[0].weight)
    reconstruction = model.nll(x, model.decode(h)).mean()
    terms = {"reconstruction": reconstruction, "contraction": penalty.mean()}
    return Loss(terms, {"contraction": model.weight})


# %% tags=["nbval-ignore-output"]
train, test = load("digits"), load("digits", "test")
weights, models = [0.0, 0.01, 0.1, 1.0], {}
for tied in (True, False):
    for weight in weights:
        net = ContractiveAutoencoder(
            (1, 8, 8), 64, weight=weight, tied=tied, likelihood="gaussian", seed=seed
        )
        fit(net, train.images, objective=built, epochs=40, batch_size=64, lr=3e-3, seed=seed)
        models[tied, weight] = net

# %% [markdown]
# Divide the mean squared shift on test images by the prediction of (CAE.6). Where does the ratio leave
# 1?


# %%
def penalty(model):
    """Mean over the test images."""
    with torch.no_grad():
        return sigmoid_penalty(model.encode(test.images), model.encoder[0].weight).mean().item()


def squared_shift(model, epsilon):
    """Mean of ‖h(x + δ) − h(x)‖² over the test images, with twenty draws of the noise each."""
    x, draw = test.images.repeat(20, 1, 1, 1), generator()
    noise = epsilon * torch.randn(x.shape, generator=draw)
    with torch.no_grad():
        return (model.encode(x + noise) - model.encode(x)).square().sum(1).mean().item()


noises = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
ratios = {
    weight: [squared_shift(models[True, weight], e) / (e**2 * penalty(models[True, weight]))
             for e in noises]
    for weight in (0.0, 1.0)
}  # fmt: skip

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5, 2.8))
for (weight, ratio), marker, colour in zip(ratios.items(), "os", (0, 6), strict=True):
    axis.plot(noises, ratio, f"{marker}-", color=COLOURS[colour], label=f"tied, λ = {weight:g}")
axis.axhline(1, color="0.4", linestyle="--", linewidth=1)
axis.set(xscale="log", xlabel="noise ε, in pixel units", ylabel="shift² / prediction", ylim=0)
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The ratio is 1 for weak noise and leaves the dashed line for strong noise.")

# %% tags=["hide-input"]
claim(
    "CAE.small-noise",
    "for noise of 0.01 and 0.03 the shift differs from the prediction by at most this share",
    max(abs(ratio[i] - 1) for ratio in ratios.values() for i in (0, 1)),
    at_most=0.05,
)

# %% [markdown]
# It is right for weak noise. For strong noise it is off both ways: saturated units wake up, and none can
# leave $(0, 1)$.
# This is also the link to chapter 2. A denoiser of weak Gaussian noise pays for how strongly its
# *reconstruction* reacts; the laboratory trains with that price and without noise, and gets nearly the
# same error.

# %%
ExerciseCard("code-shift-under-noise")

# %% [markdown]
# ## Steadier, or only smaller?
#
# Multiply the code by a number $s$, and let the decoder divide by it first:
#
# $$ f'(x) = s f(x), \;\; g'(h) = g(h / s) \;\Longrightarrow\;
#    \hat{x}' = \hat{x}, \;\; \lVert J_{f'} \rVert_F^2 = s^2 \lVert J_f \rVert_F^2 \tag{CAE.7} $$
#
# The reconstruction does not notice, and the penalty can be made as small as one likes. A linear
# encoder shows it exactly:

# %% tags=["nbval-ignore-output"]
linear = Autoencoder((1, 8, 8), 8, hidden=(), likelihood="gaussian", seed=seed)
fit(linear, train.images, epochs=20, batch_size=64, lr=3e-3, seed=seed)
with torch.no_grad():
    for s in (1, 0.01):
        for parameter in linear.encoder.parameters():
            parameter.mul_(s)
        linear.decoder[0].weight.div_(s)
        error = -linear.likelihood.log_prob(test.images, linear.decode(linear.encode(test.images)))
        paid = contractive_penalty(linear.encode, test.images).mean()
        print(f"s = {s:<5} penalty {paid:.6f}, reconstruction term {error.mean():.4f}")

# %% [markdown]
# That is why the decoder was tied in the paper: so it cannot grow while the encoder shrinks. Do
# trained networks take the way out? A shift of the code means something only relative to how far
# apart codes are. So divide the root-mean-square shift, for noise of 0.1, by the **spread**, the
# root-mean-square distance between the codes of two test images. Multiplying a code by $s$ does not
# change this ratio. By (CAE.6), penalty ≈ (relative shift)² · (spread)² / ε²: the penalty can fall
# for two reasons.


# %% tags=["hide-input"]
def relative_shift(model, epsilon=0.1):
    with torch.no_grad():
        h = model.encode(test.images)
    spread = torch.cdist(h, h).square().mean().sqrt().item()
    return squared_shift(model, epsilon) ** 0.5 / spread


shifts = {key: relative_shift(model) for key, model in models.items()}
penalties = {key: penalty(model) for key, model in models.items()}
encoder_norms = {key: model.encoder[0].weight.norm().item() for key, model in models.items()}
decoder_norms = {w: models[False, w].decoder[0].weight.norm().item() for w in weights}

# %% tags=["hide-input", "nbval-ignore-output"]
panels = {"penalty ‖J‖²": penalties, "relative shift of the code": shifts,
          "norm of the weights": encoder_norms}  # fmt: skip
figure, axes = plt.subplots(1, 3, figsize=(8.6, 2.8), layout="constrained")
for axis, (title, values) in zip(axes, panels.items(), strict=True):
    for tied, style, colour in ((True, "o-", 0), (False, "s-", 6)):
        label = "tied" if tied else "untied, encoder" if values is encoder_norms else "untied"
        axis.plot([values[tied, w] for w in weights], style, color=COLOURS[colour], label=label)
    if values is encoder_norms:
        axis.plot(decoder_norms.values(), "s--", color=COLOURS[6], label="untied, decoder")
    axis.set(title=title, xlabel="λ", xticks=range(4))
    axis.set(yscale="log") if values is penalties else axis.set(ylim=0)
    axis.set_xticks(range(4), [f"{w:g}" for w in weights])
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="lower left" if values is encoder_norms else "upper right")
show(figure, alt="All curves fall with λ, except the norm of the untied decoder, which grows.")

# %% tags=["hide-input"]
fall = (shifts[False, 0.0] / shifts[False, 1.0]) ** 2
claim(
    "CAE.steadier-untied",
    "untied, λ = 1 leaves this share of the relative shift",
    shifts[False, 1.0] / shifts[False, 0.0],
    at_most=0.65,
)
claim(
    "CAE.partly-escaped",
    "untied, λ = 1 divides the penalty by so many times as much as the squared relative shift",
    penalties[False, 0.0] / penalties[False, 1.0] / fall,
    at_least=1.5,
)

# %% [markdown]
# Both. The relative shift does fall, so the code is steadier. But untied the penalty falls farther:
# the rest is the way out (CAE.7), with an encoder that shrinks and a decoder that makes up for it.
# With tied weights the encoder cannot shrink so far; the laboratory finds its other way out,
# saturation.

# %%
ExerciseCard("contractive-loophole")

# %% [markdown]
# ## Can it draw a digit that nobody wrote?
#
# The question of chapter 1, with the same strip and the same two numbers, for the untied network with
# $\lambda = 0.1$. Three distributions of codes, one decoder: $\mathcal{N}(0, I)$; a normal distribution
# with the mean and covariance of the codes of training images; and a **mixture** of ten normal
# distributions that is fitted to the same codes. Look at the rows first: in which are digits?

# %% tags=["nbval-ignore-output"]
net = models[False, 0.1]
with torch.no_grad():
    codes = net.encode(train.images)
    drawn = {"N(0, I)": net.decode_mean(torch.randn(1000, 64, generator=generator()))}
    for name, k in (("fitted normal", 1), ("mixture of ten", 10)):
        mixture = GaussianMixture(k, reg_covar=1e-4, random_state=seed).fit(codes.double())
        z = torch.tensor(mixture.sample(1000)[0]).float()  # one component after another
        drawn[name] = net.decode_mean(z[torch.randperm(1000, generator=generator())])

# %% tags=["hide-input", "nbval-ignore-output"]
classifier = LogisticRegression(C=100, max_iter=5000)
classifier.fit(train.images.flatten(1), train.labels)
usual = nearest_distance(test.images, train.images)
strip = {"test images": test.images} | drawn
share = {name: confident_share(classifier, images) for name, images in strip.items()}
far = {name: nearest_distance(x, train.images) / usual for name, x in strip.items()}
print(f"{'':14} confident  distance")
for name in strip:
    print(f"{name:14} {share[name]:9.2f} {far[name]:9.2f}")
show(
    image_rows({name: images.clamp(0, 1) for name, images in strip.items()}, 12),
    alt="Test digits; black and white noise; grey blots, some of them digits; soft but clear digits.",
)

# %% tags=["hide-input"]
claim(
    "CAE.prior-is-missing",
    "decoded from N(0, I), pictures lie so many times as far out as decoded from the mixture",
    far["N(0, I)"] / far["mixture of ten"],
    at_least=4,
)
claim(
    "CAE.mixture-draws",
    "the classifier is sure of so much larger a share with the mixture than with one normal",
    share["mixture of ten"] - share["fitted normal"],
    at_least=0.15,
)

# %% [markdown]
# So it can: by both numbers the mixture comes close to test images. The decoder was never the obstacle.
# (In the second row the classifier is sure, too, of pictures nine times as far out as test images:
# one number alone proves nothing.) The laboratory asks all networks of chapters 1 to 4, and finds the
# same: what is missing is a distribution for the codes, a **prior**. Here it was fitted afterwards, by
# another model. Can training bring the codes to a distribution that we chose before? For that one has
# to compare distributions.

# %% [markdown]
# ## Recap
#
# - The contractive penalty is the squared Frobenius norm of the encoder's Jacobian: slope, not
#   curvature, and not weight decay.
# - A sigmoid layer has a closed form; any encoder has an unbiased estimate with one backward pass.
# - It is the mean squared shift of the code under weak noise, per unit of noise variance.
# - A small weight removes reactions to what never happens; a large one shrinks the whole code.
# - It can be escaped by scale, less so with tied weights.
# - With a mixture on its codes the network draws digits; with $\mathcal{N}(0, I)$ it does not.
#
# ## Next
#
# The [laboratory](04_contractive_autoencoder_laboratory.ipynb) asks whether it generalises, how
# denoising and contraction meet, and puts the regularisers of chapters 2 to 4 side by side.
# [Chapter 5](05_kl_divergence.ipynb) compares distributions, with the **Kullback–Leibler divergence**.
#
# ## References
#
# - S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio. *Contractive Auto-Encoders: Explicit
#   Invariance During Feature Extraction.* ICML, 2011.
# - M. F. Hutchinson. *A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian
#   Smoothing Splines.* Communications in Statistics 18, 1989.
