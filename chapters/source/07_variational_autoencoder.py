# %% [markdown]
# # 7 · Variational autoencoder
#
# Can a network draw a digit that nobody wrote? The autoencoders of chapters 1 to 4 rebuild digits,
# but nothing tells them where the code of a new digit should lie. The variational autoencoder (VAE)
# is told. Nobody wrote the digits below: each was decoded from forty random numbers, $a \cos t + b
# \sin t$ with two random draws $a$ and $b$. Turn the angle $t$: how many are digits, and what lies
# between them?

# %% tags=["hide-input"]
import itertools
import math

import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

# %% tags=["hide-input"]

from course_lib.datasets import load
from course_lib.evaluation import (
    active_units, confident_share, kl_per_dimension, nearest_distance,
)  # fmt: skip
from course_lib.likelihoods import Gaussian, effective_beta
from course_lib.models import VAE, Autoencoder, pretrained
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import Beta, Loss
from course_lib.plots import image_rows, model_diagram, training_curves
from course_lib.training import fit, sweep
from course_lib.widgets import (
    ExerciseCard, Interpolation, LatentTraversal, Reparameterization, SweepRows, TrainingScrubber,
)  # fmt: skip

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")
settings = {"epochs": 60, "batch_size": 64, "lr": 3e-3, "seed": seed}


def generator():
    return torch.Generator().manual_seed(seed)


# %% tags=["nbval-ignore-output"]
mnist_vae = pretrained("mnist_vae")  # trained on 60,000 handwritten digits
a, b = torch.randn(2, 12, 40, generator=generator())
turned = {}
with torch.no_grad():
    for angle in range(0, 360, 24):
        t = math.radians(angle)
        turned[angle] = {"decoded": mnist_vae.decode_mean(a * math.cos(t) + b * math.sin(t))}
SweepRows("angle", turned, columns=12)

# %% [markdown]
# Many are digits that one can read. On the way strokes move, close and open, and now and then there
# is something that is no digit.
#
# ## You will
#
# - build the VAE: its loss, and a random draw through which gradients flow;
# - walk over its latent space, and see where that has holes;
# - draw new digits, and compare them with what the autoencoder draws;
# - make a code collapse, and find the weight that a loss hides;
# - edit faces: more of a smile, glasses on, glasses off.
#
# **Before you start**: chapters 1, 5 and 6. **Time**: 55 minutes. What is measured in more detail
# stands in the [laboratory](07_variational_autoencoder_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# An autoencoder turns an image into a point. Nothing in its loss says where the points should lie,
# so a code that is chosen at random mostly falls where no image has its code: into a hole.
#
# Two changes repair this. The encoder returns, for each image, a normal distribution
# $q_\phi(z \mid x)$ in place of a point: a small cloud with a centre $\mu$ and a width $\sigma$
# for each number of the code. The decoder gets a random draw from it, so all of the cloud must
# decode to something like $x$. And the loss gets a second term, which pulls every cloud towards
# one known distribution, the **prior** $p(z) = \mathcal{N}(0, I)$.

# %% tags=["hide-input"]
with torch.no_grad():
    x = turned[0]["decoded"][:1]
    mu, logvar = mnist_vae.encode(x)
    sigma = (logvar / 2).exp()
    z = mu + sigma * torch.randn(1, 40, generator=generator())
    x_hat = mnist_vae.decode_mean(z)
diagram = model_diagram(
    [
        ("image $x$\n784 numbers", x[0]),
        ("$q_\\phi(z|x)$", "encoder"),
        ("$\\mu$ and $\\sigma$\n40 + 40 numbers", torch.stack([mu[0], sigma[0]], dim=1)),
        ("code $z$\n$\\mu + \\sigma \\odot \\varepsilon$", z[0]),
        ("$p_\\theta(x|z)$", "decoder"),
        ("reconstruction $\\hat{x}$", x_hat[0]),
    ]
)
show(
    diagram,
    alt="A VAE: an image, the encoder, μ and σ, a code z drawn from them, the decoder, a picture.",
)

