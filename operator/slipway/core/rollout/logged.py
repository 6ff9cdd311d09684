"""The condition PredictionsLogged. It judges nobody: a log that fails never moves traffic."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.plan import Unavailable
from slipway.core.prediction_log import LogHealth
from slipway.core.rollout.presence import failure, full
from slipway.core.rollout.turn import Turn

MISCONFIGURED = 78
"""The exit code of a pod whose log cannot work as it is set (slipway_serving.service.bento)."""

_WHERE = "the pods' logs say more (container kserve-container, logger slipway.predictionlog)"
_CAUSES = {
    "access": ("AccessDenied", "the store refuses access: mend the keys in {secret}, or what they may write"),
    "place": ("BucketNotFound", "there is no such bucket or directory: make it, or mend spec.predictionLog.uri"),
    "certificate": (
        "CertificateNotTrusted",
        "its certificate is not trusted: put its authority in ca.crt of {secret}",
    ),
    "disk": (
        "SpoolNotWritable",
        "a pod cannot write its spool: is its node's disk full?",
    ),
}
_UNREACHABLE = ("StoreUnreachable", "the store does not answer")
Statement = tuple[str, str, str]


def predictions_logged(turn: Turn) -> dict[str, Statement]:
    """The condition by its type; nothing where the spec asks for no log, or nothing serves yet."""
    log, health = turn.spec.prediction_log, turn.snapshot.log
    if log is None:
        return {}
    refused = _refused(turn)
    if refused:
        return {"PredictionsLogged": ("False", "Misconfigured", refused)}
    if turn.variant("stable") is None or health is None:
        return {}
    return {"PredictionsLogged": _statement(health, log)}


def _refused(turn: Turn) -> str:
    """Why pods do not start with this log, in their own words; empty where they do."""
    for variant in turn.status.variants:
        failed = failure(turn, variant)
        if failed is not None and failed.code == MISCONFIGURED and not full(turn, variant):
            return f"pods of version {variant.version} do not start: {failed.message[:500]}"
    return ""


def _statement(health: LogHealth | Unavailable, log: PredictionLog) -> Statement:
    if isinstance(health, Unavailable):
        return "Unknown", health.reason, health.message
    if health.failing is None:
        return "Unknown", "NotMeasured", "Prometheus has no metrics of the pods' prediction log yet"
    reason, cause = _CAUSES.get(health.reason, _UNREACHABLE)
    secret = f"Secret {log.secret_ref.name}" if log.secret_ref else "predictionLog.secretRef"
    why = f": {cause.format(secret=secret)}; {_WHERE}" if health.failing else f": {_WHERE}"
    if health.dropping:
        return "False", "RowsLost", f"rows were lost in the last ten minutes on their way to {log.uri}{why}"
    if health.failing:
        return "False", reason, f"rows wait in the pods and cannot be stored in {log.uri}{why}"
    return "True", "Logged", f"predictions are stored in {log.uri}"
