# %% [markdown]
# # 12 · Conditions and few labels
#
# A face, and what may be asked of it: to smile, to put on glasses, to let its hair grow. The network
# below was told these three things about every face that it saw, and nothing else. Move the sliders on
# the left: who stays, and what changes? Then those on the right, which nobody has named.

# %% tags=["hide-input"]
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from torch.nn.functional import avg_pool2d

from course_lib.datasets import few_labels, labels_repeated, load
from course_lib.models import (
    VAE, ConditionalNormal, ConditionalVAE, OneHot, SemiSupervisedVAE, pretrained,
)  # fmt: skip
from course_lib.models.networks import dense_encoder
from course_lib.notebook import check_task, claim, show
from course_lib.objectives import Beta, Classification, LabelLikelihood
from course_lib.plots import image_rows
from course_lib.training import fit
from course_lib.widgets import ConditionExplorer, ExerciseCard

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
glyphs, new_glyphs = load("glyphs"), load("glyphs", "test")
digits, new_digits = load("digits"), load("digits", "test")
train, test = ((split.images > 0.5).float() for split in (digits, new_digits))
names = [*"0123456789"]


def generator():
    return torch.Generator().manual_seed(seed)


# %% tags=["hide-input", "nbval-ignore-output"]
faces = load("faces", "test")
TOLD = ("smile", "glasses", "hair length")
told = faces.factors[:, [faces.factor_names.index(name) for name in TOLD]]
ConditionExplorer(pretrained("faces_conditional_vae"), faces.images[:40], told[:40], TOLD)

# %% [markdown]
# The person stays, and the mouth moves. The three sliders on the left are inputs of the decoder, with a
# meaning from the first step of the training. Those on the right are what was left to say.
#
# **What can a model be told, where does that go, and what if only a few images come with a label?**
#
# ## You will
#
# - give both networks of a VAE one more input, and draw nothing but sevens;
# - look for the class in the code, with a probe and its null control;
# - build the loss of an image without a label;
# - train a classifier with 50 labels and 1,387 images that have none, against fair rivals.
#
# **Before you start**: chapters 7 and 8. **Time**: 40 minutes. Ways to tell, Gumbel-softmax, and
# conditions against β stand in the [laboratory](12_conditional_vae_laboratory.ipynb).

# %% [markdown]
# ## One more input
#
# Let $y$ be what is known about an image: a class, a few numbers, a text. A **conditional VAE** (Sohn et
# al., 2015) passes it to encoder, decoder and prior. For each $y$ that is a VAE of the images with this
# $y$, so the bound needs no new proof:
#
# $$ \begin{aligned} \log p(x \mid y) \; \ge \; & \mathbb{E}_{q_\phi(z \mid x, y)}
#    \bigl[ \log p_\theta(x \mid z, y) \bigr] \\
#    & - \mathrm{KL}\bigl( q_\phi(z \mid x, y) \,\Vert\, p_\theta(z \mid y) \bigr) \end{aligned}
#    \tag{COND.1} $$
#
# Here the prior is learned, with a mean and a width for each $y$. Most people leave $y$ out of it:
#
# $$ \begin{aligned} \log p(x \mid y) \; \ge \; & \mathbb{E}_{q_\phi(z \mid x, y)}
#    \bigl[ \log p_\theta(x \mid z, y) \bigr] \\
#    & - \mathrm{KL}\bigl( q_\phi(z \mid x, y) \,\Vert\, p(z) \bigr), \qquad p(z) = \mathcal{N}(0, I)
#    \end{aligned} \tag{COND.2} $$
#
# How is a network told? Numbers, such as the smile, are put beside its other inputs. A class becomes a
# one-hot vector first, `OneHot` below. Convolutions see images, so there each number
# becomes a further channel, the same at all pixels. And for many classes one puts an *embedding*
# between, a table of a few learned numbers for each class: a linear layer on the one-hot vector.

# %%
ExerciseCard("bound-with-a-learned-prior")

# %% [markdown]
# ## Only sevens
#
# The printed digits of chapter 8, the class as condition, and $\beta = 4$ for a short code. `fit` takes
# images and labels by name.

# %% tags=["nbval-ignore-output"]
conditional = ConditionalVAE.dense(
    (1, 28, 28), latent_dim=6, condition_dim=10, hidden=(256, 128), embedding=OneHot(10), seed=seed
)
labelled = {"images": glyphs.images, "labels": glyphs.labels}
_ = fit(conditional, labelled, objective=Beta(4.0), epochs=12, batch_size=64, lr=2e-3, seed=seed)

