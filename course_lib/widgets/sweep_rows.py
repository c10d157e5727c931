"""Rows of images that follow swept parameters."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from traitlets import Dict, List

from course_lib.likelihoods import squared_error
from course_lib.models.denoising_autoencoder import gaussian_noise, masking, salt_and_pepper
from course_lib.plots import check_images
from course_lib.widgets.inputs import like
from course_lib.widgets.sent import sent_images
from course_lib.widgets.widget import Widget, script

CORRUPTIONS: dict[str, Callable[..., Tensor]] = {
    "masking": masking,
    "Gaussian": gaussian_noise,
    "salt and pepper": salt_and_pepper,
}
STRENGTHS = [i / 10 for i in range(11)]


class Setting(List):
    """A value for each swept parameter, one of its places."""

    def validate(self, obj: Any, value: Any) -> list[Any]:
        """Raises ValueError for other values; numbers need to be equal to a place only nearly."""
        given = list(value) if isinstance(value, list | tuple) else [value]
        if len(given) != len(obj.places):
            raise ValueError(f"setting must hold a value for each of {obj.names}, got {given}")
        for j, (name, places) in enumerate(zip(obj.names, obj.places, strict=True)):
            same = [p for p in places if p == given[j] or _near(p, given[j])]
            if not same:
                raise ValueError(f"{name} must be one of {places}, got {given[j]!r}")
            given[j] = same[0]
        return given


def _near(place: object, value: object) -> bool:
    numbers = isinstance(place, int | float) and isinstance(value, int | float)
    return numbers and abs(place - value) < 1e-9  # type: ignore[operator]


class SweepRows(Widget):
    """Rows of images for each value of a parameter, or for each combination of several.

    name: of the parameter, or names of several.
    rows: value, or tuple of values, → label → images (N, C, H, W) in [0, 1], grey or RGB; every
        combination, with the same labels. Numbers get a slider, words get buttons.
    columns: how many images of each row are shown; equal rows are sent once.
    numbers: value or values → one number a label, shown at the end of the row: its squared error.
    start: where the controls stand first; by default the middle of each.

    `setting` holds the values shown and can be set.
    Raises ValueError for other images, for a combination that is missing, and for unequal rows.
    """

    _esm = script("sweep_rows.js")

    names, places, labels, which, numbers = (List().tag(sync=True) for _ in range(5))
    rows = Dict().tag(sync=True)
    setting = Setting().tag(sync=True)

    def __init__(
        self,
        name: str | Sequence[str],
        rows: Mapping[Any, Mapping[str, Tensor]],
        columns: int = 10,
        numbers: Mapping[Any, Sequence[float]] | None = None,
        start: Any = None,
    ) -> None:
        names = [name] if isinstance(name, str) else list(name)
        keyed = {key if isinstance(key, tuple) else (key,): value for key, value in rows.items()}
        places = [list(dict.fromkeys(column)) for column in zip(*keyed, strict=True)]
        combinations = list(itertools.product(*places))
        labels = list(next(iter(keyed.values()), {}))
        missing = [key for key in combinations if list(keyed.get(key, {})) != labels]
        if missing or not labels or len(places) != len(names):
            raise ValueError(
                f"rows must have the rows {labels} for every combination of {names}, "
                f"got none for {missing}"
            )
        kept: dict[bytes, int] = {}  # the pixels of a row → its number
        which, first = [], keyed[combinations[0]][labels[0]][:columns]
        for key in combinations:
            which.append([])
            for label, images in keyed[key].items():
                check_images(images, 1, f"rows[{key if len(key) > 1 else key[0]!r}][{label!r}]")
                if images[:columns].shape != first.shape:
                    raise ValueError(
                        f"rows must all have {len(first)} images of {tuple(first.shape[1:])}, "
                        f"got {tuple(images[:columns].shape)} for {label!r} at {key}"
                    )
                pixels = sent_images(images[:columns])["bytes"]
                which[-1].append(kept.setdefault(pixels, len(kept)))
        by_key = {} if numbers is None else numbers
        middle = [values[len(values) // 2] for values in places]
        super().__init__(
            names=names,
            places=places,
            labels=labels,
            which=which,
            numbers=[list(by_key.get(key if len(key) > 1 else key[0], ())) for key in combinations],
            rows={"shape": [len(kept), *first.shape], "bytes": b"".join(kept)},
            setting=middle if start is None else start,
            alt=f"Rows of images, {', '.join(labels)}, for one value of {' and '.join(names)} at "
            "a time.",
        )


@torch.inference_mode()
def denoising_rows(
    models: Mapping[str, nn.Module], images: Tensor, columns: int = 8, draws: int = 3, seed: int = 0
) -> SweepRows:
    """Images, the same damaged, and what each model restores: SweepRows with three parameters.

    models: label → module that maps images to images of the same shape.
    images: (N, C, H, W) in [0, 1], grey or RGB, of which the first `columns` are shown.
    draws: how many times the noise is drawn; seed: of the first.
    The kind of corruption, its strength from 0 to 1, and the draw are chosen. The number at the end
    of a row is its squared error against the originals, summed over the pixels and averaged over
    the images. Pictures are cut to [0, 1], errors are not.
    Raises ValueError for other images, when there is no model, and when a model does not return
    images of the same shape.
    """
    check_images(images)
    if not models:
        raise ValueError("models must hold at least one model, got none")
    images = images[:columns].cpu()
    rows, errors = {}, {}
    for kind, strength, draw in itertools.product(CORRUPTIONS, STRENGTHS, range(draws)):
        generator = torch.Generator().manual_seed(seed + draw)
        corrupted = CORRUPTIONS[kind](images, strength, generator)
        restored = {label: _restored(label, model, corrupted) for label, model in models.items()}
        key = kind, strength, draw + 1
        rows[key] = {"original": images, "corrupted": corrupted, **restored}
        errors[key] = [squared_error(images, row).mean().item() for row in rows[key].values()]
    names = ("corruption", "strength", "draw")
    return SweepRows(names, rows, columns, errors, start=("masking", 0.5, 1))


def _restored(label: str, model: nn.Module, images: Tensor) -> Tensor:
    given: object
    try:
        restored = model(like(model, images)).cpu()
        given = tuple(restored.shape)
    except (RuntimeError, ValueError) as error:
        given = f"{type(model).__name__}, which raises {type(error).__name__}: {error}"
    if given != tuple(images.shape):
        raise ValueError(
            f"models[{label!r}] must return images of the shape {tuple(images.shape)}, as "
            f"autoencoders, VAEs and VQ-VAEs do, got {given}"
        )
    return restored.float()
