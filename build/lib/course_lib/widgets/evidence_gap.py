"""One latent number, a guess q at its posterior, and the bars that add up to the evidence."""

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.evaluation import OneDimensionalModel
from course_lib.information import kl_normal
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget
from course_lib.widgets.canvas import Axes, font, number, round_up

Q, POSTERIOR, PRIOR = COLOURS[0], COLOURS[6], "#777777"
DENSITIES = (46, 30, 326, 250)  # left, top, right, bottom
BARS = (470, 46, 640, 236)
RIGHT = 720  # of the numbers
Z = torch.linspace(-4, 4, 401, dtype=torch.float64)
ROWS = {  # name → colour of the bar
    "E[log p(x|z)]": COLOURS[4],
    "− KL(q‖p(z))": COLOURS[7],
    "= ELBO": COLOURS[0],
    "+ KL(q‖p(z|x))": COLOURS[2],
    "= log p(x)": COLOURS[8],
}


class EvidenceGap(PictureWidget):
    """A normal q = N(μ, σ²) beside the true posterior p(z|x), and what its ELBO is made of.

    Left the densities over z; right, in nats, the two parts of the ELBO, the gap above it, and
    log p(x). Each bar begins where the one above it ends; those with "=" begin at 0.

    model: what x and z have to do with each other. x: where its slider starts, within x_range.
    mu, sigma: where the sliders of q start; μ in [−3, 3], σ in [1/16, 2].
    """

    def __init__(
        self,
        model: OneDimensionalModel,
        x: float,
        mu: float = 0.0,
        sigma: float = 1.0,
        x_range: tuple[float, float] = (-2.0, 2.0),
    ) -> None:
        if not (0.0625 <= sigma <= 2 and abs(mu) <= 3 and x_range[0] <= x <= x_range[1]):
            raise ValueError(
                f"mu must lie in [-3, 3], sigma in [1/16, 2] and x in {list(x_range)}, "
                f"got mu={mu:g}, sigma={sigma:g}, x={x:g}"
            )
        self.model = model
        self.mu = ipywidgets.FloatSlider(mu, min=-3, max=3, step=0.05, description="μ of q")
        self.sigma = ipywidgets.FloatLogSlider(
            sigma, base=2, min=-4, max=1, step=0.1, description="σ of q"
        )
        low, high = x_range
        self.x = ipywidgets.FloatSlider(x, min=low, max=high, step=0.05, description="x")
        super().__init__(
            controls=[self.mu, self.sigma, self.x],
            rows=[ipywidgets.HBox([self.mu, self.sigma]), self.x],
            alt="Left the true posterior, a normal q and the prior over z; right bars for the "
            "parts of the ELBO and the gap, which add up to log p(x).",
        )

    def curves(self) -> dict[str, Tensor]:
        """The densities on the z of the picture (401,)."""
        q = torch.distributions.Normal(Z.new_tensor(self.mu.value), self.sigma.value)
        prior = torch.distributions.Normal(Z.new_tensor(0.0), 1.0)
        return {
            "prior": prior.log_prob(Z).exp(),
            "posterior": self.model.log_posterior(self.x.value, Z).exp(),
            "q": q.log_prob(Z).exp(),
        }

    def bars(self) -> dict[str, tuple[float, float]]:
        """Where each bar begins and ends, in nats."""
        x, mu, sigma = self.x.value, self.mu.value, self.sigma.value
        reconstruction = self.model.reconstruction(x, mu, sigma).item()
        elbo = reconstruction - kl_normal(mu, sigma).item()
        evidence = elbo + self.model.gap(x, mu, sigma).item()
        ends = [
            (0, reconstruction),
            (reconstruction, elbo),
            (0, elbo),
            (elbo, evidence),
            (0, evidence),
        ]
        return dict(zip(ROWS, ends, strict=True))

    def picture(self) -> Image.Image:
        """The densities and the bars."""
        page = Image.new("RGB", (730, 284), "white")
        draw = ImageDraw.Draw(page)
        self._draw_densities(page, draw)
        self._draw_bars(draw)
        return page

    def _draw_densities(self, page: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        curves, xs = self.curves(), Z.tolist()
        highest = max(curve.max().item() for curve in curves.values())
        axes = Axes(DENSITIES, (xs[0], xs[-1]), (0, round_up(highest)), "z", "")
        axes.draw_area(page, xs, curves["posterior"].tolist(), "#f8d5bb")
        axes.draw_line(page, xs, curves["prior"].tolist(), PRIOR)
        axes.draw_line(page, xs, curves["posterior"].tolist(), POSTERIOR)
        axes.draw_line(page, xs, curves["q"].tolist(), Q)
        axes.draw_frame(draw)
        left = DENSITIES[0]
        for text, colour in (("prior", PRIOR), ("posterior p(z|x)", POSTERIOR), ("q", Q)):
            draw.text((left, 8), text, colour, font(13))
            left += font(13).getlength(text) + 16

    def _draw_bars(self, draw: ImageDraw.ImageDraw) -> None:
        bars = self.bars()
        left, top, right, bottom = BARS
        lowest = min(min(ends) for ends in bars.values())
        highest = max(max(ends) for ends in bars.values())
        span = (-round_up(-lowest) if lowest < 0 else 0, round_up(highest) if highest > 0 else 0)
        scale = Axes(BARS, span, (0, 1), "nats", "")
        for x, end in zip((left, right), span, strict=True):
            draw.text((x, bottom + 6), number(end), "#444444", font(11), anchor="ma")
        draw.text(((left + right) / 2, bottom + 4), "nats", "black", font(13), anchor="ma")
        draw.line((left, bottom, right, bottom), fill="#888888")
        height = (bottom - top) / len(ROWS)
        for i, (name, colour) in enumerate(ROWS.items()):
            begin, end = bars[name]
            ends = sorted(scale.position(place, 0)[0] for place in (begin, end))
            middle = top + height * (i + 0.5)
            draw.rectangle((ends[0], middle - 11, max(ends[1], ends[0] + 1), middle + 11), colour)
            draw.text((left - 10, middle), name, "black", font(13), anchor="rm")
            value = number(round(end - begin, 4) + 0, ".4f")
            draw.text((RIGHT, middle), value, "black", font(13), anchor="rm")
        for place, colour in ((0, "#888888"), (bars["= log p(x)"][1], ROWS["= log p(x)"])):
            px = scale.position(place, 0)[0]
            draw.line((px, top, px, bottom), fill=colour)
