"""A real MLflow server on loopback: a database, artifacts through the server; on wish behind a login."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.loopback import free_port

LOGIN = ("ada", "open sesame")
_GUARD = f"""
from flask import Response, request
from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import create_fastapi_app


@flask_app.before_request
def ask():
    given = request.authorization
    if request.path == "/health" or (given and (given.username, given.password) == {LOGIN!r}):
        return None
    return Response("You are not authenticated.", 401, {{"WWW-Authenticate": 'Basic realm="mlflow"'}})


app = create_fastapi_app(flask_app)
"""


@contextlib.contextmanager
def mlflow_server(home: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its address, once it answers."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts"),
        "--serve-artifacts", *options,
    ]  # fmt: skip
    # Its imports cost 15 s without bytecode, 3 s with: here it may be written, whatever the caller forbids itself.
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "HOME": str(home)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            command, env={**given, **settings, **(environment or {})}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _when_up(f"http://127.0.0.1:{port}", server, home / "log")
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(server.pid, 9)
        server.wait()


@contextlib.contextmanager
def guarded_mlflow_server(home: Path) -> Iterator[str]:
    """One that answers LOGIN alone: by a plugin of the group mlflow.app, as MLflow's own `basic-auth` is one, which
    needs a package more."""
    plugin = home / "plugin"
    installed = plugin / "guarded-1.dist-info"
    installed.mkdir(parents=True)
    (plugin / "guarded.py").write_text(_GUARD)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: guarded\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[mlflow.app]\nguarded = guarded:app\n")
    path = os.pathsep.join([str(plugin), *filter(None, [os.environ.get("PYTHONPATH")])])
    with mlflow_server(home, "--app-name", "guarded", environment={"PYTHONPATH": path}) as address:
        yield address


def _when_up(address: str, server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                return address
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"MLflow did not start:\n{log.read_text()[-2000:]}")
