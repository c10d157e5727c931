# %% [markdown]
# # 4 · Contractive autoencoder: laboratory
#
# The finer measurements to [chapter 4](04_contractive_autoencoder.ipynb): why the penalty is what weak
# noise does to the code, how denoising and contraction meet, how far an ellipse can be trusted, whether
# a contractive network generalises better, which directions it keeps, and the regularisers of chapters 2
# to 4 side by side.
#
# **Time**: 55 minutes, for all of it.

# %% tags=["hide-input"]
import os
import statistics
import time

import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture

from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import confident_share, frechet_distance, nearest_distance
from course_lib.likelihoods import squared_error
from course_lib.models import (
    Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, SparseAutoencoder,
)  # fmt: skip
from course_lib.models.contractive_autoencoder import (
    contractive_penalty, hutchinson_contractive_penalty, jacobian, sigmoid_contractive_penalty,
    tangent_share,
)  # fmt: skip
from course_lib.models.denoising_autoencoder import gaussian_noise, masking
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, training_curves
from course_lib.training import fit
from course_lib.widgets import SweepRows

# %%
seed = 0  # change it and run again: every claim below must still hold
DATASET = os.environ.get("COURSE_DATASET", "digits")  # "mnist" works, too, and takes minutes
train, test = load(DATASET).sample(2000, seed), load(DATASET, "test").sample(1000, seed)
image_shape = train.images.shape[1:]
generator = torch.Generator().manual_seed(seed)
settings = {"epochs": 40, "batch_size": 64, "lr": 3e-3, "seed": seed}


def trained(weight, tied, model_class=ContractiveAutoencoder):
    options = {"weight": weight, "tied": tied, "likelihood": "gaussian", "seed": seed}
    model = model_class(image_shape, 64, **options)
    model.history = fit(model, train.images, **settings)
    return model


# %% tags=["nbval-ignore-output"]
weights = [0.0, 0.01, 0.1, 1.0]
models = {(tied, weight): trained(weight, tied) for tied in (True, False) for weight in weights}

# %% [markdown]
# The model is this class: the closed form where there is one, one probe elsewhere.

# %%
show_source(ContractiveAutoencoder)

# %% tags=["hide-input", "nbval-ignore-output"]
figure = training_curves(models[True, 1.0].history, unit="squared units per image")
show(figure, alt="The reconstruction falls steeply at first; the penalty stays much flatter.")

# %% [markdown]
# While the reconstruction falls fast, the penalty hardly moves; afterwards both fall slowly. Move
# $\lambda$ and look at the dark gaps between the strokes:

# %%
sweep = {}
for weight in weights:
    with torch.no_grad():
        rebuilt = {tied: models[tied, weight](test.images) for tied in (True, False)}
    sweep[weight] = {
        "test image": test.images, "tied weights": rebuilt[True], "untied": rebuilt[False],
    }  # fmt: skip
SweepRows("λ", sweep, start=1.0)

# %% [markdown]
# How much contrast is lost depends on the scale of the error, so $\lambda$ has no meaning across data
# sets.

# %% [markdown]
# ## Do the three routes agree, and what do they cost?
#
# A layer from 784 pixels to 256 sigmoid units, with random weights, and 128 images of 28 × 28
# pixels: the closed form (CAE.4), the whole Jacobian (CAE.2), and 400 probes (CAE.5).

# %%
layer = ContractiveAutoencoder((1, 28, 28), 256, seed=seed)
W, glyphs = layer.encoder[0].weight.detach(), load("glyphs").sample(128, seed).images


def closed_form():
    with torch.no_grad():
        return sigmoid_contractive_penalty(layer.encode(glyphs), W)


def whole_jacobian():
    with torch.no_grad():
        return contractive_penalty(layer.encode, glyphs)


def one_probe():
    return hutchinson_contractive_penalty(layer.encode, glyphs, generator).detach()


# %% tags=["hide-input"]
exact, probes = whole_jacobian().mean(), torch.stack([one_probe().mean() for _ in range(400)])
claim(
    "CAE.closed-is-exact",
    "of 128 images, the largest relative difference of (CAE.4) and the exact penalty",
    (closed_form() / whole_jacobian() - 1).abs().max(),
    at_most=1e-4,
)
claim(
    "CAE.probes-are-unbiased",
    "the mean of 400 probes lies so many standard errors from the exact penalty",
    (probes.mean() - exact).abs() / (probes.std() / 400**0.5),
    at_most=4,
)
claim(
    "CAE.one-probe-will-do",
    "averaged over 128 images, a single probe scatters by this share of it",
    probes.std() / exact,
    at_most=0.02,
)


# %% tags=["hide-input"]
def milliseconds(route, repeats):
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        route()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])  # the first call warms up


took = {
    "closed form": milliseconds(closed_form, 30),
    "one probe": milliseconds(one_probe, 30),
    "whole Jacobian": milliseconds(whole_jacobian, 3),
}

# %% tags=["hide-input", "nbval-ignore-output"]
for route, duration in took.items():
    print(f"{route:15} {duration:8.2f} ms for 128 images")

# %% [markdown]
# They agree. On two cores the closed form took a few hundredths of what the whole Jacobian takes, or
# less, and the probe not much longer than the closed form. Use the closed form where there is one, a
# probe in training otherwise, and the whole Jacobian to check the other two.

# %% [markdown]
# ## Does the bug matter?
#
# A program in circulation squares the gradient of $h_1 + \dots + h_d$: it sums the rows of $J$ before it
# squares. Compare both, first at random weights, then after training on the bug. The same network
# trained on the right penalty, with the same $\lambda = 1$ and untied, stands beside it.


# %%
def squared_sum(model, x):
    """The bug: ‖Σⱼ ∂hⱼ/∂x‖², summed over units before squaring."""
    h = model.encode(x)
    return (h * (1 - h) @ model.encoder[0].weight).square().sum(1)


class SummedFirst(ContractiveAutoencoder):
    def loss(self, x, generator=None):
        reconstruction = self.nll(x, self.decode(self.encode(x))).mean()
        terms = {"reconstruction": reconstruction, "bug": squared_sum(self, x).mean()}
        return Loss(terms, {"bug": self.weight})


# %% tags=["nbval-ignore-output"]
bugged = trained(1.0, False, SummedFirst)


