"""The metrics of a rollout that not every rollout has: those of its task and of templates, and who asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.controllers.reading import read_spec
from slipway.controllers.rollout_children import TaskFacts
from slipway.core.plan import ObjectKey
from slipway.core.primary import TaskMetrics
from slipway.core.ratio_metrics import MEAN_SCORE, SCORE, RatioMetric, of_template, unusable
from slipway.core.rollout import Snapshot
from slipway.core.rollout.approval import source
from slipway.core.rollout.comparison import coming
from slipway.core.rollout.snapshot import variant
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


def _holding(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> tuple[Stage, ...]:
    """The running stage, and that whose gates hold on in it."""
    stage, candidate = status.stage, variant(status, "candidate")
    if stage is None or candidate is None or not 0 <= stage.index < len(spec.stages):
        return ()
    running = spec.stages[stage.index]
    kept = source(spec.stages, running, candidate)
    return (running, kept) if kept is not None else (running,)


def asked(snapshot: Snapshot) -> Mapping[str, RatioMetric]:
    """The ratio metrics that a decision of now needs, by their key: of the gates that hold, and of an experiment from
    the stage before it on."""
    spec = snapshot.spec
    if spec is None:
        return {}
    holding = _holding(spec, snapshot.status)
    gates = [*spec.gates, *(gate for each in holding for gate in each.gates)]
    near = (*holding[:1], coming(spec, snapshot.status))
    tests = [each.ab_test for each in near if each is not None and each.ab_test is not None]
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
