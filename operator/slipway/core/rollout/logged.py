"""The condition PredictionsLogged. It judges nobody: a log that fails never moves traffic."""

from __future__ import annotations

from slipway.core.plan import Unavailable
from slipway.core.prediction_log import LogHealth
from slipway.core.rollout.turn import Turn

_WHERE = "the pods' logs say why (container kserve-container, logger slipway.predictionlog)"


def predictions_logged(turn: Turn) -> dict[str, tuple[str, str, str]]:
    """The condition by its type; nothing where the spec asks for no log, or nothing serves yet."""
    health = turn.snapshot.log
    if turn.spec.prediction_log is None or turn.variant("stable") is None or health is None:
        return {}
    return {"PredictionsLogged": _statement(health, turn.spec.prediction_log.uri)}


def _statement(health: LogHealth | Unavailable, uri: str) -> tuple[str, str, str]:
    if isinstance(health, Unavailable):
        return "Unknown", health.reason, health.message
    if health.failing is None:
        return "Unknown", "NotMeasured", "Prometheus has no metrics of the pods' prediction log yet"
    if health.dropping:
        return "False", "RowsLost", f"rows were lost in the last ten minutes on their way to {uri}: {_WHERE}"
    if health.failing:
        return "False", "StoreUnreachable", f"rows wait in the pods and cannot be stored in {uri}: {_WHERE}"
    return "True", "Logged", f"predictions are stored in {uri}"
