# %% [markdown]
# # 13 · What a code is good for
#
# Two sliders that make people smile. Both are directions in the code of the network that you steered
# in chapter 0; both were found with the same 1,000 portraits, of which somebody had said who smiles.
# Choose a face and move the first slider. Put it
# back, and move the second. Look at the eyes.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn
from torch.nn.functional import interpolate, pad

from course_lib.datasets import load
from course_lib.evaluation import (
    auroc, frechet_distance, inception_score, nearest_distance, precision_recall,
)  # fmt: skip
from course_lib.models import VAE, pretrained
from course_lib.models.networks import dense_encoder
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import LabelLikelihood
from course_lib.plots import COLOURS
from course_lib.priors import StandardNormal
from course_lib.training import fit
from course_lib.widgets import ExerciseCard, LatentTraversal, SweepRows

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
faces, new_faces = load("faces"), load("faces", "test")
glyphs, new_glyphs = load("glyphs"), load("glyphs", "test")


def generator():
    return torch.Generator().manual_seed(seed)


faces_vae = pretrained("faces_vae")
with torch.no_grad():
    codes, new_codes = (faces_vae.encode(split.images).mu for split in (faces, new_faces))
all_smile = faces.factors[:, faces.factor_names.index("smile")] > 0
all_glasses = faces.factors[:, faces.factor_names.index("glasses")] > 0.5
together = (all_smile == all_glasses) | (torch.rand(len(codes), generator=generator()) < 1 / 9)
picked = together.nonzero()[:, 0]
picked = picked[torch.randperm(len(picked), generator=generator())[:1000]]
z, smile, glasses = codes[picked], all_smile[picked], all_glasses[picked]


def difference(z, has):
    return z[has].mean(0) - z[~has].mean(0)


careless = difference(z, smile)
careful = (difference(z[glasses], smile[glasses]) + difference(z[~glasses], smile[~glasses])) / 2

# %% tags=["hide-input", "nbval-ignore-output"]
some = [17, 26, 4, 6, 10, 12, 1, 18]
push = nn.Linear(2 + len(some), 32, bias=False)
with torch.no_grad():
    both = torch.stack([careless, careful])
    at = new_faces.factors[some][:, [faces.factor_names.index("smile")] * 2]  # where they stand
    push.weight.copy_(torch.cat([both, new_codes[some] - at @ both]).T)
steered = VAE(
    faces_vae.encoder, nn.Sequential(push, faces_vae.decoder), faces_vae.likelihood,
    StandardNormal(2 + len(some)),
)  # fmt: skip
at = torch.cat([at, torch.eye(len(some))], 1)  # which sliders, and which face
LatentTraversal(steered, new_faces.images[some], codes=at, names=["smile, first", "smile, second"])

# %% [markdown]
# The first slider hands out glasses. Nothing is broken: the network draws well, and the direction is
# what every introduction tells you to compute. The mistake is in a use that looks too simple to be wrong.
#
# **What is a trained model good for, and how do you notice when its answer is wrong?**
#
# ## You will
#
# - change one thing in a picture, and see what comes along;
# - build the usual score for finding strange pictures, and hide a picture from it;
# - judge five machines that draw, with the measures that papers report, and cheat each of them.
#
# **Before you start**: chapters 7 and 9. **Time**: 55 minutes. More scores, augmentation, paths and the
# measures' small print stand in the [laboratory](13_applications_laboratory.ipynb).

# %% [markdown]
# ## Changing one thing
#
# An **attribute vector** is the difference of two means of codes: of those who have the attribute, and
# of those who do not. Add it to anybody's code. But suppose that codes add up what there is to say,
# $z = \sum_b b\,u_b + \text{rest}$, with a direction $u_b$ for each attribute $b$ that is 0 or 1. Then
#
# $$ \begin{aligned} v_a & = \mathbb{E}[z \mid a = 1] - \mathbb{E}[z \mid a = 0] \\
#    & = u_a + \sum_{b \neq a} \bigl( P(b = 1 \mid a = 1) - P(b = 1 \mid a = 0) \bigr)\, u_b
#    \end{aligned} \tag{APP.1} $$
#
# Each attribute that goes together with $a$ *in the labelled pictures* comes along, by the difference of
# two shares. Here nine in ten of those who smile wear glasses, and one in ten of the others. (Among all
# portraits the two have nothing to do with each other.) The second slider compares only among equals:
# with glasses, and without, and takes the mean of both differences.

