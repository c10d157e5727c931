"""Distributions over codes against torch.distributions and SciPy."""

import math

import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

from course_lib.priors import DiagonalNormal, StandardNormal, normal_log_density, reparameterize


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# N(μ, diag σ²)


@pytest.mark.equation("VAE.3")
def test_reparameterized_samples_have_the_distribution_and_the_gradients_of_mu_and_sigma():
    mu = torch.full((20_000, 1), 0.7, requires_grad=True)
    logvar = torch.full((20_000, 1), math.log(0.3**2), requires_grad=True)
    z = reparameterize(mu, logvar, generator())
    assert stats.kstest(z.detach().numpy()[:, 0], "norm", args=(0.7, 0.3)).pvalue > 0.01
    z.sum().backward()
    torch.testing.assert_close(mu.grad, torch.ones_like(mu))
    epsilon = (z.detach() - 0.7) / 0.3  # dσ/dlogvar = σ/2
    torch.testing.assert_close(logvar.grad, 0.3 * epsilon / 2, rtol=1e-3, atol=1e-5)


def test_every_image_and_dimension_has_noise_of_its_own():
    z = reparameterize(torch.zeros(4, 3), torch.zeros(4, 3), generator())
    assert len(z.flatten().unique()) == 12


@pytest.mark.equation("VAE.8")
@pytest.mark.parametrize(("mu", "sigma"), [(0.4, 0.3), (-1.2, 1.5)])
def test_the_gradient_through_moved_noise_is_that_of_the_expectation(mu, sigma):
    """E cos z = exp(−σ²/2) cos μ for z ~ N(μ, σ²), with its derivatives by μ and log σ²."""
    parameters = torch.tensor([mu, 2 * math.log(sigma)], dtype=torch.float64).expand(100_000, 2)
    parameters = parameters.clone().requires_grad_()
    z = reparameterize(*parameters.T, generator())
    gradients = torch.autograd.grad(z.cos().sum(), parameters)[0]  # one row per draw
    decay = math.exp(-(sigma**2) / 2)
    expected = torch.tensor([-math.sin(mu) * decay, -(sigma**2) / 2 * math.cos(mu) * decay])
    z_scores = (gradients.mean(0) - expected) / (gradients.std(0) / len(gradients) ** 0.5)
    assert z_scores.abs().max() < 4
    assert (gradients.mean(0).abs() > 20 * gradients.std(0) / len(gradients) ** 0.5).all()


def test_the_density_is_that_of_torch_distributions_wherever_the_three_broadcast():
    z, mu, logvar = normal(5, 1, 3), normal(4, 3, seed=1), normal(3, seed=2)
    expected = Normal(mu, (logvar / 2).exp()).log_prob(z)
    torch.testing.assert_close(normal_log_density(z, mu, logvar), expected)
    assert expected.shape == (5, 4, 3)


def test_an_encoders_q_is_a_pair_that_samples_and_has_a_density():
    mu, logvar = normal(4, 3), normal(4, 3, seed=1)
    q = DiagonalNormal(mu, logvar)
    assert all(a is b for a, b in zip(q, (mu, logvar), strict=True))
    expected = Normal(mu, (logvar / 2).exp())
    z = q.sample(generator(5))
    torch.testing.assert_close(z, mu + expected.stddev * normal(4, 3, seed=5))
    for codes in (z, normal(7, 4, 3, seed=2)):
        torch.testing.assert_close(q.log_prob(codes), expected.log_prob(codes).sum(-1))


# N(0, I)


@pytest.mark.parametrize("shape", [(3,), (6, 3), (2, 6, 3)])
def test_the_log_density_of_codes_in_any_number_of_rows(shape):
    z = normal(*shape)
    expected = Normal(torch.zeros_like(z), 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(StandardNormal(3).double().log_prob(z), expected)


def test_samples_are_normal_and_come_from_the_generator_alone():
    prior, state = StandardNormal(3), torch.get_rng_state()
    z = prior.sample(20_000, generator())
    assert z.shape == (20_000, 3)
    assert torch.equal(z, prior.sample(20_000, generator()))
    assert not torch.equal(z, prior.sample(20_000, generator(1)))
    assert torch.equal(torch.get_rng_state(), state)
    for column in z.T.numpy():
        assert stats.kstest(column, "norm").pvalue > 0.01
    assert (z.T.corrcoef() - torch.eye(3)).abs().max() < 0.04
    assert not torch.equal(prior.sample(4), prior.sample(4))


def test_the_divergence_of_each_dimension_is_that_of_torch_distributions():
    q = DiagonalNormal(normal(6, 3), normal(6, 3, seed=1))
    prior = Normal(torch.zeros(3).double(), 1.0)
    expected = kl_divergence(Normal(q.mu, (q.logvar / 2).exp()), prior)
    for seed in range(2):  # whatever z is
        kl = StandardNormal(3).double().kl(q, q.sample(generator(seed)))
        torch.testing.assert_close(kl, expected)
    # and it is the mean of what a prior without a closed form takes
    z = torch.stack([q.sample(generator(seed)) for seed in range(4000)])
    ratio = q.log_prob(z) - StandardNormal(3).double().log_prob(z)  # (4000, 6)
    error = ratio.std(0) / 4000**0.5
    assert ((ratio.mean(0) - expected.sum(1)).abs() < 4 * error).all()


def test_the_prior_has_the_dtype_of_its_model_and_nothing_to_save():
    prior = StandardNormal(2)
    assert prior.sample(1).dtype == torch.float32
    assert prior.double().sample(1).dtype == torch.float64
    assert prior.log_prob(normal(1, 2)).dtype == torch.float64
    assert prior.half().sample(1, generator()).dtype == torch.float16
    assert prior.state_dict() == {}
    assert list(prior.parameters()) == []


@pytest.mark.parametrize("latent_dim", [0, -1])
def test_no_dimensions_are_refused(latent_dim):
    with pytest.raises(ValueError, match=f"latent_dim must be at least 1, got {latent_dim}"):
        StandardNormal(latent_dim)
