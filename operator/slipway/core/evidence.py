"""What was measured of the two arms of a comparison, as values; and the texts of the questions to Prometheus.

The same few texts serve a whole shard of the rollouts that are being judged and whose epochs fall into the same window
class (rule 10): what nobody judges, and what ended an hour ago, costs Prometheus nothing. `collect` picks one rollout's
part of the answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from slipway.core.plan import Unavailable
from slipway.statistics.ratios import Moments
from slipway.statistics.sketch import Distinct, distinct

STALE_AFTER = 60.0
"""Seconds after which the newest scrape of an arm counts as stale."""

_WINDOWS = ((300, "5m"), (900, "15m"), (3600, "1h"), (21600, "6h"), (86400, "1d"), (604800, "7d"))
_BY = "rollout,revision,traffic,epoch"

SHARD = 50
"""Most rollouts that one text names: 50 names are 3 KiB, well within what any server or proxy takes as an address."""


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
    exposures: Distinct | None = None
    ratios: Mapping[str, Moments] = field(default_factory=dict)
    """Metrics that only some rollouts ask for, by the key of their `RatioMetric`."""
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

    `missing` says of a metric among an arm's ratios why nobody could answer.
    """

    candidate: Arm
    stable: Arm
    age: float
    assigned: bool
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """Whose evidence is looked for: one revision, in one kind of traffic, of one epoch of one rollout."""

    rollout: str
    revision: str
    traffic: str
    epoch: int


def window(age: float) -> str:
    """The window class that covers an epoch of `age` seconds: few classes, so that queries are shared."""
    return next((text for limit, text in _WINDOWS if age <= limit), "30d")


def shard(judged: Sequence[str], rollout: str) -> Sequence[str]:
    """The rollouts that are asked for together with `rollout`, of all that are `judged`, which it is among."""
    ordered = sorted(judged)
    first = ordered.index(rollout) // SHARD * SHARD
    return ordered[first : first + SHARD]


def selector(rollouts: Sequence[str]) -> str:
    """Label matcher of these rollouts; of all that their names may hold only the full stop means more than itself."""
    return 'rollout=~"{}"'.format("|".join(name.replace(".", "[.]") for name in rollouts))


def _sum(selected: str, labels: str, within: str) -> str:
    return f"sum by ({_BY}{labels})(max_over_time({selected}[{within}]))"


def moments_of(y: str, n: str, label: str = "", by: str = _BY) -> dict[str, str]:
    """Sums over clusters. `y` has one series per cluster (and `label`) of each `by`, `n` one per cluster."""
    product = f"{y} * on ({by},cluster) group_left () {n}"
    return {
        "clusters": f"count by ({by})({n})",
        "y": f"sum by ({by}{label})({y})",
        "n": f"sum by ({by})({n})",
        "yy": f"sum by ({by}{label})(({y}) ^ 2)",
        "nn": f"sum by ({by})(({n}) ^ 2)",
        "yn": f"sum by ({by}{label})({product})",
    }


def queries(within: str, rollouts: Sequence[str]) -> Mapping[str, str]:
    """All PromQL texts for one window class and shard, by the name under which `collect` expects their answers."""
    of = selector(rollouts)
    texts = {
        "requests": _sum(f"slipway_evidence_requests{{{of}}}", ",assigned,code", within),
        "predictions": _sum(f"slipway_evidence_predictions{{{of}}}", ",assigned,class", within),
        "latency": _sum(f"slipway_evidence_duration_bucket{{{of}}}", ",assigned,le", within),
        "scraped": f"time() - max by (rollout,revision)(timestamp(slipway_serving_info{{{of}}}))",
    }
    requests, answers = "slipway_evidence_cluster_requests", f"slipway_evidence_cluster_predictions{{{of}}}"
    errors = moments_of(
        _sum(f'{requests}{{{of},outcome="error"}}', ",cluster", within),
        _sum(f"{requests}{{{of}}}", ",cluster", within),
    )
    classes = moments_of(_sum(answers, ",cluster,class", within), _sum(answers, ",cluster", within), label=",class")
    texts |= {f"error_{name}": text for name, text in errors.items()}
    texts |= {f"class_{name}": text for name, text in classes.items()}
    registers = f"max by ({_BY},register)(max_over_time(slipway_exposure_register{{{of}}}[{within}]))"
    texts["registers"] = f"count by ({_BY})({registers})"
    texts["powers"] = f"sum by ({_BY})(2 ^ (-1 * {registers}))"
    return texts


def collect(answers: Mapping[str, Vector | Unavailable], subject: Subject, assigned: bool) -> Arm | Unavailable:
    """One arm from the answers to `queries`; the first answer that is unavailable makes the arm so."""
    for answer in answers.values():
        if isinstance(answer, Unavailable):
            return answer
    vectors = {name: _of(answer, subject) for name, answer in answers.items() if not isinstance(answer, Unavailable)}
    flagged = {name: [s for s in vectors[name] if not assigned or s.labels.get("assigned") == "true"]
               for name in ("requests", "predictions", "latency")}  # fmt: skip
    codes = _summed(flagged["requests"], "code")
    return Arm(
        requests=sum(codes.values()) if codes else None,
        errors=codes.get("5xx", 0.0),
        error_moments=_error_moments(vectors) if assigned else None,
        class_moments=_class_moments(vectors) if assigned else {},
        class_counts=_summed(flagged["predictions"], "class"),
        latency=_histogram(flagged["latency"]),
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


def _histogram(vector: Iterable[Sample]) -> Histogram | None:
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
