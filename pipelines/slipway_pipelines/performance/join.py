"""Predictions with their labels, as one table of DuckDB: a row for each event.

Several predictions of one event (a retry, a second look) are one decision: the first counts. A key that names requests
and comes twice names none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway_pipelines import counting
from slipway_pipelines.counting import BLOCKS, is_label, same
from slipway_pipelines.faults import DataFault
from slipway_pipelines.log_files import LogFiles, answering
from slipway_pipelines.performance.labels import event_key
from slipway_pipelines.performance.request import REQUEST_KEYS, PerformanceRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COHORTS = 8
"""Parts of the matured time that are told by themselves."""

AGES = 4
"""Parts of the time to maturity for which completeness is told; what has matured is one more."""


def make_events(database: DuckDBPyConnection, request: PerformanceRequest, files: LogFiles) -> float:
    """Makes the tables `prediction` and `event` beside `label`; returns the share of keys that was read.

    Raises DataFault where the log has no column of the key.
    """
    share = min(1.0, counting.MOST_ROWS / max(1, files.rows))
    database.execute(
        "create table prediction (key varchar, prediction varchar, instance integer, micros bigint, who varchar,"
        " answer varchar, propensity double)"
    )
    if files.paths:
        with answering(request.log.uri):
            database.register("log", files.read(_columns(request, files), _rows(request)))
            least = round(share * 1_000_000)
            database.execute(
                f"insert into prediction select * replace ({event_key('key')} as key) from log"
                f" where key is null or hash({event_key('key')}) % 1000000 < {least}"
            )
            database.unregister("log")
    database.execute(_event(request))
    return share


def _columns(request: PerformanceRequest, files: LogFiles) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    key = request.key if request.key in REQUEST_KEYS else files.column(request.key)
    if not key:
        message = (
            f"labels are joined by {request.key!r}, and the prediction log has no column of it: let requests carry it "
            f"(spec.id of the ModelTask), or join by {' or '.join(REQUEST_KEYS)}"
        )
        raise DataFault("KeyNotLogged", message)
    entity = pc.field("entity").cast(pa.string())
    if request.entity and (column := files.column(request.entity)):
        entity = pc.coalesce(entity, pc.field(column).cast(pa.string()))
    return {
        "key": pc.field(key).cast(pa.string()), "prediction": pc.field("prediction_id"),
        "instance": pc.field("instance"), "micros": pc.field("time").cast(pa.int64()), "who": entity,
        "answer": pc.field("answer"), "propensity": pc.field("propensity").cast(pa.float64()),
    }  # fmt: skip


def _rows(request: PerformanceRequest) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    first, last = (pa.scalar(one, pa.timestamp("us", tz="UTC")) for one in (request.since, request.now))
    answered = pc.field("answer").is_valid() & (pc.field("traffic") == "live")
    return answered & (pc.field("time") >= first) & (pc.field("time") < last)


def _event(request: PerformanceRequest) -> str:
    """`who` is the cluster, `block` and `cohort` its time; `known` says that the label counts."""
    since, until, now = (int(each.timestamp() * 1_000_000) for each in (request.since, request.until, request.now))
    span, young = max(1, until - since), max(1, now - until)
    once = "times = 1" if request.key in REQUEST_KEYS else "place = 1"
    flagged = is_label("answer", request.positive) if request.positive else "false"
    truth = is_label("label", request.positive) if request.positive else "false"
    silence = "true" if request.silence else "false"
    return f"""
        create table event as select *, coalesce(case when {truth} then true end, false) as truth,
            matured and not contradictory and (label is not null or {silence}) as known,
            {_right(request)} as right
        from (
            select p.key, p.micros, coalesce(p.who, p.key) as who, p.who is not null as named, p.answer,
                case when p.propensity > 0 and p.propensity <= 1 then p.propensity end as propensity,
                p.micros < {until} as matured, {flagged} as flagged,
                case when not coalesce(l.contradictory, false) then l.label end as label,
                coalesce(l.contradictory, false) as contradictory, coalesce(l.revised, false) as revised,
                greatest(0, least({BLOCKS - 1}, (p.micros - {since}) * {BLOCKS} // {span})) as block,
                greatest(0, least({COHORTS - 1}, (p.micros - {since}) * {COHORTS} // {span})) as cohort,
                greatest(0, least({AGES - 1}, ({now} - p.micros) * {AGES} // {young})) as age
            from (
                select *, count(*) over (partition by key) as times,
                    row_number() over (partition by key order by micros, prediction, instance, answer, who) as place
                from prediction where key is not null
            ) p left join label l using (key) where {once}
        )
    """


def _right(request: PerformanceRequest) -> str:
    """How right an answer is: 1 or 0, of numbers how far off."""
    if request.metric == "mae":
        return "abs(try_cast(answer as double) - try_cast(label as double))"
    if request.positive:  # silence is negative, and has no text
        return f"(flagged = coalesce({is_label('label', request.positive)}, false))::int"
    return f"coalesce({same('answer', 'label')}, false)::int"
