"""What ships trained reaches what data/README.md says, and no untrained model does."""

import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.svm import SVC

from course_lib.datasets import load
from course_lib.evaluation import importance_weighted_log_likelihood, perplexity
from course_lib.likelihoods import squared_error
from course_lib.mnist_likelihood import TEST_SEED, binarise
from course_lib.models import VQVAE, pretrained
from course_lib.models.pretrained import UNTRAINED

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


@torch.no_grad()
def explained(model, images):
    """Share of the variance of the images that is rebuilt."""
    left = squared_error(images, model(images)).mean()
    return 1 - (left / squared_error(images, images.mean(0).expand_as(images)).mean()).item()


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
