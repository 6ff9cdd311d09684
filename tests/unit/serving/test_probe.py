"""The prober against real servers on loopback: what it finds of good, slow, broken, dead and silent ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from slipway_serving.probe.load import Plan, Taken
from slipway_serving.probe.report import benchmark

from tests.loopback import answering, free_port
from tests.unit.serving.models import Broken, Slow, save_object, save_sklearn
from tests.unit.serving.servers import SOURCES, serving

pytestmark = pytest.mark.long

OPERATOR = Path(__file__).parents[3] / "operator"
QUICK = ("--limit", "p95=5", "--requests", "60", "--seconds", "20", "--concurrency", "2")


def proven(port: int, folder: Path, *arguments: str) -> dict[str, Any]:
    """Runs the prober as its container does, and reads what the kubelet would hand to the operator."""
    said = folder / "said.json"
    environment = {**os.environ, "SLIPWAY_TERMINATION_LOG": str(said), "PYTHONPATH": f"{SOURCES}:{OPERATOR}"}
    command = [sys.executable, "-m", "slipway_serving.probe", "--server", f"127.0.0.1:{port}", "--folder", str(folder)]
    subprocess.run([*command, "--model", "fraud", *arguments], env=environment, check=True, capture_output=True)
    assert len(said.read_bytes()) <= 4096
    found: dict[str, Any] = json.loads(said.read_text())
    return found


def proof_of(model: Path, home: Path, *arguments: str) -> dict[str, Any]:
    folder = home / "proof"
    folder.mkdir()
    with serving(model, home, SLIPWAY_PROOF=str(folder)) as server:
        return proven(server.port, folder, "--ready-seconds", "300", *arguments)  # however busy the machine


def test_a_good_model_is_ready_answers_and_is_timed(tmp_path: Path) -> None:
    found = proof_of(save_sklearn(tmp_path / "model"), tmp_path, *QUICK)["proof"]
    assert found["source"] == "Profile"
    measured = found["benchmark"]
    assert (measured["requests"], measured["failed"], measured["concurrency"]) == (60, 0, 2)
    assert 0 < measured["p50"][0] <= measured["p95"][0] <= measured["p99"][0]
    assert measured["p95"][1] <= measured["p95"][0]
    assert measured["p99"][2] is None, "60 answers bound no 99th percentile from above"
    assert measured["throughput"] > 0


def test_without_a_declared_latency_nothing_is_timed(tmp_path: Path) -> None:
    assert "benchmark" not in proof_of(save_object(tmp_path / "model", Slow(0.0)), tmp_path)["proof"]


def test_a_slow_model_is_not_timed_for_longer_than_it_takes_to_know(tmp_path: Path) -> None:
    limits = ("--limit", "p99=0.05", "--requests", "1000", "--seconds", "60", "--alpha", "0.0167")
    measured = proof_of(save_object(tmp_path / "model", Slow(0.1)), tmp_path, *limits)["proof"]["benchmark"]
    assert measured["requests"] < 100
    assert measured["p99"][1] > 0.05


def test_a_model_that_fails_on_its_row_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    error = proof_of(save_object(tmp_path / "model", Broken(0.0)), tmp_path, *QUICK)["error"]
    assert error["reason"] == "BadAnswer"
    assert "V1" in error["message"]
    assert "500" in error["message"]
    assert "no input example" in error["message"]
    assert "RuntimeError: broken inside" in error["message"]


def test_an_own_example_is_asked_with(tmp_path: Path) -> None:
    model = save_sklearn(tmp_path / "model")
    example = {"dataframe_split": {"columns": ["amount", "country"], "data": [[0.7, "de"]]}}
    (model / "serving_input_example.json").write_text(json.dumps(example))
    with (model / "MLmodel").open("a") as document:
        document.write("\nsaved_input_example_info: {serving_input_path: serving_input_example.json}\n")
    assert proof_of(model, tmp_path)["proof"]["source"] == "Example"
    handed = json.loads((tmp_path / "proof/requests.json").read_text())
    assert handed["v1"] == [{"instances": [{"amount": 0.7, "country": "de"}]}]
    assert handed["v2"][0]["inputs"][1] == {"name": "country", "shape": [1], "datatype": "BYTES", "data": ["de"]}


def test_a_server_that_hands_nothing_over_is_asked_with_zeros_by_its_metadata(tmp_path: Path) -> None:
    with serving(save_sklearn(tmp_path / "model"), tmp_path) as server:
        server.wait(seconds=300)
        found = proven(server.port, tmp_path, *QUICK)["proof"]
    assert (found["source"], found["benchmark"]["failed"]) == ("Metadata", 0)


def test_a_server_that_is_not_there_is_told_after_its_time(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("ImportError: no such thing")
    error = proven(free_port(), tmp_path, "--ready-seconds", "1")["error"]
    assert error["reason"] == "NotReady"
    assert "within 1s" in error["message"]
    assert error["message"].endswith("ImportError: no such thing")


ANSWERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "no predictions": ({"/v1": b'{"answer": 1}'}, "without a list of predictions"),
    "too many": ({"/v1": b'{"predictions": [1, 2]}'}, "2 predictions for 1 instances"),
    "no JSON": ({"/v1": b"<html>"}, "no JSON object"),
    "no outputs": ({"/v1": b'{"predictions": [1]}', "/v2": b"{}"}, "without outputs"),
    "no tensor": ({"/v1": b'{"predictions": [1]}', "/v2": b'{"outputs": [{"name": "a"}]}'}, "no tensor"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_no_client_could_use_is_told(tmp_path: Path, case: str) -> None:
    """A server of the test: ours does not answer so, an image that somebody made may."""
    answers, expected = ANSWERS[case]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer(answers[self.path[:3]])

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    (tmp_path / "requests.json").write_text(
        json.dumps({"source": "Example", "v1": [{"instances": [[1]]}], "v2": [{"inputs": []}]})
    )
    with answering(Handler) as address:
        error = proven(int(address.rpartition(":")[2]), tmp_path)["error"]
    assert error["reason"] == "BadAnswer"
    assert expected in error["message"]


def test_an_answer_that_does_not_come_is_slower_than_any_limit() -> None:
    plan = Plan(1, 100, 10, {0.95: 1.0}, 0.05)
    measured = benchmark(Taken([0.01] * 80 + [float("inf")] * 20, [], 1.0, "no answer: reset"), plan)
    assert measured["p95"] == [None, None, None]
    assert (measured["failed"], measured["throughput"], measured["failure"]) == (20, 80.0, "no answer: reset")
