"""What pods say of the hold-out: whether they can, and the model's answers to who is held out and to others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway.core.evidence import Vector, moments_from
from slipway.core.evidence_queries import moments_of, selector
from slipway.core.plan import Unavailable
from slipway.statistics.ratios import Moments

EVERYTHING = "all"
HELD, OTHERS = "holdout", "live"
_BY = "rollout,revision,traffic,epoch,slice,value"
_PARTS = ("clusters", "y", "n", "yy", "nn", "yn")


@dataclass(frozen=True)
class Pair:
    """One slice: positive answers among all, by cluster, to entities that are held out and to all others."""

    held: Moments
    others: Moments


Contrast = Mapping[str, Pair]


def able_text(rollouts: Sequence[str]) -> str:
    """The text: which revisions of these rollouts can hold out."""
    return f"max by (rollout,revision)(slipway_holdout_rules{{{selector(rollouts)}}})"


def able_revisions(answer: Vector | Unavailable, rollout: str) -> frozenset[str] | Unavailable:
    """Those of one rollout whose pods have rules."""
    if isinstance(answer, Unavailable):
        return answer
    return frozenset(
        sample.labels.get("revision", "")
        for sample in answer
        if sample.labels.get("rollout") == rollout and sample.value > 0
    )


def contrast_texts(within: str, rollouts: Sequence[str]) -> Mapping[str, str]:
    """The texts for one window class and shard, by the part of the sums that each answers."""
    cells = f"max_over_time(slipway_holdout_predictions{{{selector(rollouts)}}}[{within}])"
    y, n = f"sum by ({_BY},cluster,class)({cells})", f"sum by ({_BY},cluster)({cells})"
    return moments_of(y, n, ",class", _BY)


def contrast_of(
    answers: Mapping[str, Vector | Unavailable], rollout: str, revision: str, epoch: int, positive: str
) -> Contrast | Unavailable:
    """One revision's slices that both sides have, from the answers to `contrast_texts`; the first that is unavailable
    makes all so. A side that never gave a positive answer has zero of them."""
    wanted = {"rollout": rollout, "revision": revision, "epoch": str(epoch)}
    found: dict[tuple[str, str], dict[str, float | None]] = defaultdict(lambda: dict.fromkeys(_PARTS))
    for part, answer in answers.items():
        if isinstance(answer, Unavailable):
            return answer
        for sample in answer:
            of_class = sample.labels.get("class", positive) == positive
            if of_class and math.isfinite(sample.value) and wanted.items() <= sample.labels.items():
                found[sample.labels.get("traffic", ""), _name(sample.labels)][part] = sample.value
    sides = {key: moments_from(parts) for key, parts in found.items()}
    names = {name for traffic, name in sides if traffic == HELD}
    pairs = {name: (sides[HELD, name], sides.get((OTHERS, name))) for name in names}
    return {
        name: Pair(held, others) for name, (held, others) in pairs.items() if held is not None and others is not None
    }


def _name(labels: Mapping[str, str]) -> str:
    column = labels.get("slice", "")
    return f"{column}={labels.get('value', '')}" if column else EVERYTHING
