"""The β-VAE: one multiplier for the KL, chosen, scheduled, learned, or an input of the network.

β: Higgins et al., β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework,
ICLR 2017. Capacity: Burgess et al., Understanding Disentangling in β-VAE, 2018. Learned
multiplier: Rezende & Viola, Taming VAEs, 2018. Total correlation: Chen, Li, Grosse & Duvenaud,
Isolating Sources of Disentanglement in Variational Autoencoders, NeurIPS 2018. One model for all
β: Bae et al., Multi-Rate VAE: Train Once, Get the Full Rate–Distortion Curve, ICLR 2023.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from course_lib.information import kl_diagonal_normal
from course_lib.models.parts import Loss, mlp
from course_lib.models.variational_autoencoder import VAE, normal_log_density, reparameterize

SMALLEST_BETA = 1e-6  # of a multiplier that is learned: from 0 no factor would bring it back


class BetaVAE(VAE):
    """−E_q[log p_θ(x|z)] + β KL(q_φ(z|x)‖p(z))  (BVAE.3).

    beta: weight β ≥ 0 of the KL. warm_up: training steps in which the weight
        grows from 0 to β along a line. Other arguments are those of VAE.
    Raises ValueError for a negative beta or warm_up, and as VAE does.
    """

    def __init__(
        self,
        *args: Any,
        beta: float = 1.0,
        warm_up: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        _check_not_negative(beta=beta, warm_up=warm_up)
        self.beta, self.warm_up = beta, warm_up
        self.register_buffer("steps", torch.tensor(0))  # of the training so far

    def schedule(self) -> float:
        """The share of the weight, or the capacity, that has been reached."""
        return min(1.0, self.steps.item() / self.warm_up) if self.warm_up else 1.0

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """The terms of −ELBO in nats, the KL weighted; a training step counts."""
        terms = super().loss(x, generator).terms
        weight = self.beta * self.schedule()
        self.steps += self.training
        return Loss(terms, {"kl": weight})


class CapacityVAE(BetaVAE):
    """−E_q[log p_θ(x|z)] + γ |KL(q_φ(z|x)‖p(z)) − C|  (BVAE.6): a KL that grows to C.

    capacity: C ≥ 0 in nats, reached along a line after `warm_up` training steps.
    gamma: γ ≥ 0. Other arguments are those of VAE.
    Raises ValueError for a negative capacity, gamma or warm_up, and as VAE does.
    """

    def __init__(
        self,
        *args: Any,
        capacity: float,
        gamma: float = 100.0,
        warm_up: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, warm_up=warm_up, **kwargs)
        _check_not_negative(capacity=capacity, gamma=gamma)
        self.capacity, self.gamma = capacity, gamma

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """reconstruction, kl (weight 0, to look at) and its distance from C (weight γ)."""
        target = self.capacity * self.schedule()
        terms = super().loss(x, generator).terms
        distance = (terms["kl"] - target).abs()
        return Loss({**terms, "distance": distance}, {"kl": 0.0, "distance": self.gamma})


class ConstrainedVAE(VAE):
    """max E_q[log p_θ(x|z)] subject to KL(q_φ(z|x)‖p(z)) ≤ C  (BVAE.5).

    Every training step multiplies β, the constraint's multiplier, by
    exp(rate · (KL − C) / C), the exponent at most `rate`: it grows while the KL is
    above the budget, and falls towards 0 where the constraint does not bind.
    capacity: the budget C > 0 in nats. rate > 0. Other arguments are those of VAE.
    Raises ValueError for a capacity or rate that is not positive, and as VAE does.
    """

    def __init__(
        self,
        *args: Any,
        capacity: float,
        rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, value in {"capacity": capacity, "rate": rate}.items():
            if not value > 0:
                raise ValueError(f"{name} must be > 0, got {value}")
        self.capacity, self.rate = capacity, rate
        self.register_buffer("beta", torch.tensor(1.0))

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """The β-VAE's loss with the present β, which a training step moves."""
        terms = super().loss(x, generator).terms
        beta = self.beta.item()
        if self.training:
            excess = (terms["kl"].item() - self.capacity) / self.capacity
            self.beta *= math.exp(self.rate * min(excess, 1.0))
            self.beta.clamp_(min=SMALLEST_BETA)
        return Loss(terms, {"kl": beta})


