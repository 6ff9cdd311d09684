"""MLflow: one run per attempt, one model version per TrainingRun, whatever is killed in between."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from slipway_pipelines.faults import DataFault, TransientFault

T = TypeVar("T")
MODEL_PATH = "model"
REPORT_PATH = "report.json"
_PATIENCE_SECONDS = 20  # then the Job waits, whose status people see
_PARAMS_AT_ONCE = 100  # limits of MLflow's log-batch
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
        self._patiently(lambda: self._client.log_batch(run_id, metrics=rows))
        for part in _chunks(texts, _PARAMS_AT_ONCE):
            self._patiently(lambda part=part: self._client.log_batch(run_id, params=part))  # type: ignore[misc]

    def upload(self, run_id: str, model: Path, report: Mapping[str, Any]) -> None:
        """The model directory, then the report, so that a report proves that the model is complete."""
        self._patiently(lambda: self._client.log_artifacts(run_id, str(model), MODEL_PATH))
        self._patiently(lambda: self._client.log_dict(run_id, dict(report), REPORT_PATH))

    def register(self, run_id: str, model: str, tags: Mapping[str, str]) -> str:
        """Creates the version, or finds the one whose answer was lost; returns its number."""
        source = f"{self._patiently(lambda: self._client.get_run(run_id)).info.artifact_uri}/{MODEL_PATH}"

        def create() -> Any:
            present = list(self._client.search_model_versions(_filter(model, tags["slipway.uid"])))
            return present[0] if present else self._version(model, source, run_id, tags)

        return str(self._patiently(create).version)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Moves the alias to the version."""
        self._patiently(lambda: self._client.set_registered_model_alias(model, alias, version))

    def end(self, run_id: str, status: str) -> None:
        """Closes a run as FINISHED, FAILED or KILLED."""
        self._patiently(lambda: self._client.set_terminated(run_id, status))

    def _experiment(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        return str(_unless_exists(lambda: self._client.create_experiment(name)) or self._experiment(name))

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
