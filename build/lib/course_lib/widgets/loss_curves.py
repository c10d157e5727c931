"""The loss of one pixel as a function of its reconstruction."""

from collections.abc import Callable

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget
from course_lib.widgets.canvas import Axes, font

LossFunction = Callable[[Tensor, Tensor], Tensor]
BOX = (40, 12, 360, 232)  # left, top, right, bottom
LEGEND = (385, 12)  # left and top


class LossCurves(PictureWidget):
    """Losses of one pixel x against its reconstruction x̂, with a slider for each of the two.

    losses: label → function of x and x̂, both (n, 1) and strictly between 0 and 1 in x̂, that
        returns (n,); at most ten.
    x, x_hat, loss: what the two sliders and the vertical axis are called.
    subject: what the curves are of, for those who cannot see them.
    A ring marks each curve's smallest value, a dot its value at the present x̂.
    """

    def __init__(
        self,
        losses: dict[str, LossFunction],
        x: str = "pixel x",
        x_hat: str = "x̂",
        loss: str = "loss",
        subject: str = "one pixel x against its reconstruction x̂",
    ) -> None:
        self._losses = losses
        self._axes = Axes(BOX, (0, 1), (0, 3), x_hat, loss)
        self.x = ipywidgets.FloatSlider(0.3, min=0, max=1, step=0.01, description=x)
        self.x_hat = ipywidgets.FloatSlider(0.5, min=0.01, max=0.99, step=0.01, description=x_hat)
        super().__init__(
            controls=[self.x, self.x_hat],
            rows=[self.x, self.x_hat],
            alt="Curves of " + ", ".join(losses) + f" of {subject}.",
        )

    def curves(self) -> tuple[Tensor, dict[str, Tensor]]:
        """The grid of x̂ (n,) and, for each loss, its values there (n,)."""
        x_hat = torch.linspace(0.005, 0.995, 199)
        x = torch.full_like(x_hat, self.x.value)
        return x_hat, {
            label: loss(x[:, None], x_hat[:, None]) for label, loss in self._losses.items()
        }

    def values(self) -> dict[str, float]:
        """Each loss at the present x and x̂."""
        x, x_hat = torch.tensor([[self.x.value]]), torch.tensor([[self.x_hat.value]])
        return {label: loss(x, x_hat).item() for label, loss in self._losses.items()}

    def picture(self) -> Image.Image:
        """The curves with their minima and present values, and a legend with the numbers."""
        page = Image.new("RGB", (680, 262), "white")
        draw = ImageDraw.Draw(page)
        self._axes.draw_frame(draw)
        x_hat, curves = self.curves()
        values = self.values()
        left, top = LEGEND
        for (label, curve), colour in zip(curves.items(), COLOURS, strict=False):
            self._axes.draw_line(page, x_hat.tolist(), curve.clamp(max=1e3).tolist(), colour)
            lowest = curve.argmin()
            text = "infinite"
            if curve[lowest].isfinite():
                px, py = self._axes.position(x_hat[lowest].item(), curve[lowest].item())
                draw.ellipse((px - 5, py - 5, px + 5, py + 5), outline=colour, width=2)
                self._axes.draw_point(draw, self.x_hat.value, values[label], colour)
                here = f"{values[label]:.2f} at {self.x_hat.description}"
                text = f"{here};  smallest at {x_hat[lowest]:.2f}"
            draw.line((left, top + 9, left + 22, top + 9), fill=colour, width=3)
            draw.text((left + 30, top), label, "black", font(13))
            draw.text((left + 30, top + 18), text, "#444444", font(12))
            top += 48
        return page
