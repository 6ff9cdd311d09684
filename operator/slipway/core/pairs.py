"""Stable and candidate on the same requests: what a comparison has counted, as values, and what that says of a metric.

A gate on pairs is judged from the last comparison alone, never from Prometheus. Formulas: slipway.statistics.pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.api.v1alpha1.gates import Gate
from slipway.core.measures import Certainty, Measured, Unit
from slipway.core.plan import Unavailable
from slipway.statistics.pairs import Paired, PairedEstimate, interval, mean_distance, rate_ratio, share
from slipway.statistics.ratios import Confidence, Interval, Moments
from slipway.statistics.sequences import boundary, few_clusters

COVERAGE = "pair_coverage"
LEAST_COVERAGE = 0.99
"""Below it what is missing may be what differs: drops under load are not random (evidence.md)."""

_CHANCE = 3.29
"""Standard errors of a 99.9% interval: of a mirror of some percent nobody knows which requests it was to copy."""

_UNITS: Mapping[str, Unit] = {"positive_rate_ratio": "number", "score_distance": "number"}


@dataclass(frozen=True)
class PairedTask:
    """What a task says of its answers: the one that flags (empty: none does), whether answers are numbers, whose
    column names the entity, and which slices are told from how many pairs on."""

    positive: str = ""
    numeric: bool = False
    entity: str = ""
    slices: tuple[str, ...] = ()
    minimum_rows: int = 200


@dataclass(frozen=True)
class SliceCounts:
    """The figures of one value of a column."""

    name: str
    pairs: int
    figures: Mapping[str, Paired]


@dataclass(frozen=True)
class PairCounts:
    """What one comparison counted. `mirror` is the share of requests that was to be copied; `spread` is how far apart
    scores may lie; `share` that of the request ids which was read; `repeated` are requests whose id came twice."""

    rows: int
    pairs: int
    figures: Mapping[str, Paired]
    unit: str = "requests"
    spread: float = 1.0
    share: float = 1.0
    mirror: float = 1.0
    repeated: int = 0
    slices: tuple[SliceCounts, ...] = field(default=())

    @property
    def counted(self) -> int:
        """Pairs that there are: where only a share of a large log was read, that many more."""
        return int(self.pairs / self.share) if self.share > 0 else self.pairs


def read_counts(said: Mapping[str, Any], mirror: float) -> PairCounts:
    """From a Job's words. Raises LookupError, TypeError or ValueError for what are none."""
    slices = tuple(
        SliceCounts(f"{one['column']}={one['value']}", int(one["pairs"]), _figures(one["figures"]))
        for one in said["slices"]
    )
    share_read = float(said["share"])
    if not 0 < share_read <= 1:
        raise ValueError(f"share {share_read} is none")
    return PairCounts(
        int(said["rows"]), int(said["pairs"]), _figures(said["figures"]), str(said["unit"]), float(said["spread"]),
        share_read, mirror, int(said["repeated"]), slices,
    )  # fmt: skip


def _figures(said: Mapping[str, Any]) -> dict[str, Paired]:
    return {str(name): paired(sums) for name, sums in said.items()}


def paired(sums: Any) -> Paired:
    """One figure from its seven numbers; an effect that is not known is null or empty."""
    *parts, effect = sums
    numbers = [float(part) for part in parts]
    if len(numbers) != 6 or not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{sums!r} are no sums of a figure")
    return Paired(Moments(*numbers), float(effect) if effect not in (None, "") else math.inf)


def estimate(metric: str, figures: Mapping[str, Paired], spread: float) -> PairedEstimate | None:
    """A metric's value with its error; None where too little is known, or the task has no such figure."""
    found = figures.get(metric)
    if found is None:
        return None
    if metric == "positive_rate_ratio":
        return rate_ratio(found)
    return mean_distance(found, spread) if metric == "score_distance" else share(found)


def bounds_of(metric: str, found: PairedEstimate, multiple: float, mirror: float) -> tuple[float, Interval]:
    """Value and interval; coverage is a share of what was to be copied."""
    ends, value = interval(found, few_clusters(multiple, found.clusters)), found.value
    if metric != COVERAGE or mirror >= 1:
        return value, ends
    return min(1.0, value / mirror), Interval(min(1.0, ends.low / mirror), min(1.0, ends.high / mirror))


def uncovered(counts: PairCounts) -> str:
    """What makes pairs no evidence: too many of stable's answers have no partner. Empty where they have.

    Every request is to be copied: the share itself counts. Of some percent, what chance leaves possible.
    """
    found = counts.figures.get(COVERAGE)
    if found is None or found.moments.n <= 0:
        return "stable has answered no request in the compared time"
    value = found.moments.y / found.moments.n
    if counts.mirror < 1:
        known = share(found)
        value = bounds_of(COVERAGE, known, _CHANCE, counts.mirror)[1].high if known is not None else 1.0
    if value >= LEAST_COVERAGE:
        return ""
    twice = f"; {counts.repeated} requests have an id that came more than once" if counts.repeated else ""
    return (
        f"pair coverage is {value * 100:.3g}%, under {LEAST_COVERAGE:.0%}: what is missing may be what differs{twice}"
    )


def undefined(gate: Gate, counts: PairCounts) -> str:
    """Why a metric says nothing of this task; empty where it does."""
    if gate.metric in counts.figures:
        return ""
    return f"{gate.metric} says nothing of this task: legal are {', '.join(counts.figures)}"


def measured(gate: Gate, counts: PairCounts, certainty: Certainty) -> Measured | None:
    """The metric ready for its verdict; None where too little is known. Each comparison is a look, so that the
    intervals are those of confidence sequences, planned in pairs."""
    metric = gate.metric or ""
    found = estimate(metric, counts.figures, counts.spread)
    if found is None or gate.bound is None:
        return None
    value, passing = _sequence(metric, found, counts, certainty.passing)
    _, breaching = _sequence(metric, found, counts, certainty.breaching)
    return Measured(
        value, passing, breaching, float(gate.bound.value), counts.pairs, _UNITS.get(metric, "share"),
        note=_note(metric, counts, found), counted="pairs",
    )  # fmt: skip


def _note(metric: str, counts: PairCounts, found: PairedEstimate) -> str:
    by = {"positive_rate_ratio": "stable", "flagged_overlap": "either"}.get(metric)
    flagged = f"{found.trials:.0f} flagged by {by}" if by else ""
    effect = counts.figures[metric].effect
    clusters = "" if counts.unit == "entities" else f"requests, design effect {effect:.3g} over blocks of time"
    return ", ".join(filter(None, (flagged, clusters)))


def _sequence(metric: str, found: PairedEstimate, counts: PairCounts, confidence: Confidence) -> tuple[float, Interval]:
    return bounds_of(metric, found, boundary(counts.pairs, confidence.planned, confidence.alpha), counts.mirror)


PairedEvidence = PairCounts | Unavailable | None
"""None where a stage has no pairs at all."""
