"""Residual, scalar and rotated quantizers: brute force, autograd, a matrix exponential."""

import itertools
import math

import pytest
import torch
from scipy.linalg import expm

from course_lib.models import (
    FiniteScalarQuantizer,
    ResidualQuantizer,
    RotationQuantizer,
    VectorQuantizer,
)
from course_lib.models.quantizers import rotated


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


Z = torch.randn(40, 3, generator=generator())


def nearest(z, codebook):
    return (z.double()[:, None] - codebook.double()[None]).square().sum(2).argmin(1)


def residual(*Ks, **settings):
    parts = [VectorQuantizer(K, 3, seed=i, **settings) for i, K in enumerate(Ks)]
    for part in parts:
        part.start(Z / (1 + part.codebook.shape[0]), generator())
    return ResidualQuantizer(parts)


@pytest.mark.equation("VQ2.7")
def test_each_codebook_gets_what_those_before_it_left_over():
    quantizer = residual(5, 4, 7)
    quantized = quantizer.lookup(Z)
    rest, total, error = Z.clone(), torch.zeros_like(Z), torch.zeros(len(Z))
    for i, part in enumerate(quantizer.quantizers):
        k = nearest(rest, part.codebook)
        assert (quantized.indices[:, i] == k).all()
        rest, total = rest - part.codebook[k], total + part.codebook[k]
        error += (Z - total).square().sum(1)  # ‖z_e − sg[the sum so far]‖²
    torch.testing.assert_close(quantized.z_q, total)
    torch.testing.assert_close(quantized.commitment_loss, error)
    torch.testing.assert_close(quantizer.codes(quantized.indices), total)


def test_a_residual_quantizer_passes_gradients_straight_and_moves_all_its_codes():
    quantizer = residual(5, 4)
    before = [part.codebook.clone() for part in quantizer.quantizers]
    z = Z.clone().requires_grad_()
    weights = torch.randn(40, 3, generator=generator(1))
    (quantizer(z, generator()).z_q * weights).sum().backward()
    torch.testing.assert_close(z.grad, weights)
    for part, old in zip(quantizer.quantizers, before, strict=True):
        assert (part.codebook != old).any()
    quantizer.eval()
    after = [part.codebook.clone() for part in quantizer.quantizers]
    quantizer(Z)
    assert all((p.codebook == a).all() for p, a in zip(quantizer.quantizers, after, strict=True))


def test_with_one_codebook_it_is_the_plain_quantizer():
    quantizer = residual(6)
    quantized, plain = quantizer.lookup(Z), quantizer.quantizers[0].lookup(Z)
    assert (quantized.indices[:, 0] == plain.indices).all()
    torch.testing.assert_close(quantized.z_q, plain.z_q)
    torch.testing.assert_close(quantized.commitment_loss, plain.commitment_loss)


@pytest.mark.equation("VQ2.8")
@pytest.mark.parametrize("levels", [(2, 3, 5), (4, 4, 4), (8, 2, 3)])
def test_each_number_is_rounded_to_the_nearest_of_its_places(levels):
    quantizer = FiniteScalarQuantizer(levels)
    axes = [torch.linspace(-1, 1, L, dtype=torch.float64) for L in levels]
    grid = torch.tensor(list(itertools.product(*[a.tolist() for a in axes])))  # (K, 3)
    assert quantizer.K == len(grid) == math.prod(levels)
    quantized = quantizer.lookup(Z)
    torch.testing.assert_close(quantized.z_q.double(), grid[nearest(Z.tanh(), grid)].double(),
                               rtol=0, atol=1e-6)  # fmt: skip
    every = quantizer.codes(torch.arange(quantizer.K))
    assert len(torch.unique(every, dim=0)) == quantizer.K  # an index for each
    torch.testing.assert_close(quantizer.codes(quantized.indices), quantized.z_q)
    assert not quantized.codebook_loss.any() and not quantized.commitment_loss.any()


def test_the_scalar_quantizer_has_the_gradient_of_its_tanh_and_nothing_to_learn():
    quantizer, z = FiniteScalarQuantizer([5, 4, 3]), Z.clone().requires_grad_()
    weights = torch.randn(40, 3, generator=generator(1))
    (quantizer(z).z_q * weights).sum().backward()
    torch.testing.assert_close(z.grad, weights * (1 - Z.tanh().square()))
    assert not list(quantizer.parameters()) and not quantizer.state_dict()


def turning(a, b):
    """The rotation in the plane of two directions that takes one to the other, as e^(angle · G)."""
    a, b = (v.double() / v.double().norm() for v in (a, b))
    across = b - (a @ b) * a
    across = across / across.norm()
    G = torch.outer(across, a) - torch.outer(a, across)
    return torch.from_numpy(expm((torch.acos(a @ b) * G).numpy()))


@pytest.mark.equation("VQ2.9")
def test_the_gradient_is_that_of_a_rotation_and_the_value_that_of_the_code():
    e = torch.randn(40, 3, generator=generator(2))
    torch.testing.assert_close(rotated(Z, e), e, rtol=1e-4, atol=1e-5)
    for z, code in zip(Z[:10], e[:10], strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda v, c=code: rotated(v[None], c[None])[0], z
        )
        expected = code.norm() / z.norm() * turning(z, code)
        torch.testing.assert_close(jacobian.double(), expected, rtol=1e-3, atol=1e-4)


def test_only_the_gradient_is_another_than_that_of_the_plain_quantizer():
    plain, turned = VectorQuantizer(6, 3, seed=1), RotationQuantizer(6, 3, seed=1)
    for quantizer in (plain, turned):
        quantizer(Z, generator())
    torch.testing.assert_close(plain.codebook, turned.codebook)
    ours, theirs = turned.lookup(Z), plain.lookup(Z)
    torch.testing.assert_close(ours.z_q, theirs.z_q, rtol=1e-4, atol=1e-5)
    assert (ours.indices == theirs.indices).all()
    z = Z.clone().requires_grad_()
    turned.lookup(z).z_q[:, 0].sum().backward()
    assert (z.grad[:, 1:].abs() > 1e-3).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FiniteScalarQuantizer([]), "levels must be numbers of at least 2"),
        (lambda: FiniteScalarQuantizer([3, 1]), "levels must be numbers of at least 2"),
        (lambda: ResidualQuantizer([]), "quantizers must be for vectors of one length"),
        (
            lambda: ResidualQuantizer([VectorQuantizer(4, 2), VectorQuantizer(4, 3)]),
            "of one length",
        ),
        (lambda: FiniteScalarQuantizer([3, 3]).codes(torch.tensor([9])), "from 0 to 8, got 9"),
        (lambda: residual(4, 4).codes(torch.tensor([[1, 4]])), "from 0 to 3, got 4"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
