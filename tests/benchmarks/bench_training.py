"""Training throughput on one model and one data set: `fit`, a tight loop, DataLoader loops.

Compare the rows of one run: each trains for two epochs on 8,000 images.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_lib.datasets import load
from course_lib.models import Autoencoder
from course_lib.training import fit

IMAGES = load("glyphs").images
BYTES = (IMAGES[:, 0] * 255).byte().numpy()
EPOCHS = 2


def fit_loop(model):
    fit(model, IMAGES, epochs=EPOCHS)


def tight_loop(model):
    """Tensors in memory, cross-entropy from logits, fused Adam, and nothing else."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    flat = IMAGES.flatten(1)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(flat), generator=generator).split(128):
            x = flat[batch]
            logits = model.decoder(model.encoder(x))
            loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def dataloader_loop(model):
    """A DataLoader over tensors in memory, sigmoid before the loss, plain Adam."""
    _loop_over(DataLoader(TensorDataset(IMAGES), batch_size=128, shuffle=True), model)


def transform_loop(model):
    """The way of pytorch/examples: each image is made from bytes by Pillow when it is asked for."""
    _loop_over(DataLoader(Transformed(), batch_size=128, shuffle=True), model)


class Transformed(Dataset):
    def __len__(self):
        return len(BYTES)

    def __getitem__(self, i):
        return (torch.from_numpy(np.array(Image.fromarray(BYTES[i])))[None].float() / 255,)


def _loop_over(loader, model):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for (x,) in loader:
            loss = F.binary_cross_entropy(model(x), x, reduction="sum") / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("loop", [fit_loop, tight_loop, dataloader_loop, transform_loop])
def test_training_of_an_autoencoder_784_400_20(benchmark, loop):
    benchmark.pedantic(
        loop,
        setup=lambda: ((Autoencoder((1, 28, 28), 20, hidden=(400,)),), {}),
        rounds=11,
        warmup_rounds=2,
    )
