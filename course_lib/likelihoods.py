"""Negative log-likelihoods of an image given the decoder's output, in nats per image.

All are summed over pixels and left unaveraged over the batch.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def bernoulli_nll(x: Tensor, logits: Tensor) -> Tensor:
    """−log p(x) = −Σⱼ [xⱼ log x̂ⱼ + (1 − xⱼ) log(1 − x̂ⱼ)] with x̂ = sigmoid(logits)  (AE.3).

    Computed as Σⱼ softplus(aⱼ) − xⱼ aⱼ from the logits a, which neither overflows nor loses
    digits where x̂ rounds to 0 or 1. For grey pixels 0 < x < 1 this is a cross-entropy, whose
    floor is the entropy of the pixels (AE.4), not a normalised likelihood.

    x: (B, ...) in [0, 1]; logits: the same shape. Returns (B,), nats per image.
    Raises ValueError when the shapes differ or x leaves [0, 1].
    """
    _check_shapes("logits", x, logits)
    low, high = torch.aminmax(x)
    if not (low >= 0 and high <= 1):  # also for NaN
        raise ValueError(f"x must lie in [0, 1], got values from {low:g} to {high:g}")
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # (B, ...)
    return nll.flatten(1).sum(1)


def gaussian_nll(x: Tensor, mean: Tensor, sigma: Tensor | float) -> Tensor:
    """−log N(x; mean, σ²I) = ‖x − mean‖² / 2σ² + (D/2) log 2πσ²  (AE.5).

    x: (B, ...); mean: the same shape; sigma: a number > 0 or a tensor that broadcasts against x.
    Returns (B,), nats per image (a density: it may be negative).
    Raises ValueError when the shapes differ or sigma is not positive.
    """
    _check_shapes("mean", x, mean)
    sigma = torch.as_tensor(sigma, dtype=x.dtype)
    if not (sigma > 0).all():
        raise ValueError(f"sigma must be > 0, got a smallest value of {sigma.min().item():g}")
    nll = 0.5 * ((x - mean) / sigma) ** 2 + sigma.log() + 0.5 * math.log(2 * math.pi)
    return nll.flatten(1).sum(1)


def squared_error(x: Tensor, mean: Tensor) -> Tensor:
    """‖x − mean‖²  (AE.2), summed over pixels.

    x: (B, ...); mean: the same shape. Returns (B,).
    Equal to gaussian_nll with σ² = ½ up to the constant (D/2) log π.
    """
    _check_shapes("mean", x, mean)
    return (x - mean).square().flatten(1).sum(1)


def effective_beta(
    weight: float = 1.0,
    *,
    image_dim: int,
    latent_dim: int,
    reconstruction: Literal["sum", "mean"] = "sum",
    kl: Literal["sum", "mean"] = "sum",
    sigma: float | None = None,
) -> float:
    """The β that a loss "reconstruction + weight · KL" really has  (VAE.12).

    image_dim: D; latent_dim: d.
    reconstruction, kl: whether each is summed over, or averaged over, its D or d dimensions.
    sigma: σ > 0 of the Gaussian decoder as which a *squared error* is read; None when the
        reconstruction is a negative log-likelihood already.
    Returns β > 0 such that the loss is proportional to −log p(x|z) + β KL; the weights stand
    beside each other as 1/2σ², 1/D and 1/d.
    Raises ValueError for a size, weight or sigma that is not positive, or another reduction.
    """
    positive = {"weight": weight, "image_dim": image_dim, "latent_dim": latent_dim}
    for name, value in (positive if sigma is None else positive | {"sigma": sigma}).items():
        if not value > 0:
            raise ValueError(f"{name} must be > 0, got {value}")
    for name, reduction in {"reconstruction": reconstruction, "kl": kl}.items():
        if reduction not in ("sum", "mean"):
            raise ValueError(f"{name} must be 'sum' or 'mean', got {reduction!r}")
    beta = weight if sigma is None else weight / (2 * sigma**2)
    if reconstruction == "mean":
        beta *= image_dim
    if kl == "mean":
        beta /= latent_dim
    return beta


def _check_shapes(name: str, x: Tensor, other: Tensor) -> None:
    if x.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of x, {tuple(x.shape)}, got {tuple(other.shape)}"
        )
