"""Draw glyphs.npz: 10,000 of the 28,000 combinations of six factors of a printed digit.

Every factor is drawn independently of the others, as in dSprites (Matthey et al. 2017), but with
ten shapes that are worth reconstructing. Run `python data/make_glyphs.py` to write the file anew.
"""

import itertools
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, IdentityTransform

FACTORS: dict[str, tuple[float, ...]] = {
    "digit": tuple(range(10)),
    "slant": (-24, -16, -8, 0, 8, 16, 24),  # degrees, positive leans right
    "stroke": (0, 0.7, 1.4, 2.1),  # pixels added to the width of the font's own strokes
    "size": (11, 13, 15, 17),  # height in pixels, before the stroke is added
    "shift x": (-3, -1.5, 0, 1.5, 3),  # pixels to the right
    "shift y": (-3, -1.5, 0, 1.5, 3),  # pixels downwards
}
COUNT = 10_000
SIDE = 28
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def outline(digit: int, slant: float) -> Outline:
    """The sheared digit, of height 1, with the centre of its bounding box at the origin."""
    upright = TextPath((0, 0), str(digit), size=100, prop=FontProperties(fname=FONT))
    shear = Affine2D([[1, np.tan(np.radians(slant)), 0], [0, 1, 0], [0, 0, 1]])
    sheared = upright.transformed(shear)
    box = sheared.get_extents()
    centre = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
    return sheared.transformed(centre.scale(1 / box.height))


def draw(
    digit: float, slant: float, stroke: float, size: float, shift_x: float, shift_y: float
) -> np.ndarray:
    """One image (28, 28) of 16 grey levels 0, 17, …, 255, white on black."""
    renderer = RendererAgg(SIDE, SIDE, dpi=72)  # at 72 dpi a point is a pixel
    pen = renderer.new_gc()
    pen.set_foreground("white")
    pen.set_linewidth(stroke)
    pen.set_joinstyle("round")
    pen.set_snap(False)  # snapping to whole pixels would undo the small shifts
    place = Affine2D().scale(size).translate(SIDE / 2 + shift_x, SIDE / 2 - shift_y)  # y is up
    placed = outline(int(digit), slant).transformed(place)
    renderer.draw_path(pen, placed, IdentityTransform(), (1.0, 1.0, 1.0))
    coverage = np.asarray(renderer.buffer_rgba())[:, :, 3]
    return np.round(coverage / 17).astype(np.uint8) * 17


def render_glyphs() -> dict[str, np.ndarray]:
    """images uint8 (10000, 28, 28), factors float32 (10000, 6) and factor_names (6,)."""
    grid = np.array(list(itertools.product(*FACTORS.values())))  # (28000, 6)
    factors = np.random.default_rng(0).choice(grid, COUNT, replace=False)  # in random order
    return {
        "images": np.stack([draw(*row) for row in factors]),
        "factors": factors.astype(np.float32),
        "factor_names": np.array(list(FACTORS)),
    }


def main() -> None:
    path = Path(__file__).resolve().parents[1] / "course_lib" / "data" / "glyphs.npz"
    np.savez_compressed(path, **render_glyphs())
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
