"""M2 against sums over all classes, quadrature over z, and the logistic distribution."""

import math

import pytest
import torch
from scipy import stats
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence
from torch.nn import functional as F

from course_lib.datasets import load
from course_lib.models import ConditionalVAE, OneHot, SemiSupervisedVAE
from course_lib.models.semi_supervised_vae import gumbel_softmax, unlabelled_loss
from course_lib.objectives import Classification, LabelLikelihood
from course_lib.training import fit

SHAPE, K = (1, 2, 2), 3
IMAGES = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0)).round()
LABELS = torch.tensor([2, -1, 0, -1, -1, 1])
LOG_PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(temperature=None, latent_dim=1):
    model = SemiSupervisedVAE.dense(SHAPE, latent_dim, K, hidden=(5,), temperature=temperature)
    model.log_prior.copy_(LOG_PRIOR)
    with torch.no_grad():  # far from where a training begins
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


# Over all classes


def test_the_losses_of_all_classes_are_those_of_a_loop_over_images_and_classes():
    model = small(latent_dim=2)
    epsilon = torch.randn(6 * K, 2, generator=generator(3))
    expected = torch.empty(6, K)
    for i in range(6):
        for k in range(K):
            y = torch.eye(K)[k]
            told = torch.cat([IMAGES[i].flatten(), y])
            mu, logvar = model.conditional.encoder(told[None])[0].chunk(2)
            z = mu + (logvar / 2).exp() * epsilon[i * K + k]
            logits = model.conditional.decoder(torch.cat([z, y])[None])[0]
            kl = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).sum()
            expected[i, k] = kl - Bernoulli(logits=logits).log_prob(IMAGES[i]).sum() - LOG_PRIOR[k]
    torch.testing.assert_close(model.losses(IMAGES, generator(3)), expected)


@pytest.mark.equation("COND.5")
@pytest.mark.equation("COND.7")
def test_without_a_label_the_loss_is_a_mean_over_classes_less_their_entropy():
    losses, logits = 3 * torch.randn(7, K, generator=generator()), torch.randn(
        7, K, generator=generator(1)
    )  # fmt: skip
    q = Categorical(logits=logits)
    expected = (q.probs * losses).sum(1) - q.entropy()
    torch.testing.assert_close(unlabelled_loss(losses, logits), expected)
    # The best q(y|x) is softmax(−L), and the smallest loss −log Σ exp(−L).
    best = Categorical(logits=-losses)
    gap = kl_divergence(q, best)
    torch.testing.assert_close(expected, gap - (-losses).logsumexp(1))
    torch.testing.assert_close(unlabelled_loss(losses, -losses), -(-losses).logsumexp(1))


# The evidence, by quadrature over one z and a sum over three classes


def quadrature(model, x):
    """log p(x, y, z) and log q(z|x, y) of every class and node: (K, n), and the nodes."""
    z = torch.linspace(-40, 40, 16_001, dtype=torch.float64)
    log_joint, log_q = torch.empty(K, len(z)).double(), torch.empty(K, len(z)).double()
    for k in range(K):
        y = torch.eye(K, dtype=torch.float64)[k]
        mu, logvar = model.conditional.encoder(torch.cat([x.flatten(), y])[None])[0]
        codes = torch.cat([z[:, None], y.expand(len(z), K)], 1)
        log_x = Bernoulli(logits=model.conditional.decoder(codes)).log_prob(x).sum((1, 2, 3))
        log_joint[k] = log_x + Normal(0.0, 1.0).log_prob(z) + model.log_prior[k]
        log_q[k] = Normal(mu, (logvar / 2).exp()).log_prob(z)
    return z, log_joint, log_q


