"""The NetworkPolicy of a rollout's served pods: they answer whoever asks, and connect only to what they need.

It is about egress alone, so that gateway, Prometheus and kubelet reach the pods as before, whatever addresses they
come from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from slipway.api.v1alpha1.egress import EgressPeer, EgressRule, EgressRules
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.names import REVISION_LABEL, ROLLOUT_LABEL, Identity

_JOB_POD = "batch.kubernetes.io/job-name"
_DNS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
_RULES: TypeAdapter[tuple[EgressRule, ...]] = TypeAdapter(EgressRules)


@dataclass(frozen=True)
class Reachable:
    """What the installation lets every served pod reach: `rules`, and with a prediction log in S3 any address on
    `store_ports`, since the store's address stands in a Secret that the operator does not read."""

    rules: tuple[EgressRule, ...] = ()
    store_ports: tuple[int, ...] = (443,)


def read_reachable(text: str) -> Reachable | None:
    """From the installation's setting, JSON with the members egress and storePorts; None of an empty one, which means
    that no policy is made. Raises ValueError."""
    if not text:
        return None
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("must be an object with the members egress and storePorts")
    ports = tuple(int(port) for port in document.get("storePorts", Reachable.store_ports))
    return Reachable(_RULES.validate_python(document.get("egress") or []), ports)


def policy_name(rollout: str) -> str:
    """Name of the NetworkPolicy."""
    return f"{rollout}-serving"


def network_policy(
    identity: Identity, egress: Sequence[EgressRule], log: PredictionLog | None, reachable: Reachable
) -> dict[str, Any]:
    """The manifest. Pods of Jobs carry the rollout's label too, and reach registries and MLflow: it is not theirs."""
    rules: list[dict[str, Any]] = [{"ports": _DNS}]
    if log is not None and log.uri.startswith("s3://") and reachable.store_ports:  # no ports would mean all of them
        rules.append({"ports": [{"protocol": "TCP", "port": port} for port in reachable.store_ports]})
    rules += [_rule(rule) for rule in (*reachable.rules, *egress)]
    served = [{"key": REVISION_LABEL, "operator": "Exists"}, {"key": _JOB_POD, "operator": "DoesNotExist"}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": identity.metadata(policy_name(identity.name), {}),
        "spec": {
            "podSelector": {"matchLabels": {ROLLOUT_LABEL: identity.name}, "matchExpressions": served},
            "policyTypes": ["Egress"],
            "egress": rules,
        },
    }


def _rule(rule: EgressRule) -> dict[str, Any]:
    """As the API server gives it back: it leaves out what is empty, and an empty selector stays."""
    to = [_peer(peer) for peer in rule.to]
    ports = [{"protocol": port.protocol, "port": port.port} for port in rule.ports]
    return {key: value for key, value in (("to", to), ("ports", ports)) if value}


def _peer(peer: EgressPeer) -> dict[str, Any]:
    if peer.ip_block is not None:
        return {"ipBlock": {"cidr": peer.ip_block.cidr}}
    selectors = (("namespaceSelector", peer.namespace_selector), ("podSelector", peer.pod_selector))
    return {
        name: {"matchLabels": dict(selector.match_labels)} if selector.match_labels else {}
        for name, selector in selectors
        if selector is not None
    }
