"""The pods of a user's cluster, by the client that comes with the kserve SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import urllib3
from kubernetes import client

from slipway.cli.conform_pod import CannotRun, Pod
from slipway.cli.kubeconfig import NoCluster, access, message

T = TypeVar("T")
_OPERATOR = "app.kubernetes.io/name=slipway"
_VARIABLE = "SLIPWAY_BUILDER_IMAGE"
_SECONDS = 30


class KubernetesPods:
    """Pods of one namespace."""

    def __init__(self, context: str | None, namespace: str | None) -> None:
        """Raises CannotRun where there is no kubeconfig, or none with such a context."""
        try:
            found = access(context=context)
        except NoCluster as error:
            raise CannotRun(f"no cluster to run it in: {error}; set KUBECONFIG, or use --url") from None
        self.namespace = namespace or found.namespace
        self._pods, self._apps = client.CoreV1Api(found.client), client.AppsV1Api(found.client)

    def prober(self) -> str:
        """The builder's image, as the operator of this cluster was told it. Raises CannotRun."""
        remedy = "name the builder's image with --prober"
        try:
            listed = _asked(
                lambda: self._apps.list_deployment_for_all_namespaces(
                    label_selector=_OPERATOR, _request_timeout=_SECONDS
                )
            )
        except CannotRun as error:
            raise CannotRun(f"the installation cannot be read ({error}): {remedy}") from None
        for deployment in listed.items:
            for container in deployment.spec.template.spec.containers:
                for variable in container.env or ():
                    if variable.name == _VARIABLE and variable.value:
                        return str(variable.value)
        raise CannotRun(f"no Slipway with a builder's image is installed in this cluster: {remedy}")

    def create(self, manifest: Pod) -> None:
        _asked(lambda: self._pods.create_namespaced_pod(self.namespace, manifest, _request_timeout=_SECONDS))

    def read(self, name: str) -> Pod:
        found = _asked(lambda: self._pods.read_namespaced_pod(name, self.namespace, _request_timeout=_SECONDS))
        plain: dict[str, Any] = self._pods.api_client.sanitize_for_serialization(found)
        return plain

    def log(self, name: str, container: str, last: int | None = None, previous: bool = False) -> str:
        # Not as text: the client would read a log of one line of JSON, and give its repr.
        more = {} if last is None else {"tail_lines": last}
        answer = _asked(
            lambda: self._pods.read_namespaced_pod_log(
                name, self.namespace, container=container, previous=previous, _preload_content=False,
                _request_timeout=_SECONDS, **more,
            )
        )  # fmt: skip
        return bytes(answer.data).decode(errors="replace")

    def delete(self, name: str) -> None:
        """One that is gone already is fine."""
        try:
            _asked(lambda: self._pods.delete_namespaced_pod(name, self.namespace, grace_period_seconds=0))
        except CannotRun as error:
            if " 404: " not in str(error):
                raise


def _asked(call: Callable[[], T]) -> T:
    """Raises CannotRun in the API server's words."""
    try:
        return call()
    except client.ApiException as error:
        raise CannotRun(f"the API server says {error.status}: {message(error) or error.reason}") from None
    except urllib3.exceptions.HTTPError as error:
        raise CannotRun(f"the API server does not answer: {error}") from None
