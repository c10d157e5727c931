"""Entropy, cross-entropy and Kullback–Leibler divergences, in nats.

Kullback–Leibler divergences are computed so that they keep their digits where the two
distributions are nearly equal and the terms of the printed formulas cancel: there the formulas are
rewritten in t, the relative difference of the two distributions. Results have the dtype of the
tensors given; Python numbers alone give float64.

Cover & Thomas, Elements of Information Theory, 2nd edition, chapters 2 and 8.
Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B.
"""

import math
from functools import reduce
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

Amount = TypeVar("Amount", float, Tensor)
NEAR = 0.1  # relative difference below which formulas are rewritten


def nats_to_bits(nats: Amount) -> Amount:
    """Information in bits: nats / log 2  (KL.4)."""
    return nats / math.log(2)


def bits_to_nats(bits: Amount) -> Amount:
    """Information in nats: bits · log 2  (KL.4)."""
    return bits * math.log(2)


def entropy(p: Tensor) -> Tensor:
    """H(p) = −Σᵢ pᵢ log pᵢ in nats, with 0 log 0 = 0  (KL.1).

    p: (..., n) probabilities along the last axis. Returns (...).
    Raises ValueError when p has negative entries or does not sum to 1.
    """
    _check_probabilities("p", p)
    return torch.special.entr(p).sum(-1)


def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """H(p, q) = −Σᵢ pᵢ log qᵢ = H(p) + KL(p‖q) in nats; infinite where q is 0 < p  (KL.2).

    p, q: (..., n) probabilities along the last axis. Returns (...).
    Raises ValueError when either has negative entries or does not sum to 1, or when their shapes
    do not match.
    """
    p, q = _distributions(p, q)
    return -torch.special.xlogy(p, q).sum(-1)


def kl_discrete(p: Tensor, q: Tensor) -> Tensor:
    """KL(p‖q) = Σᵢ pᵢ log(pᵢ / qᵢ) in nats, with 0 log 0 = 0; infinite where q is 0 < p  (KL.3).

    Computed as Σᵢ pᵢ log(pᵢ / qᵢ) − pᵢ + qᵢ, whose terms are all ≥ 0.

    p, q: (..., n) probabilities along the last axis. Returns (...).
    Raises ValueError when either has negative entries or does not sum to 1, or when their shapes
    do not match.
    """
    p, q = _distributions(p, q)
    return _excess(p, q, p - q).sum(-1)


def kl_bernoulli(rho: Tensor | float, rho_hat: Tensor | float) -> Tensor:
    """KL = ρ log(ρ / ρ̂) + (1 − ρ) log((1 − ρ) / (1 − ρ̂)) of two coins, in nats  (KL.6).

    rho, rho_hat: probabilities in [0, 1] that broadcast. Returns their common shape, elementwise;
    infinite where rho_hat rules out what rho allows.
    Raises ValueError when either leaves [0, 1] or the shapes do not broadcast.
    """
    rho, rho_hat = _broadcast(rho=rho, rho_hat=rho_hat)
    for name, value in {"rho": rho, "rho_hat": rho_hat}.items():
        if not ((value >= 0) & (value <= 1)).all():
            raise ValueError(
                f"{name} must lie in [0, 1], got values from {value.min():g} to {value.max():g}"
            )
    difference = rho - rho_hat
    return _excess(rho, rho_hat, difference) + _excess(1 - rho, 1 - rho_hat, -difference)


