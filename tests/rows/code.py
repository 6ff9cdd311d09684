"""A user's repository, served inside the cluster, and a run that trains by its function: made once for a session."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.environment import Environment as ClusterEnvironment
from tests.cluster.places import Places
from tests.demo import kube
from tests.demo.kube import Cluster, Object
from tests.demo.settings import Environment
from tests.git_server import Repository
from tests.rows.fixtures import ROOT
from tests.rows.training import ended

FILES = ROOT / "examples" / "training" / "function"
MANIFEST = ROOT / "examples" / "training" / "function.yaml"
MODEL = "function-tests"
TRAINED = "c-function"
WRONG = "def build(params):\n    return params['no such parameter']\n"
# The image of the pipelines has Dulwich, which serves as it fetches.
SERVER = """
import tarfile
from wsgiref.simple_server import make_server
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain
with tarfile.open("/repository/pages.tar") as packed:
    packed.extractall("/tmp")
make_server("", 8080, make_wsgi_chain(DictBackend({"/pages.git": Repo("/tmp/pages.git")}))).serve_forever()
"""


class Code:
    """The repository on this machine and in the cluster, and the runs of its function."""

    def __init__(self, cluster: Cluster, namespace: str, mlflow: str, work: Repository) -> None:
        self.cluster, self.namespace, self.mlflow, self.work = cluster, namespace, mlflow, work
        self.url = f"http://pages-git.{namespace}.svc/pages.git"
        self.commit = work.git("rev-parse", "HEAD")

    def manifest(self, name: str, git: Mapping[str, Any] | None = None, **spec: Any) -> Object:
        """The example's run, on the data and the repository of this namespace; a field that is None is left out."""
        places = {"phishing-data.demo.svc": f"phishing-data.{self.namespace}.svc"}
        (run,) = kube.manifests(MANIFEST, places)
        run["metadata"] = {"name": name, "namespace": self.namespace}
        run["spec"]["trainer"]["function"]["git"] = {"url": self.url, **(git or {"commit": self.commit})}
        wanted = {**run["spec"], "register": {"model": MODEL}, **spec}
        return {**run, "spec": {name: value for name, value in wanted.items() if value is not None}}

    def ended(self, name: str) -> Object:
        """As `training.ended`."""
        return ended(self.cluster, self.namespace, name)

    def params(self, run: Object) -> Mapping[str, str]:
        """What MLflow keeps of a run."""
        from mlflow import MlflowClient

        found: Mapping[str, str] = MlflowClient(self.mlflow).get_run(run["status"]["runId"]).data.params
        return found

    def file(self, place: Path, run: Object) -> Path:
        """A run as a file."""
        place.write_text(yaml.safe_dump(run))
        return place


@pytest.fixture(scope="session")
def code(
    cluster: Cluster, namespace: str, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Code]:
    """The repository with a pushed commit, its server, and a run of it that is under way."""
    place = tmp_path_factory.mktemp("code")
    work = Repository(place / "work")
    files = {str(path.relative_to(FILES)): path.read_text() for path in FILES.rglob("*.py")}
    work.commit({**files, "pages/wrong.py": WRONG}, "the function")
    work.git("clone", "-q", "--bare", str(work.place), str(place / "pages.git"))
    work.git("remote", "add", "origin", str(place / "pages.git"))
    work.git("push", "-q", "origin", "main")
    work.git("fetch", "-q", "origin")
    for manifest in _server(namespace, environment.images["pipelines"], place):
        cluster.apply(manifest)
    kube.wait(lambda: cluster.get("Pod", "pages-git", namespace), _is_ready, 180, "the Git server's pod")
    mlflow = ClusterEnvironment.load(Places.of_environment().environment).mlflow_host_url
    found = Code(cluster, namespace, mlflow, work)
    cluster.apply(found.manifest(TRAINED))
    yield found
    cluster.delete("TrainingRun", TRAINED, namespace)
    for kind in ("Service", "Pod", "ConfigMap"):
        cluster.delete(kind, "pages-git", namespace)


def _server(namespace: str, image: str, place: Path) -> Iterator[Object]:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(place / "pages.git", "pages.git")
    meta = {"name": "pages-git", "namespace": namespace, "labels": {"app": "pages-git"}}
    content = {"pages.tar": base64.b64encode(packed.getvalue()).decode()}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "binaryData": content}
    confined = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "git", "image": image, "command": ["python3", "-c", SERVER],
        "ports": [{"containerPort": 8080}], "securityContext": confined,
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "repository", "mountPath": "/repository"}, {"name": "tmp", "mountPath": "/tmp"}],
    }  # fmt: skip
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "repository", "configMap": {"name": "pages-git"}}, {"name": "tmp", "emptyDir": {}}],
    }
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    service = {"selector": {"app": "pages-git"}, "ports": [{"port": 80, "targetPort": 8080}]}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service}


def _is_ready(pod: Object) -> bool:
    return kube.condition(pod, "Ready").get("status") == "True"
