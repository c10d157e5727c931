"""What an exercise is, and how near an answer must come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

TOLERANCE = 1e-3  # relative
SMALL = 1e-3  # below it the tolerance no longer shrinks, so that 0 can be met
Value = float | tuple[float, ...]
Parameters = dict[str, Value]
Answer = Callable[..., float] | str  # a function of the parameters, or the text of a choice


@dataclass(frozen=True)
class Mistake:
    """One way to go wrong.

    wrong: the function of the parameters, and of the names in a formula, that it amounts to, NaN
        where the parameters leave no room for it; or the text of the wrong choice. says: what was
        done, without the right value; see: where the course shows how it goes.
    """

    id: str
    wrong: Answer
    says: str
    see: str


@dataclass(frozen=True)
class Exercise:
    """A question with numbers to be drawn, its answer and the usual mistakes.

    kind: "number", "formula" or "choice". draw: the parameters from a random generator.
    statement: Markdown in which <name> stands for a parameter. truth: a function of the
    parameters, and in a formula of the names, or the text of the right choice. unit: "nats",
    "bits" or nothing. domain: the interval of each name in a formula. integer: whether the
    answer is one, and nothing else is taken.
    """

    id: str
    title: str
    kind: str
    statement: str
    truth: Answer
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    draw: Callable[[Random], Parameters] = lambda random: {}
    unit: str = ""
    domain: dict[str, tuple[float, float]] = field(default_factory=dict)
    integer: bool = False


def on_grid(random: Random, low: float, high: float, step: float = 0.1) -> float:
    """A multiple of step from low to high, both included.

    Built on random() alone, the one method whose sequence Python promises to keep.
    """
    count = round((high - low) / step) + 1
    return round(low + step * int(count * random.random()), 6)


def probabilities(random: Random, n: int, parts: int = 20) -> tuple[float, ...]:
    """n probabilities > 0, multiples of 1/parts, that sum to 1."""
    cuts = sorted(range(1, parts), key=lambda _: random.random())[: n - 1]
    edges = [0, *sorted(cuts), parts]
    return tuple((b - a) / parts for a, b in pairwise(edges))


def near(a: float, b: float, tolerances: float = 1) -> bool:
    """Whether two values lie within the tolerance, or within several times that."""
    return abs(a - b) <= tolerances * TOLERANCE * max(SMALL, abs(a), abs(b))


def written(value: Value) -> str:
    """A parameter as the statement shows it: 0.5, or (1, 0.5) for a vector."""
    if isinstance(value, tuple):
        return "(" + ", ".join(map(written, value)) + ")"
    return f"{value:.12g}"
