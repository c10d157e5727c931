"""The objectives against losses written out, and against cases whose answer is known.

Oracles: torch.distributions, SciPy, sums over all batches, and normals with known information.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn
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
from course_lib.likelihoods import Gaussian
from course_lib.models import VAE, ConditionalVAE, PixelCNN
from course_lib.objectives import (
    Beta,
    Capacity,
    CodeLikelihood,
    Constraint,
    ContextDropout,
    CyclicalBeta,
    EveryBeta,
    FreeBits,
    ImportanceWeighted,
    Loss,
    ScoreFunction,
    TotalCorrelation,
    kl_parts,
    log_importance_weights,
    log_mean_exp,
    stratified_log_weights,
)
from course_lib.priors import GaussianMixture, StandardNormal, normal_log_density
from course_lib.training import fit

SHAPE = (1, 8, 8)
IMAGES = load("digits").images[:200]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def written_out(model, x, seed=0):
    """The reconstruction (B,) and the KL (B, d) of one draw, by torch.distributions."""
    mu, logvar = model.encode(x)
    q = Normal(mu, logvar.mul(0.5).exp())
    z = q.mean + q.stddev * torch.randn(mu.shape, generator=seeded(seed), dtype=mu.dtype)
    nll = -Bernoulli(logits=model.decode(z)).log_prob(x.round()).sum((1, 2, 3))
    return nll, kl_divergence(q, Normal(torch.zeros_like(mu), 1.0))


def gradient(total, model):
    return parameters_to_vector(
        torch.autograd.grad(total, list(model.encoder.parameters()), retain_graph=True)
    )


# A loss of named terms


def test_the_total_is_the_weighted_sum_of_the_terms_and_so_is_its_gradient():
    a, b, weight = (torch.tensor(v, requires_grad=True) for v in (2.0, 3.0, 0.25))
    loss = Loss({"a": a, "b": b, "c": a * b}, {"b": 0.5, "c": weight})
    assert loss.total.item() == 2 + 1.5 + 0.25 * 6
    loss.total.backward()
    assert (a.grad, b.grad, weight.grad) == (1 + 0.25 * 3, 0.5 + 0.25 * 2, 6)
    assert Loss({"a": a, "b": b}).total.item() == 5
    assert loss.total is loss.total  # summed once


# A fixed weight, and one that grows


@pytest.mark.equation("BVAE.3")
@pytest.mark.parametrize("beta", [0, 0.3, 1, 4])
def test_the_loss_of_one_draw_is_the_negative_log_likelihood_and_beta_times_the_kl(beta):
    x = IMAGES.round()
    model = VAE.dense(SHAPE, 3, hidden=(16,))
    nll, kl = written_out(model, x)
    loss = Beta(beta)(model, x, seeded())
    torch.testing.assert_close(loss.terms, {"reconstruction": nll.mean(), "kl": kl.sum(1).mean()})
    torch.testing.assert_close(loss.total, nll.mean() + beta * kl.sum(1).mean())


def test_with_beta_1_it_is_the_vaes_own_loss():
    models = [VAE.dense(SHAPE, 3, seed=4) for _ in range(2)]
    histories = [
        fit(model, IMAGES, epochs=2, seed=1, objective=objective)
        for model, objective in zip(models, (Beta(1), None), strict=True)
    ]
    assert histories[0] == histories[1]
    assert torch.equal(*(parameters_to_vector(model.parameters()) for model in models))


def kl_weights(objective, **settings):
    """Those of every step of a training, and its history."""
    seen = []

    def note(progress):
        seen.append(progress.loss.weights["kl"])

    model = VAE.dense(SHAPE, 2)
    history = fit(
        model, IMAGES, epochs=1, batch_size=67, objective=objective, callback=note, **settings
    )
    return seen, history


def test_the_warm_up_counts_training_steps_and_nothing_else():
    objective, model = Beta(8, warm_up=4), VAE.dense(SHAPE, 2)
    weights = [objective(model, IMAGES, step=step).weights["kl"] for step in range(6)]
    assert weights == [0, 2, 4, 6, 8, 8]
    assert objective(model, IMAGES).weights["kl"] == 8  # outside of training
    assert Beta(8)(model, IMAGES, step=0).weights["kl"] == 8
    seen, history = kl_weights(objective, validation=IMAGES)
    assert seen == [0, 2, 4]
    (kl,), (nll,), (total,) = (history.validation[k] for k in ("kl", "reconstruction", "total"))
    assert total == pytest.approx(nll + 8 * kl)


def test_the_warm_up_goes_on_where_a_training_stopped():
    objective = Beta(8, warm_up=4)
    seen, history = kl_weights(objective)
    assert seen + kl_weights(objective, resume=history)[0] == [0, 2, 4, 6, 8, 8]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Beta(-1), "beta must be ≥ 0 and finite, got -1"),
        (lambda: Beta(math.nan), "beta must be ≥ 0 and finite, got nan"),
        (lambda: Beta(math.inf), "beta must be ≥ 0 and finite, got inf"),
        (lambda: Beta(1, warm_up=-1), "warm_up must be ≥ 0 and finite, got -1"),
        (lambda: Capacity(-1), "capacity must be ≥ 0 and finite, got -1"),
        (lambda: Capacity(math.inf), "capacity must be ≥ 0 and finite, got inf"),
        (lambda: Capacity(1, gamma=-1), "gamma must be ≥ 0 and finite, got -1"),
        (lambda: Capacity(1, warm_up=-1), "warm_up must be ≥ 0 and finite, got -1"),
        (lambda: Constraint(0), "capacity must be > 0 and finite, got 0"),
        (lambda: Constraint(math.inf), "capacity must be > 0 and finite, got inf"),
        (lambda: Constraint(1, rate=0), "rate must be > 0 and finite, got 0"),
        (lambda: CyclicalBeta(-1, 10), "beta must be ≥ 0 and finite, got -1"),
        (lambda: CyclicalBeta(1, 0), "period must be at least 1, got 0"),
        (lambda: CyclicalBeta(1, 10, 0), r"growing must lie in \(0, 1\], got 0"),
        (lambda: ContextDropout(1.1), r"share must lie in \[0, 1\], got 1.1"),
        (lambda: ContextDropout(math.nan), r"share must lie in \[0, 1\], got nan"),
        (lambda: FreeBits(-0.1), "nats must be ≥ 0 and finite, got -0.1"),
        (lambda: FreeBits(math.nan), "nats must be ≥ 0 and finite, got nan"),
        (lambda: TotalCorrelation(1, dataset_size=1), "dataset_size must be at least 2, got 1"),
        (lambda: TotalCorrelation(-1, dataset_size=9), "beta must be ≥ 0 and finite, got -1"),
        (lambda: EveryBeta(2, 1), "0 < low < high, got 2 and 1"),
        (lambda: EveryBeta(0, 1), "0 < low < high, got 0 and 1"),
        (lambda: EveryBeta(1, math.inf), "0 < low < high, got 1 and inf"),
        (lambda: ImportanceWeighted(0), "samples must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Capacity(3.0, beta=50.0), "beta"),
        (lambda: Beta(1, gamma=50.0), "gamma"),
        (lambda: Constraint(3.0, gamma=50.0), "gamma"),
    ],
)
def test_arguments_of_another_objective_are_no_arguments(make, word):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{word}'"):
        make()


@pytest.mark.equation("COL.8")
def test_the_weight_grows_and_stays_in_every_cycle():
    objective = CyclicalBeta(4, period=10, growing=0.5)
    cycle = [0, 0.8, 1.6, 2.4, 3.2, 4, 4, 4, 4, 4]
    assert [objective.weight(step) for step in range(20)] == pytest.approx(2 * cycle)
    assert objective.weight(None) == 4
    model = spread_out_model()
    for step in (0, 3, 17, None):
        expected = Beta(objective.weight(step))(model, IMAGES.round(), seeded()).total
        assert objective(model, IMAGES.round(), seeded(), step).total == expected


# A decoder that misses pixels


def pixel_model():
    likelihood = PixelCNN(1, 2, layers=1, width=4)
    model = VAE.dense((1, 8, 8), 3, hidden=(16,), likelihood=likelihood)
    with torch.no_grad():
        for i, parameter in enumerate(likelihood.parameters()):
            parameter += 0.3 * torch.randn(parameter.shape, generator=seeded(i))
    return model


def test_without_dropout_and_outside_of_training_all_pixels_are_shown():
    model, x = pixel_model(), load("digits").images[:30].round()
    expected = model.loss(x, seeded()).total
    torch.testing.assert_close(ContextDropout(0.0)(model, x, seeded(), 5).total, expected)
    torch.testing.assert_close(ContextDropout(0.9)(model, x, seeded(), None).total, expected)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_share_of_the_pixels_is_hidden_from_those_behind_but_not_from_the_loss(share):
    """The mean over which pixels are hidden, as a sum of draws of torch's own dropout."""
    model, x = pixel_model(), load("digits").images[:4].round()
    with torch.no_grad():
        q = model.encode(x)
        losses = [ContextDropout(share)(model, x, seeded(i), 5) for i in range(300)]
        expected = []
        for i in range(300):
            torch.manual_seed(i)
            z = Normal(q.mu, (q.logvar / 2).exp()).sample()
            hidden = nn.functional.dropout(x, share) * (1 - share)
            logits = model.likelihood.logits(hidden, model.decode(z))
            expected.append(-Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3)).mean())
    found = torch.stack([loss.terms["reconstruction"] for loss in losses])
    expected = torch.stack(expected)
    error = (found.var() / 300 + expected.var() / 300).sqrt()
    assert abs(found.mean() - expected.mean()) < 4 * error
    shown = model.draw(x, seeded()).nll.mean()
    assert abs(found.mean() - shown) > 8 * error  # which it would be, were nothing hidden


