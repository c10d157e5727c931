"""Sparse models over a grid of λ and ρ: the numbers, the panels, the sliders."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.models import SparseAutoencoder, TopKAutoencoder
from course_lib.widgets import SparseSweep
from course_lib.widgets.sparse_sweep import HEAT, SIDE, TOP, summarise

IMAGES = torch.randn(50, 1, 6, 6, generator=torch.Generator().manual_seed(0))
LINE, DOT = (0xBD, 0x1F, 0x01), (0x3F, 0x90, 0xDA)


def made(weight, rho, seed=0):
    kwargs = {"hidden": (), "likelihood": "gaussian", "seed": seed}
    return SparseAutoencoder((1, 6, 6), 9, rho=rho, weight=weight, **kwargs)


@pytest.fixture
def models():
    pairs = [(weight, rho) for weight in (0, 10) for rho in (0.01, 0.1)]
    return {pair: made(*pair, seed=i) for i, pair in enumerate(pairs)}


def page(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def where(pixels, rgb):
    return np.nonzero(np.abs(pixels - rgb).sum(2) < 10)


class Fixed(torch.nn.Module):
    """Four units with known activations and a decoder whose columns are known."""

    def __init__(self):
        super().__init__()
        self.columns = torch.randn(4, 36, generator=torch.Generator().manual_seed(1))

    def encode(self, x):
        h = torch.full((len(x), 4), 0.1)
        h[:, 1] = 0.9  # always on
        h[::5, 2] = 1.0  # on for a fifth
        h[:, 3] = 0.4  # never
        return h

    def decode(self, h):
        return (h @ self.columns + 0.3).view(-1, 1, 6, 6)


def test_the_summary_of_known_units():
    model = Fixed()
    summary = summarise(model, IMAGES, threshold=0.5)
    torch.testing.assert_close(summary.rho_hat, torch.tensor([0.9, 0.4, 0.28, 0.1]))
    torch.testing.assert_close(summary.features.flatten(1), model.columns[[1, 3, 2, 0]])
    torch.testing.assert_close(summary.activations, model.encode(IMAGES)[:, [1, 3, 2, 0]])
    assert (summary.dead, summary.always_on) == (2, 1)
    assert summary.active == pytest.approx((50 + 10) / 200)
    rebuilt = model.decode(model.encode(IMAGES))
    assert summary.error == pytest.approx(((rebuilt - IMAGES) ** 2).sum().item() / 50, rel=1e-5)


def test_the_features_of_a_trained_kind_of_model_are_its_decoders_columns(models):
    model = models[10, 0.1]
    summary = summarise(model, IMAGES, 0.5)
    order = model.encode(IMAGES).mean(0).argsort(descending=True)
    expected = model.decoder[0].weight.detach().T[order].view(-1, 6, 6)
    torch.testing.assert_close(summary.features, expected)


@pytest.mark.parametrize("control", ["weight", "rho"])
def test_each_slider_chooses_another_model(models, control):
    widget = SparseSweep(models, IMAGES)
    before, summary = page(widget)[TOP : TOP + SIDE], widget.summary()
    slider = getattr(widget, control)
    slider.value = slider.options[1]
    after = page(widget)[TOP : TOP + SIDE]
    assert (after[:, :SIDE] != before[:, :SIDE]).any()  # the features
    assert (after[:, HEAT : HEAT + 160] != before[:, HEAT : HEAT + 160]).any()
    model = models[widget.weight.value, widget.rho.value]
    expected = model.encode(IMAGES).mean(0).sort(descending=True).values
    torch.testing.assert_close(widget.summary().rho_hat, expected)
    assert widget.summary() is not summary


def test_a_step_of_a_slider_runs_no_model(models, monkeypatch):
    widget = SparseSweep(models, IMAGES)
    monkeypatch.setattr(SparseAutoencoder, "encode", None)
    monkeypatch.setattr(SparseAutoencoder, "decode", None)
    widget.weight.value = 10
    assert widget.error.value == ""


def test_the_line_stands_at_rho_and_the_dots_at_the_means(models):
    widget = SparseSweep(models | {(0, 0.01): Fixed()}, IMAGES)
    at = {}
    for rho in (0.01, 0.1):
        widget.rho.value = rho
        rows, columns = where(page(widget)[TOP + 2 : TOP + SIDE - 2], LINE)
        at[rho] = columns.mean()
    decade = at[0.1] - at[0.01]
    widget.rho.value = 0.01
    rows, columns = where(page(widget)[TOP : TOP + SIDE], DOT)
    for i, mean in enumerate((0.9, 0.4, 0.28, 0.1)):  # from top to bottom
        place = columns[(rows * 4 // SIDE) == i].mean()
        assert place == pytest.approx(at[0.1] + decade * np.log10(mean / 0.1), abs=2)


def test_the_map_shows_the_activations_darker_the_larger(models):
    widget = SparseSweep(models | {(0, 0.01): Fixed()}, IMAGES)
    heat = page(widget)[TOP : TOP + SIDE, HEAT : HEAT + 160].sum(2)
    cells = heat.reshape(4, SIDE // 4, 40, 4)[:, 10, :, 2]  # one pixel of each cell
    expected = Fixed().encode(IMAGES)[:40, [1, 3, 2, 0]].T.numpy()
    levels = sorted(set(expected.flatten()))
    shades = [set(cells[expected == level]) for level in levels]
    assert all(len(shade) == 1 for shade in shades)  # one level, one shade
    assert np.diff([shade.pop() for shade in shades]).max() < -30


def test_models_of_other_kinds_and_activations_above_1_can_be_drawn():
    top_k = TopKAutoencoder((1, 6, 6), 70, (), k=3, likelihood="bernoulli")
    with torch.no_grad():
        top_k.encoder[0].weight.mul_(50)
    widget = SparseSweep({(1, 0.1): top_k}, IMAGES.clamp(0, 1))
    assert widget.summary().active == pytest.approx(3 / 70, abs=0.01)
    assert widget.summary().activations.max() > 1
    assert where(page(widget), LINE)[0].size > 0


def test_a_missing_pair_is_named(models):
    del models[10, 0.01]
    with pytest.raises(ValueError, match=r"every pair \(λ, ρ\), got none for \[\(10, 0.01\)\]"):
        SparseSweep(models, IMAGES)


def test_no_models_are_refused():
    with pytest.raises(ValueError, match="models must hold every pair"):
        SparseSweep({}, IMAGES)


@pytest.mark.parametrize("shape", [(50, 36), (50, 2, 6, 6), (0, 1, 6, 6)])
def test_images_that_are_not_grey_are_refused(models, shape):
    with pytest.raises(
        ValueError, match=r"images must have shape \(N, C, H, W\), C = 1 or 3, with N ≥ 1, got"
    ):
        SparseSweep(models, torch.zeros(shape))


def test_every_control_has_a_label_and_a_readout(models):
    widget = SparseSweep(models, IMAGES)
    assert [control.description for control in widget.controls] == ["λ", "ρ"]
    assert not any(control.readout for control in widget.controls)  # labels stand beside
    assert widget.image.tooltip.startswith("The learned features")


def test_the_snapshot_shows_the_sliders_above_the_picture(models):
    widget = SparseSweep(models, IMAGES)
    assert widget.snapshot().height == widget.picture().height + 2 * 26
