"""The same noise, moved and stretched: samples of N(μ, σ²) as a function of μ and σ."""

import math

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.distributions import Normal

from course_lib.plots import COLOURS
from course_lib.priors import reparameterize
from course_lib.widgets.base import PictureWidget
from course_lib.widgets.canvas import Axes, font

REACH = 6.0  # the axes run from −REACH to REACH
NOISE_BOX = (40, 26, 640, 96)  # left, top, right, bottom
CODE_BOX = (40, 166, 640, 276)
EPSILON, CODE, FOLLOWED = COLOURS[8], COLOURS[0], COLOURS[6]


class Reparameterization(PictureWidget):
    """Draws ε ~ N(0, 1) and, joined to them by lines, z = μ + σε  (VAE.3).

    The draws stay when the sliders of μ and σ move; a button makes new ones. One draw is followed
    in orange, with its numbers below.

    n: how many draws. seed: of the first draws.
    Raises ValueError for n below 1.
    """

    def __init__(self, n: int = 30, seed: int = 0) -> None:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        self._n, self._seed = n, seed
        self.mu = ipywidgets.FloatSlider(1.5, min=-3, max=3, step=0.05, description="μ")
        self.sigma = ipywidgets.FloatSlider(0.5, min=0.1, max=2, step=0.05, description="σ")
        self.fresh_button = ipywidgets.Button(description="fresh ε")
        self.fresh_button.on_click(self._draw_noise)
        super().__init__(
            controls=[self.mu, self.sigma],
            rows=[ipywidgets.HBox([self.mu, self.sigma, self.fresh_button])],
            alt="Above draws of noise under the density N(0, 1), below the codes that they become "
            "under the density N(μ, σ²), each joined to its noise by a line.",
        )

    def _draw_noise(self, _: object) -> None:
        self._seed += 1
        self._redraw()

    def codes(self, mu: float, sigma: float) -> Tensor:
        """z for the present noise: (n,)."""
        size = (self._n, 1)
        generator = torch.Generator().manual_seed(self._seed)
        logvar = torch.full(size, 2 * math.log(sigma))
        return reparameterize(torch.full(size, mu), logvar, generator)[:, 0]

    def picture(self) -> Image.Image:
        """Both rows of points with their densities, the lines, and the followed draw's numbers."""
        page = Image.new("RGB", (690, 346), "white")
        draw = ImageDraw.Draw(page)
        mu, sigma = self.mu.value, self.sigma.value
        epsilon, z = self.codes(0.0, 1.0), self.codes(mu, sigma)
        peak = max(0.5, math.ceil(2 / sigma) / 4)
        above = Axes(NOISE_BOX, (-REACH, REACH), (0, 0.5), "", "")
        below = Axes(CODE_BOX, (-REACH, REACH), (peak, 0), "", "")  # upside down
        for axes, mean, sd, name, colour in (
            (above, 0.0, 1.0, "ε", EPSILON),
            (below, mu, sigma, "z", CODE),
        ):
            grid = (mean + sd * torch.linspace(-4, 4, 121)).clamp(-REACH, REACH)
            heights = Normal(mean, sd).log_prob(grid).exp()
            axes.draw_area(page, grid.tolist(), heights.tolist(), colour)
            axes.draw_frame(draw)
            right, level = axes.position(REACH, 0)
            draw.text((right + 8, level), name, "black", font(15), anchor="lm")
        self._draw_pairs(draw, above, below, epsilon.tolist(), z.tolist())
        left, top, bottom = NOISE_BOX[0], NOISE_BOX[1], CODE_BOX[3]
        draw.text((left, top - 22), "noise ε with the density of N(0, 1)", "black", font(13))
        title = f"codes z = μ + σε with the density of N({mu:.2f}, {sigma:.2f}²)"
        draw.text((left, bottom + 20), title.replace("-", "−"), "black", font(13))
        numbers = (
            f"orange: ε = {epsilon[0]:.2f}, z = {z[0]:.2f}, ∂z/∂μ = 1, ∂z/∂σ = {epsilon[0]:.2f}"
        )
        draw.text((left, bottom + 42), numbers.replace("-", "−"), FOLLOWED, font(13))
        return page

    def _draw_pairs(
        self,
        draw: ImageDraw.ImageDraw,
        above: Axes,
        below: Axes,
        epsilon: list[float],
        z: list[float],
    ) -> None:
        z = [min(max(value, -REACH), REACH) for value in z]  # beyond the axis: at its end
        for i in reversed(range(self._n)):  # the followed draw comes last, on top
            ends = above.position(epsilon[i], 0), below.position(z[i], 0)
            draw.line(ends, fill=FOLLOWED if i == 0 else "#bbbbbb", width=3 if i == 0 else 1)
            for (x, y), colour in zip(ends, (EPSILON, CODE), strict=True):
                fill = FOLLOWED if i == 0 else colour
                draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=fill, outline="white")
