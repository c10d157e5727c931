"""Few labels for MNIST, in seconds and on printed digits; the real files by hand."""

import pytest
import torch
import typer
from clock import Clock

from course_lib import mnist_labels
from course_lib.datasets import few_labels, load
from course_lib.mnist_labels import (
    Model,
    error,
    main,
    nearest,
    on_binarised,
    on_codes,
    pseudo_labels,
    repeated,
    train,
    trained,
)
from course_lib.models import VAE
from course_lib.objectives import Loss

GLYPHS = load("glyphs").sample(600)
FEW = few_labels(GLYPHS.labels, 5)


def test_labelled_rows_are_repeated_until_they_are_a_share():
    data = repeated({"images": GLYPHS.images, "labels": FEW}, share=0.3)
    known = data["labels"] >= 0
    assert known.double().mean() == pytest.approx(0.3, abs=0.03)
    assert (~known).sum() == (FEW < 0).sum()
    fewer = repeated({"labels": torch.tensor([0, 1, -1])}, share=0.01)
    assert fewer["labels"].tolist() == [0, 1, -1]


def seen_by(wrapper, batch):
    seen = []
    wrapper(lambda model, x, generator, step: seen.append(x) or Loss({}))(
        None, batch, torch.Generator().manual_seed(0), 1
    )
    return seen[0]


def test_images_are_binarised_and_codes_are_drawn_each_time():
    images = torch.full((50, 1, 28, 28), 0.3)
    assert set(seen_by(on_binarised, images).unique().tolist()) == {0.0, 1.0}
    seen = seen_by(on_binarised, {"images": images, "labels": FEW[:50]})
    assert seen["images"].mean() == pytest.approx(0.3, abs=0.02)
    assert (seen["labels"] == FEW[:50]).all()
    mu, logvar = torch.ones(5000, 2), torch.full((5000, 2), -2.0)
    seen = seen_by(on_codes, {"mu": mu, "logvar": logvar, "labels": FEW})
    assert seen["images"].mean() == pytest.approx(1, abs=0.03)
    assert seen["images"].std() == pytest.approx(torch.tensor(-1.0).exp().item(), abs=0.02)


def test_labelled_images_may_move():
    images = torch.zeros(400, 1, 28, 28)
    images[:, 0, 14, 14] = 1
    batch = {"images": images, "labels": torch.zeros(400).long()}
    places = seen_by(lambda objective: on_binarised(objective, 2), batch)["images"].mean(0)[0]
    assert (places[12:17, 12:17] > 0).all() and places.sum() == pytest.approx(1)
    assert (seen_by(on_binarised, batch)["images"] == images).all()


def test_pseudo_labels_are_those_of_which_a_classifier_is_sure():
    images = torch.stack([torch.full((1, 2, 2), v) for v in (1.0, 0.0, 1.0)])
    labels = torch.tensor([-1, -1, 0])

    def classifier(x):  # sure that white is 1, in doubt about black
        return torch.stack([torch.zeros(len(x)), 9 * x.mean((1, 2, 3)) + 0.1], 1)

    assert pseudo_labels(classifier, images, labels).tolist() == [1, -1, 0]


def test_the_nearest_code_names_the_class():
    known = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    votes = nearest(torch.tensor([[3.0, 1.0], [0.2, 0.1]]), known, torch.tensor([7, 2, 5]))
    assert votes.argmax(1).tolist() == [2, 7]


def test_the_learning_rate_falls_and_the_time_is_kept():
    model = VAE.dense((1, 28, 28), 2, hidden=(8,))
    steps = train(
        model, GLYPHS.images, lambda m, x, g, s: m.loss(x, g), minutes=1, clock=Clock(0.6)
    )
    assert steps == 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(Model))
def test_each_model_learns_its_labels(kind):
    classifier = trained(
        kind,
        GLYPHS.images,
        FEW,
        minutes=1,
        hidden=(64,),
        clock=Clock(0.08 if kind == "m1m2" else 0.4),
    )
    known = FEW >= 0  # of these, since printed digits in all places take longer than a test may
    images, labels = (GLYPHS.images[known] > 0.5).float(), FEW[known]
    assert error(classifier, images, labels) < 0.5
    shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    assert error(classifier, images, shuffled) > 0.7


def test_what_is_printed_and_refused(monkeypatch, capsys):
    sets = {"train": load("glyphs"), "test": load("glyphs", "test")}
    monkeypatch.setattr(mnist_labels, "load", lambda name, split="train": sets[split])
    main(Model.CLASSIFIER, labels=100, minutes=0.001)
    assert capsys.readouterr().out.startswith("classifier, 100 labels, 0.001 minutes, seed 0: ")
    with pytest.raises(typer.BadParameter, match="labels must be a multiple of 10, got 15"):
        main(Model.M2, labels=15)
