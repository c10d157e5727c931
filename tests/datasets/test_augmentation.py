"""Images moved at random."""

import pytest
import torch

from course_lib.datasets import shifted


def test_every_place_is_reached_and_alike_likely():
    image = torch.zeros(1, 2, 7, 9)
    image[0, :, 3, 4] = torch.tensor([1.0, 2.0])
    moved = shifted(image.expand(5000, 2, 7, 9), 2, torch.Generator().manual_seed(0))
    assert moved.shape == (5000, 2, 7, 9)
    assert (moved[:, 1] == 2 * moved[:, 0]).all()  # the channels move together
    places = moved[:, 0].mean(0)
    assert (places[1:6, 2:7] - 1 / 25).abs().max() < 0.015
    assert places[1:6, 2:7].sum() == pytest.approx(1)


def test_what_leaves_the_frame_is_lost():
    images = torch.rand(200, 1, 4, 4) + 0.5
    moved = shifted(images, 3, torch.Generator().manual_seed(1))
    for before, after in zip(images[:, 0], moved[:, 0], strict=True):
        rows, columns = (after > 0).any(1).nonzero()[:, 0], (after > 0).any(0).nonzero()[:, 0]
        piece = after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        h, w = piece.shape
        top, left = 0 if rows[0] else 4 - h, 0 if columns[0] else 4 - w
        assert torch.equal(piece, before[top : top + h, left : left + w])


def test_nothing_moves_by_nothing_and_a_seed_repeats():
    images = torch.rand(5, 3, 6, 6)
    assert torch.equal(shifted(images, 0), images)
    a, b = (shifted(images, 1, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"images must be \(N, C, H, W\), got \(3, 4\)"):
        shifted(torch.zeros(3, 4), 1)
    with pytest.raises(ValueError, match="most must be ≥ 0, got -1"):
        shifted(torch.zeros(1, 1, 2, 2), -1)
