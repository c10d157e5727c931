# %% [markdown]
# # 0 · Start here
#
# This course walks from the autoencoder to the VQ-VAE: how a network learns to describe images
# with a few numbers, how that turns into a machine that invents new ones, and what has to be true
# for it to work. Run the next two cells (click into one and press Shift + Enter) to see whether
# your installation is in order.

# %%
import torch

from course_lib.datasets import load
from course_lib.models import Autoencoder
from course_lib.notebook import claim, show
from course_lib.plots import image_rows, model_diagram
from course_lib.training import fit
from course_lib.widgets import LatentTraversal

seed = 0
x = torch.tensor(3.0, requires_grad=True)
(x**2).backward()
claim("START.gradient", "PyTorch finds that the slope of x² at x = 3 is 6", x.grad.item() == 6)

# %% tags=["nbval-ignore-output"]
digits = load("digits")
model = Autoencoder((1, 8, 8), latent_dim=2, seed=seed)
history = fit(model, digits.images, epochs=20, batch_size=64, lr=3e-3, seed=seed)

# %% [markdown]
# A bar has filled up and disappeared: a network has been trained on 1437 handwritten digits. The
# next cell gives you its controls. Click the slider $z_1$ and press the right arrow key; the
# picture in the middle should change, and the ring on the map should move.

# %%
LatentTraversal(model, digits.images[:300], digits.labels[:300])

# %% [markdown]
# If it does, everything works. If you see a picture but no sliders, or, in a notebook that you
# saved and opened again, the words *Error displaying widget*, Python has not run the cells yet:
# choose *Run → Run All Cells*. What the picture means is the subject of chapter 1.
#
# ## You will
#
# - check that the installation works;
# - learn how a chapter is built and what its signs mean;
# - meet the data;
# - find the symbols of the course, and what each source calls the same thing.
#
# **Before you start**: some Python, and what a neural network and a gradient are.
# **Time**: 15 minutes.

# %% [markdown]
# ## The idea
#
# Every model of the course is a chain of the same few parts. An *encoder* turns an image into a
# *code* of a few numbers; a *decoder* turns the code back into an image.

# %%
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
#
# The chapters follow the sections of the blog post *From Autoencoders to VQ-VAE* and add what four
# other texts say. We call the five texts the *sources*, and number them 000 to 004. An
# [appendix](10_the_sources_checked.ipynb) lists what they get wrong.

# %% [markdown]
# ## How a chapter works
#
# **Every equation runs.** A displayed equation has a tag, such as (AE.1), and for every tag there
# is a test in `tests/` that compares the equation with an independent calculation.
#
# **Every claim is measured.** A cell that ends in a line with a check mark has just measured what
# the line says, on your computer. If the measurement had come out otherwise, the cell would have
# stopped with an error. Change the `seed` at the top of a chapter, run it again, and see whether
# the claims survive. The sources contain mistakes; each chapter ends with a list of those it met.
#
# **Every picture moves.** What depends on a number has a slider. Sliders answer to the mouse and
# to the arrow keys, and you can click on the number beside a slider and type.
#
# Questions come before answers. Where a chapter says *predict*, write your prediction down before
# you run the cell: being wrong on paper is the fastest way to learn.
#
# Nothing you do here can break anything. *Kernel → Restart Kernel and Run All Cells* starts a
# chapter afresh. *Kernel → Interrupt* stops a training that takes too long, and what has been
# learned so far is kept.

# %% [markdown]
# ## The data
#
# Three data sets ship with the course and need no network.
#
# **Digits**: 1797 handwritten digits of 8 × 8 pixels, scanned in the 1990s. Small enough to train
# on in a second.

# %%
first_of_each = [(digits.labels == label).nonzero()[0, 0].item() for label in range(10)]
show(
    image_rows({"digits": digits.images[first_of_each]}), alt="One handwritten digit of each kind."
)

