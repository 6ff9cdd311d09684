"""Instant queries through prometheus-api-client, shared among all who ask the same within one tick."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import requests
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from urllib3.util.retry import Retry

from slipway.core.plan import Unavailable
from slipway.runtime.world import Sample

Answer = Sequence[Sample] | Unavailable
REASON = "PrometheusUnavailable"
_RETRIES = Retry(total=1, backoff_factor=0.2, status_forcelist=(502, 503, 504), allowed_methods=None)


class Prometheus:
    """Failures are answers too, and are shared for a tick like the others: an ill server is not hammered."""

    def __init__(self, address: str, timeout: float = 10.0, tick: float = 5.0, threads: int = 4) -> None:
        """`timeout` in seconds bounds a request; a query is sent at most once in `tick` seconds."""
        self._address = address
        self._timeout, self._tick = timeout, tick
        self._answers: dict[str, tuple[int, asyncio.Task[Answer]]] = {}
        self._since: datetime | None = None
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="prometheus")
        # The time-out is the server's as well (parameter below): it stops computing what nobody waits for.
        self._client = _client(address, timeout) if address else None

    async def query(self, promql: str, now: datetime) -> Answer:
        """The instant vector at about `now`, at most a tick old, or why there is none."""
        if self._client is None:
            return Unavailable(REASON, "no address of Prometheus is set: set prometheus.url of the chart", None)
        tick = math.floor(now.timestamp() / self._tick)
        known = self._answers.get(promql)
        if known is None or known[0] != tick:
            self._answers = {text: each for text, each in self._answers.items() if each[0] >= tick - 1}
            known = self._answers[promql] = (tick, asyncio.create_task(self._ask(promql, now)))
        return await asyncio.shield(known[1])  # one caller's cancellation is not the others'

    async def close(self) -> None:
        """Ends the threads; requests that run are left to their time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, promql: str, now: datetime) -> Answer:
        try:
            vector = await asyncio.get_running_loop().run_in_executor(self._pool, self._send, promql, now)
            samples = [Sample(each["metric"], float(each["value"][1])) for each in vector]
        except (requests.RequestException, PrometheusApiClientException, KeyError, TypeError, ValueError) as error:
            self._since = self._since or now
            return Unavailable(REASON, f"Prometheus at {self._address} did not answer: {str(error)[:300]}", self._since)
        self._since = None
        return samples

    def _send(self, promql: str, now: datetime) -> Sequence[Mapping[str, Any]]:
        assert self._client is not None
        parameters = {"time": f"{now.timestamp():.3f}", "timeout": f"{self._timeout:g}s"}
        answer: Sequence[Mapping[str, Any]] = self._client.custom_query(promql, parameters)
        return answer


def _client(address: str, timeout: float) -> PrometheusConnect:
    session = requests.Session()
    session.trust_env = False  # a proxy from the environment would take queries out of the cluster
    return PrometheusConnect(address.rstrip("/"), retry=_RETRIES, timeout=timeout, session=session)
