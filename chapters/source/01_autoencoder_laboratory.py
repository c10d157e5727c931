# %% [markdown]
# # 1 · Autoencoder: laboratory
#
# For those who want to know whether it is true: where the squared error comes from, what a linear
# autoencoder finds, which codes are equally good, what an overcomplete one copies, and on what the
# holes of [chapter 1](01_autoencoder.ipynb) depend.
#
# **Time**: 20 minutes.

# %% tags=["hide-input"]
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import nearest_distance
from course_lib.likelihoods import gaussian_nll, squared_error
from course_lib.models import Autoencoder
from course_lib.notebook import claim
from course_lib.training import fit
from course_lib.widgets import LatentTraversal

seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")
flat_train, flat_test = train.images.flatten(1), test.images.flatten(1)
variance = flat_train.var(0).sum().item()  # the error of always answering the mean image

# %% tags=["nbval-ignore-output"]
settings = {"epochs": 60, "batch_size": 64, "lr": 3e-3, "seed": seed}
model = Autoencoder((1, 8, 8), latent_dim=8, seed=seed)
history = fit(model, train.images, **settings)
with torch.no_grad():
    codes, test_codes = model.encode(train.images), model.encode(test.images)
    rebuilt = model(test.images)

# %% [markdown]
# ## Eight sliders
#
# The code of chapter 1, with all its numbers. Which slider does what? Is there one that does the same to
# every digit?

# %%
LatentTraversal(model, test.images, test.labels)

# %% [markdown]
# Hardly any: what a number of the code means depends on the others. Chapter 8 asks for more.

# %% [markdown]
# ## Where the squared error comes from
#
# The squared error is the negative logarithm of a probability, too. If the decoder's output is
# the mean of a normal distribution with standard deviation $\sigma$ for every pixel, then
#
# $$ -\log \mathcal{N}(x; \hat{x}, \sigma^2 I)
#    = \frac{\lVert x - \hat{x} \rVert^2}{2 \sigma^2} + \frac{D}{2} \log 2\pi\sigma^2 \tag{AE.6} $$
#
# For a fixed $\sigma$ the second part is a constant, so both have the same minimum. The plain
# squared error of (AE.2) is the special case $\sigma^2 = \tfrac{1}{2}$, up to the constant
# $\tfrac{D}{2} \log \pi$. Keep this in mind for chapter 7.

# %%
near, far = torch.tensor([[0.5, 0.5]]), torch.tensor([[3.0, -2.0]])
target = torch.zeros(1, 2)
for x_hat in (near, far):
    difference = gaussian_nll(target, x_hat, 0.5**0.5) - squared_error(target, x_hat)
    print(f"gaussian_nll − squared_error = {difference.item():.4f}  (D/2 log π = 1.1447)")

# %% [markdown]
# ## The linear autoencoder is PCA
#
# Without hidden layers the encoder and the decoder are matrices, each with an offset, which takes
# care of the mean image. Let $\lambda_1 \ge \lambda_2 \ge \dots$ be the eigenvalues of the covariance
# matrix of the images, with $1/N$ in front. Then the smallest squared error that any such linear
# autoencoder reaches is the variance that it cannot keep:
#
# $$ \min_{\phi, \theta} \frac{1}{N} \sum_{i=1}^{N} \lVert x_i - \hat{x}_i \rVert^2
#    = \sum_{j=d+1}^{D} \lambda_j \tag{AE.7} $$
#
# and the columns of the decoder span the same $d$-dimensional space as the first $d$ principal
# components (Baldi and Hornik, 1989). Here all images make one batch, because a small noisy step
# would stop short of the exact minimum.

# %% tags=["nbval-ignore-output"]
linear = Autoencoder((1, 8, 8), latent_dim=4, hidden=(), likelihood="gaussian", seed=seed)
for lr, epochs in ((3e-2, 1000), (3e-3, 200)):
    fit(linear, train.images, epochs=epochs, batch_size=len(train), lr=lr, seed=seed)

# %% tags=["hide-input"]
with torch.no_grad():
    linear_error = squared_error(train.images, linear(train.images)).mean().item()
eigenvalues = torch.linalg.eigvalsh(torch.cov(flat_train.T, correction=0)).flip(0)
discarded = eigenvalues[4:].sum().item()
components = torch.tensor(PCA(4).fit(flat_train).components_.T).float()
decoder_basis = torch.linalg.qr(linear.decoder[0].weight.detach()).Q
cosines = torch.linalg.svdvals(decoder_basis.T @ components)  # of the principal angles
claim(
    "AE.linear-is-pca",
    "its error is so many times the variance that PCA discards",
    linear_error / discarded,
    at_least=0.999,
    at_most=1.01,
)
claim(
    "AE.linear-subspace",
    "between its subspace and that of PCA, the cosine of the largest angle",
    cosines.min(),
    at_least=0.99,
)


