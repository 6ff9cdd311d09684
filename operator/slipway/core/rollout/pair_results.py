"""A comparison's words as the status keeps them, so that gates are judged by them when Job and pods are gone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1.rollout_pairs import MOST_FIGURES, MOST_SLICES, PairedFigure, PairedSlice, Pairs
from slipway.core.gate_words import shown
from slipway.core.measures import Unit
from slipway.core.pairs import PairCounts, SliceCounts, bounds_of, estimate, paired, read_counts
from slipway.statistics.pairs import Paired

_Z = 1.959963985
"""Of the 95% intervals that people read; gates have wider ones, since each comparison is a look."""

_NUMBERS = ("positive_rate_ratio", "score_distance")


def heard(known: Pairs, said: Any, mirror: float) -> Pairs:
    """The status with what a comparison said; words that cannot be read are a failure."""
    try:
        counts = read_counts(said, mirror)
    except (LookupError, TypeError, ValueError) as error:
        return known.model_copy(update={"running": False, "message": f"its words cannot be read: {error!r}"[:500]})
    figures = tuple(_figure(metric, found, counts) for metric, found in counts.figures.items())
    return known.model_copy(
        update={
            "running": False,
            "message": "",
            "compared_until": known.until,
            "rows": counts.rows,
            "pairs": counts.pairs,
            "repeated": counts.repeated,
            "unit": counts.unit,
            "share": f"{counts.share:.6g}",
            "spread": f"{counts.spread:.6g}",
            "figures": figures[:MOST_FIGURES],
            "slices": tuple(_slice(one, counts) for one in counts.slices)[:MOST_SLICES],
        }
    )


def counts_of(known: Pairs, mirror: float) -> PairCounts | None:
    """What the status keeps, as counts; None where there is none, or another version wrote it otherwise."""
    if known.compared_until is None:
        return None
    try:
        figures = {one.metric: paired(one.sums) for one in known.figures}
        spread, share = float(known.spread), float(known.share)
    except (TypeError, ValueError):
        return None
    return PairCounts(known.rows, known.pairs, figures, known.unit, spread, share, mirror, known.repeated)


def _unit(metric: str) -> Unit:
    return "number" if metric in _NUMBERS else "share"


def _figure(metric: str, found: Paired, counts: PairCounts) -> PairedFigure:
    value, low, high = _interval(metric, counts.figures, counts)
    m = found.moments
    sums = (m.clusters, m.y, m.n, m.yy, m.nn, m.yn, found.effect)
    written = tuple(f"{each:.9g}" if math.isfinite(each) else "" for each in sums)
    samples = int(m.n if metric in ("positive_rate_ratio", "flagged_overlap") else counts.pairs)
    return PairedFigure(metric=metric, value=value, low=low, high=high, samples=samples, sums=written)


def _slice(one: SliceCounts, counts: PairCounts) -> PairedSlice:
    told = {}
    for metric in one.figures:
        value, low, high = _interval(metric, one.figures, counts)
        told[metric] = f"{value} ({low} to {high})" if value else ""
    return PairedSlice.model_validate({"name": one.name, "pairs": one.pairs, **told})


def _interval(metric: str, figures: Mapping[str, Paired], counts: PairCounts) -> tuple[str, str, str]:
    """Value and ends as people read them; empty where too little is known."""
    found = estimate(metric, figures, counts.spread)
    if found is None:
        return "", "", ""
    value, ends = bounds_of(metric, found, _Z, counts.mirror)
    unit = _unit(metric)
    return shown(value, unit), shown(ends.low, unit), shown(ends.high, unit)
