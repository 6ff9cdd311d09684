"""Step `acquire`: one bounded source becomes a table and the digest of its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from slipway_pipelines.columns import Columns
from slipway_pipelines.faults import DataFault, TransientFault

if TYPE_CHECKING:
    import pandas as pd

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Acquired:
    """A table with its origin. `digest` is `sha256:` over the content, after gunzip: recompression changes nothing."""

    table: pd.DataFrame
    uri: str
    digest: str
    size: int


def acquire(uri: str, columns: Columns, limit: int) -> Acquired:
    """Reads a CSV or Parquet file, gzipped or not, from http(s):// or file://.

    Args:
        limit: bytes that the content may have, after gunzip.

    Raises:
        DataFault: the source is absent, too large, or not a table.
        TransientFault: the source does not answer.
    """
    content = b"".join(_bounded(_unzipped(_opened(uri), uri), uri, limit))
    if not content:
        raise DataFault("SourceEmpty", f"{uri} has no content")
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Acquired(_parse(content, uri, columns), uri, digest, len(content))


def _opened(uri: str) -> IO[bytes]:
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme == "file":
        try:
            return Path(urllib.request.url2pathname(parts.path)).open("rb")
        except OSError as error:
            raise DataFault("SourceUnreadable", f"{uri}: {error.strerror}; the path is one inside the pod") from error
    if parts.scheme not in ("http", "https"):
        raise DataFault("SourceUnsupported", f"{uri}: this version reads http://, https:// and file://")
    return _fetched(uri)


def _fetched(uri: str) -> IO[bytes]:
    request = urllib.request.Request(uri, headers={"User-Agent": "slipway-pipelines"})
    try:
        return cast(IO[bytes], urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS))
    except urllib.error.HTTPError as error:
        message = f"{uri} answered {error.code} {error.reason}"
        raise (TransientFault if error.code in _TRY_LATER else DataFault)("SourceUnreadable", message) from error
    except OSError as error:  # URLError, timeouts and resets are OSErrors
        raise TransientFault("SourceUnavailable", f"{uri} cannot be reached: {error}") from error


def _unzipped(stream: IO[bytes], uri: str) -> IO[bytes]:
    """The magic number decides, not the name: `.csv.gz` may arrive decoded by the server."""
    head = io.BufferedReader(cast(io.RawIOBase, _Readable(stream, uri)), _BLOCK)
    return cast(IO[bytes], gzip.GzipFile(fileobj=head) if head.peek(2)[:2] == _GZIP_MAGIC else head)


class _Readable(io.RawIOBase):
    """Gives a response, which may lack `peek` and `readinto`, the raw interface, and its faults their kind."""

    def __init__(self, stream: IO[bytes], uri: str) -> None:
        self._stream, self._uri = stream, uri

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            block = self._stream.read(len(buffer))
        except Exception as error:  # http.client.IncompleteRead is no OSError
            raise TransientFault("SourceUnavailable", f"{self._uri} broke off: {error}") from error
        missing = getattr(self._stream, "length", None)  # of http.client, which ends a short body without a word
        if not block and missing:
            raise TransientFault("SourceUnavailable", f"{self._uri} broke off {missing} bytes before its end")
        buffer[: len(block)] = block
        return len(block)


def _bounded(stream: IO[bytes], uri: str, limit: int) -> Iterator[bytes]:
    total = 0
    with stream:
        try:
            while block := stream.read(_BLOCK):
                total += len(block)
                if total > limit:
                    message = f"{uri} has more than {limit} bytes; this version reads whole tables into memory"
                    raise DataFault("SourceTooLarge", message)
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFault("SourceUnreadable", f"{uri} is no complete gzip file: {error}") from error


def _parse(content: bytes, uri: str, columns: Columns) -> pd.DataFrame:
    import pandas as pd  # pandas costs 0.4 s: a request refused before this point does not pay it

    if content[:4] == _PARQUET_MAGIC:
        try:
            return pd.read_parquet(io.BytesIO(content))
        except Exception as error:  # pyarrow raises a dozen types
            raise DataFault("SourceUnreadable", f"{uri} is no readable Parquet file: {error}") from error
    try:
        return pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(columns.texts, str), encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFault("SourceUnreadable", f"{uri} is not UTF-8: {error}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataFault("SourceUnreadable", f"{uri} is no readable CSV file: {error}") from error
