"""The evidence log p(x), bounds on it, and a model in which all of them are known.

Importance weighting: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.information import kl_normal
from course_lib.models.variational_autoencoder import VAE
from course_lib.objectives import log_importance_weights, log_mean_exp
from course_lib.progress import progress

Number = Tensor | float
REACH = 12.0  # standard deviations on either side of the mean, beyond which nothing is left
NODES = 4001  # of a quadrature


@dataclass(frozen=True)
class OneDimensionalModel:
    """z ~ N(0, 1) and x | z ~ N(g(z), s²): with one latent number p(x) is easy.

    g: the decoder, elementwise; s: standard deviation s > 0 of the noise.
    x is a number; μ and σ > 0 of q = N(μ, σ²) are numbers or float64 tensors of
    shape (), which get gradients. Integrals are sums over 4001 equidistant z, exact
    to nine digits unless s is tiny or g steep. All results are in nats and float64.
    Raises ValueError when s or σ is not positive.
    """

    g: Callable[[Tensor], Tensor]
    s: float

    def __post_init__(self) -> None:
        if not self.s > 0:
            raise ValueError(f"s must be > 0, got {self.s}")

    def log_likelihood(self, x: float, z: Tensor) -> Tensor:
        """log p(x|z), elementwise in z."""
        return _log_normal(x, self.g(z), self.s)

    def log_joint(self, x: float, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log p(z), elementwise in z."""
        return self.log_likelihood(x, z) + _log_normal(z, 0, 1)

    def log_evidence(self, x: float, nodes: int = NODES) -> Tensor:
        """log p(x) = log ∫ p(x|z) p(z) dz by so many z in [−12, 12]  (ELBO.1)."""
        z, step = _quadrature(nodes)
        return (self.log_joint(x, z) + math.log(step)).logsumexp(0)

    def log_posterior(self, x: float, z: Tensor) -> Tensor:
        """log p(z|x) = log p(x, z) − log p(x), elementwise in z  (ELBO.2)."""
        return self.log_joint(x, z) - self.log_evidence(x)

    def reconstruction(self, x: float, mu: Number, sigma: Number) -> Tensor:
        """E_q[log p(x|z)]."""
        return _expectation(lambda z: self.log_likelihood(x, z), mu, sigma)

    def elbo(self, x: float, mu: Number, sigma: Number) -> Tensor:
        """E_q[log p(x|z)] − KL(q‖p(z))  (ELBO.8)."""
        return self.reconstruction(x, mu, sigma) - kl_normal(mu, sigma)

    def gap(self, x: float, mu: Number, sigma: Number) -> Tensor:
        """KL(q‖p(z|x)) = log p(x) − ELBO, by its own integral  (ELBO.11)."""

        def log_ratio(z: Tensor) -> Tensor:
            return _log_normal(z, mu, sigma) - self.log_posterior(x, z)

        return _expectation(log_ratio, mu, sigma)


def _expectation(f: Callable[[Tensor], Tensor], mu: Number, sigma: Number) -> Tensor:
    """E[f(z)] for z ~ N(μ, σ²)."""
    if not sigma > 0:
        raise ValueError(f"sigma must be > 0, got {sigma:g}")
    u, step = _quadrature(NODES)
    return (step * _log_normal(u, 0, 1).exp() * f(mu + sigma * u)).sum()


def _quadrature(nodes: int) -> tuple[Tensor, float]:
    """Equidistant nodes and their distance. Integrands are 0 at both ends, so no end is halved."""
    if nodes < 2:
        raise ValueError(f"nodes must be at least 2, got {nodes}")
    return torch.linspace(-REACH, REACH, nodes, dtype=torch.float64), 2 * REACH / (nodes - 1)


def _log_normal(x: Number, mu: Number, sigma: Number) -> Tensor:
    """log N(x; μ, σ²). torch.distributions would round numbers to the default dtype."""
    log_sigma = sigma.log() if isinstance(sigma, Tensor) else math.log(sigma)
    log_density = -0.5 * ((x - mu) / sigma) ** 2 - log_sigma - 0.5 * math.log(2 * math.pi)
    return torch.as_tensor(log_density)


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
    """log 1/k Σᵢ p(x|zᵢ) p(zᵢ) / q(zᵢ|x) with k samples zᵢ ~ q(z|x), per image  (ELBO.12).

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
    with progress(total=len(images), desc="log-likelihood") as bar:
        for x in images.split(max(1, rows // samples)):
            q = model.encode(x)  # (b, d)
            log_weights = []
            for drawn in range(0, samples, at_once):
                k = min(at_once, samples - drawn)
                log_weights.append(log_importance_weights(model, x, q, k, generator))
            estimates.append(log_mean_exp(torch.cat(log_weights), dim=0))
            bar.update(len(x))
    return LogLikelihood(torch.cat(estimates))


@torch.inference_mode()
def posterior_mean(model: VAE, images: Tensor, nodes: int = 61, reach: float = 4.0) -> Tensor:
    """E[z|x] = ∫ z p(x|z) p(z) dz / ∫ p(x|z) p(z) dz of each image, for one latent number  (COL.5).

    The model's own posterior, whatever the encoder says: a sum over so many equidistant z in
    [−reach, reach]. images: (N, C, H, W). Returns (N,).
    Raises ValueError for a model with another latent_dim, or fewer than two nodes.
    """
    if model.latent_dim != 1 or nodes < 2:
        raise ValueError(
            "model must have one latent number and nodes be at least 2, "
            f"got {model.latent_dim} and {nodes}"
        )
    z = torch.linspace(-reach, reach, nodes, dtype=images.dtype, device=images.device)
    z = z[:, None]  # (G, 1)
    output, log_prior = model.decode(z), model.prior.log_prob(z)  # (G, C, H, W), (G,)
    means = []
    for x in images:
        log_likelihood = model.likelihood.log_prob(x.expand(nodes, *x.shape), output)
        means.append((log_likelihood + log_prior).softmax(0) @ z[:, 0])
    return torch.stack(means)
