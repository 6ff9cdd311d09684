"""What a task says: its own changes, those of the tasks that share a source, and what it does not know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from slipway.api.v1alpha1.fingerprints import SeenColumn
from slipway.controllers.task import TaskController
from slipway.core.definitions.sharing import sharing

from tests.unit.core_training.test_training_observe import NOW, FakeWorld, made
from tests.unit.definitions.trained import fingerprints, inputs, redefined, task

CONDITION = "FeatureDefinitionChanged"
OLD, NEW = task(), task(*redefined("amount / (items + 1)"))
LAKE = {"name": "lake", "uri": "s3://lake/payments/*.parquet"}
NARROW = SeenColumn(name="amount", type="Fraction", rows=5000, missing="0", least="1", most="9")
WIDE = NARROW.model_copy(update={"least": "100", "most": "900"})


def run(name: str, of: str, version: str, trained: Mapping[str, Any], *columns: SeenColumn, **spec: Any) -> Any:
    """A run that has ended; its number orders it in time."""
    data = {"sources": spec.pop("sources", [LAKE])}
    registered = {"taskRef": {"name": of}, "data": data, "register": {"model": "m"}, **spec}
    recorded = inputs(trained, columns=columns).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    status = {
        "runId": f"{version:0>32}", "version": version, "endedAt": f"2026-11-2{version}T10:00:00Z", "inputs": recorded,
    }  # fmt: skip
    return made("TrainingRun", name, registered) | {"status": status}


def rollout(name: str, of: str, version: str, trained: Mapping[str, Any] | None, **target: Any) -> Any:
    """A rollout that serves a version."""
    carried = fingerprints(trained).model_dump(mode="json") if trained else None
    stable = {"name": "stable", "model": "m", "version": version, "definitions": carried}
    return made("ModelRollout", name, {"taskRef": {"name": of}}) | {"status": {"variants": [stable], **target}}


def says(name: str, *objects: Any) -> tuple[tuple[str, str, str], Any]:
    """The condition of a task and its status; the other tasks have been decided before, until all are at rest."""
    world: list[Any] = list(objects)
    for _ in range(3):
        for place, one in enumerate(world):
            if one["kind"] == "ModelTask":
                world[place] = {**one, "status": decided(one, world)}
    status = next(one["status"] for one in world if one["kind"] == "ModelTask" and one["metadata"]["name"] == name)
    found = next((one for one in status["conditions"] if one["type"] == CONDITION), None)
    return ((found["status"], found["reason"], found["message"]) if found else ("", "", "")), status


def decided(obj: Any, world: list[Any]) -> Any:
    controller = TaskController()
    return controller.decide(asyncio.run(controller.observe(obj, FakeWorld(*world), NOW)), NOW).status


def test_without_models_nothing_is_said() -> None:
    assert says("a", made("ModelTask", "a", OLD), run("r1", "a", "1", OLD))[0] == ("", "", "")


def test_a_changed_definition_names_feature_models_and_remedy() -> None:
    objects = [made("ModelTask", "a", NEW), run("r1", "a", "1", OLD), rollout("serves", "a", "1", OLD)]
    (status, reason, message), written = says("a", *objects)
    assert (status, reason) == ("True", "DefinitionChanged")
    assert "each: amount / items -> amount / (items + 1) [version 1 of m, stable of ModelRollout serves]" in message
    assert "Remedy: train again" in message
    assert [(one["kind"], one["name"]) for one in written["changes"]] == [("Definition", "each")]


def test_models_of_the_definitions_of_today_are_said_to_be_so() -> None:
    objects = [made("ModelTask", "a", NEW), run("r1", "a", "1", NEW), rollout("serves", "a", "1", NEW)]
    assert says("a", *objects)[0][:2] == ("False", "AsTrained")


def test_a_target_counts_before_it_is_a_candidate() -> None:
    target = {"model": "m", "version": "1", "definitions": fingerprints(OLD).model_dump(mode="json")}
    objects = [made("ModelTask", "a", NEW), rollout("serves", "a", "2", NEW, target=target)]
    assert "version 1 of m, candidate of ModelRollout serves" in says("a", *objects)[0][2]


def test_a_model_without_fingerprints_is_unknown() -> None:
    (status, reason, message), _ = says("a", made("ModelTask", "a", NEW), rollout("serves", "a", "1", None))
    assert (status, reason) == ("Unknown", "NotRecorded")
    assert "version 1 of m, stable of ModelRollout serves" in message


def test_newer_data_that_looks_otherwise_is_told_with_figures_and_both_runs() -> None:
    objects = [
        made("ModelTask", "a", OLD), run("r1", "a", "1", OLD, NARROW), run("r2", "a", "2", OLD, WIDE),
        rollout("serves", "a", "1", OLD),
    ]  # fmt: skip
    (status, reason, message), written = says("a", *objects)
    assert (status, reason) == ("True", "SourceChanged")
    assert "column amount: range 1 to 9 -> 100 to 900, distributions differ by at least 1.00" in message
    assert "(TrainingRun r1 -> r2)" in message
    assert [(one["kind"], one["name"]) for one in written["changes"]] == [("Source", "amount")]
    promoted = [*objects[:3], rollout("serves", "a", "2", OLD)]
    assert says("a", *promoted)[0][:2] == ("False", "AsTrained")


def test_without_its_run_the_data_of_a_model_is_said_not_to_be_compared() -> None:
    objects = [made("ModelTask", "a", OLD), run("r2", "a", "2", OLD, WIDE), rollout("serves", "a", "1", OLD)]
    (status, _, message), _ = says("a", *objects)
    assert status == "False"
    assert "no TrainingRun is left: version 1 of m" in message


def shared(*others: Any, spec: Mapping[str, Any] = OLD) -> list[Any]:
    """Task a was changed while its model of before serves; task b reads the same lake."""
    return [
        made("ModelTask", "a", NEW), run("r1", "a", "1", OLD), rollout("serves", "a", "1", OLD),
        made("ModelTask", "b", spec), *others,
    ]  # fmt: skip


def test_a_task_that_shares_definition_and_source_is_told() -> None:
    (status, reason, message), written = says("b", *shared(run("r2", "b", "2", OLD)))
    assert (status, reason) == ("True", "DefinitionChanged")
    assert "shared with ModelTask a: each: amount / items -> amount / (items + 1) [version 1 of m" in message
    assert written.get("changes", []) == [], "it is no change of b's own, which others would be told again"


@pytest.mark.parametrize(
    ("other", "spec"),
    [
        (run("r2", "b", "2", OLD, sources=[{"name": "lake", "uri": "s3://lake/refunds/*.parquet"}]), OLD),
        (run("r2", "b", "2", OLD), task(*redefined("amount / (items + 2)"))),
        (run("r2", "c", "2", OLD), OLD),
    ],
    ids=["another source", "another definition", "no run of its own"],
)
def test_one_that_shares_only_one_of_them_is_not(other: Any, spec: Mapping[str, Any]) -> None:
    assert says("b", *shared(other, spec=spec))[0] == ("", "", "")


def test_a_changed_column_is_told_to_all_that_read_it() -> None:
    reads, does_not = task({"name": "sum", "type": "Numeric", "column": "amount"}), task({"name": "x", "type": "Text"})
    objects = [
        made("ModelTask", "a", OLD), run("r1", "a", "1", OLD, NARROW), run("r2", "a", "2", OLD, WIDE),
        rollout("serves", "a", "1", OLD),
        made("ModelTask", "b", reads), run("r3", "b", "3", reads),
        made("ModelTask", "c", does_not), run("r4", "c", "4", does_not),
    ]  # fmt: skip
    (status, reason, message), _ = says("b", *objects)
    assert (status, reason) == ("True", "SourceChanged")
    assert "shared with ModelTask a: column amount: range" in message
    assert says("c", *objects)[0] == ("", "", "")


QUERY = {"secretRef": {"name": "warehouse"}, "query": "SELECT *\n  FROM payments"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"uri": "s3://lake/a"}, {"uri": "s3://lake/a"}, True),
        ({"uri": "s3://lake/a"}, {"uri": "s3://lake/a/"}, False),
        ({"sql": QUERY}, {"sql": {**QUERY, "query": "SELECT * FROM payments"}}, True),
        ({"sql": QUERY}, {"sql": {**QUERY, "secretRef": {"name": "other"}}}, False),
        ({"delta": {"uri": "s3://t", "version": 1}}, {"delta": {"uri": "s3://t"}}, True),
        ({"uri": "s3://t"}, {"delta": {"uri": "s3://t"}}, False),
        ({"iceberg": {"catalog": "c", "table": "t"}}, {"iceberg": {"catalog": "d", "table": "t"}}, False),
        ({}, {}, False),
    ],
)
def test_which_sources_are_one(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    runs = [
        {"spec": {"taskRef": {"name": name}, "data": {"sources": [source]}}}
        for name, source in (("a", one), ("b", other))
    ]
    assert (sharing("a", runs) == ("b",)) is same
