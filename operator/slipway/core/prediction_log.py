"""Whether predictions are logged, by what the pods say of themselves: one answer for all rollouts (rule 10)."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.evidence import Vector
from slipway.core.plan import Unavailable

FAILING = "max by (rollout, reason) (slipway_prediction_log_failing)"
"""Above 0 where rows of a pod cannot be written or stored now, for `reason`: they wait, and are not lost yet."""

DROPPED = "sum by (rollout) (increase(slipway_prediction_log_dropped_total[10m]))"
"""Rows that were lost in ten minutes."""


_SETTLE_SECONDS = 15.0
"""After its rotation a file is closed by a writer that looks every two seconds, and is taken to the store."""


def stored_after(log: PredictionLog) -> float:
    """Seconds after which the rows of a request are in the store."""
    return float(log.rotate.every.seconds) + _SETTLE_SECONDS


@dataclass(frozen=True)
class LogHealth:
    """What is known of one rollout's log; None where no pod has reported. `reason` is the pods' word for why rows
    wait, empty where none is known."""

    failing: bool | None
    dropping: bool | None
    reason: str = ""


def log_health(rollout: str, failing: Vector | Unavailable, dropped: Vector | Unavailable) -> LogHealth | Unavailable:
    """One rollout's part of the answers to both questions."""
    if isinstance(failing, Unavailable):
        return failing
    if isinstance(dropped, Unavailable):
        return dropped
    reasons = sorted(_labels(rollout, failing, "reason"))
    return LogHealth(_positive(rollout, failing), _positive(rollout, dropped), reasons[0] if reasons else "")


def _labels(rollout: str, vector: Vector, name: str) -> set[str]:
    own = (one for one in vector if one.value > 0 and one.labels.get("rollout") == rollout)
    return {one.labels[name] for one in own if one.labels.get(name)}


def _positive(rollout: str, vector: Vector) -> bool | None:
    values = [sample.value for sample in vector if sample.labels.get("rollout") == rollout]
    return any(value > 0 for value in values) if values else None
