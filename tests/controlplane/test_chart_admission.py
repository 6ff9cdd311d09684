"""Admission by the real process, with the rights and the configuration that the chart gives it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import NAMESPACE, Release, eventually, rollout
from tests.controlplane.real_operator import Certificate, certificate, operator, send_to

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane


def wrong(name: str) -> dict[str, Any]:
    """Legal for the schema; its header is taken."""
    manifest = rollout("default", name)
    manifest["spec"]["traffic"]["assignment"] = {"header": "Host"}
    return manifest


def create(release: Release, manifest: dict[str, Any], *flags: str) -> str:
    """Creates without keeping it."""
    return release.kubectl("create", "--dry-run=server", *flags, "-f", "-", stdin=json.dumps(manifest))


def test_it_answers_with_the_rights_of_the_chart_and_fails_open(blank: Release, tmp_path: Path) -> None:
    blank.install()
    files = certificate(tmp_path)
    with operator(blank, files, tmp_path / "leader.log") as leader:
        send_to(blank, leader, files)

        def refused() -> None:
            with pytest.raises(ClusterError, match=r'"validate\.slipway\.dev" denied the request: spec\.traffic'):
                create(blank, wrong("refused"))

        eventually(refused)
        with pytest.raises(ClusterError, match=r"Warning: spec\.gates: no gate is enforced"):
            create(blank, rollout("default", "odd"), "--warnings-as-errors")
        create(blank, rollout("default", "good"))
        _on_every_replica(blank, files, tmp_path / "standby.log")
        assert "orbidden" not in leader.log.read_text()
        os.kill(leader.process.pid, signal.SIGKILL)
        leader.process.wait()
        started = time.monotonic()
        assert "created" in create(blank, wrong("let-pass"))
        assert time.monotonic() - started < 6


def _on_every_replica(release: Release, files: Certificate, log: Path) -> None:
    before = _leader(release)
    with operator(release, files, log) as standby:
        answer = standby.review(wrong("refused"), files)
        assert answer["allowed"] is False
        assert "spec.traffic.assignment.header" in answer["status"]["message"]
        assert standby.review(rollout("default", "good"), files)["allowed"] is True
        assert _leader(release) == before


def _leader(release: Release) -> str:
    return str(release.get("lease", "slipway-operator", "-n", NAMESPACE)["spec"]["holderIdentity"])


def test_chosen_namespaces_need_no_rights_elsewhere(blank: Release, tmp_path: Path) -> None:
    blank.kubectl("create", "namespace", "team-a")
    blank.install("--set", "namespaces={team-a}")
    files = certificate(tmp_path)
    with operator(blank, files, tmp_path / "log", "--namespaces=team-a") as running:
        for namespace in ("team-a", "default"):
            blank.create(rollout(namespace, "seen"))
        eventually(lambda: _has_status(blank, "team-a"), 60)
        assert "status" not in blank.get("modelrollout", "seen", "-n", "default")
        assert "orbidden" not in running.log.read_text(), running.log.read_text()[-2000:]


def _has_status(release: Release, namespace: str) -> None:
    assert release.get("modelrollout", "seen", "-n", namespace).get("status", {}).get("conditions")
