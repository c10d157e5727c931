# %% [markdown]
# # 2 · Denoising autoencoder
#
# Someone has painted half of a digit black. Can you say what it was? You can, because you know what
# digits look like. A **denoising autoencoder** is a network that is trained on just this game: it
# sees the damaged image, and has to return the whole one. Move the slider. Up to which share of
# hidden pixels can *you* still read the middle row, and up to which the network's?

# %% tags=["hide-input"]
import math

import torch
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression

from course_lib.datasets import load
from course_lib.evaluation import confident_share, nearest_distance
from course_lib.likelihoods import bernoulli_nll, squared_error
from course_lib.models import Autoencoder, DenoisingAutoencoder
from course_lib.models.denoising_autoencoder import (
    empirical_denoiser, gaussian_denoiser, gaussian_noise, masking, salt_and_pepper,
)  # fmt: skip
from course_lib.notebook import check_task, claim, show, show_source
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows, model_diagram
from course_lib.training import fit
from course_lib.widgets import (
    DenoisingField, ExerciseCard, SweepRows, TrainingScrubber, denoising_rows,
)  # fmt: skip

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
glyphs, new_glyphs = load("glyphs").images, load("glyphs", "test").images
train, test = load("digits"), load("digits", "test")
settings = {"epochs": 40, "batch_size": 64, "lr": 3e-3, "seed": seed}


def generator():
    return torch.Generator().manual_seed(seed)


