"""A promoted version on a real API server: the operator makes the Job that measures it, hears its words, and acts."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.prediction_log import VARIABLE, reader_places

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import Release, eventually, rollout
from tests.controlplane.foreign_kinds import serve_foreign_kinds
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
from tests.unit.drift.labelled_world import LOG, TASK, Said

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane
LIMIT = {"metric": "precision", "op": ">=", "bound": "75%"}
PROMOTION = {"keepPrevious": {"atLeast": "7d", "atMost": "120d"}, "probation": LIMIT}


def asked(**promotion: Any) -> dict[str, Any]:
    manifest = rollout("default", NAME)
    manifest["spec"] |= {"predictionLog": LOG, "promotion": {**PROMOTION, **promotion}, "onBreach": "Hold"}
    return manifest


def variant(name: str, revision: str, version: str, since: datetime) -> dict[str, Any]:
    """As a promotion leaves it, with the log in its pods."""
    places = json.dumps(reader_places(PredictionLog.model_validate(LOG)))
    template = {
        "containers": [{"name": "kserve-container", "image": "x:1", "env": [{"name": VARIABLE, "value": places}]}]
    }
    serves = {"weight": "100%", "role": "Serving"}
    kept = {"weight": "0%", "role": "Kept", "keepUntil": f"{since + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"}
    return {
        "name": name, "revision": revision, "version": version, "number": int(version), "image": "x:1",
        "inferenceService": f"{NAME}-{revision}", "template": json.dumps(template),
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}", **(kept if name == "previous" else serves),
    }  # fmt: skip


@pytest.fixture
def promoted(blank: Release) -> Release:
    """A task with late labels, and a rollout whose second version was promoted ten minutes ago."""
    blank.install()
    serve_foreign_kinds(blank)
    blank.create(made("ModelTask", TASK))
    blank.create(asked())
    since = datetime.now(UTC) - timedelta(minutes=10)
    variants = [variant("stable", "bbbb", "2", since), variant("previous", "aaaa", "1", since)]
    write_status(blank, "modelrollout", NAME, {"revisionCounter": 2, "variants": variants})
    return blank


def condition(release: Release, kind: str) -> dict[str, Any]:
    return next(
        (dict(each) for each in status(release, "modelrollout").get("conditions", ()) if each["type"] == kind), {}
    )


def the_job(release: Release) -> dict[str, Any]:
    def there() -> None:
        known = status(release, "modelrollout").get("probation") or {}
        assert known.get("running"), known
        assert len(jobs(release)) == 1

    eventually(there, PATIENCE)
    return jobs(release)[0]


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [(Said(right=950, trials=1000), "Pass", "Passed"), (Said(right=600, trials=1000), "Breach", "ProbationFailed")],
    ids=["kept", "broken"],
)
def test_a_job_measures_the_promoted_version_and_its_words_decide(
    promoted: Release, tmp_path: Path, said: Said, verdict: str, reason: str
) -> None:
    with operator(promoted, certificate(tmp_path), tmp_path / "log", *FLAGS) as running:
        job = the_job(promoted)
        assert job["metadata"]["ownerReferences"][0]["kind"] == "ModelRollout"
        assert_confined(job)
        container = job["spec"]["template"]["spec"]["containers"][0]
        request = next(e["value"] for e in container["env"] if e["name"] == "SLIPWAY_PERFORMANCE")
        assert json.loads(request)["revision"] == "bbbb"
        assert condition(promoted, "OnProbation")["status"] == "True"
        says(promoted, job, said.words())
        eventually(lambda: _decided(promoted, verdict), PATIENCE)
        assert condition(promoted, "OnProbation")["reason"] == reason
        assert {each["name"] for each in status(promoted, "modelrollout")["variants"]} == {"stable", "previous"}
        if verdict == "Breach":  # onBreach: Hold
            assert condition(promoted, "Stalled")["reason"] == "Breached"
        assert "orbidden" not in running.log.read_text(), running.log.read_text()[-2000:]
    known = status(promoted, "modelrollout")["probation"]
    assert {"since", "until", "low", "high", "completeness", "cohorts", "ages", "ends", "decidedAt"} <= known.keys()


def _decided(release: Release, verdict: str) -> None:
    assert (status(release, "modelrollout").get("probation") or {}).get("verdict") == verdict


@pytest.mark.parametrize(("limit", "refusal"), NOT_FROM_LABELS)
def test_what_labels_cannot_give_is_refused_by_the_api_server(
    released: Release, limit: dict[str, str], refusal: str
) -> None:
    manifest = copy.deepcopy(asked(probation={**LIMIT, **limit}))
    with pytest.raises(ClusterError, match=refusal):
        released.create(manifest)
