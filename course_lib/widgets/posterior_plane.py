"""What the model would say of each image, and what the encoder says, as a training goes on."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from traitlets import Dict, List, Unicode

from course_lib.widgets.sent import sent_numbers
from course_lib.widgets.widget import Index, Widget, script


class PosteriorPlane(Widget):
    """Planes of posterior means, one for each training, under one slider over their steps.

    A dot is an image: across, the mean of the model's own posterior p(z|x); up, that of q(z|x).
    On the diagonal the encoder is right; on the level line it says nothing; in the middle there is
    nothing to say (He et al., Lagging Inference Networks, ICLR 2019).

    runs: name of a training → means (S, N, 2), model and encoder, at each of S moments.
    steps: (S,) the training steps of these moments. labels: (N,) class numbers, for the colours.
    values: name → S numbers, announced with the step; quantity: what they are.
    `at` is the moment shown, counted from 0; at first the last.
    Raises ValueError for means of other shapes, and for fewer than two moments.
    """

    _esm = script("posterior_plane.js")

    at = Index("n_moments")
    names, steps, labels, values = (List().tag(sync=True) for _ in range(4))
    points = Dict().tag(sync=True)
    quantity = Unicode().tag(sync=True)

    def __init__(
        self,
        runs: Mapping[str, Tensor],
        steps: Sequence[int],
        labels: Tensor | None = None,
        values: Mapping[str, Sequence[float]] | None = None,
        quantity: str = "",
    ) -> None:
        shapes = [tuple(means.shape) for means in runs.values()]
        shape = shapes[0] if shapes else ()
        right = len(shape) == 3 and shape[2] == 2 and shape[0] == len(steps) >= 2
        if not right or len(set(shapes)) != 1:
            raise ValueError(
                "runs must hold means (S, N, 2) of one shape for each of S ≥ 2 steps, "
                f"got {shapes} for {len(steps)} steps"
            )
        if labels is not None and len(labels) != shape[1]:
            raise ValueError(f"labels must number {shape[1]} like the images, got {len(labels)}")
        if values is not None and (
            set(values) != set(runs) or any(len(v) != len(steps) for v in values.values())
        ):
            raise ValueError(f"values must have {len(steps)} numbers for each of {list(runs)}")
        self.n_moments = len(steps)
        super().__init__(
            at=len(steps) - 1,
            names=list(runs),
            steps=list(map(int, steps)),
            labels=[] if labels is None else labels.tolist(),
            values=[] if values is None else [list(map(float, values[name])) for name in runs],
            points=sent_numbers(torch.stack([means.detach().cpu() for means in runs.values()])),
            quantity=quantity,
            alt="Means of the model's posterior against those of the encoder, a dot an image, for "
            f"{' and '.join(runs)}, at one step of the training.",
        )
