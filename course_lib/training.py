"""The training loop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib.models.beta_vae import BetaVAE, BetaVAEStack
from course_lib.models.parts import Loss


@dataclass(frozen=True)
class History:
    """What `fit` saw: one number per epoch for every named term of the loss and for "total".

    terms: the unweighted terms, averaged over the images of the epoch, in the loss's units.
    interrupted: whether the user stopped the training; the last number then averages over the
        part of its epoch that was done.
    """

    terms: dict[str, list[float]]
    interrupted: bool


def fit(
    model: nn.Module,
    images: Tensor,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 1e-3,
    seed: int = 0,
) -> History:
    """Minimise `model.loss(x).total` over minibatches of `images` with Adam.

    images: (N, C, H, W), kept in memory and sliced; the order of every epoch, and whatever the
    loss draws, comes from `seed`. A second call goes on from the weights of the first.
    Kernel → Interrupt ends the training early and keeps the weights and the history so far.

    Raises ValueError for images that are empty or not finite and for epochs, batch_size or lr
    that are not positive; FloatingPointError when the loss is no longer finite, before that
    step touches the weights.
    Adam: Kingma & Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """
    _check_arguments(images, epochs=epochs, batch_size=batch_size, lr=lr)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    steps_per_epoch = math.ceil(len(images) / batch_size)
    log: list[tuple[int, dict[str, float]]] = []  # per step: images, terms
    model.train()
    with tqdm(total=epochs * steps_per_epoch, desc="training", leave=False) as progress:
        try:
            for _ in range(epochs):
                for batch in torch.randperm(len(images), generator=generator).split(batch_size):
                    loss = model.loss(images[batch], generator=generator)
                    total = loss.total
                    if not math.isfinite(total.item()):
                        raise FloatingPointError(_not_finite(loss, len(log), steps_per_epoch))
                    optimizer.zero_grad()
                    total.backward()
                    optimizer.step()
                    terms = {name: term.item() for name, term in loss.terms.items()}
                    log.append((len(batch), {**terms, "total": total.item()}))
                    progress.update()
        except KeyboardInterrupt:
            print(f"interrupted after {len(log)} of {progress.total} steps; weights are kept")
    model.eval()
    return History(_epoch_means(log, steps_per_epoch), interrupted=len(log) < progress.total)


def sweep(models: Sequence[BetaVAE], images: Tensor, **settings: Any) -> list[History]:
    """Train β-VAEs of one architecture, with different β or seeds, all at once.

    Each ends with the weights and the history that `fit` with the same settings
    would give it alone, up to rounding. Kernel → Interrupt keeps what all have
    learned so far.
    settings: the keyword arguments of `fit`.
    Raises what `fit` and BetaVAEStack raise.
    """
    stack = BetaVAEStack(models)
    together = fit(stack, images, **settings)
    stack.unstack()
    histories = []
    for s, model in enumerate(models):
        model.eval()
        names = ("reconstruction", "kl", "total")
        terms = {name: together.terms.get(f"{name} {s}", []) for name in names}
        histories.append(History(terms, together.interrupted))
    return histories


def _epoch_means(
    log: list[tuple[int, dict[str, float]]], steps_per_epoch: int
) -> dict[str, list[float]]:
    """Per term and epoch, the mean over images; batches may differ in size."""
    epochs = [log[i : i + steps_per_epoch] for i in range(0, len(log), steps_per_epoch)]
    names = log[0][1] if log else ()
    return {
        name: [
            sum(n * terms[name] for n, terms in epoch) / sum(n for n, _ in epoch)
            for epoch in epochs
        ]
        for name in names
    }


def _not_finite(loss: Loss, step: int, steps_per_epoch: int) -> str:
    terms = ", ".join(f"{name} = {term.item():g}" for name, term in loss.terms.items())
    return (
        f"the loss is not finite in epoch {step // steps_per_epoch + 1}, "
        f"step {step % steps_per_epoch + 1}: {terms}. A smaller lr usually helps; "
        "train a fresh model with it."
    )


def _check_arguments(images: Tensor, **positive: float) -> None:
    if len(images) == 0:
        raise ValueError(f"images must hold at least one image, got shape {tuple(images.shape)}")
    if not all(map(torch.isfinite, torch.aminmax(images))):
        raise ValueError("images must be finite, got NaN or infinite pixels")
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
