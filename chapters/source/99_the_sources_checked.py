# %% [markdown]
# # Appendix · The sources, checked
#
# The course follows five texts. They are good enough to learn from, and they contain mistakes.
# This appendix lists those that concern the course, by topic, and what shows each of them.

# %% tags=["hide-input"]
from collections import Counter

from IPython.display import Markdown, display
from matplotlib import pyplot as plt

from course_lib.errata import errata, outside, show_errata
from course_lib.notebook import show
from course_lib.plots import COLOURS

# %% [markdown]
# ## The five documents
#
# | source | file | what it is |
# |:--|:--|:--|
# | 000 | `000_11e22a02478b5fd8.txt` | S. S. Sripadam, *From Autoencoders to VQ-VAE*, a blog post of 2025; the course follows its sections |
# | 001 | `001_e205bf5f6512b9ab.txt` | G. K. Tummala, *Variational Autoencoders: From Compression to Creation*, a blog post of 2025 |
# | 002 | `002_88639d60817c48c7.txt` | *Variational AutoEncoder Concepts*, a blog post |
# | 003 | `003_67caf41ba24b10a5.txt` | a short note on autoencoder, VAE and VQ-VAE |
# | 004 | `004_86c46c9231200f78.txt` | *CS9: Variational Auto Encoders, Enhanced with Lecture Notes*, after lectures by S. Ghosal, BITS Pilani, 2025 |
#
# Each was read line by line. A formula was compared with a derivation and a number; a claim about
# training was tried. What did not stand the test, or was in doubt, has an **id**: 004-12 is the
# twelfth in source 004, and an X stands for what concerns several. What was found later, while the
# chapters were written, has an n in its id. Sentences of the sources are given in our words.
#
# The **verdict** is one of six.
#
# - *wrong*: false as it stands, be it a formula, a name or a number;
# - *over-claimed*: true at times and said of all cases;
# - *imprecise*: true with a condition, or a reason, that is missing;
# - *omitted*: right as far as it goes, and something that a reader needs is not said;
# - *notation*: a symbol, a name, a reference or a slip of the pen;
# - *right*: we doubted it, and it held.
#
# **Shown by** names what runs: a claim or an equation in a chapter, a test, or an exercise, which
# `ExerciseCard("…")` displays. Where nothing runs, the reason stands in its place, and the
# section *Where nothing runs* collects these.
#
# How are the verdicts distributed? Look for the source with the largest share of *wrong*.

# %% tags=["hide-input"]
VERDICTS = ("imprecise", "over-claimed", "wrong", "notation", "omitted", "right")
SOURCES = {"000": "000", "001": "001", "002": "002", "003": "003", "004": "004", "X": "several"}
count = Counter((key.split("-")[0], e.verdict) for e in errata() for key in e.where)
figure, axis = plt.subplots(figsize=(7, 2.6))
left = dict.fromkeys(SOURCES, 0)
for verdict, colour in zip(VERDICTS, COLOURS, strict=False):
    widths = {source: count[source, verdict] for source in SOURCES}
    bars = axis.barh(list(SOURCES.values()), widths.values(), left=list(left.values()),
                     color=colour, label=verdict)  # fmt: skip
    axis.bar_label(bars, [width or "" for width in widths.values()], label_type="center", fontsize=8,
                   color="white" if verdict in ("wrong", "omitted", "right") else "black")  # fmt: skip
    left = {source: left[source] + width for source, width in widths.items()}
axis.set(xlabel="places", ylabel="source")
axis.invert_yaxis()
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
show(figure, alt="Bars count places by source and verdict: most in 004; imprecise is commonest.")
print(f"{sum(count.values())} places, {len(errata())} different things that they say")

# %% [markdown]
# Of the five, the shortest text, 003, has the largest share. Less than a third of all places is
# wrong. *Imprecise* and *over-claimed* make up almost half: most are sentences that hold under a
# condition which they do not name.
#
# ## Autoencoder

# %%
show_errata(topic="autoencoder")

# %% [markdown]
# ## Denoising autoencoder

# %%
show_errata(topic="denoising")

# %% [markdown]
# ## Sparse autoencoder

# %%
show_errata(topic="sparse")

# %% [markdown]
# ## Contractive autoencoder

# %%
show_errata(topic="contractive")

# %% [markdown]
# ## Kullback–Leibler divergence

# %%
show_errata(topic="KL divergence")

# %% [markdown]
# ## Evidence lower bound

# %%
show_errata(topic="ELBO")

# %% [markdown]
# ## Likelihoods

# %%
show_errata(topic="likelihoods")

# %% [markdown]
# ## Variational autoencoder

# %%
show_errata(topic="VAE")

# %% [markdown]
# ## Latent space

# %%
show_errata(topic="latent space")

# %% [markdown]
# ## β-VAE

# %%
show_errata(topic="β-VAE")

# %% [markdown]
# ## VQ-VAE

# %%
show_errata(topic="VQ-VAE")

# %% [markdown]
# ## Notation and references

# %%
show_errata(topic="notation and references")

# %% [markdown]
# ## Where nothing runs
#
# Some entries are matters of definition, names or other people's experiments. No check runs for
# them, and here is why.

# %% tags=["hide-input"]
untested = [entry for entry in errata() if not entry.shown_by]
places = [f"{', '.join(e.where)} ({e.says}): *{e.reason}*" for e in untested]
display(Markdown("\n".join(f"- {place}" for place in places)))
print(f"{len(errata()) - len(untested)} of {len(errata())} entries have a check that runs")

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

# %% [markdown]
# ## What was left out
#
# Mistakes about what the course does not treat:

# %% tags=["hide-input"]
display(Markdown("\n".join(f"- {what}: {', '.join(ids)}" for what, ids in outside().items())))
