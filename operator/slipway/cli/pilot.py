"""The traffic and the metric before a rollout: as somebody says, or as Prometheus has them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import ValidationError

from slipway.api.v1alpha1.abtest import ABTest
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.core.evidence import Arm, Subject, Vector, collect
from slipway.core.evidence_queries import queries
from slipway.core.experiment import DAY_SECONDS, piloted
from slipway.core.plan import Unavailable
from slipway.core.primary import Primary, TaskMetrics, deciding
from slipway.core.ratio_metrics import MEAN_SCORE, SCORE, of_template, ratio_moments, ratio_texts, unusable
from slipway.runtime.world import Sample
from slipway.statistics.duration import Arrivals
from slipway.statistics.power import Metric, mean_metric, share_metric

WINDOW = "7d"


class Unknown(Exception):
    """Nothing is known of the traffic; the message says what to give."""


@dataclass(frozen=True)
class Pilot:
    """What comes in a day, and a metric for each experiment. `share` is the baseline where it is one."""

    arrivals: Arrivals
    metric: Callable[[ABTest], Metric]
    share: float | None = None


def read(
    manifest: Mapping[str, Any], spec: ModelRolloutSpec, found: Sequence[Any], arguments: argparse.Namespace
) -> Pilot:
    """The pilot of one rollout. Raises Unknown where neither arguments nor Prometheus say enough."""
    if arguments.prometheus:
        return _asked(manifest, spec, found, arguments)
    if not arguments.entities_per_day or arguments.entities_per_day <= 0:
        raise Unknown("say --entities-per-day and --baseline, or --prometheus")
    arrivals = _arrivals(arguments.entities_per_day, arguments.population)
    if arguments.baseline is None:
        if any(stage.ab_test is not None and stage.skip is None for stage in spec.stages):
            raise Unknown("an ABTest needs --baseline: the value of its metric in stable")
        return Pilot(arrivals, _nothing)
    baseline = _number(arguments.baseline)
    metric = _given(baseline, arguments.deviation)
    return Pilot(arrivals, lambda _: metric, baseline if arguments.deviation is None else None)


def _nothing(_: ABTest) -> Metric:
    raise Unknown("an ABTest needs --baseline: the value of its metric in stable")


def _given(baseline: float, deviation: float | None) -> Metric:
    try:
        return share_metric(baseline) if deviation is None else mean_metric(baseline, deviation)
    except ValueError as failed:
        raise Unknown(f"--baseline {baseline:g}: {failed}; a metric that is no share needs --deviation") from failed


def _number(text: str) -> float:
    try:
        return float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError as failed:
        raise Unknown(f"--baseline {text!r} is no number, such as 4% or 12.5") from failed


def _arrivals(each_day: float, population: float | None) -> Arrivals:
    """New entities for ever or, of a population, ever fewer that have not come by yet."""
    return Arrivals(each_day) if not population else Arrivals(0.0, population, population / each_day)


def _asked(
    manifest: Mapping[str, Any], spec: ModelRolloutSpec, found: Sequence[Any], arguments: argparse.Namespace
) -> Pilot:
    metadata = manifest["metadata"]
    rollout = f"{metadata.get('namespace', 'default')}/{metadata['name']}"
    ask = _client(arguments.prometheus)
    answers = {name: ask(text) for name, text in queries(WINDOW, [rollout]).items()}
    subject = _newest(rollout, answers["registers"])
    arm = collect(answers, subject, assigned=True)
    since = f'slipway_exposure_register{{rollout="{rollout}",epoch="{subject.epoch}",traffic="live"}}'
    began = ask(f"time() - min(min_over_time(timestamp({since})[{WINDOW}:1m]))")
    if isinstance(arm, Unavailable) or arm.exposures is None or not began or began[0].value <= 0:
        raise Unknown(f"Prometheus knows no entities of {rollout}: say --entities-per-day and --baseline")
    age, task = began[0].value / DAY_SECONDS, _metrics(spec, found)
    arrivals = _arrivals(arm.exposures.count / age, arguments.population)
    return Pilot(arrivals, lambda test: _live(test, task, arm, subject, ask))


def _live(test: ABTest, task: TaskMetrics, arm: Arm, subject: Subject, ask: Callable[[str], Vector]) -> Metric:
    metric = deciding(test, task)
    if isinstance(metric, str):
        raise Unknown(metric)
    sums = _sums(metric, task, arm, subject, ask)
    if sums is None or arm.exposures is None:
        raise Unknown(f"Prometheus has no {metric.name} of {subject.rollout}: say --entities-per-day and --baseline")
    try:
        return piloted(sums, arm.exposures.count, metric.events)
    except ValueError as failed:
        raise Unknown(f"{metric.name}: {failed}") from failed


def _sums(metric: Primary, task: TaskMetrics, arm: Arm, subject: Subject, ask: Callable[[str], Vector]) -> Any:
    if not metric.key:
        return metric.moments(arm)
    name = metric.key.removeprefix("template/")
    asked = MEAN_SCORE if metric.key == SCORE else of_template(name, task.templates[name])
    texts = ratio_texts(asked, WINDOW, [subject.rollout])
    return ratio_moments({part: ask(text) for part, text in texts.items()}, subject)


def _newest(rollout: str, registers: Vector) -> Subject:
    """Stable in the newest epoch: the revision that most entities met."""
    live = [s for s in registers if s.labels.get("traffic") == "live"]
    if not live:
        raise Unknown(f"Prometheus knows no entities of {rollout}: say --entities-per-day and --baseline")
    best = max(live, key=lambda s: (int(s.labels["epoch"]), s.value))
    return Subject(rollout, best.labels["revision"], "live", int(best.labels["epoch"]))


def _metrics(spec: ModelRolloutSpec, found: Sequence[Any]) -> TaskMetrics:
    """What the files say of the task and of templates."""
    task: ModelTaskSpec | None = None
    templates: dict[str, MetricTemplateSpec] = {}
    for each in found:
        name = str((each.get("metadata") or {}).get("name", "")) if isinstance(each, Mapping) else ""
        try:
            if name and each.get("kind") == "ModelTask" and name == spec.task_ref.name:
                task = ModelTaskSpec.model_validate(each["spec"])
            elif name and each.get("kind") == "MetricTemplate":
                template = MetricTemplateSpec.model_validate(each["spec"])
                templates |= {} if unusable(name, template) else {name: template}
        except (ValidationError, KeyError) as failed:
            raise Unknown(f"{each.get('kind')} {name}: {failed}") from failed
    if task is None:
        return TaskMetrics(templates=templates)
    business = {metric.name: metric for metric in task.business_metrics}
    return TaskMetrics(task.label.positive or "1", task.type, business, templates)


def _client(address: str) -> Callable[[str], Vector]:
    """Asks one server. Raises Unknown when it does not answer."""

    def ask(promql: str) -> Vector:
        try:
            answer = requests.get(f"{address.rstrip('/')}/api/v1/query", params={"query": promql}, timeout=30)
            answer.raise_for_status()
            result = answer.json()["data"]["result"]
            return [Sample(each["metric"], float(each["value"][1])) for each in result]
        except (requests.RequestException, ValueError, KeyError, TypeError) as failed:
            raise Unknown(f"Prometheus at {address} did not answer: {str(failed)[:200]}") from failed

    return ask
