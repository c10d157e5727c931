"""A guess on the axes, made before the curve appears."""

import math
from collections.abc import Mapping

from traitlets import Bool, List, Unicode

from course_lib.widgets.widget import Numbers, Widget, script


class Prediction(Widget):
    """The reader marks a guess for every place; a button then shows what was measured.

    measured: place on the x axis → number, at least two places, in the order in which they stand.
    x_label, y_label: what places and numbers are.
    low, high: the ends of the y axis; by default 0, or the smallest number where it is below, and a
        quarter more than the largest, so that the axis does not give the answer away.
    Raises ValueError for fewer places, numbers that are not finite, and an axis without them.
    """

    _esm = script("prediction.js")

    guess = Numbers()
    revealed = Bool().tag(sync=True)
    places, measured, ends = (List().tag(sync=True) for _ in range(3))
    x_label, y_label = (Unicode().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        measured: Mapping[float | str, float],
        x_label: str,
        y_label: str,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        numbers = [float(value) for value in measured.values()]
        if len(numbers) < 2 or not all(map(math.isfinite, numbers)):
            raise ValueError(f"measured must hold at least two finite numbers, got {numbers}")
        low = min(0.0, *numbers) if low is None else low
        high = max(numbers) + 0.25 * (max(numbers) - low) if high is None else high
        if not low <= min(numbers) <= max(numbers) <= high or low == high:
            raise ValueError(
                f"low and high must enclose {min(numbers):g} to {max(numbers):g}, "
                f"got {low:g} and {high:g}"
            )
        super().__init__(
            guess=[(low + high) / 2] * len(numbers),
            places=[f"{place:g}" if isinstance(place, float) else str(place) for place in measured],
            measured=numbers,
            ends=[low, high],
            x_label=x_label,
            y_label=y_label,
            alt=f"Axes of {y_label} against {x_label}, on which to mark a guess before the "
            "measured curve is shown.",
        )
