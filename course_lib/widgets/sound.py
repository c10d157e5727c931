"""A sound to be played, with the picture of its frequencies."""

import torch
from torch import Tensor
from traitlets import Dict, Int, Unicode

from course_lib.evaluation import log_spectrogram
from course_lib.widgets.sent import sent_images
from course_lib.widgets.widget import Widget, Within, script

FLOOR = 80.0  # decibels below the loudest that are drawn black


class Sound(Widget):
    """A button plays the sound; below it runs the spectrogram, on which a place can be chosen.

    waveform: (T,) in [−1, 1], beyond which it is cut. rate: samples per second.
    label: what is heard. `at` is the place, from 0 to 1 of the length.
    Raises ValueError as `log_spectrogram` does, and for a rate below 1.
    """

    _esm = script("sound.js")

    at = Within(0, 1, 0.0)
    rate = Int().tag(sync=True)
    label = Unicode().tag(sync=True)
    samples, spectrogram = (Dict().tag(sync=True) for _ in range(2))

    def __init__(self, waveform: Tensor, rate: int, label: str = "sound") -> None:
        if rate < 1:
            raise ValueError(f"rate must be at least 1, got {rate}")
        waveform = waveform.detach().float().cpu()
        shades = 1 + log_spectrogram(waveform, rate, floor=FLOOR) / FLOOR  # (F, frames)
        steps = (waveform.clamp(-1, 1) * 32767).round().to(torch.int16)
        super().__init__(
            rate=rate,
            label=label,
            samples={"shape": [len(steps)], "bytes": steps.numpy().tobytes()},
            spectrogram=sent_images(shades.flip(0)[None, None]),  # low frequencies below
            alt=f"The spectrogram of {label}, {len(waveform) / rate:.2f} s long.",
        )
