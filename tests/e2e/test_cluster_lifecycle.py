"""The embedded cluster's life: found, repaired, shared by clones, taken away. It ends without one: `make lifecycle`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.places import Places, given_kubeconfig
from tests.demo import kube
from tests.demo.kube import Cluster, Object
from tests.demo.settings import Environment
from tests.demo.shell import ROOT
from tests.e2e import machine
from tests.e2e.machine import Process
from tests.e2e.strangers import ROUTER, Strangers, strangers

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        bool(given_kubeconfig(Places.of_environment())), reason="the cluster of KUBECONFIG is not ours to kill"
    ),
]
NAMESPACE = "lifecycle"
HOST = "lifecycle.example.com"
SYSTEM = ("kube-system", "kserve", "envoy-gateway-system", "monitoring", "mlflow")
SMALL = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}


@pytest.fixture(scope="module")
def places(environment: Environment) -> Places:
    return Places.of_environment().of_cluster()


@pytest.fixture(scope="module", autouse=True)
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    """What was there before the cluster goes has to be there afterwards."""
    with strangers(tmp_path_factory.mktemp("stranger")) as present:
        yield present


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project once more, elsewhere on this machine."""
    copy = tmp_path_factory.mktemp("clone") / "project"
    ignored = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache")
    return Path(shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored))


@pytest.fixture(scope="module")
def served(cluster: Cluster, environment: Environment) -> Environment:
    """An InferenceService that answers through the Gateway: a file server, since this is not about models."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for manifest in (inference_service(environment), route(environment)):
        cluster.apply(manifest)
    wait_until_served(environment)
    return environment


def inference_service(environment: Environment) -> Object:
    container = {
        "name": "kserve-container",
        "image": environment.images["base"],
        "command": ["python3", "-m", "http.server", "8080", "--directory", "/tmp"],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "resources": SMALL,
    }
    annotations = {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "none"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "files",
            "namespace": NAMESPACE,
            "annotations": annotations,
            "labels": {"networking.kserve.io/visibility": "cluster-local"},
        },
        "spec": {"predictor": {"minReplicas": 1, "containers": [container]}},
    }


def route(environment: Environment) -> Object:
    parent = {"name": environment.gateway_name, "namespace": environment.gateway_namespace}
    rule = {"backendRefs": [{"name": "files-predictor", "port": 80}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "files", "namespace": NAMESPACE},
        "spec": {"parentRefs": [parent], "hostnames": [HOST], "rules": [rule]},
    }


def wait_until_served(environment: Environment) -> None:
    url = f"http://{environment.gateway_address}:{environment.gateway_port}/"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask() -> Object:
        try:
            with direct.open(urllib.request.Request(url, headers={"Host": HOST}), timeout=5) as answer:
                return {"status": answer.status}
        except urllib.error.HTTPError as error:
            return {"status": error.code}
        except OSError as error:
            return {"status": str(error)}

    kube.wait(ask, lambda found: found["status"] == 200, 240, "the InferenceService answers through the Gateway")


def make(target: str, directory: Path = ROOT) -> subprocess.Popen[str]:
    """A target of a clone's Makefile, as a person types it there."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", target]
    return subprocess.Popen(
        command, cwd=directory, env=clean, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def done(call: subprocess.Popen[str]) -> str:
    output, _ = call.communicate(timeout=900)
    assert call.returncode == 0, output
    return output


def kill(processes: set[Process]) -> None:
    """SIGKILL, to all of them before any can react."""
    for pid, _ in processes:
        with contextlib.suppress(ProcessLookupError):  # a shim whose pod ended just now
            os.kill(pid, signal.SIGKILL)
    kube.wait(
        lambda: {"status": [one for one in processes if machine.alive(one)]},
        lambda found: not found["status"],
        20, "those that were killed are gone", every=0.1,
    )  # fmt: skip


def pods(cluster: Cluster) -> dict[str, int]:
    """Restarts by pod, of what every cluster runs."""
    return {
        pod["metadata"]["uid"]: sum(one["restartCount"] for one in pod["status"].get("containerStatuses", []))
        for namespace in SYSTEM
        for pod in cluster.list("Pod", namespace)
    }


def test_a_second_call_finds_all_and_changes_nothing(cluster: Cluster, places: Places) -> None:
    before, running, described = machine.recorded(places), pods(cluster), places.environment.read_bytes()
    assert {"containerd", "etcd", "kube-apiserver", "kubelet", "registry"} <= before.keys()
    assert all(map(machine.alive, before.values()))
    output = done(make("cluster"))
    assert f"KUBECONFIG={places.kubeconfig}" in output
    assert machine.recorded(places) == before
    assert pods(cluster) == running
    assert places.environment.read_bytes() == described


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "containerd"])
def test_a_killed_process_is_started_again_and_no_other(name: str, served: Environment, places: Places) -> None:
    before = machine.recorded(places)
    kill({before[name]})
    done(make("cluster"))
    after = machine.recorded(places)
    assert all(map(machine.alive, after.values()))
    assert {one for one in before if before[one] != after[one]} == {name}
    wait_until_served(served)


