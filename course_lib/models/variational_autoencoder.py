"""The variational autoencoder.

Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014; Rezende, Mohamed & Wierstra,
Stochastic Backpropagation and Approximate Inference in Deep Generative Models, ICML 2014.
Learned σ: Rybkin, Daniilidis & Levine, Simple and Effective VAE Training with Calibrated
Decoders, ICML 2021. Score function: Williams, Simple Statistical Gradient-Following Algorithms
for Connectionist Reinforcement Learning, Machine Learning 8, 1992.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from course_lib.information import kl_diagonal_normal
from course_lib.likelihoods import bernoulli_nll, gaussian_nll
from course_lib.models.autoencoder import Autoencoder
from course_lib.models.parts import Loss, convolutional_decoder, convolutional_encoder, mlp

SMALLEST_SIGMA = 1e-3  # a quarter of the step between two of 256 grey levels


def reparameterize(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z = μ + σ ⊙ ε with ε ~ N(0, I) and σ = exp(½ logvar)  (VAE.3).

    mu, logvar: (B, d). Returns (B, d), a sample of N(μ, diag(σ²)) with gradients to both.
    """
    epsilon = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + (logvar / 2).exp() * epsilon


def normal_log_density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μ, σ²) with σ² = exp(logvar), elementwise; the three broadcast."""
    return -0.5 * ((z - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi))


class VAE(Autoencoder):
    """q_φ(z|x) = N(μ, diag σ²), p(z) = N(0, I), p_θ(x|z)  (VAE.1).

    likelihood: "bernoulli" or "gaussian"; other arguments are those of Autoencoder.
    sigma: standard deviation σ > 0 of the Gaussian likelihood, or None to learn one
        for all pixels. It has no meaning for "bernoulli".
    Raises ValueError for sigma that is not positive, and as Autoencoder does.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        sigma: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood, seed=seed)
        if sigma is not None and not sigma > 0:
            raise ValueError(f"sigma must be > 0 or None, got {sigma}")
        log_sigma = torch.tensor(0.0 if sigma is None else math.log(sigma))
        self.log_sigma = nn.Parameter(log_sigma, requires_grad=sigma is None)
        generator = torch.Generator().manual_seed(seed)
        sizes = [math.prod(image_shape), *hidden, 2 * latent_dim]
        self.encoder = mlp(sizes, generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of q_φ(z|x): (B, C, H, W) → two of (B, d)."""
        mu, logvar = self.encoder(x.flatten(1)).chunk(2, dim=1)
        return mu, logvar

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction from the mean of q_φ(z|x): (B, C, H, W), in pixels."""
        return self.decode_mean(self.encode(x)[0])

    def nll(self, x: Tensor, output: Tensor) -> Tensor:
        """−log p_θ(x|z) in nats, (B,): (AE.3), or (AE.5) with its constant.

        Raises FloatingPointError when a learned σ falls below the grey levels.
        """
        if self.likelihood == "bernoulli":
            return bernoulli_nll(x, output)
        sigma = self.log_sigma.exp()
        if not sigma > SMALLEST_SIGMA:
            raise FloatingPointError(
                f"the learned sigma is {sigma:.2g}, smaller than a step between "
                "grey levels: these images can be rebuilt exactly, and their "
                "density then has no upper bound. Fix sigma, or leave out pixels "
                "that never change, or add a little noise."
            )
        return gaussian_nll(x, output, sigma)

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """Two terms whose sum is −ELBO in nats per image  (VAE.5), one z each."""
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, generator)  # (B, d)
        return Loss(
            {
                "reconstruction": self.nll(x, self.decode(z)).mean(),
                "kl": kl_diagonal_normal(mu, logvar).mean(),
            }
        )

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n pictures, the means of p_θ(x|z) for z ~ N(0, I): (n, C, H, W)."""
        z = torch.randn(n, self.latent_dim, generator=generator)
        return self.decode_mean(z)


class ConvolutionalVAE(VAE):
    """A VAE whose networks are convolutional.

    channels: of the encoder's layers, each of which halves the sides; mirrored in
        the decoder. The rest is as in VAE.
    Raises ValueError when a side cannot be halved that often.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        channels: Sequence[int] = (16, 32),
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden=(), **kwargs)
        generator = torch.Generator().manual_seed(kwargs.get("seed", 0))
        sizes = image_shape, channels
        self.encoder = convolutional_encoder(*sizes, 2 * latent_dim, generator)
        self.decoder = convolutional_decoder(*sizes, latent_dim, generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of q_φ(z|x): (B, C, H, W) → two of (B, d)."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Logits or the mean of p_θ(x|z): (B, d) → (B, C, H, W)."""
        return self.decoder(z)


class ScoreFunctionVAE(VAE):
    """A VAE whose encoder learns without a path through the sample  (VAE.4).

    ∇_φ E_q[f(z)] = E_q[(f(z) − b) ∇_φ log q_φ(z|x)] with f = −log p_θ(x|z) and, as the baseline
    b, the mean of f over the other images of the batch, which leaves the gradient unbiased.
    """

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """The values of VAE.loss with another gradient for the encoder; B must be at least 2."""
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, generator).detach()  # (B, d)
        log_q = normal_log_density(z, mu, logvar).sum(1)  # (B,)
        nll = self.nll(x, self.decode(z))  # (B,)
        reward = (nll - nll.mean()).detach() * len(x) / (len(x) - 1)  # nll less the others' mean
        score_term = reward * (log_q - log_q.detach())  # 0, but with the gradient
        return Loss(
            {
                "reconstruction": (nll + score_term).mean(),
                "kl": kl_diagonal_normal(mu, logvar).mean(),
            }
        )
