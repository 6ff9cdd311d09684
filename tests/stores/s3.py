"""A real S3 server in a process of its own, and the Secret with which the prediction log reaches it."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.build import GoTools
from tests.cluster.certificates import Authority, Identity
from tests.cluster.places import Places
from tests.cluster.progress import Progress
from tests.loopback import free_port, wait_for_port


def program() -> Path:
    """The server's executable, built where it is missing. Raises ClusterError."""
    return GoTools(Places.of_environment().cache, Progress()).ensure("versitygw") / "versitygw"


@dataclass(frozen=True)
class S3Server:
    """Where it answers; a bucket is a directory below `home`/data. The keys are made up for each server."""

    home: Path
    host: str
    port: int
    authority: Path | None = None
    access: str = field(default_factory=lambda: secrets.token_hex(8))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def url(self) -> str:
        return f"{'https' if self.authority else 'http'}://{self.host}:{self.port}"

    def bucket(self, name: str) -> Path:
        """The directory of a bucket, made where it is missing."""
        path = self.home / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def secret_data(self) -> Mapping[str, str]:
        """What a user writes into the Secret."""
        data = {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_ENDPOINT_URL": self.url}
        return data | ({"ca.crt": self.authority.read_text()} if self.authority else {})

    def secret_files(self, directory: Path, **changed: str) -> Path:
        """The Secret as a pod sees it: a file for each key."""
        directory.mkdir(exist_ok=True)
        for key, value in {**self.secret_data(), **changed}.items():
            (directory / key).write_text(value)
        return directory

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serves until the block ends; may be entered again, with the same data."""
        for name in ("data", "sidecar"):
            (self.home / name).mkdir(exist_ok=True)
        command = [str(program()), "--access", self.access, "--secret", self.secret, "--quiet"]
        command += ["--port", f"{self.host}:{self.port}"]
        if self.authority:
            identity = Identity("s3", "s3", (), (self.host,))
            certificate, key = Authority(self.authority.parent).issue(identity)
            command += ["--cert", str(certificate), "--key", str(key)]
        command += ["posix", "--sidecar", str(self.home / "sidecar"), str(self.home / "data")]
        with (self.home / "s3.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for_port(self.port, process, host=self.host)
            yield
        finally:
            process.kill()
            process.wait(10)


def new_server(home: Path, host: str = "127.0.0.1", tls: bool = False) -> S3Server:
    """A server that does not run yet; with `tls` its certificate comes from an authority of its own."""
    home.mkdir(parents=True, exist_ok=True)
    authority = None
    if tls:
        (home / "pki").mkdir()
        authority = Authority(home / "pki").certificate
    return S3Server(home, host, free_port(host), authority)
