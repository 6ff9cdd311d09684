"""What measures a model by late labels, on a control plane: the task, the rollout, and the Job with its words.

Nothing runs pods there: a pod's words are written by hand, as the kubelet would.
"""

from __future__ import annotations

import json
from typing import Any

from tests.controlplane.charted import Release

FLAGS = ("--resync=2", "--pipelines-image=pipelines:1")
PATIENCE = 120
NAME = "precise"
# Each with the words of the API server's refusal; they hold for a trigger and for a probation.
NOT_FROM_LABELS = (
    ({"metric": "roc_auc"}, "metric must be one that matured labels give: precision, recall, accuracy, mae"),
    ({"bound": "100ms"}, "bound must be a number such as 3 or a share such as 75%"),
    ({"bound": "75"}, "bound must be a share from 0% to 100%"),
)


def made(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An object of ours called NAME."""
    metadata = {"name": NAME, "namespace": "default"}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def write_status(release: Release, kind: str, name: str, status: dict[str, Any]) -> None:
    """Merges into the status of an object, as a controller would."""
    patch = ("patch", kind, name, "-n", "default", "--subresource=status", "--type=merge", "-p")
    release.kubectl(*patch, json.dumps({"status": status}))


def status(release: Release, kind: str) -> dict[str, Any]:
    """That of the object called NAME."""
    return dict(release.get(kind, NAME, "-n", "default").get("status") or {})


def jobs(release: Release) -> list[dict[str, Any]]:
    """Those that measure."""
    return list(release.get("job", "-n", "default", "-l", "slipway.dev/performance=true")["items"])


def assert_confined(job: dict[str, Any]) -> None:
    """No token of the API server, and nothing written to the image."""
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def says(release: Release, job: dict[str, Any], words: str) -> None:
    """The pod of a Job, and what the kubelet writes at its end."""
    name, template = job["metadata"]["name"], job["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": True}
    labels = {**job["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
    metadata = {"name": f"{name}-x", "namespace": "default", "labels": labels, "ownerReferences": [owner]}
    release.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    ended = {"terminated": {"exitCode": 0, "message": words, "containerID": "containerd://x"}}
    container = {"name": "performance", "image": "pipelines:1", "imageID": "", "ready": False, "restartCount": 0}
    written = {"phase": "Succeeded", "containerStatuses": [{**container, "state": ended}]}
    write_status(release, "pod", f"{name}-x", written)