# %%
def penalty(model):
    """Mean of the right penalty over the test images."""
    with torch.no_grad():
        h, W = model.encode(test.images), model.encoder[0].weight
        return sigmoid_contractive_penalty(h, W).mean().item()


# %% tags=["hide-input"]
claim(
    "CAE.bug-looks-right",
    "at random weights the bug's value is so many times the right one",
    squared_sum(layer, glyphs).mean().item() / exact.item(),
    at_least=0.75,
    at_most=1.25,
)
claim(
    "CAE.bug-is-blind",
    "after training on the bug, its value is this share of the right one",
    squared_sum(bugged, test.images).mean().item() / penalty(bugged),
    at_most=0.1,
)
claim(
    "CAE.bug-is-too-weak",
    "and the right one is so many times as large as after training on it",
    penalty(bugged) / penalty(models[False, 1.0]),
    at_least=1.6,
)

# %% [markdown]
# At random weights the rows point in all directions, and $(1, \dots, 1)$ is as good a probe as any. So
# a test on a fresh network does not notice, unless it is exact. Training then finds weights whose rows
# cancel in the sum. Signs that are drawn anew at every step leave it no such way out.

# %% [markdown]
# ## Why weak noise costs the penalty
#
# (CAE.6) in four lines, for noise $\delta = \epsilon n$ with $n \sim \mathcal{N}(0, I)$:
#
# 1. Taylor: $h(x + \delta) = h(x) + J\delta + R$, with a remainder $R$ of the order $\lVert \delta
#    \rVert^2$.
# 2. The first-order part, squared, is a sum over pairs of pixels: $\lVert J\delta \rVert^2 =
#    \sum_{k,l} (J^\top J)_{kl}\, \delta_k \delta_l$.
# 3. The pixels' noise is independent, $\mathbb{E}[\delta_k \delta_l] = \epsilon^2$ for $k = l$ and 0
#    otherwise. So $\mathbb{E} \lVert J\delta \rVert^2 = \epsilon^2 \sum_k (J^\top J)_{kk} =
#    \epsilon^2 \lVert J \rVert_F^2$.
# 4. What is left is $\mathbb{E}[2\, (J\delta) \cdot R + \lVert R \rVert^2]$. Its part of third order
#    is odd in $\delta$ and vanishes, so it is of the order $\epsilon^4$.
#
# Each line, for one image and the tied network with $\lambda = 0$. In lines 1 and 4 the noise is
# halved; the ratio should become a quarter and a sixteenth. (Line 4 uses every $n$ together with $-n$,
# which takes most of the chance out of it.)

# %%
net, x = models[True, 0.0], test.images[:1]
J = jacobian(net.encode, x).detach()[0]  # (64, D)
n = torch.randn(20_000, x.numel(), generator=generator).double()
n, J, net = torch.cat([n, -n]), J.double(), net.double()


@torch.no_grad()
def shift(epsilon):
    return net.encode((x.flatten() + epsilon * n).view(-1, *image_shape)) - net.encode(x.double())


remainder = {e: (shift(e) - e * n @ J.T).norm(dim=1).mean().item() for e in (0.02, 0.01)}
first, pairs = (n @ J.T).square().sum(1), torch.einsum("nk,kl,nl->n", n, J.T @ J, n)
left = {e: ((shift(e).square() - (e * n @ J.T).square()).sum(1)).mean().item() for e in (0.1, 0.05)}
net.float()
print(f"1. halving ε leaves of the remainder     {remainder[0.01] / remainder[0.02]:.4f}")
print(f"2. largest relative difference           {(first / pairs - 1).abs().max():.0e}")
print(f"3. mean of ‖Jδ‖² / (ε²‖J‖²)              {first.mean() / J.square().sum():.3f}")
print(f"4. halving ε leaves of what is left      {left[0.05] / left[0.1]:.4f}")

# %% [markdown]
# Strong noise is another matter. In the figure of the chapter the ratio fell below 1 for $\lambda = 0$
# and rose above it for $\lambda = 1$. Is it saturation? Take noise of 1 and look at single units: at
# the quarter whose activations are nearest to 0 or 1, and at the quarter that is farthest from them.


# %%
@torch.no_grad()
def kept_promises(model, epsilon=1.0):
    """Ratio of squared shift to prediction: of all units, the most and the least saturated."""
    x = test.images.repeat(20, 1, 1, 1)
    noisy = x + epsilon * torch.randn(x.shape, generator=generator)
    h, clean = model.encode(test.images), model.encode(x)
    moved = (model.encode(noisy) - clean).square().mean(0)
    slopes = (h * (1 - h)).square().mean(0)
    promised = epsilon**2 * slopes * model.encoder[0].weight.square().sum(1)
    order, quarter = slopes.argsort(), len(slopes) // 4
    some = order, order[:quarter], order[-quarter:]
    return [(moved[i].sum() / promised[i].sum()).item() for i in some]


promises = {w: kept_promises(models[True, w]) for w in (0.0, 1.0)}

# %% tags=["hide-input", "nbval-ignore-output"]
print("tied       all units   most saturated   least saturated")
for weight, row in promises.items():
    print(f"λ = {weight:g} {row[0]:14.2f} {row[1]:16.2f} {row[2]:17.2f}")

# %% tags=["hide-input"]
claim(
    "CAE.large-noise",
    "for noise of 1 and λ = 0 the squared shift is this share of the prediction",
    promises[0.0][0],
    at_most=0.8,
)
claim(
    "CAE.more-than-promised",
    "at λ = 1 the most saturated quarter of the units has so many times the ratio of the least",
    promises[1.0][1] / promises[1.0][2],
    at_least=1.15,
)

# %% [markdown]
# Sigmoid units cannot leave $(0, 1)$, so strong noise moves most of them less than their slope
# predicts. For saturated ones it is the other way round: where they are the slope is small, and strong
# noise pushes them back to where it is large.

