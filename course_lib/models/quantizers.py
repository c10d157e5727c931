"""Other quantizers with the interface of VectorQuantizer, so that a VQ-VAE takes them as they are.

forward(z_e, generator) and lookup(z_e) → Quantized; codes(indices); code_dim; update.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.vector_quantizer import (
    Quantized,
    VectorQuantizer,
    check_tokens,
    straight_through,
)
from course_lib.noise import Rng


class ResidualQuantizer(nn.Module):
    """Several codebooks, each for what those before it have left over  (VQ2.7).

    r_1 = z_e, k_i = nearest(r_i), r_{i+1} = r_i − e_{k_i}; z_q = Σ_i e_{k_i}. An index is a row of
    as many numbers as there are quantizers: indices (M, depth).

    quantizers: at least one, all for vectors of the same length; else ValueError.
    Lee et al., Autoregressive Image Generation using Residual Quantization, CVPR 2022.
    """

    quantizers: Any  # a ModuleList, which would hide from mypy what its parts can do

    def __init__(self, quantizers: Sequence[VectorQuantizer]) -> None:
        super().__init__()
        dims = {quantizer.code_dim for quantizer in quantizers}
        if len(dims) != 1:
            raise ValueError(f"quantizers must be for vectors of one length, got {sorted(dims)}")
        self.quantizers = nn.ModuleList(quantizers)
        (self.code_dim,), self.update = dims, quantizers[0].update

    def forward(self, z_e: Tensor, generator: Rng = None) -> Quantized:
        """Quantize (M, D_e); in training mode every codebook moves. Raises as its parts do."""
        return self._each(z_e, lambda quantizer, rest: quantizer(rest, generator))

    def lookup(self, z_e: Tensor) -> Quantized:
        """Quantize (M, D_e) and leave the codebooks alone."""
        return self._each(z_e, lambda quantizer, rest: quantizer.lookup(rest))

    def _each(
        self, z_e: Tensor, quantize: Callable[[VectorQuantizer, Tensor], Quantized]
    ) -> Quantized:
        rest, parts = z_e, []
        for quantizer in self.quantizers:
            parts.append(quantize(quantizer, rest))
            rest = rest - parts[-1].z_q.detach()
        return Quantized(
            straight_through(z_e, z_e - rest),
            torch.stack([part.indices for part in parts], 1),
            codebook_loss=torch.stack([part.codebook_loss for part in parts]).sum(0),
            commitment_loss=torch.stack([part.commitment_loss for part in parts]).sum(0),
        )

    def codes(self, indices: Tensor) -> Tensor:
        """(..., depth) → (..., D_e). Raises ValueError for indices that do not exist."""
        each = zip(self.quantizers, indices.unbind(-1), strict=True)
        return torch.stack([quantizer.codes(k) for quantizer, k in each]).sum(0)


class FiniteScalarQuantizer(nn.Module):
    """No codebook: each number of z_e is rounded to one of L places between −1 and 1  (VQ2.8).

    k_j = round((L_j − 1)/2 · (1 + tanh z_j)), z_q,j = 2 k_j / (L_j − 1) − 1, with the gradient of
    tanh z_j. Together K = ∏ L_j codes, none of which has to be learned or can be lost; both
    losses are 0.

    levels: L_j ≥ 2 of each of the D_e numbers; else ValueError.
    Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, ICLR 2024.
    """

    update = "ema"  # there is no codebook for a loss to move
    steps: Tensor
    stride: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"levels must be numbers of at least 2, got {list(levels)}")
        L = torch.tensor(levels)
        self.code_dim, self.K = len(levels), int(L.prod())
        self.register_buffer("steps", L - 1, persistent=False)  # from −1 to 1
        self.register_buffer("stride", L.cumprod(0) // L, persistent=False)  # of an index

    def forward(self, z_e: Tensor, generator: Rng = None) -> Quantized:
        """`lookup`: nothing is learned here."""
        return self.lookup(z_e)

    def lookup(self, z_e: Tensor) -> Quantized:
        """Quantize (M, D_e)."""
        bounded = z_e.tanh()
        k = ((bounded + 1) * self.steps / 2).round().detach()
        none = torch.zeros_like(z_e[:, 0])
        z_q = straight_through(bounded, 2 * k / self.steps - 1)
        return Quantized(z_q, (k.long() * self.stride).sum(1), none, none)

    def codes(self, indices: Tensor) -> Tensor:
        """(...) → (..., D_e). Raises ValueError for indices that are not from 0 to K − 1."""
        check_tokens(indices, self.K)
        k = indices.long()[..., None] // self.stride % (self.steps + 1)
        return 2 * k / self.steps - 1


class RotationQuantizer(VectorQuantizer):
    """A VectorQuantizer whose gradient is turned and stretched on its way back  (VQ2.9).

    Fifty, Junkins, Duan, Iyengar, Liu, Amid, Thrun & Ré, Restructuring Vector Quantization with the
    Rotation Trick, ICLR 2025.
    """

    def lookup(self, z_e: Tensor) -> Quantized:
        """Quantize (M, D_e) and leave the codebook alone. Raises as `nearest_code` does."""
        quantized = super().lookup(z_e)
        return quantized._replace(z_q=rotated(z_e, quantized.z_q.detach()))


def rotated(z_e: Tensor, e: Tensor) -> Tensor:
    """z_q = sg[(‖e‖/‖z_e‖) R] z_e, with R the rotation of z_e's direction to that of e  (VQ2.9).

    z_e, e: (M, D_e). The value is e, the gradient that of a rotation: what lay at an angle to e
    lies at the same angle to z_e.
    """
    a, b = F.normalize(z_e.detach(), dim=1), F.normalize(e.detach(), dim=1)
    middle = F.normalize(a + b, dim=1)  # R = 2baᵀ + I − 2mmᵀ, two reflections
    along, across = (z_e * a).sum(1, keepdim=True), (z_e * middle).sum(1, keepdim=True)
    turned = z_e + 2 * along * b - 2 * across * middle
    stretch = e.detach().norm(dim=1, keepdim=True) / z_e.detach().norm(dim=1, keepdim=True)
    return stretch * turned
