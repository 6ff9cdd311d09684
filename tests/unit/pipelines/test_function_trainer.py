"""A training function of the user's, from a real Git server to a registered model: three processes, as in a pod."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from slipway_pipelines.function import fetch

from tests.git_server import Repository, http_backend, serving
from tests.mlflow_server import mlflow_server
from tests.unit.pipelines.made import environment

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
ROOT = Path(__file__).resolve().parents[3]
PATHS = os.environ.get("PYTHONPATH", f"{ROOT}/operator:{ROOT}/pipelines")
TRAINING = """
from sklearn.ensemble import RandomForestClassifier
from fraud.steps import Careful

def build(params):
    return Careful(RandomForestClassifier(n_estimators=params.get("trees", 20)), floor=params.get("floor", 0.0))
"""
STEPS = """
import os
import pathlib

from sklearn.base import BaseEstimator, ClassifierMixin

SEEN = pathlib.Path(os.environ["HOME"]) / "seen.txt"

class Careful(ClassifierMixin, BaseEstimator):
    def __init__(self, inner, floor=0.0):
        self.inner, self.floor = inner, floor

    def fit(self, X, y):
        import warnings
        warnings.warn("fitted with care")
        with SEEN.open("a") as file:
            print(len(X), sorted(os.environ), file=file)
        self.inner.fit(X, y)
        self.classes_ = self.inner.classes_
        return self

    def predict_proba(self, X):
        found = self.inner.predict_proba(X).clip(self.floor, 1.0)
        return found / found.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
"""
WRONG = {
    "absent": ("fraud.nothing:build", "", "FunctionNotFound", "no module 'fraud.nothing'"),
    "elsewhere": ("other.training:build", "", "FunctionNotFound", "no other.py"),
    "unnamed": ("fraud.broken:build", "def make(params): ...", "FunctionNotFound", "it has make"),
    "none": ("fraud.broken:build", "def build(params): return 3", "FunctionNoEstimator", "lacks fit, predict"),
    "raises": (
        "fraud.broken:build",
        "def build(params):\n    return params['x']",
        "FunctionFailed",
        "broken.py:2 in build",
    ),
    "syntax": ("fraud.broken:build", "def build(params)\n", "FunctionFailed", "broken.py:1"),
    "lacks": ("fraud.broken:build", "import xgboost2\ndef build(params): ...", "FunctionFailed", "without 'xgboost2'"),
    "exits": ("fraud.broken:build", "import sys\ndef build(params): sys.exit(3)", "FunctionFailed", "SystemExit"),
    "dies": ("fraud.broken:build", "import os\ndef build(params): os._exit(0)", "FunctionDied", "has ended"),
}

_BAD = """
class Bad:
    def fit(self, X, y):
        {fit}
        return self

    def predict_proba(self, X):
        return {answer}

    def predict(self, X):
        return X[:, 0]
"""
BAD = {
    "raises": (_BAD.format(fit="raise KeyError('amount')", answer="X"), "FunctionFailed", "bad.py:4 in fit"),
    "classes": (_BAD.format(fit="self.classes_ = [0, 1]", answer="X"), "FunctionNoEstimator", "texts"),
    "nan": (
        _BAD.format(fit="self.classes_ = sorted(set(y))", answer="X[:, :2] * float('nan')"),
        "FunctionAnswers",
        "nan",
    ),
    "shape": (_BAD.format(fit="self.classes_ = sorted(set(y))", answer="X[:3, :2]"), "FunctionAnswers", "shape (3, 2)"),
    "objects": (_BAD.format(fit="self.classes_ = sorted(set(y))", answer="[{}] * len(X)"), "FunctionAnswers", "(140,)"),
}


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    found = Repository(tmp_path_factory.mktemp("git") / "fraud.git")
    found.commit(
        {"fraud/__init__.py": "", "fraud/training.py": TRAINING, "fraud/steps.py": STEPS, "notes.md": "no code"}
    )
    return found


@pytest.fixture(scope="module")
def address(repository: Repository) -> Iterator[str]:
    with serving(http_backend(repository.place.parent)) as found:
        yield found


@contextlib.contextmanager
def worker(code: Path, socket: str, entrypoint: str, home: Path) -> Iterator[None]:
    """The container of the user's code: none of the variables of the others."""
    given = {
        "PATH": os.environ["PATH"], "HOME": str(home), "SLIPWAY_CODE": str(code), "SLIPWAY_CODE_SOCKET": socket,
        "SLIPWAY_ENTRYPOINT": entrypoint, "PYTHONPATH": PATHS,
    }  # fmt: skip
    with subprocess.Popen([sys.executable, "-m", "slipway_pipelines.function.worker"], env=given) as process:
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(20) == 0


