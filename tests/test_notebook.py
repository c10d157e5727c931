"""Claims raise when they should, and figures carry their alternative text."""

import base64
import io
import struct

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt
from PIL import Image

from course_lib.models import Autoencoder
from course_lib.notebook import claim, show, show_source
from course_lib.training import fit


@pytest.fixture
def shell():
    """A session that records what is displayed."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_claim_that_holds_prints_one_line(capsys):
    claim("AE.holes", "the space has holes", True)
    assert capsys.readouterr().out == "✓ AE.holes: the space has holes\n"


def test_a_claim_that_does_not_hold_raises_and_prints_nothing(capsys):
    with pytest.raises(AssertionError, match="claim AE.holes does not hold here: the space"):
        claim("AE.holes", "the space has holes", False)
    assert capsys.readouterr().out == ""


def test_after_an_interrupted_training_it_says_so_until_the_training_is_finished():
    def interrupt(progress):
        raise KeyboardInterrupt

    model, images = Autoencoder((1, 2, 2), 1), torch.rand(8, 1, 2, 2)
    fit(model, images, epochs=9, callback=interrupt)
    with pytest.raises(AssertionError, match="training of Autoencoder was interrupted, .* run its"):
        claim("AE.holes", "the space has holes.", False)
    fit(model, images, epochs=1)
    with pytest.raises(AssertionError, match="does not hold here: the space has holes.$"):
        claim("AE.holes", "the space has holes.", False)


@pytest.mark.parametrize("holds", [1, 0.3, None, "yes"])
def test_a_number_is_no_verdict(holds):
    with pytest.raises(TypeError, match="holds must be True or False in claim AE.holes"):
        claim("AE.holes", "the space has holes", holds)


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
