"""Distributions over codes against torch.distributions and SciPy."""

import math

import pytest
import torch
from scipy import stats
from sklearn import mixture
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from course_lib.models import VAE
from course_lib.priors import (
    AutoregressivePrior,
    DiagonalNormal,
    FlowPrior,
    GaussianMixture,
    NormalPrior,
    StandardNormal,
    VampPrior,
    normal_log_density,
    reparameterize,
)
from course_lib.training import fit


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


# Priors that are learned


def moved(prior, by=0.5, seed=0):
    """The prior with parameters anywhere, in float64."""
    prior = prior.double()
    for i, parameter in enumerate(prior.parameters()):
        parameter.data += by * normal(*parameter.shape, seed=seed + i)
    return prior


def pictures(n=5, seed=0):
    return torch.rand(n, 1, 4, 4, generator=generator(seed))


def vamp(n=5):
    return moved(VampPrior(VAE.dense((1, 4, 4), 2, hidden=(8,)).encoder, pictures(n)))


LEARNED = {
    "mixture": lambda: moved(GaussianMixture(2, 3)),
    "vamp": vamp,
    "flow": lambda: moved(FlowPrior(2, couplings=4, hidden=8), by=0.25),
}


@pytest.fixture(params=LEARNED)
def learned(request):
    return LEARNED[request.param]()


def grid(low=-25.0, high=25.0, n=1001):
    """Points of a plane, (n², 2), and the area that each stands for."""
    axis = torch.linspace(low, high, n, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis), float(axis[1] - axis[0]) ** 2


@pytest.mark.equation("PRIOR.2")
def test_a_mixture_is_that_of_torch_distributions():
    prior, z = moved(GaussianMixture(2, 3)), 2 * normal(4, 6, 2)
    normals = Independent(Normal(prior.mu, (prior.logvar / 2).exp()), 1)
    expected = MixtureSameFamily(Categorical(logits=prior.logits), normals)
    torch.testing.assert_close(prior.log_prob(z), expected.log_prob(z))


def test_narrow_components_far_out_keep_their_digits_in_half_and_single_precision():
    """(z − μ)²/σ² is 1 where z² / σ² is ten million, and autocast rounds nothing."""
    mu = torch.tensor([[3.0, -4.0], [5.0, 2.0]])
    prior = GaussianMixture.of([0.25, 0.75], mu, torch.full((2, 2), 1e-6))
    z = mu + 1e-3
    distance = (z.double() - mu).square() / 1e-6
    expected = torch.tensor([0.25, 0.75]).log() - distance.sum(1) / 2 - math.log(2e-6 * math.pi)
    torch.testing.assert_close(prior.log_prob(z), expected.float(), atol=1e-4, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(prior.log_prob(z), expected.float(), atol=1e-4, rtol=0)


def test_a_mixture_is_made_of_what_em_gives():
    codes = normal(300, 2)
    em = mixture.GaussianMixture(3, covariance_type="diag", random_state=0).fit(codes)
    prior = GaussianMixture.of(em.weights_, em.means_, em.covariances_)
    expected = torch.tensor(em.score_samples(codes))
    torch.testing.assert_close(prior.double().log_prob(codes), expected, atol=1e-4, rtol=1e-4)
    assert all(parameter.requires_grad for parameter in prior.parameters())


@pytest.mark.equation("PRIOR.3")
def test_a_vamp_prior_is_the_mean_of_the_codes_of_its_pictures():
    prior, z = vamp(), normal(7, 2)
    parts = [prior.encoder(u[None].clamp(0, 1)).chunk(2, 1) for u in prior.pseudo_inputs]
    densities = [Normal(mu, (lv / 2).exp()).log_prob(z).sum(-1).exp() for mu, lv in parts]
    torch.testing.assert_close(prior.log_prob(z).exp(), torch.stack(densities).mean(0))


def test_a_vamp_prior_of_all_pictures_is_the_aggregate_posterior():
    model = VAE.dense((1, 4, 4), 2, hidden=(8,))
    x = pictures(6)
    q = model.encode(x)
    z = torch.randn(50, 1, 2, generator=generator())
    expected = q.log_prob(z).logsumexp(1) - math.log(6)
    torch.testing.assert_close(VampPrior(model.encoder, x).log_prob(z[:, 0]), expected)


def test_a_flow_begins_as_the_standard_normal():
    z = normal(9, 3)
    prior = FlowPrior(3).double()
    torch.testing.assert_close(prior.log_prob(z), StandardNormal(3).double().log_prob(z))


@pytest.mark.equation("PRIOR.4")
@pytest.mark.parametrize("d", [2, 3, 5])
def test_a_flow_is_inverted_and_its_jacobian_is_that_of_autograd(d):
    prior, z = moved(FlowPrior(d, couplings=3, hidden=8)), normal(4, d)
    noise, log_det = prior.to_noise(z)
    assert ((noise - z).abs().amax(0) > 0.05).all()  # every coordinate has been moved
    torch.testing.assert_close(prior.from_noise(noise), z)
    for one, its in zip(z, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda z: prior.to_noise(z)[0], one)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, its)
    under_normal = Normal(torch.zeros_like(noise), 1.0).log_prob(noise).sum(1)
    torch.testing.assert_close(prior.log_prob(z), under_normal + log_det)