# %%
ExerciseCard("difference-of-means-carries")

# %% [markdown]
# How much comes along? A reader was fitted for each factor, a linear one, to real portraits. It reads
# 800 new faces before and after the change, which is scaled so that the smile grows by one standard
# deviation of all smiles; the other factors are counted in theirs. A popular third way is to take the
# normal of the plane with which a linear classifier parts the codes. Its answer depends on how
# strictly one holds its weights down, so there are three of them. And a control: the first way, with
# all 3,200 labels.

# %% tags=["hide-input"]
names = list(faces.factor_names)
pixels, new_pixels = (split.images.flatten(1).numpy() for split in (faces, new_faces))
readers = [Ridge(1.0).fit(pixels, factor.numpy()) for factor in faces.factors.T]
spread = faces.factors.std(0)


def read(images):
    x = images.flatten(1).numpy()
    return torch.tensor(np.stack([reader.predict(x) for reader in readers], 1)) / spread


def normal(C):
    classifier = LogisticRegression(C=C, max_iter=5000).fit(z.numpy(), smile.numpy())
    return torch.tensor(classifier.coef_[0], dtype=torch.float32)


@torch.no_grad()
def moved(v):
    """How far each factor moves when v makes the smile grow by one standard deviation."""
    before = read(faces_vae.decode_mean(new_codes)).mean(0)
    for _ in range(3):  # the network is curved: scale, look again
        change = read(faces_vae.decode_mean(new_codes + v)).mean(0) - before
        v = v / change[names.index("smile")]
    return dict(zip(names, (read(faces_vae.decode_mean(new_codes + v)).mean(0) - before).tolist()))


ways = {
    "difference": careless,
    "among equals": careful,
    "normal, strict": normal(0.1),
    "normal, usual": normal(1.0),
    "normal, free": normal(100.0),
    "difference, all": difference(codes, all_smile),
}
moves = {way: moved(v) for way, v in ways.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
shown = ["smile", "glasses", "skin", "hair length", "turn", "light"]
figure, axis = plt.subplots(figsize=(6.4, 3), layout="constrained")
for k, (way, marker) in enumerate(zip(moves, "osv^D*", strict=True)):
    values = [moves[way][name] for name in shown]
    axis.plot(np.arange(6) + 0.1 * k - 0.25, values, marker, color=COLOURS[k], label=way)
axis.axhline(0, color="grey", linewidth=0.8)
axis.set_xticks(range(6), shown)
axis.set_ylabel("moved by, in spreads")
axis.legend(frameon=False, fontsize=8, ncols=2)
axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="How far six factors move with each of six directions. All move the smile by 1; the glasses "
    "move by more than 1 with the difference of means, and hardly among equals.",
)

# %% tags=["hide-input"]
claim(
    "APP.smile-brings-glasses",
    "with the smile by one spread, the difference of means moves the glasses by",
    moves["difference"]["glasses"],
    at_least=0.8,
)
claim(
    "APP.among-equals-it-does-not",
    "the mean difference among equals moves the glasses by",
    abs(moves["among equals"]["glasses"]),
    at_most=0.2,
)
claim(
    "APP.nothing-together-nothing-along",
    "the difference of means where nothing goes together moves the glasses by",
    abs(moves["difference, all"]["glasses"]),
    at_most=0.1,
)
claim(
    "APP.a-classifier-is-no-cure",
    "the usual classifier's normal moves the glasses by",
    moves["normal, usual"]["glasses"],
    at_least=0.3,
)

# %% [markdown]
# The network is the same for all marks; only the labelled pictures are not. A classifier with free
# weights sheds most of the glasses, since they do not help it, and takes more of the skin. So ask which
# attributes go together in your labels before you ask the network.

