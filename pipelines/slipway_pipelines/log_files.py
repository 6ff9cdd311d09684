"""Rows of the prediction log: the files of one revision and of some days, read batch by batch.

DuckDB's own reader of S3 is an extension that would be fetched while the Job runs, from a network that the Job has no
way to. So Arrow reads, and DuckDB gets its batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from slipway.files.s3 import KEYS, path_of, refused, s3

from slipway_pipelines.faults import DataFault, TransientFault

_BATCH_ROWS = 1 << 14
_ACROSS_MIDNIGHT = timedelta(minutes=1)


@dataclass(frozen=True)
class LogPlace:
    """The log's directory, s3:// or file://, and the directory of its store's credentials, a file for each key."""

    uri: str
    secret: Path | None = None


def read_place(raw: Mapping[str, Any]) -> LogPlace:
    """From the members `uri` and `secret` of what a Job is asked. Raises KeyError."""
    return LogPlace(str(raw["uri"]), Path(raw["secret"]) if raw.get("secret") else None)


@dataclass(frozen=True)
class LogFiles:
    """Parquet files of one revision; all have one schema, since a revision is one model with one log."""

    files: Any
    paths: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of all files: each name says how many the file holds."""
        return sum(_rows_in(path) for path in self.paths)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that they have; empty without a file."""
        if not self.paths:
            return frozenset()
        return frozenset(self._dataset().schema.names)

    def column(self, name: str) -> str:
        """The log's column of a feature or key; empty where it has none."""
        return next((f"{prefix}{name}" for prefix in ("feature_", "key_") if f"{prefix}{name}" in self.columns), "")

    def read(self, columns: Mapping[str, Any], where: Any) -> Any:
        """A reader of record batches with these columns (name to Arrow expression) of the rows that fit `where`."""
        scanner = self._dataset().scanner(
            columns=dict(columns), filter=where, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        )
        return scanner.to_reader()

    def _dataset(self) -> Any:
        import pyarrow.dataset as ds

        return ds.dataset(list(self.paths), filesystem=self.files, format="parquet")


def files_of(place: LogPlace, revision: str, first: datetime, last: datetime) -> LogFiles:
    """The revision's files of these days. Raises DataFault or TransientFault for what the store refuses."""
    from pyarrow import fs

    with answering(place.uri):
        files, root = _opened(place)
        found: list[str] = []
        for day in _days(first - _ACROSS_MIDNIGHT, last + _ACROSS_MIDNIGHT):
            directory = f"{root}/date={day.isoformat()}/revision={revision}"
            selector = fs.FileSelector(directory, allow_not_found=True)
            found += [one.path for one in files.get_file_info(selector) if one.path.endswith(".parquet")]
        return LogFiles(files, tuple(sorted(found)))


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """What a store says instead of an answer, as a fault that names the place."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) or refused(error):
            raise DataFault("LogUnreadable", f"{uri}: {error}"[:1000]) from error
        raise TransientFault("StoreUnavailable", f"{uri}: {error}"[:1000]) from error


def _days(first: datetime, last: datetime) -> Sequence[date]:
    start = first.date()
    return [start + timedelta(days=number) for number in range((last.date() - start).days + 1)]


def _rows_in(path: str) -> int:
    text = path.rpartition("-")[2].removesuffix(".parquet")
    return int(text) if text.isdecimal() else 0


def _opened(place: LogPlace) -> tuple[Any, str]:
    from pyarrow import fs

    parts = urlsplit(place.uri)
    if parts.scheme == "file":
        return fs.LocalFileSystem(), unquote(parts.path).rstrip("/")
    if parts.scheme != "s3":
        raise DataFault("LogUnreadable", f"{place.uri} must be s3://bucket/prefix or file:///directory")
    return s3(_credentials(place.secret)), path_of(place.uri)


def _credentials(secret: Path | None) -> dict[str, str]:
    files = {key: secret / key for key in KEYS} if secret else {}
    found = {key: text for key, file in files.items() if file.is_file() and (text := file.read_text().strip())}
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if key not in found:
            message = f"the Secret that predictionLog.secretRef names has no key {key}, or does not exist"
            raise DataFault("SecretIncomplete", message)
    return found