def test_another_clone_uses_the_same_cluster(clone: Path, places: Places) -> None:
    before, described = machine.recorded(places), places.environment.read_bytes()
    output = done(make("cluster", clone))
    assert f"KUBECONFIG={places.kubeconfig}" in output
    assert machine.recorded(places) == before
    assert places.environment.read_bytes() == described


def test_two_clones_at_once_repair_it_once(clone: Path, places: Places) -> None:
    before = machine.recorded(places)
    kill({before["kube-scheduler"], before["kube-proxy"]})
    for call in [make("cluster", directory) for directory in (ROOT, clone)]:
        done(call)
    after = machine.recorded(places)
    assert {one for one in before if before[one] != after[one]} == {"kube-scheduler", "kube-proxy"}
    assert all(machine.twins(one) == {one} for one in after.values()), "one set of processes"


def test_a_neighbouring_network_does_not_reach_pods(served: Environment, cluster: Cluster, others: Strangers) -> None:
    (pod,) = cluster.list("Pod", NAMESPACE)
    address = pod["status"]["podIP"]
    with socket.create_server((ROUTER, 0)) as listener:
        assert others.reach(*listener.getsockname()[:2]), "it reaches the machine"
    with socket.create_connection((address, 8080), timeout=3):
        assert not others.reach(address, 8080)


def test_all_killed_at_once_it_comes_back_with_what_it_served(
    served: Environment, cluster: Cluster, places: Places, others: Strangers
) -> None:
    before, orphans = machine.recorded(places), machine.of_pods()
    kill({*before.values(), *machine.shims(places)})
    assert machine.mounts(places)
    assert machine.ours(machine.rules())
    assert machine.BRIDGE in machine.interfaces()
    assert any(map(machine.alive, orphans)), "processes of pods outlive their shims"
    done(make("cluster"))
    after = machine.recorded(places)
    assert after.keys() == before.keys()
    assert all(map(machine.alive, after.values()))
    wait_until_served(served)
    kube.wait(
        lambda: {"status": [one for one in orphans if machine.alive(one)]},
        lambda found: not found["status"],
        120, "the pods of before are gone: none serves twice",
    )  # fmt: skip
    assert cluster.get("InferenceService", "files", NAMESPACE) is not None, "what etcd held is there"
    assert others.missing() == []


def test_taken_away_it_leaves_nothing_and_takes_nothing_else(clone: Path, places: Places, others: Strangers) -> None:
    processes = {*machine.recorded(places).values(), *machine.shims(places), *machine.of_pods()}
    namespaces = machine.namespaces_of(processes)
    interfaces = machine.interfaces() - {machine.BRIDGE, *machine.ports_of_the_bridge()}
    rules = machine.rules() - machine.ours(machine.rules())
    named = machine.named_namespaces()
    settings = (
        json.loads((places.state / "sysctls.json").read_text()) if (places.state / "sysctls.json").exists() else {}
    )
    made = [Path(path) for path in json.loads((places.state / "made.json").read_text())]
    assert len(namespaces) > 3, "pods have network namespaces of their own"

    done(make("cluster-down", clone))

    assert [one for one in processes if machine.alive(one)] == []
    assert machine.of_pods() | machine.programs(places) == set()
    assert machine.mounts(places) == []
    assert machine.network_namespaces() & namespaces == set()
    assert machine.named_namespaces() == named
    assert machine.interfaces() == interfaces
    assert machine.rules() == rules
    assert "198.18." not in machine.run("ip", "route") + machine.run("ip", "address")
    assert machine.cgroups() == []
    assert not places.state.exists()
    assert {name: (Path("/proc/sys") / name).read_text().strip() for name in settings} == settings
    assert [top for top in made if top.exists() and all(path.is_dir() for path in top.rglob("*"))] == []
    assert others.missing() == []
    assert "there is no cluster" in done(make("cluster-down"))
