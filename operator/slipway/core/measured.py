"""The words of a measurement, as status keeps them: Job and pods may be gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from slipway.api.v1alpha1.measurement import MOST_AGES, MOST_COHORTS, LabelAge, MaturedCohort, Measurement
from slipway.api.v1alpha1.scalars import Duration
from slipway.core.desired.performance_job import PerformanceRun
from slipway.core.gate_words import shown
from slipway.core.performance import Counts, Judgement, metric_unit, read_counts

M = TypeVar("M", bound=Measurement)


def heard(known: M, run: PerformanceRun, said: Any, judge: Callable[[Counts], Mapping[str, Any]]) -> M:
    """The status with what a measurement said, and with what `judge` makes of its counts; words that cannot be read are
    a failure."""
    try:
        counts = read_counts(said)
        told = _told(run.metric, said)
    except (LookupError, TypeError, ValueError) as error:
        return failed(known, f"its words cannot be read: {error!r}"[:500])
    update = {"running": False, "failures": 0, "failure": "", "measured_at": run.asked, "since": run.since}
    return known.model_copy(update={**update, "until": run.until, **judge(counts), **_counts(counts), **told})


def failed(known: M, why: str) -> M:
    """The status with a measurement that has no answer."""
    return known.model_copy(update={"running": False, "failures": known.failures + 1, "failure": why})


def judgement(found: Judgement) -> dict[str, Any]:
    """The fields of the status that say it."""
    names = ("verdict", "message", "value", "low", "high", "expected")
    return {name: getattr(found, name) for name in names}


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "trials": counts.trials,
        "rows": counts.rows,
        "labelled": counts.labelled,
        "predicted_positives": counts.flagged,
        "completeness": shown(counts.labelled / counts.rows, "share") if counts.rows else "",
    }


def _told(metric: str, said: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: int(said[name]) for name in ("revised", "contradictory", "repeated", "unkeyed")}
    unit = metric_unit(metric)
    cohorts = tuple(
        MaturedCohort(
            since=datetime.fromisoformat(since), rows=int(rows), labelled=int(labelled),
            predicted_positives=int(flagged),
            value=shown(float(total) / int(trials) if int(trials) else None, unit),
        )
        for since, rows, labelled, flagged, trials, total in said["cohorts"]
    )  # fmt: skip
    ages = tuple(
        LabelAge(age=Duration.of(float(seconds)).text, rows=int(rows), labelled=int(labelled))
        for seconds, rows, labelled in said["ages"]
    )
    return {**kept, "cohorts": cohorts[:MOST_COHORTS], "ages": ages[:MOST_AGES]}
