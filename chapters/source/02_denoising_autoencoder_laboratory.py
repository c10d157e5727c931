# %% [markdown]
# # 2 · Denoising autoencoder: laboratory
#
# The finer measurements to [chapter 2](02_denoising_autoencoder.ipynb): at which strength a
# denoiser helps and at which it hurts, what happens without the clean target or without fresh
# noise, what the code keeps, and how near a trained network comes to the best one. The networks are
# trained here once more.
#
# **Time**: 35 minutes, for all of it.

# %% tags=["hide-input"]
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
from course_lib.likelihoods import squared_error
from course_lib.models import Autoencoder, DenoisingAutoencoder
from course_lib.models.denoising_autoencoder import (
    empirical_denoiser, gaussian_denoiser, gaussian_noise, masking, salt_and_pepper,
    score_from_denoiser,
)  # fmt: skip
from course_lib.notebook import claim, show
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows, training_curves
from course_lib.training import fit
from course_lib.widgets import ExerciseCard

# %%
seed = 0  # change it and run again: every claim below must still hold
DATASET = os.environ.get("COURSE_DATASET", "digits")  # "mnist" works, too, and takes minutes
train, test = load(DATASET).sample(2000, seed), load(DATASET, "test").sample(1000, seed)
image_shape = train.images.shape[1:]
settings = {"epochs": 40, "batch_size": 64, "lr": 3e-3, "seed": seed}
damages = {"masking, 0.5": (masking, 0.5), "Gaussian, σ = 0.3": (gaussian_noise, 0.3),
           "salt and pepper, 0.3": (salt_and_pepper, 0.3)}  # fmt: skip

# %% tags=["nbval-ignore-output"]
plain = Autoencoder(image_shape, latent_dim=128, seed=seed)
plain_history = fit(plain, train.images, **settings)
by_kind, histories = {}, {}
for name, (corruption, strength) in damages.items():
    by_kind[name] = DenoisingAutoencoder(
        image_shape, 128, corruption=corruption, strength=strength, seed=seed
    )
    histories[name] = fit(by_kind[name], train.images, **settings)
denoiser = by_kind["masking, 0.5"]

# %% tags=["hide-input"]
nothing = torch.nn.Identity()


def damaged(corruption, strength):
    """The test images, damaged; the same noise whenever you ask."""
    return corruption(test.images, strength, torch.Generator().manual_seed(seed))


def error(model, x_noisy):
    """Squared error per test image, summed over the pixels (AE.2), to the clean image."""
    with torch.no_grad():
        return squared_error(test.images, model(x_noisy)).mean().item()


half_masked = damaged(masking, 0.5)

# %%
ExerciseCard("denoising-loss")

# %% [markdown]
# ## Where the losses level off
#
# Both networks minimise the cross-entropy to the clean image; only the first sees it. Look at where
# each levels off.

# %% tags=["hide-input", "nbval-ignore-output"]
figure = training_curves(plain_history)
figure.axes[0].lines[0].set_label("plain, clean input")
masked_history = histories["masking, 0.5"].terms["total"]
epochs = range(1, len(masked_history) + 1)
figure.axes[0].plot(epochs, masked_history, color=COLOURS[1], label="denoising, masked input")
figure.axes[0].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
show(figure, alt="Both training losses fall; that of the denoising autoencoder stays higher.")

# %% [markdown]
# The denoising loss levels off higher, since a hidden pixel can only be guessed. The two losses
# cannot be compared; the errors below can.
#
# ## At which noise does it help, and at which does it hurt?
#
# Train at four strengths and test each network at all strengths, against doing nothing and against
# the mean image. Before you look: which of the curves will be lowest at strength 0, and which at
# 0.9?

# %% tags=["nbval-ignore-output"]
by_strength = {0.5: denoiser}
for strength in (0.1, 0.3, 0.7):
    by_strength[strength] = DenoisingAutoencoder(image_shape, 128, strength=strength, seed=seed)
    history = fit(by_strength[strength], train.images, **settings)

# %%
contestants = {"doing nothing": nothing, "plain": plain}
contestants |= {f"trained at {s}": by_strength[s] for s in (0.1, 0.3, 0.5, 0.7)}
strengths = [round(0.1 * i, 1) for i in range(10)]
curves = {
    name: [error(model, damaged(masking, s)) for s in strengths]
    for name, model in contestants.items()
}
variance = test.images.flatten(1).var(0).sum().item()  # the error of answering the mean image

# %% tags=["hide-input", "nbval-ignore-output"]
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

