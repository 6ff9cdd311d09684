"""The NetworkPolicies of a rollout's pods: those with a model in them connect only to what they need.

Those of pods that serve or score are about egress alone, so that gateway, Prometheus and kubelet reach the pods as
before, whatever addresses they come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from slipway.api.v1alpha1.egress import EgressPeer, EgressRule, EgressRules
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.api.v1alpha1.task_serving import Batch
from slipway.core.desired.names import PAIRS_LABEL, PROOF_LABEL, REVISION_LABEL, ROLLOUT_LABEL, Identity
from slipway.core.desired.scoring_cronjob import SCORING_LABEL

_SERVING, _SCORING, _PROOF, _PAIRS = "serving", "scoring", "proof", "pairs"
_PORTS = {"http": 80, "https": 443}
_JOB_POD = "batch.kubernetes.io/job-name"
_DNS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
_RULES: TypeAdapter[tuple[EgressRule, ...]] = TypeAdapter(EgressRules)


@dataclass(frozen=True)
class Reachable:
    """What the installation lets every pod reach that serves or scores: `rules`, and with a prediction log or a batch
    in S3 any address on `store_ports`, since the store's address stands in a Secret that the operator does not read."""

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


def policy_names(rollout: str) -> tuple[str, ...]:
    """Names of all NetworkPolicies that a rollout may have."""
    return tuple(f"{rollout}-{whose}" for whose in (_SERVING, _SCORING, _PROOF, _PAIRS))


def network_policies(
    identity: Identity,
    egress: Sequence[EgressRule],
    log: PredictionLog | None,
    batch: Batch | None,
    reachable: Reachable,
) -> tuple[dict[str, Any], ...]:
    """The manifests: of the pods that prove an image, and of those that serve, or score where there is a `batch`; with
    a log also of those that compare its pairs."""
    if batch is not None:
        return proof_policy(identity), scoring_policy(identity, egress, batch, reachable)
    compares = (pairs_policy(identity, log, reachable),) if log is not None else ()
    return proof_policy(identity), serving_policy(identity, egress, log, reachable), *compares


def proof_policy(identity: Identity) -> dict[str, Any]:
    """That of pods that prove an image: they ask a server on their own loopback, so nothing reaches them, and they
    reach nothing. Its Jobs go with the rollout, under Orphan too, and so does this."""
    metadata = identity.metadata(f"{identity.name}-{_PROOF}", {}, owned=True)
    selector = {"matchLabels": {ROLLOUT_LABEL: identity.name, PROOF_LABEL: "true"}}
    return _policy(metadata, {"podSelector": selector, "policyTypes": ["Ingress", "Egress"]})


def serving_policy(
    identity: Identity, egress: Sequence[EgressRule], log: PredictionLog | None, reachable: Reachable
) -> dict[str, Any]:
    """That of served pods. Pods of Jobs carry the rollout's label too, and reach registries and MLflow: it is not
    theirs."""
    stores = reachable.store_ports if log is not None and log.uri.startswith("s3://") else ()
    served = [{"key": REVISION_LABEL, "operator": "Exists"}, {"key": _JOB_POD, "operator": "DoesNotExist"}]
    return _egress_policy(identity, _SERVING, served, stores, (*reachable.rules, *egress))


def pairs_policy(identity: Identity, log: PredictionLog, reachable: Reachable) -> dict[str, Any]:
    """That of pods that compare pairs from a prediction log: they reach the log's store, and nothing reaches them. Like
    their Jobs it goes with the rollout."""
    metadata = identity.metadata(f"{identity.name}-{_PAIRS}", {}, owned=True)
    selector = {"matchLabels": {ROLLOUT_LABEL: identity.name, PAIRS_LABEL: "true"}}
    spec: dict[str, Any] = {"podSelector": selector, "policyTypes": ["Ingress", "Egress"]}
    if log.uri.startswith("s3://") and reachable.store_ports:  # no ports would mean all of them
        stores = [{"protocol": "TCP", "port": port} for port in reachable.store_ports]
        spec["egress"] = [{"ports": _DNS}, {"ports": stores}]
    return _policy(metadata, spec)


def scoring_policy(
    identity: Identity, egress: Sequence[EgressRule], batch: Batch, reachable: Reachable
) -> dict[str, Any]:
    """That of the pods that score a batch or try a candidate on it: both sides' stores are open to them."""
    ports = {port for uri in (batch.input.uri, batch.output.uri) for port in _ports(uri, reachable)}
    scoring = [{"key": SCORING_LABEL, "operator": "Exists"}]
    return _egress_policy(identity, _SCORING, scoring, sorted(ports), (*reachable.rules, *egress))


def _ports(uri: str, reachable: Reachable) -> tuple[int, ...]:
    """Of s3 those of the installation's stores, of http(s) that of the address, of files none."""
    address = urlsplit(uri)
    if address.scheme == "s3":
        return reachable.store_ports
    if address.scheme not in _PORTS:
        return ()
    try:
        return (address.port or _PORTS[address.scheme],)
    except ValueError:  # no such port exists, so the run says what is wrong
        return ()


def _egress_policy(
    identity: Identity,
    whose: str,
    pods: Sequence[Mapping[str, Any]],
    ports: Sequence[int],
    egress: Sequence[EgressRule],
) -> dict[str, Any]:
    rules: list[dict[str, Any]] = [{"ports": _DNS}]
    if ports:  # no ports would mean all of them
        rules.append({"ports": [{"protocol": "TCP", "port": port} for port in ports]})
    rules += [_rule(rule) for rule in egress]
    selector = {"matchLabels": {ROLLOUT_LABEL: identity.name}, "matchExpressions": list(pods)}
    metadata = identity.metadata(f"{identity.name}-{whose}", {})
    return _policy(metadata, {"podSelector": selector, "policyTypes": ["Egress"], "egress": rules})


def _policy(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


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
