"""A prior over the tokens of a VQ-VAE: a small causal transformer.

Vaswani et al., Attention Is All You Need, NeurIPS 2017.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.vector_quantizer import check_tokens
from course_lib.noise import Rng
from course_lib.objectives import Loss


class TokenPrior(nn.Module):
    """p(k₁, …, k_T) = ∏ₜ p(kₜ | k₁, …, kₜ₋₁), a small causal transformer  (VQ.10).

    K: size of the codebook; tokens: T. width, layers, heads: of the transformer.
    Trained by `fit` on tokens, integers (N, T).
    Raises ValueError for K < 2, tokens < 1, or a width that heads do not divide.
    """

    mask: Tensor

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
        if width % heads:
            raise ValueError(f"width must be a multiple of heads = {heads}, got {width}")
        self.K, self.tokens = K, tokens
        with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw from the global one
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(K + 1, width)  # the last is the start
            self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
            layer = nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.head = nn.Linear(width, K)
        mask = nn.Transformer.generate_square_subsequent_mask(tokens)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of p(kₜ | k₁ … kₜ₋₁): (B, t) with t < T → (B, t + 1, K)."""
        tokens = tokens.long()  # 8 bits have no room for the start
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
        check_tokens(tokens, self.K)
        if tokens.ndim != 2 or tokens.shape[1] != self.tokens:
            raise ValueError(f"tokens must be (B, {self.tokens}), got {tuple(tokens.shape)}")
        logits = self(tokens)  # (B, T, K)
        return F.cross_entropy(logits.mT, tokens.long(), reduction="none").sum(1)

    def loss(self, tokens: Tensor, generator: Rng = None) -> Loss:
        """One term, −log p in nats per image, averaged over the batch."""
        return Loss({"nll": self.nll(tokens).mean()})

    @torch.no_grad()
    def sample(self, n: int, generator: Rng = None, given: Tensor | None = None) -> Tensor:
        """n grids, token by token: (n, T); given: (n, t), the first tokens of each.

        Raises ValueError for n < 1 and for other tokens.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        here = self.position.device
        place = here if generator is None else generator.device
        known = torch.empty(n, 0, dtype=torch.long, device=here)
        if given is not None:
            check_tokens(given, self.K)
            if given.ndim != 2 or len(given) != n or given.shape[1] > self.tokens:
                allowed = f"({n}, t) with t ≤ {self.tokens}"
                raise ValueError(f"given must be {allowed}, got {tuple(given.shape)}")
            known = given.to(here).long()
        token = known.new_full((n, 1), self.K)  # the start
        tokens, past = [], [known.new_empty(0)] * len(self.transformer.layers)
        for t in range(self.tokens):
            p = self._next(token, t, past).softmax(1)
            if t < known.shape[1]:
                token = known[:, t : t + 1]
            else:
                token = torch.multinomial(p.to(place), 1, generator=generator).to(here)
            tokens.append(token)
        return torch.cat(tokens, 1)

    def _next(self, token: Tensor, t: int, past: list[Tensor]) -> Tensor:
        """What `forward` gives for its last place: logits of p(kₜ₊₁ | k₁ … kₜ), (B, K).

        token: kₜ, (B, 1). past: of each layer the keys and values of the tokens before, to which
        those of this one are added, so that no token is worked on twice.
        """
        h = self.embedding(token) + self.position[t]  # (B, 1, width)
        for i, layer in enumerate(self.transformer.layers):
            attention = layer.self_attn
            x = F.linear(layer.norm1(h), attention.in_proj_weight, attention.in_proj_bias)
            x = x.unflatten(2, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4)
            query, new = x[0], x[1:]  # (B, heads, 1, width / heads), and the same for k and v
            past[i] = torch.cat([past[i], new], 3) if t else new
            seen = F.scaled_dot_product_attention(query, *past[i])
            h = h + attention.out_proj(seen.transpose(1, 2).flatten(2))
            h = h + layer.linear2(layer.activation(layer.linear1(layer.norm2(h))))
        return self.head(h)[:, 0]
