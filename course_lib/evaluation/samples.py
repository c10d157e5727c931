"""How far pictures that a model has drawn are from real ones."""

from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import check
from course_lib.information import kl_discrete


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


def inception_score(probabilities: Tensor) -> float:
    """exp E[KL(p(y|x) ‖ p(y))], with p(y) the mean of p(y|x) over all pictures  (APP.5).

    e to the information that a picture gives about its class, as a classifier sees it: from 1 to
    the number of classes. probabilities: p(y|x), (N, K). No real picture is asked.
    Raises ValueError for another shape, or for rows that do not sum to 1.
    Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016.

    Example:
        >>> round(inception_score(torch.eye(4)), 6)
        4.0
    """
    if probabilities.ndim != 2 or not len(probabilities):
        raise ValueError(f"probabilities must be (N, K), got {tuple(probabilities.shape)}")
    p = probabilities.detach().cpu().double()
    if not torch.allclose(p.sum(1), torch.ones(len(p)).double(), atol=1e-4):
        raise ValueError("each row of probabilities must sum to 1")
    return kl_discrete(p, p.mean(0).expand_as(p)).mean().exp().item()


def precision_recall(real: Tensor, made: Tensor, k: int = 3) -> tuple[float, float]:
    """The shares of made pictures near real ones, and of real ones near made ones  (APP.4).

    Near is whoever lies in the ball of one of the others, which reaches to its k-th nearest
    neighbour of its own kind. real: (N, ...), made: (M, ...), features, N and M > k.
    Raises ValueError for other shapes, for numbers that are not finite and for k < 1.
    Kynkäänniemi et al., Improved Precision and Recall Metric for Assessing Generative Models,
    NeurIPS 2019.
    """
    if k < 1:
        raise ValueError(f"k must be ≥ 1, got {k}")
    rows = _rows(k + 1, real=real.detach().cpu(), made=made.detach().cpu())
    centre = rows[0].double().mean(0)  # far from 0 the squares in cdist would swallow the rest
    real, made = (x.double() - centre for x in rows)
    return _share_near(made, real, k), _share_near(real, made, k)


def _share_near(points: Tensor, others: Tensor, k: int) -> float:
    """The share of the points that lie in the ball of one of the others."""
    parts = others.split(1000)
    # The nearest of one's own kind is oneself, at 0.
    reach = torch.cat([torch.cdist(some, others).kthvalue(k + 1).values for some in parts])
    near = [(torch.cdist(some, others) <= reach).any(1) for some in points.split(1000)]
    return torch.cat(near).double().mean().item()


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
        raise ValueError(f"{[*sets][-1]} must hold {widths[0]} numbers each, got {widths[-1]}")
    return tables
