# %% [markdown]
# # 2 · Denoising autoencoder
#
# A denoising autoencoder is given a damaged image and has to rebuild the undamaged one. The next
# four cells train one, beside a plain autoencoder with the same layers, and draw it. The rest of
# the chapter explains what it learns, and at which noise it is of use.

# %%
import math
import os

import torch
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.exercises.card import ExerciseCard
from course_lib.likelihoods import bernoulli_nll, squared_error
from course_lib.models import Autoencoder, DenoisingAutoencoder
from course_lib.models.denoising_autoencoder import (
    empirical_denoiser, gaussian_denoiser, gaussian_noise, masking, salt_and_pepper,
    score_from_denoiser,
)  # fmt: skip
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows, model_diagram, training_curves
from course_lib.training import fit
from course_lib.widgets import DenoisingField, DenoisingRows

# %%
seed = 0  # change it and run again: every claim below must still hold
DATASET = os.environ.get("COURSE_DATASET", "digits")  # "mnist" works, too, and takes minutes
train, test = load(DATASET).sample(2000, seed), load(DATASET, "test").sample(1000, seed)
image_shape = train.images.shape[1:]
settings = {"epochs": 40, "batch_size": 64, "lr": 3e-3, "seed": seed}

# %% tags=["nbval-ignore-output"]
plain = Autoencoder(image_shape, latent_dim=128, seed=seed)
denoiser = DenoisingAutoencoder(
    image_shape, latent_dim=128, corruption=masking, strength=0.5, seed=seed
)
plain_history = fit(plain, train.images, **settings)
history = fit(denoiser, train.images, **settings)

# %%
x = test.images[3]
x_noisy = masking(x, 0.5, torch.Generator().manual_seed(1))
with torch.no_grad():
    z, x_hat = denoiser.encode(x_noisy[None])[0], denoiser(x_noisy[None])[0]
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
alt = "A chain: an image, the image with half of its pixels black, encoder, code, decoder, a digit."
show(diagram, alt=alt)

# %% [markdown]
# ## You will
#
# - damage images in three ways, and train networks that undo the damage;
# - see what happens when the noisy image is the target, or when the noise is always the same;
# - find the noise at which denoising helps, the noise at which it hurts, and what it costs;
# - derive what the best denoiser answers, and check a trained one against it;
# - read from a denoiser the direction in which the density of the data grows.
#
# **Before you start**: chapter 1, expectations, and the normal distribution.
# **Time**: 60 minutes. Everything on this page runs in less than a minute.

# %% [markdown]
# ## The idea
#
# The code above has 128 numbers for a digit of 64 pixels. In chapter 1 such a wide autoencoder
# copied: for every image it could pass each pixel through. Nothing in the loss asks it to know what
# a digit looks like.
#
# Now set half of the pixels to 0 before the network sees the image, and still ask for the whole
# image. A copy is useless, because it copies the holes. To fill a hole, the network has to know
# which pixels tend to be bright together. The bottleneck is no longer what prevents the copy, so
# the code may be as wide as you like.
#
# Three things matter, and each will be tested below:
#
# - the **target** is the clean image;
# - the noise is drawn **anew** each time an image comes up, so that no two epochs show the same
#   holes;
# - the **kind and the strength** of the noise decide what is learned.

# %% [markdown]
# ## The mathematics
#
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
# Masking only takes ink away. The other two also put brightness where there was none.

# %%
damages = {"masking, 0.5": (masking, 0.5), "Gaussian, σ = 0.3": (gaussian_noise, 0.3),
           "salt and pepper, 0.3": (salt_and_pepper, 0.3)}  # fmt: skip


def damaged(corruption, strength):
    """The test images, damaged; the same noise whenever you ask."""
    return corruption(test.images, strength, torch.Generator().manual_seed(seed))


rows = {name: damaged(*damage) for name, damage in damages.items()}
alt = "Ten digits; with black holes; with grey noise everywhere; with black and white specks."
show(image_rows({"test image": test.images, **rows}), alt=alt)

