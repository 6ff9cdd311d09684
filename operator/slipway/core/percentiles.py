"""Latency percentiles as counts: p99 <= L says that at most 1% of the requests took longer than L.

A percentile of a histogram is known only to its edges, so a limit is taken at the next edge above it, and a percentile
has the interval between two edges: the largest that too many requests surely exceed, the smallest that few enough do.
"""

from __future__ import annotations

import bisect
import math

from slipway.api.v1alpha1.gates import Gate
from slipway.core.evidence import Evidence, Histogram
from slipway.core.measures import DESIGN_EFFECT, Context, Measured
from slipway.statistics.ratios import Confidence, Interval, interval, unclustered

_QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


def latency(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """A latency percentile in seconds against a bound, or against stable's concurrent percentile."""
    quantile, ours = _QUANTILES[gate.metric or ""], evidence.candidate.latency
    passing = bounds(ours, quantile, context.certainty.passing)
    breaching = bounds(ours, quantile, context.certainty.breaching)
    if ours is None or passing is None or breaching is None:
        return None
    limits = _limits(gate, evidence, context, quantile)
    if limits is None:
        return None
    limit, breach_limit, stable = limits
    snapped, shown = snap(limit, ours), percentile(ours, quantile)
    note = f"limit taken at the next edge, {snapped * 1000:.4g}ms; requests, design effect {DESIGN_EFFECT:g} assumed"
    return (
        Measured(shown, passing, breaching, snapped, ours.total, "seconds", stable, snap(breach_limit, ours), note),
    )


def _limits(
    gate: Gate, evidence: Evidence, context: Context, quantile: float
) -> tuple[float, float, float | None] | None:
    """The limit for a pass, for a breach (stable's own uncertainty granted to the candidate), and stable's value."""
    theirs = evidence.stable.latency
    sure = bounds(theirs, quantile, context.certainty.breaching)
    stable = percentile(theirs, quantile) if theirs is not None and sure is not None else None
    if gate.bound is not None:
        return float(gate.bound.value), float(gate.bound.value), stable
    if stable is None or sure is None:
        return None
    generous = sure.high if gate.op in ("<=", "<") else sure.low
    if gate.ratio_to_stable is not None:
        factor = float(gate.ratio_to_stable.value)
        return factor * stable, factor * generous, stable
    extra = float(gate.difference_to_stable.value) if gate.difference_to_stable else math.nan
    return stable + extra, generous + extra, stable


def snap(limit: float, histogram: Histogram) -> float:
    """The smallest edge that is not below the limit; infinite when the histogram cannot tell."""
    at = bisect.bisect_left(histogram.edges, limit * (1 - 1e-9))
    return histogram.edges[at] if at < len(histogram.edges) else math.inf


def percentile(histogram: Histogram, quantile: float) -> float:
    """The percentile in seconds, interpolated within its bucket; the last finite edge when it lies beyond."""
    wanted = quantile * histogram.total
    at = bisect.bisect_left(histogram.counts, wanted)
    if at >= len(histogram.edges) or math.isinf(histogram.edges[at]):
        return histogram.edges[-2] if len(histogram.edges) > 1 else math.nan
    low, below = (histogram.edges[at - 1], histogram.counts[at - 1]) if at else (0.0, 0.0)
    inside = histogram.counts[at] - below
    return low + (histogram.edges[at] - low) * ((wanted - below) / inside if inside > 0 else 1.0)


def bounds(histogram: Histogram | None, quantile: float, confidence: Confidence) -> Interval | None:
    """Confidence sequence of a percentile in seconds. None while there are too few requests to say anything.

    The lower end lies just above its edge, since the percentile is surely larger than that edge.
    """
    if histogram is None or unclustered(0.0, histogram.total, DESIGN_EFFECT) is None:
        return None
    low, high = 0.0, math.inf
    for edge, count in zip(histogram.edges, histogram.counts, strict=True):
        share = unclustered(max(0.0, histogram.total - count), histogram.total, DESIGN_EFFECT)
        if share is None or math.isinf(edge):
            continue
        over = interval(share, confidence)
        if over.low > 1 - quantile:
            low = math.nextafter(edge, math.inf)
        if over.high <= 1 - quantile and math.isinf(high):
            high = edge
    return Interval(low, high)
