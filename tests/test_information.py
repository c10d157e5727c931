"""Entropy, cross-entropy and KL divergences against independent oracles, and their properties.

Oracles: SciPy's sums and quadrature, torch.distributions, SymPy, arithmetic in 50 digits (mpmath),
and Monte Carlo within four standard errors.
"""

import inspect
import math
import re

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats
from torch import func
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from course_lib.information import (
    bits_to_nats,
    cross_entropy,
    entropy,
    kl_bernoulli,
    kl_diagonal_normal,
    kl_discrete,
    kl_monte_carlo,
    kl_multivariate_normal,
    kl_normal,
    kl_normal_terms,
    nats_to_bits,
    rate_distortion_normal,
)

mpmath.mp.dps = 50
# Torch's own forward mode compiles some of its rules with it.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

weights = st.lists(st.floats(1e-6, 1), min_size=2, max_size=6)
pairs = st.integers(2, 6).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(1e-6, 1), min_size=n, max_size=n)] * 2)
)
means = st.floats(-50, 50)
sigmas = st.floats(1e-2, 1e2)
probabilities = st.floats(1e-6, 1 - 1e-6)


def normalised(values):
    return torch.tensor(values, dtype=torch.float64) / sum(values)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def random_covariance(generator, d, *batch):
    factor = torch.randn(*batch, d, d, dtype=torch.float64, generator=generator)
    return factor @ factor.mT + 0.5 * torch.eye(d, dtype=torch.float64)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


# Entropy and cross-entropy


@pytest.mark.equation("KL.1")
@given(weights)
def test_entropy_is_scipys(values):
    p = normalised(values)
    assert entropy(p).item() == pytest.approx(stats.entropy(p.numpy()), abs=1e-12)


@pytest.mark.equation("KL.1", "KL.4")
def test_entropy_is_the_bits_of_a_list_of_equally_likely_words():
    assert nats_to_bits(entropy(torch.full((64,), 1 / 64))).item() == pytest.approx(6)
    assert entropy(torch.full((64,), 1 / 64)).item() == pytest.approx(special.entr(1 / 64) * 64)


@pytest.mark.equation("KL.1")
@given(weights)
def test_no_distribution_has_more_entropy_than_the_uniform_one(values):
    assert entropy(normalised(values)).item() <= math.log(len(values)) + 1e-12


@pytest.mark.equation("KL.2")
@given(weights, st.randoms())
def test_cross_entropy_is_entropy_plus_scipys_kl(values, random):
    p, q = normalised(values), normalised(random.sample(values, len(values)))
    expected = stats.entropy(p.numpy()) + stats.entropy(p.numpy(), q.numpy())
    assert cross_entropy(p, q).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.equation("KL.2")
def test_cross_entropy_is_the_mean_surprise(generator):
    p, q = double(0.5, 0.3, 0.2), double(0.1, 0.2, 0.7)
    surprise = -q.log()[torch.multinomial(p, 200_000, replacement=True, generator=generator)]
    error = surprise.std() / len(surprise) ** 0.5
    assert abs(surprise.mean() - cross_entropy(p, q)) < 4 * error


@pytest.mark.equation("KL.4")
@given(st.floats(-1e6, 1e6))
def test_bits_and_nats(nats):
    assert nats_to_bits(nats) == pytest.approx(float(mpmath.mpf(nats) / mpmath.ln(2)))
    assert bits_to_nats(nats_to_bits(nats)) == pytest.approx(nats)
    assert 2 ** nats_to_bits(1.0) == pytest.approx(math.e)


def test_zero_probabilities():
    certain, fair = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    assert entropy(certain).item() == 0
    assert cross_entropy(certain, fair).item() == pytest.approx(math.log(2))
    assert cross_entropy(fair, certain).item() == math.inf
    assert kl_discrete(certain, fair).item() == pytest.approx(math.log(2))
    assert kl_discrete(fair, certain).item() == math.inf
    assert kl_discrete(certain, certain).item() == 0


def test_batches_keep_their_shape():
    p = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 5)))
    assert entropy(p).shape == (4, 5)
    assert kl_discrete(p, p[0, 0]).shape == (4, 5)


# Discrete and Bernoulli


@pytest.mark.equation("KL.3")
@given(pairs)
def test_kl_discrete_is_scipys_and_torchs(values):
    p, q = map(normalised, values)
    computed = kl_discrete(p, q).item()
    assert computed == pytest.approx(special.rel_entr(p.numpy(), q.numpy()).sum(), abs=1e-12)
    categorical = torch.distributions.Categorical
    assert computed == pytest.approx(
        kl_divergence(categorical(p), categorical(q)).item(), abs=1e-12
    )


@pytest.mark.equation("KL.3")
@given(pairs)
def test_kl_is_cross_entropy_minus_entropy(values):
    p, q = map(normalised, values)
    expected = (cross_entropy(p, q) - entropy(p)).item()
    assert kl_discrete(p, q).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.equation("KL.3")
@given(st.floats(1e-12, 1e-2))
def test_kl_discrete_keeps_its_digits_near_zero(shift):
    p, q = double(0.25, 0.75), double(0.25 + shift, 0.75 - shift)
    a, b = [list(map(mpmath.mpf, x.tolist())) for x in (p, q)]
    expected = sum(x * mpmath.log(x / y) - x + y for x, y in zip(a, b, strict=True))
    assert kl_discrete(p, q).item() == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.equation("KL.5")
@given(pairs)
def test_kl_discrete_is_not_negative_and_zero_only_when_equal(values):
    p, q = map(normalised, values)
    assert kl_discrete(p, q).item() >= (p - q).abs().sum().item() ** 2 / 2 * (1 - 1e-9)  # Pinsker
    assert kl_discrete(p, p).item() == 0


