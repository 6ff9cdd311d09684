"""Wrong manifests, each a good one with one thing changed, and what the refusal must say.

The API server refuses them by the CRD (test_crds_refuse.py); the models refuse the same ones (tests/unit/api), so that
`slipway lint` and reconcile agree with the API server.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MANIFESTS = Path(__file__).parent / "manifests"


class _Absent:
    """Stands for a field that is taken away; its name is the same in every process that collects tests."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True)
class Wrong:
    """`path` of `base` becomes `value` (ABSENT removes it); every text of `says` must be in the refusal."""

    name: str
    base: str
    path: str
    value: Any
    says: tuple[str, ...]

    def manifest(self) -> dict[str, Any]:
        """The wrong manifest."""
        return changed(good(self.base)[0], self.path, self.value)


def good(name: str) -> list[dict[str, Any]]:
    """The documents of one good manifest."""
    return [*yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8"))]


def all_good() -> dict[str, dict[str, Any]]:
    """Every good document by file and index."""
    names = sorted(path.stem for path in MANIFESTS.glob("*.yaml"))
    return {f"{name}[{index}]": document for name in names for index, document in enumerate(good(name))}


def changed(manifest: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one place changed; a number in the path is a place in a list."""
    copied = copy.deepcopy(dict(manifest))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place: Any = copied
    for part in parents:
        place = place[part]
    if value is ABSENT:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return copied


_TASK, _RUN, _ROLLOUT = "modeltask-card-fraud", "trainingrun-function", "modelrollout-card-fraud"
_STEP, _STEPS = "trainingrun-incremental", "retrainpolicy-incremental"
_SMALL, _POLICY, _ABORT = "modelrollout-phishing", "retrainpolicy-card-fraud", "rolloutrequest-abort"
_GATE = {"name": "g", "op": "<=", "bound": "1"}
_TIMED = _GATE | {"template": {"name": "queue-depth"}, "bound": "100ms"}
_PAIRS = _GATE | {"metric": "agreement", "op": ">="}
_AGAIN = _GATE | {"name": "errors", "metric": "error_rate"}
_APPROVAL = {"name": "s", "type": "Approval", "approval": {"groups": ["risk"]}}
_DIGITS = "4" * 40
_DIFFERENCE = {"configMapRef": {"name": "d"}, "digest": f"sha256:{'4' * 64}"}

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

_BATCH = "spec/serving/batch"
BATCHES = (
    Wrong("input", "modeltask-demand", f"{_BATCH}/input/uri", "gs://a/b", ("batch.input", "file:///data/", "s3://")),
    Wrong("output", "modeltask-demand", f"{_BATCH}/output/uri", "https://a/b", ("batch.output", "s3://BUCKET/")),
    Wrong("no volume", "modeltask-demand", f"{_BATCH}/input/uri", "file:///data/a", ("volume is required",)),
    Wrong("same place", "modeltask-demand", f"{_BATCH}/output/uri", "s3://lake/articles", ("another place",)),
    Wrong("no parts", "modeltask-demand", f"{_BATCH}/rowsPerPart", 0, ("rowsPerPart", "greater than or equal to 1")),
)

RUNS = (
    Wrong("no sources", _RUN, "spec/data/sources", [], ("spec.data.sources", "at least 1")),
    Wrong("two kinds of source", _RUN, "spec/data/sources/1/uri", "s3://x/y", ("data.sources[1]", "uri, sql, delta")),
    Wrong("no exposure note", _RUN, "spec/data/sources/0/exposureNote", ABSENT, ("data.sources[0]", "exposureNote")),
    Wrong("no uri", _RUN, "spec/data/sources/0/uri", "lake", ("sources[0].uri", "URI with its scheme")),
    Wrong("sum of the split", _RUN, "spec/data/split/test", "20%", ("spec.data.split", "add up to 100%")),
    Wrong("no test", _RUN, "spec/data/split", {"train": "85%", "test": "0%"}, ("spec.data.split", "more than 0%")),
    Wrong("share", _RUN, "spec/data/split/test", "15 percent", ("spec.data.split.test", "such as 5%")),
    Wrong("split by", _RUN, "spec/data/split/by", "Luck", ("spec.data.split.by", '"Time"', '"Entity"')),
    Wrong("split column", _RUN, "spec/data/split/by", "Column", ("spec.data.split", "column is required")),
    Wrong("embargo", _RUN, "spec/data/split/embargo", "Never", ("data.split.embargo", "Auto, or a duration")),
    Wrong("window", _RUN, "spec/data/window/type", "Growing", ("spec.data.window", "last is required", "Sliding")),
    Wrong("workspace", _RUN, "spec/data/workspace", {}, ("data.workspace", "persistentVolumeClaim, s3")),
    Wrong(
        "trainer member", _RUN, "spec/trainer/type", "BuiltIn", ("spec.trainer", "BuiltIn (builtIn)", "Image (image)")
    ),
    Wrong(
        "estimator",
        "trainingrun-builtin",
        "spec/trainer/builtIn/estimator",
        "Oracle",
        ("builtIn.estimator", '"Linear"'),
    ),
    Wrong("branch", _RUN, "spec/trainer/function/git/commit", "main", ("function.git.commit", "hex digits")),
    Wrong("no commit", _RUN, "spec/trainer/function/git/commit", ABSENT, ("function.git", "slipway train FILE")),
    Wrong("commit and branch", _RUN, "spec/trainer/function/git/ref", "main", ("function.git", "slipway train FILE")),
    Wrong("git by ssh", _RUN, "spec/trainer/function/git/url", "git@example.com:f", ("function.git.url", "http(s)")),
    Wrong(
        "password in a URL",
        _RUN,
        "spec/trainer/function/git/url",
        "https://a:b@example.com/f",
        ("git.url", "secretRef"),
    ),
    Wrong(
        "dirty tree", _RUN, "spec/trainer/function/git/difference", _DIFFERENCE, ("difference needs allow.dirtyTree",)
    ),
    Wrong("entrypoint", _RUN, "spec/trainer/function/entrypoint", "build", ("function.entrypoint", "module:function")),
    Wrong("base by alias", _STEP, "spec/incremental/base", "models:/a@b", ("spec.incremental.base", "no alias")),
    Wrong(
        "no partial_fit",
        _STEP,
        "spec/trainer/builtIn/estimator",
        "GradientBoosting",
        ("incremental needs an estimator with partial_fit", "StochasticGradient, NeuralNetwork, NaiveBayes"),
    ),
    Wrong("a step with folds", _STEP, "spec/folds", 3, ("incremental tests each row", "Auto or 0")),
    Wrong("a step without a version", _STEP, "spec/register", ABSENT, ("incremental needs register",)),
    Wrong("a step with a search", _STEP, "spec/tuning", {"algorithm": "Random"}, ("incremental keeps the parameters",)),
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
    Wrong("folds", _RUN, "spec/folds", "Many", ("spec.folds", "Auto", "from 2 to 50")),
    Wrong("one fold", _RUN, "spec/folds", 1, ("spec.folds", "from 2 to 50")),
    Wrong("range", _RUN, "spec/tuning/space/max_depth/range/low", "9", ("max_depth", "low must be less than high")),
    Wrong("log of nothing", _RUN, "spec/tuning/space/learning_rate/range/low", "0", ("low must be more than 0",)),
    Wrong("dask", _RUN, "spec/engine/type", "Dask", ("spec.engine", "dask is required")),
    Wrong("cause", _RUN, "spec/cause", "Boredom", ("spec.cause", '"Redesign", "Refresh", "Emergency"')),
    Wrong("registered name", _RUN, "spec/register/model", "a/b", ("spec.register.model", "registered model")),
    Wrong("seed", _RUN, "spec/seed", -1, ("spec.seed", "greater than or equal to 0")),
)

ROLLOUTS = (
    Wrong("no stages", _SMALL, "spec/stages", [], ("spec.stages", "at least 1")),
    Wrong("no model", _SMALL, "spec/model", ABSENT, ("spec", "exactly one of model, candidates")),
    Wrong("model member", _SMALL, "spec/model/type", "Run", ("spec.model", "MLflow (mlflow), Run (run)")),
    Wrong(
        "version and alias", _SMALL, "spec/model/mlflow/version", "3", ("model.mlflow", "exactly one of version, alias")
    ),
    Wrong(
        "version", _SMALL, "spec/model/mlflow", {"name": "a", "version": "latest"}, ("mlflow.version", "version number")
    ),
    Wrong(
        "log scheme", _SMALL, "spec/predictionLog", {"uri": "gs://lake/x"}, ("predictionLog.uri", "s3://bucket/prefix")
    ),
    Wrong("log without bucket", _SMALL, "spec/predictionLog", {"uri": "s3:///x"}, ("predictionLog.uri", "s3://bucket")),
    Wrong("log without Secret", _SMALL, "spec/predictionLog", {"uri": "s3://lake/x"}, ("secretRef is required",)),
    Wrong("log without volume", _SMALL, "spec/predictionLog", {"uri": "file:///x"}, ("persistentVolumeClaim",)),
    Wrong(
        "log outside of its volume",
        _SMALL,
        "spec/predictionLog",
        {"uri": "file:///x/../../etc", "persistentVolumeClaim": {"claimName": "log"}},
        ("predictionLog.uri", "must not contain"),
    ),
    Wrong(
        "hash without a key",
        _SMALL,
        "spec/predictionLog",
        {"uri": "file:///x", "persistentVolumeClaim": {"claimName": "log"}, "hash": ["card_id"]},
        ("secretRef is required with hash", "hash-key"),
    ),
    Wrong("log in a hurry", _ROLLOUT, "spec/predictionLog/rotate/every", "500ms", ("rotate.every", "at least 1s")),
    Wrong("log rotated by much", _ROLLOUT, "spec/predictionLog/rotate/size", "1Ti", ("rotate.size", "64Mi")),
    Wrong("onNewVersion", _SMALL, "spec/model/onNewVersion", "Panic", ('"Queue", "Supersede", "Ignore"',)),
    Wrong("stage type", _SMALL, "spec/stages/0/type", "BlueGreen", ("stages[0].type", '"Shadow", "Canary"')),
    Wrong(
        "stage member", _SMALL, "spec/stages/0/type", "Canary", ("spec.stages[0]", "Shadow (shadow), Canary (canary)")
    ),
    Wrong("stage name", _SMALL, "spec/stages/0/name", "Shadow 1", ("spec.stages[0].name", "lower-case letters")),
    Wrong("stage twice", _SMALL, "spec/stages/0/name", "canary", ("spec.stages[1]", "Duplicate value")),
    Wrong("weight", _SMALL, "spec/stages/1/canary/weight", "lots", ("stages[1].canary.weight", "such as 5%")),
    Wrong("weight of all", _SMALL, "spec/stages/1/canary/weight", "100%", ("stages[1].canary", "less than 100%")),
    Wrong("weight of nothing", _SMALL, "spec/stages/1/canary/weight", "0", ("stages[1].canary", "more than 0%")),
    Wrong("mirror nothing", _SMALL, "spec/stages/0/shadow/percent", "0%", ("stages[0].shadow", "percent must be more")),
    Wrong("no time", _SMALL, "spec/stages/1/minDuration", ABSENT, ("stages[1]", "needs minDuration")),
    Wrong("no evidence", _SMALL, "spec/stages/1/minExposures", ABSENT, ("stages[1]", "minExposures, minSamples")),
    Wrong(
        "no samples", _SMALL, "spec/stages/0/minSamples", ABSENT, ("spec.stages[0]", "needs minDuration and minSamples")
    ),
    Wrong("exposures of a mirror", _SMALL, "spec/stages/0/minExposures", 5, ("stages[0]", "type: Canary or ABTest")),
    Wrong("duration", _SMALL, "spec/stages/0/minDuration", "soon", ("stages[0].minDuration", "d)?", "h)?")),
    Wrong("duration with a space", _SMALL, "spec/warmUp", "1 day", ("spec.warmUp", "d)?", "h)?")),
    Wrong("duration out of order", _SMALL, "spec/warmUp", "5m1h", ("spec.warmUp", "h)?")),
    Wrong("falling weights", _ROLLOUT, "spec/stages/3/canary/weight", "0.5%", ("spec.stages", "do not fall")),
    Wrong("no traffic", _SMALL, "spec/traffic", ABSENT, ("traffic is required",)),
    Wrong("traffic member", _SMALL, "spec/traffic/gatewayAPI", ABSENT, ("spec.traffic", "gatewayAPI is required")),
    Wrong("traffic type", _SMALL, "spec/traffic/type", "Istio", ("spec.traffic.type", '"GatewayAPI", "Knative"')),
    Wrong("no parents", _SMALL, "spec/traffic/gatewayAPI/parentRefs", [], ("gatewayAPI.parentRefs", "at least 1")),
    Wrong("host", _SMALL, "spec/traffic/gatewayAPI/hostnames/0", "a_b", ("hostnames[0]", "such as fraud.example.com")),
    Wrong(
        "exposures of requests", _SMALL, "spec/traffic/assignment", ABSENT, ("minExposures needs traffic.assignment",)
    ),
    Wrong("experiment on requests", _ROLLOUT, "spec/traffic/assignment", ABSENT, ("ABTest need traffic.assignment",)),
    Wrong("hold-out of requests", _ROLLOUT, "spec/traffic/assignment", ABSENT, ("globalHoldout needs assignment",)),
    Wrong("hold-out of nobody", _ROLLOUT, "spec/traffic/globalHoldout", "0%", ("globalHoldout must be more than 0%",)),
    Wrong("hold-out of most", _ROLLOUT, "spec/traffic/globalHoldout", "51%", ("globalHoldout must be", "at most 50%")),
    Wrong(
        "hold-out on a route of others",
        _ROLLOUT,
        "spec/traffic/gatewayAPI/httpRouteRef",
        {"name": "shop"},
        ("globalHoldout needs a route of the rollout's own",),
    ),
    Wrong(
        "assignment on Knative", "modelrollout-knative", "spec/traffic/assignment", {}, ("assignment is only legal",)
    ),
    Wrong(
        "ceiling",
        _ROLLOUT,
        "spec/advanceThrough",
        "nowhere",
        ("advanceThrough", "one of the stages", "canary-5 sign-off"),
    ),
    Wrong("arms without test", "modelrollout-arms", "spec/stages", [_APPROVAL], ("candidates need", "ABTest")),
    Wrong("keep", _ROLLOUT, "spec/promotion/keepPrevious/atMost", "1d", ("keepPrevious", "atLeast must not be longer")),
    Wrong(
        "repository", _ROLLOUT, "spec/image/repository", "Registry:x", ("image.repository", "registry.example.com/ml")
    ),
    Wrong(
        "image by tag",
        _SMALL,
        "spec/model",
        {"type": "Image", "image": {"image": "registry.example.com/ml:1"}},
        ("spec.model.image.image", "pinned by its digest"),
    ),
    Wrong("run", _SMALL, "spec/model", {"type": "Run", "run": {"uri": "runs:/x"}}, ("spec.model.run.uri", "<run id>")),
    Wrong("base by tag", _ROLLOUT, "spec/image/base", "registry.example.com/base:1", ("image.base", "by its digest")),
    Wrong(
        "index with password",
        _ROLLOUT,
        "spec/image/packageIndex/url",
        "https://ada:secret@example.com/simple",
        ("packageIndex.url", "secretRef"),
    ),
    Wrong("buildah", _ROLLOUT, "spec/image/buildah", {}, ("spec.image", "set systemPackages, dockerfileRef")),
    Wrong(
        "no member", _ROLLOUT, "spec/image/builder", "Buildah", ("spec.image", "required with, and only legal with,")
    ),
    Wrong("waiver", _ROLLOUT, "spec/certification", {}, ("spec.certification.waiver", "Required value")),
    Wrong("env", _ROLLOUT, "spec/predictor/env/1/value", "x", ("predictor.env[1]", "at most one of value, valueFrom")),
    Wrong("quantity", _ROLLOUT, "spec/predictor/resources/limits/memory", "much", ("resources.limits.memory",)),
    Wrong(
        "replicas", _ROLLOUT, "spec/predictor/minReplicas", 0, ("predictor.minReplicas", "greater than or equal to 1")
    ),
    Wrong(
        "class of the cluster",
        _ROLLOUT,
        "spec/predictor/priorityClassName",
        "system-node-critical",
        ("begin with system-",),
    ),
    Wrong(
        "every taint", _ROLLOUT, "spec/predictor/tolerations/0", {"effect": "NoSchedule"}, ("key is required unless",)
    ),
    Wrong(
        "a time for NoSchedule",
        _ROLLOUT,
        "spec/predictor/tolerations/0/tolerationSeconds",
        5,
        ("tolerationSeconds goes with effect NoExecute",),
    ),
    Wrong("a value of Exists", _ROLLOUT, "spec/predictor/tolerations/0/value", "a100", ("value goes with operator",)),
    Wrong("hook event", _ROLLOUT, "spec/hooks/0/events", ["Lunch"], ("hooks[0].events[0]", '"StageStarted"')),
    Wrong("freeze", _ROLLOUT, "spec/freeze/0/cron", "friday", ("freeze[0].cron", "five cron fields")),
    Wrong("zone", _ROLLOUT, "spec/freeze/0/timeZone", "Rome!", ("freeze[0].timeZone", "Europe/Rome")),
    Wrong("breach", _ROLLOUT, "spec/onBreach", "Ignore", ("spec.onBreach", '"Rollback", "Hold"')),
    Wrong("deletion", _ROLLOUT, "spec/deletionPolicy", "Keep", ("spec.deletionPolicy", '"Delete", "Orphan"')),
    Wrong("unknown field", _ROLLOUT, "spec/canaryWeight", "5%", ("canaryWeight",)),
    Wrong("approval by nobody", _ROLLOUT, "spec/stages/4/approval/groups", [], ("approval.groups", "at least 1")),
    Wrong(
        "margin", _ROLLOUT, "spec/stages/5/abTest/hypothesis/type", "NonInferiority", ("nonInferiority is required",)
    ),
    Wrong(
        "experiment on nothing", _ROLLOUT, "spec/stages/5/abTest/metric", ABSENT, ("exactly one of metric, template",)
    ),
)

GATES = (
    Wrong("no limit", _SMALL, "spec/gates/0/bound", ABSENT, ("gates[0]", "bound, ratioToStable, differenceToStable")),
    Wrong("two limits", _SMALL, "spec/gates/0/ratioToStable", "2", ("gates[0]", "exactly one of bound")),
    Wrong("no metric", _SMALL, "spec/gates/0/metric", ABSENT, ("gates[0]", "exactly one of metric, template")),
    Wrong("unknown metric", _SMALL, "spec/gates/0/metric", "happiness", ("gates[0]", "error_rate", "latency_p99")),
    Wrong("operator", _SMALL, "spec/gates/0/op", "=", ("gates[0].op", '"<=", ">="')),
    Wrong("bound", _SMALL, "spec/gates/0/bound", "small", ("gates[0].bound", "such as 0.2", "1%")),
    Wrong("share above all", _SMALL, "spec/gates/0/bound", "150%", ("gates[0]", "share from 0% to 100%")),
    Wrong("time of a share", _SMALL, "spec/gates/0/bound", "100ms", ("gates[0]", "only with a latency metric")),
    Wrong("share of a time", _SMALL, "spec/gates/2", {**_GATE, "metric": "latency_p99", "bound": "5%"}, ("gates[2]",)),
    Wrong("time of a template", _SMALL, "spec/gates/2", _TIMED, ("gates[2]", "only with a latency metric")),
    Wrong("class", _SMALL, "spec/gates/0/class", "1", ("gates[0]", "only legal with metric: class_share")),
    Wrong("pairs everywhere", _SMALL, "spec/gates/0/metric", "agreement", ("spec.gates", "Shadow stage")),
    Wrong("pairs in a canary", _SMALL, "spec/stages/1/gates", [_PAIRS], ("spec.stages[1]", "type Shadow or Backtest")),
    Wrong(
        "name twice", _SMALL, "spec/stages/1/gates", [_AGAIN], ("spec.stages", "names than the gates of the rollout")
    ),
    Wrong("failures", _SMALL, "spec/gates/0/failures", 0, ("gates[0].failures", "greater than or equal to 1")),
    Wrong("action", _SMALL, "spec/gates/0/onUnknown", {"action": "Pass"}, ("onUnknown.action", '"Hold", "Rollback"')),
    Wrong("enforcement", _SMALL, "spec/gates/0/enforcement", "Maybe", ('"Enforce", "DryRun"',)),
)

OTHERS = (
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
    Wrong("action", _ABORT, "spec/action", "Explode", ("spec.action", '"Advance", "Promote"')),
    Wrong(
        "action of the other kind", _ABORT, "spec/action", "Unfreeze", ("spec.action", "Unfreeze for a RetrainPolicy")
    ),
    Wrong("looked at nothing", "rolloutrequest-rollback", "spec/action", "Promote", ("revision is required",)),
    Wrong(
        "way back of an abort", "rolloutrequest-rollback", "spec/action", "Abort", ("only legal with action: Rollback",)
    ),
    Wrong(
        "stage of an abort", _ABORT, "spec/stage", "canary-5", ("stage is only legal with action: Advance or Approve",)
    ),
    Wrong("revision", _ABORT, "spec/revision", "newest", ("spec.revision", "hex digits")),
    Wrong("no reason", _ABORT, "spec/reason", ABSENT, ("spec.reason", "Required value")),
    Wrong("no requester", _ABORT, "spec/requester", ABSENT, ("spec.requester", "Required value")),
    Wrong("half a ratio", "metrictemplate-approval-rate", "spec/denominator", ABSENT, ("numerator and denominator",)),
    Wrong("both forms", "metrictemplate-approval-rate", "spec/value", "1", ("value alone",)),
    Wrong(
        "provider", "metrictemplate-approval-rate", "spec/provider/type", "HTTP", ("spec.provider", "http is required")
    ),
    Wrong(
        "address", "metrictemplate-approval-rate", "spec/provider/prometheus/address", "prom", ("http:// or https://",)
    ),
)

NAMES = (
    Wrong("long rollout", _SMALL, "metadata/name", "r" * 36, ("metadata.name must have at most 35",)),
    Wrong("rollout with a digit", _SMALL, "metadata/name", "4you", ("begin with a letter",)),
    Wrong("rollout with a dot", _SMALL, "metadata/name", "a.b", ("letters, digits and '-'",)),
    Wrong("long policy", _POLICY, "metadata/name", "p" + _DIGITS, ("metadata.name must have at most 40",)),
    Wrong("long run", _RUN, "metadata/name", "r" + _DIGITS + "123456789012", ("metadata.name must have at most 52",)),
    Wrong("no spec", _SMALL, "spec", ABSENT, ("spec", "Required value")),
)

SPECS = (*TASKS, *BATCHES, *RUNS, *ROLLOUTS, *GATES, *OTHERS)