def kl_normal(
    mu_q: Tensor | float,
    sigma_q: Tensor | float,
    mu_p: Tensor | float = 0.0,
    sigma_p: Tensor | float = 1.0,
) -> Tensor:
    """KL(q‖p) = log(σ_p / σ_q) + σ_q² / 2σ_p² + (μ_q − μ_p)² / 2σ_p² − ½  (KL.10).

    q = N(μ_q, σ_q²), p = N(μ_p, σ_p²), in nats; the sigmas are standard deviations.

    All four: numbers or tensors that broadcast. Returns their common shape.
    Raises ValueError when a sigma is not positive, anything is not finite, or the
    shapes do not broadcast.
    """
    mu_q, sigma_q, mu_p, sigma_p = _normals(mu_q, sigma_q, mu_p, sigma_p)
    t = (sigma_q - sigma_p) / sigma_p
    spread = _spread_term(t, (sigma_q / sigma_p).log())
    return spread + _half_square((mu_q - mu_p) / sigma_p)


class NormalTerms(NamedTuple):
    """The four terms of KL(N(μ_q, σ_q²)‖N(μ_p, σ_p²)), in nats."""

    log_ratio: Tensor
    variance_ratio: Tensor
    mean_term: Tensor
    constant: Tensor


def kl_normal_terms(
    mu_q: Tensor | float,
    sigma_q: Tensor | float,
    mu_p: Tensor | float = 0.0,
    sigma_p: Tensor | float = 1.0,
) -> NormalTerms:
    """log(σ_p / σ_q), σ_q² / 2σ_p², (μ_q − μ_p)² / 2σ_p² and −½, whose sum is (KL.10).

    To look at; near q = p the sum loses digits that kl_normal keeps.
    Arguments, shapes and errors as in kl_normal.
    """
    mu_q, sigma_q, mu_p, sigma_p = _normals(mu_q, sigma_q, mu_p, sigma_p)
    return NormalTerms(
        log_ratio=(sigma_p / sigma_q).log(),
        variance_ratio=_half_square(sigma_q / sigma_p),
        mean_term=_half_square((mu_q - mu_p) / sigma_p),
        constant=torch.full_like(mu_q, -0.5),
    )


def kl_diagonal_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, diag σ²)‖N(0, I)) = ½ Σⱼ (μⱼ² + σⱼ² − log σⱼ² − 1) in nats  (KL.12).

    mu: (..., d); logvar: log σ², broadcasts against mu. Returns (...), summed over the last axis.
    Raises ValueError when anything is not finite, the shapes do not broadcast, or there is no axis.
    """
    terms = kl_standard_normal(mu, logvar)  # (..., d)
    if terms.ndim == 0:
        raise ValueError("mu must have shape (..., d), got a single number")
    return terms.sum(-1)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²)‖N(0, 1)) = ½ (μ² + σ² − log σ² − 1) of each dimension, in nats  (KL.12).

    mu, logvar: log σ², broadcast. Returns their common shape. Raises as kl_diagonal_normal does.
    """
    mu, logvar = _broadcast(mu=mu, logvar=logvar)
    _check_finite(mu=mu, logvar=logvar)
    return _spread_term(torch.expm1(logvar / 2), logvar / 2) + _half_square(mu)


