"""Ways from one code to another, measured where they are seen: in the pictures."""

from collections.abc import Callable

import torch
from torch import Tensor

Decode = Callable[[Tensor], Tensor]


def path_length(decode: Decode, path: Tensor) -> Tensor:
    """Σₜ ‖g(zₜ₊₁) − g(zₜ)‖: how far the decoded picture moves along a way of codes  (APP.7).

    decode: g, codes (N, d) → pictures (N, ...). path: z₀ … z_T, (T + 1, d) with T ≥ 1.
    Returns (), in the units of the pixels; the more steps, the longer or equal.
    Raises ValueError for another shape.
    """
    _check(path)
    return decode(path).flatten(1).diff(dim=0).norm(dim=1).sum()


def geodesic(decode: Decode, path: Tensor, steps: int = 200, lr: float = 0.02) -> Tensor:
    """A way between the same ends along which the picture moves less, (T + 1, d)  (APP.8).

    From the given way on, gradient steps on the energy T Σₜ ‖g(zₜ₊₁) − g(zₜ)‖², which is at least
    the squared length, and equal where all pictures are equally far apart: so they also spread
    evenly. Only the codes between the ends move. Adam, whose learning rate falls to 0.
    Raises ValueError for a path that is not (T + 1, d) with T ≥ 1, or for steps below 0.
    Arvanitidis, Hansen & Hauberg, Latent Space Oddity, ICLR 2018.
    """
    _check(path)
    if steps < 0:
        raise ValueError(f"steps must be ≥ 0, got {steps}")
    start, end = path[:1].detach(), path[-1:].detach()
    between = path[1:-1].detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([between], lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        pictures = decode(torch.cat([start, between, end])).flatten(1)
        energy = (len(path) - 1) * pictures.diff(dim=0).square().sum()
        (between.grad,) = torch.autograd.grad(energy, [between])
        optimizer.step()
    return torch.cat([start, between.detach(), end])


def _check(path: Tensor) -> None:
    if path.ndim != 2 or len(path) < 2:
        raise ValueError(f"path must be (T + 1, d) with T ≥ 1, got {tuple(path.shape)}")
