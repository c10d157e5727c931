"""Rows that follow swept parameters, and the rows of denoisers that are made of them."""

import pytest
import torch
from torch import nn

from course_lib.likelihoods import squared_error
from course_lib.models import Autoencoder
from course_lib.models.denoising_autoencoder import gaussian_noise, masking
from course_lib.widgets import SweepRows, denoising_rows

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
ROWS = {w: {"image": IMAGES, "shade": w * IMAGES} for w in (0.0, 0.5, 1.0)}


def test_the_slider_chooses_the_rows(shown, pixels, strip, value):
    widget = SweepRows("λ", ROWS, columns=5)
    assert widget.setting == [0.5]  # the middle
    page = shown(widget)
    for weight, key in ((0.5, None), (1.0, "ArrowRight"), (0.0, "Home")):
        if key:
            page.get_by_role("slider", name="λ").press(key)
        page.get_by_role("status").filter(has_text=f"λ = {weight:g}").wait_for()
        assert value(page, "λ") == weight
        for label, images in ROWS[weight].items():
            row = strip(pixels(page, label), 8, 8)
            assert row.shape[0] == 5
            assert (row - 255 * images[:5]).abs().max() < 1


def test_a_typed_value_snaps_to_the_nearest(shown):
    page = shown(SweepRows("λ", ROWS))
    readout = page.get_by_role("textbox", name="λ, value")
    for typed, taken in (("0,9", "1"), ("-4", "0"), ("x", "0")):
        readout.fill(typed)
        readout.press("Enter")
        assert readout.input_value() == taken


def test_equal_rows_are_sent_once():
    widget = SweepRows("λ", ROWS)
    assert widget.rows["shape"][0] == 3  # the images, black, and half: with λ = 1 both are equal
    assert widget.which == [[0, 1], [0, 2], [0, 0]]


def test_several_parameters_and_words_and_numbers(shown):
    rows = {
        (kind, d): {"x": torch.full((2, 1, 4, 4), shade + d / 10)}
        for kind, shade in (("a", 0.1), ("b", 0.5))
        for d in (1, 2, 4)
    }
    widget = SweepRows(["kind", "d"], rows, numbers={key: [key[1] / 3] for key in rows})
    widget.setting = ("a", 4)
    page = shown(widget)
    assert page.locator(".number").inner_text() == "1.33"
    page.get_by_role("button", name="b").click()
    page.get_by_role("status").filter(has_text="kind = b, d = 4").wait_for()
    with pytest.raises(ValueError, match=r"kind must be one of \['a', 'b'\], got 'c'"):
        widget.setting = ["c", 4]
    with pytest.raises(ValueError, match=r"d must be one of \[1, 2, 4\], got 3"):
        widget.setting = ["a", 3]
    with pytest.raises(ValueError, match="setting must hold a value for each of"):
        widget.setting = ["a"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({1: {"x": IMAGES[0]}}, r"rows\[1\]\['x'\] must have shape"),
        ({1: {"x": torch.rand(2, 2, 4, 4)}}, "C = 1 or 3"),
        ({1: {"x": IMAGES}, 2: {"y": IMAGES}}, "for every combination"),
        ({1: {"x": IMAGES}, 2: {"x": IMAGES[:3]}}, "rows must all have 10 images"),
        ({}, "got none"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        SweepRows("λ", rows)


# Denoisers


def test_the_numbers_are_squared_errors_and_the_same_draw_gives_the_same_rows(shown, pixels, strip):
    model = Autoencoder((1, 8, 8), 3)
    widget = denoising_rows({"plain": model}, IMAGES, columns=6, draws=2, seed=7)
    widget.setting = ["Gaussian", 0.3, 2]
    page = shown(widget)
    corrupted = gaussian_noise(IMAGES[:6], 0.3, torch.Generator().manual_seed(8))
    with torch.no_grad():
        rows = {"original": IMAGES[:6], "corrupted": corrupted, "plain": model(corrupted)}
    errors = [squared_error(IMAGES[:6], row).mean().item() for row in rows.values()]
    assert page.locator(".number").all_inner_texts() == [f"{e:.2f}" for e in errors]
    for label, row in rows.items():
        assert (strip(pixels(page, label), 8, 8) - 255 * row.clamp(0, 1)).abs().max() < 1


def test_it_starts_at_half_of_the_pixels_masked():
    widget = denoising_rows({"nothing": nn.Identity()}, IMAGES)
    assert widget.setting == ["masking", 0.5, 1]
    masked = masking(IMAGES[:8], 0.5, torch.Generator().manual_seed(0))
    at = widget.places[1].index(0.5) * 3  # of the first kind, the first draw
    assert widget.numbers[at][1] == pytest.approx(squared_error(IMAGES[:8], masked).mean().item())


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "models must hold at least one model"),
        ({"m": nn.Flatten()}, r"models\['m'\] must return images of the shape \(8, 1, 8, 8\)"),
        ({"m": Autoencoder((1, 4, 4), 2)}, "Autoencoder, which raises RuntimeError"),
    ],
)
def test_models_that_restore_no_images_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        denoising_rows(models, IMAGES)
