"""The prediction log of a served pod: what the server is told, and which volumes it needs."""

from __future__ import annotations

from typing import Any

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.agreement import quantity
from slipway.core.desired.names import canonical

VARIABLE = "SLIPWAY_PREDICTION_LOG"
_SECRET, _CLAIM, _SPOOL = "prediction-log-secret", "prediction-log-claim", "prediction-log-spool"
_PLACES = {
    _SECRET: "/var/run/secrets/slipway.dev/prediction-log",
    _CLAIM: "/mnt/predictions",
    _SPOOL: "/var/spool/slipway",
}
# What an outage of the store may leave in a pod. A file that is being written comes on top, and one for the margin.
_SPOOL_BYTES = 256 << 20


def log_description(log: PredictionLog) -> str:
    """The value of the server's variable, as slipway_serving.service.predictionlog.settings reads it."""
    spool = _spool_bytes(log)
    described: dict[str, Any] = {
        "uri": _place(log),
        "rotateBytes": _rotate_bytes(log),
        "rotateSeconds": log.rotate.every.seconds,
        "omit": sorted(log.omit),
        "hash": sorted(log.hash),
        "spool": _PLACES[_SPOOL],
        "spoolBytes": spool,
    }
    if log.retention is not None:
        described["retentionSeconds"] = log.retention.seconds
    if log.secret_ref is not None:
        described["secret"] = _PLACES[_SECRET]
    return canonical(described)


def log_volumes(log: PredictionLog) -> list[dict[str, Any]]:
    """Volumes of the pod. The spool is one of its own, so that a full one never takes what else is in /tmp."""
    limit = _spool_bytes(log) + 2 * _rotate_bytes(log)
    volumes: list[dict[str, Any]] = [{"name": _SPOOL, "emptyDir": {"sizeLimit": str(limit)}}]
    if log.secret_ref is not None:
        # Optional: the server says which key is missing, where the kubelet would wait without a word in any status.
        secret = {"secretName": log.secret_ref.name, "defaultMode": 0o440, "optional": True}
        volumes.append({"name": _SECRET, "secret": secret})
    if log.persistent_volume_claim is not None:
        claim = {"claimName": log.persistent_volume_claim.claim_name}
        volumes.append({"name": _CLAIM, "persistentVolumeClaim": claim})
    return volumes


def log_mounts(log: PredictionLog) -> list[dict[str, Any]]:
    """Where the container finds them."""
    return [
        {
            "name": volume["name"],
            "mountPath": _PLACES[volume["name"]],
            **({"readOnly": True} if "secret" in volume else {}),
        }
        for volume in log_volumes(log)
    ]


def reader_places(log: PredictionLog) -> dict[str, str]:
    """Where a pod with `reader_volumes` finds the log, and its store's credentials."""
    place = {"uri": _place(log)}
    return place | ({"secret": _PLACES[_SECRET]} if log.secret_ref is not None else {})


def reader_volumes(log: PredictionLog) -> list[dict[str, Any]]:
    """Volumes of a pod that reads the log: as of one that writes it, without a spool."""
    return [volume for volume in log_volumes(log) if volume["name"] != _SPOOL]


def reader_mounts(log: PredictionLog) -> list[dict[str, Any]]:
    """Where the container finds them, none to be written to."""
    return [{**mount, "readOnly": True} for mount in log_mounts(log) if mount["name"] != _SPOOL]


def _place(log: PredictionLog) -> str:
    return log.uri.replace("file://", f"file://{_PLACES[_CLAIM]}", 1)


def _rotate_bytes(log: PredictionLog) -> int:
    return int(quantity(log.rotate.size) or 0)


def _spool_bytes(log: PredictionLog) -> int:
    return max(_SPOOL_BYTES, 2 * _rotate_bytes(log))
