"""Labels that are missing: −1 in the place of a class number."""

from collections.abc import Mapping

import torch
from torch import Tensor


def few_labels(labels: Tensor, each: int, seed: int = 0) -> Tensor:
    """The labels of so many images of every class, drawn by the seed, and −1 for all others: (N,).

    Raises ValueError for an `each` that is below 1, or more than a class has.

    Example:
        >>> few_labels(torch.tensor([0, 0, 1, 1, 1]), each=2).ge(0).sum()
        tensor(4)
    """
    generator = torch.Generator().manual_seed(seed)
    kept = torch.full_like(labels, -1)
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        if not 1 <= each <= len(rows):
            raise ValueError(f"each must be from 1 to {len(rows)} for class {label}, got {each}")
        chosen = rows[torch.randperm(len(rows), generator=generator)[:each]]
        kept[chosen] = label
    return kept


def labels_repeated(data: Mapping[str, Tensor], times: int) -> dict[str, Tensor]:
    """All rows of the data, and those with a label so many times more.

    With few labels most batches would hold none. A repeated row is a larger weight of its loss, and
    of nothing else. data: tensors of N rows, "labels" among them. Raises ValueError for times < 0.
    """
    if times < 0:
        raise ValueError(f"times must be at least 0, got {times}")
    known = (data["labels"] >= 0).nonzero()[:, 0]
    rows = torch.cat([torch.arange(len(data["labels"])), known.repeat(times)])
    return {name: tensor[rows] for name, tensor in data.items()}
