# %% [markdown]
# # 8 · β-VAE
#
# A printed digit has knobs: how far it slants, how large it is, where it stands. The network below
# saw 8,000 pictures of digits and nothing else; nobody told it of any knob. Its code has ten numbers.
# Below the image slider, move the first four, line by line. What does each of them change?

# %% tags=["hide-input"]
import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from torch.nn.functional import avg_pool2d

from course_lib.datasets import load
from course_lib.evaluation import (
    active_units, frechet_distance, mutual_information_gap, split_kl,
)  # fmt: skip
from course_lib.models import VAE, ConditionalVAE, pretrained
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import Beta, EveryBeta, Loss
from course_lib.plots import COLOURS, model_diagram
from course_lib.priors import reparameterize
from course_lib.training import fit, sweep
from course_lib.widgets import BetaExplorer, ExerciseCard, LatentTraversal, SweepRows

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")
glyphs, new_glyphs = load("glyphs"), load("glyphs", "test")
schedule = {"epochs": 60, "batch_size": 64, "lr": 3e-3, "seed": seed}


def generator():
    return torch.Generator().manual_seed(seed)


def digits_vae():
    return VAE.dense((1, 8, 8), 8, (64,), seed=seed)


def squared_correlations(codes, factors):
    """r² of each axis of the code with each factor, (d, F)."""
    z, v = (torch.nn.functional.normalize(x - x.mean(0), dim=0) for x in (codes, factors))
    return (z.T @ v).square()


# %% tags=["hide-input", "nbval-ignore-output"]
finder = pretrained("glyphs_beta_vae")  # trained on 8,000 glyphs
with torch.no_grad():
    found, found_logvar = finder.encode(new_glyphs.images)
r2 = squared_correlations(found, new_glyphs.factors)
first = []
for name in ("slant", "size", "shift x", "shift y"):  # for each the best axis that is left
    ranked = r2[:, new_glyphs.factor_names.index(name)].argsort(descending=True).tolist()
    first.append(next(j for j in ranked if j not in first))
order = first + [j for j in found.var(0).argsort(descending=True).tolist() if j not in first]
LatentTraversal(finder, new_glyphs.images[:60], codes=found[:60], order=order)

# %% [markdown]
# One axis tilts the digit, one makes it larger and bolder, two move it about; the others change which
# digit it is, or nothing. (We put the four in front. The model did not say which is which.) It is
# the VAE of chapter 7 with one change: each nat of its code costs six times as much.
#
# **Can a model find the knobs by itself?** And what does the price have to do with it?
#
# ## You will
#
# - set a price for the code, and see what is bought at each price;
# - read the price off a curve, as its slope;
# - find out why samples are bad where reconstructions are best;
# - build a loss with a budget in it, and see it cheated;
# - measure whether axes have a meaning, rotate it away, and see what chose the axes.
#
# **Before you start**: chapters 5 to 7, and what a Lagrangian is. **Time**: 40 minutes. What is
# measured in more detail stands in the [laboratory](08_beta_vae_laboratory.ipynb).

# %% [markdown]
# ## The idea
#
# The loss of a VAE has two terms, and chapter 7 found that sums and means put a weight β between
# them without a word. Here we choose β on purpose. Two names from the theory of compression help.
# The **rate** $R$ is the mean divergence $\mathbb{E}_x \mathrm{KL}(q_\phi(z|x) \,\Vert\, p(z))$:
# what the code costs. The **distortion** $D$ is $\mathbb{E}_x \mathbb{E}_{q} [-\log
# p_\theta(x|z)]$: how badly the decoder explains the image. Both are in nats per image. A larger β
# makes the rate more expensive, so less of it is bought, and the distortion grows.
#
# Higgins et al. (2017) had a second hope: a code that is short of nats will give each thing that
# varies an axis of its own. That is what the first picture seems to show.

# %% tags=["hide-input"]
with torch.no_grad():
    x = new_glyphs.images[:1]
    q = finder.encode(x)
    z = reparameterize(*q, generator())
    x_hat = finder.decode_mean(z)
