"""The InferenceService of one revision: KServe's Standard mode, one container, level `restricted`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.rollout_model import Predictor
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.core.desired.confinement import confined_container, confined_pod
from slipway.core.desired.names import FINALIZER, REVISION_LABEL, Identity, canonical
from slipway.core.desired.placement import placement
from slipway.core.desired.prediction_log import VARIABLE, log_description, log_mounts, log_volumes

PORT = 8080
DRAIN_SECONDS = 5
"""A stopping pod sleeps this long first: gateways learn from EndpointSlices that it leaves, seconds later."""

GRACE_SECONDS = 45
"""All that a pod has to stop in, the sleep included; the server's own times (its settings.py) fit in."""


@dataclass(frozen=True)
class Served:
    """What a revision serves, and under which names its pods report."""

    revision: str
    version: str
    image: str
    header: str = ""
    latency_edges: tuple[str, ...] = ()
    pull_secret: str = ""
    log: PredictionLog | None = None


def predictor_template(identity: Identity, served: Served, predictor: Predictor) -> str:
    """The predictor without replicas, as canonical JSON. Written once per revision and kept in status: later versions
    of the operator and later specs must not restart the pods of a variant that serves."""
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "containers": [_container(identity, served, predictor)],
        "enableServiceLinks": False,  # a Service named slipway would set SLIPWAY_PORT
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "securityContext": confined_pod(),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "volumes": [{"name": "tmp", "emptyDir": {}}, *(log_volumes(served.log) if served.log else ())],
        **placement(predictor),
    }
    return pulled_with(canonical(pod), served.pull_secret)


def pulled_with(template: str, secret: str) -> str:
    """A predictor whose image nodes pull with this Secret; empty means without any."""
    pod: dict[str, Any] = json.loads(template)
    pod.pop("imagePullSecrets", None)
    return canonical(pod | ({"imagePullSecrets": [{"name": secret}]} if secret else {}))


def _container(identity: Identity, served: Served, predictor: Predictor) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "kserve-container",
        "image": served.image,
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "env": _environment(identity, served, predictor),
        "readinessProbe": _probe("/readyz", period=2, failures=3),
        "livenessProbe": _probe("/livez", period=10, failures=6),
        "startupProbe": _probe("/livez", period=2, failures=150),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "securityContext": confined_container(),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *(log_mounts(served.log) if served.log else ())],
    }
    if predictor.env_from:
        container["envFrom"] = variables_from(predictor)
    if predictor.resources is not None:
        container["resources"] = predictor.resources.model_dump(mode="json", by_alias=True, exclude_none=True)
    return container


def _environment(identity: Identity, served: Served, predictor: Predictor) -> list[dict[str, Any]]:
    ours = {
        "SLIPWAY_ROLLOUT": identity.key,
        "SLIPWAY_REVISION": served.revision,
        "SLIPWAY_VERSION": served.version,
        "SLIPWAY_MODEL_NAME": identity.name,
    }
    if served.header:
        ours["SLIPWAY_BUCKET_HEADER"] = served.header
    if served.latency_edges:
        ours["SLIPWAY_LATENCY_EDGES"] = ",".join(served.latency_edges)
    if served.log is not None:
        ours[VARIABLE] = log_description(served.log)
    theirs = [e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in predictor.env if e.name not in ours]
    return [{"name": name, "value": value} for name, value in ours.items()] + theirs


def variables_from(predictor: Predictor) -> list[dict[str, Any]]:
    """`envFrom` of a container; variables of its own `env` win over these, Slipway's among them."""
    return [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in predictor.env_from]


def _probe(path: str, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": PORT},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 2,
    }


def inference_service(
    identity: Identity, name: str, revision: str, template: str, replicas: int, held: bool = True
) -> dict[str, Any]:
    """The manifest. Labels name the revision only: stage, role or weight would reach the pods and restart them.

    `held`: with our finalizer, so that nobody's deletion takes it while a route names it.
    """
    labels = {REVISION_LABEL: revision, "networking.kserve.io/visibility": "cluster-local"}
    metadata = identity.metadata(name, labels)
    metadata["annotations"] = {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PORT),
        "prometheus.io/path": "/metrics",
    }
    if held:
        metadata["finalizers"] = [FINALIZER]
    predictor: Mapping[str, Any] = json.loads(template)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {"predictor": {**predictor, "minReplicas": replicas}},
    }
