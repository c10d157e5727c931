"""Distributions over codes: the encoder's q(z|x), and the prior p(z).

VampPrior: Tomczak & Welling, VAE with a VampPrior, AISTATS 2018. FlowPrior: Dinh, Sohl-Dickstein &
Bengio, Density Estimation Using Real NVP, ICLR 2017; as a prior Chen et al., Variational Lossy
Autoencoder, ICLR 2017.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from course_lib.information import kl_standard_normal
from course_lib.noise import Rng, normal_like, uniform_like


def reparameterize(mu: Tensor, logvar: Tensor, generator: Rng = None) -> Tensor:
    """z = μ + σ ⊙ ε with ε ~ N(0, I) and σ = exp(½ logvar)  (VAE.3).

    mu, logvar: (B, d). Returns (B, d), a sample of N(μ, diag(σ²)) with gradients to both.
    """
    return mu + (logvar / 2).exp() * normal_like(mu, generator)


def normal_log_density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μ, σ²) with σ² = exp(logvar), elementwise; the three broadcast."""
    return -0.5 * ((z - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi))


class DiagonalNormal(NamedTuple):
    """q(z|x) = N(μ, diag σ²) of each image, as an encoder gives it: μ and log σ², (B, d) each."""

    mu: Tensor
    logvar: Tensor

    def sample(self, generator: Rng = None) -> Tensor:
        """One z for each image, with gradients to μ and σ  (VAE.3): (B, d)."""
        return reparameterize(self.mu, self.logvar, generator)

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z|x): (..., B, d) → (..., B)."""
        return normal_log_density(z, self.mu, self.logvar).sum(-1)


class Prior(nn.Module):
    """p(z) over codes of latent_dim numbers, d; a model trains its parameters with its own."""

    latent_dim: int

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        raise NotImplementedError

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        raise NotImplementedError

    def kl(self, q: DiagonalNormal, z: Tensor) -> Tensor:
        """log q(z|x) − log p(z) of the given z ~ q, whose mean is KL(q‖p): (B, d) → (B, 1)."""
        return (q.log_prob(z) - self.log_prob(z))[:, None]


class StandardNormal(Prior):
    """p(z) = N(0, I) in d dimensions, without parameters.

    Raises ValueError for a latent_dim below 1.
    """

    mean: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}")
        self.latent_dim = latent_dim
        # Knows the device and the dtype of the model.
        self.register_buffer("mean", torch.zeros(latent_dim), persistent=False)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        return normal_log_density(z, self.mean, torch.zeros_like(self.mean)).sum(-1)

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        return normal_like(self.mean.expand(n, -1), generator)

    def kl(self, q: DiagonalNormal, z: Tensor) -> Tensor:
        """KL(q(zⱼ|x)‖p(zⱼ)) of each dimension, in closed form  (KL.12): (B, d), whatever z is."""
        return kl_standard_normal(q.mu, q.logvar)


class NormalPrior(Prior):
    """p(z) = N(μ, diag σ²), with a mean and a width of each dimension that somebody gives.

    mu, logvar: μ and log σ², (d,), or (B, d) for another prior of each image.
    """

    def __init__(self, mu: Tensor, logvar: Tensor) -> None:
        super().__init__()
        self.mu, self.logvar, self.latent_dim = mu, logvar, mu.shape[-1]

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        return normal_log_density(z, self.mu, self.logvar).sum(-1)

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d); of priors of B images n = B, one of each."""
        shape = (n, self.latent_dim)
        return reparameterize(self.mu.expand(shape), self.logvar.expand(shape), generator)

    def kl(self, q: DiagonalNormal, z: Tensor) -> Tensor:
        """KL(q(zⱼ|x)‖p(zⱼ)) of each dimension, in closed form  (KL.10): (B, d), whatever z is."""
        # In the units of the prior, in which it is N(0, 1).
        return kl_standard_normal(
            (q.mu - self.mu) * (-self.logvar / 2).exp(), q.logvar - self.logvar
        )


