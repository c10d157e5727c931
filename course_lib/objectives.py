"""What a training minimises: a loss of named terms, and objectives that weigh them.

An objective is called with a model, a batch, a generator and the number of steps that the training
has made, which is None outside of training; it returns a Loss. Without one, `fit` takes the
model's own `loss`. What follows is for models whose `draw` gives q, z, nll and kl, such as a VAE.

β: Higgins et al., β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework,
ICLR 2017. Capacity: Burgess et al., Understanding Disentangling in β-VAE, 2018. Learned
multiplier: Rezende & Viola, Taming VAEs, 2018. Free bits: Kingma et al., Improved Variational
Inference with Inverse Autoregressive Flow, NeurIPS 2016. Total correlation: Chen, Li, Grosse &
Duvenaud, Isolating Sources of Disentanglement in Variational Autoencoders, NeurIPS 2018. One model
for all β: Bae et al., Multi-Rate VAE: Train Once, Get the Full Rate–Distortion Curve, ICLR 2023.
Importance weighting: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
Score function: Williams, Simple Statistical Gradient-Following Algorithms for Connectionist
Reinforcement Learning, Machine Learning 8, 1992. Context dropout: Bowman et al.,
Generating Sentences from a Continuous Space, CoNLL 2016.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_lib.likelihoods import bernoulli_nll
from course_lib.noise import Rng, normal_like, uniform_like
from course_lib.priors import DiagonalNormal, normal_log_density

Step = int | None
SMALLEST_BETA = 1e-6  # of a multiplier that is learned: from 0 no factor would bring it back


@dataclass(frozen=True)
class Loss:
    """total = Σₖ weightₖ · termₖ, where a weight that is not named is 1.

    terms: scalars in nats per image (or squared pixel units), averaged over the batch.
    """

    terms: dict[str, Tensor]
    weights: Mapping[str, float | Tensor] = field(default_factory=dict)

    @cached_property
    def total(self) -> Tensor:
        """The weighted sum, which `training.fit` minimises."""
        weighted = (self.weights.get(name, 1.0) * term for name, term in self.terms.items())
        return reduce(add, weighted)


class Objective(Protocol):
    """What `fit` minimises in place of the model's own loss.

    An objective that needs batches of more than one image has a number `smallest_batch`. One with
    a state of its own is an nn.Module.
    """

    def __call__(self, model: Any, x: Any, generator: Rng, step: Step) -> Loss: ...


def reached(step: int | None, warm_up: int) -> float:
    """The share of a weight, or of a capacity, that grows along a line in `warm_up` steps."""
    return 1.0 if step is None or step >= warm_up else step / warm_up


@dataclass(frozen=True)
class Beta:
    """−E_q[log p_θ(x|z)] + β KL(q_φ(z|x)‖p(z))  (BVAE.3).

    beta: weight β ≥ 0 of the KL. warm_up: training steps in which the weight grows from 0 to β
    along a line. Raises ValueError when either is negative or infinite.
    """

    beta: float
    warm_up: int = 0

    def __post_init__(self) -> None:
        check_not_negative(beta=self.beta, warm_up=self.warm_up)

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """The terms of −ELBO in nats, the KL weighted."""
        return Loss(model.loss(x, generator).terms, {"kl": self.weight(step)})

    def weight(self, step: int | None) -> float:
        """The weight of the KL after so many steps of a training."""
        return self.beta * reached(step, self.warm_up)


@dataclass(frozen=True)
class CyclicalBeta:
    """−E_q[log p_θ(x|z)] + βₜ KL(q_φ(z|x)‖p(z)), βₜ growing from 0 to β again and again  (COL.8).

    beta: β ≥ 0. period: training steps of a cycle. growing: the share of each in which the weight
    grows along a line, 0 < growing ≤ 1; for the rest of the cycle it is β, as outside of training.
    Raises ValueError for a beta that is negative or infinite, a period below 1 or another share.
    Fu et al., Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing, 2019.
    """

    beta: float
    period: int
    growing: float = 0.5

    def __post_init__(self) -> None:
        check_not_negative(beta=self.beta)
        if self.period < 1:
            raise ValueError(f"period must be at least 1, got {self.period}")
        if not 0 < self.growing <= 1:
            raise ValueError(f"growing must lie in (0, 1], got {self.growing}")

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """The terms of −ELBO in nats, the KL weighted."""
        return Loss(model.loss(x, generator).terms, {"kl": self.weight(step)})

    def weight(self, step: int | None) -> float:
        """The weight of the KL after so many steps of a training."""
        if step is None:
            return self.beta
        return self.beta * min(1.0, (step % self.period) / (self.growing * self.period))


@dataclass(frozen=True)
class ContextDropout:
    """−ELBO of a VAE with a PixelCNN that misses, in training, a share of the pixels before.

    share: the probability with which a pixel is shown as 0 to the pixels behind it, 0 ≤ share ≤ 1.
    Its own probability counts in full. Outside of training all are shown.
    Raises ValueError for another share.
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """The terms of −ELBO in nats."""
        if step is None:
            return Loss(model.loss(x, generator).terms)
        q = model.encode(x)
        z = q.sample(generator)
        shown = x * (uniform_like(x, generator) >= self.share)
        nll = bernoulli_nll(x, model.likelihood.logits(shown, model.decode(z)))
        return Loss({"reconstruction": nll.mean(), "kl": model.prior.kl(q, z).sum(1).mean()})


