"""The data half of an attempt, step by step: from the sources to the rows of train, validation and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.api.v1alpha1.training_data import Quality

from slipway_pipelines.acquire import acquire
from slipway_pipelines.columns import Columns
from slipway_pipelines.data import leakage, reference
from slipway_pipelines.data.arrange import arranged
from slipway_pipelines.data.contract import check_contract, contract_columns
from slipway_pipelines.data.deduplicate import deduplicate, equality
from slipway_pipelines.data.features import with_windows
from slipway_pipelines.data.handover import found_parts, found_source, keep_parts, keep_source
from slipway_pipelines.data.labels import joined, matured
from slipway_pipelines.data.near import clustered
from slipway_pipelines.data.noise import annotated
from slipway_pipelines.data.record import Record
from slipway_pipelines.data.reference import Asked
from slipway_pipelines.data.source import Acquired
from slipway_pipelines.data.workspace import Workspace
from slipway_pipelines.faults import DataFault
from slipway_pipelines.preprocess import Preparation, prepared
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.slices import sliced
from slipway_pipelines.split import Splits
from slipway_pipelines.steps import Steps
from slipway_pipelines.threads import threads_for
from slipway_pipelines.validate import canonical, validate

if TYPE_CHECKING:
    import pandas as pd

NEGATIVE = "0"
"""What silence is called where no row is called negative."""

_MOST_BYTES = 4 << 30  # of all sources after gunzip; the table takes a few times that in memory


@dataclass(frozen=True)
class Prepared:
    """What the data half hands over: the parts, what train rows decided about features, and what was found."""

    source: Acquired
    rows: int
    parts: Splits
    chosen: Preparation
    record: Record


def prepare(request: TrainingRequest, environment: Mapping[str, str], steps: Steps) -> Prepared:
    """Runs the data steps.

    Raises:
        Fault: as the steps do.
    """
    record, workspace = Record(), Workspace.of(environment, request.uid)
    with steps.step("acquire"):
        source = acquired(request, environment, workspace, record)
    asked = (request.task.model_dump(mode="json"), request.spec.data.model_dump(mode="json"))
    made_from = [source.digest, *asked, request.seeds.split]
    parts = found_parts(workspace, made_from, record)
    if parts is None:
        parts = _parts(request, source, steps, record)
        keep_parts(workspace, made_from, parts, record)
    with steps.step("inspect"), threads_for(parts.train):
        chosen = _inspected(request, parts, record)
    return Prepared(source, len(source.table), parts, chosen, record)


def _parts(request: TrainingRequest, source: Acquired, steps: Steps, record: Record) -> Splits:
    columns = request.columns
    with steps.step("validate"):
        table = checked(request, source, record)
    with steps.step("deduplicate"):
        table = deduplicate(table, columns, record)
    with steps.step("features"):
        table = with_windows(table, columns, record)
    with steps.step("labels"):
        table = labelled(request, table, record)
    with steps.step("split"):
        return _split(request, table, record)


def acquired(
    request: TrainingRequest, environment: Mapping[str, str], workspace: Workspace, record: Record
) -> Acquired:
    """The rows of all sources, or those that an earlier pod has read; the contract of the data holds for them."""
    most = int(environment.get("SLIPWAY_MOST_BYTES", _MOST_BYTES))
    also, numbers = contract_columns(request.contract) if request.contract else ((), ())
    named = ((*also, _label_key(request)) if request.labels is not None else also, numbers)
    read = [[one.name, one.uri, one.query, one.origin] for one in request.sources]
    made_from = [read, request.columns.wanted, request.columns.numbers, named]
    source = found_source(workspace, made_from)
    if source is None:
        source = acquire(request.sources, request.columns, most, *named)
        keep_source(workspace, made_from, source)
    if request.contract:
        check_contract(source.table, request.contract)
    for one in request.sources:
        if one.exposure_note:
            record.note("Exposure", f"source {one.name!r} ({one.origin}): {one.exposure_note}")
    record.facts |= {"rows": len(source.table), "bytes": source.size}
    return source


def checked(request: TrainingRequest, source: Acquired, record: Record, known: Sequence[str] = ()) -> pd.DataFrame:
    """All rows in the types of the task, with late labels, within the window that is asked for.

    Args:
        known: classes of the model that is continued, of which the rows need not have all.
    """
    task, columns, table = request.task, request.columns, source.table
    if request.labels is not None:
        table = _with_late_labels(request, table, record)
    silence = task.label.maturity is not None and task.label.maturity.absence_means_negative_after is not None
    table = validate(table, columns, task.type, task.label.positive, source.available, silence, known)
    window = request.spec.data.window
    if window is None or window.type != "Sliding" or window.last is None or columns.timestamp is None:
        return table
    import pandas as pd

    instants = table[columns.timestamp]
    kept: pd.DataFrame = table[instants > instants.max() - pd.Timedelta(window.last.seconds, unit="s")].reset_index(
        drop=True
    )
    record.count("window", len(table), len(kept), f"the last {window.last.text}")
    return kept


def _with_late_labels(request: TrainingRequest, table: pd.DataFrame, record: Record) -> pd.DataFrame:
    label, key = request.columns.label, _label_key(request)
    assert request.labels is not None
    found = acquire((request.labels,), Columns((), (), label, id=key), _MOST_BYTES)
    for frame, what, names in ((table, "the data", [key]), (found.table, "spec.label.source", [key, label])):
        absent = [name for name in names if name not in frame]
        if absent:
            message = f"late labels are joined by {key!r}, and {what} has no column {', '.join(map(repr, absent))}"
            raise DataFault("ColumnMissing", message)
        frame[key] = canonical(frame[key])
    record.facts["labels.digest"] = found.digest
    return joined(table, found.table, key, label, record)


def _label_key(request: TrainingRequest) -> str:
    """The column that joins late labels to events."""
    declared = request.task.label.source
    return declared.sql.key if declared is not None and declared.sql is not None else str(request.columns.id)


def labelled(request: TrainingRequest, table: pd.DataFrame, record: Record, known: Sequence[str] = ()) -> pd.DataFrame:
    """The rows whose label is known by now; `known` as for `checked`."""
    task, columns = request.task, request.columns
    classes = sorted({*table[columns.label].dropna().unique(), *known})
    others = [str(name) for name in classes if name != task.label.positive]
    negative = None
    if task.type == "BinaryClassification" and len(others) < 2:
        negative = others[0] if others else NEGATIVE if task.label.positive != NEGATIVE else f"not {NEGATIVE}"
    return matured(table, columns, task.label.maturity, negative, record)


def _split(request: TrainingRequest, table: pd.DataFrame, record: Record) -> Splits:
    near = request.spec.data.quality.near_duplicates if request.spec.data.quality is not None else None
    clusters = None
    if near is not None:
        clusters = clustered(table, request.columns, float(near.distance.value), record)
    equal = equality(table, request.columns, record)
    return arranged(table, request.columns, request.split_plan, equal, clusters, record)


def _inspected(request: TrainingRequest, parts: Splits, record: Record) -> Preparation:
    """Everything that is learnt from train and validation rows before a model is."""
    import pandas as pd

    task, columns, quality = request.task, request.columns, request.spec.data.quality
    if request.slices is not None:
        sliced(request.slices, parts.train, columns)  # a slice that there is not is told before the test rows open
    missing = (quality or Quality()).missing
    chosen = prepared(parts.train, columns, missing, task.type == "Regression", record)
    seen = pd.concat([parts.train, parts.validation], ignore_index=True)
    if len(columns.annotators) > 1 and task.type != "Regression":
        annotated(seen, columns, task.label.positive, request.criteria, record)
    leakage.searched(seen, columns, task.type, request.seeds.split, record)
    if columns.timestamp is not None:
        leakage.vanishing(pd.concat([seen, parts.test], ignore_index=True), columns, record)
    asked = Asked(task.type, task.label.positive, task.metrics.primary, request.seeds.split)
    if request.spec.data.split.by == "Time":
        reference.time_gap(parts.train, parts.validation, columns, chosen, asked, record)
    if len(columns.annotators) < 2:  # whose evidence is better
        reference.confident_noise(parts.train, columns, chosen, asked, record)
    return chosen
