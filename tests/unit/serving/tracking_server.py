"""The calls of MLflow's REST API that a build makes, answered from a directory."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import answering


@dataclass
class FakeTracking:
    """`root` holds the artifact store; `failures` answers that many calls with 503 first; `calls` counts paths.
    `listed` is what a hostile server says of a directory instead of what is there."""

    root: Path
    source: str = "mlflow-artifacts:/1/model"
    failures: int = 0
    calls: list[str] = field(default_factory=list)
    uri: str = ""
    run_id: str = "0f3c"
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    listed: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def answer(self, url: str) -> tuple[int, bytes]:
        """Status and body of one GET."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/api/2.0/")
        self.calls.append(path)
        if self.failures:
            self.failures -= 1
            return 503, b"busy"
        if path == "mlflow/model-versions/get-download-uri":
            known = (query["name"], query["version"]) == ("fraud", "7")
            return (200, _json({"artifact_uri": self.source})) if known else (404, _json({"message": "not found"}))
        if path == "mlflow/model-versions/get":
            known = (query["name"], query["version"]) == ("fraud", "7")
            return (200, _json({"model_version": {"run_id": self.run_id}})) if known else (404, _json({}))
        if path == "mlflow/runs/get":
            known = query["run_id"] == self.run_id or query["run_id"] == "r1"
            return (200, _json({"run": self.run})) if known else (404, _json({}))
        if path == "mlflow/logged-models/m-1":
            return 200, _json({"model": {"info": {"artifact_uri": "mlflow-artifacts:/1/model"}}})
        if path == "mlflow-artifacts/artifacts":
            return 200, _json({"files": self._listing(query["path"])})
        if path.startswith("mlflow-artifacts/artifacts/"):
            return 200, (self.root / unquote(path.split("/", 2)[2])).read_bytes()
        return 404, b"{}"

    @property
    def run(self) -> dict[str, object]:
        """The run as `runs/get` answers it."""
        data = {kind: [{"key": k, "value": v} for k, v in of.items()] for kind, of in self._data.items()}
        return {"info": {"artifact_uri": "mlflow-artifacts:/1"}, "data": data}

    @property
    def _data(self) -> dict[str, dict[str, str]]:
        return {"tags": self.tags, "params": self.params}

    def _listing(self, path: str) -> list[dict[str, object]]:
        if path in self.listed:
            return self.listed[path]
        directory = self.root / path
        found = sorted(directory.iterdir()) if directory.is_dir() else []
        return [{"path": one.name, "is_dir": one.is_dir()} for one in found]


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


@contextmanager
def tracking_server(root: Path) -> Iterator[FakeTracking]:
    """Starts the fake on loopback."""
    fake = FakeTracking(root)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fake.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    with answering(Handler) as address:
        fake.uri = f"http://{address}"
        yield fake