class BetaVAEStack(nn.Module):
    """Several β-VAEs of one architecture as one, by batched matrix products.

    Its loss is the sum of theirs on the same images and the same noise; no model sees another. So
    training the stack trains each as if alone, with fewer and larger steps for the computer.
    models: BetaVAEs, at least one. `unstack` writes the weights back into them.
    Raises ValueError when a model is not a BetaVAE, learns its σ, or differs in its layers,
    likelihood or σ from the first.
    """

    def __init__(self, models: Sequence[BetaVAE]) -> None:
        super().__init__()
        if not models or any(type(model) is not BetaVAE for model in models):
            raise ValueError(f"models must be BetaVAEs, got {[type(m).__name__ for m in models]}")
        if any(m.likelihood == "gaussian" and m.log_sigma.requires_grad for m in models):
            raise ValueError("models that learn their sigma cannot be stacked; fix it")
        kinds = {(str(m), m.image_shape, m.likelihood, m.log_sigma.item()) for m in models}
        if len(kinds) > 1:
            raise ValueError("models must have the same layers, likelihood and sigma")
        self.models = list(models)  # no parameters of this module: they are not trained here
        self.encoder = _stacked([m.encoder for m in models])
        self.decoder = _stacked([m.decoder for m in models])

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """The terms and the total of every model s, as "kl s" and so on; the totals count."""
        S, B = len(self.models), len(x)
        mu, logvar = self.encoder(x.flatten(1).expand(S, B, -1)).chunk(2, dim=2)  # (S, B, d)
        epsilon = torch.randn(mu.shape[1:], generator=generator)  # for all models the same
        output = self.decoder(mu + (logvar / 2).exp() * epsilon)  # (S, B, D)
        images = x.expand(S, *x.shape).flatten(0, 1)
        nll = self.models[0].nll(images, output.reshape(images.shape)).view(S, B).mean(1)
        kl = kl_diagonal_normal(mu, logvar).mean(1)  # (S,)
        terms, weights = {}, {}
        for s, model in enumerate(self.models):
            total = nll[s] + model.beta * model.schedule() * kl[s]
            terms |= {f"reconstruction {s}": nll[s], f"kl {s}": kl[s], f"total {s}": total}
            weights |= {f"reconstruction {s}": 0.0, f"kl {s}": 0.0}
            model.steps += self.training
        return Loss(terms, weights)

    @torch.no_grad()
    def unstack(self) -> None:
        """Give every model its weights."""
        for s, model in enumerate(self.models):
            for stack, network in (self.encoder, model.encoder), (self.decoder, model.decoder):
                for parameter, own in zip(stack.parameters(), network.parameters(), strict=True):
                    own.copy_(parameter[s])


class _StackedLinear(nn.Module):
    """S linear layers, one for each of S batches: (S, B, n) → (S, B, m)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, None], x, self.weight.mT)


def _stacked(networks: Sequence[nn.Sequential]) -> nn.Sequential:
    layers = zip(*networks, strict=True)
    return nn.Sequential(
        *[_StackedLinear(same) if isinstance(same[0], nn.Linear) else same[0] for same in layers]
    )


class ConditionalBetaVAE(VAE):
    """One VAE for every β in a range: q_φ(z|x, β) and p_θ(x|z, β)  (BVAE.7).

    Trained with log β drawn uniformly for every image; both networks get it as one more input,
    scaled to [−1, 1]. `at(beta)` is the model for one β, an ordinary VAE to everybody else;
    without it, encode and decode take the middle of the range.
    beta_range: smallest and largest β, 0 < smallest < largest. Other arguments are those of VAE.
    Raises ValueError for another range, and as VAE does.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (128,),
        *,
        beta_range: tuple[float, float] = (0.1, 10.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, **kwargs)
        low, high = beta_range
        if not 0 < low < high:
            raise ValueError(f"beta_range must be 0 < smallest < largest, got {beta_range}")
        self.beta_range = (low, high)
        self.beta: Tensor | None = None  # () or (B, 1)
        generator = torch.Generator().manual_seed(kwargs.get("seed", 0))
        pixels = math.prod(image_shape)
        self.encoder = mlp([pixels + 1, *hidden, 2 * latent_dim], generator)
        self.decoder = mlp([latent_dim + 1, *reversed(hidden), pixels], generator)

    def at(self, beta: float) -> Self:
        """The same weights at one β; raises ValueError for a β outside the range."""
        low, high = self.beta_range
        if not low <= beta <= high:
            raise ValueError(f"beta must lie in [{low:g}, {high:g}], got {beta:g}")
        model = copy.copy(self)
        model.beta = torch.tensor(float(beta))
        return model

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of q_φ(z|x, β): (B, C, H, W) → two of (B, d)."""
        mu, logvar = self.encoder(self._with_beta(x.flatten(1))).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Logits or the mean of p_θ(x|z, β): (B, d) → (B, C, H, W)."""
        return self.decoder(self._with_beta(z)).view(-1, *self.image_shape)

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """reconstruction, kl (weight 0, to look at) and β · kl, with a β for each image."""
        if self.beta is None:
            low, high = self.beta_range
            model = copy.copy(self)
            model.beta = low * (high / low) ** torch.rand(len(x), 1, generator=generator)
            return model.loss(x, generator)
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, generator)
        nll, kl = self.nll(x, self.decode(z)), kl_diagonal_normal(mu, logvar)  # (B,)
        weighted = (self.beta.flatten() * kl).mean()
        terms = {"reconstruction": nll.mean(), "kl": kl.mean(), "weighted_kl": weighted}
        return Loss(terms, {"kl": 0.0})

    def _with_beta(self, inputs: Tensor) -> Tensor:
        low, high = self.beta_range
        beta = inputs.new_tensor(math.sqrt(low * high)) if self.beta is None else self.beta
        position = 2 * (beta / low).log() / math.log(high / low) - 1  # in [−1, 1]
        return torch.cat([inputs, position.expand(len(inputs), 1)], dim=1)


