"""The β-VAEs against losses written out, and against cases whose answer is known.

Oracles: torch.distributions, SciPy, sums over all batches, and normals with known information.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)
from torch.nn.utils import parameters_to_vector

from course_lib.datasets import load
from course_lib.information import rate_distortion_normal
from course_lib.models import (
    VAE,
    BetaTCVAE,
    BetaVAE,
    CapacityVAE,
    ConditionalBetaVAE,
    ConstrainedVAE,
)
from course_lib.models.beta_vae import (
    BetaVAEStack,
    kl_parts,
    stratified_log_weights,
)
from course_lib.models.variational_autoencoder import normal_log_density
from course_lib.training import fit, sweep

SHAPE = (1, 8, 8)
IMAGES = load("digits").images[:200]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def written_out(model, x, seed=0):
    """Reconstruction and KL of one draw, by torch.distributions."""
    with torch.no_grad():
        mu, logvar = model.encode(x)
        q = Normal(mu, logvar.mul(0.5).exp())
        z = q.mean + q.stddev * torch.randn(mu.shape, generator=seeded(seed))
        nll = -Bernoulli(logits=model.decode(z)).log_prob(x.round()).sum((1, 2, 3))
        return nll.mean(), kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()


# A fixed weight, and one that grows


@pytest.mark.equation("BVAE.3")
@pytest.mark.parametrize("beta", [0, 0.3, 1, 4])
def test_the_loss_of_one_draw_is_the_negative_log_likelihood_and_beta_times_the_kl(beta):
    x = IMAGES.round()
    model = BetaVAE(SHAPE, 3, hidden=(16,), beta=beta)
    nll, kl = written_out(model, x)
    loss = model.loss(x, seeded())
    torch.testing.assert_close(loss.terms, {"reconstruction": nll, "kl": kl})
    torch.testing.assert_close(loss.total, nll + beta * kl)


def test_with_beta_1_it_is_the_vae():
    beta_vae, vae = BetaVAE(SHAPE, 3, seed=4), VAE(SHAPE, 3, seed=4)
    histories = [fit(model, IMAGES, epochs=2, seed=1) for model in (beta_vae, vae)]
    assert histories[0] == histories[1]
    vectors = [parameters_to_vector(model.parameters()) for model in (beta_vae, vae)]
    assert torch.equal(*vectors)


def test_the_warm_up_counts_training_steps_and_nothing_else():
    model = BetaVAE(SHAPE, 2, beta=8, warm_up=4)
    model.eval()
    assert [model.loss(IMAGES).weights["kl"] for _ in range(3)] == [0, 0, 0]
    model.train()
    assert [model.loss(IMAGES).weights["kl"] for _ in range(6)] == [0, 2, 4, 6, 8, 8]


def test_the_warm_up_goes_on_where_a_saved_model_stopped():
    model, again = (BetaVAE(SHAPE, 2, beta=8, warm_up=4) for _ in range(2))
    fit(model, IMAGES, epochs=1, batch_size=67)  # three steps
    again.load_state_dict(model.state_dict())
    assert again.loss(IMAGES).weights["kl"] == 6


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (BetaVAE, {"beta": -1}, "beta must be ≥ 0, got -1"),
        (BetaVAE, {"beta": math.nan}, "beta must be ≥ 0, got nan"),
        (BetaVAE, {"warm_up": -1}, "warm_up must be ≥ 0, got -1"),
        (CapacityVAE, {"capacity": -1}, "capacity must be ≥ 0, got -1"),
        (CapacityVAE, {"capacity": 1, "gamma": -1}, "gamma must be ≥ 0, got -1"),
        (ConstrainedVAE, {"capacity": 0}, "capacity must be > 0, got 0"),
        (ConstrainedVAE, {"capacity": 1, "rate": 0}, "rate must be > 0, got 0"),
        (BetaTCVAE, {"dataset_size": 1}, "dataset_size must be at least 2, got 1"),
        (BetaTCVAE, {"dataset_size": 9, "beta": -1}, "beta must be ≥ 0, got -1"),
        (ConditionalBetaVAE, {"beta_range": (2, 1)}, "0 < smallest < largest, got"),
        (ConditionalBetaVAE, {"beta_range": (0, 1)}, "0 < smallest < largest, got"),
        (BetaVAE, {"sigma": 0}, "sigma must be > 0 or None, got 0"),
    ],
)
def test_bad_arguments_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(SHAPE, 2, **arguments)


# A budget for the KL


def gradient(total, model):
    return parameters_to_vector(
        torch.autograd.grad(total, list(model.encoder.parameters()), retain_graph=True)
    )


@pytest.mark.equation("BVAE.6")
@pytest.mark.parametrize(("capacity", "sign"), [(0.0, 1), (1000.0, -1)])
def test_the_capacity_pulls_the_kl_towards_it_from_both_sides(capacity, sign):
    model = CapacityVAE(SHAPE, 3, capacity=capacity, gamma=30)
    nll, kl = written_out(model, IMAGES.round())
    loss = model.loss(IMAGES.round(), seeded())
    torch.testing.assert_close(loss.total.detach(), nll + 30 * (kl - capacity).abs())
    by_capacity = gradient(loss.total, model) - gradient(loss.terms["reconstruction"], model)
    of_kl = gradient(loss.terms["kl"], model)
    torch.testing.assert_close(by_capacity, sign * 30 * of_kl, rtol=1e-3, atol=1e-3)


def test_the_capacity_grows_along_a_line_and_the_kl_follows():
    model = CapacityVAE(SHAPE, 4, hidden=(32,), capacity=6, gamma=50, warm_up=100)
    distances = [model.loss(IMAGES, seeded()) for _ in range(101)]
    targets = [(loss.terms["kl"] - loss.terms["distance"]).item() for loss in distances]
    assert targets[0] == pytest.approx(0, abs=1e-4)
    assert targets[50] < 3 + 1e-4  # below the KL or above it, the distance is |KL − 3|
    history = fit(model, IMAGES, epochs=150, batch_size=50, lr=2e-3)
    assert history.terms["kl"][-1] == pytest.approx(6, abs=0.3)


LAMBDA = 4.0  # the variance of one pixel, with σ = 1


def best_log_likelihood(budget):
    """max E log p(x|z) over z = N(ax, s²) and x̂ = wz subject to KL ≤ budget, by SciPy."""

    def distortion(v):
        a, log_s, w = v
        return (LAMBDA * (1 - w * a) ** 2 + w**2 * math.exp(2 * log_s)) / 2

    def slack(v):
        a, log_s, _ = v
        kl = (a**2 * LAMBDA + math.exp(2 * log_s) - 1 - 2 * log_s) / 2
        return budget - kl

    constraint = {"type": "ineq", "fun": slack}
    options = {"maxiter": 1000, "ftol": 1e-14}
    best = optimize.minimize(
        distortion, [0.3, -0.2, 1.0], method="SLSQP", constraints=constraint, options=options
    )
    assert best.success
    return -best.fun


@pytest.mark.equation("BVAE.5")
@pytest.mark.parametrize(
    ("capacity", "published"), [(0.1, 3.275), (0.5, 1.472), (1.0, 0.541), (2.0, 0.0733)]
)
def test_the_multiplier_ends_at_the_slope_of_the_best_log_likelihood(capacity, published):
    h = 1e-3
    slope = (best_log_likelihood(capacity + h) - best_log_likelihood(capacity - h)) / (2 * h)
    assert slope == pytest.approx(published, rel=5e-3)
    x = Normal(0.0, LAMBDA**0.5).icdf((torch.arange(512) + 0.5) / 512)
    x = (x * (LAMBDA / x.square().mean()).sqrt()).view(512, 1, 1, 1)
    arguments = {"hidden": (), "likelihood": "gaussian", "sigma": 1.0}
    model = ConstrainedVAE((1, 1, 1), 1, capacity=capacity, **arguments)
    for lr in (2e-2, 2e-3):
        fit(model, x, epochs=700, batch_size=512, lr=lr)
    assert model.loss(x).terms["kl"].item() == pytest.approx(capacity, rel=0.1)
    assert model.beta.item() == pytest.approx(slope, rel=0.1)


def test_the_multiplier_vanishes_where_the_constraint_does_not_bind_and_comes_back():
    constant = torch.full((64, 1, 2, 2), 0.7)  # nothing to tell about an image
    model = ConstrainedVAE((1, 2, 2), 1, hidden=(4,), capacity=2.0, rate=0.1)
    fit(model, constant, epochs=1000, batch_size=64)
    assert model.beta.item() < 1e-5
    with torch.no_grad():
        model.encoder[-1].bias[0] = 20.0  # far above the budget
    model.train()
    for _ in range(150):
        model.loss(constant)
    assert model.beta.item() > 1


def test_the_multiplier_rests_outside_training_and_is_saved():
    model, again = (ConstrainedVAE(SHAPE, 2, capacity=1.0) for _ in range(2))
    model.eval()
    model.loss(IMAGES)
    assert model.beta.item() == 1
    fit(model, IMAGES, epochs=3)
    assert model.beta.item() != 1
    again.load_state_dict(model.state_dict())
    assert again.loss(IMAGES).weights["kl"] == model.beta.item()


# One model for every β


@pytest.mark.equation("BVAE.7")
@pytest.mark.parametrize(("beta", "place"), [(0.5, -1.0), (2.0, 0.0), (8.0, 1.0), (4.0, 0.5)])
def test_both_networks_see_the_place_of_log_beta(beta, place):
    model = ConditionalBetaVAE(SHAPE, 3, beta_range=(0.5, 8.0))
    at = model.at(beta)
    column = torch.full((len(IMAGES), 1), place)
    expected = model.encoder(torch.cat([IMAGES.flatten(1), column], dim=1))
    torch.testing.assert_close(torch.cat(at.encode(IMAGES), dim=1), expected)
    z = torch.randn(5, 3, generator=seeded())
    expected = model.decoder(torch.cat([z, column[:5]], dim=1)).view(5, *SHAPE)
    torch.testing.assert_close(at.decode(z), expected)
    torch.testing.assert_close(at.sample(5, seeded()), expected.sigmoid())


def test_at_shares_the_weights_and_leaves_the_model_alone():
    model = ConditionalBetaVAE(SHAPE, 3, beta_range=(0.5, 8.0))
    low, high = model.at(0.5), model.at(8.0)
    assert low.encoder is model.encoder is high.encoder
    assert not torch.equal(low(IMAGES), high(IMAGES))
    torch.testing.assert_close(model(IMAGES), model.at(2.0)(IMAGES))  # the middle
    torch.testing.assert_close(low.at(8.0)(IMAGES), high(IMAGES))
    fit(model, IMAGES, epochs=1)
    torch.testing.assert_close(low(IMAGES), model.at(0.5)(IMAGES))
    for beta in (0.499, 8.01, math.nan):
        with pytest.raises(ValueError, match=r"beta must lie in \[0.5, 8\], got"):
            model.at(beta)


def test_at_one_beta_the_loss_is_that_of_a_beta_vae():
    model = ConditionalBetaVAE(SHAPE, 3)
    nll, kl = written_out(model.at(3.0), IMAGES.round())
    loss = model.at(3.0).loss(IMAGES.round(), seeded())
    torch.testing.assert_close(loss.total.detach(), nll + 3 * kl)
    torch.testing.assert_close(loss.terms["kl"].detach(), kl)


def test_every_image_has_a_beta_of_its_own_log_uniform_in_the_range():
    model = ConditionalBetaVAE(SHAPE, 3, beta_range=(0.1, 10.0))
    generator = seeded(7)
    betas = 10 ** (2 * torch.rand(len(IMAGES), 1, generator=generator) - 1)
    epsilon = torch.randn(len(IMAGES), 3, generator=generator)
    total = 0.0
    for x, beta, noise in zip(IMAGES.round().split(1), betas[:, 0], epsilon, strict=True):
        at = model.at(beta.item())
        mu, logvar = at.encode(x)
        q = Normal(mu, (logvar / 2).exp())
        nll = -Bernoulli(logits=at.decode(mu + q.stddev * noise)).log_prob(x).sum()
        total += (nll + beta * kl_divergence(q, Normal(0.0, 1.0)).sum()).item() / len(IMAGES)
    assert model.loss(IMAGES.round(), seeded(7)).total.item() == pytest.approx(total, rel=1e-5)


def test_a_larger_beta_gives_less_rate_and_more_distortion():
    model = ConditionalBetaVAE(SHAPE, 6, hidden=(64,), beta_range=(0.25, 8.0))
    fit(model, IMAGES, epochs=150, batch_size=50, lr=2e-3)
    terms = [model.at(beta).loss(IMAGES, seeded()).terms for beta in (0.25, 1.0, 8.0)]
    rates = [term["kl"].item() for term in terms]
    distortions = [term["reconstruction"].item() for term in terms]
    assert rates[0] > 1.3 * rates[1] > 1.3**2 * rates[2]
    assert distortions[0] < distortions[1] - 1 < distortions[2] - 2


# The KL in three parts


def random_codes(n=40, d=3, seed=0):
    mu, logvar = torch.randn(2, n, d, generator=seeded(seed), dtype=torch.float64)
    return mu, logvar - 1


def sampled(mu, logvar, seed=1):
    noise = torch.randn(mu.shape, generator=seeded(seed), dtype=mu.dtype)
    return mu + (logvar / 2).exp() * noise


@pytest.mark.equation("BVAE.8")
def test_the_three_parts_are_those_of_the_mixture_by_torch_distributions():
    mu, logvar = random_codes()
    z, sigma = sampled(mu, logvar), (logvar / 2).exp()
    alike = Categorical(torch.ones(40, dtype=torch.float64))
    q_z = MixtureSameFamily(alike, Independent(Normal(mu, sigma), 1)).log_prob(z)
    q_zj = sum(
        MixtureSameFamily(alike, Normal(mu[:, j], sigma[:, j])).log_prob(z[:, j]) for j in range(3)
    )
    conditional = Normal(mu, sigma).log_prob(z).sum(1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    parts = kl_parts(z, conditional, mu, logvar, torch.tensor(-math.log(40)).double())
    expected = {
        "mutual_information": (conditional - q_z).mean(),
        "total_correlation": (q_z - q_zj).mean(),
        "dimension_wise_kl": (q_zj - prior).mean(),
    }
    torch.testing.assert_close(parts, expected)
    torch.testing.assert_close(sum(parts.values()), (conditional - prior).mean())


def correlated_codes(n, rho, noise, seed=0):
    """Codes whose q(z) is N(0, [[1, ρ], [ρ, 1]]) when n grows: means spread, each with noise²."""
    covariance = torch.tensor([[1 - noise**2, rho], [rho, 1 - noise**2]], dtype=torch.float64)
    spread = torch.randn(n, 2, generator=seeded(seed), dtype=torch.float64)
    spread = (spread - spread.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(spread.T.cov())).T
    return spread @ torch.linalg.cholesky(covariance).T, torch.full((n, 2), 2 * math.log(noise))


def test_the_parts_of_a_correlated_normal_are_known():
    rho, noise = 0.6, 0.6
    mu, logvar = correlated_codes(1500, rho, noise)
    log_weights = torch.tensor(-math.log(1500))
    z = sampled(mu, logvar)
    conditional = normal_log_density(z, mu, logvar).sum(1)
    parts = kl_parts(z, conditional, mu, logvar, log_weights)
    correlation = -math.log(1 - rho**2) / 2
    information = math.log((1 - rho**2) / noise**4) / 2
    assert parts["total_correlation"].item() == pytest.approx(correlation, abs=0.06)
    assert parts["mutual_information"].item() == pytest.approx(information, abs=0.06)
    assert parts["dimension_wise_kl"].item() == pytest.approx(0, abs=0.06)


@pytest.mark.equation("BVAE.9")
@pytest.mark.parametrize("beta", [0, 1, 6])
def test_beta_weighs_the_total_correlation_and_nothing_else(beta):
    x = IMAGES.round()
    model = BetaTCVAE(SHAPE, 3, dataset_size=1000, beta=beta)
    loss = model.loss(x, seeded())
    with torch.no_grad():
        mu, logvar = model.encode(x)
    z = mu + (logvar / 2).exp() * torch.randn(mu.shape, generator=seeded())
    log_q = Normal(mu, (logvar / 2).exp()).log_prob(z[:, None])  # (B, B, d)
    others = 999 / (1000 * 199)
    weights = torch.full((200, 200), others) + torch.eye(200) * (1 / 1000 - others)
    q_z = (weights * log_q.sum(2).exp()).sum(1).log()
    q_zj = (weights[:, :, None] * log_q.exp()).sum(1).log().sum(1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    own = Normal(mu, (logvar / 2).exp()).log_prob(z).sum(1)
    expected = (own - q_z) + beta * (q_z - q_zj) + (q_zj - prior)
    nll, _ = written_out(model, x)
    torch.testing.assert_close(loss.total.detach(), nll + expected.mean(), rtol=1e-4, atol=1e-3)


def test_with_beta_1_the_expectation_is_the_vaes_loss():
    model, vae = BetaTCVAE(SHAPE, 3, dataset_size=1000, seed=2), VAE(SHAPE, 3, seed=2)
    with torch.no_grad():
        differences = torch.stack(
            [
                model.loss(IMAGES, seeded(s)).total - vae.loss(IMAGES, seeded(s)).total
                for s in range(300)
            ]
        )
    error = differences.std().item() / 300**0.5
    assert 0 < error < 0.1
    assert differences.mean().item() == pytest.approx(0, abs=4 * error)


# Weights of a batch that stands for the whole data set


@pytest.mark.equation("BVAE.10")
@pytest.mark.parametrize(("N", "B"), [(6, 3), (6, 2), (5, 5), (7, 4)])
def test_the_estimate_of_q_is_right_on_average_over_all_batches(N, B):
    density = torch.rand(N, N, generator=seeded(), dtype=torch.float64)  # q(zᵢ|xⱼ)
    weights = stratified_log_weights(B, N).double().exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(B).double())
    for i in range(N):
        rest = [j for j in range(N) if j != i]
        for place in range(B):  # of image i in the batch
            estimates = [
                weights[place] @ density[i, [*others[:place], i, *others[place:]]]
                for others in itertools.combinations(rest, B - 1)
            ]
            mean = torch.stack(estimates).mean()
            torch.testing.assert_close(mean, density[i].mean(), rtol=1e-6, atol=0)


def uneven(N, B, i, odd):
    """The weights of Chen et al., appendix C.2: 1/N for xᵢ, and one odd one among the others."""
    M = B - 1
    weights = torch.full((B,), 1 / M)
    weights[i], weights[odd] = 1 / N, (N - M) / (N * M)
    return weights


def test_they_are_the_mean_of_the_uneven_weights_over_the_place_of_the_odd_one():
    N, B = 50, 7
    expected = [
        torch.stack([uneven(N, B, i, odd) for odd in range(B) if odd != i]).mean(0)
        for i in range(B)
    ]
    torch.testing.assert_close(stratified_log_weights(B, N).exp(), torch.stack(expected))


def diagonal_in_column_0(N, B):
    """What well-known repositories take: the stride of the diagonal is one too small."""
    M = B - 1
    odd = (N - M) / (N * M)
    weights = torch.full((B, B), 1 / M)
    weights.view(-1)[:: M + 1] = 1 / N
    weights.view(-1)[1 :: M + 1] = odd
    weights[M - 1, 0] = odd
    return weights.log()


def test_well_known_weights_are_far_off_where_the_stratified_estimate_is_near():
    N, B, d = 2000, 256, 4
    mixing = torch.tensor([[0.8, 0.6, 0, 0], [0, 0.8, 0.6, 0], [0, 0, 0.8, 0.6], [0, 0, 0, 1]])
    mu = torch.randn(N, d, generator=seeded()) @ mixing
    batches = torch.randperm(N, generator=seeded()).split(B)[:7]
    right, wrong = stratified_log_weights(B, N), diagonal_in_column_0(N, B)

    def estimates(noise):
        """Of the total correlation: the sum over all, two by batches, one with a further slip."""
        logvar = torch.full((N, d), 2 * math.log(noise))
        z = sampled(mu, logvar)

        def estimate(rows, columns, log_weights):
            codes = z[rows], torch.zeros(len(rows)), mu[columns], logvar[columns]
            return kl_parts(*codes, log_weights)["total_correlation"]

        def per_dimension(rows):  # the weights are added before the sum over dimensions, d times
            log_q = normal_log_density(z[rows][:, None], mu[rows], logvar[rows])
            log_q = log_q + wrong[:, :, None]
            return (log_q.sum(2).logsumexp(1) - log_q.logsumexp(1).sum(1)).mean()

        exact = [
            estimate(rows, torch.arange(N), torch.tensor(-math.log(N)))
            for rows in torch.arange(N).split(100)
        ]
        by_batches = [
            (estimate(rows, rows, right), estimate(rows, rows, wrong), per_dimension(rows))
            for rows in batches
        ]
        return torch.stack(exact).mean().item(), *torch.tensor(by_batches).mean(0).tolist()

    exact, stratified, column_0, weighted_d_times = estimates(noise=0.3)
    assert 0 < stratified < exact < column_0 - 0.15
    assert weighted_d_times < -10
    exact, stratified, column_0, weighted_d_times = estimates(noise=0.1)
    assert stratified == pytest.approx(exact, abs=0.4)
    assert column_0 > exact + 1
    assert weighted_d_times < -10


@pytest.mark.parametrize(("batch_size", "dataset_size"), [(1, 10), (11, 10)])
def test_a_batch_that_is_too_small_or_too_large_is_refused(batch_size, dataset_size):
    message = f"between 2 and dataset_size = 10, got {batch_size}"
    with pytest.raises(ValueError, match=message):
        stratified_log_weights(batch_size, dataset_size)


# Many at once

SETTINGS = [
    {"beta": 0.2, "seed": 0},
    {"beta": 1.0, "seed": 0},
    {"beta": 4.0, "seed": 3},
    {"beta": 4.0, "seed": 0, "warm_up": 10},
]


def family(**arguments):
    return [BetaVAE(SHAPE, 3, hidden=(16,), **{**one, **arguments}) for one in SETTINGS]


@pytest.mark.parametrize("arguments", [{}, {"likelihood": "gaussian", "sigma": 0.3}])
def test_a_sweep_gives_each_model_what_fit_gives_it_alone(arguments):
    settings = {"epochs": 4, "batch_size": 64, "lr": 3e-3, "seed": 5}
    together, alone = family(**arguments), family(**arguments)
    histories = sweep(together, IMAGES, **settings)
    for model, one, history in zip(together, alone, histories, strict=True):
        expected = fit(one, IMAGES, **settings)
        assert history.terms.keys() == expected.terms.keys()
        for name, values in expected.terms.items():
            assert history.terms[name] == pytest.approx(values, rel=1e-4), name
        for ours, theirs in zip(model.parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
        assert model.steps == one.steps
        assert model.training == one.training


def test_the_stacks_loss_is_the_sum_of_theirs():
    models = family()
    stack = BetaVAEStack(models)
    losses = [model.loss(IMAGES, seeded(1)) for model in models]  # each has now made one step
    for model in models:
        model.steps -= 1
    loss = stack.loss(IMAGES, seeded(1))
    torch.testing.assert_close(loss.total, sum(one.total for one in losses))
    for s, one in enumerate(losses):
        for name, term in one.terms.items():
            torch.testing.assert_close(loss.terms[f"{name} {s}"], term)


def test_interrupting_a_sweep_keeps_what_all_have_learned(monkeypatch):
    def interrupted_at_7(kind):
        original, steps = kind.loss, itertools.count(1)

        def loss(self, x, generator=None):
            if next(steps) == 7:
                raise KeyboardInterrupt
            return original(self, x, generator)

        return loss

    settings = {"epochs": 50, "batch_size": 64, "seed": 5}
    models = family()
    with monkeypatch.context() as patch:
        patch.setattr(BetaVAEStack, "loss", interrupted_at_7(BetaVAEStack))
        histories = sweep(models, IMAGES, **settings)
    for model, one, history in zip(models, family(), histories, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(BetaVAE, "loss", interrupted_at_7(BetaVAE))
            expected = fit(one, IMAGES, **settings)
        assert history.interrupted
        assert history.terms["total"] == pytest.approx(expected.terms["total"], rel=1e-4)
        ours, theirs = (parameters_to_vector(m.parameters()) for m in (model, one))
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_interrupting_before_the_first_step_gives_empty_histories(monkeypatch):
    def interrupt(self, x, generator=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(BetaVAEStack, "loss", interrupt)
    histories = sweep(family(), IMAGES, epochs=1)
    assert [history.terms["total"] for history in histories] == [[]] * 4


GAUSSIAN = {"likelihood": "gaussian"}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], r"models must be BetaVAEs, got \[\]"),
        ([BetaVAE(SHAPE, 2), VAE(SHAPE, 2)], r"got \['BetaVAE', 'VAE'\]"),
        ([CapacityVAE(SHAPE, 2, capacity=1)], r"got \['CapacityVAE'\]"),
        ([BetaVAE(SHAPE, 2), BetaVAE(SHAPE, 3)], "the same layers"),
        ([BetaVAE(SHAPE, 2), BetaVAE(SHAPE, 2, **GAUSSIAN, sigma=1.0)], "likelihood and sigma"),
        ([BetaVAE(SHAPE, 2, **GAUSSIAN, sigma=s) for s in (1.0, 2.0)], "likelihood and sigma"),
        ([BetaVAE(SHAPE, 2, **GAUSSIAN)], "learn their sigma cannot be stacked"),
        ([BetaVAE(SHAPE, 2, **GAUSSIAN, sigma=s) for s in (1.0, None)], "learn their sigma"),
    ],
)
def test_models_that_do_not_fit_together_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        sweep(models, IMAGES, epochs=1)


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


@pytest.mark.equation("BVAE.15")
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


@pytest.mark.equation("BVAE.14")
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


@pytest.mark.equation("BVAE.16")
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
    model = BetaVAE((1, 1, 3), 3, (), beta=beta, likelihood="gaussian", sigma=sigma).double()
    with torch.no_grad():
        model.encoder[0].weight.copy_(torch.cat([encoder, torch.zeros(3, 3)]))
        model.encoder[0].bias.copy_(torch.cat([torch.zeros(3).double(), logvar]))
        model.decoder[0].weight.copy_(decoder)
        model.decoder[0].bias.zero_()
        x = torch.randn(200_000, 3, generator=seeded(4)).double() * variances.sqrt() @ basis.T
        loss = model.eval().loss(x.view(-1, 1, 1, 3), seeded(5)).total
    constant = 1.5 * math.log(2 * math.pi * sigma**2)
    assert loss.item() == pytest.approx(closure().item() + constant, rel=0.01)
