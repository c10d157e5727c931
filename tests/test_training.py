"""The training loop against a loop written out, and what it does when something goes wrong."""

import math

import pytest
import torch

from course_lib.models import Autoencoder
from course_lib.models.parts import Loss
from course_lib.training import fit

IMAGES = torch.rand(50, 1, 3, 3, generator=torch.Generator().manual_seed(0))


class TwoTerms(torch.nn.Module):
    """w² + 10·|w| with a hook that runs before each step."""

    def __init__(self, before_step=lambda step: None):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(3.0))
        self.before_step, self.steps = before_step, 0

    def loss(self, x, generator=None):
        self.steps += 1
        factor = self.before_step(self.steps) or 1.0
        terms = {"square": factor * self.w**2, "absolute": self.w.abs()}
        return Loss(terms, weights={"absolute": 10.0})


def test_the_loss_is_the_weighted_sum_of_its_terms():
    loss = Loss({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}, weights={"b": 0.5})
    assert loss.total.item() == 3.5


def test_fit_takes_the_steps_of_a_loop_written_out():
    fitted, written = (Autoencoder((1, 3, 3), 2, hidden=(8,)) for _ in range(2))
    fit(fitted, IMAGES, epochs=3, batch_size=16, lr=1e-2, seed=5)
    generator = torch.Generator().manual_seed(5)
    optimizer = torch.optim.Adam(written.parameters(), lr=1e-2)
    for _ in range(3):
        order = torch.randperm(50, generator=generator)
        for start in range(0, 50, 16):
            x = IMAGES[order[start : start + 16]]
            loss = torch.nn.functional.binary_cross_entropy(written(x), x, reduction="sum") / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for ours, theirs in zip(fitted.parameters(), written.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_history_averages_every_term_over_images_not_batches():
    values = {1: 1.0, 2: 1.0, 3: 1.0, 4: 26.0}  # the last batch holds 2 of 50 images

    def factor(step):
        return values[step]

    model = TwoTerms(factor)
    history = fit(model, IMAGES, epochs=1, batch_size=16, lr=1e-12)
    assert history.terms["square"] == [pytest.approx(9 * (48 + 2 * 26) / 50)]
    assert history.terms["absolute"] == [pytest.approx(3)]
    assert history.terms["total"] == [pytest.approx(9 * 2 + 30)]
    assert not history.interrupted


def test_the_same_seed_gives_the_same_weights():
    models = [Autoencoder((1, 3, 3), 2) for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        fit(model, IMAGES, epochs=2, seed=seed, batch_size=7)
    first, again, other = (torch.nn.utils.parameters_to_vector(m.parameters()) for m in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_interrupting_keeps_weights_and_history(capsys):
    def interrupt(step):
        if step == 7:
            raise KeyboardInterrupt

    model = TwoTerms(interrupt)
    history = fit(model, IMAGES, epochs=100, batch_size=16, lr=0.1)
    assert history.interrupted
    assert len(history.terms["total"]) == 2  # one whole epoch of four steps, and two steps more
    assert model.w.item() < 3 - 5 * 0.1  # six steps of about lr each
    assert "interrupted after 6 of 400 steps" in capsys.readouterr().out


def test_interrupting_before_the_first_step_gives_an_empty_history():
    def interrupt(step):
        raise KeyboardInterrupt

    history = fit(TwoTerms(interrupt), IMAGES, epochs=1)
    assert history.interrupted
    assert history.terms == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_it_spoils_the_weights(bad):
    model = TwoTerms(lambda step: bad if step == 6 else 1.0)
    with pytest.raises(FloatingPointError, match=r"epoch 2, step 2: square = (nan|inf)"):
        fit(model, IMAGES, epochs=3, batch_size=16, lr=0.1)
    assert math.isfinite(model.w.item())


def test_too_large_a_learning_rate_ends_in_a_clear_error():
    model = Autoencoder((1, 3, 3), 2, likelihood="gaussian")
    with pytest.raises(FloatingPointError, match="smaller lr"):
        fit(model, IMAGES, epochs=2000, lr=1e15)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "lr"])
def test_arguments_that_are_not_positive_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
        fit(TwoTerms(), IMAGES, **{"epochs": 1, name: 0})


@pytest.mark.parametrize(
    ("images", "message"),
    [(IMAGES[:0], "at least one image"), (IMAGES / 0, "images must be finite")],
)
def test_bad_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        fit(TwoTerms(), images, epochs=1)
