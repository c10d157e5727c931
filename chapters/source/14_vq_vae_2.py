# %% [markdown]
# # 14 · VQ-VAE-2
#
# Two faces below, and a third that is neither. Each face has been written down twice: once with 16 tokens on
# a small grid, the *top*, and once with 64 tokens on a larger one, the *bottom*. The third face has
# the top of the first and the bottom of the second. Whose face is it? Press on a token of
# either grid and give it a new code: how far does the change reach?

# %% tags=["hide-input"]
import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from torch.nn.functional import avg_pool2d

from course_lib.datasets import load
from course_lib.evaluation import followed
from course_lib.likelihoods import Gaussian
from course_lib.models import VQVAE, VQVAE2, VectorQuantizer, as_text, pretrained
from course_lib.notebook import check_task, claim, show
from course_lib.plots import COLOURS, image_rows
from course_lib.training import fit
from course_lib.widgets import ExerciseCard, TokenLevels

# %% tags=["hide-input"]
seed = 0  # change it and run again: every claim below must still hold
faces, new_faces = load("faces"), load("faces", "test")


def generator():
    return torch.Generator().manual_seed(seed)


def coloured(tokens):
    """A colour for each token, (N, H, W) → (N, 3, H, W): the numbers have no order."""
    shades = torch.rand(256, 3, generator=torch.Generator().manual_seed(4))
    return shades[tokens].movedim(-1, 1)


# %% tags=["hide-input"]
writer = pretrained("faces_vq_vae_2")
TokenLevels(writer, new_faces.images[1:25])

# %% [markdown]
# The person comes with the top, and so do turn and glasses. The bottom brings shades, and spots where it does
# not fit. So it is told of this model, VQ-VAE-2 (Razavi et al., 2019): the top level holds the
# whole, the bottom level the details. Is that what levels are, or is that what became of them here?
#
# **What does each level know?**
#
# ## You will
#
# - put a second grid of tokens upon a VQ-VAE, and tell the lower one what the upper one has said;
# - look for hair, light and glasses in each level, in two ways that disagree;
# - compare one level and two at equal bits;
# - draw faces from the top down, and let a prior finish what is half hidden.
#
# **Before you start**: chapters 9 and 12. **Time**: 40 minutes. A third level, other quantizers, and what
# rejecting samples costs stand in the [laboratory](14_vq_vae_2_laboratory.ipynb).

# %% [markdown]
# ## Two grids
#
# In chapter 9 every token stands for a small square of the picture. What concerns the whole, such
# as the light, must be said again in each square. Razavi et al. put a second, smaller grid upon
# the first. The encoder goes up: features $h$ of the bottom, and from them those of the top. The tokens go
# down: first the top is quantized; its codes $e_\text{top}$ are decoded to $u$, on the grid of
# the bottom; and the bottom is quantized with both at hand, what it sees and what has been said
# already.
#
# $$ \begin{aligned} h_\text{bottom} &= E_\text{bottom}(x), & h_\text{top} &= E_\text{top}(h_\text{bottom}) \\
#    k_\text{top} &= \operatorname{nearest}\bigl( A_\text{top}(h_\text{top}) \bigr), &
#    u &= D_\text{top}(e_\text{top}) \\
#    k_\text{bottom} &= \operatorname{nearest}\bigl( A_\text{bottom}(h_\text{bottom}, u) \bigr), &
#    \hat{x} &= D_\text{bottom}(u, e_\text{bottom}) \end{aligned} \tag{VQ2.1} $$
#
# $A$ is a linear map to vectors of the codebook's size. The decoder gets both levels.
#
# ### Build it: the tokens of both levels
#
# Everything is given: features as rows, the maps, the codebooks, and `nearest` of chapter 9. What must the
# bottom be told, so that a decoder, which has the tokens alone, can follow?


