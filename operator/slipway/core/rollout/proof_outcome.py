"""How a proof stands: what its prober said, whether the model's process died, or why nothing runs yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_benchmark import ATTEMPTS
from slipway.core.desired.proof_job import MODEL, ProofRun
from slipway.core.job_words import finished, unheard
from slipway.core.kstatus import is_true
from slipway.core.proof import Measured
from slipway.core.rollout.job_words import pods_of, words
from slipway.core.rollout.snapshot import Object, leaving
from slipway.core.rollout.turn import Turn

ANSWER = "proof"
"""The member of a prober's words that says that the model has answered."""

_KILLED = 137
_LOST_SECONDS = 120.0
"""A pod that has been going for longer is on a node that nobody hears of; its Job would wait for it for ever."""


@dataclass(frozen=True)
class Outcome:
    """The end of a proof. `reason` is empty when the model answered; `measured` is None where nothing was timed.

    `doubtful`: the machine may be to blame, so it is worth another attempt.
    """

    reason: str = ""
    message: str = ""
    measured: Measured | None = None
    doubtful: bool = False


def job_of(turn: Turn, proof: ProofRun) -> Object | None:
    """The live Job of an attempt."""
    return turn.snapshot.jobs.get(proof.job_name(turn.snapshot.name))


def spent_proof(turn: Turn, job: Object) -> bool:
    """Whether a Job is no answer and will be none: made for an earlier campaign, ended by the machine, or lost."""
    target = turn.status.target
    if target and target.started_at and _instant(job, "creationTimestamp") < target.started_at.replace(microsecond=0):
        return True
    if _said(turn, job) or _death(turn, job):
        return False
    going = [_instant(pod, "deletionTimestamp") for pod in pods_of(turn, job) if leaving(pod)]
    lost = any(turn.age(since) > _LOST_SECONDS for since in going)
    return lost or finished(job, "Failed") or unheard(job, turn.now)


def _instant(obj: Object, field: str) -> datetime:
    return datetime.fromisoformat(obj["metadata"][field])


def is_running(turn: Turn, job: Object) -> bool:
    """Whether a Job has neither ended nor said anything."""
    return not (finished(job, "Complete") or finished(job, "Failed") or leaving(job) or _said(turn, job))


def outcome(turn: Turn, proof: ProofRun) -> Outcome | None:
    """How an attempt ended, or None while it runs."""
    job = job_of(turn, proof)
    if job is None or spent_proof(turn, job):
        return None
    died = _death(turn, job)
    if died is not None:
        code, why = int(died.get("exitCode", 0)), str(died.get("reason") or "")
        said = f"; its last words: {died['message'].strip()}" if died.get("message") else ""
        message = f"the model's process ended with exit code {code} ({why or 'no reason given'}){said}"
        # SIGKILL: for want of memory, its own or the node's.
        return Outcome("ProcessDied", message, doubtful=code == _KILLED)
    said_by_prober = _said(turn, job)
    if not said_by_prober:
        return None
    error = said_by_prober.get("error")
    if error:
        return Outcome(str(error.get("reason") or "Unproven"), str(error.get("message", "")))
    timed = said_by_prober[ANSWER].get("benchmark")
    return Outcome(measured=Measured.of(timed) if timed else None)


def _said(turn: Turn, job: Object) -> Mapping[str, Any]:
    """The prober's words; words that cannot be read are none, and the attempt is made again."""
    said = words(turn, job, ANSWER, "the prober")
    try:
        timed = said[ANSWER].get("benchmark") if ANSWER in said else None
        _ = Measured.of(timed) if timed else None
    except (LookupError, TypeError, ValueError):
        return {}
    return said


def _death(turn: Turn, job: Object) -> Mapping[str, Any] | None:
    """How the model's process ended while the prober still asked it: a sidecar that is stopped is not started again."""
    for pod in pods_of(turn, job):
        disrupted = is_true((pod.get("status") or {}).get("conditions"), "DisruptionTarget")
        if leaving(pod) or disrupted:
            continue
        for status in _of_model(pod):
            died = (status.get("lastState") or {}).get("terminated")
            if died:
                found: Mapping[str, Any] = died
                return found
    return None


def _of_model(pod: Object) -> Iterator[Mapping[str, Any]]:
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    return (status for status in statuses if status.get("name") == MODEL)


def waiting_for(turn: Turn, proof: ProofRun) -> str:
    """What keeps the proof from its end: the scheduler's words, those about its images, or that its prober has crashed;
    empty when it runs."""
    job = job_of(turn, proof)
    pods = pods_of(turn, job) if job is not None else []
    if not pods:
        return "its pod is about to be made"
    status = pods[0].get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"its pod is not scheduled: {condition.get('message') or condition.get('reason', '')}"
    for container in (*_of_model(pods[0]), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("message"):
            return f"{waiting.get('reason', 'waiting')}: {waiting['message']}"
    return _crashed(pods)


def _crashed(pods: Sequence[Object]) -> str:
    """How the prober ended that could say nothing: a fault of ours, or of the machine. The Job tries again."""
    for pod in pods:
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode"):
                return (
                    f"its prober ended with exit code {ended['exitCode']} ({ended.get('reason') or 'no reason given'})"
                )
    return ""


def last_attempt(attempt: int) -> bool:
    """Whether no further attempt follows."""
    return attempt + 1 >= ATTEMPTS
