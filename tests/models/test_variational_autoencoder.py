"""The VAE against NumPy, torch.distributions, Monte Carlo with error bars, and a linear model."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from course_lib.datasets import load
from course_lib.evaluation import kl_per_dimension
from course_lib.likelihoods import Bernoulli, Gaussian
from course_lib.models import VAE
from course_lib.priors import StandardNormal, reparameterize
from course_lib.training import fit

IMAGES = torch.rand(6, 1, 8, 4, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def distribution(likelihood, output):
    """The same likelihood as torch.distributions has it."""
    if isinstance(likelihood, Bernoulli):
        return Independent(torch.distributions.Bernoulli(logits=output), 3)
    return Independent(Normal(output, likelihood.sigma), 3)


@pytest.mark.equation("VAE.1")
@pytest.mark.parametrize("make", [VAE.dense, VAE.convolutional])
@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian()])
def test_shapes_and_ranges(make, likelihood):
    model = make((1, 8, 4), latent_dim=3, likelihood=likelihood)
    mu, logvar = model.encode(IMAGES)
    assert model.latent_dim == 3
    assert mu.shape == logvar.shape == (6, 3)
    assert not torch.equal(mu, logvar)
    assert model.decode(mu).shape == model(IMAGES).shape == IMAGES.shape
    torch.testing.assert_close(model(IMAGES), model.decode_mean(mu))
    samples = model.sample(5, generator())
    assert samples.shape == (5, 1, 8, 4)
    assert torch.equal(samples, model.decode_mean(torch.randn(5, 3, generator=generator())))
    if isinstance(likelihood, Bernoulli):
        assert 0 < samples.min() <= samples.max() < 1


def test_convolutional_networks_are_convolutions_of_pytorch():
    model = VAE.convolutional((1, 8, 4), latent_dim=3, channels=(5, 7))
    kinds = [type(layer).__name__ for layer in (*model.encoder, *model.decoder)]
    assert kinds.count("Conv2d") == kinds.count("ConvTranspose2d") == 2
    torch.manual_seed(0)
    for ours, default in (
        (model.encoder[2], torch.nn.Conv2d(5, 7, 4, 2, 1)),
        (model.decoder[-1], torch.nn.ConvTranspose2d(5, 1, 4, 2, 1)),
    ):
        assert ours.weight.shape == default.weight.shape
        assert ours.weight.std().item() == pytest.approx(default.weight.std().item(), rel=0.2)


@pytest.mark.parametrize("make", [VAE.dense, VAE.convolutional])
def test_a_seed_fixes_the_weights_and_no_global_seed_is_touched(make):
    state = torch.get_rng_state()
    first, again, other = (make((1, 8, 4), 3, seed=seed)(IMAGES) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


# One draw, and the loss


@pytest.mark.equation("VAE.2")
@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.4)])
def test_the_loss_is_minus_elbo_by_torch_distributions(likelihood):
    model = VAE.dense((1, 8, 4), latent_dim=3, likelihood=likelihood).double()
    x = (IMAGES > 0.5).double()
    losses = [model.loss(x, generator(seed)) for seed in range(2)]
    mu, logvar = model.encode(x)
    q = Independent(Normal(mu, (logvar / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), 1.0), 1)
    kl = kl_divergence(q, prior).mean()
    for seed, loss in enumerate(losses):
        epsilon = torch.randn(mu.shape, generator=generator(seed), dtype=mu.dtype)
        output = model.decode(mu + (logvar / 2).exp() * epsilon)
        reconstruction = -distribution(likelihood, output).log_prob(x).mean()
        torch.testing.assert_close(loss.terms["reconstruction"], reconstruction)
        torch.testing.assert_close(loss.terms["kl"], kl)
        torch.testing.assert_close(loss.total, reconstruction + kl)


@pytest.mark.parametrize("make", [VAE.dense, VAE.convolutional])
def test_a_draw_has_everything_per_image_and_dimension_before_it_is_averaged(make):
    model = make((1, 8, 4), latent_dim=3, likelihood=Gaussian(0.4)).double()
    x = IMAGES.double()
    draw = model.draw(x, generator(7))
    q = Normal(draw.q.mu, (draw.q.logvar / 2).exp())
    for ours, encoded in zip(draw.q, model.encode(x), strict=True):
        assert torch.equal(ours, encoded)
    epsilon = torch.randn(6, 3, generator=generator(7), dtype=torch.float64)
    torch.testing.assert_close(draw.z, q.mean + q.stddev * epsilon)
    assert torch.equal(draw.output, model.decode(draw.z))
    torch.testing.assert_close(draw.nll, -distribution(model.likelihood, draw.output).log_prob(x))
    torch.testing.assert_close(draw.kl, kl_divergence(q, Normal(torch.zeros(3).double(), 1.0)))
    assert draw.nll.shape == (6,)
    assert draw.kl.shape == (6, 3)
    loss = model.loss(x, generator(7))
    torch.testing.assert_close(loss.total, (draw.nll + draw.kl.sum(1)).mean())


class Shifted(nn.Module):
    """p(z) = N(μ₀, I), learned, whose divergence is estimated as if no closed form were known."""

    latent_dim = 2

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.tensor([1.0, -2.0]))

    def log_prob(self, z):
        return Normal(self.place, 1.0).log_prob(z).sum(-1)

    def sample(self, n, generator=None):
        return self.place + torch.randn(n, 2, generator=generator)

    def kl(self, q, z):
        return (q.log_prob(z) - self.log_prob(z))[:, None]


def test_a_vae_is_put_together_from_any_four_parts():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(32, 4))
    decoder = nn.Sequential(nn.Linear(2, 32), nn.Unflatten(1, (1, 8, 4)))
    model = VAE(encoder, decoder, Gaussian(0.5), Shifted())
    draw = model.draw(IMAGES, generator())
    assert torch.equal(torch.cat(draw.q, 1), encoder(IMAGES))
    assert torch.equal(draw.output, decoder(draw.z))
    q = Normal(draw.q.mu, (draw.q.logvar / 2).exp())
    log_ratio = (q.log_prob(draw.z) - Normal(model.prior.place, 1.0).log_prob(draw.z)).sum(1)
    torch.testing.assert_close(draw.kl, log_ratio[:, None])
    torch.testing.assert_close(model.loss(IMAGES, generator()).terms["kl"], log_ratio.mean())
    z = model.prior.place + torch.randn(5, 2, generator=generator())
    torch.testing.assert_close(model.sample(5, generator()), decoder(z))
    model.loss(IMAGES, generator()).total.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_parts_given_to_a_ready_made_vae_are_those_it_has():
    likelihood, prior = Gaussian(), StandardNormal(2)
    for make in (VAE.dense, VAE.convolutional):
        model = make((1, 8, 4), 2, likelihood=likelihood, prior=prior)
        assert model.likelihood is likelihood
        assert model.prior is prior
    assert isinstance(VAE.dense((1, 8, 4), 2).likelihood, Bernoulli)
    assert isinstance(VAE.dense((1, 8, 4), 2).prior, StandardNormal)


@pytest.mark.equation("VAE.10")
def test_averaging_over_samples_keeps_the_mean_and_divides_the_variance():
    model = VAE.dense((1, 8, 4), latent_dim=3)
    with torch.no_grad():
        mu, logvar = model.encode(IMAGES[:1])
        z = reparameterize(mu.expand(64_000, 3), logvar.expand(64_000, 3), generator())
        x = IMAGES[:1].expand(64_000, 1, 8, 4)
        nll = -model.likelihood.log_prob(x, model.decode(z))
    averaged = nll.view(4000, 16).mean(1)
    assert averaged.var().item() == pytest.approx(nll.var().item() / 16, rel=0.1)
    assert averaged.mean().item() == pytest.approx(nll.mean().item(), rel=1e-5)


# A learned σ


@pytest.mark.equation("VAE.11")
def test_a_learned_sigma_settles_at_the_mean_squared_error():
    images = load("digits").images[:300]
    model = VAE.dense((1, 8, 8), latent_dim=2, likelihood=Gaussian())
    for parameter in (*model.encoder.parameters(), *model.decoder.parameters()):
        parameter.requires_grad_(False)
    fit(model, images, epochs=200, batch_size=300, lr=3e-2)
    with torch.no_grad():
        q = model.encode(images)
        draws = [model.decode(q.sample(generator(s))) for s in range(20)]
        errors = [np.mean((x_hat - images).numpy() ** 2) for x_hat in draws]
    assert model.likelihood.sigma.item() == pytest.approx(np.mean(errors) ** 0.5, rel=0.01)


@pytest.mark.slow
def test_a_learned_sigma_on_constant_images_stops_with_the_reason():
    model = VAE.dense((1, 8, 4), latent_dim=2, hidden=(16,), likelihood=Gaussian())
    with pytest.raises(FloatingPointError, match="learned sigma is .* no upper bound. Fix sigma"):
        fit(model, torch.full((64, 1, 8, 4), 0.5), epochs=6000, lr=3e-3)


def test_a_learned_sigma_also_stops_where_images_are_rebuilt_exactly():
    """The chapter's example: a decoder of zeros and black images leave only σ to be learned."""
    model = VAE.dense((1, 8, 8), latent_dim=2, hidden=(), likelihood=Gaussian())
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    with pytest.raises(FloatingPointError, match="learned sigma is .* no upper bound"):
        fit(model, torch.zeros(64, 1, 8, 8), epochs=1000, lr=0.03)


