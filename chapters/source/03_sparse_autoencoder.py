# %% [markdown]
# # 3 · Sparse autoencoder
#
# What is a photograph made of? Below are 64 shapes. A network that has seen 10,000 small pieces of
# photographs draws any such piece as a sum of them. Each shape belongs to one unit of its code. Move
# $\lambda$ to 0: the network may use all its units for every piece. Move it up again: each unit is
# asked to be silent for nearly all of them. What happens to the shapes?

# %% tags=["hide-input"]
import torch
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.evaluation import (
    confident_share, lifetime_activity, nearest_distance, orientation_selectivity,
    participation_ratio, population_activity,
)  # fmt: skip
from course_lib.information import kl_bernoulli
from course_lib.likelihoods import squared_error
from course_lib.models import Autoencoder, L1Autoencoder, SparseAutoencoder, TopKAutoencoder
from course_lib.models.sparse_autoencoder import kl_sparsity
from course_lib.notebook import check_task, claim, show, show_source
from course_lib.plots import COLOURS, image_rows, model_diagram
from course_lib.training import fit
from course_lib.widgets import ExerciseCard, LossCurves, SparseSweep

seed = 0  # change it and run again: every claim below must still hold

# %% tags=["hide-input"]
patches = load("patches").sample(10_000, seed).images  # 12 × 12 pixels, of two photographs
patches = patches - patches.mean((1, 2, 3), keepdim=True)  # brightness is not the subject
patches = patches / patches.std()
settings = {"hidden": (), "likelihood": "gaussian", "seed": seed}


def trained(net, lr=6e-2):
    for epochs, step in ((26, lr), (4, lr / 6)):  # smaller steps at the end
        net.history = fit(net, patches, epochs=epochs, batch_size=200, lr=step, seed=seed)
    return net


# %% tags=["hide-input", "nbval-ignore-output"]
weights, targets = (0, 3, 30, 100), (0.01, 0.03, 0.1)
plain = trained(Autoencoder((1, 12, 12), 64, code="sigmoid", **settings))
models = {(0, rho): plain for rho in targets}
for rho in targets:
    for weight in weights[1:]:
        sparse = SparseAutoencoder((1, 12, 12), 64, rho=rho, weight=weight, **settings)
        models[weight, rho] = trained(sparse)
model = models[30, 0.01]  # the one that the chapter looks at
SparseSweep(models, patches[:2000])

# %% [markdown]
# Without the penalty the shapes look like noise. At $\lambda = 30$ most of them are bars and edges, at
# different places and angles, as cells in the visual cortex like them. Nobody told the
# network about edges. This chapter explains what it was told.
#
# ## You will
#
# - write down a penalty on the average activation of a unit, and see where it is steep, flat, and
#   undefined;
# - measure that the features are edges, and what they cost;
# - tell two kinds of sparsity apart, one of which the penalty does not see;
# - compare the penalty with two other ways to a sparse code, L1 and top-k.
#
# **Before you start**: chapter 1; chapter 5 explains the divergence used here, but is not needed.
# **Time**: 50 minutes. What is measured in more detail stands in the
# [laboratory](03_sparse_autoencoder_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# In chapter 1 a narrow code kept the network from copying. There is another way, with as many units as
# one likes (here 64): make activity expensive. A small piece of a photograph holds one edge, or two, out of
# the hundreds that there could be. A code that has a unit for each possible edge, and switches on
# only those that are there, would be *sparse*. Every unit would stand for something that happens
# now and then in pictures, and would be silent otherwise.
# In 1996 Olshausen and Field asked for such a code of natural images.
#
# The same idea is in use today on language models: a sparse autoencoder reads the numbers inside the
# model, and its units turn out to stand for things one can name, such as a bridge or a programming
# error (Bricken and others, 2023).
#
# The code is written $h$ here, for *hidden activations*, because that is what the penalty
# looks at. With the activation function sigmoid, each $h_j$ lies between 0 and 1.

