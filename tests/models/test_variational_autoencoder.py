"""The VAE against NumPy, torch.distributions, Monte Carlo with error bars, and a linear model."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Independent, Normal, kl_divergence

from course_lib.datasets import load
from course_lib.evaluation import kl_per_dimension
from course_lib.models import VAE, ConvolutionalVAE, ScoreFunctionVAE
from course_lib.models.variational_autoencoder import reparameterize
from course_lib.training import fit

IMAGES = torch.rand(6, 1, 8, 4, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.equation("VAE.1")
@pytest.mark.parametrize("vae", [VAE, ConvolutionalVAE])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_shapes_and_ranges(vae, likelihood):
    model = vae((1, 8, 4), latent_dim=3, likelihood=likelihood)
    mu, logvar = model.encode(IMAGES)
    assert mu.shape == logvar.shape == (6, 3)
    assert not torch.equal(mu, logvar)
    assert model.decode(mu).shape == model(IMAGES).shape == IMAGES.shape
    torch.testing.assert_close(model(IMAGES), model.decode_mean(mu))
    samples = model.sample(5, generator())
    assert samples.shape == (5, 1, 8, 4)
    assert torch.equal(samples, model.decode_mean(torch.randn(5, 3, generator=generator())))
    if likelihood == "bernoulli":
        assert 0 < samples.min() <= samples.max() < 1


def test_convolutional_networks_are_convolutions_of_pytorch():
    model = ConvolutionalVAE((1, 8, 4), latent_dim=3, channels=(5, 7))
    kinds = [type(layer).__name__ for layer in (*model.encoder, *model.decoder)]
    assert kinds.count("Conv2d") == kinds.count("ConvTranspose2d") == 2
    torch.manual_seed(0)
    for ours, default in (
        (model.encoder[2], torch.nn.Conv2d(5, 7, 4, 2, 1)),
        (model.decoder[-1], torch.nn.ConvTranspose2d(5, 1, 4, 2, 1)),
    ):
        assert ours.weight.shape == default.weight.shape
        assert ours.weight.std().item() == pytest.approx(default.weight.std().item(), rel=0.2)


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


@pytest.mark.equation("VAE.5")
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_loss_is_minus_elbo_by_torch_distributions(likelihood):
    model = VAE((1, 8, 4), latent_dim=3, likelihood=likelihood, sigma=0.4).double()
    x = (IMAGES > 0.5).double()
    losses = [model.loss(x, generator(seed)) for seed in range(2)]
    mu, logvar = model.encode(x)
    q = Independent(Normal(mu, (logvar / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), 1.0), 1)
    kl = kl_divergence(q, prior).mean()
    for seed, loss in enumerate(losses):
        z = mu + (logvar / 2).exp() * torch.randn(6, 3, generator=generator(seed)).double()
        epsilon = torch.randn(mu.shape, generator=generator(seed), dtype=mu.dtype)
        z = mu + (logvar / 2).exp() * epsilon
        output = model.decode(z)
        if likelihood == "bernoulli":
            p = torch.distributions.Bernoulli(logits=output)
        else:
            p = Normal(output, 0.4)
        reconstruction = -Independent(p, 3).log_prob(x).mean()
        torch.testing.assert_close(loss.terms["reconstruction"], reconstruction)
        torch.testing.assert_close(loss.terms["kl"], kl)
        torch.testing.assert_close(loss.total, reconstruction + kl)


@pytest.mark.equation("VAE.6")
def test_averaging_over_samples_keeps_the_mean_and_divides_the_variance():
    model = VAE((1, 8, 4), latent_dim=3)
    with torch.no_grad():
        mu, logvar = model.encode(IMAGES[:1])
        z = reparameterize(mu.expand(64_000, 3), logvar.expand(64_000, 3), generator())
        nll = model.nll(IMAGES[:1].expand(64_000, 1, 8, 4), model.decode(z))
    averaged = nll.view(4000, 16).mean(1)
    assert averaged.var().item() == pytest.approx(nll.var().item() / 16, rel=0.1)
    assert averaged.mean().item() == pytest.approx(nll.mean().item(), rel=1e-5)


@pytest.mark.slow
@pytest.mark.equation("VAE.4")
def test_the_score_function_gradient_is_unbiased_and_its_value_is_the_same_loss():
    x = IMAGES.double()
    score, path = (cls((1, 8, 4), 2, hidden=()).double() for cls in (ScoreFunctionVAE, VAE))
    torch.testing.assert_close(score.loss(x, generator()).total, path.loss(x, generator()).total)
    gradients = {}
    for name, model in {"score": score, "path": path}.items():
        draws = []
        for seed in range(4000):
            model.zero_grad()
            model.loss(x, generator(seed)).total.backward()
            draws.append(model.encoder[0].bias.grad.clone())
        gradients[name] = torch.stack(draws)
    means = {name: g.mean(0) for name, g in gradients.items()}
    errors = {name: g.std(0) / 4000**0.5 for name, g in gradients.items()}
    z_scores = (means["score"] - means["path"]) / torch.hypot(errors["score"], errors["path"])
    assert z_scores.abs().max() < 4
    # and the test would notice a bias of a fifth of the gradient
    assert (means["path"].abs() / errors["score"]).max() > 20
    assert (gradients["score"].var(0) > 2 * gradients["path"].var(0)).all()


def test_a_baseline_that_includes_the_image_itself_would_be_biased():
    """Two images: the others' mean is the other image, and the mean of both halves the reward."""
    model = ScoreFunctionVAE((1, 8, 4), 2, hidden=()).double()
    x = IMAGES[:2].double()
    mu, logvar = model.encode(x)
    z = reparameterize(mu, logvar, generator()).detach()
    nll = model.nll(x, model.decode(z)).detach()
    log_q = Normal(mu, (logvar / 2).exp()).log_prob(z).sum(1)
    expected = torch.autograd.grad(((nll - nll.flip(0)) * log_q).mean(), mu, retain_graph=True)[0]
    without_kl = model.loss(x, generator()).terms["reconstruction"]
    bias = torch.autograd.grad(without_kl, model.encoder[0].bias)[0][:2]  # of μ
    torch.testing.assert_close(bias, expected.sum(0))


