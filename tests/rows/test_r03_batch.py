"""Row 3: a batch is scored by a Job and not by a service; a killed pod resumes; the offline predictions agree."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cluster.environment import Environment as Found
from tests.cluster.places import Places, given_kubeconfig
from tests.demo import data, kube
from tests.demo.data import Row
from tests.demo.kube import Cluster, Object, condition
from tests.demo.settings import Environment
from tests.rows.fixtures import EXAMPLES
from tests.rows.service import GROUP, SMALL

NAME, CLAIM, ROWS, PART = "r03", "r03-data", 100_000, 2000

pytestmark = pytest.mark.skipif(
    bool(given_kubeconfig(Places.of_environment())), reason="the volume is a directory of this machine"
)


@dataclass(frozen=True)
class Batch:
    """A rollout that scores by hand, and the volume as this machine sees it."""

    cluster: Cluster
    environment: Environment
    namespace: str
    volume: Path

    def read(self) -> Object:
        return self.cluster.get("ModelRollout", NAME, self.namespace) or {}

    def wait(self, done: Any, seconds: float, what: str) -> Object:
        return kube.wait(lambda: self.read() or None, done, seconds, f"{self.namespace}/{NAME}: {what}", every=0.5)

    def start(self, job: str) -> None:
        """What a person types."""
        command = [self.environment.kubectl, "--kubeconfig", self.environment.kubeconfig, "-n", self.namespace]
        subprocess.run(
            [*command, "create", "job", f"--from=cronjob/{NAME}-scoring", job], check=True, capture_output=True
        )

    def pods(self, job: str) -> list[Object]:
        return self.cluster.list("Pod", self.namespace, f"batch.kubernetes.io/job-name={job}")

    def parts(self) -> dict[str, bytes]:
        """The parts that stand."""
        return {path.name: path.read_bytes() for path in sorted(self.volume.glob("scores/*/part-*.parquet"))}


def volume_of(path: Path, namespace: str) -> list[Object]:
    """A directory of this machine, which is the node, as a claim of the namespace."""
    name = f"{namespace}-{CLAIM}"
    size = {"storage": "1Gi"}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": str(path), "type": "Directory"},
                "claimRef": {"namespace": namespace, "name": CLAIM},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "volumeName": name,
                "resources": {"requests": size},
            },
        },
    ]


def task(namespace: str) -> Object:
    """The task of the quickstart, scored from files on the volume."""
    (manifest,) = kube.manifests(EXAMPLES / "task.yaml", {})
    manifest["metadata"] = {"name": NAME, "namespace": namespace}
    batch = {
        "input": {"uri": "file:///data/to-score/*.parquet"},
        "output": {"uri": "file:///data/scores"},
        "volume": {"persistentVolumeClaim": {"claimName": CLAIM}},
        "rowsPerPart": PART,
    }
    manifest["spec"]["serving"] = {"mode": "Batch", "batch": batch}
    return manifest


def rollout(namespace: str, version: str) -> Object:
    return {
        "apiVersion": GROUP,
        "kind": "ModelRollout",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "taskRef": {"name": NAME},
            "model": {"type": "MLflow", "mlflow": {"name": "phishing-tests", "version": version}},
            "predictor": {"resources": SMALL},
            "stages": [],
        },
    }


def to_score(rows: tuple[Row, ...]) -> pa.Table:
    """Real rows, again and again, each with a number of its own."""
    repeated = [rows[index % len(rows)] for index in range(ROWS)]
    columns: dict[str, Any] = {"page": [f"page-{index}" for index in range(ROWS)]}
    columns |= {name: [row.features[place] for row in repeated] for place, name in enumerate(data.FEATURES)}
    return pa.table(columns)


@pytest.fixture(scope="module")
def batch(
    cluster: Cluster,
    environment: Environment,
    namespace: str,
    models: dict[str, str],
    rows: tuple[Row, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Batch]:
    """The first model scores, by hand."""
    path = tmp_path_factory.mktemp("r03")
    path.chmod(0o777)  # a directory of the host is nobody's to own for the pods' user
    (path / "to-score").mkdir()
    table = to_score(rows)
    for number in (0, 1):
        half = table.slice(number * ROWS // 2, ROWS // 2)
        pq.write_table(half, path / "to-score" / f"{number}.parquet", row_group_size=7000)
    for manifest in (*volume_of(path, namespace), task(namespace), rollout(namespace, models["first"])):
        cluster.apply(manifest)
    made = Batch(cluster, environment, namespace, path)
    made.wait(lambda found: condition(found, "Ready").get("status") == "True", 600, "its first version scores")
    yield made
    cluster.delete("ModelRollout", NAME, namespace)
    cluster.delete("ModelTask", NAME, namespace)
    cluster.delete("PersistentVolumeClaim", CLAIM, namespace)
    cluster.delete("PersistentVolume", f"{namespace}-{CLAIM}")


def offline(version: str, table: pa.Table) -> list[float]:
    """The positive class's probability of every row, by MLflow and the model's own library."""
    from mlflow import MlflowClient, sklearn
    from mlflow.artifacts import download_artifacts

    tracking = Found.load(Places.of_environment().environment).mlflow_host_url
    source = MlflowClient(tracking, tracking).get_model_version_download_uri("phishing-tests", version)
    directory = download_artifacts(source, tracking_uri=tracking)
    model = sklearn.load_model(directory)
    positive = [str(name) for name in model.classes_].index("1")
    scores: list[float] = model.predict_proba(table.select(data.FEATURES).to_pandas())[:, positive].tolist()
    return scores


def assert_scores_by_job_alone(batch: Batch, version: str) -> str:
    """A suspended CronJob stands where a service would, and nothing is scored yet; returns the stable revision."""
    found = batch.read()
    (stable,) = found["status"]["variants"]
    assert (stable["name"], stable["version"]) == ("stable", version)
    assert "by hand" in condition(found, "Ready")["message"]
    proven = condition(found, "ModelProven")
    assert (proven["status"], proven["reason"]) == ("True", "Answers"), proven
    cron_job = batch.cluster.get("CronJob", f"{NAME}-scoring", batch.namespace) or {}
    assert cron_job["spec"]["suspend"] is True
    services = batch.cluster.list("InferenceService", batch.namespace, f"slipway.dev/rollout={NAME}")
    assert (services, batch.cluster.get("HTTPRoute", NAME, batch.namespace)) == ([], None)
    assert batch.parts() == {}, "the trial has written something"
    return str(stable["revision"])


def killed_on_its_way(batch: Batch, job: str) -> tuple[str, dict[str, bytes]]:
    """The uid of the Job's first pod, and the parts that stood once it was gone."""
    # All that can be asked before is: nothing but the deletion stands between its third part and its end.
    begun = kube.wait(lambda: {"pods": batch.pods(job)}, lambda found: bool(found["pods"]), 180, "a pod scores")
    (first,) = begun["pods"]
    deadline = time.monotonic() + 180
    while len(batch.parts()) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    batch.cluster.delete("Pod", first["metadata"]["name"], batch.namespace, grace=0)
    stood = batch.parts()
    assert 3 <= len(stood) < ROWS // PART, "the pod was not killed on its way"
    return first["metadata"]["uid"], stood


