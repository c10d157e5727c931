"""A guess on two sliders: the densities, the bars that add up, the picture."""

import io
import itertools
import math

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from course_lib.evaluation import OneDimensionalModel
from course_lib.widgets import EvidenceGap

POSTERIOR, GAP = (0xE7, 0x63, 0x00), (0xBD, 0x1F, 0x01)
LINE = OneDimensionalModel(lambda z: 1.5 * z, 0.5)  # posterior N(0.6 x, 0.1)


def page(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def where(pixels, rgb):
    return np.nonzero(np.abs(pixels - rgb).sum(2) < 10)


def gap_width(widget):
    _, columns = where(page(widget)[:, 470:641], GAP)
    return np.ptp(columns) if len(columns) else 0


@pytest.mark.equation("ELBO.3", "ELBO.4")
@pytest.mark.parametrize(("mu", "sigma"), [(0, 1), (1.2, 0.25), (-2, 0.125)])
def test_the_bars_are_the_parts_and_add_up(mu, sigma):
    begin_end = list(EvidenceGap(LINE, 1.0, mu, sigma).bars().values())
    lengths = [end - begin for begin, end in begin_end]
    reconstruction = stats.norm.logpdf(1, 1.5 * mu, 0.5) - (1.5 * sigma) ** 2 / (2 * 0.25)
    to_prior = (mu**2 + sigma**2 - math.log(sigma**2) - 1) / 2
    spread = 0.1**0.5
    to_posterior = ((mu - 0.6) / spread) ** 2 / 2 + (sigma / spread) ** 2 / 2
    to_posterior += math.log(spread / sigma) - 0.5
    evidence = stats.norm.logpdf(1, 0, 2.5**0.5)
    expected = [reconstruction, -to_prior, reconstruction - to_prior, to_posterior, evidence]
    assert lengths == pytest.approx(expected)
    parts, kl, elbo, gap, whole = begin_end
    assert (parts[1], kl[1], gap[1]) == pytest.approx((kl[0], elbo[1], whole[1]))
    assert parts[0] == elbo[0] == whole[0] == 0


@pytest.mark.equation("ELBO.2")
def test_the_curves_are_prior_posterior_and_q():
    curves = EvidenceGap(LINE, 1.0, 1.0, 0.5).curves()
    z = np.linspace(-4, 4, 401)
    for name, mu, sigma in (("prior", 0, 1), ("posterior", 0.6, 0.1**0.5), ("q", 1, 0.5)):
        assert curves[name].numpy() == pytest.approx(stats.norm.pdf(z, mu, sigma))


@pytest.mark.parametrize("control", ["mu", "sigma", "x"])
def test_each_slider_moves_the_picture(control):
    widget = EvidenceGap(LINE, 1.0)
    before, slider = widget.image.value, getattr(widget, control)
    logarithmic = isinstance(slider, ipywidgets.FloatLogSlider)
    slider.value = slider.value / slider.base**slider.step if logarithmic else slider.value + 0.05
    assert widget.image.value != before


def test_x_moves_the_posterior_and_q_does_not():
    widget = EvidenceGap(LINE, 1.0)
    before = widget.curves()["posterior"]
    widget.mu.value = 2
    assert widget.curves()["posterior"].equal(before)
    widget.x.value = 1.5
    assert not widget.curves()["posterior"].equal(before)


def test_the_red_bar_shrinks_to_a_line_when_q_is_the_posterior():
    far, near = EvidenceGap(LINE, 1.0, -1.0, 1.0), EvidenceGap(LINE, 1.0, 0.6, 2**-1.7)
    assert gap_width(far) > 50
    assert gap_width(near) <= 2


@pytest.mark.parametrize(
    "numbers", list(itertools.product((-2, 2), (-3, 3), (1 / 16, 2)))
)  # fmt: skip
def test_the_corners_of_the_sliders_can_be_drawn(numbers):
    steep = OneDimensionalModel(lambda z: z**2 / 2, 0.3)
    widget = EvidenceGap(steep, *numbers)
    assert widget.error.value == ""
    assert all(math.isfinite(end) for ends in widget.bars().values() for end in ends)
    rows, columns = where(page(widget), POSTERIOR)
    assert len(rows) > 20
    assert columns.min() >= 40 and columns.max() <= 330


def test_positive_logarithms_have_room():
    sharp = OneDimensionalModel(lambda z: 0 * z, 0.1)  # log p(0|z) = 1.38 for all z
    widget = EvidenceGap(sharp, 0.0)
    assert widget.bars()["= log p(x)"][1] == pytest.approx(stats.norm.logpdf(0, 0, 0.1))
    assert gap_width(widget) <= 2


def test_every_control_has_a_label_and_a_readout():
    for control in EvidenceGap(LINE, 1.0).controls:
        assert control.description
        assert control.readout


def test_the_snapshot_shows_the_sliders_above_the_picture():
    widget = EvidenceGap(LINE, 1.0)
    assert widget.snapshot().height == widget.picture().height + 3 * 26


def test_an_exception_is_shown_and_raised():
    widget = EvidenceGap(OneDimensionalModel(lambda z: z, 1.0), 0.0)

    def broken(z):
        raise RuntimeError("no decoder")

    widget.model = OneDimensionalModel(broken, 1.0)
    with pytest.raises(RuntimeError, match="no decoder"):
        widget.mu.value = 1.0
    assert "no decoder" in widget.error.value


@pytest.mark.parametrize("bad", [{"mu": 4}, {"sigma": 0.01}, {"sigma": 3}, {"x": 5}], ids=str)
def test_what_the_sliders_cannot_show_is_refused(bad):
    with pytest.raises(ValueError, match="mu must lie in .*, sigma in .* and x in .*, got"):
        EvidenceGap(LINE, **{"x": 1.0} | bad)


def test_the_library_default_dtype_does_not_matter():
    assert torch.get_default_dtype() == torch.float32
    ends = EvidenceGap(LINE, 1.0, 0.6, 0.1**0.5).bars()["+ KL(q‖p(z|x))"]
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)
