"""Editing tokens: the page decodes grids as the VQ-VAE does."""

import copy

import pytest
import torch
from torch import nn

from course_lib.models import VAE, VQVAE, VectorQuantizer
from course_lib.widgets import TokenEditor

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(5, 1, 8, 8, generator=GENERATOR)
COLOUR = torch.rand(5, 3, 8, 16, generator=GENERATOR)
MODELS = {
    "convolutional": VQVAE.convolutional((1, 8, 8), VectorQuantizer(16, 3), channels=(8,)),
    "a line": VQVAE.dense((1, 8, 8), VectorQuantizer(6, 2), tokens=4),
    "colour": VQVAE.convolutional((3, 8, 16), VectorQuantizer(9, 2), channels=(4,)),
}
for name, model in MODELS.items():  # codes that are in use: vectors of the images
    vectors = model.encode(COLOUR if name == "colour" else IMAGES).detach().flatten(0, -2)
    codebook = model.quantizer.codebook
    codebook.data = vectors[torch.randperm(len(vectors), generator=GENERATOR)[: len(codebook)]]


def images_of(name):
    return COLOUR if name == "colour" else IMAGES


def on_grid(*grid):
    """A VQ-VAE whose tokens stand on a grid of that shape."""
    numbers = 2 * torch.Size(grid).numel()
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, numbers), nn.Unflatten(1, (*grid, 2)))
    decoder = nn.Sequential(nn.Flatten(), nn.Linear(numbers, 64), nn.Unflatten(1, (1, 8, 8)))
    return VQVAE(encoder, decoder, VectorQuantizer(600, 2))


