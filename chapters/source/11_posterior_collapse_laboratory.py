# %% [markdown]
# # 11 · Posterior collapse: laboratory
#
# Tokens beside numbers, with the same decoder and the same context; how to wake a code that sleeps; a
# prior that no encoder can match; and nine remedies in one table, tuned alike. Needs the
# [chapter](11_posterior_collapse.ipynb). **Time**: 55 minutes.

# %% tags=["hide-input"]
import json
import math
from copy import deepcopy

import torch
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import active_units, perplexity, split_kl
from course_lib.models import VAE, VQVAE, PixelCNN, VectorQuantizer
from course_lib.models.pretrained import WEIGHTS
from course_lib.notebook import claim, show
from course_lib.objectives import Beta, Capacity, CyclicalBeta, FreeBits, Loss
from course_lib.plots import COLOURS, image_rows
from course_lib.priors import AutoregressivePrior, DiagonalNormal
from course_lib.training import fit
from course_lib.training.aggressive import batch_information
from course_lib.widgets import ExerciseCard, SweepRows

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
digits, new_digits = load("digits"), load("digits", "test")
train, test = ((data.images > 0.5).float() for data in (digits, new_digits))
schedule = {"epochs": 40, "batch_size": 128, "lr": 1e-2, "seed": seed}


def generator():
    return torch.Generator().manual_seed(seed)


def pixel_vae(context):
    """The chapter's VAE of small digits: two masked layers, eight latent numbers."""
    likelihood = PixelCNN(1, context, layers=2, width=16, seed=seed)
    return VAE.dense((1, 8, 8), 8, (64,), likelihood, seed=seed)


# %% [markdown]
# ## Three prices by hand

# %%
ExerciseCard("nll-of-a-chain")

# %%
ExerciseCard("mismatch-from-an-elbo")

# %%
ExerciseCard("minus-elbo-of-a-deaf-decoder")

# %% [markdown]
# ## Can tokens fall silent?
#
# The question: the code of chapter 9 is a row of tokens. Do they go on saying something when the
# decoder sees the pixels before?
#
# Here is a VQ-VAE with four tokens of sixteen codes, and the decoder of the chapter. The context is again
# the only knob. A VAE with eight numbers stands beside it, and a third model that differs from the
# VAE in one number: its KL counts a twentieth ($\beta = 0.05$, chapter 8).
#
# The KL of tokens to the uniform prior is $T \log K$ whatever they say (VQ.14), so it cannot tell. What
# can: give each image the code of *another* one. The nats that it then costs more are nats that the decoder
# had taken from the code. The second measure is a probe that reads the digit off the code; the control
# for it learns shuffled labels.


# %% tags=["hide-input"]
def vq_vae(context):
    likelihood = PixelCNN(1, context, layers=2, width=16, seed=seed)
    quantizer = VectorQuantizer(16, 4, seed=seed)
    return VQVAE.dense((1, 8, 8), quantizer, 4, (64,), likelihood=likelihood, seed=seed)


def lost(net, z):
    """Nats that the test images cost more with each other's codes."""
    log_p = [net.likelihood.log_prob(test, net.decode(code)).mean() for code in (z, z.roll(7, 0))]
    return (log_p[0] - log_p[1]).item()


def probe(codes, new_codes, labels=digits.labels):
    """The share of test digits that a linear classifier reads off the codes."""
    classifier = LogisticRegression(max_iter=300).fit(codes, labels)
    return classifier.score(new_codes, new_digits.labels)


# %% tags=["nbval-ignore-output"]
contexts = (0, 1, 2, 4)
number_nets = {context: pixel_vae(context) for context in contexts}
cheap_nets = {4: pixel_vae(4)}
token_nets = {context: vq_vae(context) for context in contexts}
for nets, objective in ((number_nets, None), (cheap_nets, Beta(0.05)), (token_nets, None)):
    for net in nets.values():
        fit(net, train, objective=objective, **schedule)

# %% [markdown]
# Each digit is drawn twice from its code, and once from the code of the digit on its left. Move the
# context with tokens, then with numbers. Does the last row move one place to the right?

# %% tags=["hide-input"]
shown = test[[int((new_digits.labels == digit).nonzero()[0]) for digit in range(10)]]
rows = {}
with torch.no_grad():
    for kind, nets in (("tokens", token_nets), ("numbers", number_nets)):
        for context, net in nets.items():
            if kind == "tokens":
                z = net.quantizer.codebook[net.tokens(shown)]
            else:
                z = net.encode(shown).sample(generator())
            outputs = net.decode(torch.cat([z, z, z.roll(1, 0)]))
            drawn = net.likelihood.sample(outputs, generator()).split(10)
            labels = ("from its code", "and once more", "from its neighbour's code")
            rows[kind, context] = {"a digit": shown} | dict(zip(labels, drawn, strict=True))

