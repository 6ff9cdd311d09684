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
    """Texts must say where the rollout belongs; those of a ratio where the time does too, and tell clusters apart."""
    if spec.provider.type != "Prometheus":
        return
    if spec.value is not None:
        if not _holds("selector", spec.value):
            yield error(("spec", "value"), f"must hold {{{{selector}}}}: {_PLACEHOLDERS['selector']}")
        if not re.search(r"\brevision\b", spec.value):
            yield error(("spec", "value"), "must group by revision: it is read of one revision")
    for field, text in (("numerator", spec.numerator), ("denominator", spec.denominator)):
        if text is None:
            continue
        for name, why in _PLACEHOLDERS.items():
            if not _holds(name, text):
                yield error(("spec", field), f"must hold {{{{{name}}}}}: {why}")
        if not re.search(r"\bcluster\b", text) or not re.search(r"\brevision\b", text):
            yield error(
                ("spec", field), "must group by revision and cluster: arms are compared over groups of entities"
            )


def _holds(placeholder: str, text: str) -> bool:
    return re.search(rf"\{{\{{\s*{placeholder}\s*\}}\}}", text) is not None