# %% tags=["hide-input"]
with torch.no_grad():
    some = patches[:1000]
    lost = squared_error(some, model(some)) / some.square().sum((1, 2, 3))
    lost[(model.encode(some) > 0.5).sum(1) > 6] = 1  # of those with few active units, the best
    x = some[lost.argmin()]
    h, x_hat = model.encode(x[None])[0], model(x[None])[0]
diagram = model_diagram(
    [
        ("patch $x$\n144 numbers", x / 6 + 0.5),  # ± 3 standard deviations as black and white
        ("$\\mathrm{sigmoid}(Wx + b)$", "encoder"),
        ("activations $h$\n64, few on", h),
        ("one layer", "decoder"),
        ("reconstruction $\\hat{x}$", (x_hat / 6 + 0.5).clamp(0, 1)),
    ]
)
show(diagram, alt="A patch, the encoder, 64 activations of which few are on, the decoder, a patch.")

# %% [markdown]
# ## A price for being active
#
# $$ \mathcal{L} = \mathcal{L}_{\text{recon}} + \lambda \sum_{j=1}^{d}
#    \mathrm{KL}(\rho \Vert \hat\rho_j) \tag{SAE.1} $$
#
# The first term is the reconstruction loss of chapter 1: the squared error (AE.2) for pixels that
# may be any real number, such as these patches, or the cross-entropy (AE.3) for pixels
# between 0 and 1. The second term is new. Its weight $\lambda$ says how
# much it counts; with $\lambda = 0$ we are back in chapter 1. It looks at the average activation of
# each unit:
#
# $$ \hat\rho_j = \frac{1}{B} \sum_{i=1}^{B} h_j(x_i) \tag{SAE.2} $$
#
# The average runs over *images*, for each unit by itself. What we want is $\hat\rho_j \approx
# \rho$, where the **target** $\rho$ is small, say 0.05. Treat $\rho$ and $\hat\rho_j$ as the chances
# of two coins. How different two coins are is measured by the Kullback–Leibler divergence, formula
# (KL.6) of chapter 5. The penalty is its sum over units:
#
# $$ \Omega = \sum_{j=1}^{d} \Bigl[ \rho \log \frac{\rho}{\hat\rho_j}
#    + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j} \Bigr] \tag{SAE.3} $$
#
# in nats. It is zero if $\hat\rho_j = \rho$ for every unit and positive otherwise.

# %% [markdown]
# ### Build it: the penalty
#
# Write the penalty for the activations of one batch. Think before you average: over what?


# %%
def sparsity_penalty(h, rho):
    """Σⱼ KL(ρ‖ρ̂ⱼ) with the means ρ̂ over the batch  (SAE.2, SAE.3)

    h: (B, d); rho: a number. Returns a number.
    """
    ...


# %%
sparsity_penalty = check_task("sparsity_penalty", sparsity_penalty)

# %%
ExerciseCard("sparsity-from-activations")

# %% [markdown]
# ### How steep is it?
#
# In the picture, move $\rho$, and compare the blue curve with the other two on both sides of $\rho$
# and at the edges.

# %%
LossCurves(
    {
        "KL(ρ‖ρ̂), in nats": lambda rho, rho_hat: kl_bernoulli(rho, rho_hat)[:, 0],
        "squared, (ρ̂ − ρ)²": squared_error,
        "L1, ρ̂ itself": lambda rho, rho_hat: rho_hat[:, 0],
    },
    x="ρ",
    x_hat="ρ̂",
    loss="cost",
    subject="the mean activation ρ̂ of a unit with the target ρ",
)

# %% [markdown]
# The squared distance has its minimum at $\rho$, too, but hardly cares what happens at the edges.
# The straight line has its minimum at 0: it prefers a unit that never fires. The slope of the blue curve
# is
#
# $$ \frac{\partial\, \mathrm{KL}(\rho \Vert \hat\rho)}{\partial \hat\rho}
#    = \frac{1 - \rho}{1 - \hat\rho} - \frac{\rho}{\hat\rho} \tag{SAE.4} $$

