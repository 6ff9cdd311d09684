"""TrainingRuns through manifests, on the cluster: from a file to a registered version, and how that may fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.demo import kube
from tests.demo.kube import Cluster, Object, condition
from tests.rows.fixtures import training_run

pytestmark = pytest.mark.timeout(1500)

END = 360
"""Seconds for a training that takes half a minute alone: beside it others train, build and serve on two cores."""

ENDED = ("Succeeded", "Failed", "Cancelled")
Create = Callable[..., str]


@pytest.fixture
def create(cluster: Cluster, namespace: str) -> Iterator[Create]:
    """Creates a TrainingRun with changes to its spec; it is deleted afterwards."""
    made: list[str] = []

    def new(name: str, file: str = "phishing.csv", **spec: object) -> str:
        run = training_run(name, namespace, "Linear", file)
        run["spec"] |= {"register": {"model": f"training-{name}"}, **spec}
        made.append(name)
        cluster.apply(run)
        return name

    yield new
    for name in made:
        cluster.delete("TrainingRun", name, namespace)


@pytest.fixture
def follow(cluster: Cluster, namespace: str) -> Callable[..., Object]:
    """Waits until a run's status says something."""

    def wait(name: str, done: Callable[[Object], bool], seconds: float, what: str) -> Object:
        return kube.wait(lambda: cluster.get("TrainingRun", name, namespace), done, seconds, f"{name}: {what}")

    return wait


def phase(run: Object) -> str:
    return str(run.get("status", {}).get("phase", ""))


def ended(run: Object) -> bool:
    return phase(run) in ENDED


def said(run: Object, kind: str) -> tuple[str, str]:
    found = condition(run, kind)
    return str(found.get("status", "")), str(found.get("reason", ""))


def pods(cluster: Cluster, namespace: str, name: str) -> list[Object]:
    return cluster.list("Pod", namespace, labels=f"slipway.dev/trainingrun={name}")


def test_a_manifest_becomes_an_evaluated_registered_version(
    create: Create, follow: Callable[..., Object], cluster: Cluster, namespace: str
) -> None:
    run = follow(create("good"), ended, END, "its end")
    status = run["status"]
    assert phase(run) == "Succeeded", status
    for kind in ("DataValid", "CriteriaMet", "Registered", "Ready"):
        assert said(run, kind)[0] == "True", kind
    assert status["version"].isdigit()
    assert status["modelDigest"].startswith("sha256:")
    assert status["dataDigest"].startswith("sha256:")
    assert {step["name"] for step in status["steps"]} >= {"acquire", "validate", "split", "train", "evaluate"}
    recall = next(each for each in status["metrics"] if each["name"] == "recall" and each["split"] == "test")
    assert float(recall["low"]) <= float(recall["value"]) <= float(recall["high"])
    (pod,) = pods(cluster, namespace, "good")
    assert pod["spec"].get("automountServiceAccountToken") is False
    assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_same_data_and_seed_give_the_same_numbers(create: Create, follow: Callable[..., Object]) -> None:
    first, second = (follow(create(name), ended, END, "its end")["status"] for name in ("once", "twice"))
    assert first["dataDigest"] == second["dataDigest"]
    assert first["metrics"] == second["metrics"]


def test_criteria_that_are_not_met_leave_a_version_that_nobody_serves(
    create: Create, follow: Callable[..., Object], cluster: Cluster, namespace: str
) -> None:
    task = cluster.get("ModelTask", "phishing", namespace)
    assert task is not None
    # Of a ranking metric nothing is foreseen: the test rows open, and say no.
    strict = {**task["spec"], "criteria": [{"name": "perfect", "expression": "average_precision >= 0.9999"}]}
    meta = {"name": "perfect", "namespace": namespace}
    cluster.apply({"apiVersion": task["apiVersion"], "kind": "ModelTask", "metadata": meta, "spec": strict})
    run = follow(create("missed", taskRef={"name": "perfect"}), ended, END, "its end")
    assert phase(run) == "Failed"
    assert said(run, "CriteriaMet") == ("False", "CriteriaNotMet")
    assert "average_precision >= 0.9999" in condition(run, "CriteriaMet")["message"]
    assert said(run, "Registered")[0] == "True"
    assert "without the alias" in condition(run, "Registered")["message"]
    assert said(run, "Stalled")[0] == "True"


