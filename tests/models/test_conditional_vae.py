"""The conditional VAE against its networks with the condition written beside their inputs."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_lib.likelihoods import Gaussian
from course_lib.models import VAE, ConditionalVAE
from course_lib.priors import StandardNormal

SHAPE = (1, 4, 3)
IMAGES = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0)).round()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


CONDITIONS = {
    "one for all": torch.tensor([0.3, -2.0]),
    "one of each image": torch.randn(6, 2, generator=generator(1)),
}


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_both_networks_see_the_condition_beside_their_inputs(condition):
    model = ConditionalVAE.dense(SHAPE, 3, 2, hidden=(7,))
    vae = model.at(condition)
    rows = condition.expand(6, 2)
    mu, logvar = model.encoder(torch.cat([IMAGES.flatten(1), rows], 1)).chunk(2, 1)
    for ours, expected in zip(vae.encode(IMAGES), (mu, logvar), strict=True):
        torch.testing.assert_close(ours, expected)
    z = torch.randn(6, 3, generator=generator(2))
    output = model.decoder(torch.cat([z, rows], 1))
    assert output.shape == IMAGES.shape
    torch.testing.assert_close(vae.decode(z), output)
    draw = vae.draw(IMAGES, generator(3))
    nll = -Bernoulli(logits=vae.decode(draw.z)).log_prob(IMAGES).sum((1, 2, 3))
    torch.testing.assert_close(draw.nll, nll)
    torch.testing.assert_close(
        draw.kl, kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0))
    )


def test_each_image_has_the_condition_of_its_row_and_no_other():
    model, condition = ConditionalVAE.dense(SHAPE, 3, 2), CONDITIONS["one of each image"]
    together = model.at(condition)(IMAGES)
    for i in range(6):
        torch.testing.assert_close(model.at(condition[i])(IMAGES[i : i + 1])[0], together[i])
    assert not torch.allclose(model.at(condition.roll(1, 0))(IMAGES), together)


def test_a_vae_at_a_condition_has_the_weights_and_parts_of_the_model():
    likelihood, prior = Gaussian(), StandardNormal(3)
    model = ConditionalVAE.dense(SHAPE, 3, 2, likelihood=likelihood, prior=prior)
    vae = model.at(CONDITIONS["one for all"])
    assert type(vae) is VAE
    assert vae.likelihood is likelihood is model.likelihood
    assert vae.prior is prior is model.prior
    assert vae.latent_dim == model.latent_dim == 3
    ours, theirs = ({id(p) for p in m.parameters()} for m in (model, vae))
    assert ours == theirs
    vae.loss(IMAGES, generator()).total.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_without_a_condition_it_is_the_vae():
    model, vae = ConditionalVAE.dense(SHAPE, 3, 0, seed=4), VAE.dense(SHAPE, 3, seed=4)
    at = model.at(torch.empty(0))
    torch.testing.assert_close(
        at.loss(IMAGES, generator()).total, vae.loss(IMAGES, generator()).total
    )


def test_it_is_put_together_from_any_parts():
    encoder = nn.Sequential(nn.Linear(12 + 1, 4))
    decoder = nn.Sequential(nn.Linear(2 + 1, 12), nn.Unflatten(1, SHAPE))
    model = ConditionalVAE(encoder, decoder, Gaussian(0.5), StandardNormal(2))
    samples = model.at(torch.tensor([0.7])).sample(5, generator())
    z = torch.randn(5, 2, generator=generator())
    expected = decoder(torch.cat([z, torch.full((5, 1), 0.7)], 1))
    torch.testing.assert_close(samples, expected)


def test_a_condition_has_the_dtype_and_the_length_of_the_data():
    model = ConditionalVAE.dense(SHAPE, 3, 2).double()
    assert model.at(torch.tensor([0, 1]))(IMAGES.double()).dtype == torch.float64
    with pytest.raises(RuntimeError, match="size"):
        model.at(torch.zeros(5, 2))(IMAGES.double())
    with pytest.raises(ValueError, match="latent_dim must be at least 1, got 0"):
        ConditionalVAE.dense(SHAPE, 0, 2)