# A budget for the KL


@pytest.mark.equation("BVAE.6")
@pytest.mark.parametrize(("capacity", "sign"), [(0.0, 1), (1000.0, -1)])
def test_the_capacity_pulls_the_kl_towards_it_from_both_sides(capacity, sign):
    model = VAE.dense(SHAPE, 3)
    nll, kl = written_out(model, IMAGES.round())
    loss = Capacity(capacity, gamma=30)(model, IMAGES.round(), seeded())
    expected = nll.mean() + 30 * (kl.sum(1).mean() - capacity).abs()
    torch.testing.assert_close(loss.total.detach(), expected)
    by_capacity = gradient(loss.total, model) - gradient(loss.terms["reconstruction"], model)
    of_kl = gradient(loss.terms["kl"], model)
    torch.testing.assert_close(by_capacity, sign * 30 * of_kl, rtol=1e-3, atol=1e-3)


def test_the_capacity_grows_along_a_line_and_the_kl_follows():
    model, objective = VAE.dense(SHAPE, 4, hidden=(32,)), Capacity(6, gamma=50, warm_up=100)
    for step, target in ((0, 0), (50, 3), (100, 6), (101, 6), (None, 6)):
        terms = objective(model, IMAGES, seeded(), step).terms
        assert terms["distance"].item() == pytest.approx(abs(terms["kl"].item() - target))
    history = fit(model, IMAGES, epochs=150, batch_size=50, lr=2e-3, objective=objective)
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


