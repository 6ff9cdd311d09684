"""The data report: what was read, what became of it, what was found; as JSON, and as a page for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.split import SPLITS

if TYPE_CHECKING:
    import pandas as pd

_BARS = 20
_VALUES = 8


def data_report(prepared: Prepared, request: TrainingRequest) -> dict[str, Any]:
    """The report as a document of JSON; numbers are rounded to six digits."""
    source, record, columns = prepared.source, prepared.record, request.columns
    return {
        "run": request.run,
        "task": request.spec.task_ref.name,
        "goal": request.task.goal,
        "digest": source.digest,
        "rows": prepared.rows,
        "sources": [_source(one, prepared) for one in request.sources],
        "steps": [vars(one) for one in record.counts],
        "splits": [_split(prepared, name, request) for name in SPLITS],
        "findings": [{**vars(one), "columns": list(one.columns)} for one in record.findings],
        "facts": {name: value for name, value in sorted(record.facts.items()) if value == value},  # NaN is no JSON
        "columns": [_column(prepared.parts.train[name], name, columns) for name in columns.features],
        "notUsed": sorted(set(source.available) - set(columns.wanted)),
    }


def _source(one: Any, prepared: Prepared) -> dict[str, Any]:
    files = [
        {"uri": file.uri, "digest": file.digest, "bytes": file.size}
        for file in prepared.source.files
        if file.source == one.name
    ]
    return {"name": one.name, "origin": one.origin, "exposureNote": one.exposure_note, "files": files}


def _split(prepared: Prepared, name: str, request: TrainingRequest) -> dict[str, Any]:
    rows: pd.DataFrame = getattr(prepared.parts, name)
    told: dict[str, Any] = {"name": name, "rows": len(rows)}
    label, instant = request.columns.label, request.columns.timestamp
    if request.task.type != "Regression":
        counts = rows[label].value_counts().head(_VALUES)
        told["labels"] = {str(value): int(count) for value, count in counts.items()}
    elif len(rows):
        told["labelMean"] = _number(rows[label].mean())
    if instant is not None and len(rows):
        told |= {"from": rows[instant].min().isoformat(), "to": rows[instant].max().isoformat()}
    if name == "test":
        told["novelRows"] = int(prepared.parts.novel.sum())
    return told


def _column(values: pd.Series, name: str, columns: Columns) -> dict[str, Any]:
    told = {"name": name, "type": _type(name, columns), "missing": _number(values.isna().mean())}
    if name not in columns.numeric:
        counts = values.value_counts().head(_VALUES)
        top = {str(value)[:60]: int(count) for value, count in counts.items()}
        return told | {"distinct": int(values.nunique()), "values": top}
    known = values.dropna().to_numpy(float)
    if not len(known):
        return told
    low, middle, high = (_number(value) for value in np.quantile(known, [0, 0.5, 1]))
    bars = np.histogram(known, bins=_BARS)[0].tolist()
    return told | {"min": low, "median": middle, "max": high, "mean": _number(known.mean()), "histogram": bars}


def _type(name: str, columns: Columns) -> str:
    if name in columns.windows:
        return "Numeric, window"
    return "Numeric" if name in columns.numeric else "Categorical" if name in columns.categorical else "Text"


def _number(value: float) -> float:
    return float(f"{value:.6g}")