# %%
def both_tokens(
    h_top, h_bottom, A_top, A_bottom, D_top, codes_top, codes_bottom, nearest
):  # fmt: skip
    """k_top and k_bottom  (VQ2.1), with h_bottom and u side by side, along dimension 1

    nearest(z_e, codes): (M, D_e), (K, D_e) → (M,). Returns two tensors (M,).
    """
    ...


# %%
both_tokens = check_task("both_tokens", both_tokens)

# %% [markdown]
# The loss is that of chapter 9, with a codebook, its averages and its revival for each level $l$ by itself:
#
# $$ \mathcal{L} = -\log p_\theta(x \mid e_\text{top}, e_\text{bottom}) + \sum_{l} \Bigl( \lVert
#    \operatorname{sg}[z_l] - e_l \rVert^2 + \beta_c \lVert z_l - \operatorname{sg}[e_l] \rVert^2 \Bigr)
#    \tag{VQ2.2} $$
#
# Where the averages move the codes, as they do below, the middle term is left out.

# %%
ExerciseCard("who-is-told-what")

# %% [markdown]
# ## Both levels as pictures
#
# Tokens as colours: the same colour is the same token. Below, each level decoded alone, with the mean code of
# the other level in all its places. What is missing in the one row, and what in the other?

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    some = new_faces.images[24:34]
    tokens = writer.tokens(some)
    every = writer.tokens(new_faces.images)
    codes = [q.codes(k) for q, k in zip(writer.quantizers, tokens, strict=True)]
    means = [q.codes(k).mean((0, 1, 2)).expand_as(c)
             for q, k, c in zip(writer.quantizers, every, codes, strict=True)]  # fmt: skip
    rows = {
        "face": some,
        "top, 4 × 4 of 256": coloured(tokens[0]),
        "bottom, 8 × 8 of 4": coloured(tokens[1] + 100),
        "rebuilt": writer(some),
        "top alone": writer.decode_mean([codes[0], means[1]]),
        "bottom alone": writer.decode_mean([means[0], codes[1]]),
    }
show(
    image_rows(rows),
    alt="Ten faces; their tokens as colours; rebuilt; the top alone shows the same persons, a bit "
    "rougher; the bottom alone shows one and the same blurred face with spots.",
)

# %% [markdown]
# The top alone draws the person, the bottom alone draws nobody. (The smiles are lost in both: a few pixels, for
# which these 256 bits had no room.) How much is lost when one of the levels
# comes from somebody else?

# %% tags=["hide-input"]
others = torch.randperm(len(new_faces), generator=generator())


def squared_error(pictures, images):
    return (pictures - images).square().flatten(1).sum(1).mean().item()


with torch.no_grad():
    own = squared_error(writer(new_faces.images), new_faces.images)
    swapped = [squared_error(writer.decode_tokens(k), new_faces.images)
               for k in ((every[0][others], every[1]), (every[0], every[1][others]))]  # fmt: skip
claim(
    "VQ2.top-of-another",
    "the top of another face: the squared error is so many times that of both levels of its own",
    swapped[0] / own,
    at_least=8,
)
claim(
    "VQ2.bottom-of-another",
    "the bottom of another face: so many times",
    swapped[1] / own,
    at_least=2,
    at_most=5,
)

# %% [markdown]
# ## Bits
#
# Do the two levels say so different things because one is small and the other large? Count what can be
# written, as in (VQ.9): a level of $T_l$ tokens, each one of $K_l$ codes,
#
# $$ R = \sum_l T_l \log_2 K_l \tag{VQ2.3} $$
#
# bits an image. For the top $16 \cdot 8 = 128$ bits, for the bottom $64 \cdot 2 = 128$. They have the same
# room; but the bottom has only four codes for each place. What if it has two, or 64? The same model, on faces
# of half the size so that it trains while you wait. One knob: the codes of the bottom.


# %% tags=["nbval-ignore-output"]
half, new_half = (avg_pool2d(split.images, 2) for split in (faces, new_faces))  # (N, 3, 16, 16)


def codebook(K):
    return VectorQuantizer(K, 8, gamma=0.95, seed=seed)