@pytest.mark.slow
@pytest.mark.equation("BVAE.8")
@pytest.mark.parametrize(
    ("capacity", "published"), [(0.1, 3.275), (0.5, 1.472), (1.0, 0.541), (2.0, 0.0733)]
)
def test_the_multiplier_ends_at_the_slope_of_the_best_log_likelihood(capacity, published):
    h = 1e-3
    slope = (best_log_likelihood(capacity + h) - best_log_likelihood(capacity - h)) / (2 * h)
    assert slope == pytest.approx(published, rel=5e-3)
    x = Normal(0.0, LAMBDA**0.5).icdf((torch.arange(512) + 0.5) / 512)
    x = (x * (LAMBDA / x.square().mean()).sqrt()).view(512, 1, 1, 1)
    model = VAE.dense((1, 1, 1), 1, hidden=(), likelihood=Gaussian(1.0))
    constraint = Constraint(capacity)
    for lr in (2e-2, 2e-3):
        fit(model, x, epochs=700, batch_size=512, lr=lr, objective=constraint)
    assert model.loss(x).terms["kl"].item() == pytest.approx(capacity, rel=0.1)
    assert constraint.beta.item() == pytest.approx(slope, rel=0.1)


def test_one_step_of_the_multiplier_by_hand():
    model, constraint = VAE.dense(SHAPE, 2), Constraint(3.0, rate=0.1)
    nll, kl = (part.mean().item() for part in written_out(model, IMAGES.round()))
    kl *= 2  # of the two dimensions
    loss = constraint(model, IMAGES.round(), seeded(), step=0)
    assert loss.total.item() == pytest.approx(nll + kl)  # β = 1 until the step is made
    assert constraint.beta.item() == pytest.approx(math.exp(0.1 * (kl - 3) / 3))
    capped = Constraint(kl / 100, rate=0.1)
    capped(model, IMAGES.round(), seeded(), step=0)
    assert capped.beta.item() == pytest.approx(math.exp(0.1))


