"""Packages of the system and a Dockerfile template, by Buildah without root and capabilities, on the real cluster with
the real archive; the base image must have apt, as the embedded cluster's has."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.demo import kube, view
from tests.demo.kube import Cluster, condition
from tests.demo.settings import Environment
from tests.rows.image import Images
from tests.rows.service import Service, canary

pytestmark = pytest.mark.timeout(1800)

# A library of 50 KB that nothing else of the image brings.
PACKAGE, LIBRARY = "libnuma1", "libnuma.so.1"
TEMPLATE = """{% extends bento_base_template %}
{% block SETUP_BENTO_COMPONENTS %}
{{ super() }}
ENV SAID_BY_TEMPLATE=yes
RUN mkdir -p /opt/template && chown 33:33 /opt/template && echo made > /opt/template/file
{% endblock %}
"""
STAGES = [canary(50, seconds=3600)]


@pytest.fixture(scope="module", autouse=True)
def _buildah(environment: Environment) -> None:
    if "buildah" not in environment.images:
        pytest.skip("this machine has no buildah to make the image of: docs/own-cluster.md")


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str], cluster: Cluster, namespace: str) -> Service:
    meta = {"name": "buildah-template", "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"Dockerfile": TEMPLATE}})
    reference = {"name": "buildah-template", "key": "Dockerfile"}
    image = {"builder": "Buildah", "buildah": {"systemPackages": [PACKAGE], "dockerfileRef": reference}}
    made = serve("buildah")
    made.apply(models["first"], STAGES, image=image)
    made.wait(lambda found: made.serves(found, models["first"]), 600, "serves with packages of the system")
    return made


@pytest.fixture(scope="module")
def image(service: Service) -> str:
    return str(view.variant(service.read(), "stable")["image"])


def test_the_serving_pod_loads_the_library_and_has_what_the_template_made(
    service: Service, environment: Environment
) -> None:
    revision = view.variant(service.read(), "stable")["revision"]
    (pod,) = service.pods(revision)
    asked = f"import ctypes, os; ctypes.CDLL('{LIBRARY}'); print(open('/opt/template/file').read())"
    asked += "; print(os.environ['SAID_BY_TEMPLATE'])"
    done = subprocess.run(
        [
            environment.kubectl, "--kubeconfig", environment.kubeconfig, "--namespace", service.namespace,
            "exec", pod["metadata"]["name"], "--container", "kserve-container", "--", "python3", "-c", asked,
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["made", "yes"]


def test_inspect_shows_the_package_with_its_version(image: str) -> None:
    inspected = Images().inspect(image)
    name, _, version = inspected["provenance"]["systemPackages"].partition("=")
    assert name == PACKAGE
    assert version[0].isdigit()
    assert inspected["sbom"]["debian"][PACKAGE] == version
    assert inspected["provenance"]["systemBase"] != inspected["provenance"]["base"]


def test_no_step_has_root_or_capabilities_and_restricted_admits_the_pod(
    service: Service, cluster: Cluster, environment: Environment
) -> None:
    jobs = service.builds()  # more than one where the archive did not answer at first
    assert jobs
    pods = [job["spec"]["template"]["spec"] for job in jobs]
    for container in (one for pod in pods for one in (*pod["initContainers"], *pod["containers"])):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert all(pod["securityContext"]["runAsNonRoot"] is True for pod in pods)
    if not environment.seccomp_profile:  # then the namespace must be of the level privileged
        return
    strict, labels = f"{service.namespace}-strict", {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": strict, "labels": labels}})
    try:
        admitted = "its ServiceAccount, without which no pod is admitted"
        kube.wait(lambda: cluster.get("ServiceAccount", "default", strict), lambda _: True, 60, admitted)
        # Nobody schedules it: what is asked is whether it is admitted.
        spec = {**pods[-1], "schedulerName": "nobody"}
        cluster.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "build", "namespace": strict}, "spec": spec}
        )
        assert cluster.get("Pod", "build", strict) is not None
    finally:
        cluster.delete("Namespace", strict)


def test_a_package_that_does_not_exist_is_named_in_the_condition(
    serve: Callable[[str], Service], models: dict[str, str]
) -> None:
    wrong = serve("buildah-wrong")
    image = {"builder": "Buildah", "buildah": {"systemPackages": ["libslipway-does-not-exist"]}}
    wrong.apply(models["first"], STAGES, image=image)
    failed = wrong.wait(
        lambda found: condition(found, "ImageBuilt").get("reason") == "SystemPackageNotFound", 400, "fails in words"
    )
    message = condition(failed, "ImageBuilt")["message"]
    assert "libslipway-does-not-exist" in message
    assert "the end of its log" in message
