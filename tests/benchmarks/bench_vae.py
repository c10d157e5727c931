"""Training of a VAE 784-400-20 by `fit` beside a loop written by hand.

Compare the rows of one run. The reference is the network and the loss of pytorch/examples: sigmoid
before the cross-entropy, Adam without fusion. Its batches lie in memory, as those of `fit` do.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.models import VAE
from course_lib.training import fit

SHAPE = (1, 28, 28)


class Reference(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def reference_loss(model, x):
    x_hat, mu, logvar = model(x)
    bce = F.binary_cross_entropy(x_hat, x.view(-1, 784), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def fit_loop(images):
    fit(VAE.dense(SHAPE, 20, hidden=(400,)), images, epochs=1)


def convolutional_fit_loop(images):
    fit(VAE.convolutional(SHAPE, 20), images, epochs=1)


def reference_loop(images):
    model = Reference()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in torch.randperm(len(images)).split(128):
        x = images[batch]
        optimizer.zero_grad()
        loss = reference_loss(model, x)
        loss.backward()
        optimizer.step()
        loss.item()  # for the log


@pytest.mark.parametrize("loop", [fit_loop, reference_loop, convolutional_fit_loop])
def test_fifty_training_steps(benchmark, loop):
    images = torch.rand(50 * 128, *SHAPE, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(loop, (images,), rounds=5, warmup_rounds=1)
