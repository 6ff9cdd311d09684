"""What the pods of a Job said at their end, and whether that is all that they will say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from slipway.core.kstatus import is_true

Object = Mapping[str, Any]

MOST_SAID = 1200
"""Characters of a message that leave room for the end of a log in a condition."""

_LOG = 300

MESSAGE_GRACE = 30.0
"""Seconds in which the cache of Pods may lag behind that of Jobs."""


def finished(job: Object, kind: str) -> bool:
    """Whether the Job has ended so: Complete or Failed."""
    return is_true((job.get("status") or {}).get("conditions"), kind)


def unheard(job: Object, now: datetime) -> bool:
    """Whether a complete Job that has not been heard will not be: its pods are gone."""
    end = (job.get("status") or {}).get("completionTime")
    if not finished(job, "Complete") or end is None:
        return False
    return (now - datetime.fromisoformat(end)).total_seconds() > MESSAGE_GRACE


def words_of(pods: Sequence[Object], answer: str, who: str, steps: bool = False) -> Mapping[str, Any]:
    """The JSON that a Job's pods left: one with the member `answer` before an error, the newest pod before others.

    `who` is what runs there, for people. `steps` says that the containers which run before the others are steps of the
    Job, whose errors are its own.
    """
    found = [said for pod in pods for said in _messages(pod, answer, who, steps)]
    return next((said for said in found if answer in said), found[0] if found else {})


def own_pods(pods: Iterable[Object], job: Object) -> list[Object]:
    """Of pods with a Job's name its own, the newest first; those of one that had its name may live on for moments."""
    own = [pod for pod in pods if _belongs(pod, job)]
    return sorted(own, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def failure(pods: Sequence[Object], job: Object, said: Mapping[str, Any], who: str) -> str:
    """Why a Job that has ended has no answer."""
    error = said.get("error")
    if error:
        log = f"; the end of its log: {str(error['log'])[-_LOG:]}" if error.get("log") else ""
        return f"{error.get('reason', 'Failed')}: {error.get('message', '')}{log}"[:500]
    conditions = (job.get("status") or {}).get("conditions") or ()
    ended = next((each for each in conditions if each.get("type") == "Failed" and each.get("status") == "True"), None)
    if ended is None:
        return "its pods are gone, and with them what they said"
    died = _wordless(pods, who)
    told = f"{ended.get('reason') or 'Failed'}: {ended.get('message') or 'the Job failed'}"
    return (f"{died}; {told}" if died else told)[:500]


def container_statuses(pod: Object, steps: bool) -> list[Mapping[str, Any]]:
    """Of the containers of a pod; with `steps` those that run before the others come first, else they are left out."""
    status = pod.get("status") or {}
    before = (status.get("initContainerStatuses") or ()) if steps else ()
    return [*before, *(status.get("containerStatuses") or ())]


def _belongs(pod: Object, job: Object) -> bool:
    owners = [owner.get("uid") for owner in pod["metadata"].get("ownerReferences") or ()]
    return not owners or job["metadata"]["uid"] in owners


def _messages(pod: Object, answer: str, who: str, steps: bool) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for container in container_statuses(pod, steps):
        ended = (container.get("state") or {}).get("terminated") or {}
        text = ended.get("message", "")
        try:
            said = json.loads(text)
        except ValueError:
            said = _killed(ended, text, who)
        if isinstance(said, dict) and (isinstance(said.get(answer), str | dict) or isinstance(said.get("error"), dict)):
            found.append(said)
    return found


def _wordless(pods: Sequence[Object], who: str) -> str:
    for pod in pods:
        for container in container_statuses(pod, steps=False):
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode") and not ended.get("message"):
                return f"{ended.get('reason') or 'Error'}: {who} ended with exit code {ended['exitCode']}"
    return ""


def _killed(ended: Mapping[str, Any], text: str, who: str) -> Mapping[str, Any]:
    """A process that could not say how it ended: the kubelet's reason, and the end of its log."""
    if not text or not ended.get("exitCode"):
        return {}
    message = f"{who} ended with exit code {ended['exitCode']}"
    return {"error": {"reason": ended.get("reason") or "Error", "message": message, "log": text[-MOST_SAID:]}}