# %% tags=["hide-input", "nbval-ignore-output"]
painter = DenoisingAutoencoder((1, 28, 28), 128, hidden=(256,), strength=0.6, seed=seed)
fit(painter, glyphs, epochs=12, batch_size=128, lr=4e-3, seed=seed)
swept = {}
with torch.no_grad():
    for share in (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        x_noisy = masking(new_glyphs[:12], share, generator())
        swept[share] = {"glyph": new_glyphs[:12], "damaged": x_noisy, "repaired": painter(x_noisy)}
SweepRows("share of hidden pixels", swept, columns=12, start=0.7)

# %% [markdown]
# None of these glyphs was in the training set. With seven of ten pixels hidden most come back, slant
# included. With nine hidden the answers are blurred and dim. And look at 0, where nothing is
# hidden: the answer is *not* the glyph, but a bolder one, and here and there it is another digit!
# This chapter explains where the blur comes from, and what a clean image has to do with it.
#
# ## You will
#
# - write the loss of a denoising autoencoder, and train one;
# - see what it does to noise that it was not trained on, and to clean images;
# - derive what the *best* denoiser answers, line by line;
# - read from a denoiser in which direction the density of the data grows, and with it draw new data
#   out of pure noise.
#
# **Before you start**: chapter 1, expectations, and the normal distribution.
# **Time**: 50 minutes. What is measured in more detail stands in the
# [laboratory](02_denoising_autoencoder_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# A wide autoencoder can copy. With as many numbers in the code as the image has pixels, it could
# pass each pixel through, and nothing in its loss asks it to know what a digit looks like. In
# chapter 1 a narrow code prevented the copy.
#
# Here the damage prevents it: a copy would copy the holes. To fill a hole, the network has to know
# which pixels tend to be bright together. So the code may be as wide as you like.

# %% tags=["hide-input"]
with torch.no_grad():
    x, x_noisy = new_glyphs[3], swept[0.7]["damaged"][3]
    z, x_hat = painter.encode(x_noisy[None])[0], painter(x_noisy[None])[0]
diagram = model_diagram(
    [
        ("image $x$", x),
        ("damaged $\\tilde{x}$", x_noisy),
        ("$z = f_\\phi(\\tilde{x})$", "encoder"),
        ("code $z$\n128 numbers", z),
        ("$\\hat{x} = g_\\theta(z)$", "decoder"),
        ("$\\hat{x}$, to be\nlike $x$", x_hat),
    ]
)
alt = "A chain: a glyph, the glyph with most pixels black, encoder, code, decoder, a glyph."
show(diagram, alt=alt)

# %% [markdown]
# ### Three ways to damage an image
#
# $\tilde{x}$ is the damaged version of $x$. **Masking** sets a share of the pixels to 0:
#
# $$ \tilde{x}_j = m_j x_j, \qquad m_j \sim \text{Bernoulli}(1 - \text{strength}) \tag{DAE.1} $$
#
# **Gaussian noise** adds to every pixel a random number with standard deviation $\sigma$:
#
# $$ \tilde{x} = x + \sigma \varepsilon, \qquad \varepsilon \sim \mathcal{N}(0, I) \tag{DAE.2} $$
#
# **Salt and pepper** replaces a share of the pixels by black or white:
#
# $$ \tilde{x}_j = \begin{cases} x_j & \text{with probability } 1 - \text{strength} \\
#    0 & \text{with probability } \text{strength} / 2 \\
#    1 & \text{with probability } \text{strength} / 2 \end{cases} \tag{DAE.3} $$
#
# Which of the three can make a black pixel bright?

# %%
damages = {"masking, 0.5": (masking, 0.5), "Gaussian, σ = 0.3": (gaussian_noise, 0.3),
           "salt and pepper, 0.3": (salt_and_pepper, 0.3)}  # fmt: skip
rows = {"glyph": new_glyphs}
for name, (corruption, strength) in damages.items():
    rows[name] = corruption(new_glyphs[:12], strength, generator())
alt = "Glyphs; with black holes; with grey noise everywhere; with black and white specks."
show(image_rows(rows, 12), alt=alt)

# %% [markdown]
# Masking only takes ink away. The other two also put brightness where there was none. Remember it
# for later.
#
# ## Build it
#
# $$ \mathcal{L}(\phi, \theta) = \frac{1}{B} \sum_{i=1}^{B}
#    \ell\bigl(x_i,\; g_\theta(f_\phi(\tilde{x}_i))\bigr) \tag{DAE.4} $$
#
# $\ell$ is the squared error (AE.2) or the cross-entropy (AE.3) of one image. The encoder is given
# $\tilde{x}_i$ in place of $x_i$, and that is all that differs from chapter 1. The noise is drawn
# anew each time an image comes up.
#
# Write the loss of one batch, here with the squared error. `noise` has the shape of `x` and is uniform
# on $[0, 1)$: make the mask $m$ from it, damage the images, let the model repair them, and compare:
# with the clean images or with the damaged ones?


# %%
def denoising_loss(x, noise, strength, model):
    """‖x − model(x̃)‖², x̃ by masking  (DAE.1, DAE.4)

    x, noise: (B, C, H, W), noise uniform on [0, 1). Returns (B,).
    """
    ...


# %%
denoising_loss = check_task("denoising_loss", denoising_loss)

# %% [markdown]
# Now train with it. The images are the 8 × 8 digits of chapter 1, on which a training takes two
# seconds, and the code is wide: 128 numbers for 64 pixels. With strength 0 your loss is that of a
# **plain** autoencoder, so the two networks below differ in one number.


# %%
def masked(strength):
    """What `fit` minimises: your loss, with fresh noise in every step."""

    def objective(model, x, generator, step):
        noise = torch.rand(x.shape, generator=generator)
        return Loss({"squared error": denoising_loss(x, noise, strength, model).mean()})

    return objective


# %% tags=["nbval-ignore-output"]
plain = Autoencoder((1, 8, 8), latent_dim=128, seed=seed)
denoiser = Autoencoder((1, 8, 8), latent_dim=128, seed=seed)
history = fit(plain, train.images, objective=masked(0.0), **settings)
history = fit(denoiser, train.images, objective=masked(0.5), **settings)

# %%
half_masked = masking(test.images, 0.5, generator())
with torch.no_grad():
    restored = {"plain": plain(half_masked), "denoising": denoiser(half_masked)}
alt = "Digits; the same with holes; the plain network keeps the holes, the other fills them."
show(image_rows({"test image": test.images, "damaged": half_masked, **restored}, 12), alt=alt)

# %% [markdown]
# The plain network repeats most of the damage. It was never asked anything else. In numbers: the
# squared error per test image, summed over the pixels. Two rivals need no training: `nothing`
# returns its input, and the mean image is the same answer for every input.

# %% tags=["hide-input"]
nothing = torch.nn.Identity()


def error(model, x_noisy):
    """Squared error per test image, between what the model restores and the clean image."""
    with torch.no_grad():
        return squared_error(test.images, model(x_noisy)).mean().item()


mean_image = train.images.mean(0)
constant = squared_error(test.images, mean_image.expand_as(test.images)).mean().item()
rivals = {"nothing": nothing, "plain": plain, "denoising": denoiser}
print(f"{'':10} half masked  clean")
for name, model in rivals.items():
    print(f"{name:10} {error(model, half_masked):11.1f} {error(model, test.images):6.1f}")
print(f"{'mean image':10} {constant:11.1f} {constant:6.1f}")

# %% tags=["hide-input"]
best_rival = min(error(nothing, half_masked), error(plain, half_masked), constant)
claim(
    "DAE.removes-noise",
    "of the error of the best rival (doing nothing, plain, the mean image) it leaves this share",
    error(denoiser, half_masked) / best_rival,
    at_most=0.6,
)
claim(
    "DAE.clean-price",
    "on clean images its error is so many times that of the plain one",
    error(denoiser, test.images) / error(plain, test.images),
    at_least=2,
)

# %% [markdown]
# So it repairs, and it pays: on clean images it is the worse of the two. Below you will see that
# even the best possible denoiser pays this price.

# %%
ExerciseCard("denoising-target")

# %% [markdown]
# ## Explore: which noise does it know?
#
# The library has your loss as a class; it uses the cross-entropy, and takes any damage.

# %%
show_source(DenoisingAutoencoder)

# %% [markdown]
# Three networks, one for each kind of damage, at the strengths shown above.

# %% tags=["nbval-ignore-output"]
trained = {}
for name, (corruption, strength) in damages.items():
    model = DenoisingAutoencoder(
        (1, 8, 8), 128, corruption=corruption, strength=strength, seed=seed
    )
    fit(model, train.images, **settings)
    trained[f"trained on {name.split(',')[0]}"] = model

# %% [markdown]
# The number at the right end of a row is its squared error per image, compared with the top row.
#
# - Masking: raise the strength from 0. From where on is *trained on masking* better than *plain*?
# - Set the strength to 0. Who is best, and how good is doing nothing (*corrupted*)?
# - Choose Gaussian noise, strength 0.3. What does *trained on masking* make of it?
# - Choose salt and pepper. Who comes out well, and was it trained on that?

# %%
denoising_rows({"plain": plain, **trained}, test.images)

# %% [markdown]
# On clean images doing nothing is best, then the plain autoencoder. Under masking the network
# trained on it fills the holes, and at 0.9 it draws a blur near the mean of all digits. But under
# Gaussian noise the same network draws strokes that are too thick and too bright: it has learned
# that whatever is bright is ink, because masking never adds any. Under salt and pepper the network
# trained on Gaussian noise does about as well as the one trained for it.
#
# > **Myth: "the features of a denoising autoencoder are robust to noise."** To which? Give the
# > network from the top of the page grey noise through which you can still read every glyph:

# %% tags=["hide-input", "nbval-ignore-output"]
grey = gaussian_noise(new_glyphs[:12], 0.3, generator())
with torch.no_grad():
    rows = {"σ = 0.3": grey, "its answer": painter(grey)}
alt = "Glyphs under grey noise can be read; the answers are too bold, some are other digits."
show(image_rows({"glyph": new_glyphs, **rows}, 12), alt=alt)

# %% [markdown]
# Strokes grow thick, thin digits suffer most, and some have turned into others. In numbers, with the
# two networks of yours, which differ in nothing but the masking:

# %% tags=["hide-input"]
shares = []
for corruption, strength in list(damages.values())[1:]:
    x_noisy = corruption(test.images, strength, generator())
    shares.append(error(denoiser, x_noisy) / error(plain, x_noisy))
claim(
    "DAE.no-carry-over",
    "on the two other kinds, training on masking leaves at least this share of the plain error",
    min(shares),
    at_least=0.85,
)

# %% [markdown]
# Having been trained on masking is no help here against the other two kinds. Always ask a denoiser
# which noise it was trained on, and how strong: the laboratory trains at four strengths and tests at
# ten.

# %%
ExerciseCard("denoiser-on-clean-images")

# %% [markdown]
# ## What the best denoiser answers
#
# Several clean images can lead to the same $\tilde{x}$, so no network can always be right. What
# should it answer? Suppose a pixel is hidden, and among all images that agree with the rest of
# $\tilde{x}$ it is black in a quarter and white in three quarters. Try all answers $\hat{x}$:

# %%
answers = torch.linspace(0.01, 0.99, 99)[:, None]
black, white = torch.zeros_like(answers), torch.ones_like(answers)
squares = 0.25 * squared_error(black, answers) + 0.75 * squared_error(white, answers)
logits = torch.logit(answers)
entropies = 0.25 * bernoulli_nll(black, logits) + 0.75 * bernoulli_nll(white, logits)
print(f"smallest expected squared error at x̂ = {answers[squares.argmin()].item():.2f}")
print(f"smallest expected cross-entropy at x̂ = {answers[entropies.argmin()].item():.2f}")

# %% [markdown]
# Both losses ask for the mean of what is possible. In general
#
# $$ r^*(\tilde{x}) = \mathbb{E}[x \mid \tilde{x}] \quad\text{minimises}\quad
#    \mathbb{E}\,\lVert x - r(\tilde{x}) \rVert^2 \tag{DAE.5} $$
#
# over all functions $r$, and the expected cross-entropy, too. For one $\tilde{x}$ and one pixel,
# the derivative of the expected loss by the answer is $2 (r - \mathbb{E}[x \mid \tilde{x}])$ for
# the squared error, and $(r - \mathbb{E}[x \mid \tilde{x}]) / (r (1 - r))$ for the cross-entropy.
# Both are zero only at the conditional mean. And a mean of several digits is a blurred digit.
#
# ### When the data are normal
#
# For most data nobody can write $\mathbb{E}[x \mid \tilde{x}]$ down. For $x \sim \mathcal{N}(m,
# \Sigma)$ and Gaussian noise one can:
#
# $$ r^*(\tilde{x}) = m + \Sigma (\Sigma + \sigma^2 I)^{-1} (\tilde{x} - m) \tag{DAE.6} $$
#
# Why? Four lines. Write $A = \Sigma (\Sigma + \sigma^2 I)^{-1}$, and $e = x - m - A(\tilde{x} - m)$
# for what this answer misses.
#
# 1. The noise is independent of $x$ and adds its variance:
#    $\operatorname{Cov}(\tilde{x}) = \Sigma + \sigma^2 I$.
# 2. For the same reason $\operatorname{Cov}(x, \tilde{x}) = \Sigma$.
# 3. So $\operatorname{Cov}(e, \tilde{x}) = \Sigma - A (\Sigma + \sigma^2 I) = 0$.
# 4. $e$ and $\tilde{x}$ are jointly normal, and then uncorrelated means independent: $\mathbb{E}[e
#    \mid \tilde{x}] = \mathbb{E}[e] = 0$, which is (DAE.6).
#
# Each line, with a million draws of a plane's normal distribution. The last one takes the draws
# whose $\tilde{x}$ lies near one place:

# %% tags=["nbval-ignore-output"]
m, root, sigma = torch.tensor([1.0, -0.5]), torch.tensor([[1.2, 0.0], [0.6, 0.4]]), 0.5
S, noise = root @ root.T, 0.5**2 * torch.eye(2)
A = S @ torch.linalg.inv(S + noise)
x = m + torch.randn(1_000_000, 2, generator=generator()) @ root.T
x_noisy = gaussian_noise(x, sigma, generator().manual_seed(seed + 1))
e = x - m - (x_noisy - m) @ A.T
covariances = torch.cov(torch.cat([x, x_noisy, e], 1).T)  # of all six numbers with each other
place = torch.tensor([[2.0, 0.5]])
near = (x_noisy - place).norm(dim=1) < 0.1
differences = {
    "1. Cov(x̃) and Σ + σ²I": covariances[2:4, 2:4] - (S + noise),
    "2. Cov(x, x̃) and Σ": covariances[:2, 2:4] - S,
    "3. Cov(e, x̃) and 0": covariances[4:, 2:4],
    "4. mean of x near a place, and r*": x[near].mean(0) - gaussian_denoiser(place, m, S, sigma),
}
for line, difference in differences.items():
    print(f"{line:34} differ by {difference.abs().max():.3f} at most")

# %% [markdown]
# In one dimension, where $\Sigma$ is a variance $s^2$, the answer lies between $m$ and $\tilde{x}$,
# and $\tilde{x}$ counts with the weight $s^2 / (s^2 + \sigma^2)$. Give this denoiser a *clean* value.
# It cannot know that it is clean, and moves it towards the mean all the same:

# %%
clean = torch.tensor([[2.0]])
for sigma in (0.5, 1.0, 2.0):
    answer = gaussian_denoiser(clean, torch.zeros(1), torch.eye(1), sigma).item()
    print(f"made for σ = {sigma}: the clean value 2 becomes {answer:.1f}")

# %% [markdown]
# That is the price on clean images. It is no failure of training: whoever is best on noisy input
# must pay it.

# %%
ExerciseCard("best-denoiser")

# %% [markdown]
# ### When all there is are the training images
#
# With Gaussian noise, and nothing but $x_1, \dots, x_N$ to learn from, the conditional mean is a
# weighted mean of training images. By Bayes' rule the weight of $x_i$ is proportional to the
# density of $\tilde{x}$ around it:
#
# $$ r^*(\tilde{x}) = \sum_{i=1}^{N} w_i x_i, \qquad
#    w_i \propto e^{-\lVert \tilde{x} - x_i \rVert^2 / 2\sigma^2},
#    \quad \sum_i w_i = 1 \tag{DAE.7} $$
#
# In a plane a denoiser can be drawn. The data are 120 points near a ring, and each arrow leads from
# a noisy point $\tilde{x}$ to the answer (DAE.7). Nothing is trained here.
#
# - Make $\sigma$ very small. Where exactly do the arrows end?
# - Raise it until the arrows end between the points. What has become of the gaps?
# - Make it large. What is the answer when the noise says nothing about the point?

# %%
draw = generator()
angles = 2 * math.pi * torch.rand(120, generator=draw)
radii = 1 + 0.1 * torch.randn(120, generator=draw)
ring = torch.stack([radii * angles.cos(), radii * angles.sin()], 1)
DenoisingField(ring, sigma=0.25)

# %% [markdown]
# For small $\sigma$ every arrow ends in the nearest point of the data: the perfect denoiser of the
# training set has *memorised* it. For a middle $\sigma$ the arrows lead to the ring, whether there
# is a point or a gap. For large $\sigma$ all lead to the mean of the data, where there are no data.
#
# ## A denoiser is a compass
#
# Let $p_\sigma$ be the density of $\tilde{x}$: that of the data, blurred by the noise. The gradient
# of its logarithm is called the **score**; it points in the direction in which the density grows
# fastest. The best denoiser knows it (**Tweedie's formula**):
#
# $$ \nabla \log p_\sigma(\tilde{x})
#    = \frac{r^*(\tilde{x}) - \tilde{x}}{\sigma^2} \tag{DAE.8} $$
#
# To denoise is to take a step uphill, from the unlikely towards the likely. The derivation again
# takes four lines, with $\mathcal{N}(\tilde{x}; x, \sigma^2 I)$ for the density of $\tilde{x}$
# around a clean $x$.
#
# 1. Blurring averages over the data: $p_\sigma(\tilde{x}) = \mathbb{E}_x\, \mathcal{N}(\tilde{x};
#    x, \sigma^2 I)$, and $\nabla \log p_\sigma = \nabla p_\sigma / p_\sigma$.
# 2. The gradient of a normal density is the density times $(x - \tilde{x}) / \sigma^2$, so
#    $\nabla p_\sigma = \mathbb{E}_x\, \mathcal{N}(\tilde{x}; x, \sigma^2 I)\,(x - \tilde{x}) /
#    \sigma^2$.
# 3. By Bayes' rule, weighting with $\mathcal{N}(\tilde{x}; x, \sigma^2 I) / p_\sigma(\tilde{x})$ is
#    to average over the $x$ that are possible given $\tilde{x}$: $\nabla \log p_\sigma =
#    \mathbb{E}[x - \tilde{x} \mid \tilde{x}] / \sigma^2$.
# 4. $\tilde{x}$ is fixed there, so what remains is $(r^*(\tilde{x}) - \tilde{x}) / \sigma^2$.
#
# Each line at one place, for the ring; the first with autograd, which knows no formula:

# %%
place, sigma = torch.tensor([0.3, 1.4], requires_grad=True), 0.25


def densities(x_noisy):
    squares = (x_noisy - ring).square().sum(1)
    return torch.exp(-squares / (2 * sigma**2)) / (2 * math.pi * sigma**2)  # (120,)


density = densities(place).mean()
(line1,) = torch.autograd.grad(density.log(), place)
there, each = place.detach(), densities(place.detach())[:, None]
line2 = (each * (ring - there) / sigma**2).mean(0) / density.item()
weights = each / each.sum()
line3 = (weights * (ring - there)).sum(0) / sigma**2
line4 = (empirical_denoiser(there[None], ring, sigma)[0] - there) / sigma**2
for number, line in enumerate((line1, line2, line3, line4), 1):
    print(f"line {number}: ({line[0]:.3f}, {line[1]:.3f})")

# %%
ExerciseCard("score-from-a-denoiser")

# %% [markdown]
# ## Can it draw a digit that nobody wrote?
#
# The question of chapter 1, with the same strip and the same two numbers. A normal distribution
# with the mean and covariance of the denoiser's codes is fitted, twelve codes are drawn, and
# decoded. `confident` is the share of pictures to which a classifier of the digits gives one class
# with a probability above 0.9; `distance` that to the nearest training image, where test images
# have 1.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    codes = denoiser.encode(train.images).double()
    spread = torch.linalg.cholesky(torch.cov(codes.T) + 1e-6 * torch.eye(128))
    epsilon = torch.randn(1000, 128, generator=generator()).double()
    samples = denoiser.decode_mean((codes.mean(0) + epsilon @ spread.T).float())

# %% tags=["hide-input", "nbval-ignore-output"]
classifier = LogisticRegression(C=100, max_iter=5000)
classifier.fit(train.images.flatten(1), train.labels)
usual = nearest_distance(test.images, train.images)
print(f"{'':12} confident  distance")
for name, images in {"test images": test.images, "drawn": samples}.items():
    far = nearest_distance(images, train.images) / usual
    print(f"{name:12} {confident_share(classifier, images):9.2f} {far:9.2f}")
alt = "Twelve test digits above twelve pictures from drawn codes, a few of which are digits."
show(image_rows({"test images": test.images, "drawn": samples}, 12), alt=alt)

# %% [markdown]
# Some can be read and some are blots. The classifier is sure of about two in three, against nineteen
# in twenty of the test images. They lie a quarter farther from training images than test images do.
# Nothing told the codes to be normal. Chapter 7 will. But a denoiser offers a second way to draw,
# without any code.
#
# ## Drawing with a compass
#
# Train a network on the ring. It sees noisy points and the points they came from; nobody tells it a
# density, or that there is a ring.


# %% tags=["nbval-ignore-output"]
def ring_network(sigma):
    """A denoiser of points of the plane, "images" of 1 × 2 pixels, for noise of this strength."""
    net = DenoisingAutoencoder((1, 1, 2), latent_dim=64, hidden=(64,), likelihood="gaussian",
                               corruption=gaussian_noise, strength=sigma, seed=seed)  # fmt: skip
    many = ring.repeat(20, 1).view(-1, 1, 1, 2)  # every point 20 times an epoch, with its own noise
    for lr in (3e-3, 3e-4):
        fit(net, many, epochs=15, batch_size=100, lr=lr, seed=seed)
    return net


def score(net, x):
    """(DAE.8), with the network in place of the best denoiser."""
    with torch.no_grad():
        return (net(x.view(-1, 1, 1, 2)).view(-1, 2) - x) / net.strength**2


sharp, blurred = ring_network(0.2), ring_network(1.0)

# %% [markdown]
# Now start with 300 points of pure noise, and let each follow the score uphill. Uphill alone would
# end on a peak. A **Langevin step** adds fresh noise of just the size that makes the points, after
# many steps, draws from $p_\sigma$. At the end, denoise once. Press *play*: the grey points are the
# data; blue points (0) began on the left, orange ones (1) on the right.


# %%
def langevin(direction, steps=200, size=0.01):
    """x ← x + size · score(x) + √(2 size) ε, from noise; x by step."""
    draw = generator()
    x = torch.randn(300, 2, generator=draw)
    moments = {0: x}
    for step in range(1, steps + 1):
        noise = torch.randn(x.shape, generator=draw)
        x = x + size * direction(x) + math.sqrt(2 * size) * noise
        if step in (1, 2, 5, 10, 20, 50, 100, 200):
            moments[step] = x
    return moments | {"denoised": x + sharp.strength**2 * score(sharp, x)}


# %% tags=["nbval-ignore-output"]
moments = langevin(lambda x: score(sharp, x))
began_right = (moments[0][:, 0] > 0).long()
TrainingScrubber(moments, began_right, background=ring, name="step")

# %% [markdown]
# The points start as a cloud, and within some fifty steps they gather around the ring, all the way
# round. There they keep trembling, and the colours mix: the steps draw from $p_\sigma$, which is the
# data with noise. Denoising takes the noise off.
#
# Is it the score that does it? Two controls make the same steps with the same noise: one without a
# score, one with the score of the wrong noise level, $\sigma = 1$. Their distance to the circle
# is compared with the distance of noisy data, which the right steps should reach and keep.

# %% tags=["hide-input"]
paths = {
    "score at σ = 0.2": moments,
    "no score": langevin(torch.zeros_like),
    "score at σ = 1": langevin(lambda x: score(blurred, x)),
}


def miss(x):
    """Mean distance of the points to the circle with radius 1."""
    return (x.norm(dim=1) - 1).abs().mean().item()


noisy_data = miss(gaussian_noise(ring.repeat(20, 1), sharp.strength, generator()))
off = {name: miss(path[200]) / noisy_data for name, path in paths.items()}
figure, axes = plt.subplots(1, 3, figsize=(7, 2.5), sharey=True)
for axis, (name, path) in zip(axes, paths.items(), strict=True):
    axis.plot(*path[200].T, ".", color=COLOURS[0], markersize=3)
    axis.add_patch(plt.Circle((0, 0), 1, fill=False, color="0.2"))
    axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="$x_1$", xticks=(-2, 0, 2))
    axis.set_title(f"{name}\n{off[name]:.1f} × noisy data", fontsize=10)