def assert_agrees_offline(batch: Batch, version: str, revision: str, given: pa.Table) -> None:
    """What was written has every row once, in its order, with the probability that the model gives without us."""
    table = pa.concat_tables(pq.read_table(path) for path in sorted(batch.volume.glob("scores/*/part-*.parquet")))
    assert table["page"].to_pylist() == given["page"].to_pylist()
    scores = table["score"].to_pylist()
    assert scores == pytest.approx(offline(version, given), abs=1e-9)
    threshold = table["threshold"][0].as_py()
    assert table["answer"].to_pylist() == ["1" if score >= threshold else "0" for score in scores]
    assert set(table["revision"].to_pylist()) == {revision}


def test_r03_a_batch_is_scored_by_a_job_that_resumes_and_agrees_with_offline_predictions(
    batch: Batch, models: dict[str, str], rows: tuple[Row, ...]
) -> None:
    revision = assert_scores_by_job_alone(batch, models["first"])
    batch.start("r03-now")
    first, stood = killed_on_its_way(batch, "r03-now")

    def ended(found: Object) -> bool:
        return bool(found["status"].get("batch", {}).get("lastRun") == "r03-now")

    status = batch.wait(ended, 300, "the Job ended")["status"]
    said = status["batch"]
    assert (said["outcome"], said["rows"], said["revision"]) == ("Succeeded", ROWS, revision), said
    assert (said.get("badRecords", 0), condition({"status": status}, "BatchScored")["status"]) == (0, "True")
    assert [pod for pod in batch.pods("r03-now") if pod["metadata"]["uid"] != first]
    after = batch.parts()
    assert len(after) == ROWS // PART
    # The last of those that stood may have been written after the pod was told to go: all are whole, and none changed.
    assert stood.items() <= after.items()
    assert_agrees_offline(batch, models["first"], revision, to_score(rows))


def test_r03_a_missing_claim_is_told_by_its_name(batch: Batch, models: dict[str, str]) -> None:
    name = "r03-lost"
    for manifest in (task(batch.namespace), rollout(batch.namespace, models["first"])):
        manifest["metadata"]["name"] = name
        if manifest["kind"] == "ModelTask":
            manifest["spec"]["serving"]["batch"]["volume"]["persistentVolumeClaim"]["claimName"] = "nowhere"
        else:
            manifest["spec"]["taskRef"]["name"] = name
        batch.cluster.apply(manifest)
    try:
        found = kube.wait(
            lambda: batch.cluster.get("ModelRollout", name, batch.namespace),
            lambda found: condition(found, "Stalled").get("reason") == "ClaimNotFound",
            180, "the missing claim is told",
        )  # fmt: skip
        assert "PersistentVolumeClaim nowhere does not exist" in condition(found, "Stalled")["message"]
    finally:
        batch.cluster.delete("ModelRollout", name, batch.namespace)
        batch.cluster.delete("ModelTask", name, batch.namespace)
