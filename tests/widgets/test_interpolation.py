"""Ways between two images: the page decodes what the models decode."""

import pytest
import torch

from course_lib.models import VAE, VQVAE, Autoencoder, VectorQuantizer
from course_lib.widgets import Interpolation

IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
MODELS = {"autoencoder": Autoencoder((1, 8, 8), 3), "VAE": VAE.dense((1, 8, 8), 2)}


@torch.no_grad()
def ways(first, second, t):
    """Label → the pictures at t (n,), (n, 1, 8, 8)."""
    t = t.view(-1, 1, 1, 1)
    rows = {"pixels": (1 - t) * IMAGES[first] + t * IMAGES[second]}
    for label, model in MODELS.items():
        codes = model.encode(IMAGES)
        codes = codes.mu if label == "VAE" else codes
        z = (1 - t[:, 0, 0]) * codes[first] + t[:, 0, 0] * codes[second]
        rows[label] = model.decode_mean(z)
    return rows


@pytest.mark.parametrize(("first", "second", "t"), [(0, 1, 0.0), (4, 2, 0.37), (3, 3, 1.0)])
def test_rows_go_from_the_first_image_to_the_second(shown, pixels, strip, first, second, t):
    page = shown(Interpolation(IMAGES, MODELS, first, second, t))
    for label, row in ways(first, second, torch.linspace(0, 1, 9)).items():
        steps = strip(pixels(page, f"{label}, in 9 steps"), 8, 8)
        assert (steps - 255 * row).abs().max() < 1.5
    for label, row in ways(first, second, torch.tensor([t])).items():
        assert (pixels(page, f"{label} at t") - 255 * row[0]).abs().max() < 1.5


def test_t_moves_the_large_pictures_and_an_image_all(shown, pixels):
    page = shown(Interpolation(IMAGES, MODELS, t=0.5))
    names = ("pixels at t", "VAE, in 9 steps")
    before = [pixels(page, name) for name in names]
    said = page.get_by_role("status")
    page.get_by_role("slider", name="t", exact=True).press("ArrowRight")
    said.filter(has_text="t = 0.51; how grey").wait_for()
    moved = [pixels(page, name) for name in names]
    assert (moved[0] != before[0]).any() and (moved[1] == before[1]).all()
    text = said.inner_text()
    page.get_by_role("slider", name="to image").press("ArrowRight")
    page.wait_for_function(
        "text => document.querySelector('[role=status]').innerText !== text", arg=text
    )
    assert (pixels(page, names[1]) != moved[1]).any()


def test_the_middle_between_black_and_white_is_as_grey_as_can_be(shown):
    black_and_white = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    page = shown(Interpolation(black_and_white, {}))
    assert page.get_by_role("status").inner_text().endswith("pixels 1.00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[:1]}, "with N ≥ 2"),
        ({"second": 6}, "second must be from 0 to 5, got 6"),
        ({"t": 1.5}, r"t must lie in \[0, 1\], got 1.5"),
        ({"images": torch.rand(2, 1, 4, 4)}, "do not fit the model"),
        ({"models": {"VQ": VQVAE.dense((1, 8, 8), VectorQuantizer(4, 2))}}, "as one vector"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Interpolation(**{"images": IMAGES, "models": MODELS} | arguments)
