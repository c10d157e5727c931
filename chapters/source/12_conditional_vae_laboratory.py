# %% [markdown]
# # 12 · Conditions and few labels: laboratory
#
# Whether a model listens, and how one tells it; conditions against β, on the same scale; what an image
# without a label teaches; one draw in place of a sum over classes; and M1 in front of M2. Needs the
# [chapter](12_conditional_vae.ipynb). **Time**: 55 minutes.

# %% tags=["hide-input"]
import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.linear_model import Ridge
from sklearn.svm import SVC
from torch import nn
from torch.nn.functional import avg_pool2d, kl_div

from course_lib.datasets import few_labels, labels_repeated, load
from course_lib.errata import show_errata
from course_lib.likelihoods import Gaussian
from course_lib.models import VAE, ConditionalVAE, OneHot, SemiSupervisedVAE
from course_lib.models.networks import dense_encoder
from course_lib.models.semi_supervised_vae import gumbel_softmax, unlabelled_loss
from course_lib.notebook import claim, show
from course_lib.objectives import Beta, Classification, LabelLikelihood
from course_lib.plots import COLOURS
from course_lib.priors import DiagonalNormal
from course_lib.training import fit
from course_lib.widgets import ExerciseCard

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
glyphs, new_glyphs = load("glyphs"), load("glyphs", "test")
digits, new_digits = load("digits"), load("digits", "test")
train, test = ((split.images > 0.5).float() for split in (digits, new_digits))
schedule = {"epochs": 40, "batch_size": 64, "lr": 3e-3, "seed": seed}


def generator():
    return torch.Generator().manual_seed(seed)


def pooled(images):
    return avg_pool2d(images, 2).flatten(1).numpy()


# %% [markdown]
# ## Does it listen?
#
# The chapter's model obeys. Would a model pass that was told nothing? Null control: the same network, and
# labels that were shuffled before the training. A reader of real images says which class the draws have.

# %% tags=["nbval-ignore-output"]
shuffled = glyphs.labels[torch.randperm(len(glyphs), generator=generator())]
listeners = {}
for name, labels in {"told": glyphs.labels, "shuffled": shuffled}.items():
    listeners[name] = ConditionalVAE.dense(
        (1, 28, 28), 6, 10, hidden=(256, 128), embedding=OneHot(10), seed=seed
    )
    data = {"images": glyphs.images, "labels": labels}
    fit(listeners[name], data, objective=Beta(4.0), epochs=6, batch_size=64, lr=2e-3, seed=seed)

# %% tags=["hide-input", "nbval-ignore-output"]
part = glyphs.sample(4000, seed)
read_class = SVC(C=10).fit(pooled(part.images), part.labels)
asked = torch.arange(10).repeat_interleave(50)


def obedience(model):
    """The share of draws that a reader of real images takes for the class that was asked for."""
    drawn = model.at(asked).sample(500, generator())
    return (torch.from_numpy(read_class.predict(pooled(drawn))) == asked).double().mean().item()


obeyed = {name: obedience(model) for name, model in listeners.items()}
print(", ".join(f"{name}: {share:.2f}" for name, share in obeyed.items()))

# %% tags=["hide-input"]
claim(
    "COND.halfway-it-listens",
    "after half of the chapter's training: the share of draws with the class that was asked for",
    obeyed["told"],
    at_least=0.4,
)
claim(
    "COND.shuffled-labels-say-nothing",
    "trained with shuffled labels: the share with the class that was asked for",
    obeyed["shuffled"],
    at_most=0.25,
)

# %% [markdown]
# Halfway it listens, not yet as well as the chapter's model at the end; and labels that say nothing about
# the image are not listened to.
#
# ## Ways to tell
#
# Handwritten digits, a convolutional model, and one knob: the class as ten one-hot channels, as four
# learned numbers for each class, or as a single channel with the number of the class, which pretends
# that a 3 lies between a 2 and a 4.

# %% tags=["nbval-ignore-output"]


def embedded(numbers):
    """A table of so many learned numbers for each class."""
    table = nn.Linear(10, numbers, bias=False)
    table.weight.data = torch.randn(numbers, 10, generator=generator())
    return nn.Sequential(OneHot(10), table)


