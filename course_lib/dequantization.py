"""Noise that turns grey levels into real numbers, and what that makes of a likelihood.

Uniform noise: Theis, van den Oord & Bethge, A Note on the Evaluation of Generative Models, ICLR
2016. Learned noise: Ho et al., Flow++, ICML 2019.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.noise import Rng, normal_like, uniform_like
from course_lib.priors import coupling_network, normal_log_density


class UniformNoise(nn.Module):
    """u ~ U[0, 1) for each number, whatever the image: log q(u|x) = 0  (PRIOR.8)."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, generator: Rng = None) -> tuple[Tensor, Tensor]:
        """u and log q(u|x): levels (B, D) → (B, D) in [0, 1), (B,)."""
        return uniform_like(x, generator).to(x.dtype), x.new_zeros(len(x))


class LearnedNoise(nn.Module):
    """u = sigmoid(m(x) + s(x) ε), ε ~ N(0, I): noise in (0, 1) that a network chooses  (PRIOR.9).

    levels: how many values a number of x has, which scales what the network sees.
    hidden: the width of its two hidden layers. At first m = 0 and s = 1.5, which is nearly uniform.
    """

    def __init__(self, dimensions: int, levels: int, hidden: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.levels = levels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = coupling_network(dimensions, dimensions, hidden)

    def forward(self, x: Tensor, generator: Rng = None) -> tuple[Tensor, Tensor]:
        """u and log q(u|x): levels (B, D) → (B, D) in (0, 1), (B,)."""
        m, log_s = self.network(2 * x / (self.levels - 1) - 1).chunk(2, dim=-1)
        log_s = log_s + math.log(1.5)
        a = m + log_s.exp() * normal_like(m, generator)
        # du/da = u (1 − u), and −log u (1 − u) = softplus(a) + softplus(−a).
        log_q = normal_log_density(a, m, 2 * log_s) + F.softplus(a) + F.softplus(-a)
        return a.sigmoid(), log_q.sum(-1)


def dequantized_bound(
    log_density: Callable[[Tensor], Tensor], x: Tensor, noise: nn.Module, generator: Rng = None
) -> Tensor:
    """log p(x + u) − log q(u|x) for one u ~ q(u|x), whose mean is at most log P(x)  (PRIOR.9).

    log_density: log p of real numbers, (B, D) → (B,). x: levels 0, 1, 2, …, (B, D), of the dtype of
    the density. P(x) is the integral of p over [x, x + 1)^D. noise: x, generator → u, log q(u|x).
    Returns (B,), in nats per image.
    """
    u, log_q = noise(x, generator)
    return log_density(x + u) - log_q
