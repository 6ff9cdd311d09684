"""The little that a build needs of MLflow: its REST API, without its package (120 MB of an image).

Source: the MLflow REST API reference, "Model Version" and the artifact proxy (`mlflow-artifacts`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from slipway_serving.build.faults import BuildFault
from slipway_serving.build.origin import Origin, origin_of

_VERSION_URI = re.compile(r"models:/([^/@]+)/([0-9]+)")
_RUN_URI = re.compile(r"runs:/([0-9a-zA-Z]+)/(\S+)")
_API = "/api/2.0/mlflow"
_CHUNK = 1 << 20
_TRIES = 3
_FIRST_PAUSE = 1.0  # seconds; it doubles
_MOST_FILES = 5000
_LOGIN = "a page to log in at? Check mlflow.url and mlflow.secretName of the chart"


@dataclass(frozen=True)
class ModelFile:
    """One file of a version's directory: its path there, and its path in the artifact store."""

    path: PurePosixPath
    stored: str


class Tracking:
    """One MLflow server whose artifacts go through it (`--serve-artifacts`). Raises BuildFault only."""

    def __init__(
        self, uri: str, auth: tuple[str, str] | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._uri = uri.rstrip("/")
        self._session = requests.Session()
        self._session.auth = auth
        self._pause = pause

    def directory(self, model_uri: str) -> str:
        """Where the files of `models:/NAME/VERSION` or `runs:/RUN/PATH` lie in the artifact store."""
        source = model_uri
        if version := _VERSION_URI.fullmatch(model_uri):
            answer = self._version("get-download-uri", version[1], version[2])
            source = str(answer.json()["artifact_uri"])
        parts = urlsplit(self._stored(source))
        if parts.scheme != "mlflow-artifacts":
            said = f"the artifacts of {model_uri} lie at {parts.scheme}://, not behind MLflow's artifact proxy"
            raise BuildFault("resolve", "ArtifactsNotProxied", f"{said}; start mlflow server with --serve-artifacts")
        return str(parts.path).strip("/")

    def origin(self, model_uri: str) -> Origin:
        """What is known of where a model comes from."""
        if version := _VERSION_URI.fullmatch(model_uri):
            told = self._version("get", version[1], version[2]).json().get("model_version") or {}
            run_id = str(told.get("run_id") or "")
            return origin_of(self._run(run_id) if run_id else {}, run_id, version[1], version[2])
        if not (run := _RUN_URI.fullmatch(model_uri)):
            said = f"{model_uri!r} is not of the form models:/NAME/VERSION or runs:/RUN/PATH"
            raise BuildFault("resolve", "InvalidModelURI", said)
        found = self._run(run[1])
        if not found:
            raise BuildFault("resolve", "RunNotFound", f"{self._uri} has no run {run[1]}")
        return origin_of(found, run[1])

    def _version(self, call: str, name: str, version: str) -> requests.Response:
        answer = self._get("resolve", f"{_API}/model-versions/{call}", {"name": name, "version": version})
        if answer is None:
            raise BuildFault("resolve", "ModelVersionNotFound", f"{self._uri} has no model {name} version {version}")
        return answer

    def _run(self, run_id: str) -> dict[str, Any]:
        """A run as MLflow tells it; empty where there is none."""
        answer = self._get("resolve", f"{_API}/runs/get", {"run_id": run_id})
        return dict(answer.json()["run"]) if answer else {}

    def _stored(self, uri: str) -> str:
        """Follows a version's source to where its files lie: a run's artifact, or a logged model's."""
        scheme, _, rest = uri.partition(":/")
        owner, _, below = rest.strip("/").partition("/")
        if scheme == "runs":
            root = (self._run(owner).get("info") or {}).get("artifact_uri")
        elif scheme == "models" and owner.startswith("m-"):
            answer = self._get("resolve", f"{_API}/logged-models/{owner}", {})
            root = answer.json()["model"]["info"]["artifact_uri"] if answer else None
        else:
            return uri
        if root is None:
            raise BuildFault("resolve", "ModelSourceNotFound", f"the version's source {uri} is gone from {self._uri}")
        return f"{root}/{below}" if below else str(root)

    def files(self, directory: str) -> list[ModelFile]:
        """All files below a directory of the artifact store."""
        found = list(self._walk(directory, PurePosixPath()))
        if not found:
            raise BuildFault("download", "ModelEmpty", f"the artifact store holds no file in {directory}")
        return found

    def _walk(self, directory: str, below: PurePosixPath) -> Iterator[ModelFile]:
        pending = [below]
        listed = 0
        while pending:
            at = pending.pop()
            where = f"{directory}/{at}" if at.parts else directory
            answer = self._get("download", "/api/2.0/mlflow-artifacts/artifacts", {"path": where})
            for entry in (answer.json() if answer else {}).get("files", []):
                path = at / _file_name(entry)
                listed += 1
                if listed > _MOST_FILES:
                    raise BuildFault("download", "ModelTooLarge", f"the model has more than {_MOST_FILES} files")
                if entry.get("is_dir"):
                    pending.append(path)
                else:
                    yield ModelFile(path, f"{directory}/{path}")

    def download(self, file: ModelFile, root: Path) -> None:
        """Streams one file below `root`."""
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        path = "/api/2.0/mlflow-artifacts/artifacts/" + quote(file.stored)

        def store(answer: requests.Response) -> None:
            with answer, target.open("wb") as sink:
                for chunk in answer.iter_content(_CHUNK):
                    sink.write(chunk)

        if self._get("download", path, {}, store) is None:
            raise BuildFault("download", "FileNotFound", f"{file.stored} is listed, but not there")

    def _get(
        self, step: str, path: str, parameters: dict[str, str], use: Callable[[requests.Response], None] | None = None
    ) -> requests.Response | None:
        """One GET, tried again while the fault is transient; None for 404."""
        for attempt in range(_TRIES):
            try:
                return self._once(step, path, parameters, use)
            except BuildFault as fault:
                if not fault.transient or attempt == _TRIES - 1:
                    raise
                self._pause(_FIRST_PAUSE * 2**attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    def _once(
        self, step: str, path: str, parameters: dict[str, str], use: Callable[[requests.Response], None] | None
    ) -> requests.Response | None:
        stream = use is not None
        try:
            answer = self._session.get(self._uri + path, params=parameters, stream=stream, timeout=(5, 120))
            if answer.status_code == 200:
                if use:
                    use(answer)
                elif not _is_object(answer):
                    raise BuildFault(
                        step, "TrackingRefused", f"{self._uri} answered no JSON object to {path}; {_LOGIN}"
                    )
                return answer
        except (requests.RequestException, ConnectionError) as error:
            said = f"MLflow at {self._uri} does not answer: {error}"
            raise BuildFault(step, "TrackingUnavailable", said, transient=True) from error
        if answer.status_code == 404:
            return None
        said = f"MLflow answered {answer.status_code} to {path}: {_excerpt(answer)}"
        transient = answer.status_code >= 500 or answer.status_code == 429
        raise BuildFault(step, "TrackingUnavailable" if transient else "TrackingRefused", said, transient)


def _file_name(entry: dict[str, Any]) -> str:
    """The name of a listed file or directory. Raises BuildFault for one that would leave the model's own directory."""
    listed = str(entry.get("path") or "")
    name = PurePosixPath(listed).name
    if name in ("", "..") or "\0" in name:
        raise BuildFault("download", "InvalidArtifactName", f"the artifact store lists {listed!r}, which names no file")
    return name


def _is_object(answer: requests.Response) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def _excerpt(answer: requests.Response) -> str:
    try:
        document: Any = answer.json()
        return str(document["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]
