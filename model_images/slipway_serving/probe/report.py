"""What a load found, in the numbers that the operator judges by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slipway.statistics.quantiles import interval

from slipway_serving.probe.load import Plan, Taken

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def benchmark(taken: Taken, plan: Plan) -> dict[str, Any]:
    """Seconds as numbers, null for infinity: JSON has none. Each quantile comes as [value, low, high]."""
    ordered = sorted(taken.latencies)
    failed = sum(math.isinf(value) for value in ordered)
    quantiles = {
        name: [_number(value) for value in (_nearest(ordered, share), *interval(ordered, share, plan.alpha))]
        for name, share in SHARES.items()
    }
    return {
        "requests": len(ordered),
        "failed": failed,
        "failure": taken.failure[:300],
        "seconds": round(taken.seconds, 3),
        "throughput": round((len(ordered) - failed) / taken.seconds, 2) if taken.seconds else 0.0,
        "concurrency": plan.concurrency,
        "pauses": _number(_nearest(sorted(taken.pauses), 0.99)),
        **quantiles,
    }


def _nearest(ordered: Sequence[float], share: float) -> float:
    """The quantile by nearest rank; 0 of nothing."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _number(value: float) -> float | None:
    return None if math.isinf(value) else round(value, 6)
