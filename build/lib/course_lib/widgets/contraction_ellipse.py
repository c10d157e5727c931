"""A point on a two-dimensional data manifold and the ellipse that its neighbourhood maps to."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from course_lib.models.contractive_autoencoder import jacobian, tangent_share
from course_lib.plots import COLOURS
from course_lib.widgets.base import PictureWidget, with_label
from course_lib.widgets.canvas import Axes, font, pixels

BALL, ALONG = COLOURS[0], COLOURS[6]
TOP, SIDE = 26, 192  # of the image, in pixels
PLANE = (262, TOP, 502, TOP + 240)  # left, top, right, bottom
BARS = (550, TOP, 690, TOP + 160)
GRID = 9  # lines of equal u, and of equal v
CIRCLE = torch.linspace(0, 2 * math.pi, 73)


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """An image, its code, and what the encoder does to first order to the images around it.

    image (1, H, W); code (2,); singular_values of J (2,); tangent_share of ‖J‖²_F; ball and disc
    (2, n), the outlines of the images of the ball around the image and of its tangent disc.
    """

    image: Tensor
    code: Tensor
    singular_values: Tensor
    tangent_share: float
    ball: Tensor
    disc: Tensor


class ContractionEllipse(PictureWidget):
    """Where a small ball around the image at (u, v) goes, to first order, as λ moves.

    models: λ → trained model whose code has two numbers in [0, 1], in the order of the slider.
    surface: (B, 2) → images (B, 1, H, W), differentiable; maps [0, 1]² onto the data manifold.
    radius: r of the ball, in pixel units (distance between images as vectors of D pixels).

    Left the image; in the middle the code plane with the grid of (u, v) mapped into it and two
    ellipses: the ball around the image, with semi-axes r·σ₁ and r·σ₂ for the singular values of
    J = ∂h/∂x, and the disc of the same radius in the tangent plane of the manifold. Right the
    singular values and the share of ‖J‖²_F that belongs to the tangent plane.
    Raises ValueError when there is no model, when a code does not have two numbers, and when the
    surface does not return grey images.
    """

    def __init__(
        self,
        models: Mapping[float, nn.Module],
        surface: Callable[[Tensor], Tensor],
        radius: float = 0.2,
    ) -> None:
        if not models:
            raise ValueError("models must hold at least one model, got none")
        if not radius > 0:
            raise ValueError(f"radius must be positive, got {radius}")
        self._models, self._surface, self._radius = dict(models), surface, radius
        ticks = torch.linspace(0, 1, GRID)
        lattice = torch.cartesian_prod(ticks, ticks)  # (GRID², 2)
        images = surface(lattice)
        if images.ndim != 4 or images.shape[:2] != (len(lattice), 1):
            raise ValueError(f"surface must return (B, 1, H, W), got {tuple(images.shape)}")
        with torch.inference_mode():
            self._grids = {weight: model.encode(images) for weight, model in models.items()}
        for weight, codes in self._grids.items():
            if codes.shape != (len(lattice), 2):
                raise ValueError(f"the code of models[{weight}] must have shape (B, 2), "
                                 f"got {tuple(codes.shape)}")  # fmt: skip
        self._plane = Axes(PLANE, (0, 1), (0, 1), "h₁", "h₂")
        largest = max(torch.linalg.matrix_norm(jacobian(model.encode, images), 2).max().item()
                      for model in models.values())  # fmt: skip
        unit = 10 ** math.floor(math.log10(largest)) / 2
        top = unit * math.ceil(1.1 * largest / unit)  # with room for the number above the bar
        self._bars = Axes(BARS, (0, 1), (0, top), "", "")
        self._pages = {weight: self._draw_page(codes) for weight, codes in self._grids.items()}

        self.weight = ipywidgets.SelectionSlider(options=list(models), description="λ")
        self.u, self.v = (
            ipywidgets.FloatSlider(0.5, min=0, max=1, step=0.01, description=name)
            for name in ("u", "v")
        )
        super().__init__(
            controls=[self.weight, self.u, self.v],
            rows=[with_label(self.weight), ipywidgets.HBox([self.u, self.v])],
            alt="Left the image at (u, v), in the middle the code plane with the ellipse that its "
            "neighbourhood maps to, right the singular values of the Jacobian.",
        )

    @property
    def position(self) -> Tensor:
        """(u, v) as the sliders give it: (1, 2)."""
        return torch.tensor([[self.u.value, self.v.value]])

    def neighbourhood(self) -> Neighbourhood:
        """What J = ∂h/∂x says about the neighbourhood of the image at (u, v)."""
        encode, image = self._models[self.weight.value].encode, self._surface(self.position)
        J = jacobian(encode, image).detach()  # (1, 2, D)
        tangents = jacobian(lambda uv: self._surface(uv).flatten(1), self.position)  # (1, D, 2)
        along = J[0] @ torch.linalg.qr(tangents[0]).Q  # J for a step within the tangent plane
        with torch.inference_mode():
            code = encode(image)[0]
        return Neighbourhood(
            image=image[0],
            code=code,
            singular_values=torch.linalg.svdvals(J[0]),
            tangent_share=tangent_share(J, tangents).item(),
            ball=self._ellipse(code, J[0]),
            disc=self._ellipse(code, along),
        )

    def _ellipse(self, code: Tensor, linear: Tensor) -> Tensor:
        """The outline (2, n) of what L makes of a ball of radius r, moved to the code."""
        U, singular_values, _ = torch.linalg.svd(linear, full_matrices=False)
        circle = torch.stack([CIRCLE.cos(), CIRCLE.sin()])
        return code[:, None] + self._radius * U @ (singular_values[:, None] * circle)

    def picture(self) -> Image.Image:
        """The image, the code plane with the two ellipses, and the singular values."""
        page, here = self._pages[self.weight.value].copy(), self.neighbourhood()
        draw = ImageDraw.Draw(page)
        page.paste(pixels(here.image, SIDE).convert("RGB"), (0, TOP))
        for outline, colour in ((here.ball, BALL), (here.disc, ALONG)):
            self._plane.draw_line(page, *outline.tolist(), colour)
        x, y = self._plane.position(*here.code.tolist())
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill="black")
        left, _, _, bottom = self._bars.box
        values = here.singular_values.tolist()
        for name, place, value in zip(("σ₁", "σ₂"), (0.3, 0.7), values, strict=True):
            x, y = self._bars.position(place, min(value, self._bars.y_range[1]))
            draw.rectangle((x - 16, y, x + 16, bottom), fill=BALL)
            draw.text((x, y - 2), f"{value:.3f}", "black", font(13), anchor="md")
            draw.text((x, bottom + 4), name, "black", font(13), anchor="ma")
        squared = here.singular_values.square().sum()
        lines = (
            (f"‖J‖² = {squared:.3f},", "black"),
            (f"{100 * here.tangent_share:.0f} % of it along", ALONG),
            ("the manifold", ALONG),
        )
        for i, (line, colour) in enumerate(lines):
            draw.text((left, bottom + 28 + 20 * i), line, colour, font(13))
        return page

    def _draw_page(self, codes: Tensor) -> Image.Image:
        """All that stays the same for one λ: captions, frames and the grid of (u, v)."""
        page = Image.new("RGB", (700, 290), "white")
        draw = ImageDraw.Draw(page)
        lattice = codes.unflatten(0, (GRID, GRID))  # (u, v, 2)
        for line in [*lattice, *lattice.transpose(0, 1)]:
            self._plane.draw_line(page, *line.T.tolist(), "#aaaaaa")
        self._plane.draw_frame(draw)
        left, top, right, bottom = self._bars.box
        draw.line((left, top, left, bottom, right, bottom), fill="#888888")
        draw.text((left - 4, top), f"{self._bars.y_range[1]:g}", "#444444", font(11), anchor="ra")
        draw.text((left - 4, bottom), "0", "#444444", font(11), anchor="rd")
        captions = {0: "the image", PLANE[0]: "its code", left: "singular values of J"}
        for x, caption in captions.items():
            draw.text((x, 4), caption, "black", font(13))
        legend = (
            (BALL, f"all images within {self._radius:g} of this one"),
            (ALONG, "only those along the manifold"),
        )
        for i, (colour, text) in enumerate(legend):
            draw.line((0, TOP + SIDE + 29 + 22 * i, 22, TOP + SIDE + 29 + 22 * i), colour, 3)
            draw.text((30, TOP + SIDE + 20 + 22 * i), text, "black", font(12))
        return page
