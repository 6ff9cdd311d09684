"""Rows 60 and 63: a calendar with its time zone and its rule for missed runs, and with triggers beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.demo import data, kube
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object
from tests.rows.fixtures import run_spec
from tests.rows.service import GROUP, Service, canary

ZONE = "Asia/Tokyo"  # nine hours from UTC, all year
WINDOW = 30  # seconds


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r60")
    made.create(models["first"], [canary(50)])
    return made


@pytest.fixture
def policy(service: Service, cluster: Cluster, namespace: str) -> Iterator[Callable[..., str]]:
    """Makes policies whose runs are cancelled from birth: that they are created is the point."""
    made: list[str] = []

    def make(name: str, cron: str, run: Mapping[str, Any] | None = None, deadline: str = "10m", **spec: Any) -> str:
        template = {**run_spec(namespace, "Linear", "phishing.csv"), **(run or {"cancel": True})}
        merged = {
            "rolloutRef": {"name": service.name},
            "schedule": {"cron": cron, "timeZone": ZONE, "startingDeadline": deadline},
            "budget": {"scheduled": 5, "triggered": 5, "per": "1d"},
            "runTemplate": {"spec": template},
            **spec,
        }
        meta = {"name": name, "namespace": namespace}
        cluster.apply({"apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": meta, "spec": merged})
        made.append(name)
        return name

    yield make
    for name in made:
        cluster.delete("RetrainPolicy", name, namespace)


def runs(service: Service, name: str) -> list[Object]:
    return service.cluster.list("TrainingRun", service.namespace, labels=f"slipway.dev/policy={name}")


def first_run(service: Service, name: str, seconds: float) -> None:
    kube.wait(
        lambda: {"runs": runs(service, name)}, lambda found: bool(found["runs"]), seconds, f"a TrainingRun of {name}"
    )


def status(service: Service, name: str) -> Object:
    return dict((service.cluster.get("RetrainPolicy", name, service.namespace) or {}).get("status") or {})


def daily(at: datetime) -> str:
    return f"{at.minute} {at.hour} * * *"


def test_r60_the_calendar_trains_once_by_the_clock_of_its_zone_and_keeps_its_rule_for_missed_runs(
    service: Service, policy: Callable[..., str], cluster: Cluster, namespace: str
) -> None:
    at = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    there = at.astimezone(ZoneInfo(ZONE))
    policy("r60-there", daily(there))
    policy("r60-here", daily(at))
    policy("r60-late", daily(there), deadline="10s", suspend=True)
    policy("r60-waits", daily(there), suspend=True)
    first_run(service, "r60-there", 180)
    assert datetime.now(UTC) >= at
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds() + 20))
    for name in ("r60-late", "r60-waits"):
        assert runs(service, name) == [], "suspended"
        cluster.patch("RetrainPolicy", name, namespace, {"spec": {"suspend": False}})
    first_run(service, "r60-waits", 60)
    kube.wait(
        lambda: status(service, "r60-late"),
        lambda found: (found.get("calendar") or {}).get("missed") == 1,
        180, "what was missed",
    )  # fmt: skip
    made = {name: runs(service, name) for name in ("r60-there", "r60-here", "r60-late", "r60-waits")}
    assert {name: len(found) for name, found in made.items()} == {
        "r60-there": 1, "r60-here": 0, "r60-late": 0, "r60-waits": 1,
    }  # fmt: skip
    assert made["r60-there"][0]["spec"]["cause"] == "Refresh"
    found = status(service, "r60-there")
    assert found["lastRun"]["causes"] == ["schedule"]
    assert datetime.fromisoformat(found["next"]) == at + timedelta(days=1)


def test_r63_a_trigger_and_the_calendar_together_are_one_run_with_both_causes(
    service: Service, policy: Callable[..., str], rows: tuple[Row, ...]
) -> None:
    inputs = {"name": "inputs", "type": "Drift", "drift": {"window": f"{WINDOW}s", "psi": "0.25"}}
    waiting = {"taskRef": {"name": "r63-not-there-yet"}}  # so it is under way when the next minute comes
    with service.client(data.shifted_rows(rows), rate=30):
        time.sleep(WINDOW)
        policy("r63", "* * * * *", run=waiting, triggers=[inputs])
        both = kube.wait(
            lambda: status(service, "r63"),
            lambda found: len((found.get("lastRun") or {}).get("causes", ())) == 2,
            150, "a run of both causes",
        )  # fmt: skip
        time.sleep(65)
        last = status(service, "r63")["lastRun"]
    assert sorted(both["lastRun"]["causes"]) == ["inputs", "schedule"]
    assert last["name"] == both["lastRun"]["name"], "nor does the next minute order another"
    assert [one["metadata"]["name"] for one in runs(service, "r63")] == [last["name"]]
