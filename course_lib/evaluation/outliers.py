"""How well a score tells what is strange from what is not."""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.checks import check


@dataclass(frozen=True)
class AUROC:
    """A value from 0 to 1, ½ for a score that knows nothing, and its standard error.

    The error is 0 where no image is on the wrong side, which does not mean that none ever will be.
    """

    value: float
    error: float


def auroc(usual: Tensor, strange: Tensor) -> AUROC:
    """P(s > u) + ½ P(s = u) for the score s of a strange image and u of a usual one  (APP.2).

    The area under the curve of true against false alarms, over all thresholds, without a
    threshold. usual: (N,), strange: (M,), scores that should be high for strange images, N and
    M ≥ 2. The standard error is that of DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44: of the
    spread over the images of either kind of the share of the other kind on the right side.
    Raises ValueError for other shapes and for scores that are not numbers.

    Example:
        >>> auroc(torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([4.0, 2.0])).value
        0.8125
    """
    for name, scores in {"usual": usual, "strange": strange}.items():
        if scores.ndim != 1 or len(scores) < 2:
            raise ValueError(f"{name} must be (N,) with N ≥ 2, got {tuple(scores.shape)}")
    usual, strange = usual.detach().cpu().double(), strange.detach().cpu().double()
    check("be numbers", lambda x: ~x.isnan(), usual=usual, strange=strange)
    above = _share_below(usual, strange)  # (M,), of the usual ones
    below = 1 - _share_below(strange, usual)  # (N,), of the strange ones
    error = (above.var() / len(above) + below.var() / len(below)).sqrt()
    return AUROC(above.mean().item(), error.item())


def _share_below(x: Tensor, of: Tensor) -> Tensor:
    """For each number the share of x below it, equal ones counted half."""
    x = x.sort().values
    twice = torch.searchsorted(x, of) + torch.searchsorted(x, of, right=True)
    return twice.double() / (2 * len(x))
