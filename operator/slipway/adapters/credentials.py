"""What a Secret says to a server: who asks, and which authority signed the server's certificate."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from slipway.core.plan import Unavailable

REASON = "SecretUnavailable"


@dataclass(frozen=True)
class Credentials:
    """`authorization` is the header, `authority` is in PEM, `key` is what bodies are signed with; empty: none."""

    authorization: str = field(default="", repr=False)
    authority: str = ""
    key: bytes = field(default=b"", repr=False)

    def context(self) -> ssl.SSLContext:
        """Certificates are always verified: against the named authority, or else the system's."""
        return _context(self.authority)


@lru_cache(maxsize=64)
def _context(authority: str) -> ssl.SSLContext:
    """Made once: to read the system's authorities takes tens of milliseconds, and each question needs them."""
    return ssl.create_default_context(cadata=authority or None)


NOBODY = Credentials()


def bare(url: str) -> str:
    """An address as tenants may read it: without user, password and query, any of which may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its address"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def credentials(contents: Mapping[str, bytes], name: str) -> Credentials | Unavailable:
    """From the keys `token`, or `username` and `password`; `ca.crt`; `hmac`. One that has none of them is a mistake."""
    try:
        texts = {key: value.decode("ascii").strip() for key, value in contents.items() if key in _TEXTS}
        found = Credentials(_authorization(texts), texts.get("ca.crt", ""), contents.get("hmac", b"").strip())
        found.context()
    except (UnicodeDecodeError, ssl.SSLError, ValueError) as error:
        return Unavailable(REASON, f"Secret {name} cannot be used: {error}")
    if found == NOBODY:
        return Unavailable(REASON, f"Secret {name} has none of the keys token, username and password, ca.crt, hmac")
    return found


_TEXTS = ("token", "username", "password", "ca.crt")


def _authorization(texts: Mapping[str, str]) -> str:
    if any("\n" in texts.get(key, "") for key in ("token", "username", "password")):
        raise ValueError("a credential has more than one line")
    if "token" in texts:
        return f"Bearer {texts['token']}"
    if "username" in texts or "password" in texts:
        pair = f"{texts.get('username', '')}:{texts.get('password', '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    return ""
