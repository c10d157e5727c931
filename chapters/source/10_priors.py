# %% [markdown]
# # 10 · Priors that fit
#
# A VAE draws new digits from a cloud that somebody chose before the training began. It need not be so.
# Below, a cloud is learned together with the network. Lines surround the prior: half of its draws fall
# within the full line, nine tenths within the dashed one. The shade is where the codes of the images
# really lie. Wind the training forward: what does the shade do, and what do the lines? Then drag the
# ring, inside the lines and outside.

# %% tags=["hide-input"]
from copy import deepcopy

import torch
from sklearn import mixture
from sklearn.decomposition import PCA

from course_lib.datasets import load
from course_lib.evaluation import (
    frechet_distance, importance_weighted_log_likelihood, match_prior,
)  # fmt: skip
from course_lib.models import VAE
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import CodeLikelihood
from course_lib.plots import image_rows
from course_lib.priors import FlowPrior, GaussianMixture, VampPrior
from course_lib.training import fit
from course_lib.widgets import ExerciseCard, PriorPlane

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
glyphs = load("glyphs")
central = (glyphs.factors[:, -2:].abs() < 2).all(1)  # shifted by one pixel at most
four = torch.isin(glyphs.labels, torch.tensor([0, 1, 4, 7]))
plain = glyphs.images[central & four]
train, test = ((load("digits", split).images > 0.5).float() for split in ("train", "test"))


def generator():
    return torch.Generator().manual_seed(seed)


def two_numbers(prior=None):
    return VAE.dense((1, 28, 28), latent_dim=2, hidden=(48,), prior=prior, seed=seed)


def mismatch(net, images):
    """KL(q(z)‖p) of a model, by draws."""
    with torch.no_grad():
        return match_prior(net.prior, net.encode(images), seed).mismatch


# %% tags=["nbval-ignore-output"]
learner, moments = two_numbers(FlowPrior(2, couplings=6, hidden=24, seed=seed)), {}


def remember(progress):
    if progress.step in (1, 40, 150, 500):
        moments[str(progress.step)] = deepcopy(learner)


_ = fit(learner, plain, epochs=60, batch_size=50, lr=2e-3, seed=seed, callback=remember)
moments["the end"] = learner

# %% tags=["hide-input", "nbval-ignore-output"]
distances = [mismatch(net, plain) for net in moments.values()]
PriorPlane(moments, plain, distances, "KL(q(z)‖p) in nats:", name="step", seed=seed)

# %% [markdown]
# In the beginning the prior is $\mathcal{N}(0, I)$, a round cloud, and the codes lie in the middle of
# it. Then the codes spread, far beyond that cloud, and the lines follow them, bays included. Where no
# code lies, the ring decodes to blends and smears, and the learned prior hardly goes there.
#
# **What does a prior that fits buy: in nats, in samples, and for which price?**
#
# ## You will
#
# - find out which prior is the best one, and why nobody uses it as it is;
# - build the density of a mixture that does not underflow;
# - train three priors together with their model, and see where the nats go;
# - fit a prior afterwards, in a second, and compare.
#
# **Before you start**: chapters 6 and 7. **Time**: 40 minutes. Finer claims, the table of all priors,
# and what grey levels do to a density stand in the [laboratory](10_priors_laboratory.ipynb).

# %% [markdown]
# ## The best prior there is
#
# Nothing in the ELBO asks for $\mathcal{N}(0, I)$. Let the model be trained, hold encoder and decoder
# fixed, and look for the prior that makes the mean ELBO of the $N$ training images largest. The
# likelihood does not see the prior; of the divergence only $\mathbb{E}_q[\log p(z)]$ does. With all codes
# thrown together into the **aggregate posterior** $q(z)$,
#
# $$ \begin{aligned} \arg\max_p \frac1N \sum_{n=1}^{N} \mathrm{ELBO}_p(x_n)
#    &= \arg\max_p \, \mathbb{E}_{q(z)}[\log p(z)] = q(z), \\
#    q(z) &= \frac1N \sum_{n=1}^{N} q_\phi(z \mid x_n) \end{aligned} \tag{PRIOR.1} $$
#
# since a cross-entropy is smallest for the distribution itself (KL.5). How much is there to gain?
# Chapter 7 has split the divergence in two, (VAE.5): the information $I(x; z)$, which the images need,
# and $\mathrm{KL}(q(z) \,\Vert\, p(z))$, which says nothing about any image. A better prior saves the
# second part. It cannot save more.
#
# So why not take $q(z)$? It is a mixture of as many parts as there are training images, 60,000 for
# MNIST, for one density at one point. And it knows these images by heart: whether it fits *new* images
# must be measured. The usual priors are short summaries of it.

