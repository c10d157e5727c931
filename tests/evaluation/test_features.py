"""Measures of units and features against loops, direct sums and known patterns."""

import math

import numpy as np
import pytest
import torch

from course_lib.evaluation import (
    lifetime_activity,
    orientation_selectivity,
    participation_ratio,
    population_activity,
    unit_features,
)
from course_lib.models import Autoencoder

ROWS, COLUMNS = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def grating(angle):
    """A stripe pattern whose frequency points in the direction of the angle, in radians."""
    window = torch.exp(-((ROWS - 5.5) ** 2 + (COLUMNS - 5.5) ** 2) / 18)
    return window * torch.cos(1.6 * (math.cos(angle) * COLUMNS + math.sin(angle) * ROWS))


@pytest.mark.equation("SAE.7")
def test_activity_counts_images_for_each_unit_and_units_for_each_image():
    h = torch.rand(7, 4, generator=torch.Generator().manual_seed(0))
    h[0, 0] = 0.5  # the threshold itself does not count
    table = [[value > 0.5 for value in row] for row in h.tolist()]
    lifetime = [sum(row[j] for row in table) / 7 for j in range(4)]
    population = [sum(row) / 4 for row in table]
    assert lifetime_activity(h, 0.5).tolist() == pytest.approx(lifetime)
    assert population_activity(h, 0.5).tolist() == pytest.approx(population)


@pytest.mark.equation("SAE.5")
def test_the_participation_ratio_is_that_of_numpy_and_has_no_scale():
    w = noise(5, 30)
    expected = [(v**2).sum() ** 2 / (v**4).sum() for v in w.numpy().astype(float)]
    assert participation_ratio(w).tolist() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(participation_ratio(-7 * w), participation_ratio(w))


@pytest.mark.parametrize("n", [1, 3, 144])
def test_n_equal_weights_count_as_n_pixels(n):
    w = torch.zeros(144)
    w[:n] = torch.tensor([1.0, -1.0]).repeat(72)[:n]
    assert participation_ratio(w).item() == pytest.approx(n)


def test_normal_noise_occupies_a_third_of_many_pixels():
    ratios = participation_ratio(noise(400, 3000))
    error = ratios.std().item() / math.sqrt(400)
    assert abs(ratios.mean().item() - 1000) < 4 * error + 1000 * 10 / 3000  # and a bias of 1/D


def test_a_feature_without_weights_is_refused():
    w = noise(3, 6)
    w[1] = 0
    with pytest.raises(
        ValueError, match="every feature must be finite and have a weight that is not 0"
    ):
        participation_ratio(w)


@pytest.mark.equation("SAE.6")
@pytest.mark.parametrize("shape", [(12, 12), (5, 8)])
def test_the_orientation_selectivity_is_the_sum_over_a_fourier_transform_written_out(shape):
    w = noise(*shape)
    height, width = shape
    total, resultant = 0.0, 0.0
    for ky in range(-height, height):
        for kx in range(-width, width):
            if (ky, kx) == (0, 0):
                continue
            fy, fx = ky / (2 * height), kx / (2 * width)  # cycles per pixel
            phase = fy * np.arange(height)[:, None] + fx * np.arange(width)[None]
            power = abs((w.numpy() * np.exp(-2j * np.pi * phase)).sum()) ** 2
            total += power
            resultant += power * ((fx + 1j * fy) / abs(fx + 1j * fy)) ** 2
    expected = abs(resultant) / total
    assert orientation_selectivity(w).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("angle", [0, 0.4, math.pi / 4, 1.2, math.pi / 2, 2.5])
def test_a_grating_is_selective_in_every_direction(angle):
    assert orientation_selectivity(grating(angle)).item() > 0.85


def test_a_plaid_a_pixel_and_noise_are_not_selective():
    plaid = grating(0.3) + grating(0.3 + math.pi / 2)
    pixel = torch.zeros(12, 12)
    pixel[4, 7] = 1
    for w in (plaid, pixel):
        assert orientation_selectivity(w).item() < 0.1
    assert orientation_selectivity(noise(500, 12, 12)).mean().item() < 0.15


