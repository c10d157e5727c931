"""A conditional VAE whose condition is known for a few images only.

M2: Kingma, Rezende, Mohamed & Welling, Semi-Supervised Learning with Deep Generative Models,
NeurIPS 2014. Gumbel-softmax: Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax,
ICLR 2017; Maddison, Mnih & Teh, The Concrete Distribution, ICLR 2017.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.likelihoods import Likelihood
from course_lib.models.conditional_vae import ConditionalVAE, OneHot
from course_lib.models.networks import dense_encoder
from course_lib.noise import Rng, uniform_like
from course_lib.objectives import Loss
from course_lib.priors import Prior


def unlabelled_loss(losses: Tensor, logits: Tensor) -> Tensor:
    """U(x) = Σ_y q(y|x) L(x, y) − H(q(y|x)), at least −log p(x)  (COND.5).

    losses: L(x, y) of every class, (B, K), in nats; logits: of q(y|x), (B, K). Returns (B,).
    """
    log_q = logits.log_softmax(1)
    return (log_q.exp() * (losses + log_q)).sum(1)


def gumbel_softmax(logits: Tensor, temperature: float, generator: Rng = None) -> Tensor:
    """y = softmax((log q + g) / τ) with gₖ = −log(−log uₖ), uₖ ~ U(0, 1)  (COND.8).

    The largest entry is that of class k with probability qₖ; for τ → 0 y is one-hot, and its
    gradient has no bound. logits: (..., K), of q or up to a constant log q. Returns (..., K).
    Raises ValueError for a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be > 0, got {temperature}")
    u = uniform_like(logits, generator).to(logits.dtype)
    u = u.clamp(min=torch.finfo(torch.float32).tiny, max=1 - 2**-24)  # 0 has no logarithm
    gumbel = -(-u.log()).log()
    return ((logits + gumbel) / temperature).softmax(-1)


class SemiSupervisedVAE(nn.Module):
    """M2: p(y) p(z) p_θ(x|z, y), with q_φ(z|x, y) and a classifier q_φ(y|x).

    conditional: the ConditionalVAE of p_θ(x|z, y) and q_φ(z|x, y); its embedding takes class
    numbers and probabilities, as OneHot does. classifier: images → logits (B, K).
    log_prior: log p(y) of the K classes, by default all alike.
    temperature: None for the exact sum over all classes, which decodes every image K times;
    τ > 0 for one Gumbel-softmax sample of y for each image instead, with a gradient that is
    biased, the less the smaller τ is, and noisy, the more.
    """

    log_prior: Tensor

    def __init__(
        self,
        conditional: ConditionalVAE,
        classifier: nn.Module,
        classes: int,
        log_prior: Tensor | None = None,
        temperature: float | None = None,
    ) -> None:
        super().__init__()
        if log_prior is None:
            log_prior = torch.full((classes,), -math.log(classes))
        if log_prior.shape != (classes,):
            raise ValueError(f"log_prior must have shape ({classes},), got {log_prior.shape}")
        self.conditional, self.classifier = conditional, classifier
        self.classes, self.temperature = classes, temperature
        self.register_buffer("log_prior", log_prior)

    @classmethod
    def dense(
        cls,
        image_shape: Sequence[int],
        latent_dim: int,
        classes: int = 10,
        hidden: Sequence[int] = (128,),
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> Self:
        """Fully connected networks, and one-hot classes; the classifier's hidden layers are those
        of the encoder. image_shape may be (n,), of codes. The rest is as in ConditionalVAE.dense.
        """
        conditional = ConditionalVAE.dense(
            image_shape, latent_dim, classes, hidden, likelihood, prior, seed, OneHot(classes)
        )
        generator = torch.Generator().manual_seed(seed + 1)
        classifier = dense_encoder(image_shape, hidden, classes, generator)
        return cls(conditional, classifier, classes, temperature=temperature)

    def forward(self, x: Tensor) -> Tensor:
        """log q_φ(y|x): (B, C, H, W) → (B, K)."""
        return self.classifier(x).log_softmax(1)

    def labelled(self, x: Tensor, y: Tensor, generator: Rng = None) -> Tensor:
        """L(x, y) ≥ −log p(x, y), with one z for each image and without log p(y)  (COND.4).

        y: class numbers (B,) or weights of the classes (B, K). Returns (B,), in nats.
        """
        draw = self.conditional.at(y).draw(x, generator)
        return draw.nll + draw.kl.sum(1)

    def losses(self, x: Tensor, generator: Rng = None) -> Tensor:
        """L(x, y) of every class, with log p(y) and one z for each: (B, C, H, W) → (B, K)."""
        K = self.classes
        y = torch.arange(K, device=x.device).repeat(len(x))
        return self.labelled(x.repeat_interleave(K, 0), y, generator).view(-1, K) - self.log_prior

    def loss(self, batch: Mapping[str, Tensor], generator: Rng = None) -> Loss:
        """Labelled L(x, y), unlabelled U(x) and −log q(y|x), in nats per image  (COND.6).

        batch: {"images": (B, C, H, W), "labels": (B,)}, −1 where there is none. A term adds up
        its images and divides by B, so that a batch without labels is no special case: a known
        label is a q(y|x) that is certain, and its entropy 0.
        """
        x, labels = batch["images"], batch["labels"]
        known = labels >= 0
        logits = self.classifier(x)
        truth = F.one_hot(labels.clamp(min=0), self.classes).to(logits)  # (B, K)
        log_q = logits.log_softmax(1)
        if self.temperature is None:
            losses = self.losses(x, generator)  # (B, K)
            supervised = (truth * losses).sum(1)
            unsupervised = unlabelled_loss(losses, logits)
        else:
            sample = gumbel_softmax(logits, self.temperature, generator)
            y = torch.where(known[:, None], truth, sample)  # (B, K)
            given_y = self.labelled(x, y, generator)
            supervised = given_y - truth @ self.log_prior
            # KL(q(y|x)‖p(y)) needs no sample.
            unsupervised = given_y + (log_q.exp() * (log_q - self.log_prior)).sum(1)
        terms = {
            "labelled": torch.where(known, supervised, 0),
            "unlabelled": torch.where(known, 0, unsupervised),
            "classification": torch.where(known, -(truth * log_q).sum(1), 0),
        }
        return Loss({name: term.mean() for name, term in terms.items()})
