"""Functions that the reader writes, with what is right, the usual mistakes and one solution.

A chapter shows a function without a body and then calls `check_task`. What is right is not the
library's own function but another road to the same numbers: torch.distributions, autograd, or a
loop over the printed formula.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from IPython.display import Markdown, display
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)
from torch.nn import functional as F

Function = Callable[..., Any]


@dataclass(frozen=True)
class Task:
    """A function of a few lines to be written.

    solution: one way, whose name and arguments the reader's function has. given: the arguments
    with which it is called. wanted: what must come out, found in another way. mistakes: what is
    said → a function that does it. probe: how the function is used on the arguments, for instance
    to look at gradients as well; it gives a tensor or several.
    """

    solution: Function
    given: dict[str, Any]
    wanted: Tensor | tuple[Tensor, ...]
    mistakes: dict[str, Function]
    hints: tuple[str, ...]
    probe: Function = lambda function, **given: function(**given)

    def run(self, function: Function) -> tuple[Tensor, ...] | None:
        """What comes out; None from a function that is not written yet."""
        copies = {k: v.clone() if isinstance(v, Tensor) else v for k, v in self.given.items()}
        outcome = self.probe(function, **copies)
        if outcome is None:
            return None
        return several(outcome)


def check_task(name: str, function: Function) -> Function:
    """Say whether the function does what the task asks for, and which usual mistake it makes.

    Returns the function when it is right, and otherwise one that is, so that the chapter goes on.
    Raises ValueError for an unknown name.
    """
    if name not in TASKS:
        raise ValueError(f"name must be one of {', '.join(TASKS)}, got {name!r}")
    task = TASKS[name]
    verdict = judge(task, function)
    print(verdict)
    if verdict.startswith("✓"):
        return function
    folded = [*(f"<details><summary>Hint {i} of {len(task.hints)}</summary>\n\n{hint}\n\n</details>"
                for i, hint in enumerate(task.hints, 1)),
              "<details><summary>A solution</summary>\n\n"
              f"```python\n{inspect.getsource(task.solution)}```\n\n</details>"]  # fmt: skip
    display(Markdown("\n\n".join(folded)))
    return task.solution


def judge(task: Task, function: Function) -> str:
    """The sentence about a function; ✓ in front of it when it is right."""
    name = task.solution.__name__
    try:
        outcome = task.run(function)
    except Exception as error:  # whatever the reader's code raises is what there is to say
        return f"✗ {name} stopped with {type(error).__name__}: {error}"
    if outcome is None:
        return f"✎ {name} returns nothing yet: write it above, or go on with the one below."
    wanted = several(task.wanted)
    if same(outcome, wanted):
        return f"✓ {name} is right."
    for says, wrong in task.mistakes.items():
        if same(outcome, task.run(wrong)):
            return f"✗ {name}: not yet. {says}"
    shapes, right = ([tuple(one.shape) for one in many] for many in (outcome, wanted))
    if shapes != right:
        return (
            f"✗ {name}: not yet. The result has the shape {shapes[0]} and should have {right[0]}."
        )
    worst = max((a - b).abs().max().item() for a, b in zip(outcome, wanted, strict=True))
    return f"✗ {name}: not yet. It is off by up to {worst:.3g}, by none of the usual mistakes."


def several(outcome: Any) -> tuple[Tensor, ...]:
    """A result, or several, as tensors of double precision."""
    parts = outcome if isinstance(outcome, tuple) else (outcome,)
    return tuple(torch.as_tensor(part, dtype=torch.float64).detach() for part in parts)


def same(outcome: tuple[Tensor, ...], other: tuple[Tensor, ...] | None) -> bool:
    """Whether two results have the same shapes and, but for rounding, the same numbers."""
    return (
        other is not None
        and len(outcome) == len(other)
        and all(
            a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
            for a, b in zip(outcome, other, strict=True)
        )
    )


# --- Chapter 1 ----------------------------------------------------------------------------------

RANDOM = torch.Generator().manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=RANDOM)


def uniform(*shape: int) -> Tensor:
    return torch.rand(shape, generator=RANDOM)


def cross_entropy_of_logits(x: Tensor, logits: Tensor) -> Tensor:
    terms = F.softplus(logits) - x * logits  # log(1 + eᵃ) − x a
    return terms.flatten(1).sum(1)


def cross_entropy_as_printed(x: Tensor, logits: Tensor) -> Tensor:
    """−Σ [x log x̂ + (1 − x) log(1 − x̂)], pixel by pixel, in double precision."""
    x, x_hat = x.double(), logits.double().sigmoid()
    return -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).flatten(1).sum(1)


PIXELS, LOGITS = uniform(4, 1, 3, 3), 3 * normal(4, 1, 3, 3)
CROSS_ENTROPY = Task(
    cross_entropy_of_logits,
    {"x": PIXELS, "logits": LOGITS},
    cross_entropy_as_printed(PIXELS, LOGITS),
    {
        "The pixels were averaged; the loss is a sum over them.":
            lambda x, logits: cross_entropy_of_logits(x, logits) / 9,
        "The images were averaged too; one number per image is asked for.":
            lambda x, logits: cross_entropy_of_logits(x, logits).mean(),
        "Nothing was summed yet: this is one number per pixel.":
            lambda x, logits: F.softplus(logits) - x * logits,
        "The second half is missing: −x log x̂ alone says nothing about dark pixels.":
            lambda x, logits: -(x * F.logsigmoid(logits)).flatten(1).sum(1),
        "The sign is wrong: this is the log-likelihood, which training would lower.":
            lambda x, logits: -cross_entropy_of_logits(x, logits),
        "The logits were taken for pixels that a sigmoid has made already, or the sigmoid was "
        "applied twice.":
            lambda x, logits: cross_entropy_of_logits(x, logits.sigmoid()),
    },
    (
        "For a pixel x and its logit a the loss is log(1 + eᵃ) − x a, and `F.softplus(a)` is "
        "log(1 + eᵃ).",
        "`t.flatten(1).sum(1)` adds up all but the first dimension.",
    ),
)  # fmt: skip

# --- Chapter 2 ----------------------------------------------------------------------------------


def denoising_loss(x: Tensor, noise: Tensor, strength: float, model: Function) -> Tensor:
    keep = noise >= strength  # each pixel with probability 1 − strength
    x_hat = model(keep * x)
    return (x_hat - x).square().flatten(1).sum(1)


def blur(x: Tensor) -> Tensor:
    """What stands for a model: the mean of each row, and a bit of the pixel itself."""
    return 0.8 * x.mean(-1, keepdim=True) + 0.2 * x


def denoising_loss_by_loops(x: Tensor, noise: Tensor, strength: float) -> Tensor:
    damaged = torch.zeros_like(x)
    for place in torch.cartesian_prod(*map(torch.arange, x.shape)).tolist():
        if noise[tuple(place)] >= strength:
            damaged[tuple(place)] = x[tuple(place)]
    return torch.stack([(blur(a) - b).norm() ** 2 for a, b in zip(damaged, x, strict=True)])


IMAGES, COINS = uniform(4, 1, 4, 4), uniform(4, 1, 4, 4)
DENOISING = Task(
    denoising_loss,
    {"x": IMAGES, "noise": COINS, "strength": 0.3, "model": blur},
    denoising_loss_by_loops(IMAGES, COINS, 0.3),
    {
        "It is compared with the damaged image: such a model learns to repeat the damage.":
            lambda x, noise, strength, model: denoising_loss(
                x * (noise >= strength), torch.ones_like(x), strength, model),
        "The model saw the clean image: nothing is left to repair.":
            lambda x, noise, strength, model: denoising_loss(x, noise, 0.0, model),
        "The wrong pixels go: each is kept with probability 1 − strength.":
            lambda x, noise, strength, model: denoising_loss(x, -noise, -strength, model),
        "The pixels were averaged; the loss is a sum over them.":
            lambda x, noise, strength, model: denoising_loss(x, noise, strength, model) / 16,
        "One number per image is asked for.":
            lambda x, noise, strength, model: denoising_loss(x, noise, strength, model).mean(),
    },
    (
        "`noise` is uniform on [0, 1): it is below `strength` with probability `strength`.",
        "The model gets the damaged image, the loss the clean one.",
    ),
)  # fmt: skip

# --- Chapter 3 ----------------------------------------------------------------------------------


def sparsity_penalty(h: Tensor, rho: float) -> Tensor:
    rho_hat = h.mean(0)  # over the batch, one for each unit
    active = rho * (rho / rho_hat).log()
    inactive = (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()
    return (active + inactive).sum()


ACTIVATIONS = 0.05 + 0.9 * uniform(6, 5)
SPARSITY = Task(
    sparsity_penalty,
    {"h": ACTIVATIONS, "rho": 0.1},
    kl_divergence(Bernoulli(torch.tensor(0.1)), Bernoulli(ACTIVATIONS.mean(0))).sum(),
    {
        "The divergence was taken for each image and then averaged: that asks every image for few "
        "active units. The penalty asks every unit to be active for few images.":
            lambda h, rho: torch.stack([sparsity_penalty(one[None], rho) for one in h]).mean(),
        "The mean was taken over the units; it goes over the batch.":
            lambda h, rho: sparsity_penalty(h.T, rho),
        "The units were averaged; the penalty is a sum over them.":
            lambda h, rho: sparsity_penalty(h, rho) / h.shape[1],
        "This is KL(ρ̂‖ρ): the expectation is taken under the target ρ.":
            lambda h, rho: kl_divergence(Bernoulli(h.mean(0)), Bernoulli(torch.tensor(rho))).sum(),
        "The second half is missing: a unit is also inactive, with probability 1 − ρ.":
            lambda h, rho: (rho * (rho / h.mean(0)).log()).sum(),
    },
    (
        "First the mean of each unit over the batch: `h.mean(0)`.",
        "For each unit it is the divergence of two coins, (KL.6); the sum goes over the units.",
    ),
)  # fmt: skip

# --- Chapter 4 ----------------------------------------------------------------------------------


def sigmoid_penalty(h: Tensor, W: Tensor) -> Tensor:
    slope = h * (1 - h)  # (B, d)
    return slope.square() @ W.square().sum(1)


WEIGHTS, INPUTS = normal(3, 5), normal(4, 5)


def encoder(x: Tensor) -> Tensor:
    return (x @ WEIGHTS.T).sigmoid()


def jacobians(x: Tensor) -> Tensor:
    """(B, d, D), one image and one backward pass per unit after the other."""
    return torch.stack([torch.autograd.functional.jacobian(encoder, image) for image in x])


CONTRACTION = Task(
    sigmoid_penalty,
    {"h": encoder(INPUTS), "W": WEIGHTS},
    jacobians(INPUTS).square().sum((1, 2)),
    {
        "The slope of the sigmoid was not squared.":
            lambda h, W: (h * (1 - h)) @ W.square().sum(1),
        "The slope of the sigmoid is missing.":
            lambda h, W: torch.ones_like(h) @ W.square().sum(1),
        "The slope of a sigmoid is h(1 − h), not h.":
            lambda h, W: h.square() @ W.square().sum(1),
        "The sum of the weights was squared; each weight is squared, then they are added.":
            lambda h, W: (h * (1 - h)).square() @ W.sum(1).square(),
        "One number per image is asked for, without a mean over the batch.":
            lambda h, W: sigmoid_penalty(h, W).mean(),
    },
    (
        "∂hⱼ/∂xₖ = hⱼ(1 − hⱼ) Wⱼₖ: square it and add over j and k.",
        "The sum over k has nothing to do with the image: `W.square().sum(1)`.",
    ),
)  # fmt: skip


def hutchinson_estimate(encode: Function, x: Tensor, v: Tensor) -> Tensor:
    x = x.requires_grad_()
    (vJ,) = torch.autograd.grad((v * encode(x)).sum(), x, create_graph=True)
    return vJ.square().sum(1)


SIGNS = normal(4, 3).sign()
HUTCHINSON = Task(
    hutchinson_estimate,
    {"encode": encoder, "x": INPUTS, "v": SIGNS},
    (SIGNS[:, None] @ jacobians(INPUTS))[:, 0].square().sum(1),
    {
        "The norm was not squared.":
            lambda encode, x, v: hutchinson_estimate(encode, x, v).sqrt(),
        "One number per image is asked for; the sum goes over the pixels alone.":
            lambda encode, x, v: hutchinson_estimate(encode, x, v).sum(),
        "The probe v is missing: without it the terms of different units mix.":
            lambda encode, x, v: hutchinson_estimate(encode, x, torch.ones_like(v)),
        "The entries were averaged; they are added.":
            lambda encode, x, v: hutchinson_estimate(encode, x, v) / x.shape[1],
    },
    (
        "One backward pass from (v * h).sum() gives vᵀJ of every image: images do not touch.",
        "`torch.autograd.grad(number, x, create_graph=True)` returns a tuple with one gradient.",
    ),
)  # fmt: skip

# --- Chapter 5 ----------------------------------------------------------------------------------


def kl_of_normals(mu_q: Tensor, sigma_q: Tensor, mu_p: Tensor, sigma_p: Tensor) -> Tensor:
    spread = (sigma_q**2 + (mu_q - mu_p) ** 2) / (2 * sigma_p**2)
    return (sigma_p / sigma_q).log() + spread - 0.5


MEANS, SIGMAS = (normal(5), normal(5)), (0.2 + uniform(5), 0.2 + uniform(5))
KL = Task(
    kl_of_normals,
    {"mu_q": MEANS[0], "sigma_q": SIGMAS[0], "mu_p": MEANS[1], "sigma_p": SIGMAS[1]},
    kl_divergence(Normal(MEANS[0], SIGMAS[0]), Normal(MEANS[1], SIGMAS[1])),
    {
        "This is KL(p‖q): the expectation is taken under q, the first of the two.":
            lambda mu_q, sigma_q, mu_p, sigma_p: kl_of_normals(mu_p, sigma_p, mu_q, sigma_q),
        "A factor of one half is missing.":
            lambda mu_q, sigma_q, mu_p, sigma_p: 2 * kl_of_normals(mu_q, sigma_q, mu_p, sigma_p),
        "The constant −½ is missing: two equal distributions have to give 0.":
            lambda mu_q, sigma_q, mu_p, sigma_p: kl_of_normals(mu_q, sigma_q, mu_p, sigma_p) + 0.5,
        "The logarithm is upside down: log(σ_p/σ_q) is what is asked for.":
            lambda mu_q, sigma_q, mu_p, sigma_p:
                kl_of_normals(mu_q, sigma_q, mu_p, sigma_p) - 2 * (sigma_p / sigma_q).log(),
        "A standard deviation was taken for a variance: σ stands there squared.":
            lambda mu_q, sigma_q, mu_p, sigma_p:
                kl_of_normals(mu_q, sigma_q.sqrt(), mu_p, sigma_p.sqrt()),
        "The distance of the means is not squared.":
            lambda mu_q, sigma_q, mu_p, sigma_p: (sigma_p / sigma_q).log()
                + (sigma_q**2 + mu_q - mu_p) / (2 * sigma_p**2) - 0.5,
    },
    (
        "Three terms: the logarithm of a ratio of standard deviations, how far q spreads around "
        "the mean of p, and −½.",
        "Under q, E[(z − μ_p)²] = σ_q² + (μ_q − μ_p)².",
    ),
)  # fmt: skip

# --- Chapter 6 ----------------------------------------------------------------------------------


def elbo(x: float, mu: Tensor, sigma: Tensor, epsilon: Tensor, log_likelihood: Function) -> Tensor:
    z = mu + sigma * epsilon  # (S,)
    kl = (mu**2 + sigma**2 - 1) / 2 - sigma.log()  # KL(N(μ, σ²)‖N(0, 1))
    return log_likelihood(x, z).mean() - kl


def tanh_decoder(x: float, z: Tensor) -> Tensor:
    return Normal(torch.tanh(2 * z), 0.5).log_prob(torch.tensor(x))


MU, SIGMA, EPSILON = torch.tensor(0.6), torch.tensor(0.4), normal(50)
ELBO = Task(
    elbo,
    {"x": 0.7, "mu": MU, "sigma": SIGMA, "epsilon": EPSILON, "log_likelihood": tanh_decoder},
    tanh_decoder(0.7, MU + SIGMA * EPSILON).double().sum() / 50
    - kl_divergence(Normal(MU, SIGMA), Normal(0.0, 1.0)),
    {
        "The divergence is added; it is subtracted: a code that says much costs much.":
            lambda x, mu, sigma, epsilon, log_likelihood:
                2 * log_likelihood(x, mu + sigma * epsilon).mean()
                - elbo(x, mu, sigma, epsilon, log_likelihood),
        "This is minus the ELBO, a loss.":
            lambda **given: -elbo(**given),
        "The likelihoods were averaged inside the logarithm. The bound averages logarithms.":
            lambda x, mu, sigma, epsilon, log_likelihood: elbo(
                x, mu, sigma, epsilon,
                lambda x, z: (log_likelihood(x, z).logsumexp(0) - math.log(len(z)))[None]),
        "One code, the mean μ, stands for all draws.":
            lambda x, mu, sigma, epsilon, log_likelihood:
                elbo(x, mu, sigma, 0 * epsilon, log_likelihood),
        "The draws come from the prior and not from q: z = μ + σ ε.":
            lambda x, mu, sigma, epsilon, log_likelihood: elbo(
                x, mu, sigma, epsilon, lambda x, z: log_likelihood(x, (z - mu) / sigma)),
        "The log-likelihoods were added; an expectation is a mean.":
            lambda x, mu, sigma, epsilon, log_likelihood: elbo(
                x, mu, sigma, epsilon, lambda x, z: len(z) * log_likelihood(x, z)),
        "The divergence is missing.":
            lambda x, mu, sigma, epsilon, log_likelihood:
                log_likelihood(x, mu + sigma * epsilon).mean(),
    },
    (
        "Draw from q first: z = μ + σ ε, all S at once.",
        "E_q[log p(x|z)] is the mean of `log_likelihood(x, z)`; KL.10 of chapter 5 is the rest.",
    ),
)  # fmt: skip

# --- Chapter 7 ----------------------------------------------------------------------------------


def reparameterized(mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Tensor:
    sigma = (logvar / 2).exp()
    return mu + sigma * epsilon


LATENT = {"mu": normal(4, 3), "logvar": normal(4, 3)}
NOISE = normal(4, 3)
REPARAMETERIZE = Task(
    reparameterized,
    {**LATENT, "epsilon": NOISE},
    LATENT["mu"] + NOISE * LATENT["logvar"].double().exp().sqrt(),
    {
        "This is exp(logvar), the variance; σ is its square root.":
            lambda mu, logvar, epsilon: mu + logvar.exp() * epsilon,
        "logvar is the logarithm of σ²; it has to be exponentiated.":
            lambda mu, logvar, epsilon: mu + logvar * epsilon,
        "The noise is missing: this is the mean.":
            lambda mu, logvar, epsilon: mu + 0 * epsilon,
        "The noise is not scaled: every code would be as uncertain as the prior.":
            lambda mu, logvar, epsilon: mu + epsilon,
        "The mean is missing.":
            lambda mu, logvar, epsilon: (logvar / 2).exp() * epsilon,
    },
    ("logvar = log σ², so log σ is half of it.",),
)  # fmt: skip


def vae_loss(nll: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = (mu**2 + logvar.exp() - logvar - 1) / 2  # (B, d)
    return (nll + kl.sum(1)).mean()


NLL = 100 + 10 * uniform(4)
VAE_LOSS = Task(
    vae_loss,
    {"nll": NLL, **LATENT},
    torch.stack([
        NLL[i].double()
        + kl_divergence(Normal(LATENT["mu"][i], LATENT["logvar"][i].exp().sqrt()),
                        Normal(0.0, 1.0)).double().sum()
        for i in range(4)
    ]).sum() / 4,
    {
        "The divergence was averaged over the dimensions: that divides β by d, silently.":
            lambda nll, mu, logvar: vae_loss(nll, mu, logvar) * 1 / 3 + nll.mean() * 2 / 3,
        "The images were added; the loss is their mean.":
            lambda nll, mu, logvar: 4 * vae_loss(nll, mu, logvar),
        "The divergences of all images were added to the mean of the likelihood.":
            lambda nll, mu, logvar: 4 * vae_loss(nll, mu, logvar) - 3 * nll.mean(),
        "The divergence is subtracted: then a code that tells all is the best.":
            lambda nll, mu, logvar: 2 * nll.mean() - vae_loss(nll, mu, logvar),
        "A factor of one half is missing in the divergence.":
            lambda nll, mu, logvar: 2 * vae_loss(nll, mu, logvar) - nll.mean(),
        "logvar was taken for log σ: σ² is exp(logvar).":
            lambda nll, mu, logvar: vae_loss(nll, mu, 2 * logvar),
        "One number is asked for: the mean over the batch.":
            lambda nll, mu, logvar: nll + (mu**2 + logvar.exp() - logvar - 1).sum(1) / 2,
    },
    (
        "KL(N(μ, σ²)‖N(0, 1)) = ½ (μ² + σ² − log σ² − 1) for every dimension: (KL.12).",
        "Add over the d dimensions, then average over the batch.",
    ),
)  # fmt: skip

# --- Chapter 8 ----------------------------------------------------------------------------------


def capacity_loss(nll: Tensor, kl: Tensor, gamma: float, capacity: float) -> Tensor:
    rate = kl.sum(1).mean()
    return nll.mean() + gamma * (rate - capacity).abs()


RATES = 4 * uniform(4, 3)
CAPACITY = Task(
    capacity_loss,
    {"nll": NLL, "kl": RATES, "gamma": 5.0, "capacity": 6.4},
    NLL.double().mean() + 5 * (6.4 - RATES.double().sum() / 4),
    {
        "Without the absolute value, a code below its budget is rewarded for staying there.":
            lambda nll, kl, gamma, capacity: nll.mean() + gamma * (kl.sum(1).mean() - capacity),
        "The distance was taken for each image; the budget is one of the mean over the batch.":
            lambda nll, kl, gamma, capacity:
                (nll + gamma * (kl.sum(1) - capacity).abs()).mean(),
        "The distance was taken for each dimension; the budget is one of their sum.":
            lambda nll, kl, gamma, capacity:
                nll.mean() + gamma * (kl - capacity).abs().sum(1).mean(),
        "The dimensions were averaged; a divergence is their sum.":
            lambda nll, kl, gamma, capacity: nll.mean() + gamma * (kl.mean() - capacity).abs(),
        "γ is missing.":
            lambda nll, kl, gamma, capacity: capacity_loss(nll, kl, 1.0, capacity),
        "This is β KL with β = γ: there is no budget in it.":
            lambda nll, kl, gamma, capacity: capacity_loss(nll, kl, gamma, 0.0),
    },
    ("First the rate: the sum over dimensions, then the mean over the batch.",),
)  # fmt: skip

# --- Chapter 9 ----------------------------------------------------------------------------------


def nearest_index(z_e: Tensor, codebook: Tensor) -> Tensor:
    distances = (z_e[:, None] - codebook[None]).square().sum(2)  # (M, K)
    return distances.argmin(1)


VECTORS, CODES = normal(12, 2), 1.5 * normal(5, 2)
NEAREST = Task(
    nearest_index,
    {"z_e": VECTORS, "codebook": CODES},
    torch.tensor([min(range(5), key=lambda k: math.dist(z, CODES[k])) for z in VECTORS]),
    {
        "These are the farthest codes.":
            lambda z_e, codebook: (z_e[:, None] - codebook).square().sum(2).argmax(1),
        "For each code the nearest vector was sought, and not for each vector the nearest code.":
            lambda z_e, codebook: nearest_index(codebook, z_e),
        "These are the codes with the largest product, which is not the smallest distance: the "
        "lengths of the codes differ.":
            lambda z_e, codebook: (z_e @ codebook.T).argmax(1),
        "These are the distances; their places are asked for.":
            lambda z_e, codebook: (z_e[:, None] - codebook).square().sum(2).min(1).values,
        "These are the codes; their numbers are asked for.":
            lambda z_e, codebook: codebook[nearest_index(z_e, codebook)],
    },
    (
        "`z_e[:, None] - codebook[None]` has the shape (M, K, D_e): every vector minus every code.",
        "`distances.argmin(1)` gives for each row the place of the smallest number.",
    ),
)  # fmt: skip


def value_and_gradients(function: Function, **given: Any) -> tuple[Tensor, ...] | None:
    """What a function of two tensors returns, and the gradients that its square sends to both."""
    inputs = [value.requires_grad_() for value in given.values() if isinstance(value, Tensor)]
    outcome = function(**given)
    if outcome is None:
        return None
    number = outcome.square().sum()
    if not number.requires_grad:  # nothing is left through which a gradient could flow
        return outcome, *map(torch.zeros_like, inputs)
    gradients = torch.autograd.grad(number, inputs, allow_unused=True, materialize_grads=True)
    return outcome, *gradients


def straight_through(z_e: Tensor, e: Tensor) -> Tensor:
    return z_e + (e - z_e).detach()


CHOSEN = CODES[torch.cdist(VECTORS, CODES).argmin(1)]
STRAIGHT_THROUGH = Task(
    straight_through,
    {"z_e": VECTORS, "e": CHOSEN},
    (CHOSEN, 2 * CHOSEN, torch.zeros_like(CHOSEN)),  # of Σ z_q², as if z_q were z_e
    {
        "The value is right, but z_e cancels or is not there, so the encoder learns nothing: stop "
        "the difference.":
            lambda z_e, e: z_e + (e - z_e),
        "The value is right, but no gradient goes anywhere.":
            lambda z_e, e: (z_e + (e - z_e)).detach(),
        "The two changed places: the gradient goes to the codes, and the value is z_e.":
            lambda z_e, e: e + (z_e - e).detach(),
        "This is z_e: the code is not used.":
            lambda z_e, e: z_e + 0 * e,
    },
    ("`t.detach()` has the value of t and sends no gradient back: it is sg[t].",),
    probe=value_and_gradients,
)  # fmt: skip


def codebook_terms(z_e: Tensor, e: Tensor, beta: float) -> Tensor:
    codebook = (z_e.detach() - e).square().sum(1)  # moves the codes
    commitment = (z_e - e.detach()).square().sum(1)  # moves the encoder
    return codebook + beta * commitment


GAPS = (VECTORS - CHOSEN).double()
LENGTHS = GAPS.square().sum(1, keepdim=True)
CODEBOOK_TERMS = Task(
    codebook_terms,
    {"z_e": VECTORS, "e": CHOSEN, "beta": 0.25},
    # Of Σ L², where L = 1.25 ‖z_e − e‖² in value: 2 L times the gradient of one of its terms.
    (1.25 * LENGTHS[:, 0], 2.5 * LENGTHS * 0.25 * 2 * GAPS, -2.5 * LENGTHS * 2 * GAPS),
    {
        "The stops changed places: now β is the price of moving the codes.":
            lambda z_e, e, beta: beta * (z_e.detach() - e).square().sum(1)
                + (z_e - e.detach()).square().sum(1),
        "The value is right, but without stops both terms move both.":
            lambda z_e, e, beta: (1 + beta) * (z_e - e).square().sum(1),
        "The second term has no weight β.":
            lambda z_e, e, beta: codebook_terms(z_e, e, 1.0),
        "The term that moves the codes is missing.":
            lambda z_e, e, beta: beta * (z_e - e.detach()).square().sum(1),
        "The term that moves the encoder is missing.":
            lambda z_e, e, beta: (z_e.detach() - e).square().sum(1),
        "One number per vector is asked for.":
            lambda z_e, e, beta: codebook_terms(z_e, e, beta).mean(),
    },
    (
        "Both terms have the same value; they differ in what is stopped.",
        "In the first z_e stands still, in the second e.",
    ),
    probe=value_and_gradients,
)  # fmt: skip


def ema_codes(count: Tensor, total: Tensor, z_e: Tensor, indices: Tensor, gamma: float) -> Tensor:
    one_hot = F.one_hot(indices, len(count)).to(z_e)  # (M, K)
    count = gamma * count + (1 - gamma) * one_hot.sum(0)
    total = gamma * total + (1 - gamma) * one_hot.T @ z_e
    return total / count[:, None]


COUNT, TOTAL, INDICES = (
    1 + uniform(5),
    normal(5, 2),
    torch.tensor([0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 0, 1]),
)


def ema_by_loops(gamma: float) -> Tensor:
    codes = []
    for k in range(5):
        mine = [VECTORS[i] for i in range(12) if INDICES[i] == k]
        m = gamma * TOTAL[k] + (1 - gamma) * sum(mine, torch.zeros(2))
        codes.append(m / (gamma * COUNT[k] + (1 - gamma) * len(mine)))
    return torch.stack(codes)


EMA = Task(
    ema_codes,
    {"count": COUNT, "total": TOTAL, "z_e": VECTORS, "indices": INDICES, "gamma": 0.8},
    ema_by_loops(0.8),
    {
        "γ and 1 − γ changed places.":
            lambda count, total, z_e, indices, gamma:
                ema_codes(count, total, z_e, indices, 1 - gamma),
        "The old codes were averaged with the means of the batch: a code that few vectors chose "
        "then jumps as far as one that many chose.":
            lambda count, total, z_e, indices, gamma: gamma * total / count[:, None]
                + (1 - gamma) * torch.nan_to_num(ema_codes(count, total, z_e, indices, 0.0)),
        "The sums decay and the counts do not.":
            lambda count, total, z_e, indices, gamma:
                ema_codes(count, total, z_e, indices, gamma)
                * (gamma * count + (1 - gamma) * F.one_hot(indices, 5).sum(0))[:, None]
                / (count + F.one_hot(indices, 5).sum(0))[:, None],
        "Nothing of the old sums is left: γ is missing.":
            lambda count, total, z_e, indices, gamma: ema_codes(count, total, z_e, indices, 0.0),
        "These are the sums; a code is a sum divided by its count.":
            lambda count, total, z_e, indices, gamma:
                gamma * total + (1 - gamma) * F.one_hot(indices, 5).to(z_e).T @ z_e,
    },
    (
        "`F.one_hot(indices, K)` has a 1 in row j and column k where vector j chose code k.",
        "Its sum over the rows counts; its transpose times z_e adds up.",
    ),
)  # fmt: skip

# --- Chapter 10 ---------------------------------------------------------------------------------


def mixture_log_density(z: Tensor, log_weights: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    far = (z[:, None] - mu).square() / logvar.exp()  # (B, K, d)
    log_parts = -0.5 * (far + logvar + math.log(2 * math.pi)).sum(2)  # (B, K)
    return torch.logsumexp(log_weights + log_parts, 1)


PARTS = {
    "log_weights": torch.tensor([0.5, 0.3, 0.2]).log(),
    "mu": 3 * normal(3, 40),
    "logvar": normal(3, 40),
}
PLACES = PARTS["mu"][[0, 1, 2, 0]] + 2 * normal(4, 40)
MIXTURE_DENSITY = Task(
    mixture_log_density,
    {"z": PLACES, **PARTS},
    MixtureSameFamily(
        Categorical(logits=PARTS["log_weights"].double()),
        Independent(Normal(PARTS["mu"].double(), PARTS["logvar"].double().exp().sqrt()), 1),
    ).log_prob(PLACES.double()),
    {
        "The densities were added as numbers, and in 40 dimensions they round to 0 first.":
            lambda z, log_weights, mu, logvar: (log_weights.exp() * (
                -0.5 * ((z[:, None] - mu).square() / logvar.exp() + logvar
                        + math.log(2 * math.pi)).sum(2)).exp()).sum(1).log(),
        "The weights are missing.":
            lambda z, log_weights, mu, logvar:
                mixture_log_density(z, 0 * log_weights, mu, logvar),
        "The logarithms were averaged with the weights; the densities are, inside the logarithm.":
            lambda z, log_weights, mu, logvar: sum(
                w.exp() * mixture_log_density(z, torch.zeros(1), m[None], v[None])
                for w, m, v in zip(log_weights, mu, logvar, strict=True)),
        "The normaliser ½ log 2π is missing; each of the d dimensions has one.":
            lambda z, log_weights, mu, logvar: mixture_log_density(z, log_weights, mu, logvar)
                + z.shape[1] * math.log(2 * math.pi) / 2,
        "The normaliser log σ is missing: a narrow part is higher than a wide one.":
            lambda z, log_weights, mu, logvar: mixture_log_density(
                z, log_weights + logvar.sum(1) / 2, mu, logvar),
        "logvar was taken for log σ: σ² is exp(logvar).":
            lambda z, log_weights, mu, logvar:
                mixture_log_density(z, log_weights, mu, 2 * logvar),
        "One number per point is asked for; the sum over the components is missing.":
            lambda z, log_weights, mu, logvar: log_weights - 0.5 * (
                (z[:, None] - mu).square() / logvar.exp() + logvar
                + math.log(2 * math.pi)).sum(2),
    },
    (
        "`z[:, None] - mu` has the shape (B, K, d): every point minus every mean.",
        "First the log-density of each component, added over d: (B, K). Then "
        "`torch.logsumexp(log_weights + …, 1)`.",
    ),
)  # fmt: skip

# --- Chapter 11 ---------------------------------------------------------------------------------


def pixels_before(r: int, sees_itself: bool) -> Tensor:
    mask = torch.zeros(2 * r + 1, 2 * r + 1)
    mask[:r] = 1  # the rows above
    mask[r, :r] = 1  # to the left
    mask[r, r] = float(sees_itself)
    return mask


def both_masks(function: Function, r: int) -> tuple[Tensor, Tensor] | None:
    """The mask of a first layer and that of a deeper one."""
    masks = [function(r, sees_itself) for sees_itself in (False, True)]
    return None if masks[0] is None else (masks[0], masks[1])


def read_before(r: int) -> tuple[Tensor, Tensor]:
    """Pixels numbered as they are read: those before the middle one, and those up to it."""
    order = torch.arange((2 * r + 1) ** 2).view(2 * r + 1, 2 * r + 1)
    return (order < order[r, r]).double(), (order <= order[r, r]).double()


MASK = Task(
    pixels_before,
    {"r": 2},
    read_before(2),
    {
        "The first layer sees the pixel itself, and would copy it.":
            lambda r, sees_itself: pixels_before(r, True),
        "The middle row is missing: what lies to the left has been drawn as well.":
            lambda r, sees_itself: torch.cat(
                [torch.ones(r, 2 * r + 1), torch.zeros(r + 1, 2 * r + 1)]),
        "The whole middle row is seen; what lies to the right has not been drawn yet.":
            lambda r, sees_itself: torch.cat(
                [torch.ones(r + 1, 2 * r + 1), torch.zeros(r, 2 * r + 1)]),
        "Of the rows above only the left half is seen; the whole rows have been drawn.":
            lambda r, sees_itself: pixels_before(r, sees_itself)
                * (torch.arange(2 * r + 1) <= r),
        "These are the pixels that come after.":
            lambda r, sees_itself: pixels_before(r, sees_itself).flip(0, 1),
        "Rows and columns changed places: pixels are read row by row.":
            lambda r, sees_itself: pixels_before(r, sees_itself).T,
    },
    (
        "Rows above: all of them. The row of the pixel: only what lies to its left.",
        "`mask[:r] = 1` fills the first r rows; the middle row is `mask[r]`.",
    ),
    probe=both_masks,
)  # fmt: skip


def free_bits_loss(nll: Tensor, kl: Tensor, nats: float) -> Tensor:
    of_dimensions = kl.mean(0)  # (d,)
    return nll.mean() + of_dimensions.clamp(min=nats).sum()


FREE = 1.2
OF_IMAGES = torch.tensor([[0.2, 0.3, 0.4], [2.5, 0.1, 1.9], [3, 0.9, 2.2], [0.7, 0.2, 2.1]])
FREE_BITS = Task(
    free_bits_loss,
    {"nll": NLL, "kl": OF_IMAGES, "nats": FREE},
    NLL.double().mean() + sum(
        max(FREE, sum(OF_IMAGES[i, j].item() for i in range(4)) / 4) for j in range(3)),
    {
        "The maximum was taken for each image. Then an image that needs few nats pays λ all the "
        "same, and its own gradient is 0.":
            lambda nll, kl, nats: nll.mean() + kl.clamp(min=nats).sum(1).mean(),
        "The maximum was taken after the sum over the dimensions: one dimension may spend all.":
            lambda nll, kl, nats: (nll + kl.sum(1).clamp(min=nats)).mean(),
        "This is the smaller of the two: nats beyond λ would be free.":
            lambda nll, kl, nats: nll.mean() + kl.mean(0).clamp(max=nats).sum(),
        "λ was subtracted. The gradient is right, but this is no longer a bound on anything.":
            lambda nll, kl, nats: nll.mean() + (kl.mean(0) - nats).clamp(min=0).sum(),
        "The dimensions were averaged; a divergence is their sum.":
            lambda nll, kl, nats: nll.mean() + kl.mean(0).clamp(min=nats).mean(),
        "λ is missing.":
            lambda nll, kl, nats: nll.mean() + kl.sum(1).mean(),
    },
    (
        "First the mean over the batch, for each dimension: `kl.mean(0)`.",
        "`t.clamp(min=a)` is the larger of t and a.",
    ),
)  # fmt: skip

# --- Chapter 12 ---------------------------------------------------------------------------------


def unlabelled_loss(losses: Tensor, logits: Tensor) -> Tensor:
    log_q = logits.log_softmax(1)  # (B, K)
    return (log_q.exp() * (losses + log_q)).sum(1)


OF_CLASSES, DOUBTS = 5 + 2 * normal(6, 4), 2 * normal(6, 4)
DOUBTS[0, 1] = 200.0  # beyond doubt: the other probabilities round to 0
UNLABELLED = Task(
    unlabelled_loss,
    {"losses": OF_CLASSES, "logits": DOUBTS},
    # The divergence to the best answer, softmax(−L), and what is left at the best answer.
    kl_divergence(
        Categorical(logits=DOUBTS.double()), Categorical(logits=-OF_CLASSES.double())
    ) - torch.logsumexp(-OF_CLASSES.double(), 1),
    {
        "The entropy is missing: this is the mean loss alone.":
            lambda losses, logits: (logits.softmax(1) * losses).sum(1),
        "The entropy has the wrong sign: doubt lowers the loss.":
            lambda losses, logits: (logits.softmax(1) * (losses - logits.log_softmax(1))).sum(1),
        "The softmax goes over the images; it goes over the classes.":
            lambda losses, logits: (logits.softmax(0) * (losses + logits.log_softmax(0))).sum(1),
        "All classes have the same weight; q(y|x) weighs them.":
            lambda losses, logits: losses.mean(1)
                + (logits.softmax(1) * logits.log_softmax(1)).sum(1),
        "This is the loss at the best q(y|x), which is not the classifier's.":
            lambda losses, logits: -torch.logsumexp(-losses, 1),
        "A probability that rounds to 0 has no logarithm: `log_softmax` keeps it.":
            lambda losses, logits: (logits.softmax(1) * (losses + logits.softmax(1).log())).sum(1),
        "log p(y) was counted again; it is in L(x, y).":
            lambda losses, logits: unlabelled_loss(losses, logits) + math.log(losses.shape[1]),
        "One number per image is asked for.":
            lambda losses, logits: unlabelled_loss(losses, logits).mean(),
    },
    (
        "`logits.log_softmax(1)` gives log q(y|x), and its `.exp()` the weights.",
        "−H(q) is the mean of log q under q, so one sum over the classes does both.",
    ),
)  # fmt: skip

# --- Chapter 13 ---------------------------------------------------------------------------------


def auroc_of_pairs(usual: Tensor, strange: Tensor) -> Tensor:
    u, s = usual[:, None], strange[None]  # (N, 1), (1, M)
    return ((s > u).double() + 0.5 * (s == u).double()).mean()


USUAL, STRANGE = (2 * normal(30, 1)[:, 0]).round(), (2 * normal(20, 1)[:, 0] + 1.5).round()
AUROC_OF_PAIRS = Task(
    auroc_of_pairs,
    {"usual": USUAL, "strange": STRANGE},
    torch.tensor(
        sum((s > u) + (s == u) / 2 for u in USUAL.tolist() for s in STRANGE.tolist()) / (30 * 20)
    ),
    {
        "It is turned round: a strange picture should have the higher score.":
            lambda usual, strange: auroc_of_pairs(strange, usual),
        "Equal scores count nothing; each such pair counts ½.":
            lambda usual, strange: (strange[None] > usual[:, None]).double().mean(),
        "Equal scores count whole; each such pair counts ½.":
            lambda usual, strange: (strange[None] >= usual[:, None]).double().mean(),
        "The means are compared; each pair counts.":
            lambda usual, strange: (strange.mean() > usual.mean()).double(),
        "This is the number of pairs; the share is asked for.":
            lambda usual, strange: auroc_of_pairs(usual, strange) * len(usual) * len(strange),
    },
    (
        "`usual[:, None]` and `strange[None]` meet in a table of N × M pairs.",
        "`(s > u)` is a table of truths; as numbers, its mean is a share.",
    ),
)  # fmt: skip

# --- Chapter 14 ---------------------------------------------------------------------------------


def both_tokens(
    h_top: Tensor, h_bottom: Tensor, A_top: Function, A_bottom: Function, D_top: Function,
    codes_top: Tensor, codes_bottom: Tensor, nearest: Function,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    k_top = nearest(A_top(h_top), codes_top)
    u = D_top(codes_top[k_top])
    k_bottom = nearest(A_bottom(torch.cat([h_bottom, u], 1)), codes_bottom)
    return k_top, k_bottom


def nearest_of(z: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(z, codes).argmin(1)


class Plane:
    """A linear map with weights of its own."""

    def __init__(self, before: int, after: int) -> None:
        self.W = normal(before, after)

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.W


LEVELS: dict[str, Any] = {
    "h_top": normal(12, 4), "h_bottom": normal(12, 5),
    "A_top": Plane(4, 3), "A_bottom": Plane(5 + 6, 3), "D_top": Plane(3, 6),
    "codes_top": normal(5, 3), "codes_bottom": normal(7, 3), "nearest": nearest_of,
}  # fmt: skip


def one_by_one(
    h_top: Tensor, h_bottom: Tensor, A_top: Plane, A_bottom: Plane, D_top: Plane,
    codes_top: Tensor, codes_bottom: Tensor, **_: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The tokens of one row after the other, with all distances written out."""
    tops, bottoms = [], []
    for h, g in zip(h_top, h_bottom, strict=True):
        tops.append(min(range(5), key=lambda k: float((h @ A_top.W - codes_top[k]).norm())))
        told = codes_top[tops[-1]] @ D_top.W @ A_bottom.W[5:]
        z = g @ A_bottom.W[:5] + told
        bottoms.append(min(range(7), key=lambda k: float((z - codes_bottom[k]).norm())))
    return torch.tensor(tops), torch.tensor(bottoms)