# %% [markdown]
# ### The loss
#
# $$ \mathcal{L}(\phi, \theta) = \frac{1}{B} \sum_{i=1}^{B}
#    \ell\bigl(x_i,\; g_\theta(f_\phi(\tilde{x}_i))\bigr) \tag{DAE.4} $$
#
# $\ell$ is the squared error (AE.2) or the cross-entropy (AE.3) of one image. Compare with chapter
# 1: the encoder is given $\tilde{x}_i$ in place of $x_i$, and that is all. The left argument, the
# target, is still the clean $x_i$. The main source describes the model but prints no loss.
#
# ### What the best denoiser answers
#
# Several clean images can lead to the same $\tilde{x}$, so no network can always be right. What
# should it answer? Suppose a pixel is hidden, and among all images that agree with the rest of
# $\tilde{x}$ it is black in a quarter and white in three quarters. Try all answers $\hat{x}$:

# %%
answers = torch.linspace(0.01, 0.99, 99)[:, None]
squared, entropies = (
    sum(share * loss(torch.full_like(answers, pixel), answers)
        for pixel, share in ((0.0, 0.25), (1.0, 0.75)))
    for loss in (squared_error, lambda x, x_hat: bernoulli_nll(x, torch.logit(x_hat)))
)  # fmt: skip
print(f"smallest expected squared error at x̂ = {answers[squared.argmin()].item():.2f}")
print(f"smallest expected cross-entropy at x̂ = {answers[entropies.argmin()].item():.2f}")

# %% [markdown]
# Both losses ask for the mean of what is possible. In general:
#
# $$ r^*(\tilde{x}) = \mathbb{E}[x \mid \tilde{x}] \quad\text{minimises}\quad
#    \mathbb{E}\,\lVert x - r(\tilde{x}) \rVert^2 \tag{DAE.5} $$
#
# over all functions $r$, and it minimises the expected cross-entropy, too. The reason is the same
# for both. For one $\tilde{x}$ and one pixel, the derivative of the expected loss with respect to
# the answer is $2 (r - \mathbb{E}[x \mid \tilde{x}])$ for the squared error, and $(r - \mathbb{E}[x
# \mid \tilde{x}]) / (r (1 - r))$ for the cross-entropy. Both are zero only at the conditional mean.
# A mean of several digits is a blurred digit. That is the price of being right on average.
#
# ### When the data are normal
#
# For most data nobody can write down $\mathbb{E}[x \mid \tilde{x}]$. For normal data with normal
# noise one can. Let $x \sim \mathcal{N}(m, \Sigma)$ and let $\tilde{x}$ be (DAE.2). Then
#
# $$ r^*(\tilde{x}) = m + \Sigma (\Sigma + \sigma^2 I)^{-1} (\tilde{x} - m) \tag{DAE.6} $$
#
# In one dimension, where $\Sigma$ is a variance $s^2$, the answer lies between $m$ and $\tilde{x}$,
# and $\tilde{x}$ counts with the weight $s^2 / (s^2 + \sigma^2)$, the share of the data in the
# variance of $\tilde{x}$.
#
# Now give this denoiser a *clean* value. It cannot know that it is clean, and moves it towards the
# mean all the same, the further the stronger the noise it was made for:

# %%
clean = torch.tensor([[2.0]])
for sigma in (0.5, 1.0, 2.0):
    answer = gaussian_denoiser(clean, torch.zeros(1), torch.eye(1), sigma).item()
    print(f"made for σ = {sigma}: the clean value 2 becomes {answer:.1f}")

# %% [markdown]
# So a denoiser pays a price on clean input, and it does so because it is optimal for noisy input.
# A plain autoencoder has been trained on clean input; as long as neither overfits, it must be the
# better one there. This is measured below.
#
# ### The score
#
# Let $p_\sigma$ be the density of $\tilde{x}$, which is the density of the data blurred by the
# noise. The gradient of its logarithm is called the **score**. It points to where the density grows
# fastest. For Gaussian noise the best denoiser knows it (Tweedie's formula):
#
# $$ \nabla \log p_\sigma(\tilde{x})
#    = \frac{r^*(\tilde{x}) - \tilde{x}}{\sigma^2} \tag{DAE.7} $$
#
# To denoise is to take a step uphill, from the unlikely towards the likely. In this way a network
# that was never told a density learns the slope of one. **Diffusion models** use just this: a
# network denoises at many strengths, and samples are made by following its scores from pure noise
# to an image.
#
# ### When all there is are the training images
#
# Trained on $x_1, \dots, x_N$ and nothing else, with Gaussian noise, the network is pulled towards
# the conditional mean over these $N$ images:
#
# $$ r^*(\tilde{x}) = \sum_{i=1}^{N} w_i x_i, \qquad
#    w_i \propto e^{-\lVert \tilde{x} - x_i \rVert^2 / 2\sigma^2},
#    \quad \sum_i w_i = 1 \tag{DAE.8} $$
#
# The perfect denoiser of the training set answers with a weighted mean of training images. You will
# see with a slider what it does when $\sigma$ is small.