@pytest.mark.equation("VAE.7")
def test_a_learned_sigma_settles_at_the_mean_squared_error():
    images = load("digits").images[:300]
    model = VAE((1, 8, 8), latent_dim=2, likelihood="gaussian")
    for parameter in (*model.encoder.parameters(), *model.decoder.parameters()):
        parameter.requires_grad_(False)
    fit(model, images, epochs=200, batch_size=300, lr=3e-2)
    with torch.no_grad():
        mu, logvar = model.encode(images)
        draws = [model.decode(reparameterize(mu, logvar, generator(s))) for s in range(20)]
        errors = [np.mean((x_hat - images).numpy() ** 2) for x_hat in draws]
    assert model.log_sigma.exp().item() == pytest.approx(np.mean(errors) ** 0.5, rel=0.01)


def test_a_learned_sigma_on_constant_images_stops_with_the_reason():
    model = VAE((1, 8, 4), latent_dim=2, hidden=(16,), likelihood="gaussian")
    with pytest.raises(FloatingPointError, match="learned sigma is .* no upper bound. Fix sigma"):
        fit(model, torch.full((64, 1, 8, 4), 0.5), epochs=6000, lr=3e-3)


def test_a_huge_learning_rate_stops_with_the_reason():
    model = VAE((1, 8, 8), latent_dim=2)
    with pytest.raises(FloatingPointError, match="the loss is not finite .* A smaller lr"):
        fit(model, load("digits").images[:200], epochs=50, lr=100.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma": 0.0}, "sigma must be > 0 or None, got 0.0"),
        ({"sigma": -1.0}, "sigma must be > 0 or None, got -1.0"),
        ({"latent_dim": 0}, "latent_dim must be at least 1, got 0"),
        ({"likelihood": "poisson"}, "'bernoulli' or 'gaussian', got 'poisson'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VAE(**{"image_shape": (1, 8, 4), "latent_dim": 2} | arguments)


@pytest.mark.parametrize(
    ("shape", "channels"), [((1, 8, 4), (4, 4, 4)), ((1, 7, 8), (4,)), ((1, 8, 8), ())]
)
def test_convolutions_refuse_sides_that_cannot_be_halved(shape, channels):
    with pytest.raises(ValueError, match="sides of image_shape must be multiples of 2"):
        ConvolutionalVAE(shape, 2, channels=channels)


def test_a_learned_sigma_also_stops_where_images_are_rebuilt_exactly():
    """The chapter's example: a decoder of zeros and black images leave only σ to be learned."""
    model = VAE((1, 8, 8), latent_dim=2, hidden=(), likelihood="gaussian")
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    with pytest.raises(FloatingPointError, match="learned sigma is .* no upper bound"):
        fit(model, torch.zeros(64, 1, 8, 8), epochs=1000, lr=0.03)


@pytest.mark.equation("VAE.14")
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


def linear_optimum(eigenvalues, variance, latent_dim):
    """A linear VAE at the minimum of its exact loss on images with this covariance (1/N).

    The loss is quadratic in ε, so its mean is that over the 2d points ε = ±√d eⱼ.
    """
    D, d = len(eigenvalues), latent_dim
    data = torch.randn(40, D, generator=generator(), dtype=torch.float64)
    data = torch.linalg.qr(data - data.mean(0)).Q * 40**0.5  # covariance I, exactly
    rotation = torch.linalg.qr(torch.randn(D, D, generator=generator(1), dtype=torch.float64)).Q
    images = (0.5 + data * torch.tensor(eigenvalues).double().sqrt() @ rotation).view(40, 1, 1, D)
    model = VAE((1, 1, D), d, hidden=(), likelihood="gaussian", sigma=variance**0.5).double()
    points = d**0.5 * torch.cat([torch.eye(d), -torch.eye(d)]).double()
    optimizer = torch.optim.LBFGS(
        [p for p in model.parameters() if p.requires_grad],
        max_iter=3000, tolerance_grad=1e-10, tolerance_change=1e-14, history_size=50,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss():
        optimizer.zero_grad()
        mu, logvar = model.encode(images)
        q = Independent(Normal(mu, (logvar / 2).exp()), 1)
        prior = Independent(Normal(torch.zeros_like(mu), 1.0), 1)
        nll = [model.nll(images, model.decode(mu + (logvar / 2).exp() * e)) for e in points]
        value = (torch.stack(nll).mean(0) + kl_divergence(q, prior)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    return model, images, loss().item()


@pytest.mark.equation("VAE.9")
@pytest.mark.equation("VAE.10")
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
