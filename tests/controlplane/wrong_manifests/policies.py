"""Wrong RetrainPolicies."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_POLICY = "retrainpolicy-card-fraud"
_STEPS = "retrainpolicy-incremental"

POLICIES = (
    Wrong(
        "steps of a forest",
        _STEPS,
        "spec/runTemplate/spec/trainer/builtIn/estimator",
        "RandomForest",
        ("mode: Incremental needs an estimator with partial_fit",),
    ),
    Wrong(
        "a base in a template",
        _STEPS,
        "spec/runTemplate/spec/incremental",
        {"base": "models:/a/1"},
        ("runTemplate.spec.incremental is set by the policy",),
    ),
    Wrong("policy of nothing", "retrainpolicy-phishing", "spec/triggers", [], ("spec", "schedule, triggers or both")),
    Wrong(
        "trigger member",
        _POLICY,
        "spec/triggers/0/type",
        "Metric",
        ("spec.triggers[0]", "Drift (drift)", "Metric (metric)"),
    ),
    Wrong("season", _POLICY, "spec/triggers/0/drift/season", "Lunar", ("drift.season", '"None", "Daily", "Weekly"')),
    Wrong("confirm", _POLICY, "spec/triggers/0/drift/confirm", {"windows": 4}, ("drift.confirm", "windows must not")),
    Wrong("psi", _POLICY, "spec/triggers/0/drift/psi", "high", ("drift.psi", "a number such as")),
    Wrong("template", _POLICY, "spec/runTemplate/spec/data", ABSENT, ("runTemplate.spec.data", "Required value")),
)
