"""The words of a measurement, judged and as status keeps them: Job and pods may be gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.retrain_performance import MOST_AGES, MOST_COHORTS, LabelAge, MaturedCohort, Performance
from slipway.api.v1alpha1.retrain_triggers import PerformanceTrigger
from slipway.api.v1alpha1.scalars import Duration
from slipway.core.desired.performance_job import PerformanceRun
from slipway.core.gate_words import shown
from slipway.core.performance import Counts, Judgement, judged, metric_unit, read_counts


def heard(known: Performance, trigger: PerformanceTrigger, run: PerformanceRun, said: Any) -> Performance:
    """The status with what a measurement said; words that cannot be read are a failure."""
    try:
        counts = read_counts(said)
        told = _told(trigger, said)
    except (LookupError, TypeError, ValueError) as error:
        why = f"its words cannot be read: {error!r}"[:500]
        return known.model_copy(update={"running": False, "failures": known.failures + 1, "failure": why})
    verdict = judged(trigger, run.label, counts, run.asked)
    update = {"running": False, "failures": 0, "failure": "", "measured_at": run.asked, "since": run.since}
    return known.model_copy(update={**update, "until": run.until, **_judgement(verdict), **_counts(counts), **told})


def _judgement(found: Judgement) -> dict[str, Any]:
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


def _told(trigger: PerformanceTrigger, said: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: int(said[name]) for name in ("revised", "contradictory", "repeated", "unkeyed")}
    unit = metric_unit(trigger)
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
