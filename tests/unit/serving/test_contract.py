"""Every clause of the contract: kept by our own server and by the example, and each bad server is caught on its own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from slipway_serving.probe.contract import start, stopping
from slipway_serving.probe.contract.clauses import CLAUSES, JUDGE, LOG, SERVE, Finding
from slipway_serving.probe.contract.run import conforms, examine
from slipway_serving.probe.contract.stopping import LocalProcess
from slipway_serving.probe.contract.subject import Asked, Skip

from tests.unit.serving.faulty import (
    Answers,
    DirectIsLive,
    FailsOnceAfterLarge,
    Fault,
    LargeTaken,
    Metrics,
    Refusals,
    behind,
    body,
    header,
    status,
)
from tests.unit.serving.models import Slow, save_object, save_sklearn
from tests.unit.serving.servers import Served, example, serving

pytestmark = pytest.mark.long

PREDICTS = r":predict|/infer"
FAULTS: Mapping[str, Fault] = {
    "ready": Answers("^/readyz$", status(503)),
    "ready-waits": Answers(":predict", status(503), range(3)),
    "live": Answers("^/livez$", status(500)),
    "metadata": Answers(r"^/v2/models/\w+$", body({"name": "model"})),
    "predict-v1": Answers(":predict", body({"predictions": []})),
    "predict-v2": Answers("/infer", body({"outputs": [{"name": "predict"}]})),
    "revision-header": Answers(PREDICTS, header("x-slipway-revision", "")),
    "prediction-id": Answers(PREDICTS, header("x-slipway-prediction-id", "1")),
    "bad-json": Refusals(rb'\{"instances": \[', status(500)),
    "bad-member": Refusals(rb"\{\}", body({"error": "bad request"})),
    "bad-type": Refusals(rb".*not.*a value.*", body({"error": "bad request"})),
    "body-bound": LargeTaken(),
    "survives": FailsOnceAfterLarge(),
    "metrics": Metrics("# HELP slipway_serving_info.*", "<html>"),
    "info": Metrics("slipway_serving_info.*"),
    "series-at-zero": Metrics('slipway_requests_total.*"shadow",code="5xx".*'),
    "live-counts": Metrics('(slipway_requests_total.*"live",code="2xx".*) .*', r"\1 0"),
    "shadow-counts": Metrics('(slipway_requests_total.*"shadow",code="2xx".*) .*', r"\1 0"),
    "direct-counts": DirectIsLive(),
    "refused-counts": Metrics('(slipway_requests_total.*"live",code="4xx".*) .*', r"\1 0"),
    "latency": Metrics("slipway_evidence_duration_bucket.*"),
    "classes": Metrics("(slipway_evidence_predictions.*) .*", r"\1 0"),
    "evidence": Metrics("(slipway_evidence_requests.*) .*", r"\1 0"),
    "clusters": Metrics('(slipway_evidence_cluster_requests.*cluster=)"..(.*)', r'\1"xx\2'),
    "exposures": Metrics("(slipway_exposure_register.*) .*", r"\1 0"),
    "log-counts": Metrics("slipway_prediction_log_dropped_total.*"),
}


def log_variable(home: Path, store: Path | None = None) -> str:
    """A log that is written to `store`, below `home` where nobody looks at it."""
    place = {"uri": f"file://{store or home / 'log'}", "spool": str(home / "spool")}
    return json.dumps({**place, "rotateSeconds": 60, "rotateBytes": 1 << 20, "spoolBytes": 1 << 24})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Our own server, with a log."""
    home = tmp_path_factory.mktemp("server")
    variable = log_variable(home)
    with serving(save_sklearn(home / "model"), home, SLIPWAY_PREDICTION_LOG=variable) as one:
        one.wait(seconds=300)
        yield one


def tried(port: int, ready_seconds: float = 300, **more: object) -> dict[str, Finding]:
    asked = Asked("127.0.0.1", port, "fraud", ready_seconds=ready_seconds, **more)  # type: ignore[arg-type]
    return {finding.clause: finding for finding in examine(asked, lambda _: None)}


def failed(found: Mapping[str, Finding]) -> dict[str, str]:
    return {name: finding.message for name, finding in found.items() if finding.outcome == "fail"}


