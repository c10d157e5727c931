# %% [markdown]
# # 7 · Variational autoencoder: laboratory
#
# The finer measurements to [chapter 7](07_variational_autoencoder.ipynb): other gradients, more
# draws, one fair table of samples, a case with an exact answer, and sentences about VAEs that
# sound right and are not. Each section stands on its own; the models are trained here once more.
#
# **Time**: 60 minutes, for all of it.

# %% tags=["hide-input"]
import textwrap

import torch
from matplotlib import pyplot as plt
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

# %% tags=["hide-input"]
from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import (
    confident_share, frechet_distance, importance_weighted_log_likelihood, kl_per_dimension,
    nearest_distance, split_kl,
)  # fmt: skip
from course_lib.information import kl_diagonal_normal
from course_lib.likelihoods import Gaussian, bernoulli_nll, squared_error
from course_lib.models import VAE, Autoencoder
from course_lib.models.networks import convolutional_encoder
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import Beta, Loss, ScoreFunction, log_importance_weights
from course_lib.plots import COLOURS, image_rows
from course_lib.priors import DiagonalNormal, StandardNormal, reparameterize
from course_lib.training import fit, sweep
from course_lib.widgets import ExerciseCard

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")


def generator():
    return torch.Generator().manual_seed(seed)


def trained(kind, images=train.images, latent_dim=8, epochs=60, lr=3e-3, objective=None, **parts):
    net = kind((1, 8, 8), latent_dim, seed=seed, **parts)
    fit(net, images, epochs=epochs, batch_size=64, lr=lr, seed=seed, objective=objective)
    return net


# %% tags=["nbval-ignore-output"]
vae, autoencoder = trained(VAE.dense), trained(Autoencoder)
learned = trained(VAE.dense, likelihood=Gaussian())  # σ of the pixels is learned, too
with torch.no_grad():
    mu, logvar = vae.encode(test.images)
    rebuilt = vae.decode_mean(mu)

# %% [markdown]
# ## The parts of a VAE
#
# A VAE of the library is put together from four parts: two networks, the likelihood and the prior.
# Compare it with the autoencoder of chapter 1: `encode` returns two things, `draw` adds noise, and
# `loss` has a second term.

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
# ## Two gradients
#
# By (VAE.3) the code is $z = \mu_\phi(x) + \sigma_\phi(x) \odot \varepsilon$. The distribution of
# $\varepsilon$ does not depend on $\phi$; so the gradient may move inside the expectation:
#
# $$ \nabla_\phi \, \mathbb{E}_{q_\phi(z \mid x)} [f(z)] = \mathbb{E}_{\varepsilon}
#    \bigl[ \nabla_\phi f(\mu_\phi(x) + \sigma_\phi(x) \odot \varepsilon) \bigr] \tag{VAE.8} $$
#
# Three sources say that sampling cannot be differentiated, so that without this trick the encoder
# could not learn. There is another gradient, older and fully general. It needs only
# $\nabla_\phi q = q \, \nabla_\phi \log q$:
#
# $$ \nabla_\phi \, \mathbb{E}_{q_\phi(z \mid x)} [f(z)] = \mathbb{E}_{q_\phi(z \mid x)} \bigl[
#    (f(z) - b) \, \nabla_\phi \log q_\phi(z \mid x) \bigr] \tag{VAE.9} $$
#
# It pushes up the probability of draws whose $f$ is large and never asks for a slope of $f$. The
# **baseline** $b$ may be anything that does not depend on $z$: the mean of $\nabla_\phi \log q$ is
# zero. Try both on $f(z) = z^2$ with $q = \mathcal{N}(1, 1)$, where the gradient by $\mu$ of
# $\mathbb{E} z^2 = \mu^2 + \sigma^2$ is 2. Among all numbers $b = 4$ gives the smallest variance.
# Look at the means, then at the variances.

# %%
draws = 1 + torch.randn(1_000_000, generator=generator())
path = 2 * draws  # ∂(μ + σε)²/∂μ
score = draws**2 * (draws - 1)  # z² ∂ log q/∂μ
score_baseline = (draws**2 - 4) * (draws - 1)

# %% tags=["nbval-ignore-output"]
gradients = {"path": path, "score": score, "score, b = 4": score_baseline}
for name, values in gradients.items():
    print(f"{name:13} mean {values.mean():.2f}, variance {values.var():5.1f}")

# %% tags=["hide-input"]
claim(
    "VAE.both-gradients",
    "the means of the three estimates differ from 2 by at most this",
    max(abs(values.mean().item() - 2) for values in gradients.values()),
    at_most=0.05,
)
claim(
    "VAE.score-is-noisier",
    "with the best baseline the score function has so many times the path's variance",
    score_baseline.var() / path.var(),
    at_least=3,
)

# %% [markdown]
# The exact variances are 4, 30 and 14. Does the encoder of a VAE learn this way? The next cells
# train a second VAE with the score function, an *objective* that takes the place of the model's own
# loss (its baseline for an image is the mean over the others of the batch), and estimate the
# gradient of the encoder 200 times with each of the two ways, on the same model and batch.

# %% tags=["nbval-ignore-output"]
score_vae = trained(VAE.dense, objective=ScoreFunction())


# %% tags=["hide-input"]
def gradient_variance(objective, pick=lambda repeat: train.images[:64], repeats=200):
    """Sum over the encoder's weights of the variance of the gradient; pick gives the batches."""
    gradients = []
    for repeat in range(repeats):
        vae.zero_grad()
        noise = torch.Generator().manual_seed(1000 + repeat)
        objective(vae, pick(repeat), noise).total.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in vae.encoder.parameters()]))
    return torch.stack(gradients).var(0).sum().item()


