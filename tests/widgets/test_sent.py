"""What is sent to the page, and that the page computes from it what PyTorch does."""

import base64

import pytest
import torch
from torch import nn

from course_lib.likelihoods import Bernoulli, Gaussian, SquaredError
from course_lib.models import VAE, VQVAE, Autoencoder, ContractiveAutoencoder, VectorQuantizer
from course_lib.models.networks import ChannelsFirst, ChannelsLast
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers

SEEDED = torch.Generator().manual_seed(3)


def as_json(sent):
    return sent | {"bytes": base64.b64encode(sent["bytes"]).decode()}


def in_node(javascript, expression, **sent):
    """Evaluate with the bytes of what is sent as DataViews, as they reach a page."""
    view = "(({bytes, ...rest}) => ({...rest, bytes: new DataView(Uint8Array.from(atob(bytes), " \
        "(c) => c.charCodeAt(0)).buffer)}))"  # fmt: skip
    for name in sent:
        if isinstance(sent[name], dict):
            expression = expression.replace(name, f"{view}({name})")
    return javascript(
        "nn.js",
        expression,
        **{k: as_json(v) if isinstance(v, dict) else v for k, v in sent.items()},
    )


def halved(parts):
    """Round the weights to what float16 holds, as they are sent."""
    for part in parts:
        for parameter in part.parameters():
            parameter.data = parameter.data.half().float()
    return parts


def assert_same(javascript, parts, x, dtype="float16"):
    """The page's result for each of a batch is PyTorch's to 1e-5."""
    parts = halved(parts) if dtype == "float16" else parts
    network = sent_network(parts, x[:1], dtype)
    ours = in_node(javascript, "xs.map(sequential(network))", network=network,
                   xs=x.flatten(1).tolist())  # fmt: skip
    with torch.no_grad():
        for part in parts:
            x = part.mean(x) if hasattr(part, "log_prob") else part(x)
    assert torch.tensor(ours).allclose(x.flatten(1), rtol=0, atol=1e-5)


LAYERS = {
    "linear": (nn.Linear(5, 7), (5,)),
    "linear without bias": (nn.Linear(5, 7, bias=False), (5,)),
    "convolution": (nn.Conv2d(3, 4, 4, 2, 1), (3, 8, 6)),
    "convolution 1": (nn.Conv2d(2, 3, 1), (2, 4, 4)),
    "convolution 3": (nn.Conv2d(2, 3, 3, 1, 1), (2, 5, 4)),
    "no padding": (nn.Conv2d(2, 3, 3, 2), (2, 7, 9)),
    "transposed": (nn.ConvTranspose2d(3, 2, 4, 2, 1), (3, 4, 5)),
    "transposed 3": (nn.ConvTranspose2d(3, 2, 3, 1, 1), (3, 4, 5)),
    "ReLU": (nn.ReLU(), (6,)),
    "Sigmoid": (nn.Sigmoid(), (6,)),
    "SiLU": (nn.SiLU(), (6,)),
    "Tanh": (nn.Tanh(), (6,)),
    "channels last": (ChannelsLast(), (3, 2, 4)),
    "channels first": (ChannelsFirst(), (2, 4, 3)),
    "likelihood": (Bernoulli(), (1, 2, 3)),
    "a mean": (Gaussian(0.3), (1, 2, 3)),
    "another": (SquaredError(), (1, 2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_pytorchs(javascript, name):
    layer, shape = LAYERS[name]
    x = 3 * torch.randn(4, *shape, generator=SEEDED)
    linear = nn.Linear(x[0].numel(), x[0].numel())  # so that there are weights
    assert_same(javascript, [nn.Flatten(), linear, nn.Unflatten(1, shape), layer], x)


MODELS = {
    "autoencoder": Autoencoder((1, 8, 8), 3),
    "linear, squared error": Autoencoder((1, 8, 8), 3, hidden=(), likelihood="gaussian"),
    "tied": ContractiveAutoencoder((1, 8, 8), 3, tied=True),
    "VAE": VAE.dense((1, 28, 28), 4, hidden=(64, 32)),
    "Gaussian VAE": VAE.dense((3, 6, 4), 2, likelihood=Gaussian(0.1)),
    "convolutional VAE": VAE.convolutional((3, 32, 16), 4, channels=(8, 16)),
    "VQ-VAE": VQVAE.dense((1, 8, 8), VectorQuantizer(8, 2), tokens=3),
    "convolutional VQ-VAE": VQVAE.convolutional((1, 28, 28), VectorQuantizer(8, 5)),
}


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", MODELS)
def test_every_decoder_is_pytorchs(javascript, name, dtype):
    model = MODELS[name]
    with torch.no_grad():
        codes = model.encode(torch.rand(2, *images_of(name), generator=SEEDED))
    codes = codes[0] if isinstance(codes, tuple) else codes
    assert_same(javascript, decoder_of(model), codes + 0.1, dtype)


def images_of(name):
    shapes = {
        "VAE": (1, 28, 28), "Gaussian VAE": (3, 6, 4), "convolutional VAE": (3, 32, 16),
        "convolutional VQ-VAE": (1, 28, 28),
    }  # fmt: skip
    return shapes.get(name, (1, 8, 8))


def test_pictures_are_cut_and_rounded_to_bytes():
    images = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 100.4 / 255]).view(1, 1, 2, 3)
    sent = sent_images(images)
    assert sent["shape"] == [1, 1, 2, 3]
    assert list(sent["bytes"]) == [0, 0, 128, 255, 255, 100]


def test_numbers_arrive_row_by_row(javascript):
    values = torch.tensor([[1.5, -2.0], [float("inf"), 1e-30]], dtype=torch.float64).T
    sent = sent_numbers(values)
    assert sent["shape"] == [2, 2]
    arrived = in_node(javascript, "numbers(sent)", sent=sent)
    assert arrived == [1.5, None, -2.0, pytest.approx(1e-30)]


def test_every_half_number_arrives(javascript):
    bits = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(torch.float16)
    finite = bits[bits.isfinite()]
    sent = {"dtype": "float16", "bytes": finite.numpy().tobytes()}
    arrived = torch.tensor(in_node(javascript, "numbers(sent)", sent=sent))
    assert torch.equal(arrived, finite.float())


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(1, 1, (3, 1)), nn.GELU(), nn.Dropout(0.5),
     nn.Conv2d(1, 1, 3, padding_mode="circular"), nn.ConvTranspose2d(1, 1, 3, 2, output_padding=1)],
    ids=str,
)  # fmt: skip
def test_a_layer_that_the_page_cannot_compute_is_named(layer):
    channels = getattr(layer, "in_channels", 1)
    with pytest.raises(ValueError, match="which the page can compute, got") as raised:
        sent_network([layer], torch.zeros(1, channels, 5, 5))
    assert str(layer) in str(raised.value)


def test_a_model_without_a_decoder_is_refused():
    with pytest.raises(ValueError, match="must have a decoder and a likelihood.*got Linear"):
        decoder_of(nn.Linear(2, 2))
