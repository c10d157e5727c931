"""The encoder that runs ahead: which weights move when, and the information it watches."""

import math

import pytest
import torch
from torch.distributions import Normal
from torch.nn.utils import parameters_to_vector

from course_lib.models import VAE
from course_lib.training import AggressiveVAE, fit
from course_lib.training.aggressive import batch_information

IMAGES = (torch.rand(60, 1, 2, 3, generator=torch.Generator().manual_seed(5)) > 0.5).float()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def vae():
    return VAE.dense((1, 2, 3), 2, hidden=(8,))


def test_without_a_lead_it_is_the_usual_training():
    usual, wrapped = vae(), vae()
    histories = [
        fit(model, IMAGES, epochs=3, batch_size=20) for model in (usual, AggressiveVAE(wrapped, 1))
    ]
    assert histories[0] == histories[1]
    torch.testing.assert_close(*(parameters_to_vector(m.parameters()) for m in (usual, wrapped)))


def moves(model, steps, **settings):
    """Whether encoder and decoder moved, at each of so many steps: pairs."""
    seen, vae = [], model.vae
    before = [parameters_to_vector(part.parameters()) for part in (vae.encoder, vae.decoder)]

    def look(progress):
        now = [parameters_to_vector(part.parameters()) for part in (vae.encoder, vae.decoder)]
        seen.append(tuple(not torch.equal(*pair) for pair in zip(before, now, strict=True)))
        before[:] = now
        return progress.step >= steps

    fit(model, IMAGES, epochs=None, batch_size=20, callback=look, **settings)
    return seen


def test_the_decoder_moves_at_every_third_batch():
    assert moves(AggressiveVAE(vae(), 3, window=100), 7) == [
        (True, step % 3 == 0) for step in range(1, 8)
    ]


def test_it_ends_when_the_information_falls_and_then_all_move():
    model = AggressiveVAE(vae(), 4, window=2)
    seen = moves(model, 60, lr=1e-5)  # so slow that the information only fluctuates
    assert model.means[-1] < model.means[-2]
    rising = model.means[:-1]
    assert rising == sorted(rising)
    assert model.ended == 2 * len(model.means) < 50
    for step, (encoder, decoder) in enumerate(seen, start=1):
        assert encoder
        assert decoder == (step > model.ended or step % 4 == 0), step


@pytest.mark.equation("COL.9")
def test_the_information_of_a_batch_is_that_of_its_mixture():
    mu, logvar = (torch.randn(9, 3, generator=generator(i)).double() for i in (1, 2))
    z = mu + (logvar / 2).exp() * torch.randn(9, 3, generator=generator(3)).double()
    q = Normal(mu, (logvar / 2).exp())
    expected = 0.0
    for i in range(9):
        densities = q.log_prob(z[i]).sum(1).exp()  # of z_i under every image
        expected += math.log(densities[i] / densities.mean()) / 9
    assert batch_information(z, mu, logvar).item() == pytest.approx(expected)


@pytest.mark.parametrize(("apart", "expected"), [(0.0, 0.0), (100.0, math.log(50))])
def test_a_silent_code_tells_nothing_and_one_that_names_the_image_log_b(apart, expected):
    mu = apart * torch.arange(50.0)[:, None]
    z = mu + torch.randn(50, 1, generator=generator())
    assert batch_information(z, mu, torch.zeros(50, 1)).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("k", "window"), [(0, 5), (2, 0)])
def test_bad_numbers_are_refused(k, window):
    with pytest.raises(ValueError, match=f"must be at least 1, got {k} and {window}"):
        AggressiveVAE(vae(), k, window)