class AutoregressivePrior(Prior):
    """p(z) = N(z₁; 0, 1) Πⱼ N(zⱼ; α zⱼ₋₁, 1 − α²): each number resembles the one before.

    Every zⱼ is N(0, 1). A q(z|x) whose dimensions are independent cannot follow it, so that its
    divergence never falls below `smallest_kl`, δ > 0: a δ-VAE.
    alpha: the correlation of neighbours, −1 < α < 1; with 0 this is N(0, I).
    Raises ValueError for another alpha, or for a latent_dim below 2, which has no neighbours.
    Razavi et al., Preventing Posterior Collapse with δ-VAEs, ICLR 2019.
    """

    logvar: Tensor

    def __init__(self, latent_dim: int, alpha: float) -> None:
        super().__init__()
        if latent_dim < 2:
            raise ValueError(f"latent_dim must be at least 2, got {latent_dim}")
        if not -1 < alpha < 1:
            raise ValueError(f"alpha must lie between −1 and 1, got {alpha}")
        self.latent_dim, self.alpha = latent_dim, alpha
        logvar = torch.full((latent_dim,), math.log1p(-(alpha**2)))
        logvar[0] = 0
        self.register_buffer("logvar", logvar, persistent=False)  # of each given the one before

    @property
    def smallest_kl(self) -> float:
        """δ = ½ [(d − 2) log(1 + α²) − log(1 − α²)], in nats, at μ = 0 and the best σ  (COL.7)."""
        square = self.alpha**2
        return (self.latent_dim - 2) * math.log1p(square) / 2 - math.log1p(-square) / 2

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        return normal_log_density(z, self.alpha * before(z), self.logvar).sum(-1)

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        steps = (self.logvar / 2).exp() * normal_like(self.logvar.expand(n, -1), generator)
        z = [steps[:, 0]]
        for step in steps.T[1:]:
            z.append(self.alpha * z[-1] + step)
        return torch.stack(z, 1)

    def kl(self, q: DiagonalNormal, z: Tensor) -> Tensor:
        """E_q[log q(zⱼ|x) − log p(zⱼ|zⱼ₋₁)] of each dimension, in closed form: (B, d).

        That of one dimension alone may be negative; their sum, the divergence, is at least δ.
        """
        variance = q.logvar.exp() + self.alpha**2 * before(q.logvar.exp())
        distance = variance + (q.mu - self.alpha * before(q.mu)).square()
        return (distance / self.logvar.exp() - 1 - q.logvar + self.logvar) / 2


def before(x: Tensor) -> Tensor:
    """What stands before each of the last axis, and 0 before the first."""
    return nn.functional.pad(x[..., :-1], (1, 0))


class GaussianMixture(Prior):
    """p(z) = Σₖ πₖ N(z; μₖ, diag σₖ²), with K components whose parameters are learned.

    The means are drawn from N(0, I), the weights start equal and every σ at 1.
    Raises ValueError when latent_dim or components is below 1.
    """

    def __init__(self, latent_dim: int, components: int, seed: int = 0) -> None:
        super().__init__()
        if latent_dim < 1 or components < 1:
            raise ValueError(
                f"latent_dim and components must be at least 1, got {latent_dim} and {components}"
            )
        self.latent_dim = latent_dim
        generator = torch.Generator().manual_seed(seed)
        self.logits = nn.Parameter(torch.zeros(components))
        self.mu = nn.Parameter(torch.randn(components, latent_dim, generator=generator))
        self.logvar = nn.Parameter(torch.zeros(components, latent_dim))

    @classmethod
    @torch.no_grad()
    def of(cls, weights: Any, means: Any, variances: Any) -> Self:
        """The mixture with these parts, as scikit-learn's `covariance_type="diag"` gives them.

        weights: (K,), which sum to 1. means, variances: (K, d); tensors or arrays.
        """
        mu = torch.as_tensor(means)
        prior = cls(mu.shape[1], len(mu))
        prior.logits.copy_(torch.as_tensor(weights).log())
        prior.mu.copy_(mu)
        prior.logvar.copy_(torch.as_tensor(variances).log())
        return prior

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        return mixture_log_prob(z, self.logits.log_softmax(0), self.mu, self.logvar)

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        return mixture_sample(n, self.logits.softmax(0), self.mu, self.logvar, generator)


class VampPrior(Prior):
    """p(z) = 1/K Σₖ q(z|uₖ): the codes of K pictures uₖ, which are learned.

    Without learning, and with all training images as uₖ, it is the aggregate posterior.
    encoder: that of the model, (B, C, H, W) → (B, 2d). pseudo_inputs: the first uₖ, (K, C, H, W)
    in [0, 1], for instance training images; what leaves the interval is moved to its end.
    Raises ValueError for pseudo_inputs that are no pictures or outside of [0, 1].
    """

    def __init__(self, encoder: nn.Module, pseudo_inputs: Tensor) -> None:
        super().__init__()
        if pseudo_inputs.ndim != 4 or not len(pseudo_inputs):
            raise ValueError(
                f"pseudo_inputs must be (K, C, H, W), got {tuple(pseudo_inputs.shape)}"
            )
        if pseudo_inputs.min() < 0 or pseudo_inputs.max() > 1:
            raise ValueError("pseudo_inputs must lie in [0, 1]")
        self.encoder = encoder
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.detach().clone())
        with torch.no_grad():
            self.latent_dim = encoder(pseudo_inputs[:1]).shape[1] // 2

    def components(self) -> DiagonalNormal:
        """q(z|uₖ): μ and log σ², (K, d) each."""
        return DiagonalNormal(*self.encoder(self.pseudo_inputs.clamp(0, 1)).chunk(2, dim=1))

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        mu, logvar = self.components()
        return mixture_log_prob(z, -math.log(len(mu)) + torch.zeros_like(mu[:, 0]), mu, logvar)

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        mu, logvar = self.components()
        return mixture_sample(n, torch.full_like(mu[:, 0], 1 / len(mu)), mu, logvar, generator)


