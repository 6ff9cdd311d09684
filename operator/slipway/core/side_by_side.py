"""The model's metrics beside those of the business, of both arms, while a stage has live traffic: information only."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.v1alpha1.abtest_status import Delta
from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.scalars import Bound
from slipway.core.evidence import Evidence
from slipway.core.gate_words import shown
from slipway.core.gates import ALPHA
from slipway.core.measures import Certainty, Context, Measured, Unit, positive_rate
from slipway.core.primary import SHARE_UNITS, TaskMetrics
from slipway.core.template_gate import template_metric
from slipway.statistics.ratios import Confidence

_CLASSIFIERS = ("BinaryClassification", "MulticlassClassification")
_AGAINST_STABLE = Bound("0")


def side_by_side(evidence: Evidence, task: TaskMetrics, planned: float) -> tuple[Delta, ...]:
    """Differences to concurrent stable with always-valid intervals; empty where the task has no business metrics, and
    without a metric that an arm says too little of. `planned` is the number of requests at which they are narrowest.
    """
    return tuple(_found(evidence, task, planned)) if task.business else ()


def _found(evidence: Evidence, task: TaskMetrics, planned: float) -> Iterator[Delta]:
    certainty = Certainty(Confidence(ALPHA, planned), Confidence(ALPHA, planned))
    if task.type in _CLASSIFIERS:
        gate = Gate(name="positive-rate", metric="positive_rate", op=">=", difference_to_stable=_AGAINST_STABLE)
        for measured in positive_rate(gate, evidence, Context(task.positive, certainty)) or ():
            yield _delta(Delta(name="positive_rate", kind="Model"), measured, share=True)
    for metric in task.business.values():
        template = task.templates.get(metric.template.name)
        if template is None:
            continue
        events = template.unit in SHARE_UNITS
        gate = Gate(
            name="business", op=">=", difference_to_stable=_AGAINST_STABLE,
            template=LocalReference(name=metric.template.name),
        )  # fmt: skip
        for measured in template_metric(gate, evidence, Context(task.positive, certainty, events)) or ():
            yield _delta(Delta(name=metric.name, kind="Business", better=metric.better), measured, events)


def _delta(empty: Delta, found: Measured, share: bool) -> Delta:
    unit: Unit = "share" if share else "number"
    stable = found.stable or 0.0
    changes = {
        "candidate": shown(stable + found.value, unit), "stable": shown(stable, unit),
        "difference": shown(found.value, unit), "relative": shown(found.value / stable, "share") if stable else "",
        "low": shown(found.passing.low, unit), "high": shown(found.passing.high, unit),
    }  # fmt: skip
    return empty.model_copy(update=changes)
