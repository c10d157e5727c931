"""Entropy, cross-entropy and Kullback–Leibler divergences, in nats.

Where two distributions are nearly equal, the terms of the printed formula of their divergence
cancel. So each function shows its formula as printed and computes it in a form that keeps its
digits, in t, the relative difference of the two. Results have the dtype and device of the tensors
given; Python numbers alone give float64. Values are checked where `checks.readable` says so.

Cover & Thomas, Elements of Information Theory, 2nd edition, chapters 2 and 8.
Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B.
"""

import math
from functools import reduce
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from course_lib.checks import check, readable

Amount = TypeVar("Amount", float, Tensor)
Number = Tensor | float
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
    (p,) = _distributions(p=p)
    return _surprise(p, p).sum(-1)


def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """H(p, q) = −Σᵢ pᵢ log qᵢ = H(p) + KL(p‖q) in nats; infinite where q is 0 < p  (KL.2).

    p, q: (..., n) probabilities along the last axis. Returns (...).
    Raises ValueError when either has negative entries or does not sum to 1, or when their shapes
    do not match.
    """
    p, q = _distributions(p=p, q=q)
    return _surprise(p, q).sum(-1)


def kl_discrete(p: Tensor, q: Tensor) -> Tensor:
    """KL(p‖q) = Σᵢ pᵢ log(pᵢ / qᵢ) in nats, with 0 log 0 = 0; infinite where q is 0 < p  (KL.3).

    Arguments, shapes and errors as in cross_entropy.
    """
    p, q = _distributions(p=p, q=q)
    # As printed: (p * (p / q).log()).sum(-1)
    # With − p + q, which sum to 0, no term is negative.
    return _excess(p, q, p - q).sum(-1)


def kl_bernoulli(rho: Number, rho_hat: Number) -> Tensor:
    """KL = ρ log(ρ / ρ̂) + (1 − ρ) log((1 − ρ) / (1 − ρ̂)) of two coins, in nats  (KL.6).

    rho, rho_hat: probabilities in [0, 1] that broadcast. Returns their common shape, elementwise;
    infinite where rho_hat rules out what rho allows.
    Raises ValueError when either leaves [0, 1] or the shapes do not broadcast.
    """
    rho, rho_hat = _broadcast(rho=rho, rho_hat=rho_hat)
    check("lie in [0, 1]", lambda x: (x >= 0) & (x <= 1), rho=rho, rho_hat=rho_hat)
    # As printed: rho * (rho / rho_hat).log() + (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()
    difference = rho - rho_hat
    return _excess(rho, rho_hat, difference) + _excess(1 - rho, 1 - rho_hat, -difference)


class NormalTerms(NamedTuple):
    """The four terms of KL(N(μ_q, σ_q²)‖N(μ_p, σ_p²)), in nats."""

    log_ratio: Tensor
    variance_ratio: Tensor
    mean_term: Tensor
    constant: Tensor


def kl_normal_terms(
    mu_q: Number, sigma_q: Number, mu_p: Number = 0.0, sigma_p: Number = 1.0
) -> NormalTerms:
    """log(σ_p / σ_q), σ_q² / 2σ_p², (μ_q − μ_p)² / 2σ_p² and −½, whose sum is (KL.10).

    To look at; near q = p the sum loses digits that kl_normal keeps.
    All four: numbers or tensors that broadcast. Returns four of their common shape.
    Raises ValueError when a sigma is not positive, anything is not finite, or the
    shapes do not broadcast.
    """
    mu_q, sigma_q, mu_p, sigma_p = _normals(mu_q, sigma_q, mu_p, sigma_p)
    return NormalTerms(
        log_ratio=_log_ratio(sigma_p, sigma_q),
        variance_ratio=_half_square(sigma_q / sigma_p),
        mean_term=_half_square((mu_q - mu_p) / sigma_p),
        constant=torch.full_like(mu_q, -0.5),
    )


def kl_normal(mu_q: Number, sigma_q: Number, mu_p: Number = 0.0, sigma_p: Number = 1.0) -> Tensor:
    """KL(q‖p) = log(σ_p / σ_q) + σ_q² / 2σ_p² + (μ_q − μ_p)² / 2σ_p² − ½  (KL.10).

    q = N(μ_q, σ_q²), p = N(μ_p, σ_p²), in nats; the sigmas are standard deviations.
    Arguments, shapes and errors as in kl_normal_terms.
    """
    mu_q, sigma_q, mu_p, sigma_p = _normals(mu_q, sigma_q, mu_p, sigma_p)
    # As printed: sum(kl_normal_terms(mu_q, sigma_q, mu_p, sigma_p))
    spread = _spread_term((sigma_q - sigma_p) / sigma_p, _log_ratio(sigma_q, sigma_p))
    return spread + _half_square((mu_q - mu_p) / sigma_p)


