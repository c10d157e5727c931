"""Rows of images that follow a swept parameter."""

from typing import Any

import ipywidgets
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.widgets.base import PictureWidget, with_label
from course_lib.widgets.canvas import font, pixels

TILE = 56  # pixels, a multiple of 8 and of 28
GAP = 4
LABEL = 110


class SweepRows(PictureWidget):
    """A slider over the values of a parameter, and for each value rows of images.

    name: of the parameter, the slider's label.
    rows: value → label → images (N, 1, H, W) in [0, 1], in the order of the slider; the same
        labels for every value.
    columns: how many images of each row are drawn.
    """

    def __init__(self, name: str, rows: dict[Any, dict[str, Tensor]], columns: int = 10) -> None:
        self._rows, self._columns = rows, columns
        self.slider = ipywidgets.SelectionSlider(options=list(rows), description=name)
        labels = list(next(iter(rows.values())))
        super().__init__(
            controls=[self.slider],
            rows=[with_label(self.slider)],
            alt=f"Rows of images, {' and '.join(labels)}, for one value of {name} at a time.",
        )

    def picture(self) -> Image.Image:
        """The rows of the value on the slider."""
        rows = self._rows[self.slider.value]
        step = TILE + GAP
        page = Image.new("RGB", (LABEL + self._columns * step, len(rows) * step), "white")
        draw = ImageDraw.Draw(page)
        for i, (label, images) in enumerate(rows.items()):
            draw.text((LABEL - 8, i * step + TILE / 2), label, "black", font(13), anchor="rm")
            for j, image in enumerate(images[: self._columns]):
                page.paste(pixels(image, TILE).convert("RGB"), (LABEL + j * step, i * step))
        return page