def test_the_multiplier_vanishes_where_the_constraint_does_not_bind_and_comes_back():
    constant = torch.full((64, 1, 2, 2), 0.7)  # nothing to tell about an image
    model, constraint = VAE.dense((1, 2, 2), 1, hidden=(4,)), Constraint(2.0, rate=0.1)
    fit(model, constant, epochs=1000, batch_size=64, objective=constraint)
    assert constraint.beta.item() < 1e-5
    with torch.no_grad():
        model.encoder[-1].bias[0] = 20.0  # far above the budget
    for step in range(150):
        constraint(model, constant, step=step)
    assert constraint.beta.item() > 1


def test_the_multiplier_rests_outside_training_and_is_saved():
    model, constraint = VAE.dense(SHAPE, 2), Constraint(1.0)
    constraint(model, IMAGES)
    assert constraint.beta.item() == 1
    history = fit(model, IMAGES, epochs=3, objective=constraint)
    assert constraint.beta.item() != 1
    loaded, resumed, validated = (Constraint(1.0) for _ in range(3))
    loaded.load_state_dict(constraint.state_dict())
    assert loaded(model, IMAGES).weights["kl"] == constraint.beta.item()
    fit(VAE.dense(SHAPE, 2), IMAGES, epochs=3, objective=validated, validation=IMAGES)
    assert validated.beta == constraint.beta
    seen = []
    fit(
        model, IMAGES, epochs=1, objective=resumed, resume=history,
        callback=lambda progress: seen.append(progress.loss.weights["kl"].item()),
    )  # fmt: skip
    assert seen[0] == constraint.beta.item()


# Free bits


def spread_out_model():
    """A VAE whose three dimensions have KLs of about 0.02, 0.2 and 2 nats, one by few images."""
    model = VAE.dense(SHAPE, 3, hidden=())
    with torch.no_grad():
        layer = model.encoder[-1]
        layer.weight[3:] = 0
        layer.bias.zero_()[3:] = -0.2  # 0.01 nats of each
        mu = model.encode(IMAGES.round()).mu
        for j, kl in enumerate((0.02, 0.2, 2.0)):
            layer.weight[j] *= (2 * kl / mu[:, j].square().mean()).sqrt()
    return model


@pytest.mark.equation("COL.6")
@pytest.mark.parametrize("nats", [0.0, 0.05, 0.3, 10.0])
def test_free_bits_are_the_larger_of_lambda_and_the_mean_kl_of_each_dimension(nats):
    model = spread_out_model()
    nll, kl = written_out(model, IMAGES.round())
    loss = FreeBits(nats)(model, IMAGES.round(), seeded())
    means = kl.mean(0).tolist()  # over the batch, and only then the larger
    counted = sum(max(nats, mean) for mean in means)
    assert list(loss.terms) == ["reconstruction", "kl", "kl_beyond_free"]
    assert loss.terms["reconstruction"].item() == pytest.approx(nll.mean().item(), rel=1e-5)
    assert loss.terms["kl"].item() == pytest.approx(sum(means), rel=1e-5)
    assert loss.terms["kl_beyond_free"].item() == pytest.approx(counted, rel=1e-5)
    assert loss.total.item() == pytest.approx(nll.mean().item() + counted, rel=1e-5)


def test_below_lambda_no_gradient_pulls_a_dimension_to_the_prior():
    model = spread_out_model()
    kl = written_out(model, IMAGES.round())[1]
    assert ((kl < 0.3).any(0) & (kl > 0.3).any(0)).sum() >= 2  # images on both sides of λ
    loss = FreeBits(0.3)(model, IMAGES.round(), seeded())
    weight = model.encoder[-1].weight
    (free,) = torch.autograd.grad(loss.terms["kl_beyond_free"], weight, retain_graph=True)
    (whole,) = torch.autograd.grad(loss.terms["kl"], weight)
    assert free[[0, 1, 3, 4]].abs().max() == 0  # of μ and log σ² of both
    torch.testing.assert_close(free[[2, 5]], whole[[2, 5]])
    assert (whole.abs().sum(1) > 0).all()


