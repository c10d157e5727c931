"""How a codebook is used, what its tokens cost, and what a decoder takes from which of them."""

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


def followed(read: Tensor, *sources: Tensor) -> Tensor:
    """How far what is read from pictures follows each of their sources  (VQ2.4).

    read: (N, F), factors that a reader finds in N pictures. sources: (N, F) each, the true
    factors of the images that a picture got its tokens from, such as one for each level. Returns
    (sources, F): the weights of the sources in the least squares fit with a constant. 1 and 0
    when all comes from the first.
    Raises ValueError for other shapes.
    """
    if not sources or any(source.shape != read.shape or read.ndim != 2 for source in sources):
        shapes = [tuple(source.shape) for source in sources]
        raise ValueError(f"sources must have the shape {tuple(read.shape)} of read, got {shapes}")
    X = torch.stack([source - source.mean(0) for source in sources], 2).double()  # (N, F, S)
    y = (read - read.mean(0)).double().T[..., None]  # (F, N, 1)
    return torch.linalg.lstsq(X.transpose(0, 1), y).solution[..., 0].T
