"""The training loop against a loop written out, and what it does when something goes wrong."""

import io
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from course_lib.likelihoods import Gaussian
from course_lib.models import VAE, VQVAE, Autoencoder, TokenPrior, VectorQuantizer
from course_lib.objectives import Beta, Constraint, Loss, ScoreFunction, TotalCorrelation
from course_lib.training import batches, fit

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


def test_in_the_first_step_the_data_are_to_blame_and_not_the_learning_rate():
    bytes_as_floats = 255 * torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    model = VAE.dense((1, 8, 8), 4, likelihood=Gaussian(0.01))
    with torch.no_grad():
        model.encoder[-1].weight.mul_(100)  # log σ² beyond what exp can take
    with pytest.raises(
        FloatingPointError, match="epoch 1, step 1: .* No weight has moved"
    ) as raised:
        fit(model, bytes_as_floats, epochs=1)
    assert "go from 0.0" in str(raised.value)
    assert "smaller lr" not in str(raised.value)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "lr"])
def test_arguments_that_are_not_positive_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
        fit(TwoTerms(), IMAGES, **{"epochs": 1, name: 0})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IMAGES[:0], "images must hold at least one image"),
        (IMAGES / 0, "images must be finite"),
        ((255 * IMAGES).byte(), "images must be pixels from 0 to 1, got bytes: give images / 255"),
        (IMAGES.double(), "images must be torch.float32 like the model, got torch.float64"),
        ({"images": IMAGES, "labels": torch.zeros(49)}, "as many rows .* 'labels': 49"),
        ({"images": IMAGES, "labels": torch.full((50,), math.nan)}, "labels must be finite"),
    ],
)
def test_bad_data_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        fit(TwoTerms(), data, epochs=1)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="'float32' or 'bfloat16', got 'float16'"):
        fit(TwoTerms(), IMAGES, epochs=1, precision="float16")


# Batches


def test_batches_are_a_permutation_cut_into_pieces():
    parts = batches(23, 5, torch.Generator().manual_seed(3))
    assert [len(part) for part in parts] == [5, 5, 5, 5, 3]
    expected = torch.randperm(23, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.cat(parts), expected)


@pytest.mark.parametrize(("n", "sizes"), [(11, [5, 6]), (12, [5, 5, 2]), (10, [5, 5]), (3, [3])])
def test_a_last_batch_that_is_too_small_joins_the_one_before(n, sizes):
    parts = batches(n, 5, torch.Generator(), smallest=2)
    assert [len(part) for part in parts] == sizes
    assert sorted(torch.cat(parts).tolist()) == list(range(n))


@pytest.mark.parametrize(("n", "size", "message"), [(1, 5, "images"), (9, 1, "batch_size")])
def test_too_few_images_for_a_batch_are_refused(n, size, message):
    with pytest.raises(ValueError, match=f"{message} must be at least 2 for this loss, got 1"):
        batches(n, size, torch.Generator(), smallest=2)


