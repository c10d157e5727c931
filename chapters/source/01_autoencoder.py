# %% [markdown]
# # 1 · Autoencoder
#
# How few numbers does a digit need? Below, a network has squeezed 329 digits of 28 × 28 pixels
# through *two* numbers, and draws the picture that each place of their plane stands for. Drag the
# ring. Can you walk from a 1 to an 8? And can you find a digit that nobody drew?

# %% tags=["hide-input"]
import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.evaluation import confident_share, nearest_distance
from course_lib.likelihoods import bernoulli_nll, squared_error
from course_lib.models import Autoencoder
from course_lib.notebook import check_task, claim, show, show_source
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows, model_diagram, training_curves
from course_lib.training import fit
from course_lib.widgets import (
    ExerciseCard, Interpolation, LatentTraversal, LossCurves, Prediction, SweepRows,
)  # fmt: skip

seed = 0  # change it and run again: every claim below must still hold

# %% tags=["nbval-ignore-output"]
glyphs = load("glyphs")
centred = (glyphs.factors[:, 4:].abs() <= 1).all(1)  # hardly shifted, to the side or up
drawn, labels = glyphs.images[centred], glyphs.labels[centred]
plane = Autoencoder((1, 28, 28), latent_dim=2, hidden=(256,), seed=seed)
fit(plane, drawn, epochs=150, batch_size=64, lr=2e-3, seed=seed)
LatentTraversal(plane, drawn[:200], labels[:200], map="pictures")

# %% [markdown]
# Every place decodes to something, and neighbours look alike. Much of it is a digit; much is half of
# one and half of another. Nobody told the network which digits there are.
#
# ## You will
#
# - write the loss that trains an autoencoder, and see what goes wrong when half of it is missing;
# - train one, and measure what each number of the code is worth;
# - look for the holes: places of the code that decode to no digit;
# - ask whether it can draw a digit that nobody wrote.
#
# **Before you start**: chapter 0, Python, and what a neural network and a gradient are.
# **Time**: 30 minutes. What is measured in more detail stands in the
# [laboratory](01_autoencoder_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# A picture of 8 × 8 pixels is a list of 64 numbers, but handwritten digits are not just any list
# of 64 numbers. Ink follows strokes. If a few numbers are enough to say which stroke goes where,
# then a network that must pass every image through a narrow layer can still rebuild it.
#
# Two networks share the work. The **encoder** $f_\phi$ maps an image $x$ with $D$ pixels to a
# **code** $z$ with $d$ numbers. The **decoder** $g_\theta$ maps the code back to an image
# $\hat{x}$, the **reconstruction**. Nobody labels anything: the image is its own target.
#
# With $d < D$ the autoencoder is called **undercomplete**: it cannot pass everything through and
# has to choose. With $d > D$ it is **overcomplete**.

# %% tags=["nbval-ignore-output"]
train, test = load("digits"), load("digits", "test")
model = Autoencoder((1, 8, 8), latent_dim=8, seed=seed)
history = fit(model, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)

# %% tags=["hide-input"]
x = test.images[3]
with torch.no_grad():
    z, x_hat = model.encode(x[None])[0], model(x[None])[0]
diagram = model_diagram(
    [
        ("image $x$\n64 numbers", x),
        ("$z = f_\\phi(x)$", "encoder"),
        ("code $z$\n8 numbers", z),
        ("$\\hat{x} = g_\\theta(z)$", "decoder"),
        ("reconstruction $\\hat{x}$", x_hat),
    ]
)
show(
    diagram, alt="An autoencoder: an image, the encoder, its code, the decoder, the reconstruction."
)


