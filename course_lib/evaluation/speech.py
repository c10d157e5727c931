"""Sound in numbers: how its energy is spread over time and frequency."""

import math

import torch
from torch import Tensor


def log_spectrogram(
    waveform: Tensor, rate: int, window: float = 0.025, hop: float = 0.01, floor: float = 80.0
) -> Tensor:
    """10 log₁₀ |STFT|² in decibels below the loudest, cut at the floor: (T,) → (F, frames).

    rate: samples per second. window, hop: of the Hann windows, in seconds. Row f is the frequency
    f · rate / n, where n is the window in samples, rounded up to a power of two; the lowest first.
    Raises ValueError for a waveform of another shape, shorter than a window, or not finite.
    """
    n = 2 ** math.ceil(math.log2(window * rate))
    if waveform.ndim != 1 or len(waveform) < n or not waveform.isfinite().all():
        raise ValueError(
            f"waveform must be (T,) with T ≥ {n} finite numbers, got {tuple(waveform.shape)}"
        )
    windowed = torch.hann_window(n, dtype=waveform.dtype, device=waveform.device)
    step = max(1, round(hop * rate))
    spectrum = torch.stft(
        waveform, n, step, window=windowed, center=False, return_complex=True
    )  # (F, frames)
    power = spectrum.abs().square()
    decibels = 10 * (power / power.max().clamp(min=1e-30)).clamp(min=1e-30).log10()
    return decibels.clamp(min=-floor)
