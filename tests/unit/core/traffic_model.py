"""Traffic of the simulated cluster: what a gateway does with a route, and what pods would export of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.evidence_queries import queries
from slipway.core.holdout_evidence import contrast_texts
from slipway.core.live_classes import texts as live_classes_of
from slipway.core.prediction_log import DROPPED, FAILING
from slipway.core.ratio_metrics import of_template, ratio_texts
from slipway.runtime.world import Sample
from slipway.statistics.sketch import REGISTERS, _expected_harmonic

APPROVALS = {
    "numerator": "sum by (revision, cluster) (increase(approved_total{{selector}}[{{window}}]))",
    "denominator": "sum by (revision, cluster) (increase(decided_total{{selector}}[{{window}}]))",
    "unit": "share",
}
EDGES = tuple(float(f"{0.001 * 10 ** (4 * i / 35):.3g}") for i in range(36))


@dataclass(frozen=True)
class Behaviour:
    """How a model version answers: shares of errors and positives, median latency in seconds, or not at all.

    `proves`: its process lives in the proof, which gets nothing from Secrets; `timings` are what each attempt of a
    benchmark finds as p99, in seconds: value, low, high; `unanswered` of its 1,000 requests fail.
    """

    errors: float = 0.001
    positive: float = 0.4
    latency: float = 0.01
    starts: bool = True
    proves: bool = True
    timings: tuple[tuple[float, float, float], ...] = ((0.005, 0.004, 0.006),)
    unanswered: int = 0


@dataclass
class Counts:
    """Requests and distinct entities that one revision saw in one kind of traffic and one epoch."""

    requests: float = 0.0
    entities: float = 0.0
    share: float = 0.0


@dataclass
class Prometheus:
    """Answers exactly the texts of `queries`, for every window class, from the counts."""

    counts: dict[tuple[str, str, str], Counts] = field(default_factory=dict)
    behaviour: dict[str, Behaviour] = field(default_factory=dict)
    rollout: str = "ns/fraud"
    asked: int = 0
    scraping: bool = True
    before: float = 0.01
    """Stable's median latency in the hour before a mirror."""
    approvals: dict[str, float] = field(default_factory=dict)
    """What an application counts of each version's answers: the only template that is known here."""
    version_of: dict[str, str] = field(default_factory=dict)
    templated: list[str] = field(default_factory=list)
    recent: float = 0.0
    """Seconds of the windows that gates ask for; what was counted before them is kept in `past`, second by second."""
    past: list[dict[tuple[str, str, str], Counts]] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    """A bare number of each version, under the name `depth`."""
    answered: list[dict[tuple[str, str], tuple[float, float]]] = field(default_factory=list)
    """By revision and traffic, second by second: all that were answered 0 and 1 up to then."""
    held_out: dict[str, float] = field(default_factory=dict)
    """Held-out predictions by class, which every image tells."""
    counted: dict[tuple[str, str, str], float] = field(default_factory=dict)
    able: set[str] = field(default_factory=set)
    """Versions whose pods have rules for entities that are held out."""
    contrast: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Shares of positive answers of each version, to who is held out and to others, of 3,000 answers each."""

    def answer(self, promql: str) -> list[Sample]:
        self.asked += 1
        if promql in (FAILING, DROPPED):
            return []  # these pods log nothing
        if "slipway_holdout_" in promql:
            return self._hold_out(promql)
        if "slipway_request_duration_seconds_bucket" in promql:
            made = _series("latency", Counts(requests=7200.0), Behaviour(latency=self.before))
            return [self._sample({"le": labels["le"]}, value) for labels, value in made]
        if "approved_total" in promql or "decided_total" in promql:
            return self._approvals(promql)
        if promql.startswith("max by (revision)(depth"):
            found = self.version_of.items()
            return [self._sample({"revision": r}, self.numbers[v]) for r, v in found if v in self.numbers]
        if promql in _questions(self.rollout):
            return self._live_classes(_questions(self.rollout)[promql])
        if self.recent and promql in _names(self.rollout, f"{self.recent * 1000:.0f}ms"):
            return self._series(_names(self.rollout, f"{self.recent * 1000:.0f}ms")[promql], self._lately())
        return self._series(_names(self.rollout)[promql], self.counts)

    def tick(self) -> None:
        """Keeps what was counted up to this second."""
        latest = dict(self.answered[-1]) if self.answered else {}
        for (revision, traffic, epoch), counts in self.counts.items():
            new = counts.requests - self.counted.get((revision, traffic, epoch), 0.0)
            self.counted[revision, traffic, epoch] = counts.requests
            zeros, ones = latest.get((revision, traffic), (0.0, 0.0))
            share = self.behaviour[revision].positive
            latest[revision, traffic] = zeros + new * (1 - share), ones + new * share
        self.answered.append(latest)
        if self.recent:
            self.past.append({key: replace(counts) for key, counts in self.counts.items()})

    def _live_classes(self, name: str) -> list[Sample]:
        """What the fast alarm asks for: growth in so many seconds, or what was held out."""
        kind, _, back = name.partition(" ")
        if kind == "reference":
            told = self.held_out.items()
            return [self._sample({"revision": r, "class": c}, n) for r in self.behaviour for c, n in told]
        now = self.answered[-1] if self.answered else {}
        then = self.answered[-int(back) - 1] if len(self.answered) > int(back) else {}
        found: list[Sample] = []
        for (revision, traffic), answers in now.items():
            labels = {"revision": revision, "traffic": traffic, "assigned": "true"}
            grown = [a - b for a, b in zip(answers, then.get((revision, traffic), (0.0, 0.0)), strict=True)]
            if kind == "requests":
                found.append(self._sample({**labels, "code": "2xx"}, sum(grown)))
            else:
                found += [self._sample({**labels, "class": str(c)}, n) for c, n in enumerate(grown)]
        return found

    def _lately(self) -> dict[tuple[str, str, str], Counts]:
        then = self.past[-int(self.recent) - 1] if len(self.past) > self.recent else {}
        return {
            key: replace(counts, requests=counts.requests - then.get(key, Counts()).requests)
            for key, counts in self.counts.items()
        }

    def _series(self, name: str, counted: Mapping[tuple[str, str, str], Counts]) -> list[Sample]:
        if name == "scraped":
            return [
                self._sample({"revision": revision}, 2.0 if self.scraping else 600.0) for revision in self.behaviour
            ]
        found: list[Sample] = []
        for (revision, traffic, epoch), counts in counted.items():
            labels = {"revision": revision, "traffic": traffic, "epoch": epoch}
            for extra, value in _series(name, counts, self.behaviour[revision]):
                found.append(self._sample({**labels, **extra}, value))
        return found

    def _approvals(self, promql: str) -> list[Sample]:
        """Sums by revision of live answers, of all epochs that were counted."""
        self.templated.append(promql)
        within = re.findall(r"\[(\w+)\]", promql)[0]
        metric = of_template("approvals", MetricTemplateSpec.model_validate(APPROVALS))
        texts = ratio_texts(metric, within, [self.rollout])
        part = next(name for name, text in texts.items() if text == promql)
        found: list[Sample] = []
        for revision, version in self.version_of.items():
            live = [c for (each, traffic, _), c in self.counts.items() if (each, traffic) == (revision, "live")]
            newest = live[-1] if live else Counts()
            how = Behaviour(errors=self.approvals.get(version, 0.4))
            parts = _moments(f"error_{part}", newest, how) if newest.requests > 0 else ()
            found += [self._sample({"revision": revision}, value) for _, value in parts]
        return found

    def _hold_out(self, promql: str) -> list[Sample]:
        if "slipway_holdout_rules" in promql:
            return [self._sample({"revision": r}, 3.0) for r, v in self.version_of.items() if v in self.able]
        part = _contrast_names(self.rollout)[promql]
        epoch = str(max((int(epoch) for _, _, epoch in self.counts), default=0))
        found: list[Sample] = []
        for revision, version in self.version_of.items():
            for traffic, share in zip(("holdout", "live"), self.contrast.get(version, ()), strict=False):
                values = {"clusters": 60.0, "n": 3000.0, "nn": 60 * 2500.0}
                values |= {"y": 3000 * share, "yy": 60 * 2500 * share**2, "yn": 60 * 2500 * share}
                labels = {"revision": revision, "traffic": traffic, "epoch": epoch}
                labels |= {"class": "1"} if part.startswith("y") else {}
                found.append(self._sample(labels, values[part]))
        return found

    def _sample(self, labels: dict[str, str], value: float) -> Sample:
        return Sample({"rollout": self.rollout, **labels}, value)


@lru_cache(8)
def _questions(rollout: str) -> Mapping[str, str]:
    return {text: name for name, text in live_classes_of([rollout]).items()}


@lru_cache(8)
def _names(rollout: str, recent: str = "") -> Mapping[str, str]:
    windows = ("5m", "15m", "1h", "6h", "1d", "7d", "30d")
    return {text: name for within in windows for name, text in queries(within, [rollout], recent).items()}


@lru_cache(8)
def _contrast_names(rollout: str) -> Mapping[str, str]:
    windows = ("5m", "15m", "1h", "6h", "1d", "7d", "30d")
    return {text: name for within in windows for name, text in contrast_texts(within, [rollout]).items()}


def _series(name: str, counts: Counts, how: Behaviour) -> Iterator[tuple[dict[str, str], float]]:
    n = counts.requests
    if n <= 0:
        return
    if name == "requests":
        yield {"assigned": "true", "code": "2xx"}, n * (1 - how.errors)
        yield {"assigned": "true", "code": "5xx"}, n * how.errors
    elif name == "predictions":
        yield {"assigned": "true", "class": "1"}, n * how.positive
        yield {"assigned": "true", "class": "0"}, n * (1 - how.positive)
    elif name == "latency":
        yield {"assigned": "true", "le": "+Inf"}, n
        for edge in EDGES:
            yield {"assigned": "true", "le": str(edge)}, n * _below(edge, how.latency)
    elif name == "registers":
        yield {}, REGISTERS * (1 - math.exp(-counts.entities / REGISTERS))
    elif name == "powers":
        load = counts.entities / REGISTERS
        yield {}, REGISTERS * (_expected_harmonic(load) - math.exp(-load))
    else:
        yield from _moments(name, counts, how)


def _below(edge: float, latency: float) -> float:
    steps = ((1.0, 0.5), (1.5, 0.95), (2.0, 0.995))
    return max((share for factor, share in steps if edge >= latency * factor), default=0.0) if edge < 10 else 1.0


def _moments(name: str, counts: Counts, how: Behaviour) -> Iterator[tuple[dict[str, str], float]]:
    kind, _, part = name.partition("_")
    clusters = max(1.0, 256 * (1 - math.exp(-counts.entities / 256)))
    each = counts.requests / clusters
    shares = {"": how.errors} if kind == "error" else {"1": how.positive, "0": 1 - how.positive}
    if part in ("clusters", "n", "nn"):
        yield {}, {"clusters": clusters, "n": counts.requests, "nn": clusters * (each**2 + each)}[part]
        return
    for label, share in shares.items():
        y = each * share
        values = {"y": counts.requests * share, "yy": clusters * (y * y + y), "yn": clusters * (y * each + y)}
        yield ({"class": label} if label else {}), values[part]


@lru_cache(64)
def share_of_pattern(pattern: str, at: int) -> float:
    """Share of the 4,096 cells whose headers match, of entities that are not held out."""
    compiled = re.compile(pattern)
    rest = "0" * 60 + "eee0"
    hits = sum(bool(compiled.fullmatch(rest[:at] + f"{cell:03x}" + rest[at + 3 :])) for cell in range(4096))
    return hits / 4096


def arms(route: Mapping[str, Any]) -> Iterator[tuple[str, float, str, str, bool]]:
    """(service, share, chosen revision, assignment, mirrored) of a route's spec."""
    left = 1.0
    for rule in route["rules"]:
        headers = rule["matches"][0].get("headers")
        if headers and headers[0]["type"] == "Exact":  # of testers, or of nobody
            continue
        share = left
        if headers:
            if _holds_out(rule["backendRefs"][0]):  # of both arms alike
                continue
            number = int(_header(rule["backendRefs"][0], "x-slipway-assignment").split(".")[0])
            share = share_of_pattern(headers[0]["value"], 5 * number % 60)
        left -= share
        total = sum(ref["weight"] for ref in rule["backendRefs"])
        for ref in rule["backendRefs"]:
            revision = _header(ref, "x-slipway-revision")
            yield ref["name"], share * ref["weight"] / total, revision, _header(ref, "x-slipway-assignment"), False
        for each in rule.get("filters", ()):
            mirror = each["requestMirror"]
            main = rule["backendRefs"][0]
            marks = (_header(main, "x-slipway-revision"), _header(main, "x-slipway-assignment"))
            yield (mirror["backendRef"]["name"], share * mirror["percent"] / 100, *marks, True)


def _holds_out(ref: Mapping[str, Any]) -> bool:
    """Whether a place gets requests of entities that are held out, which are no evidence of either arm."""
    pairs = ref["filters"][0]["requestHeaderModifier"]["set"] if "filters" in ref else ()
    return any(pair["name"] == "x-slipway-holdout" for pair in pairs)


def _header(ref: Mapping[str, Any], name: str) -> str:
    if "filters" not in ref:  # a route that nobody of ours has made
        return "0.0"
    pairs = ref["filters"][0]["requestHeaderModifier"]["set"]
    return next(pair["value"] for pair in pairs if pair["name"] == name)
