"""The VQ-VAE against brute force, autograd of a plain one-hot version, and full sums."""

import itertools
import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.likelihoods import Bernoulli, Gaussian, SquaredError
from course_lib.models import VQVAE, TokenPrior, VectorQuantizer
from course_lib.models.networks import seeded
from course_lib.training import fit

SHAPE = (1, 8, 4)
DIGITS = load("digits").images
IMAGES = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def squared_distances(z_e, codebook):
    """(M, K) in float64, from the differences and not from their expanded squares."""
    return ((z_e.double().numpy()[:, None] - codebook.double().numpy()[None]) ** 2).sum(2)


def of_parts(quantizer, likelihood=None, grid=(2, 3, 4), **settings):
    """A model of linear layers whose tokens lie on a grid of any shape."""
    n = math.prod(grid) * quantizer.codebook.shape[1]
    draws = generator(3)
    encoder = nn.Sequential(
        nn.Flatten(),
        seeded(nn.Linear, 32, n, generator=draws),
        nn.Unflatten(1, (*grid, quantizer.codebook.shape[1])),
    )
    decoder = nn.Sequential(
        nn.Flatten(), seeded(nn.Linear, n, 32, generator=draws), nn.Unflatten(1, SHAPE)
    )
    return VQVAE(encoder, decoder, quantizer, likelihood, **settings)


def dense(quantizer, likelihood=None, tokens=4, **settings):
    return VQVAE.dense(SHAPE, quantizer, tokens, likelihood=likelihood, **settings)


def convolutional(quantizer, likelihood=None, channels=(32, 64), **settings):
    return VQVAE.convolutional(SHAPE, quantizer, channels, likelihood, **settings)


MAKERS = [dense, convolutional, of_parts]


# The loss and its gradients


def one_hot_loss(model, x):
    """The loss written once more, with matrices of zeros and ones."""
    z_e = model.encode(x)  # (B, *grid, D_e)
    codebook = model.quantizer.codebook
    distances = (z_e.detach()[..., None, :] - codebook.detach()).square().sum(-1)  # (B, *grid, K)
    e = F.one_hot(distances.argmin(-1), len(codebook)).to(z_e.dtype) @ codebook
    output = model.decode(z_e + e.detach() - z_e.detach())
    if isinstance(model.likelihood, Bernoulli):
        nll = F.binary_cross_entropy_with_logits(output, x, reduction="sum")
    else:
        nll = F.mse_loss(output, x, reduction="sum")
    codebook_loss = F.mse_loss(e, z_e.detach(), reduction="sum")
    commitment_loss = F.mse_loss(z_e, e.detach(), reduction="sum")
    return (nll + codebook_loss + model.commitment * commitment_loss) / len(x)


@pytest.mark.equation("VQ.7")
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("likelihood", [Bernoulli(), SquaredError()])
def test_the_loss_and_all_its_gradients_are_those_of_the_one_hot_formulation(make, likelihood):
    quantizer = VectorQuantizer(7, 3, "gradient", revive_below=0, initial="normal")
    model = make(quantizer, likelihood, commitment=0.6).double()
    with torch.no_grad():  # spread the vectors, so that several codes are in use
        list(model.encoder.parameters())[-2].mul_(60)
    x = (IMAGES > 0.5).double()
    assert len(model.tokens(x).unique()) > 2
    loss, expected = model.loss(x), one_hot_loss(model, x)
    torch.testing.assert_close(loss.total, expected)
    assert list(loss.terms) == ["reconstruction", "codebook", "commitment"]
    parameters = list(model.parameters())
    ours, theirs = (torch.autograd.grad(total, parameters) for total in (loss.total, expected))
    for gradient, reference in zip(ours, theirs, strict=True):
        assert reference.abs().max() > 0
        torch.testing.assert_close(gradient, reference)


def test_with_moving_averages_the_codebook_loss_is_left_out_and_the_codes_get_no_gradient():
    model = dense(VectorQuantizer(7, 3))
    loss = model.loss(IMAGES)
    assert list(loss.terms) == ["reconstruction", "commitment"]
    loss.total.backward()
    assert model.quantizer.codebook.grad is None
    assert all(p.grad is not None for p in (*model.encoder.parameters(),))


