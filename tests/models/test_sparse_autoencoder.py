"""The sparsity penalties against torch.distributions, NumPy, autograd and finite differences."""

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

from course_lib.information import kl_bernoulli
from course_lib.models import Autoencoder, L1Autoencoder, SparseAutoencoder, TopKAutoencoder
from course_lib.models.sparse_autoencoder import kl_sparsity
from course_lib.training import fit

IMAGES = torch.rand(9, 1, 4, 6, generator=torch.Generator().manual_seed(0))
ACTIVATIONS = torch.rand(9, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.equation("SAE.2", "SAE.3")
@pytest.mark.parametrize("rho", [0.01, 0.05, 0.5, 0.9])
def test_the_penalty_is_torchs_divergence_of_the_means_over_images_summed_over_units(rho):
    rho_hat = torch.tensor(ACTIVATIONS.numpy().sum(0) / 9)
    expected = kl_divergence(Bernoulli(torch.full_like(rho_hat, rho)), Bernoulli(rho_hat))
    torch.testing.assert_close(kl_sparsity(ACTIVATIONS, rho), expected.sum())
    torch.testing.assert_close(kl_sparsity(ACTIVATIONS, rho), kl_bernoulli(rho, rho_hat).sum())


def test_the_penalty_of_the_right_mean_is_zero_however_the_activations_are_spread():
    together = torch.zeros(100, 7)
    together[::20] = 1
    for h in (together, torch.full((100, 7), 0.05)):
        assert kl_sparsity(h, 0.05).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.equation("SAE.4")
@pytest.mark.parametrize("rho", [0.01, 0.3])
@pytest.mark.parametrize("r", [0.002, 0.01, 0.1, 0.5, 0.99])
def test_the_slope_by_autograd_and_by_finite_differences(rho, r):
    h = torch.full((4, 1), r, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(kl_sparsity(h, rho), h)
    expected = (1 - rho) / (1 - r) - rho / r
    assert gradient.sum().item() == pytest.approx(expected, abs=1e-9)
    step = 1e-6
    above, below = (
        kl_sparsity(torch.full((1, 1), r + s, dtype=torch.float64), rho) for s in (step, -step)
    )
    assert (above - below).item() / (2 * step) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("mean", "shown"), [(1.7, "1.7"), (0.0, "0"), (1.0, "1"), (-0.2, "-0.2")])
def test_means_outside_0_to_1_are_refused_with_their_range(mean, shown):
    h = torch.tensor([[0.3, mean], [0.5, mean]])
    ends = sorted((0.4, mean))
    with pytest.raises(ValueError, match=r"must lie in \(0, 1\), got") as error:
        kl_sparsity(h, 0.05)
    assert f"got {ends[0]:g} to {ends[1]:g};" in str(error.value)
    assert shown in str(error.value)


def test_means_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"must lie in \(0, 1\), got nan"):
        kl_sparsity(torch.tensor([[0.3, float("nan")]]), 0.05)


@pytest.mark.parametrize("h", [torch.zeros(0, 3), torch.zeros(3, 0), torch.zeros(3), IMAGES.int()])
def test_what_is_no_batch_of_activations_is_refused(h):
    with pytest.raises(ValueError, match=r"h must hold floats of shape \(B, d\), got torch"):
        kl_sparsity(h, 0.05)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's forward mode
def test_the_penalty_on_the_meta_device_in_vmap_and_in_both_modes():
    assert kl_sparsity(ACTIVATIONS.to("meta"), 0.05).is_meta
    both = torch.stack([ACTIVATIONS, 1 - ACTIVATIONS])
    each = torch.func.vmap(lambda h: kl_sparsity(h, 0.05))(both)
    torch.testing.assert_close(each, torch.stack([kl_sparsity(h, 0.05) for h in both]))
    free = ACTIVATIONS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda h: kl_sparsity(h, 0.05), free, check_forward_ad=True)


@pytest.mark.parametrize("rho", [0, 1, -0.1, 5])
def test_a_target_outside_0_to_1_is_refused(rho):
    with pytest.raises(ValueError, match=rf"rho must lie in \(0, 1\), got {rho}"):
        kl_sparsity(ACTIVATIONS, rho)


@pytest.mark.equation("SAE.1")
@pytest.mark.parametrize(
    ("likelihood", "reference"),
    [
        ("bernoulli", torch.nn.BCELoss(reduction="sum")),
        ("gaussian", torch.nn.MSELoss(reduction="sum")),
    ],
)
def test_the_loss_is_the_reconstruction_plus_lambda_times_the_penalty(likelihood, reference):
    model = SparseAutoencoder((1, 4, 6), 5, (8,), likelihood=likelihood, rho=0.1, weight=3.0)
    loss = model.loss(IMAGES)
    rho_hat = model.encode(IMAGES).mean(0)
    penalty = kl_divergence(Bernoulli(torch.full_like(rho_hat, 0.1)), Bernoulli(rho_hat)).sum()
    reconstruction = reference(model(IMAGES), IMAGES) / len(IMAGES)
    assert list(loss.terms) == ["reconstruction", "sparsity"]
    torch.testing.assert_close(loss.terms["reconstruction"], reconstruction)
    torch.testing.assert_close(loss.terms["sparsity"], penalty)
    torch.testing.assert_close(loss.total, reconstruction + 3 * penalty)