# %% [markdown]
# Where many networks are compared, the course uses such small scans of handwritten digits, 8 × 8
# pixels, on which one trains in a second.
#
# ## How close is close?
#
# $$ z = f_\phi(x), \qquad \hat{x} = g_\theta(z) \tag{AE.1} $$
#
# Here $x$ and $\hat{x}$ have $D$ numbers and $z$ has $d$. The parameters $\phi$ and $\theta$ are
# trained together so that $\hat{x}$ comes close to $x$. "Close" can be measured in two ways. One is
# the squared error:
#
# $$ \mathcal{L}(\phi, \theta) = \frac{1}{B} \sum_{i=1}^{B} \lVert x_i - \hat{x}_i \rVert^2
#    = \frac{1}{B} \sum_{i=1}^{B} \sum_{j=1}^{D} (x_{ij} - \hat{x}_{ij})^2 \tag{AE.2} $$
#
# $B$ is the number of images in the batch. Note where the two sums stand: the error is *summed*
# over pixels and *averaged* over images. In this chapter a mean over pixels would only rescale
# the loss. From chapter 7 on a second term stands beside it, and then a mean over pixels silently
# divides the first term by $D$.
#
# The other is the cross-entropy. When pixels lie between 0 and 1, the decoder can return one number
# $a_j$ per pixel, the *logit*, with $\hat{x}_j = \operatorname{sigmoid}(a_j)$. Read $\hat{x}_j$ as the
# probability that pixel $j$ is white. Then the loss of one image is
#
# $$ -\log p(x \mid \hat{x}) = -\sum_{j=1}^{D} \bigl[ x_j \log \hat{x}_j
#    + (1 - x_j) \log (1 - \hat{x}_j) \bigr]
#    = \sum_{j=1}^{D} \bigl[ \log(1 + e^{a_j}) - x_j a_j \bigr] \tag{AE.3} $$
#
# The last form is the one to compute: it never takes the logarithm of a rounded 0.
# It is in **nats**, the unit of information that belongs to the natural logarithm. (The
# laboratory shows that the squared error is such a logarithm, too.)

# %% [markdown]
# ### Build it: the loss from the logits
#
# It is your turn: write (AE.3), for a batch of images, from the logits $a$ and not from $\hat{x}$.
# Two lines do it. The next cell runs your function on images whose loss is known and tells you what
# it finds; hints and a solution unfold below it. A function that returns nothing stops nobody: the
# chapter goes on.


# %%
def cross_entropy_of_logits(x, logits):
    """Σⱼ [log(1 + exp(aⱼ)) − xⱼ aⱼ]  (AE.3)

    x, logits: (B, C, H, W). Returns (B,).
    """
    ...


# %%
cross_entropy_of_logits = check_task("cross_entropy_of_logits", cross_entropy_of_logits)

# %% [markdown]
# ### A floor
#
# Even a perfect reconstruction does not bring (AE.3) to zero. Take one grey pixel, $x = 0.5$,
# rebuilt exactly, $\hat{x} = 0.5$: the loss is $\log 2 = 0.69$. The reason is that (AE.3) is the
# cross-entropy between two coins, one that shows white with probability $x_j$ and one with
# $\hat{x}_j$. Its floor is the entropy of the first:
#
# $$ -\sum_j \bigl[ x_j \log \hat{x}_j + (1 - x_j) \log (1 - \hat{x}_j) \bigr]
#    \;\ge\; \sum_j H(x_j) \tag{AE.4} $$
#
# where $H(x) = -x \log x - (1 - x) \log (1 - x)$. Equality holds only for $\hat{x} = x$. So the
# smallest loss is still the best reconstruction, but its value says how grey the images are as
# much as how well they are rebuilt.
#
# The two halves are the two sides of a coin. With more outcomes there is a term for each: the
# cross-entropy of $p$ and $q$ is $H(p, q) = -\sum_k p_k \log q_k$.
#
# Now a question. A wrong answer is told which of the usual mistakes it is, and never the value; your
# attempts are kept in a file beside this notebook. Answers may be expressions, such as `log(3)/2`.

# %%
ExerciseCard("cross-entropy")

