"""One training step of a codebook, forward, backward and moving averages, three ways.

Compare the rows of one run: 4096 vectors of 64 numbers and 512 codes. The one-hot formulation is
that of most implementations on the web; vector-quantize-pytorch is a library for this purpose.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vector_quantize_pytorch import VectorQuantize

from course_lib.models import VectorQuantizer

M, CODE_DIM, K = 4096, 64, 512
GAMMA, EPSILON = 0.99, 1e-5


class OneHot(nn.Module):
    """Distances by the expanded square, and sums by products with a matrix of zeros and ones."""

    def __init__(self, codes):
        super().__init__()
        self.codebook = nn.Parameter(codes.clone(), requires_grad=False)
        self.register_buffer("count", torch.ones(len(codes)))
        self.register_buffer("sum", codes.clone())

    def forward(self, z_e):
        e = self.codebook
        distances = (z_e**2).sum(1, keepdim=True) + (e**2).sum(1) - 2 * z_e @ e.T
        one_hot = F.one_hot(distances.argmin(1), len(e)).to(z_e.dtype)
        quantized = one_hot @ e
        with torch.no_grad():
            self.count.mul_(GAMMA).add_(one_hot.sum(0), alpha=1 - GAMMA)
            self.sum.mul_(GAMMA).add_(one_hot.T @ z_e, alpha=1 - GAMMA)
            n = self.count.sum()
            smoothed = (self.count + EPSILON) / (n + len(e) * EPSILON) * n
            self.codebook.copy_(self.sum / smoothed[:, None])
        commitment = F.mse_loss(quantized, z_e)
        return z_e + (quantized - z_e).detach(), commitment


def vector_quantize_pytorch(codes):
    quantizer = VectorQuantize(CODE_DIM, K, decay=GAMMA, eps=EPSILON, commitment_weight=1.0)
    quantizer._codebook.embed.data.copy_(codes[None])
    quantizer._codebook.embed_avg.data.copy_(codes[None])

    def quantize(z_e):
        z_q, _, loss = quantizer(z_e[None])
        return z_q[0], loss.sum()

    return quantize


def ours(codes):
    quantizer = VectorQuantizer(K, CODE_DIM, gamma=GAMMA, initial="normal")
    quantizer.codebook.data.copy_(codes)
    quantizer.sum.copy_(codes)

    def quantize(z_e):
        quantized = quantizer(z_e)
        return quantized.z_q, quantized.commitment_loss.mean()

    return quantize


WAYS = {
    "course_lib": ours,
    "one-hot": OneHot,
    "vector-quantize-pytorch": vector_quantize_pytorch,
}


@pytest.mark.parametrize("way", WAYS)
def test_forward_backward_and_moving_averages(benchmark, way):
    generator = torch.Generator().manual_seed(0)
    z_e = torch.randn(M, CODE_DIM, generator=generator).requires_grad_()
    codes = torch.randn(K, CODE_DIM, generator=generator)
    quantize = WAYS[way](codes)
    expected = codes[torch.cdist(z_e.detach().double(), codes.double()).argmin(1)]
    torch.testing.assert_close(quantize(z_e)[0].detach(), expected)

    def step():
        z_q, commitment = quantize(z_e)
        (z_q.square().sum() + commitment).backward()
        z_e.grad = None

    benchmark.pedantic(step, rounds=40, warmup_rounds=5)