@pytest.mark.equation("COND.4")
@pytest.mark.equation("COND.5")
@torch.no_grad()
def test_both_losses_are_bounds_and_their_gaps_are_divergences():
    model = small().double()
    x = IMAGES[1].double()
    z, log_joint, log_q = quadrature(model, x)
    step = z[1] - z[0]
    evidence_y = (log_joint.exp().sum(1) * step).log()  # log p(x, y), (K,)
    evidence = evidence_y.logsumexp(0)
    q_z = log_q.exp() * step
    L = (q_z * (log_q - log_joint)).sum(1)  # exact
    posterior = log_joint - evidence_y[:, None]
    torch.testing.assert_close(L + evidence_y, (q_z * (log_q - posterior)).sum(1))
    assert (L + evidence_y > 0.001).all()
    log_q_y = model(x[None])[0]
    U = unlabelled_loss(L[None], log_q_y[None])[0]
    joint = log_q_y[:, None] + log_q - (log_joint - evidence)
    torch.testing.assert_close(U + evidence, (log_q_y.exp()[:, None] * q_z * joint).sum())
    assert U + evidence > 0.001
    # What the model computes by draws is this.
    n = 20_000
    drawn = model.losses(x.expand(n, *SHAPE), generator())
    assert ((drawn.mean(0) - L).abs() < 4 * drawn.std(0) / n**0.5).all()
    batch = {"images": x.expand(n, *SHAPE), "labels": torch.full((n,), -1)}
    values = unlabelled_loss(drawn, log_q_y.expand(n, K))
    assert abs(values.mean() - U) < 4 * values.std() / n**0.5
    total = model.loss(batch, generator()).total
    torch.testing.assert_close(total, values.mean())


# Labels that are there, and labels that are missing


@pytest.mark.equation("COND.6")
def test_a_term_adds_up_its_images_and_divides_by_the_batch():
    model = small(latent_dim=2)
    terms = model.loss({"images": IMAGES, "labels": LABELS}, generator(1)).terms
    losses = model.losses(IMAGES, generator(1))
    log_q = F.log_softmax(model.classifier(IMAGES), 1)
    labelled = [i for i in range(6) if LABELS[i] >= 0]
    others = [i for i in range(6) if LABELS[i] < 0]
    expected = {
        "labelled": sum(losses[i, LABELS[i]] for i in labelled) / 6,
        "unlabelled": sum((log_q[i].exp() * (losses[i] + log_q[i])).sum() for i in others) / 6,
        "classification": -sum(log_q[i, LABELS[i]] for i in labelled) / 6,
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    loss = Classification(7.0)(model, {"images": IMAGES, "labels": LABELS}, generator(1))
    torch.testing.assert_close(
        loss.total, terms["labelled"] + terms["unlabelled"] + 7 * terms["classification"]
    )


@pytest.mark.parametrize("temperature", [None, 0.5])
@pytest.mark.parametrize("labels", [torch.full((6,), -1), torch.tensor([0, 1, 2, 2, 1, 0])])
def test_batches_without_labels_and_with_all_of_them_are_no_special_cases(labels, temperature):
    model = small(temperature)
    loss = model.loss({"images": IMAGES, "labels": labels}, generator())
    absent = ("labelled", "classification") if labels[0] < 0 else ("unlabelled",)
    for name, term in loss.terms.items():
        assert (term == 0) == (name in absent)
    loss.total.backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_a_known_label_leaves_nothing_to_the_classifier_but_its_own_term(temperature):
    """L(x, y) of a known y knows no q(y|x), and is what the conditional VAE alone minimises."""
    model = small(temperature, latent_dim=2)
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    terms = model.loss({"images": IMAGES, "labels": labels}, generator()).terms
    gradients = torch.autograd.grad(
        terms["labelled"], model.classifier.parameters(), allow_unused=True, materialize_grads=True
    )
    assert all((gradient == 0).all() for gradient in gradients)
    if temperature:
        uniforms = torch.rand(6, K, generator=(same := generator()))
        assert len(uniforms) == 6  # they are drawn first, for labelled images as well
        alone = model.conditional.loss({"images": IMAGES, "labels": labels}, same).total
        expected = alone - LOG_PRIOR[labels].mean()
        torch.testing.assert_close(terms["labelled"], expected)


def test_a_classifier_alone_counts_only_what_has_a_label():
    classifier = nn.Sequential(nn.Flatten(), nn.Linear(4, K))
    known = LABELS >= 0
    loss = LabelLikelihood()(classifier, {"images": IMAGES, "labels": LABELS})
    expected = Categorical(logits=classifier(IMAGES[known])).log_prob(LABELS[known])
    torch.testing.assert_close(loss.total, -expected.sum() / 6)
    loss = LabelLikelihood()(classifier, {"images": IMAGES, "labels": torch.full((6,), -1)})
    assert loss.total == 0
    loss.total.backward()
    assert all((p.grad == 0).all() for p in classifier.parameters())


def test_what_does_not_fit_is_refused():
    conditional = ConditionalVAE.dense(SHAPE, 2, K, embedding=OneHot(K))
    with pytest.raises(ValueError, match=r"log_prior must have shape \(3,\)"):
        SemiSupervisedVAE(conditional, nn.Identity(), K, log_prior=torch.zeros(2))
    with pytest.raises(ValueError, match="alpha must be ≥ 0 and finite, got -1"):
        Classification(-1)
    with pytest.raises(ValueError, match="temperature must be > 0, got 0"):
        gumbel_softmax(torch.zeros(3), 0)


# Gumbel-softmax


@pytest.mark.equation("COND.8")
def test_the_largest_entry_is_that_of_a_class_with_its_probability():
    probabilities = torch.tensor([0.5, 0.1, 0.15, 0.25])
    y = gumbel_softmax(probabilities.log().expand(20_000, 4), 0.7, generator())
    counts = torch.bincount(y.argmax(1), minlength=4)
    assert stats.chisquare(counts, 20_000 * probabilities).pvalue > 0.01
    torch.testing.assert_close(y.sum(1), torch.ones(20_000))


@pytest.mark.equation("COND.8")
@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_of_two_classes_the_logit_has_a_logistic_distribution(temperature):
    """g₁ − g₂ is logistic: log(y₁/y₂) τ = logit + that."""
    logits = torch.tensor([0.9, -0.3], dtype=torch.float64)
    y = gumbel_softmax(logits.expand(20_000, 2), temperature, generator())
    found = (temperature * (y[:, 0].log() - y[:, 1].log())).clamp(-5, 5)  # where y does not round
    values = found.sort().values
    inside = (values > -5) & (values < 5)
    ours = (torch.arange(len(values))[inside] + 0.5) / len(values)
    expected = torch.from_numpy(stats.logistic.cdf(values[inside], loc=1.2))
    assert (ours - expected).abs().max() < 1.63 / 20_000**0.5  # Kolmogorov, 1 %


def gumbel_gradients(temperature, n=100_000):
    """∂f(y)/∂logits for f(y) = Σ yₖ lₖ, of each sample, and that of the exact sum."""
    logits = torch.tensor([0.3, -0.5, 1.0], dtype=torch.float64)
    l = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)  # noqa: E741
    rows = logits.repeat(n, 1).requires_grad_()
    gradients = torch.autograd.grad(
        (gumbel_softmax(rows, temperature, generator()) @ l).sum(), rows
    )
    q = logits.softmax(0)
    return gradients[0], q * (l - q @ l)


