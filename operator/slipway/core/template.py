"""MetricTemplate: says whether gates and experiments can use it, and whether its provider answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec, MetricTemplateStatus
from slipway.core.kstatus import Said, as_written, inactive, ready, stalled, with_conditions
from slipway.core.plan import Plan, Unavailable

PROBE_SECONDS = 60.0
"""How often it is asked anew whether the provider answers."""

REACHABLE = "Reachable"


@dataclass(frozen=True)
class TemplateSnapshot:
    """One observation. `spec` is None when it does not validate, and `invalid` says why; `heard` is how the last
    question to its provider ended, None while there was none."""

    generation: int
    spec: MetricTemplateSpec | None
    status: MetricTemplateStatus
    invalid: str = ""
    inactive: tuple[str, ...] = ()
    heard: object = None


def decide(snapshot: TemplateSnapshot, now: datetime) -> Plan:
    """A template makes nothing; it only answers."""
    spec = snapshot.spec
    if spec is None:
        said = stalled("SpecInvalid", snapshot.invalid)
    else:
        unit = f" in {spec.unit}" if spec.unit else ""
        users = "gates and experiments" if spec.numerator is not None else "gates"
        said = ready("Usable", f"{users} may use it; {spec.better.lower()} is better{unit}")
        said = (*said, _reachable(snapshot, spec))
    said = (*said, *inactive(snapshot.inactive))
    status = snapshot.status.model_copy(update={"inactive_fields": snapshot.inactive})
    written = as_written(with_conditions(status, said, snapshot.generation, now))
    return Plan(status=written, requeue_after=PROBE_SECONDS if spec is not None else None)


def _reachable(snapshot: TemplateSnapshot, spec: MetricTemplateSpec) -> Said:
    """What was heard last. An outage words itself anew at every attempt: the first words stay, so that nothing is
    written; and what a restart has forgotten stays as it was said."""
    before = next((each for each in snapshot.status.conditions if each.type == REACHABLE), None)
    if isinstance(snapshot.heard, Unavailable):
        same = before is not None and (before.status, before.reason) == ("False", snapshot.heard.reason)
        message = before.message if same and before is not None else snapshot.heard.message
        return Said(REACHABLE, "False", snapshot.heard.reason, message)
    if snapshot.heard is not None:
        return Said(REACHABLE, "True", "Answers", f"the provider of type {spec.provider.type} answers")
    if spec.provider.type == "Job":
        message = "each rollout has a Job of its own, and its gates say how that ended"
        return Said(REACHABLE, "Unknown", "AskedByJobs", message)
    if before is not None and before.observed_generation == snapshot.generation:
        return Said(REACHABLE, before.status, before.reason, before.message)
    return Said(REACHABLE, "Unknown", "NotAsked", "no gate that holds has asked it yet")
