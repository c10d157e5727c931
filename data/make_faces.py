"""Draw faces.npz: 4,000 portraits, 32 × 32 in colour, with seven known factors of variation.

The head is an ellipsoid that turns about the vertical axis: eyes, nose, mouth and hairline lie on
it at an azimuth and an elevation, and are projected. A picture is drawn with Pillow four times
enlarged and then shrunk. Run `python data/make_faces.py` to write the file anew.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FACTORS: dict[str, tuple[float, float]] = {  # drawn uniformly between the two
    "skin": (0, 1),  # light to dark
    "hair colour": (0, 1),  # black, brown, auburn, fair
    "hair length": (0, 1),  # cropped to below the shoulders
    "smile": (-1, 1),  # frown to laugh
    "turn": (-30, 30),  # of the head, in degrees; positive to the right of the picture
    "light": (-70, 70),  # where it comes from, in degrees; positive from the right
    "glasses": (0, 1),  # no or yes, nothing between
}
COUNT = 4_000
SIDE = 32
ENLARGED = 4  # times
SHADES = 32  # of each of red, green and blue

BACKGROUND, SHIRT, RIM = (206, 222, 226), (70, 112, 150), (24, 24, 34)
SKIN = ((255, 226, 202), (242, 196, 158), (208, 150, 106), (156, 100, 66), (112, 70, 48))
HAIR = ((30, 26, 34), (88, 54, 36), (168, 78, 38), (236, 190, 104))
CENTRE = np.array([64.0, 64.0])  # of the head, in enlarged pixels; y downwards
HEAD = np.array([39.0, 46.0])  # half its width and height

Points = np.ndarray  # (n, 2): x, y
Colour = tuple[int, int, int]


def draw(
    skin: float,
    hair_colour: float,
    hair_length: float,
    smile: float,
    turn: float,
    light: float,
    glasses: float,
) -> np.ndarray:
    """One picture (32, 32, 3) of bytes."""
    picture = Image.new("RGB", (SIDE * ENLARGED,) * 2, BACKGROUND)
    pen = ImageDraw.Draw(picture)
    face, hair = shade(SKIN, skin), shade(HAIR, hair_colour)
    draw_back(pen, face, hair, hair_length, turn)
    draw_head(pen, face, hair, hair_length, turn)
    draw_nose(pen, face, turn)
    draw_mouth(pen, smile, turn)
    if glasses:
        draw_lenses(picture, turn)
    draw_eyes(pen, darker(hair, 0.7), turn)
    if glasses:
        draw_rims(pen, turn)
    pixels = lit(np.asarray(picture), light)
    blocks = pixels.reshape(SIDE, ENLARGED, SIDE, ENLARGED, 3).mean(axis=(1, 3))
    levels = np.floor(blocks / 256 * SHADES)  # 0, …, 31
    return np.round(levels * 255 / (SHADES - 1)).astype(np.uint8)


def on_head(azimuth, elevation, turn: float, scale=1.0) -> Points:
    """Where points of the turned ellipsoid are seen; angles in degrees. (n, 2)

    What lies behind the silhouette is moved to it.
    """
    around = np.clip(np.radians(np.add(azimuth, turn)), -np.pi / 2, np.pi / 2)
    up = np.radians(elevation)
    x, y = np.broadcast_arrays(np.cos(up) * np.sin(around), -np.sin(up))
    return CENTRE + scale * HEAD * np.stack([x, y], axis=-1)


def draw_back(pen, face: Colour, hair: Colour, hair_length: float, turn: float) -> None:
    """What is behind the face: shoulders, the hair in the neck, the neck."""
    ellipse(pen, (64, 140), (60, 26), SHIRT)
    x = CENTRE[0] - 4 * np.sin(np.radians(turn))
    half, end = hair_edge(hair_length)
    pen.rounded_rectangle([x - half, CENTRE[1] - 8, x + half, end], radius=9, fill=hair)
    pen.polygon([(50, 96), (78, 96), (82, 118), (64, 126), (46, 118)], fill=darker(face, 0.8))


def draw_head(pen, face: Colour, hair: Colour, hair_length: float, turn: float) -> None:
    """The face between its ears, and the hair around it: a fringe, and locks beside the eyes."""
    near = -1 if turn > 0 else 1  # the side whose ear is before the face
    ear = darker(face, 0.82)
    ellipse(pen, CENTRE + [-near * HEAD[0] - near, 2], (5, 9), ear)
    ellipse(pen, CENTRE, HEAD, face)
    ellipse(pen, on_head(90 * near, -2, turn) + [near, 0], (5, 9), ear)
    for side in (-1, 1):
        ellipse(pen, on_head(36 * side, -20, turn), (7, 5), blushing(face))

    azimuth = np.linspace(-75, 75, 31)
    fringe = 40 + 10 * np.sin(np.radians(2 * azimuth + 40))
    forehead = np.abs(azimuth) < 62
    hairline = on_head(azimuth, np.where(forehead, fringe, 8), turn)
    around = np.radians(np.linspace(0, 180, 41))
    crown = np.stack([np.cos(around), -np.sin(around)], axis=1)
    volume = HEAD * (1.04 + 0.08 * hair_length)
    polygon(pen, np.concatenate([hairline, CENTRE + volume * crown]), hair)
    end = min(hair_edge(hair_length)[1], 118)
    for side in (-1, 1):
        inside, outside = on_head(66 * side, 0, turn)[0], CENTRE[0] + side * volume[0]
        lock = [(inside, CENTRE[1] - 8), (outside, CENTRE[1]), (outside, end - 6)]
        lock += [(outside - 6 * side, end), (inside, end)]
        polygon(pen, np.array(lock), hair)
    pen.line([tuple(point) for point in hairline[forehead]], fill=darker(hair, 0.75), width=3)


def hair_edge(hair_length: float) -> tuple[float, float]:
    """Half the width of the hair in the neck, and the y at which it ends."""
    return HEAD[0] * (1 + 0.15 * hair_length), CENTRE[1] - 4 + 66 * hair_length


def draw_eyes(pen, brow: Colour, turn: float) -> None:
    """White, iris and brow of both; they look where the head turns."""
    for side in (-1, 1):
        eye = on_head(25 * side, 0, turn)
        narrow = np.cos(np.radians(25 * side + turn)) ** 0.5
        ellipse(pen, eye, (7.5 * narrow, 6.5), (252, 252, 252))
        ellipse(pen, eye + [turn / 14, 0.5], (4.4 * narrow, 5.2), (34, 26, 30))
        along = np.linspace(-11, 11, 7)
        arch = on_head(25 * side + along, 20 - (along / 5.5) ** 2, turn)
        pen.line([tuple(point) for point in arch], fill=brow, width=3)


def draw_nose(pen, face: Colour, turn: float) -> None:
    """The tip, a little before the face, and its shadow."""
    tip = on_head(0, -11, turn, 1.1)
    ellipse(pen, tip + [0, 1.5], (5, 4), darker(face, 0.8))
    ellipse(pen, tip, (4, 3.2), darker(face, 0.97))


def draw_mouth(pen, smile: float, turn: float) -> None:
    """Two curves between the corners; a smile lifts these, and opens over the teeth."""
    along = np.linspace(-1, 1, 21)
    arch = (1 - along**2)[:, None] * [0, 1]  # 0 in the corners, 1 in the middle, downwards
    upper = on_head((25 + 7 * smile) * along, -32, turn) + 11 * smile * (arch - [0, 0.8])
    lower = upper + 14 * max(smile, 0) * arch
    polygon(pen, np.concatenate([upper, lower[::-1]]), (255, 255, 255))
    for lip in (upper, lower):
        pen.line([tuple(point) for point in lip], fill=(146, 40, 50), width=4)


def lenses(turn: float) -> list[tuple[Points, Points]]:
    """Centre and radii of the left and the right lens of round glasses."""
    narrow = [np.cos(np.radians(25 * side + turn)) ** 0.5 for side in (-1, 1)]
    centres = [on_head(25 * side, 0, turn, 1.04) for side in (-1, 1)]
    return [(c, np.array([13.5 * n, 13])) for c, n in zip(centres, narrow, strict=True)]


def draw_lenses(picture: Image.Image, turn: float) -> None:
    """Both are a little paler than the skin behind them."""
    glass = Image.new("L", picture.size, 0)
    for centre, radii in lenses(turn):
        ellipse(ImageDraw.Draw(glass), centre, radii, 70)
    picture.paste((240, 248, 255), mask=glass)


def draw_rims(pen, turn: float) -> None:
    """The rims, the bridge between them, and the temples, which end at the ears."""
    (left, left_radii), (right, right_radii) = lenses(turn)
    for centre, radii in lenses(turn):
        pen.ellipse([*(centre - radii), *(centre + radii)], outline=RIM, width=4)
    y = CENTRE[1] - 3
    pen.line([(left[0] + left_radii[0], y), (right[0] - right_radii[0], y)], RIM, 3)
    for side, (centre, radii) in zip((-1, 1), lenses(turn), strict=True):
        ear = on_head(90 * side, 4, turn)
        pen.line([(centre[0] + side * radii[0], y), tuple(ear)], RIM, 3)


def lit(pixels: np.ndarray, light: float) -> np.ndarray:
    """The portrait, but not its background, as it reflects light from one side  (Lambert)."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    across, down = (x - CENTRE[0]) / (1.3 * HEAD[0]), (y - CENTRE[1]) / (1.6 * HEAD[1])
    normal = np.stack([across, down, np.sqrt(np.clip(1 - across**2 - down**2, 0.04, None))])
    normal /= np.linalg.norm(normal, axis=0)
    angle, height = np.radians(light), np.radians(25)
    towards = [np.sin(angle) * np.cos(height), -np.sin(height), np.cos(angle) * np.cos(height)]
    reflected = 0.5 + 0.53 * np.clip(np.tensordot(towards, normal, 1), 0, None)
    portrait = (pixels != BACKGROUND).any(axis=2)
    return np.clip(pixels * np.where(portrait, reflected, 1)[:, :, None], 0, 255)


