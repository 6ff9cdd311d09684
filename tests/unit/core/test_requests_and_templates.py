"""RolloutRequest and MetricTemplate: accepted by the schema, not acted on, and told so once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec
from slipway.controllers.request import RequestController
from slipway.controllers.template import TemplateController
from slipway.core.plan import Delete, ObjectKey, Plan
from slipway.core.request import KEPT
from slipway.runtime.world import World

from tests.controlplane.wrong_manifests import good

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Nothing(World):
    """A world that is never asked."""


def decided(manifest: dict[str, Any], now: datetime = NOW) -> Plan:
    """One reconcile of the object, by the controller of its kind."""
    kinds: dict[str, Any] = {"RolloutRequest": RequestController(), "MetricTemplate": TemplateController()}
    controller = kinds[manifest["kind"]]
    plan: Plan = controller.decide(asyncio.run(controller.observe(manifest, Nothing(), now)), now)
    return plan


def request(**spec: Any) -> dict[str, Any]:
    """The abort of an ill rollout, as the API server keeps it."""
    manifest = good("rolloutrequest-abort")[0]
    metadata = {**manifest["metadata"], "uid": "u-1", "generation": 1}
    return {**manifest, "metadata": metadata, "spec": {**manifest["spec"], **spec}}


def answered(**spec: Any) -> dict[str, Any]:
    """The same after its answer."""
    return {**request(**spec), "status": decided(request(**spec)).status}


def conditions(status: Any) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


@pytest.mark.parametrize("action", get_args(RolloutRequestSpec.model_fields["action"].annotation))
def test_every_request_is_refused_with_reason_remedy_and_time(action: str) -> None:
    target = {"kind": "RetrainPolicy" if action == "Unfreeze" else "ModelRollout", "name": "card-fraud"}
    plan = decided(request(action=action, target=target))
    assert plan.status is not None
    assert (plan.status["phase"], plan.status["reason"]) == ("Refused", "NotYetActive")
    assert plan.status["at"] == "2026-11-23T12:00:00Z"
    assert "not acted on by this version, and nothing was changed: spec.action: " in plan.status["message"]
    assert conditions(plan.status) == {
        "Accepted": ("False", "NotYetActive"),
        "Applied": ("False", "NotYetActive"),
        "Refused": ("True", "NotYetActive"),
        "Stalled": ("True", "NotYetActive"),
    }
    assert [notice.reason for notice in plan.notices] == ["Refused"]
    assert plan.actions == ()


def test_an_abort_is_told_what_ends_the_running_revision_today() -> None:
    message = answered()["status"]["message"]
    assert "set spec.model.mlflow.version of the ModelRollout to the version that stable serves" in message


def test_what_is_no_request_is_refused_as_such() -> None:
    status = answered(action="Explode")["status"]
    assert (status["phase"], status["reason"]) == ("Refused", "SpecInvalid")
    assert "spec.action" in status["message"]


def test_an_answer_is_given_once_and_removed_with_its_request_after_a_week() -> None:
    for later in (timedelta(), timedelta(hours=1), KEPT - timedelta(seconds=1)):
        plan = decided(answered(), NOW + later)
        assert (plan.actions, plan.status, plan.notices) == ((), None, ())
        assert plan.requeue_after == (KEPT - later).total_seconds()
    key = ObjectKey("slipway.dev/v1alpha1", "RolloutRequest", "default", "card-fraud-abort")
    assert decided(answered(), NOW + KEPT) == Plan((Delete(key, "u-1"),))


def test_one_that_is_being_deleted_is_left_alone() -> None:
    going = answered()
    going["metadata"] = {**going["metadata"], "deletionTimestamp": "2026-11-23T12:00:00Z"}
    assert decided(going, NOW + KEPT) == Plan()


def template() -> dict[str, Any]:
    manifest = good("metrictemplate-approval-rate")[0]
    return {**manifest, "metadata": {**manifest["metadata"], "uid": "u-2", "generation": 1}}


def test_a_template_that_is_not_asked_says_so_and_then_nothing_more() -> None:
    plan = decided(template())
    assert plan.status is not None
    assert conditions(plan.status) == {
        "Ready": ("False", "NotYetActive"),
        "Reconciling": ("False", "NotYetActive"),
        "Stalled": ("True", "NotYetActive"),
        "InactiveFields": ("True", "NotYetActive"),
    }
    assert "only the installation's server is asked" in plan.status["conditions"][0]["message"]
    assert plan.actions == ()
    again = decided({**template(), "status": plan.status}, NOW + timedelta(days=1))
    assert again == Plan(status=plan.status)


def test_a_ratio_of_the_installations_server_is_ready() -> None:
    own = template()
    own["spec"] = {key: value for key, value in own["spec"].items() if key != "provider"}
    status = decided(own).status
    assert status is not None
    assert conditions(status)["Ready"] == ("True", "Usable")
    assert "higher is better in share" in status["conditions"][0]["message"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sum by (revision, cluster) (increase(x[{{window}}]))", "must hold {{selector}}"),
        ("sum by (revision, cluster) (x{{selector}})", "must hold {{window}}"),
        ("sum(increase(x{{selector}}[{{window}}]))", "must group by revision and cluster"),
    ],
)
def test_a_text_that_would_read_everybody_or_compare_nothing_is_refused(text: str, says: str) -> None:
    wrong = template()
    wrong["spec"] = {"numerator": text, "denominator": wrong["spec"]["denominator"]}
    status = decided(wrong).status
    assert status is not None
    assert conditions(status)["Stalled"] == ("True", "SpecInvalid")
    assert says in status["conditions"][0]["message"]


def test_a_template_that_is_none_says_so() -> None:
    broken = template()
    broken["spec"] = {"numerator": "x"}
    status = decided(broken).status
    assert status is not None
    assert conditions(status)["Stalled"] == ("True", "SpecInvalid")
