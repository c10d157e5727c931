"""A training to be wound back and forth: where points of a plane lay at each moment."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from traitlets import Dict, List, Unicode

from course_lib.widgets.sent import sent_numbers
from course_lib.widgets.widget import Index, Widget, script


class TrainingScrubber(Widget):
    """A slider over the moments of a training, and a button that plays them.

    moments: name of a moment, such as its epoch, → points (N, 2) at that moment, the same number
        each time: the codes of images, or the codes of a codebook.
    labels: (N,) class numbers, which colour the points. Without them each point has its number.
    background: (M, 2) points that stay, such as the vectors that a codebook describes.
    values: one number for each moment, announced beside it; quantity: what it is.
    name: what the slider is called. `at` is the moment shown, counted from 0; at first the last.
    Raises ValueError for fewer than two moments, and for points of other shapes.
    """

    _esm = script("training_scrubber.js")

    at = Index("n_moments")
    names, labels, values, ends = (List().tag(sync=True) for _ in range(4))
    points, background = (Dict().tag(sync=True) for _ in range(2))
    name, quantity = (Unicode().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        moments: Mapping[object, Tensor],
        labels: Tensor | None = None,
        background: Tensor | None = None,
        values: Sequence[float] = (),
        quantity: str = "",
        name: str = "epoch",
    ) -> None:
        shapes = {tuple(points.shape) for points in moments.values()}
        shape = next(iter(shapes), ())
        if len(moments) < 2 or len(shapes) != 1 or len(shape) != 2 or shape[1] != 2:
            raise ValueError(
                "moments must be at least two, all with points of one shape (N, 2), got "
                f"{len(moments)} with {sorted(shapes)}"
            )
        if values and len(values) != len(moments):
            raise ValueError(f"values must number {len(moments)} like moments, got {len(values)}")
        points = torch.stack([moment.detach().float().cpu() for moment in moments.values()])
        others = torch.zeros(0, 2) if background is None else background.detach().float().cpu()
        every = torch.cat([points.flatten(0, 1), others])
        low, high = every.amin(0), every.amax(0)
        room = 0.05 * (high - low).clamp(min=1e-6)
        self.n_moments = len(moments)
        super().__init__(
            at=len(moments) - 1,
            names=[str(moment) for moment in moments],
            labels=[] if labels is None else labels.tolist(),
            values=list(map(float, values)),
            ends=torch.stack([low - room, high + room], 1).tolist(),
            points=sent_numbers(points),
            background=sent_numbers(others),
            name=name,
            quantity=quantity,
            alt=f"Points in a plane at one {name} of a training.",
        )
