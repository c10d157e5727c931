"""The autoencoder.

Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313,
2006. Linear case: Baldi & Hornik, Neural Networks and Principal Component Analysis, Neural
Networks 2, 1989.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from course_lib.likelihoods import Bernoulli, Likelihood, SquaredError
from course_lib.models.networks import mlp
from course_lib.noise import Rng
from course_lib.objectives import Loss

LIKELIHOODS: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli, "gaussian": SquaredError}


class Autoencoder(nn.Module):
    """z = f_φ(x), x̂ = g_θ(z)  (AE.1): a code z of d numbers for an image of D pixels.

    image_shape: (C, H, W), so that D = C·H·W.
    latent_dim: d; below D the autoencoder is undercomplete, above D overcomplete.
    hidden: widths of the encoder's hidden layers, mirrored in the decoder; () is
        linear.
    code: "linear" leaves the encoder's last layer as it is, "sigmoid" and "relu"
        bend it.
    likelihood: "bernoulli" (cross-entropy, AE.3; the decoder returns logits) or
        "gaussian" (squared error, AE.2; the decoder returns the mean).
    seed: of the initial weights.
    Raises ValueError when latent_dim is below 1 or likelihood or code is none of these.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        code: Literal["linear", "sigmoid", "relu"] = "linear",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}")
        if likelihood not in LIKELIHOODS:
            allowed = "'bernoulli' or 'gaussian'"
            raise ValueError(f"likelihood must be {allowed}, got {likelihood!r}")
        if code not in ("linear", "sigmoid", "relu"):
            allowed = "'linear', 'sigmoid' or 'relu'"
            raise ValueError(f"code must be {allowed}, got {code!r}")
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.likelihood: Likelihood = LIKELIHOODS[likelihood]()
        sizes = [math.prod(image_shape), *hidden, latent_dim]
        generator = torch.Generator().manual_seed(seed)
        self.encoder: nn.Sequential = mlp(sizes, generator)
        if code != "linear":
            self.encoder.append(nn.Sigmoid() if code == "sigmoid" else nn.ReLU())
        self.decoder: nn.Module = mlp(sizes[::-1], generator)

    def encode(self, x: Tensor) -> Tensor:
        """z = f_φ(x): (B, C, H, W) → (B, d)."""
        return self.encoder(x.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """g_θ(z): (B, d) → (B, C, H, W), logits or, if "gaussian", the mean."""
        return self.decoder(z).unflatten(1, self.image_shape)

    def decode_mean(self, z: Tensor) -> Tensor:
        """The picture x̂ that z stands for: (B, d) → (B, C, H, W) in pixel units."""
        return self.likelihood.mean(self.decode(z))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction x̂: (B, C, H, W) → (B, C, H, W) in pixel units."""
        return self.decode_mean(self.encode(x))

    def nll(self, x: Tensor, output: Tensor) -> Tensor:
        """How badly the decoder's output explains x: (AE.3) in nats or (AE.2), (B,)."""
        return -self.likelihood.log_prob(x, output)

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """One term, the reconstruction, averaged over the batch.

        `generator` is for models whose loss draws random numbers; this one draws none.
        """
        return Loss({"reconstruction": self.nll(x, self.decode(self.encode(x))).mean()})