ways = {"one-hot": (10, OneHot(10), digits.labels), "embedded": (4, embedded(4), digits.labels),
        "one number": (1, None, digits.labels[:, None] / 4.5 - 1)}  # fmt: skip
bounds = {}
for name, (c, embedding, labels) in ways.items():
    model = ConditionalVAE.convolutional(
        (1, 8, 8), 4, c, channels=(16, 32), embedding=embedding, seed=seed
    )
    fit(model, {"images": train, "labels": labels}, **schedule | {"epochs": 15})
    held = new_digits.labels if c > 1 else new_digits.labels[:, None] / 4.5 - 1
    with torch.no_grad():
        losses = [model.loss({"images": test, "labels": held}, generator().manual_seed(k)).total
                  for k in range(20)]  # fmt: skip
    bounds[name] = torch.stack(losses).mean().item()

# %% tags=["hide-input", "nbval-ignore-output"]
print("test images, minus the bound on log p(x|y):")
print(", ".join(f"{name} {value:.2f} nats" for name, value in bounds.items()))

# %% tags=["hide-input"]
claim(
    "COND.embedding-loses-less",
    "nats lost with four learned numbers, in parts of those lost with the number of the class",
    (bounds["embedded"] - bounds["one-hot"]) / (bounds["one number"] - bounds["one-hot"]),
    at_most=0.6,
)
claim(
    "COND.classes-are-no-numbers",
    "the number of the class in place of one-hot channels: nats lost",
    bounds["one number"] - bounds["one-hot"],
    at_least=0.3,
)

# %%
ExerciseCard("weights-of-label-planes")

# %%
ExerciseCard("information-about-the-class")

# %%
ExerciseCard("a-probe-against-chance")

# %% [markdown]
# ## Told, or found: conditions against β
#
# The β-VAE of chapter 8 found axes for slant, size and place, without being told. A conditional VAE is
# told these four numbers, and has them as knobs. The same networks, images, steps and β. For each
# factor there is one knob: the condition, or the axis of the code with the largest squared
# correlation. Turn it by one standard deviation either way, decode, and let the same readers say how
# each of the four factors changes. The score of a knob is its own factor's share of all squared
# changes, each in standard deviations.

# %% tags=["nbval-ignore-output"]
FACTORS = ("slant", "size", "shift x", "shift y")
columns = [glyphs.factor_names.index(name) for name in FACTORS]
centre, width = glyphs.factors[:, columns].mean(0), glyphs.factors[:, columns].std(0)
known, held = ((split.factors[:, columns] - centre) / width for split in (glyphs, new_glyphs))
parts = {"hidden": (256, 128), "seed": seed}
longer = {"objective": Beta(4.0), "epochs": 7, "batch_size": 64, "lr": 2e-3, "seed": seed}
finder = VAE.dense((1, 28, 28), 10, **parts)
fit(finder, glyphs.images, **longer)
listener = ConditionalVAE.dense((1, 28, 28), 6, 4, **parts)
fit(listener, {"images": glyphs.images, "labels": known}, **longer)
readers = Ridge(1.0).fit(pooled(glyphs.images), known.numpy())

# %% tags=["hide-input"]
few, told = new_glyphs.images[:400], held[:400]


@torch.no_grad()
def changes(decode, low, high):
    """The mean change that the readers see, one number a factor."""
    before, after = (readers.predict(pooled(decode(code))) for code in (low, high))
    return (after - before).mean(0)


def moved(codes, j, by):
    codes = codes.clone()
    codes[:, j] += by
    return codes


with torch.no_grad():
    mu = finder.encode(few).mu
    z = listener.at(told).encode(few).mu
