"""VQVAE2 against its networks called by hand, brute force and a step of its own."""

import itertools
import math
from copy import deepcopy

import pytest
import torch
from torch import nn

from course_lib.likelihoods import Bernoulli, Gaussian
from course_lib.models import (
    VQVAE,
    VQVAE2,
    FiniteScalarQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
)
from course_lib.training import fit

IMAGES = torch.rand(12, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def model_of(*Ks, update="ema", shape=(1, 16, 16), channels=(6,), **settings):
    """A model whose codebooks have started on the images."""
    quantizers = [VectorQuantizer(K, 3, update, seed=i) for i, K in enumerate(Ks)]
    model = VQVAE2.convolutional(shape, quantizers, channels, **settings)
    images = IMAGES.expand(-1, shape[0], -1, -1)
    model.loss(images, generator())
    return model


class Copied(torch.autograd.Function):
    """The nearest code on the way forward, found by brute force; the gradient as it comes."""

    @staticmethod
    def forward(ctx, z, codebook):
        distance = (z.double()[:, None] - codebook.double()[None]).square().sum(2)
        return codebook[distance.argmin(1)]

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def by_hand(model, x):
    """Two levels, written out: the output, and z_e and codes of both, (M, D_e)."""
    (top, bottom), (to_top, to_bottom) = model.encoders, model.to_codes
    first, second = model.quantizers
    h_bottom = bottom(x)
    h_top = top(h_bottom)
    z_top = to_top(h_top)
    e_top = Copied.apply(z_top.flatten(0, 2), first.codebook)
    u = model.decoders[0](e_top.view_as(z_top).permute(0, 3, 1, 2))
    z_bottom = to_bottom(torch.cat([h_bottom, u], 1))
    e_bottom = Copied.apply(z_bottom.flatten(0, 2), second.codebook)
    below = torch.cat([u, e_bottom.view_as(z_bottom).permute(0, 3, 1, 2)], 1)
    pairs = [(z_top.flatten(0, 2), e_top), (z_bottom.flatten(0, 2), e_bottom)]
    return model.decoders[1](below), pairs


@pytest.mark.equation("VQ2.1")
def test_the_top_is_made_of_the_bottoms_features_and_the_bottom_is_told_of_the_top():
    model = model_of(7, 5).eval()
    with torch.no_grad():
        output, pairs = by_hand(model, IMAGES)
        rebuilt, tokens = model(IMAGES), model.tokens(IMAGES)
    torch.testing.assert_close(rebuilt, output.sigmoid())
    assert [k.shape for k in tokens] == [(12, 4, 4), (12, 8, 8)]
    for k, (_, e), quantizer in zip(tokens, pairs, model.quantizers, strict=True):
        torch.testing.assert_close(quantizer.codebook[k].flatten(0, 2), e)
    torch.testing.assert_close(model.decode_tokens(tokens), rebuilt)


@pytest.mark.equation("VQ2.2")
@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_the_loss_and_its_gradients_are_those_of_the_networks_called_by_hand(update):
    model = model_of(7, 5, update=update, commitment=0.4).eval()  # so that no code moves
    loss = model.loss(IMAGES)
    loss.total.backward()
    other = deepcopy(model)
    other.zero_grad()
    output, pairs = by_hand(other, IMAGES)
    expected = nn.functional.binary_cross_entropy_with_logits(output, IMAGES, reduction="sum")
    for (z, e), quantizer in zip(pairs, other.quantizers, strict=True):
        expected = expected + 0.4 * (z - e.detach()).square().sum()
        if update == "gradient":
            index = torch.cdist(z.detach(), quantizer.codebook.detach()).argmin(1)
            expected = expected + (z.detach() - quantizer.codebook[index]).square().sum()
    (expected / 12).backward()
    torch.testing.assert_close(loss.total, expected / 12)
    for (name, p), q in zip(model.named_parameters(), other.parameters(), strict=True):
        if q.requires_grad:
            assert q.grad.abs().sum() > 0, name
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-3, atol=1e-5)


def test_with_one_level_it_is_the_vq_vae():
    model = model_of(6, likelihood=Bernoulli()).eval()
    plain = VQVAE(
        nn.Sequential(model.encoders[0], model.to_codes[0]),
        nn.Sequential(Channels(), model.decoders[0]),
        model.quantizers[0],
    )
    loss, expected = model.loss(IMAGES), plain.loss(IMAGES)
    torch.testing.assert_close(loss.total, expected.total)
    assert (model.tokens(IMAGES)[0] == plain.tokens(IMAGES)).all()


