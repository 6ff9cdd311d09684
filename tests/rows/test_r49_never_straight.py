"""Row 49: never straight to 100%. A model that nobody evaluated is refused; what skips a stage is explicit and kept."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.demo import view
from tests.demo.data import Row
from tests.demo.kube import condition
from tests.demo.settings import Environment
from tests.demo.verify import weights
from tests.rows.commands import slipway
from tests.rows.service import Service, canary

STAGES = [canary(20, seconds=3600), canary(50, seconds=3600)]


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r49")
    made.create(models["first"], STAGES)
    return made


def test_r49_a_model_without_a_passed_evaluation_is_refused_also_by_promote(
    service: Service, models: dict[str, str], environment: Environment, rows: tuple[Row, ...]
) -> None:
    stable = view.variant(service.read(), "stable")
    finished = {"type": "Image", "mlflow": None, "image": {"image": stable["image"]}}
    with service.client(rows, rate=10) as client:
        service.patch({"spec": {"model": finished}})
        told = service.wait(lambda found: condition(found, "Certified").get("status") == "False", 180, "it is refused")
        said = slipway(environment, service, "promote", "--revision", stable["revision"])
        time.sleep(5)
        left = service.read()
        service.patch({"spec": {"model": {"type": "MLflow", "image": None, "mlflow": mlflow(models["first"])}}})
        service.wait(lambda found: service.serves(found, models["first"]), 180, "the first version is asked for again")
    assert condition(told, "Certified")["reason"] == "NotEvaluated"
    assert "train it again, or give spec.certification.waiver" in condition(told, "Stalled")["message"]
    assert (said.code, "NothingRunning" in said.text) == (1, True), said.text
    assert view.variant(left, "candidate") == {}, "it never got as far as a candidate"
    assert weights(service.route()) == {stable["revision"]: 1.0}
    assert set(client.read().answered) == {stable["revision"]}


def mlflow(version: str) -> dict[str, str]:
    return {"name": "phishing-tests", "version": version}


def test_r49_a_stage_is_skipped_by_an_explicit_field_and_by_an_explicit_command_and_history_keeps_both(
    service: Service, models: dict[str, str], environment: Environment, rows: tuple[Row, ...]
) -> None:
    with service.client(rows, rate=30) as client:
        service.pin(models["better"])
        service.in_stage("canary-20", models["better"])
        service.patch({"spec": {"stages": [{**STAGES[0], "skip": {"reason": "ada: differs by a comment"}}, STAGES[1]]}})
        service.in_stage("canary-50", models["better"], 60)
        refused = slipway(environment, service, "advance", reason="past the last stage")
        said = slipway(environment, service, "promote", reason="the first one misses half of them")
        entry = service.ended(models["better"])
        service.wait(lambda found: service.serves(found, models["better"]), 180, "it serves everybody")
    assert (refused.code, "LastStage" in refused.text) == (1, True), refused.text
    assert said.code == 0, said.text
    assert entry["outcome"] == "Promoted"
    skipped = {each["name"]: each["reason"] for each in entry["skipped"]}
    assert list(skipped) == ["canary-20", "canary-50"]
    assert skipped["canary-20"].endswith("ada: differs by a comment")
    assert skipped["canary-50"].endswith("the first one misses half of them")
    assert [(each["action"], each["outcome"]) for each in entry["requests"]] == [("Promote", "Applied")]
    assert client.read().failed == 0, client.read().failures