@pytest.mark.equation("KL.5")
def test_each_step_of_the_proof_where_q_reaches_beyond_p():
    t = sympy.symbols("t", positive=True)
    gap = t - 1 - sympy.log(t)  # log t ≤ t − 1: the gap is convex with its minimum 0 at t = 1
    assert sympy.solve(sympy.diff(gap, t), t) == [1]
    assert gap.subs(t, 1) == 0
    assert sympy.simplify(sympy.diff(gap, t, 2)).is_positive
    p, q = double(0.5, 0.5, 0), double(0.2, 0.3, 0.5)
    support = p > 0
    middle = (p * (q / p - 1))[support].sum()
    assert middle.item() == pytest.approx(q[support].sum().item() - 1)
    assert -kl_discrete(p, q).item() <= middle.item() <= 0


@pytest.mark.equation("KL.6")
@given(probabilities, probabilities)
def test_kl_bernoulli_is_torchs_and_a_discrete_kl(rho, rho_hat):
    computed = kl_bernoulli(rho, rho_hat).item()
    theirs = kl_divergence(Bernoulli(double(rho)), Bernoulli(double(rho_hat))).item()
    assert computed == pytest.approx(theirs, rel=1e-6, abs=1e-12)
    discrete = kl_discrete(double(rho, 1 - rho), double(rho_hat, 1 - rho_hat)).item()
    assert computed == pytest.approx(discrete, abs=1e-12)


@pytest.mark.equation("KL.6")
@given(st.floats(1e-12, 0.9), st.floats(1e-12, 0.9))
def test_kl_bernoulli_keeps_its_digits(rho, rho_hat):
    with mpmath.workdps(60):
        a, b = mpmath.mpf(rho), mpmath.mpf(rho_hat)
        expected = a * mpmath.log(a / b) + (1 - a) * mpmath.log((1 - a) / (1 - b))
    assert kl_bernoulli(rho, rho_hat).item() == pytest.approx(float(expected), rel=1e-9, abs=1e-17)


@pytest.mark.parametrize(
    ("rho", "rho_hat", "expected"),
    [(0, 0, 0), (1, 1, 0), (0.05, 0, math.inf), (0.05, 1, math.inf), (0, 0.5, math.log(2))],
)
def test_kl_bernoulli_at_the_ends(rho, rho_hat, expected):
    assert kl_bernoulli(rho, rho_hat).item() == pytest.approx(expected)


# Normal


def integral(mu_q, sigma_q, mu_p, sigma_p):
    """∫ q log(q/p) by SciPy's quadrature over twelve standard deviations of q."""
    q, p = stats.norm(mu_q, sigma_q), stats.norm(mu_p, sigma_p)
    value, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)),
        mu_q - 12 * sigma_q, mu_q + 12 * sigma_q, epsabs=1e-11,
    )  # fmt: skip
    return value


def fifty_digits(mu_q, sigma_q, mu_p, sigma_p):
    mu_q, sigma_q, mu_p, sigma_p = map(mpmath.mpf, (mu_q, sigma_q, mu_p, sigma_p))
    return (
        mpmath.log(sigma_p / sigma_q)
        + (sigma_q**2 + (mu_q - mu_p) ** 2) / (2 * sigma_p**2)
        - mpmath.mpf(1) / 2
    )


@pytest.mark.equation("KL.7", "KL.10")
@given(st.floats(-3, 3), st.floats(0.3, 3), st.floats(-3, 3), st.floats(0.3, 3))
def test_kl_normal_is_the_integral_and_torchs(mu_q, sigma_q, mu_p, sigma_p):
    computed = kl_normal(mu_q, sigma_q, mu_p, sigma_p).item()
    assert computed == pytest.approx(integral(mu_q, sigma_q, mu_p, sigma_p), abs=1e-9)
    theirs = kl_divergence(Normal(*double(mu_q, sigma_q)), Normal(*double(mu_p, sigma_p)))
    assert computed == pytest.approx(theirs.item(), abs=1e-12)


@pytest.mark.slow
@pytest.mark.equation("KL.8", "KL.9", "KL.10")
def test_each_step_of_the_derivation_by_sympy():
    z, mu_q, mu_p = sympy.symbols("z mu_q mu_p", real=True)
    sigma_q, sigma_p = sympy.symbols("sigma_q sigma_p", positive=True)

    def density(mu, sigma):
        return sympy.exp(-((z - mu) ** 2) / (2 * sigma**2)) / sympy.sqrt(2 * sympy.pi * sigma**2)

    ratio = (
        sympy.log(sigma_p / sigma_q)
        - (z - mu_q) ** 2 / (2 * sigma_q**2)
        + (z - mu_p) ** 2 / (2 * sigma_p**2)
    )
    q = density(mu_q, sigma_q)
    logs = sympy.expand_log(sympy.log(q) - sympy.log(density(mu_p, sigma_p)) - ratio, force=True)
    assert sympy.simplify(logs) == 0

    def expectation(f):
        whole = sympy.integrate(f.subs(z, mu_q + sigma_q * z) * density(0, 1).subs(z, z),
                                (z, -sympy.oo, sympy.oo))  # fmt: skip
        return sympy.expand(sympy.simplify(whole))

    assert expectation((z - mu_q) ** 2) == sigma_q**2
    assert expectation((z - mu_p) ** 2) == sympy.expand(sigma_q**2 + (mu_q - mu_p) ** 2)
    result = sympy.lambdify(
        (mu_q, sigma_q, mu_p, sigma_p),
        sympy.log(sigma_p / sigma_q) + expectation(ratio - sympy.log(sigma_p / sigma_q)),
    )
    for numbers in ((1, 0.5, 0, 1), (6, 4, 0, 1), (0, 1, 6, 4), (-2, 3, 1, 0.2)):
        assert kl_normal(*numbers).item() == pytest.approx(float(result(*numbers)), rel=1e-12)


