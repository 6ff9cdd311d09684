"""What a comparison tells the operator: JSON of at most 4,096 bytes in its container's termination message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway_pipelines.counting import Sums
from slipway_pipelines.pairs.figures import Compared
from slipway_pipelines.termination import LIMIT, compact, short

_LONGEST_VALUE = 60


def words(found: Compared) -> str:
    """The words; slices that do not fit are left out from the end, which differs least."""
    told: dict[str, Any] = {
        "rows": found.rows, "shadow": found.shadow, "pairs": found.pairs, "repeated": found.repeated,
        "unit": found.unit, "spread": short(found.spread), "share": short(found.share),
        "figures": _figures(found.figures),
        "slices": [
            {"column": one.column, "value": one.value[:_LONGEST_VALUE], "pairs": one.pairs,
             "figures": _figures(one.figures)}
            for one in found.slices
        ],
    }  # fmt: skip
    text = compact({"pairs": told})
    while len(text.encode()) > LIMIT and told["slices"]:
        told["slices"].pop()
        text = compact({"pairs": told})
    return text


def _figures(figures: Mapping[str, Sums]) -> dict[str, list[float | int | None]]:
    return {name: [short(value) for value in sums] for name, sums in figures.items()}