# %% [markdown]
# ## Is this picture strange?
#
# A model of usual pictures should be at a loss with unusual ones: a scratch on a metal sheet, a shadow
# on a scan. So reconstruct the picture, and call it strange if the error is large. Does that work? We
# need pictures that are strange in known ways, and a measure that does not ask for a threshold. Give
# each picture a score. The **AUROC** is the probability that a strange picture has a higher score than
# a usual one:
#
# $$ \mathrm{AUROC} = P(s > u) + \tfrac12 P(s = u), \qquad
#    s \text{ of a strange picture, } u \text{ of a usual one} \tag{APP.2} $$
#
# A score that knows nothing has ½. (It is also the area under the curve of detections against false
# alarms, hence the name.)
#
# ### Build it: the AUROC


# %%
def auroc_of_pairs(usual, strange):
    """P(s > u) + ½ P(s = u)  (APP.2)

    usual: scores (N,); strange: scores (M,). Returns ().
    """
    ...


# %%
auroc_of_pairs = check_task("auroc_of_pairs", auroc_of_pairs)

# %%
ExerciseCard("auroc-of-two-lists")

# %% [markdown]
# Two models of printed digits with 16 numbers each: a VAE, and principal components, which is the best
# linear autoencoder (chapter 1).

# %% tags=["nbval-ignore-output"]
vae = VAE.dense((1, 28, 28), latent_dim=16, hidden=(256,), seed=seed)
_ = fit(vae, glyphs.images, epochs=8, batch_size=64, lr=2e-3, seed=seed)
pca = PCA(16, random_state=seed).fit(glyphs.images.flatten(1).numpy())


@torch.no_grad()
def rebuilt(images):
    return vae.decode_mean(vae.encode(images).mu)


def components(images):
    x = pca.inverse_transform(pca.transform(images.flatten(1).numpy()))
    return torch.tensor(x, dtype=torch.float32).view_as(images)


# %% [markdown]
# First, by hand. Choose how to spoil a digit and how much. At the end of each row stands its mean
# squared error. Before you move the slider: which kinds will it find?

# %% tags=["hide-input", "nbval-ignore-output"]
twelve = new_glyphs.images[:12]
static = torch.rand(twelve.shape, generator=generator())
average = glyphs.images.mean(0, keepdim=True)
ends = {
    "noise": static, "upside down": twelve.flip(2), "fading to black": torch.zeros_like(twelve),
    "fading to the mean": average.expand_as(twelve),
}  # fmt: skip
rows, numbers = {}, {}
for kind, end in ends.items():
    for share in range(0, 101, 20):
        x = torch.lerp(twelve, end, share / 100)
        pictures = {"picture": x, "VAE": rebuilt(x), "linear": components(x).clamp(0, 1)}
        rows[kind, share] = pictures
        errors = [(components(x) if name == "linear" else y) - x for name, y in pictures.items()]
        numbers[kind, share] = [e.square().sum().item() / len(x) for e in errors]
SweepRows(("kind", "percent"), rows, columns=7, numbers=numbers, start=("fading to black", 60))

# %% [markdown]
# Noise is found. A digit that fades to black becomes *less* strange at every step: it is nearly gone, and
# the score finds it more normal than any digit. Nor is that a weakness of one network. For principal
# components with mean $m$ it is a theorem. Move a picture towards the mean, $x_s = m + s\,(x - m)$, and
#
# $$ \lVert x_s - \hat x_s \rVert^2 = s^2 \, \lVert x - \hat x \rVert^2 \tag{APP.3} $$
#
# At $s = 0$ stands the mean picture, which is no digit, and it is rebuilt without any error. A large error
# means that a model cannot draw the picture. A small one does not mean that the picture is usual.
#
# So ask for the probability: the score $-\mathrm{ELBO}$ from chapter 7, an estimate of
# $-\log p(x)$, with the reconstruction *and* the price of the code.

# %% tags=["hide-input", "nbval-ignore-output"]
usual = new_glyphs.images[:1000]
handwritten = pad(interpolate(load("digits").images[:1000], (20, 20), mode="bilinear"), (4,) * 4)
grain = 0.02 * torch.rand(usual.shape, generator=generator())  # or all would be one picture
kinds = {
    "noise": torch.rand(usual.shape, generator=generator()),
    "inverted": 1 - usual,
    "written by hand": handwritten,
    "upside down": usual.flip(2),
    "half as bright": usual / 2,
    "the mean": average + grain,
    "black": grain,
}


