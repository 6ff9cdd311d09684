"""Whose business a change is."""

from __future__ import annotations

from slipway.core.plan import ObjectKey
from slipway.runtime.kinds import API_VERSION
from slipway.runtime.mapping import affected
from slipway.runtime.store import Store

from tests.unit.runtime.fakes import Clock, make


def store_with(*objects: dict) -> Store:  # type: ignore[type-arg]
    store = Store(Clock().monotonic)
    for version, obj in enumerate(objects, 1):
        obj["metadata"]["resourceVersion"] = str(version)
        store.put(obj)
    return store


def own(kind: str, name: str) -> ObjectKey:
    return ObjectKey(API_VERSION, kind, "team", name)


def test_children_lead_to_their_owners_by_label_and_by_reference() -> None:
    labelled = make("Job", "j", "batch/v1", metadata={"labels": {"slipway.dev/trainingrun": "run"}})
    assert affected(labelled, store_with()) == {own("TrainingRun", "run")}
    owner = {"apiVersion": API_VERSION, "kind": "RetrainPolicy", "name": "p", "uid": "u"}
    owned = make("TrainingRun", "run", metadata={"ownerReferences": [owner]})
    assert affected(owned, store_with()) == {own("RetrainPolicy", "p"), own("TrainingRun", "run")}


def test_foreign_owners_are_nobody() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u"}
    assert affected(make("Pod", "p", "v1", metadata={"ownerReferences": [owner]}), store_with()) == set()


def test_slices_lead_through_the_service_to_the_rollout() -> None:
    service = make(
        "InferenceService",
        "fraud-abc",
        "serving.kserve.io/v1beta1",
        metadata={"labels": {"slipway.dev/rollout": "fraud"}},
    )
    labels = {"kubernetes.io/service-name": "fraud-abc-predictor"}
    piece = make("EndpointSlice", "fraud-abc-predictor-x1", "discovery.k8s.io/v1", metadata={"labels": labels})
    assert affected(piece, store_with(service)) == {own("ModelRollout", "fraud")}
    assert affected(piece, store_with()) == set()


def test_a_task_concerns_all_that_use_it() -> None:
    task = {"taskRef": {"name": "card"}}
    store = store_with(
        make("ModelRollout", "r", spec=task),
        make("ModelRollout", "other", spec={"taskRef": {"name": "else"}}),
        make("TrainingRun", "t", spec=task),
        make("RetrainPolicy", "p", spec={"runTemplate": {"spec": task}}),
    )
    expected = {own("ModelTask", "card"), own("ModelRollout", "r"), own("TrainingRun", "t"), own("RetrainPolicy", "p")}
    assert affected(make("ModelTask", "card"), store) == expected


def test_a_rollout_concerns_its_task_and_the_policies_that_name_it() -> None:
    rollout = make("ModelRollout", "r", spec={"taskRef": {"name": "card"}})
    store = store_with(
        make("RetrainPolicy", "p", spec={"rolloutRef": {"name": "r"}}),
        make("RetrainPolicy", "q", spec={"rolloutRef": {"name": "s"}}),
    )
    assert affected(rollout, store) == {own("ModelRollout", "r"), own("ModelTask", "card"), own("RetrainPolicy", "p")}


def test_a_rollout_concerns_the_requests_that_wait_for_its_answer() -> None:
    requests = [make("RolloutRequest", name, spec={"target": {"name": name}}) for name in ("r", "s")]
    assert affected(make("ModelRollout", "r"), store_with(*requests)) == {
        own("ModelRollout", "r"),
        own("RolloutRequest", "r"),
    }


def test_a_request_concerns_its_target() -> None:
    request = make("RolloutRequest", "q", spec={"target": {"kind": "ModelRollout", "name": "r"}})
    assert affected(request, store_with()) == {own("RolloutRequest", "q"), own("ModelRollout", "r")}


def test_a_template_concerns_all_rollouts() -> None:
    template = make("MetricTemplate", "m", namespace="")
    found = affected(template, store_with(make("ModelRollout", "r"), make("RetrainPolicy", "p")))
    assert found == {
        ObjectKey(API_VERSION, "MetricTemplate", "", "m"),
        own("ModelRollout", "r"),
        own("RetrainPolicy", "p"),
    }


def test_a_task_concerns_those_that_read_the_same_data() -> None:
    def run(name: str, task: str, uri: str) -> dict:  # type: ignore[type-arg]
        data = {"sources": [{"name": "s", "uri": uri}]}
        return make("TrainingRun", name, spec={"taskRef": {"name": task}, "data": data})

    store = store_with(run("r1", "card", "s3://a"), run("r2", "same", "s3://a"), run("r3", "other", "s3://b"))
    found = affected(make("ModelTask", "card"), store)
    assert found == {own("ModelTask", "card"), own("ModelTask", "same"), own("TrainingRun", "r1")}
