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
    conditions = status.get("conditions") or ()
    return any(each.get("type") == "DriftMeasured" and each.get("status") == "True" for each in conditions)
