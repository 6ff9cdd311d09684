"""How commands reach a cluster: as kubectl does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_OWN_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


class NoCluster(Exception):
    """No cluster is known; the message says why."""


@dataclass(frozen=True)
class Access:
    """A kubernetes `ApiClient`, where it asks, and the namespace of the context."""

    client: Any
    host: str
    namespace: str


def access(kubeconfig: str | None = None, context: str | None = None, retries: int | None = None) -> Access:
    """By the file, or KUBECONFIG; inside a pod, where neither file nor context is named, by its service account.

    `retries` are the client's own of a request, absent its default. Raises NoCluster.
    """
    try:
        from kubernetes import client, config
    except ImportError as missing:
        raise NoCluster(f"the kubernetes client is needed ({missing}): pip install 'slipway[cli]'") from missing
    configuration = client.Configuration()
    try:
        config.load_kube_config(kubeconfig, context, client_configuration=configuration)
        contexts, active = config.list_kube_config_contexts(kubeconfig)
        chosen = next((each for each in contexts if each["name"] == context), active)
        namespace = (chosen.get("context") or {}).get("namespace") or "default"
    except (config.ConfigException, OSError) as wrong:
        try:
            if kubeconfig or context:
                raise NoCluster(str(wrong)) from wrong
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            raise NoCluster(str(wrong)) from wrong
        namespace = _own_namespace()
    configuration.retries = retries
    return Access(client.ApiClient(configuration), configuration.host, namespace)


def message(error: Any) -> str:
    """An ApiException in the API server's words; empty where it says none."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, LookupError):
        return ""


def _own_namespace() -> str:
    try:
        with open(_OWN_NAMESPACE) as file:
            return file.read().strip() or "default"
    except OSError:
        return "default"
