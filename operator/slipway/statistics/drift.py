"""How far counts in fixed buckets have moved from a reference, and how many rows it takes to say so."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
SIGNIFICANCE = 0.001
"""Share of quiet windows whose index passes the bound by chance alone, at the minimum of rows."""

_NULL_DRAWS = 2000
_NULL_QUANTILE = 0.99


def psi(observed: ArrayLike, expected: ArrayLike) -> float:
    """Population stability index of two histograms over the same buckets: sum of (p - q) ln(p / q).

    Args:
        observed: counts.
        expected: counts or shares; only their proportions count.

    An empty bucket counts as half a row (the observed number of rows is the scale of both sides), so the index stays
    finite and full buckets keep the textbook value. NaN where either side has no rows.
    """
    seen, reference = np.asarray(observed, dtype=float), np.asarray(expected, dtype=float)
    return float(psi_of_each(np.atleast_2d(seen), reference)[0])


def psi_of_each(observed: Floats, expected: Floats) -> Floats:
    """`psi` of many histograms (rows of counts) against one reference."""
    rows = observed.sum(axis=1, keepdims=True)
    if not expected.sum() > 0 or not (rows > 0).all():
        return np.full(len(observed), np.nan)
    half_a_row = 0.5 / rows
    p = np.where(observed > 0, observed / rows, half_a_row)
    q = np.where(expected > 0, expected / expected.sum(), half_a_row)
    index: Floats = ((p - q) * np.log(p / q)).sum(axis=1)
    return index


def hellinger(observed: ArrayLike, expected: ArrayLike) -> float:
    """Hellinger distance of two histograms, 0 to 1; NaN where either side has no rows."""
    p, q = _shares(np.asarray(observed, dtype=float)), _shares(np.asarray(expected, dtype=float))
    if not p.size or not np.isfinite(p + q).all():
        return float("nan")
    return float(np.sqrt(max(0.0, 1 - np.sqrt(p * q).sum())))


def chi_square(observed: ArrayLike, expected: ArrayLike) -> float:
    """P-value of Pearson's goodness-of-fit test of counts against a reference that is taken as exact.

    Buckets that the reference leaves empty are left out; NaN where fewer than two remain or there are no rows.
    """
    seen, shares = np.asarray(observed, dtype=float), _shares(np.asarray(expected, dtype=float))
    kept = shares > 0
    fitted = shares[kept] * seen[kept].sum()
    if kept.sum() < 2 or not np.isfinite(shares).all() or not fitted.all():
        return float("nan")
    return float(special.chdtrc(kept.sum() - 1, ((seen[kept] - fitted) ** 2 / fitted).sum()))


def ks_interval(observed: ArrayLike, expected: ArrayLike) -> tuple[float, float]:
    """Between which bounds the two-sided Kolmogorov-Smirnov distance of two samples lies, from counts in equal buckets.

    At the edges both distribution functions are known: the largest difference there is the lower bound. Within a bucket
    each can be anything between its ends, so the largest difference of one's end and the other's beginning is the upper
    one. For buckets without an order (categories) the lower bound never exceeds the total variation distance. NaN where
    either side has no rows.
    """
    p, q = _shares(np.asarray(observed, dtype=float)), _shares(np.asarray(expected, dtype=float))
    if not p.size or not np.isfinite(p + q).all():
        return float("nan"), float("nan")
    ends, others = np.cumsum(p), np.cumsum(q)
    begins, other_begins = ends - p, others - q
    low = float(np.abs(ends - others).max())
    return low, min(1.0, float(max((ends - other_begins).max(), (others - begins).max(), low)))


def ks_chance(rows: int, significance: float = SIGNIFICANCE) -> float:
    """The distance from an exact reference that `rows` independent rows exceed by chance with at most this probability:
    the inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant, 2 exp(-2 n d^2)."""
    return float(np.sqrt(np.log(2 / significance) / (2 * max(rows, 1))))


def ks_rows(distance: float, significance: float = SIGNIFICANCE) -> int:
    """The rows below which this distance may be chance, by the same inequality: 381 for 0.1."""
    return int(np.ceil(np.log(2 / significance) / (2 * distance**2)))


def share_low(part: float, rows: float, significance: float = SIGNIFICANCE) -> float:
    """Lower bound of a share by Hoeffding's inequality: part/rows - sqrt(ln(1/a) / 2n); 0 without rows."""
    return max(0.0, part / rows - float(np.sqrt(np.log(1 / significance) / (2 * rows)))) if rows > 0 else 0.0


def minimum_rows(bound: float, buckets: int) -> int:
    """The rows below which an index of `bound` may be chance.

    Without drift, rows times PSI is distributed as chi-square with buckets - 1 degrees of freedom, asymptotically and
    for an exact reference (PSI is twice the symmetrised Kullback-Leibler divergence to second order). Solving for the
    rows at the 99.9th percentile gives 219 for 0.2 and 438 for 0.1 with 20 buckets.
    """
    if bound <= 0:
        raise ValueError(f"the bound of an index must be more than 0, is {bound}")
    return max(1, round(float(special.chdtri(max(buckets, 2) - 1, SIGNIFICANCE)) / bound))


def null_psi(expected: ArrayLike, rows: int, seed: int = 0) -> float:
    """99th percentile of the index of windows of `rows` rows drawn from the reference itself.

    A bootstrap of the reference only: it knows nothing of weeks, hours and correlated rows, so what rests on it alone
    is provisional. It guards sparse buckets, where the chi-square approximation is too hopeful. Repeatable: seeded.
    """
    shares = _shares(np.asarray(expected, dtype=float))
    drawn = np.random.default_rng(seed).multinomial(rows, shares, size=_NULL_DRAWS).astype(float)
    return float(np.quantile(psi_of_each(drawn, shares), _NULL_QUANTILE))


def _shares(histogram: Floats) -> Floats:
    total = histogram.sum()
    return histogram / total if total > 0 else np.full(histogram.shape, np.nan)
