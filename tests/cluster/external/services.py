"""Prometheus and MLflow: found by the names that their charts give them, asked from this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.cluster.external.reach import Answer, Reach
from tests.cluster.external.reader import Object, Reader

_ANNOTATION = "prometheus.io/scrape"
# How a scrape configuration reads that annotation of pods (and only of pods).
_DISCOVERED = "__meta_kubernetes_pod_annotation_prometheus_io_scrape"


@dataclass(frozen=True)
class _Kind:
    """`variable` names it for pods, `variable`_HOST_URL for this machine; `health` answers 200 where it works."""

    title: str
    variable: str
    names: tuple[str, ...]
    ports: tuple[int, ...]
    health: str
    how: str


_PROMETHEUS = _Kind(
    "Prometheus",
    "SLIPWAY_PROMETHEUS",
    (
        "prometheus",
        "prometheus-server",
        "prometheus-k8s",
        "prometheus-kube-prometheus-prometheus",
        "kube-prometheus-stack-prometheus",
    ),
    (9090, 80),
    "/-/healthy",
    "install one that scrapes annotated pods",
)
_MLFLOW = _Kind(
    "MLflow", "SLIPWAY_MLFLOW", ("mlflow", "mlflow-tracking"), (5000, 80), "/health", "install a tracking server"
)


@dataclass(frozen=True)
class Service:
    """Its URL as pods use it, and as this machine does."""

    inside: str
    outside: str


def find_mlflow(reader: Reader, env: Mapping[str, str], reach: Reach, missing: list[str]) -> Service | None:
    """A tracking server that answers from here."""
    return _find(_MLFLOW, reader, env, reach, missing)


def find_prometheus(reader: Reader, env: Mapping[str, str], reach: Reach, missing: list[str]) -> Service | None:
    """One that answers from here and scrapes what carries our annotations."""
    found = _find(_PROMETHEUS, reader, env, reach, missing)
    if found is None or _scrapes(found.outside, reader, reach):
        return found
    missing.append(
        f"a Prometheus that scrapes annotated pods: the one at {found.outside} has no scrape job that reads"
        f" {_ANNOTATION} of pods, and none of them is among its targets; add the job of docs/own-cluster.md, or name"
        " another Prometheus in SLIPWAY_PROMETHEUS"
    )
    return None


def _find(kind: _Kind, reader: Reader, env: Mapping[str, str], reach: Reach, missing: list[str]) -> Service | None:
    named, here = env.get(kind.variable, ""), env.get(f"{kind.variable}_HOST_URL", "")
    found = Service(named, here or named) if named else _listed(kind, reader, here)
    if found is None:
        missing.append(f"{kind.title}: {kind.how}, or give its URL for pods in {kind.variable}")
        return None
    answer = reach.get(found.outside.rstrip("/") + kind.health)
    if answer.status == 200:
        return Service(found.inside.rstrip("/"), found.outside.rstrip("/"))
    missing.append(
        f"{kind.title} that this machine reaches: {found.outside}{kind.health} {_said(answer)}; name its URL here in"
        f" {kind.variable}_HOST_URL (kubectl port-forward gives one)"
    )
    return None


def _said(answer: Answer) -> str:
    return f"answers {answer.status}" if answer.status else f"does not answer ({answer.body})"


def _listed(kind: _Kind, reader: Reader, here: str) -> Service | None:
    """The first Service of one of the names, with a load balancer's address for this machine where there is one."""
    services = reader.items("services")
    for name in kind.names:
        for service in services:
            metadata, spec = service["metadata"], service["spec"]
            offered = [port["port"] for port in spec.get("ports", []) if port["port"] in kind.ports]
            if metadata["name"] == name and offered and spec.get("clusterIP", "None") != "None":
                inside = f"http://{name}.{metadata['namespace']}.svc:{offered[0]}"
                return Service(inside, here or f"http://{_outside(service)}:{offered[0]}")
    return None


def _outside(service: Object) -> str:
    balanced = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(balanced[0].get("ip") or balanced[0].get("hostname") or service["spec"]["clusterIP"])


def _scrapes(url: str, reader: Reader, reach: Reach) -> bool:
    """Its configuration says so; else one of the annotated pods is a target, however it was discovered."""
    if _DISCOVERED in _data(reach.get(f"{url}/api/v1/status/config")).get("yaml", ""):
        return True
    targets = _data(reach.get(f"{url}/api/v1/targets?state=active")).get("activeTargets", [])
    scraped = {_host(target.get("scrapeUrl", "")) for target in targets}
    return any(
        pod.get("metadata", {}).get("annotations", {}).get(_ANNOTATION) == "true"
        and pod.get("status", {}).get("podIP") in scraped
        for pod in reader.items("pods", "--field-selector=status.phase=Running")
    )


def _data(answer: Answer) -> Object:
    try:
        found: Object = json.loads(answer.body).get("data", {}) if answer.status == 200 else {}
    except ValueError:
        return {}
    return found


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition(":")[0]
