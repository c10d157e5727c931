"""Train what ships trained: course_lib/data/*.safetensors, and print what it reaches.

.venv/bin/python data/make_weights.py            all, about 40 minutes of one core
.venv/bin/python data/make_weights.py faces_vae  one

mnist_vae needs MNIST, which is downloaded or lies in COURSE_DATA_DIR. The weights are kept in half
precision. How long the training of mnist_vae takes is given in minutes, so another machine gets
other weights there; what all of them must reach, a test says.
"""

import sys

import torch
from safetensors.torch import save_file
from torch import nn

from course_lib import mnist_likelihood
from course_lib.datasets import load
from course_lib.models import as_text
from course_lib.models.pretrained import UNTRAINED, WEIGHTS, pretrained
from course_lib.objectives import Beta
from course_lib.training import fit


def epochs(model: nn.Module, data, *phases: tuple[int, float], batch_size: int = 64) -> nn.Module:
    """Some epochs at each learning rate."""
    for count, lr in phases:
        fit(model, data, epochs=count, batch_size=batch_size, lr=lr)
    return model


def class_and_tokens(split: str):
    """(N, 1 + 49): 64 + digit, then the tokens of glyphs_vq_vae."""
    glyphs = load("glyphs", split)
    tokens = pretrained("glyphs_vq_vae").tokens(glyphs.images).flatten(1)
    return torch.cat([64 + glyphs.labels[:, None], tokens], 1)


def glasses_and_tokens(split: str):
    """(N, 1 + 16 + 64): whether there are glasses, then the tokens of faces_vq_vae_2."""
    faces = load("faces", split)
    return as_text((faces.labels[:, None], *pretrained("faces_vq_vae_2").tokens(faces.images)))


def mnist_vae(model: nn.Module) -> None:
    mnist_likelihood.train(model, load("mnist").images, minutes=14)


def faces_vae(model: nn.Module) -> None:
    for count, lr in ((18, 2.5e-3), (9, 2e-3), (8, 1e-3), (6, 4e-4)):
        for _ in range(count):  # each with a new optimiser
            epochs(model, load("faces").images, (1, lr), batch_size=32)


def glyphs_beta_vae(model: nn.Module) -> None:
    for count, lr in ((50, 2e-3), (20, 5e-4)):
        fit(model, load("glyphs").images, objective=Beta(6.0), epochs=count, lr=lr)


def faces_conditional_vae(model: nn.Module) -> None:
    """A high price of z first: what the condition says is then learned from there."""
    faces = load("faces")
    told = [faces.factor_names.index(name) for name in ("smile", "glasses", "hair length")]
    data = {"images": faces.images, "labels": faces.factors[:, told]}
    for beta, count, lr in ((1000, 3, 3e-3), (100, 6, 3e-3), (8, 18, 3e-3), (8, 14, 1.5e-3),
                            (8, 8, 5e-4)):  # fmt: skip
        fit(model, data, objective=Beta(beta), epochs=count, batch_size=32, lr=lr)


def glyphs_vq_vae(model: nn.Module) -> None:
    epochs(model, load("glyphs").images, (12, 2e-3), (4, 5e-4))


def faces_vq_vae(model: nn.Module) -> None:
    epochs(model, load("faces").images, (30, 2e-3), (10, 5e-4))


def faces_vq_vae_2(model: nn.Module) -> None:
    epochs(model, load("faces").images, (40, 3e-3), (15, 1e-3), (5, 3e-4), batch_size=32)


def faces_prior(model: nn.Module) -> None:
    """Glasses, top and bottom tokens; 3,200 texts are few, so it stops early."""
    epochs(model, glasses_and_tokens("train"), (12, 2e-3), (4, 5e-4))


def glyphs_token_prior(model: nn.Module) -> None:
    epochs(model, class_and_tokens("train"), (16, 2e-3), (6, 5e-4))


def glyphs_pixel_vae(model: nn.Module) -> None:
    epochs(model, (load("glyphs").images > 0.5).float(), (10, 3e-3), (3, 8e-4))


def half(value: torch.Tensor) -> torch.Tensor:
    return (value.half() if value.is_floating_point() else value).contiguous()


if __name__ == "__main__":
    for name in sys.argv[1:] or UNTRAINED:
        model = UNTRAINED[name]()
        train = globals().get(name) or globals()[name.rstrip("_0123456789")]  # of several contexts
        train(model)
        save_file({key: half(value) for key, value in model.state_dict().items()},
                  WEIGHTS / f"{name}.safetensors")  # fmt: skip
        print(name, "written")
