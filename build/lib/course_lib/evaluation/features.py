"""Hidden units: how often they are active, and what their weights look like as pictures."""

import torch
from torch import Tensor


def lifetime_activity(h: Tensor, threshold: float) -> Tensor:
    """The share of the images for which each unit exceeds the threshold  (SAE.8): (B, d) → (d,)."""
    return (h > threshold).float().mean(0)


def population_activity(h: Tensor, threshold: float) -> Tensor:
    """The share of the units that exceed the threshold for each image  (SAE.8): (B, d) → (B,)."""
    return (h > threshold).float().mean(1)


def participation_ratio(w: Tensor) -> Tensor:
    """PR(w) = (Σₚ wₚ²)² / Σₚ wₚ⁴, the number of pixels that a feature occupies  (SAE.7).

    w: (..., D). Returns (...): 1 for a single pixel, D for weights of one size, D/3 on average
    for normal noise. Raises ValueError for a feature that is zero everywhere.
    """
    squares = w.square()
    if not (squares.sum(-1) > 0).all():
        raise ValueError("every feature must have a weight that is not 0")
    return squares.sum(-1).square() / squares.square().sum(-1)


def orientation_selectivity(w: Tensor) -> Tensor:
    """|Σ_f P(f) exp(2iθ_f)| / Σ_f P(f), where P is the power of the feature at frequency f  (SAE.9).

    θ_f is the direction of the frequency f ≠ 0; the factor 2 makes opposite directions one.
    w: (..., H, W). Returns (...), from 0 (every direction alike) to 1 (a grating).
    """
    size = (2 * w.shape[-2], 2 * w.shape[-1])  # padded with 0: a finer grid of frequencies
    power = torch.fft.fft2(w, s=size).abs().square()
    power[..., 0, 0] = 0  # the mean has no direction
    fy, fx = torch.meshgrid(*map(torch.fft.fftfreq, size), indexing="ij")
    direction = torch.polar(torch.ones(size), 2 * torch.atan2(fy, fx))
    return (power * direction).sum((-2, -1)).abs() / power.sum((-2, -1))
