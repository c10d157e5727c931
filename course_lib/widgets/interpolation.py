"""Ways from one image to another: through the pixels, and through the codes of models."""

from collections.abc import Mapping

from torch import Tensor, nn
from traitlets import Dict, List

from course_lib.plots import check_images
from course_lib.widgets.inputs import codes_of, pictures_of
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import Index, Widget, Within, script


class Interpolation(Widget):
    """Two images, and for each way between them a row of steps and a large picture at t.

    images: (N, C, H, W) to choose from, grey or RGB, N ≥ 2.
    models: label → autoencoder or VAE of the course; its row decodes (1 − t) z₁ + t z₂. The first
        row blends the pixels.
    first, second: the two images; t: the place between them, from 0 to 1.
    Beside them stands how grey the pictures at t are, the mean of 4x(1 − x).
    Raises ValueError for other images, fewer than two, and models with other codes.
    """

    _esm = script("interpolation.js")

    first = Index("n_images")
    second = Index("n_images", 1)
    t = Within(0, 1, 0.5)
    images = Dict().tag(sync=True)
    ways = List().tag(sync=True)

    def __init__(
        self,
        images: Tensor,
        models: Mapping[str, nn.Module],
        first: int = 0,
        second: int = 1,
        t: float = 0.5,
    ) -> None:
        check_images(images, least=2)
        self.n_images = len(images)
        ways = []
        for label, model in models.items():
            codes = codes_of(model, images)
            pictures_of(model, codes[:1], images.shape[1:])  # raises where the images do not fit
            network = sent_network(decoder_of(model), codes[:1])
            ways.append({"label": label, "codes": sent_numbers(codes), "network": network})
        super().__init__(
            first=first,
            second=second,
            t=t,
            images=sent_images(images),
            ways=ways,
            alt="Rows of pictures on the way from one image to another: a blend of the pixels, "
            + ", ".join(models)
            + "; beside each row the picture at t.",
        )
