"""The codebook of a VQ-VAE: the nearest code, its gradients, and how the codes learn.

van den Oord, Vinyals & Kavukcuoglu, Neural Discrete Representation Learning, NeurIPS 2017;
the moving averages are in its appendix A.1. Revival of unused codes: Williams et al.,
Hierarchical Quantized Autoencoders, NeurIPS 2020. Straight-through: Bengio, Léonard & Courville,
Estimating or Propagating Gradients Through Stochastic Neurons, 2013.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import readable
from course_lib.noise import Rng, permutation


@torch.no_grad()
def nearest_code(z_e: Tensor, codebook: Tensor) -> Tensor:
    """kᵢ = argminₖ ‖z_eᵢ − eₖ‖ (VQ.2), by ½‖eₖ‖² − z_eᵢᵀeₖ, less by ½‖z_eᵢ‖².

    z_e: (M, D_e); codebook: (K, D_e). Returns (M,), the first of the nearest.
    Raises ValueError for another shape, no vector, or one that is not finite.
    """
    _check_vectors(z_e, codebook.shape[1])
    center = codebook.mean(0)  # far from 0 the squares would swallow the distances
    e = codebook - center
    half_norms = e.square().sum(1) / 2  # (K,)
    scores = e.new_empty(len(z_e), len(e))  # (M, K); autocast, which would round, spares an out
    torch.addmm(half_norms, z_e - center, e.T, alpha=-1, out=scores)
    return scores.min(1).indices


def straight_through(z_e: Tensor, e: Tensor) -> Tensor:
    """z_q = z_e + sg[e − z_e]  (VQ.4): the value of e with the gradient of z_e."""
    return z_e + (e - z_e).detach()


class Quantized(NamedTuple):
    """What a VectorQuantizer makes of M vectors.

    z_q: (M, D_e), straight through. indices: (M,). codebook_loss: ‖sg[z_e] − e‖² (VQ.5);
    commitment_loss: ‖z_e − sg[e]‖² (VQ.6), (M,) each.
    """

    z_q: Tensor
    indices: Tensor
    codebook_loss: Tensor
    commitment_loss: Tensor


class VectorQuantizer(nn.Module):
    """K codes eₖ in D_e dimensions; each vector becomes the nearest of them (VQ.1).

    update: "ema", codes are moving averages of the vectors that choose them (VQ.12),
        or "gradient", they learn from the codebook loss. Adam then moves a code for
        some steps after its last vector, and knows nothing of a revival: its own
        averages of the code's gradients stay.
    gamma: decay 0 ≤ γ < 1 of the averages.
    revive_below: a code used less than this share of the mean use N/K is moved to a
        vector of the batch; 0 lets unused codes be. Keep it far below 1, or good
        codes are destroyed, too.
    initial: "data", the first training batch gives the codes; or "normal", N(0, I).
    Counts and sums are buffers: they are saved and loaded with the weights. They
    start as if every code had been used once where it lies.

    Raises ValueError for K < 2, code_dim < 1, γ or revive_below outside [0, 1) and
    for an unknown update or initial.
    """

    SMOOTHING = 1e-5  # ε of Laplace
    count: Tensor
    sum: Tensor

    def __init__(
        self,
        K: int,
        code_dim: int,
        update: Literal["ema", "gradient"] = "ema",
        gamma: float = 0.99,
        revive_below: float = 0.05,
        initial: Literal["data", "normal"] = "data",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if K < 2 or code_dim < 1:
            given = f"{K} and {code_dim}"
            raise ValueError(f"K must be at least 2 and code_dim 1, got {given}")
        for name, value in {"gamma": gamma, "revive_below": revive_below}.items():
            if not 0 <= value < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {value}")
        if update not in ("ema", "gradient") or initial not in ("data", "normal"):
            raise ValueError(
                'update must be "ema" or "gradient" and initial "data" or '
                f'"normal", got {update!r} and {initial!r}'
            )
        self.update, self.gamma, self.revive_below = update, gamma, revive_below
        generator = torch.Generator().manual_seed(seed)
        codes = torch.randn(K, code_dim, generator=generator)
        self.codebook = nn.Parameter(codes, requires_grad=update == "gradient")
        self.register_buffer("count", torch.ones(K))  # N
        self.register_buffer("sum", codes.clone())  # m
        self.started = initial == "normal"

    @property
    def code_dim(self) -> int:
        """D_e."""
        return self.codebook.shape[1]

    # Not a buffer: to look at one would make every step wait for the device.
    def get_extra_state(self) -> Tensor:
        """Whether the codes have been placed, saved and loaded with the weights."""
        return torch.tensor(self.started)

    def set_extra_state(self, state: Tensor) -> None:
        """What `load_state_dict` hands back."""
        self.started = bool(state)

    def forward(self, z_e: Tensor, generator: Rng = None) -> Quantized:
        """Quantize (M, D_e); in training mode also update the codebook by them.

        generator: draws the vectors on which codes are placed.
        Raises ValueError as `nearest_code` does.
        """
        z_e = z_e.to(self.codebook.dtype)  # autocast gives narrower numbers
        if self.training and not self.started:
            self.start(z_e.detach(), generator)
        quantized = self.lookup(z_e)
        if self.training:
            self.step(z_e.detach(), quantized.indices, generator)
        return quantized

    def lookup(self, z_e: Tensor) -> Quantized:
        """Quantize (M, D_e) and leave the codebook alone. Raises as `nearest_code` does."""
        indices = nearest_code(z_e, self.codebook)
        e = F.embedding(indices, self.codebook)  # (M, D_e)
        return Quantized(
            straight_through(z_e, e),
            indices,
            codebook_loss=(z_e.detach() - e).square().sum(1),
            commitment_loss=(z_e - e.detach()).square().sum(1),
        )

    def codes(self, indices: Tensor) -> Tensor:
        """The codes of indices of any shape, with D_e numbers behind it: (...) → (..., D_e).

        Raises ValueError for indices that are not from 0 to K − 1.
        """
        check_tokens(indices, len(self.codebook))
        return F.embedding(indices.long(), self.codebook)

    @torch.no_grad()
    def step(self, z_e: Tensor, indices: Tensor, generator: Rng = None) -> None:
        """Move averages (VQ.11), codes (VQ.12) and unused codes by one batch.

        N ← γN + (1 − γ)n and m ← γm + (1 − γ) Σ z_e; Laplace-smoothed,
        e = m / N̂ with N̂ = (N + ε) ΣN / (ΣN + Kε). Codes without a vector stay.
        """
        K = len(self.codebook)
        n = torch.zeros_like(self.count).index_add_(0, indices, torch.ones_like(z_e[:, 0]))
        self.count.lerp_(n, 1 - self.gamma)
        if self.update == "ema":
            total = torch.zeros_like(self.sum).index_add_(0, indices, z_e)
            self.sum.lerp_(total, 1 - self.gamma)
            N = self.count.sum()
            smoothed = (self.count + self.SMOOTHING) * N / (N + K * self.SMOOTHING)
            # Where n = 0 the ratio is as it was, but ε would in time draw it to 0.
            chosen, moved = n[:, None] > 0, self.sum / smoothed[:, None]
            self.codebook.copy_(torch.where(chosen, moved, self.codebook))
        dead = self.count < self.revive_below * self.count.mean()
        if not readable(dead) or dead.any():
            self._place(dead, z_e, generator)

    @torch.no_grad()
    def start(self, z_e: Tensor, generator: Rng = None) -> None:
        """Put all codes on vectors drawn from a batch (M, D_e).

        Raises ValueError as `nearest_code` does.
        """
        _check_vectors(z_e, self.codebook.shape[1])
        self._place(torch.ones_like(self.count, dtype=torch.bool), z_e, generator)
        self.started = True

    @torch.no_grad()
    def move(self, codes: Tensor | int, to: Tensor) -> None:
        """Put codes, given by index or mask, elsewhere; averages go on there."""
        self.codebook[codes] = to
        self.sum[codes] = to * self.count[codes, None]

    def _place(self, codes: Tensor, z_e: Tensor, generator: Rng) -> None:
        """Put the codes of a mask on vectors of the batch, with the mean count."""
        K, M = len(self.codebook), len(z_e)
        order = permutation(M, z_e.device, generator)
        vectors = z_e[order[(codes.cumsum(0) - 1) % M]]  # (K, D_e), one after the other
        self.count.copy_(torch.where(codes, M / K, self.count))
        self.codebook.copy_(torch.where(codes[:, None], vectors, self.codebook))
        self.sum.copy_(torch.where(codes[:, None], vectors * self.count[:, None], self.sum))


def _check_vectors(z_e: Tensor, code_dim: int) -> None:
    if z_e.ndim != 2 or z_e.shape[1] != code_dim or len(z_e) == 0:
        raise ValueError(f"z_e must be (M, {code_dim}) with M ≥ 1, got {tuple(z_e.shape)}")
    if readable(z_e) and not all(map(torch.isfinite, torch.aminmax(z_e))):
        raise ValueError("z_e must be finite, got NaN or infinite numbers")


def check_tokens(tokens: Tensor, K: int) -> None:
    """Raises ValueError for no tokens, others than integers, or some not from 0 to K − 1."""
    if tokens.is_floating_point() or tokens.numel() == 0:
        given = f"{tokens.dtype} of shape {tuple(tokens.shape)}"
        raise ValueError(f"tokens must be integers, at least one; got {given}")
    if readable(tokens):
        low, high = map(int, torch.aminmax(tokens))  # as numbers: 8 bits do not reach K = 256
        if low < 0 or high >= K:
            raise ValueError(f"tokens must be from 0 to {K - 1}, got {low} to {high}")
