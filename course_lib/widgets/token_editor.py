"""An image as the grid of its tokens: change one and see what becomes of the picture."""

import math

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.models.vq_vae import VQVAE
from course_lib.plots import COLOURS, check_images
from course_lib.widgets.base import PictureWidget, check_fit, check_has, like
from course_lib.widgets.canvas import finish, font, pixels

PANEL, GAP, TOP = 168, 16, 24  # pixels; PANEL is a multiple of 8 and of 28
MARK = COLOURS[6]
CAPTIONS = ("image", "rebuilt", "one token changed", "difference, grey is none")


class TokenEditor(PictureWidget):
    """An image, its tokens, and the picture decoded after one of them has been replaced.

    model: a VQVAE; images: (N, C, H, W) to choose from, grey or RGB.
    Sliders choose the image, the row and the column of a token in the grid, and the code that
    takes its place; a button goes back to the image's own code. A line of tokens is one row.
    Above the image, the picture rebuilt from its tokens, the picture after the change, and the
    difference of these two, grey where there is none. Below, both grids of numbers.
    Raises ValueError for other images, when there is none, and for a model without tokens.
    """

    def __init__(self, model: VQVAE, images: Tensor) -> None:
        check_images(images)
        check_has(model, "tokens", "decode_tokens", kinds="VQ-VAEs")
        check_fit(lambda x: model.decode_tokens(model.tokens(x)), model, images)
        self._model, self._images = model, images
        self._tokens = model.tokens(like(model, images)).cpu()  # (N, *grid)
        grid = self._tokens.shape[1:]
        self._placed = len(grid) == 2 and grid[0] > 1  # whether tokens have a place in the picture
        self._grid = rows, columns = math.prod(grid[:-1]), grid[-1]
        K = len(model.quantizer.codebook)
        self.image_slider = ipywidgets.IntSlider(0, max=len(images) - 1, description="image")
        self.row = ipywidgets.IntSlider(rows // 2, max=rows - 1, description="row")
        self.column = ipywidgets.IntSlider(columns // 2, max=columns - 1, description="column")
        own = self._tokens[0].view(self._grid)[rows // 2, columns // 2].item()
        self.code = ipywidgets.IntSlider((own + 1) % K, max=K - 1, description="new code")
        self.own_button = ipywidgets.Button(description="its own code")
        self.own_button.on_click(self._own_code)
        super().__init__(
            controls=[self.image_slider, self.row, self.column, self.code],
            rows=[
                ipywidgets.HBox([self.image_slider, self.code, self.own_button]),
                ipywidgets.HBox([self.row, self.column]),
            ],
            alt="An image, its reconstruction, the reconstruction after one token has been "
            "replaced and the difference; below the grids of tokens before and after.",
        )

    def tokens(self) -> tuple[Tensor, Tensor]:
        """The grid of the image and the grid with one token replaced: two of (rows, columns)."""
        own = self._tokens[self.image_slider.value].view(self._grid)
        changed = own.clone()
        changed[self.row.value, self.column.value] = self.code.value
        return own, changed

    @torch.inference_mode()
    def pictures(self) -> tuple[Tensor, Tensor]:
        """What both grids decode to: two of (C, H, W)."""
        tokens = torch.stack(self.tokens()).view(2, *self._tokens.shape[1:])
        codebook = self._model.quantizer.codebook
        rebuilt, changed = self._model.decode_tokens(tokens.to(codebook.device)).cpu()
        return rebuilt, changed

    def _own_code(self, _: object) -> None:
        own, _ = self.tokens()
        self.code.value = own[self.row.value, self.column.value].item()

    def picture(self) -> Image.Image:
        """Four pictures, two grids, and how much of the picture the token reaches."""
        side = max(PANEL, *self._images.shape[2:])
        page = Image.new("RGB", (4 * side + 3 * GAP, side + PANEL + 3 * TOP + 20), "white")
        draw = ImageDraw.Draw(page)
        rebuilt, changed = self.pictures()
        difference = changed - rebuilt
        image = self._images[self.image_slider.value]
        panels = (image, rebuilt, changed, difference / 2 + 0.5)
        for i, (caption, panel) in enumerate(zip(CAPTIONS, panels, strict=True)):
            left, picture = i * (side + GAP), pixels(panel, PANEL)
            draw.text((left, 4), caption, "black", font(13))
            page.paste(picture, (left, TOP))
            if i and self._placed:
                self._draw_mark(draw, left, TOP, picture.size)
        own, new = self.tokens()
        below = side + 2 * TOP
        for i, grid in ((1, own), (2, new)):
            left = i * (side + GAP)
            draw.text((left, below - 20), f"tokens {('', 'before', 'after')[i]}", "black", font(13))
            self._draw_grid(draw, left, below, grid)
        place = self.row.value, self.column.value
        reached = difference.abs() > 0.01
        own_code, new_code = (grid[place].item() for grid in (own, new))
        draw.text(
            (0, page.height - 20),
            f"token in row {place[0]}, column {place[1]}: {own_code} → {new_code}; "
            "pixels changed by "
            f"more than 0.01: {int(reached.sum())} of {reached.numel()}; "
            f"largest change {difference.abs().max():.2f}",
            "black", font(13),
        )  # fmt: skip
        return finish(page, self._images)

    def _draw_grid(self, draw: ImageDraw.ImageDraw, left: int, top: int, grid: Tensor) -> None:
        rows, columns = grid.shape
        step = PANEL / max(rows, columns)
        size = font(max(1, min(20, int(0.42 * step))))
        for row in range(rows):
            for column in range(columns):
                x, y = left + column * step, top + row * step
                chosen = (row, column) == (self.row.value, self.column.value)
                draw.rectangle((x, y, x + step, y + step), outline="#bbbbbb")
                text = str(grid[row, column].item())
                ink = MARK if chosen else "black"
                draw.text((x + step / 2, y + step / 2), text, ink, size, anchor="mm")
        self._draw_mark(draw, left, top, (step * columns, step * rows))

    def _draw_mark(
        self, draw: ImageDraw.ImageDraw, left: int, top: int, size: tuple[float, float]
    ) -> None:
        """A frame around the token in something of that width and height."""
        rows, columns = self._grid
        width, height = size[0] / columns, size[1] / rows
        x, y = left + self.column.value * width, top + self.row.value * height
        draw.rectangle((x, y, x + width, y + height), outline=MARK, width=2)
