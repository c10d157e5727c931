"""How a codebook is used, against counts by hand and scipy.stats."""

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib.evaluation import perplexity, usage

TOKENS = torch.randint(6, (50, 4), generator=torch.Generator().manual_seed(0)).clamp(max=4)


def test_usage_is_the_share_of_each_code_whatever_the_shape():
    expected = [sum(k == code for k in TOKENS.flatten().tolist()) / 200 for code in range(7)]
    for tokens in (TOKENS, TOKENS.flatten(), TOKENS.view(10, 5, 4)):
        shares = usage(tokens, 7)
        np.testing.assert_allclose(shares, expected, rtol=1e-12)
    assert shares.tolist()[5:] == [0, 0]


@pytest.mark.equation("VQ.8")
def test_perplexity_is_the_exponential_of_the_entropy():
    counts = np.bincount(TOKENS.flatten(), minlength=7)
    assert perplexity(TOKENS, 7) == pytest.approx(np.exp(stats.entropy(counts)), rel=1e-12)
    assert perplexity(torch.full((9,), 3), 7) == pytest.approx(1, rel=1e-12)
    assert perplexity(torch.arange(14) % 7, 7) == pytest.approx(7, rel=1e-12)
    # two codes, half and half, are worth two, however many there are
    assert perplexity(torch.tensor([0, 5]), 512) == pytest.approx(2, rel=1e-12)
    # between: (1/2, 1/4, 1/4) has 1.5 bits
    assert perplexity(torch.tensor([0, 0, 1, 2]), 3) == pytest.approx(2**1.5, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_tokens_may_be_integers_of_any_kind(dtype):
    shares = usage(TOKENS.to(dtype), 512)
    assert torch.equal(shares, usage(TOKENS, 512))
    assert perplexity(TOKENS.to(dtype), 512) == pytest.approx(perplexity(TOKENS, 512))


def test_usage_on_the_meta_device_and_in_vmap():
    assert usage(TOKENS.to("meta"), 7).is_meta
    assert usage(TOKENS.to("meta"), 7).shape == (7,)
    rows = torch.func.vmap(lambda tokens: usage(tokens, 7))(TOKENS)
    assert torch.equal(rows, torch.stack([usage(tokens, 7) for tokens in TOKENS]))


@pytest.mark.parametrize("measure", [usage, perplexity])
def test_tokens_that_are_no_integers_are_refused(measure):
    for tokens in (TOKENS.float(), torch.tensor([float("nan")])):
        with pytest.raises(ValueError, match="at least one integer from 0 to 6"):
            measure(tokens, 7)


@pytest.mark.parametrize("tokens", [[], [-1, 2], [0, 7]])
@pytest.mark.parametrize("measure", [usage, perplexity])
def test_tokens_that_cannot_be_are_refused(measure, tokens):
    with pytest.raises(ValueError, match="at least one integer from 0 to 6"):
        measure(torch.tensor(tokens, dtype=torch.long), 7)
