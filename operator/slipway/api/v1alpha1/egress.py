"""Where a served model may connect to: the egress rules of a NetworkPolicy, as a tenant may write them."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, at_least_one
from slipway.api.v1alpha1.constraints import ListOf, StringMap, Text


def _is_block(spec: Any) -> bool:
    try:
        ipaddress.ip_network(spec.cidr)
    except ValueError:
        return False
    return True


class IPBlock(Spec):
    """Addresses outside the cluster."""

    laws = (
        Rule("isCIDR(self.cidr)", "cidr must be a block of addresses such as 10.1.0.0/16", _is_block, field=".cidr"),
    )

    cidr: Annotated[str, Text(49)] = Field(description="Block of addresses, such as 10.1.0.0/16.")


class Selector(Spec):
    """Objects by their labels; all of them without any."""

    match_labels: StringMap = Field({}, max_length=20, description="Labels that they carry.")


class EgressPeer(Spec):
    """Whom a rule is about: addresses, or pods by their labels and those of their namespaces."""

    laws = (
        at_least_one("ipBlock", "namespaceSelector", "podSelector"),
        Rule(
            "!has(self.ipBlock) || !(has(self.namespaceSelector) || has(self.podSelector))",
            "ipBlock stands alone: namespaceSelector and podSelector are about pods",
            lambda peer: peer.ip_block is None or (peer.namespace_selector is None and peer.pod_selector is None),
        ),
    )

    ip_block: IPBlock | None = Field(None, description="Addresses outside the cluster.")
    namespace_selector: Selector | None = Field(
        None, description="Namespaces of the pods. Absent: the rollout's own namespace."
    )
    pod_selector: Selector | None = Field(None, description="The pods. Absent: all of these namespaces.")


class EgressPort(Spec):
    """A port."""

    port: int = Field(ge=1, le=65535, description="The port that the other side listens on.")
    protocol: Literal["TCP", "UDP", "SCTP"] = Field("TCP", description="Its protocol.")


class EgressRule(Spec):
    """One destination: any of `to`, on any of `ports`."""

    to: Annotated[tuple[EgressPeer, ...], ListOf(20)] = Field((), description="Absent: everywhere.")
    ports: Annotated[tuple[EgressPort, ...], ListOf(20)] = Field((), description="Absent: all ports.")


EgressRules = Annotated[tuple[EgressRule, ...], ListOf(20)]
