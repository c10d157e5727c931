"""The latent space's numbers, where they are known."""

import math

import pytest
import torch
from sklearn.mixture import GaussianMixture

from course_lib.evaluation import (
    active_units,
    kl_per_dimension,
    match_prior,
    rate_distortion,
    split_kl,
)
from course_lib.models import VAE
from course_lib.objectives import kl_parts
from course_lib.priors import (
    DiagonalNormal,
    StandardNormal,
    VampPrior,
    normal_log_density,
    reparameterize,
)
from course_lib.priors import GaussianMixture as Mixture

N = 600


def codes(mu, sigma):
    mu = torch.as_tensor(mu, dtype=torch.float32)
    return mu, torch.full_like(mu, 2 * math.log(sigma))


def test_kl_per_dimension_by_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(50, 3, generator=generator), torch.randn(50, 3, generator=generator)
    q = torch.distributions.Normal(mu, (logvar / 2).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).mean(0)
    torch.testing.assert_close(kl_per_dimension(mu, logvar), kl)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_per_dimension_of_a_variance_that_is_no_number(dtype):
    logvar = torch.tensor([[-2000.0, 2000.0, 1e-3]], dtype=dtype)
    kl = kl_per_dimension(torch.zeros_like(logvar), logvar).tolist()
    assert kl[:2] == [999.5, math.inf]
    v = logvar[0, 2].double().item()
    assert kl[2] == pytest.approx((math.expm1(v) - v) / 2, rel=1e-5)  # 2.5e-7


def test_a_latent_space_without_images_or_numbers_is_refused():
    mu = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"mu must have shape \(N, d\) with N ≥ 1, got \(0, 2\)"):
        kl_per_dimension(mu[:0], mu[:0])
    with pytest.raises(ValueError, match=r"mu must have shape \(N, d\) with N ≥ 2, got \(1, 2\)"):
        active_units(mu[:1])
    for measure in (active_units, lambda mu: kl_per_dimension(mu, 0 * mu)):
        with pytest.raises(ValueError, match="mu must be finite, got nan"):
            measure(mu + math.nan)
        assert measure(mu.to("meta")).shape == (2,)


@pytest.mark.equation("VAE.6")
def test_a_unit_is_active_when_its_mean_moves_with_the_image():
    generator = torch.Generator().manual_seed(0)
    moving = torch.randn(N, generator=generator)
    mu = torch.stack([moving, 0.01 * moving, torch.full((N,), 3.0)], dim=1)
    assert active_units(mu).tolist() == [True, False, False]
    assert active_units(mu.round().int()).tolist() == [True, False, False]


