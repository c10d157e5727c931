"""Codes in the plane: cells, steps of the averages, dragging, and the pictures that follow."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from course_lib.models import VQVAE, VectorQuantizer
from course_lib.plots import COLOURS
from course_lib.widgets import CodebookExplorer
from course_lib.widgets.codebook_explorer import DEAD, LEFT, PLANE

CENTRES = torch.tensor([[2.0, 1.0], [-1.0, 2.0], [0.0, -2.0]])
NOISE = torch.randn(3, 40, 2, generator=torch.Generator().manual_seed(0))
POINTS = (CENTRES[:, None] + 0.3 * NOISE).flatten(0, 1)
IMAGES = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(1))


class Brightness(VQVAE):
    """Codes of two numbers, of which the first is the grey value of the picture."""

    def encode(self, x):
        return torch.stack([x.mean((1, 2, 3)), x.amax((1, 2, 3))], 1)[:, None]

    def decode_mean(self, z_q):
        return z_q[:, 0, 0].sigmoid().view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def brightness():
    model = Brightness.dense((1, 8, 8), VectorQuantizer(3, 2), tokens=1)
    model.quantizer.move(torch.arange(3), torch.tensor([[0.0, 0.0], [0.5, 1.0], [3.0, 0.0]]))
    return model


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def close_to(page, colour, tolerance=4):
    """Where the page has that colour; Pillow matches palettes in steps of 4."""
    return (abs(page - ImageColor.getrgb(colour)) <= tolerance).all(-1)


def pixel(widget, x, y):
    (x_low, x_high), (y_low, y_high) = widget._axes.x_range, widget._axes.y_range
    left, top, right, bottom = PLANE
    return (
        round(left + (x - x_low) / (x_high - x_low) * (right - left)),
        round(bottom - (y - y_low) / (y_high - y_low) * (bottom - top)),
    )


def test_vectors_have_the_colour_of_their_nearest_code():
    widget = CodebookExplorer(POINTS, K=3)
    page = shown(widget)
    codes = widget.codebook.numpy()
    nearest = ((POINTS.numpy()[:, None] - codes) ** 2).sum(2).argmin(1)
    assert np.array_equal(widget.indices().numpy(), nearest)
    places = [pixel(widget, *code) for code in codes.tolist()]
    checked = 0
    for point, k in zip(POINTS.tolist(), nearest, strict=True):
        x, y = pixel(widget, *point)
        if all(np.hypot(x - cx, y - cy) > 20 for cx, cy in places):  # not below a code
            around = page[y - 2 : y + 3, x - 2 : x + 3]
            checked += close_to(around, COLOURS[k]).any()
            assert close_to(around, COLOURS[k]).any(), (x, y)
    assert checked > 40


def test_cells_are_the_places_nearest_to_a_code():
    widget = CodebookExplorer(POINTS, K=2, initial="data")
    widget.quantizer.move(torch.arange(2), torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
    page = widget.picture().convert("RGB")
    page = np.asarray(page).astype(int)
    tints = {}
    for x in (-0.4, 0.4):  # on both sides of the border x = 0, far from the vectors
        column, row = pixel(widget, x, 0.0)
        tints[x] = page[row, column]
    for x, tint in tints.items():
        for y in (-0.5, 0.2):
            column, row = pixel(widget, x, y)
            assert (page[row, column] == tint).all()
    assert (
        abs(tints[-0.4] - ImageColor.getrgb(COLOURS[0])).sum()
        < abs(tints[0.4] - ImageColor.getrgb(COLOURS[0])).sum()
    )
    column, row = pixel(widget, 0.0, 0.2)
    assert (page[row, column - 3 : column + 4] == 255).all(1).any()  # a white border


def test_the_button_takes_one_step_of_the_quantizer():
    widget = CodebookExplorer(POINTS, K=5, gamma=0.7)
    reference = VectorQuantizer(5, 2, gamma=0.7, revive_below=0)
    reference.load_state_dict(widget.quantizer.state_dict())
    before = widget.image.value
    for _ in range(3):
        widget.step_button.click()
        reference(POINTS)
        torch.testing.assert_close(widget.codebook, reference.codebook.detach())
        assert [widget.x.value, widget.y.value] == widget.codebook[0].tolist()
        assert widget.image.value != before
        before = widget.image.value
    widget.gamma.value = reference.gamma = 0.1
    widget.step_button.click()
    reference(POINTS)
    torch.testing.assert_close(widget.codebook, reference.codebook.detach())


def test_steps_bring_the_codes_to_the_means_of_their_vectors():
    widget = CodebookExplorer(POINTS, K=3, gamma=0.5)
    widget.quantizer.move(torch.arange(3), CENTRES + 0.5)
    for _ in range(25):
        widget.step_button.click()
    means = POINTS.view(3, 40, 2).mean(1)
    torch.testing.assert_close(widget.codebook, means, atol=1e-3, rtol=0)


def test_sliders_drag_the_chosen_code_and_the_averages_go_on_from_there():
    widget = CodebookExplorer(POINTS, K=4)
    widget.code.value = 2
    before = widget.codebook
    assert [widget.x.value, widget.y.value] == before[2].tolist()
    page = shown(widget)
    widget.x.value = -1.5
    widget.y.value = 0.5
    assert (shown(widget) != page).any()
    assert widget.codebook[2].tolist() == [-1.5, 0.5]
    assert torch.equal(widget.codebook[[0, 1, 3]], before[[0, 1, 3]])
    reference = VectorQuantizer(4, 2, gamma=0.8, revive_below=0)
    reference.load_state_dict(widget.quantizer.state_dict())
    torch.testing.assert_close(
        widget.quantizer.sum[2] / widget.quantizer.count[2], widget.codebook[2]
    )
    widget.step_button.click()
    reference(POINTS)
    torch.testing.assert_close(widget.codebook, reference.codebook.detach())


def test_a_slider_that_the_browser_moves_to_its_nearest_step_moves_no_code():
    widget = CodebookExplorer(POINTS, K=4)
    before, step = widget.codebook, widget.x.step
    for axis, slider in enumerate((widget.x, widget.y)):
        nearest = slider.min + step * round((before[0, axis].item() - slider.min) / step)
        slider.value = nearest
        assert torch.equal(widget.codebook, before)
    widget.x.value += step  # and now somebody drags it
    assert widget.codebook[0].tolist() == pytest.approx([widget.x.value, before[0, 1].item()])


def test_choosing_another_code_moves_none():
    widget = CodebookExplorer(POINTS, K=6)
    before = widget.codebook
    for code in (1, 5, 3):
        widget.code.value = code
        assert [widget.x.value, widget.y.value] == before[code].tolist()
    assert torch.equal(widget.codebook, before)


def test_the_slider_of_k_and_the_button_draw_codes_from_the_vectors():
    widget = CodebookExplorer(POINTS, K=8)
    widget.code.value = 7
    widget.step_button.click()
    widget.K.value = 3
    assert widget.codebook.shape == (3, 2)
    assert widget.code.value == widget.code.max == 2
    first = widget.codebook
    for code in first:
        assert (code == POINTS).all(1).any()
    widget.fresh_button.click()
    assert not torch.equal(widget.codebook, first)
    again = CodebookExplorer(POINTS, K=3, seed=1)
    assert torch.equal(again.codebook, widget.codebook)
    widget.K.value = 12
    assert widget.code.max == 11
    assert len(widget.indices().unique()) == 12


def test_dead_codes_are_struck_through_and_come_back_when_asked_for():
    far = POINTS + 20
    lines = {}
    for revive_below in (0.0, 0.3):
        widget = CodebookExplorer(far, K=6, initial="normal", gamma=0.5, revive_below=revive_below)
        assert len(widget.indices().unique()) < 4
        for _ in range(6):
            widget.step_button.click()
        lines[revive_below] = len(widget.indices().unique())
        red = close_to(shown(widget)[PLANE[1] : PLANE[3], : PLANE[2]], DEAD)
        if revive_below:
            assert lines[revive_below] == 6
        else:
            assert lines[revive_below] < 4
            column, row = pixel(widget, 0, 0)  # all of them lie about there
            assert (
                red[row - PLANE[1] - 60 : row - PLANE[1] + 60, column - 60 : column + 60].sum() > 60
            )


def test_tiles_show_what_codes_decode_to_and_rebuilt_images_follow_a_dragged_code():
    model = brightness()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    widget = CodebookExplorer(model=model, images=IMAGES)
    assert torch.equal(widget.codebook, model.quantizer.codebook)

    def tile(k):
        return shown(widget)[PLANE[1] + 25 : PLANE[1] + 40, LEFT + 86 * k + 25 : LEFT + 86 * k + 40]

    for k, value in enumerate((0.0, 0.5, 3.0)):
        grey = 255 / (1 + np.exp(-value))
        np.testing.assert_allclose(tile(k), grey, atol=3)
    used = widget.indices().mode().values.item()
    assert used == 1
    widget.code.value = used
    before = shown(widget)
    widget.x.value = 0.3
    after = shown(widget)
    rebuilt = np.s_[PLANE[3] + 22 + 45 : PLANE[3] + 22 + 80, 92 : 92 + 30]
    np.testing.assert_allclose(before[rebuilt], 255 / (1 + np.exp(-0.5)), atol=3)
    np.testing.assert_allclose(after[rebuilt], 255 / (1 + np.exp(-0.3)), atol=3)
    originals = np.s_[PLANE[3] + 22 : PLANE[3] + 62, 92:]
    assert (before[originals] == after[originals]).all()
    widget.step_button.click()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "model",
    [
        VQVAE.dense((1, 8, 8), VectorQuantizer(20, 2), tokens=3),
        VQVAE.convolutional((1, 8, 8), VectorQuantizer(5, 2), channels=(4,)),
    ],
)
def test_models_with_several_tokens_show_them_all(model):
    widget = CodebookExplorer(model=model, images=IMAGES)
    tokens = model.tokens(IMAGES)
    T = tokens[0].numel()
    assert widget.indices().shape == (20 * T,)
    assert torch.equal(widget.indices().view_as(tokens), tokens)
    rebuilt = widget._decoded(widget.indices().view(20, T))
    torch.testing.assert_close(rebuilt, model(IMAGES).detach())
    one = widget._decoded(torch.tensor([3]))
    torch.testing.assert_close(one, model.decode_tokens(torch.full_like(tokens[:1], 3)).detach())


def test_every_control_has_a_label_and_a_readout_and_the_snapshot_shows_them():
    widget = CodebookExplorer(POINTS)
    assert [c.description for c in widget.controls] == ["K", "γ", "code", "x", "y"]
    assert all(control.readout for control in widget.controls)
    assert [b.description for b in (widget.step_button, widget.fresh_button)] == [
        "one EMA step", "new codes",
    ]  # fmt: skip
    assert widget.image.tooltip.startswith("Left vectors in a plane")
    assert widget.snapshot().height == widget.picture().height + 5 * 26
    assert widget.snapshot().width <= 900


def test_the_plane_has_one_scale_and_holds_every_vector():
    for points in (POINTS, POINTS * torch.tensor([50.0, 1.0]), POINTS[:1], 1e-3 * POINTS + 7):
        widget = CodebookExplorer(points, K=2)
        (x_low, x_high), (y_low, y_high) = widget._axes.x_range, widget._axes.y_range
        assert x_high - x_low == pytest.approx(y_high - y_low)
        assert x_low <= points[:, 0].min() <= points[:, 0].max() <= x_high
        assert y_low <= points[:, 1].min() <= points[:, 1].max() <= y_high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either z_e or both model and images"),
        (
            {"z_e": POINTS, "model": VQVAE.dense((1, 8, 8), VectorQuantizer(4, 2))},
            "give either z_e or both model",
        ),
        (
            {"model": VQVAE.dense((1, 8, 8), VectorQuantizer(4, 2))},
            "give either z_e or both model and images",
        ),
        ({"z_e": torch.zeros(4, 3)}, r"z_e must be \(M, 2\) with M ≥ 1, got \(4, 3\)"),
        ({"z_e": torch.zeros(0, 2)}, r"z_e must be \(M, 2\) with M ≥ 1, got \(0, 2\)"),
        (
            {"model": VQVAE.dense((1, 8, 8), VectorQuantizer(4, 3)), "images": IMAGES},
            r"z_e must be \(M, 2\) with M ≥ 1, got \(80, 3\)",
        ),
        (
            {"model": VQVAE.dense((1, 8, 8), VectorQuantizer(4, 2)), "images": IMAGES[0]},
            r"images must have shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \(1, 8, 8\)",
        ),
        ({"z_e": POINTS, "K": 1}, "K must be from 2 to 64, got 1"),
        ({"z_e": POINTS, "K": 65}, "K must be from 2 to 64, got 65"),
        ({"z_e": POINTS, "gamma": 1.0}, r"gamma must lie in \[0, 1\), got 1.0"),
        ({"z_e": POINTS, "initial": "zeros"}, "'ema' and 'zeros'"),
        ({"z_e": POINTS / 0}, "z_e must be finite"),
        ({"z_e": POINTS / 0, "initial": "normal"}, "z_e must be finite"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CodebookExplorer(**arguments)
