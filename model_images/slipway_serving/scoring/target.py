"""Where one run's scores go: a directory that belongs to one revision, one input and one way of writing."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway_serving.scoring.faults import ScoringFault
from slipway_serving.scoring.request import ScoringRequest
from slipway_serving.scoring.score import Scored
from slipway_serving.scoring.source import Source
from slipway_serving.scoring.stores import Location, answering
from slipway_serving.service.settings import Settings

START, END, LATEST = "_run.json", "_SUCCESS", "_LATEST.json"
_PART = re.compile(r"part-(\d{6})\.parquet")
_OURS = (
    ("score", pa.float64()),
    ("threshold", pa.float64()),
    ("answer", pa.string()),
    ("reason", pa.string()),
    ("revision", pa.string()),
    ("model_version", pa.string()),
    ("scored_at", pa.timestamp("us", "UTC")),
)


@dataclass(frozen=True)
class PartCount:
    """What a part that exists says of itself: rows, and the bad ones with the first reasons."""

    rows: int
    bad: int
    reasons: tuple[str, ...] = ()


class Target:
    """One run's directory. Files appear whole or not at all, and a part never changes."""

    def __init__(self, output: Location, request: ScoringRequest, settings: Settings, source: Source) -> None:
        """Raises ScoringFault when a copied column has the name of one of ours, or is missing."""
        self._output, self._settings = output, settings
        self._copied = request.copied
        names = [name for name, _ in _OURS]
        for column in self._copied:
            if column in names:
                raise ScoringFault("ColumnTaken", f"the output has a column {column!r} of its own: rename the input's")
            if column not in source.schema.names:
                raise ScoringFault("ColumnMissing", f"the input has no column {column!r}, which the output repeats")
        way = [
            settings.revision,
            source.fingerprint,
            self._copied,
            request.features,
            sorted((request.sources or {}).items()),
        ]
        bound = hashlib.sha256(json.dumps([*way, request.rows_per_part]).encode()).hexdigest()[:12]
        self.name = f"{settings.revision}-{bound}"
        self.path = output.below(self.name)
        self.uri = f"{output.uri.rstrip('/')}/{self.name}"
        self._schema = pa.schema([*(source.schema.field(name) for name in self._copied), *_OURS])
        self._scored_at = datetime.now(UTC)

    @property
    def copied(self) -> Sequence[str]:
        """Columns of the input that every part repeats."""
        return self._copied

    def finished(self) -> dict[str, Any] | None:
        """The manifest of a run that ended here."""
        return self._read(END)

    def begin(self, source: Source) -> None:
        """Takes over the time of the run that began here, so that its parts are those which it would have written."""
        begun = self._read(START)
        if begun is None:
            self._write(START, self._facts(source))
            begun = self._read(START) or {}  # another pod may have begun in the same moment
        self._scored_at = datetime.fromisoformat(begun["scoredAt"])

    def _facts(self, source: Source) -> dict[str, Any]:
        return {
            "revision": self._settings.revision,
            "modelVersion": self._settings.version,
            "rollout": self._settings.rollout,
            "input": {"uri": source.uri, "digest": f"sha256:{source.fingerprint}", "rows": source.rows},
            "scoredAt": self._scored_at.isoformat(),
        }

    def parts(self) -> dict[int, PartCount]:
        """The parts that exist, by their place."""
        with answering(self.uri):
            listed = self._output.store.list(self.path)
        found = {int(match[1]): one.path for one in listed if (match := _PART.fullmatch(one.path.rpartition("/")[2]))}
        return {place: self._count(path) for place, path in sorted(found.items())}

    def _count(self, path: str) -> PartCount:
        with answering(self.uri), self._output.store.open(path) as stream:
            metadata = pq.read_metadata(stream)
        said = json.loads(metadata.metadata[b"slipway"])
        return PartCount(metadata.num_rows, said["bad"], tuple(said["reasons"]))

    def commit(self, place: int, copied: pa.Table, scored: Scored, reasons: Sequence[str]) -> None:
        """Writes one part."""
        rows, bad = len(scored.answers), sum(one is not None for one in scored.reasons)
        ours: list[list[Any]] = [scored.scores, scored.thresholds, scored.answers, scored.reasons]
        constant = (self._settings.revision, self._settings.version, self._scored_at)
        ours += [[value] * rows for value in constant]
        arrays = [pa.array(values, kind) for values, (_, kind) in zip(ours, _OURS, strict=True)]
        columns = [copied.column(name) for name in self._copied] + arrays
        said = json.dumps({"bad": bad, "reasons": list(reasons)})
        table = pa.Table.from_arrays(columns, schema=self._schema.with_metadata({"slipway": said}))
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        with answering(self.uri):
            self._output.store.write(f"{self.path}/part-{place:06d}.parquet", buffer.getvalue())

    def end(self, source: Source, counted: PartCount, parts: int) -> dict[str, Any]:
        """Writes the manifest."""
        manifest = {**self._facts(source), "rows": counted.rows, "badRecords": counted.bad, "parts": parts}
        self._write(END, manifest)
        with answering(self.uri):
            self._output.store.clean(self.path)
        return manifest

    def point(self, manifest: dict[str, Any]) -> None:
        """Says beside all runs which one came last."""
        with answering(self.uri):
            content = json.dumps({**manifest, "directory": self.name}, indent=1).encode()
            self._output.store.write(self._output.below(LATEST), content)

    def _read(self, name: str) -> dict[str, Any] | None:
        with answering(self.uri):
            if self._output.store.state(f"{self.path}/{name}") is None:
                return None
            with self._output.store.open(f"{self.path}/{name}") as stream:
                found: dict[str, Any] = json.loads(stream.read())
        return found

    def _write(self, name: str, document: dict[str, Any]) -> None:
        with answering(self.uri):
            self._output.store.write(f"{self.path}/{name}", json.dumps(document, indent=1).encode())
