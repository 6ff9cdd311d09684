"""What the operator says about the log: one variable of JSON, and the directory of the Secret's keys."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "SLIPWAY_PREDICTION_LOG"
HASH_KEY = "hash-key"


@dataclass(frozen=True)
class LogSettings:
    """Where rows go and when.

    `uri` is s3://bucket/prefix or file:///directory; `rotate_*` close a file; files older than `retention_seconds`
    (None: never) are deleted; `omit` and `hash` name columns; `secret` is the directory with credentials, a file for
    each key; `spool` holds at most `spool_bytes` of finished files that the store has not taken yet.
    """

    uri: str
    rotate_bytes: int = 64 << 20
    rotate_seconds: float = 300.0
    retention_seconds: float | None = None
    omit: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()
    secret: Path | None = None
    spool: Path = Path("/tmp/slipway-prediction-log")
    spool_bytes: int = 256 << 20
    pod: str = "pod"

    def secret_value(self, key: str) -> str:
        """The text of one key of the Secret, read anew each time; empty where there is none."""
        path = self.secret / key if self.secret else None
        return path.read_text().strip() if path and path.is_file() else ""

    def hash_key(self) -> bytes:
        """The key of the columns' hash. Raises ValueError where columns are to be hashed and there is none."""
        key = self.secret_value(HASH_KEY).encode()
        if self.hash and len(key) < 16:
            raise ValueError(
                f"predictionLog.hash needs a secret of at least 16 characters in the key {HASH_KEY} of the Secret that "
                "predictionLog.secretRef names"
            )
        return key


def read_log_settings(environment: Mapping[str, str]) -> LogSettings | None:
    """The settings in the variable; None without one. Raises ValueError naming the variable or the Secret's key."""
    text = environment.get(VARIABLE, "")
    if not text:
        return None
    try:
        document = json.loads(text)
        settings = _settings(document)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{VARIABLE} is no description of a log: {error!r}") from error
    settings.hash_key()
    return settings


def _settings(document: Mapping[str, Any]) -> LogSettings:
    default = LogSettings(document["uri"])
    retention = document.get("retentionSeconds")
    return LogSettings(
        uri=str(document["uri"]),
        rotate_bytes=int(document.get("rotateBytes", default.rotate_bytes)),
        rotate_seconds=float(document.get("rotateSeconds", default.rotate_seconds)),
        retention_seconds=None if retention is None else float(retention),
        omit=frozenset(document.get("omit", ())),
        hash=frozenset(document.get("hash", ())),
        secret=Path(document["secret"]) if document.get("secret") else None,
        spool=Path(document.get("spool", default.spool)),
        spool_bytes=int(document.get("spoolBytes", default.spool_bytes)),
        pod=os.uname().nodename,
    )
