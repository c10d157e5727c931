"""How a codebook is used, against counts by hand and scipy.stats."""

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib.evaluation import followed, perplexity, usage

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


@pytest.mark.equation("VQ2.4")
def test_what_is_followed_is_the_weight_of_each_source_by_numpys_least_squares():
    draws = torch.Generator().manual_seed(1)
    top, bottom = (torch.randn(60, 3, generator=draws) + 5 for _ in range(2))
    read = 0.7 * top + 0.2 * bottom + 3 + 0.1 * torch.randn(60, 3, generator=draws)
    weights = followed(read, top, bottom)
    assert weights.shape == (2, 3)
    for j in range(3):
        X = np.stack([top[:, j], bottom[:, j], np.ones(60)], 1).astype(float)
        expected = np.linalg.lstsq(X, read[:, j].numpy().astype(float), rcond=None)[0]
        np.testing.assert_allclose(weights[:, j], expected[:2], rtol=1e-4, atol=1e-5)
    # all from one of them; and nothing from a source that has nothing to do with it
    torch.testing.assert_close(
        followed(top, top, bottom).float(), torch.tensor([[1.0] * 3, [0.0] * 3])
    )
    shuffled = bottom[torch.randperm(60, generator=draws)]
    assert followed(read, top, shuffled)[1].abs().max() < 0.1


@pytest.mark.parametrize(
    "sources", [(), (torch.zeros(4, 2),), (torch.zeros(5, 3), torch.zeros(5, 2))]
)
def test_sources_of_another_shape_are_refused(sources):
    with pytest.raises(ValueError, match="sources must have the shape"):
        followed(torch.zeros(5, 3), *sources)
