"""What tests of images share: a real registry on loopback, where the Debian package is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from slipway_oci import Registry

from tests.loopback import free_port, wait_for_port

CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "registry_host" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.programs)


@pytest.fixture(scope="session")
def registry_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a fresh docker-registry."""
    if not shutil.which("docker-registry"):
        pytest.skip("the Debian package docker-registry is not installed")
    home = tmp_path_factory.mktemp("registry")
    port = free_port()
    configuration = home / "config.yml"
    configuration.write_text(CONFIGURATION.format(root=home / "data", port=port))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(configuration)], stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def registry(registry_host: str) -> Registry:
    """A client of the fresh registry."""
    return Registry(registry_host, plain_http=True)