@pytest.mark.parametrize("objective", [TotalCorrelation(2.0, dataset_size=41), ScoreFunction()])
def test_a_loss_that_compares_images_never_gets_one_alone(objective):
    images = torch.rand(41, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    history = fit(VAE.dense((1, 3, 3), 2), images, epochs=2, batch_size=10, objective=objective)
    assert all(map(math.isfinite, history.terms["total"]))
    with pytest.raises(ValueError, match="number of images must be at least 2"):
        fit(VAE.dense((1, 3, 3), 2), images[:1], epochs=1, objective=objective)


class Labelled(nn.Module):
    """A classifier that skips images without a label, which is −1."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(9, 3)

    def loss(self, batch, generator=None):
        known = batch["labels"] >= 0
        logits = self.layer(batch["images"].flatten(1)[known])
        return Loss({"nll": nn.functional.cross_entropy(logits, batch["labels"][known])})


def test_a_batch_may_carry_labels_of_which_some_are_missing():
    images = torch.rand(60, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    labels = images.flatten(1)[:, :3].argmax(1)
    missing = labels.where(torch.arange(60) % 2 == 0, -1)
    model = Labelled()
    fit(model, {"images": images, "labels": missing}, epochs=200, batch_size=20, lr=0.1)
    assert (model.layer(images.flatten(1)).argmax(1) == labels).float().mean() > 0.8
    shuffled = Labelled()
    other = {"images": images, "labels": missing.roll(2)}
    fit(shuffled, other, epochs=200, batch_size=20, lr=0.1)
    assert (shuffled.layer(images.flatten(1)).argmax(1) == labels).float().mean() < 0.8


# Going on


RESUMABLE = {
    "autoencoder": (lambda: Autoencoder((1, 3, 3), 2), lambda: None),
    "vae": (lambda: VAE.dense((1, 3, 3), 2), lambda: None),
    "warm-up": (lambda: VAE.dense((1, 3, 3), 2), lambda: Beta(3.0, warm_up=17)),
    "multiplier": (lambda: VAE.dense((1, 3, 3), 2), lambda: Constraint(1.0)),
    "codebook": (lambda: VQVAE.dense((1, 3, 3), VectorQuantizer(8, 2)), lambda: None),
}


@pytest.mark.parametrize("saved", [False, True], ids=["in memory", "through a file"])
@pytest.mark.parametrize("name", RESUMABLE)
def test_three_epochs_and_three_more_are_six(name, saved):
    make, objective = RESUMABLE[name]
    settings = {"batch_size": 16, "lr": 1e-2, "seed": 4}
    whole = make()
    expected = fit(whole, IMAGES, epochs=6, objective=objective(), **settings)
    model, halved = make(), objective()
    half = fit(model, IMAGES, epochs=3, objective=halved, **settings)
    if saved:
        file = io.BytesIO()
        torch.save([model.state_dict(), half.terms, half.state], file)
        file.seek(0)
        weights, terms, state = torch.load(file)
        model, halved = make(), objective()
        model.load_state_dict(weights)
        half = type(half)(terms, interrupted=False, state=state)
    history = fit(model, IMAGES, epochs=3, objective=halved, resume=half, **settings)
    assert history == expected
    assert len(half.terms["total"]) == 3  # left as it was
    for ours, theirs in zip(model.state_dict().values(), whole.state_dict().values(), strict=True):
        if isinstance(ours, torch.Tensor):
            assert torch.equal(ours, theirs)


def test_a_history_can_be_gone_on_with_twice():
    model = VAE.dense((1, 3, 3), 2)
    objective = Constraint(1.0)
    half = fit(model, IMAGES, epochs=3, lr=1e-2, objective=objective)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    ends = []
    for _ in range(2):
        model.load_state_dict(weights)
        fit(model, IMAGES, epochs=3, lr=1e-2, objective=objective, resume=half)
        ends.append(parameters_to_vector(model.parameters()).clone())
    assert torch.equal(*ends)


def test_without_the_history_a_second_call_starts_its_optimiser_afresh():
    one, other = (Autoencoder((1, 3, 3), 2) for _ in range(2))
    for model in (one, other):
        history = fit(model, IMAGES, epochs=3, lr=1e-2)
    fit(one, IMAGES, epochs=3, lr=1e-2)
    fit(other, IMAGES, epochs=3, lr=1e-2, resume=history)
    assert not torch.equal(*(parameters_to_vector(m.parameters()) for m in (one, other)))


def test_a_resumed_training_takes_the_new_learning_rate():
    model = Autoencoder((1, 3, 3), 2)
    history = fit(model, IMAGES, epochs=2, lr=1e-2)
    before = parameters_to_vector(model.parameters()).clone()
    fit(model, IMAGES, epochs=2, lr=1e-12, resume=history)
    torch.testing.assert_close(parameters_to_vector(model.parameters()), before)


# Watching


def test_a_callback_sees_every_step_and_may_end_the_training():
    seen = []

    def watch(progress):
        seen.append((progress.step, progress.loss.total.item()))
        return progress.step == 6

    history = fit(Autoencoder((1, 3, 3), 2), IMAGES, epochs=9, batch_size=16, callback=watch)
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert len(history.terms["total"]) == 2
    assert not history.interrupted
    first = sum(n * total for n, (_, total) in zip((16, 16, 16, 2), seen, strict=False)) / 50
    assert history.terms["total"][0] == pytest.approx(first)


def test_a_callback_may_change_the_learning_rate():
    def stop_moving(progress):
        progress.optimizers[0].param_groups[0]["lr"] = 0.0

    model, once = (Autoencoder((1, 3, 3), 2) for _ in range(2))
    fit(model, IMAGES, epochs=5, batch_size=16, callback=stop_moving)
    fit(once, IMAGES, epochs=1, batch_size=16, callback=lambda progress: True)
    assert torch.equal(*(parameters_to_vector(m.parameters()) for m in (model, once)))


def test_without_a_number_of_epochs_the_callback_ends_the_training():
    model = TwoTerms()
    fit(model, IMAGES, epochs=None, batch_size=16, callback=lambda progress: progress.step == 11)
    assert model.steps == 11


def test_without_a_callback_there_must_be_a_number_of_epochs():
    with pytest.raises(ValueError, match="epochs must be a number where no callback ends"):
        fit(TwoTerms(), IMAGES, epochs=None)


def test_validation_is_measured_after_every_epoch_in_evaluation_mode_with_the_same_noise():
    model = VAE.dense((1, 3, 3), 2)
    others = IMAGES.flip(0)[:20]
    histories = [
        fit(VAE.dense((1, 3, 3), 2), IMAGES, epochs=3, seed=2, validation=v) for v in (others, None)
    ]
    history = fit(model, IMAGES, epochs=3, seed=2, validation=others)
    assert history == histories[0]
    assert history.terms == histories[1].terms  # watching changes nothing
    assert {name: len(values) for name, values in history.validation.items()} == {
        "reconstruction": 3, "kl": 3, "total": 3,
    }  # fmt: skip
    loss = model.loss(others, torch.Generator().manual_seed(2))
    assert history.validation["total"][-1] == pytest.approx(loss.total.item())


def test_validation_leaves_a_codebook_alone():
    model, unwatched = (VQVAE.dense((1, 3, 3), VectorQuantizer(8, 2)) for _ in range(2))
    fit(model, IMAGES, epochs=2, validation=1 - IMAGES)
    fit(unwatched, IMAGES, epochs=2)
    assert torch.equal(model.quantizer.codebook, unwatched.quantizer.codebook)


# The model's mode, and its own way of training


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("error", [ZeroDivisionError, ValueError])
def test_an_exception_restores_the_mode_of_the_model(training, error):
    def fail(step):
        if step == 3:
            raise error

    model = TwoTerms(fail).train(training)
    with pytest.raises(error):
        fit(model, IMAGES, epochs=3, batch_size=16)
    assert model.training is training


def test_afterwards_the_model_is_in_evaluation_mode():
    model = TwoTerms()
    fit(model, IMAGES, epochs=1)
    assert not model.training


class Adversaries(nn.Module):
    """min over a, max over b of ab + a²/2 − b²/2: two optimisers with opposite aims."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(1.0)) for _ in range(2))

    def value(self):
        return self.a * self.b + self.a**2 / 2 - self.b**2 / 2

    def optimizers(self, lr):
        return [torch.optim.SGD([self.a], lr), torch.optim.SGD([self.b], lr)]

    def training_step(self, batch, optimizers, generator, number):
        for optimizer, sign in zip(optimizers, (1, -1), strict=True):
            optimizer.zero_grad()
            (sign * self.value()).backward()
            optimizer.step()
        return Loss({"value": self.value()})


def test_a_model_may_bring_its_own_optimisers_and_step():
    model = Adversaries()
    fit(model, IMAGES, epochs=50, batch_size=16, lr=0.1)
    assert abs(model.a.item()) < 1e-3
    assert abs(model.b.item()) < 1e-3


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_tokens_are_no_images_and_train(dtype):
    tokens = torch.randint(4, (50, 3), generator=torch.Generator().manual_seed(0)).to(dtype)
    history = fit(TokenPrior(4, 3, width=8), tokens, epochs=2)
    assert len(history.terms["nll"]) == 2


def test_with_bfloat16_the_weights_stay_in_float32_and_learn():
    model = VAE.dense((1, 3, 3), 2)
    history = fit(model, IMAGES, epochs=30, lr=1e-2, precision="bfloat16")
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert history.terms["total"][-1] < history.terms["total"][0]
    exact = fit(VAE.dense((1, 3, 3), 2), IMAGES, epochs=30, lr=1e-2)
    assert history.terms["total"] != exact.terms["total"]
    assert history.terms["total"] == pytest.approx(exact.terms["total"], rel=0.02)