# %% [markdown]
# **Verdict.** Same error, same subspace. Not the same *axes*: the four numbers of the linear code
# need not be the four principal components, for the following reason.

# %% [markdown]
# ## Infinitely many codes are equally good
#
# Take any invertible matrix $A$. Multiply every code by $A$, and let the decoder undo it first:
#
# $$ f'(x) = A\, f_\phi(x), \quad g'(z) = g_\theta(A^{-1} z)
#    \quad\Longrightarrow\quad g'(f'(x)) = g_\theta(f_\phi(x)) \tag{AE.8} $$
#
# Every image is rebuilt exactly as before, so the loss cannot tell the two apart. What does change
# is everything one might read off the code: its axes, its distances, its neighbours. Stretch the
# axes of the eight-dimensional code by factors from 1 to 1000, and ask how often the five nearest
# neighbours of a test code vote for its class.


# %%
def knn_accuracy(train_codes, test_codes):
    neighbours = KNeighborsClassifier(5).fit(train_codes, train.labels)
    return neighbours.score(test_codes, test.labels)


with torch.no_grad():
    A = torch.diag(torch.logspace(0, 3, 8))
    stretched, test_stretched = codes @ A.T, test_codes @ A.T
    rebuilt_again = model.decode_mean(test_stretched @ torch.linalg.inv(A).T)

# %% tags=["hide-input"]
claim(
    "AE.same-loss",
    "no test pixel is rebuilt from the stretched code with a larger difference than this",
    (rebuilt_again - rebuilt).abs().max(),
    at_most=1e-4,
)
claim(
    "AE.other-neighbours",
    "yet stretching lowers the accuracy of nearest neighbours by this",
    knn_accuracy(codes, test_codes) - knn_accuracy(stretched, test_stretched),
    at_least=0.1,
)

# %% [markdown]
# **Verdict.** The loss fixes a code only up to an invertible map. Distances in it may mean
# something, as they do here before the stretching, but nothing in the loss asks for it.

# %% [markdown]
# ## An overcomplete autoencoder copies. Is the copy useless?
#
# With $d = 128 > 64 = D$ a linear autoencoder can pass the image through unchanged. One source
# says that such a code holds "no useful information". A copy holds all of it.

# %% tags=["nbval-ignore-output"]
wide = Autoencoder((1, 8, 8), latent_dim=128, hidden=(), likelihood="gaussian", seed=seed)
wide_history = fit(wide, train.images, epochs=60, batch_size=64, lr=1e-3, seed=seed)

# %% tags=["hide-input"]
with torch.no_grad():
    wide_accuracy = knn_accuracy(wide.encode(train.images), wide.encode(test.images))
    wide_rebuilt = wide(test.images)
raw_accuracy = knn_accuracy(flat_train, flat_test)
claim(
    "AE.overcomplete-copies",
    "its test error is this part of the images' variance",
    squared_error(test.images, wide_rebuilt).mean() / variance,
    at_most=0.01,
)
claim(
    "AE.copy-keeps-information",
    "the accuracy of neighbours in the copy differs from that in pixels by this",
    abs(wide_accuracy - raw_accuracy),
    at_most=0.03,
)

# %% [markdown]
# **Verdict.** True: it copies. False: that the copy has lost something. The honest complaint is
# that it has *gained* nothing. Chapters 2 to 4 make a copy impossible or expensive.

# %% [markdown]
# ## Does a narrow one copy?
#
# With 16 numbers for 64 pixels it cannot pass its input through, although the main source gives that
# risk as the reason for the next chapter. How much is lost?

# %% tags=["nbval-ignore-output"]
narrow = Autoencoder((1, 8, 8), latent_dim=16, likelihood="gaussian", seed=seed)
_ = fit(narrow, train.images, **settings)

# %% tags=["hide-input"]
with torch.no_grad():
    lost = squared_error(test.images, narrow(test.images)).mean().item()
claim(
    "AE.narrow-is-no-copy",
    "with 16 numbers for 64 pixels this part of the images' variance is lost",
    lost / variance,
    at_least=0.05,
)

# %% [markdown]
# ## On what the holes depend
#
# Chapter 1 drew codes from $\mathcal{N}(0, I)$. Do they land where images have their codes?

