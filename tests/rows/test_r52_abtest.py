"""Row 52: sample size and days are there up front; the decision survives continuous peeking; Inconclusive exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.demo import view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.verify import weights
from tests.rows.service import Service, canary

TEMPLATE = "r52-says-phishing"
COUNTED = "slipway_evidence_cluster_predictions"


def experiment(seconds: int, at_most: int, **changes: Any) -> Object:
    """A stage of seconds with a large effect; in production weeks, and a few percent."""
    test = {
        "weight": "50%", "metric": "positive_rate", "better": "Higher", "atMost": f"{at_most}s",
        "effect": {"value": "30%", "kind": "Relative"}, "ifInconclusive": "KeepStable", **changes,
    }  # fmt: skip
    test = {key: value for key, value in test.items() if value is not None}
    return {"name": "ab", "type": "ABTest", "abTest": test, "minDuration": f"{seconds}s", "minExposures": 150}


def planned(service: Service, version: str) -> Object:
    """The experiment as status has it once its size is known, which is from its first looks on."""

    def sized(rollout: Object) -> bool:
        return view.variant(rollout, "candidate").get("version") == version and required(rollout) > 0

    return service.wait(sized, 240, "the size of the experiment")


def required(rollout: Object) -> int:
    return int(rollout.get("status", {}).get("abTest", {}).get("required", 0))


def deciding(entry: Object) -> Object:
    """The metric that decided, among the gates that history keeps."""
    (found,) = (gate for gate in entry["gates"] if gate["name"] == "ab.primary")
    return dict(found)


def test_r52_a_worse_model_loses_and_stable_serves_all(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("r52-worse")
    service.create(models["first"], [experiment(20, 600)])
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=40) as client:
        service.pin(models["skewed"])
        begun = planned(service, models["skewed"])["status"]["abTest"]
        entry = service.ended(models["skewed"])
        service.wait(lambda _: weights(service.route()) == {stable: 1.0}, 45, "all traffic back to stable")
    assert begun["expectedDays"] >= 1
    assert entry["abTest"]["required"] == begun["required"]
    assert begun["endsAt"]
    assert (entry["outcome"], entry["reason"], entry["stage"]) == ("RolledBack", "ABTestLost", "ab")
    assert entry["abTest"]["verdict"] == "Worse"
    assert float(entry["abTest"]["high"].rstrip("%")) < 0
    assert (deciding(entry)["verdict"], bool(deciding(entry)["message"])) == ("Breach", True)
    assert client.read().failed == 0, client.read().failures


def test_r52_a_better_model_wins_by_a_metric_of_an_administrator(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...], template: str
) -> None:
    service = serve("r52-better")
    # Absolute: this stable never says positive, and relative to nothing there is no effect.
    effect = {"value": "15%", "kind": "Absolute"}
    decides = experiment(15, 600, metric=None, template={"name": template}, effect=effect)
    service.create(models["skewed"], [canary(20, seconds=5, exposures=60), decides])
    with service.client(rows, rate=40) as client:
        service.pin(models["better"])
        begun = planned(service, models["better"])["status"]
        entry = service.ended(models["better"])
    assert begun["stage"]["name"] == "ab"
    assert begun["abTest"]["basis"], "planned from the canary's traffic"
    assert (entry["outcome"], entry["abTest"]["verdict"]) == ("Promoted", "Superior")
    assert entry["abTest"]["metric"] == template
    kinds = {each["name"]: each["kind"] for each in entry["abTest"]["deltas"]}
    assert kinds == {template: "Business", "positive_rate": "Model"}
    assert float(entry["abTest"]["srm"]) >= 0.001
    assert client.read().failed == 0, client.read().failures


def test_r52_what_is_undecided_at_its_end_is_inconclusive_and_that_it_would_be_was_said_at_the_start(
    serve: Callable[[str], Service], models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    service = serve("r52-open")
    service.create(models["first"], [experiment(10, 45, alpha="0.001", effect={"value": "1%", "kind": "Relative"})])
    stable = view.variant(service.read(), "stable")["revision"]
    with service.client(rows, rate=40) as client:
        service.pin(models["better"])
        service.in_stage("ab", models["better"])
        told = service.wait(lambda found: bool(condition(found, "ABTestUnderpowered")), 180, "that it cannot finish")
        entry = service.ended(models["better"])
        service.wait(lambda _: weights(service.route()) == {stable: 1.0}, 45, "stable keeps all traffic")
    assert condition(told, "ABTestUnderpowered")["status"] == "True"
    assert told["status"]["stage"]["name"] == "ab", "said while it still runs"
    assert required(told) > told["status"]["abTest"]["reachable"]
    assert (entry["outcome"], entry["reason"]) == ("Inconclusive", "ABTestInconclusive")
    assert entry["abTest"]["verdict"] == "Inconclusive"
    assert float(entry["abTest"]["low"].rstrip("%")) < 0 < float(entry["abTest"]["high"].rstrip("%"))
    assert view.variant(service.read(), "stable")["version"] == models["first"]
    assert client.read().failed == 0, client.read().failures


@pytest.fixture(scope="module")
def template(cluster: Cluster) -> Iterator[str]:
    """A metric that an administrator writes: here of what the pods count themselves, for want of an application."""
    by = "sum by (rollout, revision, epoch, cluster)"
    texts = {
        "numerator": f'{by} (max_over_time({COUNTED}{{class="1",traffic="live",{{{{selector}}}}}}[{{{{window}}}}]))',
        "denominator": f'{by} (max_over_time({COUNTED}{{traffic="live",{{{{selector}}}}}}[{{{{window}}}}]))',
    }
    manifest = {
        "apiVersion": "slipway.dev/v1alpha1", "kind": "MetricTemplate", "metadata": {"name": TEMPLATE},
        "spec": {**texts, "unit": "share", "better": "Higher"},
    }  # fmt: skip
    cluster.apply(manifest)
    yield TEMPLATE
    cluster.delete("MetricTemplate", TEMPLATE, "")
