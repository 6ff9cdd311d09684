"""Whether learning something new cost what was known: base and successor on rows that neither has learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway_pipelines.estimate import Estimate, differences, estimate
from slipway_pipelines.evaluate import Frozen, judged
from slipway_pipelines.incremental.lineage import Span
from slipway_pipelines.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

FORGETTING = "Forgetting"


@dataclass(frozen=True)
class Remembered:
    """The primary metric on the rows that validated the first version.

    Attributes:
        status, reason, message: of the condition Forgetting.
        value: of the new version; None where there are no such rows.
        change: new version minus base, on the same rows.
        before: of the base.
    """

    status: str
    reason: str
    message: str
    value: Estimate | None = None
    change: Estimate | None = None
    before: float = float("nan")

    def condition(self) -> dict[str, str]:
        """As reports have it."""
        return {"type": FORGETTING, "status": self.status, "reason": self.reason, "message": self.message}


def remembered(
    base: Frozen,
    model: Frozen,
    retained: pd.DataFrame,
    validation: Span | None,
    metric: str,
    tolerance: float,
    seed: int,
) -> Remembered:
    """Compares both on the retained rows, pair by pair.

    Args:
        tolerance: share of the base's value that may be lost. More is lost for sure where the whole 95% interval of the
            difference lies beyond it.
    """
    if validation is None:
        message = (
            "the first version was not validated by a split by Time: nobody knows which rows it has not learnt from"
        )
        return Remembered("Unknown", "NoCohort", message)
    if retained.empty:
        message = (
            f"the sources hold none of the {validation.rows} rows of {validation.since} to {validation.until} any more"
        )
        return Remembered("Unknown", "CohortGone", message)
    metrics = {metric: METRICS[base.task_type][metric]}
    one, other = (judged(each, retained, base.columns) for each in (model, base))
    value = estimate(one.rows, metrics, one.clusters, seed)[metric]
    change = differences(one, other, metrics, seed)[metric]
    before = value.value - change.value
    return _judged(value, change, before, metrics[metric].higher_is_better, tolerance, len(retained))


def _judged(value: Estimate, change: Estimate, before: float, higher: bool, tolerance: float, rows: int) -> Remembered:
    low, high = change.interval()
    gain_at_most = high if higher else -low
    allowed = tolerance * abs(before)
    said = f"{value.name} on {rows} rows that validated the first version: {before:.4g} -> {value.value:.4g}"
    interval = f"the difference is {change.value:.3g}, between {low:.3g} and {high:.3g}"
    if gain_at_most != gain_at_most:
        return Remembered("Unknown", "InsufficientData", f"{said}; too few for an interval", value, change, before)
    if gain_at_most < -allowed:
        message = (
            f"{said}; {interval}: more than the tolerance of {allowed:.3g} is lost. Train in full, or look at the batch"
        )
        return Remembered("True", "Forgot", message, value, change, before)
    return Remembered("False", "Remembered", f"{said}; {interval}", value, change, before)