# %% [markdown]
# Choose an image. The lower row has its $z$ with each of the ten classes. Look at slant, thickness and
# place while you go through the images, and at the class while you move a slider.

# %% tags=["hide-input", "nbval-ignore-output"]
ConditionExplorer(conditional, new_glyphs.images[:40], new_glyphs.labels[:40], names)

# %% [markdown]
# Ten digits in one handwriting, so to speak. `at` gives the VAE for a condition; its `sample` draws $z$
# from the prior. Then two measurements by readers that were trained on real images: which
# class has a picture, and how does it slant?

# %% tags=["nbval-ignore-output"]
sevens = conditional.at(torch.tensor(7)).sample(12, generator())
show(image_rows({"only sevens": sevens}, 12), alt="Twelve sevens in various styles.")

# %% tags=["hide-input"]


def pooled(images):
    return avg_pool2d(images, 2).flatten(1).numpy()


slant = glyphs.factor_names.index("slant")
part = glyphs.sample(4000, seed)
read_class = SVC(C=10).fit(pooled(part.images), part.labels)
read_slant = Ridge(1.0).fit(pooled(part.images), part.factors[:, slant])
asked = torch.arange(10).repeat_interleave(50)
with torch.no_grad():
    drawn = conditional.at(asked).sample(500, generator())
    few = new_glyphs.sample(500, seed)
    z = conditional.at(few.labels).encode(few.images).mu
    other = (few.labels + 1 + torch.arange(500) % 9) % 10  # every other class
    swapped = conditional.at(other).decode_mean(z)


def correlation(a, b):
    return torch.corrcoef(torch.stack([torch.as_tensor(a), b]))[0, 1]


claim(
    "COND.class-as-told",
    "drawn with a class: the share that a reader of real images takes for this class",
    (torch.from_numpy(read_class.predict(pooled(drawn))) == asked).double().mean(),
    at_least=0.8,
)
claim(
    "COND.style-stays",
    "z with another class: correlation of the slant of the picture with that of the image",
    correlation(read_slant.predict(pooled(swapped)).astype("float32"), few.factors[:, slant]),
    at_least=0.6,
)

# %% [markdown]
# By chance one draw in ten would have the class that was asked for. What was told is obeyed, and what was
# not told is carried over from one class to another.
#
# ## Where does the class go?
#
# It is often said that conditioning brings order into the latent space, because the model learns to
# separate the classes there. Guess first: will a probe find the class in $z$ more easily than in a
# VAE, or less? Take the codes of all images of a class together, $q(z \mid y)$, and those of all
# images, $q(z)$. What the prior charges splits:
#
# $$ \mathbb{E}_{p(y)} \, \mathrm{KL}\bigl( q(z \mid y) \,\Vert\, p(z) \bigr)
#    = I(z; y) + \mathrm{KL}\bigl( q(z) \,\Vert\, p(z) \bigr) \tag{COND.3} $$
#
# Each nat about the class in $z$ costs a nat. A VAE pays, since its decoder must know which digit to
# draw. The decoder of a conditional VAE has been told. A learned $p(z \mid y)$ changes the bill:
# clouds that lie apart, class by class, cost nothing then.
#
# The test: handwritten digits, three models of the same size, and one and the same probe, a logistic
# regression on a draw of each code. Null control: the same probe, with the labels shuffled.

# %% tags=["nbval-ignore-output"]
schedule = {"epochs": 40, "batch_size": 64, "lr": 3e-3, "seed": seed}
handwritten = {"images": train, "labels": digits.labels}
small = {"latent_dim": 8, "hidden": (128,), "seed": seed}
told_class = small | {"condition_dim": 10, "embedding": OneHot(10)}
vae = VAE.dense((1, 8, 8), **small)
fit(vae, train, **schedule)
cvae = {"p(z)": None, "p(z|y)": ConditionalNormal(8, 10, seed=seed)}
for kind, prior in cvae.items():
    cvae[kind] = ConditionalVAE.dense((1, 8, 8), prior=prior, **told_class)
    fit(cvae[kind], handwritten, **schedule)

# %% tags=["hide-input"]


@torch.no_grad()
def codes(model, images, labels):
    """A draw of z for each image."""
    at = model.at(labels) if isinstance(model, ConditionalVAE) else model
    return at.encode(images).sample(generator())


