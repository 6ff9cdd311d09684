"""What a server counts: one page before, one after each kind of request, and the difference."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from slipway_serving.probe.contract.exposition import Page
from slipway_serving.probe.contract.subject import ASSIGNMENT_HEADER, REVISION_HEADER, Skip, Subject

LIVE_REQUESTS, SHADOW_REQUESTS = 3, 2
_NUMBER = 3
_INFO, _REQUESTS, _SECONDS = "slipway_serving_info", "slipway_requests_total", "slipway_request_duration_seconds"
_REGISTERS, _INDEX_BITS, _RANK_BITS = "slipway_exposure_register", 10, 54


def read_page(subject: Subject) -> Page:
    """The metrics as they stand. Raises ValueError for a page that is none."""
    answer = subject.ask("/metrics")
    if answer.status != 200:
        raise ValueError(f"answered {answer.shown()}")
    return Page(answer.body.decode())


@dataclass(frozen=True)
class Entity:
    """A made-up entity: its hash, and where the server must count it (docs/own-image.md, "Evidence")."""

    bucket: str

    @property
    def cluster(self) -> str:
        offset = 5 * _NUMBER % 60 + 3
        return self.bucket[offset : offset + 2]

    @property
    def sketched(self) -> tuple[int, int]:
        """Register and rank in a HyperLogLog sketch of 1,024 registers."""
        bits = int.from_bytes(hashlib.sha256(self.bucket.encode()).digest()[:8], "big")
        return bits >> _RANK_BITS, _RANK_BITS - (bits & ((1 << _RANK_BITS) - 1)).bit_length() + 1


class Counted:
    """Pages between requests of each kind, made when the first clause asks for them.

    The epoch is the clock's: only the newest two are kept, and a later run must find its own.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.epoch = str(int(time.time()) % 1_000_000_000)
        self.entities = [Entity(hashlib.sha256(f"conform {n}".encode()).hexdigest()) for n in range(LIVE_REQUESTS)]
        self.info: Mapping[str, str] = {}
        self._pages: list[Page] = []
        self._fault = ""

    @property
    def revision(self) -> str:
        return self.info.get("revision", "")

    def pages(self) -> list[Page]:
        """Before, after live, after shadow, after direct and after refused requests. Raises Skip."""
        if not self._pages:
            self._pages = [read_page(self._subject)]
            for send in (self._live, self._shadow, self._direct, self._refused):
                send()
                self._pages.append(read_page(self._subject))
        if self._fault:
            raise Skip(f"a request with the gateway's headers {self._fault}")
        return self._pages

    def grown(self, step: int, name: str, **labels: str) -> float:
        """What a metric of this revision grew by in step 1 (live), 2 (shadow), 3 (direct), 4 (refused)."""
        pages = self.pages()
        own = {"rollout": self.info["rollout"], "revision": self.revision, **labels}
        return pages[step].total(name, **own) - pages[step - 1].total(name, **own)

    def _headers(self, revision: str, entity: Entity) -> dict[str, str]:
        return {
            REVISION_HEADER: revision,
            ASSIGNMENT_HEADER: f"{_NUMBER}.{self.epoch}",
            self._subject.asked.bucket_header: entity.bucket,
        }

    def _send(self, headers: Mapping[str, str]) -> None:
        answer = self._subject.predict(headers=headers)
        if answer.status != 200:
            self._fault = f"answered {answer.shown()}"

    def _live(self) -> None:
        for entity in self.entities:
            self._send(self._headers(self.revision, entity))

    def _shadow(self) -> None:
        for entity in self.entities[:SHADOW_REQUESTS]:
            self._send(self._headers(f"{self.revision}-not", entity))

    def _direct(self) -> None:
        self._send({})

    def _refused(self) -> None:
        path = self._subject.requests.path_v1
        self._subject.ask(path, b"{}", self._headers(self.revision, self.entities[0]))


def metrics(subject: Subject, counted: Counted) -> str:
    """Each of these functions says what is wrong, and nothing where nothing is."""
    answer = subject.ask("/metrics")
    if answer.status != 200:
        return f"answered {answer.shown()}"
    kind = answer.headers.get("content-type", "")
    if not kind.startswith(("text/plain", "application/openmetrics-text")):
        return f"is of the type {kind or 'that nothing says'}, which Prometheus does not read"
    try:
        return "" if len(Page(answer.body.decode())) else "is empty"
    except ValueError as error:
        return f"has {error}"


def info(subject: Subject, counted: Counted) -> str:
    found = [labels for labels, value in read_page(subject).of(_INFO) if value == 1]
    if len(found) != 1:
        return f"{len(found)} series of {_INFO} are 1, one should be"
    (labels,) = found
    for name, wanted in (("rollout", subject.asked.rollout), ("revision", subject.asked.revision)):
        if not labels.get(name):
            return f"has no label {name}"
        if wanted and labels[name] != wanted:
            return f"says {name}={labels[name]!r}, the server was started with {wanted!r}"
    counted.info = labels
    return ""


def series_at_zero(subject: Subject, counted: Counted) -> str:
    page = read_page(subject)
    own = {"rollout": counted.info["rollout"], "revision": counted.revision}
    for traffic in ("live", "shadow"):
        for code in ("2xx", "4xx", "5xx"):
            if not page.has(_REQUESTS, traffic=traffic, code=code, **own):
                return f'{_REQUESTS}{{traffic="{traffic}",code="{code}"}} does not exist yet'
    return ""