r2 = torch.corrcoef(torch.cat([mu, told], 1).T)[:10, 10:].square()  # (axes, factors)
axes, spread = r2.argmax(0).tolist(), mu.std(0)
R = {
    "β": np.stack([changes(finder.decode_mean, moved(mu, j, -spread[j]), moved(mu, j, spread[j]))
                   for j in axes]),
    "condition": np.stack([changes(lambda y: listener.at(y).decode_mean(z),
                                   moved(told, k, -1.0), moved(told, k, 1.0)) for k in range(4)]),
}  # fmt: skip
share = {name: np.diag(m) ** 2 / (m**2).sum(1) for name, m in R.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
figure, panels = plt.subplots(1, 2, figsize=(6.4, 3), layout="constrained")
for panel, (name, m) in zip(panels, R.items(), strict=True):
    sizes = np.abs(m) / np.abs(m).max(1, keepdims=True)
    panel.imshow(sizes, cmap="Greys", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(sizes):
        panel.text(column, row, f"{value:.1f}", ha="center", va="center",
                   color="white" if value > 0.5 else "black")  # fmt: skip
    panel.set_xticks(range(4), FACTORS, rotation=30, ha="right")
    panel.set_yticks(range(4), FACTORS if name == "β" else [""] * 4)
    panel.set_title(f"{name}: {share[name].mean():.2f} in its own factor", fontsize=10)
panels[0].set_ylabel("knob of")
show(figure, alt="Two tables, knobs by factors: that of the conditions is nearer to a diagonal.")

# %% tags=["hide-input"]
claim(
    "COND.told-knobs-move-their-factor",
    "conditions: share of the squared changes that is in the factor told, mean of four",
    share["condition"].mean(),
    at_least=0.8,
)
claim(
    "COND.told-beats-found",
    "that share with conditions, less that with the best axes of the β-VAE",
    share["condition"].mean() - share["β"].mean(),
    at_least=0.0,
)

# %% [markdown]
# Who is told knows better than who must find, by much or by little: that depends on the seed of the
# β-VAE. The price is a label for each image; β needs none.
#
# ## What an image without a label teaches
#
# Look at (COND.5) as a function of the classifier, with $L(x, y)$ as it is. With $s(y) \propto e^{-L(x, y)}$,
# the answer that the generative model itself would give,
#
# $$ U(x) = \mathrm{KL}\bigl( q_\phi(y \mid x) \,\Vert\, s(y) \bigr) - \log \sum_y e^{-L(x, y)}
#    \tag{COND.7} $$
#
# So each unlabelled image pulls the classifier towards $s$, and nothing else. The model is its
# teacher, right or wrong. How good is the teacher, and how far has the pupil come?

# %% tags=["nbval-ignore-output"]
some = few_labels(digits.labels, each=5, seed=seed)
mixed = labels_repeated({"images": train, "labels": some}, 10)
m2 = SemiSupervisedVAE.dense((1, 8, 8), latent_dim=8, hidden=(128,), seed=seed)
_ = fit(m2, mixed, objective=Classification(20.0), **schedule)

# %% tags=["hide-input"]


@torch.no_grad()
def error(classifier, images=test):
    return (classifier(images).argmax(1) != new_digits.labels).double().mean().item()


with torch.no_grad():
    losses = torch.stack([m2.losses(test, generator().manual_seed(k)) for k in range(20)]).mean(0)
    teacher, pupil = (-losses).log_softmax(1), m2(test)
    excess = unlabelled_loss(losses, pupil) + (-losses).logsumexp(1)
    split = kl_div(teacher, pupil, reduction="none", log_target=True).sum(1)
agree = (teacher.argmax(1) == pupil.argmax(1)).double().mean()
claim(
    "COND.excess-is-a-divergence",
    "U(x) less its smallest value is KL(q‖s): largest relative difference over the test images",
    ((excess - split).abs() / (1 + split)).max(),
    at_most=1e-3,
)
claim(
    "COND.pupil-agrees-with-teacher",
    "test images on which classifier and generative model name the same class",
    agree,
    at_least=0.75,
)
claim(
    "COND.teacher-errs-as-well",
    "errors of the generative model's own answer, in parts of those of its classifier",
    (teacher.argmax(1) != new_digits.labels).double().mean() / error(m2),
    at_least=0.6,
    at_most=1.4,
)

# %% [markdown]
# Two classifiers in one model, which teach each other. Where both err, nothing corrects them: more
# images without labels do not replace the labels.

# %%
ExerciseCard("what-the-model-teaches")

# %%
ExerciseCard("what-a-conditional-vae-needs")

# %% [markdown]
# ## One draw in place of a sum
#
# The sum over $K$ classes decodes each image $K$ times. For ten classes that will do, for ten thousand it
# will not. A draw of the class has no gradient; a softened one has. With $g_k = -\log(-\log u_k)$, $u_k$
# uniform,
#
# $$ y = \mathrm{softmax}\Bigl( \frac{\log q_\phi(\cdot \mid x) + g}{\tau} \Bigr) \tag{COND.8} $$
#
# has its largest entry at class $k$ with the probability $q_\phi(k \mid x)$ exactly, and for
# $\tau \to 0$ it is one-hot (Jang et al.; Maddison et al., 2017). What does softening cost? The
# gradient of (COND.5) by the logits, for one image, over 4,000 draws and several $\tau$; the sum's is the
# truth. The classifier is made undecided first, since where it is sure there is no gradient to see.

# %% tags=["hide-input"]
image, n = test[:1].expand(4000, -1, -1, -1), 4000
undecided = m2(test[:1]).detach() * 0.05


def gradients(tau):
    """∂U/∂logits of each draw: (n, 10)."""
    logits = undecided.expand(n, -1).clone().requires_grad_()
    log_q = logits.log_softmax(1)
    if tau is None:
        values = unlabelled_loss(m2.losses(image, generator()), logits)
    else:
        y = gumbel_softmax(logits, tau, generator())
        values = m2.labelled(image, y, generator().manual_seed(seed + 1))
        values = values + (log_q.exp() * (log_q - m2.log_prior)).sum(1)
    return torch.autograd.grad(values.sum(), logits)[0]


exact = gradients(None)
truth, size = exact.mean(0), exact.mean(0).norm()
taus = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
found = {tau: gradients(tau) for tau in taus}
bias = {tau: ((g.mean(0) - truth).norm() / size).item() for tau, g in found.items()}
noise = {tau: (g.var(0).sum().sqrt() / size).item() for tau, g in found.items()}
standard = {tau: value / n**0.5 for tau, value in noise.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5.4, 3), layout="constrained")
axis.errorbar(taus, bias.values(), yerr=[2 * s for s in standard.values()], fmt="o-",
              color=COLOURS[0], label="bias, with two standard errors")  # fmt: skip
axis.plot(taus, noise.values(), "s--", color=COLOURS[1], label="standard deviation of one draw")
axis.axhline(exact.var(0).sum().sqrt() / size, color="0.5", linestyle=":", label="that of the sum")
axis.set(xscale="log", yscale="log", xlabel="τ", ylabel="parts of the true gradient")
axis.legend(frameon=False, fontsize=9)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="With τ the bias grows and the spread of one draw falls.")

