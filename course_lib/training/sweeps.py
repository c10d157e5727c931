"""Many models trained on the same images: stacked into one, or handed to an executor."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.information import kl_diagonal_normal
from course_lib.models.variational_autoencoder import VAE
from course_lib.noise import Rng, normal_like
from course_lib.objectives import Beta, Loss, Objective
from course_lib.priors import StandardNormal
from course_lib.training.loop import INTERRUPTED, History, fit


def sweep(
    models: Sequence[Any],
    images: Tensor,
    objectives: Sequence[Objective | None],
    *,
    executor: Executor | None = None,
    **settings: Any,
) -> list[History]:
    """Train several models, each with its objective, on the same images.

    Without an executor the models are VAEs of one architecture with fully connected networks and
    the objectives Betas; they are trained all at once, and each ends with the weights and the
    history that `fit` with the same settings would give it alone, up to rounding. Kernel →
    Interrupt keeps what all have learned so far.
    executor: a process pool of concurrent.futures, or that of a Dask or Ray cluster. Models and
        objectives may then be any, each is trained by `fit` in a worker, and its weights are copied
        back, as is the state of its objective. Dask's workers return all memory at once, which
        halves the pace of a training, unless dask.config sets
        distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_ to None.
    settings: the keyword arguments of `fit`.
    Raises what `fit` and StackedVAE raise, and ValueError when there is not one objective a model.
    """
    if len(models) != len(objectives):
        raise ValueError(f"objectives must number {len(models)} like models, got {len(objectives)}")
    if executor is None:
        return _at_once(models, images, objectives, settings)
    futures = [
        executor.submit(_alone, model, images, objective, settings)
        for model, objective in zip(models, objectives, strict=True)
    ]
    histories = []
    for model, objective, future in zip(models, objectives, futures, strict=True):
        weights, history = future.result()
        model.load_state_dict(weights)
        if isinstance(objective, nn.Module):
            objective.load_state_dict(history.state["objective"])
        model.eval()
        histories.append(history)
    return histories


def _alone(
    model: Any, images: Tensor, objective: Objective | None, settings: dict[str, Any]
) -> tuple[dict[str, Tensor], History]:
    """What a worker does; one thread, as importing course_lib.training has set."""
    history = fit(model, images, objective=objective, **settings)
    return model.state_dict(), history


def _at_once(
    models: Sequence[Any],
    images: Tensor,
    objectives: Sequence[Any],
    settings: dict[str, Any],
) -> list[History]:
    stack = StackedVAE(models, objectives)
    together = fit(stack, images, objective=stack.objective, **settings)
    stack.unstack()
    (INTERRUPTED.update if together.interrupted else INTERRUPTED.difference_update)(models)
    histories = []
    for s, model in enumerate(models):
        model.eval()
        names = ("reconstruction", "kl", "total")
        terms = {name: together.terms.get(f"{name} {s}", []) for name in names}
        measured = together.validation  # empty without validation images
        validation = {name: measured[f"{name} {s}"] for name in names} if measured else {}
        histories.append(History(terms, together.interrupted, validation))
    return histories


class StackedVAE(nn.Module):
    """Several VAEs of one architecture as one, by batched matrix products.

    Its loss is the sum of theirs on the same images and the same noise; no model sees another. So
    training the stack trains each as if alone, with fewer and larger steps for the computer.
    models: VAEs of dense networks, at least one, and a Beta for each. `unstack` writes the weights
    back into them.
    Raises ValueError for other models or objectives, models that learn their σ or have another
    prior than a StandardNormal, or ones that differ in their layers, likelihood or prior from the
    first; a fixed σ may differ.
    """

    def __init__(self, models: Sequence[VAE], objectives: Sequence[Beta]) -> None:
        super().__init__()
        if not models or any(type(part) is not VAE for part in models):
            raise ValueError(f"models must be VAEs, got {[type(m).__name__ for m in models]}")
        if any(type(part) is not Beta for part in objectives):
            raise ValueError(f"objectives must be Betas, got {list(objectives)}")
        if any(p.requires_grad for m in models for p in m.likelihood.parameters()):
            raise ValueError("models that learn their sigma cannot be stacked; fix it")
        for prior in (m.prior for m in models):
            if type(prior) is not StandardNormal:  # its KL is that of the loss below
                raise ValueError(f"prior must be a StandardNormal, got a {type(prior).__name__}")
        if len({str(m) for m in models}) > 1:
            raise ValueError("models must have the same layers, likelihood and prior")
        widths = {tuple(map(float, m.likelihood.buffers())) for m in models}
        self.one_likelihood = len(widths) == 1
        self.models = list(models)  # no parameters of this module: they are not trained here
        self.objectives = list(objectives)
        self.encoder = _stacked([m.encoder for m in models])
        self.decoder = _stacked([m.decoder for m in models])

    def objective(self, model: nn.Module, x: Tensor, generator: Rng, step: int | None) -> Loss:
        """The terms and the total of every model s, as "kl s" and so on; the totals count."""
        S, B = len(self.models), len(x)
        mu, logvar = self.encoder(x.flatten(1).expand(S, B, -1)).chunk(2, dim=2)  # (S, B, d)
        epsilon = normal_like(mu[0], generator)  # for all models the same
        output = self.decoder(mu + (logvar / 2).exp() * epsilon)  # (S, B, D)
        pixels = output.reshape(S, *x.shape)
        if self.one_likelihood:
            images = x.expand(pixels.shape).flatten(0, 1)
            log_prob = self.models[0].likelihood.log_prob(images, pixels.flatten(0, 1)).view(S, B)
        else:
            pairs = zip(self.models, pixels, strict=True)
            log_prob = torch.stack([model.likelihood.log_prob(x, mean) for model, mean in pairs])
        nll = -log_prob.mean(1)  # (S,)
        kl = kl_diagonal_normal(mu, logvar).mean(1)  # (S,)
        terms: dict[str, Tensor] = {}
        weights: dict[str, float | Tensor] = {}
        for s, objective in enumerate(self.objectives):
            total = nll[s] + objective.weight(step) * kl[s]
            terms |= {f"reconstruction {s}": nll[s], f"kl {s}": kl[s], f"total {s}": total}
            weights |= {f"reconstruction {s}": 0.0, f"kl {s}": 0.0}
        return Loss(terms, weights)

    @torch.no_grad()
    def unstack(self) -> None:
        """Give every model its weights."""
        for s, model in enumerate(self.models):
            for stack, network in (self.encoder, model.encoder), (self.decoder, model.decoder):
                for parameter, own in zip(stack.parameters(), network.parameters(), strict=True):
                    own.copy_(parameter[s])


class _StackedLinear(nn.Module):
    """S linear layers, one for each of S batches: (S, B, n) → (S, B, m)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, None], x, self.weight.mT)


def _stacked(networks: Sequence[Any]) -> nn.Sequential:
    """The linear layers stacked, the ReLUs as they are; pixels are flat already."""
    layers: list[nn.Module] = []
    for same in zip(*networks, strict=True):
        if isinstance(same[0], nn.Linear):
            layers.append(_StackedLinear(same))
        elif isinstance(same[0], nn.ReLU):
            layers.append(same[0])
        elif not isinstance(same[0], nn.Flatten | nn.Unflatten):
            raise ValueError(f"only dense networks can be stacked, got a {type(same[0]).__name__}")
    return nn.Sequential(*layers)
