"""The traps of traffic.md, each walked into on the simulated cluster: no client may notice."""

from __future__ import annotations

import pytest

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import GOOD, in_stage, pin, serves, service, serving, spec
from tests.unit.core.traffic_model import Behaviour, arms


def named(sim: Simulation) -> set[str]:
    return {name.removesuffix("-predictor") for name, *_ in arms(sim.objects[ROUTE]["spec"])}


@pytest.mark.long
def test_a_candidate_without_endpoints_loses_its_traffic_from_the_slices_at_once() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10")).run(2)
    sim.versions["2"] = Behaviour(starts=False)
    sim.tick()
    sim.settle()
    assert named(sim) == {sim.variants()["stable"]["inferenceService"]}
    assert "TrafficWithheld" in sim.notices
    sim.versions["2"] = GOOD
    assert len(sim.run(300, serves("2")).client_errors) <= 1, "only the second before the slices told"


@pytest.mark.long
def test_a_candidate_that_stays_away_is_given_up() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.versions["2"] = Behaviour(starts=False)
    sim.run(300, serves("1"))
    assert sim.status["history"][0]["reason"] == "CandidateUnavailable"


@pytest.mark.long
def test_a_weight_edited_by_hand_stops_the_clock_and_is_put_back() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10")).run(5)
    epoch, asked = sim.status["epoch"], sim.get(ROUTE)
    sim.edit(ROUTE, lambda s: s["rules"].pop())
    sim.settle()
    assert asked is not None
    assert sim.status["epoch"] == epoch + 1
    assert sim.status["stage"]["accruedSeconds"] == 0
    assert "runningSince" not in sim.status["stage"]
    assert len(sim.objects[ROUTE]["spec"]["rules"]) == len(asked["spec"]["rules"]) == 2
    assert "RouteEdited" in sim.notices
    sim.run(300, serves("2"))


@pytest.mark.long
def test_an_edit_that_was_taken_back_in_between_restarts_the_evidence() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10")).run(5)
    epoch = sim.status["epoch"]
    sim.edit(ROUTE, lambda s: None)
    sim.settle()
    assert sim.status["epoch"] == epoch + 1


@pytest.mark.long
@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s["rules"][0].update(filters=[{"type": "RequestRedirect"}]),
        lambda s: s["rules"][0].update(sessionPersistence={"sessionName": "x"}),
        lambda s: s.update(hostnames=["other.example.com"]),
        lambda s: s["rules"][0]["backendRefs"][0].update(weight=7),
    ],
    ids=["filter", "persistence", "host", "weight"],
)
def test_an_edit_in_steady_state_is_put_back(edit: object) -> None:
    sim = serving()
    asked = sim.get(ROUTE)
    sim.edit(ROUTE, edit)  # type: ignore[arg-type]
    sim.settle()
    assert asked is not None
    assert sim.objects[ROUTE]["spec"] == asked["spec"]


@pytest.mark.long
@pytest.mark.parametrize("skew", [0.2, 3.0])
def test_the_clock_does_not_run_while_the_measured_split_is_not_the_one_asked_for(skew: float) -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    sim.skew = skew
    sim.run(120)
    assert sim.status["stage"]["name"] == "canary-10"
    assert "runningSince" not in sim.status["stage"]
    assert sim.condition("SplitAgrees")[0] == "False"
    assert sim.status["split"]["agrees"] is False


@pytest.mark.long
def test_a_server_that_refuses_other_writes_does_not_keep_traffic_on_a_bad_candidate() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10")).run(3)
    sim.refused = "InferenceService"
    sim.edit(KEY, lambda s: s.update(predictor={"minReplicas": 2}))
    sim.versions["2"] = Behaviour(errors=0.5)
    for _ in range(20):
        for _ in range(5):
            sim.reconcile()
        sim.tick()
    assert sim.status["stage"]["type"] == "Rollback"
    assert named(sim) == {sim.variants()["stable"]["inferenceService"]}


@pytest.mark.long
def test_prometheus_away_holds_everything_and_work_resumes() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10")).run(2)
    sim.prometheus_up = False
    epoch = sim.status["epoch"]
    sim.run(120)
    assert sim.status["stage"]["name"] == "canary-10"
    assert sim.status["epoch"] == epoch
    assert sim.condition("EvidenceAvailable")[:2] == ("False", "PrometheusUnavailable")
    assert sim.condition("Ready")[0] == "True"
    sim.prometheus_up = True
    sim.run(300, serves("2"))
    assert sim.client_errors == []


@pytest.mark.long
def test_mlflow_away_holds_and_an_unknown_version_changes_nothing() -> None:
    sim = serving()
    sim.mlflow_up = False
    pin(sim, "2").run(60)
    assert sim.condition("ModelResolved")[:2] == ("Unknown", "MLflowUnavailable")
    assert sim.condition("Ready")[0] == "True"
    sim.mlflow_up = True
    pin(sim, "9").run(30)
    assert sim.condition("ModelResolved")[:2] == ("False", "ModelVersionNotFound")
    assert sim.condition("Stalled")[0] == "True"
    assert sim.variants()["stable"]["version"] == "1"
    pin(sim, "2").run(300, serves("2"))
    assert sim.condition("Stalled")[0] == "False"


@pytest.mark.long
def test_the_labels_of_a_service_never_name_role_stage_or_weight() -> None:
    sim = pin(serving(), "2").run(300, in_stage("canary-10"))
    key = service(sim, "candidate")
    labels = sim.objects[key]["metadata"]["labels"]
    before = sim.objects[key]["metadata"]["generation"]
    sim.run(300, serves("2"))
    assert sim.objects[key]["metadata"]["labels"] == labels
    assert sim.objects[key]["metadata"]["generation"] == before, "promotion restarts no pod"


@pytest.mark.long
def test_changing_the_predictor_leaves_the_pods_of_stable_alone() -> None:
    sim = serving()
    key, before = service(sim, "stable"), sim.objects[service(sim, "stable")]["spec"]
    sim.edit(KEY, lambda s: s.update(predictor={"resources": {"limits": {"cpu": "2"}}}))
    sim.run(30)
    assert sim.objects[key]["spec"] == before
    assert sim.status["target"]["version"] == "1", "the same model in another predictor is another revision"
    sim.run(300, serves("1"))
    assert sim.variants()["previous"]["inferenceService"] == key.name


def test_requests_without_evidence_never_advance() -> None:
    sim = serving()
    sim.requests = 0.0
    pin(sim, "2").run(300)
    assert sim.status["stage"]["name"] == "shadow"
    assert sim.client_errors == []


@pytest.mark.long
def test_without_assignment_weights_split_requests() -> None:
    changed = spec()
    del changed["traffic"]["assignment"]
    for stage in changed["stages"]:
        if stage.pop("minExposures", None):
            stage["minSamples"] = 200
    sim = serving(traffic=changed["traffic"], stages=changed["stages"])
    pin(sim, "2").run(300, in_stage("canary-10"))
    sim.settle()
    refs = sim.objects[ROUTE]["spec"]["rules"][0]["backendRefs"]
    assert [ref["weight"] for ref in refs] == [900, 100]
    sim.run(10)
    assert sim.status["split"]["basis"] == "Requests"
    sim.run(300, serves("2"))
