"""Remedies for posterior collapse, each with a small grid of its one knob: remedies.json.

.venv/bin/python data/make_remedies.py    writes course_lib/data/remedies.json, about 30 minutes

A VAE of the binary 8 × 8 digits whose decoder sees 8 rows of pixels before. All trainings make the
same number of passes through the decoder. 1,137 images train, 300 choose the knob by their
negative log-likelihood, and the test images say what it reaches. What is written already is kept,
so that the command can be stopped.
"""

import json
import sys
from itertools import product

import numpy as np
import torch
from sklearn.decomposition import PCA

from course_lib.datasets import load
from course_lib.evaluation import (
    active_units,
    frechet_distance,
    importance_weighted_log_likelihood,
    split_kl,
)  # fmt: skip
from course_lib.models import VAE, PixelCNN
from course_lib.models.pretrained import WEIGHTS
from course_lib.objectives import (
    Beta,
    Capacity,
    ContextDropout,
    CyclicalBeta,
    FreeBits,
    ImportanceWeighted,
)  # fmt: skip
from course_lib.priors import AutoregressivePrior
from course_lib.training import AggressiveVAE, fit

KEPT = WEIGHTS / "remedies.json"
STEPS_PER_EPOCH = 9  # 1,137 images in batches of 128
EPOCHS = 40
images, test = ((load("digits", split).images > 0.5).float() for split in ("train", "test"))
train, chosen_on = images[:1137], images[1137:]
# name → what the knob is, its grid
GRID = {
    "nothing": ("", [0]),
    "warm-up": ("steps", [90, 180, 270, 340]),
    "cycles": ("steps in a cycle", [45, 90, 180]),
    "free bits": ("nats per dimension", [0.05, 0.15, 0.4, 0.8]),
    "capacity": ("nats", [1.0, 2.0, 3.0]),
    "δ-VAE": ("α", [0.3, 0.6, 0.9]),
    "aggressive": ("k", [2, 3, 5]),
    "context dropout": ("share", [0.05, 0.1, 0.2, 0.4]),
    "shorter context": ("pixels", [1, 2, 3]),
    "several draws": ("k", [2, 4, 8]),
}
OBJECTIVES = {
    "warm-up": lambda v: Beta(1.0, warm_up=v),
    "cycles": lambda v: CyclicalBeta(1.0, v),
    "free bits": FreeBits,
    "capacity": lambda v: Capacity(v, gamma=2.0, warm_up=180),
    "context dropout": ContextDropout,
    "several draws": ImportanceWeighted,
}


def trained(name: str, value: float, seed: int) -> VAE:
    """A VAE with this remedy."""
    prior = AutoregressivePrior(8, value) if name == "δ-VAE" else None
    context = value if name == "shorter context" else 4
    likelihood = PixelCNN(1, context, layers=2, width=16, seed=seed)
    vae = VAE.dense((1, 8, 8), 8, (64,), likelihood, prior, seed=seed)
    model = AggressiveVAE(vae, value, window=2 * STEPS_PER_EPOCH) if name == "aggressive" else vae
    objective = OBJECTIVES[name](value) if name in OBJECTIVES else None
    epochs = round(EPOCHS / value) if name == "several draws" else EPOCHS
    fit(model, train, epochs=epochs, batch_size=128, lr=1e-2, seed=seed, objective=objective)
    return vae.eval()


@torch.no_grad()
def measured(vae: VAE) -> tuple[dict[str, float], list[str]]:
    """Everything of the table, in nats per image, on the test images but for `validation`.

    And ten samples, each as 64 bits in hexadecimal digits.
    """

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    draw = vae.draw(test.repeat(5, 1, 1, 1), generator())
    q = vae.encode(test)
    rate, nll = draw.kl.sum(1).mean().item(), draw.nll.mean().item()
    others = vae.decode(draw.z.roll(7, 0))  # each image with the code of another
    drawn = vae.likelihood.sample(vae.decode(vae.prior.sample(1000, generator())), generator())
    pca = PCA(20, random_state=0).fit(train.flatten(1))
    features = [torch.tensor(pca.transform(x.flatten(1))) for x in (drawn, train)]

    def nll_of(x: torch.Tensor) -> float:
        return -importance_weighted_log_likelihood(vae, x, samples=50).mean

    numbers = {
        "rate": rate,
        "information": split_kl(*q).mutual_information,
        "active": int(active_units(q.mu).sum()),
        "minus_elbo": rate + nll,
        "nll": nll_of(test),
        "validation": nll_of(chosen_on),
        "lost": -vae.likelihood.log_prob(test.repeat(5, 1, 1, 1), others).mean().item() - nll,
        "frechet": float(frechet_distance(*features)),
    }
    return numbers, [bytes(np.packbits(x.bool().flatten().numpy())).hex() for x in drawn[:10]]


if __name__ == "__main__":
    rows = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else []
    done = {(row["remedy"], row["value"], row["seed"]) for row in rows}
    for seed, name in product(range(int(sys.argv[1]) if sys.argv[1:] else 5), GRID):
        knob, values = GRID[name]
        for value in values:
            if (name, value, seed) not in done:
                row = {"remedy": name, "knob": knob, "value": value, "seed": seed}
                numbers, drawn = measured(trained(name, value, seed))
                row |= {key: float(f"{x:.4g}") for key, x in numbers.items()}
                rows.append(row if seed else row | {"drawn": drawn})
                text = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
                KEPT.write_text(f"[\n{text}\n]\n", encoding="utf-8")
