"""The whole attempt against a real MLflow server on loopback: a database, artifacts through the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway.features.decision import Decision, read_decision

from tests.loopback import free_port
from tests.unit.pipelines.made import COLUMNS, environment, table

pytestmark = [pytest.mark.timeout(180), pytest.mark.long]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts"),
        "--serve-artifacts",
    ]  # fmt: skip
    # Its imports cost 15 s without bytecode, 3 s with: here it may be written, whatever the caller forbids itself.
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "HOME": str(home)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env={**given, **settings}, stdout=log, stderr=log, start_new_session=True)
    try:
        yield _when_up(f"http://127.0.0.1:{port}", server, home / "log")
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def _when_up(address: str, server: subprocess.Popen[bytes], log: Path) -> str:
    import mlflow  # noqa: F401  # seconds of this process, while the other one spends its own
    import slipway_pipelines.train  # noqa: F401

    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                return address
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"MLflow did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "cards.csv"
    table(1200).to_csv(file, index=False)
    return file


def attempt(given: dict[str, str]) -> tuple[int, dict[str, Any]]:
    from slipway_pipelines.train import main

    code = main(given)
    told: dict[str, Any] = json.loads(Path(given["SLIPWAY_TERMINATION_LOG"]).read_text())
    return code, told


@pytest.fixture(scope="module")
def trained(
    tracking: str, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], dict[str, Any]]:
    given = environment(data, tmp_path_factory.mktemp("log") / "told", tracking)
    code, told = attempt(given)
    assert code == 0, told
    return given, told


def client(tracking: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking, tracking)


def test_the_report_says_what_happened(trained: tuple[dict[str, str], dict[str, Any]]) -> None:
    told = trained[1]
    assert told["evaluation"] == "passed"
    assert told["version"] == "1"
    assert [step["name"] for step in told["steps"]] == [
        "start", "acquire", "validate", "split", "train", "evaluate", "log", "register",
    ]  # fmt: skip
    first = told["metrics"][0]
    assert (first["name"], first["split"]) == ("average_precision", "test")
    assert float(first["low"]) < float(first["value"]) < float(first["high"])


def test_the_version_carries_its_tags_and_the_alias(tracking: str, trained: Any) -> None:
    told = trained[1]
    version = client(tracking).get_model_version_by_alias("fraud", "candidate")
    assert version.version == told["version"]
    assert version.run_id == told["runId"]
    assert {key: version.tags[f"slipway.{key}"] for key in ("digest", "evaluation", "run", "task", "uid")} == {
        "digest": told["modelDigest"], "evaluation": "passed", "run": "team/run-1", "task": "fraud", "uid": "u-1",
    }  # fmt: skip


def test_the_run_records_what_repeats_it(tracking: str, trained: Any) -> None:
    run = client(tracking).get_run(trained[1]["runId"])
    assert run.info.status == "FINISHED"
    wanted = {
        "seed": "7", "data.digest": trained[1]["dataDigest"], "data.rows": "1200", "split.train.rows": "840",
        "estimator": "Linear", "estimator__C": "1.0", "features__numeric__impute__strategy": "median",
    }  # fmt: skip
    assert {key: run.data.params.get(key) for key in wanted} == wanted
    assert "test.recall.low" in run.data.metrics
    assert "seconds.train" in run.data.metrics


def test_the_model_loads_without_this_package_and_matches_its_digest(
    tracking: str, trained: Any, tmp_path: Path
) -> None:
    from slipway_pipelines.model_directory import digest

    told = trained[1]
    version = client(tracking).get_model_version("fraud", told["version"])
    directory = Path(client(tracking).download_artifacts(version.run_id, "model", str(tmp_path)))
    assert digest(directory) == told["modelDigest"]
    script = (
        "import sys, json, pandas, mlflow.pyfunc\n"
        f"model = mlflow.pyfunc.load_model({str(directory)!r})\n"
        "row = {'amount': 10.0, 'items': float('nan'), 'country': None}\n"
        "print(json.dumps([model.predict(pandas.DataFrame([row])).tolist(), 'slipway_pipelines' in sys.modules]))\n"
    )
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path, env=plain
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [["0"], False]
    profile = json.loads((directory / "slipway" / "profile.json").read_text())
    assert (profile["rows"], profile["classes"], profile["positive"]) == (840, ["0", "1"], "1")
    decision = (directory / "slipway" / "decision.json").read_text()
    assert read_decision(decision) == Decision(threshold=0.5)
    assert version.tags["slipway.decision"] == json.loads(decision)["digest"]
    assert [feature["name"] for feature in profile["features"]] == list(COLUMNS.features)
    assert profile["predictions"]["rows"] == 180


def test_a_second_pod_of_the_same_run_finds_what_the_first_registered(tracking: str, trained: Any) -> None:
    given, told = trained
    code, again = attempt(given)
    assert code == 0
    assert {key: again[key] for key in ("runId", "version", "modelDigest")} == {
        key: told[key] for key in ("runId", "version", "modelDigest")
    }
    assert len(client(tracking).search_model_versions("name = 'fraud'")) == 1


def test_a_model_that_fails_its_criteria_is_registered_without_the_alias(
    tracking: str, data: Path, tmp_path: Path
) -> None:
    hard = {"criteria": [{"name": "hard", "expression": "recall >= 0.999 at precision >= 0.999"}]}
    spec = {"register": {"model": "hard"}, "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "NaiveBayes"}}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-2", task=hard, spec=spec))
    assert (code, told["evaluation"], told["criteria"][0]["met"]) == (0, "failed", False)
    version = client(tracking).get_model_version("hard", told["version"])
    assert version.tags["slipway.evaluation"] == "failed"
    assert client(tracking).get_registered_model("hard").aliases == {}


def test_the_same_seed_gives_the_same_numbers(tracking: str, data: Path, tmp_path: Path, trained: Any) -> None:
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-3", spec={"register": None}))
    assert (code, told["version"]) == (0, "")
    assert told["metrics"] == trained[1]["metrics"]


def test_bad_data_ends_with_1_and_closes_the_run(tracking: str, data: Path, tmp_path: Path) -> None:
    leak = {"features": [{"name": "colour", "type": "Numeric"}]}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-4", task=leak))
    assert code == 1
    assert (told["error"]["step"], told["error"]["reason"]) == ("validate", "ColumnMissing")
    assert "'colour'" in told["error"]["message"]
    runs = client(tracking).search_runs(
        [client(tracking).get_experiment_by_name("team/fraud").experiment_id], "tags.`slipway.uid` = 'u-4'"
    )
    assert [run.info.status for run in runs] == ["FAILED"]


def test_an_mlflow_that_is_away_ends_with_75(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from slipway_pipelines import tracking as module

    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.5)
    code, told = attempt(environment(data, tmp_path / "told", f"http://127.0.0.1:{free_port()}", "u-5"))
    assert code == 75
    assert (told["error"]["reason"], told["error"]["retryable"]) == ("MLflowUnavailable", True)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"spec": {"trainer": {"type": "Function", "function": {"entrypoint": "a:b"}}}}, "BuiltIn only"),
        ({"spec": {"parameters": {"Q": "1"}}}, "no parameter 'Q'"),
        ({"task": {"criteria": [{"name": "c", "expression": "net_value >= rules.net_value"}]}}, "criterion 'c'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_data_is_read(
    changes: Any, named: str, data: Path, tmp_path: Path
) -> None:
    code, told = attempt(environment(data, tmp_path / "told", "http://127.0.0.1:9", **changes))
    assert code == 1
    assert named in told["error"]["message"]
    assert told["error"]["step"] == "start"
