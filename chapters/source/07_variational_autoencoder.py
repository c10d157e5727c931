# %% [markdown]
# # 7 · Variational autoencoder
#
# The autoencoder of chapter 1 turns an image into a point. This one turns it into a small cloud of
# points, and asks all clouds together to fill a known shape. From that shape one can draw new
# codes, and so new images. The next cells train one on handwritten digits and draw it.

# %%
import textwrap

import torch
from matplotlib import pyplot as plt
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

# %%
from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import (
    active_units, confident_share, frechet_distance, kl_per_dimension, nearest_distance, split_kl,
)  # fmt: skip
from course_lib.exercises.card import ExerciseCard
from course_lib.information import kl_diagonal_normal
from course_lib.likelihoods import Gaussian, bernoulli_nll, effective_beta, squared_error
from course_lib.models import VAE, Autoencoder
from course_lib.models.networks import convolutional_encoder
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import Loss, ScoreFunction
from course_lib.plots import COLOURS, image_rows, model_diagram, training_curves
from course_lib.priors import DiagonalNormal, StandardNormal, reparameterize
from course_lib.training import fit
from course_lib.widgets import (
    Interpolation, LatentMap, LatentTraversal, Reparameterization, SweepRows,
)  # fmt: skip

# %%
seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")


def generator():
    return torch.Generator().manual_seed(seed)


def trained(kind, images=train.images, latent_dim=8, epochs=60, objective=None, **settings):
    net = kind((1, 8, 8), latent_dim, seed=seed, **settings)
    schedule = {"epochs": epochs, "batch_size": 64, "lr": 3e-3, "seed": seed}
    net.history = fit(net, images, objective=objective, **schedule)
    return net


# %% tags=["nbval-ignore-output"]
vae = trained(VAE.dense)

# %%
x = test.images[3:4]
with torch.no_grad():
    mu, logvar = vae.encode(x)
    sigma = (logvar / 2).exp()
    z = reparameterize(mu, logvar, generator())
    x_hat = vae.decode_mean(z)
