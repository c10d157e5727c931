"""The networks that the models are made of: dense and convolutional encoders and decoders.

Weights and biases are drawn from U(±1/√fan_in), which is PyTorch's default, but from a generator,
so that no global seed is touched.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them: (B, sizes[0]) → (B, sizes[-1]).

    Two sizes give a single linear layer.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [seeded(nn.Linear, fan_in, fan_out, generator=generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def dense_encoder(
    image_shape: Sequence[int], hidden: Sequence[int], outputs: int, generator: torch.Generator
) -> nn.Sequential:
    """An `mlp` on the pixels: (B, C, H, W) → (B, outputs). hidden: widths, () for a linear one."""
    return nn.Sequential(nn.Flatten(), *mlp([math.prod(image_shape), *hidden, outputs], generator))


def dense_decoder(
    image_shape: Sequence[int], hidden: Sequence[int], inputs: int, generator: torch.Generator
) -> nn.Sequential:
    """The encoder's mirror image: (B, inputs) → (B, C, H, W)."""
    layers = mlp([inputs, *reversed(hidden), math.prod(image_shape)], generator)
    return nn.Sequential(*layers, nn.Unflatten(1, tuple(image_shape)))


def convolutional_encoder(
    image_shape: Sequence[int], channels: Sequence[int], outputs: int, generator: torch.Generator
) -> nn.Sequential:
    """Convolutions that each halve the sides, ReLU, one linear layer: (B, C, H, W) → (B, outputs).

    channels: of the layers, at least one.
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


class ChannelsLast(nn.Module):
    """(B, D_e, *grid) → (B, *grid, D_e): a convolution's channels become vectors on the grid."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(1, -1)


class ChannelsFirst(nn.Module):
    """(B, *grid, D_e) → (B, D_e, *grid), for a convolution that follows."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)


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
