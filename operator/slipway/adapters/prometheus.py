"""Instant queries through prometheus-api-client, shared among all who ask the same within one tick."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import requests
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from slipway.adapters.credentials import NOBODY, Credentials, bare
from slipway.core.plan import Unavailable
from slipway.runtime.world import Sample

Answer = Sequence[Sample] | Unavailable
REASON = "PrometheusUnavailable"
_RETRIES = Retry(total=1, backoff_factor=0.2, status_forcelist=(502, 503, 504), allowed_methods=None)


class Prometheus:
    """Failures are answers too, and are shared for a tick like the others: an ill server is not hammered.

    A server that says nothing holds up no decision for long: whoever has waited for two time-outs goes on without an
    answer, and where nobody else has heard from it either, for as long nobody asks.
    """

    def __init__(
        self,
        address: str,
        timeout: float = 10.0,
        tick: float = 5.0,
        threads: int = 4,
        credentials: Credentials = NOBODY,
    ) -> None:
        """`timeout` in seconds bounds a request; a query is sent at most once in `tick` seconds."""
        self._url, self._address = address, bare(address)
        self._timeout, self._tick = timeout, tick
        self._answers: dict[str, tuple[int, asyncio.Task[Answer]]] = {}
        self._since: datetime | None = None
        self._patience = 2 * timeout
        self._heard_at, self._quiet_until = -math.inf, -math.inf
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="prometheus")
        # The time-out is the server's as well (parameter below): it stops computing what nobody waits for.
        self._client = _client(address, timeout, credentials) if address else None

    async def query(self, promql: str, now: datetime) -> Answer:
        """The instant vector at about `now`, at most a tick old, or why there is none."""
        if self._client is None:
            return Unavailable(REASON, "no address of Prometheus is set: set prometheus.url of the chart", None)
        tick = math.floor(now.timestamp() / self._tick)
        known = self._answers.get(promql)
        if known is None or known[0] != tick:
            if time.monotonic() < self._quiet_until:
                return self._silent()
            self._answers = {text: each for text, each in self._answers.items() if each[0] >= tick - 1}
            known = self._answers[promql] = (tick, asyncio.create_task(self._ask(promql, now)))
        began = time.monotonic()
        done, _ = await asyncio.wait({known[1]}, timeout=self._patience)  # a caller's cancellation is not the others'
        if done:
            return known[1].result()
        self._since = self._since or now
        if self._heard_at < began:
            self._quiet_until = time.monotonic() + self._patience
        return self._silent()

    def _heard(self) -> None:
        self._heard_at, self._quiet_until = time.monotonic(), -math.inf

    def _silent(self) -> Unavailable:
        message = f"Prometheus at {self._address} did not answer within {self._patience:g} s"
        return Unavailable(REASON, message, self._since)

    async def close(self) -> None:
        """Ends the threads; requests that run are left to their time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def retire(self) -> None:
        """Ends the threads when all that was asked has its answer: a decision waits for it, and must not be cut off."""
        asked = [task for _, task in self._answers.values()]
        await asyncio.gather(*asked, return_exceptions=True)
        self._pool.shutdown(wait=False)

    async def _ask(self, promql: str, now: datetime) -> Answer:
        loop, until = asyncio.get_running_loop(), time.monotonic() + self._patience
        try:
            vector = await loop.run_in_executor(self._pool, self._send, promql, now, until)
            samples = [Sample(each["metric"], float(each["value"][1])) for each in vector]
        except (requests.RequestException, PrometheusApiClientException, KeyError, TypeError, ValueError) as error:
            if not isinstance(error, requests.ConnectionError | requests.Timeout):
                self._heard()
            self._since = self._since or now
            why = str(error).replace(self._url, self._address)[:300]
            return Unavailable(REASON, f"Prometheus at {self._address} did not answer: {why}", self._since)
        self._since = None
        self._heard()
        return samples

    def _send(self, promql: str, now: datetime, until: float) -> Sequence[Mapping[str, Any]]:
        assert self._client is not None
        if time.monotonic() >= until:
            raise requests.Timeout("no thread was free while anybody waited")
        parameters = {"time": f"{now.timestamp():.3f}", "timeout": f"{self._timeout:g}s"}
        answer: Sequence[Mapping[str, Any]] = self._client.custom_query(promql, parameters)
        return answer


class _Pinned(HTTPAdapter):
    """Trusts one authority, and not those of the public."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=_RETRIES)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named, ssl_context=self._context)

    def cert_verify(self, conn: Any, *_: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


def _client(address: str, timeout: float, credentials: Credentials) -> PrometheusConnect:
    session, url = requests.Session(), address.rstrip("/")
    session.trust_env = False  # a proxy from the environment would take queries out of the cluster
    session.max_redirects = 0  # whoever answers instead would get the credentials
    if credentials.authorization:
        session.headers["Authorization"] = credentials.authorization
    client = PrometheusConnect(url, retry=_RETRIES, timeout=timeout, session=session)
    if credentials.authority:
        session.mount(url, _Pinned(credentials.context()))
    return client