@pytest.mark.equation("VAE.5")
@pytest.mark.equation("VAE.4")
def test_the_split_adds_up_and_its_parts_are_right_where_they_are_known():
    # Codes far apart: z tells which of the N images it was, so I(x; z) = log N.
    far = codes(100.0 * torch.arange(N)[:, None], 0.5)
    split = split_kl(*far)
    assert split.mutual_information == pytest.approx(math.log(N), rel=1e-4)
    # Two clusters of equal images: log 2.
    two = split_kl(*codes(torch.tensor([-20.0, 20.0]).repeat(N // 2)[:, None], 0.5))
    assert two.mutual_information == pytest.approx(math.log(2), abs=1e-3)
    # The same q for every image: nothing about the image, all of the KL is mismatch.
    same = split_kl(*codes(torch.full((N, 2), 0.7), 0.5))
    assert same.mutual_information == pytest.approx(0, abs=1e-4)
    assert same.marginal_kl == pytest.approx(same.kl, rel=0.15)


def test_the_aggregate_posterior_is_the_mixture_that_scikit_learn_evaluates():
    generator = torch.Generator().manual_seed(1)
    mu, logvar = torch.randn(N, 2, generator=generator), torch.randn(N, 2, generator=generator) - 1
    splits = [split_kl(mu, logvar, seed=seed) for seed in range(20)]
    mixture = GaussianMixture(N, covariance_type="diag")
    mixture.weights_, mixture.means_ = torch.full((N,), 1 / N).numpy(), mu.numpy()
    mixture.covariances_ = logvar.exp().numpy()
    mixture.precisions_cholesky_ = (-logvar / 2).exp().numpy()
    z = mu + (logvar / 2).exp() * torch.randn(20, N, 2, generator=generator)
    log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(2).mean().item()
    marginal = mixture.score_samples(z.flatten(0, 1).numpy()).mean() - log_prior
    estimate = torch.tensor([split.marginal_kl for split in splits])
    assert estimate.mean().item() == pytest.approx(
        marginal, abs=5 * estimate.std().item() / 20**0.5
    )
    sums = torch.tensor([split.marginal_kl + split.mutual_information for split in splits])
    assert sums.mean().item() == pytest.approx(splits[0].kl, abs=5 * sums.std().item() / 20**0.5)


def test_the_mismatch_is_dependence_between_dimensions_or_a_shift_of_one():
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(N, generator=generator)
    # Two dimensions that say the same: log 2 for one bit that both carry.
    bit = 20 * (shared > shared.median()).float()[:, None] - 10
    twice = split_kl(*codes(bit.expand(-1, 2), 0.5))
    assert twice.total_correlation == pytest.approx(math.log(2), abs=0.01)
    assert twice.mutual_information == pytest.approx(math.log(2), abs=0.01)
    # One normal dimension, at the wrong place: KL(N(3, ½²)‖N(0, 1)) and no dependence.
    alone = split_kl(*codes(torch.tensor([[3.0, 0.0]]).expand(N, 2), 0.5))
    expected = (9 + 2 * 0.25 - 2 * math.log(0.25) - 2) / 2
    assert alone.total_correlation == pytest.approx(0, abs=1e-4)
    assert alone.dimension_wise_kl == pytest.approx(expected, rel=0.1)
    for split in (twice, alone):
        parts = split.total_correlation + split.dimension_wise_kl
        assert split.marginal_kl == pytest.approx(parts)


@pytest.mark.parametrize("n", [1, 99, 100, 250])
def test_the_split_does_not_depend_on_how_the_memory_is_bounded(n):
    generator = torch.Generator().manual_seed(3)
    mu, logvar = torch.randn(2, n, 3, generator=generator)
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(5))
    log_conditional = normal_log_density(z, mu, logvar).sum(1)
    at_once = kl_parts(z, log_conditional, mu, logvar, torch.tensor(-math.log(n)))
    split = split_kl(mu, logvar, seed=5)
    for name, value in at_once.items():
        assert getattr(split, name) == pytest.approx(value.item(), rel=1e-4, abs=1e-5)


def test_rate_and_distortion_are_the_two_terms_of_the_loss():
    images = torch.rand(30, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    model = VAE.dense((1, 6, 6), 3)
    measured = rate_distortion(model, images, seed=4)
    loss = model.loss(images, torch.Generator().manual_seed(4))
    assert measured.rate == pytest.approx(loss.terms["kl"].item(), rel=1e-6)
    assert measured.distortion == pytest.approx(loss.terms["reconstruction"].item(), rel=1e-6)
    assert measured.kl.sum().item() == pytest.approx(measured.rate, rel=1e-5)
    torch.testing.assert_close(measured.active, active_units(model.encode(images).mu.detach()))
    with pytest.raises(ValueError, match="N ≥ 2"):
        rate_distortion(model, images[:1])


# Any prior


def cloud(n=40, d=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mu = 2 * torch.randn(n, d, generator=generator, dtype=torch.float64)
    return DiagonalNormal(mu, torch.randn(mu.shape, generator=generator, dtype=torch.float64) - 1)


@pytest.mark.equation("PRIOR.5")
def test_the_parts_add_up_and_the_rate_is_the_closed_form():
    q = cloud()
    found = match_prior(StandardNormal(2).double(), q, draws=500)
    assert found.information + found.mismatch == pytest.approx(found.rate)
    exact = kl_per_dimension(*q).sum().item()
    assert found.rate == pytest.approx(exact, abs=0.05)
    assert all(error > 0 for error in found.errors)


def test_the_mismatch_is_that_of_a_sum_over_a_grid():
    q = cloud(6)
    prior = Mixture(2, 3, seed=1).double()
    axis = torch.linspace(-14, 14, 701, dtype=torch.float64)
    points, area = torch.cartesian_prod(axis, axis), (axis[1] - axis[0]).item() ** 2
    with torch.no_grad():
        parts = torch.distributions.Normal(q.mu, (q.logvar / 2).exp())
        density = parts.log_prob(points[:, None]).sum(2).exp().mean(1)
        ratio = density.clamp(min=1e-300).log() - prior.log_prob(points)
    expected = (density * ratio).sum().item() * area
    found = match_prior(prior, q, draws=3000)
    assert found.mismatch == pytest.approx(expected, abs=0.05)


def test_the_aggregate_posterior_has_no_mismatch_with_itself():
    """The null control: the same sum twice."""
    model = VAE.dense((1, 4, 4), 2, hidden=(8,))
    images = torch.rand(30, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        q = model.encode(images)
    found = match_prior(VampPrior(model.encoder, images), q)
    assert found.mismatch == pytest.approx(0, abs=1e-5)
    assert found.rate == pytest.approx(found.information, abs=1e-5)


@pytest.mark.equation("PRIOR.6")
@pytest.mark.parametrize("sigma", [1e-4, 0.1, 1.0])
def test_no_more_than_log_n_of_the_information_shows(sigma):
    q = DiagonalNormal(cloud(40).mu, torch.full((40, 2), 2 * math.log(sigma), dtype=torch.float64))
    found = match_prior(StandardNormal(2).double(), q, draws=20)
    assert found.information <= math.log(40) + 1e-9
    if sigma < 1e-3:  # no two overlap: a code tells which image it is of
        assert found.information == pytest.approx(math.log(40), abs=1e-6)


@pytest.mark.equation("PRIOR.1")
def test_the_best_prior_is_the_mixture_of_all_codes():
    """Among all densities on a grid, found by gradients from what the ELBO has of the prior."""
    q = cloud(3, 1)
    cells = torch.linspace(-12, 12, 241, dtype=torch.float64)[:, None]  # 0.1 apart
    parts = torch.distributions.Normal(q.mu, (q.logvar / 2).exp())
    weights = parts.log_prob(cells[:, None]).sum(2).exp() * 0.1  # of each q(z|x) in each cell
    logits = torch.zeros(241, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=500, line_search_fn="strong_wolfe")

    def loss():  # −1/N Σₙ E_{q(z|xₙ)}[log p(z)]
        optimizer.zero_grad()
        value = -(weights.T @ logits.log_softmax(0)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    torch.testing.assert_close(logits.detach().softmax(0), weights.mean(1), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("n", "draws", "message"), [(1, 1, r"\(N, d\) with N ≥ 2"), (3, 0, "draws must be at least 1")]
)
def test_a_match_of_nothing_is_refused(n, draws, message):
    with pytest.raises(ValueError, match=message):
        match_prior(StandardNormal(2), cloud(n), draws=draws)
