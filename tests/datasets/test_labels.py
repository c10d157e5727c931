"""Labels that are missing."""

import pytest
import torch

from course_lib.datasets import few_labels, labels_repeated, load

LABELS = load("digits").labels


def test_every_class_keeps_as_many_labels_and_the_seed_says_which():
    kept = few_labels(LABELS, 5, seed=1)
    known = kept >= 0
    assert torch.bincount(kept[known]).tolist() == [5] * 10
    assert (kept[known] == LABELS[known]).all()
    assert (kept[~known] == -1).all()
    assert (few_labels(LABELS, 5, seed=1) == kept).all()
    assert (few_labels(LABELS, 5, seed=2) != kept).any()


@pytest.mark.parametrize("each", [0, 1000])
def test_a_class_has_no_more_labels_than_images(each):
    with pytest.raises(ValueError, match=f"each must be from 1 to 1.. for class 0, got {each}"):
        few_labels(LABELS, each)


def test_labelled_rows_are_repeated_with_all_that_belongs_to_them():
    data = {"images": torch.arange(6.0), "labels": torch.tensor([-1, 3, -1, -1, 5, -1])}
    more = labels_repeated(data, 2)
    assert more["images"].tolist() == [0, 1, 2, 3, 4, 5, 1, 4, 1, 4]
    assert more["labels"].tolist() == [-1, 3, -1, -1, 5, -1, 3, 5, 3, 5]
    assert labels_repeated(data, 0)["images"].tolist() == data["images"].tolist()
    with pytest.raises(ValueError, match="times must be at least 0, got -1"):
        labels_repeated(data, -1)