def test_the_straight_through_gradient_is_not_the_derivative_of_the_loss():
    """The true derivative by z_e is 0: a small step changes no code, and so not the loss."""
    model = VQVAE.dense((1, 8, 8), VectorQuantizer(16, 4)).double().eval()
    x = DIGITS[:20].double()
    z_e = model.encode(x).detach().requires_grad_()

    def loss(z_e):
        quantized = model.quantize(z_e)
        return -model.likelihood.log_prob(x, model.decode(quantized.z_q.view_as(z_e))).sum()

    (surrogate,) = torch.autograd.grad(loss(z_e), z_e)
    assert surrogate.norm() > 1
    direction = normal(*z_e.shape).double()
    with torch.no_grad():
        difference = (loss(z_e + 1e-6 * direction) - loss(z_e - 1e-6 * direction)) / 2e-6
    # z_e + (e − z_e) rounds to e within 1e-16
    assert abs(difference.item()) < 1e-6 * abs((surrogate * direction).sum().item()) + 1e-5


def test_the_reconstruction_is_the_negative_logarithm_of_any_likelihood():
    x = IMAGES.double()
    likelihood = Gaussian(0.3)
    model = dense(VectorQuantizer(7, 3, initial="normal"), likelihood).double().eval()
    expected = -torch.distributions.Normal(model(x), likelihood.sigma).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(model.loss(x).terms["reconstruction"], expected.mean())


@pytest.mark.parametrize("update", ["ema", "gradient"])
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("make", MAKERS)
def test_a_loss_on_the_reconstruction_is_no_trap(make, started, update):
    """In training mode, too, the encoder learns from it, and the codebook stays as it is."""
    initial = "normal" if started else "data"
    quantizer = VectorQuantizer(7, 3, update, revive_below=0.9, initial=initial)
    model = make(quantizer).double().train()
    before, x = deepcopy(quantizer.state_dict()), IMAGES.double()
    (model(x) - x).square().mean().backward()
    assert quantizer.started == started
    for name in ("codebook", "count", "sum"):
        assert torch.equal(quantizer.state_dict()[name], before[name])
    assert quantizer.codebook.grad is None
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    assert all(gradient.abs().sum() > 0 for gradient in gradients.values())
    # straight through: that of the codes as if they were z_e plus a constant
    model.zero_grad()
    z_e = model.encode(x)
    indices = model.tokens(x)
    jump = (quantizer.codebook[indices] - z_e).detach()
    (model.decode(z_e + jump).sigmoid() - x).square().mean().backward()
    networks = {
        name: p.grad for name, p in model.named_parameters() if not name.startswith("quantizer")
    }
    assert gradients.keys() == networks.keys()
    for name, expected in networks.items():
        torch.testing.assert_close(gradients[name], expected)


# The model


@pytest.mark.equation("VQ.3")
@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian()])
@pytest.mark.parametrize(
    ("make", "grid", "settings"),
    [
        (dense, (4,), {"tokens": 4}),
        (dense, (1,), {"tokens": 1}),
        (convolutional, (2, 1), {"channels": (5, 5)}),
        (convolutional, (4, 2), {"channels": (5,)}),
        (of_parts, (2, 3, 4), {"grid": (2, 3, 4)}),
    ],
)
def test_an_image_becomes_vectors_on_a_grid_then_codes_then_a_picture(
    make, grid, settings, likelihood
):
    quantizer = VectorQuantizer(7, 3)
    model = make(quantizer, likelihood, **settings).eval()
    z_e = model.encode(IMAGES)
    quantizer.start(z_e.detach().flatten(0, -2), generator())
    assert z_e.shape == (6, *grid, 3)
    indices = model.tokens(IMAGES)
    assert indices.shape == (6, *grid)
    assert len(indices.unique()) > 3
    expected = squared_distances(z_e.detach().reshape(-1, 3), quantizer.codebook).argmin(1)
    assert (indices.flatten().numpy() == expected).all()
    quantized = model.quantize(z_e)
    assert torch.equal(quantized.indices.view(6, *grid), indices)
    x_hat = model.decode_mean(quantized.z_q.view_as(z_e))
    assert x_hat.shape == IMAGES.shape
    torch.testing.assert_close(model(IMAGES), x_hat)
    torch.testing.assert_close(model.decode_tokens(indices), x_hat)
    assert torch.equal(model.decode_tokens(indices.int()), model.decode_tokens(indices))
    output = model.decode(quantized.z_q.view_as(z_e))
    expected = output.sigmoid() if isinstance(likelihood, Bernoulli) else output
    assert torch.equal(x_hat, expected)
    losses = [model.loss(IMAGES).terms[name].item() for name in ("reconstruction", "commitment")]
    distances = squared_distances(z_e.detach().reshape(-1, 3), quantizer.codebook)
    nll = -model.likelihood.log_prob(IMAGES, output).mean().item()
    assert losses == pytest.approx([nll, distances.min(1).sum() / 6], rel=1e-4)