diagram = model_diagram(
    [
        ("image $x$\n784 numbers", x[0]),
        ("$q_\\phi(z|x)$", "encoder"),
        ("$\\mu$ and $\\sigma$", torch.stack([q.mu[0], (q.logvar[0] / 2).exp()], dim=1)),
        ("code $z$\ncosts $R$ nats,\neach at the price $\\beta$", z[0]),
        ("$p_\\theta(x|z)$", "decoder"),
        ("reconstruction $\\hat{x}$\nmisses by $D$ nats", x_hat[0]),
    ]
)
show(
    diagram,
    alt="A VAE: image, encoder, μ and σ, a code that costs R nats, decoder, a picture off by D.",
)

# %% [markdown]
# ## A budget and a price
#
# Start from a budget. Explain the images as well as possible with a code that costs at most
# $C$ nats on average:
#
# $$ \max_{\theta, \phi} \; \mathbb{E}_x \mathbb{E}_{q_\phi(z \mid x)}
#    \bigl[ \log p_\theta(x \mid z) \bigr] \quad \text{subject to} \quad
#    \mathbb{E}_x \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) \le C \tag{BVAE.1} $$
#
# The Lagrangian $\Lambda$ subtracts a price β for every nat above the budget. With $R$ and $D$ as
# above, a solution satisfies the conditions of Karush, Kuhn and Tucker (KKT):
#
# $$ \Lambda = -D - \beta (R - C), \qquad \nabla_{\theta, \phi} \Lambda = 0, \qquad
#    R \le C, \quad \beta \ge 0, \quad \beta (R - C) = 0 \tag{BVAE.2} $$
#
# The last one says: either the budget is used up, or the price is zero. Note who decides: $C$ is
# given, and β follows from it. (The conditions are necessary where the constraint is regular. They
# are sufficient only for concave problems, which networks are not.)
#
# Now turn it round and choose β. The constant $\beta C$ does not matter for the weights, and with
# the sign turned for an optimiser that minimises, this is the **β-VAE**:
#
# $$ \mathcal{L}_\beta(\theta, \phi; x) = \mathbb{E}_{q_\phi(z \mid x)}
#    \bigl[ -\log p_\theta(x \mid z) \bigr]
#    + \beta \, \mathrm{KL}\bigl( q_\phi(z \mid x) \,\Vert\, p(z) \bigr) \tag{BVAE.3} $$
#
# With $\beta = 1$ it is minus the ELBO, if the first term is a true log-likelihood. For $\beta > 1$
# minus the loss is still a bound on $\log p_\theta(x)$, a looser one. For $\beta < 1$ it bounds
# nothing (laboratory).

# %%
ExerciseCard("beta-vae-loss")

# %% [markdown]
# ## What is bought at each price
#
# Eight prices, eight models, on the 8 × 8 digits; `sweep` trains all of them at once.

# %% tags=["nbval-ignore-output"]
betas = (0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0)
models = {beta: digits_vae() for beta in betas}
histories = sweep(list(models.values()), train.images, [Beta(b) for b in betas], **schedule)

# %% [markdown]
# Test images, what is rebuilt of them, and two rows of new digits: from the prior $\mathcal{N}(0,
# I)$, and from a normal distribution fitted to the codes, as in chapter 7. Before you move the
# slider, guess: which β rebuilds best? Which has the best row of samples?

# %% tags=["hide-input"]
rows_by_beta, drawn = {}, {}
with torch.no_grad():
    noise = torch.randn(1000, 8, generator=generator())
    for beta, net in models.items():
        codes = reparameterize(*net.encode(train.images), generator=generator())
        spread = torch.linalg.cholesky(torch.cov(codes.T))
        drawn[beta] = {
            "N(0, I)": net.decode_mean(noise),
            "fitted": net.decode_mean(codes.mean(0) + noise @ spread.T),
        }
        rows_by_beta[beta] = {"test image": test.images, "rebuilt": net(test.images)}
        rows_by_beta[beta] |= {f"drawn, {name}": x for name, x in drawn[beta].items()}

# %% tags=["nbval-ignore-output"]
SweepRows("β", rows_by_beta, start=0.01)