@torch.no_grad()
def minus_elbo(net, images, repeats=10):
    """In nats per image, averaged over several draws of the noise."""
    g = torch.Generator().manual_seed(0)
    return sum(net.loss(images, g).total.item() for _ in range(repeats)) / repeats


# %% tags=["hide-input"]
mean_image = train.images.mean(0, keepdim=True)
logits = torch.logit(mean_image, eps=1e-6).expand_as(test.images)
blind = bernoulli_nll(test.images, logits).mean().item()  # the loss when the code says nothing
ours, by_score = minus_elbo(vae, test.images), minus_elbo(score_vae, test.images)
claim(
    "VAE.score-variance",
    "the score function's gradient has so many times the variance of the path's",
    gradient_variance(ScoreFunction()) / gradient_variance(VAE.loss),
    at_least=10,
)
claim(
    "VAE.score-learns",
    "yet it learns: its loss lies so many nats below that of a model whose code says nothing",
    blind - by_score,
    at_least=1.4,
)
claim(
    "VAE.path-is-better",
    "after as many steps the path's loss lies so many nats below the score function's",
    by_score - ours,
    at_least=0.2,
)

# %% [markdown]
# **Verdict.** Sampling does not break the gradient; the reparameterization makes it much less
# noisy. After as many steps the score function's model is still behind.

# %% [markdown]
# ## Is one draw enough?
#
# With $L$ draws of the noise for each image the estimate of the loss is
#
# $$ \mathcal{L} \approx -\frac1L \sum_{l=1}^{L} \log p_\theta(x \mid \mu + \sigma \odot
#    \varepsilon_l) + \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) \tag{VAE.10} $$
#
# Its mean does not depend on $L$; the variance of its first part falls as $1/L$. Averaging here,
# *outside* the logarithm, makes the estimate calmer and the bound no tighter. Averaging *inside*
# the logarithm, (ELBO.12), is what tightens it.
#
# Almost everybody uses $L = 1$. What training follows is the gradient, so look at that. Its
# variance has two causes: which images are in the batch, and the noise. How much of it, in the
# encoder, is the noise? And what is better: four draws for each of 64 images, or one for each of
# 256? Both decode 256 pictures.


# %% tags=["hide-input"]
def several(L):
    """The objective (VAE.10) with L draws for each image."""

    def objective(model, x, generator, step=None):
        mu, logvar = model.encode(x)
        epsilon = torch.randn(L, *mu.shape, generator=generator)
        z = mu + (logvar / 2).exp() * epsilon  # (L, B, d)
        nll = -model.likelihood.log_prob(x.repeat(L, 1, 1, 1), model.decode(z.flatten(0, 1)))
        return Loss({"reconstruction": nll.mean(), "kl": kl_diagonal_normal(mu, logvar).mean()})

    return objective


def anew(size):
    """Batches of other images each time."""
    g = generator()
    return lambda repeat: train.images[torch.randperm(len(train), generator=g)[:size]]


variance = {
    "64 images, 1 draw": gradient_variance(several(1), anew(64)),
    "the same 64 images": gradient_variance(several(1)),
    "64 images, 4 draws": gradient_variance(several(4), anew(64)),
    "256 images, 1 draw": gradient_variance(several(1), anew(256)),
}

# %% tags=["nbval-ignore-output"]
for name, value in variance.items():
    print(f"{name:20} {value / variance['64 images, 1 draw']:5.2f}")

# %% [markdown]
# And what comes of it in training? Ten draws in each of the same number of steps, and four draws in
# a quarter of the steps, so that as many pictures are decoded as with one draw; the fewer steps may
# take a larger learning rate.

# %% tags=["nbval-ignore-output"]
ten_draws = trained(VAE.dense, objective=several(10))
gain = ours - minus_elbo(ten_draws, test.images)
four_draws = [trained(VAE.dense, objective=several(4), epochs=15, lr=lr) for lr in (3e-3, 1e-2)]
more_loss = min(minus_elbo(net, test.images) for net in four_draws) - ours
print(f"10 draws, as many steps: {gain:.2f} nats better")
print(f"4 draws, a quarter of the steps: {more_loss:.2f} nats worse")

# %% tags=["hide-input"]
claim(
    "VAE.one-draw",
    "the noise makes this share of the variance of the encoder's gradient",
    variance["the same 64 images"] / variance["64 images, 1 draw"],
    at_least=0.8,
)
claim(
    "VAE.images-or-draws",
    "256 images with a draw each leave this much of the variance that 64 with four each leave",
    variance["256 images, 1 draw"] / variance["64 images, 4 draws"],
    at_most=1.2,
)
claim(
    "VAE.draws-at-equal-steps",
    "ten draws lower the loss by so many nats in as many steps",
    gain,
    at_least=0.05,
)
claim(
    "VAE.draws-at-equal-cost",
    "four draws in a quarter of the steps raise it by so many",
    more_loss,
    at_least=0.1,
)

# %% [markdown]
# **Verdict.** No and yes. In the encoder nearly all of the gradient's variance is the noise, so
# more draws help each step. But they cost as much as more images, which calm the gradient as well,
# and as more steps, which serve much better. What one can afford goes to draws last.
#
# One thing must not be saved: noise of its own for each image. A formula in one source has no index
# on $\varepsilon$; when all images of a batch share one, their errors are alike and do not cancel.