# %% [markdown]
# The two terms pull against each other. To rebuild an image the decoder needs clouds that can be
# told apart: narrow, and far from each other. The second term wants all of them wide, and at the
# same place. What comes out is a compromise, and chapter 6 showed that it is not an arbitrary one:
# the loss is minus the evidence lower bound (ELBO), a bound on $\log p_\theta(x)$. Raising $\log
# p_\theta(x)$ of the training images is called **maximum likelihood**; a VAE raises the bound.
#
# Chapter 6 searched for a $q$ for each image anew. Here one network, the encoder, answers for all
# images at once. That is called **amortised inference**.

# %% [markdown]
# ## The model and its loss
#
# $$ q_\phi(z \mid x) = \mathcal{N}\bigl(\mu_\phi(x), \operatorname{diag} \sigma_\phi^2(x)\bigr),
#    \quad p(z) = \mathcal{N}(0, I), \quad p_\theta(x \mid z) \tag{VAE.1} $$
#
# The encoder network returns two lists of $d$ numbers, $\mu$ and $\log \sigma^2$; a logarithm may
# have any sign, so nothing has to keep it positive. The decoder network returns what the
# likelihood $p_\theta(x \mid z)$ needs, here a logit for each pixel, as in (AE.3). The loss is the
# bound (ELBO.8) with the sign turned, because optimisers minimise:
#
# $$ \mathcal{L}(\theta, \phi; x) = \mathbb{E}_{q_\phi(z \mid x)}
#    \bigl[ -\log p_\theta(x \mid z) \bigr]
#    + \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) \tag{VAE.2} $$
#
# Keep one line in mind: *the ELBO is reconstruction minus divergence and is maximised; the loss is
# reconstruction error plus divergence and is minimised.* The divergence has the closed form
# (KL.12). The expectation has none; one draw of $z$ for each image estimates it.
#
# ### Build it: the loss
#
# Write the loss of a batch from what the decoder says about each image, `nll`, and from what the
# encoder gives. What is added up, and what is averaged?


# %%
def vae_loss(nll, mu, logvar):
    """The mean over images of nll + KL(N(μ, σ²)‖N(0, I))  (VAE.2)

    nll: (B,); mu, logvar: (B, d). Returns a number.
    """
    ...


# %%
vae_loss = check_task("vae_loss", vae_loss)

# %%
ExerciseCard("kl-of-a-batch")

# %% [markdown]
# ## A draw through which gradients flow
#
# The parameters $\phi$ sit in the distribution that $z$ is drawn from. How does a slope get through
# a draw? Draw noise from a distribution without parameters, then move and stretch it. This is the
# **reparameterization**:
#
# $$ z = \mu_\phi(x) + \sigma_\phi(x) \odot \varepsilon, \qquad
#    \varepsilon \sim \mathcal{N}(0, I) \tag{VAE.3} $$
#
# $\odot$ multiplies number by number. Given $\varepsilon$, the code is a smooth function of $\mu$
# and $\sigma$: $\partial z / \partial \mu = 1$ and $\partial z / \partial \sigma = \varepsilon$.
#
# Below, thirty draws of noise stay where they are. Move $\mu$: what happens to the lines? Move
# $\sigma$: which codes move most, and which hardly? Then ask for fresh noise.

# %%
Reparameterization()

# %% [markdown]
# $\mu$ shifts all codes by the same amount. $\sigma$ moves each by its own $\varepsilon$: a draw
# near 0 hardly moves. In training every image gets fresh noise in every step. (There is another
# gradient, without this path. The laboratory compares the two.)
#
# ### Build it: the draw
#
# The encoder returns the logarithm of the variance, `logvar`. Write the draw.


# %%
def reparameterized(mu, logvar, epsilon):
    """z = μ + σ ε with σ² = exp(logvar)  (VAE.3)

    mu, logvar, epsilon: (B, d). Returns (B, d).
    """
    ...


# %%
reparameterized = check_task("reparameterized", reparameterized)

# %% [markdown]
# ### Train it
#
# Your two functions and two networks are a VAE. The images are the 8 × 8 digits of chapter 1, and
# the code has eight numbers again.


# %%
def built(model, x, generator, step):
    """The loss of a batch, in its two parts."""
    mu, logvar = model.encode(x)
    epsilon = torch.randn(mu.shape, generator=generator)  # fresh, for each image
    z = reparameterized(mu, logvar, epsilon)
    nll = -model.likelihood.log_prob(x, model.decode(z))  # (B,)
    loss = vae_loss(nll, mu, logvar)
    return Loss({"reconstruction": nll.mean(), "kl": loss - nll.mean()})


