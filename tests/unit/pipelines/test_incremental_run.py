"""A whole run that continues a version, against MLflow's own stores: a database and a directory, without a server."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from slipway.features.decision import read_decision
from slipway_pipelines.incremental.lineage import LINEAGE, Lineage

from tests.unit.pipelines.made import environment, table

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
TRAINER = {"type": "BuiltIn", "builtIn": {"estimator": "StochasticGradient"}}
RUN: dict[str, Any] = {"trainer": TRAINER, "allow": {}, "data": None}


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Artifacts lie below the working directory."""
    home = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        yield f"sqlite:///{home}/mlflow.db"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Hourly events, the oldest first: the first 1,200 are there from the beginning."""
    return table(2000).sort_values("at").reset_index(drop=True)


class Work:
    """One task with its file, its model and its book of openings."""

    def __init__(self, tracking: str, root: Path, name: str, rows: pd.DataFrame) -> None:
        from mlflow import MlflowClient

        self.tracking, self.root, self.name, self.rows, self.made = tracking, root, name, rows, 0
        self.client = MlflowClient(tracking, tracking)
        self.file = root / f"{name}.csv"
        self.hold(1200)

    def hold(self, until: int, since: int = 0) -> None:
        """What the source has: these rows."""
        self.rows[since:until].to_csv(self.file, index=False)

    def attempt(self, base: str = "", uid: str = "", task: Any = (), **spec: Any) -> tuple[int, dict[str, Any]]:
        """One run, in full without a base."""
        from slipway_pipelines.train import main

        self.made += 1
        log = self.root / f"told-{self.made}"
        changes: dict[str, Any] = {
            "trainer": TRAINER,
            "allow": {},
            "register": {"model": self.name},
            "folds": 0,
            **spec,
        }
        if base:
            more = changes.pop("incremental", {})
            changes["incremental"] = {"base": f"models:/{self.name}/{base}", **more}
        given = environment(
            self.file, log, self.tracking, uid or f"{self.name}-{self.made}", spec=changes, task=dict(task)
        )
        request = json.loads(given["SLIPWAY_TRAINING"]) | {"taskUid": self.name, "name": f"{self.name}-{self.made}"}
        code = main(given | {"SLIPWAY_TRAINING": json.dumps(request)})
        told: dict[str, Any] = json.loads(log.read_text())
        return code, told

    def version(self, **options: Any) -> dict[str, Any]:
        code, told = self.attempt(**options)
        assert code == 0, told
        assert told["version"], told
        return told

    def lineage(self, told: dict[str, Any]) -> Lineage:
        path = self.client.download_artifacts(told["runId"], f"model/{LINEAGE}")
        return Lineage.read(Path(path).read_text())

    def versions(self) -> int:
        return len(self.client.search_model_versions(f"name = '{self.name}'"))


@pytest.fixture
def work(tracking: str, tmp_path: Path, rows: pd.DataFrame, request: pytest.FixtureRequest) -> Work:
    name = f"i{zlib.crc32(request.node.name.encode())}"
    return Work(tracking, tmp_path, name, rows)


def by(told: dict[str, Any], split: str) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in told["metrics"] if one["split"] == split}


def test_a_version_is_continued_and_says_by_what(work: Work) -> None:
    first = work.version()
    work.hold(1600)
    second = work.version(base="1")
    assert (second["version"], second["evaluation"]) == ("2", "passed")
    assert second["rows"] == {"read": 1600, "learnt": 400, "judged": 400, "retained": 180}
    assert [one["name"] for one in second["steps"]] == [
        "start", "base", "acquire", "validate", "deduplicate", "features", "labels", "batches", "increment", "evaluate",
        "log", "register",
    ]  # fmt: skip
    (batch,) = second["increment"]["batches"]
    assert (batch["rows"], batch["judged"]) == (400, 400)
    prequential, retained = by(second, "prequential"), by(second, "retained")
    value = prequential["average_precision"]
    assert float(value["low"]) < float(value["value"]) < float(value["high"])
    assert set(retained) == {"average_precision", "average_precision-minus-base"}
    assert "average_precision-minus-base" in prequential
    assert {one["type"]: one["status"] for one in second["conditions"]}["Forgetting"] == "False"
    root, lineage = work.lineage(first), work.lineage(second)
    assert (root.batches, root.base, root.end) == ((), None, work.rows["at"][1199].isoformat())
    assert lineage.base is not None
    assert (lineage.base.version, lineage.base.digest) == ("1", first["modelDigest"])
    assert lineage.digest == second["increment"]["lineage"]
    tags = work.client.get_model_version(work.name, "2").tags
    assert (tags["slipway.base"], tags["slipway.lineage"]) == (f"models:/{work.name}/1", lineage.digest)
    logged = work.client.get_run(second["runId"]).data
    assert {"prequential.recall.low", "retained.average_precision"} <= set(logged.metrics)
    assert logged.params["base"] == f"models:/{work.name}/1"
    before, after = (
        read_decision(Path(work.client.download_artifacts(each["runId"], "model/slipway/decision.json")).read_text())
        for each in (first, second)
    )
    assert after == before, "threshold and calibration are those of the first version"
    work.hold(2000)
    third = work.version(base="2")
    assert [one.rows for one in work.lineage(third).batches] == [400, 400]
    assert third["openings"] == 1, "no row judges twice"


def test_nothing_new_is_no_version_and_no_failure(work: Work) -> None:
    work.version()
    code, told = work.attempt(base="1")
    assert (code, told["evaluation"], told["version"]) == (0, "waiting", "")
    assert "nothing new since" in told["increment"]["waiting"]
    assert work.versions() == 1
    assert work.client.get_run(told["runId"]).info.status == "FINISHED"


def test_rows_whose_labels_are_not_mature_wait_for_a_later_batch(work: Work) -> None:
    label = {"column": "fraud", "positive": "1", "maturity": {"p95": "100h"}}
    work.version(task={"label": label})
    work.hold(1300)
    found = work.version(base="1", task={"label": label})
    assert found["rows"]["learnt"] == 100, "those that were immature before; the 100 newest wait"
    work.hold(1400)
    after = work.version(base="2", task={"label": label})
    assert after["rows"]["learnt"] == 100
    assert work.lineage(after).batches[0].until < work.lineage(after).batches[1].since


def test_too_few_rows_for_a_proof_wait_unopened_and_are_learnt_with_the_next_ones(work: Work) -> None:
    work.version()
    work.hold(1230)
    hard = {"criteria": [{"name": "catch", "expression": "accuracy >= 0.8"}]}
    code, told = work.attempt(base="1", task=hard)
    assert (code, told["evaluation"]) == (0, "waiting"), told
    assert "wait for more" in told["increment"]["waiting"]
    work.hold(2000)
    assert work.version(base="1", task=hard)["rows"]["judged"] == 800


def test_a_fork_judges_by_rows_that_nobody_has_looked_at(work: Work) -> None:
    work.version()
    work.hold(1500)
    work.version(base="1")
    work.hold(2000)
    fork = work.version(base="1")
    assert fork["rows"] == {"read": 2000, "learnt": 800, "judged": 500, "retained": 180}
    assert work.lineage(fork).base is not None
    assert [one.rows for one in work.lineage(fork).batches] == [800]
    code, again = work.attempt(base="1")
    assert (code, again["evaluation"]) == (0, "waiting")
    allowed = work.version(base="1", allow={"testReuse": 1})
    assert allowed["rows"]["judged"] == 500
    assert work.lineage(allowed).digest == work.lineage(fork).digest, "the same base and the same batches"


def test_batches_are_learnt_in_their_order_and_rows_of_the_past_are_left_out(work: Work) -> None:
    work.version()
    names = []
    for number, (since, until) in enumerate(((1150, 1400), (1400, 1700)), 1):
        file = work.root / f"batch-{number}.parquet"
        work.rows[since:until].to_parquet(file)
        names.append(file.as_uri())
    work.hold(2000)
    found = work.version(base="1", incremental={"batches": names})
    assert [one["rows"] for one in found["increment"]["batches"]] == [200, 300]
    warned = next(one for one in found["conditions"] if one["type"] == "DataWarnings")
    assert "50 rows of batch 1" in warned["message"]


def test_a_second_pod_finds_what_the_first_registered(work: Work) -> None:
    work.version()
    work.hold(1600)
    first = work.version(base="1", uid=f"{work.name}-same")
    again = work.version(base="1", uid=f"{work.name}-same")
    assert (again["version"], again["runId"]) == (first["version"], first["runId"])


@pytest.mark.parametrize(
    ("reason", "options"),
    [
        ("BaseNotFound", {"base": "9"}),
        ("EstimatorChanged", {"base": "1", "trainer": {"type": "BuiltIn", "builtIn": {"estimator": "NaiveBayes"}}}),
        ("ParametersChanged", {"base": "1", "parameters": {"alpha": "0.5"}}),
        ("FeatureDefinitionChanged", {"base": "1", "task": {"features": [{"name": "amount", "type": "Numeric"}]}}),
        ("CriterionUnsupported", {"base": "1", "task": {"criteria": [{"name": "c", "expression": "f1 >= linear.f1"}]}}),
        ("BaseNotContinuable", {"base": "1", "task": {"timestamp": None}, "data": "Random"}),
    ],
)
def test_what_cannot_be_continued_is_told_with_its_remedy(work: Work, reason: str, options: dict[str, Any]) -> None:
    if options.get("data") == "Random":
        sources = [{"name": "a", "uri": work.file.as_uri()}]
        options = {**options, "data": {"sources": sources, "split": {"by": "Random"}}}
        work.version(**{name: value for name, value in options.items() if name != "base"})
    else:
        work.version()
    code, told = work.attempt(**options)
    assert (code, told["error"]["reason"]) == (1, reason), told
    assert "in full" in told["error"]["message"]
    assert work.versions() == 1


def test_a_class_that_the_base_never_saw_ends_the_run(work: Work) -> None:
    many = {
        "type": "MulticlassClassification", "label": {"column": "fraud"}, "metrics": {"primary": "accuracy"},
        "criteria": [{"name": "right", "expression": "accuracy >= 0.5"}],
    }  # fmt: skip
    work.version(task=many)
    work.rows = work.rows.assign(fraud=work.rows["fraud"].where(work.rows.index != 1500, "2"))
    work.hold(1600)
    code, told = work.attempt(base="1", task=many)
    assert (code, told["error"]["reason"]) == (1, "ClassUnknown")
    assert "'2'" in told["error"]["message"]


def test_files_that_are_not_what_was_registered_are_never_read(work: Work) -> None:
    first = work.version()
    other = work.root / "model.pkl"
    other.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    work.client.log_artifact(first["runId"], str(other), "model")
    work.hold(1600)
    code, told = work.attempt(base="1")
    assert (code, told["error"]["reason"]) == (1, "BaseChanged")


def test_the_old_rows_may_be_gone_which_is_told(work: Work) -> None:
    work.version()
    work.hold(1600, since=1200)
    found = work.version(base="1")
    forgetting = next(one for one in found["conditions"] if one["type"] == "Forgetting")
    assert (forgetting["status"], forgetting["reason"]) == ("Unknown", "CohortGone")
    assert by(found, "retained") == {}


def test_numbers_are_continued_as_well(work: Work) -> None:
    work.rows = work.rows.assign(paid=work.rows["amount"] * 2 + work.rows["items"].fillna(0))
    paid = {
        "type": "Regression", "label": {"column": "paid"}, "metrics": {"primary": "mae"},
        "criteria": [{"name": "near", "expression": "mae <= 20"}],
    }  # fmt: skip
    work.hold(1200)
    work.version(task=paid)
    work.hold(1600)
    found = work.version(base="1", task=paid)
    assert found["evaluation"] == "passed", found
    assert "mae" in by(found, "retained")
