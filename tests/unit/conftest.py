"""What tests of images share: real registries on loopback, where the Debian package is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slipway_oci import Registry

from tests.unit.registries import PrivateRegistry, open_registry, private_registry


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"registry_host", "guarded"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.programs)


@pytest.fixture(scope="session")
def registry_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a fresh docker-registry."""
    with open_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    """A fresh docker-registry with TLS by a private authority, and a password."""
    with private_registry(tmp_path_factory.mktemp("guarded")) as registry:
        yield registry


@pytest.fixture
def registry(registry_host: str) -> Registry:
    """A client of the fresh registry."""
    return Registry(registry_host, plain_http=True)