@torch.no_grad()
def minus_elbo(x):
    draw = vae.draw(x, generator())
    return draw.nll + draw.kl.sum(1)


def squared(rebuild):
    return lambda x: (rebuild(x) - x).square().flatten(1).sum(1)


error = squared(rebuilt)
typical = error(glyphs.images[:2000]).log()


def off(x):
    """How far the error is from usual, up or down."""
    return ((error(x).log() - typical.mean()) / typical.std()).abs()


scores = {"linear error": squared(components), "error": error, "−ELBO": minus_elbo, "off": off}
other = new_glyphs.images[1000:]
found = {
    kind: {name: auroc(score(other), score(x)) for name, score in scores.items()}
    for kind, x in kinds.items()
}
print("AUROC, and half of its 95 % interval")
print(" ".ljust(16), *(f"{name:>14}" for name in scores))
for kind, values in found.items():
    print(f"{kind:16}", *(f"{v.value:7.3f} ±{1.96 * v.error:5.3f}" for v in values.values()))

# %% tags=["hide-input"]
claim(
    "APP.noise-is-found",
    "AUROC of the VAE's error for pictures of noise",
    found["noise"]["error"].value,
    at_least=0.99,
)
claim(
    "APP.what-fades-is-hidden",
    "AUROC of the VAE's error for digits at half their brightness",
    found["half as bright"]["error"].value,
    at_most=0.3,
)
claim(
    "APP.the-mean-is-perfect",
    "AUROC of the linear autoencoder's error for the mean picture",
    found["the mean"]["linear error"].value,
    at_most=0.02,
)
claim(
    "APP.black-is-likely",
    "AUROC of −ELBO for black pictures",
    found["black"]["−ELBO"].value,
    at_most=0.35,
)

# %% [markdown]
# An AUROC far below ½ is a score that is sure of the wrong answer. By $-\mathrm{ELBO}$ a black picture is
# more likely than most digits. (Nalisnick et al. found in 2019 that models of clothes find digits likelier
# than clothes. The suspect is that simple pictures are likely; the laboratory subtracts how simple they are.)
# The last
# column takes the error of a *too good* reconstruction for a sign, too: it asks how far the error is from
# what errors usually are. That repairs the faded and the black ones here, and costs a little
# elsewhere. No score serves all kinds. Test yours with the kinds that you fear.

# %%
ExerciseCard("auroc-turned-round")

# %% [markdown]
# ## Which machine draws best?
#
# Papers do not compare pixels, which say little, but *features* of pictures: the numbers in a hidden layer
# of a classifier. For digits a small one will do.

# %% tags=["nbval-ignore-output"]
classifier = dense_encoder((1, 28, 28), (128,), 10, generator())
labelled = {"images": glyphs.images, "labels": glyphs.labels}
_ = fit(
    classifier, labelled, objective=LabelLikelihood(), epochs=6, batch_size=100, lr=2e-3, seed=seed
)
features = classifier.requires_grad_(False)[:-1]  # 128 numbers
right = (classifier(new_glyphs.images).argmax(1) == new_glyphs.labels).double().mean()
print(f"{100 * right:.1f} % of new digits are given their class")

# %% [markdown]
# Five machines, each with its button. One of them is the VAE from above. Rank them by eye, before you
# go on.

# %% tags=["hide-input", "nbval-ignore-output"]
sample = torch.randperm(len(glyphs.images), generator=generator())[:1000]
clearest = classifier(glyphs.images).softmax(1).argmax(0)  # of each class
blobs = torch.randn(1000, 1, 7, 7, generator=generator())
machines = {
    "A": vae.sample(1000, generator()),
    "B": glyphs.images[sample],
    "C": glyphs.images[clearest].repeat(100, 1, 1, 1),
    "D": average.expand(1000, -1, -1, -1) + grain / 2,
    "E": (interpolate(blobs, (28, 28), mode="bicubic") > 0).float(),
}
mixed = torch.randperm(1000, generator=generator())
strips = {name: x[mixed[:20]] for name, x in machines.items()}
SweepRows("machine", {k: {"": x[:10], " ": x[10:]} for k, x in strips.items()}, columns=10)

