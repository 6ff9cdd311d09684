"""Do the arms receive the entities that they were assigned? A test that may be asked at every look.

Source: Lindon, Malek, "Anytime-valid inference for multinomial count data" (2020, NeurIPS 2022), the multinomial test
with a Dirichlet mixture. Counts are first exposures of distinct entities; requests of one entity are not independent
and raise false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from slipway.statistics.sketch import Distinct

CONCENTRATION = 100.0
"""Pseudo-exposures of the prior around the assigned shares: shares may be off by a twentieth, or by much less."""

ALARM = 0.001
"""p-value below which the evidence is invalid. A mismatch stops a whole A/B, and real ones are gross."""


def _arms(counts: Sequence[float], shares: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    observed, weights = np.asarray(counts, float), np.asarray(shares, float)
    if observed.shape != weights.shape or observed.ndim != 1 or observed.size < 2:
        raise ValueError(f"counts and shares must be of one length, at least two, got {counts} and {shares}")
    if not (weights > 0).all() or not (observed >= 0).all() or not np.isfinite(observed + weights).all():
        raise ValueError(f"shares must be positive and counts zero or more, got {shares} and {counts}")
    return observed, weights / weights.sum()


def log_bayes_factor(counts: Sequence[float], shares: Sequence[float], concentration: float = CONCENTRATION) -> float:
    """Logarithm of the likelihood of the counts, any shares (Dirichlet around the assigned ones) against the assigned.

    Its exponential is a martingale with mean one while the assignment holds, in whichever order the entities come.
    Shares need not sum to one. Raises ValueError on fewer than two arms, unequal lengths, a share that is not positive.
    """
    observed, weights = _arms(counts, shares)
    prior = concentration * weights
    mixed = gammaln(prior + observed).sum() - gammaln(prior).sum()
    total = gammaln(concentration + observed.sum()) - gammaln(concentration)
    return float(mixed - total - (observed * np.log(weights)).sum())


def sequential_p_value(
    counts: Sequence[float], shares: Sequence[float], previous: float = 1.0, concentration: float = CONCENTRATION
) -> float:
    """Always-valid p-value: at any look, below x with probability x at most while the assignment holds.

    `previous` is the p-value of the last look: the smallest so far stays valid, and does not forget an alarm.
    """
    return min(1.0, previous, float(np.exp(-log_bayes_factor(counts, shares, concentration))))


def discounted(arms: Sequence[Distinct], shares: Sequence[float]) -> list[float]:
    """Counts that are worth as much as the sketches' estimates: all reduced by one factor, their proportions kept.

    A sketch of a million entities is as sure as an exact count of some thousand. The factor compares, for the arm
    where it is smallest, the binomial variance of its share with the variance that the sketches' errors add to it.
    """
    counts, weights = _arms([arm.count for arm in arms], shares)
    errors = np.array([arm.relative_error for arm in arms]) * weights
    total = counts.sum()
    if not total > 0:
        return [0.0 for _ in arms]
    binomial = weights * (1 - weights) / total
    others = (errors**2).sum() - errors**2
    of_sketches = ((1 - weights) * errors) ** 2 + weights**2 * others
    factor = float((binomial / (binomial + of_sketches)).min())
    return [float(count) * factor for count in counts]