# %% [markdown]
# Reconstructions are best on the left. The row from the prior is bad at both ends: strokes that make
# no digit on the left, one grey image for all on the right. The row from the fitted normal is as good
# on the left as anywhere. In numbers, on test images: rate and distortion, the active units (VAE.6),
# and how far both kinds of samples are from the training images (the Fréchet distance compares means
# and covariances, here of 20 principal components; 0 is best).

# %% tags=["hide-input"]
pca = PCA(20).fit(train.images.flatten(1))


def frechet(samples):
    features = (torch.tensor(pca.transform(x.flatten(1))) for x in (samples, train.images))
    return frechet_distance(*features)


@torch.no_grad()
def rate_and_distortion(net, images, repeats=10):
    """R and D in nats per image, D averaged over several draws of the noise."""
    draw = net.draw(images.repeat(repeats, 1, 1, 1), generator())
    return draw.kl.sum(1).mean().item(), draw.nll.mean().item()


R, D, F = {}, {}, {}
for beta, net in models.items():
    R[beta], D[beta] = rate_and_distortion(net, test.images)
    F[beta] = {name: frechet(samples) for name, samples in drawn[beta].items()}

# %% tags=["hide-input", "nbval-ignore-output"]
print("   β   rate R   distortion D   active   Fréchet: N(0, I)   fitted")
for b, net in models.items():
    with torch.no_grad():
        active = int(active_units(net.encode(train.images).mu).sum())
    print(f"{b:4g} {R[b]:8.2f} {D[b]:14.2f} {active:8}", end="")
    print(f" {F[b]['N(0, I)']:18.2f} {F[b]['fitted']:8.2f}")

# %% tags=["hide-input"]
claim(
    "BVAE.reconstruction-worsens",
    "from β = 0.03 on every step to a larger β raises D by at least so many nats",
    min(D[b] - D[a] for a, b in zip(betas[1:-1], betas[2:], strict=True)),
    at_least=0.2,
)
claim(
    "BVAE.collapse-at-four",
    "with β = 4 a code costs, and holds, at most so many nats",
    R[4.0],
    at_most=0.05,
)
claim(
    "BVAE.prior-is-why",
    "β = 0.01 with a fitted normal: its Fréchet distance, in parts of the best that N(0, I) reaches",
    F[0.01]["fitted"] / min(f["N(0, I)"] for f in F.values()),
    at_most=0.9,
)

# %% [markdown]
# A larger β rebuilds worse, from 0.03 on at every step, and at 4 nothing is left. That samples get
# bad on the left is no fault of the decoder: at a low price little pulls the codes to the prior.
# They lie wider than $\mathcal{N}(0, I)$ and are correlated, and the prior misses them. Drawn from
# where the codes are, the samples at the lowest price are the nearest of all.
#
# ## The price is a slope
#
# Let $D(C)$ be the smallest distortion within the budget $C$. A multiplier is what loosening its
# constraint is worth: one more nat of budget saves
#
# $$ \beta = -\frac{\mathrm{d} D(C)}{\mathrm{d} C}
#    = \frac{\mathrm{d}}{\mathrm{d} C} \, \max_{R \le C} \, \mathbb{E} \log p_\theta(x \mid z)
#    \tag{BVAE.4} $$
#
# nats of distortion: β is minus the slope of the **rate–distortion curve**. So each β finds the
# point where the curve has that slope.
#
# Eight points took eight trainings. Or β becomes an input of both networks, and every image of every
# batch gets a β of its own, with $\log \beta$ drawn uniformly (Bae et al., 2023, with a better
# design than ours):
#
# $$ q_\phi(z \mid x, \beta), \quad p_\theta(x \mid z, \beta), \qquad
#    \min_{\theta, \phi} \; \mathbb{E}_\beta \mathbb{E}_x \, \mathcal{L}_\beta(\theta, \phi; x)
#    \tag{BVAE.5} $$

# %% tags=["nbval-ignore-output"]
conditional = ConditionalVAE.dense((1, 8, 8), 8, condition_dim=1, hidden=(128,), seed=seed)
every = EveryBeta(0.03, 4.0)
for lr, epochs in ((5e-3, 60), (1e-3, 15)):
    faster = {**schedule, "lr": lr, "epochs": epochs}
    history = fit(conditional, train.images, objective=every, **faster)