# %% tags=["hide-input"]
generator = torch.Generator().manual_seed(seed)
random_codes = torch.randn(1000, 8, generator=generator)
with torch.no_grad():
    samples = model.decode_mean(random_codes)
claim(
    "AE.holes-codes",
    "random codes lie so many times as far from the training codes as test codes",
    nearest_distance(random_codes, codes) / nearest_distance(test_codes, codes),
    at_least=1.8,
)

# %% [markdown]
# The decoder was never trained there. The space itself is in order; it is the *distribution of the
# codes* that $\mathcal{N}(0, I)$ does not match. How bad it is depends on the dimension and on the scale
# of the codes. With two dimensions, the random codes fall among the others:

# %% tags=["nbval-ignore-output"]
flat_model = Autoencoder((1, 8, 8), latent_dim=2, seed=seed)
fit(flat_model, train.images, **settings)
with torch.no_grad():
    flat_samples = flat_model.decode_mean(torch.randn(1000, 2, generator=generator))

# %% tags=["hide-input"]
claim(
    "AE.holes-dimension",
    "with d = 2 samples lie so much nearer to the training images than with 8: a ratio of",
    nearest_distance(flat_samples, train.images) / nearest_distance(samples, train.images),
    at_most=0.9,
)

# %% [markdown]
# "Usually junk", as one source puts it of random codes, is too general: it depends on the dimension.
# Chapter 7 measures the other way out, which the sources miss: leave the training alone and fit a
# distribution with more shape than one normal to the codes.

# %% [markdown]
# ## Exercises
#
# Predict first, write the prediction down, then run or open the answer.
#
# **1.** In the losses of one pixel, set $x = 0.5$. Which loss is larger at $\hat{x} = 0.9$, the
# cross-entropy or the squared error? What is the smallest value of each?
#
# <details><summary>Answer</summary>
#
# At $\hat{x} = 0.9$ the cross-entropy is $-\tfrac12 \log 0.9 - \tfrac12 \log 0.1 = 1.20$ nats and
# the squared error $0.16$. The smallest values are $\log 2 = 0.69$ nats and $0$.
#
# </details>
#
# **2.** All pixels of the training images are multiplied by ½. What happens to the floor of the
# cross-entropy? Does it rise or fall?
#
# <details><summary>Answer</summary>
#
# It rises, from 13.7 to 17.7 nats per image. A pixel of 1 has entropy 0; a pixel of ½ has the
# largest entropy there is, 0.69 nats. Run `bernoulli_nll(x, torch.logit(x, eps=1e-6))` on both.
#
# </details>
#
# **3.** A linear autoencoder with $d = 64 = D$ is trained on the digits. What is its error? Is its
# code the image?
#
# <details><summary>Answer</summary>
#
# The error can go to zero, since $g(z) = A^{-1} z$ undoes $f(x) = Ax$. The code is the image only
# for $A = I$; by (AE.8) every other invertible $A$ is as good.
#
# </details>
#
# **4.** Multiply all codes by 0.1 and let the decoder undo it. By (AE.8) the loss stays as it is.
# Which of the claims about the holes still hold? Try it: compare `codes` with
# `10 * random_codes`, and decode `10 * random_codes` for the samples.
#
# <details><summary>Answer</summary>
#
# The claims about distances hold, more clearly than before: in units of the old code the random
# codes are now ten times as far out. But the first claim fails. The decoder draws hard black and
# white shapes out there, and the classifier is sure of 72 % of them (with seed 0) although they are
# no digits. With a factor of 10 instead of 0.1 all samples look like one grey blend, and it is sure
# of 1 %. So the outcome depends on the accidental scale of the code, and one number is not enough
# to measure it.
#
# </details>
#
# **5.** Train `Autoencoder((1, 28, 28), d, hidden=(256,), likelihood="gaussian")` on
# `load("glyphs")`, which is drawn from six factors, for ten epochs with several widths $d$. Does
# the error per pixel stop falling at $d = 6$?
#
# <details><summary>Answer</summary>
#
# No. With a learning rate of 0.002 we measured 0.042 for $d = 2$, 0.022 for 6, 0.019 for 8, 0.014
# for 16 and 0.011 for 24. Six numbers are enough in principle, but nothing makes the network find
# the six factors; a few more numbers let it do with a less curved map.
#
# </details>

# %% [markdown]
# ## What the sources get wrong here
#
# Each place has an id, such as 004-12. The [appendix](99_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=1)

# %% [markdown]
# ## References
#
# - P. Baldi, K. Hornik. *Neural Networks and Principal Component Analysis: Learning from Examples
#   Without Local Minima.* Neural Networks 2, 1989.
