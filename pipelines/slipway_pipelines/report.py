"""What a run tells the operator, through the termination message of its container: at most 4,096 bytes of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway_pipelines.criteria import PartResult, Verdict
from slipway_pipelines.estimate import Estimate
from slipway_pipelines.faults import Fault

LIMIT = 4096  # bytes; the kubelet cuts a longer message, and half a JSON document is none
_LONGEST_TEXT = 1500  # bytes; quotes and line ends may double them in JSON


def number(value: float) -> str:
    """Six significant digits, as text since statuses have no floats; empty for an undefined number."""
    return f"{value:.6g}" if math.isfinite(value) else ""


def metric_entries(
    test: Mapping[str, Estimate], validation: Mapping[str, float], wanted: Sequence[str]
) -> list[dict[str, str]]:
    """Metrics of the test rows with their 95% intervals, the wanted ones first, then the wanted ones of validation."""
    order = [*dict.fromkeys(name for name in wanted if name in test), *(name for name in test if name not in wanted)]
    entries = []
    for name in order:
        low, high = test[name].interval()
        entry = {"name": name, "value": number(test[name].value), "low": number(low), "high": number(high)}
        entries.append(entry | {"split": "test"})
    return entries + [
        {"name": name, "value": number(validation[name]), "low": "", "high": "", "split": "validation"}
        for name in dict.fromkeys(wanted)
        if name in validation
    ]


def criterion_entries(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Each criterion with the value and the proved bound of its lead part, and of its `at` part where it has one."""
    return [
        {"name": one.criterion.name, "met": one.met}
        | _part(one.results[0])
        | ({"at": _part(one.results[1])} if len(one.results) > 1 else {})
        for one in verdicts
    ]


def _part(result: PartResult) -> dict[str, str]:
    part = result.part
    bound = f"{part.metric} {part.op} {number(part.bound)}"
    return {"value": number(result.value), "low": number(result.proved), "bound": bound}


def step_entries(seconds: Mapping[str, float]) -> list[dict[str, str]]:
    """Seconds by step, in order."""
    return [{"name": name, "seconds": f"{value:.1f}"} for name, value in seconds.items()]


def error_report(fault: Fault, step: str, seconds: Mapping[str, float]) -> dict[str, Any]:
    """What is told of a run that could not finish."""
    message = fault.message.encode()[:_LONGEST_TEXT].decode(errors="ignore")
    error = {"step": step, "reason": fault.reason, "message": message, "retryable": fault.retryable}
    return {"error": error, "steps": step_entries(seconds)}


def encoded(report: Mapping[str, Any]) -> str:
    """The report as JSON within the limit: metrics go first, from the last, since MLflow has them all."""
    report = dict(report)
    text = _compact(report)
    while len(text.encode()) > LIMIT and report.get("metrics"):
        report["metrics"] = report["metrics"][:-1]
        text = _compact(report)
    return text


def _compact(report: Mapping[str, Any]) -> str:
    return json.dumps(report, separators=(",", ":"), ensure_ascii=False)


def write(report: Mapping[str, Any], path: Path) -> None:
    """Writes the termination message; a path that cannot be written (no container) is no reason to fail."""
    text = encoded(report)
    try:
        path.write_text(text)
    except OSError as error:
        print(f"{path}: {error.strerror}; the report was {text}", flush=True)
