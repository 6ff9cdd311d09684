"""The model registry over MLflow's REST interface: versions, aliases, whether a run has ended, and tags of runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from slipway.api.v1alpha1.fingerprints import DEFINITIONS_TAG
from slipway.core.plan import Unavailable
from slipway.features.tags import of_tags
from slipway.runtime.world import ModelVersion

Answer = ModelVersion | Unavailable
Kept = Answer | Mapping[str, str] | None
UNREACHABLE, DENIED, NOT_FOUND = "MLflowUnavailable", "MLflowDenied", "ModelVersionNotFound"
RUN_NOT_FOUND, RUN_NOT_FINISHED = "RunNotFound", "RunNotFinished"
# An alias that does not exist is INVALID_PARAMETER_VALUE in MLflow's own stores, a version RESOURCE_DOES_NOT_EXIST.
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"})


class MLflow:
    """Answers are kept for `keep` seconds, so that many rollouts of one model ask once."""

    def __init__(
        self,
        address: str,
        now: Callable[[], float],
        timeout: float = 10.0,
        keep: float = 5.0,
        login: tuple[str, str] | None = None,
    ) -> None:
        """`now` is a monotonic clock in seconds; `timeout` in seconds bounds a request; `login` is user and
        password."""
        self._headers = {"Authorization": aiohttp.encode_basic_auth(*login)} if login else {}
        self._address = address.rstrip("/")
        self._now, self._keep = now, keep
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None
        self._answers: dict[tuple[str, str], tuple[float, Kept]] = {}

    async def model_version(self, name: str, version: str | None, alias: str | None) -> Answer:
        """The version, resolved; `Unavailable` says whether there is none or MLflow does not answer."""
        if not version and not alias:
            return Unavailable(NOT_FOUND, f"model {name}: neither a version nor an alias is given")
        which = (name, f"v{version}" if version else f"@{alias}")
        answer = await self._kept(which, lambda: self._ask(name, version, alias))
        if isinstance(answer, ModelVersion | Unavailable):
            return answer
        return Unavailable(NOT_FOUND, f"model {name}: MLflow tells of no version")

    async def model_run(self, uri: str) -> Unavailable | None:
        """None where the run of `runs:/RUN/PATH` has ended: its model does not change any more."""
        run_id = uri.removeprefix("runs:/").partition("/")[0]
        answer = await self._kept((run_id, "run"), lambda: self._ask_run(run_id))
        return answer if isinstance(answer, Unavailable) else None

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable:
        """All tags of a run; a run that was deleted is not found."""
        answer = await self._kept((run, "tags"), lambda: self._ask_tags(run))
        return answer if isinstance(answer, Mapping | Unavailable) else {}

    async def tag_run(self, run: str, tags: Mapping[str, str]) -> Unavailable | None:
        """Sets tags of a run, one request each; says why when one could not be set."""
        if not self._address:
            return Unavailable(UNREACHABLE, "no address of MLflow is set: set mlflow.url of the chart")
        self._answers.pop((run, "tags"), None)
        for name, value in tags.items():
            body = {"run_id": run, "key": name, "value": value}
            answer = await self._told("runs/set-tag", body, f"run {run}", RUN_NOT_FOUND, method="POST")
            if isinstance(answer, Unavailable):
                return answer
        return None

    async def _kept(self, which: tuple[str, str], ask: Callable[[], Awaitable[Kept]]) -> Kept:
        if not self._address:
            return Unavailable(UNREACHABLE, "no address of MLflow is set: set mlflow.url of the chart")
        if which not in self._answers or self._now() - self._answers[which][0] >= self._keep:
            self._answers = {key: each for key, each in self._answers.items() if self._now() - each[0] < self._keep}
            answer = await ask()
            self._answers[which] = (self._now(), answer)
        return self._answers[which][1]

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, name: str, version: str | None, alias: str | None) -> Answer:
        path, query = "model-versions/get", {"name": name, "version": version or ""}
        if not version:
            path, query = "registered-models/alias", {"name": name, "alias": alias or ""}
        label = f"model {name} {'version ' + version if version else 'alias ' + str(alias)}"
        body = await self._told(path, query, label, NOT_FOUND)
        return body if isinstance(body, Unavailable) else _version(body.get("model_version") or {}, label)

    async def _ask_run(self, run_id: str) -> Unavailable | None:
        body = await self._told("runs/get", {"run_id": run_id}, f"run {run_id}", RUN_NOT_FOUND)
        return body if isinstance(body, Unavailable) else _unfinished((body.get("run") or {}).get("info") or {}, run_id)

    async def _ask_tags(self, run_id: str) -> Mapping[str, str] | Unavailable:
        body = await self._told("runs/get", {"run_id": run_id}, f"run {run_id}", RUN_NOT_FOUND)
        if isinstance(body, Unavailable):
            return body
        run = body.get("run") or {}
        if (run.get("info") or {}).get("lifecycle_stage", "active") != "active":
            return Unavailable(RUN_NOT_FOUND, f"run {run_id} was deleted")
        return {str(tag["key"]): str(tag.get("value", "")) for tag in (run.get("data") or {}).get("tags") or ()}

    async def _told(
        self, path: str, query: Mapping[str, str], label: str, absent: str, method: str = "GET"
    ) -> dict[str, Any] | Unavailable:
        """The answer's body; `absent` is the reason where MLflow says that there is no such thing."""
        try:
            status, body = await self._request(method, path, query)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            return Unavailable(UNREACHABLE, f"MLflow at {self._address} did not answer for {label}: {reason}")
        if status == 200:
            return body
        if status in (401, 403):
            why = (
                "check the Secret's user, password and rights"
                if self._headers
                else "set mlflow.secretName of the chart"
            )
            return Unavailable(DENIED, f"{label}: MLflow answered {status}: {why}")
        message = f"{label}: {body.get('message', f'HTTP {status}')}"
        if 400 <= status < 500 and body.get("error_code") in _ABSENT:
            return Unavailable(absent, message)
        return Unavailable(UNREACHABLE, message)

    async def _request(self, method: str, path: str, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        url = f"{self._address}/api/2.0/mlflow/{path}"
        given: dict[str, Any] = {"params": query} if method == "GET" else {"json": query}
        async with self._session.request(method, url, **given) as response:
            if response.status in (401, 403):  # of whatever guards MLflow, in whatever form
                return response.status, {}
            body = await response.json(content_type=None)
            return response.status, body if isinstance(body, dict) else {}


def _unfinished(info: Mapping[str, Any], run_id: str) -> Unavailable | None:
    if info.get("lifecycle_stage", "active") != "active":
        return Unavailable(RUN_NOT_FOUND, f"run {run_id} was deleted")
    if info.get("status") in ("RUNNING", "SCHEDULED"):
        return Unavailable(RUN_NOT_FINISHED, f"run {run_id} has not ended: its model may still change")
    return None


def _version(body: Mapping[str, Any], label: str) -> Answer:
    if body.get("status", "READY") != "READY":
        return Unavailable(NOT_FOUND, f"{label} is not ready in the registry: {body.get('status')}")
    tags = {tag["key"]: tag.get("value", "") for tag in body.get("tags") or ()}
    return ModelVersion(
        name=str(body.get("name", "")),
        version=str(body.get("version", "")),
        digest=tags.get("slipway.digest", ""),
        evaluation=tags.get("slipway.evaluation", ""),
        run=str(body.get("run_id") or ""),
        source=str(body.get("source", "")),
        cause=tags.get("slipway.cause", ""),
        definitions=of_tags(DEFINITIONS_TAG, tags),
    )
