"""Evidence, posterior, ELBO and gap against quadrature by SciPy and closed forms of linear models.

The densities of the oracles are SciPy's, so that nothing of the library is used to test it.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats
from torch.distributions import MultivariateNormal, kl_divergence

from course_lib.evaluation import (
    LogLikelihood,
    OneDimensionalModel,
    importance_weighted_log_likelihood,
    posterior_mean,
)
from course_lib.likelihoods import Gaussian
from course_lib.models import VAE

DECODERS = {
    "tanh": (lambda z: torch.tanh(2 * z), lambda z: np.tanh(2 * z)),
    "exp": (lambda z: z.exp() / 2, lambda z: np.exp(z) / 2),
    "two peaks": (lambda z: z**2 / 2, lambda z: z**2 / 2),
}
CASES = [(name, x, mu, sigma) for name in DECODERS for x, mu, sigma in ((0.5, 0.3, 0.6), (1, 1, 1))]
S = 0.4
NINE = {"rel": 1e-9, "abs": 1e-9}


def log_normal(x, mu, sigma):
    return stats.norm.logpdf(x, mu, sigma)


def integral(f, centre=0.0):
    """∫ f(z) dz over all that counts, by an adaptive rule."""
    ends = (centre - 11, centre + 11)
    return integrate.quad(f, *ends, epsabs=1e-13, epsrel=1e-13, limit=1000)[0]


class Oracle:
    """The same model in SciPy."""

    def __init__(self, name, x, mu, sigma, s=S):
        g = DECODERS[name][1]
        self.log_prior = lambda z: log_normal(z, 0, 1)
        self.log_likelihood = lambda z: log_normal(x, g(z), s)
        self.log_joint = lambda z: self.log_likelihood(z) + self.log_prior(z)
        self.log_q = lambda z: log_normal(z, mu, sigma)
        self.log_evidence = math.log(integral(lambda z: np.exp(self.log_joint(z))))
        self.log_posterior = lambda z: self.log_joint(z) - self.log_evidence
        self.mu = mu

    def mean(self, f):
        """E_q[f(z)]."""
        return integral(lambda z: np.exp(self.log_q(z)) * f(z), self.mu)


def model(name):
    return OneDimensionalModel(DECODERS[name][0], S)


# A world to sum over: four images, a code of three values


@pytest.fixture(params=range(3))
def world(request):
    """p(x) of the data, q(z|x), p(x|z) and p(z): (4,), (4, 3), (3, 4), (3,)."""
    random = np.random.default_rng(request.param)
    return [
        random.dirichlet(np.ones(n), size) for n, size in ((4, None), (3, 4), (4, 3), (3, None))
    ]


def mean_divergence(weights, p, q):
    return sum(w * stats.entropy(*rows) for w, *rows in zip(weights, p, q, strict=True))


def minus_elbo(data, q, decoder, prior):
    """The mean of log q(z|x) − log p(x, z), by a sum over images and codes."""
    return (data[:, None] * q * (np.log(q) - np.log(decoder.T * prior))).sum()


@pytest.mark.equation("COL.2")
def test_minus_elbo_is_the_entropy_and_two_divergences(world):
    data, q, decoder, prior = world
    model = prior @ decoder
    posterior = (decoder * prior[:, None] / model).T
    parts = stats.entropy(data), stats.entropy(data, model), mean_divergence(data, q, posterior)
    assert minus_elbo(*world) == pytest.approx(sum(parts))
    exact = data, posterior, decoder, prior
    assert minus_elbo(*exact) == pytest.approx(parts[0] + parts[1])


@pytest.mark.equation("COL.3")
def test_with_a_decoder_that_needs_no_code_every_nat_of_the_rate_is_lost(world):
    data, q, _, prior = world
    perfect = np.tile(data, (3, 1))
    rate = mean_divergence(data, q, np.tile(prior, (4, 1)))
    assert minus_elbo(data, q, perfect, prior) == pytest.approx(stats.entropy(data) + rate)
    silent = np.tile(prior, (4, 1))
    assert minus_elbo(data, silent, perfect, prior) == pytest.approx(stats.entropy(data))


@pytest.mark.equation("COL.4")
def test_the_rate_is_the_information_and_a_divergence_of_the_aggregate(world):
    data, q, _, prior = world
    aggregate = data @ q
    joint = data[:, None] * q
    information = stats.entropy(joint.ravel(), np.outer(data, aggregate).ravel())
    rate = mean_divergence(data, q, np.tile(prior, (4, 1)))
    assert rate == pytest.approx(information + stats.entropy(aggregate, prior))
    assert rate > information > 0.01


# One latent number


@pytest.mark.equation("COL.5")
def test_the_mean_of_the_models_posterior_is_its_integral():
    vae, random = VAE.dense((1, 2, 2), 1, hidden=(4,)), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random))
    images = torch.tensor([[0, 0, 0, 0], [1, 0, 1, 1], [1, 1, 0, 0]]).float().view(3, 1, 2, 2)
    vae = vae.double()

    def joint(z, x):
        with torch.no_grad():
            p = vae.decode(torch.tensor([[z]], dtype=torch.float64)).sigmoid().numpy()
        return np.where(x == 1, p, 1 - p).prod() * stats.norm.pdf(z)

    expected = []
    for x in images.numpy():
        parts = [
            integrate.quad(lambda z, x=x, k=k: z**k * joint(z, x), -8, 8, epsabs=1e-12)[0]
            for k in (1, 0)
        ]
        expected.append(parts[0] / parts[1])
    found = posterior_mean(vae, images.double(), nodes=401, reach=8)
    # The decoder's kinks, at its ReLUs, cost the sum some digits.
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert (found[0] - found[1]).abs() > 0.05
    assert (posterior_mean(vae, images.double()) - found).abs().max() < 0.01  # as coarse as usual


@pytest.mark.parametrize(("latent_dim", "nodes"), [(2, 61), (1, 1)])
def test_a_posterior_mean_needs_one_number_and_two_nodes(latent_dim, nodes):
    with pytest.raises(ValueError, match=f"at least 2, got {latent_dim} and {nodes}"):
        posterior_mean(VAE.dense((1, 2, 2), latent_dim), torch.zeros(1, 1, 2, 2), nodes)


@pytest.mark.equation("ELBO.1", "ELBO.8", "ELBO.11")
@pytest.mark.parametrize("case", CASES)
def test_evidence_elbo_and_gap_are_their_integrals(case):
    name, *numbers = case
    x, oracle = numbers[0], Oracle(*case)
    log_q, log_p = oracle.log_q, oracle.log_likelihood
    kl_to_prior = oracle.mean(lambda z: log_q(z) - oracle.log_prior(z))
    kl_to_posterior = oracle.mean(lambda z: log_q(z) - oracle.log_posterior(z))
    reconstruction = oracle.mean(log_p)
    found = model(name)
    assert found.log_evidence(x).item() == pytest.approx(oracle.log_evidence, **NINE)
    assert found.reconstruction(*numbers).item() == pytest.approx(reconstruction, **NINE)
    assert found.elbo(*numbers).item() == pytest.approx(reconstruction - kl_to_prior, **NINE)
    assert found.gap(*numbers).item() == pytest.approx(kl_to_posterior, **NINE)
    total = found.elbo(*numbers) + found.gap(*numbers)
    assert total.item() == pytest.approx(oracle.log_evidence, **NINE)


@pytest.mark.equation("ELBO.6", "ELBO.5", "ELBO.7")
@pytest.mark.parametrize("case", CASES)
def test_the_lines_of_the_derivation_by_jensen(case):
    name, *numbers = case
    oracle = Oracle(*case)
    evidence, bound = model(name).log_evidence(numbers[0]).item(), model(name).elbo(*numbers).item()
    z = stats.norm.rvs(0, 1.5, size=200_000, random_state=0)  # any q: here a wide one
    ratios = np.exp(oracle.log_joint(z) - log_normal(z, 0, 1.5))
    assert abs(ratios.mean() - math.exp(evidence)) < 4 * stats.sem(ratios)
    assert oracle.mean(lambda z: oracle.log_joint(z) - oracle.log_q(z)) == pytest.approx(
        bound, **NINE
    )
    split = oracle.mean(oracle.log_likelihood) + oracle.mean(
        lambda z: oracle.log_prior(z) - oracle.log_q(z)
    )
    assert split == pytest.approx(bound, **NINE)
    assert bound < evidence


@pytest.mark.equation("ELBO.9", "ELBO.10", "ELBO.13", "ELBO.14")
@pytest.mark.parametrize("case", CASES)
def test_the_lines_of_the_derivations_by_the_posterior_and_by_bayes(case):
    name, *numbers = case
    x, oracle, found = numbers[0], Oracle(*case), model(name)
    log_q, log_joint = oracle.log_q, oracle.log_joint

    def log_posterior(z):
        return found.log_posterior(x, torch.tensor(z, dtype=torch.float64)).item()

    gap, evidence = found.gap(*numbers).item(), found.log_evidence(x).item()
    assert oracle.mean(lambda z: log_q(z) - log_posterior(z)) == pytest.approx(gap, **NINE)
    less_joint = oracle.mean(lambda z: log_q(z) - log_joint(z))
    assert less_joint + evidence == pytest.approx(gap, **NINE)
    by_bayes = oracle.mean(lambda z: log_joint(z) - log_posterior(z))
    assert by_bayes == pytest.approx(evidence, **NINE)
    assert -less_joint + gap == pytest.approx(evidence, **NINE)


@pytest.mark.equation("ELBO.2")
@pytest.mark.parametrize("case", CASES)
def test_the_posterior_is_a_density_and_obeys_bayes_rule(case):
    name, x, *_ = case
    oracle, z = Oracle(*case), np.linspace(-3, 3, 25)
    found = model(name).log_posterior(x, torch.tensor(z)).numpy()
    assert found == pytest.approx(oracle.log_joint(z) - oracle.log_evidence, **NINE)
    whole = integral(
        lambda z: model(name).log_posterior(x, torch.tensor(z, dtype=torch.float64)).exp().item()
    )
    assert whole == pytest.approx(1, **NINE)


@pytest.mark.equation("ELBO.15", "ELBO.16", "ELBO.17")
@pytest.mark.parametrize(("w", "s", "x"), [(1.5, 0.3, 0.5), (-0.7, 1.2, 2.0), (3.0, 0.5, -1.0)])
def test_a_linear_decoder_has_formulas(w, s, x):
    line = OneDimensionalModel(lambda z: w * z, s)
    spread, precision = math.sqrt(w**2 + s**2), 1 + w**2 / s**2
    mean, sigma = w * x / s**2 / precision, precision**-0.5
    assert line.log_evidence(x).item() == pytest.approx(log_normal(x, 0, spread), **NINE)
    assert line.gap(x, mean, sigma).item() == pytest.approx(0, abs=1e-9)
    assert line.elbo(x, mean, sigma).item() == pytest.approx(log_normal(x, 0, spread), **NINE)
    z = np.linspace(-2, 2, 9)
    assert line.log_posterior(x, torch.tensor(z)).numpy() == pytest.approx(
        log_normal(z, mean, sigma), **NINE
    )
    square = integral(lambda z: np.exp(2 * log_normal(x, w * z, s) + log_normal(z, 0, 1)))
    formula = stats.norm.pdf(x, 0, math.sqrt(w**2 + s**2 / 2)) / (2 * s * math.sqrt(math.pi))
    assert formula == pytest.approx(square, rel=1e-9)


@pytest.mark.equation("ELBO.3", "ELBO.4")
@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_monte_carlo_estimate_is_unbiased_and_its_variance_a_power(d):
    oracle = Oracle("tanh", 0.5, 0, 1)
    square = integral(lambda z: np.exp(2 * oracle.log_likelihood(z) + oracle.log_prior(z)))
    one_plus_v = square / math.exp(2 * oracle.log_evidence)
    z = torch.randn(400_000, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    terms = model("tanh").log_likelihood(0.5, z).sum(1).exp() / math.exp(d * oracle.log_evidence)
    assert abs(terms.mean().item() - 1) < 4 * terms.std().item() / math.sqrt(len(z))
    assert terms.var().item() == pytest.approx(one_plus_v**d - 1, rel=0.03)


@pytest.mark.equation("ELBO.18")
@pytest.mark.parametrize(("w", "a"), [(3**0.5, 3**0.5 / 4), (1.0, 0.5), (-0.5, 0.3)])
def test_the_mean_elbo_and_likelihood_of_normal_data(w, a):
    line = OneDimensionalModel(lambda z: w * z, 1.0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)  # exact: both are quadratic in x
    weights = weights / weights.sum()
    bound = sum(p * line.elbo(2 * u, 2 * a * u, 1.0) for p, u in zip(weights, nodes, strict=True))
    fit = 4 * (1 - w * a) ** 2 + w**2
    assert bound.item() == pytest.approx(-math.log(2 * math.pi) / 2 - fit / 2 - 2 * a**2, **NINE)
    likelihood = sum(p * line.log_evidence(2 * u) for p, u in zip(weights, nodes, strict=True))
    formula = -math.log(2 * math.pi * (1 + w**2)) / 2 - 2 / (1 + w**2)
    assert likelihood.item() == pytest.approx(formula, **NINE)


@pytest.mark.equation("ELBO.19")
def test_the_best_diagonal_q_leaves_the_gap_of_the_formula():
    P = torch.tensor([[9.0, 4.0], [4.0, 3.0]], dtype=torch.float64)
    posterior = MultivariateNormal(torch.tensor([0.5, -1.0]).double(), precision_matrix=P)

    def gap(parameters):
        mean, log_sigma = torch.tensor(parameters).chunk(2)
        q = MultivariateNormal(mean, torch.diag((2 * log_sigma).exp()))
        return kl_divergence(q, posterior).item()

    smallest = optimize.minimize(gap, np.zeros(4), method="Nelder-Mead", tol=1e-10).fun
    formula = (P.diagonal().log().sum() - P.logdet()) / 2
    assert smallest == pytest.approx(formula.item(), abs=1e-6)


def test_gradients_are_those_of_finite_differences():
    found, step = model("tanh"), 1e-5
    at = torch.tensor([0.3, 0.6], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(found.elbo(0.5, *at), at)
    (of_gap,) = torch.autograd.grad(found.gap(0.5, *at), at)
    for i in range(2):
        shift = [step * (i == j) for j in range(2)]
        up, down = (
            found.elbo(0.5, *(at.detach() + sign * at.new_tensor(shift))) for sign in (1, -1)
        )
        assert gradient[i].item() == pytest.approx(((up - down) / (2 * step)).item(), rel=1e-6)
    assert of_gap.tolist() == pytest.approx((-gradient).tolist())


def test_numbers_keep_their_digits_whatever_the_default_dtype():
    assert torch.get_default_dtype() == torch.float32
    by_numbers = model("exp").elbo(0.1, 0.1, 0.7)
    by_tensors = model("exp").elbo(0.1, *torch.tensor([0.1, 0.7], dtype=torch.float64))
    assert by_numbers.dtype == torch.float64
    assert by_numbers.item() == pytest.approx(by_tensors.item(), rel=1e-14)


def test_a_few_nodes_make_an_error_and_two_hundred_none():
    exact, found = Oracle("tanh", 0.5, 0, 1).log_evidence, model("tanh")
    assert abs(found.log_evidence(0.5, nodes=20).item() - exact) > 1e-3
    assert found.log_evidence(0.5, nodes=200).item() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OneDimensionalModel(torch.tanh, 0.0), "s must be > 0, got 0"),
        (lambda: model("tanh").elbo(0.5, 0.0, -1.0), "sigma must be > 0, got -1"),
        (lambda: model("tanh").gap(0.5, 0.0, 0.0), "sigma must be > 0, got 0"),
        (lambda: model("tanh").log_evidence(0.5, nodes=1), "nodes must be at least 2, got 1"),
    ],
)
def test_bad_numbers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Importance weighting


D, LATENT, SIGMA = 6, 2, 0.5


class Recording(VAE):
    """Notes how many pictures are decoded at once, and how many in all."""

    at_once = total = 0

    def decode(self, z):
        self.at_once, self.total = max(self.at_once, len(z)), self.total + len(z)
        return super().decode(z)


@pytest.fixture(scope="module")
def linear():
    """A VAE of two linear maps, whose q is wider than the posterior and off by 0.2; 300 images."""
    vae = Recording.dense((1, 1, D), LATENT, hidden=(), likelihood=Gaussian(SIGMA)).double()
    generator = torch.Generator().manual_seed(3)
    W = torch.randn(D, LATENT, generator=generator, dtype=torch.float64)
    b = torch.randn(D, generator=generator, dtype=torch.float64)
    covariance = torch.linalg.inv(torch.eye(LATENT).double() + W.T @ W / SIGMA**2)
    with torch.no_grad():
        vae.decoder[0].weight.copy_(W)
        vae.decoder[0].bias.copy_(b)
        to_mean = covariance @ W.T / SIGMA**2
        vae.encoder[1].weight.copy_(torch.cat([to_mean, torch.zeros_like(to_mean)]))
        logvar = (1.5 * covariance.diagonal()).log()
        vae.encoder[1].bias.copy_(torch.cat([0.2 - to_mean @ b, logvar]))
    marginal = W @ W.T + SIGMA**2 * torch.eye(D).double()
    evidence = MultivariateNormal(b, marginal)
    noise = torch.randn(300, D, generator=generator, dtype=torch.float64)
    x = b + noise @ torch.linalg.cholesky(marginal).T
    mu, sigma = (x - b) @ to_mean.T + 0.2, (logvar / 2).exp()
    squared = (x - b - mu @ W.T).square().sum(1) + (W**2 @ sigma**2).sum()
    elbo = -squared / (2 * SIGMA**2) - D * math.log(2 * math.pi * SIGMA**2) / 2
    elbo = elbo - 0.5 * (mu**2 + sigma**2 - 2 * sigma.log() - 1).sum(1)
    return vae, x.view(-1, 1, 1, D), evidence.log_prob(x), elbo


def standard_errors(difference):
    return (difference.mean() / (difference.std() / math.sqrt(len(difference)))).item()


@pytest.mark.equation("ELBO.12", "ELBO.15")
def test_one_sample_gives_the_elbo_and_many_the_evidence(linear):
    vae, images, evidence, elbo = linear
    one = importance_weighted_log_likelihood(vae, images, samples=1).per_image
    assert abs(standard_errors(one - elbo)) < 4
    assert evidence.mean() - elbo.mean() > 0.2  # so that the two can be told apart
    many = importance_weighted_log_likelihood(vae, images, samples=5000).per_image
    assert (many - evidence).abs().max().item() < 0.1
    assert abs((many - evidence).mean().item()) < 0.003


@pytest.mark.equation("ELBO.12")
def test_more_samples_raise_the_bound(linear):
    vae, images, evidence, _ = linear
    repeated = images.repeat(10, 1, 1, 1)
    means = [
        importance_weighted_log_likelihood(vae, repeated, samples=k).mean for k in (1, 2, 5, 20)
    ]
    assert means == sorted(means)
    assert means[-1] < evidence.mean().item()
    gaps = [evidence.mean().item() - mean for mean in means]
    assert all(after < 0.8 * before for before, after in pairwise(gaps))


@pytest.mark.equation("ELBO.16")
def test_the_true_posterior_needs_one_sample(linear):
    _, images, *_ = linear
    exact = VAE.dense((1, 1, D), 1, hidden=(), likelihood=Gaussian(SIGMA)).double()
    with torch.no_grad():
        w, b = exact.decoder[0].weight, exact.decoder[0].bias
        precision = 1 + w.square().sum() / SIGMA**2
        to_mean = w.T / SIGMA**2 / precision
        exact.encoder[1].weight.copy_(torch.cat([to_mean, torch.zeros_like(to_mean)]))
        exact.encoder[1].bias.copy_(torch.cat([-to_mean @ b, -precision.log()[None]]))
        marginal = MultivariateNormal(b, w @ w.T + SIGMA**2 * torch.eye(D).double())
        found = importance_weighted_log_likelihood(exact, images, samples=1).per_image
    assert found.tolist() == pytest.approx(marginal.log_prob(images.flatten(1)).tolist())


@pytest.mark.parametrize("samples", [7, 300])
@pytest.mark.parametrize("rows", [1, 20, 100, 1000])
def test_memory_is_bounded_and_the_pieces_do_not_matter(linear, samples, rows):
    vae, images, evidence, _ = linear
    images, evidence = images[:40], evidence[:40]
    whole = importance_weighted_log_likelihood(vae, images, samples=samples, rows=100_000)
    vae.at_once = vae.total = 0
    pieces = importance_weighted_log_likelihood(vae, images, samples=samples, rows=rows, seed=1)
    assert vae.at_once <= rows
    assert vae.total == 40 * samples
    assert pieces.per_image.shape == (40,)
    assert abs(standard_errors(pieces.per_image - whole.per_image)) < 4
    if samples == 300:
        assert (pieces.per_image - evidence).abs().max().item() < 0.4


def test_images_keep_their_order(linear):
    vae, images, evidence, _ = linear
    found = importance_weighted_log_likelihood(vae, images, samples=500, rows=1500).per_image
    assert np.corrcoef(found, evidence)[0, 1] > 0.99


def test_a_seed_repeats_itself_and_another_does_not(linear):
    vae, images, *_ = linear
    first, again, other = (
        importance_weighted_log_likelihood(vae, images, samples=3, seed=seed).per_image
        for seed in (0, 0, 1)
    )
    assert first.equal(again)
    assert not first.equal(other)


def test_bernoulli_images_are_weighed_too():
    """Against an integral over both latent numbers."""
    vae = VAE.dense((1, 2, 2), 1, hidden=(4,), seed=2).double()
    image = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64).view(1, 1, 2, 2)
    z = torch.linspace(-8, 8, 2001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        mean = vae.decode(z).sigmoid().flatten(1)
    likelihood = torch.where(image.flatten() == 1, mean, 1 - mean).prod(1)
    exact = torch.trapezoid(likelihood * torch.exp(-(z[:, 0] ** 2) / 2), z[:, 0])
    found = importance_weighted_log_likelihood(vae, image, samples=50_000)
    assert found.mean == pytest.approx(math.log(exact / math.sqrt(2 * math.pi)), abs=0.01)


def test_the_mean_and_its_standard_error():
    result = LogLikelihood(torch.tensor([-80.0, -90.0, -85.0, -89.0]))
    assert result.mean == pytest.approx(-86)
    assert result.standard_error == pytest.approx(stats.sem([-80, -90, -85, -89]))


@pytest.mark.parametrize(
    "bad", [{"samples": 0}, {"samples": 5, "rows": 0}, {"samples": -1}], ids=str
)
def test_no_samples_and_no_rows_are_refused(linear, bad):
    vae, images, *_ = linear
    with pytest.raises(ValueError, match="must be at least 1, got"):
        importance_weighted_log_likelihood(vae, images, **bad)
