"""The metrics of a rollout that not every rollout has: those of its task and of templates, and who asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.references import LocalReference
from slipway.controllers.reading import read_spec
from slipway.controllers.rollout_children import TaskFacts
from slipway.core.plan import ObjectKey
from slipway.core.primary import TaskMetrics
from slipway.core.ratio_metrics import MEAN_SCORE, SCORE, RatioMetric, of_template, unusable
from slipway.core.rollout import Snapshot
from slipway.runtime.world import World


def metrics_of(spec: ModelRolloutSpec, task: TaskFacts, world: World) -> TaskMetrics:
    """What the task and the templates say; of templates those that spec and task name, where their spec is legal."""
    templates: dict[str, MetricTemplateSpec] = {}
    business = {metric.name: metric for metric in task.business}
    for name in sorted({*(metric.template.name for metric in task.business), *_named(spec)}):
        found = world.get(ObjectKey(API_VERSION, "MetricTemplate", "", name))
        typed = read_spec("MetricTemplate", MetricTemplateSpec, found)[0] if found is not None else None
        if typed is not None:
            templates[name] = typed
    return TaskMetrics(task.positive, task.type, business, templates)


def _named(spec: ModelRolloutSpec) -> set[str]:
    """Templates that gates and experiments name."""
    gates = [*spec.gates, *(gate for stage in spec.stages for gate in stage.gates)]
    tests = [stage.ab_test for stage in spec.stages if stage.ab_test is not None]
    return _templates([each.template for each in gates] + [each.template for each in tests])


def _templates(references: Iterable[LocalReference | None]) -> set[str]:
    return {each.name for each in references if each is not None}


def asked(snapshot: Snapshot) -> Mapping[str, RatioMetric]:
    """The ratio metrics that a decision of now needs, by their key: of the gates that hold, and of an experiment from
    the stage before it on."""
    spec, stage = snapshot.spec, snapshot.status.stage
    if spec is None:
        return {}
    index = stage.index if stage is not None else len(spec.stages)
    near = [each for place, each in enumerate(spec.stages) if place in (index, index + 1)]
    gates = [*spec.gates, *(gate for place, each in enumerate(spec.stages) if place == index for gate in each.gates)]
    tests = [each.ab_test for each in near if each.ab_test is not None]
    names = _templates([each.template for each in gates] + [each.template for each in tests])
    names |= {metric.template.name for metric in snapshot.metrics.business.values()} if tests else set()
    found: dict[str, RatioMetric] = {}
    if any(test.metric == SCORE for test in tests):
        found[SCORE] = MEAN_SCORE
    for name in sorted(names):
        template = snapshot.metrics.templates.get(name)
        if template is not None and not unusable(name, template):
            metric = of_template(name, template)
            found[metric.key] = metric
    return found
