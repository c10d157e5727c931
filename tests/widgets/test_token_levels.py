"""Levels of tokens: the page decodes what the VQ-VAE-2 does, from whichever images they come."""

import copy

import pytest
import torch

from course_lib.models import VAE, VQVAE2, ResidualQuantizer, VectorQuantizer
from course_lib.widgets import TokenLevels

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(5, 3, 16, 16, generator=GENERATOR)


def model_of(*Ks):
    """A model whose codes are vectors of the images."""
    model = VQVAE2.convolutional((3, 16, 16), [VectorQuantizer(K, 3) for K in Ks], channels=(6,))
    model.loss(IMAGES, torch.Generator().manual_seed(1))
    return model.eval()


MODELS = {"two": model_of(9, 4), "three": model_of(7, 5, 4)}
WITHOUT = VQVAE2.convolutional((3, 16, 16), [ResidualQuantizer([VectorQuantizer(3, 2)])], (4,))
NAMES = {"two": ("top", "bottom"), "three": ("top", "middle", "bottom")}


def halved(model):
    """The weights as they are sent."""
    model = copy.deepcopy(model)
    for parameter in model.decoders.parameters():
        parameter.data = parameter.data.half().float()
    return model


@pytest.mark.parametrize("name", MODELS)
def test_the_page_decodes_tokens_as_the_model_does(javascript, name):
    model = MODELS[name]
    widget = TokenLevels(model, IMAGES, NAMES[name])
    tokens = model.tokens(IMAGES)
    levels = [
        {
            "codebook": quantizer.codebook.flatten().tolist(), "dim": 3,
            "network": level["network"] | {"bytes": list(level["network"]["bytes"])},
        }
        for quantizer, level in zip(model.quantizers, widget.levels, strict=True)
    ]  # fmt: skip
    grids = [[k[i].flatten().tolist() for k in tokens] for i in range(5)]
    inputs = javascript(
        "token_levels.js",
        "grids.map((grid) => levels.map(({codebook, dim}, i) => channels_first("
        "grid[i].flatMap((k) => codebook.slice(k * dim, (k + 1) * dim)), dim)))",
        grids=grids, levels=levels,
    )  # fmt: skip
    for i, own in enumerate(inputs):
        for quantizer, k, flat in zip(model.quantizers, tokens, own, strict=True):
            expected = quantizer.codes(k[i]).movedim(-1, 0).flatten()
            torch.testing.assert_close(torch.tensor(flat), expected.detach())
    view = "new DataView(Uint8Array.from(network.bytes).buffer)"
    above = [[] for _ in range(5)]
    for i, level in enumerate(levels):
        joined = [[*u, *own[i]] for u, own in zip(above, inputs, strict=True)]
        expression = f"codes.map(sequential({{...network, bytes: {view}}}))"
        above = javascript("nn.js", expression, network=level["network"], codes=joined)
    with torch.no_grad():
        expected = halved(model).decode_tokens(tokens).flatten(1)
    assert torch.tensor(above).allclose(expected, rtol=0, atol=1e-5)


def test_pictures_are_the_models_whichever_image_a_level_is_from(shown, pixels):
    model = MODELS["two"]
    widget = TokenLevels(model, IMAGES)
    widget.sources, widget.places, widget.codes = [3, 1], [5, 20], [2, -1]
    top, bottom = model.tokens(IMAGES)
    changed = top[3:4].clone()
    changed.view(-1)[5] = 2
    with torch.no_grad():
        mixed, edited = (
            halved(model).decode_tokens([k, bottom[1:2]])[0] for k in (top[3:4], changed)
        )
    page = shown(widget)
    for label, picture in {
        "top tokens from here": IMAGES[3], "bottom tokens from here": IMAGES[1],
        "decoded together": mixed, "with the new codes": edited,
        "difference, grey is none": (edited - mixed) / 2 + 0.5,
    }.items():  # fmt: skip
        assert (pixels(page, label) - 255 * picture.clamp(0, 1)).abs().max() < 1.5, label
    own = top[3].flatten()[5].item()
    said = page.get_by_role("status").inner_text()
    assert said.startswith(f"top: {own} → 2; bottom: {bottom[1].flatten()[20]}; pixels changed")


def test_the_same_token_has_the_same_colour_and_others_have_others(javascript):
    colours = torch.tensor(javascript("token_levels.js", "ks.map(shade)", ks=list(range(12))))
    assert (colours >= 0).all() and (colours <= 1).all()
    assert torch.cdist(colours, colours).fill_diagonal_(1).min() > 0.08
    assert javascript("token_levels.js", "shades([4, 0, 4])")[0::3] == pytest.approx(
        colours[4].tolist()
    )


def test_keys_and_buttons_change_the_picture(shown, pixels, value):
    model = MODELS["two"]
    page = shown(TokenLevels(model, IMAGES))
    said = page.get_by_role("status")
    top, bottom = model.tokens(IMAGES)
    page.get_by_role("slider", name="top tokens of face").press("End")
    said.filter(has_text=f"top: {top[4].flatten()[widget_place(top)]};").wait_for()
    page.get_by_role("slider", name="bottom, new code").press("End")
    said.filter(has_text="→ 3").wait_for()
    assert pixels(page, "difference, grey is none").float().std() > 0
    page.get_by_role("button", name="their own codes").click()
    said.filter(has_text="0.01: 0 %; largest change 0.00").wait_for()
    page.get_by_role("button", name="change faces").click()
    with torch.no_grad():
        expected = halved(model).decode_tokens([top[1:2], bottom[4:5]])[0]
    said.filter(has_text=f"top: {top[1].flatten()[widget_place(top)]};").wait_for()
    assert (pixels(page, "decoded together") - 255 * expected).abs().max() < 1.5
    assert value(page, "bottom tokens of face") == 4


def widget_place(tokens):
    return tokens[0].numel() // 2 + tokens.shape[-1] // 2


@pytest.mark.parametrize("by", ["mouse", "touch"])
def test_a_press_chooses_a_place_on_its_level(shown, value, by):
    page = shown(TokenLevels(MODELS["two"], IMAGES), touch=by == "touch")
    box = page.get_by_role("img", name="places of bottom tokens").bounding_box()
    press = page.touchscreen.tap if by == "touch" else page.mouse.click
    press(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    page.wait_for_function(
        "document.querySelectorAll('.frame-of-one')[1].getAttribute('x') === '7'"
    )
    assert value(page, "bottom, place") == 7
    assert value(page, "top, place") == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": VAE.dense((3, 16, 16), 2)}, "model must be a VQVAE2 with one codebook a level"),
        ({"model": WITHOUT, "names": ("all",)}, "with one codebook a level"),
        ({"names": ("top",)}, "names must be those of 2 levels"),
        ({"images": IMAGES[0]}, r"images must have shape \(N, C, H, W\)"),
        ({"images": torch.rand(1, 1, 16, 16)}, "do not fit the model"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TokenLevels(**{"model": MODELS["two"], "images": IMAGES} | arguments)


def test_what_is_set_must_exist():
    widget = TokenLevels(MODELS["two"], IMAGES)
    assert (widget.sources, widget.codes) == ([0, 1], [-1, -1])
    for trait, value, message in (
        ("sources", [0, 5], "sources must be from 0 to 4 and 0 to 4"),
        ("places", [16, 0], "places must be from 0 to 15 and 0 to 63"),
        ("codes", [0, 4], "codes must be from -1 to 8 and -1 to 3"),
        ("codes", [0], "codes must be from"),
    ):
        with pytest.raises(ValueError, match=message):
            setattr(widget, trait, value)