# %% tags=["nbval-ignore-output"]
SweepRows(("code", "context"), rows, start=("tokens", 4))

# %% tags=["hide-input", "nbval-ignore-output"]
shuffled = digits.labels[torch.randperm(len(train), generator=generator())]
silent, reads, control = {}, {}, {}
print("code              context   lost with another's code   digit read   control")
for kind, nets in (
    ("numbers", number_nets),
    ("numbers, β 0.05", cheap_nets),
    ("tokens", token_nets),
):
    for context, net in nets.items():
        with torch.no_grad():
            if kind == "tokens":
                tokens = net.tokens(train), net.tokens(test)
                z = net.quantizer.codebook[tokens[1]]
                codes = [F.one_hot(k, 16).flatten(1) for k in tokens]
            else:
                z = net.encode(test).sample(generator())
                codes = [net.encode(images).mu for images in (train, test)]
            key = kind, context
            silent[key], reads[key] = lost(net, z), probe(*codes)
            control[key] = probe(*codes, labels=shuffled)
        print(f"{kind:17} {context:7} {silent[key]:26.1f} {reads[key]:12.2f} {control[key]:9.2f}")
used = {context: perplexity(net.tokens(test), 16) for context, net in token_nets.items()}
print("perplexity of the tokens:", ", ".join(f"{p:.1f}" for p in used.values()), "of 16")

# %% tags=["hide-input"]
claim(
    "COL.numbers-fall-silent",
    "numbers: what is lost with another's code, with the whole context in parts of that with none",
    silent["numbers", 4] / silent["numbers", 0],
    at_most=0.35,
)
claim(
    "COL.tokens-speak",
    "tokens: the same",
    silent["tokens", 4] / silent["tokens", 0],
    at_least=0.45,
)
claim(
    "COL.cheap-numbers-speak",
    "numbers that pay a twentieth, with the whole context: lost, in parts of what tokens lose there",
    silent["numbers, β 0.05", 4] / silent["tokens", 4],
    at_least=1.5,
)

# %% [markdown]
# Tokens go on speaking: with the whole context an image still loses most of what it loses without one,
# and the digit can be read. They say a little less. But that is no merit of being discrete. Continuous
# numbers that pay next to nothing speak as well, and louder. The loss of a VQ-VAE has no term for what
# the tokens say: reconstruction, codebook and commitment, that is all (VQ.7). What is not charged for
# is not saved. The bill comes later, when a prior over tokens is fitted and each image costs its tokens'
# nats after all (VQ.10).
#
# So "a discrete code cannot collapse" is too much: the same token for every image is a code, too (the
# laboratory of chapter 9 makes one), and what the context tells, tokens tell no more either.

# %%
ExerciseCard("why-tokens-speak")

# %% [markdown]
# ## Waking a code that sleeps
#
# The question: a model has collapsed. Which objective brings it back?
#
# First put it to sleep: 15 epochs in which the KL counts twenty times. Then train on with five
# objectives, from the same weights, equally long. Two are the chapter's. Two are free bits as one meets
# them in other people's code, with the maximum elsewhere: for each image and dimension, or for each image
# after the sum. All three leave $8 \lambda$ nats free. And the last asks for a *constant rate* of
# $8 \lambda$, by $\gamma \, |\mathrm{KL} - C|$ (BVAE.6).


# %% tags=["hide-input"]
free = 0.4  # λ, in nats for each of the eight dimensions


def clamped(of_batch):
    """Free bits with the maximum at another place: of_batch, (B, d) → a number."""

    def objective(model, x, generator, step):
        draw = model.draw(x, generator)
        return Loss({"reconstruction": draw.nll.mean(), "kl": of_batch(draw.kl)})

    return objective


objectives = {
    "−ELBO": Beta(1.0),
    "free bits, as (COL.6)": FreeBits(free),
    "… each image, dimension": clamped(lambda kl: kl.clamp(min=free).sum(1).mean()),
    "… each image, total": clamped(lambda kl: kl.sum(1).clamp(min=8 * free).mean()),
    "constant rate": Capacity(8 * free, gamma=2.0),
}

# %% tags=["nbval-ignore-output"]
asleep = pixel_vae(4)
fit(asleep, train, objective=Beta(20.0), **schedule | {"epochs": 15})
woken = {"before": asleep}
for name, objective in objectives.items():
    woken[name] = deepcopy(asleep)
    fit(woken[name], train, objective=objective, **schedule | {"epochs": 25})

