"""Two normal distributions and the Kullback–Leibler divergences between them."""

from course_lib.widgets.widget import Widget, Within, script


class GaussianKL(Widget):
    """q = N(μ_q, σ_q²) and p = N(μ_p, σ_p²), with a slider for each of the four numbers.

    Beside the two densities the integrand q log(q/p), whose area, counted negative below the axis,
    is KL(q‖p); then both directions, term by term  (KL.10), in nats and in bits.
    The sliders of the standard deviations are logarithmic; ten steps double the value. So is the
    density axis when one peak is 20 times as high as the other.

    mu_q, sigma_q, mu_p, sigma_p: means in [−8, 8] and standard deviations in [1/16, 16].
    Raises ValueError for others.
    """

    _esm = script("gaussian_kl.js")

    mu_q = Within(-8, 8, 1.0)
    sigma_q = Within(1 / 16, 16, 0.5)
    mu_p = Within(-8, 8, 0.0)
    sigma_p = Within(1 / 16, 16, 1.0)

    def __init__(
        self, mu_q: float = 1.0, sigma_q: float = 0.5, mu_p: float = 0.0, sigma_p: float = 1.0
    ) -> None:
        super().__init__(
            mu_q=mu_q,
            sigma_q=sigma_q,
            mu_p=mu_p,
            sigma_p=sigma_p,
            alt="The densities of two normal distributions q and p, beside them the integrand of "
            "KL(q‖p) and the terms of both directions.",
        )
