"""What is told on one side, what is left on the other: condition and code of a conditional VAE."""

from collections.abc import Sequence

import torch
from torch import Tensor
from traitlets import Bool, Dict, List

from course_lib.models import ConditionalVAE
from course_lib.plots import check_images
from course_lib.priors import StandardNormal
from course_lib.widgets.inputs import check_number, like
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import Index, Numbers, Widget, script

SLIDERS = 6  # of the code, at most


class ConditionExplorer(Widget):
    """Change the condition and keep z, or keep the condition and change z.

    model: a ConditionalVAE. images: (N, C, H, W) to take codes from, grey or RGB.
    labels: the condition of each: class numbers (N,), or c numbers (N, c), attributes.
    names: of the classes, of which each then has a button and a picture, or of the attributes,
        of which each has a slider from the smallest to the largest of the images.

    z is at first the mean of q(z|x, y) of the first image. The sliders move the dimensions in which
    these means vary most, six at most. `image`, `condition` (what the decoder is told) and `code`
    can be set from the next cell.
    Raises ValueError for another model, for images or labels that do not fit it, and for names
    that are not as many as the classes or attributes.
    """

    _esm = script("condition_explorer.js")

    image = Index("n_images")
    condition, code = Numbers(), Numbers()
    images, codes, conditions, network = (Dict().tag(sync=True) for _ in range(4))
    names, classes, order, ends = (List().tag(sync=True) for _ in range(4))
    draws = Bool().tag(sync=True)

    def __init__(
        self, model: ConditionalVAE, images: Tensor, labels: Tensor, names: Sequence[str]
    ) -> None:
        if not isinstance(model, ConditionalVAE):
            raise ValueError(f"model must be a ConditionalVAE, got {type(model).__name__}")
        check_images(images)
        check_number(images, labels=labels)
        if labels.ndim not in (1, 2):
            raise ValueError(f"labels must have shape (N,) or (N, c), got {tuple(labels.shape)}")
        of_classes = labels.ndim == 1
        if of_classes and labels.max() >= len(names):
            raise ValueError(
                f"names must be those of at least {labels.max() + 1} classes, got {list(names)}"
            )
        if not of_classes and len(names) != labels.shape[1]:
            raise ValueError(f"names must be those of {labels.shape[1]} attributes, got {names}")
        told = labels if of_classes else like(model, labels)
        with torch.inference_mode():
            try:
                codes = model.at(told).encode(like(model, images)).mu  # (N, d)
                conditions = model.embedding(told)  # (N, c)
                example = torch.cat([codes, conditions.to(codes)], 1)[:1]
                shape = model.decoder(example).shape[1:]
            except RuntimeError as error:
                given = tuple(images.shape[1:])
                raise ValueError(
                    f"images of shape {given} and labels do not fit the model: {error}"
                ) from error
            if shape != images.shape[1:]:
                given = tuple(images.shape[1:])
                raise ValueError(f"images must have the model's shape {tuple(shape)}, got {given}")
            classes = model.embedding(torch.arange(len(names))).tolist() if of_classes else []
        self.n_images = len(images)
        low, high = conditions.amin(0), conditions.amax(0)
        super().__init__(
            code=codes[0],
            condition=conditions[0],
            images=sent_images(images),
            codes=sent_numbers(codes),
            conditions=sent_numbers(conditions),
            network=sent_network(decoder_of(model), example),
            names=list(names),
            classes=classes,
            order=codes.var(0, unbiased=False).argsort(descending=True)[:SLIDERS].tolist(),
            ends=torch.stack([low, high], 1).tolist(),
            draws=isinstance(model.prior, StandardNormal),
            alt="On one side the condition, on the other the code z; below, an image and what both "
            "decode to" + (", and the same z with every class." if of_classes else "."),
        )
