"""Distances of samples, against points whose distances are known and against SciPy."""

import numpy as np
import pytest
import torch
from scipy import linalg
from scipy.spatial import KDTree

from course_lib.evaluation import confident_share, frechet_distance, nearest_distance


def test_nearest_distance_is_the_median_that_a_tree_finds():
    generator = torch.Generator().manual_seed(0)
    points, others = (torch.rand(n, 1, 3, 2, generator=generator) for n in (21, 40))
    distances, _ = KDTree(others.flatten(1).numpy()).query(points.flatten(1).numpy())
    assert nearest_distance(points, others) == pytest.approx(np.median(distances), rel=1e-4)
    assert nearest_distance(others, others) == pytest.approx(0, abs=1e-3)


class Certain:
    """Gives class 0 the first pixel as its probability."""

    def predict_proba(self, x):
        return np.stack([x[:, 0], 1 - x[:, 0]], axis=1)


def test_confident_share_counts_either_class_above_the_threshold():
    images = torch.tensor([0.95, 0.5, 0.02, 0.85, 0.9]).view(5, 1, 1, 1)
    assert confident_share(Certain(), images) == pytest.approx(2 / 5)
    assert confident_share(Certain(), images, confidence=0.8) == pytest.approx(4 / 5)


@pytest.mark.equation("VAE.11")
def test_frechet_distance_by_scipys_matrix_root_and_in_one_dimension():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(500, 3, generator=generator, dtype=torch.float64) @ torch.rand(3, 3).double()
    b = 2 * torch.randn(400, 3, generator=generator, dtype=torch.float64) + 0.5
    first, second = (np.cov(x.numpy().T) for x in (a, b))
    root = linalg.sqrtm(first @ second).real
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum().item()
    expected = mean + np.trace(first + second - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    shifted = a[:, :1] * 3 + 7  # of two normals: (m₁ − m₂)² + (s₁ − s₂)²
    mean, sd = a[:, 0].mean().item(), a[:, 0].std().item()
    known = (2 * mean + 7) ** 2 + (2 * sd) ** 2
    assert frechet_distance(a[:, :1], shifted) == pytest.approx(known, rel=1e-9)