def test_without_free_nats_it_is_the_vaes_own_loss():
    model = VAE.dense(SHAPE, 3)
    losses = FreeBits(0)(model, IMAGES, seeded()), model.loss(IMAGES, seeded())
    assert losses[0].total.item() == pytest.approx(losses[1].total.item(), rel=1e-6)
    ours, theirs = (gradient(loss.total, model) for loss in losses)
    torch.testing.assert_close(ours, theirs)


def test_free_bits_keep_dimensions_awake_that_the_vae_turns_off():
    kl = {}
    for name, objective in {"free": FreeBits(0.5), "vae": None}.items():
        model = VAE.dense(SHAPE, 12, hidden=(32,))
        fit(model, IMAGES, epochs=100, batch_size=50, lr=3e-3, objective=objective)
        kl[name] = written_out(model, IMAGES)[1].mean(0)
    assert (kl["vae"] < 0.2).sum() >= 3
    assert kl["free"].min() > 0.4


# One model for every β


@pytest.mark.equation("BVAE.5")
@pytest.mark.parametrize(("beta", "place"), [(0.5, -1.0), (2.0, 0.0), (8.0, 1.0), (4.0, 0.5)])
def test_both_networks_see_the_place_of_log_beta(beta, place):
    model, every = ConditionalVAE.dense(SHAPE, 3, 1), EveryBeta(0.5, 8.0)
    at = every.at(model, beta)
    column = torch.full((len(IMAGES), 1), place)
    expected = model.encoder(torch.cat([IMAGES.flatten(1), column], dim=1))
    torch.testing.assert_close(torch.cat(at.encode(IMAGES), dim=1), expected)
    z = torch.randn(5, 3, generator=seeded())
    expected = model.decoder(torch.cat([z, column[:5]], dim=1))
    torch.testing.assert_close(at.decode(z), expected)
    torch.testing.assert_close(at.sample(5, seeded()), expected.sigmoid())


def test_a_model_at_one_beta_learns_on_with_the_others():
    model, every = ConditionalVAE.dense(SHAPE, 3, 1), EveryBeta(0.5, 8.0)
    low, high = every.at(model, 0.5), every.at(model, 8.0)
    assert not torch.equal(low(IMAGES), high(IMAGES))
    before = low(IMAGES)
    fit(model, IMAGES, epochs=1, objective=every)
    assert not torch.equal(low(IMAGES), before)
    torch.testing.assert_close(low(IMAGES), every.at(model, 0.5)(IMAGES))
    for beta in (0.499, 8.01, math.nan):
        with pytest.raises(ValueError, match=r"beta must lie in \[0.5, 8\], got"):
            every.at(model, beta)


def test_every_image_has_a_beta_of_its_own_log_uniform_in_the_range():
    model, every = ConditionalVAE.dense(SHAPE, 3, 1), EveryBeta(0.1, 10.0)
    generator = seeded(7)
    betas = 10 ** (2 * torch.rand(len(IMAGES), 1, generator=generator) - 1)
    epsilon = torch.randn(len(IMAGES), 3, generator=generator)
    total = kl = 0.0
    for x, beta, noise in zip(IMAGES.round().split(1), betas[:, 0], epsilon, strict=True):
        at = every.at(model, beta.item())
        mu, logvar = at.encode(x)
        q = Normal(mu, (logvar / 2).exp())
        nll = -Bernoulli(logits=at.decode(mu + q.stddev * noise)).log_prob(x).sum()
        rate = kl_divergence(q, Normal(0.0, 1.0)).sum()
        total += (nll + beta * rate).item() / len(IMAGES)
        kl += rate.item() / len(IMAGES)
    loss = every(model, IMAGES.round(), seeded(7))
    assert loss.total.item() == pytest.approx(total, rel=1e-5)
    assert loss.terms["kl"].item() == pytest.approx(kl, rel=1e-5)


def test_a_larger_beta_gives_less_rate_and_more_distortion():
    model, every = ConditionalVAE.dense(SHAPE, 6, 1, hidden=(64,)), EveryBeta(0.25, 8.0)
    fit(model, IMAGES, epochs=150, batch_size=50, lr=2e-3, objective=every)
    terms = [every.at(model, beta).loss(IMAGES, seeded()).terms for beta in (0.25, 1.0, 8.0)]
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


