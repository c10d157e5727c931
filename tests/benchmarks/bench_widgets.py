"""One step of a slider in the kernel: decode one code, draw, encode as PNG."""

import itertools

import pytest

from course_lib.datasets import load
from course_lib.models import Autoencoder
from course_lib.widgets import GaussianKL, LatentTraversal


@pytest.mark.parametrize(("data", "latent_dim"), [("digits", 2), ("digits", 8), ("glyphs", 8)])
def test_one_step_of_the_latent_traversal(benchmark, data, latent_dim):
    images = load(data, "test").images
    widget = LatentTraversal(Autoencoder(images.shape[1:], latent_dim), images)
    positions = itertools.cycle(position / 100 for position in range(-300, 300))

    def step():
        widget.sliders[0].value = next(positions)

    benchmark(step)


def test_one_step_of_gaussian_kl(benchmark):
    widget = GaussianKL()
    positions = itertools.cycle(position / 10 for position in range(-60, 60))

    def step():
        widget.mu_q.value = next(positions)

    benchmark(step)
