"""Who is asked about, and when: questions of templates and experiments, through the controller's own code."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.controllers.rollout_evidence import Judged, gather
from slipway.core.evidence import Evidence
from slipway.core.gates import Case, judge
from slipway.core.plan import Unavailable
from slipway.core.primary import TaskMetrics
from slipway.core.readings import Question, Reading, Readings, Webhook
from slipway.core.rollout import Snapshot, comparison
from slipway.core.rollout.asked import asked
from slipway.runtime.world import Sample

from tests.unit.core.commanded import SIGN_OFF
from tests.unit.core.experiments import stage
from tests.unit.core.specs import spec
from tests.unit.core.test_ratio_metrics import SHARED
from tests.unit.core.traffic_model import APPROVALS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANARY = spec()["stages"][1]
GATED = {"name": "approvals", "template": {"name": "approvals"}, "op": ">=", "bound": "30%"}


class World:
    """Remembers what it is asked, and refuses what names `approved`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
        self.asked.append(promql)
        return Unavailable("PrometheusUnavailable", "parse error") if "approved" in promql else []

    def templated(self) -> list[str]:
        return [text for text in self.asked if "decided" in text or "approved" in text]


def snapshot(
    at: str, stages: Sequence[Mapping[str, Any]], template: Mapping[str, str] = APPROVALS, name: str = "fraud"
) -> Snapshot:
    """A rollout whose stage `at` has been running for 400 seconds."""
    raw = spec(stages=list(stages))
    index = next((place for place, each in enumerate(stages) if each["name"] == at), -1)
    kind = stages[index]["type"] if index >= 0 else "Start"
    served = [each.get(member, {}) for each in stages[: index + 1] for member in ("canary", "abTest")]
    weight = next((each["weight"] for each in reversed(served) if each), "0%")
    source = stages[index - 1]["name"] if kind == "Approval" and index > 0 else ""
    variants = [{"name": "stable", "revision": "s"}, {"name": "candidate", "revision": "c", "weight": weight}]
    status = ModelRolloutStatus.model_validate(
        {"epoch": 3, "epochSince": NOW - timedelta(seconds=400), "variants": variants, "target": {"version": "2"},
         "stage": {"name": at, "index": index, "type": kind, "source": source}}
    )  # fmt: skip
    metrics = TaskMetrics(templates={"approvals": MetricTemplateSpec.model_validate(template)})
    parsed = ModelRolloutSpec.model_validate(raw)
    return Snapshot("ns", name, "u", 1, "1", raw, parsed, status, metrics=metrics)


def ask(*of: Snapshot) -> tuple[World, Evidence]:
    world, judged = World(), Judged()
    for each in of:
        found = asyncio.run(gather(each, world, NOW, judged))  # type: ignore[arg-type]
    assert isinstance(found, Evidence)
    return world, found


AB = stage(metric=None, template={"name": "approvals"})
AB["abTest"] = {key: value for key, value in AB["abTest"].items() if value is not None}


@pytest.mark.parametrize(
    ("at", "stages", "keys"),
    [
        ("canary-10", [CANARY], []),
        ("canary-10", [CANARY, CANARY | {"name": "b"}, AB], []),
        ("canary-10", [CANARY, AB], ["template/approvals"]),
        ("ab", [CANARY, AB], ["template/approvals"]),
        ("start", [AB], ["template/approvals"]),
        ("ab", [stage(metric="mean_score")], ["mean_score"]),
        ("canary-10", [CANARY | {"gates": [GATED]}], ["template/approvals"]),
        ("b", [CANARY | {"gates": [GATED]}, CANARY | {"name": "b"}], []),
        ("canary-10", [CANARY, CANARY | {"name": "b", "skip": {"reason": "urgent"}}, AB], ["template/approvals"]),
        ("sign-off", [CANARY | {"gates": [GATED]}, SIGN_OFF], ["template/approvals"]),
        ("sign-off", [SIGN_OFF, AB], ["template/approvals"]),
        ("sign-off", [AB, SIGN_OFF], []),
    ],
)  # fmt: skip
def test_only_what_this_stage_or_the_experiment_after_it_needs_is_asked(
    at: str, stages: Sequence[Mapping[str, Any]], keys: list[str]
) -> None:
    assert list(asked(snapshot(at, stages))) == keys


def test_before_an_experiment_stable_alone_is_asked_about() -> None:
    compared = comparison(snapshot("start", [AB]))
    assert compared is not None
    assert compared.stable == compared.candidate
    assert comparison(snapshot("start", [CANARY, AB])) is None
    assert comparison(snapshot("start", [CANARY | {"when": ["Refresh"]}, AB])) == compared


def test_counts_without_epochs_are_asked_for_over_the_epoch_and_a_refusal_leaves_the_rest() -> None:
    world, found = ask(snapshot("ab", [AB]))
    assert all('{rollout=~"ns/fraud"}[400s]' in text for text in world.templated())
    assert len(world.templated()) == 6
    assert found.missing == {"template/approvals": "parse error"}
    assert found.candidate.requests is None


def test_counts_that_know_their_epoch_are_asked_for_two_rollouts_by_the_same_texts() -> None:
    one, other = (snapshot("ab", [AB], SHARED, name) for name in ("fraud", "loans"))
    world, _ = ask(one, other, one)
    third = world.templated()[-6:]
    assert all('{rollout=~"ns/fraud|ns/loans"}[15m]' in text for text in third)
    assert world.templated()[-12:-6] == third


