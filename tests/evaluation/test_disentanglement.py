"""MIG, DCI and SAP on codes whose score is known, and beside independent implementations."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from course_lib.evaluation import (
    dci,
    mutual_information_gap,
    separated_attribute_predictability,
)
from course_lib.evaluation.disentanglement import binned, classes_of, mutual_information

SIZES = (4, 5, 3)
N = math.prod(SIZES) * 20
# Every combination of three factors equally often, in random order.
FACTORS = torch.cartesian_prod(*[torch.arange(float(n)) for n in SIZES]).repeat(20, 1)
FACTORS = FACTORS[torch.randperm(N, generator=torch.Generator().manual_seed(0))]
V1, V2, V3 = FACTORS.T
PERFECT = torch.stack([-2 * V2, 0.5 * V3 + 1, V1, torch.zeros(N)], dim=1)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def turned(codes, degrees):
    """The first two dimensions turned by an angle."""
    angle = math.radians(degrees)
    rotation = torch.eye(codes.shape[1])
    rotation[:2, :2] = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    return codes @ rotation


# Two factors of the same kind, for which a turn by 45° leaves no axis preferred.
GRID = torch.cartesian_prod(torch.arange(6.0), torch.arange(6.0)).repeat(30, 1)
GRID = GRID[torch.randperm(len(GRID), generator=torch.Generator().manual_seed(0))]


# The gap of mutual information


@pytest.mark.equation("BVAE.7")
@pytest.mark.parametrize("case", ["perfect", "turned", "noise"])
def test_mig_by_numpys_histograms_and_scikit_learn(case):
    codes = {"perfect": PERFECT, "turned": turned(PERFECT, 20), "noise": noise(N, 4)}[case]
    expected = []
    for v in FACTORS.T.numpy():
        information = []
        for z in codes.T.numpy().astype(float):
            edges = np.histogram_bin_edges(z, 20)
            cells = np.histogram2d(z, v, bins=(edges, len(set(v))))[0]
            information.append(mutual_info_score(None, None, contingency=cells))
        first, second = sorted(information, reverse=True)[:2]
        expected.append((first - second) / entropy(np.bincount(v.astype(int))))
    got = mutual_information_gap(codes, FACTORS)
    assert got.tolist() == pytest.approx(expected, abs=0.02 if case == "turned" else 1e-9)


def test_mig_is_1_for_a_perfect_code_whatever_its_order_sign_and_scale():
    assert mutual_information_gap(PERFECT, FACTORS).tolist() == pytest.approx([1, 1, 1])


def test_mig_is_0_for_noise_up_to_the_bias_of_the_bins():
    # The bias of I from a table of r × c cells is (r − 1)(c − 1) / 2N; all dimensions share it.
    many = FACTORS.repeat(10, 1)
    gaps = mutual_information_gap(noise(len(many), 4), many)
    assert gaps.min() >= 0
    assert gaps.max() < 0.01


def test_mig_of_a_turned_code_falls_to_0_at_45_degrees():
    by_45_degrees = GRID @ torch.tensor([[1.0, 1.0], [1.0, -1.0]])  # longer, but without rounding
    codes = (GRID, turned(GRID, 15), by_45_degrees)
    gaps = [mutual_information_gap(z, GRID).mean().item() for z in codes]
    assert gaps[0] == pytest.approx(1)
    assert 0.02 < gaps[1] < 0.8
    assert gaps[2] == pytest.approx(0, abs=1e-9)


def test_mig_of_a_factor_with_two_copies_is_0():
    codes = torch.stack([V1, -V1, V2, V3], dim=1)
    assert mutual_information_gap(codes, FACTORS).tolist() == pytest.approx([0, 1, 1])


def test_mig_of_a_code_that_knows_half_of_a_factor():
    codes = torch.stack([(V1 > 1).float(), V2], dim=1)  # one of two bits
    assert mutual_information_gap(codes, FACTORS[:, :2]).tolist() == pytest.approx([0.5, 1])


def test_mutual_information_is_scikit_learns():
    a, b = ((noise(500, seed=s) * 2).round().abs().long() for s in (0, 1))
    a[:250] = b[:250]
    ours = mutual_information(a, b).item()
    assert ours == pytest.approx(mutual_info_score(a.numpy(), b.numpy()))


def test_bins_have_equal_width_and_the_largest_value_is_in_the_last():
    values = torch.tensor([[0.0, 7.0], [0.99, 7.0], [1.0, 7.0], [3.99, 7.0], [4.0, 7.0]])
    assert binned(values, 4).T.tolist() == [[0, 0, 1, 3, 3], [0, 0, 0, 0, 0]]


def test_a_factor_with_few_values_keeps_them_and_one_with_many_is_binned():
    uneven = torch.tensor([0.0, 0.1, 50.0, 50.0]).repeat(25)
    many = torch.arange(100.0)
    classes = classes_of(torch.stack([uneven, many], dim=1), bins=20)
    assert classes[:4, 0].tolist() == [0, 1, 2, 2]
    assert torch.equal(classes[:, 1], torch.arange(100) // 5)


# Disentanglement, completeness, informativeness


class Forest:
    """Stands for a random forest that has found given importances, and predicts nothing."""

    importances: ClassVar[list] = []

    def __init__(self, *args, **kwargs):
        pass

    def fit(self, codes, values):
        self.feature_importances_ = Forest.importances.pop(0)
        return self

    def predict(self, codes):
        return np.zeros(len(codes))


def oracle(R):
    """Eastwood & Williams, section 2, from R (dimensions × factors) by SciPy's entropy."""
    d, F = R.shape
    D = [1 - entropy(row, base=F) if row.sum() else 0 for row in R]
    C = [1 - entropy(column, base=d) for column in R.T]
    return np.average(D, weights=R.sum(1)), np.mean(C)