def test_the_gradient_through_a_cold_sample_is_that_of_the_sum_and_a_warm_one_is_biased():
    cold, exact = gumbel_gradients(0.1)
    error = cold.std(0) / len(cold) ** 0.5
    assert ((cold.mean(0) - exact).abs() < 4 * error).all()
    assert (exact.abs() > 10 * error).all()
    warm, _ = gumbel_gradients(2.0)
    error = warm.std(0) / len(warm) ** 0.5
    assert ((warm.mean(0) - exact).abs() > 20 * error).any()
    assert cold.std() > 2 * warm.std()  # the price


def test_in_the_model_the_gradient_of_a_cold_sample_is_that_of_the_sum():
    """Of the classifier, over many draws, with error bars."""
    n = 30_000

    def gradient(model, seed):
        rows = model.classifier(IMAGES[1:2]).detach().repeat(n, 1).requires_grad_()
        model.classifier = Given(rows)
        batch = {"images": IMAGES[1:2].expand(n, *SHAPE), "labels": torch.full((n,), -1)}
        (found,) = torch.autograd.grad(n * model.loss(batch, generator(seed)).total, rows)
        return found.mean(0), found.std(0) / n**0.5

    exact, its_error = gradient(small(), 1)
    drawn, error = gradient(small(temperature=0.1), 2)
    assert ((exact - drawn).abs() < 4 * (error**2 + its_error**2).sqrt()).all()
    assert (exact.abs() > 5 * error).any()


class Given(nn.Module):
    """A classifier whose answers are given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, x):
        return self.logits


# In a training


def test_fit_takes_missing_labels_and_validation_as_any_other_data():
    digits = load("digits")
    labels = torch.where(torch.arange(1437) < 100, digits.labels, -1)
    data = {"images": digits.images, "labels": labels}
    model = SemiSupervisedVAE.dense((1, 8, 8), 4, hidden=(32,))
    held = {"images": digits.images[:200], "labels": digits.labels[:200]}
    history = fit(model, data, epochs=3, lr=3e-3, objective=Classification(5.0), validation=held)
    assert set(history.terms) == {"labelled", "unlabelled", "classification", "total"}
    assert history.terms["total"][-1] < 0.9 * history.terms["total"][0]
    assert history.validation["unlabelled"] == [0.0] * 3
    assert math.isfinite(history.validation["total"][-1])