def test_changing_one_token_of_a_grid_changes_its_place_alone():
    """Of a grid (2, 3, 4), whose decoder here writes each code's first number into a pixel."""
    quantizer = VectorQuantizer(7, 3, initial="normal")
    pick = nn.Sequential(nn.Flatten(1, -2), nn.Flatten())  # (B, 24 · 3)
    decoder = nn.Sequential(pick, nn.Unflatten(1, (1, 24, 3)))
    model = VQVAE(nn.Unflatten(1, (1,)), decoder, quantizer, SquaredError())
    tokens = torch.randint(7, (1, 2, 3, 4), generator=generator())
    changed = tokens.clone()
    changed[0, 1, 2, 3] = (tokens[0, 1, 2, 3] + 1) % 7
    before, after = model.decode_tokens(tokens), model.decode_tokens(changed)
    assert (before != after).any(3).flatten().nonzero().tolist() == [[23]]


def test_tokens_of_a_convolutional_model_lie_where_they_are_in_the_picture():
    quantizer = VectorQuantizer(9, 4)
    model = VQVAE.convolutional((1, 32, 24), quantizer, channels=(6, 8)).eval()
    assert model.tokens(torch.zeros(2, 1, 32, 24)).shape == (2, 8, 6)
    row, column = 3, 2
    centre = 4 * row + 1.5, 4 * column + 1.5  # of the pixels that the token stands for

    def middle(reached):
        return [reached.any(1 - axis).nonzero().float().mean().item() for axis in (0, 1)]

    x = torch.rand(1, 1, 32, 24, generator=generator()).requires_grad_()
    (to_x,) = torch.autograd.grad(model.encode(x)[0, row, column].sum(), x)
    assert middle(to_x[0, 0] != 0) == pytest.approx(centre)
    tokens = torch.zeros(2, 8, 6, dtype=torch.long)
    tokens[1, row, column] = 5
    one, other = model.decode_tokens(tokens)[:, 0]
    assert middle(one != other) == pytest.approx(centre)


def test_training_uses_the_codebook_and_lowers_the_loss():
    quantizer = VectorQuantizer(16, 4, gamma=0.9)
    model = VQVAE.dense((1, 8, 8), quantizer, hidden=(32,))
    history = fit(model, DIGITS[:500], epochs=8, lr=3e-3)
    first, last = (history.terms["reconstruction"][i] for i in (0, -1))
    assert last < 0.85 * first
    assert len(model.tokens(DIGITS[:500]).unique()) > 8


def test_seeds_decide_everything_and_no_global_seed_is_touched():
    def trained(seed):
        quantizer = VectorQuantizer(16, 4, seed=seed)
        model = VQVAE.convolutional((1, 8, 8), quantizer, channels=(8,), seed=seed)
        fit(model, DIGITS[:256], epochs=2, seed=seed)
        prior = TokenPrior(16, 16, width=8, heads=2, seed=seed)
        fit(prior, model.tokens(DIGITS[:256]).flatten(1), epochs=1, seed=seed)
        weights = [*model.parameters(), quantizer.count, quantizer.sum]
        return [*weights, prior.sample(5, generator(seed))]

    state = torch.random.get_rng_state()
    first, again, other = trained(0), trained(0), trained(1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[-1], other[-1])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("commitment", [-0.1, math.nan, math.inf])
