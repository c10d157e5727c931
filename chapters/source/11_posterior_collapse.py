# %% [markdown]
# # 11 · Posterior collapse
#
# An encoder reads a printed digit and writes sixteen numbers, $z$. A decoder draws a picture from
# them, pixel by pixel, and then a second one from the same $z$. The slider says how far it may look
# back at what it has just drawn: at 0 it has nothing but $z$. Move it to the right, and watch two
# things: how clean the strokes are, and whether both pictures are still the digit above them.

# %% tags=["hide-input"]
import math

import torch
from matplotlib import pyplot as plt

from course_lib.datasets import load
from course_lib.evaluation import (
    active_units, importance_weighted_log_likelihood, posterior_mean, rate_distortion, split_kl,
)  # fmt: skip
from course_lib.models import VAE, PixelCNN, pretrained
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import Beta, Loss
from course_lib.plots import COLOURS
from course_lib.training import AggressiveVAE, fit
from course_lib.widgets import ExerciseCard, PosteriorPlane, SweepRows

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
digits, new_digits = load("digits"), load("digits", "test")
train, test = ((data.images > 0.5).float() for data in (digits, new_digits))
new_glyphs = load("glyphs", "test")
glyphs = (new_glyphs.images > 0.5).float()  # each pixel is 0 or 1


def generator(offset=0):
    return torch.Generator().manual_seed(seed + offset)


# %% tags=["hide-input"]
printed = {2 * c: pretrained(f"glyphs_pixel_vae_{c}") for c in (0, 1, 2, 4, 7)}
shown = glyphs[[int((new_glyphs.labels == digit).nonzero()[0]) for digit in range(10)]]
rows = {}
with torch.no_grad():
    for reach, vae in printed.items():
        z = vae.encode(shown).sample(generator())
        outputs = vae.decode(torch.cat([z, z, vae.prior.sample(10, generator())]))
        drawn = vae.likelihood.sample(outputs, generator()).split(10)
        names = ("drawn from its z", "and once more", "from a new z")
        rows[reach] = {"a digit": shown} | dict(zip(names, drawn, strict=True))

# %% tags=["nbval-ignore-output"]
SweepRows("pixels it looks back", rows, start=0)

# %% [markdown]
# On the left both pictures are the digit, with ragged edges, and a new $z$ gives strokes that make no
# digit. On the right every stroke is clean, with a new $z$ too. But the two pictures have nothing to do
# with the digit above them. Here is how many nats each model spends on $z$, how many of them tell one
# image from another, and what the image costs in all: minus the ELBO, and the negative
# log-likelihood (NLL), importance weighted as in chapter 6, of a hundred images.

# %% tags=["hide-input", "nbval-ignore-output"]
measured = {reach: rate_distortion(vae, glyphs[:500], seed) for reach, vae in printed.items()}
with torch.no_grad():
    told = {
        reach: split_kl(*vae.encode(glyphs[:500]), seed).mutual_information
        for reach, vae in printed.items()
    }
cost = {reach: m.rate + m.distortion for reach, m in measured.items()}
print("looks back   rate R   information I(x; z)   active units   −ELBO    NLL")
for reach, m in measured.items():
    vae = printed[reach]
    nll = -importance_weighted_log_likelihood(vae, glyphs[:100], samples=20, seed=seed).mean
    print(
        f"{reach:10} {m.rate:8.2f} {told[reach]:21.2f} {int(m.active.sum()):14} {cost[reach]:7.1f} "
        f"{nll:6.1f}"
    )

# %% tags=["hide-input"]
claim(
    "COL.nothing-is-said",
    "a decoder that looks 14 pixels back: nats that z tells about a printed digit",
    told[14],
    at_most=0.1,
)
claim(
    "COL.and-it-pays",
    "and yet its −ELBO is smaller than that of the decoder with z alone, by so many nats",
    cost[0] - cost[14],
    at_least=15,
)