# %% [markdown]
# ## The code
#
# The model is `Autoencoder` of chapter 1 with another `loss`. `generator` comes from `fit`; it
# moves on with every call, so that the noise is new in every batch and the training can be
# repeated.

# %%
show_source(DenoisingAutoencoder)

# %% [markdown]
# ## Training
#
# You trained the plain and the denoising autoencoder at the top of the page. Their losses cannot be
# compared, since the second one has the harder task. Look at where each of them levels off.

# %% tags=["nbval-ignore-output"]
figure = training_curves(plain_history)
figure.axes[0].lines[0].set_label("plain, clean input")
epochs = range(1, len(history.terms["total"]) + 1)
figure.axes[0].plot(
    epochs, history.terms["total"], color=COLOURS[1], label="denoising, noisy input"
)
figure.axes[0].legend(frameon=False)
show(figure, alt="Both training losses fall; that of the denoising autoencoder stays higher.")

# %% [markdown]
# The denoising loss levels off higher, since a hidden pixel can only be guessed.

# %% [markdown]
# ## Explore
#
# ### Damage and repair
#
# Two more networks with the same layers, trained on Gaussian noise with $\sigma = 0.3$ and on salt
# and pepper with strength 0.3, join the first two.

# %% tags=["nbval-ignore-output"]
by_kind = {"masking, 0.5": denoiser}
for name, (corruption, strength) in list(damages.items())[1:]:
    by_kind[name] = DenoisingAutoencoder(
        image_shape, 128, corruption=corruption, strength=strength, seed=seed
    )
    kind_history = fit(by_kind[name], train.images, **settings)

# %% [markdown]
# The number at the right end of a row is its squared error per image, compared with the top row.
#
# - Masking: raise the strength from 0. From where on is *trained on masking* better than *plain*?
# - Set the strength to 0. Who is best, and how good is doing nothing (*corrupted*)?
# - Choose Gaussian noise, strength 0.3. What does *trained on masking* make of it?
# - Choose salt and pepper. Who comes out well, and was it trained on that?

# %%
trained = {f"trained on {name.split(',')[0]}": model for name, model in by_kind.items()}
DenoisingRows({"plain": plain, **trained}, test.images)

# %% [markdown]
# On clean images doing nothing is best, then the plain autoencoder. Under masking the network
# trained on it fills the holes, and at strength 0.9 it draws a blur that resembles the mean of all
# digits. But under Gaussian noise the same network draws strokes that are too thick and too bright.
# It has learned that whatever is bright is ink, because masking never adds any. Under salt and
# pepper the network trained on Gaussian noise does about as well as the one trained for it.
#
# ### The field of the best denoiser
#
# The same in a plane, where a denoiser can be drawn as arrows. The data are 120 points near a ring.
# Each arrow leads from a noisy point $\tilde{x}$ to the answer (DAE.8). Nothing is trained here;
# this is the exact optimum.
#
# - Make $\sigma$ very small. Where exactly do the arrows end?
# - Raise it until the arrows end between the points. What has become of the gaps?
# - Make it large. What is the answer when the noise says nothing about the point?

# %%
generator = torch.Generator().manual_seed(seed)
angles = 2 * math.pi * torch.rand(120, generator=generator)
radii = 1 + 0.1 * torch.randn(120, generator=generator)
ring = torch.stack([radii * angles.cos(), radii * angles.sin()], 1)

# %%
DenoisingField(ring, sigma=0.25)

# %% [markdown]
# For small $\sigma$ every arrow ends in the nearest point of the data: the perfect denoiser of the
# training set has *memorised* the training set. For a middle $\sigma$ the arrows lead to the ring,
# whether there is a point or a gap; the optimum has smoothed over single points. For large $\sigma$
# all arrows lead to the mean of the data, where there are no data at all.

# %% [markdown]
# ## Measure
#
# ### Does it remove noise, and what does that cost?
#
# Errors are squared errors per test image, summed over the pixels as in (AE.2). `nothing` returns
# its input: the error of leaving the noise in.


