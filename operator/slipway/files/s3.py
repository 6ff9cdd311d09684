"""Arrow's client of an S3 store, from the keys of a Secret, and which of its answers are final."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

KEYS = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL", "ca.crt",
)  # fmt: skip
"""What of a Secret is read."""

_REFUSED = re.compile(
    r"ACCESS_?DENIED|NO_SUCH_BUCKET|INVALID_?ACCESS_?KEY|SIGNATURE|FORBIDDEN|HTTP status 40[134]|no such", re.I
)


def refused(error: OSError) -> bool:
    """Whether a store's answer stays what it is until somebody changes a key, a right or a name."""
    return isinstance(error, PermissionError) or _REFUSED.search(str(error)) is not None


def path_of(uri: str) -> str:
    """Bucket and key of s3://bucket/key."""
    parts = urlsplit(uri, allow_fragments=False)
    return (parts.netloc + unquote(parts.path)).rstrip("/")


def s3(credentials: Mapping[str, str]) -> Any:
    """A `pyarrow.fs.S3FileSystem`; a key that is absent is not used. Raises OSError for an authority that is none."""
    from pyarrow import fs

    endpoint = urlsplit(credentials.get("AWS_ENDPOINT_URL", ""))
    return fs.S3FileSystem(
        access_key=credentials.get("AWS_ACCESS_KEY_ID"),
        secret_key=credentials.get("AWS_SECRET_ACCESS_KEY"),
        session_token=credentials.get("AWS_SESSION_TOKEN"),
        region=credentials.get("AWS_REGION") or credentials.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        tls_ca_file_path=_authority(credentials.get("ca.crt", "")),
        connect_timeout=10,
        request_timeout=60,
    )


def _authority(certificates: str) -> str | None:
    """A file with the certificates of a private authority, which Arrow wants by its path."""
    if not certificates:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".crt", delete=False) as file:
        file.write(certificates)
    return file.name
