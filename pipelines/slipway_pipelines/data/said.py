"""What the data says about the task's claims: conditions for the run's status, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.v1alpha1.modeltask import ModelTaskSpec

from slipway_pipelines.data import leakage
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.data.record import Record
from slipway_pipelines.split import Splits

Said = dict[str, str]
_LONGEST = 400  # characters: all of the report must fit a termination message
_IMBALANCED = 0.2  # share of the rarer class below which always saying the commoner looks accurate


def conditions(prepared: Prepared, task: ModelTaskSpec) -> list[Said]:
    """Conditions by type, status, reason and message."""
    return [
        *_leakage(prepared),
        *_accuracy(prepared.parts, task),
        *_justification(prepared, task),
        *quality(prepared.record),
    ]


def _said(kind: str, status: str, reason: str, message: str) -> Said:
    return {"type": kind, "status": status, "reason": reason, "message": message[:_LONGEST]}


def _leakage(prepared: Prepared) -> Iterator[Said]:
    found = prepared.record.about(*leakage.REASONS)
    if found:
        yield _said("LeakageDetected", "True", found[0].reason, "; ".join(one.message for one in found))
    else:
        yield _said("LeakageDetected", "False", "NothingFound", "no feature knows the answer by itself")


def _accuracy(parts: Splits, task: ModelTaskSpec) -> Iterator[Said]:
    """A criterion of accuracy alone is met by always naming the commonest class, where one is common enough."""
    asked = {one.expression.split()[0].split("/")[0] for one in task.criteria}
    if not asked <= {"accuracy"} or task.type not in ("BinaryClassification", "MulticlassClassification"):
        return
    shares = parts.train[task.label.column].value_counts(normalize=True)
    if shares.min() < _IMBALANCED:
        message = (
            f"the criteria are of accuracy alone, and {shares.max():.1%} of the train rows are {shares.index[0]!r}: "
            "always saying so is as accurate; ask for recall, precision or average_precision"
        )
        yield _said("AccuracyMisleading", "True", "ImbalancedLabels", message)


def _justification(prepared: Prepared, task: ModelTaskSpec) -> Iterator[Said]:
    if task.justification != "Changing":
        return
    facts = prepared.record.facts
    if not facts.get("time_gap.known"):
        message = "no gap over time was measured: split by Time with a timestamp and 100 rows of validation or more"
        yield _said("JustificationUnsupported", "Unknown", "NoTimeGapMeasured", message)
    elif facts["time_gap.low"] > 0:
        message = f"a random split flatters by {facts['time_gap']:.3f}, at least {facts['time_gap.low']:.3f}"
        yield _said("JustificationUnsupported", "False", "TimeGap", message)
    else:
        message = (
            f"justification is Changing, but a random split flatters by {facts['time_gap']:.3f} only, which may be "
            "nothing: rules that somebody wrote once may do"
        )
        yield _said("JustificationUnsupported", "True", "NoTimeGap", message)


def quality(record: Record) -> Iterator[Said]:
    """All other warnings, so that one look at the status tells whether the report is worth opening."""
    found = [one for one in record.findings if one.severity == "Warning" and one.reason not in leakage.REASONS]
    if found:
        yield _said("DataWarnings", "True", found[0].reason, "; ".join(one.message for one in found))
