"""A sound that is played, and the picture of its frequencies."""

import pytest
import torch

from course_lib.widgets import Sound

RATE = 8000
SECONDS = torch.arange(RATE) / RATE
TONES = torch.cat([torch.sin(2 * torch.pi * f * SECONDS) for f in (500, 2000)])


def test_the_samples_arrive(javascript):
    values = [-1.0, 0.0, 0.5, 1.0]
    steps = torch.tensor([round(32767 * v) for v in values], dtype=torch.int16)
    arrived = javascript(
        "sound.js", "waveform({ bytes: new DataView(new Int16Array(steps).buffer) })",
        steps=steps.tolist(),
    )  # fmt: skip
    assert arrived == pytest.approx(values, abs=1e-4)


def test_the_place_says_which_tone_is_heard(shown):
    page = shown(Sound(TONES, RATE, "two tones"))
    said = page.get_by_role("status")
    assert said.inner_text() == "at 0.00 of 2.00 s: loudest at 500 Hz"
    box = page.get_by_role("img", name="spectrogram of two tones").bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 50)
    said.filter(has_text="loudest at 2000 Hz").wait_for()


def test_the_button_plays_and_the_place_runs_to_the_end(shown):
    page = shown(Sound(TONES[: RATE // 2], RATE, "a tone"))
    page.get_by_role("button", name="play a tone").click()
    page.get_by_role("status").filter(has_text="at 0.50 of 0.50 s").wait_for(timeout=10_000)
    page.get_by_role("button", name="play a tone").wait_for()


def test_beyond_one_it_is_cut_and_bad_sounds_are_refused():
    widget = Sound(3 * TONES, RATE)
    steps = torch.frombuffer(bytearray(widget.samples["bytes"]), dtype=torch.int16)
    assert steps.max() == 32767 and steps.min() == -32767
    for waveform, rate, message in (
        (TONES[None], RATE, r"waveform must be \(T,\)"),
        (TONES[:100], RATE, "T ≥ 256"),
        (TONES * float("nan"), RATE, "finite"),
        (TONES, 0, "rate must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            Sound(waveform, rate)