@pytest.mark.slow
def test_densities_integrate_to_one_and_are_those_of_the_samples(learned):
    points, area = grid()
    with torch.no_grad():
        weights = learned.log_prob(points).exp() * area
        z = learned.sample(20_000, generator())
    assert weights.sum() == pytest.approx(1, abs=2e-3)
    for statistic in (lambda z: z, lambda z: z.cos(), lambda z: (z > 0.3).double()):
        expected = weights @ statistic(points)  # (2,)
        drawn = statistic(z)
        errors = drawn.std(0) / len(drawn) ** 0.5
        assert ((drawn.mean(0) - expected).abs() < 4 * errors + 2e-3).all()


def test_samples_come_from_the_generator_alone(learned):
    state = torch.get_rng_state()
    z = learned.sample(6, generator())
    assert z.shape == (6, 2)
    assert torch.equal(z, learned.sample(6, generator()))
    assert not torch.equal(z, learned.sample(6, generator(1)))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.equation("PRIOR.5")
def test_what_a_training_takes_is_the_divergence_on_average(learned):
    """KL(q‖p) by a grid, for one q, against the mean over draws."""
    q = DiagonalNormal(normal(1, 2), normal(1, 2, seed=1) - 1)
    points, area = grid(-8, 8, 401)
    log_q = q.log_prob(points)
    with torch.no_grad():
        expected = float((log_q.exp() * (log_q - learned.log_prob(points))).sum() * area)
        z = reparameterize(*(p.expand(20_000, 2) for p in q), generator())
        many = learned.kl(DiagonalNormal(*(p.expand(20_000, 2) for p in q)), z)
    assert many.shape == (20_000, 1)
    assert float(many.mean()) == pytest.approx(expected, abs=4 * float(many.std()) / 20_000**0.5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LEARNED)
def test_a_model_trains_its_prior_and_gains_by_it(kind):
    """Two clusters of pictures: a learned prior costs less than N(0, I), at the same steps."""
    x = torch.cat([torch.full((32, 1, 4, 4), 0.1), torch.full((32, 1, 4, 4), 0.9)])
    x = (x + 0.1 * torch.rand(x.shape, generator=generator())).clamp(0, 1)
    losses = {}
    for name in ("standard", kind):
        model = VAE.dense((1, 4, 4), 2, hidden=(16,), seed=1)
        if name == "mixture":
            model.prior = GaussianMixture(2, 4)
        elif name == "flow":
            model.prior = FlowPrior(2, couplings=4, hidden=16)
        elif name == "vamp":
            model.prior = VampPrior(model.encoder, x[::16].clone())
        before = [p.detach().clone() for p in model.prior.parameters()]
        fit(model, x, epochs=300, batch_size=64, lr=3e-3, seed=0)
        after = list(model.prior.parameters())
        assert all((a != b).any() for a, b in zip(before, after, strict=True))
        with torch.no_grad():
            losses[name] = float(model.loss(x.repeat(20, 1, 1, 1), generator()).total)
    assert losses[kind] < losses["standard"] - 0.1, losses


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianMixture(0, 3), "must be at least 1, got 0 and 3"),
        (lambda: GaussianMixture(2, 0), "must be at least 1, got 2 and 0"),
        (
            lambda: FlowPrior(1),
            "latent_dim must be at least 2 and couplings at least 1, got 1 and 6",
        ),
        (lambda: FlowPrior(2, couplings=0), "got 2 and 0"),
        (
            lambda: VampPrior(torch.nn.Identity(), torch.zeros(3, 4)),
            r"must be \(K, C, H, W\), got \(3,",
        ),
        (lambda: VampPrior(torch.nn.Identity(), torch.full((1, 1, 2, 2), 2.0)), r"lie in \[0, 1\]"),
    ],
)
def test_priors_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# A prior that no independent q can follow


