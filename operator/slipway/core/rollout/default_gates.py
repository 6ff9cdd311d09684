"""Gates that come with one on agreement: at a base rate of 0.5%, a model that flags nothing agrees in 99.5%."""

from __future__ import annotations

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.core.pairs import PairedTask

PREFIX = "default."
_FLAGS = (
    ("positive-rate-low", "positive_rate_ratio", ">=", "0.5"),
    ("positive-rate-high", "positive_rate_ratio", "<=", "2"),
    ("flagged-overlap", "flagged_overlap", ">=", "0.5"),
)
_SCORES = (("score-distance", "score_distance", "<=", "0.2"),)


def beside_agreement(stage: Stage, task: PairedTask) -> dict[str, Gate]:
    """By their names in status; none on a metric that the stage has a gate on, and none without one on agreement.

    They are enforced where that is. Scores that are no probabilities have no distance that fits every task.
    """
    own = {gate.metric for gate in stage.gates}
    agreement = [gate for gate in stage.gates if gate.metric == "agreement"]
    if not agreement or task.numeric:
        return {}
    enforced = any(gate.enforcement == "Enforce" for gate in agreement)
    asked = (*(_FLAGS if task.positive else ()), *_SCORES)
    return {
        f"{PREFIX}{name}": Gate.model_validate(
            {"name": name, "metric": metric, "op": op, "bound": bound,
             "enforcement": "Enforce" if enforced else "DryRun", "onUnknown": agreement[0].on_unknown}
        )
        for name, metric, op, bound in asked
        if metric not in own
    }  # fmt: skip
