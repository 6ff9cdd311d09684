"""Row 56: a share of entities gets rules instead of a model, in every stage, and nobody can claim to be one of them; a
model that changes what it is asked is found by them, by slice and revision; models that undo each other freeze."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.dataset as ds
import pytest

from tests.cluster.places import Places, given_kubeconfig
from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.rows.fixtures import EXAMPLES, run_spec, training_run
from tests.rows.held_out import NEGATIVE, POSITIVE, SLICE, VISITORS, Loop, Pages, ask, connected, is_held, visitors
from tests.rows.lake import BUCKET, lake
from tests.rows.service import GROUP, Service, canary, shadow
from tests.stores.s3 import S3Server

pytestmark = [
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        bool(given_kubeconfig(Places.of_environment())),
        reason="pods of another machine's cluster do not reach this one",
    ),
]
NAME, SECRET = "r56", "r56-lake"
# No page has a 7: the rules alone call none phishing, but those that a test makes.
RULES = {"when": [{"name": "seven", "if": f"{SLICE} == 7", "predict": "1"}], "serve": "ModelOnly"}
TOLD = 420  # seconds


@pytest.fixture(scope="module")
def store(cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with lake(cluster, namespace, SECRET, tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(scope="module")
def versions(cluster: Cluster, namespace: str) -> Iterator[tuple[str, str]]:
    """Two versions trained for a task with rules, which are served to nobody else, and with slices."""
    (task,) = kube.manifests(EXAMPLES / "task.yaml", {})
    task["metadata"] = {"name": NAME, "namespace": namespace}
    task["spec"] |= {"rules": {**RULES, "ifSufficient": "Continue"}, "slices": {"columns": [SLICE]}}
    cluster.apply(task)
    names = {"r56-first": "Linear", "r56-second": "GradientBoosting"}
    for name, estimator in names.items():
        run = training_run(name, namespace, estimator, "phishing.csv")
        run["spec"] |= {"taskRef": {"name": NAME}, "register": {"model": f"{NAME}-{namespace}"}}
        cluster.apply(run)
    found = []
    for name in names:
        done = kube.wait(
            lambda name=name: cluster.get("TrainingRun", name, namespace),
            lambda run: run.get("status", {}).get("phase") in ("Succeeded", "Failed"),
            900, f"TrainingRun {name}",
        )  # fmt: skip
        assert done["status"]["phase"] == "Succeeded", done["status"]
        found.append(done["status"]["version"])
    yield found[0], found[1]
    for name in names:
        cluster.delete("TrainingRun", name, namespace)
    cluster.delete("ModelTask", NAME, namespace)


@pytest.fixture(scope="module")
def service(versions: tuple[str, str], serve: Callable[[str], Service], store: S3Server) -> Service:
    made = serve(NAME)
    spec = held_out(made, versions[0], "40%")
    made.create(versions[0], [shadow(seconds=10, samples=20), canary(50, seconds=45)], **spec)
    active(made)
    return made


def held_out(service: Service, version: str, share: str, task: str = NAME) -> dict[str, Any]:
    """The members of a spec that holds out, and logs."""
    manifest = service.manifest(version, [])
    return {
        "taskRef": {"name": task},
        "model": {"type": "MLflow", "mlflow": {"name": f"{NAME}-{service.namespace}", "version": version}},
        "traffic": {**manifest["spec"]["traffic"], "globalHoldout": share},
        "predictionLog": {"uri": f"s3://{BUCKET}/{NAME}/", "secretRef": {"name": SECRET}, "rotate": {"every": "1s"}},
    }


def active(service: Service) -> Object:
    def there(found: Object) -> bool:
        return condition(found, "HoldoutActive").get("status") == "True"

    return service.wait(there, TOLD, "entities to be held out")


@pytest.fixture(scope="module")
def pages(service: Service, rows: tuple[Row, ...]) -> Pages:
    """Those that are labelled as they are called, on which another model will mostly agree."""
    (visitor,) = visitors(service, held=False, count=1)
    asked = [row.instance() for row in rows]
    with connected(service) as connection:
        called = ask(connection, service.target, asked, visitor).labels
    found = Pages({}, {})
    for row, page, label in zip(rows, asked, called, strict=True):
        if label == row.label:
            side = found.positive if label == POSITIVE else found.negative
            side.setdefault(page[SLICE], []).append(page)
            (found.positive, found.negative)[label == POSITIVE].setdefault(page[SLICE], [])
    assert len(found.values) == 2
    assert all(len(found.positive[value]) >= 3 and len(found.negative[value]) >= 3 for value in found.values)
    return found


def check_who_gets_what(service: Service, pages: Pages) -> set[str]:
    """Held-out visitors get the rules' answers from stable, all others a model's; whoever says that he is held out is
    not. Returns the revisions that answered the others."""
    value = pages.values[0]
    positive = pages.positive[value][0]
    made, stable = positive | {SLICE: 7.0}, view.variant(service.read(), "stable")["revision"]
    seen = set()
    with connected(service) as connection:
        for visitor in visitors(service, held=True, count=12):
            answer = ask(connection, service.target, [positive, made], visitor)
            assert answer.labels == [NEGATIVE, POSITIVE], "what the rules say, and the model of neither"
            assert answer.decided_by == ["holdout", "holdout/seven"]
            assert answer.revision == stable
        for visitor in visitors(service, held=False, count=12):
            for forged in ({}, {"x_slipway_holdout": "1"}):
                answer = ask(connection, service.target, [positive], visitor, **forged)
                assert (answer.labels, answer.decided_by) == ([POSITIVE], [])
                seen.add(answer.revision)
    return seen


def test_r56_the_share_is_held_out_and_the_status_says_which(service: Service, pages: Pages) -> None:
    known = service.read()["status"]["holdout"]
    assert (known["share"], known["real"], known["cells"]) == ("40%", "39.99%", 1638)
    names = [f"visitor-{number}" for number in range(150)]
    page = pages.negative[pages.values[0]][0]
    with connected(service) as connection:
        held = [n for n in names if ask(connection, service.target, [page], n).decided_by == ["holdout"]]
    assert held == [name for name in names if is_held(service, name)]
    assert 40 <= len(held) <= 80, "40% of 150"
    check_who_gets_what(service, pages)
    shown = service.counted("slipway_holdout_rules")
    assert shown >= 1


def suspected(service: Service) -> Object:
    return condition(service.read(), "FeedbackSuspected")


def spelled(value: float) -> str:
    return f"{SLICE}={int(value)}" if value.is_integer() else f"{SLICE}={value!r}"


def sure(rollout: Object) -> set[str]:
    """Slices of the revision that serves whose difference is sure."""
    revisions = rollout.get("status", {}).get("holdout", {}).get("revisions") or [{}]
    return {each["name"] for each in revisions[0].get("slices", ()) if each.get("sure")}


def test_r56_a_loop_is_found_in_its_slice_over_two_revisions_and_none_where_there_is_none(
    service: Service, pages: Pages, versions: tuple[str, str], store: S3Server
) -> None:
    looping, quiet = pages.values
    client = Loop(service, pages)
    with client.asking():
        service.wait(
            lambda found: condition(found, "FeedbackSuspected").get("reason") == "NoDifference", TOLD, "a look"
        )
        before = client.asked
        kube.wait(lambda: {"n": client.asked}, lambda now: now["n"] > before + VISITORS, TOLD, "every visitor again")
        assert (suspected(service)["status"], sure(service.read())) == ("False", set())

        client.loops = looping
        service.wait(lambda found: spelled(looping) in sure(found), TOLD, "a difference in the slice that loops")
        assert spelled(quiet) not in sure(service.read())

        service.pin(versions[1])
        first = view.variant(service.in_stage("shadow", versions[1]), "stable")["revision"]
        assert check_who_gets_what(service, pages) == {first}
        candidate = view.variant(service.in_stage("canary-50", versions[1]), "candidate")["revision"]
        kube.wait(
            lambda: {"seen": check_who_gets_what(service, pages)},
            lambda now: now["seen"] == {first, candidate}, 180, "both arms to answer who is not held out",
        )  # fmt: skip
        assert service.ended(versions[1])["outcome"] == "Promoted"
        done = service.wait(
            lambda found: condition(found, "FeedbackSuspected").get("status") == "True"
            and view.variant(found, "stable").get("version") == versions[1]
            and spelled(looping) in sure(found),
            TOLD, "the loop to be suspected of the second revision",
        )  # fmt: skip
    assert client.failures == []
    told = condition(done, "FeedbackSuspected")
    assert told["reason"] in ("SuccessiveRevisions", "DifferenceGrows")
    assert spelled(looping) in told["message"] or "of all answers" in told["message"]
    assert spelled(quiet) not in sure(done)
    assert [each["version"] for each in done["status"]["holdout"]["revisions"]] == [versions[1], versions[0]]
    check_who_gets_what(service, pages)
    assert_logged(service, store, versions)


def assert_logged(service: Service, store: S3Server, versions: tuple[str, str]) -> None:
    """The log has the version of each answer, and of who is held out both answers."""
    log = ds.dataset(store.bucket(BUCKET) / NAME, format="parquet", partitioning="hive")
    rows = log.to_table(columns=["version", "traffic", "holdout", "answer", "withheld", "entity"]).to_pylist()
    assert {row["version"] for row in rows} == set(versions)
    held = [row for row in rows if row["traffic"] == "holdout"]
    assert {row["version"] for row in held} == set(versions)
    assert all(row["holdout"] == 1 and row["withheld"] in (POSITIVE, NEGATIVE) for row in held)
    assert {row["withheld"] for row in held if row["answer"] == NEGATIVE} == {POSITIVE, NEGATIVE}
    assert all(row["holdout"] is None and row["withheld"] is None for row in rows if row["traffic"] == "live")
    cells = int(service.read()["status"]["holdout"]["cells"])
    assert all(int(row["entity"][60:63], 16) < cells for row in held)


def test_r56_what_serves_going_back_and_forth_freezes_retraining(
    service: Service, versions: tuple[str, str], pages: Pages, cluster: Cluster, namespace: str
) -> None:
    drift = {"window": "1h", "psi": "0.25"}
    run = run_spec(namespace, "Linear", "phishing.csv") | {"register": {"model": f"{NAME}-{namespace}"}}
    spec = {
        "rolloutRef": {"name": NAME},
        "triggers": [{"name": "inputs", "type": "Drift", "drift": drift}],
        "runTemplate": {"spec": {**run, "cancel": True}},
    }
    if view.variant(service.read(), "stable")["version"] == versions[0]:  # this test alone
        service.pin(versions[1])
        with Loop(service, pages).asking():
            service.wait(lambda found: service.serves(found, versions[1]), TOLD, "the second version to serve")
    with Loop(service, pages).asking():
        service.pin(versions[0])
        service.wait(lambda found: service.serves(found, versions[0]), TOLD, "the first version to serve again")
    meta = {"name": NAME, "namespace": namespace}
    cluster.apply({"apiVersion": GROUP, "kind": "RetrainPolicy", "metadata": meta, "spec": spec})
    try:
        frozen = kube.wait(
            lambda: cluster.get("RetrainPolicy", NAME, namespace),
            lambda found: condition(found, "Frozen").get("status") == "True",
            TOLD, "the policy to be frozen",
        )  # fmt: skip
        assert condition(frozen, "Frozen")["reason"] == "Oscillation"
        assert cluster.list("TrainingRun", namespace, labels=f"slipway.dev/policy={NAME}") == []
    finally:
        cluster.delete("RetrainPolicy", NAME, namespace)


def test_r56_a_task_without_rules_holds_out_nobody_and_is_told_so(
    serve: Callable[[str], Service], versions: tuple[str, str]
) -> None:
    other = serve("r56-none")
    other.apply(versions[0], [canary(50)], **held_out(other, versions[0], "5%", task="phishing"))
    told = other.wait(
        lambda found: condition(found, "HoldoutActive").get("reason") == "TaskHasNoRules", TOLD, "what is missing"
    )
    said = condition(told, "HoldoutActive")
    assert said["status"] == "False"
    assert "spec.rules" in said["message"]
    assert condition(told, "FeedbackSuspected")["status"] == "Unknown"
