"""The ellipse that the neighbourhood of an image maps to: numbers, outlines, picture."""

import io

import numpy as np
import pytest
import torch
from ipywidgets import SelectionSlider
from PIL import Image

from course_lib.models import ContractiveAutoencoder
from course_lib.widgets import ContractionEllipse

BALL, ALONG = (0x3F, 0x90, 0xDA), (0xE7, 0x63, 0x00)
PLANE, BARS = np.s_[26:267, 262:503], np.s_[26:186, 551:690]


def surface(uv):
    """(B, 2) → (B, 1, 3, 4): smooth in u and v, in [0, 1]."""
    k = torch.arange(12, dtype=uv.dtype)
    waves = torch.sin(uv[:, :1] * (1 + k)) + torch.cos(uv[:, 1:] * (2 + k / 3))
    return ((waves + 2) / 4).unflatten(1, (1, 3, 4))


def model_of(scale):
    model = ContractiveAutoencoder((1, 3, 4), 2, (6,))
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(scale)
    return model


MODELS = {0: model_of(3.0), 0.1: model_of(2.0), 10: model_of(0.5)}


def widget_at(weight=0, u=0.3, v=0.7, **options):
    widget = ContractionEllipse(MODELS, surface, **options)
    widget.weight.value, widget.u.value, widget.v.value = weight, u, v
    return widget


def page(widget):
    return np.asarray(Image.open(io.BytesIO(widget.image.value)).convert("RGB")).astype(int)


def where(pixels, rgb):
    return np.nonzero(np.abs(pixels - rgb).sum(2) < 10)


def differences(function, x, step=1e-5):
    """Derivatives by central differences in float64: (outputs, inputs)."""
    x = torch.as_tensor(x, dtype=torch.float64).flatten()
    return np.stack([
        (function(x + step * e) - function(x - step * e)).detach().numpy() / (2 * step)
        for e in torch.eye(len(x), dtype=torch.float64)
    ], 1)  # fmt: skip


def maps(weight, u, v):
    """J = ∂h/∂x, the tangent vectors ∂x/∂(u, v), and the code, without the library's routes."""
    uv = torch.tensor([u, v], dtype=torch.float64)
    x = surface(uv[None])
    model = model_of({0: 3.0, 0.1: 2.0, 10: 0.5}[weight]).double()
    J = differences(lambda x: model.encode(x.view(1, 1, 3, 4))[0], x)
    T = differences(lambda uv: surface(uv[None]).flatten(), uv)
    return J, T, model.encode(x)[0].detach().numpy()


def test_no_bar_is_higher_than_its_axis():
    highest = max(
        widget_at(0, u, v).neighbourhood().singular_values[0].item()
        for u in (0, 0.5, 1)
        for v in (0, 0.5, 1)
    )
    assert highest <= widget_at()._bars.y_range[1] <= 2 * highest


@pytest.mark.parametrize("weight", MODELS)
def test_the_numbers_are_those_of_finite_differences(weight):
    here = widget_at(weight).neighbourhood()
    J, T, code = maps(weight, 0.3, 0.7)
    np.testing.assert_allclose(here.code, code, rtol=1e-4)
    np.testing.assert_allclose(here.singular_values, np.linalg.svd(J)[1], rtol=1e-3)
    along = J @ T @ np.linalg.pinv(T)
    assert here.tangent_share == pytest.approx((along**2).sum() / (J**2).sum(), rel=1e-3)


def test_the_ellipses_enclose_the_codes_of_neighbours_and_touch_them():
    r = 0.05
    here = widget_at(0, radius=r).neighbourhood()
    J, T, code = maps(0, 0.3, 0.7)
    generator = np.random.default_rng(0)
    ball = generator.normal(size=(20_000, 12))
    ball *= r / np.linalg.norm(ball, axis=1, keepdims=True)
    disc = generator.normal(size=(20_000, 2)) @ T.T
    disc *= r / np.linalg.norm(disc, axis=1, keepdims=True)
    for outline, steps, close in ((here.ball, ball, 0.8), (here.disc, disc, 0.999)):
        offset = outline.numpy() - code[:, None]
        for angle in np.linspace(0, np.pi, 7):
            direction = np.array([np.cos(angle), np.sin(angle)])
            reach, farthest = (direction @ offset).max(), (steps @ J.T @ direction).max()
            assert farthest < 1.002 * reach
            assert farthest > close * reach


@pytest.mark.parametrize("r", [0.05, 0.2])
def test_the_axes_of_the_ball_are_radius_times_singular_values(r):
    here = widget_at(0.1, radius=r).neighbourhood()
    lengths = np.linalg.norm(here.ball.numpy() - here.code.numpy()[:, None], axis=0)
    values = r * here.singular_values.numpy()
    assert [lengths.max(), lengths.min()] == pytest.approx(values, rel=0.01)


