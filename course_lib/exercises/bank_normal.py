"""Exercises on normal distributions."""

from math import log

from course_lib.exercises.exercise import Exercise, Mistake, on_grid

LOG_RATIO = "Look at the step of the derivation in chapter 5 that writes the log-ratio."
LN2 = log(2)


def kl(mu_q: float, sigma_q: float, mu_p: float = 0.0, sigma_p: float = 1.0) -> float:
    """KL(N(μ_q, σ_q²)‖N(μ_p, σ_p²)) in nats; information.kl_normal for plain numbers."""
    return log(sigma_p / sigma_q) + (sigma_q**2 + (mu_q - mu_p) ** 2) / (2 * sigma_p**2) - 0.5


NORMAL = (
    Exercise(
        id="kl-to-standard-normal",
        title="From a normal to the standard normal",
        kind="number",
        draw=lambda random: {
            "mu": on_grid(random, 0.5, 6),
            "sigma": on_grid(random, 0.2, 4),
        },
        statement=r"Let $q = \mathcal N(<mu>, <sigma>^2)$ and $p = \mathcal N(0, 1)$. "
        r"What is $\mathrm{KL}(q \,\|\, p)$?",
        unit="nats",
        truth=lambda mu, sigma: kl(mu, sigma),
        mistakes=(
            Mistake("lost-half", lambda mu, sigma: 2 * kl(mu, sigma),
                    "The factor one half is missing.", LOG_RATIO),
            Mistake("swapped-direction", lambda mu, sigma: kl(0, 1, mu, sigma),
                    "This is the divergence the other way round.", LOG_RATIO),
        ),
        hints=("Write the log-ratio first.",),
    ),
    Exercise(
        id="formula-kl-to-standard-normal",
        title="The formula",
        kind="formula",
        statement=r"Let $q = \mathcal N(\mu, \sigma^2)$ and $p = \mathcal N(0, 1)$. "
        r"What is $\mathrm{KL}(q \,\|\, p)$ in nats?",
        domain={"mu": (-3, 3), "sigma": (0.2, 3)},
        truth=lambda mu, sigma: kl(mu, sigma),
        mistakes=(
            Mistake("lost-half", lambda mu, sigma: 2 * kl(mu, sigma),
                    "The factor one half is missing.", LOG_RATIO),
        ),
        hints=("Write the log-ratio first.",),
    ),
)  # fmt: skip
