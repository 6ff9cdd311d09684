"""Reads an API server: what waiting for things needs, without a process per question."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster.errors import ClusterError

_POLL = 0.25


class Api:
    """GET with the client certificate of one of our kubeconfigs (they hold one cluster and one user)."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._lock = threading.Lock()
        self._opened: tuple[str, urllib.request.OpenerDirector] | None = None

    def _open(self) -> tuple[str, urllib.request.OpenerDirector]:
        with self._lock:
            if self._opened is None:
                document = json.loads(self._kubeconfig.read_text())
                cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
                authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
                context = ssl.create_default_context(cadata=authority)
                _load(context, user["client-certificate-data"], user["client-key-data"])
                handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
                self._opened = cluster["server"], urllib.request.build_opener(*handlers)
            return self._opened

    def text(self, path: str, timeout: float = 5.0) -> str | None:
        """The answer's body; None for 404. Raises OSError (urllib.error.URLError) for everything else."""
        server, opener = self._open()
        try:
            with opener.open(server + path, timeout=timeout) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def get(self, path: str) -> dict[str, Any] | None:
        """An object or a list; None where there is none."""
        body = self.text(path)
        return None if body is None else json.loads(body)

    def ready(self) -> bool:
        """Whether the API server says so."""
        try:
            return self.text("/readyz", timeout=3.0) is not None
        except OSError:
            return False

    def deployed(self, namespace: str, name: str) -> bool:
        """Whether a Deployment has all of its replicas available in its present form."""
        found = self.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        if found is None:
            return False
        status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
        observed = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        counts = [status.get(field, 0) for field in ("updatedReplicas", "availableReplicas", "replicas")]
        return bool(observed and counts == [wanted] * 3)


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """The ssl module takes files only: they exist for a moment, readable by this user."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "client.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64decode(certificate) + base64.b64decode(key))
        context.load_cert_chain(path)


def answers(host: str, port: int, path: str = "", timeout: float = 2.0) -> bool:
    """Whether something accepts connections there, and says 200 to GET `path` where one is given."""
    try:
        if not path:
            with socket.create_connection((host, port), timeout=timeout):
                return True
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{host}:{port}{path}", timeout=timeout) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(what: str, done: Callable[[], bool], timeout: float, remedy: str) -> None:
    """Polls `done`; an API server that does not answer counts as not yet. Raises ClusterError at the timeout."""
    deadline = time.monotonic() + timeout
    trouble = ""
    while True:
        try:
            if done():
                return
            trouble = ""
        except OSError as error:
            trouble = f" (last trouble: {error})"
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} not so after {timeout:.0f} s{trouble}", remedy)
        time.sleep(_POLL)
