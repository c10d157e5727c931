"""The contractive autoencoder: NumPy, finite differences, autograd loops and statistics."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib.models import Autoencoder, ContractiveAutoencoder
from course_lib.models.contractive_autoencoder import (
    contractive_penalty,
    hutchinson_contractive_penalty,
    jacobian,
    semi_axes,
    sigmoid_contractive_penalty,
    tangent_share,
)
from course_lib.training import fit

IMAGES = torch.rand(7, 1, 4, 6, generator=torch.Generator().manual_seed(0))


def model_of(hidden=(), double=True, **options):
    """A model with weights so large that sigmoids bend: D = 24 pixels, d = 5 units."""
    model = ContractiveAutoencoder((1, 4, 6), 5, hidden, **options)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(3)
    return model.double() if double else model


def jacobian_by_differences(encode, x, step=1e-5):
    """(B, d, D), central differences, one pixel at a time."""
    flat = x.double().flatten(1)
    columns = []
    for k in range(flat.shape[1]):
        nudge = torch.zeros_like(flat)
        nudge[:, k] = step
        difference = encode((flat + nudge).view_as(x)) - encode((flat - nudge).view_as(x))
        columns.append(difference.detach() / (2 * step))
    return torch.stack(columns, 2)


def squared_entries(matrices):
    """Σ over rows and columns in plain NumPy, one matrix at a time."""
    return torch.tensor([np.sum(np.asarray(matrix) ** 2) for matrix in matrices])


def summed_first(model, x):
    """The bug: the gradient of the sum of all units, squared."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.encode(x).sum(), x)
    return gradient.flatten(1).square().sum(1)


def closed_form(model, x):
    return sigmoid_contractive_penalty(model.encode(x), model.encoder[0].weight)


@pytest.mark.equation("CAE.2")
@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
def test_jacobian_and_penalty_agree_with_finite_differences(hidden):
    model, x = model_of(hidden), IMAGES.double()
    J = jacobian_by_differences(model.encode, x)
    torch.testing.assert_close(jacobian(model.encode, x), J, rtol=1e-6, atol=1e-8)
    penalty = contractive_penalty(model.encode, x)
    assert penalty.shape == (7,)
    torch.testing.assert_close(penalty, squared_entries(J), rtol=1e-6, atol=0)
    singular_values = np.linalg.svd(J.numpy(), compute_uv=False)
    np.testing.assert_allclose(penalty.detach(), (singular_values**2).sum(1), rtol=1e-6)


@pytest.mark.equation("CAE.3")
def test_each_row_of_the_jacobian_is_the_slope_times_the_weights():
    model, x = model_of(), IMAGES.double()
    W = model.encoder[0].weight.detach().numpy()
    b = model.encoder[0].bias.detach().numpy()
    h = 1 / (1 + np.exp(-(x.flatten(1).numpy() @ W.T + b)))
    rows = (h * (1 - h))[:, :, None] * W
    np.testing.assert_allclose(jacobian(model.encode, x).detach(), rows, rtol=1e-10)
    np.testing.assert_allclose(jacobian_by_differences(model.encode, x), rows, rtol=1e-6)


