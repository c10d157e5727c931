"""A codebook in the plane: which code each vector becomes, and how the codes move."""

import math

import ipywidgets
import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw
from torch import Tensor

from course_lib.evaluation import perplexity, usage
from course_lib.likelihoods import squared_error
from course_lib.models.vector_quantizer import VectorQuantizer, nearest_code
from course_lib.models.vq_vae import VQVAE
from course_lib.plots import COLOURS, check_images
from course_lib.widgets.base import PictureWidget, check_fit, check_has, like, pictures_of
from course_lib.widgets.canvas import Axes, finish, font, pixels, to_palette

LARGEST_K = 64
PLANE = (34, 24, 394, 384)  # left, top, right, bottom
CELL = 2  # pixels: side of the squares of which the cells of the codes are made
LEFT, SIDE = 420, 344  # of the panel with one tile for each code
SHOWN, TILE = 14, 40  # images and their reconstructions below; pixels, unless they have more
DEAD = COLOURS[2]
RGB = np.array([ImageColor.getrgb(colour) for colour in COLOURS], dtype=np.uint8)
PALE = 255 - (255 - RGB) // 3
DOT = [(x, y) for x in range(-3, 4) for y in range(-3, 4) if x * x + y * y <= 10]


class CodebookExplorer(PictureWidget):
    """Vectors in the plane, K codes with their cells, and the moving averages step by step.

    z_e: (M, 2), the vectors; or, in their place,
    model: a VQVAE with code_dim 2, and images (N, C, H, W), grey or RGB, for it to encode. The
        codes start as those of the model, which is not changed, and what they decode to is shown,
        too: for each code the picture of which every token is this code, and the first images
        rebuilt.
    K, gamma: where their sliders start; K from 2 to 64 and without meaning for a model.
    initial: "data", codes are drawn from the vectors; or "normal", from N(0, I).
    revive_below: as in VectorQuantizer; 0 leaves unused codes where they are.
    seed: of the codes.

    One button takes a step (VQ.8), (VQ.9) with all vectors as the batch, the other draws new
    codes, and so does the slider of K. Three sliders choose a code and move it. Codes that no
    vector chooses are crossed out.
    Raises ValueError for anything else, and as VectorQuantizer does.
    """

    def __init__(
        self,
        z_e: Tensor | None = None,
        *,
        model: VQVAE | None = None,
        images: Tensor | None = None,
        K: int = 8,
        gamma: float = 0.8,
        initial: str = "data",
        revive_below: float = 0.0,
        seed: int = 0,
    ) -> None:
        if (z_e is None) == (model is None) or (model is None) != (images is None):
            raise ValueError("give either z_e or both model and images")
        if model is not None:
            check_images(images)
            check_has(model, "encode", "decode", "quantizer", kinds="VQ-VAEs")
            check_fit(model, model, images)
            K = len(model.quantizer.codebook)
            with torch.no_grad():
                z_e = model.encode(like(model, images))  # (N, *grid, 2)
            self._grid = z_e.shape[1:-1]
            z_e = z_e.flatten(0, -2)
        if not 2 <= K <= LARGEST_K:
            raise ValueError(f"K must be from 2 to {LARGEST_K}, got {K}")
        self._z_e, self._model, self._images = z_e.detach().float().cpu(), model, images
        self._initial, self._revive_below, self._seed = initial, revive_below, seed

        self.K = ipywidgets.IntSlider(K, min=2, max=max(16, K), description="K")
        self.gamma = ipywidgets.FloatSlider(gamma, min=0, max=0.99, step=0.01, description="γ")
        self.code = ipywidgets.IntSlider(0, min=0, max=K - 1, description="code")
        self._draw_codes(gamma=gamma)
        self.indices()  # refuses what does not lie in the plane
        if model is not None:
            self.quantizer.load_state_dict(model.quantizer.state_dict())
            self._before = self.codebook
        low, high = self._ranges()
        self._axes = Axes(PLANE, (low[0], high[0]), (low[1], high[1]), "", "")
        magnitude = math.floor(math.log10(high[0] - low[0]))
        self.x, self.y = (
            ipywidgets.FloatSlider(
                low[j], min=low[j], max=high[j], step=10**magnitude / 20, description=name,
                readout_format=f".{max(0, 2 - magnitude)}f",
            )
            for j, name in enumerate(("x", "y"))
        )  # fmt: skip
        self._cells, self._dots = self._places()
        self._held = True  # until the base has drawn
        self._follow_code()
        self.K.observe(self._change_K, names="value")
        self.gamma.observe(self._change_gamma, names="value")
        self.code.observe(self._follow_code, names="value")
        self.x.observe(lambda change: self._drag(0, change["new"]), names="value")
        self.y.observe(lambda change: self._drag(1, change["new"]), names="value")
        self.step_button = ipywidgets.Button(description="one EMA step")
        self.fresh_button = ipywidgets.Button(description="new codes")
        self.step_button.on_click(self._step)
        self.fresh_button.on_click(self._fresh)
        super().__init__(
            controls=[self.K, self.gamma, self.code, self.x, self.y],
            rows=[
                ipywidgets.HBox([self.K, self.gamma, self.step_button, self.fresh_button]),
                ipywidgets.HBox([self.code, self.x, self.y]),
            ],
            alt="Left vectors in a plane and the cells of the codes, each in the colour of its "
            "code; right every code with the share of the vectors that become it"
            + (", below images and what they become." if model else "."),
        )

    @property
    def codebook(self) -> Tensor:
        """The codes as they lie now: (K, 2)."""
        return self.quantizer.codebook.detach().clone()

    def indices(self) -> Tensor:
        """The code of each vector: (M,)."""
        return nearest_code(self._z_e, self.quantizer.codebook)

    def _draw_codes(self, gamma: float) -> None:
        self.quantizer = VectorQuantizer(
            self.K.value, 2, gamma=gamma, revive_below=self._revive_below, initial=self._initial,
            seed=self._seed,
        )  # fmt: skip
        self._generator = torch.Generator().manual_seed(self._seed)
        if self._initial == "data":
            self.quantizer.start(self._z_e, self._generator)
        self._steps, self._before = 0, self.codebook

    def _step(self, _: object) -> None:
        self._before = self.codebook
        self.quantizer.step(self._z_e, self.indices(), self._generator)
        self._steps += 1
        with self.one_redraw():
            self._follow_code()

    def _fresh(self, _: object) -> None:
        self._seed += 1
        with self.one_redraw():
            self._change_K()

    def _change_K(self, _: object = None) -> None:
        self._draw_codes(self.gamma.value)
        held, self._held = self._held, True  # the slider of K draws, when all have changed
        self.code.max = self.K.value - 1
        self._follow_code()
        self._held = held

    def _change_gamma(self, _: object) -> None:
        self.quantizer.gamma = self.gamma.value

    def _follow_code(self, _: object = None) -> None:
        """Set the sliders of the place to the chosen code."""
        held, self._held = self._held, True
        self.x.value, self.y.value = self.codebook[self.code.value].tolist()
        self._held = held

    def _drag(self, axis: int, place: float) -> None:
        to = self.codebook[self.code.value]
        # The browser moves a slider to its nearest step, and then nobody has dragged the code.
        if not self._held and abs(place - to[axis].item()) > self.x.step / 2:
            to[axis] = place
            self.quantizer.move(self.code.value, to)
            self._before = self.codebook

    def _ranges(self) -> tuple[list[float], list[float]]:
        """The lower and the upper ends of both axes, which have the same scale."""
        places = torch.cat([self._z_e, self.codebook])
        if self._initial == "normal":  # room for codes from N(0, I)
            places = torch.cat([places, torch.tensor([[-3.0, -3.0], [3.0, 3.0]])])
        low, high = places.amin(0), places.amax(0)
        half = 0.55 * (high - low).max().item() or 1.0
        unit = 10 ** math.floor(math.log10(half)) / 2
        half = unit * math.ceil(half / unit)
        centre = [unit * round(c / unit) for c in ((low + high) / 2).tolist()]
        return [c - half for c in centre], [c + half for c in centre]

    def _places(self) -> tuple[Tensor, np.ndarray]:
        """The centres of the squares of the plane, row by row, and the pixels of the vectors."""
        left, top, right, _ = self._axes.box
        (x_low, x_high), (y_low, y_high) = self._axes.x_range, self._axes.y_range
        n = (right - left) // CELL
        middle = (torch.arange(n) + 0.5) / n
        y, x = torch.meshgrid(
            y_high - (y_high - y_low) * middle, x_low + (x_high - x_low) * middle, indexing="ij"
        )
        dots = [self._axes.position(*z) for z in self._z_e.tolist()]
        dots = np.array(dots).round().astype(int) - (left, top)
        return torch.stack([x.flatten(), y.flatten()], 1), dots.clip(3, right - left - 4)

    def _draw_plane(self, indices: Tensor) -> Image.Image:
        """The cells in pale colours and the vectors in full ones."""
        left, _, right, _ = self._axes.box
        n = (right - left) // CELL
        cells = nearest_code(self._cells, self.quantizer.codebook).view(n, n).numpy()
        plane = PALE[cells % 10]
        for border in (cells[1:] != cells[:-1], cells[:, 1:] != cells[:, :-1]):
            plane[: border.shape[0], : border.shape[1]][border] = 255
        plane = plane.repeat(CELL, 0).repeat(CELL, 1)
        x, y = self._dots.T
        for colours, radius in ((np.uint8(255), 10), (RGB[indices.numpy() % 10], 5)):
            for dx, dy in DOT:
                if dx * dx + dy * dy <= radius:
                    plane[y + dy, x + dx] = colours
        return Image.fromarray(plane)

    def picture(self) -> Image.Image:
        """The plane, the tiles of the codes, with a model the images, and the numbers."""
        K, indices = self.K.value, self.indices()
        share = usage(indices, K).tolist()
        columns, side = self._tile_layout()
        bottom = max(PLANE[3], PLANE[1] + math.ceil(K / columns) * (side + 20))
        width, height = max(LEFT + SIDE, LEFT + columns * (side + 20)) + 6, bottom + 46
        if self._model:
            largest = max(TILE, *self._images.shape[2:])
            width, height = max(width, 84 + SHOWN * (largest + 9)), height + 4 + 2 * largest
        page = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(page)
        page.paste(self._draw_plane(indices), PLANE[:2])
        self._axes.draw_frame(draw)
        draw.text((PLANE[0], 4), "vectors, codes and their cells", "black", font(13))
        draw.text((LEFT, 4), "share of the vectors", "black", font(13))
        before, after = self._before.tolist(), self.codebook.tolist()
        for k in (*range(K), self.code.value):  # the chosen one once more, on top
            self._draw_code(draw, k, before[k], after[k], dead=share[k] == 0)
        self._draw_tiles(page, draw, share)
        error = squared_error(self._z_e, self.quantizer.codebook[indices]).mean().item()
        draw.text(
            (PLANE[0], page.height - 18),
            f"steps: {self._steps}; in use: {sum(s > 0 for s in share)} of {K} codes; "
            f"perplexity {perplexity(indices, K):.2f}; mean of ‖z_e − e‖²: {error:.4g}",
            "black", font(13),
        )  # fmt: skip
        if self._model:
            self._draw_images(page, draw, indices, bottom + 22)
        return finish(page, self._images) if self._model else to_palette(page)

    def _draw_code(
        self,
        draw: ImageDraw.ImageDraw,
        k: int,
        before: list[float],
        after: list[float],
        dead: bool,
    ) -> None:
        start, (x, y) = self._axes.position(*before), self._axes.position(*after)
        draw.line((*start, x, y), fill="black", width=2)
        chosen = k == self.code.value
        radius, rim = (12, 4) if chosen else (9, 1)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), "white", "black", rim)
        if dead:
            draw.line((x - 7, y + 7, x + 7, y - 7), DEAD, 3)
        draw.text(
            (x, y), str(k), "black", font(11), anchor="mm", stroke_width=int(dead),
            stroke_fill="white",
        )  # fmt: skip

    def _tile_layout(self) -> tuple[int, int]:
        """How many tiles stand in a row, and their side in pixels: room for a picture and a rim."""
        columns = max(4, math.ceil(math.sqrt(self.K.value)))
        side = SIDE // columns - 20
        return columns, max(side, 1 + max(self._images.shape[2:])) if self._model else side

    def _draw_tiles(self, page: Image.Image, draw: ImageDraw.ImageDraw, share: list[float]) -> None:
        """For each code its colour, what it decodes to, and its share."""
        K = self.K.value
        columns, side = self._tile_layout()
        cell = side + 20
        tiles = self._decoded(torch.arange(K)) if self._model else None
        for k in range(K):
            x, y = LEFT + k % columns * cell, PLANE[1] + k // columns * cell
            colour = COLOURS[k % 10]
            draw.rectangle((x, y, x + side, y + side), colour)
            if tiles is not None:
                picture = pixels(tiles[k], side - 4)
                dx, dy = ((side + 1 - length) // 2 for length in picture.size)
                page.paste(picture, (x + dx, y + dy))
            small = font(11 if columns < 7 else 9)
            text, ink = (f"{k}: {100 * share[k]:.0f} %", "black") if share[k] else (f"{k}: 0", DEAD)
            draw.text((x + side / 2, y + side + 2), text, ink, small, anchor="ma")

    def _decoded(self, indices: Tensor) -> Tensor:
        """Pictures by the present codes: (B,), every token the same, or (B, T) → (B, C, H, W)."""
        tokens = indices.view(len(indices), -1).expand(-1, math.prod(self._grid))
        codes = self.quantizer.codebook[tokens.unflatten(1, self._grid)]  # (B, *grid, 2)
        return pictures_of(self._model, codes, self._images.shape[1:])

    def _draw_images(
        self, page: Image.Image, draw: ImageDraw.ImageDraw, indices: Tensor, top: int
    ) -> None:
        images = self._images[:SHOWN]
        tokens = indices.view(len(self._images), -1)[: len(images)]
        cell = max(TILE, *self._images.shape[2:])
        for row, pictures in enumerate((images, self._decoded(tokens))):
            middle = top + row * (cell + 3) + cell // 2
            label = ("image", "rebuilt")[row]
            draw.text((PLANE[0], middle), label, "black", font(13), anchor="lm")
            for i, picture in enumerate(pictures):
                tile = pixels(picture, TILE)
                page.paste(tile, (92 + (cell + 9) * i, middle - cell // 2))
