"""Calls of hooks over real loopback HTTP: signature, what is refused, and what is said of a failure."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

import pytest
from slipway.adapters.hooks import HookCalls
from slipway.adapters.reach import Reach, networks
from slipway.core.plan import Deliver, ObjectKey
from slipway.runtime.errors import Forbidden, Gone

from tests.loopback import answering, free_port
from tests.unit.runtime.fakes import ROLLOUT

TOKEN = b"s3cret"
LOOPBACK = Reach(allow=networks(["127.0.0.0/8"]))


class Hook(BaseHTTPRequestHandler):
    """Keeps what it was sent; answers `status`."""

    seen: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    status: ClassVar[int] = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


class Secrets:
    def __init__(self, error: Exception | None = None, **data: bytes) -> None:
        self.error, self.data = error, data

    async def get(self, key: ObjectKey) -> Any:
        if self.error is not None:
            raise self.error
        return {"data": {name: b64encode(value).decode() for name, value in self.data.items()}}


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.seen, Hook.status = [], 204
    with answering(Hook) as place:
        yield f"http://{place}/in?x=1"


def call(url: str, secret: str = "", reach: Reach = LOOPBACK, secrets: Secrets | None = None, wait: float = 5) -> str:
    content = {"id": "uid-7", "event": "Promoted", "message": "ä"}
    sent = Deliver(ROLLOUT, "uid", "hook/a", 7, content, url, secret)
    calls = HookCalls(secrets or Secrets(token=TOKEN), reach, lambda: 1_800_000_000.7, wait)
    return asyncio.run(calls.send(sent))


def test_a_call_is_signed_over_time_and_body_and_has_a_key_of_its_own(hook: str) -> None:
    assert call(hook, "signing") == ""
    ((headers, body),) = Hook.seen
    expected = hmac.new(TOKEN, b"1800000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-slipway-timestamp"] == "1800000000"
    assert headers["x-slipway-signature"] == f"sha256={expected}"
    assert headers["x-slipway-delivery"] == "uid-7-hook/a"
    assert (headers["x-slipway-event"], headers["content-type"]) == ("Promoted", "application/json")
    assert json.loads(body)["message"] == "ä"


def test_without_a_secret_there_is_no_signature(hook: str) -> None:
    assert call(hook) == ""
    assert "x-slipway-signature" not in Hook.seen[0][0]


@pytest.mark.parametrize(
    ("status", "problem"), [(500, "HTTP 500"), (302, "HTTP 302: redirects are not followed"), (404, "HTTP 404")]
)
def test_another_answer_is_no_delivery(hook: str, status: int, problem: str) -> None:
    Hook.status = status
    assert call(hook) == problem
    assert len(Hook.seen) == 1


@pytest.mark.parametrize(
    ("secrets", "problem"),
    [
        (Secrets(Gone("404")), "there is no Secret signing"),
        (Secrets(Forbidden("403")), "the operator may not read Secret signing (secrets.read of the chart)"),
        (Secrets(another=b"x"), "Secret signing lacks the key token"),
    ],
)
def test_a_call_that_cannot_be_signed_is_not_made(hook: str, secrets: Secrets, problem: str) -> None:
    assert call(hook, "signing", secrets=secrets) == problem
    assert Hook.seen == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_not_reached_under_any_of_its_names(hook: str, host: str) -> None:
    port = hook.split(":")[2].split("/")[0]
    problem = call(f"http://{host}:{port}/", reach=Reach())
    assert problem
    assert Hook.seen == []


def test_nobody_there_and_nobody_in_time_are_told_apart() -> None:
    assert call(f"http://127.0.0.1:{free_port()}/").startswith("no connection")


@pytest.mark.parametrize(
    ("address", "port", "refused"),
    [
        ("169.254.169.254", 80, True), ("fe80::1%eth0", 80, True), ("fd00:ec2::254", 80, True),
        ("10.96.0.1", 443, True),
        ("10.96.0.1", 8443, False), ("10.0.0.7", 80, False), ("93.184.216.34", 443, False), ("224.0.0.1", 80, True),
        ("::", 80, True), ("64:ff9b::7f00:1", 80, True), ("2002:7f00:1::", 80, True),
        ("::127.0.0.1", 80, True),
        ("0.1.2.3", 80, True), ("192.168.9.9", 80, True), ("192.168.1.1", 80, False), ("not-a-number", 80, True),
        ("127.0.0.9", 80, False),
    ],
)  # fmt: skip
def test_which_addresses_are_refused(address: str, port: int, refused: bool) -> None:
    reach = Reach(networks(["127.0.0.9"]), networks(["192.168.9.0/24"]), frozenset({("10.96.0.1", 443)}))
    assert bool(reach.refusal(address, port)) is refused


def test_denied_beats_allowed() -> None:
    both = Reach(networks(["127.0.0.0/8"]), networks(["127.0.0.1"]))
    assert "denied" in both.refusal("127.0.0.1", 80)
