"""`slipway plan`: sizes and days before a rollout, in process; and its documented call in its own environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from slipway.cli.__main__ import main

from tests.unit.cli.manifests import CANARY, SHADOW, TASK, rollout, text
from tests.unit.cli.sdk import ROOT, slipway

AB = {
    "name": "ab",
    "type": "ABTest",
    "abTest": {"metric": "positive_rate", "effect": {"value": "5%"}, "atMost": "14d"},
    "minDuration": "7d",
}


def plan(tmp_path: Path, *flags: str, stages: list[dict[str, Any]] | None = None) -> int:
    """The exit code for one rollout with a canary and an experiment, and its task."""
    path = tmp_path / "rollout.yaml"
    path.write_text(text(rollout(stages=stages or [SHADOW, CANARY, AB]), TASK))
    return main(["plan", *flags, str(path)])


def test_each_stage_has_its_size_its_days_and_what_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(tmp_path, "--entities-per-day", "5000", "--baseline", "40%") == 0
    canary, ab = capsys.readouterr().out.splitlines()
    assert canary.startswith(
        "card-fraud/canary-5: 1000 entities at 5% take 4 days, minDuration 24h; a share of 40.000%"
    )
    # 4 · (1.96 + 0.84)² · 0.6 / 0.4 / 0.05², and little more for looking all the time
    needed = int(re.findall(r"ab: (\d+) entities", ab)[0])
    assert 18_837 <= needed < 1.06 * 18_837
    assert f"take {needed / 5000:.3g} days" in ab
    assert "by its end after 14d 70000 come and show 2." in ab


def test_a_stage_that_cannot_finish_is_said_and_costs_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(tmp_path, "--entities-per-day", "300", "--baseline", "40%") == 1
    canary, ab = capsys.readouterr().out.splitlines()
    assert "CANNOT" not in canary
    assert ab.startswith("card-fraud/ab: CANNOT FINISH: ")


def test_a_stage_that_is_skipped_takes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skipped = {**AB, "skip": {"reason": "ada: nobody works in August"}}
    assert plan(tmp_path, "--entities-per-day", "5000", stages=[CANARY, skipped]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "card-fraud/ab: is passed over: ada: nobody works in August"


def test_entities_that_only_return_never_suffice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--entities-per-day", "5000", "--population", "15000", "--baseline", "40%")
    assert plan(tmp_path, *flags, stages=[CANARY, AB]) == 1
    canary, ab = capsys.readouterr().out.splitlines()
    assert canary.endswith("CANNOT FINISH: 1000 entities at 5% never come")
    assert "more days than anybody waits" in ab


def test_a_mean_needs_its_deviation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(tmp_path, "--entities-per-day", "500000", "--baseline", "12.5", "--deviation", "30") == 0
    assert "from 12.5" in capsys.readouterr().out
    assert plan(tmp_path, "--entities-per-day", "5000", "--baseline", "12.5") == 2
    assert "a metric that is no share needs --deviation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "say --entities-per-day and --baseline, or --prometheus"),
        (["--entities-per-day", "5"], "an ABTest needs --baseline"),
        (["--entities-per-day", "5", "--baseline", "much"], "'much' is no number"),
        (["--prometheus", "http://127.0.0.1:9"], "Prometheus at http://127.0.0.1:9 did not answer"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], says: str
) -> None:
    assert plan(tmp_path, *flags) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("least", ["15d", "14d"])
def test_a_rollout_that_is_not_legal_is_not_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], least: str
) -> None:
    path = tmp_path / "rollout.yaml"
    path.write_text(text(rollout(stages=[{**AB, "minDuration": least}])))
    assert main(["plan", str(path), "--entities-per-day", "5", "--baseline", "40%"]) == 2
    assert "minDuration must be shorter than abTest.atMost" in capsys.readouterr().err


SUMS = {"clusters": 256, "y": 4000.0, "n": 10_000.0, "nn": 400_000.0, "yy": 66_500.0, "yn": 160_000.0}


class _Prometheus(BaseHTTPRequestHandler):
    """Answers like a server that has scraped stable for two days: the sums of one class, a sketch."""

    def do_GET(self) -> None:
        query = parse_qs(urlparse(self.path).query)["query"][0]
        labels = {"rollout": "team-a/card-fraud", "revision": "aaaa", "traffic": "live", "epoch": "7"}
        result = [{"metric": {**labels, **more}, "value": [0, str(value)]} for more, value in _found(query)]
        body = json.dumps({"data": {"result": result}})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing to tell."""


def _found(query: str) -> list[tuple[dict[str, str], float]]:
    if "min_over_time(timestamp" in query:
        return [({}, 2 * 86_400.0)]
    if "slipway_exposure_register" in query:
        return _sketch(query)
    if "slipway_evidence_cluster_predictions" not in query:
        return []
    part = _part(query)
    return [({"class": "1"} if part in ("y", "yy", "yn") else {}, SUMS[part])]


def _sketch(query: str) -> list[tuple[dict[str, str], float]]:
    """1,500 entities in 1,024 registers: linear counting."""
    return [({}, 787.0 if query.startswith("count") else 300.0)]


def _part(query: str) -> str:
    if query.startswith("count"):
        return "clusters"
    if "* on (" in query:
        return "yn"
    squared, classes = "^ 2" in query, query.startswith("sum by (rollout,revision,traffic,epoch,class)")
    return {(True, True): "yy", (True, False): "nn", (False, True): "y", (False, False): "n"}[squared, classes]


@pytest.fixture
def prometheus() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Prometheus)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_traffic_and_metric_are_read_from_prometheus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prometheus: str
) -> None:
    assert plan(tmp_path, "--prometheus", prometheus) in (0, 1)
    canary, ab = capsys.readouterr().out.splitlines()
    # 1,024 ln(1024 / 237) = 1,498 entities within two days
    assert "1000 entities at 5% take 26.7 days" in canary
    assert "from 0.4 with" in ab


def test_the_documented_call_works_where_the_command_is_installed() -> None:
    (call,) = re.findall(r"^slipway (plan .*)$", (ROOT / "docs" / "abtest.md").read_text(), re.MULTILINE)
    words = call.replace("examples/", f"{ROOT}/examples/").split()
    done = slipway(*words)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "card-fraud-experiment/ab: " in done.stdout
