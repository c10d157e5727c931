"""Sparse autoencoders: a penalty on mean activations, an L1 penalty, and the k largest.

KL penalty: Lee, Ekanadham & Ng, Sparse Deep Belief Net Model for Visual Area V2, NeurIPS 2007;
Ng, Sparse Autoencoder, CS294A lecture notes, 2011. L1: Olshausen & Field, Emergence of
Simple-Cell Receptive Field Properties by Learning a Sparse Code for Natural Images, Nature 381,
1996. Top-k: Makhzani & Frey, k-Sparse Autoencoders, ICLR 2014.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from course_lib.checks import readable
from course_lib.models.autoencoder import Autoencoder
from course_lib.noise import Rng
from course_lib.objectives import Loss, check_not_negative


def kl_sparsity(h: Tensor, rho: float) -> Tensor:
    """Ω = Σⱼ KL(rho‖rho_hat[j]) in nats, rho_hat the batch means  (SAE.2, SAE.3).

    h: activations (B, d); rho: the target ρ in (0, 1). Returns a scalar.
    Raises ValueError when rho or one of the means does not lie in (0, 1), where the
    divergence is infinite or undefined, as happens with ReLU.
    """
    _check_target(rho)
    if h.ndim != 2 or h.numel() == 0 or not h.is_floating_point():
        raise ValueError(f"h must hold floats of shape (B, d), got {h.dtype} {tuple(h.shape)}")
    rho_hat = h.mean(0)  # (d,)
    if readable(rho_hat):
        low, high = torch.aminmax(rho_hat)
        if not (low > 0 and high < 1):  # also for NaN
            raise ValueError(
                f"mean activations must lie in (0, 1), got {low:g} to {high:g}; "
                "ReLU units need an L1 penalty instead, "
                "saturated sigmoid units a smaller lr"
            )
    # The same as kl_bernoulli(rho, rho_hat).sum(), which keeps more digits near rho_hat = rho
    # than a gradient needs and makes a training step half as long again.
    active = rho * (rho / rho_hat).log()
    inactive = (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()
    return (active + inactive).sum()


class SparseAutoencoder(Autoencoder):
    """An autoencoder whose sigmoid units have mean activations near ρ  (SAE.1).

    rho: the target ρ in (0, 1); weight: λ ≥ 0. The rest is as in Autoencoder.
    Raises ValueError for another rho or weight, and as Autoencoder does.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        rho: float = 0.05,
        weight: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood, "sigmoid", seed)
        _check_target(rho)
        check_not_negative(weight=weight)
        self.rho = rho
        self.weight = weight

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """The reconstruction and, with weight λ, the sparsity penalty (SAE.3)."""
        h = self.encode(x)
        terms = {
            "reconstruction": self.nll(x, self.decode(h)).mean(),
            "sparsity": kl_sparsity(h, self.rho),
        }
        return Loss(terms, {"sparsity": self.weight})


class L1Autoencoder(Autoencoder):
    """An autoencoder with ReLU units whose sum is penalised for every image  (SAE.8).

    weight: λ ≥ 0. The rest is as in Autoencoder.
    Raises ValueError for a negative weight, and as Autoencoder does.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        weight: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood, "relu", seed)
        check_not_negative(weight=weight)
        self.weight = weight

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """Two terms: the reconstruction and, with weight λ, the sum of the activations."""
        h = self.encode(x)
        terms = {
            "reconstruction": self.nll(x, self.decode(h)).mean(),
            "sparsity": h.abs().sum(1).mean(),
        }
        return Loss(terms, {"sparsity": self.weight})


class TopKAutoencoder(Autoencoder):
    """An autoencoder with ReLU units of which only the k largest of an image count  (SAE.9).

    k: 1 ≤ k ≤ latent_dim. The rest is as in Autoencoder. Raises ValueError for other k.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        *,
        k: int,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood, "relu", seed)
        if not 1 <= k <= self.latent_dim:
            raise ValueError(f"k must lie between 1 and latent_dim = {self.latent_dim}, got {k}")
        self.k = k

    def encode(self, x: Tensor) -> Tensor:
        """The k largest activations, the others set to 0: (B, C, H, W) → (B, d)."""
        h = super().encode(x)
        values, units = h.topk(self.k, dim=1)  # (B, k)
        return torch.zeros_like(h).scatter(1, units, values)


def _check_target(rho: float) -> None:
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho}")
