"""The conditional variational autoencoder: both networks are told something about the image.

Sohn, Lee & Yan, Learning Structured Output Representation using Deep Conditional Generative
Models, NeurIPS 2015.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_lib.checks import readable
from course_lib.likelihoods import Bernoulli, Likelihood
from course_lib.models.networks import (
    convolutional_decoder,
    convolutional_encoder,
    dense_decoder,
    dense_encoder,
    mlp,
)
from course_lib.models.variational_autoencoder import VAE, Draw
from course_lib.noise import Rng
from course_lib.objectives import Loss
from course_lib.priors import NormalPrior, Prior, StandardNormal


class OneHot(nn.Module):
    """Class numbers (B,) or () → (B, K) or (K,) with a 1 in the place of the class.

    What is (..., K) numbers already, such as the probabilities of the classes, stays as it is. An
    embedding of the classes is `nn.Sequential(OneHot(K), nn.Linear(K, c, bias=False))`.
    Raises ValueError for a number that is no class, such as the −1 of a missing label.
    """

    eye: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        if classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.classes = classes
        # Knows the device and the dtype of the model.
        self.register_buffer("eye", torch.eye(classes), persistent=False)

    def forward(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return labels
        if readable(labels) and labels.numel():
            low, high = (end.item() for end in labels.aminmax())
            if low < 0 or high >= self.classes:
                raise ValueError(
                    f"labels must be from 0 to {self.classes - 1}, got {low if low < 0 else high}"
                )
        return functional.embedding(labels, self.eye)  # which refuses −1 on other devices, too


class Conditioned(nn.Module):
    """x ↦ network(x and c side by side), with c the same for all inputs or one for each.

    c: (c,) or (B, c). Without `planes`: inputs (B, ...) of n numbers, and the network takes
    vectors of n + c. With them: images (B, C, H, W), and the network takes C + c channels, of
    which each of the last c has one number everywhere.
    """

    def __init__(self, network: nn.Module, condition: Tensor, planes: bool = False) -> None:
        super().__init__()
        self.network, self.condition, self.planes = network, condition, planes

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.planes:
            inputs = inputs.flatten(1)  # (B, n)
        condition = self.condition.to(inputs).expand(len(inputs), -1)  # (B, c)
        if self.planes:
            condition = condition[..., None, None].expand(-1, -1, *inputs.shape[2:])
        return self.network(torch.cat([inputs, condition], dim=1))


class ConditionalNormal(nn.Module):
    """p(z|y) = N(μ(y), diag σ²(y)), learned: the prior of a ConditionalVAE  (COND.1).

    condition_dim: c, how many numbers the condition has. hidden: widths of the network that makes
    μ and log σ² of them; () for a linear one, which of one-hot classes is a table.
    """

    def __init__(
        self, latent_dim: int, condition_dim: int, hidden: Sequence[int] = (), seed: int = 0
    ) -> None:
        super().__init__()
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}")
        self.latent_dim = latent_dim
        generator = torch.Generator().manual_seed(seed)
        self.network = mlp([condition_dim, *hidden, 2 * latent_dim], generator)

    def at(self, condition: Tensor) -> NormalPrior:
        """The prior for a condition of c numbers, (c,), or for one of each image, (B, c)."""
        weight = next(self.parameters())
        return NormalPrior(*self.network(condition.to(weight)).chunk(2, dim=-1))


class ConditionalVAE(nn.Module):
    """q_φ(z|x, y) and p_θ(x|z, y): a VAE for every condition y, all with the same weights.

    The parts are those of a VAE whose networks take c more numbers, those that `embedding` makes
    of y; by default y is c numbers itself. With `planes` the encoder takes them as c more
    channels of the image. A prior is p(z), the same for every y  (COND.2), or a ConditionalNormal,
    p(z|y)  (COND.1). `at` gives the VAE for one condition, or for one of each image of a batch.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        prior: Prior | ConditionalNormal,
        embedding: nn.Module | None = None,
        planes: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.likelihood, self.prior = likelihood, prior
        self.embedding, self.planes = embedding or nn.Identity(), planes

    @classmethod
    def dense(
        cls,
        image_shape: Sequence[int],
        latent_dim: int,
        condition_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Likelihood | None = None,
        prior: Prior | ConditionalNormal | None = None,
        seed: int = 0,
        embedding: nn.Module | None = None,
    ) -> Self:
        """As VAE.dense, with c = condition_dim more inputs of both networks."""
        prior = prior or StandardNormal(latent_dim)
        generator = torch.Generator().manual_seed(seed)
        pixels = math.prod(image_shape)
        encoder = dense_encoder((pixels + condition_dim,), hidden, 2 * latent_dim, generator)
        decoder = dense_decoder(image_shape, hidden, latent_dim + condition_dim, generator)
        return cls(encoder, decoder, likelihood or Bernoulli(), prior, embedding)

    @classmethod
    def convolutional(
        cls,
        image_shape: Sequence[int],
        latent_dim: int,
        condition_dim: int,
        channels: Sequence[int] = (16, 32),
        likelihood: Likelihood | None = None,
        prior: Prior | ConditionalNormal | None = None,
        seed: int = 0,
        embedding: nn.Module | None = None,
    ) -> Self:
        """As VAE.convolutional, with c more channels of the image and c more numbers beside z."""
        prior = prior or StandardNormal(latent_dim)
        generator = torch.Generator().manual_seed(seed)
        C, *sides = image_shape
        told = (C + condition_dim, *sides)
        encoder = convolutional_encoder(told, channels, 2 * latent_dim, generator)
        decoder = convolutional_decoder(
            image_shape, channels, latent_dim + condition_dim, generator
        )
        return cls(encoder, decoder, likelihood or Bernoulli(), prior, embedding, planes=True)

    @property
    def latent_dim(self) -> int:
        """d, that of the prior."""
        return self.prior.latent_dim

    def at(self, condition: Tensor) -> VAE:
        """The VAE for a condition, or for one of each image, with these weights.

        condition: what the embedding takes, class numbers () or (B,) under OneHot; without an
        embedding c numbers, (c,) or (B, c).
        """
        c = self.embedding(condition)  # (c,) or (B, c)
        encoder = Conditioned(self.encoder, c, self.planes)
        prior = self.prior.at(c) if isinstance(self.prior, ConditionalNormal) else self.prior
        return VAE(encoder, Conditioned(self.decoder, c), self.likelihood, prior)

    def draw(self, batch: Mapping[str, Tensor], generator: Rng = None) -> Draw:
        """As VAE.draw, for {"images": (B, C, H, W), "labels": the condition of each}."""
        return self.at(batch["labels"]).draw(batch["images"], generator)

    def loss(self, batch: Mapping[str, Tensor], generator: Rng = None) -> Loss:
        """Two terms whose sum is minus the bound on log p(x|y)  (COND.1), in nats per image.

        batch: {"images": (B, C, H, W), "labels": the condition of each}.
        """
        return self.at(batch["labels"]).loss(batch["images"], generator)
