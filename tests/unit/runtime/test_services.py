"""Prometheus and MLflow behind their adapters, against small servers on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import TypeVar

from aiohttp import web
from slipway.adapters.mlflow import MLflow
from slipway.adapters.prometheus import Prometheus
from slipway.core.plan import Unavailable
from slipway.runtime.world import ModelVersion

T = TypeVar("T")
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def served(handle: Handle, use: Callable[[str], Awaitable[T]]) -> T:
    """What `use` returns, given the address of a server that answers with `handle`."""

    async def play() -> T:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)  # a handler that still sleeps is not waited for
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await use(f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    return asyncio.run(play())


def vector(*values: str) -> web.Response:
    result = [{"metric": {"n": str(n)}, "value": [0, value]} for n, value in enumerate(values)]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def test_the_same_text_within_a_tick_is_sent_once() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.query["query"])
        return vector("1", "NaN")

    async def use(address: str) -> None:
        prometheus = Prometheus(address)
        answers = await asyncio.gather(*(prometheus.query("up", NOW) for _ in range(20)))
        for answer in answers:
            assert not isinstance(answer, Unavailable)
            assert (answer[0].labels, answer[0].value) == ({"n": "0"}, 1.0)
            assert isnan(answer[1].value)
        await prometheus.query("up", NOW + timedelta(seconds=2))
        await prometheus.query("other", NOW)
        await prometheus.query("up", NOW + timedelta(seconds=5))
        await prometheus.close()

    served(handle, use)
    assert asked == ["up", "other", "up"]


def test_failures_are_unavailable_with_the_time_of_the_first() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"status": "error", "error": "parse error"}, status=400)

    async def use(address: str) -> None:
        prometheus = Prometheus(address)
        for seconds in (0, 30):
            answer = await prometheus.query("bad", NOW + timedelta(seconds=seconds))
            assert isinstance(answer, Unavailable)
            assert (answer.reason, answer.since) == ("PrometheusUnavailable", NOW)
            assert "parse error" in answer.message
        await prometheus.close()

    served(handle, use)


def test_a_slow_prometheus_is_unavailable_and_a_cancelled_caller_harms_no_other() -> None:
    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(1.0)
        return vector("1")

    async def use(address: str) -> None:
        prometheus = Prometheus(address, timeout=0.2)
        first = asyncio.create_task(prometheus.query("up", NOW))
        second = asyncio.create_task(prometheus.query("up", NOW))
        await asyncio.sleep(0.05)
        first.cancel()
        assert isinstance(await second, Unavailable)
        await prometheus.close()

    served(handle, use)


def test_a_server_that_says_nothing_holds_up_no_decision_and_is_left_alone_for_a_while() -> None:
    """A decision asks some twenty questions, in places one after the other."""
    silent, asked = [True], []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.query["query"])
        if silent[0]:
            await asyncio.sleep(5)
        return vector("1")

    async def use(address: str) -> tuple[float, object]:
        prometheus = Prometheus(address, timeout=0.5)
        began = time.monotonic()
        for number in range(5):
            found = await asyncio.gather(*(prometheus.query(f"up{number}{each}", NOW) for each in range(20)))
            assert all(isinstance(each, Unavailable) for each in found)
        took = time.monotonic() - began
        silent[0] = False
        await asyncio.sleep(1.1)
        answer = await prometheus.query("up", NOW)
        await prometheus.close()
        return took, answer

    took, answer = served(handle, use)
    assert took < 4.0, "one after the other they take 25 seconds"
    assert len(asked) <= 20, "what nobody waits for is not asked"
    assert not isinstance(answer, Unavailable)


def test_no_address_is_unavailable() -> None:
    async def ask() -> object:
        return await Prometheus("").query("up", NOW)

    answer = asyncio.run(ask())
    assert isinstance(answer, Unavailable)
    assert "chart" in answer.message


VERSION = {
    "name": "fraud",
    "version": "7",
    "status": "READY",
    "source": "mlflow-artifacts:/7",
    "run_id": "0f3c",
    "tags": [{"key": "slipway.digest", "value": "sha256:ab"}, {"key": "slipway.evaluation", "value": "passed"}],
}


TAGS: dict[str, str] = {}


def run(run_id: str) -> web.Response:
    known = {"ended": {"status": "FINISHED"}, "going": {"status": "RUNNING"}}
    known["gone"] = {"status": "FINISHED", "lifecycle_stage": "deleted"}
    if run_id not in known:
        return web.json_response({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run not found"}, status=404)
    data = {"tags": [{"key": key, "value": value} for key, value in TAGS.items()]}
    return web.json_response({"run": {"info": {"lifecycle_stage": "active", **known[run_id]}, "data": data}})


def registry(asked: list[str]) -> Handle:
    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        if request.path.endswith("registered-models/alias"):
            if request.query["alias"] == "candidate":
                return web.json_response({"model_version": VERSION})
            message = "Registered model alias nobody not found."
            return web.json_response({"error_code": "INVALID_PARAMETER_VALUE", "message": message}, status=400)
        if request.path.endswith("runs/get"):
            return run(request.query["run_id"])
        if request.path.endswith("runs/set-tag"):
            asked_for = await request.json()
            TAGS[asked_for["key"]] = asked_for["value"]
            return run(asked_for["run_id"])
        if request.query["version"] == "7":
            return web.json_response({"model_version": VERSION})
        if request.query["version"] == "8":
            return web.json_response({"model_version": {**VERSION, "status": "PENDING_REGISTRATION"}})
        if request.query["version"] == "9":
            return web.Response(text="<html>bad gateway</html>", status=502)
        body = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model Version not found"}
        return web.json_response(body, status=404)

    return handle


def test_versions_and_aliases_are_resolved_and_kept_for_seconds() -> None:
    asked: list[str] = []
    clock = [0.0]

    async def use(address: str) -> None:
        mlflow = MLflow(address, lambda: clock[0])
        expected = ModelVersion("fraud", "7", "sha256:ab", "passed", "0f3c", "mlflow-artifacts:/7")
        assert await mlflow.model_version("fraud", "7", None) == expected
        assert await mlflow.model_version("fraud", None, "candidate") == expected
        assert await mlflow.model_version("fraud", None, "candidate") == expected
        assert len(asked) == 2
        clock[0] = 5.0
        assert await mlflow.model_version("fraud", None, "candidate") == expected
        assert len(asked) == 3
        await mlflow.close()

    served(registry(asked), use)


def test_absent_is_not_the_same_as_silent() -> None:
    async def use(address: str) -> None:
        mlflow = MLflow(address, lambda: 0.0)
        wanted = {
            ("6", None): "ModelVersionNotFound",
            (None, "nobody"): "ModelVersionNotFound",
            ("8", None): "ModelVersionNotFound",
            ("9", None): "MLflowUnavailable",
            (None, None): "ModelVersionNotFound",
        }
        for (version, alias), reason in wanted.items():
            answer = await mlflow.model_version("fraud", version, alias)
            assert isinstance(answer, Unavailable), (version, alias)
            assert answer.reason == reason, answer
        await mlflow.close()

    served(registry([]), use)


def test_a_run_is_taken_when_it_has_ended() -> None:
    asked: list[str] = []

    async def use(address: str) -> None:
        mlflow = MLflow(address, lambda: 0.0)
        for _ in range(2):
            assert await mlflow.model_run("runs:/ended/model") is None
        assert len(asked) == 1
        for run_id, reason in {"going": "RunNotFinished", "gone": "RunNotFound", "never": "RunNotFound"}.items():
            answer = await mlflow.model_run(f"runs:/{run_id}/model")
            assert answer is not None
            assert answer.reason == reason
        await mlflow.close()

    served(registry(asked), use)


def test_an_mlflow_that_is_away_is_unavailable() -> None:
    async def ask() -> object:
        mlflow = MLflow("http://127.0.0.1:1", lambda: 0.0)
        try:
            return await mlflow.model_version("fraud", "7", None)
        finally:
            await mlflow.close()

    answer = asyncio.run(ask())
    assert isinstance(answer, Unavailable)
    assert answer.reason == "MLflowUnavailable"


def test_tags_of_a_run_are_set_and_read_back() -> None:
    async def use(address: str) -> None:
        TAGS.clear()
        mlflow = MLflow(address, lambda: 0.0)
        assert await mlflow.run_tags("ended") == {}
        assert await mlflow.tag_run("ended", {"a": "1", "b": "2"}) is None
        assert await mlflow.run_tags("ended") == {"a": "1", "b": "2"}, "what was set is read, not remembered"
        for run_id in ("gone", "nobody's"):
            found = await mlflow.run_tags(run_id)
            assert isinstance(found, Unavailable)
            assert found.reason == "RunNotFound"
        failed = await mlflow.tag_run("nobody's", {"a": "1"})
        assert isinstance(failed, Unavailable)
        await mlflow.close()

    served(registry([]), use)


def test_tags_without_mlflow() -> None:
    async def use() -> None:
        mlflow = MLflow("", lambda: 0.0)
        assert isinstance(await mlflow.run_tags("ended"), Unavailable)
        assert isinstance(await mlflow.tag_run("ended", {"a": "1"}), Unavailable)
        await mlflow.close()

    asyncio.run(use())
