"""The whole attempt against a real MLflow server on loopback: a database, artifacts through the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway.api.v1alpha1.fingerprints import DEFINITIONS_TAG, INPUTS_TAG, Fingerprints, Inputs
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.features.decision import Decision, read_decision
from slipway.features.definitions import FORMAT, definitions
from slipway.features.tags import of_tags

from tests.loopback import free_port
from tests.mlflow_server import mlflow_server
from tests.unit.pipelines.made import COLUMNS, environment, table, task

RULES = {"type": "BuiltIn", "builtIn": {"estimator": "Rules"}}
pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        import mlflow  # noqa: F401  # before the first attempt, whose seconds are looked at
        import slipway_pipelines.train  # noqa: F401

        yield address


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
        "start", "acquire", "validate", "deduplicate", "features", "labels", "split", "inspect", "report", "reference",
        "tune", "train", "evaluate", "log", "register",
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


def test_run_and_version_carry_the_definitions_and_the_columns(tracking: str, trained: Any) -> None:
    run, version = client(tracking).get_run(trained[1]["runId"]), client(tracking).get_model_version("fraud", "1")
    recorded = Inputs.model_validate_json(of_tags(INPUTS_TAG, run.data.tags))
    carried = Fingerprints.model_validate_json(of_tags(DEFINITIONS_TAG, version.tags))
    present = {one.name: one.digest for one in definitions(ModelTaskSpec.model_validate(task()))}
    assert (carried.format, carried.digests) == (FORMAT, present)
    assert {one.name: one.digest for one in recorded.features} == present
    assert [(one.name, one.type, one.rows) for one in recorded.columns] == [
        ("amount", "Fraction", 840), ("items", "Whole", 840), ("country", "Text", 840),
    ]  # fmt: skip
    assert float(recorded.columns[1].missing) == pytest.approx(0.05, abs=0.02)
    assert len(recorded.columns[0].edges) == 10


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


def elsewhere(script: str, directory: Path) -> str:
    """The last line that a script prints where none of our packages can be imported."""
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=directory, env=plain
    )
    return done.stdout.splitlines()[-1]


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
    assert json.loads(elsewhere(script, tmp_path)) == [["0"], False]
    profile = json.loads((directory / "slipway" / "profile.json").read_text())
    assert (profile["rows"], profile["classes"], profile["positive"]) == (840, ["0", "1"], "1")
    decision = (directory / "slipway" / "decision.json").read_text()
    assert read_decision(decision) == Decision(threshold=0.5)
    assert version.tags["slipway.decision"] == json.loads(decision)["digest"]
    assert [feature["name"] for feature in profile["features"]] == list(COLUMNS.features)
    assert profile["predictions"]["rows"] == 180


def test_the_data_report_is_among_the_artifacts(tracking: str, trained: Any, tmp_path: Path) -> None:
    directory = client(tracking).download_artifacts(trained[1]["runId"], "data", str(tmp_path))
    report = json.loads(Path(directory, "report.json").read_text())
    assert [part["rows"] for part in report["splits"]] == [840, 180, 180]
    assert report["digest"] == trained[1]["dataDigest"]
    assert "average_precision" in Path(directory, "report.html").read_text()
    run = client(tracking).get_run(trained[1]["runId"])
    assert run.data.metrics["data.test.novel_rows"] == 180


def test_a_model_with_expressions_is_asked_for_raw_features_and_loads_by_itself(
    tracking: str, data: Path, tmp_path: Path
) -> None:
    features = [
        {"name": "amount", "type": "Numeric"}, {"name": "items", "type": "Numeric"},
        {"name": "per_item", "expression": "amount / items"},
    ]  # fmt: skip
    spec = {"register": {"model": "expressions"}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-7", task={"features": features}, spec=spec))
    assert code == 0, told
    directory = client(tracking).download_artifacts(told["runId"], "model", str(tmp_path))
    script = (
        "import pandas, mlflow.pyfunc\n"
        f"model = mlflow.pyfunc.load_model({directory!r})\n"
        "assert model.metadata.get_input_schema().input_names() == ['amount', 'items']\n"
        "print(model.predict(pandas.DataFrame({'amount': [10.0], 'items': [0.0]})).tolist())\n"
    )
    assert elsewhere(script, tmp_path) == "['0']"


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
    hard = {"criteria": [{"name": "hard", "expression": "roc_auc >= 0.99"}]}
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
        ({"spec": {"trainer": {"type": "Image", "image": {"image": "a"}}}}, "BuiltIn and Function only"),
        ({"spec": {"parameters": {"Q": "1"}}}, "no parameter 'Q'"),
        ({"task": {"criteria": [{"name": "c", "expression": "net_value >= rules.net_value"}]}}, "value is required"),
        ({"task": {"metrics": {"primary": "net_value"}}}, "value is required"),
        ({"spec": {"trainer": RULES}}, "the task needs spec.rules with serve: Hybrid"),
        ({"task": {"slices": {"columns": ["country"], "worst": "lift >= 2"}}}, "criterion 'worst-slice'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_data_is_read(
    changes: Any, named: str, data: Path, tmp_path: Path
) -> None:
    code, told = attempt(environment(data, tmp_path / "told", "http://127.0.0.1:9", **changes))
    assert code == 1
    assert named in told["error"]["message"]
    assert told["error"]["step"] == "start"


def test_rules_alone_are_judged_and_served_as_they_are(tracking: str, data: Path, tmp_path: Path) -> None:
    when = [{"name": "dear", "if": "amount > 130", "predict": "1"}]
    criteria = [{"name": "catch", "expression": "recall >= 0.3"}]
    other = {"trainer": RULES, "register": {"model": "rules-alone"}}
    given = environment(
        data, tmp_path / "told", tracking, "u-20", task={"rules": {"when": when}, "criteria": criteria}, spec=other
    )
    code, told = attempt(given)
    assert (code, told["evaluation"], told["version"]) == (0, "passed", "1"), told
    assert told["justified"]["reason"] == "RulesSuffice"
    measured = client(tracking).get_run(told["runId"]).data.metrics
    for name in ("recall", "precision"):
        assert measured[f"validation.{name}"] == pytest.approx(measured[f"rules.validation.{name}"])


def test_a_second_look_at_the_same_test_rows_fails_before_any_fit_and_names_the_first(
    tracking: str, data: Path, tmp_path: Path
) -> None:
    other = {"register": None, "taskRef": {"name": "once"}, "allow": {"testReuse": 0}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-10", spec=other))
    assert (code, told["openings"]) == (0, 1)
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-11", spec=other))
    assert (code, told["error"]["reason"], told["error"]["step"]) == (1, "TestSetOpened", "reference")
    assert "team/run-1" in told["error"]["message"]
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-10", spec=other))
    assert (code, told["openings"]) == (0, 1), "a pod that is tried again looks at what its run has opened"
    again = {**other, "allow": {"testReuse": 1}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-12", spec=again))
    assert (code, told["openings"]) == (0, 2)


def test_of_two_claims_at_once_one_is_withdrawn(tracking: str, data: Path, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from slipway_pipelines.faults import DataFault
    from slipway_pipelines.openings import sketch
    from slipway_pipelines.request import read_request
    from slipway_pipelines.tracking import Tracking

    spec = {"taskRef": {"name": "raced"}, "allow": {"testReuse": 0}}
    requests = [read_request(environment(data, tmp_path / "t", tracking, f"race-{n}", spec=spec)) for n in range(6)]
    test_set = sketch(table(100), COLUMNS)
    runs = [Tracking(tracking).start("team/raced", "r", {"slipway.uid": one.uid}) for one in requests]

    def claim(number: int) -> int:
        try:
            return Tracking(tracking).open_test(runs[number], requests[number], test_set)
        except DataFault:
            return 0

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(claim, range(6))) == [0, 0, 0, 0, 0, 1]


def test_what_cannot_be_proved_leaves_the_test_rows_closed(tracking: str, data: Path, tmp_path: Path) -> None:
    wish = {
        "rules": {"when": [{"name": "all", "if": "amount > 0", "predict": "1"}]},
        "criteria": [{"name": "wish", "expression": "recall >= 0.999"}],
    }
    spec = {"register": None, "taskRef": {"name": "closed"}, "allow": {"testReuse": 0}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-20", task=wish, spec=spec))
    assert (code, told["evaluation"], told["openings"]) == (0, "failed", 0)
    assert told["criteria"][0]["low"] == ""
    assert "independent test rows" in told["criteria"][0]["note"]
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-21", spec=spec))
    assert (code, told["openings"]) == (0, 1), "another criterion may open them for the first time"


def test_a_search_is_kept_in_mlflow_and_its_worth_is_told(tracking: str, data: Path, tmp_path: Path) -> None:
    tuning = {"algorithm": "Random", "trials": 3, "space": {"C": {"range": {"low": "0.001", "high": "10"}}}}
    spec = {"register": None, "tuning": tuning, "folds": 3}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-40", spec=spec))
    assert code == 0, told
    assert {key: told["search"][key] for key in ("algorithm", "runs", "folds", "done")} == {
        "algorithm": "Random", "runs": 3, "folds": 3, "done": 4,
    }  # fmt: skip
    assert float(told["search"]["gain"]) == pytest.approx(
        float(told["search"]["best"]) - float(told["search"]["default"]), abs=1e-5
    )
    run = client(tracking).get_run(told["runId"])
    assert run.data.params["search.trials"] == "4"
    assert run.data.params["estimator__C"] == told["search"]["parameters"].get("C", "1.0")
    assert "gap.average_precision" in run.data.metrics
    assert len(client(tracking).get_metric_history(told["runId"], "curve.validation.average_precision")) == 4
    pictures = {each.path for each in client(tracking).list_artifacts(told["runId"], "plots")}
    assert pictures == {"plots/learning_curve.svg", "plots/search.svg"}
    trials = client(tracking).search_runs([run.info.experiment_id], "tags.`slipway.search` = 'u-40'")
    assert len(trials) == 4
    code, again = attempt(environment(data, tmp_path / "told", tracking, "u-40", spec=spec))
    assert (code, again["search"]) == (0, told["search"])
    trials = client(tracking).search_runs([run.info.experiment_id], "tags.`slipway.search` = 'u-40'")
    assert len(trials) == 4, "the second pod of the run tries nothing twice"


def test_a_run_is_reproduced_to_the_last_bit_and_another_seed_is_not(
    tracking: str, data: Path, tmp_path: Path, trained: Any
) -> None:
    earlier = trained[1]
    assert earlier["predictions"].startswith("sha256:")
    again = {"register": None, "allow": {"testReuse": 0}, "reproduces": {"runId": earlier["runId"]}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-50", spec=again))
    assert (code, told["evaluation"], told["version"]) == (0, "reproduced", "")
    assert told["reproduction"] == {"level": "Bitwise", "largestDifference": "0", "differs": []}
    other = {**again, "parameters": {"C": "0.01"}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-51", spec=other))
    assert (code, told["reproduction"]["level"]) == (0, "Different")
    assert told["reproduction"]["differs"] == ["estimator__C: 1.0 -> 0.01"]
    nothing = {**again, "reproduces": {"runId": "f" * 32}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-52", spec=nothing))
    assert (code, told["error"]["reason"]) == (1, "NothingToReproduce")


def test_rules_that_suffice_stop_the_run_and_open_nothing(tracking: str, data: Path, tmp_path: Path) -> None:
    easy = {
        "rules": {"when": [{"name": "all", "if": "amount > 0", "predict": "1"}]},
        "criteria": [{"name": "catch", "expression": "recall >= 0.9"}],
    }
    spec = {"taskRef": {"name": "ruled"}, "register": {"model": "ruled"}}
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-30", task=easy, spec=spec))
    assert (code, told["evaluation"], told["version"]) == (0, "stopped", "")
    assert told["justified"]["status"] == "False"
    easy["rules"]["ifSufficient"] = "Continue"  # type: ignore[index]
    code, told = attempt(environment(data, tmp_path / "told", tracking, "u-31", task=easy, spec=spec))
    assert (code, told["evaluation"], told["openings"]) == (0, "passed", 1)
    assert told["justified"]["reason"] == "RulesSuffice"
