"""Objects of clusters that users give, in the form that kind, k3d, KServe and the usual charts leave them in."""

from __future__ import annotations

import json
from typing import Any

from tests.cluster.external.reach import Answer, Reach
from tests.cluster.external.reader import Reader

Object = dict[str, Any]

# https://kind.sigs.k8s.io/docs/user/local-registry/
KIND_NOTE = 'host: "localhost:5001"\nhelp: "https://kind.sigs.k8s.io/docs/user/local-registry/"\n'
# `k3d cluster create --registry-create`
K3D_NOTE = (
    "host: localhost:45123\n"
    "hostFromContainerRuntime: k3d-demo-registry:5000\n"
    "help: https://k3d.io/usage/guides/registries/#using-a-local-registry\n"
)
COMPLETE_NOTE = (
    'host: "localhost:5001"\nhostFromContainerRuntime: "kind-registry:5000"\n'
    'hostFromClusterNetwork: "kind-registry:5000"\nhelp: "https://kind.sigs.k8s.io/docs/user/local-registry/"\n'
)

# What prometheus-community/prometheus calls kubernetes-pods.
SCRAPING = """
scrape_configs:
- job_name: kubernetes-pods
  honor_labels: true
  kubernetes_sd_configs:
  - role: pod
  relabel_configs:
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
    regex: true
    action: keep
"""
# What kube-prometheus-stack makes of a ServiceMonitor; annotations of Services are not those of pods.
NOT_SCRAPING = """
scrape_configs:
- job_name: serviceMonitor/monitoring/kube-prometheus-stack-apiserver/0
  kubernetes_sd_configs:
  - role: endpoints
- job_name: kubernetes-service-endpoints
  relabel_configs:
  - source_labels: [__meta_kubernetes_service_annotation_prometheus_io_scrape]
    regex: true
    action: keep
"""


class FakeReader(Reader):
    """Answers from a dictionary by the first two words of the question."""

    def __init__(self, answers: dict[str, Object]) -> None:
        self._answers = answers

    def get(self, *arguments: str) -> Object:
        return self._answers.get(" ".join(arguments[:2]), {})


class FakeReach(Reach):
    """Answers from a dictionary by URL; `listening` are the addresses that take connections."""

    def __init__(self, answers: dict[str, Answer], listening: set[str]) -> None:
        self._answers = answers
        self._listening = listening

    def get(self, url: str) -> Answer:
        return self._answers.get(url, Answer(0, "[Errno 111] Connection refused"))

    def connects(self, address: str) -> bool:
        return address in self._listening


def service(namespace: str, name: str, port: int, ip: str, balanced: str = "") -> Object:
    ingress: Object = {"loadBalancer": {"ingress": [{"ip": balanced}]} if balanced else {}}
    spec = {"type": "LoadBalancer" if balanced else "ClusterIP", "clusterIP": ip, "ports": [{"port": port}]}
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec, "status": ingress}


def gateway(origin: str, address: str = "172.18.0.5", port: int = 80) -> Object:
    listener = {"name": "http", "protocol": "HTTP", "port": port, "allowedRoutes": {"namespaces": {"from": origin}}}
    return {
        "metadata": {"namespace": "g", "name": "public"},
        "spec": {"gatewayClassName": "envoy", "listeners": [listener]},
        "status": {"addresses": [{"type": "IPAddress", "value": address}]},
    }


def kserve_config(deploy: str | None, namespace: str = "kserve") -> Object:
    """KServe's ConfigMap; its `_example` names modes as well, which says nothing."""
    example = '##########\n# EXAMPLE CONFIGURATION\ndeploy: |-\n  {\n    "defaultDeploymentMode": "Standard"\n  }\n'
    data = {"_example": example, "ingress": '{"disableIngressCreation": true}'}
    metadata = {"namespace": namespace, "name": "inferenceservice-config"}
    return {"metadata": metadata, "data": data if deploy is None else {**data, "deploy": deploy}}


def note(text: str) -> Object:
    return {"kind": "ConfigMap", "data": {"localRegistryHosting.v1": text}}


def node(architecture: str = "amd64") -> Object:
    return {"status": {"nodeInfo": {"architecture": architecture, "operatingSystem": "linux"}}}


def pod(name: str, ip: str, scrape: str = "true") -> Object:
    return {"metadata": {"name": name, "annotations": {"prometheus.io/scrape": scrape}}, "status": {"podIP": ip}}


def config(yaml: str) -> Answer:
    """Prometheus' answer to /api/v1/status/config."""
    return Answer(200, json.dumps({"status": "success", "data": {"yaml": yaml}}))


def targets(*addresses: str) -> Answer:
    """Prometheus' answer to /api/v1/targets."""
    active = [
        {"discoveredLabels": {"__address__": one}, "labels": {"instance": one}, "scrapeUrl": f"http://{one}/metrics"}
        for one in addresses
    ]
    return Answer(200, json.dumps({"status": "success", "data": {"activeTargets": active, "droppedTargets": []}}))


PROMETHEUS, MLFLOW, REGISTRY = "http://10.96.0.11:80", "http://10.96.0.12:5000", "http://localhost:5001"
OBJECTS: dict[str, Object] = {
    "nodes --all-namespaces": {"items": [node()]},
    "customresourcedefinition inferenceservices.serving.kserve.io": {"kind": "CustomResourceDefinition"},
    "configmap --all-namespaces": {"items": [kserve_config('{\n  "defaultDeploymentMode": "Standard"\n}')]},
    "customresourcedefinition httproutes.gateway.networking.k8s.io": {"kind": "CustomResourceDefinition"},
    "gateways.gateway.networking.k8s.io --all-namespaces": {"items": [gateway("All")]},
    "services --all-namespaces": {
        "items": [
            service("mon", "prometheus-server", 80, "10.96.0.11"),
            service("mon", "prometheus-operated", 9090, "None"),
            service("ml", "mlflow", 5000, "10.96.0.12"),
        ]
    },
    "configmap local-registry-hosting": note(COMPLETE_NOTE),
}
ANSWERS = {
    f"{PROMETHEUS}/-/healthy": Answer(200, "Prometheus Server is Healthy.\n"),
    f"{PROMETHEUS}/api/v1/status/config": config(SCRAPING),
    f"{MLFLOW}/health": Answer(200, "OK"),
    f"{REGISTRY}/v2/": Answer(200, "{}"),
}
LISTENING = {"172.18.0.5:80"}
