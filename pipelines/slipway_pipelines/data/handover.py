"""What the data steps hand over, as tables and documents of a workspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from slipway_pipelines.data.record import Counted, Finding, Record
from slipway_pipelines.data.source import Acquired, File
from slipway_pipelines.data.workspace import HandedOver, Workspace
from slipway_pipelines.split import SPLITS, Splits

_SOURCE, _PARTS = "acquire", "split"


def found_source(workspace: Workspace, made_from: Any) -> Acquired | None:
    """The rows that an earlier pod has read: the same ones, whatever has become of the source since."""
    found = workspace.find(_SOURCE, made_from)
    if found is None:
        return None
    told = found.document
    files = tuple(File(**one) for one in told["files"])
    return Acquired(found.tables["rows"], told["uri"], told["digest"], told["size"], files, tuple(told["available"]))


def keep_source(workspace: Workspace, made_from: Any, source: Acquired) -> None:
    """Keeps the rows for a pod that starts anew."""
    told = {
        "uri": source.uri,
        "digest": source.digest,
        "size": source.size,
        "files": [asdict(one) for one in source.files],
        "available": source.available,
    }
    workspace.keep(_SOURCE, made_from, HandedOver({"rows": source.table}, told))


def found_parts(workspace: Workspace, made_from: Any, record: Record) -> Splits | None:
    """The parts that an earlier pod has made, with what it found on the way."""
    found = workspace.find(_PARTS, made_from)
    if found is None:
        return None
    # In the place of what `acquire` has told again: that was kept with the rest.
    record.counts = [Counted(**one) for one in found.document["counts"]]
    record.findings = [Finding(**{**one, "columns": tuple(one["columns"])}) for one in found.document["findings"]]
    record.facts = dict(found.document["facts"])
    return Splits(**{name: found.tables[name] for name in SPLITS}, novel=found.tables["novel"]["novel"].to_numpy(bool))


def keep_parts(workspace: Workspace, made_from: Any, parts: Splits, record: Record) -> None:
    """Keeps the parts for a pod that starts anew."""
    import pandas as pd

    tables = {name: getattr(parts, name) for name in SPLITS} | {"novel": pd.DataFrame({"novel": parts.novel})}
    told = {
        "counts": [asdict(one) for one in record.counts],
        "findings": [asdict(one) for one in record.findings],
        "facts": record.facts,
    }
    workspace.keep(_PARTS, made_from, HandedOver(tables, told))
