"""Where the best denoiser moves the points of a plane."""

import math

import torch
from torch import Tensor
from traitlets import Dict, List

from course_lib.widgets.sent import sent_numbers
from course_lib.widgets.widget import Numbers, Widget, Within, script


class DenoisingField(Widget):
    """Arrows x̃ → E[x | x̃] for x one of the points, under Gaussian noise σ on a slider  (DAE.7).

    points: (N, 2). sigma: of the noise, in [1/64, 4]; four steps of its slider double it.
    `place` is a point x̃ of the reader's own, to be dragged.
    Raises ValueError when points are not finite pairs, or all the same, and for another sigma.
    """

    _esm = script("denoising_field.js")

    sigma = Within(2**-6, 2**2, 0.25)
    place = Numbers()
    points = Dict().tag(sync=True)
    ends = List().tag(sync=True)

    def __init__(self, points: Tensor, sigma: float = 0.25) -> None:
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
            raise ValueError(f"points must have shape (N, 2), got {tuple(points.shape)}")
        if not points.isfinite().all():
            raise ValueError("points must be finite, got NaN or infinite coordinates")
        mean = points.mean(0)
        extent = (points - mean).abs().max().item()
        if extent == 0:
            raise ValueError("points must differ, got the same point everywhere")
        digits = 1 - math.floor(math.log10(extent))  # the axes end at round numbers
        unit = 10.0**-digits
        ends = [
            (
                round(math.floor((m - 1.5 * extent) / unit) * unit, digits),
                round(math.ceil((m + 1.5 * extent) / unit) * unit, digits),
            )
            for m in mean.tolist()
        ]
        super().__init__(
            sigma=sigma,
            place=(mean + torch.tensor([0.8, 1.1]) * extent).tolist(),
            points=sent_numbers(points),
            ends=ends,
            alt="Data points in a plane, and arrows from a grid of corrupted points to what the "
            "best denoiser answers.",
        )
