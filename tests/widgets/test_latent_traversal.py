"""The walk through a latent space: what is sent, and that page and model decode the same."""

import pytest
import torch
from torch import nn

from course_lib.models import VAE, VQVAE, Autoencoder, VectorQuantizer
from course_lib.widgets import LatentTraversal

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(12) % 3


def assert_decoded(shown_pixels, model, code):
    with torch.no_grad():
        expected = model.decode_mean(torch.tensor([code]))[0]
    # Half a step of rounding to bytes, and the weights' half precision.
    assert (shown_pixels - 255 * expected).abs().max() < 1.5


# What Python promises


def test_it_starts_at_the_code_of_the_first_image_and_can_be_set():
    model = Autoencoder((1, 8, 8), 3)
    widget = LatentTraversal(model, IMAGES)
    with torch.no_grad():
        assert widget.code == model.encode(IMAGES)[0].tolist()
    for code in (torch.tensor([1.0, 2, 3]), [1, 2, 3], (1.0, 2.0, 3.0)):
        widget.code = code
        assert widget.code == [1, 2, 3]
    widget.image = 11
    for code in ([1.0, 2], [1.0, 2, float("nan")]):
        with pytest.raises(ValueError, match="code must be 3 finite numbers, got"):
            widget.code = code
    with pytest.raises(ValueError, match="image must be from 0 to 11, got 12"):
        widget.image = 12
    assert (widget.image, widget.code) == (11, [1, 2, 3])


def test_of_a_vae_the_codes_are_the_means():
    model = VAE.dense((1, 8, 8), 2)
    with torch.no_grad():
        assert LatentTraversal(model, IMAGES).code == model.encode(IMAGES).mu[0].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[0]}, r"images must have shape \(N, C, H, W\)"),
        ({"images": IMAGES[:0]}, "with N ≥ 1"),
        ({"images": torch.rand(2, 1, 4, 4)}, r"images of shape \(1, 4, 4\) do not fit the model"),
        ({"labels": LABELS[:5]}, "labels must number 12 like images, got 5"),
        ({"codes": torch.zeros(3, 2)}, "codes must number 12 like images, got 3"),
        ({"codes": torch.zeros(12, 2, 1)}, r"codes must have shape \(N, d\), got \(12, 2, 1\)"),
        ({"names": list("abc")}, r"names must be at most 2, got \['a', 'b', 'c'\]"),
        ({"order": [0, 0]}, r"order must name each of the 2 dimensions 0 to 1 once, got \[0, 0\]"),
        (
            {"model": nn.Flatten()},
            "model must have encode, as autoencoders and VAEs do, got Flatten",
        ),
        ({"model": VQVAE.dense((1, 8, 8), VectorQuantizer(4, 2))}, "must encode each image as one"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LatentTraversal(**{"model": Autoencoder((1, 8, 8), 2), "images": IMAGES} | arguments)


def test_one_image_and_a_model_in_double_precision_will_do(shown, pixels):
    model = Autoencoder((1, 8, 8), 3).double()
    widget = LatentTraversal(model, IMAGES[:1])
    page = shown(widget)
    assert page.get_by_role("slider", name="image").is_disabled()
    assert (pixels(page, "image")[0] - 255 * IMAGES[0, 0]).abs().max() < 1


# What the page shows


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (Autoencoder((1, 8, 8), 3), (1, 8, 8)),
        (VAE.dense((1, 28, 28), 8), (1, 28, 28)),
        (VAE.convolutional((3, 32, 16), 5, channels=(8,)), (3, 32, 16)),
    ],
    ids=["digits", "glyphs", "colour"],
)
def test_the_page_decodes_as_the_model_does(shown, pixels, model, shape):
    images = torch.rand(5, *shape, generator=torch.Generator().manual_seed(2))
    widget = LatentTraversal(model, images)
    code = [0.5] * len(widget.code)
    widget.image, widget.code = 2, code
    page = shown(widget)
    assert_decoded(pixels(page, "decoded from z"), model, code)
    original = pixels(page, "image")
    assert (original - 255 * images[2]).abs().max() < 1
    slider = page.get_by_role("slider", name="z₂")
    before = pixels(page, "decoded from z")
    slider.press("ArrowRight")
    page.get_by_role("status").filter(has_text="squared error").wait_for()
    page.wait_for_function("() => true")
    code[1] = float(slider.get_attribute("aria-valuetext").replace("−", "-"))
    assert code[1] == pytest.approx(0.55)
    assert_decoded(pixels(page, "decoded from z"), model, code)
    assert (pixels(page, "decoded from z") != before).any()
    assert (pixels(page, "image") == original).all()


