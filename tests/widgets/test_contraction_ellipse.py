"""The ellipse of a neighbourhood: the Jacobian's, at every place of the surface."""

import math

import pytest
import torch
from torch import nn

from course_lib.models import Autoencoder, ContractiveAutoencoder
from course_lib.models.contractive_autoencoder import jacobian, tangent_share
from course_lib.widgets import ContractionEllipse


def blobs(places):
    grid = torch.linspace(0, 1, 8)
    x, y = ((-20 * (grid - places[:, j : j + 1]) ** 2).exp() for j in (0, 1))
    return (y[:, :, None] * x[:, None, :])[:, None]


MODELS = {w: ContractiveAutoencoder((1, 8, 8), 2, (16,), seed=i) for i, w in enumerate((0.0, 0.1))}


@pytest.mark.parametrize(("u", "v"), [(0.5, 0.5), (0.0, 1.0), (0.15, 0.4)])
def test_what_is_sent_is_what_the_jacobian_says(u, v):
    widget = ContractionEllipse(MODELS, blobs)
    table = torch.frombuffer(bytearray(widget.table["bytes"]), dtype=torch.float32)
    entry = table.view(2, 441, 11)[1, round(20 * u) * 21 + round(20 * v)]
    place = torch.tensor([[u, v]])
    image = blobs(place)
    model = MODELS[0.1]
    J = jacobian(model.encode, image).detach()
    tangents = jacobian(lambda uv: blobs(uv).flatten(1), place)
    assert entry[:2].allclose(model.encode(image)[0].detach(), atol=1e-5)
    ball = entry[2:6].view(2, 2)
    assert (ball @ ball.T).allclose(J[0] @ J[0].T, atol=1e-4)
    along = J[0] @ torch.linalg.qr(tangents[0]).Q
    disc = entry[6:10].view(2, 2)
    assert (disc @ disc.T).allclose(along @ along.T, atol=1e-4)
    assert entry[10].item() == pytest.approx(tangent_share(J, tangents).item(), abs=1e-4)


def test_the_outline_is_the_image_of_a_circle(javascript):
    L = torch.tensor([[2.0, 1.0], [0.0, 3.0]], dtype=torch.float64)
    x, y = javascript("contraction_ellipse.js", "outline([1, -1], L, 0.5)", L=L.flatten().tolist())
    t = torch.linspace(0, 2 * math.pi, 73, dtype=torch.float64)
    expected = 0.5 * L @ torch.stack([t.cos(), t.sin()]) + torch.tensor([[1.0], [-1.0]])
    assert torch.tensor([x, y], dtype=torch.float64).allclose(expected)


def test_the_page_announces_the_jacobian_and_the_sliders_move_it(shown, pixels):
    widget = ContractionEllipse(MODELS, blobs)
    assert widget.weight == 0.1
    page = shown(widget)
    said = page.get_by_role("status")
    for key, weight in ((None, 0.1), ("Home", 0.0)):
        if key:
            page.get_by_role("slider", name="λ").press(key)
        J = jacobian(MODELS[weight].encode, blobs(torch.tensor([[0.5, 0.5]]))).detach()
        said.filter(has_text=f"λ = {weight:g}: ‖J‖² = {J.square().sum():.3f}, ").wait_for()
    assert (
        pixels(page, "the image at (u, v)")[0] - 255 * blobs(torch.tensor([[0.5, 0.5]]))[0, 0]
    ).abs().max() < 1
    for _ in range(4):
        page.get_by_role("slider", name="u").press("ArrowRight")
    page.wait_for_timeout(50)  # a frame
    image = blobs(torch.tensor([[0.7, 0.5]]))[0, 0]
    assert (pixels(page, "the image at (u, v)")[0] - 255 * image).abs().max() < 1


def test_a_press_on_the_plane_goes_to_the_place_whose_code_is_nearest(shown, value):
    page = shown(ContractionEllipse(MODELS, blobs))
    box = page.get_by_role("img", name="the plane of codes").bounding_box()
    with torch.no_grad():
        h = MODELS[0.1].encode(blobs(torch.tensor([[0.2, 0.9]])))[0].tolist()
    page.mouse.click(
        box["x"] + 44 + h[0] * (box["width"] - 56),
        box["y"] + 10 + (1 - h[1]) * (box["height"] - 48),
    )
    u, v = value(page, "u"), value(page, "v")
    with torch.no_grad():
        reached = MODELS[0.1].encode(blobs(torch.tensor([[u, v]])))[0].tolist()
    assert math.dist(reached, h) < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, "models must hold at least one model"),
        ({"radius": 0}, "radius must be positive"),
        ({"models": {0.0: Autoencoder((1, 8, 8), 3)}}, r"must have shape \(B, 2\)"),
        ({"models": {0.0: Autoencoder((1, 8, 8), 2)}}, r"must lie in \[0, 1\]"),
        ({"models": {0.0: nn.Flatten()}}, "model must have encode"),
        ({"surface": lambda uv: blobs(uv)[:, 0]}, "the images of surface must have shape"),
        ({"weight": 3.0}, r"weight must be one of \[0.0, 0.1\], got 3"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContractionEllipse(**{"models": MODELS, "surface": blobs} | arguments)