@pytest.mark.equation("BVAE.15")
def test_dci_from_given_importances(monkeypatch):
    monkeypatch.setattr("sklearn.ensemble.RandomForestRegressor", Forest)
    R = np.random.default_rng(0).dirichlet([0.3] * 4, size=3)  # factors × dimensions
    R[:, 2] = 0  # a dimension that serves nobody
    R /= R.sum(1, keepdims=True)
    Forest.importances = list(R)
    result = dci(PERFECT, FACTORS)
    assert result == pytest.approx((*oracle(R.T), 0))


def test_dci_bears_importances_below_0_by_rounding(monkeypatch):
    monkeypatch.setattr("sklearn.ensemble.RandomForestRegressor", Forest)
    R = np.eye(3, 4)
    R[0, 3] = -1e-18
    Forest.importances = list(R)
    assert dci(PERFECT, FACTORS) == pytest.approx((1, 1, 0))


def test_informativeness_is_the_r2_that_the_best_prediction_has():
    factors = noise(4000, 2)
    codes = torch.cat([factors + 0.7 * noise(4000, 2, seed=2), noise(4000, 1, seed=3)], dim=1)
    result = dci(codes, factors)
    assert result.informativeness == pytest.approx(1 / (1 + 0.7**2), abs=0.05)


def test_dci_of_a_code_with_noise_is_near_that_of_the_code():
    # A forest that fits the noise would spread importance over all dimensions.
    many = torch.cartesian_prod(*[torch.arange(n) / n for n in (30, 40, 3)])[::2]
    codes = many + 0.3 * many.std(0) * noise(*many.shape)
    result = dci(codes, many)
    assert 0.9 < result.disentanglement < 1
    assert 0.9 < result.completeness < 1


def test_dci_of_a_perfect_code_is_1_in_all_three():
    assert dci(PERFECT, FACTORS) == pytest.approx((1, 1, 1), abs=1e-3)


def test_dci_does_not_depend_on_the_order_of_the_rows():
    rows = FACTORS[:, 0].argsort()  # each half would lack some classes
    assert dci(PERFECT[rows], FACTORS[rows]) == pytest.approx((1, 1, 1), abs=1e-3)


def test_dci_of_noise_is_near_0_in_all_three():
    many = FACTORS.repeat(2, 1)
    assert max(dci(noise(len(many), 4), many)) < 0.1


def test_dci_of_a_turned_code_is_still_informative():
    result = dci(turned(GRID, 45), GRID)
    assert result.informativeness > 0.9
    assert max(result.disentanglement, result.completeness) < 0.1


def test_dci_of_two_copies_is_disentangled_and_not_complete():
    codes = torch.stack([V1, -V1, V2, V3], dim=1)
    result = dci(codes, FACTORS)
    assert result.disentanglement > 0.99
    # v₁ has two dimensions, of which each tree takes one: 1 − log 2 / log 4 if they share alike.
    assert (0.5 + 1 + 1) / 3 - 1e-6 < result.completeness < 0.9
    assert result.informativeness == pytest.approx(1)


def test_dci_of_one_dimension_with_two_factors_is_complete_and_not_disentangled():
    codes = torch.stack([V1 + 10 * V2, 0 * V1], dim=1)
    result = dci(codes, FACTORS[:, :2])
    assert result.completeness == pytest.approx(1)
    assert result.disentanglement == pytest.approx(0, abs=1e-6)


def test_dci_of_a_constant_code_is_0():
    assert dci(torch.ones(N, 3), FACTORS) == pytest.approx((0, 0, 0), abs=1e-9)


def test_dci_of_a_factor_that_hardly_varies():
    rare = (torch.arange(N) == 7).float()[:, None]  # one of the halves does not have it
    assert all(0 <= score <= 1 for score in dci(PERFECT, rare))


# Separated attribute predictability


@pytest.mark.equation("BVAE.16")
@pytest.mark.parametrize("degrees", [0, 20, 45])
def test_sap_by_numpys_correlations(degrees):
    codes = turned(PERFECT, degrees)[:, :3] + 0.3 * noise(N, 3)
    squares = np.corrcoef(FACTORS.T, codes.T)[:3, 3:] ** 2
    ordered = np.sort(squares, axis=1)
    expected = ordered[:, -1] - ordered[:, -2]
    got = separated_attribute_predictability(codes, FACTORS)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-6)


