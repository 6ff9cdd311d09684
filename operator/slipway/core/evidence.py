"""What was measured of the two arms of a comparison, as values.

The questions to Prometheus (`evidence_queries`) serve a whole shard of the rollouts that are being judged and whose
epochs fall into the same window class: what nobody judges, and what ended an hour ago, costs Prometheus nothing.
`collect` picks one rollout's part of the answers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from slipway.core.plan import Unavailable
from slipway.core.readings import Reading
from slipway.statistics.ratios import Moments
from slipway.statistics.sketch import Distinct, distinct

STALE_AFTER = 60.0
"""Seconds after which the newest scrape of an arm counts as stale."""


class Sample(Protocol):
    """One element of an instant vector, as the adapter delivers it."""

    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def value(self) -> float: ...


Vector = Sequence[Sample]


@dataclass(frozen=True)
class Histogram:
    """Cumulative counts of requests up to each edge in seconds; the last edge is infinite."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def total(self) -> float:
        return self.counts[-1] if self.counts else 0.0


@dataclass(frozen=True)
class Arm:
    """One side of the comparison in one epoch. What was not measured is None or empty, never zero by default."""

    requests: float | None = None
    errors: float = 0.0
    error_moments: Moments | None = None
    class_moments: Mapping[str, Moments] = field(default_factory=dict)
    class_counts: Mapping[str, float] = field(default_factory=dict)
    latency: Histogram | None = None
    missing: Mapping[str, float] = field(default_factory=dict)
    present: Mapping[str, float] = field(default_factory=dict)
    """Values by feature that came, and that did not, with requests of all epochs in the time that is judged."""
    exposures: Distinct | None = None
    ratios: Mapping[str, Moments] = field(default_factory=dict)
    """Metrics that only some rollouts ask for, by the key of their `RatioMetric`."""
    points: Mapping[str, Reading] = field(default_factory=dict)
    """What templates read by key: bare numbers of the moment, and counts of a webhook or a Job."""
    scraped: float | None = None
    """Age in seconds of the newest scrape."""

    def class_sums(self, label: str) -> Moments | None:
        """The sums of one class; one that was never answered has the share zero of all answers, if there were any."""
        if label in self.class_moments:
            return self.class_moments[label]
        other = next(iter(self.class_moments.values()), None)
        return Moments(other.clusters, 0.0, other.n, 0.0, other.nn, 0.0) if other else None


@dataclass(frozen=True)
class Evidence:
    """Both arms of one epoch; `age` is that of the epoch in seconds, `assigned` whether entities were assigned.

    `missing` says of a metric among an arm's ratios and points why nobody could answer; `windows` is what the latest
    window alone brought, by its length in seconds.
    """

    candidate: Arm
    stable: Arm
    age: float
    assigned: bool
    missing: Mapping[str, str] = field(default_factory=dict)
    windows: Mapping[float, Evidence | Unavailable] = field(default_factory=dict)

    def of_stable(self) -> Evidence:
        """What it says of stable alone, as the arm that is judged."""
        windows = {k: w.of_stable() if isinstance(w, Evidence) else w for k, w in self.windows.items()}
        missing = {key: why for key, why in self.missing.items() if key not in self.stable.points}
        return replace(self, candidate=self.stable, stable=Arm(), missing=missing, windows=windows)


@dataclass(frozen=True)
class Subject:
    """Whose evidence is looked for: one revision, in one kind of traffic, of one epoch of one rollout."""

    rollout: str
    revision: str
    traffic: str
    epoch: int


