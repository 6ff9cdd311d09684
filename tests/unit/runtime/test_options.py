"""Flags, environment, discovery of paths, log lines."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from slipway.adapters.api_paths import Paths
from slipway.core.plan import ObjectKey
from slipway.runtime import logs, options
from slipway.runtime.errors import KindMissing


def test_flags_win_over_the_environment() -> None:
    environment = {
        "SLIPWAY_PROMETHEUS": "http://p",
        "SLIPWAY_NAMESPACES": " b, a,,b",
        "SLIPWAY_REGISTRY_PLAIN_HTTP": "true",
    }
    chosen = options.parse(["--prometheus", "http://q", "--lease-duration", "30"], environment)
    assert chosen.settings.prometheus == "http://q"
    assert chosen.settings.registry_plain_http
    assert chosen.namespaces == ("a", "b")
    assert chosen.durations.duration == 30
    assert chosen.identity


def test_the_login_of_mlflow_comes_from_the_environment_alone_and_is_not_shown() -> None:
    login = {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "open sesame"}
    chosen = options.parse(["--mlflow-secret", "mlflow"], login)
    assert (chosen.mlflow_login, chosen.settings.mlflow_secret) == (("ada", "open sesame"), "mlflow")
    assert "sesame" not in repr(chosen)
    assert options.parse([], {"MLFLOW_TRACKING_USERNAME": "ada"}).mlflow_login is None


@pytest.mark.parametrize(
    "flags",
    [["--log-level", "LOUD"], ["--lease-renew-deadline", "20"], ["--webhook-cert", "x"], ["--workers", "many"]],
)
def test_a_wrong_value_ends_with_a_message(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(flags, {})
    assert "error:" in capsys.readouterr().err


def test_paths_are_discovered_once_and_a_missing_kind_is_asked_for_again_later() -> None:
    asked: list[str] = []
    now = [0.0]
    served: dict[str, list[Mapping[str, Any]]] = {
        "v1": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
            {"name": "pods/log", "kind": "Pod", "namespaced": True},
        ]
    }

    async def discover(api_version: str) -> Sequence[Mapping[str, Any]]:
        asked.append(api_version)
        if api_version not in served:
            raise KindMissing(f"no {api_version}")
        return served[api_version]

    async def play() -> None:
        paths = Paths(discover, lambda: now[0])
        config_map = ObjectKey("v1", "ConfigMap", "n", "c")
        assert await paths.of(config_map) == "/api/v1/namespaces/n/configmaps/c"
        assert await paths.collection(config_map) == "/api/v1/namespaces/n/configmaps"
        route = ObjectKey("gateway.networking.k8s.io/v1", "HTTPRoute", "n", "r")
        assert await paths.of(route) == "/apis/gateway.networking.k8s.io/v1/namespaces/n/httproutes/r"
        other = ObjectKey("x.io/v1", "Thing", "n", "t")
        for _ in range(3):
            with pytest.raises(KindMissing):
                await paths.of(other)
        assert asked == ["v1", "x.io/v1"]
        now[0] += 31
        served["x.io/v1"] = [{"name": "things", "kind": "Thing", "namespaced": False}]
        assert await paths.of(other) == "/apis/x.io/v1/things/t"

    asyncio.run(play())


def test_json_lines_carry_the_exception() -> None:
    try:
        raise ValueError("odd")
    except ValueError as error:
        record = logging.LogRecord("here", logging.ERROR, "f", 1, "it %s", ("failed",), (type(error), error, None))
    line = json.loads(logs.JsonLines().format(record))
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "here", "it failed")
    assert "odd" in line["exception"]