def correlated(d, alpha):
    """The same distribution by its covariance, α^|i − j|."""
    places = torch.arange(d, dtype=torch.float64)
    covariance = alpha ** (places - places[:, None]).abs()
    return MultivariateNormal(torch.zeros(d, dtype=torch.float64), covariance)


@pytest.mark.parametrize(("d", "alpha"), [(2, 0.5), (5, 0.9), (4, -0.7), (3, 0.0)])
def test_the_autoregressive_prior_is_a_normal_with_falling_correlations(d, alpha):
    prior = AutoregressivePrior(d, alpha).double()
    z = normal(3, 7, d)
    torch.testing.assert_close(prior.log_prob(z), correlated(d, alpha).log_prob(z))
    drawn = prior.sample(40_000, generator())
    torch.testing.assert_close(
        drawn.T.cov(), correlated(d, alpha).covariance_matrix, atol=0.04, rtol=0
    )
    mu, logvar = normal(6, d, seed=1), normal(6, d, seed=2)
    q = MultivariateNormal(mu, logvar.exp().diag_embed())
    kl = prior.kl(DiagonalNormal(mu, logvar), mu)
    torch.testing.assert_close(kl.sum(1), kl_divergence(q, correlated(d, alpha)))


@pytest.mark.equation("COL.7")
@pytest.mark.parametrize(("d", "alpha"), [(2, 0.5), (5, 0.9), (4, -0.7), (3, 0.0)])
def test_no_independent_posterior_comes_nearer_than_delta(d, alpha):
    prior = AutoregressivePrior(d, alpha).double()
    mu, logvar = (normal(1, d, seed=seed).requires_grad_() for seed in (3, 4))
    optimizer = torch.optim.LBFGS([mu, logvar], max_iter=500, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = prior.kl(DiagonalNormal(mu, logvar), mu).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert closure().item() == pytest.approx(prior.smallest_kl, abs=1e-6)
    assert (prior.smallest_kl == 0) == (alpha == 0)


def test_a_vae_with_an_autoregressive_prior_never_spends_less_than_delta():
    images = torch.zeros(20, 1, 2, 2)  # which say nothing
    model = VAE.dense((1, 2, 2), 4, hidden=(8,), prior=AutoregressivePrior(4, 0.8))
    fit(model, images, epochs=300, batch_size=20, lr=1e-2)
    kl = model.draw(images, generator()).kl.sum(1).mean().item()
    assert kl == pytest.approx(model.prior.smallest_kl, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1, 0.5), "at least 2, got 1"), ((3, 1.0), "between −1 and 1, got 1.0")],
)
def test_an_autoregressive_prior_needs_neighbours_that_differ(arguments, message):
    with pytest.raises(ValueError, match=message):
        AutoregressivePrior(*arguments)


# N(μ, diag σ²) as a prior


@pytest.mark.parametrize("shape", [(3,), (5, 3)], ids=["one for all", "one of each image"])
def test_a_normal_prior_against_torch_distributions(shape):
    prior = NormalPrior(normal(*shape), normal(*shape, seed=1))
    p = Normal(prior.mu, (prior.logvar / 2).exp())
    q = DiagonalNormal(normal(5, 3, seed=2), normal(5, 3, seed=3))
    z = normal(5, 3, seed=4)
    torch.testing.assert_close(prior.log_prob(z), p.log_prob(z).sum(1))
    expected = kl_divergence(Normal(q.mu, (q.logvar / 2).exp()), p)
    torch.testing.assert_close(prior.kl(q, z), expected)
    assert prior.latent_dim == 3


def test_a_normal_prior_draws_what_its_density_says():
    prior = NormalPrior(torch.tensor([1.0, -2.0]), torch.tensor([0.4, -1.0]))
    z = prior.sample(20_000, generator())
    for j in range(2):
        law = ("norm", (prior.mu[j].item(), math.exp(prior.logvar[j] / 2)))
        assert stats.kstest(z[:, j].numpy(), law[0], args=law[1]).pvalue > 0.01
