"""The variational autoencoder.

Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014; Rezende, Mohamed & Wierstra,
Stochastic Backpropagation and Approximate Inference in Deep Generative Models, ICML 2014.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from course_lib.likelihoods import Bernoulli, Likelihood
from course_lib.models.networks import (
    convolutional_decoder,
    convolutional_encoder,
    dense_decoder,
    dense_encoder,
)
from course_lib.noise import Rng
from course_lib.objectives import Loss
from course_lib.priors import DiagonalNormal, Prior, StandardNormal


class Draw(NamedTuple):
    """What one z for each image of a batch gives, before anything is averaged.

    q: q(z|x). z: (B, d). output: the decoder's, (B, C, H, W).
    nll: −log p(x|z) of each image, (B,). kl: KL(q‖p) of each image and dimension,
    (B, d), or (B, 1) under a prior that does not factorise. Both in nats.
    """

    q: DiagonalNormal
    z: Tensor
    output: Tensor
    nll: Tensor
    kl: Tensor


class VAE(nn.Module):
    """q_φ(z|x) = N(μ, diag σ²), p(z), p_θ(x|z)  (VAE.1), put together from four parts.

    encoder: (B, C, H, W) → (B, 2d), μ and log σ² side by side.
    decoder: (B, d) → (B, C, H, W), what the likelihood needs: logits or a mean.
    likelihood: p(x|z) of course_lib.likelihoods. prior: p(z) of course_lib.priors.
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
        hidden: Sequence[int] = (128,),
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        seed: int = 0,
    ) -> Self:
        """Fully connected networks; hidden: the encoder's widths, mirrored.

        likelihood: Bernoulli() where it is None; prior: StandardNormal(latent_dim).
        seed: of the initial weights. Raises ValueError when latent_dim is below 1.
        """
        prior = prior or StandardNormal(latent_dim)
        generator = torch.Generator().manual_seed(seed)
        encoder = dense_encoder(image_shape, hidden, 2 * latent_dim, generator)
        decoder = dense_decoder(image_shape, hidden, latent_dim, generator)
        return cls(encoder, decoder, likelihood or Bernoulli(), prior)

    @classmethod
    def convolutional(
        cls,
        image_shape: Sequence[int],
        latent_dim: int,
        channels: Sequence[int] = (16, 32),
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        seed: int = 0,
    ) -> Self:
        """Convolutions, one for each of the channels, that halve the sides; mirrored.

        The rest is as in `dense`. Raises ValueError when a side cannot be halved.
        """
        prior = prior or StandardNormal(latent_dim)
        generator = torch.Generator().manual_seed(seed)
        encoder = convolutional_encoder(image_shape, channels, 2 * latent_dim, generator)
        decoder = convolutional_decoder(image_shape, channels, latent_dim, generator)
        return cls(encoder, decoder, likelihood or Bernoulli(), prior)

    @property
    def latent_dim(self) -> int:
        """d, that of the prior."""
        return self.prior.latent_dim

    def encode(self, x: Tensor) -> DiagonalNormal:
        """q_φ(z|x): (B, C, H, W) → its μ and log σ², (B, d) each."""
        parameters = at_least_float32(self.encoder(x))
        return DiagonalNormal(*parameters.chunk(2, dim=1))

    def decode(self, z: Tensor) -> Tensor:
        """What the likelihood takes, logits or the mean: (B, d) → (B, C, H, W)."""
        return at_least_float32(self.decoder(z))

    def decode_mean(self, z: Tensor) -> Tensor:
        """The picture E[x|z]: (B, d) → (B, C, H, W) in pixel units."""
        return self.likelihood.mean(self.decode(z))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction from the mean of q_φ(z|x): (B, C, H, W), in pixels."""
        return self.decode_mean(self.encode(x).mu)

    def draw(self, x: Tensor, generator: Rng = None) -> Draw:
        """One z ~ q_φ(z|x) for each image, and all that follows from it."""
        q = self.encode(x)
        z = q.sample(generator)  # (B, d)
        output = self.decode(z)
        return Draw(q, z, output, -self.likelihood.log_prob(x, output), self.prior.kl(q, z))

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """Two terms whose sum is −ELBO in nats per image  (VAE.2), one z each."""
        draw = self.draw(x, generator)
        return Loss({"reconstruction": draw.nll.mean(), "kl": draw.kl.sum(1).mean()})

    @torch.no_grad()
    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """n pictures, the means of p_θ(x|z) for z ~ p(z): (n, C, H, W)."""
        return self.decode_mean(self.prior.sample(n, generator))


def at_least_float32(x: Tensor) -> Tensor:
    """float32 in place of the narrower numbers that autocast gives: losses need their digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