diagram = model_diagram(
    [
        ("image $x$\n64 numbers", x[0]),
        ("$q_\\phi(z|x)$", "encoder"),
        ("$\\mu$ and $\\sigma$\n8 + 8 numbers", torch.stack([mu[0], sigma[0]], dim=1)),
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
# ## You will
#
# - build the variational autoencoder (VAE) from chapter 1 with one more output, noise, and one more
#   term in the loss;
# - move noise instead of sampling, and measure how much that helps the gradient;
# - find the weight β that a loss hides in its means and sums;
# - draw new digits from the prior, and measure how good they are;
# - make a code collapse, and see why a large divergence is no sign of overfitting.
#
# **Before you start**: chapters 1, 5 and 6. **Time**: 90 minutes. Everything on this page runs in
# less than a minute.

# %% [markdown]
# ## The idea
#
# Chapter 1 ended with holes: codes drawn from $\mathcal{N}(0, I)$ fell where no image has its
# code. Nothing in the loss of an autoencoder says where codes should lie.
#
# Two changes repair this. The encoder returns, for each image, a normal distribution
# $q_\phi(z \mid x)$ in place of a point: a centre $\mu$ and a width $\sigma$ for each number of
# the code. The decoder sees a random draw from it, so it must decode all of the cloud, and not just
# its centre, to something like $x$. And the loss gets a second term, which pulls every cloud
# towards the **prior** $p(z) = \mathcal{N}(0, I)$.
#
# The two terms pull against each other. To rebuild an image the decoder needs clouds that can be
# told apart: narrow and far from each other. The second term wants all of them wide and at
# the same place. What comes out is a compromise, and chapter 6 showed that it is not an arbitrary
# one: the loss is minus the evidence lower bound (ELBO), a bound on $\log p_\theta(x)$.

# %% [markdown]
# ## The mathematics
#
# ### The model
#
# $$ q_\phi(z \mid x) = \mathcal{N}\bigl(\mu_\phi(x), \operatorname{diag} \sigma_\phi^2(x)\bigr),
#    \quad p(z) = \mathcal{N}(0, I), \quad p_\theta(x \mid z) \tag{VAE.1} $$
#
# The encoder network returns two lists of $d$ numbers, $\mu$ and $\log \sigma^2$; a logarithm may
# have any sign, so nothing has to keep it positive. Two sources write the variance as
# $\sigma_\phi(x)^2 I$. That is one number for all dimensions, and each dimension needs its own.
#
# ### The loss
#
# Bound (ELBO.3) of chapter 6, with the sign turned because optimisers minimise:
#
# $$ \mathcal{L}(\theta, \phi; x) = \mathbb{E}_{q_\phi(z \mid x)}
#    \bigl[ -\log p_\theta(x \mid z) \bigr]
#    + \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) \tag{VAE.5} $$
#
# Signs cause more confusion in the sources than anything else on this page. Keep one line in mind:
# *the ELBO is reconstruction minus divergence and is maximised; the loss is reconstruction error
# plus divergence and is minimised.* $\mathbb{E}_q[\log p_\theta(x \mid z)]$ is a reward, and only
# its negative is a loss.
#
# The divergence has the closed form (KL.12). The expectation has none and is estimated with draws.
# A gradient through a draw needs some care.

# %% [markdown]
# ### Moving noise instead of sampling
#
# $\phi$ sits in the distribution that $z$ is drawn from. A way out is to draw noise from a
# distribution without parameters and to move and stretch it. This is the **reparameterization**:
#
# $$ z = \mu_\phi(x) + \sigma_\phi(x) \odot \varepsilon, \qquad
#    \varepsilon \sim \mathcal{N}(0, I) \tag{VAE.3} $$
#
# $\odot$ multiplies number by number. Given $\varepsilon$, the code is a smooth function of $\mu$
# and $\sigma$, with $\partial z / \partial \mu = 1$ and $\partial z / \partial \sigma =
# \varepsilon$. The distribution of $\varepsilon$ does not depend on $\phi$; so the gradient may
# move inside the expectation:
#
# $$ \nabla_\phi \, \mathbb{E}_{q_\phi(z \mid x)} [f(z)] = \mathbb{E}_{\varepsilon}
#    \bigl[ \nabla_\phi f(\mu_\phi(x) + \sigma_\phi(x) \odot \varepsilon) \bigr] \tag{VAE.14} $$
#
# Below, thirty draws of noise stay where they are. Move $\mu$: what happens to the lines? Move
# $\sigma$: which codes move most, and which hardly? Then ask for fresh noise.

# %%
Reparameterization()

# %% [markdown]
# $\mu$ shifts all codes by the same amount. $\sigma$ moves each by its own $\varepsilon$: a draw
# near 0 hardly moves. Fresh noise gives other codes from the same distribution; in training every
# image gets fresh noise in every step.
#
# ### The other way: the score function
#
# Three sources say that sampling cannot be differentiated, so that without this trick the encoder
# could not learn. There is another gradient, older and fully general. It needs only
# $\nabla_\phi q = q \, \nabla_\phi \log q$:
#
# $$ \nabla_\phi \, \mathbb{E}_{q_\phi(z \mid x)} [f(z)] = \mathbb{E}_{q_\phi(z \mid x)} \bigl[
#    (f(z) - b) \, \nabla_\phi \log q_\phi(z \mid x) \bigr] \tag{VAE.4} $$
#
# It pushes up the probability of draws whose $f$ is large and never asks for a slope of $f$. The
# **baseline** $b$ may be anything that does not depend on $z$: the mean of $\nabla_\phi \log q$ is
# zero. Try both on $f(z) = z^2$ with $q = \mathcal{N}(1, 1)$, where the gradient by $\mu$ of
# $\mathbb{E} z^2 = \mu^2 + \sigma^2$ is 2. Look at the means, then at the variances.

# %%
draws = 1 + torch.randn(1_000_000, generator=generator())
path = 2 * draws  # ∂(μ + σε)²/∂μ
score = draws**2 * (draws - 1)  # z² ∂ log q/∂μ
score_baseline = (draws**2 - 2) * (draws - 1)  # b = E z² = 2

# %% tags=["nbval-ignore-output"]
for name, values in {"path": path, "score": score, "score, b = 2": score_baseline}.items():
    print(f"{name:13} mean {values.mean():.2f}, variance {values.var():5.1f}")

# %%
claim(
    "VAE.both-gradients",
    "all three have the mean 2, to within 0.05",
    all(abs(values.mean().item() - 2) < 0.05 for values in (path, score, score_baseline)),
)
claim(
    "VAE.score-is-noisier",
    "the score function has over 6 times the variance, over 3 with b = 2",
    score.var().item() > 6 * path.var().item()
    and score_baseline.var().item() > 3 * path.var().item(),
)

# %% [markdown]
# The exact variances are 4, 30 and 18. The trick is chosen because it is less noisy, not because
# nothing else works.
#
# ### How many draws?
#
# With $L$ draws of the noise for each image the estimate of the loss is
#
# $$ \mathcal{L} \approx -\frac1L \sum_{l=1}^{L} \log p_\theta(x \mid \mu + \sigma \odot
#    \varepsilon_l) + \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) \tag{VAE.6} $$
#
# Its mean does not depend on $L$; the variance of its first part falls as $1/L$. Averaging here,
# *outside* the logarithm, makes the estimate calmer and the bound no tighter. Averaging *inside*
# the logarithm, (ELBO.8), is what tightens it. Almost everybody uses $L = 1$; whether that is
# enough is measured below.

# %% [markdown]
# ### The likelihood
#
# **Bernoulli.** The decoder returns logits and $-\log p_\theta(x \mid z)$ is the cross-entropy
# (AE.3). One source prints $\prod_j x_j^{\hat{x}_j} (1 - x_j)^{1 - \hat{x}_j}$, with $x$ and
# $\hat{x}$ changed over: for black and white pixels that is always 0, unless the reconstruction is
# exact. Our pixels are grey, so even the right form is a cross-entropy and not a probability, with
# the floor (AE.4).
#
# **Gaussian.** The decoder returns the mean, and by (AE.5) the negative log-likelihood is
# $\lVert x - \hat{x} \rVert^2 / 2\sigma^2 + \tfrac{D}{2} \log 2\pi\sigma^2$. This $\sigma$ is the
# width of the *pixels* around their mean, and has nothing to do with the $\sigma_\phi(x)$ of the
# code. It sets the exchange rate between squared error and nats. It can be fixed, or learned
# together with the weights. Where the derivative by $\sigma$ is zero,
#
# $$ \sigma^2 = \frac1D \, \mathbb{E} \lVert x - \hat{x} \rVert^2 \tag{VAE.7} $$
#
# the mean squared error per pixel: the decoder's own error tells how wide it should be.
#
# ### The β that a loss hides
#
# A loss is often written as *reconstruction + weight · KL*, with sums in one place and means in
# another. Up to a factor, which an optimiser like Adam does not notice, such a loss is $-\log p +
# \beta \,\mathrm{KL}$ with some $\beta$, and only $\beta = 1$ belongs to the ELBO. For a squared
# error, read as a Gaussian likelihood with the width $\sigma$,
#
# $$ \beta = \frac{w}{2 \sigma^2} \cdot \{D \text{ if the error is a mean over pixels}\}
#    \cdot \{\tfrac1d \text{ if the KL is a mean}\} \tag{VAE.12} $$
#
# with the weight $w$ and no factor in braces where there is a sum; for a log-likelihood leave out
# $1/2\sigma^2$. The next cell does the accounting for five losses that one finds in public code,
# one of them read in two ways. Guess the last column first.

# %%
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
# A mean over pixels multiplies the divergence by $D$. And the plain squared error plus KL, printed
# by one source as *the* loss for a decoder of unit variance, is the ELBO for $\sigma^2 =
# \tfrac12$; read with $\sigma = 1$ it has $\beta = \tfrac12$.

# %% [markdown]
# ### All codes together
#
# For each image the divergence measures how much one cloud differs from the prior. For drawing new
# images something else matters, the mixture of all clouds, the **aggregate posterior**:
#
# $$ q(z) = \frac1N \sum_{i=1}^{N} q_\phi(z \mid x_i) \tag{VAE.2} $$
#
# If it equals the prior, then codes drawn from the prior are like codes of images. How do the two
# divergences hang together? Take the mean over the images of $\log q(z \mid x) / p(z)$ and put
# $q(z)$ in between:
#
# $$ \mathbb{E}_x \, \mathrm{KL}\bigl( q(z \mid x) \,\Vert\, p(z) \bigr)
#    = I(x; z) + \mathrm{KL}\bigl( q(z) \,\Vert\, p(z) \bigr) \tag{VAE.13} $$
#
# $I(x; z)$ is the **mutual information**, the number of nats that a code says about which image it
# came from. So the divergence in the loss is paid for two things, a useful one and a harmful one.
# "Make $q(z \mid x)$ close to $p(z)$ for every $x$", the aim that four of the five sources state,
# would make *both* zero: the code would say nothing. That is **posterior collapse**. The aim is
# $q(z) \approx p(z)$ with $I(x; z)$ large.
#
# Collapse usually strikes single dimensions. The number of dimensions that move with the image is
# called the number of **active units**:
#
# $$ A = \#\{ j : \operatorname{Var}_x(\mu_j(x)) > 0.01 \} \tag{VAE.8} $$

# %% [markdown]
# ### A case with an answer: the linear VAE
#
# Take a Gaussian VAE without hidden layers and with a fixed $\sigma$. Let $\lambda_1 \ge \lambda_2
# \ge \dots$ be the eigenvalues of the covariance matrix of the images, as in (AE.7). At the optimum
# the columns $w_j$ of the decoder's matrix point along the principal components and have lengths
#
# $$ \lVert w_j \rVert^2 = \max(\lambda_j - \sigma^2, \, 0), \qquad j = 1, \dots, d
#    \tag{VAE.9} $$
#
# A component whose variance is below the decoder's noise is not worth its nats: it collapses, and
# it should. This needs no powerful decoder and no failing optimiser (Lucas et al., 2019). For the
# others the divergence is known, too:
#
# $$ \mathbb{E}_x \, \mathrm{KL}\bigl( q(z \mid x) \,\Vert\, p(z) \bigr)
#    = \frac12 \sum_{j=1}^{d} \max\Bigl( \log \frac{\lambda_j}{\sigma^2}, \, 0 \Bigr)
#    \tag{VAE.10} $$
#
# The smaller the noise, the larger the divergence, without any bound.

# %% [markdown]
# ### How far samples are from images
#
# To compare pictures with pictures, map both to a few features and compare mean and covariance.
# Between two normal distributions the squared **Fréchet distance** is
#
# $$ F = \lVert m_1 - m_2 \rVert^2 + \operatorname{tr}\Bigl( \Sigma_1 + \Sigma_2
#    - 2 \bigl( \Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2} \bigr)^{1/2} \Bigr) \tag{VAE.11} $$
#
# Our features are the first 20 principal components of the training images.

# %% [markdown]
# ## The code
#
# A VAE is put together from four parts: two networks, the likelihood and the prior. Compare it with
# the autoencoder of chapter 1: `encode` returns two things, `draw` adds noise, and `loss` has a
# second term. That is all.

# %%
show_source(VAE)

# %% [markdown]
# The two things are those of a distribution, and the prior is another one:

# %%
show_source(DiagonalNormal)
show_source(StandardNormal)

# %% [markdown]
# The networks may be of any kind. With convolutions only they change:

# %%
show_source(convolutional_encoder)

# %%
convolutional = VAE.convolutional((1, 28, 28), latent_dim=20)
with torch.no_grad():
    code, _ = convolutional.encode(torch.zeros(5, 1, 28, 28))
    logits = convolutional.decode(code)
weights = {
    "convolutional": sum(p.numel() for p in convolutional.parameters()),
    "fully connected": sum(p.numel() for p in VAE.dense((1, 28, 28), 20, (400,)).parameters()),
}
print(f"(5, 1, 28, 28) → {tuple(code.shape)} → {tuple(logits.shape)}")
for name, number in weights.items():
    print(f"{name:16} {number:9,} weights")

# %% [markdown]
# ## Training
#
# You trained at the top of the page. Look at the two terms: which falls, and which rises?

# %% tags=["nbval-ignore-output"]
show(
    training_curves(vae.history),
    alt="The reconstruction term falls while the divergence rises from 0 to about 3 nats.",
)

# %% [markdown]
# The divergence begins near zero and *rises*: the model buys information about the image as long
# as a nat of it saves more than a nat of reconstruction error. Now the test images, rebuilt from
# the means of their clouds, and a second time from a draw. Which row is less sharp, and where?

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    mu, logvar = vae.encode(test.images)
    rebuilt = vae.decode_mean(mu)
    from_draws = vae.decode_mean(reparameterize(mu, logvar, generator()))
show(
    image_rows(
        {"test image": test.images, "from the mean": rebuilt, "from a draw": from_draws}, columns=12
    ),
    alt="Twelve test digits above softer reconstructions; those from draws vary in shape.",
)

# %% [markdown]
# Both are softer than those of chapter 1. A draw may also change the shape a little, because
# neighbouring clouds overlap.

# %% [markdown]
# ## Explore
#
# ### A map of the latent space
#
# Two numbers in place of eight, so that the latent space is a plane. The map shows what its places
# decode to, where the codes of the test images lie, or both. Move the ring. Before you do, guess
# what lies between the zeros and the sixes.

# %% tags=["nbval-ignore-output"]
flat_vae = trained(VAE.dense, latent_dim=2)

# %%
LatentMap(flat_vae, test.images, test.labels)

# %% [markdown]
# Every place decodes to something, and neighbours look alike. Between two classes there are
# pictures that are neither. Switch to the codes: classes lie in patches, and the middle is crowded.
# No axis is "the digit": ten classes without an order do not line up.
#
# ### Eight numbers, the most informative first
#
# The sliders below are ordered by the divergence of their dimensions. Move the first ones, then
# the last: which change the picture?

# %% tags=["nbval-ignore-output"]
kls = kl_per_dimension(mu, logvar)
order = kls.argsort(descending=True).tolist()
print("nats:", ", ".join(f"{kls[j]:.2f} (z{j + 1})" for j in order))

# %%
LatentTraversal(vae, test.images, codes=mu, order=order)

# %% [markdown]
# Four or five sliders do everything; the last ones do nothing. Their clouds are the prior for every
# image, and the decoder has learned to ignore them. The network was given eight numbers and uses
# as many as pay.
#
# ### Between two images
#
# Three ways from one image to another. Choose two digits of different classes and move $t$.
# In which row does one digit turn into the other, and in which do you see both at once?

# %% tags=["nbval-ignore-output"]
autoencoder = trained(Autoencoder)

# %%
Interpolation(test.images, {"autoencoder": autoencoder, "VAE": vae}, first=24, second=1)

# %% [markdown]
# The blend of pixels shows both digits at once. In the other two rows strokes move. That the
# VAE's row is better than the autoencoder's, as one source says, is hard to see here; it is
# measured below.
#
# ### The width of the decoder
#
# The same Gaussian VAE with four fixed widths $\sigma$ of the pixels. Guess which $\sigma$ gives
# the best reconstructions, and which the best samples.

# %% tags=["nbval-ignore-output"]
by_sigma = {s: trained(VAE.dense, likelihood=Gaussian(s)) for s in (1.0, 0.5, 0.25, 0.1)}

# %%
rows_by_sigma = {}
with torch.no_grad():
    for s, net in by_sigma.items():
        rows_by_sigma[s] = {
            "test image": test.images,
            "rebuilt": net(test.images),
            "sample": net.sample(10, generator()),
        }
SweepRows("σ", rows_by_sigma)

# %% [markdown]
# With $\sigma = 1$ everything decodes to the mean image: total collapse. The smaller $\sigma$, the
# sharper the reconstructions. The samples are best somewhere in the middle.

# %% [markdown]
# ## Measure
#
# ### Does the encoder learn without the reparameterization?
#
# The next cells train a second VAE with the score function, an *objective* that takes the place of
# the model's own loss, and estimate the gradient of the encoder 200 times with each of the two ways,
# on the same model and the same batch.

# %% tags=["nbval-ignore-output"]
score_vae = trained(VAE.dense, objective=ScoreFunction())


# %%
def gradient_variance(objective, repeats=200):
    """Sum over the encoder's weights of the variance of the gradient, for one batch."""
    gradients = []
    for repeat in range(repeats):
        vae.zero_grad()
        objective(vae, train.images[:64], torch.Generator().manual_seed(repeat)).total.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in vae.encoder.parameters()]))
    return torch.stack(gradients).var(0).sum().item()


