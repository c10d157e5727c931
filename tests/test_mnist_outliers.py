"""Strange images and their scores, in seconds and on printed digits; the real files by hand."""

import math
import zlib

import pytest
import torch
import typer
from clock import Clock

from course_lib import mnist_outliers
from course_lib.datasets import load
from course_lib.evaluation import auroc
from course_lib.mnist_likelihood import binarise, train
from course_lib.mnist_outliers import compressed, kinds, main, scores
from course_lib.models import VAE

GLYPHS = load("glyphs").sample(600).images


def generator():
    return torch.Generator().manual_seed(0)


def test_each_kind_has_as_many_images_in_the_range_of_pixels():
    faces = load("faces", "test").images[:600, :1, 2:30, 2:30]
    made = kinds(GLYPHS, faces, "faces")
    for images in made.values():
        assert images.shape == GLYPHS.shape
        assert images.min() >= 0 and images.max() <= 1
    assert torch.equal(made["faces"], faces)
    shuffled = made["shuffled"]
    assert not torch.equal(shuffled, GLYPHS)
    torch.testing.assert_close(shuffled.sum((1, 2, 3)), GLYPHS.sum((1, 2, 3)))
    assert (made["of the mean"].std(0) < 1e-6).all()


def test_what_is_simple_is_short():
    images = torch.zeros(2, 1, 28, 28)
    images[1] = (torch.rand(1, 28, 28, generator=generator()) < 0.5).float()
    short, long = compressed(images).tolist()
    assert short < 20 * 8 * math.log(2)
    assert long >= 98 * 8 * math.log(2)  # 784 coins, 98 bytes: nothing is saved
    rows = bytes(int("".join(map(str, images[1].int().flatten()[8 * k : 8 * k + 8].tolist())), 2)
                 for k in range(98))  # fmt: skip
    assert long == pytest.approx(8 * math.log(2) * len(zlib.compress(rows, 9)))


def test_the_scores_are_what_they_are_called():
    model = VAE.dense((1, 28, 28), 4, hidden=(64,))
    train(model, GLYPHS, minutes=1, bound_samples=1, lr=3e-3, clock=Clock(0.4))
    images = binarise(GLYPHS[:200], generator())
    own = scores(model, images)
    assert own["nll"].mean() < own["elbo"].mean()  # fifty draws bound tighter than one
    torch.testing.assert_close(own["nll"] - own["complexity"], compressed(images))
    noise = scores(model, (torch.rand(images.shape, generator=generator()) < 0.5).float())
    for name in ("error", "elbo", "nll"):
        assert auroc(own[name], noise[name]).value > 0.99
        assert own[name].shape == (200,)


def test_what_is_printed_and_refused(monkeypatch, capsys):
    monkeypatch.setattr(mnist_outliers, "IMAGES", 50)
    monkeypatch.setattr(mnist_outliers, "DRAWS", 2)
    main("glyphs", "glyphs", minutes=0.001)
    first, head, own, *rest = capsys.readouterr().out.splitlines()
    assert first == "a VAE of glyphs, 0.001 minutes, seed 0: AUROC"
    assert head.split() == ["error", "elbo", "nll", "complexity"]
    areas = [float(value) for value in own.split()[1::3]]
    assert all(abs(area - 0.5) < 0.2 for area in areas)  # the same data set
    assert len(rest) == 6
    with pytest.raises(typer.BadParameter, match="a data set is one of mnist, .*, got cifar"):
        main("mnist", "cifar")
