"""An image as the grid of its tokens: change one and see what becomes of the picture."""

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.models.vq_vae import VQVAE
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget, check_grey
from course_lib.widgets.canvas import font, pixels, to_palette

PANEL, GAP, TOP = 168, 16, 24  # pixels; PANEL is a multiple of 8 and of 28
MARK = COLOURS[6]
CAPTIONS = ("image", "rebuilt", "one token changed", "difference, grey is none")


class TokenEditor(PictureWidget):
    """An image, its tokens, and the picture decoded after one of them has been replaced.

    model: a VQVAE; images: (N, 1, H, W) to choose from.
    Sliders choose the image, the row and the column of a token in the grid, and the code that
    takes its place; a button goes back to the image's own code.
    Above the image, the picture rebuilt from its tokens, the picture after the change, and the
    difference of these two, grey where there is none. Below, both grids of numbers.
    Raises ValueError when images are not grey or there is none.
    """

    def __init__(self, model: VQVAE, images: Tensor) -> None:
        check_grey(images)
        self._model, self._images = model, images
        self._tokens = model.tokens(images)  # (N, T)
        rows, columns = model.grid
        K = len(model.quantizer.codebook)
        self.image_slider = ipywidgets.IntSlider(0, max=len(images) - 1, description="image")
        self.row = ipywidgets.IntSlider(rows // 2, max=rows - 1, description="row")
        self.column = ipywidgets.IntSlider(columns // 2, max=columns - 1, description="column")
        own = self._tokens[0].view(model.grid)[rows // 2, columns // 2].item()
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
        own = self._tokens[self.image_slider.value].view(self._model.grid)
        changed = own.clone()
        changed[self.row.value, self.column.value] = self.code.value
        return own, changed

    @torch.inference_mode()
    def pictures(self) -> tuple[Tensor, Tensor]:
        """What both grids decode to: two of (1, H, W)."""
        rebuilt, changed = self._model.decode_tokens(torch.stack(self.tokens()).flatten(1))
        return rebuilt, changed

    def _own_code(self, _: object) -> None:
        own, _ = self.tokens()
        self.code.value = own[self.row.value, self.column.value].item()

    def picture(self) -> Image.Image:
        """Four pictures, two grids, and how much of the picture the token reaches."""
        page = Image.new("RGB", (4 * PANEL + 3 * GAP, 2 * PANEL + 3 * TOP + 20), "white")
        draw = ImageDraw.Draw(page)
        rebuilt, changed = self.pictures()
        difference = changed - rebuilt
        image = self._images[self.image_slider.value]
        panels = (image, rebuilt, changed, difference / 2 + 0.5)
        for i, (caption, panel) in enumerate(zip(CAPTIONS, panels, strict=True)):
            left = i * (PANEL + GAP)
            draw.text((left, 4), caption, "black", font(13))
            page.paste(pixels(panel, PANEL).convert("RGB"), (left, TOP))
            if i and self._model.grid[0] > 1:  # tokens that have a place in the picture
                self._draw_mark(draw, left, TOP, pixels(panel, PANEL).size)
        own, new = self.tokens()
        below = PANEL + 2 * TOP
        for i, grid in ((1, own), (2, new)):
            left = i * (PANEL + GAP)
            draw.text((left, below - 20), f"tokens {('', 'before', 'after')[i]}", "black", font(13))
            self._draw_grid(draw, left, below, grid)
        place = self.row.value, self.column.value
        reached = difference.abs() > 0.01
        own_code, new_code = (grid[place].item() for grid in (own, new))
        draw.text(
            (0, page.height - 20),
            f"token in row {place[0]}, column {place[1]}: {own_code} → {new_code}; pixels changed by "
            f"more than 0.01: {int(reached.sum())} of {reached.numel()}; "
            f"largest change {difference.abs().max():.2f}",
            "black", font(13),
        )  # fmt: skip
        return to_palette(page)

    def _draw_grid(self, draw: ImageDraw.ImageDraw, left: int, top: int, grid: Tensor) -> None:
        rows, columns = grid.shape
        step = PANEL / max(rows, columns)
        size = font(min(20, int(0.42 * step)))
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
        rows, columns = self._model.grid
        width, height = size[0] / columns, size[1] / rows
        x, y = left + self.column.value * width, top + self.row.value * height
        draw.rectangle((x, y, x + width, y + height), outline=MARK, width=2)
