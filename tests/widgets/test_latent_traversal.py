"""Two of the widget's three layers: its picture as a function of its state, and its controls.

The third, JupyterLab in a browser, is in tests/browser.
"""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor
from torch import nn

from course_lib.models import VAE, Autoencoder
from course_lib.widgets import LatentTraversal
from course_lib.widgets.canvas import COLOURS, pixels, png, to_palette

IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def widget(latent_dim=2, **arguments):
    return LatentTraversal(Autoencoder((1, 8, 8), latent_dim), IMAGES, **arguments)


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("L"), dtype=float) / 255


def panel(picture, number):
    """The 224-pixel square of the original (0) or the decoded picture (1), one value a pixel."""
    left = number * 240
    square = picture[24:248, left : left + 224]
    return torch.tensor(square.reshape(8, 28, 8, 28).mean((1, 3)))


# The picture


def test_pixels_are_squares_of_the_image_cut_to_the_unit_interval():
    image = torch.tensor([[[0.0, 0.5], [1.0, 7.0]]])
    picture = np.asarray(pixels(image, 5).convert("L"))
    assert picture.shape == (4, 4)  # two whole squares of two pixels fit into five
    np.testing.assert_array_equal(picture[::2, ::2], picture[1::2, 1::2])
    np.testing.assert_allclose(picture[::2, ::2], [[0, 128], [255, 255]], atol=1)


@pytest.mark.parametrize("colour", ["white", "black", *COLOURS])
def test_the_palette_holds_the_colours_of_the_course(colour):
    page = Image.new("RGB", (1, 1), colour)
    assert to_palette(page).convert("RGB").getpixel((0, 0)) == page.getpixel((0, 0))


def test_png_is_lossless():
    picture = pixels(IMAGES[0], 200)
    assert np.array_equal(Image.open(io.BytesIO(png(picture))).convert("L"), picture.convert("L"))


def test_it_shows_the_image_and_what_its_code_decodes_to():
    model = Autoencoder((1, 8, 8), 2)
    traversal = LatentTraversal(model, IMAGES)
    traversal.image_slider.value = 3
    picture = shown(traversal)
    torch.testing.assert_close(panel(picture, 0), IMAGES[3, 0].double(), atol=0.01, rtol=0)
    expected = model(IMAGES[3:4])[0, 0].detach().double()
    torch.testing.assert_close(panel(picture, 1), expected, atol=0.01, rtol=0)


def test_the_ring_on_the_map_stands_where_the_sliders_say():
    traversal = widget()
    before = shown(traversal)
    traversal.sliders[0].value, traversal.sliders[1].value = traversal.sliders[0].max, 3.0
    changed = np.argwhere(shown(traversal)[24:248, 528:762] != before[24:248, 528:762])
    low, high = traversal.sliders[1].min, traversal.sliders[1].max
    y = 224 * (high - 3) / (high - low)
    assert np.abs(changed - [y, 224]).sum(1).min() < 10  # the ring has come
    traversal.sliders[0].value = traversal.sliders[0].min
    assert not np.array_equal(shown(traversal)[24:248, 528:762], before[24:248, 528:762])


def test_classes_have_colours_on_the_map():
    codes = torch.tensor([[-3.0, 3], [0, 0], [3, -3], [3, 3], [1, 1], [-3, -3]])
    rgb = [ImageColor.getrgb(colour) for colour in COLOURS[:3]]
    coloured = widget(codes=codes, labels=LABELS).picture().convert("RGB")
    plain = widget(codes=codes).picture().convert("RGB")
    assert set(rgb) <= {colour for _, colour in coloured.getcolors()}
    assert not set(rgb[1:]) & {colour for _, colour in plain.getcolors()}


# The controls


def test_one_slider_per_latent_dimension_and_a_map_only_for_two():
    assert len(widget(latent_dim=5).sliders) == 5
    widths = [widget(latent_dim=d).picture().width for d in (1, 2, 3)]
    assert widths[1] > widths[0] == widths[2]


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_moving_a_slider_changes_the_decoded_picture_alone(latent_dim):
    traversal = widget(latent_dim)
    before = shown(traversal)
    traversal.sliders[-1].value += 1
    after = shown(traversal)
    assert torch.equal(panel(before, 0), panel(after, 0))
    assert not torch.equal(panel(before, 1), panel(after, 1))


def test_choosing_an_image_sets_the_sliders_to_its_code():
    traversal = widget()
    traversal.image_slider.value = 4
    expected = Autoencoder((1, 8, 8), 2).encode(IMAGES[4:5])[0]
    torch.testing.assert_close(traversal.code, expected.detach())


def test_reset_goes_back_to_the_code_of_the_image():
    traversal = widget()
    before, code = shown(traversal), traversal.code
    traversal.code = code + 1
    assert not np.array_equal(shown(traversal), before)
    traversal.reset_button.click()
    torch.testing.assert_close(traversal.code, code)
    assert np.array_equal(shown(traversal), before)


