"""A VAE whose encoder makes several steps for each step of the decoder, as long as that helps.

He, Spokoyny, Neubig & Berg-Kirkpatrick, Lagging Inference Networks and Posterior Collapse in
Variational Autoencoders, ICLR 2019.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from course_lib.models.variational_autoencoder import VAE
from course_lib.noise import Rng
from course_lib.objectives import Loss, log_mean_exp
from course_lib.priors import normal_log_density
from course_lib.training.loop import step


class AggressiveVAE(nn.Module):
    """A VAE to be trained by `fit`: k − 1 of k batches move the encoder alone.

    It ends when the mutual information of the code with the images stops rising: when its mean
    over `window` steps is below that of the window before. Then every step moves all, as usual.
    vae: the model, which has what is learned afterwards. k: at least 1, which is the usual
    training. The information is that of a batch, at most its logarithm.
    Raises ValueError for k or window below 1.
    """

    def __init__(self, vae: VAE, k: int, window: int = 50) -> None:
        super().__init__()
        if k < 1 or window < 1:
            raise ValueError(f"k and window must be at least 1, got {k} and {window}")
        self.vae, self.k, self.window = vae, k, window
        self.ended: int | None = None  # the step at which the usual training began
        self.means: list[float] = []  # of the information in each window
        self.information: list[Tensor] = []

    def loss(self, x: Tensor, generator: Rng = None) -> Loss:
        """That of the VAE."""
        return self.vae.loss(x, generator)

    def optimizers(self, lr: float) -> list[Optimizer]:
        """One for the encoder, one for the decoder, the likelihood and the prior."""
        rest = [self.vae.decoder, self.vae.likelihood, self.vae.prior]
        parameters = [p for part in rest for p in part.parameters()]
        return [Adam(self.vae.encoder.parameters(), lr=lr), Adam(parameters, lr=lr)]

    def training_step(
        self, batch: Tensor, optimizers: list[Optimizer], generator: Rng, number: int
    ) -> Loss:
        """One batch: the encoder moves, and at every k-th the decoder too."""
        draw = self.vae.draw(batch, generator)
        loss = Loss({"reconstruction": draw.nll.mean(), "kl": draw.kl.sum(1).mean()})
        for optimizer in optimizers:
            optimizer.zero_grad()
        step(loss, optimizers[0])
        if self.ended is not None or number % self.k == self.k - 1:
            optimizers[1].step()
        if self.ended is None:
            self.information.append(batch_information(draw.z, draw.q.mu, draw.q.logvar))
            if len(self.information) == self.window:
                self.means.append(torch.stack(self.information).mean().item())
                self.information.clear()
                if len(self.means) > 1 and self.means[-1] < self.means[-2]:
                    self.ended = number + 1
        return loss


@torch.no_grad()
def batch_information(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """1/B Σᵢ [log q(zᵢ|xᵢ) − log 1/B Σⱼ q(zᵢ|xⱼ)], at most log B  (COL.9).

    The information of the code, in nats, as if the images of the batch were all there are.
    z ~ q, mu, logvar: (B, d) each. Returns ().
    """
    log_q = normal_log_density(z[:, None], mu, logvar).sum(2)  # (B, B)
    return (log_q.diagonal() - log_mean_exp(log_q, dim=1)).mean()
