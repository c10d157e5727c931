"""The evidence log p(x), bounds on it, and a model in which all of them are known.

Importance weighting: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal
from tqdm.auto import tqdm

from course_lib.information import kl_normal
from course_lib.models.variational_autoencoder import VAE

NODES = 4001  # of the quadrature over z
REACH = 12.0  # standard deviations of the prior


@dataclass(frozen=True)
class OneDimensionalModel:
    """z ~ N(0, 1) and x | z ~ N(g(z), s²) with one latent number: p(x) is an easy integral.

    g: the decoder, elementwise; s: standard deviation s > 0 of the noise. Everything is computed
    in float64 by the trapezoidal rule on 4001 nodes in [−12, 12], which is exact to nine digits
    unless s is tiny or g steep. x and the parameters of q are numbers.
    """

    g: Callable[[Tensor], Tensor]
    s: float

    def nodes(self) -> Tensor:
        """The z of the quadrature: (4001,)."""
        return torch.linspace(-REACH, REACH, NODES, dtype=torch.float64)

    def log_likelihood(self, x: float, z: Tensor) -> Tensor:
        """log p(x|z) in nats, elementwise in z."""
        return Normal(self.g(z), self.s).log_prob(torch.tensor(x, dtype=z.dtype))

    def log_joint(self, x: float, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log p(z) in nats, elementwise in z."""
        return self.log_likelihood(x, z) + _normal(0, 1).log_prob(z)

    def log_evidence(self, x: float) -> float:
        """log p(x) = log ∫ p(x|z) p(z) dz in nats  (ELBO.1)."""
        z = self.nodes()
        # The integrand vanishes at both ends, where the trapezoidal rule would halve it.
        return (self.log_joint(x, z).logsumexp(0) + math.log(2 * REACH / (NODES - 1))).item()

    def log_posterior(self, x: float, z: Tensor) -> Tensor:
        """log p(z|x) = log p(x, z) − log p(x) in nats  (ELBO.2), elementwise in z."""
        return self.log_joint(x, z) - self.log_evidence(x)

    def expectation(self, f: Callable[[Tensor], Tensor], mu: float, sigma: float) -> float:
        """E_q[f(z)] with q = N(μ, σ²)."""
        z = mu + sigma * self.nodes()
        weights = _normal(mu, sigma).log_prob(z).exp() * sigma * 2 * REACH / (NODES - 1)
        return (weights * f(z)).sum().item()

    def elbo(self, x: float, mu: float, sigma: float) -> float:
        """E_q[log p(x|z)] − KL(q‖p(z)) with q = N(μ, σ²), in nats  (ELBO.3)."""
        reconstruction = self.expectation(lambda z: self.log_likelihood(x, z), mu, sigma)
        return reconstruction - kl_normal(mu, sigma).item()

    def gap(self, x: float, mu: float, sigma: float) -> float:
        """KL(q‖p(z|x)) with q = N(μ, σ²), in nats: log p(x) − ELBO  (ELBO.4)."""
        q = _normal(mu, sigma)
        return self.expectation(lambda z: q.log_prob(z) - self.log_posterior(x, z), mu, sigma)


def _normal(mu: float, sigma: float) -> Normal:
    """In float64: Normal(0.1, 1.0) would round its parameters to float32."""
    return Normal(*torch.tensor([mu, sigma], dtype=torch.float64))


def log_mean_exp(log_weights: Tensor, dim: int) -> Tensor:
    """log of the mean of exp(log_weights) along an axis, which is removed."""
    return log_weights.logsumexp(dim) - math.log(log_weights.shape[dim])


@dataclass(frozen=True)
class LogLikelihood:
    """An estimate of the mean log-likelihood of a set of images.

    per_image: (N,) in nats. mean: nats per image. standard_error: of the mean, from the spread
    over images; it does not contain the bias, which is negative and shrinks with more samples.
    """

    per_image: Tensor

    @property
    def mean(self) -> float:
        return self.per_image.mean().item()

    @property
    def standard_error(self) -> float:
        return self.per_image.std().item() / math.sqrt(len(self.per_image))


@torch.inference_mode()
def importance_weighted_log_likelihood(
    model: VAE, images: Tensor, *, samples: int, seed: int = 0, rows: int = 2000
) -> LogLikelihood:
    """log 1/k Σᵢ p(x|zᵢ) p(zᵢ) / q(zᵢ|x) with k samples zᵢ ~ q(z|x), per image  (ELBO.8).

    Below log p(x) on average, and above the ELBO, which it equals for k = 1.
    images: (N, C, H, W), binary if the model is Bernoulli and nats are to mean anything.
    samples: k ≥ 1. rows: how many pictures are decoded at once, which bounds the memory.
    Raises ValueError for samples or rows below 1.
    """
    for name, value in {"samples": samples, "rows": rows}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    generator = torch.Generator().manual_seed(seed)
    at_once = min(samples, rows)  # samples of one image
    estimates = []
    with tqdm(total=len(images), desc="log-likelihood", leave=False) as progress:
        for x in images.split(max(1, rows // samples)):
            mu, logvar = model.encode(x)  # (b, d)
            log_weights = []
            for drawn in range(0, samples, at_once):
                k = min(at_once, samples - drawn)
                log_weights.append(_log_weights(model, x, mu, logvar, k, generator))
            estimates.append(log_mean_exp(torch.cat(log_weights), dim=0))
            progress.update(len(x))
    return LogLikelihood(torch.cat(estimates))


def _log_weights(
    model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, k: int, generator: torch.Generator
) -> Tensor:
    """log p(x|z) p(z) / q(z|x) for k samples of each image: (k, b)."""
    epsilon = torch.randn(k, *mu.shape, generator=generator)  # (k, b, d)
    z = mu + (logvar / 2).exp() * epsilon
    log_ratio = 0.5 * (epsilon.square() - z.square() + logvar).sum(2)  # log p(z)/q(z|x)
    repeated = x.expand(k, *x.shape).flatten(0, 1)  # (k·b, C, H, W)
    return log_ratio - model.nll(repeated, model.decode(z.flatten(0, 1))).view(k, len(x))
