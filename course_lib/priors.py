"""Distributions over codes: the encoder's q(z|x), and the prior p(z)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.information import kl_standard_normal
from course_lib.noise import Rng, normal_like


def reparameterize(mu: Tensor, logvar: Tensor, generator: Rng = None) -> Tensor:
    """z = μ + σ ⊙ ε with ε ~ N(0, I) and σ = exp(½ logvar)  (VAE.3).

    mu, logvar: (B, d). Returns (B, d), a sample of N(μ, diag(σ²)) with gradients to both.
    """
    return mu + (logvar / 2).exp() * normal_like(mu, generator)


def normal_log_density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μ, σ²) with σ² = exp(logvar), elementwise; the three broadcast."""
    return -0.5 * ((z - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi))


class DiagonalNormal(NamedTuple):
    """q(z|x) = N(μ, diag σ²) of each image, as an encoder gives it: μ and log σ², (B, d) each."""

    mu: Tensor
    logvar: Tensor

    def sample(self, generator: Rng = None) -> Tensor:
        """One z for each image, with gradients to μ and σ  (VAE.3): (B, d)."""
        return reparameterize(self.mu, self.logvar, generator)

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z|x): (..., B, d) → (..., B)."""
        return normal_log_density(z, self.mu, self.logvar).sum(-1)


class Prior(nn.Module):
    """p(z) over codes of latent_dim numbers, d; a model trains its parameters with its own."""

    latent_dim: int

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        raise NotImplementedError

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        raise NotImplementedError

    def kl(self, q: DiagonalNormal, z: Tensor) -> Tensor:
        """log q(z|x) − log p(z) of the given z ~ q, whose mean is KL(q‖p): (B, d) → (B, 1)."""
        return (q.log_prob(z) - self.log_prob(z))[:, None]


class StandardNormal(Prior):
    """p(z) = N(0, I) in d dimensions, without parameters.

    Raises ValueError for a latent_dim below 1.
    """

    mean: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}")
        self.latent_dim = latent_dim
        # Knows the device and the dtype of the model.
        self.register_buffer("mean", torch.zeros(latent_dim), persistent=False)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        return normal_log_density(z, self.mean, torch.zeros_like(self.mean)).sum(-1)

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        return normal_like(self.mean.expand(n, -1), generator)

    def kl(self, q: DiagonalNormal, z: Tensor) -> Tensor:
        """KL(q(zⱼ|x)‖p(zⱼ)) of each dimension, in closed form  (KL.12): (B, d), whatever z is."""
        return kl_standard_normal(q.mu, q.logvar)
