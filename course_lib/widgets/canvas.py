"""Drawing for widgets with Pillow: faster than matplotlib, and enough for a few shapes.

Pictures in a palette, one byte a pixel, are encoded faster than those in three colours.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

from course_lib.plots import COLOURS

GREYS = 192  # palette entries 0 (black) to 191 (white); the rest are the course's colours
ZOOM = 4  # Pillow does not smooth lines: draw them large and shrink
SHADES = [round(grey * (GREYS - 1) / 255) for grey in range(256)]  # palette entry of each grey
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
TINTS = 6  # steps from each colour to white, for smooth edges


def png(picture: Image.Image) -> bytes:
    """The picture as PNG bytes; fast rather than small."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which ships with matplotlib and has the Greek and the subscripts we need."""
    return ImageFont.truetype(
        Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size
    )


@cache
def _palette() -> Image.Image:
    entries = [(round(255 * grey / (GREYS - 1)),) * 3 for grey in range(GREYS)]
    for colour in COLOURS:
        rgb = ImageColor.getrgb(colour)
        entries += [
            tuple(round(c + (255 - c) * tint / TINTS) for c in rgb) for tint in range(TINTS)
        ]
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for entry in entries for channel in entry])
    return palette


def to_palette(picture: Image.Image) -> Image.Image:
    """An RGB picture in the course's palette."""
    indices = picture.quantize(palette=_palette(), dither=Image.Dither.NONE)
    # Pillow matches colours in steps of 4 and turns white into a light grey: mend that.
    return indices.point([GREYS - 1 if GREYS - 5 < i < GREYS else i for i in range(256)])


def finish(page: Image.Image, images: Tensor) -> Image.Image:
    """The RGB page in the course's palette, unless the images on it have colours of their own."""
    return to_palette(page) if images.shape[1] == 1 else page