def two_levels(K_top, K_bottom):
    books = [codebook(K_top), codebook(K_bottom)]
    return VQVAE2.convolutional((3, 16, 16), books, (24,), Gaussian(), seed=seed)


def trained(net):
    fit(net, half, epochs=8, batch_size=32, lr=3e-3, seed=seed)
    return net.eval()


poor, rich = trained(two_levels(256, 2)), trained(two_levels(256, 64))

# %% [markdown]
# ## What can be read, and what is used
#
# `faces` were drawn from known factors. The first way to ask is a **probe**: from the codes of one level,
# squeezed into 64 numbers by principal components, a linear regression guesses the factor. It gives
# the same strength to both levels. Null control: the same probe, factors shuffled.
#
# The second way: take the top of face $a$ and the bottom of face $b$, decode, and let a reader of real
# images say how long the hair is now. Over many pairs, a least squares fit
#
# $$ \text{read}(\hat{x}_{ab}) \approx s_\text{top} \, f(a) + s_\text{bottom} \, f(b) + \text{constant}
#    \tag{VQ2.4} $$
#
# says whom the picture **follows**. Factors in standard deviations; $s = 1$ would be perfect obedience.
#
# Guess first, for the model whose bottom has 64 codes: from which level will the light be read better, and
# which of the two will it follow?

# %% tags=["hide-input"]
NAMES = [name for name in faces.factor_names if name != "smile"]  # too small at half the size
columns = [faces.factor_names.index(name) for name in NAMES]
centre, width = faces.factors[:, columns].mean(0), faces.factors[:, columns].std(0)
known, held = ((split.factors[:, columns] - centre) / width for split in (faces, new_faces))
reader = Ridge(10.0).fit(half.flatten(1), known)


def explained(guess, truth=held):
    """R² of each factor on test images."""
    return 1 - (torch.as_tensor(guess) - truth).square().mean(0) / truth.var(0)


@torch.no_grad()
def probed(net, level, factors=known):
    """R² of the factors, read by a probe of fixed strength from the codes of one level."""
    quantizer = net.quantizers[level]
    seen, unseen = (quantizer.codes(net.tokens(x)[level]).flatten(1) for x in (half, new_half))
    squeeze = PCA(64, random_state=0).fit(seen)
    probe = Ridge(1.0).fit(squeeze.transform(seen), factors)
    return explained(probe.predict(squeeze.transform(unseen)))


@torch.no_grad()
def follows(net):
    """s of top and bottom for each factor: (2, F)."""
    top, bottom = net.tokens(new_half)
    mixed = net.decode_tokens([top, bottom[others]])
    read = torch.from_numpy(reader.predict(mixed.flatten(1))).float()
    return followed(read, held, held[others])


models = {"bottom of 2 codes": poor, "bottom of 64 codes": rich}
read = {name: torch.stack([probed(net, level) for level in (0, 1)]) for name, net in models.items()}
used = {name: follows(net) for name, net in models.items()}
shuffled = known[torch.randperm(len(known), generator=generator())]
null = max(probed(rich, level, shuffled).max().item() for level in (0, 1))

# %% tags=["hide-input", "nbval-ignore-output"]
figure, panels = plt.subplots(1, 4, figsize=(9.5, 2.9), layout="constrained", sharey=True)
places = torch.arange(len(NAMES))
for i, name in enumerate(models):
    for panel, values, what in zip(
        panels[2 * i : 2 * i + 2], (read[name], used[name]), ("read", "followed"), strict=True
    ):
        for level, (label, colour) in enumerate(zip(("top", "bottom"), COLOURS, strict=False)):
            panel.barh(places + 0.2 - 0.4 * level, values[level], 0.38, color=colour, label=label)
        panel.set(xlim=(-0.05, 1), title=f"{name}:\n{what}", yticks=places, yticklabels=NAMES)
        panel.title.set_fontsize(10)
        panel.spines[["top", "right"]].set_visible(False)