# %%
ExerciseCard("gain-of-the-best-prior")

# %% [markdown]
# ## Three summaries
#
# A **mixture** of $K$ normal distributions, whose weights, means and variances are learned:
#
# $$ \log p(z) = \log \sum_{k=1}^{K} \pi_k \, \mathcal{N}\bigl(z; \mu_k, \operatorname{diag}
#    \sigma_k^2\bigr) \tag{PRIOR.2} $$
#
# ### Build it: the density of a mixture
#
# In 40 dimensions a density of $e^{-200}$ is nothing special, and as a float32 it is 0, whose
# logarithm is $-\infty$. `torch.logsumexp` adds numbers that are known by their logarithms. Write (PRIOR.2)
# for many points and components at once.


# %%
def mixture_log_density(z, log_weights, mu, logvar):
    """log Σₖ wₖ N(z; μₖ, diag σₖ²)  (PRIOR.2)

    z: (B, d); log_weights: (K,); mu, logvar: (K, d), logvar = log σ². Returns (B,).
    """
    ...


# %%
mixture_log_density = check_task("mixture_log_density", mixture_log_density)

# %% [markdown]
# The **VampPrior** (Tomczak & Welling, 2018) takes the sum of (PRIOR.1) at its word, but with a few
# pictures $u_k$ in place of all images. They are parameters, learned pixel by pixel, and the encoder says
# what their codes are:
#
# $$ p(z) = \frac1K \sum_{k=1}^{K} q_\phi(z \mid u_k) \tag{PRIOR.3} $$
#
# A **flow** bends the plane until its cloud is round, by a function $f$ that can be inverted. Its
# couplings leave one half $a$ of the code as it is, and move the other half $b$ by what a small
# network reads from the first, $b \mapsto (b - t(a)) \, e^{-s(a)}$; then the halves change places. The
# Jacobian of each is triangular, so its determinant is a product:
#
# $$ \begin{aligned} \log p(z) &= \log \mathcal{N}\bigl(f(z); 0, I\bigr)
#    + \log \Bigl\lvert \det \frac{\partial f}{\partial z} \Bigr\rvert, \\
#    \log \Bigl\lvert \det \frac{\partial f}{\partial z} \Bigr\rvert
#    &= - \sum_{\text{couplings}} \sum_j s_j(a) \end{aligned} \tag{PRIOR.4} $$
#
# In the course's library a prior is an object with `log_prob` and `sample`, and a VAE takes any of them.
# None of the three has a divergence in closed form. It is a mean over draws:
#
# $$ \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) = \mathbb{E}_{q_\phi(z \mid x)}
#    \bigl[ \log q_\phi(z \mid x) - \log p(z) \bigr] \tag{PRIOR.5} $$
#
# and one draw for each image will do, as it does for the reconstruction.

# %%
ExerciseCard("mixture-log-density")

# %%
ExerciseCard("log-density-of-a-coupling")

# %% [markdown]
# The same four digits again, with the four priors, each trained with its model for the same number of
# steps. Which of them draw blends? Which clouds have corners?

# %% tags=["nbval-ignore-output"]
planes = {"N(0, I)": two_numbers(), "mixture": two_numbers(GaussianMixture(2, 12, seed))}
planes["Vamp"] = two_numbers()
planes["Vamp"].prior = VampPrior(planes["Vamp"].encoder, plain[:24])
for net in planes.values():
    fit(net, plain, epochs=60, batch_size=50, lr=2e-3, seed=seed)
planes["flow"] = learner

# %% tags=["hide-input", "nbval-ignore-output"]
distances = [mismatch(net, plain) for net in planes.values()]
PriorPlane(planes, plain, distances, "KL(q(z)‖p) in nats:", name="prior", seed=seed)

# %% [markdown]
# Under $\mathcal{N}(0, I)$ the codes are pressed into a disc. The other priors let them have the room
# that they need, and take the outline of the shade.
#
# ## Where the nats go
#
# Now with numbers: 8 × 8 digits, black and white, so that a Bernoulli likelihood is a probability
# (chapter 7); a code of 8 numbers; the same network, steps and learning rate for the four priors.


# %% tags=["nbval-ignore-output"]
def digits_vae(prior=None):
    return VAE.dense((1, 8, 8), latent_dim=8, hidden=(64,), prior=prior, seed=seed)


