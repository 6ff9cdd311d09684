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
    """The cluster answers that there is no such object."""


class Away(Unreadable):
    """The API server did not answer, or not now: the same question may be answered later."""


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
        return self._object(GROUP, VERSION, namespace, PLURAL, name, "ModelRollout")

    def policy(self, namespace: str, name: str) -> dict[str, Any]:
        """A RetrainPolicy. Raises `NotFound` or `Unreadable`."""
        return self._object(GROUP, VERSION, namespace, "retrainpolicies", name, "RetrainPolicy")

    def training_run(self, namespace: str, name: str) -> dict[str, Any]:
        """A TrainingRun. Raises `NotFound` or `Unreadable`."""
        return self._object(GROUP, VERSION, namespace, "trainingruns", name, "TrainingRun")

    def training_runs(self, namespace: str) -> Sequence[Mapping[str, Any]]:
        """All TrainingRuns of a namespace. Raises `Unreadable`."""
        from kubernetes import client

        api = client.CustomObjectsApi(self._client)

        def read() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = api.list_namespaced_custom_object(
                GROUP, VERSION, namespace, "trainingruns", _request_timeout=TIMEOUT
            )["items"]
            return found

        return self._asked(read, f"the TrainingRuns of namespace {namespace}", namespace, "list trainingruns")

    def create_training_run(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Creates a TrainingRun. Raises `Unreadable`."""
        from kubernetes import client

        api, namespace = client.CustomObjectsApi(self._client), manifest["metadata"]["namespace"]

        def create() -> dict[str, Any]:
            made: dict[str, Any] = api.create_namespaced_custom_object(
                GROUP, VERSION, namespace, "trainingruns", dict(manifest), _request_timeout=TIMEOUT
            )
            return made

        return self._asked(create, "a new TrainingRun", namespace, "create trainingruns")

    def create_config_map(self, manifest: Mapping[str, Any]) -> None:
        """Creates a ConfigMap. Raises `Unreadable`."""
        from kubernetes import client

        api, metadata = client.CoreV1Api(self._client), manifest["metadata"]

        def create() -> None:
            api.create_namespaced_config_map(metadata["namespace"], dict(manifest), _request_timeout=TIMEOUT)

        self._asked(create, f"ConfigMap {metadata['name']}", metadata["namespace"], "create configmaps")

    def inference_service(self, namespace: str, name: str) -> dict[str, Any]:
        """An InferenceService. Raises `NotFound` or `Unreadable`."""
        return self._object("serving.kserve.io", "v1beta1", namespace, "inferenceservices", name, "InferenceService")

    def _object(self, group: str, version: str, namespace: str, plural: str, name: str, kind: str) -> dict[str, Any]:
        from kubernetes import client

        api = client.CustomObjectsApi(self._client)

        def read() -> dict[str, Any]:
            found: dict[str, Any] = api.get_namespaced_custom_object(
                group, version, namespace, plural, name, _request_timeout=TIMEOUT
            )
            return found

        return self._asked(read, f"{kind} {name} in namespace {namespace}", namespace, f"get {plural}")

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
            raise Away(message) from silent


_UNKNOWN = "the cluster does not know you: renew the credentials of your kubeconfig"


def refusal(status: int, body: str | bytes, what: str, namespace: str, right: str) -> Unreadable:
    """An answer of the API server in words that help; `right` is verb and resource that the caller needs."""
    try:
        answer: Mapping[str, Any] = json.loads(body)
    except ValueError:
        answer = {}
    if status == 404 and not (answer.get("details") or {}).get("name"):
        return Unreadable("this cluster has no ModelRollouts: install the chart of Slipway, or ask another cluster")
    if right.startswith("create "):
        return _uncreated(status, answer, what, namespace, right)
    if status == 404:
        return NotFound(
            f"there is no {what}: kubectl get {right.split()[-1]} --all-namespaces lists them; choose with -n"
        )
    if status == 403:
        message = str(answer.get("message", "forbidden"))
        return Unreadable(
            f"you may not read {what}: {message}. Ask for a RoleBinding to the ClusterRole view in namespace "
            f"{namespace}; needed is: {right}"
        )
    if status == 401:
        return Unreadable(_UNKNOWN)
    kind = Away if status >= 500 or status == 429 else Unreadable
    return kind(f"{what} could not be read: HTTP {status}: {answer.get('message', '')}; try again")


def _uncreated(status: int, answer: Mapping[str, Any], what: str, namespace: str, right: str) -> Unreadable:
    message = str(answer.get("message", "") or f"HTTP {status}")
    if status == 404:
        return NotFound(f"{what} could not be created: {message}; choose a namespace with -n")
    if status == 403:
        return Unreadable(
            f"you may not create {what}: {message}. Ask for a RoleBinding to the ClusterRole edit in namespace "
            f"{namespace}; needed is: {right}"
        )
    return Unreadable(_UNKNOWN if status == 401 else f"{what} could not be created: {message}")