# %% [markdown]
# ## The code, and the training
#
# This is the whole model. `mlp` makes fully connected layers with ReLU between them; `loss`
# returns named terms, of which this first model has only one.

# %%
show_source(Autoencoder)

# %% [markdown]
# `fit` takes a batch of images, computes the loss, asks PyTorch for its gradient and lets the
# optimiser Adam take a step; sixty times through the data. You ran it above. Look at how the loss
# falls, and at the level at which it stays.

# %% tags=["hide-input", "nbval-ignore-output"]
figure = training_curves(history)
floor = bernoulli_nll(train.images, torch.logit(train.images, eps=1e-6)).mean().item()
figure.axes[0].axhline(floor, color="0.4", linestyle="--", linewidth=1)
figure.axes[0].text(60, floor, "floor: entropy of the pixels", ha="right", va="bottom")
show(
    figure, alt="The training loss falls steeply for ten epochs and then slowly towards the floor."
)

# %% [markdown]
# The curve flattens above the dashed line, the floor of (AE.4). What lies between the two is what
# the eight numbers do not carry. Now look at the reconstructions of images that the network has
# never seen, and find a digit that it gets wrong.

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    rebuilt = model(test.images)
show(
    image_rows({"test image": test.images, "rebuilt": rebuilt}, columns=12),
    alt="Twelve test digits above their reconstructions, which are alike but smoother.",
)

# %% [markdown]
# The strokes are there, a little smoother than in the original.
#
# > **Myth**: "the cross-entropy of an image is $-\sum_j x_j \log \hat{x}_j$". This formula, of a choice
# > among $D$ classes, is printed for pixels again and again. But pixels are $D$ separate choices, and
# > half of (AE.3) is missing:
#
# $$ \mathcal{L}_{\text{half}} = -\sum_{j=1}^{D} x_j \log \hat{x}_j
#    \;\ge\; 0, \quad \text{with equality for } \hat{x} = (1, \dots, 1)
#    \text{ whatever } x \tag{AE.5} $$
#
# Below are the losses of one pixel $x$ as functions of its reconstruction $\hat{x}$. A ring marks
# the minimum of each curve. Move $x$ from 0 to 1 and watch the rings.

# %%
LossCurves(
    {
        "cross-entropy, both halves": lambda x, x_hat: bernoulli_nll(x, torch.logit(x_hat)),
        "first half only": lambda x, x_hat: (x * -x_hat.log()).sum(1),
        "squared error": squared_error,
    }
)


# %% [markdown]
# Two rings follow $x$. The ring of the half stays at 1: that loss rewards white and never punishes
# it. What will a network paint that is trained on it? (Below, a place is *used* if more than a tenth
# of the images have ink there.)


# %% tags=["nbval-ignore-output"]
class HalfCrossEntropy(Autoencoder):
    def loss(self, x, generator=None):
        first_half = -x * F.logsigmoid(self.decode(self.encode(x)))
        return Loss({"first half": first_half.flatten(1).sum(1).mean()})


