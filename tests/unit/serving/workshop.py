"""Everything that a build of an image needs, on loopback: a registry, a tracking server, wheels, a base image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from slipway_oci import ImageConfig, ImageReference, Registry, image_from_layers, layer_from_tree
from slipway_serving import termination
from slipway_serving.build import __main__ as command
from slipway_serving.build import lock
from slipway_serving.build.modeldirectory import directory_digest

from tests.unit.serving.tracking_server import FakeTracking, tracking_server
from tests.unit.serving.trees import write_tree
from tests.unit.serving.wheels import write_wheel

STATUS = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u9
Description: GNU C Library
 with a second line: Package: none

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
"""
MODEL = {
    "MLmodel": json.dumps({"flavors": {"sklearn": {"pickled_model": "model.pkl"}}}).encode(),
    "model.pkl": b"never unpickled: this is no pickle",
    "requirements.txt": b"mlflow==3.17.2\nalpha==1.0\n",
    "slipway/profile.json": b"{}",
}


class Workshop:
    """Everything that one build needs, on loopback; `run` calls the command as the Job does."""

    def __init__(self, home: Path, registry: Registry, tracking: FakeTracking, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.registry, self.tracking = home, registry, tracking
        self.report = home / "termination-log"
        self.wheels = home / "wheels"
        locked = {"alpha": "1.0", "beta": "2.0", "scikit_learn": "1.9.1"}
        self.lock = "".join(write_wheel(self.wheels, name, version) for name, version in locked.items())
        self.digest = directory_digest(write_tree(tracking.root / "1/model", MODEL))
        base = ImageReference(registry.host, "slipway/base", "1")
        files = {
            "var/lib/dpkg/status": STATUS,
            "var/lib/dpkg/status-old": STATUS.replace(b"deb12u9", b"deb12u8"),
            "usr/lib/os-release": b'NAME="Debian"\nID=debian\n',
        }
        layer = layer_from_tree(write_tree(home / "base", files), "", home / "base.tgz")
        config = ImageConfig(env={"PATH": "/usr/bin"}, labels={"org.opencontainers.image.title": "base", "kept": "1"})
        self.base = base.at(image_from_layers(registry, base, [layer], config))
        monkeypatch.setattr(lock, "serving_lock", lambda scoring=False: self.lock)
        monkeypatch.setattr(termination, "_TERMINATION_LOG", self.report)
        monkeypatch.setenv("UV_NO_INDEX", "1")
        monkeypatch.setenv("UV_FIND_LINKS", str(self.wheels))
        monkeypatch.setenv("UV_OFFLINE", "1")
        self.environment = monkeypatch

    def words(self, repository: str, **changes: str) -> list[str]:
        """The command's arguments; a repository without a host lies in the workshop's registry."""
        arguments = {
            "model-uri": "models:/fraud/7",
            "expect-digest": self.digest,
            "repository": repository
            if ":" in repository or "." in repository
            else f"{self.registry.host}/{repository}",
            "base-image": f"{self.registry.host}/slipway/base:1",
            "tracking-uri": self.tracking.uri,
            "plain-http": self.registry.host,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        return [word for name, value in arguments.items() for word in (f"--{name}", value)]

    def run(self, repository: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """One build as the Job does it: the exit code and the report."""
        code = command.main(self.words(repository, **changes))
        report: dict[str, Any] = json.loads(self.report.read_text())
        return code, report


@contextmanager
def open_workshop(home: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A workshop whose waits between tries are none."""
    monkeypatch.setattr("slipway_serving.build.tracking._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("slipway_oci.registry._FIRST_PAUSE", 0.0)
    with tracking_server(home / "artifacts") as tracking:
        yield Workshop(home, registry, tracking, monkeypatch)
