"""Trials of a search as runs of MLflow, below the run of the attempt: visible there, and found by the next pod."""

from __future__ import annotations

import json
from typing import Any

from slipway_pipelines.tracking import Tracking
from slipway_pipelines.tuning import Trial

_SEARCH, _NUMBER, _PARAMETERS = "slipway.search", "slipway.trial", "slipway.parameters"
_VALUE = "value"


class TrackedTrials:
    """The trials of the search of one TrainingRun, whose `uid` names it.

    Raises (all methods): as `Tracking`.
    """

    def __init__(self, tracking: Tracking, experiment: str, parent: str, uid: str) -> None:
        self._tracking, self._experiment, self._parent, self._uid = tracking, experiment, parent, uid

    def finished(self) -> list[Trial]:
        """All trials that ended, of any pod and of any attempt."""
        query = f"tags.`{_SEARCH}` = '{self._uid}' and attributes.status = 'FINISHED'"
        return [_trial(run) for run in self._tracking.runs(self._experiment, query)]

    def keep(self, trial: Trial) -> None:
        """Keeps a trial. One that breaks off leaves a run that is not FINISHED, which counts for nothing."""
        tags = {
            **({"mlflow.parentRunId": self._parent} if self._parent else {}),
            _SEARCH: self._uid,
            _NUMBER: str(trial.number),
            _PARAMETERS: json.dumps(dict(trial.parameters)),
        }
        run = self._tracking.child(self._experiment, f"trial-{trial.number}", tags)
        self._tracking.log(run, trial.parameters, {_VALUE: trial.value, "seconds": trial.seconds})
        self._tracking.end(run, "FINISHED")


def _trial(run: Any) -> Trial:
    tags, metrics = run.data.tags, run.data.metrics
    value = float(metrics.get(_VALUE, "nan"))
    return Trial(int(tags[_NUMBER]), json.loads(tags[_PARAMETERS]), value, float(metrics.get("seconds", 0)))
