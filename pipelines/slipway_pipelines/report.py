"""What a run tells the operator, through the termination message of its container: at most 4,096 bytes of JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slipway_pipelines.criteria import PartResult, Verdict
from slipway_pipelines.estimate import Estimate
from slipway_pipelines.faults import Fault
from slipway_pipelines.termination import LIMIT, compact, leave

_LONGEST_TEXT = 1500  # bytes; quotes may double them in JSON
_SHORT_NOTE = 60  # characters of what is said beside a criterion, where there is no room for more
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
Report = dict[str, Any]


def number(value: float) -> str:
    """Six significant digits, as text since statuses have no floats; empty for an undefined number."""
    return f"{value:.6g}" if math.isfinite(value) else ""


def metric_entries(
    test: Mapping[str, Estimate], validation: Mapping[str, float], wanted: Sequence[str], split: str = "test"
) -> list[dict[str, str]]:
    """Metrics of the test rows with their 95% intervals, the wanted ones first, then the wanted ones of validation.

    `split` is how the rows of the test are called.
    """
    order = [*dict.fromkeys(name for name in wanted if name in test), *(name for name in test if name not in wanted)]
    entries = []
    for name in order:
        low, high = test[name].interval()
        entry = {"name": name, "value": number(test[name].value), "low": number(low), "high": number(high)}
        entries.append(entry | {"split": split})
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
        | ({"note": one.note} if one.note else {})
        for one in verdicts
    ]


def _part(result: PartResult) -> dict[str, str]:
    part = result.part
    return {"value": number(result.value), "low": number(result.proved), "bound": str(part)}


def step_entries(seconds: Mapping[str, float]) -> list[dict[str, str]]:
    """Seconds by step, in order."""
    return [{"name": name, "seconds": f"{value:.1f}"} for name, value in seconds.items()]


def error_report(fault: Fault, step: str, seconds: Mapping[str, float]) -> dict[str, Any]:
    """What is told of a run that could not finish."""
    plain = _CONTROL.sub(" ", fault.message)  # each of these would be six bytes of JSON
    message = plain.encode()[:_LONGEST_TEXT].decode(errors="ignore")
    error = {"step": step, "reason": fault.reason, "message": message, "retryable": fault.retryable}
    return {"error": error, "steps": step_entries(seconds)}


def encoded(report: Mapping[str, Any]) -> str:
    """The report as JSON within the limit: metrics go first, from the last, since MLflow has them all.

    Of the criteria those that are met go last of all, so that what is left says no better than the whole.
    """
    found = dict(report)
    for shorter in (
        _fewer("metrics"),
        _fewer_batches,
        _fewer("conditions"),
        _shorter_notes,
        _fewer_differences,
        _fewer_criteria,
    ):
        while len(compact(found).encode()) > LIMIT and (less := shorter(found)) is not None:
            found = less
    return compact(found)


def _fewer(part: str) -> Callable[[Report], Report | None]:
    return lambda report: {**report, part: report[part][:-1]} if report.get(part) else None


def _fewer_batches(report: Report) -> Report | None:
    """The newest ones stay; the lineage in the model has them all."""
    grown = report.get("increment") or {}
    return {**report, "increment": {**grown, "batches": grown["batches"][1:]}} if grown.get("batches") else None


def _shorter_notes(report: Report) -> Report | None:
    notes = [one.get("note", "") for one in report.get("criteria") or ()]
    if all(len(note) <= _SHORT_NOTE for note in notes):
        return None
    criteria = [one | ({"note": one["note"][:_SHORT_NOTE]} if "note" in one else {}) for one in report["criteria"]]
    return {**report, "criteria": criteria}


def _fewer_differences(report: Report) -> Report | None:
    told = report.get("reproduction") or {}
    return {**report, "reproduction": {**told, "differs": told["differs"][:-1]}} if told.get("differs") else None


def _fewer_criteria(report: Report) -> Report | None:
    criteria = sorted(report.get("criteria") or (), key=lambda one: bool(one["met"]))
    return {**report, "criteria": criteria[:-1]} if len(criteria) > 1 else None


def write(report: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Writes the termination message."""
    leave(encoded(report), environment)