@torch.no_grad()
def minus_elbo(net, images, repeats=10):
    """In nats per image, averaged over several draws of the noise."""
    g = torch.Generator().manual_seed(0)
    return sum(net.loss(images, g).total.item() for _ in range(repeats)) / repeats


# %%
mean_image = train.images.mean(0, keepdim=True)
blind = (
    bernoulli_nll(test.images, torch.logit(mean_image, eps=1e-6).expand_as(test.images))
    .mean()
    .item()
)  # the loss of a model whose code says nothing
ours, by_score = minus_elbo(vae, test.images), minus_elbo(score_vae, test.images)
claim(
    "VAE.score-variance",
    "the score function's gradient has over 10 times the variance",
    gradient_variance(ScoreFunction()) > 10 * gradient_variance(VAE.loss),
)
claim(
    "VAE.score-learns",
    "yet it learns: its loss lies over 1.4 nats below that of a blind model",
    by_score < blind - 1.4,
)
claim("VAE.path-is-better", "moved noise gets at least 0.2 nats lower", ours < by_score - 0.2)

# %% [markdown]
# **Verdict.** Sampling does not break the gradient; the reparameterization makes it much less
# noisy.

# %% [markdown]
# ### Is one draw enough?
#
# Two things make the loss of a batch vary: which images are in it, and the noise. Compare the noise
# alone, for one batch, with both together; and see what happens when all images of the batch share
# one $\varepsilon$, as a formula without an index on $\varepsilon$ in one source suggests.

