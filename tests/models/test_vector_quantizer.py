"""The codebook against brute force, NumPy, and autograd."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch

from course_lib.models import VectorQuantizer
from course_lib.models.vector_quantizer import nearest_code, straight_through

EPSILON = 1e-5


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def squared_distances(z_e, codebook):
    """(M, K) in float64, from the differences and not from their expanded squares."""
    return ((z_e.double().numpy()[:, None] - codebook.double().numpy()[None]) ** 2).sum(2)


def small_quantizer(K=5, code_dim=3, **settings):
    """Started, with codes, counts and sums that agree."""
    quantizer = VectorQuantizer(K, code_dim, initial="normal", **settings)
    quantizer.count.copy_(torch.linspace(1, 3, K))
    quantizer.sum.copy_(quantizer.codebook.detach() * quantizer.count[:, None])
    return quantizer


# The lookup


@pytest.mark.equation("VQ.2")
@pytest.mark.parametrize(("M", "K", "code_dim"), [(500, 40, 8), (300, 2, 1), (64, 300, 32)])
def test_the_nearest_code_is_that_of_a_brute_force_search(M, K, code_dim):
    z_e, codebook = normal(M, code_dim), normal(K, code_dim, seed=1)
    expected = squared_distances(z_e, codebook).argmin(1)
    assert np.array_equal(nearest_code(z_e.double(), codebook.double()).numpy(), expected)
    assert (nearest_code(z_e, codebook).numpy() == expected).mean() > 0.99


def test_of_equally_near_codes_it_is_the_first():
    codebook = torch.tensor([[9.0, 0], [1, 0], [-1, 0], [1, 0]])
    assert nearest_code(torch.tensor([[0.0, 3], [2, 0], [-2, 0]]), codebook).tolist() == [1, 1, 2]


def test_far_from_the_origin_it_is_right_where_the_expanded_square_is_not():
    z_e, codebook = 100 + 0.01 * normal(1000, 16), 100 + 0.01 * normal(64, 16, seed=1)
    distances = squared_distances(z_e, codebook)
    of_centred = distances[np.arange(1000), nearest_code(z_e, codebook).numpy()]
    assert (of_centred < 1.0001 * distances.min(1)).all()
    expanded = codebook.square().sum(1) / 2 - z_e @ codebook.T
    of_expanded = distances[np.arange(1000), expanded.argmin(1).numpy()]
    assert (of_expanded > 1.01 * distances.min(1)).mean() > 0.1


@pytest.mark.equation("VQ.1")
def test_what_comes_out_is_a_code_and_its_index():
    quantizer = small_quantizer().eval()
    quantized = quantizer(z_e := normal(40, 3, seed=1))
    assert quantizer.codebook.shape == (5, 3)
    assert quantized.z_q.shape == (40, 3)
    assert len(set(quantized.indices.tolist())) > 3
    codes = quantizer.codebook[quantized.indices]
    torch.testing.assert_close(quantized.z_q, codes)
    torch.testing.assert_close(quantized.codebook_loss, (z_e - codes).square().sum(1))
    torch.testing.assert_close(quantized.commitment_loss, (z_e - codes).square().sum(1))


# The gradients


@pytest.mark.equation("VQ.4")
def test_straight_through_has_the_value_of_e_and_the_gradient_of_z_e():
    z_e, e = normal(7, 3).requires_grad_(), normal(7, 3, seed=1).requires_grad_()
    z_q = straight_through(z_e, e)
    torch.testing.assert_close(z_q, e)
    weights = normal(7, 3, seed=2)
    (z_q.sin() * weights).sum().backward()
    torch.testing.assert_close(z_e.grad, e.detach().cos() * weights)  # at z_q, not at z_e
    assert e.grad is None


@pytest.mark.equation("VQ.5")
def test_the_codebook_loss_moves_the_codes_alone():
    quantizer, z_e = small_quantizer(update="gradient"), normal(40, 3, seed=1).requires_grad_()
    quantized = quantizer(z_e)
    loss = quantized.codebook_loss.sum()
    codebook, to_z_e = torch.autograd.grad(
        loss, [quantizer.codebook, z_e], allow_unused=True, retain_graph=True
    )
    assert to_z_e is None
    expected = np.zeros((5, 3))
    for z, k in zip(z_e.detach().numpy(), quantized.indices.tolist(), strict=True):
        expected[k] += 2 * (quantizer.codebook[k].detach().numpy() - z)
    np.testing.assert_allclose(codebook, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.equation("VQ.6")
def test_the_commitment_loss_moves_the_encoder_alone():
    quantizer, z_e = small_quantizer(update="gradient"), normal(40, 3, seed=1).requires_grad_()
    quantized = quantizer(z_e)
    to_z_e, codebook = torch.autograd.grad(
        quantized.commitment_loss.sum(), [z_e, quantizer.codebook], allow_unused=True
    )
    assert codebook is None
    expected = 2 * (z_e - quantizer.codebook[quantized.indices]).detach()
    torch.testing.assert_close(to_z_e, expected)
    # After the straight-through step z_q − sg[e] is 0, and so would its loss be.
    after = (quantized.z_q - quantizer.codebook[quantized.indices].detach()).square().sum()
    assert after.item() < 1e-9 < 0.1 < quantized.commitment_loss.min().item() * 40


def test_a_straight_through_step_can_raise_the_loss():
    codebook, z_e = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.45]], requires_grad=True)

    def loss(z_e):
        e = codebook[nearest_code(z_e.detach(), codebook)]
        return (straight_through(z_e, e) - 0.45).square().sum()

    before = loss(z_e)
    before.backward()
    after = loss(z_e.detach() - 0.2 * z_e.grad)
    assert before.item() == pytest.approx(0.45**2)
    assert after.item() == pytest.approx(0.55**2)  # from code 0 over the border to code 1


# The moving averages


def averaged_by_hand(codebook, count, total, z_e, gamma):
    """One step in NumPy: the new codes, counts and sums."""
    indices = squared_distances(torch.tensor(z_e), torch.tensor(codebook)).argmin(1)
    count, total = gamma * count, gamma * total
    for z, k in zip(z_e, indices, strict=True):
        count[k] += 1 - gamma
        total[k] += (1 - gamma) * z
    smoothed = [(c + EPSILON) / (count.sum() + len(count) * EPSILON) * count.sum() for c in count]
    return total / np.array(smoothed)[:, None], count, total


@pytest.mark.equation("VQ.11")
@pytest.mark.equation("VQ.12")
@pytest.mark.parametrize("gamma", [0.0, 0.7, 0.99])
def test_codes_are_smoothed_averages_of_the_vectors_that_chose_them(gamma):
    quantizer = small_quantizer(gamma=gamma, revive_below=0).double()
    codes, count, total = (
        t.detach().numpy().copy() for t in (quantizer.codebook, quantizer.count, quantizer.sum)
    )
    for seed in range(4):
        z_e = normal(60, 3, seed=10 + seed).double()
        codes, count, total = averaged_by_hand(codes, count, total, z_e.numpy(), gamma)
        quantizer(z_e)
        np.testing.assert_allclose(quantizer.codebook, codes, rtol=1e-9)
        np.testing.assert_allclose(quantizer.count, count, rtol=1e-9)
        np.testing.assert_allclose(quantizer.sum, total, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("VQ.13")
def test_a_step_of_the_averages_is_one_of_gradient_descent_on_the_codebook_loss():
    """e − (1 − γ)/(2N) · 2 Σ (e − z_e), with the new counts N: erratum 000-38."""
    gamma = 0.9
    averages, gradient = (
        small_quantizer(gamma=gamma, update=u, revive_below=0).double() for u in ("ema", "gradient")
    )
    z_e = normal(60, 3, seed=1).double()
    gradient(z_e).codebook_loss.sum().backward()
    before = averages.codebook.detach().clone()
    averages(z_e)
    rate = (1 - gamma) / (2 * averages.count[:, None])
    expected = before - rate * gradient.codebook.grad
    torch.testing.assert_close(averages.codebook.detach(), expected, rtol=1e-4, atol=1e-5)
    assert (averages.codebook - before).abs().max() > 0.01


def test_in_the_first_step_every_code_moves_towards_its_vectors_and_none_leaps():
    quantizer = VectorQuantizer(5, 3, initial="normal", revive_below=0)
    before, z_e = quantizer.codebook.clone(), normal(60, 3, seed=1)
    indices = quantizer(z_e).indices
    for k in range(5):
        to_mean = z_e[indices == k].mean(0) - before[k]
        share = (quantizer.codebook[k] - before[k]) / to_mean
        assert share.min() > 0
        assert share.max() < 1
        assert share.max() - share.min() < 1e-2
    # Counts that start at 0 beside sums that do not are what throws codes away:
    careless = np.zeros(5), before.numpy(), z_e.numpy()[:4]
    thrown, _, _ = averaged_by_hand(before.numpy(), *careless, 0.99)
    assert np.abs(thrown).max() > 1e4


def test_a_code_that_is_not_chosen_stays_for_ever():
    """By m / N̂ alone it would go to the origin once N falls below ε."""
    quantizer = small_quantizer(gamma=0.5, revive_below=0)
    quantizer.move(2, far := torch.tensor([50.0, 50.0, 50.0]))
    for seed in range(100):
        quantizer(normal(60, 3, seed=seed))
    assert quantizer.count[2] < EPSILON
    assert torch.equal(quantizer.codebook[2], far)


def test_moved_codes_go_on_from_where_they_are():
    quantizer = small_quantizer(K=3, code_dim=2, gamma=0.9, revive_below=0)
    quantizer.move(1, to := torch.tensor([5.0, 5.0]))
    assert torch.equal(quantizer.codebook[1], to)
    quantizer(torch.tensor([[6.0, 6.0]]))
    N = 0.9 * 2.0 + 0.1
    torch.testing.assert_close(quantizer.codebook[1], (0.9 * 2 * to + 0.1 * 6) / N)


# Start and revival


def test_the_first_batch_gives_the_codes():
    quantizer, z_e = VectorQuantizer(8, 3, gamma=0.99), 40 + normal(100, 3)
    quantizer.eval()
    quantizer(z_e)
    assert not quantizer.started
    quantizer.train()
    placed = quantizer(z_e, generator()).z_q.detach()
    assert quantizer.started
    chosen = {tuple(v) for v in placed.tolist()}  # before the averages moved
    assert len(chosen) == 8
    assert min((z_e - torch.tensor(code)).abs().sum(1).min().item() for code in chosen) < 1e-4
    assert quantizer.count.sum().item() == pytest.approx(100)
    second = quantizer.codebook.clone()
    quantizer(z_e - 1000)
    assert (quantizer.codebook - second).abs().max() < 1000  # moved, not placed anew
    assert len(nearest_code(z_e, second).unique()) == 8


def test_a_batch_smaller_than_the_codebook_gives_some_codes_twice():
    quantizer = VectorQuantizer(7, 2, revive_below=0)
    quantizer(z_e := normal(3, 2), generator())
    assert quantizer.codebook.isfinite().all()
    assert (torch.cdist(z_e, quantizer.codebook.detach()).amin(1) < 1e-3).all()
    assert nearest_code(z_e, quantizer.codebook).unique().numel() == 3


def test_dead_codes_and_only_they_are_placed_on_vectors_of_the_batch():
    def revived(seed):
        quantizer = small_quantizer(K=6, gamma=0.9, revive_below=0.1)
        quantizer.count.copy_(torch.tensor([3.0, 0.01, 3.0, 3.0, 0.02, 3.0]))
        quantizer.move(torch.arange(6), quantizer.codebook.clone())
        far = torch.tensor([[90.0] * 3, [-90.0] * 3])
        quantizer.move(torch.tensor([1, 4]), far)
        untouched = small_quantizer(K=6, gamma=0.9, revive_below=0)
        untouched.load_state_dict(quantizer.state_dict())
        z_e = normal(60, 3, seed=1)
        quantizer(z_e, generator(seed))
        untouched(z_e)
        return quantizer, untouched, z_e

    quantizer, untouched, z_e = revived(seed=0)
    living = [0, 2, 3, 5]
    assert torch.equal(quantizer.codebook[living], untouched.codebook[living])
    for k in (1, 4):
        assert (z_e == quantizer.codebook[k]).all(1).any()
        assert quantizer.count[k].item() == pytest.approx(60 / 6)
        torch.testing.assert_close(quantizer.sum[k], 10 * quantizer.codebook[k].detach())
    again, other = revived(seed=0)[0], revived(seed=1)[0]
    assert torch.equal(again.codebook, quantizer.codebook)
    assert not torch.equal(other.codebook, quantizer.codebook)


def test_revival_also_serves_a_codebook_that_learns_by_gradient():
    quantizer = VectorQuantizer(32, 2, "gradient", gamma=0.8, initial="normal")
    z_e = 20 + normal(400, 2)
    used = []
    for seed in range(60):
        quantized = quantizer(z_e, generator(seed))
        used.append(len(quantized.indices.unique()))
    assert used[0] < 5
    assert used[-1] > 25


def state(quantizer):
    """A copy of all that it remembers."""
    return deepcopy(quantizer.state_dict())


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
        for name, value in one.items()
    )


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_neither_evaluation_nor_a_lookup_changes_anything(update):
    quantizer, z_e = VectorQuantizer(5, 3, update), normal(60, 3)
    before = state(quantizer)
    evaluated, looked_up = quantizer.eval()(z_e), quantizer.train().lookup(z_e)
    assert same(quantizer.state_dict(), before)
    assert all(map(torch.equal, evaluated, looked_up))
    quantizer(z_e)
    assert not same(quantizer.state_dict(), before)


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_saved_with_its_counts_and_sums_it_goes_on_as_if_never_stopped(update):
    def quantizer(seed):
        return VectorQuantizer(6, 3, update, gamma=0.9, seed=seed)

    one, other = quantizer(0), quantizer(1)
    for seed in range(3):
        one(normal(60, 3, seed=seed), generator())
    other.load_state_dict(one.state_dict())
    assert set(one.state_dict()) == {"codebook", "count", "sum", "_extra_state"}
    assert other.started
    for seed in range(3, 6):
        for q in (one, other):
            q(normal(60, 3, seed=seed), generator(seed))
    assert torch.equal(one.codebook, other.codebook)
    assert torch.equal(one.count, other.count)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"K": 1}, "K must be at least 2 and code_dim 1, got 1 and 3"),
        ({"code_dim": 0}, "K must be at least 2 and code_dim 1, got 5 and 0"),
        ({"gamma": 1.0}, r"gamma must lie in \[0, 1\), got 1.0"),
        ({"gamma": -0.1}, r"gamma must lie in \[0, 1\), got -0.1"),
        ({"gamma": float("nan")}, r"gamma must lie in \[0, 1\), got nan"),
        ({"revive_below": 1.0}, r"revive_below must lie in \[0, 1\), got 1.0"),
        ({"update": "sgd"}, "update must be .* got 'sgd' and 'data'"),
        ({"initial": "zeros"}, "update must be .* got 'ema' and 'zeros'"),
    ],
)
def test_a_quantizer_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        VectorQuantizer(**{"K": 5, "code_dim": 3} | arguments)


@pytest.mark.parametrize(
    ("z_e", "message"),
    [
        (torch.zeros(4, 2), r"z_e must be \(M, 3\) with M ≥ 1, got \(4, 2\)"),
        (torch.zeros(0, 3), r"z_e must be \(M, 3\) with M ≥ 1, got \(0, 3\)"),
        (torch.zeros(4, 2, 3), r"z_e must be \(M, 3\) with M ≥ 1, got \(4, 2, 3\)"),
        (torch.tensor([[0.0, math.nan, 0.0]]), "z_e must be finite"),
        (torch.tensor([[0.0, math.inf, 0.0]]), "z_e must be finite"),
    ],
)
def test_bad_vectors_are_refused_and_leave_the_codebook_as_it_was(z_e, message):
    quantizer = VectorQuantizer(5, 3)
    before = state(quantizer)
    with pytest.raises(ValueError, match=message):
        quantizer(z_e)
    assert same(quantizer.state_dict(), before)
    with pytest.raises(ValueError, match=message):
        quantizer.lookup(z_e)
