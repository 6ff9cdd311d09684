"""A model of each flavour, logged to MLflow by its own library, is built, served and answers as it does offline.

No TrainingRun made these: each rollout waives the evaluation. One is rolled out at a time.
"""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.environment import Environment
from tests.cluster.places import Places
from tests.demo.kube import condition
from tests.demo.traffic import bucket
from tests.rows.service import Service, canary
from tests.unit.serving.flavour_models import FLAVOURS, Saved

WAIVER = {"waiver": "a test of flavours: nobody evaluated this model"}
# One of each library; the other models differ by their files only, which the unit tests load.
SERVED = ("sklearn-skops", "xgboost-estimator", "lightgbm-booster", "onnx-classifier", "python_function")


@pytest.fixture(scope="module")
def tracking(namespace: str) -> str:
    """MLflow as this machine reaches it, once Slipway is installed."""
    return Environment.load(Places.of_environment().environment).mlflow_host_url


def registered(tracking: str, directory: Path) -> dict[str, str]:
    """Name and version of a model directory, registered as it is."""
    from mlflow import MlflowClient

    client, name = MlflowClient(tracking), f"flavours-{uuid.uuid4().hex[:6]}"
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(directory), "model")
    client.create_registered_model(name)
    made = client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    return {"name": name, "version": str(made.version)}


def ask(service: Service, path: str, document: Any) -> tuple[int, Any, str]:
    """Status, answer, and the revision that gave it, through the gateway."""
    target = service.target
    connection = http.client.HTTPConnection(target.address, target.port, timeout=20)
    headers = {"Host": target.host, "content-type": "application/json", target.header: bucket("visitor-1")}
    connection.request("POST", path, json.dumps(document), headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content, answer.headers.get("x-slipway-revision", "")


def agrees(answers: list[Any], saved: Saved) -> None:
    if isinstance(saved.offline[0], str | int):
        assert answers == saved.offline
    else:
        assert answers == pytest.approx(saved.offline, rel=1e-6)


@pytest.mark.timeout(1500)
@pytest.mark.sweep
@pytest.mark.parametrize("flavour", SERVED)
def test_a_flavour_is_served_and_answers_as_offline(
    flavour: str, tracking: str, serve: Callable[[str], Service], tmp_path: Path
) -> None:
    saved = FLAVOURS[flavour](tmp_path / "model")
    model = registered(tracking, saved.directory)
    service = serve(f"flavour-{flavour.replace('_', '-')}")
    source = {"type": "MLflow", "mlflow": model}
    service.create(model["version"], [canary(50, seconds=3600)], model=source, certification=WAIVER)
    try:
        parameters = {"parameters": dict(saved.parameters)} if saved.parameters else {}
        status, answer, revision = ask(
            service, f"/v1/models/{service.name}:predict", {"instances": saved.instances, **parameters}
        )
        assert (status, bool(revision)) == (200, True), answer
        agrees(answer["predictions"], saved)

        data = {name: [row[name] for row in saved.instances] for name in saved.instances[0]}
        tensors = [{"name": name, "shape": [len(one)], "datatype": "FP64", "data": one} for name, one in data.items()]
        status, answer, _ = ask(service, f"/v2/models/{service.name}/infer", {"inputs": tensors, **parameters})
        assert status == 200, answer
        agrees(answer["outputs"][0]["data"], saved)

        wrong = {**saved.instances[0], "amount": "much"}
        status, answer, _ = ask(service, f"/v1/models/{service.name}:predict", {"instances": [wrong], **parameters})
        assert (status, answer["field"]) == (400, "amount")
        status, answer, _ = ask(
            service, f"/v1/models/{service.name}:predict", {"instances": saved.instances, "parameters": {"surplus": 1}}
        )
        assert (status, answer["field"]) == (400, "surplus")
    finally:
        service.delete()  # its memory is the next one's


def test_an_unsupported_flavour_is_refused_with_those_that_are_served(
    tracking: str, serve: Callable[[str], Service], tmp_path: Path
) -> None:
    (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": {"catboost": {"data": "model.cb"}}}))
    model = registered(tracking, tmp_path)
    service = serve("flavour-unsupported")
    source = {"type": "MLflow", "mlflow": model}
    stages = [canary(50, seconds=3600)]
    service.cluster.apply(service.manifest(model["version"], stages, model=source, certification=WAIVER))
    told = service.wait(
        lambda found: condition(found, "ImageBuilt").get("status") == "False", 240, "the condition ImageBuilt"
    )
    said = condition(told, "ImageBuilt")
    assert said["reason"] == "UnsupportedFlavour"
    for name in ("catboost", "sklearn", "xgboost", "lightgbm", "onnx", "pytorch", "python_function"):
        assert name in said["message"]
