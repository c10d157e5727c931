"""Claims raise when they should, and figures carry their alternative text."""

import base64
import io
import math
import re
import struct

import html5lib
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt
from PIL import Image

from course_lib.models import Autoencoder
from course_lib.notebook import claim, show, show_source
from course_lib.notebook.claims import Claim, number
from course_lib.training import fit

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def shell():
    """A session that records what is displayed."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_claim_takes_a_value_with_a_gradient_without_a_warning(recwarn):
    claim("AE.holes", "the space has holes", torch.tensor(3.0, requires_grad=True), at_least=2)
    assert not recwarn.list


def test_a_claim_that_holds_says_what_was_measured(capsys):
    claim("AE.holes", "the space has holes", 3, at_least=2)
    text = "✓ AE.holes: the space has holes\n  measured 3, claimed at least 2\n"
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("value", "bounds", "says"),
    [
        (3, {"at_most": 2}, "measured 3, claimed at most 2"),
        (torch.tensor(0.5), {"at_least": 1}, "measured 0.5, claimed at least 1"),
        (0.5, {"at_least": 1, "at_most": 2}, "measured 0.5, claimed at least 1 and at most 2"),
        (1 - 1e-3, {"at_least": 1, "at_most": 1}, "measured 0.999, claimed exactly 1"),
        (math.nan, {"at_least": 0}, "measured nan, claimed at least 0"),
    ],
)
def test_a_claim_that_does_not_hold_raises_and_shows_nothing(capsys, value, bounds, says):
    with pytest.raises(AssertionError, match=f"claim AE.holes does not hold here: .*; {says}"):
        claim("AE.holes", "the space has holes", value, **bounds)
    assert capsys.readouterr().out == ""


def test_after_an_interrupted_training_it_says_so_until_the_training_is_finished():
    def interrupt(progress):
        raise KeyboardInterrupt

    model, images = Autoencoder((1, 2, 2), 1), torch.rand(8, 1, 2, 2)
    fit(model, images, epochs=9, callback=interrupt)
    with pytest.raises(AssertionError, match="training of Autoencoder was interrupted, .* run its"):
        claim("AE.holes", "the space has holes.", 0, at_least=1)
    fit(model, images, epochs=1)
    with pytest.raises(AssertionError, match="claimed at least 1.$"):
        claim("AE.holes", "the space has holes.", 0, at_least=1)


@pytest.mark.parametrize("value", [True, torch.tensor(False)])
def test_a_verdict_is_no_measurement(value):
    with pytest.raises(TypeError, match="claim AE.holes needs a value that was measured, got"):
        claim("AE.holes", "the space has holes", value, at_most=1)


def test_a_claim_without_a_bound_claims_nothing():
    with pytest.raises(TypeError, match="claim AE.holes needs at_least, at_most or both"):
        claim("AE.holes", "the space has holes", 0.3)


def test_a_claim_is_shown_between_its_bound_and_the_other_seeds():
    made = Claim("AE.holes", "x < 1 & more", 2, at_least=1, seeds=(2.0, 3.0, 1.5, 2.5, 1460.0))
    text = "measured 2, claimed at least 1; five seeds: 1.5 to 1,460"
    assert repr(made) == f"✓ AE.holes: x < 1 & more\n  {text}"
    page = html5lib.parse(made._repr_html_(), namespaceHTMLElements=False)
    assert "".join(page.itertext()) == f"✓ AE.holes: x < 1 & more{text}"
    places = [float(circle.get("cx")) for circle in page.iter(SVG + "circle")]
    assert places[0] == places[-1] and places[2] < places[0] < places[3] < places[1] < places[4]
    (shaded,) = page.iter(SVG + "rect")
    end = float(shaded.get("x")) + float(shaded.get("width"))
    assert 4 == float(shaded.get("x")) < end < places[2]


@pytest.mark.parametrize("value", [0, -3.5, 1e-9, 1e9])
def test_every_value_has_a_place_on_the_axis(value):
    page = Claim("AE.holes", "", value, at_most=value, seeds=(value,) * 5)._repr_html_()
    assert all(4 < float(place) < 236 for place in re.findall(r'cx="(.*?)"', page))


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (0, "0"),
        (1, "1"),
        (0.03124, "0.0312"),
        (12.34, "12.3"),
        (-1460.2, "-1,460"),
        (1e-7, "1e-07"),
    ],
)
def test_a_number_has_three_digits(x, says):
    assert number(x) == says


def test_a_figure_is_shown_sharp_with_its_alternative_text_and_closed(shell):
    figure, _ = plt.subplots(figsize=(3, 2))
    with capture_output() as captured:
        show(figure, alt="An empty pair of axes.")
    (output,) = captured.outputs
    assert output.data["text/plain"] == "An empty pair of axes."
    assert output.metadata["image/png"]["alt"] == "An empty pair of axes."
    content = output.data["image/png"]
    content = base64.b64decode(content) if isinstance(content, str) else content
    width = Image.open(io.BytesIO(content)).width
    assert struct.unpack(">I", content[16:20]) == (width,)
    assert output.metadata["image/png"]["width"] == width // 2  # twice as dense as the page
    assert not plt.fignum_exists(figure.number)


def test_source_code_is_shown_as_it_stands_in_the_library(shell):
    with capture_output() as captured:
        show_source(Autoencoder)
    (output,) = captured.outputs
    text = output.data["text/markdown"]
    assert text.startswith("```python\nclass Autoencoder(nn.Module):")
    assert text.endswith("mean()})\n```")
