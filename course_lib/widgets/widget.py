"""What all widgets share: traits in Python, drawing in the page, a picture for paper."""

import base64
import math
import re
from pathlib import Path
from typing import Any

import anywidget
from IPython.display import DisplayHandle, display
from torch import Tensor
from traitlets import Dict, Float, HasTraits, Int, List, Unicode

from course_lib.widgets import page

HERE = Path(__file__).parent


IMPORT = re.compile(r'^import [^;]* from "\./(\w+\.js)";\n', re.MULTILINE)


def script(name: str) -> str:
    """The module that draws a widget, with what it imports from files beside it put in front.

    A page that shows one widget then needs no other file, and no bundler has run.
    """
    *shared, own = [(HERE / file).read_text("utf-8") for file in _needed(name)]
    shared = [re.sub(r"^export ", "", text, flags=re.MULTILINE) for text in shared]
    return "\n".join(IMPORT.sub("", text) for text in [*shared, own])


def _needed(name: str) -> list[str]:
    """A module behind those that it imports, and behind those that these import."""
    imported = IMPORT.findall((HERE / name).read_text("utf-8"))
    return list(dict.fromkeys([file for other in imported for file in _needed(other)] + [name]))


class Within(Float):
    """A number that lies in [low, high], which is also what its slider spans."""

    def __init__(self, low: float, high: float, default: float) -> None:
        super().__init__(default)
        self.low, self.high = low, high
        self.tag(sync=True)

    def validate(self, obj: HasTraits, value: Any) -> float:
        """Raises ValueError for another value."""
        value = float(super().validate(obj, value))
        if not self.low <= value <= self.high:
            raise ValueError(
                f"{self.name} must lie in [{self.low:g}, {self.high:g}], got {value:g}"
            )
        return value


class Index(Int):
    """A whole number from 0 to one less than a number of things that another trait counts."""

    def __init__(self, count: str, default: int = 0) -> None:
        super().__init__(default)
        self.count = count
        self.tag(sync=True)

    def validate(self, obj: HasTraits, value: Any) -> int:
        """Raises ValueError for another value."""
        value = int(super().validate(obj, value))
        last = getattr(obj, self.count) - 1
        if not 0 <= value <= last:
            raise ValueError(f"{self.name} must be from 0 to {last}, got {value}")
        return value


class OneOf(Float):
    """A number of a list that another trait holds, on whose places a slider stands."""

    def __init__(self, places: str) -> None:
        super().__init__()
        self.places = places
        self.tag(sync=True)

    def validate(self, obj: HasTraits, value: Any) -> float:
        """Raises ValueError for a number that is none of them, but for a rounding."""
        value, places = float(super().validate(obj, value)), getattr(obj, self.places)
        for place in places:
            if math.isclose(place, value, rel_tol=1e-6, abs_tol=1e-12):
                return float(place)
        raise ValueError(f"{self.name} must be one of {places}, got {value:g}")


class Numbers(List):
    """A vector of finite numbers, given as a list or a tensor; its length stays what it is."""

    def __init__(self) -> None:
        super().__init__(Float())
        self.tag(sync=True)

    def validate(self, obj: HasTraits, value: Any) -> list[float]:
        """Raises ValueError for another length, and for NaN and infinite numbers."""
        value = super().validate(obj, value.tolist() if isinstance(value, Tensor) else list(value))
        length = len(obj._trait_values.get(str(self.name), ())) or len(value)
        if len(value) != length or not all(map(math.isfinite, value)):
            raise ValueError(f"{self.name} must be {length} finite numbers, got {value}")
        return value


class Widget(anywidget.AnyWidget):
    """A picture that follows its traits, drawn in the page by a JavaScript module.

    A subclass names the module, `_esm = script("….js")`, has a trait for each control and for
    what the page needs to draw, and needs no Python once it is shown: the page computes.
    Where no JavaScript runs (GitHub, paper) its `picture` stands.

    alt: what the picture shows, for screen readers and for the text form.
    ranges: the ends of each trait that is Within.
    picture: the PNG of a state, in base64, once a page of JupyterLab has drawn the widget.
    """

    _css = (HERE / "widgets.css").read_text(encoding="utf-8")

    alt = Unicode().tag(sync=True)
    ranges = Dict().tag(sync=True)
    picture = Unicode()

    def __init__(self, **traits: Any) -> None:
        ranges = {name: (trait.low, trait.high) for name, trait in self.traits().items()
                  if isinstance(trait, Within)}  # fmt: skip
        super().__init__(ranges=ranges, **traits)
        self._places: list[DisplayHandle] = []  # empty outputs that wait for the picture
        self.on_msg(self._heard)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        data["text/plain"] = self.alt
        if self.picture:
            data["image/png"] = self.picture
            header = base64.b64decode(self.picture[:32])  # of which bytes 16 to 19 are the width
            width = int.from_bytes(header[16:20], "big") // page.DENSITY
            metadata["image/png"] = {"alt": self.alt, "width": width}
        return data, metadata

    def _ipython_display_(self) -> None:
        """Display the widget, and below it room for a picture, which only a page can draw.

        A picture that came into the same output would make JupyterLab draw the widget anew, under
        the reader's hands. ipywidgets 7, as on Colab, would display another text.
        """
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
        if not self.picture and "text/markdown" not in data:
            self._places.append(display(display_id=True))

    def _heard(self, _: object, message: dict[str, Any], buffers: object) -> None:
        """The page has drawn the widget, and is asked for a picture; or it hands that back."""
        if message.get("kind") == "drawn" and self._places:
            self.send({"kind": "picture"})
        elif message.get("kind") == "picture" and self._places:
            self.picture = page.compressed(base64.b64decode(message["png"]))
            data, metadata = self._repr_mimebundle_()
            data[page.VIEW]["model_id"] = ""  # so JupyterLab hides the output: the widget is alive
            while self._places:
                self._places.pop().update(data, metadata=metadata, raw=True)
