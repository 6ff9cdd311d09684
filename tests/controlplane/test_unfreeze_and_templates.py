"""Unfreeze of no policy, and MetricTemplates: answered by the real operator, with the chart's rights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bare import ControlPlaneBinaries
from tests.controlplane.bench import Audited, Write
from tests.controlplane.charted import CHART, OPERATOR, Release, eventually, rollout
from tests.controlplane.real_operator import certificate, operator
from tests.controlplane.wrong_manifests import good

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

FLAGS, PATIENCE = ("--resync=2",), 120
REQUEST, TEMPLATE = ("rolloutrequest", "card-fraud-unfreeze"), ("metrictemplate", "queue-depth")


@pytest.fixture
def audited(binaries: ControlPlaneBinaries, tmp_path: Path) -> Iterator[tuple[Release, Audited]]:
    with Audited(tmp_path) as plane:
        release = Release(plane, binaries)
        release.install()
        yield release, plane


def create(release: Release, name: str) -> None:
    """A good manifest; the requester is the administrator of the control plane, as the chart's policy asks."""
    manifest = good(name)[0]
    if manifest["kind"] == "RolloutRequest":
        manifest["spec"]["requester"] = "admin"
    release.create(manifest)


def conditions(release: Release, kind: str, name: str) -> dict[str, tuple[str, str]]:
    found = release.get(kind, name).get("status", {}).get("conditions", [])
    return {each["type"]: (each["status"], each["reason"]) for each in found}


def answered(release: Release) -> None:
    """The request says NotFound; the template is usable, though no Prometheus is set that could answer."""
    assert conditions(release, *REQUEST).get("Refused") == ("True", "NotFound")
    template = conditions(release, *TEMPLATE)
    assert template.get("Ready") == ("True", "Usable")
    assert template.get("Reachable") == ("False", "PrometheusUnavailable")


def writes(plane: Audited, since: int = 0) -> list[Write]:
    """What the operator wrote, without its Lease."""
    return [write for write in plane.writes(since) if write.user == OPERATOR and write.resource != "leases"]


def test_they_are_answered_once_and_for_all(audited: tuple[Release, Audited], tmp_path: Path) -> None:
    release, plane = audited
    create(release, "rolloutrequest-unfreeze")
    create(release, "metrictemplate-queue-depth")
    with operator(release, certificate(tmp_path), tmp_path / "log", *FLAGS) as running:
        eventually(lambda: answered(release), PATIENCE)
        eventually(lambda: _all_is_said(plane), PATIENCE)
        first, so_far = writes(plane), len(plane.writes())
        time.sleep(10)  # five resyncs of both
        assert writes(plane, so_far) == []
        assert "orbidden" not in running.log.read_text(), running.log.read_text()[-2000:]
    assert sorted(write.resource for write in first) == ["events", "metrictemplates/status", "rolloutrequests/status"]
    assert {write.code for write in first} <= {200, 201}
    status = release.get(*REQUEST)["status"]
    assert (status["phase"], status["reason"]) == ("Refused", "NotFound")
    assert "there is no RetrainPolicy" in status["message"]
    assert status["at"] == status["conditions"][0]["lastTransitionTime"]
    columns = release.kubectl("get", "rolloutrequests").splitlines()
    assert "PHASE" in columns[0]
    assert "Refused" in columns[1]


def _all_is_said(plane: Audited) -> None:
    assert "events" in [write.resource for write in writes(plane)]  # written last, after the status of the request


def test_a_cluster_without_these_kinds_lacks_nothing_and_one_that_gets_them_later_has_them(
    blank: Release, tmp_path: Path
) -> None:
    blank.install()
    for plural in ("rolloutrequests", "metrictemplates"):
        blank.kubectl("delete", "crd", f"{plural}.slipway.dev")
    with operator(blank, certificate(tmp_path), tmp_path / "log", *FLAGS) as running:
        blank.create(rollout("default", "served"))
        eventually(lambda: _told(blank), PATIENCE)
        for plural in ("rolloutrequests", "metrictemplates"):
            blank.kubectl("apply", "-f", str(CHART / "files" / "crds" / f"{plural}.yaml"))
        blank.plane.kubectl.await_kinds("rolloutrequests.slipway.dev", "metrictemplates.slipway.dev")
        create(blank, "rolloutrequest-unfreeze")
        create(blank, "metrictemplate-queue-depth")
        eventually(lambda: answered(blank), PATIENCE)
        assert running.process.poll() is None


def _told(release: Release) -> None:
    found: dict[str, Any] = conditions(release, "modelrollout", "served")
    assert "Ready" in found
