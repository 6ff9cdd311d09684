"""What the commands read from a cluster, and what they say when it cannot be read: each refusal with its remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from slipway.api.v1alpha1.base import GROUP, VERSION
from slipway.cli.kubeconfig import NoCluster, access
from slipway.core.desired.names import ROLLOUT_LABEL
from slipway.core.ledger.book import ENTRY, LEDGER_LABEL

PLURAL = "modelrollouts"
TIMEOUT = 10
T = TypeVar("T")


class Unreadable(Exception):
    """What was asked for cannot be read; the message says why and what to do about it."""


class NotFound(Unreadable):
    """The cluster answers that there is no such ModelRollout."""


@dataclass(frozen=True)
class Entry:
    """One ConfigMap of a ledger: its name, the uid of its rollout, and its text."""

    name: str
    uid: str
    text: str


class Cluster:
    """Reads ModelRollouts and their ledgers, as the caller of the command may."""

    def __init__(self, api: Any, host: str, namespace: str) -> None:
        """`api` is the `kubernetes.client` of one configuration; `namespace` the one of the kubeconfig's context."""
        self._client, self._host, self.namespace = api, host, namespace

    @classmethod
    def connect(cls, context: str | None) -> Cluster:
        """By KUBECONFIG, or inside a pod by its service account. Raises `Unreadable`."""
        try:
            found = access(context=context, retries=0)
        except NoCluster as wrong:
            message = f"no cluster is known: {wrong}; set KUBECONFIG, or name a context of it with --context"
            raise Unreadable(message) from wrong
        return cls(found.client, found.host, found.namespace)

    def rollout(self, namespace: str, name: str) -> dict[str, Any]:
        """The ModelRollout as the API server has it. Raises `NotFound` or `Unreadable`."""
        from kubernetes import client

        api = client.CustomObjectsApi(self._client)

        def read() -> dict[str, Any]:
            found: dict[str, Any] = api.get_namespaced_custom_object(
                GROUP, VERSION, namespace, PLURAL, name, _request_timeout=TIMEOUT
            )
            return found

        return self._asked(read, f"ModelRollout {name} in namespace {namespace}", namespace, "get modelrollouts")

    def ledger(self, namespace: str, name: str) -> Sequence[Entry]:
        """All entries of ledgers of rollouts of this name, also of one that is gone. Raises `Unreadable`."""
        from kubernetes import client

        api, selector = client.CoreV1Api(self._client), f"{ROLLOUT_LABEL}={name},{LEDGER_LABEL}"

        def read() -> list[Any]:
            found: list[Any] = api.list_namespaced_config_map(
                namespace, label_selector=selector, _request_timeout=TIMEOUT
            ).items
            return found

        maps = self._asked(read, f"the ledger of {name} in namespace {namespace}", namespace, "list configmaps")
        return [Entry(m.metadata.name, m.metadata.labels[LEDGER_LABEL], (m.data or {}).get(ENTRY, "")) for m in maps]

    def _asked(self, read: Callable[[], T], what: str, namespace: str, right: str) -> T:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return read()
        except ApiException as refused:
            raise refusal(refused.status or 0, refused.body or "", what, namespace, right) from refused
        except HTTPError as silent:
            message = f"the API server at {self._host} does not answer: {silent}; is KUBECONFIG of the right cluster?"
            raise Unreadable(message) from silent


def refusal(status: int, body: str | bytes, what: str, namespace: str, right: str) -> Unreadable:
    """An answer of the API server in words that help; `right` is verb and resource that the caller needs."""
    try:
        answer: Mapping[str, Any] = json.loads(body)
    except ValueError:
        answer = {}
    if status == 404 and not (answer.get("details") or {}).get("name"):
        return Unreadable("this cluster has no ModelRollouts: install the chart of Slipway, or ask another cluster")
    if status == 404:
        return NotFound(f"there is no {what}: kubectl get modelrollouts --all-namespaces lists them; choose with -n")
    if status == 403:
        message = str(answer.get("message", "forbidden"))
        return Unreadable(
            f"you may not read {what}: {message}. Ask for a RoleBinding to the ClusterRole view in namespace "
            f"{namespace}; needed is: {right}"
        )
    if status == 401:
        return Unreadable("the cluster does not know you: renew the credentials of your kubeconfig")
    return Unreadable(f"{what} could not be read: HTTP {status}: {answer.get('message', '')}; try again")
