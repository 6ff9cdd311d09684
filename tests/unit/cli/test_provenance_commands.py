"""`slipway trace`, `diff` and `reproduce`: from what is live back to data and code, and whether it comes out again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.cli.diff import differences, facts
from slipway.cli.reproduce import NothingToReproduce, repetition, told
from slipway.cli.tracing import NotOurs, lines, links, maker, owner, served

RUN: dict[str, Any] = {
    "metadata": {"name": "fraud-7", "namespace": "shop"},
    "spec": {
        "taskRef": {"name": "fraud"},
        "data": {"sources": [{"name": "lake", "uri": "https://lake.example.com/rows.parquet"}]},
        "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "Linear"}},
        "tuning": {"algorithm": "Random", "trials": 5},
        "register": {"model": "fraud"},
        "seed": 7,
    },
    "status": {
        "runId": "a" * 32, "version": "7", "modelDigest": "sha256:m7", "dataDigest": "sha256:d7",
        "predictionDigest": "sha256:p7", "search": {"parameters": {"C": "0.5"}},
        "metrics": [{"name": "recall", "value": "0.9", "split": "test"}],
    },
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "metadata": {
        "name": "fraud-ab12", "labels": {"slipway.dev/rollout": "fraud", "slipway.dev/revision": "ab12"},
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}  # fmt: skip
ROLLOUT: dict[str, Any] = {
    "metadata": {"name": "fraud"},
    "status": {
        "variants": [
            {"name": "stable", "role": "Serving", "revision": "ab12", "model": "fraud", "version": "7",
             "digest": "sha256:m7", "image": "registry.example.com/fraud@sha256:i7", "weight": "100%"},
        ]
    },
}  # fmt: skip


def other(**spec: Any) -> dict[str, Any]:
    run = copy.deepcopy(RUN)
    run["metadata"]["name"] = "fraud-8"
    run["spec"].update(spec)
    run["status"] |= {"version": "8", "modelDigest": "sha256:m8"}
    return run


def test_the_way_back_names_everything_up_to_the_code() -> None:
    assert owner(SERVICE) == ("fraud", "ab12")
    version = served(ROLLOUT, "ab12")
    found = maker([other(), RUN], version)
    assert found is RUN
    text = "\n".join(lines(list(links(SERVICE, ROLLOUT, version, found, {}))))
    for word in ("fraud-ab12", "revision=ab12", "version=7", "sha256:m7", "fraud-7", "a" * 32, "rows.parquet",
                 "sha256:d7", "estimator=Linear", "seed=7"):  # fmt: skip
        assert word in text
    assert [line.split()[0] for line in text.splitlines()] == [
        "InferenceService", "ModelRollout", "Model", "TrainingRun", "Data", "Code",
    ]  # fmt: skip


def test_a_run_that_is_gone_is_read_from_the_image() -> None:
    version = served(ROLLOUT, "ab12")
    assert maker([other()], version) is None
    labels = {"trainingRun": "shop/fraud-7", "run": "a" * 32, "dataDigest": "sha256:d7", "revision": "c0ffee"}
    text = "\n".join(lines(list(links(SERVICE, ROLLOUT, version, None, labels))))
    assert "shop/fraud-7" in text
    assert "sha256:d7" in text
    assert "c0ffee" in text


def test_another_models_version_of_the_same_number_is_not_taken_for_it() -> None:
    foreign = copy.deepcopy(RUN)
    foreign["spec"]["register"]["model"] = "churn"
    foreign["status"]["modelDigest"] = "sha256:zz"
    assert maker([foreign], served(ROLLOUT, "ab12")) is None


def test_a_service_that_no_rollout_made_is_said_to_be_none_of_ours() -> None:
    with pytest.raises(NotOurs, match="no rollout made it"):
        owner({"metadata": {"name": "hand-made"}})


def test_a_revision_of_the_past_is_found_in_history() -> None:
    past = {"status": {"history": [{"revision": "old1", "version": "3", "outcome": "RolledBack"}]}}
    assert served(past, "old1")["version"] == "3"
    assert served(past, "never") == {}


def test_a_difference_is_named_by_its_path_and_what_is_alike_is_not() -> None:
    found = list(differences(facts(RUN), facts(other(seed=8))))
    assert ("spec.seed", "7", "8") in found
    assert ("status.modelDigest", "sha256:m7", "sha256:m8") in found
    assert not [name for name, _, _ in found if "recall" in name or "dataDigest" in name or "runId" in name]
    assert list(differences(facts(RUN), facts(RUN))) == []


def test_a_repetition_asks_for_the_chosen_parameters_and_registers_nothing() -> None:
    made = repetition(RUN, "Bitwise", "0f0f")
    spec = TrainingRunSpec.model_validate(made["spec"])
    assert spec.parameters == {"C": "0.5"}
    assert spec.tuning is None
    assert spec.registration is None
    assert spec.reproduces is not None
    assert (spec.reproduces.run_id, spec.reproduces.level) == ("a" * 32, "Bitwise")
    assert spec.seed == 7
    assert (
        len(
            repetition({**RUN, "metadata": {"name": "x" * 52, "namespace": "s"}}, "Bitwise", "0f0f")["metadata"]["name"]
        )
        <= 52
    )


def test_a_run_without_a_model_cannot_be_reproduced() -> None:
    with pytest.raises(NothingToReproduce, match="fraud-7"):
        repetition({**RUN, "status": {"runId": "a"}}, "Bitwise", "0f0f")


def grown() -> dict[str, Any]:
    """A run that has continued version 7 with its second and third batch."""
    run = copy.deepcopy(RUN)
    run["spec"]["incremental"] = {"base": "models:/fraud/6"}
    run["status"]["increment"] = {
        "base": "models:/fraud/6", "lineage": "sha256:l7", "before": 1, "batches": [{"rows": 30}, {"rows": 12}],
    }  # fmt: skip
    return run


def test_the_way_back_names_what_a_version_continues() -> None:
    version = served(ROLLOUT, "ab12")
    found = list(links(SERVICE, ROLLOUT, version, grown(), {}))
    (base,) = [link for link in found if link.kind == "Base"]
    assert base.document() == {
        "kind": "Base", "name": "models:/fraud/6", "lineage": "sha256:l7", "batches": "3", "rows": "42",
    }  # fmt: skip


def test_a_step_is_not_trained_again_from_its_rows_alone() -> None:
    with pytest.raises(NothingToReproduce, match="continues models:/fraud/6"):
        repetition(grown(), "Bitwise", "0f0f")


def test_what_differs_is_named() -> None:
    status = {"reproduction": {"level": "Different", "largestDifference": "0.2", "differs": ["numpy: 1 -> 2"]}}
    assert told(status) == [
        "Different: the largest difference of two predictions is 0.2", "not as it was:", "  numpy: 1 -> 2",
    ]  # fmt: skip
    stalled = {"conditions": [{"type": "Stalled", "status": "True", "reason": "DataChanged", "message": "m"}]}
    assert told(stalled) == ["the run failed: DataChanged: m"]
