"""One latent number, a guess q at its posterior, and the bars that add up to the evidence."""

import torch
from traitlets import Bunch, Dict, Float, List, validate

from course_lib.evaluation import OneDimensionalModel
from course_lib.widgets.sent import sent_numbers
from course_lib.widgets.widget import Widget, Within, script

# Places of z, 1/32 apart: half of the smallest σ, and far beyond the largest.
REACH, NODES = 16.0, 1025


class EvidenceGap(Widget):
    """A normal q = N(μ, σ²) beside the true posterior p(z|x), and what its ELBO is made of.

    Left the densities over z; right, in nats, the two parts of the ELBO, the gap above it, and
    log p(x). Each bar begins where the one above it ends; those with "=" begin at 0. The vertical
    line is log p(x).

    model: what x and z have to do with each other. x: within x_range.
    mu, sigma: of q; μ in [−3, 3], σ in [1/16, 2].
    Raises ValueError for others.
    """

    _esm = script("evidence_gap.js")

    mu = Within(-3, 3, 0.0)
    sigma = Within(1 / 16, 2, 1.0)
    x = Float().tag(sync=True)
    x_range = List().tag(sync=True)
    g = Dict().tag(sync=True)
    s, reach = (Float().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        model: OneDimensionalModel,
        x: float,
        mu: float = 0.0,
        sigma: float = 1.0,
        x_range: tuple[float, float] = (-2.0, 2.0),
    ) -> None:
        z = torch.linspace(-REACH, REACH, NODES, dtype=torch.float64)
        super().__init__(
            mu=mu,
            sigma=sigma,
            x=x,
            x_range=list(x_range),
            g=sent_numbers(model.g(z)),
            s=model.s,
            reach=REACH,
            alt="Left the true posterior, a normal q and the prior over z; right bars for the "
            "parts of the ELBO and the gap, which add up to log p(x).",
        )

    @validate("x")
    def _within(self, proposal: Bunch) -> float:
        low, high = self.x_range
        x = float(proposal.value)
        if not low <= x <= high:
            raise ValueError(f"x must lie in [{low:g}, {high:g}], got {x:g}")
        return x
