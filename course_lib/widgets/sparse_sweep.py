"""Features and activations of sparse autoencoders over a grid of λ and ρ."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from traitlets import Dict, Float, List

from course_lib.evaluation import lifetime_activity, population_activity, unit_features
from course_lib.likelihoods import squared_error
from course_lib.plots import check_images
from course_lib.widgets.inputs import codes_of, pictures_of
from course_lib.widgets.sent import sent_images, sent_numbers
from course_lib.widgets.widget import OneOf, Widget, script

COLUMNS = 40  # images in the map of activations


class SparseSweep(Widget):
    """Sliders for λ and ρ, and what the model trained with them has learned.

    models: (λ, ρ) → any model of the course with one vector as its code, or any module with
        `encode` and `decode`, for every pair of the λ and the ρ that occur, all with as many units.
    images: (N, C, H, W), grey or RGB, on which activity and error are measured.
    threshold: above it a unit counts as active.
    weight, rho: where the sliders stand; by default the largest λ but one and the smallest ρ.

    Left the features, what each unit adds to the picture when it alone goes from 0 to 1, each
    scaled to its own largest weight; in colour, grey is nothing. In the middle the activations, a
    row for each unit, the most active first. Right the mean activations of the same rows, with a
    line at ρ. Counts and the error stand above.
    Raises ValueError when a pair is missing, and for other images and models.
    """

    _esm = script("sparse_sweep.js")

    weight, rho = OneOf("weights"), OneOf("targets")
    weights, targets, which, summaries = (List().tag(sync=True) for _ in range(4))
    features, activations, means = (Dict().tag(sync=True) for _ in range(3))
    threshold, top = (Float().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        models: Mapping[tuple[float, float], nn.Module],
        images: Tensor,
        threshold: float = 0.5,
        weight: float | None = None,
        rho: float | None = None,
    ) -> None:
        check_images(images)
        weights, targets = (sorted({pair[i] for pair in models}) for i in (0, 1))
        missing = [(w, rho) for w in weights for rho in targets if (w, rho) not in models]
        if missing or not models:
            raise ValueError(f"models must hold every pair (λ, ρ), got none for {missing}")
        # Pairs may share a model: with λ = 0 the target ρ does not matter.
        distinct = {id(model): model for model in models.values()}
        learned = [unit_summary(model, images, threshold) for model in distinct.values()]
        if len({summary["features"].shape for summary in learned}) > 1:
            raise ValueError(
                "models must have as many units each, got "
                f"{sorted({len(summary['means']) for summary in learned})}"
            )
        features = torch.stack([summary.pop("features") for summary in learned])
        activations = torch.stack([summary.pop("activations") for summary in learned])
        top = max(1.0, activations.max().item())
        numbers = list(distinct)
        super().__init__(
            weights=weights,
            targets=targets,
            which=[numbers.index(id(models[w, t])) for w in weights for t in targets],
            features=sent_images(features),
            activations=sent_images(activations / top),
            means=sent_numbers(torch.stack([summary.pop("means") for summary in learned])),
            summaries=learned,
            threshold=threshold,
            top=top,
            weight=weights[max(0, len(weights) - 2)] if weight is None else weight,
            rho=targets[0] if rho is None else rho,
            alt="The learned features of a sparse autoencoder as small pictures, a map of its "
            "activations, and the mean activation of each unit beside the target ρ.",
        )


@torch.inference_mode()
def unit_summary(model: nn.Module, images: Tensor, threshold: float) -> dict[str, Any]:
    """What the units do with the images, the most active first.

    features (d, C, H, W) as shades, 0.5 for nothing; activations (d, images); means (d,);
    dead and always_on count units above the threshold for no and for every image; active is the
    mean share of units above it, and error the squared error per image.
    """
    h, images = codes_of(model, images), images.cpu()  # (N, d), (N, C, H, W)

    def decode(codes: Tensor) -> Tensor:
        return pictures_of(model, codes, images.shape[1:])

    order, lifetime = h.mean(0).argsort(descending=True), lifetime_activity(h, threshold)
    features = unit_features(decode, h)[order]
    largest = features.flatten(1).abs().amax(1).clamp(min=1e-12)
    return {
        # In bytes 1 to 255, so that the middle one, 128, is nothing.
        "features": 128 / 255 + 127 / 255 * features / largest[:, None, None, None],
        "activations": h[:COLUMNS, order].T,
        "means": h.mean(0)[order],
        "dead": int((lifetime == 0).sum()),
        "always_on": int((lifetime == 1).sum()),
        "active": population_activity(h, threshold).mean().item(),
        "error": squared_error(images, decode(h)).mean().item(),
    }
