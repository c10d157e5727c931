"""When the values of tensors may be looked at, as checks of the arguments do."""

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
