"""The β-VAE and its scores on other people's data: a subset of dSprites (Matthey et al. 2017)."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib.evaluation import dci, mutual_information_gap, separated_attribute_predictability
from course_lib.models import VAE
from course_lib.objectives import Beta
from course_lib.training import sweep

pytestmark = pytest.mark.slow

BETAS, SEEDS = (1.0, 8.0), (0, 1, 2)


@pytest.fixture
def sprites(sprites_file):
    """Images at a quarter of their size (N, 1, 16, 16), and the shape, scale, turn, x and y."""
    with np.load(
        sprites_file, allow_pickle=False
    ) as file:  # never its "metadata", which is pickled
        pixels, classes = file["imgs"], file["latents_classes"]
    chosen = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))[:7000]
    images = torch.from_numpy(pixels)[chosen, None].float()
    return F.avg_pool2d(images, 4), torch.from_numpy(classes)[chosen].float()


@torch.no_grad()
def scores(model, images, factors):
    """MIG, SAP and the three of DCI."""
    codes = model.encode(images).mu
    return np.array(
        [
            mutual_information_gap(codes, factors).mean(),
            separated_attribute_predictability(codes, factors).mean(),
            *dci(codes, factors),
        ]
    )


def test_a_beta_vae_learns_axes_that_match_the_factors_of_dsprites(sprites):
    images, factors = sprites
    assert [len(column.unique()) for column in factors.T] == [3, 6, 40, 32, 32]
    train, test, truth = images[:5000], images[5000:], factors[5000:]
    models = {
        (beta, seed): VAE.dense((1, 16, 16), 6, hidden=(64,), seed=seed)
        for beta in BETAS
        for seed in SEEDS
    }
    untrained = np.mean([scores(models[1.0, seed], test, truth) for seed in SEEDS], axis=0)
    objectives = [Beta(beta) for beta, _ in models]
    sweep(list(models.values()), train, objectives, epochs=15, lr=3e-3)
    distortion = {}
    for beta in BETAS:
        trained = np.mean([scores(models[beta, seed], test, truth) for seed in SEEDS], axis=0)
        assert (trained > 1.25 * untrained).all(), beta
        assert (trained < 0.8).all(), beta  # and far from perfect
        with torch.no_grad():
            noise = torch.Generator().manual_seed(0)
            terms = [models[beta, seed].loss(test, noise).terms for seed in SEEDS]
        distortion[beta] = np.mean([term["reconstruction"].item() for term in terms])
    assert distortion[8.0] > 1.5 * distortion[1.0]


def test_a_code_that_is_the_factors_is_perfect(sprites):
    _, factors = sprites
    assert mutual_information_gap(factors, factors).min() > 0.95
    assert separated_attribute_predictability(factors, factors).min() > 0.95
    assert dci(factors, factors) == pytest.approx((1, 1, 1), abs=0.02)
