"""The conditional VAE against its networks with the condition written beside their inputs."""

import math

import pytest
import torch
from scipy import stats
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_lib.likelihoods import Gaussian
from course_lib.models import VAE, ConditionalNormal, ConditionalVAE, OneHot
from course_lib.objectives import Beta
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


# Classes, embeddings, planes


def test_a_class_is_one_hot_and_probabilities_stay_as_they_are():
    labels = torch.tensor([2, 0, 1])
    assert OneHot(3)(labels).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert OneHot(3)(torch.tensor(1)).tolist() == [0, 1, 0]
    soft = torch.tensor([[0.2, 0.8], [1.0, 0.0]])
    assert OneHot(2)(soft) is soft


@pytest.mark.parametrize(("labels", "named"), [([0, -1], -1), ([3, 1], 3)])
def test_a_number_that_is_no_class_is_refused(labels, named):
    with pytest.raises(ValueError, match=f"labels must be from 0 to 2, got {named}"):
        OneHot(3)(torch.tensor(labels))
    with pytest.raises(ValueError, match="classes must be at least 1, got 0"):
        OneHot(0)


def test_a_linear_layer_on_one_hot_classes_is_a_table_of_embeddings():
    table = torch.randn(4, 2, generator=generator())
    linear = nn.Linear(4, 2, bias=False)
    linear.weight.data = table.T.contiguous()
    labels = torch.tensor([3, 1, 1, 0, 2, 3])
    ours = ConditionalVAE.dense(SHAPE, 3, 2, embedding=nn.Sequential(OneHot(4), linear))
    plain = ConditionalVAE.dense(SHAPE, 3, 2)
    batch = {"images": IMAGES, "labels": labels}
    expected = plain.at(nn.functional.embedding(labels, table)).loss(IMAGES, generator()).total
    torch.testing.assert_close(ours.loss(batch, generator()).total, expected)
    assert ours.double().at(labels)(IMAGES.double()).dtype == torch.float64
    ours.float().loss(batch, generator()).total.backward()
    assert (linear.weight.grad.abs().sum(0) > 0).all()  # every class occurs


def test_a_convolutional_encoder_sees_a_plane_for_each_number_of_the_condition():
    model = ConditionalVAE.convolutional((2, 8, 4), 3, 5, channels=(4,), embedding=OneHot(5))
    x = torch.rand(6, 2, 8, 4, generator=generator())
    labels = torch.tensor([0, 4, 2, 2, 1, 3])
    planes = torch.zeros(6, 5, 8, 4)
    for image, label in zip(planes, labels, strict=True):
        image[label] = 1
    parameters = model.encoder(torch.cat([x, planes], 1))
    vae = model.at(labels)
    torch.testing.assert_close(torch.cat([*vae.encode(x)], 1), parameters)
    z = torch.randn(6, 3, generator=generator())
    beside = torch.cat([z, torch.eye(5)[labels]], 1)
    torch.testing.assert_close(vae.decode(z), model.decoder(beside))
    assert vae(x).shape == x.shape
    for i in range(6):
        torch.testing.assert_close(model.at(labels[i])(x[i : i + 1])[0], vae(x)[i])


def test_draw_and_loss_take_images_and_labels_together():
    model = ConditionalVAE.dense(SHAPE, 3, 4, embedding=OneHot(4))
    batch = {"images": IMAGES, "labels": torch.tensor([0, 1, 2, 3, 0, 1])}
    draw, loss = model.draw(batch, generator()), model.loss(batch, generator())
    torch.testing.assert_close(draw.nll.mean(), loss.terms["reconstruction"])
    torch.testing.assert_close(draw.kl.sum(1).mean(), loss.terms["kl"])
    weighted = Beta(3.0)(model, batch, generator()).total
    torch.testing.assert_close(weighted, draw.nll.mean() + 3 * draw.kl.sum(1).mean())


# The bounds, where the evidence is known


A, SIGMA, B_OF_Y, M_OF_Y, S_OF_Z = 1.3, 0.6, (0.5, -1.0, 2.0), (-0.4, 1.0, 0.2), 0.8