def test_a_template_that_is_gone_is_not_asked() -> None:
    assert asked(replace(snapshot("ab", [AB]), metrics=TaskMetrics())) == {}


DEPTH = {"value": "max by (revision)(max_over_time(depth{{selector}}[{{window}}]))"}
QUEUE = {"name": "queue", "template": {"name": "approvals"}, "op": "<=", "bound": "100"}


class Depths(World):
    """Answers the depth of queues."""

    def __init__(self, *found: tuple[str, float]) -> None:
        super().__init__()
        self.found = found

    async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
        self.asked.append(promql)
        return [Sample({"revision": name}, value) for name, value in self.found] if "depth" in promql else []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ((("c", 7.0), ("s", 5.0)), ""),
        ((("s", 5.0),), "answered nothing of revision c"),
        ((("c", 7.0), ("c", 8.0)), "2 values"),
        ((("c", math.nan),), "nan"),
        ((("c", -math.inf),), "-inf"),
    ],
)
def test_a_bare_value_is_one_finite_number_of_the_candidate_or_nothing(
    found: tuple[tuple[str, float], ...], says: str
) -> None:
    world = Depths(*found)
    one = snapshot("canary-10", [CANARY | {"gates": [QUEUE]}], DEPTH)
    seen = asyncio.run(gather(one, world, NOW, Judged()))  # type: ignore[arg-type]
    assert isinstance(seen, Evidence)
    key = "template/approvals/60s"
    assert 'depth{rollout=~"ns/fraud"}[60s]' in "".join(world.asked)
    assert (key in seen.candidate.points) is not bool(says)
    assert says in seen.missing.get(key, "")


def test_a_window_is_asked_for_with_what_its_gates_judge_and_rollouts_share_it() -> None:
    p95 = {"name": "slow", "metric": "latency_p95", "op": "<=", "bound": "1s", "window": "5m"}
    stages = [CANARY | {"gates": [p95]}]
    world, found = ask(*(snapshot("canary-10", stages, name=name) for name in ("fraud", "loans")))
    windowed = [text for text in world.asked if "offset 300000ms" in text]
    assert list(found.windows) == [300.0]
    assert not any("cluster" in text for text in windowed), "a percentile needs no groups of entities"
    assert 'rollout=~"ns/fraud|ns/loans"' in windowed[-1]


def test_counts_that_went_back_are_unavailable() -> None:
    class Restarted(World):
        async def query(self, promql: str, now: datetime) -> Sequence[Sample] | Unavailable:
            labels = {"rollout": "ns/fraud", "traffic": "live", "epoch": "3", "code": "2xx", "assigned": "true"}
            return [Sample({**labels, "revision": "c"}, -4.0)] if "offset" in promql else []

    p95 = {"name": "slow", "metric": "latency_p95", "op": "<=", "bound": "1s", "window": "5m"}
    one = snapshot("canary-10", [CANARY | {"gates": [p95]}])
    seen = asyncio.run(gather(one, Restarted(), NOW, Judged()))  # type: ignore[arg-type]
    assert isinstance(seen, Evidence)
    assert isinstance(seen.windows[300.0], Unavailable)


class Hooked(World):
    """Answers a webhook's question."""

    def __init__(self, said: Readings | Unavailable) -> None:
        super().__init__()
        self.said = said

    async def ask(self, hook: Webhook, question: Question, now: datetime) -> Readings | Unavailable:
        self.asked.append(f"{hook.url} {question.window:g} {question.stage}")
        return self.said


HOOK = {"provider": {"type": "HTTP", "http": {"url": "https://crm.example.com"}}, "unit": "share"}
FEW = {**GATED, "op": "<=", "bound": "5%"}


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (Readings(NOW, {"c": Reading(4000, events=20)}), "Pass"),
        (Readings(NOW, {"c": Reading(4000, events=900)}), "Breach"),
        (Readings(NOW, {"c": Reading(10, events=0)}), "Unknown"),
        (Readings(NOW, {"c": Reading(10, events=11)}), "Unknown"),
        (Readings(NOW, {"s": Reading(4000, events=20)}), "Unknown"),
        (Unavailable("WebhookUnavailable", "HTTP 500"), "Unknown"),
        (Readings(NOW, {"c": Reading(50, value=0.01)}), "Pass"),
        (Readings(NOW, {"c": Reading(50, value=0.5)}), "Breach"),
    ],
)
def test_what_a_webhook_says_is_judged_like_any_other_metric(said: Readings | Unavailable, verdict: str) -> None:
    one, world = snapshot("canary-10", [CANARY | {"gates": [FEW]}], HOOK), Hooked(said)
    seen = asyncio.run(gather(one, world, NOW, Judged()))  # type: ignore[arg-type]
    assert isinstance(seen, Evidence)
    assert "https://crm.example.com 0 canary-10" in world.asked
    answering = replace(seen, candidate=replace(seen.candidate, requests=900.0, scraped=1.0))
    case = Case(Gate.model_validate(FEW), answering, metrics=one.metrics)
    assert judge(case).verdict == verdict, judge(case).message
