"""`helm uninstall`: what serves goes on, and nothing is held any more by an operator that is gone.

Nothing runs Jobs here, so the test does: the hook's command, with the hook's arguments and the hook's own rights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import NAMESPACE, ROOT, Release, rollout
from tests.controlplane.foreign_kinds import serve_foreign_kinds

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

OURS, THEIRS = "slipway.dev/traffic", "example.com/backup"
HOOK = f"system:serviceaccount:{NAMESPACE}:slipway-uninstall"


def served(name: str, managed: bool, finalizers: list[str]) -> dict[str, Any]:
    """An InferenceService."""
    labels = {"app.kubernetes.io/managed-by": "slipway" if managed else "somebody"}
    metadata = {"name": name, "namespace": "team-a", "labels": labels, "finalizers": finalizers}
    return {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": {}}


def route(name: str) -> dict[str, Any]:
    """An HTTPRoute."""
    metadata = {"name": name, "namespace": "team-a"}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": {}}


def populate(release: Release) -> None:
    """Two rollouts with finalizers, their services and route, and an InferenceService of somebody else."""
    serve_foreign_kinds(release)
    release.kubectl("create", "namespace", "team-a")
    for name, finalizers in (("fraud", [OURS]), ("churn", [OURS, THEIRS])):
        manifest = rollout("team-a", name)
        manifest["metadata"]["finalizers"] = finalizers
        release.create(manifest)
    release.create(served("fraud-0123456789", True, [OURS]))
    release.create(served("foreign", False, [OURS]))
    release.create(route("fraud"))


@contextmanager
def job_runner(release: Release, outcome: list[subprocess.CompletedProcess[str]]) -> Iterator[None]:
    """Runs the hook's Job when it appears, and reports its end as the Job controller would."""
    stop = threading.Event()
    # Made here: the control plane's kubeconfigs come from files that another thread must not write at the same time.
    kubeconfig = release.plane.identity(HOOK)

    def run() -> None:
        while not stop.wait(0.3):
            jobs = release.get("job", "-n", NAMESPACE)["items"]
            if jobs:
                outcome.append(run_hook(jobs[0], str(kubeconfig)))
                if outcome[-1].returncode == 0:
                    _complete(release, jobs[0])
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def run_hook(job: dict[str, Any], kubeconfig: str) -> subprocess.CompletedProcess[str]:
    """The container's command, on this machine."""
    container = job["spec"]["template"]["spec"]["containers"][0]
    command = [sys.executable, *container["command"][1:], *container["args"], "--deletions=1"]
    environment = {**os.environ, "KUBECONFIG": kubeconfig, "PYTHONPATH": str(ROOT / "operator")}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def _complete(release: Release, job: dict[str, Any]) -> None:
    now = "2026-01-01T00:00:00Z"
    done = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("SuccessCriteriaMet", "Complete")]
    status = {"conditions": done, "succeeded": 1, "startTime": now, "completionTime": now}
    patch = json.dumps({"status": status})
    name = job["metadata"]["name"]
    release.kubectl("patch", "job", name, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", patch)


def finalizers(release: Release, kind: str, name: str) -> list[str]:
    """Those of one object of team-a."""
    return list(release.get(kind, name, "-n", "team-a")["metadata"].get("finalizers", []))


def test_what_serves_stays_and_nothing_is_held(blank: Release) -> None:
    blank.install()
    populate(blank)
    outcome: list[subprocess.CompletedProcess[str]] = []
    with job_runner(blank, outcome):
        done = blank.helm("uninstall", "slipway", "--timeout", "60s")
    assert done.returncode == 0, done.stderr + "".join(each.stdout + each.stderr for each in outcome)
    assert "released modelrollouts team-a/fraud" in outcome[0].stdout
    assert "kept due to the resource policy" in done.stdout
    assert finalizers(blank, "modelrollout", "fraud") == []
    assert finalizers(blank, "modelrollout", "churn") == [THEIRS]
    assert finalizers(blank, "inferenceservice", "fraud-0123456789") == []
    assert finalizers(blank, "inferenceservice", "foreign") == [OURS]
    assert blank.get("httproute", "fraud", "-n", "team-a")["metadata"]["name"] == "fraud"
    for kind in ("deployment", "serviceaccount", "job", "role", "rolebinding"):
        assert blank.get(kind, "-n", NAMESPACE)["items"] == [], kind
    # With a new key every rollout that names a Secret would get a new revision.
    kept = [each["metadata"]["name"] for each in blank.get("secret", "-n", NAMESPACE)["items"]]
    assert kept == ["slipway-digest-key"]
    ours = ("clusterrole,clusterrolebinding,validatingwebhookconfiguration,validatingadmissionpolicy", "-A")
    assert "slipway" not in blank.kubectl("get", *ours, "-o", "name")
    blank.kubectl("delete", "modelrollout", "fraud", "-n", "team-a", "--timeout=5s")
    blank.install()
    assert blank.get("modelrollout", "churn", "-n", "team-a")["spec"]["taskRef"]["name"] == "churn"


def test_a_hook_that_cannot_run_takes_nothing_away(blank: Release) -> None:
    blank.install()
    populate(blank)
    done = blank.helm("uninstall", "slipway", "--timeout", "3s")
    assert done.returncode != 0
    assert blank.get("deployment", "slipway", "-n", NAMESPACE)["metadata"]["name"] == "slipway"
    assert finalizers(blank, "modelrollout", "fraud") == [OURS]
    outcome: list[subprocess.CompletedProcess[str]] = []
    blank.kubectl("delete", "job", "slipway-uninstall", "-n", NAMESPACE)  # before-hook-creation would, with a collector
    with job_runner(blank, outcome):
        again = blank.helm("uninstall", "slipway", "--timeout", "60s")
    assert again.returncode == 0, again.stderr
    assert finalizers(blank, "modelrollout", "fraud") == []


def test_the_hook_has_no_other_rights(blank: Release) -> None:
    blank.install()
    blank.kubectl("create", "namespace", "team-a")
    blank.create(rollout("team-a", "fraud"))
    done = blank.helm("uninstall", "slipway", "--timeout", "3s")
    assert done.returncode != 0
    for arguments in (
        ("delete", "modelrollout", "fraud", "-n", "team-a"),
        ("get", "secrets", "-n", NAMESPACE),
        ("delete", "deployment", "slipway", "-n", NAMESPACE),
        ("scale", "deployment", "another", "-n", NAMESPACE, "--replicas=0"),
    ):
        with pytest.raises(ClusterError, match=r"forbidden|cannot"):
            blank.as_user(HOOK, (), *arguments)
