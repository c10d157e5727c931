"""The same noise, moved and stretched: samples of N(μ, σ²) as a function of μ and σ."""

import torch

from course_lib.widgets.widget import Numbers, Widget, Within, script


class Reparameterization(Widget):
    """Draws ε ~ N(0, 1) and, joined to them by lines, z = μ + σε  (VAE.3).

    The draws stay when μ and σ move; a button makes new ones. One draw is followed, with its
    numbers.

    n: how many draws. seed: of the first draws. `epsilon` holds them and can be set.
    Raises ValueError for n below 1.
    """

    _esm = script("reparameterization.js")

    mu = Within(-3, 3, 1.5)
    sigma = Within(0.1, 2, 0.5)
    epsilon = Numbers()

    def __init__(self, n: int = 30, seed: int = 0) -> None:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        super().__init__(
            epsilon=torch.randn(n, generator=torch.Generator().manual_seed(seed)),
            alt="Above draws of noise under the density N(0, 1), below the codes that they become "
            "under the density N(μ, σ²), each joined to its noise by a line.",
        )