def test_random_codes_are_standard_normal_and_follow_the_seed():
    traversal, again = widget(seed=3), widget(seed=3)
    draws = []
    for _ in range(300):
        traversal.random_button.click()
        draws.append(traversal.code)
    again.random_button.click()
    assert torch.equal(again.code, draws[0])
    draws = torch.stack(draws)
    assert draws.mean().abs() < 4 / 600**0.5
    assert draws.std().item() == pytest.approx(1, abs=4 / (2 * 600) ** 0.5)


def test_several_sliders_move_with_one_redraw():
    traversal = widget(latent_dim=7)
    frames = []
    traversal.image.observe(lambda change: frames.append(change), names="value")
    traversal.code = torch.ones(7)
    assert len(frames) == 1


def test_the_kernelless_form_is_a_picture_of_the_present_state():
    traversal = widget(latent_dim=3)
    bundles = [traversal._repr_mimebundle_()]
    traversal.sliders[2].value += 1
    bundles.append(traversal._repr_mimebundle_())
    for bundle, metadata in bundles:
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert bundle["text/plain"].startswith("Left the chosen image")
        assert metadata["image/png"]["alt"] == bundle["text/plain"]
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
        for bundle, _ in bundles
    )
    assert first.shape == second.shape
    changed_rows = np.flatnonzero((first != second).any((1, 2)))
    assert changed_rows.min() in range(3 * 26, 4 * 26)  # the line of the third slider …
    assert changed_rows.max() > 4 * 26 + 24  # … and the decoded picture below


def test_sliders_stand_in_the_order_that_is_asked_for_and_keep_their_dimension():
    model = Autoencoder((1, 8, 8), 3)
    traversal = LatentTraversal(model, IMAGES, order=torch.tensor([2, 0, 1]))
    assert [c.description for c in traversal.controls] == ["image", "z₃", "z₁", "z₂"]
    box = traversal.children[1]
    assert [slider.description for slider in box.children] == ["z₃", "z₁", "z₂"]
    torch.testing.assert_close(traversal.code, model.encode(IMAGES[:1])[0].detach())
    box.children[0].value = 1.5
    assert traversal.code[2].item() == 1.5
    expected = model.decode_mean(traversal.code[None])[0, 0].detach().double()
    torch.testing.assert_close(panel(shown(traversal), 1), expected, atol=0.01, rtol=0)
    traversal.reset_button.click()
    torch.testing.assert_close(traversal.code, model.encode(IMAGES[:1])[0].detach())


def test_the_code_of_a_vae_is_the_mean():
    model = VAE.dense((1, 8, 8), 3)
    traversal = LatentTraversal(model, IMAGES)
    torch.testing.assert_close(traversal.code, model.encode(IMAGES[:1])[0][0].detach())


def test_every_control_has_a_label_and_a_readout():
    for control in widget().controls:
        assert control.description
        assert control.readout
    assert widget().image.tooltip.startswith("Left the chosen image")


def test_any_module_that_decodes_will_do():
    class Ramp(nn.Module):
        def decode(self, z):
            return z.sum() * torch.ones(1, 64)  # flat pixels

    codes = torch.linspace(0, 0.5, 6)[:, None]
    traversal = LatentTraversal(Ramp(), IMAGES, codes=codes)
    traversal.sliders[0].value = 0.25
    assert panel(shown(traversal), 1).mean().item() == pytest.approx(0.25, abs=0.01)


def test_an_error_while_drawing_is_shown_and_raised():
    class Broken(nn.Module):
        def decode(self, z):
            if z.sum() > 1:
                raise RuntimeError("decoder out of order")
            return torch.zeros(1, 64)

    traversal = LatentTraversal(Broken(), IMAGES, codes=torch.zeros(6, 1))
    with pytest.raises(RuntimeError, match="out of order"):
        traversal.sliders[0].value = 2
    assert "RuntimeError" in traversal.error.value
    traversal.sliders[0].value = 0
    assert traversal.error.value == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"images": IMAGES[0]},
            r"images must have shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(1, 8, 8\)",
        ),
        (
            {"images": IMAGES.expand(6, 2, 8, 8)},
            r"\(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(6, 2, 8, 8\)",
        ),
        ({"images": IMAGES[:0]}, r"\(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(0, 1, 8, 8\)"),
        ({"images": IMAGES, "labels": LABELS[:4]}, "labels must number 6 like images, got 4"),
        ({"images": IMAGES, "codes": torch.zeros(5, 2)}, "codes must number 6 like images, got 5"),
        ({"images": IMAGES, "codes": torch.zeros(6, 2, 1)}, r"\(N, d\), got \(6, 2, 1\)"),
        ({"images": IMAGES, "order": [0]}, r"each of the 2 dimensions 0 to 1 once, got \[0\]"),
        ({"images": IMAGES, "order": [1, 2]}, r"dimensions 0 to 1 once, got \[1, 2\]"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LatentTraversal(Autoencoder((1, 8, 8), 2), **arguments)


def test_a_model_that_cannot_encode_needs_codes():
    with pytest.raises(ValueError, match="codes must be given"):
        LatentTraversal(nn.Identity(), IMAGES)