def shade(ramp: tuple[Colour, ...], place: float) -> Colour:
    """The colour at a place between 0 and 1 of a ramp."""
    places = np.linspace(0, 1, len(ramp))
    return tuple(round(np.interp(place, places, channel)) for channel in zip(*ramp, strict=True))


def darker(colour: Colour, share: float) -> Colour:
    """Each channel times a share below 1."""
    return tuple(round(share * channel) for channel in colour)


def blushing(face: Colour) -> Colour:
    """The skin with a fifth of red."""
    return tuple(round(0.8 * c + 0.2 * red) for c, red in zip(face, (230, 70, 70), strict=True))


def ellipse(pen, centre, radii, colour) -> None:
    pen.ellipse([*np.subtract(centre, radii), *np.add(centre, radii)], fill=colour)


def polygon(pen, points: Points, colour: Colour) -> None:
    pen.polygon([tuple(point) for point in points], fill=colour)


def draw_factors() -> np.ndarray:
    """(4000, 7): every factor independently of the others."""
    low, high = np.array(list(FACTORS.values())).T
    factors = np.random.default_rng(0).uniform(low, high, (COUNT, len(FACTORS)))
    factors[:, -1] = factors[:, -1] > 0.5
    return factors.astype(np.float32)


def draw_faces() -> dict[str, np.ndarray]:
    """images uint8 (4000, 32, 32, 3), factors float32 (4000, 7) and factor_names (7,)."""
    factors = draw_factors()
    return {
        "images": np.stack([draw(*row) for row in factors.tolist()]),
        "factors": factors,
        "factor_names": np.array(list(FACTORS)),
    }


def main() -> None:
    path = Path(__file__).resolve().parents[1] / "course_lib" / "data" / "faces.npz"
    np.savez_compressed(path, **draw_faces())
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
