"""A status that another version wrote: told, kept as it is, acted on in nothing, and no obstacle to deletion."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import in_stage, pin, serves, serving

UNREADABLE = [
    ("stage", {"name": "canary-10", "type": "Canary", "since": "tomorrow"}),
    ("epoch", "the third"),
    ("variants", [{"name": "shadow-of-stable", "revision": "r1"}]),
    ("conditions", [{"type": "Ready", "status": "Perhaps"}, "Stalled"]),
]


def of_another_version(field: str, value: Any, **changes: Any) -> Simulation:
    """Version 2 is in a canary stage, and the status holds a value that this version does not know."""
    sim = pin(serving(**changes), "2").run(300, in_stage("canary-10"))
    sim.objects[KEY]["status"][field] = copy.deepcopy(value)
    sim.touch(sim.objects[KEY])
    return sim


@pytest.mark.parametrize(("field", "value"), UNREADABLE)
def test_it_is_told_and_nothing_is_moved_or_lost(field: str, value: Any) -> None:
    sim = of_another_version(field, value)
    status, route, services = copy.deepcopy(sim.objects[KEY]["status"]), sim.get(ROUTE), sim.services()
    sim.run(120)
    stalled = next(each for each in sim.objects[KEY]["status"]["conditions"] if each["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "StatusUnreadable")
    assert f"status.{field}" in stalled["message"]
    assert "run the version of Slipway that wrote it" in stalled["message"]
    assert {**sim.objects[KEY]["status"], "conditions": 0} == {**status, "conditions": 0}
    assert route is not None
    assert (sim.objects[ROUTE]["spec"], list(sim.services())) == (route["spec"], list(services))
    assert sim.client_errors == []


def test_it_is_written_once() -> None:
    sim = of_another_version("epoch", "the third").run(5)
    before = sim.writes
    sim.run(120)
    assert sim.writes == before


def test_what_can_be_read_again_goes_on() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    kept = sim.objects[KEY]["status"]["epoch"]
    for value in ("the third", kept):
        sim.objects[KEY]["status"]["epoch"] = value
        sim.touch(sim.objects[KEY])
        sim.run(10)
    assert sim.condition("Stalled")[0] == "False"
    sim.run(900, serves("2"))


@pytest.mark.parametrize(("field", "value"), UNREADABLE)
def test_under_delete_everything_goes(field: str, value: Any) -> None:
    sim = of_another_version(field, value)
    sim.delete(KEY)
    sim.run(30)
    assert KEY not in sim.objects
    assert ROUTE not in sim.objects
    assert list(sim.services()) == []


@pytest.mark.parametrize(("field", "value"), UNREADABLE)
def test_under_orphan_all_that_may_serve_stays_without_owners(field: str, value: Any) -> None:
    sim = of_another_version(field, value, deletionPolicy="Orphan")
    before, route = list(sim.services()), sim.get(ROUTE)
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    assert list(sim.services()) == before
    assert route is not None
    assert sim.objects[ROUTE]["spec"] == route["spec"]
    kept = [obj for key, obj in sim.objects.items() if key.kind in ("InferenceService", "HTTPRoute")]
    assert not any(obj["metadata"].get("ownerReferences") for obj in kept)
    assert not any("slipway.dev/traffic" in obj["metadata"].get("finalizers", ()) for obj in kept)
    assert sim.client_errors == []


@pytest.mark.parametrize("broken", ["status", "spec"])
def test_what_was_made_under_delete_loses_its_owner_when_the_policy_became_orphan(broken: str) -> None:
    sim = of_another_version("epoch", "the third") if broken == "status" else serving()
    spec = sim.objects[KEY]["spec"]
    sim.objects[KEY]["spec"] = spec | {"deletionPolicy": "Orphan"} | ({"stages": "none"} if broken == "spec" else {})
    sim.touch(sim.objects[KEY])
    owned = [obj for key, obj in sim.objects.items() if key.kind in ("InferenceService", "HTTPRoute")]
    assert all(obj["metadata"]["ownerReferences"] for obj in owned)
    sim.delete(KEY)
    sim.run(60)
    assert KEY not in sim.objects
    kept = [obj for key, obj in sim.objects.items() if key.kind in ("InferenceService", "HTTPRoute")]
    assert len(kept) == len(owned)
    assert not any(obj["metadata"].get("ownerReferences") for obj in kept)
