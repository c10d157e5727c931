"""One slider for β: what a VAE keeps, what it forgets, and where that lies on the R–D curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.evaluation import active_units, kl_per_dimension
from course_lib.models import VAE, ConditionalVAE
from course_lib.objectives import EveryBeta
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget, check_grey, pictures_of
from course_lib.widgets.canvas import Axes, font, number, pixels, subscripted, to_palette, write

COLUMNS, TILE, GAP = 7, 56, 2  # pictures in a row; pixels: about their side, between them
LABEL, TOP = 112, 6  # pixels: width of the labels, and where the first row begins
TRAVERSALS, REACH = 4, 3.0  # rows of them, at most, and from where to where they go
STEPS = 60  # of the slider
BOX = (174, 190)  # pixels: width and height of the curve
CURVE, HERE, ALONE = COLOURS[0], COLOURS[2], COLOURS[1]


@dataclass(frozen=True)
class Summary:
    """A model at one β on a set of images: rate and distortion in nats per image, and per
    dimension its KL in nats and whether it is active, (d,) each."""

    rate: float
    distortion: float
    kl: Tensor
    active: Tensor


@torch.inference_mode()
def summarise(model: VAE, images: Tensor) -> Summary:
    """Of the VAE for one β; the noise is the same for every β."""
    draw = model.draw(images, torch.Generator().manual_seed(0))
    return Summary(
        rate=draw.kl.sum(1).mean().item(),
        distortion=draw.nll.mean().item(),
        kl=kl_per_dimension(*draw.q),
        active=active_units(draw.q.mu),
    )


class BetaExplorer(PictureWidget):
    """Move β, see reconstructions, samples, traversals and the place on the R–D curve.

    model: a trained ConditionalVAE; objective: the EveryBeta that it was trained with, whose range
        the slider spans.
    images: (N, 1, H, W), N ≥ 2, on which all numbers are measured; the first seven are shown.
    points: (β, rate, distortion) of models trained for one β each, drawn beside the curve.
    seed: of the codes z ~ N(0, I) of the samples, which stay the same for every β.

    The traversals move one dimension of the first image's code from −3 to 3: the active
    dimensions, those with the largest KL first, four at most.
    Raises ValueError for another model, other images, or points that are no triples.
    """

    def __init__(
        self,
        model: ConditionalVAE,
        objective: EveryBeta,
        images: Tensor,
        points: Sequence[tuple[float, float, float]] = (),
        seed: int = 0,
    ) -> None:
        if not isinstance(model, ConditionalVAE) or not isinstance(objective, EveryBeta):
            given = f"{type(model).__name__} and {type(objective).__name__}"
            raise ValueError(f"model must be a ConditionalVAE, objective an EveryBeta, got {given}")
        check_grey(images, least=2)
        if any(len(point) != 3 for point in points):
            raise ValueError(f"points must be triples (β, rate, distortion), got {list(points)}")
        self._model, self._objective, self._images = model, objective, images
        generator = torch.Generator().manual_seed(seed)
        self._z = torch.randn(COLUMNS, model.latent_dim, generator=generator)
        low, high = math.log10(objective.low), math.log10(objective.high)
        places = [10 ** (low + (high - low) * i / STEPS) for i in range(STEPS + 1)]
        self._summaries: dict[float, Summary] = {}
        self._background = self._draw_background([self.summary(b) for b in places], points)
        start = min(places, key=lambda beta: abs(math.log(beta)))  # nearest to 1
        self.beta = ipywidgets.FloatLogSlider(
            start, min=low, max=high, step=(high - low) / STEPS, description="β",
            layout=ipywidgets.Layout(width="500px"),
        )  # fmt: skip
        super().__init__(
            controls=[self.beta],
            rows=[self.beta],
            alt="Left rows of pictures at the chosen β: images, their reconstructions, samples "
            "and walks along the active dimensions. Right the rate–distortion curve with the "
            "present β on it, and the number of active units.",
        )

    def at(self, beta: float) -> VAE:
        """The VAE for a β of the slider, whose ends may be off by a rounding."""
        within = min(max(beta, self._objective.low), self._objective.high)
        return self._objective.at(self._model, within)

    def summary(self, beta: float) -> Summary:
        """The numbers at β, computed once for every place of the slider."""
        key = round(math.log10(beta), 6)
        if key not in self._summaries:
            self._summaries[key] = summarise(self.at(beta), self._images)
        return self._summaries[key]

    def dimensions(self) -> list[int]:
        """Those of the traversals: the active ones with the largest KL, in this order."""
        summary = self.summary(self.beta.value)
        order = summary.kl.argsort(descending=True)
        return order[summary.active[order]][:TRAVERSALS].tolist()

    @torch.inference_mode()
    def rows(self) -> list[Tensor]:
        """Reconstructions, samples and one traversal per dimension: (columns, 1, H, W) each."""
        model = self.at(self.beta.value)
        means = model.encode(self._images[:COLUMNS])[0]
        codes = [means, self._z]
        for j in self.dimensions():
            walk = means[0].repeat(COLUMNS, 1)
            walk[:, j] = torch.linspace(-REACH, REACH, COLUMNS)
            codes.append(walk)
        pictures = pictures_of(model, torch.cat(codes), self._images.shape[1:])
        return list(pictures.split([len(row) for row in codes]))

    def picture(self) -> Image.Image:
        """The rows, the point on the curve, and the numbers."""
        page = self._background.copy()
        summary, dimensions = self.summary(self.beta.value), self.dimensions()
        for i, row in enumerate(self.rows(), start=1):
            self._paste(page, i, row)
        for i, j in enumerate(dimensions, start=3):
            self._write(page, i, f"{subscripted('z', j)}   {summary.kl[j]:.2f} nats")
        if len(dimensions) < TRAVERSALS:
            place = LABEL, self._top(3 + len(dimensions)) + self._step // 2
            text = "no further dimension is active" if dimensions else "no dimension is active"
            write(page, place, text, 13, anchor="lm")
        self._axes.draw_point(ImageDraw.Draw(page), summary.rate, summary.distortion, HERE)
        numbers = (
            f"β = {self.beta.value:.3g}",
            f"rate: {summary.rate:.2f} nats per image",
            f"distortion: {summary.distortion:.2f} nats per image",
            f"active units: {summary.active.sum()} of {len(summary.active)}",
        )
        left, bottom = self._axes.box[0] - 34, self._axes.box[3]
        for i, line in enumerate(numbers):
            write(page, (left, bottom + 70 + 20 * i), line, 13)
        return page

    @property
    def _step(self) -> int:
        side = max(self._images.shape[2:])
        return side * max(1, TILE // side) + GAP

    def _top(self, row: int) -> int:
        """Where a row begins: gaps stand above the samples and, with a scale, the traversals."""
        return TOP + self._step * row + 10 * (row > 1) + 20 * (row > 2)

    def _paste(self, page: Image.Image, row: int, images: Tensor) -> None:
        for column, image in enumerate(images):
            place = (LABEL + self._step * column, self._top(row))
            page.paste(pixels(image, TILE), place)

    def _write(self, page: Image.Image, row: int, label: str) -> None:
        write(page, (LABEL - 8, self._top(row) + self._step // 2), label, 13, anchor="rm")

    def _draw_background(
        self, summaries: Sequence[Summary], points: Sequence[tuple[float, float, float]]
    ) -> Image.Image:
        """All that stays the same: the images, the labels, the curve and the points."""
        left, top = LABEL + COLUMNS * self._step + 50, TOP + 22
        curve = [(s.rate, s.distortion) for s in summaries]
        rates, distortions = zip(*curve, *[point[1:] for point in points], strict=True)
        self._axes = Axes(
            (left, top, left + BOX[0], top + BOX[1]),
            (0, _rounded(0, max(rates))[1]),
            _rounded(min(distortions), 1.05 * max(distortions) - 0.05 * min(distortions)),
            "rate",
            "",
        )
        page = Image.new("RGB", (left + BOX[0] + 30, self._top(3 + TRAVERSALS)), "white")
        draw = ImageDraw.Draw(page)
        for i, z in enumerate(torch.linspace(-REACH, REACH, COLUMNS).tolist()):
            place = (LABEL + self._step * (i + 0.5), self._top(3) - 3)
            draw.text(place, number(z), "#444444", font(11), anchor="ms")
        draw.text((LABEL - 8, self._top(3) - 3), "zⱼ =", "#444444", font(11), anchor="rs")
        draw.text((left - 34, TOP), "distortion", "black", font(13))
        self._axes.draw_line(page, *zip(*curve, strict=True), CURVE)
        self._axes.draw_frame(draw)
        self._draw_points(draw, points)
        bottom = self._axes.box[3]
        draw.text((left - 34, bottom + 28), "— one model for every β", CURVE, font(12))
        if points:
            draw.text((left - 34, bottom + 46), "• one model for each β", ALONE, font(12))
        page = to_palette(page)
        self._paste(page, 0, self._images[:COLUMNS])
        for row, label in enumerate(("image", "reconstruction", "sample")):
            self._write(page, row, label)
        return page

    def _draw_points(
        self, draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float, float]]
    ) -> None:
        """Each with its β beside it, unless another one stands there."""
        taken: list[tuple[float, float]] = []
        for beta, rate, distortion in points:
            x, y = self._axes.position(rate, distortion)
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=ALONE)
            if all(abs(x - u) > 20 or abs(y - v) > 12 for u, v in taken):
                draw.text((x + 3, y - 3), f"{beta:g}", "#444444", font(11), anchor="ld")
                taken.append((x, y))


def _rounded(low: float, high: float) -> tuple[float, float]:
    """The range of an axis that holds both numbers and ends at round ones."""
    step = 10 ** math.floor(math.log10(max(high - low, 1e-6))) / 2
    first = math.floor(low / step)
    return step * first, step * max(math.ceil(high / step), first + 1)
