"""A real Git server on loopback: Git's own `http-backend` behind WSGI, or Dulwich's, as in the cluster's tests."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

Application = Callable[[Mapping[str, Any], Callable[..., Any]], Any]


class Repository:
    """A work tree and its repository, in a directory of their own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        """Runs git, as a person with a name."""
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", "-C", str(self.place), *who, *words], capture_output=True, text=True, check=True
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], message: str = "a change") -> str:
        """Writes files, commits them, and returns the id."""
        for path, text in files.items():
            target = self.place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


def http_backend(root: Path) -> Application:
    """Every repository below `root`, by the program that Git itself ships."""
    program = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip()) / "git-http-backend"

    def application(environ: Mapping[str, Any], start: Callable[..., Any]) -> list[bytes]:
        given = {name: value for name, value in environ.items() if isinstance(value, str)}
        extra = {"GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH": os.environ["PATH"]}
        if "HTTP_GIT_PROTOCOL" in given:
            extra["GIT_PROTOCOL"] = given["HTTP_GIT_PROTOCOL"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        done = subprocess.run([str(program)], input=body, env={**given, **extra}, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value for name, value in lines if name == "Status"), "200 OK")
        start(status, [(name, value) for name, value in lines if name != "Status"])
        return [content]

    return application


def dulwich_server(root: Path) -> Application:
    """The same by Dulwich, which gives tips of branches only."""
    from dulwich.repo import Repo
    from dulwich.server import DictBackend
    from dulwich.web import make_wsgi_chain

    found = {f"/{one.name}": Repo(str(one)) for one in root.iterdir()}
    application: Application = make_wsgi_chain(DictBackend(found))
    return application


def guarded(inner: Application, name: str, password: str) -> Application:
    """The same behind a login."""
    wanted = f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"

    def application(environ: Mapping[str, Any], start: Callable[..., Any]) -> Any:
        if environ.get("HTTP_AUTHORIZATION") == wanted:
            return inner(environ, start)
        start("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')])
        return [b""]

    return application


@contextmanager
def serving(application: Application) -> Iterator[str]:
    """Its address."""
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass
