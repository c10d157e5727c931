"""What a chapter says to its reader: claims, figures with alternative text, and source code."""

import inspect
import io

from IPython.display import Image, Markdown, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from course_lib.training.loop import INTERRUPTED

DPI = 192  # twice the 96 CSS pixels of an inch, so that pictures are sharp on a dense screen


def claim(name: str, sentence: str, holds: bool) -> None:
    """Print the claim, or raise when the experiment says otherwise.

    name: CHAPTER.words-with-dashes, unique in the course; holds: the outcome of the experiment.
    Raises AssertionError when holds is false, with a hint when a training has been interrupted, and
    TypeError when it is not a truth value, such as a number that somebody forgot to compare.
    """
    if not isinstance(holds, bool):
        raise TypeError(f"holds must be True or False in claim {name}, got {holds!r}")
    if not holds:
        message = f"claim {name} does not hold here: {sentence}"
        if stopped := sorted({type(model).__name__ for model in INTERRUPTED}):
            message += (
                f" The training of {', '.join(stopped)} was interrupted, which may be why: run its "
                "cell again, to the end, and then this one."
            )
        raise AssertionError(message)
    print(f"✓ {name}: {sentence}")


def show(figure: Figure, alt: str) -> None:
    """Display a figure with alternative text, and close it.

    The text is what a screen reader reads and what nbval compares, so it says what to see.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight")
    plt.close(figure)
    width = Image(buffer.getvalue(), format="png", retina=True).width
    bundle = {"image/png": buffer.getvalue(), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": width}})


def show_source(thing: type) -> None:
    """Display the source code of a class or function of the library."""
    display(Markdown(f"```python\n{inspect.getsource(thing)}```"))
