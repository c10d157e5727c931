"""The sweep over λ and ρ: features, activations and counts are those of the models."""

import pytest
import torch
from torch import nn

from course_lib.evaluation import lifetime_activity, population_activity
from course_lib.likelihoods import squared_error
from course_lib.models import VAE, SparseAutoencoder
from course_lib.widgets import SparseSweep
from course_lib.widgets.sparse_sweep import unit_summary

IMAGES = torch.rand(50, 1, 6, 6, generator=torch.Generator().manual_seed(0))
PLAIN = SparseAutoencoder((1, 6, 6), 9, hidden=(), likelihood="gaussian")
MODELS = {(0.0, rho): PLAIN for rho in (0.1, 0.2)} | {
    (w, rho): SparseAutoencoder((1, 6, 6), 9, hidden=(), likelihood="gaussian", seed=i)
    for i, (w, rho) in enumerate([(1.0, 0.1), (1.0, 0.2), (5.0, 0.1), (5.0, 0.2)], start=1)
}


def test_a_summary_holds_what_the_library_measures():
    with torch.no_grad():
        h = PLAIN.encode(IMAGES)
        error = squared_error(IMAGES, PLAIN(IMAGES)).mean().item()
    summary = unit_summary(PLAIN, IMAGES, 0.5)
    order = h.mean(0).argsort(descending=True)
    assert summary["means"].allclose(h.mean(0)[order])
    assert summary["dead"] == (lifetime_activity(h, 0.5) == 0).sum()
    assert summary["always_on"] == (lifetime_activity(h, 0.5) == 1).sum()
    assert summary["active"] == pytest.approx(population_activity(h, 0.5).mean().item())
    assert summary["error"] == pytest.approx(error)
    assert summary["activations"].allclose(h[:40, order].T)
    # Columns of the decoder's weights, each scaled to its largest; 128 of 255 is nothing.
    columns = PLAIN.decoder[0].weight.detach().T[order]
    shades = (columns / columns.abs().amax(1, keepdim=True)).view(9, 1, 6, 6)
    assert ((summary["features"] * 255 - 128) / 127).allclose(shades, atol=1e-5)


def test_it_starts_at_the_largest_weight_but_one_and_pairs_may_share_a_model():
    widget = SparseSweep(MODELS, IMAGES)
    assert (widget.weight, widget.rho) == (1.0, 0.1)
    assert widget.features["shape"][0] == 5
    assert widget.which[0] == widget.which[1] == 0
    widget.weight = 5
    with pytest.raises(ValueError, match=r"rho must be one of \[0.1, 0.2\], got 0.3"):
        widget.rho = 0.3


def test_sliders_choose_the_model(shown, value):
    page = shown(SparseSweep(MODELS, IMAGES))
    said = page.get_by_role("status")
    for key, pair in ((None, (1.0, 0.1)), ("Home", (0.0, 0.1)), ("End", (5.0, 0.1))):
        if key:
            page.get_by_role("slider", name="λ").press(key)
        summary = unit_summary(MODELS[pair], IMAGES, 0.5)
        said.filter(
            has_text=f"λ = {pair[0]:g}, ρ = {pair[1]:g}: units above 0.5: "
            f"{100 * summary['active']:.1f} % per image, {summary['dead']} of 9 on no image"
        ).wait_for()
        assert f"squared error {summary['error']:.1f} per image" in said.inner_text()
    dots = page.locator("svg .dots").get_attribute("d")
    assert dots.count("M") == 9


@pytest.mark.parametrize(
    ("v", "colour"),
    [(-1, (179, 88, 6)), (0, (247, 247, 247)), (1, (84, 39, 136)), (-2, (179, 88, 6))],
)
def test_nothing_is_white_and_the_ends_are_brown_and_purple(javascript, v, colour):
    assert javascript("sparse_sweep.js", "diverging(v)", v=v) == pytest.approx(
        [c / 255 for c in colour]
    )


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "models must hold every pair"),
        ({(0.0, 0.1): PLAIN, (1.0, 0.2): PLAIN}, r"got none for \[\(0.0, 0.2\), \(1.0, 0.1\)\]"),
        ({(0.0, 0.1): VAE.dense((1, 4, 4), 2)}, "do not fit the model"),
        ({(0.0, 0.1): nn.Flatten()}, "model must have encode"),
        (
            {(0.0, 0.1): PLAIN, (1.0, 0.1): SparseAutoencoder((1, 6, 6), 4)},
            r"as many units each, got \[4, 9\]",
        ),
    ],
)
def test_bad_models_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        SparseSweep(models, IMAGES)
