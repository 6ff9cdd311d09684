"""Values that did not come with the request: the share of each feature's, in the counts of the served image.

These counts live as long as a pod, and know no epochs: they are asked for over exactly the time that is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from slipway.api.v1alpha1.gates import Gate
from slipway.core.evidence import Arm, Evidence
from slipway.core.evidence_queries import selector
from slipway.core.measures import DESIGN_EFFECT, Context, Measured, compare
from slipway.statistics.ratios import Share, unclustered

MISSING_RATE = "missing_rate"


def missing_texts(seconds: float, rollouts: Sequence[str]) -> Mapping[str, str]:
    """Missing and present values by feature within the last so many seconds, under the names that `collect` knows."""
    by, of, within = "rollout,revision,traffic,feature", selector(rollouts), f"{max(1, int(seconds))}s"
    return {
        name: f"sum by ({by})(increase(slipway_feature_{family}_total{{{of}}}[{within}]))"
        for name, family in (("missing", "missing"), ("present", "bucket"))
    }


def missing_rate(gate: Gate, evidence: Evidence, context: Context) -> tuple[Measured, ...] | None:
    """Of every feature that either arm has seen; each is another chance to breach by luck."""
    arms = (evidence.candidate, evidence.stable)
    features = sorted({feature for arm in arms for feature in (*arm.missing, *arm.present)})
    if not features:
        return None
    breaching = replace(context.certainty.breaching, alpha=context.certainty.breaching.alpha / len(features))
    certainty, found = replace(context.certainty, breaching=breaching), []
    for feature in features:
        ours, theirs = (_share(arm, feature) for arm in arms)
        measured = compare(gate, ours, theirs, certainty)
        if measured is None:
            return None
        found.append(replace(measured, note=f"feature {feature}, {measured.note}"))
    return tuple(found)


def _share(arm: Arm, feature: str) -> Share | None:
    missing = arm.missing.get(feature, 0.0)
    return unclustered(missing, missing + arm.present.get(feature, 0.0), DESIGN_EFFECT)