# %% [markdown]
# ## Where denoising and contraction meet
#
# Write $r$ for the whole way, from image to reconstruction, $\tilde{x} = x + \sigma\varepsilon$ as in
# (DAE.2), and $s = r(\tilde{x}) - r(x)$ for the shift. What does a denoiser pay for weak noise?
#
# 1. $\lVert r(\tilde{x}) - x \rVert^2 = \lVert r(x) - x \rVert^2 + 2\, (r(x) - x) \cdot s + \lVert s
#    \rVert^2$.
# 2. By (CAE.6), for $r$ in place of $h$, $\mathbb{E} \lVert s \rVert^2 \approx \sigma^2 \lVert J_r
#    \rVert_F^2$.
# 3. Taylor, one order further: $s_i = \sigma\, (J_r \varepsilon)_i + \tfrac12 \sigma^2
#    \varepsilon^\top H_i\, \varepsilon + \dots$ with the second derivatives $H_i$ of pixel $i$. The first
#    term has mean 0, and the second the mean $\tfrac12 \sigma^2 \operatorname{tr} H_i$.
#
# Together, because odd orders vanish,
#
# $$ \mathbb{E}\, \lVert r(\tilde{x}) - x \rVert^2 = \lVert r(x) - x \rVert^2
#    + \sigma^2 \bigl( \lVert J_r \rVert_F^2 + (r(x) - x) \cdot \Delta r(x) \bigr) + O(\sigma^4)
#    \tag{CAE.8} $$
#
# with the Laplacian $\Delta r_i = \operatorname{tr} H_i = \sum_k \partial^2 r_i / \partial x_k^2$. The
# first new term is a contractive penalty, on $r$ in place of the encoder, with $\lambda = \sigma^2$.
# The second is often left out; it is small when the reconstruction is good (Alain and Bengio, 2014).
# (What the *best* denoiser does, for noise of any strength, is derived in
# [chapter 2](02_denoising_autoencoder.ipynb): (DAE.6) and (DAE.8).) Is it small? Here is the rise of the
# error, for three networks, divided by $\sigma^2 \lVert J_r \rVert^2$ alone and by all of the bracket:

# %%
untrained = ContractiveAutoencoder(image_shape, 64, likelihood="gaussian", seed=seed)
some = test.images[:40]


@torch.no_grad()
def bracket(model):
    """‖J_r‖² and (r(x) − x)·Δr(x), averaged over some images; for one layer of sigmoid units."""
    h, W, V = model.encode(some), model.encoder[0].weight, model.decoder[0].weight
    bends = h * (1 - h) * (1 - 2 * h) * W.square().sum(1)  # Δh, by the second derivative of sigmoid
    residual = (model(some) - some).flatten(1)
    slopes = contractive_penalty(lambda x: model(x).flatten(1), some)
    return slopes.mean().item(), (residual * (bends @ V.T)).sum(1).mean().item()


