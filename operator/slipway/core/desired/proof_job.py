"""The Job that proves a built image before it gets traffic: the model's own server, and a prober that asks it.

The pod is made from the predictor's template, so that what is measured is what will run. It differs in what it may
reach: no service account token, nothing from a Secret, no volume but empty ones, a server on loopback only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.api.v1alpha1.rollout_benchmark import ALPHA
from slipway.core.desired.confinement import confined_container
from slipway.core.desired.job import Bounds, job
from slipway.core.desired.names import JOB_LABEL, PROOF_LABEL, Identity, short_hash
from slipway.core.desired.prediction_log import VARIABLE as LOG_VARIABLE
from slipway.core.proof import Load

MODEL = "model"
"""Name of the container with the model; a native sidecar, which ends when the prober has."""

_PORT = 8080
_FOLDER = "/proof"
_RETRIES = 3
_SLACK_SECONDS = 900  # scheduling, and pulling an image that is new on its node
_KEEP_SECONDS = 3600
_KEPT = ("securityContext", "imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName")
_NOT_PROVEN = ("readinessProbe", "livenessProbe", "startupProbe", "lifecycle", "ports")


@dataclass(frozen=True)
class ProofRun:
    """One attempt. `template` is the predictor of the candidate; `key` says what is proven, `load` is None without a
    declared latency."""

    key: str
    template: str = field(repr=False)
    prober_image: str
    ready_seconds: float
    load: Load | None = None
    attempt: int = 0

    def job_name(self, rollout: str) -> str:
        """Name of the Job: equal proofs have one, so that a repeated request finds the one that was made. Another
        Secret to pull with proves the same, by another pod."""
        pulled_with = json.loads(self.template).get("imagePullSecrets")
        return f"{rollout}-proof-{short_hash([self.key, self.attempt, pulled_with])}"

    def arguments(self, model: str) -> list[str]:
        """Command line of the prober; `model` is the name by which requests call it."""
        arguments = ["--folder", _FOLDER, "--model", model, "--ready-seconds", f"{self.ready_seconds:g}"]
        if self.load is None:
            return arguments
        for name, limit in self.load.limits.items():
            arguments += ["--limit", f"{name}={limit:g}"]
        arguments += ["--concurrency", str(self.load.concurrency), "--requests", str(self.load.requests)]
        return [*arguments, "--seconds", f"{self.load.seconds:g}", "--alpha", f"{ALPHA:.6g}"]


def proof_job(identity: Identity, proof: ProofRun) -> dict[str, Any]:
    """The manifest. What befalls the node is tried again and not counted; the prober's exit code blames nobody."""
    name = proof.job_name(identity.name)
    metadata = identity.metadata(name, {JOB_LABEL: name, PROOF_LABEL: "true"}, owned=True)
    seconds = proof.ready_seconds + (proof.load.seconds if proof.load else 0.0) + _SLACK_SECONDS
    return job(metadata, Bounds(int(seconds), _RETRIES, _KEEP_SECONDS), _pod(proof, identity.name))


def withheld_variables(template: str) -> list[str]:
    """Environment variables of the predictor that come from Secrets, which a proof does not get."""
    container = json.loads(template)["containers"][0]
    groups = [each["secretRef"]["name"] for each in container.get("envFrom") or () if "secretRef" in each]
    return [each["name"] for each in container.get("env") or () if _is_secret(each)] + [
        f"all of Secret {name}" for name in groups
    ]


def _pod(proof: ProofRun, name: str) -> dict[str, Any]:
    predictor = json.loads(proof.template)
    empty = [volume for volume in predictor.get("volumes") or () if "emptyDir" in volume]
    return {
        **{key: predictor[key] for key in _KEPT if key in predictor},
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "initContainers": [_model(predictor["containers"][0], {volume["name"] for volume in empty})],
        "containers": [_prober(proof, name)],
        "volumes": [*empty, {"name": "proof", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def _model(container: Mapping[str, Any], volumes: set[str]) -> dict[str, Any]:
    ours = {
        "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_PORT": str(_PORT),
        "SLIPWAY_DRAIN_SECONDS": "0",
        "SLIPWAY_PROOF": _FOLDER,
    }
    dropped = {*ours, LOG_VARIABLE}  # a proof's answers are nobody's predictions
    theirs = [e for e in container.get("env") or () if e["name"] not in dropped and not _is_secret(e)]
    groups = [each for each in container.get("envFrom") or () if "secretRef" not in each]
    mounts = [mount for mount in container.get("volumeMounts") or () if mount["name"] in volumes]
    return {
        **{key: value for key, value in container.items() if key not in (*_NOT_PROVEN, "envFrom")},
        "name": MODEL,
        "restartPolicy": "Always",
        "env": [*theirs, *({"name": name, "value": value} for name, value in ours.items())],
        **({"envFrom": groups} if groups else {}),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*mounts, {"name": "proof", "mountPath": _FOLDER}],
    }


def _is_secret(variable: Mapping[str, Any]) -> bool:
    return "secretKeyRef" in (variable.get("valueFrom") or {})


def _prober(proof: ProofRun, name: str) -> dict[str, Any]:
    return {
        "name": "prober",
        "image": proof.prober_image,
        "command": ["python3", "-m", "slipway_serving.probe"],
        "args": proof.arguments(name),
        "env": [{"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": confined_container(),
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "proof", "mountPath": _FOLDER, "readOnly": True}],
    }
