"""One token of an image is replaced, and the picture changes there."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from course_lib.models import VQVAE, VectorQuantizer
from course_lib.widgets import TokenEditor
from course_lib.widgets.token_editor import GAP, MARK, PANEL, TOP

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Tiles(torch.nn.Module):
    """Four tokens, each of which is the grey value of its quarter in tenths."""

    def __init__(self):
        super().__init__()
        self.quantizer = VectorQuantizer(11, 1)

    def tokens(self, x):
        return (10 * x.unflatten(2, (2, 4)).unflatten(4, (2, 4)).mean((1, 3, 5))).long()

    def decode_tokens(self, tokens):
        grid = (tokens / 10).view(-1, 1, 2, 2)
        return grid.repeat_interleave(4, 2).repeat_interleave(4, 3)


def shown(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def panel(widget, i):
    """The grey values of one of the four pictures, without the frame around the token: (8, 8)."""
    left = i * (PANEL + GAP)
    squares = shown(widget)[TOP : TOP + PANEL, left : left + PANEL].reshape(8, 21, 8, 21, 3)
    return squares[:, 6:15, :, 6:15].mean((1, 3, 4)) / 255


def test_pictures_before_and_after_and_their_difference():
    widget = TokenEditor(Tiles(), IMAGES)
    widget.image_slider.value, widget.row.value, widget.column.value = 3, 0, 1
    widget.code.value = 9
    own = IMAGES[3, 0].view(2, 4, 2, 4).mean((1, 3)).mul(10).long() / 10
    rebuilt = own.repeat_interleave(4, 0).repeat_interleave(4, 1).numpy()
    changed = rebuilt.copy()
    changed[:4, 4:] = 0.9
    expected = IMAGES[3, 0].numpy(), rebuilt, changed, 0.5 + (changed - rebuilt) / 2
    for i, picture in enumerate(expected):
        np.testing.assert_allclose(panel(widget, i), picture, atol=0.02, err_msg=str(i))


def test_both_grids_are_those_of_the_model_but_for_one_token():
    model = VQVAE.convolutional((1, 8, 8), VectorQuantizer(30, 4), channels=(6,))
    widget = TokenEditor(model, IMAGES)
    expected = model.tokens(IMAGES)
    for image, row, column, code in ((0, 0, 0, 7), (5, 3, 1, 29), (11, 2, 3, 0)):
        widget.image_slider.value, widget.row.value = image, row
        widget.column.value, widget.code.value = column, code
        own, changed = widget.tokens()
        assert torch.equal(own, expected[image])
        assert changed[row, column] == code
        changed[row, column] = own[row, column]
        assert torch.equal(changed, own)
        rebuilt, edited = widget.pictures()
        torch.testing.assert_close(rebuilt, model(IMAGES)[image].detach())
        assert (rebuilt != edited).any() == (own[row, column] != code)


def test_the_button_goes_back_to_its_own_code():
    widget = TokenEditor(Tiles(), IMAGES)
    assert (panel(widget, 1) != panel(widget, 2)).any()  # at the start something is changed
    widget.row.value, widget.column.value = 1, 0
    widget.own_button.click()
    assert widget.code.value == widget.tokens()[0][1, 0]
    np.testing.assert_array_equal(panel(widget, 1), panel(widget, 2))
    np.testing.assert_allclose(panel(widget, 3), 0.5, atol=0.01)


def test_a_frame_marks_the_token_in_pictures_and_grids():
    widget = TokenEditor(Tiles(), IMAGES)
    below = PANEL + 2 * TOP
    for row, column in ((0, 0), (1, 0), (0, 1)):
        widget.row.value, widget.column.value = row, column
        orange = (abs(shown(widget) - ImageColor.getrgb(MARK)) <= 4).all(2)
        for i, top in ((1, TOP), (2, TOP), (3, TOP), (1, below), (2, below)):
            left = i * (PANEL + GAP)
            places = np.argwhere(orange[top : top + PANEL + 1, left : left + PANEL + 1])
            centre = (places.min(0) + places.max(0)) / 2
            expected = PANEL * (row + 0.5) / 2, PANEL * (column + 0.5) / 2
            np.testing.assert_allclose(centre, expected, atol=2)
        assert not orange[TOP : TOP + PANEL, :PANEL].any()


def test_the_numbers_in_the_grid_change_with_the_code_in_one_cell_only():
    widget = TokenEditor(Tiles(), IMAGES)
    widget.row.value, widget.column.value, widget.code.value = 1, 1, 3
    before = shown(widget)
    widget.code.value = 4
    changed = (shown(widget) != before).any(2)[PANEL + 2 * TOP : -24]
    rows, columns = np.nonzero(changed)
    left = 2 * (PANEL + GAP)
    assert PANEL / 2 < rows.min() <= rows.max() < PANEL
    assert left + PANEL / 2 < columns.min() <= columns.max() < left + PANEL


def test_tokens_without_a_place_in_the_picture_have_no_frame_there():
    widget = TokenEditor(VQVAE.dense((1, 8, 8), VectorQuantizer(6, 2), tokens=5), IMAGES)
    assert (widget.row.max, widget.column.max, widget.code.max) == (0, 4, 5)
    orange = (abs(shown(widget) - ImageColor.getrgb(MARK)) <= 4).all(2)
    assert not orange[TOP : TOP + PANEL].any()
    assert orange[PANEL + 2 * TOP :].any()


class OnGrid(torch.nn.Module):
    """Tokens on a grid of the given shape, and a picture of their mean."""

    def __init__(self, *grid):
        super().__init__()
        self.grid_shape = grid
        self.quantizer = torch.nn.Module()
        self.quantizer.codebook = torch.nn.Parameter(torch.zeros(4, 2))

    def tokens(self, x):
        tokens = torch.arange(math.prod(self.grid_shape)) % 4
        return tokens.view(1, *self.grid_shape).repeat(len(x), *[1] * len(self.grid_shape))

    def decode_tokens(self, tokens):
        assert tokens.shape[1:] == self.grid_shape
        return tokens.flatten(1).float().mean(1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8) / 4


@pytest.mark.parametrize(
    ("grid", "rows", "columns"), [((5,), 1, 5), ((2, 3), 2, 3), ((2, 2, 3), 4, 3), ((90,), 1, 90)]
)
def test_tokens_may_lie_on_a_grid_of_any_shape(grid, rows, columns):
    widget = TokenEditor(OnGrid(*grid), IMAGES)
    assert (widget.row.max, widget.column.max) == (rows - 1, columns - 1)
    widget.row.value, widget.column.value = rows - 1, columns - 1
    widget.code.value = rows * columns % 4  # one more than its own
    own, changed = widget.tokens()
    assert own.flatten().tolist() == [i % 4 for i in range(rows * columns)]
    assert (own != changed).nonzero().tolist() == [[rows - 1, columns - 1]]


def test_every_control_has_a_label_and_a_readout_and_the_snapshot_shows_them():
    widget = TokenEditor(Tiles(), IMAGES)
    assert [c.description for c in widget.controls] == ["image", "row", "column", "new code"]
    assert all(control.readout for control in widget.controls)
    assert widget.own_button.description == "its own code"
    assert widget.image.tooltip.startswith("An image, its reconstruction")
    assert widget.snapshot().height == widget.picture().height + 4 * 26
    assert widget.snapshot().width <= 900


@pytest.mark.parametrize("images", [IMAGES[0], IMAGES[:0], IMAGES.expand(-1, 2, -1, -1)])
def test_bad_input_is_refused(images):
    with pytest.raises(
        ValueError, match=r"images must have shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got \("
    ):
        TokenEditor(Tiles(), images)
