"""Images as pictures: every pixel a square, grey in the palette, colour in RGB."""

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.widgets.canvas import finish, pixels


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 8, 8), 56, (56, 56)),
        ((1, 12, 12), 56, (48, 48)),
        ((3, 5, 9), 56, (54, 30)),
        ((1, 64, 64), 56, (64, 64)),  # a pixel of the image is at least a pixel of the picture
        ((3, 64, 2), 56, (2, 64)),
    ],
)
def test_every_pixel_is_a_square_and_the_picture_as_large_as_fits(shape, size, expected):
    assert pixels(torch.rand(shape), size).size == expected


def test_colours_are_kept_and_cut_to_the_unit_interval():
    image = torch.tensor([[[0.0, 1.0]], [[0.5, 7.0]], [[1.0, -2.0]]], dtype=torch.float64)
    picture = pixels(image, 6)
    assert picture.mode == "RGB" and picture.size == (6, 3)
    np.testing.assert_array_equal(np.asarray(picture)[1, [1, 4]], [[0, 128, 255], [255, 255, 0]])


def test_only_pages_without_colours_of_their_own_become_palette_pictures():
    page = Image.new("RGB", (4, 4), (12, 200, 99))
    assert finish(page, torch.zeros(2, 1, 5, 5)).mode == "P"
    assert finish(page, torch.zeros(2, 3, 5, 5)).getpixel((0, 0)) == (12, 200, 99)
