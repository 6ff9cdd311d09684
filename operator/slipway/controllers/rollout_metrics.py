"""The metrics of a rollout that not every rollout has: those of its task and of templates."""

from __future__ import annotations

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.controllers.reading import read_spec
from slipway.controllers.rollout_children import TaskFacts
from slipway.core.plan import ObjectKey
from slipway.core.primary import TaskMetrics
from slipway.core.rollout.asked import named
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
    return named([each.template for each in gates] + [each.template for each in tests])
