"""What the Jobs of a Batch rollout say: how they ended, in their pods' last words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slipway.core.desired.names import REVISION_LABEL
from slipway.core.desired.scoring_cronjob import RUN, SCORING_LABEL
from slipway.core.job_words import MESSAGE_GRACE
from slipway.core.rollout.snapshot import Object, Snapshot
from slipway.core.rollout.turn import Turn


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
    died: Mapping[str, Any] = field(default_factory=dict)
    """How the container of its newest pod ended that could not say why: killed for want of memory, say."""

    @property
    def scored(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.words.get("scored") or {}
        return found

    @property
    def error(self) -> tuple[str, str]:
        """Why it failed: in its pod's words, else in the kubelet's and the Job's."""
        said, killed = self.words.get("error") or {}, self.died.get("reason")
        reason, message = self.reason, self.message
        if killed:
            reason = str(killed) if killed != "Error" else reason
            message = f"{message}; its last pod ended with exit code {self.died.get('exitCode')} ({killed})"
        return str(said.get("reason") or reason or "Failed"), str(said.get("message") or message)


def runs(snapshot: Snapshot) -> list[Run]:
    """The scoring Jobs, newest first; those that try a candidate are none."""
    jobs = [job for job in snapshot.jobs.values() if _labels(job).get(SCORING_LABEL) == RUN]
    found = [read(job, snapshot.job_pods.get(job["metadata"]["name"], ())) for job in jobs]
    return sorted(found, key=lambda run: (run.made, run.name), reverse=True)


def read(job: Object, pods: Iterable[Object]) -> Run:
    """One Job with the last words of its pods."""
    metadata, newest = job["metadata"], _newest(pods)
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
        words=_words(newest),
        died=next((one for pod in newest[:1] for one in _ends(pod) if one.get("exitCode")), {}),
    )


def heard(turn: Turn, run: Run) -> bool:
    """Whether a Job has ended, and its pod's words are here or will not come: the cache of Pods may lag."""
    if not run.outcome:
        return False
    return bool(run.scored or run.words.get("error")) or turn.age(run.ended_at) > MESSAGE_GRACE


def _newest(pods: Iterable[Object]) -> list[Object]:
    """The newest first."""
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def _words(newest: Iterable[Object]) -> Mapping[str, Any]:
    """Those of success before those of failure before those of progress; of the newest pod first."""
    said = [words for pod in newest for words in _messages(pod)]
    for kind in ("scored", "error", "scoring"):
        found = next((words for words in said if isinstance(words.get(kind), dict)), None)
        if found is not None:
            return found
    return {}


def _messages(pod: Object) -> Iterable[Mapping[str, Any]]:
    for ended in _ends(pod):
        try:
            said = json.loads(ended.get("message", ""))
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said


def _ends(pod: Object) -> list[Mapping[str, Any]]:
    """How the containers of a pod ended that did."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [(container.get("state") or {}).get("terminated") for container in statuses]
    return [end for end in ends if end]


def _labels(obj: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return found


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
