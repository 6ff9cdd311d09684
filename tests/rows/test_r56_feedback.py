"""Row 56: a share of entities gets rules instead of a model, in every stage, and nobody can claim to be of it; a model
that changes what it is asked is found by them, slice by slice, over its revisions; models that undo each other freeze."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow.dataset as ds
import pytest

from tests.cluster.places import Places, given_kubeconfig
from tests.demo import kube, view
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.traffic import Target, bucket
from tests.rows.fixtures import EXAMPLES, run_spec, training_run
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
CELLS = 4096
SLICE = "long_url"
# No page has a 7: the rules alone call none phishing, but those that a test makes.
RULES = {"when": [{"name": "seven", "if": f"{SLICE} == 7", "predict": "1"}], "serve": "ModelOnly"}
POSITIVE, NEGATIVE = "1", "0"
VISITORS = 600
INSTANCES = 10
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
    spec = held_out(made, versions[0], "20%")
    made.create(versions[0], [shadow(seconds=10, samples=20), canary(50, seconds=15)], **spec)
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


@dataclass(frozen=True)
class Answer:
    """What one request got."""

    revision: str
    labels: list[str]
    decided_by: list[str]


def ask(
    connection: http.client.HTTPConnection, target: Target, pages: Sequence[dict[str, float]], visitor: str, **more: str
) -> Answer:
    """One request with several pages; `more` are headers, with underscores."""
    headers = {"Host": target.host, "content-type": "application/json", target.header: bucket(visitor)}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    connection.request("POST", f"/v1/models/{target.model}:predict", json.dumps({"instances": list(pages)}), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    document = json.loads(text)
    labels = [str(label) for label in document["predictions"]]
    return Answer(answer.headers.get("x-slipway-revision", ""), labels, document.get("decided_by", []))


@contextmanager
def connected(service: Service) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def is_held(service: Service, visitor: str) -> bool:
    """By the status: the digits from 60 to 62 of the visitor's digest, among the cells that are held out."""
    known = service.read()["status"]["holdout"]
    return (int(bucket(visitor)[60:63], 16) - int(known.get("first", 0))) % CELLS < int(known["cells"])


def visitors(service: Service, held: bool, count: int) -> list[str]:
    names = (f"visitor-{number}" for number in range(VISITORS))
    known = {name: is_held(service, name) for name in itertools.islice(names, 20 * count)}
    return [name for name, is_one in known.items() if is_one is held][:count]


@dataclass(frozen=True)
class Pages:
    """Pages of two slices that the model calls positive, and others, by the slice's value."""

    positive: dict[float, list[dict[str, float]]]
    negative: dict[float, list[dict[str, float]]]

    @property
    def values(self) -> list[float]:
        """The slices, the one with most pages of its rarer side first."""
        sizes = {value: min(len(self.positive[value]), len(self.negative[value])) for value in self.positive}
        return sorted(sizes, key=lambda value: -sizes[value])[:2]


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
    assert (known["share"], known["real"], known["cells"]) == ("20%", "20%", 819)
    names = [f"visitor-{number}" for number in range(150)]
    page = pages.negative[pages.values[0]][0]
    with connected(service) as connection:
        held = [n for n in names if ask(connection, service.target, [page], n).decided_by == ["holdout"]]
    assert held == [name for name in names if is_held(service, name)]
    assert 15 <= len(held) <= 45, "20% of 150"
    check_who_gets_what(service, pages)
    shown = service.counted("slipway_holdout_rules")
    assert shown >= 1


@dataclass
class Loop:
    """Visitors who ask about pages of their slice, by chance. In the slice that loops, whoever was told "phishing" asks
    from then on about pages that the model calls trustworthy: what it answers changes what it is asked."""

    service: Service
    pages: Pages
    loops: float | None = None
    failures: list[str] = field(default_factory=list)
    asked: int = 0

    @contextmanager
    def asking(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop,), name="visitors", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=60)

    def _work(self, stop: threading.Event) -> None:
        dice, warned = random.Random(56), set()
        connection = http.client.HTTPConnection(self.service.target.address, self.service.target.port, timeout=20)
        for number in itertools.cycle(range(VISITORS)):
            if stop.wait(0.01):
                break
            visitor, value = f"visitor-{number}", self.pages.values[number % 2]
            sides = [self.pages.negative[value]] + [self.pages.positive[value]] * (visitor not in warned)
            chosen = [dice.choice(dice.choice(sides)) for _ in range(INSTANCES)]
            try:
                answer = ask(connection, self.service.target, chosen, visitor)
            except (AssertionError, OSError, http.client.HTTPException) as fault:
                self.failures.append(f"{type(fault).__name__}: {fault}"[:300])
                connection.close()
                continue
            self.asked += 1
            if value == self.loops and POSITIVE in answer.labels:
                warned.add(visitor)
        connection.close()


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
            lambda now: now["seen"] == {first, candidate}, 60, "both arms to answer who is not held out",
        )  # fmt: skip
        assert service.ended(versions[1])["outcome"] == "Promoted"
        done = service.wait(
            lambda found: condition(found, "FeedbackSuspected").get("status") == "True"
            and view.variant(found, "stable").get("version") == versions[1],
            TOLD, "the loop to be suspected of the second revision",
        )  # fmt: skip
    assert client.failures == []
    told = condition(done, "FeedbackSuspected")
    assert told["reason"] in ("SuccessiveRevisions", "DifferenceGrows")
    assert spelled(looping) in told["message"] or "of all answers" in told["message"]
    assert spelled(looping) in sure(done)
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
    spec = {
        "rolloutRef": {"name": NAME},
        "triggers": [{"name": "inputs", "type": "Drift", "drift": drift}],
        "runTemplate": {"spec": {**run_spec(namespace, "Linear", "phishing.csv"), "cancel": True}},
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
