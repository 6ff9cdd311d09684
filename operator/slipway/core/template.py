"""MetricTemplate: says whether gates and experiments can use it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec, MetricTemplateStatus
from slipway.core.kstatus import NOT_YET_ACTIVE, as_written, inactive, ready, stalled, with_conditions
from slipway.core.plan import Plan
from slipway.core.ratio_metrics import unusable


@dataclass(frozen=True)
class TemplateSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why."""

    generation: int
    spec: MetricTemplateSpec | None
    status: MetricTemplateStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()


def decide(snapshot: TemplateSnapshot, now: datetime) -> Plan:
    """A template makes nothing; it only answers. Stalled, not reconciling: this version will never use it."""
    spec = snapshot.spec
    if spec is None:
        said = stalled("SpecInvalid", snapshot.invalid)
    elif unusable("this", spec):
        said = stalled(NOT_YET_ACTIVE, f"not acted on by this version: {'; '.join(snapshot.inactive)}")
    else:
        unit = f" in {spec.unit}" if spec.unit else ""
        said = ready("Usable", f"gates and experiments may use it; {spec.better.lower()} is better{unit}")
    said = (*said, *inactive(snapshot.inactive))
    status = snapshot.status.model_copy(update={"inactive_fields": snapshot.inactive})
    return Plan(status=as_written(with_conditions(status, said, snapshot.generation, now)))
