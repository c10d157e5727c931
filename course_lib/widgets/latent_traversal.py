"""Walk through the latent space of a trained model."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from traitlets import Dict, Enum, List

from course_lib.plots import check_images
from course_lib.widgets.inputs import check_number, codes_of, pictures_of
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import Index, Numbers, Widget, script


class LatentTraversal(Widget):
    """Choose an image, move its code z with one slider per dimension, see what z decodes to.

    model: an autoencoder or VAE of the course.
    images: (N, C, H, W) to choose from, grey or RGB.
    labels: (N,) class numbers, which colour the map.
    codes: (N, d), the codes of the images; by default model.encode(images), of a VAE the means.
    order: the dimensions 0 … d − 1 in the order in which their sliders stand.
    names: of the first dimensions, where they have a meaning: these alone get a slider then, from
        the smallest code to the largest. By default all have one, z₁, z₂, …
    map: with d = 2 the plane of all codes, on which z can be dragged: of the "codes" of the images,
        of the "pictures" that places decode to, or "both".

    One button goes back to the code of the image, the other, where there are no names, draws
    z ~ N(0, I). `image` and `code`
    can be set from the next cell.
    Raises ValueError for other images, when codes or labels do not number as many as the images,
    for codes that are not one vector an image, when order does not name every dimension once, when
    names are more, and for a model that the page cannot compute.
    """

    _esm = script("latent_traversal.js")

    image = Index("n_images")
    code = Numbers()
    map = Enum(["codes", "pictures", "both"], "codes").tag(sync=True)
    images, codes, network = (Dict().tag(sync=True) for _ in range(3))
    labels, order, names, ends = (List().tag(sync=True) for _ in range(4))

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor | None = None,
        codes: Tensor | None = None,
        order: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        map: str = "codes",
    ) -> None:
        check_images(images)
        codes = codes_of(model, images) if codes is None else codes.detach().cpu()  # (N, d)
        check_number(images, codes=codes, labels=labels)
        if codes.ndim != 2:
            raise ValueError(f"codes must have shape (N, d), got {tuple(codes.shape)}")
        dimensions = list(range(codes.shape[1]))
        order = dimensions if order is None else [int(j) for j in order]
        if sorted(order) != dimensions:
            raise ValueError(
                f"order must name each of the {len(dimensions)} dimensions 0 to "
                f"{len(dimensions) - 1} once, got {order}"
            )
        names = [] if names is None else list(names)
        if len(names) > len(dimensions):
            raise ValueError(f"names must be at most {len(dimensions)}, got {names}")
        pictures_of(model, codes[:1], images.shape[1:])  # raises where the images do not fit
        self.n_images = len(images)
        low, high = codes.amin(0), codes.amax(0)
        if not names:  # room for draws from N(0, I), fewer than one in 10,000 of them beyond ±4
            low, high = low.clamp(max=-4).floor(), high.clamp(min=4).ceil()
        super().__init__(
            code=codes[0],
            map=map,
            images=sent_images(images),
            codes=sent_numbers(codes),
            network=sent_network(decoder_of(model), codes[:1]),
            labels=torch.zeros(len(images)).tolist() if labels is None else labels.tolist(),
            order=order,
            names=names,
            ends=torch.stack([low, high], 1).tolist(),
            alt="An image, the picture decoded from the code z on the sliders"
            + (", and a map of the plane of codes." if len(dimensions) == 2 else "."),
        )