# %%
batch, g = train.images[:64], generator()
with torch.no_grad():
    m, lv = vae.encode(batch)
    own, shared, both = [], [], []
    for _ in range(300):
        own.append(vae.draw(batch, g).nll.mean())
        one_noise = m + (lv / 2).exp() * torch.randn(1, 8, generator=g)
        shared.append(bernoulli_nll(batch, vae.decode(one_noise)).mean())
        others = train.images[torch.randperm(len(train), generator=g)[:64]]
        both.append(vae.loss(others, g).total)
own, shared, both = (torch.stack(values).std().item() for values in (own, shared, both))
claim(
    "VAE.one-draw",
    "the noise alone makes less than 0.75 of the batch's standard deviation",
    own < 0.75 * both,
)
claim(
    "VAE.noise-of-its-own",
    "noise shared by the batch makes over 3 times the deviation",
    shared > 3 * own,
)

# %% [markdown]
# **Verdict.** Yes. Variances add, so even infinitely many draws would leave at least
# $\sqrt{1 - 0.75^2} = 0.66$ of the deviation. Work is better spent on another image than on
# another draw for the same one.

# %% [markdown]
# ### What does the prior decode to?
#
# Now the test that the autoencoder of chapter 1 failed. There are two more candidates: leave the
# autoencoder as it is and fit a distribution to its codes after training, one normal distribution
# with a full covariance or a mixture of ten, and draw from that.

# %%
flat_train = train.images.flatten(1)
classifier = LogisticRegression(C=100, max_iter=5000).fit(flat_train, train.labels)
pca = PCA(20).fit(flat_train)


def features(images):
    return torch.tensor(pca.transform(images.flatten(1)))


def frechet(images):
    return frechet_distance(features(images), features(train.images))


# %%
with torch.no_grad():
    codes = autoencoder.encode(train.images)
    pictures = {"test images": test.images, "VAE, N(0, I)": vae.sample(1000, generator())}
    random_codes = torch.randn(1000, 8, generator=generator())
    pictures["autoencoder, N(0, I)"] = autoencoder.decode_mean(random_codes)
    for k in (1, 10):
        mixture = GaussianMixture(k, random_state=seed).fit(codes)
        drawn = torch.tensor(mixture.sample(1000)[0]).float()  # one component after another
        drawn = drawn[torch.randperm(1000, generator=generator())]
        pictures[f"autoencoder, {k} fitted"] = autoencoder.decode_mean(drawn)
    pictures["VAE, rebuilt test images"] = rebuilt
