"""How answers are made, kept beside the model: the decision layer, and the baseline for entities that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slipway.features.baseline import Baseline
from slipway.features.decision import Decision, RuleText
from slipway.features.rules import Rule

from slipway_pipelines.evaluate import Answers, Frozen
from slipway_pipelines.reference import RuleAnswers
from slipway_pipelines.request import TrainingRequest


def decision(request: TrainingRequest, model: Frozen) -> Decision:
    """The decision layer: threshold, calibration, and the rules that answer before the model, as they were written."""
    return Decision(model.threshold, model.calibration, _written(request, model.rules))


def baseline(request: TrainingRequest, alone: Answers | None) -> dict[str, Any] | None:
    """What everybody would get without the model, as it was judged beside it; None where the task has no rules."""
    if not isinstance(alone, RuleAnswers):
        return None
    return Baseline(_written(request, alone.rules), alone.otherwise).document()


def _written(request: TrainingRequest, rules: Sequence[Rule]) -> tuple[RuleText, ...]:
    when = request.task.rules.when if request.task.rules is not None else ()
    texts = {one.name: one.condition for one in when}
    return tuple(RuleText(one.name, texts[one.name], one.predict) for one in rules)
