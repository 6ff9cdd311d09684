"""The operator's own metrics, served at /metrics."""

from __future__ import annotations

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