def test_the_outlines_are_drawn_around_the_code():
    widget = widget_at(0)
    here = widget.neighbourhood()
    for outline, colour in ((here.ball, BALL), (here.disc, ALONG)):
        rows, columns = where(page(widget)[PLANE], colour)
        assert len(rows) > 20
        for pixels, points, flip in ((columns, outline[0], False), (rows, outline[1], True)):
            low, high = (240 * points.min().item(), 240 * points.max().item())
            low, high = (240 - high, 240 - low) if flip else (low, high)
            assert pixels.min() == pytest.approx(max(low, 0), abs=3)
            assert pixels.max() == pytest.approx(min(high, 240), abs=3)


def test_the_bars_are_as_high_as_the_singular_values():
    widget = widget_at(0)
    values, top = widget.neighbourhood().singular_values.tolist(), widget._bars.y_range[1]
    bars = page(widget)[BARS]
    for value, half in zip(values, (bars[:, :70], bars[:, 70:]), strict=True):
        rows, _ = where(half, BALL)
        assert 160 - rows.min() == pytest.approx(160 * min(value / top, 1), abs=2)


def test_the_image_is_the_one_at_u_and_v():
    widget = widget_at(0, u=0.9, v=0.2)
    shown = page(widget)[26 : 26 + 144, :192, 0].reshape(3, 48, 4, 48).mean((1, 3)) / 255
    expected = surface(torch.tensor([[0.9, 0.2]]))[0, 0]
    np.testing.assert_allclose(shown, expected, atol=0.01)


@pytest.mark.parametrize(("control", "value"), [("weight", 10), ("u", 0.31), ("v", 0.8)])
def test_each_slider_moves_the_picture(control, value):
    widget = widget_at(0)
    before = widget.image.value
    getattr(widget, control).value = value
    assert widget.image.value != before


@pytest.mark.parametrize(("weight", "white"), [(0, 0.5), (10, 0.97)])
def test_the_grid_joins_the_codes_of_neighbours_in_u_and_in_v(weight, white):
    models = {0: model_of(12.0), 10: model_of(0.5)}
    widget = ContractionEllipse(models, surface, radius=1e-3)
    widget.weight.value = weight
    shown, ticks = page(widget), torch.linspace(0, 1, 9)
    codes = models[weight].encode(surface(torch.cartesian_prod(ticks, ticks))).detach()
    lattice = codes.unflatten(0, (9, 9))
    middles = [(lattice[1:] + lattice[:-1]) / 2, (lattice[:, 1:] + lattice[:, :-1]) / 2]
    for h1, h2 in torch.cat([codes, *(points.flatten(0, 1) for points in middles)]).tolist():
        column, row = round(262 + 240 * h1), round(266 - 240 * h2)
        assert shown[row - 1 : row + 2, column - 1 : column + 2].min() < 0xC0
    assert (shown[27:266, 263:502].min(2) > 0xF0).mean() > white  # and elsewhere there is nothing


def test_controls_have_labels_and_readouts_and_stand_in_the_snapshot():
    widget = widget_at()
    for control in widget.controls:
        assert control.description
        assert control.readout != isinstance(control, SelectionSlider)  # whose label stands beside
    assert widget.snapshot().height == widget.picture().height + 3 * 26
    assert widget.alt.startswith("Left the image at (u, v)")
    before = np.asarray(widget.snapshot())[:26]
    widget.weight.value = 10
    assert (np.asarray(widget.snapshot())[:26] != before).any()


@pytest.mark.parametrize("u", [0.0, 1.0])
@pytest.mark.parametrize("v", [0.0, 1.0])
def test_the_corners_of_the_sliders_can_be_drawn(u, v):
    widget = widget_at(0, u, v)
    assert widget.error.value == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, surface), "models must hold at least one model, got none"),
        ((MODELS, surface, 0.0), "radius must be positive, got 0.0"),
        (
            (MODELS, lambda uv: uv),
            r"images of surface must have shape .* C = 1 or 3, with N ≥ 81, got \(81, 2\)",
        ),
        (
            ({0.5: ContractiveAutoencoder((1, 3, 4), 3)}, surface),
            r"the code of models\[0.5\] must have shape \(B, 2\), got \(81, 3\)",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContractionEllipse(*arguments)


def test_an_error_while_drawing_is_shown_and_raised():
    widget = widget_at()
    widget._surface = None
    with pytest.raises(TypeError):
        widget.u.value = 0.5
    assert "TypeError" in widget.error.value