# %% [markdown]
# At the right end all sixteen numbers are noise. The encoder returns the prior for every image, and
# the decoder does not listen. This is **posterior collapse**. The model did not fail at its task: by the
# measure it is trained with it is the best of the five.
#
# **Why would a network that may say what it saw say nothing?**
#
# ## You will
#
# - build the mask through which a decoder sees the pixels before;
# - watch information leave the code while the likelihood gets better;
# - find out what a nat of information can bring at best;
# - see an encoder lag behind its decoder, image by image;
# - write a remedy, and judge it by more than its KL.
#
# **Before you start**: chapters 6 and 7; rate and distortion are those of chapter 8.
# **Time**: 45 minutes. The remedies, all tuned alike, and codes made of tokens are in the
# [laboratory](11_posterior_collapse_laboratory.ipynb).

# %% [markdown]
# ## A decoder that looks back
#
# The decoder of chapter 7 chose each pixel by itself, given $z$. Any joint probability can also be
# written as a chain. Let each pixel depend on $z$ *and* on the pixels before it, row by row:
#
# $$ p_\theta(x \mid z) = \prod_{i=1}^{D} p_\theta(x_i \mid x_1, \dots, x_{i-1}, z) \tag{COL.1} $$
#
# Such a decoder is **autoregressive**. All factors of a known image can be computed at once, by a
# convolution whose kernel is zero wherever a pixel has not been drawn yet (a PixelCNN; van den Oord et
# al., 2016). Sampling takes one step for each pixel. In the library it is one more likelihood: a
# `VAE` takes `PixelCNN(channels, context)` in place of `Bernoulli()`, and nothing else changes.
#
# ### Build it: what a pixel may see
#
# The kernel has $2r + 1$ rows and columns, with the pixel itself in the middle. Where is it 1? The
# first layer must not see the pixel itself, or it would copy it. Deeper layers may: what they find
# there has passed the first.


# %%
def pixels_before(r, sees_itself):
    """1 where a masked convolution looks, else 0: (2r + 1, 2r + 1)

    r: how many rows up and columns to both sides. sees_itself: True or False.
    """
    ...


# %%
pixels_before = check_task("pixels_before", pixels_before)

# %% tags=["hide-input"]
figure, axes = plt.subplots(1, 2, figsize=(5, 2.4), layout="constrained")
for axis, sees_itself in zip(axes, (False, True), strict=True):
    axis.imshow(pixels_before(2, sees_itself), cmap="gray", vmin=-0.3, vmax=1)
    axis.set_xticks([0.5, 1.5, 2.5, 3.5], minor=True)
    axis.set_yticks([0.5, 1.5, 2.5, 3.5], minor=True)
    axis.grid(which="minor", color="0.5")
    axis.tick_params(which="minor", length=0)
    axis.plot(2, 2, "o", color=COLOURS[1])
    axis.set(title="deeper layers" if sees_itself else "first layer", xticks=[], yticks=[])
show(
    figure,
    alt="Two masks of 5 × 5: the two rows above are white, and of the middle row what lies to the "
    "left of the pixel; in the second the pixel itself too.",
)

# %%
ExerciseCard("receptive-field")

# %% [markdown]
# ## Slide the context
#
# Now measure it, on the small digits, black and white, where a training takes seconds. Four VAEs with
# eight latent numbers. They differ in one knob, how far back the decoder looks.

# %%
schedule = {"epochs": 40, "batch_size": 128, "lr": 1e-2, "seed": seed}


def pixel_vae(context, latent_dim=8):
    likelihood = PixelCNN(1, context, layers=2, width=16, seed=seed)
    return VAE.dense((1, 8, 8), latent_dim, (64,), likelihood, seed=seed)


# %% tags=["nbval-ignore-output"]
contexts = (0, 1, 2, 4)  # two layers: the decoder looks back twice as far
vaes = {context: pixel_vae(context) for context in contexts}
for vae in vaes.values():
    fit(vae, train, **schedule)

