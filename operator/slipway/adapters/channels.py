"""Notifications to people: each is sent by a process of its own, which imports Apprise, sends, and ends.

Apprise takes memory that the operator does not have (docs/decisions/0028), and reads addresses that tenants wrote.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from slipway.adapters.hooks import SecretsApi, secret_value
from slipway.adapters.reach import Reach
from slipway.core.plan import Deliver

URL = "url"
_SECONDS = 45.0
_LONGEST_URL = 4096


class Channels:
    """One at a time, so that only one Apprise is in memory."""

    def __init__(self, api: SecretsApi, reach: Reach, seconds: float = _SECONDS) -> None:
        """`seconds` bounds a notification; its process is killed then."""
        self._api, self._reach, self._seconds = api, reach, seconds
        self._place = asyncio.Semaphore(1)

    async def send(self, delivery: Deliver) -> str:
        """Why the channel did not take it; empty when it did."""
        value, problem = await secret_value(self._api, delivery, URL)
        if problem:
            return problem
        if len(value) > _LONGEST_URL:
            return f"the url of Secret {delivery.secret} is too long"
        asked = {
            "url": value.decode("utf-8", "replace").strip(),
            "title": title(delivery.content),
            "body": text(delivery.content),
            "severity": delivery.content["severity"],
            "allow": [str(each) for each in self._reach.allow],
            "deny": [str(each) for each in self._reach.deny],
            "apiServers": sorted(self._reach.api_servers),
        }
        async with self._place:
            return await self._ask(json.dumps(asked).encode())

    async def _ask(self, asked: bytes) -> str:
        """Without the environment: it may hold settings of proxies, and it may hold secrets."""
        environment = {name: os.environ[name] for name in ("PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-B", "-m", "slipway.adapters.channel_process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(asked)
        except TimeoutError:
            return f"the channel did not answer within {self._seconds:g} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            return str(json.loads(answer)["problem"])
        except (ValueError, LookupError):
            return f"the process that sends ended with {process.returncode}"


def title(content: Mapping[str, Any]) -> str:
    """One line: which rollout, and what happened."""
    rollout = content["rollout"]
    return f"{rollout['namespace']}/{rollout['name']}: {content['event']}"


def text(content: Mapping[str, Any]) -> str:
    """What happened, and where."""
    lines = [str(content["message"])]
    for name, label in (("version", "version"), ("stage", "stage"), ("reason", "reason"), ("at", "at")):
        if content.get(name):
            lines.append(f"{label}: {content[name]}")
    return "\n".join(lines)