# %% tags=["hide-input"]
def rise(model, sigma, pairs=2000):
    """E‖r(x̃) − x‖² − ‖r(x) − x‖², averaged over some images; each ε with −ε."""
    x, draw = some.double(), torch.Generator().manual_seed(seed)
    model, total = model.double(), 0.0
    with torch.no_grad():
        before = squared_error(x, model(x))
        for _ in range(pairs // 50):
            noise = torch.randn(50, *x.shape, generator=draw).double()
            for e in (sigma * noise, -sigma * noise):
                after = squared_error(x.repeat(50, 1, 1, 1), model((x + e).flatten(0, 1)))
                total += (after.mean() - before.mean()).item()
    model.float()
    return total / (2 * (pairs // 50))


# %% tags=["nbval-ignore-output"]
sigmas = (0.01, 0.1, 0.3)
nets = {"untrained": untrained, "λ = 0": models[False, 0.0], "λ = 1": models[False, 1.0]}
brackets = {name: bracket(net) for name, net in nets.items()}
rises = {name: [rise(net, s) for s in sigmas] for name, net in nets.items()}
print(f"{'':10} Laplacian  {'rise / (σ² ‖J‖²)':>24}  {'rise / (σ² · bracket)':>24}")
print(f"{'':10} {'/ ‖J‖²':>9}  " + 2 * ("".join(f"{f'σ = {s}':>9}" for s in sigmas)))
for name, (slopes, bend) in brackets.items():
    alone = [r / (s**2 * slopes) for r, s in zip(rises[name], sigmas, strict=True)]
    both = [r / (s**2 * (slopes + bend)) for r, s in zip(rises[name], sigmas, strict=True)]
    print(f"{name:10} {bend / slopes:9.3f}  " + "".join(f"{v:9.3f}" for v in alone + both))

# %% tags=["hide-input"]
claim(
    "CAE.bridge-value",
    "for all three, at σ = 0.01 the rise differs from that by (CAE.8) by this share at most",
    max(abs(rises[n][0] / (1e-4 * sum(brackets[n])) - 1) for n in nets),
    at_most=0.03,
)
claim(
    "CAE.bridge-without-laplacian",
    "at λ = 0 leaving out the Laplacian changes the bracket by this share",
    abs(brackets["λ = 0"][1] / brackets["λ = 0"][0]),
    at_most=0.05,
)

# %% [markdown]
# The bracket is right to a few tenths of a percent for weak noise, for random weights, too, where the
# Laplacian counts for five percent. In the trained networks it counts for one percent: up to
# $\sigma = 0.1$ a contractive penalty on $r$ is what a denoiser pays. At $\sigma = 0.3$ and $\lambda =
# 0$ terms of higher order take an eighth of it away.
#
# That values agree does not say that trainings do. So train four networks from the same start: plain;
# a denoiser with Gaussian noise $\sigma$; one without noise, that pays $\sigma^2 \lVert J_r \rVert^2$,
# by one probe on the pixels of the reconstruction; and contractive ones, that pay for the *encoder*, of
# which the best of four $\lambda$ is shown. All are tested as denoisers of test images.


# %%
def denoising(model, x, generator, step):
    noisy = gaussian_noise(x, sigma, generator)
    return Loss({"reconstruction": model.nll(x, model.decode(model.encode(noisy))).mean()})


def contracting(model, x, generator, step):
    penalty = hutchinson_contractive_penalty(lambda y: model(y).flatten(1), x, generator)
    reconstruction = model.nll(x, model.decode(model.encode(x))).mean()
    return Loss({"reconstruction": reconstruction, "J_r": penalty.mean()}, {"J_r": sigma**2})


@torch.no_grad()
def left_by(model, sigma):
    """Squared error of denoised test images."""
    draw = torch.Generator().manual_seed(seed)
    x = test.images.repeat(5, 1, 1, 1)
    return squared_error(x, model(gaussian_noise(x, sigma, draw))).mean().item()


# %% tags=["nbval-ignore-output"]
by_sigma = {}
for sigma in (0.1, 0.2, 0.3):
    both = {}
    for name, objective in (("denoising", denoising), ("pays for J_r", contracting)):
        both[name] = Autoencoder(image_shape, 64, (), "gaussian", code="sigmoid", seed=seed)
        fit(both[name], train.images, objective=objective, **settings)
    by_sigma[sigma] = {"plain": left_by(models[False, 0.0], sigma)}
    by_sigma[sigma] |= {name: left_by(net, sigma) for name, net in both.items()}
    by_sigma[sigma]["pays for J_f"] = min(left_by(models[False, w], sigma) for w in weights)

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 2.8))
for i, name in enumerate(("denoising", "pays for J_r", "pays for J_f")):
    places_of = [j + 0.25 * (i - 1) for j in range(3)]
    heights = [row[name] / row["plain"] for row in by_sigma.values()]
    axis.bar(places_of, heights, 0.23, label=name, color=COLOURS[i])
axis.axhline(1, color="0.2", linestyle="--", label="plain")
axis.set_xticks(range(3), [f"σ = {s}" for s in by_sigma])
axis.set(ylabel="error, as a share of plain", ylim=(0, 1.05))
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Denoising and paying for the reconstruction's slope leave nearly the same error.")


# %% tags=["hide-input"]
def closed(name):
    """The share of the gap between plain and denoising that it closes, least over σ."""
    return min(
        (row["plain"] - row[name]) / (row["plain"] - row["denoising"]) for row in by_sigma.values()
    )


claim(
    "CAE.bridge-training",
    "paying for J_r closes at least this share of the gap between plain and denoising",
    closed("pays for J_r"),
    at_least=0.85,
)
claim(
    "CAE.bridge-encoder",
    "paying for J_f, the encoder's, closes at least this share of it",
    closed("pays for J_f"),
    at_least=0.3,
)

# %% [markdown]
# Paying for $J_r$ trains as good a denoiser as denoising does, without ever seeing noise. Paying for the
# encoder's slope alone does so at $\sigma = 0.1$, and gets nine and eight tenths of the way at 0.2 and
# 0.3, although its $\lambda$ was chosen on the test images, in its favour.

# %% [markdown]
# ## How far can an ellipse be trusted?
#
# The ellipse of the chapter, for images within 0.2 of a blob, is a linearisation. For the 81 blobs and
# each $\lambda$ take the circle that $J$ maps to the ellipse, and compare each point of the ellipse with
# where the encoder really sends it: the largest gap, divided by the longer semi-axis.


# %%
def blobs(uv):
    """(B, 2) places in [0, 1]² → (B, 1, 12, 12): u to the right, v downwards."""
    columns, rows = (
        torch.exp(-(torch.arange(12) - 2.5 - 6 * place).square() / (2 * 1.3**2))
        for place in (uv[:, :1], uv[:, 1:])
    )
    return (rows[:, :, None] * columns[:, None, :])[:, None]


blob_images = blobs(torch.rand(2000, 2, generator=generator))


def trained_on_blobs(weight, latent_dim, hidden=(), **options):
    options = {"weight": weight, "seed": seed, **options}
    model = ContractiveAutoencoder(blob_images.shape[1:], latent_dim, hidden, **options)
    fit(model, blob_images, epochs=30, batch_size=64, lr=3e-3, seed=seed)
    return model


# %% tags=["nbval-ignore-output"]
blob_models = {
    weight: trained_on_blobs(weight, 2, hidden=(64,), likelihood="gaussian")
    for weight in (0.0, 0.01, 0.1, 1.0, 10.0)
}


# %%
ticks = torch.linspace(0.1, 0.9, 9)
places = torch.cartesian_prod(ticks, ticks)
tangents = jacobian(lambda uv: blobs(uv).flatten(1), places)  # (81, 144, 2): ∂x/∂u, ∂x/∂v
turn = 2 * torch.pi * torch.arange(36) / 36
circle = torch.stack([turn.cos(), turn.sin()], 1)  # (36, 2)


@torch.no_grad()
def off_the_ellipse(model, r):
    """At each of the 81 blobs, the largest gap between ellipse and truth, per semi-axis."""
    x = blobs(places)
    J = jacobian(model.encode, x)
    step = r * circle @ torch.linalg.svd(J, full_matrices=False).Vh  # (81, 36, 144)
    nearby = (x[:, None] + step.view(81, 36, 1, 12, 12)).flatten(0, 1)
    true = model.encode(nearby).view(81, 36, 2) - model.encode(x)[:, None]
    linear = step @ J.mT
    return (true - linear).norm(dim=2).amax(1) / linear.norm(dim=2).amax(1)


gaps = {r: [off_the_ellipse(m, r) for m in blob_models.values()] for r in (0.02, 0.05, 0.2)}

# %% tags=["hide-input", "nbval-ignore-output"]
print("radius   median and largest gap, for λ = " + ", ".join(f"{w:g}" for w in blob_models))
for r, rows in gaps.items():
    print(f"{r:<8g} " + "   ".join(f"{row.median():.2f} {row.max():.2f}" for row in rows))

# %% tags=["hide-input"]
claim(
    "CAE.ellipse-of-a-small-ball",
    "within 0.02 the median gap is at most this share of the semi-axis, for every λ",
    max(row.median() for row in gaps[0.02]),
    at_most=0.06,
)
claim(
    "CAE.ellipse-of-the-widget",
    "within 0.2, the radius of the widget, the worst ellipse is wrong by this share",
    max(row.max() for row in gaps[0.2]),
    at_least=0.6,
)

# %% [markdown]
# So most ellipses of the widget show the right proportions, and some are wrong by their own size.
# Some are wrong even for small changes: the hidden units are ReLUs, and where one switches nearby, the
# slope says little.

# %% [markdown]
# ## The way out of tied weights
#
# Untied, the chapter found, part of the fall of the penalty is only scale. With tied weights the encoder
# cannot shrink so far, because the decoder needs the same numbers. But (CAE.4) has a second factor. Look
# at how saturated the units are: $h (1 - h)$ is 0.25 when all activations are ½.


# %% tags=["hide-input"]
def squared_shift(model, epsilon, repeats=20):
    """Mean of ‖h(x + δ) − h(x)‖² over the test images and over draws of the noise."""
    x = test.images
    noisy = [x + epsilon * torch.randn(x.shape, generator=generator) for _ in range(repeats)]
    with torch.no_grad():
        h = model.encode(x)
        return sum((model.encode(n) - h).square().sum(1).mean().item() for n in noisy) / repeats


def spread(model):
    with torch.no_grad():
        h = model.encode(test.images)
    return torch.cdist(h, h).square().mean().sqrt().item()


def relative_shift(model, epsilon=0.1):
    return squared_shift(model, epsilon) ** 0.5 / spread(model)


def norms(model):
    """Frobenius norms of the encoder's and of the decoder's weights."""
    decoder = model.decoder if hasattr(model.decoder, "weight") else model.decoder[0]
    return model.encoder[0].weight.norm().item(), decoder.weight.norm().item()


@torch.no_grad()
def mean_slope(model):
    h = model.encode(test.images)
    return (h * (1 - h)).mean().item()


shifts = {key: relative_shift(model) for key, model in models.items()}
slopes = {key: mean_slope(model) for key, model in models.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
print("λ         relative shift     mean h(1 − h)     encoder's norm   decoder's")
print("           tied   untied     tied   untied      tied   untied      untied")
for w in weights:
    shown = [values[tied, w] for values in (shifts, slopes) for tied in (True, False)]
    norms_of = [norms(models[True, w])[0], *norms(models[False, w])]
    print(f"{w:<8g} {shown[0]:6.2f} {shown[1]:8.2f} {shown[2]:8.3f} {shown[3]:8.3f}", end="")
    print(f" {norms_of[0]:9.1f} {norms_of[1]:8.1f} {norms_of[2]:11.1f}")

# %% tags=["hide-input"]
claim(
    "CAE.steadier-tied",
    "tied, λ = 1 leaves this share of the relative shift",
    shifts[True, 1.0] / shifts[True, 0.0],
    at_most=0.92,
)
before, after = (norms(models[False, w]) for w in (0.0, 1.0))
claim(
    "CAE.encoder-shrinks",
    "untied, λ = 1 multiplies the norm of the decoder by so many times the factor of the encoder's",
    (after[1] / before[1]) / (after[0] / before[0]),
    at_least=2.5,
)
claim(
    "CAE.tied-saturates",
    "at λ = 1 the tied mean of h(1 − h) is this share of the untied",
    slopes[True, 1.0] / slopes[False, 1.0],
    at_most=0.8,
)

# %% [markdown]
# Untied, the encoder shrinks and the decoder grows: the way out (CAE.7). Tied weights close it, and part
# of the units saturate instead: they answer like switches, which is a way to be insensitive almost
# everywhere.

# %% [markdown]
# ## Is it more than weight decay?
#
# **Weight decay** is older than all regularisers of chapters 2 to 4. It punishes large weights, whatever
# the data are:
#
# $$ \mathcal{L} = \mathcal{L}_{\text{reconstruction}} + \lambda\, \lVert W \rVert_F^2 \tag{CAE.9} $$
#
# where $W$ stands for the weights of the encoder and of the decoder. It is the fair rival: whatever a
# contractive penalty is praised for, weight decay may do as well. First the opening of the chapter, on
# glyphs: which share of $\lVert J \rVert_F^2$ lies in the 50 directions in which glyphs vary most?


# %%
def decayed(strength):
    """The model's loss, and weight decay on all its matrices."""

    def objective(model, x, generator, step):
        decay = sum(W.square().sum() for W in model.parameters() if W.ndim > 1)
        return Loss({**model.loss(x).terms, "weights": decay}, {"weights": strength})

    return objective


# %% tags=["nbval-ignore-output"]
many, new_glyphs = (load("glyphs", part).sample(3000, seed).images for part in ("train", "test"))
on_glyphs = {}
for name, strength in (("plain", 0.0), ("contractive, λ = 1", 1.0), ("weight decay, 0.01", 0.01)):
    if name.startswith("weight"):
        net = Autoencoder((1, 28, 28), 64, (), "gaussian", code="sigmoid", seed=seed)
        objective = decayed(strength)
    else:
        net = ContractiveAutoencoder(
            (1, 28, 28), 64, weight=strength, likelihood="gaussian", seed=seed
        )
        objective = None
    fit(net, many, objective=objective, epochs=15, batch_size=64, lr=3e-3, seed=seed)
    on_glyphs[name] = net

# %% tags=["hide-input", "nbval-ignore-output"]
directions = torch.linalg.svd((many - many.mean(0)).flatten(1), full_matrices=False).Vh[:50]
on_main = {}
print(f"{'':20} error  share in 50 directions")
for name, net in on_glyphs.items():
    J = jacobian(net.encode, new_glyphs[:100]).detach()
    on_main[name] = ((J @ directions.T).square().sum() / J.square().sum()).item()
    with torch.no_grad():
        error = squared_error(new_glyphs, net(new_glyphs)).mean()
    print(f"{name:20} {error:5.1f} {on_main[name]:23.3f}")

# %% tags=["hide-input"]
claim(
    "CAE.looks-where-images-differ",
    "of the reactions off these directions, λ = 1 leaves this share of what λ = 0 has there",
    (1 - on_main["contractive, λ = 1"]) / (1 - on_main["plain"]),
    at_most=0.2,
)
claim(
    "CAE.decay-looks-there-too",
    "with weight decay of 0.01 the 50 main directions hold this share of the reactions",
    on_main["weight decay, 0.01"],
    at_least=0.85,
)

# %% [markdown]
# Weight decay turns the code to where glyphs differ, too, and rebuilds them no worse. Weights that no
# image needs are charged by both.
#
# ### Robust?
#
# A linear classifier learns the classes from the codes of clean training images, and is then asked about
# test images, clean or with noise of 0.5 per pixel.


# %% tags=["hide-input"]
def accuracy(model, epsilon):
    """Of a linear classifier of clean codes, on ten noisy copies of the test images."""
    x = test.images.repeat(10, 1, 1, 1)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        codes = model.encode(train.images)
        noisy_codes = model.encode(x + epsilon * torch.randn(x.shape, generator=draw))
    mean, scale = codes.mean(0), codes.std()  # one scale for all units
    classifier = LogisticRegression(max_iter=2000).fit((codes - mean) / scale, train.labels)
    return classifier.score((noisy_codes - mean) / scale, test.labels.repeat(10))


# %% tags=["nbval-ignore-output"]
rivals = {"plain": models[False, 0.0], "contractive, λ = 1": models[False, 1.0]}
rivals["weight decay, 0.01"] = Autoencoder(image_shape, 64, (), "gaussian", "sigmoid", seed)
fit(rivals["weight decay, 0.01"], train.images, objective=decayed(0.01), **settings)
accuracies = {name: [accuracy(net, e) for e in (0.0, 0.5)] for name, net in rivals.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
print(f"{'accuracy':20} clean  noisy")
for name, (clean, noisy) in accuracies.items():
    print(f"{name:20} {clean:5.2f} {noisy:6.2f}")

# %% tags=["hide-input"]
claim(
    "CAE.robust-to-noise",
    "untied, λ = 1 raises the accuracy on noisy images by so much",
    accuracies["contractive, λ = 1"][1] - accuracies["plain"][1],
    at_least=0.05,
)
claim(
    "CAE.decay-is-robust-too",
    "weight decay of 0.01 differs from it by so much there, up or down",
    abs(accuracies["contractive, λ = 1"][1] - accuracies["weight decay, 0.01"][1]),
    at_most=0.07,
)

# %% [markdown]
# It is more robust to noise in the image, and so is weight decay. On clean images all three are about
# equally good. With a single sigmoid layer, small weights seem to be most of what contraction gives here.

# %% [markdown]
# ## Does it generalise better?
#
# Only a network that overfits can be helped. So take 100 training images, a hidden layer, 300 epochs,
# and the price of one probe. The penalty, as in the chapter, is on the encoder alone. Look at the gap
# between the two curves for $\lambda = 0$, and at the lowest point of the upper one. The dotted line is
# the best of three strengths of weight decay.

# %% tags=["nbval-ignore-output"]
few = train.sample(100, seed)
prices, strengths = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0), (1e-4, 1e-3, 3e-3)
briefly = {"epochs": 300, "batch_size": 50, "lr": 3e-3, "seed": seed}


@torch.no_grad()
def errors(model):
    """On the 100 training images, and on test images."""
    return [squared_error(x, model(x)).mean().item() for x in (few.images, test.images)]


contracted, decays = {}, {}
for price in prices:
    net = ContractiveAutoencoder(image_shape, 16, (128,), "gaussian", weight=price, seed=seed)
    fit(net, few.images, **briefly)
    contracted[price] = errors(net)
for strength in strengths:
    net = Autoencoder(image_shape, 16, (128,), "gaussian", "sigmoid", seed)
    fit(net, few.images, objective=decayed(strength), **briefly)
    decays[strength] = errors(net)

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5.4, 2.8))
for i, label in ((1, "test images"), (0, "100 training images")):
    axis.plot([e[i] for e in contracted.values()], "o-", color=COLOURS[i], label=label)