# %% [markdown]
# Two numbers say what the code does: the rate $R$, and the information $I(x; z)$, both of chapter 7.
# Two say what the model is worth: −ELBO and NLL. With a context of 4 the decoder sees everything
# before the pixel.


# %% tags=["hide-input"]
@torch.no_grad()
def judged(vae):
    """R, I(x; z), active units, −ELBO and NLL on the test images, in nats per image."""
    draw = vae.draw(test.repeat(5, 1, 1, 1), generator())
    q = vae.encode(test)
    rate = draw.kl.sum(1).mean().item()
    return {
        "rate": rate,
        "information": split_kl(*q, seed).mutual_information,
        "active": int(active_units(q.mu).sum()),
        "−ELBO": rate + draw.nll.mean().item(),
        "NLL": -importance_weighted_log_likelihood(vae, test, samples=50, seed=seed).mean,
    }


def print_table(results, head):
    print(f"{head:20} rate R   information   active   −ELBO     NLL")
    for name, r in results.items():
        print(
            f"{name!s:20} {r['rate']:6.2f} {r['information']:13.2f} {r['active']:8} "
            f"{r['−ELBO']:7.2f} {r['NLL']:7.2f}"
        )


# %% tags=["hide-input", "nbval-ignore-output"]
by_context = {context: judged(vae) for context, vae in vaes.items()}
print_table(by_context, "context")
figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
for key, colour, marker in (("rate", COLOURS[0], "o"), ("information", COLOURS[2], "s")):
    values = [r[key] for r in by_context.values()]
    axes[0].plot(contexts, values, marker + "-", color=colour, label=key)
axes[0].set(xlabel="context", ylabel="nats", ylim=(0, None), xticks=contexts)
axes[0].legend(frameon=False)
axes[1].plot(contexts, [r["NLL"] for r in by_context.values()], "^-", color=COLOURS[1])
axes[1].set(xlabel="context", ylabel="NLL, nats", xticks=contexts)
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Left: rate and information fall with the context. Right: so does the negative "
    "log-likelihood.",
)

# %% tags=["hide-input"]
claim(
    "COL.context-takes-over",
    "with the whole context, the information in z is this part of what it is with none",
    by_context[4]["information"] / by_context[0]["information"],
    at_most=0.6,
)
claim(
    "COL.likelihood-gains",
    "and the NLL is lower, by so many nats",
    by_context[0]["NLL"] - by_context[4]["NLL"],
    at_least=0.5,
)

# %% [markdown]
# The code empties, and the model gets better. On these small digits some dimensions stay in use; on the
# printed ones above, none. So collapse is not a failure to learn. What the context tells, $z$ need not
# say. But why does $z$ not say it anyway?

# %% [markdown]
# ## Information is free at best
#
# Read $-\mathrm{ELBO}$ as a price: nats to send $z$, and then the image given $z$. Over the data
# distribution $p_d(x)$, with entropy $H(x)$, it splits exactly (the last step of chapter 6, averaged):
#
# $$ \mathbb{E}_x[-\mathrm{ELBO}] = H(x) + \mathrm{KL}\bigl(p_d \,\Vert\, p_\theta\bigr)
#    + \mathbb{E}_x \, \mathrm{KL}\bigl(q_\phi(z|x) \,\Vert\, p_\theta(z|x)\bigr) \tag{COL.2} $$
#
# Nothing in it rewards a code that tells something. Chen et al. (2017) put it so: who sends $z$ gets
# its nats back when it has told them about $x$, *if* the encoder is the exact posterior; otherwise
# some are lost. Now let the decoder be perfect without $z$: $p_\theta(x|z) = p_d(x)$ for every $z$.
# Then its posterior is the prior, whatever $x$ is, and
#
# $$ \mathbb{E}_x[-\mathrm{ELBO}] = H(x) + \mathbb{E}_x \, \mathrm{KL}\bigl(q_\phi(z|x) \,\Vert\,
#    p(z)\bigr), \qquad \text{smallest at } q_\phi(z|x) = p(z) \tag{COL.3} $$
#
# How much would it cost to say something all the same? At least as much as is said:
#
# $$ R = \mathbb{E}_x \, \mathrm{KL}\bigl(q_\phi(z|x) \,\Vert\, p(z)\bigr)
#    = I(x; z) + \mathrm{KL}\bigl(q_\phi(z) \,\Vert\, p(z)\bigr) \ge I(x; z) \tag{COL.4} $$
#
# A world small enough to sum over: four images, equally likely, and a code of one bit. The encoder
# sends the first two images to 0 and the others to 1, each with probability $s$. Two decoders: the best
# for this encoder (by Bayes), and the perfect one that ignores $z$.

