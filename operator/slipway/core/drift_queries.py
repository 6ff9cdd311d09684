"""The queries behind drift, the same text for every policy with the same window: Prometheus is asked once for all.

Live rows by bucket in a window, and why not simply `increase`:

- A pod's counters that existed before the window began: `increase`. It handles restarts of a container, and its
  extrapolation to the ends of the window scales all buckets of a pod alike, so shares keep their value and the number
  of rows is right to within one scrape interval.
- A pod, or a bucket of it, that appeared within the window: `increase` would lose all rows before its first scrape, and
  for a bucket that is rare the first rows are most of them. All that it has counted happened in the window, so its
  largest value is the count.

What tells the two apart is whether the series had a sample in the window before. Windows further back are the same
text with an offset, so windows of one policy never overlap.
"""

from __future__ import annotations

from slipway.api.v1alpha1.scalars import Duration

_LIVE = 'slipway_feature_bucket_total{traffic="live"}'
_BY = "sum by (rollout,revision,feature,bucket)"
FRESHNESS = "max by (rollout,revision)(timestamp(slipway_serving_info))"
"""Instant of the newest scrape of each revision, in seconds since 1970."""

REFERENCE = "max by (rollout,revision,feature,bucket)(slipway_feature_reference)"
"""Share of the reference rows in each bucket; pods of one revision carry the same profile."""


def live_rows(window: Duration, back: int) -> str:
    """Rows in each bucket in the window that ended `back` windows ago."""
    span = f"{window.milliseconds}ms"
    here, before = _offset(window, back), _offset(window, back + 1)
    existed = f"present_over_time({_LIVE}[{span}]{before})"
    grown = f"increase({_LIVE}[{span}]{here}) and {existed}"
    appeared = f"max_over_time({_LIVE}[{span}]{here}) unless {existed}"
    return f"{_BY}(({grown}) or ({appeared}))"


def _offset(window: Duration, windows: int) -> str:
    return f" offset {windows * window.milliseconds}ms" if windows else ""
