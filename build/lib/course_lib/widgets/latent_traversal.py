"""Walk through the latent space of a trained model."""

from collections.abc import Sequence

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.widgets.base import (
    PictureWidget,
    check_grey,
    check_number,
    codes_of,
    pictures_of,
)
from course_lib.widgets.canvas import Axes, font, pixels, subscripted, to_palette

PANEL = 224  # pixels, a multiple of 8 and of 28: side of the original and of the decoded picture
GAP = 16
MAP_BOX = (2 * PANEL + 5 * GAP, 24, 3 * PANEL + 5 * GAP, 24 + PANEL)  # left, top, right, bottom


class LatentTraversal(PictureWidget):
    """Choose an image, move its code z with one slider per dimension, see what z decodes to.

    model: any model of the course, or any module with a `decode` that maps (1, d) to one image
        in [0, 1]; where there is a `decode_mean`, that is used instead.
    images: (N, 1, H, W) to choose from.
    labels: (N,) class numbers, which colour the map.
    codes: (N, d), the codes of the images; by default model.encode(images), of a VAE the means.
    order: the dimensions 0 … d − 1 in the order in which their sliders stand.
    seed: of the random draws.

    One button goes back to the code of the image, the other draws z ~ N(0, I). With d = 2 a map
    of all codes shows where z stands.
    Raises ValueError when images are not grey, when codes or labels do not number as many as the
    images, when no codes are given for a model that cannot encode, and when order does not name
    every dimension once.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor | None = None,
        codes: Tensor | None = None,
        order: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        check_grey(images)
        if codes is None and not hasattr(model, "encode"):
            raise ValueError("codes must be given for a model without encode, got None")
        self._codes = codes_of(model, images) if codes is None else codes  # (N, d)
        check_number(images, codes=self._codes, labels=labels)
        dimensions = list(range(self._codes.shape[1]))
        order = dimensions if order is None else [int(j) for j in order]
        if sorted(order) != dimensions:
            raise ValueError(
                f"order must name each of the {len(dimensions)} dimensions 0 to "
                f"{len(dimensions) - 1} once, got {order}"
            )
        self._model, self._images = model, images
        self._generator = torch.Generator().manual_seed(seed)

        self.image_slider = ipywidgets.IntSlider(max=len(images) - 1, description="image")
        # Room for draws from N(0, I), of which fewer than one in 10,000 lies beyond ±4.
        low = self._codes.amin(0).clamp(max=-4).floor().tolist()
        high = self._codes.amax(0).clamp(min=4).ceil().tolist()
        self.sliders = [
            ipywidgets.FloatSlider(
                value=self._codes[0, j].item(), min=low[j], max=high[j], step=0.05,
                description=subscripted("z", j),
            )
            for j in range(len(low))
        ]  # fmt: skip
        ordered = [self.sliders[j] for j in order]
        self.reset_button = ipywidgets.Button(description="code of the image")
        self.random_button = ipywidgets.Button(description="random z ~ N(0, I)")
        self.image_slider.observe(self._reset, names="value")
        self.reset_button.on_click(self._reset)
        self.random_button.on_click(self._draw_code)

        self._map = None
        if len(self.sliders) == 2:
            self._map = Axes(MAP_BOX, (low[0], high[0]), (low[1], high[1]), "z₁", "z₂")
        self._background = self._draw_background(labels)
        super().__init__(
            controls=[self.image_slider, *ordered],
            rows=[
                ipywidgets.HBox([self.image_slider, self.reset_button, self.random_button]),
                ipywidgets.Box(
                    ordered, layout=ipywidgets.Layout(flex_flow="row wrap", max_width="700px")
                ),
            ],
            alt="Left the chosen image, beside it the picture decoded from the code on the sliders"
            + (", right a map of all codes with the present one marked." if self._map else "."),
        )

    @property
    def code(self) -> Tensor:
        """z as the sliders give it: (d,)."""
        return torch.tensor([slider.value for slider in self.sliders])

    @code.setter
    def code(self, z: Tensor) -> None:
        with self.one_redraw():
            for slider, value in zip(self.sliders, z.tolist(), strict=True):
                slider.value = value

    def _reset(self, _: object) -> None:
        self.code = self._codes[self.image_slider.value]

    def _draw_code(self, _: object) -> None:
        self.code = torch.randn(len(self.sliders), generator=self._generator)

    def decoded(self) -> Tensor:
        """The picture that z stands for: (1, H, W)."""
        return pictures_of(self._model, self.code[None], self._images.shape[1:])[0]

    def picture(self) -> Image.Image:
        """The original, the decoded picture and, with d = 2, the map."""
        canvas = self._background.copy()
        canvas.paste(pixels(self._images[self.image_slider.value], PANEL), (0, MAP_BOX[1]))
        canvas.paste(pixels(self.decoded(), PANEL), (PANEL + GAP, MAP_BOX[1]))
        if self._map:
            x, y = self._map.position(*self.code.tolist())
            draw = ImageDraw.Draw(canvas)
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=191, outline=0, width=3)  # 191: white
        return canvas

    def _draw_background(self, labels: Tensor | None) -> Image.Image:
        """All that stays the same: captions and the map of the codes."""
        size = (MAP_BOX[2] + GAP if self._map else 2 * PANEL + GAP, MAP_BOX[3] + 2 * GAP)
        page = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(page)
        draw.text((0, 2), "image", "black", font(13))
        draw.text((PANEL + GAP, 2), "decoded from z", "black", font(13))
        if self._map:
            draw.text((MAP_BOX[0], 2), "codes of all images", "black", font(13))
            self._map.draw_classes(draw, self._codes, labels, radius=2)
            self._map.draw_frame(draw)
        return to_palette(page)
