"""From a served model back to its run and data; a finished image and a run's model are served; a Secret comes late."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from tests.demo import view
from tests.demo.kube import Cluster, Object, condition
from tests.rows.image import Images
from tests.rows.service import Service, canary

pytestmark = pytest.mark.timeout(1500)

WAIVER = {"waiver": "a test of provenance: the model was evaluated under another name"}
STAGES = [canary(50, seconds=3600)]


@pytest.fixture(scope="module")
def trained(cluster: Cluster, namespace: str, models: dict[str, str]) -> Object:
    """The status of the TrainingRun whose version is served here."""
    found: Object = (cluster.get("TrainingRun", "first", namespace) or {})["status"]
    assert found["version"] == models["first"]
    return found


@pytest.fixture(scope="module")
def image(serve: Callable[[str], Service], trained: Object) -> str:
    """The image of a rollout of that version."""
    return str(view.variant(serve("provenance").create(trained["version"], STAGES), "stable")["image"])


def test_an_image_names_the_run_and_the_data_that_it_comes_from(image: str, trained: Object, namespace: str) -> None:
    provenance = Images().inspect(image)["provenance"]
    assert (provenance["model"], provenance["version"]) == ("phishing-tests", trained["version"])
    assert (provenance["run"], provenance["trainingRun"]) == (trained["runId"], f"{namespace}/first")
    assert (provenance["dataDigest"], provenance["modelDigest"]) == (trained["dataDigest"], trained["modelDigest"])
    assert provenance["flavour"] == "sklearn"


def test_its_bill_of_materials_refers_to_it_and_lists_model_packages_and_base(image: str, trained: Object) -> None:
    images = Images()
    summary = images.inspect(image)["sbom"]
    document = images.document(image, summary["referrer"])
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["version"] == image.partition("@")[2]
    model = next(one for one in document["components"] if one["type"] == "machine-learning-model")
    assert {"name": "slipway:data-digest", "value": trained["dataDigest"]} in model["properties"]
    assert summary["components"]["pypi"] > 20
    assert summary["components"]["deb"] > 20


def test_the_same_image_is_served_without_a_build(image: str, serve: Callable[[str], Service]) -> None:
    digest = image.partition("@")[2]
    service = serve("provenance-image")
    source = {"type": "Image", "image": {"image": image}}
    rollout = service.create(digest[:19], STAGES, model=source, certification=WAIVER)
    stable = view.variant(rollout, "stable")
    assert (stable["image"], stable["digest"]) == (image, digest)
    assert condition(rollout, "Certified")["reason"] == "Waived"
    assert service.builds() == []


def test_a_runs_model_is_built_once_its_secret_is_there(
    trained: Object, serve: Callable[[str], Service], cluster: Cluster, namespace: str
) -> None:
    """The registry asks for no password; what is tested is that the build waits, says for what, and begins."""
    service, uri = serve("provenance-run"), f"runs:/{trained['runId']}/model"
    image = {"pushSecretRef": {"name": "provenance-push"}}
    source = {"type": "Run", "run": {"uri": uri}}
    cluster.delete("Secret", "provenance-push", namespace)
    cluster.apply(service.manifest("", STAGES, model=source, certification=WAIVER, image=image))
    # A kubelet may say first that it could not look yet.
    waiting = service.wait(
        lambda found: '"provenance-push" not found' in condition(found, "ImageBuilt").get("message", ""),
        120, "waits for the Secret",
    )  # fmt: skip
    assert condition(waiting, "ImageBuilt")["reason"] == "WaitingForSettings"
    assert condition(waiting, "Stalled")["status"] == "True"
    login = base64.b64encode(json.dumps({"auths": {}}).encode()).decode()
    meta = {"name": "provenance-push", "namespace": namespace}
    cluster.apply(
        {
            "apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": login},
        }
    )  # fmt: skip
    rollout = service.wait(lambda found: service.serves(found, uri), 300, "the run's model serves")
    stable = view.variant(rollout, "stable")
    assert stable["digest"] == trained["modelDigest"]
    provenance = Images().inspect(stable["image"])["provenance"]
    assert (provenance["run"], "model" in provenance) == (trained["runId"], False)
    (job,) = service.builds()
    assert job["metadata"]["name"].startswith("provenance-run-build-")
    cluster.delete("Secret", "provenance-push", namespace)