@pytest.mark.equation("KL.10")
@given(means, sigmas, means, sigmas)
def test_the_four_terms_add_up(mu_q, sigma_q, mu_p, sigma_p):
    terms = kl_normal_terms(mu_q, sigma_q, mu_p, sigma_p)
    assert terms.log_ratio.item() == pytest.approx(math.log(sigma_p) - math.log(sigma_q), abs=1e-12)
    assert terms.variance_ratio.item() == pytest.approx(sigma_q**2 / sigma_p**2 / 2)
    assert terms.mean_term.item() == pytest.approx((mu_q - mu_p) ** 2 / sigma_p**2 / 2)
    assert terms.constant.item() == -0.5
    total = kl_normal(mu_q, sigma_q, mu_p, sigma_p).item()
    assert sum(terms).item() == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_the_homework_both_ways():
    assert kl_normal(6, 4).item() == pytest.approx(24.1137056, abs=1e-7)
    assert kl_normal(0, 1, 6, 4).item() == pytest.approx(2.0425444, abs=1e-7)


@pytest.mark.equation("KL.5", "KL.10")
@given(means, sigmas, means, sigmas)
def test_kl_normal_is_not_negative_and_zero_only_when_equal(mu_q, sigma_q, mu_p, sigma_p):
    computed = kl_normal(mu_q, sigma_q, mu_p, sigma_p).item()
    assert kl_normal(mu_q, sigma_q, mu_q, sigma_q).item() == 0
    assume(abs(mu_q - mu_p) > 1e-9 or abs(sigma_q - sigma_p) > 1e-9)
    assert computed > 0


@pytest.mark.equation("KL.10")
@given(sigmas, sigmas)
def test_kl_normal_depends_on_the_direction(sigma_q, sigma_p):
    there, back = kl_normal(0, sigma_q, 0, sigma_p), kl_normal(0, sigma_p, 0, sigma_q)
    assume(abs(math.log(sigma_q / sigma_p)) > 1e-3)
    assert (there > back).item() == (sigma_q > sigma_p)  # the wider one sees more surprise


@pytest.mark.equation("KL.16")
@given(means, sigmas, means, sigmas, st.floats(-3, 3), st.floats(0.1, 10), st.sampled_from([-1, 1]))
def test_an_invertible_affine_map_changes_nothing(mu_q, sigma_q, mu_p, sigma_p, shift, scale, sign):
    before = kl_normal(mu_q, sigma_q, mu_p, sigma_p).item()
    scaled = [sign * scale * mu + shift for mu in (mu_q, mu_p)]
    after = kl_normal(scaled[0], scale * sigma_q, scaled[1], scale * sigma_p).item()
    assert after == pytest.approx(before, rel=1e-9, abs=1e-12)


@pytest.mark.equation("KL.16")
def test_a_curved_invertible_map_changes_nothing_and_a_folding_one_lowers_kl():
    q, p = stats.lognorm(0.5, scale=math.e), stats.lognorm(1.0)  # exp of N(1, ½²) and of N(0, 1)
    mapped, _ = integrate.quad(
        lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), 1e-3, 300, points=[1, 3, 10], limit=200
    )
    assert mapped == pytest.approx(kl_normal(1, 0.5).item(), abs=1e-8)
    q, p = stats.foldnorm(2, scale=0.5), stats.foldnorm(0)  # |z| of the same two
    folded, _ = integrate.quad(lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), 0, 7)
    assert folded < kl_normal(1, 0.5).item() - 0.1


