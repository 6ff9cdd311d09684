"""No field is silently ignored: what this version does not act on is named, with what happens instead."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from slipway.api.support import inactive_fields
from slipway.api.v1alpha1 import KINDS
from slipway.api.v1alpha1.base import Spec
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec

from tests.controlplane.wrong_manifests import changed, good


def paths(manifest: dict[str, Any]) -> list[str]:
    return [field.path for field in inactive_fields(manifest["kind"], manifest["spec"])]


@pytest.mark.parametrize(
    "name",
    ["modelrollout-phishing", "modeltask-phishing", "retrainpolicy-phishing"],
)
def test_the_smallest_manifests_use_nothing_of_a_later_version_that_they_could_leave_out(name: str) -> None:
    manifest = good(name)[0]
    found = inactive_fields(manifest["kind"], manifest["spec"])
    assert [field.path for field in found if not field.compulsory] == []


def test_what_a_task_must_say_and_nobody_looks_at_is_named() -> None:
    assert paths(changed(good("modeltask-phishing")[0], "spec/justification", "Complex")) == ["spec.justification"]
    assert paths(changed(good("modeltask-phishing")[0], "spec/justification", "Changing")) == []


@pytest.mark.parametrize("name", ["approval-rate", "queue-depth", "others"])
def test_all_of_a_template_is_acted_on(name: str) -> None:
    assert [paths(manifest) for manifest in good(f"metrictemplate-{name}")] == [[]] * (1 + (name == "others"))


@pytest.mark.parametrize("action", get_args(RolloutRequestSpec.model_fields["action"].annotation))
def test_every_action_of_a_request_is_acted_on(action: str) -> None:
    assert inactive_fields("RolloutRequest", {"action": action, "reason": "complaints"}) == []


@pytest.mark.parametrize(
    "name", ["modelrollout-phishing", "modeltask-phishing", "retrainpolicy-phishing", "trainingrun-builtin"]
)
def test_what_the_api_server_fills_in_is_not_held_against_the_user(name: str) -> None:
    manifest = good(name)[0]
    model: type[Spec] = next(kind.spec for kind in KINDS if kind.kind == manifest["kind"])
    filled = model.model_validate(manifest["spec"]).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert paths(manifest | {"spec": filled}) == paths(manifest)


def test_the_full_rollout_names_each_field() -> None:
    assert paths(good("modelrollout-card-fraud")[0]) == [
        "spec.traffic.globalHoldout",
        "spec.stages[replay].type",
        "spec.stages[ab].abTest.metric",
        "spec.stages[ab].abTest.prePeriod",
        "spec.rollback.window",
        "spec.alarm",
    ]


@pytest.mark.parametrize(
    ("base", "path", "value", "found"),
    [
        ("modelrollout-phishing", "spec/model/onNewVersion", "Supersede", None),
        ("modelrollout-phishing", "spec/promotion", {"keepPrevious": {"atMost": "120d"}}, None),
        (
            "modelrollout-phishing",
            "spec/promotion",
            {"keepPrevious": {"atMost": "30d"}},
            "spec.promotion.keepPrevious.atMost",
        ),
        ("modelrollout-phishing", "spec/candidates", [{"name": "b"}], "spec.candidates"),
        ("trainingrun-builtin", "spec/data/sources/0/uri", "s3://lake/*.csv", None),
        ("trainingrun-builtin", "spec/data/window", {"type": "SinceChange"}, "spec.data.window.type"),
        ("trainingrun-builtin", "spec/tuning", {}, None),
        ("trainingrun-builtin", "spec/tuning", {"trials": 3}, None),
        ("trainingrun-builtin", "spec/allow", {"dirtyTree": True}, None),
        ("trainingrun-builtin", "spec/allow", {"testReuse": 2}, None),
        ("modeltask-phishing", "spec/criteria/0/expression", "recall >= 90% at precision >= 0.8", None),
        (
            "modeltask-phishing",
            "spec/criteria/0/expression",
            "recall/abroad >= 0.9",
            "spec.criteria[separates].expression",
        ),
        ("modeltask-phishing", "spec/calibration", {"criteria": ["ece <= 0.1"]}, None),
        ("modeltask-phishing", "spec/criteria/0/expression", "recall >= linear.recall", None),
        (
            "modeltask-phishing",
            "spec/criteria/0/expression",
            "recall >= champion.recall",
            "spec.criteria[separates].expression",
        ),
        ("modeltask-phishing", "spec/slices", {"columns": ["https"]}, None),
        (
            "modeltask-phishing",
            "spec/rules",
            {"when": [{"name": "a", "if": "https == 0", "predict": "1"}]},
            None,
        ),
        ("retrainpolicy-phishing", "spec/runTemplate/spec/refit", "AllMatured", "spec.runTemplate.spec.refit"),
        ("retrainpolicy-phishing", "spec/triggers/0/drift/season", "Daily", "spec.triggers[drift].drift.season"),
    ],
)
def test_one_change_one_field(base: str, path: str, value: Any, found: str | None) -> None:
    before = paths(good(base)[0])
    added = [each for each in paths(changed(good(base)[0], path, value)) if each not in before]
    assert added == ([found] if found else [])


def test_a_field_says_what_happens_instead() -> None:
    manifest = changed(good("modelrollout-phishing")[0], "spec/alarm", {"predictionShift": "Freeze"})
    assert [str(field) for field in inactive_fields("ModelRollout", manifest["spec"])] == [
        "spec.alarm: there is no fast alarm"
    ]
