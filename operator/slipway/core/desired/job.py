"""A Job of one pod: what it is made of, whatever runs in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DISRUPTED: Mapping[str, Any] = {
    "action": "Ignore",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}
"""What befalls the node is tried again, and is no attempt."""


@dataclass(frozen=True)
class Bounds:
    """How long a Job may run, how often it is tried again, and how long it stays when it has ended; in seconds.

    `keep` is None where something else removes it. `final` are the exit codes of containers that end it at once: trying
    again would give the same answer.
    """

    deadline: int
    retries: int
    keep: int | None
    final: Mapping[str, Sequence[int]] = field(default_factory=dict)


def job(metadata: Mapping[str, Any], bounds: Bounds, pod: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The manifest of a Job; `more` are further fields of its spec."""
    spec = {**job_spec(metadata["labels"], bounds, pod), **more}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": dict(metadata), "spec": spec}


def job_spec(labels: Mapping[str, str], bounds: Bounds, pod: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a Job, or of those that a CronJob makes; `labels` are those of its pods."""
    return {
        "activeDeadlineSeconds": bounds.deadline,
        "backoffLimit": bounds.retries,
        **({} if bounds.keep is None else {"ttlSecondsAfterFinished": bounds.keep}),
        "podFailurePolicy": {"rules": [dict(DISRUPTED), *(_ends(*each) for each in bounds.final.items())]},
        "template": {"metadata": {"labels": dict(labels)}, "spec": dict(pod)},
    }


def _ends(container: str, codes: Sequence[int]) -> dict[str, Any]:
    given = {"containerName": container, "operator": "In", "values": list(codes)}
    return {"action": "FailJob", "onExitCodes": given}
