"""How the model's metrics and those of the business moved together over the experiments that history keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from slipway.api.v1alpha1.abtest_status import Delta, Together
from slipway.api.v1alpha1.rollout_status import HistoryEntry
from slipway.core.gate_words import shown
from slipway.statistics.association import LEAST, correlation, same_direction

_DECIDED = ("Superior", "NonInferior", "Worse", "Inconclusive")


def together(history: Iterable[HistoryEntry]) -> tuple[Together, ...]:
    """One entry for each pair of a model's metric and one of the business. Experiments that were broken off, or whose
    data were invalid, say nothing."""
    moved: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for entry in history:
        test = entry.ab_test
        if test is None or test.verdict not in _DECIDED:
            continue
        for ours in (each for each in test.deltas if each.kind == "Model"):
            for theirs in (each for each in test.deltas if each.kind == "Business"):
                pair = (_number(ours), _number(theirs))
                if all(map(math.isfinite, pair)):
                    moved.setdefault((ours.name, theirs.name), []).append(pair)
    return tuple(_entry(*names, pairs) for names, pairs in sorted(moved.items()))[:24]


def _entry(model: str, business: str, pairs: Sequence[tuple[float, float]]) -> Together:
    name, count = f"{model}/{business}", len(pairs)
    if count < LEAST:
        message = f"{count} of {LEAST} experiments"
        return Together(name=name, experiments=count, verdict="InsufficientData", message=message)
    same, r = same_direction(pairs), correlation(pairs)
    message = (
        f"{model} and {business} moved the same way in {same.hits} of {same.trials} experiments: in between "
        f"{shown(same.low, 'share')} and {shown(same.high, 'share')} of all such"
    )
    return Together(
        name=name, experiments=count, verdict="Measured", same_direction=same.hits, low=shown(same.low, "share"),
        high=shown(same.high, "share"), correlation=shown(r.value, "number"),
        correlation_low=shown(r.low, "number"), correlation_high=shown(r.high, "number"), message=message,
    )  # fmt: skip


def _number(delta: Delta) -> float:
    """The difference as it was written for people."""
    text, scale = delta.difference, 1.0
    if text.endswith("%"):
        text, scale = text[:-1], 0.01
    try:
        return float(text) * scale
    except ValueError:
        return math.nan
