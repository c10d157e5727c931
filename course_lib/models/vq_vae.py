"""The VQ-VAE: an autoencoder whose code is a grid of indices into a codebook.

van den Oord, Vinyals & Kavukcuoglu, Neural Discrete Representation Learning, NeurIPS 2017.
"""

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from course_lib.likelihoods import Bernoulli, Likelihood
from course_lib.models.networks import (
    ChannelsFirst,
    ChannelsLast,
    dense_decoder,
    dense_encoder,
    halved,
    resampling,
    seeded,
)
from course_lib.models.variational_autoencoder import at_least_float32
from course_lib.models.vector_quantizer import Quantized, VectorQuantizer
from course_lib.noise import Rng
from course_lib.objectives import Loss, check_not_negative


class VQVAE(nn.Module):
    """z_e = E(x), z_q = its nearest codes, x̂ = D(z_q)  (VQ.3), put together from parts.

    encoder: (B, C, H, W) → (B, *grid, D_e), a vector for every place of a grid of any
        shape; T is the number of places, the tokens of an image.
    decoder: (B, *grid, D_e) → (B, C, H, W), what the likelihood needs.
    likelihood: p(x|z) of course_lib.likelihoods; Bernoulli() where it is None.
    commitment: weight β_c ≥ 0 of the commitment loss; ValueError for another.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        quantizer: VectorQuantizer,
        likelihood: Likelihood | None = None,
        commitment: float = 0.25,
    ) -> None:
        super().__init__()
        check_not_negative(commitment=commitment)
        self.encoder, self.decoder, self.quantizer = encoder, decoder, quantizer
        self.likelihood = likelihood or Bernoulli()
        self.commitment = commitment

    @classmethod
    def dense(
        cls,
        image_shape: Sequence[int],
        quantizer: VectorQuantizer,
        tokens: int = 4,
        hidden: Sequence[int] = (128,),
        likelihood: Likelihood | None = None,
        commitment: float = 0.25,
        seed: int = 0,
    ) -> Self:
        """Fully connected networks, T tokens in a row; hidden: the encoder's widths.

        seed: of the initial weights. Raises ValueError for tokens below 1.
        """
        if tokens < 1:
            raise ValueError(f"tokens must be at least 1, got {tokens}")
        generator = torch.Generator().manual_seed(seed)
        grid_of_codes = (tokens, quantizer.code_dim)
        encoder = dense_encoder(image_shape, hidden, math.prod(grid_of_codes), generator)
        decoder = dense_decoder(image_shape, hidden, math.prod(grid_of_codes), generator)
        encoder.append(nn.Unflatten(1, grid_of_codes))
        decoder.insert(0, nn.Flatten())
        return cls(encoder, decoder, quantizer, likelihood, commitment)

    @classmethod
    def convolutional(
        cls,
        image_shape: Sequence[int],
        quantizer: VectorQuantizer,
        channels: Sequence[int] = (32, 64),
        likelihood: Likelihood | None = None,
        commitment: float = 0.25,
        seed: int = 0,
    ) -> Self:
        """Convolutions, one for each of the channels, that halve the sides; mirrored.

        The grid has what is left of the sides. The rest is as in `dense`.
        Raises ValueError when a side cannot be halved that often.
        """
        halved(image_shape, len(channels))
        generator = torch.Generator().manual_seed(seed)
        widths = [image_shape[0], *channels]
        down = resampling(nn.Conv2d, widths, generator)
        up = resampling(nn.ConvTranspose2d, widths[::-1], generator)
        inner, code_dim = channels[-1], quantizer.code_dim
        to_code = seeded(nn.Conv2d, inner, code_dim, 1, generator=generator)
        from_code = seeded(nn.Conv2d, code_dim, inner, 3, 1, 1, generator=generator)
        encoder = nn.Sequential(*down, nn.ReLU(), to_code, ChannelsLast())
        decoder = nn.Sequential(ChannelsFirst(), from_code, nn.ReLU(), *up)
        return cls(encoder, decoder, quantizer, likelihood, commitment)

    def encode(self, x: Tensor) -> Tensor:
        """z_e = E(x): (B, C, H, W) → (B, *grid, D_e)."""
        return at_least_float32(self.encoder(x))

    def decode(self, z_q: Tensor) -> Tensor:
        """D(z_q): (B, *grid, D_e) → (B, C, H, W), logits or the mean."""
        return at_least_float32(self.decoder(z_q))

    def decode_mean(self, z_q: Tensor) -> Tensor:
        """The picture E[x|z_q]: (B, *grid, D_e) → (B, C, H, W) in pixel units."""
        return self.likelihood.mean(self.decode(z_q))

    def quantize(self, z_e: Tensor, generator: Rng = None) -> Quantized:
        """The quantizer on a batch: (B, *grid, D_e) → Quantized of B·T vectors."""
        return self.quantizer(z_e.flatten(0, -2), generator)

    @torch.no_grad()
    def tokens(self, x: Tensor) -> Tensor:
        """The indices k: (B, C, H, W) → (B, *grid), integers from 0 to K − 1."""
        z_e = self.encode(x)
        indices = self.quantizer.lookup(z_e.flatten(0, -2)).indices
        return indices.view(*z_e.shape[:-1], *indices.shape[1:])

    def decode_tokens(self, tokens: Tensor) -> Tensor:
        """The picture that tokens stand for: (B, *grid) → (B, C, H, W) in pixel units.

        Raises ValueError for tokens that are not from 0 to K − 1.
        """
        return self.decode_mean(self.quantizer.codes(tokens))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction through the codebook: (B, C, H, W), in pixel units.

        Gradients reach the encoder straight through; the codebook stays as it is.
        """
        z_e = self.encode(x)
        return self.decode_mean(self.quantizer.lookup(z_e.flatten(0, -2)).z_q.view_as(z_e))

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """reconstruction + Σ ‖sg[z_e] − e‖² + β_c Σ ‖z_e − sg[e]‖²  (VQ.7).

        Moving averages take the place of the middle term, which is then left out.
        """
        z_e = self.encode(x)  # (B, *grid, D_e)
        quantized = self.quantize(z_e, generator)
        output = self.decode(quantized.z_q.view_as(z_e))
        terms = {"reconstruction": -self.likelihood.log_prob(x, output).mean()}
        if self.quantizer.update == "gradient":
            terms["codebook"] = quantized.codebook_loss.sum() / len(x)
        terms["commitment"] = quantized.commitment_loss.sum() / len(x)
        return Loss(terms, {"commitment": self.commitment})
