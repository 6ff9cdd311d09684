"""Contents of Secrets and ConfigMaps on a real API server, by the real operator with the chart's rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bare import ControlPlaneBinaries
from tests.controlplane.bench import Audited
from tests.controlplane.charted import NAMESPACE, OPERATOR, Release, eventually, rollout
from tests.controlplane.real_operator import Operator, certificate, operator
from tests.controlplane.wrong_manifests import good

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane
FLAGS, PATIENCE = ("--resync=5",), 120
IMAGE = "registry.example.com/fraud@sha256:" + "a" * 64
PASSWORD = "hunter2"
ENV = [
    {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "limits", "key": "mode"}}},
]


@pytest.fixture
def running(binaries: ControlPlaneBinaries, tmp_path: Path) -> Iterator[tuple[Release, Audited, Operator]]:
    with Audited(tmp_path) as plane:
        release = Release(plane, binaries)
        release.install()
        with operator(release, certificate(tmp_path), tmp_path / "log", *FLAGS) as process:
            yield release, plane, process


def named(name: str) -> dict[str, Any]:
    """A rollout of a finished image: nothing is built, and its proof waits for a builder's image."""
    manifest = rollout("default", name)
    manifest["spec"] |= {"predictor": {"env": ENV}, "certification": {"waiver": "a test"}}
    manifest["spec"]["taskRef"] = {"name": "phishing"}
    manifest["spec"]["model"] = {"type": "Image", "image": {"image": IMAGE}}
    return manifest


def condition(release: Release, name: str) -> tuple[str, str, str]:
    status = release.get("modelrollout", name).get("status", {})
    found = next((each for each in status.get("conditions", ()) if each["type"] == "ReferencesResolved"), {})
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")


def says(release: Release, name: str, status: str, reason: str, words: str) -> None:
    found = condition(release, name)
    assert found[:2] == (status, reason), found
    assert words in found[2]


def contents(release: Release, name: str) -> str:
    digest = release.get("modelrollout", name).get("status", {}).get("target", {}).get("contents")
    assert digest, "no contents yet"
    return str(digest)


def test_contents_are_read_by_name_and_stand_nowhere(running: tuple[Release, Audited, Operator]) -> None:
    release, plane, process = running
    release.create(task())
    release.create(named("named"))
    eventually(lambda: says(release, "named", "False", "ReferenceMissing", "there is no Secret db"), PATIENCE)
    release.kubectl("create", "secret", "generic", "db", f"--from-literal=password={PASSWORD}", "--from-literal=x=1")
    eventually(lambda: says(release, "named", "False", "ReferenceMissing", "there is no ConfigMap limits"), PATIENCE)
    release.kubectl("create", "configmap", "limits", "--from-literal=mode=strict")
    eventually(lambda: says(release, "named", "True", "Resolved", "ConfigMap limits, Secret db"), PATIENCE)
    eventually(lambda: contents(release, "named"), PATIENCE)
    first = contents(release, "named")
    release.kubectl("patch", "secret", "db", "-p", json.dumps({"stringData": {"x": "2"}}))
    release.kubectl("patch", "configmap", "limits", "-p", json.dumps({"data": {"mode": "lenient"}}))
    eventually(lambda: changed(release, first), PATIENCE)
    release.kubectl("patch", "configmap", "limits", "-p", json.dumps({"data": {"mode": "strict"}}))
    eventually(lambda: back(release, first), PATIENCE)
    made = release.get("secret", "slipway-digest-key", "-n", NAMESPACE)
    assert len(made["data"]["key"]) == 44
    written = json.dumps([release.get(kind, "-n", "default") for kind in ("modelrollout", "event", "configmap")])
    assert PASSWORD not in written + process.log.read_text()
    assert "orbidden" not in process.log.read_text(), process.log.read_text()[-2000:]
    secrets = [each for each in plane.writes() if each.user == OPERATOR and each.resource == "secrets"]
    assert len(secrets) == 1, "the key is written once, and no other Secret ever"


def changed(release: Release, first: str) -> None:
    assert contents(release, "named") != first


def back(release: Release, first: str) -> None:
    assert contents(release, "named") == first


def task() -> dict[str, Any]:
    (found,) = good("modeltask-phishing")
    found["metadata"] = {"name": "phishing", "namespace": "default"}
    return found
