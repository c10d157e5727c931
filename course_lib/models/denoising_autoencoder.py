"""The denoising autoencoder, the optimal denoiser, and the score that it estimates.

Vincent, Larochelle, Lajoie, Bengio & Manzagol, Stacked Denoising Autoencoders, JMLR 11, 2010.
Score: Vincent, A Connection Between Score Matching and Denoising Autoencoders, Neural
Computation 23, 2011.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from course_lib.models.autoencoder import Autoencoder
from course_lib.noise import Rng, normal_like, uniform_like
from course_lib.objectives import Loss

Corruption = Callable[[Tensor, float, Rng], Tensor]


def masking(x: Tensor, strength: float, generator: Rng = None) -> Tensor:
    """x̃ⱼ = mⱼ xⱼ with mⱼ ~ Bernoulli(1 − strength)  (DAE.1): a share of the pixels becomes 0.

    x: (B, ...). Returns the same shape. Raises ValueError when strength leaves [0, 1].
    """
    _check_share(strength)
    return x * (uniform_like(x, generator) >= strength)


def gaussian_noise(x: Tensor, strength: float, generator: Rng = None) -> Tensor:
    """x̃ = x + σε with ε ~ N(0, I) and σ = strength, in pixel units  (DAE.2).

    x: (B, ...). Returns the same shape, not cut to [0, 1]. Raises ValueError for strength < 0 and
    for integers.
    """
    if not strength >= 0:
        raise ValueError(f"strength must be at least 0, got {strength}")
    return x + strength * normal_like(x, generator)


def salt_and_pepper(x: Tensor, strength: float, generator: Rng = None) -> Tensor:
    """A share `strength` of the pixels becomes 0 or 1, each with probability ½  (DAE.3).

    x: (B, ...). Returns the same shape. Raises ValueError when strength leaves [0, 1].
    """
    _check_share(strength)
    u = uniform_like(x, generator)  # below strength / 2: pepper, up to strength: salt
    return torch.where(u < strength, (u >= strength / 2).to(x.dtype), x)


class DenoisingAutoencoder(Autoencoder):
    """An autoencoder that rebuilds the clean image from a corrupted one  (DAE.4).

    corruption: (x, strength, generator) → x̃, such as `masking`, `gaussian_noise` or
        `salt_and_pepper`; strength: how much. The rest is as in Autoencoder.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        code: Literal["linear", "sigmoid", "relu"] = "linear",
        corruption: Corruption = masking,
        strength: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood, code, seed)
        self.corruption = corruption
        self.strength = strength

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """The reconstruction of the clean x from a new corrupted x̃ in every call."""
        x_tilde = self.corruption(x, self.strength, generator)
        output = self.decode(self.encode(x_tilde))
        return Loss({"reconstruction": self.nll(x, output).mean()})


def gaussian_denoiser(x_tilde: Tensor, mean: Tensor, covariance: Tensor, sigma: float) -> Tensor:
    """E[x | x̃] = m + Σ(Σ + σ²I)⁻¹(x̃ − m) for x ~ N(m, Σ) under Gaussian noise  (DAE.6).

    x_tilde: x̃, (B, D); mean: m, (D,); covariance: Σ, (D, D); sigma: σ > 0 of the noise.
    Returns (B, D), the best guess in squared error. Raises ValueError when sigma is not positive.
    """
    _check_sigma(sigma)
    identity = torch.eye(len(mean), dtype=covariance.dtype, device=covariance.device)
    noisy_covariance = covariance + sigma**2 * identity
    return mean + torch.linalg.solve(noisy_covariance, (x_tilde - mean).T).T @ covariance


def empirical_denoiser(x_tilde: Tensor, points: Tensor, sigma: float) -> Tensor:
    """E[x | x̃] = Σᵢ wᵢ xᵢ, wᵢ ∝ exp(−‖x̃ − xᵢ‖² / 2σ²), when x is one of N points  (DAE.7).

    x_tilde: x̃, (B, D); points: xᵢ, (N, D); sigma: σ > 0 of the Gaussian noise.
    Returns (B, D). Raises ValueError when sigma is not positive.
    """
    _check_sigma(sigma)
    # By differences, as ‖x̃‖² + ‖xᵢ‖² − 2x̃ᵀxᵢ loses the digits of points that are near.
    distances = torch.cdist(x_tilde, points, compute_mode="donot_use_mm_for_euclid_dist")  # (B, N)
    return torch.softmax(-distances.square() / (2 * sigma**2), dim=1) @ points


def score_from_denoiser(x_tilde: Tensor, denoised: Tensor, sigma: float) -> Tensor:
    """∇ log p_σ(x̃) = (E[x | x̃] − x̃) / σ²  (DAE.8, Tweedie's formula).

    x_tilde: x̃, of any shape; denoised: E[x | x̃], or an estimate of it; sigma: σ > 0 of the Gaussian
    noise. Returns the same shape. Raises ValueError when sigma is not positive.
    Efron, Tweedie's Formula and Selection Bias, JASA 106, 2011.
    """
    _check_sigma(sigma)
    return (denoised - x_tilde) / sigma**2


def _check_share(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must lie in [0, 1], got {strength}")


def _check_sigma(sigma: float) -> None:
    if not sigma > 0:
        raise ValueError(f"sigma must be > 0, got {sigma}")
