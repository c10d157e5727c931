"""How far pictures that a model has drawn are from real ones."""

from typing import Any

import torch
from torch import Tensor


def confident_share(classifier: Any, images: Tensor, confidence: float = 0.9) -> float:
    """Share of the images to which a classifier gives one class with confidence.

    classifier: anything with `predict_proba`, such as those of scikit-learn. images: (N, ...).
    A picture of pure noise may fool a classifier: high is not yet good.
    """
    probabilities = classifier.predict_proba(images.flatten(1).numpy())  # (N, classes)
    return float((probabilities.max(1) > confidence).mean())


def nearest_distance(points: Tensor, others: Tensor) -> float:
    """Median over the points of the Euclidean distance to the nearest of the others.

    points: (N, ...); others: (M, ...) with as many numbers each.
    """
    return torch.cdist(points.flatten(1), others.flatten(1)).amin(1).median().item()


def frechet_distance(features: Tensor, others: Tensor) -> float:
    """‖m₁ − m₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½) between two sets of features  (VAE.11).

    features: (N, k); others: (M, k), for instance the first k principal components of pictures.
    Returns a squared distance in the units of the features: 0 for equal means and covariances,
    which is less than for equal distributions.
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017.
    """
    features, others = features.double(), others.double()
    covariance, other_covariance = (torch.atleast_2d(torch.cov(f.T)) for f in (features, others))
    root = _root(covariance)
    overlap = _root(root @ other_covariance @ root).trace()
    distance = (features.mean(0) - others.mean(0)).square().sum()
    return (distance + covariance.trace() + other_covariance.trace() - 2 * overlap).item()


def _root(matrix: Tensor) -> Tensor:
    """The square root of a symmetric matrix without negative eigenvalues."""
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    return vectors * eigenvalues.clamp(min=0).sqrt() @ vectors.T
