"""What ships trained reaches what data/README.md says, and no untrained model does."""

import math

import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.svm import SVC

from course_lib.datasets import load
from course_lib.evaluation import importance_weighted_log_likelihood, perplexity
from course_lib.likelihoods import squared_error
from course_lib.mnist_likelihood import TEST_SEED, binarise
from course_lib.models import VQVAE, as_text, pretrained
from course_lib.models.pretrained import CONTEXTS, UNTRAINED

GLYPHS, FACES = load("glyphs", "test"), load("faces", "test")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="name must be one of mnist_vae, .*, got 'mnist'"):
        pretrained("mnist")


@pytest.mark.parametrize("name", UNTRAINED)
def test_it_comes_ready_to_use_in_single_precision(name):
    model = pretrained(name)
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def nll(model, images):
    with torch.no_grad():
        return -importance_weighted_log_likelihood(model, images, samples=100).mean


@pytest.mark.slow
def test_the_vae_of_mnist_has_its_likelihood(real_files, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(real_files))
    images = binarise(load("mnist", "test").images, generator(TEST_SEED))[::10]
    assert nll(pretrained("mnist_vae"), images) < 90
    assert nll(UNTRAINED["mnist_vae"](), images) > 500


def test_the_more_pixels_the_decoder_sees_the_less_its_code_says_and_the_lower_the_loss():
    images = (GLYPHS.images[:300] > 0.5).float()
    losses, rates = [], []
    for context in CONTEXTS:
        model = pretrained(f"glyphs_pixel_vae_{context}")
        with torch.no_grad():
            draw = model.draw(images, generator())
        rates.append(draw.kl.sum(1).mean().item())
        losses.append(draw.nll.mean().item() + rates[-1])
    assert rates == sorted(rates, reverse=True) and losses == sorted(losses, reverse=True)
    assert rates[0] > 20 and rates[-1] < 0.1
    assert losses[0] < 75 and losses[-1] < 50


@torch.no_grad()
def explained(model, images):
    """Share of the variance of the images that is rebuilt."""
    left = squared_error(images, model(images)).mean()
    return 1 - (left / squared_error(images, images.mean(0).expand_as(images)).mean()).item()


@torch.no_grad()
def test_axes_of_the_beta_vae_follow_four_factors_of_the_glyphs():
    def best(model):
        z, v = (x - x.mean(0) for x in (model.encode(GLYPHS.images).mu, GLYPHS.factors))
        r2 = (z / z.norm(dim=0)).T @ (v / v.norm(dim=0))
        return {name: r2.square()[:, v].max() for v, name in enumerate(GLYPHS.factor_names)}

    model, untrained = pretrained("glyphs_beta_vae"), UNTRAINED["glyphs_beta_vae"]()
    names = ("slant", "size", "shift x", "shift y")
    assert min(best(model)[name] for name in names) > 0.5
    assert min(best(untrained)[name] for name in names) < 0.3
    draw = model.draw(GLYPHS.images, generator())
    assert draw.nll.mean() + 6 * draw.kl.sum(1).mean() < 141  # the mean image: 185


@pytest.mark.parametrize(("name", "images"), [("glyphs", GLYPHS.images), ("faces", FACES.images)])
def test_the_vq_vaes_rebuild_pictures_and_use_their_codes(name, images):
    model = pretrained(f"{name}_vq_vae")
    assert isinstance(model, VQVAE)
    assert explained(model, images) > 0.85
    assert explained(UNTRAINED[f"{name}_vq_vae"](), images) < 0
    K = len(model.quantizer.codebook)
    assert perplexity(model.tokens(images), K) > K / 4


def test_the_prior_of_tokens_writes_the_digit_it_is_told():
    model, prior = pretrained("glyphs_vq_vae"), pretrained("glyphs_token_prior")
    train = load("glyphs").sample(4000)
    classifier = SVC(C=10).fit(train.images.flatten(1), train.labels)
    digits = torch.arange(10).repeat(20)
    tokens = prior.sample(200, generator(), given=64 + digits[:, None])[:, 1:]
    assert tokens.max() < 64

    def read(tokens):
        pictures = model.decode_tokens(tokens.view(-1, 7, 7)).detach()
        said = torch.from_numpy(classifier.predict(pictures.flatten(1)))
        return (said == digits).double().mean()

    assert read(tokens) > 0.75
    assert read(tokens[:, torch.randperm(49, generator=generator())]) < 0.3  # elsewhere


def test_faces_show_what_they_are_told_whoever_they_are():
    """Smile, glasses and hair length, read by a probe of real faces from codes of other faces."""
    model, train, test = pretrained("faces_conditional_vae"), load("faces"), load("faces", "test")
    columns = [train.factor_names.index(name) for name in ("smile", "glasses", "hair length")]
    told, theirs = train.factors[:, columns], test.factors[:, columns]
    probe = Ridge(10.0).fit(train.images.flatten(1), told)
    asked = theirs[torch.randperm(len(theirs), generator=generator())]
    with torch.no_grad():
        z = model.at(theirs).encode(test.images).mu
        pictures = model.at(asked).decode_mean(z)
    read = torch.from_numpy(probe.predict(pictures.flatten(1)))

    def correlation(factors):
        return torch.stack([torch.corrcoef(torch.stack(pair))[0, 1]
                            for pair in zip(read.T, factors.T, strict=True)])  # fmt: skip

    assert (correlation(asked) > torch.tensor([0.8, 0.9, 0.8])).all()
    assert (correlation(theirs).abs() < 0.5).all()  # of what they were, little is left
    assert 0.5 < z.std(0).mean() < 1.1  # so that a draw from the prior is a face


def test_a_face_on_two_levels_needs_both_and_the_person_comes_with_the_top():
    model, images = pretrained("faces_vq_vae_2"), FACES.images
    others = torch.randperm(len(images), generator=generator())
    with torch.no_grad():
        top, bottom = model.tokens(images)
        own, other_top, other_bottom = (
            squared_error(images, model.decode_tokens(k)).mean().item()
            for k in ((top, bottom), (top[others], bottom), (top, bottom[others]))
        )
    assert own < 5.6
    assert other_top > 12 * own and 2 * own < other_bottom < 5 * own
    assert perplexity(top, 256) > 180 and perplexity(bottom, 4) > 3


def test_the_prior_of_faces_saves_bits_and_obeys():
    model, prior = pretrained("faces_vq_vae_2"), pretrained("faces_prior")
    with torch.no_grad():
        text = as_text((FACES.labels[:, None], *model.tokens(FACES.images)))
        bits = prior.nll(text).mean(0) / math.log(2)
        untrained = UNTRAINED["faces_prior"]().nll(text).mean(0) / math.log(2)
    assert bits[1:].sum() < 112 < 256 * 0.9 < untrained[1:].sum()
    asked = torch.full((60, 81), -1)
    asked[:, 0] = torch.arange(60) % 2
    drawn = prior.sample(60, generator(), asked)
    with torch.no_grad():
        _, top, bottom = drawn.split((1, 16, 64), 1)
        pictures = model.decode_tokens([top.view(-1, 4, 4), bottom.view(-1, 8, 8)])
    faces = load("faces")
    wears = Ridge(10.0).fit(faces.images.flatten(1), faces.labels.float())
    seen = torch.from_numpy(wears.predict(pictures.flatten(1))) > 0.5
    assert (seen == asked[:, 0].bool()).float().mean() > 0.75
