"""The queries behind drift, the same text for every policy with the same window: Prometheus is asked once for all.

Live rows by bucket in a window, and why not simply `increase`:

- Counters that existed before the window began: `increase`. Its extrapolation to the ends of the window scales all
  buckets of a process alike, so shares keep their value and the number of rows is right to within one scrape interval.
- A process, or a bucket of it, that appeared within the window: `increase` would lose all rows before its first scrape,
  and for a bucket that is rare the first rows are most of them. All that it has counted happened in the window, so its
  largest value is the count.

What tells the two apart is whether the series had a sample in the window before. A container that restarts begins other
series, by their label `life`, and the sum is over these as over pods: nothing is lost and nothing counted twice. An
image of somebody's own may lack the label; then `increase` sees a restart where a count has fallen, and the largest
value of a pod that appeared in the window is that of one of its lives. Windows further back are the same
text with an offset, so windows of one policy never overlap.
"""

from __future__ import annotations

from slipway.api.v1alpha1.scalars import Duration

FEATURES, SCORES = "slipway_feature_bucket_total", "slipway_score_bucket_total"
MISSING, UNSEEN = "slipway_feature_missing_total", "slipway_feature_unseen_total"
FRESHNESS = "max by (rollout,revision)(timestamp(slipway_serving_info))"
"""Instant of the newest scrape of each revision, in seconds since 1970."""

REFERENCE = "max by (rollout,revision,feature,bucket)(slipway_feature_reference)"
"""Share of the reference rows in each bucket; pods of one revision carry the same profile."""

SCORE_REFERENCE = "max by (rollout,revision,bucket)(slipway_score_reference)"
"""Share of the held-out rows whose score lies in each bucket."""


def live_rows(window: Duration, back: int, counter: str = FEATURES) -> str:
    """Live rows in each bucket of a counter in the window that ended `back` windows ago."""
    span = f"{window.milliseconds}ms"
    here, before = _offset(window, back), _offset(window, back + 1)
    live = f'{counter}{{traffic="live"}}'
    existed = f"present_over_time({live}[{span}]{before})"
    grown = f"increase({live}[{span}]{here}) and {existed}"
    appeared = f"max_over_time({live}[{span}]{here}) unless {existed}"
    return f"sum by (rollout,revision,feature,bucket)(({grown}) or ({appeared}))"


def _offset(window: Duration, windows: int) -> str:
    return f" offset {windows * window.milliseconds}ms" if windows else ""
