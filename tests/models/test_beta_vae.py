"""What β means, where the best code of a constrained problem is known.

Oracles: SciPy's constrained optimisers, quadrature, and L-BFGS on losses in closed form.
"""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch.distributions import Normal, kl_divergence

from course_lib.information import rate_distortion_normal
from course_lib.likelihoods import Gaussian
from course_lib.models import VAE
from course_lib.objectives import Beta


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# The constrained problem where it can be solved: one normal number x ~ N(0, 4), the encoder
# N(ax, s²) and the decoder N(wz, 1). Parameters p = (w, a, log s).

VARIANCE = 4.0
NOTHING = -0.5 * math.log(2 * math.pi)  # E log p(x|z) without an error


def gain(p):
    """E[log p(x|z)] by quadrature over the noise of the code, and over x."""
    w, a, log_s = p
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)  # exact for polynomials below 10
    weights = weights / weights.sum()
    x = VARIANCE**0.5 * nodes[:, None]
    z = a * x + np.exp(log_s) * nodes
    return weights @ stats.norm.logpdf(x, w * z, 1.0) @ weights


def cost(p):
    """E KL(q(z|x)‖N(0, 1)) by quadrature over x."""
    _, a, log_s = p
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    q = Normal(torch.tensor(a * VARIANCE**0.5 * nodes), math.exp(log_s))
    kl = kl_divergence(q, Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)).numpy()
    return weights @ kl / weights.sum()


def solved(C, free=(True, True, True), start=(1.0, 0.3, -0.1)):
    """The best p with a cost of at most C; what is not free stays where it starts."""
    bounds = [(None, None) if f else (value, value) for f, value in zip(free, start, strict=True)]
    budget = {"type": "ineq", "fun": lambda p: C - cost(p)}
    settings = {"ftol": 1e-13, "maxiter": 1000}
    found = optimize.minimize(
        lambda p: -gain(p), start, method="SLSQP", bounds=bounds, constraints=budget,
        options=settings,
    )  # fmt: skip
    assert found.success
    return found.x


def slopes(f, p, free=(True, True, True)):
    return optimize.approx_fprime(p, f, 1e-6)[list(free)]


@pytest.mark.equation("BVAE.1")
@pytest.mark.parametrize("C", [0.1, 0.5, 1.0, 2.0])
def test_the_best_code_within_a_budget_has_shannons_error(C):
    p = solved(C)
    assert cost(p) == pytest.approx(C, abs=1e-6)  # an error costs, so all of it is used
    rate, error = rate_distortion_normal(torch.tensor([VARIANCE]), VARIANCE * math.exp(-2 * C))
    assert rate.item() == pytest.approx(C, rel=1e-5)
    assert gain(p) == pytest.approx(NOTHING - error.item() / 2, abs=1e-6)


@pytest.mark.equation("BVAE.2")
def test_at_the_best_code_the_lagrangian_is_stationary_and_a_slack_budget_is_free():
    beta = VARIANCE * math.exp(-2)  # of C = 1
    p = solved(1.0)
    assert slopes(gain, p) == pytest.approx(beta * slopes(cost, p), abs=1e-4)
    assert beta * (cost(p) - 1) == pytest.approx(0, abs=1e-6)
    # With w = 1 and s = ½ fixed, a = 1 is best whatever the budget, and costs 2.3 nats.
    only_a = (False, True, False)
    binding, slack = (solved(C, only_a, (1.0, 0.3, math.log(0.5))) for C in (1.5, 3.0))
    assert slack[1] == pytest.approx(1, abs=1e-4)
    assert cost(slack) < 2.4
    assert slopes(gain, slack, only_a) == pytest.approx(0, abs=1e-3)  # β = 0
    assert cost(binding) == pytest.approx(1.5, abs=1e-6)
    price = slopes(gain, binding, only_a) / slopes(cost, binding, only_a)
    assert price > 0.1


@pytest.mark.equation("BVAE.4")
@pytest.mark.parametrize("C", [0.3, 1.0, 2.0])
def test_the_price_is_the_slope_of_what_a_budget_can_buy(C):
    """Two components: SciPy divides the budget, and the level that it finds is the price."""
    variances = np.array([4.0, 1.0])

    def least(C):
        budget = {"type": "eq", "fun": lambda rates: rates.sum() - C}
        found = optimize.minimize(
            lambda rates: (variances * np.exp(-2 * rates)).sum() / 2,  # nats, with σ = 1
            [C, 0.0], method="SLSQP", bounds=[(0, None)] * 2, constraints=budget,
            options={"ftol": 1e-14, "maxiter": 1000},
        )  # fmt: skip
        assert found.success
        return found.fun

    def excess(beta):
        return rate_distortion_normal(torch.tensor(variances), beta)[0].item() - C

    beta = optimize.brentq(excess, 1e-3, 4)  # θ = βσ²
    assert (least(C - 1e-3) - least(C + 1e-3)) / 2e-3 == pytest.approx(beta, rel=1e-3)


