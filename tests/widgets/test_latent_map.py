"""The map of a plane of codes: what it shows where, and its controls."""

import io

import numpy as np
import pytest
import torch
from ipywidgets import SelectionSlider
from PIL import Image, ImageColor
from torch import nn

from course_lib.models import VAE, Autoencoder
from course_lib.widgets import LatentMap
from course_lib.widgets.canvas import COLOURS

IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
STEP, LEFT, TOP = 35, 44, 24


class Corners(nn.Module):
    """Decodes z to a picture whose left half is z₁ and whose right half is z₂, both scaled."""

    def decode(self, z):
        halves = ((z + 3) / 6)[:, None, None, :].repeat_interleave(4, dim=3)
        return halves.expand(-1, 1, 8, 8)


def corners(codes=None, **arguments):
    codes = torch.zeros(6, 2) if codes is None else codes
    return LatentMap(Corners(), IMAGES, codes=codes, **arguments)


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("L"), dtype=float) / 255


def large(page):
    square = page[24:248, 453 : 453 + 224]
    return torch.tensor(square.reshape(8, 28, 8, 28).mean((1, 3)))


def test_each_tile_shows_what_its_place_decodes_to():
    widget = corners()
    widget.sliders[0].value = widget.sliders[1].value = 3  # the ring away from most tiles
    page = shown(widget)
    for row in (3, 5, 10):
        for column in (0, 4, 7):
            x, y = LEFT + 2 + STEP * column, TOP + 2 + STEP * row
            tile = page[y : y + 32, x : x + 32]
            # z₁ grows to the right and z₂ upwards; places are the centres of the tiles
            z = -3 + 6 * (column + 0.5) / 11, 3 - 6 * (row + 0.5) / 11
            assert tile[:, :16].mean() == pytest.approx((z[0] + 3) / 6, abs=0.01)
            assert tile[:, 16:].mean() == pytest.approx((z[1] + 3) / 6, abs=0.01)


def test_the_large_picture_and_the_ring_follow_the_sliders():
    widget = corners()
    before = shown(widget)
    widget.sliders[0].value, widget.sliders[1].value = 1.5, -2.0
    page = shown(widget)
    assert large(page)[:, :4].mean().item() == pytest.approx(0.75, abs=0.01)
    assert large(page)[:, 4:].mean().item() == pytest.approx(1 / 6, abs=0.01)
    changed = np.argwhere(page[24:409, 44:429] != before[24:409, 44:429])
    new = changed[(changed[:, 1] > 385 * 0.6)]
    centre = (new.min(0) + new.max(0)) / 2
    np.testing.assert_allclose(centre, [385 * 5 / 6, 385 * 0.75], atol=2)


def test_the_third_slider_chooses_pictures_codes_or_both():
    codes = torch.tensor([[-2.0, 2], [0, 1], [2, -2], [2, 2], [1, 1], [-2, -2]])
    widget = corners(codes, labels=LABELS)
    rgb = {ImageColor.getrgb(colour) for colour in COLOURS[:3]}
    found = {}
    for mode in ("pictures", "codes", "both"):
        widget.mode.value = mode
        picture = widget.picture().convert("RGB").crop((44, 24, 429, 409))
        colours = {colour: count for count, colour in picture.getcolors(1 << 16)}
        found[mode] = rgb <= set(colours), colours.get((255, 255, 255), 0)
    assert [found[mode][0] for mode in ("pictures", "codes", "both")] == [False, True, True]
    assert found["codes"][1] > 2 * found["both"][1]  # no pictures, so the plane is white


def test_codes_stand_where_they_belong():
    widget = corners(torch.tensor([[2.0, -1.5]]).expand(6, 2))
    widget.mode.value = "codes"
    picture = np.asarray(widget.picture().convert("RGB"))[24:409, 44:429]
    dots = np.argwhere((picture == ImageColor.getrgb(COLOURS[0])).all(2))
    np.testing.assert_allclose(dots.mean(0), [385 * 0.75, 385 * 5 / 6], atol=1.5)


def test_the_map_reaches_as_far_as_the_codes():
    widget = corners(torch.tensor([[-7.3, 0.0]]).expand(6, 2))
    assert (widget.sliders[0].min, widget.sliders[0].max) == (-8, 3)
    assert (widget.sliders[1].min, widget.sliders[1].max) == (-3, 3)
    assert widget.places()[0].tolist() == pytest.approx([-8 + 11 / 22, 3 - 6 / 22])


@pytest.mark.parametrize("kind", [VAE.dense, Autoencoder])
def test_models_of_the_course_encode_and_decode_for_it(kind):
    model = kind((1, 8, 8), 2)
    widget = LatentMap(model, IMAGES)
    widget.sliders[0].value, widget.sliders[1].value = 0.5, -0.25
    expected = model.decode_mean(torch.tensor([[0.5, -0.25]]))[0, 0].detach().double()
    torch.testing.assert_close(large(shown(widget)), expected, atol=0.01, rtol=0)


def test_every_control_has_a_label_and_a_readout():
    for control in corners().controls:
        assert control.description
        assert control.readout != isinstance(control, SelectionSlider)  # whose label stands beside
    assert corners().image.tooltip.startswith("Left a map of a latent space")
    assert corners().snapshot().height == corners().picture().height + 3 * 26


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"images": IMAGES[0]},
            r"images must have shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(1, 8, 8\)",
        ),
        ({"labels": LABELS[:4]}, "labels must number 6 like images, got 4"),
        ({"codes": torch.zeros(5, 2)}, "codes must number 6 like images, got 5"),
        ({"codes": torch.zeros(6, 3)}, r"codes must have shape \(N, 2\), got \(6, 3\)"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LatentMap(**{"model": Autoencoder((1, 8, 8), 2), "images": IMAGES} | arguments)
