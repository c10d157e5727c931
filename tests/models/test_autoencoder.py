"""The autoencoder against NumPy, scikit-learn's PCA and linear algebra."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from course_lib.datasets import load
from course_lib.models import Autoencoder
from course_lib.training import fit

IMAGES = torch.rand(7, 1, 4, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.equation("AE.1")
def test_reconstruction_is_the_decoder_of_the_encoder_in_plain_numpy():
    model = Autoencoder((1, 4, 6), latent_dim=3, hidden=(5, 4))
    h = IMAGES.flatten(1).numpy()
    for name in ("encoder", "decoder"):
        layers = [layer for layer in getattr(model, name) if isinstance(layer, torch.nn.Linear)]
        for i, layer in enumerate(layers):
            h = h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
            h = np.maximum(h, 0) if i < len(layers) - 1 else h
        if name == "encoder":
            np.testing.assert_allclose(model.encode(IMAGES).detach(), h, rtol=1e-4, atol=1e-6)
    x_hat = (1 / (1 + np.exp(-h))).reshape(IMAGES.shape)
    np.testing.assert_allclose(model(IMAGES).detach(), x_hat, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("latent_dim", [1, 24, 100])  # under-, just, and overcomplete for D = 24
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_shapes(latent_dim, likelihood):
    model = Autoencoder((1, 4, 6), latent_dim, likelihood=likelihood)
    assert model.encode(IMAGES).shape == (7, latent_dim)
    assert model.decode(model.encode(IMAGES)).shape == model(IMAGES).shape == IMAGES.shape


def test_loss_is_summed_over_pixels_and_averaged_over_images():
    for likelihood, reference in (
        ("bernoulli", torch.nn.BCELoss(reduction="sum")),
        ("gaussian", torch.nn.MSELoss(reduction="sum")),
    ):
        model = Autoencoder((1, 4, 6), latent_dim=3, likelihood=likelihood)
        loss = model.loss(IMAGES)
        expected = reference(model(IMAGES), IMAGES) / len(IMAGES)
        torch.testing.assert_close(loss.total, expected)
        assert list(loss.terms) == ["reconstruction"]


def test_encoder_and_decoder_both_learn():
    model = Autoencoder((1, 4, 6), latent_dim=3)
    model.loss(IMAGES).total.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_seed_fixes_the_weights_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    first, again, other = (Autoencoder((1, 4, 6), 3, seed=seed)(IMAGES) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_initial_weights_have_the_spread_of_pytorchs_default():
    torch.manual_seed(0)
    ours = Autoencoder((1, 28, 28), 300, hidden=()).encoder[0]
    default = torch.nn.Linear(784, 300)
    for name in ("weight", "bias"):
        a, b = getattr(ours, name), getattr(default, name)
        assert a.std().item() == pytest.approx(b.std().item(), rel=0.1)
        assert a.abs().max() <= 1 / 28


@pytest.mark.equation("AE.7")
def test_the_trained_linear_autoencoder_loses_what_pca_loses():
    images = load("digits").images
    flat = images.flatten(1).double()
    model = Autoencoder((1, 8, 8), latent_dim=4, hidden=(), likelihood="gaussian")
    for lr, epochs in ((3e-2, 1000), (3e-3, 200)):
        history = fit(model, images, epochs=epochs, batch_size=len(images), lr=lr)
    discarded = np.linalg.eigvalsh(np.cov(flat.numpy().T, bias=True))[:-4].sum()
    pca = PCA(4).fit(flat)
    pca_error = ((pca.inverse_transform(pca.transform(flat)) - flat.numpy()) ** 2).sum(1).mean()
    assert discarded == pytest.approx(pca_error)
    assert discarded * (1 - 1e-5) < history.terms["reconstruction"][-1] < 1.001 * discarded


@pytest.mark.equation("AE.8")
def test_an_invertible_map_of_the_code_changes_no_reconstruction():
    model = Autoencoder((1, 4, 6), latent_dim=3).double()
    x = IMAGES.double()
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    z = model.encode(x) @ A.T
    torch.testing.assert_close(model.decode_mean(torch.linalg.solve(A, z.T).T), model(x))
    assert not torch.allclose(z, model.encode(x))


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize(
    ("code", "bend"),
    [
        ("linear", lambda a: a),
        ("sigmoid", lambda a: 1 / (1 + np.exp(-a))),
        ("relu", lambda a: np.maximum(a, 0)),
    ],
)
def test_the_code_is_bent_as_asked_and_the_decoder_sees_the_bent_code(code, bend, hidden):
    model = Autoencoder((1, 4, 6), 3, hidden, code=code, likelihood="gaussian")
    linear = Autoencoder((1, 4, 6), 3, hidden, likelihood="gaussian")  # the same weights
    expected = bend(linear.encode(IMAGES).detach().numpy())
    np.testing.assert_allclose(model.encode(IMAGES).detach(), expected, rtol=1e-5, atol=1e-6)
    rebuilt = linear.decode(torch.tensor(expected))
    torch.testing.assert_close(model(IMAGES), rebuilt)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latent_dim": 0}, "latent_dim must be at least 1, got 0"),
        ({"latent_dim": 2, "likelihood": "poisson"}, "'bernoulli' or 'gaussian', got 'poisson'"),
        ({"latent_dim": 2, "code": "tanh"}, "'linear', 'sigmoid' or 'relu', got 'tanh'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder((1, 4, 6), **arguments)
