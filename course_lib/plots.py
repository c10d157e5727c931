"""Figures that more than one chapter draws, and the colours of the course."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from torch import Tensor

from course_lib.training import History

# Ten colours chosen to stay apart also for the colour-blind: Petroff, Accessible Color Sequences
# for Data Visualization, arXiv 2107.02270.
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


def check_images(images: Tensor, least: int = 1, name: str = "images") -> None:
    """Raises ValueError unless images are (N, C, H, W), grey or RGB, and at least so many."""
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape[2:] or shape[0] < least:
        raise ValueError(
            f"{name} must have shape (N, C, H, W), C = 1 or 3, with N ≥ {least}, got {shape}"
        )


def image_rows(rows: dict[str, Tensor], columns: int = 10) -> Figure:
    """One labelled row of pictures per entry, white for 1 and black for 0.

    rows: label → images (N, C, H, W) in [0, 1], grey or RGB; the first `columns` are drawn.
    Raises ValueError for images that are neither.
    """
    for label, images in rows.items():
        check_images(images, 0, f"rows[{label!r}]")
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(0.62 * columns + 1.4, 0.72 * len(rows)), squeeze=False
    )
    for row, (label, images) in zip(axes, rows.items(), strict=True):
        row[0].text(-0.25, 0.5, label, transform=row[0].transAxes, ha="right", va="center")
        for axis, image in zip(row, images, strict=False):
            axis.imshow(_array(image), cmap="gray", vmin=0, vmax=1)
        for axis in row:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_color("0.6")
    figure.subplots_adjust(wspace=0.08, hspace=0.08)
    return figure


def training_curves(history: History, unit: str = "nats per image") -> Figure:
    """Every term of the loss against the epoch."""
    figure, axis = plt.subplots(figsize=(5, 2.8))
    names = [name for name in history.terms if name != "total" or len(history.terms) > 2]
    for name, colour in zip(names, COLOURS, strict=False):
        values = history.terms[name]
        axis.plot(range(1, len(values) + 1), values, color=colour, label=name)
    axis.set(xlabel="epoch", ylabel=unit)
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def model_diagram(parts: Sequence[tuple[str, Tensor | str]]) -> Figure:
    """A model as a chain of parts with arrows between them, in the same style for every chapter.

    parts: (label, content) from left to right; the content is an image (C, H, W) in [0, 1], grey
    or RGB, a code (d,), or "encoder" or "decoder" for a network that narrows or widens.
    Raises ValueError for an image that is neither grey nor RGB.
    """
    figure, axis = plt.subplots(figsize=(1.7 * len(parts), 2.3))
    axis.set(xlim=(-1.2, 2.5 * len(parts) - 1.3), ylim=(-1.9, 1.3), aspect="equal")
    axis.axis("off")
    edges = []
    for i, (label, content) in enumerate(parts):
        if isinstance(content, str):
            half_width = _draw_network(axis, 2.5 * i, content)
        else:
            half_width = _draw_values(axis, 2.5 * i, content)
        axis.text(2.5 * i, -1.3, label, ha="center", va="top", fontsize=11)
        edges.append((2.5 * i - half_width, 2.5 * i + half_width))
    for (_, start), (end, _) in pairwise(edges):
        axis.annotate(
            "", xy=(end - 0.05, 0), xytext=(start + 0.05, 0), arrowprops={"arrowstyle": "-|>"}
        )
    return figure


def _draw_network(axis: Axes, x: float, kind: str) -> float:
    left, right = {"encoder": (1.0, 0.5), "decoder": (0.5, 1.0)}[kind]
    corners = [(x - 0.8, -left), (x - 0.8, left), (x + 0.8, right), (x + 0.8, -right)]
    axis.add_patch(Polygon(corners, facecolor=COLOURS[0], alpha=0.35, edgecolor="0.2"))
    axis.text(x, 0, kind, ha="center", va="center", fontsize=11)
    return 0.8


def _draw_values(axis: Axes, x: float, values: Tensor) -> float:
    if values.ndim <= 2:  # codes: one cell per number, white for 0
        limit = values.abs().max().item()
        picture = values.view(len(values), -1).detach().cpu().numpy()
        style: dict[str, Any] = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
        half_height, half_width = 0.8, picture.shape[1] * max(0.8 / len(values), 0.12)
    else:
        check_images(values[None], 1, "an image of parts, as a batch of one,")
        picture, style = _array(values), {"cmap": "gray", "vmin": 0, "vmax": 1}
        half_height, half_width = (side / max(values.shape[1:]) for side in values.shape[1:])
    box = (x - half_width, x + half_width, -half_height, half_height)
    axis.imshow(picture, extent=box, **style)
    axis.add_patch(
        Rectangle((box[0], box[2]), 2 * half_width, 2 * half_height, fill=False, edgecolor="0.2")
    )
    axis.set(xlim=axis.get_xlim(), ylim=axis.get_ylim())
    return half_width


def _array(image: Tensor) -> np.ndarray:
    """An image as matplotlib takes it: (1, H, W) → (H, W), (3, H, W) → (H, W, 3) cut to [0, 1]."""
    image = image.detach().cpu()
    return (image[0] if len(image) == 1 else image.clamp(0, 1).permute(1, 2, 0)).numpy()
