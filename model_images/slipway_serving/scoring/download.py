"""A file of http(s) onto the pod's disk: Parquet begins at its end, and not every server knows ranges."""

from __future__ import annotations

import base64
import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from slipway_serving.scoring.faults import ScoringFault

_BLOCK = 1 << 20
_SECONDS_WITHOUT_A_BYTE = 60
_TRY_LATER = {408, 425, 429, 500, 502, 503, 504}


def download(uri: str, spool: Path, credentials: Mapping[str, str]) -> tuple[Path, str]:
    """The file and the SHA-256 of its content. Raises ScoringFault."""
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    path, digest = spool / "input.parquet", hashlib.sha256()
    request = urllib.request.Request(uri, headers={"User-Agent": "slipway-scoring", **_authorization(credentials)})
    try:
        opener = urllib.request.build_opener(_Redirects)
        with opener.open(request, timeout=_SECONDS_WITHOUT_A_BYTE) as answer, path.open("wb") as file:
            while block := answer.read(_BLOCK):
                digest.update(block)
                file.write(block)
            if answer.length:  # http.client ends a short body without a word
                raise OSError(f"broke off {answer.length} bytes before its end")
    except urllib.error.HTTPError as error:
        reason = "FileMissing" if error.code in (404, 410) else "StoreUnavailable"
        said = f"{uri} answered {error.code} {error.reason}"
        raise ScoringFault(reason, said, error.code in _TRY_LATER) from error
    except Exception as error:  # http.client.IncompleteRead is no OSError
        raise ScoringFault("StoreUnavailable", f"{uri} cannot be read: {error}", transient=True) from error
    return path, digest.hexdigest()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Credentials are for the server that was named: none other that it points to gets them, nor a wire in clear."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            new.remove_header("Authorization")
        return new


def _authorization(credentials: Mapping[str, str]) -> dict[str, str]:
    user, password = credentials.get("username"), credentials.get("password", "")
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
