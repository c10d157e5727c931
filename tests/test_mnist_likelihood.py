"""The five-minute record, in seconds: its parts, and once the whole on the real files."""

import math
import re
import subprocess
import sys

import pytest
import torch
import typer
from clock import Clock
from torch.distributions import Bernoulli

from course_lib.datasets import load
from course_lib.mnist_likelihood import Kind, binarise, main, negative_elbo, prior_of, train
from course_lib.models import VAE
from course_lib.priors import FlowPrior, GaussianMixture, StandardNormal, VampPrior

IMAGES = load("glyphs").sample(500).images


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pixels_are_drawn_with_the_probability_of_their_grey_value():
    grey = torch.tensor([0.0, 0.1, 0.5, 1.0]).view(1, 1, 2, 2).expand(20_000, 1, 2, 2)
    drawn = binarise(grey, generator())
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0), grey[0], atol=0.02, rtol=0)
    assert not torch.equal(drawn, binarise(grey, generator(1)))


def test_training_starts_at_the_mean_image_and_ends_below_its_loss():
    model = VAE.dense((1, 28, 28), 4, hidden=(32,))
    test = binarise(IMAGES, generator())
    mean = IMAGES.mean(0).clamp(1e-3, 1 - 1e-3)
    of_the_mean = -Bernoulli(mean).log_prob(test).flatten(1).sum(1).mean().item()
    untrained = VAE.dense((1, 28, 28), 4, hidden=(32,))
    # As good as no time: the biases are set, and the learning rate of its two steps is tiny.
    assert train(untrained, IMAGES, minutes=1, lr=1e-12, clock=Clock(60)) == 2
    assert negative_elbo(untrained, test) == pytest.approx(of_the_mean, rel=0.05)
    train(model, IMAGES, minutes=1, clock=Clock(0.06))
    assert negative_elbo(model, test) < 0.95 * of_the_mean


def test_the_two_phases_share_the_time():
    """Two looks at the clock in every step, and a third while the weight of the KL may grow."""
    model = VAE.dense((1, 28, 28), 4, hidden=(8,))
    steps = train(model, IMAGES, minutes=1, clock=Clock(0.1))
    looks = 600
    first, second = math.ceil(0.6 * looks / 3), math.ceil(0.4 * looks / 2)
    assert steps == pytest.approx(first + second, abs=3)
    model = VAE.dense((1, 28, 28), 4, hidden=(8,))
    alone = train(model, IMAGES, minutes=1, bound_samples=1, clock=Clock(0.1))
    assert alone == pytest.approx(looks / 3, abs=2)


PRIORS = {
    Kind.STANDARD: StandardNormal,
    Kind.MIXTURE: GaussianMixture,
    Kind.VAMP: VampPrior,
    Kind.FLOW: FlowPrior,
}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_prior_is_trained_with_the_model(kind):
    model = VAE.dense((1, 28, 28), 4, hidden=(32,))
    model.prior = prior_of(kind, model, IMAGES, seed=0)
    assert type(model.prior) is PRIORS[kind]
    own = [p for name, p in model.named_parameters() if name.startswith("prior.")]
    before = [p.clone() for p in own]
    test = binarise(IMAGES, generator())
    loss = negative_elbo(model, test)
    train(model, IMAGES, minutes=1, clock=Clock(0.1))
    assert negative_elbo(model, test) < loss
    assert [torch.equal(p, b) for p, b in zip(own, before, strict=True)] == [False] * len(own)


def test_negative_elbo_averages_over_images_and_draws():
    model = VAE.dense((1, 28, 28), 4, hidden=())
    images = binarise(torch.cat([IMAGES, IMAGES, IMAGES[:200]]), generator())  # 1000 and 200
    losses = [model.loss(images, generator(seed)).total.item() for seed in range(20)]
    spread = torch.tensor(losses).std().item()
    expected = sum(losses) / len(losses)
    assert negative_elbo(model, images) == pytest.approx(expected, abs=3 * spread)
    assert math.isfinite(spread)


@pytest.mark.slow
def test_the_command_prints_both_figures(real_files):
    options = ("--network", "784-16-2", "--minutes", "0.05", "--samples", "5")
    done = subprocess.run(
        [sys.executable, "-m", "course_lib.mnist_likelihood", *options],
        env={"COURSE_DATA_DIR": str(real_files), "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    elbo = float(re.search(r"−ELBO ([\d.]+) nats", done.stdout)[1])
    nll = float(re.search(r"NLL +([\d.]+) ± [\d.]+ nats, 5 samples", done.stdout)[1])
    assert 80 < nll < elbo + 0.5 < 260


@pytest.mark.parametrize("network", ["784-400-x", "400-20", "784"])
def test_a_network_that_cannot_be_read_is_refused(network):
    with pytest.raises(typer.BadParameter, match=f"written like 784-400-20, got {network}"):
        main(network)
