"""A promoted version on a real API server: the operator makes the Job that measures it, hears its words, and acts.

Nothing runs pods here: the pod's words are written by hand, as the kubelet would.
"""

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
from tests.controlplane.real_operator import certificate, operator
from tests.controlplane.test_chart_uninstall import crd
from tests.controlplane.test_performance import made, says
from tests.unit.drift.labelled_world import LOG, TASK, Said

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane
FLAGS = ("--resync=2", "--pipelines-image=pipelines:1")
PATIENCE = 120
NAME = "precise"
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
    blank.create(crd("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices"))
    blank.create(crd("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"))
    blank.plane.kubectl.await_kinds("inferenceservices.serving.kserve.io", "httproutes.gateway.networking.k8s.io")
    blank.create(made("ModelTask", TASK))
    blank.create(asked())
    since = datetime.now(UTC) - timedelta(minutes=10)
    variants = [variant("stable", "bbbb", "2", since), variant("previous", "aaaa", "1", since)]
    status = json.dumps({"status": {"revisionCounter": 2, "variants": variants}})
    patch = ("patch", "modelrollout", NAME, "-n", "default", "--subresource=status", "--type=merge", "-p", status)
    blank.kubectl(*patch)
    return blank


def status(release: Release) -> dict[str, Any]:
    return dict(release.get("modelrollout", NAME, "-n", "default").get("status") or {})


def condition(release: Release, kind: str) -> dict[str, Any]:
    return next((dict(each) for each in status(release).get("conditions", ()) if each["type"] == kind), {})


def jobs(release: Release) -> list[dict[str, Any]]:
    return list(release.get("job", "-n", "default", "-l", "slipway.dev/performance=true")["items"])


def the_job(release: Release) -> dict[str, Any]:
    def there() -> None:
        known = status(release).get("probation") or {}
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
        pod = job["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
        request = next(e["value"] for e in pod["containers"][0]["env"] if e["name"] == "SLIPWAY_PERFORMANCE")
        assert json.loads(request)["revision"] == "bbbb"
        assert condition(promoted, "OnProbation")["status"] == "True"
        says(promoted, job, said.words())
        eventually(lambda: _decided(promoted, verdict), PATIENCE)
        assert condition(promoted, "OnProbation")["reason"] == reason
        assert {each["name"] for each in status(promoted)["variants"]} == {"stable", "previous"}
        if verdict == "Breach":  # onBreach: Hold
            assert condition(promoted, "Stalled")["reason"] == "Breached"
        assert "orbidden" not in running.log.read_text(), running.log.read_text()[-2000:]
    known = status(promoted)["probation"]
    assert {"since", "until", "low", "high", "completeness", "cohorts", "ages", "ends", "decidedAt"} <= known.keys()


def _decided(release: Release, verdict: str) -> None:
    assert (status(release).get("probation") or {}).get("verdict") == verdict


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ({"metric": "roc_auc"}, "metric must be one that matured labels give: precision, recall, accuracy, mae"),
        ({"bound": "100ms"}, "bound must be a number such as 3 or a share such as 75%"),
        ({"bound": "75"}, "bound must be a share from 0% to 100%"),
    ],
)
def test_what_labels_cannot_give_is_refused_by_the_api_server(
    released: Release, limit: dict[str, str], says: str
) -> None:
    manifest = copy.deepcopy(asked(probation={**LIMIT, **limit}))
    with pytest.raises(ClusterError, match=says):
        released.create(manifest)
