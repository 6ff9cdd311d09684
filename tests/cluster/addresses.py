"""Addresses of the cluster: from the range that RFC 2544 keeps for benchmarks, which no real network uses."""

from __future__ import annotations

BRIDGE = "slw0"
NODE = "198.18.0.1"
NODE_NAME = "slipway"
PODS = "198.18.0.0/16"
SERVICES = "198.19.0.0/16"
BOTH = "198.18.0.0/15"
DNS = "198.19.0.10"
FIRST_SERVICE = "198.19.0.1"
API_PORT = 6443
ETCD_PORT = 22379
ETCD_PEER_PORT = 22380
REGISTRY_PORT = 5000
REGISTRY = f"{NODE}:{REGISTRY_PORT}"
KUBELET_PORT = 10250
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259
PROXY_METRICS_PORT = 10249
PROXY_HEALTH_PORT = 10256
API_URL = f"https://{NODE}:{API_PORT}"
# program, address, port: what must be free before a program of ours takes it
LISTENERS = (
    ("etcd", "127.0.0.1", ETCD_PORT),
    ("etcd", "127.0.0.1", ETCD_PEER_PORT),
    ("kube-apiserver", NODE, API_PORT),
    ("registry", NODE, REGISTRY_PORT),
    ("kubelet", NODE, KUBELET_PORT),
    ("kube-controller-manager", NODE, CONTROLLER_MANAGER_PORT),
    ("kube-scheduler", NODE, SCHEDULER_PORT),
    ("kube-proxy", NODE, PROXY_METRICS_PORT),
    ("kube-proxy", NODE, PROXY_HEALTH_PORT),
)
