"""Kubeconfig files with the credentials inside, so that a copy works wherever the address does."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path


def write_kubeconfig(path: Path, server: str, authority: Path, certificate: Path, key: Path, name: str) -> None:
    """Writes `path` (mode 0600) for one client certificate. JSON, which every YAML reader reads."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}],
        "users": [
            {
                "name": name,
                "user": {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    content = json.dumps(document, indent=1).encode()
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.rename(path)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