@pytest.mark.equation("BVAE.11")
@pytest.mark.parametrize("beta", [0.1, 0.3, 0.5, 0.7])
def test_the_bottleneck_of_two_normals_closes_where_beta_reaches_the_squared_correlation(beta):
    rho = 0.8

    def information(covariance):
        variances = np.diag(covariance)
        return 0.5 * (np.log(variances).sum() - np.linalg.slogdet(covariance)[1])

    def objective(log_noise):
        total = 1 + math.exp(log_noise)  # of z = x + noise
        with_x, with_y = (np.array([[1, c], [c, total]]) for c in (1.0, rho))
        return information(with_y) - beta * information(with_x)

    found = optimize.minimize_scalar(
        lambda t: -objective(t), bounds=(-8, 12), method="bounded", options={"xatol": 1e-8}
    )
    if beta < rho**2:
        kept = (rho**2 - beta) / (rho**2 * (1 - beta))
        assert 1 / (1 + math.exp(found.x)) == pytest.approx(kept, abs=1e-4)
        assert -found.fun > 0.01
    else:
        assert all(objective(t) <= 0 for t in np.linspace(-8, 12, 200))


@pytest.mark.equation("BVAE.10")
@pytest.mark.parametrize("beta", [0.25, 1.5, 6.0])
def test_a_linear_model_at_its_optimum_walks_along_shannons_curve(beta):
    """L-BFGS on the expected loss in closed form, from a random start and a rotated basis."""
    variances, sigma = torch.tensor([4.0, 1.0, 0.25]).double(), 0.7
    basis = torch.linalg.qr(torch.randn(3, 3, generator=seeded(1)).double())[0]
    covariance = basis * variances @ basis.T
    encoder, decoder = (
        (0.5 * torch.randn(3, 3, generator=seeded(s)).double()).requires_grad_() for s in (2, 3)
    )
    logvar = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    def errors():
        rest = torch.eye(3) - decoder @ encoder
        return rest @ covariance @ rest.T + decoder * logvar.exp() @ decoder.T

    def rate():
        squares = (encoder @ covariance @ encoder.T).diagonal()
        return (squares + logvar.exp() - 1 - logvar).sum() / 2

    optimizer = torch.optim.LBFGS(
        [encoder, decoder, logvar], max_iter=3000, line_search_fn="strong_wolfe",
        tolerance_grad=1e-10, tolerance_change=1e-14,
    )  # fmt: skip

    def closure():
        optimizer.zero_grad()
        loss = errors().trace() / (2 * sigma**2) + beta * rate()
        loss.backward()
        return loss

    optimizer.step(closure)
    level = beta * sigma**2
    found = (basis.T @ errors() @ basis).diagonal().detach()
    torch.testing.assert_close(found, variances.clamp(max=level), rtol=1e-3, atol=1e-3)
    expected = [max(0.5 * math.log(v / level), 0) for v in variances.tolist()]
    assert rate().item() == pytest.approx(sum(expected), abs=1e-3)
    assert sum(e > 0 for e in expected) == {0.25: 3, 1.5: 2, 6.0: 1}[beta]

    # The loss that was minimised is that of the library's linear model.
    model = VAE.dense((1, 1, 3), 3, (), likelihood=Gaussian(sigma)).double()
    with torch.no_grad():
        model.encoder[1].weight.copy_(torch.cat([encoder, torch.zeros(3, 3)]))
        model.encoder[1].bias.copy_(torch.cat([torch.zeros(3).double(), logvar]))
        model.decoder[0].weight.copy_(decoder)
        model.decoder[0].bias.zero_()
        x = torch.randn(200_000, 3, generator=seeded(4)).double() * variances.sqrt() @ basis.T
        loss = Beta(beta)(model, x.view(-1, 1, 1, 3), seeded(5)).total
    constant = 1.5 * math.log(2 * math.pi * sigma**2)
    assert loss.item() == pytest.approx(closure().item() + constant, rel=0.01)