F = {name: frechet(images) for name, images in pictures.items()}
sure = {name: confident_share(classifier, images) for name, images in pictures.items()}

# %% tags=["nbval-ignore-output"]
print("                           Fréchet   confident   to nearest training image")
for name, images in pictures.items():
    far = nearest_distance(images, train.images)
    print(f"{name:26} {F[name]:7.2f} {sure[name]:11.2f} {far:11.2f}")
names = ["test images", "VAE, N(0, I)", "autoencoder, N(0, I)", "autoencoder, 10 fitted"]
show(
    image_rows({name: pictures[name] for name in names}, columns=12),
    alt="Rows of test digits, samples of the VAE, of the autoencoder, and of the fitted mixture.",
)

# %%
claim(
    "VAE.prior-samples",
    "Fréchet distance from N(0, I): below 0.35 of the autoencoder's",
    F["VAE, N(0, I)"] < 0.35 * F["autoencoder, N(0, I)"],
)
claim(
    "VAE.autoencoder-rebuilds-better",
    "the autoencoder rebuilds test images 2 nats better",
    minus_elbo(autoencoder, test.images, 1)
    < bernoulli_nll(test.images, vae.decode(mu)).mean().item() - 2,
)
claim(
    "VAE.no-holes-is-too-much",
    "the classifier is sure of 0.15 fewer samples than test images",
    sure["VAE, N(0, I)"] < sure["test images"] - 0.15,
)

# %%
claim(
    "VAE.mixture-beats-prior",
    "mixture fitted to the autoencoder's codes: under a third of the VAE's",
    F["autoencoder, 10 fitted"] < F["VAE, N(0, I)"] / 3,
)
claim(
    "VAE.mixture-is-confident",
    "and the classifier is sure of at least 0.1 more of them",
    sure["autoencoder, 10 fitted"] > sure["VAE, N(0, I)"] + 0.1,
)

# %% [markdown]
# **Verdict.** Half true. With $\mathcal{N}(0, I)$ the VAE draws far better digits than the
# autoencoder. But it is false that the Gaussian prior makes this possible in the first place, as
# one source has it: the autoencoder with a distribution fitted to its codes afterwards draws
# better ones still. What the VAE has over it is one objective for everything, a bound on the
# likelihood, and a known prior. And its samples are not all digits: that any point decodes to
# something meaningful is a hope.
#
# One source explains the failure of the autoencoder by overfitting. It rebuilds images that it has
# never seen better than the VAE does; what it lacks is a known distribution of codes.
#
# Why is the VAE that far off? Look at the last line of the table. Its *reconstructions of test
# images*, whose codes are where they should be, are as far from the images as its samples.


# %%
def total_variance(images):
    return images.flatten(1).var(0).sum().item()


claim(
    "VAE.not-the-codes",
    "rebuilt test images are as far off as samples, within 40 %",
    abs(F["VAE, rebuilt test images"] / F["VAE, N(0, I)"] - 1) < 0.4,
)
claim(
    "VAE.means-lose-variance",
    "the decoder's means have below 0.65 of the images' variance",
    all(
        total_variance(pictures[name]) < 0.65 * total_variance(test.images)
        for name in ("VAE, N(0, I)", "VAE, rebuilt test images")
    ),
)

# %% [markdown]
# The model says that a picture is a draw from $p_\theta(x \mid z)$, and we look at its mean. What
# the code does not say is averaged away: that is the VAE's blur. A Gaussian likelihood is not to
# blame: any network that answers with a mean blurs like this. Nor are holes in the latent space.
# The remedy within the model is a decoder that trusts the code more:

# %% tags=["nbval-ignore-output"]
learned = trained(VAE.dense, likelihood=Gaussian())

# %%
with torch.no_grad():
    draws = reparameterize(*learned.encode(train.images), generator())
    pixel_error = squared_error(train.images, learned.decode(draws)).mean().item() / 64
claim(
    "VAE.learned-sigma",
    "the learned σ² is the mean squared error per pixel, within 10 %: (VAE.7)",
    abs(learned.likelihood.sigma.item() ** 2 / pixel_error - 1) < 0.1,
)
claim(
    "VAE.learned-samples",
    "its samples have below half the Bernoulli VAE's Fréchet distance",
    frechet(learned.sample(1000, generator())) < 0.5 * F["VAE, N(0, I)"],
)

# %% [markdown]
# A learned $\sigma$ has a price. One source says that the objective of a VAE is bounded. For a
# density it is not: where pixels can be rebuilt exactly, $\sigma \to 0$ and $-\log \sigma \to
# \infty$. `fit` stops when that happens, here on black images and a decoder that starts with zeros
# and rebuilds them exactly:

# %% tags=["nbval-ignore-output"]
black = VAE.dense((1, 8, 8), latent_dim=2, hidden=(), likelihood=Gaussian(), seed=seed)
for parameter in black.decoder.parameters():
    torch.nn.init.zeros_(parameter)
try:
    fit(black, torch.zeros(64, 1, 8, 8), epochs=1000, lr=0.03, seed=seed)
    stopped = False
except FloatingPointError as error:
    stopped = True
    print(textwrap.fill(f"FloatingPointError: {error}", 90))

# %%
claim(
    "VAE.unbounded",
    "on images rebuilt exactly, a learned σ falls until the training stops",
    stopped,
)

# %% [markdown]
# ### Are the ways between images better?
#
# For pairs of test images of different classes, look at the picture halfway: how far is it from
# the nearest training image?

# %%
first, second = test.images[0::2], test.images[1::2]
differ = test.labels[0::2] != test.labels[1::2]
first, second = first[differ], second[differ]
with torch.no_grad():
    halfway = {
        "pixels": torch.lerp(first, second, 0.5),
        "autoencoder": autoencoder.decode_mean(
            torch.lerp(autoencoder.encode(first), autoencoder.encode(second), 0.5)
        ),
        "VAE": vae.decode_mean(torch.lerp(vae.encode(first)[0], vae.encode(second)[0], 0.5)),
    }