# %% tags=["hide-input"]
claim(
    "COND.warm-draws-are-biased",
    "τ = 5: the bias, in parts of the true gradient",
    bias[5.0],
    at_least=0.3,
)
claim(
    "COND.cold-draws-are-noisy",
    "the standard deviation of one draw, τ = 0.1, in parts of that of the sum",
    noise[0.1] / (exact.var(0).sum().sqrt() / size),
    at_least=3,
)

# %% [markdown]
# The sum has no bias, and no noise but that of $z$. And in a training? The same steps as for the sum, which take
# less than half of the time; and twice the steps.

# %% tags=["nbval-ignore-output"]
drawn = {}
for times in (1, 2):
    net = SemiSupervisedVAE.dense((1, 8, 8), 8, hidden=(128,), temperature=0.5, seed=seed)
    fit(net, mixed, objective=Classification(20.0), **schedule | {"epochs": 40 * times})
    drawn[times] = error(net)

# %% tags=["hide-input"]


def classifier_alone(labels, epochs=300):
    rows = labels >= 0
    network = dense_encoder((1, 8, 8), (128,), 10, generator().manual_seed(seed + 1))
    data = {"images": train[rows], "labels": labels[rows]}
    objective = LabelLikelihood()
    fit(network, data, epochs=epochs, batch_size=50, lr=1e-3, seed=seed, objective=objective)
    return error(network)


alone = classifier_alone(some)

# %% tags=["hide-input", "nbval-ignore-output"]
print(f"errors: classifier alone {alone:.3f}, sum {error(m2):.3f}, one draw {drawn[1]:.3f}, "
      f"one draw, twice the steps {drawn[2]:.3f}")  # fmt: skip

