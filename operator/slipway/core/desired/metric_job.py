"""The Job that an administrator's MetricTemplate asks: it reads a question from its environment, and leaves the answer
in its termination message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.metrictemplate import JobProvider
from slipway.core.desired.confinement import confined_container, confined_job_pod
from slipway.core.desired.job import Bounds, job
from slipway.core.desired.names import GROUP, JOB_LABEL, Identity, short_hash
from slipway.core.readings import Question

METRIC_LABEL = f"{GROUP}/metric"
"""On Jobs and pods that measure: a hash of template and question, which all Jobs of one question have."""

QUESTION = "SLIPWAY_QUESTION"
_RETRIES = 2
_KEEP_SECONDS = 3600


@dataclass(frozen=True)
class MetricJob:
    """One question to one Job of a template."""

    key: str
    provider: JobProvider
    question: Question

    @property
    def series(self) -> str:
        """What the Jobs of this question have in common; a changed template is another question."""
        asked = self.question
        same = [asked.template, asked.candidate, asked.stable, asked.stage, asked.epoch, asked.window]
        return short_hash([*same, self.provider.model_dump(mode="json")])

    @property
    def oldest(self) -> float:
        """Greatest age in seconds of an answer that still counts."""
        return 2 * self.provider.every.seconds + self.provider.deadline.seconds

    def slot(self, now: datetime) -> int:
        """The number of the Job that is due now, from the beginning of the epoch."""
        return int((now - self.question.since).total_seconds() // self.provider.every.seconds)

    def name(self, rollout: str, now: datetime) -> str:
        """Name of the Job that is due now: made once, whoever restarts."""
        return f"{rollout}-metric-{short_hash([self.series, self.slot(now)])}"


def metric_job(identity: Identity, asked: MetricJob, now: datetime) -> dict[str, Any]:
    """The manifest: no token, no Secret, no volume but an empty one, a deadline, few retries."""
    name = asked.name(identity.name, now)
    metadata = identity.metadata(name, {JOB_LABEL: name, METRIC_LABEL: asked.series}, owned=True)
    every, deadline = asked.provider.every.seconds, asked.provider.deadline.seconds
    keep = int(max(_KEEP_SECONDS, 3 * every))
    return job(metadata, Bounds(max(1, int(deadline)), _RETRIES, keep), _pod(asked, now))


def _pod(asked: MetricJob, now: datetime) -> dict[str, Any]:
    container = {
        "name": "metric",
        "image": asked.provider.image,
        **({"command": list(asked.provider.command)} if asked.provider.command else {}),
        "env": [{"name": QUESTION, "value": asked.question.body(now)}, {"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": confined_container(),
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    volumes = [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]
    return {**confined_job_pod(), "containers": [container], "volumes": volumes}
