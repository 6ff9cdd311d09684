"""Certificate authorities: those of the system, and private ones beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import certifi

_SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


def trust_bundle(destination: Path, private: Sequence[str]) -> Path:
    """Writes a PEM file with the authorities that are trusted anyway and the `private` ones (PEM texts)."""
    content = [known_authorities().read_text(), *private]
    destination.write_text("\n".join(each.rstrip("\n") for each in content) + "\n")
    return destination


def known_authorities() -> Path:
    """What a process here trusts without being told: the file its environment names, the system's, or requests' own."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        named = os.environ.get(name)
        if named and Path(named).is_file():
            return Path(named)
    return _SYSTEM if _SYSTEM.is_file() else Path(certifi.where())
