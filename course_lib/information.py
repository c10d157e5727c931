"""Entropy and cross-entropy of discrete distributions, in nats.

Cover & Thomas, Elements of Information Theory, 2nd edition, chapter 2.
"""

import torch
from torch import Tensor


def entropy(p: Tensor) -> Tensor:
    """H(p) = −Σᵢ pᵢ log pᵢ in nats, with 0 log 0 = 0.

    p: (..., n) probabilities along the last axis. Returns (...).
    Raises ValueError when p has negative entries or does not sum to 1.
    """
    _check_probabilities("p", p)
    return torch.special.entr(p).sum(-1)


def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """H(p, q) = −Σᵢ pᵢ log qᵢ = H(p) + KL(p‖q) in nats; infinite where q is 0 and p is not.

    p, q: (..., n) probabilities along the last axis. Returns (...).
    Raises ValueError when either has negative entries or does not sum to 1.
    """
    _check_probabilities("p", p)
    _check_probabilities("q", q)
    return -torch.special.xlogy(p, q).sum(-1)


def _check_probabilities(name: str, p: Tensor) -> None:
    if not (p >= 0).all():
        raise ValueError(f"{name} must hold probabilities ≥ 0, got a smallest entry of {p.min()}")
    total = p.sum(-1)
    if not torch.allclose(total, torch.ones_like(total), atol=1e-5):
        raise ValueError(f"{name} must sum to 1 along its last axis, got {total.flatten()[:5]}")
