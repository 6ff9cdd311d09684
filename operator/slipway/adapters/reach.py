"""Where a URL that a tenant wrote may lead: not to this machine, its link, or the API server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NAT64 = ip_network("64:ff9b::/96")
_CLOUD = ip_network("fd00:ec2::/32")
"""Where a cloud answers for its machines by IPv6, beside the link-local 169.254.169.254."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks such as 10.0.0.0/8 or 127.0.0.1. Raises ValueError for what is none."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())


@dataclass(frozen=True)
class Reach:
    """`deny` beats `allow`, which beats what is refused by itself. `api_servers` are addresses with their ports."""

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    api_servers: frozenset[tuple[str, int]] = frozenset()

    def refusal(self, host: str, port: int) -> str:
        """Why a numeric address may not be connected to; empty when it may. What is no number is refused."""
        try:
            address = _inner(ip_address(host.partition("%")[0]))
        except ValueError:
            return f"{host} is no address"
        if any(address in network for network in self.deny):
            return f"address {address} is denied (outbound.deny of the chart)"
        if any(address in network for network in self.allow):
            return ""
        if _is_here(address) or (str(address), port) in self.api_servers:
            return f"address {address} is not allowed: this machine, its link or the API server (outbound.allow)"
        return ""


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or int(address) >> 32 == 0:
        low = int(address) & 0xFFFFFFFF
        return IPv4Address(low) if low > 1 else address
    return address


def _is_here(address: Address) -> bool:
    if address in _CLOUD:
        return True
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
        or (isinstance(address, IPv4Address) and address in IPv4Network("0.0.0.0/8"))
    )