# %%
rho_hat = torch.tensor([0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.9, 0.99], requires_grad=True)
value = kl_bernoulli(0.05, rho_hat)
(slope,) = torch.autograd.grad(value.sum(), rho_hat)
print("rho_hat       ", *(f"{r:8.3f}" for r in rho_hat.tolist()))
print("KL            ", *(f"{k:8.4f}" for k in value.tolist()))
print("its slope     ", *(f"{s:8.2f}" for s in (slope + 0.0).tolist()))
print("by (SAE.4)    ", *(f"{0.95 / (1 - r) - 0.05 / r + 0.0:8.2f}" for r in rho_hat.tolist()))

# %% [markdown]
# Between 0.05 and 0.5 the penalty rises gently, to half a nat. It grows without bound towards 1, and
# towards 0 as well, but far more slowly: 0.15 nats at 0.001, and 4.2 at 0.99. A unit that is hardly ever
# active is cheap, one that is nearly always on is not.

# %%
ExerciseCard("sparsity-gradient")

# %% [markdown]
# Averages must lie between 0 and 1, as the chances of a coin do. A sigmoid unit has such an average; a
# ReLU unit need not. With $\hat\rho = 1.7$, formula (SAE.3) asks for the logarithm of a negative number,
# and for a unit that is off for every image it divides by zero.

# %%
for activations in (torch.tensor([[0.4], [3.0]]), torch.tensor([[0.0], [0.0]])):
    try:
        kl_sparsity(activations, rho=0.05)
    except ValueError as error:
        sentences = str(error).split("; ")
        print(f"ValueError: {sentences[0]};\n            {sentences[1]}")

# %% [markdown]
# ## The code, and the training
#
# The model differs from chapter 1 in one term of its loss:

# %%
show_source(SparseAutoencoder)

# %% [markdown]
# You trained ten of them at the top of the page. The 10,000 patches are *whitened*: neighbouring pixels
# of a photograph are almost equal, and the filter that Olshausen and Field used takes most of that
# out. We subtracted the mean of each patch and divided all by one standard deviation, so that a
# patch has about 144 units of squared error to explain. The model has 64 sigmoid units and no
# other hidden layer. Do the averages obey, and what does it cost?


# %% tags=["hide-input"]
@torch.no_grad()
def distance_to_target(pair):
    return (models[pair].encode(patches).mean(0) - pair[1]).abs().mean().item()


@torch.no_grad()
def error(model):
    return squared_error(patches, model(patches)).mean().item()


distances = {rho: [distance_to_target((w, rho)) for w in weights] for rho in targets}
errors = {rho: [error(models[w, rho]) for w in weights] for rho in targets}

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8))
for rho, colour in zip(targets, COLOURS, strict=False):
    for axis, values in zip(axes, (distances[rho], errors[rho]), strict=True):
        axis.plot(range(4), values, "o-", color=colour, label=f"ρ = {rho}")
axes[0].set(yscale="log", ylabel="mean distance of ρ̂ from ρ")
axes[1].set(ylim=0, ylabel="squared error per patch")
for axis in axes:
    axis.set_xticks(range(4), weights)
    axis.set_xlabel("weight λ")
    axis.spines[["top", "right"]].set_visible(False)
axes[1].legend(frameon=False)
figure.tight_layout()
show(figure, alt="As λ grows, the mean activations approach ρ, and the squared error rises.")

# %% tags=["hide-input"]
claim(
    "SAE.not-by-itself",
    "without the penalty the average activations lie so far from ρ = 0.01, in the mean",
    distances[0.01][0],
    at_least=0.1,
)
claim(
    "SAE.approaches-target",
    "at λ = 30 this share of the distance to ρ is left, at the worst of the three ρ",
    max(left[2] / left[0] for left in distances.values()),
    at_most=0.25,
)

