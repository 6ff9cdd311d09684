"""A Batch task's model is first loaded by a proof, without the Secrets of its stores; only then is it tried."""

from __future__ import annotations

import json
from typing import Any

from slipway.core.desired.names import PROOF_LABEL
from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import Object
from tests.unit.core.batch_world import BatchWorld, pin, scores, scoring
from tests.unit.core.traffic_model import Behaviour


def proofs(world: BatchWorld) -> list[Object]:
    """The Jobs that prove."""
    return [
        obj
        for key, obj in world.objects.items()
        if key.kind == "Job" and PROOF_LABEL in (obj["metadata"].get("labels") or {})
    ]


def proving(**spec: Any) -> BatchWorld:
    """Version 1 is being proven."""
    world = BatchWorld(**spec)
    world.put(ObjectKey("v1", "Secret", "ns", "warehouse"), None)["data"] = {"token": "x"}
    return world.run(30, lambda w: bool(w.status.get("phase") == "Proving" and proofs(w)))  # type: ignore[arg-type, return-value]


def test_no_job_with_secrets_exists_before_the_model_has_answered() -> None:
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "warehouse", "key": "token"}}}
    world = proving(predictor={"env": [secret]})
    (job,) = proofs(world)
    text = json.dumps(job["spec"])
    assert "secretRef" not in text
    assert "secretKeyRef" not in text
    assert "persistentVolumeClaim" not in text
    assert world.jobs("trial") == []
    assert world.condition("ModelProven")[:2] == ("Unknown", "Proving")
    world.run(60, lambda w: bool(w.jobs("trial")))  # type: ignore[attr-defined]
    assert world.condition("ModelProven") == ("True", "Answers", "version 1 answers; its task declares no latency")


def test_a_model_that_dies_is_refused_and_never_tried() -> None:
    world = scoring()
    world.versions["2"] = Behaviour(proves=False)
    tried: list[str] = []
    pin(world, "2").run(60, lambda w: tried.extend(w.jobs("trial")) or bool(w.status.get("rejected")))  # type: ignore[attr-defined, func-returns-value]
    world.run(3)
    assert tried == []
    assert world.condition("ModelProven")[:2] == ("False", "ProcessDied")
    assert world.condition("Stalled")[1] == "Rejected"
    assert world.variants()["stable"]["version"] == "1"


def test_what_was_proven_once_is_tried_at_once() -> None:
    world = pin(scoring(), "2").run(60, scores("2")).run(310)  # the kept version is let go
    begun = len(world.trace)
    pin(world, "1").run(60, scores("1"))  # type: ignore[arg-type]
    assert [line[0] for line in world.trace[begun:]] == ["Build", "Start", ""]
