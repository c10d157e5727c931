# %% [markdown]
# # 1 · Autoencoder
#
# An autoencoder squeezes an image through a few numbers and rebuilds it from them. The next three
# cells train one on handwritten digits, in about a second, and draw it. The rest of the chapter
# explains every part.

# %%
import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.errata import show_errata
from course_lib.evaluation import confident_share, nearest_distance
from course_lib.information import cross_entropy, entropy
from course_lib.likelihoods import bernoulli_nll, gaussian_nll, squared_error
from course_lib.models import Autoencoder
from course_lib.notebook import claim, show, show_source
from course_lib.objectives import Loss
from course_lib.plots import COLOURS, image_rows, model_diagram, training_curves
from course_lib.training import fit
from course_lib.widgets import LatentTraversal, LossCurves, SweepRows

seed = 0  # change it and run again: every claim below must still hold
train, test = load("digits"), load("digits", "test")

# %% tags=["nbval-ignore-output"]
model = Autoencoder((1, 8, 8), latent_dim=8, seed=seed)
history = fit(model, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)

# %%
x = test.images[3]
with torch.no_grad():
    z, x_hat = model.encode(x[None])[0], model(x[None])[0]
diagram = model_diagram(
    [
        ("image $x$\n64 numbers", x),
        ("$z = f_\\phi(x)$", "encoder"),
        ("code $z$\n8 numbers", z),
        ("$\\hat{x} = g_\\theta(z)$", "decoder"),
        ("reconstruction $\\hat{x}$", x_hat),
    ]
)
show(
    diagram, alt="An autoencoder: an image, the encoder, its code, the decoder, the reconstruction."
)

# %% [markdown]
# ## You will
#
# - write down the two losses that train an autoencoder, and see what goes wrong when half of one
#   is missing;
# - walk through a latent space with sliders;
# - check that a linear autoencoder is principal component analysis;
# - see that infinitely many codes have the same loss, and what that means for reading them;
# - measure the holes: what random codes decode to.
#
# **Before you start**: chapter 0, Python, and what a neural network and a gradient are.
# **Time**: 60 minutes. Everything on this page runs in less than half a minute.

# %% [markdown]
# ## The idea
#
# A picture of 8 × 8 pixels is a list of 64 numbers, but handwritten digits are not just any list
# of 64 numbers. Ink follows strokes. If a few numbers are enough to say which stroke goes where,
# then a network that must pass every image through a narrow layer can still rebuild it.
#
# Two networks share the work. The **encoder** $f_\phi$ maps an image $x$ with $D$ pixels to a
# **code** $z$ with $d$ numbers. The **decoder** $g_\theta$ maps the code back to an image
# $\hat{x}$, the **reconstruction**. Nobody labels anything: the image is its own target.
#
# With $d < D$ the autoencoder is called **undercomplete**: it cannot pass everything through and
# has to choose. With $d > D$ it is **overcomplete**.

# %% [markdown]
# ## The mathematics
#
# $$ z = f_\phi(x), \qquad \hat{x} = g_\theta(z) \tag{AE.1} $$
#
# Here $x$ and $\hat{x}$ have $D$ numbers and $z$ has $d$. The parameters $\phi$ and $\theta$ are
# trained together so that $\hat{x}$ comes close to $x$. "Close" can be measured in two ways.
#
# ### Squared error
#
# $$ \mathcal{L}(\phi, \theta) = \frac{1}{B} \sum_{i=1}^{B} \lVert x_i - \hat{x}_i \rVert^2
#    = \frac{1}{B} \sum_{i=1}^{B} \sum_{j=1}^{D} (x_{ij} - \hat{x}_{ij})^2 \tag{AE.2} $$
#
# $B$ is the number of images in the batch. Note where the two sums stand: the error is *summed*
# over pixels and *averaged* over images. In this chapter a mean over pixels would only rescale
# the loss. From chapter 7 on a second term stands beside it, and then a mean over pixels silently
# divides the first term by $D$.
#
# ### Cross-entropy
#
# When pixels lie between 0 and 1, the decoder can return one number $a_j$ per pixel, the *logit*,
# with $\hat{x}_j = \operatorname{sigmoid}(a_j)$. Read $\hat{x}_j$ as the probability that pixel
# $j$ is white. Then the loss of one image is
#
# $$ -\log p(x \mid \hat{x}) = -\sum_{j=1}^{D} \bigl[ x_j \log \hat{x}_j
#    + (1 - x_j) \log (1 - \hat{x}_j) \bigr]
#    = \sum_{j=1}^{D} \bigl[ \log(1 + e^{a_j}) - x_j a_j \bigr] \tag{AE.3} $$
#
# The last form is the one to compute: it never takes the logarithm of a rounded 0.
# It is in **nats**, the unit of information that belongs to the natural logarithm.