distance = {name: nearest_distance(images, train.images) for name, images in halfway.items()}
claim(
    "VAE.codes-beat-pixels",
    "halfway through codes is over 8 % nearer to real images than by pixels",
    max(distance["autoencoder"], distance["VAE"]) < 0.92 * distance["pixels"],
)
claim(
    "VAE.interpolation-is-no-privilege",
    "the autoencoder's lie as near as the VAE's, within 10 %",
    abs(distance["autoencoder"] / distance["VAE"] - 1) < 0.1,
)

# %% [markdown]
# **Verdict.** On this small data set, interpolation makes sense in both latent spaces. What about
# smoothness? The slope of the decoder, in pixels per standard deviation of the codes, says how
# fast the picture changes.


# %%
def slopes(net, codes, spread):
    """The largest singular value of the decoder's Jacobian at each code."""
    jacobian = torch.func.jacrev(lambda z: net.decode_mean(z[None]).flatten())
    return torch.linalg.matrix_norm(torch.func.vmap(jacobian)(codes) * spread, ord=2)


with torch.no_grad():
    all_codes = reparameterize(*vae.encode(train.images), generator())
    slope_vae = slopes(vae, mu, all_codes.std(0))
    slope_ae = slopes(autoencoder, autoencoder.encode(test.images), codes.std(0))
claim(
    "VAE.smoother",
    "at the median code the VAE's slope is below 0.85 of the autoencoder's",
    slope_vae.median().item() < 0.85 * slope_ae.median().item(),
)
claim(
    "VAE.slope-is-not-bounded",
    "at the steepest code the VAE's slope is over 1.2 times its median",
    (slope_vae.max() / slope_vae.median()).item() > 1.2,
)

# %% [markdown]
# **Verdict.** Smoother, yes. *Guaranteed* smooth, as two sources say, no: nothing in the loss
# bounds a slope. The noise in the reconstruction term makes a steep decoder expensive, and the
# divergence keeps the noise from shrinking.

# %% [markdown]
# ### Do the codes fill the prior?

# %%
with torch.no_grad():
    mu_train, logvar_train = vae.encode(train.images)
split = split_kl(mu_train, logvar_train, seed=seed)
parts = split.mutual_information + split.marginal_kl
claim(
    "VAE.split",
    "E KL = I(x; z) + KL(q(z)‖p) on the training images, within 0.15 nats",
    abs(parts - split.kl) < 0.15,
)
claim(
    "VAE.aggregate-is-near-the-prior",
    "under 15 % is mismatch, the rest information",
    0 < split.marginal_kl < 0.15 * split.kl,
)

# %% [markdown]
# **Verdict.** Together the clouds nearly fill the prior, while each of them is some three nats
# away from it. Is that a cluster "around the origin"? The density of $\mathcal{N}(0, I)$ is
# highest there, but in eight dimensions there is hardly any room: draws lie near a shell of radius
# $\sqrt{d} = 2.8$.

# %%
norms = all_codes.norm(dim=1)
between = torch.randn(2, 5000, 100, generator=generator()).mean(0).norm(dim=1)
claim(
    "VAE.shell",
    "half of the codes lie beyond 2.5 from the origin, below 2 % within 1",
    norms.median().item() > 2.5 and (norms < 1).float().mean().item() < 0.02,
)
claim(
    "VAE.midpoints-leave-the-shell",
    "with d = 100, midpoints of two draws have norms near 7, not 10",
    6.5 < between.median().item() < 7.5,
)

# %% [markdown]
# ### Making a code collapse
#
# First the linear VAE, with $\sigma^2 = 0.46$. Three eigenvalues of the digits lie above this. The
# theory says: three dimensions stay, five collapse, with the divergences of (VAE.10).

# %% tags=["nbval-ignore-output"]
linear = VAE.dense((1, 8, 8), 8, hidden=(), likelihood=Gaussian(0.46**0.5), seed=seed)
for lr, epochs in ((2e-2, 300), (2e-3, 200)):
    fit(linear, train.images, epochs=epochs, batch_size=len(train), lr=lr, seed=seed)

# %%
eigenvalues = torch.linalg.eigvalsh(torch.cov(flat_train.T, correction=0)).flip(0)[:8]
exact = 0.5 * (eigenvalues / 0.46).log().clamp(min=0)
with torch.no_grad():
    measured = kl_per_dimension(*linear.encode(train.images)).sort(descending=True).values
print("(VAE.10), nats per dimension:", *(f"{value:.3f}" for value in exact))
claim(
    "VAE.linear-collapse",
    "exactly three dimensions have over 0.05 nats",
    int((measured > 0.05).sum()) == 3,
)
claim(
    "VAE.linear-divergence",
    "the total is that of (VAE.10), within 0.06 nats",
    abs(measured.sum().item() - exact.sum().item()) < 0.06,
)

# %% [markdown]
# Now the networks with hidden layers: the sorted divergences per dimension for the four widths
# $\sigma$. Count the bars that stand clear of zero.

# %%
statistics = {}
with torch.no_grad():
    for s, net in by_sigma.items():
        m, lv = net.encode(test.images)
        statistics[s] = kl_per_dimension(m, lv).sort(descending=True).values, active_units(m)
total = {s: kl.sum().item() for s, (kl, _) in statistics.items()}

# %% tags=["nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 2.8))
for i, (s, (kl, active)) in enumerate(statistics.items()):
    label = f"σ = {s:g}: {total[s]:.1f} nats, {int(active.sum())} active"
    axis.bar(torch.arange(1, 9) + 0.2 * (i - 1.5), kl, 0.2, color=COLOURS[i], label=label)
axis.set(xlabel="dimension, sorted", ylabel="divergence in nats")
axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.35), ncols=2)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Divergence per dimension: none for σ = 1, about 2 nats each for σ = 0.1.")

