"""The convolutional VQ-VAE on the real files of MNIST and Fashion-MNIST.

The bounds on MNIST are what one small network reached with 256 codes and 1,200 steps elsewhere:
0.0038 squared error per pixel with 256 codes in use and a perplexity of 140, where popular
implementations of the codebook ended between 0.0058 and 0.0147 with 36 to 149 codes in use.
"""

import time

import pytest
import torch

from course_lib.datasets import load
from course_lib.evaluation import perplexity, usage
from course_lib.information import nats_to_bits
from course_lib.models import VQVAE, VectorQuantizer
from course_lib.training import fit

pytestmark = pytest.mark.slow

K, BATCH = 256, 64


@pytest.mark.parametrize(
    ("name", "steps", "largest_error", "smallest_perplexity", "fewest_codes"),
    [("mnist", 1200, 0.0038, 130, 250), ("fashion_mnist", 400, 0.0105, 140, 240)],
)
def test_error_perplexity_and_bits_on_the_real_files(
    real_files, monkeypatch, name, steps, largest_error, smallest_perplexity, fewest_codes
):
    monkeypatch.setenv("COURSE_DATA_DIR", str(real_files))
    images = load(name).sample(60_000).images
    quantizer = VectorQuantizer(K, 16, gamma=0.95, revive_below=0.2)
    model = VQVAE.convolutional((1, 28, 28), quantizer)
    start = time.perf_counter()
    fit(model, images[: 3 * steps // 4 * BATCH], epochs=1, batch_size=BATCH, lr=2e-3)
    fit(model, images[: steps // 4 * BATCH], epochs=1, batch_size=BATCH, lr=5e-4)
    seconds = time.perf_counter() - start

    test = load(name, "test").images
    with torch.no_grad():
        tokens = torch.cat([model.tokens(batch) for batch in test.split(1000)])
        pictures = torch.cat([model.decode_tokens(batch) for batch in tokens.split(1000)])
    error = (pictures - test).square().mean().item()
    in_use = int((usage(tokens, K) > 0).sum())
    worth = perplexity(tokens, K)
    places = tokens[0].numel()
    bits = places * nats_to_bits(torch.tensor(worth).log()).item()
    print(
        f"{name}: squared error {error:.5f} per pixel, perplexity {worth:.0f}, {in_use} codes, "
        f"{bits:.0f} bits per image at most, {steps} steps in {seconds:.0f} s"
    )
    assert error < largest_error
    assert worth > smallest_perplexity
    assert in_use >= fewest_codes
    assert bits < places * 8  # log₂ 256
