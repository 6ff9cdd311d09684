"""What a measurement tells the operator."""

from __future__ import annotations

from slipway_pipelines.performance.figures import Measured
from slipway_pipelines.termination import compact, short

_COUNTS = (
    "rows", "labelled", "flagged", "flagged_labelled", "trials", "explored", "silent", "pending", "revised",
    "contradictory", "repeated", "unkeyed",
)  # fmt: skip


def words(found: Measured) -> str:
    """The words: at most 8 cohorts and 5 ages, so that they always fit."""
    told = {name: getattr(found, name) for name in _COUNTS}
    told |= {name: short(getattr(found, name)) for name in ("spread", "share", "pace")}
    told |= {
        "unit": found.unit,
        "ripe": found.ripe.isoformat() if found.ripe is not None else None,
        "sums": [short(value) for value in found.sums],
        "cohorts": [
            [one.since.isoformat(), one.rows, one.labelled, one.flagged, one.trials, short(one.total)]
            for one in found.cohorts
        ],
        "ages": [[short(one.seconds), one.rows, one.labelled] for one in found.ages],
    }
    return compact({"performance": told})
