"""Ways of codes, against lengths and shortest ways that are known."""

import math

import pytest
import torch

from course_lib.evaluation import geodesic, path_length


def sphere(z):
    """Longitude and latitude → a point of the unit sphere."""
    (u, v) = z.unbind(1)
    return torch.stack([u.cos() * v.cos(), u.sin() * v.cos(), v.sin()], 1)


def straight(a, b, T):
    t = torch.linspace(0, 1, T + 1)[:, None]
    return (1 - t) * torch.tensor(a) + t * torch.tensor(b)


@pytest.mark.equation("APP.7")
def test_the_length_of_a_way_is_that_of_its_picture():
    circle = straight([0.0, 0.5], [math.pi, 0.5], 400)
    assert path_length(sphere, circle).item() == pytest.approx(math.pi * math.cos(0.5), rel=1e-4)
    A = torch.tensor([[1.0, 2.0], [0.0, 3.0], [2.0, 0.0]])
    line = straight([1.0, -1.0], [2.0, 1.0], 7)
    expected = (A @ torch.tensor([1.0, 2.0])).norm().item()
    assert path_length(lambda z: z @ A.T, line).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.equation("APP.8")
def test_on_a_sphere_the_shortest_way_is_a_great_circle():
    a, b = [0.0, 0.8], [2.0, 0.8]
    line = straight(a, b, 24)
    way = geodesic(sphere, line, steps=600)
    ends = sphere(torch.tensor([a, b]))
    arc = torch.acos((ends[0] * ends[1]).sum()).item()
    assert path_length(sphere, line).item() > 1.1 * arc
    assert path_length(sphere, way).item() == pytest.approx(arc, rel=2e-3)
    normal = torch.linalg.cross(ends[0], ends[1])
    assert (sphere(way) @ normal).abs().max() < 0.03  # all in the plane of the great circle
    steps = sphere(way).diff(dim=0).norm(dim=1)
    assert steps.max() / steps.min() < 1.1
    assert torch.equal(way[[0, -1]], line[[0, -1]])


def test_the_energy_is_at_least_the_squared_length():
    bent = torch.cat([straight([0.0, 0.0], [0.2, 0.3], 3), straight([1.0, 0.0], [1.2, 0.8], 5)])
    pictures = sphere(bent)
    energy = (len(bent) - 1) * pictures.diff(dim=0).square().sum()
    assert energy > path_length(sphere, bent).square()


def test_between_flat_pictures_the_straight_way_stays_and_no_step_moves_nothing():
    line = straight([0.0, 1.0], [2.0, 3.0], 5)
    way = geodesic(lambda z: 2 * z, line)
    torch.testing.assert_close(way, line, atol=1e-3, rtol=0)
    bent = line + torch.tensor([0.0, 0.3, 0.1, 0.4, -0.2, 0.0])[:, None]
    assert torch.equal(geodesic(sphere, bent, steps=0), bent)
    assert torch.equal(geodesic(sphere, line[:2], steps=3), line[:2])  # nothing in between


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"path must be \(T \+ 1, d\) with T ≥ 1, got \(1, 2\)"):
        path_length(sphere, torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"path must be .* got \(3,\)"):
        geodesic(sphere, torch.zeros(3))
    with pytest.raises(ValueError, match="steps must be ≥ 0, got -1"):
        geodesic(sphere, torch.zeros(3, 2), steps=-1)
