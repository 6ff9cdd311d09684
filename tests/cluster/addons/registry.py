"""The note of KEP-1755 that tells every tool, as in kind and k3d, where the cluster's image registry is."""

from __future__ import annotations

from tests.cluster import addresses
from tests.cluster.addons.addon import Addon, Context, manifest


def _phases(_: Context) -> list[str]:
    return [manifest("registry.yaml", registry=addresses.REGISTRY)]


ADDON = Addon(
    "registry",
    _phases,
    (),
    present=("/api/v1/namespaces/kube-public/configmaps/local-registry-hosting",),
    awaited={0: "/api/v1/namespaces/kube-public"},
)