@pytest.mark.equation("KL.13")
def test_the_normal_nearest_in_kl_p_q_has_the_targets_mean_and_variance():
    modes = double(-3, 3)
    target = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(double(0.4, 0.6)), Normal(modes, double(0.6, 0.6))
    )
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    log_p = target.log_prob(z)

    def forward_kl(mu, sigma):
        return torch.trapezoid(log_p.exp() * (log_p - Normal(mu, sigma).log_prob(z)), z)

    mean = target.mean.requires_grad_()
    sigma = target.variance.sqrt().requires_grad_()
    forward_kl(mean, sigma).backward()
    assert mean.item() == pytest.approx(0.6)  # .6·3 − .4·3
    assert sigma.item() ** 2 == pytest.approx(0.6**2 + 9 - 0.6**2)
    assert mean.grad.item() == pytest.approx(0, abs=1e-9)
    assert sigma.grad.item() == pytest.approx(0, abs=1e-9)
    lowest = forward_kl(mean, sigma)
    for other in ((0.7, 3), (0.5, 3), (0.6, 3.1), (0.6, 2.9), (3, 0.6)):
        assert forward_kl(*double(*other)) > lowest


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(st.floats(-12, 12), st.floats(-12, 12), st.floats(-12, 12))
def test_kl_normal_from_the_narrowest_to_the_widest(dtype, log_q, log_p, log_distance):
    values = [torch.tensor(10**x, dtype=dtype) for x in (log_distance, log_q, log_p)]
    distance, sigma_q, sigma_p = values
    computed = kl_normal(distance, sigma_q, 0, sigma_p)
    exact = fifty_digits(distance.item(), sigma_q.item(), 0, sigma_p.item())
    assert computed.dtype == dtype
    if exact > torch.finfo(dtype).max:
        assert computed.item() == math.inf
    else:
        assert computed.item() == pytest.approx(float(exact), rel=64 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(st.floats(-7, 0), st.floats(-7, 0), st.sampled_from([-1, 1]))
def test_kl_normal_keeps_its_digits_near_zero(dtype, log_t, log_distance, sign):
    sigma_q = torch.tensor(3 * (1 + sign * 0.9 * 10**log_t), dtype=dtype)
    mu_q = torch.tensor(10**log_distance, dtype=dtype)
    exact = fifty_digits(mu_q.item(), sigma_q.item(), 0, 3)
    computed = kl_normal(mu_q, sigma_q, 0, 3).item()
    assert computed == pytest.approx(float(exact), rel=64 * torch.finfo(dtype).eps, abs=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(st.floats(-1e-1, 1e-1))
def test_kl_diagonal_normal_keeps_its_digits_near_zero(dtype, logvar):
    assume(abs(logvar) > 1e-12)
    logvar = torch.tensor([logvar], dtype=dtype)
    v = mpmath.mpf(logvar.item())
    computed = kl_diagonal_normal(torch.zeros(1, dtype=dtype), logvar)
    exact = float((mpmath.expm1(v) - v) / 2)
    assert computed.item() == pytest.approx(exact, rel=64 * torch.finfo(dtype).eps, abs=0)


@pytest.mark.parametrize("sigma", [1e-12, 1e12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_numbers_at_the_extremes(dtype, sigma):
    numbers = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in (1.0, sigma, 0.0, 1.0)]
    kl_normal(*numbers).backward()
    assert all(x.grad.isfinite() for x in numbers)


@pytest.mark.parametrize("exponents", [(-300, 300), (300, -300), (-323, 2), (-150, 250)])
def test_the_ratio_of_two_sigmas_may_be_too_small_or_too_large_for_a_number(exponents):
    sigma_q, sigma_p = (double(10.0**e).requires_grad_() for e in exponents)
    log_ratio = mpmath.log(mpmath.mpf(sigma_p.item()) / mpmath.mpf(sigma_q.item()))
    terms = kl_normal_terms(0, sigma_q, 0, sigma_p)
    assert terms.log_ratio.item() == pytest.approx(float(log_ratio), rel=1e-15)
    if exponents[0] < exponents[1]:
        kl = kl_normal(0, sigma_q, 0, sigma_p)
        assert kl.item() == pytest.approx(float(log_ratio) - 0.5, rel=1e-15)
        kl.sum().backward()
        assert sigma_p.grad.item() == pytest.approx(1 / sigma_p.item())
        if exponents[0] > -308:  # below, 1/σ is no number
            assert sigma_q.grad.item() == pytest.approx(-1 / sigma_q.item())
        means = double(0.0)
        full = kl_multivariate_normal(means, (sigma_q.detach() ** 0.5).diag(),
                                      means, (sigma_p.detach() ** 0.5).diag())  # fmt: skip
        assert full.item() == pytest.approx(float(log_ratio) / 4 - 0.5, rel=1e-14)


def test_the_ratio_of_a_variance_and_its_level_may_be_too_large_for_a_number():
    R, D = rate_distortion_normal(double(1e300), 1e-300)
    assert R.item() == pytest.approx(300 * math.log(10))
    assert D.item() == 1e-300


def test_half_a_square_overflows_only_where_its_value_does():
    assert kl_normal(torch.tensor(2.2e19), 1.0).item() == pytest.approx(2.42e38, rel=1e-6)


# In d dimensions


@pytest.mark.equation("KL.11")
@given(pairs, pairs)
def test_kl_of_independent_parts_adds_up(first, second):
    (p_x, q_x), (p_y, q_y) = (map(normalised, pair) for pair in (first, second))
    joint = kl_discrete(torch.outer(p_x, p_y).flatten(), torch.outer(q_x, q_y).flatten())
    assert joint.item() == pytest.approx((kl_discrete(p_x, q_x) + kl_discrete(p_y, q_y)).item(),
                                         abs=1e-12)  # fmt: skip


@pytest.mark.equation("KL.11")
def test_kl_of_normals_adds_up(generator):
    mu_q, mu_p = torch.randn(2, 7, 3, dtype=torch.float64, generator=generator)
    sigma_q, sigma_p = torch.rand(2, 7, 3, dtype=torch.float64, generator=generator) + 0.1
    joint = kl_divergence(
        MultivariateNormal(mu_q, scale_tril=torch.diag_embed(sigma_q)),
        MultivariateNormal(mu_p, scale_tril=torch.diag_embed(sigma_p)),
    )
    torch.testing.assert_close(kl_normal(mu_q, sigma_q, mu_p, sigma_p).sum(-1), joint)


@pytest.mark.equation("KL.12")
@given(st.lists(st.tuples(means, st.floats(-8, 8)), min_size=1, max_size=5))
def test_kl_diagonal_normal_is_the_formula_and_a_sum_of_torchs(values):
    mu, logvar = double(*values).T
    computed = kl_diagonal_normal(mu, logvar).item()
    exact = sum(m * m + mpmath.exp(v) - v - 1 for m, v in (map(mpmath.mpf, x) for x in values)) / 2
    assert computed == pytest.approx(float(exact), rel=1e-12)
    theirs = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(*double(0, 1))).sum()
    assert computed == pytest.approx(theirs.item(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("logvar", [-1000.0, -60.0, 60.0, 88.9])
def test_kl_diagonal_normal_at_the_extremes(logvar):
    computed = kl_diagonal_normal(torch.zeros(1), torch.tensor([logvar]))
    v = torch.tensor(logvar).item()
    assert computed.item() == pytest.approx((math.exp(v) - v - 1) / 2, rel=1e-4)


@pytest.mark.equation("KL.15")
@pytest.mark.parametrize("d", [1, 2, 5])
def test_kl_multivariate_normal_is_torchs_and_numpys(d, generator):
    mu_q, mu_p = torch.randn(2, 4, d, dtype=torch.float64, generator=generator)
    cov_q, cov_p = random_covariance(generator, d, 2, 4)
    computed = kl_multivariate_normal(mu_q, cov_q, mu_p, cov_p)
    theirs = kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))
    torch.testing.assert_close(computed, theirs)
    for i in range(4):
        inverse, difference = np.linalg.inv(cov_p[i].numpy()), (mu_q - mu_p)[i].numpy()
        logdets = [np.linalg.slogdet(cov[i].numpy())[1] for cov in (cov_p, cov_q)]
        printed = np.trace(inverse @ cov_q[i].numpy()) + difference @ inverse @ difference - d
        expected = (printed + logdets[0] - logdets[1]) / 2
        assert computed[i].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.equation("KL.12", "KL.15")
def test_a_diagonal_covariance_is_the_special_case(generator):
    mu, logvar = torch.randn(2, 6, 3, dtype=torch.float64, generator=generator)
    zero, one = torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    full = kl_multivariate_normal(mu, torch.diag_embed(logvar.exp()), zero, one)
    torch.testing.assert_close(full, kl_diagonal_normal(mu, logvar))


@pytest.mark.equation("KL.15", "KL.16")
def test_an_invertible_linear_map_changes_nothing_in_d_dimensions(generator):
    mu_q, mu_p, shift = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    cov_q, cov_p = random_covariance(generator, 3, 2)
    A = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    mapped = [x for mu, cov in ((mu_q, cov_q), (mu_p, cov_p))
              for x in (A @ mu + shift, A @ cov @ A.T)]  # fmt: skip
    expected = kl_multivariate_normal(mu_q, cov_q, mu_p, cov_p)
    torch.testing.assert_close(kl_multivariate_normal(*mapped), expected)


def test_kl_multivariate_normal_keeps_its_digits_near_zero(generator):
    mu, cov = torch.zeros(3, dtype=torch.float64), random_covariance(generator, 3)
    other = cov * (1 + 2**-30)
    exact = 1.5 * (2.0**-60 / 2 - 2.0**-90 / 3)  # d/2 (ε − log(1 + ε))
    computed = kl_multivariate_normal(mu, other, mu, cov).item()
    assert computed == pytest.approx(exact, rel=1e-5)
    assert kl_multivariate_normal(mu, cov, mu, cov).item() == 0


# Monte Carlo


@pytest.mark.equation("KL.14")
def test_monte_carlo_agrees_within_four_standard_errors(generator):
    q, p = Normal(*double(1, 0.5)), Normal(*double(0, 1))
    z = 1 + 0.5 * torch.randn(100_000, dtype=torch.float64, generator=generator)
    sampled = kl_monte_carlo(q.log_prob(z), p.log_prob(z))
    assert abs(sampled.estimate - kl_normal(1, 0.5)) < 4 * sampled.standard_error
    assert sampled.standard_error.item() == pytest.approx(
        stats.sem((q.log_prob(z) - p.log_prob(z)).numpy())
    )


@pytest.mark.equation("KL.15", "KL.14")
def test_monte_carlo_in_d_dimensions(generator):
    mu_q, mu_p = torch.randn(2, 3, dtype=torch.float64, generator=generator)
    cov_q, cov_p = random_covariance(generator, 3, 2)
    q, p = MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p)
    noise = torch.randn(100_000, 3, dtype=torch.float64, generator=generator)
    z = mu_q + noise @ torch.linalg.cholesky(cov_q).T
    sampled = kl_monte_carlo(q.log_prob(z), p.log_prob(z))
    expected = kl_multivariate_normal(mu_q, cov_q, mu_p, cov_p)
    assert abs(sampled.estimate - expected) < 4 * sampled.standard_error


@pytest.mark.equation("KL.14")
def test_the_standard_error_is_the_spread_of_the_estimate(generator):
    z = 1 + 0.5 * torch.randn(400, 2000, dtype=torch.float64, generator=generator)  # (S, runs)
    q, p = Normal(*double(1, 0.5)), Normal(*double(0, 1))
    sampled = kl_monte_carlo(q.log_prob(z), p.log_prob(z))
    assert sampled.estimate.shape == (2000,)
    assert sampled.standard_error.mean().item() == pytest.approx(
        sampled.estimate.std().item(), rel=0.05
    )


def test_monte_carlo_is_infinite_when_a_sample_is_impossible():
    sampled = kl_monte_carlo(torch.zeros(2), torch.tensor([0.0, -math.inf]))
    assert sampled == (math.inf, math.inf)


# Gradients, dtypes, errors


@pytest.mark.parametrize("sigma_q", [0.3, 0.95, 1.0, 1.02, 4.0])
def test_gradients_of_kl_normal(sigma_q):
    numbers = [x.requires_grad_() for x in double(0.7, sigma_q, 0.2, 1.0)]
    assert torch.autograd.gradcheck(kl_normal, numbers)


def test_gradients_of_the_others(generator):
    mu, logvar = torch.randn(2, 2, 3, dtype=torch.float64, generator=generator)
    for small in (logvar, logvar * 1e-3):
        inputs = (mu.requires_grad_(), small.detach().requires_grad_())
        assert torch.autograd.gradcheck(kl_diagonal_normal, inputs)
    cov = random_covariance(generator, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda cov: kl_multivariate_normal(mu[0, :2], (cov[0] + cov[0].T) / 2,
                                           mu[1, :2], (cov[1] + cov[1].T) / 2), cov
    )  # fmt: skip
    rho, rho_hat = double(0.05, 0.3, 0.5), double(0.2, 0.31, 0.5)
    inputs = (rho.requires_grad_(), rho_hat.requires_grad_())
    assert torch.autograd.gradcheck(kl_bernoulli, inputs)
    logits = torch.randn(2, 4, dtype=torch.float64, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: kl_discrete(*x.softmax(-1)), logits)


def test_a_gradient_at_a_zero_probability_is_a_number():
    q = torch.tensor([0.5, 0.5, 0.0], requires_grad=True)
    kl_discrete(torch.tensor([0.8, 0.2, 0.0]), q).backward()
    assert q.grad.isfinite().all()


CERTAIN = torch.tensor([1.0, 0.0])


@pytest.mark.parametrize(
    "divergence",
    [
        lambda p: entropy(p),
        lambda p: cross_entropy(CERTAIN, p),
        lambda p: cross_entropy(p, CERTAIN),
        lambda p: cross_entropy(p, p),
        lambda p: kl_discrete(CERTAIN, p),
        lambda p: kl_discrete(p, CERTAIN),
        lambda p: kl_discrete(p, CERTAIN / 2 + 0.25),
        lambda p: kl_bernoulli(CERTAIN, p).sum(),
        lambda p: kl_bernoulli(p, CERTAIN).sum(),
        lambda p: kl_bernoulli(p, 0.3).sum(),
    ],
)
def test_a_probability_rounded_to_0_or_1_has_a_gradient_of_0(divergence):
    logits = torch.tensor([0.0, -110.0])
    assert logits.softmax(0).tolist() == [1, 0]
    gradient = func.grad(lambda x: divergence(x.softmax(0)))(logits)
    assert gradient.tolist() == [0, 0]
    _, slope = func.jvp(lambda x: divergence(x.softmax(0)), (logits,), (torch.ones(2),))
    assert slope.item() == 0


def test_the_gradient_with_respect_to_a_weight_of_0_is_its_surprise():
    p = double(1, 0).requires_grad_()
    cross_entropy(p, double(0.75, 0.25)).backward()
    assert p.grad.tolist() == pytest.approx([-math.log(0.75), -math.log(0.25)])


# Forward and reverse mode, of first and second order, and what torch makes of functions


def test_forward_mode_gives_the_slope_near_equality():
    zero, logvar = torch.zeros(1), torch.tensor([0.05])
    _, slope = func.jvp(lambda x: kl_diagonal_normal(zero, x), (logvar,), (torch.ones(1),))
    assert slope.item() == pytest.approx((math.exp(0.05) - 1) / 2, rel=1e-5)  # 0.0256


def covariance(factor):
    return factor @ factor.mT + 0.3 * torch.eye(2, dtype=factor.dtype, device=factor.device)


# Each on free real numbers, so that every direction is allowed: (4, 2) or (4, 2, 2) of them.
ON_REAL_NUMBERS = {
    "entropy": (lambda x: entropy(x.softmax(-1)), 1),
    "cross_entropy": (lambda x, y: cross_entropy(x.softmax(-1), y.softmax(-1)), 2),
    "kl_discrete": (lambda x, y: kl_discrete(x.softmax(-1), y.softmax(-1)), 2),
    "kl_bernoulli": (lambda x, y: kl_bernoulli(x.sigmoid(), y.sigmoid()), 2),
    "kl_normal": (lambda m, s, n, r: kl_normal(m, s.exp(), n, r.exp()), 4),
    "kl_normal_terms": (lambda m, s, n, r: torch.stack(kl_normal_terms(m, s.exp(), n, r.exp())), 4),
    "kl_diagonal_normal": (kl_diagonal_normal, 2),
    "kl_multivariate_normal": (
        lambda A, B: kl_multivariate_normal(A[..., 0], covariance(A), B[..., 1], covariance(B)),
        2,
    ),
    "kl_monte_carlo": (lambda a, b: torch.stack(kl_monte_carlo(a, b)), 2),
    "rate_distortion_normal": (lambda x: torch.stack(rate_distortion_normal(x.exp(), 0.8)), 1),
}


@pytest.mark.parametrize("scale", [1.0, 0.02])  # far from equality, and near
@pytest.mark.parametrize("name", ON_REAL_NUMBERS)
def test_every_derivative_is_right_in_both_modes(name, scale, generator):
    function, n = ON_REAL_NUMBERS[name]
    shape = (3, 2, 2) if "multi" in name else (3, 2)
    common = torch.randn(shape, dtype=torch.float64, generator=generator)
    common = common if "multi" in name else 0 * common
    inputs = [common + scale * torch.randn(shape, dtype=torch.float64, generator=generator)
              for _ in range(n)]  # fmt: skip
    free = [x.clone().requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(function, free, check_forward_ad=True, check_batched_grad=True)

    def total(*x):
        return function(*x).sum()

    assert torch.autograd.gradgradcheck(total, free, check_fwd_over_rev=True)
    expected = torch.autograd.functional.hessian(lambda x: total(x, *inputs[1:]), inputs[0])
    for outer in (func.jacfwd, func.jacrev):
        for inner in (func.jacfwd, func.jacrev):
            torch.testing.assert_close(outer(inner(total))(*inputs), expected)


@pytest.mark.parametrize("name", ON_REAL_NUMBERS)
def test_vmap_compile_and_the_meta_device(name, generator):
    function, n = ON_REAL_NUMBERS[name]
    shape = (5, 3, 2, 2) if "multi" in name else (5, 3, 2)
    inputs = torch.randn(n, *shape, dtype=torch.float64, generator=generator)
    one_by_one = torch.stack([function(*x) for x in zip(*inputs, strict=True)])
    torch.testing.assert_close(func.vmap(function)(*inputs), one_by_one)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*inputs[:, 0]), one_by_one[0])
    on_meta = function(*inputs[:, 0].to("meta"))
    assert on_meta.is_meta
    assert on_meta.shape == one_by_one[0].shape


