"""Row 54: the user writes a manifest and a training function, nothing else: the model is trained and served."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Sequence

from tests.demo.data import Row
from tests.demo.kube import condition
from tests.demo.traffic import bucket
from tests.rows.code import MODEL, TRAINED, Code
from tests.rows.service import Service, canary


def test_r54_a_manifest_and_a_function_make_a_model_that_is_served(
    code: Code, serve: Callable[[str], Service], rows: Sequence[Row]
) -> None:
    done = code.ended(TRAINED)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    version = done["status"]["version"]
    params = code.params(done)
    assert params["estimator"] == "Blend"
    assert (params["estimator__trust"], params["estimator__max_iter"]) == ("0.7", "40")
    service = serve("r54")
    model = {"type": "MLflow", "mlflow": {"name": MODEL, "version": version}}
    service.create(version, [canary(50)], model=model)
    answers = [answered(service, row) for row in rows[:20]]
    assert set(answers) <= {"0", "1"}
    assert len(answers) == 20


def test_r54_what_the_function_raises_ends_the_run_with_its_last_lines(code: Code) -> None:
    run = code.manifest("c-raises")
    run["spec"]["trainer"]["function"]["entrypoint"] = "pages.wrong:build"
    code.cluster.apply(run)
    done = code.ended("c-raises")
    stalled = condition(done, "Stalled")
    assert (done["status"]["phase"], stalled["reason"]) == ("Failed", "FunctionFailed")
    for words in ("spec.trainer.function.entrypoint", "KeyError", "pages/wrong.py:2 in build"):
        assert words in stalled["message"], stalled["message"]
    assert [step["name"] for step in done["status"]["steps"]] == ["start"], "before any row is read"
    code.cluster.delete("TrainingRun", "c-raises", code.namespace)


def test_r54_a_module_that_there_is_not_is_named(code: Code) -> None:
    run = code.manifest("c-absent")
    run["spec"]["trainer"]["function"]["entrypoint"] = "pages.nothing:build"
    code.cluster.apply(run)
    stalled = condition(code.ended("c-absent"), "Stalled")
    assert stalled["reason"] == "FunctionNotFound"
    assert "pages.nothing" in stalled["message"]
    code.cluster.delete("TrainingRun", "c-absent", code.namespace)


def answered(service: Service, row: Row) -> str:
    """The label that the service gives one row."""
    connection = http.client.HTTPConnection(service.target.address, service.target.port, timeout=20)
    headers = {"host": service.host, "content-type": "application/json", service.target.header: bucket("visitor-1")}
    asked = json.dumps({"instances": [row.instance()]})
    connection.request("POST", f"/v1/models/{service.name}:predict", asked, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return str(json.loads(text)["predictions"][0])