# %% tags=["hide-input"]
batch, g = train.images[:64], generator()
with torch.no_grad():
    m, lv = vae.encode(batch)
    own, shared = [], []
    for _ in range(300):
        own.append(vae.draw(batch, g).nll.mean())
        one_noise = m + (lv / 2).exp() * torch.randn(1, 8, generator=g)
        shared.append(bernoulli_nll(batch, vae.decode(one_noise)).mean())
own, shared = (torch.stack(values).std() for values in (own, shared))
claim(
    "VAE.noise-of-its-own",
    "noise shared by the batch makes so many times the deviation of its loss",
    shared / own,
    at_least=3,
)

# %% [markdown]
# ## The likelihood
#
# **Bernoulli.** The decoder returns logits and $-\log p_\theta(x \mid z)$ is the cross-entropy
# (AE.3). One source prints $\prod_j x_j^{\hat{x}_j} (1 - x_j)^{1 - \hat{x}_j}$, with $x$ and
# $\hat{x}$ changed over: for black and white pixels that is always 0, unless the reconstruction is
# exact. Our pixels are grey, so even the right form is a cross-entropy and not a probability, with
# the floor (AE.4).
#
# **Gaussian.** The width $\sigma$ of the pixels can be fixed, or learned together with the weights.
# Where the derivative of (AE.6) by $\sigma$ is zero,
#
# $$ \sigma^2 = \frac1D \, \mathbb{E} \lVert x - \hat{x} \rVert^2 \tag{VAE.11} $$
#
# the mean squared error per pixel: the decoder's own error tells how wide it should be.

# %% tags=["hide-input"]
with torch.no_grad():
    learned_codes = reparameterize(*learned.encode(train.images), generator())
    pixel_error = squared_error(train.images, learned.decode(learned_codes)).mean() / 64
    apart = (learned.likelihood.sigma**2 / pixel_error - 1).abs()
