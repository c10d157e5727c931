"""Ways between two images: the rows, the frame, the picture at t."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from course_lib.models import VAE, Autoencoder
from course_lib.widgets import Interpolation
from course_lib.widgets.canvas import COLOURS

IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
AE, VARIATIONAL = Autoencoder((1, 8, 8), 3), VAE.dense((1, 8, 8), 3)


def widget(**arguments):
    return Interpolation(IMAGES, {"autoencoder": AE, "VAE": VARIATIONAL}, **arguments)


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("L"), dtype=float) / 255


def tile(page, row, column):
    x, y = 110 + 54 * column, 24 + 118 * row + 56 - 24
    return torch.tensor(page[y : y + 48, x : x + 48].reshape(8, 6, 8, 6).mean((1, 3)))


def large(page, row):
    x, y = 110 + 54 * 9 + 6, 24 + 118 * row
    return torch.tensor(page[y : y + 112, x : x + 112].reshape(8, 14, 8, 14).mean((1, 3)))


def expected(row, t, first, second):
    a, b = IMAGES[first], IMAGES[second]
    if row == 0:
        return ((1 - t) * a + t * b)[0].double()
    model = (AE, VARIATIONAL)[row - 1]
    codes = [model.encode(x[None]) for x in (a, b)]
    codes = [code[0] if isinstance(code, tuple) else code for code in codes]
    return model.decode_mean((1 - t) * codes[0] + t * codes[1])[0, 0].detach().double()


@pytest.mark.parametrize(("first", "second", "t"), [(0, 1, 0.5), (3, 2, 0.13), (4, 4, 1.0)])
def test_rows_go_from_the_first_image_to_the_second(first, second, t):
    ways = widget(first=first)
    ways.second.value, ways.t.value = second, t
    page = shown(ways)
    for row in range(3):
        for column in (0, 3, 8):
            torch.testing.assert_close(
                tile(page, row, column), expected(row, column / 8, first, second),
                atol=0.01, rtol=0,
            )  # fmt: skip
        torch.testing.assert_close(
            large(page, row), expected(row, t, first, second), atol=0.01, rtol=0
        )


def test_the_frame_stands_around_the_step_nearest_to_t():
    ways = widget()
    frame = ImageColor.getrgb(COLOURS[6])
    for t, column in ((0.0, 0), (0.3, 2), (0.34, 3), (1.0, 8)):
        ways.t.value = t
        places = np.argwhere((np.asarray(ways.picture()) == frame).all(2))
        assert places[:, 1].min() == 110 + 54 * column - 3
        assert places[:, 1].max() == 110 + 54 * column + 48 + 2


def test_every_control_has_a_label_and_a_readout_and_stands_in_the_snapshot():
    ways = widget(first=2, second=3)
    assert [control.description for control in ways.controls] == ["from image", "to image", "t"]
    assert all(control.readout for control in ways.controls)
    assert (ways.first.value, ways.second.value) == (2, 3)
    assert ways.image.tooltip.startswith("Rows of pictures on the way")
    assert ways.snapshot().height == ways.picture().height + 3 * 26


@pytest.mark.parametrize("images", [IMAGES[0], IMAGES[:1], IMAGES.expand(5, 2, 8, 8)])
def test_bad_input_is_refused(images):
    with pytest.raises(
        ValueError, match=r"images must have shape \(N, C, H, W\), C = 1 or 3, with N ≥ 2, got"
    ):
        Interpolation(images, {})
