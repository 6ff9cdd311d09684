"""What the pods of a Job said at their end, and whether that is all that they will say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slipway.core.rollout.snapshot import Object, is_true
from slipway.core.rollout.turn import Turn

MOST_SAID = 1200
"""Characters of a message that leave room for the end of a log in a condition."""

MESSAGE_GRACE = 30.0
"""Seconds in which the cache of Pods may lag behind that of Jobs."""


def finished(job: Object, kind: str) -> bool:
    """Whether the Job has ended so: Complete or Failed."""
    return is_true((job.get("status") or {}).get("conditions"), kind)


def ended_long_ago(turn: Turn, job: Object) -> bool:
    """Whether a complete Job that has not been heard will not be: its pods are gone."""
    end = (job.get("status") or {}).get("completionTime")
    return finished(job, "Complete") and end is not None and turn.age(datetime.fromisoformat(end)) > MESSAGE_GRACE


def words(turn: Turn, job: Object, answer: str, steps: bool = False) -> Mapping[str, Any]:
    """The JSON that the Job's pods left: one with the member `answer` before an error, the newest pod before others.

    `steps` says that the containers which run before the others are steps of the Job, whose errors are its own.
    """
    found = [said for pod in pods_of(turn, job) for said in _messages(pod, answer, steps)]
    return next((said for said in found if answer in said), found[0] if found else {})


def pods_of(turn: Turn, job: Object) -> list[Object]:
    """The pods of this very Job, the newest first; those of one that had its name may live on for moments."""
    pods = turn.snapshot.job_pods.get(job["metadata"]["name"], ())
    own = [pod for pod in pods if _belongs(pod, job)]
    return sorted(own, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def container_statuses(pod: Object, steps: bool) -> list[Mapping[str, Any]]:
    """Of the containers of a pod; with `steps` those that run before the others come first, else they are left out."""
    status = pod.get("status") or {}
    before = (status.get("initContainerStatuses") or ()) if steps else ()
    return [*before, *(status.get("containerStatuses") or ())]


def _belongs(pod: Object, job: Object) -> bool:
    owners = [owner.get("uid") for owner in pod["metadata"].get("ownerReferences") or ()]
    return not owners or job["metadata"]["uid"] in owners


def _messages(pod: Object, answer: str, steps: bool) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for container in container_statuses(pod, steps):
        ended = (container.get("state") or {}).get("terminated") or {}
        text = ended.get("message", "")
        try:
            said = json.loads(text)
        except ValueError:
            said = _killed(ended, text)
        if isinstance(said, dict) and (isinstance(said.get(answer), str | dict) or isinstance(said.get("error"), dict)):
            found.append(said)
    return found


def _killed(ended: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """A process that could not say how it ended: the kubelet's reason, and the end of its log."""
    if not text or not ended.get("exitCode"):
        return {}
    message = f"the builder ended with exit code {ended['exitCode']}"
    return {"error": {"reason": ended.get("reason") or "Error", "message": message, "log": text[-MOST_SAID:]}}