claim(
    "VAE.learned-sigma",
    "the learned σ² differs from the mean squared error per pixel by at most this share: (VAE.11)",
    apart,
    at_most=0.1,
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
except FloatingPointError as error:
    print(textwrap.fill(f"FloatingPointError: {error}", 90))

# %% tags=["hide-input"]
claim(
    "VAE.unbounded",
    "on images that are rebuilt exactly a learned σ falls below this before the training stops",
    black.likelihood.sigma,
    at_most=0.001,
)

# %% [markdown]
# ## One fair table of samples
#
# Which model draws best, and is it the prior that does it? Three models: the autoencoder, the VAE
# with a Bernoulli likelihood, and the VAE with a learned $\sigma$. Three distributions of codes for
# each: $\mathcal{N}(0, I)$, and two that are fitted to the codes after training, one normal
# distribution and a mixture of ten. Three measures: the two of the chapter, and a distance between
# sets of pictures. For this, map pictures to a few features and compare mean and covariance.
# Between two normal distributions the squared **Fréchet distance** is
#
# $$ F = \lVert m_1 - m_2 \rVert^2 + \operatorname{tr}\Bigl( \Sigma_1 + \Sigma_2
#    - 2 \bigl( \Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2} \bigr)^{1/2} \Bigr) \tag{VAE.12} $$
#
# Our features are the first 20 principal components of the training images, the 20 directions in
# which they vary most. Controls tell what the measures are worth: test images; samples of the first
# VAE with noise added to every pixel, as much as they lack in variance; one normal distribution
# fitted to the *pixels*, without any model; and pure noise.

# %% tags=["hide-input"]
flat_train = train.images.flatten(1)
classifier = LogisticRegression(C=100, max_iter=5000).fit(flat_train, train.labels)
pca = PCA(20).fit(flat_train)
usual = nearest_distance(test.images, train.images)


def frechet(images):
    features = (torch.tensor(pca.transform(x.flatten(1))) for x in (images, train.images))
    return frechet_distance(*features)


def measured(images):
    distance = nearest_distance(images, train.images) / usual
    return frechet(images), confident_share(classifier, images), distance


# %% tags=["nbval-ignore-output"]
priors = ("N(0, I)", "one normal", "mixture of 10")
nets = {"autoencoder": autoencoder, "VAE": vae, "VAE, learned σ": learned}
pictures = {("test images", ""): test.images}
with torch.no_grad():
    for name, net in nets.items():
        codes = net.encode(train.images)
        if net is not autoencoder:
            codes = codes.sample(generator())
        pictures[name, priors[0]] = net.decode_mean(torch.randn(1000, 8, generator=generator()))
        for prior, k in zip(priors[1:], (1, 10), strict=True):
            fitted = GaussianMixture(k, random_state=seed).fit(codes.double())
            drawn = torch.tensor(fitted.sample(1000)[0]).float()  # one component after another
            drawn = drawn[torch.randperm(1000, generator=generator())]
            pictures[name, prior] = net.decode_mean(drawn)

# %% tags=["hide-input", "nbval-ignore-output"]
samples = pictures["VAE", "N(0, I)"]
missing = (test.images.var(0) - samples.var(0)).clamp(min=0).sqrt()  # of each pixel
noise = missing * torch.randn(samples.shape, generator=generator())
pictures["VAE", "N(0, I), and noise"] = samples + noise
spread = torch.linalg.cholesky(torch.cov(flat_train.T) + 1e-6 * torch.eye(64))
on_pixels = flat_train.mean(0) + torch.randn(1000, 64, generator=generator()) @ spread.T
pictures["no model", "one normal, on pixels"] = on_pixels.view(-1, 1, 8, 8)
pictures["no model", "noise"] = torch.rand(1000, 1, 8, 8, generator=generator())
pictures["VAE", "rebuilt test images"] = rebuilt
table = {name: measured(images) for name, images in pictures.items()}
print(f"{'':37}  Fréchet  confident  to nearest")
for (name, prior), (F, confident, distance) in table.items():
    print(f"{name:15} {prior:21} {F:8.2f} {confident:10.2f} {distance:11.2f}")
shown = [(name, prior) for name in nets for prior in ("N(0, I)", "mixture of 10")]
shown = [("test images", ""), *shown, *list(pictures)[-4:-2]]
show(
    image_rows({", ".join(key).rstrip(", "): pictures[key] for key in shown}, columns=12),
    alt="Rows of test digits, of samples of three models from N(0, I) and from mixtures, of noisy "
    "samples, and of draws from a normal distribution on the pixels.",
)

# %% tags=["hide-input"]
F, confident, distance = (dict(zip(table, column)) for column in zip(*table.values()))
plain, fitted = ("VAE", "N(0, I)"), ("autoencoder", "mixture of 10")
claim(
    "VAE.prior-samples",
    "from N(0, I) the VAE's samples have this share of the distance of the autoencoder's",
    distance[plain] / distance["autoencoder", "N(0, I)"],
    at_most=0.75,
)
claim(
    "VAE.fitting-changes-nothing",
    "a normal fitted to the VAE's own codes changes the confident share by at most this",
    abs(confident["VAE", "one normal"] - confident[plain]),
    at_most=0.08,
)

# %% tags=["hide-input"]
claim(
    "VAE.mixture-beats-prior",
    "a mixture on the autoencoder's codes has this share of the distance of the VAE from N(0, I)",
    distance[fitted] / distance[plain],
    at_most=0.93,
)
claim(
    "VAE.mixture-is-confident",
    "and the classifier is sure of so much more of its samples",
    confident[fitted] - confident[plain],
    at_least=0.1,
)
claim(
    "VAE.mixture-on-its-own-codes",
    "with a mixture on the codes of the VAE with a learned σ the confident share differs by this",
    abs(confident["VAE, learned σ", "mixture of 10"] - confident[fitted]),
    at_most=0.1,
)

# %% tags=["hide-input"]
claim(
    "VAE.learned-samples",
    "with a learned σ the F of samples from N(0, I) is this share of the Bernoulli VAE's",
    F["VAE, learned σ", "N(0, I)"] / F[plain],
    at_most=0.5,
)
claim(
    "VAE.noise-pleases-frechet",
    "but noise on every pixel lowers the Bernoulli VAE's F as well, to this share",
    F["VAE", "N(0, I), and noise"] / F[plain],
    at_most=0.3,
)
claim(
    "VAE.frechet-of-no-model",
    "and one normal on the pixels, without any model, has this share of the F of test images",
    F["no model", "one normal, on pixels"] / F["test images", ""],
    at_most=0.7,
)

# %% [markdown]
# **Verdict.** Three readings. *The prior*: from $\mathcal{N}(0, I)$ the autoencoder is far off. The
# VAE is not, and a normal fitted to its own codes does no better: its prior *is* that normal, known
# before training. *The shape*: a mixture draws better for every model, and for the autoencoder
# about as well as for the VAE with a learned $\sigma$. So it is false that the Gaussian prior makes
# drawing possible in the first place, as one source has it. What the VAE has over an autoencoder
# with a fitted density is one objective for everything, and a bound on the likelihood. *The
# measures*: none is to be trusted alone. $F$ knows means and covariances only, so what lifts the
# variance pleases it; the classifier is sure of two thirds of pure noise; and a copied training
# image has the distance 0. The learned $\sigma$ wins clearly by $F$ alone.

# %% tags=["hide-input"]
claim(
    "VAE.autoencoder-rebuilds-better",
    "the autoencoder rebuilds test images so many nats better than the VAE",
    bernoulli_nll(test.images, vae.decode(mu)).mean() - minus_elbo(autoencoder, test.images, 1),
    at_least=2,
)

# %% [markdown]
# One source explains the failure of the autoencoder by overfitting. It rebuilds images that it has
# never seen better than the VAE does; what it lacks is a known distribution of codes.
#
# Why is the VAE's F that large? Its *reconstructions of test images*, whose codes are where they
# should be, are as far from the images as its samples.


# %% tags=["hide-input"]
def total_variance(images):
    return images.flatten(1).var(0).sum().item()


both = [plain, ("VAE", "rebuilt test images")]
claim(
    "VAE.not-the-codes",
    "the F of rebuilt test images differs from that of samples by at most this share",
    abs(F[both[1]] / F[plain] - 1),
    at_most=0.4,
)
claim(
    "VAE.means-lose-variance",
    "the decoder's means, of samples or of test images, have this share of the images' variance",
    max(total_variance(pictures[name]) for name in both) / total_variance(test.images),
    at_most=0.65,
)

# %% tags=["hide-input"]
with torch.no_grad():
    sharper = total_variance(learned(test.images)) / total_variance(rebuilt)
claim(
    "VAE.learned-is-sharper",
    "with a learned σ rebuilt test images have so many times the variance of the Bernoulli VAE's",
    sharper,
    at_least=1.3,
)

# %% [markdown]
# The model says that a picture is a draw from $p_\theta(x \mid z)$, and we look at its mean. What
# the code does not say is averaged away: that is the VAE's blur. A Gaussian likelihood is not to
# blame: any network that answers with a mean blurs like this, and with a learned $\sigma$ a
# Gaussian one blurs less than the Bernoulli one.

# %% [markdown]
# ## Ways between images
#
# That the VAE's way from one image to another is better than the autoencoder's, as one source says,
# is hard to see in the chapter. For pairs of test images of different classes, look at the picture
# halfway: how far is it from the nearest training image?

# %% tags=["hide-input"]
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
away = {name: nearest_distance(images, train.images) for name, images in halfway.items()}
claim(
    "VAE.codes-beat-pixels",
    "halfway through codes, at worst, is this part of the distance of halfway through pixels",
    max(away["autoencoder"], away["VAE"]) / away["pixels"],
    at_most=0.92,
)
claim(
    "VAE.interpolation-is-no-privilege",
    "the distances of autoencoder and VAE differ by at most this share",
    abs(away["autoencoder"] / away["VAE"] - 1),
    at_most=0.1,
)

# %% [markdown]
# **Verdict.** On this small data set, interpolation makes sense in both latent spaces. (Nearness is
# not blur: the mean of all images lies no nearer to real ones than the blends of pixels.) What
# about smoothness? The slope of the decoder, in pixels per standard deviation of the codes, says
# how fast the picture changes.


# %% tags=["hide-input"]
def slopes(net, places, spread):
    """The largest singular value of the decoder's Jacobian at each code."""
    jacobian = torch.func.jacrev(lambda z: net.decode_mean(z[None]).flatten())
    return torch.linalg.matrix_norm(torch.func.vmap(jacobian)(places) * spread, ord=2)


with torch.no_grad():
    all_codes = reparameterize(*vae.encode(train.images), generator())
    slope = {
        "VAE": slopes(vae, mu, all_codes.std(0)),
        "learned": slopes(learned, learned.encode(test.images).mu, learned_codes.std(0)),
        "autoencoder": slopes(
            autoencoder, autoencoder.encode(test.images), autoencoder.encode(train.images).std(0)
        ),
    }
median = {name: values.median().item() for name, values in slope.items()}

# %% tags=["hide-input"]
claim(
    "VAE.smoother",
    "at the median code the Bernoulli VAE's slope is this share of the autoencoder's",
    median["VAE"] / median["autoencoder"],
    at_most=0.85,
)
claim(
    "VAE.smooth-by-its-width",
    "with a learned σ it is this share",
    median["learned"] / median["autoencoder"],
    at_least=0.9,
)
claim(
    "VAE.slope-is-not-bounded",
    "at the steepest code the Bernoulli VAE's slope is so many times its median",
    slope["VAE"].max() / median["VAE"],
    at_least=1.2,
)

# %% [markdown]
# **Verdict.** Smoother is what expects noisy pixels, not what has a divergence in its loss: with a
# learned $\sigma$ the VAE is as steep as the autoencoder. *Guaranteed* smooth, as two sources say,
# is neither: nothing in the loss bounds a slope. The noise in the reconstruction term makes a steep
# decoder expensive, and the divergence keeps the noise from shrinking, at a price that $\sigma$
# sets.

# %% [markdown]
# ## Do the codes fill the prior?
#
# The split (VAE.5) of the divergence on the training images; with the mixture of all their clouds
# as $q(z)$ it is exact, but for the error of one draw an image.

# %% tags=["hide-input"]
with torch.no_grad():
    split = split_kl(*vae.encode(train.images), seed=seed)
claim(
    "VAE.split",
    "E KL and I(x; z) + KL(q(z)‖p) differ by at most so many nats",
    abs(split.mutual_information + split.marginal_kl - split.kl),
    at_most=0.15,
)
claim(
    "VAE.aggregate-is-near-the-prior",
    "this share of the divergence is mismatch, the rest information",
    split.marginal_kl / split.kl,
    at_most=0.15,
)

# %% [markdown]
# **Verdict.** Together the clouds nearly fill the prior, while each of them is some three nats
# away from it. Is that a cluster "around the origin"? The density of $\mathcal{N}(0, I)$ is highest
# there, but in eight dimensions there is hardly any room: draws lie near a shell of radius
# $\sqrt{d} = 2.8$, and the straight way between two of them leaves it.

# %% tags=["hide-input"]
between = torch.randn(2, 5000, 100, generator=generator()).mean(0).norm(dim=1)
claim(
    "VAE.shell",
    "the median distance of the codes from the origin",
    all_codes.norm(dim=1).median(),
    at_least=2.5,
)
claim(
    "VAE.midpoints-leave-the-shell",
    "with d = 100, where draws have norms near 10, the median norm of midpoints of two draws",
    between.median(),
    at_least=6.5,
    at_most=7.5,
)

# %% [markdown]
# ## A case with an answer: the linear VAE
#
# Take a Gaussian VAE without hidden layers and with a fixed $\sigma$. Let $\lambda_1 \ge \lambda_2
# \ge \dots$ be the eigenvalues of the covariance matrix of the images, as in (AE.7). At the optimum
# the columns $w_j$ of the decoder's matrix point along the principal components and have lengths
#
# $$ \lVert w_j \rVert^2 = \max(\lambda_j - \sigma^2, \, 0), \qquad j = 1, \dots, d
#    \tag{VAE.13} $$
#
# A component whose variance is below the decoder's noise is not worth its nats: it collapses, and
# it should. This needs no powerful decoder and no failing optimiser (Lucas et al., 2019). For the
# others the divergence is known, too:
#
# $$ \mathbb{E}_x \, \mathrm{KL}\bigl( q(z \mid x) \,\Vert\, p(z) \bigr)
#    = \frac12 \sum_{j=1}^{d} \max\Bigl( \log \frac{\lambda_j}{\sigma^2}, \, 0 \Bigr)
#    \tag{VAE.14} $$
#
# The smaller the noise, the larger the divergence, without any bound. Take $\sigma^2 = 0.46$. Three
# eigenvalues of the digits lie above this. The theory says: three dimensions stay, five collapse.

# %% tags=["nbval-ignore-output"]
linear = VAE.dense((1, 8, 8), 8, hidden=(), likelihood=Gaussian(0.46**0.5), seed=seed)
for lr, epochs in ((2e-2, 300), (2e-3, 200)):
    fit(linear, train.images, epochs=epochs, batch_size=len(train), lr=lr, seed=seed)

# %% tags=["hide-input"]
eigenvalues = torch.linalg.eigvalsh(torch.cov(flat_train.T, correction=0)).flip(0)[:8]
exact = 0.5 * (eigenvalues / 0.46).log().clamp(min=0)
with torch.no_grad():
    in_training = kl_per_dimension(*linear.encode(train.images)).sort(descending=True).values
print("(VAE.14), nats per dimension:", *(f"{value:.3f}" for value in exact))
claim(
    "VAE.linear-collapse",
    "so many dimensions have over 0.05 nats",
    (in_training > 0.05).sum(),
    at_least=3,
    at_most=3,
)
claim(
    "VAE.linear-divergence",
    "the total differs from that of (VAE.14) by at most so many nats",
    (in_training.sum() - exact.sum()).abs(),
    at_most=0.06,
)

# %% [markdown]
# Now the networks with hidden layers: the sorted divergences per dimension for the four widths
# $\sigma$ of the chapter. Count the bars that stand clear of zero.

# %% tags=["nbval-ignore-output"]
by_sigma = {
    s: VAE.dense((1, 8, 8), latent_dim=8, likelihood=Gaussian(s), seed=seed)
    for s in (1.0, 0.5, 0.25, 0.1)
}
as_above = {"epochs": 60, "batch_size": 64, "lr": 3e-3, "seed": seed}
# What `trained` would do with each, with all at once; Beta(1.0) leaves the KL as it is.
_ = sweep(list(by_sigma.values()), train.images, [Beta(1.0)] * 4, **as_above)

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    in_test = {s: kl_per_dimension(*net.encode(test.images)) for s, net in by_sigma.items()}
total = {s: kl.sum().item() for s, kl in in_test.items()}
figure, axis = plt.subplots(figsize=(6, 2.8))
for i, (s, kl) in enumerate(in_test.items()):
    sorted_kl, places = kl.sort(descending=True).values, torch.arange(1, 9) + 0.2 * (i - 1.5)
    axis.bar(places, sorted_kl, 0.2, color=COLOURS[i], label=f"σ = {s:g}: {total[s]:.1f} nats")
axis.set(xlabel="dimension, sorted", ylabel="divergence in nats")
axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.35), ncols=2)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Divergence per dimension: none for σ = 1, about 2 nats each for σ = 0.1.")

