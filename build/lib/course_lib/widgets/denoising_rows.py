"""Images, the same images damaged, and what models restore from them."""

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.likelihoods import squared_error
from course_lib.models.denoising_autoencoder import gaussian_noise, masking, salt_and_pepper
from course_lib.widgets.base import PictureWidget, check_grey, with_label
from course_lib.widgets.canvas import font, pixels

TILE = 56  # pixels, a multiple of 8 and of 28
GAP = 4
TOP = 22  # height of the caption
NUMBERS = 76  # width of the column of errors
CORRUPTIONS = {
    "masking": masking,
    "Gaussian": gaussian_noise,
    "salt and pepper": salt_and_pepper,
}


class DenoisingRows(PictureWidget):
    """Choose a corruption, its strength and a random draw; see what each model restores.

    models: label → module that maps images to images of the same shape.
    images: (N, 1, H, W) in [0, 1], of which the first `columns` are drawn.
    seed: of the draws; the same controls always show the same picture.

    The number at the end of a row is its squared error against the originals, summed over the
    pixels and averaged over the images drawn. Pictures are cut to [0, 1], errors are not.
    Raises ValueError when images are not grey, when there is no model, and when a model does not
    return images of the same shape.
    """

    def __init__(
        self, models: dict[str, nn.Module], images: Tensor, columns: int = 8, seed: int = 0
    ) -> None:
        check_grey(images)
        if not models:
            raise ValueError("models must hold at least one model, got none")
        self._models, self._images, self._seed = models, images[:columns], seed
        with torch.inference_mode():
            for label, model in models.items():
                shape = tuple(model(self._images).shape)
                if shape != self._images.shape:
                    raise ValueError(
                        f"models[{label!r}] must return images of the shape "
                        f"{tuple(self._images.shape)}, got {shape}"
                    )
        self._labels = ["original", "corrupted", *models]
        self._left = round(max(map(font(13).getlength, self._labels))) + 12

        wide = ipywidgets.Layout(width="360px")
        self.kind = ipywidgets.SelectionSlider(
            options=list(CORRUPTIONS), description="corruption", layout=wide
        )
        self.strength = ipywidgets.FloatSlider(
            0.5, min=0, max=1, step=0.05, description="strength", layout=wide
        )
        self.draw = ipywidgets.IntSlider(max=20, description="draw", layout=wide)
        super().__init__(
            controls=[self.kind, self.strength, self.draw],
            rows=[with_label(self.kind), self.strength, self.draw],
            alt=f"Rows of images, {', '.join(self._labels)}, each with its squared error.",
        )

    @torch.inference_mode()
    def rows(self) -> dict[str, Tensor]:
        """Label → images (n, 1, H, W): the original, the corrupted, and one row a model."""
        generator = torch.Generator().manual_seed(self._seed + self.draw.value)
        corrupt = CORRUPTIONS[self.kind.value]
        corrupted = corrupt(self._images, self.strength.value, generator)
        restored = [model(corrupted) for model in self._models.values()]
        return dict(zip(self._labels, [self._images, corrupted, *restored], strict=True))

    def errors(self) -> dict[str, float]:
        """Label → squared error against the originals, averaged over the images."""
        return self._errors(self.rows())

    def _errors(self, rows: dict[str, Tensor]) -> dict[str, float]:
        return {
            label: squared_error(self._images, row).mean().item() for label, row in rows.items()
        }

    def picture(self) -> Image.Image:
        """The rows with their errors."""
        rows, step = self.rows(), TILE + GAP
        right = self._left + len(self._images) * step
        page = Image.new("RGB", (right + NUMBERS, TOP + len(rows) * step), "white")
        draw = ImageDraw.Draw(page)
        draw.text((page.width - 4, 3), "squared error", "black", font(12), anchor="ra")
        for i, (label, error) in enumerate(self._errors(rows).items()):
            middle = TOP + i * step + TILE / 2
            draw.text((self._left - 8, middle), label, "black", font(13), anchor="rm")
            draw.text((page.width - 4, middle), f"{error:.2f}", "black", font(14), anchor="rm")
            for j, image in enumerate(rows[label]):
                place = (self._left + j * step, TOP + i * step)
                page.paste(pixels(image, TILE).convert("RGB"), place)
        return page
