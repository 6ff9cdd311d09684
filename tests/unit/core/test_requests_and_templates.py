"""RolloutRequest: answered from what its rollout says, once. MetricTemplate: accepted by the schema, not acted on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.controllers.request import RequestController, open_requests
from slipway.controllers.template import TemplateController
from slipway.core.plan import Delete, ObjectKey, Plan, Unavailable
from slipway.core.readings import Readings, Server
from slipway.core.request import KEPT, PATIENCE
from slipway.runtime.world import World

from tests.controlplane.wrong_manifests import good

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Cache(World):
    """What the operator has seen: rollouts by name, and requests."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = objects

    def get(self, key: ObjectKey) -> Any:
        return next((o for o in self.objects if (o["kind"], o["metadata"]["name"]) == (key.kind, key.name)), None)

    def list(self, kind: str, namespace: str, labels: Any) -> Any:
        return [each for each in self.objects if each["kind"] == kind]


def decided(manifest: dict[str, Any], now: datetime = NOW, *cached: dict[str, Any]) -> Plan:
    """One reconcile of the object, by the controller of its kind."""
    kinds: dict[str, Any] = {"RolloutRequest": RequestController(), "MetricTemplate": TemplateController()}
    controller = kinds[manifest["kind"]]
    plan: Plan = controller.decide(asyncio.run(controller.observe(manifest, Cache(*cached), now)), now)
    return plan


def request(name: str = "rolloutrequest-abort", **spec: Any) -> dict[str, Any]:
    """A request as the API server keeps it."""
    manifest = good(name)[0]
    metadata = {**manifest["metadata"], "uid": "u-1", "generation": 1, "creationTimestamp": "2026-11-23T12:00:00Z"}
    return {**manifest, "metadata": metadata, "spec": {**manifest["spec"], **spec}}


