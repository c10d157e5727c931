"""Ways from one image to another: through the pixels, and through the codes of models."""

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget, check_grey, codes_of, pictures_of
from course_lib.widgets.canvas import font, pixels

STEPS = 9
TILE, LARGE = 48, 112  # pixels
LABEL, TOP, GAP = 110, 24, 6


class Interpolation(PictureWidget):
    """Two images, and for each way between them a row of steps and a large picture at t.

    images: (N, 1, H, W) to choose from, N ≥ 2.
    models: label → model with `encode` and `decode`; its row decodes (1 − t) z₁ + t z₂. The first
        row blends the pixels.
    first, second: the two images at the start.
    Raises ValueError when images are not grey or fewer than two.
    """

    def __init__(
        self, images: Tensor, models: dict[str, nn.Module], first: int = 0, second: int = 1
    ) -> None:
        check_grey(images, least=2)
        self._images, self._models = images, models
        self._codes = {label: codes_of(model, images) for label, model in models.items()}
        last = len(images) - 1
        self.first = ipywidgets.IntSlider(first, max=last, description="from image")
        self.second = ipywidgets.IntSlider(second, max=last, description="to image")
        self.t = ipywidgets.FloatSlider(0.5, min=0, max=1, step=0.01, description="t")
        super().__init__(
            controls=[self.first, self.second, self.t],
            rows=[ipywidgets.HBox([self.first, self.second]), self.t],
            alt="Rows of pictures on the way from one image to another: a blend of the pixels, "
            + ", ".join(models)
            + "; beside each row the picture at t.",
        )

    def ways(self, t: Tensor) -> dict[str, Tensor]:
        """For each row its pictures at the given t: (n,) → (n, 1, H, W)."""
        ends = [self.first.value, self.second.value]
        start, end = self._images[ends]
        rows = {"pixels": torch.lerp(start, end, t.view(-1, 1, 1, 1))}
        for label, model in self._models.items():
            start, end = self._codes[label][ends]
            codes = torch.lerp(start, end, t[:, None])
            rows[label] = pictures_of(model, codes, self._images.shape[1:])
        return rows

    def picture(self) -> Image.Image:
        """The rows, with a frame around the step that is nearest to t."""
        t = self.t.value
        steps = torch.linspace(0, 1, STEPS)
        nearest = round(t * (STEPS - 1))
        left = LABEL + STEPS * (TILE + GAP)
        height = TOP + (1 + len(self._models)) * (LARGE + GAP)
        page = Image.new("RGB", (left + GAP + LARGE, height), "white")
        draw = ImageDraw.Draw(page)
        for j in (0, nearest, STEPS - 1):
            centre = LABEL + j * (TILE + GAP) + TILE / 2
            draw.text((centre, TOP - 4), f"{steps[j]:.3g}", "black", font(12), anchor="ms")
        draw.text((left + GAP, TOP - 4), f"t = {t:.2f}", "black", font(13), anchor="ls")
        for i, (label, row) in enumerate(self.ways(torch.cat([steps, torch.tensor([t])])).items()):
            top = TOP + i * (LARGE + GAP)
            middle = top + LARGE // 2
            draw.text((LABEL - 10, middle), label, "black", font(13), anchor="rm")
            for j, image in enumerate(row[:-1]):
                tile = pixels(image, TILE)
                x, y = LABEL + j * (TILE + GAP), middle - tile.height // 2
                page.paste(tile.convert("RGB"), (x, y))
                if j == nearest:
                    frame = (x - 3, y - 3, x + tile.width + 2, y + tile.height + 2)
                    draw.rectangle(frame, outline=COLOURS[6], width=3)
            page.paste(pixels(row[-1], LARGE).convert("RGB"), (left + GAP, top))
        return page
