"""Which metrics a decision needs beside the built-in sums: ratios, bare numbers and windows of the gates that hold, and
an experiment's from the stage before it on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.api.v1alpha1.gates import ACTIVE_METRICS, Gate
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.core.evidence_queries import needed, queries
from slipway.core.metric_source import PointMetric, point_key, reading_key, server_of, span
from slipway.core.ratio_metrics import MEAN_SCORE, SCORE, RatioMetric, of_template, unusable
from slipway.core.readings import Question
from slipway.core.rollout.approval import source
from slipway.core.rollout.comparison import coming, comparison
from slipway.core.rollout.snapshot import Snapshot, variant
from slipway.core.rollout.turn import TRAFFIC_STAGES


@dataclass
class Recent:
    """What the gates with a window of one length need: beginnings of names of built-in texts, and ratios by key."""

    texts: set[str] = field(default_factory=set)
    ratios: dict[str, RatioMetric] = field(default_factory=dict)


def recent_texts(wanted: Recent, within: str, seconds: float, rollouts: Sequence[str]) -> dict[str, str]:
    """The built-in texts of one window, in an epoch of the window class `within`."""
    texts = queries(within, rollouts, f"{seconds * 1000:.0f}ms")
    return {name: text for name, text in texts.items() if name.startswith(tuple(wanted.texts))}


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


def _gates(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> tuple[Gate, ...]:
    """The rollout's, and those of the stages that hold."""
    return (*spec.gates, *(gate for each in _holding(spec, status) for gate in each.gates))


def _ratio(snapshot: Snapshot, name: str) -> RatioMetric | None:
    template = snapshot.metrics.templates.get(name)
    return None if template is None or unusable(name, template) else of_template(name, template)


def asked(snapshot: Snapshot) -> Mapping[str, RatioMetric]:
    """The ratios since evidence began, by their key: of the gates, of the business while anybody meets the candidate,
    and of an experiment from the stage before it on."""
    spec = snapshot.spec
    if spec is None:
        return {}
    holding = _holding(spec, snapshot.status)
    near = (*holding[:1], coming(spec, snapshot.status))
    tests = [each.ab_test for each in near if each is not None and each.ab_test is not None]
    gates = [gate.template for gate in _gates(spec, snapshot.status) if gate.window is None]
    names = named(gates + [each.template for each in tests])
    if tests or any(each.type in TRAFFIC_STAGES and each.type != "Shadow" for each in holding):
        names |= {metric.template.name for metric in snapshot.metrics.business.values()}
    found = {SCORE: MEAN_SCORE} if any(test.metric == SCORE for test in tests) else {}
    ratios = [_ratio(snapshot, name) for name in sorted(names)]
    return found | {metric.key: metric for metric in ratios if metric is not None}


def recent(snapshot: Snapshot) -> Mapping[float, Recent]:
    """What the gates that judge windows need, by the length of the window in seconds."""
    found: dict[float, Recent] = {}
    spec = snapshot.spec
    for gate in _gates(spec, snapshot.status) if spec is not None else ():
        metric = _ratio(snapshot, gate.template.name) if gate.template is not None else None
        if gate.window is None or (metric is None and gate.metric not in ACTIVE_METRICS):
            continue
        one = found.setdefault(gate.window.seconds, Recent(set(needed("request_rate"))))
        if gate.metric is not None:
            one.texts.update(needed(gate.metric))
        if metric is not None:
            one.ratios[metric.key] = metric
    return found


def judges(snapshot: Snapshot, metric: str, window: float | None = None) -> bool:
    """Whether a gate that holds judges a built-in metric, over windows of this length or since the epoch began."""
    gates = _gates(snapshot.spec, snapshot.status) if snapshot.spec is not None else ()
    return any(
        gate.metric == metric and (gate.window.seconds if gate.window is not None else None) == window for gate in gates
    )


def questions(snapshot: Snapshot) -> Mapping[str, tuple[MetricTemplateSpec, Question]]:
    """What webhooks and Jobs are asked, with the template that says which, by the key of the answer."""
    compared, since, stage = comparison(snapshot), snapshot.status.epoch_since, snapshot.status.stage
    found: dict[str, tuple[MetricTemplateSpec, Question]] = {}
    if snapshot.spec is None or compared is None or since is None:
        return found
    stable = compared.stable.revision if compared.stable is not None else ""
    for gate in _gates(snapshot.spec, snapshot.status):
        name = gate.template.name if gate.template is not None else ""
        template = snapshot.metrics.templates.get(name)
        if template is not None and template.provider.type != "Prometheus":
            found[reading_key(gate)] = template, Question(
                name, snapshot.identity.key, compared.candidate.revision, stable, stage.name if stage else "",
                compared.candidate.epoch, since, gate.window.seconds if gate.window is not None else 0.0,
            )  # fmt: skip
    return found


def points(snapshot: Snapshot) -> Mapping[str, PointMetric]:
    """The bare numbers that Prometheus is asked for, by their key."""
    found: dict[str, PointMetric] = {}
    spec = snapshot.spec
    for gate in _gates(spec, snapshot.status) if spec is not None else ():
        template = snapshot.metrics.templates.get(gate.template.name) if gate.template is not None else None
        if gate.template is not None and template is not None and template.value is not None:
            metric = PointMetric(point_key(gate), template.value, span(gate), server_of(template))
            found[metric.key] = metric
    return found