# %% [markdown]
# Even a perfect reconstruction does not bring (AE.3) to zero. Take one grey pixel, $x = 0.5$,
# rebuilt exactly, $\hat{x} = 0.5$, which means a logit of 0:

# %%
grey, logit = torch.tensor([[0.5]]), torch.tensor([[0.0]])
print(f"loss of a perfectly rebuilt grey pixel: {bernoulli_nll(grey, logit).item():.4f} nats")

# %% [markdown]
# The reason is that (AE.3) is the cross-entropy between two coins, one that shows white with
# probability $x_j$ and one with $\hat{x}_j$. Its floor is the entropy of the first:
#
# $$ -\sum_j \bigl[ x_j \log \hat{x}_j + (1 - x_j) \log (1 - \hat{x}_j) \bigr]
#    \;\ge\; \sum_j H(x_j) \tag{AE.4} $$
#
# where $H(x) = -x \log x - (1 - x) \log (1 - x)$. Equality holds only for $\hat{x} = x$. So the
# smallest loss is still the best reconstruction, but its value says how grey the images are as
# much as how well they are rebuilt.

# %%
x, x_hat = 0.3, 0.6
coin, other = torch.tensor([x, 1 - x]), torch.tensor([x_hat, 1 - x_hat])
print(f"cross-entropy {cross_entropy(coin, other):.4f} ≥ entropy {entropy(coin):.4f} nats")

# %% [markdown]
# ### Where the squared error comes from
#
# The squared error is the negative logarithm of a probability, too. If the decoder's output is
# the mean of a normal distribution with standard deviation $\sigma$ for every pixel, then
#
# $$ -\log \mathcal{N}(x; \hat{x}, \sigma^2 I)
#    = \frac{\lVert x - \hat{x} \rVert^2}{2 \sigma^2} + \frac{D}{2} \log 2\pi\sigma^2 \tag{AE.5} $$
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
# ## The code
#
# This is the whole model. `mlp` makes fully connected layers with ReLU between them; `loss`
# returns named terms, of which this first model has only one.

# %%
show_source(Autoencoder)

# %% [markdown]
# ## Training
#
# `fit` takes a batch of images, computes the loss, asks PyTorch for its gradient and lets the
# optimiser Adam take a step; sixty times through the data. You ran it at the top of the page.
# Look at how the loss falls, and at the level at which it stays.

# %% tags=["nbval-ignore-output"]
figure = training_curves(history)
floor = bernoulli_nll(train.images, torch.logit(train.images, eps=1e-6)).mean().item()
figure.axes[0].axhline(floor, color="0.4", linestyle="--", linewidth=1)
figure.axes[0].text(60, floor, "floor: entropy of the pixels", ha="right", va="bottom")
show(
    figure, alt="The training loss falls steeply for ten epochs and then slowly towards the floor."
)

# %% [markdown]
# The curve flattens above the dashed line, the floor of (AE.4). What lies between the two is what
# the eight numbers do not carry. Now look at the reconstructions of images that the network has
# never seen, and find a digit that it gets wrong.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    rebuilt = model(test.images)
show(
    image_rows({"test image": test.images, "rebuilt": rebuilt}, columns=12),
    alt="Twelve test digits above their reconstructions, which are alike but smoother.",
)

# %% [markdown]
# The strokes are there, a little smoother than in the original.

# %% [markdown]
# ## Explore
#
# ### The latent space
#
# Two numbers instead of eight make poorer reconstructions but a latent space that fits on a map.
# Every dot on the map is the code of one test image, coloured by its class; nobody told the
# network the classes.
#
# - Choose an image and move $z_1$ with the arrow keys. When does the digit turn into another one?
# - Find a region of the map without dots. What does the decoder draw there?
# - Press *random z* several times. How often do you get a digit?

# %% tags=["nbval-ignore-output"]
flat_model = Autoencoder((1, 8, 8), latent_dim=2, seed=seed)
flat_history = fit(flat_model, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)

# %%
LatentTraversal(flat_model, test.images, test.labels)

# %% [markdown]
# Digits of one class form clouds, some compact and some torn, with much overlap in the middle and
# long arms outside. The decoder draws something at every point of the plane: where classes meet,
# often a grey blend; far from all dots, a hard shape in black and white. Neither need be a digit.
# With eight dimensions there are eight sliders and no map:

