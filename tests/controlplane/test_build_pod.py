"""The Job that builds with packages of the system, as a real API server takes it, by its own Pod Security admission."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from slipway.core.desired.build_job import Build, build_job
from slipway.core.desired.build_job_buildah import SystemImage
from slipway.core.desired.key_of import KeyOf
from slipway.core.desired.names import Identity

from tests.cluster.bare import ControlPlane
from tests.cluster.errors import ClusterError
from tests.controlplane.namespaces import namespace

pytestmark = pytest.mark.controlplane
ME = Identity("builds", "fraud", "4d9a1b1e-0000-4000-8000-000000000002")
SYSTEM = SystemImage(
    "registry/buildah:1",
    "slipway-buildah.json",
    ("libgomp1", "tesseract-ocr"),
    (KeyOf("SLIPWAY_DOCKERFILE", "configMapKeyRef", "template", "Dockerfile"),),
)
BUILD = Build(
    "models:/fraud/7", "", "registry/fraud", "registry/base:1", "http://mlflow", "registry/builder:1", system=SYSTEM
)


def pod(build: Build, name: str) -> str:
    job: dict[str, Any] = build_job(ME, build)
    metadata = {"name": name, "namespace": "builds", "labels": job["metadata"]["labels"]}
    spec = job["spec"]["template"]["spec"]
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_with_a_profile_of_the_nodes_the_level_restricted_is_enough(control_plane: ControlPlane) -> None:
    unconfined = replace(BUILD, system=replace(SYSTEM, seccomp_profile=""))
    control_plane.kubectl.apply(namespace("builds"))
    control_plane.kubectl.apply(json.dumps(build_job(ME, BUILD)))
    control_plane.kubectl.apply(pod(BUILD, "confined"))
    with pytest.raises(ClusterError, match="seccompProfile"):
        control_plane.kubectl.apply(pod(unconfined, "unconfined"))
    control_plane.kubectl.apply(namespace("builds", "privileged"))
    control_plane.kubectl.apply(pod(unconfined, "unconfined"))
    made = json.loads(control_plane.kubectl.run("get", "pod", "confined", "-n", "builds", "-o", "json"))
    assert [each["name"] for each in made["spec"]["initContainers"]] == ["fetch-base", "install-packages"]
    assert not any("projected" in volume for volume in made["spec"]["volumes"]), "no token is projected into it"
