"""The contractive penalty of 128 images, 784 → 256 sigmoid units, by four routes; a training step.

Compare the rows of one run: the closed form of a given code, the same with the encoding, one
probe, and the others' ways: the whole Jacobian by jacrev and vmap, or one row of it at a time.
"""

import pytest
import torch

from course_lib.datasets import load
from course_lib.models import Autoencoder, ContractiveAutoencoder
from course_lib.models.contractive_autoencoder import (
    contractive_penalty,
    hutchinson_contractive_penalty,
    sigmoid_contractive_penalty,
)

IMAGES = load("glyphs").images[:128]
MODEL = ContractiveAutoencoder((1, 28, 28), 256).requires_grad_(False)
WEIGHT = MODEL.encoder[0].weight
CODE = MODEL.encode(IMAGES)


def closed_form_of_a_code():
    return sigmoid_contractive_penalty(CODE, WEIGHT)


def closed_form():
    return sigmoid_contractive_penalty(MODEL.encode(IMAGES), WEIGHT)


def one_probe():
    return hutchinson_contractive_penalty(MODEL.encode, IMAGES)


def whole_jacobian():
    return contractive_penalty(MODEL.encode, IMAGES)


def loop_over_units():
    x = IMAGES.clone().requires_grad_()
    units = MODEL.encode(x).sum(0)  # images do not touch each other
    rows = (torch.autograd.grad(unit, x, retain_graph=True)[0] for unit in units)
    return sum(row.flatten(1).square().sum(1) for row in rows)


ROUTES = [closed_form_of_a_code, closed_form, one_probe, whole_jacobian, loop_over_units]


@pytest.mark.parametrize("route", ROUTES)
def test_penalty_784_256(benchmark, route):
    rounds = 5 if route in (whole_jacobian, loop_over_units) else 100
    benchmark.pedantic(route, rounds=rounds, warmup_rounds=2)


def plain():
    return Autoencoder((1, 28, 28), 256, hidden=(), code="sigmoid")


def contractive():
    return ContractiveAutoencoder((1, 28, 28), 256)


def plain_deep():
    return Autoencoder((1, 28, 28), 64, hidden=(256,), code="sigmoid")


def contractive_deep():
    return ContractiveAutoencoder((1, 28, 28), 64, hidden=(256,))


@pytest.mark.parametrize("make", [plain, contractive, plain_deep, contractive_deep])
def test_one_training_step(benchmark, make):
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step():
        loss = model.loss(IMAGES).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    benchmark.pedantic(step, rounds=100, warmup_rounds=10)