@pytest.mark.parametrize("clause", FAULTS)
def test_a_server_that_breaks_one_clause_is_caught_on_that_one(
    server: Served, clause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_LATE_SECONDS", 2.0)
    with behind(server.port, FAULTS[clause]) as port:
        found = tried(port, ready_seconds=1 if clause == "ready" else 60, log=tmp_path)
    assert list(failed(found)) == [clause], failed(found)
    for name, finding in found.items():
        if finding.outcome == "skipped":
            assert finding.message, name


def test_nothing_is_caught_through_a_proxy_that_breaks_nothing(server: Served, tmp_path: Path) -> None:
    with behind(server.port, Fault()) as port:
        found = tried(port, log=tmp_path)
    assert failed(found) == {}
    skipped = {name for name, finding in found.items() if finding.outcome == "skipped"}
    assert skipped == {"ready-waits", "confined", "stop", "stop-ends", "log-rows"}


def test_our_own_server_keeps_every_clause_from_its_start_to_its_end(tmp_path: Path) -> None:
    store = tmp_path / "store"
    variables = {"SLIPWAY_PREDICTION_LOG": log_variable(tmp_path, store), "SLIPWAY_LATENCY_EDGES": "0.123"}
    with serving(save_sklearn(tmp_path / "model"), tmp_path, **variables) as one:
        found = tried(
            one.port, revision="r1", rollout="shop/fraud", latency_edge="0.123", confined=True,
            process=LocalProcess(one.process.pid), log=store,
        )  # fmt: skip
        assert one.process.wait(20) == 0
    assert set(found) == set(CLAUSES)
    assert {name: finding for name, finding in found.items() if finding.outcome != "ok"} == {}


def test_what_it_was_started_with_must_come_back(server: Served) -> None:
    found = tried(server.port, revision="r2", rollout="shop/fraud")
    assert set(failed(found)) == {"revision-header", "info"}
    assert "'r1'" in found["info"].message


class Killed(LocalProcess):
    """A server that ends at once."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.killed = pid

    def terminate(self) -> None:
        os.kill(self.killed, signal.SIGKILL)


class Deaf(LocalProcess):
    """A server that does not hear SIGTERM."""

    def terminate(self) -> None:
        pass


class Forgetful(LocalProcess):
    """A server whose last file does not reach the store."""

    def __init__(self, pid: int, store: Path) -> None:
        super().__init__(pid)
        self._store = store

    def ended(self) -> bool:
        gone = super().ended()
        if gone:
            sorted(self._store.rglob("*.parquet"))[-1].unlink()
        return gone


@pytest.mark.parametrize("clause", ["stop", "stop-ends", "log-rows"])
def test_a_server_that_ends_badly_is_caught_on_that(
    tmp_path: Path, clause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_END_SECONDS", 10.0 if clause != "stop-ends" else 0.5)
    store = tmp_path / "store"
    more = {"SLIPWAY_PREDICTION_LOG": log_variable(tmp_path, store)} if clause == "log-rows" else {}
    with serving(save_object(tmp_path / "model", Slow(0.0)), tmp_path, **more) as one:
        one.wait(seconds=300)
        pid = one.process.pid
        process = {"stop": Killed(pid), "stop-ends": Deaf(pid), "log-rows": Forgetful(pid, store)}[clause]
        found = tried(one.port, process=process, log=store if more else None)
    assert list(failed(found)) == [clause], failed(found)


def test_the_example_keeps_what_an_image_needs_to_be_served(tmp_path: Path) -> None:
    with example(tmp_path) as one:
        found = tried(one.port, revision="r1", process=LocalProcess(one.process.pid))
    served = {name: finding for name, finding in found.items() if CLAUSES[name].part == SERVE}
    assert {name: each for name, each in served.items() if each.outcome != "ok"}.keys() <= {"confined"}
    assert list(failed(found)) == ["metrics"], "what gates need is not in it"
    assert CLAUSES["metrics"].part == JUDGE


def test_clauses_are_in_an_order_in_which_they_can_be_tried() -> None:
    seen: set[str] = set()
    for clause in CLAUSES.values():
        assert set(clause.needs) <= seen, clause.id
        seen.add(clause.id)
    assert {clause.part for clause in CLAUSES.values()} == {SERVE, JUDGE, LOG}
    assert not conforms([Finding("ready", "ok"), Finding("stop", "fail")])


def test_the_servers_process_is_the_one_without_a_parent_that_is_neither_the_pods_nor_ours(tmp_path: Path) -> None:
    own = os.getpid()
    parents = {1: 0, own: own + 1, own + 1: 0, own + 7: 0, own + 8: own + 7}
    for pid, parent in parents.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (b) c) S {parent} 1 1")
    assert stopping.neighbour(tmp_path).pid == own + 7
    (tmp_path / str(own + 9)).mkdir()
    (tmp_path / str(own + 9) / "stat").write_text(f"{own + 9} (other) S 0 1 1")
    with pytest.raises(Skip, match="2 processes"):
        stopping.neighbour(tmp_path)
