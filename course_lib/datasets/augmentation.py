"""Images that are moved at random, so that a few stand for many."""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.noise import Rng, uniform_like


def shifted(images: Tensor, most: int, generator: Rng = None) -> Tensor:
    """Each image moved by up to `most` whole pixels along each axis, all places alike likely.

    What leaves the frame is lost, and what comes in is 0. images: (N, C, H, W), and so returned.
    Raises ValueError for another shape or for most < 0.

    Example:
        >>> shifted(torch.eye(3).view(1, 1, 3, 3), 0).squeeze().trace()
        tensor(3.)
    """
    if images.ndim != 4:
        raise ValueError(f"images must be (N, C, H, W), got {tuple(images.shape)}")
    if most < 0:
        raise ValueError(f"most must be ≥ 0, got {most}")
    N, C, H, W = images.shape
    padded = F.pad(images, (most,) * 4)  # (N, C, H + 2 most, W + 2 most)
    corner = (uniform_like(images[:, 0, 0, :1].expand(N, 2), generator) * (2 * most + 1)).long()
    rows = corner[:, 0, None] + torch.arange(H, device=images.device)  # (N, H)
    columns = corner[:, 1, None] + torch.arange(W, device=images.device)  # (N, W)
    image = torch.arange(N, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(C, device=images.device).view(1, -1, 1, 1)
    return padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]]