# %% [markdown]
# A is the VAE. B hands out pictures of the training set. C has learned ten of them by heart, the clearest
# of each class. D draws the mean picture a thousand times, with a little grain. E draws blots.
#
# The **Fréchet distance** you know (VAE.12): it compares means and covariances of the features. **Precision
# and recall** ask two questions at once. Around each real picture $r$ lies a ball that reaches to its
# third neighbour among the real ones. How many made pictures lie in one of these balls? And the other way
# round, how many real ones lie in the balls around made ones?
#
# $$ \text{precision} = \frac1M \sum_{i=1}^{M} \mathbf{1}\Bigl[ g_i \in \bigcup_j
#    B\bigl( r_j, \lVert r_j - \mathrm{NN}_3(r_j) \rVert \bigr) \Bigr], \qquad
#    \text{recall: } r \leftrightarrow g \tag{APP.4} $$

# %%
ExerciseCard("precision-and-recall")

# %% [markdown]
# The **Inception score** needs no real pictures, only a classifier $p(y \mid x)$: each picture should have
# a clear class, and all classes should occur.
#
# $$ \mathrm{IS} = \exp \, \mathbb{E}_x\bigl[ \mathrm{KL}\bigl( p(y \mid x) \,\Vert\, p(y) \bigr) \bigr],
#    \qquad p(y) = \mathbb{E}_x[\, p(y \mid x) \,] \tag{APP.5} $$
#
# The logarithm of it is the information between picture and class (chapter 8), so ten classes allow at
# most 10. And last, how far is a picture from the nearest one of the training set, in pixels? The first row
# holds 1,000 new real digits: what a perfect machine would reach.

# %% tags=["hide-input", "nbval-ignore-output"]
real = features(usual)
table = {}
for name, x in {"real": other, **machines}.items():
    made = features(x)
    precision, recall = precision_recall(real, made)
    table[name] = {
        "Fréchet": frechet_distance(real, made),
        "precision": precision,
        "recall": recall,
        "IS": inception_score(classifier(x).softmax(1)),
        "nearest": nearest_distance(x, glyphs.images),
    }
print(" ".ljust(5), *(f"{name:>10}" for name in table["real"]))
for name, row in table.items():
    print(f"{name:5}", *(f"{value:10.2f}" for value in row.values()))

# %% tags=["hide-input"]
claim(
    "APP.a-copy-has-the-best-distance",
    "Fréchet distance of copies of the training set, in parts of that of new digits",
    table["B"]["Fréchet"] / table["real"]["Fréchet"],
    at_most=1.3,
)
claim(
    "APP.one-picture-is-precise",
    "precision of the mean picture, a thousand times, minus that of new digits",
    table["D"]["precision"] - table["real"]["precision"],
    at_least=0.0,
)
claim(
    "APP.ten-pictures-score",
    "Inception score of ten pictures, in parts of that of new digits",
    table["C"]["IS"] / table["real"]["IS"],
    at_least=1.1,
)
claim(
    "APP.blots-are-recalled",
    "recall of blots, whose precision is below 0.02",
    table["E"]["recall"] if table["E"]["precision"] < 0.02 else 0.0,
    at_least=0.1,
)

# %% [markdown]
# Each measure has its cheat.
#
# | measure | cheated by | who tells |
# |:--|:--|:--|
# | Fréchet distance | a copy of the training set | the nearest distance: 0 |
# | precision | one grey picture, a thousand times | recall: 0 |
# | Inception score | ten pictures by heart | recall: 0 |
# | recall | blots, far apart, with huge balls | precision: 0 |
# | being far from the training set | blots, again | every other measure |
#
# So no number says that a machine draws well. Two that pull in opposite directions say more, and the
# one that finds copies belongs to them.

# %%
ExerciseCard("inception-score")

# %%
ExerciseCard("what-catches-a-copy")

# %% [markdown]
# ## How many pictures does a measure need?
#
# Can you compare your Fréchet distance with the one in a paper? Only if both used as many pictures. Take
# two samples of $N$ and $M$ pictures from the *same* machine. Their true distance is 0. But their means
# differ by chance, and the squared difference is on average
#
# $$ \mathbb{E}\, \lVert \hat m_1 - \hat m_2 \rVert^2
#    = \frac{\operatorname{tr} \Sigma_1}{N} + \frac{\operatorname{tr} \Sigma_2}{M} \tag{APP.6} $$
#
# with the covariances $\Sigma$ of the features. The other half of the distance does the same, only more. In
# the picture: real digits against other real digits, and the VAE's against real ones.