# %% tags=["hide-input"]
claim(
    "COND.one-draw-helps-too",
    "errors of M2 with one draw a step, in parts of those of the classifier alone",
    drawn[1] / alone,
    at_most=0.97,
)
claim(
    "COND.the-sum-is-better",
    "equal steps: errors with the sum, in parts of those with one draw",
    error(m2) / drawn[1],
    at_most=1.0,
)
claim(
    "COND.twice-the-steps",
    "twice the steps: errors with one draw, in parts of those with the sum",
    drawn[2] / error(m2),
    at_least=0.7,
    at_most=1.3,
)

# %% [markdown]
# Step for step the sum is better. In the time of its ten decodings the draw makes more steps: with twice
# as many it is about as good.

# %%
ExerciseCard("gumbel-softmax-by-hand")

# %% [markdown]
# ## M1 in front of M2
#
# Kingma et al. do best with two models: **M1**, a VAE that is trained on all images without labels, and
# M2 on its codes in place of pixels. On MNIST that is the difference between 12 % and 3 % errors in
# their paper. Here the images have 64 pixels. Guess.

# %% tags=["nbval-ignore-output"]
m1 = VAE.dense((1, 8, 8), 8, hidden=(128,), seed=seed)
fit(m1, train, **schedule)
with torch.no_grad():
    q, new = m1.encode(train), m1.encode(test).mu
stacked = SemiSupervisedVAE.dense((8,), 4, hidden=(64,), likelihood=Gaussian(), seed=seed)
weigh = Classification(5.0)


def on_codes(model, batch, generator, step):
    """M2's loss for a new draw of each code, with its label."""
    codes = DiagonalNormal(batch["mu"], batch["logvar"]).sample(generator)
    return weigh(model, {"images": codes, "labels": batch["labels"]}, generator, step)


coded = labels_repeated({"mu": q.mu, "logvar": q.logvar, "labels": some}, 10)
_ = fit(stacked, coded, objective=on_codes, **schedule)

# %% tags=["hide-input", "nbval-ignore-output"]
together = error(stacked, new)
print(f"errors: classifier alone {alone:.3f}, M2 {error(m2):.3f}, M1 + M2 {together:.3f}")

# %% tags=["hide-input"]
claim(
    "COND.m1-m2-on-small-images",
    "errors of M1 + M2, in parts of those of M2 on the pixels",
    together / error(m2),
    at_least=1.0,
)

# %% [markdown]
# On such small images M1 takes something away and gives nothing. What it does on MNIST the command
# `course labels` measures, with real files, in a few minutes.
#
# ## How many labels?
#
# Five for each class, or twenty: where does M2 gain more?

# %% tags=["hide-input", "nbval-ignore-output"]
labels = few_labels(digits.labels, 20, seed)
more = SemiSupervisedVAE.dense((1, 8, 8), 8, hidden=(128,), seed=seed)
data = labels_repeated({"images": train, "labels": labels}, 2)
fit(more, data, objective=Classification(20.0), **schedule)
gain = {5: (alone, error(m2)), 20: (classifier_alone(labels), error(more))}
print("labels a class   classifier alone      M2")
for each in gain:
    print(f"{each:14} {gain[each][0]:18.3f} {gain[each][1]:7.3f}")

# %% tags=["hide-input"]
claim(
    "COND.few-labels-gain-most",
    "errors of M2 in parts of those of the classifier alone: 20 labels a class, less 5",
    gain[20][1] / gain[20][0] - gain[5][1] / gain[5][0],
    at_least=0.0,
)

# %%
ExerciseCard("loss-of-a-labelled-image")

# %%
ExerciseCard("formula-loss-of-an-unlabelled-image")

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 001-25. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=12)

# %% [markdown]
# ## References
#
# - K. Sohn, H. Lee, X. Yan. *Learning Structured Output Representation using Deep Conditional Generative
#   Models.* NeurIPS, 2015.
# - D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling. *Semi-Supervised Learning with Deep Generative
#   Models.* NeurIPS, 2014.
# - E. Jang, S. Gu, B. Poole. *Categorical Reparameterization with Gumbel-Softmax.* ICLR, 2017.
# - C. J. Maddison, A. Mnih, Y. W. Teh. *The Concrete Distribution: A Continuous Relaxation of Discrete
#   Random Variables.* ICLR, 2017.
