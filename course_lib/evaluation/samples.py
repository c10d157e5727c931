"""How far pictures that a model has drawn are from real ones."""

import torch
from sklearn.base import ClassifierMixin
from torch import Tensor


def confident_share(classifier: ClassifierMixin, images: Tensor, confidence: float = 0.9) -> float:
    """Share of the images to which a scikit-learn classifier gives one class with confidence.

    images: (N, ...). A picture of pure noise may fool a classifier: high is not yet good.
    """
    probabilities = classifier.predict_proba(images.flatten(1).numpy())  # (N, classes)
    return float((probabilities.max(1) > confidence).mean())


def nearest_distance(points: Tensor, others: Tensor) -> float:
    """Median over the points of the Euclidean distance to the nearest of the others.

    points: (N, ...); others: (M, ...) with as many numbers each.
    """
    return torch.cdist(points.flatten(1), others.flatten(1)).amin(1).median().item()
