"""Entropy and cross-entropy against SciPy, and their properties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course_lib.information import cross_entropy, entropy

weights = st.lists(st.floats(1e-6, 1), min_size=2, max_size=6)


def normalised(values):
    return torch.tensor(values, dtype=torch.float64) / sum(values)


@given(weights)
def test_entropy_is_scipys(values):
    p = normalised(values)
    assert entropy(p).item() == pytest.approx(stats.entropy(p.numpy()), abs=1e-12)


@given(weights, st.randoms())
def test_cross_entropy_is_entropy_plus_scipys_kl(values, random):
    p, q = normalised(values), normalised(random.sample(values, len(values)))
    expected = stats.entropy(p.numpy()) + stats.entropy(p.numpy(), q.numpy())
    assert cross_entropy(p, q).item() == pytest.approx(expected, abs=1e-12)


def test_zero_probabilities():
    certain, fair = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    assert entropy(certain).item() == 0
    assert cross_entropy(certain, fair).item() == pytest.approx(math.log(2))
    assert cross_entropy(fair, certain).item() == math.inf


def test_batches_keep_their_shape():
    p = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 5)))
    assert entropy(p).shape == (4, 5)


@pytest.mark.parametrize("p", [[0.5, 0.6], [1.2, -0.2]])
def test_what_is_no_distribution_is_refused(p):
    with pytest.raises(ValueError, match="p must"):
        entropy(torch.tensor(p))
    with pytest.raises(ValueError, match="q must"):
        cross_entropy(torch.tensor([0.5, 0.5]), torch.tensor(p))