# %%
images, p_z = torch.full((4,), 0.25), torch.full((2,), 0.5)


def minus_elbo(q, decoder):
    """q: q(z|x), (4, 2); decoder: p(x|z), (2, 4). Rate and distortion in nats."""
    rate = (images[:, None] * q * (q / p_z).log()).nan_to_num().sum()
    distortion = -(images[:, None] * q * decoder.T.log()).nan_to_num().sum()
    return rate.item(), distortion.item()


rates, best, ignoring = [], [], []
for s in torch.linspace(0.5, 1, 51):
    q = torch.stack([s, 1 - s]).expand(2, 2)
    q = torch.cat([q, q.flip(1)])  # (4, 2)
    joint = images[:, None] * q
    R, D = minus_elbo(q, (joint / joint.sum(0)).T)
    rates.append(R)
    best.append(R + D)
    ignoring.append(R + minus_elbo(q, images.expand(2, 4))[1])

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(5, 2.7), layout="constrained")
axis.plot(rates, best, color=COLOURS[0], label="best decoder for this code")
axis.plot(rates, ignoring, "--", color=COLOURS[1], label="perfect without z")
axis.axhline(math.log(4), color="0.6", linestyle=":")
axis.text(0.7, math.log(4) - 0.03, "H(x)", va="top", ha="right")
axis.set(xlabel="rate R = I(x; z), nats", ylabel="−ELBO, nats", ylim=(1.2, 2.2))
axis.legend(frameon=False, loc="upper left")
axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="−ELBO against the rate: level at H(x) for the best decoder, rising one for one for the "
    "decoder that ignores z.",
)
claim(
    "COL.information-is-no-gain",
    "with the best decoder −ELBO differs between a silent and a sharp code by",
    max(best) - min(best),
    at_most=1e-5,
)

# %% [markdown]
# The level line is the whole secret. A code that tells a bit saves exactly a bit later: a draw. And with
# any inexactness, of the encoder or of the decoder, it is a loss. A decoder *without* context cannot
# take the other road. It needs $z$ to know which pixels go together, and saves more than it pays. A
# decoder that sees the pixels before finds most of it there, for nothing.
#
# So the objective does not ask for a code. If you want one, you must ask for it in another way.

# %%
ExerciseCard("what-a-code-can-save")

# %%
ExerciseCard("least-rate-for-information")

# %% [markdown]
# > **Myth**: "the decoder is too powerful: that is why codes collapse." It is one of the ways. The
# > *linear* decoder of chapter 7 has no power at all, and gives up every direction in which the data
# > vary less than its own noise (VAE.13). What counts is not power but what a nat of $z$ saves, against
# > the nat that it costs. And a powerful decoder need not silence a code: the tokens of chapter 9 go on
# > speaking beside one, and so do numbers that pay a twentieth (laboratory).

