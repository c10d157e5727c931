# %% [markdown]
# # 0 · Start here
#
# How much of a face fits into a few numbers? Move the sliders. Nobody drew the faces that you
# see then: a network has learned from 3,200 portraits to describe each with 32 numbers, and to
# draw it again from these. The sliders push the 32 numbers in four directions.

# %% tags=["hide-input"]
import torch
from torch import nn

from course_lib.datasets import load
from course_lib.models import VAE, Autoencoder, pretrained
from course_lib.notebook import claim, show
from course_lib.plots import image_rows, model_diagram
from course_lib.priors import StandardNormal
from course_lib.training import fit
from course_lib.widgets import LatentTraversal, SweepRows, TokenEditor

seed = 0

# %% tags=["hide-input"]
faces, faces_test = load("faces"), load("faces", "test")
network = pretrained("faces_vae")
names = ["smile", "glasses", "hair colour", "light"]
columns = [faces.factor_names.index(name) for name in names]
some = [0, 3, 6, 9, 10, 12, 17, 18]
with torch.no_grad():
    codes = network.encode(faces.images).mu  # (3200, 32)
    known = torch.cat([faces.factors, torch.ones(len(codes), 1)], 1)
    directions = torch.linalg.lstsq(known, codes).solution[columns]  # (4, 32), least squares
    at = faces_test.factors[some][:, columns]
    rest = network.encode(faces_test.images[some]).mu - at @ directions  # what else there is
    push = nn.Linear(len(names) + len(some), 32, bias=False)
    push.weight.copy_(torch.cat([directions, rest]).T)
steered = VAE(
    network.encoder, nn.Sequential(push, network.decoder), network.likelihood,
    StandardNormal(len(names) + len(some)),
)  # fmt: skip
at = torch.cat([at, torch.eye(len(some))], 1)  # which sliders, and which face
LatentTraversal(steered, faces_test.images[some], codes=at, names=names)

# %% [markdown]
# The left picture is one of the portraits, the right one is drawn from the sliders. Choose another
# portrait with the first slider. Chapter 7 builds the network and finds the directions.
#
# ## A picture as 49 words
#
# The next network has an alphabet of 64 small shapes, which it has invented itself. It writes a digit
# as 7 × 7 of them, as one writes a sentence with letters. Press on a place in the picture, and
# replace the letter there.

# %% tags=["hide-input"]
glyphs, glyphs_test = load("glyphs"), load("glyphs", "test")
writer, prior = pretrained("glyphs_vq_vae"), pretrained("glyphs_token_prior")
TokenEditor(writer, glyphs_test.images[:12])

# %% [markdown]
# And since a digit is now a text, a model of texts can write new ones, letter by letter, as a
# language model does. Here it was told which digits to write. Move the slider from left to right.


# %% tags=["hide-input"]
@torch.no_grad()
def so_far(tokens, t):
    """The pictures of the first t tokens; what is not yet written is grey."""
    pictures = writer.decode_tokens(tokens.view(-1, 7, 7))
    written = (torch.arange(49) < t).view(1, 1, 7, 7).float()
    return torch.where(nn.functional.interpolate(written, scale_factor=4) > 0, pictures, 0.5)


told = torch.arange(10)[:, None]
generator = torch.Generator().manual_seed(seed)
tokens = prior.sample(10, generator, given=64 + told)[:, 1:]
rows = {t: {"written": so_far(tokens, t)} for t in range(50)}
SweepRows("letters written", rows, columns=10, start=28)

# %% [markdown]
# None of these ten digits is in the data. Chapter 9 builds both networks.
#
# ## You will
#
# - see what the course builds, and where such networks work today;
# - check that the installation works;
# - learn how a chapter is built and what its signs mean;
# - meet the data.
#
# **Before you start**: some Python, and what a neural network and a gradient are.
# **Time**: 15 minutes.

# %% [markdown]
# ## The idea
#
# Every model of the course is a chain of the same few parts. An *encoder* turns an image into a
# *code* of a few numbers; a *decoder* turns the code back into an image.

# %% tags=["nbval-ignore-output"]
digits = load("digits")
model = Autoencoder((1, 8, 8), latent_dim=2, seed=seed)
history = fit(model, digits.images, epochs=20, batch_size=64, lr=3e-3, seed=seed)

# %% tags=["hide-input"]
with torch.no_grad():
    z = model.encode(digits.images[:1])[0]
    x_hat = model.decode_mean(z[None])[0]
diagram = model_diagram(
    [
        ("image $x$", digits.images[0]),
        ("$z = f_\\phi(x)$", "encoder"),
        ("code $z$", z),
        ("$\\hat{x} = g_\\theta(z)$", "decoder"),
        ("reconstruction $\\hat{x}$", x_hat),
    ]
)
show(diagram, alt="A chain: image, encoder, code, decoder, reconstruction.")