half = HalfCrossEntropy((1, 8, 8), latent_dim=8, seed=seed)
half_history = fit(half, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    white = half(test.images)
show(
    image_rows({"test image": test.images, "both halves": rebuilt, "first half": white}),
    alt="Ten digits; rebuilt by the full loss they are digits, by half of it nearly all white.",
)

# %% tags=["hide-input"]
used = (train.images > 0).float().mean(0) > 0.1  # pixels with ink in more than a tenth of images
black = (test.images == 0) & used
claim(
    "AE.half-loss",
    "trained on half of the loss, black pixels in used places come out as white as this, of 1",
    white[black].mean(),
    at_least=0.95,
)
claim(
    "AE.both-halves",
    "trained on both halves, the same black pixels come out as white as this",
    rebuilt[black].mean(),
    at_most=0.1,
)

# %% [markdown]
# ## What is a number of the code worth?
#
# Principal component analysis (PCA) is the best that a *linear* encoder and decoder can do on the
# images they are fitted to. Train autoencoders of several widths on the squared error and compare
# both on the test images.

# %% tags=["nbval-ignore-output"]
dims = [1, 2, 4, 8, 16]
rebuilt_by = {}
for d in dims:
    narrow = Autoencoder((1, 8, 8), latent_dim=d, likelihood="gaussian", seed=seed)
    fit(narrow, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)
    with torch.no_grad():
        rebuilt_by[d] = {"test image": test.images, "autoencoder": narrow(test.images)}

# %% tags=["hide-input"]
flat_train, flat_test = train.images.flatten(1), test.images.flatten(1)
for d in dims:
    pca = PCA(d).fit(flat_train)
    by_pca = torch.tensor(pca.inverse_transform(pca.transform(flat_test)))
    rebuilt_by[d]["PCA"] = by_pca.float().view_as(test.images)


def errors(name):
    return [squared_error(test.images, rebuilt_by[d][name]).mean().item() for d in dims]


# %% [markdown]
# How does the autoencoder's error fall as its code grows from one number to sixteen? Mark your guess:
# drag the points, or move their sliders. Then let the curve appear, and go on.

# %%
Prediction(dict(zip(dims, errors("autoencoder"))), "d", "squared error per image")

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5, 2.8))
axis.plot(dims, errors("PCA"), "s--", color=COLOURS[2], label="PCA")
axis.plot(dims, errors("autoencoder"), "o-", color=COLOURS[0], label="autoencoder")
axis.set_xscale("log", base=2)
axis.set_xticks(dims, dims)
axis.set(xlabel="latent dimension d", ylabel="squared error per image", ylim=0)
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Test error falls with the latent dimension; the autoencoder lies below PCA.")

# %% [markdown]
# Move the slider and look at one digit: at which $d$ can you first tell what it is, in the middle
# row and in the lowest?

# %%
SweepRows("d", rebuilt_by)

# %% tags=["hide-input"]
variance = flat_train.var(0).sum().item()  # the error of always answering the mean image
ours, pcas = errors("autoencoder"), errors("PCA")
claim(
    "AE.bottleneck",
    "a doubling of the code, from 1 to 16, leaves at most this part of the test error",
    max(after / before for before, after in zip(ours, ours[1:])),
    at_most=0.85,
)
claim(
    "AE.beats-pca",
    "with 2, 4 and 8 numbers the test error is at most this part of that of PCA",
    max(ours[i] / pcas[i] for i in (1, 2, 3)),
    at_most=0.8,
)

# %% [markdown]
# Every doubling of the code helps, and here curved encoders and decoders get more out of each number
# than flat ones.

# %% [markdown]
# ## Holes
#
# Two numbers once more, for the handwritten digits. A classifier that knows digits looks at what every
# place decodes to; how sure it is gives the brightness. White points are the codes of test images.
# Where is it dark, and where is it bright without a point in sight?

# %% tags=["nbval-ignore-output"]
flat_model = Autoencoder((1, 8, 8), latent_dim=2, seed=seed)
fit(flat_model, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)
classifier = LogisticRegression(C=100, max_iter=5000).fit(flat_train, train.labels)

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    points = flat_model.encode(test.images)
    low, high = points.amin(0) - 1, points.amax(0) + 1
    line = [torch.linspace(low[j], high[j], 100) for j in range(2)]
    drawn = flat_model.decode_mean(torch.cartesian_prod(*line)).flatten(1)  # first z₁, then z₂
sure = classifier.predict_proba(drawn.numpy()).max(1).reshape(100, 100).T
figure, axis = plt.subplots(figsize=(6, 4))
shown = axis.imshow(
    sure, extent=(low[0], high[0], low[1], high[1]), origin="lower", vmin=0.2, vmax=1, aspect="auto"
)
axis.scatter(*points.T, s=5, c="white", edgecolors="black", linewidths=0.3)
axis.set(xlabel="$z_1$", ylabel="$z_2$")
figure.colorbar(shown, label="confidence of the classifier")
show(figure, alt="A plane of codes: bright regions with points, dark bands between, and bright ones "
     "far outside where there is no point.")  # fmt: skip

