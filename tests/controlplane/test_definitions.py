"""Definitions that change, on a real API server with a real MLflow, by the real operator with the chart's rights.

No Job runs here: what one would have recorded in MLflow and said to the operator is written by the test.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway.api.v1alpha1.fingerprints import DEFINITIONS_TAG, INPUTS_TAG, DefinedFeature, Fingerprints, Inputs
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.definitions import FORMAT, definitions
from slipway.features.tags import in_tags

from tests.cluster.bare import ControlPlane, ControlPlaneBinaries
from tests.controlplane.charted import Release, eventually, rollout
from tests.controlplane.real_operator import certificate, operator
from tests.controlplane.wrong_manifests import good
from tests.mlflow_server import mlflow_server

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]
PATIENCE = 90
CONDITION = "FeatureDefinitionChanged"
SAFE, OTHER = "https + popup_window", "https - popup_window"


@pytest.fixture
def running(binaries: ControlPlaneBinaries, tmp_path: Path) -> Iterator[tuple[Release, Any]]:
    from mlflow import MlflowClient

    with mlflow_server(tmp_path) as address, ControlPlane(binaries) as plane:
        release = Release(plane, binaries)
        release.install()
        flags = ("--resync=600", "--lease-duration=60", "--lease-renew-deadline=40", f"--mlflow={address}")
        with operator(release, certificate(tmp_path), tmp_path / "log.txt", *flags):
            yield release, MlflowClient(address, address)


def task(name: str) -> dict[str, Any]:
    (found,) = copy.deepcopy(good("modeltask-phishing"))
    found["metadata"] = {"name": name, "namespace": "default"}
    found["spec"]["features"].append({"name": "safe", "expression": SAFE})
    return found


def define(release: Release, name: str, expression: str) -> None:
    features = [*task(name)["spec"]["features"][:-1], {"name": "safe", "expression": expression}]
    release.kubectl("patch", "modeltask", name, "--type=merge", "-p", json.dumps({"spec": {"features": features}}))


def trained(release: Release, mlflow: Any, of: str, fingerprinted: bool = True) -> str:
    """A run that has ended, its MLflow run and the version that it registered; returns the version."""
    found = definitions(ModelTaskSpec.model_validate(release.get("modeltask", of)["spec"]))
    recorded = Inputs(format=FORMAT, features=tuple(DefinedFeature(**vars(one)) for one in found))
    carried = Fingerprints(format=FORMAT, digests={one.name: one.digest for one in found})
    run = mlflow.create_run("0", tags=in_tags(INPUTS_TAG, recorded.model_dump_json()) if fingerprinted else {})
    mlflow.set_terminated(run.info.run_id)
    if not mlflow.search_registered_models(f"name = '{of}'"):
        mlflow.create_registered_model(of)
    tags = {"slipway.digest": f"sha256:{run.info.run_id:0>64}", "slipway.evaluation": "passed"}
    tags |= in_tags(DEFINITIONS_TAG, carried.model_dump_json()) if fingerprinted else {}
    version = str(mlflow.create_model_version(of, f"{run.info.artifact_uri}/model", run.info.run_id, tags).version)
    name, data = f"{of}-{version}", {"sources": [{"name": "lake", "uri": "s3://lake/pages/*.parquet"}]}
    trainer = {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}}
    spec = {"taskRef": {"name": of}, "data": data, "trainer": trainer, "register": {"model": of}, "suspend": True}
    meta = {"name": name, "namespace": "default"}
    release.create({"apiVersion": "slipway.dev/v1alpha1", "kind": "TrainingRun", "metadata": meta, "spec": spec})
    status = {
        "phase": "Succeeded", "runId": run.info.run_id, "version": version, "modelDigest": tags["slipway.digest"],
        "endedAt": "2026-11-23T10:00:00Z",
    }  # fmt: skip
    patch = ("patch", "trainingrun", name, "--type=merge", "--subresource=status", "-p", json.dumps({"status": status}))
    release.kubectl(*patch)
    eventually(lambda: recorded_in(release, name), PATIENCE)
    return version


def recorded_in(release: Release, run: str) -> None:
    assert "inputs" in release.get("trainingrun", run)["status"]


def follow(release: Release, name: str, of: str, version: str) -> None:
    manifest = rollout("default", name)
    manifest["spec"] |= {
        "taskRef": {"name": of},
        "model": {"type": "MLflow", "mlflow": {"name": of, "version": version}},
    }
    release.create(manifest)


def condition(release: Release, kind: str, name: str, about: str = CONDITION) -> tuple[str, str, str]:
    status = release.get(kind, name).get("status", {})
    found = next((each for each in status.get("conditions", ()) if each["type"] == about), {})
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")


def says(release: Release, kind: str, name: str, status: str, words: str = "", about: str = CONDITION) -> None:
    def said() -> None:
        found = condition(release, kind, name, about)
        assert found[0] == status, found
        assert words in found[2], found

    eventually(said, PATIENCE)


def begun(release: Release, name: str) -> bool:
    return "target" in release.get("modelrollout", name).get("status", {})


def begun_as_trained(release: Release, mlflow: Any) -> str:
    """Two tasks that share features, one apart from them, and a rollout of the first; returns its version."""
    for name in ("pages", "mails", "apart"):
        release.create(task(name))
    define(release, "apart", "popup_window * 2")
    version = trained(release, mlflow, "pages")
    for name in ("mails", "apart"):
        trained(release, mlflow, name)
    follow(release, "begun", "pages", version)
    says(release, "modeltask", "pages", "False", "definitions of today")
    says(release, "modelrollout", "begun", "False")
    digests = release.get("modelrollout", "begun")["status"]["target"]["definitions"]["digests"]
    assert set(digests) == {"popup_window", "https", "safe"}
    return version


def test_a_change_is_told_on_both_tasks_holds_the_rollout_and_is_lifted_by_going_back(
    running: tuple[Release, Any],
) -> None:
    release, mlflow = running
    version = begun_as_trained(release, mlflow)

    define(release, "pages", OTHER)
    follow(release, "waits", "pages", version)
    change = f"safe: {SAFE} -> {OTHER}"
    says(
        release, "modeltask", "pages", "True", f"{change} [version {version} of pages, candidate of ModelRollout begun]"
    )
    says(release, "modeltask", "mails", "True", f"shared with ModelTask pages: {change}")
    says(release, "modelrollout", "begun", "True", change)
    says(release, "modelrollout", "begun", "False", change, about="AdvanceAllowed")
    says(release, "modelrollout", "waits", "False", f"{change}. It does not advance", about="Progressing")
    assert not begun(release, "waits")
    assert condition(release, "modeltask", "apart") == ("", "", "")

    anew = trained(release, mlflow, "pages")
    follow(release, "anew", "pages", anew)
    says(release, "modelrollout", "anew", "False", "as they were when the models were trained")
    assert begun(release, "anew")

    define(release, "pages", "https+popup_window")
    says(release, "modelrollout", "waits", "False", "as they were when the models were trained")
    assert begun(release, "waits")
    says(release, "modelrollout", "begun", "", about="AdvanceAllowed")
    says(release, "modelrollout", "anew", "True", f"safe: {OTHER} -> https+popup_window")

    release.kubectl("delete", "modelrollout", "anew")
    says(release, "modeltask", "pages", "False", "definitions of today")
    says(release, "modeltask", "mails", "")


def test_a_model_without_fingerprints_begins_and_is_told(running: tuple[Release, Any]) -> None:
    release, mlflow = running
    release.create(task("pages"))
    version = trained(release, mlflow, "pages", fingerprinted=False)
    define(release, "pages", OTHER)
    follow(release, "unknown", "pages", version)
    says(release, "modelrollout", "unknown", "Unknown", f"version {version}: it carries no fingerprints")
    assert begun(release, "unknown")
    says(release, "modeltask", "pages", "Unknown", "train again to have them")