# %% [markdown]
# ## Watch it happen
#
# When does the code fall silent? He et al. (2019) looked at the training itself. Take *one* latent
# number. For each image there are two opinions on it. One is the encoder's mean of $q_\phi(z|x)$. The
# other is what the decoder itself implies, by Bayes, whether or not the encoder knows:
#
# $$ \mathbb{E}_{p_\theta}[z \mid x] = \frac{\int z \, p_\theta(x|z) \, p(z) \, \mathrm{d}z}
#    {\int p_\theta(x|z) \, p(z) \, \mathrm{d}z} \tag{COL.5} $$
#
# With one number the integral is a sum over a grid. Each dot below is an image: across, the
# decoder's opinion; up, the encoder's. If the encoder is right, the dots lie on the dashed diagonal. If
# it says nothing, on the level line. If the decoder does not care, all are in the middle.
#
# He et al. blamed the encoder: it lags behind, so the decoder learns not to listen. Their remedy gives
# it a lead: of $k$ batches only one moves the decoder. The second plane does that with $k = 4$. Both
# see the same batches. Press *play*.

# %% tags=["hide-input"]
moments = (1, 4, 12, 24, 48, 72, 96, 120, 144, 180)
few, few_labels = test[:120], new_digits.labels[:120]


def watched(k):
    """A training of 180 steps: the model, both means (S, N, 2), and the information at each."""
    vae, planes, informed = pixel_vae(4, latent_dim=1), [], []

    def look(progress):
        if progress.step in moments:
            with torch.no_grad():
                means = posterior_mean(vae, few, nodes=41), vae.encode(few).mu[:, 0]
                informed.append(split_kl(*vae.encode(test), seed).mutual_information)
            planes.append(torch.stack(means, 1))

    fit(AggressiveVAE(vae, k, window=36), train, callback=look, **schedule | {"epochs": 15})
    return vae.eval(), torch.stack(planes), informed


# %% tags=["nbval-ignore-output"]
plain, led = watched(1), watched(4)

# %% tags=["hide-input", "nbval-ignore-output"]
planes = {"as usual": plain[1], "k = 4": led[1]}
values = {"as usual": plain[2], "k = 4": led[2]}
PosteriorPlane(planes, moments, few_labels, values, "information in nats")

# %% [markdown]
# At first the decoder's opinions spread, and the encoder's hardly do: the dots lie flat. In the usual
# training the decoder then cares less, and the dots draw together, before they open up along the
# diagonal. With $k = 4$ they get there sooner. (Not with every seed: at `seed = 2` the usual training
# takes off as soon.)
#
# How far does the encoder lag? Take the standard deviation of its means over the images, in parts of
# that of the decoder's. And what does the lead cost? One decoder step in place of four.

# %% tags=["hide-input"]
early = [i for i, step in enumerate(moments) if 4 <= step <= 72]
lag = {name: p.std(1)[early] for name, p in planes.items()}
lag = {name: (std[:, 1] / std[:, 0]).mean().item() for name, std in lag.items()}
costs = [
    -importance_weighted_log_likelihood(vae, test, samples=50, seed=seed).mean
    for vae in (plain[0], led[0])
]
claim(
    "COL.encoder-lags",
    "early in the usual training the encoder's means spread this part of what the decoder's do",
    lag["as usual"],
    at_most=0.8,
)
claim(
    "COL.a-lead-costs",
    "after the same 180 batches the NLL with k = 4 is higher by so many nats",
    costs[1] - costs[0],
    at_least=1.0,
)

# %% [markdown]
# So the lag is real. Whether a lead is worth its price depends on how long one trains: at equal work
# it is not, here. (More values of $k$, and when to stop: laboratory.)

# %% [markdown]
# ## Ask for a code
#
# Two of the simplest remedies. **Warm-up**: the weight of the KL grows from 0 to 1, so that the code is
# in use before it costs anything (chapter 8: below 1 this is no bound; it is one from the moment the
# weight is 1). **Free bits** (Kingma et al., 2016): a dimension may spend λ nats without being charged,
#
# $$ \mathcal{L} = D + \sum_{j=1}^{d} \max\bigl(\lambda, \; \mathbb{E}_{x} \,
#    \mathrm{KL}(q_\phi(z_j|x) \,\Vert\, p(z_j))\bigr) \tag{COL.6} $$
#
# where the mean over the batch stands *inside* the maximum. Where else could it stand?
#
# ### Build it: free bits


