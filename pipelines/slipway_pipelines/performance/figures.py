"""What is told of a metric on matured labels: its sums, by cohort and by age, and what kept labels from counting.

A metric is Σy / Σn over events whose label counts: precision over predicted positives, recall over positives, accuracy
and mean absolute error over all. Explored events of a selective task weigh 1 / propensity (Horvitz and Thompson 1952),
scaled so that Σn is their effective number (Kish 1965).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slipway_pipelines.counting import Sums, is_number, one_row, sums
from slipway_pipelines.performance.join import AGES, COHORTS
from slipway_pipelines.performance.request import PerformanceRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TRIALS = {
    "precision": ("flagged", "truth::int"),
    "recall": ("truth", "flagged::int"),
    "accuracy": ("true", '"right"'),
    "mae": (is_number('"right"'), '"right"'),
}
"""Which of the events whose label counts are trials, and what is counted of them."""


@dataclass(frozen=True)
class Cohort:
    """One part of the matured time: events, those whose label counts, predicted positives, trials and their sum."""

    since: datetime
    rows: int
    labelled: int
    flagged: int
    trials: int
    total: float


@dataclass(frozen=True)
class Age:
    """Events of at least this age in seconds, and those that have a label."""

    seconds: float
    rows: int
    labelled: int


@dataclass(frozen=True)
class Measured:
    """All that a measurement found.

    Attributes:
        rows, labelled: matured events, and those whose label counts; `flagged` and `flagged_labelled` the same of
            predicted positives.
        trials: what the metric is counted over, as they are; `sums` has them weighted.
        explored: trials with a propensity. `unit` is what clusters are, `spread` the largest error of a number.
        silent: predicted positives since the last event that has any label.
        pending: what may become trials, too young to count; `ripe` is when enough of them have matured, None where
            there are too few. `pace` is how many come in a second.
    """

    rows: int
    labelled: int
    flagged: int
    flagged_labelled: int
    trials: int
    explored: int
    sums: Sums
    unit: str
    spread: float
    share: float
    silent: int
    pending: int
    ripe: datetime | None
    pace: float
    revised: int
    contradictory: int
    repeated: int
    unkeyed: int
    cohorts: tuple[Cohort, ...]
    ages: tuple[Age, ...]


def measure(database: DuckDBPyConnection, request: PerformanceRequest, share: float) -> Measured:
    """Counts the table `event`."""
    trial, counted = _TRIALS[request.metric]
    tried = f"known and {trial}"
    conditions = (
        "true", "known", "flagged", "flagged and known", tried, f"{tried} and propensity is not null", "named",
        "revised", "contradictory",
    )  # fmt: skip
    *counts, spread = one_row(
        database, f"select {_counts(*conditions)}, max({counted}) filter (where {tried}) from event where matured"
    )
    rows, labelled, flagged, flagged_labelled, trials, explored, named, revised, contradictory = map(int, counts)
    (repeated,) = one_row(database, "select count(*) - count(distinct key) from prediction where key is not null")
    (unkeyed,) = one_row(database, "select count(*) from prediction where key is null")
    newest = "(select max(micros) from event where matured and label is not null)"
    (silent,) = one_row(
        database, f"select count(*) from event where matured and flagged and micros > coalesce({newest}, -1)"
    )
    pending, ripe, pace = _pending(database, request, trials)
    return Measured(
        rows, labelled, flagged, flagged_labelled, trials, explored,
        _sums(database, request, bool(named), explored > 0), "entities" if named else "events",
        float(spread or 0) if request.metric == "mae" else 1.0, share, int(silent), pending, ripe, pace, revised,
        contradictory, int(repeated), int(unkeyed), _cohorts(database, request), _ages(database, request),
    )  # fmt: skip


def _counts(*conditions: str) -> str:
    """Rows that satisfy each of them: count_if is null where there are no rows."""
    return ", ".join(f"count(*) filter (where {each})" for each in conditions)


def _sums(database: DuckDBPyConnection, request: PerformanceRequest, by_entity: bool, explored: bool) -> Sums:
    trial, counted = _TRIALS[request.metric]
    where, weight = f"known and {trial}", "1"
    if request.selective and explored:
        where = f"{where} and propensity is not null"
        (scale,) = one_row(
            database, f"select sum(1 / propensity) / sum(1 / propensity / propensity) from event where {where}"
        )
        weight = f"{float(scale)!r} / propensity"
    return sums(database, "event", (f"sum({weight} * {counted})", f"sum({weight})"), by_entity, where)


def _pending(
    database: DuckDBPyConnection, request: PerformanceRequest, trials: int
) -> tuple[int, datetime | None, float]:
    """Young events that may become trials, when enough of them have matured, and how many come in a second."""
    unit = {"precision": "flagged", "recall": "false"}.get(request.metric, "true")
    waiting = f"not matured and {unit}"
    pending, first = one_row(database, f"select {_counts(waiting)}, min(micros) from event where {unit} or known")
    missing, ripe = request.needed - trials, None
    if 0 < missing <= pending:
        oldest = f"select micros from event where {waiting} order by micros limit {missing}"
        (at,) = one_row(database, f"select max(micros) from ({oldest})")
        ripe = datetime.fromtimestamp(at / 1e6, UTC) + timedelta(seconds=request.maturity)
    begin = datetime.fromtimestamp(first / 1e6, UTC) if first is not None else request.now
    end = request.until if request.metric == "recall" else request.now
    seconds = (end - begin).total_seconds()
    return int(pending), ripe, (trials + pending) / seconds if seconds > 0 else 0.0


def _cohorts(database: DuckDBPyConnection, request: PerformanceRequest) -> tuple[Cohort, ...]:
    trial, counted = _TRIALS[request.metric]
    tried = f"known and {trial}"
    found = database.execute(f"""
        select cohort, {_counts("true", "known", "flagged", tried)},
            coalesce(sum({counted}) filter (where {tried}), 0)
        from event where matured group by cohort order by cohort
    """).fetchall()
    part = (request.until - request.since) / COHORTS
    return tuple(
        Cohort(request.since + place * part, int(rows), int(labelled), int(flagged), int(trials), float(total))
        for place, rows, labelled, flagged, trials, total in found
    )


def _ages(database: DuckDBPyConnection, request: PerformanceRequest) -> tuple[Age, ...]:
    """Of what has matured the age is that of the youngest."""
    found = database.execute(f"""
        select case when matured then {AGES} else age end as part, {_counts("true", "label is not null")}
        from event group by part order by part
    """).fetchall()
    young = (request.now - request.until).total_seconds()
    return tuple(Age(part * young / AGES, int(rows), int(labelled)) for part, rows, labelled in found)
