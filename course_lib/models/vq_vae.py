"""The VQ-VAE: an autoencoder whose code is a grid of indices into a codebook, and a prior over it.

van den Oord, Vinyals & Kavukcuoglu, Neural Discrete Representation Learning, NeurIPS 2017;
the moving averages are in its appendix A.1. Revival of unused codes: Williams et al.,
Hierarchical Quantized Autoencoders, NeurIPS 2020. Straight-through: Bengio, Léonard & Courville,
Estimating or Propagating Gradients Through Stochastic Neurons, 2013.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.autoencoder import Autoencoder
from course_lib.models.parts import Loss, halved, resampling, seeded


def nearest_code(z_e: Tensor, codebook: Tensor) -> Tensor:
    """kᵢ = argminₖ ‖z_eᵢ − eₖ‖ (VQ.2), by ½‖eₖ‖² − z_eᵢᵀeₖ, less by ½‖z_eᵢ‖².

    z_e: (M, D_e); codebook: (K, D_e). Returns (M,), the first of the nearest.
    Raises ValueError for another shape, no vector, or one that is not finite.
    """
    _check_vectors(z_e, codebook.shape[1])
    center = codebook.mean(0)  # far from 0 the squares would swallow the distances
    e = codebook - center
    half_norms = e.square().sum(1) / 2  # (K,)
    return torch.addmm(half_norms, z_e - center, e.T, alpha=-1).min(1).indices


def straight_through(z_e: Tensor, e: Tensor) -> Tensor:
    """z_q = z_e + sg[e − z_e]  (VQ.4): the value of e with the gradient of z_e."""
    return z_e + (e - z_e).detach()


class Quantized(NamedTuple):
    """What a VectorQuantizer makes of M vectors.

    z_q: (M, D_e), straight through. indices: (M,). codebook_loss: ‖sg[z_e] − e‖² (VQ.5);
    commitment_loss: ‖z_e − sg[e]‖² (VQ.6), (M,) each.
    """

    z_q: Tensor
    indices: Tensor
    codebook_loss: Tensor
    commitment_loss: Tensor


def _check_vectors(z_e: Tensor, code_dim: int) -> None:
    if z_e.ndim != 2 or z_e.shape[1] != code_dim or len(z_e) == 0:
        raise ValueError(f"z_e must be (M, {code_dim}) with M ≥ 1, got {tuple(z_e.shape)}")
    if not all(map(torch.isfinite, torch.aminmax(z_e))):
        raise ValueError("z_e must be finite, got NaN or infinite numbers")


def _check_tokens(tokens: Tensor, T: int, K: int) -> None:
    if tokens.ndim != 2 or tokens.shape[1] != T or len(tokens) == 0:
        raise ValueError(f"tokens must be (B, {T}) with B ≥ 1, got {tuple(tokens.shape)}")
    if tokens.min() < 0 or tokens.max() >= K:
        span = f"{tokens.min()} to {tokens.max()}"
        raise ValueError(f"tokens must be from 0 to {K - 1}, got {span}")


class VectorQuantizer(nn.Module):
    """K codes eₖ in D_e dimensions; each vector becomes the nearest of them (VQ.1).

    update: "ema", codes are moving averages of the vectors that choose them (VQ.9),
        or "gradient", they learn from the codebook loss.
    gamma: decay 0 ≤ γ < 1 of the averages.
    revive_below: a code used less than this share of the mean use N/K is moved to a
        vector of the batch; 0 lets unused codes be. Keep it far below 1, or good
        codes are destroyed, too.
    initial: "data", the first training batch gives the codes; or "normal", N(0, I).
    Counts and sums are buffers: they are saved and loaded with the weights. They
    start as if every code had been used once where it lies.

    Raises ValueError for K < 2, code_dim < 1, γ or revive_below outside [0, 1) and
    for an unknown update or initial.
    """

    SMOOTHING = 1e-5  # ε of Laplace

    def __init__(
        self,
        K: int,
        code_dim: int,
        update: Literal["ema", "gradient"] = "ema",
        gamma: float = 0.99,
        revive_below: float = 0.05,
        initial: Literal["data", "normal"] = "data",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if K < 2 or code_dim < 1:
            given = f"{K} and {code_dim}"
            raise ValueError(f"K must be at least 2 and code_dim 1, got {given}")
        for name, value in {"gamma": gamma, "revive_below": revive_below}.items():
            if not 0 <= value < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {value}")
        if update not in ("ema", "gradient") or initial not in ("data", "normal"):
            raise ValueError(
                'update must be "ema" or "gradient" and initial "data" or '
                f'"normal", got {update!r} and {initial!r}'
            )
        self.update, self.gamma, self.revive_below = update, gamma, revive_below
        generator = torch.Generator().manual_seed(seed)
        codes = torch.randn(K, code_dim, generator=generator)
        self.codebook = nn.Parameter(codes, requires_grad=update == "gradient")
        self.register_buffer("count", torch.ones(K))  # N
        self.register_buffer("sum", codes.clone())  # m
        self.register_buffer("started", torch.tensor(initial == "normal"))

    def forward(
        self,
        z_e: Tensor,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize (M, D_e); in training mode also update the codebook by them.

        generator: draws the vectors on which codes are placed.
        Raises ValueError as `nearest_code` does.
        """
        with torch.no_grad():
            indices = nearest_code(z_e, self.codebook)
            if self.training and not self.started:
                self.start(z_e, generator)
                indices = nearest_code(z_e, self.codebook)
        e = F.embedding(indices, self.codebook)  # (M, D_e)
        quantized = Quantized(
            straight_through(z_e, e),
            indices,
            codebook_loss=(z_e.detach() - e).square().sum(1),
            commitment_loss=(z_e - e.detach()).square().sum(1),
        )
        if self.training:
            self.step(z_e.detach(), indices, generator)
        return quantized

    @torch.no_grad()
    def step(
        self,
        z_e: Tensor,
        indices: Tensor,
        generator: torch.Generator | None = None,
    ) -> None:
        """Move averages (VQ.8), codes (VQ.9) and unused codes by one batch.

        N ← γN + (1 − γ)n and m ← γm + (1 − γ) Σ z_e; Laplace-smoothed,
        e = m / N̂ with N̂ = (N + ε) ΣN / (ΣN + Kε). Codes without a vector stay.
        """
        K = len(self.codebook)
        n = torch.bincount(indices, minlength=K).to(z_e.dtype)
        self.count.lerp_(n, 1 - self.gamma)
        if self.update == "ema":
            total = torch.zeros_like(self.sum).index_add_(0, indices, z_e)
            self.sum.lerp_(total, 1 - self.gamma)
            N = self.count.sum()
            smoothed = (self.count + self.SMOOTHING) * N / (N + K * self.SMOOTHING)
            # Where n = 0 the ratio is as it was, but ε would in time draw it to 0.
            chosen, moved = n[:, None] > 0, self.sum / smoothed[:, None]
            self.codebook.copy_(torch.where(chosen, moved, self.codebook))
        dead = self.count < self.revive_below * self.count.mean()
        if dead.any():
            self._place(dead, z_e, generator)

    @torch.no_grad()
    def start(self, z_e: Tensor, generator: torch.Generator | None = None) -> None:
        """Put all codes on vectors drawn from a batch (M, D_e).

        Raises ValueError as `nearest_code` does.
        """
        _check_vectors(z_e, self.codebook.shape[1])
        self._place(torch.ones_like(self.count, dtype=torch.bool), z_e, generator)
        self.started.fill_(True)

    @torch.no_grad()
    def move(self, codes: Tensor | int, to: Tensor) -> None:
        """Put codes, given by index or mask, elsewhere; averages go on there."""
        self.codebook[codes] = to
        self.sum[codes] = to * self.count[codes, None]

    def _place(
        self,
        codes: Tensor,
        z_e: Tensor,
        generator: torch.Generator | None,
    ) -> None:
        """Put the codes of a mask on vectors of the batch, with the mean count."""
        number, M = int(codes.sum()), len(z_e)
        order = torch.randperm(M, generator=generator).repeat(math.ceil(number / M))
        self.count[codes] = M / len(self.codebook)
        self.move(codes, z_e[order[:number]])