# %% [markdown]
# **Glyphs**: 10,000 digits of 28 × 28 pixels, drawn from a font with six known factors: which
# digit, its slant, the width of its stroke, its size, and two shifts. Because we know the factors,
# we can ask whether a model has found them. In each row below one factor grows from left to right;
# the digit varies, and the other factors stay in the middle of their range.

# %%
glyphs = load("glyphs")
middle = glyphs.factors.median(0).values
rows = {}
for j, name in enumerate(glyphs.factor_names[1:], start=1):
    others = [k for k in range(1, len(middle)) if k != j]
    typical = (glyphs.factors[:, others] == middle[others]).all(1).nonzero()[:, 0]
    by_factor = typical[glyphs.factors[typical, j].argsort(stable=True)]
    rows[name] = glyphs.images[by_factor[torch.linspace(0, len(by_factor) - 1, 10).long()]]
show(
    image_rows(rows),
    alt="Five rows of digits, in each of which one factor grows from left to right.",
)

# %% [markdown]
# **Patches**: 24,000 squares of 12 × 12 pixels, cut from two photographs that ship with
# scikit-learn and whitened, so that no spatial frequency dominates. They are for chapter 3.

# %%
patches = load("patches")
show(image_rows({"patches": patches.images}), alt="Ten grey patches with edges and textures.")

# %%
claim(
    "START.data",
    "digits, glyphs and patches have their documented sizes",
    [
        len(load(name, split))
        for name in ("digits", "glyphs", "patches")
        for split in ("train", "test")
    ]
    == [1437, 360, 8000, 2000, 20000, 4000],
)

# %% [markdown]
# Two more are downloaded when you first ask for them: `load("mnist")` and `load("fashion_mnist")`,
# 70,000 images of 28 × 28 pixels each. In a classroom one copy is enough: set the environment
# variable `COURSE_DATA_DIR` to a shared folder that holds `mnist/` and `fashion-mnist/`.

