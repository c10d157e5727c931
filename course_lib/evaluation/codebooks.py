"""How a codebook is used, and what its tokens cost."""

import torch
from torch import Tensor

from course_lib.checks import readable
from course_lib.information import entropy


def usage(tokens: Tensor, K: int) -> Tensor:
    """The share of each code among the tokens, integers of any shape: (K,).

    Raises ValueError when there is no token or one is no integer from 0 to K − 1.
    """
    codes = tokens.flatten().long()  # a uint8 could not be compared with K
    is_whole = not (tokens.is_floating_point() or tokens.is_complex())
    is_inside = not readable(codes) or ((codes >= 0) & (codes < K)).all()
    if not (is_whole and len(codes) and is_inside):
        raise ValueError(f"tokens must be at least one integer from 0 to {K - 1}")
    dtype = torch.float32 if codes.device.type == "mps" else torch.float64  # which MPS has not
    counts = torch.zeros(K, dtype=dtype, device=codes.device)
    return counts.index_add(0, codes, torch.ones_like(codes, dtype=dtype)) / len(codes)


def perplexity(tokens: Tensor, K: int) -> float:
    """exp H(usage)  (VQ.8): from 1, one code for everything, to K, all codes equally often.

    Raises ValueError as `usage` does.
    """
    return entropy(usage(tokens, K)).exp().item()
