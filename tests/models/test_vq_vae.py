"""The VQ-VAE against brute force, NumPy, autograd of a plain one-hot version, and full sums."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.evaluation import perplexity
from course_lib.models import VQVAE, ConvolutionalVQVAE, TokenPrior, VectorQuantizer
from course_lib.models.vq_vae import nearest_code, straight_through
from course_lib.training import fit

DIGITS = load("digits").images
IMAGES = torch.rand(6, 1, 8, 4, generator=torch.Generator().manual_seed(0))
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


def one_hot_loss(model, x):
    """The loss written once more, with matrices of zeros and ones."""
    z_e = model.encode(x)  # (B, T, D_e)
    codebook = model.quantizer.codebook
    distances = (z_e.detach()[:, :, None] - codebook.detach()).square().sum(3)  # (B, T, K)
    e = F.one_hot(distances.argmin(2), len(codebook)).to(z_e.dtype) @ codebook
    output = model.decode(z_e + e.detach() - z_e.detach())
    if model.likelihood == "bernoulli":
        nll = F.binary_cross_entropy_with_logits(output, x, reduction="sum")
    else:
        nll = F.mse_loss(output, x, reduction="sum")
    codebook_loss = F.mse_loss(e, z_e.detach(), reduction="sum")
    commitment_loss = F.mse_loss(z_e, e.detach(), reduction="sum")
    return (nll + codebook_loss + model.commitment * commitment_loss) / len(x)


@pytest.mark.equation("VQ.7")
@pytest.mark.parametrize("kind", [VQVAE, ConvolutionalVQVAE])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_loss_and_all_its_gradients_are_those_of_the_one_hot_formulation(kind, likelihood):
    quantizer = VectorQuantizer(7, 3, "gradient", revive_below=0, initial="normal")
    model = kind(
        (1, 8, 4), 7, 3, quantizer=quantizer, likelihood=likelihood, commitment=0.6
    ).double()
    with torch.no_grad():  # spread the vectors, so that several codes are in use
        list(model.encoder.parameters())[-2].mul_(60)
    x = (IMAGES > 0.5).double()
    assert len(model.tokens(x).unique()) > 2
    loss, expected = model.loss(x), one_hot_loss(model, x)
    torch.testing.assert_close(loss.total, expected)
    assert list(loss.terms) == ["reconstruction", "codebook", "commitment"]
    parameters = list(model.parameters())
    ours, theirs = (torch.autograd.grad(total, parameters) for total in (loss.total, expected))
    for gradient, reference in zip(ours, theirs, strict=True):
        assert reference.abs().max() > 0
        torch.testing.assert_close(gradient, reference)


def test_with_moving_averages_the_codebook_loss_is_left_out_and_the_codes_get_no_gradient():
    model = VQVAE((1, 8, 4), 7, 3)
    loss = model.loss(IMAGES)
    assert list(loss.terms) == ["reconstruction", "commitment"]
    loss.total.backward()
    assert model.quantizer.codebook.grad is None
    assert all(p.grad is not None for p in (*model.encoder.parameters(),))


def test_the_straight_through_gradient_is_not_the_derivative_of_the_loss():
    """The true derivative by z_e is 0: a small step changes no code, and so not the loss."""
    model = VQVAE((1, 8, 8), 16, 4).double().eval()
    x = DIGITS[:20].double()
    z_e = model.encode(x).detach().requires_grad_()

    def loss(z_e):
        quantized = model.quantize(z_e)
        return model.nll(x, model.decode(quantized.z_q.view_as(z_e))).sum()

    (surrogate,) = torch.autograd.grad(loss(z_e), z_e)
    assert surrogate.norm() > 1
    direction = normal(*z_e.shape).double()
    with torch.no_grad():
        difference = (loss(z_e + 1e-6 * direction) - loss(z_e - 1e-6 * direction)) / 2e-6
    # z_e + (e − z_e) rounds to e within 1e-16
    assert abs(difference.item()) < 1e-6 * abs((surrogate * direction).sum().item()) + 1e-5


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


@pytest.mark.equation("VQ.8")
@pytest.mark.equation("VQ.9")
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


@pytest.mark.equation("VQ.14")
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


def test_evaluation_changes_nothing():
    quantizer = VectorQuantizer(5, 3).eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(normal(60, 3))
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())
    model = VQVAE((1, 8, 4), 5, 3)  # in training mode
    before = model.quantizer.codebook.clone()
    model(IMAGES)
    model.tokens(IMAGES)
    assert torch.equal(model.quantizer.codebook, before)
    assert not model.quantizer.started


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_saved_with_its_counts_and_sums_it_goes_on_as_if_never_stopped(update):
    def quantizer(seed):
        return VectorQuantizer(6, 3, update, gamma=0.9, seed=seed)

    one, other = quantizer(0), quantizer(1)
    for seed in range(3):
        one(normal(60, 3, seed=seed), generator())
    other.load_state_dict(one.state_dict())
    assert set(one.state_dict()) == {"codebook", "count", "sum", "started"}
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
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        quantizer(z_e)
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


# The models


@pytest.mark.equation("VQ.3")
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(
    ("kind", "tokens"), [(VQVAE, 4), (VQVAE, 1), (ConvolutionalVQVAE, 2), (ConvolutionalVQVAE, 8)]
)
def test_an_image_becomes_vectors_then_codes_then_a_picture(kind, tokens, likelihood):
    shape = {"tokens": tokens} if kind is VQVAE else {"channels": (5,) * (2 if tokens == 2 else 1)}
    model = kind((1, 8, 4), 7, 3, likelihood=likelihood, **shape).eval()
    z_e = model.encode(IMAGES)
    assert z_e.shape == (6, tokens, 3)
    assert math.prod(model.grid) == tokens
    assert model.latent_dim == 3 * tokens
    indices = model.tokens(IMAGES)
    assert indices.shape == (6, tokens)
    expected = squared_distances(z_e.detach().flatten(0, 1), model.quantizer.codebook)
    assert (indices.flatten().numpy() == expected.argmin(1)).all()
    quantized = model.quantize(z_e)
    assert torch.equal(quantized.indices.view(6, tokens), indices)
    x_hat = model.decode_mean(quantized.z_q.view_as(z_e))
    assert x_hat.shape == IMAGES.shape
    torch.testing.assert_close(model(IMAGES), x_hat)
    assert torch.equal(model.decode_tokens(indices), model(IMAGES))
    output = model.decode(quantized.z_q.view_as(z_e))
    expected = output.sigmoid() if likelihood == "bernoulli" else output
    assert torch.equal(x_hat, expected)


def test_tokens_of_a_convolutional_model_lie_where_they_are_in_the_picture():
    model = ConvolutionalVQVAE((1, 32, 24), 9, 4, channels=(6, 8)).eval()
    assert model.grid == (8, 6)
    row, column = 3, 2
    centre = 4 * row + 1.5, 4 * column + 1.5  # of the pixels that the token stands for

    def middle(reached):
        return [reached.any(1 - axis).nonzero().float().mean().item() for axis in (0, 1)]

    x = torch.rand(1, 1, 32, 24, generator=generator()).requires_grad_()
    (to_x,) = torch.autograd.grad(model.encode(x)[0, 6 * row + column].sum(), x)
    assert middle(to_x[0, 0] != 0) == pytest.approx(centre)
    tokens = torch.zeros(2, 48, dtype=torch.long)
    tokens[1, 6 * row + column] = 5
    one, other = model.decode_tokens(tokens)[:, 0]
    assert middle(one != other) == pytest.approx(centre)


def test_training_uses_the_codebook_and_lowers_the_loss():
    quantizer = VectorQuantizer(16, 4, gamma=0.9)
    model = VQVAE((1, 8, 8), 16, 4, hidden=(32,), quantizer=quantizer)
    history = fit(model, DIGITS[:500], epochs=8, lr=3e-3)
    first, last = (history.terms["reconstruction"][i] for i in (0, -1))
    assert last < 0.85 * first
    assert len(model.tokens(DIGITS[:500]).unique()) > 8


def test_seeds_decide_everything_and_no_global_seed_is_touched():
    def trained(seed):
        model = ConvolutionalVQVAE((1, 8, 8), 16, 4, channels=(8,), seed=seed)
        fit(model, DIGITS[:256], epochs=2, seed=seed)
        prior = TokenPrior(16, 16, width=8, heads=2, seed=seed)
        fit(prior, model.tokens(DIGITS[:256]), epochs=1, seed=seed)
        return [*model.state_dict().values(), prior.sample(5, generator(seed))]

    state = torch.random.get_rng_state()
    first, again, other = trained(0), trained(0), trained(1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[-1], other[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": 0}, "tokens must be at least 1, got 0"),
        ({"commitment": -0.1}, "commitment must be ≥ 0, got -0.1"),
        ({"commitment": math.nan}, "commitment must be ≥ 0, got nan"),
        ({"K": 1}, "K must be at least 2"),
        ({"code_dim": 2, "quantizer": VectorQuantizer(7, 3)}, r"size \(7, 2\), got \(7, 3\)"),
        ({"likelihood": "poisson"}, "'bernoulli' or 'gaussian', got 'poisson'"),
    ],
)
def test_a_model_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        VQVAE(**{"image_shape": (1, 8, 4), "K": 7, "code_dim": 3} | arguments)


def test_a_grid_has_as_many_tokens_as_it_has():
    with pytest.raises(TypeError, match="tokens"):
        ConvolutionalVQVAE((1, 8, 4), 7, 3, tokens=4)
    with pytest.raises(ValueError, match="sides of image_shape must be multiples of 2"):
        ConvolutionalVQVAE((1, 8, 4), 7, 3, channels=(4, 4, 4))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.long), r"tokens must be \(B, 4\) with B ≥ 1, got \(2, 3\)"),
        (torch.zeros(4, dtype=torch.long), r"tokens must be \(B, 4\) with B ≥ 1, got \(4,\)"),
        (torch.tensor([[0, 1, 2, 7]]), "tokens must be from 0 to 6, got 0 to 7"),
        (torch.tensor([[0, -1, 2, 3]]), "tokens must be from 0 to 6, got -1 to 3"),
    ],
)
def test_tokens_that_cannot_be_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        VQVAE((1, 8, 4), 7, 3).decode_tokens(tokens)
    with pytest.raises(ValueError, match=message):
        TokenPrior(7, 4).nll(tokens)


# The prior


def sharp_prior(K=2, tokens=3):
    prior = TokenPrior(K, tokens, width=8, heads=2)
    with torch.no_grad():
        prior.head.weight.mul_(6)  # far from uniform
    return prior


@pytest.mark.equation("VQ.11")
@pytest.mark.parametrize(("K", "T"), [(2, 3), (3, 4)])
def test_the_probabilities_of_all_sequences_sum_to_one_and_multiply_conditionals(K, T):
    prior = sharp_prior(K, T).double()
    every = torch.tensor(list(itertools.product(range(K), repeat=T)))
    with torch.no_grad():
        p = (-prior.nll(every)).exp()
        assert p.sum().item() == pytest.approx(1, rel=1e-9)
        assert p.max() > 3 * p.min()
        product = torch.ones(len(every)).double()
        for t in range(T):  # one conditional after the other, from the tokens before it alone
            conditional = prior(every[:, :t])[:, -1].softmax(1)
            product *= conditional.gather(1, every[:, t : t + 1])[:, 0]
    torch.testing.assert_close(p, product)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_token_changes_only_the_logits_after_it(mode):
    prior = getattr(TokenPrior(5, 6), mode)()
    tokens = torch.randint(5, (3, 6), generator=generator())
    with torch.no_grad():
        before = prior(tokens)
        for t in range(5):
            changed = tokens.clone()
            changed[:, t] = (changed[:, t] + 1) % 5
            difference = (prior(changed) - before).abs().amax((0, 2))
            assert difference[: t + 1].max() < 1e-6, t
            assert difference[t + 1 :].min() > 1e-4, t


def test_samples_have_the_probabilities_of_the_prior():
    prior = sharp_prior()
    samples = prior.sample(20_000, generator())
    every = torch.tensor(list(itertools.product(range(2), repeat=3)))
    observed = torch.bincount(samples @ torch.tensor([4, 2, 1]), minlength=8)
    expected = (-prior.nll(every)).exp().detach().double()
    assert stats.chisquare(observed, 20_000 * expected / expected.sum()).pvalue > 0.01
    assert stats.chisquare(observed).pvalue < 1e-10  # and the test would notice uniform ones
    assert torch.equal(samples[:10], prior.sample(20_000, generator())[:10])


def test_a_trained_prior_finds_the_order_in_tokens():
    """k₂ repeats k₁ and k₃ is free: log 4 + 0 + log 4 nats."""
    tokens = torch.randint(4, (2000, 3), generator=generator())
    tokens[:, 1] = tokens[:, 0]
    prior = TokenPrior(4, 3, width=16, heads=2)
    assert prior.loss(tokens).total.item() == pytest.approx(3 * math.log(4), rel=0.2)
    fit(prior, tokens, epochs=12, lr=3e-3)
    assert prior.loss(tokens).total.item() == pytest.approx(2 * math.log(4), rel=0.03)
    samples = prior.sample(500, generator())
    assert (samples[:, 0] == samples[:, 1]).float().mean() > 0.97


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 4), "K must be at least 2 and tokens 1, got 1 and 4"),
        ((4, 0), "K must be at least 2 and tokens 1, got 4 and 0"),
    ],
)
def test_a_prior_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        TokenPrior(*arguments)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        TokenPrior(2, 1).sample(0)


# What tokens cost: chapter 9


@pytest.mark.equation("VQ.12")
def test_a_grid_costs_at_least_its_entropy_and_at_most_its_number_of_tokens_times_log_K():
    """The data: every grid of three tokens as often as the counts say, so all sums are exact."""
    K, T = 3, 3
    every = torch.tensor(list(itertools.product(range(K), repeat=T)))
    counts = torch.randint(1, 40, (len(every),), generator=generator())
    counts[every[:, 1] != every[:, 0]] //= 8  # neighbours tend to agree
    tokens = every.repeat_interleave(counts, 0)
    together = stats.entropy(counts.numpy())
    by_place = sum(stats.entropy(np.bincount(column)) for column in tokens.numpy().T)
    by_share = T * math.log(perplexity(tokens, K))
    assert together < by_place - 0.1 < by_place <= by_share <= T * math.log(K)
    same = torch.arange(K).repeat(4, 1)  # no two places alike: the shares alone say nothing
    assert T * math.log(perplexity(same, K)) == pytest.approx(T * math.log(K), rel=1e-12)
    # Independent tokens, all codes equally often: nothing can be saved.
    assert stats.entropy(np.full(K**T, 7)) == pytest.approx(T * math.log(perplexity(every, K)))
    # A prior comes close to the left end and not below it.
    prior = TokenPrior(K, T, width=16, heads=2)
    fit(prior, tokens, epochs=30, lr=3e-3)
    with torch.no_grad():
        assert together - 1e-4 < prior.nll(tokens).mean().item() < together + 0.05


@pytest.fixture(scope="module")
def briefly_trained():
    """A VQ-VAE with 4³ grids of tokens in all, and images of pixels that are 0 or 1."""
    images = (DIGITS[:200] > 0.5).float()
    model = VQVAE((1, 8, 8), 4, 3, tokens=3, hidden=(16,))
    fit(model, images, epochs=5, lr=3e-3)
    return model.double(), images[:40].double()


def log_likelihoods(model, x):
    """log p(x|k) of every grid k by torch.distributions, (B, K^T), and the grids."""
    every = torch.tensor(list(itertools.product(range(4), repeat=3)))
    with torch.no_grad():
        logits = model.decode(model.quantizer.codebook[every])  # (K^T, 1, 8, 8)
    pixels = torch.distributions.Bernoulli(logits=logits)
    return torch.stack([pixels.log_prob(image).sum((1, 2, 3)) for image in x]), every


@pytest.mark.equation("VQ.13")
def test_the_elbo_of_a_one_hot_posterior_is_the_likelihood_less_a_constant(briefly_trained):
    model, x = briefly_trained
    log_p, every = log_likelihoods(model, x)
    chosen = (model.tokens(x)[:, None] == every).all(2)  # q(k|x), one-hot: (B, K^T)
    assert chosen.sum(1).eq(1).all()
    uniform = torch.full((len(every),), 1 / len(every)).double()
    kl = stats.entropy(chosen.double().numpy(), uniform.numpy(), axis=1)
    elbo = (chosen * log_p).sum(1) - torch.from_numpy(kl)
    np.testing.assert_allclose(kl, 3 * math.log(4), rtol=1e-12)
    reconstruction = model.loss(x).terms["reconstruction"]
    assert elbo.mean().item() == pytest.approx(-reconstruction.item() - 3 * math.log(4), rel=1e-9)


@pytest.mark.equation("VQ.15")
def test_the_evidence_is_a_sum_over_all_grids_and_the_gap_is_minus_log_posterior(briefly_trained):
    model, x = briefly_trained
    log_p, every = log_likelihoods(model, x)
    joint = log_p.exp() / len(every)  # p(x, k)
    evidence = joint.sum(1).log()
    posterior = joint / joint.sum(1, keepdim=True)
    own = (model.tokens(x) @ torch.tensor([16, 4, 1]))[:, None]
    with torch.no_grad():
        output = model.decode(model.quantizer.codebook[model.tokens(x)])
        elbo = -model.nll(x, output) - 3 * math.log(4)
    gap = -posterior.gather(1, own)[:, 0].log()
    torch.testing.assert_close(evidence - elbo, gap)
    assert (gap > 0).all()
    assert gap.mean() > 0.1
