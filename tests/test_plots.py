"""Figures show the values they are given, with labels."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from course_lib.plots import image_rows, model_diagram, training_curves
from course_lib.training import History

IMAGES = torch.rand(5, 1, 4, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pictures(figure):
    return [image.get_array() for axis in figure.axes for image in axis.images]


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_image_rows_draw_the_first_columns_of_each_labelled_row():
    figure = image_rows({"image": IMAGES, "negative": 1 - IMAGES}, columns=3)
    expected = [*IMAGES[:3, 0], *(1 - IMAGES[:3, 0])]
    for drawn, image in zip(pictures(figure), expected, strict=True):
        np.testing.assert_array_equal(drawn, image)
    assert texts(figure) == ["image", "negative"]
    scales = {image.get_clim() for axis in figure.axes for image in axis.images}
    assert scales == {(0, 1)}  # white is 1 in every picture, however dark its brightest pixel


def test_image_rows_accept_fewer_images_than_columns():
    assert len(pictures(image_rows({"image": IMAGES}, columns=9))) == 5


def test_training_curves_draw_each_term_and_the_total_only_of_several():
    one = training_curves(History({"reconstruction": [3.0, 2.0], "total": [3.0, 2.0]}, False))
    (line,) = one.axes[0].lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 3], [2, 2]])
    terms = {"reconstruction": [3.0, 2.0], "kl": [0.0, 1.0], "total": [3.0, 3.0]}
    several = training_curves(History(terms, False), unit="nats")
    assert [line.get_label() for line in several.axes[0].lines] == list(terms)
    assert several.axes[0].get_ylabel() == "nats"
    assert several.axes[0].get_xlabel() == "epoch"


def test_model_diagram_draws_parts_from_left_to_right_with_arrows_between():
    code = torch.tensor([0.5, -2.0, 1.0])
    parts = [("x", IMAGES[0]), ("f", "encoder"), ("z", code), ("g", "decoder"), ("y", IMAGES[1])]
    figure = model_diagram(parts)
    (axis,) = figure.axes
    labels = [text for text in axis.texts if text.get_text() in dict(parts)]
    assert [text.get_text() for text in labels] == ["x", "f", "z", "g", "y"]
    assert [text.get_position()[0] for text in labels] == [0, 2.5, 5, 7.5, 10]
    assert sum(text.get_text() == "" for text in axis.texts) == 4  # arrows
    image, drawn_code, _ = axis.images
    np.testing.assert_array_equal(image.get_array(), IMAGES[0, 0])
    np.testing.assert_array_equal(drawn_code.get_array()[:, 0], code)
    assert drawn_code.get_clim() == (-2, 2)  # white is 0


def test_model_diagram_draws_two_codes_side_by_side():
    codes = torch.tensor([[0.5, 1.0], [-2.0, 0.1], [1.0, 0.2]])
    figure = model_diagram([("z", codes[:, 0]), ("μ and σ", codes)])
    one, two = figure.axes[0].images
    np.testing.assert_array_equal(two.get_array(), codes)
    widths = [right - left for left, right, *_ in (one.get_extent(), two.get_extent())]
    assert widths[1] == pytest.approx(2 * widths[0])


RGB = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(0))


def test_image_rows_draw_colours_beside_grey(caplog):
    figure = image_rows({"colour": 2 * RGB, "grey": IMAGES.double()}, columns=2)
    expected = [*(2 * RGB[:2]).clamp(max=1).permute(0, 2, 3, 1), *IMAGES[:2, 0].double()]
    for drawn, image in zip(pictures(figure), expected, strict=True):
        np.testing.assert_array_equal(drawn, image)
    assert not caplog.records  # matplotlib warns of colours beyond 1


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 2, 4, 6), (5, 1, 0, 6)])
def test_images_that_are_neither_grey_nor_rgb_are_refused(shape):
    given = str(shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=r"rows\['bad'\] must .* C = 1 or 3, .* got " + given):
        image_rows({"good": IMAGES, "bad": torch.zeros(shape)})


def test_model_diagram_draws_colours_and_keeps_the_shape_of_an_image():
    (axis,) = model_diagram([("x", RGB[0]), ("f", "encoder")]).axes
    (image,) = axis.images
    np.testing.assert_array_equal(image.get_array(), RGB[0].permute(1, 2, 0))
    left, right, bottom, top = image.get_extent()
    assert (right - left, top - bottom) == pytest.approx((2, 2 * 4 / 6))
    with pytest.raises(ValueError, match=r"image of parts.* C = 1 or 3, .* got \(1, 2, 4, 6\)"):
        model_diagram([("x", RGB[0, :2])])