@pytest.mark.parametrize(
    ("name", "changes", "reason", "named"),
    [
        ("no-column", {"data": {"split": {"by": "Column", "column": "part"}}}, "ColumnMissing", "'part'"),
        ("no-parameter", {"parameters": {"learning": "1"}}, "ParameterUnknown", "'learning'"),
        ("no-time", {"data": {"split": {"by": "Time"}}}, "SplitNeedsTimestamp", "timestamp"),
        ("no-file", {"file": "absent.csv"}, "SourceUnreadable", "404"),
    ],
)
def test_a_fault_of_data_or_manifest_ends_the_run_at_its_first_pod(
    create: Create, follow: Callable[..., Object], cluster: Cluster, namespace: str,
    name: str, changes: Object, reason: str, named: str,
) -> None:  # fmt: skip
    file = changes.pop("file", "phishing.csv")
    if "data" in changes:
        sources = training_run(name, namespace, "Linear", file)["spec"]["data"]["sources"]
        changes["data"] = {"sources": sources, **changes["data"]}
    run = follow(create(name, file, **changes), ended, END, "its end")
    assert phase(run) == "Failed"
    assert said(run, "Stalled") == ("True", reason)
    assert named in condition(run, "Stalled")["message"]
    assert len(pods(cluster, namespace, name)) == 1, "no second attempt at what cannot succeed"


def test_a_run_waits_for_its_task(
    create: Create, follow: Callable[..., Object], cluster: Cluster, namespace: str
) -> None:
    name = create("early", taskRef={"name": "later"})
    run = follow(name, lambda found: said(found, "Reconciling") == ("True", "TaskNotFound"), 120, "TaskNotFound")
    assert "'later'" in condition(run, "Reconciling")["message"]
    task = cluster.get("ModelTask", "phishing", namespace)
    assert task is not None
    meta = {"name": "later", "namespace": namespace}
    cluster.apply({"apiVersion": task["apiVersion"], "kind": "ModelTask", "metadata": meta, "spec": task["spec"]})
    assert phase(follow(name, ended, END, "its end")) == "Succeeded"
    used = kube.wait(
        lambda: cluster.get("ModelTask", "later", namespace),
        lambda found: bool(found.get("status", {}).get("usedBy")),
        180, "the task names its user",
    )  # fmt: skip
    assert used["status"]["usedBy"] == [{"kind": "TrainingRun", "name": "early"}]


def test_suspend_keeps_a_run_from_training_and_resume_lets_it(
    create: Create, follow: Callable[..., Object], cluster: Cluster, namespace: str
) -> None:
    name = create("held", suspend=True)
    follow(name, lambda found: phase(found) == "Suspended", 120, "Suspended")
    time.sleep(3)
    assert cluster.get("Job", "held-train", namespace) is None
    cluster.patch("TrainingRun", name, namespace, {"spec": {"suspend": False}})
    assert phase(follow(name, ended, END, "its end")) == "Succeeded"


def test_cancel_ends_a_run_and_takes_its_job_away(
    create: Create, follow: Callable[..., Object], cluster: Cluster, namespace: str
) -> None:
    name = create("stopped")
    kube.wait(lambda: cluster.get("Job", "stopped-train", namespace), lambda job: True, 120, "the Job", every=0.2)
    cluster.patch("TrainingRun", name, namespace, {"spec": {"cancel": True}})
    run = follow(name, ended, 120, "its end")
    assert phase(run) == "Cancelled"
    assert said(run, "Cancelled")[0] == "True"
    gone = kube.wait(
        lambda: {"job": cluster.get("Job", "stopped-train", namespace)}, lambda found: not found["job"], 180, "no Job"
    )
    assert gone["job"] is None