@pytest.mark.equation("CAE.4")
def test_the_closed_form_is_the_exact_penalty():
    model, x = model_of(), IMAGES.double()
    expected = squared_entries(jacobian_by_differences(model.encode, x))
    torch.testing.assert_close(closed_form(model, x), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(closed_form(model, x), contractive_penalty(model.encode, x))


def test_the_closed_form_by_hand():
    penalty = sigmoid_contractive_penalty(
        torch.tensor([[0.5, 0.9]]), torch.tensor([[3.0, 4.0], [0, 1]])
    )
    assert penalty.tolist() == pytest.approx([0.0625 * 25 + 0.0081])


def test_the_common_bug_is_told_apart_even_at_random_weights():
    """There its value lies near the right one, so only a tight tolerance rejects it."""
    model = ContractiveAutoencoder((1, 28, 28), 256).double()
    x = torch.rand(4, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact, bug = contractive_penalty(model.encode, x), summed_first(model, x)
    assert (bug / exact - 1).abs().max() < 0.11
    assert (bug / exact - 1).abs().min() > 1e-3
    torch.testing.assert_close(closed_form(model, x), exact, rtol=1e-9, atol=0)


def mean_of_probes(model, x, n, generator):
    probes = hutchinson_contractive_penalty(model.encode, x.repeat(n, 1, 1, 1), generator)
    probes = probes.detach().unflatten(0, (n, len(x)))
    return probes.mean(0), probes.std(0) / n**0.5


@pytest.mark.equation("CAE.5")
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_probes_average_to_the_exact_penalty(hidden):
    model, x = model_of(hidden), IMAGES.double()
    mean, error = mean_of_probes(model, x, 20_000, torch.Generator().manual_seed(0))
    exact = squared_entries(jacobian_by_differences(model.encode, x))
    assert (error < 0.02 * exact).all()
    assert ((mean - exact).abs() < 4 * error).all()
    assert ((mean - summed_first(model, x)).abs() > 8 * error).all()


def test_one_probe_is_the_squared_length_of_a_signed_sum_of_rows():
    model, x = model_of(), IMAGES.double()
    J = jacobian_by_differences(model.encode, x)
    signs = torch.cartesian_prod(*5 * [torch.tensor([-1.0, 1.0], dtype=torch.float64)])  # (32, 5)
    possible = torch.einsum("vd,bdk->bvk", signs, J).square().sum(2)  # (B, 32)
    torch.testing.assert_close(possible.mean(1), squared_entries(J))  # (CAE.5), exactly
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        probe = hutchinson_contractive_penalty(model.encode, x, generator).detach()
        assert ((possible - probe[:, None]).abs().amin(1) < 1e-6 * probe).all()


def test_every_image_has_its_own_probe():
    model, x = model_of(), IMAGES[:1].double().repeat(50, 1, 1, 1)
    probes = hutchinson_contractive_penalty(model.encode, x, torch.Generator().manual_seed(0))
    assert len(probes.detach().round(decimals=6).unique()) > 5


def test_the_probe_comes_from_the_generator_alone():
    model, state = model_of(), torch.get_rng_state()
    first, again, other = (
        hutchinson_contractive_penalty(
            model.encode, IMAGES.double(), torch.Generator().manual_seed(seed)
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)
    assert not IMAGES.requires_grad


def test_the_probe_is_drawn_where_the_generator_is_and_has_the_dtype_of_the_code():
    model = model_of().to("meta")
    probe = hutchinson_contractive_penalty(
        model.encode, IMAGES.double().to("meta"), torch.Generator().manual_seed(0)
    )
    assert (probe.is_meta, probe.shape, probe.dtype) == (True, (7,), torch.float64)


def gradients(model, loss):
    return torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, list(model.encoder.parameters()))]
    )


def test_the_gradients_of_all_routes_agree_with_finite_differences():
    model, x = model_of(), IMAGES.double()
    exact = gradients(model, contractive_penalty(model.encode, x).mean())
    torch.testing.assert_close(gradients(model, closed_form(model, x).mean()), exact)
    parameters = list(model.encoder.parameters())
    for j, (parameter, place) in enumerate([(parameters[0], (2, 7)), (parameters[1], (3,))]):
        values = []
        for step in (1e-4, -2e-4):
            with torch.no_grad():
                parameter[place] += step
            values.append(squared_entries(jacobian_by_differences(model.encode, x)).mean().item())
        with torch.no_grad():
            parameter[place] += 1e-4
        index = 2 * 24 + 7 if j == 0 else parameters[0].numel() + 3
        assert exact[index].item() == pytest.approx((values[0] - values[1]) / 2e-4, rel=1e-3)


