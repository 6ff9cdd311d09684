"""The embedded cluster given as if it were somebody's own: it is found and used, and none of its state is touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.places import Places, given_kubeconfig
from tests.demo.kube import Cluster
from tests.demo.settings import Environment
from tests.demo.shell import PYTHONPATH, ROOT

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        bool(given_kubeconfig(Places.of_environment())),
        reason="KUBECONFIG names a cluster of its own",
    ),
]


@pytest.fixture
def own(environment: Environment, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a user who has that cluster. Docker Hub is not asked: its image is not what this is about."""
    kubeconfig = tmp_path / "config"
    shutil.copy(environment.kubeconfig, kubeconfig)
    variables = {"KUBECONFIG": str(kubeconfig), "SLIPWAY_BASE_IMAGE": environment.images["base"]}
    yield variables
    shutil.rmtree(Places.of_environment({**os.environ, **variables}).state, ignore_errors=True)


def command(name: str, own: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, **own, **more}
    words = [sys.executable, "-m", "tests.cluster", name]
    return subprocess.run(words, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)


def described(own: dict[str, str]) -> dict[str, Any]:
    """What `up` wrote down of it."""
    written: dict[str, Any] = json.loads(Places.of_environment({**os.environ, **own}).environment.read_text())
    return written


def state() -> dict[str, str]:
    """Every file that describes the embedded cluster or a process of it, by its content."""
    top = Places.of_environment().state
    files = [*top.glob("*.json"), *(top / "run").iterdir(), *(top / "pki").iterdir(), top / "kubeconfig", top / "cache"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}


def namespaces(cluster: Cluster) -> set[str]:
    """Names of those that stay: one that an earlier test has deleted may go at any moment."""
    return {one["metadata"]["name"] for one in cluster.list("Namespace") if "deletionTimestamp" not in one["metadata"]}


def test_everything_is_found_and_used(own: dict[str, str], cluster: Cluster) -> None:
    before, there = state(), namespaces(cluster)
    embedded = json.loads(Places.of_environment().environment.read_text())
    done = command("up", own)
    assert done.returncode == 0, done.stderr
    assert f"KUBECONFIG={own['KUBECONFIG']}" in done.stderr
    found = described(own)
    assert (found["provider"], found["kubeconfig"], found["audit_log"]) == ("kubeconfig", own["KUBECONFIG"], "")
    differing = ("provider", "kubeconfig", "audit_log", "kubectl", "helm")  # its programs are whoever's is on the PATH
    for name in sorted({*found, *embedded} - {*differing}):
        assert found[name] == embedded[name], name
    for name in ("kubectl", "helm"):
        assert os.access(found[name], os.X_OK), name
    assert state() == before
    assert namespaces(cluster) == there


def test_a_second_call_makes_nothing(own: dict[str, str]) -> None:
    assert command("up", own).returncode == 0
    again = command("up", own)
    assert again.returncode == 0, again.stderr
    assert [line for line in again.stderr.splitlines() if "done in" in line] == []


def test_what_is_missing_is_named_with_its_remedy(own: dict[str, str]) -> None:
    before = state()
    done = command("up", own, SLIPWAY_GATEWAY="nowhere/none", SLIPWAY_REGISTRY_HOST="127.0.0.1:1")
    assert done.returncode == 1
    listed = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
    assert len(listed) == 2, done.stderr
    assert "SLIPWAY_GATEWAY" in listed[0]
    assert "SLIPWAY_REGISTRY_HOST" in listed[1]
    assert "remedy: " in done.stderr
    assert state() == before


def test_it_is_never_taken_away(own: dict[str, str], cluster: Cluster) -> None:
    done = command("down", own)
    assert done.returncode == 0
    assert "yours and stays" in done.stderr
    assert cluster.get("Namespace", "kube-system") is not None
