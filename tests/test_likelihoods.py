"""The reconstruction losses against torch.distributions, SciPy and arithmetic in many digits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from course_lib.likelihoods import (
    Bernoulli,
    Gaussian,
    SquaredError,
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


@pytest.mark.equation("AE.6")
@pytest.mark.parametrize("sigma", [0.01, 0.5**0.5, 1.0, 30.0])
def test_gaussian_nll_is_scipys(sigma):
    x, mean = images(5, 1, 2, 3), images(5, 1, 2, 3)
    expected = -stats.norm(mean, sigma).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(gaussian_nll(x, mean, sigma), expected, rtol=1e-11)


@pytest.mark.equation("AE.6")
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


def test_gaussian_nll_takes_a_sigma_for_each_number_of_the_batch():
    x, mean = images(5, 3), images(5, 3)
    sigma = 0.1 + images(5, 3)
    expected = -stats.norm(mean, sigma).logpdf(x).sum(1)
    np.testing.assert_allclose(gaussian_nll(x, mean, sigma), expected)


@pytest.mark.parametrize("sigma", [2, torch.tensor(2), torch.tensor([2, 2, 2])])
def test_gaussian_nll_takes_integers_for_sigma(sigma):
    x, mean = images(4, 3).float(), images(4, 3).float()
    expected = -stats.norm(mean, 2).logpdf(x).sum(1)
    np.testing.assert_allclose(gaussian_nll(x, mean, sigma), expected, rtol=1e-5)


def test_a_sigma_with_more_rows_than_images_is_refused():
    with pytest.raises(ValueError, match=r"broadcast to the shape of x, \(1, 3\), got \(5, 3\)"):
        gaussian_nll(torch.zeros(1, 3), torch.zeros(1, 3), torch.ones(5, 3))


@pytest.mark.parametrize("nll", [bernoulli_nll, squared_error, lambda x, y: gaussian_nll(x, y, 2)])
def test_pixels_may_be_integers_and_a_batch_empty(nll):
    x, output = torch.tensor([[[0, 1, 1]], [[1, 0, 1]]]), images(2, 1, 3)
    torch.testing.assert_close(nll(x, output), nll(x.double(), output))
    empty = nll(torch.zeros(0, 1, 8, 8), torch.zeros(0, 1, 8, 8))
    assert empty.shape == (0,)


@pytest.mark.equation("AE.5")
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


# The same as parts of a model


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_bernoulli_is_that_of_torch_distributions():
    x, logits = images(6, 1, 3, 3).round(), torch.from_numpy(generator.normal(0, 3, (6, 1, 3, 3)))
    expected = torch.distributions.Bernoulli(logits=logits)
    torch.testing.assert_close(Bernoulli().log_prob(x, logits), expected.log_prob(x).sum((1, 2, 3)))
    torch.testing.assert_close(Bernoulli().mean(logits), expected.mean)


@pytest.mark.parametrize("sigma", [0.3, None])
def test_gaussian_is_that_of_torch_distributions(sigma):
    x, mean = images(6, 1, 3, 3), images(6, 1, 3, 3)
    likelihood = Gaussian(sigma).double()
    expected = torch.distributions.Normal(mean, sigma or 1.0)  # a learned σ starts at 1
    log_prob = likelihood.log_prob(x, mean)
    torch.testing.assert_close(log_prob, expected.log_prob(x).sum((1, 2, 3)), rtol=1e-6, atol=1e-5)
    assert torch.equal(likelihood.mean(mean), mean)
    assert likelihood.sigma.item() == pytest.approx(sigma or 1)


def test_squared_error_is_no_probability_but_the_gaussian_of_variance_one_half_up_to_a_constant():
    x, mean = images(6, 1, 3, 3), images(6, 1, 3, 3)
    torch.testing.assert_close(SquaredError().log_prob(x, mean), -squared_error(x, mean))
    difference = SquaredError().log_prob(x, mean) - Gaussian(0.5**0.5).double().log_prob(x, mean)
    expected = torch.full((6,), 4.5 * math.log(math.pi)).double()
    torch.testing.assert_close(difference, expected, rtol=1e-6, atol=0)
    assert torch.equal(SquaredError().mean(mean), mean)
    assert not hasattr(SquaredError(), "sample")


def test_samples_are_binary_with_the_probability_of_the_logits():
    logits = torch.tensor([-2.0, 0.0, 3.0]).expand(40_000, 3)
    x = Bernoulli().sample(logits, seeded())
    assert x.unique().tolist() == [0, 1]
    p = 1 / (1 + np.exp([2.0, 0.0, -3.0]))
    error = np.sqrt(p * (1 - p) / 40_000)
    assert (np.abs(x.mean(0).numpy() - p) < 4 * error).all()
    assert (x.T.corrcoef() - torch.eye(3)).abs().max() < 0.03  # each pixel by itself
    assert torch.equal(x, Bernoulli().sample(logits, seeded()))
    assert not torch.equal(x, Bernoulli().sample(logits, seeded(1)))


def test_samples_are_normal_around_the_output():
    mean = torch.tensor([-5.0, 0.5]).expand(40_000, 2)
    x = Gaussian(0.3).sample(mean, seeded())
    for column, place in zip(x.T.numpy(), (-5, 0.5), strict=True):
        assert stats.kstest(column, "norm", args=(place, 0.3)).pvalue > 0.01
    assert x.T.corrcoef()[0, 1].abs() < 0.03
    assert torch.equal(x, Gaussian(0.3).sample(mean, seeded()))
    assert not torch.equal(x, Gaussian(0.3).sample(mean, seeded(1)))


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.3), Gaussian()])
def test_samples_have_the_dtype_of_the_output(likelihood):
    for dtype in (torch.float32, torch.float64):
        assert likelihood.to(dtype).sample(torch.zeros(2, 3, dtype=dtype)).dtype == dtype


def test_only_a_learned_sigma_is_a_parameter_and_both_are_saved():
    fixed, learned = Gaussian(0.3), Gaussian()
    assert list(fixed.parameters()) == []
    assert list(learned.parameters()) == [learned.log_sigma]
    again = Gaussian(0.7)
    again.load_state_dict(fixed.state_dict())
    assert again.sigma.item() == pytest.approx(0.3)
    x, mean = images(6, 4), images(6, 4)
    learned.double().log_prob(x, mean).mean().backward()
    slope = (x - mean).square().sum(1).mean() - 4  # by log σ, at σ = 1
    torch.testing.assert_close(learned.log_sigma.grad, slope)


def test_a_small_sigma_is_refused_when_it_was_learned_and_no_other():
    black = torch.zeros(2, 1, 8, 8)
    nll = -Gaussian(0.001).log_prob(black, black)
    assert nll.tolist() == pytest.approx([64 * stats.norm(0, 0.001).logpdf(0) * -1] * 2)
    learned = Gaussian()
    learned.log_sigma.data.fill_(math.log(0.00101))
    assert learned.log_prob(black, black).isfinite().all()
    for sigma in (0.00099, math.nan):
        learned.log_sigma.data.fill_(math.log(sigma))
        with pytest.raises(FloatingPointError, match="the learned sigma is"):
            learned.log_prob(black, black)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
def test_a_gaussian_refuses_a_sigma_that_is_none(sigma):
    with pytest.raises(ValueError, match=f"sigma must be > 0 and finite, or None, got {sigma}"):
        Gaussian(sigma)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.3), SquaredError()])
def test_parts_refuse_what_their_functions_refuse(likelihood):
    with pytest.raises(ValueError, match=r"shape of x, \(2, 3\), got \(2, 1\)"):
        likelihood.log_prob(torch.zeros(2, 3), torch.zeros(2, 1))


# Which β a loss has


@pytest.mark.equation("VAE.7")
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
