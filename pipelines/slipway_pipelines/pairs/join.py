"""The pairs as one table of DuckDB.

A pair is a live row of stable and a shadow row of the candidate with the same request id and the same place in the
request, of one epoch. An id that comes twice on a side (a retry, a client's own constant) names no pair.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slipway_pipelines import counting
from slipway_pipelines.counting import BLOCKS, is_label, is_number, same
from slipway_pipelines.log_files import LogFiles, answering
from slipway_pipelines.pairs.request import PairsRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SLACK = timedelta(minutes=1)  # a copy comes a moment after its request, or before it
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAY = f"{list(_DAYS)}[1 + cast((s.micros // 86400000000 + 3) % 7 as integer)]"
_CALENDAR = {
    "weekday": _WEEKDAY,
    "weekend": "case when (s.micros // 86400000000 + 3) % 7 >= 5 then 'yes' else 'no' end",
}


def make_pairs(
    database: DuckDBPyConnection, request: PairsRequest, stable: LogFiles, candidate: LogFiles
) -> tuple[list[str], float]:
    """Makes the table `pair`; returns the slices that the log has columns for, and the share of ids that was read."""
    share = min(1.0, counting.MOST_ROWS / max(1, stable.rows, candidate.rows))
    slices = {name: column for name in request.slices if (column := stable.column(name)) or name in _CALENDAR}
    _load(database, request, "stable", stable, share, {name: column for name, column in slices.items() if column})
    _load(database, request, "shadow", candidate, share, {})
    database.execute(_pair(request, list(slices), {name for name, column in slices.items() if column}))
    return list(slices), share


def _load(
    database: DuckDBPyConnection, request: PairsRequest, side: str, files: LogFiles, share: float,
    slices: dict[str, str],
) -> None:  # fmt: skip
    """The rows of one side as a table, each id once with how often it came."""
    names = [f"slice_{place}" for place in range(len(slices))]
    fields = "id varchar, instance integer, micros bigint, entity varchar, answer varchar, score double"
    database.execute(f"create table {side}_row ({', '.join([fields, *(f'{one} varchar' for one in names)])})")
    if files.paths:
        with answering(request.log.uri):
            reader = files.read(_columns(request, side, files, slices), _rows(request, side))
            database.register("log", reader)
            least = round(share * 1_000_000)
            database.execute(f"insert into {side}_row select * from log where hash(id) % 1000000 < {least}")
            database.unregister("log")
    kept = ", ".join(f"any_value({one}) as {one}" for one in ("micros", "entity", "answer", "score", *names))
    database.execute(
        f"create table {side} as select id, instance, count(*) as times, {kept} from {side}_row group by id, instance"
    )
    database.execute(f"drop table {side}_row")


def _columns(request: PairsRequest, side: str, files: LogFiles, slices: dict[str, str]) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    named = "" if request.assigned else files.column(request.entity) if request.entity else ""
    entity = pc.field(named or "entity").cast(pa.string())
    read = {
        "id": pc.field("request_id"), "instance": pc.field("instance"), "micros": pc.field("time").cast(pa.int64()),
        "entity": entity, "answer": pc.field("answer"), "score": pc.field("score"),
    }  # fmt: skip
    return read | {f"slice_{place}": pc.field(column).cast(pa.string()) for place, column in enumerate(slices.values())}


def _rows(request: PairsRequest, side: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    traffic, slack = ("live", timedelta()) if side == "stable" else ("shadow", _SLACK)
    kind = pa.timestamp("us", tz="UTC")
    first, last = (pa.scalar(one, kind) for one in (request.since - slack, request.until + slack))
    where = (pc.field("traffic") == traffic) & (pc.field("epoch") == request.epoch)
    where &= (pc.field("time") >= first) & (pc.field("time") < last)
    return where & pc.field("entity").is_valid() if request.assigned else where


def _pair(request: PairsRequest, slices: list[str], logged: set[str]) -> str:
    """One row for each of stable's: `who` is its cluster, `block` its time, and what the two answered."""
    span = max(1, int((request.until - request.since).total_seconds() * 1_000_000))
    begin = int(request.since.timestamp() * 1_000_000)
    places = iter(range(len(logged)))
    told = [f"s.slice_{next(places)}" if name in logged else _CALENDAR[name] for name in slices]
    sliced = "".join(f", {expression} as slice_{place}" for place, expression in enumerate(told))
    flagged = "c.answer", "s.answer"
    ours, theirs = (is_label(one, request.positive) if request.positive else "false" for one in flagged)
    return f"""
        create table pair as select *, (ours and theirs)::int as both_flag, (ours or theirs)::int as either_flag from (
            select coalesce(s.entity, s.id, 'none') as who, s.entity is not null as named, s.times as times,
                least({BLOCKS - 1}, (s.micros - {begin}) * {BLOCKS} // {span}) as block,
                matched, (matched and (s.answer is not null or c.answer is not null))::int as answered,
                (matched and coalesce({same("s.answer", "c.answer")}, false))::int as equal,
                matched and {ours} as ours, matched and {theirs} as theirs,
                (matched and {is_number("s.score")} and {is_number("c.score")})::int as scored,
                case when matched and {is_number("s.score")} and {is_number("c.score")}
                    then abs(s.score - c.score) else 0 end as apart,
                case when {is_number("s.score")} then s.score end as score{sliced}
            from stable s left join shadow c on s.id = c.id and s.instance = c.instance,
                lateral (select coalesce(s.times = 1 and c.times = 1, false) as matched)
        )
    """
