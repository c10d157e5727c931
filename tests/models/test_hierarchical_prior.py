"""The prior of several levels against sums over all texts and its transformers one by one."""

import itertools
from collections import Counter

import pytest
import torch
from scipy import stats
from sklearn.metrics import mutual_info_score

from course_lib.models import HierarchicalPrior, as_text
from course_lib.training import fit


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sharp(Ks=(3, 2), lengths=(1, 3)):
    """A small prior with probabilities far from equal."""
    prior = HierarchicalPrior(Ks, lengths, width=8, layers=1, heads=2)
    for level in prior.levels:
        level.head.weight.data *= 8
    return prior.eval()


def every_text(Ks=(3, 2), lengths=(1, 3)):
    ranges = [range(K) for K, n in zip(Ks, lengths, strict=True) for _ in range(n)]
    return torch.tensor(list(itertools.product(*ranges)))


@pytest.mark.equation("VQ2.5")
def test_the_top_and_each_bottom_given_its_top_have_probabilities_that_sum_to_one():
    prior, texts = sharp(), every_text()
    with torch.no_grad():
        p = (-prior.nll(texts).double()).exp()  # (24, 2)
    for top in range(3):
        rows = texts[:, 0] == top
        assert p[rows, 0].std() < 1e-6  # the top alone decides
        assert p[rows, 1].sum() == pytest.approx(1, abs=1e-5)
    assert p.prod(1).sum() == pytest.approx(1, abs=1e-5)
    assert p[:, 1].view(3, 8).std(0).max() > 0.01  # the bottom does depend on it
    with torch.no_grad():  # by the bottom's transformer, one token after the other
        chain = torch.ones(24, dtype=torch.float64)
        words = texts + torch.tensor([0, 3, 3, 3])
        for t in (1, 2, 3):
            q = prior.levels[1](words[:, :t])[:, -1, 3:].softmax(1)
            chain *= q.gather(1, texts[:, t : t + 1])[:, 0]
    torch.testing.assert_close(p[:, 1], chain, rtol=1e-4, atol=1e-6)


def test_samples_have_the_probabilities_of_the_prior():
    prior, texts, n = sharp(), every_text(), 8000
    with torch.no_grad():
        p = (-prior.nll(texts).double().sum(1)).exp()
    counts = Counter(map(tuple, prior.sample(n, generator()).tolist()))
    seen = [counts[tuple(text)] for text in texts.tolist()]
    assert stats.chisquare(seen, (n * p / p.sum()).tolist()).pvalue > 0.001


def test_what_is_given_is_taken_over_wherever_it_stands():
    prior, n = sharp(), 6000
    given = torch.full((n, 4), -1)
    given[:, 0], given[:, 2] = 1, 0
    before = given.clone()
    drawn = prior.sample(n, generator(), given)
    assert (given == before).all()
    assert (drawn[:, 0] == 1).all() and (drawn[:, 2] == 0).all()
    words = torch.tensor([[1, 3]])
    with torch.no_grad():  # the second token given the first, which is the top
        p = prior.levels[1](words[:, :1])[0, -1, 3:].softmax(0)[1].item()
    share = (drawn[:, 1] == 1).float().mean().item()
    assert abs(share - p) < 4 * (p * (1 - p) / n) ** 0.5


@pytest.mark.equation("VQ2.6")
def test_a_trained_prior_finds_what_the_bottom_owes_to_the_top():
    draws = generator()
    top = torch.randint(4, (400, 1), generator=draws)
    bottom = torch.stack(
        [top[:, 0] % 2, top[:, 0] // 2, torch.randint(2, (400,), generator=draws)], 1
    )
    text = as_text((top, bottom))
    prior = HierarchicalPrior((4, 2), (1, 3), width=16, layers=1, heads=2)
    fit(prior, text, epochs=15, batch_size=40, lr=1e-2)
    with torch.no_grad():
        nll = prior.nll(text).mean(0)
    assert nll[0] == pytest.approx(1.386, abs=0.05)  # log 4
    assert nll[1] == pytest.approx(0.693, abs=0.05)  # log 2: two of the three are known
    alone = HierarchicalPrior((2,), (3,), width=16, layers=1, heads=2)
    fit(alone, bottom, epochs=15, batch_size=40, lr=1e-2)
    with torch.no_grad():
        saved = (alone.nll(bottom).mean() - nll[1]).item()
    words = bottom @ torch.tensor([1, 2, 4])
    assert saved == pytest.approx(mutual_info_score(top[:, 0], words), abs=0.05)  # I(top; bottom)


def test_grids_become_a_text_from_the_top_down():
    top, bottom = torch.arange(8).view(2, 2, 2), torch.arange(32).view(2, 4, 4)
    text = as_text((top, bottom))
    assert text.shape == (2, 20)
    assert text[1].tolist() == [*range(4, 8), *range(16, 32)]


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: HierarchicalPrior((3,), (1, 3)), "Ks and lengths must be of one length"),
        (lambda: sharp().nll(torch.zeros(2, 3, dtype=torch.long)), r"integers \(B, 4\)"),
        (lambda: sharp().nll(torch.zeros(2, 4)), r"integers \(B, 4\)"),
        (lambda: sharp().nll(torch.tensor([[0, 2, 0, 0]])), "from 0 to 1, got 0 to 2"),
        (lambda: sharp().sample(0), "n must be at least 1"),
        (lambda: sharp().sample(2, given=torch.zeros(1, 4, dtype=torch.long)), "must have 2 texts"),
    ],
)
def test_what_cannot_be_is_refused(use, message):
    with pytest.raises(ValueError, match=message):
        use()
