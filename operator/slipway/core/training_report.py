"""From the words of a training Job to the status of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.trainingrun import Metric, Step, TrainingRunSpec
from slipway.core.kstatus import Said, ready, stalled
from slipway.core.plan import Notice
from slipway.core.training_result import Progress

# Steps whose failure says something about the data; the others fail for the estimator, the machine, or the servers.
_DATA_STEPS = ("acquire", "validate", "split")


@dataclass(frozen=True)
class Outcome:
    """The end of a run: fields of its status, its phase, its conditions, and the Event that tells of it."""

    phase: str
    fields: Mapping[str, Any]
    said: tuple[Said, ...]
    notice: Notice


def success(spec: TrainingRunSpec, found: Progress) -> Outcome:
    """The Job trained and evaluated a model. The run succeeds only when the model met its criteria."""
    report = found.report
    criteria = _criteria(report.get("criteria") or ())
    registered = _registered(spec, report, criteria.status == "True")
    data = Said(
        "DataValid", "True", "Validated", f"the content of the rows has the digest {report.get('dataDigest', '')}"
    )
    said = (data, criteria, registered)
    fields = {
        "run_id": report["runId"],
        "version": report.get("version", ""),
        "model_digest": report.get("modelDigest", ""),
        "data_digest": report.get("dataDigest", ""),
        "metrics": tuple(Metric.model_validate(each) for each in report.get("metrics") or ()),
        "steps": _steps(report, ""),
        "started_at": found.began,
        "ended_at": found.ended,
    }
    if criteria.status == "True":
        notice = Notice("Normal", "Trained", registered.message)
        return Outcome("Succeeded", fields, (*said, *ready("Succeeded", criteria.message)), notice)
    notice = Notice("Warning", criteria.reason, criteria.message)
    return Outcome("Failed", fields, (*said, *stalled(criteria.reason, criteria.message)), notice)


def failure(found: Progress) -> Outcome:
    """The Job has given up."""
    step = found.error.get("step", "")
    said = stalled(found.reason, found.message)
    if step in _DATA_STEPS and not found.error.get("retryable"):
        said = (Said("DataValid", "False", found.reason, found.message), *said)
    fields = {
        "steps": _steps(found.report, step, found.message),
        "started_at": found.began,
        "ended_at": found.ended,
    }
    return Outcome("Failed", fields, said, Notice("Warning", found.reason, found.message))


def _steps(report: Mapping[str, Any], failed: str, message: str = "") -> tuple[Step, ...]:
    return tuple(
        Step(
            name=each["name"],
            seconds=round(float(each.get("seconds") or 0)),
            state="Failed" if each["name"] == failed else "Succeeded",
            message=message if each["name"] == failed else "",
        )
        for each in report.get("steps") or ()
    )


def _criteria(results: Sequence[Mapping[str, Any]]) -> Said:
    """CriteriaMet with each achieved value and the confidence bound that was compared."""
    if not results:
        return Said("CriteriaMet", "Unknown", "NoCriteria", "the task has no criteria, so nothing is proved")
    message = "; ".join(_criterion(each) for each in results)
    if all(each.get("met") is True for each in results):
        return Said("CriteriaMet", "True", "CriteriaMet", message)
    unprovable = any(part.get("low") == "" for each in results for part in _parts(each))
    return Said("CriteriaMet", "False", "Unprovable" if unprovable else "CriteriaNotMet", message)


def _criterion(result: Mapping[str, Any]) -> str:
    parts = " at ".join(
        f"{part['bound']}: measured {part.get('value') or 'nothing'}, sure of {part.get('low') or 'nothing'}"
        for part in _parts(result)
    )
    return f"{result['name']} {'met' if result.get('met') is True else 'not met'} ({parts})"


def _parts(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result, result["at"]] if result.get("at") else [result]


def _registered(spec: TrainingRunSpec, report: Mapping[str, Any], passed: bool) -> Said:
    register, version = spec.registration, report.get("version")
    if register is None:
        message = f"spec.register is absent: the model stays in MLflow run {report['runId']}"
        return Said("Registered", "False", "NotRequested", message)
    if not version:
        return Said("Registered", "Unknown", "NoVersion", "the Job registered nothing that it told of")
    alias = f" with the alias {register.alias}" if passed else ", without the alias, since its evaluation failed"
    return Said("Registered", "True", "Registered", f"version {version} of {register.model}{alias}")