# As printed


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (kl_discrete, {"p": double(0.2, 0.3, 0.5), "q": double(0.6, 0.3, 0.1)}),
        (kl_bernoulli, {"rho": double(0.1, 0.5), "rho_hat": double(0.7, 0.2)}),
        (kl_normal, {"mu_q": 1.0, "sigma_q": 2.0, "mu_p": 3.0, "sigma_p": 0.7}),
        (kl_diagonal_normal, {"mu": double(1, -2), "logvar": double(0.5, -3)}),
        (
            kl_multivariate_normal,
            {
                "mu_q": double(1, 2), "cov_q": double(2, 0.3, 0.3, 1).view(2, 2),
                "mu_p": double(0, 0.5), "cov_p": double(0.7, -0.2, -0.2, 3).view(2, 2),
            },
        ),
    ],
)  # fmt: skip
def test_the_printed_form_beside_each_divergence_is_true(function, inputs):
    code = inspect.getsource(function)
    (printed,) = re.findall(r"# As printed(?:.*:\n    #|:) (.+)", code)
    names = dict(inputs, kl_normal_terms=kl_normal_terms)
    if function is kl_multivariate_normal:
        names |= {"delta": inputs["mu_q"] - inputs["mu_p"], "P": inputs["cov_p"].inverse()}
    torch.testing.assert_close(eval(printed, names), function(**inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_keep_the_dtype(dtype):
    half, vector = torch.tensor(0.5, dtype=dtype), torch.tensor([0.5, 0.5], dtype=dtype)
    matrix = torch.eye(2, dtype=dtype)
    results = (
        entropy(vector), cross_entropy(vector, vector), kl_discrete(vector, vector),
        kl_bernoulli(half, 0.2), kl_normal(half, 2), kl_diagonal_normal(vector, vector),
        kl_multivariate_normal(vector, matrix, vector, matrix), nats_to_bits(half),
        *kl_monte_carlo(vector, vector),
    )  # fmt: skip
    assert {result.dtype for result in results} == {dtype}


def test_numbers_give_double_precision_and_shapes_broadcast():
    assert kl_normal(1, 0.5).dtype == kl_bernoulli(0, 1).dtype == torch.float64
    assert kl_normal(torch.zeros(4, 1), torch.ones(3)).shape == (4, 3)
    assert kl_normal(torch.tensor(1), torch.tensor(2)).dtype == torch.float32
    assert kl_diagonal_normal(torch.zeros(2, 3), torch.zeros(3)).shape == (2,)


def test_integers_count_as_floats():
    certain, fair = torch.tensor([1, 0]), torch.tensor([0.5, 0.5])
    assert entropy(certain).item() == 0
    assert cross_entropy(certain, fair).item() == pytest.approx(math.log(2))
    assert kl_bernoulli(torch.tensor(1), torch.tensor(1)).item() == 0
    assert kl_diagonal_normal(torch.ones(4, dtype=torch.int), torch.zeros(4)).item() == 2
    assert kl_monte_carlo(torch.tensor([1, 3]), torch.tensor([0, 0])) == (2, 1)
    assert rate_distortion_normal(torch.tensor([4, 1]), 1)[0].item() == pytest.approx(math.log(2))


def test_of_nothing_the_divergence_has_no_element_or_is_0():
    none = torch.ones(0, 3) / 3
    for result in (entropy(none), cross_entropy(none, none), kl_discrete(none, none[0:0]),
                   kl_normal(none, none), kl_bernoulli(none, 0.5)):  # fmt: skip
        assert result.numel() == 0
    assert kl_diagonal_normal(none, none).shape == (0,)
    assert kl_multivariate_normal(none, torch.ones(0, 3, 3), none, torch.ones(0, 3, 3)).shape == (
        0,
    )
    empty = torch.ones(0)
    assert kl_diagonal_normal(empty, empty).item() == 0
    assert kl_multivariate_normal(empty, torch.ones(0, 0), empty, torch.ones(0, 0)).item() == 0
    assert rate_distortion_normal(empty, 1.0) == (0, 0)


def test_symmetry_is_measured_by_the_size_of_the_matrix():
    slanted = double(2, 1, 0, 2).view(2, 2)
    even = double(2, 1, 1 + 1e-7, 2).view(2, 2)
    zero = double(0, 0)
    for scale in (1e-30, 1e-9, 1.0, 1e30):
        with pytest.raises(ValueError, match="cov_q must be symmetric and positive definite"):
            kl_multivariate_normal(zero, scale * slanted, zero, scale * even)
        kl = kl_multivariate_normal(zero, scale * even, zero, scale * even)
        assert kl.item() == 0


@pytest.mark.parametrize("p", [[0.5, 0.6], [1.2, -0.2], [math.nan, 1.0]])
def test_what_is_no_distribution_is_refused(p):
    fair = torch.tensor([0.5, 0.5])
    with pytest.raises(ValueError, match="p must"):
        entropy(torch.tensor(p))
    for function in (cross_entropy, kl_discrete):
        with pytest.raises(ValueError, match="p must"):
            function(torch.tensor(p), fair)
        with pytest.raises(ValueError, match="q must"):
            function(fair, torch.tensor(p))


I = torch.eye(2)  # noqa: E741
O = torch.zeros(2)  # noqa: E741


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl_normal(0, 0), "sigma_q must be > 0, got 0"),
        (lambda: kl_normal(0, torch.tensor([1.0, -2.0])), "sigma_q must be > 0, got -2"),
        (lambda: kl_normal(0, 1, 0, -1), "sigma_p must be > 0, got -1"),
        (lambda: kl_normal(math.nan, 1), "mu_q must be finite, got nan"),
        (lambda: kl_normal(0, math.inf), "sigma_q must be finite, got inf"),
        (lambda: kl_normal(O, torch.ones(3)), r"must broadcast, got mu_q \(2,\), sigma_q \(3,\)"),
        (lambda: kl_normal_terms(0, 0), "sigma_q must be > 0"),
        (lambda: kl_bernoulli(1.7, 0.5), r"rho must lie in \[0, 1\], got 1.7"),
        (lambda: kl_bernoulli(0.5, math.nan), r"rho_hat must lie in \[0, 1\]"),
        (lambda: kl_bernoulli(O, torch.zeros(3)), "shapes must broadcast"),
        (lambda: kl_discrete(O + 0.5, torch.ones(3) / 3), "q must have 2 probabilities like p"),
        (lambda: cross_entropy(O + 0.5, torch.ones(1)), "q must have 2 probabilities like p"),
        (lambda: entropy(O[0]), r"p must have shape \(\.\.\., n\), got a single number"),
        (lambda: kl_discrete(O[0], O + 0.5), r"p and q must have shape \(\.\.\., n\)"),
        (lambda: entropy(torch.empty(0)), "p must sum to 1, got 0"),
        (lambda: kl_diagonal_normal(O, torch.tensor([0, math.nan])), "logvar must be finite"),
        (lambda: kl_diagonal_normal(O, torch.zeros(3)), "shapes must broadcast"),
        (lambda: kl_diagonal_normal(O[0], O[0]), r"mu must have shape \(\.\.\., d\)"),
        (lambda: kl_multivariate_normal(O, I, O, -I), "cov_p must be symmetric and positive"),
        (lambda: kl_multivariate_normal(O, I + I[0], O, I), "cov_q must be symmetric"),
        (lambda: kl_multivariate_normal(O, I * math.nan, O, I), "cov_q must be finite, got nan"),
        (lambda: kl_multivariate_normal(O, I, O, torch.eye(3)), "shapes must broadcast"),
        (lambda: kl_multivariate_normal(O, torch.eye(3), O, torch.eye(3)), "means must have shape"),
        (lambda: kl_monte_carlo(O, torch.zeros(3)), "log_p must have the shape of log_q"),
        (lambda: kl_monte_carlo(O[:1], O[:1]), "log_q must hold at least 2 samples"),
        (lambda: kl_monte_carlo(O - math.inf, O), "log_q must be finite, got -inf"),
        (lambda: kl_monte_carlo(O, O + math.nan), "log_p must be < ∞"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Rate and distortion


def blahut_arimoto(variance, slope):
    """A point (R, D) of the R(D) curve of a normal on a grid, at dR/dD = −slope.

    Cover & Thomas, section 10.8: the best output distribution and the best channel in turn.
    """
    x = np.linspace(-6, 6, 241) * variance**0.5
    p = stats.norm.pdf(x, scale=variance**0.5)
    p /= p.sum()
    error = (x[:, None] - x) ** 2
    affinity, q = np.exp(-slope * error), np.full(len(x), 1 / len(x))
    for _ in range(2000):
        channel = affinity * q
        channel /= channel.sum(1, keepdims=True)
        q = p @ channel
    distortion = (p[:, None] * channel * error).sum()
    return (p[:, None] * special.rel_entr(channel, q)).sum(), distortion


@pytest.mark.equation("BVAE.9")
@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_the_rate_of_one_normal_is_that_of_blahut_and_arimoto(share):
    level = share * 4.0
    rate, distortion = blahut_arimoto(4.0, slope=1 / (2 * level))  # of R = ½ log(λ/D)
    assert distortion == pytest.approx(level, rel=0.02)
    R, D = rate_distortion_normal(double(4.0), distortion)
    assert D.item() == pytest.approx(distortion)
    assert R.item() == pytest.approx(rate, abs=5e-3)


@pytest.mark.parametrize("level", [0.05, 0.4, 0.9, 2.5, 7.0])
def test_no_other_split_of_the_distortion_costs_less(level):
    variances = np.array([5.0, 2.0, 1.0, 0.5, 0.1])
    R, D = rate_distortion_normal(torch.from_numpy(variances), level)

    def rate(distortions):
        return np.log(variances / distortions).sum() / 2

    constraint = {"type": "eq", "fun": lambda distortions: distortions.sum() - D.item()}
    start = variances * D.item() / variances.sum()
    best = optimize.minimize(
        rate, start, method="SLSQP", constraints=constraint, tol=1e-12,
        bounds=[(1e-6, variance) for variance in variances],
    )  # fmt: skip
    assert best.success
    assert R.item() == pytest.approx(best.fun, abs=1e-5)
    assert R.item() <= rate(start) + 1e-12


def test_above_the_largest_variance_nothing_is_transmitted():
    R, D = rate_distortion_normal(double(5, 2, 1), 5.0)
    assert (R.item(), D.item()) == (0, 8)


@pytest.mark.parametrize(("variances", "level"), [((1, 0), 1.0), ((1, 2), 0.0), ((1, 2), math.nan)])
def test_a_level_or_variance_that_is_not_positive_is_refused(variances, level):
    with pytest.raises(ValueError, match=r"(level|variances) must be > 0, got (0|nan)"):
        rate_distortion_normal(double(*variances), level)
