"""The training loop: batches, a step, and `fit` on top of them."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from course_lib.checks import readable
from course_lib.noise import permutation
from course_lib.objectives import Loss, Objective
from course_lib.progress import progress

Data = Tensor | Mapping[str, Tensor]
SMALLER_LR = "A smaller lr usually helps; train a fresh model with it."
INTERRUPTED: WeakSet[nn.Module] = WeakSet()  # models whose last training the user stopped


@dataclass(frozen=True)
class History:
    """What `fit` saw: one number per epoch for every named term of the loss and for "total".

    terms: the unweighted terms, averaged over the images of the epoch, in the loss's units.
    interrupted: whether the user stopped the training; the last number then averages over the
        part of its epoch that was done.
    validation: the same of the validation images after each epoch, if there were any.
    state: of optimisers, generator and objective, with which `fit` goes on.
    """

    terms: dict[str, list[float]]
    interrupted: bool
    validation: dict[str, list[float]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Progress(NamedTuple):
    """What a callback is told after each step: its number, the loss, and the optimisers.

    step: counted from 1 through all epochs, those before a resumption included.
    """

    step: int
    loss: Loss
    optimizers: list[Optimizer]


def batches(
    n: int, batch_size: int, generator: torch.Generator, smallest: int = 1
) -> tuple[Tensor, ...]:
    """The numbers 0 … n − 1 in random order, cut into batches of batch_size.

    The last batch has what is left; when that is fewer than `smallest`, it joins the one before.
    Raises ValueError when n or batch_size is below `smallest`.
    """
    for name, value in {"the number of images": n, "batch_size": batch_size}.items():
        if value < smallest:
            raise ValueError(f"{name} must be at least {smallest} for this loss, got {value}")
    parts = permutation(n, generator.device, generator).split(batch_size)
    if len(parts[-1]) < smallest:
        parts = (*parts[:-2], torch.cat(parts[-2:]))
    return parts


class NotFiniteError(FloatingPointError):
    """A loss is infinite or NaN."""


def step(loss: Loss, optimizer: Optimizer) -> None:
    """Move the optimiser's weights against the gradient of the loss.

    Raises NotFiniteError when the loss is not finite, on the CPU before a weight is touched;
    elsewhere `fit` looks when it updates its progress, so that no step waits for the device.
    """
    total = loss.total
    if readable(total):
        check_finite(loss)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()


def check_finite(loss: Loss) -> None:
    """Raises NotFiniteError, with the terms, when the total is infinite or NaN."""
    if not math.isfinite(loss.total.item()):
        raise NotFiniteError(
            ", ".join(f"{name} = {term.item():g}" for name, term in loss.terms.items())
        )


def fit(
    model: Any,
    data: Data,
    *,
    epochs: int | None,
    batch_size: int = 128,
    lr: float = 1e-3,
    seed: int = 0,
    objective: Objective | None = None,
    validation: Data | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    resume: History | None = None,
    device: str | torch.device | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> History:
    """Minimise a loss over minibatches of the data with Adam.

    data: images (N, C, H, W) or whatever the model takes, kept in memory and sliced; or several
        tensors of N rows by name, of which every batch gets its rows.
    epochs: how often all data are used; None: until the callback ends the training.
    seed: of the order of every epoch and of whatever the loss draws.
    objective: what is minimised; None: `model.loss`.
    validation: data whose terms are measured after each epoch, with the same noise every time.
    callback: called after each step; it may change a learning rate, and ends the training when it
        returns True.
    resume: the history of an earlier call, with which this one goes on as if it had not stopped
        (`seed` has no effect then); without it a second call goes on from the weights alone.
    device: where model and data go first; None: where the model is.
    precision: "bfloat16" for autocast, which is faster where the processor has it.

    A model that defines `optimizers(lr)`, a list, and `training_step(batch, optimizers, generator,
    number)`, which returns the Loss, is trained by these. One that needs more than one image in a
    batch, or whose objective does, has a number `smallest_batch`.
    Kernel → Interrupt ends the training early and keeps the weights and the history so far. The
    model ends in evaluation mode; after an exception, in the mode in which it was.

    Raises ValueError for data that are empty, not finite or of another dtype than the model, and
    for numbers that are not positive; FloatingPointError when the loss is no longer finite.
    Adam: Kingma & Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """
    _check_data(model, data)
    _check_numbers(epochs=epochs, batch_size=batch_size, lr=lr)
    if epochs is None and callback is None:
        raise ValueError("epochs must be a number where no callback ends the training, got None")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be 'float32' or 'bfloat16', got {precision!r}")
    device = next(model.parameters()).device if device is None else torch.device(device)
    model.to(device)
    data = _moved(data, device)
    if validation is not None:
        validation = _moved(validation, device)
    generator = torch.Generator(device).manual_seed(seed)
    stateful = objective.to(device) if isinstance(objective, nn.Module) else None
    if hasattr(model, "optimizers"):
        optimizers = model.optimizers(lr)
    else:
        optimizers = [Adam(model.parameters(), lr=lr, fused=True)]
    steps = 0
    terms: dict[str, list[float]] = {}
    validated: dict[str, list[float]] = {}
    if resume is not None:
        steps = _restore(resume.state, optimizers, generator, stateful, lr)
        terms, validated = deepcopy((resume.terms, resume.validation))
    N = _length(data)
    smallest = max(getattr(part, "smallest_batch", 1) for part in (model, objective))
    per_epoch = len(batches(N, batch_size, torch.Generator(device), smallest))
    autocast = torch.autocast(device.type, torch.bfloat16, precision == "bfloat16")

    def loss_of(batch: Data, generator: torch.Generator, number: int | None) -> Loss:
        with autocast:
            if objective is None:
                return model.loss(batch, generator)
            return objective(model, batch, generator, number)

    log: list[tuple[int, dict[str, Tensor]]] = []  # of this epoch, per step: images, terms
    stopped = interrupted = False
    rounds = count() if epochs is None else range(epochs)
    total = None if epochs is None else epochs * per_epoch
    with _training(model), progress(total=total, desc="training") as bar:
        try:
            for _ in rounds:
                for rows in batches(N, batch_size, generator, smallest):
                    batch = _rows(data, rows)
                    if hasattr(model, "training_step"):
                        loss = model.training_step(batch, optimizers, generator, steps)
                    else:
                        loss = loss_of(batch, generator, steps)
                        step(loss, optimizers[0])
                    steps += 1
                    log.append((len(rows), _detached(loss)))
                    if bar.update() and not readable(loss.total):
                        check_finite(loss)
                    if callback and callback(Progress(steps, loss, optimizers)):
                        stopped = True
                        break
                _append_means(terms, log)
                if validation is not None:
                    _append_means(validated, _measured(loss_of, model, validation, seed))
                if stopped:
                    break
        except KeyboardInterrupt:
            _append_means(terms, log)
            interrupted = True
            print(f"interrupted after {bar.n} of {bar.total} steps; weights are kept")
        except NotFiniteError as error:
            place = f"epoch {bar.n // per_epoch + 1}, step {bar.n % per_epoch + 1}"
            advice = SMALLER_LR if steps else _look_at(data)
            message = f"the loss is not finite in {place}: {error}. {advice}"
            raise FloatingPointError(message) from None
    (INTERRUPTED.add if interrupted else INTERRUPTED.discard)(model)
    state = _state(steps, optimizers, generator, stateful)
    return History(terms, interrupted, validated, state)


@contextmanager
def _training(model: nn.Module) -> Iterator[None]:
    """In training mode, then in evaluation mode; after an exception in the mode as it was."""
    before = model.training
    model.train()
    try:
        yield
    except BaseException:
        model.train(before)
        raise
    model.eval()


@torch.no_grad()
def _measured(
    loss_of: Callable[..., Loss], model: nn.Module, data: Data, seed: int
) -> list[tuple[int, dict[str, Tensor]]]:
    """The terms of the data, in pieces and outside of training."""
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    parts = torch.arange(_length(data), device=device).split(1000)
    log = [(len(rows), _detached(loss_of(_rows(data, rows), generator, None))) for rows in parts]
    model.train()
    return log


def _append_means(means: dict[str, list[float]], log: list[tuple[int, dict[str, Tensor]]]) -> None:
    """Per term the mean over the images of an epoch, whose batches may differ in size."""
    if not log:
        return
    sizes = [n for n, _ in log]
    table = torch.stack([torch.stack([*terms.values()]) for _, terms in log]).T.tolist()
    for name, values in zip(log[0][1], table, strict=True):
        mean = sum(n * value for n, value in zip(sizes, values, strict=True)) / sum(sizes)
        means.setdefault(name, []).append(mean)
    log.clear()


def _detached(loss: Loss) -> dict[str, Tensor]:
    return {name: term.detach() for name, term in {**loss.terms, "total": loss.total}.items()}


def _state(
    steps: int,
    optimizers: list[Optimizer],
    generator: torch.Generator,
    objective: nn.Module | None,
) -> dict[str, Any]:
    """What `_restore` needs; torch.save writes it."""
    state = {
        "steps": steps,
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "generator": generator.get_state(),
        "objective": objective.state_dict() if objective else None,
    }
    return deepcopy(state)  # an objective goes on to change


def _restore(
    state: dict[str, Any],
    optimizers: list[Optimizer],
    generator: torch.Generator,
    objective: nn.Module | None,
    lr: float,
) -> int:
    """Put everything back as it was, but for the learning rate; the number of steps until then."""
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(deepcopy(saved))  # it would work on the saved averages
        for group in optimizer.param_groups:
            group["lr"] = lr
    generator.set_state(state["generator"])
    if objective:
        objective.load_state_dict(state["objective"])
    return state["steps"]


def _tensors(data: Data) -> dict[str, Tensor]:
    return {"images": data} if isinstance(data, Tensor) else dict(data)


def _length(data: Data) -> int:
    return len(next(iter(_tensors(data).values())))


def _rows(data: Data, rows: Tensor) -> Data:
    if isinstance(data, Tensor):
        return data.index_select(0, rows)  # the same as data[rows], and six times as fast
    return {name: tensor.index_select(0, rows) for name, tensor in data.items()}


def _moved(data: Data, device: torch.device) -> Data:
    if isinstance(data, Tensor):
        return data.to(device)
    return {name: tensor.to(device) for name, tensor in data.items()}


def _look_at(data: Data) -> str:
    """Advice for a first step, for which no learning rate can be blamed."""
    low, high = torch.aminmax(next(iter(_tensors(data).values())))
    return (
        f"No weight has moved yet, so look at the data, which go from {low:g} to {high:g} (pixels "
        "should go from 0 to 1), and at the objective."
    )


def _check_data(model: nn.Module, data: Data) -> None:
    tensors, dtype = _tensors(data), next(model.parameters()).dtype
    if len({len(tensor) for tensor in tensors.values()}) > 1:
        lengths = {name: len(tensor) for name, tensor in tensors.items()}
        raise ValueError(f"data must have as many rows by every name, got {lengths}")
    for name, tensor in tensors.items():
        if len(tensor) == 0:
            raise ValueError(
                f"{name} must hold at least one image, got shape {tuple(tensor.shape)}"
            )
        if tensor.dtype == torch.uint8 and tensor.ndim == 4:
            raise ValueError(f"{name} must be pixels from 0 to 1, got bytes: give {name} / 255")
        if tensor.is_floating_point() and tensor.dtype != dtype:
            raise ValueError(f"{name} must be {dtype} like the model, got {tensor.dtype}")
        if not all(map(torch.isfinite, torch.aminmax(tensor))):
            raise ValueError(f"{name} must be finite, got NaN or infinite numbers")


def _check_numbers(**numbers: float | None) -> None:
    for name, value in numbers.items():
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive, got {value}")
