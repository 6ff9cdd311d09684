"""Which ratio metrics a decision needs: of the gates that hold, and of an experiment from the stage before it on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.core.ratio_metrics import MEAN_SCORE, SCORE, RatioMetric, of_template, unusable
from slipway.core.rollout.approval import source
from slipway.core.rollout.comparison import coming
from slipway.core.rollout.snapshot import Snapshot, variant


def named(references: Iterable[LocalReference | None]) -> set[str]:
    """The names of the templates that are referred to."""
    return {each.name for each in references if each is not None}


def _holding(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> tuple[Stage, ...]:
    """The running stage, and that whose gates hold on in it."""
    stage = status.stage
    if stage is None or variant(status, "candidate") is None or not 0 <= stage.index < len(spec.stages):
        return ()
    running = spec.stages[stage.index]
    kept = source(spec.stages, stage)
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
    names = named([each.template for each in gates] + [each.template for each in tests])
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