# %%
claim(
    "VAE.total-collapse",
    "with σ = 1 no unit is active and the divergence is below 0.01 nats",
    int(statistics[1.0][1].sum()) == 0 and total[1.0] < 0.01,
)
claim(
    "VAE.sharper-decoders-use-more",
    "each smaller σ raises the divergence, 5-fold from ½ to 0.1",
    total[1.0] < total[0.5] < total[0.25] < total[0.1] and total[0.1] > 5 * total[0.5],
)

# %% [markdown]
# No large decoder was needed to collapse the code; a decoder that expects noisy pixels is enough.
# By (VAE.12) $\sigma = 1$ is the same as $\sigma = \tfrac12$ with the divergence weighted four
# times. Finally, the Bernoulli VAE at the top of the page: have its last dimensions really
# collapsed? Replace them by noise and see whether the decoder notices.

# %%
noise = torch.randn(mu.shape, generator=generator())
with torch.no_grad():
    without_idle = vae.decode_mean(torch.where(kls < 0.1, noise, mu))
    without_best = vae.decode_mean(torch.where(kls == kls.max(), noise, mu))
change, change_best = ((p - rebuilt).abs().mean().item() for p in (without_idle, without_best))
claim(
    "VAE.idle-dimensions",
    "two to five of its dimensions have less than 0.1 nats each",
    2 <= int((kls < 0.1).sum()) <= 5,
)
claim(
    "VAE.decoder-ignores-them",
    "noise in all of these: below half the effect of noise in the best",
    change < 0.5 * change_best,
)

# %% [markdown]
# **Verdict.** Collapse is a matter of single dimensions; the total divergence does not show it. It
# need not be a failure either: the loss gives up what does not pay.

# %% [markdown]
# ### Is a large divergence overfitting?
#
# The main source says so. Three observations. *First*, the divergence of a perfect model. Let
# the truth be $x = wz + \sigma\varepsilon$ with one latent number, and give the encoder the true
# posterior. Nothing has been fitted, so nothing can be overfitted; yet by (VAE.10), with $\lambda =
# w^2 + \sigma^2$, the mean divergence is $\tfrac12 \log(1 + w^2/\sigma^2)$:

# %%
for noise_variance in (1.0, 1e-2, 1e-4, 1e-6):
    x = torch.randn(200_000, generator=generator()) * (1 + noise_variance) ** 0.5  # w = 1
    posterior_mean, posterior_variance = (
        x / (1 + noise_variance),
        noise_variance / (1 + noise_variance),
    )
    logvar_x = torch.full_like(x, posterior_variance).log()
    divergence = kl_diagonal_normal(posterior_mean[:, None], logvar_x[:, None]).mean().item()
    formula = 0.5 * torch.tensor(1 + 1 / noise_variance).log().item()
    print(f"σ² = {noise_variance:7g}: measured {divergence:.1f}, by the formula {formula:.1f} nats")

# %% [markdown]
# *Second*, overfitting without a large divergence: the same VAE trained on only 100 images.
# *Third*, a large divergence with little overfitting: the VAE with $\sigma = 0.1$ from above. The
# **gap** is how much worse the squared error or the loss is on test images than on training
# images.

# %% tags=["nbval-ignore-output"]
few = trained(VAE.dense, images=train.images[:100], epochs=430)


# %%
def mean_kl(net, images):
    with torch.no_grad():
        return kl_per_dimension(*net.encode(images)).sum().item()


gap_few = minus_elbo(few, test.images) - minus_elbo(few, train.images[:100])
gap_all = ours - minus_elbo(vae, train.images)
claim(
    "VAE.overfitting-is-elsewhere",
    "100 images: 3.5 times the gap, below 1.6 times the KL",
    gap_few > 3.5 * gap_all and mean_kl(few, train.images[:100]) < 1.6 * mean_kl(vae, train.images),
)


# %%
@torch.no_grad()
def relative_gap(net):
    """How much larger the squared error is on test images than on training images."""
    error_train, error_test = (
        squared_error(images, net.decode(reparameterize(*net.encode(images), generator()))).mean()
        for images in (train.images, test.images)
    )
    return (error_test / error_train - 1).item()


claim(
    "VAE.large-divergence-small-gap",
    "σ = 0.1: 5 times the divergence of ½, relative gap below 0.4",
    total[0.1] > 5 * total[0.5] and relative_gap(by_sigma[0.1]) < 0.4,
)
claim(
    "VAE.divergence-carries-over",
    "its divergence on test and training images agrees within 10 %",
    abs(total[0.1] / mean_kl(by_sigma[0.1], train.images) - 1) < 0.1,
)

# %% [markdown]
# **Verdict.** False. The divergence says how much the code tells about the image, and that is set
# by the decoder's noise. The gap does grow from $\sigma = \tfrac12$ to $0.1$, from a few per cent
# to about a quarter, because a finer eye also sees what 1,437 images do not teach; overfitting is
# recognised by comparing test with training images and by nothing else.

# %% [markdown]
# ### Each term alone
#
# With the divergence alone the best encoder is the prior itself, for every image: (KL.5) allows
# zero. What remains with the reconstruction alone? One source says that with $\sigma \to 0$ the
# VAE becomes an autoencoder.


# %% tags=["nbval-ignore-output"]
def reconstruction_only(net, x, generator, step):
    """An objective: the model's own loss without the divergence."""
    return Loss(net.loss(x, generator).terms, weights={"kl": 0.0})


alone = trained(VAE.dense, objective=reconstruction_only)

# %%
with torch.no_grad():
    mu_alone, logvar_alone = alone.encode(test.images)
claim(
    "VAE.free-noise-vanishes",
    "without the KL term the median σ of the code falls below 0.02",
    (logvar_alone / 2).exp().median().item() < 0.02,
)
claim(
    "VAE.autoencoder-again",
    "its divergence exceeds 50 nats, its samples are 3 times as far off",
    mean_kl(alone, test.images) > 50
    and frechet(alone.sample(1000, generator())) > 3 * F["VAE, N(0, I)"],
)

# %% [markdown]
# **Verdict.** Noise alone does not make a VAE: the encoder escapes it by shrinking $\sigma$ and
# spreading $\mu$. That is an autoencoder, with its reconstructions and its holes.

# %% [markdown]
# ### What a code does not tell
#
# Four sentences about applications. *One axis of a plane of codes is the identity of the digit.*
# *Likely images have likely codes.* *What is unlike the training images is rebuilt badly.* *Codes
# drawn near an image's code give variations of it with the same label.*

