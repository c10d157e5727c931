"""The base that all widgets of the course share."""

import base64
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from traitlets import Unicode, dlink

from course_lib.plots import COLOURS
from course_lib.widgets.canvas import font, png


class TitledImage(ipywidgets.Image):
    """An image whose `tooltip` becomes its title, which is what a screen reader announces."""

    # The browser's half reads the length of a description that ipywidgets.Image does not have.
    description = Unicode("").tag(sync=True)


class PictureWidget(ipywidgets.VBox):
    """Controls above a picture that follows them.

    A subclass implements `picture`, a pure function of its controls. The picture is drawn anew
    whenever the value of a control changes; an exception on the way is shown below the picture
    and raised, never swallowed. Where no kernel answers (GitHub, nbviewer, paper) the widget is
    its `snapshot`: the MIME bundle carries it as a PNG beside the widget view.

    controls: the sliders that the picture depends on, each with a description and its value.
    rows: the layout from top to bottom; the picture comes last.
    alt: what the picture shows, for screen readers and for the text form.
    """

    def __init__(
        self,
        controls: Sequence[ipywidgets.ValueWidget],
        rows: Sequence[ipywidgets.Widget],
        alt: str,
    ) -> None:
        self.controls = list(controls)
        self.alt = alt
        self.image = TitledImage(format="png", tooltip=alt)
        self.image.layout.align_self = "flex-start"  # VBox would stretch the picture
        self.error = ipywidgets.HTML()
        super().__init__([*rows, self.image, self.error])
        for control in self.controls:
            control.observe(self._redraw, names="value")
        self._held = False
        self._redraw()

    def picture(self) -> Image.Image:
        """The picture of the present state."""
        raise NotImplementedError

    @contextmanager
    def one_redraw(self) -> Iterator[None]:
        """Change several controls and draw once, afterwards."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._redraw()

    def _redraw(self, change: object = None) -> None:
        if self._held:
            return
        try:
            self.image.value = png(self.picture())
        except Exception as error:
            self.error.value = f"<b>{type(error).__name__}</b>: {error}"
            raise
        self.error.value = ""

    def snapshot(self) -> Image.Image:
        """The picture below a drawing of the controls: what stands where no kernel answers."""
        picture = self.picture().convert("RGB")
        rows = [draw_control(control) for control in self.controls]
        width = max(part.width for part in [picture, *rows])
        page = Image.new("RGB", (width, picture.height + sum(r.height for r in rows)), "white")
        top = 0
        for part in [*rows, picture]:
            page.paste(part, (0, top))
            top += part.height
        return page

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        snapshot = base64.b64encode(png(self.snapshot())).decode()
        data = {**bundle, "text/plain": self.alt, "image/png": snapshot}
        return data, {"image/png": {"alt": self.alt}}


def with_label(slider: ipywidgets.SelectionSlider) -> ipywidgets.HBox:
    """The slider with a label for its readout, which would look as if one could type into it."""
    slider.readout = False
    label = ipywidgets.Label(layout={"margin": "2px 2px 2px 14px"})  # clear of the handle
    dlink((slider, "label"), (label, "value"))
    return ipywidgets.HBox([slider, label])


def check_grey(images: Tensor, least: int = 1) -> None:
    """Raises ValueError unless images are (N, 1, H, W), and at least so many."""
    if images.ndim != 4 or images.shape[1] != 1 or len(images) < least:
        given = tuple(images.shape)
        raise ValueError(f"images must have shape (N, 1, H, W) with N ≥ {least}, got {given}")


def check_number(images: Tensor, **others: Tensor | None) -> None:
    """Raises ValueError unless there is one of the others for each image, or None at all."""
    for name, values in others.items():
        if values is not None and len(values) != len(images):
            raise ValueError(f"{name} must number {len(images)} like images, got {len(values)}")


@torch.inference_mode()
def codes_of(model: nn.Module, images: Tensor) -> Tensor:
    """The code of each image, of a VAE the mean of q(z|x): (N, C, H, W) → (N, d)."""
    codes = model.encode(images)
    return codes[0] if isinstance(codes, tuple) else codes


@torch.inference_mode()
def pictures_of(model: nn.Module, codes: Tensor, image_shape: Sequence[int]) -> Tensor:
    """What codes stand for, by `decode_mean` or, where there is none, `decode`.

    codes: (N, d). Returns (N, *image_shape).
    """
    return getattr(model, "decode_mean", model.decode)(codes).view(len(codes), *image_shape)


def draw_control(control: ipywidgets.ValueWidget) -> Image.Image:
    """One line with the slider's description, where it stands, and its value."""
    row = Image.new("RGB", (420, 26), "white")
    draw = ImageDraw.Draw(row)
    draw.text((90, 13), control.description, "black", font(13), anchor="rm")
    if isinstance(control, ipywidgets.SelectionSlider):
        position, value = control.index / max(1, len(control.options) - 1), str(control.label)
    else:
        logarithmic = isinstance(control, ipywidgets.FloatLogSlider)  # min and max are exponents
        place = math.log(control.value, control.base) if logarithmic else control.value
        position = (place - control.min) / (control.max - control.min)
        value = f"{control.value:{control.readout_format}}"
    centre = 110 + 200 * position
    draw.line((110, 13, 310, 13), fill="#999999", width=3)
    draw.ellipse((centre - 6, 7, centre + 6, 19), fill=COLOURS[0])
    draw.text((325, 13), value, "black", font(13), anchor="lm")
    return row