best_decay = min(e[1] for e in decays.values())
axis.axhline(best_decay, color="0.3", linestyle=":", label="test, best weight decay")
axis.set(xlabel="λ", ylabel="squared error per image", ylim=0)
axis.set_xticks(range(len(prices)), [f"{p:g}" for p in prices])
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The training error rises with λ; the test error falls until λ = 0.1, then rises.")

# %% tags=["hide-input"]
tied_on_all = [squared_error(test.images, models[True, w](test.images)).mean() for w in (0.0, 1.0)]
claim(
    "CAE.overfits",
    "with 100 images and λ = 0 the test error is so many times the training error",
    contracted[0.0][1] / contracted[0.0][0],
    at_least=2,
)
claim(
    "CAE.helps-where-it-overfits",
    "there λ = 0.1 leaves this share of the test error",
    contracted[0.1][1] / contracted[0.0][1],
    at_most=0.97,
)
claim(
    "CAE.no-better-reconstruction",
    "with all training images and a single tied layer, λ = 1 multiplies the test error by this",
    tied_on_all[1].item() / tied_on_all[0].item(),
    at_least=1.05,
)

# %% [markdown]
# Where a network overfits, the penalty helps: with 100 images and $\lambda = 0.1$ an eighth to a quarter
# of the test error is gone, over five seeds, and the best weight decay does nearly as well. (On MNIST
# a twentieth was.) Where it
# does not overfit there is nothing to cure, and test images are only rebuilt worse. (Which $\lambda$ is
# best was read off the test images here; in earnest it is chosen on a validation set.)

