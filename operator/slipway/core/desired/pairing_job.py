"""The Job that compares stable and candidate pair by pair from the prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.log_job import LogReader, log_job
from slipway.core.desired.names import JOB_LABEL, PAIRS_LABEL, Identity, short_hash
from slipway.core.pairs import PairedTask

_MEMORY = ("384Mi", "1536Mi")


@dataclass(frozen=True)
class PairingRun:
    """One comparison: of which revisions, epoch and span of stable's requests, and what is counted."""

    image: str
    log: PredictionLog
    stable: str
    candidate: str
    epoch: int
    since: datetime
    until: datetime
    assigned: bool
    task: PairedTask

    def job_name(self, rollout: str) -> str:
        """Name of the Job: one for each span of each epoch, so that a repeated request finds the one that was made."""
        asked = [self.stable, self.candidate, self.epoch, self.until.isoformat()]
        return f"{rollout}-pairs-{short_hash(asked)}"


def pairing_job(identity: Identity, run: PairingRun) -> dict[str, Any]:
    """The manifest."""
    name = run.job_name(identity.name)
    metadata = identity.metadata(name, {JOB_LABEL: name, PAIRS_LABEL: "true"}, owned=True)
    return log_job(metadata, LogReader("pairs", run.image, run.log, "SLIPWAY_PAIRS", _request(run), _MEMORY))


def _request(run: PairingRun) -> Mapping[str, Any]:
    return {
        "stable": run.stable,
        "candidate": run.candidate,
        "epoch": run.epoch,
        "since": run.since.isoformat(),
        "until": run.until.isoformat(),
        "assigned": run.assigned,
        "positive": run.task.positive,
        "numeric": run.task.numeric,
        "entity": run.task.entity,
        "slices": list(run.task.slices),
        "minimumRows": run.task.minimum_rows,
    }
