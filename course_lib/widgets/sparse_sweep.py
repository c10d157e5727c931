"""Features and activations of sparse autoencoders over a grid of λ and ρ."""

import math
from dataclasses import dataclass

import ipywidgets
import matplotlib
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.evaluation import lifetime_activity, population_activity
from course_lib.likelihoods import squared_error
from course_lib.plots import COLOURS, check_images
from course_lib.widgets.base import PictureWidget, codes_of, pictures_of, with_label
from course_lib.widgets.canvas import font, pixels

TOP, SIDE = 26, 304  # pixels: where the three panels begin, and how high they are
FEATURES, HEAT, MEANS = 0, 326, 506  # left edges of the panels, if the features fit into SIDE
WIDTH = 690
COLUMNS = 40  # images in the heat map
TICKS = (0.001, 0.01, 0.1, 1)  # of the mean activation, on a log axis


@dataclass(frozen=True)
class Summary:
    """What a model does with the images; its units are sorted by mean activation, largest first.

    features (d, H, W) or, in colour, (d, 3, H, W), activations (N, d) and rho_hat (d,) in that
    order; dead and always_on count units above the threshold for no and for every image, active
    is the mean share of units above it, and error the squared error per image.
    """

    features: Tensor
    activations: Tensor
    rho_hat: Tensor
    dead: int
    always_on: int
    active: float
    error: float


@torch.inference_mode()
def summarise(model: nn.Module, images: Tensor, threshold: float) -> Summary:
    """Encode and decode the images once and look at what the units did."""
    h, images = codes_of(model, images), images.cpu()  # (N, d), (N, C, H, W)
    one_unit = torch.cat([torch.zeros(1, h.shape[1]), torch.eye(h.shape[1])])
    pictures = pictures_of(model, one_unit, images.shape[1:]).squeeze(1)
    rebuilt = pictures_of(model, h, images.shape[1:])
    order = h.mean(0).argsort(descending=True)
    lifetime = lifetime_activity(h, threshold)
    return Summary(
        features=(pictures[1:] - pictures[0])[order],
        activations=h[:, order],
        rho_hat=h.mean(0)[order],
        dead=int((lifetime == 0).sum()),
        always_on=int((lifetime == 1).sum()),
        active=population_activity(h, threshold).mean().item(),
        error=squared_error(images, rebuilt).mean().item(),
    )