# %% tags=["hide-input", "nbval-ignore-output"]
rates, told = {}, {}
print("trained on with             rate R   information   active   lost with another's code")
for name, net in woken.items():
    with torch.no_grad():
        q, draw = net.encode(test), net.draw(test, generator())
        rates[name], told[name] = (
            draw.kl.sum(1).mean().item(),
            split_kl(*q, seed).mutual_information,
        )
        print(
            f"{name:26} {rates[name]:7.2f} {told[name]:13.2f} {int(active_units(q.mu).sum()):8} "
            f"{lost(net, draw.z):12.1f}"
        )

# %% tags=["hide-input"]
claim(
    "COL.sleep-lasts",
    "trained on with −ELBO: the information of the code that slept, in nats",
    told["−ELBO"],
    at_most=0.1,
)
claim(
    "COL.free-bits-wake",
    "the least information with any of the three kinds of free bits",
    min(told[name] for name in list(objectives)[1:4]),
    at_least=0.5,
)
claim(
    "COL.clamp-is-no-floor",
    "the lowest rate with the three kinds of free bits, in parts of the nats that are free",
    min(rates[name] for name in list(objectives)[1:4]) / (8 * free),
    at_most=0.99,
)
claim(
    "COL.rate-without-information",
    "constant rate: which part of it is information",
    told["constant rate"] / rates["constant rate"],
    at_most=0.6,
)

# %% [markdown]
# With the ELBO the code never wakes. The decoder has found all that it needs in the pixels before, and the
# first nat that the encoder spends would bring less than it costs. Free bits take that price away, and the
# reconstruction does the rest, wherever the maximum stands. But look at the rates. A maximum is flat
# where it binds: it pulls nothing up. So λ is an allowance and no floor, and a log that shows
# the maximum shows $8 \lambda$ nats that are not spent.
#
# The constant rate does pull up, and the KL obeys. A large part of it is no information. The code moves
# away from the prior, for every image alike, and the decoder does not listen. Whoever looks at the
# KL alone would call this one cured. That is what (COL.4) warns of: $R \ge I$.

# %%
ExerciseCard("loss-with-free-bits")

# %%
ExerciseCard("gradient-below-free-bits")

# %% [markdown]
# ## A prior that no encoder can match
#
# The δ-VAE (Razavi et al., 2019) changes neither loss nor schedule. Its prior is a chain in which
# neighbours are alike, $z_t \mid z_{t-1} \sim \mathcal N(\alpha z_{t-1}, 1 - \alpha^2)$, while the encoder
# keeps its independent numbers. No encoder of this family equals that prior. The nearest is
# $\delta$ away:
#
# $$ \delta = \min_q \mathrm{KL}(q \,\Vert\, p) = \tfrac12 \bigl[ (d - 2) \log(1 + \alpha^2)
#    - \log(1 - \alpha^2) \bigr] \tag{COL.7} $$
#
# because the best $q$ has the mean 0 and the precisions of the chain: 1 + α² over 1 − α² inside, one
# over 1 − α² at both ends. Here a search over all means and variances looks for something nearer.

# %%
chain = AutoregressivePrior(8, alpha=0.6)
numbers = torch.randn(2, 1, 8, generator=generator()).requires_grad_()  # μ and log σ²
optimizer = torch.optim.Adam([numbers], lr=0.05)
for _ in range(600):
    kl = chain.kl(DiagonalNormal(*numbers), numbers[0]).sum()
    optimizer.zero_grad()
    kl.backward()
    optimizer.step()
print(f"found {kl.item():.4f} nats, δ = {chain.smallest_kl:.4f}")

# %% tags=["hide-input"]
claim(
    "COL.delta-is-the-least",
    "how far the divergence that the search found is from δ, in nats",
    abs(kl.item() - chain.smallest_kl),
    at_most=1e-3,
)

# %% [markdown]
# The rate cannot fall below δ. Must the code then say something? The $q$ that the search found is the same
# for every image: a rate of δ, and no information at all. δ makes silence cost as much as a little
# speech; it does not forbid it. What comes of it, the table below measures.

# %%
ExerciseCard("smallest-kl-of-a-delta-vae")

# %%
ExerciseCard("formula-smallest-kl-of-three")

