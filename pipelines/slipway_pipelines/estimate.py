"""What is known of a metric from held-out rows: its value, and how far the truth may be from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from slipway_pipelines.metrics.base import Floats, Metric, Rows

_DRAWS = 1000
_FEWEST_DRAWS = 200
_ELEMENTS_IN_ALL = 20_000_000  # weights drawn in all: bounds the seconds
_ELEMENTS_AT_ONCE = 1_000_000  # weights held at a time: bounds the memory (8 MB, and a few times that in a metric)
_MOST_UNDEFINED = 0.05


@dataclass(frozen=True)
class Estimate:
    """A metric with its bootstrap draws.

    Attributes:
        value: on all rows, each counted once; NaN where undefined.
        draws: sorted values of resamples of whole clusters, undefined ones left out.
        defined: share of the resamples in which the metric was defined.
        units: clusters that bear on the metric (of the rarest kind that it needs).
        best: see `Metric`.
    """

    name: str
    value: float
    draws: Floats
    defined: float
    units: int
    best: float | None

    def lower(self, confidence: float) -> float:
        """One-sided lower confidence bound; NaN where the rows do not suffice to give one."""
        if not self._provable:
            return float("nan")
        bound = float(np.quantile(self.draws, 1 - confidence))
        return bound - self._unseen(confidence) if self.best == 1.0 and self._faultless else bound

    def upper(self, confidence: float) -> float:
        """One-sided upper confidence bound; NaN where the rows do not suffice to give one."""
        if not self._provable:
            return float("nan")
        bound = float(np.quantile(self.draws, confidence))
        return bound + self._unseen(confidence) if self.best == 0.0 and self._faultless else bound

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided confidence interval."""
        confidence = (1 + level) / 2
        return self.lower(confidence), self.upper(confidence)

    @property
    def _provable(self) -> bool:
        return self.units >= 2 and self.defined >= 1 - _MOST_UNDEFINED and bool(np.isfinite(self.value))

    @property
    def _faultless(self) -> bool:
        return bool(self.draws[0] == self.draws[-1] == self.best)

    def _unseen(self, confidence: float) -> float:
        """The error rate that would show no error in `units` independent clusters with probability 1 - confidence.

        Resampling faultless rows never draws a fault, so the bootstrap would claim perfection of any two of them. This
        is the exact (Clopper-Pearson) bound: (1 - rate) ** units = 1 - confidence.
        """
        return 1 - float((1 - confidence) ** (1 / self.units))


def estimate(rows: Rows, metrics: Mapping[str, Metric], clusters: np.ndarray, seed: int) -> dict[str, Estimate]:
    """Values and bootstrap draws of all metrics on the same resamples.

    Args:
        clusters: a code per row, 0 to count - 1, in the order of `rows`. Rows of a cluster are resampled together,
            since rows of one entity repeat each other; without entities every row is its own cluster.
    """
    once, drawn = np.ones((1, len(rows))), _draws(rows, metrics, clusters, seed)
    return {
        name: _summary(
            name, float(metric.compute(rows, once)[0]), drawn[name], _units(rows, metric, clusters), metric.best
        )
        for name, metric in metrics.items()
    }


@dataclass(frozen=True)
class Judged:
    """Rows with one model's answers, and the clusters of these rows in their order."""

    rows: Rows
    clusters: np.ndarray


def differences(one: Judged, other: Judged, metrics: Mapping[str, Metric], seed: int) -> dict[str, Estimate]:
    """One model's metric minus another's on the same events: both are measured on the same resamples.

    The rows of both may be in another order, since each is sorted by its own scores.
    """
    once = np.ones((1, len(one.rows)))
    mine, theirs = (_draws(each.rows, metrics, each.clusters, seed) for each in (one, other))
    found = {}
    for name, metric in metrics.items():
        value = float(metric.compute(one.rows, once)[0]) - float(metric.compute(other.rows, once)[0])
        units = min(_units(each.rows, metric, each.clusters) for each in (one, other))
        found[name] = _summary(name, value, mine[name] - theirs[name], units, None)
    return found


def _draws(rows: Rows, metrics: Mapping[str, Metric], clusters: np.ndarray, seed: int) -> dict[str, Floats]:
    found: dict[str, list[Floats]] = {name: [] for name in metrics}
    for weights in _resamples(clusters, seed):
        for name, metric in metrics.items():
            found[name].append(metric.compute(rows, weights))
    return {name: np.concatenate(blocks) for name, blocks in found.items()}


def points(rows: Rows, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Values alone, for rows that judge nothing, such as validation."""
    once = np.ones((1, len(rows)))
    return {name: float(metric.compute(rows, once)[0]) for name, metric in metrics.items()}


def _resamples(clusters: np.ndarray, seed: int) -> Iterator[Floats]:
    """Weights of the rows in blocks of resamples: how often each row's cluster was drawn."""
    count = int(clusters.max()) + 1
    left = int(np.clip(_ELEMENTS_IN_ALL // len(clusters), _FEWEST_DRAWS, _DRAWS))
    block = max(1, _ELEMENTS_AT_ONCE // len(clusters))
    generator = np.random.default_rng(seed)
    while left > 0:
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=min(block, left))
        yield drawn[:, clusters].astype(np.float64)
        left -= block


def _units(rows: Rows, metric: Metric, clusters: np.ndarray) -> int:
    return min(len(np.unique(clusters[mask])) for mask in metric.support(rows))


def _summary(name: str, value: float, draws: Floats, units: int, best: float | None) -> Estimate:
    kept = np.sort(draws[np.isfinite(draws)])
    return Estimate(name, value, kept, len(kept) / len(draws), units, best)
