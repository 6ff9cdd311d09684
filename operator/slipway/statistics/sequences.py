"""Asymptotic confidence sequences: intervals that stay valid however often one looks.

Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences" (2021), theorem 2.2 and appendix B.2 for the tuning of rho.
"""

from __future__ import annotations

import math

from scipy.special import ndtr, stdtrit


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


def few_clusters(multiple: float, clusters: int) -> float:
    """Widens a multiple of the normal standard error to the same tail of Student's t with `clusters` - 1 degrees.

    The standard error is itself estimated from the clusters: with 30 of them the normal tail is too thin by a tenth.
    """
    if clusters < 2 or math.isinf(multiple):
        return math.inf
    return -float(stdtrit(clusters - 1, ndtr(-multiple)))
