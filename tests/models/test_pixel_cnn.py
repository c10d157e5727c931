"""A PixelCNN against sums over all images, and its masks against autograd."""

from itertools import product

import pytest
import torch
from scipy import stats

from course_lib.likelihoods import Bernoulli
from course_lib.models import VAE, PixelCNN
from course_lib.training import fit


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(likelihood, by=0.7):
    """With weights anywhere, in float64."""
    likelihood = likelihood.double()
    for i, parameter in enumerate(likelihood.parameters()):
        noise = torch.randn(parameter.shape, generator=generator(i), dtype=torch.float64)
        parameter.data += by * noise
    return likelihood


def all_images(height, width):
    return torch.tensor(list(product((0.0, 1.0), repeat=height * width)), dtype=torch.float64).view(
        -1, 1, height, width
    )


def outputs(n, *shape, seed=3):
    return torch.randn(n, *shape, generator=generator(seed), dtype=torch.float64)


@pytest.mark.equation("COL.1")
@pytest.mark.parametrize("context", [0, 1, 2])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_probabilities_of_all_images_sum_to_one(context, layers):
    likelihood, images = moved(PixelCNN(1, context, layers, width=5)), all_images(3, 3)
    output = outputs(1, 1, 3, 3).expand_as(images)
    with torch.no_grad():
        assert likelihood.log_prob(images, output).exp().sum() == pytest.approx(1)


def test_without_context_and_before_training_it_is_a_bernoulli():
    images, output = all_images(2, 3), outputs(64, 1, 2, 3)
    expected = Bernoulli().log_prob(images, output)
    for likelihood in (moved(PixelCNN(1, 0)), PixelCNN(1, 2).double()):
        torch.testing.assert_close(likelihood.log_prob(images, output), expected)
    assert (moved(PixelCNN(1, 2)).log_prob(images, output) - expected).abs().max() > 0.1


def test_what_the_pixels_before_mean_depends_on_z():
    likelihood, images = moved(PixelCNN(1, 1)), all_images(2, 3)
    added = [
        likelihood.logits(images, output.expand_as(images)) - output
        for output in outputs(2, 1, 1, 2, 3)
    ]
    assert (added[0] - added[1]).abs().max() > 0.1


@pytest.mark.parametrize(("context", "layers"), [(1, 1), (2, 1), (1, 2), (1, 3)])
def test_a_pixel_depends_on_those_before_it_within_reach_and_on_no_other(context, layers):
    likelihood, side = moved(PixelCNN(2, context, layers, width=8)), 7
    x = torch.rand(1, 2, side, side, generator=generator(), dtype=torch.float64)
    output = outputs(1, 2, side, side)
    jacobian = torch.autograd.functional.jacobian(lambda x: likelihood.logits(x, output), x)
    depends = jacobian[0, :, :, :, 0].abs().sum((0, 3)) > 0  # (H, W) of the logit, (H, W) of x
    reach, (i, j) = context * layers, (4, 3)
    for k, m in product(range(side), repeat=2):
        before = (k, m) < (i, j)
        near = abs(k - i) <= reach and abs(m - j) <= reach
        if not (before and near):
            assert not depends[i, j, k, m], (k, m)
        elif layers == 1:
            assert depends[i, j, k, m], (k, m)
    assert depends[i, j, i, j - 1] and depends[i, j, i - 1, j]
    assert depends[i, j, i - reach].any()  # the layers together see as far as they should


@pytest.mark.equation("COL.1")
def test_the_probability_of_an_image_is_a_chain_of_conditionals():
    """Each factor is a ratio of sums over all images that agree so far."""
    likelihood, images = moved(PixelCNN(1, 1, layers=2, width=5)), all_images(2, 3)
    output = outputs(1, 1, 2, 3)
    with torch.no_grad():
        p = likelihood.log_prob(images, output.expand_as(images)).exp()
        logits = likelihood.logits(images, output.expand_as(images)).flatten(1)
    for n, pixels in enumerate(images.flatten(1)):
        for i in range(6):
            agree = (images.flatten(1)[:, :i] == pixels[:i]).all(1)
            white = agree & (images.flatten(1)[:, i] == 1)
            assert logits[n, i].sigmoid() == pytest.approx((p[white].sum() / p[agree].sum()).item())