def pixels(image: Tensor, size: int) -> Image.Image:
    """An image (C, H, W), cut to [0, 1], as a picture of which no side is longer than `size`.

    Every pixel of the image becomes a square of the same whole number of pixels, at least one, so
    that only an image with more pixels than `size` is larger. Grey images become palette
    pictures, those with three channels RGB.
    """
    zoom = max(1, size // max(image.shape[1:]))
    levels = GREYS - 1 if len(image) == 1 else 255
    values = (image.detach().clamp(0, 1) * levels).round().to(torch.uint8).cpu()
    picture = Image.fromarray((values[0] if len(image) == 1 else values.permute(1, 2, 0)).numpy())
    picture = picture.resize(
        (picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST
    )
    if len(image) == 1:
        picture.putpalette(_palette().getpalette())
    return picture


def round_up(value: float) -> float:
    """The smallest of 1, 2, 5 and their multiples by powers of ten that is not below value > 0."""
    power = 10 ** math.floor(math.log10(value))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= value)


def number(value: float, digits: str = "g") -> str:
    """A number as text, with a minus sign and no hyphen."""
    return f"{value:{digits}}".replace("-", "−")


def subscripted(letter: str, j: int) -> str:
    """z₁ for the first dimension, whose index is 0."""
    return letter + str(j + 1).translate(SUBSCRIPTS)


def write(
    page: Image.Image, place: tuple[float, float], text: str, size: int, anchor: str = "la"
) -> None:
    """Black text with smooth edges on a palette picture, where Pillow's own would be jagged."""
    box = ImageDraw.Draw(page).textbbox(place, text, font(size), anchor=anchor)
    left, top, right, bottom = math.floor(box[0]), math.floor(box[1]), *map(math.ceil, box[2:])
    strip = Image.new("L", (right - left, bottom - top), "white")
    corner = (place[0] - left, place[1] - top)
    ImageDraw.Draw(strip).text(corner, text, "black", font(size), anchor=anchor)
    strip = strip.point(SHADES)
    strip.putpalette(_palette().getpalette())
    page.paste(strip, (left, top))


@dataclass(frozen=True)
class Axes:
    """A coordinate system drawn into the box (left, top, right, bottom) of a picture.

    x_range, y_range: the data values at its edges; labels stand below and to the left.
    """

    box: tuple[int, int, int, int]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_label: str
    y_label: str

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Data coordinates → picture coordinates."""
        left, top, right, bottom = self.box
        (x_low, x_high), (y_low, y_high) = self.x_range, self.y_range
        return (
            left + (x - x_low) / (x_high - x_low) * (right - left),
            bottom - (y - y_low) / (y_high - y_low) * (bottom - top),
        )

    def draw_frame(self, draw: ImageDraw.ImageDraw) -> None:
        """The box, the values at its ends, and the two labels."""
        left, top, right, bottom = self.box
        small, large = font(11), font(13)
        draw.rectangle(self.box, outline="#888888")
        x_ends, y_ends = map(number, self.x_range), map(number, self.y_range)
        for x, end, anchor in zip((left, right), x_ends, ("la", "ra"), strict=True):
            draw.text((x, bottom + 4), end, "#444444", small, anchor=anchor)
        draw.text(((left + right) / 2, bottom + 4), self.x_label, "black", large, anchor="ma")
        for y, end, anchor in zip((bottom, top), y_ends, ("rd", "ra"), strict=True):
            draw.text((left - 4, y), end, "#444444", small, anchor=anchor)
        draw.text((left - 6, (top + bottom) / 2), self.y_label, "black", large, anchor="rm")

    def draw_line(
        self, page: Image.Image, xs: Sequence[float], ys: Sequence[float], colour: str
    ) -> None:
        """A smooth curve through the points; what leaves the box above or below is cut off."""
        mask, points = self._mask(xs, ys)
        ImageDraw.Draw(mask).line(points, fill=255, width=2 * ZOOM, joint="curve")
        self._paste(page, mask, colour)

    def draw_area(
        self, page: Image.Image, xs: Sequence[float], ys: Sequence[float], colour: str
    ) -> None:
        """The area between a curve and y = 0, cut off like the curve."""
        mask, points = self._mask([xs[0], *xs, xs[-1]], [0, *ys, 0])
        ImageDraw.Draw(mask).polygon(points, fill=255)
        self._paste(page, mask, colour)

    def _mask(
        self, xs: Sequence[float], ys: Sequence[float]
    ) -> tuple[Image.Image, list[tuple[float, float]]]:
        left, top, right, bottom = self.box
        points = [
            (ZOOM * (px - left), ZOOM * (py - top))
            for px, py in (self.position(x, y) for x, y in zip(xs, ys, strict=True))
        ]
        return Image.new("L", (ZOOM * (right - left), ZOOM * (bottom - top))), points

    def _paste(self, page: Image.Image, mask: Image.Image, colour: str) -> None:
        mask = mask.reduce(ZOOM)
        page.paste(Image.new("RGB", mask.size, colour), self.box[:2], mask)

    def draw_classes(
        self,
        draw: ImageDraw.ImageDraw,
        points: Tensor,
        labels: Tensor | None,
        radius: int,
        rim: str | None = None,
    ) -> None:
        """Points (N, 2) in the colours of their classes (N,); the numbers stand at the medians."""
        classes = torch.zeros(len(points)) if labels is None else labels.cpu()
        for point, label in zip(points.tolist(), classes.tolist(), strict=True):
            x, y = self.position(*point)
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, COLOURS[int(label) % 10], rim)
        if labels is None:
            return
        for label in classes.unique().tolist():  # for those who cannot tell the colours apart
            centre = points[classes == label].median(0).values.tolist()
            draw.text(
                self.position(*centre), str(label), "black", font(16), anchor="mm",
                stroke_width=3, stroke_fill="white",
            )  # fmt: skip

    def draw_point(self, draw: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
        """A dot with a white rim, at the nearest place inside the box."""
        left, top, right, bottom = self.box
        px, py = self.position(x, y)
        px, py = min(max(px, left), right), min(max(py, top), bottom)
        draw.ellipse((px - 6, py - 6, px + 6, py + 6), fill=colour, outline="white", width=2)