# %% tags=["hide-input"]
claim(
    "VAE.sharper-decoders-use-more",
    "from σ = ½ to σ = 0.1 the divergence grows so many times",
    total[0.1] / total[0.5],
    at_least=5,
)

# %% [markdown]
# Last, the VAE of the chapter: have its idle dimensions really collapsed? Replace them by noise and
# see whether the decoder notices.

# %% tags=["hide-input"]
idle_kl = kl_per_dimension(mu, logvar)
other = torch.randn(mu.shape, generator=generator())
with torch.no_grad():
    changes = [
        (vae.decode_mean(torch.where(which, other, mu)) - rebuilt).abs().mean()
        for which in (idle_kl < 0.1, idle_kl == idle_kl.max())
    ]
claim(
    "VAE.decoder-ignores-them",
    "noise in all dimensions below 0.1 nats has this share of the effect of noise in the best one",
    changes[0] / changes[1],
    at_most=0.5,
)

# %% [markdown]
# **Verdict.** No large decoder was needed to collapse the code; one that expects noisy pixels is
# enough. By (VAE.7) $\sigma = 1$ is the same as $\sigma = \tfrac12$ with the divergence weighted
# four times. Collapse need not be a failure: the loss gives up what does not pay.

# %% [markdown]
# ## Is a large divergence overfitting?
#
# One source says so. Three observations. *First*, the divergence of a perfect model. Let the truth
# be $x = wz + \sigma\varepsilon$ with one latent number, and give the encoder the true posterior.
# Nothing has been fitted, so nothing can be overfitted; yet by (VAE.14), with $\lambda = w^2 +
# \sigma^2$, the mean divergence is $\tfrac12 \log(1 + w^2/\sigma^2)$:

# %% tags=["hide-input"]
for noise_variance in (1.0, 1e-2, 1e-4, 1e-6):
    x = torch.randn(200_000, generator=generator()) * (1 + noise_variance) ** 0.5  # w = 1
    posterior_mean = x / (1 + noise_variance)
    posterior_variance = noise_variance / (1 + noise_variance)
    logvar_x = torch.full_like(x, posterior_variance).log()
    divergence = kl_diagonal_normal(posterior_mean[:, None], logvar_x[:, None]).mean().item()
    formula = 0.5 * torch.tensor(1 + 1 / noise_variance).log().item()
    print(f"σ² = {noise_variance:7g}: measured {divergence:.1f}, by the formula {formula:.1f} nats")

# %% [markdown]
# *Second*, overfitting without a large divergence: the same VAE trained on only 100 images.
# *Third*, a large divergence with little overfitting: the VAE with $\sigma = 0.1$ from above. The
# **gap** is how much worse the loss or the squared error is on test images than on training images.

# %% tags=["nbval-ignore-output"]
few = trained(VAE.dense, images=train.images[:100], epochs=690)  # as many steps


# %% tags=["hide-input"]
def mean_kl(net, images):
    with torch.no_grad():
        return kl_per_dimension(*net.encode(images)).sum().item()


