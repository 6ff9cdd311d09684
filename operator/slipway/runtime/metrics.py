"""The operator's own metrics, served at /metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_resident_memory_bytes, which has a limit to keep

QUEUE_DEPTH = Gauge("slipway_operator_queue_depth", "Keys that wait for a worker.", registry=REGISTRY)
OBJECTS = Gauge("slipway_operator_objects", "Objects in the operator's memory.", registry=REGISTRY)
LEADER = Gauge("slipway_operator_leader", "1 while this process holds the lease.", registry=REGISTRY)
RECONCILE_SECONDS = Histogram(
    "slipway_operator_reconcile_seconds",
    "Duration of one reconcile.",
    ["kind"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
    registry=REGISTRY,
)
WRITES = Counter(
    "slipway_operator_writes_total",
    "Requests that change the cluster, without the Lease's.",
    ["verb", "kind"],
    registry=REGISTRY,
)
ERRORS = Counter("slipway_operator_errors_total", "Reconciles that failed.", ["kind", "reason"], registry=REGISTRY)
EVENTS = Counter("slipway_operator_watch_events_total", "Watch events received.", ["kind"], registry=REGISTRY)
FEATURE_PSI = Gauge(
    "slipway_feature_psi",
    "Population stability index of a feature of live requests, as last reported in the status of a RetrainPolicy.",
    ["policy", "feature"],
    registry=REGISTRY,
)
ROLLOUTS = Gauge("slipway_operator_rollouts", "ModelRollouts by phase.", ["phase"], registry=REGISTRY)
STALLED = Gauge("slipway_operator_rollouts_stalled", "ModelRollouts that wait for a person.", registry=REGISTRY)
NOT_READY = Gauge("slipway_operator_rollouts_not_ready", "ModelRollouts that serve nobody.", registry=REGISTRY)
VERDICTS = Gauge(
    "slipway_operator_gate_verdicts", "Gates of all ModelRollouts by their latest verdict.", ["verdict"],
    registry=REGISTRY,
)  # fmt: skip
PREDICTION_SHIFT = Gauge(
    "slipway_prediction_shift",
    "1 while the fast alarm of a ModelRollout says that the share of a class has jumped; no series else.",
    ["rollout", "subject", "act"],
    registry=REGISTRY,
)
NOTICES = Counter(
    "slipway_operator_notices_total",
    "What was told by Events, repeated ones included: stages begun and passed, promotions, ways back.",
    ["kind", "reason"],
    registry=REGISTRY,
)
PHASES = (
    "Pending", "Building", "Proving", "Starting", "Trying", "Backtest", "Shadow", "Canary", "Approval", "ABTest",
    "Promoting", "RollingBack", "Serving", "Scoring", "Paused", "Held", "Failed", "Deleting",
)  # fmt: skip
OTHER = "Other"
_VERDICTS = ("Pass", "Breach", "Wait", "Invalid", "Unknown")
_REASONS = 100


def show_rollouts(rollouts: Iterable[Mapping[str, Any]]) -> None:
    """Counts rollouts and gates. The number of series does not depend on how many there are, nor on their names; only
    one whose alarm stands has a series of its own, for as long as it does."""
    phases, verdicts = dict.fromkeys((*PHASES, OTHER), 0), dict.fromkeys(_VERDICTS, 0)
    stalled = not_ready = 0
    PREDICTION_SHIFT.clear()
    for rollout in rollouts:
        status = rollout.get("status") or {}
        _show_shift(rollout, status.get("predictionShift"))
        phase = status.get("phase") or "Pending"
        phases[phase if phase in phases else OTHER] += 1
        for gate in status.get("gates") or ():
            verdicts[gate.get("verdict") if gate.get("verdict") in verdicts else "Unknown"] += 1
        stalled += _says(status, "Stalled", "True")
        not_ready += not _says(status, "Ready", "True")
    for phase, count in phases.items():
        ROLLOUTS.labels(phase).set(count)
    for verdict, count in verdicts.items():
        VERDICTS.labels(verdict).set(count)
    STALLED.set(stalled)
    NOT_READY.set(not_ready)


def _show_shift(rollout: Mapping[str, Any], shift: Mapping[str, Any] | None) -> None:
    if shift:
        name = f"{rollout['metadata']['namespace']}/{rollout['metadata']['name']}"
        PREDICTION_SHIFT.labels(name, shift.get("subject", ""), shift.get("act", "")).set(1)


class CountedNotices:
    """Counts notices by kind and reason. Some reasons are words of users' programs: of those that come after the first
    hundred only their sum is kept."""

    def __init__(self, most: int = _REASONS) -> None:
        self._most = most
        self._seen: set[tuple[str, str]] = set()

    def count(self, kind: str, reason: str) -> None:
        if (kind, reason) not in self._seen and len(self._seen) >= self._most:
            reason = OTHER
        else:
            self._seen.add((kind, reason))
        NOTICES.labels(kind, reason).inc()


def show_drift(policies: Iterable[Mapping[str, Any]]) -> None:
    """Sets the index of each feature that its policy's status judges now; all others go.

    A status has at most 500 features, so a policy has at most 500 series. One whose drift cannot be measured has none:
    its status keeps the last figures and says that they are old, which a series could not.
    """
    FEATURE_PSI.clear()
    for policy in policies:
        metadata, status = policy["metadata"], policy.get("status") or {}
        if not _measured(status):
            continue
        for feature in status.get("features") or ():
            if feature.get("verdict") in ("Stable", "Drifted"):  # the index of a few rows is noise
                FEATURE_PSI.labels(f"{metadata['namespace']}/{metadata['name']}", feature["name"]).set(feature["psi"])


def _measured(status: Mapping[str, Any]) -> bool:
    return _says(status, "DriftMeasured", "True")


def _says(status: Mapping[str, Any], kind: str, value: str) -> bool:
    conditions = status.get("conditions") or ()
    return any(each.get("type") == kind and each.get("status") == value for each in conditions)