# %% tags=["nbval-ignore-output"]
vae = VAE.dense((1, 8, 8), latent_dim=8, seed=seed)
history = fit(vae, train.images, objective=built, **settings)

# %% [markdown]
# Look at the two terms: which falls, and which rises?

# %% tags=["hide-input", "nbval-ignore-output"]
show(
    training_curves(history),
    alt="The reconstruction term falls while the divergence rises from 0 to about 3 nats.",
)

# %% [markdown]
# The divergence begins near zero and *rises*: the model buys information about the image as long
# as a nat of it saves more than a nat of reconstruction error. Now the test images, rebuilt from
# the centres of their clouds, and then from a draw. Which row is less sharp?

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    mu, logvar = vae.encode(test.images)
    rebuilt = vae.decode_mean(mu)
    noise = torch.randn(mu.shape, generator=generator())
    from_draws = vae.decode_mean(mu + (logvar / 2).exp() * noise)
show(
    image_rows(
        {"test image": test.images, "from the centre": rebuilt, "from a draw": from_draws}, 12
    ),
    alt="Twelve test digits above softer reconstructions; those from draws vary in shape.",
)

# %% [markdown]
# Both are softer than those of chapter 1: what the code does not say is averaged away. A draw may
# also change the shape a little, because neighbouring clouds overlap.

# %% [markdown]
# ## A map of the latent space
#
# Two numbers in place of eight make the latent space a plane. The map shows what its places decode
# to, where the codes of the test images lie, or both. Drag the ring. Before you do, guess what
# lies between the zeros and the sixes.

# %% tags=["nbval-ignore-output"]
flat_vae, moments = VAE.dense((1, 8, 8), latent_dim=2, seed=seed), {}


def watch(progress):
    if progress.step in (1, 5, 10, 20, 50, 100, 200, 500, 1000, 60 * 23):  # 23 steps an epoch
        moments[progress.step] = flat_vae.encode(test.images).mu.detach()


fit(flat_vae, train.images, callback=watch, **settings)
LatentTraversal(flat_vae, test.images, test.labels, map="pictures")

# %% [markdown]
# Every place decodes to something, and neighbours look alike. Between two classes there are
# pictures that are neither. Switch to the codes: classes lie in patches, and the middle is crowded.
# No axis is "the digit": ten classes without an order do not line up.
#
# How did the map come about? The codes of the test images were kept on the way. Press *play*: when
# do the first classes part, and when does the cloud reach the width of the prior?

# %%
TrainingScrubber(moments, test.labels, name="step")

# %% [markdown]
# At first all images have nearly the same code. Between steps 50 and 200 the cloud spreads to about
# the width of the prior, and classes part while it does.
#
# ### Where are the holes?
#
# Train an autoencoder with two numbers as well, and decode every place of both planes. A classifier
# that knows digits looks at each picture. How sure it is of its answer gives the brightness. White
# points are codes of test images; nine of ten draws from $\mathcal{N}(0, I)$ fall into the ring.

# %% tags=["hide-input", "nbval-ignore-output"]
flat_autoencoder = Autoencoder((1, 8, 8), latent_dim=2, seed=seed)
fit(flat_autoencoder, train.images, **settings)
classifier = LogisticRegression(C=100, max_iter=5000)
classifier.fit(train.images.flatten(1), train.labels)


def confidence(images):
    return torch.tensor(classifier.predict_proba(images.flatten(1)).max(1))


