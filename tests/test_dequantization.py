"""Noise for grey levels against sums over levels and quadrature."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Normal, SigmoidTransform, TransformedDistribution

from course_lib.dequantization import LearnedNoise, UniformNoise, dequantized_bound


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def learned(dimensions=1, levels=4, seed=0):
    """Noise with weights anywhere, in float64."""
    noise = LearnedNoise(dimensions, levels, hidden=8).double()
    for i, parameter in enumerate(noise.parameters()):
        parameter.data += 0.4 * torch.randn(parameter.shape, generator=generator(seed + i))
    return noise


def slanted(y):
    """A density of one number that is not flat within a step: N(1.7, 1)."""
    return Normal(1.7, 1.0).log_prob(y).sum(-1)


def log_probability(x):
    """log P(x) of the level, by the distribution function."""
    return math.log(stats.norm.cdf(x + 1, 1.7) - stats.norm.cdf(x, 1.7))


@pytest.mark.equation("PRIOR.8")
@pytest.mark.parametrize("x", [0, 1, 3])
def test_uniform_noise_gives_the_integral_and_bounds(x):
    levels = torch.full((40_000, 1), float(x))
    values = dequantized_bound(slanted, levels, UniformNoise(), generator())
    expected = integrate.quad(lambda u: stats.norm.logpdf(x + u, 1.7), 0, 1)[0]
    assert values.mean().item() == pytest.approx(expected, abs=4 * values.std().item() / 200)
    assert expected < log_probability(x)
    flat = dequantized_bound(lambda y: -0 * y.sum(-1) - 1, levels[:5], UniformNoise())
    assert flat.tolist() == [-1] * 5  # nothing is lost where the density is flat


@pytest.mark.equation("PRIOR.9")
@pytest.mark.parametrize("x", [0, 1, 3])
def test_learned_noise_gives_its_integral_and_bounds(x):
    noise, levels = learned(), torch.full((40_000, 1), float(x), dtype=torch.float64)
    with torch.no_grad():
        values = dequantized_bound(slanted, levels, noise, generator())
        m, log_s = noise.network(2 * levels[:1] / 3 - 1)[0].tolist()
    q = stats.norm(m, 1.5 * math.exp(log_s))

    def gain(a):  # under the logit of u
        u = 1 / (1 + math.exp(-a))
        return q.pdf(a) * (stats.norm.logpdf(x + u, 1.7) - q.logpdf(a) + math.log(u * (1 - u)))

    expected = integrate.quad(gain, q.mean() - 9 * q.std(), q.mean() + 9 * q.std(), limit=200)[0]
    assert values.mean().item() == pytest.approx(expected, abs=4 * values.std().item() / 200)
    assert expected < log_probability(x)


def test_the_density_of_the_noise_is_that_of_torch_distributions():
    noise, x = learned(3), torch.randint(0, 4, (50, 3), generator=generator()).double()
    u, log_q = noise(x, generator())
    m, log_s = noise.network(2 * x / 3 - 1).chunk(2, dim=1)
    expected = TransformedDistribution(Normal(m, 1.5 * log_s.exp()), SigmoidTransform())
    torch.testing.assert_close(log_q, expected.log_prob(u).sum(1))
    assert ((u > 0) & (u < 1)).all()


def test_the_noise_begins_nearly_uniform_and_loses_little():
    noise, x = LearnedNoise(1, 4).double(), torch.zeros(40_000, 1, dtype=torch.float64)
    _, log_q = noise(x, generator())
    assert 0 < log_q.mean() < 0.05  # KL to the uniform


@pytest.mark.equation("PRIOR.9")
def test_the_best_noise_reaches_the_probability_and_without_its_density_anything():
    """p(u|x) itself loses nothing; noise that shrinks passes log P(x), if −log q is left out."""
    noise, x = LearnedNoise(1, 2, hidden=8).double(), torch.zeros(400, 1, dtype=torch.float64)

    def peaked(y):  # the density of sigmoid(1 + 0.7 ε) on the step
        a = torch.logit(y)
        return (Normal(1.0, 0.7).log_prob(a) - torch.log(y * (1 - y))).sum(-1)

    with torch.no_grad():
        noise.network[-1].bias.copy_(torch.tensor([1.0, math.log(0.7 / 1.5)]))
        values = dequantized_bound(peaked, x, noise, generator())
        assert values.abs().max() < 1e-5  # log P(0) = 0
        u, _ = noise(x, generator())
        assert peaked(u).mean() > 0.2


@pytest.mark.equation("PRIOR.7")
@pytest.mark.parametrize("sigma", [0.05, 0.01, 1e-4])
def test_spikes_on_the_levels_have_a_density_without_bound(sigma):
    P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    x = torch.arange(3, dtype=torch.float64)
    spikes = stats.norm(x.numpy()[:, None], sigma).pdf(x.numpy())  # of each normal at each level
    mean = (P * torch.log(P @ torch.from_numpy(spikes))).sum().item()
    expected = -stats.entropy(P.numpy()) - math.log(sigma * math.sqrt(2 * math.pi))
    assert mean == pytest.approx(expected, abs=1e-9)
    assert mean > 0.5  # log P, which it is taken for, is never above 0


def test_gradients_reach_density_and_noise():
    noise, scale = learned(2), torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[0.0, 3.0]], dtype=torch.float64)
    dequantized_bound(lambda y: Normal(0.0, scale).log_prob(y).sum(-1), x, noise).sum().backward()
    assert scale.grad != 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in noise.parameters())
