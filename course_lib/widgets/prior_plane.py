"""A plane of codes: where a prior lies, where the codes of the images lie, and what places mean."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from traitlets import Dict, List, Unicode

from course_lib.models import VAE
from course_lib.noise import normal_like, uniform_like
from course_lib.plots import check_images
from course_lib.priors import FlowPrior, GaussianMixture, Prior, StandardNormal, VampPrior
from course_lib.widgets.inputs import check_fit
from course_lib.widgets.sent import decoder_of, sent_network, sent_numbers
from course_lib.widgets.widget import Index, Numbers, Widget, script

CODES = 300  # images whose q(z|x) are mixed, at most
DRAWS = 10  # pictures from the prior


class PriorPlane(Widget):
    """Lines around the prior p(z), a shade for the mixture q(z) of all codes, a point to drag.

    models: name of a moment of a training, or of a prior, → a VAE whose codes have two numbers.
        All decode to pictures of one shape.
    images: (N, C, H, W), whose q(z|x) are mixed; of more than 300 every N/300-th.
    values: one number for each model, announced beside it; quantity: what it is.
    name: what the slider over the models is called. `at` is the model shown, counted from 0, at
        first the last; `place` the point (z₁, z₂), which is decoded.

    Below stand ten pictures drawn from the prior, from the same noise for every model. `place` and
    `at` can be set from the next cell.
    Raises ValueError for no model, for codes of another length, for images that do not fit, for
    values of another number, and for a prior or a layer that the page cannot compute.
    """

    _esm = script("prior_plane.js")

    at = Index("n_models")
    place = Numbers()
    names, values, ends, moments = (List().tag(sync=True) for _ in range(4))
    image_shape = List().tag(sync=True)
    noise = Dict().tag(sync=True)
    name, quantity = (Unicode().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        models: Mapping[str, VAE],
        images: Tensor,
        values: Sequence[float] = (),
        quantity: str = "",
        name: str = "prior",
        seed: int = 0,
    ) -> None:
        check_images(images)
        if not models or any(model.latent_dim != 2 for model in models.values()):
            lengths = [model.latent_dim for model in models.values()]
            raise ValueError(f"models must have codes of two numbers each, got {lengths}")
        if values and len(values) != len(models):
            raise ValueError(f"values must number {len(models)} like models, got {len(values)}")
        chosen = images[:: -(-len(images) // CODES)]
        for model in models.values():
            check_fit(model, model, chosen)
        moments = [sent_moment(model, chosen) for model in models.values()]
        with torch.no_grad():
            mu = torch.cat([model.encode(chosen).mu.cpu() for model in models.values()])
        low, high = mu.amin(0).clamp(max=-3), mu.amax(0).clamp(min=3)  # room for N(0, I)
        middle, reach = (low + high) / 2, float((high - low).max()) / 2 + 0.5
        generator = torch.Generator().manual_seed(seed)
        uniform = uniform_like(torch.empty(DRAWS), generator)
        self.n_models = len(models)
        super().__init__(
            at=len(models) - 1,
            place=[0.0, 0.0],
            names=[str(name) for name in models],
            values=list(map(float, values)),
            ends=torch.stack([middle - reach, middle + reach], 1).tolist(),
            moments=moments,
            image_shape=list(images.shape[1:]),
            noise={
                "uniform": sent_numbers(uniform),
                "normal": sent_numbers(normal_like(torch.empty(DRAWS, 2), generator)),
            },
            name=name,
            quantity=quantity,
            alt="The plane of codes: lines around the prior, a shade where the codes of images "
            "lie, what one place decodes to, and pictures drawn from the prior.",
        )


@torch.no_grad()
def sent_moment(model: VAE, images: Tensor) -> dict[str, Any]:
    """The codes, the prior and the decoder of a model, as prior_plane.js reads them."""
    q = model.encode(images)
    return {
        "codes": {"mu": sent_numbers(q.mu), "logvar": sent_numbers(q.logvar)},
        "prior": sent_prior(model.prior),
        "network": sent_network(decoder_of(model), q.mu[:1]),
    }


@torch.no_grad()
def sent_prior(prior: Prior, dtype: Literal["float16", "float32"] = "float32") -> dict[str, Any]:
    """A prior over the plane: a mixture of normals, or the networks of a flow's couplings.

    Raises ValueError for another prior.
    """
    if isinstance(prior, FlowPrior):
        example = prior.mean[:1][None]
        return {"networks": [sent_network([net], example, dtype) for net in prior.networks]}
    if isinstance(prior, StandardNormal):
        parts = (prior.mean[:1], prior.mean[None], prior.mean[None])
    elif isinstance(prior, GaussianMixture):
        parts = (prior.logits.log_softmax(0), prior.mu, prior.logvar)
    elif isinstance(prior, VampPrior):
        q = prior.components()
        parts = (-torch.full_like(q.mu[:, 0], len(q.mu)).log(), *q)
    else:
        raise ValueError(
            "the prior must be StandardNormal, GaussianMixture, VampPrior or FlowPrior, "
            f"got {type(prior).__name__}"
        )
    names = ("log_weights", "mu", "logvar")
    return {n: sent_numbers(part) for n, part in zip(names, parts, strict=True)}
