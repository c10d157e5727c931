"""How far pictures that a model has drawn are from real ones."""

from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import check


def confident_share(classifier: Any, images: Tensor, confidence: float = 0.9) -> float:
    """Share of the images to which a classifier gives one class with confidence.

    classifier: anything with `predict_proba`, such as those of scikit-learn. images: (N, ...).
    A picture of pure noise may fool a classifier: high is not yet good.
    Raises ValueError when there is no image.
    """
    (images,) = _rows(1, images=images)
    probabilities = classifier.predict_proba(images.detach().cpu().numpy())  # (N, classes)
    return float((probabilities.max(1) > confidence).mean())


def nearest_distance(points: Tensor, others: Tensor) -> float:
    """Median over the points of the Euclidean distance to the nearest of the others.

    points: (N, ...); others: (M, ...) with as many numbers each, N and M ≥ 1.
    Raises ValueError for other shapes and for numbers that are not finite.
    """
    points, others = (x.detach().cpu().double() for x in _rows(1, points=points, others=others))
    centre = others.mean(0)  # far from 0 the squares in ‖x‖² + ‖y‖² − 2xᵀy would swallow the rest
    nearest = torch.cat(
        [torch.cdist(some, others - centre).argmin(1) for some in (points - centre).split(1000)]
    )
    # It finds the nearest; how near that is only the difference tells.
    return (points - others[nearest]).norm(dim=1).median().item()


def precision_and_recall(drawn: Tensor, real: Tensor, k: int = 3) -> tuple[float, float]:
    """The share of the drawn that lie among the real, and of the real among the drawn  (VQ2.7).

    A point lies among others when it is no further from one of them than that one's k-th nearest
    neighbour among its own. drawn: (N, ...), real: (M, ...), N and M > k ≥ 1: features.
    Raises ValueError for other shapes and numbers that are not finite.
    Kynkäänniemi et al., Improved Precision and Recall Metric, NeurIPS 2019.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    sets = [x.detach().cpu().double() for x in _rows(k + 1, drawn=drawn, real=real)]
    centre = sets[1].mean(0)
    drawn, real = (x - centre for x in sets)
    between = torch.cdist(drawn, real)  # (N, M)
    reach_drawn, reach_real = (  # of each point the k-th nearest of its own, itself not counted
        torch.cdist(x, x).kthvalue(k + 1, dim=1).values for x in (drawn, real)
    )
    precision = (between <= reach_real).any(1).double().mean().item()
    recall = (between <= reach_drawn[:, None]).any(0).double().mean().item()
    return precision, recall


def frechet_distance(features: Tensor, others: Tensor) -> float:
    """‖m₁ − m₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½) between two sets of features  (VAE.12).

    features: (N, k); others: (M, k), N and M ≥ 2, for instance the first k principal components of
    pictures. Returns a squared distance in the units of the features: 0 for equal means and
    covariances, which is less than for equal distributions.
    Raises ValueError for other shapes and for numbers that are not finite.
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017.
    """
    rows = _rows(2, features=features.detach().cpu(), others=others.detach().cpu())
    (mean, A), (other_mean, B) = (_mean_and_root(x.double()) for x in rows)
    # With AᵀA = Σ₁ and BᵀB = Σ₂ the trace is the least ‖A − UB‖² of all rotations U (Procrustes):
    # a sum of squares, so that equal sets have distance 0 and none has a negative one.
    W, _, Vh = torch.linalg.svd(A @ B.T)
    return ((mean - other_mean).square().sum() + (A - W @ Vh @ B).square().sum()).item()


def _mean_and_root(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and a triangular A with AᵀA the covariance: (N, k) → (k,), (k, k)."""
    N, k = x.shape
    rows = (x - x.mean(0)) / (N - 1) ** 0.5
    return x.mean(0), torch.linalg.qr(F.pad(rows, (0, 0, 0, max(0, k - N))), mode="r").R


def _rows(least: int, **sets: Tensor) -> list[Tensor]:
    """Each set as a table of floats with a row per element: (N, ...) → (N, k)."""
    for name, x in sets.items():
        if x.ndim < 2 or len(x) < least:
            allowed = f"(N, ...) with N ≥ {least}"
            raise ValueError(f"{name} must have shape {allowed}, got {tuple(x.shape)}")
    check("be finite", torch.isfinite, **sets)
    dtype = reduce(torch.promote_types, (x.dtype for x in sets.values()), torch.float32)
    tables = [x.flatten(1).to(dtype) for x in sets.values()]
    widths = [table.shape[1] for table in tables]
    if widths[0] != widths[-1]:
        raise ValueError(f"others must hold {widths[0]} numbers each, got {widths[-1]}")
    return tables
