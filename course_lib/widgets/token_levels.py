"""Tokens on several levels: take each level from another image, and change one token of each."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from traitlets import Dict, HasTraits, Int, List

from course_lib.models import VQVAE2
from course_lib.plots import check_images
from course_lib.widgets.inputs import check_fit, like
from course_lib.widgets.sent import sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import Widget, script


class Choices(List):
    """A whole number for each level, from `least` to one less than what another trait counts."""

    def __init__(self, counts: str, least: int = 0) -> None:
        super().__init__(Int())
        self.counts, self.least = counts, least
        self.tag(sync=True)

    def validate(self, obj: HasTraits, value: Any) -> list[int]:
        """Raises ValueError for another number of levels, and for numbers out of their range."""
        value, counts = super().validate(obj, list(value)), getattr(obj, self.counts)
        if len(value) != len(counts) or any(
            not self.least <= v < count for v, count in zip(value, counts, strict=False)
        ):
            allowed = " and ".join(f"{self.least} to {count - 1}" for count in counts)
            raise ValueError(f"{self.name} must be from {allowed}, got {value}")
        return value


class TokenLevels(Widget):
    """The tokens of every level of a VQ-VAE-2, each level from an image of its own.

    model: a VQVAE2 whose levels have one codebook each. images: (N, C, H, W), grey or RGB.
    names: of the levels, from the top down.

    sources: the image that each level's tokens are taken from. places, codes: a token of each
        level, row by row, and the code that takes its place; −1 leaves its own. All three can be
        set from the next cell.
    Above the images, what their tokens decode to together, the same with the new codes, and the
    difference; below the tokens as colours, in which a press chooses a place.
    Raises ValueError for another model, images that do not fit it, and another number of names.
    """

    _esm = script("token_levels.js")

    sources, places = Choices("n_sources"), Choices("n_places")
    codes = Choices("n_codes", least=-1)
    images = Dict().tag(sync=True)
    levels, names = (List().tag(sync=True) for _ in range(2))

    def __init__(
        self, model: VQVAE2, images: Tensor, names: Sequence[str] = ("top", "bottom")
    ) -> None:
        if not isinstance(model, VQVAE2) or not all(
            hasattr(quantizer, "codebook") for quantizer in model.quantizers
        ):
            kind = type(model).__name__
            raise ValueError(f"model must be a VQVAE2 with one codebook a level, got {kind}")
        if len(names) != len(model.quantizers):
            raise ValueError(f"names must be those of {len(model.quantizers)} levels, got {names}")
        check_images(images)
        check_fit(model, model, images)
        tokens = model.tokens(like(model, images))  # (N, *grid) each
        self.n_sources = [len(images)] * len(names)
        self.n_places = [k[0].numel() for k in tokens]
        self.n_codes = [len(quantizer.codebook) for quantizer in model.quantizers]
        super().__init__(
            sources=[min(i, len(images) - 1) for i in range(len(names))],
            places=[k[0].numel() // 2 + k.shape[-1] // 2 for k in tokens],
            codes=[-1] * len(names),
            images=sent_images(images),
            levels=sent_levels(model, tokens),
            names=list(names),
            alt="Images, one for each level of tokens; what their tokens decode to together; the "
            "same after some tokens have been replaced, and the difference; the tokens as colours.",
        )


@torch.no_grad()
def sent_levels(model: VQVAE2, tokens: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Codebook, tokens and decoder of each level, as token_levels.js reads them."""
    levels: list[dict[str, Any]] = []
    above: list[Tensor] = []
    for i, (quantizer, decoder, k) in enumerate(
        zip(model.quantizers, model.decoders, tokens, strict=True)
    ):
        example = torch.cat([*above, quantizer.codes(k[:1]).movedim(-1, 1)], 1)
        last = [model.likelihood] if i == len(tokens) - 1 else []
        levels.append(
            {
                "codebook": sent_numbers(quantizer.codebook),
                "tokens": k.flatten().tolist(),
                "grid": list(k.shape[1:]),
                "network": sent_network([decoder, *last], example),
            }
        )
        above = [decoder(example)]
    return levels