# %%
def error(model, x_noisy):
    """Squared error per test image, between what the model restores and the clean image."""
    with torch.no_grad():
        return squared_error(test.images, model(x_noisy)).mean().item()


nothing = torch.nn.Identity()
half_masked = damaged(masking, 0.5)
claim(
    "DAE.removes-noise",
    "it leaves under half of the error by masking, the plain one over half",
    error(denoiser, half_masked) < 0.5 * error(nothing, half_masked) < error(plain, half_masked),
)
claim(
    "DAE.clean-price",
    "on clean images it makes over 1.8 times the error of the plain one",
    error(denoiser, test.images) > 1.8 * error(plain, test.images),
)

# %% [markdown]
# **Verdict.** It repairs holes, and it pays on clean images, as (DAE.6) led us to expect. The plain
# one is nearly the identity on clean images; on the digits its error there is 6 % of their
# variance. So it passes most of the damage on.

# %% [markdown]
# ### At which noise does it help, and at which does it hurt?
#
# Train at four strengths and test each network at all strengths, against doing nothing and against
# the mean image. Before you look: which of the curves will be lowest at strength 0, and which at
# 0.9?

# %% tags=["nbval-ignore-output"]
by_strength = {0.5: denoiser}
for strength in (0.1, 0.3, 0.7):
    by_strength[strength] = DenoisingAutoencoder(image_shape, 128, strength=strength, seed=seed)
    strength_history = fit(by_strength[strength], train.images, **settings)

# %%
contestants = {"doing nothing": nothing, "plain": plain}
contestants |= {f"trained at {s}": by_strength[s] for s in (0.1, 0.3, 0.5, 0.7)}
strengths = [round(0.1 * i, 1) for i in range(10)]
curves = {
    name: [error(model, damaged(masking, s)) for s in strengths]
    for name, model in contestants.items()
}
variance = test.images.flatten(1).var(0).sum().item()  # the error of answering the mean image

# %% tags=["nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 3.4))
for (name, curve), colour in zip(curves.items(), ["0.2", *COLOURS], strict=False):
    axis.plot(strengths, curve, "--" if name == "doing nothing" else "o-", color=colour,
              markersize=3, label=name)  # fmt: skip
axis.axhline(variance, color="0.4", linestyle=":", linewidth=1)
axis.text(0.96, variance, "always the mean image", color="0.4", va="center")
axis.set(xlabel="share of masked pixels", ylabel="squared error per image", ylim=0)
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
alt = "Error against strength. Doing nothing and plain rise steeply, the denoising ones slowly."
show(figure, alt=alt)

# %% [markdown]
# Read the figure from left to right. At 0 the order is: doing nothing, plain, then the denoising
# networks from weak to strong training noise. The curves soon cross. On the digits the plain
# autoencoder at strength 0.5 is already worse than always answering with the mean image; the
# networks trained at 0.5 and 0.7 are not, even at 0.9.

# %%
own = {s: curves[f"trained at {s}"] for s in (0.1, 0.3, 0.5, 0.7)}
clean_errors = [curve[0] for curve in own.values()]
networks = [curve for name, curve in curves.items() if name != "doing nothing"]
claim(
    "DAE.price-grows",
    "on clean images, each stronger training noise makes a larger error",
    clean_errors == sorted(clean_errors),
)
claim(
    "DAE.own-strength",
    "no network beats the one trained at the tested strength by over 10 %",
    all(own[s][round(10 * s)] < 1.1 * min(c[round(10 * s)] for c in networks) for s in own),
)
claim(
    "DAE.wrong-strength",
    "at 0.7, training at 0.1 costs over 40 % more error, and vice versa",
    own[0.1][7] > 1.4 * own[0.7][7] and own[0.7][1] > 1.4 * own[0.1][1],
)

# %% [markdown]
# **Verdict.** A denoising autoencoder helps near the noise that it was trained on and hurts on
# cleaner images. The stronger the training noise, the higher the price. There is no best strength
# without saying what the network is for. And no network is sure to beat doing nothing: with MNIST,
# whose images are harder to draw, doing nothing still wins at strength 0.1.

# %% [markdown]
# ### Does the target have to be the clean image?
#
# Train the same network with the *noisy* image as its target.


