"""A β-VAE and its scores on other people's data: dSprites (Matthey et al. 2017), a subset."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib.evaluation import dci, mutual_information_gap, separated_attribute_predictability
from course_lib.models import BetaVAE
from course_lib.training import sweep

BETAS = (0.5, 4.0, 30.0)


@pytest.fixture
def sprites(real_files):
    """Images at half the size (N, 1, 32, 32), and the classes of shape, scale, turn, x and y."""
    path = real_files / "dsprites" / "dsprites_subset.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    with np.load(path, allow_pickle=False) as file:  # "metadata" is pickled: never read it
        pixels, classes = file["imgs"], file["latents_classes"]
    images = F.avg_pool2d(torch.from_numpy(pixels[:, None]).float(), 2)
    return images, torch.from_numpy(classes).float()


def test_the_scores_of_a_beta_vae_on_dsprites(sprites):
    images, factors = sprites
    print(
        images.shape,
        images.min(),
        images.max(),
        factors.amin(0),
        factors.amax(0),
        [len(f.unique()) for f in factors.T],
    )
    rows = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, test = images[rows[:5000]], images[rows[5000:7000]]
    truth = factors[rows[5000:7000]]
    models = [BetaVAE((1, 32, 32), 6, hidden=(128,), beta=beta) for beta in BETAS]
    import time

    t = time.time()

    def scores(model):
        with torch.no_grad():
            codes = model.encode(test)[0]
        return (
            mutual_information_gap(codes, truth).mean().item(),
            separated_attribute_predictability(codes, truth).mean().item(),
            *dci(codes, truth),
        )

    untrained = scores(models[0])
    print(untrained)
    sweep(models, train, epochs=20, lr=2e-3)
    print(time.time() - t)
    with torch.no_grad():
        terms = [model.loss(test, torch.Generator().manual_seed(0)).terms for model in models]
    print([(t["reconstruction"].item(), t["kl"].item()) for t in terms])
    for model in models:
        print(scores(model), time.time() - t)
    assert 0