# %% tags=["hide-input"]
own = {s: curves[f"trained at {s}"] for s in (0.1, 0.3, 0.5, 0.7)}
clean_errors = [curve[0] for curve in (curves["plain"], *own.values())]
networks = [curve for name, curve in curves.items() if name != "doing nothing"]
claim(
    "DAE.price-grows",
    "on clean images, each step to stronger training noise multiplies the error by at least this",
    min(after / before for before, after in zip(clean_errors, clean_errors[1:], strict=False)),
    at_least=1.02,
)
claim(
    "DAE.own-strength",
    "the error of the network trained at the tested strength is at most so many times the best",
    max(own[s][round(10 * s)] / min(c[round(10 * s)] for c in networks) for s in own),
    at_most=1.1,
)
claim(
    "DAE.wrong-strength",
    "training at 0.1 for a test at 0.7, or the reverse, multiplies the error by at least this",
    min(own[0.1][7] / own[0.7][7], own[0.7][1] / own[0.1][1]),
    at_least=1.4,
)

# %% [markdown]
# **Verdict.** A denoising autoencoder helps near the noise that it was trained on and hurts on
# cleaner images. The stronger the training noise, the higher the price. There is no best strength
# without saying what the network is for. And no network is sure to beat doing nothing: with MNIST,
# whose images are harder to draw, doing nothing still wins at strength 0.1.

# %% [markdown]
# ## Does the target have to be the clean image?
#
# Train the same network with the *noisy* image as its target; nothing else differs.


# %% tags=["nbval-ignore-output"]
class NoisyTarget(DenoisingAutoencoder):
    def loss(self, x, generator=None):
        noisy = self.corruption(x, self.strength, generator)
        return Loss({"reconstruction": self.nll(noisy, self.decode(self.encode(noisy))).mean()})


copyist = NoisyTarget(image_shape, 128, strength=0.5, seed=seed)
history = fit(copyist, train.images, **settings)

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    rows = {"clean target": denoiser(half_masked), "noisy target": copyist(half_masked)}
alt = "Digits with holes; repaired when the target was clean, holes copied when it was noisy."
show(image_rows({"test image": test.images, "masked": half_masked, **rows}), alt=alt)

# %% tags=["hide-input"]
claim(
    "DAE.clean-target",
    "a noisy target leaves so many times the error that a clean one leaves",
    error(copyist, half_masked) / error(denoiser, half_masked),
    at_least=1.4,
)

# %% [markdown]
# **Verdict.** The holes are copied with the rest. This network is a plain autoencoder of noisy
# images. A program with this mistake runs, and its loss falls; only the error against clean images
# reveals it.

# %% [markdown]
# ## Does the noise have to be new each time?
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
history = fit(frozen, torch.stack([masked_once, train.images], 1), **settings)

# %% tags=["hide-input"]
masked_anew = masking(train.images, 0.5, torch.Generator().manual_seed(seed + 2))
with torch.no_grad():
    by_heart, anew = (
        squared_error(train.images, frozen(x)).mean().item() for x in (masked_once, masked_anew)
    )
claim(
    "DAE.fresh-noise",
    "noise that never changes leaves so many times the test error of fresh noise",
    error(frozen, half_masked) / error(denoiser, half_masked),
    at_least=1.1,
)
claim(
    "DAE.holes-by-heart",
    "new holes in its own training images multiply the error of the network with frozen noise",
    anew / by_heart,
    at_least=1.2,
)

# %% [markdown]
# **Verdict.** Fresh noise helps. The second number says what goes wrong without it: the network has
# learned by heart which holes belong to which image, for new holes in the very same images cost it
# more. Fresh noise makes 40 different tasks of each image in 40 epochs, at no cost.

# %% [markdown]
# ## Does a bottleneck denoise by itself?
#
# A narrow plain autoencoder has never seen noise either, but it can only draw what eight numbers
# can say. Test it on salt and pepper.

# %% tags=["nbval-ignore-output"]
narrow = Autoencoder(image_shape, latent_dim=8, seed=seed)
history = fit(narrow, train.images, **settings)

# %% tags=["hide-input"]
specks = damaged(salt_and_pepper, 0.3)
removers = {"narrow": narrow, "wide": plain, "trained": by_kind["salt and pepper, 0.3"]}
left = {name: error(model, specks) / error(nothing, specks) for name, model in removers.items()}
claim(
    "DAE.untrained-for-noise",
    "plain ones, d = 8 and 128, both leave at most this share of the error of doing nothing",
    max(left["narrow"], left["wide"]),
    at_most=0.8,
)
claim(
    "DAE.bottleneck-not-enough",
    "but d = 8 leaves so many times as much as a network trained for this noise",
    left["narrow"] / left["trained"],
    at_least=1.5,
)

# %% [markdown]
# **Verdict.** It removes part of the specks, since what no digit has is hard to draw. But so does
# the wide one, which also has seen nothing but digits. Under masking it depends on the data: on the
# digits the narrow one leaves about half of the error, clearly less than the wide one; on MNIST
# both leave over 0.8 of it. Training for the noise does far more than a bottleneck.

