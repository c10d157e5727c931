"""What a VAE's encoder puts into its code: per dimension, about the image, beyond the prior.

Active units: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
Split of the KL: Hoffman & Johnson, ELBO Surgery, NeurIPS Workshop 2016, and, in three, Chen, Li,
Grosse & Duvenaud, Isolating Sources of Disentanglement in Variational Autoencoders, NeurIPS 2018.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.checks import check
from course_lib.information import kl_standard_normal
from course_lib.models import VAE
from course_lib.objectives import kl_parts
from course_lib.priors import DiagonalNormal, Prior, component_log_prob


def kl_per_dimension(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(zⱼ|x)‖N(0, 1)) of each dimension, averaged over the images, in nats: (N, d) → (d,).

    Raises ValueError when there is no image or anything is not finite.
    """
    _check_images(mu, 1)
    return kl_standard_normal(mu, logvar).mean(0)


def active_units(mu: Tensor, threshold: float = 0.01) -> Tensor:
    """Which dimensions move with the image: Var_x(μⱼ(x)) > threshold; (N, d) → (d,) of bool.

    Raises ValueError when there are fewer than two images or a mean is not finite.
    """
    _check_images(mu, 2)
    check("be finite", torch.isfinite, mu=mu)
    return (mu if mu.is_floating_point() else mu.double()).var(0) > threshold


@dataclass(frozen=True)
class RateDistortion:
    """What a VAE spends on a set of images and what it loses, R and D of (BVAE.2), in nats.

    rate, distortion: per image. kl (d,): the rate of each dimension. active (d,): of bool.
    """

    rate: float
    distortion: float
    kl: Tensor
    active: Tensor


@torch.no_grad()
def rate_distortion(model: VAE, images: Tensor, seed: int = 0) -> RateDistortion:
    """Rate E[KL(q(z|x)‖p(z))] and distortion E[−log p(x|z)], one z ~ q(z|x) for each image.

    images: (N, C, H, W), N ≥ 2. seed: of the noise, the same for models to be compared.
    Raises ValueError for fewer images.
    """
    draw = model.draw(images, torch.Generator().manual_seed(seed))
    return RateDistortion(
        rate=draw.kl.sum(1).mean().item(),
        distortion=draw.nll.mean().item(),
        kl=kl_per_dimension(*draw.q).cpu(),
        active=active_units(draw.q.mu).cpu(),
    )


def _check_images(mu: Tensor, least: int) -> None:
    if mu.ndim == 0 or len(mu) < least:
        raise ValueError(f"mu must have shape (N, d) with N ≥ {least}, got {tuple(mu.shape)}")


@dataclass(frozen=True)
class KLSplit:
    """E_x KL(q(z|x)‖p) = I(x; z) + KL(q(z)‖p), the second again in two parts, all in nats.

    kl: the left side, in closed form. The others are estimated with one z per image, and their
    sum differs from kl by the error of that estimate (VAE.5, BVAE.12):
    mutual_information: I(x; z). total_correlation: KL(q(z)‖∏ⱼ q(zⱼ)), how much the dimensions
    tell about each other. dimension_wise_kl: Σⱼ KL(q(zⱼ)‖p(zⱼ)).
    """

    kl: float
    mutual_information: float
    total_correlation: float
    dimension_wise_kl: float

    @property
    def marginal_kl(self) -> float:
        """KL(q(z)‖p) = total_correlation + dimension_wise_kl."""
        return self.total_correlation + self.dimension_wise_kl


@torch.no_grad()
def split_kl(mu: Tensor, logvar: Tensor, seed: int = 0) -> KLSplit:
    """How much of the KL is information about the image, and how much a mismatch with the prior.

    mu, logvar: (N, d) of the N images, whose mixture q(z) = 1/N Σ q(z|x) is summed exactly.
    """
    N, q = len(mu), DiagonalNormal(mu, logvar)
    z = q.sample(torch.Generator().manual_seed(seed))  # (N, d)
    log_conditional = q.log_prob(z)
    sums: dict[str, float] = {}
    for rows in torch.arange(N).split(20):  # what the cache holds: twice as fast as 100
        weights = mu.new_tensor(-math.log(N))
        for name, value in kl_parts(z[rows], log_conditional[rows], mu, logvar, weights).items():
            sums[name] = sums.get(name, 0.0) + len(rows) / N * value.item()
    return KLSplit(kl=kl_per_dimension(mu, logvar).sum().item(), **sums)


@dataclass(frozen=True)
class PriorMatch:
    """E_x KL(q(z|x)‖p) = I(x; z) + KL(q(z)‖p) for any prior, in nats  (VAE.5, PRIOR.5).

    rate, information, mismatch: the three, estimated from the same draws, so that they add up.
    errors: the standard error of each. No more than log N of the information of N images shows, and
    what is missing there is counted as mismatch.
    """

    rate: float
    information: float
    mismatch: float
    errors: tuple[float, float, float]


@torch.no_grad()
def match_prior(prior: Prior, q: DiagonalNormal, seed: int = 0, draws: int = 1) -> PriorMatch:
    """How much of the rate is information, and how much a mismatch of q(z) and the prior.

    q: that of N images, (N, d), whose mixture q(z) = 1/N Σ q(z|x) is summed exactly. draws: of z
    for each image. Raises ValueError for fewer than two images or one draw.
    """
    _check_images(q.mu, 2)
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    N, generator = len(q.mu), torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(draws):
        z = q.sample(generator)
        own, mixed = [], []  # log q(z|x) and log q(z), of the same sums, so that I ≤ log N
        for some in torch.arange(N).split(200):
            components = component_log_prob(z[some], *q)  # (n, N)
            own.append(components[range(len(some)), some])
            mixed.append(components.logsumexp(1) - math.log(N))
        conditional, aggregate = (torch.cat(parts).to(z) for parts in (own, mixed))
        under_prior = prior.log_prob(z)
        rows.append(torch.stack([conditional - under_prior, conditional - aggregate,
                                 aggregate - under_prior]))  # fmt: skip
    per_image = torch.stack(rows).mean(0)  # (3, N)
    rate, information, mismatch = per_image.mean(1).tolist()
    errors = (per_image.std(1) / math.sqrt(N)).tolist()
    return PriorMatch(rate, information, mismatch, tuple(errors))
