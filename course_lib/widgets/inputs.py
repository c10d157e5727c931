"""What a widget is given: models that it can show, and images, codes and labels that fit."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

ONE_CODE = "autoencoders and VAEs"  # the models whose code is one vector an image


def check_number(images: Tensor, **others: Tensor | None) -> None:
    """Raises ValueError unless there is one of the others for each image, or None at all."""
    for name, values in others.items():
        if values is not None and len(values) != len(images):
            raise ValueError(f"{name} must number {len(images)} like images, got {len(values)}")


def check_has(model: nn.Module, *names: str, kinds: str) -> None:
    """Raises ValueError unless the model has methods or parts of these names, as the kinds do."""
    if not all(hasattr(model, name) for name in names):
        raise ValueError(
            f"model must have {' and '.join(names)}, as {kinds} do, got {type(model).__name__}"
        )


@torch.inference_mode()
def check_fit(rebuild: Callable[[Tensor], Tensor], model: nn.Module, images: Tensor) -> None:
    """Raises ValueError for images of a shape that the model does not rebuild."""
    given = tuple(images.shape[1:])
    try:
        rebuilt = tuple(rebuild(like(model, images[:1])).shape[1:])
    except RuntimeError as error:
        raise ValueError(f"images of shape {given} do not fit the model: {error}") from error
    if rebuilt != given:
        raise ValueError(f"images must have the model's shape {rebuilt}, got {given}")


def like(model: nn.Module, values: Tensor) -> Tensor:
    """Values in the dtype and on the device of the model's weights, if it has any."""
    weight = next(model.parameters(), None)
    return values if weight is None else values.to(weight)


def mean_code(model: Any, images: Tensor) -> Tensor:
    """The code of each image, of a VAE the mean of q(z|x): (N, C, H, W) → (N, d).

    Raises ValueError for a model that does not give each image d numbers, and for images of
    another shape than the model's.
    """
    check_has(model, "encode", kinds=ONE_CODE)
    try:
        codes = model.encode(like(model, images))
    except RuntimeError as error:
        given = tuple(images.shape[1:])
        raise ValueError(f"images of shape {given} do not fit the model: {error}") from error
    codes = codes[0] if isinstance(codes, tuple) else codes
    if codes.ndim != 2:
        raise ValueError(
            f"model must encode each image as one vector (N, d), as {ONE_CODE} do, "
            f"got {type(model).__name__} with codes of shape {tuple(codes.shape)}"
        )
    return codes


@torch.inference_mode()
def codes_of(model: nn.Module, images: Tensor) -> Tensor:
    """`mean_code` without gradients, on the CPU."""
    return mean_code(model, images).cpu()


@torch.inference_mode()
def pictures_of(model: Any, codes: Tensor, image_shape: Sequence[int]) -> Tensor:
    """What codes stand for, by `decode_mean` or, where there is none, `decode`.

    codes: (N, ...). Returns (N, *image_shape), on the CPU.
    Raises ValueError for a model that cannot decode, or decodes to another shape.
    """
    check_has(model, "decode", kinds="autoencoders, VAEs and VQ-VAEs")
    decode = getattr(model, "decode_mean", model.decode)
    pictures, expected = decode(like(model, codes)), (len(codes), *image_shape)
    if pictures.ndim == 4 and pictures.shape != expected:
        shape = tuple(pictures.shape[1:])
        raise ValueError(f"images must have the model's shape {shape}, got {tuple(image_shape)}")
    return pictures.view(expected).cpu()
