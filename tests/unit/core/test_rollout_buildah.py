"""A rollout whose image has packages of the system: what its build's pod may do, and what is said when it cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from slipway.api.v1alpha1.rollout_model import BuildImage
from slipway.core.plan import ObjectKey
from slipway.runtime.world import Settings

from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import GOOD, serves, spec

IMAGE = {
    "builder": "Buildah",
    "buildah": {
        "systemPackages": ["tesseract-ocr", "libgomp1"],
        "dockerfileRef": {"name": "template", "key": "Dockerfile"},
        "sourcesRef": {"name": "mirror", "key": "sources.list"},
    },
    "pushSecretRef": {"name": "push"},
    "caRef": {"name": "ca"},
    "packageIndex": {"url": "https://packages.example.com/simple", "secretRef": {"name": "index"}},
}


class Installed(Simulation):
    settings = Settings(
        prometheus="p", mlflow="http://mlflow", builder_image="builder:1", base_image="base:1",
        registry="registry:5000", buildah_image="buildah:1", buildah_seccomp_profile="profiles/buildah.json",
    )  # fmt: skip


class WithoutProfile(Simulation):
    settings = Settings(
        prometheus="p", mlflow="http://mlflow", builder_image="builder:1", base_image="base:1",
        registry="registry:5000", buildah_image="buildah:1",
    )  # fmt: skip


def made(kind: type[Simulation] = Installed, image: dict[str, Any] = IMAGE) -> Simulation:
    return kind(spec(image=image), {"1": GOOD})


def job(sim: Simulation) -> dict[str, Any]:
    (found,) = [obj for key, obj in sim.objects.items() if key.kind == "Job" and "-build-" in key.name]
    return found


def pod(sim: Simulation) -> dict[str, Any]:
    found: dict[str, Any] = job(sim)["spec"]["template"]["spec"]
    return found


def variables(container: dict[str, Any]) -> set[str]:
    return {one["name"] for one in container["env"] if "valueFrom" in one}


def started(kind: type[Simulation] = Installed) -> Simulation:
    """The Job is there, and no pod of it has ended."""
    sim = made(kind)
    sim.registry_up = False
    return sim.run(5)


def test_it_is_built_and_served() -> None:
    made().run(60, serves("1"))


def test_what_runs_foreign_commands_has_no_secret_and_no_writable_volume_of_the_others() -> None:
    sim = started()
    fetch, install = pod(sim)["initContainers"]
    (build,) = pod(sim)["containers"]
    texts = {"SLIPWAY_DOCKERFILE", "SLIPWAY_APT_SOURCES"}
    assert variables(install) == {*texts, "SLIPWAY_REGISTRY_CA"}
    assert variables(fetch) == {*texts, "SLIPWAY_REGISTRY_CA", "SLIPWAY_DOCKER_CONFIG"}
    assert {"SLIPWAY_DOCKER_CONFIG", "SLIPWAY_INDEX_PASSWORD", *texts} <= variables(build)
    assert (fetch["image"], install["image"], build["image"]) == ("builder:1", "buildah:1", "builder:1")
    assert not any("secretKeyRef" in one.get("valueFrom", {}) for one in install["env"])
    assert fetch["args"] == install["args"] == build["args"]
    written = {one["name"] for one in install["volumeMounts"] if not one.get("readOnly")}
    assert written == {"scratch", "result"}
    for other in (fetch, build):
        assert not written & {one["name"] for one in other["volumeMounts"] if not one.get("readOnly")}
    assert {"name": "result", "mountPath": "/system/result", "readOnly": True} in build["volumeMounts"]


def test_every_container_is_restricted_but_for_one_seccomp_profile() -> None:
    sim = started()
    containers = [*pod(sim)["initContainers"], *pod(sim)["containers"]]
    for container in containers:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert (context["allowPrivilegeEscalation"], context["runAsNonRoot"]) == (False, True)
        assert context["readOnlyRootFilesystem"] is True
    profiles = [one["securityContext"].get("seccompProfile") for one in containers]
    assert profiles == [None, {"type": "Localhost", "localhostProfile": "profiles/buildah.json"}, None]
    assert pod(started(WithoutProfile))["initContainers"][1]["securityContext"]["seccompProfile"] == {
        "type": "Unconfined"
    }


def test_a_fault_of_somebodys_input_ends_the_job_in_each_step() -> None:
    rules = job(started())["spec"]["podFailurePolicy"]["rules"]
    steps = [rule["onExitCodes"]["containerName"] for rule in rules if rule["action"] == "FailJob"]
    assert sorted(steps) == ["build", "fetch-base", "install-packages"]


def test_the_step_that_failed_is_in_the_condition_with_the_end_of_its_log() -> None:
    sim = started()
    error = {"step": "system", "reason": "SystemPackageNotFound", "message": "no libfoo", "log": "STEP 4/4: RUN apt"}
    made_job = job(sim)
    sim.finish(made_job, "Failed", {})
    found = sim.objects[ObjectKey("v1", "Pod", "ns", f"{made_job['metadata']['name']}-1")]
    import json

    ended = {"exitCode": 1, "message": json.dumps({"error": error})}
    found["status"] = {"initContainerStatuses": [{"state": {"terminated": ended}}], "containerStatuses": [{}]}
    sim.run(5)
    status, reason, message = sim.condition("ImageBuilt")
    assert (status, reason) == ("False", "SystemPackageNotFound")
    assert message.endswith("system: no libfoo\nthe end of its log:\nSTEP 4/4: RUN apt")


def test_a_config_map_that_is_missing_is_named() -> None:
    sim = started()
    waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "template" not found'}
    sim.pod_of(job(sim), {"initContainerStatuses": [{"state": {"waiting": waiting}}]})
    sim.run(40)
    assert sim.condition("ImageBuilt")[1] == "WaitingForSettings"
    assert 'configmap "template" not found' in sim.condition("ImageBuilt")[2]


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [(WithoutProfile, "pod-security.kubernetes.io/enforce=privileged"), (Installed, "restricted is enough")],
)
def test_a_namespace_that_forbids_the_pod_is_told_what_it_needs(kind: type[Simulation], remedy: str) -> None:
    sim = started(kind)
    job(sim)["status"] = {"startTime": sim.now.isoformat(), "active": 0}
    sim.run(50)
    assert sim.condition("ImageBuilt")[1] == "Building"
    sim.run(60)
    for condition in ("ImageBuilt", "Stalled"):
        assert sim.condition(condition)[1] == "WaitingForSettings"
        assert remedy in sim.condition(condition)[2]
    sim.now += timedelta(minutes=27)
    sim.run(60)
    assert "status" not in job(sim), "the Job was made anew before its deadline"
    job(sim)["status"] = {"startTime": sim.now.isoformat(), "active": 1}
    sim.run(90)
    assert sim.condition("ImageBuilt")[1] == "Building"


def test_without_the_image_of_the_step_the_setting_is_named() -> None:
    sim = Simulation(spec(image=IMAGE), {"1": GOOD}).run(10)
    assert sim.condition("ImageBuilt")[1] == "NotConfigured"
    assert "images.buildah" in sim.condition("ImageBuilt")[2]


@pytest.mark.parametrize(
    "image",
    [
        {"builder": "Buildah"},
        {"buildah": {"systemPackages": ["libgomp1"]}},
        {"builder": "Buildah", "buildah": {}},
        {"builder": "Buildah", "buildah": {"systemPackages": ["-o"]}},
        {"builder": "Buildah", "buildah": {"systemPackages": ["libc6-"]}},
        {"builder": "Buildah", "buildah": {"systemPackages": ["a; reboot"]}},
    ],
)
def test_what_is_no_package_or_lacks_its_member_is_refused(image: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"buildah|systemPackages"):
        BuildImage.model_validate(image)