# %% [markdown]
# Start with the slider at its left end and go right. Where is the curve steep, and where flat? What do
# the reconstructions lose on the way? The orange points are the models that were trained for one β each.

# %% tags=["nbval-ignore-output"]
points = [(beta, R[beta], D[beta]) for beta in betas[1:]]
BetaExplorer(conditional, every, test.images, points)

# %% [markdown]
# The first nats of a code buy much, two or three nats of distortion each; the tenth buys hardly
# anything. Along the way dimensions get quieter, and the
# reconstructions drift towards the mean image. At β = 4 this model still spends a nat, where
# the one trained for it alone spends none. (How close the slopes are to the β, and where one model for
# all falls short, is measured in the laboratory.)

# %% [markdown]
# ## A budget, and how to cheat it
#
# If it is nats that matter, why not ask for them? Burgess et al. (2018) penalise the distance of the
# rate from a budget $C$, which grows slowly during the training:
#
# $$ \mathcal{L} = D + \gamma \, \lvert R - C \rvert \tag{BVAE.6} $$
#
# It looks like (BVAE.1). Note the difference: there the code costs *at most* $C$, here *exactly*
# $C$. A code below the target is pushed to spend more, on whatever.
#
# ### Build it: a budget in the loss
#
# Write (BVAE.6) for a batch. Whose distance from $C$ is it: that of a dimension, of an image, or of
# the mean?


# %%
def capacity_loss(nll, kl, gamma, capacity):
    """E[nll] + γ |KL − C|  (BVAE.6)

    nll: (B,); kl: (B, d), of each dimension. Returns a number.
    """
    ...


# %%
capacity_loss = check_task("capacity_loss", capacity_loss)

# %% [markdown]
# How large should γ be? Burgess et al. used 1000, for other data. Below $C$ and above it, the penalty
# pulls with the force γ, and the images pull for more nats with the force of their price. So γ has
# to exceed the price at $C$. For three nats that is about 1, by the table above. Six values, with the
# same slow growth of the budget: from 2 on all should end at three nats. Will all carry the same?


# %% tags=["nbval-ignore-output"]
def budgeted(gamma):
    """A model trained with your loss; the budget reaches 3 nats in half of the training."""

    def objective(model, x, generator, step):
        draw = model.draw(x, generator)
        target = 3.0 * min(1.0, (step or 0) / 460)
        return Loss({"total": capacity_loss(draw.nll, draw.kl, gamma, target)})

    net = digits_vae()
    fit(net, train.images, objective=objective, **{**schedule, "epochs": 40})
    return net


gammas = (0.5, 1.0, 2.0, 8.0, 32.0, 1000.0)
by_gamma = {gamma: budgeted(gamma) for gamma in gammas}

# %% [markdown]
# Look at the gap between the two lines: nats that are spent, and nats that tell one image from
# another, the mutual information $I(x; z)$ of (VAE.5).

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    parts = {gamma: split_kl(*net.encode(train.images), seed) for gamma, net in by_gamma.items()}
spent = [s.kl for s in parts.values()]
carried = [s.mutual_information for s in parts.values()]
figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
axis.plot(gammas, spent, "o-", color=COLOURS[0], label="rate")
axis.plot(gammas, carried, "s-", color=COLOURS[2], label="information")
axis.axhline(3, color="0.6", linestyle=":", label="budget")
axis.set(xscale="log", xlabel="γ", ylabel="nats", ylim=(-0.2, 6.5))
axis.set_xticks(gammas, labels=[f"{gamma:g}" for gamma in gammas])
axis.minorticks_off()
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Rate and information against γ. Both near 3 nats from γ = 1 to 8; at 32 and 1000 the "
    "rate is near 3 and the information is 0.",
)

# %% tags=["hide-input"]
claim(
    "BVAE.budget-informs",
    "γ = 2: of the nats spent this share is information",
    parts[2.0].mutual_information / parts[2.0].kl,
    at_least=0.75,
)
claim(
    "BVAE.rate-without-information",
    "γ = 1000: of the nats spent this share is information",
    parts[1000.0].mutual_information / parts[1000.0].kl,
    at_most=0.25,
)

