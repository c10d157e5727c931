"""Likelihoods p(x|z) of an image given the decoder's output, and their logarithms as functions.

All logarithms are in nats per image: summed over pixels and left unaveraged over the batch.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import readable
from course_lib.noise import Rng, normal_like, uniform_like

SMALLEST_SIGMA = 1e-3  # a quarter of the step between two of 256 grey levels


def bernoulli_nll(x: Tensor, logits: Tensor) -> Tensor:
    """−log p(x) = −Σⱼ [xⱼ log x̂ⱼ + (1 − xⱼ) log(1 − x̂ⱼ)] with x̂ = sigmoid(logits)  (AE.3).

    Computed as Σⱼ softplus(aⱼ) − xⱼ aⱼ from the logits a, which neither overflows nor loses
    digits where x̂ rounds to 0 or 1. For grey pixels 0 < x < 1 this is a cross-entropy, whose
    floor is the entropy of the pixels (AE.4), not a normalised likelihood.

    x: (B, ...) in [0, 1]; logits: the same shape. Returns (B,), nats per image.
    Raises ValueError when the shapes differ or x leaves [0, 1].
    """
    _check_shapes("logits", x, logits)
    if readable(x) and x.numel():
        low, high = torch.aminmax(x)
        if not (low >= 0 and high <= 1):  # also for NaN
            raise ValueError(f"x must lie in [0, 1], got values from {low:g} to {high:g}")
    x = x.to(logits.dtype)
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # (B, ...)
    return nll.flatten(1).sum(1)


def gaussian_nll(x: Tensor, mean: Tensor, sigma: Tensor | float) -> Tensor:
    """−log N(x; mean, σ²I) = ‖x − mean‖² / 2σ² + (D/2) log 2πσ²  (AE.6).

    x: (B, ...); mean: the same shape; sigma: a number > 0, or a tensor that broadcasts to the
    shape of x. Returns (B,), nats per image (a density: it may be negative).
    Raises ValueError when the shapes differ or sigma is not positive.
    """
    _check_shapes("mean", x, mean)
    sigma = torch.as_tensor(sigma, dtype=mean.dtype, device=mean.device)
    if readable(sigma) and not (sigma > 0).all():
        raise ValueError(f"sigma must be > 0, got a smallest value of {sigma.min().item():g}")
    try:
        sigma = sigma.expand_as(x)
    except RuntimeError:
        shapes = f"{tuple(x.shape)}, got {tuple(sigma.shape)}"
        raise ValueError(f"sigma must broadcast to the shape of x, {shapes}") from None
    nll = 0.5 * ((x - mean) / sigma) ** 2 + sigma.log() + 0.5 * math.log(2 * math.pi)
    return nll.flatten(1).sum(1)


def squared_error(x: Tensor, mean: Tensor) -> Tensor:
    """‖x − mean‖²  (AE.2), summed over pixels.

    x: (B, ...); mean: the same shape. Returns (B,).
    Equal to gaussian_nll with σ² = ½ up to the constant (D/2) log π.
    """
    _check_shapes("mean", x, mean)
    return (x - mean).square().flatten(1).sum(1)


class Likelihood(nn.Module):
    """p(x|z), given what the decoder returns for z.

    Grey, binary, quantised or autoregressive: whatever gives log p(x|z) of each image and a mean.
    """

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x|z) in nats per image: images (B, C, H, W) and output → (B,)."""
        raise NotImplementedError

    def mean(self, output: Tensor) -> Tensor:
        """E[x|z] in pixel units: (B, C, H, W)."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Binary pixels, each 1 with a probability of its own; the decoder returns logits  (AE.3)."""

    def __init__(self) -> None:  # that of nn.Module shows *args and **kwargs
        super().__init__()

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x|z): x and logits, (B, ...) → (B,). Raises as `bernoulli_nll` does."""
        return -bernoulli_nll(x, output)

    def mean(self, output: Tensor) -> Tensor:
        """E[x|z] = sigmoid(output), in pixel units."""
        return output.sigmoid()

    def sample(self, output: Tensor, generator: Rng = None) -> Tensor:
        """x ~ p(x|z), 0 or 1, of the shape of the output."""
        return (uniform_like(output, generator) < output.sigmoid()).to(output.dtype)


class Gaussian(Likelihood):
    """x ~ N(output, σ²I): the decoder returns the mean  (AE.6).

    sigma: standard deviation σ > 0 of all pixels, or None to learn it with the model.
    Raises ValueError for a sigma that is not positive.
    Learned σ: Rybkin, Daniilidis & Levine, Simple and Effective VAE Training with Calibrated
    Decoders, ICML 2021.
    """

    log_sigma: Tensor

    def __init__(self, sigma: float | None = None) -> None:
        super().__init__()
        if sigma is not None and not 0 < sigma < math.inf:
            raise ValueError(f"sigma must be > 0 and finite, or None, got {sigma}")
        if sigma is None:
            self.log_sigma = nn.Parameter(torch.tensor(0.0))
        else:
            self.register_buffer("log_sigma", torch.tensor(math.log(sigma)))

    @property
    def sigma(self) -> Tensor:
        """σ, ()."""
        return self.log_sigma.exp()

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x|z): x and means, (B, ...) → (B,). Raises as `gaussian_nll` does, and
        FloatingPointError when a learned σ falls below the grey levels."""
        sigma = self.sigma
        learned = self.log_sigma.requires_grad
        if learned and readable(sigma) and not sigma > SMALLEST_SIGMA:
            raise FloatingPointError(
                f"the learned sigma is {sigma:.2g}, smaller than a step between "
                "grey levels: these images can be rebuilt exactly, and their "
                "density then has no upper bound. Fix sigma, or leave out pixels "
                "that never change, or add a little noise."
            )
        return -gaussian_nll(x, output, sigma)

    def mean(self, output: Tensor) -> Tensor:
        """E[x|z], the output itself."""
        return output

    def sample(self, output: Tensor, generator: Rng = None) -> Tensor:
        """x ~ p(x|z), of the shape of the output; not cut to [0, 1]."""
        return output + self.sigma * normal_like(output, generator)


class SquaredError(Likelihood):
    """−‖x − output‖² in place of a logarithm  (AE.2), for autoencoders without a density."""

    def __init__(self) -> None:
        super().__init__()

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """−‖x − output‖², (B, ...) → (B,): that of a Gaussian with σ² = ½, but for a constant."""
        return -squared_error(x, output)

    def mean(self, output: Tensor) -> Tensor:
        """The output itself."""
        return output


def effective_beta(
    weight: float = 1.0,
    *,
    image_dim: int,
    latent_dim: int,
    reconstruction: Literal["sum", "mean"] = "sum",
    kl: Literal["sum", "mean"] = "sum",
    sigma: float | None = None,
) -> float:
    """The β that a loss "reconstruction + weight · KL" really has  (VAE.7).

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