def live(subject: Subject, counted: Counted) -> str:
    grown = counted.grown(1, _REQUESTS, traffic="live", code="2xx")
    return "" if grown == LIVE_REQUESTS else f"{LIVE_REQUESTS} live requests were counted as {grown:g}"


def shadow(subject: Subject, counted: Counted) -> str:
    as_live = counted.grown(2, _REQUESTS, traffic="live")
    grown = counted.grown(2, _REQUESTS, traffic="shadow", code="2xx")
    if as_live or grown != SHADOW_REQUESTS:
        return f"{SHADOW_REQUESTS} mirrored requests were counted as {grown:g} of shadow and {as_live:g} of live"
    return ""


def direct(subject: Subject, counted: Counted) -> str:
    grown = {kind: counted.grown(3, _REQUESTS, traffic=kind) for kind in ("live", "shadow")}
    wrong = [kind for kind, value in grown.items() if value]
    return f"a request without {REVISION_HEADER} was counted as {wrong[0]}" if wrong else ""


def refused(subject: Subject, counted: Counted) -> str:
    grown = counted.grown(4, _REQUESTS, traffic="live", code="4xx")
    return "" if grown == 1 else f"one refused request was counted as {grown:g}"


def latency(subject: Subject, counted: Counted) -> str:
    for name, labels in (
        (f"{_SECONDS}_count", {}), (f"{_SECONDS}_bucket", {"le": "+Inf"}),
        ("slipway_evidence_duration_bucket", {"le": "+Inf", "epoch": counted.epoch}),
    ):  # fmt: skip
        grown = counted.grown(1, name, traffic="live", **labels)
        if grown != LIVE_REQUESTS:
            return f"{name} grew by {grown:g} with {LIVE_REQUESTS} requests"
    buckets = _buckets(counted)
    if sorted(buckets.values()) != [buckets[le] for le in sorted(buckets)]:
        return "slipway_evidence_duration_bucket is not cumulative: one with a larger le counts fewer requests"
    edge, edges = subject.asked.latency_edge, buckets.keys()
    if not edge:
        return ""
    return "" if float(edge) in edges else f"{edge} s of SLIPWAY_LATENCY_EDGES is none of the edges"


def _buckets(counted: Counted) -> dict[float, float]:
    """The evidence's live requests of the epoch by upper bound."""
    found: dict[float, float] = {}
    labels = {"revision": counted.revision, "traffic": "live", "epoch": counted.epoch}
    for own, value in counted.pages()[1].of("slipway_evidence_duration_bucket", **labels):
        le = float(own["le"])
        found[le] = found.get(le, 0) + value
    return found


def classes(subject: Subject, counted: Counted) -> str:
    name, page = "slipway_predictions_total", counted.pages()[1]
    if not page.has(name, traffic="live"):
        raise Skip(f"no {name}: right for a regression; gates on positive_rate and class_share are then Unknown")
    wanted = LIVE_REQUESTS * subject.requests.size
    labels = {name: {}, "slipway_evidence_predictions": {"epoch": counted.epoch, "assigned": "true"}}
    for family, more in labels.items():
        grown = counted.grown(1, family, traffic="live", **more)
        if grown != wanted:
            return f"{family} grew by {grown:g} with {wanted} predictions"
    return "" if all("class" in own for own, _ in page.of(name)) else f"{name} has no label class"


def evidence(subject: Subject, counted: Counted) -> str:
    name = "slipway_evidence_requests"
    for step, traffic, wanted in ((1, "live", LIVE_REQUESTS), (2, "shadow", SHADOW_REQUESTS)):
        labels = {"traffic": traffic, "epoch": counted.epoch, "assigned": "true", "code": "2xx"}
        grown = counted.grown(step, name, **labels)
        if grown != wanted:
            shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
            return f"{name}{{{shown}}} grew by {grown:g} with {wanted} requests"
    return ""


def clusters(subject: Subject, counted: Counted) -> str:
    name = "slipway_evidence_cluster_requests"
    for entity in counted.entities:
        wanted = sum(other.cluster == entity.cluster for other in counted.entities)
        grown = counted.grown(
            1, name, traffic="live", epoch=counted.epoch, cluster=entity.cluster, outcome="ok"
        )  # fmt: skip
        if grown != wanted:
            return f'{name}{{cluster="{entity.cluster}",outcome="ok"}} grew by {grown:g} instead of {wanted}'
    return ""


def exposures(subject: Subject, counted: Counted) -> str:
    """Of an epoch that only these entities have: a register too many, or a rank too high, counts entities that are
    none."""
    wanted: dict[str, float] = {}
    for entity in counted.entities:
        register, rank = entity.sketched
        wanted[str(register)] = max(rank, wanted.get(str(register), 0))
    found: dict[str, float] = {}
    for own, value in counted.pages()[1].of(_REGISTERS, revision=counted.revision, traffic="live", epoch=counted.epoch):
        name = own.get("register", "")
        found[name] = max(value, found.get(name, 0))
    for name in sorted(wanted.keys() | found.keys()):
        is_now, should_be = found.get(name, 0), wanted.get(name, 0)
        if is_now != should_be:
            return f'{_REGISTERS}{{register="{name}"}} is {is_now:g}, the entities that were sent make it {should_be:g}'
    return ""
