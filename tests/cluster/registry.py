"""The image registry: a host process on the node's address, with its storage in the cache."""

from __future__ import annotations

from tests.cluster import addresses, configuration
from tests.cluster.api import answers
from tests.cluster.packages import program
from tests.cluster.places import Places
from tests.cluster.processes import HostProcess, Processes


def start(places: Places, processes: Processes) -> None:
    """Starts it where it does not run and waits until it answers. Raises ClusterError."""
    places.registry_storage.mkdir(parents=True, exist_ok=True)
    config = configuration.write("registry.yml", places.configs / "registry.yml", places)
    argv = [program("/usr/bin/docker-registry"), "serve", str(config)]
    processes.ensure(HostProcess("registry", argv, inputs=(config,), env={"OTEL_TRACES_EXPORTER": "none"}))
    processes.wait("registry", lambda: answers(addresses.NODE, addresses.REGISTRY_PORT, "/v2/"), 30)
