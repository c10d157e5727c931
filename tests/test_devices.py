"""Every model, objective, sampler and measure follows its data to another device and dtype.

The meta device, which has shapes and no values, refuses whatever lies on the CPU. Where there is a
GPU the same runs there, too, and must give what the CPU gives.
"""

import pytest
import torch

from course_lib import evaluation, information, objectives
from course_lib.datasets import load
from course_lib.evaluation import importance_weighted_log_likelihood
from course_lib.likelihoods import Bernoulli, Gaussian, SquaredError
from course_lib.models import (
    VAE,
    VQVAE,
    VQVAE2,
    Autoencoder,
    ConditionalNormal,
    ConditionalVAE,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    FiniteScalarQuantizer,
    HierarchicalPrior,
    L1Autoencoder,
    OneHot,
    PixelCNN,
    ResidualQuantizer,
    RotationQuantizer,
    SemiSupervisedVAE,
    SparseAutoencoder,
    TokenPrior,
    TopKAutoencoder,
    VectorQuantizer,
)
from course_lib.models.contractive_autoencoder import (
    contractive_penalty,
    hutchinson_contractive_penalty,
    tangent_share,
)
from course_lib.models.denoising_autoencoder import (
    empirical_denoiser,
    gaussian_denoiser,
    gaussian_noise,
    masking,
    salt_and_pepper,
    score_from_denoiser,
)
from course_lib.objectives import (
    Beta,
    Capacity,
    Classification,
    Constraint,
    ContextDropout,
    CyclicalBeta,
    EveryBeta,
    FreeBits,
    ImportanceWeighted,
    ScoreFunction,
    TotalCorrelation,
)
from course_lib.priors import (
    AutoregressivePrior,
    DiagonalNormal,
    FlowPrior,
    GaussianMixture,
    StandardNormal,
    VampPrior,
)
from course_lib.training import fit

SHAPE = (1, 8, 8)
X = load("digits").images[:12]
THERE = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
ACCELERATORS = [name for name, there in THERE.items() if there]
DEVICES = ["meta", *ACCELERATORS]


def dense():
    return VAE.dense(SHAPE, 3, hidden=(8,))


def vamp():
    model = dense()
    model.prior = VampPrior(model.encoder, X[:3].clone())
    return model