# %% [markdown]
# ## Schedules
#
# Warm-up lets the weight of the KL grow once. Fu et al. (2019) do it in cycles of $T$ steps: along a line for a
# share $\rho$ of them, then 1 for the rest, then again from 0,
#
# $$ \beta_t = \min\Bigl(1, \frac{t \bmod T}{\rho \, T}\Bigr) \tag{COL.8} $$
#
# so that the code, once it has been at work, gets a second chance to be cheap.

# %% tags=["hide-input"]
figure, axis = plt.subplots(figsize=(6, 1.8), layout="constrained")
steps = range(361)
for weight, style, colour, label in (
    (Beta(1.0, warm_up=180).weight, "--", COLOURS[1], "warm-up"),
    (CyclicalBeta(1.0, period=90).weight, "-", COLOURS[0], "cycles, T = 90, ρ = ½"),
):
    axis.plot(steps, [weight(t) for t in steps], style, color=colour, label=label)
axis.set(xlabel="training step", ylabel="weight of the KL", ylim=(0, 1.35))
axis.legend(frameon=False, ncols=2, loc="upper left")
axis.spines[["top", "right"]].set_visible(False)
show(
    figure, alt="The weight grows once to 1 and stays, or four times, each time to fall back to 0."
)

# %%
ExerciseCard("weight-in-a-cycle")

# %% [markdown]
# He et al. (2019) let the encoder run ahead: several steps of its own for each of the decoder, until the
# information stops rising. They measure it on a batch as if its $B$ images were all there are,
#
# $$ \hat I = \frac1B \sum_{i=1}^{B} \Bigl[ \log q_\phi(z_i|x_i)
#    - \log \frac1B \sum_{j=1}^{B} q_\phi(z_i|x_j) \Bigr], \qquad z_i \sim q_\phi(z|x_i) \tag{COL.9} $$
#
# which on average is no larger than the information, and never above $\log B$. A code without
# information must give 0, and one that names its image $\log B$:

# %%
mu = torch.arange(128.0)[:, None]
for name, sigma, means in (("silent", 1.0, 0 * mu), ("half", 30.0, mu), ("names", 0.01, mu)):
    z = means + sigma * torch.randn(128, 1, generator=generator())
    estimate = batch_information(z, means, torch.full_like(means, 2 * math.log(sigma)))
    print(f"{name:7} {estimate.item():.3f} nats; log B = {math.log(128):.3f}")

# %% [markdown]
# ## Nine remedies, one table
#
# The question: which of them make the model better, which only make the KL larger?
#
# All start from the same weights, with the whole context, and make 360 decoder passes of 128 images; only
# *several draws* (the importance-weighted bound) sends an image through the decoder more than once, and gets
# fewer steps for it. Each knob had three or four values. The value was chosen by the NLL of 300 training images
# that were kept aside, averaged over five seeds. What you see is measured on test images: means
# over the five seeds. `data/make_remedies.py` makes the numbers in half an hour; here they are read.

# %% tags=["hide-input"]
results = json.loads((WEIGHTS / "remedies.json").read_text("utf-8"))
names = list(dict.fromkeys(row["remedy"] for row in results))


def column(name, value, key):
    """What was measured with the seeds 0 to 4, in order: (5,)."""
    found = [r for r in results if (r["remedy"], r["value"]) == (name, value)]
    return torch.tensor([r[key] for r in sorted(found, key=lambda r: r["seed"])])


best = {
    name: min(
        dict.fromkeys(r["value"] for r in results if r["remedy"] == name),
        key=lambda value: column(name, value, "validation").mean(),
    )
    for name in names
}
gain = {  # of each seed by itself, so that what the seeds share falls away
    name: column("nothing", 0, "nll") - column(name, best[name], "nll") for name in names
}
print(
    "remedy            knob      R     I   active   −ELBO     NLL   gain (seeds)     lost  Fréchet"
)
for name in sorted(names, key=lambda name: -gain[name].mean()):
    R, information, active, minus_elbo, nll, other, frechet = (
        column(name, best[name], key).mean()
        for key in ("rate", "information", "active", "minus_elbo", "nll", "lost", "frechet")
    )
    low, high = gain[name].min(), gain[name].max()
    print(
        f"{name:16} {best[name]:5g} {R:6.2f} {information:5.2f} {active:8.1f} {minus_elbo:7.2f} "
        f"{nll:7.2f}  {low:+.2f} to {high:+.2f} {other:8.1f} {frechet:8.3f}"
    )

# %% [markdown]
# And their samples, with a new $z$ for each, of the first seed:


# %% tags=["hide-input"]
def picture(digits):
    """A sample of 8 × 8 pixels, kept as 16 hexadecimal digits."""
    bits = f"{int(digits, 16):064b}"
    return torch.tensor([float(bit) for bit in bits]).view(1, 8, 8)