def probed(model, shuffle=False):
    """Of the test images, the share whose class a linear probe finds in z."""
    order = torch.randperm(len(train), generator=generator()) if shuffle else slice(None)
    probe = LogisticRegression(max_iter=1000)
    probe.fit(codes(model, train, digits.labels), digits.labels[order])
    return probe.score(codes(model, test, new_digits.labels), new_digits.labels)


models = {"VAE": vae, "conditional, p(z)": cvae["p(z)"], "conditional, p(z|y)": cvae["p(z|y)"]}
found = {name: probed(model) for name, model in models.items()}
null = {name: probed(model, shuffle=True) for name, model in models.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
print(f"{'':20} probe   labels shuffled")
for name in models:
    print(f"{name:20} {found[name]:5.2f} {null[name]:12.2f}")

# %% tags=["hide-input"]
claim(
    "COND.class-in-a-vae",
    "VAE: the probe finds the class of this share of test images",
    found["VAE"],
    at_least=0.6,
)
claim(
    "COND.class-has-left",
    "conditional VAE with p(z): the same probe finds this share",
    found["conditional, p(z)"],
    at_most=0.25,
)
claim(
    "COND.class-comes-back",
    "conditional VAE with a learned p(z|y): the same probe finds this share",
    found["conditional, p(z|y)"],
    at_least=0.28,
)

# %% [markdown]
# > **Myth**: "by conditioning on class labels, the model learns to separate class-relevant information
# > in the latent space". It throws it out of there: it has the class from elsewhere, and $z$ is what is
# > left.
#
# With a learned prior a part of the class is back in $z$, free of charge, though nobody needs it there: an
# ablation that shows that the price drove it out, and not the condition alone.

# %%
ExerciseCard("where-the-class-goes")

# %% [markdown]
# ## Most images have no label
#
# Labels are dear and images are cheap. A conditional VAE cannot use an image without a label: both of its
# networks want $y$. Kingma et al. (2014) make $y$ a second latent variable, observed now and then. Their
# **M2** draws a class, then a style, then the image: $p(y) \, p(z) \, p_\theta(x \mid z, y)$. With a label
# the bound is that of above, and the class has to be paid for, too:
#
# $$ \begin{aligned} L(x, y) = {} & \mathbb{E}_{q_\phi(z \mid x, y)}\bigl[ -\log p_\theta(x \mid z, y)
#    \bigr] + \mathrm{KL}\bigl( q_\phi(z \mid x, y) \,\Vert\, p(z) \bigr) \\
#    & - \log p(y) \; \ge \; -\log p(x, y) \end{aligned} \tag{COND.4} $$
#
# Without a label somebody must guess: a classifier $q_\phi(y \mid x)$, an encoder for the class. It
# is a vector of ten probabilities, so its mean needs no draw; it is a sum:
#
# $$ U(x) = \sum_y q_\phi(y \mid x) \, L(x, y) - H\bigl( q_\phi(y \mid x) \bigr)
#    \; \ge \; -\log p(x) \tag{COND.5} $$
#
# The classifier should prefer the class with which the model explains the image best, and stay in doubt
# where two do equally well: the entropy rewards it.
#
# ### Build it: an image without a label


# %%
def unlabelled_loss(losses, logits):
    """U(x) = Σ_y q(y|x) L(x, y) − H(q(y|x))  (COND.5)

    losses: L(x, y) of every class, (B, K); logits of q(y|x), (B, K). Returns (B,).
    """
    ...


# %%
unlabelled_loss = check_task("unlabelled_loss", unlabelled_loss)

# %% [markdown]
# One thing is missing. $L(x, y)$ of a labelled image does not contain the classifier: nobody would
# ever tell it what a label is. So the loss gets a third term, with a weight $\alpha$:
#
# $$ J = \frac1N \Bigl[ \sum_{\text{labelled}} \bigl( L(x, y) - \alpha \log q_\phi(y \mid x) \bigr)
#    + \sum_{\text{unlabelled}} U(x) \Bigr] \tag{COND.6} $$
#
# In the library a missing label is $-1$, and nothing else changes: `fit` cuts images and labels into
# batches, and the model's loss sorts them. With 50 labels among 1,437 images most batches would hold
# one or two, so `labels_repeated` puts the labelled rows into the data ten times more.

# %% tags=["nbval-ignore-output"]
some = few_labels(digits.labels, each=5, seed=seed)
mixed = labels_repeated({"images": train, "labels": some}, 10)
m2 = SemiSupervisedVAE.dense((1, 8, 8), latent_dim=8, hidden=(128,), seed=seed)
_ = fit(m2, mixed, objective=Classification(20.0), **schedule)

# %% [markdown]
# Does it help? Three rivals with the same 50 labels. The same classifier alone, trained until it has
# nothing left to learn. *Pseudo-labels*: the classifier labels what it is sure of, and a new one is
# trained with that, four times over. And the nearest labelled neighbour, in the codes of the VAE, which
# has seen all images.

# %% tags=["hide-input", "nbval-ignore-output"]
known = some >= 0


def classifier_alone(labels, epochs):
    """The classifier of M2, trained with the images that have a label."""
    rows = labels >= 0
    network = dense_encoder((1, 8, 8), (128,), 10, generator().manual_seed(seed + 1))
    data = {"images": train[rows], "labels": labels[rows]}
    objective = LabelLikelihood()
    fit(network, data, epochs=epochs, batch_size=50, lr=1e-3, seed=seed, objective=objective)
    return network


@torch.no_grad()
def with_pseudo_labels(classifier, sure=0.9):
    """The labels that are known, and those of which a classifier is sure."""
    probability, guess = classifier(train).softmax(1).max(1)
    return torch.where(known, some, torch.where(probability > sure, guess, -1))


@torch.no_grad()
def error(classifier):
    return (classifier(test).argmax(1) != new_digits.labels).double().mean().item()


alone = taught = classifier_alone(some, epochs=300)
for _ in range(4):
    taught = classifier_alone(with_pseudo_labels(taught), epochs=30)
with torch.no_grad():
    neighbours = KNeighborsClassifier(1).fit(vae.encode(train).mu[known], some[known])
    nearest = 1 - neighbours.score(vae.encode(test).mu, new_digits.labels)
errors = {
    "the classifier alone": error(alone),
    "pseudo-labels": error(taught),
    "nearest in the VAE's code": nearest,
    "M2": error(m2),
    "the classifier, all labels": error(classifier_alone(digits.labels, epochs=30)),
}
for name, value in errors.items():
    print(f"{name:28} {100 * value:5.1f} % errors")

# %% tags=["hide-input"]
claim(
    "COND.m2-against-its-classifier",
    "errors of M2 on test images, in parts of those of its classifier alone",
    errors["M2"] / errors["the classifier alone"],
    at_most=0.8,
)
claim(
    "COND.m2-against-the-best-rival",
    "errors of M2, in parts of those of the best of the three rivals",
    errors["M2"] / min([*errors.values()][:3]),
    at_most=0.95,
)

# %% [markdown]
# Images without a label have taught the classifier something, and the decoder, too. Each row below is
# one $z$ with all ten classes, whose names it knows from five examples each.

# %% tags=["hide-input", "nbval-ignore-output"]
styles = torch.randn(3, 8, generator=generator())
with torch.no_grad():
    pictures = [m2.conditional.at(torch.arange(10)).decode_mean(z.expand(10, 8)) for z in styles]
show(
    image_rows({f"style {i}": row for i, row in enumerate(pictures, 1)}, 10),
    alt="Three rows of the digits 0 to 9, each row in one style.",
)

# %%
ExerciseCard("loss-of-an-unlabelled-image")

# %%
ExerciseCard("weight-of-a-label")

# %% [markdown]
# ## Recap
#
# - A condition is one more input of encoder and decoder. For each condition the model is a VAE.
# - The class leaves $z$, since the decoder has it for free and the prior charges for each nat.
#   With a learned $p(z \mid y)$ it costs nothing there, and comes back.
# - M2 makes the class a latent variable that is sometimes observed. Without a label its loss is a mean
#   over all classes, less an entropy.
# - With five labels a class it beats its own classifier, and its rivals.
#
# ## Next
#
# The [laboratory](12_conditional_vae_laboratory.ipynb) compares one-hot vectors, embeddings and channels,
# replaces the sum over classes by one draw, asks what M1 adds to M2, and lets conditions compete with β.
# [Chapter 13](13_applications.ipynb) asks what a trained model is good for.
#
# ## References
#
# - K. Sohn, H. Lee, X. Yan. *Learning Structured Output Representation using Deep Conditional Generative
#   Models.* NeurIPS, 2015.
# - D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling. *Semi-Supervised Learning with Deep Generative
#   Models.* NeurIPS, 2014.
# - D.-H. Lee. *Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
#   Networks.* ICML Workshop, 2013.