# %% [markdown]
# ## What is forgotten first, and what last?
#
# On the blobs a small $\lambda$ removes what no blob shows, says the chapter. And a large one? Here is the
# speed at which the code moves with the blob, the length of $J\, \partial x / \partial (u, v)$.


# %%
def on_the_manifold(model):
    """Squared norm of J off the manifold, and the speed of the code along it, averaged."""
    J = jacobian(model.encode, blobs(places)).detach()
    off = (1 - tangent_share(J, tangents)) * J.square().sum((1, 2))
    return off.mean().item(), (J @ tangents).square().sum((1, 2)).sqrt().mean().item()


off, along = zip(*map(on_the_manifold, blob_models.values()), strict=True)

# %% tags=["hide-input", "nbval-ignore-output"]
print("λ       off the manifold   speed along it")
for weight, a, b in zip(blob_models, off, along, strict=True):
    print(f"{weight:<6g} {a:17.3f} {b:16.3f}")

# %% tags=["hide-input"]
claim(
    "CAE.scale-last",
    "λ = 10 leaves this share of the speed",
    along[4] / along[0],
    at_most=0.4,
)

# %% [markdown]
# ### Does the code become low-dimensional?
#
# One reads that the penalty pushes codes onto a low-dimensional manifold. The codes of a
# two-dimensional manifold lie on a surface whatever $\lambda$ is, because an encoder is a continuous
# map. What can change is in how many directions an encoder with many units *reacts*. So take 32 units,
# one layer, and look at the singular values of $J$. Are there two large ones?

# %% tags=["nbval-ignore-output"]
wide = {weight: trained_on_blobs(weight, 32) for weight in (0.0, 1.0, 10.0)}
wide_tied = trained_on_blobs(10.0, 32, tied=True)

# %%
jacobians = {w: jacobian(model.encode, blobs(places)).detach() for w, model in wide.items()}
jacobian_tied = jacobian(wide_tied.encode, blobs(places)).detach()


# %% tags=["hide-input"]
def leading(J, k):
    """Share of the k largest squared singular values in ‖J‖²."""
    squares = torch.linalg.svdvals(J).square()
    return (squares[:, :k].sum(1) / squares.sum(1)).mean().item()


