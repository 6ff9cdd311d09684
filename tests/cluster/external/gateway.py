"""The Gateway that routes attach to."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.environment import Gateway
from tests.cluster.external.reach import Reach
from tests.cluster.external.reader import Object, Reader

_ROUTES = "httproutes.gateway.networking.k8s.io"
_GATEWAYS = "gateways.gateway.networking.k8s.io"


def find(reader: Reader, env: Mapping[str, str], reach: Reach, missing: list[str]) -> Gateway | None:
    """The one that SLIPWAY_GATEWAY names, else the first that takes routes of all namespaces."""
    if not reader.get("customresourcedefinition", _ROUTES):
        missing.append("the Gateway API: install its CRDs and an implementation (Envoy Gateway, for instance)")
        return None
    wanted = env.get("SLIPWAY_GATEWAY", "")
    for gateway in reader.items(_GATEWAYS):
        if wanted and _name(gateway) != wanted:
            continue
        address = env.get("SLIPWAY_GATEWAY_ADDRESS") or _address(gateway, bool(wanted))
        if address:
            return _reached(gateway, address, reach, missing)
    missing.append(
        f"Gateway {wanted}, which SLIPWAY_GATEWAY names, with an address: see `kubectl get gateways -A`"
        if wanted
        else "a Gateway with an address and an HTTP listener for routes of all namespaces: make one, or name one as"
        " namespace/name in SLIPWAY_GATEWAY"
    )
    return None


def _name(gateway: Object) -> str:
    return f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"


def _address(gateway: Object, named: bool) -> str:
    """host:port; empty where there is none, or no listener that takes our routes. One that is named is trusted."""
    addresses = gateway.get("status", {}).get("addresses") or []
    listeners = gateway["spec"].get("listeners") or []
    listener = next(filter(_open, listeners), listeners[0] if named and listeners else None)
    return f"{addresses[0]['value']}:{listener['port']}" if addresses and listener else ""


def _open(listener: Object) -> bool:
    origin = listener.get("allowedRoutes", {}).get("namespaces", {}).get("from", "Same")
    return bool(listener["protocol"] == "HTTP" and origin == "All")


def _reached(gateway: Object, address: str, reach: Reach, missing: list[str]) -> Gateway | None:
    if reach.connects(address):
        return Gateway(gateway["metadata"]["namespace"], gateway["metadata"]["name"], address)
    missing.append(
        f"a Gateway that this machine reaches: {_name(gateway)} does not answer at {address}; name its host:port here"
        " in SLIPWAY_GATEWAY_ADDRESS (a load balancer's, a port that is forwarded)"
    )
    return None
