"""The denoising autoencoder against statistics, quadrature, conditional normals and autograd."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from course_lib.models import Autoencoder, DenoisingAutoencoder
from course_lib.models.denoising_autoencoder import (
    empirical_denoiser,
    gaussian_denoiser,
    gaussian_noise,
    masking,
    salt_and_pepper,
    score_from_denoiser,
)
from course_lib.training import fit

IMAGES = torch.rand(7, 1, 4, 6, generator=torch.Generator().manual_seed(0))
MANY = torch.full((200, 1, 50, 20), 0.4)  # 200,000 grey pixels
MEAN = torch.tensor([1.0, -0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.44, 0.72], [0.72, 0.52]], dtype=torch.float64)
CORRUPTIONS = (masking, gaussian_noise, salt_and_pepper)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def close_to_share(share, expected, n):
    """Five standard errors of a share of n."""
    return abs(share - expected) <= 5 * math.sqrt(expected * (1 - expected) / n)


# Corruptions


@pytest.mark.equation("DAE.1")
@pytest.mark.parametrize("strength", [0.1, 0.5, 0.8])
def test_masking_sets_a_share_of_the_pixels_to_0_and_keeps_the_others(strength):
    corrupted = masking(MANY, strength, seeded())
    black = corrupted == 0
    assert close_to_share(black.float().mean().item(), strength, MANY.numel())
    assert torch.equal(corrupted[~black], MANY[~black])
    both = (black[..., :-1] & black[..., 1:]).float().mean().item()  # neighbours: independent
    assert close_to_share(both, strength**2, MANY.numel() / 3)


@pytest.mark.equation("DAE.2")
@pytest.mark.parametrize("sigma", [0.1, 1.5])
def test_gaussian_noise_has_mean_0_and_standard_deviation_sigma(sigma):
    noise = (gaussian_noise(MANY, sigma, seeded()) - MANY).flatten() / sigma
    n = noise.numel()
    assert abs(noise.mean().item()) < 5 / math.sqrt(n)
    assert abs(noise.var().item() - 1) < 5 * math.sqrt(2 / n)
    assert abs(noise.pow(4).mean().item() - 3) < 5 * math.sqrt(96 / n)  # normal, not uniform


@pytest.mark.equation("DAE.3")
@pytest.mark.parametrize("strength", [0.2, 0.7])
def test_salt_and_pepper_are_equally_frequent_and_the_rest_is_kept(strength):
    corrupted = salt_and_pepper(MANY, strength, seeded())
    for value, share in ((0.0, strength / 2), (1.0, strength / 2), (0.4, 1 - strength)):
        found = (corrupted == torch.tensor(value)).float().mean().item()
        assert close_to_share(found, share, MANY.numel())


@pytest.mark.parametrize("corrupt", CORRUPTIONS)
def test_strength_0_changes_nothing(corrupt):
    assert torch.equal(corrupt(IMAGES, 0, seeded()), IMAGES)


def test_strength_1_leaves_nothing_of_the_image():
    assert (masking(IMAGES, 1, seeded()) == 0).all()
    assert salt_and_pepper(IMAGES, 1, seeded()).unique().tolist() == [0, 1]


@pytest.mark.parametrize("corrupt", CORRUPTIONS)
def test_the_generator_fixes_the_noise_and_the_global_one_is_left_alone(corrupt):
    state = torch.get_rng_state()
    generator = seeded()
    first, second = corrupt(IMAGES, 0.5, generator), corrupt(IMAGES, 0.5, generator)
    assert torch.equal(first, corrupt(IMAGES, 0.5, seeded()))
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("corrupt", CORRUPTIONS)
def test_noise_is_drawn_where_the_generator_is_and_moved_to_the_images(corrupt, monkeypatch):
    devices = []

    def watched(draw, *size, device, **options):
        devices.append(device.type)
        return draw(*size, device=device, **options)

    for name in ("rand", "randn"):
        monkeypatch.setattr(torch, name, partial(watched, getattr(torch, name)))
    corrupted = corrupt(IMAGES.to("meta").double(), 0.5, seeded())
    assert (corrupted.is_meta, corrupted.dtype) == (True, torch.float64)
    assert corrupt(IMAGES.to("meta"), 0.5).is_meta
    assert devices == ["cpu", "meta"]
    assert corrupt(IMAGES.double(), 0.5, seeded()).dtype == torch.float64


def test_noise_on_whole_numbers_is_refused():
    with pytest.raises(ValueError, match=r"x must hold floats, got torch\.uint8"):
        gaussian_noise((255 * IMAGES).to(torch.uint8), 0.5)


def test_the_share_that_is_masked_does_not_depend_on_the_dtype():
    for dtype in (torch.float64, torch.bfloat16):
        expected = masking(IMAGES, 0.3, seeded()) == 0
        assert torch.equal(masking(IMAGES.to(dtype), 0.3, seeded()) == 0, expected)


@pytest.mark.parametrize(
    ("corrupt", "strength", "message"),
    [
        (masking, 1.1, r"strength must lie in \[0, 1\], got 1.1"),
        (masking, -0.1, r"strength must lie in \[0, 1\], got -0.1"),
        (salt_and_pepper, float("nan"), r"strength must lie in \[0, 1\], got nan"),
        (gaussian_noise, -1, "strength must be at least 0, got -1"),
    ],
)
def test_strengths_that_make_no_sense_are_refused(corrupt, strength, message):
    with pytest.raises(ValueError, match=message):
        corrupt(IMAGES, strength)


# The loss


@pytest.mark.equation("DAE.4")
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_loss_compares_with_the_clean_image_summed_over_pixels(corruption):
    for likelihood, reference in (
        ("bernoulli", torch.nn.BCELoss(reduction="sum")),
        ("gaussian", torch.nn.MSELoss(reduction="sum")),
    ):
        model = DenoisingAutoencoder(
            (1, 4, 6), 30, corruption=corruption, strength=0.4, likelihood=likelihood
        )
        loss = model.loss(IMAGES, seeded(3))
        x_hat = model(corruption(IMAGES, 0.4, seeded(3)))
        torch.testing.assert_close(loss.total, reference(x_hat, IMAGES) / len(IMAGES))
        assert list(loss.terms) == ["reconstruction"]


def test_the_noise_is_new_in_every_call():
    model, generator = DenoisingAutoencoder((1, 4, 6), 30, strength=0.5), seeded()
    assert model.loss(IMAGES, generator).total != model.loss(IMAGES, generator).total


def test_without_noise_it_is_the_autoencoder():
    ours, plain = (
        DenoisingAutoencoder((1, 4, 6), 5, strength=0, seed=1),
        Autoencoder((1, 4, 6), 5, seed=1),
    )
    torch.testing.assert_close(ours.loss(IMAGES).total, plain.loss(IMAGES).total)
    assert torch.equal(ours(IMAGES), plain(IMAGES))  # forward adds no noise


# The best denoiser


@pytest.mark.equation("DAE.5")
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_training_finds_the_mean_of_what_is_possible(likelihood):
    """Everything masked: all that can be answered is one image, and the best is the mean."""
    model = DenoisingAutoencoder((1, 4, 6), 2, hidden=(), strength=1.0, likelihood=likelihood)
    for lr in (3e-2, 3e-3):
        fit(model, IMAGES, epochs=300, batch_size=7, lr=lr)
    answers = model(torch.zeros_like(IMAGES))
    torch.testing.assert_close(answers[0], IMAGES.mean(0), atol=2e-3, rtol=0)
    median = IMAGES.median(0).values
    assert (answers[0] - median).abs().max() > 0.05  # not the middle one


@pytest.mark.equation("DAE.6")
def test_gaussian_denoiser_is_the_conditional_mean_of_a_joint_normal():
    """Monte Carlo without the formula: of many pairs keep those with x̃ near a given point."""
    sigma, n = 0.8, 2_000_000
    random = np.random.default_rng(0)
    x = random.multivariate_normal(MEAN.numpy(), COVARIANCE.numpy(), n)
    noisy = x + sigma * random.standard_normal(x.shape)
    for point in ([1.0, -0.5], [2.5, 0.6], [-0.5, 0.4]):
        near = x[(np.abs(noisy - point) < 0.06).all(1)]
        error = near.std(0) / math.sqrt(len(near))
        answer = gaussian_denoiser(torch.tensor([point]).double(), MEAN, COVARIANCE, sigma)[0]
        assert len(near) > 300
        assert (np.abs(near.mean(0) - answer.numpy()) < 5 * error + 0.01).all()


@pytest.mark.equation("DAE.6")
def test_gaussian_denoiser_by_quadrature_with_many_points_at_once():
    sigma = 0.7
    ticks = torch.linspace(-8, 9, 341, dtype=torch.float64)
    grid = torch.cartesian_prod(ticks, ticks)
    prior = torch.tensor(multivariate_normal(MEAN, COVARIANCE).pdf(grid))
    points = torch.tensor([[0.3, 0.9], [2.0, -1.0], [-3.0, 0.0]], dtype=torch.float64)
    for point, answer in zip(
        points, gaussian_denoiser(points, MEAN, COVARIANCE, sigma), strict=True
    ):
        weight = prior * (-(grid - point).square().sum(1) / (2 * sigma**2)).exp()
        expected = (weight[:, None] * grid).sum(0) / weight.sum()
        torch.testing.assert_close(answer, expected, atol=1e-6, rtol=0)


@pytest.mark.equation("DAE.8")
def test_score_of_a_normal_and_of_a_mixture_by_autograd():
    sigma = 0.6
    x = torch.randn(20, 2, dtype=torch.float64, generator=seeded()).requires_grad_()
    noisy = MultivariateNormal(MEAN, COVARIANCE + sigma**2 * torch.eye(2))
    (score,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
    denoised = gaussian_denoiser(x.detach(), MEAN, COVARIANCE, sigma)
    torch.testing.assert_close(score_from_denoiser(x.detach(), denoised, sigma), score)

    points = torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64)
    y = torch.linspace(-3, 4, 15, dtype=torch.float64)[:, None].requires_grad_()
    mixture = MixtureSameFamily(
        Categorical(torch.ones(3, dtype=torch.float64)), Normal(points[:, 0], sigma)
    )
    (score,) = torch.autograd.grad(mixture.log_prob(y[:, 0]).sum(), y)
    denoised = empirical_denoiser(y.detach(), points, sigma)
    torch.testing.assert_close(score_from_denoiser(y.detach(), denoised, sigma), score)


@pytest.mark.equation("DAE.7")
def test_empirical_denoiser_is_bayes_rule_by_hand():
    points = torch.randn(6, 3, dtype=torch.float64, generator=seeded())
    x = torch.randn(4, 3, dtype=torch.float64, generator=seeded(1))
    sigma = 0.9
    expected = []
    for noisy in x.numpy():
        likelihood = [multivariate_normal(p, sigma**2).pdf(noisy) for p in points.numpy()]
        posterior = np.array(likelihood) / sum(likelihood)
        expected.append(posterior @ points.numpy())
    np.testing.assert_allclose(empirical_denoiser(x, points, sigma), expected, rtol=1e-9)


def test_empirical_denoiser_far_from_the_origin():
    grid = torch.randint(0, 64, (60, 5), generator=seeded()) / 64
    points, x = grid[:40], grid[40:]
    shift = 2.0**13  # exact in float32
    answer = empirical_denoiser(x + shift, points + shift, 0.05) - shift
    expected = empirical_denoiser(x.double(), points.double(), 0.05).float()
    torch.testing.assert_close(answer, expected, atol=2e-3, rtol=0)  # the digits that are left


def test_the_best_denoisers_on_the_meta_device():
    x, mean, covariance = (t.to("meta") for t in (torch.zeros(4, 2).double(), MEAN, COVARIANCE))
    assert gaussian_denoiser(x, mean, covariance, 0.5).shape == (4, 2)
    assert empirical_denoiser(x, x, 0.5).shape == (4, 2)


def test_empirical_denoiser_between_the_nearest_point_and_the_mean():
    points = torch.randn(50, 2, generator=seeded())
    x = torch.randn(30, 2, generator=seeded(1))
    nearest = points[torch.cdist(x, points).argmin(1)]
    torch.testing.assert_close(empirical_denoiser(x, points, 1e-3), nearest)
    far = empirical_denoiser(x, points, 1e3)
    torch.testing.assert_close(far, points.mean(0).expand_as(x), atol=1e-3, rtol=0)


@pytest.mark.parametrize("sigma", [0, -1, float("nan")])
def test_a_sigma_that_is_not_positive_is_refused(sigma):
    x = torch.zeros(1, 2, dtype=torch.float64)
    for denoise in (
        lambda: gaussian_denoiser(x, MEAN, COVARIANCE, sigma),
        lambda: empirical_denoiser(x, x, sigma),
        lambda: score_from_denoiser(x, x, sigma),
    ):
        with pytest.raises(ValueError, match=f"sigma must be > 0, got {sigma}"):
            denoise()


@pytest.mark.equation("DAE.6", "DAE.8")
def test_a_trained_linear_denoiser_comes_near_to_the_best_one():
    root, sigma = torch.linalg.cholesky(COVARIANCE).float(), 0.5
    x = MEAN.float() + torch.randn(4000, 2, generator=seeded()) @ root.T
    model = DenoisingAutoencoder(
        (1, 1, 2), 2, hidden=(), likelihood="gaussian", corruption=gaussian_noise, strength=sigma
    )
    for lr in (3e-2, 3e-3):
        fit(model, x.view(-1, 1, 1, 2), epochs=30, batch_size=200, lr=lr)
    noisy = gaussian_noise(x, sigma, seeded(1))
    with torch.no_grad():
        answers = model(noisy.view(-1, 1, 1, 2)).view(-1, 2)
    best = gaussian_denoiser(noisy, MEAN.float(), COVARIANCE.float(), sigma)
    assert (answers - best).norm() < 0.15 * (best - noisy).norm()
