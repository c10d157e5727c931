"""Many trainings at once against the same trainings one by one."""

import itertools

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from course_lib.datasets import load
from course_lib.likelihoods import Gaussian
from course_lib.models import VAE, Autoencoder
from course_lib.objectives import Beta, Capacity
from course_lib.priors import StandardNormal
from course_lib.training import fit, sweep
from course_lib.training.loop import INTERRUPTED
from course_lib.training.sweeps import StackedVAE

SHAPE = (1, 8, 8)
IMAGES = load("digits").images[:200]
SEEDS = (0, 0, 3, 0)
OBJECTIVES = [Beta(0.2), Beta(1.0), Beta(4.0), Beta(4.0, warm_up=10)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def family(sigmas=(None,) * 4):
    return [
        VAE.dense(SHAPE, 3, hidden=(16,), likelihood=sigma and Gaussian(sigma), seed=seed)
        for sigma, seed in zip(sigmas, SEEDS, strict=True)
    ]


@pytest.mark.parametrize(
    "sigmas", [(None,) * 4, (0.3,) * 4, (1.0, 0.3, 0.3, 0.1)], ids=["Bernoulli", "one σ", "three"]
)
def test_a_sweep_gives_each_model_what_fit_gives_it_alone(sigmas):
    settings = {"epochs": 4, "batch_size": 64, "lr": 3e-3, "seed": 5, "validation": IMAGES[:50]}
    together, alone = family(sigmas), family(sigmas)
    histories = sweep(together, IMAGES, OBJECTIVES, **settings)
    for ours, one, objective, history in zip(together, alone, OBJECTIVES, histories, strict=True):
        expected = fit(one, IMAGES, objective=objective, **settings)
        assert history.terms.keys() == expected.terms.keys()
        assert history.validation.keys() == expected.validation.keys()
        for name, values in expected.terms.items():
            assert history.terms[name] == pytest.approx(values, rel=1e-4), name
            validated = expected.validation[name]
            assert history.validation[name] == pytest.approx(validated, rel=1e-4), name
        for parameter, theirs in zip(ours.parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(parameter, theirs, rtol=1e-3, atol=1e-4)
        assert not ours.training
        assert not history.interrupted


@pytest.mark.parametrize("step", [None, 0, 3, 20])
def test_the_stacks_loss_is_the_sum_of_theirs(step):
    models = family()
    stack = StackedVAE(models, OBJECTIVES)
    losses = [
        objective(model, IMAGES, seeded(1), step)
        for objective, model in zip(OBJECTIVES, models, strict=True)
    ]
    loss = stack.objective(stack, IMAGES, seeded(1), step)
    torch.testing.assert_close(loss.total, sum(one.total for one in losses))
    for s, one in enumerate(losses):
        for name, term in {**one.terms, "total": one.total}.items():
            torch.testing.assert_close(loss.terms[f"{name} {s}"], term)


def test_interrupting_a_sweep_keeps_what_all_have_learned(monkeypatch):
    def interrupted_at_7(loss):
        steps = itertools.count(1)

        def interrupted(self, *arguments):
            if next(steps) == 7:
                raise KeyboardInterrupt
            return loss(self, *arguments)

        return interrupted

    settings = {"epochs": 50, "batch_size": 64, "seed": 5}
    models = family()
    with monkeypatch.context() as patch:
        patch.setattr(StackedVAE, "objective", interrupted_at_7(StackedVAE.objective))
        histories = sweep(models, IMAGES, OBJECTIVES, **settings)
    for model, one, objective, history in zip(models, family(), OBJECTIVES, histories, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(Beta, "__call__", interrupted_at_7(Beta.__call__))
            expected = fit(one, IMAGES, objective=objective, **settings)
        assert history.interrupted
        assert model in INTERRUPTED
        assert history.terms["total"] == pytest.approx(expected.terms["total"], rel=1e-4)
        ours, theirs = (parameters_to_vector(m.parameters()) for m in (model, one))
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    sweep(models, IMAGES, OBJECTIVES, epochs=1)
    assert not any(model in INTERRUPTED for model in models)


def test_interrupting_before_the_first_step_gives_empty_histories(monkeypatch):
    def interrupt(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(StackedVAE, "objective", interrupt)
    histories = sweep(family(), IMAGES, OBJECTIVES, epochs=1)
    assert [history.terms["total"] for history in histories] == [[]] * 4
    assert [history.validation for history in histories] == [{}] * 4


class MovedPrior(StandardNormal):
    """The same parts and the same print, but another distribution."""

    def kl(self, q, z):
        return super().kl(q._replace(mu=q.mu - 1), z)


class WiderVAE(VAE):
    """Another loss, of which a stack would know nothing."""


def dense(latent_dim=2, likelihood=None, **parts):
    return VAE.dense(SHAPE, latent_dim, likelihood=likelihood, **parts)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], r"models must be VAEs, got \[\]"),
        ([dense(), Autoencoder(SHAPE, 2)], r"got \['VAE', 'Autoencoder'\]"),
        ([WiderVAE.dense(SHAPE, 2)], r"got \['WiderVAE'\]"),
        ([dense(2), dense(3)], "the same layers"),
        ([dense(), dense(likelihood=Gaussian(1.0))], "likelihood and prior"),
        ([dense(likelihood=Gaussian())], "learn their sigma cannot be stacked"),
        ([dense(likelihood=Gaussian(s)) for s in (1.0, None)], "learn their sigma"),
        ([dense(prior=MovedPrior(2))], "prior must be a StandardNormal, got a MovedPrior"),
        ([VAE.convolutional(SHAPE, 2)], "only dense networks can be stacked, got a Conv2d"),
    ],
)
def test_models_that_do_not_fit_together_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        sweep(models, IMAGES, [Beta(1)] * len(models), epochs=1)


def test_objectives_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"objectives must be Betas, got \[Capacity"):
        sweep([dense()], IMAGES, [Capacity(1)], epochs=1)
    with pytest.raises(ValueError, match="objectives must number 2 like models, got 1"):
        sweep([dense(), dense()], IMAGES, [Beta(1)], epochs=1)


def test_the_stack_leaves_the_models_alone_until_it_is_unstacked():
    models = family()
    before = [parameters_to_vector(model.parameters()).detach().clone() for model in models]
    stack = StackedVAE(models, OBJECTIVES)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(torch.arange(4.0).view(4, *[1] * (parameter.ndim - 1)))
    for model, vector in zip(models, before, strict=True):
        assert torch.equal(parameters_to_vector(model.parameters()), vector)
    stack.unstack()
    for s, (model, vector) in enumerate(zip(models, before, strict=True)):
        torch.testing.assert_close(parameters_to_vector(model.parameters()), vector + s)