@torch.no_grad()
def errors_of(net, images):
    z = reparameterize(*net.encode(images), generator())
    return squared_error(images, net.decode(z)).mean().item()


gap_few = minus_elbo(few, test.images) - minus_elbo(few, train.images[:100])
claim(
    "VAE.overfitting-is-elsewhere",
    "with 100 images the gap is so many times that with all",
    gap_few / (ours - minus_elbo(vae, train.images)),
    at_least=3.5,
)
claim(
    "VAE.few-images-same-divergence",
    "while the divergence is only so many times as large",
    mean_kl(few, train.images[:100]) / mean_kl(vae, train.images),
    at_most=1.6,
)

# %% tags=["hide-input"]
fine = by_sigma[0.1]
claim(
    "VAE.large-divergence-small-gap",
    "with σ = 0.1 the squared error is so much larger on test images, as a share",
    errors_of(fine, test.images) / errors_of(fine, train.images) - 1,
    at_most=0.4,
)
claim(
    "VAE.divergence-carries-over",
    "its divergences on test and training images differ by at most this share",
    abs(total[0.1] / mean_kl(fine, train.images) - 1),
    at_most=0.1,
)

# %% [markdown]
# **Verdict.** False. The divergence says how much the code tells about the image, and that is set
# by the decoder's noise. With $\sigma = 0.1$ there is a gap, too, and no divergence shows it, since
# that of test images is the same. Overfitting is recognised by comparing test with training images and
# by nothing else.

# %% [markdown]
# ## Each term alone
#
# With the divergence alone the best encoder is the prior itself, for every image: (KL.5) allows
# zero. What remains with the reconstruction alone? One source says that with $\sigma \to 0$ the
# VAE becomes an autoencoder.


# %% tags=["nbval-ignore-output"]
def reconstruction_only(net, x, generator, step):
    """An objective: the model's own loss without the divergence."""
    return Loss(net.loss(x, generator).terms, weights={"kl": 0.0})


alone = trained(VAE.dense, objective=reconstruction_only)

# %% tags=["hide-input"]
with torch.no_grad():
    mu_alone, logvar_alone = alone.encode(test.images)
claim(
    "VAE.free-noise-vanishes",
    "without the KL term the median σ of the code falls below this",
    (logvar_alone / 2).exp().median(),
    at_most=0.02,
)
claim(
    "VAE.unpaid-divergence",
    "its divergence in nats",
    mean_kl(alone, test.images),
    at_least=50,
)
claim(
    "VAE.autoencoder-again",
    "its samples from N(0, I) have so many times the distance of the VAE's to real images",
    nearest_distance(alone.sample(1000, generator()), train.images) / usual / distance[plain],
    at_least=1.2,
)

# %% [markdown]
# **Verdict.** Noise alone does not make a VAE: the encoder escapes it by shrinking $\sigma$ and
# spreading $\mu$. That is an autoencoder, with its reconstructions and its holes.

# %% [markdown]
# ## How far is the bound from the likelihood?
#
# Chapter 6 measured the gap between $\log p(x)$ and the ELBO in models of one number. Here is a
# real one. For probabilities in place of cross-entropies the pixels have to be black or white: each
# is drawn, white with the probability that is its grey value, anew in every step. The bound
# (ELBO.12) with $k$ draws grows with $k$ towards $\log p(x)$. And the gap has two causes: the
# *family*, since a diagonal normal is not the true posterior; and *amortisation*, since one network
# answers for all images. To tell them apart, let each test image improve its own $\mu$ and
# $\sigma$, as in chapter 6, starting from the encoder's answer.


# %% tags=["nbval-ignore-output"]
def black_or_white(images, g):
    return (torch.rand(images.shape, generator=g) < images).float()


def binary_loss(model, x, generator, step):
    return model.loss(black_or_white(x, generator), generator)


binary_vae = trained(VAE.dense, objective=binary_loss)
pixels = black_or_white(test.images, generator())
bounds = {
    k: importance_weighted_log_likelihood(binary_vae, pixels, samples=k, seed=seed).mean
    for k in (1, 2, 5, 10, 20, 50, 100, 200, 500)
}

# %% tags=["nbval-ignore-output"]
own_q = [t.detach().clone().requires_grad_() for t in binary_vae.encode(pixels)]  # μ, log σ²
g, optimizer = generator(), torch.optim.Adam(own_q, lr=0.02)


def elbo_of(q, draws):
    log_weights = log_importance_weights(binary_vae, pixels, DiagonalNormal(*q), draws, g)
    return log_weights.mean()  # outside the logarithm: the ELBO


for _ in range(200):
    optimizer.zero_grad()
    (-len(pixels) * elbo_of(own_q, 5)).backward()  # a sum, so that each image has its own step
    optimizer.step()
with torch.no_grad():
    amortised, own = elbo_of(binary_vae.encode(pixels), 200).item(), elbo_of(own_q, 200).item()

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 2.8))
axis.plot(*zip(*bounds.items()), "o-", color=COLOURS[0], label="bound with k draws")
axis.axhline(amortised, color=COLOURS[2], ls=":", label="ELBO, q of the encoder")
axis.axhline(own, color=COLOURS[4], ls="--", label="ELBO, q of its own")
axis.set(xscale="log", xlabel="k", ylabel="nats per image")
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="The bound rises with k and flattens; the ELBO with a q of its own lies between.")
print(f"gap {bounds[500] - amortised:.2f} nats, of which amortisation {own - amortised:.2f}")

