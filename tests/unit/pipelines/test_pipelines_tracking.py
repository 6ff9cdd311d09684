"""What is sent to MLflow keeps within its limits, and what it did twice counts once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault
from slipway_pipelines.openings import sketch
from slipway_pipelines.request import TrainingRequest, read_request
from slipway_pipelines.tracking import Tracking

from tests.unit.pipelines.made import environment

EVENTS = sketch(pd.DataFrame({"id": [f"e{number}" for number in range(50)]}), Columns((), (), "y", "id"))


class Server:
    """MLflow as far as a test needs it: batches within its limits, and versions that are numbered."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.made: list[Any] = []
        self.lost_answers = 0
        self.aliases: dict[str, str] = {}

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
        assert len(metrics) <= 1000
        assert len(params) <= 100
        self.batches.append(len(metrics) + len(params))

    def get_run(self, run_id: str) -> Any:
        return SimpleNamespace(info=SimpleNamespace(artifact_uri="mlflow-artifacts:/1"))

    def create_registered_model(self, name: str) -> None:
        pass

    def create_model_version(self, name: str, source: str, run_id: str, tags: Any, await_creation_for: int) -> Any:
        self.made.append(SimpleNamespace(version=str(len(self.made) + 1), tags=tags))
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionError("the answer was lost")
        return self.made[-1]

    def get_registered_model(self, name: str) -> Any:
        return SimpleNamespace(aliases=self.aliases)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self.aliases[alias] = version

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        self.made[int(version) - 1].tags[key] = value

    def search_model_versions(self, query: str, page_token: Any = None) -> Any:
        class Page(list[Any]):
            token = None

        return Page(self.made)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def tracking(server: Server) -> Tracking:
    made = Tracking("http://127.0.0.1:9", sleep=lambda seconds: None)
    made._client = server  # type: ignore[assignment]
    return made


def request(tmp_path: Any, uid: str, reuse: int) -> TrainingRequest:
    spec = {"allow": {"testReuse": reuse}}
    return read_request(environment(tmp_path / "rows.csv", tmp_path / "log", "http://127.0.0.1:9", uid=uid, spec=spec))


def test_more_metrics_than_a_batch_takes_are_sent_in_several(tracking: Tracking, server: Server) -> None:
    tracking.log("run", {f"p{n}": n for n in range(150)}, {f"slice.{n}.recall": 0.5 for n in range(2500)})
    assert server.batches == [1000, 1000, 500, 100, 50]


def test_a_claim_whose_answer_was_lost_counts_once(tmp_path: Any, tracking: Tracking, server: Server) -> None:
    server.lost_answers = 1
    assert tracking.open_test("r1", request(tmp_path, "one", 0), EVENTS) == 1
    assert len(server.made) == 1
    assert tracking.open_test("r2", request(tmp_path, "two", 1), EVENTS) == 2


def test_a_refused_claim_is_withdrawn_and_a_run_that_goes_on_keeps_its_own(
    tmp_path: Any, tracking: Tracking, server: Server
) -> None:
    assert tracking.open_test("r1", request(tmp_path, "one", 0), EVENTS) == 1
    assert tracking.open_test("r1", request(tmp_path, "one", 0), EVENTS) == 1
    with pytest.raises(DataFault, match="opened 1 times before"):
        tracking.open_test("r2", request(tmp_path, "two", 0), EVENTS)
    assert tracking.open_test("r3", request(tmp_path, "three", 1), EVENTS) == 2


def test_an_alias_goes_forward_alone(tracking: Tracking, server: Server) -> None:
    for version in ("9", "10", "9"):
        tracking.set_alias("fraud", "candidate", version)
    assert server.aliases == {"candidate": "10"}