@dataclass(frozen=True)
class Capacity:
    """−E_q[log p_θ(x|z)] + γ |KL(q_φ(z|x)‖p(z)) − C|  (BVAE.6): a KL that grows to C.

    capacity: C ≥ 0 in nats, reached along a line after `warm_up` training steps. gamma: γ ≥ 0.
    Raises ValueError when one of the three is negative or infinite.
    """

    capacity: float
    gamma: float = 100.0
    warm_up: int = 0

    def __post_init__(self) -> None:
        check_not_negative(capacity=self.capacity, gamma=self.gamma, warm_up=self.warm_up)

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """reconstruction, kl (weight 0, to look at) and its distance from C (weight γ)."""
        terms = model.loss(x, generator).terms
        target = self.capacity * reached(step, self.warm_up)
        distance = (terms["kl"] - target).abs()
        return Loss({**terms, "distance": distance}, {"kl": 0.0, "distance": self.gamma})


class Constraint(nn.Module):
    """max E_q[log p_θ(x|z)] subject to KL(q_φ(z|x)‖p(z)) ≤ C  (BVAE.8).

    Every training step multiplies β, the constraint's multiplier, by
    exp(rate · (KL − C) / C), the exponent at most `rate`: it grows while the KL is
    above the budget, and falls towards 0 where the constraint does not bind.
    capacity: the budget C > 0 in nats. rate > 0. β is a buffer: it is saved with the training.
    Raises ValueError for a capacity or rate that is not positive and finite.
    """

    beta: Tensor

    def __init__(self, capacity: float, rate: float = 0.02) -> None:
        super().__init__()
        for name, value in {"capacity": capacity, "rate": rate}.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be > 0 and finite, got {value}")
        self.capacity, self.rate = capacity, rate
        self.register_buffer("beta", torch.tensor(1.0))

    def forward(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """The β-VAE's loss with the present β, which a training step moves."""
        terms = model.loss(x, generator).terms
        beta = self.beta.clone()
        if step is not None:
            excess = (terms["kl"].detach() - self.capacity) / self.capacity
            self.beta *= (self.rate * excess.clamp(max=1.0)).exp()
            self.beta.clamp_(min=SMALLEST_BETA)
        return Loss(terms, {"kl": beta})


@dataclass(frozen=True)
class FreeBits:
    """−E_q[log p_θ(x|z)] + Σⱼ max(λ, KLⱼ), KLⱼ of dimension j averaged over the batch  (COL.6).

    Below λ a dimension costs nothing more, and no gradient of its KL pulls it to the prior.
    nats: λ ≥ 0 of each dimension. Raises ValueError when it is negative or infinite.
    """

    nats: float

    def __post_init__(self) -> None:
        check_not_negative(nats=self.nats)

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """reconstruction, kl (weight 0, to look at) and the KL with free nats."""
        draw = model.draw(x, generator)
        kl = draw.kl.mean(0)  # (d,)
        terms = {
            "reconstruction": draw.nll.mean(),
            "kl": kl.sum(),
            "kl_beyond_free": kl.clamp(min=self.nats).sum(),
        }
        return Loss(terms, {"kl": 0.0})


@dataclass(frozen=True)
class TotalCorrelation:
    """−E_q[log p_θ(x|z)] + I(x; z) + β TC(z) + Σⱼ KL(q(zⱼ)‖p(zⱼ))  (BVAE.13), for p(z) = N(0, I).

    The three parts of the KL are estimated from the batch by minibatch-stratified sampling.
    beta ≥ 0: weight of the total correlation. dataset_size: number N ≥ 2 of training images.
    Raises ValueError for another beta or dataset_size.
    """

    beta: float
    dataset_size: int
    smallest_batch = 2

    def __post_init__(self) -> None:
        check_not_negative(beta=self.beta)
        if self.dataset_size < 2:
            raise ValueError(f"dataset_size must be at least 2, got {self.dataset_size}")

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """Four terms in nats per image; with β = 1 their expectation is that of −ELBO."""
        draw = model.draw(x, generator)
        log_weights = stratified_log_weights(len(x), self.dataset_size).to(draw.z)
        q: DiagonalNormal = draw.q
        parts = kl_parts(draw.z, q.log_prob(draw.z), q.mu, q.logvar, log_weights)
        terms = {"reconstruction": draw.nll.mean(), **parts}
        return Loss(terms, {"total_correlation": self.beta})


@dataclass(frozen=True)
class EveryBeta:
    """E over log β of −E_q[log p_θ(x|z, β)] + β KL(q_φ(z|x, β)‖p(z))  (BVAE.5).

    For a ConditionalVAE whose condition is one number: log β, drawn uniformly for every image and
    scaled to [−1, 1]. low, high: the smallest and the largest β, 0 < low < high.
    Raises ValueError for another range.
    """

    low: float = 0.1
    high: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise ValueError(f"the range must be 0 < low < high, got {self.low} and {self.high}")

    def place(self, beta: Tensor) -> Tensor:
        """The condition for β > 0: −1 for the smallest, 1 for the largest."""
        return 2 * (beta / self.low).log() / math.log(self.high / self.low) - 1

    def at(self, model: Any, beta: float) -> Any:
        """The VAE for one β, with the weights of the model.

        Raises ValueError for a β outside the range.
        """
        if not self.low <= beta <= self.high:
            raise ValueError(f"beta must lie in [{self.low:g}, {self.high:g}], got {beta:g}")
        return model.at(self.place(torch.tensor([float(beta)])))

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """reconstruction, kl (weight 0, to look at) and β · kl, with a β for each image."""
        share = uniform_like(x.new_empty(len(x), 1), generator)
        beta = self.low * (self.high / self.low) ** share  # (B, 1)
        draw = model.at(self.place(beta)).draw(x, generator)
        kl = draw.kl.sum(1)  # (B,)
        terms = {
            "reconstruction": draw.nll.mean(),
            "kl": kl.mean(),
            "weighted_kl": (beta[:, 0] * kl).mean(),
        }
        return Loss(terms, {"kl": 0.0})


@dataclass(frozen=True)
class Classification:
    """The loss of a SemiSupervisedVAE with the weight α of its classifier's own term  (COND.6).

    alpha: α ≥ 0 of each labelled image. Kingma et al. weigh the mean over all labelled images with
    0.1 times the number N of all images, which of n labelled ones is α = 0.1 N / n for each.
    Raises ValueError when it is negative or infinite.
    """

    alpha: float

    def __post_init__(self) -> None:
        check_not_negative(alpha=self.alpha)

    def __call__(self, model: Any, x: Any, generator: Rng = None, step: Step = None) -> Loss:
        """The three terms of the model's loss in nats per image, the last one weighted."""
        return Loss(model.loss(x, generator).terms, {"classification": self.alpha})


@dataclass(frozen=True)
class LabelLikelihood:
    """−log q(y|x) of the labelled images: what a classifier alone is trained with.

    For `fit(classifier, {"images": …, "labels": …}, objective=LabelLikelihood())`; a label of −1 is
    missing, and adds nothing.
    """

    def __call__(self, model: Any, x: Any, generator: Rng = None, step: Step = None) -> Loss:
        """One term, in nats, added over the labelled images and divided by the batch's size.

        model: images → logits (B, K); x: images, and class numbers (B,).
        """
        labels = x["labels"]
        surprise = functional.cross_entropy(
            model(x["images"]), labels, ignore_index=-1, reduction="sum"
        )
        return Loss({"classification": surprise / len(labels)})


@dataclass(frozen=True)
class ScoreFunction:
    """−ELBO with a gradient for the encoder that needs no path through the sample  (VAE.9).

    ∇_φ E_q[f(z)] = E_q[(f(z) − b) ∇_φ log q_φ(z|x)] with f = −log p_θ(x|z) and, as the baseline
    b, the mean of f over the other images of the batch, which leaves the gradient unbiased.
    """

    smallest_batch = 2

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """The values of the model's loss with another gradient.

        Raises ValueError for a batch of one image, which has no others.
        """
        if len(x) < 2:
            raise ValueError(f"the score function needs at least 2 images in a batch, got {len(x)}")
        q = model.encode(x)
        z = q.sample(generator).detach()  # (B, d)
        log_q = q.log_prob(z)  # (B,)
        nll = -model.likelihood.log_prob(x, model.decode(z))  # (B,)
        reward = (nll - nll.mean()).detach() * len(x) / (len(x) - 1)  # nll less the others' mean
        score_term = reward * (log_q - log_q.detach())  # 0, but with the gradient
        kl = model.prior.kl(q, z).sum(1)
        return Loss({"reconstruction": (nll + score_term).mean(), "kl": kl.mean()})


@dataclass(frozen=True)
class ImportanceWeighted:
    """−log 1/k Σᵢ p(x|zᵢ) p(zᵢ) / q(zᵢ|x), zᵢ ~ q(z|x): at most −ELBO on average  (ELBO.12).

    samples: k ≥ 1. Raises ValueError for another.
    """

    samples: int

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")

    def __call__(self, model: Any, x: Tensor, generator: Rng = None, step: Step = None) -> Loss:
        """One term, the negative bound in nats per image."""
        log_weights = log_importance_weights(model, x, model.encode(x), self.samples, generator)
        return Loss({"bound": -log_mean_exp(log_weights, dim=0).mean()})


@dataclass(frozen=True)
class CodeLikelihood:
    """−E_{q(z)}[log p(z)]: fits a prior p to the codes of a model that stays as it is  (PRIOR.1).

    For `fit(prior, {"mu": …, "logvar": …}, objective=CodeLikelihood())` with the q(z|x) of the
    training images: each time an image is used, another z is drawn from its q(z|x).
    """

    def __call__(self, model: Any, x: Any, generator: Rng = None, step: Step = None) -> Loss:
        """One term, a cross-entropy in nats per code. model: the prior; x: mu and logvar (B, d)."""
        z = DiagonalNormal(x["mu"], x["logvar"]).sample(generator)
        return Loss({"cross_entropy": -model.log_prob(z).mean()})


def log_importance_weights(
    model: Any, x: Tensor, q: DiagonalNormal, k: int, generator: Rng
) -> Tensor:
    """log p(x|z) p(z) / q(z|x) for k samples z ~ q(z|x) of each image, in nats: (k, B).

    q: that of the images x (B, C, H, W). With gradients; the mean over all is the ELBO, and the
    mean of log_mean_exp over the k samples the bound (ELBO.12).
    """
    epsilon = normal_like(q.mu.expand(k, *q.mu.shape), generator)  # (k, B, d)
    z = q.mu + (q.logvar / 2).exp() * epsilon
    log_ratio = model.prior.log_prob(z) - q.log_prob(z)
    repeated = x.expand(k, *x.shape).flatten(0, 1)  # (k·B, C, H, W)
    log_likelihood = model.likelihood.log_prob(repeated, model.decode(z.flatten(0, 1)))
    return log_ratio + log_likelihood.view(k, len(x))


def log_mean_exp(log_weights: Tensor, dim: int) -> Tensor:
    """log of the mean of exp(log_weights) along an axis, which is removed."""
    return log_weights.logsumexp(dim) - math.log(log_weights.shape[dim])


def stratified_log_weights(batch_size: int, dataset_size: int) -> Tensor:
    """log of the weights that make Σⱼ wᵢⱼ q(zᵢ|xⱼ) an unbiased estimate of q(zᵢ)  (BVAE.14).

    zᵢ comes from xᵢ, which is in the batch for certain: weight 1/N. The other B − 1 images stand
    for the remaining N − 1: weight (N − 1) / (N (B − 1)) each. Chen et al. put an uneven weight
    on one of them; this is the mean over which one it is. Returns (B, B).
    Raises ValueError unless 2 ≤ batch_size ≤ dataset_size.
    """
    if not 2 <= batch_size <= dataset_size:
        raise ValueError(
            f"batch_size must lie between 2 and dataset_size = {dataset_size}, got {batch_size}"
        )
    others = (dataset_size - 1) / (dataset_size * (batch_size - 1))
    weights = torch.full((batch_size, batch_size), others).fill_diagonal_(1 / dataset_size)
    return weights.log()


def kl_parts(
    z: Tensor, log_conditional: Tensor, mu: Tensor, logvar: Tensor, log_weights: Tensor
) -> dict[str, Tensor]:
    """E KL(q(z|x)‖p(z)) = I(x; z) + TC(z) + Σⱼ KL(q(zⱼ)‖p(zⱼ))  (BVAE.12), in nats.

    z: (M, d), one sample for each of M images; log_conditional: log q(z|x) of each, (M,);
    mu, logvar: (N, d), the images whose mixture stands for q(z), and log_weights the logarithm of
    the weight of each of them for each sample, anything that broadcasts to (M, N).
    """
    log_q = normal_log_density(z[:, None], mu, logvar)  # (M, N, d)
    log_marginal = (log_q.sum(2) + log_weights).logsumexp(1)  # log q(z), (M,)
    log_product = (log_q + log_weights[..., None]).logsumexp(1).sum(1)  # Σⱼ log q(zⱼ)
    log_prior = normal_log_density(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    return {
        "mutual_information": (log_conditional - log_marginal).mean(),
        "total_correlation": (log_marginal - log_product).mean(),
        "dimension_wise_kl": (log_product - log_prior).mean(),
    }


def check_not_negative(**values: float) -> None:
    """Raises ValueError for a weight that is negative, infinite or NaN, and names it."""
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be ≥ 0 and finite, got {value}")
