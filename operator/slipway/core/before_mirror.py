"""Stable's latency in the hour before its requests were mirrored: asked once for each stage, and kept in its status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from slipway.core.evidence import Histogram, Subject, Vector, histogram
from slipway.core.evidence_queries import selector
from slipway.core.percentiles import snap
from slipway.core.plan import Unavailable


def question(stable: Subject, since: datetime) -> str:
    """The text: it names its instant, so that it means the same whenever it is asked."""
    labels = f'{selector([stable.rollout])},revision="{stable.revision}",traffic="live"'
    counts = f"slipway_request_duration_seconds_bucket{{{labels}}}[1h] @ {int(since.timestamp())}"
    return f"sum by (le)(increase({counts}))"


def latency_before(answer: Vector | Unavailable) -> Histogram | Unavailable:
    """The histogram; one without counts where nothing was measured."""
    if isinstance(answer, Unavailable):
        return answer
    return histogram([each for each in answer if math.isfinite(each.value)]) or Histogram((), ())


def over_edges(found: Histogram, limits: Sequence[float]) -> list[tuple[float, float]]:
    """For each limit in seconds the next edge, and how many requests took longer than that."""
    told = []
    for limit in limits:
        edge = snap(limit, found)
        at = found.edges.index(edge) if edge in found.edges else -1
        told.append((edge, max(0.0, found.total - found.counts[at]) if at >= 0 else 0.0))
    return told
