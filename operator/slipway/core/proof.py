"""The verdict on a benchmark of a built image: how long to measure, and what the figures prove.

Why so, and why noise of the machine is treated as it is: docs/decisions/0011-proof-before-traffic.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scipy.special import betaincinv

from slipway.api.v1alpha1.rollout_benchmark import ALPHA, MOST_REQUESTS, Benchmark
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.gate_words import shown

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_BEYOND = 10
"""Answers expected beyond the strictest quantile: with 1,000 requests, 3 over the limit of p99 still pass."""

_LEAST_SECONDS, _MOST_SECONDS = 10.0, 300.0

Verdict = Literal["Pass", "TooSlow", "Open"]


@dataclass(frozen=True)
class Demand:
    """What answers must keep: `limits` in seconds by name of the quantile, `errors` the largest share without an answer
    of status 200, None for any."""

    limits: Mapping[str, float]
    concurrency: int = 1
    errors: float | None = None


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


def demand_of(latency: Latency) -> Demand:
    """What a task declares of its answers."""
    declared = {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99}
    limits = {name: limit.seconds for name, limit in declared.items() if limit is not None}
    return Demand(limits, latency.concurrency)


def share_over(name: str) -> float:
    """The share of requests that may exceed the limit of a declared quantile: 1% for p99."""
    return 1 - _SHARES[name]


def load_of(demand: Demand) -> Load:
    """Enough requests to bound the strictest quantile and the errors, and so much time that a model within its limits
    can send them."""
    shares = [1 - _SHARES[name] for name in demand.limits] + ([demand.errors] if demand.errors else [])
    beyond = round(_BEYOND / min(shares, default=1.0))
    requests = min(MOST_REQUESTS, max(200, beyond, 20 * demand.concurrency))
    needed = requests * max(demand.limits.values(), default=1.0) / demand.concurrency
    return Load(requests, min(_MOST_SECONDS, max(_LEAST_SECONDS, needed)), demand.concurrency, demand.limits)


def failures(measured: Measured) -> Quantile:
    """The share of requests without an answer, with exact bounds (Clopper, Pearson 1934), each wrong with ALPHA."""
    failed, sent = measured.failed, measured.requests
    low = float(betaincinv(failed, sent - failed + 1, ALPHA)) if failed else 0.0
    high = float(betaincinv(failed + 1, sent - failed, 1 - ALPHA)) if failed < sent else 1.0
    return Quantile(failed / sent if sent else math.nan, low, high)


def verdict(demand: Demand, measured: Measured) -> Verdict:
    """Pass: the upper bound of every quantile keeps its limit, and that of the errors theirs. TooSlow: the lower bound
    of the median exceeds a limit already. Else Open: a tail may be the machine's."""
    limits = demand.limits
    answered = demand.errors is None or failures(measured).high <= demand.errors
    if answered and all(measured.quantiles[name].high <= limit for name, limit in limits.items()):
        return "Pass"
    slowest = min(limits.values(), default=math.inf)
    return "TooSlow" if measured.quantiles["p50"].low > slowest else "Open"


def benchmark(demand: Demand, measured: Measured) -> Benchmark:
    """The judged figures, as status keeps them."""
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
        verdict=verdict(demand, measured),
        message=_sentence(demand, measured),
    )


def _sentence(demand: Demand, measured: Measured) -> str:
    limits, parts = demand.limits, []
    for name, limit in limits.items():
        value, low, high = (shown(each, "seconds") for each in _figures(measured.quantiles[name]))
        parts.append(f"{name} {value} ({low} to {high}), limit {shown(limit, 'seconds')}")
    if demand.errors is not None:
        value, low, high = (shown(each, "share") for each in _figures(failures(measured)))
        parts.append(f"errors {value} ({low} to {high}), limit {shown(demand.errors, 'share')}")
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
