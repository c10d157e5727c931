"""What every model of the course is built from: a multilayer perceptron and a loss of named terms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
        layers += [seeded(nn.Linear, fan_in, fan_out, generator=generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional_encoder(
    image_shape: Sequence[int], channels: Sequence[int], outputs: int, generator: torch.Generator
) -> nn.Sequential:
    """Convolutions that each halve the sides, ReLU, one linear layer: (B, C, H, W) → (B, outputs).

    channels: of the layers, at least one. Initialised like `mlp`.
    Raises ValueError when a side cannot be halved that often.
    """
    grid = halved(image_shape, len(channels))
    layers = resampling(nn.Conv2d, [image_shape[0], *channels], generator)
    linear = seeded(nn.Linear, channels[-1] * math.prod(grid), outputs, generator=generator)
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), linear)


def convolutional_decoder(
    image_shape: Sequence[int], channels: Sequence[int], inputs: int, generator: torch.Generator
) -> nn.Sequential:
    """The encoder's mirror image, with transposed convolutions: (B, inputs) → (B, C, H, W)."""
    grid = halved(image_shape, len(channels))
    widths = [*reversed(channels), image_shape[0]]
    linear = seeded(nn.Linear, inputs, widths[0] * math.prod(grid), generator=generator)
    layers = resampling(nn.ConvTranspose2d, widths, generator)
    return nn.Sequential(linear, nn.Unflatten(1, (widths[0], *grid)), nn.ReLU(), *layers)


def resampling(
    layer_type: type[nn.Module], widths: Sequence[int], generator: torch.Generator
) -> nn.Sequential:
    """Conv2d layers that each halve the sides, or ConvTranspose2d that double, ReLU between."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [seeded(layer_type, before, after, 4, 2, 1, generator=generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def halved(image_shape: Sequence[int], times: int) -> tuple[int, int]:
    """Height and width after so many halvings; raises ValueError when one is not even."""
    height, width = image_shape[1:]
    if times < 1 or height % 2**times or width % 2**times:
        raise ValueError(
            f"the sides of image_shape must be multiples of 2 for each of the {times} layers in "
            f"channels, of which there is at least one; got image_shape {tuple(image_shape)}"
        )
    return height // 2**times, width // 2**times


def seeded(layer_type: type[nn.Module], *sizes: int, generator: torch.Generator) -> nn.Module:
    """A layer whose weights and biases come from U(±1/√fan_in) and from this generator."""
    layer = nn.utils.skip_init(layer_type, *sizes)
    bound = 1 / math.sqrt(layer.weight[0].numel())  # 1/√fan_in
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
