"""How well the axes of a code match known factors of variation: MIG, DCI and SAP.

MIG: Chen, Li, Grosse & Duvenaud, Isolating Sources of Disentanglement in Variational
Autoencoders, NeurIPS 2018. DCI: Eastwood & Williams, A Framework for the Quantitative Evaluation
of Disentangled Representations, ICLR 2018. SAP: Kumar, Sattigeri & Balakrishnan, Variational
Inference of Disentangled Latent Concepts from Unlabeled Observations, ICLR 2018.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.information import entropy


def binned(values: Tensor, bins: int = 20) -> Tensor:
    """The number of the bin of each value, in bins of equal width between its column's extremes.

    values: (N, ...). Returns integers of the same shape, from 0 to bins − 1; a constant column is 0.
    Raises ValueError for bins below 2.
    """
    if bins < 2:
        raise ValueError(f"bins must be at least 2, got {bins}")
    low, high = values.amin(0), values.amax(0)
    width = torch.where(high > low, high - low, 1)
    return ((values - low) / width * bins).long().clamp(max=bins - 1)


def mutual_information(a: Tensor, b: Tensor) -> Tensor:
    """I(a; b) = H(a) + H(b) − H(a, b) in nats, of two columns of class numbers: (N,), (N,)."""
    counts = torch.zeros(int(a.max()) + 1, int(b.max()) + 1, dtype=torch.float64)
    counts.index_put_((a, b), torch.ones(len(a), dtype=torch.float64), accumulate=True)
    joint = counts / len(a)
    return entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint.flatten())


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> Tensor:
    """MIG of each factor v: (I(zⱼ; v) − I(zₗ; v)) / H(v), j the most and l the next informative.

    codes: (N, d) with d ≥ 2, cut into bins; factors: (N, F), of which each value is a class, or,
    where a factor has more values than bins, each bin. Returns (F,), from 0 to 1  (BVAE.11).
    Raises ValueError when the numbers of rows differ, d < 2, or a factor is constant.
    """
    _check(codes, factors)
    classes = classes_of(factors, bins)
    columns = binned(codes, bins)
    information = torch.stack(
        [torch.stack([mutual_information(z, v) for z in columns.T]) for v in classes.T]
    )  # (F, d)
    first, second = information.topk(2, dim=1).values.T
    H = torch.stack([entropy(torch.bincount(v).double() / len(v)) for v in classes.T])
    return (first - second) / H


class DCI(NamedTuple):
    """disentanglement: each dimension serves one factor. completeness: each factor is served by
    one dimension. informativeness: R² of the factors, predicted from codes held out, on average.
    All from 0 to 1."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci(codes: Tensor, factors: Tensor, seed: int = 0) -> DCI:
    """Disentanglement, completeness and informativeness by random forests  (BVAE.12).

    R is the (F, d) matrix of the importance of dimension j for predicting factor v; it is
    1 − entropy of the columns (weighted by their importance) and of the rows, as a share of the
    largest entropy. Forests are trained on one half of the rows, drawn by seed, and tested on the
    other; as in the paper they predict numbers, so factors must be ordered.
    codes: (N, d) with d ≥ 2; factors: (N, F). Raises ValueError as mutual_information_gap.
    """
    from sklearn.ensemble import RandomForestRegressor  # here: it takes a second to import
    from sklearn.metrics import r2_score

    _check(codes, factors)
    rows = torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))
    codes, half = codes[rows].numpy(), len(codes) // 2
    importance, skill = [], []
    for v in factors[rows].T.numpy():
        # Large leaves: splits that fit noise would count as importance of whatever they use.
        leaf = max(1, len(codes) // 100)
        forest = RandomForestRegressor(30, min_samples_leaf=leaf, random_state=seed)
        forest.fit(codes[:half], v[:half])
        importance.append(torch.from_numpy(forest.feature_importances_))
        skill.append(max(0.0, r2_score(v[half:], forest.predict(codes[half:]))))
    R = torch.stack(importance)  # (F, d), rows sum to 1, or to 0 where nothing helped
    weights = R.sum(0) / R.sum().clamp(min=1e-12)
    return DCI(
        disentanglement=(weights * _certainty(R.T)).sum().item(),
        completeness=_certainty(R).mean().item(),
        informativeness=sum(skill) / len(skill),
    )


def separated_attribute_predictability(codes: Tensor, factors: Tensor) -> Tensor:
    """SAP of each factor: R² of the best single dimension less R² of the next  (BVAE.13).

    R² is that of the straight line through one dimension, the squared correlation, so factors must
    be ordered numbers. codes: (N, d) with d ≥ 2; factors: (N, F). Returns (F,), from 0 to 1.
    Raises ValueError as mutual_information_gap.
    """
    _check(codes, factors)
    z, v = (F.normalize(x.double() - x.double().mean(0), dim=0) for x in (codes, factors))
    first, second = (v.T @ z).square().topk(2, dim=1).values.T
    return first - second


def classes_of(factors: Tensor, bins: int = 20) -> Tensor:
    """Class numbers: a factor's distinct values, or its bins where it has more values: (N, F)."""
    columns = [
        inverse if len(values) <= bins else binned(column, bins)
        for column in factors.T
        for values, inverse in [column.unique(return_inverse=True)]
    ]
    return torch.stack(columns, dim=1)


def _certainty(weights: Tensor) -> Tensor:
    """1 − H(row) / log n of rows of n weights, 0 for a row without weight: (m, n) → (m,)."""
    n, total = weights.shape[1], weights.sum(1, keepdim=True)
    shares = torch.where(total > 0, weights / total, 1 / n)
    return 1 - entropy(shares) / math.log(max(n, 2))  # of one weight the entropy is 0


def _check(codes: Tensor, factors: Tensor) -> None:
    if codes.ndim != 2 or codes.shape[1] < 2:
        raise ValueError(f"codes must have shape (N, d) with d ≥ 2, got {tuple(codes.shape)}")
    if factors.ndim != 2 or len(factors) != len(codes):
        expected = f"({len(codes)}, F) like codes"
        raise ValueError(f"factors must have shape {expected}, got {tuple(factors.shape)}")
    if not (factors.amin(0) < factors.amax(0)).all():
        raise ValueError("every factor must vary, got a constant column")
