"""Distances of samples, against points whose distances are known and against SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg
from scipy.spatial import KDTree

from course_lib.datasets import load
from course_lib.evaluation import (
    confident_share,
    frechet_distance,
    nearest_distance,
    precision_and_recall,
)


def test_nearest_distance_is_the_median_that_a_tree_finds():
    generator = torch.Generator().manual_seed(0)
    points, others = (torch.rand(n, 1, 3, 2, generator=generator) for n in (21, 40))
    distances, _ = KDTree(others.flatten(1).numpy()).query(points.flatten(1).numpy())
    assert nearest_distance(points, others) == pytest.approx(np.median(distances), rel=1e-4)
    assert nearest_distance(others, others) == 0


def test_an_image_of_mnist_has_distance_0_from_itself(real_files, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(real_files))
    m = load("mnist", "test").images[:2000]
    assert max(nearest_distance(m[k : k + 1], m) for k in range(0, 300, 10)) == 0


@pytest.mark.parametrize("shift", [0, 2.0**12])
def test_small_distances_keep_their_digits_far_from_the_origin(shift):
    generator = torch.Generator().manual_seed(0)
    others = torch.randint(0, 4096, (100, 1, 6, 6), generator=generator) / 4096 + shift
    points = others[:30] + 2.0**-11 * torch.arange(1, 31).view(30, 1, 1, 1)  # exact in float32
    expected = 2.0**-11 * 15 * 6  # of the 15th, the lower median, in 36 dimensions
    assert nearest_distance(points, others) == pytest.approx(expected, rel=1e-6)


def test_colour_any_size_and_bytes_count_like_rows_of_numbers():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(256, (n, 3, 5, 4), generator=generator) for n in (12, 20))
    rows = [x.double().flatten(1) for x in (a, b)]
    for kind in (torch.uint8, torch.float32):
        images = a.to(kind), b.to(kind)
        assert nearest_distance(*images) == pytest.approx(nearest_distance(*rows), rel=1e-6)
        assert frechet_distance(*images) == pytest.approx(frechet_distance(*rows), rel=1e-9)


@pytest.mark.parametrize("distance", [nearest_distance, frechet_distance])
@pytest.mark.parametrize(
    ("points", "others", "message"),
    [
        (torch.zeros(0, 2), torch.zeros(4, 2), r"\(N, \.\.\.\) with N ≥ ., got \(0, 2\)"),
        (torch.zeros(4, 2), torch.zeros(0, 2), r"others must have shape .*, got \(0, 2\)"),
        (torch.zeros(4), torch.zeros(4), r"must have shape .*, got \(4,\)"),
        (torch.zeros(4, 2), torch.zeros(4, 1, 3), "others must hold 2 numbers each, got 3"),
        (torch.tensor([[0.0], [math.nan]]), torch.zeros(4, 1), "must be finite, got nan"),
        (torch.zeros(4, 1), torch.tensor([[0.0], [math.inf]]), "others must be finite, got inf"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(distance, points, others, message):
    with pytest.raises(ValueError, match=message):
        distance(points, others)


def test_no_image_has_no_share():
    with pytest.raises(ValueError, match=r"images must have shape .* got \(0, 1, 2, 2\)"):
        confident_share(Certain(), torch.zeros(0, 1, 2, 2))


class Certain:
    """Gives class 0 the first pixel as its probability."""

    def predict_proba(self, x):
        return np.stack([x[:, 0], 1 - x[:, 0]], axis=1)


def test_confident_share_counts_either_class_above_the_threshold():
    images = torch.tensor([0.95, 0.5, 0.02, 0.85, 0.9]).view(5, 1, 1, 1)
    assert confident_share(Certain(), images) == pytest.approx(2 / 5)
    assert confident_share(Certain(), images, confidence=0.8) == pytest.approx(4 / 5)


@pytest.mark.equation("VAE.12")
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


def test_frechet_distance_of_equal_sets_is_0_and_none_is_negative():
    generator = torch.Generator().manual_seed(0)
    x = 255 * torch.randn(50, 300, generator=generator)  # fewer rows than columns: no full rank
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x.flip(0)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 1) == pytest.approx(300, rel=1e-6)
    turned = x[:, :1], 1.001 * x[:, :1]  # (s₁ − s₂)², small beside either
    s, shift = x[:, 0].double().std().item(), 1e-3 * x[:, 0].double().mean().item()
    assert frechet_distance(*turned) == pytest.approx(shift**2 + (1e-3 * s) ** 2, rel=1e-3)


def test_frechet_distance_without_full_rank_by_singular_values():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 40, generator=generator, dtype=torch.float64).numpy() for n in (9, 70))
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()  # tr (Σ₁^½ Σ₂ Σ₁^½)^½
    means = ((x.mean(0) - y.mean(0)) ** 2).sum()
    expected = means + (a**2).sum() + (b**2).sum() - 2 * overlap
    for one, other in ((x, y), (y, x)):
        both = torch.from_numpy(one), torch.from_numpy(other)
        assert frechet_distance(*both) == pytest.approx(expected, rel=1e-12)


def test_a_covariance_needs_two_samples():
    x = torch.zeros(5, 3)
    with pytest.raises(ValueError, match=r"features must have .* N ≥ 2, got \(1, 3\)"):
        frechet_distance(x[:1], x)
    with pytest.raises(ValueError, match=r"others must have .* N ≥ 2, got \(1, 3\)"):
        frechet_distance(x, x[:1])


@pytest.mark.equation("VQ2.7")
@pytest.mark.parametrize("shift", [0, 2.0**10])
def test_precision_and_recall_are_those_of_trees_and_loops(shift):
    draws = torch.Generator().manual_seed(4)
    real = torch.randn(70, 3, generator=draws) + shift
    drawn = 0.6 * torch.randn(50, 3, generator=draws) + 0.5 + shift

    def covered(points, others):
        points, others = (x.double().numpy() for x in (points, others))
        reach = KDTree(others).query(others, 3 + 1)[0][:, 3]
        inside = [(np.linalg.norm(others - point, axis=1) <= reach).any() for point in points]
        return np.mean(inside)

    precision, recall = precision_and_recall(drawn, real)
    assert precision == pytest.approx(covered(drawn, real))
    assert recall == pytest.approx(covered(real, drawn))
    assert precision > recall  # what is drawn is narrower


def test_the_same_points_are_all_precise_and_recalled_and_distant_ones_are_not():
    points = torch.randn(30, 2, generator=torch.Generator().manual_seed(5))
    assert precision_and_recall(points, points.clone()) == (1, 1)
    assert precision_and_recall(points, points + 100) == (0, 0)
    with pytest.raises(ValueError, match="k must be at least 1"):
        precision_and_recall(points, points, 0)
    with pytest.raises(ValueError, match="with N ≥ 4"):
        precision_and_recall(points[:3], points)
