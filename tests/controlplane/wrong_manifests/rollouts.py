"""Wrong ModelRollouts; their experiments and their gates have files of their own."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_ROLLOUT = "modelrollout-card-fraud"
_SMALL = "modelrollout-phishing"
_APPROVAL = {"name": "s", "type": "Approval", "approval": {"groups": ["risk"]}}

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
