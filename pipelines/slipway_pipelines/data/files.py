"""The files of a source, copied to scratch with the digest of their content: http(s)://, file:// and s3://."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from slipway.files.patterns import directory_of, ends, is_pattern, matches

from slipway_pipelines.data import s3
from slipway_pipelines.data.source import File, Source
from slipway_pipelines.faults import DataFault, TransientFault

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60
_GZIP_MAGIC = b"\x1f\x8b"
_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Copy:
    """A file in scratch, unzipped."""

    path: Path
    file: File


def fetch(source: Source, scratch: Path, limit: int) -> tuple[Copy, ...]:
    """Copies every file that the URI means: one, those of a pattern, or those below a directory.

    Args:
        limit: bytes that the contents may have together, after gunzip.

    Raises:
        DataFault: the source is absent, too large, or no complete file.
        TransientFault: the source does not answer.
    """
    copies: list[Copy] = []
    for uri in _expanded(source):
        target = scratch / f"{source.name}-{len(copies)}"
        left = limit - sum(one.file.size for one in copies)
        copies.append(_copied(source, uri, target, left))
    if not sum(one.file.size for one in copies):
        raise DataFault("SourceEmpty", f"{source.uri} has no content")
    return tuple(copies)


def _copied(source: Source, uri: str, target: Path, limit: int) -> Copy:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        for block in _bounded(_unzipped(_opened(uri, source.credentials), uri), uri, limit):
            digest.update(block)
            size += file.write(block)
    return Copy(target, File(source.name, uri, f"sha256:{digest.hexdigest()}", size))


def _expanded(source: Source) -> list[str]:
    parts = urllib.parse.urlsplit(source.uri)
    if parts.scheme == "s3":
        found = s3.listed(source.uri, source.credentials)
    elif parts.scheme == "file":
        found = _local(source.uri)
    elif parts.scheme in ("http", "https"):
        found = [source.uri]
    else:
        legal = "http://, https://, file:// and s3://"
        raise DataFault("SourceUnsupported", f"{source.uri}: {parts.scheme}:// is not read; legal are {legal}")
    if not found:
        raise DataFault("SourceEmpty", f"{source.uri} matches no file; CSV and Parquet files are looked for")
    return found


def _local(uri: str) -> list[str]:
    path = urllib.request.url2pathname(urllib.parse.urlsplit(uri).path)
    if is_pattern(path):
        root = Path(directory_of(path))
        files = [one for one in root.rglob("*") if one.is_file() and matches(one.as_posix(), path)]
    elif Path(path).is_dir():
        files = [one for one in Path(path).rglob("*") if one.is_file() and ends(one.as_posix(), path, s3.TABLES)]
    else:
        return [uri]
    return sorted(one.as_uri() for one in files)


def _opened(uri: str, credentials: Mapping[str, str]) -> IO[bytes]:
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme == "s3":
        return s3.opened(uri, credentials)
    if parts.scheme == "file":
        try:
            return Path(urllib.request.url2pathname(parts.path)).open("rb")
        except OSError as error:
            raise DataFault("SourceUnreadable", f"{uri}: {error.strerror}; the path is one inside the pod") from error
    return _fetched(uri, credentials)


def _fetched(uri: str, credentials: Mapping[str, str]) -> IO[bytes]:
    headers = {"User-Agent": "slipway-pipelines"}
    if credentials.get("username"):
        pair = f"{credentials['username']}:{credentials.get('password', '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    request = urllib.request.Request(uri, headers=headers)
    try:
        return cast(IO[bytes], urllib.request.build_opener(_Redirects).open(request, timeout=_TIMEOUT_SECONDS))
    except urllib.error.HTTPError as error:
        message = f"{uri} answered {error.code} {error.reason}"
        raise (TransientFault if error.code in _TRY_LATER else DataFault)("SourceUnreadable", message) from error
    except OSError as error:  # URLError, timeouts and resets are OSErrors
        raise TransientFault("SourceUnavailable", f"{uri} cannot be reached: {error}") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Credentials are for the server that was named: none other that it points to gets them, nor a wire in clear."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and urllib.parse.urlsplit(newurl)[:2] != urllib.parse.urlsplit(req.full_url)[:2]:
            new.remove_header("Authorization")
        return new


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
                    message = f"{uri} has more than the {limit} bytes that are left; read fewer files, or sum up first"
                    raise DataFault("SourceTooLarge", message)
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFault("SourceUnreadable", f"{uri} is no complete gzip file: {error}") from error
