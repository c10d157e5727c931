"""How well MNIST is classified with 100 labels after five minutes of one core.

    course labels --model m1m2 --labels 100 --minutes 5

As many labels of each class are known, drawn by the seed; all 60,000 images are there. The minutes
are those of the processor, so that a busy machine trains as well as an idle one. Images are
binarised anew each time that they are used, and the 10,000 test images once, at one half.

classifier: the network q(y|x) of M2 alone, with the labelled images, moved by up to two pixels.
pseudo:     the same network; for the second half of the time it also learns what it was sure of.
neighbours: a VAE of all images, and the class of the nearest labelled code.
m2:         the classifier for a tenth of the time; a conditional VAE of the pixels with it for
            four tenths, while it stands still; and both together, all with images so moved.
m1m2:       a VAE of all images first, for six tenths of the time, and M2 on its codes.

Kingma, Rezende, Mohamed & Welling, Semi-Supervised Learning with Deep Generative Models,
NeurIPS 2014: with 100 labels M2 has 11.97 ± 1.71 % errors, M1 + M2 3.33 ± 0.14 %.
"""

import math
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn
from torch.nn import functional

from course_lib.datasets import few_labels, labels_repeated, load, shifted
from course_lib.evaluation import active_units
from course_lib.likelihoods import Gaussian
from course_lib.mnist_likelihood import binarise
from course_lib.models import VAE, SemiSupervisedVAE
from course_lib.noise import Rng
from course_lib.objectives import Beta, Classification, LabelLikelihood, Loss, Objective, Step
from course_lib.priors import DiagonalNormal
from course_lib.training import Progress, fit

SHAPE = (1, 28, 28)
SHARE = 0.2  # of the rows, those with a label, which are repeated until they are as many
SHIFT = 2  # pixels
ALPHA = 5.0  # weight of the classifier's own term, for each labelled row
Clock = Callable[[], float]


class Model(StrEnum):
    """What can be trained."""

    CLASSIFIER = "classifier"
    PSEUDO = "pseudo"
    NEIGHBOURS = "neighbours"
    M2 = "m2"
    M1M2 = "m1m2"


def repeated(data: dict[str, Tensor], share: float = SHARE) -> dict[str, Tensor]:
    """The data with the labelled rows repeated until they are this share of all rows."""
    known = int((data["labels"] >= 0).sum())
    times = round(share / (1 - share) * (len(data["labels"]) - known) / known)
    return labels_repeated(data, max(0, times - 1))


def labelled(data: dict[str, Tensor]) -> dict[str, Tensor]:
    """The rows with a label."""
    return {name: tensor[data["labels"] >= 0] for name, tensor in data.items()}


@torch.no_grad()
def pseudo_labels(
    classifier: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor, sure: float = 0.9
) -> Tensor:
    """The labels that are known, and those that a classifier gives with so much probability."""
    logits = torch.cat([classifier((part > 0.5).float()) for part in images.split(1000)])
    probability, guess = logits.softmax(1).max(1)
    return torch.where(labels >= 0, labels, torch.where(probability > sure, guess, -1))


def nearest(codes: Tensor, known: Tensor, labels: Tensor) -> Tensor:
    """The class of the nearest known code, one-hot: (N, d), (M, d), (M,) → (N, 10)."""
    return functional.one_hot(labels[torch.cdist(codes, known).argmin(1)], 10)


def on_binarised(objective: Objective, shift: int = 0) -> Objective:
    """The objective for images that are binarised anew, and moved by up to so many pixels."""

    def of_batch(model: Any, x: Any, generator: Rng = None, step: Step = None) -> Loss:
        if isinstance(x, Tensor):
            return objective(model, binarise(x, generator), generator, step)
        images = binarise(shifted(x["images"], shift, generator), generator)
        return objective(model, {**x, "images": images}, generator, step)

    return of_batch


def moved_and_binarised(objective: Objective) -> Objective:
    """The objective for images that are moved by up to two pixels, and binarised anew."""
    return on_binarised(objective, SHIFT)


def on_codes(objective: Objective) -> Objective:
    """The objective for a new draw of each code, from its mu and logvar."""

    def of_batch(model: Any, x: Any, generator: Rng = None, step: Step = None) -> Loss:
        codes = DiagonalNormal(x["mu"], x["logvar"]).sample(generator)
        return objective(model, {"images": codes, "labels": x["labels"]}, generator, step)

    return of_batch


def train(
    model: nn.Module, data: Any, objective: Objective, *, minutes: float, lr: float = 2e-3,
    batch_size: int = 200, seed: int = 0, clock: Clock = time.process_time,
) -> int:  # fmt: skip
    """Train for a fixed time, with a learning rate that falls to 0 along a cosine; the steps."""
    start = clock()

    def follow(progress: Progress) -> bool:
        share = min(1.0, (clock() - start) / (60 * minutes))
        progress.optimizers[0].param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * share)) / 2
        return share >= 1

    history = fit(
        model, data, epochs=None, batch_size=batch_size, lr=lr, seed=seed, objective=objective,
        callback=follow,
    )  # fmt: skip
    return history.state["steps"]