def told(say: Function) -> Function:
    """A mistake: the bottom is told something else."""

    def mistaken(h_top: Tensor, A_top: Function, codes_top: Tensor, **given: Any) -> Any:
        k_top = given["nearest"](A_top(h_top), codes_top)
        u = say(A_top(h_top), codes_top[k_top], given["D_top"])
        z_bottom = given["A_bottom"](torch.cat([given["h_bottom"], u], 1))
        return k_top, given["nearest"](z_bottom, given["codes_bottom"])

    return mistaken


BOTH = Task(
    both_tokens,
    LEVELS,
    one_by_one(**LEVELS),
    {
        "The bottom was told the vectors of the top as they were before quantization: whoever "
        "decodes has only the tokens.": told(lambda z, e, D: D(z)),
        "The bottom was told nothing of the top.": told(lambda z, e, D: torch.zeros_like(D(e))),
        "The two grids changed places: the top comes first.":
            lambda **given: both_tokens(**given)[::-1],
        "Both levels were looked up in the codebook of the top.":
            lambda **given: both_tokens(**given | {"codes_bottom": given["codes_top"]}),
        "The bottom was told what is left over of the top, and not what the top says.":
            told(lambda z, e, D: D(z - e)),
    },
    (
        "First the top: `nearest(A_top(h_top), codes_top)` gives its tokens.",
        "What the top says is its codes, decoded: `D_top(codes_top[k_top])`. The bottom sees its "
        "features and, behind them, that: `torch.cat([h_bottom, u], 1)`.",
    ),
)  # fmt: skip

TASKS = {
    task.solution.__name__: task
    for task in (
        CROSS_ENTROPY, DENOISING, SPARSITY, CONTRACTION, HUTCHINSON, KL, ELBO, REPARAMETERIZE,
        VAE_LOSS, CAPACITY, NEAREST, STRAIGHT_THROUGH, CODEBOOK_TERMS, EMA,
        MIXTURE_DENSITY, MASK, FREE_BITS, UNLABELLED, AUROC_OF_PAIRS, BOTH,
    )
}  # fmt: skip
