"""A point on a two-dimensional data manifold and the ellipse that its neighbourhood maps to."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from traitlets import Dict, Float, List

from course_lib.models.contractive_autoencoder import jacobian, semi_axes, tangent_share
from course_lib.plots import check_images
from course_lib.widgets.inputs import codes_of, mean_code
from course_lib.widgets.sent import sent_images, sent_numbers
from course_lib.widgets.widget import OneOf, Widget, Within, script

PLACES = 21  # of u, and of v


class ContractionEllipse(Widget):
    """Where a small ball around the image at (u, v) goes, to first order, as λ moves.

    models: λ → trained model whose code has two numbers in [0, 1], in the order of the slider.
    surface: (B, 2) → images (B, C, H, W), grey or RGB, differentiable; maps [0, 1]² onto the data
        manifold. It is seen at 21 × 21 places.
    radius: r of the ball, in pixel units (distance between images as vectors of D pixels).
    weight: the λ at the start, by default the second; u, v: the place.

    Left the image; in the middle the code plane with the grid of (u, v) mapped into it and two
    ellipses: the ball around the image, with semi-axes r·σ₁ and r·σ₂ for the singular values of
    J = ∂h/∂x, and the disc of the same radius in the tangent plane of the manifold. Right the
    singular values; above, the share of ‖J‖²_F that belongs to the tangent plane.
    Raises ValueError when there is no model, when a code does not have two numbers in [0, 1], and
    when the surface does not return such images.
    """

    _esm = script("contraction_ellipse.js")

    weight = OneOf("weights")
    u, v = Within(0, 1, 0.5), Within(0, 1, 0.5)
    weights = List().tag(sync=True)
    radius = Float().tag(sync=True)
    images, table = (Dict().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        models: Mapping[float, nn.Module],
        surface: Callable[[Tensor], Tensor],
        radius: float = 0.2,
        weight: float | None = None,
    ) -> None:
        if not models:
            raise ValueError("models must hold at least one model, got none")
        if not radius > 0:
            raise ValueError(f"radius must be positive, got {radius}")
        line = torch.linspace(0, 1, PLACES)
        places = torch.cartesian_prod(line, line)  # (B, 2)
        images = surface(places)
        check_images(images, len(places), "the images of surface")
        tangents = jacobian(lambda uv: surface(uv).flatten(1), places)  # (B, D, 2)
        tables = []
        for value, model in models.items():
            codes = codes_of(model, images)
            if codes.shape != (len(places), 2):
                raise ValueError(f"the code of models[{value}] must have shape (B, 2), "
                                 f"got {tuple(codes.shape)}")  # fmt: skip
            if not (codes.min() >= 0 and codes.max() <= 1):
                raise ValueError(
                    f"the code of models[{value}] must lie in [0, 1], as that of a "
                    f"ContractiveAutoencoder does, got {codes.min():g} to {codes.max():g}"
                )
            J = jacobian(partial(mean_code, model), images).detach().to(tangents)  # (B, 2, D)
            along = J @ torch.linalg.qr(tangents).Q  # J for a step within the tangent plane
            axes = [semi_axes(linear).flatten(1) for linear in (J, along)]
            share = tangent_share(J, tangents)[:, None]
            tables.append(torch.cat([codes.to(J), *axes, share], 1))  # (B, 11)
        weights = [float(value) for value in models]
        super().__init__(
            weights=weights,
            radius=radius,
            images=sent_images(images),
            table=sent_numbers(torch.stack(tables)),
            weight=weights[min(1, len(weights) - 1)] if weight is None else weight,
            alt="Left the image at (u, v), in the middle the code plane with the ellipse that its "
            "neighbourhood maps to, right the singular values of the Jacobian.",
        )
