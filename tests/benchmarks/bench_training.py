"""Training throughput on one model and one data set: `fit`, a tight loop, and a DataLoader loop.

Compare the rows of one run; the "OPS" column counts epochs over 6,000 images a second.
"""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_lib.datasets import load
from course_lib.models import Autoencoder
from course_lib.training import fit

IMAGES = load("glyphs").images[:6000]


def fit_loop(model):
    fit(model, IMAGES, epochs=1)


def tight_loop(model):
    """Tensors in memory, cross-entropy from logits, fused Adam, and nothing else."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    flat = IMAGES.flatten(1)
    for batch in torch.randperm(len(flat), generator=generator).split(128):
        x = flat[batch]
        logits = model.decoder(model.encoder(x))
        loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def dataloader_loop(model):
    """The loop of most tutorials: one image at a time through a DataLoader, plain Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for (x,) in DataLoader(TensorDataset(IMAGES), batch_size=128, shuffle=True):
        loss = F.binary_cross_entropy(model(x), x, reduction="sum") / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("loop", [fit_loop, tight_loop, dataloader_loop])
def test_one_epoch_of_an_autoencoder_784_400_20(benchmark, loop):
    benchmark.pedantic(
        loop,
        setup=lambda: ((Autoencoder((1, 28, 28), 20, hidden=(400,)),), {}),
        rounds=15,
        warmup_rounds=2,
    )
