"""Metrics that are one sum over another by analysis cluster: the model's mean score, and templates of administrators.

What travels is six sums for each arm, as for the built-in shares (`evidence`). A text that groups by rollout and epoch
is asked once for a shard of rollouts; another is asked for each rollout by itself, over exactly the time since its
evidence began, because its counts know no epochs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.evidence import Subject, Vector, moments_from
from slipway.core.evidence_queries import moments_of, selector, window
from slipway.core.metric_source import PointMetric, server_of, template_key
from slipway.core.plan import Unavailable
from slipway.core.readings import Server
from slipway.statistics.ratios import Moments

SCORE = "mean_score"
_SCORES = (
    "sum by (rollout,revision,epoch,cluster)(max_over_time("
    'slipway_evidence_cluster_scores{{moment="{}",traffic="live",{{{{selector}}}}}}[{{{{window}}}}]))'
)
_BY = re.compile(r"\bby\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([{,]\s*)?\{\{\s*selector\s*\}\}")
_WINDOW = re.compile(r"\{\{\s*window\s*\}\}")
_PARTS = ("clusters", "y", "n", "yy", "nn", "yn")


@dataclass(frozen=True)
class RatioMetric:
    """A metric by `key`, the name under which an arm keeps it; its texts have the two placeholders of a template."""

    key: str
    numerator: str
    denominator: str
    server: Server | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What tells the answers apart, besides the cluster: of rollout and epoch those that both texts group by."""
        grouped = [
            {label.strip() for by in _BY.findall(text) for label in by.split(",")}
            for text in (self.numerator, self.denominator)
        ]
        both = set.intersection(*grouped)
        return tuple(label for label in ("rollout", "revision", "epoch") if label == "revision" or label in both)

    @property
    def shared(self) -> bool:
        """Whether one text serves many rollouts."""
        return {"rollout", "epoch"} <= set(self.labels)

    def within(self, age: float) -> str:
        """How far back the text looks in an epoch of `age` seconds: a class of windows where counts know their epoch,
        exactly the epoch where they do not."""
        return window(age) if "epoch" in self.labels else f"{max(1, math.floor(age))}s"


MEAN_SCORE = RatioMetric(SCORE, _SCORES.format("sum"), _SCORES.format("count"))
"""Meant for probabilities: sums of scores that may be negative do not only grow, and the largest is not the last."""


def unusable(name: str, template: MetricTemplateSpec | None) -> str:
    """Why a template gives no ratio over groups of entities; empty when it does."""
    if template is None:
        return f"there is no usable MetricTemplate {name}"
    if template.provider.type != "Prometheus":
        return f"MetricTemplate {name} has a provider of type {template.provider.type}: it counts no groups of entities"
    if template.numerator is None or template.denominator is None:
        return f"MetricTemplate {name} has a bare value: a guardrail, not a count of groups of entities"
    return ""


def of_template(name: str, template: MetricTemplateSpec) -> RatioMetric:
    """The metric of a template that is usable."""
    numerator, denominator = template.numerator or "", template.denominator or ""
    return RatioMetric(template_key(name), numerator, denominator, server_of(template))


def filled(text: str, within: str, rollouts: Sequence[str]) -> str:
    """A template's text with its placeholders filled in.

    `{{selector}}` stands for label matchers: with braces of its own after a metric's name, without them inside braces.
    """
    matchers = selector(rollouts)

    def matched(found: re.Match[str]) -> str:
        before = found.group(1)
        return f"{before}{matchers}" if before else f"{{{matchers}}}"

    return _WINDOW.sub(within, _SELECTOR.sub(matched, text))


def of_nobody(template: MetricTemplateSpec) -> str:
    """A text that shows whether a server understands those of a template, and costs it nothing: of no rollout."""
    texts = [text for text in (template.numerator, template.denominator, template.value) if text is not None]
    return " or ".join(f"count({filled(text, '1m', ['/'])})" for text in texts)


def point_text(metric: PointMetric, rollouts: Sequence[str]) -> str:
    """The PromQL text of a bare number."""
    return filled(metric.text, f"{metric.window:g}s", rollouts)


def ratio_texts(metric: RatioMetric, within: str, rollouts: Sequence[str]) -> Mapping[str, str]:
    """The six PromQL texts by the name of their sum.

    Whatever a template says, it is summed by cluster first; a cluster without trials is not occupied.
    """
    by = ",".join(metric.labels)
    y, n = (
        f"sum by ({by},cluster)({filled(text, within, rollouts)})" for text in (metric.numerator, metric.denominator)
    )
    return moments_of(y, f"({n} > 0)", by=by)


def ratio_moments(answers: Mapping[str, Vector | Unavailable], subject: Subject) -> Moments | Unavailable | None:
    """One arm's sums from the answers to `ratio_texts`; None where nothing was counted, or not exactly one series."""
    found: dict[str, float | None] = {}
    for name in _PARTS:
        answer = answers[name]
        if isinstance(answer, Unavailable):
            return answer
        values = [s.value for s in answer if math.isfinite(s.value) and _is_of(s.labels, subject)]
        found[name] = values[0] if len(values) == 1 else None
    return moments_from(found)


def _is_of(labels: Mapping[str, str], subject: Subject) -> bool:
    """Labels that a text does not group by are those of whom it was asked for."""
    wanted = {"rollout": subject.rollout, "revision": subject.revision, "epoch": str(subject.epoch)}
    return "revision" in labels and all(labels.get(key, value) == value for key, value in wanted.items())
