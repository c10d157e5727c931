"""A decoder that also sees the pixels before: p(x|z) = Πᵢ p(xᵢ | x before i, z).

van den Oord, Kalchbrenner & Kavukcuoglu, Pixel Recurrent Neural Networks, ICML 2016; as the
decoder of a VAE: Gulrajani et al., PixelVAE, ICLR 2017; Chen et al., Variational Lossy
Autoencoder, ICLR 2017.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.likelihoods import Likelihood, bernoulli_nll
from course_lib.models.networks import seeded
from course_lib.noise import Rng, uniform_like

DRAWS = 16  # over which a mean is taken


class MaskedConvolution(nn.Module):
    """A convolution that sees, of rows and columns up to `reach` away, only the pixels before.

    Pixels follow each other as letters do on a page. sees_itself: whether a pixel is one of those
    that it sees, as behind the first layer it may.
    """

    mask: Tensor

    def __init__(
        self, n_in: int, n_out: int, reach: int, sees_itself: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        side = 2 * reach + 1
        self.convolution = cast(
            nn.Conv2d, seeded(nn.Conv2d, n_in, n_out, side, generator=generator)
        )
        mask = torch.zeros(side, side)
        mask[:reach] = 1
        mask[reach, : reach + sees_itself] = 1
        self.register_buffer("mask", mask, persistent=False)
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) → (B, n_out, H, W)."""
        r = self.reach
        weight = (self.convolution.weight * self.mask)[:, :, : r + 1]  # below all is masked
        return F.conv2d(F.pad(x, (r, r, r, 0)), weight, self.convolution.bias)


class PixelCNN(Likelihood):
    """Binary pixels, each 1 with a probability from z and from the pixels before it  (COL.1).

    The decoder's output, (B, C, H, W), is the logit of each pixel as far as z tells; masked
    convolutions of x add what the pixels before tell, at first nothing. The channels of one pixel
    are independent of each other.
    context: how many rows and columns away a masked convolution sees; with 0 this is a Bernoulli.
    layers: how many there are one behind the other, so that together they see layers · context.
    Raises ValueError for channels or layers below 1 and a negative context.
    """

    def __init__(
        self, channels: int, context: int, layers: int = 1, width: int = 32, seed: int = 0
    ) -> None:
        super().__init__()
        if channels < 1 or layers < 1 or context < 0:
            raise ValueError(
                f"channels and layers must be at least 1 and context at least 0, "
                f"got {channels}, {layers} and {context}"
            )
        self.context = context
        generator = torch.Generator().manual_seed(seed)
        self.masked = nn.ModuleList(
            MaskedConvolution(width if i else channels, width, context, i > 0, generator)
            for i in range(layers if context else 0)
        )
        self.of_z = seeded(nn.Conv2d, channels, width, 1, generator=generator)
        self.last = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def logits(self, x: Tensor, output: Tensor) -> Tensor:
        """The logit of each pixel given z and the pixels of x before it: (B, C, H, W)."""
        if x.shape != output.shape:
            shapes = f"{tuple(x.shape)}, got {tuple(output.shape)}"
            raise ValueError(f"output must have the shape of x, {shapes}")
        if not self.context:
            return output
        h, of_z = x.to(output.dtype), self.of_z(output)
        for layer in self.masked:
            h = (layer(h) + of_z).relu()
        return output + self.last(h)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x|z) = Σᵢ log p(xᵢ | x before i, z): (B, C, H, W) twice → (B,).

        Raises as `bernoulli_nll` does.
        """
        return -bernoulli_nll(x, self.logits(x, output))

    def mean(self, output: Tensor) -> Tensor:
        """E[x|z], which has no closed form: the mean of 16 draws' probabilities, the same draws."""
        generator = torch.Generator().manual_seed(0)
        repeated = output.repeat_interleave(DRAWS, 0)
        probabilities = self.logits(self.sample(repeated, generator), repeated).sigmoid()
        return probabilities.unflatten(0, (len(output), DRAWS)).mean(1)

    @torch.no_grad()
    def sample(self, output: Tensor, generator: Rng = None) -> Tensor:
        """x ~ p(x|z), 0 or 1, pixel by pixel: of the shape of the output."""
        noise = uniform_like(output, generator).to(output.dtype)
        x = torch.zeros_like(output)
        if not self.context:
            return (noise < output.sigmoid()).to(output.dtype)
        reach = self.context * len(self.masked)  # what lies beyond it has no part in a pixel
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                top, left = max(0, i - reach), max(0, j - reach)
                window = ..., slice(top, i + 1), slice(left, j + reach + 1)
                logits = self.logits(x[window], output[window])
                probability = logits[:, :, i - top, j - left].sigmoid()
                x[:, :, i, j] = (noise[:, :, i, j] < probability).to(x.dtype)
        return x
