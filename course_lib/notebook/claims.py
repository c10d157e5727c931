"""What a chapter claims: a sentence, the value that was measured, its bound, and five seeds."""

import html
import json
import math
from dataclasses import dataclass
from functools import cache

import torch
from IPython.display import display

from course_lib.datasets import DATA_DIR
from course_lib.training.loop import INTERRUPTED

MEASURED: dict[str, float] = {}  # of the claims made in this process, for chapters/seeds.py


@dataclass(frozen=True)
class Claim:
    """A sentence, a value between its bounds, and the values that other seeds gave."""

    name: str
    sentence: str
    value: float
    at_least: float = -math.inf
    at_most: float = math.inf
    seeds: tuple[float, ...] = ()

    @property
    def measured(self) -> str:
        """The value, its bounds and its spread in words."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        wanted = " and ".join(f"{says} {number(b)}" for says, b in bounds if math.isfinite(b))
        if self.at_least == self.at_most:
            wanted = f"exactly {number(self.at_most)}"
        spread = sorted(self.seeds)
        among = f"; five seeds: {number(spread[0])} to {number(spread[-1])}" if spread else ""
        return f"measured {number(self.value)}, claimed {wanted}{among}"

    def __repr__(self) -> str:
        return f"✓ {self.name}: {self.sentence}\n  {self.measured}"

    def _repr_html_(self) -> str:
        said = f"<p>✓ <strong>{self.name}</strong>: {html.escape(self.sentence)}</p>"
        return f'{said}<p class="measured">{self.measured}<br>{self._bar()}</p>'

    def _bar(self) -> str:
        """An axis with the value filled, the seeds hollow, and what is not claimed shaded."""
        bounds = [b for b in (self.at_least, self.at_most) if math.isfinite(b)]
        shown = [self.value, *self.seeds, *bounds]
        wide = min(shown) > 0 and max(shown) > 20 * min(shown)
        low, high = (math.log(f(shown)) if wide else f(shown) for f in (min, max))
        room = 0.15 * (high - low) or 1.0

        def place(x: float) -> float:
            x = math.log(x) if wide else x
            return round(4 + 232 * (x - low + room) / (high - low + 2 * room), 1)

        parts = ['<line x1="4" x2="236" y1="9" y2="9" stroke="currentColor"/>']
        for bound, end in ((self.at_least, 4.0), (self.at_most, 236.0)):
            if math.isfinite(bound):
                left, right = sorted((place(bound), end))
                parts.append(
                    f'<rect x="{left}" width="{right - left:.1f}" y="2" height="14" '
                    f'fill="currentColor" opacity=".2"/><line x1="{place(bound)}" '
                    f'x2="{place(bound)}" y1="0" y2="18" stroke="currentColor" stroke-width="2"/>'
                )
        parts += [
            f'<circle cx="{place(x)}" cy="9" r="4" fill="none" stroke="currentColor"/>'
            for x in self.seeds
        ]
        parts.append(f'<circle cx="{place(self.value)}" cy="9" r="4" fill="currentColor"/>')
        return f'<svg width="240" height="18" aria-hidden="true">{"".join(parts)}</svg>'


def claim(
    name: str,
    sentence: str,
    value: float,
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> None:
    """Show the claim with what was measured, or raise when that is beyond the bounds.

    name: CHAPTER.words-with-dashes, unique in the course. value: a number, or a tensor of one;
    where several are meant, the worst of them. With it stand the values of five seeds, which
    chapters/seeds.py has measured.
    Raises AssertionError when value < at_least, value > at_most or it is no number, with a hint
    when a training has been interrupted, and TypeError when value is a truth value or there is
    no bound.

    Example:
        >>> claim("AE.two-sides", "a coin has two sides", 2, at_least=2, at_most=2)
        ✓ AE.two-sides: a coin has two sides
          measured 2, claimed exactly 2
    """
    if isinstance(value, bool) or (isinstance(value, torch.Tensor) and value.dtype == torch.bool):
        raise TypeError(f"claim {name} needs a value that was measured, got {value}")
    if math.isinf(at_least) and math.isinf(at_most):
        raise TypeError(f"claim {name} needs at_least, at_most or both")
    measured = float(value.detach() if isinstance(value, torch.Tensor) else value)
    made = Claim(name, sentence, measured, at_least, at_most, spread().get(name, ()))
    if not at_least <= made.value <= at_most:
        message = f"claim {name} does not hold here: {sentence}; {made.measured}."
        if stopped := sorted({type(model).__name__ for model in INTERRUPTED}):
            message += (
                f" The training of {', '.join(stopped)} was interrupted, which may be why: run its "
                "cell again, to the end, and then this one."
            )
        raise AssertionError(message)
    MEASURED[name] = made.value
    display(made)


@cache
def spread() -> dict[str, tuple[float, ...]]:
    """What each claim measured with the seeds 0 to 4, of course_lib/data/claims.json."""
    kept = json.loads((DATA_DIR / "claims.json").read_text("utf-8"))
    return {name: tuple(values) for name, values in kept.items()}


def number(x: float) -> str:
    """Three digits: 0.0312, 12.3, 1,460, 2.5e-07."""
    if x and not 1e-3 <= abs(x) < 1e6:
        return f"{x:.2g}"
    return f"{x:,.0f}" if abs(x) >= 100 else f"{float(f'{x:.3g}'):g}"