def same_plane(J):
    """Overlap of the two leading directions between places: 1 for one plane everywhere."""
    V = torch.linalg.svd(J, full_matrices=False).Vh[:, :2]  # (81, 2, D)
    return torch.einsum("ikp,jlp->ijkl", V, V).square().sum((2, 3)).mean().item() / 2


shares = {weight: tangent_share(J, tangents).mean().item() for weight, J in jacobians.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5.5, 2.9))
curves = {f"untied, λ = {weight:g}": J for weight, J in jacobians.items()}
curves["tied, λ = 10"] = jacobian_tied
for (label, J), style, i in zip(curves.items(), ("o-", "s-", "^-", "v--"), (0, 1, 4, 2)):
    values = torch.linalg.svdvals(J).mean(0)[:10]
    axis.plot(range(1, 11), values, style, color=COLOURS[i], label=label)
axis.set(yscale="log", xlabel="number of the singular value", ylabel="mean over 81 blobs")
axis.set(xticks=range(1, 11), ylim=(1e-3, 5))
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
print("λ      share of two directions   share along the manifold")
for w, J in jacobians.items():
    print(f"{w:<6g} {leading(J, 2):23.2f} {shares[w]:26.2f}")
show(figure, alt="Singular values fall off slowly for λ = 0; for λ = 10 two stand above the rest.")

# %% [markdown]
# With $\lambda = 10$ and untied weights two values stand out, just as many as the manifold has
# dimensions. It is tempting to stop here. But are these two directions the ones in which the blob moves?
# Those differ from place to place. The last column of the table says no: it would have to be near 1.


# %% tags=["hide-input"]
claim(
    "CAE.few-directions",
    "at λ = 10 all directions but two hold this share of what they hold of ‖J‖² at λ = 0",
    (1 - leading(jacobians[10.0], 2)) / (1 - leading(jacobians[0.0], 2)),
    at_most=0.3,
)
claim(
    "CAE.fixed-filters",
    "at λ = 10 the overlap of these two directions between places (1: the same everywhere)",
    same_plane(jacobians[10.0]),
    at_least=0.9,
)
claim(
    "CAE.turns-to-the-manifold",
    "λ = 1 multiplies the share of ‖J‖² along the manifold by this",
    shares[1.0] / shares[0.0],
    at_least=2,
)

# %% [markdown]
# Half true. A moderate penalty turns the encoder towards the manifold. A strong one does leave few
# directions, but they are not the manifold's: they are one or two fixed filters for all images, and the
# number depends on the weights being tied. With the squared error instead of the cross-entropy the
# singular values stay nearly equal up to $\lambda = 1$; try `likelihood="gaussian"`.

# %% [markdown]
# ## Five regularisers side by side, and five priors
#
# Give weight decay and the regularisers of chapters 2 to 4 the same network, 64 sigmoid units without
# hidden layers, and the same images, and train each once: weight decay acts on the weights, denoising on
# the input, the sparsity penalty on the mean activations, the contractive penalty on the slope.

# %% tags=["nbval-ignore-output"]
size = {"image_shape": image_shape, "latent_dim": 64, "hidden": (), "seed": seed}
regularised = {
    "none": Autoencoder(**size, code="sigmoid"),
    "weight decay": Autoencoder(**size, code="sigmoid"),
    "denoising": DenoisingAutoencoder(**size, code="sigmoid", corruption=masking, strength=0.5),
    "sparse": SparseAutoencoder(**size, rho=0.05, weight=1.0),
    "contractive": ContractiveAutoencoder(**size, weight=1.0),
}
for name, net in regularised.items():
    objective = decayed(0.01) if name == "weight decay" else None
    fit(net, train.images, objective=objective, **settings)

# %% [markdown]
# Each is measured on the test images: the norm of the encoder's weights; the share of the units above ½;
# the squared error when half of the pixels are masked; the shift of the code under Gaussian noise of
# 0.1, in units of the distance between two codes. For each chart, say first which bar will be the
# shortest.

# %% tags=["hide-input"]
masked = masking(test.images, 0.5, generator)


@torch.no_grad()
def measure(model):
    return {
        "norm of encoder weights": model.encoder[0].weight.norm().item(),
        "share of activations above ½": (model.encode(test.images) > 0.5).float().mean().item(),
        "squared error, half masked": squared_error(test.images, model(masked)).mean().item(),
        "relative shift of the code": relative_shift(model),
    }


table = {name: measure(model) for name, model in regularised.items()}


def of(quantity, name):
    """As a share of what it is without a regulariser."""
    return table[name][quantity] / table["none"][quantity]