# %% tags=["hide-input", "nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
with torch.no_grad():
    planes = {"autoencoder": (flat_autoencoder, flat_autoencoder.encode(test.images))}
    planes["VAE"] = flat_vae, flat_vae.encode(test.images).mu
    for axis, (name, (net, points)) in zip(axes, planes.items(), strict=True):
        half = max(3.5, points.abs().max().item())
        line = torch.linspace(-half, half, 80)
        places = torch.cartesian_prod(line, line)  # first z₁, then z₂
        sure = confidence(net.decode_mean(places)).view(80, 80).T
        shades = axis.contourf(line, line, sure, levels=(0.1, 0.5, 0.7, 0.9, 1), cmap="cividis")
        axis.scatter(*points[::3].T, s=4, c="white", edgecolors="black", linewidths=0.3)
        axis.add_patch(plt.Circle((0, 0), 2.15, fill=False, color="#bd1f01", linewidth=2))
        axis.set(title=name, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
figure.colorbar(shades, ax=axes, label="confidence of the classifier")
show(
    figure,
    alt="Two planes of codes. Many of the autoencoder's codes lie far beyond the ring of N(0, I); "
    "the VAE's fill the ring. In both, bands between classes are dark.",
)

# %% [markdown]
# The autoencoder's codes lie where training happened to put them, many of them far from the ring.
# The VAE's codes fill it. Dark bands remain between the classes, well inside the ring: a decoder is
# continuous, and where it leads from a 4 to a 0 it has to pass what is neither.

# %% [markdown]
# ## Can it draw a digit that nobody wrote?
#
# For drawing, what matters is not one cloud but the mixture of all of them, the **aggregate
# posterior**:
#
# $$ q(z) = \frac1N \sum_{i=1}^{N} q_\phi(z \mid x_i) \tag{VAE.4} $$
#
# If it equals the prior, then codes drawn from the prior are like codes of images. So drawing is
# one line: $z \sim \mathcal{N}(0, I)$, decode. The autoencoder has no such line. As in chapters 1
# to 4 it is helped out: after training, a normal distribution is fitted to its codes, with their
# mean and covariance.

# %% tags=["nbval-ignore-output"]
autoencoder = Autoencoder((1, 8, 8), latent_dim=8, seed=seed)
fit(autoencoder, train.images, **settings)
with torch.no_grad():
    z = torch.randn(1000, 8, generator=generator())
    codes = autoencoder.encode(train.images)
    spread = torch.linalg.cholesky(torch.cov(codes.T))
    drawn = {
        "test images": test.images,
        "autoencoder, N(0, I)": autoencoder.decode_mean(z),
        "autoencoder, fitted": autoencoder.decode_mean(codes.mean(0) + z @ spread.T),
        "VAE, N(0, I)": vae.decode_mean(z),
        "VAE, rebuilt": rebuilt,
    }

# %% [markdown]
# Cover the labels and look at the rows: which would you take for digits? The two numbers are those
# of chapters 1 to 4: the share of pictures to which the classifier gives one class with a
# probability above 0.9, and the distance to the nearest training image, where test images have 1.

# %% tags=["hide-input", "nbval-ignore-output"]
usual = nearest_distance(test.images, train.images)
share = {name: confident_share(classifier, images) for name, images in drawn.items()}
far = {name: nearest_distance(images, train.images) / usual for name, images in drawn.items()}
print(f"{'':22}  confident share   distance to nearest")
for name in drawn:
    print(f"{name:22} {share[name]:16.2f} {far[name]:21.2f}")
show(
    image_rows(drawn | {"large VAE, N(0, I)": turned[0]["decoded"]}, columns=12),
    alt="Rows of test digits, samples of the autoencoder from two distributions and of the VAE, "
    "rebuilt test digits, and samples of the VAE of MNIST, at 28 × 28 pixels.",
)

# %% tags=["hide-input"]
claim(
    "VAE.draws-nearer",
    "the VAE's samples have this share of the distance of the autoencoder's from a fitted normal",
    far["VAE, N(0, I)"] / far["autoencoder, fitted"],
    at_most=0.95,
)
claim(
    "VAE.no-holes-is-too-much",
    "the classifier is sure of so much less of the VAE's samples than of test images it rebuilt",
    share["VAE, rebuilt"] - share["VAE, N(0, I)"],
    at_least=0.03,
)

# %% [markdown]
# Yes, two times out of three: so many of its samples are digits to the classifier. Of the test
# images that the VAE rebuilds five in six are, and of real ones nineteen in twenty; so a part of what
# is missing is blur, and the rest lies in the codes. An autoencoder reaches the same share once a
# normal is fitted to its codes, but its pictures lie farther from real ones. The VAE needed no fitting:
# its prior was known before training began. From it the large model at the top drew all its digits, the
# last row here.
#
# Neither number is a proof: a classifier is sure of most pictures of noise, and a copied training
# image has the distance 0. The laboratory has more models, priors and measures in one table; a
# mixture of ten normals fitted to the codes, for instance, draws better than one, with either
# model.
#
# Three ways lead from one image to another. Choose two digits of different classes and move $t$. In
# which row does one digit turn into the other, and in which do you see both at once?

# %%
Interpolation(test.images[:100], {"autoencoder": autoencoder, "VAE": vae}, first=24, second=1)

# %% [markdown]
# The blend of pixels shows both digits at once. In the other rows strokes move; which of the two is
# better is hard to see, and hard to measure (laboratory).
#
# ### What the divergence pays for
#
# Take the mean of $\log q(z \mid x) / p(z)$ over images and their codes, and split it at $q(z)$:
#
# $$ \mathbb{E}_x \, \mathrm{KL}\bigl( q(z \mid x) \,\Vert\, p(z) \bigr)
#    = I(x; z) + \mathrm{KL}\bigl( q(z) \,\Vert\, p(z) \bigr) \tag{VAE.5} $$
#
# $I(x; z)$ is the **mutual information**, the number of nats that a code says about which image it
# came from. So the divergence is paid for two things, a useful one and a harmful one. If
# $q(z \mid x)$ were close to $p(z)$ for *every* $x$, both would be zero: the code would say
# nothing. The aim is $q(z) \approx p(z)$ with $I(x; z)$ large.

# %%
ExerciseCard("why-fewer-holes")

# %% [markdown]
# ## Making a code collapse
#
# A code that says nothing is called **collapsed**, and usually it strikes single dimensions. Those
# that move with the image are called **active units**:
#
# $$ A = \#\{ j : \operatorname{Var}_x(\mu_j(x)) > 0.01 \} \tag{VAE.6} $$
#
# Back to your VAE with eight numbers. The sliders are ordered by the divergence of their
# dimensions. Move the first ones, then the last: which change the picture? Then press *random* a
# few times: these are samples.

# %% tags=["nbval-ignore-output"]
kl = kl_per_dimension(mu, logvar)
order = kl.argsort(descending=True).tolist()
print("nats:", ", ".join(f"{kl[j]:.2f} (z{j + 1})" for j in order))
LatentTraversal(vae, test.images[:100], codes=mu[:100], order=order)

# %% [markdown]
# Four or five sliders do everything; the last ones do nothing. Their clouds are the prior for every
# image, and the decoder has learned to ignore them. The network was given eight numbers and uses
# as many as pay.

# %% tags=["hide-input"]
claim(
    "VAE.idle-dimensions",
    "so many of the eight dimensions have less than 0.1 nats each",
    (kl < 0.1).sum(),
    at_least=2,
    at_most=5,
)

# %% [markdown]
# ### The width of the decoder
#
# What decides how many numbers pay? Give the decoder a normal likelihood with the width $\sigma$: minus
# its logarithm is $\lVert x - \hat{x} \rVert^2 / 2\sigma^2$ plus a constant. (This $\sigma$ is
# the width of *pixels* around their mean, and has nothing to do with that of the code.) Guess which
# of four widths gives the best reconstructions, and which the best samples.

# %% tags=["nbval-ignore-output"]
by_width, rows, cost = {}, {}, {}
for s in (1.0, 0.5, 0.25, 0.1):
    by_width[s] = VAE.dense((1, 8, 8), latent_dim=8, likelihood=Gaussian(s), seed=seed)
# What `fit` would do with each, with all at once; Beta(1.0) leaves the KL as it is.
sweep(list(by_width.values()), train.images, [Beta(1.0)] * 4, **settings)
for s, net in by_width.items():
    with torch.no_grad():
        q = net.encode(test.images)
        made_by = {"rebuilt": net(test.images), "drawn": net.sample(10, generator())}
    cost[s] = kl_per_dimension(*q).sum().item()
    print(f"σ = {s:4}: {cost[s]:4.1f} nats, {active_units(q.mu).sum()} active")
    rows[s] = {"test image": test.images, **made_by}

# %%
SweepRows("σ", rows)

# %% [markdown]
# With $\sigma = 1$ everything decodes to the mean image: total collapse. A decoder that expects
# such noisy pixels gains less from a code than the code costs. The smaller $\sigma$, the sharper
# the reconstructions and the larger the divergence. The samples are best somewhere in the middle.

# %% tags=["hide-input"]
claim(
    "VAE.total-collapse",
    "with σ = 1 the divergence is at most so many nats",
    cost[1.0],
    at_most=0.01,
)

# %% [markdown]
# ### The β that a loss hides
#
# So $\sigma$ sets the exchange rate: times $2\sigma^2$, the loss is squared error plus $2\sigma^2$ KL.
# Sums and means do the same. Up to a factor, which an optimiser like Adam does not notice, a loss
# *reconstruction + weight · KL* is $-\log p + \beta \,\mathrm{KL}$ with some $\beta$, and only
# $\beta = 1$ belongs to the ELBO. For a squared error, read as a Gaussian likelihood with the width
# $\sigma$,
#
# $$ \beta = \frac{w}{2 \sigma^2} \cdot \{D \text{ if the error is a mean over pixels}\}
#    \cdot \{\tfrac1d \text{ if the KL is a mean}\} \tag{VAE.7} $$
#
# with the weight $w$ and no factor in braces where there is a sum; for a log-likelihood leave out
# $1/2\sigma^2$. Here are five losses from public code, one of them read in two ways. Guess the last
# column first.

# %% tags=["hide-input"]
print("loss, for 28 × 28 pixels and 20 latent numbers              read as          β")
for loss, reading, arguments in (
    ("cross-entropy, sum      + KL, sum ", "Bernoulli", {}),
    ("cross-entropy, mean     + KL, sum ", "Bernoulli", {"reconstruction": "mean"}),
    ("cross-entropy, mean     + KL, mean", "Bernoulli", {"reconstruction": "mean", "kl": "mean"}),
    ("squared error, sum      + KL, sum ", "σ = 1    ", {"sigma": 1.0}),
    ("squared error, sum      + KL, sum ", "σ² = ½   ", {"sigma": 0.5**0.5}),
    ("squared error, mean     + KL, sum ", "σ = 1    ", {"reconstruction": "mean", "sigma": 1.0}),
):
    beta = effective_beta(image_dim=784, latent_dim=20, **arguments)
    print(f"{loss:58} {reading:11} {beta:6.1f}")

# %% [markdown]
# A mean over pixels multiplies the divergence by $D$; above, a factor $2\sigma^2 = 2$ was enough to
# make the code collapse. The plain squared error plus KL is the ELBO for $\sigma^2 = \tfrac12$.

# %%
ExerciseCard("effective-beta")

# %%
ExerciseCard("posterior-collapse")

# %% [markdown]
# ## Edit a face
#
# In the portraits of `faces` the factors are known: how much each face smiles, whether it wears
# glasses, and five more. A VAE with 32 numbers was trained on the pictures alone; nobody told it
# what a smile is. Which way in its latent space is *smile*? Ask how the code changes, on average,
# when the factors change: a regression of the codes on the factors, with straight ways (degree 1)
# or bent ones (a polynomial of degree 3, so that the way to a smile may depend on the face).

# %% tags=["nbval-ignore-output"]
faces, new_faces = load("faces").sample(1600, seed), load("faces", "test")
faces_vae = pretrained("faces_vae")
with torch.no_grad():
    codes, new_codes = (faces_vae.encode(data.images).mu for data in (faces, new_faces))
ways = {}
for degree in (1, 3):
    parts = StandardScaler(), PolynomialFeatures(degree), Ridge()
    ways[degree] = make_pipeline(*parts).fit(faces.factors, codes)


def edited(codes, factors, degree, **wanted):
    """Pictures from the codes, moved as codes move when the factors become what is wanted."""
    changed = factors.clone()  # (N, 7)
    for name, value in wanted.items():
        changed[:, faces.factor_names.index(name)] = value
    before, after = (torch.tensor(ways[degree].predict(f)).float() for f in (factors, changed))
    return faces_vae.decode_mean(codes + after - before)


# %% [markdown]
# Now take faces that the model has never seen, and set smile and glasses. Watch the mouth, then the
# eyes. What changes that should not?

# %% tags=["nbval-ignore-output"]
rows, some = {}, slice(8, 14)
with torch.no_grad():
    for smile, glasses in itertools.product((-1, 0, 1), ("off", "on")):
        wanted = {"smile": smile, "glasses": glasses == "on"}
        pictures = edited(new_codes[some], new_faces.factors[some], degree=3, **wanted)
        rows[smile, glasses] = {"face": new_faces.images[some], "edited": pictures}
SweepRows(("smile", "glasses"), rows, start=(1, "on"))

# %% [markdown]
# On most faces the edit does what is asked, and skin, hair and light stay; some pictures get
# grainy. Let a third party judge: a linear regression from pixels to factors, which has never seen
# the VAE, reads every new face with a full smile and with a frown. By which part of its range does each
# factor change? Which way is better, the straight one or the bent?

# %% tags=["hide-input", "nbval-ignore-output"]
reader = make_pipeline(PCA(150, random_state=0), LinearRegression())
reader.fit(faces.images.flatten(1), faces.factors)


def change_read(degree):
    """How what is read of each face changes from frown to smile, in parts of factors' ranges."""
    pictures = (edited(new_codes, new_faces.factors, degree, smile=s) for s in (-1, 1))
    frown, laugh = (torch.tensor(reader.predict(p.detach().flatten(1))) for p in pictures)
    return (laugh - frown) / (faces.factors.amax(0) - faces.factors.amin(0))  # (800, 7)


print(f"{'':12} degree 1   degree 3")
change = {degree: change_read(degree) for degree in ways}
for j, name in enumerate(faces.factor_names):
    print(f"{name:12} {change[1][:, j].mean():8.2f} {change[3][:, j].mean():10.2f}")

# %% tags=["hide-input"]
SMILE = faces.factor_names.index("smile")
claim(
    "VAE.smile-arrives",
    "of the change from frown to smile, this share is read from the pictures (degree 3)",
    change[3][:, SMILE].mean(),
    at_least=0.65,
)
claim(
    "VAE.nothing-else-moves",
    "what is read of any other factor moves by this part of its range, up or down, on average",
    max(moved for j, moved in enumerate(change[3].abs().mean(0)) if j != SMILE),
    at_most=0.1,
)

# %% [markdown]
# Along straight ways half of the smile arrives, along bent ones four fifths, and little else moves.
# So directions mean something, once known factors have told where they point. But do not ask this
# model to *draw*:

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    z = torch.randn(6, 32, generator=generator())
    spread = torch.linalg.cholesky(torch.cov(codes.T))
    strip = {
        "new faces": new_faces.images,
        "from N(0, I)": faces_vae.decode_mean(z),
        "from a fitted normal": faces_vae.decode_mean(codes.mean(0) + z @ spread.T),
    }
show(
    image_rows(strip, columns=6),
    alt="Rows of faces; of colour noise, in which a face is hardly seen; of soft but clear faces.",
)
print(f"learned σ of a pixel {faces_vae.likelihood.sigma:.3f}; spread of a code {codes.std():.2f}")

# %% [markdown]
# > **Myth**: "the latent space of a VAE has no holes; any point of it decodes to something valid."
# > The middle row is what the prior decodes to. This model learned its $\sigma$, and it is tiny:
# > the other end of the scale from total collapse. Its codes crowd together, with a quarter of the
# > prior's spread, and $\mathcal{N}(0, I)$ falls beside them. A normal fitted to the codes draws
# > faces. The loss *asks* that the codes follow the prior; whether they do has to be looked at.

# %% [markdown]
# ## Recap
#
# - A VAE is an autoencoder whose code is a distribution; its loss is minus the ELBO.
# - Moving noise, $z = \mu + \sigma \varepsilon$, lets gradients through a draw.
# - All clouds together should match the prior; if each does, the code has collapsed.
# - Then $\mathcal{N}(0, I)$ draws digits that nobody wrote. Not every draw is one.
# - The divergence is what the code costs. Sums, means and the width of the decoder set its price.
# - A factor that is known gives a direction in the latent space, and so an edit.
#
# ## Next
#
# The [laboratory](07_variational_autoencoder_laboratory.ipynb) asks whether it is true: which
# gradient, how many draws, which prior, what a large divergence means.
# [Chapter 8](08_beta_vae.ipynb) puts a weight β before the divergence on purpose, and asks whether
# the axes of the code come to mean something.
#
# ## References
#
# - D. P. Kingma, M. Welling. *Auto-Encoding Variational Bayes.* ICLR, 2014.
# - D. J. Rezende, S. Mohamed, D. Wierstra. *Stochastic Backpropagation and Approximate Inference in
#   Deep Generative Models.* ICML, 2014.
