"""What the Jobs of a Batch rollout say: how they ended, in their pods' last words, or why a pod does not start."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.core.desired.names import REVISION_LABEL
from slipway.core.desired.scoring_cronjob import RUN, SCORING_LABEL
from slipway.core.rollout.job_words import MESSAGE_GRACE
from slipway.core.rollout.snapshot import Object, Snapshot
from slipway.core.rollout.turn import Turn

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
class Run:
    """One Job. `words` is what its newest pod said last that is JSON: `scored`, `error` or `scoring`."""

    name: str
    revision: str
    made: str
    outcome: str
    ended_at: datetime | None
    reason: str
    message: str
    words: Mapping[str, Any]

    @property
    def scored(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.words.get("scored") or {}
        return found

    @property
    def error(self) -> tuple[str, str]:
        """Why it failed: in its pod's words, else in the Job's."""
        said = self.words.get("error") or {}
        return str(said.get("reason") or self.reason or "Failed"), str(said.get("message") or self.message)


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not start."""

    reason: str
    message: str


def runs(snapshot: Snapshot) -> list[Run]:
    """The scoring Jobs, newest first; those that try a candidate are none."""
    jobs = [job for job in snapshot.jobs.values() if _labels(job).get(SCORING_LABEL) == RUN]
    found = [read(job, snapshot.job_pods.get(job["metadata"]["name"], ())) for job in jobs]
    return sorted(found, key=lambda run: (run.made, run.name), reverse=True)


def read(job: Object, pods: Iterable[Object]) -> Run:
    """One Job with the last words of its pods."""
    metadata = job["metadata"]
    ended = {c["type"]: c for c in (job.get("status") or {}).get("conditions") or () if c.get("status") == "True"}
    end = ended.get("Complete") or ended.get("Failed")
    return Run(
        name=metadata["name"],
        revision=_labels(job).get(REVISION_LABEL, ""),
        made=str(metadata.get("creationTimestamp", "")),
        outcome="" if end is None else "Succeeded" if "Complete" in ended else "Failed",
        ended_at=_instant(end.get("lastTransitionTime")) if end else None,
        reason=str((end or {}).get("reason", "")),
        message=str((end or {}).get("message", "")),
        words=_words(pods),
    )


def heard(turn: Turn, run: Run) -> bool:
    """Whether a Job has ended, and its pod's words are here or will not come: the cache of Pods may lag."""
    if not run.outcome:
        return False
    return bool(run.scored or run.words.get("error")) or turn.age(run.ended_at) > MESSAGE_GRACE


def _words(pods: Iterable[Object]) -> Mapping[str, Any]:
    """Those of success before those of failure before those of progress; of the newest pod first."""
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
    said = [words for pod in newest for words in _messages(pod)]
    for kind in ("scored", "error", "scoring"):
        found = next((words for words in said if isinstance(words.get(kind), dict)), None)
        if found is not None:
            return found
    return {}


def _messages(pod: Object) -> Iterable[Mapping[str, Any]]:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        text = ((container.get("state") or {}).get("terminated") or {}).get("message", "")
        try:
            said = json.loads(text)
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said


def trouble(pods: Iterable[Object]) -> Trouble | None:
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
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting and waiting.get("reason") not in _HARMLESS:
            yield str(waiting.get("reason", "")), str(waiting.get("message", ""))


def _labels(obj: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return found


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
