"""Wrong ModelTasks."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_TASK = "modeltask-card-fraud"
_BATCH = "spec/serving/batch"

TASKS = (
    Wrong("no goal", _TASK, "spec/goal", ABSENT, ("spec.goal", "Required value")),
    Wrong("no type", _TASK, "spec/type", ABSENT, ("spec.type", "Required value")),
    Wrong("no criteria", _TASK, "spec/criteria", ABSENT, ("spec.criteria", "Required value")),
    Wrong("no features", _TASK, "spec/features", [], ("spec.features", "at least 1")),
    Wrong("no label", _TASK, "spec/label", ABSENT, ("spec.label", "Required value")),
    Wrong("no latency", _TASK, "spec/serving/latency", ABSENT, ("spec.serving", "latency is required", "Inline")),
    Wrong("unknown type", _TASK, "spec/type", "Clustering", ("spec.type", '"Regression"', '"Ranking"')),
    Wrong("justification", _TASK, "spec/justification", "Hype", ("spec.justification", '"Complex"', '"Changing"')),
    Wrong("metric of another type", _TASK, "spec/metrics/primary", "rmse", ("spec.metrics", "must use", "recall")),
    Wrong("other metric of another type", _TASK, "spec/metrics/also/0", "r2", ("spec.metrics", "must use", "recall")),
    Wrong("criterion of another type", _TASK, "spec/criteria/0/expression", "ndcg >= 0.9", ("spec.criteria", "recall")),
    Wrong(
        "no criterion",
        _TASK,
        "spec/criteria/0/expression",
        "good enough",
        ("criteria[0].expression", "metric op bound"),
    ),
    Wrong(
        "money unsaid", "modeltask-card-fraud", "spec/value", ABSENT, ("value is required with the metric net_value",)
    ),
    Wrong("no positive", _TASK, "spec/label/positive", ABSENT, ("label.positive is required",)),
    Wrong("leak", _TASK, "spec/features/0/availableAfter", "30d", ("spec.features[0]", "LeakageDetected", "amount")),
    Wrong("feature without type", _TASK, "spec/features/0/type", ABSENT, ("spec.features[0]", "Numeric, Categorical")),
    Wrong("feature name", _TASK, "spec/features/0/name", "a b", ("spec.features[0].name", "identifier")),
    Wrong("feature twice", _TASK, "spec/features/1/name", "amount", ("spec.features[1]", "Duplicate value")),
    Wrong("window unserved", _TASK, "spec/features/3/servedFrom", ABSENT, ("servedFrom (Request or Lookup)",)),
    Wrong("lookup missing", _TASK, "spec/features/4/lookup", ABSENT, ("spec.features[4]", "lookup is required")),
    Wrong(
        "window column", _TASK, "spec/features/4/window/column", ABSENT, ("features[4].window", "column is required")
    ),
    Wrong("window without entity", _TASK, "spec/entity", ABSENT, ("entity and timestamp are required",)),
    Wrong(
        "two derivations", _TASK, "spec/features/3/expression", "amount / 2", ("spec.features[3]", "window, expression")
    ),
    Wrong(
        "label sources", _TASK, "spec/label/source/uri", "s3://x/y", ("spec.label.source", "exactly one of sql, uri")
    ),
    Wrong(
        "observation", _TASK, "spec/label/observation", "Sometimes", ("label.observation", '"Observed", "Selective"')
    ),
    Wrong("completeness", _TASK, "spec/label/maturity/completeness", "120%", ("maturity.completeness", "0% to 100%")),
    Wrong("maturity", _TASK, "spec/label/maturity/p95", "2 months", ("label.maturity.p95", "d)?", "h)?")),
    Wrong("batch and inline", _TASK, "spec/serving/mode", "Batch", ("spec.serving", "batch is required", "Batch")),
    Wrong("latency members", _TASK, "spec/serving/latency", {"concurrency": 2}, ("serving.latency", "p50, p95, p99")),
    Wrong("unstructured", _TASK, "spec/features/2/type", "Image", ("spec.features[2].type", '"Text"')),
    Wrong(
        "calibration",
        "modeltask-demand",
        "spec/calibration",
        {"method": "Sigmoid"},
        ("calibration", "only legal with type: BinaryClassification"),
    ),
    Wrong("no text", "modeltask-phishing", "spec/justification", "Unstructured", ("feature of type Text",)),
    Wrong(
        "cron", "modeltask-demand", "spec/serving/batch/schedule/cron", "daily", ("schedule.cron", "five cron fields")
    ),
)

BATCHES = (
    Wrong("input", "modeltask-demand", f"{_BATCH}/input/uri", "gs://a/b", ("batch.input", "file:///data/", "s3://")),
    Wrong("output", "modeltask-demand", f"{_BATCH}/output/uri", "https://a/b", ("batch.output", "s3://BUCKET/")),
    Wrong("no volume", "modeltask-demand", f"{_BATCH}/input/uri", "file:///data/a", ("volume is required",)),
    Wrong("same place", "modeltask-demand", f"{_BATCH}/output/uri", "s3://lake/articles", ("another place",)),
    Wrong("no parts", "modeltask-demand", f"{_BATCH}/rowsPerPart", 0, ("rowsPerPart", "greater than or equal to 1")),
)
