"""Tells Prometheus which pods to scrape. Runs beside it in its pod, from a ConfigMap, on the standard library alone.

Debian's Prometheus is built without the discovery of Kubernetes; it reads targets from a file and notices changes.
Every pod that runs and is annotated prometheus.io/scrape, port, path is one target, labelled `namespace` and `pod`.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATH = "/api/v1/pods?fieldSelector=status.phase%3DRunning&resourceVersion=0"
_SECONDS = 2.0
Pod = dict[str, Any]


def targets(pods: list[Pod]) -> list[dict[str, Any]]:
    """What a `file_sd` file holds for these pods."""
    found = [_target(pod) for pod in pods]
    return sorted((one for one in found if one), key=lambda one: (one["labels"]["namespace"], one["labels"]["pod"]))


def _target(pod: Pod) -> dict[str, Any] | None:
    metadata, address = pod["metadata"], pod.get("status", {}).get("podIP")
    annotations = metadata.get("annotations") or {}
    if annotations.get("prometheus.io/scrape") != "true" or not address:
        return None
    port = annotations.get("prometheus.io/port") or _first_port(pod)
    labels = {
        "namespace": metadata["namespace"],
        "pod": metadata["name"],
        "__metrics_path__": annotations.get("prometheus.io/path") or "/metrics",
        "__scheme__": annotations.get("prometheus.io/scheme") or "http",
    }
    return {"targets": [f"{address}:{port}"], "labels": labels}


def _first_port(pod: Pod) -> int:
    ports = [port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports") or []]
    return int(ports[0]) if ports else 80


def _pods(context: ssl.SSLContext) -> list[Pod]:
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    token = (_ACCOUNT / "token").read_text()
    request = urllib.request.Request(server + _PATH, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5, context=context) as answer:
        items: list[Pod] = json.load(answer)["items"]
        return items


def main(file: Path) -> None:
    """Writes `file` whenever the targets change. An API server that is away leaves the last ones in place."""
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    written = ""
    while True:
        try:
            content = json.dumps(targets(_pods(context)), indent=1)
        except (OSError, ValueError, KeyError) as error:
            print(f"pods unknown: {error}", file=sys.stderr, flush=True)
        else:
            if content != written:
                temporary = file.with_suffix(".new")
                temporary.write_text(content)
                temporary.rename(file)
                written = content
        time.sleep(_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
