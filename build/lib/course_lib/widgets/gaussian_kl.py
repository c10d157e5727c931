"""Two normal distributions and the Kullback–Leibler divergences between them."""

import math

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.distributions import Normal

from course_lib.information import NormalTerms, kl_normal, kl_normal_terms, nats_to_bits
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget
from course_lib.widgets.canvas import Axes, font, number, round_up

Q, P, POSITIVE, NEGATIVE = COLOURS[0], COLOURS[6], COLOURS[4], COLOURS[7]
DENSITIES = (70, 26, 390, 186)  # left, top, right, bottom
INTEGRAND = (70, 246, 390, 406)
TABLE = (420, 26)  # left and top
LOG_AXIS = 20  # ratio of the two peaks from which the densities are drawn on a log axis
COLUMNS = (420, 610, 705)  # left edge of the names, right edges of the two directions
ROWS = {
    "log_ratio": "log ratio of the σ",
    "variance_ratio": "variance ratio",
    "mean_term": "mean term",
    "constant": "−½",
}


class GaussianKL(PictureWidget):
    """q = N(μ_q, σ_q²) and p = N(μ_p, σ_p²), with a slider for each of the four numbers.

    Above the two densities, below the integrand q log(q/p) whose area, counted negative below the
    axis, is KL(q‖p). Beside them both directions, term by term, in nats and in bits.
    The sliders of the standard deviations are logarithmic; ten steps double the value. So is the
    density axis when one peak is 20 times as high as the other.

    mu_q, sigma_q, mu_p, sigma_p: where the sliders start; means in [−8, 8], sigmas in [1/16, 16].
    """

    def __init__(
        self, mu_q: float = 1.0, sigma_q: float = 0.5, mu_p: float = 0.0, sigma_p: float = 1.0
    ) -> None:
        self.mu_q, self.mu_p = (
            ipywidgets.FloatSlider(value, min=-8, max=8, step=0.1, description=name)
            for value, name in ((mu_q, "μ of q"), (mu_p, "μ of p"))
        )
        self.sigma_q, self.sigma_p = (
            ipywidgets.FloatLogSlider(value, base=2, min=-4, max=4, step=0.1, description=name)
            for value, name in ((sigma_q, "σ of q"), (sigma_p, "σ of p"))
        )
        super().__init__(
            controls=[self.mu_q, self.sigma_q, self.mu_p, self.sigma_p],
            rows=[
                ipywidgets.HBox([self.mu_q, self.sigma_q]),
                ipywidgets.HBox([self.mu_p, self.sigma_p]),
            ],
            alt="The densities of two normal distributions q and p, below them the integrand of "
            "KL(q‖p), and beside them the terms of both directions.",
        )

    def numbers(self) -> tuple[float, float, float, float]:
        """μ_q, σ_q, μ_p, σ_p as the sliders give them."""
        return self.mu_q.value, self.sigma_q.value, self.mu_p.value, self.sigma_p.value

    def divergences(self) -> dict[str, tuple[float, NormalTerms]]:
        """Each direction's divergence in nats and its four terms."""
        mu_q, sigma_q, mu_p, sigma_p = self.numbers()
        return {
            name: (kl_normal(*pair).item(), kl_normal_terms(*pair))
            for name, pair in {
                "KL(q‖p)": (mu_q, sigma_q, mu_p, sigma_p),
                "KL(p‖q)": (mu_p, sigma_p, mu_q, sigma_q),
            }.items()
        }

    def curves(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The grid z (n,), and on it q, p and the integrand q log(q/p).

        The grid is symmetric about 0 and dense under both peaks.
        """
        mu_q, sigma_q, mu_p, sigma_p = self.numbers()
        reach = round_up(max(abs(mu_q) + 3.5 * sigma_q, abs(mu_p) + 3.5 * sigma_p))
        peak = torch.linspace(-5, 5, 61)
        grids = [torch.linspace(-reach, reach, 161), mu_q + sigma_q * peak, mu_p + sigma_p * peak]
        z = torch.cat(grids).clamp(-reach, reach).sort().values
        log_q, log_p = Normal(mu_q, sigma_q).log_prob(z), Normal(mu_p, sigma_p).log_prob(z)
        return z, log_q.exp(), log_p.exp(), log_q.exp() * (log_q - log_p)

    def picture(self) -> Image.Image:
        """The densities, the shaded integrand, and the table."""
        page = Image.new("RGB", (720, 432), "white")
        draw = ImageDraw.Draw(page)
        z, q, p, integrand = self.curves()
        xs, span = z.tolist(), (z[0].item(), z[-1].item())

        low, high = sorted((q.max().item(), p.max().item()))
        if high < LOG_AXIS * low:
            title, heights = "density of", (0, round_up(high))
        else:  # the flatter curve would lie on the axis
            title, heights = (
                "log₁₀ density of",
                (math.log10(low) // 1 - 3, math.log10(high) // 1 + 1),
            )
            q, p = (density.log10().clamp(min=heights[0]) for density in (q, p))
        upper = Axes(DENSITIES, span, heights, "z", "")
        upper.draw_frame(draw)
        upper.draw_line(page, xs, p.tolist(), P)
        upper.draw_line(page, xs, q.tolist(), Q)
        draw.text((DENSITIES[0], 6), title, "black", font(13))
        after = DENSITIES[0] + font(13).getlength(f"{title} ")
        draw.text((after, 6), "q", Q, font(14))
        draw.text((after + 18, 6), "p", P, font(14))

        low, high = -integrand.min().item(), integrand.max().item()
        heights = (-round_up(max(low, 1e-3)), round_up(max(high, 1e-3)))
        lower = Axes(INTEGRAND, span, heights, "z", "")
        lower.draw_area(page, xs, integrand.clamp(min=0).tolist(), POSITIVE)
        lower.draw_area(page, xs, integrand.clamp(max=0).tolist(), NEGATIVE)
        draw.line([lower.position(end, 0) for end in span], fill="#888888")
        lower.draw_frame(draw)
        draw.text((INTEGRAND[0], 226), "q log(q/p): its area is KL(q‖p)", "black", font(13))

        self._draw_table(draw)
        return page

    def _draw_table(self, draw: ImageDraw.ImageDraw) -> None:
        left, *rights = COLUMNS
        lines = [*ROWS.values(), "sum, nats", "sum, bits"]
        for i, line in enumerate(lines):
            draw.text((left, TABLE[1] + 26 * (i + 1)), line, "black", font(13))
        rule = TABLE[1] + 26 * (len(ROWS) + 1) - 5
        draw.line((left, rule, rights[-1], rule), fill="#888888")
        for right, (name, (nats, terms)) in zip(rights, self.divergences().items(), strict=True):
            values = [*(getattr(terms, row).item() for row in ROWS), nats, nats_to_bits(nats)]
            draw.text((right, TABLE[1]), name, "black", font(13), anchor="ra")
            for i, value in enumerate(values):
                place = (right, TABLE[1] + 26 * (i + 1))
                draw.text(place, number(value, ".4f"), "black", font(13), anchor="ra")