def test_the_gradients_of_probes_average_to_the_exact_one():
    model, x, n = model_of((6,)), IMAGES[:2].double(), 4000
    exact = gradients(model, contractive_penalty(model.encode, x).mean())
    generator = torch.Generator().manual_seed(0)
    blocks = torch.stack([
        gradients(model, hutchinson_contractive_penalty(
            model.encode, x.repeat(n // 40, 1, 1, 1), generator).mean())
        for _ in range(40)
    ])  # fmt: skip
    error = blocks.std(0) / 40**0.5
    assert error.norm() < 0.05 * exact.norm()
    assert ((blocks.mean(0) - exact).abs() < 4.5 * error + 1e-12).all()


@pytest.mark.equation("CAE.6")
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_weak_noise_moves_the_code_by_the_penalty_times_its_variance(hidden):
    model, x = model_of(hidden), IMAGES.double()
    generator, epsilon, n = torch.Generator().manual_seed(0), 1e-3, 20_000
    noise = torch.randn(n, *x.shape, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        noisy = model.encode((x + epsilon * noise).flatten(0, 1)).unflatten(0, (n, len(x)))
        shifts = (noisy - model.encode(x)).square().sum(2)  # (n, B)
    expected = epsilon**2 * squared_entries(jacobian_by_differences(model.encode, x))
    error = shifts.std(0) / n**0.5
    assert (error < 0.02 * expected).all()
    assert ((shifts.mean(0) - expected).abs() < 4 * error + 0.002 * expected).all()


@pytest.mark.equation("CAE.8")
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_weak_noise_costs_the_slope_of_the_reconstruction_and_a_laplacian(hidden):
    model = ContractiveAutoencoder((1, 1, 2), 5, hidden, likelihood="gaussian").double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    x = torch.tensor([0.3, 0.8], dtype=torch.float64)

    def rebuilt(points):
        return model(points.view(-1, 1, 1, 2)).detach().view(-1, 2)

    nodes, weights = np.polynomial.hermite_e.hermegauss(30)  # for the mean over ε ~ N(0, 1)
    grid = torch.tensor([[a, b] for a in nodes for b in nodes])
    mass = torch.tensor([a * b for a in weights for b in weights]) / (2 * np.pi)

    def rise(sigma):
        errors = (rebuilt(x + sigma * grid) - x).square().sum(1)
        return (mass @ errors - (rebuilt(x) - x).square().sum()).item()

    step, eye = 1e-3, torch.eye(2, dtype=torch.float64)
    up, down, here = rebuilt(x + step * eye), rebuilt(x - step * eye), rebuilt(x)[0]
    slopes = ((up - down) / (2 * step)).square().sum()
    laplacian = ((up - 2 * here + down) / step**2).sum(0)
    bracket = (slopes + (here - x) @ laplacian).item()
    assert abs(bracket - slopes.item()) > 0.01 * bracket  # the second term is not for show
    left = [rise(sigma) - sigma**2 * bracket for sigma in (0.1, 0.05)]
    assert abs(left[0]) < 0.02 * 0.1**2 * bracket + 0.1**3
    assert left[0] / left[1] == pytest.approx(16, rel=0.1)  # what is left is O(σ⁴)


@pytest.mark.equation("CAE.7")
@pytest.mark.parametrize("s", [0.01, 0.5, 3.0])
def test_scale_moves_from_the_encoder_to_the_decoder_unnoticed(s):
    model = Autoencoder((1, 4, 6), 5, hidden=(), likelihood="gaussian").double()
    x = IMAGES.double()
    before, penalty = model(x), squared_entries(jacobian_by_differences(model.encode, x))
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(s)
        model.decoder[0].weight.div_(s)
    torch.testing.assert_close(model(x), before)
    torch.testing.assert_close(
        contractive_penalty(model.encode, x), s**2 * penalty, rtol=1e-6, atol=1e-12
    )


@pytest.mark.equation("CAE.1")
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("tied", [False, True])
def test_the_loss_is_error_plus_weight_times_penalty_per_image(likelihood, tied):
    model = model_of(double=False, likelihood=likelihood, tied=tied, weight=0.7)
    loss = model.loss(IMAGES)
    reference = F.binary_cross_entropy if likelihood == "bernoulli" else F.mse_loss
    error = reference(model(IMAGES), IMAGES, reduction="sum") / len(IMAGES)
    J = jacobian_by_differences(model.double().encode, IMAGES.double())
    expected = error.item() + 0.7 * squared_entries(J).sum().item() / len(IMAGES)
    assert list(loss.terms) == ["reconstruction", "contraction"]
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)


def test_with_hidden_layers_the_loss_draws_probes():
    model = model_of((6,), weight=0.7)
    x = IMAGES.double().repeat(5000, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    loss = model.loss(x, generator=generator)
    exact = squared_entries(jacobian_by_differences(model.encode, IMAGES.double())).mean().item()
    assert loss.terms["contraction"].item() == pytest.approx(exact, rel=0.02)
    again = model.loss(x, generator=generator)
    assert loss.terms["contraction"] != again.terms["contraction"]
    total = loss.terms["reconstruction"] + 0.7 * loss.terms["contraction"]
    assert loss.total.item() == pytest.approx(total.item())
    repeated = model.loss(x, generator=torch.Generator().manual_seed(0))
    assert loss.terms["contraction"] == repeated.terms["contraction"]


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_weight_zero_is_the_plain_autoencoder(hidden):
    model = ContractiveAutoencoder((1, 4, 6), 5, hidden, weight=0.0)
    plain = Autoencoder((1, 4, 6), 5, hidden, code="sigmoid")
    assert model.loss(IMAGES).total.item() == pytest.approx(plain.loss(IMAGES).total.item())


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_training_lowers_the_penalty_with_its_weight(hidden):
    images = torch.rand(200, 1, 4, 6, generator=torch.Generator().manual_seed(1))
    penalties = []
    for weight in (0.0, 1.0):
        model = ContractiveAutoencoder((1, 4, 6), 5, hidden, likelihood="gaussian", weight=weight)
        fit(model, images, epochs=20, batch_size=20, lr=1e-2)
        penalties.append(contractive_penalty(model.encode, images).mean().item())
    assert penalties[1] < 0.5 * penalties[0]


def test_tied_weights_are_one_matrix_in_both_places():
    model = ContractiveAutoencoder((1, 4, 6), 5, tied=True, likelihood="gaussian")
    fit(model, IMAGES, epochs=3)
    W, c = model.encoder[0].weight.detach().numpy(), model.decoder.bias.detach().numpy()
    h = model.encode(IMAGES).detach().numpy()
    expected = (h @ W + c).reshape(IMAGES.shape)
    np.testing.assert_allclose(model(IMAGES).detach(), expected, rtol=1e-4, atol=1e-6)
    assert sum(p.numel() for p in model.parameters()) == 24 * 5 + 5 + 24


def test_the_tangent_share_counts_directions_in_the_manifold():
    generator = torch.Generator().manual_seed(0)
    tangents = torch.randn(3, 24, 2, dtype=torch.float64, generator=generator)
    J = torch.randn(3, 5, 24, dtype=torch.float64, generator=generator)
    projectors = [np.asarray(T) @ np.linalg.pinv(np.asarray(T)) for T in tangents]
    along = [np.sum((np.asarray(j) @ p) ** 2) for j, p in zip(J, projectors, strict=True)]
    expected = torch.tensor(along) / squared_entries(J)
    torch.testing.assert_close(tangent_share(J, tangents), expected)
    mixed = tangents @ torch.tensor([[1.0, 5.0], [0.0, -0.1]], dtype=torch.float64)
    torch.testing.assert_close(tangent_share(J, mixed), expected)  # the same plane
    only_along = J @ torch.tensor(np.array(projectors))
    torch.testing.assert_close(tangent_share(only_along, tangents), torch.ones(3).double())


def test_tied_weights_with_hidden_layers_are_refused():
    with pytest.raises(ValueError, match=r"tied needs hidden=\(\), got hidden=\(6,\)"):
        ContractiveAutoencoder((1, 4, 6), 5, (6,), tied=True)


@pytest.mark.parametrize("hidden", [(), (6,)])
@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_rewards_what_it_should_punish_is_refused(hidden, weight):
    with pytest.raises(ValueError, match=f"weight must be ≥ 0 and finite, got {weight}"):
        ContractiveAutoencoder((1, 4, 6), 5, hidden, weight=weight)


@pytest.mark.equation("CAE.9")
def test_weight_decay_takes_the_step_that_pytorch_calls_weight_decay_of_twice_lambda():
    x = torch.rand(5, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (Autoencoder((1, 2, 3), 4, hidden=(), code="sigmoid") for _ in range(2))
    decay = sum(net[0].weight.norm() ** 2 for net in (ours.encoder, ours.decoder))
    (ours.loss(x).total + 0.3 * decay).backward()
    torch.optim.SGD(ours.parameters(), lr=0.1).step()
    weights = [net[0].weight for net in (theirs.encoder, theirs.decoder)]
    biases = [net[0].bias for net in (theirs.encoder, theirs.decoder)]
    groups = [{"params": weights, "weight_decay": 0.6}, {"params": biases}]
    theirs.loss(x).total.backward()
    torch.optim.SGD(groups, lr=0.1).step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))


@pytest.mark.parametrize(("d", "D"), [(2, 7), (4, 3)])
def test_semi_axes_are_the_image_of_a_ball(d, D):
    J = torch.randn(5, d, D, generator=torch.Generator().manual_seed(1)).double()
    axes = semi_axes(J)
    assert axes.shape == (5, d, min(d, D))
    torch.testing.assert_close(axes @ axes.mT, J @ J.mT)
    lengths = axes.norm(dim=1)
    torch.testing.assert_close(lengths, torch.linalg.svdvals(J))
    assert (lengths.diff(dim=1) <= 0).all()