# %% tags=["nbval-ignore-output"]
class NoisyTarget(DenoisingAutoencoder):
    def loss(self, x, generator=None):
        noisy = self.corruption(x, self.strength, generator)
        return Loss({"reconstruction": self.nll(noisy, self.decode(self.encode(noisy))).mean()})


copyist = NoisyTarget(image_shape, 128, strength=0.5, seed=seed)
copyist_history = fit(copyist, train.images, **settings)

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    rows = {"clean target": denoiser(half_masked), "noisy target": copyist(half_masked)}
alt = "Digits with holes; repaired when the target was clean, holes copied when it was noisy."
show(image_rows({"test image": test.images, "masked": half_masked, **rows}), alt=alt)

# %%
left = {
    name: error(model, half_masked) / error(nothing, half_masked)
    for name, model in {"clean": denoiser, "noisy": copyist}.items()
}
claim(
    "DAE.clean-target",
    "a noisy target leaves over 0.6 of the error, a clean one under half",
    left["noisy"] > 0.6 and left["clean"] < 0.5,
)

# %% [markdown]
# **Verdict.** The holes are copied with the rest. This network is a plain autoencoder of noisy
# images. A program with this mistake runs, and its loss falls; only the error against clean images
# reveals it.

# %% [markdown]
# ### Does the noise have to be new each time?
#
# Mask each training image once, and show that same masked image in every epoch. `pairs` holds, for
# each image, the masked and the clean one.


# %% tags=["nbval-ignore-output"]
class FrozenNoise(Autoencoder):
    def loss(self, pairs, generator=None):
        masked, clean = pairs[:, 0], pairs[:, 1]
        return Loss({"reconstruction": self.nll(clean, self.decode(self.encode(masked))).mean()})


masked_once = masking(train.images, 0.5, torch.Generator().manual_seed(seed + 1))
frozen = FrozenNoise(image_shape, 128, seed=seed)
frozen_history = fit(frozen, torch.stack([masked_once, train.images], 1), **settings)

# %%
claim(
    "DAE.fresh-noise",
    "noise that never changes leaves over 1.1 times the test error",
    error(frozen, half_masked) > 1.1 * error(denoiser, half_masked),
)

# %% [markdown]
# **Verdict.** With frozen noise the network can learn by heart which holes belong to which image.
# Fresh noise makes 40 different tasks of each image in 40 epochs, at no cost.

# %% [markdown]
# ### Does a bottleneck denoise by itself?
#
# A narrow plain autoencoder has never seen noise either, but it can only draw what eight numbers
# can say. Test it on salt and pepper.

# %% tags=["nbval-ignore-output"]
narrow = Autoencoder(image_shape, latent_dim=8, seed=seed)
narrow_history = fit(narrow, train.images, **settings)

# %%
specks = damaged(salt_and_pepper, 0.3)
removers = {"narrow": narrow, "wide": plain, "trained": by_kind["salt and pepper, 0.3"]}
left = {name: error(model, specks) / error(nothing, specks) for name, model in removers.items()}
claim(
    "DAE.untrained-for-noise",
    "plain ones, d = 8 and 128, leave under 0.8 of the error",
    max(left["narrow"], left["wide"]) < 0.8,
)
claim(
    "DAE.bottleneck-not-enough",
    "but d = 8 leaves over 1.5 times as much as one trained for it",
    left["narrow"] > 1.5 * left["trained"],
)

# %% [markdown]
# **Verdict.** It removes part of the specks, since what no digit has is hard to draw. But so does
# the wide one, which also has seen nothing but digits. Under masking it depends on the data: on the
# digits the narrow one leaves about half of the error, clearly less than the wide one; on MNIST
# both leave over 0.8 of it. Training for the noise does far more than a bottleneck.

# %% [markdown]
# ### Does robustness to one kind of noise carry over to another?
#
# The main source promises "robust, high-level features that are invariant to noise", without saying
# which noise. Test the three networks on all three kinds. Rows: trained on; columns: tested on.

# %%
table = {
    name: [error(model, damaged(*damage)) for damage in damages.values()]
    for name, model in {"plain": plain, **by_kind}.items()
}