# %% [markdown]
# ## Symbols
#
# The five sources contradict each other, and some contradict themselves. The course uses the
# second column everywhere. "–" means that the source has no symbol for it.
#
# | meaning | here | in the code | 000 | 001 | 002 | 003 | 004 |
# |:--|:--|:--|:--|:--|:--|:--|:--|
# | image | $x$ | `x` | $x$ | $\mathbf{x}$ | $X$ | $X$, $x_i$ | $x$ |
# | number of images; in a batch | $N$; $B$ | `len(images)`, `batch_size` | $n$ | $N$ | – | – | $N$ |
# | numbers in an image | $D$ | `image_shape` | $d$ | $D$ | – | – | – |
# | code, latent variable | $z$ | `z` | $z$ | $\mathbf{z}$ | $Z$ | $z$ | $z$ |
# | numbers in a code | $d$ | `latent_dim` | $d$, $d_z$ | $K$ | $d$ | $d$ | $d$ |
# | deterministic encoder | $f_\phi$ | `encode` | $g_\phi$ | $f$ | Encoder | $g$ | $f_\theta$ (§1) |
# | deterministic decoder | $g_\theta$ | `decode` | $f_\theta$ | $g$ | Decoder | $f$ | $g_\phi$ (§1) |
# | reconstruction | $\hat{x}$ | `x_hat` | $x'$, $\hat{x}$ | $\hat{\mathbf{x}}$ | $X'$ | $\hat{X}$ | $\hat{x}$ |
# | activations of hidden units | $h$ | `h` | $h$, $a_j^{(l)}$ | – | – | – | – |
# | weight of a penalty | $\lambda$ | `weight` | $\lambda$ | – | – | – | $\lambda$ |
# | target and mean of an activation | $\rho$; $\hat{\rho}$ | `rho`; `rho_hat` | $\rho$; $\hat{\rho}$ | – | – | – | – |
# | damaged image | $\tilde{x}$ | `x_tilde` | $\tilde{x}$ | – | – | – | – |
# | encoder as a distribution | $q_\phi(z \mid x)$ | `encode` | $q_\phi(z \mid x)$ | $q(\mathbf{z} \mid \mathbf{x})$ | $Q(Z \mid X)$ | $q_\phi(z \mid x)$ | $q_\phi(z \mid x)$ |
# | decoder as a distribution | $p_\theta(x \mid z)$ | `decode` | $p_\theta(x \mid z)$ | $p(\mathbf{x} \mid \mathbf{z})$ | $P(X \mid Z)$ | $p(X \mid z_i)$ | $p_\theta(x \mid z)$ |
# | prior | $p(z)$ | | $p(z)$ | $p(\mathbf{z})$ | $P(Z)$ | $p(z)$ | $p(z)$ |
# | true posterior | $p_\theta(z \mid x)$ | | $p_\theta(z \mid x)$ | $p(\mathbf{z} \mid \mathbf{x})$ | $P(Z \mid X)$ | $p_\theta(z \mid x)$ | $p_\theta(z \mid x)$ |
# | mean and standard deviation of $q_\phi$ | $\mu$, $\sigma$ | `mu`, `sigma` | $\mu_\phi$, $\sigma_\phi$ | $\boldsymbol{\mu}$, $\boldsymbol{\sigma}$ | $\mu$, $\sigma$ | $\mu_\phi$, $\sigma_\phi$ | $\mu_\phi$, $\sigma_\phi$ |
# | logarithm of the variance | $\log \sigma^2$ | `logvar` | – | $\log \boldsymbol{\sigma}^2$ | – | – | $\log \sigma^2$ |
# | noise of the reparameterization | $\varepsilon$ | `epsilon` | $\epsilon$ (also a bound) | $\boldsymbol{\varepsilon}$ | $\epsilon$ | $\varepsilon$, $\epsilon$ | $\epsilon$ |
# | Kullback–Leibler divergence | $\mathrm{KL}(q \Vert p)$ | `kl_…` | $\mathrm{KL}(q \Vert p)$ | $D_{\mathrm{KL}}$ | $D_{\mathrm{KL}}$, KL | $D_{\mathrm{KL}}$ | $D_{KL}$ |
# | weight of the KL term | $\beta$ | `beta` | $\beta$ | $\beta$ | – | – | $\beta$ |
# | loss, always minimised | $\mathcal{L}$ | `loss` | $\mathcal{L}$ (also the ELBO) | $\mathcal{L}$ | Loss | $\mathcal{L}$ | $\mathcal{L}$ |
# | codebook | $K$ vectors $e_k$ of $D_e$ numbers | `codebook` | $K \times D$ | $K$ of $d$ | – | $K \times D$ | $K \times D$ |
# | encoder's output; chosen vector | $z_e$; $z_q = e_k$ | `z_e`, `z_q` | $z_e$; $e_k$, $z_q$ | $\mathbf{z}_e$; $\mathbf{z}_q$ | – | $z_e$; $z_q$ | $z_e$; $e_k$ |
#
# Two conventions go with the symbols. Logarithms are natural, so information is in **nats**;
# 1 nat is 1.4427 bits. And losses are **summed over pixels and over latent dimensions, and
# averaged over images**: every number is "per image".

# %% [markdown]
# ## Recap
#
# - Your installation works, and you have moved a slider.
# - Tags mark equations that run, check marks mark claims that were measured.
# - `load("digits")`, `load("glyphs")` and `load("patches")` work without a network.
#
# ## Next
#
# [Chapter 1](01_autoencoder.ipynb) takes the chain apart.
#
# ## References
#
# - **000**: S. S. Sripadam. *From Autoencoders to VQ-VAE.* Blog post, 2025.
# - **001**: G. K. Tummala. *Variational Autoencoders: From Compression to Creation.* Blog post, 2025.
# - **002**: *Variational AutoEncoder Concepts.* Blog post.
# - **003**: a short note on autoencoder, VAE and VQ-VAE.
# - **004**: *CS9: Variational Auto Encoders, Enhanced with Lecture Notes.* After lectures by
#   S. Ghosal, BITS Pilani, 2025.
# - Digits: E. Alpaydin, C. Kaynak. *Optical Recognition of Handwritten Digits.* UCI Machine
#   Learning Repository, 1998.