samples = {
    row["remedy"]: torch.stack([picture(digits) for digits in row["drawn"]])
    for row in results
    if "drawn" in row and row["value"] == best[row["remedy"]]
}
show(image_rows(samples), alt="Ten samples of each: digits of various quality.")

# %% [markdown]
# On 64 pixels the eye finds little; the Fréchet column, lowest for cycles and warm-up, sees more.
#
# Now all settings of the knobs, not only the chosen ones. Where would a rule "more information,
# better model" put the dots?

# %% tags=["hide-input"]
KINDS = {
    "schedules": ("warm-up", "cycles"),
    "objectives": ("free bits", "capacity", "several draws"),
    "prior": ("δ-VAE",),
    "encoder": ("aggressive",),
    "decoder": ("context dropout", "shorter context"),
    "nothing": ("nothing",),
}
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
above = 0
for i, (kind, members) in enumerate(KINDS.items()):
    settings = dict.fromkeys((r["remedy"], r["value"]) for r in results if r["remedy"] in members)
    points = [
        tuple(column(*setting, key).mean().item() for key in ("information", "nll"))
        for setting in settings
    ]
    above += sum(nll > 19 for _, nll in points)
    axis.plot(*zip(*points, strict=True), "osD^vX"[i], color=(*COLOURS[:5], "0.4")[i], label=kind)
axis.set(xlabel="information I(x; z), nats", ylabel="NLL, nats", ylim=(16.9, 19))
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Negative log-likelihood against information. The schedules lie lowest and go down to the "
    "right; decoder and encoder remedies go up to the right.",
)
print("above the picture:", above)

# %% tags=["hide-input"]
claim(
    "COL.a-cheap-start-pays",
    "warm-up and cycles: the smallest gain in NLL of any seed, in nats",
    min(gain[name].min() for name in ("warm-up", "cycles")),
    at_least=0.2,
)
claim(
    "COL.same-information-other-worth",
    "pixels hidden from 40 %, and a warm-up of 90 steps: the ratio of their information",
    (column("context dropout", 0.4, "information") / column("warm-up", 90, "information")).mean(),
    at_least=0.8,
)
claim(
    "COL.same-information-other-nll",
    "and yet the NLL of the former is higher, in every seed by at least",
    (column("context dropout", 0.4, "nll") - column("warm-up", 90, "nll")).min(),
    at_least=0.6,
)
claim(
    "COL.draws-and-leads-cost",
    "several draws and an encoder that runs ahead, at their best: their mean gain, the larger one",
    max(gain[name].mean() for name in ("several draws", "aggressive")),
    at_most=0.0,
)

# %% [markdown]
# - **Which lower the NLL?** Warm-up and cycles most, then the δ-VAE. A few hidden pixels, free bits and a
#   constant rate gain less, not all of them in every seed. −ELBO, which is what is trained, hardly
#   sees any of it: what the likelihood wins, the encoder's gap takes back (COL.2).
# - **Which cost?** A decoder that is made weaker pays in likelihood as its code tells more. An encoder with a
#   lead, and several draws, leave the decoder fewer steps; at equal work that costs more than the code
#   brings here. With more work the verdict may change: He et al. and Burda et al. trained far longer.
# - **Which hide the collapse?** From fresh weights, none of the nine: most of each rate is information,
#   and images lose with each other's codes what they should. From a code that sleeps, the constant rate did.
# - **Is information an aim?** Not by itself. Two codes that tell about as much stand more than half a
#   nat apart.
#
# One limit of all this: images of 8 × 8 pixels, one network, 360 steps.

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=11)

# %% [markdown]
# ## References
#
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu. *Neural Discrete Representation Learning.* NeurIPS, 2017.
# - D. P. Kingma et al. *Improved Variational Inference with Inverse Autoregressive Flow.* NeurIPS,
#   2016. (Free bits.)
# - A. Razavi, A. van den Oord, B. Poole, O. Vinyals. *Preventing Posterior Collapse with delta-VAEs.*
#   ICLR, 2019.
# - H. Fu et al. *Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing.* NAACL,
#   2019.
# - J. He et al. *Lagging Inference Networks and Posterior Collapse in Variational Autoencoders.* ICLR,
#   2019.
# - Y. Burda, R. Grosse, R. Salakhutdinov. *Importance Weighted Autoencoders.* ICLR, 2016.
# - S. R. Bowman et al. *Generating Sentences from a Continuous Space.* CoNLL, 2016.
