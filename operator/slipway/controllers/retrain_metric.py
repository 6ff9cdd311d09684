"""The number of a MetricTemplate for a trigger: of the revision that serves now."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.retrain_triggers import MetricTrigger
from slipway.controllers.reading import read_spec
from slipway.core.evidence import Vector
from slipway.core.metric_source import server_of
from slipway.core.metric_trigger import MetricLook, judged, summed
from slipway.core.plan import ObjectKey, Unavailable
from slipway.core.ratio_metrics import filled
from slipway.runtime.world import World

SLOT_SECONDS = 30.0
_LEAST_WINDOW = 60


async def metric_look(
    name: str, trigger: MetricTrigger, rollout: tuple[str, str], world: World, now: datetime
) -> MetricLook:
    """Asks the template's server; `rollout` is the key of the rollout and its stable revision."""
    template = _template(trigger, world)
    if isinstance(template, Unavailable):
        return judged(name, trigger, template)
    window = f"{max(_LEAST_WINDOW, int(trigger.length.seconds))}s"
    texts = [template.value] if template.value is not None else [template.numerator, template.denominator]
    server = server_of(template)
    answers: list[Vector | Unavailable] = []
    for text in texts:
        promql = filled(text or "", window, [rollout[0]])
        answers.append(await (world.query(promql, now) if server is None else world.query(promql, now, server)))
    return judged(name, trigger, summed(answers, *rollout))


def _template(trigger: MetricTrigger, world: World) -> MetricTemplateSpec | Unavailable:
    name = trigger.template.name
    found = world.get(ObjectKey(API_VERSION, "MetricTemplate", "", name))
    if found is None:
        return Unavailable("TemplateNotFound", f"there is no MetricTemplate {name!r}")
    spec, wrong, _ = read_spec("MetricTemplate", MetricTemplateSpec, found)
    if spec is None:
        return Unavailable("TemplateUnusable", f"MetricTemplate {name!r} is not legal: {wrong}")
    if spec.provider.type != "Prometheus":
        return Unavailable("TemplateUnusable", f"MetricTemplate {name!r} is not of Prometheus: triggers cannot ask it")
    return spec
