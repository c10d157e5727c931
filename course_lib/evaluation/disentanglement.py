"""How well the axes of a code match known factors of variation: MIG, DCI and SAP.

MIG: Chen, Li, Grosse & Duvenaud, Isolating Sources of Disentanglement in Variational
Autoencoders, NeurIPS 2018. DCI: Eastwood & Williams, A Framework for the Quantitative Evaluation
of Disentangled Representations, ICLR 2018. SAP: Kumar, Sattigeri & Balakrishnan, Variational
Inference of Disentangled Latent Concepts from Unlabeled Observations, ICLR 2018.

All scores are computed, and returned, on the CPU.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import check
from course_lib.information import entropy


def binned(values: Tensor, bins: int = 20) -> Tensor:
    """The number of the bin of each value, in bins of equal width between its column's extremes.

    values: (N, ...). Returns integers of that shape, from 0 to bins − 1; a constant column is 0.
    Raises ValueError for bins below 2, no values, or values or a range that are not finite.
    """
    if bins < 2:
        raise ValueError(f"bins must be at least 2, got {bins}")
    values = _finite("values", values, 1)
    low, high = values.amin(0), values.amax(0)
    width = torch.where(high > low, high - low, 1)
    if not width.isfinite().all():
        raise ValueError(f"values must have a finite range, got {low.min():g} to {high.max():g}")
    return ((values - low) / width * bins).long().clamp(max=bins - 1)


def mutual_information(a: Tensor, b: Tensor) -> Tensor:
    """I(a; b) = H(a) + H(b) − H(a, b) in nats, of two columns of class numbers: (N,), (N,).

    Raises ValueError when they are not integers ≥ 0 or not equally many, at least one.
    """
    if a.shape != b.shape or a.ndim != 1 or len(a) == 0:
        raise ValueError(f"a and b must be equally long, got {tuple(a.shape)} and {tuple(b.shape)}")
    for name, x in {"a": a, "b": b}.items():
        if x.is_floating_point() or x.is_complex() or x.min() < 0:
            raise ValueError(
                f"{name} must hold class numbers, integers ≥ 0, got {x.dtype} {x.min()}"
            )
    a, b = a.cpu().long(), b.cpu().long()
    m, n = int(a.max()) + 1, int(b.max()) + 1
    joint = torch.bincount(a * n + b, minlength=m * n).view(m, n).double() / len(a)
    return entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint.flatten())


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> Tensor:
    """MIG of each factor v: (I(zⱼ; v) − I(zₗ; v)) / H(v), j the most and l the next informative.

    codes: (N, d) with d ≥ 2, cut into bins; factors: (N, F), of which each value is a class, or,
    where a factor has more values than bins, each bin. Returns (F,), from 0 to 1  (BVAE.7).
    Raises ValueError when the numbers of rows differ, d < 2, a factor is constant, or codes or
    factors are not finite.
    """
    codes, factors = _checked(codes, factors)
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
    """Disentanglement, completeness and informativeness by random forests  (BVAE.15).

    R is the (F, d) matrix of the importance of dimension j for predicting factor v; it is
    1 − entropy of the columns (weighted by their importance) and of the rows, as a share of the
    largest entropy. Forests are trained on one half of the rows, drawn by seed, and tested on the
    other; as in the paper they predict numbers, so factors must be ordered.
    codes: (N, d) with d ≥ 2; factors: (N, F). Raises ValueError as mutual_information_gap.
    """
    from sklearn.ensemble import RandomForestRegressor  # here: it takes a second to import
    from sklearn.metrics import r2_score

    codes, factors = _checked(codes, factors)
    rows = torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))
    z, half = codes[rows].numpy(), len(codes) // 2
    importance, skill = [], []
    for v in factors[rows].T.numpy():
        # Large leaves: splits that fit noise would count as importance of whatever they use.
        leaf = max(1, len(codes) // 100)
        forest = RandomForestRegressor(30, min_samples_leaf=leaf, random_state=seed)
        forest.fit(z[:half], v[:half])
        # Rounding makes some of an axis without use −1e-18.
        importance.append(torch.from_numpy(forest.feature_importances_).clamp(min=0))
        skill.append(max(0.0, r2_score(v[half:], forest.predict(z[half:]))))
    R = torch.stack(importance)  # (F, d), rows sum to 1, or to 0 where nothing helped
    weights = R.sum(0) / R.sum().clamp(min=1e-12)
    return DCI(
        disentanglement=(weights * _certainty(R.T)).sum().item(),
        completeness=_certainty(R).mean().item(),
        informativeness=sum(skill) / len(skill),
    )


def separated_attribute_predictability(codes: Tensor, factors: Tensor) -> Tensor:
    """SAP of each factor: R² of the best single dimension less R² of the next  (BVAE.16).

    R² is that of the straight line through one dimension, the squared correlation, so factors must
    be ordered numbers. codes: (N, d) with d ≥ 2; factors: (N, F). Returns (F,), from 0 to 1.
    Raises ValueError as mutual_information_gap.
    """
    codes, factors = _checked(codes, factors)
    z, v = (x.double() - x.double().mean(0) for x in (codes, factors))
    z, v = (F.normalize(x, dim=0, eps=1e-300) for x in (z, v))  # of any scale, small ones, too
    first, second = (v.T @ z).square().topk(2, dim=1).values.T
    return first - second


def classes_of(factors: Tensor, bins: int = 20) -> Tensor:
    """Class numbers: a factor's distinct values, or its bins where it has more values: (N, F).

    Raises ValueError for factors of another shape, or that are not finite.
    """
    factors = _finite("factors", factors, 2)
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


def _checked(codes: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    if codes.ndim != 2 or codes.shape[1] < 2:
        raise ValueError(f"codes must have shape (N, d) with d ≥ 2, got {tuple(codes.shape)}")
    if factors.ndim != 2 or len(factors) != len(codes):
        expected = f"({len(codes)}, F) like codes"
        raise ValueError(f"factors must have shape {expected}, got {tuple(factors.shape)}")
    codes, factors = _finite("codes", codes, 2), _finite("factors", factors, 2)
    if not (factors.amin(0) < factors.amax(0)).all():
        raise ValueError("every factor must vary, got a constant column")
    return codes, factors


def _finite(name: str, values: Tensor, axes: int) -> Tensor:
    """The values on the CPU, in float32 or float64, when they are numbers and there are some."""
    if values.ndim < axes or values.numel() == 0:
        shape = ("(N, ...)", "(N, F)")[axes - 1]
        raise ValueError(f"{name} must have shape {shape} and a value, got {tuple(values.shape)}")
    values = values.detach().cpu()
    exact = values.dtype if values.is_floating_point() else torch.float64
    values = values.to(torch.promote_types(exact, torch.float32))
    check("be finite", torch.isfinite, **{name: values})
    return values