MODELS = {
    "autoencoder": lambda: Autoencoder(SHAPE, 3),
    "squared error": lambda: Autoencoder(SHAPE, 3, likelihood="gaussian", code="relu"),
    "masking": lambda: DenoisingAutoencoder(SHAPE, 8),
    "noise": lambda: DenoisingAutoencoder(SHAPE, 8, corruption=gaussian_noise),
    "salt and pepper": lambda: DenoisingAutoencoder(SHAPE, 8, corruption=salt_and_pepper),
    "sparse": lambda: SparseAutoencoder(SHAPE, 8),
    "l1": lambda: L1Autoencoder(SHAPE, 8),
    "top k": lambda: TopKAutoencoder(SHAPE, 8, k=2),
    "contractive": lambda: ContractiveAutoencoder(SHAPE, 8),
    "tied": lambda: ContractiveAutoencoder(SHAPE, 8, tied=True),
    "hutchinson": lambda: ContractiveAutoencoder(SHAPE, 8, hidden=(8,)),
    "vae": dense,
    "fixed sigma": lambda: VAE.dense(SHAPE, 3, likelihood=Gaussian(0.3)),
    "learned sigma": lambda: VAE.dense(SHAPE, 3, likelihood=Gaussian()),
    "convolutional": lambda: VAE.convolutional(SHAPE, 3, channels=(4,)),
    "averages": lambda: VQVAE.dense(SHAPE, VectorQuantizer(6, 2, revive_below=0.9)),
    "gradient": lambda: VQVAE.dense(SHAPE, VectorQuantizer(6, 2, "gradient", initial="normal")),
    "grid": lambda: VQVAE.convolutional(SHAPE, VectorQuantizer(6, 2), channels=(4,)),
    "residual": lambda: VQVAE.dense(SHAPE, ResidualQuantizer([VectorQuantizer(6, 2)] * 2)),
    "scalar": lambda: VQVAE.dense(SHAPE, FiniteScalarQuantizer([3, 4])),
    "rotation": lambda: VQVAE.dense(SHAPE, RotationQuantizer(6, 2)),
    "two levels": lambda: VQVAE2.convolutional(
        SHAPE, [VectorQuantizer(6, 2), VectorQuantizer(5, 3)], channels=(4,)
    ),
    "pixel by pixel": lambda: VAE.dense(SHAPE, 3, hidden=(8,), likelihood=PixelCNN(1, 1, width=4)),
    "mixture": lambda: VAE.dense(SHAPE, 3, hidden=(8,), prior=GaussianMixture(3, 4)),
    "vamp": vamp,
    "flow": lambda: VAE.dense(SHAPE, 3, hidden=(8,), prior=FlowPrior(3, hidden=8)),
    "autoregressive": lambda: VAE.dense(SHAPE, 3, hidden=(8,), prior=AutoregressivePrior(3, 0.5)),
}
OBJECTIVES = {
    "beta": lambda: Beta(2.0, warm_up=3),
    "capacity": lambda: Capacity(2.0, warm_up=3),
    "constraint": lambda: Constraint(2.0),
    "cyclical": lambda: CyclicalBeta(2.0, 4),
    "free bits": lambda: FreeBits(0.1),
    "total correlation": lambda: TotalCorrelation(2.0, dataset_size=100),
    "score function": ScoreFunction,
    "importance weighted": lambda: ImportanceWeighted(3),
}


def generator():
    """On the CPU, as a reader of a chapter makes it."""
    return torch.Generator().manual_seed(0)


def moved(value, device):
    return value.to(device) if isinstance(value, torch.Tensor | torch.nn.Module) else value


def assert_agree(found, expected, device):
    """On the meta device shapes and dtypes, elsewhere values."""
    assert found.device.type == device
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if device != "meta":
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-4)