@pytest.mark.parametrize("name", MODELS)
def test_the_page_decodes_tokens_as_the_model_does(javascript, name):
    widget, halved = TokenEditor(MODELS[name], images_of(name)), copy.deepcopy(MODELS[name])
    for parameter in halved.decoder.parameters():  # as they are sent
        parameter.data = parameter.data.half().float()
    K, dim = widget.codebook["shape"]
    grid = halved.tokens(images_of(name)).shape[1:]
    tokens = torch.randint(K, (8, *grid), generator=torch.Generator().manual_seed(2))
    codebook = torch.frombuffer(bytearray(widget.codebook["bytes"]), dtype=torch.float32)
    codes = javascript(
        "tokens.js",
        "grids.map((tokens) => looked_up(Float32Array.from(codebook), tokens, dim))",
        grids=tokens.flatten(1).tolist(), codebook=codebook.tolist(), dim=dim,
    )  # fmt: skip
    network = widget.network | {"bytes": list(widget.network["bytes"])}
    view = "new DataView(Uint8Array.from(network.bytes).buffer)"
    expression = f"codes.map(sequential({{...network, bytes: {view}}}))"
    ours = javascript("nn.js", expression, network=network, codes=codes)
    with torch.no_grad():
        expected = halved.decode_tokens(tokens).flatten(1)
    assert torch.tensor(ours).allclose(expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_pictures_and_numbers_are_the_models(shown, pixels, name):
    model, images = MODELS[name], images_of(name)
    widget = TokenEditor(model, images)
    widget.image, widget.code, widget.row, widget.column = 3, 5, 0, 1
    tokens = model.tokens(images[3:4])
    changed = tokens.clone()
    changed.view(-1)[1] = 5
    with torch.no_grad():
        before, after = model.decode_tokens(torch.cat([tokens, changed]))
    page = shown(widget)
    difference = after - before
    for label, picture in {
        "image": images[3], "rebuilt": before, "one token changed": after,
        "difference, grey is none": difference / 2 + 0.5,
    }.items():  # fmt: skip
        assert (pixels(page, label) - 255 * picture).abs().max() < 1.5
    own = tokens.view(-1)[1].item()
    assert page.get_by_role("status").inner_text() == (
        f"token in row 0, column 1: {own} → 5; pixels changed by more than 0.01: "
        f"{int((difference.abs() > 0.01).sum())} of {images[0].numel()}; "
        f"largest change {difference.abs().max():.2f}"
    )
    grids = page.locator(".tokens")
    for grid, expected in ((0, tokens), (1, changed)):
        numbers = grids.nth(grid).locator("span").all_inner_texts()
        assert list(map(int, numbers)) == expected.flatten().tolist()


def test_at_the_start_a_token_in_the_middle_has_another_code():
    model = MODELS["convolutional"]
    widget = TokenEditor(model, IMAGES)
    own = model.tokens(IMAGES[:1])[0, 2, 2].item()
    assert (widget.image, widget.row, widget.column, widget.code) == (0, 2, 2, (own + 1) % 16)


def test_keys_change_the_code_and_the_image(shown, pixels):
    model = MODELS["convolutional"]
    page = shown(TokenEditor(model, IMAGES))
    said, before = page.get_by_role("status"), pixels(page, "one token changed")
    page.get_by_role("slider", name="new code").press("End")
    said.filter(has_text=f"{model.tokens(IMAGES[:1])[0, 2, 2]} → 15").wait_for()
    assert (pixels(page, "one token changed") != before).any()
    page.get_by_role("slider", name="image").press("End")
    said.filter(has_text=f"{model.tokens(IMAGES[4:])[0, 2, 2]} → 15").wait_for()
    assert (pixels(page, "image") - 255 * IMAGES[4]).abs().max() < 1
    assert (pixels(page, "rebuilt") - 255 * model(IMAGES[4:])[0].detach()).abs().max() < 1.5


@pytest.mark.parametrize("by", ["mouse", "touch"])
@pytest.mark.parametrize("where", ["places of tokens, one token changed", "tokens before"])
def test_a_press_chooses_the_token_and_the_button_takes_it_back(shown, value, pixels, where, by):
    page = shown(TokenEditor(MODELS["convolutional"], IMAGES), touch=by == "touch")
    box = page.get_by_role("img", name=where).bounding_box()
    press = page.touchscreen.tap if by == "touch" else page.mouse.click
    press(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    page.get_by_role("status").filter(has_text="token in row 0, column 3").wait_for()
    assert (value(page, "row"), value(page, "column")) == (0, 3)
    for frame in page.locator(".frame-of-one").all():
        assert (frame.get_attribute("x"), frame.get_attribute("y")) == ("3", "0")
    page.get_by_role("button", name="its own code").click()
    page.get_by_role("status").filter(has_text="changed by more than 0.01: 0 of 64").wait_for()
    own = MODELS["convolutional"].tokens(IMAGES[:1])[0, 0, 3].item()
    assert value(page, "new code") == own
    difference = pixels(page, "difference, grey is none")
    assert (difference - 127.5).abs().max() < 1


@pytest.mark.parametrize(
    ("grid", "rows", "columns"), [((5,), 1, 5), ((2, 3), 2, 3), ((2, 2, 3), 4, 3), ((90,), 1, 90)]
)
def test_tokens_stand_on_a_grid_of_any_shape(shown, grid, rows, columns):
    model = on_grid(*grid)
    widget = TokenEditor(model, IMAGES)
    assert widget.grid == [rows, columns]
    page = shown(widget, width=360)
    # With a place in the picture, a frame on three of the four pictures; always one on both grids.
    placed = len(grid) == 2
    assert page.locator(".over canvas").count() == 3 * placed
    assert page.locator(".frame-of-one").count() == 3 * placed + 2
    assert page.get_by_role("slider", name="row").is_disabled() == (rows == 1)
    own = model.tokens(IMAGES[:1]).view(rows, columns)[rows // 2, columns // 2].item()
    assert f"column {columns // 2}: {own} → " in page.get_by_role("status").inner_text()
    height = page.locator(".tokens").first.bounding_box()["height"]
    assert height >= 15 * rows


@pytest.mark.parametrize(
    ("rows", "columns", "K", "room", "readable"),
    [
        (4, 4, 16, 336, True),
        (8, 8, 512, 336, True),
        (16, 16, 512, 420, True),
        (16, 16, 512, 336, False),
        (16, 16, 64, 336, True),
        (32, 32, 512, 420, False),
        (1, 90, 600, 420, False),
    ],
)
def test_cells_have_room_for_their_numbers_or_none_is_written(
    javascript, rows, columns, K, room, readable
):
    sizes = {"rows": rows, "columns": columns, "K": K, "room": room}
    cell = javascript("token_editor.js", "cells(rows, columns, K, room)", **sizes)
    assert cell["readable"] == readable
    assert cell["width"] * columns <= room + 1e-9
    if readable:
        assert cell["width"] >= 8 * len(str(K - 1)) + 2 and cell["height"] >= 17


@pytest.mark.parametrize("width", [360, 860])
def test_no_number_leaves_its_cell_and_the_chosen_one_is_written(shown, width):
    model = VQVAE.convolutional((1, 32, 32), VectorQuantizer(512, 2), channels=(4,))
    page = shown(TokenEditor(model, torch.rand(1, 1, 32, 32)), width=width)
    cells = page.locator(".tokens").first.locator("span")
    texts = cells.all_inner_texts()
    chosen = page.get_by_role("status").inner_text().split(": ")[1].split(" → ")[0]
    if width == 860:
        assert texts[8 * 16 + 8] == chosen and all(texts)
        assert cells.evaluate_all("cells => cells.every((c) => c.scrollWidth <= c.clientWidth)")
        assert cells.evaluate_all(
            "cells => cells.every((c) => c.scrollHeight <= c.clientHeight + 3)"
        )
    else:
        assert len(texts) == 256 and not any(texts)
        assert page.get_by_text(f"tokens before: {chosen} in the frame").is_visible()


def test_javascript_looks_codes_up(javascript):
    codes = javascript("tokens.js", "looked_up(new Float32Array([1, 2, 3, 4]), [1, 1, 0], 2)")
    assert codes == [3, 4, 3, 4, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": VAE.dense((1, 8, 8), 2)}, "must have tokens and decode_tokens, as VQ-VAEs do"),
        ({"images": IMAGES[:0]}, "with N ≥ 1"),
        ({"images": IMAGES[0]}, r"images must have shape \(N, C, H, W\)"),
        ({"images": torch.rand(1, 3, 8, 8)}, "do not fit the model"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TokenEditor(**{"model": MODELS["convolutional"], "images": IMAGES} | arguments)


def test_what_is_set_must_exist():
    widget = TokenEditor(MODELS["convolutional"], IMAGES)
    for name, count in (("image", 5), ("row", 4), ("column", 4), ("code", 16)):
        with pytest.raises(ValueError, match=f"{name} must be from 0 to {count - 1}, got {count}"):
            setattr(widget, name, count)