@pytest.mark.equation("BVAE.12")
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


@pytest.mark.equation("BVAE.13")
@pytest.mark.parametrize("beta", [0, 1, 6])
def test_beta_weighs_the_total_correlation_and_nothing_else(beta):
    x = IMAGES.round()
    model = VAE.dense(SHAPE, 3)
    loss = TotalCorrelation(beta, dataset_size=1000)(model, x, seeded())
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
    expected = nll.mean() + expected.mean()
    torch.testing.assert_close(loss.total.detach(), expected, rtol=1e-4, atol=1e-3)


def test_with_beta_1_the_expectation_is_the_vaes_loss():
    model, objective = VAE.dense(SHAPE, 3, seed=2), TotalCorrelation(1, dataset_size=1000)
    with torch.no_grad():
        differences = torch.stack(
            [
                objective(model, IMAGES, seeded(s)).total - model.loss(IMAGES, seeded(s)).total
                for s in range(300)
            ]
        )
    error = differences.std().item() / 300**0.5
    assert 0 < error < 0.1
    assert differences.mean().item() == pytest.approx(0, abs=4 * error)


# Weights of a batch that stands for the whole data set


@pytest.mark.equation("BVAE.14")
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


def test_a_batch_that_does_not_fit_the_data_set_is_refused_by_the_objective_too():
    objective = TotalCorrelation(1, dataset_size=10)
    for n in (1, 11):
        with pytest.raises(ValueError, match=f"between 2 and dataset_size = 10, got {n}"):
            objective(VAE.dense(SHAPE, 2), IMAGES[:n])
    assert objective.smallest_batch == 2


# A gradient without a path


@pytest.mark.slow
@pytest.mark.equation("VAE.9")
def test_the_score_function_gradient_is_unbiased_and_its_value_is_the_same_loss():
    x = IMAGES[:6, :, :, :4].double()
    model = VAE.dense((1, 8, 4), 2, hidden=()).double()
    objectives = {"score": ScoreFunction(), "path": Beta(1)}
    totals = [objective(model, x, seeded()).total for objective in objectives.values()]
    torch.testing.assert_close(*totals)
    gradients = {}
    for name, objective in objectives.items():
        draws = []
        for seed in range(4000):
            model.zero_grad()
            objective(model, x, seeded(seed)).total.backward()
            draws.append(model.encoder[-1].bias.grad.clone())
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
    model = VAE.dense((1, 8, 4), 2, hidden=()).double()
    x = IMAGES[:2, :, :, :4].double()
    mu, logvar = model.encode(x)
    z = model.encode(x).sample(seeded()).detach()
    nll = -model.likelihood.log_prob(x, model.decode(z)).detach()
    log_q = Normal(mu, (logvar / 2).exp()).log_prob(z).sum(1)
    expected = torch.autograd.grad(((nll - nll.flip(0)) * log_q).mean(), mu, retain_graph=True)[0]
    without_kl = ScoreFunction()(model, x, seeded()).terms["reconstruction"]
    bias = torch.autograd.grad(without_kl, model.encoder[-1].bias)[0][:2]  # of μ
    torch.testing.assert_close(bias, expected.sum(0))


def test_one_image_has_no_others():
    with pytest.raises(ValueError, match="score function needs at least 2 images .* got 1"):
        ScoreFunction()(VAE.dense(SHAPE, 2), IMAGES[:1])
    assert ScoreFunction.smallest_batch == 2


# Importance weighting


def test_log_mean_exp_is_the_logarithm_of_a_mean_even_of_huge_numbers():
    values = torch.tensor([[1.0, 2.0, 4.0], [0.5, -3.0, 0.0]], dtype=torch.float64)
    for dim in (0, 1):
        expected = np.log(np.exp(values.numpy()).mean(axis=dim))
        assert log_mean_exp(values, dim).numpy() == pytest.approx(expected)
        for shift in (1000, -1000):
            assert (log_mean_exp(values + shift, dim) - shift).numpy() == pytest.approx(expected)


