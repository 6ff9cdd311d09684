"""Webhooks of MetricTemplates: a POST of JSON, signed, bounded in time and bytes, never redirected.

A slow server holds up nobody: what it said last counts until it is stale, and it is asked again beside the decisions.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import aiohttp

from slipway.adapters.credentials import NOBODY, Credentials, bare, credentials
from slipway.adapters.prometheus_servers import SecretReader
from slipway.core.plan import Unavailable
from slipway.core.readings import Question, Readings, Webhook, parse

REASON = "WebhookUnavailable"
MOST_BYTES = 65_536
PATIENCE = 1.0
"""Seconds that a decision waits for an answer that is on its way."""

FORGET = 3600.0


@dataclass
class _Line:
    """One question to one server: the request that runs or ran last, and what it came to."""

    asked_at: float
    task: asyncio.Task[Readings | Unavailable]
    last: Readings | Unavailable | None = None
    counted: dict[str, float] = field(default_factory=dict)


class Webhooks:
    """Each question is asked at most once in the webhook's `every` seconds."""

    def __init__(self, secrets: SecretReader, now: Callable[[], float]) -> None:
        """`now` is a monotonic clock in seconds."""
        self._secrets, self._now = secrets, now
        self._lines: dict[tuple[Webhook, Question], _Line] = {}
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, hook: Webhook, question: Question, now: datetime) -> Readings | Unavailable:
        """What was answered last, or why that says nothing."""
        line = self._line(hook, question, now)
        if not line.task.done():
            await asyncio.wait({line.task}, timeout=PATIENCE)
        if line.task.done():
            line.last = _not_back(line, line.task.result(), question)
        if line.last is None:
            return Unavailable("BeingAsked", f"{bare(hook.url)} has not answered yet")
        if isinstance(line.last, Unavailable):
            return line.last
        return line.last.stale(now, max(question.window, 2 * hook.every)) or line.last

    def heard(self, template: str) -> Readings | Unavailable | None:
        """What the latest question of a MetricTemplate came to, whichever rollout it was asked for."""
        lines = [line for (_, asked), line in self._lines.items() if asked.template == template and line.last]
        return max(lines, key=lambda line: line.asked_at).last if lines else None

    async def close(self) -> None:
        """Ends what runs."""
        for line in self._lines.values():
            line.task.cancel()
        if self._session is not None:
            await self._session.close()

    def _line(self, hook: Webhook, question: Question, now: datetime) -> _Line:
        key, clock = (hook, question), self._now()
        known = self._lines.get(key)
        if known is not None and (clock - known.asked_at < hook.every or not known.task.done()):
            return known
        self._lines = {k: each for k, each in self._lines.items() if clock - each.asked_at < FORGET}
        task = asyncio.create_task(self._send(hook, question.body(now), now))
        if known is None:
            line = _Line(clock, task)
        else:
            line = replace(known, asked_at=clock, task=task, last=_not_back(known, known.task.result(), question))
        self._lines[key] = line
        return line

    async def _send(self, hook: Webhook, body: str, now: datetime) -> Readings | Unavailable:
        found = await self._credentials(hook)
        if isinstance(found, Unavailable):
            return found
        try:
            return await self._post(hook, body.encode(), found, now)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            why = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
            why = why.replace(hook.url, bare(hook.url))
            return Unavailable(REASON, f"{bare(hook.url)} did not answer: {why[:300]}")

    async def _post(self, hook: Webhook, body: bytes, told: Credentials, now: datetime) -> Readings | Unavailable:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
        async with self._session.post(
            hook.url, data=body, headers=_headers(told, body, now), allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=hook.timeout), ssl=told.context(),
        ) as response:  # fmt: skip
            if response.status != 200:
                return Unavailable(REASON, f"{bare(hook.url)} answered HTTP {response.status}")
            text = await _bounded(response.content)
        if text is None:
            return Unavailable(REASON, f"{bare(hook.url)} answered more than {MOST_BYTES} bytes")
        found = parse(text)
        return replace(found, message=f"{bare(hook.url)}: {found.message}") if isinstance(found, Unavailable) else found

    async def _credentials(self, hook: Webhook) -> Credentials | Unavailable:
        if not hook.secret:
            return NOBODY
        contents = await self._secrets.read(hook.secret)
        return contents if isinstance(contents, Unavailable) else credentials(contents, hook.secret)


async def _bounded(content: aiohttp.StreamReader) -> bytes | None:
    """The whole body; None where it is too long."""
    text = b""
    async for chunk in content.iter_chunked(8192):
        text += chunk
        if len(text) > MOST_BYTES:
            return None
    return text


def _headers(told: Credentials, body: bytes, now: datetime) -> dict[str, str]:
    """The signature covers the instant, so that a request which somebody kept is worth nothing later."""
    at = str(int(now.timestamp()))
    found = {"Content-Type": "application/json", "Accept-Encoding": "identity", "X-Slipway-Timestamp": at}
    if told.authorization:
        found["Authorization"] = told.authorization
    if told.key:
        signed = hmac.new(told.key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        found["X-Slipway-Signature"] = f"sha256={signed}"
    return found


def _not_back(line: _Line, found: Readings | Unavailable, question: Question) -> Readings | Unavailable:
    """Counts since one instant only grow; what a server has forgotten is not made up for by what it counts anew."""
    if isinstance(found, Unavailable) or question.window:
        return found
    for revision, reading in found.of.items():
        if reading.events is None:
            continue
        if reading.samples < line.counted.get(revision, 0.0):
            most = json.dumps(line.counted[revision])
            return Unavailable("CountsWentBack", f"{most} trials of {revision} were counted before, now fewer")
        line.counted[revision] = reading.samples
    return found
