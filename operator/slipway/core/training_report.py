"""From the words of a training Job to the status of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.incremental import NOTHING_NEW, Increment
from slipway.api.v1alpha1.training_trainer import Code, Search
from slipway.api.v1alpha1.trainingrun import Metric, Reproduction, Step, TrainingRunSpec
from slipway.core.kstatus import Said, ready, stalled
from slipway.core.plan import Notice
from slipway.core.training_result import Progress

# Steps whose failure says something about the data; the others fail for the estimator, the machine, or the servers.
_DATA_STEPS = ("acquire", "validate", "deduplicate", "features", "labels", "split", "inspect", "batches")
# What the data may say about the task's claims; anything else that a report holds is no condition of ours.
_COUNTED = ("train", "validation", "test", "novel", "learnt", "judged", "retained")
DATA_CONDITIONS = ("LeakageDetected", "AccuracyMisleading", "JustificationUnsupported", "DataWarnings", "Forgetting")


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
    if report.get("evaluation") == "stopped":
        return _needless(found)
    if report.get("evaluation") == "waiting":
        return _waiting(found)
    if report.get("evaluation") == "reproduced":
        return _reproduced(spec, found)
    criteria = _criteria(report.get("criteria") or ())
    registered = _registered(spec, report, criteria.status == "True")
    said = (_data(report), *_justified(report), criteria, registered, *_told_by_data(report))
    fields = {
        "run_id": report["runId"],
        "version": report.get("version", ""),
        "model_digest": report.get("modelDigest", ""),
        "data_digest": report.get("dataDigest", ""),
        "noise": report.get("noise", ""),
        "increment": Increment.model_validate(report["increment"]) if report.get("increment") else None,
        "test_openings": int(report.get("openings") or 0),
        "prediction_digest": report.get("predictions", ""),
        "code": _code(report),
        "search": Search.model_validate(report["search"]) if report.get("search") else None,
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


def _waiting(found: Progress) -> Outcome:
    """A run that continues a version found nothing to learn from yet. It has not failed: the next one may."""
    report = found.report
    grown = Increment.model_validate(report["increment"])
    fields = {
        "run_id": report["runId"],
        "data_digest": report.get("dataDigest", ""),
        "increment": grown,
        "steps": _steps(report, ""),
        "started_at": found.began,
        "ended_at": found.ended,
    }
    registered = Said("Registered", "False", NOTHING_NEW, f"no version was made: {grown.waiting}")
    said = (_data(report), registered, *_told_by_data(report), *ready(NOTHING_NEW, grown.waiting))
    return Outcome("Succeeded", fields, said, Notice("Normal", NOTHING_NEW, grown.waiting))


def _needless(found: Progress) -> Outcome:
    """The rules alone meet the criteria, and the task asks for no model then. No test row was looked at."""
    report = found.report
    justified = _justified(report)
    message = f"{report['justified']['message']}; spec.rules.ifSufficient of the task is Stop: no model was trained"
    fields = {
        "run_id": report["runId"],
        "data_digest": report.get("dataDigest", ""),
        "steps": _steps(report, ""),
        "started_at": found.began,
        "ended_at": found.ended,
    }
    said = (_data(report), *justified, *_told_by_data(report), *stalled("RulesSuffice", message))
    return Outcome("Failed", fields, said, Notice("Warning", "RulesSuffice", message))


def _reproduced(spec: TrainingRunSpec, found: Progress) -> Outcome:
    """An earlier run was trained again. It succeeds where it reached the level that was asked for."""
    report = found.report
    told = Reproduction.model_validate(report["reproduction"])
    asked = spec.reproduces.level if spec.reproduces is not None else "Tolerance"
    reached = told.level == "Bitwise" or told.level == asked
    changed = f"; not as it was: {', '.join(told.differs)}" if told.differs else "; everything recorded is as it was"
    message = f"{told.level}, largest difference {told.largest_difference}{changed}"
    fields = {
        "run_id": report["runId"],
        "data_digest": report.get("dataDigest", ""),
        "prediction_digest": report.get("predictions", ""),
        "reproduction": told,
        "code": _code(report),
        "steps": _steps(report, ""),
        "started_at": found.began,
        "ended_at": found.ended,
    }
    if reached:
        said = (Said("Reproduced", "True", told.level, message), *ready("Reproduced", message))
        return Outcome("Succeeded", fields, said, Notice("Normal", "Reproduced", message))
    said = (Said("Reproduced", "False", told.level, message), *stalled("NotReproduced", message))
    return Outcome("Failed", fields, said, Notice("Warning", "NotReproduced", message))


def _code(report: Mapping[str, Any]) -> Code | None:
    """The user's code, of which only our own container tells."""
    return Code.model_validate(report["code"]) if report.get("code") else None


def _justified(report: Mapping[str, Any]) -> tuple[Said, ...]:
    """MLJustified, as the Job found it; a report of an earlier version says nothing of it."""
    found = report.get("justified")
    return (Said("MLJustified", found["status"], found["reason"], found["message"]),) if found else ()


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


def _data(report: Mapping[str, Any]) -> Said:
    counts = report.get("rows") or {}
    rows = ", ".join(f"{name} {counts[name]}" for name in _COUNTED if name in counts)
    message = f"{counts.get('read', 'all')} rows with the digest {report.get('dataDigest', '')}; used: {rows}"
    return Said("DataValid", "True", "Validated", message)


def _told_by_data(report: Mapping[str, Any]) -> tuple[Said, ...]:
    return tuple(
        Said(each["type"], each["status"], each["reason"], each["message"])
        for each in report.get("conditions") or ()
        if each.get("type") in DATA_CONDITIONS and each.get("status") in ("True", "False", "Unknown")
    )


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
    note = f"; {result['note']}" if result.get("note") else ""
    return f"{result['name']} {'met' if result.get('met') is True else 'not met'} ({parts}{note})"


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