@pytest.mark.parametrize(("context", "layers"), [(0, 1), (1, 1), (1, 2), (2, 2), (3, 2)])
def test_a_sample_is_drawn_from_the_logits_of_the_whole_image(context, layers):
    """Each pixel is 1 where its noise is below the probability that the finished image gives it."""
    likelihood, output = moved(PixelCNN(1, context, layers, width=8)), outputs(4, 1, 9, 7)
    x = likelihood.sample(output, generator(1))
    noise = torch.rand(output.shape, generator=generator(1))
    with torch.no_grad():
        expected = noise < likelihood.logits(x, output).sigmoid()
    assert torch.equal(x.bool(), expected)
    assert 0.1 < x.mean() < 0.9


def test_samples_have_the_probabilities_that_log_prob_says():
    likelihood, images = moved(PixelCNN(1, 1, width=5)), all_images(2, 2)
    output = outputs(1, 1, 2, 2)
    with torch.no_grad():
        expected = likelihood.log_prob(images, output.expand_as(images)).exp()
    n = 20_000
    x = likelihood.sample(output.expand(n, -1, -1, -1), generator())
    place = (x.flatten(1) @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long()
    assert stats.chisquare(place.bincount(minlength=16), n * expected).pvalue > 0.01
    independent = Bernoulli().log_prob(images, output.expand_as(images)).exp()
    assert stats.chisquare(place.bincount(minlength=16), n * independent).pvalue < 1e-6


def test_the_mean_is_that_of_all_images_up_to_its_draws():
    likelihood, images = moved(PixelCNN(1, 1, width=5)), all_images(2, 2)
    output = outputs(200, 1, 2, 2)
    with torch.no_grad():
        mean = likelihood.mean(output)
        every = output[:, None].expand(-1, 16, -1, -1, -1)  # (200, 16, 1, 2, 2)
        pairs = images.expand_as(every).flatten(0, 1), every.flatten(0, 1)
        weights = likelihood.log_prob(*pairs).exp().view(200, 16, 1, 1, 1)
        expected = (weights * images).sum(1)
    assert torch.equal(mean, likelihood.mean(output))
    assert (mean - expected).abs().mean() < 0.06  # of draws that vary by at most ½ / √16
    assert ((mean - expected).mean(0).abs() < 0.03).all()


def test_samples_come_from_the_generator_alone():
    likelihood, output, state = moved(PixelCNN(1, 1)), outputs(6, 1, 4, 4), torch.get_rng_state()
    x = likelihood.sample(output, generator())
    assert torch.equal(x, likelihood.sample(output, generator()))
    assert not torch.equal(x, likelihood.sample(output, generator(1)))
    likelihood.mean(output)
    assert torch.equal(torch.get_rng_state(), state)
    assert set(x.unique().tolist()) == {0.0, 1.0}


@pytest.mark.slow
def test_in_a_vae_the_pixels_before_take_over_what_z_need_not_say():
    """Stripes: the row above tells all. The same VAE with the context as the one knob."""
    column = torch.rand(256, 1, 1, 8, generator=generator()).round()
    x = column.expand(-1, -1, 8, -1).contiguous()  # the first row, eight times
    kl, nll = {}, {}
    for context in (0, 2):
        likelihood = PixelCNN(1, context, width=16)
        model = VAE.dense((1, 8, 8), 8, hidden=(64,), likelihood=likelihood)
        fit(model, x, epochs=60, batch_size=64, lr=3e-3)
        with torch.no_grad():
            terms = model.loss(x, generator()).terms
        kl[context], nll[context] = float(terms["kl"]), float(sum(terms.values()))
    assert kl[0] > 5.5  # 8 ln 2, what an image holds
    assert kl[2] < 0.6 * kl[0]  # with other seeds 0.40 to 0.46
    assert nll[2] < nll[0] - 2


@pytest.mark.parametrize(
    ("arguments", "got"),
    [((0, 1), "0, 1 and 1"), ((1, -1), "1, 1 and -1"), ((1, 1, 0), "1, 0 and 1")],
)
def test_what_cannot_be_is_refused(arguments, got):
    with pytest.raises(ValueError, match=f"must be at least 1 and context at least 0, got {got}"):
        PixelCNN(*arguments)


def test_grey_values_out_of_range_and_other_shapes_are_refused():
    likelihood = PixelCNN(1, 1)
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
        likelihood.log_prob(torch.full((1, 1, 2, 2), 2.0), torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match="must have the shape of x"):
        likelihood.log_prob(torch.zeros(2, 1, 2, 2), torch.zeros(1, 1, 2, 2))