def step(make, x, device, objective=None):
    """Total and gradients of a training step, with the noise of a generator on the CPU."""
    model, x = make().to(device).train(), x.to(device)
    if objective is None:
        loss = model.loss(x, generator())
    else:
        made = objective()
        loss = moved(made, device)(model, x, generator(), 1)
    loss.total.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return [loss.total.detach(), *gradients]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_of_every_model(name, device):
    expected = step(MODELS[name], X, "cpu")
    found = step(MODELS[name], X, device)
    assert len(found) == len(expected) > 2
    for ours, theirs in zip(found, expected, strict=True):
        assert_agree(ours, theirs, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_training_step_of_every_objective(name, device):
    expected = step(dense, X, "cpu", OBJECTIVES[name])
    for ours, theirs in zip(step(dense, X, device, OBJECTIVES[name]), expected, strict=True):
        assert_agree(ours, theirs, device)


@pytest.mark.parametrize("device", DEVICES)
def test_a_training_step_for_every_beta_and_for_tokens(device):
    def conditional():
        return ConditionalVAE.dense(SHAPE, 3, 1, hidden=(8,))

    def prior():
        return TokenPrior(6, 4, width=8)

    tokens = torch.randint(6, (12, 4), generator=generator())
    for make, x, objective in ((conditional, X, EveryBeta), (prior, tokens, None)):
        expected = step(make, x, "cpu", objective)
        for ours, theirs in zip(step(make, x, device, objective), expected, strict=True):
            assert_agree(ours, theirs, device)
    at = EveryBeta().at(conditional().to(device), 2.0)
    assert at(X.to(device)).device.type == device


CONDITIONAL = {
    "one-hot": lambda: ConditionalVAE.dense(SHAPE, 3, 10, hidden=(8,), embedding=OneHot(10)),
    "planes": lambda: ConditionalVAE.convolutional(SHAPE, 3, 10, (4,), embedding=OneHot(10)),
    "learned prior": lambda: ConditionalVAE.dense(
        SHAPE, 3, 10, (8,), prior=ConditionalNormal(3, 10), embedding=OneHot(10)
    ),
    "all classes": lambda: SemiSupervisedVAE.dense(SHAPE, 3, hidden=(8,)),
    "one sample": lambda: SemiSupervisedVAE.dense(SHAPE, 3, hidden=(8,), temperature=0.5),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_training_step_with_labels(name, device):
    labels = torch.arange(12) % 10
    if name in ("all classes", "one sample"):
        labels[3:] = -1
    objective = Classification(2.0) if labels[-1] < 0 else Beta(2.0)

    def step(device):
        model = CONDITIONAL[name]().to(device)
        batch = {"images": X.to(device), "labels": labels.to(device)}
        loss = objective(model, batch, generator(), 1)
        loss.total.backward()
        return [loss.total.detach(), *(p.grad for p in model.parameters())]

    for ours, theirs in zip(step(device), step("cpu"), strict=True):
        assert_agree(ours, theirs, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_rebuilds_and_samples(name, device):
    model, there = MODELS[name]().eval(), MODELS[name]().eval().to(device)
    assert_agree(there(X.to(device)), model(X), device)
    if isinstance(model, VAE):
        assert_agree(there.sample(5, generator()), model.sample(5, generator()), device)
    if isinstance(model, VQVAE):
        tokens = model.tokens(X)
        assert there.tokens(X.to(device)).shape == tokens.shape
        assert_agree(there.decode_tokens(tokens.to(device)), model.decode_tokens(tokens), device)


@pytest.mark.parametrize("device", DEVICES)
def test_a_step_of_a_decoder_that_misses_pixels(device):
    make, objective = MODELS["pixel by pixel"], lambda: ContextDropout(0.3)
    expected = step(make, X, "cpu", objective)
    for ours, theirs in zip(step(make, X, device, objective), expected, strict=True):
        assert_agree(ours, theirs, device)


@pytest.mark.parametrize("device", DEVICES)
def test_parts_sample_on_their_device(device):
    output = X.to(device)
    for likelihood in (Bernoulli(), Gaussian(0.3).to(device)):
        assert likelihood.sample(output, generator()).device.type == device
        assert likelihood.log_prob(output, output).device.type == device
    assert SquaredError().log_prob(output, output).device.type == device
    prior = StandardNormal(3).to(device)
    assert_agree(prior.sample(4, generator()), StandardNormal(3).sample(4, generator()), device)
    for prior in (TokenPrior(6, 4, width=8), HierarchicalPrior((6, 5), (1, 3), width=8)):
        tokens = prior.to(device).sample(3)
        assert tokens.shape == (3, 4)
        assert tokens.device.type == device


CODES = torch.randn(12, 3, generator=generator())
LOGVAR = torch.full((12, 3), -1.0)
P = torch.softmax(CODES, 1)
COVARIANCE = torch.eye(3) + 0.1


def sigmoid(x):
    return x.flatten(1).sigmoid()[:, :3]


MEASURES = {
    "entropy": (information.entropy, P),
    "cross-entropy": (information.cross_entropy, P, P.flip(0)),
    "discrete": (information.kl_discrete, P, P.flip(0)),
    "coins": (information.kl_bernoulli, P, P.flip(0)),
    "normal": (information.kl_normal, CODES, LOGVAR.exp()),
    "diagonal": (information.kl_diagonal_normal, CODES, LOGVAR),
    "full": (information.kl_multivariate_normal, CODES, COVARIANCE, CODES + 1, COVARIANCE),
    "monte carlo": (lambda q, p: information.kl_monte_carlo(q, p).estimate, CODES, LOGVAR),
    "rate": (lambda v: information.rate_distortion_normal(v, 0.5)[0], LOGVAR[0].exp()),
    "kl per dimension": (evaluation.kl_per_dimension, CODES, LOGVAR),
    "active": (evaluation.active_units, CODES),
    "parts": (
        lambda z, v: objectives.kl_parts(z, z[:, 0], z, v, z.new_tensor(-2.5))["total_correlation"],
        CODES, LOGVAR,
    ),
    "participation": (evaluation.participation_ratio, CODES),
    "orientation": (evaluation.orientation_selectivity, X),
    "lifetime": (lambda h: evaluation.lifetime_activity(h, 0.1), CODES),
    "population": (lambda h: evaluation.population_activity(h, 0.1), CODES),
    "jacobian": (lambda x: contractive_penalty(sigmoid, x), X),
    "hutchinson": (lambda x: hutchinson_contractive_penalty(sigmoid, x, generator()), X),
    "tangents": (tangent_share, CODES.expand(2, 12, 3).mT, CODES.expand(2, 12, 3)[..., :1]),
    "masking": (lambda x: masking(x, 0.5, generator()), X),
    "gaussian denoiser": (
        lambda x, m, c: gaussian_denoiser(x, m, c, 0.5), CODES, CODES[0], COVARIANCE,
    ),
    "empirical denoiser": (lambda x: empirical_denoiser(x, x, 0.5), CODES),
    "score": (lambda x: score_from_denoiser(x, 2 * x, 0.5), CODES),
    "q": (lambda m, v: DiagonalNormal(m, v).log_prob(m), CODES, LOGVAR),
}  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_of_tensors(name, device):
    measure, *arguments = MEASURES[name]
    assert_agree(measure(*(a.to(device) for a in arguments)), measure(*arguments), device)


@pytest.mark.parametrize("device", ["cpu", *ACCELERATORS])
def test_measures_that_end_in_a_number_take_data_from_anywhere(device):
    x, codes, logvar = X.to(device), CODES.to(device), LOGVAR.to(device)
    factors = CODES.flip(0).to(device)
    tokens = torch.arange(12, device=device) % 4
    numbers = [
        evaluation.split_kl(codes, logvar).total_correlation,
        evaluation.frechet_distance(codes, codes + 1),
        evaluation.nearest_distance(x, x.flip(1)),
        evaluation.perplexity(tokens, 4),
        evaluation.dci(codes, factors).informativeness,
        evaluation.mutual_information_gap(codes, factors, bins=3).sum().item(),
        evaluation.separated_attribute_predictability(codes, factors).sum().item(),
        importance_weighted_log_likelihood(dense().to(device), x, samples=3).mean,
    ]
    assert all(torch.tensor(numbers).isfinite())


@pytest.mark.parametrize("device", ACCELERATORS or ["cpu"])
def test_fit_takes_model_and_images_to_the_device(device):
    model = dense()
    fit(model, X, epochs=2, device=device, validation=X)
    assert all(p.device.type == device for p in model.parameters())


# Other numbers than float32


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_in_bfloat16_under_autocast(name):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total, *gradients = step(MODELS[name], X, "cpu")
    assert total.dtype == torch.float32
    assert all(gradient.isfinite().all() for gradient in gradients)
    exact, *_ = step(MODELS[name], X, "cpu")
    torch.testing.assert_close(total, exact, rtol=0.02, atol=0.1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_trains_in_bfloat16_under_autocast(name):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total, *_ = step(dense, X, "cpu", OBJECTIVES[name])
    torch.testing.assert_close(total, step(dense, X, "cpu", OBJECTIVES[name])[0], rtol=0.02, atol=1)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_works_in_double_precision(name):
    model = MODELS[name]().double()
    fit(model, X.double(), epochs=1, batch_size=6)
    with torch.no_grad():
        assert model(X.double()).dtype == torch.float64
        if isinstance(model, VAE):
            assert model.sample(2, generator()).dtype == torch.float64
            x = X.double()
            found = importance_weighted_log_likelihood(model, x, samples=3).per_image
            assert found.dtype == torch.float64