# %% [markdown]
# With γ = ½ the budget is not held: a nat is worth more than the penalty. From 2 to 8 it works. With
# a γ far above the price the optimiser finds the quickest way to spend three nats: the same code for
# every image, away from the prior. Nothing in (BVAE.6) forbids it. A divergence is a cost, and a cost
# need not buy anything. (A multiplier that adjusts β never rewards spending: laboratory.)

# %% [markdown]
# ## Did it find the knobs?
#
# Back to the first picture. `glyphs` were drawn from six known factors: the digit, its slant, stroke
# and size, and two shifts. So one can ask how well an axis follows a factor. Here are the best and the
# second-best squared correlation $r^2$ of an axis with each factor. The control is ten principal
# components of the same pictures, which are axes, too.

# %% tags=["hide-input", "nbval-ignore-output"]
components = PCA(10, random_state=0).fit(glyphs.images.flatten(1))
projected = torch.tensor(components.transform(new_glyphs.images.flatten(1))).float()
axes = {"β-VAE": found, "components": projected}
follows = {
    kind: squared_correlations(codes, new_glyphs.factors).topk(2, dim=0).values  # (2, F)
    for kind, codes in axes.items()
}
print(f"{'':10} β-VAE: best, second    components: best, second")
for v, name in enumerate(new_glyphs.factor_names[1:], start=1):  # a digit has no order
    pairs = "    ".join(
        f"{best:12.2f} {second:8.2f}" for best, second in (follows[kind][:, v] for kind in axes)
    )
    print(f"{name:10}{pairs}")

# %% [markdown]
# Slant, size and both shifts have an axis that follows them, with a large gap to the next. Components do
# better for stroke, as well for the shift to the side, and worse for the rest. That is no law: in a
# network trained with another seed or another width, slant and size may share axes, which follow
# them little better than components do, or worse. (This one was trained beforehand, 70 epochs with
# the seed 0, by `data/make_weights.py`.) The stroke has no axis of its own. For the digit, which has no order, correlation means nothing. The
# **mutual information gap** (MIG) serves all factors $v$. Codes and factors are cut into bins; it is what
# the best axis tells beyond the second best, in parts of the factor's entropy:
#
# $$ \mathrm{MIG}_v = \frac{I(z_{j}; v) - I(z_{l}; v)}{H(v)}, \qquad
#    j \text{ best}, \; l \text{ second best} \tag{BVAE.7} $$

# %%
ExerciseCard("mutual-information-gap")

# %% [markdown]
# Does it grow with β? To train many models, take half the resolution and 4,000 glyphs: five prices,
# three seeds each. (With a quarter of the pixels $D$ is a quarter, so β = 2 is here about what 8 is
# at 28 × 28.) The control is each code once more, turned by a random rotation $Q$. It says exactly
# the same, in mixed-up axes.

# %% tags=["nbval-ignore-output"]
small, small_test = (avg_pool2d(x, 2) for x in (glyphs.images[:4000], new_glyphs.images))
prices = (0.25, 1.0, 2.0, 4.0, 8.0)
many = {
    (beta, k): VAE.dense((1, 14, 14), 10, (128,), seed=seed + 100 * k)
    for beta in prices
    for k in range(3)
}
settings = {"epochs": 10, "batch_size": 64, "lr": 3e-3, "seed": seed}
_ = sweep(list(many.values()), small, [Beta(beta) for beta, _ in many], **settings)

# %% tags=["hide-input"]
turns = [
    torch.linalg.qr(torch.randn(10, 10, generator=torch.Generator().manual_seed(k)))[0]
    for k in range(5)
]


def mig(codes):
    return mutual_information_gap(codes, new_glyphs.factors).mean().item()


with torch.no_grad():
    codes = {key: net.encode(small_test).mu for key, net in many.items()}
MIG = {key: mig(mu) for key, mu in codes.items()}
turned = {key: float(np.mean([mig(mu @ Q) for Q in turns])) for key, mu in codes.items()}


def mean(score, *chosen):
    return float(np.mean([value for (beta, _), value in score.items() if beta in chosen]))


# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
at = np.array([prices.index(beta) for beta, _ in MIG])
axis.plot(range(5), [mean(MIG, beta) for beta in prices], color=COLOURS[0], alpha=0.5)
axis.scatter(at, MIG.values(), color=COLOURS[0], label="as trained")
axis.scatter(at + 0.15, turned.values(), color=COLOURS[2], marker="x", label="rotated")
axis.set(xticks=range(5), xticklabels=[f"{b:g}" for b in prices], xlabel="β", ylabel="MIG")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="MIG of three models for each of five β: it rises up to β = 2 and falls to nearly 0 at 8; "
    "rotated codes lie far lower.",
)

# %% tags=["hide-input"]
claim(
    "BVAE.axes-sharpen",
    "from β = 0.25 to 2 the mean MIG of three models rises by",
    mean(MIG, 2.0) - mean(MIG, 0.25),
    at_least=0.01,
)
claim(
    "BVAE.axes-collapse",
    "at β = 8 the MIG is this part of that at 2",
    mean(MIG, 8.0) / mean(MIG, 2.0),
    at_most=0.5,
)
claim(
    "BVAE.rotation-lowers-the-scores",
    "random rotations leave this part of the MIG (β = 1 and 2)",
    mean(turned, 1.0, 2.0) / mean(MIG, 1.0, 2.0),
    at_most=0.75,
)

# %% [markdown]
# Yes, up to a point. As nats get dear, axes sharpen; then the code runs out of nats, and there is
# nothing left to have a meaning. Two cautions. Models that differ only in their seed differ a lot, and
# so does the mean of three (the rings of the first claim). And
# a perfect code, the list of the factors itself, would have a MIG of more than 0.9. (Other scores
# and another network: laboratory.)

# %% [markdown]
# > **Myth**: "a diagonal prior makes the latent variables independent", and so the axes get a meaning.
# > But $\mathcal{N}(0, I)$ looks the same from every side: it has no axes to offer. Turn the codes and
# > let the decoder turn them back, and the same model draws the same pictures with the same
# > probabilities. The crosses in the figure are as likely under the prior as the dots. What prefers
# > some axes is the *diagonal posterior*: it is cheap only if the noise that the decoder can bear lies
# > along the coordinates (Rolinek et al., 2019). That this agrees with what we call slant is luck with
# > the data, and no theorem (Locatello et al., 2019).

# %%
ExerciseCard("what-picks-the-axes")

# %% [markdown]
# ## Recap
#
# - A budget $C$ and a price β are two names for one choice; β is minus the slope of the
#   rate–distortion curve.
# - A larger β rebuilds worse, and at some β the code is empty.
# - At a small β samples from $\mathcal{N}(0, I)$ are bad because it misses the codes; a fitted
#   distribution does not.
# - Nats can be spent without saying anything: a rate is a cost.
# - Pressure sharpens axes until the code collapses. It finds some knobs, not all, and not always.
#
# ## Next
#
# The [laboratory](08_beta_vae_laboratory.ipynb) asks whether it is true: Shannon's curve, the
# multiplier, what an estimate of information can say, other scores.
# [Chapter 9](09_vq_vae.ipynb) gives up the normal distribution: a code of words from a learned
# dictionary, for which the rate is a number of bits.
#
# ## References
#
# - I. Higgins et al. *β-VAE: Learning Basic Visual Concepts with a Constrained Variational
#   Framework.* ICLR, 2017.
# - C. P. Burgess et al. *Understanding Disentangling in β-VAE.* arXiv, 2018.
# - R. T. Q. Chen, X. Li, R. Grosse, D. Duvenaud. *Isolating Sources of Disentanglement in
#   Variational Autoencoders.* NeurIPS, 2018.
# - F. Locatello et al. *Challenging Common Assumptions in the Unsupervised Learning of Disentangled
#   Representations.* ICML, 2019.
# - M. Rolinek, D. Zietlow, G. Martius. *Variational Autoencoders Pursue PCA Directions (by
#   Accident).* CVPR, 2019.
# - J. Bae et al. *Multi-Rate VAE: Train Once, Get the Full Rate–Distortion Curve.* ICLR, 2023.
