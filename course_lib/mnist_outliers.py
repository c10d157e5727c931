"""Which pictures a VAE of clothes finds strange: digits are likelier than clothes, or not?

    course outliers --usual fashion_mnist --strange mnist --minutes 2

A VAE is trained with one data set, for some minutes of one core, and 2,000 of its test images are
compared with as many of each strange kind. Pixels are binarised as in `course mnist`. Printed are
AUROC (APP.2), below ½ where a score finds the strange images more usual than the usual ones, and
its standard error, for four scores:

error:      squared error of the reconstruction from the mean of q(z|x).
elbo:       −ELBO, one draw.
nll:        −log p(x) by importance weighting (ELBO.12), 50 draws.
complexity: nll less the length of the image when zlib compresses it, in nats: how much shorter a
            general description is (Serrà et al., Input Complexity and Out-of-distribution Detection
            with Likelihood-based Generative Models, ICLR 2020).

Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, ICLR 2019.
"""

import math
import sys
import time
import zlib
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from course_lib.datasets import load
from course_lib.evaluation import auroc, importance_weighted_log_likelihood
from course_lib.mnist_likelihood import TEST_SEED, binarise, train
from course_lib.models import VAE
from course_lib.models.pretrained import silu_vae

LAYERS = (784, 512, 512, 40)
IMAGES, DRAWS = 2000, 50


def kinds(usual: Tensor, strange: Tensor, name: str) -> dict[str, Tensor]:
    """Strange images (N, 1, 28, 28) of several kinds, made of usual ones and of another set."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(usual[0].numel(), generator=generator)
    return {
        name: strange,
        "inverted": 1 - usual,
        "upside down": usual.flip(2),
        "shuffled": usual.flatten(1)[:, order].view_as(usual),
        "noise": torch.rand(usual.shape, generator=generator),
        "of the mean": usual.mean(0, keepdim=True).expand_as(usual),
        "black": torch.full_like(usual, 0.02),
    }


def compressed(images: Tensor) -> Tensor:
    """The length of each binary image when zlib compresses it, in nats: (N, ...) → (N,)."""
    rows = np.packbits(images.flatten(1).numpy().astype(np.uint8), axis=1)
    lengths = [len(zlib.compress(row.tobytes(), 9)) for row in rows]
    return 8 * math.log(2) * torch.tensor(lengths, dtype=torch.float32)


@torch.no_grad()
def scores(model: VAE, images: Tensor) -> dict[str, Tensor]:
    """Each score of binary images (N, 1, 28, 28), high for strange ones, (N,)."""
    draw = model.draw(images, torch.Generator().manual_seed(0))
    rebuilt = model.decode_mean(model.encode(images).mu)
    nll = -importance_weighted_log_likelihood(model, images, samples=DRAWS).per_image
    return {
        "error": (rebuilt - images).square().flatten(1).sum(1),
        "elbo": draw.nll + draw.kl.sum(1),
        "nll": nll,
        "complexity": nll - compressed(images),
    }


def main(
    usual: Annotated[str, typer.Option(help="The data set that is trained with.")] = (
        "fashion_mnist"
    ),
    strange: Annotated[str, typer.Option(help="The other data set.")] = "mnist",
    minutes: Annotated[float, typer.Option(help="How long to train.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Of weights, batches and noise.")] = 0,
) -> None:
    """Train on one data set for some minutes, and print the AUROC of each score and kind."""
    allowed = ("mnist", "fashion_mnist", "glyphs")
    for name in (usual, strange):
        if name not in allowed:
            raise typer.BadParameter(f"a data set is one of {', '.join(allowed)}, got {name}")
    torch.set_num_threads(1)  # so that the minutes are those of one core
    model = silu_vae(LAYERS, seed)
    images, clock = load(usual).images, time.process_time
    train(model, images, minutes=minutes, bound_samples=1, seed=seed, clock=clock)
    test, other = (load(name, "test").images[:IMAGES] for name in (usual, strange))
    generator = torch.Generator().manual_seed(TEST_SEED)
    own = scores(model, binarise(test, generator))
    print(f"a VAE of {usual}, {minutes:g} minutes, seed {seed}: AUROC")
    print(" ".ljust(13), *(f"{name:>14}" for name in own))
    for kind, images in kinds(test, other, strange).items():
        its = scores(model, binarise(images, generator))
        found = [auroc(own[name], its[name]) for name in own]
        print(f"{kind:13}", *(f"{area.value:6.3f} ± {area.error:5.3f}" for area in found))


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # for the minus
    typer.run(main)