def test_a_huge_learning_rate_stops_with_the_reason():
    model = VAE.dense((1, 8, 8), latent_dim=2)
    with pytest.raises(FloatingPointError, match="the loss is not finite .* A smaller lr"):
        fit(model, load("digits").images[:200], epochs=50, lr=100.0)


@pytest.mark.parametrize("make", [VAE.dense, VAE.convolutional])
def test_a_code_of_no_dimensions_is_refused(make):
    with pytest.raises(ValueError, match="latent_dim must be at least 1, got 0"):
        make((1, 8, 4), 0)


@pytest.mark.parametrize(
    ("shape", "channels"), [((1, 8, 4), (4, 4, 4)), ((1, 7, 8), (4,)), ((1, 8, 8), ())]
)
def test_convolutions_refuse_sides_that_cannot_be_halved(shape, channels):
    with pytest.raises(ValueError, match="sides of image_shape must be multiples of 2"):
        VAE.convolutional(shape, 2, channels=channels)


# Linear networks


def linear_optimum(eigenvalues, variance, latent_dim):
    """A linear VAE at the minimum of its exact loss on images with this covariance (1/N).

    The loss is quadratic in ε, so its mean is that over the 2d points ε = ±√d eⱼ.
    """
    D, d = len(eigenvalues), latent_dim
    data = torch.randn(40, D, generator=generator(), dtype=torch.float64)
    data = torch.linalg.qr(data - data.mean(0)).Q * 40**0.5  # covariance I, exactly
    rotation = torch.linalg.qr(torch.randn(D, D, generator=generator(1), dtype=torch.float64)).Q
    images = (0.5 + data * torch.tensor(eigenvalues).double().sqrt() @ rotation).view(40, 1, 1, D)
    likelihood = Gaussian(variance**0.5)
    model = VAE.dense((1, 1, D), d, hidden=(), likelihood=likelihood).double()
    points = d**0.5 * torch.cat([torch.eye(d), -torch.eye(d)]).double()
    optimizer = torch.optim.LBFGS(
        model.parameters(),
        max_iter=3000, tolerance_grad=1e-10, tolerance_change=1e-14, history_size=50,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss():
        optimizer.zero_grad()
        mu, logvar = model.encode(images)
        q = Independent(Normal(mu, (logvar / 2).exp()), 1)
        prior = Independent(Normal(torch.zeros_like(mu), 1.0), 1)
        outputs = [model.decode(mu + (logvar / 2).exp() * e) for e in points]
        nll = torch.stack([-likelihood.log_prob(images, output) for output in outputs])
        value = (nll.mean(0) + kl_divergence(q, prior)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    return model, images, loss().item()


@pytest.mark.slow
@pytest.mark.equation("VAE.13")
@pytest.mark.equation("VAE.14")
@pytest.mark.parametrize("variance", [0.5, 0.1])
def test_a_linear_vae_keeps_exactly_the_components_above_the_noise(variance):
    eigenvalues = [4.0, 2.0, 1.2, 0.3, 0.2, 0.05]
    model, images, loss = linear_optimum(eigenvalues, variance, latent_dim=4)
    kept = [max(value - variance, 0) for value in eigenvalues[:4]]
    lengths = model.decoder[0].weight.detach().square().sum(0).sort(descending=True).values
    np.testing.assert_allclose(lengths, kept, atol=2e-3)
    with torch.no_grad():
        kl = kl_per_dimension(*model.encode(images)).sort(descending=True).values
    exact = [max(0.5 * math.log(value / variance), 0) for value in eigenvalues[:4]]
    np.testing.assert_allclose(kl, exact, atol=2e-3)
    # There the bound is tight: the loss is the log-likelihood of probabilistic PCA.
    principal = [max(value, variance) for value in eigenvalues[:4]] + [variance] * 2
    evidence = -0.5 * sum(
        math.log(2 * math.pi * p) + value / p
        for p, value in zip(principal, eigenvalues, strict=True)
    )
    assert loss == pytest.approx(-evidence, abs=1e-4)