def kl_diagonal_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, diag σ²)‖N(0, I)) = ½ Σⱼ (μⱼ² + σⱼ² − log σⱼ² − 1) in nats  (KL.12).

    mu: (..., d); logvar: log σ², broadcasts against mu. Returns (...), summed over the last axis.
    Raises ValueError when anything is not finite, the shapes do not broadcast, or there is no axis.
    """
    # As printed: (mu**2 + logvar.exp() - logvar - 1).sum(-1) / 2
    if (terms := kl_standard_normal(mu, logvar)).ndim == 0:
        raise ValueError("mu must have shape (..., d), got a single number")
    return terms.sum(-1)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²)‖N(0, 1)) = ½ (μ² + σ² − log σ² − 1) of each dimension, in nats  (KL.12).

    mu, logvar: log σ², broadcast. Returns their common shape. Raises as kl_diagonal_normal does.
    """
    mu, logvar = _broadcast(mu=mu, logvar=logvar)
    check("be finite", torch.isfinite, mu=mu, logvar=logvar)
    # As printed: (mu**2 + logvar.exp() - logvar - 1) / 2
    log_sigma = logvar / 2
    return _spread_term(log_sigma.expm1(), log_sigma) + _half_square(mu)


def kl_multivariate_normal(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    """KL(q‖p) = ½ [tr Σ_p⁻¹Σ_q + ΔᵀΣ_p⁻¹Δ − d + log(|Σ_p| / |Σ_q|)], Δ = μ_q − μ_p  (KL.15).

    mu_q, mu_p: (..., d); cov_q, cov_p: (..., d, d); leading axes broadcast. Returns (...), in nats.
    Raises ValueError when a covariance is not symmetric and positive definite, anything is not
    finite, or the shapes do not match.
    """
    mu_q, mu_p = _broadcast(mu_q=mu_q, mu_p=mu_p)
    cov_q, cov_p = _broadcast(cov_q=cov_q, cov_p=cov_p)
    check("be finite", torch.isfinite, mu_q=mu_q, cov_q=cov_q, mu_p=mu_p, cov_p=cov_p)
    if mu_q.ndim == 0 or cov_q.shape[-2:] != (mu_q.shape[-1], mu_q.shape[-1]):
        raise ValueError(
            "means must have shape (..., d) and covariances (..., d, d), "
            f"got {tuple(mu_q.shape)} and {tuple(cov_q.shape)}"
        )
    # As printed, with delta = mu_q - mu_p and P = cov_p.inverse():
    # ((P @ cov_q).trace() + delta @ P @ delta - len(delta) + cov_p.logdet() - cov_q.logdet()) / 2
    # With Cholesky factors L and A = L_p⁻¹L_q the trace is the sum of squares in A, the ratio of
    # determinants the squared product of its diagonal; A − I keeps the digits in which q, p differ.
    L_q, L_p = _cholesky("cov_q", cov_q), _cholesky("cov_p", cov_p)
    A_minus_I = torch.linalg.solve_triangular(L_p, L_q - L_p, upper=False)  # (..., d, d)
    log_diagonal = _log_ratio(*(L.diagonal(dim1=-2, dim2=-1) for L in (L_q, L_p)))
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
    log_q, log_p = _broadcast(log_q=log_q, log_p=log_p)
    check("be finite", torch.isfinite, log_q=log_q)
    check("be < ∞", lambda x: x < math.inf, log_p=log_p)
    excess = log_q - log_p  # (S, ...)
    estimate = excess.mean(0)
    standard_error = (excess.std(0) / len(excess) ** 0.5).where(estimate < math.inf, math.inf)
    return MonteCarlo(estimate, standard_error)


def rate_distortion_normal(variances: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Shannon's R and D of independent normals at the water level θ  (BVAE.9).

    Dᵢ = min(θ, λᵢ) and Rᵢ = ½ log(λᵢ / Dᵢ): what varies less than θ is not transmitted.
    variances: λ > 0, (n,); level: θ > 0, the distortion in squared units that each component may
    have. Returns the rate in nats and the distortion, both summed: two of ().
    Raises ValueError when level or a variance is not positive.
    Cover & Thomas, theorem 10.3.3.
    """
    variances, theta = _broadcast(variances=variances, level=level)
    check("be > 0", lambda x: x > 0, level=theta, variances=variances)
    distortions = variances.clamp(max=theta)
    return _log_ratio(variances, distortions).sum() / 2, distortions.sum()


# The forms that keep their digits. With t = a/b − 1 and s = t / (2 + t),
# log(a/b) = 2 (s + s³/3 + s⁵/5 + …) and t − 2s = t·s, so that nothing is left to cancel.


def _spread_term(t: Tensor, log_ratio: Tensor) -> Tensor:
    """½ (ρ² − 1) − log ρ ≥ 0 for the ratio ρ = 1 + t of two standard deviations."""
    printed = t * (1 + t / 2) - log_ratio  # overflows only where its value does
    u = t.detach()
    s = u / (2 + u)
    near = u * u / 2 + u * s - _log_ratio_beyond_2s(s)
    # The value of near and the derivatives of printed, which have all digits that training needs,
    # in two thirds of the time; detach and not no_grad, which forward mode does not see.
    return torch.where(u.abs() < NEAR, near + (printed - printed.detach()), printed)


def _excess(a: Tensor, b: Tensor, difference: Tensor) -> Tensor:
    """a log(a / b) − a + b ≥ 0, given a, b ≥ 0 and a − b; infinite where b = 0 < a."""
    printed = _surprise(a, b) - _surprise(a, a) - difference
    is_near = difference.abs() < NEAR * b
    t = torch.where(is_near, difference, 0) / torch.where(is_near, b, 1)  # never 0/0
    s = t / (2 + t)
    near = b * (t * s + (1 + t) * _log_ratio_beyond_2s(s))
    return torch.where(is_near, near, printed)


def _log_ratio_beyond_2s(s: Tensor) -> Tensor:
    """log((1 + s) / (1 − s)) − 2s = 2 (s³/3 + s⁵/5 + …), to double precision for |t| ≤ NEAR."""
    square = s * s
    series = torch.full_like(s, 1 / 13)
    for n in (11, 9, 7, 5, 3):
        series = 1 / n + square * series
    return 2 * s * square * series


def _surprise(p: Tensor, q: Tensor) -> Tensor:
    """−p log q with 0 log 0 = 0, which has a gradient of 0: p may have been rounded to 0."""
    return -torch.special.xlogy(p, torch.where((p == 0) & (q == 0), 1, q))


def _log_ratio(a: Tensor, b: Tensor) -> Tensor:
    """log(a / b), also where a / b under- or overflows; neither branch divides by 0."""
    ratio, limits = a.detach() / b.detach(), torch.finfo(a.dtype)
    fits = (ratio >= limits.tiny) & (ratio <= limits.max)
    ratio = torch.where(fits, a, 1) / torch.where(fits, b, 1)
    return torch.where(fits, ratio.log(), a.log() - b.log())


def _half_square(x: Tensor) -> Tensor:
    return x * (x / 2)  # x² alone could overflow where its half does not


def _cholesky(name: str, cov: Tensor) -> Tensor:
    L, failed = torch.linalg.cholesky_ex(cov)
    if readable(cov):
        asymmetry, size = (x.abs().sum((-2, -1)) for x in (cov - cov.mT, cov))
        if failed.any() or (asymmetry > 1e-5 * size).any():
            raise ValueError(f"{name} must be symmetric and positive definite, got {cov.tolist()}")
    return L


def _normals(*values: Number) -> list[Tensor]:
    names = ("mu_q", "sigma_q", "mu_p", "sigma_p")
    mu_q, sigma_q, mu_p, sigma_p = _broadcast(**dict(zip(names, values, strict=True)))
    check("be finite", torch.isfinite, mu_q=mu_q, sigma_q=sigma_q, mu_p=mu_p, sigma_p=sigma_p)
    check("be > 0", lambda x: x > 0, sigma_q=sigma_q, sigma_p=sigma_p)
    return [mu_q, sigma_q, mu_p, sigma_p]


def _distributions(**values: Tensor) -> list[Tensor]:
    widths = [p.shape[-1:] for p in values.values()]
    if () in widths:
        raise ValueError(f"{' and '.join(values)} must have shape (..., n), got a single number")
    if widths[0] != widths[-1]:
        raise ValueError(f"q must have {widths[0][0]} probabilities like p, got {widths[-1][0]}")
    distributions = dict(zip(values, _broadcast(**values), strict=True))
    check("hold probabilities ≥ 0", lambda p: p >= 0, **distributions)
    sums = {name: p.sum(-1) for name, p in distributions.items()}
    check("sum to 1", lambda x: torch.isclose(x, torch.ones_like(x), atol=1e-5), **sums)
    return list(distributions.values())


def _broadcast(**values: Number) -> list[Tensor]:
    """The values as tensors of one shape and floating dtype, on the device of the first."""
    tensors = [v for v in values.values() if isinstance(v, Tensor)]
    dtype = reduce(torch.promote_types, (t.dtype for t in tensors)) if tensors else torch.float64
    if not dtype.is_floating_point:
        dtype = torch.get_default_dtype()
    device = tensors[0].device if tensors else None
    parts = [torch.as_tensor(value, dtype=dtype, device=device) for value in values.values()]
    try:
        return list(torch.broadcast_tensors(*parts))
    except RuntimeError:
        shapes = ", ".join(f"{n} {tuple(p.shape)}" for n, p in zip(values, parts, strict=True))
        raise ValueError(f"shapes must broadcast, got {shapes}") from None
