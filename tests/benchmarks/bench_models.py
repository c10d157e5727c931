"""One training step of each model, 784-256 with sigmoid units, beside the plain autoencoder's."""

import pytest
import torch

from course_lib.models import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    L1Autoencoder,
    SparseAutoencoder,
    TopKAutoencoder,
)

SIZE = {"image_shape": (1, 28, 28), "latent_dim": 256, "hidden": ()}
MODELS = {
    "plain": lambda: Autoencoder(**SIZE, code="sigmoid"),
    "denoising": lambda: DenoisingAutoencoder(**SIZE, code="sigmoid"),
    "sparse": lambda: SparseAutoencoder(**SIZE),
    "sparse, L1": lambda: L1Autoencoder(**SIZE),
    "sparse, top-k": lambda: TopKAutoencoder(**SIZE, k=16),
    "contractive": lambda: ContractiveAutoencoder(**SIZE),
    "contractive, tied": lambda: ContractiveAutoencoder(**SIZE, tied=True),
}


@pytest.mark.parametrize("name", MODELS)
def test_one_training_step(benchmark, name):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(128, 1, 28, 28, generator=generator)
    model = MODELS[name]()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step():
        loss = model.loss(images, generator=generator).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    benchmark(step)
