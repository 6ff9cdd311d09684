"""What a training Job and its pods say: still at it, done with a report, or ended with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from slipway.core.desired.function_pod import FUNCTION
from slipway.core.job_words import container_statuses

Object = Mapping[str, Any]
Instant = datetime | None
# The cache of pods may lag behind that of Jobs by so many seconds.
GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """Where a Job stands.

    Attributes:
        state: Absent, Pending (no container ran yet), Running, Retrying (between two pods), Succeeded, Failed, or Lost:
            it ended, but its pods and with them its report are gone.
        report: the newest words of a pod: {runId, version, …} of a success, {error, steps} of a failure.
        reason, message: for people, why it is not done.
        began, ended: of the containers that have ended.
    """

    state: Literal["Absent", "Pending", "Running", "Retrying", "Succeeded", "Failed", "Lost"]
    report: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    message: str = ""
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def error(self) -> Mapping[str, Any]:
        """{step, reason, message, retryable} of the newest failure, also while it is tried again; else empty."""
        found: Mapping[str, Any] = self.report.get("error") or {}
        return found


def progress(job: Object | None, pods: Sequence[Object], now: datetime) -> Progress:
    """Reads a Job and its pods."""
    if job is None:
        return Progress("Absent")
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
    ends = [end for pod in newest for end in _terminations(pod)]
    began = min(_instants(ends, "startedAt"), default=None)
    ended = max(_instants(ends, "finishedAt"), default=None)
    told = next((words for end in ends if "runId" in (words := _words(end))), None)
    failed: Object = next((words for end in ends if "error" in (words := _words(end))), {})
    if told is not None:
        return Progress("Succeeded", report=told, began=began, ended=ended)
    if finish := _finish(job, "Failed"):
        return _failed(finish, failed, ends, began, ended)
    if finish := _finish(job, "Complete"):
        age = (now - datetime.fromisoformat(finish["lastTransitionTime"])).total_seconds()
        return Progress("Lost" if age > GRACE_SECONDS else "Running", message="the Job is complete", began=began)
    return _unfinished(newest, failed, ends, began)


def _finish(job: Object, kind: str) -> Object | None:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind and each.get("status") == "True"), None)


def _failed(finish: Object, words: Object, ends: Sequence[Object], began: Instant, ended: Instant) -> Progress:
    if error := words.get("error"):
        reason, message = error["reason"], f"{error.get('step', 'train')}: {error.get('message', '')}"
    elif ends and ends[0].get("reason") == "OOMKilled":
        reason, message = "OOMKilled", "the pod used more memory than spec.resources.train.limits.memory"
    else:
        reason, message = finish.get("reason") or "JobFailed", finish.get("message") or "the Job failed"
    return Progress("Failed", report=words, reason=reason, message=message, began=began, ended=ended)


def _unfinished(pods: Sequence[Object], words: Object, ends: Sequence[Object], began: Instant) -> Progress:
    newest = next((pod for pod in pods if _running(pod)), pods[0] if pods else None)
    error, ends = words.get("error") or {}, [end for end in ends if end.get("exitCode") != 0]
    if newest is not None and _running(newest):
        message = "the training pod is running"
        return Progress("Running", report=words, reason="Training", message=_after(message, error), began=began)
    if ends:
        reason = error.get("reason") or ends[0].get("reason") or "PodFailed"
        message = _after("waiting to try again", error)
        return Progress("Retrying", report=words, reason=reason, message=message, began=began)
    reason, message = _obstacle(newest) if newest is not None else ("Pending", "the Job has no pod yet")
    return Progress("Pending", reason=reason, message=message)


def _after(message: str, error: Object) -> str:
    return f"{message}; before: {error.get('step')}: {error.get('message')}" if error else message


def _running(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running"


def _obstacle(pod: Object) -> tuple[str, str]:
    """Why a pod has not started: its image, its place, or nothing in particular."""
    status = pod.get("status") or {}
    for container in container_statuses(pod, steps=True):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("message"):
            return waiting.get("reason") or "ContainerWaiting", waiting["message"]
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return condition.get("reason") or "Unschedulable", condition.get("message") or "no node takes the pod"
    return "Pending", "the training pod is starting"


def _containers(pod: Object) -> Iterator[Object]:
    """What has words for us: the container that fetches the user's code, which runs first, and the one that trains."""
    yield from (one for one in container_statuses(pod, steps=True) if one.get("name") != FUNCTION)


def _terminations(pod: Object) -> Iterator[Object]:
    """Those of the training container come first: it ran last."""
    for container in reversed(tuple(_containers(pod))):
        if end := (container.get("state") or {}).get("terminated"):
            yield end


def _instants(ends: Sequence[Object], name: str) -> list[datetime]:
    return [datetime.fromisoformat(end[name]) for end in ends if end.get(name)]


def _words(end: Object) -> Mapping[str, Any]:
    """The termination message, where it is one of ours: a report or an error."""
    try:
        said = json.loads(end.get("message") or "")
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    error = said.get("error")
    known = isinstance(said.get("runId"), str) or (isinstance(error, dict) and isinstance(error.get("reason"), str))
    return said if known else {}