def test_dimensions_with_a_name_are_called_by_it_and_go_as_far_as_the_codes(shown):
    codes = torch.tensor([[0.5, 1.0, 7.0], [-0.5, 3.0, 8.0]])
    model = Autoencoder((1, 8, 8), 3)
    page = shown(LatentTraversal(model, IMAGES[:2], codes=codes, names=["smile", "light"]))
    smile = page.get_by_role("slider", name="smile")
    assert [smile.get_attribute(end) for end in ("min", "max")] == ["-0.5", "0.5"]
    light = page.get_by_role("slider", name="light")
    assert light.input_value() == "1"
    light.press("ArrowRight")  # 160 steps from end to end, as from −4 to 4
    assert float(light.input_value()) == pytest.approx(1 + 2 / 160)
    assert page.get_by_role("slider").count() == 3  # with that of the image
    assert page.get_by_role("button", name="random").count() == 0


def test_sliders_stand_in_the_order_asked_for(shown):
    page = shown(LatentTraversal(Autoencoder((1, 8, 8), 3), IMAGES, order=[2, 0, 1]))
    names = [slider.get_attribute("aria-label") for slider in page.get_by_role("slider").all()]
    assert names == ["image", "z₃", "z₁", "z₂"]


def test_another_image_brings_its_code_and_the_buttons_go_away_and_back(shown):
    model = Autoencoder((1, 8, 8), 2)
    page = shown(LatentTraversal(model, IMAGES))
    page.get_by_role("slider", name="image").press("End")
    with torch.no_grad():
        own = model.encode(IMAGES[-1:])[0].tolist()
    slider = page.get_by_role("slider", name="z₁")
    values = [f"{own[0]:.2f}".replace("-", "−")]
    assert slider.get_attribute("aria-valuetext") == values[0]
    page.get_by_role("button", name="random z").click()
    assert slider.get_attribute("aria-valuetext") != values[0]
    page.get_by_role("button", name="code of the image").click()
    assert slider.get_attribute("aria-valuetext") == values[0]


@pytest.mark.parametrize("by", ["mouse", "touch"])
def test_the_ring_is_dragged_on_the_plane(shown, by):
    page = shown(LatentTraversal(VAE.dense((1, 8, 8), 2), IMAGES, LABELS), touch=by == "touch")
    plane = page.get_by_role("img", name="the plane of codes; drag the ring")
    box = plane.bounding_box()
    x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"]
    if by == "touch":
        page.touchscreen.tap(x, y)
    else:
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(x, y, steps=3)
        page.mouse.up()
    z = [
        float(
            page.get_by_role("slider", name=name).get_attribute("aria-valuetext").replace("−", "-")
        )
        for name in ("z₁", "z₂")
    ]
    assert z[0] > 1 and z[1] > 1  # right of the middle and above it
    ring = plane.locator(".ring").bounding_box()
    assert (
        abs(ring["x"] + ring["width"] / 2 - x) < 2 and abs(ring["y"] + ring["height"] / 2 - y) < 2
    )


def test_the_map_is_of_codes_of_pictures_or_of_both(shown):
    widget = LatentTraversal(VAE.dense((1, 8, 8), 2), IMAGES, LABELS)
    page = shown(widget)
    counts = {}
    for name in ("codes", "pictures", "both"):
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        page.wait_for_function(
            "b => b.getAttribute('aria-pressed') === 'true'", arg=button.element_handle()
        )
        page.wait_for_timeout(50)  # a frame
        counts[name] = (page.locator("svg image").count(), page.locator("svg .dots").count())
    assert counts == {"codes": (0, 3), "pictures": (1, 0), "both": (1, 3)}
    assert page.locator("svg text.halo").all_text_contents() == ["0", "1", "2"]


def test_random_codes_are_from_the_standard_normal(javascript):
    z = torch.tensor(javascript("draw.js", "Array.from({length: 20000}, gaussian)"))
    assert abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.03
    assert abs((z.abs() < 1).float().mean() - 0.6827) < 0.02