axes[0].set_ylabel("$x_2$")
show(figure, alt="After 200 steps: points around the ring; spread far; a blob over the middle.")

# %% tags=["hide-input"]
claim(
    "DAE.langevin-ring",
    "steps along the score end as near to the ring as noisy data do: the ratio is about 1",
    off["score at σ = 0.2"],
    at_least=0.8,
    at_most=1.25,
)
claim(
    "DAE.langevin-controls",
    "without the score, or with that of the wrong noise level, at least so many times as far",
    min(off["no score"], off["score at σ = 1"]),
    at_least=2,
)
turns = torch.atan2(moments[200][:, 1], moments[200][:, 0]) / math.pi  # from -1 to 1
claim(
    "DAE.langevin-everywhere",
    "of eight equal sectors of the ring, the emptiest gets this share of the points (even: 0.125)",
    torch.histc(turns, 8, -1, 1).min() / 300,
    at_least=0.02,
)

# %% [markdown]
# **Diffusion models** do just this with images: one network denoises at many noise levels, and the
# steps go from pure noise, level by level, to a picture that nobody took.

# %% [markdown]
# ## Recap
#
# - A denoising autoencoder sees a damaged image and is compared with the clean one.
# - It knows the noise of its training. On other kinds it may be no help, and on clean images it
#   does harm, as the best denoiser would.
# - The best denoiser answers the mean of the clean images that are possible.
# - With small noise, the perfect denoiser of a training set answers with training images.
# - For Gaussian noise, the step of the best denoiser, divided by $\sigma^2$, is the score; steps
#   along it, with fresh noise, draw new data.
#
# ## Next
#
# [Chapter 3](03_sparse_autoencoder.ipynb) leaves the input alone and looks at the code: in a
# **sparse autoencoder** each hidden unit may be active for a few images only.
#
# ## References
#
# - P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol. *Extracting and Composing Robust Features
#   with Denoising Autoencoders.* ICML 2008.
# - P. Vincent. *A Connection Between Score Matching and Denoising Autoencoders.* Neural
#   Computation 23, 2011.
# - B. Efron. *Tweedie's Formula and Selection Bias.* Journal of the American Statistical
#   Association 106, 2011.
# - Y. Song, S. Ermon. *Generative Modeling by Estimating Gradients of the Data Distribution.*
#   NeurIPS 2019.
