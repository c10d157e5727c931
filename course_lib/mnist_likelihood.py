"""How low a VAE gets on MNIST in five minutes on two cores, and how it is measured.

    course mnist --network 784-512-512-40 --minutes 5 --prior flow

Pixels are binarised dynamically: every time an image is used for training, each pixel is drawn
from a Bernoulli distribution whose probability is its grey value; the 10,000 test images are drawn
once, with a fixed seed. Both figures are means over all of them, in nats per image: −ELBO with ten
draws of z per image, and the negative log-likelihood estimated by importance weighting (ELBO.12)
with 500 draws, which on average is too pessimistic.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated

import torch
import typer
from torch import Tensor

from course_lib.datasets import load
from course_lib.evaluation import importance_weighted_log_likelihood
from course_lib.models import VAE
from course_lib.models.pretrained import silu_vae
from course_lib.noise import Rng, uniform_like
from course_lib.objectives import Beta, ImportanceWeighted, Loss, Objective, Step
from course_lib.priors import FlowPrior, GaussianMixture, Prior, StandardNormal, VampPrior
from course_lib.training import History, Progress, fit

WARM_UP = 0.1  # share of the time in which the weight of the KL grows from 0 to 1
TIGHTER = 0.6  # share of the time after which the bound gets more than one sample
TEST_SEED = 20_140_416  # of the binarisation of the test images


class Kind(StrEnum):
    """The priors that can be trained with the model."""

    STANDARD = "standard"
    MIXTURE = "mixture"
    VAMP = "vamp"
    FLOW = "flow"


def prior_of(kind: Kind, model: VAE, images: Tensor, seed: int) -> Prior:
    """A prior for the codes of a model: a mixture of 500, 500 pseudo-inputs, or eight couplings.

    images: of which pseudo-inputs are the first values.
    """
    d = model.latent_dim
    match kind:
        case Kind.MIXTURE:
            return GaussianMixture(d, 500, seed)
        case Kind.VAMP:
            generator = torch.Generator().manual_seed(seed)
            rows = torch.randperm(len(images), generator=generator)[:500]
            return VampPrior(model.encoder, images[rows])
        case Kind.FLOW:
            return FlowPrior(d, couplings=8, hidden=128, seed=seed)
        case _:
            return StandardNormal(d)


def binarise(images: Tensor, generator: Rng) -> Tensor:
    """Every pixel is 1 with the probability that is its grey value: (B, C, H, W), 0 or 1."""
    # Three times as fast as torch.bernoulli.
    return (uniform_like(images, generator) < images).to(images.dtype)


def train(
    model: VAE, images: Tensor, *, minutes: float, bound_samples: int = 8, batch_size: int = 200,
    lr: float = 3e-3, seed: int = 0, clock: Callable[[], float] = time.monotonic,
) -> int:  # fmt: skip
    """Train for a fixed time, and return how many steps it allowed.

    For six tenths of the time the loss is −ELBO, after that the importance-weighted bound (ELBO.12)
    with `bound_samples` k on smaller batches; with k = 1 the two are the same. The learning rate
    falls to 0 along a cosine; the weight of the KL warms up; the biases of the decoder's last layer
    start at the mean of each pixel. clock: tells the time in seconds.
    """
    *_, bias = model.decoder.parameters()
    with torch.no_grad():
        bias.copy_(torch.logit(images.mean(0).flatten(), eps=1e-3))
    start = clock()

    def share() -> float:
        return min(1.0, (clock() - start) / (60 * minutes))

    def elbo(model: VAE, x: Tensor, generator: Rng, step: Step) -> Loss:
        return Beta(min(1.0, share() / WARM_UP))(model, binarise(x, generator), generator)

    def tighter(model: VAE, x: Tensor, generator: Rng, step: Step) -> Loss:
        return ImportanceWeighted(bound_samples)(model, binarise(x, generator), generator)

    def follow(progress: Progress, until: float) -> bool:
        progress.optimizers[0].param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * share())) / 2
        return share() >= until

    # A step with k samples, which encodes less and decodes more, then costs as much.
    fewer = math.ceil(2.4 * batch_size / bound_samples)
    phases: list[tuple[Objective, int, float]] = [(elbo, batch_size, 1.0)]
    if bound_samples > 1:
        phases = [(elbo, batch_size, TIGHTER), (tighter, fewer, 1.0)]
    history: History | None = None
    steps = 0
    for objective, size, until in phases:
        history = fit(
            model, images, epochs=None, batch_size=size, lr=lr, seed=seed, objective=objective,
            callback=partial(follow, until=until), resume=history, precision="bfloat16",
        )  # fmt: skip
        steps = history.state["steps"]
    return steps


@torch.no_grad()
def negative_elbo(model: VAE, images: Tensor, draws: int = 10) -> float:
    """−ELBO in nats per image, the mean over several draws of z for each image."""
    generator = torch.Generator().manual_seed(0)
    batches = [batch for batch in images.split(1000) for _ in range(draws)]
    losses = [len(batch) * model.loss(batch, generator).total.item() for batch in batches]
    return sum(losses) / (draws * len(images))


def main(
    network: Annotated[str, typer.Option(help="Layers, from pixels to code.")] = "784-512-512-40",
    minutes: Annotated[float, typer.Option(help="How long to train.")] = 5.0,
    samples: Annotated[int, typer.Option(help="Draws of z per image for the likelihood.")] = 500,
    bound_samples: Annotated[int, typer.Option(help="In the bound at the end; 1: ELBO.")] = 8,
    prior: Annotated[Kind, typer.Option(help="Of the codes, trained with the model.")] = (
        Kind.STANDARD
    ),
    seed: Annotated[int, typer.Option(help="Of weights, batches and noise.")] = 0,
) -> None:
    """Train on MNIST for some minutes and print −ELBO and the negative log-likelihood."""
    try:
        sizes = [int(size) for size in network.split("-")]
        if sizes[0] != 784 or len(sizes) < 2 or min(sizes) < 1:
            raise ValueError
    except ValueError:
        raise typer.BadParameter(f"a network is written like 784-400-20, got {network}") from None
    torch.set_num_threads(os.cpu_count() or 1)  # not one, as for what trains in seconds
    train_images = load("mnist").images
    test_generator = torch.Generator().manual_seed(TEST_SEED)
    test_images = binarise(load("mnist", "test").images, test_generator)
    model = silu_vae(sizes, seed)
    model.prior = prior_of(prior, model, train_images, seed)
    steps = train(model, train_images, minutes=minutes, bound_samples=bound_samples, seed=seed)
    how = f"{prior} prior, {minutes:g} minutes, {steps} steps, k = {bound_samples}, seed {seed}"
    print(f"{network}, {how}")
    print(f"−ELBO {negative_elbo(model, test_images):.2f} nats")
    estimate = importance_weighted_log_likelihood(model, test_images, samples=samples)
    print(f"NLL   {-estimate.mean:.2f} ± {estimate.standard_error:.2f} nats, {samples} samples")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # for the minus
    typer.run(main)
