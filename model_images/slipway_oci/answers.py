"""What an answer of a registry, or the lack of one, means: a fault by its cause, with what to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from slipway_oci import errors

_UNKNOWN = (
    "Name or service not known",
    "No address associated",
    "Temporary failure in name resolution",
    "NameResolution",
)


def checked(answer: requests.Response, host: str, has_credentials: bool) -> requests.Response | None:
    """The answer itself; None for 404. Raises RegistryUnavailable, RegistryDenied, RegistryRefused."""
    status = answer.status_code
    if status < 400:
        return answer
    if status == 404:
        return None
    request = answer.request
    path = urlsplit(str(request.url)).path
    said = f"{host} answered {status} to {request.method} {path}: {answer.text[:300].strip()}".rstrip(": ")
    if status >= 500 or status == 429:
        raise errors.RegistryUnavailable(said)
    if status in (401, 403):
        raise errors.RegistryDenied(said, _denied(host, has_credentials))
    raise errors.RegistryRefused(said)


def document_of(answer: requests.Response, host: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises RegistryRefused for what is none: a page to log in at, of a proxy."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    said = f"{host} answered {answer.status_code} and no JSON object: {answer.text[:100].strip()!r}"
    raise errors.RegistryRefused(said, "Check that this is the address of a registry, and that no proxy answers for it")


def _denied(host: str, has_credentials: bool) -> str:
    if has_credentials:
        return f"Check the credentials of {host} and what they are entitled to"
    return f"Check the credentials: none were given for {host}"


def unreachable(host: str, error: Exception) -> errors.OciError:
    """Why no answer came: a certificate, an unknown name, or a registry that is away."""
    if isinstance(error, requests.exceptions.SSLError):
        remedy = "Give the certificate authority of this registry, or say that it speaks plain HTTP"
        return errors.RegistryUntrusted(f"{host} has no certificate that we trust: {_innermost(error)}", remedy)
    if any(words in str(error) for words in _UNKNOWN):
        return errors.RegistryHostUnknown(f"No name server knows {host}", "Check the image's name")
    return errors.RegistryUnavailable(f"{host} does not answer: {error}")


def _innermost(error: BaseException) -> str:
    """The words of the cause, without those of each layer around it."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return str(reason or error)
