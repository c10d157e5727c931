"""The reconstruction losses against torch.distributions, SciPy and arithmetic in many digits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from course_lib.likelihoods import (
    bernoulli_nll,
    effective_beta,
    gaussian_nll,
    squared_error,
)

generator = np.random.default_rng(0)


def images(*shape):
    return torch.from_numpy(generator.uniform(0, 1, shape))


@pytest.mark.equation("AE.2")
def test_squared_error_sums_over_pixels_and_leaves_the_batch():
    x, mean = images(3, 1, 4, 5), images(3, 1, 4, 5)
    expected = [sum((a - b) ** 2 for a, b in zip(i.ravel(), j.ravel(), strict=True))
                for i, j in zip(x.numpy(), mean.numpy(), strict=True)]  # fmt: skip
    np.testing.assert_allclose(squared_error(x, mean), expected)


@pytest.mark.equation("AE.3")
def test_bernoulli_nll_is_the_log_probability_of_binary_pixels():
    x, logits = images(6, 1, 3, 3).round(), torch.from_numpy(generator.normal(0, 3, (6, 1, 3, 3)))
    expected = -torch.distributions.Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(bernoulli_nll(x, logits), expected)


@pytest.mark.equation("AE.3")
@given(st.floats(0, 1), st.floats(-30, 30))
def test_both_forms_of_the_cross_entropy_agree(x, logit):
    x_hat = np.longdouble(1) / (1 + np.exp(-np.longdouble(logit)))  # 64 bits of mantissa
    rest = np.longdouble(1) / (1 + np.exp(np.longdouble(logit)))  # 1 − x̂ without cancellation
    printed = -(x * np.log(x_hat) + (1 - x) * np.log(rest))
    pixel = torch.tensor([[x]], dtype=torch.float64)
    computed = bernoulli_nll(pixel, torch.tensor([[logit]], dtype=torch.float64)).item()
    assert computed == pytest.approx(float(printed), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("x", "logit", "expected"), [(1, 1e4, 0), (0, 1e4, 1e4), (1, -1e4, 1e4)])
def test_bernoulli_nll_neither_overflows_nor_saturates(x, logit, expected):
    nll = bernoulli_nll(torch.tensor([[float(x)]]), torch.tensor([[logit]])).item()
    assert nll == pytest.approx(expected)


@pytest.mark.equation("AE.4")
@pytest.mark.parametrize("x", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
def test_the_floor_of_the_cross_entropy_is_the_entropy_of_the_pixel(x):
    def loss(logit):
        return bernoulli_nll(torch.tensor([[x]]), torch.tensor([[logit]])).item()

    best = optimize.minimize_scalar(loss, bounds=(-20, 20), method="bounded")
    assert best.fun == pytest.approx(stats.bernoulli(x).entropy(), abs=1e-5)
    if 0 < x < 1:
        assert 1 / (1 + math.exp(-best.x)) == pytest.approx(x, abs=1e-2)


@pytest.mark.equation("AE.5")
@pytest.mark.parametrize("sigma", [0.01, 0.5**0.5, 1.0, 30.0])
def test_gaussian_nll_is_scipys(sigma):
    x, mean = images(5, 1, 2, 3), images(5, 1, 2, 3)
    expected = -stats.norm(mean, sigma).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(gaussian_nll(x, mean, sigma), expected)


@pytest.mark.equation("AE.5")
@given(st.floats(-5, 5))
def test_squared_error_is_the_gaussian_nll_of_variance_one_half(mean):
    x, means = torch.zeros(1, 7, dtype=torch.float64), torch.full((1, 7), mean, dtype=torch.float64)
    constant = 3.5 * math.log(math.pi)  # (D/2) log π
    expected = squared_error(x, means).item() + constant
    assert gaussian_nll(x, means, 0.5**0.5).item() == pytest.approx(expected)


def test_gaussian_nll_takes_a_sigma_for_each_pixel():
    x, mean = images(2, 3), images(2, 3)
    sigma = torch.tensor([0.1, 1.0, 10.0])
    expected = -stats.norm(mean, sigma).logpdf(x).sum(1)
    np.testing.assert_allclose(gaussian_nll(x, mean, sigma), expected, rtol=1e-6)


@pytest.mark.equation("AE.6")
@given(st.floats(0.001, 1), st.floats(0.001, 0.999))
def test_the_first_half_alone_always_rewards_white(x, x_hat):
    white = torch.tensor(x_hat, dtype=torch.float64, requires_grad=True)
    (-x * white.log()).backward()
    assert white.grad < 0  # more white is always better …
    assert -x * math.log(x_hat) > 0  # … and only x̂ = 1 reaches 0


@pytest.mark.parametrize("loss", [bernoulli_nll, squared_error])
def test_shapes_that_differ_are_refused(loss):
    with pytest.raises(ValueError, match=r"shape of x, \(2, 3\), got \(2, 1\)"):
        loss(torch.zeros(2, 3), torch.zeros(2, 1))


@pytest.mark.parametrize("pixels", [[-0.1, 0.5], [0.5, 1.1], [0.5, math.nan]])
def test_pixels_outside_the_unit_interval_are_refused(pixels):
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\], got values from .* to"):
        bernoulli_nll(torch.tensor([pixels]), torch.zeros(1, 2))


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_sigma_that_is_not_positive_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be > 0"):
        gaussian_nll(torch.zeros(1, 2), torch.zeros(1, 2), sigma)


@pytest.mark.equation("VAE.12")
@pytest.mark.parametrize("reconstruction", ["sum", "mean"])
@pytest.mark.parametrize("kl", ["sum", "mean"])
@pytest.mark.parametrize("sigma", [None, 0.5**0.5, 1.0, 0.2])
def test_effective_beta_makes_the_gradients_of_loss_and_beta_vae_parallel(
    reconstruction, kl, sigma
):
    """The loss as somebody writes it, and −log p + β KL, as functions of a reconstruction and μ."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 5, generator=generator).double()
    output = torch.randn(1, 5, generator=generator).double().requires_grad_()
    mu = torch.randn(1, 3, generator=generator).double().requires_grad_()
    divergence = 0.5 * mu.square()  # per dimension, up to a constant
    if sigma is None:
        error = torch.nn.functional.binary_cross_entropy_with_logits(output, x, reduction="none")
        nll = error.sum()
    else:
        error = (output - x).square()
        nll = -torch.distributions.Normal(output, sigma).log_prob(x).sum()
    written = getattr(error, reconstruction)() + 0.7 * getattr(divergence, kl)()
    beta = effective_beta(
        0.7, image_dim=5, latent_dim=3, reconstruction=reconstruction, kl=kl, sigma=sigma
    )
    ours = nll + beta * divergence.sum()
    gradients = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, (output, mu), retain_graph=True)])
        for loss in (written, ours)
    ]
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0).item() == pytest.approx(1)


def test_squared_error_plus_kl_is_the_elbo_of_variance_one_half():
    sizes = {"image_dim": 784, "latent_dim": 20}
    assert effective_beta(**sizes, sigma=0.5**0.5) == pytest.approx(1)
    assert effective_beta(**sizes, reconstruction="mean", sigma=392**0.5) == pytest.approx(1)
    assert effective_beta(**sizes, reconstruction="mean") == pytest.approx(784)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": 0}, "weight must be > 0, got 0"),
        ({"sigma": 0.0}, "sigma must be > 0, got 0.0"),
        ({"latent_dim": -2}, "latent_dim must be > 0, got -2"),
        ({"kl": "batchmean"}, "kl must be 'sum' or 'mean', got 'batchmean'"),
    ],
)
def test_effective_beta_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        effective_beta(**{"image_dim": 4, "latent_dim": 2} | arguments)
