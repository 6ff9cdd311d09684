"""What every pod that Slipway makes is denied: the Pod Security level `restricted`, and a root that nobody writes."""

from __future__ import annotations

from typing import Any

_USER = 65532


def confined_pod() -> dict[str, Any]:
    """The `securityContext` of a pod: the nonroot user of common base images, who also owns its volumes."""
    return {
        "runAsNonRoot": True,
        "runAsUser": _USER,
        "runAsGroup": _USER,
        "fsGroup": _USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def confined_container() -> dict[str, Any]:
    """The `securityContext` of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def confined_job_pod() -> dict[str, Any]:
    """What a pod of a Job begins with: it runs once, without a token of the API server, apart from its containers."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": confined_pod(),
    }