def test_a_commitment_that_is_no_weight_is_refused(make, commitment):
    with pytest.raises(ValueError, match=f"commitment must be ≥ 0 and finite, got {commitment}"):
        make(VectorQuantizer(7, 3), commitment=commitment)


def test_no_tokens_and_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="tokens must be at least 1, got 0"):
        dense(VectorQuantizer(7, 3), tokens=0)
    with pytest.raises(ValueError, match="sides of image_shape must be multiples of 2"):
        convolutional(VectorQuantizer(7, 3), channels=(4, 4, 4))
    with pytest.raises(TypeError, match="tokens"):  # a convolution's grid has what it has
        convolutional(VectorQuantizer(7, 3), tokens=4)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.tensor([[0, 1, 2, 7]]), "tokens must be from 0 to 6, got 0 to 7"),
        (torch.tensor([[0, -1, 2, 3]]), "tokens must be from 0 to 6, got -1 to 3"),
        (torch.zeros(1, 4), r"tokens must be integers, .* got torch.float32 of shape \(1, 4\)"),
        (torch.zeros(0, 4, dtype=torch.long), r"tokens must be integers, at least one; .*\(0, 4\)"),
    ],
)
def test_tokens_that_cannot_be_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        dense(VectorQuantizer(7, 3)).decode_tokens(tokens)


# Its evidence: chapter 9


@pytest.fixture(scope="module")
def briefly_trained():
    """A VQ-VAE with 4³ grids of tokens in all, and images of pixels that are 0 or 1."""
    images = (DIGITS[:200] > 0.5).float()
    model = VQVAE.dense((1, 8, 8), VectorQuantizer(4, 3), tokens=3, hidden=(16,))
    fit(model, images, epochs=5, lr=3e-3)
    return model.double(), images[:40].double()


def log_likelihoods(model, x):
    """log p(x|k) of every grid k by torch.distributions, (B, K^T), and the grids."""
    every = torch.tensor(list(itertools.product(range(4), repeat=3)))
    with torch.no_grad():
        logits = model.decode(model.quantizer.codebook[every])  # (K^T, 1, 8, 8)
    pixels = torch.distributions.Bernoulli(logits=logits)
    return torch.stack([pixels.log_prob(image).sum((1, 2, 3)) for image in x]), every


@pytest.mark.equation("VQ.14")
def test_the_elbo_of_a_one_hot_posterior_is_the_likelihood_less_a_constant(briefly_trained):
    model, x = briefly_trained
    log_p, every = log_likelihoods(model, x)
    chosen = (model.tokens(x)[:, None] == every).all(2)  # q(k|x), one-hot: (B, K^T)
    assert chosen.sum(1).eq(1).all()
    uniform = torch.full((len(every),), 1 / len(every)).double()
    kl = stats.entropy(chosen.double().numpy(), uniform.numpy(), axis=1)
    elbo = (chosen * log_p).sum(1) - torch.from_numpy(kl)
    np.testing.assert_allclose(kl, 3 * math.log(4), rtol=1e-12)
    reconstruction = model.loss(x).terms["reconstruction"]
    assert elbo.mean().item() == pytest.approx(-reconstruction.item() - 3 * math.log(4), rel=1e-9)


@pytest.mark.equation("VQ.15")
def test_the_evidence_is_a_sum_over_all_grids_and_the_gap_is_minus_log_posterior(briefly_trained):
    model, x = briefly_trained
    log_p, every = log_likelihoods(model, x)
    joint = log_p.exp() / len(every)  # p(x, k)
    evidence = joint.sum(1).log()
    posterior = joint / joint.sum(1, keepdim=True)
    own = (model.tokens(x) @ torch.tensor([16, 4, 1]))[:, None]
    with torch.no_grad():
        output = model.decode(model.quantizer.codebook[model.tokens(x)])
        elbo = model.likelihood.log_prob(x, output) - 3 * math.log(4)
    gap = -posterior.gather(1, own)[:, 0].log()
    torch.testing.assert_close(evidence - elbo, gap)
    assert (gap > 0).all()
    assert gap.mean() > 0.1
