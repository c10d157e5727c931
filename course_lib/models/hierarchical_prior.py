"""A prior over several levels of tokens: one transformer a level, told the levels above it.

The priors of VQ-VAE-2 are PixelCNNs with self-attention (Razavi et al., NeurIPS 2019); here they
are small transformers, as in Esser, Rombach & Ommer, Taming Transformers, CVPR 2021.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.token_prior import TokenPrior
from course_lib.models.vector_quantizer import check_tokens
from course_lib.noise import Rng
from course_lib.objectives import Loss


class HierarchicalPrior(nn.Module):
    """log p(k) = log p(k_top) + log p(k_bottom | k_top), a level's own tokens in a chain  (VQ2.5).

    Ks, lengths: codes and tokens of each level, from the top down. A class may be the first
    level, with one token. width, layers, heads: of each level's TokenPrior, which reads the
    levels above as the beginning of its text.
    A text is integers (B, ΣT), level after level, each counted from 0; `fit` trains on texts.
    Raises ValueError for lists of different lengths, and as TokenPrior does.
    """

    def __init__(
        self,
        Ks: Sequence[int],
        lengths: Sequence[int],
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if len(Ks) != len(lengths) or not Ks:
            raise ValueError(f"Ks and lengths must be of one length, got {Ks} and {lengths}")
        self.Ks, self.lengths = tuple(Ks), tuple(lengths)
        self.levels = nn.ModuleList(
            TokenPrior(sum(Ks[: i + 1]), sum(lengths[: i + 1]), width, layers, heads, seed + i)
            for i in range(len(Ks))
        )
        level_of = torch.arange(len(Ks)).repeat_interleave(torch.tensor(lengths))  # (ΣT,)
        first = torch.tensor([sum(Ks[:i]) for i in range(len(Ks))])
        self.register_buffer("offset", first[level_of], persistent=False)  # a word of its own

    offset: Tensor

    def _logits(self, level: int, words: Tensor) -> Tensor:
        """Of the tokens of a level, as far as there are words before them: (B, ·, K)."""
        above = sum(self.lengths[:level])
        return self.levels[level](words)[:, above:, -self.Ks[level] :]

    def nll(self, text: Tensor) -> Tensor:
        """−log p of each level given those above it, in nats: (B, ΣT) → (B, levels).

        Raises ValueError for another shape, and for tokens without a code.
        """
        self._check(text)
        parts = text.long().split(self.lengths, 1)
        words = text.long() + self.offset
        nll = []
        for level, part in enumerate(parts):
            logits = self._logits(level, words[:, : sum(self.lengths[: level + 1])])
            nll.append(F.cross_entropy(logits.mT, part, reduction="none").sum(1))
        return torch.stack(nll, 1)

    def loss(self, text: Tensor, generator: Rng = None) -> Loss:
        """A term for each level, from 0, the top, in nats per image, averaged over the batch."""
        terms = {f"nll {level}": nll for level, nll in enumerate(self.nll(text).mean(0))}
        return Loss(terms)

    @torch.no_grad()
    def sample(self, n: int, generator: Rng = None, given: Tensor | None = None) -> Tensor:
        """n texts, token by token: (n, ΣT).

        given: (n, ΣT), tokens that are taken over, and −1 where one is drawn. A token knows what
        stands before it, given or drawn, and nothing of what is given after it.
        Raises ValueError for n < 1 and for other tokens.
        """
        here = self.offset.device
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        given = torch.full((n, len(self.offset)), -1) if given is None else given
        if len(given) != n:
            raise ValueError(f"given must have {n} texts, got {len(given)}")
        self._check(given.clamp(min=0))
        text, place = given.to(here).long().clone(), here if generator is None else generator.device
        for level, end in enumerate(torch.tensor(self.lengths).cumsum(0).tolist()):
            for t in range(end - self.lengths[level], end):
                words = (text + self.offset)[:, :t]
                p = self._logits(level, words)[:, -1].softmax(1)
                drawn = torch.multinomial(p.to(place), 1, generator=generator)[:, 0].to(here)
                text[:, t] = torch.where(text[:, t] < 0, drawn, text[:, t])
        return text

    def _check(self, text: Tensor) -> None:
        """Raises ValueError for another shape, and for tokens without a code."""
        length = sum(self.lengths)
        if text.is_floating_point() or text.ndim != 2 or text.shape[1] != length:
            given = f"{text.dtype} of shape {tuple(text.shape)}"
            raise ValueError(f"text must be integers (B, {length}), got {given}")
        for part, K in zip(text.split(self.lengths, 1), self.Ks, strict=True):
            check_tokens(part, K)


def as_text(tokens: Sequence[Tensor]) -> Tensor:
    """Grids of tokens, from the top down, as one text: (B, *grid) each → (B, ΣT)."""
    return torch.cat([k.flatten(1) for k in tokens], 1)
