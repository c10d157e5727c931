"""The contractive autoencoder and three routes to its penalty.

Rifai, Vincent, Muller, Glorot & Bengio, Contractive Auto-Encoders: Explicit Invariance During
Feature Extraction, ICML 2011. Hutchinson, A Stochastic Estimator of the Trace of the Influence
Matrix, Communications in Statistics 18, 1989.
"""

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap
from torch.nn import functional as F

from course_lib.models.autoencoder import Autoencoder
from course_lib.noise import Rng, coins_like
from course_lib.objectives import Loss, check_not_negative


def jacobian(encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """J = ∂h/∂x for every image, exact for any differentiable encoder: (B, d, D).

    encode: (B, ...) → (B, d), each image by itself; x: (B, ...), D numbers an image.
    """
    return vmap(jacrev(lambda image: encode(image[None])[0]))(x).flatten(2)


def contractive_penalty(encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """‖J‖²_F = Σⱼ Σₖ (∂hⱼ/∂xₖ)²  (CAE.2), exact for any differentiable encoder.

    Arguments as for `jacobian`. Returns (B,), code units² per pixel unit².
    """
    return jacobian(encode, x).square().sum((1, 2))


def sigmoid_contractive_penalty(h: Tensor, W: Tensor) -> Tensor:
    """‖J‖²_F = Σⱼ (hⱼ(1 − hⱼ))² ‖Wⱼ‖²  (CAE.4) for one layer h = sigmoid(Wx + b).

    h: (B, d); W: (d, D). Returns (B,).
    """
    return (h * (1 - h)).square() @ W.square().sum(1)


def hutchinson_contractive_penalty(
    encode: Callable[[Tensor], Tensor],
    x: Tensor,
    generator: Rng = None,
) -> Tensor:
    """‖vᵀJ‖² with independent vⱼ = ±1: an unbiased estimate of ‖J‖²_F  (CAE.5).

    Arguments as for `jacobian`; one backward pass, whatever d is. Returns (B,).
    """
    if not x.requires_grad:
        x = x.detach().requires_grad_()
    with torch.enable_grad():
        h = encode(x)  # (B, d)
        v = 2 * coins_like(h, generator) - 1
        # Images do not touch each other: one backward pass gives vᵀJ of each.
        (vJ,) = torch.autograd.grad((v * h).sum(), x, create_graph=True)
    return vJ.flatten(1).square().sum(1)


def tangent_share(J: Tensor, tangents: Tensor) -> Tensor:
    """The share of ‖J‖²_F that belongs to directions along the data manifold.

    J: (B, d, D); tangents: (B, D, k), k independent vectors that span the tangent space of the
    manifold at each image. Returns (B,), from 0 (the code ignores all of them) to 1.
    """
    Q = torch.linalg.qr(tangents).Q  # (B, D, k), an orthonormal basis of the same space
    return (J @ Q).square().sum((1, 2)) / J.square().sum((1, 2))


def semi_axes(J: Tensor) -> Tensor:
    """The semi-axes of the ellipsoid that each J makes of a ball of radius 1: columns σᵢuᵢ.

    J: (B, d, D), with singular values σᵢ and left singular vectors uᵢ. Returns (B, d, min(d, D)),
    the longest first.
    """
    U, singular_values, _ = torch.linalg.svd(J, full_matrices=False)
    return U * singular_values[:, None]


class TiedDecoder(nn.Module):
    """h ↦ Wᵀh + c, where W is the weight of the encoder's layer and only c is its own."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self._tied = (layer,)  # in a tuple, so that it is no part of this one
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    @property
    def weight(self) -> Tensor:
        """W, (d, D), wherever the encoder has it."""
        return self._tied[0].weight

    def forward(self, h: Tensor) -> Tensor:
        return F.linear(h, self.weight.T, self.bias)


class ContractiveAutoencoder(Autoencoder):
    """Sigmoid units, and a penalty on how strongly they react to changes  (CAE.1).

    weight: λ ≥ 0. tied: let the decoder use the encoder's weights, transposed, as
        in the paper; only without hidden layers. The rest is as in Autoencoder.
    With hidden=() the penalty is (CAE.4), otherwise it is estimated by (CAE.5).
    Raises ValueError for a negative weight and when tied weights and hidden layers are asked for
    together.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = (),
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        weight: float = 1.0,
        tied: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood, "sigmoid", seed)
        check_not_negative(weight=weight)
        if tied and hidden:
            raise ValueError(f"tied needs hidden=(), got hidden={tuple(hidden)}")
        if tied:
            self.decoder = TiedDecoder(cast(nn.Linear, self.encoder[0]))
        self.hidden = tuple(hidden)
        self.weight = weight

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """Two terms: the reconstruction and, with weight λ, the penalty."""
        h = self.encode(x)
        if self.hidden:
            penalty = hutchinson_contractive_penalty(self.encode, x, generator)
        else:
            W = cast(nn.Linear, self.encoder[0]).weight
            penalty = sigmoid_contractive_penalty(h, W)
        terms = {
            "reconstruction": self.nll(x, self.decode(h)).mean(),
            "contraction": penalty.mean(),
        }
        return Loss(terms, {"contraction": self.weight})
