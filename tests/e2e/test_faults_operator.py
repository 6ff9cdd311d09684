"""The operator dies by SIGKILL in every stage: the same end, no step skipped, no weight wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.e2e.operator_pod import kill
from tests.e2e.watching import RouteWatch
from tests.rows.service import SAYS_PHISHING, SERVED, Service, canary, shadow

pytestmark = pytest.mark.alone

STAGES = [shadow(seconds=8), canary(20, seconds=8, gates=[SAYS_PHISHING]), canary(50, seconds=8)]


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("killed")
    made.create(models["first"], STAGES)
    return made


def reached(service: Service, position: str, version: str) -> None:
    """Waits until the rollout of a version is in a phase (Building, Starting, …) or stage; fails if it ended before."""

    def there(found: Object) -> bool:
        status = found.get("status", {})
        here = (status.get("phase"), (status.get("stage") or {}).get("name"))
        if (status.get("target") or {}).get("version") == version and position in here:
            return True
        assert not view.history(found, version), f"version {version} ended before it was seen in {position}"
        return False

    kube.wait(service.read, there, SERVED, f"version {version} reaches {position}", every=0.05)


def test_killed_in_every_stage_a_good_version_is_promoted_step_by_step(
    service: Service, cluster: Cluster, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=30) as client, RouteWatch(service) as watch:
        service.pin(models["better"])
        for position in ("Building", "Starting", "shadow", "canary-20", "canary-50"):
            reached(service, position, models["better"])
            kill(cluster)
        entry = service.ended(models["better"])
        service.wait(lambda found: service.serves(found, models["better"]), 180, "the better version serves")
    assert entry["outcome"] == "Promoted"
    assert watch.path(entry["revision"]) == ["none", "mirror", "20%", "50%", "all"]
    assert client.read().failed == 0, client.read().failures


def test_killed_while_it_rolls_back_all_traffic_still_goes_back(
    service: Service, cluster: Cluster, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    stages = [canary(20, seconds=8, gates=[SAYS_PHISHING])]
    with service.client(rows, rate=30) as client, RouteWatch(service) as watch:
        service.patch({"spec": {"stages": stages, "model": {"mlflow": {"version": models["skewed"]}}}})
        reached(service, "RollingBack", models["skewed"])
        kill(cluster)
        entry = service.ended(models["skewed"])
        service.wait(lambda found: service.serves(found, models["better"]), 180, "the better version serves")
    assert (entry["outcome"], entry["stage"]) == ("RolledBack", "canary-20")
    assert watch.path(entry["revision"]) == ["none", "20%", "none"]
    assert client.read().failed == 0, client.read().failures