def rollout(*answers: dict[str, Any], stage: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """The ModelRollout card-fraud, with what it says of requests."""
    status = {"requests": list(answers), **({"stage": stage} if stage else {})}
    return {"kind": "ModelRollout", "metadata": {"name": "card-fraud", **metadata}, "status": status}


def answer(outcome: str, why: str = "Abort", message: str = "version 7 is aborted", uid: str = "u-1") -> dict[str, Any]:
    return {"uid": uid, "outcome": outcome, "why": why, "message": message, "at": "2026-11-23T12:00:00Z"}


def conditions(status: Any) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_what_its_rollout_has_applied_is_applied() -> None:
    plan = decided(request(), NOW, rollout(answer("Applied")))
    assert plan.status is not None
    assert (plan.status["phase"], plan.status["message"]) == ("Applied", "version 7 is aborted")
    assert plan.status["at"] == "2026-11-23T12:00:00Z"
    assert conditions(plan.status) == {
        "Accepted": ("True", "Abort"),
        "Applied": ("True", "Abort"),
        "Refused": ("False", "Abort"),
        "Reconciling": ("False", "Abort"),
        "Stalled": ("False", "Abort"),
    }
    assert [(notice.type, notice.reason) for notice in plan.notices] == [("Normal", "Applied")]


def test_what_its_rollout_has_refused_is_refused_with_its_words() -> None:
    plan = decided(
        request(), NOW, rollout(answer("Refused", "Stale", "revision 7f3c was looked at"), answer("Applied", uid="u-2"))
    )
    assert plan.status is not None
    assert (plan.status["phase"], plan.status["reason"]) == ("Refused", "Stale")
    assert conditions(plan.status) == {
        "Accepted": ("False", "Stale"),
        "Applied": ("False", "Stale"),
        "Refused": ("True", "Stale"),
        "Stalled": ("True", "Stale"),
    }
    assert [(notice.type, notice.reason) for notice in plan.notices] == [("Warning", "Refused")]


def test_a_way_back_is_accepted_until_the_gateway_carries_it() -> None:
    stage = {"name": "rollback", "type": "Rollback", "since": "2026-11-23T12:00:00Z"}
    waiting = decided(request(), NOW, rollout(answer("Applied"), stage=stage))
    assert waiting.status is not None
    assert (waiting.status["phase"], "at" in waiting.status) == ("Accepted", False)
    assert conditions(waiting.status)["Applied"] == ("False", "RouteNotCarried")
    carried = {**stage, "routeObservedAt": "2026-11-23T12:00:02Z"}
    accepted = {**request(), "status": waiting.status}
    done = decided(accepted, NOW, rollout(answer("Applied"), stage=carried))
    assert done.status is not None
    assert done.status["phase"] == "Applied"


def test_one_that_its_rollout_has_not_seen_waits_without_a_write() -> None:
    assert decided(request(), NOW, rollout(answer("Applied", uid="another"))) == Plan()


def test_a_target_that_is_not_there_may_yet_appear_and_is_refused_then() -> None:
    soon = decided(request(), NOW + timedelta(seconds=4))
    assert (soon.status, soon.requeue_after) == (None, PATIENCE.total_seconds() - 4)
    plan = decided(request(), NOW + PATIENCE)
    assert plan.status is not None
    assert (plan.status["phase"], plan.status["reason"]) == ("Refused", "NotFound")
    assert "there is no ModelRollout 'card-fraud' in namespace 'default'" in plan.status["message"]
    going = decided(request(), NOW, rollout(deletionTimestamp="2026-11-23T12:00:00Z"))
    assert going.status is not None
    assert going.status["reason"] == "TargetDeleting"


def test_what_is_no_request_and_what_is_not_acted_on_are_refused_as_such() -> None:
    status = decided(request(action="Explode")).status
    assert status is not None
    assert (status["phase"], status["reason"]) == ("Refused", "SpecInvalid")
    assert "spec.action" in status["message"]


@pytest.mark.parametrize("outcome", ["Applied", "Refused"])
def test_an_answer_is_given_once_and_removed_with_its_request_after_a_day(outcome: str) -> None:
    told = {**request(), "status": decided(request(), NOW, rollout(answer(outcome))).status}
    for later in (timedelta(), timedelta(hours=1), KEPT - timedelta(seconds=1)):
        plan = decided(told, NOW + later, rollout(answer("Applied")))
        assert (plan.actions, plan.status, plan.notices) == ((), None, ())
        assert plan.requeue_after == (KEPT - later).total_seconds()
    key = ObjectKey("slipway.dev/v1alpha1", "RolloutRequest", "default", "card-fraud-abort")
    assert decided(told, NOW + KEPT) == Plan((Delete(key, "u-1"),))


def test_one_that_is_being_deleted_is_left_alone() -> None:
    going = request()
    going["metadata"] = {**going["metadata"], "deletionTimestamp": "2026-11-23T12:00:00Z"}
    assert decided(going, NOW + KEPT) == Plan()


def test_a_rollout_sees_the_requests_that_name_it_and_wait() -> None:
    other = {**request(), "spec": {**request()["spec"], "target": {"name": "another"}}}
    told = {**request(), "status": {"phase": "Refused"}}
    policy, broken = request("rolloutrequest-unfreeze"), request(action="Explode")
    accepted = {**request(), "status": {"phase": "Accepted"}}
    cache = Cache(request(), other, told, policy, broken, accepted)
    found = open_requests("ModelRollout", "default", "card-fraud", cache)
    assert [(each.uid, each.spec.action, each.created) for each in found] == [("u-1", "Abort", NOW)] * 2
    (found_by_policy,) = open_requests("RetrainPolicy", "default", "card-fraud", cache)
    assert found_by_policy.spec.action == "Unfreeze"


def template() -> dict[str, Any]:
    manifest = good("metrictemplate-others")[1]
    return {**manifest, "metadata": {**manifest["metadata"], "uid": "u-2", "generation": 1}}


def test_a_template_says_that_it_is_usable_and_what_is_known_of_its_provider_and_then_nothing_more() -> None:
    plan = decided(template())
    assert plan.status is not None
    assert conditions(plan.status) == {
        "Ready": ("True", "Usable"),
        "Reconciling": ("False", "Usable"),
        "Stalled": ("False", "Usable"),
        "Reachable": ("Unknown", "AskedByJobs"),
    }
    assert plan.actions == ()
    again = decided({**template(), "status": plan.status}, NOW + timedelta(days=1))
    assert again == plan


AWAY = Unavailable("WebhookUnavailable", "https://crm.example.com/complaints answered HTTP 500")
ANSWERED = Readings(NOW, {})


class Heard(Cache):
    """A provider that was heard so."""

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.said, self.texts = said, list[tuple[str, Any]]()

    def heard(self, template: str) -> Any:
        return self.said

    async def query(self, promql: str, now: datetime, server: Server | None = None) -> Any:
        self.texts.append((promql, server))
        return self.said


def reachable(world: World, manifest: dict[str, Any], before: Any = None) -> dict[str, Any]:
    controller = TemplateController()
    obj = {**template(), "spec": manifest["spec"], "status": before or {}}
    plan = controller.decide(asyncio.run(controller.observe(obj, world, NOW)), NOW)
    assert plan.status is not None
    return dict(plan.status)


WEBHOOK = good("metrictemplate-others")[0]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, ("Unknown", "NotAsked")),
        (ANSWERED, ("True", "Answers")),
        (AWAY, ("False", "WebhookUnavailable")),
    ],
)
def test_whether_a_webhook_answers_is_said_as_it_was_heard_last(said: Any, found: tuple[str, str]) -> None:
    assert conditions(reachable(Heard(said), WEBHOOK))["Reachable"] == found