@pytest.mark.equation("ELBO.12")
@pytest.mark.parametrize("k", [1, 5])
def test_the_weights_and_the_bound_are_those_of_torch_distributions(k):
    model, x = VAE.dense(SHAPE, 3).double(), IMAGES[:4].round().double()
    mu, logvar = model.encode(x)
    q, prior = Normal(mu, (logvar / 2).exp()), Normal(torch.zeros(3).double(), 1.0)
    epsilon = torch.randn(k, 4, 3, generator=seeded(), dtype=torch.float64)
    expected = torch.stack(
        [
            Independent(Bernoulli(logits=model.decode(z)), 3).log_prob(x)
            + (prior.log_prob(z) - q.log_prob(z)).sum(1)
            for z in mu + q.stddev * epsilon
        ]
    )
    log_weights = log_importance_weights(model, x, model.encode(x), k, seeded())
    torch.testing.assert_close(log_weights, expected)
    loss = ImportanceWeighted(k)(model, x, seeded())
    bound = expected.exp().mean(0).log().mean()
    assert list(loss.terms) == ["bound"]
    torch.testing.assert_close(loss.total, -bound)
    torch.testing.assert_close(gradient(loss.total, model), gradient(-bound, model))


@pytest.mark.equation("ELBO.12")
def test_one_sample_gives_minus_the_elbo_on_average_and_more_give_less():
    model, x = VAE.dense(SHAPE, 3), IMAGES.round()
    with torch.no_grad():
        means = [
            torch.stack([ImportanceWeighted(k)(model, x, seeded(s)).total for s in range(100)])
            for k in (1, 2, 20)
        ]
        elbo = torch.stack([model.loss(x, seeded(100 + s)).total for s in range(100)])
    error = torch.hypot(means[0].std(), elbo.std()).item() / 10
    assert means[0].mean().item() == pytest.approx(elbo.mean().item(), abs=4 * error)
    assert means[0].mean() - means[1].mean() > 4 * error
    assert means[1].mean() - means[2].mean() > 4 * error


# All of them


class Parts(nn.Module):
    """A model with nothing but the parts, whose `draw` and `loss` are a VAE's."""

    encode, decode, draw, loss = VAE.encode, VAE.decode, VAE.draw, VAE.loss

    def __init__(self, vae):
        super().__init__()
        self.encoder, self.decoder = vae.encoder, vae.decoder
        self.likelihood, self.prior = vae.likelihood, vae.prior


OBJECTIVES = [
    Beta(4, warm_up=5),
    Capacity(3, warm_up=5),
    Constraint(3),
    FreeBits(0.1),
    TotalCorrelation(6, dataset_size=200),
    ScoreFunction(),
    ImportanceWeighted(5),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)
def test_every_objective_trains_any_model_of_these_parts(objective):
    model = Parts(VAE.convolutional(SHAPE, 4, channels=(8,), likelihood=Gaussian(0.3)))
    history = fit(model, IMAGES, epochs=6, batch_size=50, objective=objective, validation=IMAGES)
    first, last = (history.validation.get("reconstruction", history.validation["total"])[i]
                   for i in (0, -1))  # fmt: skip
    assert last < first


# A prior for a model that is trained already


@pytest.mark.equation("PRIOR.1")
def test_a_normal_fitted_to_codes_has_the_moments_of_all_of_them():
    """Of all normals the one nearest to q(z) has its mean and its variance."""
    mu = torch.tensor([[-2.0], [0.0], [1.0], [3.0]]).repeat(50, 1)
    logvar = torch.tensor([[-1.0], [0.0], [-2.0], [0.5]]).repeat(50, 1)
    prior = GaussianMixture(1, 1)
    fit(prior, {"mu": mu, "logvar": logvar}, objective=CodeLikelihood(), epochs=400, lr=0.02)
    assert prior.mu.item() == pytest.approx(mu.mean().item(), abs=0.1)
    variance = logvar.exp().mean() + mu.var(correction=0)
    assert prior.logvar.exp().item() == pytest.approx(variance.item(), rel=0.1)


def test_the_cross_entropy_of_codes_is_that_of_draws():
    prior, n = StandardNormal(2), 20_000
    codes = {"mu": torch.ones(n, 2), "logvar": torch.zeros(n, 2)}
    loss = CodeLikelihood()(prior, codes, torch.Generator().manual_seed(0))
    # E[z²] = 2 in each dimension
    assert loss.total.item() == pytest.approx(2 + math.log(2 * math.pi), abs=0.05)