# %% [markdown]
# As $\lambda$ grows $\hat\rho$ nears $\rho$, without reaching it (for $\rho = 0.01$ and $\lambda =
# 30$ it is 0.02), and the reconstruction pays. These networks are not yet trained to the end; the
# laboratory does that, and measures the price then.

# %% [markdown]
# ## Are they edges?
#
# Seeing edges in small pictures is easy. Look at all 64 **features**, one column of the decoder's
# weights each, those that fill the fewest pixels first. On the left those of the plain network, on
# the right those of $\lambda = 30$.


# %% tags=["hide-input", "nbval-ignore-output"]
def features(model):
    return model.decoder[0].weight.detach().T  # (64, 144)


def mosaic(model):
    """All features in one picture, each scaled to its own largest weight."""
    w = features(model)
    w = w[participation_ratio(w).argsort()]
    tiles = (w / w.abs().amax(1, keepdim=True)).view(8, 8, 12, 12)
    tiles = F.pad(tiles, (0, 1, 0, 1), value=float("nan"))  # a gap between them
    return tiles.permute(0, 2, 1, 3).reshape(104, 104)[:-1, :-1]


def show_features(named, alt):
    figure, axes = plt.subplots(1, len(named), figsize=(3.7 * len(named), 3.9))
    for axis, (name, model) in zip(axes, named.items(), strict=True):
        axis.imshow(mosaic(model), cmap="PuOr", vmin=-1, vmax=1)
        axis.set(title=name, xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    show(figure, alt)


pair = {"plain (λ = 0)": plain, "sparse (λ = 30, ρ = 0.01)": model}
show_features(pair, "64 features of each model: noise on the left, edges and bars on the right.")


# %% [markdown]
# Two numbers are harder to fool than an eye. The **participation
# ratio** counts the pixels that a feature $w$ occupies:
#
# $$ \mathrm{PR}(w) = \frac{\bigl( \sum_p w_p^2 \bigr)^2}{\sum_p w_p^4} \tag{SAE.5} $$
#
# It is 1 if a single pixel has all the weight and $D$ if all have the same; for noise with a
# normal distribution it is about $D/3$, since the mean of $w^4$ is then three times the squared
# mean of $w^2$. The **orientation selectivity** looks at the Fourier transform $W_f$ of the
# feature. Each frequency $f$ is a wave with a direction, of angle $\theta_f$, and a power
# $P(f) = |W_f|^2$. Do the strong waves have one direction? (Opposite directions are the same wave:
# hence the 2.)
#
# $$ \mathrm{OS}(w) = \frac{\bigl| \sum_f P(f)\, e^{2 i \theta_f} \bigr|}{\sum_f P(f)} \tag{SAE.6} $$
#
# It is 0 if all directions have the same power and 1 for a stripe pattern of one direction.

# %%
ExerciseCard("participation-ratio")


# %%
def shape_of(w):
    """Median participation ratio and median orientation selectivity."""
    selectivity = orientation_selectivity(w.view(-1, 12, 12))
    return participation_ratio(w).median().item(), selectivity.median().item()


noise = torch.randn(2000, 144, generator=torch.Generator().manual_seed(seed))
(pr_noise, os_noise), (pr_plain, os_plain), (pr_sparse, os_sparse) = (
    shape_of(w) for w in (noise, features(plain), features(model))
)
print(f"{'':24} pixels   orientation")
for name, w in {"noise": noise, "λ = 0": features(plain), "λ = 30, ρ = 0.01": features(model),
                "λ = 100, ρ = 0.1": features(models[100, 0.1])}.items():  # fmt: skip
    print(f"{name:24} {shape_of(w)[0]:6.1f} {shape_of(w)[1]:13.2f}")

# %% tags=["hide-input"]
claim(
    "SAE.oriented",
    "the sparse features are so many times as oriented as the plain ones, which are like noise",
    os_sparse / os_plain,
    at_least=3,
)
claim(
    "SAE.localised",
    "and they occupy this share of the pixels of the plain ones",
    pr_sparse / pr_plain,
    at_most=0.93,
)
claim(
    "SAE.target-matters",
    "at ρ = 0.1 the orientation is no higher than this, whatever λ",
    max(shape_of(features(models[w, 0.1]))[1] for w in weights),
    at_most=0.25,
)

# %% [markdown]
# Oriented: clearly. Localised: somewhat. A bar that crosses the patch is oriented
# without being small. And both only if the target is low enough: $\rho = 0.1$ is obeyed, and its
# features are as little oriented as those of the plain model.

# %% [markdown]
# ## Few units per image, or few images per unit?
#
# "Only a few units are active at once" would be a statement about each image. The penalty is about each
# unit. There are two fractions, with a threshold $t$ above which a unit counts as active:
#
# $$ \text{lifetime}_j = \frac{1}{N} \sum_{i=1}^{N} [h_j(x_i) > t], \qquad
#    \text{population}_i = \frac{1}{d} \sum_{j=1}^{d} [h_j(x_i) > t] \tag{SAE.7} $$
#
# where $[\,\cdot\,]$ is 1 if true and 0 otherwise. Lifetime sparsity: each unit is active for few
# images. Population sparsity: each image makes few units active. The means of both fractions are
# the same number, the share of ones in the whole table, but their spreads are not. Here are two
# tables of 40 units that pay no penalty. In the first, all units fire together, on
# one image in twenty. In the second, every unit always has the activation 0.05.

# %%
together = torch.zeros(1000, 40)
together[::20] = 1
constant = torch.full((1000, 40), 0.05)
for name, table in {"together": together, "constant": constant}.items():
    lifetime, population = (f(table, 0.5) for f in (lifetime_activity, population_activity))
    print(f"{name}: penalty {abs(kl_sparsity(table, 0.05).item()):.4f} nats, "
          f"lifetime {lifetime.mean():.2f}, "
          f"population from {population.min():.2f} to {population.max():.2f}")  # fmt: skip

# %% tags=["hide-input"]
claim(
    "SAE.blind-to-population",
    "all units at once, on one image in twenty: so much penalty, in nats",
    kl_sparsity(together, 0.05).abs(),
    at_most=1e-4,
)
claim(
    "SAE.blind-to-constants",
    "a constant 0.05, a code that says nothing: so much penalty, in nats",
    kl_sparsity(constant, 0.05).abs(),
    at_most=1e-4,
)

# %% [markdown]
# The second table is a **loophole**. A mean of 0.05 can mean "on for one image in twenty" or "a
# little on, always". Small activations that vary a little around 0.05 carry as much information
# as one likes, if the decoder has large weights to read them. Does a trained network go through it? In the
# picture, look for activations near 1: of the patches, and of digits, whose network has a second
# layer in the encoder and in the decoder.

# %% tags=["hide-input", "nbval-ignore-output"]
train, test = load("digits"), load("digits", "test")
digits = SparseAutoencoder((1, 8, 8), 64, (128,), rho=0.05, weight=3, seed=seed)
fit(digits, train.images, epochs=60, batch_size=100, lr=1e-2, seed=seed)
with torch.no_grad():
    h, h_digits = model.encode(patches), digits.encode(test.images)
print(f"mean activation: patches {h.mean():.3f}, digits {h_digits.mean():.3f}")
figure, axis = plt.subplots(figsize=(5, 2.8))
bins = torch.linspace(0, 1, 41).tolist()
for name, values, colour in (("patches", h, COLOURS[0]), ("digits", h_digits, COLOURS[1])):
    shares = torch.ones(values.numel()) / values.numel()
    axis.hist(values.flatten(), bins, weights=shares, histtype="step", color=colour, label=name)
axis.set(yscale="log", xlabel="activation h", ylabel="share of activations")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Patches: activations pile up at 0 and, fewer, at 1. Digits: all are small.")

# %% tags=["hide-input"]
claim(
    "SAE.loophole-used",
    "on digits, activations above 0.5 contribute this share of the mean activation",
    h_digits[h_digits > 0.5].sum() / h_digits.sum(),
    at_most=0.02,
)

# %% [markdown]
# The penalty constrains averages over the data and nothing else. On the digits it is met
# through the loophole: the activations have the prescribed mean and practically none is ever
# "active". On the patches, with other layers, another $\lambda$ and larger steps, the units do switch on
# and off.

# %%
ExerciseCard("what-the-sparsity-penalty-constrains")

# %%
ExerciseCard("lifetime-sparsity")

# %% [markdown]
# ## Two other ways
#
# For ReLU units, the plain sum of the activations can serve as the penalty. It is added up over
# the units *of each image*, and then averaged over images:
#
# $$ \mathcal{L} = \mathcal{L}_{\text{recon}}
#    + \frac{\lambda}{B} \sum_{i=1}^{B} \sum_{j=1}^{d} |h_j(x_i)| \tag{SAE.8} $$
#
# Or there is no penalty at all, and the network simply keeps the $k$ largest activations:
#
# $$ h_j = \begin{cases} a_j & \text{if } a_j \text{ is one of the } k \text{ largest entries of }
#    a \\ 0 & \text{otherwise} \end{cases}, \quad a = \operatorname{ReLU}(W x + b) \tag{SAE.9} $$
#
# Train both on the same patches, and a ReLU network without any penalty, which is what they must be
# compared with. Are their features edges, too?

# %% tags=["nbval-ignore-output"]
relu = trained(Autoencoder((1, 12, 12), 64, code="relu", **settings), lr=1e-2)
l1 = trained(L1Autoencoder((1, 12, 12), 64, weight=10, **settings), lr=1e-2)
top_k = trained(TopKAutoencoder((1, 12, 12), 64, k=6, **settings), lr=1e-2)

# %% tags=["hide-input", "nbval-ignore-output"]
show_features({"ReLU, no penalty": relu, "L1, λ = 10": l1, "top-k, k = 6": top_k},
              "Features: noise without a penalty, edges and bars with L1 and with top-k.")  # fmt: skip

# %% tags=["hide-input"]
claim(
    "SAE.three-roads",
    "with L1 and top-k the features are so many times as oriented as without a penalty, at least",
    min(shape_of(features(net))[1] for net in (l1, top_k)) / shape_of(features(relu))[1],
    at_least=3,
)

# %% [markdown]
# Three roads lead to oriented features. KL fixes the mean activation of each unit, top-k how many
# units are on for each image, and L1 neither: it makes activity expensive. The laboratory compares
# them, and shows how each can be escaped.

# %% [markdown]
# ## Can it draw a digit that nobody wrote?
#
# The question of chapter 1, with the same strip and the same two numbers, asked of the network of digits.
# In one row, codes are drawn from a normal distribution that is fitted to the codes of real images. In the
# other, the activations of each unit are shuffled over the images. Every unit keeps all its values and its
# average, so the penalty cannot tell these codes from real ones. Can you?

# %% tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(seed)
with torch.no_grad():
    codes = digits.encode(train.images)
    spread = torch.linalg.cholesky(torch.cov(codes.T.double()) + 1e-6 * torch.eye(64))
    epsilon = torch.randn(1000, 64, generator=generator)
    shuffled = torch.stack(
        [unit[torch.randperm(len(unit), generator=generator)] for unit in codes.T], dim=1
    )
    drawn = {
        "fitted normal": digits.decode_mean(codes.mean(0) + epsilon @ spread.T.float()),
        "shuffled units": digits.decode_mean(shuffled[:1000]),
    }

# %% tags=["hide-input", "nbval-ignore-output"]
classifier = LogisticRegression(C=100, max_iter=5000)
classifier.fit(train.images.flatten(1), train.labels)
usual = nearest_distance(test.images, train.images)
strip = {"test images": test.images} | drawn
sure = {name: confident_share(classifier, images) for name, images in strip.items()}
print(f"{'':14} confident  distance")
for name, images in strip.items():
    far = nearest_distance(images, train.images) / usual
    print(f"{name:14} {sure[name]:9.2f} {far:9.2f}")
show(
    image_rows(strip, 12), alt="Twelve test digits, and two rows of drawn ones, many of them blots."
)

# %% tags=["hide-input"]
claim(
    "SAE.blind-to-meaning",
    "shuffling changes the penalty by this share, which is rounding alone",
    abs(kl_sparsity(shuffled, 0.05) / kl_sparsity(codes, 0.05) - 1),
    at_most=0.001,
)
claim(
    "SAE.meaning-lost",
    "a classifier is sure of so much larger a share of test images than of shuffled codes, decoded",
    sure["test images"] - sure["shuffled units"],
    at_least=0.2,
)

# %% [markdown]
# Some can be read and many are blots, of the last row about half. The penalty has an opinion on
# every unit by itself and none on how they go together. A digit is several strokes *at the right
# places*, and nothing in this loss says which go together.

# %% [markdown]
# ## Exercises
#
# For these, predict first, write the prediction down, then run or open the answer.
#
# **1.** The target is 0.05. Which costs more: one hundred units with $\hat\rho = 0.1$, or one
# unit with $\hat\rho = 0.99$?
#
# <details><summary>Answer</summary>
#
# The one: 4.18 nats against $100 \cdot 0.0167 = 1.67$ nats. A moderate excess of all units is
# cheap. Check with `kl_bernoulli(0.05, 0.1)`.
#
# </details>
#
# **2.** Someone averages over the wrong axis: `h.mean(1)` instead of `h.mean(0)`. The code runs.
# What is being penalised now?
#
# <details><summary>Answer</summary>
#
# The mean activation of each *image*, over its units. That is a kind of population sparsity:
# every image must have a mean activation near $\rho$. A unit that is always on, among many that
# are always off, costs nothing then. And a constant $\rho$ still costs nothing in either
# direction.
#
# </details>
#
# **3.** Someone trains with batches of one image. What does the penalty (SAE.3) ask for then?
#
# <details><summary>Answer</summary>
#
# $\hat\rho_j$ is now $h_j(x)$ itself, so each activation of each image is pulled towards $\rho$:
# a constant, which carries no information. A unit that is either on or off pays for every image.
# So a batch should hold many times $1/\rho$ images. Ours hold two times; the
# laboratory measures what that does.
#
# </details>

# %% [markdown]
# ## Recap
#
# - The sparse autoencoder adds one term: how far the mean activation of each unit is from $\rho$.
# - The term has two sides, is gentle in between, and exists only for averages between 0 and 1.
# - On natural images, with a low target, it makes features oriented. The price is reconstruction.
# - It is about lifetimes, not populations, and small constant activations escape it.
# - L1 and top-k get to similar features.
#
# ## Next
#
# [Chapter 4](04_contractive_autoencoder.ipynb) penalises something else about the code: how much it
# reacts to small changes of the image. That is the **contractive autoencoder**.
#
# ## References
#
# - B. A. Olshausen, D. J. Field. *Emergence of Simple-Cell Receptive Field Properties by Learning a
#   Sparse Code for Natural Images.* Nature 381, 1996.
# - H. Lee, C. Ekanadham, A. Y. Ng. *Sparse Deep Belief Net Model for Visual Area V2.* NeurIPS 2007.
# - A. Y. Ng. *Sparse Autoencoder.* CS294A lecture notes, Stanford, 2011.
# - A. Makhzani, B. Frey. *k-Sparse Autoencoders.* ICLR 2014.
# - T. Bricken and others. *Towards Monosemanticity: Decomposing Language Models with Dictionary
#   Learning.* Transformer Circuits, 2023.
