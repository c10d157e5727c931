"""Features and activations of sparse autoencoders over a grid of λ and ρ."""

from dataclasses import dataclass

import ipywidgets
import matplotlib
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.evaluation import lifetime_activity, population_activity
from course_lib.likelihoods import squared_error
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget, check_grey, with_label
from course_lib.widgets.canvas import font

TOP, SIDE = 26, 304  # pixels: where the three panels begin, and how high they are
FEATURES, HEAT, MEANS = 0, 326, 506  # left edges of the panels
WIDTH = 690
COLUMNS = 40  # images in the heat map
TICKS = (0.001, 0.01, 0.1, 1)  # of the mean activation, on a log axis


@dataclass(frozen=True)
class Summary:
    """What a model does with the images; its units are sorted by mean activation, largest first.

    features (d, H, W), activations (N, d) and rho_hat (d,) in that order; dead and always_on
    count units above the threshold for no and for every image, active is the mean share of units
    above it, and error the squared error per image.
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
    h = model.encode(images)  # (N, d)
    decode = getattr(model, "decode_mean", model.decode)
    one_unit = torch.cat([torch.zeros(1, h.shape[1]), torch.eye(h.shape[1])])
    pictures = decode(one_unit)[:, 0]  # (1 + d, H, W)
    order = h.mean(0).argsort(descending=True)
    lifetime = lifetime_activity(h, threshold)
    return Summary(
        features=(pictures[1:] - pictures[0])[order],
        activations=h[:, order],
        rho_hat=h.mean(0)[order],
        dead=int((lifetime == 0).sum()),
        always_on=int((lifetime == 1).sum()),
        active=population_activity(h, threshold).mean().item(),
        error=squared_error(images, decode(h)).mean().item(),
    )


class SparseSweep(PictureWidget):
    """Sliders for λ and ρ, and what the model trained with them has learned.

    models: (λ, ρ) → any model of the course, or any module with `encode` and `decode`, for every
        pair of the λ and the ρ that occur.
    images: (N, 1, H, W), on which activity and error are measured.
    threshold: above it a unit counts as active.

    Left the features, what each unit adds to the picture when it alone goes from 0 to 1, each
    scaled to its own largest weight. In the middle the activations, a row for each unit. Right
    the mean activations of the same rows, with a line at ρ. Below, counts and the error.
    Raises ValueError when a pair is missing or images are not grey.
    """

    def __init__(
        self, models: dict[tuple[float, float], nn.Module], images: Tensor, threshold: float = 0.5
    ) -> None:
        check_grey(images)
        weights, targets = (sorted({pair[i] for pair in models}) for i in (0, 1))
        missing = [(w, rho) for w in weights for rho in targets if (w, rho) not in models]
        if missing or not models:
            raise ValueError(f"models must hold every pair (λ, ρ), got none for {missing}")
        # Pairs may share a model: with λ = 0 the target ρ does not matter.
        by_id = {id(m): summarise(m, images, threshold) for m in models.values()}
        self._summaries = {pair: by_id[id(model)] for pair, model in models.items()}
        self._top = max(1.0, *(s.activations.max().item() for s in by_id.values()))
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
        page = Image.new("RGB", (WIDTH, panels.height + 44), "white")
        page.paste(panels, (0, 0))
        draw = ImageDraw.Draw(page)
        x = _log_position(self.rho.value)
        draw.line((x, TOP, x, TOP + SIDE), fill=COLOURS[2], width=2)
        units = len(summary.rho_hat)
        lines = (
            f"units above {self._threshold:g}: {100 * summary.active:.1f} % per image; "
            f"on no image: {summary.dead} of {units}; on every image: {summary.always_on}",
            f"mean of ρ̂: {summary.rho_hat.mean():.4f}; squared error: {summary.error:.1f} per image",
        )
        for i, line in enumerate(lines):
            draw.text((0, panels.height + 4 + 20 * i), line, "black", font(13))
        return page

    def _draw_panels(self, summary: Summary) -> Image.Image:
        """Features, activations and mean activations: all that needs no slider."""
        units, height, width = summary.features.shape
        bottom = TOP + SIDE
        page = Image.new("RGB", (WIDTH, bottom + 22), "white")
        draw = ImageDraw.Draw(page)
        draw.text((FEATURES, 4), "features", "black", font(13))
        draw.text((HEAT, 4), f"activations, 0 to {self._top:.2g}", "black", font(13))
        draw.text((MEANS, 4), "ρ̂ of each unit", "black", font(13))
        draw.text((WIDTH, 4), "line: ρ", COLOURS[2], font(13), anchor="ra")

        columns = next(n for n in range(1, units + 1) if n * n >= units)
        tile = SIDE // columns
        zoom = max(1, (tile - 2) // max(height, width))
        limits = summary.features.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
        for i, feature in enumerate(_coloured(summary.features / limits / 2 + 0.5, "PuOr")):
            small = feature.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
            page.paste(small, (FEATURES + tile * (i % columns), TOP + tile * (i // columns)))

        cells = summary.activations[:COLUMNS].T / self._top  # (d, images)
        (heat,) = _coloured(cells[None], "Purples")
        heat = heat.resize((4 * heat.width, SIDE), Image.Resampling.NEAREST)
        page.paste(heat, (HEAT, TOP))
        draw.rectangle((HEAT - 1, TOP - 1, HEAT + heat.width, bottom), outline="#888888")
        caption = f"{cells.shape[1]} images"
        draw.text((HEAT + heat.width / 2, bottom + 4), caption, "#444444", font(11), anchor="ma")

        for tick in TICKS:
            x = _log_position(tick)
            draw.line((x, TOP, x, bottom), fill="#dddddd")
            draw.text((x, bottom + 4), f"{tick:g}", "#444444", font(11), anchor="ma")
        for i, mean in enumerate(summary.rho_hat.tolist()):
            x, y = _log_position(mean), TOP + SIDE * (i + 0.5) / units
            draw.rectangle((x - 2, y - 2, x + 2, y + 2), fill=COLOURS[0])
        return page


def _coloured(values: Tensor, colours: str) -> list[Image.Image]:
    """Values (n, H, W) from 0 to 1 as n pictures in a colour map of matplotlib's."""
    rgb = matplotlib.colormaps[colours](values.clamp(0, 1).numpy(), bytes=True)[..., :3]
    return [Image.fromarray(picture) for picture in rgb]


def _log_position(mean: float) -> float:
    """Where a mean activation lies on the log axis; beyond its ends, at the end."""
    share = torch.tensor(mean).clamp(TICKS[0], TICKS[-1]).log10().item() / 3 + 1
    return MEANS + 14 + share * (WIDTH - MEANS - 28)
