"""The prior of tokens against sums over all sequences."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib.evaluation import perplexity
from course_lib.models import VQVAE, TokenPrior, VectorQuantizer
from course_lib.training import fit


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sharp_prior(K=2, tokens=3):
    prior = TokenPrior(K, tokens, width=8, heads=2)
    with torch.no_grad():
        prior.head.weight.mul_(6)  # far from uniform
    return prior


@pytest.mark.equation("VQ.10")
@pytest.mark.parametrize(("K", "T"), [(2, 3), (3, 4)])
def test_the_probabilities_of_all_sequences_sum_to_one_and_multiply_conditionals(K, T):
    prior = sharp_prior(K, T).double()
    every = torch.tensor(list(itertools.product(range(K), repeat=T)))
    with torch.no_grad():
        p = (-prior.nll(every)).exp()
        assert p.sum().item() == pytest.approx(1, rel=1e-9)
        assert p.max() > 3 * p.min()
        product = torch.ones(len(every)).double()
        for t in range(T):  # one conditional after the other, from the tokens before it alone
            conditional = prior(every[:, :t])[:, -1].softmax(1)
            product *= conditional.gather(1, every[:, t : t + 1])[:, 0]
    torch.testing.assert_close(p, product)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_token_changes_only_the_logits_after_it(mode):
    prior = getattr(TokenPrior(5, 6), mode)()
    tokens = torch.randint(5, (3, 6), generator=generator())
    with torch.no_grad():
        before = prior(tokens)
        for t in range(5):
            changed = tokens.clone()
            changed[:, t] = (changed[:, t] + 1) % 5
            difference = (prior(changed) - before).abs().amax((0, 2))
            assert difference[: t + 1].max() < 1e-6, t
            assert difference[t + 1 :].min() > 1e-4, t


def test_token_by_token_the_logits_are_those_of_the_whole_sequence():
    prior = TokenPrior(5, 6, layers=3).eval()
    tokens = torch.randint(5, (4, 6), generator=generator())
    before = torch.cat([torch.full((4, 1), 5), tokens], 1)  # the start, then k₁ … k₅
    with torch.no_grad():
        past = [torch.empty(0)] * 3
        one_by_one = [prior._next(before[:, t : t + 1], t, past) for t in range(6)]
        torch.testing.assert_close(torch.stack(one_by_one, 1), prior(tokens))


def test_samples_have_the_probabilities_of_the_prior():
    prior = sharp_prior()
    samples = prior.sample(20_000, generator())
    every = torch.tensor(list(itertools.product(range(2), repeat=3)))
    observed = torch.bincount(samples @ torch.tensor([4, 2, 1]), minlength=8)
    expected = (-prior.nll(every)).exp().detach().double()
    assert stats.chisquare(observed, 20_000 * expected / expected.sum()).pvalue > 0.01
    assert stats.chisquare(observed).pvalue < 1e-10  # and the test would notice uniform ones
    assert torch.equal(samples[:10], prior.sample(20_000, generator())[:10])


def test_what_is_given_is_continued_with_the_probabilities_of_the_prior():
    prior = sharp_prior()
    given = torch.tensor([[1]]).expand(20_000, 1)
    samples = prior.sample(20_000, generator(), given=given)
    assert samples[:, 0].eq(1).all()
    every = torch.tensor([(1, *rest) for rest in itertools.product(range(2), repeat=2)])
    observed = torch.bincount(samples[:, 1:] @ torch.tensor([2, 1]), minlength=4)
    expected = (-prior.nll(every)).exp().detach().double()
    assert stats.chisquare(observed, 20_000 * expected / expected.sum()).pvalue > 0.01
    assert torch.equal(prior.sample(8, given=every.repeat(2, 1)), every.repeat(2, 1))


@pytest.mark.parametrize("given", [[[2, 0]], [[0], [1]], [[0] * 4], [0]])
def test_what_cannot_be_continued_is_refused(given):
    with pytest.raises(ValueError, match="given must be|tokens must"):
        sharp_prior().sample(1, given=torch.tensor(given))


def test_a_trained_prior_finds_the_order_in_tokens():
    """k₂ repeats k₁ and k₃ is free: log 4 + 0 + log 4 nats."""
    tokens = torch.randint(4, (2000, 3), generator=generator())
    tokens[:, 1] = tokens[:, 0]
    prior = TokenPrior(4, 3, width=16, heads=2)
    assert prior.loss(tokens).total.item() == pytest.approx(3 * math.log(4), rel=0.2)
    fit(prior, tokens, epochs=12, lr=3e-3)
    assert prior.loss(tokens).total.item() == pytest.approx(2 * math.log(4), rel=0.03)
    samples = prior.sample(500, generator())
    assert (samples[:, 0] == samples[:, 1]).float().mean() > 0.97


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 4), "K must be at least 2 and tokens 1, got 1 and 4"),
        ((4, 0), "K must be at least 2 and tokens 1, got 4 and 0"),
        ((4, 3, 30), "width must be a multiple of heads = 4, got 30"),
    ],
)
def test_a_prior_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        TokenPrior(*arguments)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        TokenPrior(2, 1).sample(0)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.long), r"tokens must be \(B, 4\), got \(2, 3\)"),
        (torch.zeros(4, dtype=torch.long), r"tokens must be \(B, 4\), got \(4,\)"),
        (torch.zeros(2, 2, 2, dtype=torch.long), r"tokens must be \(B, 4\), got \(2, 2, 2\)"),
        (torch.zeros(0, 4, dtype=torch.long), r"tokens must be integers, at least one; .*\(0, 4\)"),
        (torch.zeros(2, 4), r"tokens must be integers, .* got torch.float32 of shape \(2, 4\)"),
        (torch.tensor([[0, 1, 2, 7]]), "tokens must be from 0 to 6, got 0 to 7"),
        (torch.tensor([[0, -1, 2, 3]]), "tokens must be from 0 to 6, got -1 to 3"),
    ],
)
def test_tokens_that_cannot_be_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        TokenPrior(7, 4).nll(tokens)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_tokens_of_an_image_of_8_by_8_may_be_narrow_integers(dtype):
    model = VQVAE.convolutional((1, 8, 8), VectorQuantizer(256, 2), channels=(4,)).eval()
    images = torch.rand(6, 1, 8, 8, generator=generator())
    tokens = model.tokens(images).flatten(1)
    prior = TokenPrior(256, 16, width=8, heads=2)
    narrow = tokens.to(dtype)
    assert torch.equal(prior.nll(narrow), prior.nll(tokens))
    grids = narrow.view(6, 4, 4)
    assert torch.equal(model.decode_tokens(grids), model.decode_tokens(tokens.view(6, 4, 4)))


def test_a_prior_trains_on_int32_as_on_int64():
    tokens = torch.randint(5, (40, 3), generator=generator())
    priors = [TokenPrior(5, 3, width=8, heads=2) for _ in range(2)]
    histories = [
        fit(prior, given, epochs=2, batch_size=16)
        for prior, given in zip(priors, (tokens, tokens.int()), strict=True)
    ]
    assert histories[0] == histories[1]


# What tokens cost: chapter 9


@pytest.mark.equation("VQ.9")
def test_a_grid_costs_at_least_its_entropy_and_at_most_its_number_of_tokens_times_log_K():
    """The data: every grid of three tokens as often as the counts say, so all sums are exact."""
    K, T = 3, 3
    every = torch.tensor(list(itertools.product(range(K), repeat=T)))
    counts = torch.randint(1, 40, (len(every),), generator=generator())
    counts[every[:, 1] != every[:, 0]] //= 8  # neighbours tend to agree
    tokens = every.repeat_interleave(counts, 0)
    together = stats.entropy(counts.numpy())
    by_place = sum(stats.entropy(np.bincount(column)) for column in tokens.numpy().T)
    by_share = T * math.log(perplexity(tokens, K))
    assert together < by_place - 0.1 < by_place <= by_share <= T * math.log(K)
    same = torch.arange(K).repeat(4, 1)  # no two places alike: the shares alone say nothing
    assert T * math.log(perplexity(same, K)) == pytest.approx(T * math.log(K), rel=1e-12)
    # Independent tokens, all codes equally often: nothing can be saved.
    assert stats.entropy(np.full(K**T, 7)) == pytest.approx(T * math.log(perplexity(every, K)))
    # A prior comes close to the left end and not below it.
    prior = TokenPrior(K, T, width=16, heads=2)
    fit(prior, tokens, epochs=30, lr=3e-3)
    with torch.no_grad():
        assert together - 1e-4 < prior.nll(tokens).mean().item() < together + 0.05