# %% [markdown]
# Each chapter changes one thing in this chain or in the loss that trains it:
#
# | chapter | model | the one change |
# |:--|:--|:--|
# | 1 | [autoencoder](01_autoencoder.ipynb) | the chain itself |
# | 2 | [denoising autoencoder](02_denoising_autoencoder.ipynb) | the encoder sees a damaged image |
# | 3 | [sparse autoencoder](03_sparse_autoencoder.ipynb) | each hidden unit may be active for few images only |
# | 4 | [contractive autoencoder](04_contractive_autoencoder.ipynb) | the code may not react to small changes of the image |
# | 5 | [Kullback–Leibler divergence](05_kl_divergence.ipynb) | no model: how to compare two distributions |
# | 6 | [evidence lower bound](06_evidence_lower_bound.ipynb) | no model: how to bound a probability that is too costly to compute |
# | 7 | [variational autoencoder](07_variational_autoencoder.ipynb) | the code becomes a distribution |
# | 8 | [β-VAE](08_beta_vae.ipynb) | the weight of the new term |
# | 9 | [VQ-VAE](09_vq_vae.ipynb) | the code becomes a choice from a list |
# | 10 | [priors that fit](10_priors.ipynb) | the prior is learned, too |
# | 11 | [posterior collapse](11_posterior_collapse.ipynb) | the decoder sees the pixels before, and the code falls silent |
# | 12 | [conditions and few labels](12_conditional_vae.ipynb) | both networks are told something about the image |
# | 13 | [what a code is good for](13_applications.ipynb) | no model: editing, finding what is strange, judging samples |
# | 14 | [VQ-VAE-2](14_vq_vae_2.ipynb) | a second, smaller grid of choices above the first |
#
# The chapters follow the sections of a blog post, *From Autoencoders to VQ-VAE*, and add what four
# other texts say. An [appendix](99_the_sources_checked.ipynb) lists what these five *sources* get
# wrong, and their symbols beside ours.
#
# ## Where they work today
#
# - **Pictures from text.** A latent diffusion model, such as Stable Diffusion, does not draw pixels. It
#   draws the code of an autoencoder, 64 × 64 × 4 numbers in place of 512 × 512 × 3, and leaves the
#   rest to a decoder like that of chapter 7, or of chapter 9.
# - **Speech and music.** Audio codecs such as SoundStream and EnCodec turn a second of sound into a few
#   hundred tokens, with a stack of the quantizers of chapter 9. Language models then write the
#   tokens of speech and music.
# - **Learning to see.** A masked autoencoder hides three quarters of a photograph and rebuilds them.
#   What its encoder has learned then serves to classify. It is the idea of chapter 2, with
#   large patches in place of pixels.
# - **Reading language models.** A sparse autoencoder, chapter 3, takes the activations inside a language
#   model apart into features that are active now and then, many of which stand for something that
#   a reader can name.

# %% [markdown]
# ## How a chapter works
#
# Run this notebook: *Run → Run All Cells*, or click into a cell and press Shift + Enter. A bar fills
# up and disappears while the network above is trained on 1,437 handwritten digits.
#
# **You build.** Under a heading *Build it* stands a function of a few lines without a body. Write the
# body, run the cell, then the next one: it runs your function on data whose result is known, and
# names the mistake when it is a usual one. Hints and a solution unfold below. Chapters run from top to
# bottom without it, too; they are worth less then.
#
# **Every picture moves.** What depends on a number has a slider. Sliders answer to mouse, touch and
# the arrow keys, and the number beside a slider can be typed. What lies in a plane can be dragged.
# Pictures need no Python once they are there: they move on the web site and before you run anything.
# In pictures, and in JupyterLab and on the web site also in formulas, $q$ is blue, $p$ orange and $z$
# violet.
#
# **Every equation runs.** A displayed equation has a tag, such as (AE.1), and for every tag there
# is a test in `tests/` that compares the equation with an independent calculation.
#
# **Every claim is measured.** A line with a check mark says what was measured, on your computer. The
# filled dot is the value, the rings are five seeds, and the shaded part is where the claim
# would be false; the cell would then have stopped with an error. Here is the smallest one:

# %% tags=["hide-input"]
x = torch.tensor(3.0, requires_grad=True)
(x**2).backward()
claim(
    "START.gradient",
    "PyTorch finds the slope of x² at x = 3, which is 6",
    x.grad,
    at_least=6,
    at_most=6,
)