# %%
def free_bits_loss(nll, kl, nats):
    """E[nll] + Σⱼ max(λ, E[KLⱼ])  (COL.6)

    nll: (B,); kl: (B, d), of each image and dimension; nats: λ. Returns a number.
    """
    ...


# %%
free_bits_loss = check_task("free_bits_loss", free_bits_loss)


# %% tags=["nbval-ignore-output"]
def with_free_bits(model, x, generator, step):
    draw = model.draw(x, generator)
    return Loss({"total": free_bits_loss(draw.nll, draw.kl, 0.15)})


remedies = {"warm-up": Beta(1.0, warm_up=180), "free bits": with_free_bits}
treated = {}
for name, objective in remedies.items():
    treated[name] = pixel_vae(4)
    fit(treated[name], train, objective=objective, **schedule)

# %% [markdown]
# The same decoder, the same number of steps. Do not look at the rate first. Is the NLL lower? And is
# the rate information?

# %% tags=["hide-input", "nbval-ignore-output"]
compared = {"nothing": by_context[4]} | {name: judged(vae) for name, vae in treated.items()}
print_table(compared, "remedy")

# %% tags=["hide-input"]
claim(
    "COL.warm-up-informs",
    "with the warm-up z tells this many times as much as without",
    compared["warm-up"]["information"] / compared["nothing"]["information"],
    at_least=1.2,
)
claim(
    "COL.warm-up-pays",
    "and the NLL is lower, by so many nats",
    compared["nothing"]["NLL"] - compared["warm-up"]["NLL"],
    at_least=0.0,
)

# %% [markdown]
# Warm-up puts information into the code and lowers the NLL a little: the training as usual had
# stopped short of the best model. −ELBO hardly moves, since the encoder is not exact and nats of a
# code are not all given back (COL.2). Free bits at this λ buy some nats and no better likelihood. A KL
# above zero is easy to get. The laboratory asks of nine remedies whether theirs says anything.

# %%
ExerciseCard("judge-a-remedy")

# %% [markdown]
# ## Recap
#
# - A decoder that sees the pixels before needs $z$ less; with enough context the code is empty, and
#   the ELBO better.
# - Minus the ELBO is $H(x)$ plus two divergences. A code earns nothing; at best it costs nothing.
# - $R \ge I(x; z)$: nats can be spent without saying anything, never the other way round.
# - Early in a training the encoder lags behind the posterior that it should follow.
# - Remedies have to be judged by the likelihood and by the information, not by the KL.
#
# ## Next
#
# The [laboratory](11_posterior_collapse_laboratory.ipynb): tokens that go on speaking, and why; free
# bits three ways; a prior that no encoder can match; nine remedies in one table.
# [Chapter 12](12_conditional_vae.ipynb) tells the decoder, and the encoder, something about the image.
# The [appendix](99_the_sources_checked.ipynb) has what other texts say about it.
#
# ## References
#
# - A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu. *Pixel Recurrent Neural Networks.* ICML, 2016.
# - S. R. Bowman et al. *Generating Sentences from a Continuous Space.* CoNLL, 2016. (Warm-up.)
# - D. P. Kingma et al. *Improved Variational Inference with Inverse Autoregressive Flow.* NeurIPS,
#   2016. (Free bits.)
# - X. Chen et al. *Variational Lossy Autoencoder.* ICLR, 2017.
# - J. He, D. Spokoyny, G. Neubig, T. Berg-Kirkpatrick. *Lagging Inference Networks and Posterior
#   Collapse in Variational Autoencoders.* ICLR, 2019.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi. *Don't Blame the ELBO! A Linear VAE Perspective on
#   Posterior Collapse.* NeurIPS, 2019.
