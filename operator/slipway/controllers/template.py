"""MetricTemplate: what a decision about it needs to see."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec, MetricTemplateStatus
from slipway.controllers.reading import read_spec
from slipway.core import template
from slipway.core.plan import Plan
from slipway.core.template import TemplateSnapshot
from slipway.runtime.world import Object, World


class TemplateController:
    """Observes a MetricTemplate."""

    kind = "MetricTemplate"

    async def observe(self, obj: Object, world: World, now: datetime) -> TemplateSnapshot:
        """Reads the object only: nothing here waits."""
        spec, invalid, inactive = read_spec(self.kind, MetricTemplateSpec, obj)
        status = MetricTemplateStatus.model_validate(obj.get("status") or {})
        return TemplateSnapshot(obj["metadata"].get("generation", 0), spec, status, invalid, inactive)

    def decide(self, snapshot: TemplateSnapshot, now: datetime) -> Plan:
        """Pure."""
        return template.decide(snapshot, now)