schedule = {"epochs": 60, "batch_size": 64, "lr": 3e-3, "seed": seed}
some = train[torch.randperm(len(train), generator=generator())[:50]]
together = {"N(0, I)": digits_vae(), "mixture": digits_vae(GaussianMixture(8, 20, seed))}
together["VampPrior"] = digits_vae()
together["VampPrior"].prior = VampPrior(together["VampPrior"].encoder, some)
together["flow"] = digits_vae(FlowPrior(8, couplings=4, hidden=32, seed=seed))
for net in together.values():
    fit(net, train, **schedule)

# %% [markdown]
# Two measures. `match_prior` estimates the parts of the rate, with $q(z)$ as the exact sum over all
# training images; the two add up to the rate, draw by draw. (What such an estimate cannot see is in the
# laboratory: it ends at $\log N = 7.3$ nats of information, and we are below.) The likelihood of *test*
# images is estimated by importance weighting, (ELBO.12), with 100 draws.

# %% tags=["hide-input"]


def with_prior(net, prior):
    """The same encoder and decoder with another prior."""
    other = VAE(net.encoder, net.decoder, net.likelihood, prior)
    return other.eval()


@torch.no_grad()
def measured(net):
    parts = match_prior(net.prior, net.encode(train), seed, draws=2)
    nll = -importance_weighted_log_likelihood(net, test, samples=100, seed=seed).mean
    return parts.information, parts.mismatch, nll


# %% tags=["hide-input", "nbval-ignore-output"]
table = {name: measured(net) for name, net in together.items()}
print("trained with the model   information   KL(q(z)‖p)   −log p(x), test")
for name, (information, distance, nll) in table.items():
    print(f"{name:24} {information:11.2f} {distance:12.2f} {nll:17.2f}")

# %% tags=["hide-input"]
information, distance, nll = (dict(zip(table, c, strict=True)) for c in zip(*table.values()))
learned = ("mixture", "VampPrior", "flow")
claim(
    "PRIOR.mismatch-falls",
    "KL(q(z)‖p) of the learned priors, in parts of that of N(0, I), at most",
    max(distance[name] for name in learned) / distance["N(0, I)"],
    at_most=0.85,
)
claim(
    "PRIOR.information-stays",
    "the information of a code, in parts of that with N(0, I), at least",
    min(information[name] for name in learned) / information["N(0, I)"],
    at_least=0.75,
)
claim(
    "PRIOR.better-likelihood",
    "test images: the negative log-likelihood is lower by at least so many nats, for each of them",
    nll["N(0, I)"] - max(nll[name] for name in learned),
    at_least=0.02,
)

# %% [markdown]
# Most of the information stays. What falls is the mismatch, the part that bought nothing, and test images
# become more probable by a part of that.
#
# ## Afterwards
#
# (PRIOR.1) suggests a cheaper way. Train the VAE as in chapter 7, with $\mathcal{N}(0, I)$. Then leave it
# alone, and fit a prior to its codes: scikit-learn's EM needs a moment. Any other prior can be
# fitted by `fit` itself, with the cross-entropy of (PRIOR.1) as objective, a new draw of every code each
# time. And the best prior of all, $q(z)$, needs no fitting: it is a VampPrior with all training images.
# Guess before you run: which part of the gain is left?

# %% tags=["nbval-ignore-output"]
base = together["N(0, I)"]
with torch.no_grad():
    q = base.encode(train)
    codes = q.sample(generator()).double()
em = mixture.GaussianMixture(20, covariance_type="diag", random_state=seed).fit(codes)
flow = FlowPrior(8, couplings=4, hidden=32, seed=seed)
fit(flow, {"mu": q.mu, "logvar": q.logvar}, objective=CodeLikelihood(), **schedule)
afterwards = {
    "N(0, I)": base,
    "mixture, by EM": with_prior(base, GaussianMixture.of(em.weights_, em.means_, em.covariances_)),
    "flow": with_prior(base, flow),
    "q(z) itself": with_prior(base, VampPrior(base.encoder, train)),
}

# %% tags=["hide-input", "nbval-ignore-output"]
late = {name: measured(net) for name, net in afterwards.items()}
print("fitted afterwards        information   KL(q(z)‖p)   −log p(x), test")
for name, (i, d, loss) in late.items():
    print(f"{name:24} {i:11.2f} {d:12.2f} {loss:17.2f}")

