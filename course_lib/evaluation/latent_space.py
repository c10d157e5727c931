"""What a VAE's encoder puts into its code: per dimension, about the image, beyond the prior.

Active units: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
Split of the KL: Hoffman & Johnson, ELBO Surgery, NeurIPS Workshop 2016.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.evaluation.evidence_lower_bound import log_mean_exp
from course_lib.information import kl_normal
from course_lib.models.variational_autoencoder import reparameterize


def kl_per_dimension(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(zⱼ|x)‖N(0, 1)) of each dimension, averaged over the images, in nats: (N, d) → (d,)."""
    return kl_normal(mu, (logvar / 2).exp()).mean(0)


def active_units(mu: Tensor, threshold: float = 0.01) -> Tensor:
    """Which dimensions move with the image: Var_x(μⱼ(x)) > threshold; (N, d) → (d,) of bool."""
    return mu.var(0) > threshold


@dataclass(frozen=True)
class KLSplit:
    """E_x KL(q(z|x)‖p) = I(x; z) + KL(q(z)‖p)  (VAE.13), all in nats.

    kl: the left side, in closed form. mutual_information, marginal_kl: the right side, estimated
    with one z per image; their sum differs from kl by the error of that estimate.
    """

    kl: float
    mutual_information: float
    marginal_kl: float


@torch.no_grad()
def split_kl(mu: Tensor, logvar: Tensor, seed: int = 0) -> KLSplit:
    """How much of the KL is information about the image, and how much a mismatch with the prior.

    mu, logvar: (N, d) of the N images, whose mixture q(z) = 1/N Σ q(z|x) is summed exactly.
    """
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(seed))  # (N, d)
    log_q = torch.cat([_log_density(part, mu, logvar) for part in z.split(100)])  # (N, N)
    log_conditional = log_q.diagonal()
    log_marginal = log_mean_exp(log_q, dim=1)
    log_prior = _log_density(z, torch.zeros(1, z.shape[1]), torch.zeros(1, z.shape[1]))[:, 0]
    return KLSplit(
        kl=kl_per_dimension(mu, logvar).sum().item(),
        mutual_information=(log_conditional - log_marginal).mean().item(),
        marginal_kl=(log_marginal - log_prior).mean().item(),
    )


def _log_density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(zᵢ; μⱼ, diag(σⱼ²)) for all i and j: (M, d), (N, d) → (M, N)."""
    squares = (z[:, None] - mu).square() / logvar.exp()
    return -0.5 * (squares + logvar + math.log(2 * math.pi)).sum(2)