class FlowPrior(Prior):
    """log p(z) = log N(f(z); 0, I) + log |det ∂f/∂z|, where f is a chain of affine couplings.

    A coupling leaves half of the coordinates as they are and computes from them a shift t and a
    log scale s of the others, z ↦ (z − t) · e^(−s), so that f is inverted without a search and its
    Jacobian is triangular. The halves change places from one coupling to the next. |s| stays below
    2. All begin as the identity, p(z) = N(0, I).
    hidden: the width of each coupling's network, which has two hidden layers.
    Raises ValueError for a latent_dim below 2, which has no halves, or couplings below 1.
    """

    mean: Tensor

    def __init__(
        self, latent_dim: int, couplings: int = 6, hidden: int = 64, seed: int = 0
    ) -> None:
        super().__init__()
        if latent_dim < 2 or couplings < 1:
            raise ValueError(
                f"latent_dim must be at least 2 and couplings at least 1, "
                f"got {latent_dim} and {couplings}"
            )
        self.latent_dim = latent_dim
        self.register_buffer("mean", torch.zeros(latent_dim), persistent=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = nn.ModuleList(
                coupling_network(len(kept), len(moved), hidden)
                for kept, moved in (self.halves(i) for i in range(couplings))
            )

    def halves(self, i: int) -> tuple[Sequence[int], Sequence[int]]:
        """The coordinates that coupling i leaves, and those that it moves."""
        first, second = range(self.latent_dim // 2), range(self.latent_dim // 2, self.latent_dim)
        return (first, second) if i % 2 == 0 else (second, first)

    def shift_and_log_scale(self, i: int, z: Tensor) -> tuple[Tensor, Tensor]:
        """t and s of coupling i, 0 for the coordinates that it leaves: two of (..., d)."""
        kept, moved = self.halves(i)
        t, s = self.networks[i](z[..., list(kept)]).chunk(2, dim=-1)
        place = z.new_zeros(len(moved), self.latent_dim)
        place[range(len(moved)), list(moved)] = 1
        return t @ place, 2 * (s / 2).tanh() @ place

    def to_noise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f(z) and log |det ∂f/∂z|: (..., d) → (..., d) and (...)."""
        log_det = z.new_zeros(z.shape[:-1])
        for i in range(len(self.networks)):
            t, s = self.shift_and_log_scale(i, z)
            z, log_det = (z - t) * (-s).exp(), log_det - s.sum(-1)
        return z, log_det

    def from_noise(self, noise: Tensor) -> Tensor:
        """f⁻¹: (..., d) → (..., d)."""
        z = noise
        for i in reversed(range(len(self.networks))):
            t, s = self.shift_and_log_scale(i, z)
            z = z * s.exp() + t
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z): (..., d) → (...)."""
        noise, log_det = self.to_noise(z)
        return normal_log_density(noise, self.mean, torch.zeros_like(self.mean)).sum(-1) + log_det

    def sample(self, n: int, generator: Rng = None) -> Tensor:
        """z ~ p(z): (n, d)."""
        return self.from_noise(normal_like(self.mean.expand(n, -1), generator))


def coupling_network(n_in: int, n_out: int, hidden: int) -> nn.Sequential:
    """(..., n_in) → (..., 2 n_out), which is 0 before it is trained."""
    last = nn.Linear(hidden, 2 * n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last
    )


def mixture_log_prob(z: Tensor, log_weights: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log Σₖ wₖ N(z; μₖ, diag σₖ²): z (..., d), log_weights (K,), mu and logvar (K, d) → (...)."""
    return (log_weights + component_log_prob(z, mu, logvar)).logsumexp(-1).to(z.dtype)


def component_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μₖ, diag σₖ²) of each component: z (..., d), mu and logvar (K, d) → (..., K)."""
    # The square is multiplied out: no tensor of (..., K, d), but it takes the digits of float64,
    # which autocast leaves alone.
    exact = torch.float32 if z.device.type == "mps" else torch.float64  # which MPS has not
    codes, means, precisions = z.to(exact), mu.to(exact), (-logvar).exp().to(exact)
    squares = codes.square() @ precisions.T - 2 * codes @ (means * precisions).T
    squares = squares + (means.square() * precisions).sum(1)  # (..., K)
    norms = logvar.sum(1) + math.log(2 * math.pi) * mu.shape[1]  # (K,)
    return -(squares + norms) / 2


def mixture_sample(
    n: int, weights: Tensor, mu: Tensor, logvar: Tensor, generator: Rng = None
) -> Tensor:
    """n draws from Σₖ wₖ N(μₖ, diag σₖ²): weights (K,), mu and logvar (K, d) → (n, d)."""
    u = uniform_like(weights.new_empty(n), generator).to(weights)
    k = torch.searchsorted(weights.cumsum(0), u).clamp(max=len(weights) - 1)  # (n,)
    return reparameterize(mu[k], logvar[k], generator)
