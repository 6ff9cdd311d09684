"""What tools that wait for kstatus (kpt, Flux, Argo CD) make of each state that a rollout passes through.

The rules are those of kstatus: a newer generation or Reconciling means InProgress, Stalled means Failed, Ready that is
not True means InProgress, all else Current. Source: sigs.k8s.io/cli-utils/pkg/kstatus.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.states import STORIES, states, states_of


def kstatus(obj: Any) -> str:
    """The status as the library computes it for a custom resource."""
    status = obj.get("status") or {}
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", obj["metadata"]["generation"]) != obj["metadata"]["generation"]:
        return "InProgress"
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if conditions.get("Ready", "True") != "True" else "Current"


def of(story: str) -> dict[str, str]:
    """The last word of each state's key by phase and stage, with what kstatus says."""
    return {
        name.removeprefix(f"{story}: "): kstatus(obj) for name, (obj, _) in states().items() if name.startswith(story)
    }


WAITS = ("StageNotSupported", "NotConfigured", "WaitingForSettings", "RouteNotCarried", "ReplacementNotReady")


@pytest.mark.parametrize("story", STORIES)
def test_the_three_conditions_never_contradict_each_other(story: str) -> None:
    for name, (obj, _) in states_of(story).items():
        conditions = {each["type"]: each["status"] for each in obj["status"]["conditions"]}
        assert {"Ready", "Reconciling", "Stalled"} <= set(conditions), name
        if conditions["Stalled"] == "True" and conditions["Reconciling"] == "True":
            stalled = next(each for each in obj["status"]["conditions"] if each["type"] == "Stalled")
            assert stalled["reason"] in WAITS, (name, stalled)
        assert kstatus(obj) != "Current" or conditions["Ready"] == "True", name


@pytest.mark.parametrize("stage", ["shadow", "canary-10", "canary-50"])
def test_a_campaign_of_days_is_current(stage: str) -> None:
    found = {kstatus(obj) for name, (obj, _) in states_of("good").items() if f" {stage} " in name}
    assert found == {"Current"}


@pytest.mark.parametrize(
    ("story", "phase", "expected"),
    [
        ("first", "Building", "InProgress"),
        ("first", "Starting", "InProgress"),
        ("first", "Serving", "Current"),
        ("good", "Promoting", "InProgress"),
        ("failing", "Serving", "Failed"),
        ("held", "Held", "Failed"),
        ("paused", "Paused", "Current"),
        ("no task", "Serving", "Failed"),
        ("no model", "Failed", "Failed"),
        ("leaving", "Deleting", "Terminating"),
        ("batch", "Scoring", "Current"),
    ],
)
def test_what_each_phase_means_to_a_tool_that_waits(story: str, phase: str, expected: str) -> None:
    found = [kstatus(obj) for name, (obj, _) in states().items() if name.startswith(f"{story}: {phase} ")]
    assert found
    assert found[-1] == expected
