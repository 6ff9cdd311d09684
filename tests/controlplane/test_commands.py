"""The commands, with the credentials of different people, against a real API server and the real operator."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bare import ControlPlane, ControlPlaneBinaries
from tests.cluster.errors import ClusterError
from tests.controlplane.charted import ROOT, Release, eventually, rollout
from tests.controlplane.real_operator import certificate, operator

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane
PYTHON = ROOT / ".venv-cli" / "bin" / "python"
PATIENCE = 120
FLAGS = ("--resync=5",)
PEOPLE = {"ada": (), "rita": ("risk",), "eve": ()}
EXAMPLES = sorted((ROOT / "examples" / "commands").glob("*.yaml"))
DOCUMENTS = [document for path in EXAMPLES for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


@dataclass(frozen=True)
class Office:
    """A release with an operator, and people: ada edits, rita approves for the group risk, eve only looks."""

    release: Release
    kubeconfigs: dict[str, Path]

    def slipway(
        self, who: str, command: str, name: str = "card-fraud", *flags: str
    ) -> subprocess.CompletedProcess[str]:
        words = [command, name, "-n", "default", "--reason", "a test", "--timeout", str(PATIENCE), *flags]
        return self.run(who, str(PYTHON), "-m", "slipway.cli", *words)

    def run(self, who: str, *command: str, path: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfigs[who])}
        environment |= {"PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'model_images'}"}
        environment |= {"PATH": f"{path}:{os.environ['PATH']}"} if path else {}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)

    def status(self) -> dict[str, Any]:
        return dict(self.release.get("modelrollout", "card-fraud").get("status", {}))

    def requests(self) -> list[dict[str, Any]]:
        return list(self.release.get("rolloutrequest")["items"])


@pytest.fixture(scope="module")
def office(binaries: ControlPlaneBinaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    if not PYTHON.exists():
        pytest.skip(".venv-cli is missing: `make check` makes it")
    directory = tmp_path_factory.mktemp("office")
    with ControlPlane(binaries) as plane:
        release = Release(plane, binaries)
        release.install()
        bind = ("create", "rolebinding", "-n", "default")
        release.kubectl(*bind, "ada-edits", "--clusterrole=slipway-edit", "--user=ada")
        release.kubectl(*bind, "ada-looks", "--clusterrole=slipway-view", "--user=ada")
        release.kubectl(*bind, "risk-approves", "--clusterrole=slipway-approve", "--group=risk")
        release.kubectl(*bind, "eve-looks", "--clusterrole=slipway-view", "--user=eve")
        release.create(rollout("default", "card-fraud"))
        kubeconfigs = {who: plane.identity(who, groups) for who, groups in PEOPLE.items()}
        with operator(release, certificate(directory), directory / "log", *FLAGS):
            made = Office(release, kubeconfigs)
            eventually(lambda: _decided(made), PATIENCE)
            yield made


def _decided(office: Office) -> None:
    assert office.status().get("conditions")
    refused = office.slipway("rita", "hold")  # the policy is compiled a moment after it was created
    assert refused.returncode == 3, refused.stdout + refused.stderr


def test_hold_and_resume_are_answered_and_kept(office: Office) -> None:
    done = office.slipway("ada", "hold")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Applied: nothing advances until a request with action Resume\n"
    status = office.status()
    assert (status["held"]["by"], status["held"]["reason"]) == ("ada", "a test")
    assert status["requests"][0]["requester"] == "ada"
    again = office.slipway("ada", "hold")
    assert (again.returncode, again.stdout) == (1, "")
    assert "Refused: AlreadyHeld: held by ada already: a test" in again.stderr
    resumed = office.slipway("ada", "resume")
    assert (resumed.returncode, "held" in office.status()) == (0, False), resumed.stderr
    phases = [(each["spec"]["action"], each["status"]["phase"]) for each in office.requests()]
    assert ("Hold", "Applied") in phases
    columns = office.release.kubectl("get", "rolloutrequests").splitlines()
    assert "PHASE" in columns[0]


@pytest.mark.parametrize(
    ("who", "command", "words"),
    [
        ("eve", "abort", r'cannot abort ModelRollout .card-fraud. in namespace .default.: .*"eve" cannot create'),
        ("rita", "abort", r'"rita" may not abort modelrollouts "card-fraud" in namespace "default"; that verb'),
        ("rita", "retry", r'"rita" may not retry modelrollouts'),
    ],
)
def test_who_may_not_is_told_which_verb_is_missing(office: Office, who: str, command: str, words: str) -> None:
    before = len(office.requests())
    done = office.slipway(who, command)
    assert done.returncode == 3
    assert re.search(words, done.stderr), done.stderr
    assert "slipway-edit" in done.stderr
    assert len(office.requests()) == before


def test_forged_requests_are_refused_at_admission(office: Office) -> None:
    forged = {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "RolloutRequest",
        "metadata": {"generateName": "forged-", "namespace": "default"},
        "spec": {"target": {"name": "card-fraud"}, "action": "Abort", "requester": "ada", "reason": "x"},
    }
    office.release.create({**forged, "spec": {**forged["spec"], "requester": "admin"}})
    with pytest.raises(ClusterError, match=r'spec.requester: "ada" is not the caller; write "eve"'):
        as_admin_of("eve", office, forged)
    approval = {**forged["spec"], "action": "Approve", "revision": "7f3c", "groups": ["risk"], "requester": "eve"}
    with pytest.raises(ClusterError, match=r"spec.groups"):
        as_admin_of("eve", office, {**forged, "spec": approval})


def as_admin_of(user: str, office: Office, manifest: dict[str, Any]) -> str:
    """As somebody who may create any object; the policy is all that stands in the way."""
    return office.release.as_user(user, ("system:masters",), "create", "-f", "-", stdin=json.dumps(manifest))


def test_what_cannot_be_asked_is_said_before_anything_is_created(office: Office) -> None:
    before = len(office.requests())
    missing = office.slipway("ada", "abort", "nobody")
    assert missing.returncode == 1
    assert "cannot get ModelRollout 'nobody' in namespace 'default': there is none" in missing.stderr
    nothing = office.slipway("ada", "promote")
    assert nothing.returncode == 1
    assert "'card-fraud' has no candidate" in nothing.stderr
    idle = office.slipway("rita", "approve")
    assert idle.returncode == 1
    away = office.run("ada", str(PYTHON), "-m", "slipway.cli", "hold", "x", "--reason", "y", "--kubeconfig", "/absent")
    assert away.returncode == 2
    assert "slipway hold: no cluster" in away.stderr
    assert len(office.requests()) == before


def test_a_refusal_has_its_reason_and_no_wait_does_not_wait(office: Office) -> None:
    done = office.slipway("ada", "abort")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Refused: NothingRunning: nothing is being rolled out" in done.stderr
    quick = office.slipway("ada", "retry", "card-fraud", "--no-wait")
    assert quick.returncode == 0
    name = quick.stdout.strip()
    wait = ("wait", f"rolloutrequest/{name}", "--for=jsonpath={.status.phase}=Refused", f"--timeout={PATIENCE}s")
    office.release.kubectl(*wait)


def test_kubectl_finds_the_plugin(office: Office, binaries: ControlPlaneBinaries, tmp_path: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, function = scripts["kubectl-slipway"].partition(":")
    plugin = tmp_path / "kubectl-slipway"
    plugin.write_text(f"#!{PYTHON}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    plugin.chmod(0o755)
    kubectl = str(binaries.kubectl)
    shown = office.run("ada", kubectl, "slipway", "abort", "--help", path=str(tmp_path))
    assert shown.stdout.startswith("usage: kubectl slipway abort"), shown.stderr
    words = ("slipway", "abort", "card-fraud", "-n", "default", "--reason", "a test")
    done = office.run("ada", kubectl, *words, path=str(tmp_path))
    assert (done.returncode, "NothingRunning" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_the_examples_are_accepted(office: Office, number: int) -> None:
    manifest = DOCUMENTS[number]
    manifest = {**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}}
    if manifest["metadata"].get("name") == "card-fraud":
        manifest["metadata"]["name"] = "example"
    who = manifest["spec"].get("requester", "ada")
    groups = (*PEOPLE[who], "system:authenticated")
    said = office.release.as_user(who, groups, "create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest))
    assert "created (server dry run)" in said
