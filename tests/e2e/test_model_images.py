"""A model version becomes a served, measured pod on the real cluster: built by a restricted Job, pulled by digest."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from slipway_serving.build.modeldirectory import directory_digest

from tests.cluster.environment import Environment
from tests.cluster.places import Places
from tests.cluster.progress import Progress
from tests.cluster.provider import bring_up
from tests.unit.serving.models import save_sklearn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

BUCKET = hashlib.sha256(b"card 7").hexdigest()
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
POD = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}
MOUNTS = [{"name": "tmp", "mountPath": "/tmp"}]
T = TypeVar("T")


def until(read: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first value that is not None."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = read()
        if value is not None:
            return value
        time.sleep(1)
    raise AssertionError(f"after {seconds:.0f} s still no {what}")


@dataclass(frozen=True)
class Version:
    """A registered model version and its files on this machine."""

    name: str
    number: str
    digest: str
    files: Path


@dataclass(frozen=True)
class Namespace:
    """One namespace of level `restricted`, and what a test does in it."""

    cluster: Environment
    name: str

    def kubectl(self, *words: str, manifest: Any = None) -> str:
        command = [self.cluster.kubectl, "--kubeconfig", self.cluster.kubeconfig, "--namespace", self.name, *words]
        content = json.dumps(manifest) if manifest else None
        return subprocess.run(command, input=content, capture_output=True, text=True, check=True, timeout=120).stdout

    def apply(self, manifest: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", manifest=manifest)

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def build(self, version: Version) -> tuple[int, dict[str, Any]]:
        """Runs the builder as a Job; returns its exit code and its report."""
        job = f"build-{uuid.uuid4().hex[:8]}"
        arguments = {
            "model-uri": f"models:/{version.name}/{version.number}",
            "expect-digest": version.digest,
            "repository": f"{self.cluster.registry}/e2e/models",
            "base-image": self.cluster.base_image,
            "tracking-uri": self.cluster.mlflow,
        }
        words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        registry = self.cluster.registry.partition("/")[0]
        container = {
            "name": "build",
            "image": self.cluster.images["builder"],
            "command": ["python3", "-m", "slipway_serving.build"],
            "args": [*words, *(["--plain-http", registry] if self.cluster.registry_plain_http else [])],
            "env": [{"name": "HOME", "value": "/tmp"}],
            "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
            "securityContext": RESTRICTED,
            "volumeMounts": MOUNTS,
        }
        template = {"spec": {**POD, "restartPolicy": "Never", "containers": [container]}}
        spec = {"backoffLimit": 0, "template": template}
        self.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job}, "spec": spec})
        ended = until(lambda: self._ended(job), 300, f"end of Job {job}")
        return ended["exitCode"], json.loads(ended["message"])

    def _ended(self, job: str) -> dict[str, Any] | None:
        for pod in self.get("pods", "-l", f"job-name={job}")["items"]:
            for status in pod["status"].get("containerStatuses", []):
                terminated: dict[str, Any] | None = status["state"].get("terminated")
                return terminated
        return None

    def serve(self, name: str, image: str, revision: str) -> str:
        """Serves an image by an InferenceService; returns its address once it is Ready."""
        ours = {"ROLLOUT": f"{self.name}/fraud", "REVISION": revision, "VERSION": "1", "MODEL_NAME": "fraud"}
        container = {
            "name": "kserve-container",
            "image": image,
            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": f"SLIPWAY_{key}", "value": value} for key, value in ours.items()],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
            "startupProbe": {"httpGet": {"path": "/livez", "port": 8080}, "periodSeconds": 1, "failureThreshold": 180},
            "resources": {"requests": {"cpu": "20m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
            "securityContext": RESTRICTED,
            "volumeMounts": MOUNTS,
        }
        scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/metrics"}
        metadata = {
            "name": name,
            "labels": {"networking.kserve.io/visibility": "cluster-local"},
            "annotations": {"serving.kserve.io/autoscalerClass": "none", **scraped},
        }
        spec = {"predictor": {**POD, "minReplicas": 1, "containers": [container]}}
        kind = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"}
        self.apply({**kind, "metadata": metadata, "spec": spec})
        until(lambda: self._ready(name), 180, f"Ready of InferenceService {name}")
        address = str(self.get("service", f"{name}-predictor")["spec"]["clusterIP"])
        # A busy node has a Service's rules some seconds after its pods are ready, and refuses until then.
        until(lambda: accepts(address), 180, f"a connection to {address}")
        return address

    def _ready(self, name: str) -> bool | None:
        conditions = self.get("inferenceservice", name).get("status", {}).get("conditions", [])
        return True if {"Ready"} <= {one["type"] for one in conditions if one["status"] == "True"} else None

    def query(self, expression: str) -> float | None:
        """The one value of an instant query, None where there is none."""
        words = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.cluster.prometheus_host_url}/api/v1/query?{words}", timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else None


def accepts(address: str) -> bool | None:
    """True once somebody listens, for `until`."""
    try:
        with socket.create_connection((address, 80), timeout=5):
            return True
    except OSError:
        return None


def ask(address: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """Status, answer and headers of a prediction."""
    request = urllib.request.Request(
        f"http://{address}/v1/models/fraud:predict", json.dumps(body).encode(), {**(headers or {})}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused), refused.headers


@pytest.fixture(scope="module")
def infrastructure() -> Environment:
    """The cluster without Slipway: an image is built and served by hand here."""
    return bring_up(Places.of_environment(), Progress())


@pytest.fixture(scope="module")
def namespace(infrastructure: Environment) -> Iterator[Namespace]:
    one = Namespace(infrastructure, f"e2e-images-{uuid.uuid4().hex[:6]}")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    one.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one.name, "labels": labels}})
    yield one
    one.kubectl("delete", "namespace", one.name, "--wait=false")


@pytest.fixture(scope="module")
def version(infrastructure: Environment, tmp_path_factory: pytest.TempPathFactory) -> Version:
    from mlflow import MlflowClient

    files = save_sklearn(tmp_path_factory.mktemp("model") / "model")
    name = f"e2e-{uuid.uuid4().hex[:6]}"
    client = MlflowClient(infrastructure.mlflow_host_url)
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(files), "model")
    client.create_registered_model(name)
    made = client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    return Version(name, str(made.version), directory_digest(files), files)


@pytest.fixture(scope="module")
def built(namespace: Namespace, version: Version) -> dict[str, Any]:
    code, report = namespace.build(version)
    assert (code, report.get("error")) == (0, None)
    return report


def test_the_image_is_pinned_and_not_built_twice(namespace: Namespace, version: Version, built: dict[str, Any]) -> None:
    assert built["modelDigest"] == version.digest
    assert "@sha256:" in built["image"]
    code, again = namespace.build(version)
    assert (code, again["image"], again["reused"]) == (0, built["image"], True)
    assert again["dependencies"] == built["dependencies"]


def test_an_unknown_version_ends_the_job_in_words(namespace: Namespace, version: Version) -> None:
    code, report = namespace.build(replace(version, number="999", digest="sha256:" + "0" * 64))
    assert (code, report["error"]["step"], report["error"]["reason"]) == (1, "resolve", "ModelVersionNotFound")
    assert "999" in report["error"]["message"]


def test_the_served_model_answers_as_offline_and_is_measured(
    namespace: Namespace, version: Version, built: dict[str, Any]
) -> None:
    import mlflow.sklearn
    import pandas as pd

    address = namespace.serve("fraud-r1", built["image"], "r1")
    rows = [{"amount": share / 20, "country": country} for share in range(20) for country in ("it", "de")]
    headers = {"x-slipway-revision": "r1", "x-slipway-assignment": "3.17", "x-slipway-bucket": BUCKET}
    status, answer, named = ask(address, {"instances": rows}, headers)
    offline = mlflow.sklearn.load_model(str(version.files)).predict(pd.DataFrame(rows)).tolist()
    assert (status, answer["predictions"], named["x-slipway-revision"]) == (200, offline, "r1")
    assert ask(address, {"instances": rows[:1]}, {**headers, "x-slipway-revision": "r2"})[0] == 200
    status, refused, _ = ask(address, {"instances": [{"amount": "much", "country": "it"}]})
    assert (status, refused["field"]) == (400, "amount")

    own = f'rollout="{namespace.name}/fraud",revision="r1"'
    counted = f'{own},traffic="live",epoch="17"'
    expected = {
        f'slipway_evidence_requests{{{counted},assigned="true",code="2xx"}}': 1,
        f'slipway_requests_total{{{own},traffic="shadow",code="2xx"}}': 1,
        f'slipway_requests_total{{{own},traffic="direct",code="4xx"}}': 1,
        f'slipway_evidence_predictions{{{counted},class="1"}}': offline.count(1),
    }
    # A scrape may come between two of the requests.
    for query, value in expected.items():
        until(lambda query=query, value=value: namespace.query(query) == value or None, 180, f"{value} of {query}")


def test_a_model_that_cannot_load_shows_its_log(namespace: Namespace, built: dict[str, Any]) -> None:
    """An image whose process dies at start: here one whose model is elsewhere than it is told."""
    container = {
        "name": "model",
        "image": built["image"],
        "env": [{"name": "SLIPWAY_MODEL", "value": "/opt/slipway/nothing"}],
        "securityContext": RESTRICTED,
        "volumeMounts": MOUNTS,
    }
    spec = {**POD, "restartPolicy": "Never", "containers": [container]}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "broken"}, "spec": spec})

    def exit_code() -> int | None:
        statuses = namespace.get("pod", "broken")["status"].get("containerStatuses", [])
        ended = statuses[0]["state"].get("terminated") if statuses else None
        return ended["exitCode"] if ended else None

    assert until(exit_code, 300, "end of a broken model") == 70
    assert "does not load" in namespace.kubectl("logs", "broken")
