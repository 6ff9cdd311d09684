"""Which tasks read the same data.

Two tasks share a source when a TrainingRun of each names it by the same words: the same `uri`; the same `sql.query`
with the same Secret; the same Delta or Iceberg table. A pattern and a file that it matches are two. Only tasks of one
namespace are compared: a condition must not tell one team of another's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from slipway.core.references import task_name

Object = Mapping[str, Any]
Source = tuple[str, ...]


def sources_of(run: Object) -> frozenset[Source]:
    """The sources of a TrainingRun as the API server holds it."""
    data = (run.get("spec") or {}).get("data") or {}
    return frozenset(filter(None, (_source(one) for one in data.get("sources") or ())))


def _source(written: Object) -> Source:
    if written.get("uri"):
        return "uri", str(written["uri"])
    if query := written.get("sql"):
        return "sql", str((query.get("secretRef") or {}).get("name", "")), " ".join(str(query.get("query", "")).split())
    for kind, names in (("delta", ("uri",)), ("iceberg", ("catalog", "table"))):
        if table := written.get(kind):
            return kind, *(str(table.get(name, "")) for name in names)
    return ()


def sources_by_task(runs: Iterable[Object]) -> dict[str, frozenset[Source]]:
    """What the runs of each task read, by the task's name."""
    found: dict[str, frozenset[Source]] = {}
    for run in runs:
        task = task_name(run)
        found[task] = found.get(task, frozenset()) | sources_of(run)
    return found


def sharing(task: str, runs: Iterable[Object]) -> tuple[str, ...]:
    """The other tasks that read a source of this one, by name."""
    found = sources_by_task(runs)
    mine = found.get(task, frozenset())
    return tuple(sorted(name for name, sources in found.items() if name != task and sources & mine))
