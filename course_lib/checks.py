"""When the values of tensors may be looked at, as checks of the arguments do."""

from collections.abc import Callable

import torch
from torch import Tensor


def readable(*tensors: Tensor) -> bool:
    """Whether these values can be looked at here and now.

    They cannot on the meta device, which has none, nor inside `torch.func` transforms and
    `torch.compile`. On an accelerator they are not looked at either: every look would make the
    training wait for the device. So values are checked on the CPU; shapes are checked everywhere.
    """
    if torch.compiler.is_compiling() or torch._C._functorch.maybe_current_level() is not None:
        return False
    return all(tensor.device.type == "cpu" for tensor in tensors)


def check(rule: str, holds: Callable[[Tensor], Tensor], **values: Tensor) -> None:
    """Raise a ValueError that names the first of the readable values for which a rule fails.

    >>> check("be > 0", lambda x: x > 0, sigma=torch.tensor([1.0, -2.0]))
    Traceback (most recent call last):
    ValueError: sigma must be > 0, got -2
    """
    for name, value in values.items():
        if readable(value) and not holds(value).all():
            raise ValueError(f"{name} must {rule}, got {value[~holds(value)][0]:g}")