# %% tags=["hide-input"]
claim(
    "VAE.more-draws-tighten",
    "the bound with 500 draws lies so many nats above the ELBO",
    bounds[500] - amortised,
    at_least=0.2,
)
claim(
    "VAE.amortisation-gap",
    "this share of the gap is amortisation",
    (own - amortised) / (bounds[500] - amortised),
    at_least=0.2,
    at_most=0.8,
)

# %% [markdown]
# **Verdict.** The ELBO lies less than half a nat below what 500 draws find, and about half of this
# is amortisation: a $q$ of its own for each image wins it back, at the price of an optimisation for
# each. The rest belongs to the family. (The bound with 500 draws is still a bound, so the true gap
# is a little larger.)

# %% [markdown]
# ## What a code does not tell
#
# Four sentences about applications. *One axis of a plane of codes is the identity of the digit.*
# *Likely images have likely codes.* *What is unlike the training images is rebuilt badly.* *Codes
# drawn near an image's code give variations of it with the same label.*

# %% tags=["nbval-ignore-output"]
flat_vae = trained(VAE.dense, latent_dim=2)

# %% tags=["hide-input"]
with torch.no_grad():
    flat_codes, flat_test_codes = (flat_vae.encode(data.images).mu for data in (train, test))


def knn(columns):
    """Share of test images whose five nearest training codes tell the class."""
    neighbours = KNeighborsClassifier(5).fit(flat_codes[:, columns], train.labels)
    return neighbours.score(flat_test_codes[:, columns], test.labels)


def same_class(pictures):
    return (torch.tensor(classifier.predict(pictures.flatten(1))) == test.labels).float().mean()


@torch.no_grad()
def lost_by_noise(net):
    """Share of test images whose class the centre of q(z|x) keeps, less that of a draw from it."""
    q = net.encode(test.images)
    g = generator()
    draws = [same_class(net.decode_mean(q.sample(g))) for _ in range(10)]
    return same_class(net.decode_mean(q.mu)) - sum(draws) / len(draws)


# %% tags=["hide-input"]
with torch.no_grad():
    likely_code = -binary_vae.encode(pixels).mu.square().sum(1)  # log p(z = μ), up to a constant
log_likelihood = importance_weighted_log_likelihood(binary_vae, pixels, samples=200, seed=seed)
error_mean = squared_error(mean_image, vae(mean_image)).item()
claim(
    "VAE.axes-are-not-identity",
    "the better axis tells this share of the classes less than the two together",
    knn([0, 1]) - max(knn([0]), knn([1])),
    at_least=0.1,
)
claim(
    "VAE.mean-image",
    "the mean image, no digit, is rebuilt better than this share of test images",
    (squared_error(test.images, rebuilt) > error_mean).float().mean(),
    at_least=0.9,
)

# %% tags=["hide-input"]
claim(
    "VAE.likely-codes",
    "the rank correlation of log p(z) of the code and log p(x) of the image, black or white",
    spearmanr(likely_code, log_likelihood.per_image).statistic,
    at_most=-0.15,
)
claim(
    "VAE.variations-change-class",
    "draws from q(z|x) change the class of this share of images that the centre of q keeps",
    lost_by_noise(vae),
    at_least=0.08,
)
claim(
    "VAE.variations-keep-class",
    "with a learned σ, of this share",
    lost_by_noise(learned),
    at_most=0.04,
)

# %% [markdown]
# **Verdict.** The first three do not hold here. (On grey pixels the second would be no test: there
# $\log p(x)$ contains the entropy of the pixels, (AE.4), which is why black and white ones were
# drawn.) The fourth depends on the width of the decoder: where it expects noisy pixels, clouds are
# wide and one draw in six is of another class; with a learned $\sigma$ draws keep what the centre
# keeps.

# %% [markdown]
# ## Exercises
#
# A card first, then predictions. `course_lib.exercises.bank()` lists more.

# %%
ExerciseCard("sampling-from-logvar")

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
# **4.** By (VAE.14), how much does the divergence of a linear VAE grow when the width $\sigma$ of
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
# Two sources write the variance of the encoder as $\sigma_\phi(x)^2 I$. That is one number for all
# dimensions, and each dimension needs its own. More than by anything else they confuse by signs:
# $\mathbb{E}_q[\log p_\theta(x \mid z)]$ is a reward, and only its negative is a loss. Each place
# below has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=7)

# %% [markdown]
# Back to [chapter 7](07_variational_autoencoder.ipynb), or on to
# [chapter 8](08_beta_vae.ipynb).
#
# ## References
#
# - R. J. Williams. *Simple Statistical Gradient-Following Algorithms for Connectionist
#   Reinforcement Learning.* Machine Learning 8, 1992.
# - M. D. Hoffman, M. J. Johnson. *ELBO Surgery.* NeurIPS workshop, 2016.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi. *Don't Blame the ELBO! A Linear VAE Perspective on
#   Posterior Collapse.* NeurIPS, 2019.
# - P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black, B. Schölkopf. *From Variational to
#   Deterministic Autoencoders.* ICLR, 2020. (Fitting a density to an autoencoder's codes.)
# - O. Rybkin, K. Daniilidis, S. Levine. *Simple and Effective VAE Training with Calibrated
#   Decoders.* ICML, 2021.
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter. *GANs Trained by a Two
#   Time-Scale Update Rule Converge to a Local Nash Equilibrium.* NeurIPS, 2017. (The distance.)