# %%
LatentTraversal(model, test.images, test.labels)

# %% [markdown]
# ### The loss of one pixel
#
# The main source prints the cross-entropy as $-\sum_j x_j \log \hat{x}_j$, with the first half of
# (AE.3) only:
#
# $$ \mathcal{L}_{\text{half}} = -\sum_{j=1}^{D} x_j \log \hat{x}_j
#    \;\ge\; 0, \quad \text{with equality for } \hat{x} = (1, \dots, 1)
#    \text{ whatever } x \tag{AE.6} $$
#
# Below are the losses of one pixel $x$ as functions of its reconstruction $\hat{x}$. A ring marks
# the minimum of each curve. Move $x$ from 0 to 1 and watch the rings.

# %%
LossCurves(
    {
        "cross-entropy, both halves": lambda x, x_hat: bernoulli_nll(x, torch.logit(x_hat)),
        "first half only": lambda x, x_hat: (x * -x_hat.log()).sum(1),
        "squared error": squared_error,
    }
)

# %% [markdown]
# Two rings follow $x$: the cross-entropy and the squared error are smallest at $\hat{x} = x$. The
# ring of the first half stays at 1: that loss rewards white and never punishes it. Only at $x = 0$
# is it 0 everywhere, and any $\hat{x}$ a minimum.

# %% [markdown]
# ## Measure
#
# ### What happens when half of the loss is missing?
#
# Train the same network on (AE.6). It should learn to paint every pixel white that is ever used.


# %% tags=["nbval-ignore-output"]
class HalfCrossEntropy(Autoencoder):
    def loss(self, x, generator=None):
        first_half = -x * F.logsigmoid(self.decode(self.encode(x)))
        return Loss({"first half": first_half.flatten(1).sum(1).mean()})


