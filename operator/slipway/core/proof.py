"""The verdict on a benchmark of a built image: how long to measure, and what the figures prove.

Why so, and why noise of the machine is treated as it is: docs/decisions/0011-proof-before-traffic.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from slipway.api.v1alpha1.rollout_status import Benchmark
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.gates import shown

ATTEMPTS = 3
"""A benchmark that shows neither is repeated; after so many it has not shown what it had to."""

ALPHA = 0.05 / ATTEMPTS
"""Error probability of each bound: that one of all attempts passes a model at its limit has 5%."""

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_BEYOND = 10
"""Answers expected beyond the strictest quantile: with 1,000 requests, 3 over the limit of p99 still pass."""

_LEAST_SECONDS, _MOST_SECONDS = 10.0, 300.0

Verdict = Literal["Pass", "TooSlow", "Open"]


@dataclass(frozen=True)
class Load:
    """What is sent: at most `requests`, for at most `seconds`. `limits` are seconds by name of the quantile."""

    requests: int
    seconds: float
    concurrency: int
    limits: Mapping[str, float]


@dataclass(frozen=True)
class Quantile:
    """Seconds with the bounds of the interval; infinity where there is no bound, or no answer."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """What a prober found. `pauses` is the 99th percentile of the delay, in seconds, that the machine added to sleeps
    of 5 ms meanwhile."""

    quantiles: Mapping[str, Quantile]
    requests: int
    failed: int
    throughput: float
    concurrency: int
    pauses: float
    failure: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Measured:
        """From the prober's words. Raises LookupError, TypeError or ValueError for what are none."""
        quantiles = {name: Quantile(*(_seconds(value) for value in said[name])) for name in _SHARES}
        counts = {name: int(said[name]) for name in ("requests", "failed", "concurrency")}
        pauses, throughput = _seconds(said["pauses"]), float(said["throughput"])
        return cls(quantiles, throughput=throughput, pauses=pauses, failure=str(said.get("failure") or ""), **counts)


def _seconds(value: Any) -> float:
    return math.inf if value is None else float(value)


def limits_of(latency: Latency) -> dict[str, float]:
    """The declared limits in seconds."""
    declared = {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99}
    return {name: limit.seconds for name, limit in declared.items() if limit is not None}


def load_of(latency: Latency) -> Load:
    """Enough requests to bound the strictest quantile, and so much time that a model within its limit can send them."""
    limits = limits_of(latency)
    beyond = round(_BEYOND / (1 - max(_SHARES[name] for name in limits)))
    requests = max(200, beyond, 20 * latency.concurrency)
    needed = requests * max(limits.values()) / latency.concurrency
    return Load(requests, min(_MOST_SECONDS, max(_LEAST_SECONDS, needed)), latency.concurrency, limits)


def verdict(limits: Mapping[str, float], measured: Measured) -> Verdict:
    """Pass: the upper bound of every declared quantile keeps its limit. TooSlow: the lower bound of the median exceeds
    a limit already. Else Open: a tail may be the machine's."""
    if all(measured.quantiles[name].high <= limit for name, limit in limits.items()):
        return "Pass"
    return "TooSlow" if measured.quantiles["p50"].low > min(limits.values()) else "Open"


def benchmark(latency: Latency, measured: Measured) -> Benchmark:
    """The judged figures, as status keeps them."""
    limits = limits_of(latency)
    values = {name: shown(quantile.value, "seconds") for name, quantile in measured.quantiles.items()}
    p99 = measured.quantiles["p99"]
    return Benchmark(
        **values,
        p99_low=shown(p99.low, "seconds"),
        p99_high=shown(p99.high, "seconds"),
        throughput=f"{measured.throughput:.3g}/s",
        concurrency=measured.concurrency,
        requests=measured.requests,
        failed=measured.failed,
        pauses=shown(measured.pauses, "seconds"),
        verdict=verdict(limits, measured),
        message=_sentence(limits, measured),
    )


def _sentence(limits: Mapping[str, float], measured: Measured) -> str:
    parts = []
    for name, limit in limits.items():
        value, low, high = (shown(each, "seconds") for each in _figures(measured.quantiles[name]))
        parts.append(f"{name} {value} ({low} to {high}), limit {shown(limit, 'seconds')}")
    if "p50" not in limits:
        parts.append(f"median {shown(measured.quantiles['p50'].value, 'seconds')}")
    sent = f"{measured.requests} requests, {measured.throughput:.3g} answers a second"
    parts.append(f"{sent} at concurrency {measured.concurrency}")
    if measured.failed:
        parts.append(f"{measured.failed} without an answer of status 200 ({measured.failure})")
    parts.append(f"pauses of the machine {shown(measured.pauses, 'seconds')}")
    return "; ".join(parts)


def _figures(quantile: Quantile) -> tuple[float, float, float]:
    return quantile.value, quantile.low, quantile.high
