"""Progress bars that leave nothing behind."""

import sys
from typing import Any

from tqdm import tqdm


def progress(**options: Any) -> tqdm:
    """A bar by tqdm, on the terminal or in the notebook, that is gone when the work is done.

    In a notebook it is text in an output that changes in place and ends empty: no widget, which
    would need a kernel to be shown again, and nothing on stderr.
    """
    if in_notebook():
        options |= {"file": _Output(), "ncols": 80, "position": 0}
    return tqdm(leave=False, **options)


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, which has outputs that can be changed."""
    ipython = sys.modules.get("IPython")  # not imported for this: it takes half a second
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class _Output:
    """An output of a notebook as the line of a terminal on which tqdm writes again and again."""

    encoding = "utf-8"  # without it tqdm would draw with #

    def __init__(self) -> None:
        self.bar = ""
        self.handle: Any = None

    def write(self, text: str) -> None:
        bar = text.strip()  # of the carriage return in front, and of blanks over what stood there
        if bar == self.bar:
            return
        self.bar = bar
        if self.handle is None:
            from IPython.display import display

            self.handle = display(display_id=True)  # empty
        self.handle.update({"text/plain": bar} if bar else {}, raw=True)

    def flush(self) -> None:
        pass
