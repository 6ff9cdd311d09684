"""Debian's Prometheus, scraping every pod that asks for it each five seconds; discovery.py finds the pods."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.cluster.addons.addon import Addon, Context, Probe, manifest
from tests.cluster.places import PACKAGE

_PROGRAM = Path("/usr/bin/prometheus")


def _phases(context: Context) -> list[str]:
    status = _PROGRAM.stat()
    key = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]
    image = context.images.of_program("prometheus", lambda: _PROGRAM, key)
    values = {"image": image, "base": context.images.base(), "data": str(context.data_directory("prometheus"))}
    return [manifest("prometheus.yaml", config_hash=_hash(), **values), _discovery()]


def _hash() -> str:
    """In the pod's annotations: a changed configuration is read by a new pod."""
    digest = hashlib.sha256((PACKAGE / "manifests" / "prometheus.yaml").read_bytes())
    digest.update((PACKAGE / "discovery.py").read_bytes())
    return digest.hexdigest()[:12]


def _discovery() -> str:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prometheus-discovery", "namespace": "monitoring"},
        "data": {"discovery.py": (PACKAGE / "discovery.py").read_text()},
    }
    return json.dumps(document)


ADDON = Addon(
    "prometheus", _phases, (("monitoring", "prometheus"),), (Probe("monitoring", "prometheus", 9090, "/-/ready"),)
)