def train_m2(
    m2: SemiSupervisedVAE, data: dict[str, Tensor], on: Callable[[Objective], Objective], *,
    minutes: float, seed: int, clock: Clock,
) -> None:  # fmt: skip
    """The classifier for a tenth of the time, the rest for four tenths, and both for five.

    While the rest is trained the classifier stands still: a decoder that knows nothing yet would
    teach it classes of its own. on: what an objective sees of the data.
    """
    timing: dict[str, Any] = {"seed": seed, "clock": clock}
    alone = on(LabelLikelihood())
    few = labelled(data)
    train(m2.classifier, few, alone, minutes=0.1 * minutes, batch_size=100, **timing)
    m2.classifier.requires_grad_(False)
    both = on(Classification(ALPHA))
    train(m2, repeated(data), both, minutes=0.4 * minutes, **timing)
    m2.classifier.requires_grad_(True)
    train(m2, repeated(data), both, minutes=0.5 * minutes, **timing)


@torch.no_grad()
def encoded(model: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """μ and log σ² of q(z|x), (N, d) each, a thousand images at a time."""
    mu, logvar = zip(*(model.encode(part) for part in images.split(1000)), strict=True)
    return torch.cat(mu), torch.cat(logvar)


def trained(
    kind: Model, images: Tensor, labels: Tensor, *, minutes: float, seed: int = 0,
    hidden: tuple[int, ...] = (500, 500), clock: Clock = time.process_time,
) -> Callable[[Tensor], Tensor]:  # fmt: skip
    """A classifier, binary images → logits, trained with labels of which many are −1."""
    timing: dict[str, Any] = {"seed": seed, "clock": clock}
    data = {"images": images, "labels": labels}
    known = labels >= 0
    if kind in (Model.M1M2, Model.NEIGHBOURS):
        share = 1.0 if kind is Model.NEIGHBOURS else 0.6
        m1 = VAE.dense(SHAPE, 50, hidden=hidden, seed=seed)
        train(m1, images, on_binarised(Beta(1.0, warm_up=400)), minutes=share * minutes, **timing)
        mu, logvar = encoded(m1, (images > 0.5).float())
        if kind is Model.NEIGHBOURS:
            return lambda x: nearest(encoded(m1, x)[0], mu[known], labels[known])
        kept = active_units(mu)
        n = int(kept.sum())
        m2 = SemiSupervisedVAE.dense((n,), 10, hidden=(200,), likelihood=Gaussian(), seed=seed)
        codes = {"mu": mu[:, kept], "logvar": logvar[:, kept], "labels": labels}
        train_m2(m2, codes, on_codes, minutes=(1 - share) * minutes, **timing)
        return lambda x: m2.classifier(encoded(m1, x)[0][:, kept])

    # One sample of y and not the sum over ten: in the same time twice the steps.
    m2 = SemiSupervisedVAE.dense(SHAPE, 6, hidden=hidden[:1], temperature=2 / 3, seed=seed)
    if kind is Model.M2:
        train_m2(m2, data, moved_and_binarised, minutes=minutes, **timing)
        return m2.classifier
    share = 0.5 if kind is Model.PSEUDO else 1.0
    alone: dict[str, Any] = {"objective": moved_and_binarised(LabelLikelihood()), "batch_size": 100}
    train(m2.classifier, labelled(data), minutes=share * minutes, **alone, **timing)
    if kind is Model.PSEUDO:
        data["labels"] = pseudo_labels(m2.classifier, images, labels)
        train(m2.classifier, labelled(data), minutes=0.5 * minutes, **alone, **timing)
    return m2.classifier


@torch.no_grad()
def error(classifier: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> float:
    """The share of images that are given another class than theirs."""
    guesses = torch.cat([classifier(part).argmax(1) for part in images.split(1000)])
    return (guesses != labels).double().mean().item()


def main(
    model: Annotated[Model, typer.Option(help="What is trained.")] = Model.M1M2,
    labels: Annotated[int, typer.Option(help="How many are known, a multiple of 10.")] = 100,
    minutes: Annotated[float, typer.Option(help="How long to train, of the processor.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Of labels, weights, batches and noise.")] = 0,
) -> None:
    """Train on MNIST with few labels for some minutes, and print the errors on test images."""
    if labels < 10 or labels % 10:
        raise typer.BadParameter(f"labels must be a multiple of 10, got {labels}")
    torch.set_num_threads(1)  # so that the minutes are those of one core
    mnist, test = load("mnist"), load("mnist", "test")
    assert mnist.labels is not None and test.labels is not None
    known = few_labels(mnist.labels, labels // 10, seed)
    classifier = trained(model, mnist.images, known, minutes=minutes, seed=seed)
    wrong = error(classifier, (test.images > 0.5).float(), test.labels)
    print(f"{model}, {labels} labels, {minutes:g} minutes, seed {seed}: {100 * wrong:.2f} % errors")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    typer.run(main)
