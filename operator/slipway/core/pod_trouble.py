"""Why a pod does not start: a Secret or claim that is missing, an image, no node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_MISSING = (
    (re.compile(r'secret "?([^" ]+)"? not found'), "SecretNotFound", "Secret {} does not exist: create it"),
    (
        re.compile(r'persistentvolumeclaim "?([^" ]+)"? not found'),
        "ClaimNotFound",
        "PersistentVolumeClaim {} does not exist: create it",
    ),
)
_HARMLESS = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not start."""

    reason: str
    message: str


def trouble(pods: Iterable[Mapping[str, Any]]) -> Trouble | None:
    """Why the newest pod that should run does not: a Secret or claim that is missing is named."""
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True):
        status = pod.get("status") or {}
        if status.get("phase") != "Pending":
            return None
        for reason, message in _complaints(status):
            for pattern, name, words in _MISSING:
                match = pattern.search(message)
                if match:
                    return Trouble(name, words.format(match[1]))
            return Trouble("PodNotStarted", f"{reason}: {message}"[:500])
    return None


def _complaints(status: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield str(condition.get("reason", "")), str(condition.get("message", ""))
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting and waiting.get("reason") not in _HARMLESS:
            yield str(waiting.get("reason", "")), str(waiting.get("message", ""))
