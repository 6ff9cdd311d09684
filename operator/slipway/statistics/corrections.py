"""Several claims at once: arms against one stable, and primaries of which any may carry the decision.

Where *all* must hold (gates, all primaries), no correction is due: a wrong promotion needs every one of them to err
(intersection-union; Berger 1982). Corrections are for "at least one".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from slipway.statistics.crossing import bisect

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)


def bonferroni(alpha: float, claims: int) -> float:
    """Error for each of several claims, whatever they have to do with each other; also for confidence sequences."""
    if claims < 1 or not 0 < alpha < 1:
        raise ValueError(f"claims must be 1 or more and alpha within (0, 1), got {claims} and {alpha}")
    return alpha / claims


def sidak(alpha: float, claims: int) -> float:
    """Error for each of several two-sided claims about normal scores, a little more than Bonferroni's.

    Valid for whichever correlation of arms with one stable, at all looks together: symmetric intervals of Gaussian
    paths are never less likely to hold together than apart (Royen 2014, the Gaussian correlation inequality).
    """
    bonferroni(alpha, claims)
    return -math.expm1(math.log1p(-alpha) / claims)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979), in the order given: a claim holds at alpha where its own is at most alpha.

    Always-valid p-values stay always valid.
    """
    p = np.asarray(p_values, float)
    if p.size == 0 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values must lie within [0, 1], got {list(p_values)}")
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def dunnett(alpha: float, arms: Sequence[float], stable: float, two_sided: bool = True) -> float:
    """Critical z of several arms against one stable at one look (Dunnett 1955, for known variances).

    Args:
        arms, stable: sizes, or shares; the arms' z values are correlated by √(l_i l_j) with l = arm / (arm + stable).

    Given stable's own error the arms are independent, so that the probability is an integral in one dimension.
    For looks without end use `sidak`.
    """
    sizes = np.asarray(arms, float)
    if sizes.size < 1 or not (sizes > 0).all() or not stable > 0 or not 0 < alpha < 1:
        raise ValueError(f"arms and stable must be positive, alpha within (0, 1): {list(arms)}, {stable}, {alpha}")
    load = np.sqrt(sizes / (sizes + stable))
    own = np.sqrt(1 - load**2)

    def misses(critical: float) -> float:
        shifted = load[:, None] * _NODES
        inside = ndtr((critical - shifted) / own[:, None])
        if two_sided:
            inside = inside - ndtr((-critical - shifted) / own[:, None])
        return 1 - float(inside.prod(axis=0) @ _WEIGHTS) / math.sqrt(2 * math.pi)

    highest = -float(ndtri(alpha / (2 * sizes.size)))
    return bisect(misses, alpha, -1.0, highest)
