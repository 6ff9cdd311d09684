"""Asymptotic confidence sequences: intervals that stay valid however often one looks.

Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences" (2021): theorem 2.2 for the two-sided boundary, proposition 2.5 for an intrinsic time that is the estimated
variance itself, appendix B for the one-sided boundary and for the tuning of rho.

Only observed / planned counts, so both may be counts or both Fisher information (1 / variance of the estimate).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

THINNEST_TAIL = 1e-300
"""Below it a probability is a subnormal float or zero, and its quantile is noise or minus infinity."""


def tuned_rho(planned: float, alpha: float) -> float:
    """The rho that makes the sequence tightest at `planned` observations, at error probability `alpha`.

    Raises ValueError unless planned > 0 and 0 < alpha < 1.
    """
    if planned <= 0 or not 0 < alpha < 1:
        raise ValueError(f"planned must be positive and alpha within (0, 1), got {planned} and {alpha}")
    twice = -2 * math.log(alpha)
    return math.sqrt((twice + math.log1p(twice)) / planned)


def boundary(observed: float, planned: float, alpha: float) -> float:
    """Radius of the two-sided sequence in standard errors; infinite before the first observation."""
    rho2 = tuned_rho(planned, alpha) ** 2
    if not observed > 0:
        return math.inf
    grown = observed * rho2 + 1
    return math.sqrt(2 * grown / (observed * rho2) * math.log(math.sqrt(grown) / alpha))


def one_sided_boundary(observed: float, planned: float, alpha: float) -> float:
    """Radius in standard errors of the sequence that is bounded on one side only, with error `alpha` < 0.5 there.

    Tuned like the two-sided one of twice the error, which it nearly equals.
    """
    rho2 = tuned_rho(planned, 2 * alpha) ** 2
    if not observed > 0:
        return math.inf
    grown = observed * rho2 + 1
    return math.sqrt(2 * grown / (observed * rho2) * math.log1p(math.sqrt(grown) / (2 * alpha)))


def always_valid_p_value(z: float, observed: float, planned: float, alpha: float) -> float:
    """The smallest error probability at which the sequence tuned for `alpha` excludes the hypothesis; at most 1.

    One over the mixture likelihood ratio of a score whose estimate is `z` standard errors away: below `alpha` exactly
    where |z| exceeds `boundary`. Valid at every look, so it may be corrected like any other p-value.
    """
    rho2 = tuned_rho(planned, alpha) ** 2
    if not observed > 0:
        return 1.0
    grown = observed * rho2 + 1
    return min(1.0, math.sqrt(grown) * math.exp(-z * z * observed * rho2 / (2 * grown)))


def few_degrees(multiple: ArrayLike, freedom: ArrayLike) -> NDArray[np.float64]:
    """Widens multiples of a standard error from the normal tail to the same tail of Student's t.

    Infinite below one degree, and where the tail is thinner than a float or scipy's quantile can say (minus infinity
    for few degrees): far before its planned size, a sequence knows nothing yet.
    """
    normal, degrees = np.asarray(multiple, float), np.asarray(freedom, float)
    tail = ndtr(-normal)
    usable = (tail >= THINNEST_TAIL) & (degrees >= 1)
    widened = -stdtrit(np.where(usable, degrees, 1.0), np.where(usable, tail, 0.5))
    return np.where(usable & (widened >= normal * (1 - 1e-9)), widened, np.inf)


def few_clusters(multiple: float, clusters: float) -> float:
    """`few_degrees` for one multiple of a standard error that is itself estimated from clusters.

    With 30 of them the normal tail is too thin by a tenth.
    """
    return float(few_degrees(multiple, clusters - 1))
