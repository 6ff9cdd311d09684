"""Gates that judge windows instead of the sum since evidence began: which window counts, how many in a row breached.

Windows that count do not overlap. What must survive a restart stands in status: the row of breaches and the instant of
its last window. A window that did not breach leaves nothing there, so that a gate that holds costs no write: it is
looked at in the first seconds after each multiple of its length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.core.gates import Judgement

LOOK_SECONDS = 15.0
"""How long after its end a window is looked at: the longest time between two looks at evidence."""

NOBODY_KNOWS = ("Unknown", "Invalid")


@dataclass(frozen=True)
class Row:
    """The judgement to show, how many windows in a row have breached, and when the last one that counts ended."""

    judgement: Judgement
    in_a_row: int = 0
    counted_at: datetime | None = None


def place(age: float, window: float) -> int:
    """The number of the window that an epoch of `age` seconds is looked at for: 1 for the first."""
    return max(1, math.floor(age / window))


def counted(
    gate: Gate, window: float, now_says: Judgement, before: GateResult | None, age: float, now: datetime
) -> Row | None:
    """What this look adds to the row; None where it adds nothing, and what was said of the last window stands.

    `age` is that of the epoch in seconds. What nobody knows neither counts nor clears.
    """
    row, at = (before.in_a_row, before.counted_at) if before is not None else (0, None)
    if now_says.verdict in NOBODY_KNOWS:
        return Row(now_says, row, at)
    if age < window:
        return Row(replace(now_says, verdict="Wait", message=f"the first window of {gate_window(window)} is not over"))
    if not _due(window, before, age, now):
        stands = before is not None and before.verdict not in NOBODY_KNOWS
        return None if stands else Row(_so_far(gate, now_says, row), row, at)
    if now_says.verdict != "Breach":
        return Row(now_says, 0, None)
    return Row(_so_far(gate, now_says, row + 1), row + 1, now)


def gate_window(seconds: float) -> str:
    """A length of time in seconds, for a person."""
    return f"{seconds:g}s"


def _due(window: float, before: GateResult | None, age: float, now: datetime) -> bool:
    if before is not None and before.in_a_row and before.counted_at is not None:
        return (now - before.counted_at).total_seconds() >= window
    if before is None or before.verdict in NOBODY_KNOWS:
        return True
    return age % window < LOOK_SECONDS


def _so_far(gate: Gate, judgement: Judgement, row: int) -> Judgement:
    """A breach takes `failures` windows in a row; until then the gate waits."""
    if row >= gate.failures:
        return replace(judgement, verdict="Breach")
    message = f"{row} of {gate.failures} windows in a row have breached; {judgement.message}"
    return replace(judgement, verdict="Wait", message=message)
