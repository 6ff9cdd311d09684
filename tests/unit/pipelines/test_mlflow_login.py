"""MLflow behind a login, by a real server: operator, builder and pipelines get in with one Secret's keys, and say so
without."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from slipway.adapters.mlflow import DENIED, MLflow
from slipway.core.plan import Unavailable
from slipway.runtime.world import ModelVersion
from slipway_pipelines.faults import DataFault
from slipway_pipelines.tracking import Tracking
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.tracking import Tracking as BuildersTracking

from tests.mlflow_server import LOGIN, guarded_mlflow_server

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]
VARIABLES = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with guarded_mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="module")
def version(guarded: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A version that the pipelines have registered, logged in by MLflow's own variables."""
    model = tmp_path_factory.mktemp("model")
    (model / "MLmodel").write_text("flavors: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(VARIABLES, LOGIN, strict=True):
            patch.setenv(name, value)
        tracking = Tracking(guarded, sleep=lambda _: None)
        run = tracking.start("fraud", "first", {"slipway.uid": "u1"})
        tracking.upload(run, model, {"steps": []})
        tracking.end(run, "FINISHED")
        return tracking.register(run, "fraud", {"slipway.uid": "u1", "slipway.evaluation": "passed"})


async def asked(address: str, login: tuple[str, str] | None) -> ModelVersion | Unavailable:
    mlflow = MLflow(address, lambda: 0.0, login=login)
    try:
        return await mlflow.model_version("fraud", "1", None)
    finally:
        await mlflow.close()


def test_the_operator_resolves_a_version(guarded: str, version: str) -> None:
    found = asyncio.run(asked(guarded, LOGIN))
    assert isinstance(found, ModelVersion)
    assert (found.version, found.evaluation) == (version, "passed")


@pytest.mark.parametrize(
    ("login", "hint"), [(None, "set mlflow.secretName"), (("ada", "guess"), "check the Secret's user")]
)
def test_the_operator_says_what_is_missing(guarded: str, login: tuple[str, str] | None, hint: str) -> None:
    found = asyncio.run(asked(guarded, login))
    assert isinstance(found, Unavailable)
    assert found.reason == DENIED
    assert "401" in found.message
    assert hint in found.message


def test_the_builder_fetches_a_model(guarded: str, version: str, tmp_path: Path) -> None:
    tracking = BuildersTracking(guarded, LOGIN)
    (file,) = tracking.files(tracking.directory(f"models:/fraud/{version}"))
    tracking.download(file, tmp_path)
    assert (tmp_path / "MLmodel").read_text() == "flavors: {}\n"


@pytest.mark.parametrize("login", [None, ("ada", "guess")])
def test_the_builder_is_refused_once(guarded: str, login: tuple[str, str] | None) -> None:
    with pytest.raises(BuildFault, match="401") as caught:
        BuildersTracking(guarded, login, pause=pytest.fail).directory("models:/fraud/1")
    assert (caught.value.reason, caught.value.transient) == ("TrackingRefused", False)


def test_the_pipelines_are_refused_once(guarded: str) -> None:
    assert not set(VARIABLES) & os.environ.keys()
    with pytest.raises(DataFault, match="401") as caught:
        Tracking(guarded, sleep=pytest.fail).finished("fraud", "u1")
    assert caught.value.reason == "MLflowRefused"