# %% tags=["hide-input", "nbval-ignore-output"]
figure, axes = plt.subplots(2, 2, figsize=(7.4, 4.4), sharey=True)
for axis, quantity in zip(axes.flat, table["none"], strict=True):
    values = [measured[quantity] for measured in table.values()]
    axis.barh(list(table), values, color=[COLOURS[3], *COLOURS[:3], COLOURS[4]])
    axis.set_title(quantity, fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
axes[0, 0].invert_yaxis()
figure.tight_layout()
show(figure, alt="Four bar charts, one per measurement, each with a bar for every regulariser.")

# %% tags=["hide-input"]
claim(
    "CAE.weights-shrink",
    "of the norm of the encoder's weights, weight decay and contraction leave this share or less",
    max(of("norm of encoder weights", name) for name in ("weight decay", "contractive")),
    at_most=0.5,
)
claim(
    "CAE.denoising-restores",
    "denoising leaves this share of the best other network's error on masked images",
    table["denoising"]["squared error, half masked"]
    / min(row["squared error, half masked"] for n, row in table.items() if n != "denoising"),
    at_most=0.9,
)
claim(
    "CAE.code-steadies",
    "of the code's relative shift, weight decay and contraction leave this share or less",
    max(of("relative shift of the code", name) for name in ("weight decay", "contractive")),
    at_most=0.75,
)

# %% [markdown]
# Each regulariser does what it asks for. Weight decay and the contractive penalty have much in common:
# with sigmoid units both keep the weights small.
#
# ### Which of them can draw?
#
# The chapter found that a mixture on its codes lets a contractive network draw. Is that so for all five?
# Four distributions of codes for each: $\mathcal{N}(0, I)$; each unit with its own mean and standard
# deviation; one normal distribution, with all covariances; a mixture of ten. The Fréchet distance
# (VAE.12) compares means and covariances of 20 principal components. Press the buttons, and look in which
# rows you see digits.

# %% tags=["nbval-ignore-output"]
pictures = {}
for name, net in regularised.items():
    noise = torch.randn(1000, 64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        codes = net.encode(train.images)
        drawn = {"N(0, I)": noise, "unit by unit": codes.mean(0) + codes.std(0) * noise}
        for prior, k in (("one normal", 1), ("mixture of 10", 10)):
            fitted = GaussianMixture(k, reg_covar=1e-4, random_state=seed).fit(codes.double())
            z = torch.tensor(fitted.sample(1000)[0]).float()
            drawn[prior] = z[torch.randperm(1000, generator=torch.Generator().manual_seed(seed))]
        made = {prior: net.decode_mean(z) for prior, z in drawn.items()}
        pictures[name] = {"test image": test.images, "rebuilt": net(test.images)} | made

# %%
SweepRows("regulariser", pictures, start="contractive")

# %% tags=["hide-input", "nbval-ignore-output"]
flat_train = train.images.flatten(1)
classifier = LogisticRegression(C=100, max_iter=5000).fit(flat_train, train.labels)
pca = PCA(20, random_state=0).fit(flat_train)
features = torch.tensor(pca.transform(flat_train))
usual = nearest_distance(test.images, train.images)
judged = {}
print(f"{'':13} {'':14} Fréchet  confident  distance")
for name, rows in pictures.items():
    for prior, images in rows.items():
        if prior == "test image" and name != "none":
            continue
        F = frechet_distance(torch.tensor(pca.transform(images.flatten(1))), features)
        far = nearest_distance(images, train.images) / usual
        judged[name, prior] = F, far
        sure = confident_share(classifier, images)
        print(
            f"{name if prior != 'test image' else '':13} {prior:14} {F:7.2f} {sure:10.2f} {far:9.2f}"
        )

# %% tags=["hide-input"]
claim(
    "CAE.prior-is-not-normal",
    "for all five, pictures from N(0, I) lie at least so many times as far out as test images",
    min(judged[name, "N(0, I)"][1] for name in regularised),
    at_least=1.6,
)
claim(
    "CAE.mixture-for-all",
    "for all five, pictures from the mixture lie at most so many times as far out as test images",
    max(judged[name, "mixture of 10"][1] for name in regularised),
    at_most=1.2,
)
claim(
    "CAE.rest-is-blur",
    "of the Fréchet distance that N(0, I) adds to that of rebuilt images, the mixture adds this share",
    max(
        abs(judged[n, "mixture of 10"][0] - judged[n, "rebuilt"][0])
        / (judged[n, "N(0, I)"][0] - judged[n, "rebuilt"][0])
        for n in regularised
    ),
    at_most=0.1,
)

# %% [markdown]
# All five draw with the mixture. Its pictures are about as good, by each of the three measures, as the
# test images that the same network *rebuilds*, and no distribution of codes can do better than that by
# much: what is left is the blur of the decoder. They are no copies, either; those would have the
# distance 0. From row to row more of the codes is known: their place and spread, then that units depend
# on each other, then that they lie in several clouds. (And again the classifier is sure of three in four
# pictures from $\mathcal{N}(0, I)$, which lie three times as far out as test images.)
#
# So it is not a generative *decoder* that these networks lack, but a prior. All regularisers of chapters
# 2 to 4 shape how single images are encoded, and none says how the codes of *all* images are
# distributed. One can fit a distribution afterwards, as here, or ask for one during training. For that
# one needs to compare distributions: chapter 5.

# %% [markdown]
# ## Exercises
#
# Predict first, write the prediction down, then run or open the answer.
#
# **1.** A sigmoid unit gets the input $Wx + b = 2$. Its weights and its bias are multiplied by 3.
# Does its part of the penalty rise or fall?
#
# <details><summary>Answer</summary>
#
# It falls, to about 0.5 % of what it was. $\lVert W \rVert^2$ grows by a factor of 9, but the input
# is now 6, the activation goes from 0.881 to 0.998, and $(h(1-h))^2$ falls from 0.0110 to
# 0.0000061. Saturation is a second way out of the penalty. At an input of 0 the factor would be 9.
#
# </details>
#
# **2.** Somebody writes `J.square().mean()` instead of the sum over the entries. What has to be
# done to $\lambda$ to get the same training? And why is the mistake worse on larger images?
#
# <details><summary>Answer</summary>
#
# $\lambda$ must be multiplied by $d \cdot D$, 4,096 for 64 units and 64 pixels and 50,176 for 64
# units and 784 pixels. With the same $\lambda$ the penalty is nearly switched off, and more so the
# larger the image is.
#
# </details>
#
# **3.** Train with tied weights and $\lambda = 10$: `trained(10.0, True)`. The penalty will be very
# small. Will the relative shift be, too?
#
# <details><summary>Answer</summary>
#
# No. With seed 0 on the digits the penalty is below 0.001, and the relative shift is 0.15, nearly the
# 0.17 without a penalty. The code has collapsed: two codes lie 0.02 apart, and the error of 4.8 is the
# variance of the images, so the decoder draws the mean image for all of them.
#
# </details>
#
# **4.** A probe of the *pixels*, $Jv$ with $D$ random signs, has the mean $\lVert J \rVert_F^2$,
# too. Why does the library use $v^\top J$?
#
# <details><summary>Answer</summary>
#
# $v^\top J$ is the gradient of the number $v^\top h$: one ordinary backward pass. $Jv$ is how the
# whole code changes when the image moves along $v$, and a backward pass does not deliver that. It
# needs forward-mode differentiation (`torch.func.jvp`), or two backward passes.
#
# </details>
#
# **5.** In the chapter's ellipse widget, set $\lambda = 0$, $v = 0.5$, and move $u$ from 0.5 to 0. What happens
# to the blue ellipse, and why?
#
# <details><summary>Answer</summary>
#
# It gets thin. The larger singular value goes from 1.7 to 1.9 and the smaller one from 1.4 to 0.05.
# At the edge $h_1$ is close to 0, its factor $h_1 (1 - h_1)$ in (CAE.3) vanishes, and the unit
# answers to nothing any more.
#
# </details>

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=4)

# %% [markdown]
# ## References
#
# - S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio. *Contractive Auto-Encoders: Explicit
#   Invariance During Feature Extraction.* ICML, 2011.
# - G. Alain, Y. Bengio. *What Regularized Auto-Encoders Learn from the Data-Generating
#   Distribution.* JMLR 15, 2014.
