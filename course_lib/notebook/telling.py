"""What a chapter shows: figures with alternative text, and source code."""

import inspect
import io

from IPython.display import Image, Markdown, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

DPI = 192  # twice the 96 CSS pixels of an inch, so that pictures are sharp on a dense screen


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
