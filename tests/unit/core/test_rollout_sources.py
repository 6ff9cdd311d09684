"""What a rollout can be made from, and what its build needs: a run, a finished image, Secrets that come late."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.ledgers import chain, decisions
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import GOOD, NEVER_READY, in_stage, serves, serving, spec

RUN = "runs:/0f3c/model"
DIGEST = f"sha256:{'e' * 64}"
IMAGE = f"registry.example.com/ml/fraud@{DIGEST}"
WAIVER = {"waiver": "tried by the team"}
# Whatever carries these versions answers.
ANSWERING = dict.fromkeys((RUN, "runs:/0f3d/model", DIGEST[:19]), GOOD)
INDEX = {"url": "https://packages.example.com/simple", "secretRef": {"name": "index"}, "caRef": {"name": "index-ca"}}


def made(model: dict[str, Any], **changes: Any) -> Simulation:
    return Simulation(spec(model=model, **{"certification": WAIVER, **changes}), {"1": GOOD, **ANSWERING})


def jobs(sim: Simulation) -> list[dict[str, Any]]:
    return [obj for key, obj in sim.objects.items() if key.kind == "Job" and "-build-" in key.name]


@pytest.mark.long
def test_the_model_of_a_run_is_built_and_pinned_by_what_the_builder_found() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}}).run(60, serves(RUN))
    stable = sim.variants()["stable"]
    assert (stable["digest"], stable["image"]) == (f"sha256:{'d' * 64}", f"registry:5000/ns/fraud@sha256:{'d' * 64}")
    (job,) = jobs(sim)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"][:2] == ["--model-uri", RUN]
    assert sim.condition("Certified")[1] == "Waived"
    sim.run(120)
    assert len(jobs(sim)) == 1


@pytest.mark.long
def test_a_run_that_does_not_exist_stalls_and_begins_when_it_does() -> None:
    sim = made({"type": "Run", "run": {"uri": "runs:/0f3d/model"}}).run(20)
    assert sim.condition("ModelResolved")[:2] == ("False", "RunNotFound")
    assert (sim.condition("Stalled")[0], jobs(sim)) == ("True", [])
    sim.runs.add("runs:/0f3d/model")
    sim.run(60, serves("runs:/0f3d/model"))


@pytest.mark.long
def test_a_run_with_the_model_that_serves_moves_no_traffic_and_is_in_the_ledger() -> None:
    other = "runs:/0f3d/model"
    sim = made({"type": "Run", "run": {"uri": RUN}}).run(60, serves(RUN)).run(5)
    sim.runs.add(other)
    services, epoch = list(sim.services()), sim.status["epoch"]
    sim.edit(KEY, lambda s: s.update(model={"type": "Run", "run": {"uri": other}}))
    sim.run(60, serves(other)).run(5)
    assert (list(sim.services()), sim.status["epoch"]) == (services, epoch)
    assert decisions(sim)[2:] == [("Started", ""), ("Promoted", "build")]
    assert chain(sim).entries[-1]["reason"] == "SameRevision"


@pytest.mark.long
def test_a_finished_image_is_served_without_a_build() -> None:
    sim = made({"type": "Image", "image": {"image": IMAGE}}).run(60, serves("sha256:eeeeeeeeeeee"))
    stable = sim.variants()["stable"]
    assert (stable["digest"], stable["image"], jobs(sim)) == (DIGEST, IMAGE, [])


@pytest.mark.long
def test_a_finished_image_needs_a_waiver() -> None:
    sim = made({"type": "Image", "image": {"image": IMAGE}}, certification=None).run(30)
    assert sim.condition("Certified")[1] == "NotEvaluated"
    assert sim.variants() == {}


@pytest.mark.long
def test_a_finished_image_passes_the_stages_of_a_rollout_that_serves() -> None:
    sim = serving(certification=WAIVER)
    sim.versions |= ANSWERING
    sim.edit(KEY, lambda s: s.update(model={"type": "Image", "image": {"image": IMAGE}}))
    sim.run(120, in_stage("canary-50"))
    sim.run(60, serves("sha256:eeeeeeeeeeee"))
    assert sim.variants()["previous"]["version"] == "1"


@pytest.mark.long
def test_an_image_that_the_spec_replaces_while_it_is_rolled_out_makes_way() -> None:
    sim = serving(certification=WAIVER)
    sim.versions |= ANSWERING
    sim.edit(KEY, lambda s: s.update(model={"type": "Image", "image": {"image": IMAGE}}))
    sim.run(120, in_stage("canary-10"))
    sim.edit(KEY, lambda s: s.update(model={"type": "Run", "run": {"uri": RUN}}))
    sim.run(300, serves(RUN))
    assert "Superseded" in sim.notices


@pytest.mark.long
def test_a_missing_secret_is_named_and_the_build_starts_when_it_appears() -> None:
    image = {"pushSecretRef": {"name": "push"}, "packageIndex": INDEX, "caRef": {"name": "ca"}}
    sim = made({"type": "Run", "run": {"uri": RUN}}, image=image)
    sim.missing = 'secret "push" not found'
    sim.run(10)
    for kind in ("ImageBuilt", "Stalled", "Progressing"):
        assert sim.condition(kind)[1] == "WaitingForSettings"
        assert 'secret "push" not found' in sim.condition(kind)[2]
    sim.missing = ""
    sim.run(60, serves(RUN))
    assert sim.condition("Stalled")[0] == "False"


@pytest.mark.long
def test_a_build_that_waits_for_a_secret_outlives_its_jobs_deadline() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}}, image={"pushSecretRef": {"name": "push"}})
    sim.missing = 'secret "push" not found'
    sim.run(10)
    first = jobs(sim)[0]["metadata"]["uid"]
    sim.now += timedelta(minutes=27)
    sim.run(90)
    assert [job["metadata"]["uid"] for job in jobs(sim)] != [first]
    assert (sim.status.get("history"), sim.status.get("rejected")) == (None, None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("pending", "said"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]},
            "Unschedulable: 0/3",
        ),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]},
            "ImagePullBackOff: no such image",
        ),
        (
            {
                "initContainerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "401"}}}],
                "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
            },
            "ErrImagePull: 401",
        ),
    ],
)
def test_a_build_whose_pod_does_not_start_says_why_and_blames_no_version(pending: dict[str, Any], said: str) -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}})
    sim.registry_up = False
    sim.run(5)
    first = jobs(sim)[0]
    sim.pod_of(first, {"phase": "Pending", **pending})
    sim.run(5)
    assert sim.condition("ImageBuilt") == ("Unknown", "Building", f"the build's pod does not start: {said}")
    assert sim.condition("Stalled")[0] == "False"
    sim.now += timedelta(minutes=20)
    sim.run(1)
    assert sim.condition("Stalled")[:2] == ("True", "BuildNotStarted")
    sim.now += timedelta(minutes=6)
    sim.registry_up = True
    sim.run(90, serves(RUN))
    assert jobs(sim)[0]["metadata"]["uid"] != first["metadata"]["uid"]


class Guarded(Simulation):
    """An installation whose MLflow wants a login."""

    settings = replace(Simulation.settings, mlflow_secret="mlflow-login")


@pytest.mark.long
def test_the_login_of_mlflow_reaches_the_builder_and_no_pod_with_a_model() -> None:
    sim = Guarded(spec(), {"1": GOOD, "2": GOOD}).run(60, lambda s: s.status.get("phase") == "Serving")
    holders = {key.name for key, obj in sim.objects.items() if "mlflow-login" in json.dumps(obj.get("spec") or {})}
    assert holders == {job["metadata"]["name"] for job in jobs(sim)}
    assert holders


@pytest.mark.long
def test_each_secret_reaches_the_builder_only() -> None:
    image = {
        "repository": "registry.example.com/ml",
        "base": f"registry.example.com/base@{DIGEST}",
        "pushSecretRef": {"name": "push"},
        "pullSecretRef": {"name": "pull"},
        "caRef": {"name": "ca", "key": "company.pem"},
        "packageIndex": INDEX,
    }
    sim = made({"type": "MLflow", "mlflow": {"name": "fraud", "version": "1"}}, image=image).run(60, serves("1"))
    (container,) = jobs(sim)[0]["spec"]["template"]["spec"]["containers"]
    references = {one["name"]: one["valueFrom"] for one in container["env"] if "valueFrom" in one}
    assert references == {
        "SLIPWAY_DOCKER_CONFIG": {"secretKeyRef": {"name": "push", "key": ".dockerconfigjson"}},
        "SLIPWAY_REGISTRY_CA": {"configMapKeyRef": {"name": "ca", "key": "company.pem"}},
        "SLIPWAY_INDEX_USERNAME": {"secretKeyRef": {"name": "index", "key": "username"}},
        "SLIPWAY_INDEX_PASSWORD": {"secretKeyRef": {"name": "index", "key": "password"}},
        "SLIPWAY_INDEX_CA": {"configMapKeyRef": {"name": "index-ca", "key": "ca.crt"}},
    }
    arguments = container["args"]
    assert arguments[arguments.index("--base-image") + 1] == image["base"]
    assert "--dependency-repository" not in arguments
    service = next(obj for key, obj in sim.objects.items() if key.kind == "InferenceService")
    assert service["spec"]["predictor"]["imagePullSecrets"] == [{"name": "pull"}]
    assert "push" not in str(service["spec"])


def test_the_end_of_the_builders_log_is_in_the_condition() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}})
    sim.registry_up = False
    sim.run(5)
    error = {"step": "lock", "reason": "LockConflict", "message": "no solution", "log": "step resolve\nstep lock"}
    sim.finish(jobs(sim)[0], "Failed", {"error": error})
    sim.run(5)
    status, reason, message = sim.condition("ImageBuilt")
    assert (status, reason) == ("False", "LockConflict")
    assert message.endswith("lock: no solution\nthe end of its log:\nstep resolve\nstep lock")


@pytest.mark.long
def test_a_builder_that_was_killed_is_told_with_the_end_of_its_log() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}})
    sim.registry_up = False
    sim.run(5)
    (job,) = jobs(sim)
    sim.finish(job, "Failed", {})
    pod = sim.objects[ObjectKey("v1", "Pod", "ns", f"{job['metadata']['name']}-1")]
    ended = {"reason": "OOMKilled", "exitCode": 137, "message": "step dependencies"}
    pod["status"]["containerStatuses"][0]["state"]["terminated"] = ended
    sim.run(5)
    status, reason, message = sim.condition("ImageBuilt")
    assert (status, reason) == ("False", "OOMKilled")
    assert "exit code 137" in message
    assert message.endswith("step dependencies")


@pytest.mark.long
def test_the_words_of_an_attempt_that_failed_are_no_answer_of_a_build_that_succeeded() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}})
    sim.registry_up = False
    sim.run(5)
    (job,) = jobs(sim)
    failed = {"step": "append", "reason": "RegistryUnavailable", "message": "503", "retryable": "true"}
    sim.finish(job, "Complete", {"error": failed})
    sim.run(5)
    assert sim.condition("ImageBuilt")[1] == "Building"
    sim.registry_up = True
    sim.run(90, serves(RUN))  # the pod that succeeded is gone: its words will not come, and the Job is made anew


@pytest.mark.long
def test_a_pull_secret_that_is_mended_reaches_a_candidate_that_does_not_start() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}}, image={"pullSecretRef": {"name": "wrong"}})
    sim.versions[RUN] = NEVER_READY
    sim.run(60, in_stage("start"))
    sim.run(5)
    sim.edit(KEY, lambda s: s["image"].update(pullSecretRef={"name": "right"}))
    sim.run(5)
    (service,) = [obj for key, obj in sim.objects.items() if key.kind == "InferenceService"]
    assert service["spec"]["predictor"]["imagePullSecrets"] == [{"name": "right"}]


@pytest.mark.long
def test_a_pull_secret_restarts_nothing_that_serves() -> None:
    sim = serving()
    before = {key: obj["spec"] for key, obj in sim.objects.items() if key.kind == "InferenceService"}
    sim.edit(KEY, lambda s: s.update(image={"pullSecretRef": {"name": "new"}}))
    sim.run(30)
    assert {key: obj["spec"] for key, obj in sim.objects.items() if key.kind == "InferenceService"} == before


@pytest.mark.long
def test_another_predictor_serves_the_files_that_were_built_before() -> None:
    sim = made({"type": "Run", "run": {"uri": RUN}}).run(60, serves(RUN))
    before = sim.variants()["stable"]
    sim.edit(KEY, lambda s: s.update(predictor={"minReplicas": 1, "env": [{"name": "MODE", "value": "fast"}]}))
    sim.run(200, lambda s: serves(RUN)(s) and s.variants()["stable"]["revision"] != before["revision"])
    stable = sim.variants()["stable"]
    assert (stable["image"], stable["digest"], len(jobs(sim))) == (before["image"], before["digest"], 1)