figure.legend(
    *panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2
)
show(
    figure,
    alt="Four panels of bars. Every factor can be read from both levels of both models. What is "
    "followed differs: with 2 codes mostly the top, with 64 codes mostly the bottom.",
)

# %% tags=["hide-input"]
light = NAMES.index("light")


def share_of_top(weights):
    return (weights[0].sum() / weights.sum()).item()


claim(
    "VQ2.read-from-either",
    "the worse of the two levels, mean over factors and both models: R² of the probe",
    sum(values.amin(0).mean().item() for values in read.values()) / 2,
    at_least=0.6,
)
claim(
    "VQ2.probe-of-nothing",
    "null control: the best of these R² with shuffled factors",
    null,
    at_most=0.1,
)
claim(
    "VQ2.light-is-in-both",
    "bottom of 64 codes: R² of the light, read from the top",
    read["bottom of 64 codes"][0, light],
    at_least=0.5,
)
claim(
    "VQ2.light-follows-the-bottom",
    "and how much further the light follows the bottom than the top",
    used["bottom of 64 codes"][1, light] - used["bottom of 64 codes"][0, light],
    at_least=0.4,
)
claim(
    "VQ2.the-budget-decides",
    "share of the top in all that is followed: with 2 codes below, less that with 64",
    share_of_top(used["bottom of 2 codes"]) - share_of_top(used["bottom of 64 codes"]),
    at_least=0.3,
)

# %% [markdown]
# Nothing can be hidden from either level: both are made of the same features, and a probe finds nearly
# everything in both. What the *decoder* uses is another question, and a probe cannot answer it. With two
# codes for each place, the bottom cannot say much, and the decoder listens to the top. With 64 it
# listens to the bottom, even for the light, which concerns every pixel.
#
# > **Myth**: "top level: global structure and identity; bottom level: fine textures". Nothing in the loss
# > asks for it. Change the codes of the bottom, and nothing else, and the light changes its level.
#
# On large photographs it may come out otherwise. A level's name is a hope, and (VQ2.4) is a way to find out.

# %%
ExerciseCard("read-or-followed")

# %% [markdown]
# ## One level or two, at equal bits
#
# The first of the two models writes $16 \cdot 8 + 64 \cdot 1 = 192$ bits. One level of $8 \times 8$ tokens with 8
# codes writes $64 \cdot 3 = 192$ as well. It gets as many weights, by more channels, and the same steps.

# %% tags=["nbval-ignore-output"]
one = VQVAE.convolutional((3, 16, 16), codebook(8), (170,), Gaussian(), seed=seed)
one = trained(one)

# %% tags=["hide-input"]


def weights(net):
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


with torch.no_grad():
    error = {
        name: squared_error(net(new_half), new_half) for name, net in (("one", one), ("two", poor))
    }
claim(
    "VQ2.as-many-weights",
    "weights of the one level, in parts of those of two",
    weights(one) / weights(poor),
    at_least=0.97,
    at_most=1.03,
)
claim(
    "VQ2.no-winner",
    "at equal bits: squared error with two levels, in parts of that with one",
    error["two"] / error["one"],
    at_least=0.5,
    at_most=1.8,
)

# %% [markdown]
# Look at the five seeds: on both sides of 1. One seed alone would have told a story, in favour of either.
# Two levels are not better of themselves; with this training, at equal bits and weights, it is a draw.

# %%
ExerciseCard("bits-of-two-grids")

# %% [markdown]
# ## Drawing from the top down
#
# A prior for two levels is again a chain, now of two chapters: first the top, then the bottom with the whole
# top at hand:
#
# $$ p(k_\text{top}, k_\text{bottom}) = p(k_\text{top}) \prod_{t} p\bigl( k_{\text{bottom}, t} \mid
#    k_{\text{bottom}, 1}, \dots, k_{\text{bottom}, t-1}, k_\text{top} \bigr) \tag{VQ2.5} $$
#
# `HierarchicalPrior` has one transformer of chapter 9 for each level, which reads the levels above as
# the beginning of its text. A class is simply one more level above, with a single token: here, whether there
# are glasses. Ask for glasses in the upper row and for none in the lower one.

