"""A two-dimensional latent space as a map of the pictures that it decodes to."""

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.plots import COLOURS, check_images
from course_lib.widgets.base import (
    PictureWidget,
    check_number,
    codes_of,
    pictures_of,
    with_label,
)
from course_lib.widgets.canvas import Axes, finish, font, pixels

GRID = 11  # pictures along each side of the map
TILE = 32  # pixels: side of one of these pictures, unless the images themselves have more
PANEL = 224  # pixels, a multiple of 8 and of 28: side of the large picture
LEFT, TOP, GAP = 44, 24, 24
RIM = 3  # pixels between the pictures of the map
CAPTIONS = {
    "pictures": "what each place decodes to",
    "codes": "codes of the images",
    "both": "what each place decodes to, and codes of the images",
}
RING = COLOURS[6]


class LatentMap(PictureWidget):
    """The plane of a code with two numbers: what each place decodes to, and where the images lie.

    model: any model with a two-dimensional code, or any module with a `decode`, as for
        LatentTraversal; images: (N, C, H, W), grey or RGB;
    labels: (N,) class numbers, which colour the codes;
    codes: (N, 2), by default model.encode(images), of a VAE the means.
    Two sliders move a ring over the map; beside it stands the picture decoded there, large. A
    third slider chooses whether the map shows pictures, codes or both. The map reaches from −3 to
    3, or further where codes lie further out.
    Raises ValueError for other images, when codes or labels do not number as many as the images,
    and for codes that do not have two numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor | None = None,
        codes: Tensor | None = None,
    ) -> None:
        check_images(images)
        codes = codes_of(model, images) if codes is None else codes.detach().cpu()
        check_number(images, codes=codes, labels=labels)
        if codes.ndim != 2 or codes.shape[1] != 2:
            raise ValueError(f"codes must have shape (N, 2), got {tuple(codes.shape)}")
        self._model, self._images = model, images
        low = codes.amin(0).clamp(max=-3).floor().tolist()
        high = codes.amax(0).clamp(min=3).ceil().tolist()
        self.step = max(pixels(images[0], TILE).size) + RIM
        side = GRID * self.step
        box = (LEFT, TOP, LEFT + side, TOP + side)
        self._axes = Axes(box, (low[0], high[0]), (low[1], high[1]), "z₁", "z₂")
        caption = max(map(font(13).getlength, CAPTIONS.values()))  # wider than a map of small tiles
        self._panel = max(box[2] + GAP, LEFT + round(caption) + GAP // 2)
        self._backgrounds = {mode: self._draw_map(mode, codes, labels) for mode in CAPTIONS}
        self.sliders = [
            ipywidgets.FloatSlider(0, min=low[j], max=high[j], step=0.05, description=name)
            for j, name in enumerate(("z₁", "z₂"))
        ]
        self.mode = ipywidgets.SelectionSlider(options=list(CAPTIONS), description="map of")
        super().__init__(
            controls=[*self.sliders, self.mode],
            rows=[ipywidgets.HBox(self.sliders), with_label(self.mode)],
            alt="Left a map of a latent space with two dimensions, beside it the picture decoded "
            "from the place of the ring on the map.",
        )

    @property
    def code(self) -> Tensor:
        """z as the sliders give it: (2,)."""
        return torch.tensor([slider.value for slider in self.sliders])

    def decoded(self) -> Tensor:
        """The picture that z stands for: (C, H, W)."""
        return pictures_of(self._model, self.code[None], self._images.shape[1:])[0]

    def places(self) -> Tensor:
        """The codes of the map's pictures, the centres of their tiles, row by row: (GRID², 2)."""
        (left, right), (bottom, top) = self._axes.x_range, self._axes.y_range
        centres = (torch.arange(GRID) + 0.5) / GRID
        y, x = torch.meshgrid(
            top + (bottom - top) * centres, left + (right - left) * centres, indexing="ij"
        )
        return torch.stack([x, y], dim=-1).flatten(0, 1)

    def picture(self) -> Image.Image:
        """The map with the ring, and the decoded picture."""
        canvas = self._backgrounds[self.mode.value].copy()
        canvas.paste(pixels(self.decoded(), PANEL), (self._panel, TOP))
        x, y = self._axes.position(*self.code.tolist())
        draw = ImageDraw.Draw(canvas)
        for radius, width, colour in ((14, 8, "white"), (12, 4, RING)):  # a ring on white
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, outline=colour, width=width)
        return canvas

    def _draw_map(self, mode: str, codes: Tensor, labels: Tensor | None) -> Image.Image:
        left, top, _, bottom = self._axes.box
        width = self._panel + max(PANEL, self._images.shape[3])
        page = Image.new("RGB", (width, bottom + 28), "white")
        draw = ImageDraw.Draw(page)
        if mode != "codes":
            tiles = pictures_of(self._model, self.places(), self._images.shape[1:])
            for i, tile in enumerate(tiles):
                picture = pixels(tile, TILE)
                dx, dy = ((self.step - RIM - side) // 2 for side in picture.size)
                x, y = left + 2 + i % GRID * self.step, top + 2 + i // GRID * self.step
                page.paste(picture, (x + dx, y + dy))
        if mode != "pictures":
            self._axes.draw_classes(draw, codes, labels, radius=3, rim="white")
        self._axes.draw_frame(draw)
        draw.text((left, 2), CAPTIONS[mode], "black", font(13))
        draw.text((self._panel, 2), "decoded from z", "black", font(13))
        return finish(page, self._images)
