"""The metrics of an experiment: where an arm keeps their sums, and how people read their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from slipway.api.v1alpha1.abtest import DECIDING, ABTest
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.task_quality import BusinessMetric
from slipway.core.evidence import Arm
from slipway.core.measures import Unit
from slipway.core.metric_source import template_key
from slipway.core.ratio_metrics import SCORE, unusable
from slipway.statistics.ratios import Moments

SHARE_UNITS = ("share", "%")


@dataclass(frozen=True)
class TaskMetrics:
    """What a task says of metrics: its class that counts as positive, its type, its business metrics by name; and the
    templates that the cluster has, of those that task and rollout name."""

    positive: str = "1"
    type: str = ""
    business: Mapping[str, BusinessMetric] = field(default_factory=dict)
    templates: Mapping[str, MetricTemplateSpec] = field(default_factory=dict)


@dataclass(frozen=True)
class Primary:
    """One metric of an experiment: `key` of an arm's ratios, or `label` of its classes, or neither for errors."""

    name: str
    kind: Literal["Model", "Business"] = "Model"
    key: str = ""
    label: str | None = None
    events: bool = False
    unit: Unit = "number"
    better: Literal["", "Higher", "Lower"] = ""

    def unit_of_effect(self, test: ABTest) -> Unit:
        """A relative effect is a share, whatever it is an effect on."""
        return self.unit if test.effect.kind == "Absolute" else "share"

    def moments(self, arm: Arm) -> Moments | None:
        """The arm's sums; None while there are none."""
        if self.key:
            return arm.ratios.get(self.key)
        if self.label is None:
            return arm.error_moments
        return arm.class_sums(self.label)


def deciding(test: ABTest, task: TaskMetrics) -> Primary | str:
    """What decides, or why nothing can."""
    if test.template is not None:
        return _templated(test.template.name, test.template.name, task)
    name = test.metric or ""
    if name in task.business:
        return _business(task.business[name], task)
    if name == "error_rate":
        return Primary(name, events=True, unit="share")
    if name == "positive_rate":
        return _classes(name, task.positive)
    if name == "class_share":
        return _classes(f"{name}({test.label})", test.label or "")
    if name == SCORE:
        if task.type not in ("", "BinaryClassification"):
            return f"{SCORE} is that of a BinaryClassification; the task is a {task.type}"
        return Primary(name, key=SCORE)
    return f"{name} is neither one of {', '.join(DECIDING)} nor a business metric of the task"


def reported(test: ABTest, task: TaskMetrics) -> Iterator[Primary]:
    """What is shown of the arms: the deciding metric first, what the model answers, what the business counts."""
    first = deciding(test, task)
    found = [first] if isinstance(first, Primary) else []
    if task.type in ("BinaryClassification", "MulticlassClassification"):
        found.append(_classes("positive_rate", task.positive))
    for counted in task.business.values():
        metric = _business(counted, task)
        if isinstance(metric, Primary):
            found.append(metric)
    names: set[str] = set()
    for each in found:
        if each.name not in names:
            names.add(each.name)
            yield each


def _classes(name: str, label: str) -> Primary:
    return Primary(name, label=label, events=True, unit="share")


def _business(metric: BusinessMetric, task: TaskMetrics) -> Primary | str:
    found = _templated(metric.name, metric.template.name, task)
    return replace(found, better=metric.better) if isinstance(found, Primary) else found


def _templated(name: str, template: str, task: TaskMetrics) -> Primary | str:
    spec = task.templates.get(template)
    wrong = unusable(template, spec)
    if wrong or spec is None:
        return wrong
    if spec.unit in SHARE_UNITS:  # events among trials, so that an arm without events is not sure of itself
        return Primary(name, "Business", template_key(template), events=True, unit="share")
    return Primary(name, "Business", template_key(template))