def linear_model(prior=None):
    """x = a z + b(y) + σ ε with z ~ N(m(y), s²): p(x|y) is a normal, and so is p(z|x, y)."""
    s = 1.0 if prior else S_OF_Z
    m = (0.0, 0.0, 0.0) if prior else M_OF_Y
    learned = prior or ConditionalNormal(1, 3)
    model = ConditionalVAE.dense(
        (1,), 1, 3, hidden=(), likelihood=Gaussian(SIGMA), prior=learned, embedding=OneHot(3)
    )
    variance = A**2 * s**2 + SIGMA**2
    slope = A * s**2 / variance
    with torch.no_grad():
        (decoder, _), (_, encoder) = model.decoder, model.encoder
        decoder.weight.copy_(torch.tensor([[A, *B_OF_Y]]))
        shift = [mu - slope * (A * mu + b) for mu, b in zip(m, B_OF_Y, strict=True)]
        encoder.weight.copy_(torch.tensor([[slope, *shift], [0.0, 0.0, 0.0, 0.0]]))
        encoder.bias.copy_(torch.tensor([0.0, 2 * math.log(s * SIGMA / variance**0.5)]))
        decoder.bias.zero_()
        if not prior:
            (table,) = learned.network
            table.weight.copy_(torch.tensor([M_OF_Y, [2 * math.log(s)] * 3]))
            table.bias.zero_()
    mean = torch.tensor([A * mu + b for mu, b in zip(m, B_OF_Y, strict=True)])
    return model, mean, variance**0.5


@pytest.mark.equation("COND.1")
@pytest.mark.equation("COND.2")
@pytest.mark.parametrize("prior", [None, StandardNormal(1)], ids=["p(z|y)", "p(z)"])
def test_the_bound_is_the_evidence_less_the_divergence_to_the_posterior(prior):
    model, mean, width = linear_model(prior)
    y = torch.tensor([0, 1, 2])
    x = torch.tensor([[0.3], [-1.2], [4.0]])
    n = 40_000
    batch = {"images": x.repeat(n, 1), "labels": y.repeat(n)}
    evidence = stats.norm.logpdf(x[:, 0], mean, width)

    def bound():
        draw = model.draw(batch, generator(5))
        values = -(draw.nll + draw.kl.sum(1)).detach().view(n, 3)
        return values.mean(0), values.std(0) / n**0.5

    mean_bound, error = bound()
    assert ((mean_bound - torch.tensor(evidence)).abs() < 4 * error).all()
    posterior = model.at(y).encode(x)
    with torch.no_grad():  # away from the posterior
        model.encoder[1].bias += torch.tensor([0.4, 0.7])
    q = model.at(y).encode(x)
    gap = kl_divergence(
        *(Normal(p.mu[:, 0], (p.logvar[:, 0] / 2).exp()) for p in (q, posterior))
    ).detach()
    mean_bound, error = bound()
    assert ((mean_bound + gap - torch.tensor(evidence)).abs() < 4 * error).all()
    assert (gap > 20 * error).all()


def test_samples_of_a_class_come_from_its_prior():
    model, *_ = linear_model()
    z = model.at(torch.tensor(1)).prior.sample(20_000, generator())
    assert stats.kstest(z[:, 0].detach().numpy(), "norm", args=(M_OF_Y[1], S_OF_Z)).pvalue > 0.01
    z = model.at(torch.arange(3)).prior.sample(3, generator())
    assert z.shape == (3, 1)


def class_clouds(n=4000):
    """z of three classes, N(m_y, s_y²), and their mixture, by quadrature over z."""
    z = torch.linspace(-12, 12, n, dtype=torch.float64)
    means, widths = torch.tensor([-2.0, 0.5, 1.0]), torch.tensor([0.7, 1.2, 0.4])
    densities = Normal(means[:, None].double(), widths[:, None].double()).log_prob(z).exp()
    return z, means, widths, densities, torch.tensor([0.2, 0.5, 0.3])


@pytest.mark.equation("COND.3")
def test_the_class_in_z_is_a_part_of_what_the_prior_charges():
    """E_y KL(q(z|y)‖p(z)) = I(y; z) + KL(q(z)‖p(z)), I by H(y) − H(y|z)."""
    z, means, widths, densities, weights = class_clouds()
    step = z[1] - z[0]
    mixture = weights.double() @ densities
    posterior = weights[:, None] * densities / mixture
    conditional = -(mixture * torch.special.xlogy(posterior, posterior).sum(0)).sum() * step
    information = -(weights * weights.log()).sum() - conditional
    standard = Normal(0.0, 1.0).log_prob(z)
    mismatch = (torch.special.xlogy(mixture, mixture) - mixture * standard).sum() * step
    charged = (weights * kl_divergence(Normal(means, widths), Normal(0.0, 1.0))).sum()
    torch.testing.assert_close(charged.double(), information + mismatch, rtol=1e-5, atol=1e-6)
    assert information > 0.4 and mismatch > 0.1


def test_a_learned_prior_trains_with_its_model_and_refuses_no_dimension():
    model = ConditionalVAE.dense(
        SHAPE, 3, 4, prior=ConditionalNormal(3, 4, (5,)), embedding=OneHot(4)
    )
    batch = {"images": IMAGES, "labels": torch.tensor([0, 1, 2, 3, 0, 1])}
    model.loss(batch, generator()).total.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.prior.parameters())
    with pytest.raises(ValueError, match="latent_dim must be at least 1, got 0"):
        ConditionalNormal(0, 2)
