"""Rows of images that follow a slider."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.widgets import SweepRows

ORIGINAL = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
ROWS = {d: {"image": ORIGINAL, "rebuilt": ORIGINAL / d} for d in (1, 2, 4)}


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("L"), dtype=float) / 255


def tile(page, row, column):
    square = page[60 * row : 60 * row + 56, 110 + 60 * column : 110 + 60 * column + 56]
    return torch.tensor(square.reshape(8, 7, 8, 7).mean((1, 3)))


def test_the_slider_chooses_the_rows():
    widget = SweepRows("d", ROWS, columns=3)
    for d in (1, 2, 4):
        widget.slider.value = d
        page = shown(widget)
        assert page.shape == (120, 110 + 3 * 60)
        for column in range(3):
            for row, expected in enumerate((ORIGINAL, ORIGINAL / d)):
                torch.testing.assert_close(
                    tile(page, row, column), expected[column, 0].double(), atol=0.01, rtol=0
                )


def test_the_slider_is_labelled_and_named_in_the_text_form():
    widget = SweepRows("latent dimension", ROWS)
    assert widget.slider.description == "latent dimension"
    label = widget.children[0].children[1]  # a readout would look as if one could type into it
    assert not widget.slider.readout
    for d in (2, 4):
        widget.slider.value = d
        assert label.value == str(d)
    assert widget.alt == (
        "Rows of images, image and rebuilt, for one value of latent dimension at a time."
    )


def test_the_snapshot_shows_where_the_slider_stands():
    widget = SweepRows("d", ROWS)
    first = np.asarray(widget.snapshot())[:26]
    widget.slider.value = 4
    assert (np.asarray(widget.snapshot())[:26] != first).any()


def test_images_that_are_neither_grey_nor_rgb_are_refused():
    rows = {1: {"image": torch.zeros(2, 1, 8, 8)}, 2: {"image": torch.zeros(2, 2, 8, 8)}}
    with pytest.raises(ValueError, match=r"rows\[2\]\['image'\] must .* got \(2, 2, 8, 8\)"):
        SweepRows("β", rows)
