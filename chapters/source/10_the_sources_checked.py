# %% [markdown]
# # 10 · The sources, checked
#
# The course follows five texts. They are good enough to learn from, and they contain mistakes.
# This appendix lists those that concern the course, by topic, and what shows each of them.

# %%
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
# | 000 | `000_11e22a02478b5fd8.txt` | *From Autoencoders to VQ-VAE*, a blog post; the course follows its sections |
# | 001 | `001_e205bf5f6512b9ab.txt` | *Variational Autoencoders: From Compression to Creation*, a blog post |
# | 002 | `002_88639d60817c48c7.txt` | *Variational AutoEncoder Concepts*, a blog post |
# | 003 | `003_67caf41ba24b10a5.txt` | a short note on autoencoder, VAE and VQ-VAE |
# | 004 | `004_86c46c9231200f78.txt` | *CS9: Variational Auto Encoders, Enhanced with Lecture Notes* |
#
# Each was read line by line. A formula was compared with a derivation and a number; a claim about
# training was tried. What did not stand the test, or was in doubt, has an **id**: 004-12 is the
# twelfth in source 004, and an X stands for what concerns several. What was found later, while the
# chapters were written, has an n in its id. Sentences of the sources are given in our words.
#
# The **verdict** is one of five.
#
# - *wrong*: false as it stands, be it a formula, a name or a number;
# - *over-claimed*: true at times and said of all cases;
# - *imprecise*: true with a condition, or a reason, that is missing;
# - *notation*: a symbol, a name, a reference or a slip of the pen;
# - *right*: we doubted it, and it held.
#
# **Shown by** names what runs: a claim or an equation in a chapter, a test, or an exercise, which
# `ExerciseCard("…")` displays. Where nothing runs, the reason stands in its place, and the
# section *Where nothing runs* collects these.
#
# How are the verdicts distributed? Look for the source with the largest share of *wrong*.

# %%
VERDICTS = ("imprecise", "over-claimed", "wrong", "notation", "right")
SOURCES = {"000": "000", "001": "001", "002": "002", "003": "003", "004": "004", "X": "several"}
count = Counter((key.split("-")[0], e.verdict) for e in errata() for key in e.where)
figure, axis = plt.subplots(figsize=(7, 2.6))
left = dict.fromkeys(SOURCES, 0)
for verdict, colour in zip(VERDICTS, COLOURS, strict=False):
    widths = {source: count[source, verdict] for source in SOURCES}
    bars = axis.barh(list(SOURCES.values()), widths.values(), left=list(left.values()),
                     color=colour, label=verdict)  # fmt: skip
    axis.bar_label(bars, [width or "" for width in widths.values()], label_type="center",
                   color="white" if verdict in ("wrong", "right") else "black")  # fmt: skip
    left = {source: left[source] + width for source, width in widths.items()}
axis.set(xlabel="places", ylabel="source")
axis.invert_yaxis()
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
show(figure, alt="Bars count places by source and verdict: most in 004; imprecise is commonest.")
print(f"{sum(count.values())} places, {len(errata())} different things that they say")

# %% [markdown]
# Of the five, the shortest text, 003, has the largest share. Less than a third of all places is
# wrong. *Imprecise* and *over-claimed* make up more than half: most are sentences that hold under a
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

# %%
untested = [entry for entry in errata() if not entry.shown_by]
places = [f"{', '.join(e.where)} ({e.says}): *{e.reason}*" for e in untested]
display(Markdown("\n".join(f"- {place}" for place in places)))
print(f"{len(errata()) - len(untested)} of {len(errata())} entries have a check that runs")

# %% [markdown]
# ## What was left out
#
# Mistakes about what the course does not treat:

# %%
display(Markdown("\n".join(f"- {what}: {', '.join(ids)}" for what, ids in outside().items())))
