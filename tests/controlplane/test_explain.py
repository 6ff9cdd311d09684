"""The commands against a real API server: what they read, and each refusal in words that help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.core.desired.names import Identity

from tests.controlplane.charted import ROOT, Release, eventually, rollout
from tests.controlplane.test_ledger_rights import entries

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane


def slipway(kubeconfig: Path | str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command with a kubeconfig and nothing else of this machine."""
    path = f"{ROOT / 'operator'}:{ROOT / 'model_images'}"
    environment = {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": path, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    command = [sys.executable, "-m", "slipway.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


@pytest.fixture(scope="module")
def told(released: Release) -> Release:
    """A rollout with a ledger of two entries."""
    released.create(rollout("default", "told"))
    uid = released.get("-n", "default", "modelrollout", "told")["metadata"]["uid"]
    ledger, made = entries(Identity("default", "told", uid))
    for manifest in made:
        released.create(manifest)
    status = json.dumps({"status": {"ledger": ledger.model_dump(mode="json", by_alias=True), "phase": "Building"}})
    patch = ("patch", "modelrollout", "told", "-n", "default", "--subresource=status", "--type=merge", "-p", status)
    eventually(lambda: released.kubectl(*patch) and None)
    return released


def test_a_rollout_is_explained(told: Release) -> None:
    done = slipway(told.plane.kubeconfig, "explain", "told")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("told in namespace default: Building")
    assert json.loads(slipway(told.plane.kubeconfig, "explain", "told", "--output", "json").stdout)["why"]


def test_the_chain_is_verified_and_a_missing_entry_is_found(told: Release) -> None:
    done = slipway(told.plane.kubeconfig, "history", "told", "-n", "default")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the ledger is whole: 2 entries" in done.stdout
    names = told.kubectl("get", "configmap", "-n", "default", "-l", "slipway.dev/rollout=told", "-o", "name").split()
    told.kubectl("delete", "-n", "default", names[0])
    done = slipway(told.plane.kubeconfig, "history", "told", "-n", "default")
    assert done.returncode == 1
    assert "the ledger is BROKEN: entry 1 is missing" in done.stdout


def stranger(release: Release, folder: Path) -> Path:
    """A kubeconfig of somebody without any right."""
    release.kubectl("create", "serviceaccount", "eve", "-n", "default")
    token = release.kubectl("create", "token", "eve", "-n", "default").strip()
    found: dict[str, Any] = yaml.safe_load(Path(release.plane.kubeconfig).read_text())
    for each in found["users"]:
        each["user"] = {"token": token}
    path = folder / "config"
    path.write_text(yaml.safe_dump(found))
    return path


def test_what_cannot_be_read_is_said_with_the_remedy(told: Release, tmp_path: Path) -> None:
    missing = slipway(told.plane.kubeconfig, "explain", "nobody", "-n", "elsewhere")
    assert missing.returncode == 2
    assert "there is no ModelRollout nobody in namespace elsewhere" in missing.stderr
    forbidden = slipway(stranger(told, tmp_path), "history", "told", "-n", "default")
    assert forbidden.returncode == 2
    assert "Ask for a RoleBinding to the ClusterRole view" in forbidden.stderr
    nothing = slipway(tmp_path / "absent", "explain", "told")
    assert nothing.returncode == 2
    assert "set KUBECONFIG" in nothing.stderr
    silent, config = tmp_path / "silent", yaml.safe_load(Path(told.plane.kubeconfig).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    silent.write_text(yaml.safe_dump(config))
    closed = slipway(silent, "explain", "told")
    assert closed.returncode == 2
    assert "does not answer" in closed.stderr
    assert "Traceback" not in missing.stderr + forbidden.stderr + nothing.stderr + closed.stderr


def test_a_cluster_without_the_kinds(blank: Release) -> None:
    done = slipway(blank.plane.kubeconfig, "explain", "told")
    assert done.returncode == 2
    assert "install the chart of Slipway" in done.stderr