def test_an_outage_that_words_itself_anew_and_a_restart_that_forgets_cost_no_write() -> None:
    away = reachable(Heard(AWAY), WEBHOOK)
    assert reachable(Heard(Unavailable(AWAY.reason, "another text")), WEBHOOK, away) == away
    assert reachable(Heard(None), WEBHOOK, away) == away
    assert conditions(reachable(Heard(ANSWERED), WEBHOOK, away))["Reachable"] == ("True", "Answers")


def test_prometheus_is_asked_the_templates_own_texts_of_no_rollout_at_its_own_server() -> None:
    world = Heard([])
    status = reachable(world, good("metrictemplate-approval-rate")[0])
    assert conditions(status)["Reachable"] == ("True", "Answers")
    text, server = world.texts[0]
    assert server == Server("http://prometheus.monitoring:9090", "reader")
    assert text.count('{rollout=~"/"}') == 2
    assert "{{" not in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("metrictemplate-approval-rate", "gates and experiments may use it; higher is better in share"),
        ("metrictemplate-queue-depth", "gates may use it; lower is better"),
    ],
)
def test_what_prometheus_answers_is_ready(name: str, says: str) -> None:
    status = decided({**template(), "spec": good(name)[0]["spec"]}).status
    assert status is not None
    assert conditions(status)["Ready"] == ("True", "Usable")
    assert says in status["conditions"][0]["message"]


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
    wrong["spec"] = {"numerator": text, "denominator": good("metrictemplate-approval-rate")[0]["spec"]["denominator"]}
    status = decided(wrong).status
    assert status is not None
    assert conditions(status)["Stalled"] == ("True", "SpecInvalid")
    assert says in status["conditions"][0]["message"]


@pytest.mark.parametrize("text", ["max by (revision)(depth)", "max(depth{{selector}})"])
def test_a_bare_value_of_everybody_or_of_no_revision_is_refused(text: str) -> None:
    status = decided({**template(), "spec": {"value": text}}).status
    assert status is not None
    assert conditions(status)["Stalled"] == ("True", "SpecInvalid")


def test_a_template_that_is_none_says_so() -> None:
    broken = template()
    broken["spec"] = {"numerator": "x"}
    status = decided(broken).status
    assert status is not None
    assert conditions(status)["Stalled"] == ("True", "SpecInvalid")
