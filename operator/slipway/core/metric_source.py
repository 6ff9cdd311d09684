"""Where the numbers of a MetricTemplate come from, as values: which server, and what is asked of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.evidence import Subject, Vector
from slipway.core.plan import Unavailable
from slipway.core.readings import Reading, Server, Webhook

POINT_SECONDS = 60.0
"""How often a bare number is looked at by a gate without a window of its own."""


@dataclass(frozen=True)
class PointMetric:
    """A bare number by `key`, the name under which an arm keeps it; `window` is how far its text looks back."""

    key: str
    text: str
    window: float
    server: Server | None = None


def server_of(template: MetricTemplateSpec) -> Server | None:
    """The server that a template's texts are sent to; None is the installation's."""
    own = template.provider.prometheus
    if own is None or (own.address is None and own.secret_ref is None):
        return None
    return Server(own.address or "", own.secret_ref.name if own.secret_ref is not None else "")


def webhook_of(template: MetricTemplateSpec) -> Webhook | None:
    """Where a template's questions are sent; None where it asks otherwise."""
    http = template.provider.http
    if http is None:
        return None
    secret = http.secret_ref.name if http.secret_ref is not None else ""
    return Webhook(http.url, secret, http.timeout.seconds, http.every.seconds)


def template_key(name: str, window: float | None = None) -> str:
    """The key of a MetricTemplate's metric; a bare number has one for each window that a gate looks back."""
    return f"template/{name}" if window is None else f"template/{name}/{window:g}s"


def span(gate: Gate) -> float:
    """How far back a bare number is looked at for a gate, in seconds."""
    return gate.window.seconds if gate.window is not None else POINT_SECONDS


def point_key(gate: Gate) -> str:
    """The key of the bare number that a gate on a template judges."""
    return template_key(gate.template.name if gate.template is not None else "", span(gate))


def reading_key(gate: Gate) -> str:
    """The key of what a webhook or a Job answers for a gate: of its window, or of all since the epoch began."""
    window = gate.window.seconds if gate.window is not None else 0.0
    return template_key(gate.template.name if gate.template is not None else "", window)


def is_read(template: MetricTemplateSpec) -> bool:
    """Whether a template is read as a whole, and not summed over groups of entities."""
    return template.value is not None or template.provider.type != "Prometheus"


def key_of(gate: Gate, template: MetricTemplateSpec) -> str:
    """Under which key an arm may have what a gate on the template judges."""
    if template.provider.type != "Prometheus":
        return reading_key(gate)
    return point_key(gate) if template.value is not None else template_key(gate.template.name if gate.template else "")


def point(answer: Vector | Unavailable, subject: Subject) -> Reading | Unavailable:
    """The one number that a query answered of a subject. An answer that groups by less than the subject is of whom it
    was asked for."""
    if isinstance(answer, Unavailable):
        return answer
    labels = {"rollout": subject.rollout, "epoch": str(subject.epoch)}
    found = [s.value for s in answer if s.labels.get("revision") == subject.revision and _agrees(s.labels, labels)]
    if len(found) != 1:
        many = f"{len(found)} values" if found else "nothing"
        return Unavailable("NotOneValue", f"the query answered {many} of revision {subject.revision}, not one")
    if not math.isfinite(found[0]):
        return Unavailable("NotANumber", f"the query answered {found[0]} of revision {subject.revision}")
    return Reading(1.0, value=found[0])


def _agrees(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key, value) == value for key, value in wanted.items())