def test_brightness_scale_and_a_quarter_turn_do_not_matter():
    w = noise(3, 12, 12)
    mean_free = w - w.mean((1, 2), keepdim=True)
    expected = orientation_selectivity(mean_free)
    torch.testing.assert_close(orientation_selectivity(-5 * mean_free), expected)
    turned = orientation_selectivity(grating(0.4).rot90())
    torch.testing.assert_close(turned, orientation_selectivity(grating(0.4)), atol=0.02, rtol=0)


# What has no scale, no dtype and no device of its own


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e25])
def test_features_of_any_size_keep_their_measures(scale):
    w = noise(3, 6, 7)
    torch.testing.assert_close(orientation_selectivity(scale * w), orientation_selectivity(w))
    rows = w.flatten(1)
    torch.testing.assert_close(participation_ratio(scale * rows), participation_ratio(rows))


def test_the_orientation_selectivity_has_the_precision_and_the_device_of_the_weights():
    w = noise(2, 6, 7).double()
    fy, fx = np.meshgrid(np.fft.fftfreq(12), np.fft.fftfreq(14), indexing="ij")
    power = np.abs(np.fft.fft2(w.numpy(), s=(12, 14))) ** 2
    power[:, 0, 0] = 0
    resultant = (power * np.exp(2j * np.arctan2(fy, fx))).sum((1, 2))
    expected = np.abs(resultant) / power.sum((1, 2))
    np.testing.assert_allclose(orientation_selectivity(w), expected, rtol=1e-12)
    meta = orientation_selectivity(w.to("meta"))
    assert (meta.is_meta, meta.shape, meta.dtype) == (True, (2,), torch.float64)
    each = torch.func.vmap(orientation_selectivity)(w)
    torch.testing.assert_close(each, orientation_selectivity(w))
    whole = (10 * w).round()
    expected = orientation_selectivity(whole.float())
    torch.testing.assert_close(orientation_selectivity(whole.int()), expected)


@pytest.mark.parametrize("measure", [lifetime_activity, population_activity])
def test_activity_on_the_meta_device_and_of_nothing(measure):
    assert measure(torch.zeros(4, 4, device="meta"), 0.5).shape == (4,)
    for shape in ((0, 3), (3, 0), (3,)):
        with pytest.raises(ValueError, match="h must have shape"):
            measure(torch.zeros(shape), 0.5)
    with pytest.raises(ValueError, match="h must hold numbers, got nan"):
        measure(torch.tensor([[0.0, math.nan]]), 0.5)


@pytest.mark.parametrize("measure", [participation_ratio, orientation_selectivity])
@pytest.mark.parametrize("wrong", [0.0, math.nan, math.inf])
def test_a_feature_that_is_no_picture_is_refused(measure, wrong):
    w = noise(3, 4, 4)
    w[1] = wrong
    with pytest.raises(ValueError, match="every feature must be finite"):
        measure(w)
    with pytest.raises(ValueError, match="w must have . or more axes"):
        measure(w[:0])
    assert measure(w.to("meta")).is_meta


def test_the_features_of_a_linear_decoder_are_the_columns_of_its_weights():
    model = Autoencoder((3, 4, 5), 6, hidden=(), likelihood="gaussian")
    features = unit_features(model.decode_mean, model.encode(torch.rand(2, 3, 4, 5)))
    weight = model.decoder[0].weight.detach()
    torch.testing.assert_close(features, weight.T.view(6, 3, 4, 5))


def test_features_do_not_depend_on_the_bias_of_a_linear_decoder_and_do_on_what_bends_it():
    model = Autoencoder((1, 2, 2), 3, hidden=())
    before = unit_features(model.decode, torch.zeros(1, 3))
    bent = unit_features(model.decode_mean, torch.zeros(1, 3))
    torch.nn.init.constant_(model.decoder[0].bias, 2.0)
    torch.testing.assert_close(unit_features(model.decode, torch.zeros(1, 3)), before)
    assert (unit_features(model.decode_mean, torch.zeros(1, 3)) - bent).abs().max() > 0.01
