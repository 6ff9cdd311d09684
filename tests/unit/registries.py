"""Real registries on loopback: the Debian package docker-registry, open, or with TLS of a private authority and a
password."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.certificates import Authority, Identity
from tests.loopback import free_port, wait_for_port

CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"{tls}}}
{auth}
"""
USER, PASSWORD = "ada", "secret"
# bcrypt of PASSWORD, the only form that the registry takes.
_HTPASSWD = f"{USER}:$2b$04$ednyqi30f.KKy/SSUd5NC.6cgpES3jf/Sk5QOKDo8pvraKv2qauPu\n"


@dataclass(frozen=True)
class PrivateRegistry:
    """`ca` is the PEM text of the authority that signed for `host`."""

    host: str
    ca: str


@contextmanager
def open_registry(home: Path) -> Iterator[str]:
    """host:port of a fresh registry without TLS and passwords."""
    with _running(home, "", "") as host:
        yield host


@contextmanager
def private_registry(home: Path) -> Iterator[PrivateRegistry]:
    """A fresh registry that speaks TLS and wants USER and PASSWORD."""
    authority = Authority(home)
    certificate, key = authority.issue(Identity("registry", "registry", names=("127.0.0.1", "localhost")))
    (home / "htpasswd").write_text(_HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: test, path: {home / 'htpasswd'}}}}}"
    with _running(home, f", tls: {{certificate: {certificate}, key: {key}}}", auth) as host:
        yield PrivateRegistry(host, authority.certificate.read_text())


@contextmanager
def _running(home: Path, tls: str, auth: str) -> Iterator[str]:
    if not shutil.which("docker-registry"):
        pytest.skip("the Debian package docker-registry is not installed")
    port = free_port()
    configuration = home / "config.yml"
    configuration.write_text(CONFIGURATION.format(root=home / "data", port=port, tls=tls, auth=auth))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(configuration)], stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