# %% [markdown]
# Dark bands lie between the classes. Far outside, the classifier is sure of pictures of which it has
# never seen the like: being sure is no proof of a digit. Now walk through a band. Choose two digits
# and move $t$, on the straight way between the pixels and on that between the codes.

# %%
Interpolation(test.images, {"autoencoder": flat_model}, first=0, second=3)

# %% [markdown]
# The blend of pixels shows two digits at once. The way through the codes moves strokes, and passes
# pictures that are no digit.
#
# ## Can it draw a digit that nobody wrote?
#
# The decoder draws a picture for every $z$. With eight numbers, which $z$ should it be? Nothing in the
# loss says where the codes lie. Try two answers: $\mathcal{N}(0, I)$, and a normal distribution with the
# mean and the covariance of the codes themselves. Look at the lower rows and count the digits.

# %% tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(seed)
noise = torch.randn(1000, 8, generator=generator)
with torch.no_grad():
    codes = model.encode(train.images)
    spread = torch.linalg.cholesky(torch.cov(codes.T))
    samples = {
        "N(0, I)": model.decode_mean(noise),
        "fitted normal": model.decode_mean(codes.mean(0) + noise @ spread.T),
    }

# %% tags=["hide-input", "nbval-ignore-output"]
show(
    image_rows({"test image": test.images} | samples, columns=12),
    alt="Twelve test digits above decoded random codes, many of which are no digits.",
)
usual = nearest_distance(test.images, train.images)
far = {name: nearest_distance(drawn, train.images) / usual for name, drawn in samples.items()}
share = {name: confident_share(classifier, drawn) for name, drawn in samples.items()}
share["test image"] = confident_share(classifier, test.images)
for name in samples:
    print(f"{name:14} sure of {share[name]:.2f}, distance {far[name]:.2f}")
print(f"{'test image':14} sure of {share['test image']:.2f}, distance 1.00")

# %% [markdown]
# Counting by eye is not a measurement. The two numbers are: the share of pictures of which the
# classifier is sure, which means that it gives one class more than 0.9; and the distance to the nearest
# training image, where test images have 1. Strip and numbers come back in chapters 2 to 4.

# %% tags=["hide-input"]
claim(
    "AE.holes-confidence",
    "the classifier is sure of so much larger a share of test digits than of N(0, I), decoded",
    share["test image"] - share["N(0, I)"],
    at_least=0.3,
)
claim(
    "AE.holes-distance",
    "pictures decoded from N(0, I) lie so many times as far from training images as test digits",
    far["N(0, I)"],
    at_least=1.4,
)

# %% [markdown]
# Not well. The codes of images fill a shape of their own, and a normal distribution, even a fitted one,
# misses it. Chapter 7 changes the training so that the codes have a known distribution.
#
# ## Recap
#
# - An autoencoder is an encoder and a decoder trained together to rebuild their input.
# - The cross-entropy of pixels has two halves and a floor.
# - A code of eight numbers rebuilds digits better than eight principal components.
# - The code has holes, and nothing says where they are.
#
# ## Next
#
# The [laboratory](01_autoencoder_laboratory.ipynb) shows that a linear autoencoder is PCA, that infinitely
# many codes are equally good, and what an overcomplete one does. [Chapter
# 2](02_denoising_autoencoder.ipynb) keeps the network and changes its input: the **denoising
# autoencoder** sees a damaged image and must rebuild the clean one.
#
# ## References
#
# - G. E. Hinton, R. R. Salakhutdinov. *Reducing the Dimensionality of Data with Neural Networks.*
#   Science 313, 2006.
# - I. Goodfellow, Y. Bengio, A. Courville. *Deep Learning*, chapter 14. MIT Press, 2016.