# %% tags=["nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6.4, 2.4))
relative = torch.tensor(list(table.values()))
relative = relative / torch.tensor([error(nothing, damaged(*d)) for d in damages.values()])
axis.imshow(relative, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
for i, row in enumerate(relative):
    for j, value in enumerate(row):
        axis.text(j, i, f"{value:.2f}", ha="center", va="center",
                  color="white" if value > 0.7 else "black")  # fmt: skip
axis.set_xticks(range(3), damages)
axis.set_yticks(range(4), ["plain", *(f"trained on {name}" for name in by_kind)])
axis.set_title("error, as a share of the error of doing nothing", fontsize=10)
show(figure, alt="A table of errors: small where a network is tested on what it was trained on.")

# %%
masking_row, gaussian_row, pepper_row = (table[name] for name in damages)
claim(
    "DAE.no-carry-over",
    "training on masking leaves over 0.8 of the plain error on other kinds",
    masking_row[1] > 0.8 * table["plain"][1] and masking_row[2] > 0.8 * table["plain"][2],
)
claim(
    "DAE.specialists-win",
    "that is over 1.7 times what training on those kinds leaves",
    masking_row[1] > 1.7 * gaussian_row[1] and masking_row[2] > 1.7 * pepper_row[2],
)
claim(
    "DAE.some-carry-over",
    "training on Gaussian leaves under 0.7 of it on salt and pepper",
    gaussian_row[2] < 0.7 * table["plain"][2],
)

# %% [markdown]
# **Verdict.** Not in general. The network that was trained to fill holes gains nothing against the
# other kinds; on the digits it is worse at both than the plain one. Gaussian noise and salt and
# pepper both lift dark pixels and darken bright ones, and there robustness does carry over. Ask a
# denoiser which noise it was trained on.

# %% [markdown]
# ### Is the code invariant to noise? Are its features better?
#
# Mask half of the pixels and see how far the code moves, relative to how far the codes of different
# images are spread: the root of $\mathbb{E}\lVert f(\tilde{x}) - f(x) \rVert^2$ over the root of
# $\mathbb{E}\lVert f(x) - \bar{f} \rVert^2$, with $\bar{f}$ the mean code. 0 means invariant; a
# shift of 1 is as large as the distance to the mean.


# %%
@torch.no_grad()
def code_shift(model):
    z, z_noisy = model.encode(test.images), model.encode(half_masked)
    spread = squared_error(z, z.mean(0).expand_as(z)).mean()
    return (squared_error(z, z_noisy).mean() / spread).sqrt().item()


claim(
    "DAE.code-moves-less",
    "masking moves its code less than the plain one's",
    code_shift(denoiser) < code_shift(plain),
)
claim(
    "DAE.code-not-invariant",
    "but still by more than 0.4 times the spread of the codes",
    code_shift(denoiser) > 0.4,
)

# %% [markdown]
# Whether the features are better can be asked of a classifier. It learns classes from the codes of
# clean training images, and is tested on codes of clean and of masked test images.


# %%
@torch.no_grad()
def accuracies(encode, classifier):
    """Share of right classes on clean and on masked test images."""
    fitted = make_pipeline(StandardScaler(), classifier).fit(encode(train.images), train.labels)
    return [fitted.score(encode(images), test.labels) for images in (test.images, half_masked)]


def pixels(images):
    return images.flatten(1)


codes = {"pixels": pixels, "plain": plain.encode, "denoising": denoiser.encode}
linear = {name: accuracies(e, LogisticRegression(max_iter=3000)) for name, e in codes.items()}
nearest = {name: accuracies(e, KNeighborsClassifier(5)) for name, e in codes.items()}

# %%
claim(
    "DAE.features-noisy",
    "on masked images its code gains a linear classifier over 0.05",
    linear["denoising"][1] > linear["plain"][1] + 0.05,
)
claim(
    "DAE.features-clean",
    "on clean images neither code is better by 0.06, for both classifiers",
    all(abs(s["denoising"][0] - s["plain"][0]) < 0.06 for s in (linear, nearest)),
)

# %% [markdown]
# **Verdict.** The features are more robust to the noise of the training, and not invariant to it.
# On clean images they are about as good as before.

# %% [markdown]
# ### Is a trained denoiser the best denoiser?
#
# To know, take data for which (DAE.6) gives the best one: points in a plane from a normal
# distribution, "images" of 1 × 2 pixels. The best denoiser is then linear, so a network without
# hidden layers can reach it.

# %% tags=["nbval-ignore-output"]
mean, root, sigma = torch.tensor([1.0, -0.5]), torch.tensor([[1.2, 0.0], [0.6, 0.4]]), 0.5
covariance = root @ root.T
cloud = mean + torch.randn(4000, 2, generator=generator) @ root.T
gaussian = {"likelihood": "gaussian", "corruption": gaussian_noise}
linear_denoiser = DenoisingAutoencoder(
    (1, 1, 2), latent_dim=2, hidden=(), strength=sigma, seed=seed, **gaussian
)
for lr in (3e-2, 3e-3):
    fit(linear_denoiser, cloud.view(-1, 1, 1, 2), epochs=30, batch_size=200, lr=lr, seed=seed)

# %%
fresh = mean + torch.randn(1000, 2, generator=generator) @ root.T
noisy = gaussian_noise(fresh, sigma, generator)
noisy_covariance = covariance + sigma**2 * torch.eye(2)
score = torch.linalg.solve(noisy_covariance, (mean - noisy).T).T  # of N(m, Σ + σ²I)
with torch.no_grad():
    answers = linear_denoiser(noisy.view(-1, 1, 1, 2)).view(-1, 2)
estimate = score_from_denoiser(noisy, answers, sigma)

# %% [markdown]
# Each arrow starts at a noisy point and shows the score there, at a third of its length: the true
# one in grey, the estimate (DAE.7) of the trained network in blue.

# %% tags=["nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 4.2))
axis.plot(*cloud[:400].T, ".", color=COLOURS[6], markersize=2, alpha=0.5, label="clean data")
style = {"angles": "xy", "scale_units": "xy", "scale": 3}
start = noisy[:24].T
heads = {"headwidth": 2.4, "headlength": 2.4, "headaxislength": 2.4}
axis.quiver(*start, *score[:24].T, color="0.6", width=0.011, label="true score", **style, **heads)
axis.quiver(*start, *estimate[:24].T, color=COLOURS[0], width=0.004, label="estimate", **style)
axis.set(xlabel="first pixel", ylabel="second pixel", aspect="equal")
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Thin blue arrows lie on thick grey ones; all point towards the cloud's middle.")


# %%
def relative_difference(a, b):
    """‖a − b‖ / ‖b‖ over all points together."""
    return ((a - b).norm() / b.norm()).item()


best = gaussian_denoiser(noisy, mean, covariance, sigma)
claim(
    "DAE.reaches-optimum",
    "its steps differ from those of the best denoiser by less than 15 %",
    relative_difference(answers - noisy, best - noisy) < 0.15,
)
claim(
    "DAE.score",
    "and its score from the true score of N(m, Σ + σ²I) by less than 15 %",
    relative_difference(estimate, score) < 0.15,
)

# %% [markdown]
# **Verdict.** The network was never told a density, and it has learned the slope of one.
#
# ### And when the data are not normal?
#
# Back to the ring. The exact optimum for its 120 points is (DAE.8), which the widget draws. Train a
# nonlinear denoising autoencoder on the same points at $\sigma = 0.25$.

# %% tags=["nbval-ignore-output"]
ring_sigma = 0.25
ring_denoiser = DenoisingAutoencoder(
    (1, 1, 2), latent_dim=64, hidden=(64,), strength=ring_sigma, seed=seed, **gaussian
)
many = ring.repeat(20, 1).view(-1, 1, 1, 2)  # every point 20 times an epoch, with its own noise
for lr in (3e-3, 3e-4):
    fit(ring_denoiser, many, epochs=20, batch_size=100, lr=lr, seed=seed)

# %% tags=["nbval-ignore-output"]
ticks = torch.linspace(-1.4, 1.4, 12)
grid = torch.cartesian_prod(ticks, ticks)
with torch.no_grad():
    learned = ring_denoiser(grid.view(-1, 1, 1, 2)).view(-1, 2)
fields = {"trained": learned, "optimum (DAE.8)": empirical_denoiser(grid, ring, ring_sigma)}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharey=True)
for axis, (title, answer) in zip(axes, fields.items(), strict=True):
    style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.005}
    axis.quiver(*grid.T, *(answer - grid).T, color=COLOURS[0], **style)
    axis.plot(*ring.T, ".", color=COLOURS[6], markersize=3)
    axis.set(title=title, xlabel="$x_1$", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
axes[0].set_ylabel("$x_2$")
show(figure, alt="Two fields of arrows towards a ring, much alike, least so in the centre.")

# %%
copies = ring.repeat(50, 1)
noisy = gaussian_noise(copies, ring_sigma, generator)
with torch.no_grad():
    learned = ring_denoiser(noisy.view(-1, 1, 1, 2)).view(-1, 2)
optimum = empirical_denoiser(noisy, ring, ring_sigma)
claim(
    "DAE.approximates",
    "at noisy points, its steps are within 30 % of the optimal ones",
    relative_difference(learned - noisy, optimum - noisy) < 0.3,
)
claim(
    "DAE.nearly-best",
    "and its error is less than 1.1 times that of the optimum",
    (squared_error(copies, learned).mean() < 1.1 * squared_error(copies, optimum).mean()).item(),
)

# %% [markdown]
# **Verdict.** Where the noise puts points, a trained network comes near to the optimum. The two
# fields differ most in the centre, where hardly any noisy point falls: there a network is not told
# what to do.

# %% [markdown]
# ## Exercises
#
# First cards that check themselves. A wrong answer is told which of the usual mistakes it is, and
# never the value.

# %%
ExerciseCard("denoising-target")

# %%
ExerciseCard("denoising-loss")

# %%
ExerciseCard("denoiser-on-clean-images")

# %%
ExerciseCard("best-denoiser")

# %%
ExerciseCard("score-from-a-denoiser")

# %%
ExerciseCard("formula-score-of-a-noisy-normal")

# %% [markdown]
# For the rest, predict first, write the prediction down, then run or open the answer.
#
# **1.** Train with masking of strength 1. What will the network answer, and what is its error?
#
# <details><summary>Answer</summary>
#
# The input is black whatever the image was, so by (DAE.5) the best answer is the mean of all
# training images. Its error is about the variance of the images, the grey line in the figure of
# strengths.
#
# </details>
#
# **2.** In (DAE.6), let one direction of the data have a much smaller variance than the other. What
# happens to the noise in each direction?
#
# <details><summary>Answer</summary>
#
# Along an eigenvector of $\Sigma$ with eigenvalue $\lambda$ the weight of $\tilde{x}$ is $\lambda /
# (\lambda + \sigma^2)$. In the narrow direction it is near 0: the noise is removed there, and so is
# what little there was to know. In the wide direction the noise mostly stays. A denoiser projects
# onto the directions in which the data vary.
#
# </details>
#
# **3.** In the widget with the ring, where does the arrow end that starts in the centre, for
# $\sigma = 0.5$? Is that a good guess?
#
# <details><summary>Answer</summary>
#
# Near the centre: points in opposite directions are about equally likely, and their mean lies
# between them. In squared error it is the best guess, and yet no point of the data is like it. For
# the same reason strongly damaged digits come back blurred.
#
# </details>
#
# **4.** Give the network Gaussian noise and, as its target, *another* noisy copy of the same image,
# with noise of its own. It never sees a clean image. Does it learn to denoise?
#
# <details><summary>Answer</summary>
#
# Yes. The minimiser of the squared error is $\mathbb{E}[\text{target} \mid \tilde{x}]$ by (DAE.5),
# and the target's own noise has mean 0 whatever $\tilde{x}$ is, so this is $\mathbb{E}[x \mid
# \tilde{x}]$ as before (Lehtinen et al., 2018). With the *same* noisy copy as the target the mean
# given $\tilde{x}$ is $\tilde{x}$ itself: a copy. With masking it fails, because a masked target is
# too dark on average.
#
# </details>

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](10_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=2)

# %% [markdown]
# ## Recap
#
# - A denoising autoencoder sees a damaged image and is compared with the clean one. The noise is
#   new each time.
# - The best denoiser answers the mean of the clean images that are possible: for both losses.
# - It helps near the noise of its training. On clean images it does harm, and the more so the
#   stronger the training noise was.
# - Robustness to one kind of noise need not carry over to another.
# - For Gaussian noise, the step of a denoiser divided by $\sigma^2$ is the score of the noisy data.
# - With small noise, the perfect denoiser of a training set answers with training images.
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
# - P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol. *Stacked Denoising
#   Autoencoders.* Journal of Machine Learning Research 11, 2010.
# - P. Vincent. *A Connection Between Score Matching and Denoising Autoencoders.* Neural
#   Computation 23, 2011.
# - B. Efron. *Tweedie's Formula and Selection Bias.* Journal of the American Statistical
#   Association 106, 2011.
# - J. Lehtinen et al. *Noise2Noise: Learning Image Restoration without Clean Data.* ICML 2018.
