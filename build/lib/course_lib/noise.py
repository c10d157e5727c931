"""Random numbers with the shape, the dtype and the device of the data.

They are drawn where the generator is and then moved, so that one on the CPU gives the same numbers
whatever the device; without a generator they are drawn on the device.
"""

import torch
from torch import Tensor

Rng = torch.Generator | None


def normal_like(x: Tensor, generator: Rng = None) -> Tensor:
    """ε ~ N(0, I), of the shape of x."""
    place = x.device if generator is None else generator.device
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=place).to(x.device)


def uniform_like(x: Tensor, generator: Rng = None) -> Tensor:
    """u ~ U[0, 1), of the shape of x."""
    place = x.device if generator is None else generator.device
    return torch.rand(x.shape, generator=generator, dtype=x.dtype, device=place).to(x.device)


def coins_like(x: Tensor, generator: Rng = None) -> Tensor:
    """0 or 1 with probability ½ each, of the shape of x."""
    place = x.device if generator is None else generator.device
    return torch.randint(0, 2, x.shape, generator=generator, dtype=x.dtype, device=place).to(x.device)


def permutation(n: int, device: torch.device, generator: Rng = None) -> Tensor:
    """The numbers 0 … n − 1 in random order, (n,)."""
    place = device if generator is None else generator.device
    return torch.randperm(n, generator=generator, device=place).to(device)
