"""Webhooks of MetricTemplates against servers on loopback: signed, bounded, never redirected, never waited for."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from slipway.adapters.webhook import Webhooks
from slipway.core.plan import Unavailable
from slipway.core.readings import Question, Reading, Readings, Webhook

from tests.unit.runtime.test_metric_servers import Kept, reader
from tests.unit.runtime.test_services import served

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ASKED = Question("complaints", "ns/fraud", "c", "s", "canary-5", 3, NOW - timedelta(hours=1))
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def counted(events: float = 3, trials: float = 400, at: datetime = NOW) -> web.Response:
    results = [{"revision": name, "numerator": events, "denominator": trials} for name in ("c", "s")]
    return web.json_response({"time": at.isoformat(), "results": results})


def ask(handle: Handle, secret: str = "", timeout: float = 5.0, **secrets: Any) -> Readings | Unavailable:
    """What one question comes to, however long it takes."""

    async def use(address: str) -> Readings | Unavailable:
        hooks = Webhooks(reader(Kept(**secrets)), lambda: 0.0)
        hook = Webhook(f"{address}/count", secret, timeout, 30.0)
        found = await hooks.ask(hook, ASKED, NOW)
        for _ in range(50):
            if not (isinstance(found, Unavailable) and found.reason == "BeingAsked"):
                break
            found = await hooks.ask(hook, ASKED, NOW)
        await hooks.close()
        return found

    return served(handle, use)


def test_a_question_is_signed_with_its_instant_and_says_who_asks() -> None:
    seen: list[tuple[str, Any, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers, await request.read()))
        return counted()

    found = ask(handle, "crm", crm={"token": b"t", "hmac": b"key\n"})
    assert isinstance(found, Readings)
    assert found.of["c"] == Reading(400, events=3)
    method, headers, body = seen[0]
    at = headers["X-Slipway-Timestamp"]
    signed = hmac.new(b"key", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert (method, headers["X-Slipway-Signature"]) == ("POST", f"sha256={signed}")
    assert (headers["Authorization"], int(at)) == ("Bearer t", int(NOW.timestamp()))
    assert json.loads(body)["revisions"] == {"candidate": "c", "stable": "s"}


async def _refuses(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="no")


async def _redirects(request: web.Request) -> web.StreamResponse:
    if request.path == "/elsewhere":
        return counted()
    raise web.HTTPTemporaryRedirect("/elsewhere")


async def _babbles(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b" " * 70_000 + b"{}")


async def _packs(request: web.Request) -> web.StreamResponse:
    answer = counted()
    answer.enable_compression(web.ContentCoding.gzip)
    return answer


async def _sleeps(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return counted()


async def _lies(request: web.Request) -> web.StreamResponse:
    return web.Response(text='{"time": "2026-03-01T12:00:00Z", "results": [{"revision": "c", "value": NaN}]}')


async def _remembers(request: web.Request) -> web.StreamResponse:
    return counted(at=NOW - timedelta(minutes=10))


def test_what_a_url_hides_is_in_no_message() -> None:
    async def use(address: str) -> list[Readings | Unavailable]:
        hooks = Webhooks(reader(Kept()), lambda: 0.0)
        found = []
        for url in (f"{address.replace('//', '//ada:s3cret@')}/count?key=s3cret", "http://ada:s3cret@[x/?key=s3cret"):
            found.append(await hooks.ask(Webhook(url, "", 5.0, 30.0), ASKED, NOW))
        await hooks.close()
        return found

    for each in served(_refuses, use):
        assert isinstance(each, Unavailable)
        assert each.reason == "WebhookUnavailable"
        assert "s3cret" not in each.message


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        (_refuses, "WebhookUnavailable"), (_redirects, "WebhookUnavailable"), (_babbles, "WebhookUnavailable"),
        (_packs, "BadAnswer"), (_sleeps, "WebhookUnavailable"), (_lies, "BadAnswer"), (_remembers, "StaleAnswer"),
    ],
)  # fmt: skip
def test_bad_data_is_no_measurement(handle: Handle, reason: str) -> None:
    found = ask(handle, timeout=0.3 if handle is _sleeps else 5.0)
    assert isinstance(found, Unavailable)
    assert found.reason == reason, found.message


def test_a_secret_that_is_missing_is_said_and_nothing_is_sent() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return counted()

    found = ask(handle, "absent")
    assert isinstance(found, Unavailable)
    assert (found.reason, asked) == ("SecretUnavailable", [])


def test_a_slow_server_holds_up_nobody_and_what_it_said_last_counts_until_it_is_stale() -> None:
    answers = iter([counted(3, 400), None])

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = next(answers)
        if answer is None:
            await asyncio.sleep(60)
        assert answer is not None
        return answer

    async def use(address: str) -> list[Any]:
        clock = [0.0]
        hooks = Webhooks(reader(Kept()), lambda: clock[0])
        hook, found = Webhook(address, "", 30.0, 30.0), []
        for seconds in (0, 31, 40, 95):
            clock[0] = seconds
            found.append(await hooks.ask(hook, ASKED, NOW + timedelta(seconds=seconds)))
        await hooks.close()
        return found

    found = served(handle, use)
    assert [isinstance(each, Readings) for each in found] == [True, True, True, False]
    assert found[3].reason == "StaleAnswer"


def test_a_question_is_asked_once_in_its_rhythm_and_counts_that_went_back_are_none() -> None:
    trials = iter([400, 500, 20, 600])

    async def handle(request: web.Request) -> web.Response:
        return counted(3, next(trials))

    async def use(address: str) -> list[Any]:
        clock = [0.0]
        hooks = Webhooks(reader(Kept()), lambda: clock[0])
        hook, found = Webhook(address, "", 5.0, 30.0), []
        for seconds in (0, 1, 29, 30, 60, 90):
            clock[0] = seconds
            found.append(await hooks.ask(hook, ASKED, NOW))
        assert isinstance(hooks.heard("complaints"), Readings)
        assert hooks.heard("another") is None
        await hooks.close()
        return found

    found = served(handle, use)
    assert [each.of["c"].samples for each in (*found[:4], found[5])] == [400, 400, 400, 500, 600]
    assert found[4].reason == "CountsWentBack"
