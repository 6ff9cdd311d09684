"""Proof before traffic, on the simulated cluster: what is proven once, what is refused, and what is nobody's fault."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.simulation import KEY, TASK, Simulation
from tests.unit.core.specs import DIES, GOOD, TOO_SLOW, UNSTEADY, in_stage, pin, serves, serving, spec
from tests.unit.core.traffic_model import Behaviour

NEVER_SURE = Behaviour(timings=((0.09, 0.08, 0.12),))
LONG_TAIL = Behaviour(timings=((0.13, 0.12, 0.15),))


def proofs(sim: Simulation) -> list[Any]:
    return [obj for key, obj in sim.objects.items() if key.kind == "Job" and "-proof-" in key.name]


def refused(sim: Simulation, reason: str) -> dict[str, Any]:
    """Waits until version 2 is refused before it has an InferenceService, and returns its entry in the history."""
    sim.run(200, lambda s: s.status["history"][0]["version"] == "2")
    entry: dict[str, Any] = sim.status["history"][0]
    assert (entry["outcome"], entry["stage"], entry["reason"]) == ("Failed", "prove", reason)
    sim.run(10)
    assert sim.variants()["stable"]["version"] == "1"
    assert len(list(sim.services())) == 1
    assert sim.condition("ModelProven")[:2] == ("False", reason)
    assert sim.condition("Stalled")[:2] == ("True", "Rejected")
    assert [each["version"] for each in sim.status["rejected"]] == ["2"]
    assert sim.client_errors == []
    return entry


def test_no_inference_service_exists_before_its_image_is_proven_and_the_figures_stand_in_status() -> None:
    sim = pin(serving(), "2").run(60, in_stage("prove"))
    assert len(list(sim.services())) == 1
    sim.run(60, in_stage("shadow"))
    found = sim.variants()["candidate"]["benchmark"]
    assert (found["p50"], found["p99"], found["throughput"]) == ("3ms", "5ms", "200/s")
    assert (found["concurrency"], found["requests"], found["verdict"]) == (1, 1000, "Pass")
    assert sim.condition("ModelProven")[:2] == ("True", "FastEnough")


def test_the_requests_are_sent_as_the_task_declares() -> None:
    (job,) = proofs(serving())
    (prober,) = job["spec"]["template"]["spec"]["containers"]
    asked = dict(zip(prober["args"][::2], prober["args"][1::2], strict=True))
    assert (asked["--limit"], asked["--concurrency"], asked["--requests"]) == ("p99=0.1", "8", "1000")


def test_a_model_whose_process_dies_is_refused_at_once_with_its_last_words() -> None:
    entry = refused(pin(serving(DIES), "2"), "ProcessDied")
    assert "exit code 1" in entry["message"]
    assert "No module named 'cats'" in entry["message"]
    assert len([job for job in proofs(pin(serving(DIES), "2").run(20)) if not job.get("status")]) == 0


def test_variables_from_secrets_are_named_when_a_model_dies_without_them() -> None:
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "feature-store", "key": "token"}}}
    sim = serving(DIES)
    sim.put(ObjectKey("v1", "Secret", "ns", "feature-store"), None)["data"] = {"token": "x"}
    sim.edit(KEY, lambda s: (s.update(predictor={"env": [secret]}), s["model"]["mlflow"].update(version="2")))
    assert "variables from Secrets were left out: TOKEN" in refused(sim, "ProcessDied")["message"]


def test_a_model_that_is_surely_too_slow_is_refused_with_its_figures() -> None:
    entry = refused(pin(serving(TOO_SLOW), "2"), "TooSlow")
    assert entry["benchmark"]["p99"] == "400ms"
    assert "p99 400ms (300ms to 500ms), limit 100ms" in entry["message"]


@pytest.mark.parametrize(("how", "interval"), [(NEVER_SURE, "80ms to 120ms"), (LONG_TAIL, "120ms to 150ms")])
def test_a_benchmark_that_shows_neither_is_repeated_and_then_refused(how: Behaviour, interval: str) -> None:
    sim = pin(serving(how), "2")
    entry = refused(sim, "LatencyUnproven")
    assert interval in entry["message"]
    assert sim.timed["2"] == 3
    assert sim.notices.count("ProofRepeated") == 2


def test_a_benchmark_that_shows_it_at_last_is_enough() -> None:
    sim = pin(serving(UNSTEADY), "2").run(400, serves("2"))
    assert sim.timed["2"] == 3
    assert sim.variants()["stable"]["benchmark"]["p99"] == "80ms"


def test_a_rejected_model_is_proven_anew_when_its_task_asks_for_less() -> None:
    sim = pin(serving(TOO_SLOW), "2")
    refused(sim, "TooSlow")
    sim.edit(TASK, lambda task: task["serving"]["latency"].update(p99="1s"))
    sim.run(400, serves("2"))


def test_a_changed_spec_gives_a_refused_model_a_proof_of_its_own() -> None:
    sim = pin(serving(DIES), "2")
    refused(sim, "ProcessDied")
    sim.versions["2"] = GOOD
    sim.edit(KEY, lambda s: s.update(predictor={"env": [{"name": "CATS", "value": "yes"}]}))
    sim.run(400, serves("2"))


def test_what_was_proven_is_not_proven_again() -> None:
    sim = pin(serving(), "2").run(300, serves("2"))
    pin(sim, "3").run(300, serves("3"))
    assert set(sim.variants()) == {"stable", "previous"}
    made = len(proofs(sim))
    pin(sim, "1").run(60, in_stage("start"))
    assert len(proofs(sim)) == made, "version 1 is not kept any more, and was proven as the first"
    assert sim.variants()["candidate"]["benchmark"]["p99"] == "5ms"
    changed = {"resources": {"limits": {"cpu": "2"}}}
    pin(sim, "3").run(60, serves("3"))
    sim.edit(KEY, lambda s: s.update(predictor=changed))
    sim.run(60, in_stage("prove"))
    sim.run(5)
    assert len(proofs(sim)) == made + 1, "other resources are another promise"


def test_a_proof_that_nobody_asks_for_any_more_ends() -> None:
    sim = serving()
    sim.node_up = False
    pin(sim, "2").run(60, in_stage("prove"))
    sim.run(2)
    assert len([job for job in proofs(sim) if not job.get("status")]) == 1
    pin(sim, "3").run(5)
    assert sim.status["target"]["version"] == "3"
    assert "SLIPWAY_VERSION" in str(proofs(sim))
    assert [job for job in proofs(sim) if not job.get("status") and "'value': '2'" in str(job)] == []
    sim.node_up = True
    sim.run(300, serves("3"))


def test_a_pod_that_no_node_takes_waits_and_blames_nobody() -> None:
    sim = serving(progressDeadline="30s")
    sim.node_up = False
    pin(sim, "2").run(60, in_stage("prove")).run(2)
    job = next(job for job in proofs(sim) if not job.get("status"))
    told = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}
    sim.pod_of(job, {"conditions": [told]})
    sim.run(60)
    assert sim.status["phase"] == "Proving"
    assert sim.condition("Stalled")[:2] == ("True", "ProofNotRun")
    assert "Insufficient cpu" in sim.condition("ModelProven")[2]
    assert sim.condition("Ready")[0] == "True"
    sim.node_up = True
    sim.run(300, serves("2"))


def test_an_image_that_no_node_can_pull_is_proven_by_another_pod_when_its_secret_is_mended() -> None:
    sim = serving(image={"pullSecretRef": {"name": "wrong"}})
    sim.node_up = False
    pin(sim, "2").run(60, in_stage("prove")).run(2)
    (stuck,) = [job for job in proofs(sim) if not job.get("status")]
    pulling = {"waiting": {"reason": "ImagePullBackOff", "message": "401 Unauthorized"}}
    sim.pod_of(stuck, {"initContainerStatuses": [{"name": "model", "state": pulling}]})
    sim.run(2)
    assert sim.condition("ModelProven") == ("Unknown", "Proving", "ImagePullBackOff: 401 Unauthorized")
    sim.edit(KEY, lambda s: s["image"].update(pullSecretRef={"name": "right"}))
    sim.run(2)
    (mended,) = [job for job in proofs(sim) if not job.get("status")]
    assert mended["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "right"}]
    sim.node_up = True
    sim.run(300, serves("2"))


@pytest.mark.parametrize("how", ["deadline", "words lost", "node lost", "words unreadable"])
def test_what_befalls_the_machine_is_tried_again(how: str) -> None:
    sim = serving()
    sim.node_up = False
    pin(sim, "2").run(60, in_stage("prove")).run(2)
    job = next(job for job in proofs(sim) if not job.get("status"))
    if how == "deadline":
        job["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}
    elif how == "words lost":
        done = (sim.now - timedelta(seconds=60)).isoformat()
        job["status"] = {"conditions": [{"type": "Complete", "status": "True"}], "completionTime": done}
    elif how == "words unreadable":
        sim.finish(job, "Complete", {"proof": {"benchmark": {"p99": "fast"}}})
        sim.run(40)
    else:
        pod = sim.pod_of(job, {"conditions": [{"type": "DisruptionTarget", "status": "True"}]})
        pod["metadata"]["deletionTimestamp"] = sim.now.isoformat()
        sim.run(130)
    sim.node_up = True
    sim.run(300, serves("2"))
    assert len(sim.status["history"]) == 2
    assert sim.client_errors == []


def test_a_killed_process_may_be_the_nodes_want_of_memory_and_is_tried_again() -> None:
    sim = serving()
    sim.node_up = False
    pin(sim, "2").run(60, in_stage("prove")).run(2)
    died = {"exitCode": 137, "reason": "OOMKilled"}
    killed = {"initContainerStatuses": [{"name": "model", "lastState": {"terminated": died}}]}
    sim.pod_of(next(job for job in proofs(sim) if not job.get("status")), killed)
    sim.run(5)
    assert sim.status["target"]["proofAttempt"] == 1
    sim.node_up = True
    sim.run(300, serves("2"))


def test_a_prober_that_crashes_again_and_again_is_told_and_blames_no_version() -> None:
    sim = serving()
    sim.node_up = False
    pin(sim, "2").run(60, in_stage("prove")).run(2)
    (job,) = [job for job in proofs(sim) if not job.get("status")]
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    sim.pod_of(job, {"containerStatuses": [{"name": "prober", "state": {"terminated": ended}}]})
    sim.run(2)
    assert "its prober ended with exit code 137 (OOMKilled)" in sim.condition("ModelProven")[2]
    assert sim.condition("Stalled")[0] == "False"
    sim.now += timedelta(minutes=20)
    sim.run(1)
    assert sim.condition("Stalled")[:2] == ("True", "ProofNotRun")
    assert "OOMKilled" in sim.condition("Stalled")[2]
    assert not sim.status.get("rejected")


def test_without_its_task_a_proof_waits_for_the_latency_that_it_does_not_know() -> None:
    sim = pin(serving(), "2").run(60, in_stage("prove"))
    task = sim.objects.pop(TASK)
    sim.run(20)
    assert sim.status["phase"] == "Proving"
    sim.objects[TASK] = task
    sim.run(300, serves("2"))


def first(how: Behaviour, initial: str) -> Simulation:
    return Simulation(spec(initialRevision=initial), {"1": how})


def test_a_first_revision_that_serves_directly_is_served_slow_and_says_so() -> None:
    sim = first(TOO_SLOW, "ServeDirectly").run(60, serves("1"))
    assert sim.condition("Ready")[0] == "True"
    assert sim.condition("ModelProven")[:2] == ("False", "TooSlow")
    assert sim.variants()["stable"]["benchmark"]["verdict"] == "TooSlow"
    assert sim.timed["1"] == 1


@pytest.mark.parametrize(
    ("how", "initial", "reason"),
    [(TOO_SLOW, "Gated", "TooSlow"), (DIES, "Gated", "ProcessDied"), (DIES, "ServeDirectly", "ProcessDied")],
)
def test_another_first_revision_is_refused(how: Behaviour, initial: str, reason: str) -> None:
    sim = first(how, initial).run(60, lambda s: bool(s.status.get("history")))
    sim.run(5)
    assert sim.status["phase"] == "Failed"
    assert sim.condition("ModelProven")[:2] == ("False", reason)
    assert list(sim.services()) == []
