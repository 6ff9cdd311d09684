"""The rows of a run that continues a version: those that are new, by batch, and those that validated the first one."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slipway_pipelines.data.deduplicate import deduplicate
from slipway_pipelines.data.features import with_windows
from slipway_pipelines.data.prepare import acquired, checked, labelled
from slipway_pipelines.data.record import Record
from slipway_pipelines.data.source import BATCH, Acquired, Source
from slipway_pipelines.data.workspace import Workspace
from slipway_pipelines.faults import DataFault
from slipway_pipelines.incremental.lineage import Lineage, Span, in_order
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.steps import Steps

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NewRows:
    """What there is to learn from.

    Attributes:
        batches: in the order in which they are learnt, each in the order of time; none is empty.
        retained: rows that validated the first version, as far as the sources still hold them.
        newest: time of the newest row of the sources, labelled or not, as ISO 8601; empty where there are no rows.
    """

    source: Acquired
    batches: tuple[pd.DataFrame, ...]
    retained: pd.DataFrame
    newest: str

    @property
    def rows(self) -> int:
        """Rows of all batches."""
        return sum(len(batch) for batch in self.batches)


def gathered(
    request: TrainingRequest,
    lineage: Lineage,
    classes: Sequence[str],
    environment: Mapping[str, str],
    steps: Steps,
    record: Record,
) -> NewRows:
    """Reads sources and batches, and divides what is labelled by time.

    Args:
        classes: of the base; what is new may hold fewer of them, and no other.

    Raises:
        Fault: as the data steps do.
    """
    timestamp = request.columns.timestamp
    if timestamp is None:
        message = "new rows are told from old ones by their time: set ModelTask.spec.timestamp"
        raise DataFault("IncrementalNeedsTimestamp", message)
    request = replace(request, sources=(*request.sources, *_batch_sources(request)))
    with steps.step("acquire"):
        source = acquired(request, environment, Workspace.of(environment, request.uid), record)
    with steps.step("validate"):
        table = _known(checked(request, source, record, classes), timestamp, lineage)
    newest = table[timestamp].max().isoformat() if len(table) else ""
    with steps.step("deduplicate"):
        table = deduplicate(table, request.columns, record)
    with steps.step("features"):
        table = with_windows(table, request.columns, record)
    with steps.step("labels"):
        table = _matured(request, table, record, classes)
    with steps.step("batches"):
        _check_classes(table, request, classes)
        batches = divided(table, request, lineage, record)
    return NewRows(source, batches, _retained(table, timestamp, lineage.validation), newest)


def divided(
    table: pd.DataFrame, request: TrainingRequest, lineage: Lineage, record: Record
) -> tuple[pd.DataFrame, ...]:
    """The batches of labelled rows. A row that is not newer than all that was learnt before counts as learnt."""
    columns, batches = request.columns, []
    timestamp, end = str(columns.timestamp), _instant(lineage.end)
    parts = [table] if BATCH not in table else [table[table[BATCH] == n] for n in range(1, int(table[BATCH].max()) + 1)]
    for number, part in enumerate(parts, 1):
        new = part[part[timestamp] > end]
        if BATCH in table and len(new) < len(part):
            message = f"{len(part) - len(new)} rows of batch {number} are not newer than {end.isoformat()}: left out"
            record.warn("RowsOfThePast", message)
        if len(new):
            batches.append(in_order(new, columns))
            end = new[timestamp].max()
    return tuple(batches)


def _batch_sources(request: TrainingRequest) -> tuple[Source, ...]:
    assert request.spec.incremental is not None
    return tuple(
        Source(f"batch-{number}", uri, credentials=_credentials(request.sources, uri), batch=number)
        for number, uri in enumerate(request.spec.incremental.batches, 1)
    )


def _credentials(sources: Sequence[Source], uri: str) -> Mapping[str, str]:
    """Those of the source on the same server: no other one is shown them."""
    place = urllib.parse.urlsplit(uri)[:2]
    return next((one.credentials for one in sources if urllib.parse.urlsplit(one.uri)[:2] == place), {})


def _known(table: pd.DataFrame, timestamp: str, lineage: Lineage) -> pd.DataFrame:
    """Where batches are given, newer rows of the sources are not asked for: those are the past that windows look at."""
    if BATCH not in table:
        return table
    kept: pd.DataFrame = table[(table[BATCH] > 0) | (table[timestamp] <= _instant(lineage.end))].reset_index(drop=True)
    return kept


def _matured(request: TrainingRequest, table: pd.DataFrame, record: Record, classes: Sequence[str]) -> pd.DataFrame:
    """That no label is known yet is no fault here: the rows wait."""
    try:
        return labelled(request, table, record, classes)
    except DataFault as fault:
        if fault.reason != "NoLabelledRows":
            raise
        return table.iloc[:0]


def _check_classes(table: pd.DataFrame, request: TrainingRequest, classes: Sequence[str]) -> None:
    if not classes:
        return
    unknown = sorted(set(table[request.columns.label]) - set(classes))
    if unknown:
        message = (
            f"the label {request.columns.label!r} has {', '.join(map(repr, unknown[:5]))}, and the base knows "
            f"{', '.join(map(repr, classes))}: classes are fixed with the first version; train in full"
        )
        raise DataFault("ClassUnknown", message)


def _retained(table: pd.DataFrame, timestamp: str, validation: Span | None) -> pd.DataFrame:
    if validation is None:
        return table.iloc[:0]
    instants = table[timestamp]
    within = (instants >= _instant(validation.since)) & (instants <= _instant(validation.until))
    kept: pd.DataFrame = table[within].reset_index(drop=True)
    return kept


def _instant(text: str) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(text)