def collect(answers: Mapping[str, Vector | Unavailable], subject: Subject, assigned: bool) -> Arm | Unavailable:
    """One arm from the answers to `queries`, or to some of them; the first that is unavailable makes the arm so, and so
    does a count below zero: somebody forgot what was counted before the window."""
    vectors: dict[str, list[Sample]] = defaultdict(list)
    for name, answer in answers.items():
        if isinstance(answer, Unavailable):
            return answer
        vectors[name] = _of(answer, subject)
        if name != "scraped" and any(sample.value < 0 for sample in vectors[name]):
            return Unavailable("CountsWentBack", "counts of this window are below those before it: a counter was reset")
    flagged = {name: [s for s in vectors[name] if not assigned or s.labels.get("assigned") == "true"]
               for name in ("requests", "predictions", "latency")}  # fmt: skip
    codes = _summed(flagged["requests"], "code")
    return Arm(
        requests=sum(codes.values()) if codes else None,
        errors=codes.get("5xx", 0.0),
        error_moments=_error_moments(vectors) if assigned else None,
        class_moments=_class_moments(vectors) if assigned else {},
        class_counts=_summed(flagged["predictions"], "class"),
        latency=histogram(flagged["latency"]),
        missing=_summed(vectors["missing"], "feature"),
        present=_summed(vectors["present"], "feature"),
        exposures=_exposures(vectors["registers"], vectors["powers"]),
        scraped=_scraped(vectors["scraped"]),
    )


def _of(vector: Vector, subject: Subject) -> list[Sample]:
    """The finite samples of one subject; freshness has neither traffic nor epoch."""
    wanted = {"rollout": subject.rollout, "revision": subject.revision}
    wanted |= {"traffic": subject.traffic, "epoch": str(subject.epoch)}
    return [
        s for s in vector if math.isfinite(s.value) and all(s.labels.get(k, v) == v for k, v in wanted.items())
        and s.labels.get("rollout") == subject.rollout and s.labels.get("revision") == subject.revision
    ]  # fmt: skip


def _one(vector: Iterable[Sample]) -> float | None:
    """The only value of a vector; none or many say nothing."""
    values = [s.value for s in vector]
    return values[0] if len(values) == 1 else None


def _summed(vector: Iterable[Sample], label: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for sample in vector:
        key = sample.labels.get(label, "")
        total[key] = total.get(key, 0.0) + sample.value
    return total


def moments_from(parts: Mapping[str, float | None]) -> Moments | None:
    """Moments from their parts by name; None where there are no clusters, and a missing event is none."""
    clusters, n, nn = parts["clusters"], parts["n"], parts["nn"]
    if clusters is None or n is None or nn is None:
        return None
    y, yy, yn = (parts[name] or 0.0 for name in ("y", "yy", "yn"))
    return Moments(clusters, y, n, yy, nn, yn)


_PARTS = ("clusters", "y", "n", "yy", "nn", "yn")


def _error_moments(vectors: Mapping[str, list[Sample]]) -> Moments | None:
    return moments_from({part: _one(vectors[f"error_{part}"]) for part in _PARTS})


def _class_moments(vectors: Mapping[str, list[Sample]]) -> dict[str, Moments]:
    """Moments for each class that was answered; a class that never was has no entry."""
    found: dict[str, Moments] = {}
    shared = {part: _one(vectors[f"class_{part}"]) for part in ("clusters", "n", "nn")}
    for label in {s.labels.get("class", "") for s in vectors["class_y"]}:
        own = {
            part: _one(s for s in vectors[f"class_{part}"] if s.labels.get("class") == label)
            for part in ("y", "yy", "yn")
        }
        moments = moments_from({**shared, **own})
        if moments is not None:
            found[label] = moments
    return found


def histogram(vector: Iterable[Sample]) -> Histogram | None:
    """Counts by the label `le`; None without an infinite edge, which every histogram has."""
    try:
        by_edge = {float(edge): count for edge, count in _summed(vector, "le").items()}
    except ValueError:
        return None
    if math.inf not in by_edge:
        return None
    edges = tuple(sorted(by_edge))
    return Histogram(edges, tuple(by_edge[edge] for edge in edges))


def _exposures(registers: list[Sample], powers: list[Sample]) -> Distinct | None:
    occupied, inverse = _one(registers), _one(powers)
    if occupied is None or inverse is None:
        return None
    try:
        return distinct(occupied, inverse)
    except ValueError:
        return None


def _scraped(vector: list[Sample]) -> float | None:
    """Seconds since the newest scrape, or None when it is stale or unknown."""
    age = _one(vector)
    return max(0.0, age) if age is not None and age <= STALE_AFTER else None
