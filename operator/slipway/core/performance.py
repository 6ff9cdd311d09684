"""What matured labels say of the served model: from the counts of one measurement to a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from slipway.api.v1alpha1.retrain_triggers import PerformanceTrigger
from slipway.api.v1alpha1.task_label import Label
from slipway.core.gate_words import shown
from slipway.core.measures import Unit
from slipway.core.relations import RELATIONS
from slipway.statistics.pairs import Paired, mean_distance
from slipway.statistics.pairs import interval as mean_interval
from slipway.statistics.proportions import SEPARATING_TRIALS, Multiple, clustered_share, share_within
from slipway.statistics.ratios import MINIMUM_CLUSTERS, Interval, Moments
from slipway.statistics.sequences import few_clusters
from slipway.statistics.tails import MINIMUM_BLOCKS

TRIALS: Mapping[str, str] = {
    "precision": "matured predicted positives", "recall": "matured positives", "accuracy": "matured events",
    "mae": "matured events",
}  # fmt: skip
_HAVE_COME = 0.95
"""Share of the labels that ever come which have by `label.maturity.p95`."""

_Z = 3.090232306
"""Standard errors that leave 0.1% at each end."""


@dataclass(frozen=True)
class Counts:
    """What one measurement counted; see `slipway_pipelines.performance.figures`, which says it."""

    rows: int
    labelled: int
    flagged: int
    flagged_labelled: int
    trials: int
    explored: int
    moments: Moments
    effect: float
    unit: str = "entities"
    spread: float = 1.0
    silent: int = 0
    pending: int = 0
    ripe: datetime | None = None
    pace: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """The verdict on one measurement, with the metric and its interval where they are known.

    InsufficientData, Biased and DataQualityHold say that there is none yet, whoever asks; a trigger's are Confirmed,
    Suspected and Clear, a probation's Pass, Breach and Wait.
    """

    verdict: str
    message: str
    value: str = ""
    low: str = ""
    high: str = ""
    expected: datetime | None = None


@dataclass(frozen=True)
class Reach:
    """The time whose predictions may come to count, in seconds: what it is called, and what makes it longer."""

    seconds: float
    name: str
    remedy: str


@dataclass(frozen=True)
class Figure:
    """A metric that enough matured labels give, with the ends of its interval and what it is counted over."""

    metric: str
    value: float
    ends: Interval
    trials: int

    def judgement(self, verdict: str, says: str) -> Judgement:
        """The figure as people read it, with what a verdict says of it."""
        unit = metric_unit(self.metric)
        value, low, high = shown(self.value, unit), shown(self.ends.low, unit), shown(self.ends.high, unit)
        words = f"{self.metric} {value} ({low} to {high}) over {self.trials} {TRIALS[self.metric]} {says}"
        return Judgement(verdict, words, value, low, high)


def read_counts(said: Mapping[str, Any]) -> Counts:
    """From a Job's words. Raises LookupError, TypeError or ValueError for what are none."""
    *parts, effect = said["sums"]
    sums = [float(part) for part in parts]
    names = ("rows", "labelled", "flagged", "flagged_labelled", "trials", "explored", "silent", "pending")
    counts = {name: int(said[name]) for name in names}
    spread, pace = float(said["spread"]), float(said["pace"])
    if len(sums) != 6 or not all(math.isfinite(each) for each in (*sums, spread, pace)):
        raise ValueError(f"{said['sums']!r} are no sums of a figure")
    return Counts(
        **counts,
        spread=spread,
        pace=pace,
        moments=Moments(*sums),
        effect=float(effect) if effect is not None else math.inf,
        unit=str(said["unit"]),
        ripe=datetime.fromisoformat(said["ripe"]) if said["ripe"] else None,
    )


def judged(trigger: PerformanceTrigger, label: Label, counts: Counts, asked: datetime) -> Judgement:
    """The verdict of a trigger on one measurement: the end of the interval must pass the bound, not only the value."""
    reach = Reach(trigger.window.seconds, f"window {trigger.window}", "make it longer")
    found = figure(trigger.metric, label, counts, asked, reach, lambda _: _Z)
    return found if isinstance(found, Judgement) else _against_bound(trigger, found)


def figure(
    metric: str, label: Label, counts: Counts, asked: datetime, reach: Reach, multiple: Multiple
) -> Judgement | Figure:
    """The metric with its interval, or why there is none that means anything. A broken source of labels comes first,
    since every figure is made from it; then what the figure is worth."""
    value = _value(metric, counts)
    selective = label.observation == "Selective"
    damage = "" if selective else _silence(label, counts) or _shortfall(label, counts)
    if damage:
        return Judgement("DataQualityHold", damage, value)
    if selective and not counts.explored:
        hidden = "acting on a prediction hides its label (label.observation: Selective), and no prediction was explored"
        shows = "" if metric == "recall" else value  # nobody knows the positives that were acted on
        message = f"{hidden} with a logged propensity: {metric} is that of predictions nobody acted on"
        return Judgement("Biased", message, shows)
    if selective:  # only these count
        counts = replace(counts, trials=counts.explored)
    if counts.trials < SEPARATING_TRIALS:
        at, when = _expected(metric, reach, label, counts, asked)
        message = f"{counts.trials} of the {SEPARATING_TRIALS} {TRIALS[metric]} that {metric} needs"
        missing = f"{message}; {SEPARATING_TRIALS - counts.trials} are missing, {when}"
        return Judgement("InsufficientData", missing, value, expected=at)
    found = _interval(metric, counts, multiple)
    if found is None:
        return Judgement("InsufficientData", _few_clusters(counts), value)
    return Figure(metric, counts.moments.y / counts.moments.n, found, counts.trials)