# %%
with torch.no_grad():
    flat_codes, flat_test_codes = flat_vae.encode(train.images)[0], flat_vae.encode(test.images)[0]
    likely_code = -mu.square().sum(1)  # log p(z = μ), up to a constant
    nll = vae.draw(test.images.repeat(20, 1, 1, 1), generator()).nll.view(20, -1).mean(0)
    elbo = -nll - kl_diagonal_normal(mu, logvar)
    error_mean = squared_error(mean_image, vae(mean_image)).item()
    errors = squared_error(test.images, rebuilt)
    variations = vae.decode_mean(mu + torch.randn(mu.shape, generator=generator()))


def knn(columns):
    neighbours = KNeighborsClassifier(5).fit(flat_codes[:, columns], train.labels)
    return neighbours.score(flat_test_codes[:, columns], test.labels)


# %%
kept = (torch.tensor(classifier.predict(variations.flatten(1))) == test.labels).float().mean()
claim(
    "VAE.axes-are-not-identity",
    "one axis tells below 0.55 of the classes, both over 0.6",
    max(knn([0]), knn([1])) < 0.55 and knn([0, 1]) > 0.6,
)
claim(
    "VAE.likely-codes",
    "the density of codes and the ELBO of images have a correlation below 0",
    bool(spearmanr(likely_code, elbo).statistic < 0),
)
claim(
    "VAE.mean-image",
    "the mean image, no digit, is rebuilt better than 90 % of test images",
    (errors > error_mean).float().mean().item() > 0.9,
)
claim(
    "VAE.variations-change-class",
    "one prior deviation from the code, over 0.4 of labels change",
    kept.item() < 0.6,
)

# %% [markdown]
# **Verdict.** None of the four holds in general.

# %% [markdown]
# ## Exercises
#
# Cards first, then predictions. `course_lib.exercises.bank()` lists more.

# %%
ExerciseCard("effective-beta")

# %%
ExerciseCard("kl-of-a-batch")

# %%
ExerciseCard("posterior-collapse")

# %%
ExerciseCard("sampling-from-logvar")

# %%
ExerciseCard("why-fewer-holes")

# %% [markdown]
# Predict first, write the prediction down, then run or open the answer.
#
# **1.** A loss is the squared error, *summed* over pixels, plus the KL. For which $\sigma$ of the
# decoder is it minus the ELBO, up to a constant? And if the error is *averaged* over 784 pixels?
#
# <details><summary>Answer</summary>
#
# $\sigma^2 = \tfrac12$: then $1/2\sigma^2 = 1$. Averaged: $1/2\sigma^2 = 1/784$, so $\sigma^2 =
# 392$, a decoder that expects pixels between 0 and 1 to be off by 20. It will use no code at all.
# `effective_beta(image_dim=784, latent_dim=20, reconstruction="mean", sigma=392**0.5)` is 1.
#
# </details>
#
# **2.** A VAE with eight dimensions is trained twice, the second time with sixteen. Does the
# divergence double?
#
# <details><summary>Answer</summary>
#
# No. Here, four to five dimensions pay for themselves, and the others stay at the prior. Try
# `trained(VAE.dense, latent_dim=16)`.
#
# </details>
#
# **3.** In (VAE.3) somebody draws one $\varepsilon$ before training and uses it for ever. What
# goes wrong?
#
# <details><summary>Answer</summary>
#
# A constant $\varepsilon$ is no noise: $z$ is a deterministic function of $x$, and the decoder
# needs to decode only one point for each image. What is fixed is the *distribution* of
# $\varepsilon$; the draws are fresh in every step.
#
# </details>
#
# **4.** By (VAE.10), how much does the divergence of a linear VAE grow when the width $\sigma$ of
# the decoder is halved, if $k$ dimensions are active before and after?
#
# <details><summary>Answer</summary>
#
# By $k \log 2$ nats, one bit for each active dimension: each number is known twice as precisely.
#
# </details>
#
# **5. Spot the error.** "With $z = \alpha z_1 + (1 - \alpha) z_2$, where $z_1$ is the code of a
# smiling face and $z_2$ of a neutral one, $\alpha = 0, \tfrac14, \dots, 1$ goes from smile to
# neutral."
#
# <details><summary>Answer</summary>
#
# It goes from neutral to smile: at $\alpha = 0$ the weight of $z_1$ is 0.
#
# </details>

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](10_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=7)

# %% [markdown]
# ## Recap
#
# - A VAE is an autoencoder whose code is a distribution; its loss is minus the ELBO.
# - Moving noise gives a gradient with little variance; one draw per image is enough.
# - Sums and means decide which β, and so which model, a loss really stands for.
# - All clouds together should match the prior; if each does, the code has collapsed.
# - From $\mathcal{N}(0, I)$ the VAE samples far better than an autoencoder; a mixture fitted to the
#   codes of an autoencoder samples better still.
# - The divergence is what the code costs. Large means informative, and not overfitted.
#
# ## Next
#
# [Chapter 8](08_beta_vae.ipynb) puts a weight β before the divergence on purpose, and asks whether
# the axes of the code come to mean something.
#
# ## References
#
# - D. P. Kingma, M. Welling. *Auto-Encoding Variational Bayes.* ICLR, 2014.
# - D. J. Rezende, S. Mohamed, D. Wierstra. *Stochastic Backpropagation and Approximate Inference in
#   Deep Generative Models.* ICML, 2014.
# - R. J. Williams. *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
#   Learning.* Machine Learning 8, 1992.
# - M. D. Hoffman, M. J. Johnson. *ELBO Surgery.* NeurIPS workshop, 2016.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi. *Don't Blame the ELBO! A Linear VAE Perspective on
#   Posterior Collapse.* NeurIPS, 2019.
# - P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black, B. Schölkopf. *From Variational to
#   Deterministic Autoencoders.* ICLR, 2020. (Fitting a density to an autoencoder's codes.)
# - O. Rybkin, K. Daniilidis, S. Levine. *Simple and Effective VAE Training with Calibrated
#   Decoders.* ICML, 2021.
