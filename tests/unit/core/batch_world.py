"""The simulated cluster for a Batch task: Jobs that try and score, and a person who makes one from the CronJob."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from slipway.core.desired.scoring_cronjob import SCORING_LABEL
from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import Object, remembered
from tests.unit.core.simulation import KEY, TASK, Simulation
from tests.unit.core.traffic_model import Behaviour

CRON_JOB = ObjectKey("batch/v1", "CronJob", "ns", "fraud-scoring")
BATCH: Mapping[str, Any] = {
    "input": {"uri": "s3://lake/to-score/", "secretRef": {"name": "lake"}},
    "output": {"uri": "file:///data/scores"},
    "schedule": {"cron": "0 3 * * *", "timeZone": "Europe/Rome", "startingDeadline": "1h"},
    "volume": {"persistentVolumeClaim": {"claimName": "scores"}},
}
SPEC: Mapping[str, Any] = {
    "taskRef": {"name": "fraud"},
    "model": {"type": "MLflow", "mlflow": {"name": "fraud", "version": "1"}},
    "stages": [],
    "predictor": {"resources": {"limits": {"memory": "1Gi"}}},
    "promotion": {"keepPrevious": {"atLeast": "5m", "atMost": "1h"}},
}


def task(**batch: Any) -> dict[str, Any]:
    """A ModelTask's spec; None takes a field of the batch away."""
    asked = {name: copy.deepcopy(value) for name, value in {**BATCH, **batch}.items() if value is not None}
    return {
        "goal": "Lose less money to fraud",
        "justification": "Changing",
        "type": "BinaryClassification",
        "id": "payment",
        "entity": "card",
        "label": {"column": "fraud", "positive": "1"},
        "serving": {"mode": "Batch", "batch": asked},
        "features": [
            {"name": "amount", "type": "Numeric", "column": "sum in EUR"},
            {"name": "country", "type": "Categorical"},
        ],
        "metrics": {"primary": "recall"},
        "criteria": [{"name": "catch", "expression": "recall >= 0.5"}],
    }


class BatchWorld(Simulation):
    """`fate` says how a Job of a version ends: the last words of its pod; an Unstarted pod never runs;
    `words_late` is by how many seconds the cache of Pods lags behind that of Jobs."""

    def __init__(self, **spec: Any) -> None:
        super().__init__({**SPEC, **spec}, {version: Behaviour() for version in ("1", "2", "3")})
        self.put(TASK, spec=task())
        self.fate: dict[str, Mapping[str, Any]] = {}
        self.job_seconds, self.words_late = 3, 0

    def _build(self, job: Object) -> None:
        labels = job["metadata"].get("labels") or {}
        if SCORING_LABEL not in labels:
            super()._build(job)
        elif self._age(job) >= self.job_seconds:
            self._score(job)

    def _score(self, job: Object) -> None:
        said = self.fate.get(version_of(job), {"scored": {"rows": 250, "badRecords": 1, "seconds": 2.4, "output": "o"}})
        name = job["metadata"]["name"]
        pod_key = ObjectKey("v1", "Pod", "ns", f"{name}-x")
        labels = {**job["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
        pod = self.objects.get(pod_key) or self.put(pod_key, None, labels=labels)
        if "pending" in said:
            pod["status"] = {"phase": "Pending", **said["pending"]}
            return
        if not job.get("status"):
            how = "Failed" if "error" in said else "Complete"
            at = self.now.isoformat()
            job["status"] = {"conditions": [{"type": how, "status": "True", "lastTransitionTime": at, "reason": "R"}]}
        if self._age(job) >= self.job_seconds + self.words_late:
            pod["status"] = {"containerStatuses": [{"state": {"terminated": {"message": json.dumps(said)}}}]}

    def run_by_hand(self, name: str) -> ObjectKey:
        """kubectl create job --from=cronjob/fraud-scoring NAME."""
        template = copy.deepcopy(self.objects[CRON_JOB]["spec"]["jobTemplate"])
        key = ObjectKey("batch/v1", "Job", "ns", name)
        self.put(key, template["spec"], labels=template["metadata"]["labels"])
        return key

    def image(self) -> str:
        """The image that scores."""
        return str(container(self.objects[CRON_JOB]["spec"]["jobTemplate"])["image"])

    def jobs(self, kind: str) -> list[str]:
        return [
            key.name
            for key, obj in self.objects.items()
            if key.kind == "Job" and (obj["metadata"].get("labels") or {}).get(SCORING_LABEL) == kind
        ]


def container(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container of a Job's template."""
    found: Mapping[str, Any] = template["spec"]["template"]["spec"]["containers"][0]
    return found


def version_of(job: Mapping[str, Any]) -> str:
    """The model version that a Job scores with."""
    return next(e["value"] for e in container(job)["env"] if e["name"] == "SLIPWAY_VERSION")


@remembered
def scoring(**spec: Any) -> BatchWorld:
    """Version 1 scores."""
    world = BatchWorld(**spec)
    world.run(60, lambda w: w.status.get("phase") == "Scoring")
    return world.run(3)  # type: ignore[return-value]


def pin(world: BatchWorld, version: str) -> BatchWorld:
    """A person asks for a version."""
    world.edit(KEY, lambda spec: spec["model"]["mlflow"].update(version=version))
    return world


def scores(version: str) -> Any:
    """A condition for `run`: the version is stable and nothing is under way."""
    return lambda world: world.variants().get("stable", {}).get("version") == version and not world.status.get("stage")
