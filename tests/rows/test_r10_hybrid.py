"""Row 10: rules first, the model on the remainder; answers and a metric say which of them decided.

No page has a value of 7 or 8 in the data. To any one model these are nearly the same, so only rules can call all pages
with 7 phishing and all with 8 trustworthy.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.demo import kube
from tests.demo.data import FEATURES, Row
from tests.demo.kube import Cluster, Object
from tests.demo.traffic import bucket
from tests.rows.fixtures import EXAMPLES, training_run
from tests.rows.service import Service, canary

NAME = "r10"
RULES = [
    {"name": "seven", "if": "long_url == 7 and ip_in_url is not missing", "predict": "1"},
    {"name": "eight", "if": "long_url in (8, 9)", "predict": "0"},
]
PAGES = 15


@pytest.fixture(scope="module")
def version(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A version trained for a task with rules."""
    (task,) = kube.manifests(EXAMPLES / "task.yaml", {})
    task["metadata"] = {"name": NAME, "namespace": namespace}
    task["spec"]["rules"] = {"when": RULES}
    cluster.apply(task)
    run = training_run(NAME, namespace, "Linear", "phishing.csv")
    run["spec"] |= {"taskRef": {"name": NAME}, "register": {"model": NAME}}
    cluster.apply(run)
    done = kube.wait(
        lambda: cluster.get("TrainingRun", NAME, namespace),
        lambda found: found.get("status", {}).get("phase") in ("Succeeded", "Failed"),
        400, "TrainingRun of a task with rules",
    )  # fmt: skip
    assert done["status"]["phase"] == "Succeeded", done["status"]
    yield done["status"]["version"]
    cluster.delete("TrainingRun", NAME, namespace)
    cluster.delete("ModelTask", NAME, namespace)


@pytest.fixture(scope="module")
def service(version: str, serve: Callable[[str], Service]) -> Service:
    made = serve(NAME)
    model = {"type": "MLflow", "mlflow": {"name": NAME, "version": version}}
    made.create(version, [canary(50)], taskRef={"name": NAME}, model=model)
    return made


def ask(service: Service, path: str, document: Object) -> Object:
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=20)
    headers = {"host": service.host, "content-type": "application/json", service.target.header: bucket("visitor-1")}
    connection.request("POST", path.format(NAME), json.dumps(document), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return dict(json.loads(text))


def reached(service: Service) -> int:
    """The status of a question that is no prediction, so that nothing counts it."""
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=20)
    connection.request("GET", f"/v2/models/{NAME}/ready", headers={"host": service.host})
    status = connection.getresponse().status
    connection.close()
    return status


def counted(service: Service) -> dict[str, float]:
    """Decisions by who made them, and the scores that were counted, of live requests."""
    by = {name: f'by="{name}",traffic="live"' for name in ("rule/seven", "rule/eight", "model")}
    found = {name: service.counted("slipway_decisions_total", selector) for name, selector in by.items()}
    return {**found, "scores": service.counted("slipway_score_bucket_total", 'traffic="live"')}


def test_r10_rules_answer_first_and_the_model_the_remainder(service: Service, rows: tuple[Row, ...]) -> None:
    kube.wait(lambda: {"status": reached(service)}, lambda found: found["status"] == 200, 30, "the gateway to know it")
    kube.wait(
        lambda: {"series": service.prometheus.query(f'slipway_decisions_total{{rollout="{service.label}"}}')},
        lambda found: bool(found["series"]), 180, "the counts of decisions, from 0 on",
    )  # fmt: skip
    before = counted(service)
    pages = [row.instance() for row in rows[:PAGES]]
    mixed: list[dict[str, Any]] = []
    for page in pages:
        mixed += [page | {"long_url": 8.0}, page, page | {"long_url": 7.0}]
    answer = ask(service, "/v1/models/{}:predict", {"instances": mixed})
    assert answer["decided_by"] == ["rule/eight", "model", "rule/seven"] * PAGES
    said = [str(label) for label in answer["predictions"]]
    assert set(said[0::3]) == {"0"}
    assert set(said[2::3]) == {"1"}
    alone = ask(service, "/v1/models/{}:predict", {"instances": pages})
    assert alone["decided_by"] == ["model"] * PAGES
    assert [str(label) for label in alone["predictions"]] == said[1::3], "the rows beside them changed an answer"
    tensors = [{"name": name, "shape": [1], "datatype": "FP64", "data": [mixed[0][name]]} for name in FEATURES]
    outputs = ask(service, "/v2/models/{}/infer", {"inputs": tensors})["outputs"]
    assert {one["name"]: [str(value) for value in one["data"]] for one in outputs} == {
        "predict": ["0"], "decided_by": ["rule/eight"],
    }  # fmt: skip

    expected = {"rule/seven": PAGES, "rule/eight": PAGES + 1, "model": 2 * PAGES, "scores": 2 * PAGES}
    kube.wait(
        lambda: {"status": {name: value - before[name] for name, value in counted(service).items()}},
        lambda found: found["status"] == expected,
        180, f"the metric to say {expected}",
    )  # fmt: skip
