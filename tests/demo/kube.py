"""The API server as a user reaches it: HTTP with the credentials of a kubeconfig, none of the operator's code."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import yaml

Object = dict[str, Any]

FIELD_MANAGER = "slipway-demo"
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between attempts

# kind → (path of its group and version, plural, namespaced)
KINDS: Mapping[str, tuple[str, str, bool]] = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Service": ("/api/v1", "services", True),
    "Secret": ("/api/v1", "secrets", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "Pod": ("/api/v1", "pods", True),
    "Event": ("/api/v1", "events", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "PersistentVolume": ("/api/v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims", True),
    "Job": ("/apis/batch/v1", "jobs", True),
    "CronJob": ("/apis/batch/v1", "cronjobs", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies", True),
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes", True),
    "Gateway": ("/apis/gateway.networking.k8s.io/v1", "gateways", True),
    "InferenceService": ("/apis/serving.kserve.io/v1beta1", "inferenceservices", True),
    "ModelTask": ("/apis/slipway.dev/v1alpha1", "modeltasks", True),
    "TrainingRun": ("/apis/slipway.dev/v1alpha1", "trainingruns", True),
    "ModelRollout": ("/apis/slipway.dev/v1alpha1", "modelrollouts", True),
    "MetricTemplate": ("/apis/slipway.dev/v1alpha1", "metrictemplates", False),
    "RetrainPolicy": ("/apis/slipway.dev/v1alpha1", "retrainpolicies", True),
    "RolloutRequest": ("/apis/slipway.dev/v1alpha1", "rolloutrequests", True),
}


class Refused(Exception):
    """The API server said no; `status` is its HTTP code, the text is its own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Cluster:
    """A thin synchronous client of one API server."""

    def __init__(self, kubeconfig: str | None = None) -> None:
        """Reads `kubeconfig` (or the user's usual one), with whatever authentication it names."""
        self._http = _session(kubeconfig)

    def close(self) -> None:
        self._http.close()

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object, or None when there is none."""
        try:
            return self._call("GET", path(kind, namespace, name))
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str = "", labels: str = "") -> list[Object]:
        """Objects of a kind, of all namespaces when none is named."""
        found = self._call("GET", path(kind, namespace), params={"labelSelector": labels} if labels else None)
        return [{"kind": kind, **item} for item in found.get("items", [])]

    def apply(self, manifest: Object, manager: str = FIELD_MANAGER) -> Object:
        """Server-side apply."""
        meta = manifest["metadata"]
        return self._call(
            "PATCH",
            path(manifest["kind"], meta.get("namespace", ""), meta["name"]),
            params={"fieldManager": manager, "force": "true"},
            content=json.dumps(manifest),  # JSON is YAML in which no text is taken for a number
            headers={"content-type": "application/apply-patch+yaml"},
        )

    def patch(self, kind: str, name: str, namespace: str, body: Object, subresource: str = "") -> Object:
        """A JSON merge patch, as `kubectl patch --type=merge`."""
        return self._call(
            "PATCH",
            path(kind, namespace, name) + (f"/{subresource}" if subresource else ""),
            params={"fieldManager": FIELD_MANAGER},
            json=body,
            headers={"content-type": "application/merge-patch+json"},
        )

    def delete(
        self, kind: str, name: str, namespace: str = "", grace: int | None = None, cascade: str = "Background"
    ) -> None:
        """Deletes, pods after `grace` seconds, dependents as `cascade` says; one that is gone already is fine."""
        params = {"propagationPolicy": cascade} | ({} if grace is None else {"gracePeriodSeconds": str(grace)})
        try:
            self._call("DELETE", path(kind, namespace, name), params=params)
        except Refused as refusal:
            if refusal.status != 404:
                raise

    def text(self, url: str, params: Mapping[str, str] | None = None) -> str:
        """A raw path of the API server, such as a pod's log or a proxied Service."""
        answer = self._send("GET", url, params=params)
        if answer.is_error:
            raise Refused(answer.status_code, answer.text[:500])
        return answer.text

    def put(self, url: str, body: str) -> None:
        """A body for a raw path of the API server, such as a proxied pod."""
        answer = self._send("PUT", url, content=body)
        if answer.is_error:
            raise Refused(answer.status_code, answer.text[:500])

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        """What is answered at last: also after an idle connection that the server closed, or while it restarts.

        An answer with Retry-After is one that the server itself asks to try again, as every client of Kubernetes does.
        Raises ConnectionError, an OSError, where nothing is answered.
        """
        for pause in _PAUSES:
            with contextlib.suppress(httpx.TransportError):
                answer = self._http.request(method, url, **options)
                if answer.is_success or "retry-after" not in answer.headers:
                    return answer
            time.sleep(pause)
        try:
            return self._http.request(method, url, **options)
        except httpx.TransportError as fault:
            raise ConnectionError(f"{method} {url}: {type(fault).__name__}: {fault}") from fault

    def _call(self, method: str, url: str, **options: Any) -> Object:
        answer = self._send(method, url, **options)
        if answer.is_error:
            try:
                message = str(answer.json().get("message", answer.text))
            except ValueError:
                message = answer.text[:500]
            raise Refused(answer.status_code, message)
        return cast(Object, answer.json())


def path(kind: str, namespace: str = "", name: str = "") -> str:
    """The URL path of a kind's collection or of one object."""
    group, plural, namespaced = KINDS[kind]
    where = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{group}{where}/{plural}" + (f"/{name}" if name else "")


def _session(kubeconfig: str | None) -> httpx.Client:
    from kubernetes import client, config

    settings = client.Configuration()
    config.load_kube_config(config_file=kubeconfig, client_configuration=settings)
    verify: ssl.SSLContext | bool = False
    if settings.verify_ssl:
        verify = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            verify.load_cert_chain(settings.cert_file, settings.key_file)
    token = settings.get_api_key_with_prefix("authorization")
    headers = {"authorization": token} if token else {}
    return httpx.Client(base_url=settings.host, verify=verify, headers=headers, timeout=20.0, trust_env=False)


def manifests(file: Path, replace: Mapping[str, str]) -> list[Object]:
    """The documents of a YAML file after textual substitution.

    Raises:
        KeyError: when a text that should be replaced does not occur, so that a substitution never goes stale silently.
    """
    text = file.read_text(encoding="utf-8")
    for old, new in replace.items():
        if old not in text:
            raise KeyError(f"{file.name} does not contain {old!r}, which the demo replaces")
        text = text.replace(old, new)
    return [document for document in yaml.safe_load_all(text) if document]


def condition(obj: Object | None, kind: str) -> Object:
    """One condition of an object's status; empty when there is none."""
    found: Iterable[Object] = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((item for item in found if item.get("type") == kind), {})


def wait(
    read: Callable[[], Object | None], done: Callable[[Object], bool], seconds: float, what: str, every: float = 1.0
) -> Object:
    """Reads until `done`, and returns what was read.

    Raises:
        TimeoutError: after `seconds`; the message carries `what` and the last status seen.
    """
    deadline = time.monotonic() + seconds
    last: Object | None = None
    while time.monotonic() < deadline:
        last = read()
        if last is not None and done(last):
            return last
        time.sleep(every)
    status = yaml.safe_dump((last or {}).get("status") or {"object": "absent"}, width=160)
    raise TimeoutError(f"{what}: not within {seconds:g} s; last seen:\n{status}")
