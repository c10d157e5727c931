"""How a codebook is used, and what its tokens cost."""

import torch
from torch import Tensor

from course_lib.information import entropy


def usage(tokens: Tensor, K: int) -> Tensor:
    """The share of each code among the tokens, integers of any shape: (K,).

    Raises ValueError when there is no token or one is not from 0 to K − 1.
    """
    if tokens.numel() == 0 or tokens.min() < 0 or tokens.max() >= K:
        raise ValueError(f"tokens must be at least one number from 0 to {K - 1}")
    return torch.bincount(tokens.flatten(), minlength=K).double() / tokens.numel()


def perplexity(tokens: Tensor, K: int) -> float:
    """exp H(usage)  (VQ.10): from 1, one code for everything, to K, all codes equally often.

    Raises ValueError as `usage` does.
    """
    return entropy(usage(tokens, K)).exp().item()
