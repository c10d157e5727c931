"""Original, corrupted and restored images with their errors."""

import io

import numpy as np
import pytest
import torch
from ipywidgets import SelectionSlider
from PIL import Image
from torch import nn

from course_lib.models import Autoencoder
from course_lib.models.denoising_autoencoder import gaussian_noise, masking, salt_and_pepper
from course_lib.widgets import DenoisingRows

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Halve(nn.Module):
    def forward(self, x):
        return x / 2


def make(**kwargs):
    return DenoisingRows({"copy": nn.Identity(), "half": Halve()}, IMAGES, columns=3, **kwargs)


def page(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("L"), dtype=float) / 255


def tile(widget, row, column):
    left = widget._left + 60 * column
    square = page(widget)[22 + 60 * row : 78 + 60 * row, left : left + 56]
    return torch.tensor(square.reshape(8, 7, 8, 7).mean((1, 3)))


def test_each_row_shows_what_its_label_says():
    widget = make()
    widget.strength.value = 0.3
    corrupted = masking(IMAGES[:3], 0.3, torch.Generator().manual_seed(0))
    assert page(widget).shape == (22 + 4 * 60, widget._left + 3 * 60 + 76)
    for row, expected in enumerate((IMAGES[:3], corrupted, corrupted, corrupted / 2)):
        for column in range(3):
            torch.testing.assert_close(
                tile(widget, row, column), expected[column, 0].double(), atol=0.01, rtol=0
            )


@pytest.mark.parametrize(
    ("kind", "corrupt"),
    [
        ("masking", masking),
        ("Gaussian", gaussian_noise),
        ("salt and pepper", salt_and_pepper),
    ],
)
def test_errors_are_summed_over_pixels_and_averaged_over_the_shown_images(kind, corrupt):
    widget = make(seed=5)
    widget.kind.value, widget.strength.value, widget.draw.value = kind, 0.25, 2
    noisy = corrupt(IMAGES[:3], 0.25, torch.Generator().manual_seed(7)).numpy()
    clean = IMAGES[:3].numpy()
    expected = {"original": 0.0}
    for label, row in {"corrupted": noisy, "copy": noisy, "half": noisy / 2}.items():
        expected[label] = float(((row - clean) ** 2).sum() / 3)
    assert widget.errors() == pytest.approx(expected, rel=1e-5)


def test_the_same_controls_give_the_same_picture_and_another_draw_another():
    widget = make()
    first = widget.image.value
    widget.draw.value = 3
    other = widget.image.value
    assert other != first
    widget.draw.value = 0
    assert widget.image.value == first == make().image.value
    assert make(seed=9).image.value != first


@pytest.mark.parametrize(
    ("control", "value"), [("kind", "Gaussian"), ("strength", 0.1), ("draw", 1)]
)
def test_each_control_moves_the_picture_but_not_the_originals(control, value):
    widget = make()
    before = page(widget)
    getattr(widget, control).value = value
    after = page(widget)
    assert (before != after).any()
    assert (before[:78] == after[:78]).all()


def test_the_numbers_stand_at_the_end_of_the_rows():
    widget = make()
    end = widget._left + 3 * 60
    before = page(widget)[:, end:]
    widget.strength.value = 1
    after = page(widget)[:, end:]
    rows = np.nonzero((before != after).any(1))[0]
    assert rows.min() > 22 + 60  # the error of the originals is always 0
    assert rows.max() < 22 + 4 * 60


@pytest.mark.parametrize("kind", ["masking", "Gaussian", "salt and pepper"])
@pytest.mark.parametrize("strength", [0, 1])
def test_the_ends_of_the_sliders_can_be_drawn(kind, strength):
    widget = make()
    widget.kind.value, widget.strength.value = kind, strength
    if strength == 0:
        assert widget.errors()["corrupted"] == 0
    assert page(widget).min() >= 0


def test_it_takes_a_model_of_the_course_and_images_of_another_size():
    images = torch.rand(2, 1, 28, 28)
    widget = DenoisingRows({"plain": Autoencoder((1, 28, 28), 4)}, images)
    assert list(widget.rows()) == ["original", "corrupted", "plain"]
    assert all(row.shape == images.shape for row in widget.rows().values())


def test_every_control_has_a_label_and_a_readout_and_the_rows_are_named_in_words():
    widget = make()
    for control in widget.controls:
        assert control.description
        assert control.readout != isinstance(control, SelectionSlider)  # whose label stands beside
    assert widget.alt == (
        "Rows of images, original, corrupted, copy, half, each with its squared error."
    )
    assert widget.snapshot().height == widget.picture().height + 3 * 26


@pytest.mark.parametrize(
    ("models", "images", "message"),
    [
        ({}, IMAGES, "models must hold at least one model, got none"),
        (
            {"a": nn.Identity()},
            IMAGES[:, 0],
            r"shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(12, 8, 8\)",
        ),
        (
            {"a": nn.Identity()},
            IMAGES[:0],
            r"shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(0, 1, 8, 8\)",
        ),
        ({"a": nn.Flatten()}, IMAGES, r"models\['a'\] must return .* got \(8, 64\)"),
    ],
)
def test_bad_arguments_are_refused(models, images, message):
    with pytest.raises(ValueError, match=message):
        DenoisingRows(models, images)


def test_what_a_model_raises_is_shown_and_raised():
    class Breaks(nn.Module):
        broken = False

        def forward(self, x):
            if self.broken:
                raise RuntimeError("out of order")
            return x

    model = Breaks()
    widget = DenoisingRows({"a": model}, IMAGES)
    model.broken = True
    with pytest.raises(RuntimeError, match="out of order"):
        widget.draw.value = 1
    assert "out of order" in widget.error.value
