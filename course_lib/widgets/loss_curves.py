"""The loss of one pixel as a function of its reconstruction."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from traitlets import Dict, List, Unicode

from course_lib.widgets.sent import sent_numbers
from course_lib.widgets.widget import Widget, Within, script

LossFunction = Callable[[Tensor, Tensor], Tensor]
MOST = 10  # losses, for which there are colours


class LossCurves(Widget):
    """Losses of one pixel x against its reconstruction x̂, with a slider for each of the two.

    losses: label → function of x and x̂, both (n, 1) and strictly between 0 and 1 in x̂, that
        returns (n,); at most ten. They are computed once, for all places of both sliders.
    x, x_hat, loss: what the two sliders and the vertical axis are called.
    subject: what the curves are of, for those who cannot see them.
    A ring marks each curve's smallest value, a dot its value at the present x̂.
    Raises ValueError for no losses or more than ten, and for one that returns another shape.
    """

    _esm = script("loss_curves.js")

    x = Within(0, 1, 0.3)
    x_hat = Within(0.01, 0.99, 0.5)
    table = Dict().tag(sync=True)
    labels = List().tag(sync=True)
    x_label, x_hat_label, loss_label = (Unicode().tag(sync=True) for _ in range(3))

    def __init__(
        self,
        losses: Mapping[str, LossFunction],
        x: str = "pixel x",
        x_hat: str = "x̂",
        loss: str = "loss",
        subject: str = "one pixel x against its reconstruction x̂",
    ) -> None:
        if not 1 <= len(losses) <= MOST:
            raise ValueError(f"losses must be 1 to {MOST}, got {len(losses)}")
        places, grid = torch.linspace(0, 1, 101), torch.linspace(0.01, 0.99, 99)
        pairs = torch.cartesian_prod(places, grid)  # (101 · 99, 2)
        tables = []
        for label, function in losses.items():
            values = function(pairs[:, :1], pairs[:, 1:])
            if values.shape != (len(pairs),):
                raise ValueError(
                    f"losses[{label!r}] must return shape ({len(pairs)},) for that many pixels, "
                    f"got {tuple(values.shape)}"
                )
            tables.append(values.view(len(places), len(grid)))
        super().__init__(
            table=sent_numbers(torch.stack(tables)),
            labels=list(losses),
            x_label=x,
            x_hat_label=x_hat,
            loss_label=loss,
            alt="Curves of " + ", ".join(losses) + f" of {subject}.",
        )
