"""Condition and code: what is sent, and that page and model decode the same."""

import pytest
import torch
from torch import nn

from course_lib.models import VAE, ConditionalNormal, ConditionalVAE, OneHot
from course_lib.widgets import ConditionExplorer

IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([2, 0, 1, 1, 2])
NAMES = ["zero", "one", "two"]
ATTRIBUTES = torch.tensor([[0.0, -1.0], [1.0, 0.5], [0.3, 0.2], [0.0, 1.0], [1.0, 0.0]])


def embedded():
    torch.manual_seed(0)
    return nn.Sequential(OneHot(3), nn.Linear(3, 2, bias=False))


def of_classes(embedding=None, c=3):
    return ConditionalVAE.dense((1, 8, 8), 4, c, embedding=embedding or OneHot(3), seed=3)


def of_attributes():
    return ConditionalVAE.convolutional((3, 16, 8), 3, 2, channels=(8,), seed=3)


def test_it_starts_with_code_and_condition_of_the_first_image():
    model = of_classes()
    widget = ConditionExplorer(model, IMAGES, LABELS, NAMES)
    assert widget.condition == [0, 0, 1]
    with torch.no_grad():
        assert widget.code == model.at(LABELS).encode(IMAGES).mu[0].tolist()
    assert widget.draws
    widget.condition = torch.tensor([0.0, 1.0, 0.0])
    for trait in ("condition", "code"):
        with pytest.raises(ValueError, match=f"{trait} must be . finite numbers, got"):
            setattr(widget, trait, [1.0])
    with pytest.raises(ValueError, match="image must be from 0 to 4, got 5"):
        widget.image = 5


def test_only_what_varies_most_gets_a_slider_and_only_a_standard_prior_is_drawn_from():
    prior = ConditionalNormal(9, 3)
    model = ConditionalVAE.dense((1, 8, 8), 9, 3, prior=prior, embedding=OneHot(3))
    widget = ConditionExplorer(model, IMAGES, LABELS, NAMES)
    with torch.no_grad():
        spread = model.at(LABELS).encode(IMAGES).mu.std(0)
    assert widget.order == spread.argsort(descending=True)[:6].tolist()
    assert not widget.draws


@pytest.mark.parametrize("embedding", [None, embedded], ids=["one-hot", "embedded"])
def test_every_class_is_decoded_with_the_same_code(shown, pixels, strip, embedding):
    model = of_classes(embedding(), 2) if embedding else of_classes()
    widget = ConditionExplorer(model, IMAGES, LABELS, NAMES)
    widget.image = 1
    widget.code, widget.condition = [0.5, -1.0, 2.0, 0.0], widget.classes[0]
    page = shown(widget)

    def check(code, label):
        codes = torch.tensor(code).expand(3, 4)
        with torch.no_grad():
            expected = 255 * model.at(torch.arange(3)).decode_mean(codes)
        drawn = strip(pixels(page, "the same z with every class"), 8, 8)
        assert (drawn - expected).abs().max() < 1.5
        assert (pixels(page, "decoded from condition and z") - expected[label]).abs().max() < 1.5

    check(widget.code, 0)
    pressed = page.get_by_role("button", pressed=True)
    assert pressed.all_inner_texts() == ["zero"]
    before = page.get_by_role("status").inner_text()
    page.get_by_role("button", name="two").click()
    page.wait_for_function(
        "before => document.querySelector('[role=status]').innerText !== before", arg=before
    )
    assert pressed.all_inner_texts() == ["two"]
    check(widget.code, 2)  # z has stayed
    (slider,) = page.get_by_role("slider", name="z₁", exact=True).all()
    before = page.get_by_role("status").inner_text()
    slider.press("End")
    page.wait_for_function(
        "before => document.querySelector('[role=status]').innerText !== before", arg=before
    )
    check([3.0, -1.0, 2.0, 0.0], 2)  # and so has the class


def test_attributes_have_sliders_from_the_smallest_to_the_largest(shown, pixels, value):
    images = torch.rand(5, 3, 16, 8, generator=torch.Generator().manual_seed(2))
    model = of_attributes()
    widget = ConditionExplorer(model, images, ATTRIBUTES, ["glasses", "smile"])
    widget.code = [0.4, 0.0, -0.6]
    page = shown(widget)
    smile = page.get_by_role("slider", name="smile", exact=True)
    assert [smile.get_attribute(end) for end in ("min", "max")] == ["-1", "1"]
    before = page.get_by_role("status").inner_text()
    smile.press("End")
    page.wait_for_function(
        "before => document.querySelector('[role=status]').innerText !== before", arg=before
    )
    with torch.no_grad():
        expected = model.at(torch.tensor([0.0, 1.0])).decode_mean(torch.tensor([widget.code]))[0]
    drawn = pixels(page, "decoded from condition and z")
    assert (drawn - 255 * expected.clamp(0, 1)).abs().max() < 1.5
    assert page.get_by_role("img", name="the same z with every class").count() == 0
    page.get_by_role("button", name="as in the image").click()
    assert value(page, "smile") == -1
    page.get_by_role("slider", name="image").press("ArrowRight")
    assert (value(page, "smile"), value(page, "glasses")) == (0.5, 1)
    with torch.no_grad():
        code = model.at(ATTRIBUTES[1]).encode(images[1:2]).mu[0]
    assert value(page, "z₁") == pytest.approx(code[0].item(), abs=0.006)
    page.get_by_role("button", name="random z").click()
    assert value(page, "z₁") != pytest.approx(code[0].item(), abs=0.006)
    assert value(page, "smile") == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": VAE.dense((1, 8, 8), 2)}, "model must be a ConditionalVAE, got VAE"),
        ({"images": IMAGES[0]}, r"images must have shape \(N, C, H, W\)"),
        ({"labels": LABELS[:3]}, "labels must number 5 like images, got 3"),
        ({"labels": torch.zeros(5, 1, 1)}, r"labels must have shape \(N,\) or \(N, c\), got"),
        ({"names": ["a", "b"]}, "names must be those of at least 3 classes"),
        ({"labels": ATTRIBUTES}, "names must be those of 2 attributes"),
        ({"labels": torch.zeros(5, 4), "names": [*"abcd"]}, "labels do not fit the model"),
        ({"images": torch.rand(5, 1, 4, 4)}, "do not fit the model"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, message):
    given = {"model": of_classes(), "images": IMAGES, "labels": LABELS, "names": NAMES}
    with pytest.raises(ValueError, match=message):
        ConditionExplorer(**given | arguments)
