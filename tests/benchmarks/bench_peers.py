"""Training in the ways of others, beside the course's, in one run.

Needs the bench extra. All train the same network, 784-512-20 with one hidden layer on either
side, on 8,000 images in batches of 128, for one epoch, with cross-entropy and KL.
"""

import logging

import lightning
import numpy as np
import pytest
import torch
from PIL import Image
from pythae.data.datasets import BaseDataset
from pythae.models import VAE as PythaeVAE
from pythae.models import VAEConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_lib.datasets import load
from course_lib.models import VAE
from course_lib.training import fit

IMAGES = load("glyphs").images
BYTES = (IMAGES[:, 0] * 255).byte().numpy()
SHAPE, LATENT_DIM, WIDTH = (1, 28, 28), 20, 512


class FromBytes(Dataset):
    """Each image is made from bytes by Pillow when it is asked for, as torchvision's MNIST is."""

    def __len__(self):
        return len(BYTES)

    def __getitem__(self, i):
        return (torch.from_numpy(np.array(Image.fromarray(BYTES[i])))[None].float() / 255,)


class LightningVAE(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.vae = VAE.dense(SHAPE, LATENT_DIM, hidden=(WIDTH,))

    def training_step(self, batch):
        return self.vae.loss(batch[0]).total

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def course(folder):
    fit(VAE.dense(SHAPE, LATENT_DIM, hidden=(WIDTH,)), IMAGES, epochs=1)


def pytorch_examples(folder):
    model = VAE.dense(SHAPE, LATENT_DIM, hidden=(WIDTH,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for (x,) in DataLoader(FromBytes(), batch_size=128, shuffle=True):
        loss = model.loss(x).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # for the log


def with_lightning(folder):
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip
    loader = DataLoader(TensorDataset(IMAGES), batch_size=128, shuffle=True)
    trainer.fit(LightningVAE(), loader)


def with_pythae(folder):
    config = BaseTrainerConfig(
        output_dir=str(folder), per_device_train_batch_size=128, num_epochs=1,
        learning_rate=1e-3, keep_best_on_train=True, no_cuda=True,
    )  # fmt: skip
    model = PythaeVAE(VAEConfig(input_dim=SHAPE, latent_dim=LATENT_DIM, reconstruction_loss="bce"))
    BaseTrainer(model, BaseDataset(IMAGES, torch.zeros(len(IMAGES))), None, config).train()


@pytest.mark.filterwarnings("ignore")  # peers warn of their own matters
@pytest.mark.parametrize("way", [course, pytorch_examples, with_lightning, with_pythae])
def test_one_epoch(benchmark, way, tmp_path):
    for name in ("lightning", "lightning.pytorch", "pythae"):
        logging.getLogger(name).setLevel(logging.ERROR)
    benchmark.pedantic(way, (tmp_path,), rounds=7, warmup_rounds=1)