# %% tags=["hide-input"]
gain = {name: nll["N(0, I)"] - row[2] for name, row in late.items()}
best_together = nll["N(0, I)"] - min(nll.values())
claim(
    "PRIOR.afterwards-buys-most",
    "the better of the two fitted afterwards: its gain, in parts of the best gain by training",
    max(gain["mixture, by EM"], gain["flow"]) / best_together,
    at_least=0.5,
)
claim(
    "PRIOR.aggregate-for-new-images",
    "q(z) of the training images as the prior for test images: gain in nats, without any training",
    gain["q(z) itself"],
    at_least=0.3,
)

# %% [markdown]
# The cheap way buys about as much. And $q(z)$ itself, which knows the training images by heart, is the best
# prior for the test images as well: in eight dimensions its parts are wide enough to overlap. The price
# is 1,437 densities for one.

# %%
ExerciseCard("prior-fitted-afterwards")

# %% [markdown]
# ## What the eye sees
#
# Glyphs of 28 × 28 pixels and a code of 16 numbers. Three ways to draw: from $\mathcal{N}(0, I)$; from the
# same model, with a mixture fitted afterwards; and from a model that was trained with a mixture. Count
# digits that you can read.

# %% tags=["nbval-ignore-output"]
big = {"N(0, I)": None, "mixture, trained with it": GaussianMixture(16, 50, seed)}
for name, prior in big.items():
    big[name] = VAE.dense((1, 28, 28), latent_dim=16, hidden=(256,), prior=prior, seed=seed)
    fit(big[name], glyphs.images, epochs=10, batch_size=128, lr=2e-3, seed=seed)
with torch.no_grad():
    codes = big["N(0, I)"].encode(glyphs.images).sample(generator()).double()
em = mixture.GaussianMixture(50, covariance_type="diag", random_state=seed).fit(codes[:4000])
fitted = GaussianMixture.of(em.weights_, em.means_, em.covariances_)
big["mixture, afterwards"] = with_prior(big["N(0, I)"], fitted)

# %% tags=["hide-input", "nbval-ignore-output"]
pca = PCA(20, random_state=0).fit(glyphs.images[:4000].flatten(1))


def frechet(images):
    features = (torch.tensor(pca.transform(x.flatten(1))) for x in (images, glyphs.images))
    return frechet_distance(*features)


drawn = {name: net.sample(2000, generator()) for name, net in big.items()}
F = {name: frechet(images) for name, images in drawn.items()}
show(
    image_rows({f"{name}: F = {F[name]:.2f}": images for name, images in drawn.items()}, 12),
    alt="Rows of digits drawn from N(0, I) and from mixtures, which are easier to read.",
)

# %% tags=["hide-input"]
claim(
    "PRIOR.samples-are-nearer",
    "Fréchet distance of the draws from either mixture, in parts of that of N(0, I), at most",
    max(F["mixture, trained with it"], F["mixture, afterwards"]) / F["N(0, I)"],
    at_most=0.9,
)

# %% [markdown]
# > **Myth**: "the prior must be Gaussian: without it one would not know where to sample from". One
# > knows it better afterwards, from the codes themselves. What $\mathcal{N}(0, I)$ has for it is a
# > divergence in closed form, and no parameter.

# %% [markdown]
# ## Recap
#
# - The best prior is the aggregate posterior $q(z)$. A better prior saves
#   $\mathrm{KL}(q(z) \,\Vert\, p(z))$, and no more.
# - Mixture, VampPrior and flow are short summaries of it. The divergence is then a mean over draws.
# - Trained with the model, each of them lowers the mismatch and leaves most of the information.
# - Fitted afterwards, in no time, a prior buys about as much.
#
# ## Next
#
# The [laboratory](10_priors_laboratory.ipynb) puts all priors into one table with what they cost, tests the
# estimate where the answer is known, and asks what becomes of a density when pixels have 17 levels.
# [Chapter 11](11_posterior_collapse.ipynb) gives the decoder another source than $z$.
#
# ## References
#
# - M. D. Hoffman, M. J. Johnson. *ELBO Surgery: Yet Another Way to Carve up the Variational Evidence
#   Lower Bound.* NeurIPS Workshop, 2016.
# - J. M. Tomczak, M. Welling. *VAE with a VampPrior.* AISTATS, 2018.
# - L. Dinh, J. Sohl-Dickstein, S. Bengio. *Density Estimation Using Real NVP.* ICLR, 2017.
# - X. Chen et al. *Variational Lossy Autoencoder.* ICLR, 2017.
# - P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. J. Black, B. Schölkopf. *From Variational to
#   Deterministic Autoencoders.* ICLR, 2020.