def kl_multivariate_normal(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    """KL(q‖p) = ½ [tr Σ_p⁻¹Σ_q + ΔᵀΣ_p⁻¹Δ − d + log(|Σ_p| / |Σ_q|)], Δ = μ_q − μ_p  (KL.13).

    With the Cholesky factors L of the covariances and A = L_p⁻¹L_q, the trace is the sum of all
    squares in A, and the determinants are the products of its diagonal and 1.

    mu_q, mu_p: (..., d); cov_q, cov_p: (..., d, d); leading axes broadcast. Returns (...), in nats.
    Raises ValueError when a covariance is not symmetric and positive definite, anything is not
    finite, or the shapes do not match.
    """
    mu_q, mu_p = _broadcast(mu_q=mu_q, mu_p=mu_p)
    cov_q, cov_p = _broadcast(cov_q=cov_q, cov_p=cov_p)
    _check_finite(mu_q=mu_q, cov_q=cov_q, mu_p=mu_p, cov_p=cov_p)
    if mu_q.ndim == 0 or cov_q.shape[-2:] != (mu_q.shape[-1], mu_q.shape[-1]):
        raise ValueError(
            "means must have shape (..., d) and covariances (..., d, d), "
            f"got {tuple(mu_q.shape)} and {tuple(cov_q.shape)}"
        )
    L_q, L_p = _cholesky("cov_q", cov_q), _cholesky("cov_p", cov_p)
    # A − I and not A, whose diagonal would lose the digits in which q and p differ.
    A_minus_I = torch.linalg.solve_triangular(L_p, L_q - L_p, upper=False)  # (..., d, d)
    log_diagonal = (L_q.diagonal(dim1=-2, dim2=-1) / L_p.diagonal(dim1=-2, dim2=-1)).log()
    spread = _spread_term(A_minus_I.diagonal(dim1=-2, dim2=-1), log_diagonal).sum(-1)
    correlation = _half_square(A_minus_I.tril(-1)).sum((-2, -1))
    shift = torch.linalg.solve_triangular(L_p, (mu_q - mu_p)[..., None], upper=False)
    return spread + correlation + _half_square(shift[..., 0]).sum(-1)


class MonteCarlo(NamedTuple):
    """A mean over samples and the standard error of that mean."""

    estimate: Tensor
    standard_error: Tensor


def kl_monte_carlo(log_q: Tensor, log_p: Tensor) -> MonteCarlo:
    """KL(q‖p) ≈ the mean of log q(zₛ) − log p(zₛ) over S samples zₛ drawn from q  (KL.14).

    The standard error is the standard deviation of the S differences over √S. Both are infinite
    when a sample is impossible under p.

    log_q, log_p: (S, ...) log densities of the same samples. Returns two tensors (...), in nats.
    Raises ValueError when the shapes differ, there are fewer than two samples, log_q is not finite
    or log_p is NaN or +∞.
    """
    if log_q.shape != log_p.shape:
        raise ValueError(
            f"log_p must have the shape of log_q, {tuple(log_q.shape)}, got {tuple(log_p.shape)}"
        )
    if log_q.ndim == 0 or len(log_q) < 2:
        raise ValueError(f"log_q must hold at least 2 samples, got shape {tuple(log_q.shape)}")
    _check_finite(log_q=log_q)
    if not (log_p < math.inf).all():
        raise ValueError("log_p must be < ∞ everywhere, got NaN or ∞")
    excess = log_q - log_p  # (S, ...)
    estimate = excess.mean(0)
    standard_error = (excess.std(0) / len(excess) ** 0.5).where(estimate < math.inf, math.inf)
    return MonteCarlo(estimate, standard_error)


def rate_distortion_normal(variances: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Shannon's R and D of independent normals at the water level θ  (BVAE.4).

    Dᵢ = min(θ, λᵢ) and Rᵢ = ½ log(λᵢ / Dᵢ): what varies less than θ is not transmitted.
    variances: λ > 0, (n,); level: θ > 0, the distortion in squared units that each component may
    have. Returns the rate in nats and the distortion, both summed: two of ().
    Raises ValueError when level or a variance is not positive.
    Cover & Thomas, theorem 10.3.3.
    """
    if not (level > 0 and (variances > 0).all()):
        raise ValueError(f"level and variances must be > 0, got {level} and {variances.tolist()}")
    distortions = variances.clamp(max=level)
    return (variances / distortions).log().sum() / 2, distortions.sum()


# The forms that keep their digits. With t = a/b − 1 and s = t / (2 + t),
# log(a/b) = 2 (s + s³/3 + s⁵/5 + …) and t − 2s = t·s, so that nothing is left to cancel.


def _log_ratio_beyond_2s(s: Tensor) -> Tensor:
    """log((1 + s) / (1 − s)) − 2s = 2 (s³/3 + s⁵/5 + …), to double precision for |t| ≤ NEAR."""
    square = s * s
    series = reduce(lambda tail, n: 1 / n + square * tail, (13, 11, 9, 7, 5, 3), 0.0)
    return 2 * s * square * series


def _spread_term(t: Tensor, log_ratio: Tensor) -> Tensor:
    """½ (ρ² − 1) − log ρ ≥ 0 for the ratio ρ = 1 + t of two standard deviations."""
    far = t * (1 + t / 2) - log_ratio  # overflows only where its value does
    with torch.no_grad():
        s = t / (2 + t)
        near = t * t / 2 + t * s - _log_ratio_beyond_2s(s)
    # The gradient of far has all digits that training needs, in two thirds of the time of near's.
    return torch.where(t.abs() < NEAR, near + (far - far.detach()), far)


def _excess(a: Tensor, b: Tensor, difference: Tensor) -> Tensor:
    """a log(a / b) − a + b ≥ 0, given a, b ≥ 0 and a − b; infinite where b = 0 < a."""
    is_near = difference.abs() < NEAR * b
    t = difference / torch.where(is_near, b, 1)  # no division by 0, not even in the gradient
    t = torch.where(is_near, t, 0)
    s = t / (2 + t)
    near = b * (t * s + (1 + t) * _log_ratio_beyond_2s(s))
    surprise = torch.special.xlogy(a, torch.where(a > 0, b, 1))  # so that 0/0 is no gradient
    far = -torch.special.entr(a) - surprise - difference
    return torch.where(is_near, near, far)


def _half_square(x: Tensor) -> Tensor:
    return x * (x / 2)  # x² alone could overflow where its half does not


def _cholesky(name: str, cov: Tensor) -> Tensor:
    L, failed = torch.linalg.cholesky_ex(cov)
    if failed.any() or not torch.allclose(cov, cov.mT):
        raise ValueError(f"{name} must be symmetric and positive definite, got {cov.tolist()}")
    return L


def _check_finite(**values: Tensor) -> None:
    for name, value in values.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} must be finite, got {value[~value.isfinite()][0]:g}")


def _normals(
    mu_q: Tensor | float, sigma_q: Tensor | float, mu_p: Tensor | float, sigma_p: Tensor | float
) -> list[Tensor]:
    values = {"mu_q": mu_q, "sigma_q": sigma_q, "mu_p": mu_p, "sigma_p": sigma_p}
    normals = dict(zip(values, _broadcast(**values), strict=True))
    _check_finite(**normals)
    for name in ("sigma_q", "sigma_p"):
        if not (normals[name] > 0).all():
            raise ValueError(f"{name} must be > 0, got a smallest value of {normals[name].min():g}")
    return list(normals.values())


def _distributions(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    _check_probabilities("p", p)
    _check_probabilities("q", q)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(f"q must have {p.shape[-1]} probabilities like p, got {q.shape[-1]}")
    return _broadcast(p=p, q=q)


def _broadcast(**values: Tensor | float) -> list[Tensor]:
    """The values as tensors of one shape and one floating dtype."""
    tensors = [v for v in values.values() if isinstance(v, Tensor)]
    dtype = reduce(torch.promote_types, (t.dtype for t in tensors)) if tensors else torch.float64
    if not dtype.is_floating_point:
        dtype = torch.get_default_dtype()
    parts = [torch.as_tensor(value, dtype=dtype) for value in values.values()]
    try:
        return list(torch.broadcast_tensors(*parts))
    except RuntimeError:
        shapes = ", ".join(f"{n} {tuple(p.shape)}" for n, p in zip(values, parts, strict=True))
        raise ValueError(f"shapes must broadcast, got {shapes}") from None


def _check_probabilities(name: str, p: Tensor) -> None:
    if not (p >= 0).all():
        raise ValueError(f"{name} must hold probabilities ≥ 0, got a smallest entry of {p.min()}")
    total = p.sum(-1)
    if not torch.allclose(total, torch.ones_like(total), atol=1e-5):
        raise ValueError(f"{name} must sum to 1 along its last axis, got {total.flatten()[:5]}")