def _value(metric: str, counts: Counts) -> str:
    m = counts.moments
    return shown(m.y / m.n if m.n > 0 else None, metric_unit(metric))


def metric_unit(metric: str) -> Unit:
    """What people read the metric in."""
    return "number" if metric == "mae" else "share"


def _interval(metric: str, counts: Counts, multiple: Multiple) -> Interval | None:
    if metric != "mae":
        return share_within(counts.moments, counts.effect, multiple)
    mean = mean_distance(Paired(counts.moments, counts.effect), counts.spread)
    if mean is None:
        return None
    return mean_interval(mean, few_clusters(multiple(counts.trials / counts.effect), counts.moments.clusters))


def _against_bound(trigger: PerformanceTrigger, found: Figure) -> Judgement:
    """`op` is how the metric relates to the bound when it triggers: of `<` the upper end decides, of `>` the lower."""
    holds, bound = RELATIONS[trigger.op], float(trigger.bound.value)
    end = found.ends.high if trigger.op.startswith("<") else found.ends.low
    if holds(end, bound):
        return found.judgement("Confirmed", f"is {trigger.op} {trigger.bound}")
    if holds(found.value, bound):
        return found.judgement("Suspected", f"is not yet surely {trigger.op} {trigger.bound}")
    return found.judgement("Clear", f"is not {trigger.op} {trigger.bound}")


def _silence(label: Label, counts: Counts) -> str:
    """Where absence means negative, a feed that stops looks like a model that is always wrong."""
    if not absence_counts(label) or counts.silent < SEPARATING_TRIALS:
        return ""
    return (
        f"no label came for the newest {counts.silent} matured predicted positives: the source of labels seems to have "
        "stopped, so their absence says nothing; look at label.source of the ModelTask"
    )


def _shortfall(label: Label, counts: Counts) -> str:
    """Where a label is to come for each event: whether surely fewer have come than the task declares."""
    if label.maturity is None or absence_counts(label):
        return ""
    declared = float(label.maturity.completeness.fraction) * _HAVE_COME
    for labelled, rows, what in (
        (counts.labelled, counts.rows, "matured events"),
        (counts.flagged_labelled, counts.flagged, "matured predicted positives"),
    ):
        found = clustered_share(Moments(rows, labelled, rows, labelled, rows, labelled))
        if found is not None and found.high < declared:
            return (
                f"{shown(labelled / rows, 'share')} of {rows} {what} have a label that counts, where the task declares "
                f"{label.maturity.completeness} by then less what comes after p95, {shown(declared, 'share')}: look at "
                "label.source of the ModelTask"
            )
    return ""


def absence_counts(label: Label) -> bool:
    """Whether silence is a label from some age on."""
    return label.maturity is not None and label.maturity.absence_means_negative_after is not None


def _few_clusters(counts: Counts) -> str:
    if counts.moments.clusters < MINIMUM_CLUSTERS:
        few = f"{counts.moments.clusters:.0f} {counts.unit}"
        return f"what was counted comes from {few} only, and an interval needs {MINIMUM_CLUSTERS}"
    return (
        f"predictions name no entity, and lie in fewer than {MINIMUM_BLOCKS} parts of the window: how they depend on "
        "each other cannot be told; declare spec.entity of the ModelTask, or wait"
    )


def _expected(metric: str, reach: Reach, label: Label, counts: Counts, asked: datetime) -> tuple[datetime | None, str]:
    """When there will be enough, from the ages of those that wait and then at the pace so far; and in words."""
    if counts.ripe is not None:
        return counts.ripe, f"expected by {counts.ripe:%Y-%m-%dT%H:%M:%SZ}"
    if counts.pace <= 0:
        return None, "and none are on their way"
    held = counts.pace * reach.seconds
    if held < SEPARATING_TRIALS:
        return None, f"and {reach.name} holds {held:.0f} at the present pace: {reach.remedy}"
    coming = SEPARATING_TRIALS - counts.trials - counts.pending
    mature = label.matured_after if counts.pending or metric != "recall" else timedelta()
    at = (asked + timedelta(seconds=max(0.0, coming) / counts.pace) + mature).replace(microsecond=0)
    return at, f"expected by {at:%Y-%m-%dT%H:%M:%SZ} at the present pace"
