"""The Lease over kubernetes' blocking client: the lease's thread shares nothing with the event loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubernetes import config as kubernetes_config
from kubernetes.client import ApiClient, Configuration
from urllib3.exceptions import HTTPError

from slipway.runtime.errors import AlreadyExists, ApiError, Conflict, Gone, Unreachable

Record = Mapping[str, Any]


def blocking_configuration() -> Configuration:
    """The pod's service account, or else what KUBECONFIG names."""
    result = Configuration()
    try:
        kubernetes_config.load_incluster_config(client_configuration=result)
    except kubernetes_config.ConfigException:
        kubernetes_config.load_kube_config(client_configuration=result)
    result.retries = False
    return result


class BlockingLease:
    """One Lease object."""

    def __init__(self, config: Configuration, namespace: str, name: str, timeout: float) -> None:
        """`timeout` in seconds bounds connecting and reading, each."""
        self._client = ApiClient(config)
        self._namespace, self._name, self._timeout = namespace, name, timeout
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    def read(self) -> Record:
        """Raises `Gone` when there is none."""
        return self._call("GET", f"{self._path}/{self._name}", None)

    def create(self, spec: Record) -> Record:
        """Raises `AlreadyExists`."""
        return self._call("POST", self._path, self._body(spec, {}))

    def replace(self, resource_version: str, spec: Record) -> Record:
        """Raises `Conflict` when the Lease is no longer at this version."""
        body = self._body(spec, {"resourceVersion": resource_version})
        return self._call("PUT", f"{self._path}/{self._name}", body)

    def _body(self, spec: Record, metadata: Record) -> Record:
        names = {"name": self._name, "namespace": self._namespace, **metadata}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": names, "spec": spec}

    def _call(self, method: str, path: str, body: Record | None) -> Record:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            request = self._client.param_serialize(
                method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self._client.call_api(*request, _request_timeout=(self._timeout, self._timeout))
            text = response.read()
        except (HTTPError, OSError) as error:
            raise Unreachable(f"the API server does not answer: {error}") from error
        if not 200 <= response.status <= 299:
            raise self._error(response.status, text)
        answer: Record = json.loads(text)
        return answer

    def _error(self, status: int, text: bytes) -> ApiError:
        message = f"Lease {self._namespace}/{self._name}: HTTP {status} {text[:300].decode(errors='replace')}"
        if status == 404 and b"leases" in text:
            return Gone(message)
        if status == 409:
            return (AlreadyExists if b"AlreadyExists" in text else Conflict)(message)
        return Unreachable(message)