def test_sap_on_codes_whose_score_is_known():
    sap = separated_attribute_predictability
    assert sap(PERFECT, FACTORS).tolist() == pytest.approx([1, 1, 1])
    copies = torch.stack([V1, -V1, V2, V3], dim=1)
    assert sap(copies, FACTORS).tolist() == pytest.approx([0, 1, 1], abs=1e-6)
    assert sap(turned(GRID, 45), GRID).tolist() == pytest.approx([0, 0], abs=1e-6)
    # cos² − sin² of the angle
    expected = math.cos(math.radians(40))
    assert sap(turned(GRID, 20), GRID).tolist() == pytest.approx([expected] * 2, abs=1e-6)
    assert sap(noise(N, 4), FACTORS).max() < 10 / N  # R² of noise is about 1/N


# What is refused


@pytest.mark.parametrize("score", [mutual_information_gap, dci, separated_attribute_predictability])
@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (PERFECT[:, :1], FACTORS, r"codes must have shape \(N, d\) with d ≥ 2, got \(1200, 1\)"),
        (PERFECT[:, 0], FACTORS, r"codes must have shape .* got \(1200,\)"),
        (PERFECT, FACTORS[:9], r"factors must have shape \(1200, F\) like codes, got \(9, 3\)"),
        (PERFECT, FACTORS[:, 0], r"factors must have shape \(1200, F\) .* got \(1200,\)"),
        (PERFECT, FACTORS * torch.tensor([1, 0, 1]), "every factor must vary"),
        (PERFECT * math.nan, FACTORS, "codes must be finite, got nan"),
        (PERFECT - torch.tensor([0, 0, 0, math.inf]), FACTORS, "codes must be finite, got -inf"),
        (PERFECT, FACTORS + torch.tensor([0, math.nan, 0]), "factors must be finite, got nan"),
        (PERFECT, FACTORS[:, :0], "factors must have shape"),
        (PERFECT[:0], FACTORS[:0], "codes must have shape"),
    ],
)
def test_bad_input_is_refused(score, codes, factors, message):
    with pytest.raises(ValueError, match=message):
        score(codes, factors)


def test_fewer_than_two_bins_are_refused():
    with pytest.raises(ValueError, match="bins must be at least 2, got 1"):
        mutual_information_gap(PERFECT, FACTORS, bins=1)


@pytest.mark.parametrize("score", [mutual_information_gap, dci, separated_attribute_predictability])
def test_whole_numbers_halves_and_gradients_change_no_score(score):
    expected = score(PERFECT.double(), FACTORS.double())
    for codes, factors in (
        (PERFECT.bfloat16(), FACTORS.bfloat16()),
        (PERFECT.clone().requires_grad_(), FACTORS.int()),
        ((2 * PERFECT).int(), FACTORS.to(torch.uint8)),
    ):
        torch.testing.assert_close(
            torch.as_tensor(score(codes, factors)), torch.as_tensor(expected)
        )


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sap_has_no_scale(scale):
    codes = turned(PERFECT, 20)
    expected = separated_attribute_predictability(codes, FACTORS)
    got = separated_attribute_predictability(scale * codes, FACTORS)
    torch.testing.assert_close(got, expected)


def test_bins_of_whole_numbers_of_every_width():
    values = torch.tensor([-128, -1, 0, 127], dtype=torch.int8)  # 127 + 128 is no int8
    assert binned(values, 4).tolist() == [0, 1, 2, 3]
    assert binned(values.long() * 2**40, 4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.tensor([0.0, math.nan]), "values must be finite, got nan"),
        (torch.tensor([0.0, math.inf]), "values must be finite, got inf"),
        (torch.tensor([-3e38, 3e38]), r"values must have a finite range, got -3e\+38 to 3e\+38"),
        (torch.tensor([]), r"values must have shape \(N, \.\.\.\) and a value, got \(0,\)"),
        (torch.tensor(1.0), r"values must have shape \(N, \.\.\.\) and a value, got \(\)"),
    ],
)
def test_values_without_bins_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        binned(values)


def test_factors_without_classes_are_refused():
    for factors, message in ((V1, "factors must have shape"), (V1[:, None] * math.nan, "finite")):
        with pytest.raises(ValueError, match=message):
            classes_of(factors)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0, -1], [0, 1], "a must hold class numbers, integers ≥ 0, got torch.int64 -1"),
        ([0, 1], [0.5, 1.0], "b must hold class numbers, integers ≥ 0, got torch.float32 0.5"),
        ([0, 1], [0], r"a and b must be equally long, got \(2,\) and \(1,\)"),
        ([], [], "a and b must be equally long"),
    ],
)
def test_columns_without_mutual_information_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(torch.tensor(a), torch.tensor(b))
