"""A policy with a trigger of type Performance, and Jobs that say what a test lets them say."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.retrain_performance import Performance
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.measurement import Labelled

from tests.unit.drift.policy_world import RAW, START, World

PRECISION = {"metric": "precision", "op": "<", "bound": "75%", "window": "24h"}
SQL = {"secretRef": {"name": "warehouse"}, "query": "select id, fraud from chargebacks", "key": "payment"}
TASK: dict[str, Any] = {
    "goal": "Lose less", "justification": "Complex", "type": "BinaryClassification", "id": "payment", "entity": "card",
    "timestamp": "at",
    "label": {"column": "fraud", "positive": "1", "maturity": {"p95": "6h", "completeness": "90%"},
              "source": {"sql": SQL}},
    "serving": {"mode": "Inline", "latency": {"p99": "1s"}}, "features": [{"name": "amount", "type": "Numeric"}],
    "metrics": {"primary": "average_precision"}, "criteria": [{"name": "catch", "expression": "recall >= 0.5"}],
}  # fmt: skip
LOG = {"uri": "s3://lake/predictions/", "secretRef": {"name": "lake"}, "rotate": {"every": "1m"}}


def task(**label: Any) -> ModelTaskSpec:
    """The task, with changes to its label; None leaves a field out."""
    changed = {name: value for name, value in {**TASK["label"], **label}.items() if value is not None}
    return ModelTaskSpec.model_validate({**TASK, "label": changed})


@dataclass(frozen=True)
class Said:
    """What a measurement counts: each predicted positive is of an entity of its own."""

    right: int = 170
    trials: int = 200
    rows: int = 2000
    labelled: int = 1950
    flagged: int | None = None
    flagged_labelled: int | None = None
    explored: int = 0
    clusters: int | None = None
    silent: int = 0
    pending: int = 30
    ripe: datetime | None = None
    pace: float = 0.01

    def words(self) -> str:
        n = self.trials
        clusters = n if self.clusters is None else self.clusters
        said = {
            name: getattr(self, name)
            for name in ("rows", "labelled", "trials", "explored", "silent", "pending", "pace")
        }
        said |= {
            "flagged": n if self.flagged is None else self.flagged,
            "flagged_labelled": n if self.flagged_labelled is None else self.flagged_labelled,
            "ripe": self.ripe.isoformat() if self.ripe else None, "spread": 1, "share": 1, "unit": "entities",
            "sums": [clusters, self.right, n, self.right, n, self.right, 1],
            "revised": 2, "contradictory": 1, "repeated": 3, "unkeyed": 4,
            "cohorts": [[START.isoformat(), self.rows, self.labelled, n, n, self.right]],
            "ages": [[0, 100, 20], [21600, self.rows, self.labelled]],
        }  # fmt: skip
        return json.dumps({"performance": said})


FELL = Said(right=120)
"""60% of 200."""


def labelled_world(performance: dict[str, Any] | None = None, **changed: Any) -> World:
    """The policy's only trigger asks matured labels."""
    trigger = {"name": "precision", "type": "Performance", "performance": performance or dict(PRECISION)}
    seen = {"image": "pipelines:1", "log": PredictionLog.model_validate(LOG), "task": task(), **changed}
    return World(spec={**RAW, "triggers": [trigger]}, labelled=Labelled(**seen))


def jobs(world: World) -> list[dict[str, Any]]:
    """Those that exist, in the order of their making."""
    found: list[Any] = list(world.labelled.jobs.values())
    return sorted(found, key=lambda job: job["metadata"]["creationTimestamp"])


def end(world: World, words: str, code: int = 0) -> None:
    """The newest Job ends, with these words."""
    job = jobs(world)[-1]
    name, kind = job["metadata"]["name"], "Complete" if code == 0 else "Failed"
    condition = {"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed"}
    status = {"conditions": [condition], "completionTime": world.now.isoformat()}
    ended = {"terminated": {"exitCode": code, "message": words}}
    pod = {
        "metadata": {"name": f"{name}-x", "ownerReferences": [{"uid": job["metadata"]["uid"]}]},
        "status": {"phase": "Failed" if code else "Succeeded", "containerStatuses": [{"state": ended}]},
    }
    world.labelled = replace(
        world.labelled, jobs={**world.labelled.jobs, name: {**job, "status": status}},
        pods={**world.labelled.pods, name: (pod,)},
    )  # fmt: skip


def measured(world: World, said: Said) -> None:
    """A measurement is asked for, made and heard."""
    world.settle()
    end(world, said.words())
    world.settle()


def known(world: World) -> Performance:
    """What status says of the first trigger."""
    return world.status.performance[0]
