"""Row 55: a feature definition or a source that changes silently is told on every task that shares it, and a model that
was trained under another definition is not promoted until it is trained again."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.settings import Environment
from tests.demo.verify import weights
from tests.rows.commands import slipway
from tests.rows.fixtures import EXAMPLES, training_run
from tests.rows.service import Service, canary

CHANGED, SHARES, APART = "r55-changed", "r55-shares", "r55-apart"
CONDITION = "FeatureDefinitionChanged"
POINTS, FEWER = "https + is_popular + long_url", "https + is_popular"
STAGES = [canary(20, seconds=5, exposures=40)]


@pytest.fixture(scope="module")
def tasks(cluster: Cluster, namespace: str) -> Iterator[None]:
    """Two tasks with one definition in common, and a third that has none of its words; all read one file."""
    (manifest,) = kube.manifests(EXAMPLES / "task.yaml", {})
    for name in (CHANGED, SHARES, APART):
        task = copy.deepcopy(manifest)
        task["metadata"] = {"name": name, "namespace": namespace}
        expression = "ip_in_url + popup_window" if name == APART else POINTS
        task["spec"]["features"].append({"name": "points", "expression": expression})
        cluster.apply(task)
    yield
    for name in (CHANGED, SHARES, APART):
        cluster.delete("ModelTask", name, namespace)


@pytest.fixture(scope="module")
def train(cluster: Cluster, namespace: str, tasks: None) -> Iterator[Callable[..., Object]]:
    """Trains a model of a task, and waits until its run tells what it was trained under."""
    made: list[str] = []

    def run(name: str, task: str, estimator: str = "Linear", file: str = "phishing.csv") -> Object:
        manifest = training_run(name, namespace, estimator, file)
        manifest["spec"] |= {"taskRef": {"name": task}, "register": {"model": task}}
        cluster.apply(manifest)
        made.append(name)

        def ended(found: Object) -> bool:
            status = found.get("status", {})
            return status.get("phase") == "Failed" or "inputs" in status

        done = kube.wait(lambda: cluster.get("TrainingRun", name, namespace), ended, 400, f"inputs of {name}")
        assert done["status"]["phase"] == "Succeeded", done["status"]
        return dict(done["status"])

    yield run
    for name in made:
        cluster.delete("TrainingRun", name, namespace)


@pytest.fixture(scope="module")
def versions(train: Callable[..., Object]) -> dict[str, Object]:
    """Two models of the task that will be changed; one of each of the others."""
    return {
        "first": train("r55-first", CHANGED),
        "second": train("r55-second", CHANGED, "GradientBoosting"),
        "shares": train("r55-shares", SHARES),
        "apart": train("r55-apart", APART),
    }


@pytest.fixture(scope="module")
def service(versions: dict[str, Object], serve: Callable[[str], Service]) -> Service:
    """Its first model serves."""
    made, version = serve("r55"), versions["first"]["version"]
    model = {"type": "MLflow", "mlflow": {"name": CHANGED, "version": version}}
    made.create(version, STAGES, taskRef={"name": CHANGED}, model=model)
    return made


def define(service: Service, expression: str) -> None:
    """A person changes what the feature `points` means."""
    task = service.cluster.get("ModelTask", CHANGED, service.namespace) or {}
    kept = [one for one in task["spec"]["features"] if one["name"] != "points"]
    features = [*kept, {"name": "points", "expression": expression}]
    service.cluster.patch("ModelTask", CHANGED, service.namespace, {"spec": {"features": features}})


def says(service: Service, task: str, status: str, words: str = "") -> str:
    """Waits until a task says so; returns the message. The empty status: it says nothing."""

    def said(found: Object) -> bool:
        here = condition(found, CONDITION)
        return here.get("status", "") == status and words in here.get("message", "")

    found = kube.wait(
        lambda: service.cluster.get("ModelTask", task, service.namespace), said, 90, f"{task}: {CONDITION} {status}"
    )
    return str(condition(found, CONDITION).get("message", ""))


def held(rollout: Object) -> bool:
    return condition(rollout, "AdvanceAllowed").get("reason") == CONDITION


def test_r55_a_model_carries_what_it_was_trained_under(
    service: Service, versions: dict[str, Object], environment: Environment
) -> None:
    words = ["get", "trainingrun", "r55-first", "-n", service.namespace, "-o", "jsonpath={.status.inputs}"]
    command = [environment.kubectl, "--kubeconfig", environment.kubeconfig, *words]
    inputs = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    digests = {one["name"]: one["digest"] for one in inputs["features"]}
    points = next(one for one in inputs["features"] if one["name"] == "points")
    assert (points["text"], points["columns"]) == (POINTS, ["https", "is_popular", "long_url"])
    assert view.variant(service.read(), "stable")["definitions"]["digests"] == digests
    others = {one["name"]: one["digest"] for one in versions["apart"]["inputs"]["features"]}
    assert others.pop("points") != digests["points"]
    assert others.items() <= digests.items(), "the same columns mean the same in another task"
    https = next(one for one in inputs["columns"] if one["name"] == "https")
    assert (https["type"], https["least"], https["most"]) == ("Fraction", "0.0", "1.0")
    says(service, CHANGED, "False", "definitions of today")


def test_r55_a_change_is_told_on_both_tasks_holds_the_candidate_and_is_lifted_by_going_back(
    service: Service, versions: dict[str, Object], rows: tuple[Row, ...], environment: Environment
) -> None:
    first, second = versions["first"]["version"], versions["second"]["version"]
    service.pin(second)
    service.in_stage("canary-20", second)  # without requests it cannot pass
    split = weights(kube.wait(service.route, lambda route: len(weights(route)) == 2, 180, "the candidate's share"))
    define(service, FEWER)
    told = says(service, CHANGED, "True", f"points: {POINTS} -> {FEWER}")
    assert f"version {first} of {CHANGED}, stable of ModelRollout r55" in told
    assert f"version {second} of {CHANGED}, candidate of ModelRollout r55" in told
    assert "train again" in told
    shared = says(service, SHARES, "True", f"shared with ModelTask {CHANGED}: points: {POINTS} -> {FEWER}")
    assert f"version {first} of {CHANGED}" in shared
    rollout = service.wait(held, 180, "the rollout is held")
    assert f"points: {POINTS} -> {FEWER}" in condition(rollout, CONDITION)["message"]
    with service.client(rows, rate=30) as client:
        service.wait(
            lambda found: (found["status"].get("stage") or {}).get("exposures", 0) >= 60, 120, "more than is asked for"
        )
        said = slipway(environment, service, "promote")
        assert said.code != 0, said.text
        assert CONDITION in said.text
        now = service.read()
        assert (now["status"]["stage"]["name"], view.variant(now, "stable")["version"]) == ("canary-20", first)
        assert weights(service.route()) == split, "held, neither advanced nor rolled back"
        assert condition(now, "Ready")["status"] == "True"

        define(service, f"  {POINTS.replace(' ', '')}  ")
        entry = service.ended(second)
        assert client.read().failed == 0, client.read().failures
    assert (entry["outcome"], view.variant(service.read(), "stable")["version"]) == ("Promoted", second)
    says(service, CHANGED, "False")
    says(service, SHARES, "")


def test_r55_a_task_with_another_definition_is_not_accused(service: Service) -> None:
    define(service, FEWER)
    says(service, SHARES, "True", f"shared with ModelTask {CHANGED}")
    says(service, APART, "")


def test_r55_an_old_version_does_not_begin_and_one_trained_anew_is_promoted(
    service: Service, versions: dict[str, Object], train: Callable[..., Object], rows: tuple[Row, ...]
) -> None:
    define(service, FEWER)
    old = train("r55-unchanged", SHARES, "GradientBoosting")
    assert old["inputs"]["features"] == versions["shares"]["inputs"]["features"]
    service.patch({"spec": {"model": {"mlflow": {"name": SHARES, "version": old["version"]}}}})
    waiting = service.wait(
        lambda found: condition(found, "Progressing").get("reason") == CONDITION, 90, "the old one does not begin"
    )
    assert view.variant(waiting, "candidate") == {}
    anew = train("r55-anew", CHANGED)
    service.patch({"spec": {"model": {"mlflow": {"name": CHANGED, "version": anew["version"]}}}})
    with service.client(rows, rate=30):
        assert service.ended(anew["version"])["outcome"] == "Promoted"
    says(service, CHANGED, "False", "definitions of today")
    says(service, SHARES, "")


def test_r55_newer_data_of_another_range_is_told_with_its_figures_on_all_that_read_it(
    service: Service, train: Callable[..., Object]
) -> None:
    train("r55-lost", CHANGED, "GradientBoosting", "phishing-points-lost.csv")
    told = says(service, CHANGED, "True", "column https: range 0.0 to 1.0 -> -1.0 to 0.0")
    assert "distributions differ by at least" in told
    assert "-> r55-lost)" in told
    for task in (SHARES, APART):
        says(service, task, "True", f"shared with ModelTask {CHANGED}: column ")
    stable = view.variant(service.read(), "stable")
    assert condition(service.read(), "Ready")["status"] == "True"
    assert weights(service.route()) == {stable["revision"]: 1.0}, "what serves goes on serving"