class SparseSweep(PictureWidget):
    """Sliders for λ and ρ, and what the model trained with them has learned.

    models: (λ, ρ) → any model of the course with one vector as its code, or any module with
        `encode` and `decode`, for every pair of the λ and the ρ that occur.
    images: (N, C, H, W), grey or RGB, on which activity and error are measured.
    threshold: above it a unit counts as active.

    Left the features, what each unit adds to the picture when it alone goes from 0 to 1, each
    scaled to its own largest weight; in colour, grey is nothing. In the middle the activations, a
    row for each unit. Right the mean activations of the same rows, with a line at ρ. Below,
    counts and the error.
    Raises ValueError when a pair is missing, and for other images and models.
    """

    def __init__(
        self, models: dict[tuple[float, float], nn.Module], images: Tensor, threshold: float = 0.5
    ) -> None:
        check_images(images)
        weights, targets = (sorted({pair[i] for pair in models}) for i in (0, 1))
        missing = [(w, rho) for w in weights for rho in targets if (w, rho) not in models]
        if missing or not models:
            raise ValueError(f"models must hold every pair (λ, ρ), got none for {missing}")
        # Pairs may share a model: with λ = 0 the target ρ does not matter.
        by_id = {id(m): summarise(m, images, threshold) for m in models.values()}
        self._summaries = {pair: by_id[id(model)] for pair, model in models.items()}
        self._top = max(1.0, *(s.activations.max().item() for s in by_id.values()))
        self._more = max(0, *(math.prod(_tiling(s.features)) - SIDE for s in by_id.values()))
        self._panels = {key: self._draw_panels(s) for key, s in by_id.items()}
        self._panels = {pair: self._panels[id(model)] for pair, model in models.items()}
        self._threshold = threshold
        self.weight = ipywidgets.SelectionSlider(options=weights, description="λ")
        self.rho = ipywidgets.SelectionSlider(options=targets, description="ρ")
        super().__init__(
            controls=[self.weight, self.rho],
            rows=[with_label(self.weight), with_label(self.rho)],
            alt="The learned features of a sparse autoencoder as small pictures, a map of its "
            "activations, and the mean activation of each unit beside the target ρ.",
        )

    def summary(self) -> Summary:
        """What the model of the present λ and ρ does with the images."""
        return self._summaries[self.weight.value, self.rho.value]

    def picture(self) -> Image.Image:
        """The three panels, the line at ρ, and the counts."""
        summary = self.summary()
        panels = self._panels[self.weight.value, self.rho.value]
        page = Image.new("RGB", (panels.width, panels.height + 44), "white")
        page.paste(panels, (0, 0))
        draw = ImageDraw.Draw(page)
        x = self._more + _log_position(self.rho.value)
        draw.line((x, TOP, x, TOP + SIDE), fill=COLOURS[2], width=2)
        units = len(summary.rho_hat)
        lines = (
            f"units above {self._threshold:g}: {100 * summary.active:.1f} % per image; "
            f"on no image: {summary.dead} of {units}; on every image: {summary.always_on}",
            f"mean of ρ̂: {summary.rho_hat.mean():.4f}; "
            f"squared error: {summary.error:.1f} per image",
        )
        for i, line in enumerate(lines):
            draw.text((0, panels.height + 4 + 20 * i), line, "black", font(13))
        return page

    def _draw_panels(self, summary: Summary) -> Image.Image:
        """Features, activations and mean activations: all that needs no slider."""
        units, bottom = len(summary.features), TOP + SIDE
        heat_left, right = HEAT + self._more, WIDTH + self._more
        page = Image.new("RGB", (right, bottom + self._more + 22), "white")
        draw = ImageDraw.Draw(page)
        draw.text((FEATURES, 4), "features", "black", font(13))
        draw.text((heat_left, 4), f"activations, 0 to {self._top:.2g}", "black", font(13))
        draw.text((MEANS + self._more, 4), "ρ̂ of each unit", "black", font(13))
        draw.text((right, 4), "line: ρ", COLOURS[2], font(13), anchor="ra")

        columns, tile = _tiling(summary.features)
        for i, feature in enumerate(summary.features):
            shades = feature / feature.abs().max().clamp(min=1e-12) / 2 + 0.5
            if shades.ndim == 2:
                shades = _coloured(shades, "PuOr")
            place = (FEATURES + tile * (i % columns), TOP + tile * (i // columns))
            page.paste(pixels(shades, tile - 2), place)

        cells = summary.activations[:COLUMNS].T / self._top  # (d, images)
        heat = pixels(_coloured(cells, "Purples"), 1)
        heat = heat.resize((4 * heat.width, SIDE), Image.Resampling.NEAREST)
        page.paste(heat, (heat_left, TOP))
        draw.rectangle((heat_left - 1, TOP - 1, heat_left + heat.width, bottom), outline="#888888")
        centre, caption = heat_left + heat.width / 2, f"{cells.shape[1]} images"
        draw.text((centre, bottom + 4), caption, "#444444", font(11), anchor="ma")

        for tick in TICKS:
            x = self._more + _log_position(tick)
            draw.line((x, TOP, x, bottom), fill="#dddddd")
            draw.text((x, bottom + 4), f"{tick:g}", "#444444", font(11), anchor="ma")
        for i, mean in enumerate(summary.rho_hat.tolist()):
            x, y = self._more + _log_position(mean), TOP + SIDE * (i + 0.5) / units
            draw.rectangle((x - 2, y - 2, x + 2, y + 2), fill=COLOURS[0])
        return page


def _tiling(features: Tensor) -> tuple[int, int]:
    """How many features stand in a row, and the side in pixels of the square of each."""
    columns = math.ceil(math.sqrt(len(features)))
    return columns, max(SIDE // columns, max(features.shape[-2:]) + 2)


def _coloured(values: Tensor, colours: str) -> Tensor:
    """Values (H, W) from 0 to 1 as an image (3, H, W) in a colour map of matplotlib's."""
    rgb = matplotlib.colormaps[colours](values.clamp(0, 1).numpy(), bytes=True)[..., :3]
    return torch.from_numpy(rgb).permute(2, 0, 1) / 255


def _log_position(mean: float) -> float:
    """Where a mean activation lies on the log axis; beyond its ends, at the end."""
    share = torch.tensor(mean).clamp(TICKS[0], TICKS[-1]).log10().item() / 3 + 1
    return MEANS + 14 + share * (WIDTH - MEANS - 28)