half = HalfCrossEntropy((1, 8, 8), latent_dim=8, seed=seed)
half_history = fit(half, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    white = half(test.images)
show(
    image_rows({"test image": test.images, "both halves": rebuilt, "first half": white}),
    alt="Ten digits; rebuilt by the full loss they are digits, by half of it nearly all white.",
)

# %%
used = (train.images > 0).float().mean(0) > 0.1  # pixels with ink in more than a tenth of images
black = (test.images == 0) & used
claim(
    "AE.half-loss",
    "trained on the source's half, black pixels in used places come out above 0.95",
    white[black].mean().item() > 0.95,
)
claim(
    "AE.both-halves",
    "trained on both halves, the same black pixels come out below 0.1",
    rebuilt[black].mean().item() < 0.1,
)

# %% [markdown]
# **Verdict.** The formula in the source is wrong: it is the cross-entropy of a single choice among
# $D$ classes, and pixels are $D$ separate choices. The only pixels it leaves alone are those that
# are black in every image, on which it has no opinion at all.

# %% [markdown]
# ### How much does a wider bottleneck help, and does being nonlinear help?
#
# Principal component analysis (PCA) is the best that a *linear* encoder and decoder can do on the
# images they are fitted to. Train autoencoders of several widths on the squared error and compare
# both on the test images.

# %% tags=["nbval-ignore-output"]
dims = [1, 2, 4, 8, 16]
rebuilt_by = {}
for d in dims:
    narrow = Autoencoder((1, 8, 8), latent_dim=d, likelihood="gaussian", seed=seed)
    fit(narrow, train.images, epochs=60, batch_size=64, lr=3e-3, seed=seed)
    with torch.no_grad():
        rebuilt_by[d] = {"test image": test.images, "autoencoder": narrow(test.images)}

# %%
flat_train, flat_test = train.images.flatten(1), test.images.flatten(1)
for d in dims:
    pca = PCA(d).fit(flat_train)
    by_pca = torch.tensor(pca.inverse_transform(pca.transform(flat_test)))
    rebuilt_by[d]["PCA"] = by_pca.float().view_as(test.images)


def errors(name):
    return [squared_error(test.images, rebuilt_by[d][name]).mean().item() for d in dims]


# %% tags=["nbval-ignore-output"]
figure, axis = plt.subplots(figsize=(5, 2.8))
axis.plot(dims, errors("PCA"), "s--", color=COLOURS[2], label="PCA")
axis.plot(dims, errors("autoencoder"), "o-", color=COLOURS[0], label="autoencoder")
axis.set_xscale("log", base=2)
axis.set_xticks(dims, dims)
axis.set(xlabel="latent dimension d", ylabel="squared error per image", ylim=0)
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
show(figure, alt="Test error falls with the latent dimension; the autoencoder lies below PCA.")

# %% [markdown]
# Move the slider and look at one digit: at which $d$ can you first tell what it is, in the middle
# row and in the lowest?

# %%
SweepRows("d", rebuilt_by)

# %%
variance = flat_train.var(0).sum().item()  # the error of always answering the mean image
ours, pcas = errors("autoencoder"), errors("PCA")
claim(
    "AE.bottleneck",
    "each doubling of the latent dimension from 1 to 16 lowers the test error",
    ours == sorted(ours, reverse=True),
)
claim(
    "AE.beats-pca",
    "with 2, 4 and 8 dimensions the test error is at least 20 % below that of PCA",
    all(ours[i] < 0.8 * pcas[i] for i in (1, 2, 3)),
)
claim(
    "AE.narrow-is-no-copy",
    "with 16 numbers for 64 pixels, over 5 % of the images' variance is lost",
    ours[-1] > 0.05 * variance,
)

# %% [markdown]
# **Verdict.** Every doubling of the code helps, and curved encoders and decoders get more out of
# each number than flat ones. None of these autoencoders copies: a narrow one cannot simply pass its
# input through, although the main source gives that risk as the reason for the next chapter.

# %% [markdown]
# ### The linear autoencoder is PCA
#
# Without hidden layers the encoder and the decoder are matrices. Let $\lambda_1 \ge \lambda_2 \ge
# \dots$ be the eigenvalues of the covariance matrix of the images, with $1/N$ in front. Then the
# smallest squared error that any linear autoencoder reaches is the variance that it cannot keep:
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

# %%
with torch.no_grad():
    linear_error = squared_error(train.images, linear(train.images)).mean().item()
eigenvalues = torch.linalg.eigvalsh(torch.cov(flat_train.T, correction=0)).flip(0)
discarded = eigenvalues[4:].sum().item()
components = torch.tensor(PCA(4).fit(flat_train).components_.T).float()
decoder_basis = torch.linalg.qr(linear.decoder[0].weight.detach()).Q
cosines = torch.linalg.svdvals(decoder_basis.T @ components)  # of the principal angles
claim(
    "AE.linear-is-pca",
    "its error is within 1 % of the discarded variance, and its subspace is PCA's",
    linear_error < 1.01 * discarded and cosines.min().item() > 0.99,
)

# %% [markdown]
# **Verdict.** Same error, same subspace. Not the same *axes*: the four numbers of the linear code
# need not be the four principal components, for the following reason.

# %% [markdown]
# ### Infinitely many codes are equally good
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
    codes, test_codes = model.encode(train.images), model.encode(test.images)
    A = torch.diag(torch.logspace(0, 3, 8))
    stretched, test_stretched = codes @ A.T, test_codes @ A.T
    rebuilt_again = model.decode_mean(test_stretched @ torch.linalg.inv(A).T)

# %%
claim(
    "AE.same-loss",
    "the stretched code rebuilds every test pixel as before, to within 0.0001",
    (rebuilt_again - rebuilt).abs().max().item() < 1e-4,
)
claim(
    "AE.other-neighbours",
    "yet stretching lowers the accuracy of nearest neighbours by over 0.1",
    knn_accuracy(stretched, test_stretched) < knn_accuracy(codes, test_codes) - 0.1,
)

# %% [markdown]
# **Verdict.** The loss fixes a code only up to an invertible map. Distances in it may mean
# something, as they do here before the stretching, but nothing in the loss asks for it.

# %% [markdown]
# ### An overcomplete autoencoder copies. Is the copy useless?
#
# With $d = 128 > 64 = D$ a linear autoencoder can pass the image through unchanged. One source
# says that such a code holds "no useful information". A copy holds all of it.

# %% tags=["nbval-ignore-output"]
wide = Autoencoder((1, 8, 8), latent_dim=128, hidden=(), likelihood="gaussian", seed=seed)
wide_history = fit(wide, train.images, epochs=60, batch_size=64, lr=1e-3, seed=seed)

# %%
with torch.no_grad():
    wide_accuracy = knn_accuracy(wide.encode(train.images), wide.encode(test.images))
    wide_rebuilt = wide(test.images)
raw_accuracy = knn_accuracy(flat_train, flat_test)
claim(
    "AE.overcomplete-copies",
    "its test error is below 1 % of the images' variance",
    squared_error(test.images, wide_rebuilt).mean().item() < 0.01 * variance,
)
claim(
    "AE.copy-keeps-information",
    "neighbours in the copy are as accurate as in pixels, within 0.03",
    abs(wide_accuracy - raw_accuracy) < 0.03,
)

# %% [markdown]
# **Verdict.** True: it copies. False: that the copy has lost something. The honest complaint is
# that it has *gained* nothing. Chapters 2 to 4 make a copy impossible or expensive.

# %% [markdown]
# ### A first look at the holes
#
# The decoder draws a picture for every $z$. Could we invent digits by drawing $z$ at random, say
# from $\mathcal{N}(0, I)$? Look at the lower row and count the digits.

# %% tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(seed)
random_codes = torch.randn(1000, 8, generator=generator)
with torch.no_grad():
    samples = model.decode_mean(random_codes)
show(
    image_rows({"test image": test.images, "random z, decoded": samples}, columns=12),
    alt="Twelve test digits above twelve decoded random codes, most of which are no digits.",
)

# %% [markdown]
# Counting by eye is not a measurement. Two numbers are: how often a classifier of real digits is
# sure, which means that it gives one class more than 0.9, and how far a picture lies from the
# nearest training image.

# %%
classifier = LogisticRegression(C=100, max_iter=5000).fit(flat_train, train.labels)

# %%
claim(
    "AE.holes-confidence",
    "it is sure of over 90 % of test digits and of under 60 % of samples",
    confident_share(classifier, test.images) > 0.9 and confident_share(classifier, samples) < 0.6,
)
claim(
    "AE.holes-distance",
    "samples lie over 1.4 times as far from the training images as test digits",
    nearest_distance(samples, train.images) > 1.4 * nearest_distance(test.images, train.images),
)
claim(
    "AE.holes-codes",
    "random codes lie over 1.8 times as far from the training codes as test codes",
    nearest_distance(random_codes, codes) > 1.8 * nearest_distance(test_codes, codes),
)

# %% [markdown]
# The third claim says why: the random codes land where no image has its code. The decoder was
# never trained there. The space itself is in order; it is the *distribution of the codes* that
# $\mathcal{N}(0, I)$ does not match. How bad it is depends on the dimension and on the scale of
# the codes. With two dimensions, the random codes fall among the others:

# %%
random_2d = torch.randn(1000, 2, generator=generator)
with torch.no_grad():
    flat_samples = flat_model.decode_mean(random_2d)
claim(
    "AE.holes-dimension",
    "with d = 2 the samples lie nearer to the training images than with 8",
    nearest_distance(flat_samples, train.images) < 0.9 * nearest_distance(samples, train.images),
)

# %% [markdown]
# **Verdict.** An autoencoder with eight dimensions is not a generator, if one draws its codes from
# $\mathcal{N}(0, I)$. "Usually junk", as one source puts it, is too general: it depends on the
# dimension. Chapter 7 changes the training so that the codes match $\mathcal{N}(0, I)$. It also
# measures the other way out, which the sources miss: leave the training alone and fit a
# distribution to the codes.

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
# Which of the three claims about the holes still hold? Try it: compare `codes` with
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
# Each place has an id, such as 004-12. The [appendix](10_the_sources_checked.ipynb) explains ids and
# verdicts, and has the rows of all chapters by topic.

# %%
show_errata(chapter=1)

# %% [markdown]
# ## Recap
#
# - An autoencoder is an encoder and a decoder trained together to rebuild their input.
# - The squared error and the cross-entropy are both negative log-likelihoods; the cross-entropy
#   has two halves and a floor.
# - A linear autoencoder finds PCA's subspace; a nonlinear one needs fewer numbers.
# - The loss fixes the code only up to an invertible map, so axes and distances are accidental.
# - Nothing makes the codes follow $\mathcal{N}(0, I)$; random codes miss them.
#
# ## Next
#
# [Chapter 2](02_denoising_autoencoder.ipynb) keeps the network and changes its input: the
# **denoising autoencoder** sees a damaged image and must rebuild the clean one. Copying no longer
# helps, however wide the code is.
#
# ## References
#
# - P. Baldi, K. Hornik. *Neural Networks and Principal Component Analysis: Learning from Examples
#   Without Local Minima.* Neural Networks 2, 1989.
# - G. E. Hinton, R. R. Salakhutdinov. *Reducing the Dimensionality of Data with Neural Networks.*
#   Science 313, 2006.
# - I. Goodfellow, Y. Bengio, A. Courville. *Deep Learning*, chapter 14. MIT Press, 2016.
