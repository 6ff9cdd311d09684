"""Row 46: the environment of a model is known: its image says which Python, libraries and digest, and pods run it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.demo import view
from tests.demo.kube import Cluster
from tests.rows.image import Images, Object
from tests.rows.service import Service, canary


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("r46")
    made.create(models["first"], [canary(50)])
    return made


@pytest.fixture(scope="module")
def image(service: Service) -> str:
    return str(view.variant(service.read(), "stable")["image"])


@pytest.fixture(scope="module")
def inspected(image: str) -> Object:
    return Images().inspect(image)


def test_r46_the_image_says_which_python_and_libraries_it_holds(inspected: Object, service: Service) -> None:
    packages = inspected["sbom"]["python"]
    revision = view.variant(service.read(), "stable")["revision"]
    (pod,) = service.pods(revision)
    assert {"bentoml", "numpy", "pandas", "scikit-learn"} <= packages.keys()
    assert all(version[0].isdigit() for version in packages.values())
    assert inspected["provenance"]["python"].startswith("3.")
    assert inspected["provenance"]["lock"].startswith("sha256:")
    assert inspected["provenance"]["base"].startswith("sha256:")
    assert pod["spec"]["containers"][0]["image"].endswith(inspected["digest"])


def test_r46_the_libraries_are_those_that_the_model_was_trained_with(
    inspected: Object, cluster: Cluster, namespace: str
) -> None:
    import mlflow

    from tests.cluster.environment import Environment
    from tests.cluster.places import Places

    run = (cluster.get("TrainingRun", "first", namespace) or {})["status"]["runId"]
    tracking = Environment.load(Places.of_environment().environment).mlflow_host_url
    params = mlflow.MlflowClient(tracking).get_run(run).data.params
    packages = inspected["sbom"]["python"]
    assert {name: packages[name] for name in ("scikit-learn", "numpy", "pandas")} == {
        name: params[f"version.{name}"] for name in ("scikit-learn", "numpy", "pandas")
    }
    assert params["python"].startswith(inspected["provenance"]["python"] + ".")


def test_r46_the_digest_is_the_one_of_the_bytes_that_the_registry_holds(image: str, inspected: Object) -> None:
    digest = "sha256:" + hashlib.sha256(Images().manifest(image)).hexdigest()
    assert digest == inspected["digest"] == image.partition("@")[2]