def test_the_penalty_reaches_the_encoder_and_pulls_the_mean_to_the_target_from_both_sides():
    for start in (-4.0, 0.0):  # of the bias: means of about 0.02 and 0.5
        model = SparseAutoencoder((1, 4, 6), 5, (), rho=0.1, weight=1000.0)
        torch.nn.init.constant_(model.encoder[0].bias, start)
        before = (model.encode(IMAGES).mean(0) - 0.1).abs()
        fit(model, IMAGES, epochs=200, batch_size=9, lr=1e-2)
        assert ((model.encode(IMAGES).mean(0) - 0.1).abs() < before / 5).all()


def test_a_weight_of_0_trains_to_the_very_weights_of_the_plain_autoencoder():
    plain = Autoencoder((1, 4, 6), 5, (8,), code="sigmoid", seed=3)
    sparse = SparseAutoencoder((1, 4, 6), 5, (8,), weight=0.0, seed=3)
    for model in (plain, sparse):
        fit(model, IMAGES, epochs=10, batch_size=4, lr=1e-2)
    assert all(map(torch.equal, plain.parameters(), sparse.parameters()))
    weighted = SparseAutoencoder((1, 4, 6), 5, (8,), weight=1.0, seed=3)
    fit(weighted, IMAGES, epochs=10, batch_size=4, lr=1e-2)
    assert not torch.equal(plain.encoder[0].weight, weighted.encoder[0].weight)


@pytest.mark.equation("SAE.8")
def test_l1_adds_the_sum_over_units_averaged_over_images():
    model = L1Autoencoder((1, 4, 6), 5, (), likelihood="gaussian", weight=0.7)
    layer = model.encoder[0]
    W, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    h = np.maximum(IMAGES.flatten(1).numpy() @ W.T + b, 0)
    loss = model.loss(IMAGES)
    assert loss.terms["sparsity"].item() == pytest.approx(h.sum() / 9, rel=1e-5)
    reconstruction = ((model(IMAGES) - IMAGES) ** 2).sum().item() / 9
    assert loss.terms["reconstruction"].item() == pytest.approx(reconstruction, rel=1e-5)
    assert loss.total.item() == pytest.approx(reconstruction + 0.7 * h.sum() / 9, rel=1e-5)


@pytest.mark.equation("SAE.9")
@pytest.mark.parametrize("k", [1, 3, 8])
def test_top_k_keeps_the_k_largest_of_relu_and_nothing_else(k):
    model = TopKAutoencoder((1, 4, 6), 8, (), k=k)
    layer = model.encoder[0]
    W, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.maximum(IMAGES.flatten(1).numpy() @ W.T + b, 0)
    for row in expected:
        row[np.argsort(row)[: 8 - k]] = 0
    np.testing.assert_allclose(model.encode(IMAGES).detach(), expected, rtol=1e-4, atol=1e-6)
    assert ((model.encode(IMAGES) > 0).sum(1) <= k).all()


def test_top_k_trains_only_the_units_that_it_kept():
    model = TopKAutoencoder((1, 4, 6), 8, (), k=2)
    kept = (model.encode(IMAGES[:1]) > 0)[0]
    model.loss(IMAGES[:1]).total.backward()
    assert kept.sum() == 2
    assert torch.equal(model.encoder[0].weight.grad.abs().sum(1) > 0, kept)


@pytest.mark.parametrize("k", [0, 9])
def test_a_k_that_does_not_fit_is_refused(k):
    with pytest.raises(ValueError, match=rf"between 1 and latent_dim = 8, got {k}"):
        TopKAutoencoder((1, 4, 6), 8, k=k)


@pytest.mark.parametrize("model", [SparseAutoencoder, L1Autoencoder])
@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_rewards_what_it_should_punish_is_refused(model, weight):
    with pytest.raises(ValueError, match=f"weight must be ≥ 0 and finite, got {weight}"):
        model((1, 8, 8), 16, weight=weight)


@pytest.mark.parametrize("model", [SparseAutoencoder, L1Autoencoder, TopKAutoencoder])
def test_another_code_is_no_argument_of_models_that_have_their_own(model):
    with pytest.raises(TypeError, match="unexpected keyword argument 'code'"):
        model((1, 8, 8), 16, code="relu")
