"""The area under the curve, against scikit-learn's, the bootstrap and a sum over all pairs."""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from course_lib.evaluation import auroc


def scores(n, m, apart, ties=False):
    generator = torch.Generator().manual_seed(n + m)
    usual, strange = (torch.randn(k, generator=generator) for k in (n, m))
    both = usual, strange + apart
    return tuple((2 * x).round() for x in both) if ties else both


@pytest.mark.equation("APP.2")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("apart", [0.0, 1.0, -2.0])
def test_auroc_is_a_share_of_pairs_and_an_area(apart, ties):
    usual, strange = scores(60, 45, apart, ties)
    pairs = [float(s > u) + 0.5 * float(s == u) for u in usual for s in strange]
    value = auroc(usual, strange).value
    assert value == pytest.approx(float(np.mean(pairs)), abs=1e-12)
    truth = np.repeat([0, 1], [60, 45])
    assert value == pytest.approx(roc_auc_score(truth, torch.cat([usual, strange])), abs=1e-12)


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_its_error_is_that_of_new_images(apart):
    generator = np.random.default_rng(0)
    values = [
        auroc(
            torch.tensor(generator.normal(size=150)), torch.tensor(generator.normal(apart, 2, 60))
        )
        for _ in range(1000)
    ]
    spread = np.std([value.value for value in values])
    assert np.mean([value.error for value in values]) == pytest.approx(spread, rel=0.1)


def test_order_alone_counts():
    usual, strange = scores(40, 30, 0.7)
    value = auroc(usual, strange)
    assert auroc(usual.exp(), strange.exp()) == value
    assert auroc(-usual, -strange).value == pytest.approx(1 - value.value)
    assert auroc(strange, usual).value == pytest.approx(1 - value.value)
    assert auroc(torch.zeros(4), torch.zeros(3)).value == 0.5
    assert auroc(torch.tensor([0.0, 1.0]), torch.tensor([2.0, math.inf])).value == 1


@pytest.mark.parametrize(
    ("usual", "strange", "message"),
    [
        (torch.zeros(1), torch.zeros(3), r"usual must be \(N,\) with N ≥ 2, got \(1,\)"),
        (torch.zeros(3), torch.zeros(3, 2), r"strange must be .*, got \(3, 2\)"),
        (torch.zeros(3), torch.tensor([0.0, math.nan]), "strange must be numbers, got nan"),
    ],
)
def test_other_scores_are_refused(usual, strange, message):
    with pytest.raises(ValueError, match=message):
        auroc(usual, strange)


@pytest.mark.equation("APP.3")
@pytest.mark.parametrize("s", [0.0, 0.3, 1.0, -2.0])
def test_towards_the_mean_a_linear_reconstruction_gets_perfect(s):
    x = np.random.default_rng(0).normal(size=(50, 6)) @ np.diag([3, 2, 1, 1, 0.5, 0.2]) + 7
    pca = PCA(2).fit(x[:40])
    new, m = x[40:], x[:40].mean(0)
    moved = m + s * (new - m)
    errors = [((y - pca.inverse_transform(pca.transform(y))) ** 2).sum(1) for y in (moved, new)]
    np.testing.assert_allclose(errors[0], s**2 * errors[1], atol=1e-12)


@pytest.mark.equation("APP.1")
def test_a_difference_of_means_carries_what_goes_together():
    """Drawn codes whose attributes go together, against the two shares."""
    generator = np.random.default_rng(0)
    N, u = 400_000, generator.normal(size=(3, 5))  # a direction for each of three attributes
    a = generator.random(N) < 0.4
    b = generator.random(N) < np.where(a, 0.9, 0.25)
    c = generator.random(N) < 0.5
    z = np.stack([a, b, c], 1) @ u + 0.1 * generator.normal(size=(N, 5))
    v = z[a].mean(0) - z[~a].mean(0)
    np.testing.assert_allclose(v, u[0] + (0.9 - 0.25) * u[1], atol=0.02)
    among_equals = np.mean([z[a & (b == k)].mean(0) - z[~a & (b == k)].mean(0) for k in (0, 1)], 0)
    np.testing.assert_allclose(among_equals, u[0], atol=0.02)
