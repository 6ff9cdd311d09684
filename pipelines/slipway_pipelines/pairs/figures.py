"""What is told of the pairs: the sums of each figure, and of slices.

A figure is Σy / Σn: agreement, coverage, overlap and distance over their pairs, the ratio of positive rates over
stable's positive answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway_pipelines.counting import Sums, one_row, sums
from slipway_pipelines.pairs.request import PairsRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_SLICES = 8

_AGREEMENT = ("sum(equal)", "sum(answered)")
_DISTANCE = ("sum(apart)", "sum(scored)")
_FLAGS = {
    "positive_rate_ratio": ("sum(ours::int)", "sum(theirs::int)"),
    "flagged_overlap": ("sum(both_flag)", "sum(either_flag)"),
}
_COVERAGE = ("sum(matched::int)", "sum(times)")


@dataclass(frozen=True)
class Slice:
    """One value of a column, with its pairs and figures."""

    column: str
    value: str
    pairs: int
    figures: Mapping[str, Sums]


@dataclass(frozen=True)
class Compared:
    """All that a comparison found. `unit` is what clusters are; `spread` is how far apart scores may lie; `share` is
    that of the request ids which was read."""

    rows: int
    shadow: int
    pairs: int
    repeated: int
    unit: str
    spread: float
    share: float
    figures: Mapping[str, Sums]
    slices: tuple[Slice, ...] = ()


def compare(database: DuckDBPyConnection, request: PairsRequest, slices: Sequence[str], share: float) -> Compared:
    """Counts the table `pair`."""
    rows, pairs, named, low, high = one_row(
        database, "select coalesce(sum(times), 0), coalesce(sum(matched::int), 0), coalesce(sum(named::int), 0),"
        " min(score), max(score) from pair"
    )  # fmt: skip
    (shadow,) = one_row(database, "select coalesce(sum(times), 0) from shadow")
    (repeated,) = one_row(database, "select coalesce(sum(s.times), 0) from stable s left join shadow c"
                       " using (id, instance) where s.times > 1 or coalesce(c.times, 1) > 1")  # fmt: skip
    by_entity = bool(named)
    wanted = _wanted(request)
    found = {
        name: sums(database, "pair", terms, by_entity) for name, terms in {**wanted, "pair_coverage": _COVERAGE}.items()
    }
    return Compared(
        int(rows), int(shadow), int(pairs), int(repeated), "entities" if by_entity else "requests",
        float(high or 0) - float(low or 0) if request.numeric else 1.0, share, found,
        tuple(_slices(database, request, slices, wanted, by_entity)),
    )  # fmt: skip


def _wanted(request: PairsRequest) -> dict[str, tuple[str, str]]:
    answers = {} if request.numeric else {"agreement": _AGREEMENT}
    return answers | (_FLAGS if request.positive else {}) | {"score_distance": _DISTANCE}


def _slices(
    database: DuckDBPyConnection, request: PairsRequest, columns: Sequence[str],
    wanted: Mapping[str, tuple[str, str]], by_entity: bool,
) -> list[Slice]:  # fmt: skip
    """Those that differ most, of all that have enough pairs: few are told, and these are the ones to look at."""
    differ = (
        "sum(apart) / greatest(sum(scored), 1)" if request.numeric else "1 - sum(equal) / greatest(sum(answered), 1)"
    )
    found: list[tuple[float, int, int, str]] = []
    for place in range(len(columns)):
        rows = database.execute(
            f"select {differ}, count(*), slice_{place} from pair where matched and slice_{place} is not null "
            f"group by slice_{place} having count(*) >= ? order by 1 desc, 2 desc, 3 limit {MOST_SLICES}",
            [request.minimum_rows],
        ).fetchall()
        found += [(float(apart), int(count), place, str(value)) for apart, count, value in rows]
    told = []
    for _, count, place, value in sorted(found, key=lambda one: (-one[0], -one[1], one[2:]))[:MOST_SLICES]:
        where = f"matched and slice_{place} = '{value.replace(chr(39), chr(39) * 2)}'"
        figures = {name: sums(database, "pair", terms, by_entity, where) for name, terms in wanted.items()}
        told.append(Slice(columns[place], value, count, figures))
    return told
