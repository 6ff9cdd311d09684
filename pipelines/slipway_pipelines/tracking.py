"""MLflow: one run per attempt, one model version per TrainingRun, whatever is killed in between."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from slipway_pipelines.faults import DataFault, TransientFault
from slipway_pipelines.openings import Opening, TestSet, counted, permit
from slipway_pipelines.request import TrainingRequest

T = TypeVar("T")
MODEL_PATH = "model"
REPORT_PATH = "report.json"
_TASK_UID, _WITHDRAWN = "slipway.task-uid", "slipway.withdrawn"
_PATIENCE_SECONDS = 20  # then the Job waits, whose status people see
_PARAMS_AT_ONCE, _METRICS_AT_ONCE = 100, 1000  # limits of MLflow's log-batch
_LONGEST_PARAM = 6000
# MLflow answers these to a request that will never succeed; everything else may be a server that restarts.
_FINAL = frozenset(
    {
        "INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "PERMISSION_DENIED", "UNAUTHENTICATED",
        "ENDPOINT_NOT_FOUND", "FEATURE_DISABLED", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE",
    }
)  # fmt: skip

_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # its own seven retries would hide an outage for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a training pod tells nobody but its own server
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # in the log of a pod it is a line for each file
}


class Tracking:
    """One TrainingRun's view of an MLflow server. Every call waits some seconds for a server that is away.

    Raises (all methods):
        TransientFault: the server stayed away.
        DataFault: the server refused.
    """

    def __init__(self, uri: str, sleep: Callable[[float], None] = time.sleep) -> None:
        for name, value in _ENVIRONMENT.items():  # before the import: MLflow reads some of them once
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._uri, self._sleep = uri, sleep

    def finished(self, model: str, uid: str) -> tuple[str, dict[str, Any]] | None:
        """The number of the version that an earlier pod of the same TrainingRun registered, and its report."""
        found = self._patiently(lambda: list(self._client.search_model_versions(_filter(model, uid))))
        if not found:
            return None
        version = min(found, key=lambda one: int(one.version))
        path = self._patiently(lambda: self._client.download_artifacts(version.run_id, REPORT_PATH))
        report: dict[str, Any] = json.loads(Path(path).read_text())
        return str(version.version), report

    def start(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """Begins a run; runs that a killed pod of the same TrainingRun left behind are closed as KILLED."""
        number = self._patiently(lambda: self._experiment(experiment))
        query = f"tags.`slipway.uid` = '{tags['slipway.uid']}' and attributes.status = 'RUNNING'"
        for left in self._patiently(lambda: list(self._client.search_runs([number], query))):
            self.end(left.info.run_id, "KILLED")
        run = self._patiently(lambda: self._client.create_run(number, run_name=name, tags=dict(tags)))
        return str(run.info.run_id)

    def log(self, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Parameters and metrics; undefined metrics are left out."""
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        rows = [Metric(name, value, now, 0) for name, value in metrics.items() if value == value]
        texts = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in params.items()]
        for numbers in _chunks(rows, _METRICS_AT_ONCE):
            self._patiently(lambda numbers=numbers: self._client.log_batch(run_id, metrics=numbers))  # type: ignore[misc]
        for part in _chunks(texts, _PARAMS_AT_ONCE):
            self._patiently(lambda part=part: self._client.log_batch(run_id, params=part))  # type: ignore[misc]

    def log_curve(self, run_id: str, name: str, points: Sequence[tuple[int, float]]) -> None:
        """One metric at many steps."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for part in _chunks([Metric(name, value, now, step) for step, value in points], _METRICS_AT_ONCE):
            self._patiently(lambda part=part: self._client.log_batch(run_id, metrics=part))  # type: ignore[misc]

    def log_text(self, run_id: str, path: str, text: str) -> None:
        """A text as an artifact."""
        self._patiently(lambda: self._client.log_text(run_id, text, path))

    def params(self, run_id: str) -> dict[str, str]:
        """All parameters of a run."""
        return dict(self._patiently(lambda: self._client.get_run(run_id)).data.params)

    def version(self, model: str, number: str) -> tuple[str, dict[str, str]]:
        """The run that made a registered version, and the version's tags."""
        found = self._patiently(lambda: self._client.get_model_version(model, number))
        return str(found.run_id), dict(found.tags)

    def model(self, run_id: str, scratch: Path) -> Path:
        """The model directory of a run, below `scratch`."""
        return Path(self._patiently(lambda: self._client.download_artifacts(run_id, MODEL_PATH, str(scratch))))

    def text(self, run_id: str, path: str) -> str:
        """An artifact that `log_text` has kept."""
        return Path(self._patiently(lambda: self._client.download_artifacts(run_id, path))).read_text()

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a run."""
        from mlflow.entities import RunTag

        for part in _chunks([RunTag(name, value) for name, value in tags.items()], _PARAMS_AT_ONCE):
            self._patiently(lambda part=part: self._client.log_batch(run_id, tags=part))  # type: ignore[misc]

    def upload(self, run_id: str, model: Path, report: Mapping[str, Any]) -> None:
        """The model directory, then the report, so that a report proves that the model is complete."""
        self._patiently(lambda: self._client.log_artifacts(run_id, str(model), MODEL_PATH))
        self._patiently(lambda: self._client.log_dict(run_id, dict(report), REPORT_PATH))

    def upload_documents(self, run_id: str, documents: Mapping[str, Any]) -> None:
        """Texts as they are and all else as JSON, each under its path among the run's artifacts."""
        for path, document in documents.items():
            text = document if isinstance(document, str) else json.dumps(document, indent=1, allow_nan=False)
            self._patiently(lambda text=text, path=path: self._client.log_text(run_id, text, path))  # type: ignore[misc]

    def register(self, run_id: str, model: str, tags: Mapping[str, str]) -> str:
        """Creates the version, or finds the one whose answer was lost; returns its number."""
        source = f"{self._patiently(lambda: self._client.get_run(run_id)).info.artifact_uri}/{MODEL_PATH}"

        def create() -> Any:
            present = list(self._client.search_model_versions(_filter(model, tags["slipway.uid"])))
            return present[0] if present else self._version(model, source, run_id, tags)

        return str(self._patiently(create).version)

    def opened_before(self, request: TrainingRequest) -> list[Opening]:
        """Looks at test rows of the task by other runs, by number."""
        return [one for one in self._openings(request) if one.uid != request.uid]

    def check_openings(self, request: TrainingRequest, test_set: TestSet) -> None:
        """Refuses what `open_test` would refuse by now, before any fit. Raises DataFault."""
        permit(counted(test_set, self.opened_before(request)), request.spec.allow.test_reuse)

    def open_test(self, run_id: str, request: TrainingRequest, test_set: TestSet) -> int:
        """Claims a look at test rows, and returns how often rows of theirs have been looked at, this time included.

        An opening is a version of a registered model: version numbers are the one thing that MLflow hands out
        atomically. Of two runs that claim at once the one with the higher number sees the other.

        Raises:
            DataFault: they were opened more often than `spec.allow.testReuse` allows; the claim is then withdrawn.
        """
        number = self._claim(run_id, request, test_set)
        earlier = [one for one in self._openings(request) if one.number < number and one.uid != request.uid]
        found = counted(test_set, earlier)
        try:
            permit(found, request.spec.allow.test_reuse)
        except DataFault:
            name = _ledger(request)
            self._patiently(lambda: self._client.set_model_version_tag(name, str(number), _WITHDRAWN, "true"))
            raise
        return len(found) + 1

    def _claim(self, run_id: str, request: TrainingRequest, test_set: TestSet) -> int:
        """The number of the run's claim: one that an earlier pod made, or whose answer was lost, is found again."""
        source = f"{self._patiently(lambda: self._client.get_run(run_id)).info.artifact_uri}/{MODEL_PATH}"
        tags = {"slipway.run": request.run, "slipway.uid": request.uid, _TASK_UID: request.task_uid, **test_set.tags()}

        def claim() -> int:
            mine = next((one for one in self._openings(request) if one.uid == request.uid), None)
            return mine.number if mine else int(self._version(_ledger(request), source, run_id, tags).version)

        return self._patiently(claim)

    def _openings(self, request: TrainingRequest) -> list[Opening]:
        """Those of this task that were not withdrawn, by number."""
        found = self._patiently(lambda: list(self._versions(_ledger(request))))
        kept = [one for one in found if one.tags.get(_TASK_UID) == request.task_uid and _WITHDRAWN not in one.tags]
        openings = [
            Opening(int(one.version), one.tags["slipway.run"], one.tags["slipway.uid"], TestSet.of_tags(one.tags))
            for one in kept
        ]
        return sorted(openings, key=lambda one: one.number)

    def runs(self, experiment: str, query: str) -> list[Any]:
        """All runs of an experiment that a query of MLflow finds."""
        number = self._patiently(lambda: self._experiment(experiment))
        return self._patiently(lambda: list(self._found(number, query)))

    def child(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """Begins a run beside the attempt's."""
        number = self._patiently(lambda: self._experiment(experiment))
        run = self._patiently(lambda: self._client.create_run(number, run_name=name, tags=dict(tags)))
        return str(run.info.run_id)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Moves the alias to the version; never back from a newer one, which another run has registered since."""
        held = self._patiently(lambda: self._client.get_registered_model(model)).aliases.get(alias)
        if held is not None and int(held) >= int(version):
            return
        self._patiently(lambda: self._client.set_registered_model_alias(model, alias, version))

    def end(self, run_id: str, status: str) -> None:
        """Closes a run as FINISHED, FAILED or KILLED."""
        self._patiently(lambda: self._client.set_terminated(run_id, status))

    def _experiment(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        return str(_unless_exists(lambda: self._client.create_experiment(name)) or self._experiment(name))

    def _found(self, experiment: str, query: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs([experiment], query, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _versions(self, model: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_model_versions(f"name = '{model}'", page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _version(self, model: str, source: str, run_id: str, tags: Mapping[str, str]) -> Any:
        _unless_exists(lambda: self._client.create_registered_model(model))
        return self._client.create_model_version(model, source, run_id, tags=dict(tags), await_creation_for=0)

    def _patiently(self, call: Callable[[], T]) -> T:
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        deadline, pause = time.monotonic() + _PATIENCE_SECONDS, 1.0
        while True:
            try:
                return call()
            except (MlflowException, RequestException, OSError) as error:
                if _is_final(error):
                    raise DataFault("MLflowRefused", f"MLflow at {self._uri}: {error}") from error
                if time.monotonic() + pause > deadline:
                    raise TransientFault("MLflowUnavailable", f"MLflow at {self._uri}: {error}") from error
                print(f"MLflow does not answer, again in {pause:.0f} s: {error}", flush=True)
            self._sleep(pause)
            pause = min(2 * pause, 15)


def _ledger(request: TrainingRequest) -> str:
    """The registered model whose versions are the openings of a task's test rows."""
    return f"{request.namespace}.{request.spec.task_ref.name}.test-openings"


def _filter(model: str, uid: str) -> str:
    return f"name = '{model}' and tags.`slipway.uid` = '{uid}'"


def _is_final(error: Exception) -> bool:
    response = getattr(error, "response", None)  # of requests, from the artifact proxy
    if response is not None:
        return 400 <= response.status_code < 500 and response.status_code not in (408, 429)
    return getattr(error, "error_code", "") in _FINAL


def _unless_exists(create: Callable[[], T]) -> T | None:
    """Creates, or does nothing where another pod was faster."""
    from mlflow.exceptions import MlflowException

    try:
        return create()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return None


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
