"""One slider for β: what a VAE keeps, what it forgets, and where that lies on the R–D curve."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from traitlets import Dict, List

from course_lib.evaluation import rate_distortion
from course_lib.models import ConditionalVAE
from course_lib.objectives import EveryBeta
from course_lib.plots import check_images
from course_lib.widgets.inputs import check_fit, codes_of, like
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import OneOf, Widget, script

COLUMNS = 7  # pictures in a row
STEPS = 60  # of the slider


class BetaExplorer(Widget):
    """Move β, see reconstructions, samples, walks and the place on the R–D curve.

    model: a trained ConditionalVAE; objective: the EveryBeta that it was trained with, whose range
        the slider spans.
    images: (N, C, H, W), grey or RGB, N ≥ 2, on which all numbers are measured; the first seven
        are shown.
    points: (β, rate, distortion) of models trained for one β each, drawn beside the curve.
    seed: of the codes z ~ N(0, I) of the samples, which stay the same for every β.
    beta: where the slider stands, by default as near to 1 as it can.

    The walks move one dimension of the first image's code from −3 to 3: the active dimensions,
    those with the largest KL first, four at most.
    Raises ValueError for another model, other images, or points that are no triples.
    """

    _esm = script("beta_explorer.js")

    beta = OneOf("betas")
    betas, points = (List().tag(sync=True) for _ in range(2))
    images, means, samples, table, network = (Dict().tag(sync=True) for _ in range(5))

    def __init__(
        self,
        model: ConditionalVAE,
        objective: EveryBeta,
        images: Tensor,
        points: Sequence[tuple[float, float, float]] = (),
        seed: int = 0,
        beta: float | None = None,
    ) -> None:
        if not isinstance(model, ConditionalVAE) or not isinstance(objective, EveryBeta):
            given = f"{type(model).__name__} and {type(objective).__name__}"
            raise ValueError(f"model must be a ConditionalVAE, objective an EveryBeta, got {given}")
        check_images(images, least=2)
        check_fit(objective.at(model, objective.low), model, images)
        if any(len(point) != 3 for point in points):
            raise ValueError(f"points must be triples (β, rate, distortion), got {list(points)}")
        ratio = objective.high / objective.low
        betas = [objective.low * ratio ** (i / STEPS) for i in range(STEPS)] + [objective.high]
        rows, means = [], []
        for place in betas:
            vae = objective.at(model, place)
            measured = rate_distortion(vae, like(model, images))
            condition = objective.place(torch.tensor(place)).item()
            numbers = torch.tensor([condition, measured.rate, measured.distortion])
            rows.append(torch.cat([numbers, measured.kl, measured.active.float()]))
            means.append(codes_of(vae, images[:COLUMNS]))
        generator = torch.Generator().manual_seed(seed)
        example = like(model, torch.zeros(1, model.latent_dim + 1))
        super().__init__(
            betas=betas,
            points=[list(map(float, point)) for point in points],
            images=sent_images(images[:COLUMNS]),
            means=sent_numbers(torch.stack(means)),
            samples=sent_numbers(torch.randn(COLUMNS, model.latent_dim, generator=generator)),
            table=sent_numbers(torch.stack(rows)),
            network=sent_network(decoder_of(model), example),
            beta=min(betas, key=lambda b: abs(math.log(b))) if beta is None else beta,
            alt="Left rows of pictures at the chosen β: images, their reconstructions, samples "
            "and walks along the active dimensions. Right the rate–distortion curve with the "
            "present β on it, and the number of active units.",
        )