# %% [markdown]
# Change the `seed` at the top of a chapter, run it again, and see whether its claims survive. Most
# chapters have a **laboratory**, a second notebook with the finer claims, the counter-examples and the
# controls, for those who want to know whether it is true. Cells that only draw or measure are
# folded; a click on the bar that stands for them opens them.
#
# Questions come before answers. Where a chapter says *predict*, write your prediction down before
# you go on: being wrong on paper is the fastest way to learn.
#
# Nothing you do here can break anything. *Kernel → Restart Kernel and Run All Cells* starts a
# chapter afresh. *Kernel → Interrupt* stops a training that takes too long, and what has been
# learned so far is kept.

# %% [markdown]
# ## The data
#
# Four data sets ship with the course and need no network.
#
# **Faces**: 4,000 portraits of 32 × 32 pixels in colour, drawn by a program, so that we know what
# makes each: skin, hair, smile, glasses, the turn of the head, and the light.
#
# **Glyphs**: 10,000 digits of 28 × 28 pixels, drawn from a font with six known factors: which
# digit, its slant, the width of its stroke, its size, and two shifts. Because we know the factors,
# we can ask whether a model has found them.
#
# **Digits**: 1,797 handwritten digits of 8 × 8 pixels, scanned in the 1990s. Small enough to train
# on in a second, so that many trainings can be compared.
#
# **Patches**: 24,000 squares of 12 × 12 pixels, cut from two photographs that ship with
# scikit-learn and whitened, so that no spatial frequency dominates. They are for chapter 3.
#
# In each row of glyphs one factor grows from left to right; the digit varies, and the other factors stay
# in the middle of their range.

# %% tags=["hide-input"]
middle = glyphs.factors.median(0).values
rows = {}
for j, name in enumerate(glyphs.factor_names[1:], start=1):
    others = [k for k in range(1, len(middle)) if k != j]
    typical = (glyphs.factors[:, others] == middle[others]).all(1).nonzero()[:, 0]
    by_factor = typical[glyphs.factors[typical, j].argsort(stable=True)]
    rows[name] = glyphs.images[by_factor[torch.linspace(0, len(by_factor) - 1, 10).long()]]
show(image_rows({"faces": faces.images}), alt="Ten portraits: skin, hair and light differ.")
show(
    image_rows(rows),
    alt="Five rows of digits, in each of which one factor grows from left to right.",
)

# %% tags=["hide-input"]
patches = load("patches")
first_of_each = [(digits.labels == label).nonzero()[0, 0].item() for label in range(10)]
show(image_rows({"digits": digits.images[first_of_each]}), alt="A handwritten digit of each kind.")
show(image_rows({"patches": patches.images}), alt="Ten grey patches with edges and textures.")

# %% tags=["hide-input"]
documented = {
    "digits": (1437, 360), "glyphs": (8000, 2000), "patches": (20000, 4000), "faces": (3200, 800)
}  # fmt: skip
claim(
    "START.data",
    "no data set has another size than the documented one",
    sum(
        len(load(name, split)) != size
        for name, sizes in documented.items()
        for split, size in zip(("train", "test"), sizes)
    ),
    at_most=0,
)

# %% [markdown]
# Two more are downloaded when you first ask for them: `load("mnist")` and `load("fashion_mnist")`,
# 70,000 images of 28 × 28 pixels each. In a classroom one copy is enough: set the environment
# variable `COURSE_DATA_DIR` to a shared folder that holds `mnist/` and `fashion-mnist/`.
#
# ## Recap
#
# - You have steered a face, rewritten a digit and had digits written; you will build all three.
# - Tags mark equations that run, check marks mark claims that were measured.
# - Logarithms are natural, so information is in **nats**; 1 nat is 1.4427 bits. Losses are **summed over
#   pixels and over the numbers of a code, and averaged over images**.
#
# ## Next
#
# [Chapter 1](01_autoencoder.ipynb) takes the chain apart.
#
# ## References
#
# - R. Rombach, A. Blattmann, D. Lorenz, P. Esser, B. Ommer. *High-Resolution Image Synthesis with
#   Latent Diffusion Models.* CVPR 2022.
# - N. Zeghidour, A. Luebs, A. Omran, J. Skoglund, M. Tagliasacchi. *SoundStream: An End-to-End
#   Neural Audio Codec.* IEEE/ACM TASLP 2022.
# - A. Défossez, J. Copet, G. Synnaeve, Y. Adi. *High Fidelity Neural Audio Compression.* TMLR 2023.
# - K. He, X. Chen, S. Xie, Y. Li, P. Dollár, R. Girshick. *Masked Autoencoders Are Scalable Vision
#   Learners.* CVPR 2022.
# - H. Cunningham, A. Ewart, L. Riggs, R. Huben, L. Sharkey. *Sparse Autoencoders Find Highly
#   Interpretable Features in Language Models.* ICLR 2024.
# - Digits: E. Alpaydin, C. Kaynak. *Optical Recognition of Handwritten Digits.* UCI Machine
#   Learning Repository, 1998.
