"""Hidden units: how often they are active, and what their weights look like as pictures."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks import check, readable


def lifetime_activity(h: Tensor, threshold: float) -> Tensor:
    """The share of the images for which each unit exceeds the threshold  (SAE.7): (B, d) → (d,).

    Raises ValueError when there is no image or an activation is NaN.
    """
    return _active(h, threshold).mean(0)


def population_activity(h: Tensor, threshold: float) -> Tensor:
    """The share of the units that exceed the threshold for each image  (SAE.7): (B, d) → (B,).

    Raises ValueError when there is no unit or an activation is NaN.
    """
    return _active(h, threshold).mean(1)


@torch.no_grad()
def unit_features(decode: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """What each unit adds to the picture when it alone goes from 0 to 1: (d, C, H, W).

    decode: (B, d) → pictures (B, C, H, W). like: codes (B, d), whose dtype and device are used.
    Of a linear decoder these are the columns of its weights.
    """
    none, one = like.new_zeros(1, like.shape[1]), torch.eye(like.shape[1]).to(like)
    return decode(one) - decode(none)


def _active(h: Tensor, threshold: float) -> Tensor:
    if h.ndim < 2 or h.numel() == 0:
        raise ValueError(f"h must have shape (B, d) with B, d ≥ 1, got {tuple(h.shape)}")
    check("hold numbers", lambda h: ~h.isnan(), h=h)
    return (h > threshold).float()


def participation_ratio(w: Tensor) -> Tensor:
    """PR(w) = (Σₚ wₚ²)² / Σₚ wₚ⁴, the number of pixels that a feature occupies  (SAE.5).

    w: (..., D). Returns (...): 1 for a single pixel, D for weights of one size, D/3 on average
    for normal noise. Raises ValueError for a feature that is zero everywhere or not finite.
    """
    squares = _scaled(w, 1).square()
    return squares.sum(-1).square() / squares.square().sum(-1)


def orientation_selectivity(w: Tensor) -> Tensor:
    """|Σ_f P(f) exp(2iθ_f)| / Σ_f P(f), P the power of the feature at frequency f  (SAE.6).

    θ_f is the direction of the frequency f ≠ 0; the factor 2 makes opposite directions one.
    w: (..., H, W). Returns (...), from 0 (every direction alike) to 1 (a grating).
    Raises ValueError for a feature that is zero everywhere or not finite.
    """
    w = _scaled(w, 2)
    size = (2 * w.shape[-2], 2 * w.shape[-1])  # padded with 0: a finer grid of frequencies
    power = torch.fft.fft2(w, s=size).abs().square()
    fy, fx = (torch.fft.fftfreq(n, dtype=w.dtype, device=w.device) for n in size)
    fy, fx = torch.meshgrid(fy, fx, indexing="ij")
    power = power * ((fy != 0) | (fx != 0))  # the mean has no direction
    direction = torch.polar(torch.ones_like(fx), 2 * torch.atan2(fy, fx))
    return (power * direction).sum((-2, -1)).abs() / power.sum((-2, -1))


def _scaled(w: Tensor, axes: int) -> Tensor:
    """Features over their largest weight in the last axes: squares of small ones are 0."""
    if w.ndim < axes or w.numel() == 0:
        raise ValueError(f"w must have {axes} or more axes and a weight, got {tuple(w.shape)}")
    w = w if w.is_floating_point() else w.to(torch.get_default_dtype())
    largest = w.detach().abs().amax(tuple(range(-axes, 0)), keepdim=True)
    if readable(w) and not ((largest > 0) & (largest < torch.inf)).all():
        raise ValueError("every feature must be finite and have a weight that is not 0")
    return w / largest
