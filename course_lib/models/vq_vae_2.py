"""VQ-VAE-2: grids of tokens upon one another, a small one for the whole and larger ones below.

Razavi, van den Oord & Vinyals, Generating Diverse High-Fidelity Images with VQ-VAE-2, NeurIPS 2019.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from course_lib.likelihoods import Bernoulli, Likelihood
from course_lib.models.networks import ChannelsLast, halved, resampling, seeded
from course_lib.models.variational_autoencoder import at_least_float32
from course_lib.models.vector_quantizer import Quantized, VectorQuantizer
from course_lib.noise import Rng
from course_lib.objectives import Loss, check_not_negative


class VQVAE2(nn.Module):
    """Levels of tokens from the top down, each told what those above have said  (VQ2.1).

    h_bottom = E_bottom(x), h_top = E_top(h_bottom);  e_top = nearest(A_top(h_top)),
    u = D_top(e_top),  e_bottom = nearest(A_bottom(h_bottom, u)),  x̂ = D_bottom(u, e_bottom).

    All lists go from the top down and have one part a level, of which there may be any number:
    encoders: (B, C, H, W) → features on the grid of the level. The last sees the image, each
        other one the features of the level below it.
    to_codes: features, and behind them what comes from above → (B, *grid, D_e).
    quantizers: one a level, each with a codebook, averages and revival of its own.
    decoders: what comes from above, and behind it the codes of the level, both (B, ·, *grid) →
        features on the grid below; the last to what the likelihood needs.
    likelihood: p(x|z); Bernoulli() where it is None. commitment: β_c ≥ 0 of every level.
    Raises ValueError for lists of different lengths and for a negative commitment.
    """

    quantizers: Any  # a ModuleList, which would hide from mypy what its parts can do

    def __init__(
        self,
        encoders: Sequence[nn.Module],
        to_codes: Sequence[nn.Module],
        quantizers: Sequence[VectorQuantizer],
        decoders: Sequence[nn.Module],
        likelihood: Likelihood | None = None,
        commitment: float = 0.25,
    ) -> None:
        super().__init__()
        check_not_negative(commitment=commitment)
        lengths = [len(parts) for parts in (encoders, to_codes, quantizers, decoders)]
        if min(lengths) != max(lengths) or not lengths[0]:
            raise ValueError(f"every list must have one part a level, got {lengths} parts")
        self.encoders, self.to_codes = nn.ModuleList(encoders), nn.ModuleList(to_codes)
        self.quantizers, self.decoders = nn.ModuleList(quantizers), nn.ModuleList(decoders)
        self.likelihood = likelihood or Bernoulli()
        self.commitment = commitment

    @classmethod
    def convolutional(
        cls,
        image_shape: Sequence[int],
        quantizers: Sequence[VectorQuantizer],
        channels: Sequence[int] = (32, 64),
        likelihood: Likelihood | None = None,
        commitment: float = 0.25,
        seed: int = 0,
    ) -> Self:
        """Convolutions, one for each of the channels, halve the sides down to the lowest grid.

        quantizers: from the top down; each grid has half the sides of the one below it.
        Raises ValueError when a side cannot be halved that often.
        """
        L, inner = len(quantizers), channels[-1]
        halved(image_shape, len(channels) + L - 1)
        generator = torch.Generator().manual_seed(seed)
        encoders, to_codes, decoders = [], [], []
        for level, quantizer in enumerate(quantizers):  # from the top down
            widths = [image_shape[0], *channels] if level == L - 1 else [inner, inner]
            above, code_dim = inner if level else 0, quantizer.code_dim
            down = resampling(nn.Conv2d, widths, generator)
            encoders.append(nn.Sequential(*down, nn.ReLU()))
            to_code = seeded(nn.Conv2d, inner + above, code_dim, 1, generator=generator)
            to_codes.append(nn.Sequential(to_code, ChannelsLast()))
            from_code = seeded(nn.Conv2d, above + code_dim, inner, 3, 1, 1, generator=generator)
            up = resampling(nn.ConvTranspose2d, widths[::-1], generator)
            end = [nn.ReLU()] if level < L - 1 else []
            decoders.append(nn.Sequential(from_code, nn.ReLU(), *up, *end))
        return cls(encoders, to_codes, quantizers, decoders, likelihood, commitment)

    def descend(self, codes_at: Callable[[int, list[Tensor]], Tensor]) -> Tensor:
        """From the top down to the picture: codes, told what is above, and decoded below.

        codes_at: level from 0, the top, and a list of what is above, empty there → the codes
            (B, *grid, D_e). Returns logits or the mean, (B, C, H, W).
        """
        above: list[Tensor] = []
        for level, decoder in enumerate(self.decoders):
            codes = codes_at(level, above).movedim(-1, 1)  # (B, D_e, *grid)
            above = [decoder(torch.cat([*above, codes], 1))]
        return at_least_float32(above[0])

    def _through(
        self, x: Tensor, quantize: Callable[[int, Tensor], Quantized]
    ) -> tuple[list[Quantized], list[Tensor], Tensor]:
        """Encode, quantize and decode: per level Quantized and z_e, and the output."""
        features: list[Tensor] = []
        for encoder in reversed(self.encoders):
            x = encoder(x)
            features.insert(0, x)
        quantized: list[Quantized] = []
        vectors: list[Tensor] = []

        def codes_at(level: int, above: list[Tensor]) -> Tensor:
            z_e = self.to_codes[level](torch.cat([features[level], *above], 1))
            vectors.append(at_least_float32(z_e))
            quantized.append(quantize(level, vectors[-1].flatten(0, -2)))
            return quantized[-1].z_q.view_as(z_e)

        output = self.descend(codes_at)
        return quantized, vectors, output

    def _looked_up(self, x: Tensor) -> tuple[list[Quantized], list[Tensor], Tensor]:
        return self._through(x, lambda level, z_e: self.quantizers[level].lookup(z_e))

    @torch.no_grad()
    def tokens(self, x: Tensor) -> tuple[Tensor, ...]:
        """The indices of every level, from the top down: (B, C, H, W) → (B, *grid) each."""
        quantized, vectors, _ = self._looked_up(x)
        return tuple(
            q.indices.view(*z_e.shape[:-1], *q.indices.shape[1:])
            for q, z_e in zip(quantized, vectors, strict=True)
        )

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Codes of every level, from the top down, (B, *grid, D_e) each → (B, C, H, W)."""
        return self.descend(lambda level, above: codes[level])

    def decode_mean(self, codes: Sequence[Tensor]) -> Tensor:
        """The picture E[x|codes], (B, C, H, W) in pixel units."""
        return self.likelihood.mean(self.decode(codes))

    def decode_tokens(self, tokens: Sequence[Tensor]) -> Tensor:
        """The picture that tokens stand for, from the top down: (B, *grid) each → (B, C, H, W).

        Raises ValueError for another number of levels, and for tokens without a code.
        """
        if len(tokens) != len(self.quantizers):
            raise ValueError(f"tokens must have {len(self.quantizers)} levels, got {len(tokens)}")
        codes = [q.codes(k) for q, k in zip(self.quantizers, tokens, strict=True)]
        return self.decode_mean(codes)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction through all codebooks: (B, C, H, W), in pixel units."""
        return self.likelihood.mean(self._looked_up(x)[2])

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """−log p(x|e_1 … e_L) + Σ_l [‖sg[z_l] − e_l‖² + β_c ‖z_l − sg[e_l]‖²]  (VQ2.2).

        Level by level, from 0, the top. Moving averages take the place of a codebook's term.
        """
        quantized, _, output = self._through(x, lambda i, z_e: self.quantizers[i](z_e, generator))
        terms = {"reconstruction": -self.likelihood.log_prob(x, output).mean()}
        weights = {}
        for level, (quantizer, one) in enumerate(zip(self.quantizers, quantized, strict=True)):
            if quantizer.update == "gradient":
                terms[f"codebook {level}"] = one.codebook_loss.sum() / len(x)
            terms[f"commitment {level}"] = one.commitment_loss.sum() / len(x)
            weights[f"commitment {level}"] = self.commitment
        return Loss(terms, weights)
