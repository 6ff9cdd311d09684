"""A MetricTemplate's own Prometheus: who is told which credentials, and whose certificate is believed."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from slipway.adapters.credentials import Credentials, credentials
from slipway.adapters.prometheus_servers import PrometheusServers
from slipway.adapters.secrets import Secrets
from slipway.core.plan import ObjectKey, Unavailable
from slipway.core.readings import Server
from slipway.runtime.errors import Forbidden, Gone, Unreachable

from tests.controlplane.real_operator import certificate
from tests.unit.runtime.test_services import served, vector

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Kept:
    """Secrets by name; counts how often each was read, and from where."""

    def __init__(self, **secrets: Mapping[str, bytes] | Exception) -> None:
        self.secrets, self.asked = secrets, list[ObjectKey]()

    async def get(self, key: ObjectKey) -> dict[str, Any]:
        self.asked.append(key)
        found = self.secrets.get(key.name, Gone("no such Secret", key))
        if isinstance(found, Exception):
            raise found
        return {"data": {name: base64.b64encode(value).decode() for name, value in found.items()}}


def reader(kept: Kept, clock: list[float] | None = None) -> Secrets:
    times = clock or [0.0]
    return Secrets(kept, "slipway-system", (*kept.secrets, "reader"), lambda: times[0])


@pytest.mark.parametrize(
    ("contents", "header"),
    [
        ({"token": b"t0k\n"}, "Bearer t0k"),
        ({"username": b"ada", "password": b"s3c"}, "Basic " + base64.b64encode(b"ada:s3c").decode()),
        ({"hmac": b"key"}, ""),
    ],
)
def test_the_keys_of_a_secret_say_how_to_ask(contents: Mapping[str, bytes], header: str) -> None:
    found = credentials(contents, "reader")
    assert isinstance(found, Credentials)
    assert found.authorization == header
    assert "t0k" not in repr(found)
    assert "s3c" not in repr(found)


@pytest.mark.parametrize(
    "contents", [{}, {"Token": b"x"}, {"token": b"a\nb"}, {"token": b"\xff"}, {"ca.crt": b"no certificate"}]
)
def test_a_secret_that_says_nothing_usable_is_unavailable_and_not_told(contents: Mapping[str, bytes]) -> None:
    found = credentials(contents, "reader")
    assert isinstance(found, Unavailable)
    assert found.reason == "SecretUnavailable"
    assert "a\nb" not in found.message


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (Gone("gone"), "does not exist"),
        (Forbidden("no"), "metricTemplates.secrets of the chart"),
        (Unreachable("away"), "could not be read: away"),
    ],
)
def test_what_mends_a_secret_that_cannot_be_read_is_said(failure: Exception, says: str) -> None:
    found = asyncio.run(reader(Kept(reader=failure)).read("reader"))
    assert isinstance(found, Unavailable)
    assert says in found.message


def test_a_secret_that_the_chart_does_not_name_is_never_asked_for() -> None:
    kept = Kept(another={"token": b"x"})
    found = asyncio.run(Secrets(kept, "slipway-system", ["reader"], lambda: 0.0).read("another"))
    assert isinstance(found, Unavailable)
    assert "name it in metricTemplates.secrets of the chart" in found.message
    assert kept.asked == []


def test_only_the_operators_namespace_is_read_and_not_more_than_once_a_minute() -> None:
    kept, clock = Kept(reader={"token": b"one"}), [0.0]
    secrets = reader(kept, clock)

    async def use() -> list[Any]:
        found = [*await asyncio.gather(*(secrets.read("reader") for _ in range(5)))]
        kept.secrets["reader"] = {"token": b"two"}
        clock[0] = 59.0
        found.append(await secrets.read("reader"))
        clock[0] = 60.0
        return [*found, await secrets.read("reader")]

    assert [each["token"] for each in asyncio.run(use())] == [b"one"] * 6 + [b"two"]
    assert kept.asked == [ObjectKey("v1", "Secret", "slipway-system", "reader")] * 2


def test_each_server_is_told_its_own_credentials_and_the_installations_none() -> None:
    told: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        told.append(request.headers.get("Authorization", ""))
        return vector("1")

    async def use(address: str) -> None:
        servers = PrometheusServers(address, reader(Kept(reader={"token": b"t"})))
        for server in (None, Server(address, "reader"), Server("", "reader"), Server(address)):
            assert not isinstance(await servers.query("up", NOW, server), Unavailable)
        found = await servers.query("up", NOW, Server(address, "absent"))
        assert isinstance(found, Unavailable)
        await servers.close()

    served(handle, use)
    assert told == ["", "Bearer t", "Bearer t", ""]


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async def use(address: str) -> Any:
        servers = PrometheusServers("", reader(Kept(reader={"token": b"t"})))
        found = await servers.query("up", NOW, Server(address, "reader"))
        await servers.close()
        return found

    assert isinstance(served(handle, use), Unavailable)
    assert asked == ["/api/v1/query"]


def test_changed_credentials_are_used_and_the_old_ones_forgotten() -> None:
    told: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        told.append(request.headers["Authorization"])
        return vector("1")

    async def use(address: str) -> None:
        kept, clock = Kept(reader={"token": b"one"}), [0.0]
        servers = PrometheusServers("", reader(kept, clock))
        await servers.query("up", NOW, Server(address, "reader"))
        kept.secrets["reader"], clock[0] = {"token": b"two"}, 61.0
        await servers.query("up", NOW, Server(address, "reader"))
        await servers.close()

    served(handle, use)
    assert told == ["Bearer one", "Bearer two"]


def test_a_server_that_nobody_asks_any_more_leaves_no_threads() -> None:
    async def handle(_: web.Request) -> web.Response:
        return vector("1")

    def threads() -> int:
        return sum(each.name.startswith("prometheus") for each in threading.enumerate())

    async def use(address: str) -> None:
        clock, before = [0.0], threads()
        servers = PrometheusServers("", reader(Kept()), lambda: clock[0])
        for number in range(5):
            clock[0] += 3000.0
            assert not isinstance(await servers.query("up", NOW, Server(f"{address}/{number}/..")), Unavailable)
            assert not isinstance(await servers.query("up", NOW, Server(address)), Unavailable)
        for _ in range(100):  # a thread ends when it is its turn
            if threads() - before <= 3:
                break
            await asyncio.sleep(0.1)
        assert threads() - before <= 3, "the one in use, the latest, and one that may be in use"
        await servers.close()

    served(handle, use)


def test_questions_that_wait_for_the_old_credentials_are_answered_when_they_change() -> None:
    """A decision waits for each of them: one that is cut off would end its worker."""

    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return vector("1")

    async def use(address: str) -> list[Any]:
        kept, clock = Kept(reader={"token": b"one"}), [0.0]
        servers, server = PrometheusServers("", reader(kept, clock)), Server(address, "reader")
        texts = [f"up{number}" for number in range(9)]  # more than there are threads
        waiting = [asyncio.create_task(servers.query(text, NOW, server)) for text in texts]
        await asyncio.sleep(0.05)
        kept.secrets["reader"], clock[0] = {"token": b"two"}, 61.0
        await servers.query("up", NOW, server)
        found = await asyncio.gather(*waiting, return_exceptions=True)
        await servers.close()
        return found

    assert [type(each) for each in served(handle, use)] == [list] * 9


class Vector(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"7"]}]}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.mark.parametrize("trusted", [True, False])
def test_a_private_authority_is_believed_where_the_secret_names_it_and_not_otherwise(
    tmp_path: Path, trusted: bool
) -> None:
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with HTTPServer(("127.0.0.1", 0), Vector) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        contents = {"token": b"t"} | ({"ca.crt": files.certificate.read_bytes()} if trusted else {})

        async def use() -> Any:
            servers = PrometheusServers("", reader(Kept(reader=contents)))
            found = await servers.query("up", NOW, Server(f"https://127.0.0.1:{server.server_port}", "reader"))
            await servers.close()
            return found

        found = asyncio.run(use())
        server.shutdown()
    assert isinstance(found, Unavailable) is not trusted
    assert not trusted or found[0].value == 7
