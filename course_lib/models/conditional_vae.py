"""The conditional variational autoencoder: both networks are told something about the image.

Sohn, Lee & Yan, Learning Structured Output Representation using Deep Conditional Generative
Models, NeurIPS 2015.
"""

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from course_lib.likelihoods import Bernoulli, Likelihood
from course_lib.models.networks import dense_decoder, dense_encoder
from course_lib.models.variational_autoencoder import VAE
from course_lib.priors import Prior, StandardNormal


class Conditioned(nn.Module):
    """x ↦ network(x and c side by side), with c the same for all inputs or one for each.

    c: (c,) or (B, c). network: takes vectors of n + c numbers. Inputs: (B, ...) of n numbers.
    """

    def __init__(self, network: nn.Module, condition: Tensor) -> None:
        super().__init__()
        self.network, self.condition = network, condition

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = inputs.flatten(1)  # (B, n)
        condition = self.condition.to(inputs).expand(len(inputs), -1)
        return self.network(torch.cat([inputs, condition], dim=1))


class ConditionalVAE(nn.Module):
    """q_φ(z|x, c) and p_θ(x|z, c): a VAE for every condition c, all with the same weights.

    The parts are those of a VAE whose networks take vectors with c at their end.
    `at` gives the VAE for one condition, or for one of each image of a batch.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, likelihood: Likelihood, prior: Prior
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.likelihood, self.prior = likelihood, prior

    @classmethod
    def dense(
        cls,
        image_shape: Sequence[int],
        latent_dim: int,
        condition_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        seed: int = 0,
    ) -> Self:
        """As VAE.dense, with c = condition_dim more inputs of both networks."""
        prior = prior or StandardNormal(latent_dim)
        generator = torch.Generator().manual_seed(seed)
        pixels = math.prod(image_shape)
        encoder = dense_encoder((pixels + condition_dim,), hidden, 2 * latent_dim, generator)
        decoder = dense_decoder(image_shape, hidden, latent_dim + condition_dim, generator)
        return cls(encoder, decoder, likelihood or Bernoulli(), prior)

    @property
    def latent_dim(self) -> int:
        """d, that of the prior."""
        return self.prior.latent_dim

    def at(self, condition: Tensor) -> VAE:
        """The VAE for a condition, (c,), or for one of each image, (B, c), with these weights."""
        encoder, decoder = (Conditioned(part, condition) for part in (self.encoder, self.decoder))
        return VAE(encoder, decoder, self.likelihood, self.prior)
