"""A private index of Python packages: HTTPS by an authority of one's own, and a password."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Authority, Identity

USER, PASSWORD = "grace", "s3cret@/:"


@dataclass
class PackageIndex:
    """`ca` is the PEM text of the authority; `denied` counts requests without the password."""

    url: str
    ca: str
    denied: int = 0


@contextmanager
def private_index(home: Path, wheels: Path) -> Iterator[PackageIndex]:
    """Serves the wheels of a directory by the simple repository API (PEP 503)."""
    home.mkdir()
    authority = Authority(home)
    certificate, key = authority.issue(Identity("index", "index", names=("127.0.0.1",)))
    index = PackageIndex("", authority.certificate.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(index, wheels)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        index.url = f"https://127.0.0.1:{server.server_port}/simple"
        yield index
        server.shutdown()


def _handler(index: PackageIndex, wheels: Path) -> type[http.server.BaseHTTPRequestHandler]:
    right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != right:
                index.denied += 1
                self._answer(401, b"", "text/plain")
            elif self.path.startswith("/files/"):
                self._answer(200, (wheels / self.path.removeprefix("/files/")).read_bytes(), "application/zip")
            else:
                name = self.path.strip("/").rpartition("/")[2].replace("-", "_")
                links = [f'<a href="/files/{one.name}">{one.name}</a>' for one in sorted(wheels.glob(f"{name}-*"))]
                self._answer(200 if links else 404, "".join(links).encode(), "text/html")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Silent."""

    return Handler