def attempt(
    place: Path, data: Path, tracking: str, git: Mapping[str, Any], entrypoint: str = "fraud.training:build",
    uid: str = "u-1", **spec: Any,
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """What the three containers of a pod do, and what the run is told."""
    from slipway_pipelines.train import main

    place.mkdir(parents=True)
    log = {"SLIPWAY_TERMINATION_LOG": str(place / "told")}
    code = fetch.main({"SLIPWAY_CODE_WANTED": json.dumps(git), "SLIPWAY_CODE": str(place), **log})
    if code == 0:
        trainer = {"type": "Function", "function": {"entrypoint": entrypoint, "git": git}}
        with tempfile.TemporaryDirectory() as short:  # a path of a socket has 108 characters
            given = environment(data, place / "told", tracking, uid, spec={"trainer": trainer, **spec})
            given |= {"SLIPWAY_CODE": str(place), "SLIPWAY_CODE_SOCKET": f"{short}/s"}
            with worker(place, f"{short}/s", entrypoint, place):
                code = main(given)
    told: dict[str, Any] = json.loads((place / "told").read_text())
    return code, told


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, data: Path, tracking: str, address: str, repository: Repository
) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("pod") / "p"
    commit = repository.git("rev-parse", "HEAD")
    code, told = attempt(
        place, data, tracking, {"url": f"{address}/fraud.git", "commit": commit[:10]}, parameters={"trees": "30"}
    )
    assert code == 0, told
    return place, told


def client(tracking: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking, tracking)


def test_the_model_is_evaluated_and_registered_like_a_built_in_one(trained: Any, tracking: str) -> None:
    told = trained[1]
    assert (told["evaluation"], told["version"]) == ("passed", "1")
    run = client(tracking).get_run(told["runId"])
    assert run.data.params["estimator"] == "Careful"
    assert (run.data.params["parameters.trees"], run.data.params["estimator__inner__n_estimators"]) == ("30", "30")
    assert run.data.params["warning.0"] == "fitted with care"
    assert "test.average_precision.low" in run.data.metrics


def test_commit_and_repository_are_recorded(trained: Any, tracking: str, address: str, repository: Repository) -> None:
    told, commit = trained[1], repository.git("rev-parse", "HEAD")
    wanted = {"repository": f"{address}/fraud.git", "commit": commit, "difference": ""}
    assert told["code"] == {**wanted, "entrypoint": "fraud.training:build"}
    run = client(tracking).get_run(told["runId"])
    assert {name: run.data.params[f"code.{name}"] for name in wanted} == wanted
    assert run.data.params["code.dirty"] == "False"
    assert run.data.tags["mlflow.source.git.commit"] == commit


def test_the_user_s_process_has_no_variable_of_the_others_and_no_row_of_the_test(trained: Any) -> None:
    seen = (trained[0] / "seen.txt").read_text()
    assert "MLFLOW" not in seen
    assert "SLIPWAY_TRAINING" not in seen
    assert max(int(line.split()[0]) for line in seen.splitlines()) == 840, "the rows of train, and no more"


