"""Distances of samples, against points whose distances are known and against SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from scipy.spatial import KDTree

from course_lib.datasets import load
from course_lib.evaluation import (
    confident_share,
    frechet_distance,
    inception_score,
    nearest_distance,
    precision_recall,
)  # fmt: skip


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


@pytest.mark.equation("APP.5")
def test_the_inception_score_is_e_to_the_information_about_the_class():
    p = torch.rand(50, 7, generator=torch.Generator().manual_seed(0)).double().softmax(1)
    joint = p / 50  # of picture and class
    information = (
        stats.entropy(joint.sum(0)) + stats.entropy(joint.sum(1)) - stats.entropy(joint.flatten())
    )
    assert inception_score(p) == pytest.approx(math.exp(information), rel=1e-9)
    assert inception_score(p[:1].expand(9, 7)) == pytest.approx(1)
    assert inception_score(torch.eye(7).repeat(3, 1)) == pytest.approx(7)


def near(points, others, k):
    """The share of points in a ball of the others, by trees."""
    tree = KDTree(others)
    reach = tree.query(others, k + 1)[0][:, -1]
    return np.mean(
        [any(math.dist(x, y) <= r for y, r in zip(others, reach, strict=True)) for x in points]
    )


@pytest.mark.equation("APP.4")
@pytest.mark.parametrize("shift", [0, 1e4])
@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_are_those_of_balls_found_by_a_tree(k, shift):
    generator = np.random.default_rng(k)
    real, made = generator.normal(size=(80, 3)), generator.normal(0.7, 0.6, (50, 3))
    precision, recall = precision_recall(torch.tensor(real + shift), torch.tensor(made + shift), k)
    assert precision == pytest.approx(near(made, real, k))
    assert recall == pytest.approx(near(real, made, k))
    assert precision > recall + 0.2  # they are narrower


def test_precision_and_recall_of_a_copy_and_of_what_lies_far_away():
    real = torch.randn(1500, 2, generator=torch.Generator().manual_seed(0))
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    assert precision_recall(real, real[:1].expand(10, 2)) == (1, 1 / 1500)


@pytest.mark.equation("APP.6")
def test_the_means_of_two_samples_are_apart_by_their_spread_over_their_number():
    generator = torch.Generator().manual_seed(0)
    A = torch.tensor([[1.0, 0.5], [0.0, 2.0]]).double()
    N, M = 20, 50
    x, y = (torch.randn(4000, n, 2, generator=generator).double() @ A for n in (N, M))
    apart = (x.mean(1) - y.mean(1)).square().sum(1)
    trace = (A.T @ A).trace().item()
    expected = trace / N + trace / M
    assert apart.mean().item() == pytest.approx(expected, abs=5 * apart.std().item() / 4000**0.5)
    # and of what the Fréchet distance shows between samples of one distribution it is a part
    frechet = np.mean([frechet_distance(a, b) for a, b in zip(x[:300], y[:300], strict=True)])
    assert expected < frechet < 2 * expected


@pytest.mark.equation("APP.9")
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.7, 1.5)])
def test_a_line_in_one_over_n_leads_to_the_distance_of_the_distributions(shift, scale):
    """In one dimension, where F and its slope in 1/N are known: σ₁² + σ₂² + σ₁σ₂."""
    random = np.random.default_rng(0)
    sizes, repeats = np.array([20, 40, 80, 160]), 600
    found = np.array([
        [frechet_distance(torch.from_numpy(random.normal(0, 1, (n, 1))),
                          torch.from_numpy(random.normal(shift, scale, (n, 1))))
         for _ in range(repeats)]
        for n in sizes
    ])  # fmt: skip
    errors = found.std(1) / repeats**0.5
    (slope, limit), covariance = np.polyfit(
        1 / sizes, found.mean(1), 1, w=1 / errors, cov="unscaled"
    )
    assert abs(limit - (shift**2 + (1 - scale) ** 2)) < 4 * covariance[1, 1] ** 0.5
    assert slope == pytest.approx(1 + scale**2 + scale, abs=4 * covariance[0, 0] ** 0.5 + 0.05)


@pytest.mark.parametrize(
    ("real", "made", "k", "message"),
    [
        (torch.zeros(9, 2), torch.zeros(9, 2), 0, "k must be ≥ 1, got 0"),
        (torch.zeros(3, 2), torch.zeros(9, 2), 3, r"real must have shape .* N ≥ 4, got \(3, 2\)"),
        (torch.zeros(9, 2), torch.zeros(3, 2), 3, r"made must have shape .* N ≥ 4, got \(3, 2\)"),
        (torch.zeros(9, 2), torch.zeros(9, 3), 3, "made must hold 2 numbers each, got 3"),
    ],
)
def test_too_few_neighbours_are_refused(real, made, k, message):
    with pytest.raises(ValueError, match=message):
        precision_recall(real, made, k)


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"probabilities must be \(N, K\), got \(3,\)"):
        inception_score(torch.zeros(3))
    with pytest.raises(ValueError, match="each row of probabilities must sum to 1"):
        inception_score(torch.ones(3, 2))
