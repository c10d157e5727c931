"""Where the best denoiser moves the points of a plane."""

import math

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.models.denoising_autoencoder import empirical_denoiser
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget
from course_lib.widgets.canvas import ZOOM, Axes, font

ARROWS, POINTS, MEAN = COLOURS[0], COLOURS[6], COLOURS[4]
BOX = (42, 10, 422, 390)  # left, top, right, bottom
LEGEND = (446, 16)  # left and top
GRID = 13  # arrows along each side
HEAD = 5.0  # pixels


class DenoisingField(PictureWidget):
    """Arrows x̃ → E[x | x̃] for x one of the points, under Gaussian noise σ on a slider  (DAE.8).

    points: (N, 2). sigma: where the logarithmic slider starts; four steps double the value.
    Raises ValueError when points are not finite pairs, or all the same, and when sigma lies
    outside the slider, [1/64, 4].
    """

    def __init__(self, points: Tensor, sigma: float = 0.25) -> None:
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
            raise ValueError(f"points must have shape (N, 2), got {tuple(points.shape)}")
        if not points.isfinite().all():
            raise ValueError("points must be finite, got NaN or infinite coordinates")
        if not 2**-6 <= sigma <= 2**2:
            raise ValueError(f"sigma must lie in [1/64, 4], got {sigma}")
        self._points, self._mean = points, points.mean(0)
        extent = (points - self._mean).abs().max().item()
        if extent == 0:
            raise ValueError("points must differ, got the same point everywhere")
        unit = 10.0 ** math.floor(math.log10(extent)) / 10
        x_range, y_range = (
            (
                round(math.floor((m - 1.5 * extent) / unit) * unit, 6),
                round(math.ceil((m + 1.5 * extent) / unit) * unit, 6),
            )
            for m in self._mean.tolist()
        )
        self._axes = Axes(BOX, x_range, y_range, "x₁", "x₂")
        self.sigma = ipywidgets.FloatLogSlider(
            sigma, base=2, min=-6, max=2, step=0.25, description="noise σ",
            layout=ipywidgets.Layout(width="420px"),
        )  # fmt: skip
        super().__init__(
            controls=[self.sigma],
            rows=[self.sigma],
            alt="Data points in a plane, and arrows from a grid of corrupted points to what the "
            "best denoiser answers.",
        )

    def field(self) -> tuple[Tensor, Tensor]:
        """The grid of corrupted points x̃ and the best denoiser's answers, each (n, 2)."""
        # Half a step inside the box, so that no arrow starts on the frame.
        steps = (torch.arange(GRID) + 0.5) / GRID
        xs, ys = (
            low + (high - low) * steps for low, high in (self._axes.x_range, self._axes.y_range)
        )
        grid = torch.cartesian_prod(xs, ys).to(self._points.dtype)
        return grid, empirical_denoiser(grid, self._points, self.sigma.value)

    def picture(self) -> Image.Image:
        """The points, the arrows, a circle of radius σ around the mean, and a legend."""
        page = Image.new("RGB", (690, 414), "white")
        self._paste_layers(page)
        draw = ImageDraw.Draw(page)
        self._axes.draw_frame(draw)
        left, top = LEGEND
        for i, (colour, text) in enumerate(
            (
                (POINTS, f"the {len(self._points)} points of the data"),
                (ARROWS, "from x̃ to the best guess E[x | x̃]"),
                (MEAN, "mean of the data, and a circle"),
                (None, "with radius σ around it"),
            )
        ):
            if colour:
                draw.rectangle((left, top + 24 * i + 2, left + 11, top + 24 * i + 13), fill=colour)
            draw.text((left + 20, top + 24 * i), text, "black", font(12))
        return page

    def _paste_layers(self, page: Image.Image) -> None:
        left, top, right, bottom = BOX
        size = (ZOOM * (right - left), ZOOM * (bottom - top))
        for colour, draw_layer in (
            (ARROWS, self._draw_arrows),
            (POINTS, self._draw_points),
            (MEAN, self._draw_mean),
        ):
            mask = Image.new("L", size)
            draw_layer(ImageDraw.Draw(mask))
            mask = mask.reduce(ZOOM)
            page.paste(Image.new("RGB", mask.size, colour), BOX[:2], mask)

    def _place(self, point: list[float]) -> tuple[float, float]:
        x, y = self._axes.position(*point)
        return ZOOM * (x - BOX[0]), ZOOM * (y - BOX[1])

    def _disc(self, draw: ImageDraw.ImageDraw, point: list[float], radius: float) -> None:
        x, y = self._place(point)
        r = ZOOM * radius
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)

    def _draw_points(self, draw: ImageDraw.ImageDraw) -> None:
        for point in self._points.tolist():
            self._disc(draw, point, 2.5)

    def _draw_mean(self, draw: ImageDraw.ImageDraw) -> None:
        mean, (low, high) = self._mean.tolist(), self._axes.x_range
        self._disc(draw, mean, 5)
        s = self.sigma.value
        if s < high - low:  # else it lies outside, and Pillow is slow with huge circles
            corners = [mean[0] - s, mean[1] + s], [mean[0] + s, mean[1] - s]
            draw.ellipse([self._place(corner) for corner in corners], outline=255, width=ZOOM)

    def _draw_arrows(self, draw: ImageDraw.ImageDraw) -> None:
        for start, end in zip(*(part.tolist() for part in self.field()), strict=True):
            (x0, y0), (x1, y1) = self._place(start), self._place(end)
            draw.line((x0, y0, x1, y1), fill=255, width=ZOOM + 1)
            length = math.hypot(x1 - x0, y1 - y0)
            if length < ZOOM * HEAD:  # too short for a head
                self._disc(draw, start, 1)
                continue
            u, v = ZOOM * HEAD * (x1 - x0) / length, ZOOM * HEAD * (y1 - y0) / length
            corners = [(x1, y1), (x1 - u - v / 2, y1 - v + u / 2), (x1 - u + v / 2, y1 - v - u / 2)]
            draw.polygon(corners, fill=255)
