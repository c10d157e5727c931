"""What every model of the course is built from: a multilayer perceptron and a loss of named terms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Loss:
    """total = Σₖ weightₖ · termₖ, where a weight that is not named is 1.

    terms: scalars in nats per image (or squared pixel units), averaged over the batch.
    """

    terms: dict[str, Tensor]
    weights: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        """The weighted sum, which `training.fit` minimises."""
        return sum(self.weights.get(name, 1.0) * term for name, term in self.terms.items())


def mlp(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them: (B, sizes[0]) → (B, sizes[-1]).

    Two sizes give a single linear layer. Weights and biases are drawn from U(±1/√fan_in), which
    is PyTorch's default, but from `generator`, so that no global seed is touched.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
        for parameter in linear.parameters():
            bound = 1 / math.sqrt(fan_in)
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
