"""Wrong MetricTemplates."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

TEMPLATES = (
    Wrong("half a ratio", "metrictemplate-approval-rate", "spec/denominator", ABSENT, ("numerator and denominator",)),
    Wrong("both forms", "metrictemplate-approval-rate", "spec/value", "1", ("value alone",)),
    Wrong(
        "provider", "metrictemplate-approval-rate", "spec/provider/type", "HTTP", ("spec.provider", "http is required")
    ),
    Wrong(
        "address", "metrictemplate-approval-rate", "spec/provider/prometheus/address", "prom", ("http:// or https://",)
    ),
)
