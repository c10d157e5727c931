"""Models whose training takes longer than a reader waits: they ship with their weights."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from course_lib.likelihoods import Gaussian
from course_lib.models.conditional_vae import ConditionalVAE
from course_lib.models.hierarchical_prior import HierarchicalPrior
from course_lib.models.pixel_cnn import PixelCNN
from course_lib.models.token_prior import TokenPrior
from course_lib.models.variational_autoencoder import VAE
from course_lib.models.vector_quantizer import VectorQuantizer
from course_lib.models.vq_vae import VQVAE
from course_lib.models.vq_vae_2 import VQVAE2

WEIGHTS = Path(__file__).resolve().parents[1] / "data"
FACE, GLYPH = (3, 32, 32), (1, 28, 28)
CONTEXTS = (0, 1, 2, 4, 7)


def silu_vae(sizes: Sequence[int], seed: int = 0) -> VAE:
    """A VAE of these layers, from pixels to code, with SiLU in place of ReLU."""
    pixels, *hidden, latent_dim = sizes
    model = VAE.dense((1, math.isqrt(pixels), math.isqrt(pixels)), latent_dim, hidden, seed=seed)
    for layers in (model.encoder, model.decoder):
        for name, layer in layers.named_children():
            if isinstance(layer, nn.ReLU):
                layers.add_module(name, nn.SiLU())
    return model


def pixel_vae(context: int) -> VAE:
    """A VAE of binary glyphs whose decoder sees 2 · context rows and columns of pixels before."""
    likelihood = PixelCNN(1, context, layers=2, width=16)
    return VAE.convolutional(GLYPH, 16, channels=(16, 32), likelihood=likelihood)


def two_codebooks() -> list[VectorQuantizer]:
    """4 × 4 tokens of 256 codes over 8 × 8 of 4: 128 bits each."""
    return [VectorQuantizer(K, 16, gamma=0.95) for K in (256, 4)]


UNTRAINED: dict[str, Callable[[], nn.Module]] = {
    "mnist_vae": lambda: silu_vae([784, 512, 512, 40]),
    "faces_vae": lambda: VAE.convolutional(FACE, 32, channels=(32, 64), likelihood=Gaussian()),
    "glyphs_beta_vae": lambda: VAE.dense(GLYPH, 10, (128,)),
    "faces_conditional_vae": lambda: ConditionalVAE.convolutional(
        FACE, 16, 3, channels=(32, 64), likelihood=Gaussian(0.1)
    ),
    "glyphs_vq_vae": lambda: VQVAE.convolutional(GLYPH, VectorQuantizer(64, 16)),
    "glyphs_token_prior": lambda: TokenPrior(64 + 10, 1 + 7 * 7, width=128, layers=3),
    "faces_vq_vae": lambda: VQVAE.convolutional(
        FACE, VectorQuantizer(128, 16), likelihood=Gaussian()
    ),
    "faces_vq_vae_2": lambda: VQVAE2.convolutional(
        FACE, two_codebooks(), channels=(24, 48), likelihood=Gaussian()
    ),
    "faces_prior": lambda: HierarchicalPrior((2, 256, 4), (1, 16, 64), width=48),
    **{f"glyphs_pixel_vae_{c}": partial(pixel_vae, c) for c in CONTEXTS},
}


def pretrained(name: str) -> nn.Module:
    """A model with the weights that data/make_weights.py has trained; nothing is downloaded.

    - "mnist_vae": VAE of MNIST, (1, 28, 28), 40 numbers. MNIST itself does not ship.
    - "faces_vae": VAE of `faces`, (3, 32, 32), 32 numbers.
    - "glyphs_beta_vae": β-VAE of `glyphs`, (1, 28, 28), 10 numbers, β = 6.
    - "faces_conditional_vae": ConditionalVAE of `faces` with 16 numbers, told smile, glasses and
      hair length.
    - "glyphs_vq_vae", "faces_vq_vae": VQ-VAEs with 7 × 7 tokens of 64 codes and 8 × 8 of 128.
    - "faces_vq_vae_2": VQVAE2 of `faces`, 4 × 4 tokens of 256 codes over 8 × 8 of 4.
    - "faces_prior": p(glasses, top, bottom) of "faces_vq_vae_2"; 1, 16 and 64 tokens.
    - "glyphs_token_prior": p(class, 49 tokens) of "glyphs_vq_vae"; the first token is 64 + digit.
    - "glyphs_pixel_vae_0", _1, _2, _4, _7: VAEs of glyphs > ½, 16 numbers, whose decoder is a
      PixelCNN with this context and sees twice as far.

    What they reach stands in data/README.md. Raises ValueError for another name.

    Example:
        >>> pretrained("mnist_vae").sample(3).shape
        torch.Size([3, 1, 28, 28])
    """
    if name not in UNTRAINED:
        raise ValueError(f"name must be one of {', '.join(UNTRAINED)}, got {name!r}")
    model = UNTRAINED[name]()
    weights = load_file(WEIGHTS / f"{name}.safetensors")
    model.load_state_dict({key: value.to(torch.float32) if value.is_floating_point() else value
                           for key, value in weights.items()})  # fmt: skip
    return model.eval()
