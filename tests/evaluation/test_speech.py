"""The spectrogram against SciPy's."""

import numpy as np
import pytest
import torch
from scipy import signal

from course_lib.evaluation import log_spectrogram


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
def test_it_is_scipys_in_decibels(rate):
    x = torch.randn(rate // 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = log_spectrogram(x, rate, floor=60)
    n = {8000: 256, 16000: 512, 22050: 1024}[rate]
    _, _, power = signal.spectrogram(
        x.numpy(), rate, signal.get_window("hann", n), nperseg=n, noverlap=n - round(0.01 * rate),
        detrend=False, scaling="spectrum", mode="magnitude",
    )  # fmt: skip
    expected = np.maximum(20 * np.log10(power / power.max()), -60)
    assert ours.shape == expected.shape
    torch.testing.assert_close(ours, torch.from_numpy(expected), atol=1e-6, rtol=0)


def test_silence_lies_at_the_floor_or_at_zero_and_is_finite():
    assert log_spectrogram(torch.zeros(400), 8000).isfinite().all()
