"""Docker Hub: its images are named docker.io, its API answers elsewhere, and its logins lie under a third name.

Source: the names that `docker login` and `docker pull` use, which the kubelet knows as well.
"""

from __future__ import annotations

import re

HUB = "docker.io"
HUB_LOGIN = "https://index.docker.io/v1/"
"""Under which `docker login` keeps the credentials, and by which it asks its helpers."""

_API = "registry-1.docker.io"
_NAMES = (HUB, "index.docker.io", _API)
_LOGIN_OF = re.compile(r"(?:https?://)?([^/]+)(?:/v[12])?/?")


def api_host(host: str) -> str:
    """The host that answers for images of `host`."""
    return _API if host == HUB else host


def registry_of(login: str) -> str:
    """The registry that an entry of a Docker config.json is for, by its key: a host, with or without scheme and
    version of the API; empty for one of a single path."""
    found = _LOGIN_OF.fullmatch(login)
    host = found[1] if found else ""
    return HUB if host in _NAMES else host