def test_the_model_loads_elsewhere_with_the_code_that_travels_with_it(
    trained: Any, tracking: str, tmp_path: Path
) -> None:
    from slipway_pipelines.model_directory import digest

    told = trained[1]
    directory = Path(client(tracking).download_artifacts(told["runId"], "model", str(tmp_path)))
    assert digest(directory) == told["modelDigest"]
    assert sorted(one.name for one in (directory / "code").iterdir()) == ["fraud"]
    script = (
        "import json, sys, pandas, mlflow.pyfunc\n"
        f"model = mlflow.pyfunc.load_model({str(directory)!r})\n"
        "row = {'amount': 10.0, 'items': float('nan'), 'country': None}\n"
        "print(json.dumps([model.predict(pandas.DataFrame([row])).tolist(), 'slipway_pipelines' in sys.modules]))\n"
    )
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=plain, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [["0"], False]


def test_it_comes_out_again_bit_by_bit(trained: Any, data: Path, tracking: str, address: str, tmp_path: Path) -> None:
    told = trained[1]
    code, again = attempt(
        tmp_path / "p", data, tracking, {"url": f"{address}/fraud.git", "commit": told["code"]["commit"]}, uid="u-re",
        parameters={"trees": "30"}, register=None, folds=0, reproduces={"runId": told["runId"], "level": "Bitwise"},
    )  # fmt: skip
    assert code == 0, again
    assert again["reproduction"] == {"level": "Bitwise", "largestDifference": "0", "differs": []}
    assert again["code"] == told["code"]


def test_a_search_tries_parameters_of_the_function(data: Path, tracking: str, address: str, tmp_path: Path) -> None:
    space = {"trees": {"choices": ["5", "10", "many"]}}
    code, told = attempt(
        tmp_path / "p", data, tracking, {"url": f"{address}/fraud.git", "ref": "main"}, uid="u-search", folds=2,
        register={"model": "searched"}, tuning={"algorithm": "Grid", "space": space},
    )  # fmt: skip
    assert code == 0, told
    assert told["search"]["done"] == 4, "one bad trial ends no search"
    assert told["search"]["parameters"].get("trees") != "many"


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_the_code_ends_the_run_before_any_row_is_read(
    repository: Repository, address: str, data: Path, tracking: str, tmp_path: Path, case: str
) -> None:
    entrypoint, text, reason, named = WRONG[case]
    repository.git("checkout", "-q", "-B", case)
    commit = repository.commit({"fraud/broken.py": text + "\n"}, case)
    repository.git("checkout", "-q", "main")
    code, told = attempt(
        tmp_path / "p", data, tracking, {"url": f"{address}/fraud.git", "commit": commit}, entrypoint, f"u-{case}"
    )
    assert code == 1
    assert (told["error"]["reason"], told["error"]["step"]) == (reason, "start")
    assert named in told["error"]["message"], told["error"]["message"]


@pytest.mark.parametrize("case", BAD)
def test_what_fit_and_answers_get_wrong_is_told(
    repository: Repository, address: str, data: Path, tracking: str, tmp_path: Path, case: str
) -> None:
    body, reason, named = BAD[case]
    repository.git("checkout", "-q", "-B", f"bad-{case}")
    commit = repository.commit({"fraud/bad.py": f"{body}\ndef build(params): return Bad()\n"})
    repository.git("checkout", "-q", "main")
    git = {"url": f"{address}/fraud.git", "commit": commit}
    code, told = attempt(tmp_path / "p", data, tracking, git, "fraud.bad:build", f"u-bad-{case}")
    assert (code, told["error"]["reason"]) == (1, reason), told
    assert named in told["error"]["message"]


def test_a_model_that_does_not_load_elsewhere_is_not_registered(
    repository: Repository, address: str, data: Path, tracking: str, tmp_path: Path
) -> None:
    lambdas = TRAINING.replace("return Careful(", "made = Careful(") + "    made.hook = lambda: 1\n    return made\n"
    repository.git("checkout", "-q", "-B", "unpickled")
    commit = repository.commit({"fraud/training.py": lambdas})
    repository.git("checkout", "-q", "main")
    git = {"url": f"{address}/fraud.git", "commit": commit}
    code, told = attempt(tmp_path / "p", data, tracking, git, uid="u-lambda", register={"model": "lambda"})
    assert (code, told["error"]["reason"]) == (1, "FunctionFailed")
    assert "cannot be pickled" in told["error"]["message"]