class VQVAE(Autoencoder):
    """z_e = E(x), z_q = its nearest codes, x̂ = D(z_q); T tokens an image (VQ.3).

    K: size of the codebook; code_dim: D_e; tokens: T, the encoder's vectors.
    commitment: weight β_c ≥ 0 of the commitment loss.
    quantizer: a VectorQuantizer(K, code_dim) of your own; None: a default one.
    Other arguments are those of Autoencoder, whose latent_dim here is T · D_e.
    Raises ValueError for tokens below 1, negative commitment, a quantizer of
    another size, and as VectorQuantizer and Autoencoder do.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        K: int,
        code_dim: int,
        tokens: int = 4,
        hidden: Sequence[int] = (128,),
        *,
        commitment: float = 0.25,
        quantizer: VectorQuantizer | None = None,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        seed: int = 0,
    ) -> None:
        if tokens < 1:
            raise ValueError(f"tokens must be at least 1, got {tokens}")
        if not commitment >= 0:
            raise ValueError(f"commitment must be ≥ 0, got {commitment}")
        numbers = tokens * code_dim
        super().__init__(image_shape, numbers, hidden, likelihood, seed=seed)
        self.commitment = commitment
        self.quantizer = quantizer or VectorQuantizer(K, code_dim, seed=seed)
        if self.quantizer.codebook.shape != (K, code_dim):
            size, given = (K, code_dim), tuple(self.quantizer.codebook.shape)
            raise ValueError(f"quantizer must have the size {size}, got {given}")
        self.grid = (1, tokens)

    def encode(self, x: Tensor) -> Tensor:
        """z_e = E(x): (B, C, H, W) → (B, T, D_e)."""
        return super().encode(x).unflatten(1, (self.grid[1], -1))

    def decode(self, z_q: Tensor) -> Tensor:
        """D(z_q): (B, T, D_e) → (B, C, H, W), logits or the mean."""
        return super().decode(z_q.flatten(1))

    def quantize(
        self,
        z_e: Tensor,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """The quantizer on a batch: (B, T, D_e) → Quantized of B·T vectors."""
        return self.quantizer(z_e.flatten(0, 1), generator)

    @torch.no_grad()
    def tokens(self, x: Tensor) -> Tensor:
        """The indices k: (B, C, H, W) → (B, T), integers from 0 to K − 1."""
        z_e = self.encode(x)
        indices = nearest_code(z_e.flatten(0, 1), self.quantizer.codebook)
        return indices.view(z_e.shape[:2])

    def decode_tokens(self, tokens: Tensor) -> Tensor:
        """The picture that tokens stand for: (B, T) → (B, C, H, W) in pixel units.

        Raises ValueError for another shape or tokens that are not from 0 to K − 1.
        """
        _check_tokens(tokens, math.prod(self.grid), len(self.quantizer.codebook))
        return self.decode_mean(F.embedding(tokens, self.quantizer.codebook))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction through the codebook: (B, C, H, W), in pixel units."""
        return self.decode_tokens(self.tokens(x))

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Loss:
        """reconstruction + Σ ‖sg[z_e] − e‖² + β_c Σ ‖z_e − sg[e]‖²  (VQ.7).

        Moving averages take the place of the middle term, which is then left out.
        """
        z_e = self.encode(x)  # (B, T, D_e)
        quantized = self.quantize(z_e, generator)
        output = self.decode(quantized.z_q.view_as(z_e))
        terms = {"reconstruction": self.nll(x, output).mean()}
        if self.quantizer.update == "gradient":
            terms["codebook"] = quantized.codebook_loss.sum() / len(x)
        terms["commitment"] = quantized.commitment_loss.sum() / len(x)
        return Loss(terms, {"commitment": self.commitment})


