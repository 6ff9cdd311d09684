"""A fall of precision on a real API server: the operator makes the Job, hears its words and orders one TrainingRun."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway.api.v1alpha1.modeltask import ModelTaskSpec

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import Release, eventually, rollout
from tests.controlplane.late_labels import (
    FLAGS,
    NAME,
    NOT_FROM_LABELS,
    PATIENCE,
    assert_confined,
    jobs,
    made,
    says,
    status,
    write_status,
)
from tests.controlplane.real_operator import certificate, operator
from tests.unit.drift.labelled_world import FELL, LOG, PRECISION, TASK, Said
from tests.unit.drift.policy_world import TEMPLATE

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane


def policy(**performance: str) -> dict[str, Any]:
    trigger = {"name": "precision", "type": "Performance", "performance": {**PRECISION, **performance}}
    run = {**TEMPLATE["spec"], "taskRef": {"name": NAME}, "cancel": True}
    return made("RetrainPolicy", {"rolloutRef": {"name": NAME}, "triggers": [trigger], "runTemplate": {"spec": run}})


@pytest.fixture
def served(released: Release) -> Iterator[Release]:
    """A task with late labels, and a rollout with a log whose stable revision is said to serve."""
    ModelTaskSpec.model_validate(TASK)
    released.create(made("ModelTask", TASK))
    manifest = rollout("default", NAME)
    manifest["spec"] |= {"predictionLog": LOG}
    released.create(manifest)
    stable = {"name": "stable", "revision": "aaaa", "version": "1", "weight": "100%"}
    # without an image the condition ImageBuilt would have no message, and the API server refuses such a status
    stable |= {"inferenceService": f"{NAME}-aaaa", "image": "registry.example.com/fraud:1"}
    write_status(released, "modelrollout", NAME, {"variants": [stable]})
    yield released
    for kind in ("retrainpolicy", "modelrollout", "modeltask", "trainingrun"):
        released.kubectl("delete", kind, "--all", "-n", "default", "--wait=false")


def runs(release: Release) -> list[dict[str, Any]]:
    return list(release.get("trainingrun", "-n", "default", "-l", f"slipway.dev/policy={NAME}")["items"])


def measured(release: Release) -> dict[str, Any]:
    """What status has of the one trigger."""
    known = status(release, "retrainpolicy").get("performance") or []
    assert len(known) == 1, known
    return dict(known[0])


def newest_job(release: Release, run: int) -> dict[str, Any]:
    """The Job of the policy's measurement of this number."""

    def there() -> None:
        known = measured(release)
        assert (known.get("run"), known.get("running")) == (run, True), known
        assert len(jobs(release)) == 1

    eventually(there, PATIENCE)
    return jobs(release)[0]


def test_a_fall_is_measured_by_a_job_and_orders_exactly_one_run(served: Release, tmp_path: Path) -> None:
    served.create(policy(window="1m"))
    with operator(served, certificate(tmp_path), tmp_path / "log", *FLAGS) as running:
        job = newest_job(served, 1)
        assert_confined(job)
        says(served, job, Said(right=170).words())
        eventually(lambda: _judged(served, "Clear"), PATIENCE)
        assert runs(served) == []
        says(served, newest_job(served, 2), FELL.words())
        eventually(lambda: _one_run(served), PATIENCE)
        time.sleep(10)  # five resyncs
        _one_run(served)
        assert "orbidden" not in running.log.read_text(), running.log.read_text()[-2000:]
    found = status(served, "retrainpolicy")
    assert found["lastRun"]["causes"] == ["precision"]
    (known,) = found["performance"]
    assert (known["value"], known["trials"]) == ("60%", 200)
    assert {"since", "until", "low", "high", "completeness", "cohorts", "ages"} <= known.keys()


def _judged(release: Release, verdict: str) -> None:
    assert measured(release).get("verdict") == verdict


def _one_run(release: Release) -> None:
    found = runs(release)
    assert len(found) == 1, found
    (run,) = found
    assert run["metadata"]["annotations"]["slipway.dev/triggers"] == "precision"
    assert run["spec"]["cause"] == "Emergency"


@pytest.mark.parametrize(("performance", "refusal"), NOT_FROM_LABELS)
def test_what_labels_cannot_give_is_refused_by_the_api_server(
    released: Release, performance: dict[str, str], refusal: str
) -> None:
    with pytest.raises(ClusterError, match=refusal):
        released.create(policy(**performance))