class Channels(nn.Module):
    def forward(self, x):
        return x.permute(0, 3, 1, 2)


def test_three_levels_need_no_other_class():
    model = model_of(9, 7, 5, shape=(3, 16, 16))
    tokens = model.tokens(IMAGES.expand(-1, 3, -1, -1))
    assert [k.shape for k in tokens] == [(12, 2, 2), (12, 4, 4), (12, 8, 8)]
    assert model.decode_tokens(tokens).shape == (12, 3, 16, 16)
    assert set(model.loss(IMAGES.expand(-1, 3, -1, -1)).terms) == {
        "reconstruction", "commitment 0", "commitment 1", "commitment 2",
    }  # fmt: skip


@pytest.mark.equation("VQ2.3")
def test_bits_count_the_grids_that_can_be_written():
    grids = set(
        itertools.product(
            itertools.product(range(5), repeat=2), itertools.product(range(3), repeat=4)
        )
    )
    assert math.log2(len(grids)) == pytest.approx(2 * math.log2(5) + 4 * math.log2(3))


def test_a_token_of_the_top_reaches_far_and_one_of_the_bottom_stays():
    model = model_of(7, 5).eval()
    tokens = model.tokens(IMAGES[:1])
    before, reach = model.decode_tokens(tokens), []
    for level in (0, 1):
        changed = [k.clone() for k in tokens]
        changed[level][0, 1, 1] = (changed[level][0, 1, 1] + 1) % 5
        reach.append(((model.decode_tokens(changed) - before).abs() > 1e-7).sum())
    assert reach[0] > 2 * reach[1] > 0


def test_every_level_has_averages_and_revival_of_its_own():
    model = model_of(8, 4, likelihood=Gaussian())
    counts = [q.count.clone() for q in model.quantizers]
    idle = model.quantizers[0]
    idle.move(torch.tensor([3]), torch.full((3,), 50.0))
    idle.count[3] = 1e-6
    model.loss(IMAGES, generator())
    assert idle.codebook[3].abs().max() < 50  # revived
    assert all((q.count != c).any() for q, c in zip(model.quantizers, counts, strict=True))


def test_training_lowers_the_loss_and_seeds_decide_everything():
    first, second = (model_of(8, 4, likelihood=Gaussian()) for _ in range(2))
    histories = [fit(m, IMAGES, epochs=30, batch_size=6, lr=3e-3, seed=1) for m in (first, second)]
    total = histories[0].terms["total"]
    assert total[-1] < total[0] - 50
    assert total == histories[1].terms["total"]


def test_other_quantizers_take_their_place_on_any_level():
    quantizers = [ResidualQuantizer([VectorQuantizer(4, 3), VectorQuantizer(4, 3)]),
                  FiniteScalarQuantizer([3, 3, 3])]  # fmt: skip
    model = VQVAE2.convolutional((1, 16, 16), quantizers, (6,))
    model.loss(IMAGES, generator()).total.backward()
    model.eval()
    tokens = model.tokens(IMAGES)
    assert [k.shape for k in tokens] == [(12, 4, 4, 2), (12, 8, 8)]
    torch.testing.assert_close(model.decode_tokens(tokens), model(IMAGES))


def test_what_does_not_fit_is_refused():
    model = model_of(7, 5)
    with pytest.raises(ValueError, match="tokens must have 2 levels, got 1"):
        model.decode_tokens(model.tokens(IMAGES)[:1])
    with pytest.raises(ValueError, match="tokens must be from 0 to 6"):
        model.decode_tokens([torch.full((1, 4, 4), 7), torch.zeros(1, 8, 8, dtype=torch.long)])
    with pytest.raises(ValueError, match="every list must have one part a level"):
        VQVAE2(model.encoders, model.to_codes, list(model.quantizers)[:1], model.decoders)
    with pytest.raises(ValueError, match="commitment"):
        model_of(7, 5, commitment=-1)
    with pytest.raises(ValueError, match="multiples of 2"):
        VQVAE2.convolutional((1, 6, 6), [VectorQuantizer(4, 3), VectorQuantizer(4, 3)], (4,))
