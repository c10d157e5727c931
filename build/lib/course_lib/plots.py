"""Figures that more than one chapter draws, and the colours of the course."""

from collections.abc import Sequence

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


def image_rows(rows: dict[str, Tensor], columns: int = 10) -> Figure:
    """One labelled row of pictures per entry, white for 1 and black for 0.

    rows: label → images (N, 1, H, W) in [0, 1], of which the first `columns` are drawn.
    """
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(0.62 * columns + 1.4, 0.72 * len(rows)), squeeze=False
    )
    for row, (label, images) in zip(axes, rows.items(), strict=True):
        row[0].text(-0.25, 0.5, label, transform=row[0].transAxes, ha="right", va="center")
        for axis, image in zip(row, images.detach().numpy(), strict=False):
            axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
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

    parts: (label, content) from left to right; the content is an image (1, H, W) in [0, 1], a
    code (d,), or "encoder" or "decoder" for a network that narrows or widens.
    """
    figure, axis = plt.subplots(figsize=(1.7 * len(parts), 2.3))
    axis.set(xlim=(-1.2, 2.5 * len(parts) - 1.3), ylim=(-1.9, 1.3), aspect="equal")
    axis.axis("off")
    edges = []
    for i, (label, content) in enumerate(parts):
        draw = _draw_network if isinstance(content, str) else _draw_values
        half_width = draw(axis, 2.5 * i, content)
        axis.text(2.5 * i, -1.3, label, ha="center", va="top", fontsize=11)
        edges.append((2.5 * i - half_width, 2.5 * i + half_width))
    for (_, start), (end, _) in zip(edges[:-1], edges[1:], strict=True):
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
        picture = values.view(len(values), -1)
        style = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
        half_height, half_width = 0.8, picture.shape[1] * max(0.8 / len(values), 0.12)
    else:
        picture, style = values[0], {"cmap": "gray", "vmin": 0, "vmax": 1}
        half_height = half_width = 1.0
    box = (x - half_width, x + half_width, -half_height, half_height)
    axis.imshow(picture.detach().numpy(), extent=box, **style)
    axis.add_patch(
        Rectangle((box[0], box[2]), 2 * half_width, 2 * half_height, fill=False, edgecolor="0.2")
    )
    axis.set(xlim=axis.get_xlim(), ylim=axis.get_ylim())
    return half_width