class BetaTCVAE(VAE):
    """−E_q[log p_θ(x|z)] + I(x; z) + β TC(z) + Σⱼ KL(q(zⱼ)‖p(zⱼ))  (BVAE.9).

    The three parts of the KL are estimated from the batch by minibatch-stratified sampling.
    dataset_size: number N ≥ 2 of training images. beta ≥ 0: weight of the total correlation.
    Other arguments are those of VAE.
    Raises ValueError for another dataset_size or beta, and as VAE does.
    """

    def __init__(
        self,
        *args: Any,
        dataset_size: int,
        beta: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        _check_not_negative(beta=beta)
        if dataset_size < 2:
            raise ValueError(f"dataset_size must be at least 2, got {dataset_size}")
        self.beta, self.dataset_size = beta, dataset_size

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """Four terms in nats per image; with β = 1 their expectation is that of VAE.loss."""
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, generator)  # (B, d)
        log_weights = stratified_log_weights(len(x), self.dataset_size)
        log_conditional = normal_log_density(z, mu, logvar).sum(1)
        parts = kl_parts(z, log_conditional, mu, logvar, log_weights)
        terms = {"reconstruction": self.nll(x, self.decode(z)).mean(), **parts}
        return Loss(terms, {"total_correlation": self.beta})


def stratified_log_weights(batch_size: int, dataset_size: int) -> Tensor:
    """log of the weights that make Σⱼ wᵢⱼ q(zᵢ|xⱼ) an unbiased estimate of q(zᵢ)  (BVAE.10).

    zᵢ comes from xᵢ, which is in the batch for certain: weight 1/N. The other B − 1 images stand
    for the remaining N − 1: weight (N − 1) / (N (B − 1)) each. Chen et al. put an uneven weight
    on one of them; this is the mean over which one it is. Returns (B, B).
    Raises ValueError unless 2 ≤ batch_size ≤ dataset_size.
    """
    if not 2 <= batch_size <= dataset_size:
        raise ValueError(
            f"batch_size must lie between 2 and dataset_size = {dataset_size}, got {batch_size}"
        )
    others = (dataset_size - 1) / (dataset_size * (batch_size - 1))
    weights = torch.full((batch_size, batch_size), others).fill_diagonal_(1 / dataset_size)
    return weights.log()


def kl_parts(
    z: Tensor, log_conditional: Tensor, mu: Tensor, logvar: Tensor, log_weights: Tensor
) -> dict[str, Tensor]:
    """E KL(q(z|x)‖p(z)) = I(x; z) + TC(z) + Σⱼ KL(q(zⱼ)‖p(zⱼ))  (BVAE.8), in nats.

    z: (M, d), one sample for each of M images; log_conditional: log q(z|x) of each, (M,);
    mu, logvar: (N, d), the images whose mixture stands for q(z), and log_weights the logarithm of
    the weight of each of them for each sample, anything that broadcasts to (M, N).
    """
    log_q = normal_log_density(z[:, None], mu, logvar)  # (M, N, d)
    log_marginal = (log_q.sum(2) + log_weights).logsumexp(1)  # log q(z), (M,)
    log_product = (log_q + log_weights[..., None]).logsumexp(1).sum(1)  # Σⱼ log q(zⱼ)
    log_prior = normal_log_density(z, torch.zeros(1), torch.zeros(1)).sum(1)
    return {
        "mutual_information": (log_conditional - log_marginal).mean(),
        "total_correlation": (log_marginal - log_product).mean(),
        "dimension_wise_kl": (log_product - log_prior).mean(),
    }


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must be ≥ 0, got {value}")
