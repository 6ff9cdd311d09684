"""Where the log ends: an object store that speaks S3, or a directory of a mounted volume.

obstore (the object_store of Apache Arrow's Rust project) speaks both; in both a file appears whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, S3Store

from slipway_serving.service.predictionlog.settings import LogSettings

_DATED = re.compile(r"date=([0-9]{4}-[0-9]{2}-[0-9]{2})/revision=[^/]+/[^/]+\.parquet")
_CREDENTIAL_SECONDS = 60
_DELETED_AT_ONCE = 500


class Store:
    """The log's directory; keys are relative to it."""

    def __init__(self, settings: LogSettings) -> None:
        """Raises ValueError naming what is wrong with the URI or missing in the Secret."""
        parts = urlsplit(settings.uri)
        self._store: Any
        if parts.scheme == "file":
            self._store = LocalStore(parts.path, mkdir=True)
        elif parts.scheme == "s3" and parts.netloc:
            self._store = _s3(parts.netloc, parts.path.strip("/"), settings)
        else:
            raise ValueError(f"predictionLog.uri {settings.uri!r} must be s3://bucket/prefix or file:///directory")

    def put(self, key: str, file: Path) -> None:
        """Stores a file. Raises obstore's BaseError or OSError."""
        obstore.put(self._store, key, file)

    def expire(self, before: date) -> int:
        """Deletes files of days before `before`; returns how many. Files that the log did not write stay."""
        found: list[str] = []
        for objects in obstore.list(self._store):
            found += [one["path"] for one in objects if _older(one["path"], before)]
        for start in range(0, len(found), _DELETED_AT_ONCE):
            _delete(self._store, found[start : start + _DELETED_AT_ONCE])
        return len(found)


def _older(path: str, before: date) -> bool:
    match = _DATED.fullmatch(path)
    try:
        return match is not None and date.fromisoformat(match[1]) < before
    except ValueError:  # digits that are no day: not of the log
        return False


def _delete(store: Any, paths: Iterable[str]) -> None:
    with suppress(NotFoundError, FileNotFoundError):  # another pod may be faster
        obstore.delete(store, list(paths))


def _s3(bucket: str, prefix: str, settings: LogSettings) -> S3Store:
    endpoint = settings.secret_value("AWS_ENDPOINT_URL")
    authority = settings.secret_value("ca.crt")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not settings.secret_value(key):
            raise ValueError(f"the Secret that predictionLog.secretRef names has no key {key}, or does not exist")
    place: Any = {"region": settings.secret_value("AWS_REGION") or "us-east-1"}
    if endpoint:
        place["endpoint"] = endpoint
    client: Any = {"allow_http": True, "connect_timeout": "5s", "timeout": "60s"}
    if authority:
        client["root_certificate"] = authority
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=place,
        client_options=client,
        # One attempt's retries are short: the uploader itself tries for as long as the spool lasts.
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
        credential_provider=_credentials(settings),
    )


def _credentials(settings: LogSettings) -> Callable[[], Any]:
    """Read anew each minute: a Secret that is renewed reaches running pods as changed files."""

    def read() -> dict[str, Any]:
        return {
            "access_key_id": settings.secret_value("AWS_ACCESS_KEY_ID"),
            "secret_access_key": settings.secret_value("AWS_SECRET_ACCESS_KEY"),
            "token": settings.secret_value("AWS_SESSION_TOKEN") or None,
            "expires_at": datetime.now(UTC) + timedelta(seconds=_CREDENTIAL_SECONDS),
        }

    return read
