"""A MetricTemplate: what its schema cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.validation.findings import Finding, error

_PLACEHOLDERS = {
    "selector": "without it the query reads the series of every rollout",
    "window": "without it the query does not know since when to count",
}


def check_template(spec: MetricTemplateSpec) -> Iterator[Finding]:
    """A ratio's texts must say where the rollout and the time belong, and tell clusters apart."""
    if spec.provider.type != "Prometheus":
        return
    for field, text in (("numerator", spec.numerator), ("denominator", spec.denominator)):
        if text is None:
            continue
        for name, why in _PLACEHOLDERS.items():
            if not re.search(rf"\{{\{{\s*{name}\s*\}}\}}", text):
                yield error(("spec", field), f"must hold {{{{{name}}}}}: {why}")
        if not re.search(r"\bcluster\b", text) or not re.search(r"\brevision\b", text):
            yield error(
                ("spec", field), "must group by revision and cluster: arms are compared over groups of entities"
            )
