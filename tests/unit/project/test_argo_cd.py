"""The Lua of docs/argo-cd, run as Argo CD runs it (Lua 5.1), over states that rollouts really pass through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from tests.unit.core.states import STORIES, states, states_of

PATCH = Path(__file__).parents[3] / "docs" / "argo-cd" / "argocd-cm.yaml"
DATA = yaml.safe_load(PATCH.read_text())["data"]
HEALTH = "resource.customizations.health.slipway.dev_"


def lua(code: str, obj: Any) -> dict[str, Any]:
    """What the script returns for an object. No library but the base, which is all that Argo CD gives."""
    runtime = LuaRuntime(unpack_returned_tuples=True)
    runtime.execute("os = nil; io = nil; require = nil; package = nil; string = nil; table = nil")
    runtime.globals()["obj"] = table(runtime, obj)
    return plain(runtime.execute(code))


def table(runtime: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({key: table(runtime, each) for key, each in value.items()})
    if isinstance(value, list):
        return runtime.table_from([table(runtime, each) for each in value])
    return value


def plain(value: Any) -> Any:
    return {key: plain(each) for key, each in value.items()} if hasattr(value, "items") else value


def health(obj: Any, kind: str = "ModelRollout") -> dict[str, Any]:
    return lua(DATA[HEALTH + kind], obj)


@pytest.mark.parametrize("story", STORIES)
def test_every_state_has_a_health_and_a_reason(story: str) -> None:
    for name, (obj, _) in states_of(story).items():
        found = health(obj)
        assert found["status"] in ("Healthy", "Progressing", "Degraded", "Suspended"), name
        assert found["message"], name


def last(story: str, phase: str, stage: str = "") -> str:
    prefix = f"{story}: {phase} {stage}"
    return [str(health(obj)["status"]) for name, (obj, _) in states().items() if name.startswith(prefix)][-1]


@pytest.mark.parametrize(
    ("story", "phase", "stage", "expected"),
    [
        ("first", "Building", "build", "Progressing"),
        ("first", "Starting", "start", "Progressing"),
        ("first", "Serving", "", "Healthy"),
        ("good", "Shadow", "shadow", "Healthy"),
        ("good", "Canary", "canary-10", "Healthy"),
        ("good", "Promoting", "promote", "Progressing"),
        ("good", "Serving", "", "Healthy"),
        ("failing", "RollingBack", "rollback", "Degraded"),
        ("failing", "Serving", "", "Degraded"),
        ("dies", "Serving", "", "Degraded"),
        ("held", "Held", "shadow", "Degraded"),
        ("paused", "Paused", "canary-10", "Suspended"),
        ("paused", "Serving", "", "Suspended"),
        ("blind", "Canary", "canary-10", "Healthy"),
        ("no task", "Serving", "", "Degraded"),
        ("no model", "Failed", "", "Degraded"),
        ("batch", "Scoring", "", "Healthy"),
    ],
)
def test_health_is_what_users_of_argo_cd_expect(story: str, phase: str, stage: str, expected: str) -> None:
    assert last(story, phase, stage) == expected


def test_a_version_that_a_person_took_back_is_not_degraded() -> None:
    found = [health(obj) for name, (obj, _) in states().items() if name.startswith("paused: RollingBack")]
    assert found
    assert {each["status"] for each in found} == {"Progressing"}


@pytest.mark.parametrize("kind", ["ModelRollout", "ModelTask", "TrainingRun", "RetrainPolicy", "MetricTemplate"])
def test_what_the_operator_has_not_seen_progresses(kind: str) -> None:
    obj: dict[str, Any] = {"metadata": {"generation": 1}, "spec": {}}
    assert health(obj, kind)["status"] == "Progressing"
    conditions = [{"type": "Ready", "status": "True", "message": "old"}]
    obj |= {"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": conditions}}
    assert health(obj, kind)["status"] == "Progressing"


@pytest.mark.parametrize(
    ("conditions", "spec", "expected"),
    [
        ([("Ready", "True")], {}, "Healthy"),
        ([("Ready", "False"), ("Reconciling", "True")], {}, "Progressing"),
        ([("Ready", "False"), ("Stalled", "True")], {}, "Degraded"),
        ([("Ready", "False")], {"suspend": True}, "Suspended"),
    ],
)
def test_the_other_kinds_by_their_conditions(conditions: Any, spec: Any, expected: str) -> None:
    said = [{"type": kind, "status": value, "message": "why"} for kind, value in conditions]
    obj = {"metadata": {"generation": 1}, "spec": spec, "status": {"observedGeneration": 1, "conditions": said}}
    assert health(obj, "TrainingRun")["status"] == expected


def test_all_kinds_have_a_health() -> None:
    kinds = {path.stem.removeprefix("slipway.dev_") for path in (PATCH.parents[2] / "crds").glob("*.yaml")}
    plurals = {f"{key.removeprefix(HEALTH).lower()}s" for key in DATA if key.startswith(HEALTH)}
    assert {plural.replace("policys", "policies") for plural in plurals} == kinds


def test_actions_pause_and_resume() -> None:
    found = yaml.safe_load(DATA["resource.customizations.actions.slipway.dev_ModelRollout"])
    actions = {each["name"]: each["action.lua"] for each in found["definitions"]}
    running: dict[str, Any] = {"spec": {"taskRef": {"name": "fraud"}}}
    assert lua(found["discovery.lua"], running) == {"pause": {"disabled": False}, "resume": {"disabled": True}}
    paused = lua(actions["pause"], running)
    assert paused["spec"] == {"taskRef": {"name": "fraud"}, "paused": True}
    assert lua(found["discovery.lua"], paused) == {"pause": {"disabled": True}, "resume": {"disabled": False}}
    assert lua(actions["resume"], paused)["spec"]["paused"] is False