# %% tags=["nbval-ignore-output"]
prior = pretrained("faces_prior")  # glasses, 16 tokens, 64 tokens
asked = torch.full((100, 81), -1)  # −1: to be drawn
asked[:, 0] = torch.arange(100) < 50


@torch.no_grad()
def decoded(text):
    _, top, bottom = text.split((1, 16, 64), 1)
    return writer.decode_tokens([top.view(-1, 4, 4), bottom.view(-1, 8, 8)])


drawn = decoded(prior.sample(100, generator(), asked))
show(
    image_rows({"with glasses": drawn[:10], "without": drawn[50:60]}),
    alt="Two rows of drawn faces; nearly all of the upper row wear glasses, few of the lower.",
)

# %% [markdown]
# Now half of a face is hidden, on both levels: the prior is given the upper two rows of the top and the
# upper four of the bottom, and draws the rest.

# %% tags=["hide-input", "nbval-ignore-output"]
with torch.no_grad():
    begun = as_text((new_faces.labels[24:34, None], *tokens))
begun[:, 1 + 8 : 1 + 16] = begun[:, 17 + 32 :] = -1
upper = some.clone()
upper[:, :, 16:] = 0.5
finished = decoded(prior.sample(10, generator(), begun))
again = decoded(prior.sample(10, generator().manual_seed(seed + 10), begun))
show(
    image_rows({"given": upper, "finished": finished, "once more": again, "face": some}),
    alt="Faces whose lower half is hidden, finished twice by the prior, and the whole faces.",
)

# %% [markdown]
# Hair, skin and light go on as they began, and mouth and chin are invented. Does it obey, and what does a face
# cost now? As a control for the second: the same bottoms, under the tops of other faces.

# %% tags=["hide-input"]
glasses = faces.factor_names.index("glasses")
wears = Ridge(10.0).fit(faces.images.flatten(1), faces.factors[:, glasses])
seen = torch.from_numpy(wears.predict(drawn.flatten(1))) > 0.5
text = as_text((new_faces.labels[:, None], *every))
foreign = torch.cat([text[:, :17][others], text[:, 17:]], 1)
with torch.no_grad():
    bits = prior.nll(text).mean(0) / torch.tensor(2.0).log()
    bits_foreign = prior.nll(foreign).mean(0) / torch.tensor(2.0).log()
claim(
    "VQ2.prior-obeys",
    "drawn faces on which a reader of real faces finds glasses where they were asked for, or none",
    (seen == asked[:, 0].bool()).double().mean(),
    at_least=0.75,
)
claim(
    "VQ2.bits-under-the-prior",
    "bits of both levels under the prior, of 256",
    bits[1:].sum(),
    at_most=125,
)
claim(
    "VQ2.bottom-owes-to-the-top",
    "bits that a bottom costs more under the top of another face",
    bits_foreign[2] - bits[2],
    at_least=15,
)

# %%
ExerciseCard("bottom-given-the-top")

# %% [markdown]
# ## Recap
#
# - A second, smaller grid of tokens stands above the first. The bottom is quantized knowing what the top has
#   said, and the decoder sees both.
# - Both levels can be read. Which of them the decoder follows depends on the bits of each.
# - At equal bits and weights two levels and one are a draw here.
# - A prior draws the top first, and then the bottom under it.
#
# ## Next
#
# The [laboratory](14_vq_vae_2_laboratory.ipynb) adds a third level, keeps only the best samples and says
# what that costs, and spends the same bits with other quantizers.
#
# ## References
#
# - A. Razavi, A. van den Oord, O. Vinyals. *Generating Diverse High-Fidelity Images with VQ-VAE-2.* NeurIPS,
#   2019.
# - W. Williams, S. Ringer, T. Ash, J. Hughes, D. MacLeod, J. Dougherty. *Hierarchical Quantized
#   Autoencoders.* NeurIPS, 2020.
