"""Wrong gates of a ModelRollout."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong

_SMALL = "modelrollout-phishing"
_GATE = {"name": "g", "op": "<=", "bound": "1"}
_TIMED = _GATE | {"template": {"name": "queue-depth"}, "bound": "100ms"}
_PAIRS = _GATE | {"metric": "agreement", "op": ">="}
_AGAIN = _GATE | {"name": "errors", "metric": "error_rate"}

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