class ConvolutionalVQVAE(VQVAE):
    """A VQ-VAE whose tokens lie on a grid: every convolution halves the sides.

    channels: of the encoder's convolutions, mirrored in the decoder.
    The grid gives the number of tokens; other arguments are those of VQVAE.
    Raises ValueError when a side cannot be halved that often, and as VQVAE does.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        K: int,
        code_dim: int,
        channels: Sequence[int] = (32, 64),
        *,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        sizes = image_shape, K, code_dim
        super().__init__(*sizes, tokens=1, hidden=(), seed=seed, **kwargs)
        self.grid = halved(image_shape, len(channels))
        self.latent_dim = math.prod(self.grid) * code_dim
        generator = torch.Generator().manual_seed(seed)
        widths = [image_shape[0], *channels]
        down = resampling(nn.Conv2d, widths, generator)
        up = resampling(nn.ConvTranspose2d, widths[::-1], generator)
        inner = channels[-1]
        to_code = seeded(nn.Conv2d, inner, code_dim, 1, generator=generator)
        from_code = seeded(nn.Conv2d, code_dim, inner, 3, 1, 1, generator=generator)
        self.encoder = nn.Sequential(*down, nn.ReLU(), to_code)
        self.decoder = nn.Sequential(from_code, nn.ReLU(), *up)

    def encode(self, x: Tensor) -> Tensor:
        """z_e = E(x): (B, C, H, W) → (B, T, D_e), the grid row by row."""
        return self.encoder(x).flatten(2).mT

    def decode(self, z_q: Tensor) -> Tensor:
        """D(z_q): (B, T, D_e) → (B, C, H, W), logits or the mean."""
        return self.decoder(z_q.mT.unflatten(2, self.grid))


class TokenPrior(nn.Module):
    """p(k₁, …, k_T) = ∏ₜ p(kₜ | k₁, …, kₜ₋₁), a small causal transformer  (VQ.11).

    K: size of the codebook; tokens: T. width, layers, heads: of the transformer.
    Trained by `fit` on tokens, integers (N, T).
    Raises ValueError for K < 2 or tokens < 1.
    """

    def __init__(
        self,
        K: int,
        tokens: int,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if K < 2 or tokens < 1:
            given = f"{K} and {tokens}"
            raise ValueError(f"K must be at least 2 and tokens 1, got {given}")
        self.K, self.tokens = K, tokens
        with torch.random.fork_rng():  # PyTorch's layers draw from the global one
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(K + 1, width)  # the last is the start
            self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
            settings = {"dropout": 0.0, "batch_first": True, "norm_first": True}
            layer = nn.TransformerEncoderLayer(width, heads, 4 * width, **settings)
            self.transformer = nn.TransformerEncoder(
                layer,
                layers,
                enable_nested_tensor=False,
            )
            self.head = nn.Linear(width, K)
        mask = nn.Transformer.generate_square_subsequent_mask(tokens)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of p(kₜ | k₁ … kₜ₋₁): (B, t) with t < T → (B, t + 1, K)."""
        start = tokens.new_full((len(tokens), 1), self.K)
        before = torch.cat([start, tokens], 1)[:, : self.tokens]  # (B, t)
        t = before.shape[1]
        h = self.embedding(before) + self.position[:t]
        h = self.transformer(h, mask=self.mask[:t, :t], is_causal=True)
        return self.head(h)

    def nll(self, tokens: Tensor) -> Tensor:
        """−log p(k₁, …, k_T) in nats: (B, T) → (B,).

        Raises ValueError for another shape or tokens that are not from 0 to K − 1.
        """
        _check_tokens(tokens, self.tokens, self.K)
        logits = self(tokens)  # (B, T, K)
        return F.cross_entropy(logits.mT, tokens, reduction="none").sum(1)

    def loss(
        self,
        tokens: Tensor,
        generator: torch.Generator | None = None,
    ) -> Loss:
        """One term, −log p in nats per image, averaged over the batch."""
        return Loss({"nll": self.nll(tokens).mean()})

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n grids, token by token: (n, T). Raises ValueError for n < 1."""
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        tokens = torch.empty(n, 0, dtype=torch.long)
        for _ in range(self.tokens):
            p = self(tokens)[:, -1].softmax(1)
            drawn = torch.multinomial(p, 1, generator=generator)
            tokens = torch.cat([tokens, drawn], 1)
        return tokens
