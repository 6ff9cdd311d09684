"""MetricTemplate: what a decision about it needs to see."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec, MetricTemplateStatus
from slipway.controllers.reading import read_spec
from slipway.core import template
from slipway.core.metric_source import server_of
from slipway.core.plan import Plan
from slipway.core.ratio_metrics import of_nobody
from slipway.core.template import TemplateSnapshot
from slipway.runtime.world import Object, World


class TemplateController:
    """Observes a MetricTemplate."""

    kind = "MetricTemplate"

    async def observe(self, obj: Object, world: World, now: datetime) -> TemplateSnapshot:
        """Prometheus is asked the template's own texts, of no rollout; of webhooks it is known how the last went."""
        spec, invalid, inactive = read_spec(self.kind, MetricTemplateSpec, obj)
        status = MetricTemplateStatus.model_validate(obj.get("status") or {})
        heard: object = None
        if spec is not None and spec.provider.type == "Prometheus":
            heard = await world.query(of_nobody(spec), now, server_of(spec))
        elif spec is not None and spec.provider.type == "HTTP":
            heard = world.heard(obj["metadata"]["name"])
        return TemplateSnapshot(obj["metadata"].get("generation", 0), spec, status, invalid, inactive, heard)

    def decide(self, snapshot: TemplateSnapshot, now: datetime) -> Plan:
        """Pure."""
        return template.decide(snapshot, now)
