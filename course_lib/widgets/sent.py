"""What is sent to the page: pictures as bytes, numbers as float32, networks layer by layer."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from course_lib.likelihoods import Bernoulli, Gaussian, Likelihood, SquaredError
from course_lib.models.contractive_autoencoder import TiedDecoder
from course_lib.models.networks import ChannelsFirst, ChannelsLast

WEIGHTED = (nn.Linear, TiedDecoder, nn.Conv2d, nn.ConvTranspose2d)
ACTIVATIONS = (nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Tanh)
RESHAPES = (nn.Flatten, nn.Unflatten, nn.Identity, Gaussian, SquaredError)  # no number changes


def sent_images(images: Tensor) -> dict[str, Any]:
    """Images (N, C, H, W) in [0, 1], which are cut: {"shape", "bytes"}, a byte a pixel."""
    pixels = (images.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
    return {"shape": list(images.shape), "bytes": pixels.numpy().tobytes()}


def sent_numbers(values: Tensor) -> dict[str, Any]:
    """A tensor of any shape: {"shape", "bytes"}, float32, row by row."""
    numbers = values.detach().to("cpu", torch.float32).contiguous()
    return {"shape": list(values.shape), "bytes": numbers.numpy().tobytes()}


@torch.no_grad()
def sent_network(
    parts: Iterable[nn.Module], example: Tensor, dtype: Literal["float16", "float32"] = "float16"
) -> dict[str, Any]:
    """Networks one after the other, for nn.js: {"layers", "dtype", "bytes"}.

    parts: layers, nn.Sequential of them, or a likelihood, which stands for its mean.
    example: a batch of one, from whose way through the layers their shapes are read.
    dtype: of the weights. Half precision halves what is sent and changes a pixel by about 0.001.
    Raises ValueError for a layer that the page cannot compute.
    """
    layers: list[dict[str, Any]] = []
    weights: list[Tensor] = []
    x, sent = example, 0
    for layer in flattened(parts):
        before, x = x, layer.mean(x) if isinstance(layer, Likelihood) else layer(x)
        if isinstance(layer, RESHAPES):
            continue
        layers.append(described(layer, tuple(before.shape[1:]), tuple(x.shape[1:])))
        if isinstance(layer, WEIGHTED):
            bias = x.new_zeros(x.shape[1]) if layer.bias is None else layer.bias
            tied = isinstance(layer, TiedDecoder)  # whose weight is that of the encoder
            weight = layer.weight.T if tied else layer.weight
            for name, values in (("weight", weight), ("bias", bias)):
                layers[-1][name] = [sent, values.numel()]
                weights.append(values.flatten())
                sent += values.numel()
    numbers = torch.cat(weights).to("cpu", getattr(torch, dtype))
    return {"layers": layers, "dtype": dtype, "bytes": numbers.numpy().tobytes()}


def decoder_of(model: Any) -> list[nn.Module]:
    """What takes a code to a picture: the decoder and the likelihood's mean.

    Raises ValueError for a model without these parts.
    """
    if not (hasattr(model, "decoder") and hasattr(model, "likelihood")):
        raise ValueError(
            "model must have a decoder and a likelihood, as autoencoders, VAEs and VQ-VAEs do, "
            f"got {type(model).__name__}"
        )
    return [model.decoder, model.likelihood]


def flattened(parts: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """The layers in the order in which they are called."""
    for part in parts:
        if isinstance(part, nn.Sequential):
            yield from flattened(part)
        else:
            yield part


def described(layer: Any, before: Sequence[int], after: Sequence[int]) -> dict[str, Any]:
    """A layer, and the shapes (without the batch) before and after it, as nn.js reads them."""
    kind = type(layer).__name__
    if kind in ("Conv2d", "ConvTranspose2d"):
        k, stride, padding = layer.kernel_size[0], layer.stride[0], layer.padding[0]
        plain = type(layer)(layer.in_channels, layer.out_channels, k, stride, padding)
        if str(plain) == str(layer):  # nothing but what is sent: square, no groups, no dilation
            shapes = {"shape": list(before), "out": list(after)}
            return {"kind": kind, "kernel": k, "stride": stride, "padding": padding, **shapes}
    elif isinstance(layer, nn.Linear | TiedDecoder):
        return {"kind": "Linear"}
    elif isinstance(layer, Bernoulli):
        return {"kind": "Sigmoid"}
    elif isinstance(layer, ACTIVATIONS):
        return {"kind": type(layer).__name__}
    elif isinstance(layer, ChannelsLast):
        return {"kind": "Transpose", "rows": before[0], "columns": math.prod(before[1:])}
    elif isinstance(layer, ChannelsFirst):
        return {"kind": "Transpose", "rows": math.prod(before[:-1]), "columns": before[-1]}
    raise ValueError(
        "model must be made of linear and (square, plain) convolutional layers, ReLU, Sigmoid, "
        f"SiLU and Tanh, which the page can compute, got {layer}"
    )