# %% [markdown]
# ## Does robustness to one kind of noise carry over to another?
#
# The chapter says no for masking. Here are the three networks on all three kinds. Rows: trained on;
# columns: tested on.

# %% tags=["hide-input", "nbval-ignore-output"]
table = {
    name: [error(model, damaged(*damage)) for damage in damages.values()]
    for name, model in {"plain": plain, **by_kind}.items()
}
figure, axis = plt.subplots(figsize=(6.4, 2.4))
relative = torch.tensor(list(table.values()))
relative = relative / torch.tensor([error(nothing, damaged(*d)) for d in damages.values()])
axis.imshow(relative, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
for i, row in enumerate(relative):
    for j, value in enumerate(row):
        axis.text(j, i, f"{value:.2f}", ha="center", va="center",
                  color="white" if value > 0.85 else "black")  # fmt: skip
axis.set_xticks(range(3), damages)
axis.set_yticks(range(4), ["plain", *(f"trained on {name}" for name in by_kind)])
axis.set_title("error, as a share of the error of doing nothing", fontsize=10)
show(figure, alt="A table of errors: small where a network is tested on what it was trained on.")

# %% tags=["hide-input"]
masking_row, gaussian_row, pepper_row = (table[name] for name in damages)
claim(
    "DAE.specialists-win",
    "on the other kinds, training on masking leaves so many times what training on them leaves",
    min(masking_row[1] / gaussian_row[1], masking_row[2] / pepper_row[2]),
    at_least=1.7,
)
claim(
    "DAE.some-carry-over",
    "on salt and pepper, training on Gaussian noise leaves this share of the plain error",
    gaussian_row[2] / table["plain"][2],
    at_most=0.7,
)

# %% [markdown]
# **Verdict.** Not in general. The network that was trained to fill holes gains nothing against the
# other kinds; on the digits it is worse at both than the plain one. Gaussian noise and salt and
# pepper both lift dark pixels and darken bright ones, and there robustness does carry over.

# %% [markdown]
# ## Is the code invariant to noise? Are its features better?
#
# Mask half of the pixels and see how far the code moves, relative to how far the codes of different
# images are spread: the root of $\mathbb{E}\lVert f(\tilde{x}) - f(x) \rVert^2$ over the root of
# $\mathbb{E}\lVert f(x) - \bar{f} \rVert^2$, with $\bar{f}$ the mean code. 0 means invariant; a
# shift of 1 is as large as the distance to the mean.


# %% tags=["hide-input"]
@torch.no_grad()
def code_shift(model):
    z, z_noisy = model.encode(test.images), model.encode(half_masked)
    spread = squared_error(z, z.mean(0).expand_as(z)).mean()
    return (squared_error(z, z_noisy).mean() / spread).sqrt().item()


claim(
    "DAE.code-moves-less",
    "masking moves its code by this share of what it moves the plain one's",
    code_shift(denoiser) / code_shift(plain),
    at_most=0.97,
)
claim(
    "DAE.code-not-invariant",
    "but still by this share of the spread of the codes",
    code_shift(denoiser),
    at_least=0.4,
)

# %% [markdown]
# Whether the features are better can be asked of a classifier. It learns classes from the codes of
# clean training images, and is tested on codes of clean and of masked test images. The control
# classifies the pixels themselves.


# %% tags=["hide-input"]
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

# %% tags=["hide-input", "nbval-ignore-output"]
print(f"{'':10} {'linear classifier':^18} {'nearest neighbours':^18}")
print(f"{'':10} {'clean':>9} {'masked':>8} {'clean':>9} {'masked':>8}")
for name in codes:
    shown = [*linear[name], *nearest[name]]
    print(f"{name:10} {shown[0]:9.2f} {shown[1]:8.2f} {shown[2]:9.2f} {shown[3]:8.2f}")

# %% tags=["hide-input"]
claim(
    "DAE.features-noisy",
    "a linear classifier of masked images gains so much over the better of plain code and pixels",
    linear["denoising"][1] - max(linear["plain"][1], linear["pixels"][1]),
    at_least=0.02,
)
claim(
    "DAE.features-clean",
    "on clean images the two codes differ by at most this, for both classifiers",
    max(abs(s["denoising"][0] - s["plain"][0]) for s in (linear, nearest)),
    at_most=0.06,
)

# %% [markdown]
# **Verdict.** The features are more robust to the noise of the training, and not invariant to it.
# On clean images they are about as good as before.

# %% [markdown]
# ## Is a trained denoiser the best denoiser?
#
# To know, take data for which (DAE.6) gives the best one: points in a plane from a normal
# distribution, "images" of 1 × 2 pixels. The best denoiser is then linear, so a network without
# hidden layers can reach it.

# %% tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(seed)
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
# one in grey, the estimate (DAE.8) of the trained network in blue.

# %% tags=["hide-input", "nbval-ignore-output"]
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

# %% [markdown]
# The control for the score is the best rule that only knows where the middle is: the same step
# towards the mean in all directions, $c\,(m - \tilde{x})$ with the best $c$.


# %% tags=["hide-input"]
def relative_difference(a, b):
    """‖a − b‖ / ‖b‖ over all points together."""
    return ((a - b).norm() / b.norm()).item()


best = gaussian_denoiser(noisy, mean, covariance, sigma)
inward = mean - noisy
inward *= (inward * score).sum() / inward.square().sum()
claim(
    "DAE.reaches-optimum",
    "its steps differ from those of the best denoiser by this share",
    relative_difference(answers - noisy, best - noisy),
    at_most=0.15,
)
claim(
    "DAE.score",
    "its score misses that of N(m, Σ + σ²I) by this share of what the control misses it by",
    relative_difference(estimate, score) / relative_difference(inward, score),
    at_most=0.35,
)

# %% [markdown]
# **Verdict.** The network was never told a density, and it has learned the slope of one.
#
# ## And when the data are not normal?
#
# The ring of the chapter. The exact optimum for its 120 points is (DAE.7), which the widget draws.
# Train a nonlinear denoising autoencoder on the same points at $\sigma = 0.25$.

# %% tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(seed)
angles = 2 * math.pi * torch.rand(120, generator=generator)
radii = 1 + 0.1 * torch.randn(120, generator=generator)
ring = torch.stack([radii * angles.cos(), radii * angles.sin()], 1)
ring_sigma = 0.25
ring_denoiser = DenoisingAutoencoder(
    (1, 1, 2), latent_dim=64, hidden=(64,), strength=ring_sigma, seed=seed, **gaussian
)
many = ring.repeat(20, 1).view(-1, 1, 1, 2)  # every point 20 times an epoch, with its own noise
for lr in (3e-3, 3e-4):
    fit(ring_denoiser, many, epochs=20, batch_size=100, lr=lr, seed=seed)

# %% tags=["hide-input", "nbval-ignore-output"]
ticks = torch.linspace(-1.4, 1.4, 12)
grid = torch.cartesian_prod(ticks, ticks)
with torch.no_grad():
    learned = ring_denoiser(grid.view(-1, 1, 1, 2)).view(-1, 2)
fields = {"trained": learned, "optimum (DAE.7)": empirical_denoiser(grid, ring, ring_sigma)}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharey=True)
for axis, (title, answer) in zip(axes, fields.items(), strict=True):
    style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.005}
    axis.quiver(*grid.T, *(answer - grid).T, color=COLOURS[0], **style)
    axis.plot(*ring.T, ".", color=COLOURS[6], markersize=3)
    axis.set(title=title, xlabel="$x_1$", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
axes[0].set_ylabel("$x_2$")
show(figure, alt="Two fields of arrows towards a ring, much alike, least so in the centre.")

# %% tags=["hide-input"]
copies = ring.repeat(50, 1)
noisy = gaussian_noise(copies, ring_sigma, generator)
with torch.no_grad():
    learned = ring_denoiser(noisy.view(-1, 1, 1, 2)).view(-1, 2)
optimum = empirical_denoiser(noisy, ring, ring_sigma)
claim(
    "DAE.approximates",
    "at noisy points, its steps differ from the optimal ones by this share",
    relative_difference(learned - noisy, optimum - noisy),
    at_most=0.3,
)
claim(
    "DAE.nearly-best",
    "and its error is so many times that of the optimum (the least there is: 1)",
    squared_error(copies, learned).mean() / squared_error(copies, optimum).mean(),
    at_most=1.1,
)

# %% [markdown]
# **Verdict.** Where the noise puts points, a trained network comes near to the optimum. The two
# fields differ most in the centre, where hardly any noisy point falls: there a network is not told
# what to do.

# %%
ExerciseCard("formula-score-of-a-noisy-normal")

# %% [markdown]
# ## Exercises
#
# Predict first, write the prediction down, then run or open the answer.
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
# The main source describes the model but prints no loss, and promises "robust, high-level features
# that are invariant to noise" without saying which noise. Each place has an id, such as 004-12. The
# [appendix](99_the_sources_checked.ipynb) explains ids and verdicts, and has the rows of all
# chapters by topic.

# %%
show_errata(chapter=2)

# %% [markdown]
# Back to [chapter 2](02_denoising_autoencoder.ipynb), or on to
# [chapter 3](03_sparse_autoencoder.ipynb).
#
# ## References
#
# - P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol. *Stacked Denoising
#   Autoencoders.* Journal of Machine Learning Research 11, 2010.
# - J. Lehtinen et al. *Noise2Noise: Learning Image Restoration without Clean Data.* ICML 2018.