# %% tags=["hide-input", "nbval-ignore-output"]
pool, drawn = features(new_glyphs.images), features(machines["A"])
trace = torch.cov(pool.T).trace().item()
counts = (50, 100, 200, 500, 1000)
F = {"real": [], "VAE": []}
for N in counts:
    at = torch.randperm(len(pool), generator=generator())
    a, b = pool[at[:N]], pool[at[1000 : 1000 + N]]
    F["real"].append(frechet_distance(a, b))
    F["VAE"].append(frechet_distance(a, drawn[:N]))

figure, axis = plt.subplots(figsize=(5.6, 3), layout="constrained")
axis.loglog(counts, F["VAE"], "o-", color=COLOURS[1], label="the VAE's digits against real ones")
axis.loglog(counts, F["real"], "s-", color=COLOURS[0], label="real digits against real ones")
axis.loglog(
    counts, [2 * trace / N for N in counts], ":", color="grey", label="of that, the means (APP.6)"
)
axis.set(xlabel="N, pictures on either side", ylabel="Fréchet distance")
axis.set_xticks(counts, counts)
axis.set_yticks([1, 3, 10, 30], [1, 3, 10, 30])
axis.minorticks_off()
axis.legend(frameon=False, fontsize=8)
axis.spines[["top", "right"]].set_visible(False)
show(
    figure,
    alt="Fréchet distance against N on two logarithmic axes. Between real digits it falls like 1/N "
    "from about 60 to about 3; the VAE's stays above it and flattens.",
)

# %% tags=["hide-input"]
claim(
    "APP.fifty-real-digits-look-worse",
    "Fréchet distance of 50 real digits, in parts of that of 1,000 drawn ones",
    F["real"][0] / F["VAE"][4],
    at_least=1.5,
)
claim(
    "APP.at-equal-numbers-they-do-not",
    "at equal N, from 200 up, the smallest ratio of the VAE's distance to the real one",
    min(made / true for made, true in zip(F["VAE"][2:], F["real"][2:], strict=True)),
    at_least=1.3,
)

# %% [markdown]
# Fifty real digits look far worse than a thousand drawn ones. At equal numbers, from 200 up, the order
# is right; with 50 the two can hardly be told apart. The value means nothing without its $N$.

# %%
ExerciseCard("frechet-bias")

# %% [markdown]
# ## Recap
#
# - A difference of means carries all that goes together with the attribute in the labelled pictures.
#   Comparing among equals leaves it out.
# - A large reconstruction error says "strange". A small one says nothing: what fades towards the mean is
#   rebuilt ever better, and simple pictures are likely.
# - AUROC needs no threshold; far below ½ it says that the score is sure of the wrong thing.
# - Every measure of samples is cheated by some machine that nobody wants. Report several, with $N$, and
#   the distance to the training set.
#
# ## Next
#
# The [laboratory](13_applications_laboratory.ipynb) compares scores for strange pictures and ways to edit,
# measures the way from one picture to another, augments a small training set, and extrapolates the
# Fréchet distance to endlessly many pictures.
#
# ## References
#
# - A. B. L. Larsen, S. K. Sønderby, H. Larochelle, O. Winther. *Autoencoding beyond Pixels Using a Learned
#   Similarity Metric.* ICML, 2016. (Attribute vectors.)
# - E. Nalisnick, A. Matsukawa, Y. W. Teh, D. Gorur, B. Lakshminarayanan. *Do Deep Generative Models Know
#   What They Don't Know?* ICLR, 2019.
# - T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen. *Improved Techniques for
#   Training GANs.* NeurIPS, 2016. (Inception score.)
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter. *GANs Trained by a Two Time-Scale
#   Update Rule Converge to a Local Nash Equilibrium.* NeurIPS, 2017. (Fréchet distance.)
# - T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila. *Improved Precision and Recall Metric for
#   Assessing Generative Models.* NeurIPS, 2019.
